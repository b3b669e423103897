/*
 * The writer thread: takes jobs, handles a batch of them in one transaction of the store, commits it, and only then
 * lets go of the replies (DESIGN §3: a reply never leaves before the state that it promises is durable).
 *
 * Batches make themselves: while one is being committed, the next one gathers.
 */
#ifndef SERVER_DAEMON_WRITER_H
#define SERVER_DAEMON_WRITER_H

#include "server/daemon/agent.h"
#include "server/daemon/host.h"
#include "server/daemon/latency.h"
#include "server/daemon/work.h"

struct writer;

/** What the thread works on; all lent for its life. */
struct writer_options {
    struct host *host;
    struct work_queue *jobs;
    struct delivery_queue *deliveries;
    struct router *router; /* is woken for deliveries, and at the end */
    struct agent *agent;   /* is woken when there is something to transfer; NULL: nobody transfers */
};

/** Start the thread. It ends when the queue of jobs has been closed and is empty. AREG_ENOMEM. */
enum areg_error writer_start(struct writer **writer, const struct writer_options *options) MUST_USE;
/** Whether it has come to its end: no more deliveries will follow. Any thread. */
bool writer_is_done(const struct writer *writer);
/** Wait for its end, and free it. */
void writer_join(struct writer *writer);

struct writer_figures {
    uint64_t batch_count;
    uint64_t sweep_count; /* transactions without a message */
    uint64_t message_count;
    uint64_t full_count;    /* puts that were answered FULL */
    uint64_t lost_count;    /* requests whose record does not decode */
    uint64_t failed_count;  /* batches given up without memory */
    struct latency commits; /* of batches */
};
void writer_figures(struct writer *writer, struct writer_figures *figures);

#endif
