#include "sim/script.h"

#include "core/command_line.h"
#include "core/limits.h"
#include "sim/script_words.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SCRIPT_OP_MAX <= UINT8_MAX, "operations must fit a step's list");
_Static_assert(PLANT_COUNT <= 64, "planted bugs must fit a word");

/* ---------------------------------------------------------------- names of things */

const char *script_message_name(enum message_kind kind)
{
    static const char *const names[] = {
        [MESSAGE_HELLO] = "hello",       [MESSAGE_GET_TAG] = "get-tag", [MESSAGE_GET_DATA] = "get-data",
        [MESSAGE_PUT_DATA] = "put-data", [MESSAGE_CONFIRM] = "confirm", [MESSAGE_LIST_KEYS] = "list-keys",
        [MESSAGE_STATUS] = NULL,
    };
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

static const struct {
    int outcome;
    const char *name;
} outcomes[] = {
    {OUTCOME_PENDING, "pending"},   {AREG_OK, "ok"},        {AREG_EMAYBE, "maybe"},
    {AREG_EUNAVAIL, "unavailable"}, {AREG_ESTALE, "stale"}, {AREG_ENOTFOUND, "not-found"},
    {AREG_ECANCELED, "canceled"},   {AREG_EFULL, "full"},   {AREG_ECORRUPT, "corrupt"},
};
enum { OUTCOME_COUNT = sizeof outcomes / sizeof outcomes[0] };

const char *script_outcome_name(int outcome)
{
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        if (outcomes[i].outcome == outcome)
            return outcomes[i].name;
    return error_name((enum areg_error)outcome);
}

/* "(did you mean ...)", or nothing. */
static bool complain_unknown(struct script_reader *reader, const char *what, const char *word,
                             const char *const *candidates)
{
    const char *near = command_line_suggest(word, candidates);
    return script_complain(reader, "%s \"%s\" is unknown%s%s%s", what, word, near ? " (did you mean \"" : "",
                           near ? near : "", near ? "\"?)" : "");
}

/* The next word must be one of these, which end with NULL. */
static bool parse_one_of(struct script_reader *reader, const char *what, const char *const *candidates, unsigned *which)
{
    const char *word = words_next(reader);
    for (*which = 0; word && candidates[*which]; (*which)++)
        if (strcmp(word, candidates[*which]) == 0)
            return true;
    return complain_unknown(reader, what, word ? word : "", candidates);
}

static bool parse_kind(struct script_reader *reader, enum message_kind *kind)
{
    const char *names[MESSAGE_STATUS + 1];
    unsigned name_count = 0;
    const char *word = words_next(reader);
    if (!word)
        return script_complain(reader, "a kind of message is missing at the end of the line");
    for (unsigned i = 0; i <= MESSAGE_STATUS; i++) {
        const char *name = script_message_name((enum message_kind)i);
        if (!name)
            continue;
        names[name_count++] = name;
        *kind = (enum message_kind)i;
        if (strcmp(word, name) == 0)
            return true;
    }
    names[name_count] = NULL;
    return complain_unknown(reader, "the kind of message", word, names);
}

/* ---------------------------------------------------------------- the head */

static bool parse_cluster(struct script_reader *reader)
{
    struct script *script = reader->script;
    const char *word = words_next(reader);
    if (script->code.n > 0)
        return script_complain(reader, "there is one cluster, and it was described above");
    if (!word || code_parse(word, &script->code) != AREG_OK)
        return script_complain(reader, "a cluster is described by its code, such as rs:5,3 or repl:3");
    script->delta = 1;
    if (words_accept(reader, "delta") && !words_count(reader, DELTA_MAX, &script->delta))
        return false;
    return words_end(reader);
}

static bool parse_clients(struct script_reader *reader, bool is_stranger)
{
    struct script *script = reader->script;
    if (script->code.n == 0)
        return script_complain(reader, "describe the cluster first: cluster rs:5,3 delta 1");
    if (script->step_count > 0)
        return script_complain(reader, "clients stand before the first step");
    for (const char *word = words_next(reader); word; word = words_next(reader)) {
        if (script->client_count == SCRIPT_CLIENT_MAX)
            return script_complain(reader, "at most %d clients", SCRIPT_CLIENT_MAX);
        struct script_client *client = &script->clients[script->client_count];
        if (!words_name(reader, word, client->name))
            return false;
        client->is_stranger = is_stranger;
        script->client_count++;
    }
    return true;
}

static bool parse_caught_with(struct script_reader *reader)
{
    const char *names[PLANT_COUNT];
    for (unsigned i = 1; i < PLANT_COUNT; i++)
        names[i - 1] = plant_name((enum plant)i);
    names[PLANT_COUNT - 1] = NULL;
    while (words_peek(reader)) {
        unsigned which;
        if (!parse_one_of(reader, "the planted bug", names, &which))
            return false;
        reader->script->caught_by |= UINT64_C(1) << (which + 1);
    }
    return true;
}

static bool parse_for(struct script_reader *reader, unsigned choice_index)
{
    struct script *script = reader->script;
    const char *word = words_next(reader);
    char name[SCRIPT_NAME_BYTES];
    if (script->choice_count > 0 || script->step_count > 0)
        return script_complain(reader, "there is one \"for\", before the first step");
    if (!word || !words_name(reader, word, name) || !words_require(reader, "in"))
        return script_complain(reader, "for NAME in NUMBER...");
    while (words_peek(reader)) {
        if (script->choice_count == SCRIPT_CHOICE_MAX)
            return script_complain(reader, "at most %d numbers", SCRIPT_CHOICE_MAX);
        if (!words_count(reader, MEMBER_COUNT_MAX, &script->choices[script->choice_count]))
            return false;
        script->choice_count++;
    }
    if (script->choice_count == 0)
        return script_complain(reader, "for NAME in NUMBER...");
    snprintf(script->variable, sizeof script->variable, "%s", name);
    reader->choice = script->choices[choice_index < script->choice_count ? choice_index : 0];
    return true;
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

/* w1 = put k "a" */
static bool parse_op(struct script_reader *reader, unsigned client, struct step *step)
{
    static const char *const verbs[] = {"get", "stat", "put", "delete", "list", NULL};
    static const enum client_op_kind kinds[] = {CLIENT_GET, CLIENT_STAT, CLIENT_PUT, CLIENT_DEL, CLIENT_LIST};
    struct script *script = reader->script;
    if (script->op_count == SCRIPT_OP_MAX)
        return script_complain(reader, "at most %d operations", SCRIPT_OP_MAX);
    struct script_op *op = &script->ops[script->op_count];
    const char *name = words_next(reader);
    if (!name)
        return script_complain(reader, "an operation is missing, such as: r1 = get k");
    if (!words_name(reader, name, op->name) || !words_require(reader, "="))
        return false;
    unsigned which;
    if (!parse_one_of(reader, "the operation", verbs, &which))
        return false;
    op->client = client;
    op->kind = kinds[which];
    if (op->kind != CLIENT_LIST && !parse_key(reader, &op->key))
        return false;
    if (op->kind == CLIENT_PUT && !parse_new_value(reader, op))
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

static bool is_op_or_client(const struct script_reader *reader, const char *word)
{
    return words_op(reader, word) >= 0 || words_client(reader, word) >= 0;
}

static bool parse_whose(struct script_reader *reader, struct message_pattern *messages)
{
    const char *word = words_next(reader);
    messages->op = word ? words_op(reader, word) : -1;
    if (messages->op >= 0) {
        messages->client = reader->script->ops[messages->op].client;
    } else {
        const int client = word ? words_client(reader, word) : -1;
        if (client < 0)
            return script_complain(reader, "whose messages? \"%s\" is neither an operation nor a client",
                                   word ? word : "");
        messages->client = (unsigned)client;
    }
    return parse_kind(reader, &messages->kind);
}

/* w1 put-data to s1 s2; w1 put-data requests to all; w1 put-data replies from the rest */
static bool parse_messages(struct script_reader *reader, enum leg leg_without_word, struct message_pattern *messages)
{
    if (!parse_whose(reader, messages))
        return false;
    messages->leg = leg_without_word;
    if (words_accept(reader, "replies")) {
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
    return parse_messages(reader, LEG_BOTH, &step->messages);
}

static bool parse_drop(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_DROP;
    return parse_messages(reader, LEG_REQUESTS, &step->messages);
}

static bool parse_duplicate(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_DUPLICATE;
    return parse_messages(reader, LEG_REQUESTS, &step->messages);
}

/* ---------------------------------------------------------------- processes, disks, time */

/* Clients and hosts, one at least. */
static bool parse_processes(struct script_reader *reader, struct step *step)
{
    for (const char *word = words_peek(reader); word && words_client(reader, word) >= 0; word = words_peek(reader)) {
        step->clients |= UINT64_C(1) << words_client(reader, word);
        reader->at++;
    }
    const char *word = words_peek(reader);
    if (step->clients && (!word || strcmp(word, "for") == 0))
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

static bool parse_until(struct script_reader *reader, struct step *step)
{
    while (!words_accept(reader, "ends") && !words_accept(reader, "end")) {
        int op;
        if (!words_require_op(reader, &op))
            return false;
        if (step->op_count == SCRIPT_OP_MAX)
            return script_complain(reader, "too many operations");
        step->ops[step->op_count++] = (uint8_t)op;
    }
    return step->op_count > 0 || script_complain(reader, "until which operation ends?");
}

/* run; run A B without s4 s5 until w1 ends; run for 100ms */
static bool parse_run(struct script_reader *reader, struct step *step)
{
    step->kind = STEP_RUN;
    for (const char *word = words_peek(reader); word && words_client(reader, word) >= 0; word = words_peek(reader)) {
        step->clients |= UINT64_C(1) << words_client(reader, word);
        reader->at++;
    }
    if (step->clients == 0)
        step->clients = (UINT64_C(1) << reader->script->client_count) - 1;
    if (words_accept(reader, "without") && !words_hosts(reader, false, &step->hosts))
        return false;
    if (words_accept(reader, "for"))
        return words_duration(reader, &step->time_ns) && words_end(reader);
    if (words_accept(reader, "until") && !parse_until(reader, step))
        return false;
    return words_end(reader);
}

/* ---------------------------------------------------------------- expectations */

/* r1 = "a"; w1 pending; r1 took 2 rounds */
static bool parse_expect_op(struct script_reader *reader, struct step *step)
{
    const struct script *script = reader->script;
    int writer;
    if (!words_require_op(reader, &step->op))
        return false;
    const struct script_op *op = &script->ops[step->op];
    if (words_accept(reader, "=")) {
        step->kind = STEP_EXPECT_VALUE;
        if (op->kind != CLIENT_GET)
            return script_complain(reader, "%s reads no value", op->name);
        if (!words_value(reader, op->key, &writer))
            return false;
        step->ops[step->op_count++] = (uint8_t)writer;
        return words_end(reader);
    }
    if (words_accept(reader, "took")) {
        step->kind = STEP_EXPECT_ROUNDS;
        if (!words_count(reader, 1000, &step->round_count))
            return false;
        if (!words_accept(reader, "round") && !words_require(reader, "rounds"))
            return false;
        return words_end(reader);
    }
    step->kind = STEP_EXPECT_OUTCOME;
    const char *names[OUTCOME_COUNT + 1] = {NULL};
    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        names[i] = outcomes[i].name;
    unsigned which;
    if (!parse_one_of(reader, "the outcome", names, &which))
        return false;
    step->outcome = outcomes[which].outcome;
    return words_end(reader);
}

/* s1 s2 list k "a" "b"; s1 trimmed k "a"; s1 confirmed k nothing; s1 down */
static bool parse_expect_hosts(struct script_reader *reader, struct step *step)
{
    static const char *const verbs[] = {"lists", "list", "trimmed", "confirmed", "up", "down", NULL};
    static const enum step_kind kinds[] = {STEP_EXPECT_LIST,      STEP_EXPECT_LIST, STEP_EXPECT_TRIMMED,
                                           STEP_EXPECT_CONFIRMED, STEP_EXPECT_UP,   STEP_EXPECT_DOWN};
    unsigned which;
    if (!words_hosts(reader, false, &step->hosts) || !parse_one_of(reader, "what hosts do,", verbs, &which))
        return false;
    step->kind = kinds[which];
    if (step->kind == STEP_EXPECT_UP || step->kind == STEP_EXPECT_DOWN)
        return words_end(reader);
    if (!words_key(reader, &step->key))
        return false;
    if (words_accept(reader, "nothing"))
        return words_end(reader);
    do {
        int writer;
        if (!words_value(reader, step->key, &writer))
            return false;
        if (step->op_count == SCRIPT_OP_MAX)
            return script_complain(reader, "too many values");
        step->ops[step->op_count++] = (uint8_t)writer;
    } while (words_peek(reader) && step->kind == STEP_EXPECT_LIST);
    return words_end(reader);
}

static bool parse_expect(struct script_reader *reader, struct step *step)
{
    const char *word = words_peek(reader);
    if (!word)
        return script_complain(reader, "what is expected?");
    if (words_accept(reader, "everything")) {
        step->kind = STEP_EXPECT_ATOMIC;
        return words_require(reader, "linearizable") && words_end(reader);
    }
    if (words_accept(reader, "no")) {
        step->kind = STEP_EXPECT_SILENCE;
        step->messages.leg = LEG_BOTH;
        if (!parse_whose(reader, &step->messages))
            return false;
        if (words_accept(reader, "requests"))
            step->messages.leg = LEG_REQUESTS;
        else if (words_accept(reader, "replies"))
            step->messages.leg = LEG_REPLIES;
        return words_end(reader);
    }
    if (is_op_or_client(reader, word)) {
        const char *after = reader->word_count > reader->at + 1 ? reader->words[reader->at + 1] : "";
        bool is_message = words_client(reader, word) >= 0;
        for (unsigned i = 0; i <= MESSAGE_STATUS && !is_message; i++) {
            const char *name = script_message_name((enum message_kind)i);
            is_message = name && strcmp(after, name) == 0;
        }
        if (!is_message)
            return parse_expect_op(reader, step);
        step->kind = STEP_EXPECT_MESSAGES;
        return parse_messages(reader, LEG_REQUESTS, &step->messages);
    }
    return parse_expect_hosts(reader, step);
}

/* ---------------------------------------------------------------- lines */

static const struct {
    const char *word;
    bool (*parse)(struct script_reader *reader, struct step *step);
} sentences[] = {
    {"deliver", parse_deliver}, {"drop", parse_drop},       {"duplicate", parse_duplicate}, {"cancel", parse_cancel},
    {"crash", parse_crash},     {"restart", parse_restart}, {"pause", parse_pause},         {"advance", parse_advance},
    {"hold", parse_hold},       {"commit", parse_commit},   {"release", parse_release},     {"fail", parse_fail},
    {"run", parse_run},         {"expect", parse_expect},
};
enum { SENTENCE_COUNT = sizeof sentences / sizeof sentences[0] };

/* A step begins with a verb, or with the client who begins an operation: "A:". */
static bool parse_step(struct script_reader *reader, const char *word, struct step *step)
{
    const char *names[SENTENCE_COUNT + 5] = {"cluster", "clients", "strangers", "caught-with"};
    char client_name[SCRIPT_LINE_BYTES_MAX + 1];
    const size_t word_bytes = strlen(word);
    if (reader->script->client_count == 0)
        return script_complain(reader, "name the clients before the first step: clients A B");
    if (word[word_bytes - 1] == ':') {
        snprintf(client_name, sizeof client_name, "%.*s", (int)word_bytes - 1, word);
        const int client = words_client(reader, client_name);
        if (client < 0)
            return script_complain(reader, "there is no client \"%s\"", client_name);
        return parse_op(reader, (unsigned)client, step);
    }
    for (unsigned i = 0; i < SENTENCE_COUNT; i++) {
        if (strcmp(word, sentences[i].word) == 0)
            return sentences[i].parse(reader, step);
        names[4 + i] = sentences[i].word;
    }
    return complain_unknown(reader, "the word", word, names);
}

static bool parse_line(struct script_reader *reader, const char *line, size_t line_bytes, unsigned choice_index)
{
    struct script *script = reader->script;
    if (!words_split(reader, line, line_bytes))
        return false;
    const char *word = words_next(reader);
    if (!word)
        return true;
    if (strcmp(word, "cluster") == 0)
        return parse_cluster(reader);
    if (strcmp(word, "clients") == 0 || strcmp(word, "strangers") == 0)
        return parse_clients(reader, word[0] == 's');
    if (strcmp(word, "caught-with") == 0)
        return parse_caught_with(reader);
    if (strcmp(word, "for") == 0)
        return parse_for(reader, choice_index);
    if (script->step_count == SCRIPT_STEP_MAX)
        return script_complain(reader, "at most %d steps", SCRIPT_STEP_MAX);
    struct step *step = &script->steps[script->step_count];
    *step = (struct step){.line = reader->line, .text = line, .op = -1, .messages.op = -1};
    if (!parse_step(reader, word, step))
        return false;
    script->step_count++;
    return true;
}

/* ---------------------------------------------------------------- the file */

static enum areg_error read_source(struct script_reader *reader, size_t *source_bytes)
{
    FILE *file = fopen(reader->path, "r");
    if (!file) {
        script_complain(reader, "can not be read: %m");
        return AREG_ENOTFOUND;
    }
    reader->script->source = malloc(SCRIPT_BYTES_MAX + 1);
    if (!reader->script->source) {
        fclose(file);
        return AREG_ENOMEM;
    }
    *source_bytes = fread(reader->script->source, 1, SCRIPT_BYTES_MAX + 1, file);
    const bool has_failed = ferror(file);
    fclose(file);
    if (has_failed || *source_bytes > SCRIPT_BYTES_MAX) {
        script_complain(reader, has_failed ? "can not be read" : "is too long: at most %d bytes", SCRIPT_BYTES_MAX);
        return has_failed ? AREG_ENOTFOUND : AREG_EINVAL;
    }
    reader->script->source[*source_bytes] = 0;
    if (memchr(reader->script->source, 0, *source_bytes)) {
        script_complain(reader, "is no text");
        return AREG_EINVAL;
    }
    return AREG_OK;
}

/* The first line of comment, without its sign. */
static void note_title(struct script *script, const char *line)
{
    if (script->title[0] || line[0] != '#')
        return;
    script->title = line + 1;
    while (*script->title == ' ' || *script->title == '#')
        script->title++;
}

static bool parse_lines(struct script_reader *reader, size_t source_bytes, unsigned choice_index)
{
    char *line = reader->script->source;
    char *end = line + source_bytes;
    while (line < end) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        *line_end = 0;
        reader->line++;
        note_title(reader->script, line);
        if (!parse_line(reader, line, (size_t)(line_end - line), choice_index))
            return false;
        line = line_end + 1;
    }
    if (reader->script->step_count == 0)
        return script_complain(reader, "there is no step in it");
    return true;
}

enum areg_error script_read(struct script *script, const char *path, unsigned choice_index, char why[SCRIPT_WHY_BYTES])
{
    struct script_reader reader = {.script = script, .path = path, .why = why};
    size_t source_bytes = 0;
    *script = (struct script){.title = ""};
    why[0] = 0;
    script->steps = calloc(SCRIPT_STEP_MAX, sizeof *script->steps);
    enum areg_error error = script->steps ? read_source(&reader, &source_bytes) : AREG_ENOMEM;
    if (error == AREG_OK && !parse_lines(&reader, source_bytes, choice_index))
        error = AREG_EINVAL;
    if (error != AREG_OK)
        script_fini(script);
    return error;
}

void script_fini(struct script *script)
{
    free(script->source);
    free(script->steps);
    script->source = NULL;
    script->steps = NULL;
}
