/*
 * A router and a set of dealers in one thread, on a free port of loopback; for tests.
 */
#ifndef TESTS_NET_PAIR_H
#define TESTS_NET_PAIR_H

#include "net/dealers.h"
#include "net/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

static inline uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct router *router_on_free_port(void)
{
    struct router *router = NULL;
    char why[NET_WHY_BYTES] = "";
    assert_int_equal(router_create(&router, "tcp://127.0.0.1:*", why), AREG_OK);
    return router;
}

/** A counted slice of `bytes` bytes that all depend on `seed`. */
static inline struct slice filled_slice(size_t bytes, uint8_t seed)
{
    struct buffer *buffer = buffer_create(bytes);
    assert_non_null(buffer);
    for (size_t i = 0; i < bytes; i++)
        buffer_at(buffer)[i] = (uint8_t)(seed + i * 131 + (i >> 8));
    return slice_of(buffer, 0, bytes);
}

static inline void assert_filled(struct slice slice, size_t bytes, uint8_t seed)
{
    struct slice expected = filled_slice(bytes, seed);
    assert_int_equal(slice.bytes, bytes);
    assert_true(slice_equal(slice, expected));
    slice_unref(&expected);
}

/** A packet of arbitrary bytes: net/ does not look into packets. */
static inline void make_packet(struct packet *packet, size_t header_bytes, unsigned payload_count, size_t payload_bytes)
{
    packet->header = filled_slice(header_bytes, 1);
    packet->payload_count = payload_count;
    for (unsigned i = 0; i < payload_count; i++)
        packet->payloads[i] = filled_slice(payload_bytes, (uint8_t)(2 + i));
}

/** A plain ZeroMQ socket, for peers that are not ours; one that takes in very little while nobody reads from it. */
static inline void *plain_socket(void *context, int type)
{
    const int none = 0;
    const int one = 1;
    void *socket = zmq_socket(context, type);
    assert_non_null(socket);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVHWM, &one, sizeof one), 0);
    return socket;
}

/** Packets for a peer that reads nothing, and what of them may be accepted: a full queue, and what the kernel and
 * ZeroMQ's other end take in. */
enum {
    STALL_PAYLOAD_BYTES = 8 << 20,
    STALL_OFFERED_COUNT = 100,
    STALL_COUNT_MIN = PEER_QUEUE_BYTES_MAX / (STALL_PAYLOAD_BYTES + 10),
    STALL_COUNT_MAX = STALL_COUNT_MIN + 4,
};

static inline void make_stall_packet(struct packet *packet, struct slice payload)
{
    *packet = (struct packet){.header = filled_slice(10, 1), .payload_count = 1, .payloads = {slice_ref(payload)}};
}

/** Wait until the change of a peer is told; all others are ignored. */
static inline void await_change(struct dealers *dealers, unsigned awaited_index, bool awaited_up)
{
    const uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (now_ms() < end_ms) {
        unsigned peer_index;
        bool is_up;
        while (dealers_next_change(dealers, &peer_index, &is_up))
            if (peer_index == awaited_index && is_up == awaited_up)
                return;
        dealers_wait(dealers, 100);
    }
    fail_msg("peer %u did not go %s", awaited_index, awaited_up ? "up" : "down");
}

static inline void await_at_router(struct router *router, struct peer_id *from, struct packet *packet)
{
    const uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (now_ms() < end_ms) {
        if (router_receive(router, from, packet))
            return;
        router_wait(router, 100);
    }
    fail_msg("no packet at the router");
}

static inline void await_at_dealers(struct dealers *dealers, unsigned *peer_index, struct packet *packet)
{
    const uint64_t end_ms = now_ms() + PATIENCE_MS;
    while (now_ms() < end_ms) {
        if (dealers_receive(dealers, peer_index, packet))
            return;
        dealers_wait(dealers, 100);
    }
    fail_msg("no packet at the dealers");
}

#endif
