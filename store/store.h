/*
 * What a host keeps on disk: per configuration its descriptor, its `next`, its acceptor and its registers.
 *
 * Everything happens inside transactions: any number of concurrent readers, each on the snapshot that was committed
 * when it began, and one writer. A commit that returns AREG_OK is durable. Transactions are short: none stays open
 * while anybody waits for the network.
 *
 * Configurations are known by slots: small numbers that the store gives out, so that register records need not repeat
 * 16-byte ids. All register functions take a slot.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "core/config.h"
#include "core/error.h"
#include "core/key.h"
#include "core/message.h"
#include "core/tag.h"

#include <stdbool.h>

struct store;
struct store_txn;

enum { STORE_FORMAT = 1 };

/* ---------------------------------------------------------------- open, close */

struct store_options {
    const char *path;       /* an existing directory; locked against a second process while the store is open */
    uint64_t quota_bytes;   /* of what is in use (store_stats.used_bytes); 0: none but the disk's size */
    uint64_t reserve_bytes; /* keep that much of the file system free; at least 4 MiB are */
    bool sync;              /* false: commits are not durable, for experiments */
};

enum { STORE_WHY_BYTES = 256 };

/**
 * Open the LMDB store of a directory, or make one there.
 * Returns AREG_EBUSY (another process has it), AREG_EVERSION (a format that this program does not read), AREG_EIO,
 * AREG_ECORRUPT, AREG_ENOMEM; `why` is a sentence with the path.
 */
enum areg_error store_lmdb_open(struct store **store, const struct store_options *options,
                                char why[STORE_WHY_BYTES]) MUST_USE;
/** The twin in memory, for tests and the simulator; `quota_bytes` and `sync` are the options that it looks at. */
enum areg_error store_memory_open(struct store **store, const struct store_options *options) MUST_USE;
/** No transaction may be open. */
void store_close(struct store *store);
/** Change the limits of an open store (thread-safe). */
void store_set_quota(struct store *store, uint64_t quota_bytes, uint64_t reserve_bytes);

/* ---------------------------------------------------------------- transactions */

enum store_mode { STORE_READ, STORE_WRITE };

/** Any thread may begin a transaction; it then belongs to that thread. A second writer waits. */
enum areg_error store_begin(struct store *store, enum store_mode mode, struct store_txn **txn) MUST_USE;
/**
 * End a write transaction by making it durable, all of it or nothing. Whatever is returned, the transaction is over.
 * Returns AREG_EFULL: no room on the disk, nothing changed, and the store goes on. AREG_EIO: the disk failed; the
 * process must answer nothing from now on and stop (DESIGN §3).
 */
enum areg_error store_commit(struct store_txn *txn) MUST_USE;
/** End a transaction without effect; NULL is allowed. */
void store_abort(struct store_txn *txn);

/**
 * Whether `more_bytes` more would stay within quota and reserve; cheap enough for every put. It is for the caller to
 * ask: the functions that write do not look at the quota, so that whatever makes room always can.
 */
bool store_has_room(struct store_txn *txn, uint64_t more_bytes);

/*
 * All functions below return AREG_ENOTFOUND when the thing is not there, AREG_EFULL when the transaction has outgrown
 * the room (then it can only be aborted), AREG_ECORRUPT when a record does not decode, AREG_EIO, AREG_ENOMEM.
 */

/* ---------------------------------------------------------------- host-wide values */

/** Values by short names ("incarnation", "genesis"), up to CLUSTER_ENCODED_BYTES_MAX. The slice is lent until the
 * transaction's next change or end; the one that is put must not be lent by this transaction. */
enum areg_error store_meta_get(struct store_txn *txn, const char *name, struct slice *value) MUST_USE;
enum areg_error store_meta_put(struct store_txn *txn, const char *name, struct slice value) MUST_USE;

/* ---------------------------------------------------------------- configurations */

/** Find the slot of a configuration. Slots count from 1. */
enum areg_error store_config_find(struct store_txn *txn, struct config_id id, uint32_t *slot) MUST_USE;
/** Record a descriptor (a canonical encoding with this id); one that is there already keeps its slot and state. */
enum areg_error store_config_put(struct store_txn *txn, struct config_id id, struct slice descriptor,
                                 uint32_t *slot) MUST_USE;
/** Visit slots in ascending order: the first one that is >= `*slot`. The descriptor is lent like a meta value. */
enum areg_error store_config_next(struct store_txn *txn, uint32_t *slot, struct slice *descriptor) MUST_USE;

/** The configuration's `next`; LINK_NONE if there is none. The descriptor is lent like a meta value. */
enum areg_error store_link_get(struct store_txn *txn, uint32_t slot, struct link *link) MUST_USE;
enum areg_error store_link_put(struct store_txn *txn, uint32_t slot, const struct link *link) MUST_USE;

/** Paxos acceptor of one configuration; all zero before the first promise. */
struct acceptor {
    struct ballot promised;
    struct ballot accepted;
    struct slice descriptor; /* accepted one; lent like a meta value */
};
enum areg_error store_acceptor_get(struct store_txn *txn, uint32_t slot, struct acceptor *acceptor) MUST_USE;
enum areg_error store_acceptor_put(struct store_txn *txn, uint32_t slot, const struct acceptor *acceptor) MUST_USE;

/** What the worker of this host is to move into a configuration, and how far it is. */
struct stored_transfer {
    struct transfer_progress progress;
    uint32_t slices_at_work; /* those that `after` is about; others that were given come after them */
    struct slice after;      /* of these, registers up to this key have been moved; empty: none yet; lent */
    struct slice source;     /* the configuration before, canonical encoding; lent */
};
/** AREG_OK with all zero if there is none. */
enum areg_error store_transfer_get(struct store_txn *txn, uint32_t slot, struct stored_transfer *transfer) MUST_USE;
enum areg_error store_transfer_put(struct store_txn *txn, uint32_t slot,
                                   const struct stored_transfer *transfer) MUST_USE;
/** The first slot >= `*slot` that has one. */
enum areg_error store_transfer_next(struct store_txn *txn, uint32_t *slot, struct stored_transfer *transfer) MUST_USE;

/** The incarnation of each member that has registered, by its position; zeroes for the others. */
enum areg_error store_incarnations_get(struct store_txn *txn, uint32_t slot,
                                       uint64_t incarnations[MEMBER_COUNT_MAX]) MUST_USE;
enum areg_error store_incarnations_put(struct store_txn *txn, uint32_t slot,
                                       const uint64_t incarnations[MEMBER_COUNT_MAX]) MUST_USE;

/** Delete a configuration whose registers have been deleted, with all that is kept of it; its slot is never given out
 * again. AREG_OK also if there is none. */
enum areg_error store_config_delete(struct store_txn *txn, struct config_id id, uint32_t slot) MUST_USE;

/* ---------------------------------------------------------------- registers */

/** One entry of a register, and where its fragment is. */
struct stored_entry {
    struct entry entry;
    uint32_t fragment_bytes; /* not stored yet: payload.bytes */
    uint64_t place;          /* the store's own; 0 for an entry that is not stored yet */
    struct slice payload;    /* not stored yet: the fragment, borrowed; else not looked at */
};

struct stored_register {
    struct tag trimmed;
    struct tag confirmed;
    uint32_t entry_count; /* ascending by tag */
    struct stored_entry entries[ENTRY_COUNT_MAX];
};

/** The register without fragments. AREG_ENOTFOUND: `*found` is made empty. Only entries below entry_count are written.
 */
enum areg_error store_register_get(struct store_txn *txn, uint32_t slot, struct slice key,
                                   struct stored_register *found) MUST_USE;
/**
 * Make the register exactly this: entries that came from store_register_get() in this transaction keep their fragments,
 * those with place 0 are stored with their payload, and fragments of entries that are no longer there are deleted.
 */
enum areg_error store_register_put(struct store_txn *txn, uint32_t slot, struct slice key,
                                   const struct stored_register *now) MUST_USE;
/**
 * Delete a register and its fragments; AREG_OK also if there is none. To delete all of a slot, scan it in transactions
 * of bounded size and delete what is found.
 */
enum areg_error store_register_delete(struct store_txn *txn, uint32_t slot, struct slice key) MUST_USE;
/**
 * The fragment of an entry that store_register_get() gave in this transaction, as a counted copy that outlives it (one
 * reference, for the caller to drop; empty for a fragment of no bytes). AREG_ECORRUPT: its checksum does not match.
 */
enum areg_error store_fragment_get(struct store_txn *txn, uint32_t slot, struct slice key,
                                   const struct stored_entry *entry, struct slice *fragment) MUST_USE;

/**
 * Runs for each register in the order of core/key.h; all lent until it returns; false stops the scan. In a write
 * transaction it may change or delete the register that it was shown, which is lent until then. `found` is NULL for a
 * register whose record does not decode.
 */
typedef bool store_scan_fn(struct slice key, const struct stored_register *found, void *arg);
/** Visit the registers of a slot whose key has `prefix` and sorts after `after` (empty: from the start). AREG_ECORRUPT:
 * a record does not decode, and its key is too long to be known without it. */
enum areg_error store_register_scan(struct store_txn *txn, uint32_t slot, struct slice prefix, struct slice after,
                                    store_scan_fn *each, void *arg) MUST_USE;

/* ---------------------------------------------------------------- figures */

struct store_stats {
    uint64_t register_count;
    uint64_t entry_count;
    uint64_t fragment_bytes; /* of all entries */
    uint64_t used_bytes;     /* of the store's files, without what can be reused */
    uint64_t file_bytes;     /* of the store's files */
    uint64_t quota_bytes;
    uint64_t disk_free_bytes; /* of the file system */
    bool is_full;             /* store_has_room(1 byte) would say no */
};
enum areg_error store_stats_get(struct store_txn *txn, struct store_stats *stats) MUST_USE;

#endif
