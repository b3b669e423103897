/*
 * areg-lab bench: load on a cluster, and what it came to.
 */
#include "lab/bench_report.h"
#include "lab/command_up.h"
#include "lab/local_cluster.h"
#include "lab/program.h"

#include <areg.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench_flags {
    struct common_flags common;
    const char *seeds;
    const char *config;
    const char *dir;
    const char *mix;
    uint64_t key_count;
    const char *prefix;
    uint64_t value_bytes;
    const char *distribution;
    uint64_t client_count;
    uint64_t depth;
    uint64_t rate_hz;
    uint64_t duration_ns;
    uint64_t op_count_max;
    bool fills_not;
    const char *history;
    uint64_t first_client;
    const char *csv;
};

/* A year: what is added to a clock must not overflow. */
static const uint64_t DURATION_NS_MAX = UINT64_C(365) * 86400 * 1000000000;

/* The mixes of YCSB, as far as they are about reads and writes alone. */
struct mix {
    const char *name;
    unsigned read_percent;
};

static const struct mix mixes[] = {{"a", 50}, {"b", 95}, {"c", 100}, {"w", 0}};

/* Find a mix; says what is wrong otherwise. */
static const struct mix *find_mix(const char *name)
{
    for (unsigned i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        if (strcmp(mixes[i].name, name) == 0)
            return &mixes[i];
    if (strcmp(name, "d") == 0 || strcmp(name, "f") == 0)
        program_fail_usage("mix %s is not supported by this version; there are a, b, c and w", name);
    else
        program_fail_usage("--mix is a (half reads), b (95 %% reads), c (reads) or w (writes), not \"%s\"", name);
    return NULL;
}

/* ---------------------------------------------------------------- measuring */

/* What the processes have used so far. */
struct cpu_reading {
    uint64_t client_ns;
    bool has_hosts;
    struct local_cluster cluster; /* as it was */
    uint64_t host_ns[HOST_COUNT_MAX];
};

static uint64_t timeval_ns(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_usec * 1000;
}

static void read_cpu(const char *dir, struct cpu_reading *reading)
{
    struct rusage usage;
    *reading = (struct cpu_reading){0};
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        reading->client_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    char why[LOCAL_WHY_BYTES];
    reading->has_hosts = dir && local_cluster_look(&reading->cluster, dir, why) == AREG_OK;
    for (unsigned i = 0; reading->has_hosts && i < reading->cluster.host_count; i++)
        reading->host_ns[i] = process_cpu_ns(reading->cluster.hosts[i].process);
}

/* What the hosts have used in between. Of one that was started anew, only what the new process has used is known. */
static uint64_t hosts_cpu_between(const struct cpu_reading *before, const struct cpu_reading *after)
{
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < after->cluster.host_count; i++) {
        const struct process *earlier = &before->cluster.hosts[i].process;
        const struct process *later = &after->cluster.hosts[i].process;
        const bool is_same = earlier->pid == later->pid && earlier->started_ticks == later->started_ticks;
        const uint64_t before_ns = is_same ? before->host_ns[i] : 0;
        sum_ns += after->host_ns[i] > before_ns ? after->host_ns[i] - before_ns : 0;
    }
    return sum_ns;
}

/* What each second is written to. */
struct outputs {
    FILE *history; /* or NULL */
    FILE *csv;     /* or NULL */
    bool is_verbose;
};

/* Wait until the load's stage is over; false if a signal came first, which stops the load. Operations under way still
 * end then, unless a second signal comes. */
static bool await_stage(struct load *load, int signal_fd, uint32_t wait_ms, bool *is_over)
{
    struct pollfd fds[2] = {{.fd = load_fd(load), .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    poll(fds, 2, (int)wait_ms);
    *is_over = fds[0].revents != 0;
    if (!fds[1].revents)
        return true;
    load_stop(load);
    program_release_signals(signal_fd);
    return false;
}

/* From the beginning to the end of the load. */
static void measure(struct load *load, const struct outputs *outputs, int signal_fd, struct bench_result *result)
{
    enum { FLUSH_MS = 200, FLUSHES_PER_SECOND = 1000 / FLUSH_MS };
    const uint64_t begin_ns = load_now_ns();
    uint64_t second = 0;
    bool is_over = false;
    load_begin(load);
    while (!is_over) {
        const uint64_t next_ns = begin_ns + (second + 1) * UINT64_C(1000000000);
        const uint64_t now_ns = load_now_ns();
        const uint64_t left_ms = next_ns > now_ns ? (next_ns - now_ns) / 1000000 + 1 : 0;
        if (!await_stage(load, signal_fd, left_ms < FLUSH_MS ? (uint32_t)left_ms : FLUSH_MS, &is_over))
            signal_fd = -1;
        if (outputs->history)
            fflush(outputs->history);
        if (!is_over && load_now_ns() < next_ns)
            continue;
        struct load_window window;
        load_take_window(load, &window);
        load_window_add(&result->total, &window);
        if (outputs->csv)
            bench_csv_second(&window, second, outputs->csv);
        if (outputs->is_verbose && !is_over)
            bench_progress_line(&window, second, stderr);
        second++;
    }
    result->seconds = (double)(load_now_ns() - begin_ns) / 1e9;
}

/* ---------------------------------------------------------------- running */

static int run_load(const struct load_options *options, const struct bench_flags *bench, const struct outputs *outputs,
                    int signal_fd, struct bench_result *result)
{
    char why[LOAD_WHY_BYTES];
    struct load *load;
    enum areg_error error = load_create(&load, options, why);
    if (error)
        return program_fail(error, "%s", why);
    bool is_filled = false;
    bool goes_on = true;
    while (goes_on && !is_filled)
        goes_on = await_stage(load, signal_fd, 1000, &is_filled);
    if (!goes_on) {
        load_destroy(load);
        return program_fail(AREG_ECANCELED, "interrupted");
    }
    error = load_fill_outcome(load, why);
    if (error) {
        load_destroy(load);
        return program_fail(error, "%s", why);
    }
    struct cpu_reading *readings = calloc(2, sizeof *readings);
    if (!readings) {
        load_destroy(load);
        return program_fail(AREG_ENOMEM, "out of memory");
    }
    struct load_counters before;
    load_sum_counters(load, &before);
    read_cpu(bench->dir, &readings[0]);
    measure(load, outputs, signal_fd, result);
    read_cpu(bench->dir, &readings[1]);
    load_sum_counters(load, &result->counters);
    for (unsigned i = 0; i < AREG_COUNT_END; i++)
        result->counters.values[i] -= before.values[i];
    result->client_cpu_ns = readings[1].client_ns - readings[0].client_ns;
    result->has_hosts_cpu = readings[0].has_hosts && readings[1].has_hosts;
    if (result->has_hosts_cpu)
        result->hosts_cpu_ns = hosts_cpu_between(&readings[0], &readings[1]);
    free(readings);
    load_destroy(load);
    return EXIT_CODE_OK;
}

static FILE *open_output(const char *path, bool *has_failed)
{
    if (!path)
        return NULL;
    FILE *file = fopen(path, "we");
    if (!file) {
        program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
        *has_failed = true;
    }
    return file;
}

static bool close_output(FILE *file, const char *path)
{
    if (!file)
        return true;
    const bool has_failed = ferror(file);
    if ((fclose(file) | has_failed) == 0)
        return true;
    program_fail(AREG_EIO, "cannot write all of %s", path);
    return false;
}

static int run_and_report(struct load_options *options, const struct bench_flags *bench, struct bench_result *result)
{
    bool has_failed = false;
    struct outputs outputs = {
        .history = open_output(bench->history, &has_failed),
        .csv = open_output(bench->csv, &has_failed),
        .is_verbose = bench->common.verbose,
    };
    options->history = outputs.history;
    if (outputs.csv)
        bench_csv_head("second", outputs.csv);
    const int signal_fd = program_open_signals();
    int exit_code = EXIT_CODE_ERROR;
    if (!has_failed && signal_fd < 0)
        exit_code = program_fail(AREG_EIO, "signalfd: %s", strerror(errno));
    else if (!has_failed)
        exit_code = run_load(options, bench, &outputs, signal_fd, result);
    if (signal_fd >= 0)
        close(signal_fd);
    const bool has_history = close_output(outputs.history, bench->history);
    const bool has_csv = close_output(outputs.csv, bench->csv);
    if (!has_history || !has_csv)
        exit_code = EXIT_CODE_ERROR;
    if (exit_code)
        return exit_code;
    if (bench->common.json)
        bench_report_json(result, stdout);
    else
        bench_report_text(result, stdout);
    const uint64_t ok_count =
        bench_outcomes(&result->total.kinds[LOAD_READ]).ok + bench_outcomes(&result->total.kinds[LOAD_WRITE]).ok;
    return ok_count ? EXIT_CODE_OK : program_fail(AREG_EUNAVAIL, "not one operation has succeeded");
}

/* ---------------------------------------------------------------- the command */

/*
 * Where the cluster is: what the flags say, else AREG_SEEDS, else the local cluster; says so if there is none. The
 * caller frees `*where`. Afterwards `dir` is given if a local cluster's CPU is to be measured: the loaded one's, or its
 * that
 * --dir names.
 */
static int find_cluster(struct bench_flags *bench, char **where)
{
    char why[LOCAL_WHY_BYTES] = "";
    struct local_cluster cluster;
    const char *dir = program_lab_dir(bench->dir);
    const enum areg_error error = local_cluster_look(&cluster, dir, why);
    if (error && bench->dir)
        return program_fail(error, "%s", why);
    const char *remote = bench->seeds ? bench->seeds : bench->config;
    const char *from_environment = getenv("AREG_SEEDS");
    if (!remote && !bench->dir && from_environment && from_environment[0])
        remote = from_environment;
    char *local = error ? NULL : local_cluster_seeds(&cluster, NULL);
    if (local && (!remote || strcmp(remote, local) == 0))
        bench->dir = dir;
    *where = local;
    if (remote) {
        free(local);
        *where = strdup(remote);
    }
    if (*where)
        return EXIT_CODE_OK;
    return program_fail_usage("which cluster? Give --seeds, --config or --dir, or set AREG_SEEDS; %s", why);
}

static int settle_and_run(struct bench_flags *bench)
{
    const struct mix *mix = find_mix(bench->mix);
    if (!mix)
        return EXIT_CODE_USAGE;
    struct load_options options = {
        .prefix = bench->prefix,
        .read_percent = mix->read_percent,
        .value_bytes_min = bench->value_bytes,
        .value_bytes_max = bench->value_bytes,
        .mixed_count = (unsigned)bench->client_count,
        .depth = (unsigned)bench->depth,
        .duration_ns = bench->duration_ns,
        .op_count_max = bench->op_count_max,
        .rate_hz = bench->rate_hz,
        .timeout_ms = (uint32_t)bench->common.timeout_ms,
        .fills_first = mix->read_percent > 0 && !bench->fills_not,
        .first_client = bench->first_client,
    };
    if (key_choice_parse(bench->distribution, bench->key_count, &options.keys) != AREG_OK)
        return program_fail_usage("--dist is uniform, in-turn or zipf:THETA with 0 < THETA < 1, not \"%s\"",
                                  bench->distribution);
    if (bench->duration_ns == UINT64_MAX && bench->op_count_max == UINT64_MAX)
        options.duration_ns = UINT64_C(10000000000);
    if (strlen(bench->prefix) > LOAD_PREFIX_BYTES_MAX)
        return program_fail_usage("--prefix has up to %d bytes", LOAD_PREFIX_BYTES_MAX);
    if (bench->history && bench->value_bytes < LOAD_STAMP_BYTES)
        return program_fail_usage("a history needs values that differ: --value must be at least %d B",
                                  LOAD_STAMP_BYTES);
    char *where;
    int exit_code = find_cluster(bench, &where);
    if (exit_code)
        return exit_code;
    options.where = where;
    struct bench_result *result = calloc(1, sizeof *result);
    if (!result) {
        free(where);
        return program_fail(AREG_ENOMEM, "out of memory");
    }
    result->mix = mix->name;
    result->distribution = bench->distribution;
    result->options = &options;
    exit_code = run_and_report(&options, bench, result);
    free(result);
    free(where);
    return exit_code;
}

int command_bench(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "bench [FLAG...]",
        .text =
            "Load a cluster and print what it came to. A closed loop begins an operation when an earlier one has\n"
            "ended; with --rate, operations are due at fixed times and measured from then on, and those that\n"
            "were due and could not begin before the end have failed. Mixes with reads write every key once before\n"
            "the clock starts. A signal ends the load, a second one at once.",
        .examples = "  areg-lab bench --mix a --value 64KiB --clients 4 --depth 8 --run 10s\n"
                    "  areg-lab bench --mix w --keys 100 --ops 1000 --history load.jsonl",
    };
    struct bench_flags bench = {
        .common.timeout_ms = 5000,
        .mix = "a",
        .key_count = 1000,
        .prefix = "",
        .value_bytes = 4096,
        .distribution = "uniform",
        .client_count = 4,
        .depth = 1,
        .duration_ns = UINT64_MAX,
        .op_count_max = UINT64_MAX,
    };
    const struct flag flags[] = {
        {"seeds", 0, FLAG_TEXT, &bench.seeds, "LIST", "tcp://h1:7600,tcp://h2:7600 ($AREG_SEEDS)", 0, 0},
        {"config", 'c', FLAG_TEXT, &bench.config, "FILE", "a client.conf instead", 0, 0},
        {"dir", 0, FLAG_TEXT, &bench.dir, "DIR",
         "a local cluster, whose CPU is measured, too ($AREG_LAB_DIR, else ./areg-cluster)", 0, 0},
        {"mix", 0, FLAG_TEXT, &bench.mix, "MIX", "a: half reads, b: 95 % reads, c: reads, w: writes (a)", 0, 0},
        {"keys", 0, FLAG_COUNT, &bench.key_count, "N", "registers (1000)", 1, LOAD_KEY_COUNT_MAX},
        {"prefix", 0, FLAG_TEXT, &bench.prefix, "TEXT", "what their keys begin with", 0, 0},
        {"value", 0, FLAG_BYTES, &bench.value_bytes, "SIZE", "bytes of a value (4KiB)", 0, AREG_VALUE_BYTES_MAX},
        {"dist", 0, FLAG_TEXT, &bench.distribution, "DIST", "uniform, in-turn or zipf:0.99 (uniform)", 0, 0},
        {"clients", 0, FLAG_COUNT, &bench.client_count, "N", "threads with a handle each (4)", 1,
         LOAD_CLIENT_COUNT_MAX},
        {"depth", 0, FLAG_COUNT, &bench.depth, "N", "operations that each has outstanding (1)", 1, LOAD_DEPTH_MAX},
        {"rate", 0, FLAG_COUNT, &bench.rate_hz, "HZ", "an open loop: operations that are due each second", 1, 10000000},
        {"run", 0, FLAG_DURATION, &bench.duration_ns, "TIME", "how long (10s, unless there is --ops)", 1,
         DURATION_NS_MAX},
        {"ops", 0, FLAG_COUNT, &bench.op_count_max, "N", "end after this many operations", 1, 0},
        {"no-fill", 0, FLAG_SWITCH, &bench.fills_not, NULL, "do not write every key first", 0, 0},
        {"history", 0, FLAG_TEXT, &bench.history, "FILE", "record every operation, for areg-lab check", 0, 0},
        {"first-client", 0, FLAG_COUNT, &bench.first_client, "N", "number of the first client in the history (0)", 0,
         0},
        {"csv", 0, FLAG_TEXT, &bench.csv, "FILE", "what happened in each second", 0, 0},
        COMMON_FLAGS(&bench.common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &bench.common, argc, argv, &line, &exit_code))
        return exit_code;
    return settle_and_run(&bench);
}
