/*
 * Requests as fields:
 *
 *     [kind, op, phase, shard, config id, key, descriptor or nil, payload bytes or nil, body ...]
 *
 * The body's fields are those of the kind, in the order of core/message.h. One judge says what a request must be, and
 * both directions ask it: what we send must pass (or it is our own fault), what we are sent is refused if it does not.
 * Of descriptors it knows only their size and where they belong: config_decode() is for those who use them.
 */
#ifndef WIRE_REQUEST_H
#define WIRE_REQUEST_H

#include "core/message.h"
#include "wire/field.h"

/** The request must be one that request_get() accepts. */
void request_put(struct bytes_writer *writer, const struct request *request);
/**
 * Read one; the reader says whether that failed. Slices are borrowed from the reader's bytes. Of the payload only the
 * size is set: the caller finds the frame that has it.
 */
void request_get(struct field_reader *reader, struct request *request);

#endif
