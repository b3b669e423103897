/* A data directory belongs to one host of one cluster. */
#include "server/daemon/host.h"

#include "server/daemon/genesis.h"
#include "tests/unit/daemon/scratch.h"

static const char GENESIS[] = "cluster = \"c\"; hosts = ( { id = \"s1\"; addr = \"tcp://h:1\"; },\n"
                              "{ id = \"s2\"; addr = \"tcp://h:2\"; } );\n"
                              "pools = ( { name = \"p\"; code = \"repl:2\"; delta = %u; } );\n";

/** Settings and cluster for one host; the log is kept quiet. */
struct setup {
    struct settings settings;
    struct cluster *cluster;
    struct log log;
};

static void setup_make(void **state, struct setup *setup, const char *id, const char *directory, unsigned delta)
{
    char genesis[SCRATCH_PATH_BYTES];
    char data[SCRATCH_PATH_BYTES];
    char text[1024];
    char why[CONF_WHY_BYTES];
    snprintf(text, sizeof text, GENESIS, delta);
    scratch_write(*state, "genesis.conf", text);
    struct settings_sources sources = {0};
    sources.flags[SETTING_ID] = id;
    sources.flags[SETTING_DATA] = scratch_path(*state, directory, data);
    sources.flags[SETTING_GENESIS] = scratch_path(*state, "genesis.conf", genesis);
    setup->cluster = calloc(1, sizeof *setup->cluster);
    setup->log = (struct log){.level = LOG_ERROR};
    assert_int_equal(settings_load(&setup->settings, &sources, why), AREG_OK);
    assert_int_equal(genesis_load(setup->settings.genesis, setup->cluster, why), AREG_OK);
}

static void setup_free(struct setup *setup)
{
    settings_fini(&setup->settings);
    free(setup->cluster);
}

/** Open and close; the incarnation, or 0 and `why`. */
static uint64_t incarnation_of(void **state, const char *id, const char *directory, unsigned delta,
                               char why[HOST_WHY_BYTES])
{
    struct setup setup;
    struct host host;
    setup_make(state, &setup, id, directory, delta);
    uint64_t incarnation = 0;
    if (host_open(&host, &setup.settings, setup.cluster, &setup.log, why) == AREG_OK) {
        incarnation = host.incarnation;
        assert_int_not_equal(incarnation, 0);
        host_close(&host);
    }
    setup_free(&setup);
    return incarnation;
}

static void the_incarnation_is_that_of_the_directory(void **state)
{
    char why[HOST_WHY_BYTES];
    const uint64_t first = incarnation_of(state, "s1", "data", 8, why);
    assert_int_not_equal(first, 0);
    assert_int_equal(incarnation_of(state, "s1", "data", 8, why), first);
    const uint64_t other = incarnation_of(state, "s1", "other", 8, why);
    assert_int_not_equal(other, 0);
    assert_int_not_equal(other, first);
}

static void a_directory_of_another_host_is_refused(void **state)
{
    char why[HOST_WHY_BYTES];
    assert_int_not_equal(incarnation_of(state, "s1", "data", 8, why), 0);
    assert_int_equal(incarnation_of(state, "s2", "data", 8, why), 0);
    assert_contains(why, "data: this directory belongs to host s1, not to s2");
}

static void a_directory_of_another_cluster_is_refused(void **state)
{
    char why[HOST_WHY_BYTES];
    assert_int_not_equal(incarnation_of(state, "s1", "data", 8, why), 0);
    assert_int_equal(incarnation_of(state, "s1", "data", 7, why), 0);
    assert_contains(why, "belongs to another cluster, or genesis was changed");
    assert_int_not_equal(incarnation_of(state, "s1", "data", 8, why), 0);
}

static void a_directory_in_use_is_refused(void **state)
{
    char why[HOST_WHY_BYTES];
    struct setup setup;
    struct host host;
    setup_make(state, &setup, "s1", "data", 8);
    assert_int_equal(host_open(&host, &setup.settings, setup.cluster, &setup.log, why), AREG_OK);
    assert_int_equal(incarnation_of(state, "s1", "data", 8, why), 0);
    assert_contains(why, "data");
    host_close(&host);
    setup_free(&setup);
}

static void a_host_that_genesis_does_not_know_is_refused(void **state)
{
    char why[HOST_WHY_BYTES];
    assert_int_equal(incarnation_of(state, "s3", "data", 8, why), 0);
    assert_contains(why, "genesis.conf: there is no host \"s3\" in it");
    assert_int_equal(incarnation_of(state, "s1", "no/such/place", 8, why), 0);
    assert_contains(why, "no/such/place: can not make this directory: No such file or directory");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_create, scratch_destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_incarnation_is_that_of_the_directory),     CASE(a_directory_of_another_host_is_refused),
        CASE(a_directory_of_another_cluster_is_refused),    CASE(a_directory_in_use_is_refused),
        CASE(a_host_that_genesis_does_not_know_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
