#include "tests/fuzz/packet.h"

#include "core/bytes.h"
#include "core/check.h"

enum { FRAME_COUNT_LIMIT = 8 };

/* The frames are windows on one buffer, and the header is an allocation of its own: reading past it is seen. */
void fuzz_packet(const uint8_t *at, size_t bytes, struct packet *packet)
{
    struct bytes_reader reader = bytes_reader_on(at, bytes);
    struct buffer *frames = buffer_create(UINT16_MAX);
    CHECK(frames != NULL);
    packet->payload_count = bytes_get_u8(&reader) % FRAME_COUNT_LIMIT;
    for (unsigned i = 0; i < packet->payload_count; i++)
        packet->payloads[i] = slice_ref(slice_of(frames, 0, bytes_get_u16(&reader)));
    packet->header = slice_copy(slice_borrow(reader.at, reader.left_bytes));
    buffer_unref(frames);
}

void fuzz_check_same(const struct packet *a, const struct packet *b)
{
    CHECK(slice_equal(a->header, b->header));
    CHECK(a->payload_count == b->payload_count);
    for (unsigned i = 0; i < a->payload_count; i++)
        CHECK(a->payloads[i].at == b->payloads[i].at && a->payloads[i].bytes == b->payloads[i].bytes);
}
