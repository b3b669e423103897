/* Tables from files: what is read, and what is refused. */
#include "lab/table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct table table;
static char why[TABLE_WHY_BYTES];

static enum areg_error parse(const char *text)
{
    table_fini(&table);
    why[0] = 0;
    return table_parse("t.csv", text, strlen(text), &table, why);
}

static void refused(const char *text, const char *expected)
{
    if (parse(text) != AREG_EINVAL || strcmp(why, expected) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", text, why, expected);
}

static int end(void **state)
{
    (void)state;
    table_fini(&table);
    return 0;
}

static void cells_are_found_by_row_and_column_name(void **state)
{
    (void)state;
    assert_int_equal(parse("point,op,p50_us\n0,read,12.5\n0,write,\n"), AREG_OK);
    assert_int_equal(table.row_count, 2);
    assert_int_equal(table.column_count, 3);
    assert_string_equal(table_cell(&table, 1, table_column(&table, "op")), "write");
    assert_true(table_number(&table, 0, table_column(&table, "p50_us")) == 12.5);
    assert_string_equal(table_column_name(&table, 2), "p50_us");
}

static void a_column_that_is_not_there_has_no_cells(void **state)
{
    (void)state;
    assert_int_equal(parse("a\n1\n"), AREG_OK);
    assert_int_equal(table_column(&table, "b"), TABLE_NO_COLUMN);
    assert_string_equal(table_cell(&table, 0, TABLE_NO_COLUMN), "");
    assert_true(isnan(table_number(&table, 0, TABLE_NO_COLUMN)));
}

static void what_is_no_finite_number_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "x", "1x", "nan", "inf", "-inf", "1e999", " ", "1 "};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a,b\n%s,1\n", texts[i]);
        assert_int_equal(parse(text), AREG_OK);
        assert_true(isnan(table_number(&table, 0, 0)));
    }
    assert_int_equal(parse("a\n-1.5e3\n"), AREG_OK);
    assert_true(table_number(&table, 0, 0) == -1500);
}

static void quoted_cells_hold_anything(void **state)
{
    (void)state;
    assert_int_equal(parse("code,\"no\"\"te\",n\r\n\"rs:5,3\",\"a\nb\",1\r\n\"\",\"\"\"\",2\n"), AREG_OK);
    assert_int_equal(table.row_count, 2);
    assert_int_equal(table_column(&table, "no\"te"), 1);
    assert_string_equal(table_cell(&table, 0, 0), "rs:5,3");
    assert_string_equal(table_cell(&table, 0, 1), "a\nb");
    assert_string_equal(table_cell(&table, 1, 0), "");
    assert_string_equal(table_cell(&table, 1, 1), "\"");
    assert_true(table_number(&table, 1, 2) == 2);
}

static void a_last_line_that_does_not_end_is_left_out(void **state)
{
    (void)state;
    static const char *const torn[] = {"1,2", "1", "\"a\n", "\"a\",\"b", "1,2,3"};
    for (unsigned i = 0; i < sizeof torn / sizeof torn[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a,b\n5,6\n%s", torn[i]);
        assert_int_equal(parse(text), AREG_OK);
        assert_int_equal(table.row_count, 1);
    }
}

static void what_is_no_table_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("", "t.csv:1: there is no line of column names");
    refused("a,b", "t.csv:1: there is no line of column names");
    refused("a,b\n1,2\n3\n", "t.csv:3: 1 cells in 2 columns");
    refused("a,b\n1,2,3\n", "t.csv:2: more than 2 cells");
    refused("a,b\n\n", "t.csv:2: 1 cells in 2 columns");
    refused("a,a\n", "t.csv:2: there are two columns a");
    refused("a,\n", "t.csv:2: column 2 has a name of 0 bytes");
    refused("a\n\"x\"y\n", "t.csv:2: a cell is followed by the byte 0x79");
    refused("a\nx\"y\"\n", "t.csv:2: a cell is followed by the byte 0x22");
    refused("a\nx\ry\n", "t.csv:2: a cell is followed by the byte 0x0d");
    table_fini(&table);
    assert_int_equal(table_parse("t.csv", "a\n\0\n", 4, &table, why), AREG_EINVAL);
    assert_string_equal(why, "t.csv:1: there are NUL bytes in it");
}

static void every_prefix_of_a_table_is_a_table_or_refused(void **state)
{
    (void)state;
    static const char whole[] = "a,\"b\"\r\n1,\"2\n\"\"\"\n\n\"x\"y,\"\n,\n";
    for (size_t bytes = 0; bytes <= strlen(whole); bytes++) {
        for (size_t from = 0; from <= bytes; from++) {
            table_fini(&table);
            const enum areg_error error = table_parse("t.csv", whole + from, bytes - from, &table, why);
            assert_true(error == AREG_OK || error == AREG_EINVAL);
        }
    }
}

static void too_many_columns_are_refused(void **state)
{
    (void)state;
    char text[4 * (TABLE_COLUMN_COUNT_MAX + 1) + 2] = "";
    for (unsigned i = 0; i <= TABLE_COLUMN_COUNT_MAX; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%sc%02X", i ? "," : "", i);
    text[strlen(text)] = '\n';
    refused(text, "t.csv:1: more than 128 cells");
}

static void files_are_read_whole_or_told_apart(void **state)
{
    (void)state;
    assert_int_equal(table_read("/nowhere/points.csv", &table, why), AREG_ENOTFOUND);
    assert_int_equal(table_read("/", &table, why), AREG_EIO);
    char path[] = "/tmp/areg-table-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fprintf(file, "a,b\n");
    for (unsigned i = 0; i < 50000; i++)
        fprintf(file, "%u,x\n", i);
    fclose(file);
    assert_int_equal(table_read(path, &table, why), AREG_OK);
    unlink(path);
    assert_int_equal(table.row_count, 50000);
    assert_true(table_number(&table, 49999, 0) == 49999);
}

#define CASE(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(cells_are_found_by_row_and_column_name),
        CASE(a_column_that_is_not_there_has_no_cells),
        CASE(what_is_no_finite_number_is_none),
        CASE(quoted_cells_hold_anything),
        CASE(a_last_line_that_does_not_end_is_left_out),
        CASE(what_is_no_table_is_refused_with_its_line),
        CASE(every_prefix_of_a_table_is_a_table_or_refused),
        CASE(too_many_columns_are_refused),
        CASE(files_are_read_whole_or_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
