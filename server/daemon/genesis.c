#include "server/daemon/genesis.h"

#include "core/command_line.h"

#include <stdio.h>
#include <string.h>

/* Superseded values that a host keeps for readers under concurrent writes, if a pool does not say. Unused ones go
 * after a grace time anyway, so this costs nothing at rest. */
enum { DELTA_DEFAULT = 8 };

static const char *const ROOT_NAMES[] = {"cluster", "hosts", "pools", NULL};
static const char *const HOST_NAMES[] = {"id", "addr", "rack", NULL};
static const char *const POOL_NAMES[] = {"name", "prefix", "code", "delta", "shards", "on", NULL};

/** The list `name` of the file, with 1..count_max elements. */
static enum areg_error find_list(const config_t *conf, const char *name, unsigned count_max, config_setting_t **list,
                                 char why[CONF_WHY_BYTES])
{
    const config_setting_t *root = config_root_setting(conf);
    *list = config_setting_get_member(root, name);
    if (!*list)
        return conf_blame(root, why, "\"%s\" is missing", name);
    if (config_setting_type(*list) != CONFIG_TYPE_LIST)
        return conf_blame(*list, why, "\"%s\" must be a list ( { ... }, { ... } )", name);
    const int count = config_setting_length(*list);
    if (count < 1 || (unsigned)count > count_max)
        return conf_blame(*list, why, "there must be 1 to %u %s, not %d", count_max, name, count);
    return AREG_OK;
}

/* ---------------------------------------------------------------- hosts */

static enum areg_error load_host(const config_setting_t *group, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    struct cluster_host *host = &cluster->hosts[cluster->host_count];
    char id[HOST_ID_BYTES_MAX + 1];
    if (conf_check_names(group, HOST_NAMES, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"id", NULL, HOST_ID_BYTES_MAX}, id, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"addr", NULL, ADDRESS_BYTES_MAX}, host->address, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"rack", "", HOST_ID_BYTES_MAX}, host->rack, why) != AREG_OK)
        return AREG_EINVAL;
    if (!host_id_parse(id, &host->id))
        return conf_blame(group, why, "an id has 1 to %d letters, digits, '-', '_' or '.', unlike \"%s\"",
                          HOST_ID_BYTES_MAX, id);
    if (!address_is_valid(host->address))
        return conf_blame(group, why, "an address has the form tcp://HOST:PORT, unlike \"%s\"", host->address);
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (host_id_equal(&cluster->hosts[i].id, &host->id))
            return conf_blame(group, why, "there are two hosts with the id \"%s\"", id);
        if (strcmp(cluster->hosts[i].address, host->address) == 0)
            return conf_blame(group, why, "%s and %s have the same address, %s", cluster->hosts[i].id.text, id,
                              host->address);
    }
    cluster->host_count++;
    return AREG_OK;
}

static enum areg_error load_hosts(const config_t *conf, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    config_setting_t *list;
    if (find_list(conf, "hosts", HOST_COUNT_MAX, &list, why) != AREG_OK)
        return AREG_EINVAL;
    for (int i = 0; i < config_setting_length(list); i++)
        if (load_host(config_setting_get_elem(list, (unsigned)i), cluster, why) != AREG_OK)
            return AREG_EINVAL;
    return AREG_OK;
}

/* ---------------------------------------------------------------- pools */

/** The position of the host that element `index` of `on` names; -1 and `why` if there is none. */
static int find_member(const config_setting_t *on, unsigned index, const struct cluster *cluster,
                       char why[CONF_WHY_BYTES])
{
    const char *id = config_setting_get_string_elem(on, (int)index);
    const char *ids[HOST_COUNT_MAX + 1] = {0};
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (id && strcmp(cluster->hosts[i].id.text, id) == 0)
            return (int)i;
        ids[i] = cluster->hosts[i].id.text;
    }
    const char *near = id ? command_line_suggest(id, ids) : NULL;
    conf_blame(on, why, "\"on\" names \"%s\", which is no host%s%s%s", id ? id : "?", near ? " (did you mean \"" : "",
               near ? near : "", near ? "\"?)" : "");
    return -1;
}

/** The members, in the order of `on`; without it all hosts, if the code takes exactly that many. */
static enum areg_error load_members(const config_setting_t *group, const struct cluster *cluster, struct pool *pool,
                                    char why[CONF_WHY_BYTES])
{
    const config_setting_t *on = config_setting_get_member(group, "on");
    if (on && config_setting_type(on) != CONFIG_TYPE_ARRAY && config_setting_type(on) != CONFIG_TYPE_LIST)
        return conf_blame(on, why, "\"on\" must be an array of host ids, [ \"s1\", \"s2\" ]");
    const unsigned count = on ? (unsigned)config_setting_length(on) : cluster->host_count;
    char code[CODE_TEXT_BYTES];
    if (count != pool->code.n)
        return conf_blame(on ? on : group, why, "the code %s takes %u hosts, and %s %u", code_print(pool->code, code),
                          pool->code.n, on ? "\"on\" names" : "there is no \"on\" to choose them from the", count);
    for (unsigned i = 0; i < count; i++) {
        const int member = on ? find_member(on, i, cluster, why) : (int)i;
        if (member < 0)
            return AREG_EINVAL;
        pool->member_hosts[i] = (uint8_t)member;
    }
    return AREG_OK;
}

static enum areg_error load_pool(const config_setting_t *group, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    struct pool *pool = &cluster->pools[cluster->pool_count];
    char code[64];
    unsigned delta;
    unsigned shards;
    if (conf_check_names(group, POOL_NAMES, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"name", NULL, POOL_NAME_BYTES_MAX}, pool->name, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"prefix", "", POOL_PREFIX_BYTES_MAX}, pool->prefix, why) != AREG_OK ||
        conf_get_text(group, (struct conf_text){"code", NULL, sizeof code - 1}, code, why) != AREG_OK ||
        conf_get_number(group, (struct conf_number){"delta", DELTA_DEFAULT, 0, DELTA_MAX}, &delta, why) != AREG_OK ||
        conf_get_number(group, (struct conf_number){"shards", 1, 1, SHARD_COUNT_MAX}, &shards, why) != AREG_OK)
        return AREG_EINVAL;
    if (code_parse(code, &pool->code) != AREG_OK)
        return conf_blame(group, why, "a code is rs:N,K with 1 <= K <= N <= %d, repl:N or ldr:D,R, unlike \"%s\"",
                          MEMBER_COUNT_MAX, code);
    pool->delta = (uint16_t)delta;
    pool->shard_count = (uint16_t)shards;
    if (load_members(group, cluster, pool, why) != AREG_OK)
        return AREG_EINVAL;
    cluster->pool_count++;
    /* What is left to be wrong, twice the same name for example, is wrong with this pool: those before were fine. */
    char problem[CLUSTER_WHY_BYTES];
    const enum areg_error error = cluster_settle(cluster, problem);
    return error == AREG_EINVAL ? conf_blame(group, why, "%s", problem) : error;
}

static enum areg_error load_pools(const config_t *conf, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    config_setting_t *list;
    if (find_list(conf, "pools", POOL_COUNT_MAX, &list, why) != AREG_OK)
        return AREG_EINVAL;
    for (int i = 0; i < config_setting_length(list); i++) {
        const enum areg_error error = load_pool(config_setting_get_elem(list, (unsigned)i), cluster, why);
        if (error != AREG_OK)
            return error;
    }
    return AREG_OK;
}

enum areg_error genesis_load(const char *path, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    memset(cluster, 0, sizeof *cluster);
    config_t conf;
    if (conf_open(&conf, path, why) != AREG_OK)
        return AREG_EINVAL;
    const config_setting_t *root = config_root_setting(&conf);
    const struct conf_text name = {"cluster", NULL, CLUSTER_NAME_BYTES_MAX};
    enum areg_error error = conf_check_names(root, ROOT_NAMES, why);
    if (error == AREG_OK)
        error = conf_get_text(root, name, cluster->name, why);
    if (error == AREG_OK)
        error = load_hosts(&conf, cluster, why);
    if (error == AREG_OK)
        error = load_pools(&conf, cluster, why);
    if (error == AREG_ENOMEM)
        snprintf(why, CONF_WHY_BYTES, "%s: out of memory", path);
    config_destroy(&conf);
    return error;
}
