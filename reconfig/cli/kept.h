/*
 * What this machine keeps of the cluster's configurations: plans, so that they can be applied by their names, and the
 * configurations that it has seen, since hosts forget those that are over. Nothing depends on it: a plan can be made
 * again, and a configuration proves itself by its id.
 *
 *     DIR/p-0123456789         a plan
 *     DIR/DIGEST.configs       the configurations of the cluster with that digest: one descriptor a line, in
 * hexadecimal
 *
 * DIR is --plans, $XDG_CACHE_HOME/areg or ~/.cache/areg.
 */
#ifndef RECONFIG_CLI_KEPT_H
#define RECONFIG_CLI_KEPT_H

#include "reconfig/change.h"
#include "reconfig/cli/shards.h"

enum { KEPT_WHY_BYTES = 512, KEPT_PLAN_BYTES_MAX = 256 << 10 };

/** A plan as it is kept: what was asked for, and for which configurations it was made. */
struct kept_plan {
    struct config_id cluster;           /* its digest */
    char pool[POOL_NAME_BYTES_MAX + 1]; /* "": all */
    bool is_forced;
    unsigned word_count;
    const char *words[ADMIN_WORD_COUNT_MAX]; /* lent by `text`, if it was read */
    unsigned base_count;
    struct kept_base {
        uint32_t shard;
        uint32_t index;
        struct config_id id;
    } * bases; /* heap, if it was read */
    char *text;
};

/** Keep it as `id`, whole or not at all. AREG_EIO; `why` is a sentence. */
enum areg_error kept_plan_write(const struct admin *admin, const char *id, const struct kept_plan *plan,
                                char why[KEPT_WHY_BYTES]) MUST_USE;
/** AREG_ENOTFOUND, AREG_EIO, AREG_EINVAL (it is damaged), AREG_ENOMEM. Free it with kept_plan_fini(). */
enum areg_error kept_plan_read(const struct admin *admin, const char *id, struct kept_plan *plan,
                               char why[KEPT_WHY_BYTES]) MUST_USE;
void kept_plan_fini(struct kept_plan *plan);

/** Print a plan as its file holds it, and read that: bytes that are judged. */
enum areg_error kept_plan_print(const struct kept_plan *plan, char *to, size_t room_bytes) MUST_USE;
/** `text` is changed, and the plan borrows from it. AREG_EINVAL, AREG_ENOMEM. */
enum areg_error kept_plan_parse(char *text, struct kept_plan *plan) MUST_USE;

/** Add those configurations that are not kept yet. It is no failure if that is not possible. */
void kept_configs_add(const struct admin *admin, const struct shards *shards);

/** One configuration that is kept; false: enough. */
typedef bool kept_config_fn(const struct config *config, void *arg);
/** All of them, in the order in which they were seen; lines that are none are passed over. */
void kept_configs_each(const struct admin *admin, kept_config_fn *each, void *arg);
/** The configuration of this shard with this id: kept, or the one that genesis tells. False: not known here. */
bool kept_config_find(const struct admin *admin, uint32_t shard, struct config_id id, struct config *config);

#endif
