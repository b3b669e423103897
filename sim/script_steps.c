/*
 * Steps that do something, as they are written down.
 */
#include "core/limits.h"
#include "sim/script_words.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- names of things */

const char *script_message_name(enum message_kind kind)
{
    static const char *const names[] = {
        [MESSAGE_HELLO] = "hello",
        [MESSAGE_GET_TAG] = "get-tag",
        [MESSAGE_GET_DATA] = "get-data",
        [MESSAGE_PUT_DATA] = "put-data",
        [MESSAGE_CONFIRM] = "confirm",
        [MESSAGE_LIST_KEYS] = "list-keys",
        [MESSAGE_READ_CONFIG] = "read-config",
        [MESSAGE_WRITE_CONFIG] = "write-config",
        [MESSAGE_PREPARE] = "prepare",
        [MESSAGE_ACCEPT] = "accept",
        [MESSAGE_JOIN] = "join",
        [MESSAGE_FINALIZE] = "finalize",
        [MESSAGE_HINT] = "hint",
        [MESSAGE_ADOPT] = "adopt",
        [MESSAGE_TRANSFER] = "transfer",
        [MESSAGE_REGISTER] = "register",
    };
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

static bool parse_kind(struct script_reader *reader, enum message_kind *kind)
{
    const char *names[MESSAGE_REGISTER + 2];
    unsigned name_count = 0;
    const char *word = words_next(reader);
    if (!word)
        return script_complain(reader, "a kind of message is missing at the end of the line");
    for (unsigned i = 0; i <= MESSAGE_REGISTER; i++) {
        const char *name = script_message_name((enum message_kind)i);
        if (!name)
            continue;
        names[name_count++] = name;
        *kind = (enum message_kind)i;
        if (strcmp(word, name) == 0)
            return true;
    }
    names[name_count] = NULL;
    return script_complain_unknown(reader, "the kind of message", word, names);
}

/* ---------------------------------------------------------------- operations */

static bool parse_key(struct script_reader *reader, unsigned *key)
{
    struct script *script = reader->script;
    const char *word = words_next(reader);
    if (!word || word[0] == '"' || strlen(word) >= SCRIPT_NAME_BYTES)
        return script_complain(reader, "a register's name of at most %d bytes is missing here", SCRIPT_NAME_BYTES - 1);
    for (*key = 0; *key < script->key_count; (*key)++)
        if (strcmp(script->keys[*key], word) == 0)
            return true;
    if (script->key_count == SCRIPT_KEY_MAX)
        return script_complain(reader, "at most %d registers", SCRIPT_KEY_MAX);
    snprintf(script->keys[script->key_count++], SCRIPT_NAME_BYTES, "%s", word);
    return true;
}

static bool parse_new_value(struct script_reader *reader, struct script_op *op)
{
    const char *word = words_next(reader);
    if (!word || word[0] != '"')
        return script_complain(reader, "a value in quotes is missing here");
    const size_t value_bytes = strlen(word + 1);
    if (value_bytes == 0 || value_bytes >= SCRIPT_VALUE_BYTES)
        return script_complain(reader, "a value has 1 to %d bytes", SCRIPT_VALUE_BYTES - 1);
    for (unsigned i = 0; i < reader->script->op_count; i++) {
        const struct script_op *other = &reader->script->ops[i];
        if (other->kind == CLIENT_PUT && other->key == op->key && strcmp(other->value, word + 1) == 0)
            return script_complain(reader, "%s writes %s\" too: values must differ, so that a read tells whose it saw",
                                   other->name, word);
    }
    memcpy(op->value, word + 1, value_bytes + 1);
    return true;
}

static bool parse_op_options(struct script_reader *reader, struct script_op *op)
{
    op->base = BASE_NONE;
    op->timeout_ns = UINT64_MAX;
    if ((op->kind == CLIENT_PUT || op->kind == CLIENT_DEL) && words_accept(reader, "over")) {
        if (words_accept(reader, "nothing"))
            op->base = BASE_NOTHING;
        else if (!words_value(reader, op->key, &op->base))
            return false;
    }
    return !words_accept(reader, "within") || words_duration(reader, &op->timeout_ns);
}

/* What is read or written: put k "a" */
static bool parse_access(struct script_reader *reader, struct script_op *op)
{
    static const char *const verbs[] = {"get", "stat", "put", "delete", "list", NULL};
    static const enum client_op_kind kinds[] = {CLIENT_GET, CLIENT_STAT, CLIENT_PUT, CLIENT_DEL, CLIENT_LIST};
    unsigned which;
    if (!words_one_of(reader, "the operation", verbs, &which))
        return false;
    op->kind = kinds[which];
    if (op->kind != CLIENT_LIST && !parse_key(reader, &op->key))
        return false;
    return op->kind != CLIENT_PUT || parse_new_value(reader, op);
}

/* to rs:5,3 on s1 s2 s3 s4 s6 delta 2 after c0 */
static bool parse_change(struct script_reader *reader, struct script_op *op)
{
    op->delta = reader->script->delta;
    op->after = CONFIG_LAST;
    if (!words_require(reader, "to"))
        return false;
    const char *word = words_next(reader);
    if (!word || code_parse(word, &op->code) != AREG_OK)
        return script_complain(reader, "a code is missing here, such as rs:5,3 or repl:3");
    if (!words_require(reader, "on") || !words_hosts(reader, false, &op->hosts))
        return false;
    if (op->hosts.count != op->code.n)
        return script_complain(reader, "%s is a code for %u hosts, and here are %u", word, op->code.n, op->hosts.count);
    if (words_accept(reader, "delta") && !words_count(reader, DELTA_MAX, &op->delta))
        return false;
    return !words_accept(reader, "after") || words_config(reader, &op->after);
}

/* What becomes of configurations: change to rs:5,3 on all */
static bool parse_reconfiguration(struct script_reader *reader, struct script_op *op)
{
    static const char *const verbs[] = {"change", "finish", "look", NULL};
    static const enum reconfigure_goal goals[] = {RECONFIGURE_CHANGE, RECONFIGURE_FINISH, RECONFIGURE_LOOK};
    unsigned which;
    if (!words_one_of(reader, "what reconfigurers do,", verbs, &which))
        return false;
    op->kind = CLIENT_RECONFIGURE;
    op->goal = goals[which];
    return op->goal != RECONFIGURE_CHANGE || parse_change(reader, op);
}

/* w1 = put k "a" */
static bool parse_op(struct script_reader *reader, unsigned process, struct step *step)
{
    struct script *script = reader->script;
    if (script->op_count == SCRIPT_OP_MAX)
        return script_complain(reader, "at most %d operations", SCRIPT_OP_MAX);
    struct script_op *op = &script->ops[script->op_count];
    const char *name = words_next(reader);
    if (!name)
        return script_complain(reader, "an operation is missing, such as: r1 = get k");
    if (!words_name(reader, name, op->name) || !words_require(reader, "="))
        return false;
    op->process = process;
    const bool is_client = process < script->client_count;
    if (is_client ? !parse_access(reader, op) : !parse_reconfiguration(reader, op))
        return false;
    if (!parse_op_options(reader, op) || !words_end(reader))
        return false;
    step->kind = STEP_SUBMIT;
    step->op = (int)script->op_count++;
    return true;
}

static bool parse_cancel(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_CANCEL;
    return words_require_op(reader, &step->op) && words_end(reader);
}

/* ---------------------------------------------------------------- messages */

/* The process whose name it is; the worker of a host has its host's. -1: nobody's. */
static int find_process(const struct script_reader *reader, const char *word)
{
    const int host = words_host(reader, word);
    return host < 0 ? words_process(reader, word) : (int)script_named_count(reader->script) + host;
}

/* w1 put-data in c1 */
bool script_parse_whose(struct script_reader *reader, struct message_pattern *messages)
{
    const char *word = words_next(reader);
    messages->op = word ? words_op(reader, word) : -1;
    messages->config = CONFIG_UNSAID;
    const int process = messages->op >= 0 ? (int)reader->script->ops[messages->op].process
                        : word            ? find_process(reader, word)
                                          : -1;
    if (process < 0)
        return script_complain(reader, "whose messages? \"%s\" is neither an operation nor a process",
                               word ? word : "");
    if (process >= (int)script_named_count(reader->script) && reader->script->reconfigurer_count == 0)
        return script_complain(reader, "without reconfigurers %s has nothing to say by itself", word);
    messages->process = (unsigned)process;
    if (!parse_kind(reader, &messages->kind))
        return false;
    return !words_accept(reader, "in") || words_config(reader, &messages->config);
}

bool script_parse_messages(struct script_reader *reader, enum leg leg_without_word, struct message_pattern *messages)
{
    if (!script_parse_whose(reader, messages))
        return false;
    messages->leg = leg_without_word;
    if (words_accept(reader, "replies")) {
        if (messages->config != CONFIG_UNSAID)
            return script_complain(reader, "replies do not say what configuration they are about");
        messages->leg = LEG_REPLIES;
        return words_require(reader, "from") && words_hosts(reader, true, &messages->hosts) && words_end(reader);
    }
    if (words_accept(reader, "requests"))
        messages->leg = LEG_REQUESTS;
    else if (leg_without_word != LEG_BOTH && words_peek(reader) && strcmp(words_peek(reader), "to") == 0)
        messages->leg = LEG_REQUESTS;
    return words_require(reader, "to") && words_hosts(reader, true, &messages->hosts) && words_end(reader);
}

static bool parse_deliver(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_DELIVER;
    return script_parse_messages(reader, LEG_BOTH, &step->messages);
}

static bool parse_drop(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_DROP;
    return script_parse_messages(reader, LEG_REQUESTS, &step->messages);
}

static bool parse_duplicate(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_DUPLICATE;
    return script_parse_messages(reader, LEG_REQUESTS, &step->messages);
}

/* ---------------------------------------------------------------- processes, disks, time */

/* Clients and reconfigurers, if there are any. */
static void parse_named(struct script_reader *reader, struct step *step)
{
    for (const char *word = words_peek(reader); word && words_process(reader, word) >= 0; word = words_peek(reader)) {
        step->processes |= UINT64_C(1) << words_process(reader, word);
        reader->at++;
    }
}

/* Processes and hosts, one at least. */
static bool parse_processes(struct script_reader *reader, struct step *step)
{
    parse_named(reader, step);
    const char *word = words_peek(reader);
    if (step->processes && (!word || strcmp(word, "for") == 0))
        return true;
    return words_hosts(reader, false, &step->hosts);
}

static bool parse_crash(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_CRASH;
    return parse_processes(reader, step) && words_end(reader);
}

static bool parse_pause(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_PAUSE;
    return parse_processes(reader, step) && words_require(reader, "for") && words_duration(reader, &step->time_ns) &&
           words_end(reader);
}

static bool parse_restart(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_RESTART;
    return words_hosts(reader, false, &step->hosts) && words_end(reader);
}

static bool parse_lose(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_LOSE_DISK;
    return words_require(reader, "disk") && words_require(reader, "of") && words_hosts(reader, false, &step->hosts) &&
           words_end(reader);
}

static bool parse_advance(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_ADVANCE;
    return words_duration(reader, &step->time_ns) && words_end(reader);
}

static bool parse_commit(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_COMMIT;
    return words_hosts(reader, false, &step->hosts) && words_end(reader);
}

static bool parse_hold(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_HOLD_COMMITS;
    return words_require(reader, "commits") && words_require(reader, "of") &&
           words_hosts(reader, false, &step->hosts) && words_end(reader);
}

static bool parse_release(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_RELEASE_COMMITS;
    return words_require(reader, "commits") && words_require(reader, "of") &&
           words_hosts(reader, false, &step->hosts) && words_end(reader);
}

static bool parse_fail(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_FAIL_COMMIT;
    return words_require(reader, "commit") && words_require(reader, "of") && words_hosts(reader, false, &step->hosts) &&
           words_end(reader);
}

/* w1 ends; w1 w2 end; c1 is installing */
static bool parse_until(struct script_reader *reader, struct step *step)
{
    static const char *const names[] = {"greeting",     "joining",    "proposing", "installing",
                                        "transferring", "finalizing", NULL};
    unsigned which;
    while (!words_accept(reader, "ends") && !words_accept(reader, "end")) {
        int op;
        if (step->op_count == 1 && words_accept(reader, "is")) {
            step->op = step->ops[0];
            if (reader->script->ops[step->op].kind != CLIENT_RECONFIGURE)
                return script_complain(reader, "%s is no reconfiguration", reader->script->ops[step->op].name);
            if (!words_one_of(reader, "what a reconfiguration is at,", names, &which))
                return false;
            step->progress = (enum reconfigure_step)(RECONFIGURE_GREETING + which);
            return true;
        }
        if (!words_require_op(reader, &op))
            return false;
        if (step->op_count == SCRIPT_OP_MAX)
            return script_complain(reader, "too many operations");
        step->ops[step->op_count++] = (uint8_t)op;
    }
    return step->op_count > 0 || script_complain(reader, "until which operation ends?");
}

/* Hosts as processes with something to say by themselves, if there are any. */
static bool parse_workers(struct script_reader *reader, struct step *step)
{
    struct host_list hosts;
    const char *word = words_peek(reader);
    if (!word || !words_is_of_hosts(word))
        return true;
    if (!words_hosts(reader, false, &hosts))
        return false;
    for (unsigned i = 0; i < hosts.count; i++)
        step->processes |= UINT64_C(1) << (script_named_count(reader->script) + hosts.hosts[i]);
    return reader->script->reconfigurer_count > 0 ||
           script_complain(reader, "without reconfigurers hosts have nothing to say by themselves");
}

/* run; run A B without s4 s5 until w1 ends; run G s6 until c1 ends; run for 100ms */
static bool parse_run(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_RUN;
    parse_named(reader, step);
    if (!parse_workers(reader, step))
        return false;
    if (step->processes == 0)
        step->processes = UINT64_MAX;
    if (words_accept(reader, "without") && !words_hosts(reader, false, &step->hosts))
        return false;
    if (words_accept(reader, "for"))
        return words_duration(reader, &step->time_ns) && words_end(reader);
    if (words_accept(reader, "until") && !parse_until(reader, step))
        return false;
    return words_end(reader);
}

/* ---------------------------------------------------------------- all of them */

static const struct {
    const char *word;
    bool (*parse)(struct script_reader *reader, struct step *step);
} sentences[] = {
    {"deliver", parse_deliver}, {"drop", parse_drop},       {"duplicate", parse_duplicate},  {"cancel", parse_cancel},
    {"crash", parse_crash},     {"restart", parse_restart}, {"pause", parse_pause},          {"advance", parse_advance},
    {"hold", parse_hold},       {"commit", parse_commit},   {"release", parse_release},      {"fail", parse_fail},
    {"lose", parse_lose},       {"run", parse_run},         {"expect", script_parse_expect},
};
enum { SENTENCE_COUNT = sizeof sentences / sizeof sentences[0] };

static const char *const heads[] = {"cluster", "hosts", "clients", "strangers", "reconfigurers", "caught-with"};
enum { HEAD_COUNT = sizeof heads / sizeof heads[0] };

/* A step begins with a verb, or with who begins an operation: "A:". */
bool script_parse_step(struct script_reader *reader, const char *word, struct step *step)
{
    const char *names[SENTENCE_COUNT + HEAD_COUNT + 1] = {NULL};
    char name[SCRIPT_LINE_BYTES_MAX + 1];
    const size_t word_bytes = strlen(word);
    if (reader->script->client_count == 0)
        return script_complain(reader, "name the clients before the first step: clients A B");
    if (word[word_bytes - 1] == ':') {
        snprintf(name, sizeof name, "%.*s", (int)word_bytes - 1, word);
        const int process = words_process(reader, name);
        if (process < 0)
            return script_complain(reader, "there is no client \"%s\"", name);
        return parse_op(reader, (unsigned)process, step);
    }
    memcpy(names, heads, sizeof heads);
    for (unsigned i = 0; i < SENTENCE_COUNT; i++) {
        if (strcmp(word, sentences[i].word) == 0)
            return sentences[i].parse(reader, step);
        names[HEAD_COUNT + i] = sentences[i].word;
    }
    return script_complain_unknown(reader, "the word", word, names);
}
