/*
 * What lies below the store: two ordered tables and a heap of numbered fragments, in transactions. store_lmdb.c keeps
 * them on disk, store_memory.c in memory. All that gives the bytes a meaning (registers, entries, counts, room) is
 * above, written once, so the simulator runs the same code on its disk as a host does on a real one.
 *
 * A backend knows nothing of registers.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include "store/store.h"

#include <stdatomic.h>

enum table {
    TABLE_HOST,      /* state of the store, host-wide values, configurations (store.c) */
    TABLE_REGISTERS, /* slot and sorted form of the key -> register record (register.c) */
    TABLE_FRAGMENTS, /* the backend's own: fragment number -> what it needs to find it */
    TABLE_COUNT,
};

/* LMDB's limit. */
enum { TABLE_KEY_BYTES_MAX = 511 };

struct usage {
    uint64_t used_bytes;      /* of the store's files, without what can be reused */
    uint64_t file_bytes;      /* of the store's files */
    uint64_t reusable_bytes;  /* inside them */
    uint64_t disk_free_bytes; /* of the file system, for this process */
};

/** Errors are those of store.h. Slices found are lent until the transaction's next change or end. */
struct backend {
    void (*close)(struct store *store);
    enum areg_error (*begin)(struct store *store, enum store_mode mode, struct store_txn **txn);
    enum areg_error (*commit)(struct store_txn *txn);
    void (*abort)(struct store_txn *txn);
    enum areg_error (*get)(struct store_txn *txn, enum table table, struct slice key, struct slice *value);
    /** Insert or replace; `*room` has `value_bytes` bytes, to be filled before the next call. */
    enum areg_error (*put)(struct store_txn *txn, enum table table, struct slice key, size_t value_bytes,
                           uint8_t **room);
    enum areg_error (*del)(struct store_txn *txn, enum table table, struct slice key);
    /** The first key that is >= `from`. */
    enum areg_error (*seek)(struct store_txn *txn, enum table table, struct slice from, struct slice *key,
                            struct slice *value);
    /** A new fragment, of 1 byte or more, under a number that was never used. */
    enum areg_error (*fragment_put)(struct store_txn *txn, uint64_t number, struct slice fragment);
    /** AREG_ECORRUPT: it is not there in this size. Whether the bytes are the right ones is not known here. */
    enum areg_error (*fragment_get)(struct store_txn *txn, uint64_t number, uint8_t *to, size_t fragment_bytes);
    /** AREG_OK also if there is none. */
    enum areg_error (*fragment_del)(struct store_txn *txn, uint64_t number);
    enum areg_error (*usage)(struct store_txn *txn, struct usage *usage);
};

/* Each backend's own structs begin with these. */

struct store {
    const struct backend *backend;
    _Atomic uint64_t quota_bytes;
    _Atomic uint64_t reserve_bytes;
};

/** What the store must know without a scan; one small record, written by every commit that changes it. */
struct state {
    uint64_t fragment_next; /* fragments are numbered from 1, and a number is never used again */
    uint32_t slot_next;
    uint64_t register_count;
    uint64_t entry_count;
    uint64_t fragment_bytes;
};

struct store_txn {
    struct store *store;
    enum store_mode mode;
    enum areg_error failed; /* the first error that left a change half-done: the transaction can only be aborted */
    bool state_changed;
    struct state state; /* write transactions only */
};

/** For the open functions: make a new store, or judge the one that is there. */
enum areg_error store_state_settle(struct store *store) MUST_USE;
/** Keys of TABLE_FRAGMENTS: big-endian, so that they are only ever appended. */
enum { FRAGMENT_KEY_BYTES = 8 };
struct slice fragment_key(uint64_t number, uint8_t at[FRAGMENT_KEY_BYTES]);

/** In a write transaction of the memory store, flip one bit of a fragment: see store_memory_rot(). */
enum areg_error register_rot(struct store_txn *txn, uint32_t slot, struct slice key, struct tag tag,
                             uint64_t bit_index) MUST_USE;

#endif
