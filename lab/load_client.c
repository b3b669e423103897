#include "lab/load_client.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "sim/history.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
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

/* The line of a completed operation; returns when it ended, which is when its line was written: so lines stand in the
 * order of their ends. */
static uint64_t record(const struct load_slot *slot, const struct areg_result *result)
{
    struct load_shared *shared = slot->client->shared;
    const enum history_status status = status_of(result->error);
    struct history_op op = {
        .client = shared->options.first_client + slot->client->index * shared->options.depth + slot->index,
        .kind = slot->kind == LOAD_READ ? HISTORY_READ : HISTORY_WRITE,
        .status = status,
        .has_value = slot->kind == LOAD_WRITE || result->value,
        .value_hash = slot->kind == LOAD_READ && result->value ? hash_value(result->value) : slot->value_hash,
        /* What has failed has no version of its own; what is unknown may not have come so far. */
        .has_version = status == HISTORY_OK || (status == HISTORY_INFO && result->tag.z > 0),
        .version = {.z = result->tag.z, .w = result->tag.writer},
        .start_ns = slot->start_ns,
    };
    pthread_mutex_lock(&shared->history_lock);
    const uint64_t end_ns = load_now_ns();
    op.end_ns = status == HISTORY_INFO ? UINT64_MAX : end_ns;
    history_print(shared->options.history, &op, slot->key, strlen(slot->key));
    pthread_mutex_unlock(&shared->history_lock);
    return end_ns;
}

static void note_filled(struct load_client *client, const struct areg_result *result)
{
    if (result->error == AREG_OK || client->fill_error)
        return;
    client->fill_error = result->error;
    snprintf(client->fill_detail, sizeof client->fill_detail, "%s%s%s", areg_strerror(result->error),
             result->detail[0] ? "; " : "", result->detail);
}

static void complete(const struct areg_result *result, void *arg)
{
    struct load_slot *slot = arg;
    struct load_client *client = slot->client;
    CHECK(result->error <= AREG_EMAYBE);
    uint64_t end_ns = load_now_ns();
    if (client->shared->options.history)
        end_ns = record(slot, result);
    areg_value_free(result->value);
    if (client->is_filling) {
        note_filled(client, result);
    } else {
        pthread_mutex_lock(&client->window_lock);
        struct load_tally *tally = &client->window.kinds[slot->kind];
        histogram_add(&tally->latency_ns, end_ns - (slot->due_ns ? slot->due_ns : slot->start_ns));
        tally->errors[result->error]++;
        pthread_mutex_unlock(&client->window_lock);
    }
    client->free_slots[client->free_count++] = slot->index;
}

/* ---------------------------------------------------------------- operations */

/* A value like no other: the noise, with every word changed by a stamp that is used once. */
static struct areg_value *make_value(struct load_client *client)
{
    const size_t value_bytes = client->shared->options.value_bytes;
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

/* Prepare an operation on a key in a free slot, as the batch's next request; false without memory. */
static bool prepare(struct load_client *client, unsigned batch_index, enum load_kind kind, uint64_t key_index,
                    uint64_t due_ns)
{
    CHECK(client->free_count > 0 && batch_index < client->shared->options.depth);
    struct areg_value *value = NULL;
    if (kind == LOAD_WRITE && !(value = make_value(client)))
        return false;
    struct load_slot *slot = &client->slots[client->free_slots[--client->free_count]];
    slot->kind = kind;
    slot->due_ns = due_ns;
    slot->value_hash = value && client->shared->options.history ? hash_value(value) : 0;
    snprintf(slot->key, sizeof slot->key, "%sk%" PRIu64, client->shared->options.prefix, key_index);
    client->requests[batch_index] = (struct areg_request){
        .op = kind == LOAD_READ ? AREG_GET : AREG_PUT,
        .key = slot->key,
        .key_bytes = strlen(slot->key),
        .value = value,
        .done = complete,
        .arg = slot,
    };
    return true;
}

/* Submit a batch. What can not be submitted completes at once, with the error. */
static void submit(struct load_client *client, unsigned batch_count)
{
    if (batch_count == 0)
        return;
    const uint64_t now_ns = load_now_ns();
    for (unsigned i = 0; i < batch_count; i++)
        ((struct load_slot *)client->requests[i].arg)->start_ns = now_ns;
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
            key_index += options->client_count;
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
    return random_below(&client->random, 100) < client->shared->options.read_percent ? LOAD_READ : LOAD_WRITE;
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

void load_client_run(struct load_client *client)
{
    struct load_shared *shared = client->shared;
    const struct load_options *options = &shared->options;
    const bool is_open = options->rate_hz > 0;
    const uint64_t interval_ns = is_open ? options->client_count * UINT64_C(1000000000) / options->rate_hz : 0;
    /* Clients of an open loop begin one after the other, not all at once. */
    const uint64_t begin_ns = atomic_load(&shared->begin_ns);
    uint64_t due_ns = is_open ? begin_ns + interval_ns * client->index / options->client_count : UINT64_MAX;
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
            const uint64_t turn = atomic_fetch_add(&shared->turn, 1);
            const uint64_t key_index = key_choice_next(&options->keys, turn, &client->random);
            if (!prepare(client, batch_count, choose_kind(client), key_index, is_open ? due_ns : 0))
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
