#include "wire/field.h"

#include "core/check.h"

#include <msgpack/pack.h>
#include <string.h>

/* ---------------------------------------------------------------- writing */

static int append(void *writer, const char *at, size_t bytes)
{
    bytes_put_raw(writer, at, bytes);
    return 0; /* the writer itself remembers a failure */
}

static msgpack_packer packer_on(struct bytes_writer *writer)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, writer, append);
    return packer;
}

void field_put_array(struct bytes_writer *writer, uint32_t count)
{
    msgpack_packer packer = packer_on(writer);
    msgpack_pack_array(&packer, count);
}

void field_put_number(struct bytes_writer *writer, uint64_t number)
{
    msgpack_packer packer = packer_on(writer);
    msgpack_pack_uint64(&packer, number);
}

void field_put_bool(struct bytes_writer *writer, bool is_true)
{
    msgpack_packer packer = packer_on(writer);
    if (is_true)
        msgpack_pack_true(&packer);
    else
        msgpack_pack_false(&packer);
}

void field_put_nil(struct bytes_writer *writer)
{
    msgpack_packer packer = packer_on(writer);
    msgpack_pack_nil(&packer);
}

void field_put_bin(struct bytes_writer *writer, struct slice bin)
{
    msgpack_packer packer = packer_on(writer);
    msgpack_pack_bin_with_body(&packer, bin.at, bin.bytes);
}

void field_put_bin_or_nil(struct bytes_writer *writer, struct slice bin)
{
    if (bin.bytes)
        field_put_bin(writer, bin);
    else
        field_put_nil(writer);
}

void field_put_size_or_nil(struct bytes_writer *writer, size_t bytes)
{
    if (bytes)
        field_put_number(writer, bytes);
    else
        field_put_nil(writer);
}

void field_put_text(struct bytes_writer *writer, const char *text)
{
    msgpack_packer packer = packer_on(writer);
    msgpack_pack_str_with_body(&packer, text, strlen(text));
}

void field_put_tag(struct bytes_writer *writer, struct tag tag)
{
    field_put_array(writer, 2);
    field_put_number(writer, tag.z);
    field_put_number(writer, tag.w);
}

/* ---------------------------------------------------------------- reading */

enum head_type {
    HEAD_INVALID = 0, /* also what a reader gives that has failed */
    HEAD_NIL,
    HEAD_FALSE,
    HEAD_TRUE,
    HEAD_NUMBER, /* whole and not negative */
    HEAD_SIGNED, /* in the table only: a number or, if negative, another */
    HEAD_BIN,
    HEAD_TEXT,
    HEAD_ARRAY,
    HEAD_MAP,
    HEAD_OTHER, /* recognised, and only ever skipped: negative numbers, floats, extensions */
};

/** The beginning of one value. */
struct head {
    enum head_type type;
    uint64_t number; /* the number itself; the bytes that follow; the elements that follow */
};

/** What follows the first bytes 0xc0 to 0xdf [msgpack's specification, "Formats"]. */
struct format {
    uint8_t type;
    uint8_t number_bytes; /* of a big-endian number after the first byte */
    uint8_t skip_bytes;   /* after that, besides what the number says */
};

static const struct format formats[32] = {
    [0xc0 - 0xc0] = {HEAD_NIL, 0, 0},    [0xc2 - 0xc0] = {HEAD_FALSE, 0, 0},  [0xc3 - 0xc0] = {HEAD_TRUE, 0, 0},
    [0xc4 - 0xc0] = {HEAD_BIN, 1, 0},    [0xc5 - 0xc0] = {HEAD_BIN, 2, 0},    [0xc6 - 0xc0] = {HEAD_BIN, 4, 0},
    [0xc7 - 0xc0] = {HEAD_OTHER, 1, 1},  [0xc8 - 0xc0] = {HEAD_OTHER, 2, 1},  [0xc9 - 0xc0] = {HEAD_OTHER, 4, 1},
    [0xca - 0xc0] = {HEAD_OTHER, 0, 4},  [0xcb - 0xc0] = {HEAD_OTHER, 0, 8},  [0xcc - 0xc0] = {HEAD_NUMBER, 1, 0},
    [0xcd - 0xc0] = {HEAD_NUMBER, 2, 0}, [0xce - 0xc0] = {HEAD_NUMBER, 4, 0}, [0xcf - 0xc0] = {HEAD_NUMBER, 8, 0},
    [0xd0 - 0xc0] = {HEAD_SIGNED, 1, 0}, [0xd1 - 0xc0] = {HEAD_SIGNED, 2, 0}, [0xd2 - 0xc0] = {HEAD_SIGNED, 4, 0},
    [0xd3 - 0xc0] = {HEAD_SIGNED, 8, 0}, [0xd4 - 0xc0] = {HEAD_OTHER, 0, 2},  [0xd5 - 0xc0] = {HEAD_OTHER, 0, 3},
    [0xd6 - 0xc0] = {HEAD_OTHER, 0, 5},  [0xd7 - 0xc0] = {HEAD_OTHER, 0, 9},  [0xd8 - 0xc0] = {HEAD_OTHER, 0, 17},
    [0xd9 - 0xc0] = {HEAD_TEXT, 1, 0},   [0xda - 0xc0] = {HEAD_TEXT, 2, 0},   [0xdb - 0xc0] = {HEAD_TEXT, 4, 0},
    [0xdc - 0xc0] = {HEAD_ARRAY, 2, 0},  [0xdd - 0xc0] = {HEAD_ARRAY, 4, 0},  [0xde - 0xc0] = {HEAD_MAP, 2, 0},
    [0xdf - 0xc0] = {HEAD_MAP, 4, 0},
};

static const char truncated[] = "the header ends inside a field";

struct field_reader field_reader_on(struct slice bytes)
{
    struct field_reader reader = {.at = bytes.at};
    reader.end = bytes.bytes ? bytes.at + bytes.bytes : bytes.at;
    reader.left_count[0] = UINT64_MAX;
    return reader;
}

void field_fail(struct field_reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    reader->at = reader->end;
}

static size_t left_bytes(const struct field_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static struct head read_long_head(struct field_reader *reader, uint8_t first)
{
    const struct format format = formats[first - 0xc0];
    if (format.type == HEAD_INVALID) {
        field_fail(reader, "a byte that begins no msgpack value");
        return (struct head){0};
    }
    if (format.number_bytes > left_bytes(reader)) {
        field_fail(reader, truncated);
        return (struct head){0};
    }
    uint64_t number = 0;
    for (unsigned i = 0; i < format.number_bytes; i++)
        number = number << 8 | reader->at[i];
    reader->at += format.number_bytes;
    if (format.type == HEAD_SIGNED && number >> (8 * format.number_bytes - 1))
        return (struct head){HEAD_OTHER, 0};
    if (format.type == HEAD_SIGNED)
        return (struct head){HEAD_NUMBER, number};
    return (struct head){(enum head_type)format.type, number + format.skip_bytes};
}

/* The head of the next field, which counts as read: what it announces must be read or skipped at once. */
static struct head read_head(struct field_reader *reader)
{
    if (reader->why)
        return (struct head){0};
    if (reader->left_count[reader->depth] == 0) {
        field_fail(reader, "a field is missing");
        return (struct head){0};
    }
    if (reader->at == reader->end) {
        field_fail(reader, truncated);
        return (struct head){0};
    }
    reader->left_count[reader->depth]--;
    const uint8_t first = *reader->at++;
    if (first < 0x80)
        return (struct head){HEAD_NUMBER, first};
    if (first < 0x90)
        return (struct head){HEAD_MAP, first & 0x0f};
    if (first < 0xa0)
        return (struct head){HEAD_ARRAY, first & 0x0f};
    if (first < 0xc0)
        return (struct head){HEAD_TEXT, first & 0x1f};
    if (first < 0xe0)
        return read_long_head(reader, first);
    return (struct head){HEAD_OTHER, 0}; /* -32..-1 */
}

static struct slice read_body(struct field_reader *reader, uint64_t bytes)
{
    if (bytes > left_bytes(reader)) {
        field_fail(reader, truncated);
        return (struct slice){0};
    }
    const struct slice body = slice_borrow(reader->at, bytes);
    reader->at += bytes;
    return body;
}

uint64_t field_get_number(struct field_reader *reader, uint64_t max, const char *why)
{
    const struct head head = read_head(reader);
    if (head.type == HEAD_NUMBER && head.number <= max)
        return head.number;
    field_fail(reader, why);
    return 0;
}

void field_get_nil(struct field_reader *reader, const char *why)
{
    if (read_head(reader).type != HEAD_NIL)
        field_fail(reader, why);
}

bool field_get_bool(struct field_reader *reader, const char *why)
{
    const struct head head = read_head(reader);
    if (head.type != HEAD_TRUE && head.type != HEAD_FALSE)
        field_fail(reader, why);
    return head.type == HEAD_TRUE;
}

struct slice field_get_bin(struct field_reader *reader, size_t bytes_min, size_t bytes_max, const char *why)
{
    const struct head head = read_head(reader);
    if (head.type == HEAD_BIN && head.number >= bytes_min && head.number <= bytes_max)
        return read_body(reader, head.number);
    field_fail(reader, why);
    return (struct slice){0};
}

struct slice field_get_bin_or_nil(struct field_reader *reader, size_t bytes_max, const char *why)
{
    return field_take_nil(reader) ? (struct slice){0} : field_get_bin(reader, 1, bytes_max, why);
}

size_t field_get_size_or_nil(struct field_reader *reader, const char *why)
{
    if (field_take_nil(reader))
        return 0;
    const uint64_t bytes = field_get_number(reader, UINT32_MAX, why);
    if (bytes == 0)
        field_fail(reader, why);
    return bytes;
}

struct slice field_get_text(struct field_reader *reader, size_t bytes_max, const char *why)
{
    const struct head head = read_head(reader);
    if (head.type == HEAD_TEXT && head.number <= bytes_max)
        return read_body(reader, head.number);
    field_fail(reader, why);
    return (struct slice){0};
}

struct tag field_get_tag(struct field_reader *reader, const char *why)
{
    field_open_array(reader, why);
    struct tag tag;
    tag.z = field_get_number(reader, UINT64_MAX, why);
    tag.w = field_get_number(reader, UINT64_MAX, why);
    field_close_array(reader);
    return tag;
}

struct host_id field_get_host_id(struct field_reader *reader)
{
    struct host_id id = {0};
    const struct slice text = field_get_text(reader, HOST_ID_BYTES_MAX, "the host's id is no text, or too long");
    if (text.bytes && memchr(text.at, 0, text.bytes))
        field_fail(reader, "the host's id is none");
    else if (text.bytes)
        memcpy(id.text, text.at, text.bytes);
    return id;
}

bool field_take_nil(struct field_reader *reader)
{
    const bool is_nil = reader->at < reader->end && *reader->at == 0xc0 && reader->left_count[reader->depth] > 0;
    if (is_nil)
        read_head(reader);
    return is_nil;
}

static void open_nested(struct field_reader *reader, uint64_t count)
{
    if (reader->depth == MESSAGE_DEPTH_MAX)
        field_fail(reader, "nested too deeply");
    else
        reader->left_count[++reader->depth] = count;
}

uint32_t field_open_array(struct field_reader *reader, const char *why)
{
    const struct head head = read_head(reader);
    if (head.type == HEAD_ARRAY)
        open_nested(reader, head.number);
    else
        field_fail(reader, why);
    return reader->why ? 0 : (uint32_t)head.number;
}

/* Every turn reads at least one byte or ends one of the few open arrays, so the bytes bound the turns. */
void field_close_array(struct field_reader *reader)
{
    const unsigned depth = reader->depth;
    while (!reader->why && reader->depth >= depth) {
        CHECK(reader->depth > 0);
        if (reader->left_count[reader->depth] == 0) {
            reader->depth--;
            continue;
        }
        const struct head head = read_head(reader);
        if (head.type == HEAD_ARRAY)
            open_nested(reader, head.number);
        else if (head.type == HEAD_MAP)
            open_nested(reader, 2 * head.number);
        else if (head.type != HEAD_NUMBER)
            read_body(reader, head.number);
    }
}
