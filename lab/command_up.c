#include "lab/command_up.h"

#include "sim/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HOST_COUNT_DEFAULT = 5,
    DELTA_DEFAULT = 8,
};

/* ---------------------------------------------------------------- what to start */

/* The path of aregd: as given, else beside this program, else in PATH. */
static bool find_aregd(const char *given, char aregd[PATH_MAX])
{
    return given ? access(given, X_OK) == 0 && realpath(given, aregd) : program_find("aregd", aregd);
}

/* Fill in what was not given. Without a code: the one that survives the loss of one host at the lowest cost. */
static enum areg_error settle_options(const struct up_flags *up, struct local_options *options,
                                      char why[LOCAL_WHY_BYTES])
{
    const uint64_t host_count = up->host_count;
    options->delta = up->delta == UINT64_MAX ? DELTA_DEFAULT : (unsigned)up->delta;
    options->shard_count = up->shard_count == UINT64_MAX ? 1 : (unsigned)up->shard_count;
    options->sync = up->sync ? up->sync : "batch";
    if (up->code) {
        if (code_parse(up->code, &options->code) != AREG_OK) {
            snprintf(why, LOCAL_WHY_BYTES,
                     "--code has the form rs:n,k with 1 <= k <= n <= %d, repl:n or ldr:d,r, unlike \"%s\"",
                     MEMBER_COUNT_MAX, up->code);
            return AREG_EINVAL;
        }
        options->host_count = host_count == UINT64_MAX ? options->code.n : (unsigned)host_count;
        return AREG_OK;
    }
    options->host_count = host_count == UINT64_MAX ? HOST_COUNT_DEFAULT : (unsigned)host_count;
    const unsigned n = options->host_count < MEMBER_COUNT_MAX ? options->host_count : MEMBER_COUNT_MAX;
    options->code = (struct code){.dap = DAP_TREAS, .n = (uint8_t)n, .k = (uint8_t)(n > 2 ? n - 2 : 1)};
    return AREG_OK;
}

/* Whether the flags ask for another cluster than this one, as far as that is known: whoever types the same command
 * again means the same cluster. */
static bool asks_for_another(const struct up_flags *up, const struct local_cluster *cluster)
{
    char asked[CODE_TEXT_BYTES] = "";
    char present[CODE_TEXT_BYTES];
    struct code code;
    if (up->code && code_parse(up->code, &code) == AREG_OK)
        code_print(code, asked);
    return (up->host_count != UINT64_MAX && up->host_count != local_cluster_genesis_count(cluster)) ||
           (up->code && strcmp(asked, code_print(cluster->code, present)) != 0) || up->delta != UINT64_MAX ||
           up->shard_count != UINT64_MAX;
}

/* ---------------------------------------------------------------- starting */

static enum areg_error create_and_start(struct local_cluster *cluster, const struct up_flags *up, const char *dir,
                                        int signal_fd, char why[LOCAL_WHY_BYTES])
{
    char aregd[PATH_MAX];
    struct local_options options = {.aregd = aregd};
    if (!find_aregd(up->aregd, aregd)) {
        snprintf(why, LOCAL_WHY_BYTES, up->aregd ? "%s is no program" : "there is no aregd beside areg-lab nor in PATH",
                 up->aregd);
        return AREG_EINVAL;
    }
    enum areg_error error = settle_options(up, &options, why);
    if (!error)
        error = local_cluster_create(cluster, dir, &options, (uint32_t)up->common.timeout_ms, why);
    if (error)
        return error;
    error = local_hosts_start_new(cluster, &options, (uint32_t)up->common.timeout_ms, signal_fd, why);
    local_cluster_close(cluster);
    return error;
}

static enum areg_error open_and_start(struct local_cluster *cluster, const struct up_flags *up, const char *dir,
                                      int signal_fd, char why[LOCAL_WHY_BYTES])
{
    enum areg_error error = local_cluster_open(cluster, dir, (uint32_t)up->common.timeout_ms, why);
    if (error)
        return error;
    if (asks_for_another(up, cluster)) {
        char code[CODE_TEXT_BYTES];
        snprintf(why, LOCAL_WHY_BYTES,
                 "there is a cluster of %u hosts, %s, in %.300s already: start it without flags, or give another --dir",
                 local_cluster_genesis_count(cluster), code_print(cluster->code, code), dir);
        error = AREG_EINVAL;
    }
    if (up->sync)
        snprintf(cluster->sync, sizeof cluster->sync, "%s", up->sync);
    if (!error && up->aregd && !find_aregd(up->aregd, cluster->aregd)) {
        snprintf(why, LOCAL_WHY_BYTES, "%s is no program", up->aregd);
        error = AREG_EINVAL;
    }
    bool wanted[HOST_COUNT_MAX];
    memset(wanted, true, sizeof wanted);
    unsigned failed_index;
    if (!error)
        error = local_hosts_start(cluster, wanted, (uint32_t)up->common.timeout_ms, signal_fd, &failed_index, why);
    local_cluster_close(cluster);
    return error;
}

int up_start(struct local_cluster *cluster, const struct up_flags *up, const char *dir, int signal_fd)
{
    char why[LOCAL_WHY_BYTES] = "";
    if (up->sync && strcmp(up->sync, "batch") != 0 && strcmp(up->sync, "none") != 0)
        return program_fail_usage("--sync is batch or none, not \"%s\"", up->sync);
    const bool is_new = !local_cluster_exists(dir);
    const enum areg_error error =
        is_new ? create_and_start(cluster, up, dir, signal_fd, why) : open_and_start(cluster, up, dir, signal_fd, why);
    if (error)
        return program_fail(error, "%s", why);
    if (!up->common.quiet) {
        char code[CODE_TEXT_BYTES];
        fprintf(stderr, "areg-lab: %s cluster of %u host%s, %s, in %s\n", is_new ? "new" : "same", cluster->host_count,
                cluster->host_count == 1 ? "" : "s", code_print(cluster->code, code), cluster->dir);
    }
    return EXIT_CODE_OK;
}

int up_end(const char *dir, const struct common_flags *common)
{
    const uint32_t wait_ms = (uint32_t)common->timeout_ms;
    char why[LOCAL_WHY_BYTES] = "";
    struct local_cluster cluster;
    enum areg_error error = local_cluster_open(&cluster, dir, wait_ms, why);
    if (error)
        return program_fail(error, "%s", why);
    unsigned ended_count;
    unsigned killed_count;
    error = local_hosts_end_all(&cluster, wait_ms, &ended_count, &killed_count, why);
    local_cluster_close(&cluster);
    if (error)
        return program_fail(error, "%s", why);
    if (common->json)
        printf("{\"v\":1,\"ended\":%u,\"killed\":%u}\n", ended_count, killed_count);
    if (common->quiet)
        return EXIT_CODE_OK;
    if (killed_count)
        fprintf(stderr, "areg-lab: %u of %u hosts had to be killed\n", killed_count, ended_count);
    else if (ended_count)
        fprintf(stderr, "areg-lab: %u host%s ended; the data stays in %s\n", ended_count, ended_count == 1 ? "" : "s",
                cluster.dir);
    else
        fprintf(stderr, "areg-lab: all hosts were down already\n");
    return EXIT_CODE_OK;
}

/* ---------------------------------------------------------------- up */

static int print_up(const struct local_cluster *cluster, bool as_json)
{
    char *seeds = local_cluster_seeds(cluster, NULL);
    if (!seeds)
        return program_fail(AREG_ENOMEM, "out of memory");
    if (!as_json) {
        printf("%s\n", seeds);
    } else {
        char code[CODE_TEXT_BYTES];
        printf("{\"v\":1,\"dir\":");
        json_print_string(stdout, cluster->dir, strlen(cluster->dir));
        printf(",\"code\":\"%s\",\"sync\":\"%s\",\"seeds\":\"%s\",\"hosts\":[", code_print(cluster->code, code),
               cluster->sync, seeds);
        for (unsigned i = 0; i < cluster->host_count; i++)
            printf("%s{\"id\":\"%s\",\"address\":\"%s\",\"pid\":%d}", i ? "," : "", cluster->hosts[i].id.text,
                   cluster->hosts[i].address, (int)cluster->hosts[i].process.pid);
        printf("]}\n");
    }
    free(seeds);
    return EXIT_CODE_OK;
}

int command_up(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "up [FLAG...]",
        .text = "Start a cluster on this machine and print its seeds. Where there is one already, its hosts that are\n"
                "down are started again, with their data. It goes on running until areg-lab down.",
        .examples = "  export AREG_SEEDS=$(areg-lab up)\n"
                    "  areg-lab up -n 9 --code rs:9,5 --dir /tmp/nine",
    };
    struct up_flags up = UP_FLAGS_DEFAULT;
    const struct flag flags[] = {UP_FLAGS(&up), COMMON_FLAGS(&up.common)};
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &up.common, argc, argv, &line, &exit_code))
        return exit_code;
    const int signal_fd = program_open_signals();
    if (signal_fd < 0)
        return program_fail(AREG_EIO, "signalfd: %s", strerror(errno));
    struct local_cluster cluster;
    exit_code = up_start(&cluster, &up, program_lab_dir(up.dir), signal_fd);
    close(signal_fd);
    return exit_code ? exit_code : print_up(&cluster, up.common.json);
}

/* ---------------------------------------------------------------- down */

int command_down(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "down [FLAG...]",
        .text = "End the hosts of a local cluster: exactly the processes that were started for it. Their data stays;\n"
                "areg-lab up starts them again. Ending a cluster that is down already is no mistake.",
        .examples = "  areg-lab down --dir /tmp/nine",
    };
    struct common_flags common = {.timeout_ms = 10000};
    const char *dir = NULL;
    const struct flag flags[] = {
        {"dir", 0, FLAG_TEXT, &dir, "DIR", "where it lives ($AREG_LAB_DIR, else ./areg-cluster)", 0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    return up_end(program_lab_dir(dir), &common);
}
