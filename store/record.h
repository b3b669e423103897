/*
 * Records of the store as bytes: encoding and judging, side by side. Pure: no store, no memory of its own.
 *
 * Every record begins with a CRC32C of what follows, so that a rotten one is noticed before it is believed. In a
 * register's record the sum covers the head alone; each fragment has its own (entry.fragment_checksum), so that rot in
 * a fragment costs that fragment and not the register.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/blocks.h"
#include "store/store.h"

enum { RECORD_SEAL_BYTES = 4 };

/** Write the seal in front of `body_bytes` bytes that stand behind it. */
void record_seal(uint8_t *record, size_t body_bytes);
/** The body of an intact record, borrowed from it; AREG_ECORRUPT. */
enum areg_error record_unseal(struct slice record, struct slice *body) MUST_USE;

enum {
    /* One LMDB page without its header: a value up to here never needs a run of pages. */
    RECORD_PAGE_BYTES = 4096 - 16,
    /* Fragments up to here stand in the register's record, while that fits one page. */
    FRAGMENT_INLINE_BYTES_MAX = 2048,

    REGISTER_FIXED_BYTES = RECORD_SEAL_BYTES + 1 + 2 + 2 + 4 * 8,
    REGISTER_ENTRY_BYTES = 2 * 8 + 8 + 4 + 4 + 1 + 4 + 8,
    REGISTER_HEAD_BYTES_MAX = REGISTER_FIXED_BYTES + AREG_KEY_BYTES_MAX + ENTRY_COUNT_MAX * REGISTER_ENTRY_BYTES,
    REGISTER_RECORD_BYTES_MAX =
        REGISTER_HEAD_BYTES_MAX > RECORD_PAGE_BYTES ? REGISTER_HEAD_BYTES_MAX : RECORD_PAGE_BYTES,
};

/* `place` of a fragment inside the record; other places are numbers of fragments (backend.h). */
#define PLACE_INLINE UINT64_MAX

/* ---------------------------------------------------------------- registers */

/** The bytes of a register's record without fragments. */
size_t register_head_bytes(struct slice key, uint32_t entry_count);

/**
 * Write the head of a register's record: all entries must have their places. The fragments that are inline follow it,
 * in the order of the entries. Returns the head's size, register_head_bytes().
 */
size_t register_head_encode(struct slice key, const struct stored_register *from, uint8_t *to, size_t room_bytes);

/**
 * Judge a record. `*key_kept` is borrowed from it: the key if its sorted form is a shortened one, else empty. The
 * payloads of inline entries are borrowed from it too; others are empty. AREG_ECORRUPT.
 */
enum areg_error register_decode(struct slice record, struct slice *key_kept, struct stored_register *to) MUST_USE;

/* ---------------------------------------------------------------- extents */

enum { EXTENTS_RECORD_BYTES_MAX = RECORD_SEAL_BYTES + EXTENT_COUNT_MAX * (8 + 4) };

/** Where a fragment is in the fragment file; returns the record's size. */
size_t extents_encode(const struct extent *extents, uint32_t extent_count, uint8_t to[EXTENTS_RECORD_BYTES_MAX]);
/** AREG_ECORRUPT. Whether the blocks exist is not known here. */
enum areg_error extents_decode(struct slice record, struct extent extents[EXTENT_COUNT_MAX],
                               uint32_t *extent_count) MUST_USE;

#endif
