#include "server/replica.h"

#include "core/key_page.h"
#include "dap/dap.h"
#include "server/sweep.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A configuration that this host is a member of. */
struct membership {
    struct config config;
    uint32_t slot;
    unsigned member_index;
    const struct dap_answer *answer;
};

/* Registers to look at in one tick: bounds the time that puts wait for it. */
enum { SWEEP_PER_TICK = 256 };

/* After a start, every register is looked at once: entries that were superseded before a crash have nobody else who
 * remembers them. And again after something could not be remembered. */
struct recovery_scan {
    unsigned membership_index;
    struct slice after; /* borrowed from `last`: where the next tick goes on */
    uint8_t last[AREG_KEY_BYTES_MAX];
    bool is_done;
    bool is_wanted_again; /* while it is under way: from the start */
    uint64_t due_ns;
};

/* What figures show. Those of the transaction under way are added when it is committed. */
struct counters {
    struct replica_counters uncommitted;
    atomic_uint_least64_t puts, puts_stale, confirms, trims, trims_forced, damaged, full, invalid;
};

struct replica {
    struct host_id host;
    uint64_t incarnation;
    const struct cluster *cluster;
    uint64_t grace_ns;
    unsigned membership_count;
    struct membership *memberships; /* ascending by shard */
    struct slice cluster_map;       /* encoded, counted */
    struct sweep_queue sweep;
    uint64_t tick_ns; /* of the last tick */
    struct recovery_scan recovery;
    struct counters *counters; /* the only part that a reading thread changes */
};

static void count(atomic_uint_least64_t *counter, uint64_t more)
{
    if (more)
        atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void count_committed(struct counters *counters)
{
    const struct replica_counters *more = &counters->uncommitted;
    count(&counters->puts, more->puts);
    count(&counters->puts_stale, more->puts_stale);
    count(&counters->confirms, more->confirms);
    count(&counters->trims, more->trims);
    count(&counters->trims_forced, more->trims_forced);
    count(&counters->full, more->full);
    count(&counters->invalid, more->invalid);
}

/* ---------------------------------------------------------------- creation */

static enum areg_error join_genesis(struct replica *replica, struct store_txn *txn)
{
    const struct cluster *cluster = replica->cluster;
    replica->memberships = calloc(cluster->shard_count, sizeof *replica->memberships);
    if (!replica->memberships)
        return AREG_ENOMEM;
    for (uint32_t shard = 0; shard < cluster->shard_count; shard++) {
        struct membership *membership = &replica->memberships[replica->membership_count];
        cluster_genesis_config(cluster, shard, &membership->config);
        const int member_index = config_member_index(&membership->config, &replica->host);
        const struct dap *dap = dap_of(membership->config.code.dap);
        if (member_index < 0 || !dap)
            continue;
        uint8_t descriptor[CONFIG_ENCODED_BYTES_MAX];
        const size_t descriptor_bytes = config_encode(&membership->config, descriptor, sizeof descriptor);
        const enum areg_error error =
            store_config_put(txn, membership->config.id, slice_borrow(descriptor, descriptor_bytes), &membership->slot);
        if (error != AREG_OK)
            return error;
        membership->member_index = (unsigned)member_index;
        membership->answer = dap->answer;
        replica->membership_count++;
    }
    return AREG_OK;
}

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
    if (cluster_host_index(options->cluster, &options->host) < 0)
        return AREG_EINVAL;
    struct replica *created = calloc(1, sizeof *created);
    if (!created)
        return AREG_ENOMEM;
    created->host = options->host;
    created->incarnation = options->incarnation;
    created->cluster = options->cluster;
    created->grace_ns = options->grace_ns ? options->grace_ns : REPLICA_GRACE_NS;
    created->counters = calloc(1, sizeof *created->counters);
    enum areg_error error =
        sweep_init(&created->sweep) && created->counters ? encode_cluster_map(created) : AREG_ENOMEM;
    if (error == AREG_OK)
        error = join_genesis(created, txn);
    if (error != AREG_OK) {
        replica_destroy(created);
        return error;
    }
    *replica = created;
    return AREG_OK;
}

void replica_destroy(struct replica *replica)
{
    if (!replica)
        return;
    sweep_fini(&replica->sweep);
    slice_unref(&replica->cluster_map);
    free(replica->memberships);
    free(replica->counters);
    free(replica);
}

/* ---------------------------------------------------------------- answering */

static const struct membership *membership_of(const struct replica *replica, uint32_t shard, struct config_id id)
{
    unsigned low = 0;
    unsigned high = replica->membership_count;
    while (low < high) {
        const unsigned middle = low + (high - low) / 2;
        if (replica->memberships[middle].config.shard < shard)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == replica->membership_count || replica->memberships[low].config.shard != shard ||
        !config_id_equal(replica->memberships[low].config.id, id))
        return NULL;
    return &replica->memberships[low];
}

static struct seat seat_of(const struct membership *membership, struct store_txn *txn)
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
    const struct membership *membership = membership_of(replica, request->shard, request->config);
    if (!membership) {
        reply->status = REPLY_UNKNOWN_CONFIG;
        return AREG_OK;
    }
    enum areg_error error = store_link_get(txn, membership->slot, &reply->next);
    if (error != AREG_OK && error != AREG_ENOTFOUND)
        return error;
    const struct seat seat = seat_of(membership, txn);
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
    default:
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- mutating */

/* Look at every register, some in each tick. */
static void begin_recovery(struct recovery_scan *scan)
{
    scan->membership_index = 0;
    scan->after = (struct slice){0};
    scan->is_done = false;
    scan->is_wanted_again = false;
}

static uint32_t index_of(const struct replica *replica, const struct membership *membership)
{
    return (uint32_t)(membership - replica->memberships);
}

/* Remember that a tag of this register is confirmed. */
static void plan_sweep(struct replica *replica, const struct membership *membership, struct slice key,
                       struct tag confirmed, uint64_t now_ns)
{
    const uint64_t due_ns = now_ns + replica->grace_ns;
    if (sweep_add(&replica->sweep, index_of(replica, membership), key, confirmed, due_ns))
        return;
    /* No room, or no memory: the scan will come across what is superseded already. */
    if (replica->recovery.is_done)
        begin_recovery(&replica->recovery);
    else
        replica->recovery.is_wanted_again = true;
}

static void count_trims(struct replica *replica, const struct answer_effect *effect)
{
    replica->counters->uncommitted.trims += effect->trim_count;
    replica->counters->uncommitted.trims_forced += effect->forced_count;
}

static void note_effect(struct replica *replica, const struct membership *membership, struct slice key,
                        const struct answer_effect *effect, uint64_t now_ns)
{
    count_trims(replica, effect);
    if (!tag_is_zero(effect->superseded))
        plan_sweep(replica, membership, key, effect->superseded, now_ns);
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
    seat.confirmed = sweep_confirmed(&replica->sweep, index_of(replica, membership), request->key);
    const enum areg_error error = membership->answer->put_data(&seat, request->key, entry, request->payload, &effect);
    if (error != AREG_OK)
        return error;
    if (effect.is_refused) {
        replica->counters->uncommitted.full++;
        reply->status = REPLY_FULL;
        return AREG_OK;
    }
    replica->counters->uncommitted.puts++;
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
    plan_sweep(replica, membership, request->key, tag, now_ns);
}

enum areg_error replica_write(struct replica *replica, struct store_txn *txn, uint64_t now_ns,
                              const struct request *request, struct reply *reply, bool *has_reply)
{
    begin_reply(request, reply);
    *has_reply = request->kind != MESSAGE_CONFIRM;
    const struct membership *membership = membership_of(replica, request->shard, request->config);
    if (!membership) {
        reply->status = REPLY_UNKNOWN_CONFIG;
        return AREG_OK;
    }
    const enum areg_error error = store_link_get(txn, membership->slot, &reply->next);
    if (error != AREG_OK && error != AREG_ENOTFOUND)
        return error;
    switch (request->kind) {
    case MESSAGE_PUT_DATA:
        return put_data(replica, membership, txn, now_ns, request, reply);
    case MESSAGE_CONFIRM:
        confirm(replica, membership, now_ns, request);
        return AREG_OK;
    default:
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- sweeping */

static enum areg_error sweep_due(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    for (unsigned taken = 0; taken < SWEEP_PER_TICK; taken++) {
        const struct sweep_item *item = sweep_take(&replica->sweep, now_ns);
        if (!item)
            break;
        const struct membership *membership = &replica->memberships[item->membership_index];
        struct seat seat = seat_of(membership, txn);
        seat.confirmed = item->confirmed;
        struct answer_effect effect;
        const enum areg_error error = membership->answer->sweep(&seat, item->key, item->superseded, &effect);
        /* A record that does not decode stays as it is, and is no reason to leave the others. */
        if (error != AREG_OK && error != AREG_ECORRUPT)
            return error;
        if (error == AREG_OK)
            count_trims(replica, &effect);
    }
    return AREG_OK;
}

struct recovery_visit {
    struct replica *replica;
    const struct membership *membership;
    uint64_t now_ns;
    unsigned visit_count;
    bool has_stopped;
    size_t last_bytes;
    uint8_t last[AREG_KEY_BYTES_MAX];
};

static bool recover_one(struct slice key, const struct stored_register *found, void *arg)
{
    struct recovery_visit *visit = arg;
    if (visit->visit_count == SWEEP_PER_TICK) {
        visit->has_stopped = true;
        return false;
    }
    visit->visit_count++;
    if (found && found->entry_count > 0 && tag_compare(found->entries[0].entry.tag, found->confirmed) < 0)
        plan_sweep(visit->replica, visit->membership, key, found->confirmed, visit->now_ns);
    memcpy(visit->last, key.at, key.bytes);
    visit->last_bytes = key.bytes;
    return true;
}

static enum areg_error recover_some(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    struct recovery_scan *scan = &replica->recovery;
    if (scan->membership_index == replica->membership_count) {
        if (scan->is_wanted_again)
            begin_recovery(scan);
        else
            scan->is_done = true;
        return AREG_OK;
    }
    const struct membership *membership = &replica->memberships[scan->membership_index];
    struct recovery_visit visit = {.replica = replica, .membership = membership, .now_ns = now_ns};
    const enum areg_error error =
        store_register_scan(txn, membership->slot, (struct slice){0}, scan->after, recover_one, &visit);
    if (error != AREG_OK && error != AREG_ENOTFOUND && error != AREG_ECORRUPT)
        return error;
    if (visit.has_stopped) {
        memcpy(scan->last, visit.last, visit.last_bytes);
        scan->after = slice_borrow(scan->last, visit.last_bytes);
    } else {
        /* The end of the configuration, or a record that does not even tell its key. */
        scan->after = (struct slice){0};
        scan->membership_index++;
    }
    scan->due_ns = now_ns + replica->grace_ns / 16;
    return AREG_OK;
}

enum areg_error replica_tick(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    replica->tick_ns = now_ns;
    const enum areg_error error = sweep_due(replica, txn, now_ns);
    if (error != AREG_OK || replica->recovery.is_done || replica->recovery.due_ns > now_ns)
        return error;
    return recover_some(replica, txn, now_ns);
}

uint64_t replica_wake_ns(const struct replica *replica)
{
    const uint64_t sweep_ns = sweep_wake_ns(&replica->sweep);
    const uint64_t recovery_ns = replica->recovery.is_done ? UINT64_MAX : replica->recovery.due_ns;
    return sweep_ns < recovery_ns ? sweep_ns : recovery_ns;
}

void replica_settle(struct replica *replica, bool is_committed)
{
    sweep_settle(&replica->sweep, is_committed, replica->tick_ns + replica->grace_ns);
    if (is_committed)
        count_committed(replica->counters);
    replica->counters->uncommitted = (struct replica_counters){0};
}

/* ---------------------------------------------------------------- counters */

void replica_counters(const struct replica *replica, struct replica_counters *counters)
{
    const struct counters *from = replica->counters;
    *counters = (struct replica_counters){
        .puts = atomic_load_explicit(&from->puts, memory_order_relaxed),
        .puts_stale = atomic_load_explicit(&from->puts_stale, memory_order_relaxed),
        .confirms = atomic_load_explicit(&from->confirms, memory_order_relaxed),
        .trims = atomic_load_explicit(&from->trims, memory_order_relaxed),
        .trims_forced = atomic_load_explicit(&from->trims_forced, memory_order_relaxed),
        .damaged = atomic_load_explicit(&from->damaged, memory_order_relaxed),
        .full = atomic_load_explicit(&from->full, memory_order_relaxed),
        .invalid = atomic_load_explicit(&from->invalid, memory_order_relaxed),
    };
}
