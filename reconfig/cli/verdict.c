#include "reconfig/cli/verdict.h"

#include <string.h>

/* Whether what is pending in a run's shard is what the run wanted. */
static bool is_ours(const struct run *run)
{
    const struct config *pending = &run->shard->pending;
    return run->shard->has_pending && (!run->plan || (pending->time_ns == run->plan->wanted.time_ns &&
                                                      strcmp(pending->author, run->plan->wanted.author) == 0));
}

/* Whether acceptors may have been asked for it: whatever cut it off then, it may be decided. */
static bool may_be_proposed(const struct run *run)
{
    return run->plan && run->progress.is_own && run->progress.step >= RECONFIGURE_PROPOSING;
}

/* The sentences of errors are about registers. */
static const char *reason_of(const struct run *run)
{
    if (run->error == AREG_EMAYBE)
        return "outcome unknown";
    if (run->end != RUN_END_OWN || run->error == AREG_ECANCELED)
        return "";
    if (run->error == AREG_EUNAVAIL)
        return "no quorum of hosts answered in time";
    return run->error == AREG_ESTALE ? "stale" : areg_strerror(run->error);
}

/* Nobody but an admin installs a decision, or gives hosts registers to move; with those they go on alone. */
static const char *what_is_pending(const struct run *run)
{
    if (run->progress.step < RECONFIGURE_TRANSFERRING)
        return "it is decided, and pending until somebody types: areg-reconfig resume; nothing is lost";
    if (run->end == RUN_END_PAUSED)
        return "it is decided, and rests until somebody types: areg-reconfig resume; nothing is lost";
    if (run->end == RUN_END_STUCK)
        return "it is decided, and goes on by itself; any admin finishes it with: areg-reconfig resume";
    return "it is decided, and goes on by itself; nothing is lost, and any admin finishes it with: areg-reconfig "
           "resume";
}

struct verdict verdict_of(const struct run *run)
{
    struct verdict verdict = {.outcome = "finalized", .reason = "", .consequence = "", .code = EXIT_CODE_OK};
    if (run->error == AREG_OK)
        return verdict;
    verdict.reason = reason_of(run);
    if (run->error == AREG_ESTALE) {
        verdict.outcome = "failed";
        verdict.consequence = "nothing was changed by this; make another plan";
        verdict.code = EXIT_CODE_CONFLICT;
    } else if (run->is_decided || is_ours(run)) {
        verdict.outcome = "pending";
        verdict.consequence = what_is_pending(run);
        verdict.code = EXIT_CODE_UNKNOWN_OUTCOME;
    } else if (run->error == AREG_EMAYBE || may_be_proposed(run)) {
        /* What only the acceptors know is not in the history before somebody has finished it. */
        verdict.outcome = "unknown";
        verdict.consequence = "it may have taken effect: look at areg-reconfig history, once areg-reconfig resume has "
                              "settled it";
        verdict.code = EXIT_CODE_UNKNOWN_OUTCOME;
    } else {
        verdict.outcome = run->state == RUN_WAITING ? "not_begun" : "failed";
        verdict.consequence = "nothing was changed";
        /* What is invalid was refused by a host. */
        verdict.code = run->error == AREG_EINVAL ? EXIT_CODE_REFUSED : admin_exit_code(run->error);
    }
    return verdict;
}
