/* Tags: a total order, and a source that never gives the same one out twice. */
#include "core/tag.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const uint64_t edges[] = {0, 1, 2, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
enum { EDGE_COUNT = sizeof edges / sizeof edges[0], TAG_COUNT = EDGE_COUNT * EDGE_COUNT };

/* Ascending. */
static struct tag edge_tag(unsigned index)
{
    return (struct tag){edges[index / EDGE_COUNT], edges[index % EDGE_COUNT]};
}

static int sign(int number)
{
    return (number > 0) - (number < 0);
}

static void tags_are_totally_ordered_by_z_and_then_by_writer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TAG_COUNT; i++)
        for (unsigned j = 0; j < TAG_COUNT; j++) {
            assert_int_equal(sign(tag_compare(edge_tag(i), edge_tag(j))), (i > j) - (i < j));
            assert_int_equal(tag_equal(edge_tag(i), edge_tag(j)), i == j);
            assert_true(tag_equal(tag_max(edge_tag(i), edge_tag(j)), edge_tag(i > j ? i : j)));
        }
}

static void only_the_tag_of_nothing_written_is_zero(void **state)
{
    (void)state;
    assert_true(tag_is_zero(TAG_ZERO));
    for (unsigned i = 0; i < TAG_COUNT; i++) {
        assert_int_equal(tag_is_zero(edge_tag(i)), i == 0);
        assert_true(tag_compare(TAG_ZERO, edge_tag(i)) <= 0);
    }
}

static void a_new_tag_is_above_the_newest_and_no_writer_is_zero(void **state)
{
    (void)state;
    static const uint64_t randoms[] = {0, 1, UINT64_C(1) << 39, UINT64_C(1) << 40, UINT64_MAX};
    for (unsigned r = 0; r < sizeof randoms / sizeof randoms[0]; r++) {
        struct tag_source source;
        tag_source_init(&source, randoms[r]);
        for (unsigned i = 0; i < TAG_COUNT; i++) {
            if (edge_tag(i).z == UINT64_MAX)
                continue;
            const struct tag next = tag_source_next(&source, edge_tag(i));
            assert_true(tag_compare(next, edge_tag(i)) > 0);
            assert_true(next.z == edge_tag(i).z + 1);
            assert_true(next.w != 0);
        }
    }
}

static void a_source_never_repeats_a_writer_and_ends_after_its_count(void **state)
{
    (void)state;
    struct tag_source source;
    tag_source_init(&source, UINT64_MAX);
    uint64_t previous = 0;
    uint64_t count = 0;
    while (!tag_source_is_spent(&source)) {
        const uint64_t writer = tag_source_next(&source, TAG_ZERO).w;
        if (writer <= previous)
            fail_msg("write %" PRIu64 " has a writer at or below the one before", count);
        previous = writer;
        count++;
    }
    assert_int_equal(count, 1u << TAG_WRITE_COUNT_BITS);
    assert_true(previous == UINT64_MAX);
}

static void a_spent_source_goes_on_with_new_random_bits_and_repeats_nothing(void **state)
{
    (void)state;
    struct tag_source source;
    tag_source_init(&source, 6);
    source.write_count = (1u << TAG_WRITE_COUNT_BITS) - 1;
    const struct tag last = tag_source_next(&source, TAG_ZERO);
    assert_true(tag_source_is_spent(&source));

    tag_source_init(&source, 7);
    assert_false(tag_source_is_spent(&source));
    const struct tag first = tag_source_next(&source, TAG_ZERO);
    assert_true(first.w == last.w + 1);
    assert_true(tag_source_next(&source, TAG_ZERO).w == first.w + 1);
}

static void handles_with_different_random_bits_never_share_a_writer(void **state)
{
    (void)state;
    struct tag_source a;
    struct tag_source b;
    tag_source_init(&a, 1);
    tag_source_init(&b, UINT64_C(1) << 39);
    for (unsigned i = 0; i < 1000; i++) {
        const uint64_t high_a = tag_source_next(&a, TAG_ZERO).w >> TAG_WRITE_COUNT_BITS;
        const uint64_t high_b = tag_source_next(&b, TAG_ZERO).w >> TAG_WRITE_COUNT_BITS;
        assert_true(high_a == 1 && high_b == UINT64_C(1) << 39);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_are_totally_ordered_by_z_and_then_by_writer),
        cmocka_unit_test(only_the_tag_of_nothing_written_is_zero),
        cmocka_unit_test(a_new_tag_is_above_the_newest_and_no_writer_is_zero),
        cmocka_unit_test(a_source_never_repeats_a_writer_and_ends_after_its_count),
        cmocka_unit_test(a_spent_source_goes_on_with_new_random_bits_and_repeats_nothing),
        cmocka_unit_test(handles_with_different_random_bits_never_share_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
