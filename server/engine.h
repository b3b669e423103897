/*
 * The inside of the replica, for its own files: replica.c answers, configurations.c lets configurations come and go,
 * upkeep.c tidies up in the background.
 */
#ifndef SERVER_ENGINE_H
#define SERVER_ENGINE_H

#include "server/memberships.h"
#include "server/replica.h"
#include "server/sweep.h"

#include <stdatomic.h>

/* After a start, every register is looked at once: entries that were superseded before a crash have nobody else who
 * remembers them. And again after something could not be remembered. */
struct recovery_scan {
    unsigned membership_index;
    struct slice after; /* borrowed from `last`: where the next tick goes on */
    uint8_t last[AREG_KEY_BYTES_MAX];
    bool is_done;
    bool is_wanted_again; /* while it is under way: from the start */
    uint64_t due_ns;
};

/* What figures show. Those of the transaction under way are added when it is committed. */
struct counters {
    struct replica_counters uncommitted;
    atomic_uint_least64_t puts, put_bytes, puts_stale, confirms, trims, trims_forced, damaged, full, invalid;
    atomic_uint_least64_t memberships, retired, registers_deleted, successors_refused, adoptions;
};

struct replica {
    struct host_id host;
    uint64_t incarnation;
    bool must_register;
    const struct cluster *cluster;
    uint64_t grace_ns;
    struct slice cluster_map; /* encoded, counted */
    struct memberships memberships;
    struct counters *counters; /* the only part that a reading thread changes */

    /* The writer's own. */
    struct sweep_queue sweep;
    uint64_t tick_ns; /* of the last tick */
    struct recovery_scan recovery;
    uint64_t delete_ns; /* when more of what is retired may be deleted */
    bool worker_has_news;
    bool worker_gets_news; /* when the transaction under way is committed */
};

/** Where the host stands in one of its configurations. */
struct seat seat_of(const struct membership *membership, struct store_txn *txn);

/* configurations.c */

/** What is in the store, and the first time what genesis says. */
enum areg_error configurations_load(struct replica *replica, struct store_txn *txn) MUST_USE;
/** JOIN and FINALIZE: the host need not be a member of the configuration. */
enum areg_error configurations_answer_host(struct replica *replica, struct store_txn *txn,
                                           const struct request *request, struct reply *reply) MUST_USE;
/** The other mutating messages about a configuration itself; the seat's one is not retired. */
enum areg_error configurations_answer_member(struct replica *replica, const struct seat *seat,
                                             const struct request *request, struct reply *reply) MUST_USE;

/* upkeep.c */

/** Remember that a tag of this register is confirmed, and by and by drop what it supersedes. */
void upkeep_plan_sweep(struct replica *replica, const struct membership *membership, struct slice key,
                       struct tag confirmed, uint64_t now_ns);
void upkeep_count_trims(struct replica *replica, const struct answer_effect *effect);

#endif
