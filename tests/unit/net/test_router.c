/* The host's socket against peers of every kind: ours, plain ZeroMQ ones that send garbage, and ones that vanish. */
#include "core/random.h"
#include "tests/unit/net/pair.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

static struct random_source seeded(void)
{
    const char *text = getenv("AREG_SEED");
    struct random_source random = {.state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL)};
    printf("AREG_SEED=%" PRIu64 "\n", random.state);
    return random;
}

/** A plain DEALER that is connected to the router. */
static void *plain_dealer(void *context, const struct router *router)
{
    void *socket = plain_socket(context, ZMQ_DEALER);
    assert_int_equal(zmq_connect(socket, router_address(router)), 0);
    return socket;
}

static void send_parts(void *socket, unsigned part_count, size_t part_bytes)
{
    void *memory = calloc(1, part_bytes + 1);
    for (unsigned i = 0; i < part_count; i++)
        assert_int_equal(zmq_send(socket, memory, part_bytes, i + 1 < part_count ? ZMQ_SNDMORE : 0), (int)part_bytes);
    free(memory);
}

static void packets_beyond_the_limits_are_dropped_and_counted(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    void *context = zmq_ctx_new();
    void *socket = plain_dealer(context, router);
    send_parts(socket, 1 + PACKET_MESSAGE_COUNT_MAX + 1, 1); /* too many parts */
    send_parts(socket, 1, PACKET_HEADER_BYTES_MAX + 1);      /* header too large */
    send_parts(socket, 6, PACKET_PAYLOAD_BYTES_MAX / 5 + 1); /* header and payloads too large */
    send_parts(socket, 1 + PACKET_MESSAGE_COUNT_MAX, 10);    /* the largest count */
    struct peer_id from;
    struct packet packet;
    await_at_router(router, &from, &packet);
    assert_int_equal(packet.payload_count, PACKET_MESSAGE_COUNT_MAX);
    assert_int_equal(router_counters(router)->packets_malformed, 3);
    assert_int_equal(router_counters(router)->packets_received, 1);
    packet_fini(&packet);
    zmq_close(socket);
    zmq_ctx_term(context);
    router_destroy(router, 0);
}

static void a_frame_beyond_the_limit_ends_its_connection_only(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    void *context = zmq_ctx_new();
    void *hostile = plain_dealer(context, router);
    void *honest = plain_dealer(context, router);
    send_parts(hostile, 1, FRAME_BYTES_MAX + 1);
    send_parts(honest, 2, 10);
    struct peer_id from;
    struct packet packet;
    await_at_router(router, &from, &packet);
    assert_int_equal(packet.header.bytes, 10);
    assert_int_equal(packet.payload_count, 1);
    packet_fini(&packet);
    zmq_close(hostile);
    zmq_close(honest);
    zmq_ctx_term(context);
    router_destroy(router, 0);
}

static void garbage_arrives_unchanged_or_not_at_all(void **state)
{
    (void)state;
    struct random_source random = seeded();
    struct router *router = router_on_free_port();
    void *context = zmq_ctx_new();
    void *socket = plain_dealer(context, router);
    for (unsigned round = 0; round < 300; round++) {
        uint8_t memory[3000];
        const unsigned part_count = 1 + (unsigned)random_below(&random, 6);
        size_t part_bytes[6];
        uint64_t sum = 0;
        for (unsigned i = 0; i < part_count; i++) {
            part_bytes[i] = random_below(&random, 3) ? random_below(&random, sizeof memory) : random_below(&random, 3);
            for (size_t j = 0; j < part_bytes[i]; j++)
                sum += memory[j] = (uint8_t)random_next(&random);
            assert_int_equal(zmq_send(socket, memory, part_bytes[i], i + 1 < part_count ? ZMQ_SNDMORE : 0),
                             part_bytes[i]);
        }
        struct peer_id from;
        struct packet packet;
        await_at_router(router, &from, &packet);
        assert_int_equal(packet.payload_count, part_count - 1);
        for (unsigned i = 0; i < part_count; i++) {
            const struct slice part = i == 0 ? packet.header : packet.payloads[i - 1];
            assert_int_equal(part.bytes, part_bytes[i]);
            for (size_t j = 0; j < part.bytes; j++)
                sum -= part.at[j];
        }
        assert_int_equal(sum, 0);
        packet_fini(&packet);
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    router_destroy(router, 0);
}

static void a_reply_to_a_peer_that_is_gone_is_dropped_and_counted(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct dealers *dealers = NULL;
    assert_int_equal(dealers_create(&dealers), AREG_OK);
    assert_int_equal(dealers_add(dealers, router_address(router)), AREG_OK);
    await_change(dealers, 0, true);
    struct packet packet;
    struct peer_id from;
    make_packet(&packet, 10, 0, 0);
    assert_true(dealers_send(dealers, 0, &packet));
    await_at_router(router, &from, &packet);
    packet_fini(&packet);
    dealers_destroy(dealers, 0);
    const uint64_t end_ms = now_ms() + PATIENCE_MS;
    bool sent = true;
    while (sent && now_ms() < end_ms) {
        router_wait(router, 10);
        make_packet(&packet, 10, 1, 100000);
        sent = router_send(router, &from, &packet);
    }
    assert_false(sent);
    assert_int_equal(router_counters(router)->packets_unsent, 1);
    const struct peer_id stranger = {.bytes = 3, .at = "abc"};
    make_packet(&packet, 10, 0, 0);
    assert_false(router_send(router, &stranger, &packet));
    router_destroy(router, 0);
}

static void one_stalled_peer_does_not_keep_others_from_their_replies(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    void *context = zmq_ctx_new();
    void *stalled = plain_dealer(context, router);
    void *other = plain_dealer(context, router);
    struct peer_id stalled_id;
    struct peer_id other_id;
    struct packet packet;
    send_parts(stalled, 1, 10);
    await_at_router(router, &stalled_id, &packet);
    packet_fini(&packet);
    send_parts(other, 1, 10);
    await_at_router(router, &other_id, &packet);
    packet_fini(&packet);

    struct slice payload = filled_slice(STALL_PAYLOAD_BYTES, 3);
    unsigned sent_count = 0;
    for (unsigned i = 0; i < STALL_OFFERED_COUNT; i++) {
        make_stall_packet(&packet, payload);
        sent_count += router_send(router, &stalled_id, &packet);
    }
    assert_in_range(sent_count, STALL_COUNT_MIN, STALL_COUNT_MAX);
    assert_int_equal(router_counters(router)->packets_unsent, STALL_OFFERED_COUNT - sent_count);
    make_packet(&packet, 77, 0, 0);
    assert_true(router_send(router, &other_id, &packet));
    uint8_t reply[100];
    assert_int_equal(zmq_recv(other, reply, sizeof reply, 0), 77);
    slice_unref(&payload);
    zmq_close(stalled);
    zmq_close(other);
    zmq_ctx_term(context);
    router_destroy(router, 0);
}

static void *wake_it(void *arg)
{
    router_wake(arg);
    return NULL;
}

static void another_thread_ends_the_wait(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    pthread_t thread;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, wake_it, router), 0);
        router_wait(router, -1);
        pthread_join(thread, NULL);
    }
    /* Calls before the wait are not lost, and many count as one. */
    router_wake(router);
    router_wake(router);
    router_wait(router, -1);
    const uint64_t begin_ms = now_ms();
    router_wait(router, 30);
    assert_true(now_ms() - begin_ms >= 25);
    router_destroy(router, 0);
}

static void addresses_that_can_not_be_bound_are_explained(void **state)
{
    (void)state;
    struct router *router = router_on_free_port();
    struct router *second = NULL;
    char why[NET_WHY_BYTES];
    assert_int_equal(router_create(&second, router_address(router), why), AREG_EBUSY);
    assert_non_null(strstr(why, "in use"));
    assert_non_null(strstr(why, router_address(router)));
    assert_int_equal(router_create(&second, "tcp://192.0.2.1:7600", why), AREG_EINVAL);
    assert_non_null(strstr(why, "192.0.2.1"));
    static const char *const bad[] = {
        "", "tcp://", "nonsense", "ipc:///tmp/x", "tcp://127.0.0.1", "tcp://127.0.0.1:99999999"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(router_create(&second, bad[i], why), AREG_EINVAL);
    router_destroy(router, 0);

    assert_int_equal(router_create(&second, "tcp://localhost:*", why), AREG_OK);
    assert_non_null(strstr(router_address(second), "127.0.0.1:"));
    router_destroy(second, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_beyond_the_limits_are_dropped_and_counted),
        cmocka_unit_test(a_frame_beyond_the_limit_ends_its_connection_only),
        cmocka_unit_test(garbage_arrives_unchanged_or_not_at_all),
        cmocka_unit_test(a_reply_to_a_peer_that_is_gone_is_dropped_and_counted),
        cmocka_unit_test(one_stalled_peer_does_not_keep_others_from_their_replies),
        cmocka_unit_test(another_thread_ends_the_wait),
        cmocka_unit_test(addresses_that_can_not_be_bound_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
