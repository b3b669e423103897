/*
 * The agent of a host: the host as a client of other hosts, and of itself, which moves registers from one configuration
 * to the next. It does what aregd's agent does with a thread: it lives and dies with its host, has the host's clock,
 * and hands what it has done to the host's writer.
 */
#include "sim/inside.h"

/* So many steps of a worker in a row lead nowhere. */
enum { STEP_COUNT_MAX = 10000 };

static uint32_t first_agent(const struct sim *sim)
{
    return sim->options.client_count + sim->options.reconfigurer_count;
}

uint32_t agent_of_host(const struct sim *sim, uint32_t host_index)
{
    const uint32_t client_index = first_agent(sim) + host_index;
    return client_index < sim->process_count ? client_index : PROCESS_NONE;
}

uint32_t agent_host(const struct sim *sim, uint32_t client_index)
{
    CHECK(process_role(sim, client_index) == ROLE_AGENT);
    return client_index - first_agent(sim);
}

void agent_start(struct sim *sim, uint32_t host_index)
{
    const uint32_t client_index = agent_of_host(sim, host_index);
    if (client_index == PROCESS_NONE)
        return;
    const char *seed = sim->hosts[host_index].address;
    const struct registration self = {.host = sim->hosts[host_index].id,
                                      .incarnation = sim->hosts[host_index].incarnation};
    sim->clients[client_index].worker = worker_create(&self);
    CHECK(sim->clients[client_index].worker != NULL);
    process_open(sim, client_index, &seed, 1);
    agent_load(sim, host_index);
}

void agent_stop(struct sim *sim, uint32_t host_index)
{
    const uint32_t client_index = agent_of_host(sim, host_index);
    if (client_index == PROCESS_NONE)
        return;
    struct sim_client *agent = &sim->clients[client_index];
    client_destroy(agent->engine);
    worker_destroy(agent->worker);
    agent->engine = NULL;
    agent->worker = NULL;
    agent->life++;
}

void agent_load(struct sim *sim, uint32_t host_index)
{
    const uint32_t client_index = agent_of_host(sim, host_index);
    struct store_txn *txn;
    if (client_index == PROCESS_NONE)
        return;
    CHECK(store_begin(sim->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
    CHECK(worker_load(sim->clients[client_index].worker, txn) == AREG_OK);
    store_abort(txn);
    process_drain(sim, client_index);
}

void agent_done(struct sim *sim, uint32_t client_index, struct client_done *done)
{
    struct sim_client *agent = &sim->clients[client_index];
    CHECK(done->context == worker_context(agent->worker));
    worker_done(agent->worker, agent->engine, process_now(sim, client_index), done);
}

void agent_step(struct sim *sim, uint32_t client_index)
{
    struct sim_client *agent = &sim->clients[client_index];
    const uint64_t now_ns = process_now(sim, client_index);
    struct request note;
    unsigned step_count = 0;
    do {
        worker_step(agent->worker, agent->engine, now_ns);
        while (worker_next_note(agent->worker, &note))
            host_note(sim, agent_host(sim, client_index), &note);
        if (++step_count == STEP_COUNT_MAX) {
            broken(sim, "liveness", "the worker of %s does not come to rest",
                   sim->hosts[agent_host(sim, client_index)].id.text);
            return;
        }
    } while (worker_wake_ns(agent->worker) <= now_ns);
}
