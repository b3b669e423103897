/*
 * Starting and ending the hosts of a local cluster. The cluster must be locked; its state is saved before anything is
 * waited for, so that whatever happens to this program, `areg-lab down` finds what it has started.
 */
#ifndef LAB_LOCAL_HOSTS_H
#define LAB_LOCAL_HOSTS_H

#include "lab/local_cluster.h"

/**
 * Start the hosts that are wanted and down, and wait until they are ready. On failure those that were started are
 * ended again.
 *
 * @wanted        One for each host.
 * @interrupt_fd  When it becomes readable, give up; -1: none.
 * Returns        AREG_EUNAVAIL (not ready within `wait_ms`), AREG_ECANCELED (interrupted), AREG_EIO (it ended before
 *                it was ready: `why` has the last line of its log; `failed_index` says which).
 */
enum areg_error local_hosts_start(struct local_cluster *cluster, const bool *wanted, uint32_t wait_ms, int interrupt_fd,
                                  unsigned *failed_index, char why[LOCAL_WHY_BYTES]) MUST_USE;

/**
 * Start all hosts of a cluster that has never been up; other ports are tried if somebody has taken one in the meantime.
 * The same errors; what was made of the cluster is gone then, but the logs.
 */
enum areg_error local_hosts_start_new(struct local_cluster *cluster, const struct local_options *options,
                                      uint32_t wait_ms, int interrupt_fd, char why[LOCAL_WHY_BYTES]) MUST_USE;

/** End all that run: all are told first, then waited for. Hosts that were killed for being slow are counted. */
enum areg_error local_hosts_end_all(struct local_cluster *cluster, uint32_t wait_ms, unsigned *ended_count,
                                    unsigned *killed_count, char why[LOCAL_WHY_BYTES]) MUST_USE;

#endif
