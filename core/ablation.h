/*
 * Ablations: what areg does better than the paper's protocol, each of which can be switched off in the simulator's copy
 * of the engines, so that it can be seen what it is worth. What is left is correct, only costlier. In every other build
 * SWITCHED_OFF() is false, and nothing of them is left.
 */
#ifndef CORE_ABLATION_H
#define CORE_ABLATION_H

#include <stdbool.h>

enum ablation {
    ABLATION_ONE_ROUND_READ,    /* a read that finds its value on a quorum does not write it back */
    ABLATION_PIGGYBACKED_NEXT,  /* replies carry the successor: no rounds of their own for it */
    ABLATION_CONFIRM,           /* what an operation has superseded goes, however large delta is */
    ABLATION_TWO_STEP_GET_DATA, /* tags of all, fragments of one value */
    ABLATION_ADOPT,             /* a member whose fragment is the right one already is not sent it */
    ABLATION_DIRECT_TRANSFER,   /* hosts move registers among themselves, not by way of the admin's machine */
    ABLATION_COUNT,
};

#ifdef AREG_PLANTED

/** Bits of those that are switched off: the simulator's. */
extern unsigned ablations_active;
#define SWITCHED_OFF(ablation) ((ablations_active >> (ablation)&1) != 0)

#else

#define SWITCHED_OFF(ablation) false

#endif

#endif
