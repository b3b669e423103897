/*
 * What the store in memory does beyond a store: crashes, commits that fail, fragments that rot.
 */
#include "store/store_memory.h"

#include "model.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct slice KEY = {.at = (const uint8_t *)"key", .bytes = 3};

static struct store *open_store(bool sync)
{
    struct store *store;
    const struct store_options options = {.sync = sync};
    assert_int_equal(store_memory_open(&store, &options), AREG_OK);
    return store;
}

static struct store_txn *begin(struct store *store, enum store_mode mode)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(store, mode, &txn), AREG_OK);
    return txn;
}

/** Add an entry z to the register, and try to commit. */
static enum areg_error write(struct store *store, uint64_t z, uint32_t fragment_bytes)
{
    struct stored_register state;
    struct store_txn *const txn = begin(store, STORE_WRITE);
    (void)!store_register_get(txn, 1, KEY, &state);
    struct stored_entry entry = entry_make((struct tag){z, 1}, fragment_bytes);
    entry_insert(&state, &entry);
    assert_int_equal(store_register_put(txn, 1, KEY, &state), AREG_OK);
    slice_unref(&entry.payload);
    return store_commit(txn);
}

static uint32_t entry_count(struct store *store)
{
    struct stored_register state;
    struct store_txn *const txn = begin(store, STORE_READ);
    (void)!store_register_get(txn, 1, KEY, &state);
    store_abort(txn);
    return state.entry_count;
}

/* ---------------------------------------------------------------- cases */

static void a_crash_takes_what_was_not_committed(void **state)
{
    (void)state;
    struct store *const store = open_store(true);
    assert_int_equal(write(store, 1, 10), AREG_OK);
    struct store_txn *const txn = begin(store, STORE_WRITE);
    assert_int_equal(store_register_delete(txn, 1, KEY), AREG_OK);
    store_abort(txn);
    store_memory_crash(store);
    assert_int_equal(entry_count(store), 1);
    store_close(store);
}

static void without_sync_a_crash_takes_what_was_committed_since(void **state)
{
    (void)state;
    struct store *const store = open_store(false);
    assert_int_equal(write(store, 1, 10), AREG_OK);
    store_memory_sync(store);
    assert_int_equal(write(store, 2, 10000), AREG_OK);
    assert_int_equal(entry_count(store), 2);
    store_memory_crash(store);
    assert_int_equal(entry_count(store), 1);
    assert_int_equal(write(store, 3, 10), AREG_OK);
    store_close(store);
}

static void a_full_disk_fails_one_commit_and_the_store_goes_on(void **state)
{
    (void)state;
    struct store *const store = open_store(true);
    store_memory_fail_commit(store, (struct store_fault){.commits_before = 2, .error = AREG_EFULL});
    assert_int_equal(write(store, 1, 10), AREG_OK);
    assert_int_equal(write(store, 2, 10), AREG_OK);
    assert_int_equal(write(store, 3, 10), AREG_EFULL);
    assert_int_equal(entry_count(store), 2);
    assert_int_equal(write(store, 4, 10), AREG_OK);
    assert_int_equal(entry_count(store), 3);
    store_close(store);
}

static void after_a_failed_disk_nothing_works_until_the_restart(void **state)
{
    (void)state;
    for (int is_committed = 0; is_committed < 2; is_committed++) {
        struct store *const store = open_store(true);
        struct store_txn *txn;
        assert_int_equal(write(store, 1, 10), AREG_OK);
        store_memory_fail_commit(store, (struct store_fault){.error = AREG_EIO, .is_committed_anyway = is_committed});
        assert_int_equal(write(store, 2, 10), AREG_EIO);
        assert_int_equal(store_begin(store, STORE_READ, &txn), AREG_EIO);
        assert_int_equal(store_begin(store, STORE_WRITE, &txn), AREG_EIO);
        store_memory_crash(store);
        assert_int_equal(entry_count(store), 1 + is_committed);
        store_close(store);
    }
}

static void any_rotten_bit_of_a_fragment_is_noticed_and_only_there(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {1, 100, 2048, 2049, 20000};
    struct random_source random = test_random();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct store *const store = open_store(true);
        assert_int_equal(write(store, 1, 50), AREG_OK);
        assert_int_equal(write(store, 2, sizes[i]), AREG_OK);
        assert_int_equal(write(store, 3, 50), AREG_OK);
        const uint64_t bit_index = random_next(&random);
        assert_int_equal(store_memory_rot(store, 1, KEY, (struct tag){2, 1}, bit_index), AREG_OK);
        assert_int_equal(store_memory_rot(store, 1, KEY, (struct tag){9, 1}, bit_index), AREG_ENOTFOUND);
        store_memory_crash(store);

        struct stored_register found;
        struct slice fragment;
        struct store_txn *const txn = begin(store, STORE_READ);
        assert_int_equal(store_register_get(txn, 1, KEY, &found), AREG_OK);
        for (uint32_t j = 0; j < 3; j++) {
            assert_int_equal(store_fragment_get(txn, 1, KEY, &found.entries[j], &fragment),
                             j == 1 ? AREG_ECORRUPT : AREG_OK);
            slice_unref(&fragment);
        }
        store_abort(txn);
        store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_takes_what_was_not_committed),
        cmocka_unit_test(without_sync_a_crash_takes_what_was_committed_since),
        cmocka_unit_test(a_full_disk_fails_one_commit_and_the_store_goes_on),
        cmocka_unit_test(after_a_failed_disk_nothing_works_until_the_restart),
        cmocka_unit_test(any_rotten_bit_of_a_fragment_is_noticed_and_only_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
