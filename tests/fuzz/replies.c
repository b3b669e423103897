/*
 * Packets of replies. Whatever is accepted can be sent on, and says the same when it is read again.
 */
#include "core/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/packet.h"

/* Whoever walks along configurations relies on it. */
static void check_next(const struct reply *reply)
{
    const enum link_status next = reply->next.status;
    CHECK(next <= LINK_FINALIZED);
    CHECK((next == LINK_NONE) == (reply->next.descriptor.bytes == 0));
    CHECK(reply->next.descriptor.bytes <= CONFIG_ENCODED_BYTES_MAX);
    if (reply->status == REPLY_OK)
        CHECK((next == LINK_FINALIZED) == (reply->kind == MESSAGE_HINT));
    if (reply->status == REPLY_RETIRED)
        CHECK(next == LINK_FINALIZED);
    if (reply->status == REPLY_UNKNOWN_CONFIG)
        CHECK(next != LINK_PENDING);
}

static void check_consensus(const struct consensus_reply *consensus)
{
    const bool has_accepted = consensus->accepted.round > 0 || consensus->accepted.proposer > 0;
    CHECK(has_accepted == (consensus->descriptor.bytes > 0));
    CHECK(consensus->descriptor.bytes <= CONFIG_ENCODED_BYTES_MAX);
}

/* What a client relies on, said independently of how wire/ judges it. */
static void check_promises(const struct reply *reply)
{
    CHECK(reply->kind >= MESSAGE_HELLO && reply->kind <= MESSAGE_REGISTER);
    CHECK(reply->status <= REPLY_VERSION);
    check_next(reply);
    CHECK(reply->payload.bytes == 0 || (reply->status == REPLY_OK && reply->payload.owner));
    if (reply->status == REPLY_OK && (reply->kind == MESSAGE_PREPARE || reply->kind == MESSAGE_ACCEPT))
        check_consensus(&reply->consensus);
    if (reply->kind != MESSAGE_GET_DATA || reply->status != REPLY_OK)
        return;
    CHECK(reply->data.entry_count <= ENTRY_COUNT_MAX);
    CHECK(reply->data.has_fragment || reply->payload.bytes == 0);
    struct tag before = TAG_ZERO;
    for (unsigned i = 0; i < reply->data.entry_count; i++) {
        CHECK(tag_compare(before, reply->data.entries[i].tag) < 0);
        CHECK(reply->data.entries[i].value_bytes <= AREG_VALUE_BYTES_MAX);
        CHECK(reply->data.entries[i].flags <= ENTRY_FLAGS_ALL);
        before = reply->data.entries[i].tag;
    }
}

/* Write again what can be read of a packet. False: nothing can. */
static bool rewrite(const struct packet *packet, struct packet *rewritten)
{
    struct packet_writer *writer = packet_writer_create();
    CHECK(writer != NULL);
    struct packet_reader reader;
    struct reply reply;
    uint32_t version;
    enum areg_error error = packet_open(&reader, packet, &version);
    while (error == AREG_OK && (error = packet_next_reply(&reader, &reply)) == AREG_OK) {
        check_promises(&reply);
        CHECK(packet_add_reply(writer, &reply) == AREG_OK);
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
