/*
 * A binary heap of operations by `wake_ns`.
 */
#include "client/engine.h"

#include "core/check.h"

static void place(struct timers *timers, unsigned index, struct operation *operation)
{
    timers->heap[index] = operation;
    operation->timer_index = index;
}

static void sift_up(struct timers *timers, unsigned index, struct operation *operation)
{
    while (index > 0) {
        const unsigned parent = (index - 1) / 2;
        if (timers->heap[parent]->wake_ns <= operation->wake_ns)
            break;
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, operation);
}

static void sift_down(struct timers *timers, unsigned index, struct operation *operation)
{
    for (;;) {
        unsigned child = 2 * index + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && timers->heap[child + 1]->wake_ns < timers->heap[child]->wake_ns)
            child++;
        if (timers->heap[child]->wake_ns >= operation->wake_ns)
            break;
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, operation);
}

void timers_set(struct timers *timers, struct operation *operation, uint64_t wake_ns)
{
    if (operation->timer_index == TIMER_NONE) {
        operation->wake_ns = wake_ns;
        sift_up(timers, timers->count++, operation);
        return;
    }
    const uint64_t before_ns = operation->wake_ns;
    operation->wake_ns = wake_ns;
    if (wake_ns < before_ns)
        sift_up(timers, operation->timer_index, operation);
    else if (wake_ns > before_ns)
        sift_down(timers, operation->timer_index, operation);
}

void timers_remove(struct timers *timers, struct operation *operation)
{
    const unsigned index = operation->timer_index;
    if (index == TIMER_NONE)
        return;
    CHECK(timers->heap[index] == operation);
    operation->timer_index = TIMER_NONE;
    struct operation *last = timers->heap[--timers->count];
    if (last == operation)
        return;
    place(timers, index, last);
    sift_up(timers, index, last);
    sift_down(timers, last->timer_index, last);
}

struct operation *timers_first(const struct timers *timers)
{
    return timers->count ? timers->heap[0] : NULL;
}

void timers_check(const struct timers *timers)
{
    for (unsigned i = 0; i < timers->count; i++) {
        CHECK(timers->heap[i]->timer_index == i);
        CHECK(i == 0 || timers->heap[(i - 1) / 2]->wake_ns <= timers->heap[i]->wake_ns);
    }
}
