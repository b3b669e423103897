/*
 * A scenario as written down: a text of one sentence a line becomes a list of steps, in which every name has been
 * looked up. docs/scenarios.md describes the language.
 *
 *   script.c         the file and its head
 *   script_steps.c   what happens
 *   script_expect.c  what is expected
 *   script_words.c   the words of a line, and the names in them
 *
 * A text is judged as a whole before anything of it is played: an unknown word, host or name is found even if the line
 * would never be reached.
 */
#ifndef SIM_SCRIPT_H
#define SIM_SCRIPT_H

#include "client/client.h"
#include "core/config.h"
#include "core/plant.h"

/* Far more than a conversation has that anybody can follow. */
enum {
    SCRIPT_BYTES_MAX = 64 << 10,
    SCRIPT_LINE_BYTES_MAX = 160,
    SCRIPT_WORD_MAX = 64, /* of one line */
    SCRIPT_STEP_MAX = 500,
    SCRIPT_CLIENT_MAX = 16,
    SCRIPT_RECONFIGURER_MAX = 8,
    SCRIPT_PROCESS_MAX = SCRIPT_CLIENT_MAX + SCRIPT_RECONFIGURER_MAX, /* with names of their own */
    SCRIPT_KEY_MAX = 8,
    SCRIPT_OP_MAX = 100,
    SCRIPT_CHOICE_MAX = 16, /* of `for j in ...` */
    SCRIPT_NAME_BYTES = 16, /* with the final NUL */
    SCRIPT_VALUE_BYTES = 64,
    SCRIPT_WHY_BYTES = 800,
};
/* Virtual time that a step may take. */
#define SCRIPT_TIME_NS_MAX UINT64_C(3600000000000)

/* ---------------------------------------------------------------- what steps speak of */

/** Hosts by their index, in the order in which they are written. */
struct host_list {
    bool is_rest; /* those that have such a message; no host is listed */
    unsigned count;
    uint8_t hosts[MEMBER_COUNT_MAX];
};

/** Which half of a question and its answer. */
enum leg {
    LEG_BOTH, /* there and back again */
    LEG_REQUESTS,
    LEG_REPLIES,
};

/* A configuration is named after the operation that wants it; the first one is "c0". */
enum {
    CONFIG_GENESIS = -1, /* c0 */
    CONFIG_LAST = -2,    /* the last one that any host has shown */
    CONFIG_UNSAID = -3,
};

/** Messages under way: of one operation, or of one process, of one kind, to or from some hosts. */
struct message_pattern {
    int op;           /* -1: of any of the process's */
    unsigned process; /* whose they are */
    enum message_kind kind;
    int config; /* requests: that they are about; CONFIG_UNSAID: any */
    enum leg leg;
    struct host_list hosts;
};

enum step_kind {
    STEP_SUBMIT,          /* op */
    STEP_CANCEL,          /* op */
    STEP_DELIVER,         /* messages */
    STEP_DROP,            /* messages */
    STEP_DUPLICATE,       /* messages */
    STEP_CRASH,           /* processes, hosts */
    STEP_RESTART,         /* hosts */
    STEP_LOSE_DISK,       /* hosts */
    STEP_PAUSE,           /* processes, hosts, time_ns */
    STEP_ADVANCE,         /* time_ns */
    STEP_HOLD_COMMITS,    /* hosts */
    STEP_COMMIT,          /* hosts */
    STEP_RELEASE_COMMITS, /* hosts */
    STEP_FAIL_COMMIT,     /* hosts */
    STEP_RUN,             /* processes, hosts (without them), ops or op, progress or time_ns or neither */
    STEP_EXPECT_OUTCOME,  /* op, outcome */
    STEP_EXPECT_VALUE,    /* op, ops[0]: what it read is what that one wrote */
    STEP_EXPECT_FOUND,    /* op, config: nothing is pending, and this was finalized last */
    STEP_EXPECT_ROUNDS,   /* op, round_count */
    STEP_EXPECT_LIST,     /* hosts, config, key, ops: exactly what these wrote, in order of tags */
    STEP_EXPECT_TRIMMED,  /* hosts, config, key, ops: none, or the one */
    STEP_EXPECT_CONFIRMED,
    STEP_EXPECT_LINK,     /* hosts, config, link, next */
    STEP_EXPECT_ACCEPTED, /* hosts, config, next; CONFIG_UNSAID: nothing */
    STEP_EXPECT_FINAL,    /* hosts, config: the last one that they know to be finalized */
    STEP_EXPECT_UP,       /* hosts */
    STEP_EXPECT_DOWN,     /* hosts */
    STEP_EXPECT_MESSAGES, /* messages: exactly these hosts have any */
    STEP_EXPECT_SILENCE,  /* messages: none; its hosts are not set */
    STEP_EXPECT_ATOMIC,
};

enum { OUTCOME_PENDING = -1 }; /* else an enum areg_error */

struct step {
    enum step_kind kind;
    unsigned line;
    const char *text; /* the line as it is written; lent by the script */
    int op;
    int outcome;
    unsigned key;
    uint32_t round_count;
    enum reconfigure_step progress; /* LOOKING: none is given */
    uint64_t time_ns;               /* 0: none is given */
    uint64_t processes;             /* bits */
    int config;
    int next; /* its successor */
    enum link_status link;
    struct host_list hosts;
    struct message_pattern messages;
    unsigned op_count;
    uint8_t ops[SCRIPT_OP_MAX];
};

/* ---------------------------------------------------------------- the whole */

struct script_process {
    char name[SCRIPT_NAME_BYTES];
    bool is_stranger; /* has not greeted any host when the first step begins */
};

enum { BASE_NONE = -1, BASE_NOTHING = -2 }; /* else an operation */

struct script_op {
    char name[SCRIPT_NAME_BYTES];
    unsigned process;
    enum client_op_kind kind;
    unsigned key;
    char value[SCRIPT_VALUE_BYTES]; /* PUT */
    int base;                       /* of a covering write */
    uint64_t timeout_ns;            /* UINT64_MAX: none */
    /* RECONFIGURE */
    enum reconfigure_goal goal;
    struct code code; /* CHANGE, and the rest */
    unsigned delta;
    struct host_list hosts;
    int after;
};

struct script {
    char *source;      /* what steps' texts lie in */
    const char *title; /* the first line of comment; "" if there is none */
    struct code code;
    unsigned delta;
    unsigned host_count; /* members of c0, and further ones */
    uint64_t caught_by;  /* bits of enum plant: with each of these bugs planted, the scenario must fail */
    /* `for NAME in CHOICES`: the scenario is played once for each; the script is of one of them. */
    char variable[SCRIPT_NAME_BYTES];
    unsigned choice_count;
    unsigned choices[SCRIPT_CHOICE_MAX];
    unsigned client_count;
    unsigned reconfigurer_count;                         /* with any of them, hosts have workers */
    struct script_process processes[SCRIPT_PROCESS_MAX]; /* clients, then reconfigurers; by index, as are the bits */
    unsigned key_count;
    char keys[SCRIPT_KEY_MAX][SCRIPT_NAME_BYTES];
    unsigned op_count;
    struct script_op ops[SCRIPT_OP_MAX];
    unsigned step_count;
    struct step *steps;
};

/**
 * Read a scenario.
 *
 * @choice_index  Which of the values of `for` is meant; 0 if there is no `for`.
 * Returns AREG_ENOTFOUND (the file can not be read), AREG_EINVAL, AREG_ENOMEM; then `why` is a sentence, which begins
 * with the file and the line. The script holds nothing then.
 */
enum areg_error script_read(struct script *script, const char *path, unsigned choice_index,
                            char why[SCRIPT_WHY_BYTES]) MUST_USE;
void script_fini(struct script *script);

/** Clients and reconfigurers; the worker of host i is the process of this index and i. */
static inline unsigned script_named_count(const struct script *script)
{
    return script->client_count + script->reconfigurer_count;
}

/** "get-tag"; NULL if there is no such kind, or scenarios do not speak of it. */
const char *script_message_name(enum message_kind kind);
/** "pending", "ok", "maybe". */
const char *script_outcome_name(int outcome);

#endif
