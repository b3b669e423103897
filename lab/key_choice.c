#include "lab/key_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum areg_error key_choice_parse(const char *text, uint64_t key_count, struct key_choice *choice)
{
    static const char zipf[] = "zipf:";
    *choice = (struct key_choice){.key_count = key_count};
    if (key_count < 1)
        return AREG_EINVAL;
    choice->is_in_turn = strcmp(text, "in-turn") == 0;
    if (choice->is_in_turn || strcmp(text, "uniform") == 0)
        return AREG_OK;
    if (strncmp(text, zipf, strlen(zipf)) != 0)
        return AREG_EINVAL;
    char *end;
    const double theta = strtod(text + strlen(zipf), &end);
    if (*end || end == text + strlen(zipf) || !(theta > 0 && theta < 1))
        return AREG_EINVAL;
    for (uint64_t i = 1; i <= key_count; i++)
        choice->zeta += 1 / pow((double)i, theta);
    const double zeta_of_2 = 1 + pow(0.5, theta);
    choice->theta = theta;
    choice->alpha = 1 / (1 - theta);
    choice->eta = key_count > 2 ? (1 - pow(2.0 / (double)key_count, 1 - theta)) / (1 - zeta_of_2 / choice->zeta) : 0;
    return AREG_OK;
}

uint64_t key_choice_next(const struct key_choice *choice, uint64_t turn, struct random_source *random)
{
    if (choice->is_in_turn)
        return turn % choice->key_count;
    if (choice->theta == 0)
        return random_below(random, choice->key_count);
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
