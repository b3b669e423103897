/*
 * Experiments as people write them: a question, a cluster, a load, what is varied, and what must hold. An experiment is
 * a number of points, each the cross product's next combination of what is swept, and each point is tried a number of
 * times. The file is libconfig's syntax; docs/experiments.md describes it.
 *
 * All of the file is judged before anything is run: a mistake is told with its file and line.
 */
#ifndef LAB_EXPERIMENT_H
#define LAB_EXPERIMENT_H

#include "lab/experiment_settings.h"

#include <linux/limits.h>

enum {
    EXPERIMENT_NAME_BYTES = 64,
    EXPERIMENT_TITLE_BYTES = 160,
    EXPERIMENT_QUESTION_BYTES = 1024,
    EXPERIMENT_WHY_BYTES = 1024,
    EXPERIMENT_SWEEP_MAX = 6,
    EXPERIMENT_VALUE_MAX = 64,    /* values of one sweep */
    EXPERIMENT_POINT_MAX = 10000, /* of the cross product */
    EXPERIMENT_REPEAT_MAX = 1000,
    EXPERIMENT_SET_MAX = 32,
};

/** The names of enum trial_backend, and of the one that has points of its own (lab/scale.h). */
enum experiment_backend { EXPERIMENT_LOCAL, EXPERIMENT_SIM, EXPERIMENT_SCALE };
const char *experiment_backend_name(enum experiment_backend backend);

/** What a point must come to, as bits of `checks`. */
enum experiment_check {
    CHECK_LINEARIZABLE = 1 << 0, /* the recorded history, by both judges */
    CHECK_NO_FAILURES = 1 << 1,
    CHECK_WITHIN_BOUNDS = 1 << 2, /* all that the experiment has bounds for */
    CHECK_UNCONTENDED = 1 << 3,   /* what operations cost when nobody is in the way */
};

/** The bounds that are wanted beside what was measured, as bits of `bounds`. */
enum experiment_bound {
    BOUND_ROUNDS = 1 << 0,
    BOUND_SENT = 1 << 1,
    BOUND_RECEIVED = 1 << 2,
    BOUND_STORAGE = 1 << 3,
    BOUND_LATENCY = 1 << 4,
};

struct sweep {
    char setting[SETTING_NAME_BYTES];
    unsigned line; /* in the file */
    unsigned value_count;
    char values[EXPERIMENT_VALUE_MAX][SETTING_VALUE_BYTES];
};

/** "workload.keys=10": goes before what the file says, and before a sweep. */
struct experiment_set {
    char setting[SETTING_NAME_BYTES];
    char value[SETTING_VALUE_BYTES];
};

struct experiment_options {
    bool is_full;     /* the long form of what is swept, and of the repeats */
    unsigned repeats; /* 0: as the file says */
    unsigned set_count;
    struct experiment_set sets[EXPERIMENT_SET_MAX];
};

struct experiment {
    char name[EXPERIMENT_NAME_BYTES]; /* of the file, without .cfg */
    char path[PATH_MAX];
    char title[EXPERIMENT_TITLE_BYTES];
    char question[EXPERIMENT_QUESTION_BYTES];
    enum experiment_backend backend;
    unsigned repeats;
    unsigned checks;
    unsigned bounds;
    struct trial base; /* not settled: a point's is */
    unsigned sweep_count;
    struct sweep sweeps[EXPERIMENT_SWEEP_MAX];
    unsigned point_count;
};

/** "NAME=VALUE"; AREG_EINVAL and a sentence for anything that is no setting. */
enum areg_error experiment_set_parse(const char *text, struct experiment_set *set,
                                     char why[EXPERIMENT_WHY_BYTES]) MUST_USE;

/**
 * Read a file and judge all that its points will be.
 *
 * Returns  AREG_EINVAL (`why` is "FILE:LINE: sentence"), AREG_EIO.
 */
enum areg_error experiment_load(const char *path, const struct experiment_options *options,
                                struct experiment *experiment, char why[EXPERIMENT_WHY_BYTES]) MUST_USE;

/** The trial of a point, below `point_count`; without seed, history and directory. */
void experiment_trial(const struct experiment *experiment, unsigned point, struct trial *trial);
/** What is swept, at this point: "cluster.code = rs:5,3, workload.value = 64KiB"; "" if nothing is. Returns `text`. */
enum { EXPERIMENT_LABEL_BYTES = 512 };
const char *experiment_label(const struct experiment *experiment, unsigned point, char text[EXPERIMENT_LABEL_BYTES]);

#endif
