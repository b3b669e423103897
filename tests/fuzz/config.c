/*
 * Descriptors of configurations. An encoding that is accepted is the canonical one: encoding gives it again.
 */
#include "core/config.h"

#include "core/check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
    struct config config;
    uint8_t again[CONFIG_ENCODED_BYTES_MAX];
    if (config_decode(slice_borrow(at, bytes), &config) != AREG_OK)
        return 0;
    const struct config_id id = config.id;
    const size_t again_bytes = config_encode(&config, again, sizeof again);
    CHECK(slice_equal(slice_borrow(again, again_bytes), slice_borrow(at, bytes)));
    CHECK(config_id_equal(config.id, id));
    return 0;
}
