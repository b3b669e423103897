#include "dap/ask.h"

#include "core/check.h"
#include "core/plant.h"
#include "dap/dap.h"

#include <stdlib.h>
#include <string.h>

void coded_value_fini(struct coded_value *value)
{
    for (unsigned i = 0; i < MEMBER_COUNT_MAX && value->present.bits; i++) {
        if (!voters_has(value->present, i))
            continue;
        slice_unref(&value->fragments[i]);
        voters_remove(&value->present, i);
    }
}

void ask_init(struct ask *ask)
{
    memset(ask, 0, sizeof *ask);
    ask->state = ASK_DONE;
    ask->chosen = -1;
}

static void free_candidates(struct ask *ask)
{
    free(ask->candidates);
    ask->candidates = NULL;
    ask->candidate_room = 0;
}

void ask_fini(struct ask *ask)
{
    for (unsigned i = 0; i < ask->candidate_count; i++)
        coded_value_fini(&ask->candidates[i].value);
    ask->candidate_count = 0;
    if (ask->candidate_room > CANDIDATE_KEPT_MAX)
        free_candidates(ask);
    for (unsigned i = 0; i < ask->piece_count; i++)
        slice_unref(&ask->pieces[i]);
    ask->piece_count = 0;
    coded_value_fini(&ask->value);
    if (ask->kind == ASK_LIST_KEYS && ask->config)
        for (unsigned i = 0; i < ask->config->member_count; i++)
            if (voters_has(ask->replied, i))
                slice_unref(&ask->pages[i]);
    slice_unref(&ask->next);
    slice_unref(&ask->later);
    slice_unref(&ask->location);
    ask->replied = (struct voters){0};
    ask->due = (struct voters){0};
    ask->chosen = -1;
    ask->config = NULL;
}

void ask_destroy(struct ask *ask)
{
    ask_fini(ask);
    free_candidates(ask);
}

void ask_finish(struct ask *ask)
{
    CHECK(ask->state == ASK_WAITING);
    CHECK(ask->dap->is_quorum(ask, ask->replied) || PLANTED(PLANT_LOW_TAG)); /* I11 */
    ask->state = ASK_DONE;
}

bool ask_is_patient(struct ask *ask, struct voters members, uint64_t now_ns)
{
    if (ask->quorum_ns == 0)
        ask->quorum_ns = now_ns;
    const uint64_t until_ns = ask->quorum_ns + ask->patience_ns;
    const struct voters awaited = voters_minus(voters_minus(members, ask->replied), ask->absent);
    if (ask->patience_ns == 0 || awaited.bits == 0 || now_ns >= until_ns)
        return false;
    ask_wake_at(ask, until_ns);
    return true;
}

void ask_finish_patiently(struct ask *ask, uint64_t now_ns)
{
    if (!ask_is_patient(ask, voters_all(ask->config->member_count), now_ns))
        ask_finish(ask);
}

void ask_fail(struct ask *ask, enum areg_error error)
{
    CHECK(ask->state == ASK_WAITING);
    CHECK(error != AREG_OK);
    ask->state = ASK_FAILED;
    ask->error = error;
}

void ask_want(struct ask *ask, unsigned member_index)
{
    voters_add(&ask->due, member_index);
}

void ask_wake_at(struct ask *ask, uint64_t at_ns)
{
    if (at_ns < ask->wake_ns)
        ask->wake_ns = at_ns;
}

/* ---------------------------------------------------------------- beginning */

static void begin(struct ask *ask, enum ask_kind kind, const struct ask_options *options)
{
    CHECK(ask->candidate_count == 0 && ask->value.present.bits == 0 && ask->piece_count == 0);
    CHECK(ask->next.bytes == 0 && ask->later.bytes == 0 && ask->location.bytes == 0);
    const struct dap *dap = dap_of(options->config->code.dap);
    CHECK(dap != NULL); /* A configuration that this build can not serve is refused when it is learned. */
    ask->dap = dap->ask;
    ask->quorum = code_quorum(options->config->code);
    if (PLANTED(PLANT_QUORUM_SHORT) && ask->quorum > 1)
        ask->quorum--;
    ask->kind = kind;
    ask->state = ASK_WAITING;
    ask->error = AREG_OK;
    ask->phase = options->phase;
    ask->wake_ns = UINT64_MAX;
    ask->config = options->config;
    ask->codec = options->codec;
    ask->random = options->random;
    ask->hedge_ns = options->hedge_ns;
    ask->slow = options->slow;
    ask->absent = options->absent;
    ask->near = options->near;
    ask->due = (struct voters){0};
    ask->replied = (struct voters){0};
    ask->full = (struct voters){0};
    ask->refused = (struct voters){0};
    ask->more = (struct voters){0};
    ask->shown = (struct voters){0};
    ask->link = options->link;
    ask->patience_ns = 0;
    ask->adopters = (struct voters){0};
    ask->is_move = ask->is_new_value = false;
    ask->question = NULL;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        ask->members[i] = (struct ask_member){.retry_ns = UINT64_MAX};
    ask->round_count = 1;
    ask->bent_round_count = 0;
    ask->hedge_count = 0;
    ask->retransmit_count = 0;
    ask->tag = TAG_ZERO;
    ask->has_floor = false;
    ask->floor = TAG_ABOVE_ALL;
    ask->forgotten = TAG_ZERO;
    ask->quorum_ns = 0;
    ask->decoded_ns = 0;
    ask->again_ns = UINT64_MAX;
    ask->chosen = -1;
    ask->is_complete = false;
    ask->writes_back = false;
    ask->value.entry = (struct entry){0};
}

enum areg_error ask_begin_get_tag(struct ask *ask, const struct ask_options *options, size_t value_bytes,
                                  uint64_t now_ns)
{
    begin(ask, ASK_GET_TAG, options);
    ask->fragment_bytes = (uint32_t)codec_fragment_bytes(value_bytes, options->config->code.k);
    return ask->dap->begin(ask, now_ns);
}

enum areg_error ask_begin_get_data(struct ask *ask, const struct ask_options *options, bool wants_value,
                                   uint64_t now_ns)
{
    begin(ask, ASK_GET_DATA, options);
    ask->wants_value = wants_value;
    return ask->dap->begin(ask, now_ns);
}

enum areg_error ask_begin_put_data(struct ask *ask, const struct ask_options *options, struct coded_value *value,
                                   struct voters holders, uint64_t now_ns)
{
    begin(ask, ASK_PUT_DATA, options);
    ask->tag = value->entry.tag;
    ask->value.entry = value->entry;
    ask->value.present = value->present;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (voters_has(value->present, i))
            ask->value.fragments[i] = value->fragments[i];
    value->present = (struct voters){0};
    /* PROTOCOL §3: a member that already reported the tag counts as acknowledged. */
    ask->replied = holders;
    return ask->dap->begin(ask, now_ns);
}

enum areg_error ask_begin_move(struct ask *ask, const struct ask_options *options, struct coded_value *value,
                               struct voters adopters, uint64_t now_ns)
{
    const enum areg_error error = ask_begin_put_data(ask, options, value, (struct voters){0}, now_ns);
    ask->adopters = adopters;
    ask->is_move = true;
    ask->patience_ns = ASK_PATIENCE_NS;
    return error;
}

enum areg_error ask_begin_list_keys(struct ask *ask, const struct ask_options *options,
                                    const struct list_keys *list_keys, uint64_t now_ns)
{
    begin(ask, ASK_LIST_KEYS, options);
    ask->list_keys = *list_keys;
    return ask->dap->begin(ask, now_ns);
}

enum areg_error ask_begin_question(struct ask *ask, const struct ask_options *options, const struct dap_ask *table,
                                   enum ask_kind kind, struct config_question *question, unsigned quorum,
                                   uint64_t now_ns)
{
    begin(ask, kind, options);
    ask->dap = table;
    ask->question = question;
    ask->quorum = quorum;
    return ask->dap->begin(ask, now_ns);
}

/* ---------------------------------------------------------------- sending */

enum message_kind ask_message_kind(enum ask_kind kind)
{
    static const enum message_kind kinds[] = {
        [ASK_GET_TAG] = MESSAGE_GET_TAG,
        [ASK_GET_DATA] = MESSAGE_GET_DATA,
        [ASK_PUT_DATA] = MESSAGE_PUT_DATA,
        [ASK_LIST_KEYS] = MESSAGE_LIST_KEYS,
        [ASK_READ_CONFIG] = MESSAGE_READ_CONFIG,
        [ASK_WRITE_CONFIG] = MESSAGE_WRITE_CONFIG,
        [ASK_PREPARE] = MESSAGE_PREPARE,
        [ASK_ACCEPT] = MESSAGE_ACCEPT,
        [ASK_JOIN] = MESSAGE_JOIN,
        [ASK_FINALIZE] = MESSAGE_FINALIZE,
        [ASK_GREET] = MESSAGE_HELLO,
        [ASK_TRANSFER] = MESSAGE_TRANSFER,
        [ASK_REGISTER] = MESSAGE_REGISTER,
    };
    return kinds[kind];
}

bool ask_expects(const struct ask *ask, enum message_kind kind)
{
    return kind == ask_message_kind(ask->kind) || (kind == MESSAGE_WRITE_CONFIG && ask->link.bytes > 0) ||
           (kind == MESSAGE_ADOPT && ask->kind == ASK_PUT_DATA) || (kind == MESSAGE_PUT_DATA && ask->writes_back);
}

/* The body: most often that of the ask's kind. */
static enum areg_error fill_in(struct ask *ask, unsigned member_index, struct request *request)
{
    if (ask->members[member_index].lacks_link) {
        request->kind = MESSAGE_WRITE_CONFIG;
        request->descriptor = ask->link;
        return AREG_OK;
    }
    if (voters_has(ask->adopters, member_index)) {
        request->kind = MESSAGE_ADOPT;
        request->adopt.entry = ask->value.entry;
        return AREG_OK;
    }
    return ask->dap->request(ask, member_index, request);
}

enum areg_error ask_request(struct ask *ask, unsigned member_index, uint64_t now_ns, struct request *request)
{
    CHECK(ask->state == ASK_WAITING && voters_has(ask->due, member_index));
    request->kind = ask_message_kind(ask->kind);
    request->phase = ask->phase;
    request->shard = ask->config->shard;
    request->config = ask->config->id;
    request->descriptor = (struct slice){0};
    request->payload = (struct slice){0};
    const enum areg_error error = fill_in(ask, member_index, request);
    if (error != AREG_OK)
        return error;

    struct ask_member *member = &ask->members[member_index];
    voters_remove(&ask->due, member_index);
    if (member->is_awaited)
        ask->retransmit_count++;
    const unsigned doublings = member->sent_count < 4 ? member->sent_count : 4;
    /* A fragment that is late is asked for elsewhere, long before it is asked for again. */
    const uint64_t first_ns = 2 * ask->hedge_ns > ASK_RETRY_NS_MIN ? 2 * ask->hedge_ns : ASK_RETRY_NS_MIN;
    const uint64_t retry_ns = first_ns << doublings;
    member->sent_ns = now_ns;
    member->retry_ns = now_ns + (retry_ns < ASK_RETRY_NS_MAX ? retry_ns : ASK_RETRY_NS_MAX);
    member->sent_count++;
    member->is_awaited = true;
    /* It may store what it refused before. A worker comes back after a while. */
    if (!ask->is_move)
        voters_remove(&ask->refused, member_index);
    const uint64_t late_ns = ask->has_floor ? now_ns + ask->hedge_ns : UINT64_MAX;
    ask_wake_at(ask, member->retry_ns < late_ns ? member->retry_ns : late_ns);
    return AREG_OK;
}

void ask_resend(struct ask *ask, unsigned member_index)
{
    voters_remove(&ask->slow, member_index);
    if (ask->state == ASK_WAITING && ask->members[member_index].is_awaited)
        ask_want(ask, member_index);
}

void ask_lost(struct ask *ask, unsigned member_index)
{
    voters_add(&ask->slow, member_index);
    /* Sent at the beginning of time: late by any measure. */
    ask->members[member_index].sent_ns = 0;
    if (ask->has_floor && ask->members[member_index].wanted.want != WANT_TAGS)
        ask->wake_ns = 0;
}

/* ---------------------------------------------------------------- events */

/* The next time at which some member is to be asked again; DAPs lower it further when they decide. */
static void settle_wake(struct ask *ask)
{
    ask->wake_ns = UINT64_MAX;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        ask_wake_at(ask, ask->members[i].retry_ns);
}

/* More members than the quorum can spare refuse us for good: say so now, instead of waiting for the deadline. */
static void fail_if_shut_out(struct ask *ask)
{
    struct voters left = voters_all(ask->config->member_count);
    bool speaks_other_version = false;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        const enum reply_status status = ask->members[i].status;
        speaks_other_version = speaks_other_version || status == REPLY_VERSION;
        if (status == REPLY_DENIED || status == REPLY_VERSION)
            voters_remove(&left, i);
    }
    /* After the first put-data message the outcome is unknown, and the deadline says so. */
    if (!ask->dap->is_quorum(ask, left) && ask->kind != ASK_PUT_DATA)
        ask_fail(ask, speaks_other_version ? AREG_EVERSION : AREG_EACCES);
}

/* So many members have refused what is to be moved that no quorum is left. */
static bool has_no_room(const struct ask *ask)
{
    const struct voters refused = voters_minus(ask->refused, ask->replied);
    return !ask->dap->is_quorum(ask, voters_minus(voters_all(ask->config->member_count), refused));
}

static enum areg_error decide(struct ask *ask, uint64_t now_ns)
{
    settle_wake(ask);
    const enum areg_error error = ask->dap->decide(ask, now_ns);
    if (error == AREG_OK && ask->state == ASK_WAITING)
        fail_if_shut_out(ask);
    if (error == AREG_OK && ask->state == ASK_WAITING && ask->is_move && has_no_room(ask))
        ask_fail(ask, AREG_EFULL);
    return error;
}

static void receive_refusal(struct ask *ask, uint64_t now_ns, unsigned member_index, enum reply_status status)
{
    struct ask_member *member = &ask->members[member_index];
    member->status = status;
    const unsigned doublings = member->sent_count < 7 ? member->sent_count : 7;
    const uint64_t soon_ns = ASK_BUSY_NS + random_below(ask->random, ASK_BUSY_NS);
    if (status == REPLY_BUSY)
        member->retry_ns = now_ns + soon_ns;
    else if (status == REPLY_UNKNOWN_CONFIG || status == REPLY_FULL)
        member->retry_ns = now_ns + (soon_ns << doublings); /* It is about to register, or silent, or full, for ever. */
    else
        member->retry_ns = now_ns + ASK_RETRY_NS_MAX;
    if (status == REPLY_FULL && member->sent_count == 1)
        voters_add(&ask->refused, member_index);
}

/* Who is asked to join one that has come too late knows another one of that index. */
static bool is_news(const struct ask *ask, uint32_t final_index)
{
    return final_index > ask->config->index || (ask->kind == ASK_JOIN && final_index == ask->config->index);
}

/*
 * What a member says of the configuration's successors, judged: false if no correct member can have said so. A pending
 * one is the successor of this very configuration, and there is only one (I1); a finalized one is any later one.
 */
static bool next_is_sound(const struct ask *ask, const struct reply *reply)
{
    struct config next;
    /* FINALIZE is about the configuration after the one whose members are asked, and so is what they show. */
    if (reply->next.status == LINK_NONE || (ask->kind == ASK_FINALIZE && reply->next.status == LINK_PENDING))
        return true;
    const struct slice known = reply->next.status == LINK_PENDING ? ask->next : ask->later;
    if (known.bytes > 0 && slice_equal(reply->next.descriptor, known))
        return true;
    if (config_decode(reply->next.descriptor, &next) != AREG_OK || !config_same_shard(&next, ask->config) ||
        !dap_of(next.code.dap))
        return false;
    if (reply->next.status == LINK_FINALIZED)
        return reply->status == REPLY_UNKNOWN_CONFIG || is_news(ask, next.index);
    if (next.index != ask->config->index + 1 || !config_id_equal(next.parent, ask->config->id))
        return false;
    return ask->next.bytes == 0 && (ask->link.bytes == 0 || slice_equal(reply->next.descriptor, ask->link));
}

static bool is_later(const struct ask *ask, struct slice descriptor)
{
    struct config config;
    return config_decode(descriptor, &config) == AREG_OK && config_same_shard(&config, ask->config) &&
           is_news(ask, config.index);
}

/* Only those who decide on a successor keep it: what others show, or do not show, tells nothing. */
static bool keeps_next(const struct ask *ask, unsigned member_index)
{
    return voters_has(code_deciders(ask->config->code), member_index);
}

static enum areg_error note_next(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    struct slice *known = reply->next.status == LINK_PENDING ? &ask->next : &ask->later;
    if (reply->next.status == LINK_NONE || (ask->kind == ASK_FINALIZE && reply->next.status == LINK_PENDING))
        return AREG_OK;
    if (reply->next.status == LINK_PENDING && !keeps_next(ask, member_index))
        return AREG_OK;
    if (reply->next.status == LINK_PENDING && reply->status == REPLY_OK)
        voters_add(&ask->shown, member_index);
    else if (!is_later(ask, reply->next.descriptor))
        return AREG_OK;
    if (known->bytes > 0)
        return AREG_OK; /* Of several later ones any will do: its members know more. */
    *known = slice_copy(reply->next.descriptor);
    return known->owner ? AREG_OK : AREG_ENOMEM;
}

/* Whether a reply that is OK answers the question itself; if not, what comes next for this member is arranged. */
static bool is_answer(struct ask *ask, uint64_t now_ns, unsigned member_index, const struct reply *reply)
{
    struct ask_member *member = &ask->members[member_index];
    if (reply->kind == MESSAGE_ADOPT) {
        if (reply->adopt.is_adopted)
            return true;
        voters_remove(&ask->adopters, member_index);
        if (ask->value.present.bits || ask->value.entry.value_bytes == 0)
            ask_want(ask, member_index);
        else
            ask_fail(ask, AREG_EBUSY);
        return false;
    }
    if (ask->link.bytes == 0 || !keeps_next(ask, member_index))
        return true;
    if (reply->kind == MESSAGE_WRITE_CONFIG) {
        member->lacks_link = false;
        ask_want(ask, member_index);
        return false;
    }
    if (reply->next.status != LINK_NONE)
        return true;
    /* The trap of PROTOCOL §7: put-data that it acknowledges after this reply would be lost. */
    if (PLANTED(PLANT_TRANSFER_WITHOUT_NEXT))
        return true;
    member->lacks_link = true;
    if (member->sent_count > 8)
        member->retry_ns = now_ns + ASK_RETRY_NS_MIN; /* It says that it has recorded the link, and does not show it. */
    else
        ask_want(ask, member_index);
    return false;
}

enum areg_error ask_receive(struct ask *ask, uint64_t now_ns, unsigned member_index, const struct reply *reply)
{
    CHECK(ask->state == ASK_WAITING && member_index < ask->config->member_count);
    struct ask_member *member = &ask->members[member_index];
    if (PLANTED(PLANT_VOTES_PER_MESSAGE) && voters_has(ask->replied, member_index) && ask_missing(ask).bits)
        voters_add(&ask->replied, (unsigned)__builtin_ctz(ask_missing(ask).bits));
    if (member->sent_count == 0)
        return AREG_OK; /* An answer to a question that was not asked. */
    const bool is_sound = next_is_sound(ask, reply);
    const enum reply_status status = is_sound ? reply->status : REPLY_INVALID;
    member->status = status;
    member->is_awaited = false;
    member->retry_ns = UINT64_MAX;
    enum areg_error error = is_sound ? note_next(ask, member_index, reply) : AREG_OK;
    if (error != AREG_OK)
        return error;
    if (status != REPLY_OK) {
        receive_refusal(ask, now_ns, member_index, status);
    } else if (is_answer(ask, now_ns, member_index, reply)) {
        /* It was doubled on its way, and there was room for the other one. */
        voters_remove(&ask->refused, member_index);
        error = reply->kind == MESSAGE_ADOPT ? AREG_OK : ask->dap->reply(ask, now_ns, member_index, reply);
        if (error != AREG_OK)
            return error;
        if (reply->kind == MESSAGE_ADOPT)
            voters_add(&ask->replied, member_index);
        /* It made no sense: what one damaged host says must not decide, nor must it be the end of it. */
        if (!voters_has(ask->replied, member_index))
            receive_refusal(ask, now_ns, member_index, REPLY_INVALID);
    }
    return ask->state == ASK_WAITING ? decide(ask, now_ns) : AREG_OK;
}

enum areg_error ask_tick(struct ask *ask, uint64_t now_ns)
{
    if (ask->state != ASK_WAITING)
        return AREG_OK;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        struct ask_member *member = &ask->members[i];
        if (member->retry_ns > now_ns)
            continue;
        member->retry_ns = UINT64_MAX; /* Set again when the request is taken. */
        ask_want(ask, i);
    }
    return decide(ask, now_ns);
}

/* ---------------------------------------------------------------- looking at the outcome */

bool ask_sees_next(const struct ask *ask)
{
    return ask->shown.bits || ask->later.bytes > 0;
}

struct voters ask_missing(const struct ask *ask)
{
    return voters_minus(voters_all(ask->config->member_count), ask->replied);
}

struct voters ask_chosen_holders(const struct ask *ask)
{
    CHECK(ask->chosen >= 0);
    return ask->candidates[ask->chosen].listed;
}

/*
 * A tag that had been completed by another operation before is confirmed by that one, so only members that are seen to
 * hold something older, which they would drop then, are reminded. Who was not asked is no better off than they are.
 */
struct voters ask_unconfirmed(const struct ask *ask)
{
    CHECK(ask->chosen >= 0);
    if (!ask->is_complete || ask->writes_back)
        return voters_all(ask->config->member_count);
    struct voters unconfirmed = {0};
    for (int i = 0; i < ask->chosen; i++)
        if (tag_compare(ask->candidates[i].value.entry.tag, ask->tag) < 0)
            unconfirmed = voters_union(unconfirmed, ask->candidates[i].listed);
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (tag_compare(ask->members[i].confirmed, ask->tag) >= 0)
            voters_remove(&unconfirmed, i);
    for (unsigned i = 0; i < ask->config->member_count && unconfirmed.bits; i++)
        if (ask->members[i].sent_count == 0)
            voters_add(&unconfirmed, i);
    return unconfirmed;
}
