/*
 * The planted bugs' names, and which one is in force.
 */
#include "core/plant.h"

#include "sim/sim.h"

static const struct {
    const char *name;
    const char *sentence;
} plants[] = {
    [PLANT_NONE] = {"none", "nothing is planted"},
    [PLANT_QUORUM_SHORT] = {"quorum-short", "a quorum is one member short"},
    [PLANT_VOTES_PER_MESSAGE] = {"votes-per-message", "votes are counted per message, not per member (trap 2)"},
    [PLANT_NO_WRITE_BACK] = {"no-write-back", "a read returns without writing back what it found"},
    [PLANT_HOLDER_SHORT] = {"holder-short", "a read takes one round with one holder too few (trap 8)"},
    [PLANT_NO_TRIMMED] = {"no-trimmed", "rule R does not count what members have trimmed (trap 5, S2)"},
    [PLANT_FIFO_TRIM] = {"fifo-trim", "a full list drops its newest entry for a late old one (S10)"},
    [PLANT_TAG_REUSE] = {"tag-reuse", "a client's writes share one writer field (trap 1, S7)"},
    [PLANT_STALE_PHASE] = {"stale-phase", "a reply of an earlier phase is counted (S11)"},
    [PLANT_REPLY_BEFORE_COMMIT] = {"reply-before-commit", "a host answers a put before its commit"},
    [PLANT_REPLY_AFTER_LOST_COMMIT] = {"reply-after-lost-commit", "a host answers puts of a commit that has failed"},
    [PLANT_EARLY_CONFIRM] = {"early-confirm", "a write is confirmed before it is complete (trap 4, S18)"},
    [PLANT_INITIAL_VALUE] = {"initial-value", "an undecided get-data answers with the initial value (trap 5)"},
    [PLANT_MIXED_DECODE] = {"mixed-decode", "fragments of two tags are decoded together"},
    [PLANT_TRIMMED_SERVED] = {"trimmed-served", "a member stores and serves again what it had trimmed"},
    [PLANT_NO_FLOOR] = {"no-floor", "a get-data returns the newest tag that decodes, whatever may be above it"},
    [PLANT_DELTA_IS_HARD] = {"delta-is-hard", "delta drops entries that nothing has superseded (S3)"},
    [PLANT_LOW_TAG] = {"low-tag", "a write takes its tag from one reply instead of a quorum's largest"},
    [PLANT_BASE_IGNORED] = {"base-ignored", "a covering write covers whatever there is"},
};

_Static_assert(sizeof plants / sizeof plants[0] == PLANT_COUNT, "every planted bug has a name");

enum plant plant_active;

const char *plant_name(enum plant plant)
{
    return plants[plant].name;
}

const char *plant_sentence(enum plant plant)
{
    return plants[plant].sentence;
}

void plant_set(enum plant plant)
{
    plant_active = plant;
}
