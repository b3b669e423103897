/*
 * Was every register atomic? A judge of histories that goes by versions.
 *
 * Versions are totally ordered and a write's is its own, so the order in which operations took effect is not searched
 * for: it must be the order of versions, a write before the reads that returned it. What is checked, for each register
 * by itself [ARES, section 2: A1 to A3]:
 *
 *   - every version is written once, and 0.0 never;
 *   - what was read under a version is what was written under it, and was not written by an operation that has failed;
 *   - of two operations of which one ended before the other began, the later one has no older version; if it is a
 *     write, it has a newer one. (So no read returns what is written only afterwards.)
 *
 * These hold if and only if the history is linearizable in the order of its versions. Writes of unknown outcome count
 * from their beginning on if somebody has read them, and not at all otherwise.
 *
 * The judge knows nothing of the protocol; it never trusts what it is fed.
 */
#ifndef SIM_ATOMICITY_H
#define SIM_ATOMICITY_H

#include "core/buffer.h"
#include "sim/history.h"

struct atomicity;

/** NULL without memory. */
struct atomicity *atomicity_create(void);
void atomicity_destroy(struct atomicity *atomicity);

/** Where an operation is written down. */
struct history_place {
    uint32_t file_index;
    uint32_t line_number; /* from 1 */
};

/** Take one operation; the key is copied. AREG_ENOMEM, AREG_EBUSY (more than UINT32_MAX operations). */
enum areg_error atomicity_add(struct atomicity *atomicity, const struct history_op *op, struct slice key,
                              struct history_place place) MUST_USE;

struct atomicity_counts {
    uint64_t ops;
    uint64_t keys;
    uint64_t by_kind[3];   /* of enum history_kind */
    uint64_t by_status[3]; /* of enum history_status */
    uint64_t start_ns;     /* of the first operation; 0 if there is none */
};

enum violation_kind {
    VIOLATION_NONE = 0,
    VIOLATION_VERSION_TWICE, /* two writes have one version */
    VIOLATION_ZERO_WRITTEN,  /* a write has the version 0.0 */
    VIOLATION_UNKNOWN,       /* a read returned a version that nobody wrote */
    VIOLATION_FAILED_SEEN,   /* a read returned what was written by an operation that has failed */
    VIOLATION_OTHER_VALUE,   /* two operations have one version and different values */
    VIOLATION_FUTURE_READ,   /* a read ended before the write of its version began */
    VIOLATION_STALE_READ,    /* a read returned an older version than an operation that had ended before */
    VIOLATION_STALE_WRITE,   /* a write has no newer version than an operation that had ended before */
};

/** Two operations that contradict each other, or one that contradicts itself. */
struct violation {
    enum violation_kind kind;
    struct slice key;  /* lent by the judge */
    unsigned op_count; /* 1 or 2 */
    struct history_op ops[2];
    struct history_place places[2];
};

enum {
    /* The history begins amid the life of its registers: versions that nobody in it wrote are from before. */
    ATOMICITY_PARTIAL = 1 << 0,
};

/**
 * Judge all that was taken; call it once. AREG_ENOMEM.
 *
 * @violation  The first one, in the order in which registers appear; VIOLATION_NONE if there is none.
 */
enum areg_error atomicity_judge(struct atomicity *atomicity, unsigned flags, struct violation *violation) MUST_USE;
const struct atomicity_counts *atomicity_counts(const struct atomicity *atomicity);

/** A sentence. */
const char *violation_sentence(enum violation_kind kind);

#endif
