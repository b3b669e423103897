#include "lab/relay.h"

#include "core/check.h"
#include "core/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CHUNK_BYTES_MAX = 128 << 10,
    CHUNK_BYTES_MIN = 4 << 10,
    CHUNK_COUNT_MAX = 1024, /* of one flow: bounds it where chunks are small */
    EVENT_COUNT_MAX = 256,  /* taken at a time */
    HEAP_FLOW_MAX = 2 * RELAY_CONNECTION_COUNT_MAX,
    NOT_IN_HEAP = HEAP_FLOW_MAX,
};

/* A flow reads no more while its link is busy for this long: what the link is to carry next is then still in the
 * sockets, and every connection gets its turn. */
static const uint64_t LINK_AHEAD_NS = 2000000;

/* Bytes that were read together, and arrive together. */
struct chunk {
    uint64_t due_ns;
    uint32_t chunk_bytes;
};

/* One direction of one connection: `bytes`, a ring, holds what is due, then the chunks that are not. */
struct flow {
    struct connection *connection;
    unsigned from_side;
    uint8_t *bytes;
    size_t begin;
    size_t stored_bytes;
    size_t due_bytes; /* of those */
    struct chunk *chunks;
    unsigned first_chunk;
    unsigned chunk_count;
    bool is_ended;   /* the sender has: at `end_due_ns`, so will we */
    bool is_shut;    /* we have */
    bool is_blocked; /* the receiver takes no more for now */
    uint64_t end_due_ns;
    uint64_t wake_ns;
    unsigned heap_index;
};

/* A descriptor that epoll watches: a listener, or one side of a connection. */
struct endpoint {
    struct connection *connection; /* NULL: a listener */
    unsigned side_or_route;
    int fd;
    uint32_t events; /* that are watched for; 0: it is not in the set, lest a broken connection that waits spins */
};

/* The side that has connected to us, and the host's. */
enum side { NEAR_SIDE, FAR_SIDE, SIDE_COUNT };

struct connection {
    struct endpoint ends[SIDE_COUNT];
    struct flow flows[SIDE_COUNT]; /* by the side that they come from */
    unsigned route_index;
    bool is_dead; /* freed when all events at hand are dealt with */
    struct connection *next;
    struct connection *previous;
};

struct route {
    struct endpoint listener;
    uint16_t from_port;
    uint16_t to_port;
    uint64_t link_free_ns[SIDE_COUNT]; /* by the side that bytes come from */
};

struct relay {
    struct route routes[RELAY_ROUTE_COUNT_MAX];
    unsigned route_count;
    uint64_t delay_min_ns;
    uint64_t delay_max_ns;
    uint64_t bytes_per_s;
    size_t chunk_bytes_max;
    struct random_source random;
    struct connection *connections;
    struct connection *dead;
    unsigned connection_count;
    bool accepts;                     /* listeners are watched */
    struct flow *heap[HEAP_FLOW_MAX]; /* by when they have something to do */
    unsigned heap_count;
    int epoll_fd;
    int stop_fd;
    pthread_t thread;
    bool has_thread;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------- flows by time */

static void heap_place(struct relay *relay, unsigned index, struct flow *flow)
{
    relay->heap[index] = flow;
    flow->heap_index = index;
}

static void heap_rise(struct relay *relay, unsigned index)
{
    struct flow *flow = relay->heap[index];
    for (; index > 0 && relay->heap[(index - 1) / 2]->wake_ns > flow->wake_ns; index = (index - 1) / 2)
        heap_place(relay, index, relay->heap[(index - 1) / 2]);
    heap_place(relay, index, flow);
}

static void heap_sink(struct relay *relay, unsigned index)
{
    struct flow *flow = relay->heap[index];
    for (unsigned child; (child = 2 * index + 1) < relay->heap_count; index = child) {
        if (child + 1 < relay->heap_count && relay->heap[child + 1]->wake_ns < relay->heap[child]->wake_ns)
            child++;
        if (relay->heap[child]->wake_ns >= flow->wake_ns)
            break;
        heap_place(relay, index, relay->heap[child]);
    }
    heap_place(relay, index, flow);
}

static void heap_remove(struct relay *relay, struct flow *flow)
{
    const unsigned index = flow->heap_index;
    if (index == NOT_IN_HEAP)
        return;
    flow->heap_index = NOT_IN_HEAP;
    struct flow *last = relay->heap[--relay->heap_count];
    if (last == flow)
        return;
    heap_place(relay, index, last);
    heap_rise(relay, index);
    heap_sink(relay, last->heap_index);
}

static void heap_set(struct relay *relay, struct flow *flow, uint64_t wake_ns)
{
    heap_remove(relay, flow);
    if (wake_ns == UINT64_MAX)
        return;
    CHECK(relay->heap_count < HEAP_FLOW_MAX);
    flow->wake_ns = wake_ns;
    heap_place(relay, relay->heap_count++, flow);
    heap_rise(relay, flow->heap_index);
}

/* ---------------------------------------------------------------- connections */

static void watch(struct relay *relay, struct endpoint *end, uint32_t events)
{
    if (events == end->events)
        return;
    struct epoll_event event = {.events = events, .data.ptr = end};
    const int change = end->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    CHECK(epoll_ctl(relay->epoll_fd, change, end->fd, &event) == 0 || errno == ENOMEM || errno == ENOSPC);
    end->events = events;
}

static void set_accepting(struct relay *relay, bool accepts)
{
    relay->accepts = accepts;
    for (unsigned i = 0; i < relay->route_count; i++)
        watch(relay, &relay->routes[i].listener, accepts ? EPOLLIN : 0);
}

static void kill_connection(struct relay *relay, struct connection *connection)
{
    if (connection->is_dead)
        return;
    connection->is_dead = true;
    for (unsigned side = 0; side < SIDE_COUNT; side++) {
        heap_remove(relay, &connection->flows[side]);
        watch(relay, &connection->ends[side], 0);
        close(connection->ends[side].fd);
    }
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        relay->connections = connection->next;
    if (connection->next)
        connection->next->previous = connection->previous;
    connection->next = relay->dead;
    relay->dead = connection;
    relay->connection_count--;
}

static void free_connection(struct connection *connection)
{
    for (unsigned side = 0; side < SIDE_COUNT; side++) {
        free(connection->flows[side].bytes);
        free(connection->flows[side].chunks);
    }
    free(connection);
}

static void bury_dead(struct relay *relay)
{
    if (relay->dead && !relay->accepts)
        set_accepting(relay, true);
    while (relay->dead) {
        struct connection *connection = relay->dead;
        relay->dead = connection->next;
        free_connection(connection);
    }
}

/* Room for a connection, whose two sockets it takes; NULL without memory. */
static struct connection *make_connection(unsigned route_index, int near_fd, int far_fd)
{
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return NULL;
    const int fds[SIDE_COUNT] = {near_fd, far_fd};
    bool has_memory = true;
    connection->route_index = route_index;
    for (unsigned side = 0; side < SIDE_COUNT; side++) {
        connection->ends[side] = (struct endpoint){.connection = connection, .side_or_route = side, .fd = fds[side]};
        connection->flows[side] = (struct flow){
            .connection = connection,
            .from_side = side,
            .bytes = malloc(RELAY_FLOW_BYTES_MAX), /* pages that are never used cost nothing */
            .chunks = calloc(CHUNK_COUNT_MAX, sizeof(struct chunk)),
            .heap_index = NOT_IN_HEAP,
        };
        has_memory &= connection->flows[side].bytes && connection->flows[side].chunks;
    }
    if (has_memory)
        return connection;
    free_connection(connection);
    return NULL;
}

/* ---------------------------------------------------------------- flows */

static bool has_room(const struct flow *flow)
{
    return !flow->is_ended && flow->stored_bytes < RELAY_FLOW_BYTES_MAX && flow->chunk_count < CHUNK_COUNT_MAX;
}

static uint64_t *link_of(struct relay *relay, const struct flow *flow)
{
    return &relay->routes[flow->connection->route_index].link_free_ns[flow->from_side];
}

/* After anything has happened to it: what it waits for now. */
static void settle(struct relay *relay, struct flow *flow, uint64_t now)
{
    struct connection *connection = flow->connection;
    if (connection->is_dead)
        return;
    const uint64_t link_free_ns = *link_of(relay, flow);
    const bool is_link_busy = link_free_ns > now + LINK_AHEAD_NS;
    uint64_t wake_ns = UINT64_MAX;
    if (has_room(flow) && is_link_busy)
        wake_ns = link_free_ns - LINK_AHEAD_NS;
    if (flow->chunk_count > 0 && !flow->is_blocked && flow->chunks[flow->first_chunk].due_ns < wake_ns)
        wake_ns = flow->chunks[flow->first_chunk].due_ns;
    if (flow->is_ended && !flow->is_shut && flow->stored_bytes == 0)
        wake_ns = flow->end_due_ns;
    heap_set(relay, flow, wake_ns);
    const struct flow *back = &connection->flows[!flow->from_side];
    const bool reads = has_room(flow) && !is_link_busy;
    struct endpoint *from = &connection->ends[flow->from_side];
    struct endpoint *to = &connection->ends[!flow->from_side];
    watch(relay, from, (reads ? EPOLLIN : 0u) | (back->is_blocked ? EPOLLOUT : 0u));
    watch(relay, to, (to->events & EPOLLIN) | (flow->is_blocked ? EPOLLOUT : 0u));
}

/* When something that has arrived now will be delivered: in its turn on the link, then after the delay. */
static uint64_t arrange(struct relay *relay, struct flow *flow, uint64_t now, size_t chunk_bytes)
{
    uint64_t *link_free_ns = link_of(relay, flow);
    uint64_t due_ns = now;
    if (relay->bytes_per_s > 0) {
        const uint64_t begin_ns = *link_free_ns > now ? *link_free_ns : now;
        *link_free_ns = due_ns = begin_ns + chunk_bytes * UINT64_C(1000000000) / relay->bytes_per_s;
    }
    const uint64_t span_ns = relay->delay_max_ns - relay->delay_min_ns;
    due_ns += relay->delay_min_ns + (span_ns > 0 ? random_below(&relay->random, span_ns + 1) : 0);
    return due_ns;
}

/* Take one chunk, or the end. False: the connection is broken. */
static bool take(struct relay *relay, struct flow *flow, uint64_t now)
{
    if (!has_room(flow))
        return true;
    const size_t at = (flow->begin + flow->stored_bytes) % RELAY_FLOW_BYTES_MAX;
    const size_t end = at < flow->begin ? flow->begin : RELAY_FLOW_BYTES_MAX;
    const size_t room_bytes = end - at < relay->chunk_bytes_max ? end - at : relay->chunk_bytes_max;
    const ssize_t got = recv(flow->connection->ends[flow->from_side].fd, flow->bytes + at, room_bytes, 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    const uint64_t due_ns = arrange(relay, flow, now, (size_t)got);
    if (got == 0) {
        flow->is_ended = true;
        flow->end_due_ns = due_ns;
        return true;
    }
    flow->chunks[(flow->first_chunk + flow->chunk_count) % CHUNK_COUNT_MAX] =
        (struct chunk){.due_ns = due_ns, .chunk_bytes = (uint32_t)got};
    flow->chunk_count++;
    flow->stored_bytes += (size_t)got;
    return true;
}

/* In their order: one that would be due before another one waits for it. */
static void let_chunks_fall_due(struct flow *flow, uint64_t now)
{
    while (flow->chunk_count > 0 && flow->chunks[flow->first_chunk].due_ns <= now) {
        flow->due_bytes += flow->chunks[flow->first_chunk].chunk_bytes;
        flow->first_chunk = (flow->first_chunk + 1) % CHUNK_COUNT_MAX;
        flow->chunk_count--;
    }
    CHECK(flow->due_bytes <= flow->stored_bytes);
}

/* Give the receiver what is due. False: the connection is broken. */
static bool give(struct flow *flow, uint64_t now)
{
    const int fd = flow->connection->ends[!flow->from_side].fd;
    let_chunks_fall_due(flow, now);
    flow->is_blocked = false;
    while (flow->due_bytes > 0) {
        const size_t whole = RELAY_FLOW_BYTES_MAX - flow->begin;
        const ssize_t sent =
            send(fd, flow->bytes + flow->begin, flow->due_bytes < whole ? flow->due_bytes : whole, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0) {
            flow->is_blocked = errno == EAGAIN;
            return flow->is_blocked;
        }
        flow->begin = (flow->begin + (size_t)sent) % RELAY_FLOW_BYTES_MAX;
        flow->due_bytes -= (size_t)sent;
        flow->stored_bytes -= (size_t)sent;
    }
    if (flow->stored_bytes == 0)
        flow->begin = 0; /* the memory that is warm already */
    if (flow->is_ended && !flow->is_shut && flow->stored_bytes == 0 && flow->end_due_ns <= now) {
        flow->is_shut = true;
        return shutdown(fd, SHUT_WR) == 0;
    }
    return true;
}

/* Both ends have ended, or something has broken. */
static void end_if_over(struct relay *relay, struct connection *connection, bool is_whole)
{
    if (!is_whole || (connection->flows[NEAR_SIDE].is_shut && connection->flows[FAR_SIDE].is_shut))
        kill_connection(relay, connection);
}

/* ---------------------------------------------------------------- events */

static int open_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return fd;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
}

/* The other half of a connection; -1 if nobody listens there, or there is no room. */
static int connect_far(const struct route *route)
{
    const int fd = open_socket();
    const struct sockaddr_in address = loopback(route->to_port);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 || errno == EINPROGRESS)
        return fd;
    close(fd);
    return -1;
}

static void accept_one(struct relay *relay, unsigned route_index)
{
    const struct route *route = &relay->routes[route_index];
    const int near_fd = accept4(route->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (near_fd < 0) {
        const bool is_full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        if (is_full && relay->connection_count > 0)
            set_accepting(relay, false); /* until one of ours ends */
        return;
    }
    const int far_fd = connect_far(route);
    struct connection *connection = far_fd >= 0 ? make_connection(route_index, near_fd, far_fd) : NULL;
    if (!connection) {
        close(near_fd);
        if (far_fd >= 0)
            close(far_fd);
        return;
    }
    const int on = 1;
    setsockopt(near_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(far_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->next = relay->connections;
    if (relay->connections)
        relay->connections->previous = connection;
    relay->connections = connection;
    if (++relay->connection_count == RELAY_CONNECTION_COUNT_MAX)
        set_accepting(relay, false);
    const uint64_t now = now_ns();
    for (unsigned side = 0; side < SIDE_COUNT; side++)
        settle(relay, &connection->flows[side], now);
}

static void handle_event(struct relay *relay, const struct endpoint *end, uint32_t events, uint64_t now)
{
    struct connection *connection = end->connection;
    if (!connection) {
        accept_one(relay, end->side_or_route);
        return;
    }
    if (connection->is_dead)
        return;
    struct flow *incoming = &connection->flows[end->side_or_route];
    struct flow *outgoing = &connection->flows[!end->side_or_route];
    bool is_whole = !(events & EPOLLERR);
    if (is_whole && (events & EPOLLOUT))
        is_whole = give(outgoing, now);
    if (is_whole && (events & (EPOLLIN | EPOLLHUP)) && *link_of(relay, incoming) <= now + LINK_AHEAD_NS)
        is_whole = take(relay, incoming, now) && (incoming->is_blocked || give(incoming, now));
    end_if_over(relay, connection, is_whole);
    settle(relay, incoming, now);
    settle(relay, outgoing, now);
}

/* A flow's time has come: something is due, or its link is free. */
static void wake(struct relay *relay, struct flow *flow, uint64_t now)
{
    struct connection *connection = flow->connection;
    heap_remove(relay, flow);
    bool is_whole = flow->is_blocked || give(flow, now);
    if (is_whole && has_room(flow) && *link_of(relay, flow) <= now + LINK_AHEAD_NS)
        is_whole = take(relay, flow, now);
    end_if_over(relay, connection, is_whole);
    settle(relay, flow, now);
}

static void *run(void *arg)
{
    struct relay *relay = arg;
    struct epoll_event events[EVENT_COUNT_MAX];
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        uint64_t now = now_ns();
        /* As many as there are now; what falls due meanwhile comes after the next look at the sockets. */
        for (unsigned left = relay->heap_count; left > 0 && relay->heap_count > 0; left--) {
            if (relay->heap[0]->wake_ns > now)
                break;
            wake(relay, relay->heap[0], now);
        }
        bury_dead(relay);
        now = now_ns();
        const uint64_t wake_ns = relay->heap_count > 0 ? relay->heap[0]->wake_ns : UINT64_MAX;
        const uint64_t wait_ns = wake_ns > now ? wake_ns - now : 0;
        const struct timespec wait = {(time_t)(wait_ns / 1000000000), (long)(wait_ns % 1000000000)};
        struct pollfd fds[2] = {{.fd = relay->epoll_fd, .events = POLLIN}, {.fd = relay->stop_fd, .events = POLLIN}};
        ppoll(fds, 2, wake_ns == UINT64_MAX ? NULL : &wait, NULL);
        if (fds[1].revents)
            return NULL;
        if (!fds[0].revents)
            continue;
        const int event_count = epoll_wait(relay->epoll_fd, events, EVENT_COUNT_MAX, 0);
        now = now_ns();
        for (int i = 0; i < event_count; i++)
            handle_event(relay, events[i].data.ptr, events[i].events, now);
        bury_dead(relay);
    }
}

/* ---------------------------------------------------------------- the whole */

static bool listen_on(struct route *route)
{
    struct sockaddr_in address = loopback(route->from_port);
    socklen_t address_bytes = sizeof address;
    const int fd = route->listener.fd = open_socket();
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, SOMAXCONN) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &address_bytes) < 0)
        return false;
    route->from_port = ntohs(address.sin_port);
    return true;
}

static enum areg_error open_all(struct relay *relay, const struct relay_options *options, char why[RELAY_WHY_BYTES])
{
    relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    relay->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (relay->epoll_fd < 0 || relay->stop_fd < 0) {
        snprintf(why, RELAY_WHY_BYTES, "epoll: %s", strerror(errno));
        return AREG_EIO;
    }
    for (unsigned i = 0; i < options->route_count; i++) {
        struct route *route = &relay->routes[relay->route_count++];
        *route = (struct route){
            .listener = {.side_or_route = i, .fd = -1},
            .from_port = options->routes[i].from_port,
            .to_port = options->routes[i].to_port,
        };
        if (!listen_on(route)) {
            snprintf(why, RELAY_WHY_BYTES, "cannot listen on 127.0.0.1:%u: %s", route->from_port, strerror(errno));
            return AREG_EIO;
        }
    }
    set_accepting(relay, true);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for others */
    relay->has_thread = pthread_create(&relay->thread, NULL, run, relay) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!relay->has_thread)
        snprintf(why, RELAY_WHY_BYTES, "cannot start a thread");
    return relay->has_thread ? AREG_OK : AREG_ENOMEM;
}

enum areg_error relay_create(struct relay **created, const struct relay_options *options, char why[RELAY_WHY_BYTES])
{
    CHECK(options->route_count >= 1 && options->route_count <= RELAY_ROUTE_COUNT_MAX);
    CHECK(options->delay_min_ns <= options->delay_max_ns);
    *created = NULL;
    struct relay *relay = calloc(1, sizeof *relay);
    if (!relay) {
        snprintf(why, RELAY_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    relay->epoll_fd = relay->stop_fd = -1;
    relay->delay_min_ns = options->delay_min_ns;
    relay->delay_max_ns = options->delay_max_ns;
    relay->bytes_per_s = options->bytes_per_s;
    relay->random.state = options->seed;
    /* What a link carries in a millisecond: chunks of several connections take turns on it. */
    relay->chunk_bytes_max = CHUNK_BYTES_MAX;
    if (options->bytes_per_s > 0 && options->bytes_per_s / 1000 < CHUNK_BYTES_MAX)
        relay->chunk_bytes_max =
            options->bytes_per_s / 1000 > CHUNK_BYTES_MIN ? (size_t)(options->bytes_per_s / 1000) : CHUNK_BYTES_MIN;
    const enum areg_error error = open_all(relay, options, why);
    if (error)
        relay_destroy(relay);
    else
        *created = relay;
    return error;
}

uint16_t relay_port(const struct relay *relay, unsigned route_index)
{
    CHECK(route_index < relay->route_count);
    return relay->routes[route_index].from_port;
}

uint64_t relay_cpu_ns(const struct relay *relay)
{
    clockid_t clock;
    struct timespec used = {0};
    if (pthread_getcpuclockid(relay->thread, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void relay_destroy(struct relay *relay)
{
    if (!relay)
        return;
    if (relay->has_thread) {
        const uint64_t one = 1;
        CHECK(write(relay->stop_fd, &one, sizeof one) == sizeof one);
        pthread_join(relay->thread, NULL);
    }
    while (relay->connections)
        kill_connection(relay, relay->connections);
    relay->accepts = true; /* listeners are about to be closed, not to be watched again */
    bury_dead(relay);
    for (unsigned i = 0; i < relay->route_count; i++)
        if (relay->routes[i].listener.fd >= 0)
            close(relay->routes[i].listener.fd);
    if (relay->epoll_fd >= 0)
        close(relay->epoll_fd);
    if (relay->stop_fd >= 0)
        close(relay->stop_fd);
    free(relay);
}
