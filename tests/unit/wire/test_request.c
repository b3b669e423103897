/*
 * Requests: there and back, against msgpack-c, and what must be refused.
 */
#include "wire/request.h"

#include "tests/unit/wire/messages.h"
#include "tests/unit/wire/notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

enum { ROOM_BYTES = 64 << 10 };

struct fixture {
    struct message_source source;
    uint8_t room[ROOM_BYTES];
};

static void every_kind_arrives_as_it_was_sent(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 30000; round++) {
        struct request sent;
        struct request received;
        random_request(&fixture->source, (enum message_kind)(1 + round % MESSAGE_KIND_COUNT), 1000, &sent);
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        request_put(&writer, &sent);
        assert_false(writer.failed);
        struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
        request_get(&reader, &received);
        assert_null(reader.why);
        assert_true(reader.at == reader.end);
        assert_int_equal(received.payload.bytes, sent.payload.bytes);
        received.payload = sent.payload;
        assert_request_equal(&received, &sent);
    }
}

/* The layout is a contract with other versions and other implementations. */
static void the_layout_is_as_documented(void **state)
{
    struct fixture *fixture = *state;
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    for (unsigned round = 0; round < 5000; round++) {
        struct request sent;
        random_request(&fixture->source, MESSAGE_PUT_DATA, 1000, &sent);
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        request_put(&writer, &sent);
        size_t offset = 0;
        assert_int_equal(msgpack_unpack_next(&result, (char *)writer.at, writer.used_bytes, &offset),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(offset, writer.used_bytes);
        assert_int_equal(result.data.via.array.size, 9);
        const msgpack_object *fields = result.data.via.array.ptr;
        assert_int_equal(fields[0].via.u64, 4);
        assert_true(fields[1].via.u64 == sent.op);
        assert_int_equal(fields[2].via.u64, sent.phase);
        assert_int_equal(fields[3].via.u64, sent.shard);
        assert_int_equal(fields[4].via.bin.size, 16);
        assert_memory_equal(fields[4].via.bin.ptr, sent.config.bytes, 16);
        assert_int_equal(fields[5].via.bin.size, sent.key.bytes);
        assert_memory_equal(fields[5].via.bin.ptr, sent.key.at, sent.key.bytes);
        assert_int_equal(fields[6].type, sent.descriptor.bytes ? MSGPACK_OBJECT_BIN : MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[7].type, sent.payload.bytes ? MSGPACK_OBJECT_POSITIVE_INTEGER : MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[8].via.array.size, 5);
        const msgpack_object *entry = fields[8].via.array.ptr;
        assert_true(entry[0].via.array.ptr[0].via.u64 == sent.put_data.entry.tag.z);
        assert_true(entry[0].via.array.ptr[1].via.u64 == sent.put_data.entry.tag.w);
        assert_true(entry[1].via.u64 == sent.put_data.entry.value_digest);
        assert_int_equal(entry[2].via.u64, sent.put_data.entry.value_bytes);
        assert_int_equal(entry[3].via.u64, sent.put_data.entry.fragment_checksum);
        assert_int_equal(entry[4].via.u64, sent.put_data.entry.flags);
    }
    msgpack_unpacked_destroy(&result);
}

/* Fields of one type that changed places would go there and back unnoticed. */
static void numbers_of_one_body_are_told_apart_by_their_places(void **state)
{
    struct fixture *fixture = *state;
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, "[10 1 2 3 #16 #0 - - [4 5]] [16 1 2 3 #16 #0 #1 - 4 f t 5] [16 1 2 3 #16 #0 #1 - 4 t f 5]");
    struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
    struct request request;
    request_get(&reader, &request);
    assert_null(reader.why);
    assert_int_equal(request.kind, MESSAGE_PREPARE);
    assert_true(request.prepare.ballot.round == 4 && request.prepare.ballot.proposer == 5);
    for (unsigned i = 0; i < 2; i++) {
        request_get(&reader, &request);
        assert_null(reader.why);
        assert_int_equal(request.kind, MESSAGE_TRANSFER);
        assert_true(request.transfer.slices == 4 && request.transfer.bytes_per_s == 5);
        assert_int_equal(request.transfer.sets_pace, i);
        assert_int_equal(request.transfer.is_paused, !i);
    }
}

static const char *why_of(struct fixture *fixture, const char *notation)
{
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, notation);
    uint8_t *tight = malloc(writer.used_bytes);
    assert_non_null(tight);
    memcpy(tight, writer.at, writer.used_bytes);
    struct field_reader reader = field_reader_on(slice_borrow(tight, writer.used_bytes));
    struct request request;
    request_get(&reader, &request);
    assert_true(reader.at == reader.end);
    free(tight);
    return reader.why;
}

static void what_is_right_is_accepted_also_with_unknown_trailing_fields(void **state)
{
    static const char *const good[] = {
        "[1 0 0 0 #16 #0 - - t]",
        "[1 0 0 0 #16 #0 - - t -7 ~ ! \"new\" [[]] {}]",
        "[1 0xffffffffffffffff 0xffffffff 0xffffffff #16 #0 - - f]",
        "[2 1 2 3 #16 #1 - - 0]",
        "[2 1 2 3 #16 #1024 - - 0]",
        "[2 1 2 3 #16 #1 - - 7]",
        "[3 1 2 3 #16 #1 - - 0 -]",
        "[3 1 2 3 #16 #1 - - 1 -]",
        "[3 1 2 3 #16 #1 - - 2 [0 1]]",
        "[3 1 2 3 #16 #1 - - 2 [0 1 2 3] 4]",
        "[4 1 2 3 #16 #1 - - [[1 0] 0 0 0 0]]",
        "[4 1 2 3 #16 #1 - 16777216 [[1 0] 0xffffffffffffffff 16777216 0xffffffff 2]]",
        "[4 1 2 3 #16 #1 - - [[1 0 5] 0 0 0 3 [6]] [7]]",
        "[5 1 2 3 #16 #1 - - [1 0]]",
        "[6 1 2 3 #16 #0 - - #0 #0 1]",
        "[6 1 2 3 #16 #0 - - #1024 #1024 1000]",
        "[7 1 2 3 #16 #0 - -]",
        "[8 1 2 3 #16 #0 - -]",
        "[9 1 2 3 #16 #0 #1 - 7]",
        "[9 1 2 3 #16 #0 #8192 -]",
        "[10 1 2 3 #16 #0 - - [0 1]]",
        "[10 1 2 3 #16 #0 - - [1 0 5] 7]",
        "[11 1 2 3 #16 #0 #1 - [0xffffffffffffffff 0xffffffffffffffff]]",
        "[12 1 2 3 #16 #0 #1 -]",
        "[13 1 2 3 #16 #0 #1 -]",
        "[14 1 2 3 #16 #0 - - \"new\"]",
        "[15 1 2 3 #16 #1024 - - [[1 0] 0 0 0 1]]",
        "[16 1 2 3 #16 #0 - - 0 f f 0]",
        "[16 1 2 3 #16 #0 #1 - 0 t t 0xffffffffffffffff]",
        "[16 1 2 3 #16 #0 #1 - 0xffffffff f f 1 7]",
        "[17 1 2 3 #16 #0 - - \"s1\" 1]",
        "[17 1 2 3 #16 #0 - - \"0123456789012345678901234567890-\" 0xffffffffffffffff 7]",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        const char *why = why_of(*state, good[i]);
        if (why)
            fail_msg("%s: %s", good[i], why);
    }
}

struct bad {
    const char *notation;
    const char *why;
};

static void assert_refused(struct fixture *fixture, const struct bad *bad, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *why = why_of(fixture, bad[i].notation);
        if (!why || strcmp(why, bad[i].why) != 0)
            fail_msg("%s: %s", bad[i].notation, why ? why : "accepted");
    }
}

static void a_head_that_is_not_right_is_refused(void **state)
{
    static const struct bad bad[] = {
        {"7", "a request is no array"},
        {"{}", "a request is no array"},
        {"[]", "a field is missing"},
        {"[\"1\" 1 2 3 #16 #1 - -]", "the kind of a request is no number"},
        {"[0 1 2 3 #16 #1 - -]", "an unknown kind of request"},
        {"[18 1 2 3 #16 #0 - -]", "an unknown kind of request"},
        {"[255 1 2 3 #16 #0 - - #0 0 0 0]", "an unknown kind of request"},
        {"[0x100000002 1 2 3 #16 #1 - -]", "an unknown kind of request"},
        {"[2 -1 2 3 #16 #1 - -]", "the operation is no number"},
        {"[2 1 0x100000000 3 #16 #1 - -]", "the phase is no 32-bit number"},
        {"[2 1 - 3 #16 #1 - -]", "the phase is no 32-bit number"},
        {"[2 1 2 0x100000000 #16 #1 - -]", "the shard is no 32-bit number"},
        {"[2 1 2 3 #15 #1 - -]", "the configuration's id is none"},
        {"[2 1 2 3 #17 #1 - -]", "the configuration's id is none"},
        {"[2 1 2 3 - #1 - -]", "the configuration's id is none"},
        {"[2 1 2 3 \"0123456789abcdef\" #1 - -]", "the configuration's id is none"},
        {"[2 1 2 3 #16 - - -]", "the key is no bytes, or too long"},
        {"[2 1 2 3 #16 \"key\" - -]", "the key is no bytes, or too long"},
        {"[2 1 2 3 #16 #1025 - - 0]", "the key is no bytes, or too long"},
        {"[2 1 2 3 #16 #0 - - 0]", "the key is empty or too long"},
        {"[7 1 2 3 #16 #1 - -]", "a key where none belongs"},
        {"[14 1 2 3 #16 #1 - -]", "a key where none belongs"},
        {"[15 1 2 3 #16 #0 - - [[1 0] 0 0 0 0]]", "the key is empty or too long"},
        {"[2 1 2 3 #16 #1 #8193 -]", "the descriptor is none, or too long"},
        {"[2 1 2 3 #16 #1 #0 -]", "the descriptor is none, or too long"},
        {"[2 1 2 3 #16 #1 f -]", "the descriptor is none, or too long"},
        {"[9 1 2 3 #16 #0 #8193 -]", "the descriptor is none, or too long"},
        {"[1 1 2 3 #16 #0 #1 - t]", "a descriptor where none belongs"},
        {"[2 1 2 3 #16 #1 #1 - 0]", "a descriptor where none belongs"},
        {"[3 1 2 3 #16 #1 #1 - 0 -]", "a descriptor where none belongs"},
        {"[4 1 2 3 #16 #1 #1 - [[1 0] 0 0 0 0]]", "a descriptor where none belongs"},
        {"[5 1 2 3 #16 #1 #1 - [1 0]]", "a descriptor where none belongs"},
        {"[6 1 2 3 #16 #0 #1 - #0 #0 1]", "a descriptor where none belongs"},
        {"[7 1 2 3 #16 #0 #1 -]", "a descriptor where none belongs"},
        {"[8 1 2 3 #16 #0 #1 -]", "a descriptor where none belongs"},
        {"[9 1 2 3 #16 #0 - -]", "the descriptor is missing"},
        {"[10 1 2 3 #16 #0 #1 - [1 1]]", "a descriptor where none belongs"},
        {"[11 1 2 3 #16 #0 - - [1 1]]", "the descriptor is missing"},
        {"[12 1 2 3 #16 #0 - -]", "the descriptor is missing"},
        {"[13 1 2 3 #16 #0 - -]", "the descriptor is missing"},
        {"[14 1 2 3 #16 #0 #1 -]", "a descriptor where none belongs"},
        {"[15 1 2 3 #16 #1 #1 - [[1 0] 0 0 0 0]]", "a descriptor where none belongs"},
        {"[16 1 2 3 #16 #0 - - 1 f f 0]", "slices to be moved, but not from which configuration"},
        {"[17 1 2 3 #16 #0 #1 - \"s1\" 1]", "a descriptor where none belongs"},
        {"[4 1 2 3 #16 #1 - 0 [[1 0] 0 0 0 0]]", "the payload's size is none"},
        {"[4 1 2 3 #16 #1 - 0x100000000 [[1 0] 0 0 0 0]]", "the payload's size is none"},
        {"[4 1 2 3 #16 #1 - #4 [[1 0] 0 0 0 0]]", "the payload's size is none"},
        {"[4 1 2 3 #16 #1 - 16777217 [[1 0] 0 0 0 0]]", "the payload is too large, or does not belong there"},
        {"[15 1 2 3 #16 #1 - 1 [[1 0] 0 0 0 0]]", "the payload is too large, or does not belong there"},
        {"[2 1 2 3 #16 #1 - 1 0]", "the payload is too large, or does not belong there"},
        {"[2 1 2 3 #16 #1 -]", "a field is missing"},
    };
    assert_refused(*state, bad, sizeof bad / sizeof bad[0]);
}

static void a_body_that_is_not_right_is_refused(void **state)
{
    static const struct bad bad[] = {
        {"[1 1 2 3 #16 #0 - -]", "a field is missing"},
        {"[1 1 2 3 #16 #0 - - 1]", "`wants cluster` is no boolean"},
        {"[3 1 2 3 #16 #1 - - 3 -]", "an unknown kind of want"},
        {"[3 1 2 3 #16 #1 - - 0 [0 1]]", "a tag where none is wanted"},
        {"[3 1 2 3 #16 #1 - - 2 -]", "the tag that is wanted is no tag"},
        {"[3 1 2 3 #16 #1 - - 2 [1 -1]]", "the tag that is wanted is no tag"},
        {"[3 1 2 3 #16 #1 - - 2 [1]]", "a field is missing"},
        {"[3 1 2 3 #16 #1 - - 2 [0 0]]", "the tag that is wanted is that of no write"},
        {"[4 1 2 3 #16 #1 - - 1]", "an entry is no array"},
        {"[4 1 2 3 #16 #1 - - [1 0 0 0 0]]", "an entry's tag is no tag"},
        {"[4 1 2 3 #16 #1 - - [[1 0] -1 0 0 0]]", "an entry's value digest is no number"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 0x100000000 0 0]]", "an entry's value bytes are no 32-bit number"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 0 0x100000000 0]]", "an entry's fragment checksum is no 32-bit number"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 0 0 0x100000000]]", "an entry's flags are no 32-bit number"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 0 0]]", "a field is missing"},
        {"[4 1 2 3 #16 #1 - - [[0 0] 0 0 0 0]]", "an entry has the tag of no write"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 16777217 0 0]]", "an entry's value is larger than any"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 0 0 4]]", "an entry has an unknown flag"},
        {"[4 1 2 3 #16 #1 - - [[1 0] 0 1 0 1]]", "an entry is deleted and has a value"},
        {"[5 1 2 3 #16 #1 - - -]", "the tag that is confirmed is no tag"},
        {"[5 1 2 3 #16 #1 - - [0 0]]", "the tag that is confirmed is that of no write"},
        {"[6 1 2 3 #16 #0 - - #1025 #0 1]", "the prefix is no bytes, or too long"},
        {"[6 1 2 3 #16 #0 - - #0 #1025 1]", "the place to start after is no bytes, or too long"},
        {"[6 1 2 3 #16 #0 - - #0 - 1]", "the place to start after is no bytes, or too long"},
        {"[6 1 2 3 #16 #0 - - #0 #0 -]", "the count of keys is no 32-bit number"},
        {"[6 1 2 3 #16 #0 - - #0 #0 0]", "a page of too many keys, or of none"},
        {"[6 1 2 3 #16 #0 - - #0 #0 1001]", "a page of too many keys, or of none"},
        {"[7 1 2 3 #16 #0 - - [[[[[[[[]]]]]]]]]", "nested too deeply"},
        {"[10 1 2 3 #16 #0 - -]", "a field is missing"},
        {"[10 1 2 3 #16 #0 - - 7]", "the ballot to be promised is no ballot"},
        {"[10 1 2 3 #16 #0 - - [1 -1]]", "the ballot to be promised is no ballot"},
        {"[10 1 2 3 #16 #0 - - [1]]", "a field is missing"},
        {"[10 1 2 3 #16 #0 - - [0 0]]", "the ballot to be promised is none"},
        {"[11 1 2 3 #16 #0 #1 - -]", "the ballot to accept under is no ballot"},
        {"[11 1 2 3 #16 #0 #1 - [0 0]]", "the ballot to accept under is none"},
        {"[15 1 2 3 #16 #1 - - -]", "an entry is no array"},
        {"[15 1 2 3 #16 #1 - - [[0 0] 0 0 0 0]]", "an entry has the tag of no write"},
        {"[15 1 2 3 #16 #1 - - [[1 0] 0 0 0 4]]", "an entry has an unknown flag"},
        {"[16 1 2 3 #16 #0 #1 - 0x100000000 f f 0]", "the slices to be moved are no 32-bit number"},
        {"[16 1 2 3 #16 #0 - - 0 0 f 0]", "`sets pace` is no boolean"},
        {"[16 1 2 3 #16 #0 - - 0 f - 0]", "`is paused` is no boolean"},
        {"[16 1 2 3 #16 #0 - - 0 f f -1]", "the bytes a second are no number"},
        {"[16 1 2 3 #16 #0 - - 0 f f]", "a field is missing"},
        {"[17 1 2 3 #16 #0 - - #2 1]", "the host's id is no text, or too long"},
        {"[17 1 2 3 #16 #0 - - \"01234567890123456789012345678901x\" 1]", "the host's id is no text, or too long"},
        {"[17 1 2 3 #16 #0 - - \"\" 1]", "the host's id is none"},
        {"[17 1 2 3 #16 #0 - - \"s/1\" 1]", "the host's id is none"},
        {"[17 1 2 3 #16 #0 - - \"s1\" -1]", "the incarnation is no number"},
        {"[17 1 2 3 #16 #0 - - \"s1\" 0]", "the incarnation is none"},
        {"[17 1 2 3 #16 #0 - - \"s1\"]", "a field is missing"},
    };
    assert_refused(*state, bad, sizeof bad / sizeof bad[0]);
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
        cmocka_unit_test(every_kind_arrives_as_it_was_sent),
        cmocka_unit_test(the_layout_is_as_documented),
        cmocka_unit_test(numbers_of_one_body_are_told_apart_by_their_places),
        cmocka_unit_test(what_is_right_is_accepted_also_with_unknown_trailing_fields),
        cmocka_unit_test(a_head_that_is_not_right_is_refused),
        cmocka_unit_test(a_body_that_is_not_right_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
