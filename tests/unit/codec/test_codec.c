/*
 * The codec against a plain implementation of the same code: multiplication bit by bit, coefficients by their formula,
 * sums byte by byte.
 */
#include "codec/codec.h"

#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N_EXHAUSTIVE = 10 };

struct fixture {
    uint64_t random;
    uint8_t product[256][256];
};

/* ---------------------------------------------------------------- the oracle */

/* In GF(256) with x^8 + x^4 + x^3 + x^2 + 1. */
static uint8_t oracle_multiply(unsigned a, unsigned b)
{
    unsigned product = 0;
    for (; b != 0; b >>= 1) {
        if (b & 1)
            product ^= a;
        a <<= 1;
        if (a & 0x100)
            a ^= 0x11d;
    }
    return (uint8_t)product;
}

/* What data fragment `column` contributes to fragment `row`: the identity above, a Cauchy matrix 1 / (x + y) below. */
static uint8_t oracle_coefficient(const struct fixture *fixture, unsigned k, unsigned row, unsigned column)
{
    if (row < k)
        return row == column;
    uint8_t inverse = 1;
    while (fixture->product[row ^ column][inverse] != 1)
        inverse++;
    return inverse;
}

/* Fragment `index` of `value`; the caller frees it. */
static uint8_t *oracle_fragment(const struct fixture *fixture, unsigned k, struct slice value, unsigned index)
{
    const size_t fragment_bytes = codec_fragment_bytes(value.bytes, k);
    uint8_t *fragment = calloc(1, fragment_bytes + 1);
    assert_non_null(fragment);
    for (unsigned column = 0; column < k; column++) {
        const uint8_t *product = fixture->product[k == 1 ? 1 : oracle_coefficient(fixture, k, index, column)];
        const size_t offset = column * fragment_bytes;
        for (size_t i = 0; i < fragment_bytes && offset + i < value.bytes; i++)
            fragment[i] ^= product[value.at[offset + i]];
    }
    return fragment;
}

static void expect_fragment(const struct fixture *fixture, unsigned k, struct slice value, unsigned index,
                            struct slice fragment)
{
    uint8_t *expected = oracle_fragment(fixture, k, value, index);
    assert_int_equal(fragment.bytes, codec_fragment_bytes(value.bytes, k));
    if (fragment.bytes > 0) {
        assert_non_null(fragment.owner);
        assert_memory_equal(fragment.at, expected, fragment.bytes);
    }
    free(expected);
}

/* ---------------------------------------------------------------- helpers */

static struct slice make_value(uint64_t *random, size_t bytes)
{
    struct buffer *buffer = buffer_create(bytes);
    assert_non_null(buffer);
    random_fill(random, buffer_at(buffer), bytes);
    return slice_of(buffer, 0, bytes);
}

static struct codec *make_codec(unsigned n, unsigned k)
{
    struct codec *codec = codec_create(n, k);
    assert_non_null(codec);
    return codec;
}

static void drop_all(struct slice *slices, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        slice_unref(&slices[i]);
}

static void encode_all(struct codec *codec, unsigned n, struct slice value, struct slice *fragments)
{
    assert_int_equal(codec_encode(codec, value, voters_all(n), fragments), AREG_OK);
}

/* The fragments of `present`; whoever looks at one of the others crashes. */
static void hide_absent(const struct slice *fragments, struct voters present, struct slice *seen)
{
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        if (voters_has(present, i))
            seen[i] = fragments[i];
        else
            seen[i] = (struct slice){(const uint8_t *)1, SIZE_MAX, (struct buffer *)1};
    }
}

static void expect_decoded(struct codec *codec, unsigned k, const struct slice *fragments, struct voters present,
                           struct slice value)
{
    struct slice seen[MEMBER_COUNT_MAX], pieces[MEMBER_COUNT_MAX];
    hide_absent(fragments, present, seen);
    assert_int_equal(codec_decode(codec, seen, present, value.bytes, pieces), AREG_OK);
    size_t offset = 0;
    for (unsigned i = 0; i < k; i++) {
        assert_true(pieces[i].bytes <= value.bytes - offset);
        if (pieces[i].bytes > 0)
            assert_memory_equal(pieces[i].at, value.at + offset, pieces[i].bytes);
        offset += pieces[i].bytes;
    }
    assert_int_equal(offset, value.bytes);
    drop_all(pieces, k);
}

/* `index` is rebuilt from the present ones without it; false if they are too few. */
static bool expect_rebuilt(struct codec *codec, unsigned k, const struct slice *fragments, struct voters present,
                           size_t value_bytes, unsigned index)
{
    struct slice seen[MEMBER_COUNT_MAX], rebuilt;
    struct voters others = present;
    voters_remove(&others, index);
    hide_absent(fragments, others, seen);
    const enum areg_error error = codec_rebuild(codec, seen, present, value_bytes, index, &rebuilt);
    if (voters_count(others) < k) {
        assert_int_equal(error, AREG_EINVAL);
        assert_null(rebuilt.owner);
        return false;
    }
    assert_int_equal(error, AREG_OK);
    assert_true(slice_equal(rebuilt, fragments[index]));
    slice_unref(&rebuilt);
    return true;
}

static struct voters random_subset(uint64_t *random, unsigned n, unsigned count)
{
    struct voters subset = {0};
    while (voters_count(subset) < count)
        voters_add(&subset, random_below(random, n));
    return subset;
}

/* Mostly small, around multiples of k, and across the lengths at which vector kernels change their ways. */
static size_t random_value_bytes(uint64_t *random, unsigned k)
{
    switch (random_below(random, 4)) {
    case 0:
        return random_below(random, 2 * k + 2);
    case 1:
        return (size_t)k * random_below(random, 20) + random_below(random, 3);
    default:
        return random_below(random, 150 * k);
    }
}

/* ---------------------------------------------------------------- values and fragments */

static void fragments_are_those_of_the_systematic_cauchy_code(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned n = 1; n <= MEMBER_COUNT_MAX; n++) {
        for (unsigned k = 1; k <= n; k++) {
            struct codec *codec = make_codec(n, k);
            const size_t sizes[] = {0, 1, k - 1, k, k + 1, 2 * k - 1, random_value_bytes(&fixture->random, k)};
            for (unsigned s = n > N_EXHAUSTIVE ? 5 : 0; s < sizeof sizes / sizeof *sizes; s++) {
                struct slice value = make_value(&fixture->random, sizes[s]), fragments[MEMBER_COUNT_MAX];
                encode_all(codec, n, value, fragments);
                for (unsigned i = 0; i < n; i++)
                    expect_fragment(fixture, k, value, i, fragments[i]);
                drop_all(fragments, n);
                slice_unref(&value);
            }
            codec_destroy(codec);
        }
    }
}

static void decodes_and_rebuilds_from_any_k_of_n(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned n = 1; n <= N_EXHAUSTIVE; n++) {
        for (unsigned k = 1; k <= n; k++) {
            struct codec *codec = make_codec(n, k);
            for (uint32_t bits = 0; bits < UINT32_C(1) << n; bits++) {
                const struct voters present = {bits};
                if (voters_count(present) < k)
                    continue;
                struct slice value = make_value(&fixture->random, random_value_bytes(&fixture->random, k));
                struct slice fragments[MEMBER_COUNT_MAX];
                encode_all(codec, n, value, fragments);
                expect_decoded(codec, k, fragments, present, value);
                for (unsigned i = 0; i < n; i++)
                    expect_rebuilt(codec, k, fragments, present, value.bytes, i);
                drop_all(fragments, n);
                slice_unref(&value);
            }
            codec_destroy(codec);
        }
    }
}

static void decodes_and_rebuilds_random_codes_of_up_to_32_fragments(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 300; round++) {
        const unsigned n = N_EXHAUSTIVE + 1 + random_below(&fixture->random, MEMBER_COUNT_MAX - N_EXHAUSTIVE);
        const unsigned k = 1 + random_below(&fixture->random, n);
        struct codec *codec = make_codec(n, k);
        struct slice value = make_value(&fixture->random, random_value_bytes(&fixture->random, k));
        struct slice fragments[MEMBER_COUNT_MAX];
        encode_all(codec, n, value, fragments);
        for (unsigned set = 0; set < 10; set++) {
            const unsigned count = k + random_below(&fixture->random, set % 2 ? 1 : n - k + 1);
            const struct voters present = random_subset(&fixture->random, n, count);
            expect_decoded(codec, k, fragments, present, value);
            expect_rebuilt(codec, k, fragments, present, value.bytes, random_below(&fixture->random, n));
        }
        drop_all(fragments, n);
        slice_unref(&value);
        codec_destroy(codec);
    }
}

static void every_length_of_a_fragment_is_coded_alike(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(9, 5);
    for (size_t bytes = 0; bytes < 5 * 300; bytes++) {
        struct slice value = make_value(&fixture->random, bytes), fragments[MEMBER_COUNT_MAX];
        encode_all(codec, 9, value, fragments);
        for (unsigned i = 0; i < 9; i++)
            expect_fragment(fixture, 5, value, i, fragments[i]);
        expect_decoded(codec, 5, fragments, random_subset(&fixture->random, 9, 5), value);
        drop_all(fragments, 9);
        slice_unref(&value);
    }
    codec_destroy(codec);
}

static void values_of_up_to_16_mib_are_coded_alike(void **state)
{
    static const struct {
        unsigned n, k;
        size_t bytes;
    } cases[] = {{5, 3, AREG_VALUE_BYTES_MAX}, {4, 2, AREG_VALUE_BYTES_MAX - 1}, {14, 10, 1 << 20}, {5, 3, 65537}};
    struct fixture *fixture = *state;
    for (unsigned c = 0; c < sizeof cases / sizeof *cases; c++) {
        const unsigned n = cases[c].n, k = cases[c].k;
        struct codec *codec = make_codec(n, k);
        struct slice value = make_value(&fixture->random, cases[c].bytes), fragments[MEMBER_COUNT_MAX];
        encode_all(codec, n, value, fragments);
        for (unsigned i = 0; i < n; i++)
            expect_fragment(fixture, k, value, i, fragments[i]);
        expect_decoded(codec, k, fragments, voters_minus(voters_all(n), voters_all(n - k)), value);
        expect_rebuilt(codec, k, fragments, voters_all(n), value.bytes, n - 1);
        drop_all(fragments, n);
        slice_unref(&value);
        codec_destroy(codec);
    }
}

static void only_wanted_fragments_are_made(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned k = 1; k <= 8; k++) {
        struct codec *codec = make_codec(8, k);
        for (uint32_t bits = 0; bits < UINT32_C(1) << 8; bits++) {
            /* Another value each time: leftovers of the last encoding must not look right. */
            struct slice value = make_value(&fixture->random, 7 * k + random_below(&fixture->random, k));
            struct slice fragments[MEMBER_COUNT_MAX];
            assert_int_equal(codec_encode(codec, value, (struct voters){bits}, fragments), AREG_OK);
            for (unsigned i = 0; i < 8; i++) {
                if (bits >> i & 1)
                    expect_fragment(fixture, k, value, i, fragments[i]);
                else
                    assert_true(fragments[i].bytes == 0 && !fragments[i].owner);
            }
            drop_all(fragments, 8);
            slice_unref(&value);
        }
        codec_destroy(codec);
    }
}

static void a_fragment_has_the_size_of_the_value_divided_by_k_rounded_up(void **state)
{
    (void)state;
    assert_int_equal(codec_fragment_bytes(0, 3), 0);
    assert_int_equal(codec_fragment_bytes(1, 3), 1);
    assert_int_equal(codec_fragment_bytes(3, 3), 1);
    assert_int_equal(codec_fragment_bytes(4, 3), 2);
    assert_int_equal(codec_fragment_bytes(1024, 1), 1024);
    assert_true(codec_fragment_bytes(SIZE_MAX, 2) == SIZE_MAX / 2 + 1);
}

static void an_empty_value_has_empty_fragments(void **state)
{
    (void)state;
    struct codec *codec = make_codec(5, 3);
    struct slice fragments[5], pieces[3], rebuilt;
    assert_int_equal(codec_encode(codec, (struct slice){0}, voters_all(5), fragments), AREG_OK);
    for (unsigned i = 0; i < 5; i++)
        assert_true(fragments[i].bytes == 0 && !fragments[i].owner);
    assert_int_equal(codec_decode(codec, fragments, (struct voters){0x1c}, 0, pieces), AREG_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_true(pieces[i].bytes == 0 && !pieces[i].owner);
    assert_int_equal(codec_rebuild(codec, fragments, (struct voters){0x1c}, 0, 0, &rebuilt), AREG_OK);
    assert_true(rebuilt.bytes == 0 && !rebuilt.owner);
    codec_destroy(codec);
}

/* ---------------------------------------------------------------- copies and references */

static void data_fragments_without_padding_are_windows_on_the_value(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(9, 5);
    struct slice fragments[9];
    struct slice value = make_value(&fixture->random, 5 * 100);
    encode_all(codec, 9, value, fragments);
    for (unsigned i = 0; i < 5; i++) {
        assert_ptr_equal(fragments[i].owner, value.owner);
        assert_ptr_equal(fragments[i].at, value.at + i * 100);
    }
    drop_all(fragments, 9);

    /* 5 fragments of 2 bytes: three are whole, one is half padding, one is nothing else. */
    struct slice small = slice_of(value.owner, 10, 7);
    encode_all(codec, 9, small, fragments);
    for (unsigned i = 0; i < 3; i++) {
        assert_ptr_equal(fragments[i].owner, value.owner);
        assert_ptr_equal(fragments[i].at, small.at + i * 2);
    }
    for (unsigned i = 3; i < 9; i++)
        assert_ptr_not_equal(fragments[i].owner, value.owner);
    drop_all(fragments, 9);
    slice_unref(&value);
    codec_destroy(codec);
}

static void with_k_1_every_fragment_is_the_value_itself(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(5, 1);
    struct slice value = make_value(&fixture->random, 1000), fragments[MEMBER_COUNT_MAX], piece, rebuilt;
    encode_all(codec, 5, value, fragments);
    for (unsigned i = 0; i < 5; i++) {
        const struct voters present = {UINT32_C(1) << i};
        assert_true(fragments[i].at == value.at && fragments[i].bytes == value.bytes);
        assert_int_equal(codec_decode(codec, fragments, present, value.bytes, &piece), AREG_OK);
        assert_true(piece.at == value.at && piece.bytes == value.bytes);
        assert_int_equal(codec_rebuild(codec, fragments, present, value.bytes, (i + 1) % 5, &rebuilt), AREG_OK);
        assert_true(rebuilt.at == value.at && rebuilt.bytes == value.bytes);
        slice_unref(&piece);
        slice_unref(&rebuilt);
    }
    drop_all(fragments, 5);
    slice_unref(&value);
    codec_destroy(codec);
}

static void decoding_returns_windows_on_the_data_fragments_that_are_there(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(9, 5);
    struct slice value = make_value(&fixture->random, 498), fragments[9];
    encode_all(codec, 9, value, fragments);
    for (uint32_t bits = 0; bits < UINT32_C(1) << 9; bits++) {
        struct slice pieces[5];
        if (voters_count((struct voters){bits}) < 5)
            continue;
        assert_int_equal(codec_decode(codec, fragments, (struct voters){bits}, 498, pieces), AREG_OK);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(pieces[i].bytes, i < 4 ? 100 : 98);
            const bool is_window = pieces[i].at == fragments[i].at && pieces[i].owner == fragments[i].owner;
            assert_true(is_window == (bits >> i & 1));
        }
        drop_all(pieces, 5);
    }
    drop_all(fragments, 9);
    slice_unref(&value);
    codec_destroy(codec);
}

static void count_free(void *memory, void *arg)
{
    free(memory);
    (*(unsigned *)arg)++;
}

static void fragments_and_pieces_outlive_what_they_are_windows_on(void **state)
{
    (void)state;
    unsigned freed_count = 0;
    uint8_t *memory = malloc(300);
    assert_non_null(memory);
    memset(memory, 7, 300);
    struct buffer *buffer = buffer_wrap(memory, 300, count_free, &freed_count);
    struct slice value = slice_of(buffer, 0, 300), fragments[5], pieces[3];
    struct codec *codec = make_codec(5, 3);
    encode_all(codec, 5, value, fragments);
    slice_unref(&value);
    assert_int_equal(codec_decode(codec, fragments, (struct voters){0x19}, 300, pieces), AREG_OK);
    drop_all(fragments, 5);
    codec_destroy(codec);
    assert_int_equal(freed_count, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_true(pieces[i].bytes == 100 && pieces[i].at[99] == 7);
    drop_all(pieces, 3);
    assert_int_equal(freed_count, 1);
}

/* ---------------------------------------------------------------- what is refused */

static void fewer_than_k_fragments_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(5, 3);
    struct slice value = make_value(&fixture->random, 100), fragments[5], pieces[3], rebuilt;
    encode_all(codec, 5, value, fragments);
    for (uint32_t bits = 0; bits < UINT32_C(1) << 5; bits++) {
        if (voters_count((struct voters){bits}) >= 3)
            continue;
        for (size_t bytes = 0; bytes <= 100; bytes += 100) {
            memset(pieces, 0xff, sizeof pieces);
            assert_int_equal(codec_decode(codec, fragments, (struct voters){bits}, bytes, pieces), AREG_EINVAL);
            for (unsigned i = 0; i < 3; i++)
                assert_true(pieces[i].bytes == 0 && !pieces[i].owner);
            assert_int_equal(codec_rebuild(codec, fragments, (struct voters){bits}, bytes, 4, &rebuilt), AREG_EINVAL);
            assert_true(rebuilt.bytes == 0 && !rebuilt.owner);
        }
    }
    drop_all(fragments, 5);
    slice_unref(&value);
    codec_destroy(codec);
}

static void fragments_of_another_size_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(5, 3);
    struct slice value = make_value(&fixture->random, 100), fragments[5], pieces[3], rebuilt;
    const struct voters all = voters_all(5);
    encode_all(codec, 5, value, fragments);
    for (unsigned i = 0; i < 5; i++) {
        const size_t right_bytes = fragments[i].bytes;
        const size_t wrong_bytes[] = {0, right_bytes - 1, right_bytes + 1};
        for (unsigned w = 0; w < 3; w++) {
            fragments[i].bytes = wrong_bytes[w];
            assert_int_equal(codec_decode(codec, fragments, all, 100, pieces), AREG_EINVAL);
            assert_int_equal(codec_rebuild(codec, fragments, all, 100, (i + 1) % 5, &rebuilt), AREG_EINVAL);
            assert_true(!pieces[0].owner && !rebuilt.owner);
        }
        fragments[i].bytes = right_bytes;
    }
    const size_t wrong_value_bytes[] = {0, 99, 103, SIZE_MAX, (size_t)AREG_VALUE_BYTES_MAX + 1};
    for (unsigned w = 0; w < sizeof wrong_value_bytes / sizeof *wrong_value_bytes; w++) {
        assert_int_equal(codec_decode(codec, fragments, all, wrong_value_bytes[w], pieces), AREG_EINVAL);
        assert_int_equal(codec_rebuild(codec, fragments, all, wrong_value_bytes[w], 0, &rebuilt), AREG_EINVAL);
    }
    drop_all(fragments, 5);
    slice_unref(&value);
    codec_destroy(codec);
}

static void a_value_above_16_mib_is_invalid_even_if_its_fragments_fit(void **state)
{
    (void)state;
    const size_t value_bytes = (size_t)AREG_VALUE_BYTES_MAX + 1;
    struct codec *codec = make_codec(1, 1);
    struct buffer *buffer = buffer_create(value_bytes);
    assert_non_null(buffer);
    struct slice fragment = slice_of(buffer, 0, value_bytes), piece;
    assert_int_equal(codec_decode(codec, &fragment, voters_all(1), value_bytes, &piece), AREG_EINVAL);
    assert_null(piece.owner);
    slice_unref(&fragment);
    codec_destroy(codec);
}

static void a_fragment_is_rebuilt_without_a_look_at_its_damaged_self(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(5, 3);
    struct slice value = make_value(&fixture->random, 1000), fragments[MEMBER_COUNT_MAX];
    encode_all(codec, 5, value, fragments);
    for (unsigned i = 0; i < 5; i++)
        assert_true(expect_rebuilt(codec, 3, fragments, voters_all(5), value.bytes, i));
    drop_all(fragments, 5);
    slice_unref(&value);
    codec_destroy(codec);
}

/* ---------------------------------------------------------------- without memory */

/* How many allocations of buffers succeed before one fails; negative: all do. The linker's --wrap leaves no other way
 * to pass it. */
static int allocations_left = -1;

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_aligned_alloc(alignment, bytes);
}

static void without_memory_nothing_is_left_to_drop(void **state)
{
    struct fixture *fixture = *state;
    struct codec *codec = make_codec(5, 3);
    struct slice value = make_value(&fixture->random, 100), fragments[5], pieces[3], rebuilt;
    unsigned failed_count = 0;
    enum areg_error error;
    do {
        allocations_left = (int)failed_count;
        error = codec_encode(codec, value, voters_all(5), fragments);
        allocations_left = -1;
        assert_true(error == AREG_OK || error == AREG_ENOMEM);
        for (unsigned i = 0; i < 5 && error; i++)
            assert_true(fragments[i].bytes == 0 && !fragments[i].owner);
        failed_count += error != AREG_OK;
    } while (error);
    assert_int_equal(failed_count, 2); /* the padded copy, and the parity */

    allocations_left = 0;
    assert_int_equal(codec_decode(codec, fragments, (struct voters){0x1e}, 100, pieces), AREG_ENOMEM);
    assert_int_equal(codec_rebuild(codec, fragments, voters_all(5), 100, 2, &rebuilt), AREG_ENOMEM);
    for (unsigned i = 0; i < 3; i++)
        assert_true(pieces[i].bytes == 0 && !pieces[i].owner);
    assert_null(rebuilt.owner);
    /* No memory is needed for windows. */
    assert_int_equal(codec_decode(codec, fragments, voters_all(3), 100, pieces), AREG_OK);
    allocations_left = -1;

    drop_all(pieces, 3);
    drop_all(fragments, 5);
    slice_unref(&value);
    codec_destroy(codec);
}

int main(void)
{
    static struct fixture fixture;
    fixture.random = random_seed();
    for (unsigned a = 0; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++)
            fixture.product[a][b] = oracle_multiply(a, b);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(fragments_are_those_of_the_systematic_cauchy_code, &fixture),
        cmocka_unit_test_prestate(decodes_and_rebuilds_from_any_k_of_n, &fixture),
        cmocka_unit_test_prestate(decodes_and_rebuilds_random_codes_of_up_to_32_fragments, &fixture),
        cmocka_unit_test_prestate(every_length_of_a_fragment_is_coded_alike, &fixture),
        cmocka_unit_test_prestate(values_of_up_to_16_mib_are_coded_alike, &fixture),
        cmocka_unit_test_prestate(only_wanted_fragments_are_made, &fixture),
        cmocka_unit_test(a_fragment_has_the_size_of_the_value_divided_by_k_rounded_up),
        cmocka_unit_test(an_empty_value_has_empty_fragments),
        cmocka_unit_test_prestate(data_fragments_without_padding_are_windows_on_the_value, &fixture),
        cmocka_unit_test_prestate(with_k_1_every_fragment_is_the_value_itself, &fixture),
        cmocka_unit_test_prestate(decoding_returns_windows_on_the_data_fragments_that_are_there, &fixture),
        cmocka_unit_test(fragments_and_pieces_outlive_what_they_are_windows_on),
        cmocka_unit_test_prestate(fewer_than_k_fragments_are_invalid, &fixture),
        cmocka_unit_test_prestate(fragments_of_another_size_are_invalid, &fixture),
        cmocka_unit_test(a_value_above_16_mib_is_invalid_even_if_its_fragments_fit),
        cmocka_unit_test_prestate(a_fragment_is_rebuilt_without_a_look_at_its_damaged_self, &fixture),
        cmocka_unit_test_prestate(without_memory_nothing_is_left_to_drop, &fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
