/* Axes: what they show, where, and what is written beside them. */
#include "lab/plot_axis.h"

#include "tests/unit/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct axis axis_over(const char *column, enum axis_scale scale, double low, double high, bool is_vertical)
{
    struct axis axis;
    const struct quantity quantity = quantity_of(column);
    axis_init(&axis, &quantity, scale);
    axis_extend(&axis, low * quantity.to_base);
    axis_extend(&axis, high * quantity.to_base);
    axis_settle(&axis, &(struct axis_length){300, 13, is_vertical, NULL, 0});
    return axis;
}

/* "0 1 2 ...": the labels that are there. */
static void has_labels(const struct axis *axis, const char *expected)
{
    char labels[2048] = "";
    for (unsigned i = 0; i < axis->tick_count; i++)
        if (axis->ticks[i].label[0])
            snprintf(labels + strlen(labels), sizeof labels - strlen(labels), "%s%s", labels[0] ? " | " : "",
                     axis->ticks[i].label);
    assert_string_equal(labels, expected);
}

static void linear_ticks_are_steps_of_1_2_or_5_in_a_fitting_unit(void **state)
{
    (void)state;
    struct axis axis = axis_over("p50_us", AXIS_LINEAR, 800, 4700, true);
    has_labels(&axis, "0 | 1 | 2 | 3 | 4 | 5");
    assert_string_equal(axis.label, "median latency (ms)");
    axis = axis_over("ops_per_s", AXIS_LINEAR, 0, 11000, true);
    has_labels(&axis, "0 | 2,000 | 4,000 | 6,000 | 8,000 | 10,000 | 12,000");
    assert_string_equal(axis.label, "operations a second");
    axis = axis_over("value_bytes", AXIS_LINEAR, 0, 3 << 20, true);
    has_labels(&axis, "0 | 0.5 | 1 | 1.5 | 2 | 2.5 | 3");
    assert_string_equal(axis.label, "size of a value (MiB)");
}

static void logarithmic_ticks_have_their_own_units_over_a_wide_range(void **state)
{
    (void)state;
    struct axis axis = axis_over("p50_us", AXIS_LOG, 90, 1100000, true);
    has_labels(&axis, "100 µs | 1 ms | 10 ms | 100 ms | 1 s");
    assert_string_equal(axis.label, "median latency");
    axis = axis_over("keys", AXIS_LOG, 1, 900, true);
    has_labels(&axis, "1 | 2 | 5 | 10 | 20 | 50 | 100 | 200 | 500 | 1,000");
    axis = axis_over("value_bytes", AXIS_LOG, 1024, 1 << 20, true);
    has_labels(&axis, "1 KiB | 4 KiB | 16 KiB | 64 KiB | 256 KiB | 1 MiB");
}

static void tails_reach_as_far_as_there_are_shares(void **state)
{
    (void)state;
    const struct axis axis = axis_over("quantile", AXIS_TAIL, 0, 0.9999, true);
    has_labels(&axis, "50 % | 90 % | 99 % | 99.9 % | 99.99 %");
    assert_true(fabs(axis_place(&axis, 0.99) - 0.5) < 1e-9);
    assert_true(axis_place(&axis, 0.9999) > 1 - 1e-9);
}

static void what_can_not_be_shown_is_passed_over(void **state)
{
    (void)state;
    struct axis axis;
    const struct quantity quantity = quantity_of("p50_us");
    axis_init(&axis, &quantity, AXIS_LOG);
    static const double none[] = {0, -1, NAN, INFINITY, -INFINITY, 1e300, 1e-300};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(axis_shows(&axis, none[i]));
        axis_extend(&axis, none[i]);
    }
    assert_true(isnan(axis.low));
    axis_settle(&axis, &(struct axis_length){300, 13, true, NULL, 0});
    assert_true(axis.high > axis.low);
}

/* Any two values, on any scale: both are on the axis, in their order; so are all ticks, and none stands twice. */
static void all_values_and_ticks_are_within_the_axis(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 20000; round++) {
        const enum axis_scale scales[] = {AXIS_LINEAR, AXIS_LOG};
        const enum axis_scale scale = scales[random_below(&random, 2)];
        static const char *const columns[] = {"p50_us", "value_bytes", "keys"};
        const double low = pow(10, (double)random_below(&random, 240) / 10 - 12);
        const double factors[] = {1, 1 + 1e-15, 1.001, 3, 1000, 1e30};
        const double high = low * factors[random_below(&random, 6)];
        const char *column = columns[random_below(&random, 3)];
        const struct axis axis = axis_over(column, scale, low, high, random_below(&random, 2));
        const double to_base = quantity_of(column).to_base;
        const double places[] = {axis_place(&axis, low * to_base), axis_place(&axis, high * to_base)};
        assert_true(places[0] >= 0 && places[0] <= places[1] && places[1] <= 1);
        assert_true(axis.tick_count <= AXIS_TICK_COUNT_MAX);
        for (unsigned i = 0; i < axis.tick_count; i++)
            assert_true(axis.ticks[i].value >= axis.low * (1 - 1e-6) && axis.ticks[i].value <= axis.high * (1 + 1e-6));
    }
}

static void names_stand_in_the_middle_of_equal_parts(void **state)
{
    (void)state;
    struct axis axis;
    const struct quantity quantity = quantity_of("code");
    axis_init(&axis, &quantity, AXIS_NAMES);
    assert_true(axis_add_name(&axis, "rs:5,3"));
    assert_true(axis_add_name(&axis, "repl:5"));
    axis_settle(&axis, &(struct axis_length){300, 13, false, NULL, 0});
    assert_true(axis_place(&axis, 0) == 0.25);
    assert_true(axis_place(&axis, 1) == 0.75);
    while (axis.tick_count < AXIS_TICK_COUNT_MAX)
        assert_true(axis_add_name(&axis, "x"));
    assert_false(axis_add_name(&axis, "y"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_ticks_are_steps_of_1_2_or_5_in_a_fitting_unit),
        cmocka_unit_test(logarithmic_ticks_have_their_own_units_over_a_wide_range),
        cmocka_unit_test(tails_reach_as_far_as_there_are_shares),
        cmocka_unit_test(what_can_not_be_shown_is_passed_over),
        cmocka_unit_test(all_values_and_ticks_are_within_the_axis),
        cmocka_unit_test(names_stand_in_the_middle_of_equal_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
