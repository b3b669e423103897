/*
 * The agent thread: the host as a client of other hosts. It moves the registers that reconfigurers have given to this
 * host, with the library that every client uses; what is done, it hands to the writer like any other request.
 */
#ifndef SERVER_DAEMON_AGENT_H
#define SERVER_DAEMON_AGENT_H

#include "server/daemon/host.h"
#include "server/daemon/work.h"

struct agent;

/** Start the thread; all is lent for its life. `address` is where this host can be reached. AREG_ENOMEM, AREG_EIO. */
enum areg_error agent_start(struct agent **agent, struct host *host, struct work_queue *jobs,
                            const char *address) MUST_USE;
/** Any thread: there may be something new to do. */
void agent_wake(struct agent *agent);
/** End the thread, and free; NULL is allowed. */
void agent_stop(struct agent *agent);

#endif
