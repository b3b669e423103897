/*
 * The fields of a packet's header: msgpack values, written and read one after the other.
 *
 * Writing is msgpack-c's. Reading is not: its unpacker believes the counts that it is sent, and five hostile bytes (an
 * array of 2^32 - 1) make it ask for gigabytes; a scan that bounds them first would be a reader of its own already.
 * So this is that reader, and there is no second pass: it allocates nothing, copies nothing, reads each byte once,
 * and never looks past the end. Only what messages are made of is handed out (numbers, booleans, bytes, text, nil,
 * arrays); all other types are recognised, so that unknown trailing fields can be skipped.
 *
 * A reader that met something wrong stays at the end with the first reason: check it once, after the last field.
 */
#ifndef WIRE_FIELD_H
#define WIRE_FIELD_H

#include "core/bytes.h"
#include "core/config.h"
#include "core/limits.h"
#include "core/tag.h"

/* ---------------------------------------------------------------- writing: the bytes_writer says what failed */

/** `count` fields follow. */
void field_put_array(struct bytes_writer *writer, uint32_t count);
void field_put_number(struct bytes_writer *writer, uint64_t number);
void field_put_bool(struct bytes_writer *writer, bool is_true);
void field_put_nil(struct bytes_writer *writer);
void field_put_bin(struct bytes_writer *writer, struct slice bin);
/** Nil if it is empty. */
void field_put_bin_or_nil(struct bytes_writer *writer, struct slice bin);
/** Nil for 0. */
void field_put_size_or_nil(struct bytes_writer *writer, size_t bytes);
void field_put_text(struct bytes_writer *writer, const char *text);
/** An array of two numbers. */
void field_put_tag(struct bytes_writer *writer, struct tag tag);

/* ---------------------------------------------------------------- reading */

/** In the caller's memory. */
struct field_reader {
    const uint8_t *at;
    const uint8_t *end;
    const char *why; /* static: what was wrong first; NULL: nothing */
    unsigned depth;
    uint64_t left_count[MESSAGE_DEPTH_MAX + 1]; /* fields not yet read of each open array; [0]: of the sequence */
};

struct field_reader field_reader_on(struct slice bytes);
/** Give up for the static reason `why`, unless it has failed before. */
void field_fail(struct field_reader *reader, const char *why);

/** Each of these reads one field. `why` is the reason if it is of another type or out of range; then it gives zero. */
uint64_t field_get_number(struct field_reader *reader, uint64_t max, const char *why);
void field_get_nil(struct field_reader *reader, const char *why);
bool field_get_bool(struct field_reader *reader, const char *why);
/** Borrowed from the reader's bytes; of min..max bytes. */
struct slice field_get_bin(struct field_reader *reader, size_t bytes_min, size_t bytes_max, const char *why);
/** An empty slice for nil; else of 1..max bytes. */
struct slice field_get_bin_or_nil(struct field_reader *reader, size_t bytes_max, const char *why);
/** 0 for nil; else 1..UINT32_MAX. */
size_t field_get_size_or_nil(struct field_reader *reader, const char *why);
struct slice field_get_text(struct field_reader *reader, size_t bytes_max, const char *why);
struct tag field_get_tag(struct field_reader *reader, const char *why);
/** Text of up to HOST_ID_BYTES_MAX bytes, none of them 0; whether it is an id is for host_id_parse(). */
struct host_id field_get_host_id(struct field_reader *reader);
/** Whether the next field is nil, which is then read. */
bool field_take_nil(struct field_reader *reader);

/** Begin an array, and return the number of its fields. It may be any number: nothing is reserved for them. */
uint32_t field_open_array(struct field_reader *reader, const char *why);
/** End the innermost open array: skip the fields that were not read. */
void field_close_array(struct field_reader *reader);

#endif
