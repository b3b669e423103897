/*
 * What is certain about a run that has ended, or was cut off: for scripts, and in words.
 */
#ifndef RECONFIG_CLI_VERDICT_H
#define RECONFIG_CLI_VERDICT_H

#include "reconfig/cli/runs.h"

struct verdict {
    const char *outcome;     /* "finalized", "pending", "unknown", "failed", "not_begun" */
    const char *reason;      /* what went wrong, besides the run's detail; may be empty */
    const char *consequence; /* what is to be thought and done now; empty: finalized */
    enum exit_code code;
};

struct verdict verdict_of(const struct run *run);

#endif
