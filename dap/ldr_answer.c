/*
 * LDR, answering half [Fan and Lynch; ARES, section 3]. A directory and a replica both keep a list of entries, and trim
 * it, as members of TREAS do; what differs is the fragment: of a directory, where the value is; of a replica, the
 * value.
 *
 * A replica may drop a value only when a newer one is known to be at a majority of the directories: whoever still asks
 * for it finds the newer one then. That is what `confirmed` says, below which the list is trimmed. What is newer and
 * not confirmed must not be given for it: the next get might not find it (C3').
 */
#include "dap/ldr.h"

#include "codec/checksum.h"
#include "core/bytes.h"
#include "dap/list.h"

/* ---------------------------------------------------------------- where a value is */

enum areg_error location_encode(struct voters replicas, struct slice *location)
{
    uint8_t encoded[LOCATION_BYTES];
    struct bytes_writer writer = bytes_writer_on(encoded, sizeof encoded);
    bytes_put_u32(&writer, replicas.bits);
    *location = slice_copy(slice_borrow(encoded, sizeof encoded));
    return location->owner ? AREG_OK : AREG_ENOMEM;
}

bool location_decode(struct slice location, struct code code, struct voters *replicas)
{
    struct bytes_reader reader = bytes_reader_on(location.at, location.bytes);
    *replicas = (struct voters){bytes_get_u32(&reader)};
    const struct voters all = code_holders(code);
    return bytes_reader_is_done(&reader) && voters_minus(*replicas, all).bits == 0 &&
           voters_count(*replicas) >= quorum_majority(voters_count(all));
}

/* ---------------------------------------------------------------- directories and replicas */

static bool is_directory(const struct seat *seat)
{
    return seat->member_index < seat->config->code.directory_count;
}

static bool ldr_fragment_fits(const struct seat *seat, const struct entry *entry, struct slice fragment)
{
    struct voters replicas;
    if (!is_directory(seat))
        return list_fragment_fits(seat, entry, fragment);
    return list_entry_fits(entry) && location_decode(fragment, seat->config->code, &replicas) &&
           checksum_fragment(fragment) == entry->fragment_checksum;
}

/* The newest entry above `tag` that is confirmed, and so may be returned instead of it; NULL: none is here. */
static const struct entry *newest_confirmed(const struct data_reply *reply, struct tag tag)
{
    const struct entry *newest = NULL;
    for (unsigned i = 0; i < reply->entry_count; i++) {
        const struct entry *entry = &reply->entries[i];
        if (tag_equal(entry->tag, tag))
            return NULL;
        if (tag_compare(entry->tag, tag) > 0 && tag_compare(entry->tag, reply->confirmed) <= 0)
            newest = entry;
    }
    return newest;
}

static enum areg_error ldr_get_data(const struct seat *seat, struct slice key, const struct get_data *asked,
                                    struct data_reply *reply, struct slice *payload)
{
    const enum areg_error error = list_get_data(seat, key, asked, reply, payload);
    if (error != AREG_OK || asked->want != WANT_TAG || is_directory(seat))
        return error;
    const struct entry *instead = newest_confirmed(reply, asked->tag);
    if (!instead)
        return AREG_OK;
    const struct get_data newer = {.want = WANT_TAG, .tag = instead->tag};
    return list_get_data(seat, key, &newer, reply, payload);
}

const struct dap_answer ldr_answer = {
    .get_tag = list_get_tag,
    .get_data = ldr_get_data,
    .fragment_fits = ldr_fragment_fits,
    .put_data = list_put_data,
    .sweep = list_sweep,
};
