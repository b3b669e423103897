/*
 * areg-lab bench: load on a cluster, and what it came to.
 */
#include "core/units.h"
#include "lab/bench_report.h"
#include "lab/command_up.h"
#include "lab/local_cluster.h"
#include "lab/program.h"

#include <areg.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
    const char *value;
    const char *distribution; /* NULL: the mix's */
    uint64_t client_count;
    uint64_t reader_count;
    uint64_t writer_count;
    uint64_t depth;
    uint64_t rate_hz;
    bool is_closed;
    uint64_t duration_ns;
    uint64_t op_count_max;
    bool fills_not;
    const char *history;
    uint64_t first_client;
    const char *csv;
};

/* A year: what is added to a clock must not overflow. */
static const uint64_t DURATION_NS_MAX = UINT64_C(365) * 86400 * 1000000000;

/* The mixes of YCSB, but that of scans: there is no order among registers to scan in. */
struct mix {
    const char *name;
    unsigned read_percent;
    bool is_updating;
    const char *distribution; /* unless --dist says otherwise */
};

static const struct mix mixes[] = {
    {"a", 50, false, "uniform"}, {"b", 95, false, "uniform"}, {"c", 100, false, "uniform"},
    {"d", 95, false, "latest"},  {"f", 50, true, "uniform"},  {"w", 0, false, "uniform"},
};

/* Find a mix; says what is wrong otherwise. */
static const struct mix *find_mix(const char *name)
{
    for (unsigned i = 0; i < sizeof mixes / sizeof mixes[0]; i++)
        if (strcmp(mixes[i].name, name) == 0)
            return &mixes[i];
    program_fail_usage(
        "--mix is a (half reads), b (95 %% reads), c (reads), d (95 %% reads, of what was written last), "
        "f (half reads, half updates) or w (writes), not \"%s\"",
        name);
    return NULL;
}

/* "64KiB", or "4KiB..1MiB". */
static bool parse_value(const char *text, struct load_options *options)
{
    static const char dots[] = "..";
    const char *second = strstr(text, dots);
    char first[UNITS_TEXT_BYTES];
    const int first_bytes = second ? (int)(second - text) : (int)strlen(text);
    uint64_t min;
    uint64_t max;
    if (snprintf(first, sizeof first, "%.*s", first_bytes, text) >= (int)sizeof first ||
        units_parse_bytes(first, &min) != AREG_OK ||
        units_parse_bytes(second ? second + strlen(dots) : first, &max) != AREG_OK)
        return false;
    options->value_bytes_min = min;
    options->value_bytes_max = max;
    return max <= AREG_VALUE_BYTES_MAX && min <= max && (min > 0 || max == 0);
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
    enum { LIVE_NOT, LIVE_LINES, LIVE_IN_PLACE } live;
};

/* One line each second; on a terminal, always the same one. */
static void show_second(const struct outputs *outputs, const struct load_window *window, uint64_t second)
{
    enum { COLUMNS_DEFAULT = 80, COLUMNS_MAX = 500 };
    if (outputs->live == LIVE_NOT)
        return;
    unsigned room_columns = COLUMNS_MAX;
    if (outputs->live == LIVE_IN_PLACE) {
        struct winsize size;
        const bool has_size = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
        room_columns = has_size ? size.ws_col - 1u : COLUMNS_DEFAULT - 1;
    }
    bench_progress_line(window, second, room_columns, stderr);
    fputs(outputs->live == LIVE_IN_PLACE ? "\033[K\r" : "\n", stderr);
}

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
        if (!is_over)
            show_second(outputs, &window, second);
        second++;
    }
    result->seconds = (double)(load_now_ns() - begin_ns) / 1e9;
    if (outputs->live == LIVE_IN_PLACE)
        fputs("\033[K", stderr);
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
    load_sum_effort(load, &result->effort);
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
        .live = bench->common.quiet     ? LIVE_NOT
                : isatty(STDERR_FILENO) ? LIVE_IN_PLACE
                : bench->common.verbose ? LIVE_LINES
                                        : LIVE_NOT,
    };
    options->history = outputs.history;
    if (outputs.csv)
        bench_csv_head(BENCH_CSV_FIRST_NAMES, outputs.csv);
    const int signal_fd = program_open_signals();
    int exit_code = EXIT_CODE_ERROR;
    if (!has_failed && signal_fd < 0)
        exit_code = program_fail(AREG_EIO, "signalfd: %s", strerror(errno));
    else if (!has_failed)
        exit_code = run_load(options, bench, &outputs, signal_fd, result);
    if (signal_fd >= 0)
        close(signal_fd);
    if (!exit_code && outputs.csv)
        bench_csv_total(result, outputs.csv);
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
    char why[BENCH_WHY_BYTES];
    if (!bench->common.quiet && bench_generator_limits(result, why))
        fprintf(stderr, "areg-lab: %s\n", why);
    uint64_t ok_count = 0;
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++)
        ok_count += bench_outcomes(&result->total.kinds[kind]).ok;
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

/* From flags to a load; says what is wrong with them. */
static int settle(const struct bench_flags *bench, const struct mix *mix, const char *distribution,
                  struct load_options *options)
{
    *options = (struct load_options){
        .prefix = bench->prefix,
        .read_percent = mix->read_percent,
        .is_updating = mix->is_updating,
        .reader_count = (unsigned)bench->reader_count,
        .writer_count = (unsigned)bench->writer_count,
        .mixed_count = (unsigned)bench->client_count,
        .depth = (unsigned)bench->depth,
        .duration_ns = bench->duration_ns,
        .op_count_max = bench->op_count_max,
        .rate_hz = bench->rate_hz,
        .timeout_ms = (uint32_t)bench->common.timeout_ms,
        .first_client = bench->first_client,
    };
    const unsigned client_count = load_client_count(options);
    const bool reads = bench->reader_count > 0 || (bench->client_count > 0 && mix->read_percent > 0);
    options->fills_first = !bench->fills_not && (reads || mix->is_updating);
    if (client_count < 1 || client_count > LOAD_CLIENT_COUNT_MAX)
        return program_fail_usage("--clients, --readers and --writers are 1 to %d together", LOAD_CLIENT_COUNT_MAX);
    if (bench->is_closed && bench->rate_hz > 0)
        return program_fail_usage("--closed or --rate: operations begin when others have ended, or when they are due");
    if (key_choice_parse(distribution, bench->key_count, &options->keys) != AREG_OK)
        return program_fail_usage("--dist is uniform, in-turn, latest or zipf:THETA with 0 < THETA < 1, not \"%s\"",
                                  distribution);
    if (!parse_value(bench->value, options))
        return program_fail_usage("--value is a size up to 16MiB, or two, \"4KiB..1MiB\", not \"%s\"", bench->value);
    if (bench->duration_ns == UINT64_MAX && bench->op_count_max == UINT64_MAX)
        options->duration_ns = UINT64_C(10000000000);
    if (strlen(bench->prefix) > LOAD_PREFIX_BYTES_MAX)
        return program_fail_usage("--prefix has up to %d bytes", LOAD_PREFIX_BYTES_MAX);
    if (bench->history && options->value_bytes_min < LOAD_STAMP_BYTES)
        return program_fail_usage("a history needs values that differ: --value must be at least %d B",
                                  LOAD_STAMP_BYTES);
    return EXIT_CODE_OK;
}

static int settle_and_run(struct bench_flags *bench)
{
    const struct mix *mix = find_mix(bench->mix);
    if (!mix)
        return EXIT_CODE_USAGE;
    const char *distribution = bench->distribution ? bench->distribution : mix->distribution;
    struct load_options options;
    int exit_code = settle(bench, mix, distribution, &options);
    if (exit_code)
        return exit_code;
    char *where;
    exit_code = find_cluster(bench, &where);
    if (exit_code)
        return exit_code;
    options.where = where;
    struct bench_result *result = calloc(1, sizeof *result);
    if (!result) {
        free(where);
        return program_fail(AREG_ENOMEM, "out of memory");
    }
    result->mix = mix->name;
    result->distribution = distribution;
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
        .text = "Load a cluster and print what it came to. A closed loop begins an operation when an earlier one has\n"
                "ended: a cluster that stalls is asked less, and the stall counts for as many operations as there are\n"
                "clients. With --rate, operations are due at fixed times and measured from then on, whether they can\n"
                "begin or not, and those that could not before the end have failed. Mixes with reads write every key\n"
                "once before the clock starts. A signal ends the load, a second one at once. On a terminal, what\n"
                "happens is shown each second.",
        .examples = "  areg-lab bench --mix a --value 64KiB --clients 4 --depth 8 --run 10s\n"
                    "  areg-lab bench --mix a --rate 500 --depth 64 --run 10s --csv load.csv\n"
                    "  areg-lab bench --mix w --keys 100 --ops 1000 --history load.jsonl",
    };
    struct bench_flags bench = {
        .common.timeout_ms = 5000,
        .mix = "a",
        .key_count = 1000,
        .prefix = "",
        .value = "4KiB",
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
        {"mix", 0, FLAG_TEXT, &bench.mix, "MIX",
         "a: half reads, b: 95 % reads, c: reads, d: b of latest keys, f: a with updates, w: writes (a)", 0, 0},
        {"keys", 0, FLAG_COUNT, &bench.key_count, "N", "registers (1000)", 1, LOAD_KEY_COUNT_MAX},
        {"prefix", 0, FLAG_TEXT, &bench.prefix, "TEXT", "what their keys begin with", 0, 0},
        {"value", 0, FLAG_TEXT, &bench.value, "SIZE", "bytes of a value, or drawn: \"4KiB..1MiB\" (4KiB)", 0, 0},
        {"dist", 0, FLAG_TEXT, &bench.distribution, "DIST", "uniform, in-turn, latest or zipf:0.99 (the mix's)", 0, 0},
        {"clients", 0, FLAG_COUNT, &bench.client_count, "N", "threads with a handle each (4)", 0,
         LOAD_CLIENT_COUNT_MAX},
        {"readers", 0, FLAG_COUNT, &bench.reader_count, "N", "more of them, that only read (0)", 0,
         LOAD_CLIENT_COUNT_MAX},
        {"writers", 0, FLAG_COUNT, &bench.writer_count, "N", "more of them, that only write (0)", 0,
         LOAD_CLIENT_COUNT_MAX},
        {"depth", 0, FLAG_COUNT, &bench.depth, "N", "operations that each has outstanding (1)", 1, LOAD_DEPTH_MAX},
        {"rate", 0, FLAG_COUNT, &bench.rate_hz, "HZ", "an open loop: operations that are due each second", 1, 10000000},
        {"closed", 0, FLAG_SWITCH, &bench.is_closed, NULL, "a closed loop, which is what there is without --rate", 0,
         0},
        {"run", 0, FLAG_DURATION, &bench.duration_ns, "TIME", "how long (10s, unless there is --ops)", 1,
         DURATION_NS_MAX},
        {"ops", 0, FLAG_COUNT, &bench.op_count_max, "N", "end after this many operations", 1, 0},
        {"no-fill", 0, FLAG_SWITCH, &bench.fills_not, NULL, "do not write every key first", 0, 0},
        {"history", 0, FLAG_TEXT, &bench.history, "FILE", "record every operation, for areg-lab check", 0, 0},
        {"first-client", 0, FLAG_COUNT, &bench.first_client, "N", "number of the first client in the history (0)", 0,
         0},
        {"csv", 0, FLAG_TEXT, &bench.csv, "FILE", "what happened in each second, and in all", 0, 0},
        COMMON_FLAGS(&bench.common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &bench.common, argc, argv, &line, &exit_code))
        return exit_code;
    return settle_and_run(&bench);
}
