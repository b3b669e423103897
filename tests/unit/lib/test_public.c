/* The public header's small functions: errors, tags, names, the version. */
#include "tests/unit/seed.h"

#include <areg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void every_printed_tag_parses_to_itself(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 10000; i++) {
        const struct areg_tag tag = {random_next(&random) >> random_below(&random, 64),
                                     random_next(&random) >> random_below(&random, 64)};
        char text[AREG_TAG_TEXT_BYTES];
        struct areg_tag parsed;
        assert_int_equal(areg_tag_parse(areg_tag_print(tag, text), &parsed), AREG_OK);
        assert_int_equal(parsed.z, tag.z);
        assert_int_equal(parsed.writer, tag.writer);
    }
}

static void the_largest_tag_fits_its_room(void **state)
{
    (void)state;
    char text[AREG_TAG_TEXT_BYTES];
    assert_string_equal(areg_tag_print((struct areg_tag){UINT64_MAX, UINT64_MAX}, text),
                        "18446744073709551615.ffffffffffffffff");
}

static void texts_that_no_tag_prints_as_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "1",
                                      ".",
                                      "1.",
                                      ".1",
                                      "1.g",
                                      "a.1",
                                      "1.A",
                                      "01.1",
                                      "1.01",
                                      " 1.1",
                                      "1.1 ",
                                      "-1.1",
                                      "+1.1",
                                      "1.0x1",
                                      "1.1.1",
                                      "1,1",
                                      "1.-1",
                                      "1. 1",
                                      "18446744073709551616.1",
                                      "1.10000000000000000",
                                      "1e3.1",
                                      "99999999999999999999.0"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct areg_tag tag = {7, 7};
        assert_int_equal(areg_tag_parse(bad[i], &tag), AREG_EINVAL);
        assert_true(tag.z == 7 && tag.writer == 7);
    }
    struct areg_tag tag;
    assert_int_equal(areg_tag_parse(NULL, &tag), AREG_EINVAL);
    assert_int_equal(areg_tag_parse("0.0", &tag), AREG_OK);
}

static void every_error_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int error = AREG_OK; error <= AREG_EMAYBE; error++) {
        assert_non_null(strstr(areg_error_name((enum areg_error)error), "AREG_"));
        assert_true(strlen(areg_strerror((enum areg_error)error)) > 3);
    }
    assert_non_null(areg_strerror((enum areg_error)999));
    assert_non_null(areg_error_name((enum areg_error) - 1));
}

static void an_unknown_outcome_is_never_said_to_be_safe_to_repeat(void **state)
{
    (void)state;
    assert_false(areg_may_retry(AREG_EMAYBE));
    assert_true(areg_may_retry(AREG_EUNAVAIL));
    assert_true(areg_may_retry(AREG_EBUSY));
}

static void every_counter_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < AREG_COUNT_END; i++) {
        assert_non_null(areg_counter_name((enum areg_counter)i));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(areg_counter_name((enum areg_counter)i), areg_counter_name((enum areg_counter)j));
    }
    assert_null(areg_counter_name(AREG_COUNT_END));
    assert_null(areg_counter_name((enum areg_counter) - 1));
}

static void the_version_is_the_header_s(void **state)
{
    (void)state;
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH);
    assert_string_equal(areg_version(), text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_printed_tag_parses_to_itself),
        cmocka_unit_test(the_largest_tag_fits_its_room),
        cmocka_unit_test(texts_that_no_tag_prints_as_are_refused),
        cmocka_unit_test(every_error_has_a_name_and_a_sentence),
        cmocka_unit_test(an_unknown_outcome_is_never_said_to_be_safe_to_repeat),
        cmocka_unit_test(every_counter_has_a_name_of_its_own),
        cmocka_unit_test(the_version_is_the_header_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
