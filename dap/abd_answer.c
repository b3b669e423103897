/*
 * ABD, answering half: one (tag, value), replaced by a newer one [ARES, section 3; PROTOCOL §3].
 */
#include "dap/abd.h"

#include "dap/treas.h"

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

/* A value is superseded by the next one at once, so there is nothing to drop. */
static enum areg_error abd_sweep(const struct seat *seat, struct slice key, struct tag tag,
                                 struct answer_effect *effect)
{
    struct stored_register held;
    (void)tag;
    *effect = (struct answer_effect){0};
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &held);
    if (error != AREG_OK)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    if (tag_compare(seat->confirmed, held.confirmed) <= 0)
        return AREG_OK;
    held.confirmed = seat->confirmed;
    return store_register_put(seat->txn, seat->slot, key, &held);
}

const struct dap_answer abd_answer = {
    .get_tag = list_get_tag,
    .get_data = list_get_data,
    .fragment_fits = list_fragment_fits,
    .put_data = abd_put_data,
    .sweep = abd_sweep,
};
