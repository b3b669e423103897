/* Counted buffers and slices. */
#include "core/buffer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void count_free(void *memory, void *arg)
{
    (void)memory;
    ++*(unsigned *)arg;
}

static void a_created_buffer_is_aligned_and_all_of_it_is_usable(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 1 << 20};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct buffer *buffer = buffer_create(sizes[i]);
        assert_non_null(buffer);
        assert_int_equal(buffer_bytes(buffer), sizes[i]);
        assert_int_equal((uintptr_t)buffer_at(buffer) % 64, 0);
        memset(buffer_at(buffer), 0xA5, sizes[i]);
        buffer_unref(buffer);
    }
}

static void a_buffer_that_memory_cannot_hold_is_refused(void **state)
{
    (void)state;
    assert_null(buffer_create(SIZE_MAX));
    assert_null(buffer_create(SIZE_MAX - 64));
    assert_null(buffer_create(SIZE_MAX / 2 + 1));
}

static void foreign_memory_is_freed_once_by_the_last_reference(void **state)
{
    (void)state;
    unsigned free_count = 0;
    char memory[10];
    struct buffer *buffer = buffer_wrap(memory, sizeof memory, count_free, &free_count);
    assert_ptr_equal(buffer_at(buffer), memory);
    assert_int_equal(buffer_bytes(buffer), sizeof memory);
    assert_ptr_equal(buffer_ref(buffer), buffer);
    buffer_unref(buffer);
    assert_int_equal(free_count, 0);
    buffer_unref(buffer);
    assert_int_equal(free_count, 1);
}

static void no_buffer_may_be_referenced_and_dropped(void **state)
{
    (void)state;
    assert_null(buffer_ref(NULL));
    buffer_unref(NULL);
    struct slice empty = slice_ref((struct slice){0});
    slice_unref(&empty);
}

static void a_slice_keeps_its_owner_alive(void **state)
{
    (void)state;
    unsigned free_count = 0;
    uint8_t memory[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct buffer *buffer = buffer_wrap(memory, sizeof memory, count_free, &free_count);
    struct slice window = slice_ref(slice_of(buffer, 3, 4));
    buffer_unref(buffer);
    assert_int_equal(free_count, 0);
    assert_int_equal(window.bytes, 4);
    assert_memory_equal(window.at, memory + 3, 4);
    slice_unref(&window);
    assert_int_equal(free_count, 1);
    assert_null(window.owner);
    assert_int_equal(window.bytes, 0);
}

static void a_copy_is_counted_and_stands_on_memory_of_its_own(void **state)
{
    (void)state;
    char text[] = "fragment";
    struct slice copy = slice_copy(slice_borrow(text, 8));
    text[0] = 'F';
    assert_non_null(copy.owner);
    assert_true(slice_equal(copy, slice_borrow("fragment", 8)));
    slice_unref(&copy);

    const struct slice nothing = slice_copy(slice_borrow(text, 0));
    assert_null(nothing.owner);
    assert_int_equal(nothing.bytes, 0);
}

/* All words of up to four letters out of three, by number; the largest letter is beyond a signed char. */
static unsigned word_of(unsigned number, uint8_t word[4])
{
    static const uint8_t letters[] = {0, 'a', 0xFF};
    unsigned bytes = 0;
    for (; number > 0 && bytes < 4; number = (number - 1) / 3)
        word[bytes++] = letters[(number - 1) % 3];
    return bytes;
}

static int compare_slowly(const uint8_t *a, size_t a_bytes, const uint8_t *b, size_t b_bytes)
{
    for (size_t i = 0;; i++) {
        if (i == a_bytes || i == b_bytes)
            return (i < a_bytes) - (i < b_bytes);
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    }
}

static void slices_are_ordered_by_their_bytes_and_a_prefix_is_smaller(void **state)
{
    (void)state;
    enum { WORD_COUNT = 1 + 3 + 9 + 27 + 81 };
    for (unsigned i = 0; i < WORD_COUNT; i++)
        for (unsigned j = 0; j < WORD_COUNT; j++) {
            uint8_t a[4];
            uint8_t b[4];
            const struct slice slice_a = slice_borrow(a, word_of(i, a));
            const struct slice slice_b = slice_borrow(b, word_of(j, b));
            const int order = slice_compare(slice_a, slice_b);
            assert_int_equal((order > 0) - (order < 0), compare_slowly(a, slice_a.bytes, b, slice_b.bytes));
            assert_int_equal(slice_equal(slice_a, slice_b) != 0, i == j);
        }
    assert_int_equal(slice_compare((struct slice){0}, (struct slice){0}), 0);
    assert_true(slice_equal((struct slice){0}, slice_borrow("x", 0)));
}

enum { THREAD_COUNT = 4, ROUND_COUNT = 20000 };

struct shared {
    struct buffer *buffer;
    pthread_barrier_t start;
    unsigned sum; /* of what all threads wrote, taken when the buffer is freed */
};

static void sum_up(void *memory, void *arg)
{
    struct shared *shared = arg;
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        shared->sum += ((uint8_t *)memory)[i];
}

struct worker {
    struct shared *shared;
    unsigned index;
    pthread_t thread;
};

/* Each thread was given one reference, takes and drops many more, writes, and drops its own at last. */
static void *use_shared(void *arg)
{
    struct worker *worker = arg;
    struct shared *shared = worker->shared;
    pthread_barrier_wait(&shared->start);
    for (unsigned i = 0; i < ROUND_COUNT; i++)
        buffer_unref(buffer_ref(shared->buffer));
    buffer_at(shared->buffer)[worker->index] = (uint8_t)(1u << worker->index);
    buffer_unref(shared->buffer);
    return NULL;
}

static void threads_that_share_a_buffer_free_it_once_after_all_that_they_did(void **state)
{
    (void)state;
    uint8_t memory[THREAD_COUNT] = {0};
    struct shared shared = {0};
    shared.buffer = buffer_wrap(memory, sizeof memory, sum_up, &shared);
    assert_int_equal(pthread_barrier_init(&shared.start, NULL, THREAD_COUNT), 0);
    struct worker workers[THREAD_COUNT];
    for (unsigned i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){.shared = &shared, .index = i};
        buffer_ref(shared.buffer);
        assert_int_equal(pthread_create(&workers[i].thread, NULL, use_shared, &workers[i]), 0);
    }
    buffer_unref(shared.buffer);
    for (unsigned i = 0; i < THREAD_COUNT; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(shared.sum, (1u << THREAD_COUNT) - 1);
    pthread_barrier_destroy(&shared.start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_created_buffer_is_aligned_and_all_of_it_is_usable),
        cmocka_unit_test(a_buffer_that_memory_cannot_hold_is_refused),
        cmocka_unit_test(foreign_memory_is_freed_once_by_the_last_reference),
        cmocka_unit_test(no_buffer_may_be_referenced_and_dropped),
        cmocka_unit_test(a_slice_keeps_its_owner_alive),
        cmocka_unit_test(a_copy_is_counted_and_stands_on_memory_of_its_own),
        cmocka_unit_test(slices_are_ordered_by_their_bytes_and_a_prefix_is_smaller),
        cmocka_unit_test(threads_that_share_a_buffer_free_it_once_after_all_that_they_did),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
