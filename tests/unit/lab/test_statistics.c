/* Medians and intervals, against what is known of them. */
#include "lab/statistics.h"

#include "core/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SAMPLE(...) ((struct sample){(const double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double)})

static void is_near(double found, double expected)
{
    if (fabs(found - expected) > 1e-9)
        fail_msg("%.17g, not %.17g", found, expected);
}

static void medians_are_in_the_middle(void **state)
{
    (void)state;
    is_near(statistics_median(SAMPLE(7)), 7);
    is_near(statistics_median(SAMPLE(9, 1, 5)), 5);
    is_near(statistics_median(SAMPLE(4, 1, 3, 2)), 2.5);
    const struct interval range = statistics_range(SAMPLE(3, -1, 9, 4));
    is_near(range.low, -1);
    is_near(range.middle, 3.5);
    is_near(range.high, 9);
}

static void quantiles_are_interpolated(void **state)
{
    (void)state;
    const double sorted[] = {10, 20, 30, 40, 50};
    is_near(statistics_quantile(sorted, 5, 0), 10);
    is_near(statistics_quantile(sorted, 5, 1), 50);
    is_near(statistics_quantile(sorted, 5, 0.25), 20);
    is_near(statistics_quantile(sorted, 5, 0.9), 46);
    is_near(statistics_quantile(sorted, 1, 0.9), 10);
}

static void an_interval_holds_its_median_and_stays_within_the_sample(void **state)
{
    (void)state;
    const struct sample sample = SAMPLE(5, 1, 4, 2, 3, 9, 7);
    const struct interval interval = statistics_median_interval(sample, 1);
    is_near(interval.middle, 4);
    assert_true(interval.low >= 1 && interval.low <= 4);
    assert_true(interval.high >= 4 && interval.high <= 9);
    const struct interval single = statistics_median_interval(SAMPLE(8), 1);
    is_near(single.low, 8);
    is_near(single.high, 8);
}

static void the_same_seed_is_the_same_interval(void **state)
{
    (void)state;
    const struct sample sample = SAMPLE(5, 1, 4, 2, 3, 9, 7, 11, 0.5, 6.25);
    const struct interval one = statistics_median_interval(sample, 42);
    const struct interval two = statistics_median_interval(sample, 42);
    is_near(one.low, two.low);
    is_near(one.high, two.high);
}

/* Of many samples of a known distribution, about 95 in 100 intervals hold its true median. */
static void ninety_five_percent_of_intervals_hold_the_truth(void **state)
{
    (void)state;
    enum { TRIAL_COUNT = 400, VALUE_COUNT = 15 };
    struct random_source random = {7};
    unsigned held_count = 0;
    for (unsigned trial = 0; trial < TRIAL_COUNT; trial++) {
        double values[VALUE_COUNT];
        for (unsigned i = 0; i < VALUE_COUNT; i++)
            values[i] = -log(((double)random_below(&random, 1 << 30) + 1) / (1 << 30)); /* exponential */
        const struct interval interval = statistics_median_interval((struct sample){values, VALUE_COUNT}, trial);
        held_count += interval.low <= log(2) && log(2) <= interval.high;
    }
    assert_in_range(held_count, TRIAL_COUNT * 90 / 100, TRIAL_COUNT * 99 / 100);
}

static void ratios_are_of_medians_and_their_mean_is_geometric(void **state)
{
    (void)state;
    const struct sample_pair pairs[] = {
        {SAMPLE(9, 10, 11), SAMPLE(19, 20, 21)},   /* 2 */
        {SAMPLE(100, 80, 90), SAMPLE(45, 44, 46)}, /* 1/2 */
    };
    const struct interval first = statistics_ratio_interval(pairs, 1, 1);
    is_near(first.middle, 2);
    assert_true(first.low >= 19 / 11.0 && first.low < 2);
    assert_true(first.high <= 21 / 9.0 && first.high > 2);
    is_near(statistics_ratio_interval(pairs, 2, 1).middle, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(medians_are_in_the_middle),
        cmocka_unit_test(quantiles_are_interpolated),
        cmocka_unit_test(an_interval_holds_its_median_and_stays_within_the_sample),
        cmocka_unit_test(the_same_seed_is_the_same_interval),
        cmocka_unit_test(ninety_five_percent_of_intervals_hold_the_truth),
        cmocka_unit_test(ratios_are_of_medians_and_their_mean_is_geometric),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
