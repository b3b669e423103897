/*
 * Was every register atomic? Takes recorded operations, from a file or from the simulator's memory, sorts them by
 * register and asks the judges: one that goes by versions (sim/version_order.h) and one that goes by values alone
 * (sim/value_order.h). They are independent of each other, and of the protocol.
 */
#ifndef SIM_ATOMICITY_H
#define SIM_ATOMICITY_H

#include "core/buffer.h"
#include "sim/register_history.h"

struct atomicity;

/** NULL without memory. */
struct atomicity *atomicity_create(void);
void atomicity_destroy(struct atomicity *atomicity);

/**
 * Take one operation; it and the key are copied. Operations are numbered from 0 in the order in which they are taken.
 * AREG_ENOMEM, AREG_EBUSY (more than UINT32_MAX operations).
 */
enum areg_error atomicity_add(struct atomicity *atomicity, const struct history_op *op, struct slice key) MUST_USE;
/** An operation by its number; lent until the next one is taken. */
const struct history_op *atomicity_op(const struct atomicity *atomicity, uint32_t op_index);

struct atomicity_counts {
    uint64_t ops;
    uint64_t registers;
    uint64_t by_kind[3];   /* of enum history_kind */
    uint64_t by_status[3]; /* of enum history_status */
    uint64_t start_ns;     /* of the first operation; 0 if there is none */
};

const struct atomicity_counts *atomicity_counts(const struct atomicity *atomicity);

enum judge {
    JUDGE_VERSIONS,
    JUDGE_VALUES,
    JUDGE_COUNT,
};

enum {
    ATOMICITY_BY_VERSIONS = 1 << JUDGE_VERSIONS,
    ATOMICITY_BY_VALUES = 1 << JUDGE_VALUES,
    /* The history begins amid the life of its registers: what nobody in it wrote is from before. */
    ATOMICITY_PARTIAL = 1 << 8,
};

/** What one judge thinks of all registers. */
struct opinion {
    uint64_t registers_passed; /* all of their operations were judged, and there is an order of them */
    uint64_t registers_violated;
    uint64_t ops_left_out; /* of the other registers: operations that this judge can say nothing about */
    /* The first one, in the order in which registers appear; its kind is VIOLATION_NONE if there is none. */
    struct violation violation;
    struct slice violated_key; /* lent by the history */
};

struct verdict {
    struct opinion opinions[JUDGE_COUNT]; /* all zero of a judge that was not asked */
    uint64_t registers_violated;          /* by any judge */
    uint64_t registers_open; /* neither violated nor passed by any judge: nobody can tell whether they are atomic */
};

/** Judge all that was taken so far. `flags` names at least one judge. AREG_ENOMEM. */
enum areg_error atomicity_judge(const struct atomicity *atomicity, unsigned flags, struct verdict *verdict) MUST_USE;

#endif
