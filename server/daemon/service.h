/*
 * The network thread: receives packets, answers what only reads at once, from the last committed snapshot, and hands
 * the rest to the writer. It never waits for the disk's flush, and nothing else touches the socket.
 */
#ifndef SERVER_DAEMON_SERVICE_H
#define SERVER_DAEMON_SERVICE_H

#include "server/daemon/host.h"
#include "server/daemon/work.h"
#include "server/daemon/writer.h"

struct service;

/** Bind to `address` and start both threads; `host` is lent until service_stop(). On an error `why` is a sentence. */
enum areg_error service_start(struct service **service, struct host *host, const char *address, unsigned inflight_max,
                              char why[NET_WHY_BYTES]) MUST_USE;
/** Where it listens, with the number of the port; lent for the life of the service. */
const char *service_address(const struct service *service);
/** Accept nothing more, finish what was accepted, send the replies, end both threads, and free. */
void service_stop(struct service *service);

/** Any thread: another limit of requests that wait for the writer. */
void service_set_inflight(struct service *service, unsigned inflight_max);
/** Any thread: log the status, soon. */
void service_dump(struct service *service);

/** What the network thread has counted. */
struct service_figures {
    uint64_t read_count;  /* requests answered from the snapshot */
    uint64_t get_count;   /* of these, get-data, but for fetches of one tag: one for each read of a register */
    uint64_t write_count; /* requests handed to the writer */
    uint64_t busy_count;  /* puts that were answered BUSY */
    uint64_t confirm_dropped_count;
    uint64_t malformed_count;   /* packets that did not decode to their end */
    uint64_t version_count;     /* packets of other protocol versions */
    uint64_t read_failed_count; /* requests without a reply: a damaged record, or no memory */
};

#endif
