#include "server/daemon/latency.h"

/** 0..7 have buckets of their own, and from then on the two bits after the highest one choose. */
static unsigned bucket_of(uint64_t us)
{
    if (us < 8)
        return (unsigned)us;
    const unsigned power = 63 - (unsigned)__builtin_clzll(us);
    const unsigned bucket = 4 * (power - 1) + (unsigned)(us >> (power - 2) & 3);
    return bucket < LATENCY_BUCKET_COUNT ? bucket : LATENCY_BUCKET_COUNT - 1;
}

/** The largest duration of a bucket. */
static uint64_t bucket_end_us(unsigned bucket)
{
    if (bucket < 8)
        return bucket;
    if (bucket == LATENCY_BUCKET_COUNT - 1)
        return UINT64_MAX;
    const unsigned power = bucket / 4 + 1;
    return (UINT64_C(1) << power) + ((uint64_t)(bucket % 4 + 1) << (power - 2)) - 1;
}

void latency_add(struct latency *latency, uint64_t duration_ns)
{
    const uint64_t us = duration_ns / 1000;
    latency->count++;
    latency->buckets[bucket_of(us)]++;
    if (us > latency->max_us)
        latency->max_us = us;
}

uint64_t latency_percentile_us(const struct latency *latency, double percent)
{
    const double wanted = (double)latency->count * percent / 100.0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < LATENCY_BUCKET_COUNT; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && (double)seen >= wanted) {
            const uint64_t end_us = bucket_end_us(i);
            return end_us < latency->max_us ? end_us : latency->max_us;
        }
    }
    return latency->max_us;
}
