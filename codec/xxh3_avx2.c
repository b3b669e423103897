/* Compiled with -mavx2: nothing in this file may run before the processor is known to have it. */
#include "codec/xxh3.h"

#include "codec/xxh3_body.h"

#ifndef __AVX2__
#error "this file needs -mavx2"
#endif

uint64_t xxh3_avx2(const struct slice *pieces, unsigned piece_count)
{
    return xxh3_body(pieces, piece_count);
}
