/*
 * areg-lab host: the hosts of a local cluster, and the accidents that can happen to them.
 */
#include "lab/local_hosts.h"
#include "lab/program.h"

#include <signal.h>
#include <string.h>
#include <time.h>

static const char *const actions[] = {"add", "kill", "stop", "start", "pause", "resume", NULL};

static int list_hosts(const char *dir, bool as_json)
{
    static const char *const state_names[] = {
        [PROCESS_GONE] = "down", [PROCESS_RUNNING] = "up", [PROCESS_PAUSED] = "paused"};
    char why[LOCAL_WHY_BYTES];
    struct local_cluster cluster;
    const enum areg_error error = local_cluster_look(&cluster, dir, why);
    if (error)
        return program_fail(error, "%s", why);
    if (as_json)
        printf("{\"v\":1,\"hosts\":[");
    else
        printf("%-6s  %-6s  %7s  %s\n", "HOST", "STATE", "PID", "ADDRESS");
    for (unsigned i = 0; i < cluster.host_count; i++) {
        const struct local_host *host = &cluster.hosts[i];
        const enum process_state state = process_state(host->process);
        const int pid = state == PROCESS_GONE ? 0 : (int)host->process.pid;
        if (as_json)
            printf("%s{\"id\":\"%s\",\"state\":\"%s\",\"pid\":%d,\"address\":\"%s\",\"cpu_ns\":%llu}", i ? "," : "",
                   host->id.text, state_names[state], pid, host->address,
                   (unsigned long long)process_cpu_ns(host->process));
        else
            printf("%-6s  %-6s  %7d  %s\n", host->id.text, state_names[state], pid, host->address);
    }
    if (as_json)
        printf("]}\n");
    return EXIT_CODE_OK;
}

/* "s2", "s2,s4" or "all"; false if one of them is no host, whose name is then in `unknown`. */
static bool choose_hosts(const struct local_cluster *cluster, const char *ids, bool *chosen,
                         char unknown[HOST_ID_BYTES_MAX + 1])
{
    const bool is_all = strcmp(ids, "all") == 0;
    memset(chosen, is_all, HOST_COUNT_MAX);
    if (is_all)
        return true;
    do {
        const size_t bytes = strcspn(ids, ",");
        snprintf(unknown, HOST_ID_BYTES_MAX + 1, "%.*s", (int)(bytes < 64 ? bytes : 64), ids);
        const int index = local_cluster_find(cluster, unknown);
        if (index < 0)
            return false;
        chosen[index] = true;
        ids += bytes + (ids[bytes] == ',');
    } while (*ids);
    return true;
}

/* "s6" or "s6,s7": hosts that there are not yet. */
static enum areg_error add_hosts(struct local_cluster *cluster, const char *ids, char why[LOCAL_WHY_BYTES])
{
    do {
        char id[HOST_ID_BYTES_MAX + 2]; /* one that is too long stays so */
        const size_t bytes = strcspn(ids, ",");
        snprintf(id, sizeof id, "%.*s", (int)(bytes < sizeof id ? bytes : sizeof id), ids);
        const enum areg_error error = local_cluster_add(cluster, id, why);
        if (error)
            return error;
        ids += bytes + (ids[bytes] == ',');
    } while (*ids);
    return AREG_OK;
}

/* As if nothing had been asked for, unless one of them can not be ended. The logs stay: they say why. */
static void forget_added(struct local_cluster *cluster, unsigned first)
{
    char why[LOCAL_WHY_BYTES];
    if (local_cluster_forget_hosts(cluster, first))
        cluster->host_count = first;
    if (local_cluster_save(cluster, why) != AREG_OK)
        program_fail(AREG_EIO, "%s", why);
}

/* What areg-reconfig takes as a host that comes. */
static void print_added(const struct local_cluster *cluster, unsigned first, bool as_json)
{
    if (as_json)
        printf("{\"v\":1,\"hosts\":[");
    for (unsigned i = first; i < cluster->host_count; i++) {
        const struct local_host *host = &cluster->hosts[i];
        if (as_json)
            printf("%s{\"id\":\"%s\",\"address\":\"%s\",\"pid\":%d}", i > first ? "," : "", host->id.text,
                   host->address, (int)host->process.pid);
        else
            printf("%s@%s\n", host->id.text, host->address);
    }
    if (as_json)
        printf("]}\n");
}

static int run_add(const char *dir, const char *ids, const struct common_flags *common)
{
    char why[LOCAL_WHY_BYTES] = "";
    struct local_cluster cluster;
    const uint32_t wait_ms = (uint32_t)common->timeout_ms;
    enum areg_error error = local_cluster_open(&cluster, dir, wait_ms, why);
    if (error)
        return program_fail(error, "%s", why);
    const unsigned first = cluster.host_count;
    error = add_hosts(&cluster, ids, why);
    if (!error) {
        bool wanted[HOST_COUNT_MAX] = {false};
        unsigned failed_index;
        memset(wanted + first, true, cluster.host_count - first);
        error = local_hosts_start(&cluster, wanted, wait_ms, -1, &failed_index, why);
        if (error)
            forget_added(&cluster, first);
    }
    local_cluster_close(&cluster);
    if (error)
        return program_fail(error, "%s", why);
    print_added(&cluster, first, common->json);
    return EXIT_CODE_OK;
}

/* A stop signal is acted upon a moment after it was sent. */
static bool await_state(struct process process, enum process_state state, uint32_t wait_ms)
{
    for (uint32_t waited_ms = 0; process_state(process) != state; waited_ms++) {
        if (waited_ms >= wait_ms)
            return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
}

/* Send what the action takes to one host that is there. */
static enum areg_error begin_action(struct process process, const char *action)
{
    if (strcmp(action, "kill") == 0)
        return process_signal(process, SIGKILL);
    if (strcmp(action, "pause") == 0)
        return process_signal(process, SIGSTOP);
    if (strcmp(action, "resume") == 0)
        return process_signal(process, SIGCONT);
    return process_ask_to_end(process);
}

static bool await_action(struct process process, const char *action, uint32_t wait_ms)
{
    if (strcmp(action, "pause") == 0)
        return await_state(process, PROCESS_PAUSED, wait_ms);
    if (strcmp(action, "resume") == 0)
        return await_state(process, PROCESS_RUNNING, wait_ms);
    return process_await_end(process, wait_ms);
}

static int act(struct local_cluster *cluster, const bool *chosen, const char *action, uint32_t wait_ms)
{
    const bool needs_host = action[0] == 'p' || action[0] == 'r';
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (!chosen[i])
            continue;
        const enum areg_error error = begin_action(cluster->hosts[i].process, action);
        if (error && (error != AREG_ENOTFOUND || needs_host))
            return program_fail(AREG_EIO, "cannot %s %s: %s", action, cluster->hosts[i].id.text,
                                error == AREG_ENOTFOUND ? "it is down" : "it is another user's");
    }
    for (unsigned i = 0; i < cluster->host_count; i++)
        if (chosen[i] && !await_action(cluster->hosts[i].process, action, wait_ms))
            return program_fail(AREG_EUNAVAIL, "%s did not %s within %u ms", cluster->hosts[i].id.text, action,
                                wait_ms);
    return EXIT_CODE_OK;
}

static int run_action(const char *dir, const char *ids, const char *action, uint32_t wait_ms)
{
    char why[LOCAL_WHY_BYTES] = "";
    char unknown[HOST_ID_BYTES_MAX + 1];
    bool chosen[HOST_COUNT_MAX];
    struct local_cluster cluster;
    enum areg_error error = local_cluster_open(&cluster, dir, wait_ms, why);
    if (error)
        return program_fail(error, "%s", why);
    int exit_code;
    if (!choose_hosts(&cluster, ids, chosen, unknown)) {
        exit_code = program_fail(AREG_ENOTFOUND, "there is no host \"%s\"; areg-lab host lists all", unknown);
    } else if (strcmp(action, "start") == 0) {
        unsigned failed_index;
        error = local_hosts_start(&cluster, chosen, wait_ms, -1, &failed_index, why);
        exit_code = error ? program_fail(error, "%s", why) : EXIT_CODE_OK;
    } else {
        exit_code = act(&cluster, chosen, action, wait_ms);
    }
    local_cluster_close(&cluster);
    return exit_code;
}

int command_host(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "host [HOST[,HOST...]|all add|kill|stop|start|pause|resume] [FLAG...]",
        .text =
            "Without words: list the hosts of a local cluster. Otherwise let something happen to them, and wait\n"
            "until it has: kill (SIGKILL), stop (SIGTERM), start (until ready), pause (SIGSTOP), resume (SIGCONT).\n"
            "\n"
            "add starts hosts that there are not yet. They serve nothing until areg-reconfig makes them members;\n"
            "each is printed as it takes it, s6@tcp://127.0.0.1:PORT.",
        .examples = "  areg-lab host\n"
                    "  areg-lab host s2 kill\n"
                    "  areg-lab host s2,s3 start\n"
                    "  areg-reconfig apply replace s2 $(areg-lab host s6 add)",
        .word_count_max = 2,
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
    if (line.word_count == 0)
        return list_hosts(program_lab_dir(dir), common.json);
    if (line.word_count == 1)
        return program_fail_usage("what is to happen to %s? areg-lab %s", line.words[0], page.synopsis);
    if (strcmp(line.words[1], "add") == 0)
        return run_add(program_lab_dir(dir), line.words[0], &common);
    for (const char *const *action = actions; *action; action++)
        if (strcmp(line.words[1], *action) == 0)
            return run_action(program_lab_dir(dir), line.words[0], *action, (uint32_t)common.timeout_ms);
    const char *near = command_line_suggest(line.words[1], actions);
    return program_fail_usage("unknown action \"%s\"%s%s%s", line.words[1], near ? " (did you mean " : "",
                              near ? near : "", near ? "?)" : "");
}
