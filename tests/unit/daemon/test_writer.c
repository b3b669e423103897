/*
 * The writer against a replica and a store that do what a script says: here, they are in this file. What must hold is
 * the order (no reply before its commit), and that every failure costs exactly what it has to.
 */
#include "server/daemon/writer.h"

#include "server/daemon/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the script, and those who follow it */

enum { ATTEMPT_COUNT_MAX = 16, OP_COUNT_MAX = 64 };

struct store_txn {
    int unused;
};

struct replica {
    uint64_t wake_ns;
};

/** What happens in each transaction, in order; the last one repeats. */
static struct {
    struct delivery_queue *deliveries;
    struct store_txn txn;
    enum areg_error commits[ATTEMPT_COUNT_MAX]; /* AREG_OK where nothing is said */
    enum areg_error writes[OP_COUNT_MAX];       /* of each op, whenever it is tried */
    enum areg_error ticks[ATTEMPT_COUNT_MAX];
    enum reply_status statuses[OP_COUNT_MAX];
    unsigned begin_count;
    unsigned tick_count;
    unsigned commit_count;
    unsigned abort_count;
    unsigned settled_count;
    unsigned settled_true_count;
    unsigned written_count[OP_COUNT_MAX]; /* by committed transactions */
    unsigned pending_count[OP_COUNT_MAX];
    bool was_early; /* a reply was out before its commit */
    atomic_uint failed_count;
    enum areg_error failed_error;
} script;

enum areg_error store_begin(struct store *store, enum store_mode mode, struct store_txn **txn)
{
    (void)store;
    assert_int_equal(mode, STORE_WRITE);
    memset(script.pending_count, 0, sizeof script.pending_count);
    script.begin_count++;
    *txn = &script.txn;
    return AREG_OK;
}

/** The statuses of all replies in a chain by op, 255 where there is none. */
static void read_statuses(const struct delivery *chain, uint8_t statuses[OP_COUNT_MAX])
{
    memset(statuses, 255, OP_COUNT_MAX);
    for (const struct delivery *delivery = chain; delivery; delivery = delivery->next) {
        struct packet_reader reader;
        struct reply reply;
        uint32_t version;
        assert_int_equal(packet_open(&reader, &delivery->packet, &version), AREG_OK);
        while (packet_next_reply(&reader, &reply) == AREG_OK) {
            assert_int_equal(statuses[reply.op], 255);
            statuses[reply.op] = (uint8_t)reply.status;
        }
    }
}

enum areg_error store_commit(struct store_txn *txn)
{
    uint8_t statuses[OP_COUNT_MAX];
    assert_ptr_equal(txn, &script.txn);
    struct delivery *out = delivery_queue_take(script.deliveries);
    read_statuses(out, statuses);
    if (out)
        delivery_queue_put(script.deliveries, out);
    for (unsigned i = 0; i < OP_COUNT_MAX; i++)
        script.was_early |= script.pending_count[i] > 0 && statuses[i] != 255;
    const enum areg_error error = script.commits[script.commit_count++];
    for (unsigned i = 0; error == AREG_OK && i < OP_COUNT_MAX; i++)
        script.written_count[i] += script.pending_count[i];
    return error;
}

void store_abort(struct store_txn *txn)
{
    assert_ptr_equal(txn, &script.txn);
    script.abort_count++;
}

enum areg_error replica_write(struct replica *replica, struct store_txn *txn, uint64_t now_ns,
                              const struct request *request, struct reply *reply, bool *has_reply)
{
    (void)replica;
    (void)now_ns;
    assert_ptr_equal(txn, &script.txn);
    *reply = (struct reply){.kind = request->kind, .op = request->op, .status = script.statuses[request->op]};
    *has_reply = request->kind != MESSAGE_CONFIRM;
    script.pending_count[request->op]++;
    return script.writes[request->op];
}

enum areg_error replica_tick(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    (void)txn;
    (void)now_ns;
    const enum areg_error error = script.ticks[script.tick_count++];
    if (error == AREG_OK)
        replica->wake_ns = UINT64_MAX;
    return error;
}

uint64_t replica_wake_ns(const struct replica *replica)
{
    return replica->wake_ns;
}

void replica_settle(struct replica *replica, bool is_committed)
{
    (void)replica;
    script.settled_count++;
    script.settled_true_count += is_committed;
}

bool replica_has_news_for_worker(const struct replica *replica)
{
    (void)replica;
    return false;
}

void agent_wake(struct agent *agent)
{
    (void)agent;
}

/** The process would end here; the thread does. */
void host_fail(const struct host *host, const char *doing, enum areg_error error)
{
    (void)host;
    (void)doing;
    script.failed_error = error;
    atomic_fetch_add(&script.failed_count, 1);
    pthread_exit(NULL);
}

/* ---------------------------------------------------------------- the stage */

struct stage {
    struct log log;
    struct replica replica;
    struct host host;
    struct router *router;
    struct work_queue *jobs;
    struct delivery_queue *deliveries;
    struct writer *writer;
    struct job *last_job;
};

static void stage_open(struct stage *stage)
{
    char why[NET_WHY_BYTES];
    memset(&script, 0, sizeof script);
    *stage = (struct stage){.log = {.level = LOG_ERROR}, .replica = {.wake_ns = UINT64_MAX}};
    stage->host = (struct host){.log = &stage->log, .replica = &stage->replica};
    assert_int_equal(router_create(&stage->router, "tcp://127.0.0.1:*", why), AREG_OK);
    stage->jobs = work_queue_create(QUEUE_MESSAGE_COUNT_MAX);
    stage->deliveries = script.deliveries = delivery_queue_create();
}

/** All jobs are offered before the writer starts, so they make one batch. */
static void stage_offer(struct stage *stage, const struct request *requests, unsigned count)
{
    struct packet packet = {.header = slice_copy(slice_borrow("h", 1))};
    const struct peer_id from = {.bytes = 1, .at = {7}};
    struct job *job = job_create(&from, &packet, requests, count, clock_now_ns());
    assert_true(work_queue_offer(stage->jobs, job));
    stage->last_job = job;
    packet_fini(&packet);
}

static void stage_run(struct stage *stage)
{
    const struct writer_options options = {
        .host = &stage->host, .jobs = stage->jobs, .deliveries = stage->deliveries, .router = stage->router};
    assert_int_equal(writer_start(&stage->writer, &options), AREG_OK);
    work_queue_close(stage->jobs);
}

/** End the writer, and read what it answered. */
static void stage_finish(struct stage *stage, uint8_t statuses[OP_COUNT_MAX])
{
    writer_join(stage->writer);
    struct delivery *chain = delivery_queue_take(stage->deliveries);
    read_statuses(chain, statuses);
    deliveries_destroy(chain);
    work_queue_destroy(stage->jobs);
    delivery_queue_destroy(stage->deliveries);
    router_destroy(stage->router, 0);
    assert_false(script.was_early);
    assert_int_equal(script.settled_count, script.begin_count);
    assert_int_equal(script.commit_count + script.abort_count, script.begin_count);
}

static struct request put(uint64_t op)
{
    return (struct request){.kind = MESSAGE_PUT_DATA, .op = op};
}

static struct request tombstone(uint64_t op)
{
    return (struct request){.kind = MESSAGE_PUT_DATA, .op = op, .put_data.entry.flags = ENTRY_TOMBSTONE};
}

static struct request confirm(uint64_t op)
{
    return (struct request){.kind = MESSAGE_CONFIRM, .op = op};
}

/** Ops 1 and 2 are puts of values, 3 a delete, 4 a confirmation. */
static void stage_offer_four(struct stage *stage)
{
    const struct request requests[] = {put(1), put(2), tombstone(3), confirm(4)};
    stage_offer(stage, requests, 4);
}

/* ---------------------------------------------------------------- cases */

static void a_batch_is_one_transaction_and_then_its_replies(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    for (unsigned i = 0; i < 10; i++) {
        const struct request requests[] = {put(2 * i), confirm(2 * i + 1)};
        stage_offer(&stage, requests, 2);
    }
    script.statuses[6] = REPLY_INVALID;
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(script.begin_count, 1);
    assert_int_equal(script.settled_true_count, 1);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(script.written_count[i], 1);
        assert_int_equal(statuses[i], i % 2 ? 255 : i == 6 ? REPLY_INVALID : REPLY_OK);
    }
}

static void when_the_disk_is_full_deletes_and_confirmations_still_get_through(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage_offer_four(&stage);
    script.commits[0] = AREG_EFULL;
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(script.begin_count, 2);
    assert_int_equal(statuses[1], REPLY_FULL);
    assert_int_equal(statuses[2], REPLY_FULL);
    assert_int_equal(statuses[3], REPLY_OK);
    assert_int_equal(script.written_count[1] + script.written_count[2], 0);
    assert_int_equal(script.written_count[3], 1);
    assert_int_equal(script.written_count[4], 1);
}

static void when_nothing_gets_through_all_puts_are_told(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage_offer_four(&stage);
    script.writes[2] = AREG_EFULL; /* a transaction that outgrows the store half-way, */
    script.commits[0] = AREG_EFULL;
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(script.begin_count, 2);
    assert_int_equal(script.abort_count, 1);
    for (unsigned op = 1; op <= 3; op++)
        assert_int_equal(statuses[op], REPLY_FULL);
    assert_int_equal(statuses[4], 255);
    for (unsigned op = 1; op <= 4; op++)
        assert_int_equal(script.written_count[op], 0);
}

static void damaged_records_cost_only_their_own_requests(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage_offer_four(&stage);
    const struct request more[] = {put(5), put(6)};
    stage_offer(&stage, more, 2);
    script.writes[1] = AREG_ECORRUPT;
    script.writes[4] = AREG_ECORRUPT;
    script.writes[6] = AREG_ECORRUPT;
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(script.begin_count, 4);
    for (unsigned op = 1; op <= 6; op++) {
        const bool is_lost = op == 1 || op == 4 || op == 6;
        assert_int_equal(statuses[op], is_lost ? 255 : REPLY_OK);
        assert_int_equal(script.written_count[op], !is_lost);
    }
}

static void a_disk_that_fails_ends_the_host_without_a_reply(void **state)
{
    (void)state;
    static const struct {
        enum areg_error of_write;
        enum areg_error of_commit;
        enum areg_error expected;
    } CASES[] = {
        {AREG_OK, AREG_EIO, AREG_EIO},
        {AREG_EIO, AREG_OK, AREG_EIO},
        {AREG_OK, AREG_ECORRUPT, AREG_ECORRUPT},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct stage stage;
        uint8_t statuses[OP_COUNT_MAX];
        stage_open(&stage);
        stage_offer_four(&stage);
        script.writes[3] = CASES[i].of_write;
        script.commits[0] = CASES[i].of_commit;
        stage_run(&stage);
        stage_finish(&stage, statuses);
        job_destroy(stage.last_job); /* the thread ended in the middle of it */
        assert_int_equal(atomic_load(&script.failed_count), 1);
        assert_int_equal(script.failed_error, CASES[i].expected);
        for (unsigned op = 0; op < OP_COUNT_MAX; op++)
            assert_int_equal(statuses[op], 255);
    }
}

static void without_memory_a_batch_is_dropped_and_the_host_goes_on(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage_offer_four(&stage);
    script.writes[2] = AREG_ENOMEM;
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(atomic_load(&script.failed_count), 0);
    assert_int_equal(script.settled_true_count, 0);
    for (unsigned op = 0; op < OP_COUNT_MAX; op++)
        assert_int_equal(statuses[op], 255);
}

static void sweeping_rides_with_puts_and_comes_by_itself(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage.replica.wake_ns = 1;
    stage_offer_four(&stage);
    stage_run(&stage);
    stage_finish(&stage, statuses);
    assert_int_equal(script.tick_count, 1);
    assert_int_equal(script.begin_count, 1);

    /* Alone: there is nothing else that the writer could be waiting for. */
    stage_open(&stage);
    stage.replica.wake_ns = clock_now_ns() + 1000000;
    const struct writer_options options = {
        .host = &stage.host, .jobs = stage.jobs, .deliveries = stage.deliveries, .router = stage.router};
    assert_int_equal(writer_start(&stage.writer, &options), AREG_OK);
    struct writer_figures figures = {0};
    for (const uint64_t end_ns = clock_now_ns() + UINT64_C(10000000000); figures.sweep_count == 0;) {
        assert_true(clock_now_ns() < end_ns);
        writer_figures(stage.writer, &figures);
        sched_yield();
    }
    work_queue_close(stage.jobs);
    stage_finish(&stage, statuses);
    assert_int_equal(script.tick_count, 1);
}

static void a_sweep_without_room_is_not_tried_again_and_again(void **state)
{
    (void)state;
    struct stage stage;
    uint8_t statuses[OP_COUNT_MAX];
    stage_open(&stage);
    stage.replica.wake_ns = 1;
    script.ticks[0] = script.ticks[1] = AREG_EFULL;
    const struct request first = put(1);
    stage_offer(&stage, &first, 1);
    const struct writer_options options = {
        .host = &stage.host, .jobs = stage.jobs, .deliveries = stage.deliveries, .router = stage.router};
    assert_int_equal(writer_start(&stage.writer, &options), AREG_OK);
    struct writer_figures figures = {0};
    while (figures.batch_count == 0)
        writer_figures(stage.writer, &figures);
    const struct request second = put(2);
    stage_offer(&stage, &second, 1);
    work_queue_close(stage.jobs);
    stage_finish(&stage, statuses);
    assert_int_equal(script.tick_count, 2);
    assert_int_equal(statuses[1], REPLY_FULL);
    assert_int_equal(statuses[2], REPLY_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_is_one_transaction_and_then_its_replies),
        cmocka_unit_test(when_the_disk_is_full_deletes_and_confirmations_still_get_through),
        cmocka_unit_test(when_nothing_gets_through_all_puts_are_told),
        cmocka_unit_test(damaged_records_cost_only_their_own_requests),
        cmocka_unit_test(a_disk_that_fails_ends_the_host_without_a_reply),
        cmocka_unit_test(without_memory_a_batch_is_dropped_and_the_host_goes_on),
        cmocka_unit_test(sweeping_rides_with_puts_and_comes_by_itself),
        cmocka_unit_test(a_sweep_without_room_is_not_tried_again_and_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
