/*
 * Messages to bytes and back.
 *
 * A packet is what travels between two processes at once: one header frame, and one raw frame for every message in it
 * that has a payload. The header is a sequence of msgpack objects: first the greeting ["areg", version], then one
 * array for each message, whose fields stand at fixed positions. Unknown trailing fields are ignored, so that fields
 * can be added; anything else that is not as expected (type, range, length, depth, count, truncation, leftover
 * payload frames) is judged: the packet ends with an error there, and what was read before it stands.
 *
 * No byte is believed unchecked. The last 8 bytes of the header, in every version of the protocol, are a checksum of
 * all bytes before them (wire/seal.h), judged before anything is read. A payload's checksum stands in its message: that
 * of a fragment in its entry, which is for those who use the fragment to compare; all others are compared here.
 *
 * A packet holds requests or replies, never both.
 */
#ifndef WIRE_PACKET_H
#define WIRE_PACKET_H

#include "core/error.h"
#include "core/message.h"
#include "wire/field.h"

/* ---------------------------------------------------------------- writing */

/** A packet under construction. The header grows in memory of its own; payloads are referenced, not copied. */
struct packet_writer;

struct packet_writer *packet_writer_create(void); /* NULL without memory */
void packet_writer_destroy(struct packet_writer *writer);

/**
 * Add one message. Its payload is referenced (one more reference is taken; it must have an owner unless empty); all
 * other slices are copied into the header.
 *
 * Returns AREG_EBUSY when the packet is full (PACKET_* of core/limits.h: in bytes of payloads, replies fill it sooner
 * than requests): take what it holds, and add again; a message alone always fits. AREG_ENOMEM: nothing was added.
 */
enum areg_error packet_add_request(struct packet_writer *writer, const struct request *request) MUST_USE;
enum areg_error packet_add_reply(struct packet_writer *writer, const struct reply *reply) MUST_USE;

unsigned packet_message_count(const struct packet_writer *writer);

/** The finished packet: the caller drops the references of all its slices (packet_fini), and the writer is empty again.
 */
struct packet {
    struct slice header;
    unsigned payload_count;
    struct slice payloads[PACKET_MESSAGE_COUNT_MAX];
};
/** The writer must hold at least one message. The header is handed over, not copied. */
void packet_take(struct packet_writer *writer, struct packet *packet);
/** Drop the references of all its slices. */
void packet_fini(struct packet *packet);

/* ---------------------------------------------------------------- reading */

/** In the caller's memory; set up by packet_open(), with nothing to release. Its fields are private. */
struct packet_reader {
    struct field_reader fields;
    const struct packet *packet;
    unsigned message_count;
    unsigned payload_count;
};

/**
 * Begin to read a packet, which is borrowed until the last message of it has been dealt with.
 * Returns AREG_EVERSION for a greeting of another protocol version (`*version` is set), AREG_EINVAL for no greeting,
 * a header that does not match its checksum, or a frame count or size above the limits. Of a packet that was not
 * opened, no message can be read.
 */
enum areg_error packet_open(struct packet_reader *reader, const struct packet *packet, uint32_t *version) MUST_USE;
/**
 * The next message. Its slices are borrowed from the packet's header; its payload is a borrowed view of the packet's
 * own slice with its owner set: slice_ref() keeps it. The body (the union) of a reply is there if its status is OK,
 * and `hello` if it is VERSION; otherwise it is zeroes.
 * Returns AREG_ENOTFOUND at the end, AREG_EINVAL for malformed bytes or a payload that does not match its checksum
 * (read on is impossible); packet_why() says what.
 */
enum areg_error packet_next_request(struct packet_reader *reader, struct request *request) MUST_USE;
enum areg_error packet_next_reply(struct packet_reader *reader, struct reply *reply) MUST_USE;
/** What was wrong, for a log line; never NULL; static. */
const char *packet_why(const struct packet_reader *reader);

#endif
