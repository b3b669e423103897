/*
 * Campaigns: every seed is run and counted, and what does not end is left behind. Runs that do not end are runs with so
 * many operations that they would take for hours.
 */
#include "lab/campaign.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct campaign_result result;
static char why[SIM_WHY_BYTES];

static struct campaign_options few_seeds(uint32_t op_count)
{
    return (struct campaign_options){.sim.op_count = op_count,
                                     .first_seed = 7,
                                     .seed_count = 3,
                                     .run_ns = UINT64_MAX,
                                     .timeout_ns = UINT64_MAX,
                                     .seed_ns_max = UINT64_MAX,
                                     .jobs = 2,
                                     .broken_max = CAMPAIGN_BROKEN_MAX};
}

static void every_seed_is_run_once(void **state)
{
    (void)state;
    const struct campaign_options options = few_seeds(20);
    assert_int_equal(campaign_run(&options, &result, why), AREG_OK);
    assert_int_equal(result.seed_count, 3);
    assert_int_equal(result.broken_count, 0);
    assert_true(result.op_count >= 3 * 20);
}

static void a_run_that_does_not_end_is_a_finding(void **state)
{
    (void)state;
    struct campaign_options options = few_seeds(SIM_OP_MAX);
    options.seed_ns_max = 1;
    assert_int_equal(campaign_run(&options, &result, why), AREG_OK);
    assert_int_equal(result.seed_count, 3);
    assert_int_equal(result.broken_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(result.broken[i].seed, 7 + i);
        assert_string_equal(result.broken[i].name, "hangs");
    }
}

static void a_campaign_gives_up_after_its_time(void **state)
{
    (void)state;
    struct campaign_options options = few_seeds(SIM_OP_MAX);
    options.timeout_ns = 1;
    assert_int_equal(campaign_run(&options, &result, why), AREG_ECANCELED);
    assert_true(strlen(why) > 10);
    assert_int_equal(result.seed_count, 0);
}

static void an_interrupted_campaign_tells_what_it_has_found(void **state)
{
    (void)state;
    const struct campaign_options options = few_seeds(SIM_OP_MAX);
    sigset_t interrupt;
    sigset_t before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    raise(SIGINT);
    assert_int_equal(campaign_run(&options, &result, why), AREG_ECANCELED);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_string_equal(why, "interrupted");
    assert_int_equal(result.seed_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_seed_is_run_once),
        cmocka_unit_test(a_run_that_does_not_end_is_a_finding),
        cmocka_unit_test(a_campaign_gives_up_after_its_time),
        cmocka_unit_test(an_interrupted_campaign_tells_what_it_has_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
