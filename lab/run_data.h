/*
 * What a run directory holds, read: the tables, what was asked for, and where it comes from. All of it comes from files
 * and is judged; only points.csv must be there. What can not be read of the others is noted, and missing.
 */
#ifndef LAB_RUN_DATA_H
#define LAB_RUN_DATA_H

#include "lab/figure_spec.h"
#include "lab/table.h"

enum {
    RUN_TEXT_BYTES = 1024,
    RUN_WORD_BYTES = 128,
    RUN_PROBLEM_COUNT_MAX = 8,
    RUN_PROBLEM_BYTES = 640,
    RUN_MANIFEST_BYTES_MAX = 1 << 20,
    RUN_POINT_COUNT_MAX = 1 << 20, /* rows of points.csv */
};

struct run_data {
    const char *dir; /* lent */
    char name[RUN_WORD_BYTES];
    char title[RUN_TEXT_BYTES];
    char question[RUN_TEXT_BYTES];
    char backend[RUN_WORD_BYTES];
    char network[RUN_WORD_BYTES];
    char revision[RUN_WORD_BYTES];
    char begun[RUN_WORD_BYTES];
    char seed[RUN_WORD_BYTES];
    double seconds; /* NAN: unknown */
    bool is_complete;
    bool is_quick;
    char *manifest; /* its text; NULL if there is none */

    struct table points;
    struct table latencies; /* no columns: there is none */
    struct table timeline;
    struct table events;
    struct table checks;
    struct table limits;         /* of larger clusters: what it took */
    struct figure_specs figures; /* what the experiment asks for; if it asks for nothing: sensible ones */

    unsigned parameter_count; /* columns of `points` that tell what was tried, in order */
    int parameters[TABLE_COLUMN_COUNT_MAX];

    unsigned problem_count;
    char problems[RUN_PROBLEM_COUNT_MAX][RUN_PROBLEM_BYTES]; /* sentences */
};

/**
 * Read a run directory. run_data_destroy() it.
 *
 * Returns  AREG_ENOTFOUND (there is no points.csv), AREG_EINVAL, AREG_EIO, AREG_ENOMEM; `why` says more.
 */
enum areg_error run_data_create(const char *dir, struct run_data **run, char why[TABLE_WHY_BYTES]) MUST_USE;
void run_data_destroy(struct run_data *run);

/** Whether a column of `points` is what was tried, not what came of it. */
bool run_data_is_parameter(const struct run_data *run, int column);
/** Whether not all rows of `points` have the same there. */
bool run_data_varies(const struct run_data *run, int column);

#endif
