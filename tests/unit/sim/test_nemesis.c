/* Faults: each class strikes when it is on, shows in what happens, breaks nothing, and is over when all heals. */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct sim_report run(const struct sim_options *options)
{
    struct sim_report report;
    sim_run(options, &report);
    if (report.broken[0])
        printf("seed %llu: %s: %s\n", (unsigned long long)options->seed, report.broken, report.why);
    assert_string_equal(report.broken, "");
    return report;
}

/* What is off has not struck. */
static void assert_only(const struct sim_report *report, uint32_t faults)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (!(faults >> i & 1))
            assert_int_equal(report->fault_counts[i], 0);
}

/* ---------------------------------------------------------------- one class, no class, all classes */

enum { SEED_COUNT = 20 };

static bool strikes(enum fault fault, uint64_t seed, uint32_t op_count)
{
    const uint32_t faults = UINT32_C(1) << fault;
    const struct sim_options options = {.seed = seed, .has_faults = true, .faults = faults, .op_count = op_count};
    const struct sim_report report = run(&options);
    assert_only(&report, faults);
    return report.fault_counts[fault] > 0;
}

static void each_class_alone_strikes_and_breaks_nothing(void **state)
{
    (void)state;
    for (enum fault fault = 0; fault < FAULT_COUNT; fault++) {
        unsigned struck_count = 0;
        for (uint64_t seed = 1; seed <= SEED_COUNT; seed++)
            struck_count += strikes(fault, seed, 150);
        printf("  %-9s strikes in %2u of %d runs of 150 operations\n", fault_name(fault), struck_count, SEED_COUNT);
        for (uint64_t seed = 1; struck_count == 0; seed++) {
            assert_true(seed <= 10);
            struck_count += strikes(fault, seed, 4000);
        }
    }
}

static void without_faults_nothing_strikes_and_nothing_fails(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        const struct sim_options options = {.seed = seed, .has_faults = true, .op_count = 400};
        const struct sim_report report = run(&options);
        assert_only(&report, 0);
        /* But for deadlines, of which some are shorter than the operation. */
        assert_true(report.reads.failed + report.writes.failed + report.writes.unknown <= report.op_count / 4);
    }
}

/* All hosts are needed, and nothing may rot or be lost for good. */
static void a_code_that_tolerates_nothing_survives_all_that_ends(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct random_source random = {seed};
        struct sim_options options = {.seed = seed,
                                      .has_delta = true,
                                      .delta = (unsigned)seed % 2,
                                      .has_faults = true,
                                      .faults = (uint32_t)random_next(&random) & FAULTS_ALL &
                                                ~(UINT32_C(1) << FAULT_RECONFIG),
                                      .op_count = 150};
        assert_int_equal(code_parse("rs:3,2", &options.code), AREG_OK);
        const struct sim_report report = run(&options);
        assert_int_equal(report.fault_counts[FAULT_ROT] + report.fault_counts[FAULT_LOST], 0);
    }
}

static void rot_strikes_as_many_hosts_as_may_be_down(void **state)
{
    (void)state;
    unsigned most_count = 0;
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = "rs:9,5", .seed = seed});
        calm.sim->nemesis.pace_ns[FAULT_ROT] = 1000 * SECOND;
        calm_do(&calm, 0, CLIENT_PUT, 0, 3000);
        calm_idle(&calm, SECOND);
        for (unsigned i = 0; i < 40; i++)
            nemesis_strike(calm.sim, FAULT_ROT);
        const unsigned count = (unsigned)__builtin_popcountll(calm.sim->sequence.configs[0]->rotted);
        assert_in_range(count, 1, 2);
        most_count = count > most_count ? count : most_count;
        assert_int_equal(calm_do(&calm, 0, CLIENT_GET, 0, 0)->error, AREG_OK);
        calm_fini(&calm);
    }
    assert_int_equal(most_count, 2);
}

static void all_classes_strike_in_one_long_run(void **state)
{
    (void)state;
    uint32_t seen = 0;
    unsigned most_count = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct sim_options options = {.seed = seed, .has_faults = true, .faults = FAULTS_ALL, .op_count = 5000};
        assert_int_equal(code_parse("rs:5,3", &options.code), AREG_OK);
        const struct sim_report report = run(&options);
        unsigned count = 0;
        for (unsigned i = 0; i < FAULT_COUNT; i++) {
            count += report.fault_counts[i] > 0;
            seen |= (uint32_t)(report.fault_counts[i] > 0) << i;
        }
        most_count = count > most_count ? count : most_count;
    }
    assert_int_equal(seen, FAULTS_ALL);
    assert_int_equal(most_count, FAULT_COUNT);
}

/* ---------------------------------------------------------------- what they do */

/* The logs of some runs under these classes; to be freed. */
static char *logs_under(uint32_t faults)
{
    char *text;
    size_t text_bytes;
    FILE *log = open_memstream(&text, &text_bytes);
    assert_non_null(log);
    for (uint64_t seed = 1; seed <= SEED_COUNT; seed++) {
        const struct sim_options options = {
            .seed = seed, .has_faults = true, .faults = faults, .op_count = 200, .log = log};
        run(&options);
    }
    assert_int_equal(fclose(log), 0);
    return text;
}

static void links_of_as_many_hosts_as_there_can_be_are_cut(void **state)
{
    (void)state;
    struct sim_options options = {
        .host_count = SIM_HOST_MAX, .has_faults = true, .faults = UINT32_C(1) << FAULT_PARTITION, .op_count = 1000};
    assert_int_equal(code_parse("rs:5,3", &options.code), AREG_OK);
    for (options.seed = 1; options.seed <= 3; options.seed++)
        run(&options);
}

static void faults_show_in_what_happens(void **state)
{
    (void)state;
    static const struct {
        enum fault fault;
        const char *words[2]; /* of the log, where they do not occur without the fault */
    } signs[] = {
        {FAULT_LOSS, {"  drop  "}},
        {FAULT_PARTITION, {"  drop  "}},
        {FAULT_CRASH, {"  down  ", ", life 2\n"}},
        {FAULT_RESTART, {"  down  ", ", life 2\n"}},
        {FAULT_CLIENT, {", life 2\n"}},
        {FAULT_DISK, {"AREG_EIO\n", "  down  "}},
        {FAULT_LOST, {"  down  "}},
    };
    char *without = logs_under(0);
    for (unsigned i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        char *with = logs_under(UINT32_C(1) << signs[i].fault);
        for (unsigned j = 0; j < 2 && signs[i].words[j]; j++) {
            assert_null(strstr(without, signs[i].words[j]));
            if (!strstr(with, signs[i].words[j]))
                fail_msg("%s does not show as \"%s\"", fault_name(signs[i].fault), signs[i].words[j]);
        }
        free(with);
    }
    free(without);
}

static void rot_is_met_by_readers(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "rs:5,3"});
    const struct tag tag = calm_do(&calm, 0, CLIENT_PUT, 0, 3000)->tag;
    calm_idle(&calm, SECOND);
    calm.sim->nemesis.victim = 0;
    nemesis_strike(calm.sim, FAULT_ROT);
    assert_int_equal(calm.report.fault_counts[FAULT_ROT], 1);
    const uint64_t answered_before = calm.report.payload_bytes_answered;
    const struct sim_op *op = calm_do(&calm, 0, CLIENT_GET, 0, 0);
    assert_int_equal(op->error, AREG_OK);
    assert_true(tag_equal(op->tag, tag));
    /* It does without the first host's fragment, and has to ask somebody else. */
    assert_int_equal(op->rounds, 2);
    assert_int_equal(calm.report.payload_bytes_answered - answered_before, 3000);
    calm_fini(&calm);
}

static void full_disks_refuse_what_is_written_until_all_heals(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "rs:5,3"});
    calm_do(&calm, 0, CLIENT_PUT, 0, 100);
    calm.sim->nemesis.pace_ns[FAULT_FULL] = 1000 * SECOND;
    for (unsigned i = 0; i < 40; i++)
        nemesis_strike(calm.sim, FAULT_FULL);
    assert_int_equal(calm_do(&calm, 0, CLIENT_PUT, 0, 1 << 20)->error, AREG_EFULL);
    assert_int_equal(calm_do(&calm, 0, CLIENT_GET, 0, 0)->value_bytes, 100);
    nemesis_heal(calm.sim);
    assert_int_equal(calm_do(&calm, 0, CLIENT_PUT, 0, 1 << 20)->error, AREG_OK);
    calm_fini(&calm);
}

static void a_flipped_bit_is_a_lost_packet(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "rs:5,3"});
    calm.sim->weather.corrupt_permyriad = 10000;
    const uint32_t op_index = calm_begin(&calm, 0, CLIENT_PUT, 0, 100);
    calm_idle(&calm, 10 * SECOND);
    assert_false(calm.sim->ops[op_index].has_ended);
    assert_int_equal(calm_stored(&calm).entry_count, 0);
    calm.sim->weather.corrupt_permyriad = 0;
    assert_int_equal(calm_await(&calm, op_index)->error, AREG_OK);
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- healing */

static void what_a_pause_or_a_slow_link_holds_up_goes_on_when_all_heals(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = "rs:5,3", .seed = i});
        struct sim *sim = calm.sim;
        const uint64_t far_ns = sim->now_ns + 1000 * SECOND;
        sim->weather.reorders = false;
        if (i == 0)
            sim->clients[0].paused_until_ns = far_ns;
        for (uint32_t j = 0; i == 1 && j < 5; j++)
            sim->hosts[j].paused_until_ns = far_ns;
        for (uint32_t j = 0; i == 2 && j < 5; j++)
            link_of(sim, 0, j)->slowness = 16 * 10000 * 1000;
        const uint32_t op_index = calm_begin(&calm, 0, CLIENT_PUT, 0, 100);
        calm_idle(&calm, 20 * SECOND);
        assert_false(sim->ops[op_index].has_ended);
        nemesis_heal(sim);
        assert_true(calm_await(&calm, op_index)->end_ns < sim->now_ns + 10 * SECOND);
        assert_true(sim->now_ns < far_ns / 2);
        calm_fini(&calm);
    }
}

static void the_clock_of_a_paused_process_jumps_and_nothing_else_happens(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "rs:5,3", .client_count = 3});
    struct sim *sim = calm.sim;
    /* Unanswered requests and confirmed entries: timers of clients and of hosts. */
    calm_do(&calm, 0, CLIENT_PUT, 0, 100);
    calm_do(&calm, 1, CLIENT_PUT, 0, 100);
    calm_idle(&calm, 10 * MS);
    for (uint32_t i = 0; i < 3; i++)
        for (uint32_t j = 0; j < 5; j++)
            link_of(sim, i, j)->cut[1] = 1;
    for (uint32_t i = 0; i < 3; i++)
        calm_begin(&calm, i, CLIENT_GET, 0, 0);
    const uint64_t until_ns = sim->now_ns + 100 * MS;
    for (uint32_t i = 0; i < 5; i++)
        sim->hosts[i].paused_until_ns = until_ns;
    for (uint32_t i = 0; i < 3; i++)
        sim->clients[i].paused_until_ns = until_ns;
    const uint64_t packets_before = calm.report.packet_count;
    const uint64_t commits_before = calm.report.commit_count;
    while (sim->now_ns < until_ns - 2 * MS) {
        nemesis_strike(sim, FAULT_CLOCK);
        calm_idle(&calm, MS);
    }
    assert_int_equal(calm.report.packet_count, packets_before);
    assert_int_equal(calm.report.commit_count, commits_before);
    calm_idle(&calm, SECOND);
    assert_true(calm.report.packet_count > packets_before);
    assert_true(calm.report.commit_count > commits_before);
    calm_fini(&calm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_alone_strikes_and_breaks_nothing),
        cmocka_unit_test(without_faults_nothing_strikes_and_nothing_fails),
        cmocka_unit_test(a_code_that_tolerates_nothing_survives_all_that_ends),
        cmocka_unit_test(rot_strikes_as_many_hosts_as_may_be_down),
        cmocka_unit_test(all_classes_strike_in_one_long_run),
        cmocka_unit_test(links_of_as_many_hosts_as_there_can_be_are_cut),
        cmocka_unit_test(faults_show_in_what_happens),
        cmocka_unit_test(rot_is_met_by_readers),
        cmocka_unit_test(full_disks_refuse_what_is_written_until_all_heals),
        cmocka_unit_test(a_flipped_bit_is_a_lost_packet),
        cmocka_unit_test(what_a_pause_or_a_slow_link_holds_up_goes_on_when_all_heals),
        cmocka_unit_test(the_clock_of_a_paused_process_jumps_and_nothing_else_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
