/* Distributions of keys, against their definitions. */
#include "lab/key_choice.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { KEY_COUNT = 1000, DRAW_COUNT = 1000000 };

static void draw(const char *text, uint64_t key_count, uint64_t *counts)
{
    struct key_choice choice;
    assert_int_equal(key_choice_parse(text, key_count, &choice), AREG_OK);
    struct random_source random = {.state = 1};
    for (unsigned i = 0; i < DRAW_COUNT; i++) {
        const uint64_t key = key_choice_next(&choice, i, &random);
        assert_true(key < key_count);
        counts[key]++;
    }
}

static void uniform_draws_every_key_alike(void **state)
{
    (void)state;
    uint64_t counts[KEY_COUNT] = {0};
    draw("uniform", KEY_COUNT, counts);
    for (unsigned i = 0; i < KEY_COUNT; i++)
        assert_true(counts[i] > 800 && counts[i] < 1200);
}

static void in_turn_draws_one_after_the_other(void **state)
{
    (void)state;
    struct key_choice choice;
    assert_int_equal(key_choice_parse("in-turn", 3, &choice), AREG_OK);
    struct random_source random = {.state = 1};
    for (unsigned turn = 0; turn < 7; turn++)
        assert_int_equal(key_choice_next(&choice, turn, &random), turn % 3);
}

static void zipf_draws_the_first_keys_as_often_as_it_says(void **state)
{
    (void)state;
    uint64_t counts[KEY_COUNT] = {0};
    draw("zipf:0.99", KEY_COUNT, counts);
    double zeta = 0;
    for (unsigned i = 1; i <= KEY_COUNT; i++)
        zeta += 1 / pow(i, 0.99);
    /* The method is exact for the first two keys, and close for sums over the others. */
    for (unsigned i = 0; i < 2; i++) {
        const double expected = DRAW_COUNT / pow(i + 1, 0.99) / zeta;
        assert_true(fabs((double)counts[i] - expected) < expected * 0.03);
    }
    double expected_tail = 0;
    uint64_t tail = 0;
    for (unsigned i = 100; i < KEY_COUNT; i++) {
        expected_tail += DRAW_COUNT / pow(i + 1, 0.99) / zeta;
        tail += counts[i];
    }
    assert_true(fabs((double)tail - expected_tail) < expected_tail * 0.05);
}

static void latest_draws_what_was_written_last_the_most_often(void **state)
{
    (void)state;
    enum { WRITTEN_COUNT = KEY_COUNT + 42 };
    struct key_choice choice;
    assert_int_equal(key_choice_parse("latest", KEY_COUNT, &choice), AREG_OK);
    struct random_source random = {.state = 1};
    uint64_t counts[KEY_COUNT] = {0};
    for (unsigned i = 0; i < DRAW_COUNT; i++)
        counts[key_choice_next(&choice, WRITTEN_COUNT, &random)]++;
    /* Keys 41, 40, 39 ... 0, then 999, 998 ... 42 have been written ever longer ago. */
    uint64_t ranked[KEY_COUNT];
    draw("zipf:0.99", KEY_COUNT, memset(ranked, 0, sizeof ranked));
    for (unsigned rank = 0; rank < KEY_COUNT; rank++)
        assert_int_equal(counts[(WRITTEN_COUNT - 1 - rank) % KEY_COUNT], ranked[rank]);
}

static void few_keys_are_no_exception(void **state)
{
    (void)state;
    for (uint64_t key_count = 1; key_count <= 3; key_count++) {
        uint64_t counts[3] = {0};
        draw("zipf:0.5", key_count, counts);
        for (uint64_t i = 0; i + 1 < key_count; i++)
            assert_true(counts[i] > counts[i + 1] && counts[i + 1] > 0);
    }
}

static void other_names_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "zipf",   "zipf:",     "zipf:0", "zipf:1",
                                      "zipf:-1", "zipf:x", "zipf:0.5x", "normal"};
    struct key_choice choice;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(key_choice_parse(bad[i], KEY_COUNT, &choice), AREG_EINVAL);
    assert_int_equal(key_choice_parse("uniform", 0, &choice), AREG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_draws_every_key_alike),
        cmocka_unit_test(in_turn_draws_one_after_the_other),
        cmocka_unit_test(zipf_draws_the_first_keys_as_often_as_it_says),
        cmocka_unit_test(latest_draws_what_was_written_last_the_most_often),
        cmocka_unit_test(few_keys_are_no_exception),
        cmocka_unit_test(other_names_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
