/* Rates as admins write them. */
#include "reconfig/cli/rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void rates_are_sizes_with_or_without_per_second(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes_per_s;
    } cases[] = {{"20 MiB/s", 20 << 20},
                 {"20MiB", 20 << 20},
                 {"1 kB/s", 1000},
                 {"4096", 4096},
                 {"none", 0},
                 {"0", 0},
                 {"0/s", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t bytes_per_s = 1;
        assert_int_equal(rate_parse(cases[i].text, &bytes_per_s), AREG_OK);
        assert_int_equal(bytes_per_s, cases[i].bytes_per_s);
    }
}

static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "/s",
                                        "fast",
                                        "-1",
                                        "20 MiB/m",
                                        "20 MiB/s/s",
                                        "1.5MiB",
                                        "20MiBps",
                                        "NONE",
                                        "20 s/s",
                                        "00000000000000000000000000000000000000000000001"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        uint64_t bytes_per_s;
        assert_int_equal(rate_parse(texts[i], &bytes_per_s), AREG_EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_sizes_with_or_without_per_second),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
