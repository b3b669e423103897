/*
 * Questions about members' lists of entries: what the asking halves of DAPs have in common whose members keep one.
 */
#include "codec/checksum.h"
#include "core/key.h"
#include "core/key_page.h"
#include "dap/list.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- tags and keys */

void list_hear_tag(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    if (reply->tag.newest.z >= TAG_Z_MAX)
        return;
    ask->tag = tag_max(ask->tag, reply->tag.newest);
    if (reply->tag.is_full)
        voters_add(&ask->full, member_index);
    voters_add(&ask->replied, member_index);
}

/* A merge of several pages can rely on it. */
static bool page_is_sound(const struct ask *ask, const struct reply *reply)
{
    struct bytes_reader reader = bytes_reader_on(reply->payload.at, reply->payload.bytes);
    struct key_sort_form forms[2];
    key_sort_form(ask->list_keys.after, &forms[1]);
    uint32_t key_count = 0;
    for (;; key_count++) {
        struct listed_key listed;
        const enum areg_error error = key_page_get(&reader, &listed);
        if (error == AREG_ENOTFOUND)
            return key_count > 0 || !reply->keys.has_more;
        if (error != AREG_OK || key_count == ask->list_keys.key_count_max || listed.tag.z >= TAG_Z_MAX)
            return false;
        struct key_sort_form *form = &forms[key_count % 2];
        const struct key_sort_form *last = &forms[(key_count + 1) % 2];
        key_sort_form(listed.key, form);
        if (!key_has_prefix(listed.key, ask->list_keys.prefix) ||
            slice_compare(slice_borrow(form->at, form->bytes), slice_borrow(last->at, last->bytes)) <= 0)
            return false;
    }
}

void list_hear_keys(struct ask *ask, unsigned member_index, const struct reply *reply)
{
    if (voters_has(ask->replied, member_index) || !page_is_sound(ask, reply))
        return;
    ask->pages[member_index] = slice_ref(reply->payload);
    if (reply->keys.has_more)
        voters_add(&ask->more, member_index);
    voters_add(&ask->replied, member_index);
}

/* ---------------------------------------------------------------- lists */

bool list_is_sound(const struct data_reply *data)
{
    for (unsigned i = 0; i < data->entry_count; i++) {
        const struct entry *entry = &data->entries[i];
        if (entry->tag.z >= TAG_Z_MAX || tag_is_zero(entry->tag) || entry->value_bytes > AREG_VALUE_BYTES_MAX)
            return false;
    }
    return data->trimmed.z < TAG_Z_MAX && data->confirmed.z < TAG_Z_MAX;
}

bool list_is_candidate_of(const struct candidate *candidate, const struct entry *entry)
{
    const struct entry *known = &candidate->value.entry;
    return tag_equal(known->tag, entry->tag) && known->value_bytes == entry->value_bytes &&
           known->value_digest == entry->value_digest &&
           (known->flags & ENTRY_TOMBSTONE) == (entry->flags & ENTRY_TOMBSTONE);
}

static enum areg_error make_room(struct ask *ask)
{
    if (ask->candidate_count == CANDIDATE_COUNT_MAX) {
        /* Forget the smallest, but that there was one: at worst the answer stays undecided, and all are asked again. */
        ask->forgotten = tag_max(ask->forgotten, ask->candidates[0].value.entry.tag);
        coded_value_fini(&ask->candidates[0].value);
        memmove(&ask->candidates[0], &ask->candidates[1], (CANDIDATE_COUNT_MAX - 1) * sizeof ask->candidates[0]);
        ask->candidate_count--;
        return AREG_OK;
    }
    if (ask->candidate_count < ask->candidate_room)
        return AREG_OK;
    const unsigned room = ask->candidate_room ? 2 * ask->candidate_room : 2;
    struct candidate *grown = realloc(ask->candidates, room * sizeof *grown);
    if (!grown)
        return AREG_ENOMEM;
    ask->candidates = grown;
    ask->candidate_room = room;
    return AREG_OK;
}

/* Two values under one tag (a broken client, or damaged metadata) are two candidates: their fragments are never mixed
 * (I6). */
enum areg_error list_candidate_of(struct ask *ask, const struct entry *entry, struct candidate **found)
{
    for (unsigned i = 0; i < ask->candidate_count; i++) {
        if (list_is_candidate_of(&ask->candidates[i], entry)) {
            *found = &ask->candidates[i];
            return AREG_OK;
        }
    }
    const enum areg_error error = make_room(ask);
    if (error != AREG_OK)
        return error;
    unsigned position = ask->candidate_count;
    while (position > 0 && tag_compare(ask->candidates[position - 1].value.entry.tag, entry->tag) > 0)
        position--;
    struct candidate *added = &ask->candidates[position];
    memmove(added + 1, added, (ask->candidate_count - position) * sizeof *added);
    ask->candidate_count++;
    added->value.entry = *entry;
    added->value.entry.flags &= ENTRY_TOMBSTONE;
    added->value.present = added->listed = added->gone = (struct voters){0};
    added->damaged = added->bent = (struct voters){0};
    added->needed_count = ask->config->code.k;
    *found = added;
    return AREG_OK;
}

/* ---------------------------------------------------------------- what is missing */

bool list_was_asked_for(const struct ask *ask, unsigned member_index, struct tag tag)
{
    const struct ask_member *member = &ask->members[member_index];
    return member->wanted.want == WANT_TAG && tag_equal(member->wanted.tag, tag);
}

/* After so many rounds with it: a second or so. */
enum { BENT_ROUND_COUNT_MAX = 16 };

void list_count_bent(struct ask *ask)
{
    bool is_bent = false;
    for (unsigned i = 0; i < ask->candidate_count; i++)
        is_bent = is_bent || ask->candidates[i].bent.bits;
    ask->bent_round_count += is_bent;
}

bool list_is_always_bent(const struct ask *ask)
{
    return ask->bent_round_count >= BENT_ROUND_COUNT_MAX;
}

bool list_is_late(const struct ask *ask, uint64_t since_ns, uint64_t now_ns)
{
    return now_ns >= since_ns + ask->hedge_ns;
}

static bool awaits_someone(const struct ask *ask)
{
    bool awaits = ask->due.bits != 0;
    for (unsigned i = 0; i < ask->config->member_count; i++)
        awaits = awaits || ask->members[i].is_awaited;
    return awaits;
}

void list_plan_again(struct ask *ask, uint64_t now_ns)
{
    if (ask->again_ns == UINT64_MAX && awaits_someone(ask) && !list_is_late(ask, ask->quorum_ns, now_ns)) {
        ask_wake_at(ask, ask->quorum_ns + ask->hedge_ns);
        return;
    }
    if (ask->again_ns == UINT64_MAX) {
        const unsigned doublings = ask->round_count < 16 ? ask->round_count : 16;
        const uint64_t doubled_ns = ASK_AGAIN_NS_MIN << doublings;
        const uint64_t delay_ns = doubled_ns < ASK_AGAIN_NS_MAX ? doubled_ns : ASK_AGAIN_NS_MAX;
        ask->again_ns = now_ns + delay_ns / 2 + random_below(ask->random, delay_ns);
    }
    ask_wake_at(ask, ask->again_ns);
}

/* Those of the newest entries come first. */
struct slice list_fragment_of(struct code code, const struct reply *reply, const struct entry *entry)
{
    size_t offset_bytes = 0;
    for (unsigned i = reply->data.entry_count; i-- > 0;) {
        const struct entry *at = &reply->data.entries[i];
        const size_t fragment_bytes = at->flags & ENTRY_DAMAGED ? 0 : codec_fragment_bytes(at->value_bytes, code.k);
        if (offset_bytes + fragment_bytes > reply->payload.bytes)
            break;
        if (at == entry)
            return (struct slice){reply->payload.at + offset_bytes, fragment_bytes, reply->payload.owner};
        offset_bytes += fragment_bytes;
    }
    return (struct slice){0};
}

/* ---------------------------------------------------------------- put-data */

enum areg_error list_request_put(struct ask *ask, unsigned member_index, struct request *request)
{
    struct coded_value *value = &ask->value;
    const bool is_empty = value->entry.value_bytes == 0; /* and so are all fragments, at hand or not */
    if (!is_empty && !voters_has(value->present, member_index)) {
        const enum areg_error error =
            codec_rebuild(ask->codec, value->fragments, value->present, value->entry.value_bytes, member_index,
                          &value->fragments[member_index]);
        if (error != AREG_OK)
            return error;
        voters_add(&value->present, member_index);
    }
    request->payload = is_empty ? (struct slice){0} : value->fragments[member_index];
    request->put_data.entry = value->entry;
    request->put_data.entry.fragment_checksum = checksum_fragment(request->payload);
    return AREG_OK;
}
