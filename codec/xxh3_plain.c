/*
 * XXH3-64 for any processor: what the vectorised version must equal.
 */
#include "codec/xxh3.h"

#include "codec/xxh3_body.h"

uint64_t xxh3_plain(const struct slice *pieces, unsigned piece_count)
{
    return xxh3_body(pieces, piece_count);
}
