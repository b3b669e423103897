#include "net/router.h"

#include "core/check.h"
#include "core/key.h"
#include "net/socket.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

enum { BUCKET_COUNT = 1024 };

/** A peer that was answered, for as long as bytes are queued for it, or until the room is needed. */
struct router_peer {
    struct router_peer *next;
    struct ledger *ledger;
    struct peer_id id;
};

struct router {
    void *context;
    void *socket;
    int socket_fd;
    int wake_fd;
    char address[ADDRESS_BYTES_MAX + 1];
    struct net_counters counters;
    bool may_have_input; /* that the descriptor does not tell of */
    unsigned peer_count;
    struct router_peer *buckets[BUCKET_COUNT];
};

bool peer_id_equal(const struct peer_id *a, const struct peer_id *b)
{
    return a->bytes == b->bytes && memcmp(a->at, b->at, a->bytes) == 0;
}

/* ---------------------------------------------------------------- open, close */

/** ZeroMQ binds to numbers only, and a cluster's hosts are often known by name: turn "tcp://NAME:PORT" into numbers. */
static bool resolve(const char *address, char resolved[ADDRESS_BYTES_MAX + 1])
{
    char name[ADDRESS_BYTES_MAX + 1];
    const char *host = address + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    snprintf(name, sizeof name, "%.*s", (int)(colon - host), host);
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(name, NULL, &hints, &found) != 0)
        return false;
    char number[NI_MAXHOST];
    const bool ok =
        getnameinfo(found->ai_addr, found->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST) == 0 &&
        snprintf(resolved, ADDRESS_BYTES_MAX + 1, "tcp://%s%s", number, colon) <= ADDRESS_BYTES_MAX;
    freeaddrinfo(found);
    return ok;
}

static enum areg_error bind_socket(struct router *router, const char *address, char why[NET_WHY_BYTES])
{
    int rc = zmq_bind(router->socket, address);
    char resolved[ADDRESS_BYTES_MAX + 1];
    if (rc != 0 && errno == ENODEV && resolve(address, resolved))
        rc = zmq_bind(router->socket, resolved);
    if (rc == 0) {
        size_t address_bytes = sizeof router->address;
        CHECK(zmq_getsockopt(router->socket, ZMQ_LAST_ENDPOINT, router->address, &address_bytes) == 0);
        return AREG_OK;
    }
    if (errno == EADDRINUSE) {
        snprintf(why, NET_WHY_BYTES, "the address %s is in use by another process", address);
        return AREG_EBUSY;
    }
    if (errno == ENODEV || errno == EADDRNOTAVAIL || errno == EINVAL) {
        snprintf(why, NET_WHY_BYTES, "the address %s does not belong to this machine", address);
        return AREG_EINVAL;
    }
    snprintf(why, NET_WHY_BYTES, "can not listen on %s: %s", address, zmq_strerror(errno));
    return AREG_EIO;
}

static enum areg_error open_parts(struct router *router, const char *address, char why[NET_WHY_BYTES])
{
    router->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    router->context = zmq_ctx_new();
    if (router->wake_fd >= 0 && router->context)
        router->socket = socket_open(router->context, ZMQ_ROUTER, address);
    if (!router->socket) {
        snprintf(why, NET_WHY_BYTES, "can not make a socket: %s", zmq_strerror(errno));
        return AREG_EIO;
    }
    const int on = 1;
    /* A reply to a peer that is gone is an error that we see, and a peer that comes back under a name that it chose
     * itself is heard again. */
    CHECK(zmq_setsockopt(router->socket, ZMQ_ROUTER_MANDATORY, &on, sizeof on) == 0);
    CHECK(zmq_setsockopt(router->socket, ZMQ_ROUTER_HANDOVER, &on, sizeof on) == 0);
    router->socket_fd = socket_fd(router->socket);
    return bind_socket(router, address, why);
}

/** As address_is_valid(), but the port may be "*". (ZeroMQ takes a port above 65535 for another one.) */
static bool can_be_address(const char *address)
{
    char numbered[ADDRESS_BYTES_MAX + 1];
    if (strlen(address) > ADDRESS_BYTES_MAX)
        return false;
    strcpy(numbered, address);
    char *port = strrchr(numbered, ':');
    if (port && strcmp(port, ":*") == 0)
        port[1] = '1';
    return address_is_valid(numbered);
}

enum areg_error router_create(struct router **router, const char *address, char why[NET_WHY_BYTES])
{
    if (!can_be_address(address)) {
        snprintf(why, NET_WHY_BYTES, "an address has the form tcp://HOST:PORT, unlike \"%.128s\"", address);
        return AREG_EINVAL;
    }
    struct router *made = calloc(1, sizeof *made);
    if (!made) {
        snprintf(why, NET_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    made->wake_fd = -1;
    made->may_have_input = true;
    const enum areg_error error = open_parts(made, address, why);
    if (error != AREG_OK) {
        router_destroy(made, 0);
        return error;
    }
    *router = made;
    return AREG_OK;
}

/** Forget the peers that nothing is queued for; all of them, if `is_closing`. */
static void forget_peers(struct router *router, bool is_closing)
{
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        struct router_peer **link = &router->buckets[i];
        while (*link) {
            struct router_peer *peer = *link;
            if (!is_closing && ledger_queued_bytes(peer->ledger) > 0) {
                link = &peer->next;
                continue;
            }
            *link = peer->next;
            ledger_unref(peer->ledger);
            free(peer);
            router->peer_count--;
        }
    }
}

void router_destroy(struct router *router, uint32_t linger_ms)
{
    if (!router)
        return;
    if (router->socket) {
        socket_set_linger(router->socket, linger_ms);
        zmq_close(router->socket);
    }
    if (router->context)
        zmq_ctx_term(router->context);
    if (router->wake_fd >= 0)
        close(router->wake_fd);
    forget_peers(router, true);
    CHECK(router->peer_count == 0);
    free(router);
}

const char *router_address(const struct router *router)
{
    return router->address;
}

/* ---------------------------------------------------------------- packets */

bool router_receive(struct router *router, struct peer_id *from, struct packet *packet)
{
    for (;;) {
        const int id_bytes = zmq_recv(router->socket, from->at, sizeof from->at, ZMQ_DONTWAIT);
        if (id_bytes < 0 && errno == EINTR)
            continue;
        if (id_bytes < 0) {
            router->may_have_input = false;
            return false;
        }
        router->may_have_input = true;
        CHECK(id_bytes <= PEER_ID_BYTES_MAX);
        from->bytes = (uint8_t)id_bytes;
        if (frames_receive(router->socket, packet, &router->counters) == FRAMES_RECEIVED)
            return true;
    }
}

/** The peer's ledger; NULL if there is no memory, or if too many peers have bytes queued. */
static struct ledger *ledger_of(struct router *router, const struct peer_id *id)
{
    struct router_peer **bucket = &router->buckets[key_hash(slice_borrow(id->at, id->bytes)) % BUCKET_COUNT];
    for (struct router_peer *peer = *bucket; peer; peer = peer->next)
        if (peer_id_equal(&peer->id, id))
            return peer->ledger;
    if (router->peer_count >= PEER_COUNT_MAX)
        forget_peers(router, false);
    if (router->peer_count >= PEER_COUNT_MAX)
        return NULL;
    struct router_peer *peer = malloc(sizeof *peer);
    struct ledger *ledger = peer ? ledger_create() : NULL;
    if (!ledger) {
        free(peer);
        return NULL;
    }
    *peer = (struct router_peer){.next = *bucket, .ledger = ledger, .id = *id};
    *bucket = peer;
    router->peer_count++;
    return ledger;
}

bool router_send(struct router *router, const struct peer_id *to, struct packet *packet)
{
    struct ledger *ledger = ledger_of(router, to);
    router->may_have_input = true; /* sending may take in the news of it */
    if (ledger)
        return frames_send(router->socket, slice_borrow(to->at, to->bytes), packet, ledger, &router->counters);
    packet_fini(packet);
    router->counters.packets_unsent++;
    return false;
}

/* ---------------------------------------------------------------- waiting */

void router_wait(struct router *router, int wait_ms)
{
    /* The descriptor tells of new things only, and those that are not new any more must be looked for. */
    if (router->may_have_input && socket_has_input(router->socket))
        return;
    router->may_have_input = false;
    struct pollfd polled[] = {{.fd = router->socket_fd, .events = POLLIN}, {.fd = router->wake_fd, .events = POLLIN}};
    poll(polled, 2, wait_ms);
    if (polled[1].revents & POLLIN) {
        uint64_t wake_count;
        ssize_t got = read(router->wake_fd, &wake_count, sizeof wake_count);
        (void)got; /* it was readable a moment ago, and only this thread reads it */
    }
}

void router_wake(struct router *router)
{
    const uint64_t one = 1;
    ssize_t put = write(router->wake_fd, &one, sizeof one);
    (void)put; /* it fails only if the count is full, and then the wait ends anyway */
}

const struct net_counters *router_counters(const struct router *router)
{
    return &router->counters;
}
