/*
 * What a step of a scenario expects: of operations, of what hosts have committed, of messages under way.
 */
#include "sim/stage.h"

#include <string.h>

static const char *host_name(const struct stage *stage, unsigned host)
{
    return stage->sim->hosts[host].id.text;
}

/* ---------------------------------------------------------------- values */

/* What a host or a read has, in the words of the scenario: "a", or the operation that deleted. */
static const char *describe_value(const struct stage *stage, unsigned key, const struct entry *found, char *text,
                                  size_t text_bytes)
{
    const struct script *script = stage->script;
    for (unsigned i = 0; i < script->op_count; i++) {
        const struct script_op *op = &script->ops[i];
        const struct entry entry = stage_entry(stage, i);
        struct tag tag;
        if (op->key != key || (op->kind != CLIENT_PUT && op->kind != CLIENT_DEL) ||
            entry.value_digest != found->value_digest || entry.flags != (found->flags & ENTRY_TOMBSTONE))
            continue;
        if (op->kind == CLIENT_DEL && stage_tag(stage, i, &tag) && !tag_equal(tag, found->tag))
            continue;
        if (op->kind == CLIENT_PUT)
            snprintf(text, text_bytes, "\"%s\"", op->value);
        else
            snprintf(text, text_bytes, "%s", op->name);
        return text;
    }
    snprintf(text, text_bytes, "what nobody wrote");
    return text;
}

static const char *describe_tag(const struct stage *stage, unsigned key, struct tag tag, char *text, size_t text_bytes)
{
    for (unsigned i = 0; i < stage->script->op_count; i++) {
        const struct script_op *op = &stage->script->ops[i];
        struct tag known;
        if (op->key != key || (op->kind != CLIENT_PUT && op->kind != CLIENT_DEL) || !stage_tag(stage, i, &known) ||
            !tag_equal(known, tag))
            continue;
        if (op->kind == CLIENT_PUT)
            snprintf(text, text_bytes, "\"%s\"", op->value);
        else
            snprintf(text, text_bytes, "%s", op->name);
        return text;
    }
    snprintf(text, text_bytes, tag_is_zero(tag) ? "nothing" : "what nobody knows");
    return text;
}

static const char *describe_read(const struct stage *stage, unsigned op, char *text, size_t text_bytes)
{
    const struct sim_op *read = stage_op(stage, op);
    const struct entry found = {.tag = read->tag, .value_digest = read->value_digest, .value_bytes = read->value_bytes};
    return describe_value(stage, stage->script->ops[op].key, &found, text, text_bytes);
}

/* "c1", "c0"; for messages. */
static const char *config_name(const struct stage *stage, uint32_t number)
{
    if (number == CONFIG_NONE)
        return "nothing";
    return number == 0 ? "c0" : stage->sim->sequence.configs[number]->config.reason;
}

const char *stage_describe_end(const struct stage *stage, unsigned op, char *text, size_t text_bytes)
{
    char value[SCRIPT_VALUE_BYTES + 2];
    const char *outcome = script_outcome_name((int)stage_state(stage, op).error);
    if (stage->script->ops[op].kind == CLIENT_RECONFIGURE) {
        const struct sim_change *change = stage_change(stage, op);
        const bool has_pending = change->pending != CONFIG_NONE;
        snprintf(text, text_bytes, "%s, %s is finalized%s%s%s", outcome, config_name(stage, change->base),
                 has_pending ? ", " : "", has_pending ? config_name(stage, change->pending) : "",
                 has_pending ? " is pending" : "");
        return text;
    }
    const struct sim_op *ended = stage_op(stage, op);
    const bool has_value = ended->kind == CLIENT_GET && ended->error == AREG_OK;
    snprintf(text, text_bytes, "%s, %u round%s", has_value ? describe_read(stage, op, value, sizeof value) : outcome,
             ended->rounds, ended->rounds == 1 ? "" : "s");
    return text;
}

/* ---------------------------------------------------------------- operations */

static bool fail_with_end(struct stage *stage, unsigned op)
{
    char text[2 * SCRIPT_VALUE_BYTES];
    return stage_fail(stage, "%s has ended: %s", stage->script->ops[op].name,
                      stage_describe_end(stage, op, text, sizeof text));
}

/* Has it ended? Says what it is if it has not. */
static bool has_ended(struct stage *stage, unsigned op)
{
    const struct op_state state = stage_state(stage, op);
    const char *name = stage->script->ops[op].name;
    if (!state.has_begun)
        return stage_fail(stage, "%s has not begun", name);
    if (state.is_lost)
        return stage_fail(stage, "%s has ended with its process", name);
    if (!state.has_ended) {
        stage_fail(stage, "%s is pending", name);
        stage_describe_held(stage);
        return false;
    }
    return true;
}

static bool expect_outcome(struct stage *stage, const struct step *step)
{
    const unsigned op = (unsigned)step->op;
    const struct op_state state = stage_state(stage, op);
    if (step->outcome == OUTCOME_PENDING && state.has_begun && !state.has_ended && !state.is_lost)
        return true;
    if (!has_ended(stage, op))
        return false;
    return (int)state.error == step->outcome || fail_with_end(stage, op);
}

static bool expect_value(struct stage *stage, const struct step *step)
{
    const unsigned op = (unsigned)step->op;
    const struct script_op *writer = &stage->script->ops[step->ops[0]];
    const struct entry entry = stage_entry(stage, step->ops[0]);
    if (!has_ended(stage, op))
        return false;
    const struct sim_op *read = stage_op(stage, op);
    /* Of a delete a read finds nothing but its tag. */
    struct tag tag;
    const bool is_same =
        writer->kind == CLIENT_DEL
            ? read->error == AREG_ENOTFOUND && stage_tag(stage, step->ops[0], &tag) && tag_equal(tag, read->tag)
            : read->error == AREG_OK && read->value_digest == entry.value_digest &&
                  read->value_bytes == entry.value_bytes;
    return is_same || fail_with_end(stage, op);
}

static bool expect_found(struct stage *stage, const struct step *step)
{
    const unsigned op = (unsigned)step->op;
    if (!has_ended(stage, op))
        return false;
    const struct sim_change *change = stage_change(stage, op);
    const bool is_found =
        change->error == AREG_OK && change->pending == CONFIG_NONE && change->base == stage_config(stage, step->config);
    return is_found || fail_with_end(stage, op);
}

static bool expect_rounds(struct stage *stage, const struct step *step)
{
    if (!has_ended(stage, (unsigned)step->op))
        return false;
    const struct sim_op *op = stage_op(stage, (unsigned)step->op);
    return op->rounds == step->round_count ||
           stage_fail(stage, "%s took %u", stage->script->ops[step->op].name, op->rounds);
}

/* ---------------------------------------------------------------- hosts */

static bool is_entry_of(const struct stage *stage, const struct entry *found, unsigned op)
{
    const struct entry entry = stage_entry(stage, op);
    struct tag tag;
    if (found->value_digest != entry.value_digest || found->value_bytes != entry.value_bytes ||
        (found->flags & ENTRY_TOMBSTONE) != entry.flags)
        return false;
    return !(entry.flags & ENTRY_TOMBSTONE) || (stage_tag(stage, op, &tag) && tag_equal(tag, found->tag));
}

/* The number of a configuration that some host has joined. */
static bool find_config(struct stage *stage, int config, uint32_t *number)
{
    *number = stage_config(stage, config);
    return *number != CONFIG_NONE || stage_fail(stage, "no host knows %s", stage->script->ops[config].name);
}

static bool expect_list(struct stage *stage, const struct step *step, unsigned host)
{
    struct stored_register found = {0};
    uint32_t number;
    if (!find_config(stage, step->config, &number))
        return false;
    host_register(stage->sim, host, number, step->key, &found);
    bool is_same = found.entry_count == step->op_count;
    for (unsigned i = 0; i < found.entry_count && is_same; i++)
        is_same = is_entry_of(stage, &found.entries[i].entry, step->ops[i]);
    if (is_same)
        return true;
    char text[SCRIPT_WHY_BYTES / 2] = " nothing";
    size_t used = 0;
    for (unsigned i = 0; i < found.entry_count && used < sizeof text; i++) {
        char value[SCRIPT_VALUE_BYTES + 2];
        used += (size_t)snprintf(text + used, sizeof text - used, " %s",
                                 describe_value(stage, step->key, &found.entries[i].entry, value, sizeof value));
    }
    return stage_fail(stage, "%s lists%s", host_name(stage, host), text);
}

static bool expect_tag(struct stage *stage, const struct step *step, unsigned host)
{
    const bool is_trimmed = step->kind == STEP_EXPECT_TRIMMED;
    struct stored_register found = {0};
    uint32_t number;
    struct tag wanted = TAG_ZERO;
    char text[SCRIPT_VALUE_BYTES + 2];
    if (!find_config(stage, step->config, &number))
        return false;
    host_register(stage->sim, host, number, step->key, &found);
    const struct tag tag = is_trimmed ? found.trimmed : found.confirmed;
    const bool is_known = step->op_count == 0 || stage_tag(stage, step->ops[0], &wanted);
    if (is_known && tag_equal(tag, wanted))
        return true;
    return stage_fail(stage, "%s has %s %s", host_name(stage, host), is_trimmed ? "trimmed" : "confirmed",
                      describe_tag(stage, step->key, tag, text, sizeof text));
}

/* ---------------------------------------------------------------- what hosts know of configurations */

static struct store_txn *begin_read(const struct stage *stage, unsigned host)
{
    struct store_txn *txn;
    CHECK(store_begin(stage->sim->hosts[host].store, STORE_READ, &txn) == AREG_OK);
    return txn;
}

/* The number of a descriptor on a disk; CONFIG_NONE: it is empty. */
static uint32_t number_of(const struct stage *stage, struct slice descriptor)
{
    return descriptor.bytes ? sequence_number(stage->sim, descriptor) : CONFIG_NONE;
}

/* A host as a member of the step's configuration: as what is it told of? */
static bool expect_next(struct stage *stage, const struct step *step, unsigned host)
{
    static const char *const states[] = {"shows", "shows pending", "shows finalized"};
    const bool is_link = step->kind == STEP_EXPECT_LINK;
    struct link link = {.status = LINK_NONE};
    struct acceptor acceptor = {0};
    uint32_t number;
    uint32_t slot;
    if (!find_config(stage, step->config, &number))
        return false;
    struct store_txn *txn = begin_read(stage, host);
    const struct sequence *sequence = &stage->sim->sequence;
    const enum areg_error error = store_config_find(txn, sequence->configs[number]->config.id, &slot);
    if (error == AREG_OK) {
        CHECK(store_link_get(txn, slot, &link) == AREG_OK);
        CHECK(store_acceptor_get(txn, slot, &acceptor) == AREG_OK);
    }
    const uint32_t found = number_of(stage, is_link ? link.descriptor : acceptor.descriptor);
    store_abort(txn);
    if (error != AREG_OK)
        return stage_fail(stage, "%s is no member of %s", host_name(stage, host), config_name(stage, number));
    const uint32_t wanted = step->next == CONFIG_UNSAID ? CONFIG_NONE : stage_config(stage, step->next);
    const bool is_known = step->next == CONFIG_UNSAID || wanted != CONFIG_NONE;
    if (is_known && found == wanted && (!is_link || link.status == step->link))
        return true;
    return stage_fail(stage, "%s %s %s after %s", host_name(stage, host), is_link ? states[link.status] : "accepted",
                      config_name(stage, found), config_name(stage, number));
}

static bool expect_final(struct stage *stage, const struct step *step, unsigned host)
{
    const uint32_t known = stage->sim->hosts[host].final;
    const uint32_t wanted = stage_config(stage, step->config);
    return (known == wanted && known != CONFIG_NONE) ||
           stage_fail(stage, "%s knows %s", host_name(stage, host), config_name(stage, known));
}

static bool expect_up(struct stage *stage, const struct step *step, unsigned host)
{
    const bool is_up = host_is_up(stage->sim, host);
    return is_up == (step->kind == STEP_EXPECT_UP) ||
           stage_fail(stage, "%s is %s", host_name(stage, host), is_up ? "up" : "down");
}

static bool expect_of_hosts(struct stage *stage, const struct step *step,
                            bool (*expect)(struct stage *stage, const struct step *step, unsigned host))
{
    for (unsigned i = 0; i < step->hosts.count; i++)
        if (!expect(stage, step, step->hosts.hosts[i]))
            return false;
    return true;
}

/* ---------------------------------------------------------------- messages */

static bool expect_messages(struct stage *stage, const struct step *step)
{
    const struct message_pattern *pattern = &step->messages;
    uint64_t wanted = 0;
    uint64_t found = 0;
    for (unsigned i = 0; i < pattern->hosts.count; i++)
        wanted |= UINT64_C(1) << pattern->hosts.hosts[i];
    for (size_t i = 0; i < stage->sim->held_count; i++) {
        if ((pattern->leg != LEG_REPLIES && stage_matches(stage, i, pattern, false)) ||
            (pattern->leg != LEG_REQUESTS && stage_matches(stage, i, pattern, true)))
            found |= UINT64_C(1) << stage->sim->held[i]->host_index;
    }
    if (found == wanted)
        return true;
    stage_fail(stage, "that is not what is under way");
    stage_describe_held(stage);
    return false;
}

/* ---------------------------------------------------------------- all of them */

bool stage_expect(struct stage *stage, const struct step *step)
{
    switch (step->kind) {
    case STEP_EXPECT_OUTCOME:
        return expect_outcome(stage, step);
    case STEP_EXPECT_VALUE:
        return expect_value(stage, step);
    case STEP_EXPECT_FOUND:
        return expect_found(stage, step);
    case STEP_EXPECT_ROUNDS:
        return expect_rounds(stage, step);
    case STEP_EXPECT_LIST:
        return expect_of_hosts(stage, step, expect_list);
    case STEP_EXPECT_TRIMMED:
    case STEP_EXPECT_CONFIRMED:
        return expect_of_hosts(stage, step, expect_tag);
    case STEP_EXPECT_LINK:
    case STEP_EXPECT_ACCEPTED:
        return expect_of_hosts(stage, step, expect_next);
    case STEP_EXPECT_FINAL:
        return expect_of_hosts(stage, step, expect_final);
    case STEP_EXPECT_UP:
    case STEP_EXPECT_DOWN:
        return expect_of_hosts(stage, step, expect_up);
    case STEP_EXPECT_MESSAGES:
    case STEP_EXPECT_SILENCE:
        return expect_messages(stage, step);
    case STEP_EXPECT_ATOMIC:
        sim_judge(stage->sim);
        return !stage->sim->is_broken;
    default:
        CHECK(!"that is no expectation");
        return false;
    }
}
