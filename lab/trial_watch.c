#include "lab/trial_watch.h"

#include "core/check.h"

#include <areg.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MS UINT64_C(1000000)

enum {
    WINDOW_AIM = 200, /* a trial of known length is seen in at most so many windows */
    LOOK_WAIT_MS = 300,
    LOOK_PAUSE_MS = 100,
};

struct trial_watch {
    struct areg_client *handle;
    struct load *load;
    struct measurement *result;
    struct load_window window; /* the last one */
    struct trial_store store;
    uint64_t begin_ns;
    uint64_t configuration;
    _Atomic bool is_over;
    unsigned thread_count;
    pthread_t threads[2];
};

/* ---------------------------------------------------------------- windows */

/* 1, 2 or 5 of some unit from 50 ms on, so that there are not too many. */
static uint64_t choose_window_ns(uint64_t duration_ns)
{
    static const unsigned steps[] = {5, 10, 20};
    if (duration_ns == UINT64_MAX)
        return 100 * MS;
    for (uint64_t unit_ns = 10 * MS;; unit_ns *= 10)
        for (unsigned i = 0; i < 3; i++)
            if (steps[i] * unit_ns * WINDOW_AIM >= duration_ns)
                return steps[i] * unit_ns;
}

static void take_window(struct trial_watch *watch)
{
    struct measurement *result = watch->result;
    struct load_window *window = &watch->window;
    load_take_window(watch->load, window);
    if (result->window_count < TRIAL_WINDOW_MAX)
        result->window_count++;
    struct trial_window *to = &result->windows[result->window_count - 1];
    if (window->configuration > watch->configuration)
        watch->configuration = window->configuration;
    for (enum load_kind kind = LOAD_READ; kind <= LOAD_WRITE; kind++) {
        const struct load_tally *tally = &window->kinds[kind];
        const uint64_t ok_count = tally->errors[AREG_OK] + tally->errors[AREG_ENOTFOUND];
        histogram_merge(&result->kinds[kind].latency_ns, &tally->latency_ns);
        for (unsigned error = 0; error <= AREG_EMAYBE; error++)
            result->kinds[kind].errors[error] += tally->errors[error];
        to->op_counts[kind] += tally->latency_ns.count;
        to->failed_counts[kind] += tally->latency_ns.count - ok_count;
        to->p50_ns[kind] = histogram_quantile(&tally->latency_ns, 50000);
        to->p99_ns[kind] = histogram_quantile(&tally->latency_ns, 99000);
    }
}

static void sleep_until(uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

static void *take_windows(void *arg)
{
    struct trial_watch *watch = arg;
    for (uint64_t count = 1; !atomic_load(&watch->is_over); count++) {
        const uint64_t until_ns = watch->begin_ns + count * watch->result->window_ns;
        for (uint64_t now_ns; (now_ns = load_now_ns()) < until_ns && !atomic_load(&watch->is_over);)
            sleep_until(until_ns - now_ns < LOOK_PAUSE_MS * MS ? until_ns : now_ns + LOOK_PAUSE_MS * MS);
        if (!atomic_load(&watch->is_over))
            take_window(watch);
    }
    return NULL;
}

/* ---------------------------------------------------------------- storage */

static void add_host(const struct areg_host_status *host, void *arg)
{
    static const char name[] = "\"fragment_bytes\":";
    struct trial_store *store = arg;
    const char *at = strstr(host->status, name);
    if (!at)
        return;
    store->bytes += strtoull(at + strlen(name), NULL, 10);
    store->answer_count++;
}

struct trial_store trial_watch_look(struct trial_watch *watch, uint32_t wait_ms)
{
    struct trial_store now = {.bytes_max = watch->store.bytes_max};
    const struct areg_op_options options = {.timeout_ms = wait_ms};
    if (areg_ping(watch->handle, &options, add_host, &now) != AREG_OK)
        now.answer_count = 0;
    if (now.bytes > now.bytes_max)
        now.bytes_max = now.bytes;
    watch->store = now;
    return now;
}

static void *look_at_stores(void *arg)
{
    struct trial_watch *watch = arg;
    while (!atomic_load(&watch->is_over)) {
        trial_watch_look(watch, LOOK_WAIT_MS);
        sleep_until(load_now_ns() + LOOK_PAUSE_MS * MS);
    }
    return NULL;
}

/* ---------------------------------------------------------------- all of it */

enum areg_error trial_watch_create(struct trial_watch **created, const char *seeds, char why[TRIAL_WHY_BYTES])
{
    struct trial_watch *watch = calloc(1, sizeof *watch);
    *created = watch;
    if (!watch)
        return AREG_ENOMEM;
    const struct areg_options options = {.detail = why, .detail_bytes = TRIAL_WHY_BYTES};
    return areg_open(&watch->handle, seeds, &options);
}

enum areg_error trial_watch_begin(struct trial_watch *watch, struct load *load, uint64_t duration_ns,
                                  struct measurement *result)
{
    static void *(*const runs[])(void *) = {take_windows, look_at_stores};
    watch->load = load;
    watch->result = result;
    watch->begin_ns = load_now_ns();
    result->window_ns = choose_window_ns(duration_ns);
    result->windows = calloc(TRIAL_WINDOW_MAX, sizeof *result->windows);
    if (!result->windows)
        return AREG_ENOMEM;
    while (watch->thread_count < 2) {
        if (pthread_create(&watch->threads[watch->thread_count], NULL, runs[watch->thread_count], watch) != 0)
            return AREG_ENOMEM;
        watch->thread_count++;
    }
    return AREG_OK;
}

static void join(struct trial_watch *watch)
{
    atomic_store(&watch->is_over, true);
    while (watch->thread_count > 0)
        pthread_join(watch->threads[--watch->thread_count], NULL);
}

void trial_watch_end(struct trial_watch *watch)
{
    CHECK(watch->load != NULL);
    join(watch);
    take_window(watch);
}

uint64_t trial_watch_configuration(const struct trial_watch *watch)
{
    return watch->configuration;
}

void trial_watch_destroy(struct trial_watch *watch)
{
    if (!watch)
        return;
    join(watch);
    areg_close(watch->handle);
    free(watch);
}
