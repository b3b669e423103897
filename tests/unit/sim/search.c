#include "search.h"

#include "core/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the search */

struct search {
    const struct history_op *ops;
    unsigned op_count;
    unsigned placed; /* a bit for each operation that stands in the order */
};

enum { INITIAL = -1 };

static bool is_delete_of(const struct history_op *op, struct tag version)
{
    return op->kind == HISTORY_DELETE && op->status != HISTORY_FAIL && op->has_version &&
           tag_equal(op->version, version);
}

static bool sees(const struct search *search, const struct history_op *read, int newest)
{
    const struct history_op *write = newest == INITIAL ? NULL : &search->ops[newest];
    if (read->has_value)
        return write && write->has_value && write->value_hash == read->value_hash;
    if (write && write->has_value)
        return false;
    if (read->has_version && tag_is_zero(read->version))
        return !write;
    for (unsigned i = 0; read->has_version && i < search->op_count; i++)
        if (is_delete_of(&search->ops[i], read->version))
            return write && is_delete_of(write, read->version);
    return true;
}

/* Everything that ended before this operation began stands in the order. */
static bool is_due(const struct search *search, unsigned index)
{
    for (unsigned i = 0; i < search->op_count; i++)
        if (!(search->placed >> i & 1) && search->ops[i].status == HISTORY_OK &&
            search->ops[i].end_ns < search->ops[index].start_ns)
            return false;
    return true;
}

/* Whether the rest can be put behind what is placed, of which `newest` was the last write. */
static bool place_rest(struct search *search, int newest)
{
    bool is_done = true;
    for (unsigned i = 0; i < search->op_count; i++)
        is_done = is_done && (search->placed >> i & 1 || search->ops[i].status != HISTORY_OK);
    for (unsigned i = 0; !is_done && i < search->op_count; i++) {
        const struct history_op *op = &search->ops[i];
        const bool is_read = op->kind == HISTORY_READ;
        if (search->placed >> i & 1 || op->status == HISTORY_FAIL || !is_due(search, i) ||
            (is_read && !sees(search, op, newest)))
            continue;
        search->placed |= 1u << i;
        is_done = place_rest(search, is_read ? newest : (int)i);
        search->placed &= ~(1u << i);
    }
    return is_done;
}

bool search_finds_order(const struct history_op *ops, unsigned op_count)
{
    CHECK(op_count <= SEARCH_OPS_MAX);
    struct search search = {.ops = ops, .op_count = op_count};
    return place_rest(&search, INITIAL);
}

/* ---------------------------------------------------------------- all small histories */

struct visit {
    unsigned op_count;
    unsigned instant_count;
    bool has_deletes;
    search_visit_fn fn;
    void *arg;
    struct history_op ops[SEARCH_OPS_MAX];
    unsigned write_count;
};

/* The `code`-th interval; false if there are no more. */
static bool set_interval(const struct visit *visit, unsigned code, struct history_op *op)
{
    for (unsigned start = 1; start <= visit->instant_count; start++) {
        const unsigned end_count = visit->instant_count - start + 1;
        if (code < end_count) {
            op->start_ns = start;
            op->end_ns = start + code;
            return true;
        }
        code -= end_count;
    }
    return false;
}

/* The `code`-th write that there may be at a position; false if there are no more. */
static bool make_write(const struct visit *visit, unsigned position, unsigned code, struct history_op *op)
{
    const unsigned interval_count = visit->instant_count * (visit->instant_count + 1) / 2;
    const unsigned kind_count = interval_count + visit->instant_count;
    *op = (struct history_op){.kind = HISTORY_WRITE, .has_value = true, .value_hash = 100 + position};
    if (code == 0) { /* the time of a write that failed does not matter */
        *op = (struct history_op){.kind = HISTORY_WRITE, .status = HISTORY_FAIL, .has_value = true};
        op->value_hash = 100 + position;
        op->start_ns = op->end_ns = 1;
        return true;
    }
    code--;
    if (code >= kind_count) {
        if (!visit->has_deletes || code >= 2 * kind_count)
            return false;
        code -= kind_count;
        *op = (struct history_op){.kind = HISTORY_DELETE, .has_version = true, .version = {position + 1, 1}};
    }
    if (code < interval_count)
        return set_interval(visit, code, op);
    op->status = HISTORY_INFO;
    op->start_ns = code - interval_count + 1;
    op->end_ns = UINT64_MAX;
    return true;
}

/* The `code`-th read that there may be; false if there are no more. */
static bool make_read(const struct visit *visit, unsigned code, struct history_op *op)
{
    const unsigned interval_count = visit->instant_count * (visit->instant_count + 1) / 2;
    *op = (struct history_op){.kind = HISTORY_READ, .has_value = true, .value_hash = SEARCH_VALUE_UNKNOWN};
    if (code == 0) { /* nor does it matter when a value is seen that nobody wrote */
        op->start_ns = op->end_ns = 1;
        return true;
    }
    code--;
    const unsigned seen = code / interval_count;
    if (seen > visit->write_count)
        return false;
    if (seen == visit->write_count) {
        op->has_value = false;
        op->has_version = true;
    } else {
        op->has_value = visit->ops[seen].has_value;
        op->value_hash = visit->ops[seen].value_hash;
        op->has_version = visit->ops[seen].has_version;
        op->version = visit->ops[seen].version;
    }
    return set_interval(visit, code % interval_count, op);
}

/* All ways to fill the operations from `position` on, in the order of their codes. */
static void visit_rest(struct visit *visit, unsigned position, unsigned code_min)
{
    if (position == visit->op_count) {
        visit->fn(visit->arg, visit->ops, visit->op_count);
        return;
    }
    const bool is_write = position < visit->write_count;
    const bool is_first = position == 0 || position == visit->write_count;
    for (unsigned code = is_first ? 0 : code_min;; code++) {
        struct history_op *op = &visit->ops[position];
        if (!(is_write ? make_write(visit, position, code, op) : make_read(visit, code, op)))
            return;
        visit_rest(visit, position + 1, code);
    }
}

void search_visit_all(unsigned op_count, unsigned instant_count, bool has_deletes, search_visit_fn fn, void *arg)
{
    CHECK(op_count <= SEARCH_OPS_MAX);
    struct visit visit = {
        .op_count = op_count, .instant_count = instant_count, .has_deletes = has_deletes, .fn = fn, .arg = arg};
    for (visit.write_count = 0; visit.write_count <= op_count; visit.write_count++)
        visit_rest(&visit, 0, 0);
}

/* ---------------------------------------------------------------- what tests need */

struct judgement search_judge(enum areg_error (*judge)(const struct register_history *, struct judgement *),
                              const struct history_op *ops, unsigned op_count, bool is_partial)
{
    uint32_t few[SEARCH_OPS_MAX];
    uint32_t *op_indices = op_count <= SEARCH_OPS_MAX ? few : malloc(op_count * sizeof *op_indices);
    assert_non_null(op_indices);
    for (unsigned i = 0; i < op_count; i++)
        op_indices[i] = i;
    const struct register_history history = {
        .ops = ops, .op_indices = op_indices, .op_count = op_count, .is_partial = is_partial};
    struct judgement judgement;
    assert_int_equal(judge(&history, &judgement), AREG_OK);
    if (op_indices != few)
        free(op_indices);
    return judgement;
}

struct history_op search_to_op(struct short_op brief)
{
    return (struct history_op){
        .kind = brief.kind == 'r'   ? HISTORY_READ
                : brief.kind == 'w' ? HISTORY_WRITE
                                    : HISTORY_DELETE,
        .status = brief.status == 'o'   ? HISTORY_OK
                  : brief.status == 'f' ? HISTORY_FAIL
                                        : HISTORY_INFO,
        .has_value = brief.value != 0,
        .value_hash = brief.value,
        .has_version = brief.z >= 0,
        .version = {.z = brief.z < 0 ? 0 : (uint64_t)brief.z, .w = brief.z > 0},
        .start_ns = brief.start_ns,
        .end_ns = brief.end_ns ? brief.end_ns : UINT64_MAX,
    };
}

void search_print(const struct history_op *ops, unsigned op_count)
{
    for (unsigned i = 0; i < op_count; i++)
        history_print(stderr, &ops[i], "k", 1);
}

uint64_t search_seed(void)
{
    const char *given = getenv("AREG_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
    print_message("AREG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

void search_make_history(struct random_source *random, struct history_op *ops, unsigned op_count, unsigned spread_ns)
{
    struct short_op now = {.z = 0, .value = 0};
    int newest_z = 0;
    uint64_t instant = spread_ns;
    for (unsigned i = 0; i < op_count; i++) {
        instant += random_below(random, 4);
        struct short_op brief = {.kind = "rrwwwd"[random_below(random, 6)], .status = 'o'};
        brief.start_ns = instant - random_below(random, spread_ns);
        brief.end_ns = instant + random_below(random, spread_ns);
        const bool is_unknown = brief.kind != 'r' && random_below(random, 4) == 0;
        const bool is_failed = !is_unknown && random_below(random, 12) == 0;
        const bool has_effect = !is_failed && (!is_unknown || random_below(random, 2));
        brief.z = now.z;
        brief.value = now.value;
        if (brief.kind != 'r') {
            newest_z += 1 + (int)random_below(random, 2);
            brief.z = newest_z;
            brief.value = brief.kind == 'w' ? 1000 + i : 0;
            if (has_effect)
                now = brief;
        }
        if (is_unknown) {
            brief.status = 'i';
            brief.end_ns = 0;
        }
        if (is_failed)
            brief.status = 'f';
        if ((is_unknown || is_failed) && random_below(random, 2))
            brief.z = -1;
        if (is_failed && brief.kind == 'r')
            brief.value = 0;
        ops[i] = search_to_op(brief);
    }
}
