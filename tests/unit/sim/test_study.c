/*
 * Studies: that they come to the same every time, that their model is the one that is described, and that what they
 * measure is what the protocol promises [PROTOCOL §7].
 */
#include "sim/study.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

enum { OP_MAX = 20000 };

struct run {
    struct study_options options;
    struct study_report report;
    unsigned op_count;
    struct study_op *ops;
};

static void note_op(const struct study_op *op, void *arg)
{
    struct run *run = arg;
    assert_true(run->op_count < OP_MAX);
    run->ops[run->op_count++] = *op;
}

/* Two readers and two writers of one register of 30,000 bytes; a message takes 100 us, and all else nothing. */
static struct run make_run(const char *code)
{
    struct run run = {.options = {.seed = 7,
                                  .delta = 4,
                                  .reader_count = 2,
                                  .writer_count = 2,
                                  .depth = 1,
                                  .key_count = 4,
                                  .value_bytes = 30000,
                                  .duration_ns = UINT64_MAX,
                                  .op_count_max = 200,
                                  .timeout_ns = 10 * SECOND,
                                  .delay_min_ns = 100 * US,
                                  .delay_max_ns = 100 * US}};
    assert_int_equal(code_parse(code, &run.options.code), AREG_OK);
    run.options.host_count = run.options.code.n;
    return run;
}

static void do_run(struct run *run)
{
    char why[STUDY_WHY_BYTES];
    assert_int_equal(study_check(&run->options, why), AREG_OK);
    run->ops = calloc(OP_MAX, sizeof *run->ops);
    assert_non_null(run->ops);
    run->op_count = 0;
    run->options.on_op = note_op;
    run->options.on_op_arg = run;
    study_run(&run->options, &run->report);
    if (run->report.broken[0])
        print_message("%s: %s\n", run->report.broken, run->report.why);
    assert_string_equal(run->report.broken, "");
}

static void the_same_seed_comes_to_the_same_bit_for_bit(void **state)
{
    (void)state;
    struct run runs[3];
    for (unsigned i = 0; i < 3; i++) {
        runs[i] = make_run("rs:5,3");
        study_defaults(&runs[i].options);
        runs[i].options.seed = i < 2 ? 11 : 12;
        runs[i].options.mixed_count = 2;
        runs[i].options.read_percent = 50;
        runs[i].options.rate_hz = 2000;
        runs[i].options.arrivals = STUDY_POISSON;
        runs[i].options.host_count = 6;
        runs[i].options.event_count = 2;
        runs[i].options.events[0] = (struct study_event){.at_ns = 10 * MS, .kind = STUDY_KILL, .host = 1};
        runs[i].options.events[1] =
            (struct study_event){.at_ns = 20 * MS, .kind = STUDY_RECONFIGURE, .words = "replace s2 s6"};
        do_run(&runs[i]);
        print_message("%u ops in %llu us, %u events, %llu moved, c%u %s\n", runs[i].op_count,
                      (unsigned long long)runs[i].report.load_ns / 1000, (unsigned)runs[i].report.event_count,
                      (unsigned long long)runs[i].report.moved_bytes, runs[i].report.configuration,
                      runs[i].report.outcomes[1].why);
    }
    assert_memory_equal(&runs[0].report, &runs[1].report, sizeof runs[0].report);
    assert_int_equal(runs[0].op_count, runs[1].op_count);
    assert_memory_equal(runs[0].ops, runs[1].ops, runs[0].op_count * sizeof runs[0].ops[0]);
    assert_int_not_equal(runs[0].report.digest, runs[2].report.digest);
    for (unsigned i = 0; i < 3; i++)
        free(runs[i].ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_comes_to_the_same_bit_for_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
