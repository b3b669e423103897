#include "net/socket.h"

#include "core/check.h"
#include "core/limits.h"

#include <errno.h>
#include <string.h>
#include <zmq.h>

enum {
    /* A frozen or unplugged peer is noticed after this long without a sign of life. Above the time that a machine under
     * heavy load may keep ZeroMQ's thread waiting, and far below an operation's default deadline of 5 s. */
    HEARTBEAT_INTERVAL_MS = 500,
    HEARTBEAT_TIMEOUT_MS = 2500,
    /* A host that restarts is found again almost at once; one that stays away is asked once a second. */
    RECONNECT_MS_MIN = 20,
    RECONNECT_MS_MAX = 1000,
    /* TCP itself repeats a lost SYN after 1 s and 3 s. */
    CONNECT_TIMEOUT_MS = 3500,
    HANDSHAKE_TIMEOUT_MS = 5000,
};

struct socket_option {
    int name;
    int value;
};

static const struct socket_option OPTIONS[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_SNDHWM, PEER_QUEUE_PACKET_MAX},
    {ZMQ_RCVHWM, PEER_QUEUE_PACKET_MAX},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 10},
    {ZMQ_TCP_KEEPALIVE_INTVL, 5},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_HEARTBEAT_IVL, HEARTBEAT_INTERVAL_MS},
    {ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS},
    {ZMQ_RECONNECT_IVL, RECONNECT_MS_MIN},
    {ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX},
    {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
    {ZMQ_HANDSHAKE_IVL, HANDSHAKE_TIMEOUT_MS},
};

void *socket_open(void *context, int type, const char *address)
{
    void *socket = zmq_socket(context, type);
    if (!socket)
        return NULL;
    const int64_t frame_bytes_max = FRAME_BYTES_MAX;
    int rc = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    for (unsigned i = 0; rc == 0 && i < sizeof OPTIONS / sizeof OPTIONS[0]; i++)
        rc = zmq_setsockopt(socket, OPTIONS[i].name, &OPTIONS[i].value, sizeof OPTIONS[i].value);
    /* For numbers only: with it, a name that has both kinds of addresses would mean the one of IPv6 alone. */
    const int is_ipv6 = strchr(address, '[') != NULL;
    if (rc == 0)
        rc = zmq_setsockopt(socket, ZMQ_IPV6, &is_ipv6, sizeof is_ipv6);
    if (rc == 0)
        return socket;
    const int cause = errno;
    zmq_close(socket);
    errno = cause;
    return NULL;
}

void socket_set_linger(void *socket, uint32_t linger_ms)
{
    const int linger = linger_ms > INT32_MAX ? INT32_MAX : (int)linger_ms;
    CHECK(zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) == 0);
}

int socket_fd(void *socket)
{
    int fd = -1;
    size_t fd_bytes = sizeof fd;
    CHECK(zmq_getsockopt(socket, ZMQ_FD, &fd, &fd_bytes) == 0);
    return fd;
}

bool socket_has_input(void *socket)
{
    int events = 0;
    size_t events_bytes = sizeof events;
    int rc;
    do
        rc = zmq_getsockopt(socket, ZMQ_EVENTS, &events, &events_bytes);
    while (rc != 0 && errno == EINTR);
    return rc == 0 && (events & ZMQ_POLLIN) != 0;
}
