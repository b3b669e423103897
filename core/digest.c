#include "core/digest.h"

#include "core/check.h"

#include <sodium/crypto_generichash.h>

void digest_of(struct slice bytes, uint8_t digest[DIGEST_BYTES])
{
    static const uint8_t nothing[1];
    const int failed = crypto_generichash(digest, DIGEST_BYTES, bytes.bytes ? bytes.at : nothing, bytes.bytes, NULL, 0);
    CHECK(failed == 0);
}
