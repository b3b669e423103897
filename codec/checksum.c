#include "codec/checksum.h"

#include "codec/xxh3.h"
#include "core/check.h"
#include "core/limits.h"

#include <isa-l/crc.h>
#include <limits.h>

_Static_assert(PACKET_PAYLOAD_BYTES_MAX <= INT_MAX, "whatever a peer sends must fit the length of crc32_iscsi()");

uint32_t checksum_fragment(struct slice fragment)
{
    CHECK(fragment.bytes <= INT_MAX);
    /* ISA-L leaves the inversions before and after, which belong to CRC32C, to the caller; and it only reads the bytes,
     * but its declaration is older than const. */
    unsigned char *const at = (unsigned char *)(uintptr_t)fragment.at;
    return ~crc32_iscsi(at, (int)fragment.bytes, ~UINT32_C(0));
}

uint64_t checksum_value(struct slice value)
{
    return checksum_value_pieces(&value, 1);
}

uint64_t checksum_value_pieces(const struct slice *pieces, unsigned piece_count)
{
#ifdef AREG_XXH3_AVX2
    if (__builtin_cpu_supports("avx2"))
        return xxh3_avx2(pieces, piece_count);
#endif
    return xxh3_plain(pieces, piece_count);
}
