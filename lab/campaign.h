/*
 * Simulations of many seeds, on several cores at once. Each worker is a process of its own: one in which an assertion
 * of the engines fails, or a step never ends, has found something, and the others go on.
 */
#ifndef LAB_CAMPAIGN_H
#define LAB_CAMPAIGN_H

#include "sim/sim.h"

enum { CAMPAIGN_JOBS_MAX = 64, CAMPAIGN_BROKEN_MAX = 16 };

/* A seed that takes longer hangs: hundreds of times what one takes under a sanitizer. For each operation that is asked
 * for, a millisecond more. */
#define CAMPAIGN_SEED_NS_MAX (UINT64_C(600) * 1000000000)

struct campaign_options {
    struct sim_options sim; /* but the seed; without log, history and timeline */
    uint64_t first_seed;
    uint64_t seed_count; /* UINT64_MAX: no limit */
    uint64_t run_ns;     /* begin no seed after this time; UINT64_MAX: no limit */
    uint64_t timeout_ns; /* give up after this time, whatever is under way; UINT64_MAX: never */
    /* What takes longer hangs: its worker is killed. */
    uint64_t seed_ns_max;
    unsigned jobs;       /* 1..CAMPAIGN_JOBS_MAX */
    unsigned broken_max; /* begin no seed after so many were broken, 1..CAMPAIGN_BROKEN_MAX */
    /* Where the next seed is kept, so that a campaign that was ended goes on there; NULL: nowhere. */
    const char *state_path;
    bool shows_progress; /* on stderr */
};

struct campaign_broken {
    uint64_t seed;
    char name[SIM_NAME_BYTES]; /* "assertion" if the process ended, "hangs" if it did not end */
    char why[SIM_WHY_BYTES];
};

struct campaign_result {
    uint64_t seed_count;
    uint64_t broken_count;
    unsigned broken_kept; /* of them, in the order of their seeds */
    struct campaign_broken broken[CAMPAIGN_BROKEN_MAX];
    uint64_t event_count;
    uint64_t op_count;
    uint64_t virtual_ns;
    uint64_t wall_ns;
    struct sim_outcomes reads;
    struct sim_outcomes writes;
    uint64_t fault_counts[FAULT_COUNT];
    struct sim_reconfigurations reconfigurations;
};

/** AREG_EIO: no process could be started, or the state not be read or written; AREG_ECANCELED: it has given up. `why`
 * is a sentence then, and `*result` what had been found before. */
enum areg_error campaign_run(const struct campaign_options *options, struct campaign_result *result,
                             char why[SIM_WHY_BYTES]) MUST_USE;

#endif
