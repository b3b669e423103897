#include "lab/histogram.h"

#include "core/check.h"

/* Values below 64 have a bucket each; from there on, a bucket is 1/64 as wide as the power of two it belongs to. */
static unsigned bucket_of(uint64_t value)
{
    if (value < 1u << HISTOGRAM_STEP_BITS)
        return (unsigned)value;
    const unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_STEP_BITS;
    const unsigned step = (unsigned)(value >> shift) - (1u << HISTOGRAM_STEP_BITS);
    return ((shift + 1) << HISTOGRAM_STEP_BITS) + step;
}

static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 1u << HISTOGRAM_STEP_BITS)
        return bucket;
    const unsigned shift = (bucket >> HISTOGRAM_STEP_BITS) - 1;
    const uint64_t step = (bucket & ((1u << HISTOGRAM_STEP_BITS) - 1)) + (UINT64_C(1) << HISTOGRAM_STEP_BITS);
    return (step << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    const unsigned bucket = bucket_of(value);
    CHECK(bucket < HISTOGRAM_BUCKET_COUNT);
    CHECK_SLOW(value <= bucket_end(bucket) && (bucket == 0 || value > bucket_end(bucket - 1)));
    histogram->buckets[bucket]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *histogram, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKET_COUNT; i++)
        histogram->buckets[i] += from->buckets[i];
    histogram->count += from->count;
    if (from->max > histogram->max)
        histogram->max = from->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, uint32_t per_100000)
{
    CHECK(per_100000 <= 100000);
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKET_COUNT; i++) {
        seen += histogram->buckets[i];
        /* seen / count >= per_100000 / 100000, without a fraction. */
        if (seen && seen * 100000 >= histogram->count * per_100000)
            return bucket_end(i) < histogram->max ? bucket_end(i) : histogram->max;
    }
    return 0;
}

static uint64_t bucket_begin(unsigned bucket)
{
    return bucket == 0 ? 0 : bucket_end(bucket - 1) + 1;
}

uint64_t histogram_min(const struct histogram *histogram)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKET_COUNT; i++)
        if (histogram->buckets[i])
            return bucket_begin(i);
    return 0;
}

double histogram_mean(const struct histogram *histogram)
{
    double sum = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKET_COUNT; i++) {
        if (!histogram->buckets[i])
            continue;
        const uint64_t end = bucket_end(i) < histogram->max ? bucket_end(i) : histogram->max;
        sum += (double)histogram->buckets[i] * ((double)bucket_begin(i) + (double)end) / 2;
    }
    return histogram->count ? sum / (double)histogram->count : 0;
}
