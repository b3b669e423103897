/* Counted values: pieces, gathering, ownership. */
#include "client/lib/value.h"
#include "tests/unit/seed.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A value in `piece_count` pieces of random sizes, some empty, and all of its bytes. */
static struct areg_value *random_value(struct random_source *random, unsigned piece_count, size_t piece_bytes_max,
                                       uint8_t *all, size_t *all_bytes)
{
    struct slice pieces[AREG_PIECES_MAX];
    *all_bytes = 0;
    for (unsigned i = 0; i < piece_count; i++) {
        const size_t bytes = random_below(random, 3) ? random_below(random, piece_bytes_max) : 0;
        random_fill(random, all + *all_bytes, bytes);
        pieces[i] = slice_copy(slice_borrow(all + *all_bytes, bytes));
        *all_bytes += bytes;
    }
    return value_of_pieces(pieces, piece_count);
}

static void data_is_all_pieces_in_order(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static uint8_t all[AREG_PIECES_MAX * 100];
    for (unsigned i = 0; i < 2000; i++) {
        size_t all_bytes;
        struct areg_value *value =
            random_value(&random, (unsigned)random_below(&random, AREG_PIECES_MAX + 1), 100, all, &all_bytes);
        assert_int_equal(areg_value_bytes(value), all_bytes);
        struct areg_piece pieces[AREG_PIECES_MAX];
        const size_t count = areg_value_pieces(value, pieces);
        size_t at = 0;
        for (size_t j = 0; j < count; j++) {
            assert_true(pieces[j].piece_bytes > 0);
            assert_memory_equal(pieces[j].data, all + at, pieces[j].piece_bytes);
            at += pieces[j].piece_bytes;
        }
        assert_int_equal(at, all_bytes);
        const void *data = areg_value_data(value);
        assert_non_null(data);
        assert_memory_equal(data, all, all_bytes);
        assert_ptr_equal(areg_value_data(value), data);
        assert_null(areg_value_data_mutable(value));
        areg_value_free(value);
    }
}

static void a_value_in_one_piece_is_never_copied(void **state)
{
    (void)state;
    struct slice piece = slice_copy(slice_borrow("0123456789", 10));
    const uint8_t *at = piece.at;
    struct areg_value *value = value_of_pieces(&piece, 1);
    assert_ptr_equal(areg_value_data(value), at);
    struct slice bytes;
    assert_int_equal(value_to_write(value, &bytes), AREG_OK);
    assert_ptr_equal(bytes.at, at);
    assert_non_null(bytes.owner);
    areg_value_free(value);
}

static void a_value_in_pieces_can_be_written_again(void **state)
{
    (void)state;
    struct slice pieces[3] = {slice_copy(slice_borrow("abc", 3)), slice_copy(slice_borrow("de", 2)), {0}};
    struct areg_value *value = value_of_pieces(pieces, 3);
    struct slice bytes;
    assert_int_equal(value_to_write(value, &bytes), AREG_OK);
    assert_int_equal(bytes.bytes, 5);
    assert_memory_equal(bytes.at, "abcde", 5);
    struct slice kept = slice_ref(bytes);
    areg_value_free(value);
    assert_memory_equal(kept.at, "abcde", 5); /* the engine's reference keeps the bytes */
    slice_unref(&kept);
}

static void a_created_value_can_be_filled_in_until_it_is_written(void **state)
{
    (void)state;
    struct areg_value *value = areg_value_create(5);
    memcpy(areg_value_data_mutable(value), "hello", 5);
    assert_memory_equal(areg_value_data(value), "hello", 5);
    struct slice bytes;
    assert_int_equal(value_to_write(value, &bytes), AREG_OK);
    assert_memory_equal(bytes.at, "hello", 5);
    assert_null(areg_value_data_mutable(value));
    areg_value_free(value);
}

static void an_empty_value_has_data_and_no_pieces(void **state)
{
    (void)state;
    struct areg_value *values[] = {areg_value_create(0), areg_value_wrap(NULL, 0, NULL, NULL),
                                   value_of_pieces(NULL, 0)};
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct areg_piece pieces[AREG_PIECES_MAX];
        struct slice bytes;
        assert_non_null(values[i]);
        assert_int_equal(areg_value_bytes(values[i]), 0);
        assert_int_equal(areg_value_pieces(values[i], pieces), 0);
        assert_non_null(areg_value_data(values[i]));
        assert_int_equal(value_to_write(values[i], &bytes), AREG_OK);
        assert_int_equal(bytes.bytes, 0);
        areg_value_free(values[i]);
    }
    areg_value_free(NULL);
}

static void count_free(void *data, void *arg)
{
    (void)data;
    ++*(unsigned *)arg;
}

static void wrapped_memory_is_freed_once_after_the_last_reference(void **state)
{
    (void)state;
    static const char memory[] = "borrowed";
    unsigned free_count = 0;
    struct areg_value *value = areg_value_wrap(memory, sizeof memory, count_free, &free_count);
    assert_ptr_equal(areg_value_data(value), memory);
    assert_null(areg_value_data_mutable(value));
    assert_ptr_equal(areg_value_ref(value), value);
    struct slice bytes;
    assert_int_equal(value_to_write(value, &bytes), AREG_OK);
    struct slice kept = slice_ref(bytes);
    areg_value_free(value);
    assert_int_equal(free_count, 0);
    areg_value_free(value);
    assert_int_equal(free_count, 0); /* a slow host is still being sent to */
    slice_unref(&kept);
    assert_int_equal(free_count, 1);
}

static void values_above_the_limit_are_refused_and_change_no_hands(void **state)
{
    (void)state;
    unsigned free_count = 0;
    char byte;
    assert_null(areg_value_create((size_t)AREG_VALUE_BYTES_MAX + 1));
    assert_null(areg_value_wrap(&byte, (size_t)AREG_VALUE_BYTES_MAX + 1, count_free, &free_count));
    assert_null(areg_value_wrap(NULL, 1, count_free, &free_count));
    assert_int_equal(free_count, 0);
    struct areg_value *largest = areg_value_create(AREG_VALUE_BYTES_MAX);
    assert_non_null(largest);
    areg_value_free(largest);
}

static void *gather(void *arg)
{
    const void *data = areg_value_data(arg);
    areg_value_free(arg);
    union {
        const void *data;
        void *result;
    } lent = {.data = data};
    return lent.result;
}

static void threads_that_gather_at_once_see_the_same_bytes(void **state)
{
    (void)state;
    enum { THREAD_COUNT = 4 };
    for (unsigned i = 0; i < 200; i++) {
        struct slice pieces[2] = {slice_copy(slice_borrow("first half ", 11)), slice_copy(slice_borrow("second", 6))};
        struct areg_value *value = value_of_pieces(pieces, 2);
        pthread_t threads[THREAD_COUNT];
        for (unsigned j = 0; j < THREAD_COUNT; j++)
            assert_int_equal(pthread_create(&threads[j], NULL, gather, areg_value_ref(value)), 0);
        for (unsigned j = 0; j < THREAD_COUNT; j++) {
            void *data;
            assert_int_equal(pthread_join(threads[j], &data), 0);
            assert_ptr_equal(data, areg_value_data(value));
        }
        assert_memory_equal(areg_value_data(value), "first half second", 17);
        areg_value_free(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_is_all_pieces_in_order),
        cmocka_unit_test(a_value_in_one_piece_is_never_copied),
        cmocka_unit_test(a_value_in_pieces_can_be_written_again),
        cmocka_unit_test(a_created_value_can_be_filled_in_until_it_is_written),
        cmocka_unit_test(an_empty_value_has_data_and_no_pieces),
        cmocka_unit_test(wrapped_memory_is_freed_once_after_the_last_reference),
        cmocka_unit_test(values_above_the_limit_are_refused_and_change_no_hands),
        cmocka_unit_test(threads_that_gather_at_once_see_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
