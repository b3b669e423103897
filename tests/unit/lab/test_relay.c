/* The relay, with plain sockets on both sides. Times are judged from below alone where a busy machine may be slow. */
#include "lab/relay.h"

#include "tests/unit/seed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    WAIT_MS = 20000,
    MIB = 1 << 20,
    KERNEL_BYTES_MAX = 24 * MIB, /* that the sockets of one connection may hold */
};

static const uint64_t MS = 1000000;

static uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- both sides */

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A host that listens, and a relay before it. */
struct network {
    int listener;
    struct relay *relay;
};

static struct network open_network(uint64_t delay_min_ns, uint64_t delay_max_ns, uint64_t bytes_per_s)
{
    struct network network = {.listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = loopback(0);
    socklen_t address_bytes = sizeof address;
    assert_int_equal(bind(network.listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(network.listener, 64), 0);
    assert_int_equal(getsockname(network.listener, (struct sockaddr *)&address, &address_bytes), 0);
    const struct relay_route route = {.to_port = ntohs(address.sin_port)};
    const struct relay_options options = {
        .routes = &route,
        .route_count = 1,
        .delay_min_ns = delay_min_ns,
        .delay_max_ns = delay_max_ns,
        .bytes_per_s = bytes_per_s,
        .seed = 1,
    };
    char why[RELAY_WHY_BYTES];
    assert_int_equal(relay_create(&network.relay, &options, why), AREG_OK);
    assert_true(relay_port(network.relay, 0) > 0);
    return network;
}

static void close_network(struct network *network)
{
    relay_destroy(network->relay);
    close(network->listener);
}

static int connect_to(uint16_t port)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct sockaddr_in address = loopback(port);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void await(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};
    assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

/* A connection through the relay: both of its ends, which do not block. */
static void open_pair(const struct network *network, int ends[2])
{
    ends[0] = connect_to(relay_port(network->relay, 0));
    await(network->listener, POLLIN);
    ends[1] = accept(network->listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(fcntl(ends[i], F_SETFL, O_NONBLOCK), 0);
}

static void close_pair(const int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

static void receive_all(int fd, uint8_t *bytes, size_t wanted_bytes)
{
    for (size_t got_bytes = 0; got_bytes < wanted_bytes;) {
        await(fd, POLLIN);
        const ssize_t got = recv(fd, bytes + got_bytes, wanted_bytes - got_bytes, 0);
        assert_true(got > 0);
        got_bytes += (size_t)got;
    }
}

/* ---------------------------------------------------------------- streams */

/* One direction of a connection: what has been sent and received of a sequence that both sides know. */
struct stream {
    int from;
    int to;
    struct random_source sender;
    struct random_source receiver;
    size_t sent_bytes;
    size_t got_bytes;
};

static void send_some(struct stream *stream, size_t total_bytes, struct random_source *random)
{
    uint8_t bytes[20000];
    const size_t left_bytes = total_bytes - stream->sent_bytes;
    size_t wanted = 1 + random_below(random, random_below(random, 2) ? sizeof bytes : 100);
    wanted = wanted < left_bytes ? wanted : left_bytes;
    struct random_source tried = stream->sender;
    for (size_t i = 0; i < wanted; i++)
        bytes[i] = (uint8_t)random_next(&tried);
    const ssize_t sent = send(stream->from, bytes, wanted, MSG_NOSIGNAL);
    assert_true(sent > 0 || errno == EAGAIN);
    for (ssize_t i = 0; i < sent; i++)
        random_next(&stream->sender);
    stream->sent_bytes += sent > 0 ? (size_t)sent : 0;
}

static void receive_some(struct stream *stream)
{
    uint8_t bytes[20000];
    const ssize_t got = recv(stream->to, bytes, sizeof bytes, 0);
    assert_true(got > 0 || errno == EAGAIN);
    for (ssize_t i = 0; i < got; i++)
        if (bytes[i] != (uint8_t)random_next(&stream->receiver))
            fail_msg("byte %zu is another one", stream->got_bytes + (size_t)i);
    stream->got_bytes += got > 0 ? (size_t)got : 0;
}

static void bytes_arrive_whole_and_in_order_on_many_connections(void **state)
{
    (void)state;
    enum { PAIR_COUNT = 20, STREAM_COUNT = 2 * PAIR_COUNT, STREAM_BYTES = 300000 };
    struct random_source random = test_random();
    struct network network = open_network(0, 3 * MS, UINT64_C(400) * MIB);
    struct stream streams[STREAM_COUNT];
    int pairs[PAIR_COUNT][2];
    for (unsigned i = 0; i < PAIR_COUNT; i++) {
        open_pair(&network, pairs[i]);
        for (unsigned side = 0; side < 2; side++) {
            const struct random_source bytes = {.state = random_next(&random)};
            streams[2 * i + side] = (struct stream){pairs[i][side], pairs[i][!side], bytes, bytes, 0, 0};
        }
    }
    unsigned whole_count = 0;
    while (whole_count < STREAM_COUNT) {
        struct pollfd fds[STREAM_COUNT];
        for (unsigned i = 0; i < STREAM_COUNT; i++)
            fds[i] = (struct pollfd){
                .fd = streams[i].from,
                .events = (short)(POLLIN | (streams[i].sent_bytes < STREAM_BYTES ? POLLOUT : 0)),
            };
        assert_true(poll(fds, STREAM_COUNT, WAIT_MS) > 0);
        for (unsigned i = 0; i < STREAM_COUNT; i++) {
            if (fds[i].revents & POLLOUT)
                send_some(&streams[i], STREAM_BYTES, &random);
            struct stream *other = &streams[i ^ 1];
            if (!(fds[i].revents & POLLIN))
                continue;
            receive_some(other);
            whole_count += other->got_bytes == STREAM_BYTES;
        }
    }
    for (unsigned i = 0; i < PAIR_COUNT; i++)
        close_pair(pairs[i]);
    close_network(&network);
}

/* ---------------------------------------------------------------- time */

static void every_message_takes_at_least_the_delay_each_way(void **state)
{
    (void)state;
    enum { ROUND_COUNT = 40 };
    struct network network = open_network(4 * MS, 6 * MS, 0);
    int ends[2];
    open_pair(&network, ends);
    uint64_t best_ns = UINT64_MAX;
    for (unsigned i = 0; i < ROUND_COUNT; i++) {
        const uint64_t begin_ns = clock_ns();
        uint8_t byte = (uint8_t)i;
        assert_int_equal(send(ends[i % 2], &byte, 1, 0), 1);
        receive_all(ends[!(i % 2)], &byte, 1);
        const uint64_t taken_ns = clock_ns() - begin_ns;
        assert_int_equal(byte, i);
        assert_true(taken_ns >= 4 * MS);
        best_ns = taken_ns < best_ns ? taken_ns : best_ns;
    }
    /* Of forty, the luckiest is not later than the longest delay. */
    assert_true(best_ns < 6 * MS);
    close_pair(ends);
    close_network(&network);
}

static void a_link_carries_no_more_than_it_may_and_not_much_less(void **state)
{
    (void)state;
    enum { PAIR_COUNT = 4, PAIR_BYTES = MIB, RATE = 20 * MIB };
    struct network network = open_network(0, 0, RATE);
    int pairs[PAIR_COUNT][2];
    for (unsigned i = 0; i < PAIR_COUNT; i++)
        open_pair(&network, pairs[i]);
    uint8_t *bytes = calloc(1, PAIR_BYTES);
    size_t sent_bytes[PAIR_COUNT] = {0};
    size_t all_bytes = 0;
    const uint64_t begin_ns = clock_ns();
    while (all_bytes < (size_t)PAIR_COUNT * PAIR_BYTES) {
        struct pollfd fds[2 * PAIR_COUNT];
        for (unsigned i = 0; i < PAIR_COUNT; i++) {
            fds[2 * i] = (struct pollfd){.fd = pairs[i][0], .events = sent_bytes[i] < PAIR_BYTES ? POLLOUT : 0};
            fds[2 * i + 1] = (struct pollfd){.fd = pairs[i][1], .events = POLLIN};
        }
        assert_true(poll(fds, (nfds_t)(2 * PAIR_COUNT), WAIT_MS) > 0);
        for (unsigned i = 0; i < PAIR_COUNT; i++) {
            const ssize_t sent =
                fds[2 * i].revents ? send(pairs[i][0], bytes, PAIR_BYTES - sent_bytes[i], MSG_NOSIGNAL) : 0;
            const ssize_t got = fds[2 * i + 1].revents ? recv(pairs[i][1], bytes, PAIR_BYTES, 0) : 0;
            assert_true(sent >= 0 && got >= 0);
            sent_bytes[i] += (size_t)sent;
            all_bytes += (size_t)got;
        }
    }
    const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
    const double least = (double)PAIR_COUNT * PAIR_BYTES / RATE;
    print_message("%.3f s, at least %.3f s\n", seconds, least);
    assert_true(seconds > 0.97 * least && seconds < 3 * least);
    free(bytes);
    for (unsigned i = 0; i < PAIR_COUNT; i++)
        close_pair(pairs[i]);
    close_network(&network);
}

static void a_link_does_not_keep_one_connection_waiting_for_all_that_another_sends(void **state)
{
    (void)state;
    enum { BULK_BYTES = 4 * MIB, AHEAD_BYTES = MIB, RATE = 5 * MIB };
    struct random_source random = test_random();
    struct network network = open_network(0, 0, RATE);
    int bulk[2];
    int small[2];
    open_pair(&network, bulk);
    open_pair(&network, small);
    struct stream stream = {bulk[0], bulk[1], random, random, 0, 0};
    uint8_t byte = 0;
    size_t got_bytes_before = SIZE_MAX;
    for (bool has_come = false; !has_come;) {
        struct pollfd fds[3] = {
            {.fd = small[1], .events = POLLIN},
            {.fd = bulk[1], .events = POLLIN},
            {.fd = bulk[0], .events = stream.sent_bytes < BULK_BYTES ? POLLOUT : 0},
        };
        assert_true(poll(fds, 3, WAIT_MS) > 0);
        has_come = fds[0].revents != 0;
        if (fds[2].revents && !has_come)
            send_some(&stream, BULK_BYTES, &random);
        if (fds[1].revents && !has_come)
            receive_some(&stream);
        if (got_bytes_before == SIZE_MAX && stream.sent_bytes - stream.got_bytes > AHEAD_BYTES) {
            assert_int_equal(send(small[0], &byte, 1, 0), 1);
            got_bytes_before = stream.got_bytes;
        }
    }
    assert_true(stream.got_bytes - got_bytes_before < AHEAD_BYTES / 2);
    close_pair(bulk);
    close_pair(small);
    close_network(&network);
}

/* ---------------------------------------------------------------- ends */

/* Send until nobody takes any more. */
static void send_until_blocked(struct stream *stream, struct random_source *random)
{
    enum { QUIET_MS = 200 };
    struct pollfd poll_fd = {.fd = stream->from, .events = POLLOUT};
    while (poll(&poll_fd, 1, QUIET_MS) == 1) {
        send_some(stream, SIZE_MAX, random);
        assert_true(stream->sent_bytes - stream->got_bytes <= RELAY_FLOW_BYTES_MAX + (size_t)KERNEL_BYTES_MAX);
    }
}

static void receive_up_to(struct stream *stream, size_t wanted_bytes)
{
    while (stream->got_bytes < wanted_bytes) {
        await(stream->to, POLLIN);
        receive_some(stream);
    }
}

static void a_slow_receiver_slows_the_sender_down_and_loses_nothing(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct network network = open_network(0, 0, 0);
    int ends[2];
    open_pair(&network, ends);
    const struct random_source bytes = {.state = random_next(&random)};
    struct stream stream = {ends[0], ends[1], bytes, bytes, 0, 0};
    send_until_blocked(&stream, &random);
    assert_true(stream.sent_bytes >= RELAY_FLOW_BYTES_MAX);
    /* Never empty meanwhile, what is kept goes around. */
    receive_up_to(&stream, stream.sent_bytes / 2);
    send_until_blocked(&stream, &random);
    receive_up_to(&stream, stream.sent_bytes);
    close_pair(ends);
    close_network(&network);
}

static void an_end_passes_after_what_was_sent_before_it(void **state)
{
    (void)state;
    struct network network = open_network(MS, 5 * MS, 0);
    int ends[2];
    open_pair(&network, ends);
    uint8_t got[5];
    assert_int_equal(send(ends[0], "ask", 3, 0), 3);
    assert_int_equal(shutdown(ends[0], SHUT_WR), 0);
    receive_all(ends[1], got, 3);
    await(ends[1], POLLIN);
    assert_int_equal(recv(ends[1], got, sizeof got, 0), 0);
    assert_int_equal(send(ends[1], "reply", 5, 0), 5);
    close(ends[1]);
    receive_all(ends[0], got, 5);
    assert_memory_equal(got, "reply", 5);
    await(ends[0], POLLIN);
    assert_int_equal(recv(ends[0], got, sizeof got, 0), 0);
    close(ends[0]);
    close_network(&network);
}

static void who_connects_to_a_host_that_is_gone_is_told(void **state)
{
    (void)state;
    struct network network = open_network(0, 0, 0);
    int ends[2];
    open_pair(&network, ends);
    close(network.listener);
    const int fd = connect_to(relay_port(network.relay, 0));
    uint8_t byte;
    await(fd, POLLIN);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
    /* Those that were there are not disturbed, until the relay itself ends. */
    assert_int_equal(send(ends[1], "x", 1, 0), 1);
    receive_all(ends[0], &byte, 1);
    relay_destroy(network.relay);
    for (unsigned i = 0; i < 2; i++) {
        await(ends[i], POLLIN);
        assert_true(recv(ends[i], &byte, 1, 0) <= 0);
    }
    close_pair(ends);
}

static void a_port_that_is_taken_is_an_error(void **state)
{
    (void)state;
    struct network network = open_network(0, 0, 0);
    const struct relay_route routes[2] = {{.to_port = 1}, {.from_port = relay_port(network.relay, 0), .to_port = 1}};
    const struct relay_options options = {.routes = routes, .route_count = 2};
    struct relay *second;
    char why[RELAY_WHY_BYTES];
    assert_int_equal(relay_create(&second, &options, why), AREG_EIO);
    assert_null(second);
    assert_non_null(strstr(why, "cannot listen"));
    assert_true(relay_cpu_ns(network.relay) < 1000 * MS);
    close_network(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_whole_and_in_order_on_many_connections),
        cmocka_unit_test(every_message_takes_at_least_the_delay_each_way),
        cmocka_unit_test(a_link_carries_no_more_than_it_may_and_not_much_less),
        cmocka_unit_test(a_link_does_not_keep_one_connection_waiting_for_all_that_another_sends),
        cmocka_unit_test(a_slow_receiver_slows_the_sender_down_and_loses_nothing),
        cmocka_unit_test(an_end_passes_after_what_was_sent_before_it),
        cmocka_unit_test(who_connects_to_a_host_that_is_gone_is_told),
        cmocka_unit_test(a_port_that_is_taken_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
