/*
 * What every socket of ours has in common: its limits, and how soon it notices that a peer is gone.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

/** A socket of a ZeroMQ type with our options set; NULL with errno. Whoever opened it closes it with zmq_close(). */
void *socket_open(void *context, int type, const char *address);

/** How long zmq_close() and zmq_ctx_term() go on sending what is queued. */
void socket_set_linger(void *socket, uint32_t linger_ms);

/** The descriptor that becomes readable when socket_has_input() may have changed; once, for new things only. */
int socket_fd(void *socket);
/** Whether there is a message to receive. Also takes in what happened to the connections. */
bool socket_has_input(void *socket);

#endif
