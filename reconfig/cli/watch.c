#include "reconfig/cli/watch.h"

#include "client/cli/json.h"
#include "core/units.h"
#include "reconfig/cli/print.h"
#include "reconfig/cli/verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define LINE_NS UINT64_C(1000000000)
enum { BAR_COLUMNS = 24 };

struct watch {
    struct admin *admin;
    double register_count;
    int signal_fd;
    bool has_bar;      /* a bar is kept up to date, instead of lines */
    bool is_bar_shown; /* and is on the screen now */
    uint64_t begun_ns;
    uint64_t told_ns; /* the last line, or bar */
};

/* ---------------------------------------------------------------- signals */

/* Ctrl-C and the like become readable; those that whoever started us wants ignored stay so. -1: none can be heard. */
static int open_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        sigprocmask(SIG_UNBLOCK, &set, NULL);
    return fd;
}

static bool heard_signal(const struct watch *watch)
{
    struct signalfd_siginfo signal;
    return watch->signal_fd >= 0 && read(watch->signal_fd, &signal, sizeof signal) == (ssize_t)sizeof signal;
}

/* The next one ends the program at once. */
static void close_signals(struct watch *watch)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (watch->signal_fd >= 0)
        close(watch->signal_fd);
    watch->signal_fd = -1;
}

/* ---------------------------------------------------------------- how far it is */

struct sum {
    unsigned ended_count;
    uint64_t register_count;
    uint64_t bytes;
    uint64_t stuck_count;
    const struct run *slowest; /* that has not ended; in the earliest step */
};

static struct sum sum_up(const struct runs *runs)
{
    struct sum sum = {0};
    for (unsigned i = 0; i < runs->count; i++) {
        const struct run *run = &runs->at[i];
        sum.register_count += run->progress.register_count;
        sum.bytes += run->progress.bytes;
        sum.stuck_count += run->state == RUN_UNDER_WAY ? run->progress.stuck_count : 0;
        sum.ended_count += run->state == RUN_ENDED;
        if (run->state == RUN_UNDER_WAY && (!sum.slowest || run->progress.step < sum.slowest->progress.step))
            sum.slowest = run;
    }
    return sum;
}

static const char *step_text(enum reconfigure_step step)
{
    static const char *const texts[] = {
        [RECONFIGURE_LOOKING] = "looking for the last configuration",
        [RECONFIGURE_GREETING] = "greeting the hosts",
        [RECONFIGURE_JOINING] = "the hosts join",
        [RECONFIGURE_PROPOSING] = "proposing",
        [RECONFIGURE_INSTALLING] = "installing the decision",
        [RECONFIGURE_TRANSFERRING] = "moving registers",
        [RECONFIGURE_FINALIZING] = "finalizing",
    };
    return texts[step];
}

/* "1234 of about 5000 registers, 1.2 GiB, 30 MiB/s, 2 m left". */
static void describe(const struct watch *watch, const struct sum *sum, double share, char *to, size_t room_bytes)
{
    const double seconds = (double)(handle_now_ns() - watch->begun_ns) / 1e9;
    char bytes[UNITS_TEXT_BYTES];
    char rate[UNITS_TEXT_BYTES];
    char left[UNITS_TEXT_BYTES];
    size_t used_bytes = (size_t)snprintf(to, room_bytes, "%" PRIu64, sum->register_count);
    if (watch->register_count >= 1)
        used_bytes +=
            (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, " of about %.0f", watch->register_count);
    used_bytes += (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, " registers, %s, %s/s",
                                   units_print_bytes(sum->bytes, bytes),
                                   units_print_bytes((uint64_t)((double)sum->bytes / (seconds + 0.001)), rate));
    if (sum->stuck_count > 0)
        snprintf(to + used_bytes, room_bytes - used_bytes, "; %" PRIu64 " can not be moved: see areg-reconfig progress",
                 sum->stuck_count);
    else if (share > 0.01 && share < 1 && seconds > 1)
        snprintf(to + used_bytes, room_bytes - used_bytes, ", about %s left",
                 units_print_duration((uint64_t)(seconds * (1 - share) / share + 1) * UINT64_C(1000000000), left));
}

static void hide_bar(struct watch *watch)
{
    if (watch->is_bar_shown)
        fputs("\r\033[K", stderr);
    watch->is_bar_shown = false;
}

static void tell_progress(struct watch *watch, const struct runs *runs)
{
    const uint64_t now_ns = handle_now_ns();
    const struct sum sum = sum_up(runs);
    if (watch->admin->flags.quiet || !sum.slowest || (!watch->has_bar && now_ns < watch->told_ns + LINE_NS))
        return;
    watch->told_ns = now_ns;
    /* Of a small shard nothing is seen but its end. */
    const double moved = watch->register_count >= 1 ? (double)sum.register_count / watch->register_count : 0;
    const double ended = (double)sum.ended_count / runs->count;
    const double most = moved > ended ? moved : ended;
    const double share = most < 0.99 ? most : 0.99;
    char text[256];
    describe(watch, &sum, share, text, sizeof text);
    char shards[64] = "";
    if (runs->count > 1)
        snprintf(shards, sizeof shards, "%u of %u shards, ", sum.ended_count, runs->count);
    if (!watch->has_bar) {
        admin_say(watch->admin, "%s: %s%s", step_text(sum.slowest->progress.step), shards, text);
        return;
    }
    hide_bar(watch);
    char bar[BAR_COLUMNS + 1];
    for (unsigned i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < (unsigned)(share * BAR_COLUMNS + 0.5) ? '#' : '.';
    bar[BAR_COLUMNS] = 0;
    fprintf(stderr, "[%s] %s: %s%s", bar, step_text(sum.slowest->progress.step), shards, text);
    fflush(stderr);
    watch->is_bar_shown = true;
}

/* ---------------------------------------------------------------- what has happened */

void watch_tell_event(const struct shard *shard, const char *event, const struct config *config)
{
    printf("%s: pool %s, shard %" PRIu32 ": ", event, shard->pool->name, shard->shard);
    print_config(stdout, config);
    putchar('\n');
    fflush(stdout);
}

static void tell_event(struct watch *watch, const struct run *run, const char *event, const struct config *config)
{
    hide_bar(watch);
    if (!watch->admin->flags.json)
        watch_tell_event(run->shard, event, config);
}

static void tell_events(struct watch *watch, struct run *run)
{
    const bool is_decided = run->progress.step >= RECONFIGURE_INSTALLING;
    if (run->is_decided || run->state == RUN_WAITING)
        return;
    if (run->state == RUN_UNDER_WAY && !run->plan && run->shard->has_pending)
        tell_event(watch, run, "pending", &run->shard->pending);
    else if (run->state == RUN_UNDER_WAY && is_decided && run->progress.is_own)
        tell_event(watch, run, "decided", &run->progress.target);
    else if (run->state == RUN_ENDED && run->plan && run->error == AREG_OK)
        tell_event(watch, run, "decided", &run->shard->base);
    else
        return;
    run->is_decided = true;
}

static bool watch_turn(struct runs *runs, void *arg)
{
    struct watch *watch = arg;
    for (unsigned i = 0; i < runs->count; i++) {
        struct run *run = &runs->at[i];
        tell_events(watch, run);
        if (run->state == RUN_ENDED && !run->is_told) {
            run->is_told = true;
            if (run->error == AREG_OK && run->shard->has_base)
                tell_event(watch, run, "finalized", &run->shard->base);
        }
    }
    tell_progress(watch, runs);
    return !heard_signal(watch);
}

/* ---------------------------------------------------------------- how it has ended */

static void say_failure(const struct admin *admin, const struct run *run)
{
    const struct verdict verdict = verdict_of(run);
    const bool has_both = verdict.reason[0] && run->detail[0];
    fprintf(stderr, "areg-reconfig: %s: pool %s, shard %" PRIu32 ": %s%s%s; %s\n", admin->command->name,
            run->shard->pool->name, run->shard->shard, verdict.reason, has_both ? ": " : "", run->detail,
            verdict.consequence);
}

/* Unknown outcomes are the worst; of others, the first. */
static enum exit_code worst_code(enum exit_code a, enum exit_code b)
{
    if (a == EXIT_CODE_UNKNOWN_OUTCOME || b == EXIT_CODE_UNKNOWN_OUTCOME)
        return EXIT_CODE_UNKNOWN_OUTCOME;
    return a ? a : b;
}

/* Hosts that were members of what is over, and are members of nothing now. */
static void print_discarded(const struct shards *shards, const struct runs *runs, bool is_json)
{
    const char *before = is_json ? "" : "may be discarded: ";
    for (unsigned i = 0; i < runs->count; i++) {
        const struct config *base = &runs->bases[i];
        for (unsigned j = 0; j < base->member_count && runs->at[i].error == AREG_OK; j++) {
            const struct host_id *id = &base->members[j].id;
            bool is_repeated = shards_have_host(shards, id);
            for (unsigned earlier = 0; earlier < i && !is_repeated; earlier++)
                is_repeated = config_member_index(&runs->bases[earlier], id) >= 0;
            if (is_repeated)
                continue;
            printf(is_json ? "%s\"%s\"" : "%s%s", before, id->text);
            before = is_json ? "," : " ";
        }
    }
    if (!is_json && strcmp(before, " ") == 0)
        putchar('\n');
}

static void print_json(const struct shards *shards, const struct runs *runs, const struct proposal *proposal)
{
    fputs("{\"v\":1,", stdout);
    if (proposal) {
        proposal_print_json(proposal, stdout);
        putchar(',');
    }
    fputs("\"results\":[", stdout);
    for (unsigned i = 0; i < runs->count; i++) {
        const struct run *run = &runs->at[i];
        printf("%s{\"shard\":%" PRIu32 ",\"pool\":\"%s\",\"outcome\":\"%s\",\"error\":%s%s%s,", i > 0 ? "," : "",
               run->shard->shard, run->shard->pool->name, verdict_of(run).outcome, run->error ? "\"" : "",
               run->error ? areg_error_name(run->error) : "null", run->error ? "\"" : "");
        json_print_member(stdout, "detail", run->detail, strlen(run->detail));
        printf(",\"registers\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"config\":", run->progress.register_count,
               run->progress.bytes);
        if (run->shard->has_base)
            print_config_json(stdout, &run->shard->base);
        else
            fputs("null", stdout);
        putchar('}');
    }
    fputs("],\"discard\":[", stdout);
    print_discarded(shards, runs, true);
    puts("]}");
}

enum exit_code watch_runs(struct admin *admin, struct shards *shards, struct runs *runs,
                          const struct proposal *proposal, double register_count)
{
    struct watch watch = {
        .admin = admin,
        .register_count = register_count,
        .signal_fd = open_signals(),
        .has_bar = print_is_lively(stderr),
        .begun_ns = handle_now_ns(),
        .told_ns = handle_now_ns(),
    };
    runs->admin = admin;
    runs->watch = watch_turn;
    runs->arg = &watch;
    runs_run(runs);
    hide_bar(&watch);
    close_signals(&watch);
    enum exit_code code = EXIT_CODE_OK;
    for (unsigned i = 0; i < runs->count; i++) {
        const enum exit_code run_code = verdict_of(&runs->at[i]).code;
        code = worst_code(code, run_code);
        if (run_code)
            say_failure(admin, &runs->at[i]);
    }
    if (admin->flags.json)
        print_json(shards, runs, proposal);
    else
        print_discarded(shards, runs, false);
    return code;
}
