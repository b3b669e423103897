/* Rates from what hosts have counted. */
#include "reconfig/cli/measure.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct code code_of(const char *text)
{
    struct code code;
    assert_int_equal(code_parse(text, &code), AREG_OK);
    return code;
}

static struct host_counts counts_of(const char *text)
{
    struct host_asked host = {0};
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    host.text = copy;
    return host_counts_of(&host);
}

static void a_status_tells_the_counts_or_that_it_does_not(void **state)
{
    (void)state;
    const struct host_counts counts = counts_of("{\"puts\":3,\"put_bytes\":4000,\"service\":{\"reads\":9,\"gets\":5}}");
    assert_true(counts.is_told);
    assert_int_equal(counts.gets, 5);
    assert_int_equal(counts.puts, 3);
    assert_int_equal(counts.put_bytes, 4000);
    assert_false(
        counts_of("{\"puts\":3,\"service\":{\"reads\":9}}").is_told); /* of a version that does not count them */
    assert_false(counts_of("{\"gets\":-1,\"puts\":\"a\",\"put_bytes\":}").is_told);
    const struct host_asked silent = {0};
    assert_false(host_counts_of(&silent).is_told);
}

/* Ten seconds in which each of five hosts is asked for 600 reads and stores 200 fragments of 1000 bytes. */
static void make_counts(struct host_counts before[5], struct host_counts after[5])
{
    for (unsigned i = 0; i < 5; i++) {
        before[i] = (struct host_counts){.is_told = true, .gets = 7, .puts = 8, .put_bytes = 9};
        after[i] = (struct host_counts){.is_told = true, .gets = 607, .puts = 208, .put_bytes = 200009};
    }
}

static void every_member_counts_every_operation(void **state)
{
    (void)state;
    struct host_counts before[5];
    struct host_counts after[5];
    struct measured measured = {0};
    make_counts(before, after);
    measure_rates(before, after, 5, 10, code_of("rs:5,3"), &measured);
    assert_true(measured.has_rates);
    assert_true(fabs(measured.reads_per_s - 60) < 1e-9 && fabs(measured.writes_per_s - 20) < 1e-9);
    assert_int_equal(measured.value_bytes, 3000);
}

static void hosts_that_are_down_or_new_are_taken_to_be_like_the_others(void **state)
{
    (void)state;
    struct host_counts before[5];
    struct host_counts after[5];
    struct measured measured = {0};
    make_counts(before, after);
    before[0].is_told = false;
    after[1].is_told = false;
    after[2] = (struct host_counts){.is_told = true, .gets = 3, .puts = 900, .put_bytes = 900}; /* started anew */
    measure_rates(before, after, 5, 10, code_of("repl:5"), &measured);
    assert_true(fabs(measured.reads_per_s - 60) < 1e-9 && fabs(measured.writes_per_s - 20) < 1e-9);
    assert_int_equal(measured.value_bytes, 1000);
}

static void nobody_who_tells_is_no_rate(void **state)
{
    (void)state;
    struct host_counts before[5] = {{0}};
    struct host_counts after[5] = {{0}};
    struct measured measured = {.value_bytes = 5};
    measure_rates(before, after, 5, 10, code_of("repl:5"), &measured);
    assert_false(measured.has_rates);
    assert_int_equal(measured.value_bytes, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_tells_the_counts_or_that_it_does_not),
        cmocka_unit_test(every_member_counts_every_operation),
        cmocka_unit_test(hosts_that_are_down_or_new_are_taken_to_be_like_the_others),
        cmocka_unit_test(nobody_who_tells_is_no_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
