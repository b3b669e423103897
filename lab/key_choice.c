#include "lab/key_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of `latest`: YCSB's. */
static const double LATEST_THETA = 0.99;

static void prepare_zipf(struct key_choice *choice, double theta)
{
    const uint64_t key_count = choice->key_count;
    for (uint64_t i = 1; i <= key_count; i++)
        choice->zeta += 1 / pow((double)i, theta);
    const double zeta_of_2 = 1 + pow(0.5, theta);
    choice->theta = theta;
    choice->alpha = 1 / (1 - theta);
    choice->eta = key_count > 2 ? (1 - pow(2.0 / (double)key_count, 1 - theta)) / (1 - zeta_of_2 / choice->zeta) : 0;
}

enum areg_error key_choice_parse(const char *text, uint64_t key_count, struct key_choice *choice)
{
    static const char zipf[] = "zipf:";
    *choice = (struct key_choice){.key_count = key_count};
    if (key_count < 1)
        return AREG_EINVAL;
    if (strcmp(text, "uniform") == 0)
        return AREG_OK;
    if (strcmp(text, "in-turn") == 0) {
        choice->kind = KEY_IN_TURN;
        return AREG_OK;
    }
    double theta = LATEST_THETA;
    choice->kind = KEY_LATEST;
    if (strcmp(text, "latest") != 0) {
        if (strncmp(text, zipf, strlen(zipf)) != 0)
            return AREG_EINVAL;
        char *end;
        theta = strtod(text + strlen(zipf), &end);
        if (*end || end == text + strlen(zipf) || !(theta > 0 && theta < 1))
            return AREG_EINVAL;
        choice->kind = KEY_ZIPF;
    }
    prepare_zipf(choice, theta);
    return AREG_OK;
}

static uint64_t next_rank(const struct key_choice *choice, struct random_source *random)
{
    enum { FRACTION_BITS = 53 };
    const double fraction =
        (double)(random_next(random) >> (64 - FRACTION_BITS)) / (double)(UINT64_C(1) << FRACTION_BITS);
    const double scaled = fraction * choice->zeta;
    if (scaled < 1 || choice->key_count == 1)
        return 0;
    if (scaled < 1 + pow(0.5, choice->theta) || choice->key_count == 2)
        return 1;
    const uint64_t rank =
        (uint64_t)((double)choice->key_count * pow(choice->eta * fraction - choice->eta + 1, choice->alpha));
    return rank < choice->key_count ? rank : choice->key_count - 1;
}

uint64_t key_choice_next(const struct key_choice *choice, uint64_t turn, struct random_source *random)
{
    switch (choice->kind) {
    case KEY_IN_TURN:
        return turn % choice->key_count;
    case KEY_ZIPF:
        return next_rank(choice, random);
    case KEY_LATEST:
        return (turn % choice->key_count + choice->key_count - 1 - next_rank(choice, random)) % choice->key_count;
    default:
        return random_below(random, choice->key_count);
    }
}
