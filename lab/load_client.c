#include "lab/load_client.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "sim/history.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>

/* How often a client that waits looks whether it is to stop. */
enum { STOP_POLL_MS = 50 };

uint64_t load_now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

enum areg_error load_client_init(struct load_client *client, struct load_shared *shared, unsigned index,
                                 char why[LOAD_WHY_BYTES])
{
    *client = (struct load_client){.shared = shared, .index = index};
    CHECK(pthread_mutex_init(&client->window_lock, NULL) == 0);
    const unsigned depth = shared->options.depth;
    client->slots = calloc(depth, sizeof *client->slots);
    client->free_slots = calloc(depth, sizeof *client->free_slots);
    client->requests = calloc(depth, sizeof *client->requests);
    snprintf(why, LOAD_WHY_BYTES, "out of memory");
    if (!client->slots || !client->free_slots || !client->requests)
        return AREG_ENOMEM;
    for (unsigned i = 0; i < depth; i++) {
        client->slots[i].client = client;
        client->slots[i].index = i;
        client->free_slots[client->free_count++] = i;
    }
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        snprintf(why, LOAD_WHY_BYTES, "the kernel gives no random bits");
        return AREG_EIO;
    }
    client->random.state = seed;
    client->next_stamp = random_next(&client->random);
    const struct load_options *load = &shared->options;
    const bool is_mixed = index >= load->reader_count + load->writer_count;
    client->read_percent = is_mixed ? load->read_percent : index < load->reader_count ? 100 : 0;
    const struct areg_options options = {
        .timeout_ms = shared->options.timeout_ms,
        .inflight_max = depth,
        .detail = why,
        .detail_bytes = LOAD_WHY_BYTES,
    };
    return areg_open(&client->handle, shared->options.where, &options);
}

void load_client_fini(struct load_client *client)
{
    areg_close(client->handle);
    pthread_mutex_destroy(&client->window_lock);
    free(client->slots);
    free(client->free_slots);
    free(client->requests);
}

/* ---------------------------------------------------------------- completions */

static uint64_t hash_value(const struct areg_value *value)
{
    struct areg_piece pieces[AREG_PIECES_MAX];
    struct slice slices[AREG_PIECES_MAX];
    const size_t piece_count = areg_value_pieces(value, pieces);
    for (size_t i = 0; i < piece_count; i++)
        slices[i] = slice_borrow(pieces[i].data, pieces[i].piece_bytes);
    return checksum_value_pieces(slices, (unsigned)piece_count);
}

static enum history_status status_of(enum areg_error error)
{
    if (error == AREG_OK || error == AREG_ENOTFOUND)
        return HISTORY_OK;
    return error == AREG_EMAYBE ? HISTORY_INFO : HISTORY_FAIL;
}

/* The line of a completed operation. In it, it ends when its line is written: so lines stand in the order of their
 * ends. The judges allow it that much longer. */
static void record(const struct load_slot *slot, const struct areg_result *result)
{
    struct load_shared *shared = slot->client->shared;
    const enum history_status status = status_of(result->error);
    struct history_op op = {
        .client = shared->options.first_client + slot->client->index * shared->options.depth + slot->index,
        .kind = slot->op == AREG_GET ? HISTORY_READ : HISTORY_WRITE,
        .status = status,
        .has_value = slot->op == AREG_PUT || result->value,
        .value_hash = result->value ? hash_value(result->value) : slot->value_hash,
        /* What has failed has no version of its own; what is unknown may not have come so far. */
        .has_version = status == HISTORY_OK || (status == HISTORY_INFO && result->tag.z > 0),
        .version = {.z = result->tag.z, .w = result->tag.writer},
        .start_ns = slot->start_ns,
    };
    pthread_mutex_lock(&shared->history_lock);
    op.end_ns = status == HISTORY_INFO ? UINT64_MAX : load_now_ns();
    history_print(shared->options.history, &op, slot->key, strlen(slot->key));
    pthread_mutex_unlock(&shared->history_lock);
}

static void note_filled(struct load_client *client, const struct areg_result *result)
{
    if (result->error == AREG_OK || client->fill_error)
        return;
    client->fill_error = result->error;
    snprintf(client->fill_detail, sizeof client->fill_detail, "%s%s%s", areg_strerror(result->error),
             result->detail[0] ? "; " : "", result->detail);
}

/* What one request has moved, be it an operation or a part of one. */
static void count_request(struct load_client *client, const struct load_slot *slot, const struct areg_result *result)
{
    pthread_mutex_lock(&client->window_lock);
    struct load_window *window = &client->window;
    if (slot->op == AREG_PUT)
        window->bytes_written += slot->value_bytes;
    else if (result->error == AREG_OK)
        window->bytes_read += result->value_bytes;
    if (result->configuration > window->configuration)
        window->configuration = result->configuration;
    pthread_mutex_unlock(&client->window_lock);
}

/* An operation is over, and its slot free. */
static void end_operation(struct load_slot *slot, enum areg_error error, uint64_t end_ns)
{
    struct load_client *client = slot->client;
    pthread_mutex_lock(&client->window_lock);
    struct load_tally *tally = &client->window.kinds[slot->kind];
    histogram_add(&tally->latency_ns, end_ns - slot->due_ns);
    tally->errors[error]++;
    pthread_mutex_unlock(&client->window_lock);
    if (client->free_count == 0)
        client->free_since_ns = end_ns;
    client->free_slots[client->free_count++] = slot->index;
}

static enum areg_error begin_covering_write(struct load_slot *slot, const struct areg_tag *base);

static void complete(const struct areg_result *result, void *arg)
{
    struct load_slot *slot = arg;
    struct load_client *client = slot->client;
    CHECK(result->error <= AREG_EMAYBE);
    /* What recording takes is not the cluster's. */
    const uint64_t end_ns = load_now_ns();
    if (client->shared->options.history)
        record(slot, result);
    areg_value_free(result->value);
    if (client->is_filling) {
        note_filled(client, result);
        client->free_slots[client->free_count++] = slot->index;
        return;
    }
    count_request(client, slot, result);
    enum areg_error error = result->error;
    const bool is_half_done = slot->kind == LOAD_UPDATE && slot->op == AREG_GET;
    if (is_half_done && (error == AREG_OK || error == AREG_ENOTFOUND)) {
        error = begin_covering_write(slot, &result->tag);
        if (error == AREG_OK)
            return;
    }
    end_operation(slot, error, end_ns);
}

/* ---------------------------------------------------------------- operations */

/* Each order of magnitude as likely as the others. */
static size_t choose_value_bytes(struct load_client *client)
{
    const size_t min = client->shared->options.value_bytes_min;
    const size_t max = client->shared->options.value_bytes_max;
    if (min == max)
        return min;
    enum { FRACTION_BITS = 53 };
    const double fraction =
        (double)(random_next(&client->random) >> (64 - FRACTION_BITS)) / (double)(UINT64_C(1) << FRACTION_BITS);
    const size_t value_bytes = (size_t)((double)min * pow((double)(max + 1) / (double)min, fraction));
    return value_bytes < min ? min : value_bytes > max ? max : value_bytes;
}

/* A value like no other: the noise, with every word changed by a stamp that is used once. */
static struct areg_value *make_value(struct load_client *client, size_t value_bytes)
{
    struct areg_value *value = areg_value_create(value_bytes);
    if (!value)
        return NULL;
    uint8_t *at = areg_value_data_mutable(value);
    const uint64_t *noise = client->shared->noise;
    const uint64_t stamp = client->next_stamp++;
    uint64_t words[NOISE_WORD_COUNT];
    const size_t word_count = (value_bytes + sizeof words[0] - 1) / sizeof words[0];
    for (size_t i = 0; i < NOISE_WORD_COUNT && i < word_count; i++)
        words[i] = noise[i] ^ stamp;
    for (size_t done_bytes = 0; done_bytes < value_bytes; done_bytes += sizeof words) {
        const size_t left_bytes = value_bytes - done_bytes;
        memcpy(at + done_bytes, words, left_bytes < sizeof words ? left_bytes : sizeof words);
    }
    return value;
}

/* The slot's next request: a value is made for a write; false without memory for it. */
static bool prepare_request(struct load_slot *slot, enum areg_op op, struct areg_request *request)
{
    struct load_client *client = slot->client;
    struct areg_value *value = NULL;
    slot->op = op;
    if (op == AREG_PUT) {
        slot->value_bytes = choose_value_bytes(client);
        value = make_value(client, slot->value_bytes);
        if (!value)
            return false;
        slot->value_hash = client->shared->options.history ? hash_value(value) : 0;
    }
    *request = (struct areg_request){
        .op = op,
        .key = slot->key,
        .key_bytes = strlen(slot->key),
        .value = value,
        .done = complete,
        .arg = slot,
    };
    return true;
}

/* The second half of an update, which is lost if anybody has written since the first one. */
static enum areg_error begin_covering_write(struct load_slot *slot, const struct areg_tag *base)
{
    struct areg_request request;
    if (!prepare_request(slot, AREG_PUT, &request))
        return AREG_ENOMEM;
    request.base = base;
    slot->start_ns = load_now_ns();
    const enum areg_error error = areg_submit(slot->client->handle, &request, 1, NULL);
    areg_value_free(request.value);
    return error;
}

/* Prepare an operation on a key in a free slot, as the batch's next request; false without memory. `due_ns` is 0 if it
 * is due when it begins. */
static bool prepare(struct load_client *client, unsigned batch_index, enum load_kind kind, uint64_t key_index,
                    uint64_t due_ns)
{
    CHECK(client->free_count > 0 && batch_index < client->shared->options.depth);
    struct load_slot *slot = &client->slots[client->free_slots[client->free_count - 1]];
    slot->kind = kind;
    slot->due_ns = due_ns;
    snprintf(slot->key, sizeof slot->key, "%sk%" PRIu64, client->shared->options.prefix, key_index);
    if (!prepare_request(slot, kind == LOAD_WRITE ? AREG_PUT : AREG_GET, &client->requests[batch_index]))
        return false;
    client->free_count--;
    return true;
}

/* An operation begins: in a closed loop, where it is due now; or in an open one, where it may be late. What it had to
 * wait for because all slots were taken is the cluster's fault, the rest is ours. */
static void begin_operation(struct load_client *client, struct load_slot *slot, uint64_t now_ns)
{
    slot->start_ns = now_ns;
    if (slot->due_ns == 0) {
        slot->due_ns = now_ns;
        return;
    }
    const uint64_t possible_ns = slot->due_ns > client->free_since_ns ? slot->due_ns : client->free_since_ns;
    histogram_add(&client->window.lateness_ns, now_ns - possible_ns);
}

/* Submit a batch. What can not be submitted completes at once, with the error. */
static void submit(struct load_client *client, unsigned batch_count)
{
    if (batch_count == 0)
        return;
    const uint64_t now_ns = load_now_ns();
    pthread_mutex_lock(&client->window_lock);
    for (unsigned i = 0; i < batch_count; i++)
        begin_operation(client, client->requests[i].arg, now_ns);
    pthread_mutex_unlock(&client->window_lock);
    const enum areg_error error = areg_submit(client->handle, client->requests, batch_count, NULL);
    for (unsigned i = 0; i < batch_count; i++) {
        areg_value_free(client->requests[i].value);
        if (error)
            complete(&(struct areg_result){.error = error, .detail = areg_detail(client->handle)},
                     client->requests[i].arg);
    }
}

void load_client_fill(struct load_client *client)
{
    const struct load_options *options = &client->shared->options;
    client->is_filling = true;
    uint64_t key_index = client->index;
    bool goes_on = true;
    while (goes_on || client->free_count < options->depth) {
        unsigned batch_count = 0;
        goes_on =
            key_index < options->keys.key_count && !client->fill_error && !atomic_load(&client->shared->is_stopped);
        while (goes_on && client->free_count > 0 && key_index < options->keys.key_count) {
            if (!prepare(client, batch_count, LOAD_WRITE, key_index, 0)) {
                client->fill_error = AREG_ENOMEM;
                snprintf(client->fill_detail, sizeof client->fill_detail, "out of memory");
                goes_on = false;
                break;
            }
            batch_count++;
            key_index += load_client_count(options);
        }
        submit(client, batch_count);
        if (client->free_count < options->depth)
            areg_run(client->handle, STOP_POLL_MS);
    }
    client->is_filling = false;
}

/* Take one of the operations that there may be in all; false if none is left. */
static bool take_turn(struct load_shared *shared)
{
    uint64_t left = atomic_load(&shared->ops_left);
    while (left > 0)
        if (left == UINT64_MAX || atomic_compare_exchange_weak(&shared->ops_left, &left, left - 1))
            return true;
    return false;
}

static enum load_kind choose_kind(struct load_client *client)
{
    if (random_below(&client->random, 100) < client->read_percent)
        return LOAD_READ;
    return client->shared->options.is_updating ? LOAD_UPDATE : LOAD_WRITE;
}

/* Under KEY_LATEST, the key that was written longest ago is the next one to be written. */
static uint64_t choose_key(struct load_client *client, enum load_kind kind)
{
    struct load_shared *shared = client->shared;
    const struct key_choice *keys = &shared->options.keys;
    if (keys->kind != KEY_LATEST)
        return key_choice_next(keys, atomic_fetch_add(&shared->turn, 1), &client->random);
    if (kind == LOAD_READ)
        return key_choice_next(keys, atomic_load(&shared->write_turn), &client->random);
    return atomic_fetch_add(&shared->write_turn, 1) % keys->key_count;
}

/* Wait for something to happen, or until it is time for the next operation. */
static void wait_and_run(struct load_client *client, uint64_t next_due_ns)
{
    const uint64_t now_ns = load_now_ns();
    if (next_due_ns == UINT64_MAX || client->free_count == 0) {
        areg_run(client->handle, STOP_POLL_MS);
        return;
    }
    /* areg_run() counts in milliseconds; arrivals at a rate need better. */
    uint64_t wait_ns = next_due_ns > now_ns ? next_due_ns - now_ns : 0;
    if (wait_ns > STOP_POLL_MS * UINT64_C(1000000))
        wait_ns = STOP_POLL_MS * UINT64_C(1000000);
    const struct timespec wait = {.tv_nsec = (long)wait_ns};
    struct pollfd poll_fd = {.fd = areg_fd(client->handle), .events = POLLIN};
    if (wait_ns > 0)
        ppoll(&poll_fd, 1, &wait, NULL);
    areg_run(client->handle, AREG_NO_WAIT);
}

/*
 * What was due before the end of an open loop and could not begin, because all slots were taken, has failed, after at
 * least the time until then. Left out, a cluster that stalls at the end would look better than one that does not.
 */
static void count_missed(struct load_client *client, uint64_t due_ns, uint64_t interval_ns, uint64_t end_ns)
{
    pthread_mutex_lock(&client->window_lock);
    for (; due_ns < end_ns && take_turn(client->shared); due_ns += interval_ns) {
        struct load_tally *tally = &client->window.kinds[choose_kind(client)];
        histogram_add(&tally->latency_ns, end_ns - due_ns);
        tally->errors[AREG_EBUSY]++;
    }
    pthread_mutex_unlock(&client->window_lock);
}

static void run(struct load_client *client)
{
    struct load_shared *shared = client->shared;
    const struct load_options *options = &shared->options;
    const bool is_open = options->rate_hz > 0;
    const unsigned client_count = load_client_count(options);
    const uint64_t interval_ns = is_open ? client_count * UINT64_C(1000000000) / options->rate_hz : 0;
    /* Clients of an open loop begin one after the other, not all at once. */
    const uint64_t begin_ns = atomic_load(&shared->begin_ns);
    uint64_t due_ns = is_open ? begin_ns + interval_ns * client->index / client_count : UINT64_MAX;
    const uint64_t end_ns = atomic_load(&shared->end_ns);
    uint64_t now_ns;
    bool goes_on;
    do {
        now_ns = load_now_ns();
        goes_on = now_ns < end_ns && !atomic_load(&shared->is_stopped) && atomic_load(&shared->ops_left) > 0;
        unsigned batch_count = 0;
        /* What was due before the end begins, though we may have woken up a moment after it. */
        while (client->free_count > 0 && (is_open ? due_ns <= now_ns && due_ns < end_ns : goes_on) &&
               take_turn(shared)) {
            const enum load_kind kind = choose_kind(client);
            if (!prepare(client, batch_count, kind, choose_key(client, kind), is_open ? due_ns : 0))
                break;
            batch_count++;
            due_ns += is_open ? interval_ns : 0;
        }
        submit(client, batch_count);
        if (goes_on)
            wait_and_run(client, due_ns);
    } while (goes_on);
    if (is_open)
        count_missed(client, due_ns, interval_ns, now_ns < end_ns ? now_ns : end_ns);
    while (client->free_count < options->depth)
        areg_run(client->handle, STOP_POLL_MS);
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used) == 0);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void load_client_run(struct load_client *client)
{
    prctl(PR_SET_TIMERSLACK, 1UL); /* arrivals at a rate: without it, each waits for 50 us more */
    const uint64_t begin_ns = load_now_ns();
    const uint64_t begin_cpu_ns = thread_cpu_ns();
    run(client);
    client->run_cpu_ns = thread_cpu_ns() - begin_cpu_ns;
    client->run_ns = load_now_ns() - begin_ns;
}
