/*
 * Scenarios: conversations between the production engines, given message by message in a file that a reader of the
 * paper understands (docs/scenarios.md), and what must come of them. Every invariant of the simulator is checked after
 * every step, and the judges of histories look at what has happened at the end of each scenario.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "core/plant.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum scenario_verdict {
    SCENARIO_PASSED,
    SCENARIO_FAILED,     /* something is not as the scenario has it, or an invariant is broken */
    SCENARIO_UNREADABLE, /* the file, or the language */
};

enum { SCENARIO_WHY_BYTES = 900 };

struct scenario_options {
    const char *path;
    FILE *out; /* every step, what it has led to, and what has failed; NULL: nothing */
    FILE *log; /* one line for each event of the simulator; may be `out`; NULL: none */
};

struct scenario_report {
    enum scenario_verdict verdict;
    char why[SCENARIO_WHY_BYTES]; /* a sentence that begins with file and line; "" if it has passed */
    uint64_t caught_by;           /* bits of enum plant: it must fail with each of these bugs planted */
    unsigned step_count;          /* that were played */
};

/** Play a file, once for each value of its `for`, until the first failure. Fails a CHECK without memory. */
void scenario_run(const struct scenario_options *options, struct scenario_report *report);

#endif
