/*
 * Both stores behind one face, so that one test body runs on each: on a directory of its own, and in memory.
 */
#ifndef TESTS_UNIT_STORE_BENCH_H
#define TESTS_UNIT_STORE_BENCH_H

#include "store/store.h"

enum bench_kind { BENCH_LMDB, BENCH_MEMORY };

struct bench {
    enum bench_kind kind;
    struct store *store;
    char path[64]; /* of the directory; LMDB only */
};

/** Fails the test if anything goes wrong, as all functions here do. */
void bench_init(struct bench *bench, enum bench_kind kind);
void bench_fini(struct bench *bench);
/** Close and open again; in memory: crash. What was committed must be there. */
void bench_reopen(struct bench *bench);

struct store_txn *bench_begin(struct bench *bench, enum store_mode mode);
void bench_commit(struct store_txn *txn);

/** A new empty directory, and what deletes it with the files in it. */
void directory_make(char path[64]);
void directory_remove(const char *path);

#endif
