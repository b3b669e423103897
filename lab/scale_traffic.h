/*
 * Reads and writes of many clients on many hosts, as queues: what a message waits for is modelled, what is in it is
 * not.
 *
 *   client -> [ its link ] -> [ link of a host ] -> [ its processor ] -> reads:  [ its link ] -> [ link of the client ]
 *                                                                     -> writes: [ its disk, in batches ] -> client
 *
 * Links, processors and disks are those of sim/study.h. The rules are those of the engines: a read asks all members for
 * tags and k of them, those that are not slow first, for fragments; it ends with a quorum of tags and k fragments. A
 * fragment that is late is fetched from another member, as soon as a quorum has answered [dap/treas_ask.c;
 * client/peers.c]. A write takes two rounds with a quorum each. Left out: contention (nobody writes back), what is lost
 * or repeated, CONFIRM, and the sizes of messages without fragments.
 */
#ifndef LAB_SCALE_TRAFFIC_H
#define LAB_SCALE_TRAFFIC_H

#include "lab/histogram.h"
#include "lab/scale_field.h"

enum traffic_kind { TRAFFIC_READ, TRAFFIC_WRITE, TRAFFIC_KIND_COUNT };

struct traffic_options {
    const struct scale_options *scale;
    bool hedges; /* else nobody is late, however late he is */
};

struct traffic_tally {
    uint64_t op_count;
    uint64_t latency_ns; /* of all together */
    uint64_t hedge_count;
    uint64_t request_count;
    struct histogram latencies_ns;
};

struct traffic_report {
    struct traffic_tally kinds[TRAFFIC_KIND_COUNT]; /* begun after the first tenth of the time */
    uint64_t begun_count;
    uint64_t ended_count;
    uint64_t refused_count; /* too much was under way already */
    double in_flight_mean;  /* operations under way, as those that begin find it */
    double busy_mean;       /* share of the time that hosts send, receive or process, whatever takes longest */
    double busy_max;        /* of the host that has the most to do */
    uint64_t event_count;
    uint64_t virtual_ns;
};

/** Run it to the end of the last operation. Fails a CHECK without memory. */
void traffic_run(const struct traffic_options *options, const struct field *field, struct traffic_report *report);

#endif
