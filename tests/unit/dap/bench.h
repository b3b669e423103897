/*
 * One member of a configuration on its own: a seat over a store in memory, and fragments whose bytes follow from their
 * tags. Every call is a transaction of its own.
 */
#ifndef TESTS_UNIT_DAP_BENCH_H
#define TESTS_UNIT_DAP_BENCH_H

#include "dap/dap.h"
#include "store/store_memory.h"

struct bench {
    struct store *store;
    struct config config;
    uint32_t slot;
    unsigned member_index; /* 0, unless the test says otherwise */
    const struct dap_answer *answer;
    struct tag known; /* confirmed, and not stored yet: for the puts that follow */
    uint8_t *room;    /* for the fragment at hand */
};

/** `code` as in "rs:5,3". */
void bench_open(struct bench *bench, const char *code, unsigned delta);
void bench_close(struct bench *bench);

/** The fragment of a tag; lent until the next call. */
struct slice bench_fragment(struct bench *bench, struct tag tag, uint32_t value_bytes);
/** Its entry, with the right checksum. */
struct entry bench_entry(struct bench *bench, struct tag tag, uint32_t value_bytes);

struct answer_effect bench_put(struct bench *bench, const char *key, struct tag tag, uint32_t value_bytes);
struct answer_effect bench_put_entry(struct bench *bench, const char *key, const struct entry *entry,
                                     struct slice fragment);
/** A sweep that only stores what is confirmed. */
struct answer_effect bench_confirm(struct bench *bench, const char *key, struct tag tag);
/** A sweep that knows nothing new. */
struct answer_effect bench_sweep(struct bench *bench, const char *key, struct tag tag);
struct tag bench_get_tag(struct bench *bench, const char *key);
/** Fails the test unless what is sent is exactly the fragment of its tag. */
void bench_get_data(struct bench *bench, const char *key, struct get_data asked, struct data_reply *reply);
bool bench_fits(struct bench *bench, const struct entry *entry, struct slice fragment);

struct store_stats bench_stats(struct bench *bench);
void bench_rot(struct bench *bench, const char *key, struct tag tag, uint64_t bit_index);

#endif
