#include "sim/register_history.h"

#include "core/check.h"

bool judgement_accuse(struct judgement *judgement, enum violation_kind kind, uint32_t a, uint32_t b)
{
    CHECK(judgement->violation.kind == VIOLATION_NONE);
    judgement->violation.kind = kind;
    violation_add_op(&judgement->violation, a);
    violation_add_op(&judgement->violation, b);
    return false;
}

void violation_add_op(struct violation *violation, uint32_t op_index)
{
    for (unsigned i = 0; i < violation->op_count; i++)
        if (violation->op_indices[i] == op_index)
            return;
    CHECK(violation->op_count < VIOLATION_OPS_MAX);
    violation->op_indices[violation->op_count++] = op_index;
}

const char *violation_sentence(enum violation_kind kind)
{
    static const char *const sentences[] = {
        [VIOLATION_NONE] = "no violation",
        [VIOLATION_VERSION_TWICE] = "two writes have the same version",
        [VIOLATION_ZERO_WRITTEN] = "a write has the version of a register that was never written",
        [VIOLATION_UNKNOWN_VERSION] = "a read returned a version that nobody wrote",
        [VIOLATION_UNKNOWN_VALUE] = "a read returned a value that nobody wrote",
        [VIOLATION_FAILED_SEEN] = "a read returned what was written by an operation that has failed",
        [VIOLATION_OTHER_VALUE] = "two operations have the same version and different values",
        [VIOLATION_FUTURE_READ] = "a read returned what was written only after it had ended",
        [VIOLATION_STALE_READ] = "a read returned an older version than an operation that had ended before it began",
        [VIOLATION_STALE_WRITE] = "a write has an older version than an operation that had ended before it began",
        [VIOLATION_FORGOTTEN] = "a read found nothing ever written, after an operation on what was written had ended",
        [VIOLATION_VALUE_RETURNED] = "each of two values must have come before the other one",
    };
    return sentences[kind];
}
