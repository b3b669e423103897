/*
 * The client engine on its own, with replies made by hand: what it does before it knows the cluster, and the rules of
 * its interface.
 */
#include "client/client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define START_NS (1000 * MS)

static struct cluster cluster;
static struct client *client;
static struct client_send send;
static struct client_done done;

/* Three hosts with copies of keys that begin with "k". */
static struct slice map_of_three(void)
{
    memset(&cluster, 0, sizeof cluster);
    snprintf(cluster.name, sizeof cluster.name, "test");
    cluster.host_count = 3;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(cluster.hosts[i].id.text, sizeof cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster.hosts[i].address, sizeof cluster.hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
        cluster.pools[0].member_hosts[i] = (uint8_t)i;
    }
    cluster.pool_count = 1;
    snprintf(cluster.pools[0].name, sizeof cluster.pools[0].name, "default");
    snprintf(cluster.pools[0].prefix, sizeof cluster.pools[0].prefix, "k");
    cluster.pools[0].shard_count = 1;
    assert_int_equal(code_parse("repl:3", &cluster.pools[0].code), AREG_OK);
    char why[CLUSTER_WHY_BYTES];
    assert_int_equal(cluster_settle(&cluster, why), AREG_OK);
    struct buffer *buffer = buffer_create(CLUSTER_ENCODED_BYTES_MAX);
    const size_t bytes = cluster_encode(&cluster, buffer_at(buffer), CLUSTER_ENCODED_BYTES_MAX);
    return slice_of(buffer, 0, bytes);
}

static void open_client(unsigned inflight_max)
{
    static const char *const seeds[] = {"tcp://10.0.0.1:1", "tcp://10.0.0.9:1"};
    const struct client_options options = {
        .random_seed = 1, .inflight_max = inflight_max, .seeds = seeds, .seed_count = 2};
    client = client_create(&options, START_NS);
    assert_non_null(client);
}

static void close_client(void)
{
    client_cancel_all(client, START_NS);
    while (client_next_done(client, &done))
        assert_true(done.error == AREG_ECANCELED || done.error == AREG_EMAYBE);
    client_check(client);
    client_destroy(client);
}

static uint64_t submit(uint64_t now_ns, const char *key, uint64_t deadline_ns)
{
    const struct client_op op = {.kind = CLIENT_GET, .key = slice_borrow(key, strlen(key)), .deadline_ns = deadline_ns};
    uint64_t id;
    assert_int_equal(client_submit(client, now_ns, &op, &id), AREG_OK);
    return id;
}

static unsigned take_sends(uint64_t now_ns)
{
    unsigned count = 0;
    while (client_next_send(client, now_ns, &send))
        count++;
    return count;
}

static void greet(uint64_t now_ns, unsigned peer_index, struct slice map)
{
    static struct reply reply;
    reply = (struct reply){.kind = MESSAGE_HELLO, .status = REPLY_OK, .payload = map};
    client_receive(client, now_ns, peer_index, &reply);
}

/* ---------------------------------------------------------------- before the cluster is known */

static void seeds_that_never_answer_are_named_at_the_deadline(void **state)
{
    (void)state;
    open_client(4);
    const uint64_t id = submit(START_NS, "k", START_NS + 1000 * MS);
    /* Nothing to do before a seed is connected. */
    assert_int_equal(take_sends(START_NS), 0);
    assert_int_equal(client_wake_ns(client), START_NS + 1000 * MS);
    client_peer_up(client, START_NS + 10 * MS, 1);
    uint64_t now_ns = START_NS + 10 * MS;
    unsigned greeting_count = 0;
    while (!client_next_done(client, &done)) {
        while (client_next_send(client, now_ns, &send)) {
            assert_int_equal(send.peer_index, 1);
            assert_int_equal(send.request.kind, MESSAGE_HELLO);
            assert_true(send.request.hello.wants_cluster);
            greeting_count++;
        }
        assert_true(client_wake_ns(client) > now_ns);
        now_ns = client_wake_ns(client);
        client_tick(client, now_ns);
    }
    assert_int_equal(greeting_count, 4); /* every 250 ms */
    assert_int_equal(now_ns, START_NS + 1000 * MS);
    assert_int_equal(done.id, id);
    assert_int_equal(done.error, AREG_EUNAVAIL);
    assert_non_null(strstr(done.detail, "10.0.0.1"));
    assert_non_null(strstr(done.detail, "10.0.0.9"));
    close_client();
}

static void a_map_of_nonsense_is_dropped_and_the_next_one_taken(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    client_peer_up(client, START_NS, 1);
    assert_int_equal(take_sends(START_NS), 2);
    greet(START_NS, 1, (struct slice){0});
    greet(START_NS, 1, slice_borrow("nonsense", 8));
    for (size_t bytes = 0; bytes < map.bytes; bytes++)
        greet(START_NS, 1, slice_borrow(map.at, bytes));
    struct slice copy = slice_copy(map);
    for (size_t i = 0; i < copy.bytes; i++) {
        buffer_at(copy.owner)[i] ^= 0x80;
        greet(START_NS, 1, copy);
        buffer_at(copy.owner)[i] ^= 0x80;
        if (client_cluster(client))
            break; /* another name, perhaps: a map all the same */
    }
    assert_true(client_counters(client)->dropped > map.bytes);
    close_client();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    submit(START_NS, "k", UINT64_MAX);
    greet(START_NS, 0, slice_borrow("nonsense", 8));
    assert_null(client_cluster(client));
    greet(START_NS, 0, map);
    assert_non_null(client_cluster(client));
    assert_int_equal(client_peer_count(client), 4); /* one of them is a seed */
    client_peer_up(client, START_NS, 2);
    client_peer_up(client, START_NS, 3);
    assert_int_equal(take_sends(START_NS), 3);
    /* A second map changes nothing. */
    greet(START_NS, 0, map);
    assert_int_equal(client_peer_count(client), 4);
    close_client();
    slice_unref(&copy);
    slice_unref(&map);
}

static void another_version_at_every_seed_is_told_at_once(void **state)
{
    (void)state;
    open_client(4);
    client_peer_up(client, START_NS, 0);
    client_peer_up(client, START_NS, 1);
    const uint64_t id = submit(START_NS, "k", UINT64_MAX);
    client_peer_speaks_other_version(client, START_NS, 0);
    assert_false(client_next_done(client, &done));
    client_peer_speaks_other_version(client, START_NS, 1);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.id, id);
    assert_int_equal(done.error, AREG_EVERSION);
    close_client();
}

static void another_version_at_more_members_than_can_be_spared_is_told(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    greet(START_NS, 0, map);
    client_peer_up(client, START_NS, 2);
    client_peer_up(client, START_NS, 3);
    submit(START_NS, "k", UINT64_MAX);
    take_sends(START_NS);
    client_peer_speaks_other_version(client, START_NS, 2);
    assert_false(client_next_done(client, &done));
    client_peer_speaks_other_version(client, START_NS, 3);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.error, AREG_EVERSION);
    assert_non_null(strstr(done.detail, "version"));
    close_client();
    slice_unref(&map);
}

/* ---------------------------------------------------------------- replies */

/* All three hosts are connected, as peers 0, 2 and 3. */
static void open_connected(void)
{
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    take_sends(START_NS);
    greet(START_NS, 0, map);
    client_peer_up(client, START_NS, 2);
    client_peer_up(client, START_NS, 3);
    slice_unref(&map);
}

static void reply_to(unsigned peer_index, uint64_t id, enum message_kind kind, uint32_t phase)
{
    static struct reply reply;
    memset(&reply, 0, sizeof reply);
    reply.kind = kind;
    reply.op = id;
    reply.phase = phase;
    client_receive(client, START_NS, peer_index, &reply);
}

static void replies_of_another_phase_or_kind_or_of_strangers_are_dropped(void **state)
{
    (void)state;
    open_connected();
    const uint64_t id = submit(START_NS, "k", UINT64_MAX);
    assert_int_equal(take_sends(START_NS), 3);
    const uint32_t phase = send.request.phase;
    reply_to(0, id, MESSAGE_GET_DATA, phase);
    const uint64_t dropped = client_counters(client)->dropped;
    for (unsigned i = 0; i < 3; i++) {
        static const unsigned peers[] = {0, 2, 3};
        reply_to(peers[i], id, MESSAGE_GET_DATA, phase + 1);
        reply_to(peers[i], id, MESSAGE_GET_DATA, phase - 1);
        reply_to(peers[i], id, MESSAGE_GET_TAG, phase);
        reply_to(peers[i], id, MESSAGE_STATUS, phase);
        reply_to(peers[i], id + 1, MESSAGE_GET_DATA, phase); /* no such operation */
        reply_to(1, id, MESSAGE_GET_DATA, phase);            /* a seed that is no member */
    }
    assert_false(client_next_done(client, &done));
    assert_int_equal(client_counters(client)->dropped, dropped + 15);
    reply_to(2, id, MESSAGE_GET_DATA, phase);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.error, AREG_ENOTFOUND);
    close_client();
}

static void a_write_whose_put_never_left_has_no_effect(void **state)
{
    (void)state;
    for (unsigned leaves = 0; leaves <= 1; leaves++) {
        open_connected();
        const struct client_op op = {.kind = CLIENT_DEL, .key = slice_borrow("k", 1), .deadline_ns = UINT64_MAX};
        uint64_t id;
        assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_OK);
        assert_int_equal(take_sends(START_NS), 3);
        /* The tags arrive, and all connections are lost, or all but one. */
        for (unsigned peer = leaves; peer < 4; peer++)
            client_peer_down(client, START_NS, peer);
        reply_to(2, id, MESSAGE_GET_TAG, send.request.phase);
        reply_to(3, id, MESSAGE_GET_TAG, send.request.phase);
        assert_int_equal(take_sends(START_NS), leaves);
        assert_int_equal(client_cancel(client, START_NS, id), AREG_OK);
        assert_true(client_next_done(client, &done));
        assert_int_equal(done.error, leaves ? AREG_EMAYBE : AREG_ECANCELED);
        close_client();
    }
}

static void a_connection_that_comes_back_brings_what_was_unanswered_again(void **state)
{
    (void)state;
    open_connected();
    const uint64_t id = submit(START_NS, "k", UINT64_MAX);
    assert_int_equal(take_sends(START_NS), 3);
    reply_to(0, id, MESSAGE_GET_DATA, send.request.phase);
    client_peer_down(client, START_NS, 0);
    client_peer_down(client, START_NS, 2);
    assert_int_equal(take_sends(START_NS), 0);
    client_peer_up(client, START_NS, 0);
    assert_int_equal(take_sends(START_NS), 0);
    client_peer_up(client, START_NS, 2);
    assert_int_equal(take_sends(START_NS), 1);
    assert_int_equal(send.peer_index, 2);
    close_client();
}

/* ---------------------------------------------------------------- the rules of the interface */

static void bad_arguments_change_nothing(void **state)
{
    (void)state;
    static char long_key[AREG_KEY_BYTES_MAX + 1];
    const struct slice key = slice_borrow("k", 1);
    const struct slice too_long = slice_borrow(long_key, sizeof long_key);
    struct buffer *buffer = buffer_create(AREG_VALUE_BYTES_MAX + 1);
    const struct slice large = slice_of(buffer, 0, AREG_VALUE_BYTES_MAX + 1);
    const struct {
        struct client_op op;
        enum areg_error error;
    } cases[] = {
        {{.kind = CLIENT_GET}, AREG_EINVAL},
        {{.kind = CLIENT_GET, .key = too_long}, AREG_EINVAL},
        {{.kind = CLIENT_PUT, .key = key, .value = large}, AREG_ETOOBIG},
        {{.kind = CLIENT_GET, .key = key, .value = slice_of(buffer, 0, 1)}, AREG_EINVAL},
        {{.kind = CLIENT_DEL, .key = key, .value = slice_of(buffer, 0, 1)}, AREG_EINVAL},
        {{.kind = CLIENT_LIST, .key_count_max = 0}, AREG_EINVAL},
        {{.kind = CLIENT_LIST, .key_count_max = KEY_PAGE_COUNT_MAX + 1}, AREG_EINVAL},
        {{.kind = CLIENT_LIST, .key_count_max = 1, .key = too_long}, AREG_EINVAL},
        {{.kind = CLIENT_LIST, .key_count_max = 1, .after = too_long}, AREG_EINVAL},
    };
    open_client(2);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t id;
        assert_int_equal(client_submit(client, START_NS, &cases[i].op, &id), cases[i].error);
        assert_int_equal(client_room(client), 2);
    }
    close_client();
    buffer_unref(buffer);
}

static void past_the_limit_operations_are_refused_until_one_is_taken(void **state)
{
    (void)state;
    open_client(3);
    uint64_t ids[3];
    for (unsigned i = 0; i < 3; i++)
        ids[i] = submit(START_NS, "k", UINT64_MAX);
    const struct client_op op = {.kind = CLIENT_GET, .key = slice_borrow("k", 1), .deadline_ns = UINT64_MAX};
    uint64_t id;
    assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_EBUSY);
    assert_int_equal(client_cancel(client, START_NS, ids[1]), AREG_OK);
    /* Its outcome has not been taken yet. */
    assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_EBUSY);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.id, ids[1]);
    assert_int_equal(client_room(client), 1);
    assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_OK);
    close_client();
}

static void an_id_is_never_used_again(void **state)
{
    (void)state;
    open_client(2);
    uint64_t last = 0;
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t id = submit(START_NS, "k", UINT64_MAX);
        assert_int_not_equal(id, last);
        assert_true(id >> 63 == 0);
        assert_int_equal(client_cancel(client, START_NS, last), AREG_EINVAL);
        assert_int_equal(client_cancel(client, START_NS, id), AREG_OK);
        assert_int_equal(client_cancel(client, START_NS, id), AREG_EINVAL);
        assert_true(client_next_done(client, &done));
        assert_int_equal(client_cancel(client, START_NS, id), AREG_EINVAL);
        /* A reply to one that is gone. */
        static struct reply reply;
        reply = (struct reply){.kind = MESSAGE_GET_DATA, .op = id, .phase = 1};
        client_receive(client, START_NS, 0, &reply);
        last = id;
    }
    close_client();
}

static void an_outcome_does_not_wait_for_requests_that_nobody_takes(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    greet(START_NS, 0, map);
    const uint64_t first = submit(START_NS, "k1", UINT64_MAX);
    const uint64_t second = submit(START_NS, "k2", UINT64_MAX);
    assert_int_equal(client_cancel(client, START_NS, first), AREG_OK);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.id, first);
    /* Its place is taken by another at once, whose requests are sent like any. */
    submit(START_NS, "k3", UINT64_MAX);
    unsigned counts[3] = {0};
    while (client_next_send(client, START_NS, &send))
        counts[send.request.key.at[1] - '1']++;
    assert_int_equal(counts[0], 0);
    assert_int_equal(counts[1], 1); /* one host is connected */
    assert_int_equal(counts[2], 1);
    (void)second;
    client_check(client);
    close_client();
    slice_unref(&map);
}

static void a_long_list_of_silent_hosts_is_cut_off_cleanly(void **state)
{
    (void)state;
    static char addresses[HOST_COUNT_MAX][ADDRESS_BYTES_MAX + 1];
    const char *seeds[HOST_COUNT_MAX];
    for (unsigned count = 1; count <= HOST_COUNT_MAX; count += count < 8 ? 1 : 31) {
        for (unsigned i = 0; i < count; i++) {
            memset(addresses[i], 'a', ADDRESS_BYTES_MAX);
            snprintf(addresses[i], sizeof addresses[i], "tcp://%0*u:1", (int)(i * 13 % 100) + 3, i);
            seeds[i] = addresses[i];
        }
        const struct client_options options = {
            .random_seed = 1, .inflight_max = 1, .seeds = seeds, .seed_count = count};
        client = client_create(&options, START_NS);
        assert_non_null(client);
        submit(START_NS, "k", START_NS + 1);
        memset(&done, 'x', sizeof done);
        client_tick(client, START_NS + 1);
        assert_true(client_next_done(client, &done));
        assert_int_equal(done.error, AREG_EUNAVAIL);
        const size_t bytes = strnlen(done.detail, sizeof done.detail);
        assert_true(bytes > 0 && bytes < sizeof done.detail);
        assert_int_equal(strncmp(done.detail, addresses[0], strlen(addresses[0])), 0);
        close_client();
    }
}

static void an_idle_client_sleeps(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    take_sends(START_NS);
    greet(START_NS, 0, map);
    assert_int_equal(client_wake_ns(client), UINT64_MAX);
    client_tick(client, START_NS + 1);
    assert_int_equal(take_sends(START_NS), 0);
    assert_int_equal(client_wake_ns(client), UINT64_MAX);
    close_client();
    slice_unref(&map);
}

static void a_key_that_no_pool_takes_is_a_bad_argument(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    open_client(4);
    client_peer_up(client, START_NS, 0);
    greet(START_NS, 0, map);
    submit(START_NS, "other", UINT64_MAX);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.error, AREG_EINVAL);
    assert_non_null(strstr(done.detail, "pool"));
    const struct client_op op = {.kind = CLIENT_LIST, .shard = 1, .key_count_max = 1, .deadline_ns = UINT64_MAX};
    uint64_t id;
    assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_OK);
    assert_true(client_next_done(client, &done));
    assert_int_equal(done.error, AREG_EINVAL);
    assert_non_null(strstr(done.detail, "shard"));
    close_client();
    slice_unref(&map);
}

/* A long queue of writes that all fail one after the other must not need a stack as deep. */
static void *fail_a_long_queue(void *arg)
{
    struct slice *map = arg;
    open_client(INFLIGHT_MAX);
    client_peer_up(client, START_NS, 0);
    for (unsigned i = 0; i < INFLIGHT_MAX; i++) {
        const struct client_op op = {.kind = CLIENT_DEL, .key = slice_borrow("other", 5), .deadline_ns = UINT64_MAX};
        uint64_t id;
        assert_int_equal(client_submit(client, START_NS, &op, &id), AREG_OK);
    }
    greet(START_NS, 0, *map);
    uint64_t last = 0;
    for (unsigned i = 0; i < INFLIGHT_MAX; i++) {
        assert_true(client_next_done(client, &done));
        assert_int_equal(done.error, AREG_EINVAL);
        assert_true(done.id > last); /* in order */
        last = done.id;
    }
    close_client();
    return NULL;
}

static void a_long_queue_that_fails_needs_no_deep_stack(void **state)
{
    (void)state;
    struct slice map = map_of_three();
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    assert_int_equal(pthread_attr_setstacksize(&attributes, 512 << 10), 0);
    assert_int_equal(pthread_create(&thread, &attributes, fail_a_long_queue, &map), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    slice_unref(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_that_never_answer_are_named_at_the_deadline),
        cmocka_unit_test(a_map_of_nonsense_is_dropped_and_the_next_one_taken),
        cmocka_unit_test(another_version_at_every_seed_is_told_at_once),
        cmocka_unit_test(another_version_at_more_members_than_can_be_spared_is_told),
        cmocka_unit_test(replies_of_another_phase_or_kind_or_of_strangers_are_dropped),
        cmocka_unit_test(a_write_whose_put_never_left_has_no_effect),
        cmocka_unit_test(a_connection_that_comes_back_brings_what_was_unanswered_again),
        cmocka_unit_test(bad_arguments_change_nothing),
        cmocka_unit_test(past_the_limit_operations_are_refused_until_one_is_taken),
        cmocka_unit_test(an_id_is_never_used_again),
        cmocka_unit_test(an_outcome_does_not_wait_for_requests_that_nobody_takes),
        cmocka_unit_test(a_long_list_of_silent_hosts_is_cut_off_cleanly),
        cmocka_unit_test(an_idle_client_sleeps),
        cmocka_unit_test(a_key_that_no_pool_takes_is_a_bad_argument),
        cmocka_unit_test(a_long_queue_that_fails_needs_no_deep_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
