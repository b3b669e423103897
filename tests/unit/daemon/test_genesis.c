/* genesis.conf: what it means, and that each mistake is told with its line. */
#include "server/daemon/genesis.h"
#include "tests/unit/daemon/scratch.h"

static enum areg_error load_text(void **state, const char *text, struct cluster *cluster, char why[CONF_WHY_BYTES])
{
    char path[SCRATCH_PATH_BYTES];
    scratch_write(*state, "genesis.conf", text);
    return genesis_load(scratch_path(*state, "genesis.conf", path), cluster, why);
}

static void assert_refused(void **state, const char *text, const char *place, const char *reason)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    char why[CONF_WHY_BYTES];
    const enum areg_error error = load_text(state, text, cluster, why);
    free(cluster);
    if (error != AREG_EINVAL)
        fail_msg("accepted: %s", text);
    assert_contains(why, place);
    assert_contains(why, reason);
}

#define HOSTS                                                                                                          \
    "cluster = \"demo\";\n"                                                                                            \
    "hosts = ( { id = \"s1\"; addr = \"tcp://h:1\"; rack = \"r1\"; },\n"                                               \
    "          { id = \"s2\"; addr = \"tcp://h:2\"; },\n"                                                              \
    "          { id = \"s3\"; addr = \"tcp://h:3\"; } );\n"
#define POOLS "pools = ( { name = \"p\"; code = \"rs:3,1\"; } );\n"

static void hosts_and_pools_become_a_settled_cluster(void **state)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    char why[CONF_WHY_BYTES];
    static const char TEXT[] =
        HOSTS "pools = ( { name = \"default\"; code = \"rs:3,2\"; delta = 4; shards = 2; on = [ \"s3\", \"s1\", \"s2\" "
              "]; },\n"
              "          { name = \"meta\"; prefix = \"meta/\"; code = \"repl:2\"; on = ( \"s1\", \"s3\" ); } );\n";
    assert_int_equal(load_text(state, TEXT, cluster, why), AREG_OK);
    assert_string_equal(cluster->name, "demo");
    assert_int_equal(cluster->host_count, 3);
    assert_string_equal(cluster->hosts[0].rack, "r1");
    assert_string_equal(cluster->hosts[1].address, "tcp://h:2");
    assert_int_equal(cluster->pool_count, 2);
    assert_int_equal(cluster->shard_count, 3);
    const struct pool *pool = &cluster->pools[0];
    assert_int_equal(pool->code.dap, DAP_TREAS);
    assert_int_equal(pool->code.n, 3);
    assert_int_equal(pool->code.k, 2);
    assert_int_equal(pool->delta, 4);
    assert_int_equal(pool->member_hosts[0], 2);
    assert_int_equal(pool->member_hosts[1], 0);
    assert_int_equal(pool->member_hosts[2], 1);
    pool = &cluster->pools[1];
    assert_string_equal(pool->prefix, "meta/");
    assert_int_equal(pool->code.dap, DAP_ABD);
    assert_int_equal(pool->delta, 8);
    assert_int_equal(pool->shard_count, 1);
    assert_int_equal(pool->member_hosts[1], 2);
    free(cluster);
}

static void a_pool_without_on_takes_all_hosts_in_order(void **state)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    char why[CONF_WHY_BYTES];
    assert_int_equal(load_text(state, HOSTS POOLS, cluster, why), AREG_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(cluster->pools[0].member_hosts[i], i);
    free(cluster);
    assert_refused(state, HOSTS "pools = ( { name = \"p\"; code = \"rs:2,1\"; } );",
                   ":5: ", "takes 2 hosts, and there is no \"on\" to choose them from the 3");
}

static void mistakes_about_hosts_are_told_with_their_line(void **state)
{
    assert_refused(state, POOLS, ":", "\"cluster\" is missing");
    assert_refused(state, "cluster = \"c\";\n" POOLS, ":", "\"hosts\" is missing");
    assert_refused(state, "cluster = \"c\";\nhosts = ( );\n" POOLS, ":2: ", "there must be 1 to 256 hosts, not 0");
    assert_refused(state, "cluster = \"c\";\nhosts = 5;\n" POOLS, ":2: ", "must be a list");
    assert_refused(state, "cluster = \"c\";\nhosts = ( 5 );\n" POOLS, ":2: ", "expected a group");
    assert_refused(state, "cluster = 7;\n" POOLS, ":1: ", "must be a text");
    assert_refused(state, "cluster = \"c\";\nhosts = (\n{ id = \"s1\"; });\n" POOLS, ":3: ", "\"addr\" is missing");
    assert_refused(state, "cluster = \"c\";\nhosts = (\n{ addr = \"tcp://h:1\"; });\n" POOLS,
                   ":3: ", "\"id\" is missing");
    assert_refused(state, "cluster = \"c\";\nhosts = (\n{ id = \"a b\"; addr = \"tcp://h:1\"; });\n" POOLS,
                   ":3: ", "unlike \"a b\"");
    assert_refused(state, "cluster = \"c\";\nhosts = (\n{ id = \"s1\"; addr = \"h:1\"; });\n" POOLS,
                   ":3: ", "unlike \"h:1\"");
    assert_refused(state,
                   "cluster = \"c\";\nhosts = ({ id = \"s1\"; addr = \"tcp://h:1\"; },\n{ id = \"s1\"; addr = "
                   "\"tcp://h:2\"; });\n" POOLS,
                   ":3: ", "two hosts with the id \"s1\"");
    assert_refused(state,
                   "cluster = \"c\";\nhosts = ({ id = \"s1\"; addr = \"tcp://h:1\"; },\n{ id = \"s2\"; addr = "
                   "\"tcp://h:1\"; });\n" POOLS,
                   ":3: ", "s1 and s2 have the same address");
    assert_refused(state, "cluster = \"c\";\nhosts = (\n{ id = \"s1\"; adr = \"tcp://h:1\"; });\n" POOLS,
                   ":3: ", "unknown setting \"adr\" (did you mean \"addr\"?)");
    assert_refused(state,
                   "cluster = \"c\";\nhosts = (\n{ id = \"s12345678901234567890123456789012\"; addr = "
                   "\"tcp://h:1\"; });\n" POOLS,
                   ":3: ", "\"id\" has up to 32 bytes, not 33");
    assert_refused(state, HOSTS POOLS "host = 1;", ":6: ", "unknown setting \"host\" (did you mean \"hosts\"?)");
}

static void mistakes_about_pools_are_told_with_their_line(void **state)
{
    static const struct {
        const char *pool;
        const char *reason;
    } CASES[] = {
        {"code = \"rs:3,1\";", "\"name\" is missing"},
        {"name = \"p\";", "\"code\" is missing"},
        {"name = \"p\"; code = \"rs:3,4\";", "a code is rs:N,K"},
        {"name = \"p\"; code = \"raid5\";", "unlike \"raid5\""},
        {"name = \"p\"; code = \"rs:33,3\";", "a code is rs:N,K"},
        {"name = \"p\"; code = \"rs:3,1\"; delta = 33;", "\"delta\" must be 0 to 32, not 33"},
        {"name = \"p\"; code = \"rs:3,1\"; delta = -1;", "\"delta\" must be 0 to 32, not -1"},
        {"name = \"p\"; code = \"rs:3,1\"; delta = \"8\";", "\"delta\" must be a whole number"},
        {"name = \"p\"; code = \"rs:3,1\"; delta = 4294967300;", "the number is too large"},
        {"name = \"p\"; code = \"rs:3,1\"; shards = 0;", "\"shards\" must be 1 to 1024, not 0"},
        {"name = \"p\"; code = \"rs:3,1\"; shards = 1025;", "\"shards\" must be 1 to 1024, not 1025"},
        {"name = \"p\"; code = \"rs:3,1\"; on = \"s1\";", "\"on\" must be an array"},
        {"name = \"p\"; code = \"rs:3,1\"; on = [ \"s1\", \"s2\" ];", "takes 3 hosts, and \"on\" names 2"},
        {"name = \"p\"; code = \"rs:3,1\"; on = [ 1, 2, 3 ];", "which is no host"},
        {"name = \"p\"; code = \"rs:3,1\"; on = [ \"s1\", \"s2\", \"s33\" ];",
         "\"s33\", which is no host (did you mean \"s3\"?)"},
        {"name = \"p\"; prefix = \"x\"; code = \"rs:3,1\"; on = [ \"s1\", \"s2\", \"s2\" ];", "member twice"},
        {"name = \"p\"; code = \"rs:3,1\"; cod = 1;", "unknown setting \"cod\" (did you mean \"code\"?)"},
        {"name = \"first\"; prefix = \"x\"; code = \"rs:3,1\";", "its name is taken"},
        {"name = \"p\"; code = \"rs:3,1\";", "its prefix is taken"},
        {"name = \"p\"; prefix = \"x\"; code = \"rs:3,1\"; shards = 1024;", "up to 1024 shards in all, not 1025"},
    };
    for (unsigned i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, HOSTS "pools = ( { name = \"first\"; code = \"rs:3,1\"; },\n{ %s } );",
                 CASES[i].pool);
        assert_refused(state, text, ":6: ", CASES[i].reason);
    }
    assert_refused(state, HOSTS, "", "\"pools\" is missing");
    assert_refused(state, HOSTS "pools = ( );", ":5: ", "there must be 1 to 64 pools, not 0");
}

static void the_same_cluster_has_the_same_digest_however_it_is_written(void **state)
{
    struct cluster *one = calloc(1, sizeof *one);
    struct cluster *two = calloc(1, sizeof *two);
    char why[CONF_WHY_BYTES];
    assert_int_equal(load_text(state, HOSTS POOLS, one, why), AREG_OK);
    assert_int_equal(
        load_text(state, "/* written anew */" HOSTS "pools = ( { delta = 8; code = \"rs:3,1\"; name = \"p\"; } );", two,
                  why),
        AREG_OK);
    assert_true(config_id_equal(one->digest, two->digest));
    assert_int_equal(load_text(state, HOSTS "pools = ( { delta = 7; code = \"rs:3,1\"; name = \"p\"; } );", two, why),
                     AREG_OK);
    assert_false(config_id_equal(one->digest, two->digest));
    free(one);
    free(two);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_create, scratch_destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(hosts_and_pools_become_a_settled_cluster),
        CASE(a_pool_without_on_takes_all_hosts_in_order),
        CASE(mistakes_about_hosts_are_told_with_their_line),
        CASE(mistakes_about_pools_are_told_with_their_line),
        CASE(the_same_cluster_has_the_same_digest_however_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
