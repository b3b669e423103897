#include "tests/bench/bare_packet.h"

#include "core/check.h"

#include <string.h>

void outbox_add(struct outbox *outbox, const struct record *record, zmq_msg_t *payload)
{
    CHECK(outbox->record_count < PACKET_RECORD_COUNT_MAX);
    CHECK(record->has_payload == (payload != NULL));
    outbox->records[outbox->record_count++] = *record;
    if (!payload)
        return;
    zmq_msg_t *to = &outbox->payloads[outbox->payload_count++];
    zmq_msg_init(to);
    zmq_msg_move(to, payload);
}

static void send_one(struct outbox *outbox, void *socket, unsigned first_record, unsigned record_count,
                     zmq_msg_t *payloads, unsigned payload_count)
{
    const int more = payload_count > 0 ? ZMQ_SNDMORE : 0;
    CHECK(zmq_send(socket, &outbox->records[first_record], record_count * RECORD_BYTES, more) >= 0);
    for (unsigned i = 0; i < payload_count; i++)
        CHECK(zmq_msg_send(&payloads[i], socket, i + 1 < payload_count ? ZMQ_SNDMORE : 0) >= 0);
}

void outbox_send(struct outbox *outbox, void *socket, const void *peer_name, size_t peer_name_bytes)
{
    unsigned sent_payload_count = 0;
    const unsigned step = outbox->is_unbatched ? 1 : PACKET_RECORD_COUNT_MAX;
    for (unsigned i = 0; i < outbox->record_count; i += step) {
        const unsigned payload_count = outbox->is_unbatched ? outbox->records[i].has_payload : outbox->payload_count;
        if (peer_name)
            CHECK(zmq_send(socket, peer_name, peer_name_bytes, ZMQ_SNDMORE) >= 0);
        send_one(outbox, socket, i, outbox->is_unbatched ? 1 : outbox->record_count,
                 &outbox->payloads[sent_payload_count], payload_count);
        sent_payload_count += payload_count;
    }
    outbox->record_count = 0;
    outbox->payload_count = 0;
}

bool inbox_receive(struct inbox *inbox, void *socket)
{
    zmq_msg_init(&inbox->header);
    if (zmq_msg_recv(&inbox->header, socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&inbox->header);
        return false;
    }
    inbox->record_count = (unsigned)(zmq_msg_size(&inbox->header) / RECORD_BYTES);
    inbox->payload_count = 0;
    zmq_msg_t *last = &inbox->header;
    while (zmq_msg_more(last)) {
        CHECK(inbox->payload_count < PACKET_RECORD_COUNT_MAX);
        last = &inbox->payloads[inbox->payload_count++];
        zmq_msg_init(last);
        CHECK(zmq_msg_recv(last, socket, ZMQ_DONTWAIT) >= 0);
    }
    return true;
}

const struct record *inbox_record(struct inbox *inbox, unsigned index)
{
    CHECK(index < inbox->record_count);
    return (const struct record *)zmq_msg_data(&inbox->header) + index;
}

void inbox_fini(struct inbox *inbox)
{
    zmq_msg_close(&inbox->header);
    for (unsigned i = 0; i < inbox->payload_count; i++)
        zmq_msg_close(&inbox->payloads[i]);
}

static void keep(void *memory, void *arg)
{
    (void)memory;
    (void)arg;
}

void payload_lend(zmq_msg_t *payload, void *at, size_t bytes)
{
    /* As a real sender must, it asks to be told when the memory is free again. */
    CHECK(zmq_msg_init_data(payload, at, bytes, keep, NULL) == 0);
}
