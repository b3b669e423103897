#include "client/client.h"

#include "client/engine.h"
#include "codec/checksum.h"
#include "core/check.h"
#include "core/key.h"

#include <stdlib.h>
#include <string.h>

/* An operation's id: a generation above, its slot below; the top bit stays clear, for the driver's own ids. */
enum { SLOT_BITS = 16 };
_Static_assert(INFLIGHT_MAX < 1 << SLOT_BITS, "slots must fit an operation's id");

/* ---------------------------------------------------------------- creation */

struct client *client_create(const struct client_options *options, uint64_t now_ns)
{
    CHECK(options->inflight_max >= 1 && options->inflight_max <= INFLIGHT_MAX);
    CHECK(options->seed_count >= 1 && options->seed_count <= HOST_COUNT_MAX);
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->random.state = options->random_seed;
    client->inflight_max = options->inflight_max;
    client->round_trip_ns = ROUND_TRIP_NS_FIRST;
    client->peers = calloc(2 * HOST_COUNT_MAX, sizeof *client->peers);
    client->operations = calloc(options->inflight_max, sizeof(struct operation *));
    client->free_slots = calloc(options->inflight_max, sizeof *client->free_slots);
    client->timers.heap = calloc(options->inflight_max, sizeof(struct operation *));
    client->confirmations.items = calloc(CONFIRM_PENDING_MAX, sizeof *client->confirmations.items);
    if (!client->peers || !client->operations || !client->free_slots || !client->timers.heap ||
        !client->confirmations.items) {
        client_destroy(client);
        return NULL;
    }
    tag_source_init(&client->tags, random_next(&client->random));
    for (unsigned i = 0; i < options->seed_count; i++)
        client->peers[peer_add(client, options->seeds[i])].hello_ns = now_ns; /* There is room for all seeds. */
    client->seed_count = client->peer_count;
    return client;
}

void client_destroy(struct client *client)
{
    if (!client)
        return;
    for (uint32_t i = 0; i < client->slot_count; i++) {
        ask_destroy(&client->operations[i]->ask); /* First: it looks into a configuration that the operation holds. */
        operation_release(client->operations[i]);
        free(client->operations[i]);
    }
    if (client->confirmations.items)
        confirm_fini(client);
    for (uint32_t i = 0; client->cluster && i < client->cluster->shard_count; i++)
        view_unref(client->bases[i]);
    for (unsigned i = 0; i < client->codec_count; i++)
        codec_destroy(client->codecs[i]);
    free(client->bases);
    free(client->hinted_ns);
    free(client->cluster);
    free(client->confirmations.items);
    free(client->timers.heap);
    free(client->free_slots);
    free(client->operations);
    free(client->peers);
    free(client);
}

/* ---------------------------------------------------------------- slots */

static struct operation *take_slot(struct client *client)
{
    if (client->free_count > 0)
        return client->operations[client->free_slots[--client->free_count]];
    CHECK(client->slot_count < client->inflight_max);
    struct operation *operation = calloc(1, sizeof *operation);
    if (!operation)
        return NULL;
    ask_init(&operation->ask);
    operation->timer_index = TIMER_NONE;
    operation->id = client->slot_count;
    client->operations[client->slot_count++] = operation;
    return operation;
}

static uint32_t slot_of(uint64_t id)
{
    return (uint32_t)(id & ((UINT64_C(1) << SLOT_BITS) - 1));
}

/* It may still stand among the ready: its turn there finds nothing to send, or what the slot's next operation has. */
static void give_slot(struct client *client, struct operation *operation)
{
    operation_release(operation);
    operation->state = OP_FREE;
    client->free_slots[client->free_count++] = slot_of(operation->id);
    client->inflight_count--;
}

static struct operation *find(const struct client *client, uint64_t id)
{
    const uint32_t slot = slot_of(id);
    if (slot >= client->slot_count || client->operations[slot]->id != id || client->operations[slot]->state == OP_FREE)
        return NULL;
    return client->operations[slot];
}

/* ---------------------------------------------------------------- submission */

/* Writes to one key run one after the other: join the chain of the key. */
static void enchain(struct client *client, struct operation *operation)
{
    struct operation **head = &client->chains[key_hash(operation->key) % CHAIN_BUCKET_COUNT];
    struct operation *same = *head;
    while (same && !slice_equal(same->key, operation->key))
        same = same->chain_next;
    operation->behind = NULL;
    operation->is_queued = same != NULL;
    if (same) {
        same->chain_last->behind = operation;
        same->chain_last = operation;
        return;
    }
    operation->chain_last = operation;
    operation->chain_next = *head;
    *head = operation;
}

static enum areg_error judge(const struct client *client, const struct client_op *op)
{
    const bool is_list = op->kind == CLIENT_LIST;
    if (op->source.bytes > 0 && !client->cluster)
        return AREG_EUNAVAIL;
    if (op->kind == CLIENT_RECONFIGURE || op->kind == CLIENT_REGISTER)
        return client->inflight_count < client->inflight_max ? AREG_OK : AREG_EBUSY;
    if (is_list ? op->key.bytes > AREG_KEY_BYTES_MAX : !key_is_valid(op->key))
        return AREG_EINVAL;
    if (is_list &&
        (op->key_count_max < 1 || op->key_count_max > KEY_PAGE_COUNT_MAX || op->after.bytes > AREG_KEY_BYTES_MAX))
        return AREG_EINVAL;
    if (op->value.bytes > AREG_VALUE_BYTES_MAX)
        return AREG_ETOOBIG;
    if (op->kind != CLIENT_PUT && op->value.bytes > 0)
        return AREG_EINVAL;
    return client->inflight_count < client->inflight_max ? AREG_OK : AREG_EBUSY;
}

static void reset_outcome(struct operation *operation, const struct client_op *op)
{
    struct client_done *outcome = &operation->outcome;
    outcome->id = operation->id;
    outcome->context = op->context;
    outcome->kind = op->kind;
    outcome->error = AREG_OK;
    outcome->tag = TAG_ZERO;
    outcome->value_bytes = 0;
    outcome->piece_count = 0;
    outcome->rounds = 0;
    outcome->configuration = 0;
    outcome->wrote_back = false;
    outcome->detail[0] = 0;
    outcome->page = outcome->more_after = outcome->base = outcome->pending = (struct slice){0};
    outcome->has_more = false;
    outcome->moved_count = outcome->moved_bytes = 0;
}

/* What only operations of workers and admins have. */
static enum areg_error begin_special(struct client *client, struct operation *operation, const struct client_op *op,
                                     uint64_t now_ns)
{
    if (op->kind == CLIENT_RECONFIGURE)
        return reconfiguration_create(operation, op, now_ns);
    return op->source.bytes > 0 ? move_start(client, operation, op) : AREG_OK;
}

enum areg_error client_submit(struct client *client, uint64_t now_ns, const struct client_op *op, uint64_t *id)
{
    const enum areg_error error = judge(client, op);
    if (error != AREG_OK)
        return error;
    struct slice key = slice_copy(op->key);
    struct slice after = slice_copy(op->after);
    struct operation *operation = NULL;
    if ((op->key.bytes == 0 || key.owner) && (op->after.bytes == 0 || after.owner))
        operation = take_slot(client);
    if (!operation) {
        slice_unref(&key);
        slice_unref(&after);
        return AREG_ENOMEM;
    }
    client->inflight_count++;
    operation->id = (++client->generation << SLOT_BITS | slot_of(operation->id)) & INT64_MAX;
    operation->state = OP_WAITING;
    operation->kind = op->kind;
    operation->key = key;
    operation->after = after;
    operation->value = op->kind == CLIENT_PUT ? slice_ref(op->value) : (struct slice){0};
    operation->value_digest = op->kind == CLIENT_PUT || op->kind == CLIENT_DEL ? checksum_value(op->value) : 0;
    operation->key_count_max = op->key_count_max;
    operation->shard = op->shard;
    operation->has_base = op->has_base;
    operation->base = op->base;
    operation->deadline_ns = op->deadline_ns;
    operation->context = op->context;
    operation->view = NULL;
    operation->phase = 0;
    operation->is_full = operation->may_have_effect = false;
    operation->is_tombstone = operation->is_stale = false;
    operation->is_queued = false;
    operation->tag_floor = operation->lost_floor = TAG_ZERO;
    operation->moves_value = false;
    operation->worker = op->registration;
    operation->moved_bytes = 0;
    reset_outcome(operation, op);
    *id = operation->id;
    const enum areg_error special_error = begin_special(client, operation, op, now_ns);
    if (special_error != AREG_OK) {
        give_slot(client, operation);
        return special_error;
    }
    if (op->kind == CLIENT_PUT || op->kind == CLIENT_DEL)
        enchain(client, operation);
    operation_start(client, operation, now_ns);
    return AREG_OK;
}

unsigned client_room(const struct client *client)
{
    return client->inflight_max - client->inflight_count;
}

enum areg_error client_cancel(struct client *client, uint64_t now_ns, uint64_t id)
{
    struct operation *operation = find(client, id);
    if (!operation || operation->state == OP_ENDED)
        return AREG_EINVAL;
    operation_give_up(client, operation, AREG_ECANCELED, now_ns);
    return AREG_OK;
}

void client_cancel_all(struct client *client, uint64_t now_ns)
{
    for (uint32_t i = 0; i < client->slot_count; i++)
        if (client->operations[i]->state != OP_FREE && client->operations[i]->state != OP_ENDED)
            operation_give_up(client, client->operations[i], AREG_ECANCELED, now_ns);
}

void client_flush(struct client *client, uint64_t now_ns)
{
    (void)now_ns;
    confirm_ride(&client->confirmations);
}

/* ---------------------------------------------------------------- the world */

static void receive_hello(struct client *client, uint64_t now_ns, const struct reply *reply)
{
    if (client->cluster || reply->status != REPLY_OK || !peer_learn_cluster(client, reply->payload)) {
        client->counters.dropped += !client->cluster;
        return;
    }
    for (uint32_t i = 0; i < client->slot_count; i++)
        if (client->operations[i]->state == OP_WAITING)
            operation_start(client, client->operations[i], now_ns);
}

static void receive_hint(struct client *client, uint64_t now_ns, const struct reply *reply)
{
    struct view *view = sequence_receive_hint(client, reply);
    for (uint32_t i = 0; view && i < client->slot_count; i++) {
        struct operation *operation = client->operations[i];
        const bool is_asking = operation->state >= OP_GETTING_TAG && operation->state <= OP_RECONFIGURING;
        /* Workers look at what is known when they are woken the next time. */
        if (!is_asking || operation->source || operation->shard != view->config.shard ||
            operation->view->config.index >= view->config.index)
            continue;
        if (operation->state == OP_RECONFIGURING)
            reconfigure_hear(client, operation, &view->config, now_ns);
        else
            operation_jump(client, operation, view, now_ns);
    }
    view_unref(view);
}

/* Answers to questions of the engine's own, not of an operation. */
static void receive_news(struct client *client, uint64_t now_ns, const struct reply *reply)
{
    if (reply->kind == MESSAGE_HELLO)
        receive_hello(client, now_ns, reply);
    else if (reply->kind == MESSAGE_HINT)
        receive_hint(client, now_ns, reply);
    else
        client->counters.dropped++;
}

void client_receive(struct client *client, uint64_t now_ns, unsigned peer_index, const struct reply *reply)
{
    CHECK(peer_index < client->peer_count);
    client->counters.bytes_received += reply->payload.bytes;
    if (reply->op == 0) {
        receive_news(client, now_ns, reply);
        return;
    }
    struct operation *operation = find(client, reply->op);
    if (!operation) {
        /* The most usual reply of all: of a member that was not needed for the quorum. */
        client->peers[peer_index].awaited_since_ns = 0;
        return;
    }
    operation_receive(client, operation, peer_index, reply, now_ns);
}

void client_peer_speaks_other_version(struct client *client, uint64_t now_ns, unsigned peer_index)
{
    CHECK(peer_index < client->peer_count);
    client->peers[peer_index].speaks_other_version = true;
    bool is_lost = !client->cluster;
    for (unsigned i = 0; i < client->seed_count; i++)
        is_lost = is_lost && client->peers[i].speaks_other_version;
    for (uint32_t i = 0; i < client->slot_count; i++) {
        struct operation *operation = client->operations[i];
        if (operation->state == OP_WAITING && is_lost) {
            operation_give_up(client, operation, AREG_EVERSION, now_ns);
            continue;
        }
        const int member_index = operation_member_of_peer(operation, peer_index);
        if (member_index < 0)
            continue;
        const struct reply refusal = {.kind = ask_message_kind(operation->ask.kind),
                                      .op = operation->id,
                                      .phase = operation->ask.phase,
                                      .status = REPLY_VERSION};
        operation_receive(client, operation, peer_index, &refusal, now_ns);
    }
}

void client_peer_up(struct client *client, uint64_t now_ns, unsigned peer_index)
{
    CHECK(peer_index < client->peer_count);
    struct peer *peer = &client->peers[peer_index];
    peer->is_up = true;
    peer->absent_since_ns = 0;
    peer->speaks_other_version = false;
    peer->awaited_since_ns = 0;
    peer->hello_ns = now_ns;
    for (uint32_t i = 0; i < client->slot_count; i++) {
        struct operation *operation = client->operations[i];
        const int member_index = operation_member_of_peer(operation, peer_index);
        if (member_index < 0)
            continue;
        ask_resend(&operation->ask, (unsigned)member_index);
        operation_settle(client, operation);
    }
}

void client_peer_down(struct client *client, uint64_t now_ns, unsigned peer_index)
{
    CHECK(peer_index < client->peer_count);
    client->peers[peer_index].is_up = false;
    /* What it was to send is now late: others may be asked instead. */
    for (uint32_t i = 0; i < client->slot_count; i++) {
        struct operation *operation = client->operations[i];
        const int member_index = operation_member_of_peer(operation, peer_index);
        if (member_index < 0)
            continue;
        ask_lost(&operation->ask, (unsigned)member_index);
        operation_tick(client, operation, now_ns);
    }
}

void client_tick(struct client *client, uint64_t now_ns)
{
    confirm_tick(&client->confirmations, now_ns);
    for (;;) {
        struct operation *operation = timers_first(&client->timers);
        if (!operation || operation->wake_ns > now_ns)
            break;
        operation_tick(client, operation, now_ns);
        /* It has ended, or sleeps again; one that is due at once waits for its turn after its requests are taken. */
        if (timers_first(&client->timers) == operation && operation->wake_ns <= now_ns)
            break;
    }
}

/* ---------------------------------------------------------------- effects */

uint64_t client_wake_ns(const struct client *client)
{
    uint64_t wake_ns = peer_wake_ns(client);
    const uint64_t confirm_ns = confirm_wake_ns(&client->confirmations);
    const struct operation *operation = timers_first(&client->timers);
    if (confirm_ns < wake_ns)
        wake_ns = confirm_ns;
    if (operation && operation->wake_ns < wake_ns)
        wake_ns = operation->wake_ns;
    return wake_ns;
}

bool client_next_send(struct client *client, uint64_t now_ns, struct client_send *send)
{
    if (confirm_next_send(client, send)) {
        client->counters.messages_sent++;
        return true;
    }
    if (peer_next_hello(client, now_ns, send) || sequence_next_hint(client, send)) {
        client->counters.messages_sent++;
        return true;
    }
    while (client->ready.first) {
        struct operation *operation = client->ready.first;
        if (operation_next_send(client, operation, now_ns, send))
            return true;
        client->ready.first = operation->ready_next;
        if (!client->ready.first)
            client->ready.last = NULL;
        operation->is_ready = false;
    }
    return false;
}

bool client_next_done(struct client *client, struct client_done *done)
{
    struct operation *operation = client->done.first;
    if (!operation)
        return false;
    client->done.first = operation->done_next;
    if (!client->done.first)
        client->done.last = NULL;
    struct client_done *outcome = &operation->outcome;
    *done = *outcome;
    outcome->piece_count = 0;
    outcome->page = outcome->more_after = outcome->base = outcome->pending = (struct slice){0};
    give_slot(client, operation);
    return true;
}

unsigned client_peer_count(const struct client *client)
{
    return client->peer_count;
}

const char *client_peer_address(const struct client *client, unsigned peer_index)
{
    CHECK(peer_index < client->peer_count);
    return client->peers[peer_index].address;
}

const struct cluster *client_cluster(const struct client *client)
{
    return client->cluster;
}

bool client_reconfigure_progress(const struct client *client, uint64_t id, struct reconfigure_progress *progress)
{
    const struct operation *operation = find(client, id);
    if (!operation || operation->state != OP_RECONFIGURING)
        return false;
    reconfigure_progress(operation, progress);
    return true;
}

const struct client_counters *client_counters(const struct client *client)
{
    return &client->counters;
}

void client_check(const struct client *client)
{
    timers_check(&client->timers);
    uint32_t in_use = 0;
    for (uint32_t i = 0; i < client->slot_count; i++) {
        const struct operation *operation = client->operations[i];
        in_use += operation->state != OP_FREE;
        const bool is_timed = operation->state != OP_FREE && operation->state != OP_ENDED;
        CHECK((operation->timer_index != TIMER_NONE) == is_timed);
    }
    CHECK(in_use == client->inflight_count); /* I12 */
}
