#include "wire/seal.h"

/* As in codec/: compiled in, it is faster than Debian's library, and no further library is needed at run time. */
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t seal_of(struct slice bytes)
{
    return XXH3_64bits(bytes.at, bytes.bytes);
}

void seal_put(uint8_t *at, size_t bytes)
{
    const uint64_t seal = seal_of(slice_borrow(at, bytes));
    for (unsigned i = 0; i < SEAL_BYTES; i++)
        at[bytes + i] = (uint8_t)(seal >> (8 * (SEAL_BYTES - 1 - i)));
}

const char *seal_take(struct slice *header)
{
    if (header->bytes < SEAL_BYTES)
        return "the header is shorter than its checksum";
    header->bytes -= SEAL_BYTES;
    uint64_t seal = 0;
    for (unsigned i = 0; i < SEAL_BYTES; i++)
        seal = seal << 8 | header->at[header->bytes + i];
    return seal_of(*header) == seal ? NULL : "the header does not match its checksum";
}
