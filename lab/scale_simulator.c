/*
 * The study of simulating itself: whether the model takes as long as the engines in the simulator do, for what both can
 * run; and what both cost, in events a second and bytes for each host. Each run is a process of its own, so that its
 * memory can be told from that of the others.
 */
#include "core/check.h"
#include "lab/scale_study.h"
#include "lab/scale_traffic.h"
#include "sim/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    SMALL_KEY_COUNT = 64,
    SMALL_OP_COUNT = 4000,
    LOADED_OP_COUNT = 20000,
    SPARE_OP_COUNT = 1000,
};

/* How one run is described to both. */
struct sample {
    const char *runner; /* "engines", "model" */
    const char *load;   /* "idle", "loaded", "cluster", or how many hosts there are to those that are used */
    struct scale_options options;
    uint64_t op_count;
};

/* What comes back from the process of a run. */
struct outcome {
    uint64_t event_count;
    uint64_t op_count;
    uint64_t virtual_ns;
    double p50_us[TRAFFIC_KIND_COUNT];
    double p99_us[TRAFFIC_KIND_COUNT];
    double real_s;
    double memory_bytes;
};

const char *const study_limit_columns[] = {
    "runner", "load", "hosts", "clients", "events", "cpu_s", "events_per_s", "memory_bytes", "memory_bytes_per_host",
    NULL};

/* ---------------------------------------------------------------- one run */

static void note_op(const struct study_op *op, void *arg)
{
    struct histogram *latencies = arg;
    histogram_add(&latencies[op->kind == CLIENT_GET ? TRAFFIC_READ : TRAFFIC_WRITE], op->end_ns - op->due_ns);
}

static void quantiles(const struct histogram *latencies, enum traffic_kind kind, struct outcome *outcome)
{
    outcome->op_count += latencies->count;
    outcome->p50_us[kind] = (double)histogram_quantile(latencies, 50000) / 1e3;
    outcome->p99_us[kind] = (double)histogram_quantile(latencies, 99000) / 1e3;
}

static void run_engines(const struct sample *sample, struct outcome *outcome)
{
    const struct scale_options *options = &sample->options;
    struct histogram *latencies = calloc(TRAFFIC_KIND_COUNT, sizeof *latencies);
    CHECK(latencies != NULL);
    struct study_options study = {0};
    study_defaults(&study);
    study.seed = options->seed;
    study.code = options->code;
    study.delta = 8;
    study.host_count = options->host_count;
    study.mixed_count = (unsigned)options->client_count;
    study.read_percent = options->read_percent;
    study.depth = STUDY_DEPTH_MAX;
    study.key_count = (unsigned)options->key_count;
    study.value_bytes = options->value_bytes;
    study.rate_hz = options->rate_hz;
    study.arrivals = STUDY_POISSON;
    study.duration_ns = UINT64_MAX;
    study.op_count_max = sample->op_count;
    study.on_op = note_op;
    study.on_op_arg = latencies;
    char why[STUDY_WHY_BYTES];
    CHECK(study_check(&study, why) == AREG_OK);
    struct study_report report;
    study_run(&study, &report);
    CHECK(!report.broken[0]);
    outcome->event_count = report.event_count;
    outcome->virtual_ns = report.load_ns;
    for (unsigned i = 0; i < TRAFFIC_KIND_COUNT; i++)
        quantiles(&latencies[i], (enum traffic_kind)i, outcome);
    free(latencies);
}

static void run_model(const struct sample *sample, struct outcome *outcome)
{
    struct field field;
    struct traffic_report *report = calloc(1, sizeof *report);
    CHECK(report != NULL && field_init(&field, &sample->options) == AREG_OK);
    traffic_run(&(struct traffic_options){.scale = &sample->options, .hedges = true}, &field, report);
    outcome->event_count = report->event_count;
    outcome->virtual_ns = report->virtual_ns;
    for (unsigned i = 0; i < TRAFFIC_KIND_COUNT; i++)
        quantiles(&report->kinds[i].latencies_ns, (enum traffic_kind)i, outcome);
    field_fini(&field);
    free(report);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The most that this process has had in memory so far. */
static double memory_bytes_max(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss * 1024;
}

/* AREG_EIO if there is no process to be had, or it came to a bad end. */
static enum areg_error run(const struct sample *sample, struct outcome *outcome)
{
    int ends[2];
    *outcome = (struct outcome){0};
    if (pipe(ends) != 0)
        return AREG_EIO;
    const pid_t pid = fork();
    if (pid == 0) {
        const double begun_s = cpu_seconds();
        const double before_bytes = memory_bytes_max();
        if (strcmp(sample->runner, "engines") == 0)
            run_engines(sample, outcome);
        else
            run_model(sample, outcome);
        outcome->real_s = cpu_seconds() - begun_s;
        outcome->memory_bytes = memory_bytes_max() - before_bytes;
        const ssize_t written = write(ends[1], outcome, sizeof *outcome);
        _exit(written == (ssize_t)sizeof *outcome ? 0 : 1);
    }
    close(ends[1]);
    const ssize_t got = pid > 0 ? read(ends[0], outcome, sizeof *outcome) : -1;
    close(ends[0]);
    int status = 0;
    if (pid > 0)
        waitpid(pid, &status, 0);
    return got == (ssize_t)sizeof *outcome && status == 0 ? AREG_OK : AREG_EIO;
}

/* ---------------------------------------------------------------- all */

static void tell(const struct sample *sample, const struct outcome *outcome, struct scale_result *result)
{
    const struct scale_options *options = &sample->options;
    struct scale_table *table = &result->points;
    study_row(options, result);
    scale_cell_text(table, "runner", sample->runner);
    scale_cell_text(table, "load", sample->load);
    scale_cell_count(table, "clients", options->client_count);
    scale_cell_count(table, "value_bytes", options->value_bytes);
    scale_cell_count(table, "rate_hz", options->rate_hz);
    scale_cell_count(table, "ops", outcome->op_count);
    scale_cell_count(table, "events", outcome->event_count);
    scale_cell_number(table, "virtual_s", (double)outcome->virtual_ns / 1e9);
    scale_cell_number(table, "read_p50_us", outcome->p50_us[TRAFFIC_READ]);
    scale_cell_number(table, "read_p99_us", outcome->p99_us[TRAFFIC_READ]);
    scale_cell_number(table, "write_p50_us", outcome->p50_us[TRAFFIC_WRITE]);
    scale_cell_number(table, "write_p99_us", outcome->p99_us[TRAFFIC_WRITE]);

    table = &result->limits;
    scale_row(table);
    scale_cell_text(table, "runner", sample->runner);
    scale_cell_text(table, "load", sample->load);
    scale_cell_count(table, "hosts", options->host_count);
    scale_cell_count(table, "clients", options->client_count);
    scale_cell_count(table, "events", outcome->event_count);
    scale_cell_number(table, "cpu_s", outcome->real_s);
    scale_cell_number(table, "events_per_s", (double)outcome->event_count / outcome->real_s);
    scale_cell_number(table, "memory_bytes", outcome->memory_bytes);
    scale_cell_number(table, "memory_bytes_per_host", outcome->memory_bytes / options->host_count);
}

static void compare(const struct outcome *engines, const struct outcome *model, bool has_writes,
                    struct scale_result *result)
{
    double p50_error = fabs(model->p50_us[TRAFFIC_READ] / engines->p50_us[TRAFFIC_READ] - 1);
    double p99_error = fabs(model->p99_us[TRAFFIC_READ] / engines->p99_us[TRAFFIC_READ] - 1);
    if (has_writes) {
        p50_error = fmax(p50_error, fabs(model->p50_us[TRAFFIC_WRITE] / engines->p50_us[TRAFFIC_WRITE] - 1));
        p99_error = fmax(p99_error, fabs(model->p99_us[TRAFFIC_WRITE] / engines->p99_us[TRAFFIC_WRITE] - 1));
    }
    scale_check_most(result, has_writes ? "model-idle-p50" : "model-loaded-p50", p50_error, 0.05,
                     "share that the model's p50_us is away from that of the engines");
    scale_check_most(result, has_writes ? "model-idle-p99" : "model-loaded-p99", p99_error, 0.1,
                     "share that the model's p99_us is away from that of the engines");
}

/* One shard that has all there is. */
static struct sample small_sample(const struct scale_options *options, const char *load)
{
    struct sample sample = {.load = load, .options = *options, .op_count = SMALL_OP_COUNT};
    sample.options.host_count = options->code.n;
    sample.options.rack_count = 0;
    sample.options.shard_count = 1;
    sample.options.key_count = SMALL_KEY_COUNT;
    sample.options.client_count = 1;
    sample.options.slow_per_mille = 0;
    sample.options.read_percent = 50;
    sample.options.rate_hz = 20;
    if (strcmp(load, "loaded") == 0) {
        /* Half of what a member's link can send. Nobody writes: engines wait for each other where registers are few. */
        sample.op_count = LOADED_OP_COUNT;
        sample.options.read_percent = 100;
        sample.options.client_count = STUDY_CLIENT_MAX;
        const double fragment_s = (double)field_fragment_bytes(options) / (double)options->link_bytes_per_s;
        const double busy_s = fmax(fragment_s, (double)options->processing_ns / 1e9);
        sample.options.rate_hz = (uint64_t)(0.5 / busy_s);
    }
    sample.options.duration_ns = (uint64_t)((double)sample.op_count / (double)sample.options.rate_hz * 1e9);
    return sample;
}

unsigned study_simulator_rows(const struct scale_options *options)
{
    unsigned count = 5;
    for (unsigned hosts = 2u * options->code.n; hosts <= STUDY_HOST_MAX; hosts *= 2)
        count++;
    return count;
}

enum areg_error study_simulator(const struct scale_options *options, struct scale_result *result)
{
    static const char *const loads[] = {"idle", "loaded"};
    for (unsigned i = 0; i < 2; i++) {
        struct sample sample = small_sample(options, loads[i]);
        struct outcome outcomes[2];
        for (unsigned is_model = 0; is_model <= 1; is_model++) {
            sample.runner = is_model ? "model" : "engines";
            const enum areg_error error = run(&sample, &outcomes[is_model]);
            if (error != AREG_OK)
                return error;
            tell(&sample, &outcomes[is_model], result);
        }
        compare(&outcomes[0], &outcomes[1], i == 0, result);
    }
    /* Hosts beside those that have something to do. */
    static const char *const spares[] = {"hosts x 2", "hosts x 4", "hosts x 8"};
    unsigned hosts = 2u * options->code.n;
    for (unsigned i = 0; i < sizeof spares / sizeof spares[0] && hosts <= STUDY_HOST_MAX; i++, hosts *= 2) {
        struct sample sample = small_sample(options, spares[i]);
        struct outcome outcome;
        sample.runner = "engines";
        sample.options.host_count = hosts;
        sample.op_count = SPARE_OP_COUNT;
        const enum areg_error error = run(&sample, &outcome);
        if (error != AREG_OK)
            return error;
        tell(&sample, &outcome, result);
    }
    struct sample sample = {.runner = "model", .load = "cluster", .options = *options};
    struct outcome outcome;
    const enum areg_error error = run(&sample, &outcome);
    if (error == AREG_OK)
        tell(&sample, &outcome, result);
    return error;
}
