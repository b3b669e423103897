/*
 * What tells an intact fragment or value from a damaged one. Neither sum is any protection against forgery.
 *
 * Both are parts of what is stored and sent, so they are the same on every machine: the standard CRC32C (RFC 3720) and
 * the standard XXH3-64 with seed 0.
 */
#ifndef CODEC_CHECKSUM_H
#define CODEC_CHECKSUM_H

#include "core/buffer.h"

/** CRC32C of one fragment, at most INT_MAX bytes; 0 for an empty one. */
uint32_t checksum_fragment(struct slice fragment);

/** XXH3-64 of a whole value, which is also its `value_hash` in histories. */
uint64_t checksum_value(struct slice value);
/** The same, of a value in pieces, as codec_decode() returns it. */
uint64_t checksum_value_pieces(const struct slice *pieces, unsigned piece_count);

#endif
