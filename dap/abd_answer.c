/*
 * ABD, answering half: one (tag, value), replaced by a newer one [ARES, section 3; PROTOCOL §3].
 */
#include "dap/abd.h"

#include "dap/list.h"

static enum areg_error abd_put_data(const struct seat *seat, struct slice key, const struct entry *entry,
                                    struct slice fragment, struct answer_effect *effect)
{
    struct stored_register held;
    *effect = (struct answer_effect){0};
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &held);
    if (error != AREG_OK && error != AREG_ENOTFOUND)
        return error;
    if (held.entry_count > 1)
        return AREG_ECORRUPT;
    if (held.entry_count == 1 && tag_compare(entry->tag, held.entries[0].entry.tag) <= 0) {
        effect->is_stale = true;
        return AREG_OK;
    }
    if (!list_has_room(seat, entry, fragment)) {
        effect->is_refused = true;
        return AREG_OK;
    }
    effect->trim_count = held.entry_count;
    held.entry_count = 1;
    held.entries[0] = (struct stored_entry){
        .entry = *entry, .fragment_bytes = (uint32_t)fragment.bytes, .place = 0, .payload = fragment};
    return store_register_put(seat->txn, seat->slot, key, &held);
}

/*
 * Of all tags below the one that it holds, a member may have had any, and acknowledged it: in the words of a list, they
 * are trimmed. Whoever asks for the value of one that has been replaced gets the newer one, which serves as well;
 * otherwise a read among busy writers would run after one value after the other.
 */
static enum areg_error abd_get_data(const struct seat *seat, struct slice key, const struct get_data *asked,
                                    struct data_reply *reply, struct slice *payload)
{
    const struct get_data newest = {.want = asked->want == WANT_TAGS ? WANT_TAGS : WANT_NEWEST};
    const enum areg_error error = list_get_data(seat, key, &newest, reply, payload);
    if (error == AREG_OK && reply->entry_count > 0)
        reply->trimmed = reply->entries[0].tag;
    return error;
}

const struct dap_answer abd_answer = {
    .get_tag = list_get_tag,
    .get_data = abd_get_data,
    .fragment_fits = list_fragment_fits,
    .put_data = abd_put_data,
    .sweep = NULL, /* A value is superseded by the next one at once. */
};
