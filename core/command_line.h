/*
 * The command lines of all programs: one table of flags per command serves for parsing, for --help and for the
 * suggestion that follows a typing mistake. It prints nothing but help, and never ends the process.
 *
 * Flags and words may be mixed. "--name VALUE" and "--name=VALUE" are the same; "-" alone is a word; after "--"
 * everything is left as it is.
 */
#ifndef CORE_COMMAND_LINE_H
#define CORE_COMMAND_LINE_H

#include "core/error.h"

#include <stdio.h>

enum flag_kind {
    FLAG_SWITCH = 0,   /* `to` is a bool, which becomes true; takes no value */
    FLAG_TEXT = 1,     /* `to` is a const char *, lent by argv */
    FLAG_COUNT = 2,    /* `to` is a uint64_t */
    FLAG_BYTES = 3,    /* `to` is a uint64_t, in bytes: "64KiB" */
    FLAG_DURATION = 4, /* `to` is a uint64_t, in nanoseconds: "30s" */
};

/** One flag of one command. What `to` points at keeps its value, the default, if the flag is not given. */
struct flag {
    const char *name; /* "timeout", given as --timeout */
    char letter;      /* 'q', given as -q; 0: none */
    enum flag_kind kind;
    void *to;
    const char *value_name; /* "MS", for --help; NULL for a switch */
    const char *help;       /* what it does, and its default */
    uint64_t min;           /* COUNT, BYTES, DURATION: what is allowed */
    uint64_t max;           /* 0: no upper limit */
};

enum { COMMAND_LINE_WHY_BYTES = 256 };

struct command_line {
    const char *const *words; /* what is no flag, in order; lent by argv, which is rearranged for it */
    unsigned word_count;
    char *const *rest; /* what follows "--", ends with a NULL; NULL if there was no "--" */
};

/**
 * Parse argv[0..argc), which begins after the name of the program or command.
 *
 * @flags  Ends with a flag without a name.
 * Returns AREG_EINVAL and a sentence in `why`, with the nearest flag for one that is unknown. Values of flags that
 *         stand before the mistake have been stored by then.
 */
enum areg_error command_line_parse(const struct flag *flags, int argc, char **argv, struct command_line *line,
                                   char why[COMMAND_LINE_WHY_BYTES]) MUST_USE;

/** The flags as aligned lines of --help. */
void command_line_print_flags(const struct flag *flags, FILE *to);

/** The candidate that `word` was probably meant to be; NULL if none is near. `candidates` ends with a NULL. */
const char *command_line_suggest(const char *word, const char *const *candidates);

#endif
