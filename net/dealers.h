/*
 * A client's sockets: one connection to each of a set of hosts. ZeroMQ DEALERs, that reconnect by themselves.
 *
 * Peers are numbered from 0 in the order in which they were added. All functions belong to one thread, and nothing
 * blocks but dealers_wait(). A packet for a peer that is not connected is dropped, never kept for later: whoever asks
 * for something asks again.
 *
 * One descriptor stands for all of it. The rhythm of a loop:
 *
 *     dealers_receive()      until it returns false
 *     dealers_next_change()  until it returns false
 *     dealers_send() ...
 *     dealers_set_timer()
 *     dealers_wait(), or dealers_arm() and then sleep on dealers_fd() elsewhere
 */
#ifndef NET_DEALERS_H
#define NET_DEALERS_H

#include "net/frames.h"

struct dealers;

/** No peers yet. AREG_ENOMEM, AREG_EIO (descriptors are used up). */
enum areg_error dealers_create(struct dealers **dealers) MUST_USE;
/** Sends what is queued for up to `linger_ms`, then closes every connection. NULL is allowed. */
void dealers_destroy(struct dealers *dealers, uint32_t linger_ms);

/**
 * Begin to connect to one more host, "tcp://HOST:PORT"; its number is the count of peers before. Returns at once.
 * AREG_EINVAL (no such address), AREG_EBUSY (DEALER_COUNT_MAX peers), AREG_ENOMEM, AREG_EIO.
 */
enum areg_error dealers_add(struct dealers *dealers, const char *address) MUST_USE;
unsigned dealers_count(const struct dealers *dealers);

/**
 * A connection came up (it can be sent to from now on), or was lost, as far as dealers_wait() and dealers_receive()
 * have noticed. False: nothing has changed since.
 */
bool dealers_next_change(struct dealers *dealers, unsigned *peer_index, bool *is_up);
/** Whether it was up at the last change that was told. */
bool dealers_is_up(const struct dealers *dealers, unsigned peer_index);

/** Send a packet, which is taken in any case. False: dropped (not connected, or PEER_QUEUE_BYTES_MAX reached). */
bool dealers_send(struct dealers *dealers, unsigned peer_index, struct packet *packet);
/** The next packet of any peer; the caller owns it (packet_fini). False: there is none at present. */
bool dealers_receive(struct dealers *dealers, unsigned *peer_index, struct packet *packet);

/** Wake up at this time of CLOCK_MONOTONIC, in nanoseconds; UINT64_MAX: never. Replaces the time set before. */
void dealers_set_timer(struct dealers *dealers, uint64_t wake_ns);
/** Sleep until there is something to do, or the timer's time has come, for up to `wait_ms` (-1: for ever). */
void dealers_wait(struct dealers *dealers, int wait_ms);

/** Polls readable when there is something to do, or the timer's time has come, provided that ... */
int dealers_fd(const struct dealers *dealers);
/** ... this was called after the last of the functions above: ZeroMQ signals new things only, and once. `more_to_do`
 * makes the descriptor readable at once, for something that only the caller knows of. */
void dealers_arm(struct dealers *dealers, bool more_to_do);

const struct net_counters *dealers_counters(const struct dealers *dealers);

#endif
