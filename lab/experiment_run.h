/*
 * Doing what an experiment says, try by try, into a run directory; and its report at the end.
 */
#ifndef LAB_EXPERIMENT_RUN_H
#define LAB_EXPERIMENT_RUN_H

#include "lab/run_dir.h"

struct experiment_order {
    const struct experiment *experiment;
    const struct experiment_options *options;
    uint64_t seed;
    const char *dir; /* the run directory */
    const char *const *command;
    const char *position; /* "3 of 12", where it is one of several; "" */
    bool is_quiet;
    int signal_fd; /* of program_open_signals() */
};

/** What became of it. */
struct experiment_outcome {
    unsigned try_count;    /* of the whole experiment */
    unsigned done_count;   /* of them, also in earlier goes */
    unsigned failed_count; /* checks */
    char dir[PATH_MAX];    /* absolute */
};

/**
 * Run what is not done yet, and write the run's report. What there is to say has been said.
 *
 * Returns  AREG_OK, also if checks have failed; AREG_ECANCELED (a signal: it can be gone on with), or why it can not go
 *          on.
 */
enum areg_error experiment_run(const struct experiment_order *order, struct experiment_outcome *outcome) MUST_USE;

#endif
