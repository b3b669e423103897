#include "lab/experiment_run.h"

#include "core/check.h"
#include "core/units.h"
#include "lab/local_hosts.h"
#include "lab/program.h"
#include "lab/report.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOCAL_PATH_BYTES = PATH_MAX + 64, BAR_CELLS = 20, LINE_BYTES = 1024 };

struct running {
    const struct experiment_order *order;
    struct run_dir dir;
    bool has_bar;
    unsigned try_count;
    unsigned begun_with; /* tries that had been done before */
    uint64_t begun_ns;
    FILE *failed; /* where checks that fail are told, or NULL */
};

/* ---------------------------------------------------------------- progress */

/* The time that is left, if each try takes as long as those so far; "" if that is not known. */
static void print_left(const struct running *running, char text[UNITS_TEXT_BYTES + 16])
{
    const unsigned done_now = running->dir.done_count - running->begun_with;
    const unsigned left = running->try_count - running->dir.done_count;
    text[0] = 0;
    if (done_now == 0 || left == 0)
        return;
    const uint64_t left_ns = (load_now_ns() - running->begun_ns) / done_now * left;
    char time[UNITS_TEXT_BYTES];
    snprintf(text, UNITS_TEXT_BYTES + 16, ", about %s left",
             units_print_duration((left_ns / 1000000000 + 1) * 1000000000, time));
}

static void hide_bar(const struct running *running)
{
    if (running->has_bar)
        fprintf(stderr, "\r\033[K");
}

static const char *position_of(const struct running *running, char text[64])
{
    snprintf(text, 64, "%.40s%s", running->order->position, running->order->position[0] ? ": " : "");
    return text;
}

/* Where we are, on a terminal. */
static void show_bar(const struct running *running, unsigned point)
{
    char bar[BAR_CELLS + 1];
    char left[UNITS_TEXT_BYTES + 16];
    char label[EXPERIMENT_LABEL_BYTES];
    char position[64];
    if (!running->has_bar)
        return;
    const unsigned done = running->dir.done_count;
    for (unsigned i = 0; i < BAR_CELLS; i++)
        bar[i] = (uint64_t)i * running->try_count < (uint64_t)done * BAR_CELLS ? '#' : '.';
    bar[BAR_CELLS] = 0;
    print_left(running, left);
    experiment_label(running->order->experiment, point, label);
    fprintf(stderr, "\r\033[K%s[%s] %s %u of %u%s  %.60s", position_of(running, position), bar,
            running->order->experiment->name, done, running->try_count, left, label);
}

/* What a try has come to, as a line. */
static void tell_try(const struct running *running, const struct tried *tried)
{
    char label[EXPERIMENT_LABEL_BYTES];
    char position[64];
    char left[UNITS_TEXT_BYTES + 16];
    if (running->order->is_quiet || running->has_bar)
        return;
    experiment_label(running->order->experiment, tried->point, label);
    fprintf(stderr, "areg-lab: %s%s %u of %u%s%s", position_of(running, position), running->order->experiment->name,
            running->dir.done_count, running->try_count, label[0] ? ": " : "", label);
    for (enum load_kind kind = LOAD_READ; tried->measurement && kind <= LOAD_WRITE; kind++) {
        const struct histogram *latency_ns = &tried->measurement->kinds[kind].latency_ns;
        char p50[UNITS_TEXT_BYTES];
        char p99[UNITS_TEXT_BYTES];
        if (latency_ns->count > 0)
            fprintf(stderr, "; %" PRIu64 " %ss, p50 %s, p99 %s", latency_ns->count, columns_kind_name(kind),
                    units_print_duration(histogram_quantile(latency_ns, 50000), p50),
                    units_print_duration(histogram_quantile(latency_ns, 99000), p99));
    }
    print_left(running, left);
    fprintf(stderr, "%s\n", left);
}

/* ---------------------------------------------------------------- tries */

static bool is_interrupted(const struct running *running)
{
    struct pollfd poll_fd = {.fd = running->order->signal_fd, .events = POLLIN};
    return poll(&poll_fd, 1, 0) == 1;
}

/* Hosts that an earlier go has left, if it was killed, and their data. */
static void clear_hosts(const char *hosts_dir)
{
    enum { END_MS = 5000 };
    char why[LOCAL_WHY_BYTES];
    struct local_cluster cluster;
    if (local_cluster_exists(hosts_dir) && local_cluster_open(&cluster, hosts_dir, END_MS, why) == AREG_OK) {
        unsigned ended_count;
        unsigned killed_count;
        const enum areg_error error = local_hosts_end_all(&cluster, END_MS, &ended_count, &killed_count, why);
        local_cluster_close(&cluster);
        if (error)
            return;
    }
    local_remove_tree(hosts_dir);
}

/* What is about real time, and never the same twice, stands apart. */
static enum areg_error write_limits(const struct running *running, const struct scale_result *result)
{
    char path[LOCAL_PATH_BYTES];
    if (result->limits.row_count == 0)
        return AREG_OK;
    snprintf(path, sizeof path, "%s/limits.csv", running->dir.path);
    FILE *file = fopen(path, "we");
    if (file) {
        scale_print_head(result->limits.columns, file);
        scale_print_rows(&result->limits, "", file);
    }
    if (file && fclose(file) == 0)
        return AREG_OK;
    program_fail(AREG_EIO, "cannot write %s", path);
    return AREG_EIO;
}

/* A try about a larger cluster, in virtual time alone. */
static enum areg_error run_scale_try(struct running *running, unsigned point, unsigned repeat)
{
    const struct experiment_order *order = running->order;
    struct scale_result *result = calloc(1, sizeof *result);
    struct trial trial;
    experiment_trial(order->experiment, point, &trial);
    trial.scale.seed = order->seed + repeat;
    const struct tried tried = {
        .point = point, .repeat = repeat, .backend = order->experiment->backend, .trial = &trial, .scale = result};
    char why[RUN_WHY_BYTES] = "the model can not be run";
    enum areg_error error = result ? scale_run(&trial.scale, result) : AREG_ENOMEM;
    hide_bar(running);
    if (!error)
        error = write_limits(running, result);
    if (!error)
        error = run_dir_add(&running->dir, &tried, running->failed, why);
    if (error)
        program_fail(error, "%s", why);
    else
        tell_try(running, &tried);
    free(result);
    return error;
}

static enum areg_error run_try(struct running *running, unsigned point, unsigned repeat, struct measurement *measured)
{
    const struct experiment_order *order = running->order;
    char hosts_dir[LOCAL_PATH_BYTES];
    char history[LOCAL_PATH_BYTES];
    char why[TRIAL_WHY_BYTES] = "";
    struct trial trial;
    experiment_trial(order->experiment, point, &trial);
    snprintf(hosts_dir, sizeof hosts_dir, "%s/hosts", running->dir.path);
    snprintf(history, sizeof history, "%s/history-%u-%u.jsonl", running->dir.path, point, repeat);
    trial.seed = order->seed + repeat;
    trial.dir = hosts_dir;
    trial.history_path = order->experiment->checks & CHECK_LINEARIZABLE ? history : NULL;
    clear_hosts(hosts_dir);
    enum areg_error error = trial.backend == TRIAL_LOCAL ? trial_run_local(&trial, order->signal_fd, measured, why)
                                                         : trial_run_sim(&trial, order->signal_fd, measured, why);
    clear_hosts(hosts_dir);
    if (error) {
        char label[EXPERIMENT_LABEL_BYTES];
        hide_bar(running);
        if (error != AREG_ECANCELED)
            program_fail(error, "%s, repeat %u%s%s: %s", order->experiment->name, repeat,
                         order->experiment->sweep_count ? ", " : "", experiment_label(order->experiment, point, label),
                         why);
        return error;
    }
    const struct tried tried = {.point = point,
                                .repeat = repeat,
                                .backend = order->experiment->backend,
                                .bounds = order->experiment->bounds,
                                .trial = &trial,
                                .measurement = measured};
    char dir_why[RUN_WHY_BYTES] = "out of memory";
    hide_bar(running);
    error = run_dir_add(&running->dir, &tried, running->failed, dir_why);
    if (error)
        program_fail(error, "%s", dir_why);
    else
        tell_try(running, &tried);
    return error;
}

/* Repeats of a point lie apart in time, so that a minute in which the machine was busy is not all of one point. */
static enum areg_error run_tries(struct running *running)
{
    const struct experiment *experiment = running->order->experiment;
    struct measurement *measured = malloc(sizeof *measured);
    enum areg_error error = measured ? AREG_OK : AREG_ENOMEM;
    for (unsigned repeat = 0; !error && repeat < experiment->repeats; repeat++)
        for (unsigned point = 0; !error && point < experiment->point_count; point++) {
            if (run_dir_is_done(&running->dir, point, repeat))
                continue;
            show_bar(running, point);
            if (is_interrupted(running)) {
                error = AREG_ECANCELED;
                break;
            }
            *measured = (struct measurement){0};
            error = experiment->backend == EXPERIMENT_SCALE ? run_scale_try(running, point, repeat)
                                                            : run_try(running, point, repeat, measured);
            measurement_fini(measured);
        }
    hide_bar(running);
    free(measured);
    return error;
}

/* ---------------------------------------------------------------- the run */

static enum areg_error write_report(const struct run_dir *dir)
{
    char why[REPORT_WHY_BYTES] = "";
    char html[LOCAL_PATH_BYTES];
    const char *const run_dirs[] = {dir->path};
    snprintf(html, sizeof html, "%s/report.html", dir->path);
    enum areg_error error = report_plots(dir->path, why);
    if (error)
        program_fail(error, "plots of %s: %s", dir->path, why);
    const enum areg_error html_error = report_write(run_dirs, 1, html, why);
    if (html_error)
        program_fail(html_error, "%s: %s", html, why);
    return error ? error : html_error;
}

static enum areg_error run_and_report(struct running *running, struct experiment_outcome *outcome)
{
    char why[RUN_WHY_BYTES];
    if (running->begun_with > 0 && !running->dir.is_complete && !running->order->is_quiet)
        fprintf(stderr, "areg-lab: going on with %s: %u of %u tries are done\n", running->dir.path, running->begun_with,
                running->try_count);
    enum areg_error error = run_tries(running);
    outcome->done_count = running->dir.done_count;
    if (error)
        return error;
    if (!running->dir.is_complete)
        error = run_dir_complete(&running->dir, why);
    if (!error)
        error = run_dir_count_failed(&running->dir, &outcome->failed_count, why);
    if (error) {
        program_fail(error, "%s", why);
        return error;
    }
    return write_report(&running->dir);
}

/* What carries messages; a relay if any point needs one. */
static const char *name_network(const struct experiment *experiment)
{
    if (experiment->backend != EXPERIMENT_LOCAL)
        return "simulated";
    for (unsigned point = 0; point < experiment->point_count; point++) {
        struct trial trial;
        experiment_trial(experiment, point, &trial);
        if (trial.delay_max_ns > 0 || trial.bandwidth_bytes_per_s > 0)
            return "relay";
    }
    return "none";
}

enum areg_error experiment_run(const struct experiment_order *order, struct experiment_outcome *outcome)
{
    const struct experiment *experiment = order->experiment;
    struct running running = {
        .order = order,
        .has_bar = !order->is_quiet && isatty(STDERR_FILENO),
        .try_count = experiment->point_count * experiment->repeats,
        .failed = stderr,
    };
    const struct run_request request = {
        .experiment = experiment,
        .options = order->options,
        .seed = order->seed,
        .network = name_network(experiment),
        .command = order->command,
    };
    char why[RUN_WHY_BYTES];
    *outcome = (struct experiment_outcome){.try_count = running.try_count};
    enum areg_error error = run_dir_open(&running.dir, order->dir, &request, why);
    if (error) {
        program_fail(error, "%s", why);
        return error;
    }
    running.begun_with = running.dir.done_count;
    running.begun_ns = load_now_ns();
    snprintf(outcome->dir, sizeof outcome->dir, "%s", running.dir.path);
    error = run_and_report(&running, outcome);
    run_dir_close(&running.dir);
    return error;
}
