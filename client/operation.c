/*
 * One operation from its submission to its outcome [ARES, Alg. 1; PROTOCOL §4]: which primitive comes next, when it is
 * complete, and what may be said of it when it is not.
 */
#include "client/engine.h"

#include "core/check.h"
#include "core/key.h"
#include "core/plant.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- the state machine */

static void move(struct operation *operation, enum operation_state to)
{
    static const uint8_t allowed[] = {
        [OP_FREE] = 1 << OP_WAITING,
        [OP_WAITING] = 1 << OP_GETTING_TAG | 1 << OP_GETTING_DATA | 1 << OP_LISTING | 1 << OP_ENDED,
        [OP_GETTING_TAG] = 1 << OP_PUTTING | 1 << OP_GETTING_DATA | 1 << OP_ENDED,
        [OP_GETTING_DATA] = 1 << OP_PUTTING | 1 << OP_ENDED,
        [OP_PUTTING] = 1 << OP_ENDED,
        [OP_LISTING] = 1 << OP_ENDED,
        [OP_ENDED] = 1 << OP_FREE,
    };
    CHECK(allowed[operation->state] & 1 << to);
    operation->state = to;
}

static bool is_asking(const struct operation *operation)
{
    return operation->state >= OP_GETTING_TAG && operation->state <= OP_LISTING;
}

static bool is_write(const struct operation *operation)
{
    return operation->kind == CLIENT_PUT || operation->kind == CLIENT_DEL;
}

static struct ask_options options_of(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct shard_view *view = operation->view;
    struct ask_options options = {
        .config = &view->config,
        .codec = view->codec,
        .random = &client->random,
        .phase = ++operation->phase,
        .hedge_ns = peer_hedge_ns(client),
    };
    for (unsigned i = 0; i < view->config.member_count; i++)
        if (peer_is_slow(client, view->peers[i], now_ns))
            voters_add(&options.slow, i);
    return options;
}

/* What the ask has cost goes to the operation and the counters; the ask itself is emptied. */
static void close_ask(struct client *client, struct operation *operation)
{
    struct ask *ask = &operation->ask;
    operation->outcome.rounds += ask->round_count;
    client->counters.retransmits += ask->retransmit_count;
    client->counters.hedges += ask->hedge_count;
    ask->round_count = ask->retransmit_count = ask->hedge_count = 0;
    ask_fini(ask);
}

/* ---------------------------------------------------------------- beginning */

static void enter(struct client *client, struct operation *operation, enum operation_state state)
{
    move(operation, state);
    /* Requests go to every member now: the confirmations that wait may ride along. */
    confirm_ride(&client->confirmations);
    operation_settle(client, operation);
}

static enum areg_error find_shard(struct client *client, struct operation *operation)
{
    int64_t shard = operation->shard;
    if (operation->kind != CLIENT_LIST)
        shard = cluster_shard_of_key(client->cluster, operation->key);
    if (shard < 0 || shard >= client->cluster->shard_count) {
        snprintf(operation->outcome.detail, sizeof operation->outcome.detail, "%s",
                 operation->kind == CLIENT_LIST ? "there is no such shard" : "no pool takes this key");
        return AREG_EINVAL;
    }
    operation->view = peer_shard_view(client, (uint32_t)shard);
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
    const struct ask_options options = options_of(client, operation, now_ns);
    enum operation_state state;
    if (is_write(operation)) {
        state = OP_GETTING_TAG;
        error = ask_begin_get_tag(&operation->ask, &options, operation->value.bytes, now_ns);
    } else if (operation->kind == CLIENT_LIST) {
        const struct list_keys list_keys = {
            .prefix = operation->key, .after = operation->after, .key_count_max = operation->key_count_max};
        state = OP_LISTING;
        error = ask_begin_list_keys(&operation->ask, &options, &list_keys, now_ns);
    } else {
        state = OP_GETTING_DATA;
        error = ask_begin_get_data(&operation->ask, &options, operation->kind == CLIENT_GET, now_ns);
    }
    if (error == AREG_OK)
        enter(client, operation, state);
    return error;
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
    for (unsigned i = 0; i < ask->config->member_count && used_bytes < room_bytes; i++) {
        if (voters_has(ask->replied, i))
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

static void conclude(struct client *client, struct operation *operation, enum areg_error error)
{
    /* Only a write has outcomes that are unknown, and only once a put-data of it has left. */
    CHECK(error != AREG_EMAYBE || operation->may_have_effect);
    if (error == AREG_ECORRUPT && is_asking(operation))
        describe_damaged(operation);
    else if (is_about_hosts(error) && operation->outcome.detail[0] == 0)
        describe_missing(client, operation);
    if (operation->ask.config)
        close_ask(client, operation);
    move(operation, OP_ENDED);
    slice_unref(&operation->value);
    timers_remove(&client->timers, operation);
    operation->outcome.error = error;
    if (error != AREG_OK) {
        for (unsigned i = 0; i < operation->outcome.piece_count; i++)
            slice_unref(&operation->outcome.pieces[i]);
        operation->outcome.piece_count = 0;
    }
    if (is_write(operation)) {
        /* Writes of one handle to one key take effect in order, also those of unknown outcome. That tags of other keys
         * rise with it does no harm. */
        if (error == AREG_EMAYBE)
            client->tag_floor = tag_max(client->tag_floor, operation->outcome.tag);
        client->counters.writes++;
        client->counters.write_rounds += operation->outcome.rounds;
    } else if (operation->kind != CLIENT_LIST) {
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

/* The one way to an end; the next write to the same key may start. */
static void end(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    conclude(client, operation, error);
    while (is_write(operation)) {
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
    end(client, operation, operation->may_have_effect ? AREG_EMAYBE : error, now_ns);
}

/* ---------------------------------------------------------------- steps */

void operation_start(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum areg_error error = start(client, operation, now_ns);
    if (error != AREG_OK)
        end(client, operation, error, now_ns);
}

static void begin_put(struct client *client, struct operation *operation, struct coded_value *value,
                      struct voters holders, uint64_t now_ns)
{
    const struct ask_options options = options_of(client, operation, now_ns);
    const enum areg_error error = ask_begin_put_data(&operation->ask, &options, value, holders, now_ns);
    coded_value_fini(value); /* Empty, unless it was not taken. */
    if (error == AREG_OK)
        enter(client, operation, OP_PUTTING);
    else
        operation_give_up(client, operation, error, now_ns);
}

/* Put what a get-data has found, only to those that lack it, before anyone may see it [ARES, Alg. 1; PROTOCOL §4]. */
static void write_back(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    struct coded_value *found = &ask->candidates[ask->chosen].value;
    const struct voters holders = ask_chosen_holders(ask);
    struct coded_value value = {.entry = found->entry, .present = found->present};
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (voters_has(found->present, i))
            value.fragments[i] = found->fragments[i];
    found->present = (struct voters){0};
    close_ask(client, operation);
    operation->outcome.wrote_back = true;
    begin_put(client, operation, &value, holders, now_ns);
}

/* Choose the tag of a write, once and for all, above `newest`, and put. */
static void put_new_value(struct client *client, struct operation *operation, struct tag newest, uint64_t now_ns)
{
    const unsigned n = operation->view->config.member_count;
    if (!PLANTED(PLANT_TAG_REUSE))
        newest = tag_max(newest, tag_max(operation->tag_floor, client->tag_floor));
    if (tag_source_is_spent(&client->tags))
        tag_source_init(&client->tags, random_next(&client->random));
    struct coded_value value = {
        .entry.tag = tag_source_next(&client->tags, newest),
        .entry.value_digest = operation->value_digest,
        .entry.value_bytes = (uint32_t)operation->value.bytes,
        .entry.flags = operation->kind == CLIENT_DEL ? ENTRY_TOMBSTONE : 0,
    };
    const enum areg_error error =
        codec_encode(operation->view->codec, operation->value, voters_all(n), value.fragments);
    if (error != AREG_OK) {
        end(client, operation, error, now_ns);
        return;
    }
    value.present = voters_all(n);
    if (PLANTED(PLANT_TAG_REUSE))
        value.entry.tag.w = client->tags.random40;
    operation->outcome.tag = value.entry.tag;
    operation->outcome.value_bytes = value.entry.value_bytes;
    operation->unconfirmed = voters_all(n);
    slice_unref(&operation->value);
    if (PLANTED(PLANT_EARLY_CONFIRM))
        confirm_later(client, operation->view, operation->key, value.entry.tag, operation->unconfirmed, now_ns);
    begin_put(client, operation, &value, (struct voters){0}, now_ns);
}

/* Some member has a newer tag than a covering write's base. That may be all there is of an abandoned write, which no
 * read returns, and then it is no reason to refuse [ARES, 8.4]: find out what a read would return. */
static void ask_for_base(struct client *client, struct operation *operation, struct tag newest, uint64_t now_ns)
{
    operation->tag_floor = tag_max(operation->tag_floor, newest);
    close_ask(client, operation);
    const struct ask_options options = options_of(client, operation, now_ns);
    const enum areg_error error = ask_begin_get_data(&operation->ask, &options, false, now_ns);
    if (error == AREG_OK)
        enter(client, operation, OP_GETTING_DATA);
    else
        end(client, operation, error, now_ns);
}

static void after_base(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    const struct tag current = ask->chosen < 0 ? TAG_ZERO : ask->tag;
    if (!tag_equal(current, operation->base)) {
        operation->outcome.tag = current;
        operation->is_stale = true;
        /* The tag that it is told is a read's: whoever reads after this must find it, too. */
        if (ask->chosen < 0 || ask->is_complete)
            end(client, operation, AREG_ESTALE, now_ns);
        else
            write_back(client, operation, now_ns);
        return;
    }
    close_ask(client, operation);
    put_new_value(client, operation, current, now_ns);
}

static void after_get_tag(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct ask *ask = &operation->ask;
    const struct tag newest = ask->tag;
    const bool is_full = voters_count(ask->full) > code_tolerance(ask->config->code);
    if (is_full && operation->kind == CLIENT_PUT) {
        end(client, operation, AREG_EFULL, now_ns);
        return;
    }
    if (operation->has_base && !tag_equal(newest, operation->base) && !PLANTED(PLANT_BASE_IGNORED)) {
        ask_for_base(client, operation, newest, now_ns);
        return;
    }
    close_ask(client, operation);
    put_new_value(client, operation, newest, now_ns);
}

static void take_pieces(struct operation *operation)
{
    struct ask *ask = &operation->ask;
    if (operation->kind != CLIENT_GET)
        return;
    memcpy(operation->outcome.pieces, ask->pieces, ask->piece_count * sizeof ask->pieces[0]);
    operation->outcome.piece_count = ask->piece_count;
    ask->piece_count = 0;
}

/* A read has its tag, and the next operation on any client will see it: it may return. */
static void complete(struct client *client, struct operation *operation, uint64_t now_ns)
{
    if (operation->is_stale) {
        end(client, operation, AREG_ESTALE, now_ns);
        return;
    }
    confirm_later(client, operation->view, operation->key, operation->outcome.tag, operation->unconfirmed, now_ns);
    const bool has_value = is_write(operation) || !operation->is_tombstone;
    end(client, operation, has_value ? AREG_OK : AREG_ENOTFOUND, now_ns);
}

static void after_get_data(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    if (ask->chosen < 0) {
        end(client, operation, AREG_ENOTFOUND, now_ns);
        return;
    }
    struct coded_value *found = &ask->candidates[ask->chosen].value;
    operation->outcome.tag = found->entry.tag;
    operation->outcome.value_bytes = found->entry.value_bytes;
    operation->is_tombstone = found->entry.flags & ENTRY_TOMBSTONE;
    operation->unconfirmed = ask_unconfirmed(ask);
    take_pieces(operation);
    if (ask->is_complete || PLANTED(PLANT_NO_WRITE_BACK)) {
        complete(client, operation, now_ns);
        return;
    }
    write_back(client, operation, now_ns);
}

static void after_listing(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum areg_error error = listing_merge(&operation->ask, operation->key_count_max, &operation->outcome);
    end(client, operation, error, now_ns);
}

/* The ask may have come to an end: take the next step. */
static void proceed(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    if (error != AREG_OK) {
        operation_give_up(client, operation, error, now_ns);
        return;
    }
    if (ask->state == ASK_FAILED) {
        operation_give_up(client, operation, ask->error, now_ns);
        return;
    }
    if (ask->sees_next) {
        snprintf(operation->outcome.detail, sizeof operation->outcome.detail,
                 "the cluster has been reconfigured, which this version can not follow");
        operation_give_up(client, operation, AREG_EVERSION, now_ns);
        return;
    }
    if (ask->state == ASK_WAITING) {
        operation_settle(client, operation);
        return;
    }
    switch (operation->state) {
    case OP_GETTING_TAG:
        after_get_tag(client, operation, now_ns);
        break;
    case OP_GETTING_DATA:
        if (is_write(operation))
            after_base(client, operation, now_ns);
        else
            after_get_data(client, operation, now_ns);
        break;
    case OP_PUTTING:
        complete(client, operation, now_ns);
        break;
    case OP_LISTING:
        after_listing(client, operation, now_ns);
        break;
    default:
        CHECK(!"an operation that asks nothing has no answer");
    }
}

/* ---------------------------------------------------------------- events */

int operation_member_of_peer(const struct operation *operation, unsigned peer_index)
{
    if (!is_asking(operation))
        return -1;
    for (unsigned i = 0; i < operation->view->config.member_count; i++)
        if (operation->view->peers[i] == peer_index)
            return (int)i;
    return -1;
}

void operation_receive(struct client *client, struct operation *operation, unsigned peer_index,
                       const struct reply *reply, uint64_t now_ns)
{
    const int member_index = operation_member_of_peer(operation, peer_index);
    const bool is_of_this_phase =
        reply->phase == operation->ask.phase && reply->kind == ask_message_kind(operation->ask.kind);
    if (member_index < 0 || !(is_of_this_phase || PLANTED(PLANT_STALE_PHASE))) {
        client->counters.dropped++;
        return;
    }
    peer_note_reply(client, peer_index, &operation->ask, (unsigned)member_index, now_ns);
    const enum areg_error error = ask_receive(&operation->ask, now_ns, (unsigned)member_index, reply);
    proceed(client, operation, error, now_ns);
}

void operation_tick(struct client *client, struct operation *operation, uint64_t now_ns)
{
    if (now_ns >= operation->deadline_ns) {
        operation_give_up(client, operation, AREG_EUNAVAIL, now_ns);
        return;
    }
    if (!is_asking(operation)) {
        operation_settle(client, operation);
        return;
    }
    proceed(client, operation, ask_tick(&operation->ask, now_ns), now_ns);
}

static void set_timer(struct client *client, struct operation *operation)
{
    uint64_t wake_ns = operation->deadline_ns;
    if (is_asking(operation) && operation->ask.wake_ns < wake_ns)
        wake_ns = operation->ask.wake_ns;
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
    while (is_asking(operation) && operation->ask.due.bits) {
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
        send->request.key = operation->kind == CLIENT_LIST ? (struct slice){0} : operation->key;
        if (operation->state == OP_PUTTING && is_write(operation) && !operation->is_stale)
            operation->may_have_effect = true;
        peer_note_sent(client, peer_index, now_ns);
        client->counters.messages_sent++;
        client->counters.bytes_sent += send->request.payload.bytes;
        return true;
    }
    return false;
}
