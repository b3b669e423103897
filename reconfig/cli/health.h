/*
 * How many more hosts a shard can lose, given those that are down.
 */
#ifndef RECONFIG_CLI_HEALTH_H
#define RECONFIG_CLI_HEALTH_H

#include "reconfig/cli/shards.h"

enum health {
    HEALTH_GOOD,     /* all members are up, and some may be lost */
    HEALTH_DEGRADED, /* not all are, but some more may be lost */
    HEALTH_AT_RISK,  /* it works, until one more is lost */
    HEALTH_STOPPED,  /* no quorum, or nobody tells */
};

struct shard_health {
    enum health health;
    unsigned up_count; /* of the members of the finalized configuration */
    int spare_count;   /* members that may still be lost, also of the pending configuration; negative: no quorum */
};

/** @stopped  Hosts that are to be counted as down, too. */
struct shard_health shard_health(const struct shard *shard, const struct host_asked *hosts, unsigned host_count,
                                 const struct host_id *stopped, unsigned stopped_count);

/** "healthy", "degraded", "at risk", "unavailable". */
const char *health_name(enum health health);
/** The same for programs: "at_risk". */
const char *health_json_name(enum health health);
enum exit_code health_exit_code(enum health health);

#endif
