/*
 * The words of one line of a scenario, and the names in them. Whatever is wrong is said once, with file and line; all
 * functions that return a bool return false then.
 */
#ifndef SIM_SCRIPT_WORDS_H
#define SIM_SCRIPT_WORDS_H

#include "sim/script.h"

struct script_reader {
    struct script *script;
    const char *path;
    char *why;
    bool has_failed;
    unsigned line;
    unsigned choice; /* the value of the script's variable */
    char room[2 * SCRIPT_LINE_BYTES_MAX];
    unsigned word_count;
    unsigned at; /* the next word */
    /* A quoted word begins with its opening quote, and has lost the closing one. */
    const char *words[SCRIPT_WORD_MAX];
};

/** Say what is wrong with the line; the first complaint stands. Always false. */
bool script_complain(struct script_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The next word must be one of these, which end with NULL; `what` they are called, for the complaint. */
bool words_one_of(struct script_reader *reader, const char *what, const char *const *candidates, unsigned *which);
/** "... is unknown (did you mean ...)". Always false. */
bool script_complain_unknown(struct script_reader *reader, const char *what, const char *word,
                             const char *const *candidates);

/** Take a line apart, comments left out, with the value of the variable in place of its name. */
bool words_split(struct script_reader *reader, const char *line, size_t line_bytes);
/** The next word, and past it; NULL at the end of the line. */
const char *words_next(struct script_reader *reader);
/** The next word; NULL at the end of the line. */
const char *words_peek(const struct script_reader *reader);
/** Whether the next word is this one; then it is taken. */
bool words_accept(struct script_reader *reader, const char *word);
/** The next word must be this one. */
bool words_require(struct script_reader *reader, const char *word);
/** Nothing may be left. */
bool words_end(struct script_reader *reader);

/** A new name: a letter, then letters, digits, '-' and '_'; nobody else's. */
bool words_name(struct script_reader *reader, const char *word, char name[SCRIPT_NAME_BYTES]);
/** "500ms" */
bool words_duration(struct script_reader *reader, uint64_t *time_ns);
bool words_count(struct script_reader *reader, unsigned max, unsigned *count);
/** Hosts, one at least, as far as the words speak of hosts: "s1 s3", "all", "first 3"; "the rest" if allowed. */
bool words_hosts(struct script_reader *reader, bool may_be_rest, struct host_list *hosts);
/** -1: it is none. A client or a reconfigurer. */
int words_process(const struct script_reader *reader, const char *word);
int words_op(const struct script_reader *reader, const char *word);
int words_host(const struct script_reader *reader, const char *word);
/** Whether it speaks of hosts: "s1", also if there is none of that name, "all", "first". */
bool words_is_of_hosts(const char *word);
/** The next word is a register that was written or read before. */
bool words_key(struct script_reader *reader, unsigned *key);
/** The next word is an operation of before. */
bool words_require_op(struct script_reader *reader, int *op);
/** The next word is "c0", or a configuration that somebody has wanted before. */
bool words_config(struct script_reader *reader, int *config);
/** The next word is a value that is written to the register before, or the operation that writes it. */
bool words_value(struct script_reader *reader, unsigned key, int *op);

/* ---------------------------------------------------------------- sentences */

/** A line that is no head: what happens, or is expected (script_steps.c). Its first word has been taken. */
bool script_parse_step(struct script_reader *reader, const char *word, struct step *step);
/** The rest of a line that begins with "expect" (script_expect.c). */
bool script_parse_expect(struct script_reader *reader, struct step *step);
/** "w1 put-data": messages of whom, of which kind, and about which configuration. */
bool script_parse_whose(struct script_reader *reader, struct message_pattern *messages);
/** "w1 put-data to s1 s2", "w1 put-data requests to all", "w1 put-data replies from the rest": to the end of the line.
 */
bool script_parse_messages(struct script_reader *reader, enum leg leg_without_word, struct message_pattern *messages);

#endif
