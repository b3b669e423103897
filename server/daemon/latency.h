/*
 * A distribution of durations: four buckets for every power of two of microseconds, so percentiles are within a fifth.
 */
#ifndef SERVER_DAEMON_LATENCY_H
#define SERVER_DAEMON_LATENCY_H

#include <stdint.h>

enum { LATENCY_BUCKET_COUNT = 4 * 32 };

struct latency {
    uint64_t count;
    uint64_t max_us;
    uint64_t buckets[LATENCY_BUCKET_COUNT];
};

void latency_add(struct latency *latency, uint64_t duration_ns);
/** What `percent` of the durations did not exceed, as the end of a bucket; 0 of none. */
uint64_t latency_percentile_us(const struct latency *latency, double percent);

#endif
