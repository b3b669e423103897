/*
 * Random tests: the seed is drawn from the clock unless the environment variable AREG_SEED says otherwise, and printed
 * before anything is drawn from it.
 */
#ifndef TESTS_UNIT_SEED_H
#define TESTS_UNIT_SEED_H

#include "core/random.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline struct random_source test_random(void)
{
    const char *text = getenv("AREG_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    printf("AREG_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return (struct random_source){seed};
}

static inline void random_fill(struct random_source *random, void *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((uint8_t *)at)[i] = (uint8_t)random_next(random);
}

#endif
