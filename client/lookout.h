/*
 * The lookout of a host: from time to time it looks for the end of the sequence of each shard that the host has to do
 * with. A host that was down when a configuration was finalized, or did not hear of it for another reason, learns it
 * so: it stops keeping what it need not keep, and can tell others (PROTOCOL §5.6). And a host that has lost its disk
 * learns it, where it is a member under another incarnation; one whose disk is empty looks at every shard.
 *
 * A part of the worker (transfer.h), which submits its operations and hands on what it has found.
 */
#ifndef CLIENT_LOOKOUT_H
#define CLIENT_LOOKOUT_H

#include "client/client.h"
#include "store/store.h"

/* How often a shard is looked at. */
#define LOOKOUT_NS UINT64_C(60000000000)

struct lookout_item {
    uint32_t shard;
    uint32_t known_index; /* of the latest finalized configuration that the host knows; only with `knows` */
    bool knows;
    bool is_looking;
    uint64_t due_ns;
    uint64_t id;        /* of the operation, while it is looking */
    struct slice found; /* counted; a later one, to be told to the host; empty: none */
    bool is_refused;    /* the last one that was found names another incarnation of the host */
    bool has_refusal;   /* to be told */
    struct config refused;
};

struct lookout {
    unsigned item_count;
    unsigned item_room;
    struct lookout_item *items; /* ascending by shard */
    bool is_blank;              /* the host has no configuration at all */
};

void lookout_fini(struct lookout *lookout);
/** Look at what the host has and knows (a read transaction). Errors of the store, AREG_ENOMEM. */
enum areg_error lookout_load(struct lookout *lookout, struct store_txn *txn) MUST_USE;
/** Submit what is due, with `context`. The next time that something is due. */
uint64_t lookout_step(struct lookout *lookout, struct client *client, uint64_t now_ns, void *context);
/** Another operation of the worker has come upon what is finalized (canonical); the lookout keeps it as one of its own.
 */
void lookout_hear(struct lookout *lookout, const struct registration *self, struct slice base);
/** Whether the operation was one of its own. */
bool lookout_done(struct lookout *lookout, const struct registration *self, const struct client_done *done);
/** A configuration in which the host is known under another incarnation; told once for each shard. */
bool lookout_next_refusal(struct lookout *lookout, struct config *config);
/** A request FINALIZE for the host itself. The caller takes over the reference of the descriptor. */
bool lookout_next_note(struct lookout *lookout, struct request *note);

#endif
