/*
 * LDR, answering half: what a directory and a replica accept, and what is given for a value that has been dropped. How
 * both keep their lists is TREAS's business.
 */
#include "bench.h"
#include "dap/ldr.h"

#include "codec/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DIRECTORY = 2, REPLICA = 3 }; /* of "ldr:3,3": the last one, the first one */

#define WANT(number) ((struct get_data){.want = WANT_TAG, .tag = tag_of(number)})

static struct bench bench;
static struct data_reply reply;

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

static void open_as(unsigned member_index, unsigned delta)
{
    bench_open(&bench, "ldr:3,3", delta);
    bench.member_index = member_index;
}

/* ---------------------------------------------------------------- where a value is */

static void a_location_names_a_majority_of_the_replicas_and_nobody_else(void **state)
{
    (void)state;
    static const char *const codes[] = {"ldr:3,3", "ldr:1,1", "ldr:2,4", "ldr:5,5", "ldr:1,6"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct code code;
        assert_int_equal(code_parse(codes[i], &code), AREG_OK);
        for (unsigned bits = 0; bits < 2u << code.n; bits++) {
            struct slice location;
            struct voters replicas;
            assert_int_equal(location_encode((struct voters){bits}, &location), AREG_OK);
            assert_int_equal(location.bytes, LOCATION_BYTES);
            const unsigned stray = bits & ((1u << code.directory_count) - 1 + (1u << code.n));
            const unsigned count = (unsigned)__builtin_popcount(bits & ~stray);
            const bool is_sound = !stray && 2 * count > (unsigned)(code.n - code.directory_count);
            assert_int_equal(location_decode(location, code, &replicas), is_sound);
            assert_true(!is_sound || replicas.bits == bits);
            const struct slice cut = slice_borrow(location.at, LOCATION_BYTES - 1);
            assert_false(location_decode(cut, code, &replicas));
            uint8_t longer[LOCATION_BYTES + 1] = {0};
            memcpy(longer, location.at, LOCATION_BYTES);
            assert_false(location_decode(slice_borrow(longer, sizeof longer), code, &replicas));
            slice_unref(&location);
        }
    }
}

/* ---------------------------------------------------------------- what fits */

static bool fits(unsigned member_index, struct entry entry, const uint8_t *fragment, size_t bytes)
{
    bench.member_index = member_index;
    entry.fragment_checksum = checksum_fragment(slice_borrow(fragment, bytes));
    return bench_fits(&bench, &entry, slice_borrow(fragment, bytes));
}

static void each_kind_takes_only_what_is_its_own(void **state)
{
    (void)state;
    static const uint8_t location[] = {0x30, 0, 0, 0};
    static const uint8_t nobody[] = {0x07, 0, 0, 0};
    static const uint8_t value[] = {1, 2, 3, 4, 5};
    const struct entry five = {.tag = {1, 1}, .value_bytes = 5};
    const struct entry four = {.tag = {1, 1}, .value_bytes = 4};
    const struct entry deleted = {.tag = {1, 1}, .flags = ENTRY_TOMBSTONE};
    open_as(0, 8);
    for (unsigned member = 0; member < 6; member++) {
        const bool is_directory = member <= DIRECTORY;
        assert_int_equal(fits(member, five, value, 5), !is_directory);
        assert_int_equal(fits(member, five, location, 4), is_directory);
        assert_int_equal(fits(member, five, nobody, 4), false);
        /* A value can look like a location, and the other way round: who holds what is not told by its looks. */
        assert_int_equal(fits(member, four, nobody, 4), !is_directory);
        assert_int_equal(fits(member, four, location, 4), true);
        assert_int_equal(fits(member, deleted, location, 4), is_directory);
        assert_int_equal(fits(member, deleted, location, 0), !is_directory);
    }
    /* What is no entry of a client fits nobody. */
    const struct entry zero = {.value_bytes = 5};
    const struct entry damaged = {.tag = {1, 1}, .value_bytes = 5, .flags = ENTRY_DAMAGED};
    assert_false(fits(DIRECTORY, zero, location, 4));
    assert_false(fits(DIRECTORY, damaged, location, 4));
    struct entry entry = five;
    entry.fragment_checksum = checksum_fragment(slice_borrow(location, 4)) ^ 1;
    assert_false(bench_fits(&bench, &entry, slice_borrow(location, 4)));
    bench_close(&bench);
}

static void a_directory_gives_back_where_the_newest_value_is(void **state)
{
    (void)state;
    open_as(DIRECTORY, 8);
    for (uint8_t z = 1; z <= 3; z++) {
        const uint8_t location[] = {(uint8_t)(0x38 ^ (8 << (z - 1))), 0, 0, 0};
        struct entry entry = {.tag = tag_of(z), .value_bytes = 1000, .value_digest = z};
        entry.fragment_checksum = checksum_fragment(slice_borrow(location, 4));
        bench_put_entry(&bench, "k", &entry, slice_borrow(location, 4));

        struct slice payload;
        struct seat seat = {.slot = bench.slot, .config = &bench.config, .member_index = DIRECTORY};
        assert_int_equal(store_begin(bench.store, STORE_READ, &seat.txn), AREG_OK);
        const struct get_data newest = {.want = WANT_NEWEST};
        assert_int_equal(bench.answer->get_data(&seat, slice_borrow("k", 1), &newest, &reply, &payload), AREG_OK);
        store_abort(seat.txn);
        assert_int_equal(reply.entry_count, z);
        assert_true(reply.has_fragment && tag_equal(reply.fragment_tag, tag_of(z)));
        assert_true(slice_equal(payload, slice_borrow(location, 4)));
        assert_int_equal(reply.entries[z - 1].value_bytes, 1000);
        slice_unref(&payload);
    }
    assert_true(tag_equal(bench_get_tag(&bench, "k"), tag_of(3)));
    bench_close(&bench);
}

/* ---------------------------------------------------------------- what was dropped */

static void assert_gives(uint64_t asked, uint64_t given)
{
    bench_get_data(&bench, "k", WANT(asked), &reply);
    assert_int_equal(reply.has_fragment, given != 0);
    assert_true(given == 0 || tag_equal(reply.fragment_tag, tag_of(given)));
}

static void for_a_dropped_value_a_replica_gives_the_newest_that_is_confirmed(void **state)
{
    (void)state;
    open_as(REPLICA, 8);
    for (unsigned z = 2; z <= 8; z += 2)
        bench_put(&bench, "k", tag_of(z), 100 * z);
    assert_gives(4, 4);
    assert_gives(3, 0); /* never came here, and nothing is confirmed */
    bench_confirm(&bench, "k", tag_of(6));
    assert_gives(3, 6);
    assert_gives(4, 4);
    bench_sweep(&bench, "k", tag_of(6));
    assert_gives(2, 6);
    assert_gives(4, 6);
    assert_gives(6, 6);
    /* What is newer than what is confirmed may be the value of a write that nobody will ever hear of again (C3'). */
    assert_gives(7, 0);
    assert_gives(8, 8);
    assert_gives(9, 0);
    /* Confirmed is a newer one than any that is here. */
    bench_confirm(&bench, "k", tag_of(11));
    assert_gives(7, 8);
    bench_sweep(&bench, "k", tag_of(11));
    assert_gives(8, 0);
    assert_int_equal(reply.entry_count, 0);
    assert_true(tag_equal(reply.confirmed, tag_of(11)));
    bench_close(&bench);
}

static void what_is_not_superseded_stays_whatever_delta_says(void **state)
{
    (void)state;
    open_as(REPLICA, 0);
    for (unsigned z = 1; z <= 20; z++)
        bench_put(&bench, "k", tag_of(z), 10);
    for (unsigned z = 1; z <= 20; z++)
        assert_gives(z, z);
    bench_confirm(&bench, "k", tag_of(15));
    assert_gives(14, 15);
    assert_int_equal(reply.entry_count, 6);
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_location_names_a_majority_of_the_replicas_and_nobody_else),
        cmocka_unit_test(each_kind_takes_only_what_is_its_own),
        cmocka_unit_test(a_directory_gives_back_where_the_newest_value_is),
        cmocka_unit_test(for_a_dropped_value_a_replica_gives_the_newest_that_is_confirmed),
        cmocka_unit_test(what_is_not_superseded_stays_whatever_delta_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
