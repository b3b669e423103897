#include "wire/packet.h"

#include "core/check.h"
#include "wire/reply.h"
#include "wire/request.h"
#include "wire/seal.h"

#include <stdlib.h>
#include <string.h>

static const char greeting[] = "areg";

/* ---------------------------------------------------------------- writing */

/* A few messages; more than that doubles it, up to the limit of a header. */
enum { HEADER_BYTES_FIRST = 1 << 10 };

_Static_assert((int)HEADER_BYTES_FIRST > SEAL_BYTES, "whatever room there is, the seal has its own");

enum direction {
    DIRECTION_NONE = 0, /* no message yet */
    DIRECTION_REQUESTS,
    DIRECTION_REPLIES,
};

struct packet_writer {
    struct buffer *header; /* NULL: none yet */
    size_t header_bytes;   /* used of it; the seal is not there yet, but has its room */
    enum direction direction;
    unsigned message_count;
    unsigned payload_count;
    size_t payload_bytes;
    struct slice payloads[PACKET_MESSAGE_COUNT_MAX]; /* each with a reference */
};

struct packet_writer *packet_writer_create(void)
{
    return calloc(1, sizeof(struct packet_writer));
}

void packet_writer_destroy(struct packet_writer *writer)
{
    if (!writer)
        return;
    for (unsigned i = 0; i < writer->payload_count; i++)
        slice_unref(&writer->payloads[i]);
    buffer_unref(writer->header);
    free(writer);
}

unsigned packet_message_count(const struct packet_writer *writer)
{
    return writer->message_count;
}

static size_t room_bytes(const struct packet_writer *writer)
{
    return writer->header ? buffer_bytes(writer->header) : 0;
}

/* Twice the room for the header, with what is in it. AREG_EBUSY: it is as large as it may be. */
static enum areg_error grow(struct packet_writer *writer)
{
    if (room_bytes(writer) == PACKET_HEADER_BYTES_MAX) {
        CHECK(writer->message_count > 0); /* a message alone always fits */
        return AREG_EBUSY;
    }
    size_t bytes = writer->header ? 2 * room_bytes(writer) : HEADER_BYTES_FIRST;
    if (bytes > PACKET_HEADER_BYTES_MAX)
        bytes = PACKET_HEADER_BYTES_MAX;
    struct buffer *larger = buffer_create(bytes);
    if (!larger)
        return AREG_ENOMEM;
    if (writer->header_bytes)
        memcpy(buffer_at(larger), buffer_at(writer->header), writer->header_bytes);
    buffer_unref(writer->header);
    writer->header = larger;
    return AREG_OK;
}

/* Writing starts here: after what is there, behind a greeting in any case. */
static struct bytes_writer rest_of_header(const struct packet_writer *writer)
{
    if (!writer->header)
        return (struct bytes_writer){.failed = true};
    struct bytes_writer bytes = bytes_writer_on(buffer_at(writer->header) + writer->header_bytes,
                                                room_bytes(writer) - SEAL_BYTES - writer->header_bytes);
    if (writer->message_count > 0)
        return bytes;
    field_put_array(&bytes, 2);
    field_put_text(&bytes, greeting);
    field_put_number(&bytes, PROTOCOL_VERSION);
    return bytes;
}

/* `limit_bytes` bounds all payloads together; a single one always fits. */
static bool is_full(const struct packet_writer *writer, size_t payload_bytes, size_t limit_bytes)
{
    return writer->message_count == PACKET_MESSAGE_COUNT_MAX ||
           (writer->payload_bytes > 0 && writer->payload_bytes + payload_bytes > limit_bytes);
}

/* The message has been written to the rest of the header: now it counts. */
static void keep(struct packet_writer *writer, enum direction direction, size_t message_bytes, struct slice payload)
{
    CHECK(writer->direction == DIRECTION_NONE || writer->direction == direction);
    writer->direction = direction;
    writer->header_bytes += message_bytes;
    writer->message_count++;
    if (payload.bytes == 0)
        return;
    writer->payloads[writer->payload_count++] = slice_ref(payload);
    writer->payload_bytes += payload.bytes;
    CHECK(writer->payload_bytes <= PACKET_PAYLOAD_BYTES_MAX);
}

enum areg_error packet_add_request(struct packet_writer *writer, const struct request *request)
{
    if (is_full(writer, request->payload.bytes, PACKET_PAYLOAD_BYTES_MAX))
        return AREG_EBUSY;
    for (;;) {
        struct bytes_writer bytes = rest_of_header(writer);
        if (!bytes.failed)
            request_put(&bytes, request);
        if (!bytes.failed) {
            keep(writer, DIRECTION_REQUESTS, bytes.used_bytes, request->payload);
            return AREG_OK;
        }
        const enum areg_error error = grow(writer);
        if (error != AREG_OK)
            return error;
    }
}

enum areg_error packet_add_reply(struct packet_writer *writer, const struct reply *reply)
{
    if (is_full(writer, reply->payload.bytes, PACKET_REPLY_PAYLOAD_BYTES))
        return AREG_EBUSY;
    for (;;) {
        struct bytes_writer bytes = rest_of_header(writer);
        if (!bytes.failed)
            reply_put(&bytes, reply);
        if (!bytes.failed) {
            keep(writer, DIRECTION_REPLIES, bytes.used_bytes, reply->payload);
            return AREG_OK;
        }
        const enum areg_error error = grow(writer);
        if (error != AREG_OK)
            return error;
    }
}

void packet_take(struct packet_writer *writer, struct packet *packet)
{
    CHECK(writer->message_count > 0);
    seal_put(buffer_at(writer->header), writer->header_bytes);
    packet->header = slice_of(writer->header, 0, writer->header_bytes + SEAL_BYTES);
    packet->payload_count = writer->payload_count;
    for (unsigned i = 0; i < writer->payload_count; i++)
        packet->payloads[i] = writer->payloads[i];
    writer->header = NULL;
    writer->header_bytes = 0;
    writer->direction = DIRECTION_NONE;
    writer->message_count = 0;
    writer->payload_count = 0;
    writer->payload_bytes = 0;
}

void packet_fini(struct packet *packet)
{
    slice_unref(&packet->header);
    for (unsigned i = 0; i < packet->payload_count; i++)
        slice_unref(&packet->payloads[i]);
    packet->payload_count = 0;
}

/* ---------------------------------------------------------------- reading */

const char *packet_why(const struct packet_reader *reader)
{
    return reader->fields.why ? reader->fields.why : "nothing is wrong";
}

static const char *frames_problem(const struct packet *packet)
{
    if (packet->payload_count > PACKET_MESSAGE_COUNT_MAX)
        return "too many payload frames";
    if (packet->header.bytes > PACKET_HEADER_BYTES_MAX)
        return "the header is too large";
    size_t payload_bytes = 0;
    for (unsigned i = 0; i < packet->payload_count; i++) {
        if (packet->payloads[i].bytes > PACKET_PAYLOAD_BYTES_MAX - payload_bytes)
            return "the payloads are too large";
        payload_bytes += packet->payloads[i].bytes;
    }
    return NULL;
}

enum areg_error packet_open(struct packet_reader *reader, const struct packet *packet, uint32_t *version)
{
    struct slice header = packet->header;
    const char *problem = frames_problem(packet);
    if (!problem)
        problem = seal_take(&header);
    *reader = (struct packet_reader){.fields = field_reader_on(header), .packet = packet};
    *version = 0;
    struct field_reader *fields = &reader->fields;
    if (problem)
        field_fail(fields, problem);
    field_open_array(fields, "no greeting");
    const struct slice name = field_get_text(fields, sizeof greeting - 1, "no greeting");
    if (!slice_equal(name, slice_borrow(greeting, sizeof greeting - 1)))
        field_fail(fields, "no greeting");
    *version = (uint32_t)field_get_number(fields, UINT32_MAX, "the greeting has no version");
    if (fields->why)
        return AREG_EINVAL;
    if (*version != PROTOCOL_VERSION) {
        field_fail(fields, "another version of the protocol");
        return AREG_EVERSION;
    }
    field_close_array(fields);
    return fields->why ? AREG_EINVAL : AREG_OK;
}

/* AREG_OK: there is a message to be read. */
static enum areg_error begin_message(struct packet_reader *reader)
{
    struct field_reader *fields = &reader->fields;
    if (fields->why)
        return AREG_EINVAL;
    if (fields->at == fields->end) {
        if (reader->payload_count == reader->packet->payload_count)
            return AREG_ENOTFOUND;
        field_fail(fields, "a payload frame that belongs to no message");
        return AREG_EINVAL;
    }
    if (reader->message_count == PACKET_MESSAGE_COUNT_MAX) {
        field_fail(fields, "too many messages");
        return AREG_EINVAL;
    }
    reader->message_count++;
    return AREG_OK;
}

/* The next frame becomes the payload, if there is one of its size. */
static enum areg_error take_frame(struct packet_reader *reader, struct slice *payload)
{
    struct field_reader *fields = &reader->fields;
    const struct packet *packet = reader->packet;
    if (reader->payload_count == packet->payload_count) {
        field_fail(fields, "a payload frame is missing");
        return AREG_EINVAL;
    }
    const struct slice frame = packet->payloads[reader->payload_count++];
    if (frame.bytes != payload->bytes) {
        field_fail(fields, "a payload frame is not of the announced size");
        return AREG_EINVAL;
    }
    *payload = frame;
    return AREG_OK;
}

/* The message has been read but for its payload. */
static enum areg_error end_message(struct packet_reader *reader, struct slice *payload, struct payload_seal seal)
{
    struct field_reader *fields = &reader->fields;
    if (fields->why)
        return AREG_EINVAL;
    const enum areg_error error = payload->bytes > 0 ? take_frame(reader, payload) : AREG_OK;
    if (error != AREG_OK)
        return error;
    if (seal.is_there && seal_of(*payload) != seal.sum) {
        field_fail(fields, "a payload does not match its checksum");
        return AREG_EINVAL;
    }
    return AREG_OK;
}

enum areg_error packet_next_request(struct packet_reader *reader, struct request *request)
{
    const enum areg_error error = begin_message(reader);
    if (error != AREG_OK)
        return error;
    request_get(&reader->fields, request);
    return end_message(reader, &request->payload, (struct payload_seal){0}); /* requests have fragments only */
}

enum areg_error packet_next_reply(struct packet_reader *reader, struct reply *reply)
{
    const enum areg_error error = begin_message(reader);
    if (error != AREG_OK)
        return error;
    struct payload_seal seal;
    reply_get(&reader->fields, reply, &seal);
    return end_message(reader, &reply->payload, seal);
}
