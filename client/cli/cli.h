/*
 * What all commands of areg have in common: flags, exit codes, how it talks, how it reaches the cluster.
 *
 * Data goes to stdout, talk to stderr. With --json there is one document on stdout, also when a command fails.
 */
#ifndef CLIENT_CLI_CLI_H
#define CLIENT_CLI_CLI_H

#include "core/command_line.h"

#include <areg.h>

/** The codes of all programs of areg. */
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
};

/** The code that goes with an error. */
enum exit_code cli_exit_code(enum areg_error error);

/** Flags of every command. */
struct cli_flags {
    const char *seeds;
    const char *config;
    uint64_t timeout_ms; /* 0: the default */
    bool json;
    bool quiet;
    bool verbose;
    bool version;
    bool help;
};

/** Rows for the end of a command's table of flags. */
#define CLI_FLAGS(common)                                                                                              \
    {"seeds", 0, FLAG_TEXT, &(common)->seeds, "LIST", "hosts to begin with: tcp://h1:7600,tcp://h2:7600", 0, 0},       \
        {"config", 0, FLAG_TEXT, &(common)->config, "FILE", "client settings: seeds = [ ... ]; timeout = \"5 s\";",    \
         0,        0},                                                                                                 \
        {"timeout", 0, FLAG_COUNT, &(common)->timeout_ms, "MS", "give up after this time; 5000", 1, UINT32_MAX - 1},   \
        {"json", 0, FLAG_SWITCH, &(common)->json, NULL, "print one JSON document", 0, 0},                              \
        {"quiet", 'q', FLAG_SWITCH, &(common)->quiet, NULL, "say nothing but what was asked for", 0, 0},               \
        {"verbose", 'v', FLAG_SWITCH, &(common)->verbose, NULL, "also say what it took", 0, 0},                        \
        {"version", 0, FLAG_SWITCH, &(common)->version, NULL, "print the version and leave", 0, 0},                    \
        {"help", 'h', FLAG_SWITCH, &(common)->help, NULL, "print this and leave", 0, 0},                               \
    {                                                                                                                  \
        0                                                                                                              \
    }

/** One command and its page of help. */
struct command {
    const char *name;
    const char *synopsis; /* "put [FLAG...] KEY [VALUE|@FILE|-]" */
    const char *summary;  /* for the list of commands */
    const char *text;     /* what it does, in lines */
    const char *examples; /* lines */
    bool is_write;
    unsigned word_count_min;
    unsigned word_count_max;
    enum exit_code (*run)(const struct command *command, int argc, char **argv);
};

extern const struct command command_del;
extern const struct command command_get;
extern const struct command command_ls;
extern const struct command command_ping;
extern const struct command command_put;
extern const struct command command_stat;

enum { CLI_WORD_COUNT_MAX = 2 };

/** One run of one command. */
struct cli {
    const struct command *command;
    struct cli_flags flags;
    unsigned word_count;
    const char *words[CLI_WORD_COUNT_MAX]; /* KEY, VALUE; words after "--" count too */
    struct areg_client *client;            /* NULL before cli_open() */
    uint64_t begin_ns;
};

/**
 * Parse a command's flags and words, and answer --help and --version. False: leave with `*code`; what there was to say
 * has been said.
 *
 * @flags  The command's table, which ends with CLI_FLAGS(&cli->flags).
 */
bool cli_parse(struct cli *cli, const struct command *command, const struct flag *flags, int argc, char **argv,
               enum exit_code *code);
/** Answer the flags that are common, before there is a command: its name, the rest of argv; help and version. */
bool cli_find_command(int *argc, char **argv, const char **name, enum exit_code *code);

/** Open the handle: --seeds, AREG_SEEDS, --config, in this order. */
bool cli_open(struct cli *cli, enum exit_code *code);
/** Close it; says what the command took if --verbose was given. */
void cli_close(struct cli *cli);

/** Say "areg: put: ..." on stderr, unless --quiet was given. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Say what went wrong (--quiet does not hush it), as a document too if --json was given; returns cli_exit_code(). */
enum exit_code cli_fail(const struct cli *cli, enum areg_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** The same for an operation on the register words[0]: the error's sentence, and the handle's detail. */
enum exit_code cli_fail_operation(const struct cli *cli, enum areg_error error, struct areg_tag tag);
/** Wrong usage of the program or a command (NULL: none yet): EXIT_CODE_USAGE. */
enum exit_code cli_fail_usage(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** Once, at the end: `code`, or what to leave with instead because not all that was printed has arrived; says so. */
enum exit_code cli_finish(enum exit_code code);

/** The program's page of help. */
void cli_print_help(FILE *to);
/** Run the command `name` with what stands beside it; for a name that is none, say what there is. */
enum exit_code cli_run(const char *name, int argc, char **argv);

#endif
