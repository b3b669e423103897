/*
 * The asking half of the data-access primitives: one primitive (get-tag, get-data, put-data) under way in one
 * configuration, as a pure state machine. The client engine drives it: it sends what is due, tells it replies and the
 * time, and looks at its state.
 *
 * An ask is begun by one of ask_begin_*(), then
 *   - for each member in `due`, ask_request() fills in the request to send;
 *   - ask_receive() takes a reply, ask_tick() the time, at `wake_ns` or later;
 *   - until `state` is no longer ASK_WAITING.
 * Only replies with REPLY_OK, of this phase, count as votes, once per member (traps §2 and S11).
 */
#ifndef DAP_ASK_H
#define DAP_ASK_H

#include "codec/codec.h"
#include "core/message.h"
#include "core/quorum.h"
#include "core/random.h"

enum ask_kind {
    ASK_GET_TAG,
    ASK_GET_DATA,
    ASK_PUT_DATA,
    ASK_LIST_KEYS,
    /* About configurations: the table is reconfig/config_ask.h's. */
    ASK_READ_CONFIG,
    ASK_WRITE_CONFIG,
    ASK_PREPARE,
    ASK_ACCEPT,
    ASK_JOIN,
    ASK_FINALIZE,
    ASK_GREET,
    ASK_TRANSFER,
    ASK_REGISTER,
};

/*
 *            q replies, and the result is certain
 *   WAITING ------------------------------------------> DONE
 *      |     the result can not be had any more
 *      +---------------------------------------------> FAILED
 */
enum ask_state {
    ASK_WAITING,
    ASK_DONE,
    ASK_FAILED,
};

/* An unanswered request is sent again after this, doubling up to the maximum. TCP loses nothing while a connection
 * lives, and what was unanswered when it broke is sent again when it is back (ask_resend), so this only covers what a
 * host or a full queue dropped. Sooner would double the load of hosts that are slow because they have too much of it.
 */
#define ASK_RETRY_NS_MIN UINT64_C(1000000000)
#define ASK_RETRY_NS_MAX UINT64_C(4000000000)
/* A BUSY or FULL host is asked again after this, with jitter: a few batches of its writer. One that does not know the
 * configuration, after twice this, doubling: a host that starts for the first time has registered a moment later. */
#define ASK_BUSY_NS UINT64_C(20000000)
/* A worker waits so long for the members beyond the quorum: they are to have their fragments, too. */
#define ASK_PATIENCE_NS UINT64_C(1000000000)
/* An undecided get-data asks again after this, doubling, with jitter: about one write's duration. */
#define ASK_AGAIN_NS_MIN UINT64_C(1000000)
#define ASK_AGAIN_NS_MAX UINT64_C(100000000)

/** A value as the code cuts it, with as many of its fragments as are at hand. */
struct coded_value {
    struct entry entry;                       /* fragment_checksum is not used */
    struct voters present;                    /* fragments at hand */
    struct slice fragments[MEMBER_COUNT_MAX]; /* counted; of those in `present` only */
};

void coded_value_fini(struct coded_value *value);

/** One tag that a get-data has heard of. */
struct candidate {
    struct coded_value value;
    uint32_t checksums[MEMBER_COUNT_MAX]; /* of those in `listed` */
    struct voters listed;                 /* members that have listed it since all were asked */
    struct voters gone;                   /* of these, members that have dropped it since */
    struct voters damaged;                /* members whose fragment is not intact */
    struct voters bent;                   /* members whose fragment did not arrive as it was sent, in this round */
    unsigned needed_count;                /* fragments that it takes: k, or one more to tell which of them is wrong */
};

/* A needed_count that no number of fragments reaches: they are intact one by one, and yet do not give the value. */
enum { CANDIDATE_IS_HOPELESS = MEMBER_COUNT_MAX + 1 };

/** What is known of one member in this ask. */
struct ask_member {
    uint64_t sent_ns;         /* of the last request; 0: none yet */
    uint64_t retry_ns;        /* when to ask again unless answered; UINT64_MAX: no more */
    uint32_t sent_count;      /* requests so far */
    enum reply_status status; /* of the last reply */
    bool is_awaited;          /* a request is unanswered */
    bool lacks_link; /* it has answered without the link that it must know: it is told before it is asked again */
    struct get_data wanted; /* GET_DATA: of the last request */
    struct tag trimmed;
    struct tag confirmed;
};

/* Distinct tags that one get-data keeps track of: more than eight members can list. The smallest are forgotten beyond
 * it, which can only make it ask again. */
enum { CANDIDATE_COUNT_MAX = 8 * ENTRY_COUNT_MAX };
/* Room for candidates that an ask keeps for the next one. */
enum { CANDIDATE_KEPT_MAX = 16 };

struct dap_ask;
struct config_question;

struct ask {
    const struct dap_ask *dap;
    enum ask_kind kind;
    enum ask_state state;
    enum areg_error error; /* FAILED */
    uint32_t phase;        /* given by the engine, echoed by the replies */
    unsigned quorum;       /* votes that it takes */
    uint64_t wake_ns;
    const struct config *config;  /* borrowed */
    struct codec *codec;          /* borrowed */
    struct random_source *random; /* borrowed */
    uint64_t hedge_ns;            /* a reply that takes longer is slow */
    struct voters slow;           /* members that have been slow of late: not preferred */
    struct voters absent;         /* members that have not been heard for longer than any patience */
    struct voters near;           /* members whose bytes cross no network: preferred */

    struct voters due;     /* members to send a request to */
    struct voters replied; /* members that answered OK */
    struct voters full;    /* GET_TAG: members that would refuse a put */
    struct voters refused; /* PUT_DATA: members whose only request was refused: they can not have stored it */
    struct voters shown;   /* members that have shown a successor in a reply that was OK */
    struct slice next;     /* that successor, pending: canonical encoding, counted; empty: none was shown */
    struct slice later;    /* a later, finalized configuration that a member named: counted; empty: none */
    struct slice link; /* borrowed; if not empty: the successor, without which no reply counts as a vote (trap §7) */
    uint64_t patience_ns; /* PUT_DATA, FINALIZE: once the quorum has answered, how long to wait for all others */
    struct ask_member members[MEMBER_COUNT_MAX];
    uint32_t round_count;
    uint32_t bent_round_count; /* GET_DATA: of these, with something that did not arrive as it was sent */
    uint32_t hedge_count;
    uint32_t retransmit_count;

    uint32_t fragment_bytes; /* GET_TAG: of the value that is to be put */

    /* GET_TAG: the result. GET_DATA: of the result's value. PUT_DATA: of the value to write. */
    struct tag tag;

    /* GET_DATA. */
    bool wants_value;
    bool has_floor;      /* q members have answered since all were asked */
    struct tag floor;    /* T0, so far: any tag >= it that decodes may be returned */
    uint64_t quorum_ns;  /* when the first q had answered; also PUT_DATA; 0: not yet */
    uint64_t decoded_ns; /* when the value was at hand; 0: not yet */
    uint64_t again_ns;   /* when to ask all again; UINT64_MAX: not planned */
    unsigned candidate_count;
    unsigned candidate_room;
    struct candidate *candidates; /* ascending by tag; kept for reuse */
    struct tag forgotten;         /* the largest tag that there was no room for: it may have completed */
    int chosen;                   /* the result's candidate; -1: none, the register was never written */
    struct entry decoded;         /* of `pieces` */
    struct voters decoded_from;   /* the fragments that gave them, which are thereby known to be right */
    unsigned piece_count;         /* the result's value, if it was fetched; the engine takes the pieces over */
    struct slice pieces[MEMBER_COUNT_MAX];
    bool is_complete; /* an operation with this tag has completed: no write-back is needed (PROTOCOL §3, Read) */
    bool writes_back; /* the DAP itself puts what it has found to members that lack it */

    /* PUT_DATA: the value (moved in), and members that take their fragment over from the configuration before. */
    struct coded_value value;
    struct voters adopters;
    bool is_move; /* by a worker: with so many members full that no quorum can have it, the ask fails with AREG_EFULL */
    bool
        is_new_value; /* nobody has it yet: when so many members refuse it that it can never be read, the ask fails with
                         AREG_EFULL. Set after ask_begin_put_data(); otherwise members that are full are asked again */

    struct slice location; /* PUT_DATA, GET_DATA: where the value is, for members that keep this of it; counted */

    struct config_question *question; /* borrowed; about configurations only */

    /* LIST_KEYS. */
    struct list_keys list_keys;           /* borrowed slices: they outlive the ask */
    struct slice pages[MEMBER_COUNT_MAX]; /* counted, of the members in `replied` */
    struct voters more;                   /* members that have more keys after their page */
};

/** One table for each DAP. All are called with an ask in ASK_WAITING. */
struct dap_ask {
    /** Set `due` for the first time; the ask is otherwise filled in. AREG_ENOMEM only. */
    enum areg_error (*begin)(struct ask *ask, uint64_t now_ns);
    /** The body and payload of a request. AREG_ENOMEM only. */
    enum areg_error (*request)(struct ask *ask, unsigned member_index, struct request *request);
    /** Judge a reply; a vote adds the member to `replied`. AREG_ENOMEM only. */
    enum areg_error (*reply)(struct ask *ask, uint64_t now_ns, unsigned member_index, const struct reply *reply);
    /** Time has passed, or a reply or a silence changed something: decide what can be decided. */
    enum areg_error (*decide)(struct ask *ask, uint64_t now_ns);
    /** Whether the ask can be done if these members have answered it, and no others (I11). */
    bool (*is_quorum)(const struct ask *ask, struct voters members);
};

/** What every kind of ask needs to begin; all borrowed for the life of the ask. */
struct ask_options {
    const struct config *config;
    struct codec *codec;
    struct random_source *random;
    uint32_t phase;
    uint64_t hedge_ns;
    struct voters slow;
    struct voters absent; /* nobody is patient with them: not for each operation anew */
    struct voters near;   /* a worker's own host */
    struct slice link;    /* a worker's question: members must show this successor; else empty */
};

/** Before the first use: nothing is held. Once begun, ask_fini() before the next begin. */
void ask_init(struct ask *ask);
/** Drop the value, fragments and pages; the memory of candidates is kept for the next begin. */
void ask_fini(struct ask *ask);
/** Free what ask_fini() keeps. */
void ask_destroy(struct ask *ask);

/** `value_bytes`: of the value that is to be put; members say whether they have room for its fragments. */
enum areg_error ask_begin_get_tag(struct ask *ask, const struct ask_options *options, size_t value_bytes,
                                  uint64_t now_ns) MUST_USE;
/** `wants_value` false: tag and size suffice, and the value is fetched only if it must be written back. */
enum areg_error ask_begin_get_data(struct ask *ask, const struct ask_options *options, bool wants_value,
                                   uint64_t now_ns) MUST_USE;
/** `value` is moved into the ask; members in `holders` count as having acknowledged. */
enum areg_error ask_begin_put_data(struct ask *ask, const struct ask_options *options, struct coded_value *value,
                                   struct voters holders, uint64_t now_ns) MUST_USE;
/** The same by a worker: members in `adopters` have the fragment in the configuration before, unless they say
 * otherwise; if one does, and `value` has no fragments, the ask fails with AREG_EBUSY. All members are waited for, up
 * to ASK_PATIENCE_NS. */
enum areg_error ask_begin_move(struct ask *ask, const struct ask_options *options, struct coded_value *value,
                               struct voters adopters, uint64_t now_ns) MUST_USE;
enum areg_error ask_begin_list_keys(struct ask *ask, const struct ask_options *options,
                                    const struct list_keys *list_keys, uint64_t now_ns) MUST_USE;
/** A question about configurations; `question` is borrowed. For reconfig/config_ask.c. */
enum areg_error ask_begin_question(struct ask *ask, const struct ask_options *options, const struct dap_ask *table,
                                   enum ask_kind kind, struct config_question *question, unsigned quorum,
                                   uint64_t now_ns) MUST_USE;

/** Fill in kind, phase, configuration and body of the request that is due for a member, and mark it sent. */
enum areg_error ask_request(struct ask *ask, unsigned member_index, uint64_t now_ns, struct request *request) MUST_USE;
/** A reply of this phase. Returns AREG_ENOMEM only; a reply that makes no sense is ignored. */
enum areg_error ask_receive(struct ask *ask, uint64_t now_ns, unsigned member_index,
                            const struct reply *reply) MUST_USE;
enum areg_error ask_tick(struct ask *ask, uint64_t now_ns) MUST_USE;
/** The connection to a member came back: what it has not answered is due again. */
void ask_resend(struct ask *ask, unsigned member_index);
/** What was sent to a member is lost, or was not sent at all, since it is not connected: do not wait for it. Sets
 * `wake_ns` to the past if that changes what is to be done. */
void ask_lost(struct ask *ask, unsigned member_index);
/** The message that such an ask sends. */
enum message_kind ask_message_kind(enum ask_kind kind);
/** Whether a reply is to something that such an ask may have sent. */
bool ask_expects(const struct ask *ask, enum message_kind kind);
/** Whether some reply showed a successor of the configuration, or a later one. */
bool ask_sees_next(const struct ask *ask);
/** Members that may still be awaited: those that have not answered OK. */
struct voters ask_missing(const struct ask *ask);
/** For the holders to skip in a write-back: members that listed the chosen tag. */
struct voters ask_chosen_holders(const struct ask *ask);
/** For the confirmation: members that should hear that the chosen tag is complete. */
struct voters ask_unconfirmed(const struct ask *ask);

/* For the DAPs' own files. */
void ask_finish(struct ask *ask);
/** Whether to wait for more of these members, though the quorum has answered: also for one that is not connected, which
 * may be about to be; but not for one that has been absent for long. */
bool ask_is_patient(struct ask *ask, struct voters members, uint64_t now_ns);
/** The same as ask_finish(), once the ask is not patient any more. */
void ask_finish_patiently(struct ask *ask, uint64_t now_ns);
void ask_fail(struct ask *ask, enum areg_error error);
/** Have a request sent to a member, again if need be. */
void ask_want(struct ask *ask, unsigned member_index);
/** Have ask_tick() called then, or earlier. */
void ask_wake_at(struct ask *ask, uint64_t at_ns);

#endif
