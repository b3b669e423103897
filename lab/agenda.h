/*
 * What is going to happen in virtual time, in order; of what happens at one instant, what was planned first comes
 * first.
 */
#ifndef LAB_AGENDA_H
#define LAB_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agenda_event {
    uint64_t at_ns;
    uint64_t order;
    uint32_t kind; /* this and the others mean what the owner wants */
    uint32_t subject;
    uint32_t part;
    uint32_t detail;
};

struct agenda {
    uint64_t now_ns;
    uint64_t event_count; /* that there have been */
    uint64_t planned_count;
    size_t count;
    size_t room;
    struct agenda_event *events; /* a heap */
};

/** All zeroes is an empty one. */
void agenda_fini(struct agenda *agenda);
/** Plan an event, not in the past. Fails a CHECK without memory. */
void agenda_plan(struct agenda *agenda, uint64_t at_ns, struct agenda_event event);
/** Go on to the next event; false if there is none. */
bool agenda_next(struct agenda *agenda, struct agenda_event *event);

#endif
