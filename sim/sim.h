/*
 * The simulator: the engines that aregd and libareg run, driven by a virtual network, disk and clock, in one thread,
 * from one 64-bit seed. Messages pass through wire/. The same options give the same run, event by event.
 *
 * A run has two phases. In the first, clients read and write while every enabled class of faults does its worst, as far
 * as the protocol promises to survive it; what must hold then is safety. Then everything heals but for at most f hosts,
 * and what must hold is liveness: all that is under way ends within a bounded virtual time, and every register can be
 * read. All through it the invariants of PROTOCOL §6 are checked after every step that could break them, and at the end
 * the history is judged by versions and by values.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "core/config.h"
#include "core/plant.h"
#include "sim/history.h"

#include <stdio.h>

/* ---------------------------------------------------------------- what goes wrong */

enum fault {
    FAULT_DELAY,     /* delays vary, by link and by message */
    FAULT_LOSS,      /* messages are lost */
    FAULT_DUP,       /* messages arrive twice */
    FAULT_REORDER,   /* messages of one link overtake each other */
    FAULT_CORRUPT,   /* a bit of a message flips */
    FAULT_PARTITION, /* links are cut: between two groups, one way, or all of one host but a bridge */
    FAULT_CLOG,      /* a link, a client or a host is slow for a long time */
    FAULT_CRASH,     /* hosts die, and come back later */
    FAULT_RESTART,   /* hosts die, and come back at once */
    FAULT_PAUSE,     /* processes stop, and go on with old timers */
    FAULT_CLIENT,    /* clients die in the middle of operations */
    FAULT_CLOCK,     /* clocks run at different speeds, and jump */
    FAULT_DISK,      /* commits are slow; a failing one stops the host */
    FAULT_FULL,      /* disks are full for a while */
    FAULT_ROT,       /* bits of stored fragments flip */
    FAULT_LOST,      /* a host's disk is gone, and the host with it */
    FAULT_RECONFIG,  /* configurations change: hosts come and go, codes too; no fault, but as disturbing */
    FAULT_COUNT,
};
#define FAULTS_ALL ((UINT32_C(1) << FAULT_COUNT) - 1)

/** "crash"; these are the words of --nemesis. */
const char *fault_name(enum fault fault);

/* ---------------------------------------------------------------- a run */

enum {
    SIM_HOST_MAX = 64,
    SIM_CLIENT_MAX = 256,
    SIM_RECONFIGURER_MAX = 8,
    SIM_KEY_MAX = 1024,
    SIM_DEPTH_MAX = 64,
    SIM_OP_MAX = 100 * 1000 * 1000,
};

/** Zero means: drawn from the seed. */
struct sim_options {
    uint64_t seed;
    struct code code;
    unsigned host_count;  /* of genesis: at least code.n */
    unsigned spare_count; /* further hosts, which are members of nothing at first */
    bool has_spares;      /* exactly so many, which may be none */
    bool has_delta;       /* exactly `delta`, which may be 0; else it is drawn */
    unsigned delta;
    unsigned client_count;
    unsigned depth; /* operations that each client has under way */
    unsigned
        reconfigurer_count; /* processes that change configurations; with a number, that class is never drawn off */
    unsigned key_count;
    uint32_t op_count;
    uint32_t value_bytes_max;
    bool has_faults; /* exactly `faults`; else each class is drawn on or off */
    uint32_t faults; /* bits of enum fault */
    FILE *log;       /* one line for each event; NULL: none */
    FILE *history;   /* what the checkers read; NULL: not written */
    FILE *timeline;  /* a picture of what a judge of the history found; NULL: none */
};

enum { SIM_NAME_BYTES = 40, SIM_WHY_BYTES = 400 };

struct sim_outcomes {
    uint64_t ok;
    uint64_t not_found;
    uint64_t stale;
    uint64_t failed; /* without effect */
    uint64_t unknown;
};

/** What became of configurations, as disks tell. */
struct sim_reconfigurations {
    uint64_t begun; /* operations: looks, and attempts to finish what is pending, among them */
    uint64_t ok;
    uint64_t stale;   /* somebody else was faster */
    uint64_t failed;  /* without effect */
    uint64_t unknown; /* cut off, by the death of its process, too */
    uint64_t decided;
    uint64_t finalized;
    uint64_t taken_over; /* of these, by another process than the one that wanted it */
    uint64_t registers_moved;
    uint64_t bytes_moved; /* fragments that came or went over the network for them */
};

struct sim_report {
    /* "" if all is well; else what is broken, by its name in docs/simulator.md: "I5", "liveness", "versions". */
    char broken[SIM_NAME_BYTES];
    char why[SIM_WHY_BYTES];
    uint64_t broken_ns;

    struct sim_options drawn; /* the options, with all that was drawn */
    uint64_t event_count;
    uint64_t trace_digest;
    uint64_t virtual_ns;
    uint64_t op_count;
    struct sim_outcomes reads;
    struct sim_outcomes writes;
    uint64_t fault_counts[FAULT_COUNT];
    uint64_t packet_count;
    /* Of packets over the network: all but those between a host and its own agent. */
    uint64_t network_packet_count;
    uint64_t network_header_bytes;
    uint64_t network_payload_bytes;
    uint64_t admin_payload_bytes; /* of those to and from who changes configurations */
    /* Of operations that completed. */
    uint64_t read_rounds;
    uint64_t write_rounds;
    uint64_t read_bytes;         /* of values */
    uint64_t write_bytes;        /* of values */
    uint64_t payload_bytes_sent; /* by clients */
    uint64_t payload_bytes_answered;
    uint64_t write_back_count;
    uint64_t commit_count;
    struct sim_reconfigurations reconfigurations;
    uint64_t trims_forced;   /* entries that hosts dropped though nothing newer was known to be complete */
    uint64_t latency_max_ns; /* of an operation that completed */
    uint64_t latency_min_ns;
};

/** Run to the end, or until something is broken. Fails a CHECK without memory. */
void sim_run(const struct sim_options *options, struct sim_report *report);

/* ---------------------------------------------------------------- planted bugs */

/** "quorum-short"; "none" for PLANT_NONE. */
const char *plant_name(enum plant plant);
/** What is wrong then: a sentence. */
const char *plant_sentence(enum plant plant);
/** It shows only while configurations change. */
bool plant_needs_reconfiguration(enum plant plant);
/** No number of seeds that anybody would run shows it, only this scenario; else NULL. */
const char *plant_scenario(enum plant plant);
/** Plant one, or none, in all simulations of this process. */
void plant_set(enum plant plant);

#endif
