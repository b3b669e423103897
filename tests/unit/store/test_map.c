/*
 * The persistent map against a sorted array, with snapshots that must never change.
 */
#include "store/map.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { KEY_COUNT = 200, SNAPSHOT_COUNT = 4 };

/* Keys are two bytes, so an array by key is a sorted map; 0: not there, else the value, of as many bytes. */
struct model {
    uint8_t values[KEY_COUNT];
};

static struct slice key_of(unsigned index, uint8_t at[2])
{
    at[0] = (uint8_t)(index / 16);
    at[1] = (uint8_t)(index % 16 * 16);
    return slice_borrow(at, 2);
}

static void expect_same(struct map map, const struct model *model)
{
    uint8_t from[3] = {0};
    size_t from_bytes = 0;
    struct slice key;
    struct slice value;
    uint8_t expected[2];
    for (unsigned i = 0; i < KEY_COUNT; i++) {
        assert_int_equal(map_get(map, key_of(i, expected), &value), model->values[i] != 0);
        if (model->values[i] == 0)
            continue;
        assert_true(map_seek(map, slice_borrow(from, from_bytes), &key, &value));
        assert_true(slice_equal(key, key_of(i, expected)));
        assert_int_equal(value.bytes, model->values[i]);
        for (size_t j = 0; j < value.bytes; j++)
            assert_int_equal(value.at[j], model->values[i]);
        memcpy(from, key.at, 2);
        from_bytes = 3;
    }
    assert_false(map_seek(map, slice_borrow(from, from_bytes), &key, &value) && from_bytes > 0);
}

static void change(struct random_source *random, struct map *map, struct model *model)
{
    uint8_t at[2];
    const unsigned index = (unsigned)random_below(random, KEY_COUNT);
    const struct slice key = key_of(index, at);
    if (model->values[index] != 0 && random_below(random, 2) == 0) {
        assert_true(map_remove(map, key));
        model->values[index] = 0;
        return;
    }
    model->values[index] = (uint8_t)(1 + random_below(random, 255));
    uint8_t *const room = map_put(map, key, model->values[index]);
    assert_non_null(room);
    memset(room, model->values[index], model->values[index]);
}

static void snapshots_stay_as_they_are_whatever_is_done_to_the_map(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct map map = {0};
    struct model model = {{0}};
    struct map snapshots[SNAPSHOT_COUNT] = {{0}};
    struct model snapshot_models[SNAPSHOT_COUNT] = {{{0}}};
    for (int i = 0; i < 20000; i++) {
        change(&random, &map, &model);
        const uint64_t at = random_below(&random, 40 * SNAPSHOT_COUNT);
        if (at >= SNAPSHOT_COUNT)
            continue;
        expect_same(map, &model);
        expect_same(snapshots[at], &snapshot_models[at]);
        map_fini(&snapshots[at]);
        snapshots[at] = map_ref(map);
        snapshot_models[at] = model;
    }
    for (int i = 0; i < SNAPSHOT_COUNT; i++) {
        expect_same(snapshots[i], &snapshot_models[i]);
        map_fini(&snapshots[i]);
    }
    map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_stay_as_they_are_whatever_is_done_to_the_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
