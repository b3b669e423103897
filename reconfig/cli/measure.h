/*
 * What a pool's hosts tell of the load on them, and of their machines: the difference of two statuses, and how long
 * they take to answer.
 */
#ifndef RECONFIG_CLI_MEASURE_H
#define RECONFIG_CLI_MEASURE_H

#include "reconfig/cli/shards.h"

/** Zero is what nobody has told. */
struct measured {
    bool has_rates; /* enough hosts count what is asked for */
    double reads_per_s;
    double writes_per_s;
    uint64_t value_bytes;    /* the mean of what is written; if nothing is, of what is stored */
    uint64_t register_count; /* about */
    uint64_t round_trip_min_ns;
    uint64_t round_trip_max_ns; /* but for the slowest tenth, which says more about this machine */
    uint64_t commit_median_ns;
    uint64_t commit_max_ns; /* but for the slowest hundredth */
};

/** What one host has counted since it started. */
struct host_counts {
    bool is_told;
    uint64_t gets;
    uint64_t puts;
    uint64_t put_bytes;
};
/** What a host's status says; one of another version may not tell it. */
struct host_counts host_counts_of(const struct host_asked *host);

/**
 * Rates from what the hosts of shards with this code have counted. Those that have not told twice, or that have started
 * anew meanwhile, are taken to be like the others.
 */
void measure_rates(const struct host_counts *before, const struct host_counts *after, unsigned host_count,
                   double seconds, struct code code, struct measured *measured);

/**
 * Watch the selected shards' hosts for `window_ns`; 0: ask them once, which tells no rates. False, and said so: that
 * could not be done.
 */
bool measure(struct admin *admin, const struct shards *shards, uint64_t window_ns, struct measured *measured,
             enum exit_code *code) MUST_USE;

#endif
