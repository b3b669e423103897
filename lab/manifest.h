/*
 * manifest.json: which experiment this is the run of, and on what it ran. One object on several lines, of strings,
 * numbers and short lists; lab/run_dir.h writes and reads it.
 */
#ifndef LAB_MANIFEST_H
#define LAB_MANIFEST_H

#include "lab/run_dir.h"

/** What of a manifest that is there matters to whoever goes on with the run. */
struct manifest {
    uint64_t seed;
    bool is_full;
    bool is_complete;
    uint64_t repeats;
    double seconds;
    char begun[32];
    char sets[EXPERIMENT_SET_MAX * (SETTING_NAME_BYTES + SETTING_VALUE_BYTES)]; /* "a=1 b=2", as they were given */
    char revision[64];
};

/** Write it, whole or not at all. AREG_EIO. */
enum areg_error manifest_write(const struct run_dir *dir, bool is_complete, double seconds,
                               char why[RUN_WHY_BYTES]) MUST_USE;
/** AREG_ENOTFOUND (there is none), AREG_EINVAL, AREG_EIO. */
enum areg_error manifest_read(const char *dir_path, struct manifest *manifest, char why[RUN_WHY_BYTES]) MUST_USE;
/** "a=1 b=2" of the options. */
void manifest_print_sets(const struct experiment_options *options, char *to, size_t room_bytes);
/** What this program was built from: a commit, "-dirty" if files were changed. Written by the build. */
extern const char manifest_revision[];

#endif
