/*
 * Which code suits a workload: all that are possible with so many hosts, what each tolerates, stores, sends and takes,
 * and the cheapest of those that are safe enough and fast enough.
 */
#ifndef RECONFIG_ADVISE_H
#define RECONFIG_ADVISE_H

#include "reconfig/forecast.h"

enum { ADVICE_COUNT_MAX = MEMBER_COUNT_MAX * (MEMBER_COUNT_MAX + 1) / 2 };

/** What is asked for. */
struct advise_wish {
    unsigned host_count_max; /* 1..MEMBER_COUNT_MAX */
    unsigned tolerance;      /* hosts that may be lost, at least */
    uint64_t p99_ns;         /* of reads and of writes, at most; 0: however long */
};

/** What is to be said of one code. */
struct advice {
    struct code code;
    unsigned tolerance;
    double stored;     /* bytes on disks for each byte of a value */
    double read_bytes; /* over the network, for each operation */
    double write_bytes;
    double mean_bytes; /* of the workload's mixture */
    double moved;      /* bytes over the network for each byte of a value, to get there; negative: not known */
    struct forecast forecast;
    bool is_fast_enough;
};

/** All of them, the cheapest first. */
struct advices {
    unsigned count;
    int best;    /* index of the one to take; -1: none is fast enough */
    int nearest; /* if so, the one that comes nearest to it; -1: none tolerates so much */
    struct advice at[ADVICE_COUNT_MAX];
};

/**
 * Judge repl:n and rs:n,k (k > 1) for all n up to `wish->host_count_max` that tolerate what is wished for; never less.
 * Cheaper is what stores less, then what sends less, then what has fewer members.
 *
 * @base  The present configuration; NULL: none is known.
 */
void advise(const struct workload *workload, const struct machines *machines, const struct advise_wish *wish,
            const struct config *base, struct advices *advices);

#endif
