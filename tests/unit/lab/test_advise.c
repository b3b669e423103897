/* What is advised, against simulations of every code; the program advise_truth does the same with many more. */
#include "tests/unit/lab/advised.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct advices advices;
static struct truth truths[ADVICE_COUNT_MAX];

static void what_is_advised_is_safe_fast_and_nearly_the_cheapest(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {5, 24, 40, 45};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct case_of_advice it;
        const enum advised_verdict verdict = advised_check(seeds[i], 2500, &it, &advices, truths);
        if (verdict != ADVISED_WELL)
            fail_msg("seed %u: %s", (unsigned)seeds[i], advised_verdict_name(verdict));
    }
}

static struct truth truth_of(double p99_ns)
{
    return (struct truth){.p99_ns = p99_ns};
}

static void the_judge_knows_what_is_wrong(void **state)
{
    (void)state;
    struct case_of_advice it = {.wish = {.host_count_max = 5, .tolerance = 1, .p99_ns = 100}};
    advices = (struct advices){.count = 2,
                               .best = 0,
                               .at = {{.code = {.dap = DAP_TREAS, .n = 5, .k = 3}, .stored = 5.0 / 3},
                                      {.code = {.dap = DAP_ABD, .n = 3, .k = 1}, .stored = 3}}};
    truths[0] = truth_of(105);
    truths[1] = truth_of(50);
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_WELL);
    truths[0] = truth_of(120);
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_TOO_SLOW);
    it.wish.tolerance = 2;
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_UNSAFE);
    it.wish.tolerance = 1;
    advices.best = 1;
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_WELL);
    truths[0] = truth_of(80);
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_TOO_DEAR);
    advices.best = -1;
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_NOTHING);
    truths[0] = truths[1] = truth_of(99);
    assert_int_equal(advised_judge(&it, &advices, truths), ADVISED_WELL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_advised_is_safe_fast_and_nearly_the_cheapest),
        cmocka_unit_test(the_judge_knows_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
