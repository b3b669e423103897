/*
 * A process with a client engine: the driver around it, and its connections. It does what libareg does with sockets.
 */
#include "sim/inside.h"

#include <string.h>

/* ---------------------------------------------------------------- who it is */

enum process_role process_role(const struct sim *sim, uint32_t client_index)
{
    if (client_index < sim->options.client_count)
        return ROLE_CLIENT;
    return client_index - sim->options.client_count < sim->options.reconfigurer_count ? ROLE_RECONFIGURER : ROLE_AGENT;
}

const char *process_name(const struct sim *sim, uint32_t client_index, char name[PROCESS_NAME_BYTES])
{
    const enum process_role role = process_role(sim, client_index);
    if (role == ROLE_AGENT)
        snprintf(name, PROCESS_NAME_BYTES, "%s", sim->hosts[agent_host(sim, client_index)].id.text);
    else if (role == ROLE_RECONFIGURER)
        snprintf(name, PROCESS_NAME_BYTES, "r%u", client_index - sim->options.client_count + 1);
    else
        snprintf(name, PROCESS_NAME_BYTES, "c%u", client_index + 1);
    return name;
}

static const struct sim_clock *clock_of(const struct sim *sim, uint32_t client_index)
{
    if (process_role(sim, client_index) == ROLE_AGENT)
        return &sim->hosts[agent_host(sim, client_index)].clock;
    return &sim->clients[client_index].clock;
}

uint64_t process_now(const struct sim *sim, uint32_t client_index)
{
    return clock_local(clock_of(sim, client_index), sim->now_ns);
}

uint64_t process_paused_until(const struct sim *sim, uint32_t client_index)
{
    if (process_role(sim, client_index) == ROLE_AGENT)
        return sim->hosts[agent_host(sim, client_index)].paused_until_ns;
    return sim->clients[client_index].paused_until_ns;
}

static uint32_t host_of_address(const struct sim *sim, const char *address)
{
    for (uint32_t i = 0; i < sim->host_count; i++)
        if (strcmp(sim->hosts[i].address, address) == 0)
            return i;
    CHECK(!"clients learn of the cluster's hosts only");
    return 0;
}

static unsigned peer_of_host(const struct sim_client *client, uint32_t host_index)
{
    for (unsigned i = 0; i < client->peers_told; i++)
        if (client->peer_hosts[i] == host_index)
            return i;
    return UINT32_MAX;
}

/* ---------------------------------------------------------------- effects */

static void meet_peers(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    for (; client->peers_told < client_peer_count(client->engine); client->peers_told++) {
        const uint32_t host_index = host_of_address(sim, client_peer_address(client->engine, client->peers_told));
        CHECK(client->peers_told < 2 * SIM_HOST_MAX);
        client->peer_hosts[client->peers_told] = host_index;
        sim_push(sim, sim->now_ns + draw_between(sim, 10 * US, 1 * MS),
                 (struct event){.kind = EVENT_CONNECTION, .a = client_index, .b = host_index, .c = 1});
    }
}

static void flush_to(struct sim *sim, uint32_t client_index, uint32_t host_index, enum message_kind kind)
{
    const struct transit like = {.client_index = client_index,
                                 .client_life = sim->clients[client_index].life,
                                 .host_index = host_index,
                                 .to_host = true,
                                 .kind = kind};
    network_flush(sim, sim->writers[host_index], &like);
}

/* What goes to one host now travels in one packet, unless somebody decides on each message by itself. */
static void send_requests(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    enum message_kind kinds[SIM_HOST_MAX];
    uint64_t used = 0;
    struct client_send send;
    meet_peers(sim, client_index);
    while (client_next_send(client->engine, process_now(sim, client_index), &send)) {
        meet_peers(sim, client_index);
        const uint32_t host_index = client->peer_hosts[send.peer_index];
        if (sim->holds || packet_add_request(sim->writers[host_index], &send.request) != AREG_OK) {
            if (used >> host_index & 1)
                flush_to(sim, client_index, host_index, kinds[host_index]);
            used &= ~(UINT64_C(1) << host_index);
            CHECK(!sim->holds || packet_message_count(sim->writers[host_index]) == 0);
            CHECK(packet_add_request(sim->writers[host_index], &send.request) == AREG_OK);
        }
        if (!(used >> host_index & 1))
            kinds[host_index] = send.request.kind;
        used |= UINT64_C(1) << host_index;
        sim->report->payload_bytes_sent += send.request.payload.bytes;
        if (sim->listener)
            sim->listener->on_request(client_index, &send.request, sim->listener->arg);
    }
    for (uint32_t i = 0; i < sim->host_count; i++)
        if (used >> i & 1)
            flush_to(sim, client_index, i, kinds[i]);
}

static void schedule_wake(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    uint64_t local_ns = client_wake_ns(client->engine);
    if (client->worker && worker_wake_ns(client->worker) < local_ns)
        local_ns = worker_wake_ns(client->worker);
    if (local_ns == UINT64_MAX)
        return;
    const uint64_t wake_ns = clock_global(clock_of(sim, client_index), local_ns);
    if (wake_ns >= client->wake_ns)
        return;
    client->wake_ns = wake_ns;
    sim_push(sim, wake_ns > sim->now_ns ? wake_ns : sim->now_ns,
             (struct event){.kind = EVENT_CLIENT_WAKE, .a = client_index, .b = client->life});
}

/* False if nothing has ended. */
static bool take_outcomes(struct sim *sim, uint32_t client_index)
{
    const enum process_role role = process_role(sim, client_index);
    struct client_done done;
    bool has_ended = false;
    while (client_next_done(sim->clients[client_index].engine, &done)) {
        has_ended = true;
        if (role == ROLE_CLIENT)
            workload_done(sim, client_index, &done);
        else if (role == ROLE_RECONFIGURER)
            reconfigurer_done(sim, client_index, &done);
        else
            agent_done(sim, client_index, &done);
        for (unsigned i = 0; i < done.piece_count; i++)
            slice_unref(&done.pieces[i]);
        slice_unref(&done.page);
        slice_unref(&done.more_after);
        slice_unref(&done.base);
        slice_unref(&done.pending);
    }
    return has_ended;
}

void process_drain(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    send_requests(sim, client_index);
    if (client->worker) {
        agent_step(sim, client_index);
        while (take_outcomes(sim, client_index))
            agent_step(sim, client_index);
    } else {
        take_outcomes(sim, client_index);
    }
    /* What ended may have let the next operation start. */
    send_requests(sim, client_index);
    client_check(client->engine);
    watch_cluster(sim, client_index);
    schedule_wake(sim, client_index);
}

/* ---------------------------------------------------------------- events */

void process_receive(struct sim *sim, const struct transit *from, const struct packet *packet)
{
    struct sim_client *client = &sim->clients[from->client_index];
    const unsigned peer_index = peer_of_host(client, from->host_index);
    CHECK(peer_index < client->peers_told);
    struct packet_reader reader;
    struct reply reply;
    uint32_t version;
    if (packet_open(&reader, packet, &version) != AREG_OK)
        return;
    while (packet_next_reply(&reader, &reply) == AREG_OK) {
        if (sim->listener)
            sim->listener->on_reply(from->client_index, &reply, sim->listener->arg);
        client_receive(client->engine, process_now(sim, from->client_index), peer_index, &reply);
    }
    process_drain(sim, from->client_index);
}

void process_wake(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    client->wake_ns = UINT64_MAX;
    if (client_wake_ns(client->engine) <= process_now(sim, client_index))
        client_tick(client->engine, process_now(sim, client_index));
    process_drain(sim, client_index);
}

/* The transport notices that a host is there, or not. It may notice late that it had not been there for a while. */
void process_connection(struct sim *sim, uint32_t client_index, uint32_t host_index, bool is_up)
{
    struct sim_client *client = &sim->clients[client_index];
    struct sim_link *link = link_of(sim, client_index, host_index);
    const unsigned peer_index = client->engine ? peer_of_host(client, host_index) : UINT32_MAX;
    if (peer_index == UINT32_MAX || link->is_connected == is_up)
        return;
    if (is_up && !host_is_up(sim, host_index))
        return;
    link->is_connected = is_up;
    const uint64_t now_ns = process_now(sim, client_index);
    if (is_up)
        client_peer_up(client->engine, now_ns, peer_index);
    else
        client_peer_down(client->engine, now_ns, peer_index);
    if (!is_up && host_is_up(sim, host_index))
        sim_push(sim, sim->now_ns + draw_between(sim, 10 * US, 5 * MS),
                 (struct event){.kind = EVENT_CONNECTION, .a = client_index, .b = host_index, .c = 1});
    process_drain(sim, client_index);
}

/* ---------------------------------------------------------------- life and death */

void process_open(struct sim *sim, uint32_t client_index, const char *const *seeds, unsigned seed_count)
{
    struct sim_client *client = &sim->clients[client_index];
    const struct client_options options = {
        .random_seed = random_next(&sim->random),
        .inflight_max = client->worker ? INFLIGHT_DEFAULT : SIM_DEPTH_MAX + 1,
        .seeds = seeds,
        .seed_count = seed_count,
    };
    client->life++;
    client->peers_told = 0;
    client->wake_ns = UINT64_MAX;
    client->outstanding_count = 0;
    memset(client->written, 0, sizeof client->written);
    for (uint32_t i = 0; i < sim->host_count; i++)
        link_of(sim, client_index, i)->is_connected = false;
    client->engine = client_create(&options, process_now(sim, client_index));
    CHECK(client->engine != NULL);
    trace(sim, TRACE_CLIENT_UP, client_index, client->life, 0, 0);
    process_drain(sim, client_index);
}

/* As many as it takes for one of them to be up. */
static unsigned seeds_of_genesis(struct sim *sim, const char *seeds[SIM_HOST_MAX])
{
    const uint32_t first = (uint32_t)random_below(&sim->random, sim->options.host_count);
    const unsigned seed_count = sim->options.code.n - code_quorum(sim->options.code) + 1u;
    for (unsigned i = 0; i < seed_count; i++)
        seeds[i] = sim->hosts[(first + i) % sim->options.host_count].address;
    return seed_count;
}

/* All of them: a majority knows that it is finalized. */
static unsigned seeds_of_today(const struct sim *sim, const char *seeds[SIM_HOST_MAX])
{
    const struct sequence *sequence = &sim->sequence;
    const struct sim_config *config = sequence->configs[sequence->numbers[sequence->base]];
    for (unsigned i = 0; i < config->config.member_count; i++)
        seeds[i] = sim->hosts[config->hosts[i]].address;
    return config->config.member_count;
}

void process_start(struct sim *sim, uint32_t client_index)
{
    const char *seeds[SIM_HOST_MAX];
    const bool is_of_today = sim->sequence.base > 0 && (!sim->nemesis.keeps_retired || random_below(&sim->random, 2));
    const unsigned seed_count = is_of_today ? seeds_of_today(sim, seeds) : seeds_of_genesis(sim, seeds);
    process_open(sim, client_index, seeds, seed_count);
    const unsigned depth = process_role(sim, client_index) == ROLE_CLIENT ? sim->options.depth : 0;
    for (unsigned i = 0; i < depth; i++)
        sim_push(sim, sim->now_ns + draw_between(sim, 0, 1 * MS),
                 (struct event){.kind = EVENT_SUBMIT, .a = client_index, .b = sim->clients[client_index].life});
}

void process_crash(struct sim *sim, uint32_t client_index)
{
    struct sim_client *client = &sim->clients[client_index];
    if (process_role(sim, client_index) == ROLE_CLIENT)
        workload_client_died(sim, client_index);
    else
        reconfigurer_died(sim, client_index);
    client_destroy(client->engine);
    client->paused_until_ns = 0;
    process_start(sim, client_index);
}
