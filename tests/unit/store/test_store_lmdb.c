/*
 * What only a disk can do: be locked, be in another format, rot, fill up, lose its process, and serve threads.
 */
#include "bench.h"
#include "model.h"
#include "tests/unit/seed.h"

#include "store/record.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct slice KEY = {.at = (const uint8_t *)"key", .bytes = 3};

static struct store *open_at(const char *path, bool sync)
{
    struct store *store;
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.path = path, .sync = sync};
    const enum areg_error error = store_lmdb_open(&store, &options, why);
    if (error)
        fail_msg("%s: %s", error_name(error), why);
    return store;
}

static void expect_refusal(const char *path, enum areg_error error, const char *words)
{
    struct store *store;
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.path = path, .sync = true};
    assert_int_equal(store_lmdb_open(&store, &options, why), error);
    assert_null(store);
    assert_non_null(strstr(why, path));
    assert_non_null(strstr(why, words));
}

static struct store_txn *begin(struct store *store, enum store_mode mode)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(store, mode, &txn), AREG_OK);
    return txn;
}

/** Make a new fragment the only one of a register. */
static enum areg_error overwrite(struct store *store, struct slice key, struct tag tag, uint32_t fragment_bytes)
{
    struct store_txn *const txn = begin(store, STORE_WRITE);
    struct stored_entry entry = entry_make(tag, fragment_bytes);
    const struct stored_register now = {.entry_count = 1, .entries = {entry}};
    const enum areg_error error = store_register_put(txn, 1, key, &now);
    slice_unref(&entry.payload);
    if (error == AREG_OK)
        return store_commit(txn);
    store_abort(txn);
    return error;
}

/** The fragment of a register's only entry must be what was written under its tag. */
static struct tag expect_intact(struct store_txn *txn, struct slice key)
{
    struct stored_register found;
    struct slice fragment;
    assert_int_equal(store_register_get(txn, 1, key, &found), AREG_OK);
    assert_int_equal(found.entry_count, 1);
    assert_int_equal(store_fragment_get(txn, 1, key, &found.entries[0], &fragment), AREG_OK);
    struct slice expected = fragment_make(found.entries[0].entry.tag, found.entries[0].fragment_bytes);
    assert_true(slice_equal(fragment, expected));
    slice_unref(&fragment);
    slice_unref(&expected);
    return found.entries[0].entry.tag;
}

/* ---------------------------------------------------------------- opening */

static void a_second_opener_is_refused_with_the_pid_of_the_first(void **state)
{
    const char *const path = *state;
    struct store *const store = open_at(path, true);
    char pid[32];
    snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    expect_refusal(path, AREG_EBUSY, pid);
    const pid_t child = fork();
    if (child == 0) {
        struct store *other;
        char why[STORE_WHY_BYTES];
        const struct store_options options = {.path = path};
        _exit(store_lmdb_open(&other, &options, why) == AREG_EBUSY && strstr(why, pid) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    store_close(store);
    store_close(open_at(path, true));
}

static void a_directory_that_is_not_there_is_refused(void **state)
{
    char path[128];
    snprintf(path, sizeof path, "%s/none", (const char *)*state);
    expect_refusal(path, AREG_EIO, "cannot open");
}

/** Change one record behind the store's back. */
static void edit(const char *path, const char *table, const void *key, size_t key_bytes,
                 void (*change)(uint8_t *record, size_t record_bytes))
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val value;
    uint8_t copy[4096];
    assert_true(key_bytes <= 512);
    memcpy(copy, key, key_bytes);
    MDB_val at = {.mv_size = key_bytes, .mv_data = copy};
    uint8_t record[4096];
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 3), 0);
    assert_int_equal(mdb_env_set_mapsize(env, 1 << 30), 0);
    assert_int_equal(mdb_env_open(env, path, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    assert_int_equal(mdb_get(txn, dbi, &at, &value), 0);
    assert_true(value.mv_size <= sizeof record);
    memcpy(record, value.mv_data, value.mv_size);
    value.mv_data = record;
    change(record, value.mv_size);
    assert_int_equal(mdb_put(txn, dbi, &at, &value, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void make_version_2(uint8_t *record, size_t record_bytes)
{
    record[RECORD_SEAL_BYTES] = 2;
    record_seal(record, record_bytes - RECORD_SEAL_BYTES);
}

static void flip_a_bit(uint8_t *record, size_t record_bytes)
{
    record[record_bytes / 2] ^= 8;
}

static void another_format_is_refused(void **state)
{
    const char *const path = *state;
    store_close(open_at(path, true));
    edit(path, NULL, "\1", 1, make_version_2);
    expect_refusal(path, AREG_EVERSION, "format");
}

static void a_rotten_state_is_refused(void **state)
{
    const char *const path = *state;
    store_close(open_at(path, true));
    edit(path, NULL, "\1", 1, flip_a_bit);
    expect_refusal(path, AREG_ECORRUPT, "state");
}

static void a_file_that_is_no_data_base_is_refused(void **state)
{
    const char *const path = *state;
    char name[128];
    uint8_t garbage[8192];
    memset(garbage, 0x5a, sizeof garbage);
    snprintf(name, sizeof name, "%s/data.mdb", path);
    FILE *const file = fopen(name, "w");
    assert_int_equal(fwrite(garbage, sizeof garbage, 1, file), 1);
    fclose(file);
    expect_refusal(path, AREG_ECORRUPT, "data base");
}

static void fragments_that_claim_each_others_blocks_are_refused(void **state)
{
    const char *const path = *state;
    struct store *const store = open_at(path, true);
    assert_int_equal(overwrite(store, KEY, (struct tag){1, 1}, 10000), AREG_OK);
    store_close(store);
    edit(path, "fragments", "\0\0\0\0\0\0\0\1", 8, flip_a_bit);
    expect_refusal(path, AREG_ECORRUPT, "fragments");
}

/* ---------------------------------------------------------------- rot */

static bool count_damaged(struct slice key, const struct stored_register *found, void *arg)
{
    assert_true(found || slice_equal(key, KEY));
    *(unsigned *)arg += found ? 1 : 100;
    return true;
}

static void a_rotten_register_is_noticed_by_get_and_put_and_a_scan_steps_over_it(void **state)
{
    const char *const path = *state;
    struct store *store = open_at(path, true);
    assert_int_equal(overwrite(store, KEY, (struct tag){1, 1}, 10000), AREG_OK);
    assert_int_equal(overwrite(store, slice_borrow("a", 1), (struct tag){1, 1}, 100), AREG_OK);
    assert_int_equal(overwrite(store, slice_borrow("z", 1), (struct tag){1, 1}, 100), AREG_OK);
    store_close(store);
    edit(path, "registers", "\0\0\0\1key", 7, flip_a_bit);
    store = open_at(path, true);

    struct store_txn *const txn = begin(store, STORE_WRITE);
    struct stored_register found;
    unsigned count = 0;
    const struct slice none = {0};
    assert_int_equal(store_register_get(txn, 1, KEY, &found), AREG_ECORRUPT);
    assert_int_equal(found.entry_count, 0);
    assert_int_equal(store_register_scan(txn, 1, none, none, count_damaged, &count), AREG_OK);
    assert_int_equal(count, 102);
    assert_int_equal(store_register_put(txn, 1, KEY, &found), AREG_ECORRUPT);
    assert_int_equal(store_register_delete(txn, 1, KEY), AREG_ECORRUPT);
    assert_int_equal(store_commit(txn), AREG_OK);
    store_close(store);
}

static void a_rotten_or_missing_fragment_is_noticed_and_the_others_are_not_touched(void **state)
{
    const char *const path = *state;
    struct store *store = open_at(path, true);
    const struct slice other = slice_borrow("other", 5);
    assert_int_equal(overwrite(store, other, (struct tag){1, 1}, 10000), AREG_OK);
    assert_int_equal(overwrite(store, KEY, (struct tag){2, 1}, 10000), AREG_OK);

    char name[128];
    uint8_t byte;
    struct stored_register found;
    struct slice fragment;
    snprintf(name, sizeof name, "%s/fragments", path);
    const int file = open(name, O_RDWR);
    assert_int_equal(pread(file, &byte, 1, 3 * BLOCK_BYTES + 9999), 1);
    byte ^= 1;
    assert_int_equal(pwrite(file, &byte, 1, 3 * BLOCK_BYTES + 9999), 1);
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        struct store_txn *const txn = begin(store, STORE_READ);
        assert_int_equal(store_register_get(txn, 1, KEY, &found), AREG_OK);
        assert_int_equal(store_fragment_get(txn, 1, KEY, &found.entries[0], &fragment), AREG_ECORRUPT);
        expect_intact(txn, other);
        store_abort(txn);
        assert_int_equal(ftruncate(file, 4 * BLOCK_BYTES), 0);
    }
    close(file);
    assert_int_equal(overwrite(store, KEY, (struct tag){3, 1}, 10000), AREG_OK);
    struct store_txn *const txn = begin(store, STORE_READ);
    expect_intact(txn, KEY);
    store_abort(txn);
    store_close(store);
}

/* ---------------------------------------------------------------- room */

static void overwriting_does_not_make_the_files_grow(void **state)
{
    struct store *const store = open_at(*state, false);
    struct store_stats first;
    struct store_stats last;
    for (uint64_t i = 1; i <= 500; i++) {
        const uint8_t key = (uint8_t)(i % 8);
        assert_int_equal(overwrite(store, slice_borrow(&key, 1), (struct tag){i, 1}, 100000), AREG_OK);
        struct store_txn *const txn = begin(store, STORE_READ);
        assert_int_equal(store_stats_get(txn, i == 20 ? &first : &last), AREG_OK);
        store_abort(txn);
    }
    assert_true(last.used_bytes <= last.file_bytes);
    assert_true(last.file_bytes <= first.file_bytes + first.file_bytes / 10);
    store_close(store);
}

static void what_an_aborted_transaction_wrote_takes_no_room(void **state)
{
    struct store *const store = open_at(*state, true);
    struct store_stats stats;
    for (uint64_t i = 0; i < 20; i++) {
        struct store_txn *const txn = begin(store, STORE_WRITE);
        struct stored_entry entry = entry_make((struct tag){1, 1}, 1 << 20);
        const struct stored_register now = {.entry_count = 1, .entries = {entry}};
        assert_int_equal(store_register_put(txn, 1, KEY, &now), AREG_OK);
        assert_int_equal(store_register_delete(txn, 1, KEY), AREG_OK);
        assert_int_equal(store_register_put(txn, 1, KEY, &now), AREG_OK);
        slice_unref(&entry.payload);
        assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
        assert_true(stats.file_bytes < (3 << 20) && stats.used_bytes > (1 << 20));
        store_abort(txn);
    }
    struct store_txn *const txn = begin(store, STORE_READ);
    assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
    assert_true(stats.used_bytes < (1 << 20));
    store_abort(txn);
    store_close(store);
}

static void a_reader_keeps_the_fragments_that_it_sees(void **state)
{
    struct store *const store = open_at(*state, false);
    assert_int_equal(overwrite(store, KEY, (struct tag){1, 1}, 100000), AREG_OK);
    struct store_txn *const reader = begin(store, STORE_READ);
    for (uint64_t i = 2; i < 50; i++)
        assert_int_equal(overwrite(store, KEY, (struct tag){i, 1}, 100000), AREG_OK);
    assert_int_equal(expect_intact(reader, KEY).z, 1);
    store_abort(reader);
    struct store_txn *const later = begin(store, STORE_READ);
    assert_int_equal(expect_intact(later, KEY).z, 49);
    store_abort(later);
    store_close(store);
}

/** Fill a disk of 24 MiB to the last byte, with others' files too; then make room again. */
static void a_full_disk_refuses_writes_goes_on_reading_and_recovers(void **state)
{
    const char *const path = *state;
    if (mount("areg", path, "tmpfs", 0, "size=24m") != 0) {
        print_message("not allowed to mount a tmpfs: skipped\n");
        skip();
    }
    struct store *const store = open_at(path, true);
    uint64_t count = 0;
    enum areg_error error = AREG_OK;
    for (; error == AREG_OK; count++) {
        struct store_txn *const reader = begin(store, STORE_READ);
        const bool has_room = store_has_room(reader, 200000);
        store_abort(reader);
        error = overwrite(store, slice_borrow(&count, sizeof count), (struct tag){1 + count, 1}, 200000);
        if (has_room)
            assert_int_equal(error, AREG_OK);
        assert_true(count < 200);
    }
    assert_int_equal(error, AREG_EFULL);

    /* Not a byte is left, whoever took it. */
    char name[128];
    char filler[4096] = {0};
    snprintf(name, sizeof name, "%s/filler", path);
    const int file = open(name, O_WRONLY | O_CREAT, 0600);
    while (write(file, filler, sizeof filler) > 0)
        ;
    close(file);
    for (uint64_t i = 0; i + 1 < count; i++) {
        struct store_txn *const reader = begin(store, STORE_READ);
        expect_intact(reader, slice_borrow(&i, sizeof i));
        assert_false(store_has_room(reader, 200000));
        store_abort(reader);
    }
    assert_int_equal(overwrite(store, KEY, (struct tag){1, 7}, 5 << 20), AREG_EFULL);

    assert_int_equal(unlink(name), 0);
    for (uint64_t i = 0; i < count / 2; i++) {
        struct store_txn *const txn = begin(store, STORE_WRITE);
        assert_int_equal(store_register_delete(txn, 1, slice_borrow(&i, sizeof i)), AREG_OK);
        assert_int_equal(store_commit(txn), AREG_OK);
    }
    for (uint64_t i = 0; i < count / 3; i++)
        assert_int_equal(overwrite(store, slice_borrow(&i, sizeof i), (struct tag){1 + i, 2}, 200000), AREG_OK);
    store_close(store);
    assert_int_equal(umount(path), 0);
}

/* ---------------------------------------------------------------- threads */

enum { THREAD_KEY_COUNT = 4 };

struct shared {
    struct store *store;
    atomic_bool is_over;
    atomic_uint failure_count;
};

/** Threads must not use cmocka's assertions: they count failures instead. */
static void *read_all_the_time(void *arg)
{
    struct shared *const shared = arg;
    for (uint8_t i = 0; !atomic_load(&shared->is_over); i++) {
        const uint8_t name = i % THREAD_KEY_COUNT;
        const struct slice key = slice_borrow(&name, 1);
        struct store_txn *txn;
        struct stored_register found;
        if (store_begin(shared->store, STORE_READ, &txn) != AREG_OK) {
            shared->failure_count++;
            return NULL;
        }
        if (store_register_get(txn, 1, key, &found) == AREG_OK) {
            struct slice fragment;
            if (store_fragment_get(txn, 1, key, &found.entries[0], &fragment) != AREG_OK)
                shared->failure_count++;
            slice_unref(&fragment);
        }
        if (!store_has_room(txn, 1))
            shared->failure_count++;
        store_abort(txn);
    }
    return NULL;
}

static void *write_some_time(void *arg)
{
    struct shared *const shared = arg;
    for (uint64_t i = 1; i <= 300; i++) {
        const uint8_t name = (uint8_t)(i % THREAD_KEY_COUNT);
        struct store_txn *txn;
        struct stored_entry entry = entry_make((struct tag){i, 1}, 3000 + (uint32_t)(i * 7919 % 50000));
        const struct stored_register now = {.trimmed = {i, 0}, .entry_count = 1, .entries = {entry}};
        if (store_begin(shared->store, STORE_WRITE, &txn) != AREG_OK ||
            store_register_put(txn, 1, slice_borrow(&name, 1), &now) != AREG_OK)
            shared->failure_count++;
        if (i % 5 == 0)
            store_abort(txn);
        else if (store_commit(txn) != AREG_OK)
            shared->failure_count++;
        slice_unref(&entry.payload);
    }
    return NULL;
}

static void readers_and_writers_on_many_threads_do_not_disturb_each_other(void **state)
{
    struct shared shared = {.store = open_at(*state, false)};
    pthread_t readers[3];
    pthread_t writers[2];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &shared), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_some_time, &shared), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&shared.is_over, true);
    for (int i = 0; i < 3; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(shared.failure_count, 0);
    store_close(shared.store);
}

/* ---------------------------------------------------------------- kill -9 */

enum { CRASH_ROUND_COUNT = 6, CRASH_KEY_COUNT = 16 };

/** Overwrite registers in turn for ever, and tell the parent about every commit. */
static void crash_child(const char *path, uint64_t first, int report)
{
    struct store *store;
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.path = path, .sync = true};
    if (store_lmdb_open(&store, &options, why))
        _exit(1);
    for (uint64_t i = first;; i++) {
        const uint8_t key = (uint8_t)(i % CRASH_KEY_COUNT);
        if (overwrite(store, slice_borrow(&key, 1), (struct tag){i, 1}, (uint32_t)(i * 7919 % 60000)) != AREG_OK ||
            write(report, &i, sizeof i) != sizeof i)
            _exit(2);
    }
}

static uint64_t crash_round(struct random_source *random, const char *path, uint64_t first)
{
    int pipes[2];
    uint64_t last = first - 1;
    uint64_t next;
    int status;
    assert_int_equal(pipe(pipes), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        crash_child(path, first, pipes[1]);
    close(pipes[1]);
    for (uint64_t i = 1 + random_below(random, 60); i > 0; i--)
        assert_int_equal(read(pipes[0], &last, sizeof last), sizeof last);
    kill(child, SIGKILL);
    while (read(pipes[0], &next, sizeof next) == sizeof next)
        last = next;
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return last;
}

static void what_was_committed_before_a_kill_is_there_afterwards(void **state)
{
    const char *const path = *state;
    struct random_source random = test_random();
    uint64_t last = 0;
    for (int round = 0; round < CRASH_ROUND_COUNT; round++) {
        last = crash_round(&random, path, last + 1);
        struct store *const store = open_at(path, true);
        struct store_txn *const txn = begin(store, STORE_READ);
        uint64_t newest = 0;
        for (uint64_t i = last; i > 0 && i + CRASH_KEY_COUNT > last; i--) {
            const uint8_t key = (uint8_t)(i % CRASH_KEY_COUNT);
            const uint64_t z = expect_intact(txn, slice_borrow(&key, 1)).z;
            assert_true(z == i || z == last + 1); /* the commit that was not reported any more */
            newest = z > newest ? z : newest;
        }
        last = newest;
        store_abort(txn);
        store_close(store);
    }
}

/* ---------------------------------------------------------------- main */

static int setup(void **state)
{
    char *const path = malloc(64);
    directory_make(path);
    *state = path;
    return 0;
}

static int teardown(void **state)
{
    umount2(*state, MNT_DETACH); /* of a failed test */
    directory_remove(*state);
    free(*state);
    return 0;
}

#define IN_A_DIRECTORY(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_DIRECTORY(a_second_opener_is_refused_with_the_pid_of_the_first),
        IN_A_DIRECTORY(a_directory_that_is_not_there_is_refused),
        IN_A_DIRECTORY(another_format_is_refused),
        IN_A_DIRECTORY(a_rotten_state_is_refused),
        IN_A_DIRECTORY(a_file_that_is_no_data_base_is_refused),
        IN_A_DIRECTORY(fragments_that_claim_each_others_blocks_are_refused),
        IN_A_DIRECTORY(a_rotten_register_is_noticed_by_get_and_put_and_a_scan_steps_over_it),
        IN_A_DIRECTORY(a_rotten_or_missing_fragment_is_noticed_and_the_others_are_not_touched),
        IN_A_DIRECTORY(overwriting_does_not_make_the_files_grow),
        IN_A_DIRECTORY(what_an_aborted_transaction_wrote_takes_no_room),
        IN_A_DIRECTORY(a_reader_keeps_the_fragments_that_it_sees),
        IN_A_DIRECTORY(a_full_disk_refuses_writes_goes_on_reading_and_recovers),
        IN_A_DIRECTORY(readers_and_writers_on_many_threads_do_not_disturb_each_other),
        IN_A_DIRECTORY(what_was_committed_before_a_kill_is_there_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
