/* Placement: shares, racks, and how little moves when hosts come, go and change. */
#include "reconfig/placement.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HOSTS_MAX = 1200, SLOTS_MAX = 4096 * 9 };

/* Hosts, and where the shards are on them. */
struct field {
    struct placement_rules rules;
    unsigned host_count;
    struct placement_host hosts[HOSTS_MAX];
    uint16_t members[SLOTS_MAX];
};

static struct field *field_of(unsigned shard_count, unsigned n, unsigned k)
{
    struct field *field = calloc(1, sizeof *field);
    assert_non_null(field);
    field->rules = (struct placement_rules){.shard_count = shard_count, .member_count = n, .busy_count = k};
    assert_true(shard_count * n <= SLOTS_MAX);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        field->members[i] = PLACEMENT_NOBODY;
    return field;
}

/* `rack` 0: none. */
static void add_host(struct field *field, unsigned number, unsigned rack, uint32_t weight)
{
    assert_true(field->host_count < HOSTS_MAX);
    struct placement_host *host = &field->hosts[field->host_count++];
    *host = (struct placement_host){.weight = weight};
    snprintf(host->id.text, sizeof host->id.text, "s%u", number);
    if (rack)
        snprintf(host->rack, sizeof host->rack, "r%u", rack);
}

static void add_hosts(struct field *field, unsigned count, unsigned rack_count)
{
    for (unsigned i = 0; i < count; i++) {
        const unsigned number = field->host_count + 1;
        add_host(field, number, rack_count ? 1 + i % rack_count : 0, 100);
    }
}

static unsigned slot_count(const struct field *field)
{
    return field->rules.shard_count * field->rules.member_count;
}

static unsigned in_same_rack(const struct field *field, const uint16_t *members, unsigned position)
{
    const char *rack = field->hosts[members[position]].rack;
    unsigned count = 0;
    for (unsigned i = 0; i < field->rules.member_count; i++)
        count += i == position || (rack[0] && strcmp(field->hosts[members[i]].rack, rack) == 0);
    return count;
}

/* The fewest members in one rack that any placement could have. */
static unsigned rack_members_least(const struct field *field)
{
    for (unsigned most = 1;; most++) {
        unsigned found = 0;
        for (unsigned i = 0; i < field->host_count; i++) {
            if (field->hosts[i].weight == 0)
                continue;
            unsigned before = 0;
            for (unsigned j = 0; j < i; j++)
                before += field->hosts[i].rack[0] && field->hosts[j].weight > 0 &&
                          strcmp(field->hosts[i].rack, field->hosts[j].rack) == 0;
            found += before < most;
        }
        if (found >= field->rules.member_count)
            return most;
    }
}

static void assert_is_sound(const struct field *field)
{
    const unsigned n = field->rules.member_count;
    const unsigned least = rack_members_least(field);
    for (unsigned shard = 0; shard < field->rules.shard_count; shard++) {
        const uint16_t *members = &field->members[shard * n];
        for (unsigned i = 0; i < n; i++) {
            assert_true(members[i] < field->host_count);
            assert_true(field->hosts[members[i]].weight > 0);
            for (unsigned j = 0; j < i; j++)
                assert_int_not_equal(members[i], members[j]);
            assert_true(in_same_rack(field, members, i) <= least);
        }
    }
}

static unsigned held_by(const struct field *field, unsigned host, unsigned position_count)
{
    unsigned count = 0;
    for (unsigned i = 0; i < slot_count(field); i++)
        count += field->members[i] == host && i % field->rules.member_count < position_count;
    return count;
}

/* Every host's slots are less than `slots` away from its share by weight. */
static void assert_shares_within(const struct field *field, double slots)
{
    uint64_t weight = 0;
    for (unsigned i = 0; i < field->host_count; i++)
        weight += field->hosts[i].weight;
    unsigned held[HOSTS_MAX] = {0};
    for (unsigned i = 0; i < slot_count(field); i++)
        held[field->members[i]]++;
    for (unsigned i = 0; i < field->host_count; i++) {
        const double share = (double)slot_count(field) * field->hosts[i].weight / (double)weight;
        assert_true(held[i] - share < slots && share - held[i] < slots);
    }
}

/* Settle, and tell how many slots have another host now; who was a member and still is has its position. */
static unsigned settle(struct field *field)
{
    uint16_t before[SLOTS_MAX];
    memcpy(before, field->members, sizeof before);
    assert_int_equal(placement_settle(field->hosts, field->host_count, &field->rules, field->members), AREG_OK);
    assert_is_sound(field);
    const unsigned n = field->rules.member_count;
    unsigned moved = 0;
    for (unsigned i = 0; i < slot_count(field); i++) {
        moved += field->members[i] != before[i];
        for (unsigned j = i - i % n; j < i - i % n + n; j++)
            assert_true(field->members[i] != before[j] || i == j);
    }
    return moved;
}

static void each_host_has_its_share_of_slots_and_of_busy_positions(void **state)
{
    (void)state;
    struct field *field = field_of(4096, 9, 5);
    add_hosts(field, 1000, 100);
    settle(field);
    assert_shares_within(field, 1.5);
    for (unsigned i = 0; i < field->host_count; i++) {
        const unsigned busy = held_by(field, i, 5); /* 20.48 are fair */
        assert_true(busy >= 18 && busy <= 23);
    }
    free(field);
}

static void a_host_twice_as_large_has_twice_as_much(void **state)
{
    (void)state;
    struct field *field = field_of(1024, 5, 3);
    for (unsigned i = 0; i < 60; i++)
        add_host(field, i, 1 + i % 20, i % 3 == 0 ? 200 : 100);
    settle(field);
    assert_shares_within(field, 2);
    free(field);
}

static void the_order_of_the_list_does_not_matter(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct field *field = field_of(300, 5, 3);
    add_hosts(field, 40, 8);
    settle(field);
    struct field *other = field_of(300, 5, 3);
    memcpy(other->hosts, field->hosts, sizeof other->hosts);
    other->host_count = field->host_count;
    for (unsigned i = other->host_count; i-- > 1;) {
        const unsigned j = (unsigned)random_below(&random, i + 1);
        const struct placement_host swapped = other->hosts[i];
        other->hosts[i] = other->hosts[j];
        other->hosts[j] = swapped;
    }
    settle(other);
    for (unsigned i = 0; i < slot_count(field); i++)
        assert_string_equal(field->hosts[field->members[i]].id.text, other->hosts[other->members[i]].id.text);
    free(field);
    free(other);
}

static void what_is_settled_stays_as_it_is(void **state)
{
    (void)state;
    struct field *field = field_of(500, 9, 5);
    add_hosts(field, 100, 10);
    settle(field);
    assert_int_equal(settle(field), 0);
    free(field);
}

static void hosts_that_come_take_their_share_and_nothing_else_moves(void **state)
{
    (void)state;
    static const unsigned added[] = {1, 10, 50};
    for (unsigned i = 0; i < 3; i++) {
        struct field *field = field_of(1024, 9, 5);
        add_hosts(field, 250, 25);
        settle(field);
        add_hosts(field, added[i], 25);
        const double least = (double)slot_count(field) * added[i] / (250 + added[i]);
        const unsigned moved = settle(field);
        assert_true(moved <= least * 1.05 + 1 && moved >= least * 0.95 - 1);
        assert_shares_within(field, 2);
        unsigned received = 0;
        for (unsigned j = 250; j < field->host_count; j++)
            received += held_by(field, j, 9);
        assert_int_equal(received, moved);
        free(field);
    }
}

static void only_what_was_lost_moves_when_hosts_are_lost(void **state)
{
    (void)state;
    static const unsigned lost[] = {1, 10, 50};
    for (unsigned i = 0; i < 3; i++) {
        struct field *field = field_of(1024, 9, 5);
        add_hosts(field, 250, 25);
        settle(field);
        unsigned least = 0;
        for (unsigned j = 0; j < lost[i]; j++) {
            const unsigned host = j * 25 % 250 + j / 10; /* whole racks */
            least += held_by(field, host, 9);
            field->hosts[host].weight = 0;
        }
        const unsigned moved = settle(field);
        assert_true(moved >= least && moved <= least * 1.05);
        assert_shares_within(field, 2);
        free(field);
    }
}

static void a_host_that_grows_takes_what_it_lacks(void **state)
{
    (void)state;
    struct field *field = field_of(1024, 5, 3);
    add_hosts(field, 100, 20);
    settle(field);
    for (unsigned i = 0; i < 10; i++)
        field->hosts[i].weight *= 2;
    const unsigned moved = settle(field);
    const double least = 10 * (5120 * 2 / 110.0 - 5120 / 100.0);
    assert_true(moved >= least * 0.95 && moved <= least * 1.05);
    assert_shares_within(field, 2);
    free(field);
}

static void a_lost_host_is_replaced_by_many(void **state)
{
    (void)state;
    struct field *field = field_of(1024, 9, 5);
    add_hosts(field, 250, 25);
    settle(field);
    for (unsigned host = 0; host < 250; host += 7) {
        bool is_partner[HOSTS_MAX] = {false};
        unsigned partners = 0;
        for (unsigned i = 0; i < slot_count(field); i++) {
            const unsigned first = i - i % 9;
            for (unsigned j = first; field->members[i] == host && j < first + 9; j++) {
                partners += !is_partner[field->members[j]];
                is_partner[field->members[j]] = true;
            }
        }
        assert_true(partners > 150); /* of 249; 171 are expected at random */
    }
    const unsigned lost = held_by(field, 0, 9);
    field->hosts[0].weight = 0;
    uint16_t before[SLOTS_MAX];
    memcpy(before, field->members, sizeof before);
    settle(field);
    bool is_replacement[HOSTS_MAX] = {false};
    unsigned replacements = 0;
    for (unsigned i = 0; i < slot_count(field); i++) {
        if (before[i] == field->members[i])
            continue;
        replacements += !is_replacement[field->members[i]];
        is_replacement[field->members[i]] = true;
    }
    assert_int_equal(replacements, lost);
    free(field);
}

static void a_new_rack_fits_in_although_each_shard_may_have_one_of_it(void **state)
{
    (void)state;
    struct field *field = field_of(1024, 5, 3);
    add_hosts(field, 30, 5); /* every rack is in every shard */
    settle(field);
    for (unsigned i = 0; i < 6; i++)
        add_host(field, 1000 + i, 6, 100);
    const unsigned moved = settle(field);
    assert_true(moved >= 5120 / 6 - 1 && moved <= 5120 / 6 * 1.05);
    assert_shares_within(field, 2);
    free(field);
}

static void racks_that_do_not_suffice_are_used_evenly(void **state)
{
    (void)state;
    struct field *field = field_of(100, 9, 5);
    add_hosts(field, 40, 4);
    settle(field); /* at most 3 in a rack: 2 + 2 + 2 + 3 */
    assert_shares_within(field, 2);
    free(field);
}

static void a_rack_rule_that_becomes_possible_is_kept_from_then_on(void **state)
{
    (void)state;
    struct field *field = field_of(200, 3, 2);
    add_hosts(field, 8, 2);
    settle(field);
    for (unsigned i = 0; i < 4; i++)
        add_host(field, 100 + i, 3, 100);
    settle(field); /* and is sound: one in each rack */
    for (unsigned i = 0; i < field->host_count; i++)
        assert_int_equal(held_by(field, i, 3), 50);
    free(field);
}

/* All sets of up to 6 hosts of two sizes in up to 3 racks, or in none; then each host is lost, and comes back. */
static void small_cases_are_sound_whatever_they_are(void **state)
{
    (void)state;
    for (unsigned host_count = 1; host_count <= 6; host_count++) {
        unsigned variant_count = 1;
        for (unsigned i = 0; i < host_count; i++)
            variant_count *= 5;
        for (unsigned variant = 0; variant < variant_count; variant += host_count < 6 ? 1 : 3) {
            for (unsigned n = 1; n <= host_count && n <= 4; n++) {
                static struct field field;
                field = (struct field){.rules = {.shard_count = 7, .member_count = n, .busy_count = (n + 1) / 2}};
                memset(field.members, 0xff, 7 * sizeof field.members[0] * n);
                for (unsigned i = 0, digits = variant; i < host_count; i++, digits /= 5)
                    add_host(&field, i, digits % 5 < 3 ? digits % 5 + 1 : 0, digits % 5 == 4 ? 200 : 100);
                uint16_t members[7 * 4];
                assert_int_equal(placement_settle(field.hosts, host_count, &field.rules, field.members), AREG_OK);
                assert_is_sound(&field);
                memcpy(members, field.members, sizeof members[0] * 7 * n);
                for (unsigned i = 0; i < host_count && n < host_count; i++) {
                    const uint32_t weight = field.hosts[i].weight;
                    field.hosts[i].weight = 0;
                    assert_int_equal(placement_settle(field.hosts, host_count, &field.rules, field.members), AREG_OK);
                    assert_is_sound(&field);
                    field.hosts[i].weight = weight;
                    assert_int_equal(placement_settle(field.hosts, host_count, &field.rules, field.members), AREG_OK);
                    assert_is_sound(&field);
                }
            }
        }
    }
}

static void a_life_of_changes_leaves_no_mark(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct field *field = field_of(200, 5, 3);
    add_hosts(field, 60, 12);
    settle(field);
    for (unsigned round = 0; round < 60; round++) {
        const unsigned host = (unsigned)random_below(&random, 60);
        field->hosts[host].weight = field->hosts[host].weight ? 0 : 100;
        settle(field);
        /* With a few hosts down a rack may be small, but none is full. */
        assert_shares_within(field, 2);
    }
    free(field);
}

static void what_can_not_be_is_refused_and_nothing_changes(void **state)
{
    (void)state;
    struct field *field = field_of(10, 5, 3);
    add_hosts(field, 5, 0);
    field->hosts[4].weight = 0;
    assert_int_equal(placement_settle(field->hosts, 5, &field->rules, field->members), AREG_EINVAL);
    field->hosts[4].weight = PLACEMENT_WEIGHT_MAX + 1;
    assert_int_equal(placement_settle(field->hosts, 5, &field->rules, field->members), AREG_EINVAL);
    field->hosts[4].weight = 1;
    field->hosts[4].id = field->hosts[0].id;
    assert_int_equal(placement_settle(field->hosts, 5, &field->rules, field->members), AREG_EINVAL);
    for (unsigned i = 0; i < slot_count(field); i++)
        assert_int_equal(field->members[i], PLACEMENT_NOBODY);
    free(field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_host_has_its_share_of_slots_and_of_busy_positions),
        cmocka_unit_test(a_host_twice_as_large_has_twice_as_much),
        cmocka_unit_test(the_order_of_the_list_does_not_matter),
        cmocka_unit_test(what_is_settled_stays_as_it_is),
        cmocka_unit_test(hosts_that_come_take_their_share_and_nothing_else_moves),
        cmocka_unit_test(only_what_was_lost_moves_when_hosts_are_lost),
        cmocka_unit_test(a_host_that_grows_takes_what_it_lacks),
        cmocka_unit_test(a_lost_host_is_replaced_by_many),
        cmocka_unit_test(a_new_rack_fits_in_although_each_shard_may_have_one_of_it),
        cmocka_unit_test(racks_that_do_not_suffice_are_used_evenly),
        cmocka_unit_test(a_rack_rule_that_becomes_possible_is_kept_from_then_on),
        cmocka_unit_test(small_cases_are_sound_whatever_they_are),
        cmocka_unit_test(a_life_of_changes_leaves_no_mark),
        cmocka_unit_test(what_can_not_be_is_refused_and_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
