/*
 * The replica: a host's half of the protocol as a pure state machine [ARES, section 4; PROTOCOL §2, §3].
 *
 * It works inside store transactions that its driver opened, and keeps next to nothing in memory: whatever a reply
 * reveals or promises is in the transaction. The driver
 *   - answers read-only messages (message_is_read_only) with replica_read() in a read transaction, and may send the
 * reply at once, since a read transaction only ever shows committed state;
 *   - hands mutating ones to replica_write() in a write transaction, many in one, and sends the replies after the
 * commit (DESIGN §3). If the commit fails they are dropped or answered FULL, and replica_settle(false) is called.
 *
 * The configurations of which the host is a member come and go while it runs (PROTOCOL §5): JOIN adds one, FINALIZE
 * retires the older ones, whose data replica_tick() deletes. What is left of a retired one, its pointer, goes with the
 * first start that finds no data.
 *
 * replica_read() may run on one thread while another, the writer's, runs the functions that change the replica
 * (memberships.h says why); replica_create() and replica_destroy() run alone.
 */
#ifndef SERVER_REPLICA_H
#define SERVER_REPLICA_H

#include "core/cluster.h"
#include "core/message.h"
#include "store/store.h"

struct replica;

struct replica_options {
    struct host_id host;
    uint64_t incarnation; /* random, drawn at the first start of the data directory */
    bool must_register; /* it answers nothing in a configuration that does not name its incarnation (genesis) until its
                           worker has registered it there (PROTOCOL §5, Amnesia); false: for tests without a worker */
    const struct cluster *cluster; /* borrowed for the life of the replica */
    uint64_t grace_ns;             /* how long superseded entries stay for slow readers; 0: REPLICA_GRACE_NS */
};

#define REPLICA_GRACE_NS UINT64_C(500000000)

/**
 * Make the replica of what is in the store (a write transaction, which the caller commits before the replica is used).
 * The first time, c0 of every shard of which genesis makes the host a member is recorded there. A host that is in no
 * configuration is fine: it may join one. Errors: AREG_ENOMEM, and those of the store; AREG_ECORRUPT also if a
 * configuration in it is none of this host's or this cluster's, AREG_EVERSION if this program can not serve one.
 */
enum areg_error replica_create(struct replica **replica, const struct replica_options *options,
                               struct store_txn *txn) MUST_USE;
void replica_destroy(struct replica *replica);

/**
 * Answer a read-only message (but STATUS, which is the driver's). A request that makes no sense is answered, with
 * REPLY_INVALID. `reply->payload` is a counted slice, for the caller to drop; the slices of `reply->next` are lent
 * until the transaction ends.
 *
 * Returns errors of the store only; then there is no reply, and AREG_EIO and AREG_ENOMEM concern the whole host.
 */
enum areg_error replica_read(const struct replica *replica, struct store_txn *txn, const struct request *request,
                             struct reply *reply) MUST_USE;

/**
 * Handle a mutating message. `*has_reply` tells whether there is a reply, to be sent after the commit.
 *
 * Returns AREG_EFULL when the transaction outgrew the store: abort it, replica_settle(false), and answer FULL. Other
 * errors as replica_read(). May be repeated in a new transaction after an abort.
 * The reply's slices are lent until the transaction is used again.
 *
 * MESSAGE_TRANSFERRED, of the host's own worker, comes by here as well; it has no reply.
 */
enum areg_error replica_write(struct replica *replica, struct store_txn *txn, uint64_t now_ns,
                              const struct request *request, struct reply *reply, bool *has_reply) MUST_USE;

/** Drop superseded entries whose grace time is over, and data of retired configurations; a bounded amount. Errors as
 * replica_write(). */
enum areg_error replica_tick(struct replica *replica, struct store_txn *txn, uint64_t now_ns) MUST_USE;
/** When replica_tick() has something to do; UINT64_MAX: not before another message. */
uint64_t replica_wake_ns(const struct replica *replica);

/** What became of the transaction in which replica_write() and replica_tick() ran; after each, exactly once, and before
 * its replies are sent. */
void replica_settle(struct replica *replica, bool is_committed);
/** Whether the worker is to look at its jobs (store_transfer_next(), in a read transaction of its own), because of the
 * last replica_settle(), or since the host has just started. */
bool replica_has_news_for_worker(const struct replica *replica);

/** Counters for status, of committed transactions; any thread may read them while the replica works. */
struct replica_counters {
    uint64_t puts;
    uint64_t put_bytes;  /* of their fragments */
    uint64_t puts_stale; /* acknowledged without being stored: at or below `trimmed`, or already there */
    uint64_t confirms;
    uint64_t trims;        /* entries dropped */
    uint64_t trims_forced; /* of these, at or above `confirmed`, at the hard limit */
    uint64_t damaged;      /* fragments found with a wrong checksum */
    uint64_t full;         /* puts refused */
    uint64_t invalid;
    uint64_t memberships;        /* at present: configurations of which it is a member */
    uint64_t retired;            /* of these, those that are retired */
    uint64_t registers_deleted;  /* of retired configurations */
    uint64_t successors_refused; /* second ones, of a configuration that has one: somebody's mistake (I1) */
    uint64_t adoptions;          /* fragments taken over from the configuration before */
};
void replica_counters(const struct replica *replica, struct replica_counters *counters);

#endif
