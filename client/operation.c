/*
 * One operation from its submission to its outcome [ARES, Alg. 1; PROTOCOL §4]: which primitive comes next, when it is
 * complete, and what may be said of it when it is not.
 */
#include "client/engine.h"

#include "core/ablation.h"
#include "core/check.h"
#include "core/key.h"
#include "core/plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- the state machine */

static void move(struct operation *operation, enum operation_state to)
{
    static const uint16_t allowed[] = {
        [OP_FREE] = 1 << OP_WAITING,
        [OP_WAITING] = 1 << OP_GETTING_TAG | 1 << OP_GETTING_DATA | 1 << OP_LISTING | 1 << OP_RECONFIGURING |
                       1 << OP_REGISTERING | 1 << OP_READING_NEXT,
        [OP_GETTING_TAG] = 1 << OP_PUTTING | 1 << OP_GETTING_DATA | 1 << OP_LINKING,
        [OP_GETTING_DATA] = 1 << OP_PUTTING | 1 << OP_LINKING | 1 << OP_READING_NEXT,
        [OP_PUTTING] = 1 << OP_LINKING | 1 << OP_GETTING_DATA | 1 << OP_READING_NEXT,
        [OP_LISTING] = 1 << OP_LINKING,
        [OP_LINKING] = 1 << OP_GETTING_TAG | 1 << OP_GETTING_DATA | 1 << OP_PUTTING | 1 << OP_LISTING,
        [OP_READING_NEXT] = 1 << OP_GETTING_TAG | 1 << OP_GETTING_DATA | 1 << OP_LISTING,
        [OP_ENDED] = 1 << OP_FREE,
    };
    const bool is_active = operation->state != OP_FREE && operation->state != OP_ENDED;
    /* The same phase again is that phase in the next configuration; any that is under way may end. */
    CHECK(allowed[operation->state] & 1 << to || (is_active && (to == operation->state || to == OP_ENDED)));
    operation->state = to;
}

static bool is_asking(const struct operation *operation)
{
    return operation->state >= OP_GETTING_TAG && operation->state <= OP_REGISTERING;
}

static bool has_no_key(const struct operation *operation)
{
    return operation->kind == CLIENT_LIST || operation->kind == CLIENT_RECONFIGURE ||
           operation->kind == CLIENT_REGISTER;
}

/* A worker's own host, unless it is another incarnation of the member, which has nothing. */
static struct voters near_members(const struct operation *operation)
{
    struct voters near = {0};
    const struct config *config = &operation->view->config;
    const bool is_worker = operation->kind == CLIENT_MOVE && !SWITCHED_OFF(ABLATION_DIRECT_TRANSFER);
    const int own = is_worker ? config_member_index(config, &operation->worker.host) : -1;
    if (own >= 0 &&
        (config->members[own].incarnation == 0 || config->members[own].incarnation == operation->worker.incarnation))
        voters_add(&near, (unsigned)own);
    return near;
}

struct ask_options operation_ask_options(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct view *view = operation->view;
    struct ask_options options = {
        .config = &view->config,
        .codec = view->codec,
        .random = &client->random,
        .phase = ++operation->phase,
        /* Nobody waits for a move: another's fragment would cost more than the time that it saves. */
        .hedge_ns = operation->kind == CLIENT_MOVE ? HEDGE_NS_MOVE : peer_hedge_ns(client),
        .near = near_members(operation),
    };
    for (unsigned i = 0; i < view->config.member_count; i++) {
        if (peer_is_slow(client, view->peers[i], now_ns))
            voters_add(&options.slow, i);
        if (peer_is_absent(client, view->peers[i], now_ns))
            voters_add(&options.absent, i);
    }
    return options;
}

/* What the ask has cost goes to the operation and the counters; the ask itself is emptied. */
void operation_close_ask(struct client *client, struct operation *operation)
{
    struct ask *ask = &operation->ask;
    operation->outcome.rounds += ask->round_count;
    if (ask->round_count > 0 && operation->view->config.index > operation->outcome.configuration)
        operation->outcome.configuration = operation->view->config.index;
    client->counters.retransmits += ask->retransmit_count;
    client->counters.hedges += ask->hedge_count;
    ask->round_count = ask->retransmit_count = ask->hedge_count = 0;
    ask_fini(ask);
}

/* ---------------------------------------------------------------- beginning */

void operation_enter(struct client *client, struct operation *operation, enum operation_state state, uint64_t now_ns)
{
    move(operation, state);
    operation->hint_ns = now_ns + HINT_NS_FIRST;
    /* Requests go to every member now: the confirmations that wait may ride along. */
    confirm_ride(&client->confirmations);
    operation_settle(client, operation);
}

static enum areg_error find_shard(struct client *client, struct operation *operation)
{
    int64_t shard = operation->shard;
    if (!has_no_key(operation) && !operation->source)
        shard = cluster_shard_of_key(client->cluster, operation->key);
    if (shard < 0 || shard >= client->cluster->shard_count) {
        snprintf(operation->outcome.detail, sizeof operation->outcome.detail, "%s",
                 has_no_key(operation) ? "there is no such shard" : "no pool takes this key");
        return AREG_EINVAL;
    }
    operation->shard = (uint32_t)shard;
    operation->view = view_ref(operation->source ? operation->source : sequence_base(client, (uint32_t)shard));
    return operation->view ? AREG_OK : AREG_ENOMEM;
}

/* Begin to ask, if the cluster is known and nothing is in the way. After an error, all is as it was. */
static enum areg_error start(struct client *client, struct operation *operation, uint64_t now_ns)
{
    CHECK(operation->state == OP_WAITING);
    if (!client->cluster || operation->is_queued) {
        operation_settle(client, operation);
        return AREG_OK;
    }
    enum areg_error error = find_shard(client, operation);
    if (error != AREG_OK)
        return error;
    if (operation->kind == CLIENT_RECONFIGURE) {
        move(operation, OP_RECONFIGURING);
        reconfigure_begin(client, operation, now_ns);
        return AREG_OK;
    }
    if (operation->kind == CLIENT_REGISTER) {
        move(operation, OP_REGISTERING);
        register_begin(client, operation, now_ns);
        return AREG_OK;
    }
    return phase_begin(client, operation, now_ns);
}

/* ---------------------------------------------------------------- ending */

static const char *silence_of(enum reply_status status)
{
    switch (status) {
    case REPLY_UNKNOWN_CONFIG:
        return "does not know the configuration";
    case REPLY_RETIRED:
        return "has retired the configuration";
    case REPLY_BUSY:
        return "is busy";
    case REPLY_FULL:
        return "is full";
    case REPLY_DENIED:
        return "denies access";
    case REPLY_INVALID:
        return "calls the request invalid, or answers nonsense";
    case REPLY_VERSION:
        return "speaks another protocol version";
    case REPLY_OK:
        break;
    }
    return "no answer";
}

/* "s2 tcp://...: its fragment is damaged; s3 ...", for people. */
static void describe_damaged(struct operation *operation)
{
    const struct ask *ask = &operation->ask;
    char *text = operation->outcome.detail;
    const size_t room_bytes = sizeof operation->outcome.detail;
    size_t used_bytes = 0;
    struct voters damaged = {0};
    for (unsigned i = 0; i < ask->candidate_count; i++)
        damaged = voters_union(damaged, ask->candidates[i].damaged);
    for (unsigned i = 0; i < ask->config->member_count && used_bytes < room_bytes; i++) {
        const struct member *member = &ask->config->members[i];
        if (voters_has(damaged, i))
            used_bytes +=
                (size_t)snprintf(text + used_bytes, room_bytes - used_bytes, "%s%s %s: its fragment is damaged",
                                 used_bytes ? "; " : "", member->id.text, member->address);
    }
}

/* "s2 tcp://...: no answer; s3 ...", for people. */
static void describe_missing(struct client *client, struct operation *operation)
{
    char *text = operation->outcome.detail;
    const size_t room_bytes = sizeof operation->outcome.detail;
    size_t used_bytes = 0;
    text[0] = 0;
    if (!is_asking(operation)) {
        if (operation->is_queued) {
            snprintf(text, room_bytes, "waiting for an earlier write to this key");
            return;
        }
        for (unsigned i = 0; i < client->seed_count && used_bytes < room_bytes; i++)
            used_bytes += (size_t)snprintf(text + used_bytes, room_bytes - used_bytes, "%s%s: no answer", i ? "; " : "",
                                           client->peers[i].address);
        return;
    }
    const struct ask *ask = &operation->ask;
    for (unsigned i = 0; ask->config && i < ask->config->member_count && used_bytes < room_bytes; i++) {
        if (voters_has(ask->replied, i) || ask->members[i].sent_count == 0)
            continue;
        const struct member *member = &ask->config->members[i];
        used_bytes +=
            (size_t)snprintf(text + used_bytes, room_bytes - used_bytes, "%s%s %s: %s", used_bytes ? "; " : "",
                             member->id.text, member->address, silence_of(ask->members[i].status));
    }
}

/* Take a write off the chain of its key. Returns the next one to the same key, if this one was all that it waited for.
 */
static struct operation *unchain(struct client *client, struct operation *operation)
{
    struct operation **link = &client->chains[key_hash(operation->key) % CHAIN_BUCKET_COUNT];
    while (*link && !slice_equal((*link)->key, operation->key))
        link = &(*link)->chain_next;
    struct operation *head = *link;
    CHECK(head != NULL);
    if (head != operation) {
        struct operation *before = head;
        while (before->behind != operation)
            before = before->behind;
        before->behind = operation->behind;
        if (head->chain_last == operation)
            head->chain_last = before;
        operation->behind = NULL;
        return NULL;
    }
    struct operation *heir = head->behind;
    head->behind = NULL;
    *link = head->chain_next;
    if (!heir)
        return NULL;
    heir->chain_next = *link;
    heir->chain_last = head->chain_last;
    *link = heir;
    heir->is_queued = false;
    return heir;
}

/* Whether silent hosts have something to do with it. */
static bool is_about_hosts(enum areg_error error)
{
    return error != AREG_OK && error != AREG_ENOTFOUND && error != AREG_ESTALE && error != AREG_EINVAL &&
           error != AREG_ENOMEM;
}

void operation_note_lost(struct operation *operation)
{
    CHECK(operation->ask.error == AREG_ECORRUPT);
    describe_damaged(operation); /* in case it is found nowhere */
    operation->lost_floor = tag_max(operation->lost_floor, operation->ask.floor);
}

/* All that an operation that has ended does not need any more. */
static void release_means(struct operation *operation)
{
    operation_drop_pages(operation);
    slice_unref(&operation->value);
    slice_unref(&operation->next);
    carried_fini(&operation->carried);
    reconfiguration_destroy(operation);
    free(operation->question);
    operation->question = NULL;
    view_unref(operation->view);
    view_unref(operation->source);
    view_unref(operation->target);
    operation->view = operation->source = operation->target = NULL;
}

static void conclude(struct client *client, struct operation *operation, enum areg_error error)
{
    /* Only a write has outcomes that are unknown, and only once a put-data of it has left. */
    CHECK(error != AREG_EMAYBE || operation->may_have_effect);
    if (error == AREG_ECORRUPT && operation->ask.config)
        describe_damaged(operation);
    else if (error != AREG_ECORRUPT && is_about_hosts(error) && operation->outcome.detail[0] == 0)
        describe_missing(client, operation);
    if (operation->ask.config)
        operation_close_ask(client, operation);
    if (operation->reconfiguration)
        reconfigure_tell(operation);
    move(operation, OP_ENDED);
    release_means(operation);
    timers_remove(&client->timers, operation);
    operation->outcome.error = error;
    if (error != AREG_OK) {
        for (unsigned i = 0; i < operation->outcome.piece_count; i++)
            slice_unref(&operation->outcome.pieces[i]);
        operation->outcome.piece_count = 0;
    }
    if (operation_is_write(operation)) {
        /* Writes of one handle to one key take effect in order, also those of unknown outcome. That tags of other keys
         * rise with it does no harm. */
        if (error == AREG_EMAYBE)
            client->tag_floor = tag_max(client->tag_floor, operation->outcome.tag);
        client->counters.writes++;
        client->counters.write_rounds += operation->outcome.rounds;
    } else if (operation->kind == CLIENT_GET || operation->kind == CLIENT_STAT) {
        client->counters.reads++;
        client->counters.read_rounds += operation->outcome.rounds;
        client->counters.write_backs += operation->outcome.wrote_back;
    }
    operation->done_next = NULL;
    if (client->done.last)
        client->done.last->done_next = operation;
    else
        client->done.first = operation;
    client->done.last = operation;
}

void operation_release(struct operation *operation)
{
    struct client_done *outcome = &operation->outcome;
    release_means(operation);
    slice_unref(&operation->key);
    slice_unref(&operation->after);
    for (unsigned i = 0; i < outcome->piece_count; i++)
        slice_unref(&outcome->pieces[i]);
    outcome->piece_count = 0;
    slice_unref(&outcome->page);
    slice_unref(&outcome->more_after);
    slice_unref(&outcome->base);
    slice_unref(&outcome->pending);
}

/* The one way to an end; the next write to the same key may start. */
void operation_end(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    conclude(client, operation, error);
    while (operation_is_write(operation)) {
        struct operation *heir = unchain(client, operation);
        if (!heir)
            return;
        error = start(client, heir, now_ns);
        if (error == AREG_OK)
            return;
        conclude(client, heir, error);
        operation = heir;
    }
}

void operation_give_up(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    error = reconfigure_judge(operation, error);
    operation->may_have_effect |= error == AREG_EMAYBE;
    operation_end(client, operation, operation->may_have_effect ? AREG_EMAYBE : error, now_ns);
}

void operation_start(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum areg_error error = start(client, operation, now_ns);
    if (error != AREG_OK)
        operation_end(client, operation, error, now_ns);
}

/* ---------------------------------------------------------------- events */

int operation_member_of_peer(const struct operation *operation, unsigned peer_index)
{
    if (!is_asking(operation) || !operation->ask.config)
        return -1; /* A reconfiguration may be waiting before it tries again. */
    for (unsigned i = 0; i < operation->view->config.member_count; i++)
        if (operation->view->peers[i] == peer_index)
            return (int)i;
    return -1;
}

static void count_moved(struct operation *operation, unsigned member_index, struct slice payload)
{
    const struct host_id *peer = &operation->view->config.members[member_index].id;
    const bool is_near = host_id_equal(peer, &operation->worker.host) && !SWITCHED_OFF(ABLATION_DIRECT_TRANSFER);
    if (operation->kind == CLIENT_MOVE && !is_near)
        operation->moved_bytes += (uint32_t)payload.bytes;
}

void operation_receive(struct client *client, struct operation *operation, unsigned peer_index,
                       const struct reply *reply, uint64_t now_ns)
{
    const int member_index = operation_member_of_peer(operation, peer_index);
    const bool is_of_this_phase = reply->phase == operation->ask.phase && ask_expects(&operation->ask, reply->kind);
    if (member_index < 0 || !(is_of_this_phase || PLANTED(PLANT_STALE_PHASE))) {
        client->counters.dropped++;
        return;
    }
    peer_note_reply(client, peer_index, &operation->ask, (unsigned)member_index, now_ns);
    count_moved(operation, (unsigned)member_index, reply->payload);
    const enum areg_error error = ask_receive(&operation->ask, now_ns, (unsigned)member_index, reply);
    phase_proceed(client, operation, error, now_ns);
}

void operation_tick(struct client *client, struct operation *operation, uint64_t now_ns)
{
    if (now_ns >= operation->deadline_ns) {
        operation_give_up(client, operation, reconfigure_has_answer(operation) ? AREG_OK : AREG_EUNAVAIL, now_ns);
        return;
    }
    if (!is_asking(operation)) {
        operation_settle(client, operation);
        return;
    }
    if (now_ns >= operation->hint_ns) {
        sequence_want_hint(client, operation->shard, now_ns);
        operation->hint_ns = now_ns + HINT_NS_AGAIN;
    }
    phase_proceed(client, operation, operation->ask.config ? ask_tick(&operation->ask, now_ns) : AREG_OK, now_ns);
}

static void set_timer(struct client *client, struct operation *operation)
{
    uint64_t wake_ns = operation->deadline_ns;
    if (is_asking(operation) && operation->ask.config && operation->ask.wake_ns < wake_ns)
        wake_ns = operation->ask.wake_ns;
    if (is_asking(operation) && operation->hint_ns < wake_ns)
        wake_ns = operation->hint_ns;
    if (operation->state == OP_RECONFIGURING && reconfigure_wake_ns(operation) < wake_ns)
        wake_ns = reconfigure_wake_ns(operation);
    timers_set(&client->timers, operation, wake_ns);
}

void operation_settle(struct client *client, struct operation *operation)
{
    CHECK(operation->state != OP_FREE && operation->state != OP_ENDED);
    set_timer(client, operation);
    if (!is_asking(operation) || operation->ask.due.bits == 0 || operation->is_ready)
        return;
    operation->is_ready = true;
    operation->ready_next = NULL;
    if (client->ready.last)
        client->ready.last->ready_next = operation;
    else
        client->ready.first = operation;
    client->ready.last = operation;
}

bool operation_next_send(struct client *client, struct operation *operation, uint64_t now_ns, struct client_send *send)
{
    while (is_asking(operation) && operation->ask.config && operation->ask.due.bits) {
        const unsigned member_index = (unsigned)__builtin_ctz(operation->ask.due.bits);
        const unsigned peer_index = operation->view->peers[member_index];
        const enum areg_error error = ask_request(&operation->ask, member_index, now_ns, &send->request);
        if (error != AREG_OK) {
            operation_give_up(client, operation, error, now_ns);
            return false;
        }
        /* To a host that is down nothing is sent; it is asked when it comes back, or later. */
        const bool is_up = client->peers[peer_index].is_up;
        if (!is_up)
            ask_lost(&operation->ask, member_index);
        set_timer(client, operation);
        if (!is_up)
            continue;
        send->peer_index = peer_index;
        send->request.op = operation->id;
        send->request.key = message_has_key(send->request.kind) ? operation->key : (struct slice){0};
        if (operation->state == OP_PUTTING && operation_is_write(operation) && !operation->is_stale)
            operation->may_have_effect = true;
        count_moved(operation, member_index, send->request.payload);
        peer_note_sent(client, peer_index, now_ns);
        client->counters.messages_sent++;
        client->counters.bytes_sent += send->request.payload.bytes;
        return true;
    }
    return false;
}
