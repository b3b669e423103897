/*
 * Planted bugs: mistakes that are easily made in this protocol, each at the place where it would be made. They exist in
 * the simulator's copy of the engines only, where one at a time is chosen by name, so that it can be shown that the
 * simulator finds it. In every other build PLANTED() is false, and nothing of them is left.
 */
#ifndef CORE_PLANT_H
#define CORE_PLANT_H

#include <stdbool.h>

enum plant {
    PLANT_NONE,
    PLANT_QUORUM_SHORT,
    PLANT_VOTES_PER_MESSAGE,
    PLANT_NO_WRITE_BACK,
    PLANT_HOLDER_SHORT,
    PLANT_NO_TRIMMED,
    PLANT_FIFO_TRIM,
    PLANT_TAG_REUSE,
    PLANT_STALE_PHASE,
    PLANT_REPLY_BEFORE_COMMIT,
    PLANT_REPLY_AFTER_LOST_COMMIT,
    PLANT_EARLY_CONFIRM,
    PLANT_INITIAL_VALUE,
    PLANT_MIXED_DECODE,
    PLANT_TRIMMED_SERVED,
    PLANT_NO_FLOOR,
    PLANT_DELTA_IS_HARD,
    PLANT_LOW_TAG,
    PLANT_BASE_IGNORED,
    PLANT_TRANSFER_WITHOUT_NEXT,
    PLANT_SKIP_PUT_CONFIG,
    PLANT_FINALIZE_EARLY,
    PLANT_SECOND_NEWEST,
    PLANT_TWO_DECIDERS,
    PLANT_LIST_SHORT,
    PLANT_PROPOSE_ON_PENDING,
    PLANT_OLD_ANSWER,
    PLANT_FINAL_TO_PENDING,
    PLANT_INSTALLS_OWN,
    PLANT_RETIRED_EARLY,
    PLANT_ADOPT_OTHER_TAG,
    PLANT_EMPTY_AFTER_RETIRING,
    PLANT_ACCEPT_BELOW_PROMISE,
    PLANT_FORGETS_PROMISE,
    PLANT_SPEAKS_UNREGISTERED,
    PLANT_UNSECURED,
    PLANT_COUNT,
};

#ifdef AREG_PLANTED

/** The one that is in force: the simulator's. */
extern enum plant plant_active;
#define PLANTED(plant) (plant_active == (plant))

#else

#define PLANTED(plant) false

#endif

#endif
