#include "net/dealers.h"

#include "core/check.h"
#include "net/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <zmq.h>

struct dealer {
    void *socket;
    void *monitor; /* tells what happens to the connection */
    struct ledger *ledger;
    bool is_up;          /* by what the monitor has said so far */
    bool was_lost;       /* went down since the last change that was told */
    bool is_told_up;     /* by the last change that was told */
    bool may_have_input; /* and then it stands in `ready` */
};

struct dealers {
    void *context;
    int epoll_fd;
    int timer_fd;
    int event_fd; /* readable: there is more to do, though no socket says so */
    uint64_t wake_ns;
    bool is_event_set;
    bool has_changes; /* perhaps */
    struct net_counters counters;
    unsigned count;
    unsigned ready_count;
    unsigned ready[DEALER_COUNT_MAX]; /* peers that may have input, the next one first */
    struct dealer peers[DEALER_COUNT_MAX];
};

/** What an event of the epoll descriptor is about: a number of these for each peer, and the other two descriptors. */
enum watched { WATCHED_SOCKET, WATCHED_MONITOR, WATCHED_KINDS };
enum { WATCHED_OTHER = DEALER_COUNT_MAX * WATCHED_KINDS };

static bool watch(struct dealers *dealers, int fd, uint32_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = what};
    return epoll_ctl(dealers->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* ---------------------------------------------------------------- news */

/** ZeroMQ tells of input only once: remember, until the socket has been read to its end. */
static void expect_input(struct dealers *dealers, unsigned peer_index)
{
    struct dealer *peer = &dealers->peers[peer_index];
    if (peer->may_have_input)
        return;
    peer->may_have_input = true;
    dealers->ready[dealers->ready_count++] = peer_index;
}

/** Move the first of the ready peers to their end, or out. */
static void rotate_ready(struct dealers *dealers, bool has_more)
{
    const unsigned first = dealers->ready[0];
    dealers->ready_count--;
    memmove(dealers->ready, dealers->ready + 1, dealers->ready_count * sizeof dealers->ready[0]);
    dealers->peers[first].may_have_input = false;
    if (has_more)
        expect_input(dealers, first);
}

/** The number of the next event; 0 if there is none. */
static uint16_t monitor_receive(void *monitor)
{
    uint8_t frame[6]; /* a number of 16 bits, and a value that we do not need */
    int rc;
    do
        rc = zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return 0;
    CHECK(rc == sizeof frame);
    uint16_t event;
    memcpy(&event, frame, sizeof event);
    char address[ADDRESS_BYTES_MAX + 1];
    zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
    return event;
}

static void read_monitor(struct dealers *dealers, unsigned peer_index)
{
    struct dealer *peer = &dealers->peers[peer_index];
    for (uint16_t event = monitor_receive(peer->monitor); event; event = monitor_receive(peer->monitor)) {
        peer->is_up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        peer->was_lost |= event == ZMQ_EVENT_DISCONNECTED;
        dealers->has_changes = true;
    }
}

/* ---------------------------------------------------------------- create, destroy */

static bool open_parts(struct dealers *dealers)
{
    dealers->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    dealers->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    dealers->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    dealers->context = zmq_ctx_new();
    if (dealers->epoll_fd < 0 || dealers->timer_fd < 0 || dealers->event_fd < 0 || !dealers->context)
        return false;
    /* A peer takes three: its own, and the two ends of its monitor. */
    CHECK(zmq_ctx_set(dealers->context, ZMQ_MAX_SOCKETS, 3 * DEALER_COUNT_MAX) == 0);
    return watch(dealers, dealers->timer_fd, WATCHED_OTHER) && watch(dealers, dealers->event_fd, WATCHED_OTHER);
}

enum areg_error dealers_create(struct dealers **dealers)
{
    struct dealers *made = calloc(1, sizeof *made);
    if (!made)
        return AREG_ENOMEM;
    made->wake_ns = UINT64_MAX;
    made->epoll_fd = made->timer_fd = made->event_fd = -1;
    if (!open_parts(made)) {
        dealers_destroy(made, 0);
        return AREG_EIO;
    }
    *dealers = made;
    return AREG_OK;
}

static void close_peer(struct dealer *peer, uint32_t linger_ms)
{
    if (peer->socket) {
        zmq_socket_monitor(peer->socket, NULL, 0);
        socket_set_linger(peer->socket, linger_ms);
        zmq_close(peer->socket);
    }
    if (peer->monitor)
        zmq_close(peer->monitor);
}

void dealers_destroy(struct dealers *dealers, uint32_t linger_ms)
{
    if (!dealers)
        return;
    for (unsigned i = 0; i < dealers->count; i++)
        close_peer(&dealers->peers[i], linger_ms);
    if (dealers->context)
        zmq_ctx_term(dealers->context);
    /* Only now has ZeroMQ given back all memory that it was lent. */
    for (unsigned i = 0; i < dealers->count; i++)
        ledger_unref(dealers->peers[i].ledger);
    const int fds[] = {dealers->epoll_fd, dealers->timer_fd, dealers->event_fd};
    for (unsigned i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    free(dealers);
}

/** Let the monitor tell when the connection can be used, and when it is lost. */
static bool open_monitor(struct dealers *dealers, struct dealer *peer, unsigned peer_index)
{
    char endpoint[32];
    snprintf(endpoint, sizeof endpoint, "inproc://monitor.%u", peer_index);
    if (zmq_socket_monitor(peer->socket, endpoint, ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED) != 0)
        return false;
    peer->monitor = zmq_socket(dealers->context, ZMQ_PAIR);
    return peer->monitor && zmq_connect(peer->monitor, endpoint) == 0;
}

static bool open_peer(struct dealers *dealers, struct dealer *peer, unsigned peer_index, const char *address)
{
    const int on = 1;
    peer->ledger = ledger_create();
    peer->socket = peer->ledger ? socket_open(dealers->context, ZMQ_DEALER, address) : NULL;
    /* IMMEDIATE: never queue for a host that is down, only to flood it when it comes back. */
    return peer->socket && zmq_setsockopt(peer->socket, ZMQ_IMMEDIATE, &on, sizeof on) == 0 &&
           open_monitor(dealers, peer, peer_index) &&
           watch(dealers, socket_fd(peer->monitor), peer_index * WATCHED_KINDS + WATCHED_MONITOR) &&
           watch(dealers, socket_fd(peer->socket), peer_index * WATCHED_KINDS + WATCHED_SOCKET) &&
           zmq_connect(peer->socket, address) == 0;
}

enum areg_error dealers_add(struct dealers *dealers, const char *address)
{
    if (dealers->count == DEALER_COUNT_MAX)
        return AREG_EBUSY;
    if (!address_is_valid(address))
        return AREG_EINVAL;
    struct dealer *peer = &dealers->peers[dealers->count];
    *peer = (struct dealer){0};
    if (!open_peer(dealers, peer, dealers->count, address)) {
        const int cause = errno;
        close_peer(peer, 0);
        ledger_unref(peer->ledger);
        return cause == EINVAL ? AREG_EINVAL : cause == ENOMEM ? AREG_ENOMEM : AREG_EIO;
    }
    dealers->count++;
    /* A descriptor tells of something only after the one who reads has once found nothing. */
    read_monitor(dealers, dealers->count - 1);
    expect_input(dealers, dealers->count - 1);
    return AREG_OK;
}

unsigned dealers_count(const struct dealers *dealers)
{
    return dealers->count;
}

/* ---------------------------------------------------------------- changes */

/** Ask the kernel what is new, waiting for up to `wait_ms`. */
static void collect(struct dealers *dealers, int wait_ms)
{
    enum { EVENT_COUNT = 64 };
    struct epoll_event events[EVENT_COUNT];
    const int event_count = epoll_wait(dealers->epoll_fd, events, EVENT_COUNT, wait_ms);
    for (int i = 0; i < event_count; i++) {
        const uint32_t what = events[i].data.u32;
        if (what == WATCHED_OTHER)
            continue;
        if (what % WATCHED_KINDS == WATCHED_MONITOR)
            read_monitor(dealers, what / WATCHED_KINDS);
        else
            expect_input(dealers, what / WATCHED_KINDS);
    }
}

bool dealers_next_change(struct dealers *dealers, unsigned *peer_index, bool *is_up)
{
    for (unsigned i = 0; dealers->has_changes && i < dealers->count; i++) {
        struct dealer *peer = &dealers->peers[i];
        const bool is_loss = peer->is_told_up && (peer->was_lost || !peer->is_up);
        if (!is_loss && peer->is_told_up == peer->is_up)
            continue;
        peer->is_told_up = !is_loss;
        peer->was_lost = false;
        *peer_index = i;
        *is_up = peer->is_told_up;
        return true;
    }
    dealers->has_changes = false;
    return false;
}

bool dealers_is_up(const struct dealers *dealers, unsigned peer_index)
{
    CHECK(peer_index < dealers->count);
    return dealers->peers[peer_index].is_told_up;
}

/* ---------------------------------------------------------------- packets */

bool dealers_send(struct dealers *dealers, unsigned peer_index, struct packet *packet)
{
    CHECK(peer_index < dealers->count);
    struct dealer *peer = &dealers->peers[peer_index];
    if (!peer->is_up) {
        /* ZeroMQ would still take it for a moment after the connection was lost, and lose it. */
        packet_fini(packet);
        dealers->counters.packets_unsent++;
        return false;
    }
    const bool sent = frames_send(peer->socket, (struct slice){0}, packet, peer->ledger, &dealers->counters);
    expect_input(dealers, peer_index); /* sending may have taken in the news of it */
    return sent;
}

bool dealers_receive(struct dealers *dealers, unsigned *peer_index, struct packet *packet)
{
    if (dealers->ready_count == 0)
        collect(dealers, 0);
    while (dealers->ready_count > 0) {
        const unsigned first = dealers->ready[0];
        const enum frames_outcome outcome = frames_receive(dealers->peers[first].socket, packet, &dealers->counters);
        rotate_ready(dealers, outcome != FRAMES_NONE);
        if (outcome == FRAMES_RECEIVED) {
            *peer_index = first;
            return true;
        }
    }
    return false;
}

/* ---------------------------------------------------------------- waiting */

void dealers_set_timer(struct dealers *dealers, uint64_t wake_ns)
{
    if (wake_ns == dealers->wake_ns)
        return;
    dealers->wake_ns = wake_ns;
    struct itimerspec when = {0};
    if (wake_ns != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(wake_ns / 1000000000);
        when.it_value.tv_nsec = (long)(wake_ns % 1000000000);
        if (wake_ns == 0)
            when.it_value.tv_nsec = 1; /* all zero would turn it off */
    }
    CHECK(timerfd_settime(dealers->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

/** Whether there is something to do that no descriptor tells of any more. */
static bool has_old_news(struct dealers *dealers)
{
    while (dealers->ready_count > 0 && !socket_has_input(dealers->peers[dealers->ready[0]].socket))
        rotate_ready(dealers, false);
    return dealers->ready_count > 0 || dealers->has_changes;
}

static void set_event(struct dealers *dealers, bool is_set)
{
    if (is_set == dealers->is_event_set)
        return;
    uint64_t count = 1;
    const ssize_t moved =
        is_set ? write(dealers->event_fd, &count, sizeof count) : read(dealers->event_fd, &count, sizeof count);
    CHECK(moved == sizeof count);
    dealers->is_event_set = is_set;
}

void dealers_wait(struct dealers *dealers, int wait_ms)
{
    if (has_old_news(dealers))
        return;
    set_event(dealers, false);
    collect(dealers, wait_ms);
}

int dealers_fd(const struct dealers *dealers)
{
    return dealers->epoll_fd;
}

void dealers_arm(struct dealers *dealers, bool more_to_do)
{
    set_event(dealers, has_old_news(dealers) || more_to_do);
}

const struct net_counters *dealers_counters(const struct dealers *dealers)
{
    return &dealers->counters;
}
