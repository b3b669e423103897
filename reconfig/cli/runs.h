/*
 * Reconfigurations of many shards, some at a time, watched by whoever began them.
 */
#ifndef RECONFIG_CLI_RUNS_H
#define RECONFIG_CLI_RUNS_H

#include "reconfig/cli/shards.h"

enum run_state {
    RUN_WAITING,
    RUN_UNDER_WAY,
    RUN_ENDED,
};

/** Why a run was given up. */
enum run_end {
    RUN_END_OWN, /* it was not */
    RUN_END_INTERRUPTED,
    RUN_END_UNANSWERED, /* hosts that it needs are silent */
    RUN_END_PAUSED,     /* the transfer rests */
    RUN_END_STUCK,      /* the transfer waits for registers that can not be moved */
};

/** One shard's. */
struct run {
    struct shard *shard;
    const struct plan *plan;
    enum run_state state;
    uint64_t ticket;
    enum run_end end;
    enum areg_error error; /* AREG_ECANCELED: interrupted */
    char detail[512];
    struct reconfigure_progress progress; /* the last one that was seen */
    uint64_t changed_ns;                  /* when it was another one */
    bool is_decided;                      /* that has been told */
    bool is_told;                         /* its end has been told */
};

struct runs {
    struct admin *admin;
    unsigned count;
    struct run *at;
    struct config *bases; /* of each: the last finalized configuration before */
    uint64_t bytes_per_s; /* pace of each worker; 0: no limit */
    /* Called again and again while they run; false: give them up. */
    bool (*watch)(struct runs *runs, void *arg);
    void *arg;
    bool was_interrupted;
};

/** Room for `count_max` of them. False, and said so: no memory. */
bool runs_init(struct runs *runs, struct admin *admin, unsigned count_max, enum exit_code *code) MUST_USE;
void runs_fini(struct runs *runs);
/** `plan` NULL: finish what is pending. Both are borrowed until runs_fini(). */
void runs_add(struct runs *runs, struct shard *shard, const struct plan *plan);

/** Run all of them to their ends, RUNS_AT_ONCE at a time. One in which nothing has changed for the timeout is given up
 * with AREG_EUNAVAIL. Shards are updated with what has become of them. */
void runs_run(struct runs *runs);

enum {
    /* Each moves the registers of a shard; their workers are mostly the same hosts. */
    RUNS_AT_ONCE = 8,
    WATCH_MS = 100,
};

#endif
