/*
 * What an admin wants to be different about a configuration, in words: "replace s2 s6@tcp://10.0.0.6:7600", "recode
 * rs:9,5". Words become a struct change; a change and the last finalized configuration of a shard become the
 * configuration that is wanted. Whether its hosts are there, and what moving costs, is not known here.
 */
#ifndef RECONFIG_CHANGE_H
#define RECONFIG_CHANGE_H

#include "core/cluster.h"
#include "core/quorum.h"

enum host_change_kind {
    HOST_ADD,
    HOST_REMOVE,
    HOST_REPLACE, /* also of a host by itself: it has lost its disk, or has moved to another address */
};

struct host_change {
    enum host_change_kind kind;
    struct host_id out;                     /* REMOVE, REPLACE: who goes */
    struct host_id in;                      /* ADD, REPLACE: who comes */
    char in_address[ADDRESS_BYTES_MAX + 1]; /* "": where it was, or where the cluster's map says */
};

/** All words of one change: they lead to one configuration, whatever their order. */
struct change {
    unsigned host_count;
    struct host_change hosts[CHANGE_HOST_COUNT_MAX];
    bool has_code; /* else k stays, and n follows the number of members */
    struct code code;
    bool has_delta;
    uint16_t delta;
    bool is_forced; /* whoever changes it takes the risk of a code that tolerates no loss */
};

enum { CHANGE_WHY_BYTES = 512 };

/**
 * Read CHANGE words:
 *
 *     add HOST@ADDRESS | remove HOST | replace HOST HOST@ADDRESS | recode CODE | delta NUMBER
 *
 * Returns AREG_EINVAL and a sentence about the word that is wrong in `why`. `change->is_forced` is false.
 */
enum areg_error change_parse(const char *const *words, unsigned word_count, struct change *change,
                             char why[CHANGE_WHY_BYTES]) MUST_USE;

enum change_verdict {
    CHANGE_POSSIBLE,
    CHANGE_NOTHING, /* the configuration is as all of its words want it: `why` says so */
    CHANGE_REFUSED, /* `why` says what is wrong, with the nearest change that is possible */
};

/**
 * The configuration that `change` makes of `base`. Members that stay keep their positions, since only at the same
 * position their fragments are still the right ones; hosts that come take the places of those that go. A configuration
 * with fewer members moves as few of them as possible.
 *
 * @cluster  Where hosts are whose addresses were not said; NULL: not known.
 * @wanted   Shard, index, parent, code, delta and members without incarnations; author, reason and time are empty.
 * @renewed  Positions in `wanted` of those members of `base` that are replaced by themselves.
 */
enum change_verdict change_apply(const struct change *change, const struct config *base, const struct cluster *cluster,
                                 struct config *wanted, struct voters *renewed, char why[CHANGE_WHY_BYTES]) MUST_USE;

#endif
