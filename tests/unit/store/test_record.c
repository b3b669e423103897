/*
 * Records: what was encoded is decoded, and anything else is an error, never a crash. (Run under the sanitizers, these
 * cases also show that nothing is read past the end.)
 */
#include "model.h"
#include "store/record.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/** A record in memory of exactly its size, with `fragment_bytes` of inline fragments for every other entry. */
static struct slice record_make(struct random_source *random, struct slice key, struct stored_register *state,
                                uint32_t entry_count, uint32_t fragment_bytes)
{
    *state = (struct stored_register){.trimmed = {1, 2}, .confirmed = {3, 4}, .entry_count = entry_count};
    size_t inline_bytes = 0;
    for (uint32_t i = 0; i < entry_count; i++) {
        state->entries[i] = (struct stored_entry){
            .entry = {.tag = {10 + i, random_next(random)},
                      .value_digest = random_next(random),
                      .value_bytes = (uint32_t)random_below(random, AREG_VALUE_BYTES_MAX + 1),
                      .fragment_checksum = (uint32_t)random_next(random),
                      .flags = (uint32_t)random_below(random, ENTRY_FLAGS_ALL + 1)},
            .fragment_bytes = fragment_bytes,
            .place = i % 2 ? 1000 + i : PLACE_INLINE,
        };
        inline_bytes += i % 2 ? 0 : fragment_bytes;
    }
    const size_t head_bytes = register_head_bytes(key, entry_count);
    struct buffer *const buffer = buffer_create(head_bytes + inline_bytes);
    assert_non_null(buffer);
    assert_int_equal(register_head_encode(key, state, buffer_at(buffer), head_bytes), head_bytes);
    random_fill(random, buffer_at(buffer) + head_bytes, inline_bytes);
    return slice_of(buffer, 0, head_bytes + inline_bytes);
}

static void expect_same(const struct stored_register *a, const struct stored_register *b)
{
    assert_true(tag_equal(a->trimmed, b->trimmed) && tag_equal(a->confirmed, b->confirmed));
    assert_int_equal(a->entry_count, b->entry_count);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        assert_memory_equal(&a->entries[i].entry.tag, &b->entries[i].entry.tag, sizeof(struct tag));
        assert_int_equal(a->entries[i].entry.value_digest, b->entries[i].entry.value_digest);
        assert_int_equal(a->entries[i].entry.value_bytes, b->entries[i].entry.value_bytes);
        assert_int_equal(a->entries[i].entry.fragment_checksum, b->entries[i].entry.fragment_checksum);
        assert_int_equal(a->entries[i].entry.flags, b->entries[i].entry.flags);
        assert_int_equal(a->entries[i].fragment_bytes, b->entries[i].fragment_bytes);
        assert_int_equal(a->entries[i].place, b->entries[i].place);
    }
}

static void registers_come_back_as_they_were(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static const size_t key_lengths[] = {1, KEY_SORT_RAW_BYTES_MAX, KEY_SORT_RAW_BYTES_MAX + 1, AREG_KEY_BYTES_MAX};
    uint8_t key_bytes[AREG_KEY_BYTES_MAX];
    random_fill(&random, key_bytes, sizeof key_bytes);
    for (uint32_t entry_count = 0; entry_count <= ENTRY_COUNT_MAX; entry_count++) {
        const struct slice key = slice_borrow(key_bytes, key_lengths[entry_count % 4]);
        struct stored_register from;
        struct stored_register to;
        struct slice kept;
        struct slice record = record_make(&random, key, &from, entry_count, entry_count % 50);
        assert_int_equal(register_decode(record, &kept, &to), AREG_OK);
        expect_same(&from, &to);
        assert_true(slice_equal(kept, key.bytes > KEY_SORT_RAW_BYTES_MAX ? key : (struct slice){0}));
        slice_unref(&record);
    }
}

static void every_truncation_and_every_flipped_bit_of_a_head_is_noticed(void **state)
{
    (void)state;
    struct random_source random = test_random();
    const struct slice key = slice_borrow("k", 1);
    struct stored_register to;
    struct slice kept;
    struct slice record = record_make(&random, key, &to, 5, 9);
    for (size_t bytes = 0; bytes < record.bytes; bytes++) {
        struct slice cut = slice_copy(slice_borrow(record.at, bytes));
        assert_int_equal(register_decode(cut, &kept, &to), AREG_ECORRUPT);
        assert_int_equal(to.entry_count, 0);
        slice_unref(&cut);
    }
    for (size_t bit = 0; bit < register_head_bytes(key, 5) * 8; bit++) {
        struct slice copy = slice_copy(record);
        buffer_at(copy.owner)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(register_decode(copy, &kept, &to), AREG_ECORRUPT);
        slice_unref(&copy);
    }
    slice_unref(&record);
}

static void a_flipped_bit_of_a_fragment_costs_that_fragment_only(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct stored_register from;
    struct stored_register to;
    struct slice kept;
    struct slice record = record_make(&random, slice_borrow("k", 1), &from, 5, 9);
    buffer_at(record.owner)[record.bytes - 1] ^= 1;
    assert_int_equal(register_decode(record, &kept, &to), AREG_OK);
    expect_same(&from, &to);
    slice_unref(&record);
}

/** A head that is impossible although its seal is right: as a future version, or a bug, might write it. */
static void expect_refused(size_t at, uint8_t byte)
{
    struct random_source random = {1};
    struct stored_register to;
    struct slice kept;
    const struct slice key = slice_borrow("k", 1);
    struct slice record = record_make(&random, key, &to, 2, 0);
    buffer_at(record.owner)[at] = byte;
    record_seal(buffer_at(record.owner), record.bytes - RECORD_SEAL_BYTES);
    assert_int_equal(register_decode(record, &kept, &to), AREG_ECORRUPT);
    slice_unref(&record);
}

static void impossible_heads_are_refused_although_their_seal_is_right(void **state)
{
    (void)state;
    enum { VERSION = 4, KEY_LENGTH = 5, COUNT = REGISTER_FIXED_BYTES - 2, ENTRIES = REGISTER_FIXED_BYTES };
    expect_refused(VERSION, 2);
    expect_refused(KEY_LENGTH, 1);
    expect_refused(COUNT, 1);
    expect_refused(COUNT, ENTRY_COUNT_MAX + 1);
    expect_refused(ENTRIES, 200);                /* tags that do not ascend */
    expect_refused(ENTRIES + 16 + 8 + 3, 255);   /* value_bytes */
    expect_refused(ENTRIES + 16 + 8 + 8, 128);   /* flags */
    expect_refused(ENTRIES + 16 + 8 + 8 + 1, 1); /* fragment_bytes that are not there */
}

static void random_bytes_are_refused(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[200];
        struct stored_register to;
        struct slice body;
        struct extent extents[EXTENT_COUNT_MAX];
        uint32_t extent_count;
        random_fill(&random, bytes, sizeof bytes);
        struct slice record = slice_copy(slice_borrow(bytes, 1 + random_below(&random, sizeof bytes)));
        assert_int_equal(register_decode(record, &body, &to), AREG_ECORRUPT);
        assert_int_equal(record_unseal(record, &body), AREG_ECORRUPT);
        assert_int_equal(extents_decode(record, extents, &extent_count), AREG_ECORRUPT);
        slice_unref(&record);
    }
}

static void extents_come_back_as_they_were(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct extent from[EXTENT_COUNT_MAX];
    struct extent to[EXTENT_COUNT_MAX];
    uint8_t record[EXTENTS_RECORD_BYTES_MAX];
    for (uint32_t count = 1; count <= EXTENT_COUNT_MAX; count++) {
        uint32_t found_count;
        from[count - 1] = (struct extent){.block = random_next(&random), .count = (uint32_t)random_next(&random)};
        const size_t record_bytes = extents_encode(from, count, record);
        assert_int_equal(extents_decode(slice_borrow(record, record_bytes), to, &found_count), AREG_OK);
        assert_int_equal(found_count, count);
        for (uint32_t i = 0; i < count; i++)
            assert_true(from[i].block == to[i].block && from[i].count == to[i].count);
        for (size_t bytes = 0; bytes < record_bytes; bytes++)
            assert_int_equal(extents_decode(slice_borrow(record, bytes), to, &found_count), AREG_ECORRUPT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_come_back_as_they_were),
        cmocka_unit_test(every_truncation_and_every_flipped_bit_of_a_head_is_noticed),
        cmocka_unit_test(a_flipped_bit_of_a_fragment_costs_that_fragment_only),
        cmocka_unit_test(impossible_heads_are_refused_although_their_seal_is_right),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(extents_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
