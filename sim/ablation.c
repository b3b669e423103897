/*
 * The ablations' names, and which are in force.
 */
#include "core/ablation.h"

#include "sim/study.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    const char *sentence; /* what is done without it */
} ablations[] = {
    [ABLATION_ONE_ROUND_READ] = {"one-round-read", "a read always writes back what it has found, to all members"},
    [ABLATION_PIGGYBACKED_NEXT] = {"piggybacked-next",
                                   "a round before and a round after each operation ask for the successor"},
    [ABLATION_CONFIRM] = {"confirm", "nothing is confirmed: lists keep delta + 1 values"},
    [ABLATION_TWO_STEP_GET_DATA] = {"two-step-get-data", "a get-data fetches the fragments of whole lists, of all"},
    [ABLATION_ADOPT] = {"adopt", "every member of a new configuration is sent its fragment"},
    [ABLATION_DIRECT_TRANSFER] = {"direct-transfer", "registers are moved by way of the admin's machine"},
};

_Static_assert(sizeof ablations / sizeof ablations[0] == ABLATION_COUNT, "every ablation has a name");

unsigned ablations_active;

const char *ablation_name(enum ablation ablation)
{
    return ablations[ablation].name;
}

const char *ablation_sentence(enum ablation ablation)
{
    return ablations[ablation].sentence;
}

enum areg_error ablation_parse(const char *text, unsigned *switched_off)
{
    *switched_off = 0;
    if (text[0] == 0 || strcmp(text, "none") == 0)
        return AREG_OK;
    if (strcmp(text, "all") == 0) {
        *switched_off = (1u << ABLATION_COUNT) - 1;
        return AREG_OK;
    }
    for (unsigned i = 0; i < ABLATION_COUNT; i++)
        if (strcmp(text, ablations[i].name) == 0)
            *switched_off = 1u << i;
    return *switched_off ? AREG_OK : AREG_EINVAL;
}

void ablation_set(unsigned switched_off)
{
    ablations_active = switched_off;
}
