#include "lab/agenda.h"

#include "core/check.h"

#include <stdlib.h>

void agenda_fini(struct agenda *agenda)
{
    free(agenda->events);
    *agenda = (struct agenda){0};
}

static bool is_before(const struct agenda_event *a, const struct agenda_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void agenda_plan(struct agenda *agenda, uint64_t at_ns, struct agenda_event event)
{
    CHECK(at_ns >= agenda->now_ns);
    if (agenda->count == agenda->room) {
        agenda->room = agenda->room ? 2 * agenda->room : 1024;
        agenda->events = realloc(agenda->events, agenda->room * sizeof *agenda->events);
        CHECK(agenda->events != NULL);
    }
    event.at_ns = at_ns;
    event.order = agenda->planned_count++;
    size_t at = agenda->count++;
    while (at > 0 && is_before(&event, &agenda->events[(at - 1) / 2])) {
        agenda->events[at] = agenda->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    agenda->events[at] = event;
}

bool agenda_next(struct agenda *agenda, struct agenda_event *event)
{
    if (agenda->count == 0)
        return false;
    *event = agenda->events[0];
    CHECK(event->at_ns >= agenda->now_ns);
    agenda->now_ns = event->at_ns;
    agenda->event_count++;
    const struct agenda_event last = agenda->events[--agenda->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= agenda->count)
            break;
        if (child + 1 < agenda->count && is_before(&agenda->events[child + 1], &agenda->events[child]))
            child++;
        if (!is_before(&agenda->events[child], &last))
            break;
        agenda->events[at] = agenda->events[child];
        at = child;
    }
    agenda->events[at] = last;
    return true;
}
