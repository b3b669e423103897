/*
 * The file that holds the large fragments, in blocks that blocks.h gives out. Which fragment is where, and so which
 * blocks are in use, is for the tables to record and to commit; this file writes only to blocks that no commit names.
 *
 * So a crash leaves nothing to clean up: blocks that were written by a transaction that did not commit are free again
 * when the file is opened. Blocks of deleted fragments may still be read by transactions that began before: they are
 * given out again only when the last of those has ended.
 *
 * All functions belong to the one writer, but fragment_file_read().
 */
#ifndef STORE_FRAGMENT_FILE_H
#define STORE_FRAGMENT_FILE_H

#include "core/buffer.h"
#include "store/blocks.h"

#include <stdatomic.h>

struct dropped_extent {
    struct extent extent;
    uint64_t commit; /* the first commit that does without it */
};

struct fragment_file {
    int descriptor;
    struct blocks blocks;

    /* Of the open transaction: to be freed if it does not commit. */
    struct extent *written;
    uint32_t written_count;
    uint32_t written_room;

    /* In the order of commits; those from dropped_committed on are the open transaction's. */
    struct dropped_extent *dropped;
    uint64_t dropped_count;
    uint64_t dropped_committed;
    uint64_t dropped_room;
    uint64_t dropped_blocks;

    /* For any thread: blocks in use but not dropped, and the end of the file. */
    atomic_uint_fast64_t used_count;
    atomic_uint_fast64_t end_count;
};

/** Open or make the file "fragments" of a directory. AREG_EIO. */
enum areg_error fragment_file_open(struct fragment_file *file, int directory) MUST_USE;
void fragment_file_close(struct fragment_file *file);
/** Before the first transaction: blocks that a committed fragment has. AREG_ECORRUPT: another has them, too. */
enum areg_error fragment_file_claim(struct fragment_file *file, struct extent extent) MUST_USE;

/** A write transaction begins, and all readers that are open see `commit_seen` or later. */
void fragment_file_begin(struct fragment_file *file, uint64_t commit_seen);
/** Write a fragment of 1 byte or more to free blocks. AREG_EFULL, AREG_EIO, AREG_ENOMEM. */
enum areg_error fragment_file_write(struct fragment_file *file, struct slice fragment,
                                    struct extent extents[EXTENT_COUNT_MAX], uint32_t *extent_count) MUST_USE;
/** Give blocks back when commit number `commit`, which is this transaction's, is durable. AREG_ENOMEM. */
enum areg_error fragment_file_drop(struct fragment_file *file, const struct extent *extents, uint32_t extent_count,
                                   uint64_t commit) MUST_USE;
/** Make what the transaction wrote durable. AREG_EFULL, AREG_EIO. */
enum areg_error fragment_file_flush(struct fragment_file *file) MUST_USE;
void fragment_file_end(struct fragment_file *file, bool is_committed);

/** Any thread, in a transaction that sees the fragment. AREG_ECORRUPT: the bytes are not there, or cannot be read. */
enum areg_error fragment_file_read(const struct fragment_file *file, const struct extent *extents,
                                   uint32_t extent_count, uint8_t *to, size_t bytes) MUST_USE;
#endif
