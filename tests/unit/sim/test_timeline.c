/* Violations as pictures: what is printed, letter by letter. */
#include "sim/timeline.h"

#include "search.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const struct short_op *briefs, unsigned op_count, enum judge judge, const char *const *places,
                   const char *expected)
{
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    for (unsigned i = 0; i < op_count; i++) {
        struct history_op op = search_to_op(briefs[i]);
        op.client = 9 + i;
        assert_int_equal(atomicity_add(atomicity, &op, slice_borrow("k\"1", 3)), AREG_OK);
    }
    struct verdict verdict;
    assert_int_equal(atomicity_judge(atomicity, ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES, &verdict), AREG_OK);
    char *text = NULL;
    size_t text_bytes;
    FILE *to = open_memstream(&text, &text_bytes);
    assert_non_null(to);
    timeline_print(to, atomicity, &verdict, judge, places);
    fclose(to);
    assert_string_equal(text, expected);
    free(text);
    atomicity_destroy(atomicity);
}

static void a_stale_read_by_values_is_three_operations_in_a_row(void **state)
{
    (void)state;
    static const struct short_op ops[] = {
        {'w', 2, 0xa2, 1000000030, 1000000040, 'o'},
        {'w', 1, 0xa1, 1000000010, 1000000020, 'o'},
        {'r', 1, 0xa1, 2000000010, 2000000011, 'o'},
    };
    expect(ops, 3, JUDGE_VALUES, NULL,
           "not linearizable by values alone: register \"k\\\"1\": each of two values must have come before the other "
           "one\n"
           "  A  client 10  write  00000000000000a1  |======|\n"
           "  B  client 9   write  00000000000000a2                |======|\n"
           "  C  client 11  read   00000000000000a1                              |======|\n"
           "  A  operation 1: version 1.1, 0.000000000 s .. 0.000000010 s, ok\n"
           "  B  operation 0: version 2.1, 0.000000020 s .. 0.000000030 s, ok\n"
           "  C  operation 2: version 1.1, 1.000000000 s .. 1.000000001 s, ok\n");
}

static void by_versions_two_operations_suffice(void **state)
{
    (void)state;
    static const struct short_op ops[] = {
        {'w', 1, 0xa1, 1, 2, 'o'},
        {'w', 2, 0xa2, 3, 4, 'o'},
        {'r', 1, 0xa1, 5, 6, 'o'},
    };
    static const char *const places[] = {"a.jsonl:7", "b.jsonl:1"};
    expect(ops, 3, JUDGE_VERSIONS, places,
           "not linearizable by versions: register \"k\\\"1\": a read returned an older version than an operation that "
           "had ended before it began\n"
           "  A  client 10  write  2.1  |=======|\n"
           "  B  client 11  read   1.1                  |=======|\n"
           "  A  a.jsonl:7: value 00000000000000a2, 0.000000002 s .. 0.000000003 s, ok\n"
           "  B  b.jsonl:1: value 00000000000000a1, 0.000000004 s .. 0.000000005 s, ok\n");
}

static void one_operation_and_one_without_an_end_are_shown(void **state)
{
    (void)state;
    static const struct short_op unknown[] = {{'r', -1, 0xa1, 5, 5, 'o'}};
    expect(unknown, 1, JUDGE_VALUES, NULL,
           "not linearizable by values alone: register \"k\\\"1\": a read returned a value that nobody wrote\n"
           "  A  client 9  read  00000000000000a1  |\n"
           "  A  operation 0: version none, 0.000000000 s .. 0.000000000 s, ok\n");
    static const struct short_op early[] = {{'r', 1, 0xa1, 5, 6, 'o'}, {'w', -1, 0xa1, 7, 0, 'i'}};
    expect(early, 2, JUDGE_VERSIONS, NULL,
           "not linearizable by versions: register \"k\\\"1\": a read returned what was written only after it had "
           "ended\n"
           "  A  client 9   read   1.1   |=======|\n"
           "  B  client 10  write  none                  |=======>\n"
           "  A  operation 0: value 00000000000000a1, 0.000000000 s .. 0.000000001 s, ok\n"
           "  B  operation 1: value 00000000000000a1, 0.000000002 s .. ?, info\n");
}

static void four_operations_with_long_versions_fit_80_columns(void **state)
{
    (void)state;
    static const struct short_op briefs[] = {
        {'w', 1, 1, 1, 90, 'o'}, {'w', 2, 2, 1, 90, 'o'}, {'r', 1, 1, 2, 3, 'o'},
        {'r', 2, 2, 2, 4, 'o'},  {'r', 1, 1, 5, 9, 'o'},  {'r', 2, 2, 5, 8, 'o'},
    };
    struct atomicity *atomicity = atomicity_create();
    assert_non_null(atomicity);
    for (unsigned i = 0; i < 6; i++) {
        struct history_op op = search_to_op(briefs[i]);
        op.client = 1000000 + i;
        assert_int_equal(atomicity_add(atomicity, &op, slice_borrow("k", 1)), AREG_OK);
    }
    struct verdict verdict;
    assert_int_equal(atomicity_judge(atomicity, ATOMICITY_BY_VALUES, &verdict), AREG_OK);
    assert_int_equal(verdict.opinions[JUDGE_VALUES].violation.op_count, 4);
    char *text = NULL;
    size_t text_bytes;
    FILE *to = open_memstream(&text, &text_bytes);
    assert_non_null(to);
    timeline_print(to, atomicity, &verdict, JUDGE_VALUES, NULL);
    fclose(to);
    const char *line = strchr(text, '\n') + 1;
    for (unsigned i = 0; i < 4; i++) {
        assert_true(strcspn(line, "\n") <= 80);
        line += strcspn(line, "\n") + 1;
    }
    free(text);
    atomicity_destroy(atomicity);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stale_read_by_values_is_three_operations_in_a_row),
        cmocka_unit_test(by_versions_two_operations_suffice),
        cmocka_unit_test(one_operation_and_one_without_an_end_are_shown),
        cmocka_unit_test(four_operations_with_long_versions_fit_80_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
