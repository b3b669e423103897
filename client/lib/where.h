/*
 * Where a cluster is: the seeds that areg_open() was given, in its argument or in a client settings file.
 */
#ifndef CLIENT_LIB_WHERE_H
#define CLIENT_LIB_WHERE_H

#include "core/error.h"
#include "core/limits.h"

struct where {
    unsigned seed_count; /* at least 1 */
    char seeds[HOST_COUNT_MAX][ADDRESS_BYTES_MAX + 1];
    uint32_t timeout_ms; /* 0: not said */
};

enum { WHERE_WHY_BYTES = 256 };

/**
 * Judge `text`: seeds, separated by commas, or the path of a client settings file.
 * Returns AREG_EINVAL, also for a file that can not be read; `why` is a sentence, with file and line.
 */
enum areg_error where_parse(const char *text, struct where *where, char why[WHERE_WHY_BYTES]) MUST_USE;

#endif
