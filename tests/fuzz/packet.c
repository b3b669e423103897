#include "tests/fuzz/packet.h"

#include "core/bytes.h"
#include "core/check.h"
#include "wire/seal.h"

#include <string.h>

enum { FRAME_COUNT_LIMIT = 8 };

/* The header in an allocation of its own: reading past it, and its seal, is seen. */
static struct slice sealed(const uint8_t *at, size_t bytes)
{
    struct buffer *header = buffer_create(bytes + SEAL_BYTES);
    CHECK(header != NULL);
    if (bytes)
        memcpy(buffer_at(header), at, bytes);
    seal_put(buffer_at(header), bytes);
    return slice_of(header, 0, bytes + SEAL_BYTES);
}

/* The frames are windows on one buffer. */
void fuzz_packet(const uint8_t *at, size_t bytes, struct packet *packet)
{
    struct bytes_reader reader = bytes_reader_on(at, bytes);
    struct buffer *frames = buffer_create(UINT16_MAX);
    CHECK(frames != NULL);
    memset(buffer_at(frames), 0, UINT16_MAX);
    packet->payload_count = bytes_get_u8(&reader) % FRAME_COUNT_LIMIT;
    for (unsigned i = 0; i < packet->payload_count; i++)
        packet->payloads[i] = slice_ref(slice_of(frames, 0, bytes_get_u16(&reader)));
    packet->header = sealed(reader.at, reader.left_bytes);
    buffer_unref(frames);
}

void fuzz_check_same(const struct packet *a, const struct packet *b)
{
    CHECK(slice_equal(a->header, b->header));
    CHECK(a->payload_count == b->payload_count);
    for (unsigned i = 0; i < a->payload_count; i++)
        CHECK(a->payloads[i].at == b->payloads[i].at && a->payloads[i].bytes == b->payloads[i].bytes);
}
