/* The reader of flat JSON objects, on good and on hostile text. */
#include "sim/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void fields_come_in_order(void **state)
{
    (void)state;
    static const char text[] =
        " { \"a\" : \"x\", \"b\":17,\"c\":true , \"d\":false,\"e\":null,\"f\":[1,{\"]\":2}], \"g\":-1.5e3 } \n";
    static const struct {
        const char *name;
        enum json_kind kind;
        const char *text;
    } expected[] = {
        {"a", JSON_STRING, "x"},      {"b", JSON_NUMBER, "17"}, {"c", JSON_TRUE, "true"},
        {"d", JSON_FALSE, "false"},   {"e", JSON_NULL, "null"}, {"f", JSON_NESTED, "[1,{\"]\":2}]"},
        {"g", JSON_NUMBER, "-1.5e3"},
    };
    struct json_reader reader = json_reader_on(text, strlen(text));
    struct json_field field;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_true(json_next(&reader, &field));
        assert_true(json_name_is(&field, expected[i].name));
        assert_int_equal(field.kind, expected[i].kind);
        assert_int_equal(field.text_bytes, strlen(expected[i].text));
        assert_memory_equal(field.text, expected[i].text, field.text_bytes);
    }
    assert_false(json_next(&reader, &field));
    assert_false(reader.failed);
}

/* Read all of it; whether it was a good object. */
static bool is_object(const char *text, size_t text_bytes)
{
    struct json_reader reader = json_reader_on(text, text_bytes);
    struct json_field field;
    while (json_next(&reader, &field)) {
    }
    return !reader.failed;
}

static void malformed_objects_fail(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "}",
        "[]",
        "{\"a\":1",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1}x",
        "{\"a\":tru",
        "{\"a\":maybe}",
        "{\"a\":\"x}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[1}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\",
        "{,}",
        "{\"a\":1}{}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(is_object(bad[i], strlen(bad[i])));
    assert_true(is_object("{}", 2));
}

static void every_cut_of_a_good_object_fails(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":\"x\\u00e9\",\"b\":[{\"c\":\"\\\"\"},2],\"d\":18446744073709551615}";
    assert_true(is_object(text, strlen(text)));
    for (size_t bytes = 0; bytes < strlen(text); bytes++) {
        /* Memory of exactly that size, so that a read beyond it is seen. */
        char *cut = malloc(bytes ? bytes : 1);
        assert_non_null(cut);
        memcpy(cut, text, bytes);
        assert_false(is_object(cut, bytes));
        free(cut);
    }
}

static struct json_field field_of(const char *text, enum json_kind kind)
{
    return (struct json_field){.kind = kind, .text = text, .text_bytes = strlen(text)};
}

static void counts_are_whole_and_fit_64_bits(void **state)
{
    (void)state;
    uint64_t number;
    struct json_field field = field_of("18446744073709551615", JSON_NUMBER);
    assert_true(json_get_count(&field, &number));
    assert_int_equal(number, UINT64_MAX);
    static const char *const bad[] = {"18446744073709551616", "-1", "1.0", "1e3", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        field = field_of(bad[i], JSON_NUMBER);
        assert_false(json_get_count(&field, &number));
    }
}

static void escapes_are_undone(void **state)
{
    (void)state;
    char text[64];
    struct json_field field = field_of("a\\n\\\"\\\\\\u00e9\\ud83d\\ude00z", JSON_STRING);
    assert_true(json_get_string(&field, text, sizeof text));
    assert_string_equal(text, "a\n\"\\\xc3\xa9\xf0\x9f\x98\x80z");
    static const char *const bad[] = {"\\", "\\x", "\\u12", "\\u12g4", "\\ud83d", "\\ud83dx", "\\ude00", "\\u0000"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        field = field_of(bad[i], JSON_STRING);
        assert_false(json_get_string(&field, text, sizeof text));
    }
    field = field_of("12345", JSON_STRING);
    assert_false(json_get_string(&field, text, 5));
    assert_true(json_get_string(&field, text, 6));
}

static void printed_strings_read_back_as_they_were(void **state)
{
    (void)state;
    char all[256];
    size_t all_bytes = 0;
    for (int i = 1; i < 256; i++)
        all[all_bytes++] = (char)i;
    char printed[2048] = {0};
    FILE *to = fmemopen(printed, sizeof printed, "w");
    assert_non_null(to);
    fprintf(to, "{\"k\":");
    json_print_string(to, all, all_bytes);
    fprintf(to, "}");
    fclose(to);
    struct json_reader reader = json_reader_on(printed, strlen(printed));
    struct json_field field;
    assert_true(json_next(&reader, &field));
    char back[2048];
    size_t back_bytes;
    assert_true(json_unescape(&field, back, &back_bytes));
    assert_int_equal(back_bytes, all_bytes);
    assert_memory_equal(back, all, all_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_come_in_order),
        cmocka_unit_test(malformed_objects_fail),
        cmocka_unit_test(every_cut_of_a_good_object_fails),
        cmocka_unit_test(counts_are_whole_and_fit_64_bits),
        cmocka_unit_test(escapes_are_undone),
        cmocka_unit_test(printed_strings_read_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
