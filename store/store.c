/*
 * Transactions, room, host-wide values and configurations, over whichever backend.
 * Registers and their fragments are in register.c.
 */
#include "store/store.h"

#include "core/bytes.h"
#include "core/check.h"
#include "store/backend.h"
#include "store/record.h"

#include <string.h>

/* Keys of TABLE_HOST: a kind, and the name, id or slot behind it. */
enum host_key_kind {
    HOST_KEY_STATE = 1,
    HOST_KEY_META = 2,
    HOST_KEY_SLOT = 3, /* by configuration id */
    HOST_KEY_DESCRIPTOR = 4,
    HOST_KEY_LINK = 5,
    HOST_KEY_ACCEPTOR = 6,
    HOST_KEY_TRANSFER = 7,
    HOST_KEY_INCARNATIONS = 8,
};

enum {
    META_NAME_BYTES_MAX = 64,
    HOST_RECORD_BYTES_MAX = CONFIG_ENCODED_BYTES_MAX + AREG_KEY_BYTES_MAX + 64, /* all but meta values */
    /* Kept free even if the settings reserve less: deleting needs some pages before it gives others back. */
    RESERVE_BYTES_MIN = 4 << 20,
};

/* ---------------------------------------------------------------- records of TABLE_HOST */

struct host_key {
    uint8_t at[1 + META_NAME_BYTES_MAX];
    size_t bytes;
};

static struct host_key host_key(enum host_key_kind kind, const void *rest, size_t rest_bytes)
{
    struct host_key key = {.at = {(uint8_t)kind}, .bytes = 1 + rest_bytes};
    CHECK(key.bytes <= sizeof key.at);
    if (rest_bytes)
        memcpy(key.at + 1, rest, rest_bytes);
    return key;
}

/** Slots stand big-endian in keys, so that they sort. */
static struct host_key host_key_of_slot(enum host_key_kind kind, uint32_t slot)
{
    const uint8_t rest[4] = {(uint8_t)(slot >> 24), (uint8_t)(slot >> 16), (uint8_t)(slot >> 8), (uint8_t)slot};
    return host_key(kind, rest, sizeof rest);
}

static uint32_t slot_of_host_key(const uint8_t *key)
{
    return (uint32_t)key[1] << 24 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 8 | key[4];
}

static enum areg_error host_get(struct store_txn *txn, const struct host_key *key, struct slice *body)
{
    struct slice record;
    const enum areg_error error = txn->store->backend->get(txn, TABLE_HOST, slice_borrow(key->at, key->bytes), &record);
    return error ? error : record_unseal(record, body);
}

static enum areg_error host_put(struct store_txn *txn, const struct host_key *key, struct slice body)
{
    uint8_t *room;
    CHECK(txn->mode == STORE_WRITE);
    if (txn->failed)
        return txn->failed;
    txn->failed = txn->store->backend->put(txn, TABLE_HOST, slice_borrow(key->at, key->bytes),
                                           RECORD_SEAL_BYTES + body.bytes, &room);
    if (txn->failed)
        return txn->failed;
    if (body.bytes)
        memcpy(room + RECORD_SEAL_BYTES, body.at, body.bytes);
    record_seal(room, body.bytes);
    return AREG_OK;
}

/** Delete a record, or find that there is none. */
static enum areg_error host_del(struct store_txn *txn, const struct host_key *key)
{
    CHECK(txn->mode == STORE_WRITE);
    if (txn->failed)
        return txn->failed;
    const enum areg_error error = txn->store->backend->del(txn, TABLE_HOST, slice_borrow(key->at, key->bytes));
    if (error != AREG_ENOTFOUND)
        txn->failed = error;
    return txn->failed;
}

/** The first record of a kind whose slot is >= `*slot`. */
static enum areg_error host_next(struct store_txn *txn, enum host_key_kind kind, uint32_t *slot, struct slice *body)
{
    const struct host_key from = host_key_of_slot(kind, *slot);
    struct slice key;
    struct slice record;
    const enum areg_error error =
        txn->store->backend->seek(txn, TABLE_HOST, slice_borrow(from.at, from.bytes), &key, &record);
    if (error)
        return error;
    if (key.at[0] != kind)
        return AREG_ENOTFOUND;
    if (key.bytes != from.bytes)
        return AREG_ECORRUPT;
    *slot = slot_of_host_key(key.at);
    return record_unseal(record, body);
}

/* ---------------------------------------------------------------- state */

static enum areg_error state_get(struct store_txn *txn, uint32_t *format, struct state *state)
{
    const struct host_key key = host_key(HOST_KEY_STATE, NULL, 0);
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    *format = bytes_get_u32(&reader);
    if (reader.failed)
        return AREG_ECORRUPT;
    if (*format != STORE_FORMAT)
        return AREG_EVERSION;
    state->fragment_next = bytes_get_u64(&reader);
    state->slot_next = bytes_get_u32(&reader);
    state->register_count = bytes_get_u64(&reader);
    state->entry_count = bytes_get_u64(&reader);
    state->fragment_bytes = bytes_get_u64(&reader);
    return bytes_reader_is_done(&reader) ? AREG_OK : AREG_ECORRUPT;
}

static enum areg_error state_put(struct store_txn *txn)
{
    uint8_t body[64];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    bytes_put_u32(&writer, STORE_FORMAT);
    bytes_put_u64(&writer, txn->state.fragment_next);
    bytes_put_u32(&writer, txn->state.slot_next);
    bytes_put_u64(&writer, txn->state.register_count);
    bytes_put_u64(&writer, txn->state.entry_count);
    bytes_put_u64(&writer, txn->state.fragment_bytes);
    CHECK(!writer.failed);
    const struct host_key key = host_key(HOST_KEY_STATE, NULL, 0);
    return host_put(txn, &key, slice_borrow(body, writer.used_bytes));
}

enum areg_error store_state_settle(struct store *store)
{
    struct store_txn *txn;
    enum areg_error error = store->backend->begin(store, STORE_WRITE, &txn);
    if (error)
        return error;
    uint32_t format = 0;
    error = state_get(txn, &format, &txn->state);
    if (error != AREG_ENOTFOUND) {
        store_abort(txn);
        return error;
    }
    txn->state = (struct state){.fragment_next = 1, .slot_next = 1};
    txn->state_changed = true;
    return store_commit(txn);
}

/* ---------------------------------------------------------------- transactions */

void store_close(struct store *store)
{
    store->backend->close(store);
}

void store_set_quota(struct store *store, uint64_t quota_bytes, uint64_t reserve_bytes)
{
    atomic_store(&store->quota_bytes, quota_bytes);
    atomic_store(&store->reserve_bytes, reserve_bytes);
}

enum areg_error store_begin(struct store *store, enum store_mode mode, struct store_txn **txn)
{
    enum areg_error error = store->backend->begin(store, mode, txn);
    if (error || mode == STORE_READ)
        return error;
    uint32_t format;
    error = state_get(*txn, &format, &(*txn)->state);
    if (error == AREG_OK)
        return AREG_OK;
    store_abort(*txn);
    *txn = NULL;
    return error == AREG_ENOTFOUND ? AREG_ECORRUPT : error;
}

enum areg_error store_commit(struct store_txn *txn)
{
    CHECK(txn->mode == STORE_WRITE);
    if (txn->failed == AREG_OK && txn->state_changed)
        txn->failed = state_put(txn);
    const enum areg_error error = txn->failed;
    if (error == AREG_OK)
        return txn->store->backend->commit(txn);
    store_abort(txn);
    return error;
}

void store_abort(struct store_txn *txn)
{
    if (txn)
        txn->store->backend->abort(txn);
}

/* ---------------------------------------------------------------- room */

/*
 * Quota bounds what is in use; free pages inside the file count as room. Pages freed a moment ago cannot be reused
 * before the next commits, so the file may come to stand a little above the quota, and on a full disk a commit may
 * still meet ENOSPC: that is AREG_EFULL, too.
 */
static bool usage_has_room(const struct store *store, const struct usage *usage, uint64_t more_bytes)
{
    const uint64_t quota_bytes = atomic_load(&store->quota_bytes);
    if (quota_bytes > 0 && (usage->used_bytes >= quota_bytes || quota_bytes - usage->used_bytes < more_bytes))
        return false;

    const uint64_t reserve_setting_bytes = atomic_load(&store->reserve_bytes);
    const uint64_t reserve_bytes =
        reserve_setting_bytes > RESERVE_BYTES_MIN ? reserve_setting_bytes : RESERVE_BYTES_MIN;
    uint64_t room_bytes = usage->reusable_bytes;
    if (usage->disk_free_bytes > reserve_bytes)
        room_bytes += usage->disk_free_bytes - reserve_bytes;
    return room_bytes >= more_bytes;
}

bool store_has_room(struct store_txn *txn, uint64_t more_bytes)
{
    struct usage usage;
    return txn->store->backend->usage(txn, &usage) == AREG_OK && usage_has_room(txn->store, &usage, more_bytes);
}

enum areg_error store_stats_get(struct store_txn *txn, struct store_stats *stats)
{
    struct state state = txn->state;
    uint32_t format;
    struct usage usage;
    enum areg_error error = txn->mode == STORE_WRITE ? AREG_OK : state_get(txn, &format, &state);
    if (error == AREG_OK)
        error = txn->store->backend->usage(txn, &usage);
    if (error)
        return error;
    *stats = (struct store_stats){
        .register_count = state.register_count,
        .entry_count = state.entry_count,
        .fragment_bytes = state.fragment_bytes,
        .used_bytes = usage.used_bytes,
        .file_bytes = usage.file_bytes,
        .quota_bytes = atomic_load(&txn->store->quota_bytes),
        .disk_free_bytes = usage.disk_free_bytes,
        .is_full = !usage_has_room(txn->store, &usage, 1),
    };
    return AREG_OK;
}

/* ---------------------------------------------------------------- host-wide values */

enum areg_error store_meta_get(struct store_txn *txn, const char *name, struct slice *value)
{
    const struct host_key key = host_key(HOST_KEY_META, name, strlen(name));
    return host_get(txn, &key, value);
}

enum areg_error store_meta_put(struct store_txn *txn, const char *name, struct slice value)
{
    CHECK(value.bytes <= CLUSTER_ENCODED_BYTES_MAX);
    const struct host_key key = host_key(HOST_KEY_META, name, strlen(name));
    return host_put(txn, &key, value);
}

/* ---------------------------------------------------------------- configurations */

enum areg_error store_config_find(struct store_txn *txn, struct config_id id, uint32_t *slot)
{
    const struct host_key key = host_key(HOST_KEY_SLOT, id.bytes, sizeof id.bytes);
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    *slot = bytes_get_u32(&reader);
    return bytes_reader_is_done(&reader) ? AREG_OK : AREG_ECORRUPT;
}

enum areg_error store_config_put(struct store_txn *txn, struct config_id id, struct slice descriptor, uint32_t *slot)
{
    CHECK(descriptor.bytes <= CONFIG_ENCODED_BYTES_MAX);
    const enum areg_error error = store_config_find(txn, id, slot);
    if (error != AREG_ENOTFOUND)
        return error;

    /* The descriptor may be lent by this very transaction: it is copied before the first change. */
    uint8_t copy[CONFIG_ENCODED_BYTES_MAX];
    if (descriptor.bytes)
        memcpy(copy, descriptor.at, descriptor.bytes);
    *slot = txn->state.slot_next++;
    txn->state_changed = true;
    uint8_t body[4];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    bytes_put_u32(&writer, *slot);
    const struct host_key by_id = host_key(HOST_KEY_SLOT, id.bytes, sizeof id.bytes);
    const struct host_key by_slot = host_key_of_slot(HOST_KEY_DESCRIPTOR, *slot);
    const enum areg_error id_error = host_put(txn, &by_id, slice_borrow(body, writer.used_bytes));
    return id_error ? id_error : host_put(txn, &by_slot, slice_borrow(copy, descriptor.bytes));
}

enum areg_error store_config_next(struct store_txn *txn, uint32_t *slot, struct slice *descriptor)
{
    return host_next(txn, HOST_KEY_DESCRIPTOR, slot, descriptor);
}

enum areg_error store_config_delete(struct store_txn *txn, struct config_id id, uint32_t slot)
{
    static const enum host_key_kind kinds[] = {HOST_KEY_DESCRIPTOR, HOST_KEY_LINK, HOST_KEY_ACCEPTOR, HOST_KEY_TRANSFER,
                                               HOST_KEY_INCARNATIONS};
    const struct host_key by_id = host_key(HOST_KEY_SLOT, id.bytes, sizeof id.bytes);
    enum areg_error error = host_del(txn, &by_id);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0] && error == AREG_OK; i++) {
        const struct host_key by_slot = host_key_of_slot(kinds[i], slot);
        error = host_del(txn, &by_slot);
    }
    return error;
}

enum areg_error store_link_get(struct store_txn *txn, uint32_t slot, struct link *link)
{
    const struct host_key key = host_key_of_slot(HOST_KEY_LINK, slot);
    *link = (struct link){.status = LINK_NONE};
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    const uint8_t status = bytes_get_u8(&reader);
    if (status != LINK_PENDING && status != LINK_FINALIZED)
        return AREG_ECORRUPT;
    link->status = (enum link_status)status;
    link->descriptor = bytes_get_slice(&reader, reader.left_bytes);
    return AREG_OK;
}

enum areg_error store_link_put(struct store_txn *txn, uint32_t slot, const struct link *link)
{
    CHECK(link->status == LINK_PENDING || link->status == LINK_FINALIZED);
    uint8_t body[HOST_RECORD_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    bytes_put_u8(&writer, (uint8_t)link->status);
    bytes_put_raw(&writer, link->descriptor.at, link->descriptor.bytes);
    CHECK(!writer.failed);
    const struct host_key key = host_key_of_slot(HOST_KEY_LINK, slot);
    return host_put(txn, &key, slice_borrow(body, writer.used_bytes));
}

enum areg_error store_acceptor_get(struct store_txn *txn, uint32_t slot, struct acceptor *acceptor)
{
    const struct host_key key = host_key_of_slot(HOST_KEY_ACCEPTOR, slot);
    *acceptor = (struct acceptor){0};
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    acceptor->promised.round = bytes_get_u64(&reader);
    acceptor->promised.proposer = bytes_get_u64(&reader);
    acceptor->accepted.round = bytes_get_u64(&reader);
    acceptor->accepted.proposer = bytes_get_u64(&reader);
    acceptor->descriptor = bytes_get_slice(&reader, reader.left_bytes);
    return reader.failed ? AREG_ECORRUPT : AREG_OK;
}

enum areg_error store_acceptor_put(struct store_txn *txn, uint32_t slot, const struct acceptor *acceptor)
{
    uint8_t body[HOST_RECORD_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    bytes_put_u64(&writer, acceptor->promised.round);
    bytes_put_u64(&writer, acceptor->promised.proposer);
    bytes_put_u64(&writer, acceptor->accepted.round);
    bytes_put_u64(&writer, acceptor->accepted.proposer);
    bytes_put_raw(&writer, acceptor->descriptor.at, acceptor->descriptor.bytes);
    CHECK(!writer.failed);
    const struct host_key key = host_key_of_slot(HOST_KEY_ACCEPTOR, slot);
    return host_put(txn, &key, slice_borrow(body, writer.used_bytes));
}

/* ---------------------------------------------------------------- transfers */

static enum areg_error transfer_decode(struct slice body, struct stored_transfer *transfer)
{
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    transfer->progress.slices_given = bytes_get_u32(&reader);
    transfer->progress.slices_moved = bytes_get_u32(&reader);
    transfer->progress.register_count = bytes_get_u64(&reader);
    transfer->progress.bytes = bytes_get_u64(&reader);
    transfer->progress.is_paused = bytes_get_u8(&reader) != 0;
    transfer->progress.bytes_per_s = bytes_get_u64(&reader);
    transfer->progress.stuck_count = bytes_get_u32(&reader);
    transfer->slices_at_work = bytes_get_u32(&reader);
    transfer->after = bytes_get_text(&reader);
    transfer->source = bytes_get_slice(&reader, reader.left_bytes);
    return reader.failed ? AREG_ECORRUPT : AREG_OK;
}

enum areg_error store_transfer_get(struct store_txn *txn, uint32_t slot, struct stored_transfer *transfer)
{
    const struct host_key key = host_key_of_slot(HOST_KEY_TRANSFER, slot);
    *transfer = (struct stored_transfer){0};
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    return transfer_decode(body, transfer);
}

enum areg_error store_transfer_put(struct store_txn *txn, uint32_t slot, const struct stored_transfer *transfer)
{
    CHECK(transfer->after.bytes <= AREG_KEY_BYTES_MAX && transfer->source.bytes <= CONFIG_ENCODED_BYTES_MAX);
    uint8_t body[HOST_RECORD_BYTES_MAX];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    bytes_put_u32(&writer, transfer->progress.slices_given);
    bytes_put_u32(&writer, transfer->progress.slices_moved);
    bytes_put_u64(&writer, transfer->progress.register_count);
    bytes_put_u64(&writer, transfer->progress.bytes);
    bytes_put_u8(&writer, transfer->progress.is_paused);
    bytes_put_u64(&writer, transfer->progress.bytes_per_s);
    bytes_put_u32(&writer, transfer->progress.stuck_count);
    bytes_put_u32(&writer, transfer->slices_at_work);
    bytes_put_text(&writer, transfer->after.at, transfer->after.bytes);
    bytes_put_raw(&writer, transfer->source.at, transfer->source.bytes);
    CHECK(!writer.failed);
    const struct host_key key = host_key_of_slot(HOST_KEY_TRANSFER, slot);
    return host_put(txn, &key, slice_borrow(body, writer.used_bytes));
}

enum areg_error store_transfer_next(struct store_txn *txn, uint32_t *slot, struct stored_transfer *transfer)
{
    struct slice body;
    const enum areg_error error = host_next(txn, HOST_KEY_TRANSFER, slot, &body);
    return error ? error : transfer_decode(body, transfer);
}

/* ---------------------------------------------------------------- incarnations */

enum areg_error store_incarnations_get(struct store_txn *txn, uint32_t slot, uint64_t incarnations[MEMBER_COUNT_MAX])
{
    const struct host_key key = host_key_of_slot(HOST_KEY_INCARNATIONS, slot);
    memset(incarnations, 0, MEMBER_COUNT_MAX * sizeof incarnations[0]);
    struct slice body;
    const enum areg_error error = host_get(txn, &key, &body);
    if (error)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    struct bytes_reader reader = bytes_reader_on(body.at, body.bytes);
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++)
        incarnations[i] = bytes_get_u64(&reader);
    return bytes_reader_is_done(&reader) ? AREG_OK : AREG_ECORRUPT;
}

enum areg_error store_incarnations_put(struct store_txn *txn, uint32_t slot,
                                       const uint64_t incarnations[MEMBER_COUNT_MAX])
{
    uint8_t body[MEMBER_COUNT_MAX * 8];
    struct bytes_writer writer = bytes_writer_on(body, sizeof body);
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++)
        bytes_put_u64(&writer, incarnations[i]);
    CHECK(!writer.failed);
    const struct host_key key = host_key_of_slot(HOST_KEY_INCARNATIONS, slot);
    return host_put(txn, &key, slice_borrow(body, writer.used_bytes));
}
