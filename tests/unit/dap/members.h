/*
 * An ask and hand-made members to answer it: what each member holds is set by the test, time passes when it says so,
 * and nothing is sent or answered by itself.
 */
#ifndef TESTS_UNIT_DAP_MEMBERS_H
#define TESTS_UNIT_DAP_MEMBERS_H

#include "dap/dap.h"

#define MS UINT64_C(1000000)

enum { HELD_MAX = 8, VALUE_MAX = 16, SENT_MAX = 4096 };

/** One entry of a member's list. */
struct held {
    struct tag tag;
    unsigned value_index; /* whose fragment it has; usually tag.z */
    uint32_t flags;       /* ENTRY_DAMAGED: listed so */
    bool is_rotten;       /* listed as intact until it is asked for */
    bool is_wrong;        /* another fragment than its own, with a checksum that matches it */
    bool is_bent;         /* damaged on its way: the checksum does not match */
};

struct made_member {
    unsigned held_count;
    struct held held[HELD_MAX]; /* ascending by tag */
    struct tag trimmed;
    struct tag confirmed;
    bool is_full;
    bool knows_successor; /* and shows it */
    bool adopts;          /* takes its fragment over when it is asked to */
};

struct sent {
    uint64_t at_ns;
    unsigned member_index;
    enum message_kind kind;
    struct get_data wanted;
};

struct members {
    struct config config;
    struct codec *codec;
    struct random_source random;
    struct voters slow;
    uint64_t hedge_ns;
    bool is_moving; /* what is begun next is a worker's question: members must show the successor */
    uint64_t now_ns;
    uint32_t phase;
    struct ask ask;
    struct made_member made[MEMBER_COUNT_MAX];
    struct get_data last_wanted[MEMBER_COUNT_MAX]; /* of the last request sent to it */
    enum message_kind last_kind[MEMBER_COUNT_MAX];
    unsigned sent_count;
    struct sent sent[SENT_MAX];
    struct slice values[VALUE_MAX];
    struct slice fragments[VALUE_MAX][MEMBER_COUNT_MAX];
    struct slice successor; /* of `config`, pending */
    struct slice later;     /* a configuration after that, finalized */
    struct reply reply;
};

void members_open(struct members *members, const char *code);
void members_close(struct members *members);
/** Members hold nothing, nothing was sent, the ask is empty. */
void members_reset(struct members *members);

/** A configuration after the one that is asked, with the same members: `steps` later. */
struct config members_later_config(const struct members *members, unsigned steps);
/** Its canonical encoding, counted. */
struct slice members_describe(struct config *config);
/** What a member shows that knows the successor. */
struct link members_link(const struct members *members);

struct tag tag_of(uint64_t z);
/** The entry of a value, as member `member_index` lists it. */
struct entry members_entry(const struct members *members, unsigned member_index, const struct held *held);
/** Let a member hold a value under its own tag, after what it holds already. */
struct held *members_hold(struct members *members, unsigned member_index, unsigned value_index);

void members_begin_get(struct members *members, bool wants_value);
void members_begin_get_tag(struct members *members);
/** Write value `value_index` under its tag. */
void members_begin_put(struct members *members, unsigned value_index, struct voters holders);
/** The same by a worker, who has the fragments or not. */
void members_begin_move(struct members *members, unsigned value_index, struct voters adopters, bool has_value);

/** Take all requests that are due; returns how many. */
unsigned members_take(struct members *members);
/** The same, to members that are not connected. */
void members_lose(struct members *members);
/** Let a member answer the last request sent to it. */
void members_answer(struct members *members, unsigned member_index);
/** The reply that members_answer() would give, to be changed and given to members_give(). */
struct reply *members_reply(struct members *members, unsigned member_index);
void members_give(struct members *members, unsigned member_index, struct reply *reply);
void members_refuse(struct members *members, unsigned member_index, enum reply_status status);
/** Time passes, and the ask is told. */
void members_pass(struct members *members, uint64_t ns);

/** Every member holds the value. */
void members_hold_all(struct members *members, unsigned value_index);
/** The first `count` members answer, in turn, as long as the ask waits. */
void members_answer_up_to(struct members *members, unsigned count);
/** Time passes as the ask wants it to; whoever is not `silent` answers what it is asked. */
void members_settle(struct members *members, struct voters silent, uint64_t ns_max);

/** Requests to a member since `from` in `sent`. */
unsigned members_asked(const struct members *members, unsigned from, unsigned member_index);
/** Those of one kind. */
unsigned members_sent(const struct members *members, unsigned from, unsigned member_index, enum message_kind kind);
/** Whether the ask's pieces are value `value_index`. */
bool members_read(const struct members *members, unsigned value_index);
/** Whether the ask is done, with that value and its tag. */
bool members_has_read(const struct members *members, unsigned value_index);

#endif
