/*
 * What happens to the cluster of a trial while it is loaded, as experiments write it down.
 */
#ifndef LAB_EXPERIMENT_EVENTS_H
#define LAB_EXPERIMENT_EVENTS_H

#include "lab/trial.h"
#include "server/daemon/conf.h"

/** Read the list `events` of a file, if there is one, into `trial`. AREG_EINVAL: "FILE:LINE: sentence". */
enum areg_error events_load(const config_setting_t *root, struct trial *trial, char why[CONF_WHY_BYTES]) MUST_USE;

/** The number of a host: s1 is 1; 0 if `id` is not of that form, or past TRIAL_HOST_MAX. */
unsigned event_host_number(const char *id);
/** The largest number of a host that a change of configuration brings in; 0 if none does. */
unsigned events_host_max(const struct trial *trial);
/** Whether one of them needs a host that there is not, past `trial->host_count`; its position, or -1. */
int events_find_stranger(const struct trial *trial);

/** What becomes of code and delta if the event is a change that succeeds. */
void event_change_code(const struct trial_event *event, struct code *code, unsigned *delta);

/** "kill", "reconfigure". */
const char *event_kind_name(enum trial_event_kind kind);
/** "kill s2", "reconfigure recode rs:5,3". */
const char *event_print(const struct trial_event *event, char text[TRIAL_NOTE_BYTES]);

#endif
