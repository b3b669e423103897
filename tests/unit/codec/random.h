/*
 * Random numbers for these tests, from a seed that is printed, and that the environment variable AREG_SEED overrides.
 */
#ifndef TESTS_UNIT_CODEC_RANDOM_H
#define TESTS_UNIT_CODEC_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* splitmix64 */
static inline uint64_t random_next(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 .. bound - 1 */
static inline unsigned random_below(uint64_t *random, unsigned bound)
{
    return (unsigned)(random_next(random) % bound);
}

static inline void random_fill(uint64_t *random, uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)random_next(random);
}

static inline uint64_t random_seed(void)
{
    const char *text = getenv("AREG_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    printf("AREG_SEED=%" PRIu64 "\n", seed);
    return seed;
}

#endif
