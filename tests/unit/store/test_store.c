/*
 * Host-wide values, configurations and what is kept of each, quota and figures, on both stores.
 */
#include "bench.h"
#include "model.h"
#include "tests/unit/seed.h"

#include "store/backend.h"
#include "store/store_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct slice text(const char *at)
{
    return slice_borrow(at, strlen(at));
}

static struct config_id id_of(uint8_t byte)
{
    struct config_id id;
    memset(id.bytes, byte, sizeof id.bytes);
    return id;
}

/* ---------------------------------------------------------------- cases */

static void values_are_found_by_name_after_a_restart_and_the_last_one_counts(void **state)
{
    struct bench *const bench = *state;
    static uint8_t large[CLUSTER_ENCODED_BYTES_MAX];
    struct slice found;
    memset(large, 7, sizeof large);
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_meta_get(txn, "genesis", &found), AREG_ENOTFOUND);
    assert_int_equal(store_meta_put(txn, "genesis", text("first")), AREG_OK);
    assert_int_equal(store_meta_put(txn, "genesis", slice_borrow(large, sizeof large)), AREG_OK);
    assert_int_equal(store_meta_put(txn, "empty", (struct slice){0}), AREG_OK);
    bench_commit(txn);
    txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_meta_put(txn, "genesis", text("aborted")), AREG_OK);
    store_abort(txn);

    bench_reopen(bench);
    txn = bench_begin(bench, STORE_READ);
    assert_int_equal(store_meta_get(txn, "genesis", &found), AREG_OK);
    assert_true(slice_equal(found, slice_borrow(large, sizeof large)));
    assert_int_equal(store_meta_get(txn, "empty", &found), AREG_OK);
    assert_int_equal(found.bytes, 0);
    assert_int_equal(store_meta_get(txn, "genesi", &found), AREG_ENOTFOUND);
    store_abort(txn);
}

static void a_configuration_keeps_its_slot_and_slots_are_never_given_out_twice(void **state)
{
    struct bench *const bench = *state;
    uint32_t slots[3];
    uint32_t slot;
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_config_find(txn, id_of(1), &slot), AREG_ENOTFOUND);
    for (uint8_t i = 0; i < 3; i++)
        assert_int_equal(store_config_put(txn, id_of(i), slice_borrow(&i, 1), &slots[i]), AREG_OK);
    assert_true(slots[0] > 0 && slots[1] != slots[0] && slots[2] != slots[1] && slots[2] != slots[0]);
    bench_commit(txn);

    bench_reopen(bench);
    txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_config_put(txn, id_of(1), text("not looked at"), &slot), AREG_OK);
    assert_int_equal(slot, slots[1]);
    assert_int_equal(store_config_find(txn, id_of(2), &slot), AREG_OK);
    assert_int_equal(slot, slots[2]);
    uint32_t seen = 0;
    struct slice descriptor;
    for (slot = 0; store_config_next(txn, &slot, &descriptor) == AREG_OK; slot++) {
        assert_int_equal(slot, slots[seen]);
        assert_int_equal(descriptor.bytes, 1);
        assert_int_equal(descriptor.at[0], seen);
        seen++;
    }
    assert_int_equal(seen, 3);
    store_abort(txn);
}

static void a_link_is_none_until_it_is_put(void **state)
{
    struct bench *const bench = *state;
    static uint8_t descriptor[CONFIG_ENCODED_BYTES_MAX];
    memset(descriptor, 3, sizeof descriptor);
    struct link link = {.status = LINK_FINALIZED};
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_link_get(txn, 1, &link), AREG_OK);
    assert_int_equal(link.status, LINK_NONE);
    assert_int_equal(link.descriptor.bytes, 0);
    link = (struct link){.status = LINK_PENDING, .descriptor = slice_borrow(descriptor, sizeof descriptor)};
    assert_int_equal(store_link_put(txn, 1, &link), AREG_OK);

    /* The natural way to finalize: the descriptor that is put is the one that was lent. */
    assert_int_equal(store_link_get(txn, 1, &link), AREG_OK);
    assert_int_equal(link.status, LINK_PENDING);
    link.status = LINK_FINALIZED;
    assert_int_equal(store_link_put(txn, 1, &link), AREG_OK);
    bench_commit(txn);
    bench_reopen(bench);
    txn = bench_begin(bench, STORE_READ);
    assert_int_equal(store_link_get(txn, 1, &link), AREG_OK);
    assert_int_equal(link.status, LINK_FINALIZED);
    assert_true(slice_equal(link.descriptor, slice_borrow(descriptor, sizeof descriptor)));
    assert_int_equal(store_link_get(txn, 2, &link), AREG_OK);
    assert_int_equal(link.status, LINK_NONE);
    store_abort(txn);
}

static void an_acceptor_is_all_zero_until_it_is_put(void **state)
{
    struct bench *const bench = *state;
    struct acceptor acceptor = {.promised = {1, 1}};
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_acceptor_get(txn, 9, &acceptor), AREG_OK);
    assert_true(acceptor.promised.round == 0 && acceptor.accepted.round == 0 && acceptor.descriptor.bytes == 0);
    acceptor = (struct acceptor){.promised = {7, 8}, .accepted = {5, 6}, .descriptor = text("d")};
    assert_int_equal(store_acceptor_put(txn, 9, &acceptor), AREG_OK);
    bench_commit(txn);
    bench_reopen(bench);
    txn = bench_begin(bench, STORE_READ);
    assert_int_equal(store_acceptor_get(txn, 9, &acceptor), AREG_OK);
    assert_true(acceptor.promised.round == 7 && acceptor.promised.proposer == 8);
    assert_true(acceptor.accepted.round == 5 && acceptor.accepted.proposer == 6);
    assert_true(slice_equal(acceptor.descriptor, text("d")));
    store_abort(txn);
}

static void a_transfer_is_all_zero_until_it_is_put_and_is_found_by_whoever_looks_for_work(void **state)
{
    struct bench *const bench = *state;
    static uint8_t source[CONFIG_ENCODED_BYTES_MAX];
    static uint8_t after[AREG_KEY_BYTES_MAX];
    memset(source, 5, sizeof source);
    memset(after, 6, sizeof after);
    struct stored_transfer found = {.slices_at_work = 1};
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_transfer_get(txn, 3, &found), AREG_OK);
    assert_true(found.progress.slices_given == 0 && found.slices_at_work == 0 && found.source.bytes == 0);
    uint32_t slot = 0;
    assert_int_equal(store_transfer_next(txn, &slot, &found), AREG_ENOTFOUND);
    const struct stored_transfer put = {
        .progress = {.slices_given = 0xf000000f,
                     .slices_moved = 0x8,
                     .register_count = UINT64_C(1) << 40,
                     .bytes = UINT64_C(1) << 50,
                     .is_paused = true,
                     .bytes_per_s = UINT64_C(1) << 33},
        .slices_at_work = 0x7,
        .after = slice_borrow(after, sizeof after),
        .source = slice_borrow(source, sizeof source),
    };
    assert_int_equal(store_transfer_put(txn, 3, &put), AREG_OK);
    assert_int_equal(store_transfer_put(txn, 70000, &(struct stored_transfer){.slices_at_work = 9}), AREG_OK);
    /* The natural way to go on: what is put again is what was lent. */
    assert_int_equal(store_transfer_get(txn, 3, &found), AREG_OK);
    found.slices_at_work = 0x6;
    assert_int_equal(store_transfer_put(txn, 3, &found), AREG_OK);
    bench_commit(txn);

    bench_reopen(bench);
    txn = bench_begin(bench, STORE_READ);
    slot = 0;
    assert_int_equal(store_transfer_next(txn, &slot, &found), AREG_OK);
    assert_int_equal(slot, 3);
    assert_int_equal(found.progress.slices_given, put.progress.slices_given);
    assert_int_equal(found.progress.slices_moved, put.progress.slices_moved);
    assert_true(found.progress.register_count == put.progress.register_count);
    assert_true(found.progress.bytes == put.progress.bytes && found.progress.is_paused);
    assert_true(found.progress.bytes_per_s == put.progress.bytes_per_s);
    assert_int_equal(found.slices_at_work, 0x6);
    assert_true(slice_equal(found.after, put.after) && slice_equal(found.source, put.source));
    slot++;
    assert_int_equal(store_transfer_next(txn, &slot, &found), AREG_OK);
    assert_int_equal(slot, 70000);
    assert_int_equal(found.slices_at_work, 9);
    assert_int_equal(found.after.bytes + found.source.bytes, 0);
    slot++;
    assert_int_equal(store_transfer_next(txn, &slot, &found), AREG_ENOTFOUND);
    store_abort(txn);
}

static void incarnations_are_zero_until_they_are_put(void **state)
{
    struct bench *const bench = *state;
    uint64_t incarnations[MEMBER_COUNT_MAX];
    memset(incarnations, 1, sizeof incarnations);
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_incarnations_get(txn, 2, incarnations), AREG_OK);
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        assert_true(incarnations[i] == 0);
        incarnations[i] = UINT64_MAX - i;
    }
    assert_int_equal(store_incarnations_put(txn, 2, incarnations), AREG_OK);
    bench_commit(txn);
    bench_reopen(bench);
    txn = bench_begin(bench, STORE_READ);
    assert_int_equal(store_incarnations_get(txn, 2, incarnations), AREG_OK);
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++)
        assert_true(incarnations[i] == UINT64_MAX - i);
    assert_int_equal(store_incarnations_get(txn, 1, incarnations), AREG_OK);
    assert_true(incarnations[0] == 0);
    store_abort(txn);
}

/* All kinds of records that a configuration may have. */
static void furnish(struct store_txn *txn, uint32_t slot)
{
    const struct link link = {.status = LINK_PENDING, .descriptor = text("next")};
    const struct acceptor acceptor = {.promised = {slot, 2}};
    const struct stored_transfer transfer = {.slices_at_work = slot};
    const uint64_t incarnations[MEMBER_COUNT_MAX] = {slot};
    assert_int_equal(store_link_put(txn, slot, &link), AREG_OK);
    assert_int_equal(store_acceptor_put(txn, slot, &acceptor), AREG_OK);
    assert_int_equal(store_transfer_put(txn, slot, &transfer), AREG_OK);
    assert_int_equal(store_incarnations_put(txn, slot, incarnations), AREG_OK);
}

static void expect_furnished(struct store_txn *txn, uint32_t slot, bool is_there)
{
    struct link link;
    struct acceptor acceptor;
    struct stored_transfer transfer;
    uint64_t incarnations[MEMBER_COUNT_MAX];
    assert_int_equal(store_link_get(txn, slot, &link), AREG_OK);
    assert_int_equal(link.status, is_there ? LINK_PENDING : LINK_NONE);
    assert_int_equal(store_acceptor_get(txn, slot, &acceptor), AREG_OK);
    assert_int_equal(acceptor.promised.round, is_there ? slot : 0);
    assert_int_equal(store_transfer_get(txn, slot, &transfer), AREG_OK);
    assert_int_equal(transfer.slices_at_work, is_there ? slot : 0);
    assert_int_equal(store_incarnations_get(txn, slot, incarnations), AREG_OK);
    assert_int_equal(incarnations[0], is_there ? slot : 0);
}

static void a_deleted_configuration_leaves_nothing_and_its_slot_to_nobody(void **state)
{
    struct bench *const bench = *state;
    uint32_t slots[3];
    uint32_t slot;
    struct slice descriptor;
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(store_config_put(txn, id_of(i), slice_borrow(&i, 1), &slots[i]), AREG_OK);
        furnish(txn, slots[i]);
    }
    bench_commit(txn);
    txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_config_delete(txn, id_of(1), slots[1]), AREG_OK);
    store_abort(txn);
    txn = bench_begin(bench, STORE_WRITE);
    expect_furnished(txn, slots[1], true);
    assert_int_equal(store_config_delete(txn, id_of(1), slots[1]), AREG_OK);
    assert_int_equal(store_config_delete(txn, id_of(1), slots[1]), AREG_OK);
    bench_commit(txn);

    bench_reopen(bench);
    txn = bench_begin(bench, STORE_WRITE);
    for (unsigned i = 0; i < 3; i++)
        expect_furnished(txn, slots[i], i != 1);
    assert_int_equal(store_config_find(txn, id_of(1), &slot), AREG_ENOTFOUND);
    slot = slots[0] + 1;
    assert_int_equal(store_config_next(txn, &slot, &descriptor), AREG_OK);
    assert_int_equal(slot, slots[2]);
    assert_int_equal(store_config_put(txn, id_of(1), text("again"), &slot), AREG_OK);
    assert_int_equal(slot, slots[2] + 1);
    expect_furnished(txn, slot, false);
    store_abort(txn);
}

static void flip_every_record_of_the_host(struct store_txn *txn)
{
    struct slice key;
    struct slice value;
    uint8_t from[TABLE_KEY_BYTES_MAX + 1] = {2}; /* not the state record: transactions begin with that */
    size_t from_bytes = 1;
    while (txn->store->backend->seek(txn, TABLE_HOST, slice_borrow(from, from_bytes), &key, &value) == AREG_OK) {
        uint8_t *room;
        if (key.at[0] >= ' ')
            return; /* LMDB's own records of the other tables */
        memcpy(from, key.at, key.bytes);
        from_bytes = key.bytes;
        struct slice copy = slice_copy(value);
        assert_int_equal(txn->store->backend->put(txn, TABLE_HOST, slice_borrow(from, from_bytes), copy.bytes, &room),
                         AREG_OK);
        memcpy(room, copy.at, copy.bytes);
        room[copy.bytes - 1] ^= 4;
        slice_unref(&copy);
        from[from_bytes++] = 0;
    }
}

static void rotten_records_are_noticed(void **state)
{
    struct bench *const bench = *state;
    const struct link put_link = {.status = LINK_PENDING, .descriptor = text("d")};
    const struct acceptor put_acceptor = {.promised = {1, 2}};
    const struct stored_transfer put_transfer = {.source = text("s")};
    struct stored_transfer transfer;
    uint64_t incarnations[MEMBER_COUNT_MAX] = {1};
    struct slice found;
    struct link link;
    struct acceptor acceptor;
    uint32_t slot;
    struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_meta_put(txn, "m", text("value")), AREG_OK);
    assert_int_equal(store_config_put(txn, id_of(1), text("c"), &slot), AREG_OK);
    assert_int_equal(store_link_put(txn, slot, &put_link), AREG_OK);
    assert_int_equal(store_acceptor_put(txn, slot, &put_acceptor), AREG_OK);
    assert_int_equal(store_transfer_put(txn, slot, &put_transfer), AREG_OK);
    assert_int_equal(store_incarnations_put(txn, slot, incarnations), AREG_OK);
    flip_every_record_of_the_host(txn);
    assert_int_equal(store_meta_get(txn, "m", &found), AREG_ECORRUPT);
    assert_int_equal(store_link_get(txn, slot, &link), AREG_ECORRUPT);
    assert_int_equal(store_acceptor_get(txn, slot, &acceptor), AREG_ECORRUPT);
    assert_int_equal(store_transfer_get(txn, slot, &transfer), AREG_ECORRUPT);
    assert_int_equal(store_incarnations_get(txn, slot, incarnations), AREG_ECORRUPT);
    assert_int_equal(store_config_find(txn, id_of(1), &slot), AREG_ECORRUPT);
    slot = 0;
    assert_int_equal(store_transfer_next(txn, &slot, &transfer), AREG_ECORRUPT);
    slot = 0;
    assert_int_equal(store_config_next(txn, &slot, &found), AREG_ECORRUPT);
    store_abort(txn);
}

static void fill(struct bench *bench, uint64_t number)
{
    struct stored_entry entry = entry_make((struct tag){1 + number, 1}, 100000);
    struct stored_register now = {.entry_count = 1, .entries = {entry}};
    struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_register_put(txn, 1, slice_borrow(&number, sizeof number), &now), AREG_OK);
    bench_commit(txn);
    slice_unref(&entry.payload);
}

static bool has_room(struct bench *bench, uint64_t more_bytes)
{
    struct store_txn *const txn = bench_begin(bench, STORE_READ);
    struct store_stats stats;
    const bool has = store_has_room(txn, more_bytes);
    assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
    assert_int_equal(stats.is_full, !store_has_room(txn, 1));
    store_abort(txn);
    return has;
}

static void a_quota_bounds_what_is_stored_and_can_be_changed_at_any_time(void **state)
{
    struct bench *const bench = *state;
    store_set_quota(bench->store, 1 << 20, 0);
    assert_true(has_room(bench, 900000));
    assert_false(has_room(bench, 2 << 20));
    uint64_t count = 0;
    for (; has_room(bench, 100000); count++)
        fill(bench, count);
    assert_in_range(count, 8, 10);
    assert_false(has_room(bench, 100000));

    store_set_quota(bench->store, 2 << 20, 0);
    assert_true(has_room(bench, 1000000));
    store_set_quota(bench->store, 0, 0);
    assert_true(has_room(bench, 3 << 20));
    store_set_quota(bench->store, 500000, 0);
    assert_false(has_room(bench, 1));

    /* What makes room is never refused. */
    for (uint64_t i = 0; i < count; i++) {
        struct store_txn *const txn = bench_begin(bench, STORE_WRITE);
        assert_int_equal(store_register_delete(txn, 1, slice_borrow(&i, sizeof i)), AREG_OK);
        bench_commit(txn);
    }
    assert_true(has_room(bench, 300000));
}

static void an_aborted_transaction_leaves_no_trace_in_the_figures(void **state)
{
    struct bench *const bench = *state;
    struct store_stats before;
    struct store_stats after;
    fill(bench, 1);
    struct store_txn *txn = bench_begin(bench, STORE_WRITE);
    assert_int_equal(store_stats_get(txn, &before), AREG_OK);
    assert_int_equal(store_register_delete(txn, 1, slice_borrow(&(uint64_t){1}, 8)), AREG_OK);
    struct stored_entry entry = entry_make((struct tag){2, 2}, 50000);
    const struct stored_register now = {.entry_count = 1, .entries = {entry}};
    assert_int_equal(store_register_put(txn, 1, text("other"), &now), AREG_OK);
    slice_unref(&entry.payload);
    store_abort(txn);
    txn = bench_begin(bench, STORE_READ);
    assert_int_equal(store_stats_get(txn, &after), AREG_OK);
    assert_int_equal(after.register_count, 1);
    assert_int_equal(after.entry_count, 1);
    assert_int_equal(after.fragment_bytes, 100000);
    assert_int_equal(after.used_bytes, before.used_bytes);
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
        ON_BOTH(values_are_found_by_name_after_a_restart_and_the_last_one_counts),
        ON_BOTH(a_configuration_keeps_its_slot_and_slots_are_never_given_out_twice),
        ON_BOTH(a_link_is_none_until_it_is_put),
        ON_BOTH(an_acceptor_is_all_zero_until_it_is_put),
        ON_BOTH(a_transfer_is_all_zero_until_it_is_put_and_is_found_by_whoever_looks_for_work),
        ON_BOTH(incarnations_are_zero_until_they_are_put),
        ON_BOTH(a_deleted_configuration_leaves_nothing_and_its_slot_to_nobody),
        ON_BOTH(rotten_records_are_noticed),
        ON_BOTH(a_quota_bounds_what_is_stored_and_can_be_changed_at_any_time),
        ON_BOTH(an_aborted_transaction_leaves_no_trace_in_the_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
