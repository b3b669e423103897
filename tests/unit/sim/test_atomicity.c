/* Histories of many registers: each is judged by itself, by both judges, and what they say is summed up. */
#include "sim/atomicity.h"

#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BY_BOTH = ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES };

static void add(struct atomicity *atomicity, const char *key, struct short_op brief)
{
    const struct history_op op = search_to_op(brief);
    assert_int_equal(atomicity_add(atomicity, &op, slice_borrow(key, strlen(key))), AREG_OK);
}

static struct verdict judge(const struct atomicity *atomicity, unsigned flags)
{
    struct verdict verdict;
    assert_int_equal(atomicity_judge(atomicity, flags, &verdict), AREG_OK);
    return verdict;
}

static void registers_are_judged_by_themselves(void **state)
{
    (void)state;
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    char key[16];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "k%u", i);
        add(atomicity, key, (struct short_op){'w', 1, 10, 1, 2, 'o'});
    }
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "other%u", i);
        add(atomicity, key, (struct short_op){'r', 0, 0, 3, 4, 'o'});
    }
    struct verdict verdict = judge(atomicity, BY_BOTH);
    assert_int_equal(verdict.registers_violated, 0);
    assert_int_equal(verdict.registers_open, 0);
    add(atomicity, "k4711", (struct short_op){'r', 0, 0, 3, 4, 'o'});
    add(atomicity, "k4712", (struct short_op){'r', 1, 11, 3, 4, 'o'});
    verdict = judge(atomicity, BY_BOTH);
    assert_int_equal(verdict.registers_violated, 2);
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        const struct opinion *opinion = &verdict.opinions[i];
        assert_int_equal(opinion->registers_violated, 2);
        assert_int_equal(opinion->registers_passed, 9998);
        assert_true(slice_equal(opinion->violated_key, slice_borrow("k4711", 5)));
        assert_int_equal(opinion->violation.op_count, 2);
        assert_int_equal(opinion->violation.op_indices[0], 4711);
        assert_int_equal(opinion->violation.op_indices[1], 10000);
    }
    assert_int_equal(verdict.opinions[JUDGE_VERSIONS].violation.kind, VIOLATION_STALE_READ);
    assert_int_equal(verdict.opinions[JUDGE_VALUES].violation.kind, VIOLATION_FORGOTTEN);
    assert_int_equal(atomicity_op(atomicity, 10000)->start_ns, 3);
    assert_int_equal(atomicity_counts(atomicity)->registers, 10000);
    assert_int_equal(atomicity_counts(atomicity)->by_kind[HISTORY_WRITE], 5000);
    atomicity_destroy(atomicity);
}

static void what_one_judge_can_not_judge_the_other_one_may(void **state)
{
    (void)state;
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    add(atomicity, "both", (struct short_op){'w', 1, 10, 1, 2, 'o'});
    add(atomicity, "values", (struct short_op){'w', -1, 10, 1, 2, 'o'});
    add(atomicity, "versions", (struct short_op){'w', 1, 10, 1, 2, 'o'});
    add(atomicity, "versions", (struct short_op){'w', 2, 10, 3, 4, 'o'});
    add(atomicity, "versions", (struct short_op){'r', 2, 10, 5, 6, 'o'});
    const struct verdict verdict = judge(atomicity, BY_BOTH);
    assert_int_equal(verdict.registers_violated, 0);
    assert_int_equal(verdict.registers_open, 0);
    assert_int_equal(verdict.opinions[JUDGE_VERSIONS].registers_passed, 2);
    assert_int_equal(verdict.opinions[JUDGE_VERSIONS].ops_left_out, 1);
    assert_int_equal(verdict.opinions[JUDGE_VALUES].registers_passed, 2);
    assert_int_equal(verdict.opinions[JUDGE_VALUES].ops_left_out, 3);
    assert_int_equal(judge(atomicity, ATOMICITY_BY_VERSIONS).registers_open, 1);
    assert_int_equal(judge(atomicity, ATOMICITY_BY_VALUES).registers_open, 1);
    atomicity_destroy(atomicity);
}

static void nothing_at_all_is_no_violation(void **state)
{
    (void)state;
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    assert_int_equal(judge(atomicity, BY_BOTH).registers_violated, 0);
    assert_int_equal(atomicity_counts(atomicity)->ops, 0);
    atomicity_destroy(atomicity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_judged_by_themselves),
        cmocka_unit_test(what_one_judge_can_not_judge_the_other_one_may),
        cmocka_unit_test(nothing_at_all_is_no_violation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
