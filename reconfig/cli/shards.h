/*
 * The shards of a cluster, and the configurations that they have now as the engine finds them.
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

/** Keep what the engine found, or what has become of it; the descriptors are taken out of `done`. */
void shard_take(struct shard *shard, struct client_done *done);

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
 * configurations held the same; of the holder of values that tells the least. Negative: not known.
 */
double shard_share(const struct shard *shard, const struct host_asked *hosts, unsigned host_count, const char *name);

/** Whether a host is a member in any shard, now or soon. */
bool shards_have_host(const struct shards *shards, const struct host_id *id);
/** Whether two configurations of different shards have the same index, members, code and delta. */
bool configs_are_alike(const struct config *a, const struct config *b);

#endif
