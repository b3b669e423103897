/*
 * The heap of events, earliest first. Ties are broken by a number drawn when the event was pushed, so that simultaneous
 * events come in an order of the seed's.
 */
#include "sim/inside.h"

#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->tie < b->tie);
}

void events_push(struct events *events, struct event event)
{
    if (events->count == events->room) {
        events->room = events->room ? 2 * events->room : 1024;
        events->heap = realloc(events->heap, events->room * sizeof *events->heap);
        CHECK(events->heap != NULL);
    }
    size_t at = events->count++;
    for (; at > 0 && is_before(&event, &events->heap[(at - 1) / 2]); at = (at - 1) / 2)
        events->heap[at] = events->heap[(at - 1) / 2];
    events->heap[at] = event;
}

bool events_pop(struct events *events, struct event *event)
{
    if (events->count == 0)
        return false;
    *event = events->heap[0];
    const struct event last = events->heap[--events->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= events->count)
            break;
        if (child + 1 < events->count && is_before(&events->heap[child + 1], &events->heap[child]))
            child++;
        if (!is_before(&events->heap[child], &last))
            break;
        events->heap[at] = events->heap[child];
        at = child;
    }
    events->heap[at] = last;
    return true;
}

void events_fini(struct events *events)
{
    for (size_t i = 0; i < events->count; i++)
        if (events->heap[i].packet)
            transit_free(events->heap[i].packet);
    free(events->heap);
}
