/* JSON output of any bytes. */
#include "client/cli/json.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *printed;
static size_t printed_bytes;

/* What json_print_member() prints, until the next call. */
static const char *member(const void *data, size_t bytes)
{
    free(printed);
    FILE *to = open_memstream(&printed, &printed_bytes);
    assert_non_null(to);
    json_print_member(to, "m", data, bytes);
    fclose(to);
    return printed;
}

static const char *member_of_text(const char *text)
{
    return member(text, strlen(text));
}

static int free_printed(void **state)
{
    (void)state;
    free(printed);
    printed = NULL;
    return 0;
}

static void texts_are_strings_with_escapes(void **state)
{
    (void)state;
    assert_string_equal(member_of_text(""), "\"m\":\"\"");
    assert_string_equal(member_of_text("plain"), "\"m\":\"plain\"");
    assert_string_equal(member_of_text("\"\\/\n\t\r\x01\x7F"), "\"m\":\"\\\"\\\\/\\n\\t\\u000d\\u0001\\u007f\"");
    assert_string_equal(member("a\0b", 3), "\"m\":\"a\\u0000b\"");
    assert_string_equal(member_of_text("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"),
                        "\"m\":\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"");
}

static void bytes_that_are_no_text_are_base64(void **state)
{
    (void)state;
    assert_string_equal(member("\xFF", 1), "\"m_base64\":\"/w==\"");
    assert_string_equal(member("\xFF\xFE", 2), "\"m_base64\":\"//4=\"");
    assert_string_equal(member("\xFF\xFE\xFD", 3), "\"m_base64\":\"//79\"");
    assert_string_equal(member("\x80zzz", 4), "\"m_base64\":\"gHp6eg==\"");
}

static void utf8_is_judged_as_the_standard_says(void **state)
{
    (void)state;
    static const char *const good[] = {"",
                                       "\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2z",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xE2\x82",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xF0\x9F\x98",
                                      "\xFE",
                                      "ok\xFF"};
    for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(json_is_utf8(good[i], strlen(good[i])));
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(json_is_utf8(bad[i], strlen(bad[i])));
}

/* A decoder that shares nothing with the encoder. */
static size_t decode_base64(const char *text, uint8_t *to)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t bytes = 0;
    for (; *text && *text != '=' && *text != '"'; text++) {
        const char c = *text;
        const int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                          : c >= 'a' && c <= 'z' ? c - 'a' + 26
                          : c >= '0' && c <= '9' ? c - '0' + 52
                          : c == '+'             ? 62
                                                 : 63;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            to[bytes++] = (uint8_t)(bits >> bit_count);
        }
    }
    return bytes;
}

static void base64_decodes_to_the_same_bytes(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[64];
        uint8_t decoded[64];
        const size_t count = 1 + random_below(&random, sizeof bytes - 1);
        random_fill(&random, bytes, count);
        bytes[random_below(&random, count)] = 0xFF;
        const char *text = member(bytes, count);
        assert_memory_equal(text, "\"m_base64\":\"", 12);
        assert_int_equal((strlen(text) - 13) % 4, 0);
        assert_int_equal(decode_base64(text + 12, decoded), count);
        assert_memory_equal(decoded, bytes, count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_strings_with_escapes),
        cmocka_unit_test(bytes_that_are_no_text_are_base64),
        cmocka_unit_test(utf8_is_judged_as_the_standard_says),
        cmocka_unit_test(base64_decodes_to_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, free_printed);
}
