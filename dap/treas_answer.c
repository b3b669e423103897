/*
 * TREAS, answering half: the list of a member, and what is trimmed from it [ARES, Alg. 4; PROTOCOL §2, Trimming].
 *
 * The paper keeps (tag, nothing) for every trimmed tag for ever. We keep one tag, `trimmed`, the largest that was
 * dropped, and whoever asks reads it conservatively (rule R). An entry goes when it is below `confirmed` and there are
 * more than delta + 1 entries, or when it has been superseded for the grace time (sweep). Entries at or above
 * `confirmed` stay, whatever delta says: otherwise crashed writers block every reader (S3). Only past the hard limits
 * of entries and bytes does the paper's rule apply.
 */
#include "dap/treas.h"

#include "core/ablation.h"
#include "core/check.h"
#include "core/plant.h"
#include "dap/list.h"

#include <string.h>

/* I7: ascending tags, and nothing listed twice. */
static void check_register(const struct stored_register *list)
{
    CHECK(list->entry_count <= ENTRY_COUNT_MAX);
    for (unsigned i = 1; i < list->entry_count; i++)
        CHECK_SLOW(tag_compare(list->entries[i - 1].entry.tag, list->entries[i].entry.tag) < 0);
}

static void note_drop(struct stored_register *list, struct tag tag, struct answer_effect *effect)
{
    list->trimmed = tag_max(list->trimmed, tag);
    effect->trim_count++;
    if (tag_compare(tag, list->confirmed) >= 0)
        effect->forced_count++;
}

static void drop_smallest(struct stored_register *list, struct answer_effect *effect)
{
    CHECK(list->entry_count > 0);
    note_drop(list, list->entries[0].entry.tag, effect);
    list->entry_count--;
    memmove(&list->entries[0], &list->entries[1], list->entry_count * sizeof list->entries[0]);
}

static bool smallest_is_superseded(const struct stored_register *list)
{
    return list->entry_count > 0 && (tag_compare(list->entries[0].entry.tag, list->confirmed) < 0 ||
                                     PLANTED(PLANT_DELTA_IS_HARD) || SWITCHED_OFF(ABLATION_CONFIRM));
}

static uint64_t fragment_bytes_of(const struct stored_register *list)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < list->entry_count; i++)
        bytes += list->entries[i].fragment_bytes;
    return bytes;
}

static void trim(const struct seat *seat, struct stored_register *list, struct answer_effect *effect)
{
    while (list->entry_count > seat->config->delta + 1u && smallest_is_superseded(list))
        drop_smallest(list, effect);
    while (list->entry_count > 1 && fragment_bytes_of(list) > ENTRY_FRAGMENT_BYTES_MAX)
        drop_smallest(list, effect);
    check_register(list);
}

/* Where the tag is, or would be, among the entries. */
static unsigned position_of(const struct stored_register *list, struct tag tag, bool *is_listed)
{
    unsigned position = list->entry_count;
    while (position > 0 && tag_compare(list->entries[position - 1].entry.tag, tag) >= 0)
        position--;
    *is_listed = position < list->entry_count && tag_equal(list->entries[position].entry.tag, tag);
    return position;
}

/* At the hard limit of entries the paper's rule applies: the smallest goes, confirmed or not, and that may be the new
 * one: a late old tag never evicts a newer one (S10). */
static void insert(struct stored_register *list, unsigned position, const struct entry *entry, struct slice fragment,
                   struct answer_effect *effect)
{
    if (list->entry_count == ENTRY_COUNT_MAX) {
        if (position == 0) {
            note_drop(list, entry->tag, effect);
            return;
        }
        drop_smallest(list, effect);
        position--;
    }
    memmove(&list->entries[position + 1], &list->entries[position],
            (list->entry_count - position) * sizeof list->entries[0]);
    list->entries[position] = (struct stored_entry){
        .entry = *entry, .fragment_bytes = (uint32_t)fragment.bytes, .place = 0, .payload = fragment};
    list->entry_count++;
}

enum areg_error list_put_data(const struct seat *seat, struct slice key, const struct entry *entry,
                              struct slice fragment, struct answer_effect *effect)
{
    struct stored_register list;
    *effect = (struct answer_effect){0};
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &list);
    if (error != AREG_OK && error != AREG_ENOTFOUND)
        return error;
    list.confirmed = tag_max(list.confirmed, seat->confirmed);
    bool is_listed;
    const unsigned position = position_of(&list, entry->tag, &is_listed);
    const bool was_dropped = tag_compare(entry->tag, list.trimmed) <= 0 && !PLANTED(PLANT_TRIMMED_SERVED);
    if (is_listed || was_dropped) {
        effect->is_stale = true;
        return AREG_OK;
    }
    if (!list_has_room(seat, entry, fragment)) {
        effect->is_refused = true;
        return AREG_OK;
    }
    insert(&list, position, entry, fragment, effect);
    if (PLANTED(PLANT_FIFO_TRIM) && list.entry_count > seat->config->delta + 1u && position + 1 < list.entry_count)
        list.entry_count--;
    trim(seat, &list, effect);
    /* A late old tag may have gone at once. If it stays, it is news to the sweep; what else is superseded is not. */
    effect->is_stale = tag_compare(entry->tag, list.trimmed) <= 0;
    if (!effect->is_stale && tag_compare(entry->tag, list.confirmed) < 0)
        effect->superseded = list.confirmed;
    return store_register_put(seat->txn, seat->slot, key, &list);
}

enum areg_error list_sweep(const struct seat *seat, struct slice key, struct tag tag, struct answer_effect *effect)
{
    struct stored_register list;
    *effect = (struct answer_effect){0};
    const enum areg_error error = store_register_get(seat->txn, seat->slot, key, &list);
    if (error == AREG_ENOTFOUND)
        return AREG_OK; /* A hint without a register is not worth a record. */
    if (error != AREG_OK)
        return error;
    const bool is_news = tag_compare(seat->confirmed, list.confirmed) > 0;
    list.confirmed = tag_max(list.confirmed, seat->confirmed);
    /* What was confirmed may have been forgotten in a crash since the sweep was planned: the seat's word counts. */
    while (smallest_is_superseded(&list) && tag_compare(list.entries[0].entry.tag, tag) < 0)
        drop_smallest(&list, effect);
    trim(seat, &list, effect);
    return is_news || effect->trim_count > 0 ? store_register_put(seat->txn, seat->slot, key, &list) : AREG_OK;
}

const struct dap_answer treas_answer = {
    .get_tag = list_get_tag,
    .get_data = list_get_data,
    .fragment_fits = list_fragment_fits,
    .put_data = list_put_data,
    .sweep = list_sweep,
};
