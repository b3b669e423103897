/*
 * BLAKE2b with 128 bits, for names that prove themselves: configurations, the cluster map, long keys.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "core/buffer.h"

enum { DIGEST_BYTES = 16 };

void digest_of(struct slice bytes, uint8_t digest[DIGEST_BYTES]);

#endif
