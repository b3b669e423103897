#include "reconfig/transfer_answer.h"

#include "core/check.h"
#include "core/plant.h"
#include "dap/dap.h"

_Static_assert(TRANSFER_SLICE_COUNT == 32, "a bit for each slice");

/* ---------------------------------------------------------------- the worker's job */

static bool is_parent(const struct config *of, struct slice descriptor)
{
    struct config parent;
    return config_decode(descriptor, &parent) == AREG_OK && config_id_equal(parent.id, of->parent) &&
           config_same_shard(&parent, of);
}

enum areg_error transfer_answer(const struct seat *seat, const struct request *request, struct reply *reply,
                                bool *is_news)
{
    const struct transfer *asked = &request->transfer;
    struct stored_transfer job;
    *is_news = false;
    enum areg_error error = store_transfer_get(seat->txn, seat->slot, &job);
    if (error != AREG_OK)
        return error;
    if (asked->slices != 0 && !is_parent(seat->config, request->descriptor)) {
        reply->status = REPLY_INVALID;
        return AREG_OK;
    }
    const struct transfer_progress before = job.progress;
    if (asked->slices != 0)
        job.source = request->descriptor;
    job.progress.slices_given |= asked->slices;
    if (asked->sets_pace) {
        job.progress.is_paused = asked->is_paused;
        job.progress.bytes_per_s = asked->bytes_per_s;
    }
    reply->transfer = job.progress;
    *is_news = job.progress.slices_given != before.slices_given || job.progress.is_paused != before.is_paused ||
               job.progress.bytes_per_s != before.bytes_per_s;
    if (!*is_news)
        return AREG_OK;
    error = store_transfer_put(seat->txn, seat->slot, &job);
    return error ? error : store_link_get(seat->txn, seat->slot, &reply->next);
}

enum areg_error transfer_note(const struct seat *seat, const struct transferred *note, bool *is_news)
{
    struct stored_transfer job;
    *is_news = false;
    const enum areg_error error = store_transfer_get(seat->txn, seat->slot, &job);
    if (error != AREG_OK)
        return error;
    const uint32_t open_slices = job.progress.slices_given & ~job.progress.slices_moved;
    const bool is_stuck = note->slices == 0 && open_slices != 0;
    if ((note->slices == 0 && !is_stuck) || (note->slices & ~open_slices) != 0 ||
        note->after.bytes > AREG_KEY_BYTES_MAX)
        return AREG_OK;
    *is_news = true;
    job.progress.stuck_count = note->stuck_count;
    if (!is_stuck) {
        job.after = note->after;
        job.slices_at_work = note->after.bytes ? note->slices : 0;
        job.progress.slices_moved |= note->after.bytes ? 0 : note->slices;
    }
    job.progress.register_count += note->register_count;
    job.progress.bytes += note->bytes;
    return store_transfer_put(seat->txn, seat->slot, &job);
}

enum areg_error transfer_end(const struct seat *seat, bool *is_news)
{
    struct stored_transfer job;
    *is_news = false;
    const enum areg_error error = store_transfer_get(seat->txn, seat->slot, &job);
    if (error != AREG_OK || job.progress.slices_moved == TRANSFER_SLICES_ALL)
        return error;
    *is_news = (job.progress.slices_given & ~job.progress.slices_moved) != 0;
    job.progress.slices_moved = TRANSFER_SLICES_ALL;
    job.progress.stuck_count = 0;
    job.slices_at_work = 0;
    job.after = (struct slice){0};
    return store_transfer_put(seat->txn, seat->slot, &job);
}

/* ---------------------------------------------------------------- adopting */

static const struct entry *entry_of(const struct data_reply *data, struct tag tag)
{
    for (unsigned i = 0; i < data->entry_count; i++)
        if (tag_equal(data->entries[i].tag, tag))
            return &data->entries[i];
    return NULL;
}

/* What a seat has under this tag, as it would tell a client; `*fragment` is for the caller to drop. */
static enum areg_error look(const struct seat *seat, struct slice key, struct tag tag, struct data_reply *data,
                            struct slice *fragment, struct adopt_effect *effect)
{
    struct get_data asked = {.want = WANT_TAG, .tag = tag};
    if (PLANTED(PLANT_ADOPT_OTHER_TAG))
        asked.want = WANT_NEWEST;
    const enum areg_error error = dap_of(seat->config->code.dap)->answer->get_data(seat, key, &asked, data, fragment);
    for (unsigned i = 0; error == AREG_OK && i < data->entry_count; i++)
        effect->damaged_count += (data->entries[i].flags & ENTRY_DAMAGED) != 0;
    return error;
}

static bool has_same_fragments(const struct seat *seat, const struct seat *parent)
{
    return parent &&
           code_same_fragment(parent->config->code, parent->member_index, seat->config->code, seat->member_index);
}

static bool is_same_value(const struct entry *a, const struct entry *b)
{
    return a->value_digest == b->value_digest && a->value_bytes == b->value_bytes &&
           (a->flags & ENTRY_TOMBSTONE) == (b->flags & ENTRY_TOMBSTONE);
}

/* The entry and its fragment from the configuration before; NULL in `*from`: not this one. A fragment that is lost or
 * damaged is not there, and will not fit. */
static enum areg_error find_in_parent(const struct seat *parent, const struct request *request, struct data_reply *data,
                                      struct slice *fragment, const struct entry **from, struct adopt_effect *effect)
{
    const struct entry *asked = &request->adopt.entry;
    *from = NULL;
    const enum areg_error error = look(parent, request->key, asked->tag, data, fragment, effect);
    if (error == AREG_ECORRUPT)
        return AREG_OK; /* That register is lost there; here it may come from others. */
    if (error != AREG_OK)
        return error;
    const struct entry *found = entry_of(data, asked->tag);
    if (PLANTED(PLANT_ADOPT_OTHER_TAG) && data->entry_count > 0) {
        *from = &data->entries[data->entry_count - 1];
        return AREG_OK;
    }
    if (found && is_same_value(found, asked))
        *from = found;
    return AREG_OK;
}

static enum areg_error adopt_from(const struct seat *seat, const struct seat *parent, const struct request *request,
                                  struct reply *reply, struct adopt_effect *effect)
{
    const struct dap_answer *answer = dap_of(seat->config->code.dap)->answer;
    struct data_reply data;
    struct slice fragment = {0};
    const struct entry *from;
    enum areg_error error = find_in_parent(parent, request, &data, &fragment, &from, effect);
    if (error == AREG_OK && from && answer->fragment_fits(seat, from, fragment)) {
        error = answer->put_data(seat, request->key, from, fragment, &effect->put);
        reply->adopt.is_adopted = !effect->put.is_refused;
    }
    slice_unref(&fragment);
    return error;
}

enum areg_error transfer_adopt(const struct seat *seat, const struct seat *parent, const struct request *request,
                               struct reply *reply, struct adopt_effect *effect)
{
    struct data_reply data;
    struct slice fragment = {0};
    *effect = (struct adopt_effect){0};
    reply->adopt.is_adopted = false;
    const enum areg_error error = look(seat, request->key, request->adopt.entry.tag, &data, &fragment, effect);
    slice_unref(&fragment);
    if (error != AREG_OK)
        return error;
    const struct entry *held = entry_of(&data, request->adopt.entry.tag);
    if (held) {
        /* A damaged one stays so: a put of a tag that is listed changes nothing. */
        reply->adopt.is_adopted = !(held->flags & ENTRY_DAMAGED);
        return AREG_OK;
    }
    return has_same_fragments(seat, parent) ? adopt_from(seat, parent, request, reply, effect) : AREG_OK;
}
