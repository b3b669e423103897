/*
 * Fields against msgpack-c: it must read what we write, and we must find our way through whatever it writes.
 */
#include "wire/field.h"

#include "tests/unit/wire/messages.h"
#include "tests/unit/wire/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

enum { ROOM_BYTES = 256 << 10 };

struct fixture {
    struct message_source source;
    uint8_t room[ROOM_BYTES];
};

/* A reader on an allocation of exactly these bytes, so that a sanitizer sees any look past the end. */
struct tight {
    uint8_t *bytes;
    struct field_reader reader;
};

static struct tight tight_on(const uint8_t *at, size_t bytes)
{
    struct tight tight = {.bytes = malloc(bytes + !bytes)};
    assert_non_null(tight.bytes);
    memcpy(tight.bytes, at, bytes);
    tight.reader = field_reader_on(slice_borrow(tight.bytes, bytes));
    return tight;
}

static bool is_at_end(const struct field_reader *reader)
{
    return reader->at == reader->end;
}

/* ---------------------------------------------------------------- writing */

static void msgpack_c_reads_what_is_written(void **state)
{
    struct fixture *fixture = *state;
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    for (unsigned round = 0; round < 20000; round++) {
        const uint64_t number = random_number(&fixture->source, UINT64_MAX);
        const struct slice bin = random_slice(&fixture->source, 0, 70000);
        const struct tag tag = {random_number(&fixture->source, UINT64_MAX), number};
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        field_put_array(&writer, 9);
        field_put_number(&writer, number);
        field_put_bool(&writer, number & 1);
        field_put_nil(&writer);
        field_put_bin(&writer, bin);
        field_put_bin_or_nil(&writer, bin);
        field_put_size_or_nil(&writer, bin.bytes);
        field_put_text(&writer, "areg");
        field_put_tag(&writer, tag);
        field_put_array(&writer, 0);
        size_t offset = 0;
        assert_int_equal(msgpack_unpack_next(&result, (char *)writer.at, writer.used_bytes, &offset),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(offset, writer.used_bytes);
        assert_int_equal(result.data.type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(result.data.via.array.size, 9);
        const msgpack_object *fields = result.data.via.array.ptr;
        assert_int_equal(fields[0].type, MSGPACK_OBJECT_POSITIVE_INTEGER);
        assert_true(fields[0].via.u64 == number);
        assert_int_equal(fields[1].type, MSGPACK_OBJECT_BOOLEAN);
        assert_int_equal(fields[1].via.boolean, number & 1);
        assert_int_equal(fields[2].type, MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[3].type, MSGPACK_OBJECT_BIN);
        assert_int_equal(fields[3].via.bin.size, bin.bytes);
        assert_memory_equal(fields[3].via.bin.ptr, bin.at, bin.bytes);
        assert_int_equal(fields[4].type, bin.bytes ? MSGPACK_OBJECT_BIN : MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[5].type, bin.bytes ? MSGPACK_OBJECT_POSITIVE_INTEGER : MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[6].type, MSGPACK_OBJECT_STR);
        assert_memory_equal(fields[6].via.str.ptr, "areg", 4);
        assert_int_equal(fields[7].via.array.size, 2);
        assert_true(fields[7].via.array.ptr[0].via.u64 == tag.z && fields[7].via.array.ptr[1].via.u64 == tag.w);
        assert_int_equal(fields[8].type, MSGPACK_OBJECT_ARRAY);
    }
    msgpack_unpacked_destroy(&result);
}

static void writing_past_the_room_only_fails_the_writer(void **state)
{
    struct fixture *fixture = *state;
    for (size_t room_bytes = 0; room_bytes < 30; room_bytes++) {
        uint8_t *room = malloc(room_bytes + !room_bytes);
        struct bytes_writer writer = bytes_writer_on(room, room_bytes);
        field_put_array(&writer, 2);
        field_put_number(&writer, UINT64_MAX);
        field_put_bin(&writer, slice_borrow(fixture->room, 17));
        assert_int_equal(writer.failed, room_bytes < 1 + 9 + 2 + 17);
        free(room);
    }
}

/* ---------------------------------------------------------------- reading */

static void fields_are_read_as_they_were_written(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 20000; round++) {
        const uint64_t number = random_number(&fixture->source, UINT64_MAX);
        const struct slice bin = random_slice(&fixture->source, 0, 2000);
        const struct tag tag = {random_number(&fixture->source, UINT64_MAX), number};
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        field_put_number(&writer, number);
        field_put_bool(&writer, number & 1);
        field_put_bin(&writer, bin);
        field_put_bin_or_nil(&writer, bin);
        field_put_size_or_nil(&writer, bin.bytes);
        field_put_text(&writer, "areg");
        field_put_tag(&writer, tag);
        struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
        assert_true(field_get_number(&reader, UINT64_MAX, "number") == number);
        assert_int_equal(field_get_bool(&reader, "bool"), number & 1);
        assert_true(slice_equal(field_get_bin(&reader, bin.bytes, bin.bytes, "bin"), bin));
        assert_true(slice_equal(field_get_bin_or_nil(&reader, 2000, "bin or nil"), bin));
        assert_int_equal(field_get_size_or_nil(&reader, "size or nil"), bin.bytes);
        assert_true(slice_equal(field_get_text(&reader, 4, "text"), slice_borrow("areg", 4)));
        assert_true(tag_equal(field_get_tag(&reader, "tag"), tag));
        assert_null(reader.why);
        assert_true(is_at_end(&reader));
    }
}

static void whole_numbers_are_read_in_every_format_and_others_in_none(void **state)
{
    static const struct {
        uint8_t bytes[9];
        size_t byte_count;
        bool is_number;
        uint64_t number;
    } cases[] = {
        {{0x7f}, 1, true, 127},
        {{0xcc, 0xff}, 2, true, 255},
        {{0xcd, 0x01, 0x02}, 3, true, 258},
        {{0xce, 0x80, 0, 0, 1}, 5, true, UINT64_C(0x80000001)},
        {{0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, true, UINT64_MAX},
        {{0xd0, 0x7f}, 2, true, 127},
        {{0xd1, 0x7f, 0xff}, 3, true, 32767},
        {{0xd2, 0x7f, 0xff, 0xff, 0xff}, 5, true, INT32_MAX},
        {{0xd3, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 9, true, INT64_MAX},
        {{0xd0, 0x80}, 2, false, 0},
        {{0xd1, 0x80, 0}, 3, false, 0},
        {{0xd2, 0xff, 0xff, 0xff, 0xff}, 5, false, 0},
        {{0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}, 9, false, 0},
        {{0xff}, 1, false, 0},
        {{0xe0}, 1, false, 0},
        {{0xca, 0, 0, 0, 0}, 5, false, 0},
        {{0xc3}, 1, false, 0},
        {{0xc0}, 1, false, 0},
        {{0xc1}, 1, false, 0},
        {{0xa0}, 1, false, 0},
        {{0x90}, 1, false, 0},
        {{0x80}, 1, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tight tight = tight_on(cases[i].bytes, cases[i].byte_count);
        assert_true(field_get_number(&tight.reader, UINT64_MAX, "no number") == cases[i].number);
        assert_int_equal(tight.reader.why == NULL, cases[i].is_number);
        assert_true(is_at_end(&tight.reader));
        free(tight.bytes);
    }
}

static void a_number_above_its_limit_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    field_put_number(&writer, 256);
    struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
    assert_int_equal(field_get_number(&reader, 256, "above"), 256);
    reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
    assert_int_equal(field_get_number(&reader, 255, "above"), 0);
    assert_string_equal(reader.why, "above");
}

/* One random value of any type, of up to `depth` levels of containers around what is in none. */
static void pack_anything(struct message_source *source, msgpack_packer *packer, unsigned depth)
{
    const struct slice body = random_slice(source, 0, random_below(&source->random, 50) ? 40 : 70000);
    const size_t count = depth > 0 ? random_below(&source->random, 8) : 0;
    switch (random_below(&source->random, 11)) {
    case 0:
        msgpack_pack_uint64(packer, random_number(source, UINT64_MAX));
        break;
    case 1:
        msgpack_pack_int64(packer, -(int64_t)random_number(source, INT64_MAX));
        break;
    case 2:
        msgpack_pack_double(packer, 1.5);
        break;
    case 3:
        msgpack_pack_float(packer, 1.5f);
        break;
    case 4:
        msgpack_pack_str_with_body(packer, body.at, body.bytes);
        break;
    case 5:
        msgpack_pack_bin_with_body(packer, body.at, body.bytes);
        break;
    case 6:
        msgpack_pack_ext_with_body(packer, body.at, body.bytes, 7);
        break;
    case 7:
        msgpack_pack_nil(packer);
        break;
    case 8:
        msgpack_pack_true(packer);
        break;
    case 9:
        msgpack_pack_array(packer, count);
        for (size_t i = 0; i < count; i++)
            pack_anything(source, packer, depth - 1);
        break;
    default:
        msgpack_pack_map(packer, count);
        for (size_t i = 0; i < 2 * count; i++)
            pack_anything(source, packer, depth - 1);
        break;
    }
}

static void fields_that_were_not_read_are_skipped_whatever_they_are(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 5000; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init(&packed);
        msgpack_packer packer;
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        const size_t count = random_below(&fixture->source.random, 20);
        msgpack_pack_array(&packer, 1 + count);
        msgpack_pack_uint64(&packer, round);
        for (size_t i = 0; i < count; i++)
            pack_anything(&fixture->source, &packer, MESSAGE_DEPTH_MAX - 2);
        msgpack_pack_uint64(&packer, 4711);

        struct tight tight = tight_on((uint8_t *)packed.data, packed.size);
        assert_int_equal(field_open_array(&tight.reader, "array"), 1 + count);
        assert_int_equal(field_get_number(&tight.reader, UINT64_MAX, "number"), round);
        field_close_array(&tight.reader);
        assert_int_equal(field_get_number(&tight.reader, UINT64_MAX, "number after"), 4711);
        assert_null(tight.reader.why);
        assert_true(is_at_end(&tight.reader));
        free(tight.bytes);

        /* Cut anywhere, it is refused. */
        tight = tight_on((uint8_t *)packed.data, random_below(&fixture->source.random, packed.size));
        field_open_array(&tight.reader, "array");
        field_close_array(&tight.reader);
        field_get_number(&tight.reader, UINT64_MAX, "number after");
        assert_non_null(tight.reader.why);
        free(tight.bytes);
        msgpack_sbuffer_destroy(&packed);
    }
}

static void hostile_counts_and_lengths_are_refused_at_once(void **state)
{
    static const uint8_t firsts[] = {0xdd, 0xdf, 0xdb, 0xc6, 0xc9, 0xdc, 0xde, 0xda, 0xc5, 0xc8};
    (void)state;
    for (size_t i = 0; i < sizeof firsts; i++) {
        /* As a field to be skipped, alone and with a little behind it. */
        for (size_t more_bytes = 0; more_bytes < 8; more_bytes++) {
            uint8_t bytes[16] = {0x91, firsts[i], 0xff, 0xff, 0xff, 0xff};
            struct tight tight = tight_on(bytes, 6 + more_bytes);
            field_open_array(&tight.reader, "array");
            field_close_array(&tight.reader);
            assert_string_equal(tight.reader.why, "the header ends inside a field");
            free(tight.bytes);
        }
    }
    /* As a field that is asked for. */
    struct tight tight = tight_on((const uint8_t *)"\xc6\xff\xff\xff\xff"
                                                   "abc",
                                  8);
    assert_int_equal(field_get_bin(&tight.reader, 0, SIZE_MAX, "bin").bytes, 0);
    assert_string_equal(tight.reader.why, "the header ends inside a field");
    free(tight.bytes);
    tight = tight_on((const uint8_t *)"\xdd\xff\xff\xff\xff\x01", 6);
    assert_int_equal(field_open_array(&tight.reader, "array"), UINT32_MAX);
    assert_int_equal(field_get_number(&tight.reader, 1, "number"), 1);
    assert_int_equal(field_get_number(&tight.reader, 1, "number"), 0);
    assert_string_equal(tight.reader.why, "the header ends inside a field");
    free(tight.bytes);
}

static void nesting_is_limited(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *notation;
        bool is_good;
    } cases[] = {
        {"[[[[[[[[7]]]]]]]]", true}, {"[[[[[[[[]]]]]]]]", true},    {"[[[[[[[[[]]]]]]]]]", false},
        {"[[[[[[[{}]]]]]]]", true},  {"[[[[[[[[{}]]]]]]]]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        notation_put(&writer, cases[i].notation);
        struct tight tight = tight_on(writer.at, writer.used_bytes);
        field_open_array(&tight.reader, "array");
        field_close_array(&tight.reader);
        assert_int_equal(tight.reader.why == NULL, cases[i].is_good);
        assert_true(is_at_end(&tight.reader));
        free(tight.bytes);
    }
    /* A million beginnings of arrays cost a million steps at most, and no memory. */
    memset(fixture->room, 0x91, ROOM_BYTES);
    struct field_reader reader = field_reader_on(slice_borrow(fixture->room, ROOM_BYTES));
    field_open_array(&reader, "array");
    field_close_array(&reader);
    assert_string_equal(reader.why, "nested too deeply");
}

static void a_reader_that_failed_gives_nothing_more_and_keeps_its_first_reason(void **state)
{
    (void)state;
    struct tight tight = tight_on((const uint8_t *)"\x93\x01\xc3\x05\x06", 5);
    assert_int_equal(field_open_array(&tight.reader, "array"), 3);
    assert_int_equal(field_get_number(&tight.reader, 9, "number"), 1);
    assert_int_equal(field_get_number(&tight.reader, 9, "first"), 0);
    assert_int_equal(field_get_number(&tight.reader, 9, "second"), 0);
    assert_int_equal(field_open_array(&tight.reader, "third"), 0);
    assert_false(field_take_nil(&tight.reader));
    assert_false(field_get_bool(&tight.reader, "fourth"));
    assert_int_equal(field_get_bin(&tight.reader, 0, 9, "fifth").bytes, 0);
    field_close_array(&tight.reader);
    assert_string_equal(tight.reader.why, "first");
    free(tight.bytes);
}

static void reading_past_the_end_of_an_array_fails_and_does_not_read_what_follows(void **state)
{
    (void)state;
    struct tight tight = tight_on((const uint8_t *)"\x91\x01\xc0\x02", 4);
    field_open_array(&tight.reader, "array");
    assert_int_equal(field_get_number(&tight.reader, 9, "number"), 1);
    assert_false(field_take_nil(&tight.reader));
    field_get_number(&tight.reader, 9, "number");
    assert_string_equal(tight.reader.why, "a field is missing");
    free(tight.bytes);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    message_source_init(&fixture->source);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    message_source_fini(&fixture->source);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msgpack_c_reads_what_is_written),
        cmocka_unit_test(writing_past_the_room_only_fails_the_writer),
        cmocka_unit_test(fields_are_read_as_they_were_written),
        cmocka_unit_test(whole_numbers_are_read_in_every_format_and_others_in_none),
        cmocka_unit_test(a_number_above_its_limit_is_refused),
        cmocka_unit_test(fields_that_were_not_read_are_skipped_whatever_they_are),
        cmocka_unit_test(hostile_counts_and_lengths_are_refused_at_once),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(a_reader_that_failed_gives_nothing_more_and_keeps_its_first_reason),
        cmocka_unit_test(reading_past_the_end_of_an_array_fails_and_does_not_read_what_follows),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
