/*
 * The judge that goes by values: planted violations are found and named, what it can't judge is left out and counted,
 * it agrees with the search of every order on all small histories there are and on random ones, and whatever breaks a
 * good long history is caught.
 */
#include "sim/value_order.h"

#include "search.h"
#include "sim/version_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct judgement judge(const struct history_op *ops, unsigned op_count)
{
    return search_judge(value_order_judge, ops, op_count, false);
}

enum { CASE_OPS_MAX = 6 };

struct planted {
    const char *claim;
    struct short_op ops[CASE_OPS_MAX];
    enum violation_kind kind;
    uint32_t lines[VIOLATION_OPS_MAX]; /* of the operations that contradict; 0: no more */
};

/* Versions are wrong on purpose wherever values have to do. */
static const struct planted planted[] = {
    {"a read returns a value that nobody wrote",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 1, 11, 3, 4, 'o'}},
     VIOLATION_UNKNOWN_VALUE,
     {2}},
    {"a read returns what a failed write would have written",
     {{'w', 1, 10, 1, 2, 'f'}, {'r', 7, 10, 3, 4, 'o'}},
     VIOLATION_FAILED_SEEN,
     {1, 2}},
    {"a read ends before what it returns was begun to be written",
     {{'r', 1, 10, 1, 2, 'o'}, {'w', 1, 10, 3, 4, 'o'}},
     VIOLATION_FUTURE_READ,
     {1, 2}},
    {"the same, of a write of unknown outcome",
     {{'r', 1, 10, 1, 2, 'o'}, {'w', -1, 10, 3, 0, 'i'}},
     VIOLATION_FUTURE_READ,
     {1, 2}},
    {"a read finds nothing although a write had completed",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', -1, 0, 3, 4, 'o'}},
     VIOLATION_FORGOTTEN,
     {1, 2}},
    {"a read finds nothing although another read had returned a value",
     {{'w', 1, 10, 1, 9, 'o'}, {'r', 1, 10, 1, 2, 'o'}, {'r', 0, 0, 3, 4, 'o'}},
     VIOLATION_FORGOTTEN,
     {2, 3}},
    {"a read is older than a write that had completed",
     {{'w', 9, 10, 1, 2, 'o'}, {'w', 8, 11, 3, 4, 'o'}, {'r', 9, 10, 5, 6, 'o'}},
     VIOLATION_VALUE_RETURNED,
     {1, 2, 3}},
    {"a read is older than another read that had completed, of a write that has not (new-old inversion)",
     {{'w', 1, 10, 1, 2, 'o'}, {'w', 2, 11, 3, 0, 'i'}, {'r', 2, 11, 4, 5, 'o'}, {'r', 1, 10, 6, 7, 'o'}},
     VIOLATION_VALUE_RETURNED,
     {1, 3, 4}},
    {"two reads see two writes in one order, two others in the other one",
     {{'w', -1, 10, 1, 9, 'o'},
      {'w', -1, 11, 1, 9, 'o'},
      {'r', -1, 10, 2, 2, 'o'},
      {'r', -1, 11, 2, 2, 'o'},
      {'r', -1, 10, 4, 4, 'o'},
      {'r', -1, 11, 4, 4, 'o'}},
     VIOLATION_VALUE_RETURNED,
     {3, 4, 5, 6}},
    {"a value is back after a delete that was seen",
     {{'w', 1, 10, 1, 2, 'o'}, {'d', 2, 0, 3, 4, 'o'}, {'r', 2, 0, 5, 6, 'o'}, {'r', 1, 10, 7, 8, 'o'}},
     VIOLATION_VALUE_RETURNED,
     {1, 2, 4}},
    {"a value is back after a delete without a version",
     {{'w', -1, 10, 1, 2, 'o'}, {'d', -1, 0, 3, 4, 'o'}, {'r', -1, 10, 7, 8, 'o'}},
     VIOLATION_VALUE_RETURNED,
     {1, 2, 3}},
    {"a read finds nothing after a delete that has failed",
     {{'d', -1, 0, 1, 2, 'f'}, {'w', -1, 10, 3, 4, 'o'}, {'r', -1, 0, 5, 6, 'o'}},
     VIOLATION_FORGOTTEN,
     {2, 3}},
    {"a delete says that it was never written",
     {{'w', -1, 10, 1, 2, 'o'}, {'d', 0, 0, 3, 4, 'o'}, {'r', 0, 0, 5, 6, 'o'}},
     VIOLATION_FORGOTTEN,
     {1, 3}},
    {"a delete is seen before it began",
     {{'w', 1, 10, 1, 2, 'o'}, {'r', 2, 0, 3, 4, 'o'}, {'d', 2, 0, 5, 6, 'o'}},
     VIOLATION_FUTURE_READ,
     {2, 3}},
};

static unsigned read_case(const struct short_op *brief, struct history_op *ops)
{
    unsigned count = 0;
    for (; count < CASE_OPS_MAX && brief[count].kind; count++)
        ops[count] = search_to_op(brief[count]);
    return count;
}

static int compare_op_indices(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void planted_violations_are_found_and_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        struct history_op ops[CASE_OPS_MAX];
        const unsigned op_count = read_case(planted[i].ops, ops);
        struct violation violation = judge(ops, op_count).violation;
        if (violation.kind != planted[i].kind)
            fail_msg("%s: %s", planted[i].claim, violation_sentence(violation.kind));
        qsort(violation.op_indices, violation.op_count, sizeof violation.op_indices[0], compare_op_indices);
        for (unsigned j = 0; j < VIOLATION_OPS_MAX; j++)
            assert_int_equal(j < violation.op_count ? violation.op_indices[j] + 1 : 0, planted[i].lines[j]);
    }
}

static void what_only_looks_odd_passes(void **state)
{
    (void)state;
    static const struct {
        const char *claim;
        struct short_op ops[CASE_OPS_MAX];
    } cases[] = {
        {"nothing was ever written", {{'r', 0, 0, 1, 2, 'o'}, {'r', -1, 0, 3, 4, 'o'}}},
        {"a read during a write may return it or not",
         {{'w', 1, 10, 1, 9, 'o'}, {'r', 0, 0, 2, 3, 'o'}, {'r', 1, 10, 4, 5, 'o'}}},
        {"operations that touch at one instant are concurrent",
         {{'w', 2, 10, 1, 5, 'o'}, {'w', 1, 11, 5, 6, 'o'}, {'r', 1, 11, 1, 5, 'o'}, {'r', 2, 10, 6, 7, 'o'}}},
        {"everything happens at one instant",
         {{'r', -1, 11, 1, 1, 'o'}, {'w', -1, 10, 1, 1, 'o'}, {'w', -1, 11, 1, 1, 'o'}, {'r', -1, 0, 1, 1, 'o'}}},
        {"a write of unknown outcome takes effect much later",
         {{'w', 1, 10, 1, 0, 'i'}, {'r', 0, 0, 2, 3, 'o'}, {'r', 1, 10, 8, 9, 'o'}}},
        {"a write of unknown outcome takes effect never",
         {{'w', 5, 10, 1, 2, 'o'}, {'w', 6, 11, 3, 0, 'i'}, {'r', 5, 10, 8, 9, 'o'}}},
        {"reads that failed say nothing", {{'w', 1, 10, 1, 2, 'o'}, {'r', -1, 0, 3, 4, 'f'}}},
        {"a write that failed was tried again",
         {{'w', -1, 10, 1, 2, 'f'}, {'w', 1, 10, 3, 4, 'o'}, {'r', 1, 10, 5, 6, 'o'}}},
        {"two wrote the same, and nobody has read it", {{'w', 1, 10, 1, 2, 'o'}, {'w', 2, 10, 3, 4, 'o'}}},
        {"two deletes have one version, and nobody has seen either",
         {{'d', 1, 0, 1, 2, 'o'}, {'d', 1, 0, 3, 4, 'o'}, {'w', 1, 10, 5, 6, 'o'}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history_op ops[CASE_OPS_MAX];
        const unsigned op_count = read_case(cases[i].ops, ops);
        assert_true(search_finds_order(ops, op_count));
        const struct judgement judgement = judge(ops, op_count);
        if (judgement.violation.kind || judgement.left_out_count)
            fail_msg("%s: %s, %u left out", cases[i].claim, violation_sentence(judgement.violation.kind),
                     judgement.left_out_count);
    }
}

static void what_it_can_not_judge_is_left_out_and_counted(void **state)
{
    (void)state;
    static const struct {
        const char *claim;
        struct short_op ops[CASE_OPS_MAX];
        uint32_t left_out_count;
        enum violation_kind kind;
    } cases[] = {
        {"two wrote the value that was read",
         {{'w', 1, 10, 1, 2, 'o'}, {'w', 2, 11, 3, 4, 'o'}, {'w', 3, 10, 5, 0, 'i'}, {'r', 1, 10, 7, 8, 'o'}},
         3,
         VIOLATION_NONE},
        {"the same, and the rest is judged",
         {{'w', 1, 10, 1, 2, 'o'}, {'w', 1, 10, 1, 2, 'o'}, {'r', 1, 10, 3, 4, 'o'}, {'r', 2, 12, 3, 4, 'o'}},
         3,
         VIOLATION_UNKNOWN_VALUE},
        {"a read found nothing, and does not say which delete it saw",
         {{'d', 1, 0, 1, 2, 'o'}, {'w', 2, 10, 3, 4, 'o'}, {'r', -1, 0, 5, 6, 'o'}},
         1,
         VIOLATION_NONE},
        {"a read names a delete that nobody knows",
         {{'d', 1, 0, 1, 2, 'o'}, {'w', 2, 10, 3, 4, 'o'}, {'r', 2, 0, 5, 6, 'o'}},
         1,
         VIOLATION_NONE},
        {"two deletes have the version that a read names",
         {{'d', 1, 0, 1, 2, 'o'}, {'d', 1, 0, 3, 4, 'o'}, {'r', 1, 0, 5, 6, 'o'}},
         3,
         VIOLATION_NONE},
        {"the first delete had not begun when a read found nothing",
         {{'w', 2, 10, 1, 2, 'o'}, {'r', -1, 0, 3, 4, 'o'}, {'d', -1, 0, 5, 0, 'i'}},
         0,
         VIOLATION_FORGOTTEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct history_op ops[CASE_OPS_MAX];
        const struct judgement judgement = judge(ops, read_case(cases[i].ops, ops));
        if (judgement.violation.kind != cases[i].kind || judgement.left_out_count != cases[i].left_out_count)
            fail_msg("%s: %s, %u left out", cases[i].claim, violation_sentence(judgement.violation.kind),
                     judgement.left_out_count);
    }
}

static void deletes_are_told_apart_by_their_whole_version(void **state)
{
    (void)state;
    struct history_op ops[] = {
        search_to_op((struct short_op){'d', 1, 0, 1, 2, 'o'}),
        search_to_op((struct short_op){'d', 1, 0, 3, 4, 'o'}),
        search_to_op((struct short_op){'r', 1, 0, 5, 6, 'o'}),
    };
    ops[1].version.w = ops[2].version.w = 2;
    assert_int_equal(judge(ops, 3).violation.kind, VIOLATION_NONE);
    assert_int_equal(judge(ops, 3).left_out_count, 0);
    ops[2].version.w = 1;
    assert_int_equal(judge(ops, 3).violation.kind, VIOLATION_VALUE_RETURNED);
}

static void a_partial_history_may_read_what_was_there_before(void **state)
{
    (void)state;
    struct history_op ops[] = {
        search_to_op((struct short_op){'r', 3, 10, 1, 2, 'o'}),
        search_to_op((struct short_op){'r', -1, 0, 3, 4, 'o'}),
        search_to_op((struct short_op){'w', 4, 11, 5, 6, 'o'}),
        search_to_op((struct short_op){'r', 3, 10, 7, 8, 'o'}),
    };
    assert_int_equal(judge(ops, 1).violation.kind, VIOLATION_UNKNOWN_VALUE);
    assert_int_equal(search_judge(value_order_judge, ops, 3, true).violation.kind, VIOLATION_NONE);
    assert_int_equal(search_judge(value_order_judge, ops, 3, true).left_out_count, 1);
    assert_int_equal(search_judge(value_order_judge, ops, 4, true).violation.kind, VIOLATION_VALUE_RETURNED);
}

/* ---------------------------------------------------------------- against the search */

struct tally {
    unsigned history_count;
    unsigned order_count;
    unsigned left_out_count; /* histories of which something was left out */
};

/* What is named as a violation has no order by itself, even if what was read was written from the beginning on. */
static void check_violation(const struct history_op *ops, const struct violation *violation)
{
    struct history_op part[SEARCH_OPS_MAX];
    unsigned part_count = 0;
    for (unsigned i = 0; i < violation->op_count; i++)
        part[part_count++] = ops[violation->op_indices[i]];
    /* The second one of a forgotten write is the read that found nothing, which was written by nobody. */
    const unsigned written_count = violation->kind == VIOLATION_VALUE_RETURNED ? violation->op_count
                                   : violation->kind == VIOLATION_FORGOTTEN    ? 1
                                                                               : 0;
    for (unsigned i = 0; i < written_count; i++) {
        struct history_op write = part[i];
        bool is_written = part[i].kind != HISTORY_READ;
        for (unsigned j = 0; j < part_count; j++)
            is_written = is_written || (part[j].kind != HISTORY_READ && part[j].has_value == write.has_value &&
                                        (write.has_value ? part[j].value_hash == write.value_hash
                                                         : tag_equal(part[j].version, write.version)));
        if (is_written)
            continue;
        write.kind = write.has_value ? HISTORY_WRITE : HISTORY_DELETE;
        write.status = HISTORY_INFO;
        write.start_ns = 0;
        write.end_ns = UINT64_MAX;
        part[part_count++] = write;
    }
    if (search_finds_order(part, part_count)) {
        search_print(part, part_count);
        fail_msg("%s, but this part has an order", violation_sentence(violation->kind));
    }
}

/* The judge is never wrong, and right about whatever it judges in full. */
static void compare_with_search(void *arg, struct history_op *ops, unsigned op_count)
{
    struct tally *tally = arg;
    const struct judgement judgement = judge(ops, op_count);
    const bool is_violated = judgement.violation.kind != VIOLATION_NONE;
    const bool has_order = search_finds_order(ops, op_count);
    if (is_violated ? has_order : !has_order && judgement.left_out_count == 0) {
        search_print(ops, op_count);
        fail_msg("there is %s order, the judge: %s, %u left out", has_order ? "an" : "no",
                 violation_sentence(judgement.violation.kind), judgement.left_out_count);
    }
    if (is_violated)
        check_violation(ops, &judgement.violation);
    tally->history_count++;
    tally->order_count += has_order;
    tally->left_out_count += judgement.left_out_count > 0;
}

static void it_agrees_with_the_search_on_all_small_histories(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (unsigned op_count = 1; op_count <= 4; op_count++)
        search_visit_all(op_count, op_count, true, compare_with_search, &tally);
    search_visit_all(5, 4, false, compare_with_search, &tally);
    print_message("%u histories, %u with an order\n", tally.history_count, tally.order_count);
    assert_true(tally.order_count > tally.history_count / 20 && tally.order_count < tally.history_count / 4 * 3);
    assert_int_equal(tally.left_out_count, 0);
}

/* Something else at random; values and deletes may become ambiguous. */
static void spoil(struct random_source *random, struct history_op *ops, unsigned op_count)
{
    struct history_op *op = &ops[random_below(random, op_count)];
    const struct history_op *other = &ops[random_below(random, op_count)];
    switch (random_below(random, 6)) {
    default:
        if (op->kind == HISTORY_READ && op->status == HISTORY_OK) {
            op->has_value = other->has_value;
            op->value_hash = other->value_hash;
            op->has_version = other->has_version;
            op->version = other->version;
        }
        break;
    case 1:
        op->start_ns = random_below(random, 30);
        if (op->end_ns < op->start_ns)
            op->end_ns = op->start_ns;
        break;
    case 2:
        if (op->kind == HISTORY_WRITE && other->has_value)
            op->value_hash = other->value_hash;
        break;
    case 3:
        op->has_version = false;
        break;
    }
}

static void it_agrees_with_the_search_on_random_histories(void **state)
{
    (void)state;
    struct random_source random = {.state = search_seed()};
    struct tally tally = {0};
    for (unsigned i = 0; i < 60000; i++) {
        struct history_op ops[SEARCH_OPS_MAX];
        const unsigned op_count = 1 + (unsigned)random_below(&random, 8);
        search_make_history(&random, ops, op_count, 2 + i % 9);
        if (i % 4 == 0)
            assert_true(search_finds_order(ops, op_count));
        for (unsigned j = i % 4; j > 0; j--)
            spoil(&random, ops, op_count);
        compare_with_search(&tally, ops, op_count);
    }
    print_message("%u histories, %u with an order, %u not judged in full\n", tally.history_count, tally.order_count,
                  tally.left_out_count);
    assert_true(tally.order_count < tally.history_count && tally.left_out_count < tally.history_count / 3);
}

/* ---------------------------------------------------------------- mutations */

enum { LONG_OPS = 1000 };

static bool is_seen(const struct history_op *op)
{
    return op->kind == HISTORY_READ && op->status == HISTORY_OK;
}

/* A read returns what `from` has written or read. */
static void see(struct history_op *read, const struct history_op *from)
{
    read->has_value = from->has_value;
    read->value_hash = from->value_hash;
    read->version = from->version;
}

static bool precedes(const struct history_op *a, const struct history_op *b)
{
    return a->end_ns < b->start_ns;
}

/* Ways to break a good history, each for sure; false if these operations don't lend themselves to it. */
typedef bool (*mutate_fn)(struct history_op *a, struct history_op *b, struct history_op *c);

static bool is_completed_write(const struct history_op *op)
{
    return op->kind == HISTORY_WRITE && op->status == HISTORY_OK;
}

static bool make_stale(struct history_op *a, struct history_op *b, struct history_op *c)
{
    if (!is_completed_write(a) || !is_completed_write(b) || !is_seen(c) || !precedes(a, b) || !precedes(b, c))
        return false;
    see(c, a);
    return true;
}

static bool make_inverted(struct history_op *a, struct history_op *b, struct history_op *c)
{
    if (!is_completed_write(a) || !is_seen(b) || !is_seen(c) || !b->has_value || !c->has_value ||
        b->value_hash == c->value_hash || b->value_hash != a->value_hash || !precedes(a, b) || !precedes(b, c))
        return false;
    const struct history_op earlier = *b;
    see(b, c);
    see(c, &earlier);
    return true;
}

static bool make_early(struct history_op *a, struct history_op *b, struct history_op *c)
{
    (void)c;
    if (!is_seen(a) || !is_completed_write(b) || !precedes(a, b))
        return false;
    see(a, b);
    return true;
}

static bool make_unknown(struct history_op *a, struct history_op *b, struct history_op *c)
{
    (void)b;
    (void)c;
    if (!is_seen(a) || !a->has_value)
        return false;
    a->value_hash = SEARCH_VALUE_UNKNOWN;
    return true;
}

static bool make_forgotten(struct history_op *a, struct history_op *b, struct history_op *c)
{
    (void)c;
    if (!is_completed_write(a) || !is_seen(b) || !precedes(a, b))
        return false;
    b->has_value = false;
    b->version = TAG_ZERO;
    return true;
}

static bool make_failed(struct history_op *a, struct history_op *b, struct history_op *c)
{
    (void)c;
    if (!is_completed_write(a) || !is_seen(b) || !b->has_value || a->value_hash != b->value_hash)
        return false;
    a->status = HISTORY_FAIL;
    return true;
}

static bool make_late(struct history_op *a, struct history_op *b, struct history_op *c)
{
    (void)c;
    if (!is_completed_write(a) || !is_seen(b) || !b->has_value || a->value_hash != b->value_hash)
        return false;
    a->start_ns = b->end_ns + 1;
    a->end_ns = a->start_ns + 5;
    return true;
}

static bool make_resurrected(struct history_op *a, struct history_op *b, struct history_op *c)
{
    if (!is_completed_write(a) || b->kind != HISTORY_DELETE || b->status != HISTORY_OK || !is_seen(c) ||
        !precedes(a, b) || !precedes(b, c))
        return false;
    see(c, a);
    return true;
}

/* Three operations in the order of the history, close enough to each other to be likely to lend themselves. */
static bool mutate(struct random_source *random, struct history_op *ops, mutate_fn mutation)
{
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t at[3] = {random_below(random, LONG_OPS)};
        at[1] = at[0] + random_below(random, 30);
        at[2] = at[1] + random_below(random, 30);
        if (at[0] != at[1] && at[1] != at[2] && at[2] < LONG_OPS && mutation(&ops[at[0]], &ops[at[1]], &ops[at[2]]))
            return true;
    }
    return false;
}

static void whatever_breaks_a_good_history_is_caught(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mutate_fn mutation;
    } mutations[] = {
        {"stale", make_stale},     {"inverted", make_inverted},       {"early", make_early},
        {"unknown", make_unknown}, {"forgotten", make_forgotten},     {"failed", make_failed},
        {"late", make_late},       {"resurrected", make_resurrected},
    };
    struct random_source random = {.state = search_seed()};
    unsigned caught_count[sizeof mutations / sizeof mutations[0]] = {0};
    for (unsigned i = 0; i < 30; i++) {
        struct history_op ops[LONG_OPS];
        search_make_history(&random, ops, LONG_OPS, 3 + i % 10);
        assert_int_equal(judge(ops, LONG_OPS).violation.kind, VIOLATION_NONE);
        assert_int_equal(search_judge(version_order_judge, ops, LONG_OPS, false).violation.kind, VIOLATION_NONE);
        for (size_t j = 0; j < sizeof mutations / sizeof mutations[0]; j++) {
            struct history_op broken[LONG_OPS];
            memcpy(broken, ops, sizeof ops);
            if (!mutate(&random, broken, mutations[j].mutation))
                continue;
            caught_count[j]++;
            if (!judge(broken, LONG_OPS).violation.kind)
                fail_msg("%s, by values", mutations[j].name);
            if (!search_judge(version_order_judge, broken, LONG_OPS, false).violation.kind)
                fail_msg("%s, by versions", mutations[j].name);
        }
    }
    for (size_t j = 0; j < sizeof mutations / sizeof mutations[0]; j++)
        if (caught_count[j] < 10)
            fail_msg("hardly any operations lend themselves to %s", mutations[j].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(planted_violations_are_found_and_named),
        cmocka_unit_test(what_only_looks_odd_passes),
        cmocka_unit_test(what_it_can_not_judge_is_left_out_and_counted),
        cmocka_unit_test(deletes_are_told_apart_by_their_whole_version),
        cmocka_unit_test(a_partial_history_may_read_what_was_there_before),
        cmocka_unit_test(it_agrees_with_the_search_on_all_small_histories),
        cmocka_unit_test(it_agrees_with_the_search_on_random_histories),
        cmocka_unit_test(whatever_breaks_a_good_history_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
