/*
 * Replies: there and back, against msgpack-c, and what must be refused.
 */
#include "wire/reply.h"

#include "tests/unit/wire/messages.h"
#include "tests/unit/wire/notation.h"
#include "wire/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <msgpack.h>

enum { ROOM_BYTES = 64 << 10 };

struct fixture {
    struct message_source source;
    uint8_t room[ROOM_BYTES];
};

/* All kinds, half of them OK, the others refused for every reason. */
static void random_nth_reply(struct fixture *fixture, unsigned nth, struct reply *reply)
{
    const enum message_kind kind = (enum message_kind)(1 + nth % MESSAGE_KIND_COUNT);
    const unsigned other = nth / (2 * MESSAGE_KIND_COUNT) % REPLY_STATUS_COUNT;
    const bool is_ok = nth / MESSAGE_KIND_COUNT % 2;
    random_reply(&fixture->source, kind, is_ok ? REPLY_OK : (enum reply_status)other, 1000, reply);
}

static void every_kind_arrives_as_it_was_sent(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 30000; round++) {
        struct reply sent;
        struct reply received;
        struct payload_seal seal;
        random_nth_reply(fixture, round, &sent);
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        reply_put(&writer, &sent);
        assert_false(writer.failed);
        struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
        reply_get(&reader, &received, &seal);
        assert_null(reader.why);
        assert_true(reader.at == reader.end);
        assert_int_equal(received.payload.bytes, sent.payload.bytes);
        received.payload = sent.payload;
        assert_reply_equal(&received, &sent);
        const bool is_sealed =
            sent.status == REPLY_OK &&
            (sent.kind == MESSAGE_HELLO || sent.kind == MESSAGE_LIST_KEYS || sent.kind == MESSAGE_STATUS);
        assert_int_equal(seal.is_there, is_sealed);
        assert_true(seal.sum == (is_sealed ? seal_of(sent.payload) : 0));
    }
}

/* The layout is a contract with other versions and other implementations. */
static void the_layout_is_as_documented(void **state)
{
    struct fixture *fixture = *state;
    msgpack_unpacked result;
    msgpack_unpacked_init(&result);
    for (unsigned round = 0; round < 5000; round++) {
        struct reply sent;
        random_reply(&fixture->source, MESSAGE_GET_DATA, REPLY_OK, 1000, &sent);
        struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
        reply_put(&writer, &sent);
        size_t offset = 0;
        assert_int_equal(msgpack_unpack_next(&result, (char *)writer.at, writer.used_bytes, &offset),
                         MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(offset, writer.used_bytes);
        assert_int_equal(result.data.via.array.size, 11);
        const msgpack_object *fields = result.data.via.array.ptr;
        assert_int_equal(fields[0].via.u64, 3);
        assert_true(fields[1].via.u64 == sent.op);
        assert_int_equal(fields[2].via.u64, sent.phase);
        assert_int_equal(fields[3].via.u64, 0);
        assert_int_equal(fields[4].via.u64, sent.next.status);
        assert_int_equal(fields[5].type, sent.next.status ? MSGPACK_OBJECT_BIN : MSGPACK_OBJECT_NIL);
        assert_int_equal(fields[6].type, sent.payload.bytes ? MSGPACK_OBJECT_POSITIVE_INTEGER : MSGPACK_OBJECT_NIL);
        assert_true(fields[7].via.array.ptr[0].via.u64 == sent.data.trimmed.z);
        assert_true(fields[8].via.array.ptr[1].via.u64 == sent.data.confirmed.w);
        assert_int_equal(fields[9].via.array.size, sent.data.entry_count);
        for (unsigned i = 0; i < sent.data.entry_count; i++) {
            const msgpack_object *entry = fields[9].via.array.ptr[i].via.array.ptr;
            assert_true(entry[0].via.array.ptr[1].via.u64 == sent.data.entries[i].tag.w);
            assert_int_equal(entry[4].via.u64, sent.data.entries[i].flags);
        }
        assert_int_equal(fields[10].type, sent.data.has_fragment ? MSGPACK_OBJECT_ARRAY : MSGPACK_OBJECT_NIL);
    }
    msgpack_unpacked_destroy(&result);
}

/* Fields of one type that changed places would go there and back unnoticed. */
static void numbers_of_one_body_are_told_apart_by_their_places(void **state)
{
    struct fixture *fixture = *state;
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, "[10 1 2 0 0 - - t [1 2] [3 4] #5] [16 1 2 0 0 - - 1 2 3 4 t 5 6]");
    struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
    struct reply reply;
    struct payload_seal seal;
    reply_get(&reader, &reply, &seal);
    assert_null(reader.why);
    assert_int_equal(reply.kind, MESSAGE_PREPARE);
    assert_true(reply.consensus.is_granted);
    assert_true(reply.consensus.promised.round == 1 && reply.consensus.promised.proposer == 2);
    assert_true(reply.consensus.accepted.round == 3 && reply.consensus.accepted.proposer == 4);
    assert_int_equal(reply.consensus.descriptor.bytes, 5);
    reply_get(&reader, &reply, &seal);
    assert_null(reader.why);
    assert_int_equal(reply.kind, MESSAGE_TRANSFER);
    assert_true(reply.transfer.slices_given == 1 && reply.transfer.slices_moved == 2);
    assert_true(reply.transfer.register_count == 3 && reply.transfer.bytes == 4);
    assert_true(reply.transfer.is_paused && reply.transfer.bytes_per_s == 5);
    assert_int_equal(reply.transfer.stuck_count, 6);
}

static const char *why_of(struct fixture *fixture, const char *notation)
{
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, notation);
    uint8_t *tight = malloc(writer.used_bytes);
    assert_non_null(tight);
    memcpy(tight, writer.at, writer.used_bytes);
    struct field_reader reader = field_reader_on(slice_borrow(tight, writer.used_bytes));
    struct reply reply;
    struct payload_seal seal;
    reply_get(&reader, &reply, &seal);
    assert_true(reader.at == reader.end);
    free(tight);
    return reader.why;
}

static void what_is_right_is_accepted_also_with_unknown_trailing_fields(void **state)
{
    static const char *const good[] = {
        "[1 0 0 0 0 - - \"s1\" 0 0 0 0]",
        "[1 1 2 0 1 #1 262144 \"0123456789012345678901234567890-\" 0xffffffffffffffff 0xffffffff 0xffffffff 9]",
        "[1 1 2 0 1 #8192 1 \"s1\" 0 0 0 0xffffffffffffffff -7 ~ ! \"new\" [[]] {}]",
        "[2 1 2 0 0 - - [0 0] t]",
        "[2 1 2 0 0 - - [0 0 1] f 7]",
        "[3 1 2 0 0 - - [0 0] [0 0] [] -]",
        "[3 1 2 0 0 - - [0 0] [0 0] [] [0 0]]",
        "[3 1 2 0 0 - 16777216 [0 0] [0 0] [] [1 0] 7]",
        "[3 1 2 0 0 - - [1 0] [2 0] [[[0 1] 0 0 0 0] [[1 0] 0 0 0 1 7] [[1 1] 9 8 7 0]] -]",
        "[4 1 2 0 0 - -]",
        "[5 1 2 0 0 - -]",
        "[6 1 2 0 0 - - t 9]",
        "[6 1 2 0 0 - 262144 f 9 7]",
        "[7 1 2 0 0 - 65536 9]",
        "[8 1 2 0 0 - -]",
        "[8 1 2 0 1 #8192 - 7]",
        "[9 1 2 0 1 #1 -]",
        "[10 1 2 0 0 - - t [0 0] [0 0] -]",
        "[10 1 2 0 1 #1 - f [0 1] [1 0] #8192 7]",
        "[11 1 2 0 0 - - t [0xffffffffffffffff 0xffffffffffffffff] [0 0] -]",
        "[11 1 2 0 0 - - f [0 0 1] [0 1 2] #1]",
        "[12 1 2 0 0 - -]",
        "[13 1 2 0 0 - -]",
        "[14 1 2 0 2 #1 -]",
        "[14 1 2 1 0 - -]",
        "[15 1 2 0 1 #1 - t]",
        "[15 1 2 0 0 - - f 7]",
        "[16 1 2 0 0 - - 0 0 0 0 f 0 0]",
        "[16 1 2 0 0 - - 1 2 0xffffffffffffffff 0xffffffffffffffff t 0xffffffffffffffff 0xffffffff 7]",
        "[17 1 2 0 0 - -]",
        "[17 1 2 5 0 - -]",
        "[3 1 2 1 0 - -]",
        "[3 1 2 1 2 #1 -]",
        "[3 1 2 2 2 #1 -]",
        "[3 1 2 3 1 #1 - 7]",
        "[3 1 2 6 0 - -]",
        "[3 1 2 7 0 - - \"s1\" 0 1 1]",
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
        {"7", "a reply is no array"},
        {"[]", "a field is missing"},
        {"[- 1 2 0 0 - -]", "the kind of a reply is no number"},
        {"[0 1 2 0 0 - -]", "an unknown kind of reply"},
        {"[18 1 2 0 0 - -]", "an unknown kind of reply"},
        {"[255 1 2 0 0 - -]", "an unknown kind of reply"},
        {"[255 1 2 6 0 - -]", "an unknown kind of reply"},
        {"[0x100000004 1 2 0 0 - -]", "an unknown kind of reply"},
        {"[4 -1 2 0 0 - -]", "the operation is no number"},
        {"[4 1 0x100000000 0 0 - -]", "the phase is no 32-bit number"},
        {"[4 1 2 8 0 - -]", "an unknown status"},
        {"[4 1 2 0 3 #1 -]", "an unknown status of next"},
        {"[4 1 2 0 1 - -]", "a next without its descriptor, or a descriptor without its next"},
        {"[4 1 2 0 0 #1 -]", "a next without its descriptor, or a descriptor without its next"},
        {"[4 1 2 0 1 #8193 -]", "next's descriptor is none, or too long"},
        {"[4 1 2 0 1 #0 -]", "next's descriptor is none, or too long"},
        {"[4 1 2 0 1 \"x\" -]", "next's descriptor is none, or too long"},
        {"[4 1 2 2 0 - -]", "retired, but by no finalized configuration"},
        {"[4 1 2 2 1 #1 -]", "retired, but by no finalized configuration"},
        {"[4 1 2 1 1 #1 -]", "a pending successor of an unknown configuration"},
        {"[4 1 2 0 2 #1 -]", "superseded by a finalized configuration, but not retired"},
        {"[8 1 2 0 2 #1 -]", "superseded by a finalized configuration, but not retired"},
        {"[13 1 2 0 2 #1 -]", "superseded by a finalized configuration, but not retired"},
        {"[14 1 2 0 0 - -]", "a hint at no finalized configuration"},
        {"[14 1 2 0 1 #1 -]", "a hint at no finalized configuration"},
        {"[3 1 2 0 0 - 0 [0 0] [0 0] [] [0 0]]", "the payload's size is none"},
        {"[3 1 2 0 0 - 16777217 [0 0] [0 0] [] [1 0]]", "the payload is too large, or does not belong there"},
        {"[1 1 2 0 0 - 262145 \"s1\" 0 0 0 9]", "the payload is too large, or does not belong there"},
        {"[2 1 2 0 0 - 1 [0 0] t]", "the payload is too large, or does not belong there"},
        {"[4 1 2 0 0 - 1]", "the payload is too large, or does not belong there"},
        {"[6 1 2 0 0 - 262145 t 9]", "the payload is too large, or does not belong there"},
        {"[7 1 2 0 0 - 65537 9]", "the payload is too large, or does not belong there"},
        {"[10 1 2 0 0 - 1 t [0 0] [0 0] -]", "the payload is too large, or does not belong there"},
        {"[3 1 2 3 0 - 1]", "the payload is too large, or does not belong there"},
        {"[7 1 2 7 0 - 1 \"s1\" 0 0 0]", "the payload is too large, or does not belong there"},
        {"[4 1 2 0 0 -]", "a field is missing"},
    };
    assert_refused(*state, bad, sizeof bad / sizeof bad[0]);
}

static void a_body_that_is_not_right_is_refused(void **state)
{
    static const struct bad bad[] = {
        {"[1 1 2 0 0 - - \"s1\" 0 0]", "a field is missing"},
        {"[1 1 2 0 0 - - #2 0 0 0 9]", "the host's id is no text, or too long"},
        {"[1 1 2 0 0 - - \"\" 0 0 0 9]", "the host's id is none"},
        {"[1 1 2 0 0 - - \"s/1\" 0 0 0 9]", "the host's id is none"},
        {"[1 1 2 0 0 - - \"01234567890123456789012345678901x\" 0 0 0 9]", "the host's id is no text, or too long"},
        {"[1 1 2 0 0 - - \"s1\" - 0 0 9]", "the incarnation is no number"},
        {"[1 1 2 0 0 - - \"s1\" 0 -1 0 9]", "the lowest version is no 32-bit number"},
        {"[1 1 2 0 0 - - \"s1\" 0 0 0x100000000 9]", "the highest version is no 32-bit number"},
        {"[4 1 2 7 0 - -]", "a field is missing"},
        {"[2 1 2 0 0 - - - t]", "the newest tag is no tag"},
        {"[2 1 2 0 0 - - [0 0] 1]", "`is full` is no boolean"},
        {"[3 1 2 0 0 - - - [0 0] [] -]", "the trimmed tag is no tag"},
        {"[3 1 2 0 0 - - [0 0] - [] -]", "the confirmed tag is no tag"},
        {"[3 1 2 0 0 - - [0 0] [0 0] - -]", "the entries are no array"},
        {"[3 1 2 0 0 - - [0 0] [0 0] {} -]", "the entries are no array"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [7] -]", "an entry is no array"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [[[0 0] 0 0 0 0]] -]", "an entry has the tag of no write"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [[[1 0] 0 0 0 0] [[1 0] 0 0 0 0]] -]",
         "the entries are not in the order of their tags"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [[[1 1] 0 0 0 0] [[2 0] 0 0 0 0] [[1 2] 0 0 0 0]] -]",
         "the entries are not in the order of their tags"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [[[1 0] 0 0 0 0] [[2 0] 0 0 0 8]] -]", "an entry has an unknown flag"},
        {"[3 1 2 0 0 - - [0 0] [0 0] [] 7]", "the fragment's tag is no tag"},
        {"[3 1 2 0 0 - - [0 0] [0 0] []]", "a field is missing"},
        {"[3 1 2 0 0 - 1 [0 0] [0 0] [] -]", "a fragment of no tag"},
        {"[6 1 2 0 0 - - - 9]", "`has more` is no boolean"},
        {"[1 1 2 0 0 - - \"s1\" 0 0 0]", "a field is missing"},
        {"[6 1 2 0 0 - - t -]", "the payload's checksum is no number"},
        {"[7 1 2 0 0 - 1 #8]", "the payload's checksum is no number"},
        {"[7 1 2 0 0 - -]", "a field is missing"},
        {"[4 1 2 0 0 - - [[[[[[[[]]]]]]]]]", "nested too deeply"},
        {"[10 1 2 0 0 - -]", "a field is missing"},
        {"[10 1 2 0 0 - - 1 [0 0] [0 0] -]", "`is granted` is no boolean"},
        {"[10 1 2 0 0 - - t - [0 0] -]", "what was promised is no ballot"},
        {"[10 1 2 0 0 - - t [0 0] 0 -]", "what was accepted is no ballot"},
        {"[10 1 2 0 0 - - t [0 0] [0 1] 0]", "the descriptor that was accepted is none, or too long"},
        {"[10 1 2 0 0 - - t [0 0] [0 1] #0]", "the descriptor that was accepted is none, or too long"},
        {"[11 1 2 0 0 - - t [0 0] [0 1] #8193]", "the descriptor that was accepted is none, or too long"},
        {"[10 1 2 0 0 - - t [0 0] [0 1] -]",
         "a descriptor that was accepted under no ballot, or a ballot under which none was"},
        {"[11 1 2 0 0 - - t [0 0] [0 0] #1]",
         "a descriptor that was accepted under no ballot, or a ballot under which none was"},
        {"[15 1 2 0 0 - - 1]", "`is adopted` is no boolean"},
        {"[16 1 2 0 0 - - 0x100000000 0 0 0 f 0 0]", "the slices that were given are no 32-bit number"},
        {"[16 1 2 0 0 - - 0 0x100000000 0 0 f 0 0]", "the slices that were moved are no 32-bit number"},
        {"[16 1 2 0 0 - - 0 0 -1 0 f 0 0]", "the count of registers is no number"},
        {"[16 1 2 0 0 - - 0 0 0 - f 0 0]", "the bytes that were moved are no number"},
        {"[16 1 2 0 0 - - 0 0 0 0 0 0 0]", "`is paused` is no boolean"},
        {"[16 1 2 0 0 - - 0 0 0 0 f - 0]", "the bytes a second are no number"},
        {"[16 1 2 0 0 - - 0 0 0 0 f 0 0x100000000]", "the count of stuck registers is no 32-bit number"},
        {"[16 1 2 0 0 - - 0 0 0 0 f 0]", "a field is missing"},
    };
    assert_refused(*state, bad, sizeof bad / sizeof bad[0]);
}

/* As many as there may be, and one more. */
static void entries_are_limited(void **state)
{
    char notation[4096];
    for (unsigned count = ENTRY_COUNT_MAX; count <= ENTRY_COUNT_MAX + 1; count++) {
        int bytes = snprintf(notation, sizeof notation, "[3 1 2 0 0 - - [0 0] [0 0] [");
        for (unsigned i = 1; i <= count; i++)
            bytes += snprintf(notation + bytes, sizeof notation - (size_t)bytes, "[[%u 0] 0 0 0 0]", i);
        snprintf(notation + bytes, sizeof notation - (size_t)bytes, "] -]");
        const char *why = why_of(*state, notation);
        if (count == ENTRY_COUNT_MAX)
            assert_null(why);
        else
            assert_string_equal(why, "too many entries");
    }
}

static void a_host_id_that_hides_letters_behind_a_nul_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, "[1 1 2 0 0 - - \"s1xy\" 0 0 0]");
    uint8_t *letter = memmem(fixture->room, writer.used_bytes, "s1xy", 4);
    assert_non_null(letter);
    letter[2] = 0;
    struct field_reader reader = field_reader_on(slice_borrow(writer.at, writer.used_bytes));
    struct reply reply;
    struct payload_seal seal;
    reply_get(&reader, &reply, &seal);
    assert_string_equal(reader.why, "the host's id is none");
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
        cmocka_unit_test(entries_are_limited),
        cmocka_unit_test(a_host_id_that_hides_letters_behind_a_nul_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
