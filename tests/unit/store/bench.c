#include "bench.h"

#include "store/store_memory.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

void directory_make(char path[64])
{
    snprintf(path, 64, "/tmp/areg-store-XXXXXX");
    assert_non_null(mkdtemp(path));
}

void directory_remove(const char *path)
{
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *file; (file = readdir(directory));)
        unlinkat(dirfd(directory), file->d_name, 0);
    closedir(directory);
    assert_int_equal(rmdir(path), 0);
}

static void bench_open(struct bench *bench)
{
    /* No test here pulls the plug, and flushes are slow: test_store_lmdb.c has those that need them. */
    const struct store_options options = {.path = bench->path, .sync = bench->kind == BENCH_MEMORY};
    char why[STORE_WHY_BYTES] = "";
    const enum areg_error error = bench->kind == BENCH_LMDB ? store_lmdb_open(&bench->store, &options, why)
                                                            : store_memory_open(&bench->store, &options);
    if (error)
        fail_msg("%s: %s", error_name(error), why);
}

void bench_init(struct bench *bench, enum bench_kind kind)
{
    *bench = (struct bench){.kind = kind};
    if (kind == BENCH_LMDB)
        directory_make(bench->path);
    bench_open(bench);
}

void bench_fini(struct bench *bench)
{
    store_close(bench->store);
    if (bench->kind == BENCH_LMDB)
        directory_remove(bench->path);
}

void bench_reopen(struct bench *bench)
{
    if (bench->kind == BENCH_MEMORY) {
        store_memory_crash(bench->store);
        return;
    }
    store_close(bench->store);
    bench_open(bench);
}

struct store_txn *bench_begin(struct bench *bench, enum store_mode mode)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(bench->store, mode, &txn), AREG_OK);
    return txn;
}

void bench_commit(struct store_txn *txn)
{
    assert_int_equal(store_commit(txn), AREG_OK);
}
