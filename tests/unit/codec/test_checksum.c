/*
 * The checksums against published vectors, a bitwise CRC32C, and the system's own libxxhash.
 */
#include "codec/checksum.h"

#include "codec/xxh3.h"
#include "random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <xxhash.h>

enum { TEXT_BYTES_MAX = 70000, PIECE_COUNT_MAX = 32 };

typedef uint64_t xxh3_fn(const struct slice *pieces, unsigned piece_count);

static uint32_t bitwise_crc32c(const uint8_t *at, size_t bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

static void fragment_checksums_are_the_published_crc32c(void **state)
{
    (void)state;
    uint8_t bytes[32];
    assert_int_equal(checksum_fragment(slice_borrow("123456789", 9)), 0xe3069283);
    assert_int_equal(checksum_fragment(slice_borrow(NULL, 0)), 0);
    /* RFC 3720, B.4 */
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(checksum_fragment(slice_borrow(bytes, 32)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(checksum_fragment(slice_borrow(bytes, 32)), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(checksum_fragment(slice_borrow(bytes, 32)), 0x46dd794e);
}

static void fragment_checksums_agree_with_a_bitwise_crc32c(void **state)
{
    uint8_t text[5000];
    random_fill(*state, text, sizeof text);
    for (size_t bytes = 0; bytes < sizeof text; bytes += 1 + bytes / 20) {
        const size_t offset = random_below(*state, (unsigned)(sizeof text - bytes));
        assert_int_equal(checksum_fragment(slice_borrow(text + offset, bytes)), bitwise_crc32c(text + offset, bytes));
    }
}

static void value_checksums_are_the_published_xxh3(void **state)
{
    (void)state;
    assert_true(checksum_value(slice_borrow(NULL, 0)) == UINT64_C(0x2d06800538d394c2));
    assert_true(checksum_value_pieces(NULL, 0) == UINT64_C(0x2d06800538d394c2));
}

static void expect_hash(xxh3_fn *hash, uint64_t *random, const uint8_t *text, size_t bytes)
{
    const uint64_t expected = XXH3_64bits(text, bytes);
    const struct slice whole = slice_borrow(text, bytes);
    assert_true(hash(&whole, 1) == expected);

    /* The same in pieces, some of them empty. */
    struct slice pieces[PIECE_COUNT_MAX];
    const unsigned piece_count = 1 + random_below(random, PIECE_COUNT_MAX);
    size_t offset = 0;
    for (unsigned i = 0; i < piece_count; i++) {
        const size_t left_bytes = bytes - offset;
        const size_t piece_bytes = i + 1 == piece_count          ? left_bytes
                                   : random_below(random, 4) > 0 ? random_below(random, (unsigned)left_bytes + 1) / 2
                                                                 : 0;
        pieces[i] = slice_borrow(piece_bytes > 0 ? text + offset : NULL, piece_bytes);
        offset += piece_bytes;
    }
    assert_true(hash(pieces, piece_count) == expected);
}

static void expect_agreement_with_libxxhash(xxh3_fn *hash, uint64_t *random)
{
    static const unsigned large[] = {511, 512, 513, 1023, 1024, 1025, 2048, 4096, 65536, TEXT_BYTES_MAX};
    uint8_t *text = malloc(TEXT_BYTES_MAX);
    assert_non_null(text);
    random_fill(random, text, TEXT_BYTES_MAX);
    for (size_t bytes = 0; bytes <= 400; bytes++)
        expect_hash(hash, random, text, bytes);
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        expect_hash(hash, random, text, large[i]);
    for (unsigned i = 0; i < 1000; i++)
        expect_hash(hash, random, text, random_below(random, i % 10 ? 3000 : TEXT_BYTES_MAX));
    free(text);
}

static void every_variant_of_the_value_checksum_agrees_with_libxxhash(void **state)
{
    expect_agreement_with_libxxhash(checksum_value_pieces, *state);
    expect_agreement_with_libxxhash(xxh3_plain, *state);
#ifdef AREG_XXH3_AVX2
    if (__builtin_cpu_supports("avx2"))
        expect_agreement_with_libxxhash(xxh3_avx2, *state);
#endif
}

int main(void)
{
    uint64_t random = random_seed();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragment_checksums_are_the_published_crc32c),
        cmocka_unit_test_prestate(fragment_checksums_agree_with_a_bitwise_crc32c, &random),
        cmocka_unit_test(value_checksums_are_the_published_xxh3),
        cmocka_unit_test_prestate(every_variant_of_the_value_checksum_agrees_with_libxxhash, &random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
