/*
 * LDR, asking half [Fan and Lynch; ARES, section 3]. Directories know tags, and where the values are; replicas have the
 * values.
 *
 *   get-tag    the largest tag of a majority of the directories
 *   put-data   the value to the replicas; once a majority of them has it, where it is to the directories, until a
 *              majority of those has acknowledged
 *   get-data   the largest tag of a majority of the directories; its value from a replica; and what was found back to
 *              the directories that lack it, unless a majority of them has shown just this tag, or an operation with it
 *              is known to have completed
 *
 * A directory only ever hears of values that a majority of the replicas has, so a get-data never meets a tag whose
 * value can not be had, whoever has abandoned it half way; and because it leaves the tag with a majority of the
 * directories, no later get-tag or get-data returns less (C3'): nothing is left for the operation to write back.
 *
 * The value and the write-back are under way at the same time. Most often neither takes a round of its own: one replica
 * is asked for its newest value together with the directories, and that is what a majority of them then names.
 *
 * Only directories know the configuration's successor: it is the last phase of put-data, and the first of get-data,
 * whose replies tell that there is none (ARES, 4.4).
 */
#include "dap/ldr.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "core/plant.h"
#include "dap/list.h"

/* ---------------------------------------------------------------- directories and replicas */

static struct voters directories(const struct ask *ask)
{
    return code_deciders(ask->config->code);
}

static struct voters replicas(const struct ask *ask)
{
    return code_holders(ask->config->code);
}

static bool is_directory(const struct ask *ask, unsigned member_index)
{
    return voters_has(directories(ask), member_index);
}

static bool has_directories(const struct ask *ask, struct voters members, unsigned too_few)
{
    const struct voters all = directories(ask);
    const unsigned needed = quorum_majority(voters_count(all));
    return voters_count(voters_common(all, members)) + (needed > 1 ? too_few : 0) >= needed;
}

/* Whether a majority of the directories is among these members. */
static bool has_directory_quorum(const struct ask *ask, struct voters members)
{
    return has_directories(ask, members, PLANTED(PLANT_QUORUM_SHORT));
}

static bool has_replica_quorum(const struct ask *ask, struct voters members)
{
    const struct voters all = replicas(ask);
    return voters_count(voters_common(all, members)) >= quorum_majority(voters_count(all));
}

/* A get-tag is the beginning of a put-data, and needs those, too, whom that will need: without them the write has no
 * effect, and says so. */
static bool ldr_is_quorum(const struct ask *ask, struct voters members)
{
    const bool needs_replicas = ask->kind == ASK_GET_TAG || ask->kind == ASK_PUT_DATA;
    return has_directory_quorum(ask, members) && (!needs_replicas || has_replica_quorum(ask, members));
}

/* ---------------------------------------------------------------- beginning and requests */

/* Any one, so that all have as much to do; not one that is slow, if there is another. What is here already is best. */
static unsigned draw_replica(const struct ask *ask)
{
    const struct voters fast = voters_minus(replicas(ask), ask->slow);
    const struct voters near = voters_common(fast, ask->near);
    const struct voters among = near.bits ? near : fast.bits ? fast : replicas(ask);
    uint64_t skipped_count = random_below(ask->random, voters_count(among));
    unsigned drawn = 0;
    while (!voters_has(among, drawn) || skipped_count-- > 0)
        drawn++;
    return drawn;
}

static void want_data(struct ask *ask, unsigned member_index, struct get_data wanted)
{
    ask->members[member_index].wanted = wanted;
    ask->members[member_index].is_awaited = false;
    ask_want(ask, member_index);
}

static void ask_directories(struct ask *ask)
{
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (is_directory(ask, i))
            want_data(ask, i, (struct get_data){.want = WANT_NEWEST});
}

static void ask_for_data(struct ask *ask)
{
    ask_directories(ask);
    if (ask->wants_value)
        want_data(ask, draw_replica(ask), (struct get_data){.want = WANT_NEWEST});
}

/* PUT_DATA: a majority of the replicas has the value. Tell the directories which. */
static enum areg_error tell_directories(struct ask *ask)
{
    const enum areg_error error = location_encode(voters_common(ask->replied, replicas(ask)), &ask->location);
    ask->due = voters_union(ask->due, voters_minus(directories(ask), ask->replied));
    ask->quorum_ns = 0;
    return error;
}

static enum areg_error ldr_begin(struct ask *ask, uint64_t now_ns)
{
    (void)now_ns;
    switch (ask->kind) {
    case ASK_GET_TAG:
        ask->due = voters_all(ask->config->member_count);
        return AREG_OK;
    case ASK_GET_DATA:
        ask_for_data(ask);
        return AREG_OK;
    case ASK_PUT_DATA:
        if (has_replica_quorum(ask, ask->replied))
            return tell_directories(ask);
        ask->due = voters_minus(replicas(ask), ask->replied);
        return AREG_OK;
    default:
        ask->due = directories(ask);
        return AREG_OK;
    }
}

static void request_location(const struct ask *ask, struct request *request)
{
    request->kind = MESSAGE_PUT_DATA;
    request->payload = ask->location;
    request->put_data.entry = ask->value.entry;
    request->put_data.entry.fragment_checksum = checksum_fragment(ask->location);
}

/* ---------------------------------------------------------------- get-data: what is looked for */

/* What is written back if nothing else will do: the largest tag that the first quorum of directories has listed, whose
 * entry is kept in ask->value. -1: there is none, or a directory has trimmed a larger one. */
static int target_of(const struct ask *ask)
{
    int target = (int)ask->candidate_count - 1;
    while (target >= 0 && !list_is_candidate_of(&ask->candidates[target], &ask->value.entry))
        target--;
    return target;
}

static bool lacks_target(const struct ask *ask, unsigned member_index)
{
    const int target = target_of(ask);
    return target >= 0 && !voters_has(ask->candidates[target].listed, member_index);
}

/* Whether an operation with this tag has completed, or what is known amounts to a put-data of it that completes now: a
 * majority of the directories has this tag, and none shows a successor; or a member knows that it is confirmed. */
static bool is_complete(const struct ask *ask, const struct candidate *candidate)
{
    if (PLANTED(PLANT_UNSECURED) && candidate->value.present.bits)
        return true;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (tag_compare(ask->members[i].confirmed, candidate->value.entry.tag) >= 0)
            return true;
    const unsigned too_few = PLANTED(PLANT_QUORUM_SHORT) || PLANTED(PLANT_HOLDER_SHORT);
    return !ask_sees_next(ask) && has_directories(ask, candidate->listed, too_few);
}

static enum areg_error ldr_request(struct ask *ask, unsigned member_index, struct request *request)
{
    switch (ask->kind) {
    case ASK_GET_TAG:
        request->get_tag.fragment_bytes = is_directory(ask, member_index) ? LOCATION_BYTES : ask->fragment_bytes;
        return AREG_OK;
    case ASK_GET_DATA:
        if (ask->writes_back && is_directory(ask, member_index) && lacks_target(ask, member_index))
            request_location(ask, request);
        else
            request->get_data = ask->members[member_index].wanted;
        return AREG_OK;
    case ASK_PUT_DATA:
        if (!is_directory(ask, member_index))
            return list_request_put(ask, member_index, request);
        request_location(ask, request);
        return AREG_OK;
    case ASK_LIST_KEYS:
        request->list_keys = ask->list_keys;
        return AREG_OK;
    default:
        CHECK(!"questions about configurations have a table of their own");
        return AREG_OK;
    }
}

/* ---------------------------------------------------------------- get-data: what was heard */

static bool brings(const struct reply *reply, const struct entry *entry)
{
    return reply->data.has_fragment && tag_equal(reply->data.fragment_tag, entry->tag);
}

static void note_nothing(struct candidate *candidate, unsigned member_index)
{
    /* An empty value, and a delete: there is nothing to fetch. */
    candidate->value.fragments[member_index] = (struct slice){0};
    voters_add(&candidate->value.present, member_index);
}

/* A value is looked at when it comes: replicas hold all of it. One that is what the replica stored, and yet is not the
 * value, is lost there; any other was damaged on its way. */
static void note_value(struct candidate *candidate, unsigned member_index, struct slice value, uint32_t checksum)
{
    const struct entry *entry = &candidate->value.entry;
    if (voters_has(candidate->value.present, member_index))
        return;
    if (value.bytes == entry->value_bytes && checksum_value(value) == entry->value_digest) {
        candidate->value.fragments[member_index] = slice_ref(value);
        voters_add(&candidate->value.present, member_index);
    } else if (value.bytes != entry->value_bytes || checksum_fragment(value) == checksum) {
        voters_add(&candidate->damaged, member_index);
    } else {
        voters_add(&candidate->bent, member_index);
    }
}

/* Of the largest tag that was listed before the quorum: any of the directories that list it tells where it is. */
static void note_location(struct ask *ask, const struct entry *newest, const struct reply *reply)
{
    struct voters named;
    if (!ask->has_floor && tag_compare(newest->tag, ask->tag) > 0) {
        ask->tag = newest->tag;
        slice_unref(&ask->location);
    }
    if (tag_equal(newest->tag, ask->tag) && ask->location.bytes == 0 && brings(reply, newest) &&
        checksum_fragment(reply->payload) == newest->fragment_checksum &&
        location_decode(reply->payload, ask->config->code, &named))
        ask->location = slice_ref(reply->payload);
}

static enum areg_error hear_directory(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    const struct data_reply *data = &reply->data;
    for (unsigned i = 0; i < data->entry_count; i++) {
        struct candidate *candidate;
        const enum areg_error error = list_candidate_of(ask, &data->entries[i], &candidate);
        if (error != AREG_OK)
            return error;
        /* Once and for all: from now on it has this tag or a newer one. */
        voters_add(&candidate->listed, member_index);
        if (candidate->value.entry.value_bytes == 0)
            note_nothing(candidate, member_index);
    }
    if (data->entry_count > 0)
        note_location(ask, &data->entries[data->entry_count - 1], reply);
    return AREG_OK;
}

static enum areg_error hear_replica(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    const struct data_reply *data = &reply->data;
    /* What it had, it may have dropped. */
    for (unsigned i = 0; i < ask->candidate_count; i++)
        voters_remove(&ask->candidates[i].listed, member_index);
    for (unsigned i = 0; i < data->entry_count; i++) {
        const struct entry *entry = &data->entries[i];
        const bool may_be_returned = ask->has_floor && tag_compare(entry->tag, ask->floor) >= 0;
        if (!may_be_returned && !brings(reply, entry))
            continue;
        struct candidate *candidate;
        const enum areg_error error = list_candidate_of(ask, entry, &candidate);
        if (error != AREG_OK)
            return error;
        voters_add(&candidate->listed, member_index);
        if (entry->flags & ENTRY_DAMAGED)
            voters_add(&candidate->damaged, member_index);
        else if (entry->value_bytes == 0)
            note_nothing(candidate, member_index);
        else if (brings(reply, entry))
            note_value(candidate, member_index, reply->payload, entry->fragment_checksum);
    }
    return AREG_OK;
}

static enum areg_error hear_data(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    struct ask_member *member = &ask->members[member_index];
    if (!list_is_sound(&reply->data))
        return AREG_OK;
    const enum areg_error error = is_directory(ask, member_index) ? hear_directory(ask, member_index, reply)
                                                                  : hear_replica(ask, member_index, reply);
    if (error != AREG_OK)
        return error;
    member->trimmed = tag_max(member->trimmed, reply->data.trimmed);
    member->confirmed = tag_max(member->confirmed, reply->data.confirmed);
    voters_add(&ask->replied, member_index);
    return AREG_OK;
}

/* A directory has stored where the target is. */
static void hear_written_back(struct ask *ask, unsigned member_index)
{
    const int target = target_of(ask);
    if (target < 0 || !is_directory(ask, member_index))
        return;
    voters_add(&ask->candidates[target].listed, member_index);
    voters_add(&ask->replied, member_index);
}

/* Of a replica the tag does not matter: what it has alone is no write that anyone could find. */
static void hear_tag(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    if (is_directory(ask, member_index)) {
        list_hear_tag(ask, member_index, reply);
        return;
    }
    if (reply->tag.is_full)
        voters_add(&ask->full, member_index);
    voters_add(&ask->replied, member_index);
}

static enum areg_error ldr_reply(struct ask *ask, uint64_t now_ns, unsigned member_index, const struct reply *reply)
{
    (void)now_ns;
    switch (ask->kind) {
    case ASK_GET_TAG:
        hear_tag(ask, member_index, reply);
        break;
    case ASK_GET_DATA:
        if (reply->kind != MESSAGE_PUT_DATA)
            return hear_data(ask, member_index, reply);
        hear_written_back(ask, member_index);
        break;
    case ASK_PUT_DATA:
        voters_add(&ask->replied, member_index);
        break;
    case ASK_LIST_KEYS:
        list_hear_keys(ask, member_index, reply);
        break;
    default:
        CHECK(!"questions about configurations have a table of their own");
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- get-data: the floor */

/* The first quorum of directories has answered: nothing that had completed before is above the largest tag that one of
 * them lists or has trimmed. */
static void settle_floor(struct ask *ask, uint64_t now_ns)
{
    ask->floor = tag_max(ask->tag, ask->forgotten);
    for (unsigned i = 0; i < ask->config->member_count && !PLANTED(PLANT_NO_TRIMMED); i++)
        if (is_directory(ask, i))
            ask->floor = tag_max(ask->floor, ask->members[i].trimmed);
    ask->has_floor = true;
    ask->quorum_ns = now_ns;
    for (unsigned i = 0; i < ask->candidate_count; i++) {
        const struct candidate *candidate = &ask->candidates[i];
        if (tag_equal(candidate->value.entry.tag, ask->floor) &&
            voters_common(candidate->listed, directories(ask)).bits)
            ask->value.entry = candidate->value.entry;
    }
}

/* Ask all again. What was found stays true; who has nothing, or nothing intact, may have it now. */
static void begin_again(struct ask *ask, uint64_t now_ns)
{
    list_count_bent(ask);
    for (unsigned i = 0; i < ask->candidate_count; i++)
        ask->candidates[i].bent = (struct voters){0};
    for (unsigned i = 0; i < ask->config->member_count; i++)
        if (!is_directory(ask, i))
            ask->members[i].wanted = (struct get_data){.want = WANT_TAGS};
    ask->again_ns = UINT64_MAX;
    ask->quorum_ns = now_ns;
    ask->round_count++;
    ask->replied = voters_minus(ask->replied, replicas(ask));
    if (target_of(ask) < 0) {
        ask->has_floor = false;
        ask->tag = TAG_ZERO;
        ask->replied = (struct voters){0};
    }
    ask_directories(ask);
}

/* ---------------------------------------------------------------- get-data: the value */

/* A put-data elsewhere follows, which needs the value, even if the operation itself does not. */
static bool needs_value(const struct ask *ask, bool complete)
{
    return ask->wants_value || (!complete && ask->link.bytes == 0);
}

/* It need not, or can not, be made complete here. */
static bool goes_on_elsewhere(const struct ask *ask)
{
    return ask->link.bytes > 0 || ask_sees_next(ask) || PLANTED(PLANT_NO_WRITE_BACK);
}

/* The newest candidate that can be returned now; -1: none. */
static int ready_candidate(const struct ask *ask)
{
    const int target = target_of(ask);
    for (int i = (int)ask->candidate_count - 1; i >= 0; i--) {
        const struct candidate *candidate = &ask->candidates[i];
        if (tag_compare(candidate->value.entry.tag, ask->floor) < 0)
            return -1;
        const bool complete = is_complete(ask, candidate);
        if (!complete && !(i == target && goes_on_elsewhere(ask)))
            continue;
        if (candidate->value.present.bits || !needs_value(ask, complete))
            return i;
    }
    return -1;
}

/* Whether a replica has been asked for something that may do, and may still bring it in time. */
static bool promises(struct ask *ask, unsigned member_index, uint64_t now_ns)
{
    const struct ask_member *member = &ask->members[member_index];
    if (is_directory(ask, member_index) || member->wanted.want == WANT_TAGS)
        return false;
    if (voters_has(ask->due, member_index))
        return true;
    if (!member->is_awaited || list_is_late(ask, member->sent_ns, now_ns))
        return false;
    ask_wake_at(ask, member->sent_ns + ask->hedge_ns);
    return true;
}

/* What to ask a replica for: what it lists and is known to have completed, or else the target. */
static struct tag tag_to_fetch(const struct ask *ask, unsigned member_index)
{
    for (int i = (int)ask->candidate_count - 1; i >= 0; i--) {
        const struct candidate *candidate = &ask->candidates[i];
        const struct voters unfit = voters_union(candidate->damaged, candidate->bent);
        if (tag_compare(candidate->value.entry.tag, ask->floor) >= 0 && voters_has(candidate->listed, member_index) &&
            !voters_has(unfit, member_index) && is_complete(ask, candidate))
            return candidate->value.entry.tag;
    }
    return ask->floor;
}

/* The best replica to ask next: a fast one of those that are known to have the value; -1: all have been asked. */
static int next_replica(const struct ask *ask)
{
    struct voters located = replicas(ask);
    if (ask->location.bytes > 0 && !location_decode(ask->location, ask->config->code, &located))
        CHECK(!"it was judged when it came");
    int best = -1;
    unsigned best_rank = 0;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (is_directory(ask, i) || list_was_asked_for(ask, i, tag_to_fetch(ask, i)))
            continue;
        const unsigned rank = 2u * voters_has(ask->slow, i) + !voters_has(located, i);
        if (best < 0 || rank < best_rank) {
            best = (int)i;
            best_rank = rank;
        }
    }
    return best;
}

/* Have one replica asked for the value, or wait for the one that is; ask all again if there is none left. */
static void fetch(struct ask *ask, uint64_t now_ns)
{
    bool is_hedge = false;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        if (promises(ask, i, now_ns)) {
            ask->again_ns = UINT64_MAX;
            return;
        }
        is_hedge = is_hedge || (!is_directory(ask, i) && ask->members[i].is_awaited);
    }
    const int replica = next_replica(ask);
    if (replica < 0) {
        list_plan_again(ask, now_ns);
        return;
    }
    const struct tag tag = tag_to_fetch(ask, (unsigned)replica);
    want_data(ask, (unsigned)replica, (struct get_data){.want = WANT_TAG, .tag = tag});
    ask->again_ns = UINT64_MAX;
    ask->round_count++;
    ask->hedge_count += is_hedge;
}

/* Every replica has been asked, more than once by and large; enough list the target, and none has it intact. */
static bool is_corrupt(const struct ask *ask)
{
    const int target = target_of(ask);
    if (target < 0 || ask->round_count < 3 || voters_minus(replicas(ask), ask->replied).bits)
        return false;
    const struct candidate *candidate = &ask->candidates[target];
    struct voters unfit = candidate->damaged;
    if (list_is_always_bent(ask))
        unfit = voters_union(unfit, candidate->bent);
    const struct voters listed = voters_common(candidate->listed, replicas(ask));
    return has_replica_quorum(ask, listed) && voters_minus(listed, unfit).bits == 0;
}

/* ---------------------------------------------------------------- get-data: writing back, and the end */

/* Tell those directories where the target is that lack it, once all have answered or the rest is late. */
static enum areg_error write_back(struct ask *ask, int target, uint64_t now_ns)
{
    const bool begins = !ask->writes_back;
    const struct voters silent = voters_minus(directories(ask), ask->replied);
    if (begins && silent.bits && !list_is_late(ask, ask->quorum_ns, now_ns)) {
        ask_wake_at(ask, ask->quorum_ns + ask->hedge_ns);
        return AREG_OK;
    }
    if (ask->location.bytes == 0) {
        /* Damaged where it was listed: any of the replicas may be among those that have the value. */
        const enum areg_error error = location_encode(replicas(ask), &ask->location);
        if (error != AREG_OK)
            return error;
    }
    ask->writes_back = true;
    ask->round_count += begins;
    for (unsigned i = 0; i < ask->config->member_count; i++) {
        struct ask_member *member = &ask->members[i];
        const bool is_idle = !member->is_awaited && member->retry_ns == UINT64_MAX;
        if (!is_directory(ask, i) || voters_has(ask->candidates[target].listed, i) || !(begins || is_idle))
            continue;
        member->is_awaited = false;
        ask_want(ask, i);
    }
    return AREG_OK;
}

static void finish_get_data(struct ask *ask, int chosen)
{
    const struct candidate *candidate = chosen >= 0 ? &ask->candidates[chosen] : NULL;
    ask->chosen = chosen;
    ask->tag = candidate ? candidate->value.entry.tag : TAG_ZERO;
    ask->is_complete = !candidate || is_complete(ask, candidate);
    if (candidate && ask->wants_value) {
        const unsigned from = (unsigned)__builtin_ctz(candidate->value.present.bits);
        ask->pieces[0] = slice_ref(candidate->value.fragments[from]);
        ask->piece_count = 1;
    }
    CHECK(tag_compare(ask->tag, ask->floor) >= 0); /* C1 */
    ask_finish(ask);
}

static enum areg_error decide_get_data(struct ask *ask, uint64_t now_ns)
{
    if (ask->has_floor && now_ns >= ask->again_ns)
        begin_again(ask, now_ns);
    if (!ask->has_floor) {
        if (!has_directory_quorum(ask, ask->replied))
            return AREG_OK;
        settle_floor(ask, now_ns);
    }
    const int ready = ready_candidate(ask);
    if (ready >= 0 || tag_is_zero(ask->floor)) {
        finish_get_data(ask, ready);
        return AREG_OK;
    }
    if (is_corrupt(ask)) {
        ask_fail(ask, AREG_ECORRUPT);
        return AREG_OK;
    }
    const int target = target_of(ask);
    const bool complete = target >= 0 && is_complete(ask, &ask->candidates[target]);
    if (target >= 0 && !complete && !goes_on_elsewhere(ask)) {
        const enum areg_error error = write_back(ask, target, now_ns);
        if (error != AREG_OK)
            return error;
    }
    const bool is_at_hand = target >= 0 && ask->candidates[target].value.present.bits;
    if (target < 0)
        list_plan_again(ask, now_ns);
    else if (!is_at_hand && needs_value(ask, complete || !goes_on_elsewhere(ask)))
        fetch(ask, now_ns);
    return AREG_OK;
}

/* ---------------------------------------------------------------- deciding */

static enum areg_error decide_put_data(struct ask *ask, uint64_t now_ns)
{
    if (ask->location.bytes == 0) {
        if (!has_replica_quorum(ask, ask->replied)) {
            /* All have refused it for lack of room, and will not be asked again: nobody will ever have it. */
            if (ask->is_new_value && voters_minus(replicas(ask), ask->refused).bits == 0)
                ask_fail(ask, AREG_EFULL);
            return AREG_OK;
        }
        if (ask_is_patient(ask, replicas(ask), now_ns))
            return AREG_OK;
        ask->round_count++;
        const enum areg_error error = tell_directories(ask);
        if (error != AREG_OK)
            return error;
    }
    if (ldr_is_quorum(ask, ask->replied) && !ask_is_patient(ask, directories(ask), now_ns))
        ask_finish(ask);
    return AREG_OK;
}

static enum areg_error ldr_decide(struct ask *ask, uint64_t now_ns)
{
    if (ask->kind == ASK_GET_DATA)
        return decide_get_data(ask, now_ns);
    if (ask->kind == ASK_PUT_DATA)
        return decide_put_data(ask, now_ns);
    const bool has_one = voters_common(ask->replied, directories(ask)).bits != 0;
    if (ldr_is_quorum(ask, ask->replied) || (PLANTED(PLANT_LOW_TAG) && ask->kind == ASK_GET_TAG && has_one))
        ask_finish(ask);
    return AREG_OK;
}

const struct dap_ask ldr_ask = {
    .begin = ldr_begin,
    .request = ldr_request,
    .reply = ldr_reply,
    .decide = ldr_decide,
    .is_quorum = ldr_is_quorum,
};
