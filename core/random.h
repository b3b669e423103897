/*
 * A small deterministic generator (splitmix64) for jitter and for writers' random bits. It is seeded by the driver and
 * is no source of secrets.
 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stdint.h>

struct random_source {
    uint64_t state;
};

static inline uint64_t random_next(struct random_source *source)
{
    uint64_t mixed = (source->state += UINT64_C(0x9E3779B97F4A7C15));
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

/** A number in [0, limit), for limit > 0; the bias is far below anything that jitter could notice. */
static inline uint64_t random_below(struct random_source *source, uint64_t limit)
{
    return random_next(source) % limit;
}

#endif
