/* Reconfigurers: what they want happens, breaks nothing, and is over in the end; and all of it comes from the seed. */
#include "sim/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SEED_COUNT = 12 };
#define RECONFIG (UINT32_C(1) << FAULT_RECONFIG)

static struct sim_report run(uint64_t seed, uint32_t faults)
{
    const struct sim_options options = {.seed = seed, .has_faults = true, .faults = faults, .op_count = 300};
    struct sim_report report;
    sim_run(&options, &report);
    if (report.broken[0])
        printf("seed %llu: %s: %s\n", (unsigned long long)seed, report.broken, report.why);
    assert_string_equal(report.broken, "");
    return report;
}

static void add(struct sim_reconfigurations *sum, const struct sim_reconfigurations *more)
{
    sum->ok += more->ok;
    sum->stale += more->stale;
    sum->unknown += more->unknown;
    sum->finalized += more->finalized;
    sum->taken_over += more->taken_over;
    sum->registers_moved += more->registers_moved;
    sum->bytes_moved += more->bytes_moved;
}

static void configurations_change_and_others_take_over_from_the_dead(void **state)
{
    (void)state;
    struct sim_reconfigurations sum = {0};
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        const struct sim_report report = run(seed, RECONFIG | UINT32_C(1) << FAULT_CLIENT);
        assert_int_equal(report.reconfigurations.decided, report.reconfigurations.finalized);
        add(&sum, &report.reconfigurations);
    }
    assert_true(sum.finalized > SEED_COUNT);
    assert_true(sum.registers_moved > SEED_COUNT && sum.bytes_moved > 0);
    assert_true(sum.ok > 0 && sum.stale > 0 && sum.unknown > 0 && sum.taken_over > 0);
}

static void without_the_class_nobody_changes_anything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        const struct sim_report report = run(seed, FAULTS_ALL & ~RECONFIG);
        assert_int_equal(report.drawn.reconfigurer_count + report.drawn.spare_count, 0);
        assert_int_equal(report.reconfigurations.begun + report.reconfigurations.decided, 0);
    }
}

static void the_same_seed_gives_the_same_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        const struct sim_report a = run(seed, FAULTS_ALL);
        const struct sim_report b = run(seed, FAULTS_ALL);
        assert_int_equal(a.trace_digest, b.trace_digest);
        assert_memory_equal(&a.reconfigurations, &b.reconfigurations, sizeof a.reconfigurations);
    }
}

/* With a majority of disks lost over time, as long as others have taken their places before. */
static void hosts_lose_their_disks_one_after_the_other(void **state)
{
    (void)state;
    uint64_t most_count = 0;
    for (uint64_t seed = 1; seed <= 2 * SEED_COUNT || (most_count <= 3 && seed <= 100); seed++) {
        const struct sim_report report = run(seed, RECONFIG | UINT32_C(1) << FAULT_LOST);
        if (report.fault_counts[FAULT_LOST] > most_count)
            most_count = report.fault_counts[FAULT_LOST];
    }
    assert_true(most_count > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(configurations_change_and_others_take_over_from_the_dead),
        cmocka_unit_test(without_the_class_nobody_changes_anything),
        cmocka_unit_test(the_same_seed_gives_the_same_changes),
        cmocka_unit_test(hosts_lose_their_disks_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
