/*
 * What all commands of areg-reconfig have in common: flags, exit codes, how it talks, how it reaches the cluster.
 *
 * Data goes to stdout, talk to stderr. With --json there is one document on stdout, also when a command fails.
 */
#ifndef RECONFIG_CLI_PROGRAM_H
#define RECONFIG_CLI_PROGRAM_H

#include "client/lib/handle.h"
#include "core/command_line.h"

/** The codes of all programs of areg, and those of `status`. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_ERROR = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_NOT_FOUND = 3,
    EXIT_CODE_UNAVAILABLE = 4,
    EXIT_CODE_CONFLICT = 5,
    EXIT_CODE_UNKNOWN_OUTCOME = 6,
    EXIT_CODE_DENIED = 7,
    EXIT_CODE_VERSION = 8,
    EXIT_CODE_REFUSED = 9,
    EXIT_CODE_DEGRADED = 10,
    EXIT_CODE_AT_RISK = 11,
    EXIT_CODE_STOPPED = 12,
};

/** The code that goes with an error. */
enum exit_code admin_exit_code(enum areg_error error);

/** Flags of every command. */
struct admin_flags {
    const char *seeds;
    const char *config;
    const char *pool;
    const char *plans;
    uint64_t timeout_ms; /* 0: the command's default */
    bool json;
    bool quiet;
    bool verbose;
    bool version;
    bool help;
};

/** Rows for the end of a command's table of flags. */
#define ADMIN_FLAGS(common)                                                                                            \
    {"pool", 0, FLAG_TEXT, &(common)->pool, "POOL", "only this pool; all", 0, 0},                                      \
        {"plans", 0, FLAG_TEXT, &(common)->plans, "DIR", "where plans and history are kept; ~/.cache/areg", 0, 0},     \
        {"seeds", 0, FLAG_TEXT, &(common)->seeds, "LIST", "hosts to begin with: tcp://h1:7600,tcp://h2:7600", 0, 0},   \
        {"config", 0, FLAG_TEXT, &(common)->config, "FILE", "client settings: seeds = [ ... ]; timeout = \"5 s\";",    \
         0,        0},                                                                                                 \
        {"timeout",  0,                                                                                                \
         FLAG_COUNT, &(common)->timeout_ms,                                                                            \
         "MS",       "give up when nothing has happened for so long; 5000, and 30000 for apply, resume and undo",      \
         1,          UINT32_MAX - 1},                                                                                  \
        {"json", 0, FLAG_SWITCH, &(common)->json, NULL, "print one JSON document", 0, 0},                              \
        {"quiet", 'q', FLAG_SWITCH, &(common)->quiet, NULL, "say nothing but what was asked for", 0, 0},               \
        {"verbose", 'v', FLAG_SWITCH, &(common)->verbose, NULL, "say more", 0, 0},                                     \
        {"version", 0, FLAG_SWITCH, &(common)->version, NULL, "print the version and leave", 0, 0},                    \
        {"help", 'h', FLAG_SWITCH, &(common)->help, NULL, "print this and leave", 0, 0},                               \
    {                                                                                                                  \
        0                                                                                                              \
    }

/** One command and its page of help. */
struct command {
    const char *name;
    const char *synopsis; /* "plan [FLAG...] CHANGE..." */
    const char *summary;  /* for the list of commands */
    const char *text;     /* what it does, in lines */
    const char *examples; /* lines */
    unsigned word_count_min;
    unsigned word_count_max;
    uint64_t timeout_ms; /* default */
    enum exit_code (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_advise;
extern const struct command command_apply;
extern const struct command command_history;
extern const struct command command_ok_to_stop;
extern const struct command command_pause;
extern const struct command command_plan;
extern const struct command command_progress;
extern const struct command command_resume;
extern const struct command command_status;
extern const struct command command_throttle;
extern const struct command command_undo;

enum {
    /* The words of the longest change: every host is replaced or removed and added, and a code, and a delta. */
    ADMIN_WORD_COUNT_MAX = 3 * CHANGE_HOST_COUNT_MAX + 4,
    TIMEOUT_MS_QUICK = 5000,
    TIMEOUT_MS_LONG = 30000,
};

/** One run of one command. */
struct admin {
    const struct command *command;
    struct admin_flags flags;
    unsigned word_count;
    const char *words[ADMIN_WORD_COUNT_MAX];
    struct areg_client *client; /* NULL before admin_open() */
    const struct cluster *cluster;
    const struct pool *pool; /* NULL: all */
};

/**
 * Parse a command's flags and words, and answer --help and --version. False: leave with `*code`; what there was to say
 * has been said.
 *
 * @flags  The command's table, which ends with ADMIN_FLAGS(&admin->flags).
 */
bool admin_parse(struct admin *admin, const struct command *command, const struct flag *flags, int argc, char **argv,
                 enum exit_code *code);
/** Answer the flags that are common, before there is a command: its name, the rest of argv; help and version. */
bool admin_find_command(int *argc, char **argv, const char **name, enum exit_code *code);

/** Whether a cluster was named, so that admin_open() has somewhere to begin. */
bool admin_names_cluster(const struct admin *admin);
/** Open the handle (--seeds, AREG_SEEDS, --config, in this order), learn what the cluster is, and find --pool. */
bool admin_open(struct admin *admin, enum exit_code *code);
void admin_close(struct admin *admin);
/** A moment `timeout` from now. */
uint64_t admin_deadline_ns(const struct admin *admin);

/** Say "areg-reconfig: plan: ..." on stderr, unless --quiet was given. */
void admin_say(const struct admin *admin, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Say what went wrong (--quiet does not hush it), as a document too if --json was given; returns `code`. */
enum exit_code admin_fail(const struct admin *admin, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Wrong usage of the program or a command (NULL: none yet): EXIT_CODE_USAGE. */
enum exit_code admin_fail_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Once, at the end: `code`, or what to leave with instead because not all that was printed has arrived; says so. */
enum exit_code admin_finish(enum exit_code code);

/** The program's page of help. */
void admin_print_help(FILE *to);
/** Run the command `name` with what stands beside it; for a name that is none, say what there is. */
enum exit_code admin_run(const char *name, int argc, char **argv);

#endif
