/*
 * The allocator of blocks against a byte for each block.
 */
#include "store/blocks.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_BLOCK_COUNT = 3 * BLOCK_GROUP_COUNT, REQUEST_COUNT_MAX = 4000 };

struct request {
    struct extent extents[EXTENT_COUNT_MAX];
    uint32_t extent_count;
};

struct fixture {
    struct blocks blocks;
    uint8_t is_used[MODEL_BLOCK_COUNT];
    uint64_t used_count;
    struct request requests[REQUEST_COUNT_MAX];
    unsigned request_count;
};

static int setup(void **state)
{
    struct fixture *const fixture = calloc(1, sizeof *fixture);
    blocks_init(&fixture->blocks);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *const fixture = *state;
    blocks_fini(&fixture->blocks);
    free(fixture);
    return 0;
}

static void allocate(struct fixture *fixture, uint32_t count)
{
    struct request *const request = &fixture->requests[fixture->request_count++];
    assert_int_equal(blocks_allocate(&fixture->blocks, count, request->extents, &request->extent_count), AREG_OK);
    assert_in_range(request->extent_count, 1, EXTENT_COUNT_MAX);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < request->extent_count; i++) {
        const struct extent extent = request->extents[i];
        assert_true(extent.count > 0 && extent.block + extent.count <= MODEL_BLOCK_COUNT);
        for (uint64_t block = extent.block; block < extent.block + extent.count; block++) {
            assert_false(fixture->is_used[block]);
            fixture->is_used[block] = 1;
        }
        sum += extent.count;
    }
    assert_int_equal(sum, count);
    fixture->used_count += count;
    assert_int_equal(fixture->blocks.used, fixture->used_count);
}

static void release(struct fixture *fixture, unsigned index)
{
    struct request *const request = &fixture->requests[index];
    for (uint32_t i = 0; i < request->extent_count; i++) {
        const struct extent extent = request->extents[i];
        memset(fixture->is_used + extent.block, 0, extent.count);
        fixture->used_count -= extent.count;
        blocks_free(&fixture->blocks, extent);
    }
    *request = fixture->requests[--fixture->request_count];
}

/* ---------------------------------------------------------------- cases */

static void no_block_is_given_out_twice(void **state)
{
    struct fixture *const fixture = *state;
    struct random_source random = test_random();
    for (int i = 0; i < 20000; i++) {
        const bool is_full = fixture->used_count > BLOCK_GROUP_COUNT || fixture->request_count == REQUEST_COUNT_MAX;
        const uint64_t limit = UINT64_C(1) << random_below(&random, 12);
        if (fixture->request_count > 0 && (is_full || random_below(&random, 2) == 0))
            release(fixture, (unsigned)random_below(&random, fixture->request_count));
        else
            allocate(fixture, 1 + (uint32_t)random_below(&random, limit));
    }
    while (fixture->request_count > 0)
        release(fixture, 0);
    assert_int_equal(fixture->blocks.used, 0);
}

static void the_first_free_run_that_is_long_enough_is_taken(void **state)
{
    struct fixture *const fixture = *state;
    for (int i = 0; i < 10; i++)
        allocate(fixture, 100);
    blocks_free(&fixture->blocks, (struct extent){.block = 110, .count = 5});
    blocks_free(&fixture->blocks, (struct extent){.block = 250, .count = 60});
    struct extent extents[EXTENT_COUNT_MAX];
    uint32_t extent_count;
    assert_int_equal(blocks_allocate(&fixture->blocks, 6, extents, &extent_count), AREG_OK);
    assert_int_equal(extent_count, 1);
    assert_int_equal(extents[0].block, 250);
    assert_int_equal(blocks_allocate(&fixture->blocks, 5, extents, &extent_count), AREG_OK);
    assert_int_equal(extents[0].block, 110);
    assert_int_equal(blocks_allocate(&fixture->blocks, 55, extents, &extent_count), AREG_OK);
    assert_int_equal(extents[0].block, 1000);
}

static void a_file_full_of_holes_is_used_up_before_it_grows(void **state)
{
    struct fixture *const fixture = *state;
    for (int i = 0; i < 2000; i++)
        allocate(fixture, 4);
    for (unsigned i = 2000; i > 0; i -= 2)
        release(fixture, i - 2); /* every other one: the last takes its place in the list */
    const uint64_t end = fixture->blocks.end;
    for (int i = 0; i < 60; i++)
        allocate(fixture, 50);
    assert_int_equal(fixture->blocks.end, end);
    assert_true(fixture->requests[fixture->request_count - 1].extent_count > 1);
}

static void a_file_with_few_holes_grows_rather_than_cut_a_request_up(void **state)
{
    struct fixture *const fixture = *state;
    for (int i = 0; i < 1000; i++)
        allocate(fixture, 4);
    for (unsigned i = 40; i > 0; i -= 2)
        release(fixture, i - 2);
    allocate(fixture, 50);
    assert_int_equal(fixture->requests[fixture->request_count - 1].extent_count, 1);
    assert_int_equal(fixture->blocks.end, 4050);
}

static void what_takes_too_many_runs_is_put_behind_them_and_they_stay_free(void **state)
{
    struct fixture *const fixture = *state;
    for (int i = 0; i < 1000; i++)
        allocate(fixture, 1);
    for (uint64_t block = 0; block < 1000; block += 2) {
        blocks_free(&fixture->blocks, (struct extent){.block = block, .count = 1});
        fixture->is_used[block] = 0;
        fixture->used_count--;
    }
    allocate(fixture, 100);
    assert_int_equal(fixture->requests[fixture->request_count - 1].extents[0].block, 1000);
    allocate(fixture, EXTENT_COUNT_MAX);
    assert_int_equal(fixture->requests[fixture->request_count - 1].extent_count, EXTENT_COUNT_MAX);
}

static void a_run_never_crosses_groups(void **state)
{
    struct fixture *const fixture = *state;
    allocate(fixture, BLOCK_GROUP_COUNT - 10);
    allocate(fixture, 11);
    assert_int_equal(fixture->requests[1].extents[0].block, BLOCK_GROUP_COUNT);
    allocate(fixture, 10);
    assert_int_equal(fixture->requests[2].extents[0].block, BLOCK_GROUP_COUNT - 10);
    allocate(fixture, BLOCK_GROUP_COUNT);
    assert_int_equal(fixture->requests[3].extents[0].block, 2 * BLOCK_GROUP_COUNT);
}

static void claims_that_overlap_or_lie_nowhere_are_refused(void **state)
{
    struct fixture *const fixture = *state;
    struct blocks *const blocks = &fixture->blocks;
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 70, .count = 130}), AREG_OK);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 199, .count = 1}), AREG_ECORRUPT);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 60, .count = 11}), AREG_ECORRUPT);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 60, .count = 10}), AREG_OK);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 5, .count = 0}), AREG_ECORRUPT);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = 5, .count = UINT32_MAX}), AREG_ECORRUPT);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = UINT64_MAX, .count = 2}), AREG_ECORRUPT);
    assert_int_equal(blocks_claim(blocks, (struct extent){.block = UINT64_MAX / 2, .count = 2}), AREG_ECORRUPT);
    assert_int_equal(blocks->used, 140);
    assert_int_equal(blocks->end, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_block_is_given_out_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_free_run_that_is_long_enough_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_full_of_holes_is_used_up_before_it_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_with_few_holes_grows_rather_than_cut_a_request_up, setup, teardown),
        cmocka_unit_test_setup_teardown(what_takes_too_many_runs_is_put_behind_them_and_they_stay_free, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_never_crosses_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(claims_that_overlap_or_lie_nowhere_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
