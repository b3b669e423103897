/*
 * What waits for its grace time, against a plain list.
 */
#include "core/limits.h"
#include "server/sweep.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { KEY_MAX = 40, WAITING_MAX = 1000 };

struct waiting {
    uint32_t membership_index;
    unsigned key_index;
    struct tag confirmed;
    struct tag superseded;
    uint64_t due_ns;
};

struct twin {
    unsigned count;
    unsigned looked;
    struct waiting items[WAITING_MAX];
};

static struct slice key_of(unsigned index, char text[16])
{
    snprintf(text, 16, "key %u", index);
    return slice_borrow(text, strlen(text));
}

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

static struct waiting *twin_find(struct twin *twin, uint32_t membership_index, unsigned key_index)
{
    for (unsigned i = 0; i < twin->count; i++)
        if (twin->items[i].membership_index == membership_index && twin->items[i].key_index == key_index)
            return &twin->items[i];
    return NULL;
}

static void twin_add(struct twin *twin, struct waiting item)
{
    struct waiting *waiting = twin_find(twin, item.membership_index, item.key_index);
    if (waiting)
        waiting->confirmed = tag_max(waiting->confirmed, item.confirmed);
    else
        twin->items[twin->count++] = item;
}

static void twin_settle(struct twin *twin, bool is_stored, uint64_t again_ns)
{
    const unsigned looked = twin->looked;
    twin->looked = 0;
    if (!is_stored)
        return;
    for (unsigned i = 0; i < looked; i++) {
        struct waiting item = twin->items[0];
        memmove(&twin->items[0], &twin->items[1], --twin->count * sizeof item);
        if (tag_equal(item.confirmed, item.superseded))
            continue;
        item.superseded = item.confirmed;
        item.due_ns = again_ns;
        twin->items[twin->count++] = item;
    }
}

static void take_one(struct sweep_queue *queue, struct twin *twin, uint64_t now_ns)
{
    const struct sweep_item *item = sweep_take(queue, now_ns);
    if (twin->looked == twin->count || twin->items[twin->looked].due_ns > now_ns) {
        assert_null(item);
        return;
    }
    const struct waiting *waiting = &twin->items[twin->looked++];
    char text[16];
    assert_non_null(item);
    assert_int_equal(item->membership_index, waiting->membership_index);
    assert_true(slice_equal(item->key, key_of(waiting->key_index, text)));
    assert_true(tag_equal(item->confirmed, waiting->confirmed));
    assert_true(tag_equal(item->superseded, waiting->superseded));
}

static void it_gives_out_what_a_plain_list_would(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct sweep_queue queue;
    static struct twin twin;
    twin.count = twin.looked = 0;
    assert_true(sweep_init(&queue));
    uint64_t now_ns = 1;
    /* Many more turns than the ring has places. */
    for (unsigned turn = 0; turn < 400000; turn++) {
        const struct waiting item = {(uint32_t)random_below(&random, 3), (unsigned)random_below(&random, KEY_MAX),
                                     tag_of(random_below(&random, 100)), TAG_ZERO, now_ns + 500};
        char text[16];
        switch (random_below(&random, 8)) {
        case 0:
        case 1:
        case 2:
        case 3:
            twin_add(&twin, (struct waiting){item.membership_index, item.key_index, item.confirmed, item.confirmed,
                                             item.due_ns});
            assert_true(
                sweep_add(&queue, item.membership_index, key_of(item.key_index, text), item.confirmed, item.due_ns));
            break;
        case 4:
        case 5:
            take_one(&queue, &twin, now_ns);
            break;
        case 6:
            now_ns += random_below(&random, 40);
            break;
        default: {
            const bool is_stored = random_below(&random, 3) != 0;
            twin_settle(&twin, is_stored, now_ns + 500);
            sweep_settle(&queue, is_stored, now_ns + 500);
        }
        }
        const struct waiting *waiting = twin_find(&twin, item.membership_index, item.key_index);
        const struct tag known = sweep_confirmed(&queue, item.membership_index, key_of(item.key_index, text));
        assert_true(tag_equal(known, waiting ? waiting->confirmed : TAG_ZERO));
        assert_int_equal(sweep_wake_ns(&queue),
                         twin.looked == twin.count ? UINT64_MAX : twin.items[twin.looked].due_ns);
    }
    sweep_fini(&queue);
}

static void a_full_one_says_so_and_still_hears_of_what_it_has(void **state)
{
    (void)state;
    struct sweep_queue queue;
    char text[16];
    assert_true(sweep_init(&queue));
    for (unsigned i = 0; i < SWEEP_PENDING_MAX; i++)
        assert_true(sweep_add(&queue, 0, key_of(i, text), tag_of(1), 10));
    assert_false(sweep_add(&queue, 0, key_of(SWEEP_PENDING_MAX, text), tag_of(1), 10));
    assert_true(tag_is_zero(sweep_confirmed(&queue, 0, key_of(SWEEP_PENDING_MAX, text))));
    assert_true(sweep_add(&queue, 0, key_of(7, text), tag_of(9), 10));
    assert_true(tag_equal(sweep_confirmed(&queue, 0, key_of(7, text)), tag_of(9)));
    /* One that must wait again fits in although all places are taken. */
    unsigned taken = 0;
    while (sweep_take(&queue, 10))
        taken++;
    assert_int_equal(taken, SWEEP_PENDING_MAX);
    sweep_settle(&queue, true, 20);
    assert_int_equal(sweep_wake_ns(&queue), 20);
    const struct sweep_item *item = sweep_take(&queue, 20);
    assert_non_null(item);
    assert_true(tag_equal(item->superseded, tag_of(9)));
    assert_true(sweep_add(&queue, 0, key_of(SWEEP_PENDING_MAX, text), tag_of(1), 30));
    sweep_fini(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_gives_out_what_a_plain_list_would),
        cmocka_unit_test(a_full_one_says_so_and_still_hears_of_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
