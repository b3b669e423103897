/*
 * The one definition behind every variant in xxh3.h: each variant's file includes it under its own compiler flags.
 * Everything here is static, so that no instruction of one variant can end up in another.
 */
#ifndef CODEC_XXH3_BODY_H
#define CODEC_XXH3_BODY_H

#include "core/buffer.h"
#include "core/check.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static inline uint64_t xxh3_body(const struct slice *pieces, unsigned piece_count)
{
    if (piece_count == 1)
        return XXH3_64bits(pieces[0].at, pieces[0].bytes);

    XXH3_state_t state;
    CHECK(XXH3_64bits_reset(&state) == XXH_OK);
    for (unsigned i = 0; i < piece_count; i++) {
        if (pieces[i].bytes > 0)
            CHECK(XXH3_64bits_update(&state, pieces[i].at, pieces[i].bytes) == XXH_OK);
    }
    return XXH3_64bits_digest(&state);
}

#endif
