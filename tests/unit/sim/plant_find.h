/* Looking for planted bugs with seeds in order. */
#ifndef TESTS_SIM_PLANT_FIND_H
#define TESTS_SIM_PLANT_FIND_H

#include "sim/sim.h"

/* With ten times as many seeds as are needed on the average, a bug that is found as easily as before is missed by one
 * change of the seeds in 20,000. */
enum { PLANT_SAFETY = 10 };

/* What has been found so far. */
struct plant_finding {
    uint64_t seed; /* under way */
    struct sim_report report;
};

/** Run the seeds from that of the options on, until something is broken. */
void plant_run_seeds(struct plant_finding *finding, const struct sim_options *options, uint64_t seed_count);
/** Plant each of them, one after the other, but those that need no seeds; says what has found which. Returns how many
 * nobody has found. */
unsigned plant_find_all(const struct sim_options *options, const unsigned seeds_needed[PLANT_COUNT]);

#endif
