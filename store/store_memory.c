#include "store/store_memory.h"

#include "core/check.h"
#include "store/backend.h"
#include "store/map.h"

#include <stdlib.h>
#include <string.h>

/** All tables at one moment. */
struct snapshot {
    struct map tables[TABLE_COUNT];
    uint64_t used_bytes; /* of keys and values */
};

struct memory_txn {
    struct store_txn base;
    struct snapshot now;
};

struct memory_store {
    struct store base;
    bool sync;
    struct snapshot committed;
    struct snapshot durable;
    uint32_t open_count; /* transactions */
    bool has_writer;
    bool has_fault;
    bool is_broken; /* after AREG_EIO, until a crash */
    struct store_fault fault;
};

static struct memory_store *memory_store_of(struct store_txn *txn)
{
    return (struct memory_store *)txn->store;
}

static struct snapshot *snapshot_of(struct store_txn *txn)
{
    return &((struct memory_txn *)txn)->now;
}

static struct snapshot snapshot_ref(const struct snapshot *from)
{
    struct snapshot snapshot = {.used_bytes = from->used_bytes};
    for (int i = 0; i < TABLE_COUNT; i++)
        snapshot.tables[i] = map_ref(from->tables[i]);
    return snapshot;
}

static void snapshot_fini(struct snapshot *snapshot)
{
    for (int i = 0; i < TABLE_COUNT; i++)
        map_fini(&snapshot->tables[i]);
}

static void snapshot_replace(struct snapshot *at, const struct snapshot *by)
{
    const struct snapshot now = snapshot_ref(by);
    snapshot_fini(at);
    *at = now;
}

/* ---------------------------------------------------------------- tables */

static enum areg_error memory_get(struct store_txn *txn, enum table table, struct slice key, struct slice *value)
{
    return map_get(snapshot_of(txn)->tables[table], key, value) ? AREG_OK : AREG_ENOTFOUND;
}

static enum areg_error memory_put(struct store_txn *txn, enum table table, struct slice key, size_t value_bytes,
                                  uint8_t **room)
{
    struct snapshot *const now = snapshot_of(txn);
    struct slice old;
    const bool is_there = map_get(now->tables[table], key, &old);
    const size_t old_bytes = is_there ? key.bytes + old.bytes : 0;
    *room = map_put(&now->tables[table], key, value_bytes);
    if (!*room)
        return AREG_ENOMEM;
    now->used_bytes += key.bytes + value_bytes - old_bytes;
    return AREG_OK;
}

static enum areg_error memory_del(struct store_txn *txn, enum table table, struct slice key)
{
    struct snapshot *const now = snapshot_of(txn);
    struct slice old;
    if (!map_get(now->tables[table], key, &old))
        return AREG_ENOTFOUND;
    const size_t old_bytes = key.bytes + old.bytes;
    if (!map_remove(&now->tables[table], key))
        return AREG_ENOMEM;
    now->used_bytes -= old_bytes;
    return AREG_OK;
}

static enum areg_error memory_seek(struct store_txn *txn, enum table table, struct slice from, struct slice *key,
                                   struct slice *value)
{
    return map_seek(snapshot_of(txn)->tables[table], from, key, value) ? AREG_OK : AREG_ENOTFOUND;
}

/* ---------------------------------------------------------------- fragments: values of their table */

static enum areg_error memory_fragment_put(struct store_txn *txn, uint64_t number, struct slice fragment)
{
    uint8_t key[FRAGMENT_KEY_BYTES];
    uint8_t *room;
    const enum areg_error error = memory_put(txn, TABLE_FRAGMENTS, fragment_key(number, key), fragment.bytes, &room);
    if (error == AREG_OK)
        memcpy(room, fragment.at, fragment.bytes);
    return error;
}

static enum areg_error memory_fragment_get(struct store_txn *txn, uint64_t number, uint8_t *to, size_t fragment_bytes)
{
    uint8_t key[FRAGMENT_KEY_BYTES];
    struct slice found;
    const enum areg_error error = memory_get(txn, TABLE_FRAGMENTS, fragment_key(number, key), &found);
    if (error || found.bytes != fragment_bytes)
        return AREG_ECORRUPT;
    memcpy(to, found.at, fragment_bytes);
    return AREG_OK;
}

static enum areg_error memory_fragment_del(struct store_txn *txn, uint64_t number)
{
    uint8_t key[FRAGMENT_KEY_BYTES];
    const enum areg_error error = memory_del(txn, TABLE_FRAGMENTS, fragment_key(number, key));
    return error == AREG_ENOTFOUND ? AREG_OK : error;
}

static enum areg_error memory_usage(struct store_txn *txn, struct usage *usage)
{
    const uint64_t used_bytes = snapshot_of(txn)->used_bytes;
    *usage = (struct usage){.used_bytes = used_bytes,
                            .file_bytes = used_bytes,
                            .disk_free_bytes = (uint64_t)1 << 50}; /* only the quota counts */
    return AREG_OK;
}

/* ---------------------------------------------------------------- transactions */

static enum areg_error memory_begin(struct store *store, enum store_mode mode, struct store_txn **txn)
{
    struct memory_store *const memory = (struct memory_store *)store;
    if (memory->is_broken)
        return AREG_EIO;
    CHECK(mode == STORE_READ || !memory->has_writer);
    struct memory_txn *const new_txn = calloc(1, sizeof *new_txn);
    if (!new_txn)
        return AREG_ENOMEM;
    new_txn->base = (struct store_txn){.store = store, .mode = mode};
    new_txn->now = snapshot_ref(&memory->committed);
    memory->open_count++;
    if (mode == STORE_WRITE)
        memory->has_writer = true;
    *txn = &new_txn->base;
    return AREG_OK;
}

static void memory_abort(struct store_txn *txn)
{
    struct memory_store *const store = memory_store_of(txn);
    CHECK(store->open_count > 0);
    store->open_count--;
    if (txn->mode == STORE_WRITE)
        store->has_writer = false;
    snapshot_fini(snapshot_of(txn));
    free((struct memory_txn *)txn);
}

/** The error that this commit is to fail with. */
static enum areg_error fault_due(struct memory_store *store)
{
    if (!store->has_fault || store->fault.commits_before-- > 0)
        return AREG_OK;
    store->has_fault = false;
    store->is_broken = store->fault.error == AREG_EIO;
    return store->fault.error;
}

static enum areg_error memory_commit(struct store_txn *txn)
{
    struct memory_store *const store = memory_store_of(txn);
    const enum areg_error error = fault_due(store);
    if (error == AREG_OK || (error == AREG_EIO && store->fault.is_committed_anyway)) {
        snapshot_replace(&store->committed, snapshot_of(txn));
        if (store->sync)
            snapshot_replace(&store->durable, &store->committed);
    }
    memory_abort(txn);
    return error;
}

/* ---------------------------------------------------------------- open, close */

static void memory_close(struct store *store)
{
    struct memory_store *const memory = (struct memory_store *)store;
    CHECK(memory->open_count == 0);
    snapshot_fini(&memory->committed);
    snapshot_fini(&memory->durable);
    free(memory);
}

static const struct backend MEMORY_BACKEND = {
    .close = memory_close,
    .begin = memory_begin,
    .commit = memory_commit,
    .abort = memory_abort,
    .get = memory_get,
    .put = memory_put,
    .del = memory_del,
    .seek = memory_seek,
    .fragment_put = memory_fragment_put,
    .fragment_get = memory_fragment_get,
    .fragment_del = memory_fragment_del,
    .usage = memory_usage,
};

enum areg_error store_memory_open(struct store **store, const struct store_options *options)
{
    *store = NULL;
    struct memory_store *const memory = calloc(1, sizeof *memory);
    if (!memory)
        return AREG_ENOMEM;
    memory->base.backend = &MEMORY_BACKEND;
    memory->sync = options->sync;
    store_set_quota(&memory->base, options->quota_bytes, options->reserve_bytes);
    const enum areg_error error = store_state_settle(&memory->base);
    if (error) {
        memory_close(&memory->base);
        return error;
    }
    store_memory_sync(&memory->base);
    *store = &memory->base;
    return AREG_OK;
}

/* ---------------------------------------------------------------- crash, faults */

static struct memory_store *memory_of(struct store *store)
{
    CHECK(store->backend == &MEMORY_BACKEND);
    return (struct memory_store *)store;
}

void store_memory_crash(struct store *store)
{
    struct memory_store *const memory = memory_of(store);
    CHECK(memory->open_count == 0);
    snapshot_replace(&memory->committed, &memory->durable);
    memory->has_fault = false;
    memory->is_broken = false;
}

void store_memory_sync(struct store *store)
{
    struct memory_store *const memory = memory_of(store);
    snapshot_replace(&memory->durable, &memory->committed);
}

void store_memory_fail_commit(struct store *store, struct store_fault fault)
{
    struct memory_store *const memory = memory_of(store);
    CHECK(fault.error == AREG_EFULL || fault.error == AREG_EIO);
    memory->fault = fault;
    memory->has_fault = true;
}

enum areg_error store_memory_rot(struct store *store, uint32_t slot, struct slice key, struct tag tag,
                                 uint64_t bit_index)
{
    struct memory_store *const memory = memory_of(store);
    struct store_txn *txn;
    enum areg_error error = memory_begin(store, STORE_WRITE, &txn);
    if (error)
        return error;
    error = register_rot(txn, slot, key, tag, bit_index);
    if (error == AREG_OK) {
        snapshot_replace(&memory->committed, snapshot_of(txn));
        snapshot_replace(&memory->durable, snapshot_of(txn));
    }
    memory_abort(txn);
    return error;
}
