/* Quantiles from buckets, against all values sorted. */
#include "lab/histogram.h"

#include "core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest value at or below which at least that share of all values lie. */
static uint64_t quantile_of(const uint64_t *sorted, uint64_t count, uint32_t per_100000)
{
    const uint64_t rank = (count * per_100000 + 99999) / 100000;
    return sorted[rank ? rank - 1 : 0];
}

static void quantiles_are_within_a_64th(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    static uint64_t values[COUNT];
    static struct histogram histogram;
    const char *given = getenv("AREG_SEED");
    struct random_source random = {.state = given ? strtoull(given, NULL, 0) : 1};
    print_message("AREG_SEED=%llu\n", (unsigned long long)random.state);
    for (unsigned scale = 1; scale <= 64; scale += 7) {
        memset(&histogram, 0, sizeof histogram);
        for (unsigned i = 0; i < COUNT; i++) {
            values[i] = random_next(&random) >> (64 - scale) >> random_below(&random, scale);
            histogram_add(&histogram, values[i]);
        }
        qsort(values, COUNT, sizeof values[0], compare);
        static const uint32_t quantiles[] = {0, 1, 1000, 50000, 90000, 99000, 99900, 99999, 100000};
        for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
            const uint64_t exact = quantile_of(values, COUNT, quantiles[i]);
            const uint64_t found = histogram_quantile(&histogram, quantiles[i]);
            assert_true(found >= exact);
            assert_true(found - exact <= exact / 64);
        }
        assert_int_equal(histogram_quantile(&histogram, 100000), values[COUNT - 1]);
    }
}

static void small_and_extreme_values_are_exact(void **state)
{
    (void)state;
    static struct histogram histogram;
    assert_int_equal(histogram_quantile(&histogram, 50000), 0);
    histogram_add(&histogram, 0);
    assert_int_equal(histogram_quantile(&histogram, 100000), 0);
    for (uint64_t i = 1; i < 128; i++)
        histogram_add(&histogram, i);
    assert_int_equal(histogram_quantile(&histogram, 50000), 63);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram.max, UINT64_MAX);
    assert_int_equal(histogram_quantile(&histogram, 100000), UINT64_MAX);
}

static void merging_is_adding_all(void **state)
{
    (void)state;
    static struct histogram parts[2];
    static struct histogram whole;
    struct random_source random = {.state = 7};
    for (unsigned i = 0; i < 10000; i++) {
        const uint64_t value = random_next(&random) >> random_below(&random, 60);
        histogram_add(&parts[i % 2], value);
        histogram_add(&whole, value);
    }
    histogram_merge(&parts[0], &parts[1]);
    assert_memory_equal(&parts[0], &whole, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_a_64th),
        cmocka_unit_test(small_and_extreme_values_are_exact),
        cmocka_unit_test(merging_is_adding_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
