/*
 * Registers and fragments: random histories of transactions on both stores, compared with a model after every one.
 */
#include "bench.h"
#include "model.h"
#include "tests/unit/seed.h"

#include "codec/checksum.h"
#include "store/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SLOT_COUNT = MODEL_SLOT_MAX, KEY_COUNT = 32, TRANSACTION_COUNT = 150 };

struct history {
    struct random_source random;
    struct bench bench;
    uint8_t keys[KEY_COUNT][AREG_KEY_BYTES_MAX];
    size_t key_bytes[KEY_COUNT];
    struct model committed;
    struct model now;
    struct model seen; /* by `reader` */
    struct store_txn *reader;
    uint64_t z;
};

/* ---------------------------------------------------------------- choices */

/** Lengths around the limits of core/key.h, and many common prefixes. */
static void keys_make(struct history *history)
{
    static const size_t lengths[] = {1, 2, 3, 20, 447, 448, 449, 463, 464, 465, 600, AREG_KEY_BYTES_MAX};
    for (int i = 0; i < KEY_COUNT; i++) {
        history->key_bytes[i] = lengths[random_below(&history->random, sizeof lengths / sizeof *lengths)];
        const uint8_t fill = random_below(&history->random, 2) ? 0xff : 0;
        memset(history->keys[i], fill, AREG_KEY_BYTES_MAX);
        /* A few bytes differ, at the front or at the very end. */
        history->keys[i][0] = (uint8_t)random_below(&history->random, 3);
        history->keys[i][history->key_bytes[i] - 1] = (uint8_t)random_next(&history->random);
    }
}

static struct slice key_choose(struct history *history)
{
    const uint64_t i = random_below(&history->random, KEY_COUNT);
    return slice_borrow(history->keys[i], history->key_bytes[i]);
}

static uint32_t slot_choose(struct history *history)
{
    return 1 + (uint32_t)random_below(&history->random, SLOT_COUNT);
}

static uint32_t fragment_bytes_choose(struct history *history)
{
    static const uint32_t limits[] = {0, 1, FRAGMENT_INLINE_BYTES_MAX, BLOCK_BYTES, 2 * BLOCK_BYTES};
    switch (random_below(&history->random, 4)) {
    case 0: {
        const uint32_t limit = limits[random_below(&history->random, sizeof limits / sizeof *limits)];
        return limit + (uint32_t)random_below(&history->random, 2);
    }
    case 1:
        return (uint32_t)random_below(&history->random, 30000);
    default:
        return (uint32_t)random_below(&history->random, 200);
    }
}

/* ---------------------------------------------------------------- operations */

static void register_change(struct history *history, struct store_txn *txn)
{
    const uint32_t slot = slot_choose(history);
    const struct slice key = key_choose(history);
    struct stored_register state;
    const enum areg_error error = store_register_get(txn, slot, key, &state);
    assert_true(error == AREG_OK || error == AREG_ENOTFOUND);
    struct slice payloads[4] = {{0}};

    while (state.entry_count > 0 && random_below(&history->random, 3) == 0)
        entry_remove(&state, (uint32_t)random_below(&history->random, state.entry_count));
    if (state.entry_count > 0 && random_below(&history->random, 4) == 0)
        state.entries[random_below(&history->random, state.entry_count)].entry.flags ^= ENTRY_DAMAGED;
    for (uint64_t i = random_below(&history->random, 5); i > 0 && state.entry_count < ENTRY_COUNT_MAX; i--) {
        const struct tag tag = {1000 + random_below(&history->random, 1000), ++history->z};
        const struct stored_entry entry = entry_make(tag, fragment_bytes_choose(history));
        payloads[i - 1] = entry.payload;
        entry_insert(&state, &entry);
    }
    state.trimmed.z += random_below(&history->random, 2);
    state.confirmed.w ^= random_below(&history->random, 2);

    assert_int_equal(store_register_put(txn, slot, key, &state), AREG_OK);
    model_put(&history->now, slot, key, &state);
    for (int i = 0; i < 4; i++)
        slice_unref(&payloads[i]);
}

static void register_delete(struct history *history, struct store_txn *txn)
{
    const uint32_t slot = slot_choose(history);
    const struct slice key = key_choose(history);
    assert_int_equal(store_register_delete(txn, slot, key), AREG_OK);
    model_delete(&history->now, slot, key);
}

static void look(struct history *history, struct store_txn *txn)
{
    model_expect_register(&history->now, txn, slot_choose(history), key_choose(history));
    struct slice prefix = key_choose(history);
    prefix.bytes = random_below(&history->random, prefix.bytes + 1);
    const struct slice afters[] = {key_choose(history), key_choose(history), prefix, {0}};
    const struct slice after = afters[random_below(&history->random, 4)];
    model_expect_scan(&history->now, txn, slot_choose(history), prefix, after);
}

static void transaction(struct history *history)
{
    struct store_txn *txn = bench_begin(&history->bench, STORE_WRITE);
    history->now = history->committed;
    for (uint64_t i = random_below(&history->random, 8); i > 0; i--) {
        const uint64_t choice = random_below(&history->random, 10);
        if (choice < 6)
            register_change(history, txn);
        else if (choice < 7)
            register_delete(history, txn);
        else
            look(history, txn);
    }
    if (random_below(&history->random, 4) == 0) {
        store_abort(txn);
        history->now = history->committed;
        return;
    }
    bench_commit(txn);
    history->committed = history->now;
}

static void reader_begin(struct history *history)
{
    history->reader = bench_begin(&history->bench, STORE_READ);
    history->seen = history->committed;
}

static void reader_end(struct history *history)
{
    if (history->reader)
        model_expect(&history->seen, history->reader);
    store_abort(history->reader);
    history->reader = NULL;
}

static void run_history(enum bench_kind kind, uint64_t seed)
{
    struct history *const history = calloc(1, sizeof *history);
    assert_non_null(history);
    history->random.state = seed;
    keys_make(history);
    bench_init(&history->bench, kind);
    for (int i = 0; i < TRANSACTION_COUNT; i++) {
        if (random_below(&history->random, 5) == 0) {
            reader_end(history);
            reader_begin(history);
        }
        transaction(history);
        if (random_below(&history->random, 20) == 0) {
            reader_end(history);
            bench_reopen(&history->bench);
        }
    }
    reader_end(history);
    reader_begin(history);
    reader_end(history);
    bench_fini(&history->bench);
    free(history);
}

/* ---------------------------------------------------------------- cases */

static void both_stores_agree_with_a_model_through_random_transactions(void **state)
{
    (void)state;
    struct random_source random = test_random();
    const uint64_t seed = random_next(&random);
    run_history(BENCH_MEMORY, seed);
    run_history(BENCH_LMDB, seed);
}

static void put_one(struct store_txn *txn, struct slice key, struct tag tag, uint32_t fragment_bytes)
{
    struct stored_register state;
    (void)!store_register_get(txn, 1, key, &state);
    struct stored_entry entry = entry_make(tag, fragment_bytes);
    entry_insert(&state, &entry);
    assert_int_equal(store_register_put(txn, 1, key, &state), AREG_OK);
    slice_unref(&entry.payload);
}

static void readers_see_only_what_was_committed_when_they_began(void **state)
{
    struct bench *const bench = *state;
    const struct slice key = slice_borrow("k", 1);
    struct stored_register found;
    struct store_txn *const writer = bench_begin(bench, STORE_WRITE);
    put_one(writer, key, (struct tag){1, 1}, 5000);

    struct store_txn *const before = bench_begin(bench, STORE_READ);
    assert_int_equal(store_register_get(before, 1, key, &found), AREG_ENOTFOUND);
    bench_commit(writer);
    assert_int_equal(store_register_get(before, 1, key, &found), AREG_ENOTFOUND);
    struct store_txn *const after = bench_begin(bench, STORE_READ);
    assert_int_equal(store_register_get(after, 1, key, &found), AREG_OK);
    store_abort(before);
    store_abort(after);
}

static void keys_that_differ_only_in_their_digest_are_listed_with_their_own_bytes(void **state)
{
    struct bench *const bench = *state;
    struct model *const model = calloc(1, sizeof *model);
    uint8_t bytes[AREG_KEY_BYTES_MAX];
    memset(bytes, 'a', sizeof bytes);
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    for (uint8_t i = 0; i < 20; i++) {
        bytes[AREG_KEY_BYTES_MAX - 1] = i;
        const struct slice key = slice_borrow(bytes, sizeof bytes);
        const struct stored_register empty = {.trimmed = {i, 1}};
        assert_int_equal(store_register_put(txn, 1, key, &empty), AREG_OK);
        model_put(model, 1, key, &empty);
    }
    for (uint8_t i = 0; i < 20; i++) {
        const struct slice key = model_key(&model->registers[i]);
        model_expect_scan(model, txn, 1, slice_borrow(key.at, 460), key);
        model_expect_scan(model, txn, 1, key, (struct slice){0});
    }
    model_expect(model, txn);
    store_abort(txn);
    free(model);
}

static void a_full_list_of_a_long_key_fits(void **state)
{
    struct bench *const bench = *state;
    struct model *const model = calloc(1, sizeof *model);
    uint8_t bytes[AREG_KEY_BYTES_MAX];
    memset(bytes, 'x', sizeof bytes);
    const struct slice key = slice_borrow(bytes, sizeof bytes);
    struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
    for (uint64_t i = 1; i <= ENTRY_COUNT_MAX; i++)
        put_one(txn, key, (struct tag){i, 7}, (uint32_t)i * 20);
    struct stored_register found;
    assert_int_equal(store_register_get(txn, 1, key, &found), AREG_OK);
    model_put(model, 1, key, &found);
    bench_commit(txn);
    bench_reopen(bench);
    struct store_txn *const reader = bench_begin(bench, STORE_READ);
    model_expect(model, reader);
    store_abort(reader);
    free(model);
}

static void a_large_fragment_survives_and_leaves_no_piece_behind(void **state)
{
    struct bench *const bench = *state;
    const struct slice key = slice_borrow("large", 5);
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    struct store_stats empty;
    assert_int_equal(store_stats_get(txn, &empty), AREG_OK);
    put_one(txn, key, (struct tag){1, 1}, AREG_VALUE_BYTES_MAX);
    bench_commit(txn);

    txn = bench_begin(bench, STORE_READ);
    struct stored_register found;
    struct slice fragment;
    assert_int_equal(store_register_get(txn, 1, key, &found), AREG_OK);
    assert_int_equal(store_fragment_get(txn, 1, key, &found.entries[0], &fragment), AREG_OK);
    assert_int_equal(fragment.bytes, AREG_VALUE_BYTES_MAX);
    slice_unref(&fragment);
    store_abort(txn);

    txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_register_delete(txn, 1, key), AREG_OK);
    struct store_stats stats;
    assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
    assert_int_equal(stats.fragment_bytes, 0);
    assert_true(stats.used_bytes < empty.used_bytes + 64 * 4096);
    bench_commit(txn);
}

static void a_fragment_that_was_dropped_is_gone_although_its_entry_is_kept(void **state)
{
    struct bench *const bench = *state;
    const struct slice key = slice_borrow("k", 1);
    struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
    for (uint32_t bytes = 10; bytes <= 100000; bytes *= 100) {
        struct stored_register now;
        put_one(txn, key, (struct tag){bytes, 1}, bytes);
        assert_int_equal(store_register_get(txn, 1, key, &now), AREG_OK);
        now.entries[0].place = 0;
        now.entries[0].fragment_bytes = 0;
        now.entries[0].payload = (struct slice){0};
        now.entries[0].entry.flags |= ENTRY_DAMAGED;
        assert_int_equal(store_register_put(txn, 1, key, &now), AREG_OK);
        struct store_stats stats;
        assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
        assert_int_equal(stats.fragment_bytes, 0);
        assert_int_equal(stats.entry_count, 1);
        assert_true(stats.used_bytes < 60000);
        assert_int_equal(store_register_delete(txn, 1, key), AREG_OK);
    }
    store_abort(txn);
}

static bool stop_at_once(struct slice key, const struct stored_register *found, void *arg)
{
    (void)key;
    (void)found;
    return ++*(unsigned *)arg < 3;
}

static void a_scan_stops_when_it_is_told_to(void **state)
{
    struct bench *const bench = *state;
    struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
    for (uint8_t i = 0; i < 10; i++)
        put_one(txn, slice_borrow(&i, 1), (struct tag){1, 1}, 10);
    unsigned count = 0;
    const struct slice none = {0};
    assert_int_equal(store_register_scan(txn, 1, none, none, stop_at_once, &count), AREG_OK);
    assert_int_equal(count, 3);
    store_abort(txn);
}

/* ---------------------------------------------------------------- main */

static int setup_lmdb(void **state)
{
    *state = calloc(1, sizeof(struct bench));
    bench_init(*state, BENCH_LMDB);
    return 0;
}

static int setup_memory(void **state)
{
    *state = calloc(1, sizeof(struct bench));
    bench_init(*state, BENCH_MEMORY);
    return 0;
}

static int teardown(void **state)
{
    bench_fini(*state);
    free(*state);
    return 0;
}

#define ON_BOTH(claim)                                                                                                 \
    {#claim " (LMDB)", claim, setup_lmdb, teardown, NULL},                                                             \
    {                                                                                                                  \
#claim " (memory)", claim, setup_memory, teardown, NULL                                                        \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_stores_agree_with_a_model_through_random_transactions),
        ON_BOTH(readers_see_only_what_was_committed_when_they_began),
        ON_BOTH(keys_that_differ_only_in_their_digest_are_listed_with_their_own_bytes),
        ON_BOTH(a_full_list_of_a_long_key_fits),
        ON_BOTH(a_large_fragment_survives_and_leaves_no_piece_behind),
        ON_BOTH(a_fragment_that_was_dropped_is_gone_although_its_entry_is_kept),
        ON_BOTH(a_scan_stops_when_it_is_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
