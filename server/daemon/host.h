/*
 * One host: its data directory, the store in it, and the replica that works on the store; what both threads share.
 *
 * A data directory belongs to one host of one cluster for ever. A host that finds another name, or another cluster, in
 * its directory does not start: its answers would be counted for somebody else's.
 */
#ifndef SERVER_DAEMON_HOST_H
#define SERVER_DAEMON_HOST_H

#include "core/cluster.h"
#include "server/daemon/log.h"
#include "server/daemon/settings.h"
#include "server/replica.h"

#include <stdatomic.h>

struct host {
    struct host_id id;
    uint64_t incarnation;
    uint64_t started_ns;
    bool sync;
    const struct log *log;   /* borrowed */
    struct cluster *cluster; /* borrowed */
    struct store *store;
    struct replica *replica;
    atomic_bool has_lost_data; /* others know another incarnation of it; set by the agent */
};

enum { HOST_WHY_BYTES = 512 };

/**
 * Open the data directory, which is made if it is not there. A host that joins fills in `cluster`, from the directory
 * or, the first time, from its seeds. All but `host` is lent for the life of the host.
 * On an error `why` is a sentence, and `host` needs no host_close().
 */
enum areg_error host_open(struct host *host, const struct settings *settings, struct cluster *cluster,
                          const struct log *log, char why[HOST_WHY_BYTES]) MUST_USE;
void host_close(struct host *host);

/**
 * The store failed: say why, and end the process at once, before anything else is answered from a state that may be
 * lost. What was committed is safe, and a start brings it back.
 */
_Noreturn void host_fail(const struct host *host, const char *doing, enum areg_error error);

#endif
