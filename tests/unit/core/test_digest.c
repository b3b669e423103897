/* The digest against published values. */
#include "core/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_digest_is_blake2b_of_128_bits(void **state)
{
    (void)state;
    /* From Python: hashlib.blake2b(text, digest_size=16). */
    static const uint8_t of_nothing[DIGEST_BYTES] = {0xca, 0xe6, 0x69, 0x41, 0xd9, 0xef, 0xbd, 0x40,
                                                     0x4e, 0x4d, 0x88, 0x75, 0x8e, 0xa6, 0x76, 0x70};
    static const uint8_t of_abc[DIGEST_BYTES] = {0xcf, 0x4a, 0xb7, 0x91, 0xc6, 0x2b, 0x8d, 0x2b,
                                                 0x21, 0x09, 0xc9, 0x02, 0x75, 0x28, 0x78, 0x16};
    uint8_t digest[DIGEST_BYTES];
    digest_of((struct slice){0}, digest);
    assert_memory_equal(digest, of_nothing, DIGEST_BYTES);
    digest_of(slice_borrow("abc", 3), digest);
    assert_memory_equal(digest, of_abc, DIGEST_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_digest_is_blake2b_of_128_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
