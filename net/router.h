/*
 * A host's socket: packets from any number of peers in, answers to them out. ZeroMQ's ROUTER.
 *
 * All functions but router_wake() belong to one thread. Nothing blocks but router_wait().
 */
#ifndef NET_ROUTER_H
#define NET_ROUTER_H

#include "net/frames.h"

struct router;

/** Who a packet came from, as ZeroMQ names it: opaque, and good for answers as long as the connection lives. */
enum { PEER_ID_BYTES_MAX = 255 };
struct peer_id {
    uint8_t bytes;
    uint8_t at[PEER_ID_BYTES_MAX];
};

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b);

/** Room for a sentence that says why an address can not be bound or connected to. */
enum { NET_WHY_BYTES = 256 };

/**
 * Bind to `address`, "tcp://HOST:PORT"; the port may be "*" for one that is free.
 * Returns AREG_EINVAL (no such address here), AREG_EBUSY (in use), AREG_EIO, AREG_ENOMEM; `why` is a sentence.
 */
enum areg_error router_create(struct router **router, const char *address, char why[NET_WHY_BYTES]) MUST_USE;
/** Sends what is queued for up to `linger_ms`, then closes. NULL is allowed. */
void router_destroy(struct router *router, uint32_t linger_ms);

/** The address that it is bound to, with the number of its port; lent for the life of the router. */
const char *router_address(const struct router *router);

/** The next packet; the caller owns it (packet_fini). False: there is none at present. Malformed ones are dropped. */
bool router_receive(struct router *router, struct peer_id *from, struct packet *packet);
/**
 * Send a packet, which is taken in any case. False: dropped, because the peer is gone, or too slow
 * (PEER_QUEUE_BYTES_MAX). Peers ask again, so a reply that is dropped is a message that is lost.
 */
bool router_send(struct router *router, const struct peer_id *to, struct packet *packet);

/** Sleep until a packet may be there or router_wake() was called, for up to `wait_ms` (-1: for ever). */
void router_wait(struct router *router, int wait_ms);
/** Let the present or the next router_wait() return. Any thread, and signal handlers, may call it. */
void router_wake(struct router *router);

const struct net_counters *router_counters(const struct router *router);

#endif
