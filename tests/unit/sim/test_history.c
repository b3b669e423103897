/* One line of a history: what is written reads back, and what makes no sense is refused. */
#include "sim/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum areg_error parse(const char *line, struct history_op *op, char *why)
{
    char key[HISTORY_LINE_BYTES_MAX];
    size_t key_bytes;
    return history_parse(line, strlen(line), op, key, &key_bytes, why);
}

static void the_line_of_the_contract_is_understood(void **state)
{
    (void)state;
    static const char line[] = "{\"client\":3,\"op\":\"read\",\"key\":\"k17\",\"value_hash\":\"9f2c000000000001\","
                               "\"version\":\"12.00c3\",\"start_ns\":1,\"end_ns\":2,\"status\":\"ok\"}\n";
    struct history_op op;
    char key[HISTORY_LINE_BYTES_MAX];
    size_t key_bytes;
    char why[HISTORY_WHY_BYTES];
    assert_int_equal(history_parse(line, strlen(line), &op, key, &key_bytes, why), AREG_OK);
    assert_int_equal(op.client, 3);
    assert_int_equal(op.kind, HISTORY_READ);
    assert_int_equal(op.status, HISTORY_OK);
    assert_true(op.has_value);
    assert_int_equal(op.value_hash, 0x9f2c000000000001);
    assert_true(op.has_version);
    assert_int_equal(op.version.z, 12);
    assert_int_equal(op.version.w, 0xc3);
    assert_int_equal(op.start_ns, 1);
    assert_int_equal(op.end_ns, 2);
    assert_int_equal(key_bytes, 3);
    assert_memory_equal(key, "k17", 3);
}

static void what_is_printed_reads_back(void **state)
{
    (void)state;
    static const struct history_op ops[] = {
        {7, HISTORY_WRITE, HISTORY_OK, true, 1, true, {UINT64_MAX, UINT64_MAX}, 5, 5},
        {0, HISTORY_WRITE, HISTORY_INFO, true, UINT64_MAX, false, {0, 0}, 9, UINT64_MAX},
        {1, HISTORY_READ, HISTORY_OK, false, 0, true, {0, 0}, 0, UINT64_MAX - 1},
        {2, HISTORY_READ, HISTORY_FAIL, false, 0, false, {0, 0}, 10, 11},
        {3, HISTORY_DELETE, HISTORY_OK, false, 0, true, {4, 0xabc}, 10, 11},
    };
    static const char key[] = "a \"key\"\n";
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        char line[512] = {0};
        FILE *to = fmemopen(line, sizeof line, "w");
        assert_non_null(to);
        history_print(to, &ops[i], key, strlen(key));
        fclose(to);
        assert_int_equal(line[strlen(line) - 1], '\n');
        struct history_op op;
        char key_back[HISTORY_LINE_BYTES_MAX];
        size_t key_bytes;
        char why[HISTORY_WHY_BYTES];
        assert_int_equal(history_parse(line, strlen(line), &op, key_back, &key_bytes, why), AREG_OK);
        assert_memory_equal(&op, &ops[i], sizeof op);
        assert_int_equal(key_bytes, strlen(key));
        assert_memory_equal(key_back, key, key_bytes);
    }
}

static const char good[] = "{\"client\":3,\"op\":\"write\",\"key\":\"k\",\"value_hash\":\"1\",\"version\":\"1.a\","
                           "\"start_ns\":1,\"end_ns\":2,\"status\":\"ok\"}";

/* The good line with one part replaced. */
static void replace(const char *from, const char *to, char *line, size_t room_bytes)
{
    const char *at = strstr(good, from);
    assert_non_null(at);
    snprintf(line, room_bytes, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void lines_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const char *why;
    } cases[] = {
        {"\"client\":3,", "", "a field is missing"},
        {",\"status\":\"ok\"", "", "a field is missing"},
        {"\"client\":3", "\"client\":3,\"client\":3", "bad value of \"client\""},
        {"\"client\":3", "\"client\":-3", "bad value of \"client\""},
        {"\"write\"", "\"swap\"", "bad value of \"op\""},
        {"\"k\"", "\"\"", "bad value of \"key\""},
        {"\"k\"", "7", "bad value of \"key\""},
        {"\"1\"", "\"xyz\"", "bad value of \"value_hash\""},
        {"\"1\"", "\"12345678123456781\"", "bad value of \"value_hash\""},
        {"\"1.a\"", "\"1\"", "bad value of \"version\""},
        {"\"1.a\"", "\".a\"", "bad value of \"version\""},
        {"\"1.a\"", "\"1.\"", "bad value of \"version\""},
        {"\"1.a\"", "\"1.a.b\"", "bad value of \"version\""},
        {"\"start_ns\":1", "\"start_ns\":3", "it ended before it began"},
        {"\"end_ns\":2", "\"end_ns\":null", "an operation that completed has an end"},
        {"\"ok\"", "\"info\"", "an operation of unknown outcome has no end"},
        {"\"ok\"", "\"OK\"", "bad value of \"status\""},
        {"\"1\"", "null", "a write has a value"},
        {"\"write\"", "\"delete\"", "a delete has no value"},
        {"}", "", "no JSON object"},
    };
    struct history_op op;
    char why[HISTORY_WHY_BYTES];
    assert_int_equal(parse(good, &op, why), AREG_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[512];
        replace(cases[i].from, cases[i].to, line, sizeof line);
        assert_int_equal(parse(line, &op, why), AREG_EINVAL);
        assert_string_equal(why, cases[i].why);
    }
}

static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    char line[512];
    struct history_op op;
    char why[HISTORY_WHY_BYTES];
    replace("\"client\":3", "\"client\":3,\"phases\":[{\"rounds\":2}],\"note\":\"x\"", line, sizeof line);
    assert_int_equal(parse(line, &op, why), AREG_OK);
    assert_int_equal(op.client, 3);
}

static void the_version_may_be_null_or_missing(void **state)
{
    (void)state;
    char line[512];
    struct history_op op;
    char why[HISTORY_WHY_BYTES];
    replace("\"1.a\"", "null", line, sizeof line);
    assert_int_equal(parse(line, &op, why), AREG_OK);
    assert_false(op.has_version);
    replace("\"version\":\"1.a\",", "", line, sizeof line);
    assert_int_equal(parse(line, &op, why), AREG_OK);
    assert_false(op.has_version);
}

static void a_line_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    char *line = malloc(HISTORY_LINE_BYTES_MAX + 1);
    assert_non_null(line);
    memset(line, ' ', HISTORY_LINE_BYTES_MAX);
    memcpy(line, good, strlen(good));
    line[HISTORY_LINE_BYTES_MAX - 1] = 0;
    struct history_op op;
    char why[HISTORY_WHY_BYTES];
    assert_int_equal(parse(line, &op, why), AREG_OK);
    line[HISTORY_LINE_BYTES_MAX - 1] = ' ';
    line[HISTORY_LINE_BYTES_MAX] = 0;
    assert_int_equal(parse(line, &op, why), AREG_EINVAL);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_of_the_contract_is_understood), cmocka_unit_test(what_is_printed_reads_back),
        cmocka_unit_test(lines_that_make_no_sense_are_refused),   cmocka_unit_test(unknown_fields_are_passed_over),
        cmocka_unit_test(the_version_may_be_null_or_missing),     cmocka_unit_test(a_line_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
