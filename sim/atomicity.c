#include "sim/atomicity.h"

#include "core/check.h"
#include "core/key.h"
#include "sim/value_order.h"
#include "sim/version_order.h"

#include <stdlib.h>

struct atomicity {
    struct history_op *ops;
    uint32_t *key_indices; /* of each operation */
    size_t op_count;
    size_t op_room;
    size_t key_index_room;
    /* The keys: in the order of their first operations, and a hash table of positions in it, plus 1; 0 is empty. */
    struct slice *keys;
    size_t key_count;
    size_t key_room;
    uint32_t *table;
    size_t table_room; /* a power of two */
    struct atomicity_counts counts;
};

struct atomicity *atomicity_create(void)
{
    return calloc(1, sizeof(struct atomicity));
}

void atomicity_destroy(struct atomicity *atomicity)
{
    if (!atomicity)
        return;
    for (size_t i = 0; i < atomicity->key_count; i++)
        slice_unref(&atomicity->keys[i]);
    free(atomicity->keys);
    free(atomicity->table);
    free(atomicity->key_indices);
    free(atomicity->ops);
    free(atomicity);
}

const struct history_op *atomicity_op(const struct atomicity *atomicity, uint32_t op_index)
{
    CHECK(op_index < atomicity->op_count);
    return &atomicity->ops[op_index];
}

const struct atomicity_counts *atomicity_counts(const struct atomicity *atomicity)
{
    return &atomicity->counts;
}

/* ---------------------------------------------------------------- taking operations */

/* Make room for one more element; false without memory. */
static bool grow(void **elements, size_t count, size_t *room, size_t element_bytes)
{
    if (count < *room)
        return true;
    const size_t new_room = *room ? *room * 2 : 1024;
    void *moved = realloc(*elements, new_room * element_bytes);
    if (!moved)
        return false;
    *elements = moved;
    *room = new_room;
    return true;
}

/* The place of a key in the table: where it is, or where it belongs. */
static size_t find_slot(const struct atomicity *atomicity, struct slice key)
{
    size_t slot = key_hash(key) & (atomicity->table_room - 1);
    while (atomicity->table[slot] && !slice_equal(atomicity->keys[atomicity->table[slot] - 1], key))
        slot = (slot + 1) & (atomicity->table_room - 1);
    return slot;
}

/* Keep the table at most half full. */
static bool grow_table(struct atomicity *atomicity)
{
    if (atomicity->key_count * 2 < atomicity->table_room)
        return true;
    const size_t new_room = atomicity->table_room ? atomicity->table_room * 2 : 1024;
    uint32_t *table = calloc(new_room, sizeof *table);
    if (!table)
        return false;
    free(atomicity->table);
    atomicity->table = table;
    atomicity->table_room = new_room;
    for (size_t i = 0; i < atomicity->key_count; i++)
        table[find_slot(atomicity, atomicity->keys[i])] = (uint32_t)i + 1;
    return true;
}

static bool find_or_add_key(struct atomicity *atomicity, struct slice key, uint32_t *key_index)
{
    if (!grow_table(atomicity))
        return false;
    const size_t slot = find_slot(atomicity, key);
    if (atomicity->table[slot] == 0) {
        if (!grow((void **)&atomicity->keys, atomicity->key_count, &atomicity->key_room, sizeof *atomicity->keys))
            return false;
        const struct slice copy = slice_copy(key);
        if (!copy.owner)
            return false;
        atomicity->keys[atomicity->key_count++] = copy;
        atomicity->table[slot] = (uint32_t)atomicity->key_count;
    }
    *key_index = atomicity->table[slot] - 1;
    return true;
}

enum areg_error atomicity_add(struct atomicity *atomicity, const struct history_op *op, struct slice key)
{
    CHECK(key.bytes > 0);
    if (atomicity->op_count == UINT32_MAX - 1)
        return AREG_EBUSY;
    uint32_t key_index;
    if (!grow((void **)&atomicity->ops, atomicity->op_count, &atomicity->op_room, sizeof *atomicity->ops) ||
        !grow((void **)&atomicity->key_indices, atomicity->op_count, &atomicity->key_index_room,
              sizeof *atomicity->key_indices) ||
        !find_or_add_key(atomicity, key, &key_index))
        return AREG_ENOMEM;
    atomicity->key_indices[atomicity->op_count] = key_index;
    atomicity->ops[atomicity->op_count++] = *op;
    struct atomicity_counts *counts = &atomicity->counts;
    if (counts->ops == 0 || op->start_ns < counts->start_ns)
        counts->start_ns = op->start_ns;
    counts->ops++;
    counts->registers = atomicity->key_count;
    counts->by_kind[op->kind]++;
    counts->by_status[op->status]++;
    return AREG_OK;
}

/* ---------------------------------------------------------------- judging */

/* The numbers of all operations by register, in each as they were taken; `ends` becomes where each register ends. */
static void sort_by_register(const struct atomicity *atomicity, uint32_t *op_indices, uint32_t *ends)
{
    for (size_t i = 0; i < atomicity->op_count; i++)
        ends[atomicity->key_indices[i]]++;
    uint32_t begin = 0;
    for (size_t i = 0; i < atomicity->key_count; i++) {
        const uint32_t count = ends[i];
        ends[i] = begin;
        begin += count;
    }
    for (size_t i = 0; i < atomicity->op_count; i++)
        op_indices[ends[atomicity->key_indices[i]]++] = (uint32_t)i;
}

static void take_judgement(struct opinion *opinion, const struct judgement *judgement, struct slice key)
{
    if (judgement->violation.kind == VIOLATION_NONE) {
        opinion->ops_left_out += judgement->left_out_count;
        opinion->registers_passed += judgement->left_out_count == 0;
    } else if (opinion->registers_violated++ == 0) {
        opinion->violation = judgement->violation;
        opinion->violated_key = key;
    }
}

static enum areg_error judge_register(const struct register_history *history, unsigned flags, struct slice key,
                                      struct verdict *verdict)
{
    enum areg_error (*const judges[])(const struct register_history *, struct judgement *) = {
        [JUDGE_VERSIONS] = version_order_judge, [JUDGE_VALUES] = value_order_judge};
    bool is_violated = false;
    bool is_passed = false;
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        if (!(flags & 1u << i))
            continue;
        struct judgement judgement;
        const enum areg_error error = judges[i](history, &judgement);
        if (error)
            return error;
        take_judgement(&verdict->opinions[i], &judgement, key);
        is_violated = is_violated || judgement.violation.kind;
        is_passed = is_passed || (!judgement.violation.kind && judgement.left_out_count == 0);
    }
    verdict->registers_violated += is_violated;
    verdict->registers_open += !is_violated && !is_passed;
    return AREG_OK;
}

enum areg_error atomicity_judge(const struct atomicity *atomicity, unsigned flags, struct verdict *verdict)
{
    CHECK(flags & (ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES));
    *verdict = (struct verdict){0};
    if (atomicity->op_count == 0)
        return AREG_OK;
    uint32_t *op_indices = malloc(atomicity->op_count * sizeof *op_indices);
    uint32_t *ends = calloc(atomicity->key_count, sizeof *ends);
    enum areg_error error = op_indices && ends ? AREG_OK : AREG_ENOMEM;
    if (!error)
        sort_by_register(atomicity, op_indices, ends);
    uint32_t begin = 0;
    for (size_t i = 0; !error && i < atomicity->key_count; i++) {
        const struct register_history history = {
            .ops = atomicity->ops,
            .op_indices = op_indices + begin,
            .op_count = ends[i] - begin,
            .is_partial = flags & ATOMICITY_PARTIAL,
        };
        error = judge_register(&history, flags, atomicity->keys[i], verdict);
        begin = ends[i];
    }
    free(op_indices);
    free(ends);
    return error;
}
