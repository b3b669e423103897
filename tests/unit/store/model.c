#include "model.h"

#include "codec/checksum.h"
#include "core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- registers */

struct slice model_key(const struct model_register *of)
{
    return slice_borrow(of->key, of->key_bytes);
}

struct model_register *model_find(struct model *model, uint32_t slot, struct slice key)
{
    for (unsigned i = 0; i < model->count; i++) {
        if (model->registers[i].slot == slot && slice_equal(model_key(&model->registers[i]), key))
            return &model->registers[i];
    }
    return NULL;
}

void model_put(struct model *model, uint32_t slot, struct slice key, const struct stored_register *state)
{
    struct model_register *at = model_find(model, slot, key);
    if (!at) {
        assert_true(model->count < MODEL_REGISTER_COUNT_MAX);
        at = &model->registers[model->count++];
        at->slot = slot;
        at->key_bytes = key.bytes;
        memcpy(at->key, key.at, key.bytes);
    }
    at->state = *state;
}

void model_delete(struct model *model, uint32_t slot, struct slice key)
{
    struct model_register *const at = model_find(model, slot, key);
    if (at)
        *at = model->registers[--model->count];
}

/* ---------------------------------------------------------------- entries */

struct slice fragment_make(struct tag tag, uint32_t fragment_bytes)
{
    struct random_source random = {tag.z * 31 + tag.w};
    struct buffer *const buffer = buffer_create(fragment_bytes);
    assert_non_null(buffer);
    for (uint32_t i = 0; i < fragment_bytes; i += 8) {
        const uint64_t word = random_next(&random);
        memcpy(buffer_at(buffer) + i, &word, fragment_bytes - i < 8 ? fragment_bytes - i : 8);
    }
    return slice_of(buffer, 0, fragment_bytes);
}

struct stored_entry entry_make(struct tag tag, uint32_t fragment_bytes)
{
    const struct slice payload = fragment_make(tag, fragment_bytes);
    return (struct stored_entry){
        .entry = {.tag = tag,
                  .value_digest = tag.z ^ tag.w,
                  .value_bytes = fragment_bytes,
                  .fragment_checksum = checksum_fragment(payload),
                  .flags = fragment_bytes == 0 ? ENTRY_TOMBSTONE : 0},
        .fragment_bytes = fragment_bytes,
        .payload = payload,
    };
}

void entry_insert(struct stored_register *to, const struct stored_entry *entry)
{
    assert_true(to->entry_count < ENTRY_COUNT_MAX);
    uint32_t at = to->entry_count++;
    for (; at > 0 && tag_compare(to->entries[at - 1].entry.tag, entry->entry.tag) > 0; at--)
        to->entries[at] = to->entries[at - 1];
    to->entries[at] = *entry;
}

void entry_remove(struct stored_register *from, uint32_t index)
{
    assert_true(index < from->entry_count);
    from->entry_count--;
    memmove(&from->entries[index], &from->entries[index + 1], (from->entry_count - index) * sizeof from->entries[0]);
}

/* ---------------------------------------------------------------- expectations */

static void expect_same(const struct stored_register *found, const struct stored_register *expected)
{
    assert_true(tag_equal(found->trimmed, expected->trimmed));
    assert_true(tag_equal(found->confirmed, expected->confirmed));
    assert_int_equal(found->entry_count, expected->entry_count);
    for (uint32_t i = 0; i < found->entry_count; i++) {
        const struct entry *const a = &found->entries[i].entry;
        const struct entry *const b = &expected->entries[i].entry;
        assert_true(tag_equal(a->tag, b->tag));
        assert_int_equal(a->value_digest, b->value_digest);
        assert_int_equal(a->value_bytes, b->value_bytes);
        assert_int_equal(a->fragment_checksum, b->fragment_checksum);
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(found->entries[i].fragment_bytes, expected->entries[i].fragment_bytes);
        assert_true(found->entries[i].place != 0);
    }
}

static void expect_fragment(struct store_txn *txn, uint32_t slot, struct slice key, const struct stored_entry *entry)
{
    struct slice found;
    assert_int_equal(store_fragment_get(txn, slot, key, entry, &found), AREG_OK);
    struct slice expected = fragment_make(entry->entry.tag, entry->fragment_bytes);
    assert_true(slice_equal(found, expected));
    slice_unref(&found);
    slice_unref(&expected);
}

void model_expect_register(struct model *model, struct store_txn *txn, uint32_t slot, struct slice key)
{
    struct stored_register found;
    const struct model_register *const expected = model_find(model, slot, key);
    const enum areg_error error = store_register_get(txn, slot, key, &found);
    assert_int_equal(error, expected ? AREG_OK : AREG_ENOTFOUND);
    if (!expected) {
        assert_int_equal(found.entry_count, 0);
        assert_true(tag_is_zero(found.trimmed) && tag_is_zero(found.confirmed));
        return;
    }
    expect_same(&found, &expected->state);
    for (uint32_t i = 0; i < found.entry_count; i++)
        expect_fragment(txn, slot, key, &found.entries[i]);
}

struct scan {
    struct model *model;
    uint32_t slot;
    struct slice prefix;
    struct slice after;
    unsigned count;
    uint8_t last[AREG_KEY_BYTES_MAX];
    size_t last_bytes;
};

static bool scan_expects(const struct scan *scan, const struct model_register *of)
{
    return of->slot == scan->slot && key_has_prefix(model_key(of), scan->prefix) &&
           (scan->after.bytes == 0 || key_compare(model_key(of), scan->after) > 0);
}

static bool scan_each(struct slice key, const struct stored_register *found, void *arg)
{
    struct scan *const scan = arg;
    const struct model_register *const expected = model_find(scan->model, scan->slot, key);
    assert_non_null(expected);
    assert_true(scan_expects(scan, expected));
    expect_same(found, &expected->state);
    if (scan->count++ > 0)
        assert_true(key_compare(slice_borrow(scan->last, scan->last_bytes), key) < 0);
    memcpy(scan->last, key.at, key.bytes);
    scan->last_bytes = key.bytes;
    return true;
}

void model_expect_scan(struct model *model, struct store_txn *txn, uint32_t slot, struct slice prefix,
                       struct slice after)
{
    struct scan scan = {.model = model, .slot = slot, .prefix = prefix, .after = after};
    assert_int_equal(store_register_scan(txn, slot, prefix, after, scan_each, &scan), AREG_OK);
    unsigned expected = 0;
    for (unsigned i = 0; i < model->count; i++)
        expected += scan_expects(&scan, &model->registers[i]);
    assert_int_equal(scan.count, expected);
}

void model_expect(struct model *model, struct store_txn *txn)
{
    struct store_stats stats;
    uint64_t entry_count = 0;
    uint64_t fragment_bytes = 0;
    for (unsigned i = 0; i < model->count; i++) {
        struct model_register *const at = &model->registers[i];
        model_expect_register(model, txn, at->slot, model_key(at));
        entry_count += at->state.entry_count;
        for (uint32_t j = 0; j < at->state.entry_count; j++)
            fragment_bytes += at->state.entries[j].fragment_bytes;
    }
    for (uint32_t slot = 0; slot <= MODEL_SLOT_MAX; slot++)
        model_expect_scan(model, txn, slot, (struct slice){0}, (struct slice){0});
    assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
    assert_int_equal(stats.register_count, model->count);
    assert_int_equal(stats.entry_count, entry_count);
    assert_int_equal(stats.fragment_bytes, fragment_bytes);
}
