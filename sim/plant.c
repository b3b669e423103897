/*
 * The planted bugs' names, and which one is in force.
 */
#include "core/plant.h"

#include "sim/sim.h"

static const struct {
    const char *name;
    const char *sentence;
    bool needs_reconfiguration; /* it shows only while configurations change */
    const char *scenario;       /* that shows it, if it takes one seed in thousands; else NULL */
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
    [PLANT_TRANSFER_WITHOUT_NEXT] = {"transfer-without-next",
                                     "a transfer counts replies of members that do not know the successor (trap 7, S1)",
                                     true, "S1"},
    [PLANT_SKIP_PUT_CONFIG] = {"skip-put-config", "a client does not pass on a successor that few have shown (S9)",
                               true},
    [PLANT_FINALIZE_EARLY] = {"finalize-early", "a configuration is finalized before the last register is there (S13)",
                              true},
    [PLANT_SECOND_NEWEST] = {"second-newest", "a worker moves the second-newest tag", true},
    [PLANT_TWO_DECIDERS] = {"two-deciders", "a proposer proposes its own although another was accepted (S15)", true},
    [PLANT_LIST_SHORT] = {"list-short", "a worker lists the keys of one member only (S5)", true},
    [PLANT_PROPOSE_ON_PENDING] = {"propose-on-pending", "a successor is proposed to a configuration that is pending",
                                  true},
    [PLANT_OLD_ANSWER] = {"old-answer", "what a retired configuration's successor answered before is used (S6)", true},
    [PLANT_FINAL_TO_PENDING] = {"f-to-p", "a late put-config reopens a retired configuration (S12)", true},
    [PLANT_INSTALLS_OWN] = {"installs-own", "a proposer installs its own although another was decided (S15)", true},
    [PLANT_RETIRED_EARLY] = {"retired-early", "a host takes a pending successor for a finalized one", true},
    [PLANT_ADOPT_OTHER_TAG] = {"adopt-other-tag", "a host takes over its newest fragment, whatever tag is moved", true},
    [PLANT_EMPTY_AFTER_RETIRING] = {"empty-after-retiring",
                                    "a retired configuration whose data is deleted answers as an empty one", true},
    [PLANT_ACCEPT_BELOW_PROMISE] = {"accept-below-promise", "an acceptor accepts below its promise (I9)", true},
    [PLANT_FORGETS_PROMISE] = {"forgets-promise", "an acceptor does not store its promise (I9)", true},
    [PLANT_SPEAKS_UNREGISTERED] = {"speaks-unregistered", "a host without memory answers as the one that it was (S4)",
                                   true},
    [PLANT_UNSECURED] = {"unsecured", "a read returns a replica's value that no directory may know of"},
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

bool plant_needs_reconfiguration(enum plant plant)
{
    return plants[plant].needs_reconfiguration;
}

const char *plant_scenario(enum plant plant)
{
    return plants[plant].scenario;
}

void plant_set(enum plant plant)
{
    plant_active = plant;
}
