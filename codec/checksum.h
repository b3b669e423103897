/*
 * What tells an intact fragment or value from a damaged one.
 */
#ifndef CODEC_CHECKSUM_H
#define CODEC_CHECKSUM_H

#include "core/buffer.h"

/** CRC32C of one fragment. */
uint32_t checksum_fragment(struct slice fragment);

/** XXH3-64 of a whole value, which is also its `value_hash` in histories. */
uint64_t checksum_value(struct slice value);
/** The same, of a value in pieces. */
uint64_t checksum_value_pieces(const struct slice *pieces, unsigned piece_count);

#endif
