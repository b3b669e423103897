#include "sim/atomicity.h"

#include "core/check.h"
#include "core/key.h"

#include <stdlib.h>
#include <string.h>

/* One operation, as small as it goes: there are millions. */
struct judged_op {
    uint64_t client;
    uint64_t value_hash;
    struct tag version;
    uint64_t start_ns;
    uint64_t end_ns;
    struct history_place place;
    uint32_t key_index;
    uint8_t kind;
    uint8_t status;
    bool has_value;
    bool has_version;
};

struct atomicity {
    struct judged_op *ops;
    size_t op_count;
    size_t op_room;
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
    free(atomicity->ops);
    free(atomicity);
}

const struct atomicity_counts *atomicity_counts(const struct atomicity *atomicity)
{
    return &atomicity->counts;
}

const char *violation_sentence(enum violation_kind kind)
{
    static const char *const sentences[] = {
        [VIOLATION_NONE] = "no violation",
        [VIOLATION_VERSION_TWICE] = "two writes have the same version",
        [VIOLATION_ZERO_WRITTEN] = "a write has the version of a register that was never written",
        [VIOLATION_UNKNOWN] = "a read returned a version that nobody wrote",
        [VIOLATION_FAILED_SEEN] = "a read returned what was written by an operation that has failed",
        [VIOLATION_OTHER_VALUE] = "two operations have the same version and different values",
        [VIOLATION_FUTURE_READ] = "a read returned what was written only after it had ended",
        [VIOLATION_STALE_READ] = "a read returned an older version than an operation that had ended before it began",
        [VIOLATION_STALE_WRITE] = "a write has an older version than an operation that had ended before it began",
    };
    return sentences[kind];
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

enum areg_error atomicity_add(struct atomicity *atomicity, const struct history_op *op, struct slice key,
                              struct history_place place)
{
    CHECK(key.bytes > 0);
    if (atomicity->op_count == UINT32_MAX - 1)
        return AREG_EBUSY;
    uint32_t key_index;
    if (!grow((void **)&atomicity->ops, atomicity->op_count, &atomicity->op_room, sizeof *atomicity->ops) ||
        !find_or_add_key(atomicity, key, &key_index))
        return AREG_ENOMEM;
    atomicity->ops[atomicity->op_count++] = (struct judged_op){
        .client = op->client,
        .value_hash = op->value_hash,
        .version = op->version,
        .start_ns = op->start_ns,
        .end_ns = op->end_ns,
        .place = place,
        .key_index = key_index,
        .kind = (uint8_t)op->kind,
        .status = (uint8_t)op->status,
        .has_value = op->has_value,
        .has_version = op->has_version,
    };
    struct atomicity_counts *counts = &atomicity->counts;
    if (counts->ops == 0 || op->start_ns < counts->start_ns)
        counts->start_ns = op->start_ns;
    counts->ops++;
    counts->keys = atomicity->key_count;
    counts->by_kind[op->kind]++;
    counts->by_status[op->status]++;
    return AREG_OK;
}

/* ---------------------------------------------------------------- one register */

/* The operations of one register, in the orders that are needed. */
struct register_ops {
    struct judged_op *ops; /* by version: first those without one */
    size_t op_count;
    const struct judged_op **by_start; /* room for op_count; those that took effect */
    const struct judged_op **by_end;
    size_t effective_count;
    size_t unversioned_count;
    unsigned flags;
    struct violation *violation;
};

static struct history_op to_history_op(const struct judged_op *op)
{
    return (struct history_op){
        .client = op->client,
        .kind = (enum history_kind)op->kind,
        .status = (enum history_status)op->status,
        .has_value = op->has_value,
        .value_hash = op->value_hash,
        .has_version = op->has_version,
        .version = op->version,
        .start_ns = op->start_ns,
        .end_ns = op->end_ns,
    };
}

/* Note a violation; returns false, for "goes on no further". `b` may be NULL. */
static bool violated(const struct register_ops *ops, enum violation_kind kind, const struct judged_op *a,
                     const struct judged_op *b)
{
    ops->violation->kind = kind;
    ops->violation->op_count = b ? 2 : 1;
    ops->violation->ops[0] = to_history_op(a);
    ops->violation->places[0] = a->place;
    if (b) {
        ops->violation->ops[1] = to_history_op(b);
        ops->violation->places[1] = b->place;
    }
    return false;
}

static bool same_value(const struct judged_op *a, const struct judged_op *b)
{
    return a->has_value == b->has_value && (!a->has_value || a->value_hash == b->value_hash);
}

/* A write without a version that may have written what was read: one of unknown outcome, else one that has failed. */
static struct judged_op *find_unversioned(const struct register_ops *ops, const struct judged_op *read)
{
    struct judged_op *failed = NULL;
    for (size_t i = 0; i < ops->unversioned_count; i++) {
        struct judged_op *op = &ops->ops[i];
        if (op->kind == HISTORY_READ || op->has_version || !same_value(op, read))
            continue;
        if (op->status == HISTORY_INFO)
            return op;
        failed = op;
    }
    return failed;
}

static void add_effective(struct register_ops *ops, const struct judged_op *op)
{
    CHECK(ops->effective_count < ops->op_count);
    ops->by_start[ops->effective_count++] = op;
}

/*
 * What must have been read under a version that no write is known to have: of a write of unknown outcome that was never
 * told its version, or from before the history began. NULL, and a violation, if there is nothing of the kind.
 */
static const struct judged_op *find_origin(struct register_ops *ops, const struct judged_op *read,
                                           const struct judged_op *failed)
{
    struct judged_op *guess = find_unversioned(ops, read);
    if (guess && guess->status == HISTORY_INFO) {
        guess->version = read->version;
        guess->has_version = true;
        add_effective(ops, guess);
        return guess;
    }
    if (guess || failed)
        violated(ops, VIOLATION_FAILED_SEEN, failed ? failed : guess, read);
    else if (ops->flags & ATOMICITY_PARTIAL)
        return read;
    else
        violated(ops, VIOLATION_UNKNOWN, read, NULL);
    return NULL;
}

/* The reads of one version against its write, which is NULL if none is known; `failed` is one that had no effect. */
static bool judge_reads(struct register_ops *ops, const struct judged_op *first, size_t count,
                        const struct judged_op *write, const struct judged_op *failed)
{
    const struct judged_op *origin = write;
    for (size_t i = 0; i < count; i++) {
        const struct judged_op *read = &first[i];
        if (read->kind != HISTORY_READ || read->status != HISTORY_OK)
            continue;
        if (tag_is_zero(read->version)) {
            if (read->has_value)
                return violated(ops, VIOLATION_UNKNOWN, read, NULL);
        } else {
            if (!origin)
                origin = find_origin(ops, read, failed);
            if (!origin)
                return false;
            if (!same_value(origin, read))
                return violated(ops, VIOLATION_OTHER_VALUE, origin, read);
        }
        add_effective(ops, read);
    }
    return true;
}

/* All operations of one version; `write` becomes its write, if that took effect. */
static bool judge_version(struct register_ops *ops, const struct judged_op *first, size_t count)
{
    const struct judged_op *write = NULL;
    const struct judged_op *failed = NULL;
    bool was_read = false;
    for (size_t i = 0; i < count; i++) {
        const struct judged_op *op = &first[i];
        if (op->kind == HISTORY_READ) {
            was_read = was_read || op->status == HISTORY_OK;
            continue;
        }
        if (op->status == HISTORY_FAIL) {
            failed = op;
            continue;
        }
        if (tag_is_zero(op->version))
            return violated(ops, VIOLATION_ZERO_WRITTEN, op, NULL);
        if (write)
            return violated(ops, VIOLATION_VERSION_TWICE, write, op);
        write = op;
    }
    if (write && (write->status == HISTORY_OK || was_read))
        add_effective(ops, write);
    return judge_reads(ops, first, count, write, failed);
}

static int compare_starts(const void *a, const void *b)
{
    const struct judged_op *x = *(const struct judged_op *const *)a;
    const struct judged_op *y = *(const struct judged_op *const *)b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static int compare_ends(const void *a, const void *b)
{
    const struct judged_op *x = *(const struct judged_op *const *)a;
    const struct judged_op *y = *(const struct judged_op *const *)b;
    return (x->end_ns > y->end_ns) - (x->end_ns < y->end_ns);
}

/*
 * The order of time: a sweep over the operations as they begin, with the newest version of all that had ended before.
 */
static bool judge_time(struct register_ops *ops)
{
    memcpy(ops->by_end, ops->by_start, ops->effective_count * sizeof(*ops->by_end));
    qsort(ops->by_start, ops->effective_count, sizeof(*ops->by_start), compare_starts);
    qsort(ops->by_end, ops->effective_count, sizeof(*ops->by_end), compare_ends);
    const struct judged_op *newest = NULL;
    size_t ended_count = 0;
    for (size_t i = 0; i < ops->effective_count; i++) {
        const struct judged_op *op = ops->by_start[i];
        for (; ops->by_end[ended_count]->end_ns < op->start_ns; ended_count++)
            if (!newest || tag_compare(ops->by_end[ended_count]->version, newest->version) > 0)
                newest = ops->by_end[ended_count];
        const int order = newest ? tag_compare(op->version, newest->version) : 1;
        const bool is_write = op->kind != HISTORY_READ;
        if (order == 0 && is_write)
            return violated(ops, VIOLATION_FUTURE_READ, newest, op);
        if (order < 0)
            return violated(ops, is_write ? VIOLATION_STALE_WRITE : VIOLATION_STALE_READ, newest, op);
    }
    return true;
}

static bool same_version(const struct judged_op *a, const struct judged_op *b)
{
    return a->has_version == b->has_version && tag_equal(a->version, b->version);
}

static bool judge_register(struct register_ops *ops)
{
    while (ops->unversioned_count < ops->op_count && !ops->ops[ops->unversioned_count].has_version)
        ops->unversioned_count++;
    for (size_t first = ops->unversioned_count; first < ops->op_count;) {
        size_t count = 1;
        while (first + count < ops->op_count && same_version(&ops->ops[first], &ops->ops[first + count]))
            count++;
        if (!judge_version(ops, &ops->ops[first], count))
            return false;
        first += count;
    }
    return judge_time(ops);
}

/* ---------------------------------------------------------------- all registers */

/* By register, those without a version first, by version, and then as they were written down. */
static int compare_ops(const void *a, const void *b)
{
    const struct judged_op *x = a;
    const struct judged_op *y = b;
    if (x->key_index != y->key_index)
        return x->key_index < y->key_index ? -1 : 1;
    if (x->has_version != y->has_version)
        return x->has_version ? 1 : -1;
    const int order = tag_compare(x->version, y->version);
    if (order)
        return order;
    if (x->place.file_index != y->place.file_index)
        return x->place.file_index < y->place.file_index ? -1 : 1;
    return (x->place.line_number > y->place.line_number) - (x->place.line_number < y->place.line_number);
}

enum areg_error atomicity_judge(struct atomicity *atomicity, unsigned flags, struct violation *violation)
{
    *violation = (struct violation){0};
    if (atomicity->op_count == 0)
        return AREG_OK;
    const struct judged_op **by_start = malloc(atomicity->op_count * sizeof(*by_start));
    const struct judged_op **by_end = malloc(atomicity->op_count * sizeof(*by_end));
    const enum areg_error error = by_start && by_end ? AREG_OK : AREG_ENOMEM;
    if (!error)
        qsort(atomicity->ops, atomicity->op_count, sizeof *atomicity->ops, compare_ops);
    for (size_t first = 0; !error && !violation->kind && first < atomicity->op_count;) {
        struct register_ops ops = {
            .ops = &atomicity->ops[first],
            .op_count = 1,
            .by_start = by_start,
            .by_end = by_end,
            .flags = flags,
            .violation = violation,
        };
        while (first + ops.op_count < atomicity->op_count && ops.ops[ops.op_count].key_index == ops.ops[0].key_index)
            ops.op_count++;
        if (!judge_register(&ops))
            violation->key = atomicity->keys[ops.ops[0].key_index];
        first += ops.op_count;
    }
    free(by_start);
    free(by_end);
    return error;
}
