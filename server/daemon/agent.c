#include "server/daemon/agent.h"

#include "client/lib/handle.h"
#include "client/transfer.h"
#include "core/check.h"
#include "server/daemon/clock.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What could not be done for want of memory or room in a queue is tried again after this. */
#define AGAIN_NS UINT64_C(20000000)

/* What the worker knows and what is on the disk are compared so often. */
#define LOAD_NS UINT64_C(60000000000)

struct agent {
    struct host *host;
    struct work_queue *jobs;
    struct areg_client *client;
    struct worker *worker;
    pthread_t thread;
    int wake_fd;
    atomic_bool is_stopping;
    atomic_bool has_news;
    struct job *unsent; /* a note that the writer's queue had no room for */
    uint64_t load_ns;   /* when to look at the store though there is no news */
    struct log_limit trouble;
};

void agent_wake(struct agent *agent)
{
    const uint64_t one = 1;
    atomic_store(&agent->has_news, true);
    if (write(agent->wake_fd, &one, sizeof one) < 0)
        return; /* The counter is full: it is awake. */
}

static void worker_ended(struct areg_client *client, struct client_done *done, void *arg)
{
    struct worker *worker = arg;
    worker_done(worker, client->engine, handle_now_ns(), done);
}

/* Look at what the host's store says is to be done. */
static void load(struct agent *agent)
{
    struct store_txn *txn = NULL;
    uint64_t hidden_count;
    agent->load_ns = handle_now_ns() + LOAD_NS;
    enum areg_error error = store_begin(agent->host->store, STORE_READ, &txn);
    if (error == AREG_OK)
        error = worker_load(agent->worker, txn);
    store_abort(txn);
    if (error == AREG_OK)
        return;
    atomic_store(&agent->has_news, true);
    if (log_limit_take(&agent->trouble, clock_now_ns(), &hidden_count))
        log_write(agent->host->log, LOG_ERROR, "what is to be transferred can not be read: %s (left out: %" PRIu64 ")",
                  error_name(error), hidden_count);
}

/* A note as a job for the writer; NULL without memory: the worker repeats what is not recorded, after a restart. */
static struct job *job_of(const struct request *note)
{
    static const struct peer_id nobody;
    const bool is_finalize = note->kind == MESSAGE_FINALIZE;
    const struct slice lent = is_finalize ? note->descriptor : note->transferred.after;
    struct slice copy = slice_copy(lent);
    if (lent.bytes > 0 && !copy.owner)
        return NULL;
    const struct packet packet = {.header = copy};
    struct request kept = *note;
    *(is_finalize ? &kept.descriptor : &kept.transferred.after) = copy;
    struct job *job = job_create(&nobody, &packet, &kept, 1, clock_now_ns());
    slice_unref(&copy);
    return job;
}

/* Whether all notes were taken. */
static bool send_notes(struct agent *agent)
{
    struct request note;
    for (;;) {
        if (!agent->unsent) {
            if (!worker_next_note(agent->worker, &note))
                return true;
            agent->unsent = job_of(&note);
        }
        if (!agent->unsent || !work_queue_offer(agent->jobs, agent->unsent))
            return false;
        agent->unsent = NULL;
    }
}

/* The one state that no wait mends. */
static void tell_refusals(struct agent *agent)
{
    struct config config;
    while (worker_next_refusal(agent->worker, &config)) {
        atomic_store(&agent->host->has_lost_data, true);
        log_write(agent->host->log, LOG_ERROR,
                  "this host has lost its data: shard %" PRIu32
                  " knows another incarnation of %s, and this one must not "
                  "answer for it. Mend it with: areg-reconfig apply replace %s %s",
                  config.shard, agent->host->id.text, agent->host->id.text, agent->host->id.text);
    }
}

static void tell_stuck(struct agent *agent)
{
    struct worker_stuck stuck;
    while (worker_next_stuck(agent->worker, &stuck))
        log_write(agent->host->log, LOG_ERROR,
                  "%" PRIu32 " register%s of shard %" PRIu32
                  " can not be moved, \"%s\" for one: %s%s%s. The transfer goes "
                  "on trying, and ends when they can be, or when they were written anew or deleted",
                  stuck.count, stuck.count == 1 ? "" : "s", stuck.shard, stuck.key, error_name(stuck.error),
                  stuck.detail[0] ? ", " : "", stuck.detail);
}

static void sleep_until(struct agent *agent, uint64_t wake_ns)
{
    struct pollfd fds[2] = {{.fd = agent->wake_fd, .events = POLLIN}, {.fd = areg_fd(agent->client), .events = POLLIN}};
    const uint64_t now_ns = handle_now_ns();
    int wait_ms = -1;
    if (wake_ns != UINT64_MAX)
        wait_ms = wake_ns <= now_ns
                      ? 0
                      : (int)((wake_ns - now_ns) / 1000000 < 1000 ? (wake_ns - now_ns) / 1000000 + 1 : 1000);
    if (poll(fds, 2, wait_ms) > 0 && fds[0].revents) {
        uint64_t count;
        if (read(agent->wake_fd, &count, sizeof count) < 0)
            return;
    }
}

static void *run(void *arg)
{
    struct agent *agent = arg;
    while (!atomic_load(&agent->is_stopping)) {
        if (atomic_exchange(&agent->has_news, false) || handle_now_ns() >= agent->load_ns)
            load(agent);
        worker_step(agent->worker, agent->client->engine, handle_now_ns());
        areg_run(agent->client, AREG_NO_WAIT);
        tell_refusals(agent);
        tell_stuck(agent);
        uint64_t wake_ns = worker_wake_ns(agent->worker);
        wake_ns = agent->load_ns < wake_ns ? agent->load_ns : wake_ns;
        if (!send_notes(agent) || atomic_load(&agent->has_news)) {
            const uint64_t again_ns = handle_now_ns() + AGAIN_NS;
            wake_ns = again_ns < wake_ns ? again_ns : wake_ns;
        }
        sleep_until(agent, wake_ns);
    }
    return NULL;
}

/* ---------------------------------------------------------------- start, stop */

static void agent_free(struct agent *agent)
{
    areg_close(agent->client);
    worker_destroy(agent->worker);
    if (agent->unsent)
        job_destroy(agent->unsent);
    if (agent->wake_fd >= 0)
        close(agent->wake_fd);
    free(agent);
}

/* It asks itself first what the cluster is. */
static enum areg_error open_client(struct agent *agent, const char *address)
{
    const char *seeds[] = {address};
    const enum areg_error error = handle_open(&agent->client, seeds, 1);
    if (error != AREG_OK)
        return error;
    agent->client->direct = worker_ended;
    agent->client->direct_context = worker_context(agent->worker);
    return AREG_OK;
}

enum areg_error agent_start(struct agent **agent, struct host *host, struct work_queue *jobs, const char *address)
{
    struct agent *made = calloc(1, sizeof *made);
    if (!made)
        return AREG_ENOMEM;
    made->host = host;
    made->jobs = jobs;
    atomic_init(&made->has_news, true);
    const struct registration self = {.host = host->id, .incarnation = host->incarnation};
    made->worker = worker_create(&self);
    made->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    enum areg_error error = made->worker ? made->wake_fd >= 0 ? AREG_OK : AREG_EIO : AREG_ENOMEM;
    if (error == AREG_OK)
        error = open_client(made, address);
    if (error == AREG_OK && pthread_create(&made->thread, NULL, run, made) != 0)
        error = AREG_ENOMEM;
    if (error != AREG_OK) {
        agent_free(made);
        return error;
    }
    pthread_setname_np(made->thread, "aregd agent"); /* for top -H and profilers */
    *agent = made;
    return AREG_OK;
}

void agent_stop(struct agent *agent)
{
    if (!agent)
        return;
    atomic_store(&agent->is_stopping, true);
    agent_wake(agent);
    CHECK(pthread_join(agent->thread, NULL) == 0);
    agent_free(agent);
}
