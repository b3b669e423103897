/*
 * Packets: many messages and their payloads there and back, the limits of a packet, and bytes that lie.
 */
#include "wire/packet.h"

#include "tests/unit/wire/messages.h"
#include "tests/unit/wire/notation.h"
#include "wire/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM_BYTES = 64 << 10, BATCH_COUNT_MAX = PACKET_MESSAGE_COUNT_MAX };

struct fixture {
    struct message_source source;
    struct packet_writer *writer;
    struct packet packet;
    unsigned message_count;
    struct request requests[BATCH_COUNT_MAX];
    struct reply replies[BATCH_COUNT_MAX];
    uint8_t room[ROOM_BYTES];
};

/* Allocations of buffers until one fails; less than 0: none fails. (The linker puts this in the place of the C
 * library's function: see CMakeLists.txt.) */
static int allocations_left = -1;

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    allocations_left -= allocations_left > 0;
    return __real_aligned_alloc(alignment, bytes);
}

static size_t random_count(struct fixture *fixture, size_t max)
{
    return 1 + random_below(&fixture->source.random, max);
}

/* Up to `count` messages are written, or as many as fit, and the packet is taken. */
static void write_requests(struct fixture *fixture, unsigned count)
{
    fixture->message_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const enum message_kind kind = (enum message_kind)random_count(fixture, MESSAGE_KIND_COUNT);
        random_request(&fixture->source, kind, 2000, &fixture->requests[i]);
        const enum areg_error error = packet_add_request(fixture->writer, &fixture->requests[i]);
        if (error == AREG_EBUSY)
            break;
        assert_int_equal(error, AREG_OK);
        assert_int_equal(packet_message_count(fixture->writer), ++fixture->message_count);
    }
    packet_take(fixture->writer, &fixture->packet);
    assert_int_equal(packet_message_count(fixture->writer), 0);
}

static void write_replies(struct fixture *fixture, unsigned count)
{
    fixture->message_count = 0;
    for (unsigned i = 0; i < count; i++) {
        const enum message_kind kind = (enum message_kind)random_count(fixture, MESSAGE_KIND_COUNT);
        const bool is_ok = random_below(&fixture->source.random, 2);
        const enum reply_status status = is_ok ? REPLY_OK : (enum reply_status)random_count(fixture, REPLY_VERSION);
        random_reply(&fixture->source, kind, status, 2000, &fixture->replies[i]);
        const enum areg_error error = packet_add_reply(fixture->writer, &fixture->replies[i]);
        if (error == AREG_EBUSY)
            break;
        assert_int_equal(error, AREG_OK);
        fixture->message_count++;
    }
    packet_take(fixture->writer, &fixture->packet);
}

static void requests_arrive_as_they_were_sent(void **state)
{
    struct fixture *fixture = *state;
    struct packet_reader reader;
    struct request received;
    uint32_t version;
    for (unsigned round = 0; round < 300; round++) {
        write_requests(fixture, (unsigned)random_count(fixture, BATCH_COUNT_MAX));
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        assert_int_equal(version, PROTOCOL_VERSION);
        for (unsigned i = 0; i < fixture->message_count; i++) {
            assert_int_equal(packet_next_request(&reader, &received), AREG_OK);
            assert_request_equal(&received, &fixture->requests[i]);
            assert_ptr_equal(received.payload.owner, received.payload.bytes ? fixture->source.memory : NULL);
        }
        assert_int_equal(packet_next_request(&reader, &received), AREG_ENOTFOUND);
        assert_int_equal(packet_next_request(&reader, &received), AREG_ENOTFOUND);
        assert_string_equal(packet_why(&reader), "nothing is wrong");
        packet_fini(&fixture->packet);
    }
}

static void replies_arrive_as_they_were_sent(void **state)
{
    struct fixture *fixture = *state;
    struct packet_reader reader;
    struct reply received;
    uint32_t version;
    for (unsigned round = 0; round < 300; round++) {
        write_replies(fixture, (unsigned)random_count(fixture, BATCH_COUNT_MAX));
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        for (unsigned i = 0; i < fixture->message_count; i++) {
            assert_int_equal(packet_next_reply(&reader, &received), AREG_OK);
            assert_reply_equal(&received, &fixture->replies[i]);
            assert_ptr_equal(received.payload.owner, received.payload.bytes ? fixture->source.memory : NULL);
        }
        assert_int_equal(packet_next_reply(&reader, &received), AREG_ENOTFOUND);
        packet_fini(&fixture->packet);
    }
}

static void a_small_request_has_a_small_header(void **state)
{
    struct fixture *fixture = *state;
    struct request request = {.kind = MESSAGE_GET_DATA, .op = 1000000, .phase = 2, .shard = 3};
    request.key = slice_borrow("user/0123456789/profile", 23);
    assert_int_equal(packet_add_request(fixture->writer, &request), AREG_OK);
    packet_take(fixture->writer, &fixture->packet);
    assert_in_range(fixture->packet.header.bytes, 50, 80);
    packet_fini(&fixture->packet);
}

/* ---------------------------------------------------------------- limits */

static void a_packet_is_full_at_its_count_of_messages(void **state)
{
    struct fixture *fixture = *state;
    struct request request = {.kind = MESSAGE_STATUS};
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PACKET_MESSAGE_COUNT_MAX; i++)
            assert_int_equal(packet_add_request(fixture->writer, &request), AREG_OK);
        assert_int_equal(packet_add_request(fixture->writer, &request), AREG_EBUSY);
        assert_int_equal(packet_message_count(fixture->writer), PACKET_MESSAGE_COUNT_MAX);
        packet_take(fixture->writer, &fixture->packet);
        packet_fini(&fixture->packet);
    }
}

static void a_packet_is_full_at_its_size_of_payloads(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *large = buffer_create(AREG_VALUE_BYTES_MAX);
    assert_non_null(large);
    struct request request = {.kind = MESSAGE_PUT_DATA, .key = slice_borrow("k", 1)};
    request.put_data.entry = (struct entry){.tag = {1, 1}, .value_bytes = AREG_VALUE_BYTES_MAX};
    request.payload = slice_of(large, 0, AREG_VALUE_BYTES_MAX);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < PACKET_PAYLOAD_BYTES_MAX / AREG_VALUE_BYTES_MAX; i++)
            assert_int_equal(packet_add_request(fixture->writer, &request), AREG_OK);
        struct request one_byte = request;
        one_byte.payload = slice_of(large, 0, 1);
        assert_int_equal(packet_add_request(fixture->writer, &one_byte), AREG_EBUSY);
        struct request empty = request;
        empty.payload = (struct slice){0};
        assert_int_equal(packet_add_request(fixture->writer, &empty), AREG_OK);
        packet_take(fixture->writer, &fixture->packet);
        struct packet_reader reader;
        uint32_t version;
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        packet_fini(&fixture->packet);
    }
    buffer_unref(large);
}

static void fragments_that_are_answered_fill_a_packet_sooner_than_those_that_are_put(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *large = buffer_create(AREG_VALUE_BYTES_MAX);
    assert_non_null(large);
    struct reply reply = {.kind = MESSAGE_GET_DATA,
                          .data = {.entry_count = 1, .has_fragment = true, .fragment_tag = {1, 1}}};
    reply.data.entries[0] = (struct entry){.tag = {1, 1}, .value_bytes = AREG_VALUE_BYTES_MAX};
    for (unsigned round = 0; round < 2; round++) {
        /* The largest fragment goes along with whatever has none, but with no other. */
        const struct reply empty = {.kind = MESSAGE_GET_DATA};
        assert_int_equal(packet_add_reply(fixture->writer, &empty), AREG_OK);
        reply.payload = slice_of(large, 0, AREG_VALUE_BYTES_MAX);
        assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
        reply.payload = slice_of(large, 0, 1);
        assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_EBUSY);
        packet_take(fixture->writer, &fixture->packet);
        packet_fini(&fixture->packet);

        reply.payload = slice_of(large, 0, PACKET_REPLY_PAYLOAD_BYTES / 4);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_OK);
        reply.payload = slice_of(large, 0, 1);
        assert_int_equal(packet_add_reply(fixture->writer, &reply), AREG_EBUSY);
        packet_take(fixture->writer, &fixture->packet);
        assert_int_equal(fixture->packet.payload_count, 4);
        packet_fini(&fixture->packet);
    }
    buffer_unref(large);
}

static void a_packet_is_full_at_its_size_of_header(void **state)
{
    struct fixture *fixture = *state;
    struct reply reply = {.kind = MESSAGE_PUT_DATA, .next.status = LINK_PENDING};
    reply.next.descriptor = slice_of(fixture->source.memory, 0, CONFIG_ENCODED_BYTES_MAX);
    for (unsigned round = 0; round < 2; round++) {
        unsigned count = 0;
        enum areg_error error;
        while ((error = packet_add_reply(fixture->writer, &reply)) == AREG_OK)
            count++;
        assert_int_equal(error, AREG_EBUSY);
        assert_int_equal(packet_message_count(fixture->writer), count);
        assert_int_equal(count, (PACKET_HEADER_BYTES_MAX - 7 - SEAL_BYTES) / (CONFIG_ENCODED_BYTES_MAX + 10));
        packet_take(fixture->writer, &fixture->packet);
        assert_in_range(fixture->packet.header.bytes, PACKET_HEADER_BYTES_MAX - CONFIG_ENCODED_BYTES_MAX - 10,
                        PACKET_HEADER_BYTES_MAX);
        struct packet_reader reader;
        uint32_t version;
        struct reply received;
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        while (packet_next_reply(&reader, &received) == AREG_OK)
            count--;
        assert_int_equal(count, 0);
        packet_fini(&fixture->packet);
    }
}

/* The message with the most bytes in the header, of each direction. */
static void the_largest_message_fits_a_packet(void **state)
{
    struct fixture *fixture = *state;
    struct buffer *memory = fixture->source.memory;
    const struct ballot ballot = {UINT64_MAX, UINT64_MAX};
    struct request request = {.kind = MESSAGE_ACCEPT, .op = UINT64_MAX, .phase = UINT32_MAX, .shard = UINT32_MAX};
    request.descriptor = slice_of(memory, 0, CONFIG_ENCODED_BYTES_MAX);
    request.accept.ballot = ballot;
    assert_int_equal(packet_add_request(fixture->writer, &request), AREG_OK);
    packet_take(fixture->writer, &fixture->packet);
    packet_fini(&fixture->packet);

    struct reply *reply = &fixture->replies[0];
    *reply = (struct reply){.kind = MESSAGE_PREPARE, .op = UINT64_MAX, .phase = UINT32_MAX};
    reply->next = (struct link){LINK_PENDING, request.descriptor};
    reply->consensus = (struct consensus_reply){false, ballot, ballot, request.descriptor};
    assert_int_equal(packet_add_reply(fixture->writer, reply), AREG_OK);
    packet_take(fixture->writer, &fixture->packet);
    assert_true(fixture->packet.header.bytes > 2 * CONFIG_ENCODED_BYTES_MAX);
    packet_fini(&fixture->packet);
}

static void a_destroyed_writer_drops_the_references_it_holds(void **state)
{
    (void)state;
    struct packet_writer *writer = packet_writer_create();
    assert_non_null(writer);
    struct buffer *payload = buffer_create(10);
    struct reply reply = {.kind = MESSAGE_STATUS, .payload = slice_of(payload, 0, 10)};
    assert_int_equal(packet_add_reply(writer, &reply), AREG_OK);
    buffer_unref(payload); /* the last reference is the writer's: a leak check sees it if it stays */
    packet_writer_destroy(writer);
    packet_writer_destroy(NULL);
}

/* Each message is tried again when the memory is back: what arrives must be all of them, once. */
static void a_message_for_which_there_is_no_memory_leaves_the_packet_as_it_was(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned round = 0; round < 50; round++) {
        unsigned refused_count = 0;
        for (unsigned i = 0; i < 30; i++) {
            random_reply(&fixture->source, MESSAGE_GET_DATA, REPLY_OK, 2000, &fixture->replies[i]);
            allocations_left = 0;
            enum areg_error error = packet_add_reply(fixture->writer, &fixture->replies[i]);
            allocations_left = -1;
            if (error != AREG_OK) {
                assert_int_equal(error, AREG_ENOMEM);
                assert_int_equal(packet_message_count(fixture->writer), i);
                error = packet_add_reply(fixture->writer, &fixture->replies[i]);
                refused_count++;
            }
            assert_int_equal(error, AREG_OK);
        }
        assert_true(refused_count > 1);
        packet_take(fixture->writer, &fixture->packet);
        struct packet_reader reader;
        struct reply received;
        uint32_t version;
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        for (unsigned i = 0; i < 30; i++) {
            assert_int_equal(packet_next_reply(&reader, &received), AREG_OK);
            assert_reply_equal(&received, &fixture->replies[i]);
        }
        assert_int_equal(packet_next_reply(&reader, &received), AREG_ENOTFOUND);
        packet_fini(&fixture->packet);
    }
}

/* ---------------------------------------------------------------- bytes that lie */

/* A packet as it arrives: its header is an allocation of exactly its bytes, and its seal. Payloads are those of `like`.
 * What lies here was sealed by a peer that lies; for what was damaged on the way see test_seal.c. */
struct arrival {
    uint8_t *header;
    struct packet packet;
};

static void arrive(struct arrival *arrival, const uint8_t *header, size_t bytes, const struct packet *like)
{
    arrival->header = malloc(bytes + SEAL_BYTES);
    assert_non_null(arrival->header);
    if (bytes)
        memcpy(arrival->header, header, bytes);
    seal_put(arrival->header, bytes);
    arrival->packet.header = slice_borrow(arrival->header, bytes + SEAL_BYTES);
    arrival->packet.payload_count = like ? like->payload_count : 0;
    for (unsigned i = 0; i < arrival->packet.payload_count; i++)
        arrival->packet.payloads[i] = like->payloads[i];
}

static void arrive_notation(struct arrival *arrival, struct fixture *fixture, const char *notation)
{
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, notation);
    arrive(arrival, fixture->room, writer.used_bytes, NULL);
}

static void a_packet_without_a_greeting_is_refused(void **state)
{
    static const char *const notations[] = {"",
                                            "[]",
                                            "[7 1]",
                                            "[\"aregx\" 1]",
                                            "[\"arex\" 1]",
                                            "[\"are\" 1]",
                                            "[\"areg\"]",
                                            "\"areg\"",
                                            "[\"areg\" -]",
                                            "[#4 1]",
                                            "[\"areg\" 0x100000000]",
                                            "[\"areg\" -1]",
                                            "[2 1 2 3 #16 #1 - -]"};
    for (size_t i = 0; i < sizeof notations / sizeof notations[0]; i++) {
        struct arrival arrival;
        struct packet_reader reader;
        struct request request;
        uint32_t version = 99;
        arrive_notation(&arrival, *state, notations[i]);
        assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EINVAL);
        assert_int_equal(version, 0);
        assert_int_equal(packet_next_request(&reader, &request), AREG_EINVAL);
        free(arrival.header);
    }
}

static void another_version_is_told_and_nothing_is_read(void **state)
{
    static const struct {
        const char *notation;
        uint32_t version;
    } cases[] = {
        {"[\"areg\" 0]", 0},
        {"[\"areg\" 2]", 2},
        {"[\"areg\" 0xffffffff \"more\"] [1 1 2 3 #16 #0 - - t]", UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arrival arrival;
        struct packet_reader reader;
        struct request request;
        uint32_t version = 99;
        arrive_notation(&arrival, *state, cases[i].notation);
        assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EVERSION);
        assert_int_equal(version, cases[i].version);
        assert_int_equal(packet_next_request(&reader, &request), AREG_EINVAL);
        assert_string_equal(packet_why(&reader), "another version of the protocol");
        free(arrival.header);
    }
}

static void what_was_read_before_something_unknown_stands(void **state)
{
    struct arrival arrival;
    struct packet_reader reader;
    struct request request;
    uint32_t version;
    arrive_notation(&arrival, *state, "[\"areg\" 1 \"new\" {}] [7 1 2 3 #16 #0 - - [9]] [99 1] [7 2 2 3 #16 #0 - -]");
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_OK);
    assert_int_equal(packet_next_request(&reader, &request), AREG_OK);
    assert_int_equal(request.op, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(packet_next_request(&reader, &request), AREG_EINVAL);
        assert_string_equal(packet_why(&reader), "an unknown kind of request");
    }
    free(arrival.header);
}

static void requests_are_no_replies_and_replies_no_requests(void **state)
{
    struct fixture *fixture = *state;
    struct packet_reader reader;
    struct request request;
    struct reply reply;
    uint32_t version;
    for (unsigned round = 0; round < 1000; round++) {
        write_requests(fixture, 1);
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        assert_int_equal(packet_next_reply(&reader, &reply), AREG_EINVAL);
        packet_fini(&fixture->packet);
        write_replies(fixture, 1);
        assert_int_equal(packet_open(&reader, &fixture->packet, &version), AREG_OK);
        assert_int_equal(packet_next_request(&reader, &request), AREG_EINVAL);
        packet_fini(&fixture->packet);
    }
}

static void frames_above_the_limits_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct arrival arrival;
    struct packet_reader reader;
    uint32_t version;
    arrive_notation(&arrival, fixture, "[\"areg\" 1]");
    arrival.packet.payload_count = PACKET_MESSAGE_COUNT_MAX + 1;
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), "too many payload frames");
    arrival.packet.payload_count = 2;
    arrival.packet.payloads[0] = slice_borrow(fixture->room, PACKET_PAYLOAD_BYTES_MAX);
    arrival.packet.payloads[1] = slice_borrow(fixture->room, 1);
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), "the payloads are too large");
    arrival.packet.payloads[1] = slice_borrow(fixture->room, SIZE_MAX);
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EINVAL);
    arrival.packet.payload_count = 0;
    arrival.packet.header.bytes = PACKET_HEADER_BYTES_MAX + 1;
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), "the header is too large");
    free(arrival.header);
}

static void more_messages_than_a_packet_holds_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct bytes_writer writer = bytes_writer_on(fixture->room, ROOM_BYTES);
    notation_put(&writer, "[\"areg\" 1]");
    for (unsigned i = 0; i <= PACKET_MESSAGE_COUNT_MAX; i++)
        notation_put(&writer, "[4 1 2 0 0 - -]");
    struct arrival arrival;
    struct packet_reader reader;
    struct reply reply;
    uint32_t version;
    arrive(&arrival, fixture->room, writer.used_bytes, NULL);
    assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_OK);
    for (unsigned i = 0; i < PACKET_MESSAGE_COUNT_MAX; i++)
        assert_int_equal(packet_next_reply(&reader, &reply), AREG_OK);
    assert_int_equal(packet_next_reply(&reader, &reply), AREG_EINVAL);
    assert_string_equal(packet_why(&reader), "too many messages");
    free(arrival.header);
}

static void payload_frames_must_match_what_the_messages_announce(void **state)
{
    static const struct {
        size_t frame_bytes[3];
        unsigned frame_count;
        unsigned good_count;
        const char *why;
    } cases[] = {
        {{5, 7}, 2, 3, NULL},
        {{5}, 1, 2, "a payload frame is missing"},
        {{0}, 0, 0, "a payload frame is missing"},
        {{7, 5}, 2, 0, "a payload frame is not of the announced size"},
        {{5, 6}, 2, 2, "a payload frame is not of the announced size"},
        {{0, 5, 7}, 3, 0, "a payload frame is not of the announced size"},
        {{5, 7, 0}, 3, 3, "a payload frame that belongs to no message"},
        {{5, 7, 7}, 3, 3, "a payload frame that belongs to no message"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arrival arrival;
        struct packet_reader reader;
        struct reply reply;
        uint32_t version;
        arrive_notation(&arrival, fixture,
                        "[\"areg\" 1] [3 1 2 0 0 - 5 [0 0] [0 0] [] [1 1]] [4 1 2 0 0 - -] "
                        "[3 1 2 0 0 - 7 [0 0] [0 0] [] [1 1]]");
        arrival.packet.payload_count = cases[i].frame_count;
        for (unsigned j = 0; j < cases[i].frame_count; j++)
            arrival.packet.payloads[j] = slice_borrow(fixture->room, cases[i].frame_bytes[j]);
        assert_int_equal(packet_open(&reader, &arrival.packet, &version), AREG_OK);
        unsigned good_count = 0;
        enum areg_error error;
        while ((error = packet_next_reply(&reader, &reply)) == AREG_OK)
            good_count++;
        assert_int_equal(good_count, cases[i].good_count);
        assert_int_equal(error, cases[i].why ? AREG_EINVAL : AREG_ENOTFOUND);
        assert_string_equal(packet_why(&reader), cases[i].why ? cases[i].why : "nothing is wrong");
        free(arrival.header);
    }
}

struct outcome {
    unsigned good_count;
    enum areg_error last;
};

/* Reads all that can be read, of either direction; of requests, each must be the one that was sent if `is_cut`. */
static struct outcome read_all(const struct fixture *fixture, const struct packet *packet, bool is_request, bool is_cut)
{
    struct packet_reader reader;
    struct request request;
    struct reply reply;
    uint32_t version;
    struct outcome outcome = {0, packet_open(&reader, packet, &version)};
    while (outcome.last == AREG_OK) {
        outcome.last = is_request ? packet_next_request(&reader, &request) : packet_next_reply(&reader, &reply);
        if (outcome.last != AREG_OK)
            break;
        if (is_cut && is_request)
            assert_request_equal(&request, &fixture->requests[outcome.good_count]);
        else if (is_cut)
            assert_reply_equal(&reply, &fixture->replies[outcome.good_count]);
        outcome.good_count++;
    }
    return outcome;
}

/* Where each message begins, and the last one ends. */
static void find_ends(const struct packet *packet, bool is_request, size_t ends[])
{
    struct packet_reader reader;
    struct request request;
    struct reply reply;
    uint32_t version;
    unsigned count = 0;
    enum areg_error error = packet_open(&reader, packet, &version);
    while (error == AREG_OK) {
        ends[count++] = (size_t)(reader.fields.at - packet->header.at);
        error = is_request ? packet_next_request(&reader, &request) : packet_next_reply(&reader, &reply);
    }
    assert_int_equal(error, AREG_ENOTFOUND);
}

static void a_header_cut_anywhere_gives_the_messages_before_the_cut_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct arrival arrival;
    size_t ends[BATCH_COUNT_MAX + 1];
    fixture->source.descriptor_bytes_max = 300;
    for (unsigned kind = 1; kind <= 2 * MESSAGE_KIND_COUNT; kind++) {
        const bool is_request = kind <= MESSAGE_KIND_COUNT;
        for (unsigned i = 0; i < 3; i++) {
            if (is_request) {
                random_request(&fixture->source, (enum message_kind)kind, 100, &fixture->requests[i]);
                assert_int_equal(packet_add_request(fixture->writer, &fixture->requests[i]), AREG_OK);
            } else {
                const enum message_kind reply_kind = (enum message_kind)(kind - MESSAGE_KIND_COUNT);
                random_reply(&fixture->source, reply_kind, i == 2 ? REPLY_VERSION : REPLY_OK, 100,
                             &fixture->replies[i]);
                assert_int_equal(packet_add_reply(fixture->writer, &fixture->replies[i]), AREG_OK);
            }
        }
        packet_take(fixture->writer, &fixture->packet);
        find_ends(&fixture->packet, is_request, ends);
        const size_t whole_bytes = fixture->packet.header.bytes - SEAL_BYTES;
        for (size_t bytes = 0; bytes <= whole_bytes; bytes++) {
            arrive(&arrival, fixture->packet.header.at, bytes, &fixture->packet);
            unsigned whole_count = 0;
            while (whole_count < 3 && ends[whole_count + 1] <= bytes)
                whole_count++;
            const struct outcome outcome = read_all(fixture, &arrival.packet, is_request, true);
            assert_int_equal(outcome.good_count, whole_count);
            if (bytes == whole_bytes)
                assert_int_equal(outcome.last, AREG_ENOTFOUND);
            else if (bytes != ends[whole_count])
                assert_int_equal(outcome.last, AREG_EINVAL);
            free(arrival.header);
        }
        packet_fini(&fixture->packet);
    }
    fixture->source.descriptor_bytes_max = CONFIG_ENCODED_BYTES_MAX;
}

static void a_header_with_any_byte_changed_is_read_or_refused(void **state)
{
    struct fixture *fixture = *state;
    struct arrival arrival;
    for (unsigned round = 0; round < 60; round++) {
        const bool is_request = round % 2;
        if (is_request)
            write_requests(fixture, 4);
        else
            write_replies(fixture, 4);
        const size_t bytes = fixture->packet.header.bytes - SEAL_BYTES;
        const size_t step = 1 + bytes / 1500;
        for (size_t i = random_below(&fixture->source.random, step); i < bytes; i += step) {
            arrive(&arrival, fixture->packet.header.at, bytes, &fixture->packet);
            arrival.header[i] ^= (uint8_t)random_count(fixture, 255);
            seal_put(arrival.header, bytes);
            const struct outcome outcome = read_all(fixture, &arrival.packet, is_request, false);
            assert_true(outcome.last == AREG_ENOTFOUND || outcome.last == AREG_EINVAL || outcome.last == AREG_EVERSION);
            free(arrival.header);
        }
        packet_fini(&fixture->packet);
    }
}

static void noise_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct arrival arrival;
    static const uint8_t greeting[] = {0x92, 0xa4, 'a', 'r', 'e', 'g', 1};
    for (unsigned round = 0; round < 30000; round++) {
        const struct slice noise = random_slice(&fixture->source, 1, 200);
        memcpy(fixture->room, greeting, sizeof greeting);
        memcpy(fixture->room + sizeof greeting, noise.at, noise.bytes);
        fixture->room[sizeof greeting] = (uint8_t)(0x90 + random_below(&fixture->source.random, 16));
        arrive(&arrival, fixture->room, sizeof greeting + noise.bytes, NULL);
        assert_int_equal(read_all(fixture, &arrival.packet, round % 2, false).last, AREG_EINVAL);
        free(arrival.header);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    message_source_init(&fixture->source);
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
        cmocka_unit_test(requests_arrive_as_they_were_sent),
        cmocka_unit_test(replies_arrive_as_they_were_sent),
        cmocka_unit_test(a_small_request_has_a_small_header),
        cmocka_unit_test(a_packet_is_full_at_its_count_of_messages),
        cmocka_unit_test(a_packet_is_full_at_its_size_of_payloads),
        cmocka_unit_test(fragments_that_are_answered_fill_a_packet_sooner_than_those_that_are_put),
        cmocka_unit_test(a_packet_is_full_at_its_size_of_header),
        cmocka_unit_test(the_largest_message_fits_a_packet),
        cmocka_unit_test(a_destroyed_writer_drops_the_references_it_holds),
        cmocka_unit_test(a_message_for_which_there_is_no_memory_leaves_the_packet_as_it_was),
        cmocka_unit_test(a_packet_without_a_greeting_is_refused),
        cmocka_unit_test(another_version_is_told_and_nothing_is_read),
        cmocka_unit_test(what_was_read_before_something_unknown_stands),
        cmocka_unit_test(requests_are_no_replies_and_replies_no_requests),
        cmocka_unit_test(frames_above_the_limits_are_refused),
        cmocka_unit_test(more_messages_than_a_packet_holds_are_refused),
        cmocka_unit_test(payload_frames_must_match_what_the_messages_announce),
        cmocka_unit_test(a_header_cut_anywhere_gives_the_messages_before_the_cut_and_no_more),
        cmocka_unit_test(a_header_with_any_byte_changed_is_read_or_refused),
        cmocka_unit_test(noise_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
