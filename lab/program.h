/*
 * What all commands of areg-lab have in common: flags, exit codes, the way they talk.
 *
 * Data goes to stdout, talk to stderr.
 */
#ifndef LAB_PROGRAM_H
#define LAB_PROGRAM_H

#include "core/command_line.h"

#include <linux/limits.h>

/** The codes of all programs. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_ERROR = 1,
    EXIT_CODE_USAGE = 2,
    EXIT_CODE_NOT_FOUND = 3,
    EXIT_CODE_UNAVAILABLE = 4,
};

/** One command; `run` gets what stands after its name. */
struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

int command_bench(int argc, char **argv);
int command_check(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_down(int argc, char **argv);
int command_exp(int argc, char **argv);
int command_host(int argc, char **argv);
int command_plot(int argc, char **argv);
int command_report(int argc, char **argv);
int command_shell(int argc, char **argv);
int command_sim(int argc, char **argv);
int command_summary(int argc, char **argv);
int command_up(int argc, char **argv);

struct common_flags {
    bool help;
    bool version;
    bool json;
    bool quiet;
    bool verbose;
    uint64_t timeout_ms;
};

/** Rows for the end of a command's table of flags. */
#define COMMON_FLAGS(common)                                                                                           \
    {"timeout", 0, FLAG_COUNT, &(common)->timeout_ms, "MS", "give up after this time", 1, UINT32_MAX / 2},             \
        {"json", 0, FLAG_SWITCH, &(common)->json, NULL, "print one JSON document", 0, 0},                              \
        {"quiet", 'q', FLAG_SWITCH, &(common)->quiet, NULL, "say nothing but what was asked for", 0, 0},               \
        {"verbose", 'v', FLAG_SWITCH, &(common)->verbose, NULL, "say more", 0, 0},                                     \
        {"version", 0, FLAG_SWITCH, &(common)->version, NULL, "print the version and leave", 0, 0},                    \
        {"help", 'h', FLAG_SWITCH, &(common)->help, NULL, "print this and leave", 0, 0},                               \
    {                                                                                                                  \
        0                                                                                                              \
    }

/** A command's own page: synopsis, what it does, flags, examples. */
struct command_page {
    const char *synopsis; /* "up [FLAG...]" */
    const char *text;     /* what it does */
    const char *examples; /* lines */
    unsigned word_count_max;
    bool takes_rest; /* whether "-- COMMAND ..." may follow */
};

/**
 * Parse a command's flags, and answer --help and --version. True: go on, with EXIT_CODE_OK so far. False: leave with
 * `*exit_code`; what there was to say has been said.
 */
bool program_parse(const struct command_page *page, const struct flag *flags, const struct common_flags *common,
                   int argc, char **argv, struct command_line *line, int *exit_code);

/** Print the version; EXIT_CODE_OK. */
int program_print_version(void);

/** Print "areg-lab: ..." to stderr; returns EXIT_CODE_ERROR, or what else goes with that error. */
int program_fail(enum areg_error error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The same for wrong usage, with EXIT_CODE_USAGE. */
int program_fail_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** Once, at the end: the code to leave with, which tells if not all that was printed on stdout has arrived. */
int program_finish(int exit_code);

/**
 * Block the signals that ask a program to end, but those that whoever started it wants ignored, and make them readable;
 * -1 on failure.
 */
int program_open_signals(void);
/** Having heard them: the next one ends the program at once, as it would have without program_open_signals(). */
void program_release_signals(int signal_fd);

/** The directory of the local cluster: the flag, AREG_LAB_DIR, or ./areg-cluster. */
const char *program_lab_dir(const char *flag);
/** The directory that this program is in, into `dir`; false if it can't be told. */
bool program_own_dir(char *dir, size_t room_bytes);
/** Another program of areg: beside this one, else in PATH; false if it is in neither. */
bool program_find(const char *name, char path[PATH_MAX]);

#endif
