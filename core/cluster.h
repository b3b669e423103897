/*
 * The cluster as genesis describes it: its hosts, its pools, and c0 of every shard. Read once when the cluster is
 * born, equal on every host, and handed to every client that asks.
 */
#ifndef CORE_CLUSTER_H
#define CORE_CLUSTER_H

#include "core/config.h"

struct cluster_host {
    struct host_id id;
    char address[ADDRESS_BYTES_MAX + 1];
    char rack[HOST_ID_BYTES_MAX + 1]; /* "" if none */
};

struct pool {
    char name[POOL_NAME_BYTES_MAX + 1];
    char prefix[POOL_PREFIX_BYTES_MAX + 1];
    struct code code;
    uint16_t delta;
    uint16_t shard_count;
    uint32_t shard_first;                   /* derived: shards are numbered through the pools, in order */
    uint8_t member_hosts[MEMBER_COUNT_MAX]; /* code.n positions in cluster.hosts */
};

struct cluster {
    char name[CLUSTER_NAME_BYTES_MAX + 1];
    uint16_t host_count;
    uint16_t pool_count;
    uint32_t shard_count;    /* derived */
    struct config_id digest; /* derived: of the canonical encoding */
    struct cluster_host hosts[HOST_COUNT_MAX];
    struct pool pools[POOL_COUNT_MAX];
};

/**
 * Check what genesis says and derive the rest (shard numbers, digest). On AREG_EINVAL, `why` says what is wrong,
 * naming the host or the pool. AREG_ENOMEM says nothing.
 */
enum { CLUSTER_WHY_BYTES = 256 };
enum areg_error cluster_settle(struct cluster *cluster, char why[CLUSTER_WHY_BYTES]) MUST_USE;

/** Canonical encoding of a settled cluster; CLUSTER_ENCODED_BYTES_MAX is always enough room. */
size_t cluster_encode(const struct cluster *cluster, uint8_t *to, size_t room_bytes);
/** Judge an encoding, and settle it. */
enum areg_error cluster_decode(struct slice encoded, struct cluster *cluster) MUST_USE;

/** The shard of a key: the pool with the longest prefix of it, then by hash; -1 if no pool takes the key. */
int64_t cluster_shard_of_key(const struct cluster *cluster, struct slice key);
/** The pool that a shard belongs to; NULL for a shard that is none. */
const struct pool *cluster_pool_of_shard(const struct cluster *cluster, uint32_t shard);
/** Whether keys with this prefix may lie in this pool. */
bool cluster_pool_may_hold(const struct pool *pool, struct slice key_prefix);
/** c0 of a shard, with its id. */
void cluster_genesis_config(const struct cluster *cluster, uint32_t shard, struct config *config);
/** Position of a host; -1 if it is none. */
int cluster_host_index(const struct cluster *cluster, const struct host_id *id);

#endif
