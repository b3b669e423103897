#include "sim/version_order.h"

#include "core/check.h"

#include <stdlib.h>

/* An operation and its version: its own one, or for a write that was never told, the one under which it was read. */
struct versioned {
    struct tag version;
    uint32_t op_index;
};

/* A write without a version, which may have written what was read under a version that no write is known to have. */
struct unversioned {
    uint64_t value_hash;
    uint64_t start_ns;
    bool has_value;
    bool has_failed;
    uint32_t op_index;
    uint32_t taken_count; /* for the first one of a value: so many of this value have been given versions */
};

/* The beginning or the end of an operation that took effect. */
struct moment {
    uint64_t at_ns;
    uint32_t position; /* in `effective` */
};

struct version_order {
    const struct register_history *history;
    struct judgement *judgement;
    struct versioned *versioned; /* by version */
    size_t versioned_count;
    struct unversioned *unversioned; /* by value, those of unknown outcome first, by their beginnings */
    size_t unversioned_count;
    struct versioned *effective; /* the operations that took effect */
    size_t effective_count;
    struct moment *starts;
    struct moment *ends;
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_versioned(const void *a, const void *b)
{
    const struct versioned *x = a;
    const struct versioned *y = b;
    const int order = tag_compare(x->version, y->version);
    return order ? order : compare_numbers(x->op_index, y->op_index);
}

static int compare_values(const struct unversioned *a, const struct unversioned *b)
{
    const int order = compare_numbers(a->has_value, b->has_value);
    return order ? order : compare_numbers(a->value_hash, b->value_hash);
}

static int compare_unversioned(const void *a, const void *b)
{
    const struct unversioned *x = a;
    const struct unversioned *y = b;
    int order = compare_values(x, y);
    if (!order)
        order = compare_numbers(x->has_failed, y->has_failed);
    if (!order)
        order = compare_numbers(x->start_ns, y->start_ns);
    return order ? order : compare_numbers(x->op_index, y->op_index);
}

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a;
    const struct moment *y = b;
    const int order = compare_numbers(x->at_ns, y->at_ns);
    return order ? order : compare_numbers(x->position, y->position);
}

static const struct history_op *op_at(const struct version_order *order, uint32_t op_index)
{
    return &order->history->ops[op_index];
}

static bool accuse(const struct version_order *order, enum violation_kind kind, uint32_t a, uint32_t b)
{
    return judgement_accuse(order->judgement, kind, a, b);
}

static void add_effective(struct version_order *order, struct tag version, uint32_t op_index)
{
    CHECK(order->effective_count < order->history->op_count);
    order->effective[order->effective_count++] = (struct versioned){version, op_index};
}

static bool same_value(const struct history_op *a, const struct history_op *b)
{
    return a->has_value == b->has_value && (!a->has_value || a->value_hash == b->value_hash);
}

/* ---------------------------------------------------------------- what was read is what was written */

/*
 * A write without a version that may have written what was read: one of unknown outcome, else one that has failed. They
 * are given away by their beginnings while versions ascend: whoever may have an older version may have begun earlier,
 * so no other choice does better.
 */
static const struct unversioned *take_unversioned(struct version_order *order, const struct history_op *read)
{
    const struct unversioned wanted = {.has_value = read->has_value, .value_hash = read->value_hash};
    size_t low = 0;
    for (size_t high = order->unversioned_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (compare_values(&order->unversioned[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == order->unversioned_count)
        return NULL;
    struct unversioned *first = &order->unversioned[low];
    const size_t position = low + first->taken_count;
    if (position == order->unversioned_count || compare_values(&order->unversioned[position], &wanted) != 0)
        return NULL;
    if (!order->unversioned[position].has_failed)
        first->taken_count++;
    return &order->unversioned[position];
}

/* What the operations of one version have to do with each other. */
struct version_group {
    const struct versioned *first;
    size_t count;
    const struct versioned *write;  /* that may have had an effect */
    const struct versioned *failed; /* that had none */
    bool was_read;
};

/*
 * What must have been read under a version that no write is known to have: of a write of unknown outcome that was never
 * told its version, or from before the history began. False, and a violation, if there is nothing of the kind.
 */
static bool find_origin(struct version_order *order, const struct version_group *group, uint32_t read_index,
                        uint32_t *origin_index)
{
    const struct unversioned *guess = take_unversioned(order, op_at(order, read_index));
    if (guess && !guess->has_failed) {
        add_effective(order, group->first->version, guess->op_index);
        *origin_index = guess->op_index;
        return true;
    }
    if (guess || group->failed)
        return accuse(order, VIOLATION_FAILED_SEEN, group->failed ? group->failed->op_index : guess->op_index,
                      read_index);
    *origin_index = read_index;
    return order->history->is_partial || accuse(order, VIOLATION_UNKNOWN_VERSION, read_index, read_index);
}

/* The reads of one version against its write. */
static bool judge_reads(struct version_order *order, const struct version_group *group)
{
    bool has_origin = group->write != NULL;
    uint32_t origin_index = has_origin ? group->write->op_index : 0;
    for (size_t i = 0; i < group->count; i++) {
        const uint32_t read_index = group->first[i].op_index;
        const struct history_op *read = op_at(order, read_index);
        if (read->kind != HISTORY_READ)
            continue;
        if (tag_is_zero(read->version)) {
            if (read->has_value)
                return accuse(order, VIOLATION_UNKNOWN_VERSION, read_index, read_index);
        } else {
            if (!has_origin && !find_origin(order, group, read_index, &origin_index))
                return false;
            has_origin = true;
            if (!same_value(op_at(order, origin_index), read))
                return accuse(order, VIOLATION_OTHER_VALUE, origin_index, read_index);
        }
        add_effective(order, read->version, read_index);
    }
    return true;
}

/* All operations of one version. */
static bool judge_version(struct version_order *order, const struct versioned *first, size_t count)
{
    struct version_group group = {.first = first, .count = count};
    for (size_t i = 0; i < count; i++) {
        const struct history_op *op = op_at(order, first[i].op_index);
        if (op->kind == HISTORY_READ) {
            group.was_read = true;
            continue;
        }
        if (op->status == HISTORY_FAIL) {
            group.failed = &first[i];
            continue;
        }
        if (tag_is_zero(op->version))
            return accuse(order, VIOLATION_ZERO_WRITTEN, first[i].op_index, first[i].op_index);
        if (group.write)
            return accuse(order, VIOLATION_VERSION_TWICE, group.write->op_index, first[i].op_index);
        group.write = &first[i];
    }
    if (group.write && (op_at(order, group.write->op_index)->status == HISTORY_OK || group.was_read))
        add_effective(order, group.write->version, group.write->op_index);
    return judge_reads(order, &group);
}

static bool judge_versions(struct version_order *order)
{
    qsort(order->versioned, order->versioned_count, sizeof *order->versioned, compare_versioned);
    qsort(order->unversioned, order->unversioned_count, sizeof *order->unversioned, compare_unversioned);
    for (size_t first = 0; first < order->versioned_count;) {
        size_t end = first + 1;
        while (end < order->versioned_count &&
               tag_equal(order->versioned[first].version, order->versioned[end].version))
            end++;
        if (!judge_version(order, &order->versioned[first], end - first))
            return false;
        first = end;
    }
    return true;
}

/* ---------------------------------------------------------------- the order of time */

/* A sweep over the operations as they begin, with the newest version of all that had ended before. */
static bool judge_time(struct version_order *order)
{
    for (uint32_t i = 0; i < order->effective_count; i++) {
        const struct history_op *op = op_at(order, order->effective[i].op_index);
        order->starts[i] = (struct moment){op->start_ns, i};
        order->ends[i] = (struct moment){op->end_ns, i};
    }
    qsort(order->starts, order->effective_count, sizeof *order->starts, compare_moments);
    qsort(order->ends, order->effective_count, sizeof *order->ends, compare_moments);
    const struct versioned *newest = NULL;
    const struct moment *end = order->ends;
    for (size_t i = 0; i < order->effective_count; i++) {
        const struct versioned *later = &order->effective[order->starts[i].position];
        for (; end->at_ns < order->starts[i].at_ns; end++)
            if (!newest || tag_compare(order->effective[end->position].version, newest->version) > 0)
                newest = &order->effective[end->position];
        const int comparison = newest ? tag_compare(later->version, newest->version) : 1;
        const bool is_write = op_at(order, later->op_index)->kind != HISTORY_READ;
        if (comparison == 0 && is_write)
            return accuse(order, VIOLATION_FUTURE_READ, newest->op_index, later->op_index);
        if (comparison < 0)
            return accuse(order, is_write ? VIOLATION_STALE_WRITE : VIOLATION_STALE_READ, newest->op_index,
                          later->op_index);
    }
    return true;
}

/* ---------------------------------------------------------------- one register */

/* Sort out what can say something. False if a completed operation has no version. */
static bool take_ops(struct version_order *order)
{
    for (size_t i = 0; i < order->history->op_count; i++) {
        const uint32_t op_index = order->history->op_indices[i];
        const struct history_op *op = op_at(order, op_index);
        if (op->status == HISTORY_OK && !op->has_version)
            return false;
        if (op->kind == HISTORY_READ && op->status != HISTORY_OK)
            continue;
        if (op->has_version)
            order->versioned[order->versioned_count++] = (struct versioned){op->version, op_index};
        else
            order->unversioned[order->unversioned_count++] = (struct unversioned){
                .value_hash = op->has_value ? op->value_hash : 0,
                .start_ns = op->start_ns,
                .has_value = op->has_value,
                .has_failed = op->status == HISTORY_FAIL,
                .op_index = op_index,
            };
    }
    return true;
}

enum areg_error version_order_judge(const struct register_history *history, struct judgement *judgement)
{
    CHECK(history->op_count > 0 && history->op_count < UINT32_MAX);
    *judgement = (struct judgement){0};
    struct version_order order = {
        .history = history,
        .judgement = judgement,
        .versioned = malloc(history->op_count * sizeof *order.versioned),
        .unversioned = malloc(history->op_count * sizeof *order.unversioned),
        .effective = malloc(history->op_count * sizeof *order.effective),
        .starts = malloc(history->op_count * sizeof *order.starts),
        .ends = malloc(history->op_count * sizeof *order.ends),
    };
    enum areg_error error = AREG_ENOMEM;
    if (!order.versioned || !order.unversioned || !order.effective || !order.starts || !order.ends)
        goto out;
    error = AREG_OK;
    if (!take_ops(&order))
        judgement->left_out_count = (uint32_t)history->op_count;
    else if (judge_versions(&order))
        (void)judge_time(&order);
out:
    free(order.versioned);
    free(order.unversioned);
    free(order.effective);
    free(order.starts);
    free(order.ends);
    return error;
}
