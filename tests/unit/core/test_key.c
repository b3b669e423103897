/* Keys: the order in which every host lists them, and the hash that spreads them over shards. */
#include "core/key.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { KEY_COUNT = 120 };

struct key {
    uint8_t at[AREG_KEY_BYTES_MAX];
    size_t bytes;
};

static struct slice slice_of_key(const struct key *key)
{
    return slice_borrow(key->at, key->bytes);
}

/* Keys that are alike: one random text, cut at a length near the limits, sometimes with one byte changed. */
static void draw_keys(struct random_source *random, struct key keys[KEY_COUNT])
{
    static const size_t lengths[] = {1, 2, 447, 448, 449, 462, 463, 464, 465, 1023, 1024};
    random_fill(random, keys[0].at, sizeof keys[0].at);
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        memcpy(keys[i].at, keys[0].at, sizeof keys[0].at);
        keys[i].bytes = lengths[random_below(random, sizeof lengths / sizeof lengths[0])];
        if (i > 0 && random_below(random, 2))
            keys[i].at[random_below(random, keys[i].bytes)] ^= (uint8_t)(1u << random_below(random, 8));
    }
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void different_keys_have_different_sorted_forms_that_fit_the_store(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static struct key keys[KEY_COUNT];
    draw_keys(&random, keys);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        for (unsigned j = 0; j < KEY_COUNT; j++) {
            struct key_sort_form a;
            struct key_sort_form b;
            key_sort_form(slice_of_key(&keys[i]), &a);
            key_sort_form(slice_of_key(&keys[j]), &b);
            assert_in_range(a.bytes, 1, KEY_SORT_BYTES_MAX);
            const bool same_form = slice_equal(slice_borrow(a.at, a.bytes), slice_borrow(b.at, b.bytes));
            assert_int_equal(same_form, slice_equal(slice_of_key(&keys[i]), slice_of_key(&keys[j])) != 0);
        }
}

static void the_sorted_form_of_all_but_long_keys_is_the_key(void **state)
{
    (void)state;
    uint8_t at[AREG_KEY_BYTES_MAX];
    memset(at, 'k', sizeof at);
    for (size_t bytes = 0; bytes <= sizeof at; bytes++) {
        struct key_sort_form form;
        key_sort_form(slice_borrow(at, bytes), &form);
        assert_int_equal(form.bytes, bytes <= 463 ? bytes : 464);
        assert_memory_equal(form.at, at, bytes <= 463 ? bytes : 448);
    }
}

static void a_key_made_of_the_sorted_form_of_another_is_another(void **state)
{
    (void)state;
    struct random_source random = test_random();
    uint8_t at[AREG_KEY_BYTES_MAX];
    random_fill(&random, at, sizeof at);
    struct key_sort_form form;
    key_sort_form(slice_borrow(at, sizeof at), &form);
    for (size_t bytes = KEY_SORT_PREFIX_BYTES; bytes <= form.bytes; bytes++)
        assert_int_not_equal(key_compare(slice_borrow(at, sizeof at), slice_borrow(form.at, bytes)), 0);
}

static void keys_are_totally_ordered(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static struct key keys[KEY_COUNT];
    static int order[KEY_COUNT][KEY_COUNT];
    draw_keys(&random, keys);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        for (unsigned j = 0; j < KEY_COUNT; j++)
            order[i][j] = sign(key_compare(slice_of_key(&keys[i]), slice_of_key(&keys[j])));
    for (unsigned i = 0; i < KEY_COUNT; i++)
        for (unsigned j = 0; j < KEY_COUNT; j++) {
            assert_int_equal(order[i][j], -order[j][i]);
            assert_int_equal(order[i][j] == 0, slice_equal(slice_of_key(&keys[i]), slice_of_key(&keys[j])) != 0);
            for (unsigned k = 0; k < KEY_COUNT; k++)
                if (order[i][j] <= 0 && order[j][k] <= 0)
                    assert_true(order[i][k] <= 0);
        }
}

static void keys_that_differ_in_their_first_448_bytes_sort_by_their_bytes(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static struct key keys[KEY_COUNT];
    draw_keys(&random, keys);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        for (unsigned j = 0; j < KEY_COUNT; j++) {
            const struct slice a = slice_of_key(&keys[i]);
            const struct slice b = slice_of_key(&keys[j]);
            const bool are_short = a.bytes <= 463 && b.bytes <= 463;
            if (are_short || memcmp(a.at, b.at, a.bytes < b.bytes ? a.bytes : b.bytes) == 0) {
                if (are_short)
                    assert_int_equal(sign(key_compare(a, b)), sign(slice_compare(a, b)));
                continue;
            }
            size_t differs_at = 0;
            while (a.at[differs_at] == b.at[differs_at])
                differs_at++;
            if (differs_at < 448)
                assert_int_equal(sign(key_compare(a, b)), a.at[differs_at] < b.at[differs_at] ? -1 : 1);
        }
}

static void the_empty_key_sorts_first_and_is_no_valid_one(void **state)
{
    (void)state;
    static const uint8_t at[AREG_KEY_BYTES_MAX + 1];
    const struct slice empty = slice_borrow(at, 0);
    assert_true(key_compare(empty, slice_borrow(at, 1)) < 0);
    assert_false(key_is_valid(empty));
    assert_true(key_is_valid(slice_borrow(at, 1)));
    assert_true(key_is_valid(slice_borrow(at, AREG_KEY_BYTES_MAX)));
    assert_false(key_is_valid(slice_borrow(at, AREG_KEY_BYTES_MAX + 1)));
}

static void a_key_has_all_its_beginnings_as_prefixes_and_no_others(void **state)
{
    (void)state;
    const struct slice key = slice_borrow("meta/\0x", 7);
    for (size_t bytes = 0; bytes <= key.bytes; bytes++)
        assert_true(key_has_prefix(key, slice_borrow(key.at, bytes)));
    assert_false(key_has_prefix(key, slice_borrow("meta/\0xy", 8)));
    assert_false(key_has_prefix(key, slice_borrow("meta/\0y", 7)));
    assert_false(key_has_prefix((struct slice){0}, slice_borrow("m", 1)));
    assert_true(key_has_prefix((struct slice){0}, (struct slice){0}));
}

/* SipHash-2-4 with a zero key, written from its definition. */
static uint64_t rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], unsigned count)
{
    for (; count > 0; count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32) + v[3];
        v[2] += v[1];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static uint64_t sip_hash(const uint8_t *at, size_t bytes)
{
    uint64_t v[4] = {UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d), UINT64_C(0x6c7967656e657261),
                     UINT64_C(0x7465646279746573)};
    for (size_t done = 0;; done += 8) {
        const bool is_last = bytes - done < 8;
        uint64_t word = is_last ? (uint64_t)bytes << 56 : 0;
        for (size_t i = 0; i < (is_last ? bytes - done : 8); i++)
            word |= (uint64_t)at[done + i] << (8 * i);
        v[3] ^= word;
        sip_rounds(v, 2);
        v[0] ^= word;
        if (is_last)
            break;
    }
    v[2] ^= 0xFF;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void the_hash_of_a_key_is_siphash_everywhere(void **state)
{
    (void)state;
    struct random_source random = test_random();
    uint8_t at[AREG_KEY_BYTES_MAX];
    for (size_t bytes = 0; bytes <= sizeof at; bytes++) {
        random_fill(&random, at, bytes);
        assert_true(key_hash(slice_borrow(at, bytes)) == sip_hash(at, bytes));
    }
    assert_true(key_hash((struct slice){0}) == UINT64_C(0x1e924b9d737700d7)); /* so the twin is no accident */
}

static void a_printed_key_fits_a_line_of_a_log(void **state)
{
    (void)state;
    char text[KEY_TEXT_BYTES];
    assert_string_equal(key_print(slice_borrow("users/1", 7), text), "users/1");
    assert_string_equal(key_print(slice_borrow("a b\n\\\xff\0z", 8), text), "a\\x20b\\x0a\\x5c\\xff\\x00z");
    uint8_t all[256];
    for (unsigned i = 0; i < sizeof all; i++)
        all[i] = (uint8_t)i;
    for (unsigned first = 0; first < sizeof all; first++) {
        const size_t bytes = strlen(key_print(slice_borrow(all + first, sizeof all - first), text));
        assert_true(bytes < KEY_TEXT_BYTES);
        for (size_t i = 0; i < bytes; i++)
            assert_true(text[i] > 0x20 && text[i] < 0x7F);
    }
    /* What is cut says so. */
    memset(all, 'k', sizeof all);
    assert_non_null(strstr(key_print(slice_borrow(all, sizeof all), text), "k..."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_keys_have_different_sorted_forms_that_fit_the_store),
        cmocka_unit_test(the_sorted_form_of_all_but_long_keys_is_the_key),
        cmocka_unit_test(a_key_made_of_the_sorted_form_of_another_is_another),
        cmocka_unit_test(keys_are_totally_ordered),
        cmocka_unit_test(keys_that_differ_in_their_first_448_bytes_sort_by_their_bytes),
        cmocka_unit_test(the_empty_key_sorts_first_and_is_no_valid_one),
        cmocka_unit_test(a_key_has_all_its_beginnings_as_prefixes_and_no_others),
        cmocka_unit_test(a_printed_key_fits_a_line_of_a_log),
        cmocka_unit_test(the_hash_of_a_key_is_siphash_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
