/*
 * The directory that an experiment leaves: what was asked (manifest.json, experiment.cfg), what was measured (CSV
 * files), and what of it is done. docs/experiments.md describes the files.
 *
 * A try's rows are in points.csv only when all of it is on disk, so a run that was interrupted in any way, kill -9 too,
 * can be gone on with: rows of the other files that belong to no try that is done, and last lines that do not end, are
 * dropped when the directory is opened again.
 */
#ifndef LAB_RUN_DIR_H
#define LAB_RUN_DIR_H

#include "lab/columns.h"

#include <stdio.h>

enum run_file {
    RUN_LATENCIES,
    RUN_TIMELINE,
    RUN_EVENTS,
    RUN_CHECKS,
    RUN_POINTS, /* the last one: what is written to it makes a try done */
    RUN_FILE_COUNT,
};

enum { RUN_WHY_BYTES = 1024 };

/** What is run here; all borrowed until run_dir_close(). */
struct run_request {
    const struct experiment *experiment;
    const struct experiment_options *options;
    uint64_t seed;
    const char *network;        /* "none", "relay", "simulated" */
    const char *const *command; /* the command line, ends with a NULL */
};

struct run_dir {
    char path[PATH_MAX]; /* absolute */
    const struct run_request *request;
    int fd;     /* of the directory, locked */
    bool *done; /* for each try, point by point: repeat_count of each */
    unsigned done_count;
    bool is_complete; /* nothing is left to do */
    char begun[32];
    double seconds_before; /* of earlier goes */
    uint64_t begun_ns;
};

/**
 * Open `path` for the experiment: a new directory (or an empty one), or one in which it was begun in just the same way.
 *
 * Returns  AREG_EINVAL (it is something else, or the run of something else), AREG_EBUSY (it is being written),
 * AREG_EIO, AREG_ENOMEM; `why` says more.
 */
enum areg_error run_dir_open(struct run_dir *dir, const char *path, const struct run_request *request,
                             char why[RUN_WHY_BYTES]) MUST_USE;
bool run_dir_is_done(const struct run_dir *dir, unsigned point, unsigned repeat);
/** Write all that a try has come to. `failed` as in checks_print(); AREG_EIO, AREG_ENOMEM. */
enum areg_error run_dir_add(struct run_dir *dir, const struct tried *tried, FILE *failed,
                            char why[RUN_WHY_BYTES]) MUST_USE;
/** Checks that have failed, of all tries that are done. AREG_EIO. */
enum areg_error run_dir_count_failed(const struct run_dir *dir, unsigned *failed_count,
                                     char why[RUN_WHY_BYTES]) MUST_USE;
/** Every try is done: say so in the manifest. AREG_EIO. */
enum areg_error run_dir_complete(struct run_dir *dir, char why[RUN_WHY_BYTES]) MUST_USE;
void run_dir_close(struct run_dir *dir);

/** "2026-11-23T23:28:00Z", or without separators for file names: "20261123T232800Z". */
void run_dir_print_time(bool for_names, char text[32]);

#endif
