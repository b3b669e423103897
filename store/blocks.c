#include "store/blocks.h"

#include "core/check.h"

#include <stdlib.h>
#include <string.h>

enum {
    WORD_BITS = 64,
    WORD_COUNT = BLOCK_GROUP_COUNT / WORD_BITS,
};

/* Far beyond any disk, and small enough that block numbers never overflow. */
#define GROUP_COUNT_LIMIT (UINT64_C(1) << 32)

struct block_group {
    uint32_t run_max; /* no run of free blocks is longer; may be too large, never too small */
    uint64_t words[WORD_COUNT];
};

void blocks_init(struct blocks *blocks)
{
    *blocks = (struct blocks){0};
}

void blocks_fini(struct blocks *blocks)
{
    free(blocks->groups);
    *blocks = (struct blocks){0};
}

/** Have `group_count` groups at least. */
static enum areg_error grow(struct blocks *blocks, uint64_t group_count)
{
    if (group_count > blocks->group_room) {
        uint64_t room = blocks->group_room * 2;
        room = room > group_count ? room : group_count;
        struct block_group *const groups = realloc(blocks->groups, room * sizeof *groups);
        if (!groups)
            return AREG_ENOMEM;
        blocks->groups = groups;
        blocks->group_room = room;
    }
    for (; blocks->group_count < group_count; blocks->group_count++) {
        struct block_group *const group = &blocks->groups[blocks->group_count];
        memset(group->words, 0, sizeof group->words);
        group->run_max = BLOCK_GROUP_COUNT;
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- one group */

/** The first bit from `from` on that is `value`; BLOCK_GROUP_COUNT if there is none. */
static uint32_t bit_find(const struct block_group *group, uint32_t from, bool value)
{
    for (uint32_t i = from / WORD_BITS; i < WORD_COUNT; i++) {
        uint64_t word = value ? group->words[i] : ~group->words[i];
        if (i == from / WORD_BITS)
            word &= UINT64_MAX << from % WORD_BITS;
        if (word != 0)
            return i * WORD_BITS + (uint32_t)__builtin_ctzll(word);
    }
    return BLOCK_GROUP_COUNT;
}

static void bits_set(struct block_group *group, uint32_t from, uint32_t count, bool value)
{
    while (count > 0) {
        const uint32_t offset = from % WORD_BITS;
        const uint32_t here = count < WORD_BITS - offset ? count : WORD_BITS - offset;
        const uint64_t mask = (here == WORD_BITS ? UINT64_MAX : (UINT64_C(1) << here) - 1) << offset;
        uint64_t *const word = &group->words[from / WORD_BITS];
        CHECK((*word & mask) == (value ? 0 : mask));
        *word ^= mask;
        from += here;
        count -= here;
    }
}

/** The first run of `count` free blocks that ends before `limit`; BLOCK_GROUP_COUNT if there is none. */
static uint32_t run_find(struct block_group *group, uint32_t count, uint32_t limit)
{
    uint32_t run_max = 0;
    for (uint32_t from = 0; from < BLOCK_GROUP_COUNT;) {
        const uint32_t begin = bit_find(group, from, false);
        if (begin == BLOCK_GROUP_COUNT)
            break;
        const uint32_t end = bit_find(group, begin, true);
        if (end - begin >= count)
            return begin + count <= limit ? begin : BLOCK_GROUP_COUNT;
        run_max = end - begin > run_max ? end - begin : run_max;
        from = end;
    }
    group->run_max = run_max;
    return BLOCK_GROUP_COUNT;
}

/* ---------------------------------------------------------------- all groups */

static void use(struct blocks *blocks, struct extent extent)
{
    bits_set(&blocks->groups[extent.block / BLOCK_GROUP_COUNT], extent.block % BLOCK_GROUP_COUNT, extent.count, true);
    blocks->used += extent.count;
    if (extent.block + extent.count > blocks->end)
        blocks->end = extent.block + extent.count;
}

enum areg_error blocks_claim(struct blocks *blocks, struct extent extent)
{
    const uint64_t group_index = extent.block / BLOCK_GROUP_COUNT;
    const uint64_t offset = extent.block % BLOCK_GROUP_COUNT;
    if (group_index >= GROUP_COUNT_LIMIT || extent.count == 0 || offset + extent.count > BLOCK_GROUP_COUNT)
        return AREG_ECORRUPT;
    const enum areg_error error = grow(blocks, group_index + 1);
    if (error)
        return error;
    if (bit_find(&blocks->groups[group_index], (uint32_t)offset, true) < offset + extent.count)
        return AREG_ECORRUPT;
    use(blocks, extent);
    return AREG_OK;
}

void blocks_free(struct blocks *blocks, struct extent extent)
{
    struct block_group *const group = &blocks->groups[extent.block / BLOCK_GROUP_COUNT];
    CHECK(extent.block / BLOCK_GROUP_COUNT < blocks->group_count);
    bits_set(group, extent.block % BLOCK_GROUP_COUNT, extent.count, false);
    group->run_max = BLOCK_GROUP_COUNT;
    blocks->used -= extent.count;
}

/** Use the first free run of `count` blocks below `end`. */
static bool run_use(struct blocks *blocks, uint32_t count, uint64_t end, struct extent *extent)
{
    for (uint64_t i = 0; i < blocks->group_count && i * BLOCK_GROUP_COUNT < end; i++) {
        if (blocks->groups[i].run_max < count)
            continue;
        const uint64_t left = end - i * BLOCK_GROUP_COUNT;
        const uint32_t limit = left < BLOCK_GROUP_COUNT ? (uint32_t)left : BLOCK_GROUP_COUNT;
        const uint32_t at = run_find(&blocks->groups[i], count, limit);
        if (at == BLOCK_GROUP_COUNT)
            continue;
        *extent = (struct extent){.block = i * BLOCK_GROUP_COUNT + at, .count = count};
        use(blocks, *extent);
        return true;
    }
    return false;
}

/** Meet a request by runs of half the size, a quarter, ...; false, and nothing has changed, if that takes too many. */
static bool runs_use(struct blocks *blocks, uint32_t count, struct extent extents[EXTENT_COUNT_MAX],
                     uint32_t *extent_count)
{
    uint32_t want = count / 2;
    uint32_t left = count;
    *extent_count = 0;
    while (left > 0 && want > 0 && *extent_count < EXTENT_COUNT_MAX) {
        want = want < left ? want : left;
        if (run_use(blocks, want, blocks->end, &extents[*extent_count]))
            left -= extents[(*extent_count)++].count;
        else
            want /= 2;
    }
    if (left == 0)
        return true;
    while (*extent_count > 0)
        blocks_free(blocks, extents[--*extent_count]);
    return false;
}

enum areg_error blocks_allocate(struct blocks *blocks, uint32_t count, struct extent extents[EXTENT_COUNT_MAX],
                                uint32_t *extent_count)
{
    CHECK(count >= 1 && count <= BLOCK_GROUP_COUNT);
    *extent_count = 1;
    if (run_use(blocks, count, blocks->end, extents))
        return AREG_OK;
    const uint64_t free_count = blocks->end - blocks->used;
    if (free_count >= count && free_count >= blocks->end / BLOCK_SLACK_SHARE &&
        runs_use(blocks, count, extents, extent_count))
        return AREG_OK;
    *extent_count = 1;
    if (run_use(blocks, count, UINT64_MAX, extents))
        return AREG_OK;
    const enum areg_error error = grow(blocks, blocks->group_count + 1);
    if (error)
        return error;
    const bool is_found = run_use(blocks, count, UINT64_MAX, extents);
    CHECK(is_found);
    return AREG_OK;
}
