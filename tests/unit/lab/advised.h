/*
 * Advice against the truth: a workload, what each code really comes to with it in a simulated cluster, and whether what
 * was advised is what should have been.
 */
#ifndef TESTS_LAB_ADVISED_H
#define TESTS_LAB_ADVISED_H

#include "reconfig/advise.h"

/** A workload, the machines that it is for, and what is wished; all of it from a seed. */
struct case_of_advice {
    uint64_t seed;
    struct workload workload;
    struct machines machines;
    struct advise_wish wish;
};
/** Without `wish.p99_ns`. */
struct case_of_advice advised_draw(uint64_t seed);

/** What a code comes to. */
struct truth {
    double read_p50_ns;
    double read_p99_ns;
    double write_p50_ns;
    double write_p99_ns;
    double p99_ns; /* the longer one; infinite if operations failed */
};
/** Let `op_count` operations come at random in a simulated cluster. */
struct truth advised_simulate(const struct case_of_advice *it, struct code code, uint32_t op_count);

/** Choose a `wish.p99_ns` between what the fastest code and what the cheapest one is predicted to need, and a little
 * beyond, so that often, but not always, another one than the cheapest is right. */
void advised_draw_p99(struct case_of_advice *it, const struct advices *advices);

enum advised_verdict {
    ADVISED_WELL,
    ADVISED_UNSAFE,   /* the code tolerates less than was wished */
    ADVISED_TOO_SLOW, /* the code needs longer than was wished */
    ADVISED_TOO_DEAR, /* another one stores less than 1/1.1 of it, and is clearly fast enough */
    ADVISED_NOTHING,  /* though a code is clearly fast enough */
};
const char *advised_verdict_name(enum advised_verdict verdict);

/* At the edge both answers are right: a code whose simulated p99 is within so much of what is wished may be taken for
 * fast enough, and for too slow. That is what the model may be off, and what p99 of a few thousand operations is. */
#define ADVISED_EDGE 0.1

/** Judge what was advised by what each code, in the same order, really comes to. */
enum advised_verdict advised_judge(const struct case_of_advice *it, const struct advices *advices,
                                   const struct truth *truths);

/**
 * Draw, advise, simulate, and judge. Simulated are all codes from the cheapest to the first that is clearly fast
 * enough, and what was advised: what is dearer changes no verdict. `advices` and `truths` (ADVICE_COUNT_MAX, infinite
 * where nothing was simulated) are overwritten.
 */
enum advised_verdict advised_check(uint64_t seed, uint32_t op_count, struct case_of_advice *it, struct advices *advices,
                                   struct truth *truths);

#endif
