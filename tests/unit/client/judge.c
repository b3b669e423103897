/*
 * What the history of a world must look like. Every operation has a tag; a history is linearizable if tags respect the
 * order in time, and values belong to their tags.
 */
#include "world.h"

#include <stdio.h>

static char verdict[256];

static const char *accuse(const struct world *world, const char *what, unsigned a, unsigned b)
{
    const struct world_op *x = world_op(world, a);
    const struct world_op *y = world_op(world, b);
    snprintf(verdict, sizeof verdict,
             "%s: op %u (client %u, kind %d, error %d, tag %llu.%llx) and op %u (client %u, kind %d, error %d, tag "
             "%llu.%llx)",
             what, a, x->client_index, x->kind, x->error, (unsigned long long)x->tag.z, (unsigned long long)x->tag.w, b,
             y->client_index, y->kind, y->error, (unsigned long long)y->tag.z, (unsigned long long)y->tag.w);
    return verdict;
}

static bool is_write(const struct world_op *op)
{
    return op->kind == CLIENT_PUT || op->kind == CLIENT_DEL;
}

/* It has a result that is about its key, and its tag is that of the result. */
static bool has_result(const struct world_op *op)
{
    return op->end_ns && !op->is_lost && (op->error == AREG_OK || (!is_write(op) && op->error == AREG_ENOTFOUND));
}

static bool may_have_effect(const struct world_op *op)
{
    return is_write(op) && (op->end_ns == 0 || op->is_lost || op->error == AREG_OK || op->error == AREG_EMAYBE);
}

/* A write that knows its own tag. */
static bool is_tagged_write(const struct world_op *op)
{
    return is_write(op) && op->error != AREG_ESTALE && !tag_is_zero(op->tag);
}

/* What a read or stat returned was written, under this tag, by a write that may have had an effect by then. */
static bool explains(const struct world_op *write, const struct world_op *read)
{
    if (!may_have_effect(write) || write->key_index != read->key_index || write->start_ns > read->end_ns)
        return false;
    if (!tag_is_zero(write->tag) && !tag_equal(write->tag, read->tag))
        return false;
    if (read->error == AREG_ENOTFOUND)
        return write->kind == CLIENT_DEL;
    return write->kind == CLIENT_PUT && write->value_bytes == read->value_bytes &&
           (read->kind != CLIENT_GET || write->value_id == read->value_id);
}

static const char *judge_values(const struct world *world)
{
    for (unsigned i = 0; i < world_op_count(world); i++) {
        const struct world_op *read = world_op(world, i);
        if (is_write(read) || read->kind == CLIENT_LIST || !has_result(read) ||
            (read->error == AREG_ENOTFOUND && tag_is_zero(read->tag)))
            continue;
        bool is_explained = false;
        for (unsigned j = 0; j < world_op_count(world) && !is_explained; j++)
            is_explained = explains(world_op(world, j), read);
        if (!is_explained)
            return accuse(world, "nobody wrote what was read", i, i);
    }
    return NULL;
}

static const char *judge_pair(const struct world *world, unsigned i, unsigned j)
{
    const struct world_op *a = world_op(world, i);
    const struct world_op *b = world_op(world, j);
    if (a->key_index != b->key_index || a->kind == CLIENT_LIST || b->kind == CLIENT_LIST)
        return NULL;
    const int order = tag_compare(b->tag, a->tag);
    if (is_tagged_write(a) && is_tagged_write(b) && order == 0)
        return accuse(world, "two writes with one tag", i, j);
    if (has_result(a) && has_result(b) && a->end_ns < b->start_ns && (order < 0 || (order == 0 && is_write(b))))
        return accuse(world, "out of order", i, j);
    /* The writes of one handle to one key take effect in the order of submission (i < j). */
    if (i < j && a->client_index == b->client_index && a->client_life == b->client_life && is_tagged_write(a) &&
        is_tagged_write(b) && may_have_effect(a) && b->start_ns <= a->end_ns && order < 0)
        return accuse(world, "a handle's writes out of order", i, j);
    return NULL;
}

const char *world_judge(const struct world *world)
{
    const char *found = world_accusation(world);
    if (!found)
        found = judge_values(world);
    for (unsigned i = 0; i < world_op_count(world) && !found; i++)
        for (unsigned j = 0; j < world_op_count(world) && !found; j++)
            found = i == j ? NULL : judge_pair(world, i, j);
    return found;
}
