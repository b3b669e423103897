/*
 * What is watched while a local trial is loaded, by threads of its own, so that nothing that happens to hosts delays
 * it: what has completed in each window, and how much hosts store. Internal to trial_local.c.
 */
#ifndef LAB_TRIAL_WATCH_H
#define LAB_TRIAL_WATCH_H

#include "lab/trial.h"

struct trial_watch;

/** What the hosts that have answered store, all together; and the most of all looks so far. */
struct trial_store {
    uint64_t bytes; /* fragments */
    unsigned answer_count;
    uint64_t bytes_max;
};

/** AREG_ENOMEM, AREG_EIO; and what areg_open() returns, with `why`. */
enum areg_error trial_watch_create(struct trial_watch **watch, const char *seeds, char why[TRIAL_WHY_BYTES]) MUST_USE;
/** The load begins: windows of `result` from now on. */
enum areg_error trial_watch_begin(struct trial_watch *watch, struct load *load, uint64_t duration_ns,
                                  struct measurement *result) MUST_USE;
/** The load has ended: what was not taken yet goes into the last window; no threads are left. */
void trial_watch_end(struct trial_watch *watch);
/** Look once more, within `wait_ms`. Only before the beginning, or after the end. */
struct trial_store trial_watch_look(struct trial_watch *watch, uint32_t wait_ms);
/** The newest configuration that clients have met. */
uint64_t trial_watch_configuration(const struct trial_watch *watch);
void trial_watch_destroy(struct trial_watch *watch);

#endif
