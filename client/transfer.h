/*
 * The worker of a host: moves the registers of the slices that reconfigurers gave to it from a configuration to its
 * successor [ARES, section 5; PROTOCOL §5.4], from host to host, with the engine that clients use.
 *
 * Before that, it registers the host's incarnation with the other members of those configurations that do not name it,
 * so that a host that has lost its disk is not taken for the one that it was (PROTOCOL §5, Amnesia).
 *
 * A pure state machine beside a client engine that its driver runs for it (its "agent": the host as a client of other
 * hosts, and of itself). What is to be done is on the host's disk, and so is how far it is: after a restart it goes on.
 * The driver
 *   - calls worker_load() at the start, whenever replica_has_news_for_worker() says so, and once a minute, since a note
 *     may be lost;
 *   - after every event of the engine, gives the outcomes of operations whose context is worker_context() to
 *     worker_done(), and then calls worker_step();
 *   - hands the requests of worker_next_note() to the host's writer, which makes the progress durable;
 *   - calls worker_step() at worker_wake_ns(), too.
 */
#ifndef CLIENT_TRANSFER_H
#define CLIENT_TRANSFER_H

#include "client/client.h"
#include "core/key.h"
#include "store/store.h"

struct worker;

/** The worker of this host; NULL without memory. */
struct worker *worker_create(const struct registration *self);
void worker_destroy(struct worker *worker);

/** Look at the host's jobs (a read transaction). Errors of the store, AREG_ENOMEM: call it again later. */
enum areg_error worker_load(struct worker *worker, struct store_txn *txn) MUST_USE;
/** Submit what is to be done next to the engine. */
void worker_step(struct worker *worker, struct client *client, uint64_t now_ns);
/** One of its operations has ended; `done` stays the caller's. */
void worker_done(struct worker *worker, struct client *client, uint64_t now_ns, struct client_done *done);
/** Others know of another incarnation of this host, so it must not answer in this configuration; told once for each. */
bool worker_next_refusal(struct worker *worker, struct config *config);
/** A register that could not be moved, as it was tried again and again. */
struct worker_stuck {
    uint32_t shard;
    uint32_t count; /* of such registers on its page */
    enum areg_error error;
    char key[KEY_TEXT_BYTES];
    char detail[256];
};
/** Told whenever there are more or fewer of them; one stands for all of its page. */
bool worker_next_stuck(struct worker *worker, struct worker_stuck *stuck);
/** For the host's own writer, to be recorded: a request MESSAGE_TRANSFERRED, MESSAGE_REGISTERED or FINALIZE (what the
 * host has missed, lookout.h), whose slices are lent until the next
 * call. */
bool worker_next_note(struct worker *worker, struct request *note);
/** When worker_step() has something to do though nothing else happens; UINT64_MAX: not at all. */
uint64_t worker_wake_ns(const struct worker *worker);
/** What all its operations have as context. */
void *worker_context(struct worker *worker);

#endif
