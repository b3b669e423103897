/*
 * What can be set of an experiment's trials, by name: in the file, by a sweep, or with --set. One table says what there
 * is, what each may be, and where it goes; a value is always text, "64KiB", and judged in one place.
 */
#ifndef LAB_EXPERIMENT_SETTINGS_H
#define LAB_EXPERIMENT_SETTINGS_H

#include "lab/trial.h"

enum {
    SETTING_NAME_BYTES = 32,  /* "workload.readers" */
    SETTING_VALUE_BYTES = 32, /* "zipf:0.99" */
    SETTING_WHY_BYTES = 256,
    SETTING_COUNT_MAX = 64,
};

/** The trial that is meant where nothing is said. */
void settings_defaults(struct trial *trial);

/**
 * Set `name`, "workload.value", to what `text` says. AREG_ENOTFOUND: there is no such setting, and `why` has the one
 * that was probably meant; AREG_EINVAL: it can not be that. The trial is as it was then.
 */
enum areg_error setting_apply(struct trial *trial, const char *name, const char *text,
                              char why[SETTING_WHY_BYTES]) MUST_USE;
/** Whether there is a setting of this name. */
bool setting_exists(const char *name);
/** Names in a group without its prefix, "cluster." say, ending with a NULL; returns `names`. */
const char *const *settings_in(const char *prefix, const char *names[SETTING_COUNT_MAX]);

/**
 * Fill in what follows from the rest, and judge whether it fits together; all values are within their own limits.
 * AREG_EINVAL and a sentence.
 */
enum areg_error settings_settle(struct trial *trial, char why[SETTING_WHY_BYTES]) MUST_USE;

#endif
