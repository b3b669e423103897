/*
 * ABD, answering half: one value, the newest that was put.
 */
#include "bench.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NEWEST ((struct get_data){.want = WANT_NEWEST})

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

static void keeps_exactly_the_newest_of_random_puts(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned run = 0; run < 100; run++) {
        struct bench bench;
        static struct data_reply reply;
        struct tag newest = TAG_ZERO;
        uint32_t newest_bytes = 0;
        bench_open(&bench, "repl:3", (unsigned)random_below(&random, 3));
        for (unsigned i = 0; i < 100; i++) {
            const struct tag tag = {1 + random_below(&random, 40), 1 + random_below(&random, 3)};
            const uint32_t value_bytes = 1 + (uint32_t)random_below(&random, 5000);
            const struct answer_effect effect = bench_put(&bench, "k", tag, value_bytes);
            assert_int_equal(effect.is_stale, tag_compare(tag, newest) <= 0);
            assert_int_equal(effect.trim_count, !effect.is_stale && !tag_is_zero(newest));
            assert_true(tag_is_zero(effect.superseded));
            newest_bytes = effect.is_stale ? newest_bytes : value_bytes;
            newest = tag_max(newest, tag);

            bench_get_data(&bench, "k", NEWEST, &reply);
            assert_int_equal(reply.entry_count, 1);
            assert_true(tag_equal(reply.entries[0].tag, newest));
            assert_true(reply.has_fragment);
            assert_true(tag_equal(bench_get_tag(&bench, "k"), newest));
            assert_int_equal(bench_stats(&bench).fragment_bytes, newest_bytes);
        }
        bench_close(&bench);
    }
}

static void whatever_it_may_have_acknowledged_below_its_value_counts_as_trimmed(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "repl:3", 0);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_true(tag_is_zero(reply.trimmed));
    bench_put(&bench, "k", tag_of(5), 10);
    bench_put(&bench, "k", tag_of(4), 10); /* acknowledged, and not stored */
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_true(tag_compare(reply.trimmed, tag_of(4)) >= 0);
    bench_close(&bench);
}

static void whoever_asks_for_a_replaced_value_gets_the_one_that_replaced_it(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "repl:3", 0);
    bench_put(&bench, "k", tag_of(1), 10);
    bench_put(&bench, "k", tag_of(2), 20);
    bench_get_data(&bench, "k", (struct get_data){.want = WANT_TAG, .tag = tag_of(1)}, &reply);
    assert_true(reply.has_fragment);
    assert_true(tag_equal(reply.fragment_tag, tag_of(2)));
    bench_get_data(&bench, "k", (struct get_data){.want = WANT_TAGS}, &reply);
    assert_false(reply.has_fragment);
    bench_close(&bench);
}

static void a_rotten_copy_is_listed_as_damaged_and_never_sent_until_it_is_replaced(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "repl:3", 0);
    bench_put(&bench, "k", tag_of(1), 9000);
    bench_rot(&bench, "k", tag_of(1), 77);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entries[0].flags, ENTRY_DAMAGED);
    assert_false(reply.has_fragment);
    assert_true(bench_put(&bench, "k", tag_of(1), 9000).is_stale);
    bench_put(&bench, "k", tag_of(2), 9000);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entries[0].flags, 0);
    assert_true(reply.has_fragment);
    bench_close(&bench);
}

static void without_room_only_what_would_be_stored_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "repl:3", 0);
    bench_put(&bench, "k", tag_of(4), 30);
    store_set_quota(bench.store, 1, 0);
    assert_true(bench_put(&bench, "k", tag_of(5), 30).is_refused);
    assert_true(tag_equal(bench_get_tag(&bench, "k"), tag_of(4)));
    assert_false(bench_put(&bench, "k", tag_of(4), 30).is_refused);
    assert_false(bench_put(&bench, "k", tag_of(3), 30).is_refused);
    struct entry entry = bench_entry(&bench, tag_of(6), 0);
    entry.flags = ENTRY_TOMBSTONE;
    assert_false(bench_put_entry(&bench, "k", &entry, (struct slice){0}).is_refused);
    assert_int_equal(bench_stats(&bench).fragment_bytes, 0);
    bench_close(&bench);
}

static void a_copy_of_another_size_does_not_fit(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "repl:3", 0);
    const struct entry entry = bench_entry(&bench, tag_of(1), 30);
    assert_true(bench_fits(&bench, &entry, bench_fragment(&bench, tag_of(1), 30)));
    assert_false(bench_fits(&bench, &entry, bench_fragment(&bench, tag_of(1), 29)));
    assert_false(bench_fits(&bench, &entry, bench_fragment(&bench, tag_of(2), 30)));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_exactly_the_newest_of_random_puts),
        cmocka_unit_test(whatever_it_may_have_acknowledged_below_its_value_counts_as_trimmed),
        cmocka_unit_test(whoever_asks_for_a_replaced_value_gets_the_one_that_replaced_it),
        cmocka_unit_test(a_rotten_copy_is_listed_as_damaged_and_never_sent_until_it_is_replaced),
        cmocka_unit_test(without_room_only_what_would_be_stored_is_refused),
        cmocka_unit_test(a_copy_of_another_size_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
