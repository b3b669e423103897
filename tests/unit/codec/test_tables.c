/*
 * The cache of tables. What the tables compute is judged through the codec, in test_codec.c, and by a slow check of
 * every table that is made.
 */
#include "codec/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 9, K = 5, PARITY_COUNT = N - K, TABLE_BYTES = 32 };

/* All k-subsets of n, in ascending order; returns how many there are. */
static unsigned list_sources(struct voters sources[1 << N])
{
    unsigned count = 0;
    for (uint32_t bits = 0; bits < UINT32_C(1) << N; bits++) {
        if (voters_count((struct voters){bits}) == K)
            sources[count++] = (struct voters){bits};
    }
    return count;
}

static struct voters others(struct voters sources)
{
    return voters_minus(voters_all(N), sources);
}

static void a_pattern_that_is_in_use_stays_in_the_cache(void **state)
{
    (void)state;
    struct voters sources[1 << N];
    list_sources(sources);
    struct tables *tables = tables_create(N, K);
    assert_non_null(tables);
    uint8_t *first[CODEC_TABLE_COUNT_MAX];
    for (unsigned i = 0; i < CODEC_TABLE_COUNT_MAX; i++)
        first[i] = tables_get(tables, sources[i], others(sources[i]));
    for (unsigned i = 0; i < CODEC_TABLE_COUNT_MAX; i++)
        assert_ptr_equal(tables_get(tables, sources[i], others(sources[i])), first[i]);
    tables_destroy(tables);
}

static void a_pattern_that_was_replaced_is_made_again(void **state)
{
    (void)state;
    struct voters sources[1 << N];
    const unsigned count = list_sources(sources);
    assert_true(count > 2 * CODEC_TABLE_COUNT_MAX);
    struct tables *small = tables_create(N, K);
    assert_non_null(small);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < count; i++) {
            struct tables *fresh = tables_create(N, K);
            assert_non_null(fresh);
            const uint8_t *expected = tables_get(fresh, sources[i], others(sources[i]));
            assert_memory_equal(tables_get(small, sources[i], others(sources[i])), expected,
                                PARITY_COUNT * K * TABLE_BYTES);
            tables_destroy(fresh);
        }
    }
    tables_destroy(small);
}

static void patterns_differ_in_their_outputs_too(void **state)
{
    (void)state;
    struct tables *tables = tables_create(N, K);
    assert_non_null(tables);
    const struct voters data = voters_all(K);
    uint8_t *const one = tables_get(tables, data, (struct voters){UINT32_C(1) << K});
    uint8_t *const other = tables_get(tables, data, (struct voters){UINT32_C(1) << (K + 1)});
    assert_ptr_not_equal(one, other);
    assert_true(memcmp(one, other, (size_t)K * TABLE_BYTES) != 0);
    tables_destroy(tables);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_that_is_in_use_stays_in_the_cache),
        cmocka_unit_test(a_pattern_that_was_replaced_is_made_again),
        cmocka_unit_test(patterns_differ_in_their_outputs_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
