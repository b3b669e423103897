/*
 * genesis.conf: the cluster as it was born, the same file on every host. Reads it, judges it, and changes nothing.
 */
#ifndef SERVER_DAEMON_GENESIS_H
#define SERVER_DAEMON_GENESIS_H

#include "core/cluster.h"
#include "server/daemon/conf.h"

/** AREG_EINVAL: `why` is "FILE:LINE: sentence". AREG_ENOMEM. */
enum areg_error genesis_load(const char *path, struct cluster *cluster, char why[CONF_WHY_BYTES]) MUST_USE;

#endif
