/*
 * A trial in the simulator: the study of sim/study.h that a trial describes, and what it comes to in a trial's terms.
 * Nothing of real time is in it.
 */
#include "core/check.h"
#include "lab/trial.h"
#include "sim/study.h"

#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

/* A trial of known length is seen in at most so many windows. */
enum { WINDOW_AIM = 200 };

struct sums {
    uint64_t op_count; /* that completed */
    uint64_t rounds;
    uint64_t bytes_sent;
    uint64_t bytes_received;
};

struct sim_trial {
    const struct trial *trial;
    struct measurement *result;
    struct key_choice keys;
    struct sums sums[LOAD_KIND_COUNT];
    struct histogram *window_latencies; /* by kind, of the last window */
    int interrupt_fd;
};

/* ---------------------------------------------------------------- what it is told */

static bool is_interrupted(void *arg)
{
    const struct sim_trial *run = arg;
    struct pollfd poll_fd = {.fd = run->interrupt_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

static uint64_t choose_key(uint64_t turn, struct random_source *random, void *arg)
{
    const struct sim_trial *run = arg;
    return key_choice_next(&run->keys, turn, random);
}

static void spell_event(const struct trial_event *event, struct study_event *to)
{
    static const enum study_event_kind kinds[] = {[TRIAL_KILL] = STUDY_KILL,
                                                  [TRIAL_START] = STUDY_START,
                                                  [TRIAL_PAUSE] = STUDY_PAUSE,
                                                  [TRIAL_RESUME] = STUDY_RESUME,
                                                  [TRIAL_RECONFIGURE] = STUDY_RECONFIGURE};
    _Static_assert((int)STUDY_WORDS_BYTES >= (int)TRIAL_WORDS_BYTES, "all words fit");
    *to = (struct study_event){.at_ns = event->at_ns, .kind = kinds[event->kind]};
    snprintf(to->words, sizeof to->words, "%s", event->words);
    if (event->kind != TRIAL_RECONFIGURE && (sscanf(event->host, "s%u", &to->host) != 1 || to->host-- == 0))
        to->host = UINT32_MAX - 1; /* there is no such host, as study_check() says */
}

static void spell_out(const struct trial *trial, struct study_options *options)
{
    *options = (struct study_options){0};
    study_defaults(options);
    options->seed = trial->seed;
    options->code = trial->code;
    options->delta = trial->delta;
    options->host_count = trial->host_count;
    options->reader_count = trial->reader_count;
    options->writer_count = trial->writer_count;
    options->mixed_count = trial->mixed_count;
    options->read_percent = trial->read_percent;
    options->depth = trial->depth;
    options->key_count = trial->key_count < UINT32_MAX ? (unsigned)trial->key_count : UINT32_MAX;
    options->value_bytes = trial->value_bytes;
    options->rate_hz = trial->rate_hz;
    options->duration_ns = trial->duration_ns;
    options->op_count_max = trial->op_count_max;
    if (trial->delay_max_ns > 0) {
        options->delay_min_ns = trial->delay_min_ns;
        options->delay_max_ns = trial->delay_max_ns;
    }
    options->host_bandwidth_bytes_per_s = trial->bandwidth_bytes_per_s;
    options->client_bandwidth_bytes_per_s = 0;
    options->processing_ns = trial->processing_ns;
    if (!trial->syncs)
        options->commit_min_ns = options->commit_max_ns = options->disk_bytes_per_s = 0;
    options->event_count = trial->event_count;
    for (unsigned i = 0; i < trial->event_count; i++)
        spell_event(&trial->events[i], &options->events[i]);
}

/* ---------------------------------------------------------------- what comes of it */

/* 1, 2 or 5 of some unit, so that there are not too many. */
static uint64_t choose_window_ns(uint64_t duration_ns)
{
    static const unsigned steps[] = {1, 2, 5};
    if (duration_ns == UINT64_MAX)
        return 100 * MS;
    for (uint64_t unit_ns = MS;; unit_ns *= 10)
        for (unsigned i = 0; i < 3; i++)
            if (steps[i] * unit_ns * WINDOW_AIM >= duration_ns)
                return steps[i] * unit_ns;
}

static void close_window(struct sim_trial *run)
{
    struct measurement *result = run->result;
    if (result->window_count == 0)
        return;
    struct trial_window *window = &result->windows[result->window_count - 1];
    for (unsigned i = 0; i < LOAD_KIND_COUNT; i++) {
        window->p50_ns[i] = histogram_quantile(&run->window_latencies[i], 50000);
        window->p99_ns[i] = histogram_quantile(&run->window_latencies[i], 99000);
        run->window_latencies[i] = (struct histogram){0};
    }
}

/* The window that this moment is in; what comes after the last one is in that. */
static struct trial_window *window_at(struct sim_trial *run, uint64_t at_ns)
{
    struct measurement *result = run->result;
    uint64_t index = at_ns / result->window_ns;
    if (index >= TRIAL_WINDOW_MAX)
        index = TRIAL_WINDOW_MAX - 1;
    while (result->window_count <= index) {
        close_window(run);
        result->windows[result->window_count++] = (struct trial_window){0};
    }
    return &result->windows[index];
}

static void note_op(const struct study_op *op, void *arg)
{
    struct sim_trial *run = arg;
    const enum load_kind kind = op->kind == CLIENT_GET ? LOAD_READ : LOAD_WRITE;
    struct load_tally *tally = &run->result->kinds[kind];
    struct trial_window *window = window_at(run, op->end_ns);
    const bool has_completed = op->error == AREG_OK || op->error == AREG_ENOTFOUND;
    histogram_add(&tally->latency_ns, op->end_ns - op->due_ns);
    tally->errors[op->error]++;
    histogram_add(&run->window_latencies[kind], op->end_ns - op->due_ns);
    window->op_counts[kind]++;
    window->failed_counts[kind] += !has_completed;
    if (!has_completed)
        return;
    run->sums[kind].op_count++;
    run->sums[kind].rounds += op->rounds;
    run->sums[kind].bytes_sent += op->payload_bytes_sent;
    run->sums[kind].bytes_received += op->payload_bytes_received;
}

static double ratio(uint64_t a, double b)
{
    return b > 0 ? (double)a / b : NAN;
}

static void sum_up(const struct sim_trial *run, const struct study_report *report)
{
    const struct trial *trial = run->trial;
    struct measurement *result = run->result;
    const double value_bytes = (double)trial->value_bytes;
    const double all_bytes = value_bytes * (double)trial->key_count;
    uint64_t op_count = 0;
    for (unsigned i = 0; i < LOAD_KIND_COUNT; i++) {
        const struct sums *sums = &run->sums[i];
        const double count = (double)sums->op_count;
        op_count += sums->op_count;
        result->rounds[i] = ratio(sums->rounds, count);
        result->sent_values[i] = ratio(sums->bytes_sent, count * value_bytes);
        const uint64_t received_bytes = sums->bytes_received + report->late_payload_bytes[i == LOAD_WRITE];
        result->received_values[i] = ratio(received_bytes, count * value_bytes);
    }
    result->seconds = (double)report->load_ns / (double)SECOND;
    result->stored_values_max = ratio(report->stored_bytes_max, all_bytes);
    result->stored_values_rest = ratio(report->stored_bytes_rest, all_bytes);
    result->moved_values = ratio(report->moved_bytes, all_bytes);
    result->packets_per_op = ratio(report->packet_count, (double)op_count);
    result->overhead_bytes_per_op = ratio(report->header_bytes, (double)op_count);
    result->client_cpu_us_per_op = result->hosts_cpu_us_per_op = NAN;
    result->configuration_max = report->configuration;
}

static void tell_events(const struct trial *trial, const struct study_report *report, struct measurement *result)
{
    static const char *const names[] = {[TRIAL_KILL] = "kill",
                                        [TRIAL_START] = "start",
                                        [TRIAL_PAUSE] = "pause",
                                        [TRIAL_RESUME] = "resume",
                                        [TRIAL_RECONFIGURE] = "reconfigure"};
    for (unsigned i = 0; i < trial->event_count; i++) {
        const struct trial_event *event = &trial->events[i];
        const struct study_outcome *outcome = &report->outcomes[i];
        struct trial_note *note = &result->notes[result->note_count++];
        note->begin_ns = outcome->begin_ns;
        note->end_ns = outcome->end_ns;
        note->has_failed = outcome->error != AREG_OK;
        snprintf(note->text, sizeof note->text, "%s %s%s%s", names[event->kind],
                 event->kind == TRIAL_RECONFIGURE ? event->words : event->host, outcome->error ? ": " : "",
                 outcome->why[0]  ? outcome->why
                 : outcome->error ? areg_strerror(outcome->error)
                                  : "");
    }
}

enum areg_error trial_run_sim(const struct trial *trial, int interrupt_fd, struct measurement *result,
                              char why[TRIAL_WHY_BYTES])
{
    struct study_options options;
    struct study_report report;
    struct sim_trial run = {.trial = trial, .result = result, .interrupt_fd = interrupt_fd};
    *result = (struct measurement){.window_ns = choose_window_ns(trial->duration_ns)};
    why[0] = 0;
    spell_out(trial, &options);
    _Static_assert((int)STUDY_WHY_BYTES <= (int)TRIAL_WHY_BYTES && (int)STUDY_EVENT_MAX >= (int)TRIAL_EVENT_MAX,
                   "a study fits a trial");
    if (ablation_parse(trial->switched_off, &options.switched_off) != AREG_OK) {
        snprintf(why, TRIAL_WHY_BYTES, "there is no optimisation \"%s\" that could be switched off",
                 trial->switched_off);
        return AREG_EINVAL;
    }
    if (study_check(&options, why) != AREG_OK)
        return AREG_EINVAL;
    const char *distribution = trial->distribution[0] ? trial->distribution : "uniform";
    if (key_choice_parse(distribution, trial->key_count, &run.keys) != AREG_OK) {
        snprintf(why, TRIAL_WHY_BYTES, "there is no distribution \"%s\"", distribution);
        return AREG_EINVAL;
    }
    options.choose_key = choose_key;
    options.choose_key_arg = options.on_op_arg = options.is_canceled_arg = &run;
    options.on_op = note_op;
    options.is_canceled = interrupt_fd >= 0 ? is_interrupted : NULL;
    if (trial->history_path && !(options.history = fopen(trial->history_path, "w"))) {
        snprintf(why, TRIAL_WHY_BYTES, "%.400s: %m", trial->history_path);
        return AREG_EIO;
    }
    run.window_latencies = calloc(LOAD_KIND_COUNT, sizeof *run.window_latencies);
    result->windows = calloc(TRIAL_WINDOW_MAX, sizeof *result->windows);
    CHECK(run.window_latencies && result->windows);
    study_run(&options, &report);
    const bool is_written = !options.history || fclose(options.history) == 0;
    close_window(&run);
    free(run.window_latencies);
    sum_up(&run, &report);
    tell_events(trial, &report, result);
    if (report.is_canceled)
        return AREG_ECANCELED;
    if (!is_written) {
        snprintf(why, TRIAL_WHY_BYTES, "%.400s: it can not be written", trial->history_path);
        return AREG_EIO;
    }
    if (report.broken[0]) {
        snprintf(why, TRIAL_WHY_BYTES, "%s is broken: %.400s", report.broken, report.why);
        return AREG_ECORRUPT;
    }
    return AREG_OK;
}
