/*
 * A host's state as one JSON object, for STATUS requests and for the log.
 */
#ifndef SERVER_DAEMON_STATUS_H
#define SERVER_DAEMON_STATUS_H

#include "server/daemon/service.h"

/** Everything that a status is made of. Borrowed. */
struct status_sources {
    const struct host *host;
    const char *address;
    const struct store_stats *store;
    const struct work_figures *queue;
    const struct writer_figures *writer;
    const struct service_figures *service;
    const struct net_counters *net;
};

/** Returns the length without the final NUL, which is below `room_bytes` (STATUS_BYTES_MAX is always enough). */
size_t status_print(const struct status_sources *sources, char *to, size_t room_bytes);

#endif
