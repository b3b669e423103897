/*
 * A trial with real processes: hosts of its own in the trial's directory, behind a relay where messages are to be
 * delayed, clients in this process, and accidents by signal. Nothing that is started here outlives it, however this
 * program ends.
 */
#include "core/check.h"
#include "lab/columns.h"
#include "lab/experiment_events.h"
#include "lab/local_hosts.h"
#include "lab/program.h"
#include "lab/relay.h"
#include "lab/trial.h"
#include "lab/trial_watch.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

enum {
    START_WAIT_MS = 20000,
    END_WAIT_MS = 5000,
    CHANGE_WAIT_MS = 60000, /* what a change may take after the load */
    OP_TIMEOUT_MS = 10000,
    REST_LOOK_MS = 1000,
    REST_PAUSE_MS = 50,
    REST_STILL_MS = 1000, /* what does not become less for so long will not */
    REST_WAIT_MS = 4000,
    LOCAL_PATH_BYTES = PATH_MAX + 64,
    CHANGE_ARGUMENT_MAX = TRIAL_WORDS_BYTES / 2 + 16,
};

/* The clients that do operations of one kind alone, then the mixed ones. */
enum group { GROUP_READERS, GROUP_WRITERS, GROUP_MIXED, GROUP_COUNT };

struct local_trial {
    const struct trial *trial;
    struct measurement *result;
    int interrupt_fd;
    char *why;
    char aregd[PATH_MAX];
    char reconfig[PATH_MAX];
    struct local_cluster cluster;
    bool has_cluster;
    struct relay *relay;
    char *seeds;
    FILE *history;
    struct load *load;
    struct trial_watch *watch;
    uint64_t begin_ns;
    /* Of everything before the load, and of hosts that were killed since. */
    uint64_t client_cpu_before_ns;
    uint64_t hosts_cpu_before_ns;
    uint64_t hosts_cpu_lost_ns;
    struct load_counters counters_before[GROUP_COUNT];
    struct load_counters counters[GROUP_COUNT];
    /* Events. */
    unsigned next_event;
    uint64_t silent_hosts; /* killed or paused, a bit for each */
    struct process change; /* the areg-reconfig that is under way */
    int change_fd;         /* -1: none is */
    unsigned change_note;
    uint64_t moved_bytes;
    unsigned finalized_count;
};

static enum areg_error fail(struct local_trial *run, enum areg_error error, const char *sentence)
{
    snprintf(run->why, TRIAL_WHY_BYTES, "%s", sentence);
    return error;
}

/* Wait for one of two descriptors; AREG_ECANCELED if it is the interruption. */
static enum areg_error await(struct local_trial *run, int fd, uint32_t wait_ms, bool *is_there)
{
    struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = run->interrupt_fd, .events = POLLIN}};
    poll(fds, 2, (int)wait_ms);
    *is_there = fds[0].revents != 0;
    return fds[1].revents ? fail(run, AREG_ECANCELED, "interrupted") : AREG_OK;
}

/* ---------------------------------------------------------------- the cluster */

static enum areg_error start_relay(struct local_trial *run)
{
    const struct trial *trial = run->trial;
    struct relay_route routes[TRIAL_HOST_MAX];
    char relay_why[RELAY_WHY_BYTES];
    if (trial->delay_max_ns == 0 && trial->bandwidth_bytes_per_s == 0)
        return AREG_OK;
    for (unsigned i = 0; i < run->cluster.host_count; i++) {
        uint16_t listen_port;
        if (!local_cluster_listen_apart(&run->cluster, i, &listen_port))
            return fail(run, AREG_EIO, "no free port on 127.0.0.1");
        const char *colon = strrchr(run->cluster.hosts[i].address, ':');
        routes[i] = (struct relay_route){.from_port = (uint16_t)strtoul(colon + 1, NULL, 10), .to_port = listen_port};
    }
    const struct relay_options options = {
        .routes = routes,
        .route_count = run->cluster.host_count,
        .delay_min_ns = trial->delay_min_ns,
        .delay_max_ns = trial->delay_max_ns,
        .bytes_per_s = trial->bandwidth_bytes_per_s,
        .seed = trial->seed,
    };
    const enum areg_error error = relay_create(&run->relay, &options, relay_why);
    return error ? fail(run, error, relay_why) : AREG_OK;
}

static enum areg_error start_cluster(struct local_trial *run)
{
    const struct trial *trial = run->trial;
    const struct local_options options = {
        .host_count = trial->host_count,
        .code = trial->code,
        .delta = trial->delta,
        .shard_count = 1,
        .sync = trial->syncs ? "batch" : "none",
        .aregd = run->aregd,
    };
    char why[LOCAL_WHY_BYTES] = "";
    if (!program_find("aregd", run->aregd) || !program_find("areg-reconfig", run->reconfig))
        return fail(run, AREG_EINVAL, "there is no aregd, or no areg-reconfig, beside areg-lab nor in PATH");
    enum areg_error error = local_cluster_create(&run->cluster, trial->dir, &options, END_WAIT_MS, why);
    if (error)
        return fail(run, error, why);
    run->has_cluster = true;
    run->cluster.bond = PROCESS_ENDS_WITH_US;
    error = start_relay(run);
    if (error)
        return error;
    bool wanted[HOST_COUNT_MAX];
    unsigned failed_index;
    memset(wanted, true, sizeof wanted);
    /* A relay has its ports already: others can not be tried. */
    error = run->relay ? local_hosts_start(&run->cluster, wanted, START_WAIT_MS, run->interrupt_fd, &failed_index, why)
                       : local_hosts_start_new(&run->cluster, &options, START_WAIT_MS, run->interrupt_fd, why);
    if (error)
        return fail(run, error, why);
    run->seeds = local_cluster_seeds(&run->cluster, NULL);
    return run->seeds ? AREG_OK : fail(run, AREG_ENOMEM, "out of memory");
}

static uint64_t hosts_cpu_ns(const struct local_trial *run)
{
    uint64_t sum_ns = 0;
    for (unsigned i = 0; i < run->cluster.host_count; i++)
        sum_ns += process_cpu_ns(run->cluster.hosts[i].process);
    return sum_ns;
}

static uint64_t client_cpu_ns(const struct local_trial *run)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    const uint64_t seconds = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec);
    const uint64_t us = (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return seconds * 1000 * MS + us * 1000 - (run->relay ? relay_cpu_ns(run->relay) : 0);
}

/* ---------------------------------------------------------------- the load */

static enum areg_error start_load(struct local_trial *run)
{
    const struct trial *trial = run->trial;
    struct load_options options = {
        .where = run->seeds,
        .prefix = "",
        .reader_count = trial->reader_count,
        .writer_count = trial->writer_count,
        .mixed_count = trial->mixed_count,
        .read_percent = trial->read_percent,
        .value_bytes_min = trial->value_bytes,
        .value_bytes_max = trial->value_bytes,
        .depth = trial->depth,
        .duration_ns = trial->duration_ns,
        .op_count_max = trial->op_count_max,
        .rate_hz = trial->rate_hz,
        .timeout_ms = OP_TIMEOUT_MS,
        .fills_first = true,
    };
    char why[LOAD_WHY_BYTES] = "";
    if (key_choice_parse(trial->distribution, trial->key_count, &options.keys) != AREG_OK)
        return fail(run, AREG_EINVAL, "there is no such distribution");
    if (trial->history_path && !(run->history = fopen(trial->history_path, "we")))
        return fail(run, AREG_EIO, strerror(errno));
    options.history = run->history;
    enum areg_error error = load_create(&run->load, &options, why);
    if (error)
        return fail(run, error, why);
    for (bool is_filled = false; !is_filled;) {
        error = await(run, load_fd(run->load), 1000, &is_filled);
        if (error)
            return error;
    }
    error = load_fill_outcome(run->load, why);
    return error ? fail(run, error, why) : AREG_OK;
}

/* ---------------------------------------------------------------- changes of configuration */

static uint64_t since_begin_ns(const struct local_trial *run)
{
    return load_now_ns() - run->begin_ns;
}

static struct trial_note *begin_note(struct local_trial *run, const struct trial_event *event)
{
    CHECK(run->result->note_count < 2 * TRIAL_EVENT_MAX);
    struct trial_note *note = &run->result->notes[run->result->note_count++];
    note->begin_ns = note->end_ns = since_begin_ns(run);
    event_print(event, note->text);
    return note;
}

static void fail_note(struct trial_note *note, const char *why, int why_bytes)
{
    const size_t used = strlen(note->text);
    note->has_failed = true;
    snprintf(note->text + used, sizeof note->text - used, ": failed: %.*s", why_bytes, why);
}

static void print_change_log(const struct local_trial *run, char path[LOCAL_PATH_BYTES])
{
    snprintf(path, LOCAL_PATH_BYTES, "%s/change-%u.log", run->cluster.dir, run->change_note);
}

/* As an admin would, with the hosts' addresses from genesis. */
static enum areg_error begin_change(struct local_trial *run, const struct trial_event *event)
{
    char log[LOCAL_PATH_BYTES];
    char plans[LOCAL_PATH_BYTES];
    char words[TRIAL_WORDS_BYTES];
    char *arguments[CHANGE_ARGUMENT_MAX] = {run->reconfig, (char[]){"apply"}};
    unsigned count = 2;
    char *left = words;
    snprintf(words, sizeof words, "%s", event->words);
    for (char *word; (word = strsep(&left, " "));)
        if (word[0])
            arguments[count++] = word;
    snprintf(plans, sizeof plans, "%s/plans", run->cluster.dir);
    char *const flags[] = {(char[]){"--json"}, (char[]){"--seeds"}, run->seeds, (char[]){"--plans"}, plans};
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++)
        arguments[count++] = flags[i];
    CHECK(count < CHANGE_ARGUMENT_MAX);
    run->change_note = run->result->note_count;
    begin_note(run, event);
    print_change_log(run, log);
    if (process_spawn(arguments, log, PROCESS_ENDS_WITH_US, &run->change, &run->change_fd) != AREG_OK)
        return fail(run, AREG_EIO, "areg-reconfig can not be started");
    return AREG_OK;
}

/* What areg-reconfig has said, all of it; "" if that can't be read. */
static void read_change_log(const struct local_trial *run, char *text, size_t room_bytes)
{
    char log[LOCAL_PATH_BYTES];
    print_change_log(run, log);
    FILE *file = fopen(log, "re");
    const size_t text_bytes = file ? fread(text, 1, room_bytes - 1, file) : 0;
    text[text_bytes] = 0;
    if (file)
        fclose(file);
}

static void end_change(struct local_trial *run)
{
    static const char bytes_name[] = "\"bytes\":";
    char said[8192];
    int status = -1;
    struct trial_note *note = &run->result->notes[run->change_note];
    close(run->change_fd);
    run->change_fd = -1;
    while (waitpid(run->change.pid, &status, 0) < 0 && errno == EINTR) {
    }
    note->end_ns = since_begin_ns(run);
    read_change_log(run, said, sizeof said);
    const char *results = strstr(said, "\"results\":");
    const char *bytes = results ? strstr(results, bytes_name) : NULL;
    if (bytes)
        run->moved_bytes += strtoull(bytes + strlen(bytes_name), NULL, 10);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        run->finalized_count++;
        return;
    }
    fail_note(note, said, (int)strcspn(said, "\n"));
}

/* What the load was over for, or did not end in time. */
static void note_undone(struct local_trial *run)
{
    static const char late[] = "it has not ended";
    static const char never[] = "the load had ended before";
    if (run->change_fd >= 0) {
        struct trial_note *note = &run->result->notes[run->change_note];
        note->end_ns = since_begin_ns(run);
        fail_note(note, late, (int)strlen(late));
    }
    for (; run->next_event < run->trial->event_count; run->next_event++)
        fail_note(begin_note(run, &run->trial->events[run->next_event]), never, (int)strlen(never));
}

/* ---------------------------------------------------------------- events */

static enum areg_error do_event(struct local_trial *run, const struct trial_event *event)
{
    if (event->kind == TRIAL_RECONFIGURE)
        return begin_change(run, event);
    const int index = local_cluster_find(&run->cluster, event->host);
    if (index < 0)
        return fail(run, AREG_EINVAL, "an event is about a host that there is not");
    const struct process process = run->cluster.hosts[index].process;
    struct trial_note *note = begin_note(run, event);
    enum areg_error error = AREG_OK;
    char why[LOCAL_WHY_BYTES];
    bool wanted[HOST_COUNT_MAX] = {false};
    unsigned failed_index;
    switch (event->kind) {
    case TRIAL_KILL:
        run->hosts_cpu_lost_ns += process_cpu_ns(process);
        error = process_signal(process, SIGKILL);
        if (!error && !process_await_end(process, END_WAIT_MS))
            error = AREG_EIO;
        break;
    case TRIAL_START:
        wanted[index] = true;
        error = local_hosts_start(&run->cluster, wanted, START_WAIT_MS, run->interrupt_fd, &failed_index, why);
        break;
    default:
        error = process_signal(process, event->kind == TRIAL_PAUSE ? SIGSTOP : SIGCONT);
    }
    note->end_ns = since_begin_ns(run);
    if (!error && (event->kind == TRIAL_KILL || event->kind == TRIAL_PAUSE))
        run->silent_hosts |= UINT64_C(1) << index;
    else if (!error)
        run->silent_hosts &= ~(UINT64_C(1) << index);
    if (error == AREG_ECANCELED)
        return fail(run, error, "interrupted");
    if (error) {
        const char *sentence = error_sentence(error);
        fail_note(note, sentence, (int)strlen(sentence));
    }
    return AREG_OK;
}

/* The event that may happen next; NULL if there is none, or another change has to end first. */
static const struct trial_event *next_event(const struct local_trial *run)
{
    if (run->next_event == run->trial->event_count)
        return NULL;
    const struct trial_event *event = &run->trial->events[run->next_event];
    return event->kind == TRIAL_RECONFIGURE && run->change_fd >= 0 ? NULL : event;
}

static int wait_ms_until(uint64_t at_ns, uint64_t now_ns)
{
    enum { LONGEST_MS = 1000 };
    if (at_ns <= now_ns)
        return 0;
    const uint64_t wait_ms = (at_ns - now_ns) / MS + 1;
    return wait_ms < LONGEST_MS ? (int)wait_ms : LONGEST_MS;
}

/* Until the load has ended, and the changes that were begun. */
static enum areg_error direct(struct local_trial *run)
{
    bool is_loaded = true;
    uint64_t deadline_ns = UINT64_MAX;
    while (is_loaded || (run->change_fd >= 0 && load_now_ns() < deadline_ns)) {
        const struct trial_event *event = is_loaded ? next_event(run) : NULL;
        const uint64_t now_ns = since_begin_ns(run);
        struct pollfd fds[3] = {{.fd = is_loaded ? load_fd(run->load) : -1, .events = POLLIN},
                                {.fd = run->interrupt_fd, .events = POLLIN},
                                {.fd = run->change_fd, .events = POLLIN}};
        poll(fds, 3, wait_ms_until(event ? event->at_ns : UINT64_MAX, now_ns));
        if (fds[1].revents)
            return fail(run, AREG_ECANCELED, "interrupted");
        if (fds[2].revents) {
            end_change(run);
            continue;
        }
        if (fds[0].revents) {
            is_loaded = false;
            run->result->seconds = (double)since_begin_ns(run) / 1e9;
            trial_watch_end(run->watch);
            deadline_ns = load_now_ns() + CHANGE_WAIT_MS * MS;
            continue;
        }
        if (event && since_begin_ns(run) >= event->at_ns) {
            const enum areg_error error = do_event(run, event);
            run->next_event++;
            if (error)
                return error;
        }
    }
    note_undone(run);
    return AREG_OK;
}

/* ---------------------------------------------------------------- measuring */

static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

static void sum_groups(struct local_trial *run, struct load_counters groups[GROUP_COUNT])
{
    const struct trial *trial = run->trial;
    const unsigned counts[GROUP_COUNT] = {trial->reader_count, trial->writer_count, trial->mixed_count};
    unsigned first = 0;
    for (unsigned i = 0; i < GROUP_COUNT; i++) {
        load_sum_counters_of(run->load, first, counts[i], &groups[i]);
        first += counts[i];
    }
}

/* Of the whole run, what a counter has come to in all groups, or in some. */
static double counted(const struct local_trial *run, unsigned groups, enum areg_counter counter)
{
    double sum = 0;
    for (unsigned i = 0; i < GROUP_COUNT; i++)
        if (groups >> i & 1)
            sum += (double)(run->counters[i].values[counter] - run->counters_before[i].values[counter]);
    return sum;
}

/* Counters do not tell which operations have sent a byte: with mixed clients that do both, nobody knows. */
static void sum_kind(struct local_trial *run, enum load_kind kind)
{
    const bool is_read = kind == LOAD_READ;
    const struct trial *trial = run->trial;
    struct measurement *result = run->result;
    const double value_bytes = (double)trial->value_bytes;
    const unsigned own = 1u << (is_read ? GROUP_READERS : GROUP_WRITERS) | 1u << GROUP_MIXED;
    const bool is_mixed = trial->mixed_count > 0 && columns_has(trial, LOAD_READ) && columns_has(trial, LOAD_WRITE);
    const double ops = counted(run, own, is_read ? AREG_COUNT_READS : AREG_COUNT_WRITES);
    result->rounds[kind] = ratio(counted(run, own, is_read ? AREG_COUNT_READ_ROUNDS : AREG_COUNT_WRITE_ROUNDS), ops);
    result->sent_values[kind] =
        is_mixed ? (double)NAN : ratio(counted(run, own, AREG_COUNT_BYTES_SENT), ops * value_bytes);
    result->received_values[kind] =
        is_mixed && !is_read ? (double)NAN : ratio(counted(run, own, AREG_COUNT_BYTES_RECEIVED), ops * value_bytes);
}

static void sum_counters(struct local_trial *run)
{
    enum { ALL = (1 << GROUP_COUNT) - 1 };
    struct measurement *result = run->result;
    sum_groups(run, run->counters);
    sum_kind(run, LOAD_READ);
    sum_kind(run, LOAD_WRITE);
    const double ops = counted(run, ALL, AREG_COUNT_READS) + counted(run, ALL, AREG_COUNT_WRITES);
    const uint64_t client_ns = client_cpu_ns(run);
    const uint64_t hosts_ns = hosts_cpu_ns(run) + run->hosts_cpu_lost_ns;
    result->packets_per_op = ratio(counted(run, ALL, AREG_COUNT_PACKETS_SENT), ops);
    result->overhead_bytes_per_op =
        ratio(counted(run, ALL, AREG_COUNT_OVERHEAD_SENT) + counted(run, ALL, AREG_COUNT_OVERHEAD_RECEIVED), ops);
    result->client_cpu_us_per_op = ratio((double)(client_ns - run->client_cpu_before_ns) / 1e3, ops);
    result->hosts_cpu_us_per_op =
        ratio(hosts_ns > run->hosts_cpu_before_ns ? (double)(hosts_ns - run->hosts_cpu_before_ns) / 1e3 : 0, ops);
}

/* What is stored when nothing happens any more: superseded values go after a grace time. */
static enum areg_error await_rest(struct local_trial *run)
{
    const struct code code = run->trial->code;
    const double all_bytes = (double)run->trial->value_bytes * (double)run->trial->key_count;
    const double aim_bytes = 1.001 * all_bytes * (code.n - code.directory_count) / code.k;
    const uint64_t begin_ns = load_now_ns();
    uint64_t still_since_ns = begin_ns;
    uint64_t least_bytes = UINT64_MAX;
    const unsigned host_count = run->cluster.host_count - (unsigned)__builtin_popcountll(run->silent_hosts);
    struct trial_store store;
    for (;;) {
        store = trial_watch_look(run->watch, REST_LOOK_MS);
        const bool is_whole = store.answer_count >= host_count;
        const uint64_t now_ns = load_now_ns();
        if (is_whole && store.bytes < least_bytes) {
            least_bytes = store.bytes;
            still_since_ns = now_ns;
        }
        if ((is_whole && run->finalized_count == 0 && (double)store.bytes <= aim_bytes) ||
            now_ns - still_since_ns >= REST_STILL_MS * MS || now_ns - begin_ns >= REST_WAIT_MS * MS)
            break;
        bool is_there;
        const enum areg_error error = await(run, -1, REST_PAUSE_MS, &is_there);
        if (error)
            return error;
    }
    run->result->stored_values_max = store.bytes_max > 0 ? ratio((double)store.bytes_max, all_bytes) : (double)NAN;
    run->result->stored_values_rest = least_bytes < UINT64_MAX ? ratio((double)least_bytes, all_bytes) : (double)NAN;
    return AREG_OK;
}

static enum areg_error measure(struct local_trial *run)
{
    struct measurement *result = run->result;
    enum areg_error error = trial_watch_create(&run->watch, run->seeds, run->why);
    if (error)
        return error;
    sum_groups(run, run->counters_before);
    run->client_cpu_before_ns = client_cpu_ns(run);
    run->hosts_cpu_before_ns = hosts_cpu_ns(run);
    run->begin_ns = load_now_ns();
    load_begin(run->load);
    error = trial_watch_begin(run->watch, run->load, run->trial->duration_ns, result);
    if (error)
        return fail(run, error, "out of memory");
    error = direct(run);
    if (error)
        return error;
    sum_counters(run);
    /* What clients still have to confirm they do when they close. */
    load_destroy(run->load);
    run->load = NULL;
    const uint64_t configuration = trial_watch_configuration(run->watch);
    result->configuration_max = configuration > run->finalized_count ? configuration : run->finalized_count;
    result->moved_values =
        ratio((double)run->moved_bytes, (double)run->trial->value_bytes * (double)run->trial->key_count);
    return await_rest(run);
}

/* ---------------------------------------------------------------- the trial */

/* End everything that is there, in whatever state it is. */
static void clean_up(struct local_trial *run)
{
    char why[LOCAL_WHY_BYTES];
    unsigned ended_count;
    unsigned killed_count;
    trial_watch_destroy(run->watch);
    if (run->change_fd >= 0) {
        if (process_signal(run->change, SIGKILL) == AREG_OK)
            process_await_end(run->change, END_WAIT_MS);
        close(run->change_fd);
    }
    load_destroy(run->load);
    if (run->history && fclose(run->history) != 0)
        run->history = NULL;
    if (run->has_cluster) {
        /* What can't be ended ends with us. */
        if (local_hosts_end_all(&run->cluster, END_WAIT_MS, &ended_count, &killed_count, why) != AREG_OK)
            why[0] = 0;
        local_cluster_close(&run->cluster);
    }
    relay_destroy(run->relay);
    free(run->seeds);
}

enum areg_error trial_run_local(const struct trial *trial, int interrupt_fd, struct measurement *result,
                                char why[TRIAL_WHY_BYTES])
{
    CHECK(trial->host_count <= TRIAL_HOST_MAX);
    struct local_trial *run = calloc(1, sizeof *run);
    *result = (struct measurement){0};
    why[0] = 0;
    if (!run)
        return AREG_ENOMEM;
    *run = (struct local_trial){
        .trial = trial, .result = result, .interrupt_fd = interrupt_fd, .why = why, .change_fd = -1};
    enum areg_error error = start_cluster(run);
    if (!error)
        error = start_load(run);
    if (!error)
        error = measure(run);
    clean_up(run);
    free(run);
    return error;
}
