#include "tests/unit/wire/notation.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOTATION_DEPTH_MAX = 64 };

static void put_big_endian(struct bytes_writer *writer, uint8_t first, uint64_t number, unsigned bytes)
{
    bytes_put_u8(writer, first);
    for (unsigned i = bytes; i-- > 0;)
        bytes_put_u8(writer, (uint8_t)(number >> (8 * i)));
}

static const char *put_number(struct bytes_writer *writer, const char *at)
{
    char *end;
    if (*at == '-')
        put_big_endian(writer, 0xd3, (uint64_t)strtoll(at, &end, 0), 8);
    else
        put_big_endian(writer, 0xcf, strtoull(at, &end, 0), 8);
    assert_ptr_not_equal(at, end);
    return end;
}

static const char *put_bin(struct bytes_writer *writer, const char *at)
{
    char *end;
    const unsigned long bytes = strtoul(at, &end, 10);
    put_big_endian(writer, 0xc6, bytes, 4);
    for (unsigned long i = 0; i < bytes; i++)
        bytes_put_u8(writer, 'a');
    return end;
}

static const char *put_text(struct bytes_writer *writer, const char *at)
{
    const char *end = strchr(at, '"');
    assert_non_null(end);
    put_big_endian(writer, 0xdb, (uint64_t)(end - at), 4);
    bytes_put_raw(writer, at, (size_t)(end - at));
    return end + 1;
}

static const char *put_value(struct bytes_writer *writer, const char *at)
{
    static const uint8_t map_of_one[] = {0xdf, 0, 0, 0, 1, 0xc0, 0xc0};
    switch (*at) {
    case 't':
        bytes_put_u8(writer, 0xc3);
        return at + 1;
    case 'f':
        bytes_put_u8(writer, 0xc2);
        return at + 1;
    case '~':
        put_big_endian(writer, 0xcb, 0, 8);
        return at + 1;
    case '!':
        put_big_endian(writer, 0xd4, 0, 2);
        return at + 1;
    case '{':
        bytes_put_raw(writer, map_of_one, sizeof map_of_one);
        return at + 2;
    case '#':
        return put_bin(writer, at + 1);
    case '"':
        return put_text(writer, at + 1);
    case '-':
        if (!isdigit((unsigned char)at[1])) {
            bytes_put_u8(writer, 0xc0);
            return at + 1;
        }
        return put_number(writer, at);
    default:
        return put_number(writer, at);
    }
}

/* The count of an array is filled in when its end is met. */
void notation_put(struct bytes_writer *writer, const char *notation)
{
    size_t array_at[NOTATION_DEPTH_MAX];
    uint32_t count[NOTATION_DEPTH_MAX] = {0};
    unsigned depth = 0;
    for (const char *at = notation; *at;) {
        if (*at == ' ') {
            at++;
        } else if (*at == '[') {
            count[depth++]++;
            assert_true(depth < NOTATION_DEPTH_MAX);
            count[depth] = 0;
            array_at[depth] = writer->used_bytes;
            put_big_endian(writer, 0xdd, 0, 4);
            at++;
        } else if (*at == ']') {
            assert_true(depth > 0 && !writer->failed);
            struct bytes_writer patch = bytes_writer_on(writer->at + array_at[depth], 5);
            put_big_endian(&patch, 0xdd, count[depth--], 4);
            at++;
        } else {
            count[depth]++;
            at = put_value(writer, at);
        }
    }
    assert_true(depth == 0 && !writer->failed);
}
