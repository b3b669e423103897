/*
 * Single operations, held up where it hurts: their order, their ends in every state, what they cost then, and the
 * schedules that are known to break simpler protocols (S3, S7).
 */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Client 0's messages can be held back; the other one looks on. */
enum { SUBJECT = 0, OTHER = 1, CLIENT_COUNT = 2, KEY_COUNT = 4 };
enum { ALL = 31 };

/* The cluster is known, and so are hosts to be fast. A message takes a millisecond. */
static void begin(struct calm *calm, const char *code, unsigned delta)
{
    calm_init(calm, &(struct calm_options){.code = code,
                                           .seed = 1,
                                           .has_delta = true,
                                           .delta = delta,
                                           .client_count = CLIENT_COUNT,
                                           .key_count = KEY_COUNT,
                                           .delay_min_ns = 1 * MS});
    for (uint32_t i = 0; i < CLIENT_COUNT; i++)
        assert_int_equal(calm_do(calm, i, CLIENT_GET, 0, 0)->error, AREG_ENOTFOUND);
    calm_idle(calm, 50 * MS);
}

static const struct sim_op *op_of(const struct calm *calm, uint32_t op_index)
{
    return &calm->sim->ops[op_index];
}

static enum areg_error put(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes)
{
    return calm_do(calm, client_index, CLIENT_PUT, key_index, value_bytes)->error;
}

/* From now on clients hear from these hosts last. */
static void hear_last(struct calm *calm, uint32_t hosts)
{
    for (uint32_t i = 0; i < CLIENT_COUNT; i++)
        for (uint32_t j = 0; j < calm->sim->options.code.n; j++)
            link_of(calm->sim, i, j)->slowness = hosts >> j & 1 ? 17 : 16;
}

/* A put of the subject, whose process dies when it has reached all hosts but these. */
static void abandon(struct calm *calm, uint32_t missed_hosts)
{
    calm_hold(calm, MESSAGE_PUT_DATA, missed_hosts);
    calm_begin(calm, SUBJECT, CLIENT_PUT, 0, 3000);
    calm_idle(calm, 20 * MS);
    process_crash(calm->sim, SUBJECT);
    calm_idle(calm, 20 * MS);
    calm_pass(calm);
}

/* ---------------------------------------------------------------- order */

static void writes_of_one_client_to_one_key_take_effect_in_order(void **state)
{
    (void)state;
    enum { WRITE_COUNT = 20 };
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    uint32_t ops[WRITE_COUNT];
    for (unsigned i = 0; i < WRITE_COUNT; i++)
        ops[i] = calm_begin(&calm, SUBJECT, i % 5 == 4 ? CLIENT_DEL : CLIENT_PUT, 0, 100);
    for (unsigned i = 0; i < WRITE_COUNT; i++) {
        assert_int_equal(calm_await(&calm, ops[i])->error, AREG_OK);
        assert_int_equal(op_of(&calm, ops[i])->rounds, 2);
        assert_int_equal(op_of(&calm, ops[i])->tag.z, i + 1);
    }
    calm_fini(&calm);
}

static void writes_to_different_keys_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    uint32_t ops[KEY_COUNT];
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        ops[i] = calm_begin(&calm, SUBJECT, CLIENT_PUT, i, 100);
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        const struct sim_op *op = calm_await(&calm, ops[i]);
        assert_int_equal(op->error, AREG_OK);
        assert_int_equal(op->end_ns - op->start_ns, 4 * MS);
    }
    calm_fini(&calm);
}

/* Held up at its get-tag or at its put-data; by its deadline or by a cancellation. */
static void check_next_write(bool at_put, bool cancels)
{
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    calm_hold(&calm, at_put ? MESSAGE_PUT_DATA : MESSAGE_GET_TAG, ALL);
    const uint32_t first = calm_begin_within(&calm, SUBJECT, CLIENT_PUT, 0, 100, cancels ? UINT64_MAX : 50 * MS);
    const uint32_t second = calm_begin(&calm, SUBJECT, CLIENT_PUT, 0, 100);
    const uint32_t third = calm_begin(&calm, SUBJECT, CLIENT_DEL, 0, 0);
    calm_idle(&calm, 20 * MS);
    assert_false(op_of(&calm, first)->has_ended);
    assert_false(op_of(&calm, second)->has_ended);
    /* What the others send is not held any more. */
    calm_pass(&calm);
    if (cancels)
        assert_true(calm_cancel(&calm, first));
    assert_int_equal(calm_await(&calm, first)->error, at_put ? AREG_EMAYBE : cancels ? AREG_ECANCELED : AREG_EUNAVAIL);
    assert_int_equal(calm_await(&calm, second)->error, AREG_OK);
    assert_int_equal(calm_await(&calm, third)->error, AREG_OK);
    assert_true(tag_compare(op_of(&calm, second)->tag, op_of(&calm, third)->tag) < 0);
    /* The first one's messages arrive last. */
    calm_release(&calm);
    calm_idle(&calm, 1 * SECOND);
    assert_int_equal(calm_do(&calm, OTHER, CLIENT_GET, 0, 0)->error, AREG_ENOTFOUND);
    calm_fini(&calm);
}

static void the_next_write_goes_on_when_the_first_ends_in_any_way(void **state)
{
    (void)state;
    for (unsigned at_put = 0; at_put <= 1; at_put++)
        for (unsigned cancels = 0; cancels <= 1; cancels++)
            check_next_write(at_put, cancels);
}

static void a_queued_write_can_be_given_up_wherever_it_stands(void **state)
{
    (void)state;
    enum { WRITE_COUNT = 5 };
    for (unsigned which = 1; which < WRITE_COUNT; which++) {
        struct calm calm;
        begin(&calm, "rs:5,3", 2);
        calm_hold(&calm, MESSAGE_GET_TAG, ALL);
        uint32_t ops[WRITE_COUNT];
        for (unsigned i = 0; i < WRITE_COUNT; i++)
            ops[i] = calm_begin(&calm, SUBJECT, CLIENT_PUT, 0, 100);
        calm_idle(&calm, 10 * MS);
        assert_true(calm_cancel(&calm, ops[which]));
        assert_int_equal(calm_await(&calm, ops[which])->error, AREG_ECANCELED);
        assert_non_null(strstr(calm_end_of(&calm, ops[which])->detail, "earlier write"));
        calm_release(&calm);
        for (unsigned i = 0; i < WRITE_COUNT; i++)
            assert_int_equal(calm_await(&calm, ops[i])->error, i == which ? AREG_ECANCELED : AREG_OK);
        /* And the queue takes more. */
        const struct sim_op *more = calm_do(&calm, SUBJECT, CLIENT_PUT, 0, 100);
        assert_int_equal(more->error, AREG_OK);
        assert_int_equal(more->tag.z, WRITE_COUNT);
        calm_fini(&calm);
    }
}

static void a_write_behind_one_of_unknown_outcome_gets_a_larger_tag(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "repl:3", 0);
    /* An abandoned write at host 1 alone, which the first write will see and the second not. */
    abandon(&calm, 1 << 0 | 1 << 2);
    calm_hold(&calm, MESSAGE_GET_TAG, 1 << 2);
    calm_hold(&calm, MESSAGE_PUT_DATA, ALL);
    const uint32_t first = calm_begin_within(&calm, SUBJECT, CLIENT_PUT, 0, 100, 50 * MS);
    const uint32_t second = calm_begin(&calm, SUBJECT, CLIENT_PUT, 0, 100);
    calm_idle(&calm, 20 * MS);
    calm_hold(&calm, MESSAGE_GET_TAG, 1 << 1);
    calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 1);
    assert_int_equal(calm_await(&calm, first)->error, AREG_EMAYBE);
    assert_int_equal(op_of(&calm, first)->tag.z, 2);
    assert_int_equal(calm_await(&calm, second)->error, AREG_OK);
    assert_true(tag_compare(op_of(&calm, first)->tag, op_of(&calm, second)->tag) < 0);
    calm_release(&calm);
    calm_idle(&calm, 1 * SECOND);
    const struct sim_op *get = calm_do(&calm, OTHER, CLIENT_GET, 0, 0);
    assert_int_equal(get->error, AREG_OK);
    assert_int_equal(get->value_digest, op_of(&calm, second)->value_digest);
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- ends in every state */

struct halt {
    enum client_op_kind kind;
    enum message_kind held; /* what it waits for */
    bool is_prepared;       /* an abandoned value is there, which a read must write back */
    bool is_unknown;        /* its outcome then */
};

static void check_halt(const struct halt *halt, bool cancels)
{
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    if (halt->is_prepared) {
        abandon(&calm, 1 << 3 | 1 << 4);
        hear_last(&calm, 1 << 3 | 1 << 4);
    }
    /* The replies: it has reached the hosts. */
    calm_hold_replies(&calm, halt->held, ALL);
    if (halt->held == MESSAGE_HELLO)
        process_crash(calm.sim, SUBJECT);
    const uint64_t timeout_ns = cancels ? UINT64_MAX : 200 * MS;
    const uint32_t op_index = calm_begin_within(&calm, SUBJECT, halt->kind, 0, 100, timeout_ns);
    calm_idle(&calm, 100 * MS);
    assert_false(op_of(&calm, op_index)->has_ended);
    if (cancels)
        assert_true(calm_cancel(&calm, op_index));
    const struct sim_op *op = calm_await(&calm, op_index);
    assert_int_equal(op->error, halt->is_unknown ? AREG_EMAYBE : cancels ? AREG_ECANCELED : AREG_EUNAVAIL);
    assert_int_equal(op->end_ns - op->start_ns, cancels ? 100 * MS : 200 * MS);
    assert_false(calm_cancel(&calm, op_index));
    assert_non_null(strstr(calm_end_of(&calm, op_index)->detail, "no answer"));
    calm_release(&calm);
    calm_idle(&calm, 1 * SECOND);
    calm_fini(&calm);
}

static void every_state_has_its_deadline_and_its_cancellation(void **state)
{
    (void)state;
    static const struct halt halts[] = {
        {CLIENT_PUT, MESSAGE_GET_TAG, false, false},   {CLIENT_PUT, MESSAGE_PUT_DATA, false, true},
        {CLIENT_DEL, MESSAGE_GET_TAG, false, false},   {CLIENT_DEL, MESSAGE_PUT_DATA, false, true},
        {CLIENT_GET, MESSAGE_GET_DATA, false, false},  {CLIENT_GET, MESSAGE_PUT_DATA, true, false},
        {CLIENT_STAT, MESSAGE_GET_DATA, false, false}, {CLIENT_STAT, MESSAGE_PUT_DATA, true, false},
        {CLIENT_GET, MESSAGE_HELLO, false, false},     {CLIENT_LIST, MESSAGE_LIST_KEYS, false, false},
    };
    for (unsigned i = 0; i < sizeof halts / sizeof halts[0]; i++)
        for (unsigned cancels = 0; cancels <= 1; cancels++)
            check_halt(&halts[i], cancels);
}

static void a_write_cut_off_is_unknown_after_its_first_put_and_without_effect_before(void **state)
{
    (void)state;
    for (unsigned reached_count = 0; reached_count < 4; reached_count++) {
        struct calm calm;
        begin(&calm, "rs:5,3", 2);
        calm_hold(&calm, MESSAGE_PUT_DATA, ALL << reached_count);
        const uint32_t op_index = calm_begin_within(&calm, SUBJECT, CLIENT_PUT, 0, 100, 500 * MS);
        assert_int_equal(calm_await(&calm, op_index)->error, AREG_EMAYBE);
        assert_false(tag_is_zero(op_of(&calm, op_index)->tag));
        calm_hold(&calm, MESSAGE_GET_TAG, ALL << reached_count);
        const uint32_t before = calm_begin_within(&calm, SUBJECT, CLIENT_PUT, 0, 100, 500 * MS);
        assert_int_equal(calm_await(&calm, before)->error, AREG_EUNAVAIL);
        calm_fini(&calm);
    }
}

/* ---------------------------------------------------------------- covering writes, deletes, listings */

static void a_covering_write_succeeds_only_on_its_base(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    const struct tag first = calm_do(&calm, SUBJECT, CLIENT_PUT, 0, 100)->tag;
    const struct sim_op *second = calm_await(&calm, calm_begin_over(&calm, OTHER, 0, 100, first));
    assert_int_equal(second->error, AREG_OK);
    const struct tag newest = second->tag;
    const uint32_t stale_index = calm_begin_over(&calm, SUBJECT, 0, 100, first);
    const struct sim_op *stale = calm_await(&calm, stale_index);
    assert_int_equal(stale->error, AREG_ESTALE);
    assert_true(tag_equal(stale->tag, newest));
    /* What it says is not about silence. */
    assert_int_equal(calm_end_of(&calm, stale_index)->detail[0], 0);
    calm_fini(&calm);
}

/* A value, and above it an abandoned write on one host, which is in every quorum. The value's tag. */
static struct tag begin_below_abandoned(struct calm *calm)
{
    begin(calm, "rs:5,3", 0);
    const struct tag tag = calm_do(calm, SUBJECT, CLIENT_PUT, 0, 100)->tag;
    abandon(calm, ALL & ~(1 << 2));
    calm_crash_host(calm, 4);
    return tag;
}

static void an_abandoned_write_that_no_read_returns_does_not_refuse_covering_writes(void **state)
{
    (void)state;
    struct calm calm;
    const struct tag first = begin_below_abandoned(&calm);
    const struct sim_op *get = calm_do(&calm, OTHER, CLIENT_GET, 0, 0);
    assert_int_equal(get->error, AREG_OK);
    assert_true(tag_equal(get->tag, first));
    const struct sim_op *over = calm_await(&calm, calm_begin_over(&calm, OTHER, 0, 100, first));
    assert_int_equal(over->error, AREG_OK);
    assert_true(over->tag.z > first.z + 1); /* above the abandoned one */
    calm_fini(&calm);
}

static void a_stale_covering_write_names_the_tag_that_a_read_returns(void **state)
{
    (void)state;
    struct calm calm;
    const struct tag first = begin_below_abandoned(&calm);
    const struct sim_op *stale = calm_await(&calm, calm_begin_over(&calm, OTHER, 0, 100, TAG_ZERO));
    assert_int_equal(stale->error, AREG_ESTALE);
    assert_true(tag_equal(stale->tag, first));
    calm_fini(&calm);
}

static void a_delete_leaves_nothing_to_find(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 2);
    assert_int_equal(put(&calm, SUBJECT, 0, 100), AREG_OK);
    const struct sim_op *del = calm_do(&calm, OTHER, CLIENT_DEL, 0, 0);
    assert_int_equal(del->error, AREG_OK);
    const struct tag deleted = del->tag;
    const struct sim_op *get = calm_do(&calm, SUBJECT, CLIENT_GET, 0, 0);
    assert_int_equal(get->error, AREG_ENOTFOUND);
    assert_true(tag_equal(get->tag, deleted));
    calm_idle(&calm, 2 * SECOND);
    assert_int_equal(calm_stored(&calm).fragment_bytes, 0);
    calm_fini(&calm);
}

static void a_stat_of_an_abandoned_delete_ends_soon(void **state)
{
    (void)state;
    for (unsigned deletes = 0; deletes <= 1; deletes++) {
        struct calm calm;
        begin(&calm, "rs:5,3", 1);
        calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 3 | 1 << 4); /* three of five have it */
        calm_begin(&calm, SUBJECT, deletes ? CLIENT_DEL : CLIENT_PUT, 0, 0);
        calm_idle(&calm, 20 * MS);
        hear_last(&calm, 1 << 3 | 1 << 4);
        const struct sim_op *stat = calm_do(&calm, OTHER, CLIENT_STAT, 0, 0);
        assert_int_equal(stat->error, deletes ? AREG_ENOTFOUND : AREG_OK);
        assert_true(stat->end_ns - stat->start_ns < 50 * MS);
        calm_fini(&calm);
    }
}

static const struct calm_end *list(struct calm *calm, const struct op_request *request)
{
    const uint32_t op_index = workload_submit(calm->sim, OTHER, request);
    assert_int_equal(calm_await(calm, op_index)->error, AREG_OK);
    return calm_end_of(calm, op_index);
}

static void a_listing_shows_every_key_that_was_written_and_not_deleted(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 0);
    /* Each time another host is down, so that none knows all. */
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        calm_crash_host(&calm, i);
        assert_int_equal(put(&calm, SUBJECT, i, 100), AREG_OK);
        calm_start_host(&calm, i);
        calm_idle(&calm, 100 * MS);
    }
    assert_int_equal(calm_do(&calm, SUBJECT, CLIENT_DEL, 2, 0)->error, AREG_OK);
    for (uint32_t down = 0; down < 5; down++) {
        calm_crash_host(&calm, down);
        const struct calm_end *end =
            list(&calm, &(struct op_request){.kind = CLIENT_LIST, .key_count_max = 10, .timeout_ns = UINT64_MAX});
        assert_int_equal(end->listed, 1 << 0 | 1 << 1 | 1 << 3);
        assert_false(end->has_more);
        end = list(
            &calm,
            &(struct op_request){
                .kind = CLIENT_LIST, .has_after = true, .key_index = 0, .key_count_max = 1, .timeout_ns = UINT64_MAX});
        assert_int_equal(end->listed, 1 << 1);
        assert_true(end->has_more);
        calm_start_host(&calm, down);
        calm_idle(&calm, 100 * MS);
    }
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- known schedules */

static void crashed_writers_on_different_hosts_never_block_a_reader(void **state)
{
    (void)state;
    /* S3: a value at four of five, then two writers that crash after two hosts each; delta would keep two entries. */
    for (unsigned variant = 0; variant < 10; variant++) {
        struct calm calm;
        begin(&calm, "rs:5,3", 1);
        calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 4);
        assert_int_equal(put(&calm, SUBJECT, 0, 100), AREG_OK);
        calm_idle(&calm, variant % 2 ? 1 * SECOND : 0); /* confirmed and swept, or not yet */
        process_crash(calm.sim, SUBJECT);
        abandon(&calm, ALL & ~3U);
        abandon(&calm, ALL & ~(3U << variant % 4));
        const uint32_t get = calm_begin_within(&calm, OTHER, CLIENT_GET, 0, 0, 1 * SECOND);
        assert_int_equal(calm_await(&calm, get)->error, AREG_OK);
        calm_fini(&calm);
    }
}

static void a_tag_of_a_write_that_timed_out_is_never_used_again(void **state)
{
    (void)state;
    /* S7: the first write reaches host 0 alone; the second does not hear of it, and would choose the same tag. */
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:6,4"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct calm calm;
        begin(&calm, codes[i], 1);
        calm_hold(&calm, MESSAGE_PUT_DATA, ~1U);
        const uint32_t first = calm_begin_within(&calm, SUBJECT, CLIENT_PUT, 0, 100, 50 * MS);
        assert_int_equal(calm_await(&calm, first)->error, AREG_EMAYBE);
        calm_pass(&calm);
        calm_hold(&calm, MESSAGE_GET_TAG, 1);
        const struct sim_op *second = calm_do(&calm, SUBJECT, CLIENT_PUT, 0, 100);
        assert_int_equal(second->error, AREG_OK);
        assert_true(op_of(&calm, first)->tag.z < second->tag.z);
        calm_release(&calm);
        calm_idle(&calm, 1 * SECOND);
        assert_int_equal(calm_do(&calm, OTHER, CLIENT_GET, 0, 0)->error, AREG_OK);
        calm_fini(&calm);
    }
}

static void a_put_that_comes_after_its_confirmation_is_swept_too(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 4);
    calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 4);
    assert_int_equal(put(&calm, SUBJECT, 0, 3000), AREG_OK);
    calm_pass(&calm);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(put(&calm, SUBJECT, 0, 3000), AREG_OK);
    calm_idle(&calm, 3 * SECOND);
    calm_release(&calm); /* the first put reaches host 4 now */
    calm_idle(&calm, 3 * SECOND);
    assert_int_equal(calm_stored(&calm).fragment_bytes, 5 * 1000);
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- what it costs */

static void a_client_that_has_nothing_to_do_sleeps(void **state)
{
    (void)state;
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        begin(&calm, calm_codes[i], 2);
        const struct client *client = calm.sim->clients[OTHER].engine;
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(put(&calm, SUBJECT, 0, 3000), AREG_OK);
        assert_int_equal(calm_do(&calm, OTHER, CLIENT_GET, 0, 0)->error, AREG_OK);
        calm_idle(&calm, 3 * SECOND);
        const uint64_t sent_before = client_counters(client)->messages_sent;
        for (unsigned j = 0; j < 10; j++)
            assert_int_equal(calm_do(&calm, OTHER, CLIENT_GET, 0, 0)->error, AREG_OK);
        calm_idle(&calm, 3 * SECOND);
        assert_int_equal(client_counters(client)->messages_sent - sent_before, 10 * calm.sim->options.code.n);
        assert_int_equal(client_wake_ns(client), UINT64_MAX);
        calm_fini(&calm);
    }
}

static void a_write_back_sends_to_those_that_lack_the_value_alone(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 1);
    const struct client *client = calm.sim->clients[OTHER].engine;
    abandon(&calm, 1 << 3 | 1 << 4);
    hear_last(&calm, 1 << 3 | 1 << 4);
    const struct client_counters before = *client_counters(client);
    const uint32_t get = calm_begin(&calm, OTHER, CLIENT_GET, 0, 0);
    assert_int_equal(calm_await(&calm, get)->error, AREG_OK);
    assert_true(calm_end_of(&calm, get)->wrote_back);
    assert_int_equal(client_counters(client)->messages_sent - before.messages_sent, 5 + 2);
    assert_int_equal(client_counters(client)->bytes_sent - before.bytes_sent, 2 * 1000);
    calm_fini(&calm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_one_client_to_one_key_take_effect_in_order),
        cmocka_unit_test(writes_to_different_keys_do_not_wait_for_each_other),
        cmocka_unit_test(the_next_write_goes_on_when_the_first_ends_in_any_way),
        cmocka_unit_test(a_queued_write_can_be_given_up_wherever_it_stands),
        cmocka_unit_test(a_write_behind_one_of_unknown_outcome_gets_a_larger_tag),
        cmocka_unit_test(every_state_has_its_deadline_and_its_cancellation),
        cmocka_unit_test(a_write_cut_off_is_unknown_after_its_first_put_and_without_effect_before),
        cmocka_unit_test(a_covering_write_succeeds_only_on_its_base),
        cmocka_unit_test(an_abandoned_write_that_no_read_returns_does_not_refuse_covering_writes),
        cmocka_unit_test(a_stale_covering_write_names_the_tag_that_a_read_returns),
        cmocka_unit_test(a_delete_leaves_nothing_to_find),
        cmocka_unit_test(a_stat_of_an_abandoned_delete_ends_soon),
        cmocka_unit_test(a_listing_shows_every_key_that_was_written_and_not_deleted),
        cmocka_unit_test(crashed_writers_on_different_hosts_never_block_a_reader),
        cmocka_unit_test(a_tag_of_a_write_that_timed_out_is_never_used_again),
        cmocka_unit_test(a_put_that_comes_after_its_confirmation_is_swept_too),
        cmocka_unit_test(a_client_that_has_nothing_to_do_sleeps),
        cmocka_unit_test(a_write_back_sends_to_those_that_lack_the_value_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
