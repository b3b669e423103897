/*
 * Placement: which hosts are the members of each shard, and in which order, so that all of them have their share.
 *
 * It starts from the placement that there is, or from none, and changes as little of it as it can: what counts is what
 * the configurations of the shards say, so there is no need for a hash that gives the same answer to everyone, which
 * would be paid for with balance. (Hosts drawn by weighted hashing alone differ by a sixth of their load where each has
 * 37 slots; Ceph repairs that afterwards with exceptions, we have nothing but exceptions.) The result depends on ids,
 * racks, weights and the placement before alone: not on chance, nor on the order in which hosts are listed, nor, since
 * all of it is in whole numbers, on the machine.
 *
 * A slot is one position of one shard.
 *   - A member that stays keeps its position, for its fragment is of that position [plan.h].
 *   - No two members of a shard are in one rack, if racks suffice; else as few as possible.
 *   - Each host has, as far as racks allow, its share of the slots by weight, less than two slots away from it.
 *   - Of its slots, as many as of all slots are among the first positions, which reads fetch from [treas_ask.c].
 *   - The hosts that share shards with one host are as good as drawn at random: when it is lost, many of them help.
 */
#ifndef RECONFIG_PLACEMENT_H
#define RECONFIG_PLACEMENT_H

#include "core/config.h"

enum {
    /* More than a cluster may have: the lab places them, too. */
    PLACEMENT_HOST_COUNT_MAX = 4096,
    PLACEMENT_SHARD_COUNT_MAX = 1 << 16,
    PLACEMENT_WEIGHT_MAX = 1 << 20, /* as GiB: up to 1 PiB */
    PLACEMENT_NOBODY = UINT16_MAX,
};

struct placement_host {
    struct host_id id;
    char rack[HOST_ID_BYTES_MAX + 1]; /* "": shares nothing with other hosts */
    uint32_t weight;                  /* by capacity, in any unit; 0: keeps nothing and is given nothing */
};

struct placement_rules {
    uint32_t shard_count;
    unsigned member_count; /* of each shard */
    unsigned busy_count;   /* the first so many positions have more to do than the others: k */
};

/**
 * Fill in, and where weights or racks demand it change, the members of all shards.
 *
 * @members  The member at position p of shard s is hosts[members[s * member_count + p]]; PLACEMENT_NOBODY: vacant, as
 * is any other number that is none of a host. In the result nothing is vacant.
 *
 * Cost      What moves is the least that gives all hosts their shares, unless racks are in the way.
 * Returns   AREG_EINVAL (fewer than member_count hosts with a weight, one id twice, a number above its limit),
 *           AREG_ENOMEM; then nothing has changed.
 */
enum areg_error placement_settle(const struct placement_host *hosts, unsigned host_count,
                                 const struct placement_rules *rules, uint16_t *members) MUST_USE;

#endif
