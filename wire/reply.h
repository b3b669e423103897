/*
 * Replies as fields:
 *
 *     [kind, op, phase, status, next's status, next's descriptor or nil, payload bytes or nil, body ...]
 *
 * The body's fields are those of the kind if the status is OK, those of HELLO if it is VERSION; otherwise there are
 * none. After the body of a kind whose payload is no fragment (HELLO, LIST_KEYS, STATUS) comes the payload's checksum
 * (wire/seal.h), also if there is no payload. One judge says what a reply must be, and both directions ask it, as for
 * requests. Of descriptors it knows only their size and where they belong: config_decode() is for those who use them.
 */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "core/message.h"
#include "wire/field.h"

/** What the header says of a payload's bytes. */
struct payload_seal {
    bool is_there; /* no: it is a fragment, or none belongs there */
    uint64_t sum;  /* what seal_of() must say of it */
};

/** The reply must be one that reply_get() accepts. Its payload is read, unless it is a fragment. */
void reply_put(struct bytes_writer *writer, const struct reply *reply);
/**
 * Read one; the reader says whether that failed. Slices are borrowed from the reader's bytes. Of the payload only the
 * size is set: the caller finds the frame that has it, and compares it with `*payload_seal`.
 */
void reply_get(struct field_reader *reader, struct reply *reply, struct payload_seal *payload_seal);

#endif
