/*
 * What a host knows to be confirmed about its registers and has not stored yet.
 *
 * That a tag is confirmed is a hint, which a crash may take. So it waits in memory for the grace time, and then one
 * change of the register's record stores it and drops what it superseded: a confirmation costs no commit of its own.
 * Puts that come in the meantime are told of it, and trim by it.
 */
#ifndef SERVER_SWEEP_H
#define SERVER_SWEEP_H

#include "core/buffer.h"
#include "core/tag.h"

#include <stdbool.h>

struct sweep_item {
    uint32_t membership_index;
    uint32_t next;         /* the queue's own */
    struct slice key;      /* counted */
    struct tag confirmed;  /* the newest */
    struct tag superseded; /* what was confirmed when this began to wait: entries below it may go at `due_ns` */
    uint64_t due_ns;
};

/** Up to SWEEP_PENDING_MAX registers, in the order in which they are due. */
struct sweep_queue {
    struct sweep_item *items; /* a ring */
    uint32_t *heads;          /* by hash: the newest item; and so on by `next` */
    uint32_t first;           /* the oldest that is not settled */
    uint32_t looked;          /* the oldest that sweep_take() has not given out */
    uint32_t end;
};

/** False without memory; sweep_fini() in any case. */
bool sweep_init(struct sweep_queue *queue);
void sweep_fini(struct sweep_queue *queue);

/** A tag of this register is confirmed. The key is copied. False: no room or no memory, and nothing is remembered. */
bool sweep_add(struct sweep_queue *queue, uint32_t membership_index, struct slice key, struct tag confirmed,
               uint64_t due_ns);
/** What is known to be confirmed of a register; zero: nothing that waits here. */
struct tag sweep_confirmed(const struct sweep_queue *queue, uint32_t membership_index, struct slice key);

/** The next item that is due, lent until sweep_settle(); NULL: none. */
const struct sweep_item *sweep_take(struct sweep_queue *queue, uint64_t now_ns);
/** When sweep_take() has something to give; UINT64_MAX: not before sweep_add(). */
uint64_t sweep_wake_ns(const struct sweep_queue *queue);
/**
 * What was taken has been stored, and is forgotten; an item that has heard of a newer confirmation meanwhile waits
 * again, until `again_ns`. Or it has not been stored, and will be taken again.
 */
void sweep_settle(struct sweep_queue *queue, bool is_stored, uint64_t again_ns);

#endif
