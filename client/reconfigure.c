/*
 * Another configuration for a shard [ARES, reconfig; PROTOCOL §5], from the look at the end of the sequence to the last
 * host that knows that it is over. Every step can be repeated by anyone at any time: whoever comes after one that died
 * finds how far it was, and goes on.
 *
 *                    .-------------- the sequence goes on, or another one's is pending
 *                    v                                                          ^
 *   LOOKING --> GREETING --> JOINING --> PROPOSING --> INSTALLING --> TRANSFERRING --> FINALIZING --> ended
 *      `------- found something pending ------------------^
 */
#include "client/engine.h"

#include "core/check.h"
#include "core/plant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reconfiguration {
    enum reconfigure_goal goal;
    enum reconfigure_step step;
    struct config wanted;
    struct config_id expected;
    uint64_t bytes_per_s;
    uint64_t patience_ns; /* without progress; UINT64_MAX: for ever */
    struct view *last;    /* the last finalized configuration that is known; one reference */
    struct view *target;  /* its successor to be; one reference; NULL: none yet */
    struct view *own;     /* the target that was wanted; one reference; NULL: not made yet */
    struct ballot ballot;
    bool is_beyond;       /* LOOKING: the members of what is pending are asked */
    bool is_accepting;    /* PROPOSING: the second phase */
    bool is_proposed;     /* `own` was sent to acceptors: it may be chosen */
    bool is_chosen;       /* `own` is */
    bool has_told_parent; /* FINALIZING: the members of `last` know it */
    unsigned refusal_count;
    uint64_t again_ns; /* PROPOSING: when to try again; 0: not waiting */
    struct config_question question;
};

/* Between two attempts at consensus: a few round trips, doubling, with jitter, so that one of two proposers gets
 * through. */
#define PROPOSE_AGAIN_NS_MIN UINT64_C(5000000)
enum { PROPOSE_DOUBLINGS_MAX = 7 };

/* Who only looks does not wait longer for members of what is pending: perhaps it is they who are missing. */
#define LOOK_BEYOND_NS UINT64_C(1000000000)

enum areg_error reconfiguration_create(struct operation *operation, const struct client_op *op, uint64_t now_ns)
{
    struct reconfiguration *made = calloc(1, sizeof *made);
    if (!made)
        return AREG_ENOMEM;
    made->goal = op->goal;
    made->step = RECONFIGURE_LOOKING;
    if (op->goal == RECONFIGURE_CHANGE)
        made->wanted = *op->wanted;
    made->expected = op->expected;
    made->bytes_per_s = op->bytes_per_s;
    made->patience_ns = op->deadline_ns == UINT64_MAX ? UINT64_MAX : op->deadline_ns - now_ns;
    operation->reconfiguration = made;
    return AREG_OK;
}

void reconfiguration_destroy(struct operation *operation)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    if (!reconfiguration)
        return;
    view_unref(reconfiguration->last);
    view_unref(reconfiguration->target);
    view_unref(reconfiguration->own);
    free(reconfiguration);
    operation->reconfiguration = NULL;
}

/* ---------------------------------------------------------------- ending */

bool reconfigure_has_answer(const struct operation *operation)
{
    return operation->reconfiguration && operation->reconfiguration->is_beyond;
}

void reconfigure_tell(struct operation *operation)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct client_done *outcome = &operation->outcome;
    if (reconfiguration->last)
        outcome->base = slice_ref(reconfiguration->last->descriptor);
    const bool is_decided = reconfigure_has_answer(operation) || reconfiguration->step >= RECONFIGURE_INSTALLING;
    if (reconfiguration->target && is_decided)
        outcome->pending = slice_ref(reconfiguration->target->descriptor);
    const struct transfer_progress moved = config_ask_progress(&reconfiguration->question, MEMBER_COUNT_MAX);
    outcome->moved_count = moved.register_count;
    outcome->moved_bytes = moved.bytes;
}

/* There is progress: from now on it may take as long again. */
static void extend(struct operation *operation, uint64_t now_ns)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    uint64_t patience_ns = reconfiguration->patience_ns;
    if (reconfiguration->is_beyond && patience_ns > LOOK_BEYOND_NS)
        patience_ns = LOOK_BEYOND_NS;
    operation->deadline_ns = patience_ns < UINT64_MAX - now_ns ? now_ns + patience_ns : UINT64_MAX;
}

/* However long a transfer takes, there is progress as long as some worker can be heard. */
static void extend_while_heard(struct operation *operation)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    uint64_t heard_ns = 0;
    for (unsigned i = 0; i < reconfiguration->target->config.member_count; i++)
        if (reconfiguration->question.heard_ns[i] > heard_ns)
            heard_ns = reconfiguration->question.heard_ns[i];
    if (heard_ns > 0)
        extend(operation, heard_ns);
}

/* ---------------------------------------------------------------- steps */

/* Put a question to the members of `view`. */
static void ask_members(struct client *client, struct operation *operation, struct view *view, enum ask_kind kind,
                        uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    view_ref(view);
    view_unref(operation->view);
    operation->view = view;
    const struct ask_options options = operation_ask_options(client, operation, now_ns);
    /* That others propose, too, is no progress. */
    if (reconfiguration->step != RECONFIGURE_PROPOSING || reconfiguration->refusal_count == 0)
        extend(operation, now_ns);
    const enum areg_error error = config_ask_begin(&operation->ask, &options, kind, &reconfiguration->question, now_ns);
    if (error == AREG_OK)
        operation_enter(client, operation, OP_RECONFIGURING, now_ns);
    else
        operation_end(client, operation, error, now_ns);
}

/* `view` is taken over. */
static void set_view(struct view **place, struct view *view)
{
    view_unref(*place);
    *place = view;
}

static void look(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    reconfiguration->step = RECONFIGURE_LOOKING;
    reconfiguration->is_beyond = false;
    set_view(&reconfiguration->last, view_ref(sequence_base(client, operation->shard)));
    set_view(&reconfiguration->target, NULL);
    if (reconfiguration->last)
        ask_members(client, operation, reconfiguration->last, ASK_READ_CONFIG, now_ns);
    else
        operation_end(client, operation, AREG_ENOMEM, now_ns);
}

void reconfigure_begin(struct client *client, struct operation *operation, uint64_t now_ns)
{
    operation->reconfiguration->ballot.proposer = random_next(&client->random) | 1;
    look(client, operation, now_ns);
}

/* The configuration that is wanted, after the last one, with the incarnations that its members have told. */
static struct view *make_target(struct client *client, struct operation *operation, const uint64_t *incarnations)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct config *wanted = &reconfiguration->wanted;
    wanted->cluster = client->cluster->digest;
    wanted->shard = operation->shard;
    wanted->index = reconfiguration->last->config.index + 1;
    wanted->parent = reconfiguration->last->config.id;
    for (unsigned i = 0; i < wanted->member_count; i++)
        wanted->members[i].incarnation = incarnations ? incarnations[i] : 0;
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t encoded_bytes = config_encode(wanted, encoded, sizeof encoded);
    return sequence_view(client, slice_borrow(encoded, encoded_bytes));
}

static void greet(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    reconfiguration->step = RECONFIGURE_GREETING;
    reconfiguration->question.cluster = client->cluster->digest;
    set_view(&reconfiguration->target, make_target(client, operation, NULL));
    if (reconfiguration->target)
        ask_members(client, operation, reconfiguration->target, ASK_GREET, now_ns);
    else
        operation_end(client, operation, AREG_ENOMEM, now_ns);
}

static void join(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    reconfiguration->step = RECONFIGURE_JOINING;
    set_view(&reconfiguration->target, make_target(client, operation, reconfiguration->question.incarnations));
    set_view(&reconfiguration->own, view_ref(reconfiguration->target));
    if (!reconfiguration->target) {
        operation_end(client, operation, AREG_ENOMEM, now_ns);
        return;
    }
    reconfiguration->question.descriptor = reconfiguration->target->descriptor;
    ask_members(client, operation, reconfiguration->target, ASK_JOIN, now_ns);
}

static void prepare(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct config_question *question = &reconfiguration->question;
    reconfiguration->step = RECONFIGURE_PROPOSING;
    reconfiguration->is_accepting = false;
    reconfiguration->again_ns = 0;
    /* Above all that was heard of; a proposer never uses a ballot twice. */
    if (question->promised.round > reconfiguration->ballot.round)
        reconfiguration->ballot.round = question->promised.round;
    reconfiguration->ballot.round++;
    question->ballot = reconfiguration->ballot;
    question->accepted = (struct ballot){0};
    question->accepted_bytes = 0;
    ask_members(client, operation, reconfiguration->last, ASK_PREPARE, now_ns);
}

/*
 * A majority has promised: propose what one of them has accepted under the largest ballot, or else our own. Whoever
 * only finishes has none: then nothing was begun that could take effect any more, since what an admin who died has sent
 * under a smaller ballot is refused from now on.
 */
static void propose_value(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct config_question *question = &reconfiguration->question;
    if (question->accepted_bytes == 0 && !reconfiguration->own) {
        operation_end(client, operation, AREG_OK, now_ns);
        return;
    }
    question->descriptor = reconfiguration->own ? reconfiguration->own->descriptor : (struct slice){0};
    if (question->accepted_bytes > 0 && !(PLANTED(PLANT_TWO_DECIDERS) && reconfiguration->own))
        question->descriptor = slice_borrow(question->accepted_descriptor, question->accepted_bytes);
    reconfiguration->is_accepting = true;
    reconfiguration->is_proposed |= question->accepted_bytes == 0;
    ask_members(client, operation, reconfiguration->last, ASK_ACCEPT, now_ns);
}

static void propose_again(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    const unsigned doublings = reconfiguration->refusal_count < PROPOSE_DOUBLINGS_MAX ? reconfiguration->refusal_count++
                                                                                      : PROPOSE_DOUBLINGS_MAX;
    const uint64_t delay_ns = PROPOSE_AGAIN_NS_MIN << doublings;
    reconfiguration->again_ns = now_ns + 1 + random_below(&client->random, delay_ns);
    operation_settle(client, operation);
}

static bool is_own(const struct reconfiguration *reconfiguration)
{
    return reconfiguration->own && reconfiguration->target &&
           config_id_equal(reconfiguration->own->config.id, reconfiguration->target->config.id);
}

/* `descriptor` is the successor of the last configuration, once and for all. */
static void install(struct client *client, struct operation *operation, struct slice descriptor, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct view *decided = sequence_successor(client, reconfiguration->last, descriptor);
    if (!decided) {
        operation_end(client, operation, AREG_ENOMEM, now_ns);
        return;
    }
    set_view(&reconfiguration->target, decided);
    reconfiguration->is_chosen |= is_own(reconfiguration);
    reconfiguration->step = RECONFIGURE_INSTALLING;
    reconfiguration->question.descriptor = decided->descriptor;
    ask_members(client, operation, reconfiguration->last, ASK_WRITE_CONFIG, now_ns);
}

/* Members of the target that can not have their fragments from what they held before: they have to receive bytes, so it
 * is they who fetch them. */
static struct voters receivers(const struct config *last, const struct config *target)
{
    return voters_minus(code_holders(target->code), move_adopters(last, target));
}

static void transfer(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    reconfiguration->step = RECONFIGURE_TRANSFERRING;
    reconfiguration->question = (struct config_question){
        .descriptor = reconfiguration->last->descriptor,
        .preferred = receivers(&reconfiguration->last->config, &reconfiguration->target->config),
        .sets_pace = reconfiguration->bytes_per_s > 0,
        .bytes_per_s = reconfiguration->bytes_per_s,
    };
    ask_members(client, operation, reconfiguration->target, ASK_TRANSFER, now_ns);
}

/* First the members of the last configuration, who send its clients on; then those of the new one, whom newcomers
 * ask. */
static void finalize(struct client *client, struct operation *operation, bool has_told_parent, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    reconfiguration->step = RECONFIGURE_FINALIZING;
    reconfiguration->has_told_parent = has_told_parent;
    reconfiguration->question.descriptor = reconfiguration->target->descriptor;
    reconfiguration->question.config = reconfiguration->target->config.id;
    ask_members(client, operation, has_told_parent ? reconfiguration->target : reconfiguration->last, ASK_FINALIZE,
                now_ns);
}

/* ---------------------------------------------------------------- what a step has brought */

/* The target is finalized. */
static void after_finalize(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    const bool is_done = is_own(reconfiguration);
    sequence_advance(client, reconfiguration->target);
    set_view(&reconfiguration->last, reconfiguration->target);
    reconfiguration->target = NULL;
    if (is_done)
        operation_end(client, operation, AREG_OK, now_ns);
    else
        look(client, operation, now_ns);
}

static void end_stale(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct config *last = &operation->reconfiguration->last->config;
    snprintf(operation->outcome.detail, sizeof operation->outcome.detail,
             "the last configuration is c%u now (%.60s: %.100s), not the one that this change was made for",
             last->index, last->author, last->reason[0] ? last->reason : "no reason given");
    operation_end(client, operation, AREG_ESTALE, now_ns);
}

/* Whether our change has taken effect, though others may have brought it to its end, and may have changed more since.
 * AREG_EMAYBE: nobody can tell any more. */
static enum areg_error judge_own(const struct reconfiguration *reconfiguration)
{
    const struct view *own = reconfiguration->own;
    const struct config *last = &reconfiguration->last->config;
    if (!own || last->index < own->config.index)
        return AREG_ESTALE;
    if (reconfiguration->is_chosen || config_id_equal(own->config.id, last->id) ||
        config_id_equal(own->config.id, last->parent))
        return AREG_OK;
    return reconfiguration->is_proposed && last->index > own->config.index + 1 ? AREG_EMAYBE : AREG_ESTALE;
}

enum areg_error reconfigure_judge(const struct operation *operation, enum areg_error error)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    if (!reconfiguration || !reconfiguration->own || !reconfiguration->last)
        return error;
    if (is_own(reconfiguration) && reconfiguration->step >= RECONFIGURE_INSTALLING)
        return error; /* It is pending, and shown. */
    const enum areg_error own = judge_own(reconfiguration);
    const bool is_open = reconfiguration->last->config.index < reconfiguration->own->config.index;
    if (own == AREG_OK)
        return AREG_OK;
    return own == AREG_EMAYBE || (reconfiguration->is_proposed && is_open) ? AREG_EMAYBE : error;
}

/* There is no successor of the last configuration. */
static void after_look(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    const enum areg_error own = judge_own(reconfiguration);
    operation->may_have_effect = own == AREG_EMAYBE;
    if (own == AREG_EMAYBE)
        snprintf(operation->outcome.detail, sizeof operation->outcome.detail,
                 "others have changed more since (the last configuration is c%u): look at the history",
                 reconfiguration->last->config.index);
    if (reconfiguration->goal == RECONFIGURE_LOOK || own != AREG_ESTALE)
        operation_end(client, operation, reconfiguration->goal == RECONFIGURE_LOOK ? AREG_OK : own, now_ns);
    else if (reconfiguration->goal == RECONFIGURE_FINISH)
        prepare(client, operation, now_ns);
    else if (!config_id_equal(reconfiguration->last->config.id, reconfiguration->expected))
        end_stale(client, operation, now_ns);
    else
        greet(client, operation, now_ns);
}

/*
 * Something is pending, as far as the members of its parent know. Its own members may know that it is over, and even
 * what came after it: if the one who finalized it died before it told the parent's, nobody else ever does. A successor
 * they show when they are asked for it; that it is finalized, and has none, they say as a hint.
 */
static void look_beyond(struct client *client, struct operation *operation, struct slice descriptor, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    set_view(&reconfiguration->target, sequence_successor(client, reconfiguration->last, descriptor));
    reconfiguration->is_beyond = true;
    sequence_want_hint(client, reconfiguration->last->config.shard, now_ns);
    if (reconfiguration->target)
        ask_members(client, operation, reconfiguration->target, ASK_READ_CONFIG, now_ns);
    else
        operation_end(client, operation, AREG_ENOMEM, now_ns);
}

static void after_finding_pending(struct client *client, struct operation *operation, struct slice descriptor,
                                  uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    if (reconfiguration->goal == RECONFIGURE_LOOK) {
        look_beyond(client, operation, descriptor, now_ns);
    } else if (reconfiguration->goal == RECONFIGURE_CHANGE && PLANTED(PLANT_PROPOSE_ON_PENDING)) {
        set_view(&reconfiguration->last, sequence_successor(client, reconfiguration->last, descriptor));
        greet(client, operation, now_ns);
    } else {
        install(client, operation, descriptor, now_ns);
    }
}

static void after_step(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    switch (reconfiguration->step) {
    case RECONFIGURE_LOOKING:
        after_look(client, operation, now_ns);
        break;
    case RECONFIGURE_GREETING:
        join(client, operation, now_ns);
        break;
    case RECONFIGURE_JOINING:
        prepare(client, operation, now_ns);
        break;
    case RECONFIGURE_PROPOSING:
        if (!reconfiguration->is_accepting) {
            propose_value(client, operation, now_ns);
            break;
        }
        if (PLANTED(PLANT_INSTALLS_OWN) && reconfiguration->own)
            reconfiguration->question.descriptor = reconfiguration->own->descriptor;
        install(client, operation, reconfiguration->question.descriptor, now_ns);
        break;
    case RECONFIGURE_INSTALLING:
        transfer(client, operation, now_ns);
        break;
    case RECONFIGURE_TRANSFERRING:
        finalize(client, operation, false, now_ns);
        break;
    case RECONFIGURE_FINALIZING:
        if (reconfiguration->has_told_parent)
            after_finalize(client, operation, now_ns);
        else
            finalize(client, operation, true, now_ns);
        break;
    }
}

/* A refusal is the end, but for consensus, where another proposer was faster: perhaps it dies. */
static void after_failure(struct client *client, struct operation *operation, uint64_t now_ns)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    const enum areg_error error = operation->ask.error;
    if (reconfiguration->step == RECONFIGURE_PROPOSING && error == AREG_EBUSY) {
        operation_close_ask(client, operation);
        propose_again(client, operation, now_ns);
        return;
    }
    if (reconfigure_has_answer(operation)) {
        operation_end(client, operation, AREG_OK, now_ns);
        return;
    }
    if (error == AREG_EINVAL)
        snprintf(operation->outcome.detail, sizeof operation->outcome.detail,
                 reconfiguration->step == RECONFIGURE_GREETING
                     ? "a host is not who it should be: another id answers at its address, or one of another cluster"
                     : "a host refuses to join: another id, or another incarnation");
    operation_end(client, operation, error, now_ns);
}

/* Whether there is more to this configuration's being finalized than that we are just telling everybody so. */
static bool is_news(const struct reconfiguration *reconfiguration, const struct config *final)
{
    return reconfiguration->step != RECONFIGURE_FINALIZING || final->index > reconfiguration->target->config.index;
}

static void look_again(struct client *client, struct operation *operation, uint64_t now_ns)
{
    if (operation->ask.config)
        operation_close_ask(client, operation);
    look(client, operation, now_ns);
}

void reconfigure_hear(struct client *client, struct operation *operation, const struct config *final, uint64_t now_ns)
{
    if (is_news(operation->reconfiguration, final))
        look_again(client, operation, now_ns);
}

/* A later configuration is finalized: what was being done is done, or too late. */
static bool look_again_if_superseded(struct client *client, struct operation *operation, uint64_t now_ns)
{
    struct view *view = operation->ask.later.bytes > 0 ? sequence_view(client, operation->ask.later) : NULL;
    if (!view)
        return false;
    const bool is_superseded = is_news(operation->reconfiguration, &view->config);
    sequence_advance(client, view);
    view_unref(view);
    if (is_superseded)
        look_again(client, operation, now_ns);
    return is_superseded;
}

void reconfigure_proceed(struct client *client, struct operation *operation, enum areg_error error, uint64_t now_ns)
{
    struct reconfiguration *reconfiguration = operation->reconfiguration;
    struct ask *ask = &operation->ask;
    if (!ask->config) {
        /* Between two attempts. */
        if (reconfiguration->again_ns != 0 && now_ns >= reconfiguration->again_ns)
            prepare(client, operation, now_ns);
        else
            operation_settle(client, operation);
        return;
    }
    if (error != AREG_OK) {
        operation_end(client, operation, error, now_ns);
        return;
    }
    if (look_again_if_superseded(client, operation, now_ns))
        return;
    if (reconfiguration->is_beyond && ask->next.bytes > 0) {
        /* Only what is finalized has a successor. */
        sequence_advance(client, reconfiguration->target);
        look_again(client, operation, now_ns);
        return;
    }
    const bool is_look = reconfiguration->step == RECONFIGURE_LOOKING && ask->state == ASK_DONE;
    if (ask->next.bytes > 0 && (is_look || reconfiguration->step == RECONFIGURE_PROPOSING)) {
        struct slice next = slice_ref(ask->next);
        operation_close_ask(client, operation);
        if (is_look)
            after_finding_pending(client, operation, next, now_ns);
        else
            install(client, operation, next, now_ns);
        slice_unref(&next);
        return;
    }
    if (ask->state == ASK_WAITING) {
        if (reconfiguration->step == RECONFIGURE_TRANSFERRING)
            extend_while_heard(operation);
        operation_settle(client, operation);
    } else if (ask->state == ASK_FAILED) {
        after_failure(client, operation, now_ns);
    } else {
        operation_close_ask(client, operation);
        after_step(client, operation, now_ns);
    }
}

/* ---------------------------------------------------------------- for those who watch */

uint64_t reconfigure_wake_ns(const struct operation *operation)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    const bool is_waiting = reconfiguration && !operation->ask.config && reconfiguration->again_ns;
    return is_waiting ? reconfiguration->again_ns : UINT64_MAX;
}

void reconfigure_progress(const struct operation *operation, struct reconfigure_progress *progress)
{
    const struct reconfiguration *reconfiguration = operation->reconfiguration;
    *progress = (struct reconfigure_progress){.step = reconfiguration->step, .is_own = is_own(reconfiguration)};
    if (reconfiguration->target)
        progress->target = reconfiguration->target->config;
    if (reconfiguration->step >= RECONFIGURE_TRANSFERRING) {
        const struct transfer_progress all =
            config_ask_progress(&reconfiguration->question, progress->target.member_count);
        progress->slices_moved = all.slices_moved;
        progress->register_count = all.register_count;
        progress->bytes = all.bytes;
        progress->stuck_count = all.stuck_count;
    }
    if (operation->ask.config)
        progress->missing = ask_missing(&operation->ask);
}
