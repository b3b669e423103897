/* Text of any bytes in a document. */
#include "lab/markup.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static char *written(const char *text)
{
    static char result[8192];
    FILE *file = fmemopen(result, sizeof result, "w");
    assert_non_null(file);
    markup_text(file, text);
    fclose(file);
    return result;
}

static void nothing_becomes_a_tag_or_ends_an_attribute(void **state)
{
    (void)state;
    assert_string_equal(written("<b a=\"1\" c='2'>&amp;</b>"),
                        "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;&lt;/b&gt;");
}

static void what_is_no_character_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"µ – 中 😀\t\n", "µ – 中 😀\t\n"},
        {"\x01[31m\x7f", "�[31m�"},
        {"a\xffz", "a�z"},
        {"\xc3", "�"},
        {"\xe4\xb8", "��"},
        {"\xc0\x80", "��"},
        {"\xed\xa0\x80", "���"},
        {"\xef\xbf\xbe", "���"},
        {"\xf4\x90\x80\x80", "����"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(written(cases[i].text), cases[i].expected);
}

static void random_bytes_are_well_formed_and_counted(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 5000; round++) {
        char text[65];
        random_fill(&random, text, sizeof text);
        text[64] = 0;
        const char *result = written(text);
        assert_null(strpbrk(result, "<>\"'"));
        for (const unsigned char *at = (const unsigned char *)result; *at; at++)
            assert_true(*at >= ' ' || *at == '\n' || *at == '\t');
        assert_true(markup_character_count(text) <= strlen(text));
        assert_true(markup_width_px(text, 10) >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_becomes_a_tag_or_ends_an_attribute),
        cmocka_unit_test(what_is_no_character_is_replaced),
        cmocka_unit_test(random_bytes_are_well_formed_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
