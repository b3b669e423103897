/*
 * Replies as fields:
 *
 *     [kind, op, phase, status, next's status, next's descriptor or nil, payload bytes or nil, body ...]
 *
 * The body's fields are those of the kind if the status is OK, those of HELLO if it is VERSION; otherwise there are
 * none. One judge says what a reply must be, and both directions ask it, as for requests.
 */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "core/message.h"
#include "wire/field.h"

/** The reply must be one that reply_get() accepts. */
void reply_put(struct bytes_writer *writer, const struct reply *reply);
/**
 * Read one; the reader says whether that failed. Slices are borrowed from the reader's bytes. Of the payload only the
 * size is set: the caller finds the frame that has it.
 */
void reply_get(struct field_reader *reader, struct reply *reply);

#endif
