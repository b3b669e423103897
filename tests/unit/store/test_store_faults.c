/*
 * Every write and every flush of a transaction fails once, in every place: because the disk is full, because it is
 * broken, because the power is cut and takes with it what was not flushed. The functions of the C library through which
 * LMDB and the store write are replaced by ones that obey.
 */
#include "bench.h"
#include "model.h"
#include "tests/unit/seed.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the disk */

/** FULL lasts until it is disarmed, BROKEN is one error; a CUT takes all that was not flushed, and nothing works. */
enum fault { FAULT_NONE, FAULT_FULL, FAULT_BROKEN, FAULT_CUT };

/** What a write that was not flushed yet has replaced. */
struct undo {
    ino_t file;
    int descriptor;
    off_t offset;
    size_t bytes;
    uint8_t *before; /* zeroes where there was no file yet */
};

enum { UNDO_COUNT_MAX = 256 };

/* What the replaced functions look at: they have no other way to learn it. */
static struct {
    enum fault fault;
    unsigned calls_before;
    bool has_failed;
    struct random_source random;
    struct undo undos[UNDO_COUNT_MAX];
    unsigned undo_count;
} disk;

static ino_t file_of(int descriptor)
{
    struct stat stat;
    assert_int_equal(fstat(descriptor, &stat), 0);
    return stat.st_ino;
}

/** Forget the writes to undo: all, or those to one file. */
static void undo_forget(const ino_t *file)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < disk.undo_count; i++) {
        if (file && disk.undos[i].file != *file)
            disk.undos[kept++] = disk.undos[i];
        else
            free(disk.undos[i].before);
    }
    disk.undo_count = kept;
}

/** Each write since the last flush is lost, or not: a disk is free to choose. The newest are undone first. */
static void power_cut(void)
{
    for (unsigned i = disk.undo_count; i > 0; i--) {
        const struct undo *const undo = &disk.undos[i - 1];
        if (random_below(&disk.random, 4) > 0)
            syscall(SYS_pwrite64, undo->descriptor, undo->before, undo->bytes, undo->offset);
    }
    undo_forget(NULL);
}

static bool must_fail(void)
{
    if (disk.fault == FAULT_NONE || (disk.has_failed && disk.fault == FAULT_BROKEN))
        return false;
    if (!disk.has_failed && disk.calls_before-- > 0)
        return false;
    if (!disk.has_failed && disk.fault == FAULT_CUT)
        power_cut();
    disk.has_failed = true;
    errno = disk.fault == FAULT_FULL ? ENOSPC : EIO;
    return true;
}

/** The first write to meet a full disk is cut short, as on a real one. */
static bool must_cut(size_t bytes)
{
    const bool is_first = disk.fault == FAULT_FULL && !disk.has_failed && disk.calls_before == 0 && bytes > 512;
    disk.has_failed = disk.has_failed || is_first;
    return is_first;
}

static void undo_remember(int descriptor, size_t bytes, off_t offset)
{
    if (disk.fault != FAULT_CUT || (fcntl(descriptor, F_GETFL) & O_DSYNC))
        return;
    assert_true(disk.undo_count < UNDO_COUNT_MAX);
    struct undo *const undo = &disk.undos[disk.undo_count++];
    *undo = (struct undo){.file = file_of(descriptor), .descriptor = descriptor, .offset = offset, .bytes = bytes};
    undo->before = calloc(1, bytes);
    assert_true(pread(descriptor, undo->before, bytes, offset) >= 0);
}

static size_t bytes_of(const struct iovec *parts, int part_count)
{
    size_t bytes = 0;
    for (int i = 0; i < part_count; i++)
        bytes += parts[i].iov_len;
    return bytes;
}

#define REPLACEMENT __attribute__((visibility("default")))

REPLACEMENT ssize_t pwrite(int descriptor, const void *from, size_t bytes, off_t offset)
{
    if (must_cut(bytes))
        return syscall(SYS_pwrite64, descriptor, from, (size_t)512, offset);
    if (must_fail())
        return -1;
    undo_remember(descriptor, bytes, offset);
    return syscall(SYS_pwrite64, descriptor, from, bytes, offset);
}

REPLACEMENT ssize_t writev(int descriptor, const struct iovec *parts, int part_count)
{
    if (must_cut(parts[0].iov_len))
        return syscall(SYS_write, descriptor, parts[0].iov_base, (size_t)512);
    if (must_fail())
        return -1;
    undo_remember(descriptor, bytes_of(parts, part_count), lseek(descriptor, 0, SEEK_CUR));
    return syscall(SYS_writev, descriptor, parts, part_count);
}

REPLACEMENT ssize_t pwritev(int descriptor, const struct iovec *parts, int part_count, off_t offset)
{
    if (must_cut(parts[0].iov_len))
        return syscall(SYS_pwrite64, descriptor, parts[0].iov_base, (size_t)512, offset);
    if (must_fail())
        return -1;
    undo_remember(descriptor, bytes_of(parts, part_count), offset);
    return syscall(SYS_pwritev, descriptor, parts, part_count, offset, (off_t)0);
}

REPLACEMENT int fdatasync(int descriptor)
{
    if (must_fail())
        return -1;
    const ino_t file = file_of(descriptor);
    undo_forget(&file);
    return (int)syscall(SYS_fdatasync, descriptor);
}

REPLACEMENT int fallocate(int descriptor, int mode, off_t offset, off_t bytes)
{
    return must_fail() ? -1 : (int)syscall(SYS_fallocate, descriptor, mode, offset, bytes);
}

/* ---------------------------------------------------------------- the transaction */

enum { KEY_COUNT = 4 };

static struct store *open_store(const char *path)
{
    struct store *store;
    char why[STORE_WHY_BYTES];
    const struct store_options options = {.path = path, .sync = true};
    const enum areg_error error = store_lmdb_open(&store, &options, why);
    if (error)
        fail_msg("%s: %s", error_name(error), why);
    return store;
}

/** All registers go to generation `z`, with fragments of all kinds, and so does a record of the host. */
static enum areg_error write_generation(struct store *store, uint64_t z)
{
    struct store_txn *txn;
    enum areg_error error = store_begin(store, STORE_WRITE, &txn);
    if (error)
        return error;
    for (uint8_t i = 0; i < KEY_COUNT && error == AREG_OK; i++) {
        struct stored_entry entry = entry_make((struct tag){z, i}, (uint32_t)(z + i) % KEY_COUNT * 40000 + 100);
        const struct stored_register now = {.entry_count = 1, .entries = {entry}};
        error = store_register_put(txn, 1, slice_borrow(&i, 1), &now);
        slice_unref(&entry.payload);
    }
    const struct stored_transfer transfer = {.progress = {.register_count = z}};
    if (error == AREG_OK)
        error = store_transfer_put(txn, 1, &transfer);
    if (error == AREG_OK)
        return store_commit(txn);
    store_abort(txn);
    return error;
}

/** All registers must be of one generation, and intact; which one? */
static uint64_t expect_whole(struct store *store)
{
    struct model *const model = calloc(1, sizeof *model);
    struct store_txn *txn;
    uint64_t z = 0;
    assert_int_equal(store_begin(store, STORE_READ, &txn), AREG_OK);
    for (uint8_t i = 0; i < KEY_COUNT; i++) {
        struct stored_register found;
        assert_int_equal(store_register_get(txn, 1, slice_borrow(&i, 1), &found), AREG_OK);
        assert_int_equal(found.entry_count, 1);
        assert_true(i == 0 || found.entries[0].entry.tag.z == z);
        z = found.entries[0].entry.tag.z;
        model_put(model, 1, slice_borrow(&i, 1), &found);
    }
    model_expect(model, txn);
    struct stored_transfer transfer;
    assert_int_equal(store_transfer_get(txn, 1, &transfer), AREG_OK);
    assert_int_equal(transfer.progress.register_count, z);
    store_abort(txn);
    free(model);
    return z;
}

/* ---------------------------------------------------------------- cases */

/** Let the n-th call fail for n = 0, 1, ... until a transaction makes fewer calls than that. */
static void run(const char *path, enum fault fault, void (*judge)(struct store **, const char *, uint64_t))
{
    struct store *store = open_store(path);
    uint64_t z = 1;
    assert_int_equal(write_generation(store, z), AREG_OK);
    /* Fill the free blocks and pages with what was there before. */
    assert_int_equal(write_generation(store, ++z), AREG_OK);
    for (unsigned n = 0; n < 1000; n++) {
        disk.fault = fault;
        disk.calls_before = n;
        disk.has_failed = false;
        undo_forget(NULL);
        const enum areg_error error = write_generation(store, z + 1);
        const bool has_failed = disk.has_failed;
        disk.fault = FAULT_NONE;
        if (!has_failed) {
            assert_int_equal(error, AREG_OK);
            assert_true(n > 5);
            power_cut();
            store_close(store);
            store = open_store(path);
            assert_int_equal(expect_whole(store), z + 1);
            store_close(store);
            return;
        }
        if (error)
            assert_int_equal(error, fault == FAULT_FULL ? AREG_EFULL : AREG_EIO);
        else
            assert_int_equal(expect_whole(store), z + 1); /* only headroom was refused */
        judge(&store, path, error ? z : z + 1);
        z = expect_whole(store);
    }
    fail();
}

/** Nothing has changed, and the same transaction works as soon as there is room: at the latest after a restart. */
static void judge_full(struct store **store, const char *path, uint64_t expected)
{
    struct store_txn *txn;
    const enum areg_error error = store_begin(*store, STORE_WRITE, &txn);
    if (error == AREG_OK) {
        store_abort(txn);
    } else {
        assert_int_equal(error, AREG_EIO);
        store_close(*store);
        *store = open_store(path);
    }
    assert_int_equal(expect_whole(*store), expected);
    assert_int_equal(write_generation(*store, expected + 1), AREG_OK);
}

/** The process stops, as it must; after the restart the transaction has happened, or not, as a whole. */
static void judge_broken(struct store **store, const char *path, uint64_t expected)
{
    store_close(*store);
    *store = open_store(path);
    assert_in_range(expect_whole(*store), expected, expected + 1);
}

static void a_full_disk_in_any_place_changes_nothing_and_passes(void **state)
{
    run(*state, FAULT_FULL, judge_full);
}

static void a_broken_disk_in_any_place_leaves_all_of_a_transaction_or_nothing(void **state)
{
    run(*state, FAULT_BROKEN, judge_broken);
}

static void a_power_cut_in_any_place_leaves_all_of_a_transaction_or_nothing(void **state)
{
    disk.random = test_random();
    for (int i = 0; i < 10; i++)
        run(*state, FAULT_CUT, judge_broken);
}

static int setup(void **state)
{
    char *const path = malloc(64);
    directory_make(path);
    *state = path;
    return 0;
}

static int teardown(void **state)
{
    disk.fault = FAULT_NONE;
    directory_remove(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_in_any_place_changes_nothing_and_passes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_power_cut_in_any_place_leaves_all_of_a_transaction_or_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_broken_disk_in_any_place_leaves_all_of_a_transaction_or_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
