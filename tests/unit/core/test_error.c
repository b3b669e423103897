/* The table of errors against a list of all public codes. */
#include "core/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum outcome { DONE, NO_EFFECT, UNKNOWN };

#define CODE(code, outcome)                                                                                            \
    {                                                                                                                  \
        code, #code, outcome                                                                                           \
    }

static const struct {
    enum areg_error error;
    const char *name;
    enum outcome outcome;
} codes[] = {
    CODE(AREG_OK, DONE),
    CODE(AREG_ENOTFOUND, NO_EFFECT),
    CODE(AREG_ESTALE, NO_EFFECT),
    CODE(AREG_EINVAL, NO_EFFECT),
    CODE(AREG_ETOOBIG, NO_EFFECT),
    CODE(AREG_EBUSY, NO_EFFECT),
    CODE(AREG_EUNAVAIL, NO_EFFECT),
    CODE(AREG_EFULL, NO_EFFECT),
    CODE(AREG_EACCES, NO_EFFECT),
    CODE(AREG_EVERSION, NO_EFFECT),
    CODE(AREG_ECORRUPT, NO_EFFECT),
    CODE(AREG_ECANCELED, NO_EFFECT),
    CODE(AREG_ENOMEM, NO_EFFECT),
    CODE(AREG_EIO, NO_EFFECT),
    CODE(AREG_EMAYBE, UNKNOWN),
};
enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

static void every_code_has_its_number_and_its_own_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        assert_int_equal(codes[i].error, i); /* the numbers are part of the ABI */
        assert_string_equal(error_name(codes[i].error), codes[i].name);
    }
}

static void every_code_has_a_sentence_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        const char *sentence = error_sentence(codes[i].error);
        assert_true(strlen(sentence) >= 4);
        assert_string_not_equal(sentence, "unknown error");
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(sentence, error_sentence(codes[j].error));
    }
}

static void only_what_had_no_effect_may_be_retried(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODE_COUNT; i++)
        if (codes[i].outcome != NO_EFFECT)
            assert_false(error_may_retry(codes[i].error));
    assert_true(error_may_retry(AREG_EBUSY));
    assert_true(error_may_retry(AREG_EUNAVAIL));
    assert_false(error_may_retry(AREG_EINVAL));
    assert_false(error_may_retry(AREG_ESTALE));
}

static void a_number_that_is_no_code_is_named_as_such(void **state)
{
    (void)state;
    static const int numbers[] = {CODE_COUNT, CODE_COUNT + 1, 1 << 20, -1};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const enum areg_error error = (enum areg_error)numbers[i];
        assert_string_equal(error_name(error), "AREG_?");
        assert_string_equal(error_sentence(error), "unknown error");
        assert_false(error_may_retry(error));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_number_and_its_own_name),
        cmocka_unit_test(every_code_has_a_sentence_of_its_own),
        cmocka_unit_test(only_what_had_no_effect_may_be_retried),
        cmocka_unit_test(a_number_that_is_no_code_is_named_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
