/*
 * Bounded writing and reading of little-endian fields, for the encodings that must be canonical (configuration
 * descriptors, the cluster map) and for records in the store. A reader past its end, or a writer past its room,
 * only sets `failed`: check it once, at the end.
 */
#ifndef CORE_BYTES_H
#define CORE_BYTES_H

#include "core/buffer.h"

#include <stdbool.h>

struct bytes_writer {
    uint8_t *at;
    size_t used_bytes;
    size_t room_bytes;
    bool failed;
};

struct bytes_reader {
    const uint8_t *at;
    size_t left_bytes;
    bool failed;
};

struct bytes_writer bytes_writer_on(void *at, size_t room_bytes);
void bytes_put_u8(struct bytes_writer *writer, uint8_t value);
void bytes_put_u16(struct bytes_writer *writer, uint16_t value);
void bytes_put_u32(struct bytes_writer *writer, uint32_t value);
void bytes_put_u64(struct bytes_writer *writer, uint64_t value);
/** Exactly these bytes, without a length. */
void bytes_put_raw(struct bytes_writer *writer, const void *at, size_t bytes);
/** A 16-bit length and the bytes; more than 65,535 bytes fail. */
void bytes_put_text(struct bytes_writer *writer, const void *at, size_t bytes);

struct bytes_reader bytes_reader_on(const void *at, size_t left_bytes);
uint8_t bytes_get_u8(struct bytes_reader *reader);
uint16_t bytes_get_u16(struct bytes_reader *reader);
uint32_t bytes_get_u32(struct bytes_reader *reader);
uint64_t bytes_get_u64(struct bytes_reader *reader);
/** Exactly `bytes` bytes into `to`; zeroes after a failure. */
void bytes_get_raw(struct bytes_reader *reader, void *to, size_t bytes);
/** Borrowed from the reader's memory; empty after a failure. */
struct slice bytes_get_slice(struct bytes_reader *reader, size_t bytes);
struct slice bytes_get_text(struct bytes_reader *reader);
/** A text without NUL bytes into `to`, terminated; longer than `text_bytes_max` fails. */
void bytes_get_string(struct bytes_reader *reader, char *to, size_t text_bytes_max);
/** Whether everything was read, and nothing is left. */
bool bytes_reader_is_done(const struct bytes_reader *reader);

#endif
