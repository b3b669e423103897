/* Pages of key listings. */
#include "core/key_page.h"

#include "core/limits.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { LISTED_COUNT = 40, PAGE_BYTES = 8 << 10 };

struct drawn {
    uint8_t key[200];
    struct listed_key listed;
};

static void draw(struct random_source *random, struct drawn *drawn)
{
    const size_t bytes = 1 + random_below(random, sizeof drawn->key);
    random_fill(random, drawn->key, bytes);
    drawn->listed = (struct listed_key){.key = slice_borrow(drawn->key, bytes),
                                        .tag = {random_next(random), random_next(random)},
                                        .is_tombstone = random_below(random, 2) == 0};
}

/* As many of the keys as fit; their number. */
static unsigned fill(struct bytes_writer *writer, const struct drawn *drawn)
{
    unsigned count = 0;
    while (count < LISTED_COUNT && key_page_put(writer, &drawn[count].listed))
        count++;
    return count;
}

static void assert_same(const struct listed_key *a, const struct listed_key *b)
{
    assert_true(slice_equal(a->key, b->key));
    assert_true(tag_equal(a->tag, b->tag));
    assert_int_equal(a->is_tombstone, b->is_tombstone);
}

static void a_page_lists_what_was_put_into_it_in_that_order(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 100; round++) {
        struct drawn drawn[LISTED_COUNT];
        for (unsigned i = 0; i < LISTED_COUNT; i++)
            draw(&random, &drawn[i]);
        uint8_t page[PAGE_BYTES];
        struct bytes_writer writer = bytes_writer_on(page, sizeof page);
        const unsigned count = fill(&writer, drawn);
        assert_true(count == LISTED_COUNT);

        struct bytes_reader reader = bytes_reader_on(page, writer.used_bytes);
        for (unsigned i = 0; i < count; i++) {
            struct listed_key listed;
            assert_int_equal(key_page_get(&reader, &listed), AREG_OK);
            assert_same(&listed, &drawn[i].listed);
        }
        struct listed_key none;
        assert_int_equal(key_page_get(&reader, &none), AREG_ENOTFOUND);
    }
}

static void a_page_without_room_takes_no_part_of_a_key(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct drawn drawn[LISTED_COUNT];
    for (unsigned i = 0; i < LISTED_COUNT; i++)
        draw(&random, &drawn[i]);
    for (size_t room_bytes = 0; room_bytes < 1000; room_bytes++) {
        uint8_t page[1000];
        struct bytes_writer writer = bytes_writer_on(page, room_bytes);
        const unsigned count = fill(&writer, drawn);
        assert_false(writer.failed);
        struct bytes_reader reader = bytes_reader_on(page, writer.used_bytes);
        struct listed_key listed;
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(key_page_get(&reader, &listed), AREG_OK);
        assert_int_equal(key_page_get(&reader, &listed), AREG_ENOTFOUND);
    }
}

static void a_page_that_is_cut_is_found_out_unless_it_ends_between_two_keys(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct drawn drawn[LISTED_COUNT];
    uint8_t page[PAGE_BYTES];
    bool is_between[PAGE_BYTES + 1] = {true};
    struct bytes_writer writer = bytes_writer_on(page, sizeof page);
    for (unsigned i = 0; i < 5; i++) {
        draw(&random, &drawn[i]);
        assert_true(key_page_put(&writer, &drawn[i].listed));
        is_between[writer.used_bytes] = true;
    }
    for (size_t bytes = 0; bytes <= writer.used_bytes; bytes++) {
        struct bytes_reader reader = bytes_reader_on(page, bytes);
        struct listed_key listed;
        enum areg_error error;
        while ((error = key_page_get(&reader, &listed)) == AREG_OK)
            ;
        assert_int_equal(error, is_between[bytes] ? AREG_ENOTFOUND : AREG_EINVAL);
        assert_int_equal(key_page_get(&reader, &listed), error); /* and stays so */
    }
}

static void a_page_with_an_impossible_key_or_flag_is_refused(void **state)
{
    (void)state;
    uint8_t page[2 + 1 + 16 + 1] = {1, 0, 'k'};
    struct listed_key listed;
    struct bytes_reader reader = bytes_reader_on(page, sizeof page);
    assert_int_equal(key_page_get(&reader, &listed), AREG_OK);
    page[sizeof page - 1] = 2;
    reader = bytes_reader_on(page, sizeof page);
    assert_int_equal(key_page_get(&reader, &listed), AREG_EINVAL);

    static const uint8_t empty_key[2 + 16 + 1];
    reader = bytes_reader_on(empty_key, sizeof empty_key);
    assert_int_equal(key_page_get(&reader, &listed), AREG_EINVAL);

    uint8_t long_key[2 + AREG_KEY_BYTES_MAX + 1 + 16 + 1] = {(AREG_KEY_BYTES_MAX + 1) & 0xFF,
                                                             (AREG_KEY_BYTES_MAX + 1) >> 8};
    reader = bytes_reader_on(long_key, sizeof long_key);
    assert_int_equal(key_page_get(&reader, &listed), AREG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_lists_what_was_put_into_it_in_that_order),
        cmocka_unit_test(a_page_without_room_takes_no_part_of_a_key),
        cmocka_unit_test(a_page_that_is_cut_is_found_out_unless_it_ends_between_two_keys),
        cmocka_unit_test(a_page_with_an_impossible_key_or_flag_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
