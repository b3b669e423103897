/*
 * Counts of durations in logarithmic buckets: any quantile to within 1.6 %, in fixed memory, whatever the range.
 */
#ifndef LAB_HISTOGRAM_H
#define LAB_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 6, /* 64 buckets from each power of two to the next */
    HISTOGRAM_BUCKET_COUNT = (64 - HISTOGRAM_STEP_BITS + 1) << HISTOGRAM_STEP_BITS,
};

/** All zeroes is an empty one. */
struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKET_COUNT];
    uint64_t count;
    uint64_t max; /* exactly */
};

void histogram_add(struct histogram *histogram, uint64_t value);
/** Add all of `from`. */
void histogram_merge(struct histogram *histogram, const struct histogram *from);
/**
 * The smallest bucket's upper end below which at least `per_100000` of 100,000 values lie: 50,000 for the median,
 * 99,900 for p99.9. Never above `max`; 0 if there is no value.
 */
uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000);
/** The lower end of the first bucket that is not empty; 0 if there is no value. */
uint64_t histogram_min(const struct histogram *histogram);
/** As if each value were in the middle of its bucket; 0 if there is no value. */
double histogram_mean(const struct histogram *histogram);

#endif
