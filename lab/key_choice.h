/*
 * Which key the next operation is about: each as often as the others, by chance or in turn, or a few much more often
 * (Zipf).
 */
#ifndef LAB_KEY_CHOICE_H
#define LAB_KEY_CHOICE_H

#include "core/error.h"
#include "core/random.h"

struct key_choice {
    uint64_t key_count;
    bool is_in_turn;
    double theta; /* 0: uniform */
    /* Of the Zipf distribution [Gray et al., "Quickly generating billion-record synthetic databases"]. */
    double alpha;
    double zeta;
    double eta;
};

/** "uniform", "in-turn" or "zipf:THETA" with 0 < THETA < 1; key_count >= 1. AREG_EINVAL for anything else. */
enum areg_error key_choice_parse(const char *text, uint64_t key_count, struct key_choice *choice) MUST_USE;
/** A number below key_count; under Zipf, 0 is the most frequent. `turn` is how many have been chosen before. */
uint64_t key_choice_next(const struct key_choice *choice, uint64_t turn, struct random_source *random);

#endif
