/*
 * The configurations that a host is a member of, by shard. One thread changes them (the writer's), others look at the
 * same time, without locks.
 *
 * How that is safe: memberships are only ever added, each is complete before it is published by one store-release of
 * its shard's list head, and none is freed before the end. What is published never changes but for the fields that are
 * the writer's own, and `is_silent`, which becomes false once. So a reader that loads a head (acquire) sees whole
 * memberships, perhaps without the newest. That agrees with its snapshot of the store whichever is older: a membership
 * that it does not see yet is one that nobody was told of, since replies leave after memberships_settle(); one that is
 * not in its snapshot yet is empty and without a successor there, as it was when the snapshot was made. Whether a
 * membership is retired is in the store alone.
 */
#ifndef SERVER_MEMBERSHIPS_H
#define SERVER_MEMBERSHIPS_H

#include "dap/answer.h"

#include <stdatomic.h>

struct membership {
    struct config config;
    uint32_t slot;
    unsigned member_index;
    const struct dap_answer *answer;
    struct membership *next; /* of the same shard, an earlier one */
    atomic_bool is_silent;   /* the host has not registered yet: perhaps it has lost what it had promised here */

    /* The writer's own. What begins with `is` was committed, the rest waits for memberships_settle(). */
    uint32_t index; /* for memberships_at(); valid for ever */
    bool is_retired;
    bool retires;
    bool is_emptied; /* retired, and its data is deleted */
    bool empties;
    bool speaks; /* it has registered */
};

struct memberships {
    uint32_t shard_count;
    _Atomic(struct membership *) *heads; /* by shard; the newest first */

    /* The writer's own. */
    struct membership **all; /* by index */
    uint32_t count;
    uint32_t room_count;
    struct membership *joining; /* the newest first; not in the heads yet */
    uint32_t joining_count;
    uint32_t retired_count;
    uint32_t emptied_count;
    bool has_news; /* something waits for memberships_settle() */
};

/** False without memory; memberships_fini() in any case. */
bool memberships_init(struct memberships *memberships, uint32_t shard_count);
void memberships_fini(struct memberships *memberships);

/** Any thread: the newest of a shard, and so on by `next`; NULL: none, or no such shard. */
const struct membership *memberships_of_shard(const struct memberships *memberships, uint32_t shard);
/** Any thread; NULL: none. */
const struct membership *memberships_find(const struct memberships *memberships, uint32_t shard, struct config_id id);

/** The writer: one more from memberships_settle() on. The configuration is copied; its shard must exist, its DAP too.
 * False without memory. */
bool memberships_join(struct memberships *memberships, const struct config *config, uint32_t slot,
                      unsigned member_index);
/** The writer: by index, those that are published. */
struct membership *memberships_at(const struct memberships *memberships, uint32_t index);
/** The writer: the newest of a shard that is not published yet, and so on by `next`; other shards' are among them. */
struct membership *memberships_joining(const struct memberships *memberships);
/** The writer: it is retired from memberships_settle() on; its data is deleted from then on. */
void memberships_retire(struct memberships *memberships, struct membership *membership);
void memberships_empty(struct memberships *memberships, struct membership *membership);
/** The writer: the host is registered there, and answers from memberships_settle() on. */
void memberships_speak(struct memberships *memberships, struct membership *membership);
/** The writer: what waited is true now, or is forgotten. */
void memberships_settle(struct memberships *memberships, bool is_committed);

#endif
