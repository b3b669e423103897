/*
 * The judge of histories: planted violations of every kind are found and named, histories of registers that really
 * were atomic pass, and on small random histories it agrees with a dumb twin that tries every order.
 */
#include "sim/atomicity.h"

#include "core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed_of_run(void)
{
    const char *given = getenv("AREG_SEED");
    const uint64_t seed = given ? strtoull(given, NULL, 0) : 1;
    print_message("AREG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

/* A history in short hand, one operation a word: kind, version (z alone, "?": none), value, times, status. */
struct short_op {
    char kind;      /* 'r', 'w', 'd' */
    int z;          /* -1: no version */
    uint64_t value; /* 0: none */
    uint64_t start_ns;
    uint64_t end_ns; /* 0: never known */
    char status;     /* 'o', 'f', 'i' */
};

static struct history_op to_op(struct short_op brief)
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

static void add(struct atomicity *atomicity, const struct history_op *op, const char *key, uint32_t line_number)
{
    const struct history_place place = {.line_number = line_number};
    assert_int_equal(atomicity_add(atomicity, op, slice_borrow(key, strlen(key)), place), AREG_OK);
}

static struct violation judge(const struct history_op *ops, unsigned op_count, unsigned flags)
{
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    for (unsigned i = 0; i < op_count; i++)
        add(atomicity, &ops[i], "k", i + 1);
    struct violation violation;
    assert_int_equal(atomicity_judge(atomicity, flags, &violation), AREG_OK);
    assert_int_equal(atomicity_counts(atomicity)->ops, op_count);
    atomicity_destroy(atomicity);
    return violation;
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
     VIOLATION_UNKNOWN,
     {2, 0}},
    {"a read returns a value from a register that was never written",
     {{'r', 0, 10, 1, 2, 'o'}},
     VIOLATION_UNKNOWN,
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
            ops[j] = to_op(planted[i].ops[j]);
        const struct violation violation = judge(ops, op_count, 0);
        if (violation.kind != planted[i].kind)
            fail_msg("%s: %s", planted[i].claim, violation_sentence(violation.kind));
        assert_int_equal(violation.op_count, planted[i].lines[1] ? 2 : 1);
        for (unsigned j = 0; j < violation.op_count; j++)
            assert_int_equal(violation.places[j].line_number, planted[i].lines[j]);
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
            ops[j] = to_op(cases[i].ops[j]);
        const struct violation violation = judge(ops, op_count, 0);
        if (violation.kind)
            fail_msg("%s: %s", cases[i].claim, violation_sentence(violation.kind));
    }
}

static void a_partial_history_may_read_what_was_there_before(void **state)
{
    (void)state;
    struct history_op ops[] = {
        to_op((struct short_op){'r', 3, 10, 1, 2, 'o'}),
        to_op((struct short_op){'r', 3, 10, 3, 4, 'o'}),
    };
    assert_int_equal(judge(ops, 2, 0).kind, VIOLATION_UNKNOWN);
    assert_int_equal(judge(ops, 2, ATOMICITY_PARTIAL).kind, VIOLATION_NONE);
    ops[1].value_hash = 11;
    assert_int_equal(judge(ops, 2, ATOMICITY_PARTIAL).kind, VIOLATION_OTHER_VALUE);
    ops[1] = to_op((struct short_op){'r', 2, 11, 3, 4, 'o'});
    assert_int_equal(judge(ops, 2, ATOMICITY_PARTIAL).kind, VIOLATION_STALE_READ);
}

static void registers_are_judged_by_themselves(void **state)
{
    (void)state;
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    const struct history_op write = to_op((struct short_op){'w', 1, 10, 1, 2, 'o'});
    const struct history_op read = to_op((struct short_op){'r', 0, 0, 3, 4, 'o'});
    char key[16];
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%u", i);
        add(atomicity, &write, key, i + 1);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "other%u", i);
        add(atomicity, &read, key, 5001 + i);
    }
    add(atomicity, &read, "k4711", 10001);
    struct violation violation;
    assert_int_equal(atomicity_judge(atomicity, 0, &violation), AREG_OK);
    assert_int_equal(violation.kind, VIOLATION_STALE_READ);
    assert_true(slice_equal(violation.key, slice_borrow("k4711", 5)));
    assert_int_equal(violation.places[1].line_number, 10001);
    assert_int_equal(atomicity_counts(atomicity)->keys, 10000);
    assert_int_equal(atomicity_counts(atomicity)->by_kind[HISTORY_WRITE], 5000);
    atomicity_destroy(atomicity);
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

/* Operations on a register that really is atomic: each takes effect at an instant of its interval. */
static unsigned make_history(struct random_source *random, struct history_op ops[TWIN_OPS_MAX])
{
    const unsigned op_count = 1 + (unsigned)random_below(random, TWIN_OPS_MAX);
    struct short_op now = {.z = 0, .value = 0};
    int newest_z = 0;
    uint64_t instant = 10;
    for (unsigned i = 0; i < op_count; i++) {
        instant += random_below(random, 4);
        struct short_op brief = {.kind = "rrwwwd"[random_below(random, 6)], .status = 'o'};
        brief.start_ns = instant - random_below(random, 10);
        brief.end_ns = instant + random_below(random, 10);
        const bool is_unknown = brief.kind != 'r' && random_below(random, 4) == 0;
        const bool has_effect = !is_unknown || random_below(random, 2);
        brief.z = now.z;
        brief.value = now.value;
        if (brief.kind != 'r') {
            newest_z += 1 + (int)random_below(random, 2);
            brief.z = newest_z;
            brief.value = brief.kind == 'w' ? 100 + i : 0;
            if (has_effect)
                now = brief;
        }
        if (is_unknown) {
            brief.status = 'i';
            brief.end_ns = 0;
            if (random_below(random, 2) && brief.kind == 'w')
                brief.z = -1;
        }
        ops[i] = to_op(brief);
    }
    return op_count;
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
            op->has_version = random_below(random, 2);
        }
        break;
    }
}

static void it_agrees_with_a_twin_that_tries_every_order(void **state)
{
    (void)state;
    struct random_source random = {.state = seed_of_run()};
    unsigned good_count = 0;
    unsigned spoiled_count = 0;
    unsigned bad_count = 0;
    for (unsigned i = 0; i < 60000; i++) {
        struct history_op ops[TWIN_OPS_MAX];
        const unsigned op_count = make_history(&random, ops);
        const bool is_spoiled = random_below(&random, 3) > 0;
        for (unsigned j = is_spoiled ? 1 + (unsigned)random_below(&random, 2) : 0; j > 0; j--)
            spoil(&random, ops, op_count);
        const struct violation violation = judge(ops, op_count, 0);
        const bool has_order = twin_finds_an_order(ops, op_count);
        if (!is_spoiled)
            assert_true(has_order);
        if (has_order != (violation.kind == VIOLATION_NONE)) {
            for (unsigned j = 0; j < op_count; j++)
                history_print(stderr, &ops[j], "k", 1);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_violations_are_found_and_named),
        cmocka_unit_test(what_only_looks_odd_passes),
        cmocka_unit_test(a_partial_history_may_read_what_was_there_before),
        cmocka_unit_test(registers_are_judged_by_themselves),
        cmocka_unit_test(it_agrees_with_a_twin_that_tries_every_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
