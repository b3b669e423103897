/*
 * Which key the next operation is about: each as often as the others, by chance or in turn, or a few much more often
 * (Zipf): always the same ones, or those that were written last.
 */
#ifndef LAB_KEY_CHOICE_H
#define LAB_KEY_CHOICE_H

#include "core/error.h"
#include "core/random.h"

enum key_choice_kind { KEY_UNIFORM, KEY_IN_TURN, KEY_ZIPF, KEY_LATEST };

struct key_choice {
    enum key_choice_kind kind;
    uint64_t key_count;
    /* Of the Zipf distribution [Gray et al., "Quickly generating billion-record synthetic databases"]. */
    double theta;
    double alpha;
    double zeta;
    double eta;
};

/** "uniform", "in-turn", "zipf:THETA" with 0 < THETA < 1, or "latest"; key_count >= 1. AREG_EINVAL for anything else.
 */
enum areg_error key_choice_parse(const char *text, uint64_t key_count, struct key_choice *choice) MUST_USE;
/**
 * A number below key_count; under KEY_ZIPF, 0 is the most frequent. `turn` is how many have been chosen before; under
 * KEY_LATEST how many have been written before, one after the other: the last one is the most frequent.
 */
uint64_t key_choice_next(const struct key_choice *choice, uint64_t turn, struct random_source *random);

#endif
