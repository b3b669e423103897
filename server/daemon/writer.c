#include "server/daemon/writer.h"

#include "core/check.h"
#include "server/daemon/clock.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Confirmations have no reply, so nobody waits for their commit, but it would keep puts waiting, and cost as much as
 * theirs: they wait this long for puts to ride with. Much less than the grace time, which is how much later they take
 * effect anyway. */
#define PATIENCE_NS UINT64_C(20000000)

/* After a transaction that found no room, sweeping is not tried again before this. */
#define FULL_PAUSE_NS UINT64_C(1000000000)

/** How much of a batch is tried. When there is no room, less: what frees space must still get through. */
enum effort {
    EFFORT_ALL,
    EFFORT_WITHOUT_VALUES, /* puts of values are answered FULL; deletes and confirmations are handled */
    EFFORT_NONE,           /* all puts are answered FULL, and the rest is forgotten */
};

struct writer {
    struct writer_options with;
    pthread_t thread;
    atomic_bool is_done;
    struct outbox *outbox;
    uint64_t sweep_not_before_ns;
    bool is_full; /* an episode of no room, to be logged once */
    struct log_limit trouble;
    pthread_mutex_t lock;
    struct writer_figures figures; /* under the lock */
};

/** One run through the jobs of a batch. */
struct attempt {
    struct job *jobs;
    enum effort effort;
    uint64_t now_ns;
    unsigned full_count;
    unsigned stored_count;    /* values */
    struct job_item *damaged; /* whose record made the attempt fail */
};

/* ---------------------------------------------------------------- one transaction */

static bool is_value(const struct request *request)
{
    if (request->kind == MESSAGE_ADOPT)
        return !(request->adopt.entry.flags & ENTRY_TOMBSTONE);
    return request->kind == MESSAGE_PUT_DATA && !(request->put_data.entry.flags & ENTRY_TOMBSTONE);
}

/** Log what may happen again and again. */
static void complain(struct writer *writer, const char *what, unsigned request_count)
{
    uint64_t hidden_count;
    if (log_limit_take(&writer->trouble, clock_now_ns(), &hidden_count))
        log_write(writer->with.host->log, LOG_ERROR, "%s (requests: %u; such messages left out: %" PRIu64 ")", what,
                  request_count, hidden_count);
}

/** A reply that is lost for want of memory is a message that is lost: the client asks again. */
static void answer(struct writer *writer, const struct job *job, const struct reply *reply)
{
    if (outbox_add(writer->outbox, &job->from, reply) != AREG_OK)
        complain(writer, "a reply was dropped: out of memory", 1);
}

static void refuse(struct writer *writer, struct attempt *attempt, const struct job *job, const struct request *request)
{
    if (request->kind == MESSAGE_CONFIRM || request->kind >= MESSAGE_REGISTERED)
        return; /* A hint, or a note of this host's own: nobody waits for a reply. */
    const struct reply reply = {
        .kind = request->kind, .op = request->op, .phase = request->phase, .status = REPLY_FULL};
    attempt->full_count++;
    answer(writer, job, &reply);
}

static enum areg_error handle_item(struct writer *writer, struct attempt *attempt, struct store_txn *txn,
                                   const struct job *job, struct job_item *item)
{
    const struct request *request = &item->request;
    if (item->is_lost)
        return AREG_OK;
    if (attempt->effort == EFFORT_WITHOUT_VALUES && is_value(request)) {
        refuse(writer, attempt, job, request);
        return AREG_OK;
    }
    struct reply reply;
    bool has_reply = false;
    const enum areg_error error =
        replica_write(writer->with.host->replica, txn, attempt->now_ns, request, &reply, &has_reply);
    if (error == AREG_ECORRUPT)
        attempt->damaged = item;
    if (error != AREG_OK || !has_reply)
        return error;
    attempt->full_count += reply.status == REPLY_FULL;
    attempt->stored_count += reply.status == REPLY_OK && is_value(request);
    answer(writer, job, &reply);
    return AREG_OK;
}

static enum areg_error handle_jobs(struct writer *writer, struct attempt *attempt, struct store_txn *txn)
{
    for (struct job *job = attempt->jobs; job; job = job->next) {
        for (unsigned i = 0; i < job->item_count; i++) {
            const enum areg_error error = handle_item(writer, attempt, txn, job, &job->items[i]);
            if (error != AREG_OK)
                return error;
        }
    }
    const struct replica *replica = writer->with.host->replica;
    if (replica_wake_ns(replica) > attempt->now_ns || writer->sweep_not_before_ns > attempt->now_ns)
        return AREG_OK;
    return replica_tick(writer->with.host->replica, txn, attempt->now_ns);
}

static enum areg_error commit(struct writer *writer, const struct attempt *attempt, struct store_txn *txn)
{
    const uint64_t begin_ns = clock_now_ns();
    const enum areg_error error = store_commit(txn);
    const uint64_t end_ns = clock_now_ns();
    if (error == AREG_OK && attempt->jobs) {
        pthread_mutex_lock(&writer->lock);
        latency_add(&writer->figures.commits, end_ns - begin_ns);
        pthread_mutex_unlock(&writer->lock);
    }
    return error;
}

/** All of the batch as far as the effort goes, durably; or nothing, with the outbox empty. */
static enum areg_error try_batch(struct writer *writer, struct attempt *attempt)
{
    struct store_txn *txn = NULL;
    enum areg_error error = store_begin(writer->with.host->store, STORE_WRITE, &txn);
    if (error != AREG_OK)
        return error;
    error = handle_jobs(writer, attempt, txn);
    if (error == AREG_OK)
        error = commit(writer, attempt, txn);
    else
        store_abort(txn);
    replica_settle(writer->with.host->replica, error == AREG_OK);
    if (error != AREG_OK)
        outbox_clear(writer->outbox);
    return error;
}

/* ---------------------------------------------------------------- one batch */

static void refuse_batch(struct writer *writer, struct attempt *attempt)
{
    for (const struct job *job = attempt->jobs; job; job = job->next)
        for (unsigned i = 0; i < job->item_count; i++)
            refuse(writer, attempt, job, &job->items[i].request);
}

/** Say once when there is no room, and once when there is room again. */
static void note_fullness(struct writer *writer, const struct attempt *attempt)
{
    if (attempt->full_count > 0 && !writer->is_full) {
        writer->is_full = true;
        log_write(writer->with.host->log, LOG_WARN,
                  "no room: puts are refused until values have been deleted, or the "
                  "quota or the disk has grown");
    } else if (attempt->full_count == 0 && attempt->stored_count > 0 && writer->is_full) {
        writer->is_full = false;
        log_write(writer->with.host->log, LOG_INFO, "there is room again");
    }
}

/**
 * Try until nothing is left to give up: values when there is no room, single requests whose records are damaged. Every
 * round gives up something, so there are few. Returns AREG_OK, or AREG_ENOMEM: then there are no replies.
 */
static enum areg_error handle_batch(struct writer *writer, struct attempt *attempt)
{
    for (;;) {
        attempt->full_count = attempt->stored_count = 0;
        attempt->damaged = NULL;
        if (attempt->effort == EFFORT_NONE) {
            refuse_batch(writer, attempt);
            return AREG_OK;
        }
        const enum areg_error error = try_batch(writer, attempt);
        if (error == AREG_OK || error == AREG_ENOMEM)
            return error;
        if (error == AREG_EFULL) {
            attempt->effort++;
            if (attempt->effort == EFFORT_NONE)
                writer->sweep_not_before_ns = attempt->now_ns + FULL_PAUSE_NS;
        } else if (error == AREG_ECORRUPT && attempt->damaged) {
            attempt->damaged->is_lost = true;
        } else {
            host_fail(writer->with.host, "writing to the store", error);
        }
    }
}

static void count_batch(struct writer *writer, const struct attempt *attempt, enum areg_error error)
{
    unsigned message_count = 0;
    unsigned lost_count = 0;
    for (const struct job *job = attempt->jobs; job; job = job->next) {
        message_count += job->item_count;
        for (unsigned i = 0; i < job->item_count; i++)
            lost_count += job->items[i].is_lost;
    }
    if (lost_count)
        complain(writer, "records do not decode: their requests get no reply", lost_count);
    if (error == AREG_ENOMEM)
        complain(writer, "a batch was dropped: out of memory", message_count);
    pthread_mutex_lock(&writer->lock);
    writer->figures.batch_count += attempt->jobs != NULL;
    writer->figures.sweep_count += attempt->jobs == NULL;
    writer->figures.message_count += message_count;
    writer->figures.full_count += attempt->full_count;
    writer->figures.lost_count += lost_count;
    writer->figures.failed_count += error == AREG_ENOMEM;
    pthread_mutex_unlock(&writer->lock);
}

static void run_batch(struct writer *writer, struct job *jobs)
{
    struct attempt attempt = {.jobs = jobs, .now_ns = clock_now_ns()};
    const enum areg_error error = handle_batch(writer, &attempt);
    if (error != AREG_OK)
        writer->sweep_not_before_ns = attempt.now_ns + FULL_PAUSE_NS;
    struct delivery *deliveries = outbox_take(writer->outbox);
    if (deliveries) {
        delivery_queue_put(writer->with.deliveries, deliveries);
        router_wake(writer->with.router);
    }
    if (writer->with.agent && replica_has_news_for_worker(writer->with.host->replica))
        agent_wake(writer->with.agent);
    note_fullness(writer, &attempt);
    count_batch(writer, &attempt, error);
    jobs_destroy(jobs);
}

/* ---------------------------------------------------------------- the thread */

/** When to sweep, if no job comes first; patiently, so that what is due soon after is swept in the same commit. */
static uint64_t sweep_ns(const struct writer *writer)
{
    const uint64_t due_ns = replica_wake_ns(writer->with.host->replica);
    if (due_ns >= UINT64_MAX - PATIENCE_NS)
        return UINT64_MAX;
    const uint64_t patient_ns = due_ns + PATIENCE_NS;
    return patient_ns > writer->sweep_not_before_ns ? patient_ns : writer->sweep_not_before_ns;
}

static void *run(void *arg)
{
    struct writer *writer = arg;
    struct job *jobs;
    while (work_queue_take(writer->with.jobs, sweep_ns(writer), PATIENCE_NS, &jobs))
        run_batch(writer, jobs);
    atomic_store(&writer->is_done, true);
    router_wake(writer->with.router);
    return NULL;
}

enum areg_error writer_start(struct writer **writer, const struct writer_options *options)
{
    struct writer *made = calloc(1, sizeof *made);
    if (!made)
        return AREG_ENOMEM;
    made->with = *options;
    made->outbox = outbox_create();
    pthread_mutex_init(&made->lock, NULL);
    if (!made->outbox || pthread_create(&made->thread, NULL, run, made) != 0) {
        outbox_destroy(made->outbox);
        pthread_mutex_destroy(&made->lock);
        free(made);
        return AREG_ENOMEM;
    }
    pthread_setname_np(made->thread, "aregd writer"); /* for top -H and profilers */
    *writer = made;
    return AREG_OK;
}

bool writer_is_done(const struct writer *writer)
{
    return atomic_load(&writer->is_done);
}

void writer_join(struct writer *writer)
{
    CHECK(pthread_join(writer->thread, NULL) == 0);
    outbox_destroy(writer->outbox);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

void writer_figures(struct writer *writer, struct writer_figures *figures)
{
    pthread_mutex_lock(&writer->lock);
    *figures = writer->figures;
    pthread_mutex_unlock(&writer->lock);
}
