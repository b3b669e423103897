/* Quorum arithmetic against a twin that enumerates every subset of the members. */
#include "core/quorum.h"

#include "core/limits.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ENUMERATED_MAX = 12, SUBSET_COUNT_MAX = 924 }; /* C(12,6) */

static unsigned count_bits_slowly(unsigned set)
{
    unsigned count = 0;
    for (unsigned i = 0; i < ENUMERATED_MAX; i++)
        count += (set >> i) & 1u;
    return count;
}

/* The fewest members that any two sets of `set_count` members out of n share, found by trying all of them. */
static unsigned shared_by_any_two(unsigned n, unsigned set_count)
{
    unsigned sets[SUBSET_COUNT_MAX];
    unsigned subset_count = 0;
    for (unsigned set = 0; set < 1u << n; set++)
        if (count_bits_slowly(set) == set_count)
            sets[subset_count++] = set;
    unsigned fewest = n;
    for (unsigned i = 0; i < subset_count; i++)
        for (unsigned j = i; j < subset_count; j++) {
            const unsigned shared = count_bits_slowly(sets[i] & sets[j]);
            if (shared < fewest)
                fewest = shared;
        }
    return fewest;
}

static void any_two_majorities_share_a_member_and_no_fewer_would_do(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= ENUMERATED_MAX; n++) {
        const unsigned q = quorum_majority(n);
        assert_in_range(q, 1, n);
        assert_true(shared_by_any_two(n, q) >= 1);
        assert_true(shared_by_any_two(n, q - 1) == 0);
    }
}

static void any_two_coded_quorums_share_k_members_and_no_fewer_would_do(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= ENUMERATED_MAX; n++) {
        unsigned shared[ENUMERATED_MAX + 1];
        for (unsigned count = 0; count <= n; count++)
            shared[count] = shared_by_any_two(n, count);
        for (unsigned k = 1; k <= n; k++) {
            const unsigned q = quorum_coded(n, k);
            assert_in_range(q, k, n);
            assert_true(shared[q] >= k);
            assert_true(shared[q - 1] < k);
        }
    }
}

static void every_coded_quorum_meets_every_majority(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MEMBER_COUNT_MAX; n++)
        for (unsigned k = 1; k <= n; k++)
            assert_true(quorum_coded(n, k) + quorum_majority(n) > n);
}

static void a_coded_quorum_of_whole_copies_is_a_majority(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MEMBER_COUNT_MAX; n++)
        assert_int_equal(quorum_coded(n, 1), quorum_majority(n));
}

static void a_coded_quorum_leaves_half_of_the_parity_to_fail(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= MEMBER_COUNT_MAX; n++)
        for (unsigned k = 1; k <= n; k++)
            assert_int_equal(n - quorum_coded(n, k), (n - k) / 2);
}

static void the_first_members_are_those_below_the_count(void **state)
{
    (void)state;
    for (unsigned count = 0; count <= MEMBER_COUNT_MAX; count++) {
        const struct voters voters = voters_all(count);
        assert_int_equal(voters_count(voters), count);
        for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++)
            assert_int_equal(voters_has(voters, i), i < count);
    }
}

static void a_member_that_votes_twice_counts_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        struct voters voters = {0};
        voters_add(&voters, i);
        voters_add(&voters, i);
        assert_int_equal(voters_count(voters), 1);
        voters_remove(&voters, i);
        assert_int_equal(voters_count(voters), 0);
        voters_remove(&voters, i);
        assert_int_equal(voters_count(voters), 0);
    }
}

/* A set of voters as a plain array. */
struct twin {
    bool is_in[MEMBER_COUNT_MAX];
};

static void assert_same(struct voters voters, const struct twin *twin)
{
    unsigned count = 0;
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        assert_int_equal(voters_has(voters, i), twin->is_in[i]);
        count += twin->is_in[i];
    }
    assert_int_equal(voters_count(voters), count);
}

static void voters_are_a_set(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct voters voters[2] = {{0}, {0}};
    struct twin twins[2] = {0};
    for (unsigned step = 0; step < 20000; step++) {
        const unsigned which = (unsigned)random_below(&random, 2);
        const unsigned member_index = (unsigned)random_below(&random, MEMBER_COUNT_MAX);
        const bool is_added = random_below(&random, 2) == 0;
        if (is_added)
            voters_add(&voters[which], member_index);
        else
            voters_remove(&voters[which], member_index);
        twins[which].is_in[member_index] = is_added;
        assert_same(voters[which], &twins[which]);

        struct twin both = {0};
        struct twin only_first = {0};
        for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
            both.is_in[i] = twins[0].is_in[i] || twins[1].is_in[i];
            only_first.is_in[i] = twins[0].is_in[i] && !twins[1].is_in[i];
        }
        assert_same(voters_union(voters[0], voters[1]), &both);
        assert_same(voters_minus(voters[0], voters[1]), &only_first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_two_majorities_share_a_member_and_no_fewer_would_do),
        cmocka_unit_test(any_two_coded_quorums_share_k_members_and_no_fewer_would_do),
        cmocka_unit_test(every_coded_quorum_meets_every_majority),
        cmocka_unit_test(a_coded_quorum_of_whole_copies_is_a_majority),
        cmocka_unit_test(a_coded_quorum_leaves_half_of_the_parity_to_fail),
        cmocka_unit_test(the_first_members_are_those_below_the_count),
        cmocka_unit_test(a_member_that_votes_twice_counts_once),
        cmocka_unit_test(voters_are_a_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
