/*
 * What is behind an areg_client: the client engine, its sockets, and the operations that the user waits for. The
 * engine decides everything; this folder moves packets, time and outcomes in and out of it, and holds no protocol.
 *
 * One thread: the one that calls. Callbacks run in handle_turn() alone.
 */
#ifndef CLIENT_LIB_HANDLE_H
#define CLIENT_LIB_HANDLE_H

#include "client/client.h"
#include "net/dealers.h"

#include <areg.h>

/** An operation's outcome as the engine tells it; `done` owns what the callee does not take out of it. */
typedef void outcome_fn(struct areg_client *client, struct client_done *done, void *arg);

/** Who waits for an operation under way. Its number and a generation make the operation's public id. */
struct ticket {
    uint64_t id; /* public; 0: the ticket is free */
    uint64_t engine_id;
    outcome_fn *outcome; /* one of ours; NULL: `done` of the user's */
    areg_done_fn *done;
    void *arg;
    uint32_t generation;
    uint32_t next_free; /* the next free ticket, by number */
};

enum { TICKET_NONE = UINT32_MAX };

/** Requests for one peer, on their way into one packet. */
struct outbox {
    struct packet_writer *writer;
    bool is_listed; /* in `outbox_due` */
};

struct areg_client {
    struct client *engine;
    struct dealers *dealers;
    uint32_t timeout_ms;

    uint32_t ticket_max;
    uint32_t ticket_count; /* in use: operations under way */
    uint32_t first_free;
    struct ticket *tickets; /* ticket_max of them */

    /* Operations that were submitted to the engine itself, with this context: a host's worker's. */
    outcome_fn *direct; /* NULL: there are none */
    void *direct_context;

    struct outbox outboxes[DEALER_COUNT_MAX];
    unsigned outbox_due_count;
    unsigned outbox_due[DEALER_COUNT_MAX]; /* peers with something to send, in the order of their first request */

    uint64_t timer_ns;      /* when the timer of `dealers` will go off */
    bool is_in_turn;        /* handle_turn() runs: a callback may be on the stack */
    bool is_closing;        /* areg_close() runs: nothing new is admitted */
    bool is_behind;         /* the last turn left completions for the next one */
    bool is_watched;        /* areg_fd() was asked for, so the descriptor must tell the truth between calls */
    uint64_t malformed;     /* packets that could not be read to their end */
    uint64_t overhead_sent; /* bytes of headers */
    uint64_t overhead_received;

    char detail[256]; /* of the last blocking call or areg_submit() */
};

/** For those inside the project, who need more of it than areg.h offers. Errors as areg_open(). */
enum areg_error handle_open(struct areg_client **client, const char *const *seeds, unsigned seed_count) MUST_USE;
/** CLOCK_MONOTONIC in nanoseconds; never 0. */
uint64_t handle_now_ns(void);
/** The moment that an operation with this timeout must be over. */
uint64_t handle_deadline_ns(const struct areg_client *client, uint32_t timeout_ms);
/** Connect to the hosts that the engine has come to know of. */
void handle_connect(struct areg_client *client);
/** Keep a sentence for areg_detail(); returns `error`. */
enum areg_error handle_detail(struct areg_client *client, enum areg_error error, const char *detail);
/** AREG_EINVAL with a detail inside a callback, where nothing may block, and while the handle is being closed. */
enum areg_error handle_may_block(struct areg_client *client) MUST_USE;

/* ---------------------------------------------------------------- submit.c */

/**
 * Hand an operation to the engine; `how` says who is told the outcome (its ids are filled in here). Errors of
 * client_submit(): nothing has changed.
 */
enum areg_error ticket_begin(struct areg_client *client, const struct client_op *op, const struct ticket *how,
                             uint64_t *id) MUST_USE;
/** The operation under way with this public id, or NULL. */
struct ticket *ticket_find(struct areg_client *client, uint64_t id);
/** Tell whoever waits for it the outcome of one operation; its ticket is free again before that. */
void ticket_end(struct areg_client *client, struct client_done *done);

/* ---------------------------------------------------------------- drive.c */

/**
 * One turn: all events that are there into the engine (but none while closing), all its effects out. Returns the number
 * of completions that ran.
 */
size_t handle_turn(struct areg_client *client);
/** Turns, until a completion has run, `until_ns` is past, or, if that is UINT64_MAX, nothing is under way. */
size_t handle_run(struct areg_client *client, uint64_t until_ns);
/** Turns, until a host has sent the cluster's map; NULL if none has by `until_ns`. */
const struct cluster *handle_await_cluster(struct areg_client *client, uint64_t until_ns);
/** AREG_EUNAVAIL, with a detail that names the seeds of which none has answered. */
enum areg_error handle_no_cluster(struct areg_client *client);
/** Before going back to the user, if areg_fd() is in use: let the descriptor tell what there is to do. */
void handle_rest(struct areg_client *client);

#endif
