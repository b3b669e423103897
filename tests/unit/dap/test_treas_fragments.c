/*
 * get-data of TREAS, asking half: fragments that are damaged, wrong or missing, and what is made of the others.
 */
#include "members.h"

#include "codec/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct members members;

/* Who has been asked for a fragment since `from`. */
static struct voters asked_for_fragments(unsigned from)
{
    struct voters asked = {0};
    for (unsigned i = from; i < members.sent_count; i++)
        if (members.sent[i].wanted.want != WANT_TAGS)
            voters_add(&asked, members.sent[i].member_index);
    return asked;
}

static void a_fragment_that_rotted_on_its_member_is_replaced(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members.made[1].held[0].is_rotten = true;
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5 && members.ask.state == ASK_WAITING; i++)
        members_answer(&members, i);
    const unsigned from = 5;
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 3);
    members_answer(&members, 3);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void a_fragment_damaged_on_its_way_is_found_by_its_checksum(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned bent = 0; bent < 3; bent++) {
        members_reset(&members);
        members_hold_all(&members, 3);
        members.made[bent].held[0].is_bent = true;
        members_begin_get(&members, true);
        members_take(&members);
        for (unsigned i = 0; i < 5 && members.ask.state == ASK_WAITING; i++)
            members_answer(&members, i);
        assert_int_equal(members.ask.state, ASK_WAITING);
        assert_int_equal(members_take(&members), 1);
        members_answer(&members, 3);
        assert_true(members_has_read(&members, 3));
    }
    members_close(&members);
}

static void a_wrong_fragment_with_a_right_checksum_is_found_by_leaving_one_out(void **state)
{
    (void)state;
    members_open(&members, "rs:6,3");
    for (unsigned wrong = 0; wrong < 6; wrong++) {
        for (unsigned silent = 0; silent < 6; silent++) {
            if (silent == wrong)
                continue;
            members_reset(&members);
            members_hold_all(&members, 3);
            members.made[wrong].held[0].is_wrong = true;
            members_begin_get(&members, true);
            members_settle(&members, (struct voters){1u << silent}, 150 * MS);
            assert_true(members_has_read(&members, 3));
            /* One more fragment than k, and one more for the silent one. */
            assert_true(members_asked(&members, 6, silent) <= 1);
            assert_true(members.sent_count <= 6 + 3);
        }
    }
    members_close(&members);
}

static void the_one_more_fragment_is_asked_for_once(void **state)
{
    (void)state;
    members_open(&members, "rs:6,3");
    members_hold_all(&members, 3);
    members.made[0].held[0].is_wrong = true;
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++)
        members_answer(&members, i);
    const unsigned from = members.sent_count;
    members_take(&members);
    assert_int_equal(members.sent_count, from + 1);
    /* News of others is no reason to ask again. */
    members_answer(&members, 5);
    members_pass(&members, 1 * MS);
    members_take(&members);
    assert_int_equal(members.sent_count, from + 1);
    members_answer(&members, members.sent[from].member_index);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void a_member_that_answers_late_may_bring_the_one_more_fragment(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members_hold(&members, 4, 3);
    members.made[0].held[0].is_wrong = true;
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    members_take(&members);
    members_answer(&members, 4);
    members_settle(&members, (struct voters){0}, 200 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void once_the_wrong_one_is_named_no_more_fragments_are_needed(void **state)
{
    (void)state;
    members_open(&members, "rs:6,2"); /* quorum 4 */
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members.made[0].held[0].is_wrong = true;
    members_begin_get(&members, true);
    /* Three holders are no quorum, and one member is silent: it waits a little before it is written back. */
    members_settle(&members, (struct voters){1 << 5}, 100 * MS);
    assert_true(members_has_read(&members, 3));
    assert_false(members.ask.is_complete);
    assert_int_equal(members.sent_count, 6 + 1);
    members_close(&members);
}

static void what_comes_after_the_value_was_put_together_is_not_written_back(void **state)
{
    (void)state;
    members_open(&members, "rs:6,2");
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members.made[0].held[0].is_bent = true;
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 1; i < 6; i++)
        members_answer(&members, i);
    members_pass(&members, members.hedge_ns);
    members_take(&members);
    members_answer(&members, 2);
    assert_int_equal(members.ask.state, ASK_WAITING); /* for member 0, which may have it */
    members_answer(&members, 0);
    assert_true(members_has_read(&members, 3));
    assert_false(members.ask.is_complete);
    /* Nobody has looked at what member 0 sent: the fragments that are rebuilt must not come of it. */
    const struct coded_value *found = &members.ask.candidates[members.ask.chosen].value;
    assert_true(voters_count(found->present) >= 2);
    for (unsigned i = 0; i < 6; i++)
        if (voters_has(found->present, i))
            assert_true(slice_equal(found->fragments[i], members.fragments[3][i]));
    members_close(&members);
}

static void what_was_left_over_when_the_value_was_put_together_is_not_written_back(void **state)
{
    (void)state;
    members_open(&members, "rs:6,2");
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members.made[2].held[0].is_bent = true;
    members.made[3].trimmed = members.made[4].trimmed = tag_of(5);
    members_begin_get(&members, true);
    members_take(&members);
    static const unsigned first[] = {0, 1, 3, 4}; /* undecided: 5 may have completed */
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, first[i]);
    members.ask.slow.bits = 1 << 0; /* so that members 1 and 2 are asked for fragments now */
    for (unsigned i = 0; i < 2; i++)
        members_pass(&members, members.ask.wake_ns - members.now_ns);
    assert_int_equal(members_take(&members), 6);
    static const unsigned second[] = {2, 1, 0, 5};
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, second[i]);
    members_pass(&members, members.hedge_ns);
    assert_true(members_has_read(&members, 3));
    const struct coded_value *found = &members.ask.candidates[members.ask.chosen].value;
    for (unsigned i = 0; i < 6; i++)
        if (voters_has(found->present, i))
            assert_true(slice_equal(found->fragments[i], members.fragments[3][i]));
    members_close(&members);
}

/* Value 3 is so short from now on. */
static void shorten_value(size_t value_bytes)
{
    struct slice *fragments = members.fragments[3];
    const struct slice value = slice_copy(slice_borrow("\x5a\xa5", value_bytes));
    assert_non_null(value.owner);
    for (unsigned i = 0; i < members.config.code.n; i++)
        slice_unref(&fragments[i]);
    slice_unref(&members.values[3]);
    members.values[3] = value;
    assert_int_equal(codec_encode(members.codec, value, voters_all(members.config.code.n), fragments), AREG_OK);
}

/* Of 2 bytes in 3 data fragments, the last one is nothing but padding, which the value's digest does not cover. */
static void damage_where_the_value_has_ended_gets_into_no_other_fragment(void **state)
{
    (void)state;
    members_open(&members, "rs:7,3");
    shorten_value(2);
    for (unsigned run = 0; run < 4; run++) {
        const bool is_moving = run & 1;
        const bool is_held_by_all = run & 2; /* else it is written back */
        members_reset(&members);
        for (unsigned i = 0; i < (is_held_by_all ? 7 : 4); i++)
            members_hold(&members, i, 3);
        for (unsigned i = 0; i < 7; i++)
            members.made[i].knows_successor = is_moving;
        members.made[2].held[0].is_bent = true;
        members.is_moving = is_moving;
        members_begin_get(&members, true);
        members_settle(&members, (struct voters){0}, 150 * MS);
        assert_true(members_has_read(&members, 3));
        assert_true(is_held_by_all || is_moving || !members.ask.is_complete);
        const struct coded_value *found = &members.ask.candidates[members.ask.chosen].value;
        assert_int_equal(voters_count(found->present), 3);
        for (unsigned i = 0; i < 7; i++)
            if (voters_has(found->present, i))
                assert_true(slice_equal(found->fragments[i], members.fragments[3][i]));
    }
    members_close(&members);
}

static void two_values_under_one_tag_are_never_mixed(void **state)
{
    (void)state;
    members_open(&members, "rs:4,2");
    /* Any two fragments of one value, and whatever comes first; the values are of one size, or not. */
    for (unsigned other = 4; other <= 5; other++) {
        for (unsigned split = 0; split < 16; split++) {
            for (unsigned first = 0; first < 4; first++) {
                members_reset(&members);
                for (unsigned i = 0; i < 4; i++)
                    members_hold(&members, i, split >> i & 1 ? 3 : other)->tag = tag_of(3);
                members_begin_get(&members, true);
                members_take(&members);
                for (unsigned i = 0; i < 4 && members.ask.state == ASK_WAITING; i++)
                    members_answer(&members, (first + i) % 4);
                members_settle(&members, (struct voters){0}, 500 * MS);
                assert_int_equal(members.ask.state, ASK_DONE);
                assert_true(members_read(&members, 3) || members_read(&members, other));
            }
        }
    }
    members_close(&members);
}

static void too_few_intact_fragments_are_told_when_all_members_have_answered(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned silent = 0; silent <= 1; silent++) {
            members_reset(&members);
            members_hold_all(&members, 3);
            for (unsigned i = 0; i < 3; i++) {
                struct held *held = &members.made[i].held[0];
                held->flags = kind == 0 ? ENTRY_DAMAGED : 0;
                held->is_rotten = kind == 1;
                held->is_bent = kind == 2;
            }
            members_begin_get(&members, true);
            members_settle(&members, (struct voters){silent ? 1 << 4 : 0}, 5000 * MS);
            assert_int_equal(members.ask.state, silent ? ASK_WAITING : ASK_FAILED);
            if (!silent)
                assert_int_equal(members.ask.error, AREG_ECORRUPT);
        }
    }
    members_close(&members);
}

static void what_was_damaged_on_its_way_can_be_had_in_another_round(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    /* One never got it and one does not answer, so that each of the three fragments is needed; each is bent once. */
    for (unsigned i = 0; i < 3; i++)
        members.made[i].held[0].is_bent = true;
    members.made[3] = members.made[4] = (struct made_member){0};
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.state, ASK_WAITING);
    for (unsigned i = 0; i < 3; i++)
        members.made[i].held[0].is_bent = false;
    members_settle(&members, (struct voters){1 << 4}, 1000 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void nothing_is_called_lost_while_a_member_is_only_busy(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members.made[0].held[0].flags = members.made[1].held[0].flags = ENTRY_DAMAGED;
    members_begin_get(&members, true);
    for (unsigned i = 0; i < 20; i++) {
        const unsigned from = members.sent_count;
        members_take(&members);
        for (unsigned j = from; j < members.sent_count && members.ask.state == ASK_WAITING; j++) {
            if (members.sent[j].member_index == 4)
                members_refuse(&members, 4, REPLY_BUSY);
            else
                members_answer(&members, members.sent[j].member_index);
        }
        assert_int_equal(members.ask.state, ASK_WAITING);
        members_pass(&members, members.ask.wake_ns - members.now_ns);
    }
    members_settle(&members, (struct voters){0}, 3000 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void a_damaged_fragment_of_an_abandoned_write_is_no_corruption(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    /* 2 has completed and been dropped by two for a newer 3, which has not arrived everywhere yet; nothing can be had
     * for the moment, but nothing is lost. 5 was abandoned, and its one fragment rots. */
    for (unsigned i = 0; i < 2; i++)
        members_hold(&members, i, 2);
    for (unsigned i = 2; i < 4; i++) {
        members_hold(&members, i, 3);
        members.made[i].trimmed = tag_of(2);
    }
    members.made[4].trimmed = tag_of(2);
    members_hold(&members, 4, 5)->flags = ENTRY_DAMAGED;
    members_begin_get(&members, true);
    members_settle(&members, (struct voters){0}, 500 * MS);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_hold(&members, 0, 3);
    members_settle(&members, (struct voters){0}, 500 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void an_abandoned_write_that_can_not_be_read_blocks_nobody(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    /* 3 has completed. 5 was abandoned on three members, one of which has lost its fragment: the four that answer first
     * can not tell whether it has completed, all five can. */
    members_hold_all(&members, 3);
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 5)->flags = i == 0 ? ENTRY_DAMAGED : 0;
    members_begin_get(&members, true);
    members_settle(&members, (struct voters){0}, 20 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fragment_that_rotted_on_its_member_is_replaced),
        cmocka_unit_test(a_fragment_damaged_on_its_way_is_found_by_its_checksum),
        cmocka_unit_test(a_wrong_fragment_with_a_right_checksum_is_found_by_leaving_one_out),
        cmocka_unit_test(the_one_more_fragment_is_asked_for_once),
        cmocka_unit_test(a_member_that_answers_late_may_bring_the_one_more_fragment),
        cmocka_unit_test(once_the_wrong_one_is_named_no_more_fragments_are_needed),
        cmocka_unit_test(what_comes_after_the_value_was_put_together_is_not_written_back),
        cmocka_unit_test(what_was_left_over_when_the_value_was_put_together_is_not_written_back),
        cmocka_unit_test(damage_where_the_value_has_ended_gets_into_no_other_fragment),
        cmocka_unit_test(two_values_under_one_tag_are_never_mixed),
        cmocka_unit_test(too_few_intact_fragments_are_told_when_all_members_have_answered),
        cmocka_unit_test(what_was_damaged_on_its_way_can_be_had_in_another_round),
        cmocka_unit_test(nothing_is_called_lost_while_a_member_is_only_busy),
        cmocka_unit_test(a_damaged_fragment_of_an_abandoned_write_is_no_corruption),
        cmocka_unit_test(an_abandoned_write_that_can_not_be_read_blocks_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
