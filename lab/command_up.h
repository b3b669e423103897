/*
 * Bringing a local cluster up and down, as `up`, `down` and `shell` share it.
 */
#ifndef LAB_COMMAND_UP_H
#define LAB_COMMAND_UP_H

#include "lab/local_hosts.h"
#include "lab/program.h"

/** What the flags of `up` say; NULL and UINT64_MAX: not given. */
struct up_flags {
    struct common_flags common;
    uint64_t host_count;
    const char *code;
    uint64_t delta;
    uint64_t shard_count;
    const char *dir;
    const char *sync;
    const char *aregd;
};

#define UP_FLAGS_DEFAULT                                                                                               \
    {                                                                                                                  \
        .common.timeout_ms = 10000, .host_count = UINT64_MAX, .delta = UINT64_MAX, .shard_count = UINT64_MAX           \
    }

/** Rows for a command's table of flags. */
#define UP_FLAGS(up)                                                                                                     \
    {"hosts", 'n', FLAG_COUNT, &(up)->host_count, "N", "hosts to start (5)", 1, HOST_COUNT_MAX},                         \
        {"code", 0, FLAG_TEXT, &(up)->code, "CODE", "rs:n,k, repl:n or ldr:d,r (rs:N,N-2)", 0, 0},                       \
        {"delta", 0, FLAG_COUNT, &(up)->delta, "D", "superseded values that a host keeps under load (8)", 0, DELTA_MAX}, \
        {"shards", 0, FLAG_COUNT, &(up)->shard_count, "N", "shards (1)", 1, SHARD_COUNT_MAX},                            \
        {"dir", 0, FLAG_TEXT, &(up)->dir, "DIR", "where it lives ($AREG_LAB_DIR, else ./areg-cluster)", 0, 0},           \
        {"sync", 0, FLAG_TEXT, &(up)->sync, "MODE", "batch or none (batch)", 0, 0},                                      \
    {                                                                                                                    \
        "aregd", 0, FLAG_TEXT, &(up)->aregd, "PATH", "the host's program (beside this one, else in PATH)", 0, 0          \
    }

/**
 * Start what the flags ask for: a new cluster, or the hosts of an existing one that are down. What there is to say has
 * been said. The cluster is no longer locked afterwards.
 *
 * @signal_fd  Of program_open_signals(): gives up when a signal is there.
 * Returns     EXIT_CODE_OK, or the code to leave with: then nothing that was started here runs any more.
 */
int up_start(struct local_cluster *cluster, const struct up_flags *up, const char *dir, int signal_fd);

/** End all hosts of the cluster in `dir`, and say what was done. Returns the code to leave with. */
int up_end(const char *dir, const struct common_flags *common);

#endif
