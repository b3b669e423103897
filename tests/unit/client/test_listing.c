/*
 * Merging pages, against sorting all keys at once.
 */
#include "client/engine.h"
#include "core/key.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { KEY_MAX = 60, MEMBER_MAX = 5 };

/* What one member has of each key; z = 0: nothing. */
struct member_keys {
    uint64_t z[KEY_MAX];
    bool is_tombstone[KEY_MAX];
};

static struct slice key_of(unsigned index, char text[600])
{
    /* In the order of their sorted forms: digits, then zeroes, to more than fits a raw form. */
    const int digits = snprintf(text, 600, "%04u", index);
    const size_t bytes = index % 7 == 3 ? 500 : (size_t)digits;
    memset(text + digits, '0', 600 - (size_t)digits);
    return slice_borrow(text, bytes);
}

static struct slice page_of(const struct member_keys *keys, unsigned after, unsigned key_count_max, bool *has_more)
{
    struct buffer *buffer = buffer_create(KEY_PAGE_BYTES_MAX);
    struct bytes_writer writer = bytes_writer_on(buffer_at(buffer), KEY_PAGE_BYTES_MAX);
    unsigned count = 0;
    *has_more = false;
    for (unsigned i = after; i < KEY_MAX; i++) {
        char text[600];
        if (keys->z[i] == 0)
            continue;
        if (count == key_count_max) {
            *has_more = true;
            break;
        }
        const struct listed_key listed = {key_of(i, text), {keys->z[i], 1}, keys->is_tombstone[i]};
        assert_true(key_page_put(&writer, &listed));
        count++;
    }
    return slice_of(buffer, 0, writer.used_bytes);
}

/* The whole listing, page by page, of the members in `voters`. */
static unsigned list_all(const struct member_keys *members, struct voters voters, bool shows_deleted,
                         unsigned key_count_max, uint64_t found[KEY_MAX])
{
    unsigned after = 0;
    unsigned pages = 0;
    bool has_more = true;
    memset(found, 0, KEY_MAX * sizeof *found);
    for (; has_more; pages++) {
        assert_true(pages <= KEY_MAX);
        struct client_done outcome = {0};
        struct listing_page listed_pages[MEMBER_MAX];
        unsigned page_count = 0;
        for (unsigned i = 0; i < MEMBER_MAX; i++) {
            if (!voters_has(voters, i))
                continue;
            struct listing_page *page = &listed_pages[page_count++];
            page->page = page_of(&members[i], after, key_count_max, &page->has_more);
        }
        assert_int_equal(listing_merge(listed_pages, page_count, shows_deleted, key_count_max, &outcome), AREG_OK);
        for (unsigned i = 0; i < page_count; i++)
            slice_unref(&listed_pages[i].page);
        struct bytes_reader reader = bytes_reader_on(outcome.page.at, outcome.page.bytes);
        struct listed_key listed;
        unsigned count = 0;
        while (key_page_get(&reader, &listed) == AREG_OK) {
            assert_true(shows_deleted || !listed.is_tombstone);
            const unsigned index = (unsigned)strtoul((char[5]){(char)listed.key.at[0], (char)listed.key.at[1],
                                                               (char)listed.key.at[2], (char)listed.key.at[3]},
                                                     NULL, 10);
            assert_in_range(index, after, KEY_MAX - 1);
            assert_int_equal(found[index], 0);
            found[index] = listed.tag.z;
            count++;
        }
        assert_int_equal(reader.left_bytes, 0);
        assert_true(count <= key_count_max);
        has_more = outcome.has_more;
        if (has_more) {
            char text[600];
            unsigned last = after;
            while (!slice_equal(key_of(last, text), outcome.more_after))
                assert_true(++last < KEY_MAX);
            after = last + 1; /* always further */
        }
        slice_unref(&outcome.page);
        slice_unref(&outcome.more_after);
    }
    return pages;
}

static void merged_pages_are_the_newest_of_all_keys_in_order(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned run = 0; run < 300; run++) {
        static struct member_keys members[MEMBER_MAX];
        const unsigned percent = (unsigned)random_below(&random, 101);
        for (unsigned i = 0; i < MEMBER_MAX; i++)
            for (unsigned j = 0; j < KEY_MAX; j++) {
                members[i].z[j] = random_below(&random, 100) < percent ? 1 + random_below(&random, 3) : 0;
                /* A tag names one value: deleted here is deleted everywhere. */
                members[i].is_tombstone[j] = (members[i].z[j] + j) % 3 == 0;
            }
        const struct voters voters = {(uint32_t)(1 + random_below(&random, (1u << MEMBER_MAX) - 1))};
        uint64_t found[KEY_MAX];
        const bool shows_deleted = random_below(&random, 2) == 1;
        list_all(members, voters, shows_deleted, 1 + (unsigned)random_below(&random, 20), found);
        for (unsigned j = 0; j < KEY_MAX; j++) {
            uint64_t newest = 0;
            for (unsigned i = 0; i < MEMBER_MAX; i++)
                if (voters_has(voters, i) && members[i].z[j] > newest)
                    newest = members[i].z[j];
            assert_int_equal(found[j], shows_deleted || (newest + j) % 3 != 0 ? newest : 0);
        }
    }
}

static void nothing_at_all_is_a_page(void **state)
{
    (void)state;
    static const struct member_keys members[MEMBER_MAX];
    uint64_t found[KEY_MAX];
    assert_int_equal(list_all(members, voters_all(3), false, 1, found), 1);
}

static void a_page_of_deleted_keys_leads_to_the_next(void **state)
{
    (void)state;
    static struct member_keys members[MEMBER_MAX];
    for (unsigned j = 0; j < KEY_MAX; j++) {
        members[0].z[j] = 1;
        members[0].is_tombstone[j] = j + 1 < KEY_MAX;
    }
    uint64_t found[KEY_MAX];
    list_all(members, voters_all(1), false, 10, found);
    assert_int_equal(found[KEY_MAX - 1], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_pages_are_the_newest_of_all_keys_in_order),
        cmocka_unit_test(nothing_at_all_is_a_page),
        cmocka_unit_test(a_page_of_deleted_keys_leads_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
