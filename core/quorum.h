/*
 * Quorum arithmetic, all of it [PROTOCOL §1]. Votes are counted per member, never per message (trap §2, I11).
 */
#ifndef CORE_QUORUM_H
#define CORE_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

/** A set of members of one configuration, by their position. */
struct voters {
    uint32_t bits;
};

void voters_add(struct voters *voters, unsigned member_index);
void voters_remove(struct voters *voters, unsigned member_index);
bool voters_has(struct voters voters, unsigned member_index);
unsigned voters_count(struct voters voters);
/** The first `count` members. */
struct voters voters_all(unsigned count);
struct voters voters_minus(struct voters a, struct voters b);
struct voters voters_union(struct voters a, struct voters b);
struct voters voters_common(struct voters a, struct voters b);

/** floor(n/2) + 1: any two share a member. For pointers, consensus and ABD. */
unsigned quorum_majority(unsigned n);
/** ceil((n+k)/2): any two share at least k members. For TREAS. */
unsigned quorum_coded(unsigned n, unsigned k);

#endif
