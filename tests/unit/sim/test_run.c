/*
 * The same options give the same run, event by event: twice in one process, beside other simulations, and in another
 * process, where everything has other addresses.
 */
#include "sim/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OP_COUNT = 120 };

/* ---------------------------------------------------------------- a run, as text */

static void print_outcomes(FILE *to, const struct sim_outcomes *outcomes)
{
    fprintf(to, " %llu %llu %llu %llu %llu\n", (unsigned long long)outcomes->ok,
            (unsigned long long)outcomes->not_found, (unsigned long long)outcomes->stale,
            (unsigned long long)outcomes->failed, (unsigned long long)outcomes->unknown);
}

static void print_report(FILE *to, const struct sim_report *report)
{
    const struct sim_options *drawn = &report->drawn;
    char code[CODE_TEXT_BYTES];
    fprintf(to, "broken %s: %s at %llu\n", report->broken, report->why, (unsigned long long)report->broken_ns);
    fprintf(to, "drawn %s %u %u %u %u %u %u %u %x\n", code_print(drawn->code, code), drawn->host_count, drawn->delta,
            drawn->client_count, drawn->depth, drawn->key_count, drawn->op_count, drawn->value_bytes_max,
            drawn->faults);
    print_outcomes(to, &report->reads);
    print_outcomes(to, &report->writes);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        fprintf(to, " %llu", (unsigned long long)report->fault_counts[i]);
    const uint64_t numbers[] = {report->event_count,
                                report->trace_digest,
                                report->virtual_ns,
                                report->op_count,
                                report->packet_count,
                                report->read_rounds,
                                report->write_rounds,
                                report->read_bytes,
                                report->write_bytes,
                                report->payload_bytes_sent,
                                report->payload_bytes_answered,
                                report->write_back_count,
                                report->commit_count,
                                report->trims_forced,
                                report->latency_max_ns,
                                report->latency_min_ns};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(to, " %llu", (unsigned long long)numbers[i]);
    fprintf(to, "\n");
}

/* Everything that a run says: its history, and its report. To be freed. */
static char *tell(uint64_t seed)
{
    char *text;
    size_t text_bytes;
    FILE *to = open_memstream(&text, &text_bytes);
    CHECK(to != NULL);
    const struct sim_options options = {.seed = seed, .op_count = OP_COUNT, .history = to};
    struct sim_report report;
    sim_run(&options, &report);
    print_report(to, &report);
    CHECK(fclose(to) == 0);
    return text;
}

static uint64_t digest_of(const struct sim_options *options)
{
    struct sim_report report;
    sim_run(options, &report);
    return report.trace_digest;
}

/* ---------------------------------------------------------------- tests */

enum { SEED_COUNT = 100 };

static void a_seed_tells_the_same_every_time_whatever_ran_in_between(void **state)
{
    (void)state;
    static char *told[SEED_COUNT];
    for (unsigned i = 0; i < SEED_COUNT; i++) {
        told[i] = tell(i);
        assert_true(strlen(told[i]) > 1000);
    }
    /* In another order, and after runs in which something was broken. */
    for (unsigned i = SEED_COUNT; i-- > 0;) {
        if (i % 10 == 0) {
            plant_set(PLANT_QUORUM_SHORT);
            free(tell(i));
            plant_set(PLANT_NONE);
        }
        char *again = tell(i);
        assert_string_equal(again, told[i]);
        free(again);
    }
    for (unsigned i = 0; i < SEED_COUNT; i++)
        free(told[i]);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void different_seeds_give_different_runs(void **state)
{
    (void)state;
    uint64_t digests[SEED_COUNT];
    for (unsigned i = 0; i < SEED_COUNT; i++)
        digests[i] = digest_of(&(struct sim_options){.seed = i, .op_count = 20});
    qsort(digests, SEED_COUNT, sizeof digests[0], compare_numbers);
    for (unsigned i = 1; i < SEED_COUNT; i++)
        assert_true(digests[i - 1] != digests[i]);
}

static void a_run_is_the_same_whether_somebody_looks_or_not(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct sim_options options = {.seed = seed, .op_count = OP_COUNT};
        const uint64_t digest = digest_of(&options);
        FILE *nowhere = fopen("/dev/null", "w");
        assert_non_null(nowhere);
        options.log = options.history = options.timeline = nowhere;
        assert_int_equal(digest_of(&options), digest);
        assert_int_equal(fclose(nowhere), 0);
    }
}

/* What a run has drawn, when it is given, changes what is drawn afterwards, but not from one time to the next. */
static void a_run_with_given_options_is_the_same_every_time(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct sim_options options = {.seed = seed,
                                      .op_count = OP_COUNT,
                                      .has_delta = true,
                                      .delta = 2,
                                      .client_count = 3,
                                      .depth = 2,
                                      .key_count = 2,
                                      .value_bytes_max = 100,
                                      .has_faults = true,
                                      .faults = FAULTS_ALL};
        assert_int_equal(code_parse("rs:6,4", &options.code), AREG_OK);
        assert_int_equal(digest_of(&options), digest_of(&options));
    }
}

static void simulations_side_by_side_do_not_notice_each_other(void **state)
{
    (void)state;
    enum { SIM_COUNT = 3, STEP_COUNT = 20000 };
    for (uint64_t seed = 0; seed < 5; seed++) {
        /* Two of the same seed, and a stranger. */
        const uint64_t seeds[SIM_COUNT] = {seed, seed + 1000, seed};
        struct sim_report reports[SIM_COUNT];
        struct sim *sims[SIM_COUNT];
        for (unsigned i = 0; i < SIM_COUNT; i++) {
            const struct sim_options options = {.seed = seeds[i]};
            sims[i] = sim_create(&options, &reports[i]);
            sims[i]->is_submitting = true;
        }
        for (unsigned step = 0; step < STEP_COUNT; step++) {
            for (unsigned i = 0; i < SIM_COUNT; i++)
                sim_step(sims[i], UINT64_MAX);
            assert_int_equal(sims[0]->digest, sims[2]->digest);
            assert_int_equal(sims[0]->now_ns, sims[2]->now_ns);
            assert_int_equal(sims[0]->random.state, sims[2]->random.state);
        }
        assert_true(sims[0]->digest != sims[1]->digest);
        for (unsigned i = 0; i < SIM_COUNT; i++)
            sim_destroy(sims[i]);
    }
}

/* ---------------------------------------------------------------- another process */

/* Leaves the heap fragmented and full of something else than zeroes. */
static void disturb_heap(uint64_t seed)
{
    enum { BLOCK_COUNT = 5000 };
    static void *blocks[BLOCK_COUNT];
    struct random_source random = {seed};
    for (unsigned i = 0; i < BLOCK_COUNT; i++) {
        const size_t bytes = 1 + random_below(&random, i % 100 ? 5000 : 1 << 20);
        blocks[i] = malloc(bytes);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 0xA5, bytes);
    }
    for (unsigned i = 0; i < BLOCK_COUNT; i++)
        if (random_below(&random, 4))
            free(blocks[i]);
}

static const uint64_t seeds_told[] = {1, 2, 3, 4, 5, 77, 375, 580};
enum { TOLD_COUNT = sizeof seeds_told / sizeof seeds_told[0] };

static void tell_all(FILE *to)
{
    for (unsigned i = 0; i < TOLD_COUNT; i++) {
        char *text = tell(seeds_told[i]);
        fputs(text, to);
        free(text);
    }
}

/* This program again, which does nothing but tell. */
static char *tell_in_another_process(const char *program)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", program, "tell", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    char *text;
    size_t text_bytes;
    FILE *to = open_memstream(&text, &text_bytes);
    assert_non_null(to);
    char block[4096];
    ssize_t bytes;
    while ((bytes = read(ends[0], block, sizeof block)) > 0)
        fwrite(block, 1, (size_t)bytes, to);
    close(ends[0]);
    assert_int_equal(fclose(to), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return text;
}

static void a_seed_tells_the_same_in_a_process_with_other_addresses(void **state)
{
    char *here;
    size_t here_bytes;
    FILE *to = open_memstream(&here, &here_bytes);
    assert_non_null(to);
    tell_all(to);
    assert_int_equal(fclose(to), 0);
    char *there = tell_in_another_process(*state);
    assert_string_equal(there, here);
    free(there);
    free(here);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        disturb_heap((uint64_t)getpid());
        tell_all(stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_tells_the_same_every_time_whatever_ran_in_between),
        cmocka_unit_test(different_seeds_give_different_runs),
        cmocka_unit_test(a_run_is_the_same_whether_somebody_looks_or_not),
        cmocka_unit_test(a_run_with_given_options_is_the_same_every_time),
        cmocka_unit_test(simulations_side_by_side_do_not_notice_each_other),
        cmocka_unit_test_prestate(a_seed_tells_the_same_in_a_process_with_other_addresses, argv[0]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
