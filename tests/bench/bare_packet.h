/*
 * What the bare loop sends: records of 64 bytes, as many as are ready for one peer in one multipart message, and a
 * payload part for every record that has one. The cheapest form that still does what areg's packets do; bytes are
 * trusted, since both ends are this program.
 */
#ifndef TESTS_BENCH_BARE_PACKET_H
#define TESTS_BENCH_BARE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum { RECORD_BYTES = 64, PACKET_RECORD_COUNT_MAX = 256, PEER_NAME_BYTES_MAX = 255 };

enum record_kind {
    RECORD_QUERY = 1, /* answered without a payload */
    RECORD_PUT = 2,   /* has a payload, answered when it is stored */
    RECORD_GET = 3,   /* answered with a payload, by the first k hosts */
};

struct record {
    uint64_t operation_id;
    uint32_t operation_index;
    uint32_t key_slot;
    uint8_t kind;
    uint8_t has_payload;
    uint8_t padding[RECORD_BYTES - 18];
};
_Static_assert(sizeof(struct record) == RECORD_BYTES, "a record is what a small message of areg is");

/** What is due to one peer. */
struct outbox {
    bool is_unbatched; /* a message for each record */
    unsigned record_count;
    unsigned payload_count;
    struct record records[PACKET_RECORD_COUNT_MAX];
    zmq_msg_t payloads[PACKET_RECORD_COUNT_MAX];
};

/** Add a record, with its payload (which is taken) or NULL. The outbox must have room. */
void outbox_add(struct outbox *outbox, const struct record *record, zmq_msg_t *payload);
/** Send all of it, to `peer_name` if there is one; nothing if it is empty. */
void outbox_send(struct outbox *outbox, void *socket, const void *peer_name, size_t peer_name_bytes);

struct inbox {
    unsigned record_count;
    unsigned payload_count;
    zmq_msg_t header;
    zmq_msg_t payloads[PACKET_RECORD_COUNT_MAX];
};

/** Receive one message's parts; false: there is none. Otherwise inbox_fini() follows. */
bool inbox_receive(struct inbox *inbox, void *socket);
const struct record *inbox_record(struct inbox *inbox, unsigned index);
void inbox_fini(struct inbox *inbox);

/** A payload that lends the caller's memory, which outlives the socket. */
void payload_lend(zmq_msg_t *payload, void *at, size_t bytes);

#endif
