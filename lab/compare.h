/*
 * Two runs of the same experiment, before and after a change: whether a figure has become worse, at which points, and
 * how sure that is. Points are paired by what was tried, not by their numbers.
 */
#ifndef LAB_COMPARE_H
#define LAB_COMPARE_H

#include "lab/run_data.h"
#include "lab/statistics.h"

enum {
    COMPARE_METRIC_COUNT_MAX = 16,
    COMPARE_WHY_BYTES = 1024,
};

enum change {
    CHANGE_NONE,    /* the whole interval is within the tolerance */
    CHANGE_UNCLEAR, /* it reaches beyond it */
    CHANGE_BETTER,  /* the whole interval is beyond it */
    CHANGE_WORSE,
    CHANGE_UNKNOWN, /* nothing was measured, or it was 0: there is no ratio */
};
const char *change_name(enum change change);

/** One point and operation: medians, and the ratio after / before. */
struct compare_line {
    unsigned row; /* of the first run's points.csv, the first repeat */
    unsigned before_count;
    unsigned after_count;
    double before;
    double after;
    struct interval ratio; /* NAN with CHANGE_UNKNOWN */
    enum change change;
};

struct compare_metric {
    char name[FIGURE_COLUMN_BYTES];
    unsigned line_count;
    struct compare_line *lines;
    struct interval overall; /* geometric mean of all ratios */
    enum change change;
};

struct comparison {
    unsigned metric_count;
    struct compare_metric metrics[COMPARE_METRIC_COUNT_MAX];
    unsigned worse_count; /* lines and means */
    unsigned repeats_min;
};

/**
 * @metrics    "p50_us,ops_per_s": columns that both have.
 * @tolerance  0.1: a tenth is as good as none.
 *
 * comparison_fini() it even after an error.
 * Returns  AREG_EINVAL (they are no runs of the same, `why` tells the columns; or there is no such metric),
 * AREG_ENOMEM.
 */
enum areg_error compare_runs(const struct run_data *before, const struct run_data *after, const char *metrics,
                             double tolerance, struct comparison *comparison, char why[COMPARE_WHY_BYTES]) MUST_USE;
void comparison_fini(struct comparison *comparison);

#endif
