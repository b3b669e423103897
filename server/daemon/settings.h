/*
 * The settings of one host: where each comes from (flag, environment, file, default: the first of these wins), and
 * what it means. One table serves for parsing, for the flags, for --check and for the names in error messages.
 *
 * Nothing here acts on a setting, and every mistake is told with its place.
 */
#ifndef SERVER_DAEMON_SETTINGS_H
#define SERVER_DAEMON_SETTINGS_H

#include "server/daemon/conf.h"
#include "server/daemon/log.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum setting_id {
    SETTING_ID = 0,
    SETTING_LISTEN,
    SETTING_DATA,
    SETTING_GENESIS,
    SETTING_JOIN,
    SETTING_STORAGE_SYNC,
    SETTING_STORAGE_QUOTA,
    SETTING_STORAGE_RESERVE,
    SETTING_LIMITS_INFLIGHT,
    SETTING_LOG_LEVEL,
    SETTING_LOG_FORMAT,
    SETTING_SECURITY_CURVE,
    /* Of the full set, but refused by this version. */
    SETTING_LIMITS_BACKGROUND,
    SETTING_SECURITY_SECRET,
    SETTING_SECURITY_ALLOW,
    SETTING_METRICS_LISTEN,
    SETTING_SCRUB_EVERY,
    SETTING_SCRUB_RATE,
    SETTING_COUNT,
};

/** Its full name, "storage.quota". */
const char *setting_name(enum setting_id id);
/** The flag that gives it, "quota"; NULL if there is none. */
const char *setting_flag(enum setting_id id);
/** One line for --help; NULL if there is no flag. */
const char *setting_help(enum setting_id id);
/** What stands for its value in --help, "SIZE". */
const char *setting_value_name(enum setting_id id);

/** A setting as it was written, and where. Both are owned by the settings. */
struct setting_text {
    char *text;   /* NULL: not given, and there is no default */
    char *origin; /* "aregd.conf:7", "AREG_STORAGE_QUOTA", "--quota" or "default" */
};

struct settings {
    struct setting_text texts[SETTING_COUNT];
    /* What they mean. Texts are lent from `texts`. */
    const char *id;
    const char *listen; /* NULL: the host's address in genesis */
    const char *data;
    const char *genesis; /* NULL: it joins */
    const char *join;    /* seeds, with commas between them; NULL: it is in genesis */
    bool sync;
    uint64_t quota_bytes;   /* 0: none */
    uint64_t reserve_bytes; /* 0: none */
    unsigned inflight_max;
    enum log_level log_level;
    enum log_format log_format;
};

/** Where settings come from, all lent until settings_load() returns. */
struct settings_sources {
    const char *flags[SETTING_COUNT]; /* NULL: not given */
    const char *file;                 /* NULL: none */
};

/**
 * Gather and judge all settings. Paths in the file are relative to the file. On AREG_OK the caller ends with
 * settings_fini(). AREG_EINVAL: `why` is "PLACE: sentence". AREG_ENOMEM.
 */
enum areg_error settings_load(struct settings *settings, const struct settings_sources *sources,
                              char why[CONF_WHY_BYTES]) MUST_USE;
void settings_fini(struct settings *settings);

/** Every setting with its value and its origin, one on each line. */
void settings_print(const struct settings *settings, FILE *to);

/** The first setting that differs and takes effect only at a start; SETTING_COUNT if there is none. */
enum setting_id settings_changed(const struct settings *before, const struct settings *after);

#endif
