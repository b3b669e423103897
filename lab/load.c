#include "lab/load_client.h"

#include "core/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the clients' threads are to do; it only ever goes forward. */
enum load_stage {
    STAGE_FILL,  /* fill, then wait */
    STAGE_RUN,   /* run, then end */
    STAGE_LEAVE, /* end without running */
};

struct load {
    struct load_shared shared;
    struct load_client *clients;
    pthread_t *threads;
    unsigned client_count; /* initialised */
    unsigned thread_count; /* started */
    pthread_mutex_t stage_lock;
    pthread_cond_t stage_changed;
    enum load_stage stage;
    unsigned filled_count;
    unsigned ended_count;
    int stage_over_fd;
};

/* A client's number, for its thread. */
struct load_thread_arg {
    struct load *load;
    unsigned index;
};

const char *load_kind_name(enum load_kind kind)
{
    static const char *const names[] = {[LOAD_READ] = "read", [LOAD_WRITE] = "write", [LOAD_UPDATE] = "update"};
    CHECK(kind < LOAD_KIND_COUNT);
    return names[kind];
}

unsigned load_client_count(const struct load_options *options)
{
    return options->reader_count + options->writer_count + options->mixed_count;
}

static void tell_stage_is_over(struct load *load)
{
    const uint64_t one = 1;
    CHECK(write(load->stage_over_fd, &one, sizeof one) == sizeof one);
}

static void *run_thread(void *arg)
{
    const struct load_thread_arg self = *(struct load_thread_arg *)arg;
    free(arg);
    struct load *load = self.load;
    struct load_client *client = &load->clients[self.index];
    if (load->shared.options.fills_first)
        load_client_fill(client);
    pthread_mutex_lock(&load->stage_lock);
    if (++load->filled_count == load_client_count(&load->shared.options))
        tell_stage_is_over(load);
    while (load->stage == STAGE_FILL)
        pthread_cond_wait(&load->stage_changed, &load->stage_lock);
    const bool runs = load->stage == STAGE_RUN;
    pthread_mutex_unlock(&load->stage_lock);
    if (runs)
        load_client_run(client);
    pthread_mutex_lock(&load->stage_lock);
    if (++load->ended_count == load_client_count(&load->shared.options))
        tell_stage_is_over(load);
    pthread_mutex_unlock(&load->stage_lock);
    return NULL;
}

static enum areg_error start_threads(struct load *load, char why[LOAD_WHY_BYTES])
{
    for (unsigned i = 0; i < load->client_count; i++) {
        struct load_thread_arg *arg = malloc(sizeof *arg);
        if (arg)
            *arg = (struct load_thread_arg){.load = load, .index = i};
        if (!arg || pthread_create(&load->threads[i], NULL, run_thread, arg) != 0) {
            free(arg);
            snprintf(why, LOAD_WHY_BYTES, "cannot start thread %u of %u", i + 1, load->client_count);
            return AREG_ENOMEM;
        }
        load->thread_count++;
    }
    return AREG_OK;
}

/* All that the clients have done in the stages that are over happened before this returns. */
static void join_stage(struct load *load)
{
    pthread_mutex_lock(&load->stage_lock);
    CHECK(load->filled_count == load->client_count);
    CHECK(load->stage == STAGE_FILL || load->ended_count == load->client_count);
    pthread_mutex_unlock(&load->stage_lock);
}

enum areg_error load_fill_outcome(struct load *load, char why[LOAD_WHY_BYTES])
{
    join_stage(load);
    for (unsigned i = 0; i < load->client_count; i++) {
        const struct load_client *client = &load->clients[i];
        if (!client->fill_error)
            continue;
        snprintf(why, LOAD_WHY_BYTES, "not every key could be written first: %.400s", client->fill_detail);
        return client->fill_error;
    }
    return AREG_OK;
}

static enum areg_error init_clients(struct load *load, char why[LOAD_WHY_BYTES])
{
    const unsigned client_count = load_client_count(&load->shared.options);
    load->clients = calloc(client_count, sizeof *load->clients);
    load->threads = calloc(client_count, sizeof *load->threads);
    load->stage_over_fd = eventfd(0, EFD_CLOEXEC);
    snprintf(why, LOAD_WHY_BYTES, "out of memory");
    if (!load->clients || !load->threads)
        return AREG_ENOMEM;
    if (load->stage_over_fd < 0)
        return AREG_EIO;
    for (unsigned i = 0; i < client_count; i++) {
        const enum areg_error error = load_client_init(&load->clients[i], &load->shared, i, why);
        load->client_count++;
        if (error)
            return error;
    }
    return AREG_OK;
}

enum areg_error load_create(struct load **created, const struct load_options *options, char why[LOAD_WHY_BYTES])
{
    CHECK(load_client_count(options) >= 1 && load_client_count(options) <= LOAD_CLIENT_COUNT_MAX);
    CHECK(options->value_bytes_min <= options->value_bytes_max && options->value_bytes_max <= AREG_VALUE_BYTES_MAX);
    CHECK(options->depth >= 1 && options->depth <= LOAD_DEPTH_MAX);
    CHECK(strlen(options->prefix) <= LOAD_PREFIX_BYTES_MAX);
    *created = NULL;
    struct load *load = calloc(1, sizeof *load);
    if (!load) {
        snprintf(why, LOAD_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    load->stage_over_fd = -1;
    load->shared.options = *options;
    atomic_init(&load->shared.is_stopped, false);
    atomic_init(&load->shared.ops_left, options->op_count_max);
    atomic_init(&load->shared.turn, 0);
    /* As if all had been written, the last one last. */
    atomic_init(&load->shared.write_turn, options->keys.key_count);
    atomic_init(&load->shared.begin_ns, 0);
    atomic_init(&load->shared.end_ns, UINT64_MAX);
    struct random_source noise = {0};
    for (unsigned i = 0; i < NOISE_WORD_COUNT; i++)
        load->shared.noise[i] = random_next(&noise);
    CHECK(pthread_mutex_init(&load->shared.history_lock, NULL) == 0);
    CHECK(pthread_mutex_init(&load->stage_lock, NULL) == 0);
    CHECK(pthread_cond_init(&load->stage_changed, NULL) == 0);
    enum areg_error error = init_clients(load, why);
    if (!error)
        error = start_threads(load, why);
    if (error)
        load_destroy(load);
    else
        *created = load;
    return error;
}

static void set_stage(struct load *load, enum load_stage stage)
{
    pthread_mutex_lock(&load->stage_lock);
    CHECK(stage >= load->stage);
    load->stage = stage;
    pthread_cond_broadcast(&load->stage_changed);
    pthread_mutex_unlock(&load->stage_lock);
}

void load_begin(struct load *load)
{
    uint64_t told;
    CHECK(read(load->stage_over_fd, &told, sizeof told) == sizeof told);
    const uint64_t duration_ns = load->shared.options.duration_ns;
    const uint64_t begin_ns = load_now_ns();
    atomic_store(&load->shared.begin_ns, begin_ns);
    if (duration_ns != UINT64_MAX)
        atomic_store(&load->shared.end_ns, begin_ns + duration_ns);
    set_stage(load, STAGE_RUN);
}

void load_stop(struct load *load)
{
    atomic_store(&load->shared.is_stopped, true);
}

int load_fd(const struct load *load)
{
    return load->stage_over_fd;
}

void load_window_add(struct load_window *total, const struct load_window *window)
{
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        histogram_merge(&total->kinds[kind].latency_ns, &window->kinds[kind].latency_ns);
        for (unsigned error = 0; error <= AREG_EMAYBE; error++)
            total->kinds[kind].errors[error] += window->kinds[kind].errors[error];
    }
    total->bytes_read += window->bytes_read;
    total->bytes_written += window->bytes_written;
    if (window->configuration > total->configuration)
        total->configuration = window->configuration;
    histogram_merge(&total->lateness_ns, &window->lateness_ns);
}

void load_take_window(struct load *load, struct load_window *window)
{
    memset(window, 0, sizeof *window);
    for (unsigned i = 0; i < load->client_count; i++) {
        struct load_client *client = &load->clients[i];
        pthread_mutex_lock(&client->window_lock);
        load_window_add(window, &client->window);
        memset(&client->window, 0, sizeof client->window);
        pthread_mutex_unlock(&client->window_lock);
    }
}

void load_sum_counters_of(struct load *load, unsigned first, unsigned client_count, struct load_counters *counters)
{
    CHECK(first + client_count <= load->client_count);
    join_stage(load);
    memset(counters, 0, sizeof *counters);
    for (unsigned i = first; i < first + client_count; i++)
        for (unsigned counter = 0; counter < AREG_COUNT_END; counter++)
            counters->values[counter] += areg_counter(load->clients[i].handle, (enum areg_counter)counter);
}

void load_sum_counters(struct load *load, struct load_counters *counters)
{
    load_sum_counters_of(load, 0, load->client_count, counters);
}

void load_sum_effort(struct load *load, struct load_effort *effort)
{
    join_stage(load);
    *effort = (struct load_effort){0};
    for (unsigned i = 0; i < load->client_count; i++) {
        const struct load_client *client = &load->clients[i];
        const double busy = client->run_ns > 0 ? (double)client->run_cpu_ns / (double)client->run_ns : 0;
        effort->cpu_ns += client->run_cpu_ns;
        effort->busy_mean += busy / load->client_count;
        if (busy > effort->busy_max)
            effort->busy_max = busy;
    }
}

void load_destroy(struct load *load)
{
    if (!load)
        return;
    load_stop(load);
    if (load->stage == STAGE_FILL)
        set_stage(load, STAGE_LEAVE);
    for (unsigned i = 0; i < load->thread_count; i++)
        pthread_join(load->threads[i], NULL);
    for (unsigned i = 0; i < load->client_count; i++)
        load_client_fini(&load->clients[i]);
    if (load->stage_over_fd >= 0)
        close(load->stage_over_fd);
    pthread_mutex_destroy(&load->shared.history_lock);
    pthread_mutex_destroy(&load->stage_lock);
    pthread_cond_destroy(&load->stage_changed);
    free(load->clients);
    free(load->threads);
    free(load);
}
