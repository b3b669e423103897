/*
 * get-data of TREAS, asking half: whom it asks for fragments, and when it ends. The rule that picks the tag has tests
 * of its own, test_treas_rule.c, and so have wrong fragments, test_treas_fragments.c.
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

/* ---------------------------------------------------------------- whom it asks */

static void all_are_asked_for_tags_and_k_fast_ones_for_a_fragment(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned slow = 0; slow < 32; slow++) {
        members_reset(&members);
        members_hold_all(&members, 3);
        members.slow.bits = slow;
        members_begin_get(&members, true);
        assert_int_equal(members_take(&members), 5);
        const struct voters asked = asked_for_fragments(0);
        assert_int_equal(voters_count(asked), 3);
        const unsigned fast_count = 5 - voters_count(members.slow);
        assert_int_equal(voters_count(voters_minus(asked, members.slow)), fast_count < 3 ? fast_count : 3);
        members_answer_up_to(&members, 4);
        if (asked.bits < 1 << 4) {
            assert_true(members_has_read(&members, 3));
            assert_true(members.ask.is_complete);
            assert_int_equal(members.ask.round_count, 1);
        }
    }
    members_close(&members);
}

static void a_register_that_was_never_written_is_known_at_the_quorum(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_get(&members, true);
    members_take(&members);
    members_answer_up_to(&members, 4);
    assert_int_equal(members.ask.state, ASK_DONE);
    assert_int_equal(members.ask.chosen, -1);
    members_close(&members);
}

static void a_silent_member_is_replaced_after_the_hedge_by_exactly_one(void **state)
{
    (void)state;
    members_open(&members, "rs:9,5"); /* quorum 7, tolerates 2 */
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 1; i < 9; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.state, ASK_WAITING);
    assert_int_equal(members.ask.wake_ns, members.now_ns + members.hedge_ns);
    unsigned from = members.sent_count;
    members_pass(&members, members.hedge_ns);
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 5);
    assert_int_equal(members.ask.hedge_count, 1);
    /* That one is silent too: as long again, not until a retransmission. */
    assert_true(members.ask.wake_ns <= members.now_ns + members.hedge_ns);
    from = members.sent_count;
    members_pass(&members, members.hedge_ns);
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 6);
    members_answer(&members, 6);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void the_late_one_may_still_be_the_first_to_answer(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 1; i < 5; i++)
        members_answer(&members, i);
    members_pass(&members, members.hedge_ns);
    members_take(&members);
    members_answer(&members, 0);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void one_that_can_not_be_reached_is_replaced_at_once(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    /* Members 0 and 1 do not list the tag; of 2, 3 and 4, two are asked for it later. */
    for (unsigned i = 1; i < 5; i++)
        members_hold(&members, i, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++)
        members_answer(&members, i);
    unsigned from = members.sent_count;
    assert_true(members.ask.due.bits != 0);
    members_lose(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 3);
    from = members.sent_count;
    assert_true(members.ask.wake_ns <= members.now_ns);
    members_pass(&members, 0);
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 4);
    members_answer(&members, 4);
    members_settle(&members, (struct voters){0}, 100 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void nobody_who_can_be_reached_is_no_reason_to_spin(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    unsigned turns = 0;
    const uint64_t until_ns = members.now_ns + 1000 * MS;
    while (members.now_ns < until_ns) {
        members_lose(&members);
        const uint64_t ns = members.ask.wake_ns > members.now_ns ? members.ask.wake_ns - members.now_ns : 0;
        members_pass(&members, ns);
        assert_true(++turns < 50);
    }
    /* The same once tags are known. */
    ask_resend(&members.ask, 0);
    for (unsigned i = 0; i < 5; i++)
        ask_resend(&members.ask, i);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++) {
        struct reply *reply = members_reply(&members, i);
        reply->data.has_fragment = false;
        members_give(&members, i, reply);
    }
    for (turns = 0; members.now_ns < until_ns + 1000 * MS; turns++) {
        members_lose(&members);
        const uint64_t ns = members.ask.wake_ns > members.now_ns ? members.ask.wake_ns - members.now_ns : 0;
        members_pass(&members, ns);
        assert_true(turns < 200);
    }
    members_close(&members);
}

static void a_busy_member_is_replaced_at_once(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    members_take(&members);
    members_refuse(&members, 0, REPLY_BUSY);
    const unsigned from = members.sent_count;
    for (unsigned i = 1; i < 5; i++)
        members_answer(&members, i);
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 3);
    members_answer(&members, 3);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

/* ---------------------------------------------------------------- complete or to be written back */

static void fewer_than_q_holders_must_be_written_back(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    /* The fifth may have it: a little patience. */
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_pass(&members, members.hedge_ns);
    assert_true(members_has_read(&members, 3));
    assert_false(members.ask.is_complete);
    assert_int_equal(ask_chosen_holders(&members.ask).bits, 7);
    members_close(&members);
}

static void one_who_knows_that_it_is_confirmed_is_enough(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members.made[3].confirmed = tag_of(3);
    members_begin_get(&members, true);
    members_take(&members);
    members_answer_up_to(&members, 4);
    assert_true(members_has_read(&members, 3));
    assert_true(members.ask.is_complete);
    members_close(&members);
}

static void a_successor_shown_by_one_of_the_holders_forbids_the_short_way(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++) {
        if (members.ask.state != ASK_WAITING)
            break;
        struct reply *reply = members_reply(&members, i);
        if (i == 1)
            reply->next = members_link(&members);
        members_give(&members, i, reply);
    }
    assert_true(members_has_read(&members, 3));
    assert_false(members.ask.is_complete);
    members_close(&members);
}

static void confirmations_go_to_members_that_have_something_to_drop(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    /* Completed by someone else, who tells all. */
    members_hold_all(&members, 3);
    members_begin_get(&members, true);
    members_take(&members);
    members_answer_up_to(&members, 4);
    assert_true(members_has_read(&members, 3));
    assert_int_equal(ask_unconfirmed(&members.ask).bits, 0);
    /* Something older is still there: remind those who have it, unless they know already. */
    members_reset(&members);
    members_hold(&members, 0, 2);
    members_hold(&members, 1, 2);
    members_hold_all(&members, 3);
    members.made[1].confirmed = tag_of(3);
    members_hold(&members, 2, 5); /* newer ones are no reason */
    members_begin_get(&members, true);
    members_take(&members);
    members_settle(&members, (struct voters){0}, 100 * MS);
    for (unsigned i = 0; i < 5 && members.ask.state == ASK_WAITING; i++)
        members_answer(&members, i);
    members_settle(&members, (struct voters){0}, 100 * MS);
    assert_true(members_has_read(&members, 3));
    assert_int_equal(ask_unconfirmed(&members.ask).bits, 1 << 0);
    /* Completed by this read: nobody else will tell. */
    members_reset(&members);
    for (unsigned i = 0; i < 3; i++)
        members_hold(&members, i, 3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5 && members.ask.state == ASK_WAITING; i++)
        members_answer(&members, i);
    assert_true(members_has_read(&members, 3));
    assert_int_equal(ask_unconfirmed(&members.ask).bits, 31);
    members_close(&members);
}

/* ---------------------------------------------------------------- stat */

static void a_stat_moves_no_fragment_if_the_tag_is_complete(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_hold_all(&members, 3);
    members_begin_get(&members, false);
    members_take(&members);
    members_answer_up_to(&members, 4);
    assert_int_equal(members.ask.state, ASK_DONE);
    assert_true(tag_equal(members.ask.tag, tag_of(3)));
    assert_int_equal(members.ask.piece_count, 0);
    assert_int_equal(asked_for_fragments(0).bits, 0);
    members_close(&members);
}

static void a_stat_that_must_write_back_fetches_k_fragments(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 1; i < 4; i++)
        members_hold(&members, i, 3);
    members_begin_get(&members, false);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++)
        members_answer(&members, i);
    assert_int_equal(members_take(&members), 3);
    assert_int_equal(asked_for_fragments(0).bits, 0xe);
    for (unsigned i = 1; i < 4; i++)
        members_answer(&members, i);
    assert_true(members_has_read(&members, 3));
    assert_false(members.ask.is_complete);
    members_close(&members);
}

static void a_stat_of_nothing_that_must_be_written_back_ends(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned deleted = 0; deleted <= 1; deleted++) {
        members_reset(&members);
        for (unsigned i = 0; i < 3; i++)
            *members_hold(&members, i, 0) = (struct held){.tag = tag_of(3), .flags = deleted ? ENTRY_TOMBSTONE : 0};
        members_begin_get(&members, false);
        members_take(&members);
        for (unsigned i = 0; i < 5 && members.ask.state == ASK_WAITING; i++)
            members_answer(&members, i);
        members_settle(&members, (struct voters){0}, 100 * MS);
        assert_int_equal(members.ask.state, ASK_DONE);
        assert_true(tag_equal(members.ask.tag, tag_of(3)));
        assert_false(members.ask.is_complete);
    }
    members_close(&members);
}

/* ---------------------------------------------------------------- when nothing can be had */

static void undecided_it_asks_again_after_short_delays(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    /* Completed, and dropped everywhere for something that is nowhere yet. */
    for (unsigned i = 0; i < 5; i++)
        members.made[i].trimmed = tag_of(3);
    members_begin_get(&members, true);
    const uint64_t start_ns = members.now_ns;
    unsigned rounds = 0;
    uint64_t last_ns = start_ns;
    while (members.now_ns < start_ns + 3000 * MS) {
        if (members_take(&members) > 0) {
            rounds++;
            assert_true(members.now_ns - last_ns <= 3 * ASK_AGAIN_NS_MAX / 2);
            last_ns = members.now_ns;
            for (unsigned i = 0; i < 5; i++)
                members_answer(&members, i);
        }
        assert_int_equal(members.ask.state, ASK_WAITING);
        assert_true(members.ask.wake_ns > members.now_ns && members.ask.wake_ns < UINT64_MAX);
        members_pass(&members, members.ask.wake_ns - members.now_ns);
    }
    assert_in_range(rounds, 20, 80);
    members_hold_all(&members, 4);
    members_settle(&members, (struct voters){0}, 500 * MS);
    assert_true(members_has_read(&members, 4));
    members_close(&members);
}

static void what_was_dropped_between_list_and_fetch_begins_the_question_again(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 0; i < 5; i++) {
        members_hold(&members, i, 3);
        if (i < 2)
            members_hold(&members, i, 4); /* under way */
    }
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++)
        members_answer(&members, i);
    assert_true(members.ask.due.bits != 0);
    members_take(&members);
    for (unsigned i = 0; i < 5; i++) {
        members.made[i] = (struct made_member){.trimmed = tag_of(3), .confirmed = tag_of(4)};
        members_hold(&members, i, 4);
    }
    members_settle(&members, (struct voters){0}, 20 * MS);
    assert_true(members_has_read(&members, 4));
    members_close(&members);
}

static void an_answer_to_an_older_question_says_nothing_about_a_newer_one(void **state)
{
    (void)state;
    members_open(&members, "rs:4,2"); /* quorum 3 */
    /* 3 has completed; 4 arrives at two members while 3 is fetched, so 4 is wanted from member 3 instead. */
    for (unsigned i = 0; i < 4; i++)
        members_hold(&members, i, 3);
    for (unsigned i = 0; i < 2; i++)
        members_hold(&members, i, 5); /* abandoned at one of them: its fragments come first */
    members.made[1].held_count = 1;
    members_hold(&members, 3, 4);
    members_begin_get(&members, true);
    members_take(&members);
    members_answer(&members, 0);
    members_answer(&members, 1);
    members_answer(&members, 2);
    members_answer(&members, 3);
    /* Whatever is wanted now, a member that lists a tag without being asked for it has not dropped it. */
    for (unsigned i = 0; i < members.ask.candidate_count; i++)
        assert_int_equal(members.ask.candidates[i].gone.bits, 0);
    members_take(&members);
    const unsigned from = members.sent_count;
    for (unsigned i = 0; i < 4 && members.ask.state == ASK_WAITING; i++) {
        struct reply *reply = members_reply(&members, i);
        slice_unref(&reply->payload);
        reply->data.has_fragment = false;
        members_give(&members, i, reply);
    }
    for (unsigned i = 0; i < members.ask.candidate_count; i++)
        assert_int_equal(members.ask.candidates[i].gone.bits, 0);
    (void)from;
    members_close(&members);
}

static void what_a_member_has_dropped_is_not_waited_for(void **state)
{
    (void)state;
    members_open(&members, "rs:4,2"); /* quorum 3 */
    for (unsigned i = 0; i < 4; i++)
        members_hold(&members, i, 3);
    members_hold(&members, 0, 5);
    members_hold(&members, 3, 5);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 3; i++)
        members_answer(&members, i);
    unsigned from = members.sent_count;
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 0); /* for 3 */
    members_answer(&members, 3);
    from = members.sent_count;
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 3); /* for 5 */
    members.made[3] = (struct made_member){.trimmed = tag_of(5)};
    members_answer(&members, 3);
    /* Back to 3, which is on its way: no reason to ask all again. */
    assert_int_equal(members.ask.again_ns, UINT64_MAX);
    members_answer(&members, 0);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void what_was_dropped_for_something_newer_is_not_called_lost(void **state)
{
    (void)state;
    members_open(&members, "rs:6,2");
    members_hold_all(&members, 3);
    for (unsigned i = 0; i < 5; i++)
        members.made[i].held[0].is_rotten = true;
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 6; i++)
        members_answer(&members, i);
    for (unsigned i = 2; i < 4; i++) {
        members_take(&members);
        members_answer(&members, i);
    }
    members_take(&members);
    /* All but the last one turn out to be rotten, and that one has just heard of a newer value. */
    members.made[5] = (struct made_member){.trimmed = tag_of(3)};
    members_hold(&members, 5, 5);
    members_answer(&members, 5);
    members_answer(&members, 4);
    assert_true(members.ask.round_count >= 3);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_hold_all(&members, 5);
    members.made[5].held_count = 1;
    members_settle(&members, (struct voters){0}, 200 * MS);
    assert_true(members_has_read(&members, 5));
    members_close(&members);
}

static void what_the_silent_once_said_does_not_block_for_ever(void **state)
{
    (void)state;
    members_open(&members, "rs:4,2"); /* quorum 3 */
    /* 5 was abandoned at 0 and 1, which have dropped it since; 3 has completed at 1, 2 and 3. */
    members.made[0].trimmed = members.made[1].trimmed = tag_of(5);
    members_hold(&members, 2, 3);
    members_hold(&members, 3, 3);
    members_begin_get(&members, true);
    members_take(&members);
    members_answer(&members, 0);
    members_answer(&members, 1);
    members_answer(&members, 2);
    assert_int_equal(members.ask.floor.z, 5);
    members_answer(&members, 3);
    members_settle(&members, (struct voters){1 << 0}, 1000 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void a_fetch_under_way_is_not_cut_off_by_an_older_plan(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members.hedge_ns = 2 * MS;
    /* Nothing decodes for the moment: to be asked again in a while... */
    for (unsigned i = 0; i < 2; i++)
        members_hold(&members, i, 3);
    members.made[2].trimmed = members.made[3].trimmed = tag_of(3);
    members_begin_get(&members, true);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    members_pass(&members, 2 * MS);
    assert_true(members.ask.again_ns < UINT64_MAX);
    /* ...when a slow one turns out to have it. */
    members_hold(&members, 4, 3);
    members_answer(&members, 4);
    const unsigned from = members.sent_count;
    members_take(&members);
    assert_int_equal(asked_for_fragments(from).bits, 1 << 4);
    members_pass(&members, members.hedge_ns - 1);
    assert_int_equal(members_take(&members), 0);
    members_answer(&members, 4);
    members_settle(&members, (struct voters){0}, 50 * MS);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

/* ---------------------------------------------------------------- judging */

static void absurd_lists_are_no_vote(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    for (unsigned kind = 0; kind < 5; kind++) {
        members_reset(&members);
        members_hold_all(&members, 3);
        members_begin_get(&members, true);
        members_take(&members);
        struct reply *reply = members_reply(&members, 0);
        if (kind == 0)
            reply->data.entries[0].tag.z = TAG_Z_MAX;
        else if (kind == 1)
            reply->data.trimmed.z = TAG_Z_MAX;
        else if (kind == 2)
            reply->data.confirmed.z = UINT64_MAX;
        else if (kind == 3)
            reply->data.entries[0].tag = TAG_ZERO;
        else
            reply->data.entries[0].value_bytes = AREG_VALUE_BYTES_MAX + 1;
        members_give(&members, 0, reply);
        members_answer(&members, 1);
        assert_int_equal(members.ask.state, ASK_WAITING);
        members_answer(&members, 2);
        members_settle(&members, (struct voters){1}, 100 * MS);
        assert_true(members_has_read(&members, 3));
        /* What the absurd one said about completion does not count either. */
        assert_int_equal(voters_count(members.ask.replied), 2);
    }
    members_close(&members);
}

static void too_many_tags_to_remember_never_make_it_forget_a_completed_one(void **state)
{
    (void)state;
    members_open(&members, "rs:32,20");
    members_begin_get(&members, true);
    members_take(&members);
    /* A completed write, and on every member as many abandoned ones of its own as it can list. */
    const struct held completed = {.tag = tag_of(1), .value_index = 1};
    for (unsigned i = 0; i < 32 && members.ask.state == ASK_WAITING; i++) {
        struct reply *reply = members_reply(&members, i);
        reply->data.entry_count = ENTRY_COUNT_MAX;
        reply->data.entries[0] = members_entry(&members, i, &completed);
        for (unsigned j = 1; j < ENTRY_COUNT_MAX; j++) {
            reply->data.entries[j] = reply->data.entries[0];
            reply->data.entries[j].tag = (struct tag){10 + j, 1 + i};
        }
        members_give(&members, i, reply);
    }
    members_settle(&members, (struct voters){0}, 0);
    assert_true(members.ask.state == ASK_WAITING ||
                (members.ask.state == ASK_DONE && members.ask.chosen >= 0 && tag_equal(members.ask.tag, tag_of(1))));
    members_close(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_asked_for_tags_and_k_fast_ones_for_a_fragment),
        cmocka_unit_test(a_register_that_was_never_written_is_known_at_the_quorum),
        cmocka_unit_test(a_silent_member_is_replaced_after_the_hedge_by_exactly_one),
        cmocka_unit_test(the_late_one_may_still_be_the_first_to_answer),
        cmocka_unit_test(one_that_can_not_be_reached_is_replaced_at_once),
        cmocka_unit_test(nobody_who_can_be_reached_is_no_reason_to_spin),
        cmocka_unit_test(a_busy_member_is_replaced_at_once),
        cmocka_unit_test(fewer_than_q_holders_must_be_written_back),
        cmocka_unit_test(one_who_knows_that_it_is_confirmed_is_enough),
        cmocka_unit_test(a_successor_shown_by_one_of_the_holders_forbids_the_short_way),
        cmocka_unit_test(confirmations_go_to_members_that_have_something_to_drop),
        cmocka_unit_test(a_stat_moves_no_fragment_if_the_tag_is_complete),
        cmocka_unit_test(a_stat_that_must_write_back_fetches_k_fragments),
        cmocka_unit_test(a_stat_of_nothing_that_must_be_written_back_ends),
        cmocka_unit_test(undecided_it_asks_again_after_short_delays),
        cmocka_unit_test(what_was_dropped_between_list_and_fetch_begins_the_question_again),
        cmocka_unit_test(an_answer_to_an_older_question_says_nothing_about_a_newer_one),
        cmocka_unit_test(what_a_member_has_dropped_is_not_waited_for),
        cmocka_unit_test(what_was_dropped_for_something_newer_is_not_called_lost),
        cmocka_unit_test(what_the_silent_once_said_does_not_block_for_ever),
        cmocka_unit_test(a_fetch_under_way_is_not_cut_off_by_an_older_plan),
        cmocka_unit_test(absurd_lists_are_no_vote),
        cmocka_unit_test(too_many_tags_to_remember_never_make_it_forget_a_completed_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
