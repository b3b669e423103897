/* The distribution of durations against sorted durations. */
#include "server/daemon/latency.h"

#include "core/random.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void percentiles_are_at_most_a_quarter_too_high(void **state)
{
    (void)state;
    enum { COUNT = 10000 };
    const char *text = getenv("AREG_SEED");
    struct random_source random = {.state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL)};
    printf("AREG_SEED=%" PRIu64 "\n", random.state);
    static const double PERCENTS[] = {0.01, 1, 50, 90, 99, 99.9, 100};
    for (unsigned round = 0; round < 20; round++) {
        uint64_t sorted_us[COUNT];
        struct latency latency = {0};
        for (unsigned i = 0; i < COUNT; i++) {
            sorted_us[i] = random_next(&random) >> (random_below(&random, 30) + 33);
            latency_add(&latency, sorted_us[i] * 1000 + random_below(&random, 1000));
        }
        qsort(sorted_us, COUNT, sizeof sorted_us[0], compare);
        for (unsigned i = 0; i < sizeof PERCENTS / sizeof PERCENTS[0]; i++) {
            const unsigned rank = (unsigned)(PERCENTS[i] * COUNT / 100 + 0.5);
            const uint64_t exact_us = sorted_us[rank ? rank - 1 : 0];
            const uint64_t found_us = latency_percentile_us(&latency, PERCENTS[i]);
            assert_in_range(found_us, exact_us, exact_us + exact_us / 4);
        }
        assert_int_equal(latency.max_us, sorted_us[COUNT - 1]);
        assert_int_equal(latency.count, COUNT);
    }
}

static void nothing_and_everything_have_percentiles(void **state)
{
    (void)state;
    struct latency latency = {0};
    assert_int_equal(latency_percentile_us(&latency, 99), 0);
    latency_add(&latency, UINT64_MAX);
    assert_int_equal(latency_percentile_us(&latency, 50), latency.max_us);
    latency_add(&latency, 0);
    assert_int_equal(latency_percentile_us(&latency, 50), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_at_most_a_quarter_too_high),
        cmocka_unit_test(nothing_and_everything_have_percentiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
