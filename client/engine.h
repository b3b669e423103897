/*
 * The inside of the client engine, shared by its own files only.
 *
 *   client.c     what the driver calls: events in, effects out
 *   operation.c  one read, write or listing, from submission to outcome
 *   peers.c      the hosts that we talk to, and how fast they are; the first question, what the cluster is
 *   confirm.c    confirmations that wait for a ride
 *   timers.c     which operation is due next
 *   listing.c    merging the pages of a key listing
 */
#ifndef CLIENT_ENGINE_H
#define CLIENT_ENGINE_H

#include "client/client.h"
#include "core/random.h"
#include "dap/ask.h"

/* ---------------------------------------------------------------- peers */

struct peer {
    char address[ADDRESS_BYTES_MAX + 1];
    bool is_up; /* as the transport says */
    bool speaks_other_version;
    uint64_t awaited_since_ns; /* the oldest request that it has not answered; 0: none */
    uint64_t hello_ns;         /* seeds: when to greet it (again) */
};

/* A greeting that is not answered is repeated after this. */
#define HELLO_RETRY_NS UINT64_C(250000000)

/* ---------------------------------------------------------------- shards */

/** A shard's configuration as this client knows it. (One for now: c0. Sequences extend it.) */
struct shard_view {
    struct config config;
    struct codec *codec;
    uint16_t peers[MEMBER_COUNT_MAX]; /* of the members */
};

/* ---------------------------------------------------------------- operations */

/*
 *   WAITING --> GETTING_TAG --> PUTTING --> ENDED      a write
 *                    `--> GETTING_DATA --^             a covering write, if some host has a newer tag than its base
 *   WAITING --> GETTING_DATA -----------> ENDED      a read in one round
 *                    `--> PUTTING ----------^          a read that writes back
 *   WAITING --> LISTING -----------------> ENDED
 *   any but ENDED --------------------> ENDED          deadline, cancellation, failure
 */
enum operation_state {
    OP_FREE,
    OP_WAITING, /* for the cluster's map, or for an earlier write to the same key */
    OP_GETTING_TAG,
    OP_GETTING_DATA,
    OP_PUTTING,
    OP_LISTING,
    OP_ENDED, /* until the driver takes the outcome */
};

struct operation {
    uint64_t id;
    enum operation_state state;
    enum client_op_kind kind;
    struct slice key;   /* counted */
    struct slice value; /* PUT: counted, until it has been encoded */
    struct slice after; /* LIST: counted */
    uint32_t key_count_max;
    uint32_t shard;
    bool has_base;
    struct tag base;
    uint64_t deadline_ns;
    void *context;
    uint64_t value_digest; /* PUT, DEL */
    struct tag tag_floor;  /* PUT, DEL over a base: the newest that some member has; ours is above */

    struct shard_view *view; /* once the cluster is known */
    struct ask ask;
    uint32_t phase;
    bool may_have_effect;      /* a put-data of this write has left */
    bool is_tombstone;         /* a read: what was found */
    bool is_stale;             /* a covering write: its base is not the newest, and it only writes that back */
    struct voters unconfirmed; /* members to send the confirmation to */

    struct client_done outcome;

    /* Places in the engine's structures. */
    struct operation *chain_next; /* heads of writes with the same hash */
    struct operation *behind;     /* the next write to the same key */
    struct operation *chain_last; /* of a head: the last one behind it, or itself */
    bool is_queued;               /* a write behind another */
    struct operation *ready_next;
    bool is_ready; /* on the list of those with requests to send */
    struct operation *done_next;
    uint64_t wake_ns;
    unsigned timer_index; /* in the heap; TIMER_NONE: not in it */
};

enum { TIMER_NONE = UINT32_MAX };

struct operation_list {
    struct operation *first;
    struct operation *last;
};

/* ---------------------------------------------------------------- confirmations */

struct confirmation {
    const struct shard_view *view;
    struct slice key; /* counted */
    struct tag tag;
    struct voters due;
    uint64_t due_ns;
};

/* How long a confirmation waits for a request to travel with: a few operations of one client in a row. */
#define CONFIRM_DELAY_NS UINT64_C(5000000)

struct confirmations {
    struct confirmation *items; /* a ring of CONFIRM_PENDING_MAX */
    uint32_t first;
    uint32_t ready; /* those before it are to be sent now */
    uint32_t end;
};

/* ---------------------------------------------------------------- timers */

struct timers {
    struct operation **heap;
    unsigned count;
};

/* ---------------------------------------------------------------- the engine */

enum { CHAIN_BUCKET_COUNT = 4096 };

/* A reply is slow after this many times the usual, within these bounds. */
enum { HEDGE_FACTOR = 4 };
#define HEDGE_NS_MIN UINT64_C(2000000)
#define HEDGE_NS_MAX UINT64_C(200000000)
#define ROUND_TRIP_NS_FIRST UINT64_C(2500000)

struct client {
    struct random_source random;
    struct tag_source tags;
    struct tag tag_floor; /* the largest of a write that may take effect yet; those that come later are above */
    uint32_t inflight_max;
    uint32_t inflight_count;

    unsigned peer_count;
    unsigned seed_count;
    struct peer *peers;     /* room for HOST_COUNT_MAX seeds and as many hosts */
    uint64_t round_trip_ns; /* moving average of get replies */

    struct cluster *cluster;   /* NULL: not known yet */
    struct shard_view **views; /* by shard; NULL: not used yet */
    unsigned codec_count;
    struct codec *codecs[MEMBER_COUNT_MAX * MEMBER_COUNT_MAX];
    struct code codes[MEMBER_COUNT_MAX * MEMBER_COUNT_MAX];

    struct operation **operations; /* by slot; allocated at first use */
    uint32_t *free_slots;
    uint32_t free_count;
    uint32_t slot_count;
    uint64_t generation;
    struct operation *chains[CHAIN_BUCKET_COUNT];
    struct operation_list ready;
    struct operation_list done;
    struct timers timers;
    struct confirmations confirmations;
    struct client_counters counters;
};

/* timers.c */
void timers_set(struct timers *timers, struct operation *operation, uint64_t wake_ns);
void timers_remove(struct timers *timers, struct operation *operation);
struct operation *timers_first(const struct timers *timers); /* NULL: none */
void timers_check(const struct timers *timers);

/* confirm.c */
/** Remember that an operation of this tag has completed; `key` is copied by reference. */
void confirm_later(struct client *client, const struct shard_view *view, struct slice key, struct tag tag,
                   struct voters members, uint64_t now_ns);
/** All that wait go out with the next requests. */
void confirm_ride(struct confirmations *confirmations);
void confirm_tick(struct confirmations *confirmations, uint64_t now_ns);
uint64_t confirm_wake_ns(const struct confirmations *confirmations);
bool confirm_next_send(struct client *client, struct client_send *send);
void confirm_fini(struct confirmations *confirmations);

/* peers.c */
unsigned peer_add(struct client *client, const char *address);
bool peer_is_slow(const struct client *client, unsigned peer_index, uint64_t now_ns);
uint64_t peer_hedge_ns(const struct client *client);
void peer_note_sent(struct client *client, unsigned peer_index, uint64_t now_ns);
void peer_note_reply(struct client *client, unsigned peer_index, const struct ask *ask, unsigned member_index,
                     uint64_t now_ns);
/** A host said what the cluster is; false if it made no sense. */
bool peer_learn_cluster(struct client *client, struct slice encoded);
bool peer_next_hello(struct client *client, uint64_t now_ns, struct client_send *send);
uint64_t peer_wake_ns(const struct client *client);
/** The view of a shard, made at first use; NULL without memory. */
struct shard_view *peer_shard_view(struct client *client, uint32_t shard);

/* operation.c */
/** Begin to ask, if the cluster is known and nothing is in the way. */
void operation_start(struct client *client, struct operation *operation, uint64_t now_ns);
void operation_receive(struct client *client, struct operation *operation, unsigned peer_index,
                       const struct reply *reply, uint64_t now_ns);
void operation_tick(struct client *client, struct operation *operation, uint64_t now_ns);
/** End an operation without a result: AREG_EMAYBE if it may have an effect, else `error`. */
void operation_give_up(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns);
bool operation_next_send(struct client *client, struct operation *operation, uint64_t now_ns, struct client_send *send);
/** The member that a peer is to this operation; -1: none. */
int operation_member_of_peer(const struct operation *operation, unsigned peer_index);
/** Its ask or its needs have changed: put it where it belongs among the timers and the ready. */
void operation_settle(struct client *client, struct operation *operation);

/* listing.c */
/** Merge the pages of a finished ask into `outcome`. AREG_ENOMEM only. */
enum areg_error listing_merge(const struct ask *ask, uint32_t key_count_max, struct client_done *outcome) MUST_USE;

#endif
