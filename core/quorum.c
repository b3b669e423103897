#include "core/quorum.h"

#include "core/check.h"
#include "core/limits.h"

void voters_add(struct voters *voters, unsigned member_index)
{
    CHECK(member_index < MEMBER_COUNT_MAX);
    voters->bits |= UINT32_C(1) << member_index;
}

void voters_remove(struct voters *voters, unsigned member_index)
{
    CHECK(member_index < MEMBER_COUNT_MAX);
    voters->bits &= ~(UINT32_C(1) << member_index);
}

bool voters_has(struct voters voters, unsigned member_index)
{
    CHECK(member_index < MEMBER_COUNT_MAX);
    return (voters.bits >> member_index) & 1u;
}

unsigned voters_count(struct voters voters)
{
    return (unsigned)__builtin_popcount(voters.bits);
}

struct voters voters_all(unsigned count)
{
    CHECK(count <= MEMBER_COUNT_MAX);
    return (struct voters){count == 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1};
}

struct voters voters_minus(struct voters a, struct voters b)
{
    return (struct voters){a.bits & ~b.bits};
}

struct voters voters_union(struct voters a, struct voters b)
{
    return (struct voters){a.bits | b.bits};
}

struct voters voters_common(struct voters a, struct voters b)
{
    return (struct voters){a.bits & b.bits};
}

unsigned quorum_majority(unsigned n)
{
    return n / 2 + 1;
}

unsigned quorum_coded(unsigned n, unsigned k)
{
    CHECK(k >= 1 && k <= n);
    return (n + k + 1) / 2;
}
