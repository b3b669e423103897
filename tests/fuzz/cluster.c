/*
 * Maps of clusters. An encoding that is accepted is the canonical one, and every shard has a configuration.
 */
#include "core/cluster.h"

#include "core/check.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes)
{
    struct cluster *cluster = malloc(sizeof *cluster);
    CHECK(cluster != NULL);
    if (cluster_decode(slice_borrow(at, bytes), cluster) == AREG_OK) {
        uint8_t *again = malloc(CLUSTER_ENCODED_BYTES_MAX);
        CHECK(again != NULL);
        const size_t again_bytes = cluster_encode(cluster, again, CLUSTER_ENCODED_BYTES_MAX);
        CHECK(slice_equal(slice_borrow(again, again_bytes), slice_borrow(at, bytes)));
        free(again);
        CHECK(cluster->shard_count > 0);
        struct config config;
        cluster_genesis_config(cluster, cluster->shard_count - 1, &config);
        CHECK(cluster_shard_of_key(cluster, slice_borrow("key", 3)) < (int64_t)cluster->shard_count);
    }
    free(cluster);
    return 0;
}
