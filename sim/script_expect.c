/*
 * Steps that expect something, as they are written down.
 */
#include "sim/script_words.h"

#include <string.h>

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

/* ---------------------------------------------------------------- expectations */

/* r1 = "a"; f1 = c1 */
static bool parse_expect_result(struct script_reader *reader, struct step *step)
{
    const struct script_op *op = &reader->script->ops[step->op];
    int writer;
    if (op->kind == CLIENT_RECONFIGURE) {
        step->kind = STEP_EXPECT_FOUND;
        return words_config(reader, &step->config) && words_end(reader);
    }
    step->kind = STEP_EXPECT_VALUE;
    if (op->kind != CLIENT_GET)
        return script_complain(reader, "%s reads no value", op->name);
    if (!words_value(reader, op->key, &writer))
        return false;
    step->ops[step->op_count++] = (uint8_t)writer;
    return words_end(reader);
}

/* r1 = "a"; w1 pending; r1 took 2 rounds */
static bool parse_expect_op(struct script_reader *reader, struct step *step)
{
    if (!words_require_op(reader, &step->op))
        return false;
    if (words_accept(reader, "="))
        return parse_expect_result(reader, step);
    if (words_accept(reader, "took")) {
        step->kind = STEP_EXPECT_ROUNDS;
        if (reader->script->ops[step->op].kind == CLIENT_RECONFIGURE)
            return script_complain(reader, "rounds are counted of reads and writes");
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
    if (!words_one_of(reader, "the outcome", names, &which))
        return false;
    step->outcome = outcomes[which].outcome;
    return words_end(reader);
}

/* k "a" "b"; k nothing; k "a" in c1 */
static bool parse_expect_register(struct script_reader *reader, struct step *step)
{
    if (!words_key(reader, &step->key))
        return false;
    step->config = CONFIG_GENESIS;
    bool is_open = !words_accept(reader, "nothing");
    while (is_open) {
        int writer;
        if (!words_value(reader, step->key, &writer))
            return false;
        if (step->op_count == SCRIPT_OP_MAX)
            return script_complain(reader, "too many values");
        step->ops[step->op_count++] = (uint8_t)writer;
        const char *word = words_peek(reader);
        is_open = word && strcmp(word, "in") != 0 && step->kind == STEP_EXPECT_LIST;
    }
    if (words_accept(reader, "in") && !words_config(reader, &step->config))
        return false;
    return words_end(reader);
}

/* nothing after c0; pending c1 after c0; finalized c2 after c0 */
static bool parse_expect_link(struct script_reader *reader, struct step *step)
{
    static const char *const states[] = {"nothing", "pending", "finalized", NULL};
    static const enum link_status statuses[] = {LINK_NONE, LINK_PENDING, LINK_FINALIZED};
    unsigned which;
    if (!words_one_of(reader, "what hosts show,", states, &which))
        return false;
    step->link = statuses[which];
    step->next = CONFIG_UNSAID;
    if (step->link != LINK_NONE && !words_config(reader, &step->next))
        return false;
    return words_require(reader, "after") && words_config(reader, &step->config) && words_end(reader);
}

/* nothing after c0; c1 after c0 */
static bool parse_expect_accepted(struct script_reader *reader, struct step *step)
{
    step->next = CONFIG_UNSAID;
    if (!words_accept(reader, "nothing") && !words_config(reader, &step->next))
        return false;
    return words_require(reader, "after") && words_config(reader, &step->config) && words_end(reader);
}

/* s1 s2 list k "a" "b"; s1 trimmed k "a"; s1 confirmed k nothing; s1 down; s1 shows pending c1 after c0; s1 knows c1 */
static bool parse_expect_hosts(struct script_reader *reader, struct step *step)
{
    static const char *const verbs[] = {"lists", "list", "trimmed",  "confirmed", "up",   "down",
                                        "shows", "show", "accepted", "knows",     "know", NULL};
    static const enum step_kind kinds[] = {STEP_EXPECT_LIST,      STEP_EXPECT_LIST, STEP_EXPECT_TRIMMED,
                                           STEP_EXPECT_CONFIRMED, STEP_EXPECT_UP,   STEP_EXPECT_DOWN,
                                           STEP_EXPECT_LINK,      STEP_EXPECT_LINK, STEP_EXPECT_ACCEPTED,
                                           STEP_EXPECT_FINAL,     STEP_EXPECT_FINAL};
    unsigned which;
    if (!words_hosts(reader, false, &step->hosts) || !words_one_of(reader, "what hosts do,", verbs, &which))
        return false;
    step->kind = kinds[which];
    switch (step->kind) {
    case STEP_EXPECT_UP:
    case STEP_EXPECT_DOWN:
        return words_end(reader);
    case STEP_EXPECT_LINK:
        return parse_expect_link(reader, step);
    case STEP_EXPECT_ACCEPTED:
        return parse_expect_accepted(reader, step);
    case STEP_EXPECT_FINAL:
        return words_config(reader, &step->config) && words_end(reader);
    default:
        return parse_expect_register(reader, step);
    }
}

/* Whether this is about messages: of a process, or "w1 put-data". */
static bool is_of_messages(const struct script_reader *reader)
{
    const char *after = reader->word_count > reader->at + 1 ? reader->words[reader->at + 1] : "";
    for (unsigned i = 0; i <= MESSAGE_REGISTER; i++) {
        const char *name = script_message_name((enum message_kind)i);
        if (name && strcmp(after, name) == 0)
            return true;
    }
    return words_process(reader, words_peek(reader)) >= 0;
}

bool script_parse_expect(struct script_reader *reader, struct step *step)
{
    if (!words_peek(reader))
        return script_complain(reader, "what is expected?");
    if (words_accept(reader, "everything")) {
        step->kind = STEP_EXPECT_ATOMIC;
        return words_require(reader, "linearizable") && words_end(reader);
    }
    if (words_accept(reader, "no")) {
        step->kind = STEP_EXPECT_SILENCE;
        step->messages.leg = LEG_BOTH;
        if (!script_parse_whose(reader, &step->messages))
            return false;
        if (words_accept(reader, "requests"))
            step->messages.leg = LEG_REQUESTS;
        else if (words_accept(reader, "replies"))
            step->messages.leg = LEG_REPLIES;
        return words_end(reader);
    }
    if (is_of_messages(reader)) {
        step->kind = STEP_EXPECT_MESSAGES;
        return script_parse_messages(reader, LEG_REQUESTS, &step->messages);
    }
    if (words_op(reader, words_peek(reader)) >= 0)
        return parse_expect_op(reader, step);
    return parse_expect_hosts(reader, step);
}
