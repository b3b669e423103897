/*
 * One page of a key listing: keys in the order of core/key.h, each with the newest tag that the host lists for it, or
 * (0,0) if the host has lost all but the key.
 */
#ifndef CORE_KEY_PAGE_H
#define CORE_KEY_PAGE_H

#include "core/bytes.h"
#include "core/error.h"
#include "core/tag.h"

struct listed_key {
    struct slice key; /* borrowed from the page */
    struct tag tag;
    bool is_tombstone;
};

/** False if there is no room, and then nothing was written. */
bool key_page_put(struct bytes_writer *writer, const struct listed_key *listed);
/** The next key; AREG_ENOTFOUND at the end, AREG_EINVAL for bytes that are no page. */
enum areg_error key_page_get(struct bytes_reader *reader, struct listed_key *listed) MUST_USE;

#endif
