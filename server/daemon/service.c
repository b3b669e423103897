#include "server/daemon/service.h"

#include "core/check.h"
#include "server/daemon/clock.h"
#include "server/daemon/status.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Packets received before replies of the writer are looked at again: replies must not wait for a flood of requests. */
enum { PACKETS_PER_TURN = 32 };

/* How long a host that stops goes on sending its last replies. */
enum { LINGER_MS = 1000 };

struct service {
    struct host *host;
    struct router *router;
    struct work_queue *jobs;
    struct delivery_queue *deliveries;
    struct writer *writer;
    struct agent *agent;
    struct packet_writer *replies;
    pthread_t thread;
    atomic_bool is_stopping;
    atomic_bool wants_dump;
    struct service_figures figures;
    struct log_limit malformed;
    struct log_limit trouble;
    struct packet packet; /* the one that is being dealt with */
    unsigned mutating_count;
    struct request mutating[PACKET_MESSAGE_COUNT_MAX]; /* of that packet */
};

/* ---------------------------------------------------------------- replies */

static void send_replies(struct service *service, const struct peer_id *to)
{
    struct packet packet;
    if (packet_message_count(service->replies) == 0)
        return;
    packet_take(service->replies, &packet);
    router_send(service->router, to, &packet); /* counted if it is dropped; the client asks again */
}

static void add_reply(struct service *service, const struct peer_id *to, const struct reply *reply)
{
    enum areg_error error = packet_add_reply(service->replies, reply);
    if (error == AREG_EBUSY) {
        send_replies(service, to);
        error = packet_add_reply(service->replies, reply);
    }
    CHECK(error == AREG_OK || error == AREG_ENOMEM); /* and without memory it is dropped */
}

static void send_deliveries(struct service *service)
{
    struct delivery *chain = delivery_queue_take(service->deliveries);
    while (chain) {
        struct delivery *next = chain->next;
        router_send(service->router, &chain->to, &chain->packet);
        free(chain);
        chain = next;
    }
}

/* ---------------------------------------------------------------- reading */

/** A packet's view of the store: one snapshot, opened when the first request needs it. */
struct reading {
    const struct peer_id *from;
    struct store_txn *txn;
};

/** Log what may happen again and again. */
static void complain(struct service *service, const char *what, enum areg_error error)
{
    uint64_t hidden_count;
    if (log_limit_take(&service->trouble, clock_now_ns(), &hidden_count))
        log_write(service->host->log, LOG_ERROR, "%s: %s (such messages left out: %" PRIu64 ")", what,
                  error_name(error), hidden_count);
}

/** The status as a counted slice; empty without memory. */
static struct slice print_status(struct service *service, struct store_txn *txn)
{
    struct store_stats store = {0};
    struct work_figures queue;
    struct writer_figures writer;
    if (store_stats_get(txn, &store) != AREG_OK)
        complain(service, "the store has no figures", AREG_EIO);
    work_queue_figures(service->jobs, &queue);
    writer_figures(service->writer, &writer);
    const struct status_sources sources = {
        .host = service->host,
        .address = router_address(service->router),
        .store = &store,
        .queue = &queue,
        .writer = &writer,
        .service = &service->figures,
        .net = router_counters(service->router),
    };
    char text[STATUS_BYTES_MAX];
    const size_t text_bytes = status_print(&sources, text, sizeof text);
    return slice_copy(slice_borrow(text, text_bytes));
}

static enum areg_error answer_status(struct service *service, struct store_txn *txn, const struct request *request,
                                     struct reply *reply)
{
    reply->kind = request->kind;
    reply->op = request->op;
    reply->phase = request->phase;
    reply->status = REPLY_OK;
    reply->next = (struct link){0};
    reply->payload = print_status(service, txn);
    return reply->payload.owner ? AREG_OK : AREG_ENOMEM;
}

static void answer_read(struct service *service, struct reading *reading, const struct request *request)
{
    struct reply reply;
    enum areg_error error = reading->txn ? AREG_OK : store_begin(service->host->store, STORE_READ, &reading->txn);
    if (error == AREG_OK)
        error = request->kind == MESSAGE_STATUS ? answer_status(service, reading->txn, request, &reply)
                                                : replica_read(service->host->replica, reading->txn, request, &reply);
    if (error == AREG_OK) {
        add_reply(service, reading->from, &reply);
        slice_unref(&reply.payload);
        service->figures.read_count++;
        service->figures.get_count += request->kind == MESSAGE_GET_DATA && request->get_data.want != WANT_TAG;
        return;
    }
    if (error == AREG_EIO)
        host_fail(service->host, "reading from the store", error);
    /* A record that does not decode, or no memory: the client takes this host for down, for this register. */
    service->figures.read_failed_count++;
    complain(service, "a request could not be answered", error);
}

/* ---------------------------------------------------------------- mutating */

/** The queue is full: say so to whoever waits for a reply. Confirmations are hints, and may be lost. */
static void refuse_mutating(struct service *service, const struct peer_id *from)
{
    for (unsigned i = 0; i < service->mutating_count; i++) {
        const struct request *request = &service->mutating[i];
        if (request->kind == MESSAGE_CONFIRM) {
            service->figures.confirm_dropped_count++;
            continue;
        }
        const struct reply reply = {
            .kind = request->kind, .op = request->op, .phase = request->phase, .status = REPLY_BUSY};
        service->figures.busy_count++;
        add_reply(service, from, &reply);
    }
}

static void hand_over_mutating(struct service *service, const struct peer_id *from)
{
    if (service->mutating_count == 0)
        return;
    struct job *job = job_create(from, &service->packet, service->mutating, service->mutating_count, clock_now_ns());
    if (job && work_queue_offer(service->jobs, job)) {
        service->figures.write_count += service->mutating_count;
        return;
    }
    if (job)
        job_destroy(job);
    refuse_mutating(service, from);
}

/* ---------------------------------------------------------------- packets */

static void note_malformed(struct service *service, const char *why)
{
    uint64_t hidden_count;
    service->figures.malformed_count++;
    if (log_limit_take(&service->malformed, clock_now_ns(), &hidden_count))
        log_write(service->host->log, LOG_WARN,
                  "a malformed packet was dropped: %s (such messages left out: %" PRIu64 ")", why, hidden_count);
}

/** Tell a peer of another version which ones we speak. */
static void answer_version(struct service *service, const struct peer_id *from)
{
    struct reply reply = {
        .kind = MESSAGE_HELLO,
        .status = REPLY_VERSION,
        .hello = {.host = service->host->id,
                  .incarnation = service->host->incarnation,
                  .version_min = PROTOCOL_VERSION,
                  .version_max = PROTOCOL_VERSION},
    };
    service->figures.version_count++;
    add_reply(service, from, &reply);
    send_replies(service, from);
}

static void answer_packet(struct service *service, const struct peer_id *from)
{
    struct packet_reader reader;
    uint32_t version;
    const enum areg_error opened = packet_open(&reader, &service->packet, &version);
    if (opened == AREG_EVERSION) {
        answer_version(service, from);
        return;
    }
    struct reading reading = {.from = from};
    enum areg_error error = opened;
    service->mutating_count = 0;
    while (error == AREG_OK) {
        struct request request;
        error = packet_next_request(&reader, &request);
        if (error != AREG_OK)
            break;
        if (message_is_read_only(request.kind))
            answer_read(service, &reading, &request);
        else
            service->mutating[service->mutating_count++] = request;
    }
    if (error != AREG_ENOTFOUND)
        note_malformed(service, packet_why(&reader));
    /* The snapshot goes before anything is sent or waited for: an open one keeps the store from reusing its space. */
    store_abort(reading.txn);
    hand_over_mutating(service, from);
    send_replies(service, from);
}

/** Deal with some of the packets that are there; whether there may be more. */
static bool take_turn(struct service *service)
{
    for (unsigned i = 0; i < PACKETS_PER_TURN; i++) {
        struct peer_id from;
        if (!router_receive(service->router, &from, &service->packet))
            return false;
        answer_packet(service, &from);
        packet_fini(&service->packet);
    }
    return true;
}

/* ---------------------------------------------------------------- the thread */

static void dump_status(struct service *service)
{
    struct store_txn *txn = NULL;
    if (store_begin(service->host->store, STORE_READ, &txn) != AREG_OK)
        return;
    struct slice status = print_status(service, txn);
    store_abort(txn);
    char *text = status.owner ? strndup((const char *)status.at, status.bytes) : NULL;
    if (text)
        log_object(service->host->log, LOG_INFO, "status", text);
    free(text);
    slice_unref(&status);
}

/** Accept nothing more, and send the replies to what was accepted. */
static void finish(struct service *service)
{
    work_queue_close(service->jobs);
    while (!writer_is_done(service->writer)) {
        struct peer_id from;
        while (router_receive(service->router, &from, &service->packet))
            packet_fini(&service->packet);
        router_wait(service->router, -1);
        send_deliveries(service);
    }
    send_deliveries(service);
}

static void *run(void *arg)
{
    struct service *service = arg;
    while (!atomic_load(&service->is_stopping)) {
        const bool has_more = take_turn(service);
        send_deliveries(service);
        if (atomic_exchange(&service->wants_dump, false))
            dump_status(service);
        if (!has_more)
            router_wait(service->router, -1);
    }
    finish(service);
    return NULL;
}

static void free_parts(struct service *service, uint32_t linger_ms)
{
    agent_stop(service->agent);
    router_destroy(service->router, linger_ms);
    work_queue_destroy(service->jobs);
    delivery_queue_destroy(service->deliveries);
    packet_writer_destroy(service->replies);
    free(service);
}

static enum areg_error start(struct service *service, const char *address, unsigned inflight_max,
                             char why[NET_WHY_BYTES])
{
    const enum areg_error error = router_create(&service->router, address, why);
    if (error != AREG_OK)
        return error;
    snprintf(why, NET_WHY_BYTES, "out of memory");
    service->jobs = work_queue_create(inflight_max);
    service->deliveries = delivery_queue_create();
    service->replies = packet_writer_create();
    if (!service->jobs || !service->deliveries || !service->replies ||
        agent_start(&service->agent, service->host, service->jobs, router_address(service->router)) != AREG_OK)
        return AREG_ENOMEM;
    const struct writer_options options = {
        .host = service->host,
        .jobs = service->jobs,
        .deliveries = service->deliveries,
        .router = service->router,
        .agent = service->agent,
    };
    if (writer_start(&service->writer, &options) != AREG_OK)
        return AREG_ENOMEM;
    if (pthread_create(&service->thread, NULL, run, service) == 0) {
        pthread_setname_np(service->thread, "aregd network"); /* for top -H and profilers */
        return AREG_OK;
    }
    work_queue_close(service->jobs);
    writer_join(service->writer);
    return AREG_ENOMEM;
}

enum areg_error service_start(struct service **service, struct host *host, const char *address, unsigned inflight_max,
                              char why[NET_WHY_BYTES])
{
    struct service *made = calloc(1, sizeof *made);
    if (!made) {
        snprintf(why, NET_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    made->host = host;
    const enum areg_error error = start(made, address, inflight_max, why);
    if (error != AREG_OK) {
        free_parts(made, 0);
        return error;
    }
    *service = made;
    return AREG_OK;
}

const char *service_address(const struct service *service)
{
    return router_address(service->router);
}

void service_stop(struct service *service)
{
    atomic_store(&service->is_stopping, true);
    router_wake(service->router);
    CHECK(pthread_join(service->thread, NULL) == 0);
    writer_join(service->writer);
    free_parts(service, LINGER_MS);
}

void service_set_inflight(struct service *service, unsigned inflight_max)
{
    work_queue_set_limit(service->jobs, inflight_max);
}

void service_dump(struct service *service)
{
    atomic_store(&service->wants_dump, true);
    router_wake(service->router);
}
