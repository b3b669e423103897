/* Sizes and durations: what people may write, and what must be refused. */
#include "core/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void sizes_carry_binary_and_decimal_units(void **state)
{
    (void)state;
    uint64_t bytes;
    assert_int_equal(units_parse_bytes("4096", &bytes), AREG_OK);
    assert_int_equal(bytes, 4096);
    assert_int_equal(units_parse_bytes("64KiB", &bytes), AREG_OK);
    assert_int_equal(bytes, 65536);
    assert_int_equal(units_parse_bytes("10 GiB", &bytes), AREG_OK);
    assert_int_equal(bytes, 10737418240);
    assert_int_equal(units_parse_bytes("3 MB", &bytes), AREG_OK);
    assert_int_equal(bytes, 3000000);
    assert_int_equal(units_parse_bytes("18446744073709551615", &bytes), AREG_OK);
    assert_int_equal(bytes, UINT64_MAX);
}

static void durations_need_a_unit_unless_they_are_zero(void **state)
{
    (void)state;
    uint64_t duration_ns;
    assert_int_equal(units_parse_duration("0", &duration_ns), AREG_OK);
    assert_int_equal(duration_ns, 0);
    assert_int_equal(units_parse_duration("500 ms", &duration_ns), AREG_OK);
    assert_int_equal(duration_ns, 500000000);
    assert_int_equal(units_parse_duration("7d", &duration_ns), AREG_OK);
    assert_int_equal(duration_ns, 7 * 86400 * UINT64_C(1000000000));
    assert_int_equal(units_parse_duration("30", &duration_ns), AREG_EINVAL);
}

static void whatever_is_no_number_with_a_known_unit_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "KiB",
                                      "-1",
                                      "+1",
                                      "1.5KiB",
                                      "64 kib",
                                      "64KiB more",
                                      " 64",
                                      "0x10",
                                      "64K",
                                      "18446744073709551616",
                                      "99999999999TiB"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t number;
        assert_int_equal(units_parse_bytes(bad[i], &number), AREG_EINVAL);
        assert_int_equal(units_parse_duration(bad[i], &number), AREG_EINVAL);
    }
}

static void printing_keeps_three_digits_that_matter(void **state)
{
    (void)state;
    char text[UNITS_TEXT_BYTES];
    assert_string_equal(units_print_bytes(0, text), "0 B");
    assert_string_equal(units_print_bytes(1023, text), "1023 B");
    assert_string_equal(units_print_bytes(65536, text), "64 KiB");
    assert_string_equal(units_print_bytes(1536, text), "1.50 KiB");
    assert_string_equal(units_print_bytes(16 << 20, text), "16 MiB");
    assert_string_equal(units_print_duration(0, text), "0 ns");
    assert_string_equal(units_print_duration(850000, text), "850 us");
    assert_string_equal(units_print_duration(1254321, text), "1.25 ms");
    assert_string_equal(units_print_duration(12543210, text), "12.5 ms");
    assert_string_equal(units_print_duration(UINT64_C(30000000000), text), "30 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_carry_binary_and_decimal_units),
        cmocka_unit_test(durations_need_a_unit_unless_they_are_zero),
        cmocka_unit_test(whatever_is_no_number_with_a_known_unit_is_refused),
        cmocka_unit_test(printing_keeps_three_digits_that_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
