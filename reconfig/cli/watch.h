/*
 * Reconfigurations before the eyes of an admin: what is decided and finalized as it happens, how far the transfer is,
 * and what Ctrl-C means.
 */
#ifndef RECONFIG_CLI_WATCH_H
#define RECONFIG_CLI_WATCH_H

#include "reconfig/cli/proposal.h"
#include "reconfig/cli/runs.h"

/**
 * Run them all, and tell how they end: on stdout, what is decided and finalized; on stderr, a bar on a terminal or a
 * line a second; with --json one document, whose members besides "results" are those of `proposal` (NULL: none).
 * Returns the worst exit code of them.
 *
 * @register_count  That there are about to move; 0: not known.
 */
enum exit_code watch_runs(struct admin *admin, struct shards *shards, struct runs *runs,
                          const struct proposal *proposal, double register_count);

/** "finalized: pool default, shard 0: c1 rs:5,3 on ..." */
void watch_tell_event(const struct shard *shard, const char *event, const struct config *config);

#endif
