/*
 * Rates as admins write them: "20 MiB/s", "20MiB", "none".
 */
#ifndef RECONFIG_CLI_RATE_H
#define RECONFIG_CLI_RATE_H

#include "core/error.h"

/** Bytes per second; "none" and 0 are no limit, 0. AREG_EINVAL for all else. */
enum areg_error rate_parse(const char *text, uint64_t *bytes_per_s) MUST_USE;

#endif
