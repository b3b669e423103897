#include "server/replica.h"

#include "core/key_page.h"
#include "core/plant.h"
#include "reconfig/config_answer.h"
#include "reconfig/transfer_answer.h"
#include "server/engine.h"

#include <stdlib.h>

static void count(atomic_uint_least64_t *counter, uint64_t more)
{
    if (more)
        atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void count_committed(struct counters *counters)
{
    const struct replica_counters *more = &counters->uncommitted;
    count(&counters->puts, more->puts);
    count(&counters->put_bytes, more->put_bytes);
    count(&counters->puts_stale, more->puts_stale);
    count(&counters->confirms, more->confirms);
    count(&counters->trims, more->trims);
    count(&counters->trims_forced, more->trims_forced);
    count(&counters->damaged, more->damaged);
    count(&counters->full, more->full);
    count(&counters->invalid, more->invalid);
    count(&counters->registers_deleted, more->registers_deleted);
    count(&counters->successors_refused, more->successors_refused);
    count(&counters->adoptions, more->adoptions);
}

static void count_memberships(struct replica *replica)
{
    struct counters *counters = replica->counters;
    atomic_store_explicit(&counters->memberships, replica->memberships.count, memory_order_relaxed);
    atomic_store_explicit(&counters->retired, replica->memberships.retired_count, memory_order_relaxed);
}

/* ---------------------------------------------------------------- creation */

static enum areg_error encode_cluster_map(struct replica *replica)
{
    struct buffer *room = buffer_create(CLUSTER_ENCODED_BYTES_MAX);
    if (!room)
        return AREG_ENOMEM;
    const size_t map_bytes = cluster_encode(replica->cluster, buffer_at(room), CLUSTER_ENCODED_BYTES_MAX);
    replica->cluster_map = slice_copy(slice_borrow(buffer_at(room), map_bytes));
    buffer_unref(room);
    return replica->cluster_map.owner ? AREG_OK : AREG_ENOMEM;
}

enum areg_error replica_create(struct replica **replica, const struct replica_options *options, struct store_txn *txn)
{
    struct replica *created = calloc(1, sizeof *created);
    if (!created)
        return AREG_ENOMEM;
    created->host = options->host;
    created->incarnation = options->incarnation;
    created->must_register = options->must_register;
    created->cluster = options->cluster;
    created->grace_ns = options->grace_ns ? options->grace_ns : REPLICA_GRACE_NS;
    created->counters = calloc(1, sizeof *created->counters);
    enum areg_error error =
        sweep_init(&created->sweep) && created->counters ? encode_cluster_map(created) : AREG_ENOMEM;
    if (error == AREG_OK)
        error = configurations_load(created, txn);
    if (error != AREG_OK) {
        replica_destroy(created);
        return error;
    }
    count_memberships(created);
    created->worker_has_news = true; /* of what it was at before */
    *replica = created;
    return AREG_OK;
}

void replica_destroy(struct replica *replica)
{
    if (!replica)
        return;
    sweep_fini(&replica->sweep);
    slice_unref(&replica->cluster_map);
    memberships_fini(&replica->memberships);
    free(replica->counters);
    free(replica);
}

/* ---------------------------------------------------------------- answering */

struct seat seat_of(const struct membership *membership, struct store_txn *txn)
{
    return (struct seat){
        .txn = txn,
        .slot = membership->slot,
        .config = &membership->config,
        .member_index = membership->member_index,
    };
}

/* The parts of a reply that every kind has. The union is filled in by the kind's own function: clearing it all would
 * cost more than many a reply. */
static void begin_reply(const struct request *request, struct reply *reply)
{
    reply->kind = request->kind;
    reply->op = request->op;
    reply->phase = request->phase;
    reply->status = REPLY_OK;
    reply->next = (struct link){0};
    reply->payload = (struct slice){0};
}

/* What comes before all else: a retired configuration is never answered from, since its data may be gone. */
static enum areg_error answer_next(const struct membership *membership, const struct seat *seat, struct reply *reply)
{
    const enum areg_error error = config_answer_next(seat, reply);
    if (PLANTED(PLANT_EMPTY_AFTER_RETIRING) && membership->is_emptied) {
        reply->status = REPLY_OK;
        reply->next = (struct link){0};
    }
    return error;
}

/* Whether the host answers such a message in a configuration that it knows. */
static bool may_answer(const struct membership *membership, enum message_kind kind)
{
    const bool is_silent = atomic_load_explicit(&membership->is_silent, memory_order_acquire);
    return !is_silent || kind == MESSAGE_REGISTER || kind == MESSAGE_REGISTERED || PLANTED(PLANT_SPEAKS_UNREGISTERED);
}

static enum areg_error answer_hello(const struct replica *replica, const struct request *request, struct reply *reply)
{
    reply->hello.host = replica->host;
    reply->hello.incarnation = replica->incarnation;
    reply->hello.version_min = PROTOCOL_VERSION;
    reply->hello.version_max = PROTOCOL_VERSION;
    if (request->hello.wants_cluster)
        reply->payload = slice_ref(replica->cluster_map);
    return AREG_OK;
}

struct key_listing {
    struct bytes_writer page;
    uint32_t room_count;
    bool has_more;
};

static bool list_one_key(struct slice key, const struct stored_register *found, void *arg)
{
    struct key_listing *listing = arg;
    /* A record that does not decode may be of the only member of the quorum that has the key: it must be listed. */
    struct listed_key listed = {.key = key};
    if (found) {
        if (found->entry_count == 0)
            return true; /* Only old puts came here: nothing to list. */
        const struct entry *newest = &found->entries[found->entry_count - 1].entry;
        listed.tag = newest->tag;
        listed.is_tombstone = newest->flags & ENTRY_TOMBSTONE;
    }
    if (listing->room_count == 0 || !key_page_put(&listing->page, &listed)) {
        listing->has_more = true;
        return false;
    }
    listing->room_count--;
    return true;
}

static enum areg_error answer_list_keys(const struct membership *membership, struct store_txn *txn,
                                        const struct request *request, struct reply *reply)
{
    const struct list_keys *asked = &request->list_keys;
    struct buffer *room = buffer_create(KEY_PAGE_BYTES_MAX);
    if (!room)
        return AREG_ENOMEM;
    struct key_listing listing = {.page = bytes_writer_on(buffer_at(room), KEY_PAGE_BYTES_MAX),
                                  .room_count = asked->key_count_max};
    const enum areg_error error =
        store_register_scan(txn, membership->slot, asked->prefix, asked->after, list_one_key, &listing);
    if (error != AREG_OK && error != AREG_ENOTFOUND) {
        buffer_unref(room);
        return error;
    }
    reply->keys.has_more = listing.has_more;
    reply->payload = slice_of(room, 0, listing.page.used_bytes);
    if (listing.page.used_bytes == 0)
        slice_unref(&reply->payload);
    return AREG_OK;
}

static void count_damage(const struct replica *replica, const struct data_reply *reply)
{
    for (unsigned i = 0; i < reply->entry_count; i++)
        count(&replica->counters->damaged, (reply->entries[i].flags & ENTRY_DAMAGED) != 0);
}

enum areg_error replica_read(const struct replica *replica, struct store_txn *txn, const struct request *request,
                             struct reply *reply)
{
    begin_reply(request, reply);
    if (request->kind == MESSAGE_HELLO)
        return answer_hello(replica, request, reply);
    if (request->kind == MESSAGE_HINT)
        return config_answer_hint(txn, request->shard, reply);
    const struct membership *membership = memberships_find(&replica->memberships, request->shard, request->config);
    if (!membership || !may_answer(membership, request->kind))
        return config_answer_unknown(txn, request->shard, reply);
    const struct seat seat = seat_of(membership, txn);
    enum areg_error error = answer_next(membership, &seat, reply);
    if (error != AREG_OK || reply->status != REPLY_OK)
        return error;
    switch (request->kind) {
    case MESSAGE_GET_TAG:
        reply->tag.is_full = !store_has_room(txn, request->get_tag.fragment_bytes);
        return membership->answer->get_tag(&seat, request->key, &reply->tag.newest);
    case MESSAGE_GET_DATA:
        error = membership->answer->get_data(&seat, request->key, &request->get_data, &reply->data, &reply->payload);
        if (error == AREG_OK)
            count_damage(replica, &reply->data);
        return error;
    case MESSAGE_LIST_KEYS:
        return answer_list_keys(membership, txn, request, reply);
    case MESSAGE_READ_CONFIG:
        return AREG_OK;
    default:
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- mutating */

static void note_effect(struct replica *replica, const struct membership *membership, struct slice key,
                        const struct answer_effect *effect, uint64_t now_ns)
{
    upkeep_count_trims(replica, effect);
    if (!tag_is_zero(effect->superseded))
        upkeep_plan_sweep(replica, membership, key, effect->superseded, now_ns);
}

static enum areg_error put_data(struct replica *replica, const struct membership *membership, struct store_txn *txn,
                                uint64_t now_ns, const struct request *request, struct reply *reply)
{
    struct seat seat = seat_of(membership, txn);
    const struct entry *entry = &request->put_data.entry;
    if (!membership->answer->fragment_fits(&seat, entry, request->payload)) {
        replica->counters->uncommitted.invalid++;
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    struct answer_effect effect;
    seat.confirmed = sweep_confirmed(&replica->sweep, membership->index, request->key);
    const enum areg_error error = membership->answer->put_data(&seat, request->key, entry, request->payload, &effect);
    if (error != AREG_OK)
        return error;
    if (effect.is_refused) {
        replica->counters->uncommitted.full++;
        reply->status = REPLY_FULL;
        return AREG_OK;
    }
    replica->counters->uncommitted.puts++;
    replica->counters->uncommitted.put_bytes += request->payload.bytes;
    replica->counters->uncommitted.puts_stale += effect.is_stale;
    note_effect(replica, membership, request->key, &effect, now_ns);
    return AREG_OK;
}

static void confirm(struct replica *replica, const struct membership *membership, uint64_t now_ns,
                    const struct request *request)
{
    const struct tag tag = request->confirm.tag;
    if (tag.z >= TAG_Z_MAX) {
        replica->counters->uncommitted.invalid++;
        return;
    }
    replica->counters->uncommitted.confirms++;
    if (membership->answer->sweep == NULL)
        return;
    upkeep_plan_sweep(replica, membership, request->key, tag, now_ns);
}

static enum areg_error adopt(struct replica *replica, const struct membership *membership, struct store_txn *txn,
                             uint64_t now_ns, const struct request *request, struct reply *reply)
{
    struct replica_counters *counters = &replica->counters->uncommitted;
    struct seat seat = seat_of(membership, txn);
    const struct membership *parent =
        memberships_find(&replica->memberships, membership->config.shard, membership->config.parent);
    const struct seat parent_seat = parent ? seat_of(parent, txn) : (struct seat){0};
    struct adopt_effect effect;
    seat.confirmed = sweep_confirmed(&replica->sweep, membership->index, request->key);
    const enum areg_error error = transfer_adopt(&seat, parent ? &parent_seat : NULL, request, reply, &effect);
    if (error != AREG_OK)
        return error;
    counters->damaged += effect.damaged_count;
    counters->adoptions += reply->adopt.is_adopted;
    if (effect.put.is_refused) {
        counters->full++;
        reply->status = REPLY_FULL;
    }
    note_effect(replica, membership, request->key, &effect.put, now_ns);
    return AREG_OK;
}

/* ---------------------------------------------------------------- writing */

enum areg_error replica_write(struct replica *replica, struct store_txn *txn, uint64_t now_ns,
                              const struct request *request, struct reply *reply, bool *has_reply)
{
    begin_reply(request, reply);
    *has_reply = request->kind != MESSAGE_CONFIRM && request->kind < MESSAGE_REGISTERED;
    if (request->kind == MESSAGE_JOIN || request->kind == MESSAGE_FINALIZE)
        return configurations_answer_host(replica, txn, request, reply);
    const struct membership *membership = memberships_find(&replica->memberships, request->shard, request->config);
    if (!membership || !may_answer(membership, request->kind))
        return config_answer_unknown(txn, request->shard, reply);
    const struct seat seat = seat_of(membership, txn);
    enum areg_error error = answer_next(membership, &seat, reply);
    if (PLANTED(PLANT_FINAL_TO_PENDING) && request->kind == MESSAGE_WRITE_CONFIG)
        reply->status = REPLY_OK;
    if (error != AREG_OK || reply->status != REPLY_OK)
        return error;
    switch (request->kind) {
    case MESSAGE_PUT_DATA:
        error = put_data(replica, membership, txn, now_ns, request, reply);
        break;
    case MESSAGE_ADOPT:
        error = adopt(replica, membership, txn, now_ns, request, reply);
        break;
    case MESSAGE_CONFIRM:
        confirm(replica, membership, now_ns, request);
        break;
    default:
        error = configurations_answer_member(replica, &seat, request, reply);
    }
    /* What was lent was lent until the next change. */
    if (error == AREG_OK && reply->next.status == LINK_PENDING)
        error = store_link_get(txn, membership->slot, &reply->next);
    return error;
}

/* ---------------------------------------------------------------- settling */

void replica_settle(struct replica *replica, bool is_committed)
{
    sweep_settle(&replica->sweep, is_committed, replica->tick_ns + replica->grace_ns);
    memberships_settle(&replica->memberships, is_committed);
    if (is_committed) {
        count_committed(replica->counters);
        count_memberships(replica);
    }
    replica->counters->uncommitted = (struct replica_counters){0};
    replica->worker_has_news = is_committed && replica->worker_gets_news;
    replica->worker_gets_news = false;
}

bool replica_has_news_for_worker(const struct replica *replica)
{
    return replica->worker_has_news;
}

/* ---------------------------------------------------------------- counters */

void replica_counters(const struct replica *replica, struct replica_counters *counters)
{
    const struct counters *from = replica->counters;
    *counters = (struct replica_counters){
        .puts = atomic_load_explicit(&from->puts, memory_order_relaxed),
        .put_bytes = atomic_load_explicit(&from->put_bytes, memory_order_relaxed),
        .puts_stale = atomic_load_explicit(&from->puts_stale, memory_order_relaxed),
        .confirms = atomic_load_explicit(&from->confirms, memory_order_relaxed),
        .trims = atomic_load_explicit(&from->trims, memory_order_relaxed),
        .trims_forced = atomic_load_explicit(&from->trims_forced, memory_order_relaxed),
        .damaged = atomic_load_explicit(&from->damaged, memory_order_relaxed),
        .full = atomic_load_explicit(&from->full, memory_order_relaxed),
        .invalid = atomic_load_explicit(&from->invalid, memory_order_relaxed),
        .memberships = atomic_load_explicit(&from->memberships, memory_order_relaxed),
        .retired = atomic_load_explicit(&from->retired, memory_order_relaxed),
        .registers_deleted = atomic_load_explicit(&from->registers_deleted, memory_order_relaxed),
        .successors_refused = atomic_load_explicit(&from->successors_refused, memory_order_relaxed),
        .adoptions = atomic_load_explicit(&from->adoptions, memory_order_relaxed),
    };
}
