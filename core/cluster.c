#include "core/cluster.h"

#include "core/check.h"
#include "core/digest.h"
#include "core/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLUSTER_FORMAT = 1 };

enum {
    HOST_ENCODED_BYTES_MAX = 2 + HOST_ID_BYTES_MAX + 2 + ADDRESS_BYTES_MAX + 2 + HOST_ID_BYTES_MAX,
    POOL_ENCODED_BYTES_MAX = 2 + POOL_NAME_BYTES_MAX + 2 + POOL_PREFIX_BYTES_MAX + 4 + 2 + 2 + MEMBER_COUNT_MAX,
};
_Static_assert(1 + 2 + CLUSTER_NAME_BYTES_MAX + 2 + HOST_COUNT_MAX * HOST_ENCODED_BYTES_MAX + 2 +
                       POOL_COUNT_MAX * POOL_ENCODED_BYTES_MAX <=
                   CLUSTER_ENCODED_BYTES_MAX,
               "every possible cluster must fit");
_Static_assert(HOST_COUNT_MAX - 1 <= UINT8_MAX, "a pool names its members' positions in one byte each");

size_t cluster_encode(const struct cluster *cluster, uint8_t *to, size_t room_bytes)
{
    struct bytes_writer writer = bytes_writer_on(to, room_bytes);
    bytes_put_u8(&writer, CLUSTER_FORMAT);
    bytes_put_text(&writer, cluster->name, strlen(cluster->name));
    bytes_put_u16(&writer, cluster->host_count);
    for (unsigned i = 0; i < cluster->host_count; i++) {
        const struct cluster_host *host = &cluster->hosts[i];
        bytes_put_text(&writer, host->id.text, strlen(host->id.text));
        bytes_put_text(&writer, host->address, strlen(host->address));
        bytes_put_text(&writer, host->rack, strlen(host->rack));
    }
    bytes_put_u16(&writer, cluster->pool_count);
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        const struct pool *pool = &cluster->pools[i];
        bytes_put_text(&writer, pool->name, strlen(pool->name));
        bytes_put_text(&writer, pool->prefix, strlen(pool->prefix));
        code_put(&writer, pool->code);
        bytes_put_u16(&writer, pool->delta);
        bytes_put_u16(&writer, pool->shard_count);
        bytes_put_raw(&writer, pool->member_hosts, pool->code.n);
    }
    CHECK(!writer.failed);
    return writer.used_bytes;
}

#define NAME_RULE "1..32 letters, digits, '-', '_' or '.', and begins with a letter or digit"
_Static_assert(HOST_ID_BYTES_MAX == 32 && POOL_NAME_BYTES_MAX == 32, "as NAME_RULE says");

static enum areg_error settle_hosts(const struct cluster *cluster, char why[CLUSTER_WHY_BYTES])
{
    if (cluster->host_count < 1 || cluster->host_count > HOST_COUNT_MAX) {
        snprintf(why, CLUSTER_WHY_BYTES, "a cluster has 1..%d hosts, not %u", HOST_COUNT_MAX, cluster->host_count);
        return AREG_EINVAL;
    }
    for (unsigned i = 0; i < cluster->host_count; i++) {
        const struct cluster_host *host = &cluster->hosts[i];
        struct host_id parsed;
        if (!host_id_parse(host->id.text, &parsed)) {
            snprintf(why, CLUSTER_WHY_BYTES, "host %u: an id has " NAME_RULE ", unlike \"%s\"", i + 1, host->id.text);
            return AREG_EINVAL;
        }
        if (host->rack[0] && !name_is_valid(host->rack, HOST_ID_BYTES_MAX)) {
            snprintf(why, CLUSTER_WHY_BYTES, "host %s: a rack has " NAME_RULE ", unlike \"%s\"", host->id.text,
                     host->rack);
            return AREG_EINVAL;
        }
        if (!address_is_valid(host->address)) {
            snprintf(why, CLUSTER_WHY_BYTES, "host %s: an address has the form tcp://HOST:PORT, unlike \"%s\"",
                     host->id.text, host->address);
            return AREG_EINVAL;
        }
        for (unsigned j = 0; j < i; j++) {
            const bool same_id = host_id_equal(&host->id, &cluster->hosts[j].id);
            if (same_id || strcmp(host->address, cluster->hosts[j].address) == 0) {
                snprintf(why, CLUSTER_WHY_BYTES, "host %s: the %s is taken by an earlier host", host->id.text,
                         same_id ? "id" : "address");
                return AREG_EINVAL;
            }
        }
    }
    return AREG_OK;
}

static bool members_are_distinct_hosts(const struct cluster *cluster, const struct pool *pool,
                                       char why[CLUSTER_WHY_BYTES])
{
    bool is_member[HOST_COUNT_MAX] = {false};
    for (unsigned i = 0; i < pool->code.n; i++) {
        const unsigned host_index = pool->member_hosts[i];
        if (host_index >= cluster->host_count) {
            snprintf(why, CLUSTER_WHY_BYTES, "pool %s: member %u is no host of this cluster", pool->name, i + 1);
            return false;
        }
        if (is_member[host_index]) {
            snprintf(why, CLUSTER_WHY_BYTES, "pool %s: host %s is a member twice", pool->name,
                     cluster->hosts[host_index].id.text);
            return false;
        }
        is_member[host_index] = true;
    }
    return true;
}

static enum areg_error settle_pool(const struct cluster *cluster, unsigned pool_index, char why[CLUSTER_WHY_BYTES])
{
    const struct pool *pool = &cluster->pools[pool_index];
    if (!name_is_valid(pool->name, POOL_NAME_BYTES_MAX)) {
        snprintf(why, CLUSTER_WHY_BYTES, "pool %u: a name has " NAME_RULE ", unlike \"%s\"", pool_index + 1,
                 pool->name);
        return AREG_EINVAL;
    }
    const char *problem = NULL;
    if (!code_is_possible(pool->code))
        problem = "its code is impossible";
    else if (pool->delta > DELTA_MAX)
        problem = "delta is above 32";
    else if (pool->shard_count < 1 || pool->shard_count > SHARD_COUNT_MAX)
        problem = "shards must be 1..1024";
    for (unsigned i = 0; !problem && i < pool_index; i++) {
        if (strcmp(cluster->pools[i].name, pool->name) == 0)
            problem = "its name is taken by an earlier pool";
        else if (strcmp(cluster->pools[i].prefix, pool->prefix) == 0)
            problem = "its prefix is taken by an earlier pool";
    }
    if (problem) {
        snprintf(why, CLUSTER_WHY_BYTES, "pool %s: %s", pool->name, problem);
        return AREG_EINVAL;
    }
    return members_are_distinct_hosts(cluster, pool, why) ? AREG_OK : AREG_EINVAL;
}

enum areg_error cluster_settle(struct cluster *cluster, char why[CLUSTER_WHY_BYTES])
{
    why[0] = 0;
    if (!name_is_valid(cluster->name, CLUSTER_NAME_BYTES_MAX)) {
        snprintf(why, CLUSTER_WHY_BYTES, "a cluster's name has 1..%d letters, digits, '-', '_' or '.', unlike \"%s\"",
                 CLUSTER_NAME_BYTES_MAX, cluster->name);
        return AREG_EINVAL;
    }
    if (settle_hosts(cluster, why) != AREG_OK)
        return AREG_EINVAL;
    if (cluster->pool_count < 1 || cluster->pool_count > POOL_COUNT_MAX) {
        snprintf(why, CLUSTER_WHY_BYTES, "a cluster has 1..%d pools, not %u", POOL_COUNT_MAX, cluster->pool_count);
        return AREG_EINVAL;
    }
    cluster->shard_count = 0;
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        if (settle_pool(cluster, i, why) != AREG_OK)
            return AREG_EINVAL;
        cluster->pools[i].shard_first = cluster->shard_count;
        cluster->shard_count += cluster->pools[i].shard_count;
    }
    if (cluster->shard_count > SHARD_COUNT_MAX) {
        snprintf(why, CLUSTER_WHY_BYTES, "a cluster has up to %d shards in all, not %u", SHARD_COUNT_MAX,
                 cluster->shard_count);
        return AREG_EINVAL;
    }
    uint8_t *encoded = malloc(CLUSTER_ENCODED_BYTES_MAX);
    if (!encoded)
        return AREG_ENOMEM;
    const size_t encoded_bytes = cluster_encode(cluster, encoded, CLUSTER_ENCODED_BYTES_MAX);
    digest_of(slice_borrow(encoded, encoded_bytes), cluster->digest.bytes);
    free(encoded);
    return AREG_OK;
}

enum areg_error cluster_decode(struct slice encoded, struct cluster *cluster)
{
    memset(cluster, 0, sizeof *cluster);
    struct bytes_reader reader = bytes_reader_on(encoded.at, encoded.bytes);
    if (encoded.bytes > CLUSTER_ENCODED_BYTES_MAX || bytes_get_u8(&reader) != CLUSTER_FORMAT)
        return AREG_EINVAL;
    bytes_get_string(&reader, cluster->name, CLUSTER_NAME_BYTES_MAX);
    cluster->host_count = bytes_get_u16(&reader);
    if (reader.failed || cluster->host_count > HOST_COUNT_MAX)
        return AREG_EINVAL;
    for (unsigned i = 0; i < cluster->host_count; i++) {
        bytes_get_string(&reader, cluster->hosts[i].id.text, HOST_ID_BYTES_MAX);
        bytes_get_string(&reader, cluster->hosts[i].address, ADDRESS_BYTES_MAX);
        bytes_get_string(&reader, cluster->hosts[i].rack, HOST_ID_BYTES_MAX);
    }
    cluster->pool_count = bytes_get_u16(&reader);
    if (reader.failed || cluster->pool_count > POOL_COUNT_MAX)
        return AREG_EINVAL;
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        struct pool *pool = &cluster->pools[i];
        bytes_get_string(&reader, pool->name, POOL_NAME_BYTES_MAX);
        bytes_get_string(&reader, pool->prefix, POOL_PREFIX_BYTES_MAX);
        pool->code = code_get(&reader);
        pool->delta = bytes_get_u16(&reader);
        pool->shard_count = bytes_get_u16(&reader);
        if (reader.failed || pool->code.n > MEMBER_COUNT_MAX)
            return AREG_EINVAL;
        bytes_get_raw(&reader, pool->member_hosts, pool->code.n);
    }
    char why[CLUSTER_WHY_BYTES];
    return bytes_reader_is_done(&reader) ? cluster_settle(cluster, why) : AREG_EINVAL;
}

int64_t cluster_shard_of_key(const struct cluster *cluster, struct slice key)
{
    const struct pool *best = NULL;
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        const struct pool *pool = &cluster->pools[i];
        if (!key_has_prefix(key, slice_borrow(pool->prefix, strlen(pool->prefix))))
            continue;
        if (!best || strlen(pool->prefix) > strlen(best->prefix))
            best = pool;
    }
    if (!best)
        return -1;
    return (int64_t)best->shard_first + (best->shard_count == 1 ? 0 : (int64_t)(key_hash(key) % best->shard_count));
}

const struct pool *cluster_pool_of_shard(const struct cluster *cluster, uint32_t shard)
{
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        const struct pool *pool = &cluster->pools[i];
        if (shard >= pool->shard_first && shard - pool->shard_first < pool->shard_count)
            return pool;
    }
    return NULL;
}

bool cluster_pool_may_hold(const struct pool *pool, struct slice key_prefix)
{
    const struct slice prefix = slice_borrow(pool->prefix, strlen(pool->prefix));
    return key_has_prefix(key_prefix, prefix) || key_has_prefix(prefix, key_prefix);
}

void cluster_genesis_config(const struct cluster *cluster, uint32_t shard, struct config *config)
{
    const struct pool *pool = cluster_pool_of_shard(cluster, shard);
    CHECK(pool != NULL);
    memset(config, 0, sizeof *config);
    config->shard = shard;
    config->cluster = cluster->digest;
    config->code = pool->code;
    config->delta = pool->delta;
    config->member_count = pool->code.n;
    for (unsigned i = 0; i < pool->code.n; i++) {
        const struct cluster_host *host = &cluster->hosts[pool->member_hosts[i]];
        config->members[i].id = host->id;
        memcpy(config->members[i].address, host->address, sizeof host->address);
    }
    memcpy(config->author, "genesis", sizeof "genesis");
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    config_encode(config, encoded, sizeof encoded);
}

int cluster_host_index(const struct cluster *cluster, const struct host_id *id)
{
    for (unsigned i = 0; i < cluster->host_count; i++)
        if (host_id_equal(&cluster->hosts[i].id, id))
            return (int)i;
    return -1;
}
