#include "lab/campaign.h"

#include "core/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What a worker tells: that it begins a seed, or what became of it. Written at once, so it is never torn. */
struct news {
    uint64_t seed;
    bool has_ended;
    struct sim_report report;
};

_Static_assert(sizeof(struct news) <= 4096, "a pipe takes so much at once");

struct worker {
    pid_t pid; /* 0: none */
    int news_fd;
    int order_fd; /* a seed to run; closed: no more */
    int says_fd;  /* what it has said on stderr: an assertion that failed */
    bool is_busy;
    uint64_t seed;
    uint64_t seed_begin_ns;
};

struct campaign {
    const struct campaign_options *options;
    struct campaign_result *result;
    struct worker workers[CAMPAIGN_JOBS_MAX];
    uint64_t first_seed;
    uint64_t next_seed;
    uint64_t begin_ns;
    uint64_t shown_ns;
    int signal_fd; /* SIGINT, SIGTERM: what was found so far is told all the same */
    bool has_given_up;
    char *why;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- state */

static bool read_state(struct campaign *campaign)
{
    const char *path = campaign->options->state_path;
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!file) {
        if (!path || errno == ENOENT)
            return true;
        snprintf(campaign->why, SIM_WHY_BYTES, "%s: %s", path, strerror(errno));
        return false;
    }
    const bool is_number = fscanf(file, "%" SCNu64, &campaign->next_seed) == 1;
    fclose(file);
    if (!is_number)
        snprintf(campaign->why, SIM_WHY_BYTES, "%s: not the seed to go on with", path);
    return is_number;
}

/* The first seed that nobody has finished. */
static uint64_t unfinished_seed(const struct campaign *campaign)
{
    uint64_t seed = campaign->next_seed;
    for (unsigned i = 0; i < campaign->options->jobs; i++)
        if (campaign->workers[i].is_busy && campaign->workers[i].seed < seed)
            seed = campaign->workers[i].seed;
    return seed;
}

/* Written aside and renamed, so that it is whole whenever somebody looks. */
static bool write_state(struct campaign *campaign)
{
    const char *path = campaign->options->state_path;
    char aside[4096];
    if (!path)
        return true;
    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "we");
    const bool is_written = file && fprintf(file, "%" PRIu64 "\n", unfinished_seed(campaign)) > 0;
    const bool is_closed = file && fclose(file) == 0;
    if (is_written && is_closed && rename(aside, path) == 0)
        return true;
    snprintf(campaign->why, SIM_WHY_BYTES, "%.300s: %s", aside, strerror(errno));
    return false;
}

/* ---------------------------------------------------------------- workers */

_Noreturn static void work(const struct sim_options *with, int order_fd, int news_fd, int says_fd)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would ever hear what it finds */
    dup2(says_fd, STDERR_FILENO);
    static struct news news;
    uint64_t seed;
    while (read(order_fd, &seed, sizeof seed) == (ssize_t)sizeof seed) {
        struct sim_options options = *with;
        options.seed = seed;
        news.seed = seed;
        sim_run(&options, &news.report);
        news.has_ended = true;
        if (write(news_fd, &news, sizeof news) != (ssize_t)sizeof news)
            break;
    }
    _exit(0);
}

static bool start_worker(struct campaign *campaign, struct worker *worker)
{
    int orders[2] = {-1, -1};
    int news[2] = {-1, -1};
    const int says_fd = memfd_create("areg-lab sim", MFD_CLOEXEC);
    if (says_fd < 0 || pipe2(orders, O_CLOEXEC) != 0 || pipe2(news, O_CLOEXEC) != 0) {
        const int cause = errno;
        close(says_fd);
        close(orders[0]);
        close(orders[1]);
        errno = cause;
        return false;
    }
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        /* Those of the others would keep them waiting when this process's parent has gone. */
        for (unsigned i = 0; i < campaign->options->jobs; i++)
            if (campaign->workers[i].pid)
                close(campaign->workers[i].order_fd);
        close(orders[1]);
        work(&campaign->options->sim, orders[0], news[1], says_fd);
    }
    close(orders[0]);
    close(news[1]);
    if (pid < 0) {
        close(orders[1]);
        close(news[0]);
        close(says_fd);
        return false;
    }
    *worker = (struct worker){.pid = pid, .news_fd = news[0], .order_fd = orders[1], .says_fd = says_fd};
    return true;
}

/* Let it end, and wait for that. Returns how it ended. */
static int stop_worker(struct worker *worker)
{
    int status = 0;
    close(worker->order_fd);
    close(worker->news_fd);
    close(worker->says_fd);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
    worker->is_busy = false;
    return status;
}

/* It does not end by itself, or not soon. */
static void kill_worker(struct worker *worker)
{
    kill(worker->pid, SIGKILL);
    stop_worker(worker);
}

static bool is_over(const struct campaign *campaign)
{
    const struct campaign_options *options = campaign->options;
    const uint64_t last_count = campaign->next_seed - campaign->first_seed;
    return last_count >= options->seed_count || campaign->result->broken_count >= options->broken_max ||
           (options->run_ns != UINT64_MAX && now_ns() - campaign->begin_ns >= options->run_ns);
}

static bool give_order(struct campaign *campaign, struct worker *worker)
{
    if (is_over(campaign))
        return true;
    if (!worker->pid && !start_worker(campaign, worker)) {
        snprintf(campaign->why, SIM_WHY_BYTES, "a process could not be started: %s", strerror(errno));
        return false;
    }
    worker->seed = campaign->next_seed++;
    worker->seed_begin_ns = now_ns();
    worker->is_busy = true;
    /* If it has ended meanwhile, its news say so. */
    const ssize_t written = write(worker->order_fd, &worker->seed, sizeof worker->seed);
    (void)written;
    return true;
}

/* ---------------------------------------------------------------- news */

static void add_outcomes(struct sim_outcomes *to, const struct sim_outcomes *from)
{
    to->ok += from->ok;
    to->not_found += from->not_found;
    to->stale += from->stale;
    to->failed += from->failed;
    to->unknown += from->unknown;
}

static void add_reconfigurations(struct sim_reconfigurations *to, const struct sim_reconfigurations *from)
{
    to->begun += from->begun;
    to->ok += from->ok;
    to->stale += from->stale;
    to->failed += from->failed;
    to->unknown += from->unknown;
    to->decided += from->decided;
    to->finalized += from->finalized;
    to->taken_over += from->taken_over;
    to->registers_moved += from->registers_moved;
    to->bytes_moved += from->bytes_moved;
}

static void keep_broken(struct campaign_result *result, uint64_t seed, const char *name, const char *why)
{
    unsigned at = result->broken_kept < CAMPAIGN_BROKEN_MAX ? result->broken_kept++ : CAMPAIGN_BROKEN_MAX - 1;
    result->broken_count++;
    for (; at > 0 && result->broken[at - 1].seed > seed; at--)
        result->broken[at] = result->broken[at - 1];
    struct campaign_broken *kept = &result->broken[at];
    kept->seed = seed;
    snprintf(kept->name, sizeof kept->name, "%s", name);
    snprintf(kept->why, sizeof kept->why, "%s", why);
}

static void take_news(struct campaign *campaign, struct worker *worker, const struct news *news)
{
    struct campaign_result *result = campaign->result;
    const struct sim_report *report = &news->report;
    worker->is_busy = false;
    result->seed_count++;
    result->event_count += report->event_count;
    result->op_count += report->op_count;
    result->virtual_ns += report->virtual_ns;
    add_outcomes(&result->reads, &report->reads);
    add_outcomes(&result->writes, &report->writes);
    add_reconfigurations(&result->reconfigurations, &report->reconfigurations);
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        result->fault_counts[i] += report->fault_counts[i];
    if (report->broken[0])
        keep_broken(result, news->seed, report->broken, report->why);
}

/* It ended before its seed did: an assertion failed, or it crashed. */
static void take_death(struct campaign *campaign, struct worker *worker)
{
    char why[SIM_WHY_BYTES];
    char says[SIM_WHY_BYTES / 2] = "";
    const uint64_t seed = worker->seed;
    const ssize_t says_bytes = pread(worker->says_fd, says, sizeof says - 1, 0);
    says[says_bytes > 0 ? says_bytes : 0] = 0;
    const char *line = says + strspn(says, "=\n"); /* sanitizers begin with a rule */
    says[strcspn(line, "\n") + (size_t)(line - says)] = 0;
    const int status = stop_worker(worker);
    if (WIFSIGNALED(status))
        snprintf(why, sizeof why, "ended by signal %d (%s): %s", WTERMSIG(status), strsignal(WTERMSIG(status)), line);
    else
        snprintf(why, sizeof why, "ended with exit code %d: %s", WEXITSTATUS(status), line);
    campaign->result->seed_count++;
    keep_broken(campaign->result, seed, "assertion", why);
}

static void take_hang(struct campaign *campaign, struct worker *worker)
{
    char why[SIM_WHY_BYTES];
    char limit[UNITS_TEXT_BYTES];
    snprintf(why, sizeof why, "has not ended after %s of real time",
             units_print_duration(campaign->options->seed_ns_max, limit));
    kill_worker(worker);
    campaign->result->seed_count++;
    keep_broken(campaign->result, worker->seed, "hangs", why);
}

static void hear(struct campaign *campaign, struct worker *worker)
{
    static struct news news;
    const ssize_t bytes = read(worker->news_fd, &news, sizeof news);
    if (bytes == (ssize_t)sizeof news)
        take_news(campaign, worker, &news);
    else if (bytes >= 0 || errno != EINTR)
        take_death(campaign, worker);
}

static bool gives_up(struct campaign *campaign)
{
    const uint64_t timeout_ns = campaign->options->timeout_ns;
    char limit[UNITS_TEXT_BYTES];
    if (now_ns() - campaign->begin_ns < timeout_ns)
        return false;
    campaign->has_given_up = true;
    snprintf(campaign->why, SIM_WHY_BYTES, "not done after %s: given up", units_print_duration(timeout_ns, limit));
    return true;
}

static void take_signals(struct campaign *campaign, sigset_t *before)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, before);
    campaign->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static bool is_interrupted(struct campaign *campaign)
{
    struct signalfd_siginfo signal;
    if (campaign->signal_fd < 0 || read(campaign->signal_fd, &signal, sizeof signal) != (ssize_t)sizeof signal)
        return false;
    campaign->has_given_up = true;
    snprintf(campaign->why, SIM_WHY_BYTES, "interrupted");
    return true;
}

static void show_progress(struct campaign *campaign)
{
    const uint64_t now = now_ns();
    if (!campaign->options->shows_progress || now - campaign->shown_ns < 500000000)
        return;
    campaign->shown_ns = now;
    char elapsed[UNITS_TEXT_BYTES];
    fprintf(stderr, "\r%" PRIu64 " seeds, %" PRIu64 " events, %" PRIu64 " broken, %s ", campaign->result->seed_count,
            campaign->result->event_count, campaign->result->broken_count,
            units_print_duration((now - campaign->begin_ns) / 1000000000 * 1000000000, elapsed));
}

/* ---------------------------------------------------------------- the campaign */

/* Wait for news of any worker, and give it another seed. False when nobody is busy any more, or on an error. */
static bool turn(struct campaign *campaign)
{
    struct pollfd fds[CAMPAIGN_JOBS_MAX + 1];
    unsigned busy[CAMPAIGN_JOBS_MAX];
    unsigned busy_count = 0;
    for (unsigned i = 0; i < campaign->options->jobs; i++) {
        if (!campaign->workers[i].is_busy)
            continue;
        fds[busy_count] = (struct pollfd){.fd = campaign->workers[i].news_fd, .events = POLLIN};
        busy[busy_count++] = i;
    }
    if (busy_count == 0)
        return false;
    fds[busy_count] = (struct pollfd){.fd = campaign->signal_fd, .events = POLLIN};
    if (poll(fds, busy_count + 1, 500) < 0 && errno != EINTR) {
        snprintf(campaign->why, SIM_WHY_BYTES, "waiting for the workers: %s", strerror(errno));
        return false;
    }
    for (unsigned i = 0; i < busy_count; i++) {
        struct worker *worker = &campaign->workers[busy[i]];
        if (fds[i].revents != 0)
            hear(campaign, worker);
        else if (now_ns() - worker->seed_begin_ns >= campaign->options->seed_ns_max)
            take_hang(campaign, worker);
        if (!worker->is_busy && !give_order(campaign, worker))
            return false;
    }
    show_progress(campaign);
    return write_state(campaign) && !gives_up(campaign) && !is_interrupted(campaign);
}

enum areg_error campaign_run(const struct campaign_options *options, struct campaign_result *result,
                             char why[SIM_WHY_BYTES])
{
    struct campaign campaign = {.options = options, .result = result, .next_seed = options->first_seed, .why = why};
    *result = (struct campaign_result){0};
    why[0] = 0;
    campaign.begin_ns = campaign.shown_ns = now_ns();
    if (!read_state(&campaign))
        return AREG_EIO;
    campaign.first_seed = campaign.next_seed;
    signal(SIGPIPE, SIG_IGN); /* to a worker that has just ended */
    sigset_t signals;
    take_signals(&campaign, &signals);
    bool goes_on = true;
    for (unsigned i = 0; goes_on && i < options->jobs; i++)
        goes_on = give_order(&campaign, &campaign.workers[i]);
    while (goes_on && turn(&campaign)) {
    }
    for (unsigned i = 0; i < options->jobs; i++) {
        if (campaign.workers[i].is_busy)
            kill_worker(&campaign.workers[i]);
        else if (campaign.workers[i].pid)
            stop_worker(&campaign.workers[i]);
    }
    close(campaign.signal_fd);
    sigprocmask(SIG_SETMASK, &signals, NULL);
    if (options->shows_progress)
        fprintf(stderr, "\r%60s\r", "");
    result->wall_ns = now_ns() - campaign.begin_ns;
    if (campaign.has_given_up)
        return AREG_ECANCELED;
    return why[0] ? AREG_EIO : AREG_OK;
}
