/*
 * What a put and a get cost, in a fresh store and in one that has seen a great many small writes and deletions, beside
 * a bare LMDB that puts the same bytes as one value into a fresh file. The three take turns, so that a noisy machine is
 * noisy for all of them; the ratios are what counts.
 */
#include "codec/checksum.h"
#include "core/random.h"
#include "store/store.h"

#include <inttypes.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAGMENT_BYTES_MAX = 2 << 20,
    ROUND_COUNT_MAX = 400,
    CHURN_BATCH = 16,
    /* Registers that the measured puts overwrite in turn. */
    REGISTER_COUNT = 16,
};

enum subject { PLAIN_FRESH, STORE_FRESH, STORE_CHURNED, SUBJECT_COUNT };
static const char *const SUBJECT_NAMES[] = {"bare LMDB", "store, fresh", "store, churned"};

struct bench {
    char path[SUBJECT_COUNT][300];
    MDB_env *plain;
    MDB_dbi table;
    struct store *stores[SUBJECT_COUNT];
    struct random_source random;
    uint64_t write_count;
    uint8_t *fragment;
};

struct figures {
    double wall_us[ROUND_COUNT_MAX];
    double cpu_us;
};

static void stop(const char *what)
{
    fprintf(stderr, "store_churn: %s\n", what);
    exit(1);
}

static void expect(int code, const char *what)
{
    if (code)
        stop(what);
}

static double microseconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* ---------------------------------------------------------------- subjects */

static void plain_open(struct bench *bench)
{
    MDB_txn *txn;
    expect(mdb_env_create(&bench->plain), "mdb_env_create");
    expect(mdb_env_set_mapsize(bench->plain, (size_t)16 << 30), "mdb_env_set_mapsize");
    expect(mdb_env_open(bench->plain, bench->path[PLAIN_FRESH], 0, 0600), "mdb_env_open");
    expect(mdb_txn_begin(bench->plain, NULL, 0, &txn), "mdb_txn_begin");
    expect(mdb_dbi_open(txn, NULL, 0, &bench->table), "mdb_dbi_open");
    expect(mdb_txn_commit(txn), "mdb_txn_commit");
}

static void store_open(struct bench *bench, enum subject subject, bool sync)
{
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.path = bench->path[subject], .sync = sync};
    if (store_lmdb_open(&bench->stores[subject], &options, why))
        stop(why);
}

static void plain_put(struct bench *bench, const char *key, size_t fragment_bytes)
{
    MDB_txn *txn;
    char copy[32];
    MDB_val at = {.mv_size = (size_t)snprintf(copy, sizeof copy, "%s", key), .mv_data = copy};
    MDB_val value = {.mv_size = fragment_bytes, .mv_data = bench->fragment};
    expect(mdb_txn_begin(bench->plain, NULL, 0, &txn), "mdb_txn_begin");
    expect(mdb_put(txn, bench->table, &at, &value, 0), "mdb_put");
    expect(mdb_txn_commit(txn), "mdb_txn_commit");
}

static void plain_get(struct bench *bench, const char *key)
{
    MDB_txn *txn;
    MDB_val value;
    char copy[32];
    MDB_val at = {.mv_size = (size_t)snprintf(copy, sizeof copy, "%s", key), .mv_data = copy};
    expect(mdb_txn_begin(bench->plain, NULL, MDB_RDONLY, &txn), "mdb_txn_begin");
    expect(mdb_get(txn, bench->table, &at, &value), "mdb_get");
    struct slice fragment = slice_copy(slice_borrow(value.mv_data, value.mv_size));
    slice_unref(&fragment);
    mdb_txn_abort(txn);
}

/** Make a new fragment the register's only one. */
static void register_overwrite(struct bench *bench, struct store_txn *txn, const char *key, size_t fragment_bytes,
                               uint32_t checksum)
{
    const struct slice name = slice_borrow(key, strlen(key));
    struct stored_register state;
    const enum areg_error error = store_register_get(txn, 1, name, &state);
    if (error && error != AREG_ENOTFOUND)
        stop("store_register_get");
    state.entry_count = 1;
    state.entries[0] = (struct stored_entry){
        .entry = {.tag = {++bench->write_count, 1},
                  .value_bytes = (uint32_t)fragment_bytes,
                  .fragment_checksum = checksum},
        .fragment_bytes = (uint32_t)fragment_bytes,
        .payload = slice_borrow(bench->fragment, fragment_bytes),
    };
    expect(store_register_put(txn, 1, name, &state), "store_register_put");
}

static void register_put(struct bench *bench, struct store *store, const char *key, size_t fragment_bytes,
                         uint32_t checksum)
{
    struct store_txn *txn;
    expect(store_begin(store, STORE_WRITE, &txn), "store_begin");
    register_overwrite(bench, txn, key, fragment_bytes, checksum);
    expect(store_commit(txn), "store_commit");
}

static void register_get(struct store *store, const char *key)
{
    struct store_txn *txn;
    struct stored_register state;
    struct slice fragment;
    const struct slice name = slice_borrow(key, strlen(key));
    expect(store_begin(store, STORE_READ, &txn), "store_begin");
    expect(store_register_get(txn, 1, name, &state), "store_register_get");
    expect(store_fragment_get(txn, 1, name, &state.entries[0], &fragment), "store_fragment_get");
    slice_unref(&fragment);
    store_abort(txn);
}

/* ---------------------------------------------------------------- churn */

/** Small records in and out, in an order of their own, so that the free pages of LMDB lie scattered. */
static void churn_small(struct bench *bench, uint64_t write_count)
{
    const uint64_t insert_count = write_count * 6 / 10;
    struct store *const store = bench->stores[STORE_CHURNED];
    for (uint64_t i = 0; i < write_count; i += CHURN_BATCH) {
        struct store_txn *txn;
        expect(store_begin(store, STORE_WRITE, &txn), "store_begin");
        for (uint64_t j = i; j < i + CHURN_BATCH; j++) {
            char key[32];
            snprintf(key, sizeof key, "small %012" PRIu64, j % insert_count * 2654435761u % 1000000007u);
            if (j < insert_count)
                register_overwrite(bench, txn, key, 100 + random_below(&bench->random, 1900), 0);
            else if (random_below(&bench->random, 8) > 0)
                expect(store_register_delete(txn, 1, slice_borrow(key, strlen(key))), "store_register_delete");
        }
        expect(store_commit(txn), "store_commit");
    }
}

/** Large fragments of all sizes over each other, so that the free blocks lie scattered, too. */
static void churn_large(struct bench *bench, uint64_t write_count)
{
    for (uint64_t i = 0; i < write_count; i++) {
        char key[32];
        snprintf(key, sizeof key, "mixed %" PRIu64, random_below(&bench->random, 200));
        const size_t limit = (size_t)1 << (12 + random_below(&bench->random, 10));
        register_put(bench, bench->stores[STORE_CHURNED], key, 1 + random_below(&bench->random, limit), 0);
    }
}

static void churn(struct bench *bench, uint64_t write_count)
{
    struct store_txn *txn;
    struct store_stats stats;
    const double begin_us = microseconds(CLOCK_MONOTONIC);
    store_open(bench, STORE_CHURNED, false);
    churn_small(bench, write_count);
    churn_large(bench, write_count / 100);
    expect(store_begin(bench->stores[STORE_CHURNED], STORE_READ, &txn), "store_begin");
    expect(store_stats_get(txn, &stats), "store_stats_get");
    store_abort(txn);
    store_close(bench->stores[STORE_CHURNED]);
    sync();
    printf("%" PRIu64 " small writes and deletions, %" PRIu64 " large overwrites: %.0f s; %" PRIu64
           " MiB used of %" PRIu64 " MiB\n",
           write_count, write_count / 100, (microseconds(CLOCK_MONOTONIC) - begin_us) / 1e6, stats.used_bytes >> 20,
           stats.file_bytes >> 20);
}

/* ---------------------------------------------------------------- measurement */

static int compare_doubles(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void one_operation(struct bench *bench, enum subject subject, bool is_put, const char *key,
                          size_t fragment_bytes, uint32_t checksum)
{
    if (subject == PLAIN_FRESH && is_put)
        plain_put(bench, key, fragment_bytes);
    else if (subject == PLAIN_FRESH)
        plain_get(bench, key);
    else if (is_put)
        register_put(bench, bench->stores[subject], key, fragment_bytes, checksum);
    else
        register_get(bench->stores[subject], key);
}

static void measure(struct bench *bench, bool is_put, size_t fragment_bytes, unsigned round_count, bool is_printed)
{
    static struct figures figures[SUBJECT_COUNT];
    memset(figures, 0, sizeof figures);
    const uint32_t checksum = checksum_fragment(slice_borrow(bench->fragment, fragment_bytes));
    for (unsigned i = 0; i < round_count; i++) {
        for (int subject = 0; subject < SUBJECT_COUNT; subject++) {
            char key[32];
            snprintf(key, sizeof key, "measured %zu %u", fragment_bytes, i % REGISTER_COUNT);
            const double wall_us = microseconds(CLOCK_MONOTONIC);
            const double cpu_us = microseconds(CLOCK_PROCESS_CPUTIME_ID);
            one_operation(bench, (enum subject)subject, is_put, key, fragment_bytes, checksum);
            figures[subject].cpu_us += microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_us;
            figures[subject].wall_us[i] = microseconds(CLOCK_MONOTONIC) - wall_us;
        }
    }
    for (int subject = 0; is_printed && subject < SUBJECT_COUNT; subject++) {
        double *const wall_us = figures[subject].wall_us;
        qsort(wall_us, round_count, sizeof *wall_us, compare_doubles);
        const double cpu_us = figures[subject].cpu_us / round_count;
        printf("%-3s %8zu B  %-14s  p50 %8.1f us  p99 %8.1f us  CPU %8.1f us, %.2f x bare, %.2f x fresh\n",
               is_put ? "put" : "get", fragment_bytes, SUBJECT_NAMES[subject], wall_us[round_count / 2],
               wall_us[round_count * 99 / 100], cpu_us, figures[subject].cpu_us / figures[PLAIN_FRESH].cpu_us,
               figures[subject].cpu_us / figures[STORE_FRESH].cpu_us);
    }
    fflush(stdout);
}

static void directories_make(struct bench *bench, const char *under)
{
    char path[256];
    snprintf(path, sizeof path, "%s/store-churn-XXXXXX", under);
    if (!mkdtemp(path))
        stop("cannot make a directory");
    printf("in %s\n", path);
    for (int subject = 0; subject < SUBJECT_COUNT; subject++) {
        snprintf(bench->path[subject], sizeof bench->path[subject], "%s/%d", path, subject);
        expect(mkdir(bench->path[subject], 0700), "mkdir");
    }
}

static void directories_remove(const struct bench *bench)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "lock", "fragments"};
    char path[400];
    for (int subject = 0; subject < SUBJECT_COUNT; subject++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            snprintf(path, sizeof path, "%s/%s", bench->path[subject], names[i]);
            unlink(path);
        }
        rmdir(bench->path[subject]);
    }
    snprintf(path, sizeof path, "%s", bench->path[0]);
    *strrchr(path, '/') = 0;
    rmdir(path);
}

int main(int argument_count, char **arguments)
{
    static const size_t sizes[] = {86, 22 << 10, 340 << 10, 1434 << 10};
    struct bench bench = {.random = {1}};
    const bool is_quick = argument_count > 1 && strcmp(arguments[1], "--quick") == 0;
    const char *const under = argument_count > 1 + is_quick ? arguments[1 + is_quick] : "/tmp";
    const unsigned round_count = is_quick ? 50 : ROUND_COUNT_MAX;
    if (under[0] == '-') {
        fprintf(stderr, "usage: store_churn [--quick] [DIRECTORY]\n");
        return 2;
    }

    bench.fragment = malloc(FRAGMENT_BYTES_MAX);
    if (!bench.fragment)
        stop("out of memory");
    for (size_t i = 0; i < FRAGMENT_BYTES_MAX; i++)
        bench.fragment[i] = (uint8_t)random_next(&bench.random);
    directories_make(&bench, under);
    churn(&bench, is_quick ? 20000 : 1000000);
    plain_open(&bench);
    store_open(&bench, STORE_FRESH, true);
    store_open(&bench, STORE_CHURNED, true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure(&bench, true, sizes[i], 2 * REGISTER_COUNT, false); /* reach the steady state of overwriting */
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure(&bench, true, sizes[i], round_count, true);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        measure(&bench, false, sizes[i], round_count, true);
    store_close(bench.stores[STORE_FRESH]);
    store_close(bench.stores[STORE_CHURNED]);
    mdb_env_close(bench.plain);
    directories_remove(&bench);
    free(bench.fragment);
    return 0;
}
