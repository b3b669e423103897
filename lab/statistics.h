/*
 * Medians, quantiles, and how far they can be trusted: percentile bootstrap, from a fixed seed, so that the same
 * figures always come to the same interval. No function here is told a NAN.
 */
#ifndef LAB_STATISTICS_H
#define LAB_STATISTICS_H

#include <stdint.h>

enum {
    STATISTICS_SAMPLE_COUNT_MAX = 1000, /* values of one sample: repeats of one point */
    STATISTICS_RESAMPLE_COUNT = 2000,
};

/** A 95 % confidence interval, and what was measured. */
struct interval {
    double low;
    double middle;
    double high;
};

/** Values that were measured under the same conditions; lent. */
struct sample {
    const double *values;
    unsigned count; /* 1..STATISTICS_SAMPLE_COUNT_MAX */
};

void statistics_sort(double *values, unsigned count);
/** Of `sorted` values, at least one, for 0 <= share <= 1; between two of them it is interpolated. */
double statistics_quantile(const double *sorted, unsigned count, double share);
double statistics_median(struct sample sample);
/** The smallest and the largest value around the median. */
struct interval statistics_range(struct sample sample);
/** The bootstrap interval of the median. */
struct interval statistics_median_interval(struct sample sample, uint64_t seed);

/** The same quantity measured twice: before and after a change, all values above 0. */
struct sample_pair {
    struct sample before;
    struct sample after;
};

/**
 * The geometric mean over all pairs of median(after) / median(before), and its bootstrap interval; of a single pair it
 * is the ratio itself. `pair_count` is at least 1.
 */
struct interval statistics_ratio_interval(const struct sample_pair *pairs, unsigned pair_count, uint64_t seed);

#endif
