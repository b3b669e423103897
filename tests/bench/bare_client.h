/*
 * The client of the bare loop: a fixed number of operations under way over n DEALERs, each begun anew as it ends.
 *
 * A put asks every host with a small record, awaits a quorum, sends every host its fragment, and awaits a quorum again.
 * A get awaits the fragments of the first k hosts and a quorum of answers. That is what areg's operations on a register
 * that nobody else uses are, without what areg knows about tags, versions, faults, time and codes.
 */
#ifndef TESTS_BENCH_BARE_CLIENT_H
#define TESTS_BENCH_BARE_CLIENT_H

#include "tests/bench/bare_packet.h"

enum { BARE_HOST_COUNT_MAX = 32, BARE_DEPTH_MAX = 256 };

struct bare_client_options {
    unsigned host_count;     /* n */
    unsigned fragment_count; /* k */
    unsigned depth;          /* operations under way */
    unsigned key_count;      /* drawn from uniformly */
    size_t value_bytes;
    bool batch;
};

struct bare_client;

/** Connect to the hosts. Everything here ends the process if anything goes wrong. */
struct bare_client *bare_client_create(const struct bare_client_options *options, char *const *addresses);
void bare_client_destroy(struct bare_client *client);

/** The latencies of the operations that ended in one run. */
struct latencies {
    size_t count;
    size_t room;
    uint32_t *us;
};

/**
 * Run operations until `operation_count` have begun or `run_ns` has gone by, and then until all have ended.
 *
 * @kind  RECORD_PUT or RECORD_GET
 * Returns the time that it took, in nanoseconds.
 */
uint64_t bare_client_run(struct bare_client *client, enum record_kind kind, uint64_t operation_count, uint64_t run_ns,
                         struct latencies *latencies);

#endif
