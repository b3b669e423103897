/*
 * Packets of requests. Whatever is accepted can be sent on, and says the same when it is read again.
 */
#include "core/check.h"
#include "core/key.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

/* What a replica relies on, said independently of how wire/ judges it. */
static void check_promises(const struct request *request)
{
    const enum message_kind kind = request->kind;
    const bool has_key = (kind >= MESSAGE_GET_TAG && kind <= MESSAGE_CONFIRM) || kind == MESSAGE_ADOPT;
    CHECK(kind >= MESSAGE_HELLO && kind <= MESSAGE_REGISTER);
    CHECK(has_key ? key_is_valid(request->key) : request->key.bytes == 0);
    const bool has_descriptor =
        kind == MESSAGE_WRITE_CONFIG || kind == MESSAGE_ACCEPT || kind == MESSAGE_JOIN || kind == MESSAGE_FINALIZE;
    CHECK(request->descriptor.bytes <= CONFIG_ENCODED_BYTES_MAX);
    CHECK(kind == MESSAGE_TRANSFER || (request->descriptor.bytes > 0) == has_descriptor);
    CHECK(request->payload.bytes == 0 || (kind == MESSAGE_PUT_DATA && request->payload.owner));
    if (kind == MESSAGE_PUT_DATA) {
        CHECK(!tag_is_zero(request->put_data.entry.tag));
        CHECK(request->put_data.entry.value_bytes <= AREG_VALUE_BYTES_MAX);
        CHECK(request->put_data.entry.flags <= ENTRY_FLAGS_ALL);
    } else if (kind == MESSAGE_LIST_KEYS) {
        CHECK(request->list_keys.key_count_max > 0 && request->list_keys.key_count_max <= KEY_PAGE_COUNT_MAX);
    } else if (kind == MESSAGE_PREPARE) {
        CHECK(request->prepare.ballot.round > 0 || request->prepare.ballot.proposer > 0);
    } else if (kind == MESSAGE_ACCEPT) {
        CHECK(request->accept.ballot.round > 0 || request->accept.ballot.proposer > 0);
    } else if (kind == MESSAGE_ADOPT) {
        CHECK(!tag_is_zero(request->adopt.entry.tag));
        CHECK(request->adopt.entry.value_bytes <= AREG_VALUE_BYTES_MAX);
    } else if (kind == MESSAGE_TRANSFER) {
        CHECK(request->transfer.slices == 0 || request->descriptor.bytes > 0);
    } else if (kind == MESSAGE_REGISTER) {
        CHECK(name_is_valid(request->registration.host.text, HOST_ID_BYTES_MAX));
        CHECK(request->registration.incarnation > 0);
    }
}

/* Write again what can be read of a packet. False: nothing can. */
static bool rewrite(const struct packet *packet, struct packet *rewritten)
{
    struct packet_writer *writer = packet_writer_create();
    CHECK(writer != NULL);
    struct packet_reader reader;
    struct request request;
    uint32_t version;
    enum areg_error error = packet_open(&reader, packet, &version);
    while (error == AREG_OK && (error = packet_next_request(&reader, &request)) == AREG_OK) {
        check_promises(&request);
        CHECK(packet_add_request(writer, &request) == AREG_OK);
    }
    CHECK(error == AREG_ENOTFOUND || error == AREG_EINVAL || error == AREG_EVERSION);
    const bool has_any = packet_message_count(writer) > 0;
    if (has_any)
        packet_take(writer, rewritten);
    packet_writer_destroy(writer);
    return has_any;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
    struct packet packet;
    struct packet once;
    struct packet twice;
    fuzz_packet(at, bytes, &packet);
    if (rewrite(&packet, &once)) {
        CHECK(rewrite(&once, &twice));
        fuzz_check_same(&once, &twice);
        packet_fini(&once);
        packet_fini(&twice);
    }
    packet_fini(&packet);
    return 0;
}
