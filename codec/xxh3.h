/*
 * XXH3-64 with seed 0, compiled once for each instruction set that makes it faster. checksum.c picks one at run time:
 * nobody else calls these.
 *
 * Debian builds libxxhash for the oldest processor, which costs two thirds of the speed; so its header is compiled in.
 * There is no AVX-512 variant, because it measured no faster than AVX2.
 */
#ifndef CODEC_XXH3_H
#define CODEC_XXH3_H

#include "core/buffer.h"

/** The hash of all pieces in order. */
uint64_t xxh3_plain(const struct slice *pieces, unsigned piece_count);

#ifdef AREG_XXH3_AVX2
/** The same; only for processors with AVX2. */
uint64_t xxh3_avx2(const struct slice *pieces, unsigned piece_count);
#endif

#endif
