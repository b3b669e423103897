/*
 * areg-bare: what the same messages and the same stores cost without areg.
 *
 * n host processes and one client on loopback move what areg's put and get of rs:n,k move, by the same libraries in
 * the same way, and do nothing else: no protocol, no coding, no checksums, no msgpack. The ratio of areg's CPU time per
 * operation to this one's says what areg itself costs, on any machine, however noisy.
 */
#include "core/check.h"
#include "core/command_line.h"
#include "tests/bench/bare_client.h"
#include "tests/bench/bare_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LATENCY_COUNT_MAX = 1 << 22, WARM_UP_NS = 200000000, NS_PER_US = 1000 };

struct options {
    uint64_t host_count;
    uint64_t fragment_count;
    uint64_t depth;
    uint64_t key_count;
    uint64_t value_bytes;
    uint64_t run_ns;
    const char *directory;
    const char *operation;
    const char *sync;
    const char *store;
    const char *batch;
    bool json;
    bool help;
};

struct host_process {
    pid_t pid;
    char directory[4096];
    char address[HOST_ADDRESS_BYTES_MAX];
};

struct cluster {
    unsigned host_count;
    int life_fd; /* the hosts live as long as this is open */
    struct host_process hosts[BARE_HOST_COUNT_MAX];
};

/** What one kind of operation cost. */
struct result {
    double operations_per_s;
    double p50_us;
    double p99_us;
    double client_cpu_us; /* for each operation */
    double hosts_cpu_us;
};

/* ---------------------------------------------------------------- hosts */

static void start_host(struct cluster *cluster, const struct options *options, unsigned index, const int life[2])
{
    struct host_process *host = &cluster->hosts[index];
    const bool is_stored = strcmp(options->store, "lmdb") == 0;
    snprintf(host->directory, sizeof host->directory, "%s/host%u", options->directory, index + 1);
    if (is_stored && mkdir(host->directory, 0700) != 0 && errno != EEXIST) {
        fprintf(stderr, "areg-bare: %s: %s\n", host->directory, strerror(errno));
        exit(1);
    }
    int address[2];
    CHECK(pipe(address) == 0);
    host->pid = fork();
    CHECK(host->pid >= 0);
    if (host->pid == 0) {
        close(life[1]);
        const struct bare_host_options host_options = {
            .directory = is_stored ? host->directory : NULL,
            .sync = strcmp(options->sync, "batch") == 0,
            .batch = strcmp(options->batch, "on") == 0,
            .sends_fragments = index < options->fragment_count,
            .fragment_bytes = (options->value_bytes + options->fragment_count - 1) / options->fragment_count,
            .key_count = (uint32_t)options->key_count,
        };
        bare_host_run(&host_options, address[1], life[0]);
        exit(0);
    }
    close(address[1]);
    CHECK(read(address[0], host->address, sizeof host->address) == sizeof host->address);
    close(address[0]);
}

static void start_hosts(struct cluster *cluster, const struct options *options)
{
    int life[2];
    CHECK(pipe(life) == 0);
    cluster->life_fd = life[1];
    cluster->host_count = (unsigned)options->host_count;
    for (unsigned i = 0; i < cluster->host_count; i++)
        start_host(cluster, options, i, life);
    close(life[0]);
}

static void end_hosts(struct cluster *cluster)
{
    close(cluster->life_fd);
    for (unsigned i = 0; i < cluster->host_count; i++) {
        int status;
        CHECK(waitpid(cluster->hosts[i].pid, &status, 0) == cluster->hosts[i].pid);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        rmdir(cluster->hosts[i].directory);
    }
}

static double cpu_us(pid_t pid)
{
    clockid_t clock;
    struct timespec used;
    CHECK(clock_getcpuclockid(pid, &clock) == 0);
    CHECK(clock_gettime(clock, &used) == 0);
    return (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
}

static double hosts_cpu_us(const struct cluster *cluster)
{
    double sum_us = 0;
    for (unsigned i = 0; i < cluster->host_count; i++)
        sum_us += cpu_us(cluster->hosts[i].pid);
    return sum_us;
}

/* ---------------------------------------------------------------- measuring */

static int compare_us(const void *a, const void *b)
{
    const uint32_t first = *(const uint32_t *)a;
    const uint32_t second = *(const uint32_t *)b;
    return (first > second) - (first < second);
}

static struct result measure(struct bare_client *client, const struct cluster *cluster, enum record_kind kind,
                             uint64_t run_ns)
{
    bare_client_run(client, kind, UINT64_MAX, WARM_UP_NS, NULL);
    struct latencies latencies = {.room = LATENCY_COUNT_MAX, .us = calloc(LATENCY_COUNT_MAX, sizeof *latencies.us)};
    CHECK(latencies.us);
    const double client_us = cpu_us(getpid());
    const double hosts_us = hosts_cpu_us(cluster);
    const uint64_t took_ns = bare_client_run(client, kind, UINT64_MAX, run_ns, &latencies);
    const double count = (double)latencies.count;
    struct result result = {
        .operations_per_s = count * 1e9 / (double)took_ns,
        .client_cpu_us = (cpu_us(getpid()) - client_us) / count,
        .hosts_cpu_us = (hosts_cpu_us(cluster) - hosts_us) / count,
    };
    const size_t kept = latencies.count < latencies.room ? latencies.count : latencies.room;
    CHECK(kept > 0);
    qsort(latencies.us, kept, sizeof *latencies.us, compare_us);
    result.p50_us = latencies.us[kept / 2];
    result.p99_us = latencies.us[kept * 99 / 100];
    free(latencies.us);
    return result;
}

static void print_json(const struct options *options, const char *name, const struct result *result)
{
    printf("{\"v\":1,\"program\":\"areg-bare\",\"op\":\"%s\",\"n\":%llu,\"k\":%llu,\"value_bytes\":%llu,"
           "\"depth\":%llu,\"store\":\"%s\",\"sync\":\"%s\",\"batch\":\"%s\",\"ops_per_s\":%.1f,\"p50_us\":%.0f,"
           "\"p99_us\":%.0f,\"cpu_us_per_op\":%.1f,\"client_cpu_us_per_op\":%.1f,\"hosts_cpu_us_per_op\":%.1f}\n",
           name, (unsigned long long)options->host_count, (unsigned long long)options->fragment_count,
           (unsigned long long)options->value_bytes, (unsigned long long)options->depth, options->store, options->sync,
           options->batch, result->operations_per_s, result->p50_us, result->p99_us,
           result->client_cpu_us + result->hosts_cpu_us, result->client_cpu_us, result->hosts_cpu_us);
}

static void print_line(const struct options *options, const char *name, const struct result *result)
{
    printf("%s %llu B, depth %llu, store %s, sync %s: %.0f/s, p50 %.0f us, p99 %.0f us, CPU %.0f us/op (client %.0f, "
           "hosts %.0f)\n",
           name, (unsigned long long)options->value_bytes, (unsigned long long)options->depth, options->store,
           options->sync, result->operations_per_s, result->p50_us, result->p99_us,
           result->client_cpu_us + result->hosts_cpu_us, result->client_cpu_us, result->hosts_cpu_us);
}

static void run(const struct options *options)
{
    struct cluster cluster;
    start_hosts(&cluster, options); /* first: ZeroMQ's threads do not survive a fork */
    const struct bare_client_options client_options = {
        .host_count = (unsigned)options->host_count,
        .fragment_count = (unsigned)options->fragment_count,
        .depth = (unsigned)options->depth,
        .key_count = (unsigned)options->key_count,
        .value_bytes = options->value_bytes,
        .batch = strcmp(options->batch, "on") == 0,
    };
    char *addresses[BARE_HOST_COUNT_MAX];
    for (unsigned i = 0; i < cluster.host_count; i++)
        addresses[i] = cluster.hosts[i].address;
    struct bare_client *client = bare_client_create(&client_options, addresses);
    static const struct {
        const char *name;
        enum record_kind kind;
    } kinds[] = {{"put", RECORD_PUT}, {"get", RECORD_GET}};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(options->operation, "both") != 0 && strcmp(options->operation, kinds[i].name) != 0)
            continue;
        const struct result result = measure(client, &cluster, kinds[i].kind, options->run_ns);
        (options->json ? print_json : print_line)(options, kinds[i].name, &result);
        fflush(stdout);
    }
    bare_client_destroy(client);
    end_hosts(&cluster);
}

/* ---------------------------------------------------------------- command line */

static bool is_one_of(const char *text, const char *first, const char *second)
{
    return strcmp(text, first) == 0 || strcmp(text, second) == 0;
}

/** What is wrong with the options; NULL if nothing is. */
static const char *judge(const struct options *options)
{
    if (options->fragment_count > options->host_count)
        return "--k must not be above --n";
    if (!is_one_of(options->sync, "batch", "none"))
        return "--sync is batch or none";
    if (!is_one_of(options->store, "lmdb", "none"))
        return "--store is lmdb or none";
    if (!is_one_of(options->batch, "on", "off"))
        return "--batch is on or off";
    if (!is_one_of(options->operation, "put", "get") && strcmp(options->operation, "both") != 0)
        return "--op is put, get or both";
    return NULL;
}

int main(int argc, char **argv)
{
    struct options options = {
        .host_count = 5,
        .fragment_count = 3,
        .depth = 1,
        .key_count = 100,
        .value_bytes = 64 << 10,
        .run_ns = UINT64_C(2000000000),
        .directory = ".",
        .operation = "both",
        .sync = "batch",
        .store = "lmdb",
        .batch = "on",
    };
    const struct flag flags[] = {
        {"n", 0, FLAG_COUNT, &options.host_count, "N", "hosts (5)", 1, BARE_HOST_COUNT_MAX},
        {"k", 0, FLAG_COUNT, &options.fragment_count, "K", "fragments that make a value (3)", 1, BARE_HOST_COUNT_MAX},
        {"depth", 0, FLAG_COUNT, &options.depth, "N", "operations under way (1)", 1, BARE_DEPTH_MAX},
        {"keys", 0, FLAG_COUNT, &options.key_count, "N", "keys that they go to at random (100)", 1, UINT32_MAX / 2},
        {"value", 0, FLAG_BYTES, &options.value_bytes, "SIZE", "of a value (64 KiB)", 1, 64 << 20},
        {"run", 0, FLAG_DURATION, &options.run_ns, "TIME", "for each kind of operation (2 s)", 1, 0},
        {"dir", 0, FLAG_TEXT, &options.directory, "DIR", "where the hosts' data bases stand for the time (.)", 0, 0},
        {"op", 0, FLAG_TEXT, &options.operation, "OP", "put, get or both", 0, 0},
        {"sync", 0, FLAG_TEXT, &options.sync, "HOW", "batch: flush every commit; none: never (batch)", 0, 0},
        {"store", 0, FLAG_TEXT, &options.store, "WHAT", "lmdb, or none (lmdb)", 0, 0},
        {"batch", 0, FLAG_TEXT, &options.batch, "on|off", "what is ready for one peer goes as one message (on)", 0, 0},
        {"json", 0, FLAG_SWITCH, &options.json, NULL, "print a line of JSON for each kind of operation", 0, 0},
        {"help", 'h', FLAG_SWITCH, &options.help, NULL, "print this and leave", 0, 0},
        {0},
    };
    char why[COMMAND_LINE_WHY_BYTES];
    struct command_line line;
    const enum areg_error error = command_line_parse(flags, argc - 1, argv + 1, &line, why);
    if (options.help) {
        printf("usage: areg-bare [FLAG...]\n\nMeasure areg's messages and stores without areg.\n\n");
        command_line_print_flags(flags, stdout);
        return 0;
    }
    const char *wrong = error ? why : line.word_count > 0 ? "it takes no words" : judge(&options);
    if (wrong) {
        fprintf(stderr, "areg-bare: %s\n", wrong);
        return 2;
    }
    run(&options);
    return 0;
}
