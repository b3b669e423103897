/*
 * What asks make of successors that members show: which of them are believed, how a worker's question makes sure that
 * every member that answers knows the one that it works for, and how a worker puts.
 */
#include "members.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct members members;

static struct voters voters_of(unsigned bits)
{
    return (struct voters){bits};
}

/* Let a member answer, and show this. */
static void answer_showing(unsigned member_index, enum reply_status status, enum link_status link, struct slice next)
{
    struct reply *reply = members_reply(&members, member_index);
    reply->status = status;
    reply->next = (struct link){.status = link, .descriptor = next};
    members_give(&members, member_index, reply);
}

/* ---------------------------------------------------------------- what is believed */

enum { STRANGE_COUNT = 10 };

/* Descriptors that can not be of the pending successor. */
static void make_strange(struct slice strange[STRANGE_COUNT])
{
    struct config config = members_later_config(&members, 1);
    config.shard++;
    strange[0] = members_describe(&config);
    config = members_later_config(&members, 1);
    config.cluster.bytes[7] ^= 1;
    strange[9] = members_describe(&config);
    config = members_later_config(&members, 2);
    strange[1] = members_describe(&config);
    config = members_later_config(&members, 0);
    strange[2] = members_describe(&config);
    config = members_later_config(&members, 1);
    config.parent.bytes[15] ^= 1;
    strange[3] = members_describe(&config);
    config = members.config; /* a configuration is not its own successor */
    strange[4] = members_describe(&config);
    strange[5] = slice_copy(slice_borrow("nonsense", 8));
    strange[6] = slice_copy(slice_borrow(members.successor.at, members.successor.bytes - 1));
    strange[7] = slice_copy(members.successor);
    buffer_at(strange[7].owner)[0] ^= 1; /* another format */
    strange[8] = (struct slice){0};
}

static void a_successor_that_can_not_be_one_is_no_vote(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    struct slice strange[STRANGE_COUNT];
    make_strange(strange);
    for (unsigned i = 0; i < STRANGE_COUNT; i++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            members_reset(&members);
            if (kind == 0)
                members_begin_get_tag(&members);
            else if (kind == 1)
                members_begin_get(&members, true);
            else
                members_begin_put(&members, 3, (struct voters){0});
            members_take(&members);
            answer_showing(0, REPLY_OK, LINK_PENDING, strange[i]);
            assert_false(ask_sees_next(&members.ask));
            assert_int_equal(members.ask.replied.bits, 0);
            assert_int_equal(members.ask.members[0].status, REPLY_INVALID);
            for (unsigned j = 1; j < 5; j++)
                answer_showing(j, REPLY_OK, j == 4 ? LINK_NONE : LINK_PENDING,
                               j == 4 ? (struct slice){0} : members.successor);
            assert_int_equal(members.ask.state, ASK_DONE);
            assert_int_equal(members.ask.replied.bits, 0x1e);
            assert_int_equal(members.ask.shown.bits, 0xe);
            assert_true(slice_equal(members.ask.next, members.successor));
        }
    }
    for (unsigned i = 0; i < STRANGE_COUNT; i++)
        slice_unref(&strange[i]);
    members_close(&members);
}

static void a_second_successor_is_not_believed(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    struct config other = members_later_config(&members, 1);
    other.time_ns = 1;
    struct slice second = members_describe(&other);
    members_begin_get_tag(&members);
    members_take(&members);
    answer_showing(0, REPLY_OK, LINK_PENDING, members.successor);
    answer_showing(1, REPLY_OK, LINK_PENDING, second);
    assert_int_equal(members.ask.replied.bits, 1);
    assert_int_equal(members.ask.shown.bits, 1);
    assert_int_equal(members.ask.state, ASK_WAITING);
    /* It is asked again, like any that talks nonsense. */
    members_pass(&members, ASK_RETRY_NS_MAX);
    members_take(&members);
    answer_showing(1, REPLY_OK, LINK_PENDING, members.successor);
    assert_int_equal(members.ask.state, ASK_DONE);
    assert_int_equal(members.ask.shown.bits, 3);
    slice_unref(&second);
    members_close(&members);
}

static void the_retired_name_a_later_configuration(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    for (unsigned steps = 0; steps <= 5; steps++) {
        struct config config = members_later_config(&members, steps);
        struct slice descriptor = members_describe(&config);
        members_reset(&members);
        members_begin_put(&members, 3, (struct voters){0});
        members_take(&members);
        answer_showing(2, REPLY_RETIRED, LINK_FINALIZED, descriptor);
        assert_int_equal(members.ask.replied.bits, 0);
        assert_int_equal(members.ask.state, ASK_WAITING);
        /* Any later one, of whatever parent; this one, or an earlier one, is no news. */
        assert_int_equal(ask_sees_next(&members.ask), steps > 0);
        assert_true(slice_equal(members.ask.later, steps > 0 ? descriptor : (struct slice){0}));
        assert_int_equal(members.ask.shown.bits, 0);
        slice_unref(&descriptor);
    }
    /* Nonsense, and that of another shard or another cluster, is no news at all. */
    struct config config = members_later_config(&members, 2);
    config.shard++;
    struct slice elsewhere = members_describe(&config);
    config.shard--;
    config.cluster.bytes[7] ^= 1;
    struct slice foreign = members_describe(&config);
    members_reset(&members);
    members_begin_put(&members, 3, (struct voters){0});
    members_take(&members);
    answer_showing(0, REPLY_RETIRED, LINK_FINALIZED, elsewhere);
    answer_showing(1, REPLY_RETIRED, LINK_FINALIZED, slice_borrow("nonsense", 8));
    answer_showing(2, REPLY_RETIRED, LINK_FINALIZED, (struct slice){0});
    assert_false(ask_sees_next(&members.ask));
    members_reset(&members);
    members_begin_put(&members, 3, (struct voters){0});
    members_take(&members);
    answer_showing(0, REPLY_RETIRED, LINK_FINALIZED, foreign);
    assert_false(ask_sees_next(&members.ask));
    slice_unref(&elsewhere);
    slice_unref(&foreign);
    members_close(&members);
}

static void whoever_does_not_know_the_configuration_may_know_a_later_one(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    struct config earlier = members.config;
    earlier.index--;
    struct slice descriptor = members_describe(&earlier);
    members_begin_get_tag(&members);
    members_take(&members);
    /* It is behind: that is no news, and no nonsense either. */
    answer_showing(0, REPLY_UNKNOWN_CONFIG, LINK_FINALIZED, descriptor);
    answer_showing(1, REPLY_UNKNOWN_CONFIG, LINK_NONE, (struct slice){0});
    assert_false(ask_sees_next(&members.ask));
    assert_int_equal(members.ask.members[0].status, REPLY_UNKNOWN_CONFIG);
    answer_showing(2, REPLY_UNKNOWN_CONFIG, LINK_FINALIZED, members.later);
    assert_true(slice_equal(members.ask.later, members.later));
    slice_unref(&descriptor);
    members_close(&members);
}

/* ---------------------------------------------------------------- a worker's questions */

static void begin_moving_get(void)
{
    members_reset(&members);
    members.is_moving = true;
    members_begin_get(&members, true);
    members_take(&members);
}

static void without_the_link_a_reply_is_no_vote_and_the_link_is_written_first(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned i = 0; i < 5; i++)
        members_hold(&members, i, 3);
    members.is_moving = true;
    members_begin_get(&members, true);
    members_take(&members);
    /* All but one lack it. */
    members.made[4].knows_successor = true;
    for (unsigned i = 0; i < 5; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.replied.bits, 1 << 4);
    assert_int_equal(members.ask.state, ASK_WAITING);
    unsigned from = members.sent_count;
    assert_int_equal(members_take(&members), 4);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(members_sent(&members, from, i, MESSAGE_WRITE_CONFIG), 1);
        members.made[i].knows_successor = true;
        /* That it has recorded it is not the answer: the question is put again. */
        members_answer(&members, i);
        assert_int_equal(members.ask.replied.bits, 1 << 4);
    }
    from = members.sent_count;
    assert_int_equal(members_take(&members), 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(members_sent(&members, from, i, MESSAGE_GET_DATA), 1);
    members_answer_up_to(&members, 4);
    assert_true(members_has_read(&members, 3));
    members_close(&members);
}

static void members_that_know_the_link_are_asked_once(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    begin_moving_get();
    for (unsigned i = 0; i < 5; i++) {
        members_hold(&members, i, 3);
        members.made[i].knows_successor = true;
    }
    members_answer_up_to(&members, 5);
    assert_true(members_has_read(&members, 3));
    assert_int_equal(members.sent_count, 5);
    members_close(&members);
}

static void another_successor_than_the_workers_is_no_vote(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    struct config other = members_later_config(&members, 1);
    other.time_ns = 1;
    struct slice second = members_describe(&other);
    begin_moving_get();
    for (unsigned i = 0; i < 3; i++)
        answer_showing(i, REPLY_OK, LINK_PENDING, second);
    assert_int_equal(members.ask.replied.bits, 0);
    assert_int_equal(members.ask.state, ASK_WAITING);
    slice_unref(&second);
    members_close(&members);
}

static void a_member_that_never_shows_the_link_does_not_make_us_spin(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members.is_moving = true;
    members_begin_get(&members, true);
    members.made[0].knows_successor = true;
    /* Member 1 acknowledges the link again and again, and never shows it; member 2 is silent. */
    const uint64_t begun_ns = members.now_ns;
    members_settle(&members, voters_of(1 << 2), 60 * ASK_RETRY_NS_MIN);
    assert_int_equal(members.ask.state, ASK_WAITING);
    assert_true(members_asked(&members, 0, 1) < 200);
    assert_true(members_asked(&members, 0, 1) > 10); /* nor is it given up */
    assert_in_range(members.now_ns, begun_ns + 50 * ASK_RETRY_NS_MIN, begun_ns + 60 * ASK_RETRY_NS_MIN);
    /* And when it does, it counts. */
    members.made[1].knows_successor = true;
    members_settle(&members, voters_of(1 << 2), 60 * ASK_RETRY_NS_MIN);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void a_refusal_of_the_link_is_not_the_end(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    begin_moving_get();
    members.made[0].knows_successor = true;
    members_answer(&members, 0);
    members_answer(&members, 1);
    assert_int_equal(members_take(&members), 1);
    members_refuse(&members, 1, REPLY_BUSY);
    assert_int_equal(members.ask.replied.bits, 1);
    const unsigned from = members.sent_count;
    members_pass(&members, 2 * ASK_BUSY_NS);
    members_take(&members);
    /* It still has to be told before it is asked. */
    assert_int_equal(members_sent(&members, from, 1, MESSAGE_WRITE_CONFIG), 1);
    assert_int_equal(members_sent(&members, from, 1, MESSAGE_GET_DATA), 0);
    members.made[1].knows_successor = true;
    members_answer(&members, 1);
    members_take(&members);
    members_answer(&members, 1);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void a_worker_does_not_wait_to_know_whether_a_tag_is_complete(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned is_moving = 0; is_moving <= 1; is_moving++) {
        for (unsigned wants_value = 0; wants_value <= 1; wants_value++) {
            members_reset(&members);
            members.is_moving = is_moving;
            /* Three of five hold it: it may or may not have completed. */
            for (unsigned i = 0; i < 5; i++) {
                members.made[i].knows_successor = is_moving;
                if (i < 3)
                    members_hold(&members, i, 3);
            }
            members_begin_get(&members, wants_value);
            members_take(&members);
            members_answer_up_to(&members, 4);
            assert_int_equal(members.ask.state, is_moving ? ASK_DONE : ASK_WAITING);
            if (!is_moving)
                continue;
            assert_int_equal(members.ask.tag.z, 3);
            /* Nor does it fetch a value that nobody needs. */
            assert_int_equal(members.ask.piece_count > 0, wants_value);
            assert_int_equal(voters_count(members.ask.candidates[members.ask.chosen].value.present),
                             wants_value ? 3 : 0);
        }
    }
    members_close(&members);
}

/* ---------------------------------------------------------------- a worker's put */

static void adopters_are_asked_to_adopt_and_the_others_are_sent_fragments(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_move(&members, 3, voters_of(0x0d), true);
    assert_int_equal(members_take(&members), 5);
    for (unsigned i = 0; i < 5; i++) {
        members.made[i].adopts = true;
        assert_int_equal(members_sent(&members, 0, i, 0x0d >> i & 1 ? MESSAGE_ADOPT : MESSAGE_PUT_DATA), 1);
    }
    members_answer_up_to(&members, 4);
    assert_int_equal(members.ask.replied.bits, 0xf);
    members_answer(&members, 4);
    assert_int_equal(members.ask.state, ASK_DONE);
    assert_int_equal(members.sent_count, 5);
    members_close(&members);
}

static void a_move_fails_as_full_as_soon_as_no_quorum_can_have_it(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_move(&members, 3, voters_of(0), true);
    members_take(&members);
    members_refuse(&members, 0, REPLY_FULL);
    members_answer(&members, 1);
    members_pass(&members, 10 * ASK_BUSY_NS); /* asked again meanwhile */
    members_take(&members);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_refuse(&members, 4, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_FAILED);
    assert_int_equal(members.ask.error, AREG_EFULL);
    members_close(&members);
}

static void one_that_can_not_adopt_is_sent_its_fragment(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_move(&members, 3, voters_of(0x1f), true);
    members_take(&members);
    members.made[2].adopts = true;
    members_answer(&members, 2);
    members_answer(&members, 3);
    assert_int_equal(members.ask.replied.bits, 1 << 2);
    const unsigned from = members.sent_count;
    assert_int_equal(members_take(&members), 1);
    assert_int_equal(members_sent(&members, from, 3, MESSAGE_PUT_DATA), 1);
    members_answer(&members, 3);
    assert_int_equal(members.ask.replied.bits, 3 << 2);
    members_close(&members);
}

static void with_nothing_to_send_a_refused_adoption_fails_the_move(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_move(&members, 3, voters_of(0x1f), false);
    members_take(&members);
    for (unsigned i = 0; i < 3; i++) {
        members.made[i].adopts = true;
        members_answer(&members, i);
    }
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_answer(&members, 3);
    assert_int_equal(members.ask.state, ASK_FAILED);
    assert_int_equal(members.ask.error, AREG_EBUSY);
    /* An empty value needs nothing to be sent. */
    members_reset(&members);
    members_begin_move(&members, 0, voters_of(0x1f), false);
    members_take(&members);
    members_answer(&members, 3);
    assert_int_equal(members.ask.state, ASK_WAITING);
    const unsigned from = members.sent_count;
    assert_int_equal(members_take(&members), 1);
    assert_int_equal(members_sent(&members, from, 3, MESSAGE_PUT_DATA), 1);
    members_close(&members);
}

static void adoption_is_asked_for_again_until_there_is_an_answer(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_move(&members, 3, voters_of(7), false);
    members_take(&members);
    members_refuse(&members, 0, REPLY_BUSY);
    members_refuse(&members, 1, REPLY_UNKNOWN_CONFIG); /* it has not joined yet */
    unsigned from = members.sent_count;
    members_pass(&members, 2 * ASK_BUSY_NS);
    members_take(&members);
    assert_int_equal(members_sent(&members, from, 0, MESSAGE_ADOPT), 1);
    assert_int_equal(members_sent(&members, from, 1, MESSAGE_ADOPT), 0);
    from = members.sent_count;
    members_pass(&members, ASK_RETRY_NS_MAX);
    members_take(&members);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(members_sent(&members, from, i, MESSAGE_ADOPT), 1);
        members.made[i].adopts = true;
    }
    members_answer_up_to(&members, 3);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

/* ---------------------------------------------------------------- patience */

static void a_move_waits_for_all_but_not_for_ever(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned answer_count = 3; answer_count <= 5; answer_count++) {
        members_reset(&members);
        members_begin_move(&members, 3, voters_of(0), true);
        members_take(&members);
        members_pass(&members, 100 * MS);
        members_answer_up_to(&members, answer_count);
        assert_int_equal(members.ask.state, answer_count == 5 ? ASK_DONE : ASK_WAITING);
        if (answer_count == 5)
            break;
        members_pass(&members, ASK_PATIENCE_NS - 1);
        assert_int_equal(members.ask.state, ASK_WAITING);
        assert_true(answer_count < 4 || members.ask.wake_ns == members.now_ns + 1);
        members_pass(&members, 1);
        /* Without the quorum there is no patience that ends. */
        assert_int_equal(members.ask.state, answer_count == 4 ? ASK_DONE : ASK_WAITING);
        members_pass(&members, 10 * ASK_PATIENCE_NS);
        assert_int_equal(members.ask.state, answer_count == 4 ? ASK_DONE : ASK_WAITING);
    }
    members_close(&members);
}

static void a_write_does_not_wait_for_the_others(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_put(&members, 3, (struct voters){0});
    members_take(&members);
    members_answer_up_to(&members, 4);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_successor_that_can_not_be_one_is_no_vote),
        cmocka_unit_test(a_second_successor_is_not_believed),
        cmocka_unit_test(the_retired_name_a_later_configuration),
        cmocka_unit_test(whoever_does_not_know_the_configuration_may_know_a_later_one),
        cmocka_unit_test(without_the_link_a_reply_is_no_vote_and_the_link_is_written_first),
        cmocka_unit_test(members_that_know_the_link_are_asked_once),
        cmocka_unit_test(another_successor_than_the_workers_is_no_vote),
        cmocka_unit_test(a_member_that_never_shows_the_link_does_not_make_us_spin),
        cmocka_unit_test(a_refusal_of_the_link_is_not_the_end),
        cmocka_unit_test(a_worker_does_not_wait_to_know_whether_a_tag_is_complete),
        cmocka_unit_test(adopters_are_asked_to_adopt_and_the_others_are_sent_fragments),
        cmocka_unit_test(a_move_fails_as_full_as_soon_as_no_quorum_can_have_it),
        cmocka_unit_test(one_that_can_not_adopt_is_sent_its_fragment),
        cmocka_unit_test(with_nothing_to_send_a_refused_adoption_fails_the_move),
        cmocka_unit_test(adoption_is_asked_for_again_until_there_is_an_answer),
        cmocka_unit_test(a_move_waits_for_all_but_not_for_ever),
        cmocka_unit_test(a_write_does_not_wait_for_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
