/*
 * Questions about a member's list of entries, for the DAPs whose members keep one [ARES, Alg. 4; PROTOCOL §3].
 */
#include "codec/checksum.h"
#include "codec/codec.h"
#include "core/ablation.h"
#include "dap/list.h"

#include <string.h>

enum areg_error list_get_tag(const struct seat *seat, struct slice key, struct tag *newest)
{
    struct stored_register found;
    *newest = TAG_ZERO;
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &found);
    if (error != AREG_OK)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    *newest = found.trimmed;
    if (found.entry_count > 0)
        *newest = tag_max(*newest, found.entries[found.entry_count - 1].entry.tag);
    return AREG_OK;
}

/* Attach the fragment of entry `index`, or mark the entry damaged. */
static enum areg_error attach(const struct seat *seat, struct slice key, const struct stored_register *found,
                              unsigned index, struct data_reply *reply, struct slice *payload)
{
    const struct stored_entry *stored = &found->entries[index];
    if (stored->fragment_bytes == 0 || (reply->entries[index].flags & ENTRY_DAMAGED))
        return AREG_OK;
    const enum areg_error error = store_fragment_get(seat->txn, seat->slot, key, stored, payload);
    if (error == AREG_ECORRUPT) {
        /* The bytes are never sent; the tag still counts (PROTOCOL §5, Repair). */
        reply->entries[index].flags |= ENTRY_DAMAGED;
        return AREG_OK;
    }
    if (error != AREG_OK)
        return error;
    reply->has_fragment = true;
    reply->fragment_tag = stored->entry.tag;
    return AREG_OK;
}

/* Attach the fragments of all entries, one after the other, those of the newest first, as many as a message holds. */
static enum areg_error attach_all(const struct seat *seat, struct slice key, const struct stored_register *found,
                                  struct data_reply *reply, struct slice *payload)
{
    struct slice fragments[ENTRY_COUNT_MAX] = {0};
    size_t all_bytes = 0;
    enum areg_error error = AREG_OK;
    for (unsigned i = found->entry_count; i-- > 0 && !error;) {
        if (all_bytes + found->entries[i].fragment_bytes > AREG_VALUE_BYTES_MAX)
            break;
        error = attach(seat, key, found, i, reply, &fragments[i]);
        all_bytes += fragments[i].bytes;
    }
    struct buffer *all = all_bytes > 0 && !error ? buffer_create(all_bytes) : NULL;
    error = all_bytes > 0 && !error && !all ? AREG_ENOMEM : error;
    size_t offset_bytes = 0;
    for (unsigned i = found->entry_count; i-- > 0;) {
        if (all && fragments[i].bytes > 0)
            memcpy(buffer_at(all) + offset_bytes, fragments[i].at, fragments[i].bytes);
        offset_bytes += fragments[i].bytes;
        slice_unref(&fragments[i]);
    }
    if (all)
        *payload = slice_of(all, 0, all_bytes);
    return error;
}

enum areg_error list_get_data(const struct seat *seat, struct slice key, const struct get_data *asked,
                              struct data_reply *reply, struct slice *payload)
{
    struct stored_register found;
    reply->trimmed = reply->confirmed = reply->fragment_tag = TAG_ZERO;
    reply->entry_count = 0;
    reply->has_fragment = false;
    *payload = (struct slice){0};
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &found);
    if (error != AREG_OK)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    reply->trimmed = found.trimmed;
    reply->confirmed = found.confirmed;
    reply->entry_count = found.entry_count;
    for (unsigned i = 0; i < found.entry_count; i++)
        reply->entries[i] = found.entries[i].entry;
    if (SWITCHED_OFF(ABLATION_TWO_STEP_GET_DATA) && asked->want != WANT_TAGS)
        return attach_all(seat, key, &found, reply, payload);
    if (asked->want == WANT_NEWEST && found.entry_count > 0)
        return attach(seat, key, &found, found.entry_count - 1, reply, payload);
    for (unsigned i = 0; asked->want == WANT_TAG && i < found.entry_count; i++)
        if (tag_equal(found.entries[i].entry.tag, asked->tag))
            return attach(seat, key, &found, i, reply, payload);
    return AREG_OK;
}

bool list_entry_fits(const struct entry *entry)
{
    const bool is_tombstone = entry->flags & ENTRY_TOMBSTONE;
    if (entry->flags & ~(uint32_t)ENTRY_TOMBSTONE || (is_tombstone && entry->value_bytes != 0))
        return false;
    if (entry->value_bytes > AREG_VALUE_BYTES_MAX)
        return false;
    return !tag_is_zero(entry->tag) && entry->tag.z < TAG_Z_MAX;
}

bool list_fragment_fits(const struct seat *seat, const struct entry *entry, struct slice fragment)
{
    return list_entry_fits(entry) && fragment.bytes == codec_fragment_bytes(entry->value_bytes, seat->config->code.k) &&
           checksum_fragment(fragment) == entry->fragment_checksum;
}

bool list_has_room(const struct seat *seat, const struct entry *entry, struct slice fragment)
{
    return (entry->flags & ENTRY_TOMBSTONE) || store_has_room(seat->txn, fragment.bytes);
}
