/*
 * A network between clients and the hosts of a cluster on this machine, where the kernel offers none: a thread that
 * listens on a port for each host and passes on what comes to the host's real port, and back, after a delay and not
 * faster than a link would.
 *
 * Bytes keep their order within a connection and are never lost, changed, or kept without limit: a receiver that is
 * slow slows its sender down. What a host itself sends to other hosts passes through their links, not through its own.
 * A relay takes CPU from the machine on which it measures: relay_cpu_ns() says how much.
 */
#ifndef LAB_RELAY_H
#define LAB_RELAY_H

#include "core/error.h"

enum {
    RELAY_ROUTE_COUNT_MAX = 256,
    RELAY_CONNECTION_COUNT_MAX = 4096, /* of all routes; further ones wait to be accepted */
    RELAY_FLOW_BYTES_MAX = 4 << 20, /* under way in one direction of one connection; 100 MB/s with a delay of 40 ms */
    RELAY_WHY_BYTES = 128,
};

struct relay;

/** From a port of 127.0.0.1 to another one. */
struct relay_route {
    uint16_t from_port; /* 0: pick a free one */
    uint16_t to_port;   /* need not be listened on yet: connections are closed while it is not */
};

struct relay_options {
    const struct relay_route *routes; /* copied */
    unsigned route_count;             /* 1 to RELAY_ROUTE_COUNT_MAX */
    /* What arrives is delivered after a time between these, each as likely; later if it would overtake. */
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;
    uint64_t bytes_per_s; /* of each route, each way, all connections together; 0: without limit */
    uint64_t seed;        /* of the delays */
};

/** Listen on all ports and start the thread. AREG_ENOMEM, AREG_EIO (a port is taken): `why` says more. */
enum areg_error relay_create(struct relay **relay, const struct relay_options *options,
                             char why[RELAY_WHY_BYTES]) MUST_USE;
/** The port that a route begins at. */
uint16_t relay_port(const struct relay *relay, unsigned route_index);
/** The CPU time that it has taken so far. */
uint64_t relay_cpu_ns(const struct relay *relay);
/** Close all connections at once, with what is under way. NULL is allowed. */
void relay_destroy(struct relay *relay);

#endif
