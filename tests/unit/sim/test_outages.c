/*
 * Operations while something is not as it should be: hosts that are down, silent, busy, full or damaged, and writers
 * that crash. What can go on goes on, and what can not says so.
 */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WRITER = 0, READER = 1, KEY_COUNT = 4 };

/* A message takes a millisecond; both clients have heard of the cluster. */
static void begin(struct calm *calm, const char *code, unsigned delta, uint64_t quota_bytes)
{
    calm_init(calm, &(struct calm_options){.code = code,
                                           .seed = 1,
                                           .has_delta = true,
                                           .delta = delta,
                                           .client_count = 2,
                                           .key_count = KEY_COUNT,
                                           .delay_min_ns = 1 * MS,
                                           .quota_bytes = quota_bytes});
}

/* The outcome of an operation that has three seconds. */
static enum areg_error outcome(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                               size_t value_bytes)
{
    const uint32_t op_index = calm_begin_within(calm, client_index, kind, key_index, value_bytes, 3 * SECOND);
    return calm_await(calm, op_index)->error;
}

static uint64_t digest_read(struct calm *calm)
{
    assert_int_equal(outcome(calm, READER, CLIENT_GET, 0, 0), AREG_OK);
    return calm->sim->ops[calm->sim->op_count - 1].value_digest;
}

static uint64_t digest_written(struct calm *calm, uint32_t client_index, size_t value_bytes)
{
    assert_int_equal(outcome(calm, client_index, CLIENT_PUT, 0, value_bytes), AREG_OK);
    return calm->sim->ops[calm->sim->op_count - 1].value_digest;
}

/* ---------------------------------------------------------------- hosts that are down or silent */

static void check_down(const char *code_text, uint32_t first)
{
    struct calm calm;
    begin(&calm, code_text, 2, 0);
    const struct code code = calm.sim->options.code;
    const uint32_t last = (first + code_tolerance(code)) % code.n;
    const uint64_t old = digest_written(&calm, WRITER, 5000);
    for (uint32_t i = 0; i < code_tolerance(code); i++)
        calm_crash_host(&calm, (first + i) % code.n);
    assert_int_equal(digest_read(&calm), old);
    const uint64_t new = digest_written(&calm, READER, 5000);
    /* One more than that: nothing works, and nothing lies. */
    calm_crash_host(&calm, last);
    assert_int_equal(outcome(&calm, READER, CLIENT_GET, 0, 0), AREG_EUNAVAIL);
    assert_int_equal(outcome(&calm, WRITER, CLIENT_PUT, 0, 500), AREG_EUNAVAIL);
    /* When it is back, what was waiting goes on. */
    const uint32_t waiting = calm_begin_within(&calm, READER, CLIENT_GET, 0, 0, 5 * SECOND);
    calm_idle(&calm, 100 * MS);
    calm_start_host(&calm, last);
    assert_int_equal(calm_await(&calm, waiting)->error, AREG_OK);
    assert_int_equal(calm.sim->ops[waiting].value_digest, new);
    calm_fini(&calm);
}

static void operations_complete_while_a_tolerable_number_of_hosts_is_down(void **state)
{
    (void)state;
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct code code;
        assert_int_equal(code_parse(calm_codes[i], &code), AREG_OK);
        for (uint32_t first = 0; first < code.n; first++)
            check_down(calm_codes[i], first);
    }
}

static void a_cluster_of_one_host_works_while_it_is_up(void **state)
{
    (void)state;
    check_down("rs:1,1", 0);
}

static void a_host_that_goes_down_during_a_read_is_replaced_at_once(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 1, 0);
    digest_written(&calm, WRITER, 3000);
    calm_hold_replies(&calm, MESSAGE_GET_DATA, 1);
    const uint32_t get = calm_begin(&calm, WRITER, CLIENT_GET, 0, 0);
    calm_idle(&calm, 3 * MS);
    assert_false(calm.sim->ops[get].has_ended);
    calm_crash_host(&calm, 0);
    assert_int_equal(calm_await(&calm, get)->error, AREG_OK);
    assert_int_equal(calm.sim->ops[get].end_ns - calm.sim->ops[get].start_ns, 5 * MS);
    calm_fini(&calm);
}

static uint64_t read_ns(struct calm *calm)
{
    const struct sim_op *op = calm_do(calm, WRITER, CLIENT_GET, 0, 0);
    assert_int_equal(op->error, AREG_OK);
    return op->end_ns - op->start_ns;
}

static void a_silent_host_delays_one_read_by_a_hedge_and_is_not_preferred_again(void **state)
{
    (void)state;
    unsigned slow_count = 0;
    for (uint32_t silent = 0; silent < 5; silent++) {
        struct calm calm;
        begin(&calm, "rs:5,3", 1, 0);
        digest_written(&calm, WRITER, 3000);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(read_ns(&calm), 2 * MS);
        calm_hold_replies(&calm, MESSAGE_GET_DATA, UINT32_C(1) << silent);
        const uint64_t first_ns = read_ns(&calm);
        if (first_ns != 2 * MS) {
            assert_in_range(first_ns, 5 * MS, 20 * MS);
            slow_count++;
        }
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(read_ns(&calm), 2 * MS);
        calm_fini(&calm);
    }
    assert_int_equal(slow_count, 3); /* the hosts that it has had the fragments from */
}

static void a_host_that_falls_silent_after_many_reads_delays_one_by_a_hedge_only(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 2, 0);
    digest_written(&calm, WRITER, 3000);
    for (uint32_t silent = 0; silent < 5; silent++) {
        for (unsigned i = 0; i < 20; i++)
            read_ns(&calm);
        calm_hold_replies(&calm, MESSAGE_GET_DATA, UINT32_C(1) << silent);
        assert_in_range(read_ns(&calm), 2 * MS, 20 * MS);
        calm_pass(&calm);
        /* And one that is known to be down. */
        calm_crash_host(&calm, silent);
        assert_in_range(read_ns(&calm), 2 * MS, 20 * MS);
        calm_start_host(&calm, silent);
        calm_idle(&calm, 100 * MS);
    }
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- writers that crash */

static void check_crashed_writer(const char *code_text, bool has_first, unsigned reached_count)
{
    struct calm calm;
    begin(&calm, code_text, 1, 0);
    if (has_first)
        digest_written(&calm, READER, 100);
    for (unsigned crash = 0; crash < 3; crash++) {
        calm_hold(&calm, MESSAGE_PUT_DATA, UINT32_MAX << reached_count);
        calm_begin(&calm, WRITER, CLIENT_PUT, 0, 200);
        calm_idle(&calm, 20 * MS);
        process_crash(calm.sim, WRITER);
    }
    for (unsigned i = 0; i < 3; i++) {
        const enum areg_error error = outcome(&calm, READER, CLIENT_GET, 0, 0);
        assert_true(error == AREG_OK || (error == AREG_ENOTFOUND && !has_first));
        /* What they have sent arrives after the first read, and during the others. */
        calm_release(&calm);
    }
    calm_fini(&calm);
}

static void a_writer_that_crashes_after_any_number_of_hosts_never_blocks_readers(void **state)
{
    (void)state;
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct code code;
        assert_int_equal(code_parse(calm_codes[i], &code), AREG_OK);
        for (unsigned has_first = 0; has_first <= 1; has_first++)
            for (unsigned reached_count = 0; reached_count <= code.n; reached_count++)
                check_crashed_writer(calm_codes[i], has_first, reached_count);
    }
}

/* ---------------------------------------------------------------- busy, damaged, full */

static void set_busy(struct calm *calm, bool is_busy)
{
    calm->sim->queue_max = is_busy ? 0 : 1024;
}

static void a_busy_host_is_asked_until_it_is_not(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:3,3", 0, 0); /* all are needed */
    set_busy(&calm, true);
    const uint32_t patient = calm_begin(&calm, WRITER, CLIENT_PUT, 0, 100);
    calm_idle(&calm, 200 * MS);
    assert_false(calm.sim->ops[patient].has_ended);
    set_busy(&calm, false);
    assert_int_equal(calm_await(&calm, patient)->error, AREG_OK);
    set_busy(&calm, true);
    const uint32_t given_up = calm_begin_within(&calm, WRITER, CLIENT_PUT, 0, 100, 300 * MS);
    assert_int_equal(calm_await(&calm, given_up)->error, AREG_EMAYBE);
    assert_non_null(strstr(calm_end_of(&calm, given_up)->detail, "busy"));
    calm_fini(&calm);
}

static void rot(struct calm *calm, uint32_t host_index, struct tag tag)
{
    const struct sim_key *key = &calm->sim->keys[0];
    assert_int_equal(store_memory_rot(calm->sim->hosts[host_index].store, calm->sim->hosts[host_index].configs[0].slot,
                                      slice_borrow(key->text, key->text_bytes), tag, 0),
                     AREG_OK);
}

static void what_is_damaged_is_told_with_its_hosts(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:3,2", 0, 0);
    const struct tag tag = calm_do(&calm, WRITER, CLIENT_PUT, 0, 4000)->tag;
    calm_idle(&calm, 50 * MS);
    rot(&calm, 0, tag);
    rot(&calm, 2, tag);
    assert_int_equal(calm_do(&calm, READER, CLIENT_GET, 0, 0)->error, AREG_ECORRUPT);
    const char *detail = calm.last_end.detail;
    assert_non_null(strstr(detail, "s1"));
    assert_null(strstr(detail, "s2"));
    assert_non_null(strstr(detail, "s3"));
    assert_non_null(strstr(detail, "damaged"));
    /* On more hosts than may be damaged, the simulator would have it. */
    assert_string_equal(calm.report.broken, "outcome");
    sim_destroy(calm.sim);
}

static void full_hosts_refuse_writes_without_effect_and_serve_reads(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 2, 64 << 10);
    enum areg_error error = AREG_OK;
    for (uint32_t i = 0; i < 400 && error == AREG_OK; i++)
        error = outcome(&calm, WRITER, CLIENT_PUT, i % KEY_COUNT, 60000);
    assert_int_equal(error, AREG_EFULL);
    assert_int_equal(outcome(&calm, READER, CLIENT_GET, 0, 0), AREG_OK);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        assert_int_equal(outcome(&calm, READER, CLIENT_DEL, i, 0), AREG_OK);
    calm_idle(&calm, 3 * SECOND);
    assert_int_equal(outcome(&calm, WRITER, CLIENT_PUT, 0, 6000), AREG_OK);
    calm_fini(&calm);
}

static void a_put_that_found_no_room_is_never_seen(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3", 0, 6600);
    assert_int_equal(outcome(&calm, READER, CLIENT_PUT, 0, 3000), AREG_OK);
    /* All have room when they are asked for tags; not any more when the value comes. */
    calm_hold(&calm, MESSAGE_PUT_DATA, UINT32_MAX);
    const uint32_t late = calm_begin(&calm, WRITER, CLIENT_PUT, 1, 3000);
    calm_idle(&calm, 20 * MS);
    for (uint32_t i = 0; i < 4; i++)
        calm_await(&calm, calm_begin_within(&calm, READER, CLIENT_PUT, 2 + i % 2, 6000, 500 * MS));
    calm_release(&calm);
    /* It may have been doubled on its way, and the other copy stored. */
    assert_int_equal(calm_await(&calm, late)->error, AREG_EMAYBE);
    assert_int_equal(outcome(&calm, READER, CLIENT_GET, 1, 0), AREG_ENOTFOUND);
    assert_int_equal(outcome(&calm, READER, CLIENT_GET, 0, 0), AREG_OK);
    calm_fini(&calm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_complete_while_a_tolerable_number_of_hosts_is_down),
        cmocka_unit_test(a_cluster_of_one_host_works_while_it_is_up),
        cmocka_unit_test(a_host_that_goes_down_during_a_read_is_replaced_at_once),
        cmocka_unit_test(a_silent_host_delays_one_read_by_a_hedge_and_is_not_preferred_again),
        cmocka_unit_test(a_host_that_falls_silent_after_many_reads_delays_one_by_a_hedge_only),
        cmocka_unit_test(a_writer_that_crashes_after_any_number_of_hosts_never_blocks_readers),
        cmocka_unit_test(a_busy_host_is_asked_until_it_is_not),
        cmocka_unit_test(what_is_damaged_is_told_with_its_hosts),
        cmocka_unit_test(full_hosts_refuse_writes_without_effect_and_serve_reads),
        cmocka_unit_test(a_put_that_found_no_room_is_never_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
