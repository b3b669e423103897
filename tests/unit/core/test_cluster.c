/* Clusters: what genesis may say, how its mistakes are named, and which shard takes a key. */
#include "core/cluster.h"

#include "core/digest.h"
#include "core/key.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* As in the documentation's example: five hosts, a coded pool for everything, a pool of whole copies for "meta/". */
static struct cluster sample(void)
{
    struct cluster cluster = {.name = "demo", .host_count = 5, .pool_count = 2};
    for (unsigned i = 0; i < cluster.host_count; i++) {
        struct cluster_host *host = &cluster.hosts[i];
        snprintf(host->id.text, sizeof host->id.text, "s%u", i + 1);
        snprintf(host->address, sizeof host->address, "tcp://127.0.0.1:760%u", i + 1);
        snprintf(host->rack, sizeof host->rack, "r%u", i % 2);
    }
    cluster.pools[0] = (struct pool){.name = "default",
                                     .code = {.dap = DAP_TREAS, .n = 5, .k = 3},
                                     .delta = 8,
                                     .shard_count = 4,
                                     .member_hosts = {0, 1, 2, 3, 4}};
    cluster.pools[1] = (struct pool){.name = "meta",
                                     .prefix = "meta/",
                                     .code = {.dap = DAP_ABD, .n = 3, .k = 1},
                                     .shard_count = 1,
                                     .member_hosts = {0, 2, 4}};
    return cluster;
}

static void settle(struct cluster *cluster)
{
    char why[CLUSTER_WHY_BYTES];
    if (cluster_settle(cluster, why) != AREG_OK)
        fail_msg("%s", why);
    assert_string_equal(why, "");
}

static void settling_numbers_the_shards_through_the_pools(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    assert_int_equal(cluster.pools[0].shard_first, 0);
    assert_int_equal(cluster.pools[1].shard_first, 4);
    assert_int_equal(cluster.shard_count, 5);
    for (uint32_t shard = 0; shard < 5; shard++)
        assert_ptr_equal(cluster_pool_of_shard(&cluster, shard), &cluster.pools[shard / 4]);
    assert_null(cluster_pool_of_shard(&cluster, 5));
    assert_null(cluster_pool_of_shard(&cluster, UINT32_MAX));
}

/* ---------------------------------------------------------------- mistakes */

typedef void change_fn(struct cluster *cluster);

static void no_name(struct cluster *cluster)
{
    cluster->name[0] = 0;
}
static void no_hosts(struct cluster *cluster)
{
    cluster->host_count = 0;
}
static void too_many_hosts(struct cluster *cluster)
{
    cluster->host_count = HOST_COUNT_MAX + 1;
}
static void host_without_id(struct cluster *cluster)
{
    cluster->hosts[1].id.text[0] = 0;
}
static void host_with_bad_id(struct cluster *cluster)
{
    strcpy(cluster->hosts[1].id.text, "../s2");
}
static void host_with_bad_rack(struct cluster *cluster)
{
    strcpy(cluster->hosts[1].rack, "row 1");
}
static void host_with_bad_address(struct cluster *cluster)
{
    strcpy(cluster->hosts[1].address, "127.0.0.1:7602");
}
static void two_hosts_with_one_id(struct cluster *cluster)
{
    strcpy(cluster->hosts[3].id.text, "s1");
}
static void two_hosts_with_one_address(struct cluster *cluster)
{
    strcpy(cluster->hosts[3].address, cluster->hosts[0].address);
}
static void no_pools(struct cluster *cluster)
{
    cluster->pool_count = 0;
}
static void too_many_pools(struct cluster *cluster)
{
    cluster->pool_count = POOL_COUNT_MAX + 1;
}
static void pool_without_name(struct cluster *cluster)
{
    cluster->pools[1].name[0] = 0;
}
static void two_pools_with_one_name(struct cluster *cluster)
{
    strcpy(cluster->pools[1].name, "default");
}
static void two_pools_with_one_prefix(struct cluster *cluster)
{
    cluster->pools[1].prefix[0] = 0;
}
static void pool_with_impossible_code(struct cluster *cluster)
{
    cluster->pools[1].code.k = 2;
}
static void pool_with_too_large_code(struct cluster *cluster)
{
    cluster->pools[1].code.n = 255;
}
static void pool_with_large_delta(struct cluster *cluster)
{
    cluster->pools[1].delta = DELTA_MAX + 1;
}
static void pool_without_shards(struct cluster *cluster)
{
    cluster->pools[1].shard_count = 0;
}
static void pool_with_many_shards(struct cluster *cluster)
{
    cluster->pools[1].shard_count = SHARD_COUNT_MAX + 1;
}
static void pools_with_many_shards_together(struct cluster *cluster)
{
    cluster->pools[1].shard_count = SHARD_COUNT_MAX - 3;
}
static void pool_on_an_unknown_host(struct cluster *cluster)
{
    cluster->pools[1].member_hosts[2] = 5;
}
static void pool_twice_on_a_host(struct cluster *cluster)
{
    cluster->pools[1].member_hosts[2] = 0;
}

static void each_kind_of_mistake_is_named_with_its_host_or_pool(void **state)
{
    (void)state;
    static const struct {
        change_fn *change;
        const char *names; /* who is named ... */
        const char *says;  /* ... and what of it */
    } mistakes[] = {
        {no_name, "cluster's name", "unlike \"\""},
        {no_hosts, "1..256 hosts", "not 0"},
        {too_many_hosts, "1..256 hosts", "not 257"},
        {host_without_id, "host 2: ", "unlike \"\""},
        {host_with_bad_id, "host 2: ", "unlike \"../s2\""},
        {host_with_bad_rack, "host s2: ", "unlike \"row 1\""},
        {host_with_bad_address, "host s2: ", "unlike \"127.0.0.1:7602\""},
        {two_hosts_with_one_id, "host s1: ", "the id is taken"},
        {two_hosts_with_one_address, "host s4: ", "the address is taken"},
        {no_pools, "1..64 pools", "not 0"},
        {too_many_pools, "1..64 pools", "not 65"},
        {pool_without_name, "pool 2: ", "unlike \"\""},
        {two_pools_with_one_name, "pool default: ", "name is taken"},
        {two_pools_with_one_prefix, "pool meta: ", "prefix is taken"},
        {pool_with_impossible_code, "pool meta: ", "code is impossible"},
        {pool_with_too_large_code, "pool meta: ", "code is impossible"},
        {pool_with_large_delta, "pool meta: ", "above 32"},
        {pool_without_shards, "pool meta: ", "1..1024"},
        {pool_with_many_shards, "pool meta: ", "1..1024"},
        {pools_with_many_shards_together, "1024 shards in all", "not 1025"},
        {pool_on_an_unknown_host, "pool meta: ", "member 3 is no host"},
        {pool_twice_on_a_host, "pool meta: ", "host s1 is a member twice"},
    };
    for (unsigned i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct cluster cluster = sample();
        mistakes[i].change(&cluster);
        char why[CLUSTER_WHY_BYTES] = "";
        if (cluster_settle(&cluster, why) != AREG_EINVAL)
            fail_msg("mistake %u was accepted", i);
        if (!strstr(why, mistakes[i].names) || !strstr(why, mistakes[i].says))
            fail_msg("mistake %u is explained as: %s", i, why);
    }
}

static void the_longest_explanation_is_not_cut(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    memset(cluster.hosts[1].id.text, 'h', HOST_ID_BYTES_MAX);
    memset(cluster.hosts[1].address, 'a', ADDRESS_BYTES_MAX);
    char why[CLUSTER_WHY_BYTES];
    assert_int_equal(cluster_settle(&cluster, why), AREG_EINVAL);
    assert_true(strlen(why) < CLUSTER_WHY_BYTES - 1);
    assert_int_equal(why[strlen(why) - 1], '"');
}

/* ---------------------------------------------------------------- encoding */

static void assert_same_cluster(const struct cluster *a, const struct cluster *b)
{
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->host_count, b->host_count);
    for (unsigned i = 0; i < a->host_count; i++) {
        assert_string_equal(a->hosts[i].id.text, b->hosts[i].id.text);
        assert_string_equal(a->hosts[i].address, b->hosts[i].address);
        assert_string_equal(a->hosts[i].rack, b->hosts[i].rack);
    }
    assert_int_equal(a->pool_count, b->pool_count);
    assert_int_equal(a->shard_count, b->shard_count);
    for (unsigned i = 0; i < a->pool_count; i++) {
        const struct pool *pool_a = &a->pools[i];
        const struct pool *pool_b = &b->pools[i];
        assert_string_equal(pool_a->name, pool_b->name);
        assert_string_equal(pool_a->prefix, pool_b->prefix);
        assert_true(pool_a->code.dap == pool_b->code.dap && pool_a->code.n == pool_b->code.n &&
                    pool_a->code.k == pool_b->code.k);
        assert_int_equal(pool_a->delta, pool_b->delta);
        assert_int_equal(pool_a->shard_count, pool_b->shard_count);
        assert_int_equal(pool_a->shard_first, pool_b->shard_first);
        assert_memory_equal(pool_a->member_hosts, pool_b->member_hosts, pool_a->code.n);
    }
    assert_true(config_id_equal(a->digest, b->digest));
}

static size_t encode(const struct cluster *cluster, uint8_t *to)
{
    return cluster_encode(cluster, to, CLUSTER_ENCODED_BYTES_MAX);
}

static uint8_t encoded[CLUSTER_ENCODED_BYTES_MAX + 1];
static struct cluster decoded;

static void a_cluster_decodes_to_what_was_encoded(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    const size_t bytes = encode(&cluster, encoded);
    assert_int_equal(cluster_decode(slice_borrow(encoded, bytes), &decoded), AREG_OK);
    assert_same_cluster(&decoded, &cluster);
    struct config_id digest;
    digest_of(slice_borrow(encoded, bytes), digest.bytes);
    assert_true(config_id_equal(digest, cluster.digest));
    /* Computed by an independent encoder. */
    char text[CONFIG_ID_TEXT_BYTES];
    assert_int_equal(bytes, 207);
    assert_string_equal(config_id_print(cluster.digest, text), "e19aed5d71a34efcdfa02e4f0beffe74");
}

static void the_largest_cluster_fits_the_room_that_is_promised(void **state)
{
    (void)state;
    static struct cluster cluster;
    memset(cluster.name, 'c', CLUSTER_NAME_BYTES_MAX);
    cluster.host_count = HOST_COUNT_MAX;
    for (unsigned i = 0; i < HOST_COUNT_MAX; i++) {
        struct cluster_host *host = &cluster.hosts[i];
        char number[5];
        snprintf(number, sizeof number, "%04u", i);
        memset(host->id.text, 'h', HOST_ID_BYTES_MAX);
        memcpy(host->id.text, number, 4);
        memset(host->rack, 'r', HOST_ID_BYTES_MAX);
        memset(host->address, 'a', ADDRESS_BYTES_MAX);
        memcpy(host->address, "tcp://", 6);
        memcpy(host->address + 6, number, 4);
        memcpy(host->address + ADDRESS_BYTES_MAX - 6, ":65535", 6);
    }
    cluster.pool_count = POOL_COUNT_MAX;
    for (unsigned i = 0; i < POOL_COUNT_MAX; i++) {
        struct pool *pool = &cluster.pools[i];
        memset(pool->name, 'p', POOL_NAME_BYTES_MAX);
        memset(pool->prefix, 'x', POOL_PREFIX_BYTES_MAX);
        pool->name[0] = pool->prefix[0] = (char)('0' + i / 10);
        pool->name[1] = pool->prefix[1] = (char)('0' + i % 10);
        pool->code = (struct code){.dap = DAP_TREAS, .n = 32, .k = 20};
        pool->delta = DELTA_MAX;
        pool->shard_count = SHARD_COUNT_MAX / POOL_COUNT_MAX;
        for (unsigned j = 0; j < 32; j++)
            pool->member_hosts[j] = (uint8_t)(255 - j);
    }
    settle(&cluster);
    const size_t bytes = encode(&cluster, encoded);
    assert_int_equal(cluster_decode(slice_borrow(encoded, bytes), &decoded), AREG_OK);
    assert_same_cluster(&decoded, &cluster);
    /* And c0 of its last shard has the members that stand last. */
    struct config config;
    cluster_genesis_config(&cluster, SHARD_COUNT_MAX - 1, &config);
    assert_true(host_id_equal(&config.members[0].id, &cluster.hosts[255].id));
}

static void a_cut_or_prolonged_encoding_is_refused(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    const size_t bytes = encode(&cluster, encoded);
    for (size_t cut_bytes = 0; cut_bytes < bytes; cut_bytes++) {
        uint8_t *exact = malloc(cut_bytes + 1); /* sanitizers see a byte too far */
        memcpy(exact, encoded, cut_bytes);
        assert_int_equal(cluster_decode(slice_borrow(exact, cut_bytes), &decoded), AREG_EINVAL);
        free(exact);
    }
    memset(encoded + bytes, 0, sizeof encoded - bytes);
    assert_int_equal(cluster_decode(slice_borrow(encoded, bytes + 1), &decoded), AREG_EINVAL);
    assert_int_equal(cluster_decode(slice_borrow(encoded, sizeof encoded), &decoded), AREG_EINVAL);
}

static void every_changed_byte_is_refused_or_changes_the_digest(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    const size_t bytes = encode(&cluster, encoded);
    unsigned accepted_count = 0;
    for (size_t at = 0; at < bytes; at++)
        for (unsigned change = 1; change < 256; change++) {
            encoded[at] ^= (uint8_t)change;
            if (cluster_decode(slice_borrow(encoded, bytes), &decoded) == AREG_OK) {
                accepted_count++;
                assert_false(config_id_equal(decoded.digest, cluster.digest));
            }
            encoded[at] ^= (uint8_t)change;
        }
    assert_true(accepted_count > 100);
}

/* ---------------------------------------------------------------- keys and shards */

static int64_t shard_of(const struct cluster *cluster, const char *key)
{
    return cluster_shard_of_key(cluster, slice_borrow(key, strlen(key)));
}

static void the_longest_matching_prefix_takes_the_key(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    cluster.pool_count = 4;
    for (unsigned i = 0; i < 4; i++) {
        cluster.pools[i] = cluster.pools[1];
        snprintf(cluster.pools[i].name, sizeof cluster.pools[i].name, "p%u", i);
    }
    /* Neither the first nor the last match is always the longest. */
    strcpy(cluster.pools[0].prefix, "a/b/");
    strcpy(cluster.pools[1].prefix, "a");
    strcpy(cluster.pools[2].prefix, "a/b/c");
    strcpy(cluster.pools[3].prefix, "a/");
    settle(&cluster);
    assert_int_equal(shard_of(&cluster, "a/b/"), 0);
    assert_int_equal(shard_of(&cluster, "a/b/d"), 0);
    assert_int_equal(shard_of(&cluster, "a"), 1);
    assert_int_equal(shard_of(&cluster, "ab"), 1);
    assert_int_equal(shard_of(&cluster, "a/b/c"), 2);
    assert_int_equal(shard_of(&cluster, "a/b/cd"), 2);
    assert_int_equal(shard_of(&cluster, "a/b"), 3);
    assert_int_equal(shard_of(&cluster, "a/"), 3);
    assert_int_equal(shard_of(&cluster, "b"), -1);
    assert_int_equal(shard_of(&cluster, "A/"), -1);
}

static void the_keys_of_a_pool_spread_over_its_shards_alone(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    struct random_source random = test_random();
    unsigned count_of[5] = {0};
    for (unsigned i = 0; i < 4000; i++) {
        uint8_t key[20];
        random_fill(&random, key, sizeof key);
        key[0] = 'k';
        const struct slice slice = slice_borrow(key, 1 + random_below(&random, sizeof key));
        const int64_t shard = cluster_shard_of_key(&cluster, slice);
        assert_in_range(shard, 0, 3);
        assert_int_equal(shard, key_hash(slice) % 4);
        count_of[shard]++;
        assert_int_equal(shard_of(&cluster, "meta/x"), 4);
    }
    for (unsigned shard = 0; shard < 4; shard++)
        assert_in_range(count_of[shard], 700, 1400); /* about 1000; one-byte keys are all "k" */
}

static void a_pool_may_hold_keys_below_and_above_its_prefix_and_no_others(void **state)
{
    (void)state;
    const struct cluster cluster = sample();
    static const char *const yes[] = {"", "m", "meta/", "meta/x"};
    static const char *const no[] = {"n", "meta.", "metal"};
    for (unsigned i = 0; i < 4; i++)
        assert_true(cluster_pool_may_hold(&cluster.pools[1], slice_borrow(yes[i], strlen(yes[i]))));
    for (unsigned i = 0; i < 3; i++) {
        assert_false(cluster_pool_may_hold(&cluster.pools[1], slice_borrow(no[i], strlen(no[i]))));
        assert_true(cluster_pool_may_hold(&cluster.pools[0], slice_borrow(no[i], strlen(no[i]))));
    }
}

static void c0_of_every_shard_follows_from_genesis(void **state)
{
    (void)state;
    struct cluster cluster = sample();
    settle(&cluster);
    struct config configs[5];
    for (uint32_t shard = 0; shard < 5; shard++) {
        struct config *config = &configs[shard];
        cluster_genesis_config(&cluster, shard, config);
        const struct pool *pool = &cluster.pools[shard / 4];
        assert_int_equal(config->shard, shard);
        assert_int_equal(config->index, 0);
        assert_true(config_id_equal(config->cluster, cluster.digest));
        assert_true(config_id_equal(config->parent, (struct config_id){0}));
        assert_true(config->code.n == pool->code.n && config->code.k == pool->code.k);
        assert_int_equal(config->delta, pool->delta);
        for (unsigned i = 0; i < config->member_count; i++) {
            const struct cluster_host *host = &cluster.hosts[pool->member_hosts[i]];
            assert_true(host_id_equal(&config->members[i].id, &host->id));
            assert_string_equal(config->members[i].address, host->address);
            assert_true(config->members[i].incarnation == 0);
        }
        for (uint32_t other = 0; other < shard; other++)
            assert_false(config_id_equal(config->id, configs[other].id));
        uint8_t bytes[CONFIG_ENCODED_BYTES_MAX];
        struct config copy = *config;
        struct config again;
        assert_int_equal(config_decode(slice_borrow(bytes, config_encode(&copy, bytes, sizeof bytes)), &again),
                         AREG_OK);
        assert_true(config_id_equal(again.id, config->id));
    }
    /* Another cluster's c0 is another configuration, even with the same hosts. */
    struct cluster other = sample();
    strcpy(other.name, "demo2");
    settle(&other);
    struct config config;
    cluster_genesis_config(&other, 0, &config);
    assert_false(config_id_equal(config.id, configs[0].id));
}

static void a_host_is_found_by_its_id_alone(void **state)
{
    (void)state;
    const struct cluster cluster = sample();
    for (unsigned i = 0; i < cluster.host_count; i++)
        assert_int_equal(cluster_host_index(&cluster, &cluster.hosts[i].id), i);
    const struct host_id other = {"s"};
    assert_int_equal(cluster_host_index(&cluster, &other), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settling_numbers_the_shards_through_the_pools),
        cmocka_unit_test(each_kind_of_mistake_is_named_with_its_host_or_pool),
        cmocka_unit_test(the_longest_explanation_is_not_cut),
        cmocka_unit_test(a_cluster_decodes_to_what_was_encoded),
        cmocka_unit_test(the_largest_cluster_fits_the_room_that_is_promised),
        cmocka_unit_test(a_cut_or_prolonged_encoding_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused_or_changes_the_digest),
        cmocka_unit_test(the_longest_matching_prefix_takes_the_key),
        cmocka_unit_test(the_keys_of_a_pool_spread_over_its_shards_alone),
        cmocka_unit_test(a_pool_may_hold_keys_below_and_above_its_prefix_and_no_others),
        cmocka_unit_test(c0_of_every_shard_follows_from_genesis),
        cmocka_unit_test(a_host_is_found_by_its_id_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
