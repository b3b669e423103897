/*
 * How long reads and writes would take with a code, without trying it: a model of few numbers.
 *
 * A read or a write is drawn many times, each time message by message, as the protocol sends them: they wait their turn
 * at the client's network, take between d and D, wait at the host for those before them (Pollaczek and Khinchine: a
 * geometric number of others, the first of which is half done), and a round ends with the last reply that it needs:
 * the quorum-th of n, and for a read those of the k members that were asked for fragments. A put also waits for the
 * commit under way, if there is one, and for its own. A read that meets a write of its register goes on as the protocol
 * does: it fetches what is missing, and writes back. What is not in it: failures, time-outs, hot registers, the
 * machine's scheduler.
 */
#ifndef RECONFIG_FORECAST_H
#define RECONFIG_FORECAST_H

#include "core/config.h"

/** What clients do. Operations come at random, independent of each other. */
struct workload {
    double reads_per_s;
    double writes_per_s;
    uint64_t value_bytes;
    uint64_t register_count; /* all used alike; 0: so many that no two operations meet */
    unsigned client_count;   /* that share the load evenly; 0: so many that none waits for itself */
};

/** What they do it with. Delays are uniform between their bounds, and so is each half of the commits. */
struct machines {
    uint64_t delay_min_ns; /* of a message, one way */
    uint64_t delay_max_ns;
    uint64_t bandwidth_bytes_per_s; /* of each client and each host, each way; 0: without limit */
    uint64_t commit_min_ns;
    uint64_t commit_median_ns;
    uint64_t commit_max_ns;
    uint64_t disk_bytes_per_s; /* 0: without limit */
    uint64_t processing_ns;    /* of each message, on a host */
};

/** Machines of one rack, with disks that keep what they have told: orders of magnitude, for what nobody has measured.
 */
struct machines machines_usual(void);

/** Something is asked for more than it can do if `utilisation` >= 1; latencies are 0 then. */
struct forecast {
    double read_p50_ns;
    double read_p99_ns;
    double write_p50_ns;
    double write_p99_ns;
    double utilisation;  /* of what is busiest */
    const char *busiest; /* "disks" */
};

/** What a message takes on the wire beside a value, on average. */
enum { FORECAST_HEADER_BYTES = 60 };

/** The same for the same arguments, on every machine. Not for codes with directories. */
struct forecast forecast_make(const struct workload *workload, const struct machines *machines, struct code code);

#endif
