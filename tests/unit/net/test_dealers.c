/* The client's sockets against real routers on loopback. */
#include "tests/unit/net/pair.h"

#include <poll.h>

static struct dealers *dealers_to(struct router *router)
{
    struct dealers *dealers = NULL;
    assert_int_equal(dealers_create(&dealers), AREG_OK);
    assert_int_equal(dealers_add(dealers, router_address(router)), AREG_OK);
    await_change(dealers, 0, true);
    return dealers;
}

static bool is_readable(struct dealers *dealers, int wait_ms)
{
    struct pollfd polled = {.fd = dealers_fd(dealers), .events = POLLIN};
    return poll(&polled, 1, wait_ms) == 1;
}

/** The descriptor may wake up for nothing (ZeroMQ has its own reasons), but not again and again. */
static void await_quiet(struct dealers *dealers)
{
    struct packet packet;
    unsigned peer_index;
    bool is_up;
    while (dealers_next_change(dealers, &peer_index, &is_up))
        assert_true(is_up);
    dealers_arm(dealers, false);
    for (const uint64_t end_ms = now_ms() + PATIENCE_MS; is_readable(dealers, 0);) {
        assert_true(now_ms() < end_ms);
        assert_false(dealers_receive(dealers, &peer_index, &packet));
        dealers_arm(dealers, false);
    }
}

static void packets_of_every_shape_travel_there_and_back(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    static const size_t sizes[] = {0,    1,      33,     FRAME_COPY_BYTES_MAX - 1, FRAME_COPY_BYTES_MAX, 8191,
                                   8192, 100000, 1 << 20};
    static const unsigned counts[] = {0, 1, 2, 7};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (unsigned j = 0; j < sizeof counts / sizeof counts[0]; j++) {
            struct packet packet;
            struct peer_id from;
            unsigned peer_index = 99;
            const size_t header_bytes = 1 + sizes[i] / 2;
            make_packet(&packet, header_bytes, counts[j], sizes[i]);
            assert_true(dealers_send(dealers, 0, &packet));
            await_at_router(router, &from, &packet);
            assert_true(router_send(router, &from, &packet));
            await_at_dealers(dealers, &peer_index, &packet);
            assert_int_equal(peer_index, 0);
            assert_filled(packet.header, header_bytes, 1);
            assert_int_equal(packet.payload_count, counts[j]);
            for (unsigned k = 0; k < counts[j]; k++)
                assert_filled(packet.payloads[k], sizes[i], (uint8_t)(2 + k));
            packet_fini(&packet);
        }
    }
    const uint64_t packet_count = sizeof sizes / sizeof sizes[0] * (sizeof counts / sizeof counts[0]);
    assert_int_equal(dealers_counters(dealers)->packets_sent, packet_count);
    assert_int_equal(dealers_counters(dealers)->packets_received, packet_count);
    assert_int_equal(dealers_counters(dealers)->bytes_sent, dealers_counters(dealers)->bytes_received);
    assert_int_equal(router_counters(router)->bytes_sent, dealers_counters(dealers)->bytes_sent);
    dealers_destroy(dealers, 0);
    router_destroy(router, 0);
}

struct watched_memory {
    uint8_t *memory;
    bool is_freed;
};

static void note_freed(void *memory, void *arg)
{
    struct watched_memory *watched = arg;
    assert_ptr_equal(memory, watched->memory);
    watched->is_freed = true;
}

static void large_payloads_are_lent_and_given_back(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    enum { BYTES = 1 << 20 };
    struct watched_memory watched = {.memory = calloc(1, BYTES)};
    struct packet packet = {.header = filled_slice(10, 1), .payload_count = 1};
    packet.payloads[0] = slice_of(buffer_wrap(watched.memory, BYTES, note_freed, &watched), 0, BYTES);
    assert_true(dealers_send(dealers, 0, &packet));
    struct peer_id from;
    await_at_router(router, &from, &packet);
    assert_int_equal(packet.payloads[0].bytes, BYTES);
    packet_fini(&packet);
    dealers_destroy(dealers, 0);
    router_destroy(router, 0);
    assert_true(watched.is_freed);
    free(watched.memory);
}

static void packets_for_a_host_that_is_down_are_dropped_not_kept(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    char address[ADDRESS_BYTES_MAX + 1];
    strcpy(address, router_address(router));
    router_destroy(router, 0);
    await_change(dealers, 0, false);
    assert_false(dealers_is_up(dealers, 0));

    struct packet packet;
    make_packet(&packet, 100, 1, 5000);
    assert_false(dealers_send(dealers, 0, &packet));
    assert_int_equal(dealers_counters(dealers)->packets_unsent, 1);

    char why[NET_WHY_BYTES];
    assert_int_equal(router_create(&router, address, why), AREG_OK);
    await_change(dealers, 0, true);
    make_packet(&packet, 200, 0, 0);
    assert_true(dealers_send(dealers, 0, &packet));
    struct peer_id from;
    await_at_router(router, &from, &packet);
    assert_filled(packet.header, 200, 1);
    packet_fini(&packet);
    dealers_destroy(dealers, 0);
    router_destroy(router, 0);
}

static void a_stalled_host_pins_a_bounded_number_of_bytes(void **state)
{
    (void)state;
    void *context = zmq_ctx_new();
    void *stalled = plain_socket(context, ZMQ_ROUTER);
    char address[ADDRESS_BYTES_MAX + 1];
    size_t address_bytes = sizeof address;
    assert_int_equal(zmq_bind(stalled, "tcp://127.0.0.1:*"), 0);
    assert_int_equal(zmq_getsockopt(stalled, ZMQ_LAST_ENDPOINT, address, &address_bytes), 0);
    struct dealers *dealers = NULL;
    assert_int_equal(dealers_create(&dealers), AREG_OK);
    assert_int_equal(dealers_add(dealers, address), AREG_OK);
    await_change(dealers, 0, true);

    struct slice payload = filled_slice(STALL_PAYLOAD_BYTES, 7);
    unsigned sent_count = 0;
    for (unsigned i = 0; i < STALL_OFFERED_COUNT; i++) {
        struct packet packet;
        make_stall_packet(&packet, payload);
        sent_count += dealers_send(dealers, 0, &packet);
    }
    assert_in_range(sent_count, STALL_COUNT_MIN, STALL_COUNT_MAX);
    assert_int_equal(dealers_counters(dealers)->packets_unsent, STALL_OFFERED_COUNT - sent_count);
    slice_unref(&payload);
    dealers_destroy(dealers, 0);
    zmq_close(stalled);
    zmq_ctx_term(context);
}

static void one_descriptor_stands_for_input_timers_and_the_callers_own_work(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    struct packet packet;
    struct peer_id from;
    unsigned peer_index;
    make_packet(&packet, 100, 0, 0);
    assert_true(dealers_send(dealers, 0, &packet));
    await_at_router(router, &from, &packet);

    /* Input: two packets, and the second one signals no more once the first has been received. */
    struct packet again = {.header = slice_ref(packet.header)};
    assert_true(router_send(router, &from, &packet));
    assert_true(router_send(router, &from, &again));
    dealers_arm(dealers, false);
    assert_true(is_readable(dealers, PATIENCE_MS));
    await_at_dealers(dealers, &peer_index, &packet);
    packet_fini(&packet);
    dealers_arm(dealers, false);
    assert_true(is_readable(dealers, PATIENCE_MS));
    await_at_dealers(dealers, &peer_index, &packet);
    packet_fini(&packet);

    /* The caller's own work. */
    await_quiet(dealers);
    dealers_arm(dealers, true);
    assert_true(is_readable(dealers, 0));
    dealers_arm(dealers, false);
    await_quiet(dealers);

    /* The timer, until it is set anew. */
    dealers_set_timer(dealers, (now_ms() + 20) * 1000000);
    assert_true(is_readable(dealers, PATIENCE_MS));
    dealers_set_timer(dealers, UINT64_MAX);
    await_quiet(dealers);
    dealers_set_timer(dealers, 0);
    assert_true(is_readable(dealers, PATIENCE_MS));
    dealers_destroy(dealers, 0);
    router_destroy(router, 0);
}

static void sending_does_not_swallow_the_news_of_a_reply(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    struct packet packet;
    struct peer_id from;
    unsigned peer_index;
    make_packet(&packet, 100, 0, 0);
    assert_true(dealers_send(dealers, 0, &packet));
    await_at_router(router, &from, &packet);
    await_quiet(dealers);
    assert_true(router_send(router, &from, &packet));
    assert_true(is_readable(dealers, PATIENCE_MS));

    /* A send looks at what has happened, and takes in the signal, if it has not looked for about a millisecond. */
    for (const uint64_t begin_ms = now_ms(); now_ms() - begin_ms < 5;)
        continue;
    make_packet(&packet, 100, 0, 0);
    assert_true(dealers_send(dealers, 0, &packet));
    dealers_arm(dealers, false);
    assert_true(is_readable(dealers, 0));
    dealers_wait(dealers, -1);
    assert_true(dealers_receive(dealers, &peer_index, &packet));
    packet_fini(&packet);
    dealers_destroy(dealers, 0);
    router_destroy(router, 0);
}

/** Bursts both ways in one thread: every packet arrives although ZeroMQ signals only once, and late. */
static void no_packet_is_overlooked_in_bursts(void **state)
{
    (void)state;
    enum { HOST_COUNT = 3, ROUND_COUNT = 200, BURST = 40 };
    struct router *routers[HOST_COUNT];
    struct dealers *dealers = NULL;
    assert_int_equal(dealers_create(&dealers), AREG_OK);
    for (unsigned i = 0; i < HOST_COUNT; i++) {
        routers[i] = router_on_free_port();
        assert_int_equal(dealers_add(dealers, router_address(routers[i])), AREG_OK);
        await_change(dealers, i, true);
    }
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        struct packet packet;
        struct peer_id from;
        unsigned peer_index;
        unsigned received_count[HOST_COUNT] = {0};
        for (unsigned i = 0; i < HOST_COUNT * BURST; i++) {
            make_packet(&packet, 60, i % 2, 2000);
            assert_true(dealers_send(dealers, i % HOST_COUNT, &packet));
        }
        for (unsigned i = 0; i < HOST_COUNT * BURST; i++) {
            await_at_router(routers[i % HOST_COUNT], &from, &packet);
            assert_true(router_send(routers[i % HOST_COUNT], &from, &packet));
        }
        for (unsigned i = 0; i < HOST_COUNT * BURST; i++) {
            await_at_dealers(dealers, &peer_index, &packet);
            received_count[peer_index]++;
            packet_fini(&packet);
        }
        for (unsigned i = 0; i < HOST_COUNT; i++)
            assert_int_equal(received_count[i], BURST);
    }
    dealers_destroy(dealers, 0);
    for (unsigned i = 0; i < HOST_COUNT; i++)
        router_destroy(routers[i], 0);
}

static void what_is_queued_leaves_before_a_lingering_end(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = dealers_to(router);
    struct packet packet;
    for (unsigned i = 0; i < 20; i++) {
        make_packet(&packet, 100, 1, 50000);
        assert_true(dealers_send(dealers, 0, &packet));
    }
    dealers_destroy(dealers, PATIENCE_MS);
    struct peer_id from;
    for (unsigned i = 0; i < 20; i++) {
        await_at_router(router, &from, &packet);
        packet_fini(&packet);
    }
    router_destroy(router, 0);
}

static void bad_addresses_are_refused(void **state)
{
    (void)state;
    struct dealers *dealers = NULL;
    assert_int_equal(dealers_create(&dealers), AREG_OK);
    static const char *const bad[] = {"",           "tcp://",         "127.0.0.1:7600", "tcp://h1",
                                      "tcp://h1:0", "tcp://h1:70000", "ipc://x"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(dealers_add(dealers, bad[i]), AREG_EINVAL);
    assert_int_equal(dealers_count(dealers), 0);
    /* A port where nobody listens is no mistake. */
    assert_int_equal(dealers_add(dealers, "tcp://127.0.0.1:1"), AREG_OK);
    assert_int_equal(dealers_count(dealers), 1);
    dealers_destroy(dealers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_every_shape_travel_there_and_back),
        cmocka_unit_test(large_payloads_are_lent_and_given_back),
        cmocka_unit_test(packets_for_a_host_that_is_down_are_dropped_not_kept),
        cmocka_unit_test(a_stalled_host_pins_a_bounded_number_of_bytes),
        cmocka_unit_test(one_descriptor_stands_for_input_timers_and_the_callers_own_work),
        cmocka_unit_test(sending_does_not_swallow_the_news_of_a_reply),
        cmocka_unit_test(no_packet_is_overlooked_in_bursts),
        cmocka_unit_test(what_is_queued_leaves_before_a_lingering_end),
        cmocka_unit_test(bad_addresses_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
