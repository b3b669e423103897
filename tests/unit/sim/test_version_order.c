/*
 * The judge that goes by versions: planted violations of every kind are found and named, histories of registers that
 * really were atomic pass, on small random histories it agrees with a dumb twin that tries every order of versions, and
 * on all small histories there are, with the search that knows nothing of versions.
 */
#include "sim/version_order.h"

#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct judgement judge(const struct history_op *ops, unsigned op_count)
{
    return search_judge(version_order_judge, ops, op_count, false);
}

enum { CASE_OPS_MAX = 6 };

struct planted {
    const char *claim;
    struct short_op ops[CASE_OPS_MAX];
    enum violation_kind kind;
    uint32_t lines[2]; /* of the operations that contradict */
};

static const struct planted planted[] = {
    {"two writes share a version", {{'w', 1, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 4, 'o'}}, VIOLATION_VERSION_TWICE, {1, 2}},
    {"a write of unknown outcome shares a version, too",
     {{'w', 1, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 0, 'i'}},
     VIOLATION_VERSION_TWICE,
     {1, 2}},
    {"a write is 0.0", {{'w', 0, 10, 1, 2, 'o'}}, VIOLATION_ZERO_WRITTEN, {1, 0}},
    {"a read returns a version that nobody wrote",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 2, 11, 3, 4, 'o'}},
     VIOLATION_UNKNOWN_VERSION,
     {2, 0}},
    {"a read returns a value from a register that was never written",
     {{'r', 0, 10, 1, 2, 'o'}},
     VIOLATION_UNKNOWN_VERSION,
     {1, 0}},
    {"a read returns what a failed write would have written",
     {{'w', 1, 10, 1, 2, 'f'}, {'r', 1, 10, 3, 4, 'o'}},
     VIOLATION_FAILED_SEEN,
     {1, 2}},
    {"the same, and the failed write never knew its version",
     {{'w', -1, 10, 1, 2, 'f'}, {'r', 1, 10, 3, 4, 'o'}},
     VIOLATION_FAILED_SEEN,
     {1, 2}},
    {"a read returns another value than was written under its version",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 1, 11, 3, 4, 'o'}},
     VIOLATION_OTHER_VALUE,
     {1, 2}},
    {"a read finds nothing under the version of a write",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 1, 0, 3, 4, 'o'}},
     VIOLATION_OTHER_VALUE,
     {1, 2}},
    {"a read finds a value under the version of a delete",
     {{'d', 1, 0, 1, 2, 'o'}, {'r', 1, 10, 3, 4, 'o'}},
     VIOLATION_OTHER_VALUE,
     {1, 2}},
    {"a read ends before what it returns was begun to be written",
     {{'r', 1, 10, 1, 2, 'o'}, {'w', 1, 10, 3, 4, 'o'}},
     VIOLATION_FUTURE_READ,
     {1, 2}},
    {"the same, of a write of unknown outcome that never knew its version",
     {{'r', 1, 10, 1, 2, 'o'}, {'w', -1, 10, 3, 0, 'i'}},
     VIOLATION_FUTURE_READ,
     {1, 2}},
    {"a read is older than a write that had completed",
     {{'w', 1, 10, 1, 2, 'o'}, {'w', 2, 11, 3, 4, 'o'}, {'r', 1, 10, 5, 6, 'o'}},
     VIOLATION_STALE_READ,
     {2, 3}},
    {"a read is older than another read that had completed, of a write that has not (new-old inversion)",
     {{'w', 1, 10, 1, 2, 'o'}, {'w', 2, 11, 3, 0, 'i'}, {'r', 2, 11, 4, 5, 'o'}, {'r', 1, 10, 6, 7, 'o'}},
     VIOLATION_STALE_READ,
     {3, 4}},
    {"a read finds nothing although a write had completed",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 0, 0, 3, 4, 'o'}},
     VIOLATION_STALE_READ,
     {1, 2}},
    {"a write is older than a write that had completed",
     {{'w', 2, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 4, 'o'}},
     VIOLATION_STALE_WRITE,
     {1, 2}},
    {"a write is older than a read that had completed",
     {{'w', 2, 10, 1, 9, 'o'}, {'r', 2, 10, 2, 3, 'o'}, {'w', 1, 11, 4, 5, 'o'}},
     VIOLATION_STALE_WRITE,
     {2, 3}},
    {"a write of unknown outcome that was read is older than what had completed before it began",
     {{'w', 2, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 0, 'i'}, {'r', 1, 11, 1, 9, 'o'}},
     VIOLATION_STALE_WRITE,
     {1, 2}},
};

static unsigned count_ops(const struct short_op *ops)
{
    unsigned count = 0;
    while (count < CASE_OPS_MAX && ops[count].kind)
        count++;
    return count;
}

static void planted_violations_are_found_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        struct history_op ops[CASE_OPS_MAX];
        const unsigned op_count = count_ops(planted[i].ops);
        for (unsigned j = 0; j < op_count; j++)
            ops[j] = search_to_op(planted[i].ops[j]);
        const struct violation violation = judge(ops, op_count).violation;
        if (violation.kind != planted[i].kind)
            fail_msg("%s: %s", planted[i].claim, violation_sentence(violation.kind));
        assert_int_equal(violation.op_count, planted[i].lines[1] ? 2 : 1);
        for (unsigned j = 0; j < violation.op_count; j++)
            assert_int_equal(violation.op_indices[j] + 1, planted[i].lines[j]);
    }
}

static void what_only_looks_odd_passes(void **state)
{
    (void)state;
    static const struct {
        const char *claim;
        struct short_op ops[CASE_OPS_MAX];
    } cases[] = {
        {"nothing was ever written", {{'r', 0, 0, 1, 2, 'o'}, {'r', 0, 0, 3, 4, 'o'}}},
        {"a read during a write may return it or not",
         {{'w', 1, 10, 1, 9, 'o'}, {'r', 0, 0, 2, 3, 'o'}, {'r', 1, 10, 4, 5, 'o'}}},
        {"operations that touch at one instant are concurrent",
         {{'w', 2, 10, 1, 5, 'o'}, {'w', 1, 11, 5, 6, 'o'}, {'r', 1, 11, 1, 5, 'o'}}},
        {"a write of unknown outcome takes effect much later",
         {{'w', 1, 10, 1, 0, 'i'}, {'r', 0, 0, 2, 3, 'o'}, {'r', 1, 10, 8, 9, 'o'}}},
        {"a write of unknown outcome takes effect never, whatever its version",
         {{'w', 5, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 0, 'i'}, {'r', 5, 10, 8, 9, 'o'}}},
        {"a write of unknown outcome never knew its version",
         {{'w', -1, 10, 1, 0, 'i'}, {'w', -1, 11, 1, 0, 'i'}, {'r', 1, 11, 8, 9, 'o'}, {'r', 2, 10, 10, 11, 'o'}}},
        {"deletes of unknown outcome never knew their versions, and the one that began last was recorded first",
         {{'d', -1, 0, 10, 0, 'i'}, {'d', -1, 0, 1, 0, 'i'}, {'r', 5, 0, 3, 4, 'o'}}},
        {"a write that failed was told the version of another",
         {{'w', 1, 10, 1, 2, 'o'}, {'w', 1, 11, 3, 4, 'f'}, {'r', 1, 10, 5, 6, 'o'}}},
        {"a delete is a version like any other",
         {{'w', 1, 10, 1, 2, 'o'}, {'d', 2, 0, 3, 4, 'o'}, {'r', 2, 0, 5, 6, 'o'}, {'w', 3, 11, 7, 8, 'o'}}},
        {"reads that failed say nothing", {{'w', 1, 10, 1, 2, 'o'}, {'r', -1, 0, 3, 4, 'f'}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history_op ops[CASE_OPS_MAX];
        const unsigned op_count = count_ops(cases[i].ops);
        for (unsigned j = 0; j < op_count; j++)
            ops[j] = search_to_op(cases[i].ops[j]);
        const struct violation violation = judge(ops, op_count).violation;
        if (violation.kind)
            fail_msg("%s: %s", cases[i].claim, violation_sentence(violation.kind));
    }
}

static void a_value_whose_hash_is_zero_is_not_absence(void **state)
{
    (void)state;
    struct history_op ops[] = {
        search_to_op((struct short_op){'w', -1, 10, 1, 0, 'i'}),
        search_to_op((struct short_op){'d', -1, 0, 1, 0, 'i'}),
        search_to_op((struct short_op){'r', 5, 0, 5, 6, 'o'}),
    };
    ops[0].value_hash = 0;
    assert_int_equal(judge(ops, 3).violation.kind, VIOLATION_NONE);
}

static void a_partial_history_may_read_what_was_there_before(void **state)
{
    (void)state;
    struct history_op ops[] = {
        search_to_op((struct short_op){'r', 3, 10, 1, 2, 'o'}),
        search_to_op((struct short_op){'r', 3, 10, 3, 4, 'o'}),
    };
    assert_int_equal(judge(ops, 2).violation.kind, VIOLATION_UNKNOWN_VERSION);
    assert_int_equal(search_judge(version_order_judge, ops, 2, true).violation.kind, VIOLATION_NONE);
    ops[1].value_hash = 11;
    assert_int_equal(search_judge(version_order_judge, ops, 2, true).violation.kind, VIOLATION_OTHER_VALUE);
    ops[1] = search_to_op((struct short_op){'r', 2, 11, 3, 4, 'o'});
    assert_int_equal(search_judge(version_order_judge, ops, 2, true).violation.kind, VIOLATION_STALE_READ);
}

static void a_register_of_which_a_completed_operation_has_no_version_is_left_out(void **state)
{
    (void)state;
    struct history_op ops[] = {
        search_to_op((struct short_op){'w', 2, 10, 1, 2, 'o'}),
        search_to_op((struct short_op){'w', 1, 11, 3, 4, 'o'}),
        search_to_op((struct short_op){'r', -1, 0, 5, 6, 'f'}),
    };
    assert_int_equal(judge(ops, 3).violation.kind, VIOLATION_STALE_WRITE);
    assert_int_equal(judge(ops, 3).left_out_count, 0);
    ops[2].status = HISTORY_OK;
    assert_int_equal(judge(ops, 3).violation.kind, VIOLATION_NONE);
    assert_int_equal(judge(ops, 3).left_out_count, 3);
}

/* ---------------------------------------------------------------- the dumb twin */

enum { TWIN_OPS_MAX = 6 };

/* A register while one order is tried. */
struct twin {
    const struct history_op *ops;
    unsigned op_count;
    unsigned used; /* a bit for each operation that stands in the order */
};

/* What the register holds: the value and its version, which may still be open. */
struct twin_state {
    bool has_value;
    uint64_t value_hash;
    bool has_version;
    struct tag version;
    struct tag version_floor; /* every further version must be above it */
};

static bool twin_try(struct twin *twin, struct twin_state state);

/* Whether an operation that is not in the order yet had ended before this one began. */
static bool twin_is_too_early(const struct twin *twin, unsigned index)
{
    for (unsigned i = 0; i < twin->op_count; i++)
        if (!(twin->used >> i & 1) && twin->ops[i].status == HISTORY_OK &&
            twin->ops[i].end_ns < twin->ops[index].start_ns)
            return true;
    return false;
}

/* Whether a write that may have taken effect names this version as its own. */
static bool twin_is_claimed(const struct twin *twin, struct tag version)
{
    for (unsigned i = 0; i < twin->op_count; i++)
        if (twin->ops[i].kind != HISTORY_READ && twin->ops[i].status != HISTORY_FAIL && twin->ops[i].has_version &&
            tag_equal(twin->ops[i].version, version))
            return true;
    return false;
}

static bool twin_apply(const struct twin *twin, const struct history_op *op, struct twin_state *state)
{
    if (op->kind != HISTORY_READ) {
        if (op->has_version && tag_compare(op->version, state->version_floor) <= 0)
            return false;
        state->has_value = op->has_value;
        state->value_hash = op->value_hash;
        state->has_version = op->has_version;
        state->version = op->version;
        if (op->has_version)
            state->version_floor = op->version;
        return true;
    }
    if (op->has_value != state->has_value || (op->has_value && op->value_hash != state->value_hash))
        return false;
    if (state->has_version)
        return tag_equal(op->version, state->version);
    if (tag_compare(op->version, state->version_floor) <= 0 || twin_is_claimed(twin, op->version))
        return false;
    state->has_version = true;
    state->version = state->version_floor = op->version;
    return true;
}

static bool twin_try(struct twin *twin, struct twin_state state)
{
    bool all_ok_used = true;
    for (unsigned i = 0; i < twin->op_count; i++)
        if (twin->ops[i].status == HISTORY_OK && !(twin->used >> i & 1))
            all_ok_used = false;
    if (all_ok_used)
        return true;
    for (unsigned i = 0; i < twin->op_count; i++) {
        struct twin_state next = state;
        if ((twin->used >> i & 1) || twin->ops[i].status == HISTORY_FAIL || twin_is_too_early(twin, i) ||
            !twin_apply(twin, &twin->ops[i], &next))
            continue;
        twin->used |= 1u << i;
        const bool found = twin_try(twin, next);
        twin->used &= ~(1u << i);
        if (found)
            return true;
    }
    return false;
}

/* A version that two writes claim, or 0.0, is wrong even if no order shows it. */
static bool twin_sees_bad_versions(const struct history_op *ops, unsigned op_count)
{
    for (unsigned i = 0; i < op_count; i++) {
        if (ops[i].kind == HISTORY_READ || ops[i].status == HISTORY_FAIL || !ops[i].has_version)
            continue;
        if (tag_is_zero(ops[i].version))
            return true;
        for (unsigned j = 0; j < i; j++)
            if (ops[j].kind != HISTORY_READ && ops[j].status != HISTORY_FAIL && ops[j].has_version &&
                tag_equal(ops[i].version, ops[j].version))
                return true;
    }
    return false;
}

static bool twin_finds_an_order(const struct history_op *ops, unsigned op_count)
{
    if (twin_sees_bad_versions(ops, op_count))
        return false;
    struct twin twin = {.ops = ops, .op_count = op_count};
    return twin_try(&twin, (struct twin_state){.has_version = true});
}

/* Spoil it a little: mostly it becomes impossible, sometimes not. */
static void spoil(struct random_source *random, struct history_op *ops, unsigned op_count)
{
    struct history_op *op = &ops[random_below(random, op_count)];
    const struct history_op *other = &ops[random_below(random, op_count)];
    switch (random_below(random, 5)) {
    case 0:
        if (op->has_version && other->has_version)
            op->version = other->version;
        break;
    case 1:
        if (op->kind == HISTORY_READ) {
            op->has_value = other->has_value;
            op->value_hash = other->value_hash;
        }
        break;
    case 2:
        if (op->kind == HISTORY_READ && other->has_version) {
            op->version = other->version;
            op->has_value = other->has_value;
            op->value_hash = other->value_hash;
        }
        break;
    case 3:
        op->start_ns = random_below(random, 30);
        if (op->end_ns < op->start_ns)
            op->end_ns = op->start_ns;
        break;
    default:
        if (op->kind != HISTORY_READ && op->status == HISTORY_OK) {
            op->status = HISTORY_FAIL;
            op->has_version = op->has_version && random_below(random, 2);
        }
        break;
    }
}

static void it_agrees_with_a_twin_that_tries_every_order(void **state)
{
    (void)state;
    struct random_source random = {.state = search_seed()};
    unsigned good_count = 0;
    unsigned spoiled_count = 0;
    unsigned bad_count = 0;
    for (unsigned i = 0; i < 60000; i++) {
        struct history_op ops[TWIN_OPS_MAX];
        const unsigned op_count = 1 + (unsigned)random_below(&random, TWIN_OPS_MAX);
        search_make_history(&random, ops, op_count, 10);
        const bool is_spoiled = random_below(&random, 3) > 0;
        for (unsigned j = is_spoiled ? 1 + (unsigned)random_below(&random, 2) : 0; j > 0; j--)
            spoil(&random, ops, op_count);
        const struct violation violation = judge(ops, op_count).violation;
        const bool has_order = twin_finds_an_order(ops, op_count);
        if (!is_spoiled)
            assert_true(has_order);
        if (has_order != (violation.kind == VIOLATION_NONE)) {
            search_print(ops, op_count);
            fail_msg("history %u: the twin finds %s, the judge: %s", i, has_order ? "an order" : "no order",
                     violation_sentence(violation.kind));
        }
        good_count += !is_spoiled;
        spoiled_count += is_spoiled;
        bad_count += !has_order;
    }
    print_message("%u good, %u spoiled, of which %u impossible\n", good_count, spoiled_count, bad_count);
    assert_true(bad_count > spoiled_count / 10 && bad_count < spoiled_count);
}

/* ---------------------------------------------------------------- all small histories */

struct tally {
    unsigned history_count;
    unsigned order_count;
};

/* Give the writes the versions of one order, and the reads those of what they have seen. */
static void set_versions(struct history_op *ops, unsigned op_count, const unsigned *ranks)
{
    for (unsigned i = 0; i < op_count; i++) {
        ops[i].has_version = true;
        ops[i].version = (struct tag){0};
        if (ops[i].kind != HISTORY_READ)
            ops[i].version = (struct tag){ranks[i] + 1, 7};
        else if (ops[i].has_value)
            ops[i].version = (struct tag){99, 9};
        for (unsigned j = 0; j < i && ops[i].kind == HISTORY_READ; j++)
            if (ops[i].has_value && ops[j].kind == HISTORY_WRITE && ops[j].value_hash == ops[i].value_hash)
                ops[i].version = ops[j].version;
    }
}

/* Try all permutations of the writes' versions; `count` of them are chosen. */
static bool passes_in_some_order(struct history_op *ops, unsigned op_count, unsigned *ranks, unsigned count)
{
    if (count == op_count || ops[count].kind == HISTORY_READ) {
        set_versions(ops, op_count, ranks);
        return judge(ops, op_count).violation.kind == VIOLATION_NONE;
    }
    for (unsigned position = 0; position <= count; position++) {
        unsigned next[SEARCH_OPS_MAX];
        for (unsigned i = 0; i < count; i++)
            next[i] = ranks[i] + (ranks[i] >= position);
        next[count] = position;
        if (passes_in_some_order(ops, op_count, next, count + 1))
            return true;
    }
    return false;
}

static void compare_with_search(void *arg, struct history_op *ops, unsigned op_count)
{
    struct tally *tally = arg;
    struct history_op copies[SEARCH_OPS_MAX];
    memcpy(copies, ops, op_count * sizeof *ops);
    unsigned ranks[SEARCH_OPS_MAX] = {0};
    const bool passes = passes_in_some_order(copies, op_count, ranks, 0);
    const bool has_order = search_finds_order(ops, op_count);
    if (passes != has_order) {
        search_print(ops, op_count);
        fail_msg("there is %s order, but the judge passes %s", has_order ? "an" : "no", passes ? "one" : "none");
    }
    tally->history_count++;
    tally->order_count += has_order;
}

static void a_history_has_an_order_exactly_if_it_passes_with_some_versions(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (unsigned op_count = 1; op_count <= 4; op_count++)
        search_visit_all(op_count, op_count, false, compare_with_search, &tally);
    print_message("%u histories, %u with an order\n", tally.history_count, tally.order_count);
    assert_true(tally.order_count > tally.history_count / 20 && tally.order_count < tally.history_count / 4 * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_violations_are_found_and_named),
        cmocka_unit_test(what_only_looks_odd_passes),
        cmocka_unit_test(a_value_whose_hash_is_zero_is_not_absence),
        cmocka_unit_test(a_partial_history_may_read_what_was_there_before),
        cmocka_unit_test(a_register_of_which_a_completed_operation_has_no_version_is_left_out),
        cmocka_unit_test(it_agrees_with_a_twin_that_tries_every_order),
        cmocka_unit_test(a_history_has_an_order_exactly_if_it_passes_with_some_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
