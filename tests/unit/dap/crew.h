/*
 * All members of a configuration, each with a store of its own, and asks among them: the real halves of a DAP talk to
 * each other, and the test decides which message arrives when, or never. There is one register.
 */
#ifndef TESTS_UNIT_DAP_CREW_H
#define TESTS_UNIT_DAP_CREW_H

#include "dap/dap.h"
#include "store/store_memory.h"

#define MS UINT64_C(1000000)

enum { ASKER_MAX = 12, FLIGHT_MAX = 4096 };

/** A message on its way. */
struct flight {
    unsigned asker;
    uint32_t phase; /* of the asker when it was sent: a later ask does not hear of it */
    unsigned member;
    bool is_reply;
    struct request request;
    struct reply reply;
    struct slice payload; /* counted */
    struct slice next;    /* counted: the reply's link */
};

struct crew_asker {
    struct ask ask;
    uint32_t phase;
};

/** What has crossed the network. */
struct crew_spent {
    unsigned message_count; /* requests */
    uint64_t bytes_sent;    /* payloads */
    uint64_t bytes_answered;
};

struct crew {
    struct config config;
    struct codec *codec;
    struct random_source random; /* of the asks */
    struct slice successor;      /* a configuration after this one: canonical encoding */
    uint64_t now_ns;
    uint64_t hedge_ns;
    struct voters slow; /* as the askers take it */
    struct store *stores[MEMBER_COUNT_MAX];
    uint32_t slots[MEMBER_COUNT_MAX];
    struct crew_asker askers[ASKER_MAX];
    unsigned flight_count;
    struct flight *flights[FLIGHT_MAX]; /* in the order in which they were sent */
    struct crew_spent spent;
};

void crew_open(struct crew *crew, const char *code, unsigned delta);
void crew_close(struct crew *crew);

/** The value of a tag; a few different sizes, also none. Counted. */
struct slice crew_value(struct tag tag);
/** Whether the value that a get-data has fetched is that of its tag. */
bool crew_has_read(const struct crew *crew, unsigned asker);

void crew_begin_get_tag(struct crew *crew, unsigned asker);
/** `is_moving`: members must show the successor. */
void crew_begin_get(struct crew *crew, unsigned asker, bool wants_value, bool is_moving);
void crew_begin_put(struct crew *crew, unsigned asker, struct tag tag);
/** The asker is heard of no more, and hears nothing. What it has sent is still on its way. */
void crew_abandon(struct crew *crew, unsigned asker);
struct ask *crew_ask(struct crew *crew, unsigned asker);
bool crew_is_waiting(const struct crew *crew, unsigned asker);

/** Send what is due. */
void crew_send(struct crew *crew, unsigned asker);
/** Let a message arrive; a request leaves its reply on the way. `stays`: and another copy of it arrives later. */
void crew_arrive(struct crew *crew, unsigned flight_index, bool stays);
void crew_lose(struct crew *crew, unsigned flight_index);
/** All to and from these members arrives, and what follows from it, until nothing more is due at this time. */
void crew_talk(struct crew *crew, unsigned asker, struct voters members);
/** The same; and time passes, up to `ns_max`, until the ask is done. */
void crew_settle(struct crew *crew, unsigned asker, struct voters members, uint64_t ns_max);
/** Time passes, and those asks are told that wait for it. */
void crew_pass(struct crew *crew, uint64_t ns);

/** A member hears that an operation with this tag has completed, and drops what it supersedes. */
void crew_confirm(struct crew *crew, unsigned member, struct tag tag);
/** What a member has of the register. */
struct data_reply crew_list(struct crew *crew, unsigned member);
bool crew_lists(struct crew *crew, unsigned member, struct tag tag);
/** A bit of what a member keeps of this tag rots. */
void crew_rot(struct crew *crew, unsigned member, struct tag tag);

#endif
