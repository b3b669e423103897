/*
 * Merging the pages that a quorum of members gave of their keys. Each page is sorted and complete up to its last key,
 * so the merged list is complete up to the smallest last key of those members that have more.
 */
#include "client/engine.h"
#include "core/check.h"
#include "core/key.h"

#include <stdlib.h>

struct page_cursor {
    struct bytes_reader reader;
    struct listed_key current;
    struct key_sort_form form; /* of the current key */
    bool has_current;
    bool has_more; /* the member has keys after its page */
};

static void advance(struct page_cursor *cursor)
{
    /* Pages have been judged when they came. */
    cursor->has_current = key_page_get(&cursor->reader, &cursor->current) == AREG_OK;
    if (cursor->has_current)
        key_sort_form(cursor->current.key, &cursor->form);
}

static int compare(const struct page_cursor *a, const struct page_cursor *b)
{
    return slice_compare(slice_borrow(a->form.at, a->form.bytes), slice_borrow(b->form.at, b->form.bytes));
}

static int smallest_of(const struct page_cursor *cursors, unsigned cursor_count)
{
    int smallest = -1;
    for (unsigned i = 0; i < cursor_count; i++)
        if (cursors[i].has_current && (smallest < 0 || compare(&cursors[i], &cursors[smallest]) < 0))
            smallest = (int)i;
    return smallest;
}

/* Take the smallest key off all pages that show it; the newest tag speaks for it. */
static struct listed_key take(struct page_cursor *cursors, unsigned cursor_count, int smallest)
{
    struct listed_key merged = cursors[smallest].current;
    const struct key_sort_form form = cursors[smallest].form;
    for (unsigned i = 0; i < cursor_count; i++) {
        if (!cursors[i].has_current || slice_compare(slice_borrow(form.at, form.bytes),
                                                     slice_borrow(cursors[i].form.at, cursors[i].form.bytes)) != 0)
            continue;
        if (tag_compare(cursors[i].current.tag, merged.tag) > 0) {
            merged.tag = cursors[i].current.tag;
            merged.is_tombstone = cursors[i].current.is_tombstone;
        }
        advance(&cursors[i]);
    }
    return merged;
}

static bool some_page_is_used_up(const struct page_cursor *cursors, unsigned cursor_count)
{
    for (unsigned i = 0; i < cursor_count; i++)
        if (cursors[i].has_more && !cursors[i].has_current)
            return true;
    return false;
}

static enum areg_error merge(struct page_cursor *cursors, unsigned cursor_count, bool shows_deleted,
                             uint32_t key_count_max, struct client_done *outcome)
{
    struct buffer *room = buffer_create(KEY_PAGE_BYTES_MAX);
    if (!room)
        return AREG_ENOMEM;
    struct bytes_writer page = bytes_writer_on(buffer_at(room), KEY_PAGE_BYTES_MAX);
    uint32_t count = 0;
    struct slice last = {0};
    bool is_cut = false;
    while (!some_page_is_used_up(cursors, cursor_count)) {
        const int smallest = smallest_of(cursors, cursor_count);
        if (smallest < 0)
            break;
        const struct listed_key merged = take(cursors, cursor_count, smallest);
        const bool is_shown = shows_deleted || !merged.is_tombstone;
        if (is_shown && (count == key_count_max || !key_page_put(&page, &merged))) {
            is_cut = true;
            break;
        }
        count += is_shown;
        last = merged.key;
    }
    outcome->has_more = is_cut || some_page_is_used_up(cursors, cursor_count);
    outcome->page = slice_of(room, 0, page.used_bytes);
    outcome->more_after = slice_copy(last);
    if (outcome->has_more && !outcome->more_after.owner) {
        slice_unref(&outcome->page);
        return AREG_ENOMEM;
    }
    return AREG_OK;
}

enum areg_error listing_merge(const struct listing_page *pages, unsigned page_count, bool shows_deleted,
                              uint32_t key_count_max, struct client_done *outcome)
{
    /* Few as a rule, but as many as there are members in all configurations that were gone through. */
    struct page_cursor *cursors = calloc(page_count, sizeof *cursors);
    if (!cursors)
        return AREG_ENOMEM;
    for (unsigned i = 0; i < page_count; i++) {
        cursors[i].reader = bytes_reader_on(pages[i].page.at, pages[i].page.bytes);
        cursors[i].has_more = pages[i].has_more;
        advance(&cursors[i]);
    }
    const enum areg_error error = merge(cursors, page_count, shows_deleted, key_count_max, outcome);
    free(cursors);
    return error;
}
