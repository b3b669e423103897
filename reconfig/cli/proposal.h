/*
 * A change of many shards before it is carried out: the plan for each of them, whether the hosts that it needs are
 * there and have room, and how it reads.
 */
#ifndef RECONFIG_CLI_PROPOSAL_H
#define RECONFIG_CLI_PROPOSAL_H

#include "reconfig/change.h"
#include "reconfig/cli/shards.h"

struct proposal {
    bool is_forced;
    unsigned plan_count;
    struct plan *plans; /* of those shards in which something changes, in order */
    char id[PLAN_ID_TEXT_BYTES];
    double register_count; /* about, once it is checked */
};

/**
 * What a change makes of the selected shards. Shards that are as it wants them already are left out: it may have been
 * carried out in some of them before. False, and said so: refused, a shard that can not be read, one with a pending
 * configuration, or nothing to change.
 */
bool proposal_make(const struct admin *admin, const struct shards *shards, const struct change *change,
                   struct proposal *proposal, enum exit_code *code) MUST_USE;
/** Back to the configurations before the last change of the selected shards. False, and said so. */
bool proposal_undo(const struct admin *admin, const struct shards *shards, bool is_forced, struct proposal *proposal,
                   enum exit_code *code) MUST_USE;
void proposal_fini(struct proposal *proposal);

/** Who changes it, when and why: in the descriptors of all wanted configurations. */
void proposal_sign(struct proposal *proposal, const char *author, const char *reason, uint64_t time_ns);

enum { PROPOSAL_PROBLEM_COUNT_MAX = 16, PROPOSAL_PROBLEM_BYTES = 256 };

/** What stands in the way. */
struct problems {
    unsigned count;      /* those beyond the maximum are not kept */
    bool may_pass;       /* hosts that have only just started are among them, perhaps */
    enum exit_code code; /* EXIT_CODE_REFUSED is stronger than EXIT_CODE_UNAVAILABLE */
    char texts[PROPOSAL_PROBLEM_COUNT_MAX][PROPOSAL_PROBLEM_BYTES];
};

/** Ask the hosts of the wanted configurations. False, and said so: that could not be done. */
bool proposal_check(struct admin *admin, const struct shards *shards, struct proposal *proposal,
                    struct problems *problems, enum exit_code *code) MUST_USE;

void proposal_print(const struct shards *shards, const struct proposal *proposal, FILE *to);
/** `"plan":"p-...","shards":[...]`: members of a document. */
void proposal_print_json(const struct proposal *proposal, FILE *to);

/** Positions in `plan->base` of the hosts that will be members of nothing any more. */
struct voters proposal_discarded(const struct shards *shards, const struct proposal *proposal, const struct plan *plan);

#endif
