/*
 * One packet as one multipart ZeroMQ message, and back, without copying what is worth not copying.
 *
 * Sending lends the memory of large parts to ZeroMQ and drops their references when the kernel has them; receiving
 * wraps the memory that ZeroMQ received into. Parts below FRAME_COPY_BYTES_MAX are copied: that is cheaper than the
 * bookkeeping. Nothing here blocks, and nothing here looks into a packet.
 *
 * ZeroMQ counts messages, not bytes, so each peer has a ledger of the bytes that it has been sent and that have not
 * left: a stalled peer must not pin memory without bound.
 */
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include "core/limits.h"
#include "wire/packet.h"

#include <stdbool.h>
#include <stdint.h>

/** Smaller parts are copied: below this, a copy costs less than an allocation for the bookkeeping, and a small part
 * that was received would pin the whole receive buffer that it came in. */
enum { FRAME_COPY_BYTES_MAX = 1024 };

/** Bytes on their way to one peer. Counted: each part under way holds a reference, and so does whoever sends. */
struct ledger;

struct ledger *ledger_create(void); /* NULL without memory */
void ledger_unref(struct ledger *ledger);
/** Bytes lent to ZeroMQ that have not left yet. */
uint64_t ledger_queued_bytes(const struct ledger *ledger);

/** What one socket, or one set of them, has moved. Bytes are those of headers and payloads, without framing. */
struct net_counters {
    uint64_t packets_sent;
    uint64_t packets_received;
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t packets_unsent;    /* dropped: the peer was not connected, or its queue was full */
    uint64_t packets_malformed; /* dropped: too many parts, or too large */
};

/** All bytes of a packet. */
uint64_t frames_packet_bytes(const struct packet *packet);

/**
 * Send a packet as the (remaining) parts of a message; it is taken, whatever is returned. False: nothing was sent,
 * because the socket would block, the peer is gone, its queue is full, or there is no memory.
 *
 * @socket  A ZeroMQ socket that belongs to this thread.
 * @prefix  A part that goes first (the routing id, for a ROUTER), or an empty slice.
 */
bool frames_send(void *socket, struct slice prefix, struct packet *packet, struct ledger *ledger,
                 struct net_counters *counters);

enum frames_outcome {
    FRAMES_NONE,      /* nothing is there */
    FRAMES_RECEIVED,  /* `*packet` is the caller's, for packet_fini() */
    FRAMES_MALFORMED, /* one message was read and dropped (and counted) */
};

/** Receive the (remaining) parts of the next message as a packet. Nothing waits. */
enum frames_outcome frames_receive(void *socket, struct packet *packet, struct net_counters *counters);

#endif
