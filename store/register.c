/*
 * Registers and their fragments.
 *
 * A register is one record in TABLE_REGISTERS. Small fragments stand in it, as long as it fits one page; the others
 * are given a number, and to the backend. docs/store.md says why, with figures.
 */
#include "store/store.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "store/backend.h"
#include "store/record.h"

#include <string.h>

enum { SLOT_BYTES = 4 };

_Static_assert(SLOT_BYTES + KEY_SORT_BYTES_MAX + 1 <= TABLE_KEY_BYTES_MAX, "a key and its successor fit the table");

/* ---------------------------------------------------------------- keys */

struct register_key {
    uint8_t at[SLOT_BYTES + KEY_SORT_BYTES_MAX + 1]; /* 1: for register_key_advance() */
    size_t bytes;
};

static struct register_key register_key(uint32_t slot, struct slice key)
{
    struct key_sort_form form;
    struct register_key out;
    key_sort_form(key, &form);
    for (int i = 0; i < SLOT_BYTES; i++)
        out.at[i] = (uint8_t)(slot >> (24 - 8 * i));
    memcpy(out.at + SLOT_BYTES, form.at, form.bytes);
    out.bytes = SLOT_BYTES + (size_t)form.bytes;
    return out;
}

/** Make it the smallest key that sorts after `found`. */
static void register_key_advance(struct register_key *key, struct slice found)
{
    CHECK(found.bytes < sizeof key->at);
    memcpy(key->at, found.at, found.bytes);
    key->at[found.bytes] = 0;
    key->bytes = found.bytes + 1;
}

static struct slice register_key_slice(const struct register_key *key)
{
    return slice_borrow(key->at, key->bytes);
}

struct slice fragment_key(uint64_t number, uint8_t at[FRAGMENT_KEY_BYTES])
{
    for (int i = 0; i < FRAGMENT_KEY_BYTES; i++)
        at[i] = (uint8_t)(number >> (56 - 8 * i));
    return slice_borrow(at, FRAGMENT_KEY_BYTES);
}

/* ---------------------------------------------------------------- get */

/** A record decoded together with the key that it stands under. */
static enum areg_error register_judge(struct slice table_key, struct slice record, struct slice *key,
                                      struct stored_register *found)
{
    struct slice kept;
    found->entry_count = 0;
    if (table_key.bytes < SLOT_BYTES || register_decode(record, &kept, found) != AREG_OK)
        return AREG_ECORRUPT;
    const struct slice form = slice_borrow(table_key.at + SLOT_BYTES, table_key.bytes - SLOT_BYTES);
    const bool is_short = form.bytes == KEY_SORT_BYTES_MAX;
    *key = is_short ? kept : form;
    if (is_short == (kept.bytes > 0) && key_is_valid(*key))
        return AREG_OK;
    found->entry_count = 0;
    return AREG_ECORRUPT;
}

/** The key itself, if it is short enough to stand in the table's key. */
static bool key_of(struct slice table_key, struct slice *key)
{
    if (table_key.bytes < SLOT_BYTES)
        return false;
    *key = slice_borrow(table_key.at + SLOT_BYTES, table_key.bytes - SLOT_BYTES);
    return key->bytes < KEY_SORT_BYTES_MAX && key_is_valid(*key);
}

static enum areg_error register_find(struct store_txn *txn, const struct register_key *table_key,
                                     struct stored_register *found)
{
    found->trimmed = TAG_ZERO;
    found->confirmed = TAG_ZERO;
    found->entry_count = 0;
    struct slice record;
    struct slice key;
    const enum areg_error error =
        txn->store->backend->get(txn, TABLE_REGISTERS, register_key_slice(table_key), &record);
    return error ? error : register_judge(register_key_slice(table_key), record, &key, found);
}

enum areg_error store_register_get(struct store_txn *txn, uint32_t slot, struct slice key,
                                   struct stored_register *found)
{
    const struct register_key table_key = register_key(slot, key);
    return register_find(txn, &table_key, found);
}

/** The fragment of an entry as the record has it now: the caller's may have lost its inline payload. */
static const struct stored_entry *entry_in(const struct stored_register *in, struct tag tag)
{
    for (uint32_t i = 0; i < in->entry_count; i++) {
        if (tag_equal(in->entries[i].entry.tag, tag))
            return &in->entries[i];
    }
    return NULL;
}

enum areg_error store_fragment_get(struct store_txn *txn, uint32_t slot, struct slice key,
                                   const struct stored_entry *entry, struct slice *fragment)
{
    *fragment = (struct slice){0};
    CHECK(entry->place != 0);
    if (entry->fragment_bytes == 0)
        return entry->entry.fragment_checksum == checksum_fragment(*fragment) ? AREG_OK : AREG_ECORRUPT;

    struct buffer *const buffer = buffer_create(entry->fragment_bytes);
    if (!buffer)
        return AREG_ENOMEM;
    enum areg_error error;
    if (entry->place == PLACE_INLINE) {
        struct stored_register now;
        error = store_register_get(txn, slot, key, &now);
        const struct stored_entry *const from = entry_in(&now, entry->entry.tag);
        if (error == AREG_OK) {
            CHECK(from && from->place == PLACE_INLINE && from->fragment_bytes == entry->fragment_bytes);
            memcpy(buffer_at(buffer), from->payload.at, from->payload.bytes);
        }
    } else {
        error = txn->store->backend->fragment_get(txn, entry->place, buffer_at(buffer), entry->fragment_bytes);
    }
    const struct slice copy = slice_of(buffer, 0, entry->fragment_bytes);
    if (error == AREG_OK && checksum_fragment(copy) != entry->entry.fragment_checksum)
        error = AREG_ECORRUPT;
    if (error)
        buffer_unref(buffer);
    else
        *fragment = copy;
    return error;
}

/* ---------------------------------------------------------------- put */

/** What store_register_put() is about to do, all decided before the first change. */
struct register_change {
    bool was_there;
    struct stored_register before; /* payloads are in `old_record` */
    struct stored_register after;  /* with places and payloads */
    uint64_t fragment_next;
    size_t record_bytes;
    uint8_t old_record[REGISTER_RECORD_BYTES_MAX]; /* a copy, because the table's own is only lent */
    uint8_t record[REGISTER_RECORD_BYTES_MAX];
};

static enum areg_error change_begin(struct register_change *change, struct store_txn *txn,
                                    const struct register_key *table_key)
{
    struct slice record;
    struct slice key;
    change->before.entry_count = 0;
    change->fragment_next = txn->state.fragment_next;
    const enum areg_error error =
        txn->store->backend->get(txn, TABLE_REGISTERS, register_key_slice(table_key), &record);
    change->was_there = error == AREG_OK;
    if (error)
        return error == AREG_ENOTFOUND ? AREG_OK : error;
    if (record.bytes > sizeof change->old_record)
        return AREG_ECORRUPT;
    memcpy(change->old_record, record.at, record.bytes);
    return register_judge(register_key_slice(table_key), slice_borrow(change->old_record, record.bytes), &key,
                          &change->before);
}

/** Put a small fragment into the record, if that stays within a page. */
static bool plan_inline(struct register_change *change, struct stored_entry *entry)
{
    const size_t record_bytes = change->record_bytes + entry->fragment_bytes;
    if (entry->fragment_bytes > FRAGMENT_INLINE_BYTES_MAX ||
        (entry->fragment_bytes > 0 && record_bytes > RECORD_PAGE_BYTES))
        return false;
    change->record_bytes = record_bytes;
    entry->place = PLACE_INLINE;
    return true;
}

/** Give a fragment its place. One outside the record stays there; an inline one may have to leave a longer record. */
static void plan_entry(struct register_change *change, struct stored_entry *entry)
{
    if (entry->place != 0) {
        const struct stored_entry *const before = entry_in(&change->before, entry->entry.tag);
        CHECK(before && before->place == entry->place && before->fragment_bytes == entry->fragment_bytes);
        if (entry->place != PLACE_INLINE)
            return;
        entry->payload = before->payload;
    }
    CHECK(entry->fragment_bytes == entry->payload.bytes);
    if (plan_inline(change, entry))
        return;
    entry->place = change->fragment_next++;
}

static void change_plan(struct register_change *change, struct slice key, const struct stored_register *now)
{
    CHECK(now->entry_count <= ENTRY_COUNT_MAX);
    change->after.trimmed = now->trimmed;
    change->after.confirmed = now->confirmed;
    change->after.entry_count = now->entry_count;
    change->record_bytes = register_head_bytes(key, now->entry_count);
    for (uint32_t i = 0; i < now->entry_count; i++) {
        CHECK(i == 0 || tag_compare(now->entries[i - 1].entry.tag, now->entries[i].entry.tag) < 0);
        change->after.entries[i] = now->entries[i];
        plan_entry(change, &change->after.entries[i]);
    }
}

static void change_encode(struct register_change *change, struct slice key)
{
    size_t at = register_head_encode(key, &change->after, change->record, sizeof change->record);
    for (uint32_t i = 0; i < change->after.entry_count; i++) {
        const struct stored_entry *const entry = &change->after.entries[i];
        if (entry->place != PLACE_INLINE || entry->fragment_bytes == 0)
            continue;
        CHECK(entry->fragment_bytes <= sizeof change->record - at);
        memcpy(change->record + at, entry->payload.at, entry->fragment_bytes);
        at += entry->fragment_bytes;
    }
    CHECK(at == change->record_bytes);
}

static uint64_t fragment_bytes_of(const struct stored_register *of)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < of->entry_count; i++)
        sum += of->entries[i].fragment_bytes;
    return sum;
}

/** Write the new fragments, and delete those that no entry has any more. */
static enum areg_error change_fragments(struct store_txn *txn, const struct register_change *change)
{
    const struct backend *const backend = txn->store->backend;
    const struct stored_register *const before = &change->before;
    const struct stored_register *const after = &change->after;
    for (uint32_t i = 0; i < after->entry_count; i++) {
        const struct stored_entry *const entry = &after->entries[i];
        if (entry->place == PLACE_INLINE || entry->place < txn->state.fragment_next)
            continue;
        const enum areg_error error = backend->fragment_put(txn, entry->place, entry->payload);
        if (error)
            return error;
    }
    for (uint32_t i = 0; i < before->entry_count; i++) {
        const struct stored_entry *const entry = &before->entries[i];
        const struct stored_entry *const kept = entry_in(after, entry->entry.tag);
        if (entry->place == PLACE_INLINE || (kept && kept->place == entry->place))
            continue;
        const enum areg_error error = backend->fragment_del(txn, entry->place);
        if (error)
            return error;
    }
    return AREG_OK;
}

enum areg_error store_register_put(struct store_txn *txn, uint32_t slot, struct slice key,
                                   const struct stored_register *now)
{
    CHECK(txn->mode == STORE_WRITE && key_is_valid(key));
    if (txn->failed)
        return txn->failed;
    const struct register_key table_key = register_key(slot, key);
    struct register_change change;
    const enum areg_error error = change_begin(&change, txn, &table_key);
    if (error)
        return error;
    change_plan(&change, key, now);
    change_encode(&change, key);

    uint8_t *room;
    txn->failed = change_fragments(txn, &change);
    if (txn->failed == AREG_OK)
        txn->failed =
            txn->store->backend->put(txn, TABLE_REGISTERS, register_key_slice(&table_key), change.record_bytes, &room);
    if (txn->failed)
        return txn->failed;
    memcpy(room, change.record, change.record_bytes);

    struct state *const state = &txn->state;
    txn->state_changed = true;
    state->fragment_next = change.fragment_next;
    state->register_count += !change.was_there;
    state->entry_count += change.after.entry_count - (uint64_t)change.before.entry_count;
    state->fragment_bytes += fragment_bytes_of(&change.after) - fragment_bytes_of(&change.before);
    return AREG_OK;
}

enum areg_error store_register_delete(struct store_txn *txn, uint32_t slot, struct slice key)
{
    CHECK(txn->mode == STORE_WRITE);
    if (txn->failed)
        return txn->failed;
    const struct register_key table_key = register_key(slot, key);
    struct stored_register before;
    const enum areg_error found = register_find(txn, &table_key, &before);
    if (found)
        return found == AREG_ENOTFOUND ? AREG_OK : found;

    for (uint32_t i = 0; i < before.entry_count && txn->failed == AREG_OK; i++) {
        if (before.entries[i].place != PLACE_INLINE)
            txn->failed = txn->store->backend->fragment_del(txn, before.entries[i].place);
    }
    if (txn->failed == AREG_OK)
        txn->failed = txn->store->backend->del(txn, TABLE_REGISTERS, register_key_slice(&table_key));
    if (txn->failed)
        return txn->failed;
    txn->state_changed = true;
    txn->state.register_count--;
    txn->state.entry_count -= before.entry_count;
    txn->state.fragment_bytes -= fragment_bytes_of(&before);
    return AREG_OK;
}

/* ---------------------------------------------------------------- scan */

/**
 * Where a scan begins: at `prefix`, or behind `after` if that sorts later. A prefix above 448 bytes begins at its
 * first 448, since keys that share those are not in the order of their bytes.
 */
static struct register_key scan_start(uint32_t slot, struct slice prefix, struct slice after)
{
    if (prefix.bytes > KEY_SORT_PREFIX_BYTES)
        prefix.bytes = KEY_SORT_PREFIX_BYTES;
    struct register_key start = register_key(slot, prefix);
    if (after.bytes == 0)
        return start;
    const struct register_key last = register_key(slot, after);
    if (slice_compare(register_key_slice(&last), register_key_slice(&start)) >= 0)
        register_key_advance(&start, register_key_slice(&last));
    return start;
}

enum areg_error store_register_scan(struct store_txn *txn, uint32_t slot, struct slice prefix, struct slice after,
                                    store_scan_fn *each, void *arg)
{
    /* Keys of the slot whose sorted form begins like this are looked at; of longer prefixes, those that have it. */
    struct slice common = prefix;
    if (common.bytes > KEY_SORT_PREFIX_BYTES)
        common.bytes = KEY_SORT_PREFIX_BYTES;
    const struct register_key bound = register_key(slot, common);
    struct register_key from = scan_start(slot, prefix, after);
    for (;;) {
        struct slice table_key;
        struct slice record;
        const enum areg_error error =
            txn->store->backend->seek(txn, TABLE_REGISTERS, register_key_slice(&from), &table_key, &record);
        if (error)
            return error == AREG_ENOTFOUND ? AREG_OK : error;
        if (!key_has_prefix(table_key, register_key_slice(&bound)))
            return AREG_OK;
        struct stored_register found;
        struct slice key;
        const bool is_damaged = register_judge(table_key, record, &key, &found) != AREG_OK;
        if (is_damaged && !key_of(table_key, &key))
            return AREG_ECORRUPT;
        register_key_advance(&from, table_key);
        if (key_has_prefix(key, prefix) && !each(key, is_damaged ? NULL : &found, arg))
            return AREG_OK;
    }
}

/* ---------------------------------------------------------------- rot, for tests */

/** Replace a value by a copy with one bit flipped. */
static enum areg_error bit_flip(struct store_txn *txn, enum table table, struct slice key, uint64_t bit_offset)
{
    struct slice value;
    uint8_t *room;
    enum areg_error error = txn->store->backend->get(txn, table, key, &value);
    if (error)
        return error;
    struct slice copy = slice_copy(value);
    if (!copy.owner)
        return AREG_ENOMEM;
    error = txn->store->backend->put(txn, table, key, copy.bytes, &room);
    if (error == AREG_OK) {
        memcpy(room, copy.at, copy.bytes);
        room[bit_offset / 8] ^= (uint8_t)(1 << bit_offset % 8);
    }
    slice_unref(&copy);
    return error;
}

enum areg_error register_rot(struct store_txn *txn, uint32_t slot, struct slice key, struct tag tag, uint64_t bit_index)
{
    const struct register_key table_key = register_key(slot, key);
    struct stored_register found;
    const enum areg_error error = register_find(txn, &table_key, &found);
    if (error)
        return error;
    const struct stored_entry *const entry = entry_in(&found, tag);
    if (!entry || entry->fragment_bytes == 0)
        return AREG_ENOTFOUND;
    const uint64_t bit = bit_index % ((uint64_t)entry->fragment_bytes * 8);
    if (entry->place != PLACE_INLINE) {
        uint8_t at[FRAGMENT_KEY_BYTES];
        return bit_flip(txn, TABLE_FRAGMENTS, fragment_key(entry->place, at), bit);
    }
    uint64_t offset = register_head_bytes(key, found.entry_count);
    for (const struct stored_entry *before = found.entries; before < entry; before++)
        offset += before->place == PLACE_INLINE ? before->fragment_bytes : 0;
    return bit_flip(txn, TABLE_REGISTERS, register_key_slice(&table_key), offset * 8 + bit);
}
