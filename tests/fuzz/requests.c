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
    const bool has_key = request->kind >= MESSAGE_GET_TAG && request->kind <= MESSAGE_CONFIRM;
    CHECK(request->kind >= MESSAGE_HELLO && request->kind <= MESSAGE_STATUS);
    CHECK(has_key ? key_is_valid(request->key) : request->key.bytes == 0);
    CHECK(request->descriptor.bytes <= CONFIG_ENCODED_BYTES_MAX);
    CHECK(request->payload.bytes == 0 || (request->kind == MESSAGE_PUT_DATA && request->payload.owner));
    if (request->kind == MESSAGE_PUT_DATA) {
        CHECK(!tag_is_zero(request->put_data.entry.tag));
        CHECK(request->put_data.entry.value_bytes <= AREG_VALUE_BYTES_MAX);
        CHECK(request->put_data.entry.flags <= ENTRY_FLAGS_ALL);
    } else if (request->kind == MESSAGE_LIST_KEYS) {
        CHECK(request->list_keys.key_count_max > 0 && request->list_keys.key_count_max <= KEY_PAGE_COUNT_MAX);
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
