#include "core/tag.h"

#include "core/check.h"

int tag_compare(struct tag a, struct tag b)
{
    if (a.z != b.z)
        return a.z < b.z ? -1 : 1;
    return (a.w > b.w) - (a.w < b.w);
}

bool tag_equal(struct tag a, struct tag b)
{
    return a.z == b.z && a.w == b.w;
}

bool tag_is_zero(struct tag tag)
{
    return tag.z == 0 && tag.w == 0;
}

struct tag tag_max(struct tag a, struct tag b)
{
    return tag_compare(a, b) >= 0 ? a : b;
}

void tag_source_init(struct tag_source *source, uint64_t random)
{
    const uint64_t high = random << TAG_WRITE_COUNT_BITS;
    source->random40 = high ? high : UINT64_C(1) << TAG_WRITE_COUNT_BITS;
    source->write_count = 0;
}

bool tag_source_is_spent(const struct tag_source *source)
{
    return source->write_count >= (UINT32_C(1) << TAG_WRITE_COUNT_BITS);
}

struct tag tag_source_next(struct tag_source *source, struct tag newest)
{
    CHECK(!tag_source_is_spent(source));
    CHECK(newest.z < UINT64_MAX);
    return (struct tag){.z = newest.z + 1, .w = source->random40 | source->write_count++};
}
