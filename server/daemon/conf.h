/*
 * Reading libconfig files strictly: every mistake is told with its file and line, and a name that is not known is a
 * mistake, told with the name that was probably meant.
 *
 * libconfig reads a number that does not fit 32 bits as another number, without a word. So sizes and durations are
 * strings with units, every number that is left has a range, and files are searched for such numbers before libconfig
 * sees them. Files do not include others.
 */
#ifndef SERVER_DAEMON_CONF_H
#define SERVER_DAEMON_CONF_H

#include "core/error.h"

#include <libconfig.h>

enum { CONF_WHY_BYTES = 512 };

/**
 * Parse a file, whose path is lent until the caller ends with config_destroy(), after AREG_OK only.
 * AREG_EINVAL: `why` is "FILE:LINE: sentence".
 */
enum areg_error conf_open(config_t *conf, const char *path, char why[CONF_WHY_BYTES]) MUST_USE;

/** Fill in `why` as "FILE:LINE: sentence" about a setting of an open file; returns AREG_EINVAL. */
enum areg_error conf_blame(const config_setting_t *setting, char why[CONF_WHY_BYTES], const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** AREG_EINVAL unless `group` is a group and every name in it is one of `names`, which end with a NULL. */
enum areg_error conf_check_names(const config_setting_t *group, const char *const *names,
                                 char why[CONF_WHY_BYTES]) MUST_USE;

/**
 * The text of `name` in `group`, at most `text_bytes_max` bytes, into `text`, which has room for one more. If it is not
 * there: `fallback`, or AREG_EINVAL if that is NULL.
 */
struct conf_text {
    const char *name;
    const char *fallback;
    size_t text_bytes_max;
};
enum areg_error conf_get_text(const config_setting_t *group, struct conf_text wanted, char *text,
                              char why[CONF_WHY_BYTES]) MUST_USE;

/** The whole number of `name` in `group`, in min..max; `fallback` if it is not there. */
struct conf_number {
    const char *name;
    unsigned fallback;
    unsigned min;
    unsigned max;
};
enum areg_error conf_get_number(const config_setting_t *group, struct conf_number wanted, unsigned *number,
                                char why[CONF_WHY_BYTES]) MUST_USE;

#endif
