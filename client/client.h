/*
 * The client engine: reads and writes of registers as a pure state machine [ARES, section 4; PROTOCOL §3, §4].
 *
 * The driver tells it what happened (an operation was submitted, a reply arrived, time passed, a peer came or went) and
 * then takes the effects: requests to send, operations that ended, peers to connect to. The engine reads no clock,
 * opens no socket, starts no thread, calls nobody back, and draws all its random bits from the seed it was given: the
 * same events give the same effects.
 *
 * After every event the driver takes all effects: client_next_send() and client_next_done() until they return false,
 * and client_peer_count() for new peers; then it sleeps until an event, or client_wake_ns().
 *
 * Times are nanoseconds of any monotonic clock, never 0.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "core/cluster.h"
#include "core/key_page.h"
#include "core/message.h"
#include "core/quorum.h"

struct client;

struct client_options {
    uint64_t random_seed;     /* from the kernel, or from the simulator's seed: tags are unique because this is */
    uint32_t inflight_max;    /* operations under way, 1..INFLIGHT_MAX */
    const char *const *seeds; /* addresses; copied */
    unsigned seed_count;      /* 1..HOST_COUNT_MAX */
};

/** NULL without memory. */
struct client *client_create(const struct client_options *options, uint64_t now_ns);
/** Drops all operations without completing them: the driver has completed them with client_cancel_all() before. */
void client_destroy(struct client *client);

/* ---------------------------------------------------------------- events: operations */

enum client_op_kind {
    CLIENT_GET,
    CLIENT_STAT,
    CLIENT_PUT,
    CLIENT_DEL,
    CLIENT_LIST,        /* one page of keys of one shard */
    CLIENT_REGISTER,    /* tell the other members of `source` a host's incarnation (a host's worker) */
    CLIENT_MOVE,        /* a register from one configuration to its successor (a host's worker) */
    CLIENT_RECONFIGURE, /* look at the configurations of a shard, finish what is pending, or change them (an admin) */
};

enum reconfigure_goal {
    RECONFIGURE_LOOK,   /* find the end of the shard's sequence; changes nothing */
    RECONFIGURE_FINISH, /* and finish what is pending there; whatever was begun before is over then, or never comes */
    RECONFIGURE_CHANGE, /* and then make `wanted` its successor */
};

struct client_op {
    enum client_op_kind kind;
    struct slice key;   /* copied; LIST: the prefix */
    struct slice value; /* PUT: counted; one more reference is held while needed */
    bool has_base;      /* PUT, DEL: covering write */
    struct tag base;
    uint64_t deadline_ns;   /* UINT64_MAX: none */
    uint32_t shard;         /* LIST, RECONFIGURE */
    struct slice after;     /* LIST: copied */
    uint32_t key_count_max; /* LIST: 1..KEY_PAGE_COUNT_MAX */
    void *context;          /* the driver's own; comes back with the outcome */
    /* MOVE, and LIST by a worker, which shows deleted registers, too: canonical encodings of a configuration and its
     * pending successor. Empty for the listings of users. REGISTER: the configuration. */
    struct slice source;
    struct slice target;
    struct registration registration; /* REGISTER; MOVE: this host, whose own bytes cross no network */
    /* RECONFIGURE. */
    enum reconfigure_goal goal;
    const struct config *wanted; /* CHANGE: copied. Members (without incarnations), code, delta, author, reason, time;
                                    the rest is filled in */
    struct config_id expected;   /* CHANGE: the configuration that it was planned for; AREG_ESTALE if another one is the
                                    last by now */
    uint64_t bytes_per_s;        /* CHANGE, FINISH: pace of each worker; 0: no limit */
};

/**
 * Begin an operation. Errors: AREG_EINVAL, AREG_ETOOBIG, AREG_EBUSY (inflight_max), AREG_ENOMEM: nothing has changed.
 * Writes of one handle to one key run one after the other, in the order of submission.
 */
enum areg_error client_submit(struct client *client, uint64_t now_ns, const struct client_op *op,
                              uint64_t *id) MUST_USE;
/** Operations that may still be submitted before AREG_EBUSY. */
unsigned client_room(const struct client *client);
/** Give one operation up; AREG_EINVAL if there is none. Its outcome is AREG_ECANCELED, or AREG_EMAYBE. */
enum areg_error client_cancel(struct client *client, uint64_t now_ns, uint64_t id) MUST_USE;
void client_cancel_all(struct client *client, uint64_t now_ns);
/** Send the confirmations that are waiting for a ride: when the handle is about to close. */
void client_flush(struct client *client, uint64_t now_ns);

/* ---------------------------------------------------------------- events: the world */

/** A reply from a peer. Its slices are borrowed, its payload is referenced if it is kept. Anything odd is dropped and
 * counted. */
void client_receive(struct client *client, uint64_t now_ns, unsigned peer_index, const struct reply *reply);
/** Another protocol version greeted us: operations that need this peer fail with AREG_EVERSION. */
void client_peer_speaks_other_version(struct client *client, uint64_t now_ns, unsigned peer_index);
/** The transport (re)connected to a peer, or lost it: what was unanswered is sent again at once, or elsewhere. */
void client_peer_up(struct client *client, uint64_t now_ns, unsigned peer_index);
void client_peer_down(struct client *client, uint64_t now_ns, unsigned peer_index);
/** Time has passed. Call it at client_wake_ns() or later; earlier is harmless. */
void client_tick(struct client *client, uint64_t now_ns);

/* ---------------------------------------------------------------- effects */

/** When client_tick() is due; UINT64_MAX: not before another event. */
uint64_t client_wake_ns(const struct client *client);

struct client_send {
    unsigned peer_index;
    struct request request; /* slices are lent until the next call of any client function; the payload's reference is
                               the engine's */
};
/** The next request to send. One that can not be sent (the peer is not connected) is simply dropped: the engine sends
 * again. */
bool client_next_send(struct client *client, uint64_t now_ns, struct client_send *send);

struct client_done {
    uint64_t id;
    void *context;
    enum client_op_kind kind;
    enum areg_error error;
    struct tag tag; /* as in struct areg_result */
    uint32_t value_bytes;
    unsigned piece_count; /* GET, AREG_OK: the value; the driver takes over one reference of each piece */
    struct slice pieces[MEMBER_COUNT_MAX];
    uint32_t rounds;
    uint32_t configuration; /* index of the newest one that was asked */
    bool wrote_back;        /* a read that needed a second round */
    char detail[256];       /* hosts that did not answer */
    /* LIST: keys in order, tombstones left out. */
    struct slice page; /* of core/key_page.h; the driver takes over the reference */
    bool has_more;
    struct slice more_after; /* ask for the next page after this key; the driver takes over the reference */
    /* RECONFIGURE: the end of the sequence as it was found, or as it is now, also after most errors; canonical
     * encodings, of which the driver takes over the references; empty if not known. MOVE, LIST of a worker and REGISTER
     * that come too late, AREG_ESTALE: what is finalized in place of the source. */
    struct slice base;    /* the last finalized configuration */
    struct slice pending; /* its successor, if that is not finalized yet */
    uint64_t moved_count; /* registers that workers have moved for it */
    uint64_t moved_bytes; /* over the network, for them */
};
bool client_next_done(struct client *client, struct client_done *done);

/** Peers are numbered from 0 and never removed; seeds come first. */
unsigned client_peer_count(const struct client *client);
const char *client_peer_address(const struct client *client, unsigned peer_index);

/** The cluster's map, once a seed has answered; NULL before. Lent for the life of the client. */
const struct cluster *client_cluster(const struct client *client);

/** Where an operation RECONFIGURE is, in this order; what is pending when it begins is first taken through the last
 * three. */
enum reconfigure_step {
    RECONFIGURE_LOOKING,      /* for the end of the sequence */
    RECONFIGURE_GREETING,     /* the members of the new configuration: who are they? */
    RECONFIGURE_JOINING,      /* all of them have to record that they are */
    RECONFIGURE_PROPOSING,    /* consensus among the members of the last configuration */
    RECONFIGURE_INSTALLING,   /* the decision to a majority of them: from here on clients use it */
    RECONFIGURE_TRANSFERRING, /* registers */
    RECONFIGURE_FINALIZING,
};

struct reconfigure_progress {
    enum reconfigure_step step;
    struct config target;    /* GREETING and later: what is being brought about */
    bool is_own;             /* it is what was wanted, not what somebody else had left pending */
    uint32_t slices_moved;   /* TRANSFERRING: a bit for each */
    uint64_t register_count; /* moved so far */
    uint64_t bytes;          /* over the network, for them */
    uint32_t stuck_count;    /* registers that could not be moved when they were tried last */
    struct voters missing;   /* members (of the target, or of the last configuration) that are waited for */
};
/** False if there is no such operation under way. */
bool client_reconfigure_progress(const struct client *client, uint64_t id, struct reconfigure_progress *progress);

struct client_counters {
    uint64_t reads;
    uint64_t writes;
    uint64_t read_rounds;
    uint64_t write_rounds;
    uint64_t write_backs;
    uint64_t messages_sent;
    uint64_t bytes_sent;     /* payloads */
    uint64_t bytes_received; /* payloads */
    uint64_t retransmits;
    uint64_t hedges;
    uint64_t dropped; /* replies that no operation awaited, or that made no sense */
};
const struct client_counters *client_counters(const struct client *client);

/** Assert every invariant of the engine (CHECK_SLOW builds and the simulator). */
void client_check(const struct client *client);

#endif
