/*
 * What a judge of one register is given, and what it answers. There are two judges, which share nothing but this:
 * sim/version_order.h goes by versions, sim/value_order.h by values.
 *
 * An operation precedes another one if it ended before the other one began: its end is smaller than the other's start.
 * Operations that touch at one instant are concurrent, and may have taken effect in either order.
 */
#ifndef SIM_REGISTER_HISTORY_H
#define SIM_REGISTER_HISTORY_H

#include "sim/history.h"

struct register_history {
    const struct history_op *ops; /* of all registers, as they were recorded */
    const uint32_t *op_indices;   /* of those that are this one's, ascending */
    size_t op_count;              /* at least 1 */
    /* The history begins amid the life of its registers: what nobody in it wrote is from before. */
    bool is_partial;
};

enum violation_kind {
    VIOLATION_NONE = 0,
    VIOLATION_VERSION_TWICE,   /* two writes have one version */
    VIOLATION_ZERO_WRITTEN,    /* a write has the version 0.0 */
    VIOLATION_UNKNOWN_VERSION, /* a read returned a version that nobody wrote */
    VIOLATION_UNKNOWN_VALUE,   /* a read returned a value that nobody wrote */
    VIOLATION_FAILED_SEEN,     /* a read returned what was written by an operation that has failed */
    VIOLATION_OTHER_VALUE,     /* two operations have one version and different values */
    VIOLATION_FUTURE_READ,     /* a read ended before the write of what it returned began */
    VIOLATION_STALE_READ,      /* a read returned an older version than an operation that had ended before */
    VIOLATION_STALE_WRITE,     /* a write has no newer version than an operation that had ended before */
    VIOLATION_FORGOTTEN,       /* a read found nothing, as if nothing that had ended before had ever been */
    VIOLATION_VALUE_RETURNED, /* of two values, each was there both before and after the other, or in the midst of it */
};

enum { VIOLATION_OPS_MAX = 4 };

/** Operations that contradict each other, or one that contradicts itself. */
struct violation {
    enum violation_kind kind;
    unsigned op_count;
    uint32_t op_indices[VIOLATION_OPS_MAX]; /* each once */
};

/** What one judge thinks of one register. */
struct judgement {
    uint32_t left_out_count; /* operations that this judge can say nothing about; the others are judged */
    struct violation violation;
};

/** Note a violation of one operation, or of two; always returns false, for "goes on no further". */
bool judgement_accuse(struct judgement *judgement, enum violation_kind kind, uint32_t a, uint32_t b);
/** One more operation that takes part, unless it is named already. */
void violation_add_op(struct violation *violation, uint32_t op_index);
/** A sentence. */
const char *violation_sentence(enum violation_kind kind);

#endif
