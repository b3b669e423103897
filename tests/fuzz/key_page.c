/*
 * Pages of keys. What is accepted of a page is, put together again, the same bytes.
 */
#include "core/key_page.h"

#include "core/check.h"
#include "core/key.h"
#include "core/limits.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
    struct bytes_reader reader = bytes_reader_on(at, bytes);
    uint8_t *again = malloc(bytes + 1);
    CHECK(again != NULL);
    struct bytes_writer writer = bytes_writer_on(again, bytes);
    struct listed_key listed;
    enum areg_error error;
    while ((error = key_page_get(&reader, &listed)) == AREG_OK) {
        CHECK(key_is_valid(listed.key));
        CHECK(key_page_put(&writer, &listed));
    }
    CHECK(error == AREG_ENOTFOUND || error == AREG_EINVAL);
    CHECK(slice_equal(slice_borrow(again, writer.used_bytes), slice_borrow(at, writer.used_bytes)));
    CHECK(error == AREG_EINVAL || writer.used_bytes == bytes);
    free(again);
    return 0;
}
