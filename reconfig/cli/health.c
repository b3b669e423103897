#include "reconfig/cli/health.h"

/* Members of one configuration that are up. */
static struct voters find_up(const struct config *config, const struct host_asked *hosts, unsigned host_count,
                             const struct host_id *stopped, unsigned stopped_count)
{
    struct voters up = {0};
    for (unsigned i = 0; i < config->member_count; i++) {
        const struct member *member = &config->members[i];
        bool is_up = member_state(config, i, hosts_find(hosts, host_count, &member->id)) == MEMBER_UP;
        for (unsigned j = 0; j < stopped_count; j++)
            is_up = is_up && !host_id_equal(&member->id, &stopped[j]);
        if (is_up)
            voters_add(&up, i);
    }
    return up;
}

struct shard_health shard_health(const struct shard *shard, const struct host_asked *hosts, unsigned host_count,
                                 const struct host_id *stopped, unsigned stopped_count)
{
    struct shard_health health = {.health = HEALTH_STOPPED, .spare_count = -1};
    if (!shard->has_base)
        return health;
    const struct voters up = find_up(&shard->base, hosts, host_count, stopped, stopped_count);
    health.up_count = voters_count(up);
    health.spare_count = code_spare_count(shard->base.code, up);
    bool are_all_up = health.up_count == shard->base.member_count;
    if (shard->has_pending) {
        const struct voters soon = find_up(&shard->pending, hosts, host_count, stopped, stopped_count);
        const int spare_count = code_spare_count(shard->pending.code, soon);
        health.spare_count = spare_count < health.spare_count ? spare_count : health.spare_count;
        are_all_up = are_all_up && voters_count(soon) == shard->pending.member_count;
    }
    if (shard->error || health.spare_count < 0)
        health.health = HEALTH_STOPPED;
    else if (health.spare_count == 0)
        health.health = HEALTH_AT_RISK;
    else
        health.health = are_all_up ? HEALTH_GOOD : HEALTH_DEGRADED;
    return health;
}

const char *health_name(enum health health)
{
    static const char *const names[] = {"healthy", "degraded", "at risk", "unavailable"};
    return names[health];
}

const char *health_json_name(enum health health)
{
    return health == HEALTH_AT_RISK ? "at_risk" : health_name(health);
}

enum exit_code health_exit_code(enum health health)
{
    static const enum exit_code codes[] = {EXIT_CODE_OK, EXIT_CODE_DEGRADED, EXIT_CODE_AT_RISK, EXIT_CODE_STOPPED};
    return codes[health];
}
