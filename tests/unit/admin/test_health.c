/* How many more hosts a shard can lose. */
#include "reconfig/cli/health.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { HOST_MAX = 8 };

static struct config config_of(const char *code, unsigned first_host)
{
    struct config config = {0};
    assert_int_equal(code_parse(code, &config.code), AREG_OK);
    config.member_count = config.code.n;
    for (unsigned i = 0; i < config.member_count; i++)
        snprintf(config.members[i].id.text, sizeof config.members[i].id.text, "s%u", first_host + i);
    return config;
}

/* Hosts s0, s1, ...; those in `up` answer. */
static void make_hosts(struct host_asked hosts[HOST_MAX], uint32_t up)
{
    memset(hosts, 0, HOST_MAX * sizeof hosts[0]);
    for (unsigned i = 0; i < HOST_MAX; i++) {
        snprintf(hosts[i].id.text, sizeof hosts[i].id.text, "s%u", i);
        hosts[i].is_up = up >> i & 1;
        hosts[i].hello.host = hosts[i].id;
        hosts[i].hello.incarnation = 100 + i;
    }
}

static enum health health_with(const struct shard *shard, uint32_t up)
{
    struct host_asked hosts[HOST_MAX];
    make_hosts(hosts, up);
    return shard_health(shard, hosts, HOST_MAX, NULL, 0).health;
}

/* A majority of each kind of members, or as many as share k with any other quorum. */
static bool has_quorum(struct code code, uint32_t up)
{
    const uint32_t directories = up & ((1u << code.directory_count) - 1);
    const unsigned replica_count = code.n - code.directory_count;
    if (code.directory_count)
        return 2 * voters_count((struct voters){directories}) > code.directory_count &&
               2 * voters_count((struct voters){up & ~directories}) > replica_count;
    return 2 * voters_count((struct voters){up}) >= code.n + code.k;
}

static void a_shard_is_at_risk_exactly_when_the_loss_of_some_member_stops_it(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "rs:6,2", "repl:3",  "repl:4", "repl:1",
                                        "rs:4,4", "rs:7,3", "ldr:3,3", "ldr:1,4"};
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++) {
        const struct shard shard = {.has_base = true, .base = config_of(codes[c], 0)};
        const unsigned n = shard.base.code.n;
        for (uint32_t up = 0; up < 1u << n; up++) {
            const unsigned up_count = voters_count((struct voters){up});
            const bool works = has_quorum(shard.base.code, up);
            bool survives = works;
            for (unsigned lost = 0; lost < n && survives; lost++)
                survives = has_quorum(shard.base.code, up & ~(1u << lost));
            const enum health expected = !works         ? HEALTH_STOPPED
                                         : !survives    ? HEALTH_AT_RISK
                                         : up_count < n ? HEALTH_DEGRADED
                                                        : HEALTH_GOOD;
            assert_int_equal(health_with(&shard, up), expected);
        }
    }
}

static void a_pending_configuration_needs_its_own_quorum_too(void **state)
{
    (void)state;
    const struct shard shard = {
        .has_base = true, .base = config_of("rs:5,3", 0), .has_pending = true, .pending = config_of("repl:3", 4)};
    assert_int_equal(health_with(&shard, 0x7F), HEALTH_GOOD);
    assert_int_equal(health_with(&shard, 0x3F), HEALTH_AT_RISK); /* s6 is down: two of three */
    assert_int_equal(health_with(&shard, 0x1F), HEALTH_STOPPED); /* s5 and s6 */
    assert_int_equal(health_with(&shard, 0x7E), HEALTH_AT_RISK); /* s0: four of five */
    assert_int_equal(health_with(&shard, 0x7C), HEALTH_STOPPED);
    assert_int_equal(health_with(&shard, 0x6F), HEALTH_AT_RISK); /* s4, of both */
}

static void strangers_and_hosts_that_lost_their_disks_do_not_count(void **state)
{
    (void)state;
    struct shard shard = {.has_base = true, .base = config_of("repl:3", 0)};
    struct host_asked hosts[HOST_MAX];
    make_hosts(hosts, 0xFF);
    for (unsigned i = 0; i < 3; i++)
        shard.base.members[i].incarnation = 100 + i;
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, NULL, 0).health, HEALTH_GOOD);
    assert_int_equal(member_state(&shard.base, 0, &hosts[0]), MEMBER_UP);
    assert_int_equal(member_state(&shard.base, 0, &hosts[1]), MEMBER_STRANGER);
    assert_int_equal(member_state(&shard.base, 0, NULL), MEMBER_DOWN);
    hosts[2].hello.incarnation = 7;
    assert_int_equal(member_state(&shard.base, 2, &hosts[2]), MEMBER_SILENT);
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, NULL, 0).health, HEALTH_AT_RISK);
    shard.base.members[2].incarnation = 0; /* whichever it was first */
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, NULL, 0).health, HEALTH_GOOD);
}

static void a_host_that_does_not_know_the_configuration_takes_no_part(void **state)
{
    (void)state;
    struct shard shard = {.has_base = true, .base = config_of("repl:3", 0)};
    struct host_asked hosts[HOST_MAX];
    make_hosts(hosts, 0xFF);
    for (unsigned i = 0; i < 5; i++) {
        struct config other = shard.base;
        other.id.bytes[0] = (uint8_t)(i + 1);
        assert_true(host_probe_add(&hosts[1], i == 3 ? &shard.base : &other));
    }
    assert_int_equal(hosts[1].probe_count, 5);
    for (unsigned i = 0; i < 5; i++) {
        hosts[1].probes[i].has_answered = true;
        hosts[1].probes[i].status = i == 3 ? REPLY_OK : REPLY_UNKNOWN_CONFIG;
    }
    assert_int_equal(member_state(&shard.base, 1, &hosts[1]), MEMBER_UP);
    hosts[1].probes[3].status = REPLY_RETIRED;
    assert_int_equal(member_state(&shard.base, 1, &hosts[1]), MEMBER_UP);
    hosts[1].probes[3].status = REPLY_UNKNOWN_CONFIG;
    assert_int_equal(member_state(&shard.base, 1, &hosts[1]), MEMBER_SILENT);
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, NULL, 0).health, HEALTH_AT_RISK);
    hosts_fini(hosts, HOST_MAX);
}

static void hosts_that_are_to_be_stopped_count_as_down_once(void **state)
{
    (void)state;
    const struct shard shard = {.has_base = true, .base = config_of("rs:5,3", 0)};
    struct host_asked hosts[HOST_MAX];
    make_hosts(hosts, 0xFF);
    const struct host_id stopped[] = {{"s1"}, {"s1"}, {"s7"}};
    const struct shard_health health = shard_health(&shard, hosts, HOST_MAX, stopped, 3);
    assert_int_equal(health.health, HEALTH_AT_RISK);
    assert_int_equal(health.up_count, 4);
    assert_int_equal(health.spare_count, 0);
    make_hosts(hosts, 0xFD);
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, stopped, 3).health, HEALTH_AT_RISK);
    make_hosts(hosts, 0xFE);
    assert_int_equal(shard_health(&shard, hosts, HOST_MAX, stopped, 3).health, HEALTH_STOPPED);
}

static void a_shard_that_nobody_tells_of_is_unavailable(void **state)
{
    (void)state;
    struct shard shard = {.error = AREG_EUNAVAIL};
    assert_int_equal(health_with(&shard, 0xFF), HEALTH_STOPPED);
    shard.has_base = true;
    shard.base = config_of("repl:3", 0);
    assert_int_equal(health_with(&shard, 0xFF), HEALTH_STOPPED);
}

static void numbers_are_found_in_a_status_and_nonsense_is_not(void **state)
{
    (void)state;
    char text[] = "{\"store\":{\"used_bytes\":123,\"disk_free_bytes\":-1,\"is_full\":true},\"sync\":\"none\"}";
    const struct host_asked host = {.text = text};
    uint64_t number = 0;
    assert_true(host_number(&host, "used_bytes", &number));
    assert_int_equal(number, 123);
    assert_false(host_number(&host, "disk_free_bytes", &number));
    assert_false(host_number(&host, "bytes", &number));
    assert_true(host_says(&host, "is_full", "true"));
    assert_true(host_says(&host, "sync", "\"none\""));
    assert_false(host_says(&host, "sync", "\"batch\""));
    const struct host_asked silent = {0};
    assert_false(host_number(&silent, "used_bytes", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shard_is_at_risk_exactly_when_the_loss_of_some_member_stops_it),
        cmocka_unit_test(a_pending_configuration_needs_its_own_quorum_too),
        cmocka_unit_test(strangers_and_hosts_that_lost_their_disks_do_not_count),
        cmocka_unit_test(a_host_that_does_not_know_the_configuration_takes_no_part),
        cmocka_unit_test(hosts_that_are_to_be_stopped_count_as_down_once),
        cmocka_unit_test(a_shard_that_nobody_tells_of_is_unavailable),
        cmocka_unit_test(numbers_are_found_in_a_status_and_nonsense_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
