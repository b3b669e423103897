/*
 * Hosts for tests of the library: real sockets on free ports of loopback, real replicas, stores in memory, and one
 * thread for all of them; with ways to misbehave.
 */
#ifndef TESTS_LIB_LOCAL_HOSTS_H
#define TESTS_LIB_LOCAL_HOSTS_H

#include <stdint.h>

struct local_hosts;

enum { LOCAL_HOST_MAX = 8, LOCAL_SEEDS_BYTES = 512 };

/** What a host does instead of what it should; bits. */
enum local_fault {
    LOCAL_SILENT = 1 << 0,     /* takes everything in and answers nothing, like one that is frozen */
    LOCAL_DROPS_PUTS = 1 << 1, /* ignores put-data only */
    LOCAL_BUSY = 1 << 2,       /* answers put-data with BUSY */
    LOCAL_FULL = 1 << 3,       /* answers put-data with FULL */
    LOCAL_GARBAGE = 1 << 4,    /* answers with bytes that are no packet */
    LOCAL_FUTURE = 1 << 5,     /* answers as a host of another protocol version */
};

/** Start `code.n` hosts with one pool of that code, "rs:5,3"; fails the test if it can not. */
struct local_hosts *local_hosts_start(const char *code, unsigned shard_count);
void local_hosts_stop(struct local_hosts *hosts);

/** Addresses of all hosts, as areg_open() wants them. */
const char *local_hosts_seeds(const struct local_hosts *hosts);
const char *local_hosts_address(const struct local_hosts *hosts, unsigned host_index);
/** From now on; any thread. */
void local_hosts_set_faults(struct local_hosts *hosts, unsigned host_index, unsigned faults);
/** Put-data messages that came to this host, also those that it ignored. */
uint64_t local_hosts_puts(const struct local_hosts *hosts, unsigned host_index);

#endif
