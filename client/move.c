/*
 * One register from a configuration to its successor [ARES, update-config; PROTOCOL §5.4]: get-data there, of members
 * that know the successor, put-data here. Members that had the same fragment before take it over by themselves, so most
 * often only those that are new receive any bytes.
 *
 * And what else workers ask the members of one configuration that they are told: listings, and whether they know of
 * another incarnation of this host.
 */
#include "client/engine.h"

#include "core/ablation.h"
#include "core/check.h"
#include "core/plant.h"

#include <stdlib.h>

struct voters move_adopters(const struct config *source, const struct config *target)
{
    struct voters adopters = {0};
    for (unsigned i = 0; i < target->member_count && !SWITCHED_OFF(ABLATION_ADOPT); i++) {
        const int before = config_member_index(source, &target->members[i].id);
        if (before < 0 || !code_same_fragment(source->code, (unsigned)before, target->code, i))
            continue;
        const uint64_t incarnation = source->members[before].incarnation;
        if (incarnation == 0 || incarnation == target->members[i].incarnation)
            voters_add(&adopters, i);
    }
    return adopters;
}

static enum areg_error register_start(struct operation *operation, const struct client_op *op)
{
    const struct config *config = &operation->source->config;
    if (config->member_count == 1 || config_member_index(config, &op->registration.host) < 0)
        return AREG_EINVAL;
    operation->question = calloc(1, sizeof *operation->question);
    if (!operation->question)
        return AREG_ENOMEM;
    operation->question->registration = op->registration;
    return AREG_OK;
}

void register_begin(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    const enum areg_error error =
        config_ask_begin(&operation->ask, &options, ASK_REGISTER, operation->question, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_REGISTERING, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

enum areg_error move_start(struct client *client, struct operation *operation, const struct client_op *op)
{
    operation->source = sequence_view(client, op->source);
    if (operation->source)
        operation->shard = operation->source->config.shard;
    if (op->kind == CLIENT_REGISTER)
        return operation->source ? register_start(operation, op) : AREG_ENOMEM;
    operation->target = sequence_view(client, op->target);
    if (!operation->source || !operation->target)
        return AREG_ENOMEM;
    const struct config *source = &operation->source->config;
    const struct config *target = &operation->target->config;
    if (target->shard != source->shard || !config_id_equal(target->parent, source->id))
        return AREG_EINVAL;
    const struct voters receivers = voters_minus(code_holders(target->code), move_adopters(source, target));
    operation->moves_value = op->kind == CLIENT_MOVE && receivers.bits;
    return AREG_OK;
}

static void get_again_with_value(struct client *client, struct operation *operation, uint64_t now_ns)
{
    operation->moves_value = true;
    view_unref(operation->view);
    operation->view = view_ref(operation->source);
    struct ask_options options = operation_ask_options(client, operation, now_ns);
    options.link = operation->target->descriptor;
    const enum areg_error error = ask_begin_get_data(&operation->ask, &options, true, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_GETTING_DATA, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

/* The candidate to move: what get-data has chosen. */
static struct coded_value *chosen_value(struct ask *ask)
{
    if (PLANTED(PLANT_SECOND_NEWEST) && ask->chosen > 0 &&
        voters_count(ask->candidates[ask->chosen - 1].value.present) >= ask->config->code.k)
        return &ask->candidates[ask->chosen - 1].value;
    return &ask->candidates[ask->chosen].value;
}

static void put(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    if (ask->chosen < 0) {
        operation_end(client, operation, AREG_OK, now_ns); /* Nothing that has completed was ever written. */
        return;
    }
    struct coded_value value;
    const bool is_there = operation->view == operation->target;
    carried_take(&operation->carried, operation->view, chosen_value(ask));
    operation_close_ask(client, operation);
    view_unref(operation->view);
    operation->view = view_ref(operation->target);
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    const struct voters adopters = move_adopters(&operation->source->config, &operation->target->config);
    const struct voters nobody = {0};
    enum areg_error error = carried_give(&operation->carried, operation->target, &value);
    operation->outcome.tag = value.entry.tag;
    if (error == AREG_OK)
        error = ask_begin_move(&operation->ask, &options, &value, is_there ? nobody : adopters, now_ns);
    coded_value_fini(&value);
    carried_fini(&operation->carried);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_PUTTING, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

/*
 * The value is lost where it was. If somebody has written the register anew since the target is known, or deleted it,
 * there is nothing to move: the target has a tag as new as any that can have completed here. It only has to be one that
 * all who come later find.
 */
static void look_in_target(struct client *client, struct operation *operation, uint64_t now_ns)
{
    operation_note_lost(operation);
    operation_close_ask(client, operation);
    view_unref(operation->view);
    operation->view = view_ref(operation->target);
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    const enum areg_error error = ask_begin_get_data(&operation->ask, &options, true, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_GETTING_DATA, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

static void after_target(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct ask *ask = &operation->ask;
    const struct tag found = ask->chosen >= 0 ? ask->tag : TAG_ZERO;
    if (tag_compare(found, operation->lost_floor) < 0)
        operation_end(client, operation, AREG_ECORRUPT, now_ns);
    else if (ask->is_complete)
        operation_end(client, operation, AREG_OK, now_ns);
    else
        put(client, operation, now_ns);
}

static void list(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    struct listing_page pages[MEMBER_COUNT_MAX];
    unsigned page_count = 0;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (voters_has(ask->replied, i) && !(PLANTED(PLANT_LIST_SHORT) && page_count > 0))
            pages[page_count++] = (struct listing_page){.page = ask->pages[i], .has_more = voters_has(ask->more, i)};
    const enum areg_error error = listing_merge(pages, page_count, true, operation->key_count_max, &operation->outcome);
    operation_end(client, operation, error, now_ns);
}

/* What is finalized, and later than the source, as far as it is known; empty: nothing. */
static struct slice later_base(const struct client *client, const struct operation *operation)
{
    const struct view *base = client->bases[operation->shard];
    if (operation->ask.later.bytes > 0)
        return operation->ask.later;
    return base && base->config.index > operation->source->config.index ? base->descriptor : (struct slice){0};
}

/* Whether the configuration that is asked is known to be retired, or the target to be finalized. */
static bool is_superseded(const struct client *client, const struct operation *operation)
{
    const struct ask *ask = &operation->ask;
    return later_base(client, operation).bytes > 0 || (operation->view == operation->target && ask->next.bytes > 0);
}

void move_proceed(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    if (is_superseded(client, operation)) {
        /* Somebody has finished what this is a part of: there is nothing left to move. */
        operation->outcome.base = slice_ref(later_base(client, operation));
        operation_end(client, operation, AREG_ESTALE, now_ns);
    } else if (ask->state == ASK_WAITING) {
        operation_settle(client, operation);
    } else if (ask->state == ASK_FAILED && ask->error == AREG_EBUSY && !operation->moves_value) {
        operation_close_ask(client, operation);
        get_again_with_value(client, operation, now_ns);
    } else if (ask->state == ASK_FAILED && ask->error == AREG_ECORRUPT && operation->view == operation->source) {
        look_in_target(client, operation, now_ns);
    } else if (ask->state == ASK_FAILED) {
        operation->outcome.value_bytes = operation->moved_bytes;
        operation_end(client, operation, ask->error, now_ns);
    } else if (operation->state == OP_GETTING_DATA && operation->view == operation->target) {
        after_target(client, operation, now_ns);
    } else if (operation->state == OP_GETTING_DATA) {
        put(client, operation, now_ns);
    } else if (operation->state == OP_LISTING) {
        list(client, operation, now_ns);
    } else {
        operation->outcome.value_bytes = operation->moved_bytes;
        operation_end(client, operation, AREG_OK, now_ns);
    }
}
