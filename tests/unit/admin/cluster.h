/*
 * A cluster of six hosts for the tests of the admin's program: pool a, two shards of rs:5,3 on s1..s5, and pool b, one
 * shard of repl:3 on s1, s3 and s5; s6 is a host without shards.
 */
#ifndef TESTS_UNIT_ADMIN_CLUSTER_H
#define TESTS_UNIT_ADMIN_CLUSTER_H

#include "reconfig/cli/shards.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct cluster cluster;
    struct admin admin;
    struct shards shards;
};

static inline struct fixture *fixture_create(const struct command *command)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct cluster *cluster = &fixture->cluster;
    snprintf(cluster->name, sizeof cluster->name, "test");
    cluster->host_count = 6;
    for (unsigned i = 0; i < 6; i++) {
        snprintf(cluster->hosts[i].id.text, sizeof cluster->hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster->hosts[i].address, sizeof cluster->hosts[i].address, "tcp://10.0.0.%u:7600", i + 1);
    }
    cluster->pool_count = 2;
    cluster->pools[0] = (struct pool){.name = "a",
                                      .code = {.dap = DAP_TREAS, .n = 5, .k = 3},
                                      .delta = 8,
                                      .shard_count = 2,
                                      .member_hosts = {0, 1, 2, 3, 4}};
    cluster->pools[1] = (struct pool){.name = "b",
                                      .prefix = "b/",
                                      .code = {.dap = DAP_ABD, .n = 3, .k = 1},
                                      .delta = 8,
                                      .shard_count = 1,
                                      .member_hosts = {0, 2, 4}};
    char why[CLUSTER_WHY_BYTES];
    if (cluster_settle(cluster, why) != AREG_OK)
        abort();
    fixture->admin.command = command;
    fixture->admin.flags.json = false;
    fixture->admin.cluster = cluster;
    fixture->shards.count = fixture->shards.selected_count = 3;
    fixture->shards.at = calloc(3, sizeof *fixture->shards.at);
    for (unsigned i = 0; i < 3; i++) {
        struct shard *shard = &fixture->shards.at[i];
        shard->shard = i;
        shard->pool = cluster_pool_of_shard(cluster, i);
        shard->is_selected = shard->has_base = true;
        cluster_genesis_config(cluster, i, &shard->base);
    }
    return fixture;
}

static inline void fixture_destroy(struct fixture *fixture)
{
    shards_fini(&fixture->shards);
    free(fixture);
}

#endif
