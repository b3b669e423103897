/* Which codes are considered, what is said of them, and which one is chosen. */
#include "reconfig/advise.h"

#include "reconfig/plan.h"
#include "tests/unit/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static const struct workload light = {.reads_per_s = 10, .writes_per_s = 10, .value_bytes = 10000};

/* Messages take a millisecond, commits two, and all else nothing. */
static const struct machines plain = {.delay_min_ns = MS,
                                      .delay_max_ns = MS,
                                      .commit_min_ns = 2 * MS,
                                      .commit_median_ns = 2 * MS,
                                      .commit_max_ns = 2 * MS};

static struct code code_of(const char *text)
{
    struct code code;
    assert_int_equal(code_parse(text, &code), AREG_OK);
    return code;
}

static void every_code_that_tolerates_enough_is_there_once_and_no_other(void **state)
{
    (void)state;
    static struct advices advices;
    for (unsigned hosts = 1; hosts <= 6; hosts++) {
        for (unsigned tolerance = 0; tolerance <= 3; tolerance++) {
            const struct advise_wish wish = {.host_count_max = hosts, .tolerance = tolerance};
            unsigned count = 0;
            advise(&light, &plain, &wish, NULL, &advices);
            for (unsigned n = 1; n <= hosts; n++)
                for (unsigned k = 1; k <= n; k++)
                    count += (n - k) / 2 >= tolerance;
            assert_int_equal(advices.count, count);
            for (unsigned i = 0; i < advices.count; i++) {
                const struct advice *advice = &advices.at[i];
                assert_true(advice->tolerance >= tolerance && advice->tolerance == code_tolerance(advice->code));
                assert_true(advice->code.n <= hosts && code_is_possible(advice->code));
                assert_true((advice->code.k == 1) == (advice->code.dap == DAP_ABD));
                for (unsigned j = 0; j < i; j++)
                    assert_false(code_equal(advice->code, advices.at[j].code));
            }
            assert_int_equal(advices.best, count > 0 ? 0 : -1);
        }
    }
}

static void the_cheapest_stores_least_then_sends_least_then_has_fewest_members(void **state)
{
    (void)state;
    static struct advices advices;
    const struct advise_wish wish = {.host_count_max = 8, .tolerance = 1};
    advise(&light, &plain, &wish, NULL, &advices);
    for (unsigned i = 1; i < advices.count; i++) {
        const struct advice *a = &advices.at[i - 1];
        const struct advice *b = &advices.at[i];
        assert_true(a->stored < b->stored || (a->stored == b->stored && a->mean_bytes <= b->mean_bytes));
    }
    assert_true(code_equal(advices.at[advices.best].code, code_of("rs:8,6")));
}

static void a_value_is_received_once_and_sent_as_often_as_it_is_stored(void **state)
{
    (void)state;
    static struct advices advices;
    const struct advise_wish wish = {.host_count_max = 5, .tolerance = 1};
    const struct workload workload = {.reads_per_s = 30, .writes_per_s = 10, .value_bytes = 1 << 20};
    advise(&workload, &plain, &wish, NULL, &advices);
    for (unsigned i = 0; i < advices.count; i++) {
        const struct advice *advice = &advices.at[i];
        assert_true(fabs(advice->stored - (double)advice->code.n / advice->code.k) < 1e-9);
        assert_true(fabs(advice->read_bytes / (1 << 20) - 1) < 0.01);
        assert_true(fabs(advice->write_bytes / (1 << 20) - advice->stored) < 0.01);
        assert_true(fabs(advice->mean_bytes - (3 * advice->read_bytes + advice->write_bytes) / 4) < 1);
    }
}

static void without_load_the_times_are_those_of_the_rounds(void **state)
{
    (void)state;
    struct machines machines = plain;
    struct workload workload = {.reads_per_s = 1e-3, .writes_per_s = 1e-3};
    static const char *const codes[] = {"repl:1", "repl:3", "rs:5,3", "rs:9,5", "rs:4,4"};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct forecast forecast = forecast_make(&workload, &machines, code_of(codes[i]));
        assert_true(fabs(forecast.read_p50_ns - 2e6) < 1 && fabs(forecast.read_p99_ns - 2e6) < 1);
        assert_true(fabs(forecast.write_p50_ns - 6e6) < 1 && fabs(forecast.write_p99_ns - 6e6) < 1);
    }
    /* A value of a megabyte over a gigabyte a second: the client receives it once, and sends n/k of it. */
    machines.bandwidth_bytes_per_s = 1000000000;
    workload.value_bytes = 1000000;
    const struct forecast forecast = forecast_make(&workload, &machines, code_of("rs:5,3"));
    assert_true(fabs(forecast.read_p50_ns - 3e6) < 2e4);
    assert_true(forecast.write_p50_ns > 6e6 + 4.0 / 3 * 1e6 && forecast.write_p50_ns < 6e6 + 5.0 / 3 * 1e6);
}

static void more_load_takes_longer_until_it_is_too_much(void **state)
{
    (void)state;
    const struct machines machines = machines_usual();
    struct forecast before = {0};
    struct workload workload = {.value_bytes = 100000};
    for (unsigned step = 1; step <= 9; step++) {
        workload.reads_per_s = workload.writes_per_s = 1000.0 * step;
        const struct forecast forecast = forecast_make(&workload, &machines, code_of("repl:3"));
        assert_true(fabs(forecast.utilisation - 0.1 * step) < 0.01);
        assert_true(forecast.read_p99_ns > before.read_p99_ns && forecast.write_p99_ns > before.write_p99_ns);
        before = forecast;
    }
    workload.reads_per_s = workload.writes_per_s = 10000;
    assert_true(forecast_make(&workload, &machines, code_of("repl:3")).utilisation >= 1);
    assert_true(forecast_make(&workload, &machines, code_of("rs:5,3")).utilisation < 1);
}

static void what_is_too_slow_is_not_chosen_and_the_nearest_is_named(void **state)
{
    (void)state;
    static struct advices advices;
    struct advise_wish wish = {.host_count_max = 5, .tolerance = 1, .p99_ns = 5 * MS};
    advise(&light, &plain, &wish, NULL, &advices);
    assert_int_equal(advices.best, -1);
    for (unsigned i = 0; i < advices.count; i++)
        assert_true(advices.at[advices.nearest].forecast.write_p99_ns <= advices.at[i].forecast.write_p99_ns);
    wish.p99_ns = 10 * MS;
    advise(&light, &plain, &wish, NULL, &advices);
    assert_int_equal(advices.best, 0);
    wish.tolerance = 3;
    advise(&light, &plain, &wish, NULL, &advices);
    assert_int_equal(advices.best, -1);
    assert_int_equal(advices.nearest, -1);
}

static void what_nobody_does_need_not_be_fast(void **state)
{
    (void)state;
    static struct advices advices;
    struct workload workload = light;
    const struct advise_wish wish = {.host_count_max = 5, .tolerance = 1, .p99_ns = 4 * MS};
    workload.writes_per_s = 0;
    advise(&workload, &plain, &wish, NULL, &advices);
    assert_int_equal(advices.best, 0);
}

static void it_costs_nothing_to_stay_and_as_much_as_a_plan_says_to_go(void **state)
{
    (void)state;
    static struct advices advices;
    struct config base = {.code = code_of("rs:5,3"), .member_count = 5};
    for (unsigned i = 0; i < base.member_count; i++)
        snprintf(base.members[i].id.text, sizeof base.members[i].id.text, "s%u", i + 1);
    const struct advise_wish wish = {.host_count_max = 7, .tolerance = 1};
    advise(&light, &plain, &wish, &base, &advices);
    for (unsigned i = 0; i < advices.count; i++) {
        const struct advice *advice = &advices.at[i];
        assert_true(advice->moved >= 0);
        assert_true((advice->moved == 0) == (advice->code.k == 3 && advice->code.n <= 5));
    }
    advise(&light, &plain, &wish, NULL, &advices);
    assert_true(advices.at[0].moved < 0);
}

static void any_workload_gets_an_answer_that_tolerates_what_was_wished(void **state)
{
    (void)state;
    static struct advices advices;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 20; i++) {
        const struct workload workload = {.reads_per_s = (double)random_below(&random, 100000),
                                          .writes_per_s = (double)random_below(&random, 100000),
                                          .value_bytes = random_below(&random, AREG_VALUE_BYTES_MAX + 1),
                                          .register_count = random_below(&random, 3),
                                          .client_count = (unsigned)random_below(&random, 3)};
        struct machines machines = {.delay_min_ns = random_below(&random, 100 * MS),
                                    .bandwidth_bytes_per_s = random_next(&random) >> random_below(&random, 64),
                                    .commit_min_ns = random_below(&random, 100 * MS),
                                    .disk_bytes_per_s = random_next(&random) >> random_below(&random, 64),
                                    .processing_ns = random_below(&random, MS)};
        machines.delay_max_ns = machines.delay_min_ns + random_below(&random, MS);
        machines.commit_median_ns = machines.commit_min_ns + random_below(&random, MS);
        machines.commit_max_ns = machines.commit_median_ns + random_below(&random, MS);
        const struct advise_wish wish = {.host_count_max = 1 + (unsigned)random_below(&random, 6),
                                         .tolerance = (unsigned)random_below(&random, 3),
                                         .p99_ns = random_below(&random, 100 * MS)};
        advise(&workload, &machines, &wish, NULL, &advices);
        for (unsigned j = 0; j < advices.count; j++)
            assert_true(advices.at[j].tolerance >= wish.tolerance && isfinite(advices.at[j].forecast.write_p99_ns));
        assert_true(advices.best < (int)advices.count && (advices.nearest >= 0) == (advices.count > 0));
        assert_true(advices.best < 0 || advices.at[advices.best].forecast.utilisation < 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_that_tolerates_enough_is_there_once_and_no_other),
        cmocka_unit_test(the_cheapest_stores_least_then_sends_least_then_has_fewest_members),
        cmocka_unit_test(a_value_is_received_once_and_sent_as_often_as_it_is_stored),
        cmocka_unit_test(without_load_the_times_are_those_of_the_rounds),
        cmocka_unit_test(more_load_takes_longer_until_it_is_too_much),
        cmocka_unit_test(what_is_too_slow_is_not_chosen_and_the_nearest_is_named),
        cmocka_unit_test(what_nobody_does_need_not_be_fast),
        cmocka_unit_test(it_costs_nothing_to_stay_and_as_much_as_a_plan_says_to_go),
        cmocka_unit_test(any_workload_gets_an_answer_that_tolerates_what_was_wished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
