/* Bounded writing and reading of fields. */
#include "core/bytes.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void numbers_are_written_little_endian(void **state)
{
    (void)state;
    uint8_t to[15];
    struct bytes_writer writer = bytes_writer_on(to, sizeof to);
    bytes_put_u8(&writer, 0x01);
    bytes_put_u16(&writer, 0x0302);
    bytes_put_u32(&writer, 0x07060504);
    bytes_put_u64(&writer, UINT64_C(0x0F0E0D0C0B0A0908));
    assert_false(writer.failed);
    assert_int_equal(writer.used_bytes, sizeof to);
    for (unsigned i = 0; i < sizeof to; i++)
        assert_int_equal(to[i], i + 1);
}

static void a_text_is_its_length_and_its_bytes(void **state)
{
    (void)state;
    uint8_t to[16];
    struct bytes_writer writer = bytes_writer_on(to, sizeof to);
    bytes_put_text(&writer, "abc", 3);
    bytes_put_text(&writer, "", 0);
    assert_int_equal(writer.used_bytes, 7);
    assert_memory_equal(to, "\x03\0abc\0\0", 7);
}

/* A random sequence of fields, the same for the writer and for the reader. */
enum field_kind { FIELD_U8, FIELD_U16, FIELD_U32, FIELD_U64, FIELD_RAW, FIELD_TEXT, FIELD_STRING, FIELD_KIND_COUNT };

struct field {
    enum field_kind kind;
    uint64_t number;
    uint8_t bytes[24];
    size_t byte_count;
};

enum { FIELD_COUNT_MAX = 12, ROOM_BYTES = FIELD_COUNT_MAX * 26 };

static void put_field(struct bytes_writer *writer, const struct field *field)
{
    switch (field->kind) {
    case FIELD_U8:
        bytes_put_u8(writer, (uint8_t)field->number);
        break;
    case FIELD_U16:
        bytes_put_u16(writer, (uint16_t)field->number);
        break;
    case FIELD_U32:
        bytes_put_u32(writer, (uint32_t)field->number);
        break;
    case FIELD_U64:
        bytes_put_u64(writer, field->number);
        break;
    case FIELD_RAW:
        bytes_put_raw(writer, field->bytes, field->byte_count);
        break;
    default:
        bytes_put_text(writer, field->bytes, field->byte_count);
        break;
    }
}

/* Whether the next field is this one; after a failure, whether it reads as zeroes or nothing. */
static bool field_reads_back(struct bytes_reader *reader, const struct field *field)
{
    uint8_t raw[24];
    char string[25];
    struct slice text;
    uint64_t number;
    switch (field->kind) {
    case FIELD_U8:
        number = bytes_get_u8(reader);
        return number == (reader->failed ? 0 : (uint8_t)field->number);
    case FIELD_U16:
        number = bytes_get_u16(reader);
        return number == (reader->failed ? 0 : (uint16_t)field->number);
    case FIELD_U32:
        number = bytes_get_u32(reader);
        return number == (reader->failed ? 0 : (uint32_t)field->number);
    case FIELD_U64:
        number = bytes_get_u64(reader);
        return number == (reader->failed ? 0 : field->number);
    case FIELD_RAW:
        memset(raw, 0xEE, sizeof raw);
        bytes_get_raw(reader, raw, field->byte_count);
        for (size_t i = 0; i < field->byte_count; i++)
            if (raw[i] != (reader->failed ? 0 : field->bytes[i]))
                return false;
        return true;
    case FIELD_TEXT:
        text = bytes_get_text(reader);
        return slice_equal(text, slice_borrow(field->bytes, reader->failed ? 0 : field->byte_count));
    default:
        memset(string, 0x7F, sizeof string);
        bytes_get_string(reader, string, sizeof string - 1);
        if (reader->failed)
            return string[0] == 0;
        return strlen(string) == field->byte_count && memcmp(string, field->bytes, field->byte_count) == 0;
    }
}

static unsigned draw_fields(struct random_source *random, struct field fields[FIELD_COUNT_MAX])
{
    const unsigned count = 1 + (unsigned)random_below(random, FIELD_COUNT_MAX);
    for (unsigned i = 0; i < count; i++) {
        fields[i] = (struct field){.kind = (enum field_kind)random_below(random, FIELD_KIND_COUNT)};
        fields[i].number = random_next(random);
        fields[i].byte_count = random_below(random, sizeof fields[i].bytes + 1);
        for (size_t j = 0; j < fields[i].byte_count; j++) /* a string holds no NUL */
            fields[i].bytes[j] = (uint8_t)(1 + random_below(random, 255));
    }
    return count;
}

static void whatever_is_written_reads_back(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 2000; round++) {
        struct field fields[FIELD_COUNT_MAX];
        const unsigned count = draw_fields(&random, fields);
        uint8_t to[ROOM_BYTES];
        struct bytes_writer writer = bytes_writer_on(to, sizeof to);
        for (unsigned i = 0; i < count; i++)
            put_field(&writer, &fields[i]);
        assert_false(writer.failed);
        struct bytes_reader reader = bytes_reader_on(to, writer.used_bytes);
        for (unsigned i = 0; i < count; i++) {
            assert_true(reader.left_bytes > 0 || fields[i].kind == FIELD_RAW);
            assert_true(field_reads_back(&reader, &fields[i]));
            assert_false(reader.failed);
        }
        assert_true(bytes_reader_is_done(&reader));
    }
}

static void a_reader_past_its_end_fails_once_and_for_all_and_reads_zeroes(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 200; round++) {
        struct field fields[FIELD_COUNT_MAX];
        const unsigned count = draw_fields(&random, fields);
        uint8_t to[ROOM_BYTES];
        struct bytes_writer writer = bytes_writer_on(to, sizeof to);
        for (unsigned i = 0; i < count; i++)
            put_field(&writer, &fields[i]);
        for (size_t cut_bytes = 0; cut_bytes < writer.used_bytes; cut_bytes++) {
            uint8_t *exact = malloc(cut_bytes + 1); /* sanitizers see a byte too far */
            memcpy(exact, to, cut_bytes);
            struct bytes_reader reader = bytes_reader_on(exact, cut_bytes);
            bool has_failed = false;
            for (unsigned i = 0; i < count; i++) {
                assert_true(field_reads_back(&reader, &fields[i]));
                assert_true(reader.failed || !has_failed);
                has_failed = reader.failed;
            }
            assert_true(has_failed);
            assert_false(bytes_reader_is_done(&reader));
            free(exact);
        }
    }
}

static void a_writer_without_room_fails_and_writes_nothing_past_it(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 200; round++) {
        struct field fields[FIELD_COUNT_MAX];
        const unsigned count = draw_fields(&random, fields);
        uint8_t to[ROOM_BYTES];
        struct bytes_writer whole = bytes_writer_on(to, sizeof to);
        for (unsigned i = 0; i < count; i++)
            put_field(&whole, &fields[i]);
        for (size_t room_bytes = 0; room_bytes < whole.used_bytes; room_bytes++) {
            memset(to, 0x5A, sizeof to);
            struct bytes_writer writer = bytes_writer_on(to, room_bytes);
            for (unsigned i = 0; i < count; i++)
                put_field(&writer, &fields[i]);
            assert_true(writer.failed);
            assert_true(writer.used_bytes <= room_bytes);
            for (size_t i = room_bytes; i < sizeof to; i++)
                assert_int_equal(to[i], 0x5A);
        }
    }
}

static void what_follows_a_failure_is_neither_written_nor_read(void **state)
{
    (void)state;
    uint8_t at[4] = {1, 2, 3, 4};
    struct bytes_writer writer = bytes_writer_on(at, sizeof at);
    bytes_put_u64(&writer, 0);
    bytes_put_u8(&writer, 9);
    assert_true(writer.failed);
    assert_int_equal(writer.used_bytes, 0);
    assert_int_equal(at[0], 1);

    struct bytes_reader reader = bytes_reader_on(at, sizeof at);
    assert_int_equal(bytes_get_u64(&reader), 0);
    assert_int_equal(bytes_get_u8(&reader), 0);
    assert_int_equal(bytes_get_slice(&reader, 1).bytes, 0);
    assert_false(bytes_reader_is_done(&reader));
}

static void a_text_of_more_bytes_than_its_length_can_say_fails(void **state)
{
    (void)state;
    enum { TEXT_BYTES_MAX = 65535 };
    char *text = calloc(1, TEXT_BYTES_MAX + 1);
    uint8_t *to = malloc(TEXT_BYTES_MAX + 100);
    struct bytes_writer writer = bytes_writer_on(to, TEXT_BYTES_MAX + 100);
    bytes_put_text(&writer, text, TEXT_BYTES_MAX);
    assert_false(writer.failed);
    writer = bytes_writer_on(to, TEXT_BYTES_MAX + 100);
    bytes_put_text(&writer, text, TEXT_BYTES_MAX + 1);
    assert_true(writer.failed);
    free(to);
    free(text);
}

static void a_string_with_a_nul_or_too_long_for_its_room_fails(void **state)
{
    (void)state;
    char to[5];
    struct bytes_reader reader = bytes_reader_on("\x04\0abcd", 6);
    bytes_get_string(&reader, to, sizeof to - 1);
    assert_true(bytes_reader_is_done(&reader));
    assert_string_equal(to, "abcd");

    reader = bytes_reader_on("\x05\0abcde", 7);
    bytes_get_string(&reader, to, sizeof to - 1);
    assert_true(reader.failed);
    assert_string_equal(to, "");

    reader = bytes_reader_on("\x03\0a\0b", 5);
    bytes_get_string(&reader, to, sizeof to - 1);
    assert_true(reader.failed);
    assert_string_equal(to, "");
}

static void a_slice_is_borrowed_from_what_is_read(void **state)
{
    (void)state;
    static const char from[] = "abcdef";
    struct bytes_reader reader = bytes_reader_on(from, 6);
    const struct slice first = bytes_get_slice(&reader, 2);
    const struct slice rest = bytes_get_slice(&reader, 4);
    assert_ptr_equal(first.at, from);
    assert_ptr_equal(rest.at, from + 2);
    assert_null(first.owner);
    assert_true(bytes_reader_is_done(&reader));
}

static void a_reader_of_nothing_is_done_and_gives_nothing(void **state)
{
    (void)state;
    struct bytes_reader reader = bytes_reader_on(NULL, 0);
    assert_true(bytes_reader_is_done(&reader));
    assert_int_equal(bytes_get_slice(&reader, 0).bytes, 0);
    bytes_get_raw(&reader, NULL, 0);
    assert_true(bytes_reader_is_done(&reader));
    assert_int_equal(bytes_get_u8(&reader), 0);
    assert_false(bytes_reader_is_done(&reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_little_endian),
        cmocka_unit_test(a_text_is_its_length_and_its_bytes),
        cmocka_unit_test(whatever_is_written_reads_back),
        cmocka_unit_test(a_reader_past_its_end_fails_once_and_for_all_and_reads_zeroes),
        cmocka_unit_test(a_writer_without_room_fails_and_writes_nothing_past_it),
        cmocka_unit_test(what_follows_a_failure_is_neither_written_nor_read),
        cmocka_unit_test(a_text_of_more_bytes_than_its_length_can_say_fails),
        cmocka_unit_test(a_string_with_a_nul_or_too_long_for_its_room_fails),
        cmocka_unit_test(a_slice_is_borrowed_from_what_is_read),
        cmocka_unit_test(a_reader_of_nothing_is_done_and_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
