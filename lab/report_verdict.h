/*
 * What the checks of a run say together.
 */
#ifndef LAB_REPORT_VERDICT_H
#define LAB_REPORT_VERDICT_H

#include "lab/run_data.h"

enum verdict { VERDICT_PASSED, VERDICT_FAILED, VERDICT_INCOMPLETE, VERDICT_NONE };

struct run_verdict {
    enum verdict verdict;
    unsigned check_count;
    unsigned failed_count;
};

struct run_verdict run_verdict_of(const struct run_data *run);
/** Whether the check in this row of checks.csv has passed: all but "1" is a failure. */
bool run_check_passed(const struct table *checks, unsigned row);

#endif
