/*
 * Confirmations that wait for a ride.
 */
#include "client/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START_NS UINT64_C(1000000000)

static struct client *client;
static struct view view;

/* A client that knows of three hosts, the members of the one view. */
static int set_up(void **state)
{
    (void)state;
    static const char *const seeds[] = {"tcp://10.0.0.1:1", "tcp://10.0.0.2:1", "tcp://10.0.0.3:1"};
    const struct client_options options = {.random_seed = 1, .inflight_max = 1, .seeds = seeds, .seed_count = 3};
    client = client_create(&options, START_NS);
    view = (struct view){.reference_count = 1,
                         .config = {.shard = 7, .member_count = 3, .code = {.dap = DAP_TREAS, .n = 3, .k = 1}}};
    for (unsigned i = 0; i < 3; i++) {
        view.peers[i] = (uint16_t)(2 - i);
        client->peers[i].is_up = true;
    }
    return client ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    client_destroy(client);
    assert_int_equal(view.reference_count, 1); /* all that held on to it have let go */
    return 0;
}

static void add(uint64_t z, uint64_t now_ns)
{
    char text[16];
    snprintf(text, sizeof text, "key %d", (int)z);
    struct slice key = slice_copy(slice_borrow(text, strlen(text)));
    confirm_later(client, &view, key, (struct tag){z, 1}, voters_all(3), now_ns);
    slice_unref(&key);
}

/* Take all that is ready; returns how many. Each tag must come to each member that is up once. */
static unsigned take(uint64_t first_z, unsigned member_count)
{
    struct client_send send;
    unsigned count = 0;
    while (confirm_next_send(client, &send)) {
        const uint64_t z = first_z + count / member_count;
        char text[16];
        snprintf(text, sizeof text, "key %d", (int)z);
        assert_int_equal(send.request.kind, MESSAGE_CONFIRM);
        assert_int_equal(send.request.shard, 7);
        assert_int_equal(send.request.confirm.tag.z, z);
        assert_true(slice_equal(send.request.key, slice_borrow(text, strlen(text))));
        assert_int_equal(send.request.payload.bytes, 0);
        assert_true(client->peers[send.peer_index].is_up);
        count++;
    }
    return count;
}

static void they_wait_for_their_time_or_for_a_ride(void **state)
{
    (void)state;
    assert_int_equal(confirm_wake_ns(&client->confirmations), UINT64_MAX);
    add(1, START_NS);
    add(2, START_NS + 1000);
    assert_int_equal(take(1, 3), 0);
    assert_int_equal(confirm_wake_ns(&client->confirmations), START_NS + CONFIRM_DELAY_NS);
    assert_int_equal(client_wake_ns(client), START_NS); /* the greeting */
    confirm_tick(&client->confirmations, START_NS + CONFIRM_DELAY_NS - 1);
    assert_int_equal(take(1, 3), 0);
    confirm_tick(&client->confirmations, START_NS + CONFIRM_DELAY_NS);
    assert_int_equal(take(1, 3), 6);
    assert_int_equal(confirm_wake_ns(&client->confirmations), UINT64_MAX);
    add(3, START_NS);
    confirm_ride(&client->confirmations);
    add(4, START_NS + 5);
    assert_int_equal(take(3, 3), 3);
    assert_int_equal(confirm_wake_ns(&client->confirmations), START_NS + 5 + CONFIRM_DELAY_NS);
    client_flush(client, START_NS + 6);
    assert_int_equal(take(4, 3), 3);
}

static void many_do_not_wait_and_too_many_are_dropped(void **state)
{
    (void)state;
    for (uint64_t z = 1; z <= CONFIRM_PENDING_MAX / 2; z++)
        add(z, START_NS);
    assert_int_equal(client->confirmations.ready, client->confirmations.first);
    add(CONFIRM_PENDING_MAX / 2 + 1, START_NS);
    assert_int_equal(client->confirmations.ready, client->confirmations.end);
    for (uint64_t z = CONFIRM_PENDING_MAX / 2 + 2; z <= CONFIRM_PENDING_MAX + 100; z++)
        add(z, START_NS);
    assert_int_equal(take(1, 3), 3 * CONFIRM_PENDING_MAX);
    /* Round and round. */
    uint64_t next = 1;
    for (unsigned turn = 0; turn < 20; turn++) {
        const uint64_t first = next;
        for (unsigned i = 0; i < 300; i++)
            add(next++, START_NS);
        confirm_ride(&client->confirmations);
        assert_int_equal(take(first, 3), 900);
    }
}

static void what_is_for_nobody_or_nothing_is_not_kept(void **state)
{
    (void)state;
    struct slice key = slice_copy(slice_borrow("k", 1));
    confirm_later(client, &view, key, TAG_ZERO, voters_all(3), START_NS);
    confirm_later(client, &view, key, (struct tag){1, 1}, (struct voters){0}, START_NS);
    assert_int_equal(client->confirmations.first, client->confirmations.end);
    slice_unref(&key);
}

static void hosts_that_are_down_are_left_out(void **state)
{
    (void)state;
    add(1, START_NS);
    confirm_ride(&client->confirmations);
    client->peers[1].is_up = false;
    assert_int_equal(take(1, 2), 2);
    add(2, START_NS);
    confirm_ride(&client->confirmations);
    client->peers[0].is_up = client->peers[2].is_up = false;
    assert_int_equal(take(2, 1), 0);
    assert_int_equal(client->confirmations.first, client->confirmations.end);
}

static void what_waits_is_freed_with_the_client(void **state)
{
    (void)state;
    for (uint64_t z = 1; z <= 10; z++)
        add(z, START_NS);
    struct client_send send;
    confirm_ride(&client->confirmations);
    assert_true(confirm_next_send(client, &send));
}

static void where_nothing_is_kept_nothing_is_confirmed(void **state)
{
    (void)state;
    view.config.code = (struct code){.dap = DAP_ABD, .n = 3, .k = 1};
    add(1, START_NS);
    assert_int_equal(client->confirmations.first, client->confirmations.end);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(they_wait_for_their_time_or_for_a_ride),
        CASE(many_do_not_wait_and_too_many_are_dropped),
        CASE(what_is_for_nobody_or_nothing_is_not_kept),
        CASE(hosts_that_are_down_are_left_out),
        CASE(what_waits_is_freed_with_the_client),
        cmocka_unit_test_setup_teardown(where_nothing_is_kept_nothing_is_confirmed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
