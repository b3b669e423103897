/*
 * What it means to go from one configuration of a shard to another one: who keeps its fragments and who gets new ones,
 * what crosses the network for it, who is free to leave; and a name for it, by which it can be asked for later.
 */
#ifndef RECONFIG_PLAN_H
#define RECONFIG_PLAN_H

#include "core/config.h"
#include "core/quorum.h"

struct plan {
    struct config base;      /* the last finalized one: it is made for this one alone */
    struct config wanted;    /* see change_apply() */
    struct voters renewed;   /* positions in `wanted`: members of `base` that come back empty */
    struct voters coming;    /* positions in `wanted`: hosts that have nothing; includes `renewed` */
    struct voters keeping;   /* positions in `wanted`: those that take their own fragments over, without the network */
    struct voters receiving; /* positions in `wanted`: those that are sent fragments: of `coming`, those that will hold
                                any, and others whose own will not do */
    struct voters leaving;   /* positions in `base`: hosts that may be discarded when it is done */
};

/** Fill in the rest of a plan, from its `base`, `wanted` and `renewed`. */
void plan_settle(struct plan *plan);

/** Bytes on the network for each byte of a value that is moved, for the average one of the hosts that move them. */
double plan_network_factor(const struct plan *plan);
/** Bytes on disks for each byte of a value at rest: n/k, where all members hold fragments. */
double plan_stored_factor(struct code code);

enum { PLAN_ID_TEXT_BYTES = 13 };

/**
 * "p-0123456789", for a change of one or many shards. Equal plans have equal names, also on other machines; plans for
 * other configurations, or with other results, do not. Author, reason and time do not matter.
 */
const char *plan_id_print(const struct plan *plans, unsigned plan_count, char text[PLAN_ID_TEXT_BYTES]);
/** Whether a text has the form of such a name. */
bool plan_id_is_valid(const char *text);

#endif
