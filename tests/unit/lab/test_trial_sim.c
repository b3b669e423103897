/*
 * Trials in the simulator: what the study measures arrives in a trial's terms.
 */
#include "lab/trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

static struct trial make_trial(const char *code)
{
    struct trial trial = {.backend = TRIAL_SIM,
                          .seed = 3,
                          .delta = 8,
                          .reader_count = 2,
                          .writer_count = 2,
                          .depth = 1,
                          .key_count = 16,
                          .value_bytes = 30000,
                          .distribution = "zipf:0.9",
                          .delay_min_ns = 100 * US,
                          .delay_max_ns = 100 * US,
                          .duration_ns = 100 * MS,
                          .op_count_max = UINT64_MAX};
    assert_int_equal(code_parse(code, &trial.code), AREG_OK);
    trial.host_count = trial.code.n;
    return trial;
}

static void a_trial_comes_to_counts_latencies_costs_and_windows(void **state)
{
    (void)state;
    const struct trial trial = make_trial("rs:5,3");
    struct measurement result;
    char why[TRIAL_WHY_BYTES];
    assert_int_equal(trial_run_sim(&trial, -1, &result, why), AREG_OK);
    uint64_t window_op_count = 0;
    for (unsigned i = 0; i < result.window_count; i++)
        window_op_count += result.windows[i].op_counts[LOAD_READ] + result.windows[i].op_counts[LOAD_WRITE];
    const struct load_tally *reads = &result.kinds[LOAD_READ];
    const struct load_tally *writes = &result.kinds[LOAD_WRITE];
    assert_int_equal(window_op_count, reads->latency_ns.count + writes->latency_ns.count);
    assert_int_equal(reads->errors[AREG_OK], reads->latency_ns.count);
    assert_int_equal(writes->latency_ns.max, 400 * US);
    assert_true(result.rounds[LOAD_WRITE] == 2 && result.rounds[LOAD_READ] >= 1 && result.rounds[LOAD_READ] < 2);
    assert_true(result.sent_values[LOAD_WRITE] == 5.0 / 3 && result.received_values[LOAD_READ] >= 1);
    assert_true(result.stored_values_rest == 5.0 / 3 && result.stored_values_max >= 5.0 / 3);
    assert_true(result.packets_per_op > 10 && result.overhead_bytes_per_op > 500);
    assert_true(result.moved_values == 0 && result.configuration_max == 0);
    assert_true(result.seconds >= 0.1 && result.seconds < 0.101);
    measurement_fini(&result);
}

static void events_are_noted_and_the_history_is_written(void **state)
{
    (void)state;
    char path[] = "/tmp/areg-trial-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct trial trial = make_trial("rs:5,3");
    trial.host_count = 6;
    trial.history_path = path;
    trial.event_count = 2;
    trial.events[0] = (struct trial_event){.at_ns = 20 * MS, .kind = TRIAL_KILL, .host = "s2"};
    trial.events[1] = (struct trial_event){.at_ns = 30 * MS, .kind = TRIAL_RECONFIGURE, .words = "replace s2 s6"};
    struct measurement result;
    char why[TRIAL_WHY_BYTES];
    assert_int_equal(trial_run_sim(&trial, -1, &result, why), AREG_OK);
    assert_int_equal(result.note_count, 2);
    assert_string_equal(result.notes[0].text, "kill s2");
    assert_string_equal(result.notes[1].text, "reconfigure replace s2 s6");
    assert_int_equal(result.notes[1].begin_ns, 30 * MS);
    assert_true(result.notes[1].end_ns > 30 * MS);
    assert_int_equal(result.configuration_max, 1);
    assert_true(result.moved_values > 0.9 && result.moved_values < 1.4);
    assert_true(lseek(fd, 0, SEEK_END) > 10000);
    measurement_fini(&result);
    close(fd);
    unlink(path);
}

static void what_can_not_be_is_refused_with_a_reason(void **state)
{
    (void)state;
    struct trial trial = make_trial("rs:5,3");
    struct measurement result;
    char why[TRIAL_WHY_BYTES];
    trial.event_count = 1;
    trial.events[0] = (struct trial_event){.kind = TRIAL_KILL, .host = "s9"};
    assert_int_equal(trial_run_sim(&trial, -1, &result, why), AREG_EINVAL);
    assert_string_equal(why, "there is no host s9");
    measurement_fini(&result);
    trial.events[0] = (struct trial_event){.kind = TRIAL_RECONFIGURE, .words = "replase s1 s2"};
    assert_int_equal(trial_run_sim(&trial, -1, &result, why), AREG_EINVAL);
    assert_true(strlen(why) > 0);
    measurement_fini(&result);
}

static void whoever_waits_can_give_it_up(void **state)
{
    (void)state;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    const struct trial trial = make_trial("rs:5,3");
    struct measurement result;
    char why[TRIAL_WHY_BYTES];
    assert_int_equal(trial_run_sim(&trial, pipe_fds[0], &result, why), AREG_ECANCELED);
    measurement_fini(&result);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_comes_to_counts_latencies_costs_and_windows),
        cmocka_unit_test(events_are_noted_and_the_history_is_written),
        cmocka_unit_test(what_can_not_be_is_refused_with_a_reason),
        cmocka_unit_test(whoever_waits_can_give_it_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
