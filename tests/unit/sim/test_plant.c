/*
 * The simulator finds every planted bug (core/plant.h) within a few seeds, and nothing in the healthy engines: a check
 * that never failed on purpose is not trusted.
 */
#include "plant_find.h"
#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* About how many seeds it takes, measured on seeds 1 to 200: one in so many finds it. */
static const unsigned seeds_needed[PLANT_COUNT] = {
    [PLANT_QUORUM_SHORT] = 2,
    [PLANT_VOTES_PER_MESSAGE] = 4,
    [PLANT_NO_WRITE_BACK] = 3,
    [PLANT_HOLDER_SHORT] = 3,
    [PLANT_NO_TRIMMED] = 7,
    [PLANT_FIFO_TRIM] = 2,
    [PLANT_TAG_REUSE] = 6,
    [PLANT_STALE_PHASE] = 2,
    [PLANT_REPLY_BEFORE_COMMIT] = 1,
    [PLANT_EARLY_CONFIRM] = 2,
    [PLANT_REPLY_AFTER_LOST_COMMIT] = 8,
    [PLANT_INITIAL_VALUE] = 5,
    [PLANT_MIXED_DECODE] = 3,
    [PLANT_TRIMMED_SERVED] = 7,
    [PLANT_NO_FLOOR] = 2,
    [PLANT_DELTA_IS_HARD] = 3,
    [PLANT_LOW_TAG] = 2,
    [PLANT_BASE_IGNORED] = 2,
    [PLANT_UNSECURED] = 4,
};
static void every_planted_bug_is_found(void **state)
{
    (void)state;
    for (enum plant plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++)
        assert_int_equal(seeds_needed[plant] > 0, !plant_needs_reconfiguration(plant));
    const struct sim_options options = {.seed = search_seed()};
    assert_int_equal(plant_find_all(&options, seeds_needed), 0);
}

static void nothing_is_found_where_nothing_is_planted(void **state)
{
    (void)state;
    unsigned most_needed = 0;
    for (enum plant plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++)
        most_needed = seeds_needed[plant] > most_needed ? seeds_needed[plant] : most_needed;
    const struct sim_options options = {.seed = search_seed()};
    struct plant_finding finding = {0};
    plant_run_seeds(&finding, &options, (uint64_t)PLANT_SAFETY * most_needed);
    if (finding.report.broken[0])
        printf("seed %llu: %s: %s\n", (unsigned long long)finding.seed, finding.report.broken, finding.report.why);
    assert_string_equal(finding.report.broken, "");
}

static void planted_bugs_have_names(void **state)
{
    (void)state;
    for (enum plant plant = PLANT_NONE; plant < PLANT_COUNT; plant++) {
        assert_non_null(plant_name(plant));
        assert_non_null(plant_sentence(plant));
        for (enum plant other = PLANT_NONE; other < plant; other++)
            assert_string_not_equal(plant_name(plant), plant_name(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_planted_bug_is_found),
        cmocka_unit_test(nothing_is_found_where_nothing_is_planted),
        cmocka_unit_test(planted_bugs_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
