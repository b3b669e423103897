/*
 * Damage on the way: whatever bit of a header, or of a payload that is no fragment, is flipped, nobody believes it.
 */
#include "wire/seal.h"

#include "tests/unit/wire/messages.h"
#include "wire/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of a descriptor: with whole ones, headers would be so long that flipping each of their bits takes long. */
enum { DESCRIPTOR_BYTES_MAX = 300 };

static const char header_is_damaged[] = "the header does not match its checksum";
static const char payload_is_damaged[] = "a payload does not match its checksum";

struct fixture {
    struct message_source source;
    struct packet_writer *writer;
    struct packet packet;
};

/* ---------------------------------------------------------------- the seal itself */

/* The sums are those of Debian's libxxhash. */
static void the_seal_is_xxh3_big_endian(void **state)
{
    (void)state;
    static const uint8_t sealed_nothing[] = {0x2d, 0x06, 0x80, 0x05, 0x38, 0xd3, 0x94, 0xc2};
    static const uint8_t sealed_areg[] = {'a', 'r', 'e', 'g', 0x9e, 0x74, 0xaa, 0x88, 0x6c, 0xd9, 0x88, 0xaf};
    uint8_t room[4 + SEAL_BYTES] = "areg";
    seal_put(room, 4);
    assert_memory_equal(room, sealed_areg, sizeof sealed_areg);
    seal_put(room, 0);
    assert_memory_equal(room, sealed_nothing, sizeof sealed_nothing);
    assert_true(seal_of((struct slice){0}) == UINT64_C(0x2d06800538d394c2));
}

/* Of all lengths, because XXH3 goes about short, medium and long inputs in different ways. */
static void any_flipped_bit_breaks_the_seal_of_any_length(void **state)
{
    struct fixture *fixture = *state;
    uint8_t room[600 + SEAL_BYTES];
    for (size_t bytes = 0; bytes <= sizeof room - SEAL_BYTES; bytes++) {
        memcpy(room, buffer_at(fixture->source.memory) + bytes, bytes);
        seal_put(room, bytes);
        struct slice header = slice_borrow(room, bytes + SEAL_BYTES);
        assert_null(seal_take(&header));
        assert_int_equal(header.bytes, bytes);
        for (size_t bit = 0; bit < 8 * (bytes + SEAL_BYTES); bit++) {
            room[bit / 8] ^= (uint8_t)(1 << bit % 8);
            header.bytes = bytes + SEAL_BYTES;
            assert_string_equal(seal_take(&header), header_is_damaged);
            room[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

/* ---------------------------------------------------------------- headers */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* A packet of `count` messages of one kind, of requests or of replies that are OK, but for one in the middle. */
static void write_messages(struct fixture *fixture, enum message_kind kind, bool is_request, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (is_request) {
            struct request request;
            random_request(&fixture->source, kind, 100, &request);
            assert_int_equal(packet_add_request(fixture->writer, &request), AREG_OK);
        } else {
            struct reply reply;
            const enum reply_status other = (enum reply_status)random_below(&fixture->source.random, REPLY_VERSION + 1);
            random_reply(&fixture->source, kind, i == 1 ? other : REPLY_OK, 100, &reply);
            assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
        }
    }
    packet_take(fixture->writer, &fixture->packet);
}

/* Of all sizes around that at which the room for a header grows. */
static void a_header_of_any_size_has_room_for_its_seal(void **state)
{
    struct fixture *fixture = *state;
    size_t room_bytes_least = SIZE_MAX;
    size_t room_bytes_most = 0;
    for (size_t bytes = 900; bytes < 1100; bytes++) {
        struct reply reply = {.kind = MESSAGE_CONFIRM, .next.status = LINK_PENDING};
        reply.next.descriptor = slice_of(fixture->source.memory, 0, bytes);
        assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
        packet_take(fixture->writer, &fixture->packet);
        const size_t room_bytes = buffer_bytes(fixture->packet.header.owner);
        assert_true(fixture->packet.header.bytes <= room_bytes);
        room_bytes_least = least(room_bytes_least, room_bytes);
        room_bytes_most = room_bytes > room_bytes_most ? room_bytes : room_bytes_most;
        packet_fini(&fixture->packet);
    }
    assert_true(room_bytes_least < room_bytes_most);
}

static void assert_refused(const struct packet *packet, const char *why)
{
    struct packet_reader reader;
    struct request request;
    struct reply reply;
    uint32_t version = 99;
    assert_int_equal(packet_open(&reader, packet, &version), AREG_EINVAL);
    assert_int_equal(version, 0);
    assert_string_equal(packet_why(&reader), why);
    assert_int_equal(packet_next_request(&reader, &request), AREG_EINVAL);
    assert_int_equal(packet_next_reply(&reader, &reply), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), why);
}

static void any_flipped_bit_of_a_header_of_any_kind_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned nth = 0; nth < 4 * MESSAGE_KIND_COUNT; nth++) {
        const enum message_kind kind = (enum message_kind)(1 + nth % MESSAGE_KIND_COUNT);
        write_messages(fixture, kind, nth / MESSAGE_KIND_COUNT % 2, nth / MESSAGE_KIND_COUNT < 2 ? 1 : 3);
        uint8_t *header = buffer_at(fixture->packet.header.owner);
        for (size_t bit = 0; bit < 8 * fixture->packet.header.bytes; bit++) {
            header[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_refused(&fixture->packet, header_is_damaged);
            header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        uint32_t version;
        struct packet_reader reader;
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        packet_fini(&fixture->packet);
    }
}

static void a_header_that_was_cut_or_extended_is_refused(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned nth = 0; nth < 2 * MESSAGE_KIND_COUNT; nth++) {
        write_messages(fixture, (enum message_kind)(1 + nth % MESSAGE_KIND_COUNT), nth < MESSAGE_KIND_COUNT, 3);
        const struct slice whole = fixture->packet.header;
        struct packet other = fixture->packet;
        for (size_t bytes = 0; bytes < whole.bytes; bytes++) {
            uint8_t *tight = malloc(bytes + !bytes);
            assert_non_null(tight);
            memcpy(tight, whole.at, bytes);
            other.header = slice_borrow(tight, bytes);
            assert_refused(&other, bytes < SEAL_BYTES ? "the header is shorter than its checksum" : header_is_damaged);
            free(tight);
        }
        uint8_t *longer = malloc(whole.bytes + 1);
        assert_non_null(longer);
        memcpy(longer, whole.at, whole.bytes);
        for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
            longer[whole.bytes] = (uint8_t)byte;
            other.header = slice_borrow(longer, whole.bytes + 1);
            assert_refused(&other, header_is_damaged);
        }
        free(longer);
        packet_fini(&fixture->packet);
    }
}

/* ---------------------------------------------------------------- payloads */

/* A small reply, and behind it one with a payload of this kind. The payload is the caller's to change. */
static struct buffer *write_payload(struct fixture *fixture, enum message_kind kind, size_t bytes)
{
    struct buffer *payload = buffer_create(bytes);
    assert_non_null(payload);
    memcpy(buffer_at(payload), buffer_at(fixture->source.memory), bytes);
    const struct reply first = {.kind = MESSAGE_CONFIRM};
    struct reply reply = {.kind = kind, .payload = slice_of(payload, 0, bytes)};
    if (kind == MESSAGE_HELLO)
        reply.hello.host = (struct host_id){"s1"};
    if (kind == MESSAGE_GET_DATA)
        reply.data = (struct data_reply){.has_fragment = true, .fragment_tag = {1, 1}};
    assert_int_equal(packet_add_reply(fixture->writer, &first), AREG_OK);
    assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
    packet_take(fixture->writer, &fixture->packet);
    return payload;
}

/* Reads all there is: how reading the reply with the payload ended. */
static enum areg_error read_payload(const struct packet *packet, struct packet_reader *reader)
{
    struct reply reply;
    uint32_t version;
    assert_int_equal(packet_open(reader, packet, &version), AREG_OK);
    assert_int_equal(packet_next_reply(reader, &reply), AREG_OK);
    const enum areg_error error = packet_next_reply(reader, &reply);
    assert_int_equal(packet_next_reply(reader, &reply), error == AREG_OK ? AREG_ENOTFOUND : error);
    return error;
}

/* Every bit of short ones; of the longest, about 500 bits and the last one. */
static void any_flipped_bit_of_a_payload_that_is_no_fragment_is_refused(void **state)
{
    static const struct {
        enum message_kind kind;
        size_t bytes_max;
    } cases[] = {
        {MESSAGE_HELLO, CLUSTER_ENCODED_BYTES_MAX},
        {MESSAGE_LIST_KEYS, KEY_PAGE_BYTES_MAX},
        {MESSAGE_STATUS, STATUS_BYTES_MAX},
    };
    struct fixture *fixture = *state;
    struct packet_reader reader;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t sizes[] = {1, 2, 5, 16, 64, 240, 241, 1500, cases[i].bytes_max};
        for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            struct buffer *payload = write_payload(fixture, cases[i].kind, sizes[j]);
            const size_t bit_count = 8 * sizes[j];
            const size_t step = sizes[j] == cases[i].bytes_max ? bit_count / 500 : 1;
            for (size_t bit = bit_count - 1; bit < bit_count; bit -= step) {
                buffer_at(payload)[bit / 8] ^= (uint8_t)(1 << bit % 8);
                assert_int_equal(read_payload(&fixture->packet, &reader), AREG_EINVAL);
                assert_string_equal(packet_why(&reader), payload_is_damaged);
                buffer_at(payload)[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
            assert_int_equal(read_payload(&fixture->packet, &reader), AREG_OK);
            packet_fini(&fixture->packet);
            buffer_unref(payload);
        }
    }
}

static void payloads_that_changed_places_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct packet_reader reader;
    struct reply reply = {.kind = MESSAGE_LIST_KEYS};
    for (unsigned i = 0; i < 2; i++) {
        reply.payload = slice_of(fixture->source.memory, 100 * i, 100);
        assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
    }
    packet_take(fixture->writer, &fixture->packet);
    const struct slice first = fixture->packet.payloads[0];
    fixture->packet.payloads[0] = fixture->packet.payloads[1];
    fixture->packet.payloads[1] = first;
    uint32_t version;
    assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
    assert_int_equal(packet_next_reply(&reader, &reply), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), payload_is_damaged);
    packet_fini(&fixture->packet);
}

/* They are the largest part of all that travels, and whoever uses them compares: hashing them here would be twice. */
static void a_fragment_is_left_to_its_own_checksum(void **state)
{
    struct fixture *fixture = *state;
    struct packet_reader reader;
    struct buffer *payload = write_payload(fixture, MESSAGE_GET_DATA, 1000);
    buffer_at(payload)[500] ^= 1;
    assert_int_equal(read_payload(&fixture->packet, &reader), AREG_OK);
    packet_fini(&fixture->packet);
    buffer_unref(payload);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    message_source_init(&fixture->source);
    fixture->source.descriptor_bytes_max = DESCRIPTOR_BYTES_MAX;
    fixture->writer = packet_writer_create();
    assert_non_null(fixture->writer);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    packet_writer_destroy(fixture->writer);
    message_source_fini(&fixture->source);
    free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_seal_is_xxh3_big_endian),
        cmocka_unit_test(any_flipped_bit_breaks_the_seal_of_any_length),
        cmocka_unit_test(a_header_of_any_size_has_room_for_its_seal),
        cmocka_unit_test(any_flipped_bit_of_a_header_of_any_kind_is_refused),
        cmocka_unit_test(a_header_that_was_cut_or_extended_is_refused),
        cmocka_unit_test(any_flipped_bit_of_a_payload_that_is_no_fragment_is_refused),
        cmocka_unit_test(payloads_that_changed_places_are_refused),
        cmocka_unit_test(a_fragment_is_left_to_its_own_checksum),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
