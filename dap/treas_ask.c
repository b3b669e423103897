/*
 * TREAS, asking half [ARES, section 3 and Alg. 2-4; PROTOCOL §3].
 *
 * get-data costs one value instead of the paper's (delta+1) n/k: all members are asked for their tags, k of them also
 * for the fragment of their newest entry. The tag to return is picked by rule R with the T0 rule:
 *
 *   maybe(t) = repliers that list t, intact or not, or have trimmed a tag >= t
 *   T0       = the largest t with |maybe(t)| >= |repliers| - (n - q), for any set of at least q repliers
 *
 * A put-data that completed before the question reached q members, so at most n - q of the repliers missed it, and
 * each of the others still lists the tag or has trimmed it: no completed tag is above T0, and any tag >= T0 that k
 * intact fragments give is a correct answer. With q repliers the bound is k, or one more; with each further reply it
 * rises, and what an abandoned write left on too few members drops out of the question. If nothing decodes yet, we
 * wait for more replies, then ask again: never do we answer with the best that happens to decode, nor with the initial
 * value (trap §5).
 *
 * With k = 1 all of this is ABD, whose members have in effect trimmed all below the one tag that they hold, and say
 * so: the quorum is a majority, one intact copy decodes. So ABD uses this half too.
 */
#include "dap/treas.h"

#include "codec/checksum.h"
#include "core/ablation.h"
#include "core/check.h"
#include "core/plant.h"
#include "dap/list.h"

/* ---------------------------------------------------------------- beginning and requests */

/* The k members to ask for a fragment at once: what is here already, then the fast ones, and among them those with data
 * fragments, which need no arithmetic. */
static struct voters preferred(const struct ask *ask)
{
    const unsigned k = ask->config->code.k;
    struct voters chosen = ask->near;
    CHECK(voters_count(chosen) <= k);
    for (int is_slow = 0; is_slow <= 1; is_slow++)
        for (unsigned i = 0; i < ask->config->member_count && voters_count(chosen) < k; i++)
            if (voters_has(ask->slow, i) == (is_slow == 1))
                voters_add(&chosen, i);
    return chosen;
}

static void ask_all(struct ask *ask)
{
    struct voters fragment_from = ask->wants_value ? preferred(ask) : (struct voters){0};
    if (SWITCHED_OFF(ABLATION_TWO_STEP_GET_DATA) && ask->wants_value)
        fragment_from = voters_all(ask->config->member_count);
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        ask->members[i].wanted = (struct get_data){.want = voters_has(fragment_from, i) ? WANT_NEWEST : WANT_TAGS};
        ask_want(ask, i);
    }
}

static bool treas_is_quorum(const struct ask *ask, struct voters members)
{
    return voters_count(members) >= ask->quorum;
}

static enum areg_error treas_begin(struct ask *ask, uint64_t now_ns)
{
    (void)now_ns;
    if (ask->kind == ASK_GET_DATA)
        ask_all(ask);
    else
        ask->due = ask_missing(ask);
    return AREG_OK;
}

static enum areg_error treas_request(struct ask *ask, unsigned member_index, struct request *request)
{
    switch (ask->kind) {
    case ASK_GET_TAG:
        request->get_tag.fragment_bytes = ask->fragment_bytes;
        return AREG_OK;
    case ASK_GET_DATA:
        request->get_data = ask->members[member_index].wanted;
        return AREG_OK;
    case ASK_PUT_DATA:
        return list_request_put(ask, member_index, request);
    case ASK_LIST_KEYS:
        request->list_keys = ask->list_keys;
        return AREG_OK;
    default:
        CHECK(!"questions about configurations have a table of their own");
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- get-data: what was heard */

static size_t candidate_fragment_bytes(const struct ask *ask, const struct candidate *candidate)
{
    return codec_fragment_bytes(candidate->value.entry.value_bytes, ask->config->code.k);
}

static void note_fragment(struct ask *ask, struct candidate *candidate, unsigned member_index, struct slice fragment)
{
    if (voters_has(candidate->value.present, member_index) || voters_has(candidate->damaged, member_index))
        return;
    if (fragment.bytes != candidate_fragment_bytes(ask, candidate)) {
        voters_add(&candidate->damaged, member_index);
        return;
    }
    candidate->value.fragments[member_index] = slice_ref(fragment);
    voters_add(&candidate->value.present, member_index);
    voters_remove(&candidate->bent, member_index);
}

static void note_one_of_all(struct ask *ask, struct candidate *candidate, unsigned member_index, struct slice fragment)
{
    if (fragment.bytes > 0)
        note_fragment(ask, candidate, member_index, fragment);
}

static enum areg_error note_entry(struct ask *ask, unsigned member_index, const struct entry *entry,
                                  const struct reply *reply)
{
    struct candidate *candidate;
    const enum areg_error error = list_candidate_of(ask, entry, &candidate);
    if (error != AREG_OK)
        return error;
    voters_add(&candidate->listed, member_index);
    voters_remove(&candidate->gone, member_index);
    candidate->checksums[member_index] = entry->fragment_checksum;
    if (entry->flags & ENTRY_DAMAGED)
        voters_add(&candidate->damaged, member_index);
    else if (candidate_fragment_bytes(ask, candidate) == 0)
        note_fragment(ask, candidate, member_index, (struct slice){0});
    else if (SWITCHED_OFF(ABLATION_TWO_STEP_GET_DATA) && ask->config->code.dap == DAP_TREAS)
        note_one_of_all(ask, candidate, member_index, list_fragment_of(ask->config->code, reply, entry));
    else if (reply->data.has_fragment &&
             (tag_equal(reply->data.fragment_tag, entry->tag) || PLANTED(PLANT_MIXED_DECODE)))
        note_fragment(ask, candidate, member_index, reply->payload);
    return AREG_OK;
}

/* A tag that was asked for and is not listed any more: the member has dropped it meanwhile. */
static void note_absence(struct ask *ask, unsigned member_index, struct tag wanted, const struct data_reply *data)
{
    for (unsigned i = 0; i < data->entry_count; i++)
        if (tag_equal(data->entries[i].tag, wanted))
            return;
    for (unsigned i = 0; i < ask->candidate_count; i++)
        if (tag_equal(ask->candidates[i].value.entry.tag, wanted))
            voters_add(&ask->candidates[i].gone, member_index);
}

static enum areg_error reply_get_data(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    const struct data_reply *data = &reply->data;
    struct ask_member *member = &ask->members[member_index];
    if (!list_is_sound(data))
        return AREG_OK;
    for (unsigned i = 0; i < data->entry_count; i++) {
        const enum areg_error error = note_entry(ask, member_index, &data->entries[i], reply);
        if (error != AREG_OK)
            return error;
    }
    member->trimmed = tag_max(member->trimmed, data->trimmed);
    member->confirmed = tag_max(member->confirmed, data->confirmed);
    if (member->wanted.want == WANT_TAG)
        note_absence(ask, member_index, member->wanted.tag, data);
    voters_add(&ask->replied, member_index);
    return AREG_OK;
}

static enum areg_error treas_reply(struct ask *ask, uint64_t now_ns, unsigned member_index, const struct reply *reply)
{
    (void)now_ns;
    switch (ask->kind) {
    case ASK_GET_TAG:
        list_hear_tag(ask, member_index, reply);
        return AREG_OK;
    case ASK_GET_DATA:
        return reply_get_data(ask, member_index, reply);
    case ASK_PUT_DATA:
        voters_add(&ask->replied, member_index);
        return AREG_OK;
    case ASK_LIST_KEYS:
        list_hear_keys(ask, member_index, reply);
        return AREG_OK;
    default:
        CHECK(!"questions about configurations have a table of their own");
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- get-data: rule R */

/* |maybe(t)|: repliers that have t, or may have had it. */
static unsigned maybe_count(const struct ask *ask, struct tag tag)
{
    struct voters maybe = {0};
    for (unsigned i = 0; i < ask->candidate_count; i++)
        if (tag_equal(ask->candidates[i].value.entry.tag, tag))
            maybe = voters_union(maybe, ask->candidates[i].listed);
    for (unsigned i = 0; i < ask->config->member_count && !PLANTED(PLANT_NO_TRIMMED); i++)
        if (voters_has(ask->replied, i) && tag_compare(ask->members[i].trimmed, tag) >= 0)
            voters_add(&maybe, i);
    return voters_count(maybe);
}

/* T0, as the replies of this round tell. */
static struct tag floor_of(const struct ask *ask)
{
    const unsigned missed_max = code_tolerance(ask->config->code);
    const unsigned needed = voters_count(ask->replied) - missed_max;
    struct tag floor = ask->forgotten;
    for (unsigned i = 0; i < ask->candidate_count; i++) {
        const struct tag tag = ask->candidates[i].value.entry.tag;
        if (tag_compare(tag, floor) > 0 && maybe_count(ask, tag) >= needed)
            floor = tag;
    }
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        const struct tag tag = ask->members[i].trimmed;
        if (voters_has(ask->replied, i) && tag_compare(tag, floor) > 0 && maybe_count(ask, tag) >= needed)
            floor = tag;
    }
    return floor;
}

/* Each set of replies bounds what had completed when the question was first asked, so the smallest T0 counts. */
static void lower_floor(struct ask *ask, uint64_t now_ns)
{
    const struct tag floor = PLANTED(PLANT_NO_FLOOR) ? TAG_ZERO : floor_of(ask);
    if (tag_compare(floor, ask->floor) < 0)
        ask->floor = floor;
    if (!ask->has_floor)
        ask->quorum_ns = now_ns;
    ask->has_floor = true;
}

static struct voters intact_holders(const struct candidate *candidate)
{
    return voters_minus(voters_minus(candidate->listed, candidate->gone), candidate->damaged);
}

/* Members that can still give a fragment in this round, and those that have. */
static struct voters sources_of(const struct candidate *candidate)
{
    return voters_union(voters_minus(intact_holders(candidate), candidate->bent), candidate->value.present);
}

/* The newest candidate at or above T0 with enough fragments at hand, else the newest that enough members still have;
 * -1: none. */
static int target_of(const struct ask *ask)
{
    int reachable = -1;
    for (int i = (int)ask->candidate_count - 1; i >= 0; i--) {
        const struct candidate *candidate = &ask->candidates[i];
        if (tag_compare(candidate->value.entry.tag, ask->floor) < 0)
            break;
        if (voters_count(candidate->value.present) >= candidate->needed_count)
            return i;
        if (reachable < 0 && voters_count(sources_of(candidate)) >= candidate->needed_count)
            reachable = i;
    }
    return reachable;
}

/*
 * Whether an operation with this tag has completed, or the replies amount to a put-data of it that completes now: q
 * members list exactly this tag and none of them shows a successor, or one knows that it is confirmed (PROTOCOL §4,
 * §8).
 */
static bool is_complete(const struct ask *ask, const struct candidate *candidate)
{
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (voters_has(ask->replied, i) && tag_compare(ask->members[i].confirmed, candidate->value.entry.tag) >= 0)
            return true;
    const unsigned needed = ask->quorum - PLANTED(PLANT_HOLDER_SHORT);
    return !ask_sees_next(ask) && voters_count(candidate->listed) >= needed;
}

/* Whether a member has been asked for a fragment that may be the target's, and may still bring it in time. */
static bool promises(struct ask *ask, unsigned member_index, const struct candidate *target, uint64_t now_ns)
{
    const struct ask_member *member = &ask->members[member_index];
    const bool is_asked = member->wanted.want == WANT_NEWEST ||
                          (member->wanted.want == WANT_TAG && tag_equal(member->wanted.tag, target->value.entry.tag));
    if (!is_asked)
        return false;
    if (voters_has(ask->due, member_index))
        return true;
    if (!member->is_awaited || list_is_late(ask, member->sent_ns, now_ns))
        return false;
    ask_wake_at(ask, member->sent_ns + ask->hedge_ns);
    return true;
}

/*
 * Begin anew, as a get-data that starts now would, but keep the fragments at hand, and T0 as an upper bound: new
 * replies may lower it, since it may be of a tag that an abandoned write left on too few members that are still up.
 */
static void begin_again(struct ask *ask)
{
    unsigned kept_count = 0;
    list_count_bent(ask);
    for (unsigned i = 0; i < ask->candidate_count; i++) {
        struct candidate *candidate = &ask->candidates[i];
        if (candidate->value.present.bits == 0 && candidate->damaged.bits == 0)
            continue; /* Nothing that would have to be learned anew. */
        candidate->listed = candidate->gone = candidate->bent = (struct voters){0};
        if (kept_count < i)
            ask->candidates[kept_count] = *candidate;
        kept_count++;
    }
    ask->candidate_count = kept_count;
    ask->replied = (struct voters){0};
    ask->has_floor = false;
    ask->forgotten = TAG_ZERO;
    ask->decoded_ns = 0;
    ask->again_ns = UINT64_MAX;
    ask->round_count++;
    ask_all(ask);
}

/* Ask as many more members for the target's fragment as are needed, fast ones first; all again if there are none left.
 */
static void fetch(struct ask *ask, const struct candidate *target, uint64_t now_ns)
{
    unsigned count = voters_count(target->value.present);
    bool is_hedge = false;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (voters_has(target->value.present, i))
            continue;
        if (promises(ask, i, target, now_ns))
            count++;
        else
            is_hedge = is_hedge || ask->members[i].is_awaited;
    }
    unsigned asked_count = 0;
    const struct voters holders = voters_minus(sources_of(target), target->value.present);
    for (int is_slow = 0; is_slow <= 1; is_slow++) {
        for (unsigned i = 0; i < ask->config->member_count && count < target->needed_count; i++) {
            struct ask_member *member = &ask->members[i];
            if (!voters_has(holders, i) || voters_has(ask->slow, i) != (is_slow == 1) ||
                list_was_asked_for(ask, i, target->value.entry.tag))
                continue;
            member->wanted = (struct get_data){.want = WANT_TAG, .tag = target->value.entry.tag};
            member->is_awaited = false;
            ask_want(ask, i);
            count++;
            asked_count++;
        }
    }
    if (asked_count > 0) {
        ask->round_count++;
        ask->hedge_count += is_hedge ? asked_count : 0;
    }
    if (count < target->needed_count)
        list_plan_again(ask, now_ns);
    else
        ask->again_ns = UINT64_MAX;
}

/* Every member has answered, more than once by and large, and a value that a quorum of them lists, none of which has
 * dropped it for something newer meanwhile, can not be read: it may have completed, and waiting brings nothing back. */
static bool is_corrupt(const struct ask *ask)
{
    const bool hopes = !list_is_always_bent(ask);
    if (ask->round_count < 3 || ask_missing(ask).bits)
        return false;
    for (unsigned i = 0; i < ask->candidate_count; i++) {
        const struct candidate *candidate = &ask->candidates[i];
        struct voters sources = sources_of(candidate);
        if (hopes)
            sources = voters_union(sources, intact_holders(candidate));
        if (tag_compare(candidate->value.entry.tag, ask->floor) >= 0 && candidate->gone.bits == 0 &&
            voters_count(candidate->listed) >= ask->quorum && voters_count(sources) < candidate->needed_count)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- get-data: decoding */

static void drop_pieces(struct ask *ask)
{
    for (unsigned i = 0; i < ask->piece_count; i++)
        slice_unref(&ask->pieces[i]);
    ask->piece_count = 0;
}

/* The first `count` members: those whose fragments codec_decode() uses. */
static struct voters first_of(struct voters members, unsigned count)
{
    struct voters first = {0};
    for (unsigned i = 0; i < MEMBER_COUNT_MAX && voters_count(first) < count; i++)
        if (voters_has(members, i))
            voters_add(&first, i);
    return first;
}

/* Decode from the given fragments into ask->pieces; `*matches` tells whether the result has the value's digest. */
static enum areg_error decode(struct ask *ask, const struct candidate *candidate, struct voters from, bool *matches)
{
    const enum areg_error error =
        codec_decode(ask->codec, candidate->value.fragments, from, candidate->value.entry.value_bytes, ask->pieces);
    if (error != AREG_OK)
        return error;
    ask->piece_count = ask->config->code.k;
    ask->decoded = candidate->value.entry;
    ask->decoded_from = first_of(from, ask->config->code.k);
    *matches = checksum_value_pieces(ask->pieces, ask->piece_count) == candidate->value.entry.value_digest ||
               PLANTED(PLANT_MIXED_DECODE);
    if (!*matches)
        drop_pieces(ask);
    return AREG_OK;
}

static void discard_fragment(struct candidate *candidate, unsigned member_index)
{
    slice_unref(&candidate->value.fragments[member_index]);
    voters_remove(&candidate->value.present, member_index);
}

/*
 * Throw out the fragments that are not what their member stored: members send no fragment that does not match, so it
 * was damaged on its way, and may be had in another round. The value's digest alone does not show it: it does not cover
 * the padding of the last data fragments, and what is wrong there would get, with good checksums, into the fragments
 * that are made of these for other members.
 */
static bool discard_bent(struct ask *ask, struct candidate *candidate)
{
    bool has_discarded = false;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (voters_has(candidate->value.present, i) &&
            checksum_fragment(candidate->value.fragments[i]) != candidate->checksums[i]) {
            discard_fragment(candidate, i);
            voters_add(&candidate->bent, i);
            has_discarded = true;
        }
    }
    return has_discarded;
}

/* Every fragment is what its member stored, and yet the value is wrong: with one fragment more than k, leaving each one
 * out in turn names the one that was stored wrong. */
static enum areg_error leave_one_out(struct ask *ask, struct candidate *candidate, bool *matches)
{
    *matches = false;
    if (voters_count(candidate->value.present) == ask->config->code.k) {
        candidate->needed_count = ask->config->code.k + 1u;
        return AREG_OK;
    }
    const struct voters present = candidate->value.present;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (!voters_has(present, i))
            continue;
        struct voters others = present;
        voters_remove(&others, i);
        const enum areg_error error = decode(ask, candidate, others, matches);
        if (error != AREG_OK)
            return error;
        if (*matches) {
            discard_fragment(candidate, i);
            voters_add(&candidate->damaged, i);
            candidate->needed_count = ask->config->code.k;
            return AREG_OK;
        }
    }
    candidate->needed_count = CANDIDATE_IS_HOPELESS;
    return AREG_OK;
}

/* Put the value together, once; false in `*matches` if fragments had to be thrown out, or more of them are needed. */
static enum areg_error settle_value(struct ask *ask, struct candidate *candidate, bool *matches)
{
    *matches = true;
    if (ask->piece_count > 0 && list_is_candidate_of(candidate, &ask->decoded))
        return AREG_OK;
    drop_pieces(ask);
    if (!PLANTED(PLANT_MIXED_DECODE) && discard_bent(ask, candidate)) {
        *matches = false;
        return AREG_OK;
    }
    const enum areg_error error = decode(ask, candidate, candidate->value.present, matches);
    if (error != AREG_OK || *matches)
        return error;
    return leave_one_out(ask, candidate, matches);
}

/* ---------------------------------------------------------------- get-data: deciding */

/* What else came, nobody has looked at: it must not get into the fragments that are written back. */
static void keep_decoded(struct ask *ask, struct coded_value *value)
{
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (!voters_has(value->present, i) || voters_has(ask->decoded_from, i))
            continue;
        slice_unref(&value->fragments[i]);
        voters_remove(&value->present, i);
    }
}

static void finish_get_data(struct ask *ask, int chosen, bool complete)
{
    if (chosen >= 0 && ask->piece_count > 0)
        keep_decoded(ask, &ask->candidates[chosen].value);
    ask->chosen = chosen;
    ask->is_complete = complete;
    if (chosen >= 0)
        ask->tag = ask->candidates[chosen].value.entry.tag;
    CHECK(tag_compare(ask->tag, ask->floor) >= 0); /* C1 */
    ask_finish(ask);
}

/*
 * One turn: get the target's value if it is wanted, and finish when the tag is known to be complete or no more is to be
 * learned of it. False in `*is_settled`: what was known of the target, or wanted of it, has changed; choose again.
 */
static enum areg_error pursue(struct ask *ask, int target, uint64_t now_ns, bool *is_settled)
{
    struct candidate *candidate = &ask->candidates[target];
    *is_settled = true;
    if (ask->wants_value) {
        if (voters_count(candidate->value.present) < candidate->needed_count) {
            fetch(ask, candidate, now_ns);
            return AREG_OK;
        }
        const enum areg_error error = settle_value(ask, candidate, is_settled);
        if (error != AREG_OK || !*is_settled)
            return error;
    }
    ask->again_ns = UINT64_MAX;
    if (ask->decoded_ns == 0)
        ask->decoded_ns = now_ns;
    const bool complete = is_complete(ask, candidate);
    const bool is_moving = ask->link.bytes > 0; /* What it finds is put into another configuration, complete or not. */
    const bool may_become = !complete && !SWITCHED_OFF(ABLATION_ONE_ROUND_READ);
    if (may_become && !is_moving && ask_missing(ask).bits && !list_is_late(ask, ask->decoded_ns, now_ns)) {
        ask_wake_at(ask, ask->decoded_ns + ask->hedge_ns);
        return AREG_OK;
    }
    if (complete || ask->wants_value || is_moving) {
        finish_get_data(ask, target, complete);
        return AREG_OK;
    }
    /* A stat that must write back needs the value after all. */
    ask->wants_value = true;
    *is_settled = false;
    return AREG_OK;
}

/* No tag at or above T0 can be had at present. */
static void finish_without_target(struct ask *ask, uint64_t now_ns)
{
    if (PLANTED(PLANT_INITIAL_VALUE))
        ask->floor = TAG_ZERO;
    if (tag_is_zero(ask->floor))
        finish_get_data(ask, -1, true);
    else if (is_corrupt(ask))
        ask_fail(ask, AREG_ECORRUPT);
    else
        list_plan_again(ask, now_ns);
}

static enum areg_error decide_get_data(struct ask *ask, uint64_t now_ns)
{
    if (voters_count(ask->replied) < ask->quorum)
        return AREG_OK;
    lower_floor(ask, now_ns);
    if (now_ns >= ask->again_ns) {
        begin_again(ask);
        return AREG_OK;
    }
    /* Each turn throws out a fragment or a candidate, wants one more of it, or ends. */
    for (unsigned turn = 0; turn <= 2 * MEMBER_COUNT_MAX * CANDIDATE_COUNT_MAX; turn++) {
        const int target = target_of(ask);
        if (target < 0) {
            finish_without_target(ask, now_ns);
            return AREG_OK;
        }
        bool is_settled;
        const enum areg_error error = pursue(ask, target, now_ns, &is_settled);
        if (error != AREG_OK || is_settled)
            return error;
    }
    CHECK(!"every turn comes closer to an end");
    return AREG_OK;
}

/* ---------------------------------------------------------------- deciding */

static enum areg_error treas_decide(struct ask *ask, uint64_t now_ns)
{
    if (ask->kind == ASK_GET_DATA)
        return decide_get_data(ask, now_ns);
    if (voters_count(ask->replied) >= ask->quorum || (PLANTED(PLANT_LOW_TAG) && ask->kind == ASK_GET_TAG)) {
        ask_finish_patiently(ask, now_ns);
        return AREG_OK;
    }
    if (ask->kind == ASK_PUT_DATA && ask->is_new_value) {
        /* So many members have refused the fragment for lack of room, and will not be asked again, that fewer than k
         * can have it: the value can never be read. */
        const unsigned possible = ask->config->member_count - voters_count(ask->refused);
        if (possible < ask->config->code.k)
            ask_fail(ask, AREG_EFULL);
    }
    return AREG_OK;
}

const struct dap_ask treas_ask = {
    .begin = treas_begin,
    .request = treas_request,
    .reply = treas_reply,
    .decide = treas_decide,
    .is_quorum = treas_is_quorum,
};
