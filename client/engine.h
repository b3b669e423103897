/*
 * The inside of the client engine, shared by its own files only.
 *
 *   client.c     what the driver calls: events in, effects out
 *   operation.c  one operation, from submission to outcome
 *   phases.c     what it asks, of one configuration after the other, and when it is complete
 *   peers.c      the hosts that we talk to, and how fast they are; the first question, what the cluster is
 *   sequence.c   the configurations of a shard, as far as this client knows them
 *   carried.c    a value on its way from one configuration to another
 *   move.c       a register from a configuration to its successor
 *   reconfigure.c  another configuration for a shard, from the proposal to the end
 *   confirm.c    confirmations that wait for a ride
 *   timers.c     which operation is due next
 *   listing.c    merging the pages of a key listing
 */
#ifndef CLIENT_ENGINE_H
#define CLIENT_ENGINE_H

#include "client/client.h"
#include "core/random.h"
#include "reconfig/config_ask.h"

/* ---------------------------------------------------------------- peers */

struct peer {
    char address[ADDRESS_BYTES_MAX + 1];
    bool is_up; /* as the transport says */
    bool speaks_other_version;
    uint64_t awaited_since_ns; /* the oldest request that it has not answered; 0: none */
    uint64_t absent_since_ns;  /* when it was wanted first while it was not up; 0: it has not been */
    uint64_t hello_ns;         /* seeds: when to greet it (again) */
};

/* A greeting that is not answered is repeated after this. */
#define HELLO_RETRY_NS UINT64_C(250000000)

/* ---------------------------------------------------------------- configurations */

/** A configuration as this client uses it. Counted: operations and confirmations hold on to those that they use. */
struct view {
    unsigned reference_count;
    struct config config;
    struct slice descriptor; /* canonical encoding, counted */
    struct codec *codec;
    uint16_t peers[MEMBER_COUNT_MAX]; /* of the members */
    struct view *successor;           /* pending, one reference; NULL: none is known */
};

/* An operation that waits so long for one answer asks whether its configuration is still in use; and again. */
#define HINT_NS_FIRST UINT64_C(100000000)
#define HINT_NS_AGAIN UINT64_C(250000000)
/* Shards whose latest configuration is asked for at a time. */
enum { HINT_COUNT_MAX = 64 };

struct hint {
    uint32_t shard;
    unsigned peer_index; /* the next one to be asked */
};

/* ---------------------------------------------------------------- operations */

/*
 *   WAITING --> GETTING_TAG --> PUTTING --> ENDED      a write
 *                    `--> GETTING_DATA --^             a covering write, if some host has a newer tag than its base
 *   WAITING --> GETTING_DATA -----------> ENDED      a read in one round
 *                    `--> PUTTING ----------^          a read that writes back, and a move
 *   WAITING --> LISTING -----------------> ENDED
 *   WAITING --> RECONFIGURING -----------> ENDED
 *   WAITING --> REGISTERING -------------> ENDED
 *   any but ENDED --------------------> ENDED          deadline, cancellation, failure
 *
 * A phase (getting, putting, listing) is gone through in one configuration after the other, from the last finalized one
 * to the last. LINKING is on the way from one to the next, when few members have shown the next one: it is written to
 * more of them first, since whoever comes later must find it, too (S9).
 */
enum operation_state {
    OP_FREE,
    OP_WAITING, /* for the cluster's map, or for an earlier write to the same key */
    OP_GETTING_TAG,
    OP_GETTING_DATA,
    OP_PUTTING,
    OP_LISTING,
    OP_LINKING,
    OP_READING_NEXT, /* a round more, without ABLATION_PIGGYBACKED_NEXT alone: before the first phase, after the last */
    OP_RECONFIGURING,
    OP_REGISTERING,
    OP_ENDED, /* until the driver takes the outcome */
};

/** The newest value that an operation has met, or its own, as the code of some configuration cuts it. */
struct carried {
    struct view *view; /* NULL: there is none; one reference */
    struct coded_value value;
    struct voters holders;     /* members of `view` that have it */
    struct voters unconfirmed; /* members of `view` to be told when it is complete */
    bool is_complete;          /* an operation with this tag has completed */
};

struct listing_page {
    struct slice page; /* counted */
    bool has_more;
};

struct reconfiguration;

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
    struct tag tag_floor;  /* PUT, DEL: the newest that some member has, so far; ours is above */
    struct tag lost_floor; /* the value of this tag is lost in an earlier configuration: one as new must be found */

    struct view *view; /* the configuration that is asked; one reference; NULL: the cluster is not known yet */
    struct ask ask;
    uint32_t phase;
    struct carried carried;
    enum operation_state resumed;     /* LINKING: the phase that goes on afterwards; READING_NEXT: that comes then */
    struct slice next;                /* LINKING: the configuration to go on to, counted */
    struct config_question *question; /* LINKING, REGISTERING; kept for the next time */
    uint64_t hint_ns;                 /* when to ask whether the configuration is still in use */
    bool is_full;                     /* PUT: too many members of the last configuration have no room */
    bool may_have_effect;             /* a put-data of this write has left */
    bool is_tombstone;                /* a read: what was found */
    bool is_stale;                    /* a covering write: its base is not the newest, and it only writes that back */
    unsigned page_count;              /* LIST: of the configurations before this one */
    struct listing_page *pages;

    struct view *source; /* MOVE, REGISTER, LIST by a worker: one reference each */
    struct view *target;
    bool moves_value;           /* MOVE: not all members of the target can take their fragment over */
    struct registration worker; /* MOVE: this host; nobody: not known */
    uint32_t moved_bytes;       /* MOVE: payloads that other hosts sent and were sent for it */
    struct reconfiguration *reconfiguration;

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
    struct view *view; /* one reference */
    struct slice key;  /* counted */
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
#define HEDGE_NS_MOVE UINT64_C(2000000000)
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

    struct cluster *cluster; /* NULL: not known yet */
    struct view **bases;     /* by shard: the last configuration that is known to be finalized; NULL: not used yet */
    uint64_t *hinted_ns;     /* by shard: when it was last asked for */
    unsigned hint_count;
    struct hint hints[HINT_COUNT_MAX];
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
/** Remember that an operation of this tag has completed; `key` and `view` are referenced. */
void confirm_later(struct client *client, struct view *view, struct slice key, struct tag tag, struct voters members,
                   uint64_t now_ns);
/** All that wait go out with the next requests. */
void confirm_ride(struct confirmations *confirmations);
void confirm_tick(struct confirmations *confirmations, uint64_t now_ns);
uint64_t confirm_wake_ns(const struct confirmations *confirmations);
bool confirm_next_send(struct client *client, struct client_send *send);
void confirm_fini(struct client *client);

/* peers.c */
/** -1: there are too many. */
int peer_add(struct client *client, const char *address);
bool peer_is_slow(const struct client *client, unsigned peer_index, uint64_t now_ns);
/** Whether it has been silent for so long that nobody who could do without should wait for it. */
bool peer_is_absent(struct client *client, unsigned peer_index, uint64_t now_ns);
uint64_t peer_hedge_ns(const struct client *client);
void peer_note_sent(struct client *client, unsigned peer_index, uint64_t now_ns);
void peer_note_reply(struct client *client, unsigned peer_index, const struct ask *ask, unsigned member_index,
                     uint64_t now_ns);
/** A host said what the cluster is; false if it made no sense. */
bool peer_learn_cluster(struct client *client, struct slice encoded);
bool peer_next_hello(struct client *client, uint64_t now_ns, struct client_send *send);
uint64_t peer_wake_ns(const struct client *client);

/* sequence.c */
struct view *view_ref(struct view *view); /* NULL is allowed, also below */
void view_unref(struct view *view);
/** The configuration to begin with, lent; NULL without memory, or with too many hosts. */
struct view *sequence_base(struct client *client, uint32_t shard);
/** The view of a descriptor, one reference; NULL: it does not decode, or there is no memory. */
struct view *sequence_view(struct client *client, struct slice descriptor);
/** `view` is known to have this pending successor, so it is finalized itself. Returns the successor, one reference;
 * NULL as above. */
struct view *sequence_successor(struct client *client, struct view *view, struct slice descriptor);
/** This configuration is known to be finalized. */
void sequence_advance(struct client *client, struct view *view);
/** Ask all hosts for the shard's latest finalized configuration, unless that was done a moment ago. */
void sequence_want_hint(struct client *client, uint32_t shard, uint64_t now_ns);
bool sequence_next_hint(struct client *client, struct client_send *send);
/** A host's answer. Returns the view if that is news, one reference; else NULL. */
struct view *sequence_receive_hint(struct client *client, const struct reply *reply);

/* carried.c */
void carried_fini(struct carried *carried);
/** Take over the value of a put-data or a get-data's choice that is about to be closed; `view` is referenced. */
void carried_take(struct carried *carried, struct view *view, struct coded_value *value);
/** The carried value as the code of `view` cuts it, moved out if it is the same code. AREG_ENOMEM: as it was. */
enum areg_error carried_give(struct carried *carried, const struct view *view, struct coded_value *value) MUST_USE;

/* move.c */
/** Members of the target that hold the same fragment in the source: they take it over by themselves. */
struct voters move_adopters(const struct config *source, const struct config *target);
enum areg_error move_start(struct client *client, struct operation *operation, const struct client_op *op) MUST_USE;
void register_begin(struct client *client, struct operation *operation, uint64_t now_ns);
/** The ask of a MOVE, a REGISTER or a worker's LIST has come to an end. */
void move_proceed(struct client *client, struct operation *operation, uint64_t now_ns);

/* reconfigure.c */
enum areg_error reconfiguration_create(struct operation *operation, const struct client_op *op,
                                       uint64_t now_ns) MUST_USE;
void reconfiguration_destroy(struct operation *operation);
void reconfigure_begin(struct client *client, struct operation *operation, uint64_t now_ns);
/** A configuration is finalized that is later than the one that is asked. */
void reconfigure_hear(struct client *client, struct operation *operation, const struct config *final, uint64_t now_ns);
/** However it ends: the end of the sequence, as far as it is known, goes into the outcome. */
void reconfigure_tell(struct operation *operation);
uint64_t reconfigure_wake_ns(const struct operation *operation);
/** How a reconfiguration ends that is given up with this error: perhaps its change has taken effect, by others, or may
 * yet. */
enum areg_error reconfigure_judge(const struct operation *operation, enum areg_error error);
/** Whether it has found what it looked for, and only looks whether there is more: silence is no failure then. */
bool reconfigure_has_answer(const struct operation *operation);
void reconfigure_progress(const struct operation *operation, struct reconfigure_progress *progress);
/** Something happened to its ask, or time has passed. */
void reconfigure_proceed(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns);

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
void operation_drop_pages(struct operation *operation);
/** Drop all that it holds, but the ask's own. */
/** The value that its get-data wanted is lost: what it finds elsewhere must be as new. */
void operation_note_lost(struct operation *operation);
void operation_release(struct operation *operation);

/* phases.c */
/** Ask the first question of a read, a write or a listing. After an error, all is as it was. */
enum areg_error phase_begin(struct client *client, struct operation *operation, uint64_t now_ns) MUST_USE;
/** A later configuration of its shard is known to be finalized: go on there. */
void operation_jump(struct client *client, struct operation *operation, struct view *view, uint64_t now_ns);
/** The ask may have come to an end: take the next step. */
void phase_proceed(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns);

/* For move.c, phases.c and reconfigure.c. */
static inline bool operation_is_write(const struct operation *operation)
{
    return operation->kind == CLIENT_PUT || operation->kind == CLIENT_DEL;
}
/** What an ask in operation->view needs; a new phase. */
struct ask_options operation_ask_options(struct client *client, struct operation *operation, uint64_t now_ns);
/** An ask of this state has been begun. */
void operation_enter(struct client *client, struct operation *operation, enum operation_state state, uint64_t now_ns);
/** What the ask has cost goes to the operation and the counters; the ask itself is emptied. */
void operation_close_ask(struct client *client, struct operation *operation);
/** The one way to an end. */
void operation_end(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns);

/* listing.c */
/** Merge pages of several members into `outcome`, deleted registers too if `shows_deleted`. AREG_ENOMEM only. */
enum areg_error listing_merge(const struct listing_page *pages, unsigned page_count, bool shows_deleted,
                              uint32_t key_count_max, struct client_done *outcome) MUST_USE;

#endif
