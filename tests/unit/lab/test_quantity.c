/* Columns by their names, and numbers as people write them. */
#include "lab/quantity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void units_come_from_the_endings_of_names(void **state)
{
    (void)state;
    static const struct {
        const char *column;
        enum quantity_kind kind;
        double to_base;
        const char *label;
    } cases[] = {
        {"p50_us", QUANTITY_TIME, 1e-6, "median latency"},
        {"time_s", QUANTITY_TIME, 1, "time"},
        {"value_bytes", QUANTITY_BYTES, 1, "size of a value"},
        {"bandwidth_bytes_per_s", QUANTITY_BYTES_PER_S, 1, "bandwidth of a host"},
        {"ops_per_s", QUANTITY_PLAIN, 1, "operations a second"},
        {"moved_values", QUANTITY_PLAIN, 1, "values moved by changes"},
        {"client_cpu_us_per_op", QUANTITY_TIME, 1e-6, "CPU of clients per operation"},
        {"map_bytes_per_op", QUANTITY_BYTES, 1, "map per operation"},
        {"decide_ms", QUANTITY_TIME, 1e-3, "decide"},
        {"registers", QUANTITY_PLAIN, 1, "registers"},
        {"seconds", QUANTITY_TIME, 1, "duration"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct quantity quantity = quantity_of(cases[i].column);
        assert_int_equal(quantity.kind, cases[i].kind);
        assert_true(quantity.to_base == cases[i].to_base);
        assert_string_equal(quantity.label, cases[i].label);
    }
}

static void numbers_have_the_digits_that_matter(void **state)
{
    (void)state;
    static const struct {
        double number;
        unsigned digits;
        const char *text;
    } cases[] = {
        {0, 3, "0"},
        {1, 3, "1"},
        {1.5, 3, "1.5"},
        {0.012345, 3, "0.0123"},
        {999.6, 3, "1,000"},
        {12345, 3, "12,300"},
        {12345, 12, "12,345"},
        {1234567, 12, "1,234,567"},
        {-1234.5, 5, "-1,234.5"},
        {100, 1, "100"},
        {0.1 + 0.2, 12, "0.3"},
        {1e20, 3, "1e+20"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[QUANTITY_TEXT_BYTES];
        assert_string_equal(quantity_print_number(cases[i].number, cases[i].digits, text), cases[i].text);
    }
}

static void values_have_units_in_which_they_are_short(void **state)
{
    (void)state;
    static const struct {
        enum quantity_kind kind;
        double value;
        const char *text;
    } cases[] = {
        {QUANTITY_TIME, 0.000850, "850 µs"},
        {QUANTITY_TIME, 0.0012345, "1.23 ms"},
        {QUANTITY_TIME, 0.9999, "1 s"},
        {QUANTITY_TIME, 0, "0 s"},
        {QUANTITY_TIME, 90, "90 s"},
        {QUANTITY_TIME, 3e-10, "0.3 ns"},
        {QUANTITY_BYTES, 0, "0 B"},
        {QUANTITY_BYTES, 1024, "1 KiB"},
        {QUANTITY_BYTES, 1023, "1,023 B"},
        {QUANTITY_BYTES, 65536, "64 KiB"},
        {QUANTITY_BYTES, 1.5 * 1048576, "1.5 MiB"},
        {QUANTITY_BYTES_PER_S, 104857600, "100 MiB/s"},
        {QUANTITY_PLAIN, 0.25, "0.25"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[QUANTITY_TEXT_BYTES];
        assert_string_equal(quantity_print(cases[i].kind, cases[i].value, text), cases[i].text);
    }
}

static void parameters_say_what_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *column;
        const char *cell;
        const char *text;
    } cases[] = {
        {"op", "read", "read"},
        {"code", "rs:5,3", "rs:5,3"},
        {"value_bytes", "65536", "64 KiB"},
        {"keys", "1000", "1,000 keys"},
        {"delta", "8", "delta 8"},
        {"delay_max_us", "10000", "delay 10 ms"},
        {"dist", "", "no dist"},
        {"switched_off", "none", "nothing off"},
        {"switched_off", "hedge", "hedge off"},
        {"hosts", "many", "many"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[QUANTITY_LABEL_BYTES];
        assert_string_equal(quantity_print_parameter(cases[i].column, cases[i].cell, text), cases[i].text);
    }
}

static void more_is_worse_but_for_what_is_done(void **state)
{
    (void)state;
    assert_true(quantity_is_cost("p50_us"));
    assert_true(quantity_is_cost("failed"));
    assert_true(quantity_is_cost("bandwidth_bytes_per_s"));
    assert_true(quantity_is_cost("stored_values_max"));
    assert_false(quantity_is_cost("ops_per_s"));
    assert_false(quantity_is_cost("ok"));
}

static void names_of_any_length_are_quantities(void **state)
{
    (void)state;
    char name[300];
    char text[QUANTITY_LABEL_BYTES];
    for (size_t bytes = 0; bytes < sizeof name; bytes++) {
        memset(name, 'x', bytes);
        name[bytes] = 0;
        assert_true(strlen(quantity_of(name).label) <= bytes);
        assert_true(strlen(quantity_print_parameter(name, "1", text)) < QUANTITY_LABEL_BYTES);
        assert_true(strlen(quantity_print_parameter("code", name, text)) < QUANTITY_LABEL_BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_come_from_the_endings_of_names),
        cmocka_unit_test(numbers_have_the_digits_that_matter),
        cmocka_unit_test(values_have_units_in_which_they_are_short),
        cmocka_unit_test(parameters_say_what_they_are),
        cmocka_unit_test(more_is_worse_but_for_what_is_done),
        cmocka_unit_test(names_of_any_length_are_quantities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
