#include "server/sweep.h"

#include "core/check.h"
#include "core/key.h"
#include "core/limits.h"

#include <stdlib.h>
#include <string.h>

enum { ITEM_NONE = UINT32_MAX };

_Static_assert((SWEEP_PENDING_MAX & (SWEEP_PENDING_MAX - 1)) == 0, "positions wrap around with the ring");

static struct sweep_item *item_at(const struct sweep_queue *queue, uint32_t position)
{
    return &queue->items[position % SWEEP_PENDING_MAX];
}

static uint32_t *head_of(const struct sweep_queue *queue, uint32_t membership_index, struct slice key)
{
    return &queue->heads[(key_hash(key) + membership_index) % SWEEP_PENDING_MAX];
}

bool sweep_init(struct sweep_queue *queue)
{
    *queue = (struct sweep_queue){0};
    queue->items = malloc(SWEEP_PENDING_MAX * sizeof *queue->items);
    queue->heads = malloc(SWEEP_PENDING_MAX * sizeof *queue->heads);
    if (!queue->items || !queue->heads)
        return false;
    memset(queue->heads, 0xff, SWEEP_PENDING_MAX * sizeof *queue->heads);
    return true;
}

void sweep_fini(struct sweep_queue *queue)
{
    for (; queue->first != queue->end; queue->first++)
        slice_unref(&item_at(queue, queue->first)->key);
    free(queue->items);
    free(queue->heads);
    *queue = (struct sweep_queue){0};
}

static struct sweep_item *find(const struct sweep_queue *queue, uint32_t membership_index, struct slice key)
{
    uint32_t position = *head_of(queue, membership_index, key);
    while (position != ITEM_NONE) {
        struct sweep_item *item = item_at(queue, position);
        if (item->membership_index == membership_index && slice_equal(item->key, key))
            return item;
        position = item->next;
    }
    return NULL;
}

/* At the end of the ring, which has room; the item's key is taken over. */
static void push(struct sweep_queue *queue, struct sweep_item item)
{
    CHECK(queue->end - queue->first < SWEEP_PENDING_MAX);
    uint32_t *head = head_of(queue, item.membership_index, item.key);
    item.next = *head;
    *head = queue->end % SWEEP_PENDING_MAX;
    *item_at(queue, queue->end++) = item;
}

/* The oldest item leaves the ring, with its key. */
static struct sweep_item pop(struct sweep_queue *queue)
{
    const uint32_t position = queue->first++ % SWEEP_PENDING_MAX;
    const struct sweep_item item = *item_at(queue, position);
    uint32_t *link = head_of(queue, item.membership_index, item.key);
    while (*link != position) {
        CHECK(*link != ITEM_NONE);
        link = &item_at(queue, *link)->next;
    }
    *link = item.next;
    return item;
}

bool sweep_add(struct sweep_queue *queue, uint32_t membership_index, struct slice key, struct tag confirmed,
               uint64_t due_ns)
{
    struct sweep_item *waiting = find(queue, membership_index, key);
    if (waiting) {
        waiting->confirmed = tag_max(waiting->confirmed, confirmed);
        return true;
    }
    if (queue->end - queue->first == SWEEP_PENDING_MAX)
        return false;
    const struct slice copy = slice_copy(key);
    if (!copy.owner)
        return false;
    push(queue, (struct sweep_item){.membership_index = membership_index,
                                    .key = copy,
                                    .confirmed = confirmed,
                                    .superseded = confirmed,
                                    .due_ns = due_ns});
    return true;
}

struct tag sweep_confirmed(const struct sweep_queue *queue, uint32_t membership_index, struct slice key)
{
    const struct sweep_item *waiting = find(queue, membership_index, key);
    return waiting ? waiting->confirmed : TAG_ZERO;
}

const struct sweep_item *sweep_take(struct sweep_queue *queue, uint64_t now_ns)
{
    return sweep_wake_ns(queue) <= now_ns ? item_at(queue, queue->looked++) : NULL;
}

uint64_t sweep_wake_ns(const struct sweep_queue *queue)
{
    return queue->looked == queue->end ? UINT64_MAX : item_at(queue, queue->looked)->due_ns;
}

void sweep_settle(struct sweep_queue *queue, bool is_stored, uint64_t again_ns)
{
    if (!is_stored) {
        queue->looked = queue->first;
        return;
    }
    while (queue->first != queue->looked) {
        struct sweep_item item = pop(queue);
        if (tag_equal(item.confirmed, item.superseded)) {
            slice_unref(&item.key);
            continue;
        }
        item.superseded = item.confirmed;
        item.due_ns = again_ns;
        push(queue, item);
    }
}
