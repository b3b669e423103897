/*
 * Which blocks of the fragment file are in use: a bitmap, and where in it to look for free ones. Pure: it knows no
 * file and no transaction.
 *
 * First fit from the front keeps the file compact. A run of blocks in a row is preferred, because a disk takes one
 * long write far better than many short ones; but rather than letting the file grow while much of it is free, a request
 * is met by several runs, each as long as can be had.
 */
#ifndef STORE_BLOCKS_H
#define STORE_BLOCKS_H

#include "core/error.h"

enum {
    BLOCK_BYTES = 4096,
    /* Runs that one request is met by, at most: bounds the record that names them, and the writes for one fragment. */
    EXTENT_COUNT_MAX = 32,
    /* The bitmap's groups of blocks, 128 MiB each; no run crosses them. */
    BLOCK_GROUP_COUNT = 32 << 10,
    /* The file grows while less than 1/8 of it is free; beyond that, requests are split. */
    BLOCK_SLACK_SHARE = 8,
};

struct extent {
    uint64_t block;
    uint32_t count;
};

struct block_group;

struct blocks {
    struct block_group *groups;
    uint64_t group_count;
    uint64_t group_room;
    uint64_t end;  /* no block from here on was ever used */
    uint64_t used; /* number of blocks */
};

void blocks_init(struct blocks *blocks);
void blocks_fini(struct blocks *blocks);

/** Mark blocks as used that are known to be. AREG_ECORRUPT: some are already, or there are no such. AREG_ENOMEM. */
enum areg_error blocks_claim(struct blocks *blocks, struct extent extent) MUST_USE;
/** Find `count` free blocks, 1..BLOCK_GROUP_COUNT, and use them. AREG_ENOMEM: nothing has changed. */
enum areg_error blocks_allocate(struct blocks *blocks, uint32_t count, struct extent extents[EXTENT_COUNT_MAX],
                                uint32_t *extent_count) MUST_USE;
/** All of them must be in use. */
void blocks_free(struct blocks *blocks, struct extent extent);

#endif
