/*
 * The workers of a pending configuration: how far they are, and their pace. They are asked directly, since the engine
 * only knows them while a reconfiguration is under way here.
 */
#ifndef RECONFIG_CLI_WORKERS_H
#define RECONFIG_CLI_WORKERS_H

#include "reconfig/cli/shards.h"

/** Of one shard. */
struct workers {
    unsigned count; /* members of the pending configuration, in their order */
    struct host_asked hosts[MEMBER_COUNT_MAX];
    struct transfer_progress sum; /* of all that have told; is_paused: some are */
    unsigned silent_count;        /* those that have not */
};

/** Ask all members of the shard's pending configuration. AREG_ENOMEM, AREG_EIO. */
enum areg_error workers_ask(const struct admin *admin, const struct shard *shard, struct workers *workers) MUST_USE;

/** What is to become of their pace; what is not set stays as each of them has it. */
struct pace {
    bool sets_paused;
    bool is_paused;
    bool sets_rate;
    uint64_t bytes_per_s;
};
/** Ask them, and then set their pace, durably. AREG_EUNAVAIL if some have not answered: they are in `workers`. */
enum areg_error workers_set_pace(const struct admin *admin, const struct shard *shard, const struct pace *pace,
                                 struct workers *workers) MUST_USE;

/** "s3 (tcp://...), s4 (tcp://...)": those that have not answered. */
void workers_list_silent(const struct workers *workers, char *to, size_t room_bytes);
/** "s3: 2 registers can not be moved: see its log, s4: ..."; empty: none of them tells of any. */
void workers_list_stuck(const struct workers *workers, char *to, size_t room_bytes);

#endif
