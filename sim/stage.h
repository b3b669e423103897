/*
 * Where a scenario is played: a simulated world in which every packet is held until a step says what becomes of it.
 * One message is in each packet, disks commit at once, and time stands still but for the steps that let it pass (and a
 * microsecond for each step, so that one comes after the other).
 *
 *   stage.c            time and messages
 *   stage_processes.c  processes and disks
 *   expectations.c     what a step expects to be so
 */
#ifndef SIM_STAGE_H
#define SIM_STAGE_H

#include "sim/inside.h"
#include "sim/script.h"

struct stage {
    const struct script *script;
    struct sim *sim;
    struct sim_report report;
    uint32_t op_indices[SCRIPT_OP_MAX]; /* of operations or changes in the simulator; UINT32_MAX: not begun */
    uint64_t end_ns;                    /* time that must not be passed */
    bool has_failed;
    char why[SCRIPT_WHY_BYTES]; /* what is not as the scenario has it */
};

/** All clients but strangers have greeted their hosts; nothing is under way. `log` and `timeline` may be NULL. */
void stage_open(struct stage *stage, const struct script *script, FILE *log, FILE *timeline);
void stage_close(struct stage *stage);
/** Play one step. False if something is broken (`report`), or not as the scenario has it (`why`). */
bool stage_play(struct stage *stage, const struct step *step);

/** A step is not as it should be; the first failure stands. Always false. */
bool stage_fail(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Nothing is broken, and all is as the scenario has it. */
bool stage_is_well(const struct stage *stage);

/** What has become of an operation, of either kind. */
struct op_state {
    bool has_begun;
    bool has_ended;
    bool is_lost; /* its process died */
    uint32_t life;
    uint64_t engine_id;
    enum areg_error error;
    uint64_t end_ns;
};
struct op_state stage_state(const struct stage *stage, unsigned op);
/** The simulator's operation on a register; NULL if it has not begun. */
const struct sim_op *stage_op(const struct stage *stage, unsigned op);
/** The simulator's reconfiguration; NULL if it has not begun. */
const struct sim_change *stage_change(const struct stage *stage, unsigned op);
/** What a PUT writes; empty: it is none. */
struct slice stage_value(const struct script_op *op);
/** What a write put, in the terms of hosts. */
struct entry stage_entry(const struct stage *stage, unsigned op);
/** The tag of a write, from its outcome or from what hosts have stored of it; false if nobody knows it yet. */
bool stage_tag(const struct stage *stage, unsigned op, struct tag *tag);

/** The number of a configuration, or of CONFIG_LAST; CONFIG_NONE: no disk has shown it. */
uint32_t stage_config(const struct stage *stage, int config);
/** "A", "G"; "s2": the worker of that host. */
const char *stage_process_name(const struct stage *stage, uint32_t process);

/** A message under way, as far as steps tell messages apart. */
struct message_name {
    unsigned process;
    unsigned host;
    bool to_host;
    enum message_kind kind;
    uint64_t op_id; /* of the process's engine */
    uint32_t phase;
    struct config_id config; /* a request's */
};
struct message_name stage_message(const struct stage *stage, size_t held_index);
/** Whether it is one of the pattern's, whatever hosts the pattern has; `is_reply` chooses the leg. */
bool stage_matches(const struct stage *stage, size_t held_index, const struct message_pattern *pattern, bool is_reply);
/** Append what is under way to the failure. */
void stage_describe_held(struct stage *stage);
/** Take a message off the network, which the caller owns then. */
struct transit *stage_take_held(struct stage *stage, size_t held_index);

/** All that happens by itself until then, and then it is then. */
bool stage_pass_until(struct stage *stage, uint64_t until_ns);
/** Connections come and go as processes do, and at once: a scenario is about messages. Who is paused notices later. */
void stage_settle_connections(struct stage *stage);
/** Processes (bits) learn what the cluster is from the hosts that they know first. */
void stage_greet(struct stage *stage, uint64_t processes);

/** A step that does something to processes or disks. */
bool stage_play_process(struct stage *stage, const struct step *step);

/** A step that expects something. */
bool stage_expect(struct stage *stage, const struct step *step);
/** "ok, 2 rounds", "\"a\" in 1 round": what became of an operation that has ended. */
const char *stage_describe_end(const struct stage *stage, unsigned op, char *text, size_t text_bytes);

#endif
