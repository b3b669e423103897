/*
 * From one phase of an operation to the next, and from one configuration to the next [ARES, Alg. 1, Alg. 5; PROTOCOL
 * §4]: what is asked, what is kept of the answers, and when the operation is complete.
 */
#include "client/engine.h"

#include "core/ablation.h"
#include "core/check.h"
#include "core/plant.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- beginning */

static bool wants_value(const struct operation *operation)
{
    return operation->kind == CLIENT_GET || operation->moves_value;
}

/* Ask the question of a phase in the configuration at hand. */
static enum areg_error begin_ask(struct client *client, struct operation *operation, enum operation_state state,
                                 uint64_t now_ns)
{
    struct ask_options options = operation_ask_options(client, operation, now_ns);
    const struct list_keys list_keys = {
        .prefix = operation->key, .after = operation->after, .key_count_max = operation->key_count_max};
    if (operation->target)
        options.link = operation->target->descriptor;
    switch (state) {
    case OP_GETTING_TAG:
        return ask_begin_get_tag(&operation->ask, &options, operation->value.bytes, now_ns);
    case OP_GETTING_DATA:
        return ask_begin_get_data(&operation->ask, &options, wants_value(operation), now_ns);
    default:
        CHECK(state == OP_LISTING);
        return ask_begin_list_keys(&operation->ask, &options, &list_keys, now_ns);
    }
}

static enum operation_state first_phase(const struct operation *operation)
{
    if (operation_is_write(operation))
        return OP_GETTING_TAG;
    return operation->kind == CLIENT_LIST ? OP_LISTING : OP_GETTING_DATA;
}

static enum areg_error begin_question(struct client *client, struct operation *operation, enum ask_kind kind,
                                      uint64_t now_ns)
{
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    if (!operation->question)
        operation->question = calloc(1, sizeof *operation->question);
    if (!operation->question)
        return AREG_ENOMEM;
    operation->question->descriptor = operation->next;
    return config_ask_begin(&operation->ask, &options, kind, operation->question, now_ns);
}

/*
 * [ABLATION_PIGGYBACKED_NEXT] The paper's read-config, before and after the phases of an operation. Since replies tell
 * of the successor anyway, nothing depends on what it finds: what it costs is the round. `then` is OP_ENDED after the
 * last phase.
 */
static enum areg_error read_next(struct client *client, struct operation *operation, enum operation_state then,
                                 uint64_t now_ns)
{
    operation->resumed = then;
    const enum areg_error error = begin_question(client, operation, ASK_READ_CONFIG, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_READING_NEXT, now_ns);
    return error;
}

enum areg_error phase_begin(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum operation_state state = first_phase(operation);
    if (SWITCHED_OFF(ABLATION_PIGGYBACKED_NEXT) && !operation->source && operation->state == OP_WAITING)
        return read_next(client, operation, state, now_ns);
    const enum areg_error error = begin_ask(client, operation, state, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, state, now_ns);
    return error;
}

/* ---------------------------------------------------------------- putting */

/* Put what is carried into the configuration at hand, but for those members of it that have it. */
static void put_carried(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct carried *carried = &operation->carried;
    const struct voters holders = carried->view == operation->view ? carried->holders : (struct voters){0};
    struct coded_value value;
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    enum areg_error error = carried_give(carried, operation->view, &value);
    if (error == AREG_OK)
        error = ask_begin_put_data(&operation->ask, &options, &value, holders, now_ns);
    operation->ask.is_new_value = operation_is_write(operation) && !operation->is_stale;
    coded_value_fini(&value); /* Empty, unless it was not taken. */
    if (error == AREG_OK)
        operation_enter(client, operation, OP_PUTTING, now_ns);
    else
        operation_give_up(client, operation, error, now_ns);
}

/* Put what a get-data has found, only to those that lack it, before anyone may see it [ARES, Alg. 1; PROTOCOL §4]. */
static void write_back(struct client *client, struct operation *operation, uint64_t now_ns)
{
    operation->outcome.wrote_back = true;
    if (SWITCHED_OFF(ABLATION_ONE_ROUND_READ))
        operation->carried.holders = (struct voters){0};
    put_carried(client, operation, now_ns);
}

/* Choose the tag of a write, once and for all, above all that was seen, and put. */
static void put_new_value(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct view *view = operation->view;
    const unsigned n = view->config.member_count;
    struct tag newest = operation->tag_floor;
    if (!PLANTED(PLANT_TAG_REUSE))
        newest = tag_max(newest, client->tag_floor);
    if (tag_source_is_spent(&client->tags))
        tag_source_init(&client->tags, random_next(&client->random));
    struct coded_value value = {
        .entry.tag = tag_source_next(&client->tags, newest),
        .entry.value_digest = operation->value_digest,
        .entry.value_bytes = (uint32_t)operation->value.bytes,
        .entry.flags = operation->kind == CLIENT_DEL ? ENTRY_TOMBSTONE : 0,
    };
    const enum areg_error error = codec_encode(view->codec, operation->value, voters_all(n), value.fragments);
    if (error != AREG_OK) {
        operation_end(client, operation, error, now_ns);
        return;
    }
    value.present = voters_all(n);
    if (PLANTED(PLANT_TAG_REUSE))
        value.entry.tag.w = client->tags.random40;
    operation->outcome.tag = value.entry.tag;
    operation->outcome.value_bytes = value.entry.value_bytes;
    slice_unref(&operation->value);
    if (PLANTED(PLANT_EARLY_CONFIRM))
        confirm_later(client, view, operation->key, value.entry.tag, voters_all(n), now_ns);
    carried_take(&operation->carried, view, &value);
    put_carried(client, operation, now_ns);
}

/* ---------------------------------------------------------------- after a phase */

/* A read has its tag, and the next operation on any client will see it: it may return. */
static void complete(struct client *client, struct operation *operation, struct voters unconfirmed, uint64_t now_ns)
{
    if (SWITCHED_OFF(ABLATION_PIGGYBACKED_NEXT) && operation->state != OP_READING_NEXT) {
        operation->carried.unconfirmed = unconfirmed;
        if (read_next(client, operation, OP_ENDED, now_ns) == AREG_OK)
            return;
    }
    if (operation->is_stale) {
        operation_end(client, operation, AREG_ESTALE, now_ns);
        return;
    }
    confirm_later(client, operation->view, operation->key, operation->outcome.tag, unconfirmed, now_ns);
    const bool has_value = operation_is_write(operation) || !operation->is_tombstone;
    operation_end(client, operation, has_value ? AREG_OK : AREG_ENOTFOUND, now_ns);
}

/* The tag that a read would return is in operation->carried: does the base of a covering write match? */
static void after_base(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct carried *carried = &operation->carried;
    const struct tag current = carried->view ? carried->value.entry.tag : TAG_ZERO;
    if (tag_equal(current, operation->base)) {
        carried_fini(&operation->carried);
        put_new_value(client, operation, now_ns);
        return;
    }
    operation->outcome.tag = current;
    operation->is_stale = true;
    /* The tag that it is told is a read's: whoever reads after this must find it, too. */
    if (!carried->view || carried->is_complete)
        operation_end(client, operation, AREG_ESTALE, now_ns);
    else
        write_back(client, operation, now_ns);
}

/* All configurations have been asked for their data. */
static void after_get_data(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct carried *carried = &operation->carried;
    const struct tag found = carried->view ? carried->value.entry.tag : TAG_ZERO;
    if (tag_compare(found, operation->lost_floor) < 0) {
        operation_end(client, operation, AREG_ECORRUPT, now_ns);
        return;
    }
    if (operation_is_write(operation)) {
        after_base(client, operation, now_ns);
        return;
    }
    if (!carried->view) {
        operation_end(client, operation, AREG_ENOTFOUND, now_ns);
        return;
    }
    operation->outcome.tag = carried->value.entry.tag;
    operation->outcome.value_bytes = carried->value.entry.value_bytes;
    operation->is_tombstone = carried->value.entry.flags & ENTRY_TOMBSTONE;
    const bool is_repeated = SWITCHED_OFF(ABLATION_ONE_ROUND_READ) && operation->kind == CLIENT_GET;
    if ((!carried->is_complete || is_repeated) && !PLANTED(PLANT_NO_WRITE_BACK)) {
        write_back(client, operation, now_ns);
        return;
    }
    const bool is_here = carried->view == operation->view;
    complete(client, operation, is_here ? carried->unconfirmed : (struct voters){0}, now_ns);
}

/* All configurations have been asked for their tags. */
static void after_get_tag(struct client *client, struct operation *operation, uint64_t now_ns)
{
    if (operation->is_full && operation->kind == CLIENT_PUT) {
        operation_end(client, operation, AREG_EFULL, now_ns);
        return;
    }
    if (!operation->has_base || tag_equal(operation->tag_floor, operation->base) || PLANTED(PLANT_BASE_IGNORED)) {
        put_new_value(client, operation, now_ns);
        return;
    }
    /* Some member has a newer tag than a covering write's base. That may be all there is of an abandoned write, which
     * no read returns, and then it is no reason to refuse [ARES, 8.4]: find out what a read would return. */
    view_unref(operation->view);
    operation->view = view_ref(sequence_base(client, operation->shard));
    const enum areg_error error = begin_ask(client, operation, OP_GETTING_DATA, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_GETTING_DATA, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

static void after_listing(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum areg_error error = listing_merge(operation->pages, operation->page_count, operation->target != NULL,
                                                operation->key_count_max, &operation->outcome);
    operation_end(client, operation, error, now_ns);
}

/* ---------------------------------------------------------------- what a phase leaves */

static void take_pieces(struct operation *operation)
{
    struct ask *ask = &operation->ask;
    struct client_done *outcome = &operation->outcome;
    if (operation->kind != CLIENT_GET)
        return;
    for (unsigned i = 0; i < outcome->piece_count; i++)
        slice_unref(&outcome->pieces[i]);
    memcpy(outcome->pieces, ask->pieces, ask->piece_count * sizeof ask->pieces[0]);
    outcome->piece_count = ask->piece_count;
    ask->piece_count = 0;
}

/* What a get-data has found, if it is the newest so far. */
static void keep_found(struct operation *operation)
{
    struct ask *ask = &operation->ask;
    struct carried *carried = &operation->carried;
    if (ask->chosen < 0)
        return;
    const int order = carried->view ? tag_compare(ask->tag, carried->value.entry.tag) : 1;
    if (order < 0)
        return;
    /* Of the same tag, the later configuration's copy counts: it may be that nothing is left to do there. */
    const bool was_complete = order == 0 && carried->is_complete;
    take_pieces(operation);
    carried_take(carried, operation->view, &ask->candidates[ask->chosen].value);
    carried->holders = ask_chosen_holders(ask);
    carried->unconfirmed = ask_unconfirmed(ask);
    carried->is_complete = ask->is_complete || was_complete;
}

void operation_drop_pages(struct operation *operation)
{
    for (unsigned i = 0; i < operation->page_count; i++)
        slice_unref(&operation->pages[i].page);
    free(operation->pages);
    operation->pages = NULL;
    operation->page_count = 0;
}

static enum areg_error keep_pages(struct operation *operation)
{
    struct ask *ask = &operation->ask;
    const unsigned more_count = voters_count(ask->replied);
    struct listing_page *grown =
        realloc(operation->pages, (operation->page_count + more_count) * sizeof *operation->pages);
    if (!grown)
        return AREG_ENOMEM;
    operation->pages = grown;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (voters_has(ask->replied, i))
            operation->pages[operation->page_count++] =
                (struct listing_page){.page = slice_ref(ask->pages[i]), .has_more = voters_has(ask->more, i)};
    return AREG_OK;
}

/* Before an ask is closed: what it has found, or was to put, goes with the operation. */
static enum areg_error keep(struct operation *operation)
{
    struct ask *ask = &operation->ask;
    switch (operation->state) {
    case OP_GETTING_TAG:
        operation->tag_floor = tag_max(operation->tag_floor, ask->tag);
        operation->is_full =
            !code_has_quorum(ask->config->code, voters_minus(voters_all(ask->config->member_count), ask->full));
        return AREG_OK;
    case OP_GETTING_DATA:
        keep_found(operation);
        return AREG_OK;
    case OP_PUTTING:
        carried_take(&operation->carried, operation->view, &ask->value);
        return AREG_OK;
    case OP_LISTING:
        return keep_pages(operation);
    default:
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- from one configuration to another */

/* Go through the phase in this configuration, whose reference is taken over. */
static void go_to(struct client *client, struct operation *operation, enum operation_state phase, struct view *view,
                  uint64_t now_ns)
{
    view_unref(operation->view);
    operation->view = view;
    if (phase == OP_PUTTING) {
        put_carried(client, operation, now_ns);
        return;
    }
    const enum areg_error error = begin_ask(client, operation, phase, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, phase, now_ns);
    else
        operation_give_up(client, operation, error, now_ns);
}

/* A reply has named a later configuration, which is finalized: all registers are in it, and what was there before is
 * no longer looked at (PROTOCOL §5.6). What has been found so far, or was to be put, stays. */
void operation_jump(struct client *client, struct operation *operation, struct view *view, uint64_t now_ns)
{
    const bool is_between = operation->state == OP_LINKING || operation->state == OP_READING_NEXT;
    const enum operation_state phase = is_between ? operation->resumed : operation->state;
    if (phase == OP_ENDED)
        return; /* It is complete, and only waits for a round that it does not need. */
    /* An answer that is only half there is not worth keeping; a value that was to be put is. */
    const enum areg_error error = operation->state == OP_PUTTING ? keep(operation) : AREG_OK;
    CHECK(error == AREG_OK);
    slice_unref(&operation->next);
    operation->lost_floor = TAG_ZERO;
    operation_close_ask(client, operation);
    if (PLANTED(PLANT_OLD_ANSWER) && phase == OP_GETTING_DATA) {
        after_get_data(client, operation, now_ns);
        return;
    }
    go_to(client, operation, phase, view_ref(view), now_ns);
}

static void follow(struct client *client, struct operation *operation, enum operation_state phase, uint64_t now_ns)
{
    struct slice next = operation->next;
    operation->next = (struct slice){0};
    struct view *view = sequence_successor(client, operation->view, next);
    slice_unref(&next);
    if (view)
        go_to(client, operation, phase, view, now_ns);
    else
        operation_give_up(client, operation, AREG_ENOMEM, now_ns);
}

/*
 * Some member has shown a successor: the phase goes on there. If few have, whoever comes after this operation might
 * miss it, and with it what this operation is about to leave there: a majority must know it first (S9).
 */
static void go_on(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct ask *ask = &operation->ask;
    const enum operation_state phase = operation->state;
    const bool is_known = voters_count(ask->shown) >= config_quorum(ask->config);
    operation->next = slice_ref(ask->next);
    enum areg_error error = keep(operation);
    operation_close_ask(client, operation);
    if (error == AREG_OK && (is_known || PLANTED(PLANT_SKIP_PUT_CONFIG))) {
        follow(client, operation, phase, now_ns);
        return;
    }
    operation->resumed = phase;
    if (error == AREG_OK)
        error = begin_question(client, operation, ASK_WRITE_CONFIG, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_LINKING, now_ns);
    else
        operation_give_up(client, operation, error, now_ns);
}

static void begin_first(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum areg_error error = phase_begin(client, operation, now_ns);
    if (error != AREG_OK)
        operation_give_up(client, operation, error, now_ns);
}

static void end_reading(struct client *client, struct operation *operation, uint64_t now_ns)
{
    operation_close_ask(client, operation);
    complete(client, operation, operation->carried.unconfirmed, now_ns);
}

/* The phase is over in the last configuration. */
static void finish_phase(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const enum operation_state phase = operation->state;
    const struct voters all = voters_all(operation->view->config.member_count);
    const enum areg_error error = keep(operation);
    operation_close_ask(client, operation);
    if (error != AREG_OK) {
        operation_give_up(client, operation, error, now_ns);
        return;
    }
    switch (phase) {
    case OP_GETTING_TAG:
        after_get_tag(client, operation, now_ns);
        break;
    case OP_GETTING_DATA:
        after_get_data(client, operation, now_ns);
        break;
    case OP_PUTTING:
        complete(client, operation, all, now_ns);
        break;
    case OP_LISTING:
        after_listing(client, operation, now_ns);
        break;
    case OP_LINKING:
        follow(client, operation, operation->resumed, now_ns);
        break;
    case OP_READING_NEXT:
        begin_first(client, operation, now_ns);
        break;
    default:
        CHECK(!"an operation that asks nothing has no answer");
    }
}

static bool jump_if_retired(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct ask *ask = &operation->ask;
    if (ask->later.bytes == 0)
        return false;
    struct view *view = sequence_view(client, ask->later);
    if (!view)
        return false;
    sequence_advance(client, view);
    operation_jump(client, operation, view, now_ns);
    view_unref(view);
    return true;
}

/* The ask may have come to an end: take the next step. */
void phase_proceed(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    const struct ask *ask = &operation->ask;
    if (operation->state == OP_RECONFIGURING) {
        reconfigure_proceed(client, operation, error, now_ns);
        return;
    }
    if (error != AREG_OK) {
        operation_give_up(client, operation, error, now_ns);
        return;
    }
    if (operation->source) {
        move_proceed(client, operation, now_ns);
        return;
    }
    if (operation->state == OP_READING_NEXT && operation->resumed == OP_ENDED) {
        if (ask->state == ASK_WAITING && ask->later.bytes == 0)
            operation_settle(client, operation);
        else
            end_reading(client, operation, now_ns);
        return;
    }
    if (jump_if_retired(client, operation, now_ns))
        return;
    const bool is_lost = ask->state == ASK_FAILED && ask->error == AREG_ECORRUPT && ask->next.bytes > 0;
    if (ask->state == ASK_FAILED && !is_lost) {
        operation_give_up(client, operation, ask->error, now_ns);
        return;
    }
    if (is_lost) {
        /* What was written since the successor is known is there alone, and may be newer. */
        operation_note_lost(operation);
        go_on(client, operation, now_ns);
        return;
    }
    /* What is put counts in the last configuration only: there is no need to wait for this one. */
    const bool has_next = ask->next.bytes > 0 && operation->state != OP_LINKING && operation->state != OP_READING_NEXT;
    if (has_next && (ask->state == ASK_DONE || operation->state == OP_PUTTING))
        go_on(client, operation, now_ns);
    else if (ask->state == ASK_WAITING)
        operation_settle(client, operation);
    else
        finish_phase(client, operation, now_ns);
}
