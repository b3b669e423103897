/* What the threads of a host hand to each other. */
#include "server/daemon/work.h"

#include "server/daemon/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/** A job of `count` requests of one kind with payloads, all named by `op`. */
static struct job *make_job(enum message_kind kind, unsigned count, size_t payload_bytes, uint64_t op)
{
    struct packet packet = {.header = slice_copy(slice_borrow("header", 6)), .payload_count = 1};
    packet.payloads[0] = payload_bytes ? slice_of(buffer_create(payload_bytes), 0, payload_bytes) : (struct slice){0};
    struct request requests[PACKET_MESSAGE_COUNT_MAX] = {0};
    const struct peer_id from = {.bytes = 1, .at = {(uint8_t)op}};
    for (unsigned i = 0; i < count; i++)
        requests[i] = (struct request){.kind = kind, .op = op, .payload = packet.payloads[0]};
    struct job *job = job_create(&from, &packet, requests, count, clock_now_ns());
    packet_fini(&packet);
    assert_non_null(job);
    return job;
}

static void offer(struct work_queue *queue, struct job *job)
{
    assert_true(work_queue_offer(queue, job));
}

/** Take at once what is there, and forget it; the number of jobs. */
static unsigned take_count(struct work_queue *queue)
{
    struct job *jobs;
    unsigned count = 0;
    assert_true(work_queue_take(queue, 0, 0, &jobs));
    for (const struct job *job = jobs; job; job = job->next)
        count++;
    jobs_destroy(jobs);
    return count;
}

static void jobs_come_out_in_order_and_in_batches(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(QUEUE_MESSAGE_COUNT_MAX);
    struct job *jobs;
    for (unsigned i = 0; i < 10; i++)
        offer(queue, make_job(MESSAGE_PUT_DATA, 200, 10, i));
    struct work_figures figures;
    work_queue_figures(queue, &figures);
    assert_int_equal(figures.message_count, 2000);
    assert_int_equal(figures.bytes, 10 * (6 + 200 * 10));
    for (unsigned i = 0; i < 10; i += 2) {
        /* A batch takes two of them: three would be 600 messages. */
        assert_true(work_queue_take(queue, UINT64_MAX, 0, &jobs));
        assert_int_equal(jobs->items[199].request.op, i);
        assert_int_equal(jobs->next->items[0].request.op, i + 1);
        assert_null(jobs->next->next);
        jobs_destroy(jobs);
    }
    work_queue_figures(queue, &figures);
    assert_int_equal(figures.message_count, 0);
    assert_int_equal(figures.bytes, 0);
    assert_int_equal(take_count(queue), 0);
    work_queue_destroy(queue);
}

static void a_batch_is_bounded_in_bytes_but_takes_at_least_one(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(QUEUE_MESSAGE_COUNT_MAX);
    for (unsigned i = 0; i < 3; i++)
        offer(queue, make_job(MESSAGE_PUT_DATA, 1, BATCH_BYTES_MAX - 100, i));
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(take_count(queue), 1);
    work_queue_destroy(queue);
}

static void the_queue_is_bounded_in_messages_and_bytes(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(10);
    offer(queue, make_job(MESSAGE_PUT_DATA, 20, 0, 0)); /* into an empty one, anything gets */
    struct job *job = make_job(MESSAGE_PUT_DATA, 1, 0, 1);
    assert_false(work_queue_offer(queue, job));
    assert_int_equal(take_count(queue), 1);
    offer(queue, job);
    offer(queue, make_job(MESSAGE_PUT_DATA, 9, 0, 2));
    job = make_job(MESSAGE_PUT_DATA, 1, 0, 3);
    assert_false(work_queue_offer(queue, job));
    work_queue_set_limit(queue, 11);
    offer(queue, job);
    assert_int_equal(take_count(queue), 3);

    offer(queue, make_job(MESSAGE_PUT_DATA, 8, QUEUE_BYTES_MAX / 8 - 100, 4));
    job = make_job(MESSAGE_PUT_DATA, 1, 1000, 5);
    assert_false(work_queue_offer(queue, job));
    job_destroy(job);
    work_queue_destroy(queue);
}

static void patient_jobs_wait_for_company_but_not_for_ever(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(QUEUE_MESSAGE_COUNT_MAX);
    struct job *jobs;
    uint64_t begin_ns = clock_now_ns();
    offer(queue, make_job(MESSAGE_CONFIRM, 3, 0, 0));
    assert_true(work_queue_take(queue, UINT64_MAX, 30 * MS, &jobs));
    assert_true(clock_now_ns() - begin_ns >= 30 * MS);
    assert_true(jobs->is_patient);
    jobs_destroy(jobs);

    /* With an urgent one they go at once, in their order. */
    offer(queue, make_job(MESSAGE_CONFIRM, 1, 0, 1));
    offer(queue, make_job(MESSAGE_PUT_DATA, 1, 0, 2));
    assert_true(work_queue_take(queue, UINT64_MAX, UINT64_C(1000000) * MS, &jobs));
    assert_int_equal(jobs->items[0].request.op, 1);
    assert_int_equal(jobs->next->items[0].request.op, 2);
    jobs_destroy(jobs);

    /* And with none there is an end to waiting, too. */
    begin_ns = clock_now_ns();
    assert_true(work_queue_take(queue, begin_ns + 20 * MS, 0, &jobs));
    assert_true(clock_now_ns() >= begin_ns + 20 * MS);
    assert_null(jobs);
    work_queue_destroy(queue);
}

enum { NAP_COUNT = 300 };

static void *take_one_by_one(void *arg)
{
    for (unsigned i = 0; i < NAP_COUNT; i++) {
        struct job *jobs;
        if (!work_queue_take(arg, UINT64_MAX, i % 100 * 1000, &jobs))
            return NULL;
        jobs_destroy(jobs);
    }
    return NULL;
}

static void a_patient_job_is_taken_also_by_one_who_sleeps_without_a_limit(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(QUEUE_MESSAGE_COUNT_MAX);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, take_one_by_one, queue), 0);
    /* The other dozes for up to 100 us, and then sleeps: the jobs come before, between and after. */
    for (unsigned i = 0; i < NAP_COUNT; i++) {
        struct work_figures figures = {.message_count = 1};
        offer(queue, make_job(MESSAGE_CONFIRM, 1, 0, i));
        while (figures.message_count > 0)
            work_queue_figures(queue, &figures);
        for (const uint64_t until_ns = clock_now_ns() + i % 7 * 30000; clock_now_ns() < until_ns;)
            sched_yield();
    }
    pthread_join(thread, NULL);
    work_queue_destroy(queue);
}

enum { PRODUCER_COUNT = 3, JOBS_PER_PRODUCER = 2000 };

struct producer {
    struct work_queue *queue;
    unsigned index;
};

static void *produce(void *arg)
{
    const struct producer *producer = arg;
    for (unsigned i = 0; i < JOBS_PER_PRODUCER; i++) {
        struct job *job = make_job(i % 3 ? MESSAGE_PUT_DATA : MESSAGE_CONFIRM, 1 + i % 5, i % 7, producer->index);
        job->items[0].request.phase = i;
        while (!work_queue_offer(producer->queue, job))
            sched_yield();
    }
    return NULL;
}

static void many_threads_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(50);
    struct producer producers[PRODUCER_COUNT];
    pthread_t threads[PRODUCER_COUNT];
    unsigned next[PRODUCER_COUNT] = {0};
    for (unsigned i = 0; i < PRODUCER_COUNT; i++) {
        producers[i] = (struct producer){.queue = queue, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
    }
    for (unsigned taken_count = 0; taken_count < PRODUCER_COUNT * JOBS_PER_PRODUCER;) {
        struct job *jobs;
        assert_true(work_queue_take(queue, UINT64_MAX, MS, &jobs));
        for (const struct job *job = jobs; job; job = job->next, taken_count++)
            assert_int_equal(job->items[0].request.phase, next[job->items[0].request.op]++);
        jobs_destroy(jobs);
    }
    for (unsigned i = 0; i < PRODUCER_COUNT; i++)
        pthread_join(threads[i], NULL);
    work_queue_destroy(queue);
}

static void *close_it(void *arg)
{
    work_queue_close(arg);
    return NULL;
}

static void closing_ends_the_wait_and_what_was_accepted_is_still_taken(void **state)
{
    (void)state;
    struct work_queue *queue = work_queue_create(10);
    struct job *jobs;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, close_it, queue), 0);
    assert_false(work_queue_take(queue, UINT64_MAX, 0, &jobs));
    pthread_join(thread, NULL);
    struct job *late = make_job(MESSAGE_PUT_DATA, 1, 0, 0);
    assert_false(work_queue_offer(queue, late));
    job_destroy(late);
    work_queue_destroy(queue);

    queue = work_queue_create(10);
    offer(queue, make_job(MESSAGE_CONFIRM, 1, 0, 0));
    work_queue_close(queue);
    assert_true(work_queue_take(queue, UINT64_MAX, UINT64_MAX / 2, &jobs));
    assert_non_null(jobs);
    jobs_destroy(jobs);
    assert_false(work_queue_take(queue, UINT64_MAX, 0, &jobs));
    work_queue_destroy(queue);
}

/* ---------------------------------------------------------------- replies */

static void add(struct outbox *outbox, uint8_t peer, uint64_t op)
{
    const struct peer_id to = {.bytes = 1, .at = {peer}};
    const struct reply reply = {.kind = MESSAGE_PUT_DATA, .op = op, .status = REPLY_OK};
    assert_int_equal(outbox_add(outbox, &to, &reply), AREG_OK);
}

/** Sum up what the deliveries hold: packets and messages for each peer. */
static void count_deliveries(struct delivery *chain, unsigned packets[256], unsigned messages[256])
{
    memset(packets, 0, 256 * sizeof packets[0]);
    memset(messages, 0, 256 * sizeof messages[0]);
    for (const struct delivery *delivery = chain; delivery; delivery = delivery->next) {
        struct packet_reader reader;
        struct reply reply;
        uint32_t version;
        const uint8_t peer = delivery->to.at[0];
        assert_int_equal(packet_open(&reader, &delivery->packet, &version), AREG_OK);
        packets[peer]++;
        while (packet_next_reply(&reader, &reply) == AREG_OK) {
            assert_int_equal(reply.op >> 32, peer);
            messages[peer]++;
        }
    }
    deliveries_destroy(chain);
}

static void replies_to_one_peer_travel_together(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_create();
    unsigned packets[256];
    unsigned messages[256];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 30; i++)
            for (unsigned peer = 0; peer <= i % 10; peer++)
                add(outbox, (uint8_t)peer, (uint64_t)peer << 32 | i);
        count_deliveries(outbox_take(outbox), packets, messages);
        for (unsigned peer = 0; peer < 10; peer++) {
            assert_int_equal(packets[peer], 1);
            assert_int_equal(messages[peer], 3 * (10 - peer));
        }
    }
    assert_null(outbox_take(outbox));
    outbox_destroy(outbox);
}

static void a_full_packet_is_followed_by_another(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_create();
    unsigned packets[256];
    unsigned messages[256];
    for (unsigned i = 0; i < BATCH_MESSAGE_COUNT_MAX; i++)
        add(outbox, 7, UINT64_C(7) << 32);
    count_deliveries(outbox_take(outbox), packets, messages);
    assert_int_equal(packets[7], BATCH_MESSAGE_COUNT_MAX / PACKET_MESSAGE_COUNT_MAX);
    assert_int_equal(messages[7], BATCH_MESSAGE_COUNT_MAX);
    add(outbox, 7, 0);
    outbox_clear(outbox);
    assert_null(outbox_take(outbox));
    add(outbox, 7, 0);
    outbox_destroy(outbox);
}

static void deliveries_come_out_in_order(void **state)
{
    (void)state;
    struct outbox *outbox = outbox_create();
    struct delivery_queue *queue = delivery_queue_create();
    assert_null(delivery_queue_take(queue));
    for (unsigned i = 0; i < 4; i++) {
        add(outbox, (uint8_t)i, 0);
        delivery_queue_put(queue, outbox_take(outbox));
    }
    struct delivery *chain = delivery_queue_take(queue);
    unsigned i = 0;
    for (const struct delivery *delivery = chain; delivery; delivery = delivery->next)
        assert_int_equal(delivery->to.at[0], i++);
    assert_int_equal(i, 4);
    deliveries_destroy(chain);
    add(outbox, 1, 0);
    delivery_queue_put(queue, outbox_take(outbox));
    delivery_queue_destroy(queue);
    outbox_destroy(outbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_out_in_order_and_in_batches),
        cmocka_unit_test(a_batch_is_bounded_in_bytes_but_takes_at_least_one),
        cmocka_unit_test(the_queue_is_bounded_in_messages_and_bytes),
        cmocka_unit_test(patient_jobs_wait_for_company_but_not_for_ever),
        cmocka_unit_test(a_patient_job_is_taken_also_by_one_who_sleeps_without_a_limit),
        cmocka_unit_test(many_threads_lose_nothing_and_keep_their_order),
        cmocka_unit_test(closing_ends_the_wait_and_what_was_accepted_is_still_taken),
        cmocka_unit_test(replies_to_one_peer_travel_together),
        cmocka_unit_test(a_full_packet_is_followed_by_another),
        cmocka_unit_test(deliveries_come_out_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
