/*
 * The shards of a cluster and the configurations that they have now, as the engine finds them; and reconfigurations of
 * many shards, some at a time, watched.
 */
#ifndef RECONFIG_CLI_SHARDS_H
#define RECONFIG_CLI_SHARDS_H

#include "reconfig/cli/hosts.h"
#include "reconfig/cli/program.h"
#include "reconfig/plan.h"

/** What is known of one shard. */
struct shard {
    uint32_t shard;
    const struct pool *pool;
    bool is_selected;      /* by --pool */
    enum areg_error error; /* of the last look */
    char detail[256];
    bool has_base; /* also after an error: then it may be old */
    bool has_pending;
    struct config base;
    struct config pending;
};

struct shards {
    unsigned count;          /* all of the cluster */
    unsigned selected_count; /* in the pool that was asked for */
    unsigned unknown_count;  /* of those: without a quorum that tells */
    struct shard *at;
};

/** Look at all shards. False, and said so: out of memory, or the like; shards without a quorum are no failure. */
bool shards_look(struct admin *admin, struct shards *shards, enum exit_code *code) MUST_USE;
void shards_fini(struct shards *shards);

/**
 * Ask every host that is a member of anything, now or soon, for its status. `*hosts` is to be freed, after
 * hosts_fini(); the pending configurations' hosts come after those of the finalized ones.
 */
bool shards_ask_hosts(struct admin *admin, const struct shards *shards, struct host_asked **hosts, unsigned *host_count,
                      enum exit_code *code) MUST_USE;

/** How many configurations each of these hosts is a member of, now or soon, in any shard. */
void shards_count_memberships(const struct shards *shards, struct host_asked *hosts, unsigned host_count);
/**
 * The shard's own part of a number that its hosts tell of all that they hold ("register_count"), as if all of their
 * configurations held the same; of the member that tells the least. Negative: not known.
 */
double shard_share(const struct shard *shard, const struct host_asked *hosts, unsigned host_count, const char *name);

/** Whether a host is a member in any shard, now or soon. */
bool shards_have_host(const struct shards *shards, const struct host_id *id);
/** Whether two configurations of different shards have the same index, members, code and delta. */
bool configs_are_alike(const struct config *a, const struct config *b);

/* ---------------------------------------------------------------- reconfigurations */

enum run_state {
    RUN_WAITING,
    RUN_UNDER_WAY,
    RUN_ENDED,
};

/** One shard's. */
struct run {
    struct shard *shard;
    const struct plan *plan;
    enum run_state state;
    uint64_t ticket;
    bool is_given_up;
    enum areg_error error; /* AREG_ECANCELED: interrupted */
    char detail[256];
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
