#include "core/bytes.h"

#include <string.h>

struct bytes_writer bytes_writer_on(void *at, size_t room_bytes)
{
    return (struct bytes_writer){.at = at, .room_bytes = room_bytes};
}

void bytes_put_raw(struct bytes_writer *writer, const void *at, size_t bytes)
{
    if (writer->failed || bytes > writer->room_bytes - writer->used_bytes) {
        writer->failed = true;
        return;
    }
    if (bytes)
        memcpy(writer->at + writer->used_bytes, at, bytes);
    writer->used_bytes += bytes;
}

/** Turn what the machine has in memory for a number into what is written, and back. */
static inline uint64_t little_endian(uint64_t value)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? value : __builtin_bswap64(value);
}

/* With a constant size, these two are a comparison and a move: records of the store are made of hundreds of fields. */

static inline void put_little_endian(struct bytes_writer *writer, uint64_t value, size_t bytes)
{
    if (writer->failed || bytes > writer->room_bytes - writer->used_bytes) {
        writer->failed = true;
        return;
    }
    value = little_endian(value);
    memcpy(writer->at + writer->used_bytes, &value, bytes);
    writer->used_bytes += bytes;
}

void bytes_put_u8(struct bytes_writer *writer, uint8_t value)
{
    put_little_endian(writer, value, 1);
}

void bytes_put_u16(struct bytes_writer *writer, uint16_t value)
{
    put_little_endian(writer, value, 2);
}

void bytes_put_u32(struct bytes_writer *writer, uint32_t value)
{
    put_little_endian(writer, value, 4);
}

void bytes_put_u64(struct bytes_writer *writer, uint64_t value)
{
    put_little_endian(writer, value, 8);
}

void bytes_put_text(struct bytes_writer *writer, const void *at, size_t bytes)
{
    if (bytes > UINT16_MAX) {
        writer->failed = true;
        return;
    }
    bytes_put_u16(writer, (uint16_t)bytes);
    bytes_put_raw(writer, at, bytes);
}

struct bytes_reader bytes_reader_on(const void *at, size_t left_bytes)
{
    return (struct bytes_reader){.at = at, .left_bytes = left_bytes};
}

struct slice bytes_get_slice(struct bytes_reader *reader, size_t bytes)
{
    if (reader->failed || bytes > reader->left_bytes) {
        reader->failed = true;
        return (struct slice){0};
    }
    const struct slice slice = slice_borrow(reader->at, bytes);
    if (bytes) /* an empty reader may stand on NULL, which is not to be added to */
        reader->at += bytes;
    reader->left_bytes -= bytes;
    return slice;
}

void bytes_get_raw(struct bytes_reader *reader, void *to, size_t bytes)
{
    const struct slice slice = bytes_get_slice(reader, bytes);
    if (reader->failed)
        memset(to, 0, bytes);
    else if (bytes)
        memcpy(to, slice.at, bytes);
}

static inline uint64_t get_little_endian(struct bytes_reader *reader, size_t bytes)
{
    if (reader->failed || reader->left_bytes < bytes) {
        reader->failed = true;
        return 0;
    }
    uint64_t value = 0;
    memcpy(&value, reader->at, bytes);
    reader->at += bytes;
    reader->left_bytes -= bytes;
    return little_endian(value);
}

uint8_t bytes_get_u8(struct bytes_reader *reader)
{
    return (uint8_t)get_little_endian(reader, 1);
}

uint16_t bytes_get_u16(struct bytes_reader *reader)
{
    return (uint16_t)get_little_endian(reader, 2);
}

uint32_t bytes_get_u32(struct bytes_reader *reader)
{
    return (uint32_t)get_little_endian(reader, 4);
}

uint64_t bytes_get_u64(struct bytes_reader *reader)
{
    return get_little_endian(reader, 8);
}

struct slice bytes_get_text(struct bytes_reader *reader)
{
    const uint16_t bytes = bytes_get_u16(reader);
    return bytes_get_slice(reader, bytes);
}

void bytes_get_string(struct bytes_reader *reader, char *to, size_t text_bytes_max)
{
    const struct slice text = bytes_get_text(reader);
    if (text.bytes > text_bytes_max || (text.bytes && memchr(text.at, 0, text.bytes)))
        reader->failed = true;
    to[0] = 0;
    if (reader->failed || text.bytes == 0)
        return;
    memcpy(to, text.at, text.bytes);
    to[text.bytes] = 0;
}

bool bytes_reader_is_done(const struct bytes_reader *reader)
{
    return !reader->failed && reader->left_bytes == 0;
}
