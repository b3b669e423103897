/* The simulator finds planted bugs that show only while configurations change. */
#include "plant_find.h"
#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* About how many seeds it takes, measured on seeds 1 to 300: one in so many finds it. */
static const unsigned seeds_needed[PLANT_COUNT] = {
    [PLANT_SKIP_PUT_CONFIG] = 38, [PLANT_FINALIZE_EARLY] = 2,       [PLANT_SECOND_NEWEST] = 5,
    [PLANT_TWO_DECIDERS] = 7,     [PLANT_LIST_SHORT] = 60,          [PLANT_PROPOSE_ON_PENDING] = 2,
    [PLANT_OLD_ANSWER] = 2,       [PLANT_FINAL_TO_PENDING] = 6,     [PLANT_RETIRED_EARLY] = 2,
    [PLANT_ADOPT_OTHER_TAG] = 4,  [PLANT_EMPTY_AFTER_RETIRING] = 2, [PLANT_ACCEPT_BELOW_PROMISE] = 6,
    [PLANT_FORGETS_PROMISE] = 2,  [PLANT_INSTALLS_OWN] = 10,        [PLANT_SPEAKS_UNREGISTERED] = 22,
};

static void every_planted_bug_is_found(void **state)
{
    (void)state;
    for (enum plant plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++)
        assert_int_equal(seeds_needed[plant] > 0, plant_needs_reconfiguration(plant) && !plant_scenario(plant));
    const struct sim_options options = {.seed = search_seed(), .reconfigurer_count = 3, .op_count = 400};
    assert_int_equal(plant_find_all(&options, seeds_needed), 0);
}

static void nothing_is_found_where_nothing_is_planted(void **state)
{
    (void)state;
    enum { SEED_COUNT = 60 };
    const struct sim_options options = {.seed = search_seed(), .reconfigurer_count = 3, .op_count = 400};
    struct plant_finding finding = {0};
    plant_run_seeds(&finding, &options, SEED_COUNT);
    if (finding.report.broken[0])
        printf("seed %llu: %s: %s\n", (unsigned long long)finding.seed, finding.report.broken, finding.report.why);
    assert_string_equal(finding.report.broken, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_planted_bug_is_found),
        cmocka_unit_test(nothing_is_found_where_nothing_is_planted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
