/*
 * A cluster on this machine, in one directory: what it consists of, and which of its hosts run.
 *
 *     DIR/genesis.conf   what the cluster is
 *     DIR/state.jsonl    which processes belong to it: one line for the cluster, one for each host
 *     DIR/s1/ ...        the hosts' data
 *     DIR/s1.log ...     what the hosts say
 *     DIR/lock           held by whoever changes any of it
 *
 * Nothing else is ever written or removed. The state says what was started, not what still runs: whoever asks
 * compares pids and start times (lab/process.h).
 */
#ifndef LAB_LOCAL_CLUSTER_H
#define LAB_LOCAL_CLUSTER_H

#include "core/config.h"
#include "lab/process.h"

#include <linux/limits.h>

struct local_host {
    struct host_id id;
    char address[ADDRESS_BYTES_MAX + 1];
    char listens_at[ADDRESS_BYTES_MAX + 1]; /* "": at its address; else something passes on what comes there */
    bool joins;                             /* it is not in genesis */
    struct process process;
};

struct local_cluster {
    char dir[PATH_MAX]; /* absolute */
    char aregd[PATH_MAX];
    char sync[8]; /* "batch" or "none" */
    struct code code;
    unsigned host_count;
    struct local_host hosts[HOST_COUNT_MAX];
    enum process_bond bond; /* of hosts that are started from now on; not part of the state */
    int lock_fd;            /* -1: not locked */
};

/** What a new cluster is made of. */
struct local_options {
    unsigned host_count; /* the first code.n of them are members */
    struct code code;
    unsigned delta;
    unsigned shard_count;
    const char *sync;
    const char *aregd;
};

enum { LOCAL_WHY_BYTES = 512 };

/**
 * Make a new cluster in `dir`, which is made if need be: pick ports and write its files. No host is started. The
 * directory is locked until local_cluster_close().
 *
 * AREG_EINVAL (bad options, or there is a cluster already), AREG_EBUSY (locked for `wait_ms`), AREG_EIO; `why` says
 * more.
 */
enum areg_error local_cluster_create(struct local_cluster *cluster, const char *dir,
                                     const struct local_options *options, uint32_t wait_ms,
                                     char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Read and lock an existing one. The same errors, and AREG_ENOTFOUND if there is none. */
enum areg_error local_cluster_open(struct local_cluster *cluster, const char *dir, uint32_t wait_ms,
                                   char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Read it without a lock, for those that change nothing. */
enum areg_error local_cluster_look(struct local_cluster *cluster, const char *dir, char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Write the state down, whole or not at all. */
enum areg_error local_cluster_save(const struct local_cluster *cluster, char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Let go of the lock. */
void local_cluster_close(struct local_cluster *cluster);

/**
 * Remove the files of a cluster that has never been up, but not the logs, which say why. False, and nothing is removed,
 * if a host is still there.
 */
bool local_cluster_forget(struct local_cluster *cluster) MUST_USE;
/** Remove the data of the host at `first` and of those after it. The same. */
bool local_cluster_forget_hosts(struct local_cluster *cluster, unsigned first) MUST_USE;
/** After that: pick other ports and write the files again. */
enum areg_error local_cluster_begin_anew(struct local_cluster *cluster, const struct local_options *options,
                                         char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Whether a host's address can be listened on at present. */
bool local_host_port_is_free(const struct local_host *host);

/**
 * One more host, which is not in genesis and joins those that are: pick its port. It is neither started nor saved.
 *
 * AREG_EINVAL (no id, known already, its data is there already, too many), AREG_EIO; `why` says more.
 */
enum areg_error local_cluster_add(struct local_cluster *cluster, const char *id, char why[LOCAL_WHY_BYTES]) MUST_USE;
/** Let a host that is not started yet listen at another port than others know; false if there is none. Not saved. */
bool local_cluster_listen_apart(struct local_cluster *cluster, unsigned host_index, uint16_t *port);
/** How many hosts it was made with. */
unsigned local_cluster_genesis_count(const struct local_cluster *cluster);

/** Position of a host; -1 if it is none. */
int local_cluster_find(const struct local_cluster *cluster, const char *id);
/** "tcp://...,tcp://..." of all hosts, but `except` (NULL: none); the caller frees it. NULL without memory. */
char *local_cluster_seeds(const struct local_cluster *cluster, const struct local_host *except);
/** Whether there is a cluster in `dir`. */
bool local_cluster_exists(const char *dir);
/** mkdir -p; false with errno. */
bool local_make_dirs(const char *dir);
/** rm -rf; what can not be removed stays. */
void local_remove_tree(const char *path);

#endif
