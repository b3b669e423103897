/*
 * What all asks have in common: votes, refusals, retransmissions; and the asks that are no get-data.
 */
#include "core/key_page.h"
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

/* ---------------------------------------------------------------- votes */

static void a_quorum_of_different_members_decides(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:1,1", "rs:4,2", "rs:32,20", "repl:32"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        members_open(&members, codes[i]);
        const unsigned n = members.config.code.n;
        const unsigned quorum = code_quorum(members.config.code);
        for (unsigned put = 0; put <= 1; put++) {
            members_reset(&members);
            if (put)
                members_begin_put(&members, 3, (struct voters){0});
            else
                members_begin_get_tag(&members);
            assert_int_equal(members_take(&members), n);
            for (unsigned votes = 0; votes < quorum; votes++) {
                assert_int_equal(members.ask.state, ASK_WAITING);
                /* The same vote again and again. */
                members_answer(&members, n - 1 - votes);
                for (unsigned again = 0; again < n && votes + 1 < quorum; again++)
                    members_answer(&members, n - 1 - votes);
            }
            assert_int_equal(members.ask.state, ASK_DONE);
        }
        members_close(&members);
    }
}

static void only_ok_is_a_vote(void **state)
{
    (void)state;
    static const enum reply_status statuses[] = {REPLY_UNKNOWN_CONFIG, REPLY_RETIRED, REPLY_BUSY,   REPLY_FULL,
                                                 REPLY_INVALID,        REPLY_DENIED,  REPLY_VERSION};
    members_open(&members, "repl:5");
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        for (unsigned kind = 0; kind < 3; kind++) {
            members_reset(&members);
            if (kind == 0)
                members_begin_get_tag(&members);
            else if (kind == 1)
                members_begin_get(&members, true);
            else
                members_begin_put(&members, 3, (struct voters){0});
            members_take(&members);
            members_answer(&members, 0);
            members_answer(&members, 1);
            members_refuse(&members, 2, statuses[i]);
            members_refuse(&members, 3, statuses[i]);
            assert_int_equal(members.ask.state, ASK_WAITING);
            assert_int_equal(ask_sees_next(&members.ask), statuses[i] == REPLY_RETIRED);
            members_answer(&members, 4);
            assert_int_equal(members.ask.state, ASK_DONE);
        }
    }
    members_close(&members);
}

static void a_successor_in_any_reply_is_seen(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    for (unsigned which = 0; which < 2; which++) {
        members_reset(&members);
        members_begin_get_tag(&members);
        members_take(&members);
        for (unsigned i = 0; i < 2; i++) {
            struct reply *reply = members_reply(&members, i);
            if (i == which)
                reply->next = members_link(&members);
            members_give(&members, i, reply);
        }
        assert_int_equal(members.ask.state, ASK_DONE);
        assert_true(ask_sees_next(&members.ask));
        assert_int_equal(members.ask.shown.bits, 1 << which);
        assert_true(slice_equal(members.ask.next, members.successor));
    }
    members_close(&members);
}

static void an_answer_to_a_question_that_was_not_asked_is_no_vote(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_get_tag(&members);
    for (unsigned i = 0; i < 3; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_close(&members);
}

static void whoever_shuts_us_out_for_good_fails_the_ask_at_once(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3"); /* tolerates one */
    members_begin_get(&members, true);
    members_take(&members);
    members_refuse(&members, 0, REPLY_DENIED);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_refuse(&members, 4, REPLY_DENIED);
    assert_int_equal(members.ask.state, ASK_FAILED);
    assert_int_equal(members.ask.error, AREG_EACCES);
    members_reset(&members);
    members_begin_get_tag(&members);
    members_take(&members);
    members_refuse(&members, 0, REPLY_DENIED);
    members_refuse(&members, 0, REPLY_DENIED);
    members_refuse(&members, 1, REPLY_BUSY);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_refuse(&members, 1, REPLY_VERSION);
    assert_int_equal(members.ask.state, ASK_FAILED);
    assert_int_equal(members.ask.error, AREG_EVERSION);
    members_close(&members);
}

/* ---------------------------------------------------------------- time */

static void who_does_not_know_the_configuration_is_asked_again_soon_and_then_ever_more_rarely(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_get_tag(&members);
    members_take(&members);
    members_answer(&members, 0);
    uint64_t gap_ns_max = 4 * ASK_BUSY_NS;
    for (unsigned i = 0; i < 12; i++) {
        const unsigned from = members.sent_count;
        const uint64_t before_ns = members.now_ns;
        members_refuse(&members, 1, REPLY_UNKNOWN_CONFIG);
        while (members_asked(&members, from, 1) == 0) {
            assert_true(members.ask.wake_ns < UINT64_MAX);
            members_pass(&members, members.ask.wake_ns - members.now_ns);
            members_take(&members);
        }
        assert_in_range(members.now_ns - before_ns, gap_ns_max / 2, gap_ns_max);
        if (gap_ns_max < 256 * ASK_BUSY_NS)
            gap_ns_max *= 2;
    }
    members_answer(&members, 1);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void the_silent_are_asked_again_ever_more_rarely(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_get_tag(&members);
    members_take(&members);
    members_answer(&members, 0);
    uint64_t last_ns = members.now_ns;
    uint64_t last_gap_ns = 0;
    for (unsigned i = 0; i < 10; i++) {
        const unsigned from = members.sent_count;
        assert_true(members.ask.wake_ns < UINT64_MAX);
        members_pass(&members, members.ask.wake_ns - members.now_ns);
        assert_int_equal(members_take(&members), 2);
        assert_int_equal(members_asked(&members, from, 0), 0);
        const uint64_t gap_ns = members.now_ns - last_ns;
        assert_in_range(gap_ns, ASK_RETRY_NS_MIN, ASK_RETRY_NS_MAX);
        assert_true(gap_ns >= last_gap_ns);
        last_gap_ns = gap_ns;
        last_ns = members.now_ns;
    }
    assert_int_equal(last_gap_ns, ASK_RETRY_NS_MAX);
    assert_int_equal(members.ask.retransmit_count, 20);
    members_answer(&members, 1);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void the_busy_are_asked_again_soon(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_put(&members, 3, (struct voters){0});
    members_take(&members);
    members_answer(&members, 0);
    for (unsigned i = 0; i < 20; i++) {
        members_refuse(&members, 1, REPLY_BUSY);
        const uint64_t refused_ns = members.now_ns;
        const unsigned from = members.sent_count;
        while (members_asked(&members, from, 1) == 0) {
            assert_true(members.ask.wake_ns <= refused_ns + 2 * ASK_BUSY_NS);
            members_pass(&members, members.ask.wake_ns - members.now_ns);
            members_take(&members);
        }
        assert_in_range(members.now_ns, refused_ns + ASK_BUSY_NS, refused_ns + 2 * ASK_BUSY_NS);
    }
    members_answer(&members, 1);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void a_connection_that_comes_back_brings_the_question_again(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    members_begin_get_tag(&members);
    members_take(&members);
    members_answer(&members, 0);
    ask_resend(&members.ask, 0); /* answered */
    ask_resend(&members.ask, 1);
    assert_int_equal(members.ask.due.bits, 1 << 1);
    members_close(&members);
}

static void a_reply_without_sense_is_no_vote_and_asked_for_again(void **state)
{
    (void)state;
    members_open(&members, "repl:3");
    for (unsigned kind = 0; kind < 2; kind++) {
        members_reset(&members);
        if (kind)
            members_begin_get(&members, true);
        else
            members_begin_get_tag(&members);
        members_take(&members);
        members_answer(&members, 0);
        struct reply *reply = members_reply(&members, 1);
        if (kind)
            reply->data.trimmed.z = TAG_Z_MAX;
        else
            reply->tag.newest.z = TAG_Z_MAX;
        members_give(&members, 1, reply);
        assert_int_equal(members.ask.state, ASK_WAITING);
        /* Member 2 stays silent; member 1 comes to its senses. */
        const unsigned from = members.sent_count;
        for (unsigned i = 0; i < 20 && members_asked(&members, from, 1) == 0; i++) {
            members_pass(&members, ASK_RETRY_NS_MAX / 4);
            members_take(&members);
        }
        assert_int_equal(members_asked(&members, from, 1), 1);
        members_answer(&members, 1);
        assert_int_equal(members.ask.state, ASK_DONE);
    }
    members_close(&members);
}

/* ---------------------------------------------------------------- get-tag */

static void get_tag_takes_the_largest_of_lists_and_trimmed(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned holder = 0; holder < 4; holder++) {
        members_reset(&members);
        members_hold(&members, 0, 2);
        members_hold(&members, holder, 5);
        members.made[3].trimmed = tag_of(holder == 0 ? 7 : 1);
        members_begin_get_tag(&members);
        members_take(&members);
        for (unsigned i = 0; i < 4; i++)
            members_answer(&members, i);
        assert_int_equal(members.ask.state, ASK_DONE);
        assert_int_equal(members.ask.tag.z, holder == 0 ? 7 : 5);
    }
    members_close(&members);
}

static void get_tag_tells_who_is_full(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members.made[1].is_full = true;
    members_begin_get_tag(&members);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.full.bits, 1 << 1);
    members_close(&members);
}

/* ---------------------------------------------------------------- put-data */

static void a_write_back_goes_only_to_members_that_lack_the_tag(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_put(&members, 3, voters_of(1 << 0 | 1 << 3));
    assert_int_equal(members_take(&members), 3);
    assert_int_equal(members_asked(&members, 0, 0) + members_asked(&members, 0, 3), 0);
    members_answer(&members, 1);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_answer(&members, 4);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

static void missing_fragments_of_a_write_back_are_computed(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    for (unsigned lacking = 0; lacking < 5; lacking++) {
        members_reset(&members);
        const struct ask_options options = {
            .config = &members.config, .codec = members.codec, .random = &members.random, .phase = 1};
        struct coded_value value = {.entry = {.tag = tag_of(4), .value_bytes = (uint32_t)members.values[4].bytes}};
        for (unsigned i = 0; i < 5 && voters_count(value.present) < 3; i++) {
            if (i == lacking)
                continue;
            voters_add(&value.present, i);
            value.fragments[i] = slice_ref(members.fragments[4][i]);
        }
        assert_int_equal(
            ask_begin_put_data(&members.ask, &options, &value, voters_of(31 & ~(1u << lacking) & ~16u), members.now_ns),
            AREG_OK);
        struct request request;
        assert_int_equal(ask_request(&members.ask, lacking, members.now_ns, &request), AREG_OK);
        assert_true(slice_equal(request.payload, members.fragments[4][lacking]));
    }
    members_close(&members);
}

static void begin_new_put(struct members *put_to)
{
    members_begin_put(put_to, 3, (struct voters){0});
    put_to->ask.is_new_value = true;
}

static void a_put_fails_as_full_only_if_too_few_can_have_stored_it(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    begin_new_put(&members);
    members_take(&members);
    members_refuse(&members, 0, REPLY_FULL);
    members_refuse(&members, 1, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_refuse(&members, 2, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_FAILED);
    assert_int_equal(members.ask.error, AREG_EFULL);
    /* One that is asked again may store it now. */
    members_reset(&members);
    begin_new_put(&members);
    members_take(&members);
    members_refuse(&members, 0, REPLY_FULL);
    members_refuse(&members, 1, REPLY_FULL);
    members_pass(&members, 3 * ASK_BUSY_NS);
    members_take(&members);
    members_refuse(&members, 2, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_WAITING);
    /* One that was asked twice has refused one of two: the other may have been stored. */
    members_reset(&members);
    begin_new_put(&members);
    members_take(&members);
    for (unsigned i = 0; i < 3; i++)
        ask_resend(&members.ask, i);
    members_take(&members);
    for (unsigned i = 0; i < 3; i++)
        members_refuse(&members, i, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_close(&members);
}

static void a_value_that_exists_is_put_until_there_is_room(void **state)
{
    (void)state;
    members_open(&members, "rs:5,3");
    members_begin_put(&members, 3, (struct voters){0});
    members_take(&members);
    for (unsigned i = 0; i < 5; i++)
        members_refuse(&members, i, REPLY_FULL);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_pass(&members, 3 * ASK_BUSY_NS);
    members_take(&members);
    for (unsigned i = 0; i < 4; i++)
        members_answer(&members, i);
    assert_int_equal(members.ask.state, ASK_DONE);
    members_close(&members);
}

/* ---------------------------------------------------------------- list-keys */

static struct slice page_of(const char *const *keys, unsigned key_count)
{
    struct buffer *buffer = buffer_create(4096);
    struct bytes_writer writer = bytes_writer_on(buffer_at(buffer), 4096);
    for (unsigned i = 0; i < key_count; i++) {
        const struct listed_key listed = {.key = slice_borrow(keys[i], strlen(keys[i])), .tag = tag_of(1 + i)};
        assert_true(key_page_put(&writer, &listed));
    }
    return slice_of(buffer, 0, writer.used_bytes);
}

static void give_page(unsigned member_index, const char *const *keys, unsigned key_count, bool has_more)
{
    struct reply *reply = members_reply(&members, member_index);
    reply->payload = page_of(keys, key_count);
    reply->keys.has_more = has_more;
    members_give(&members, member_index, reply);
}

static void begin_list(const struct list_keys *asked)
{
    const struct ask_options options = {
        .config = &members.config, .codec = members.codec, .random = &members.random, .phase = 1};
    members_reset(&members);
    assert_int_equal(ask_begin_list_keys(&members.ask, &options, asked, members.now_ns), AREG_OK);
    members_take(&members);
}

static void a_page_that_makes_no_sense_is_no_vote(void **state)
{
    (void)state;
    static const char *const good[] = {"ab", "ac", "b"};
    static const char *const unsorted[] = {"ac", "ab"};
    static const char *const twice[] = {"ab", "ab"};
    static const char *const foreign[] = {"ab", "x"};
    static const char *const early[] = {"aa", "ab"};
    const struct list_keys all = {.key_count_max = 3};
    const struct list_keys of_a = {.key_count_max = 3, .prefix = slice_borrow("a", 1)};
    const struct list_keys after_aa = {.key_count_max = 3, .after = slice_borrow("aa", 2)};
    const struct list_keys two = {.key_count_max = 2};
    const struct {
        const struct list_keys *asked;
        const char *const *keys;
        unsigned key_count;
        bool has_more;
        bool is_sound;
    } cases[] = {
        {&all, good, 3, false, true},        {&all, good, 3, true, true},       {&all, good, 0, false, true},
        {&all, good, 0, true, false},        {&all, unsorted, 2, false, false}, {&all, twice, 2, false, false},
        {&of_a, good, 2, false, true},       {&of_a, foreign, 2, false, false}, {&after_aa, good, 3, false, true},
        {&after_aa, early, 2, false, false}, {&two, good, 2, true, true},       {&two, good, 3, false, false},
    };
    members_open(&members, "repl:1");
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_list(cases[i].asked);
        give_page(0, cases[i].keys, cases[i].key_count, cases[i].has_more);
        assert_int_equal(members.ask.state == ASK_DONE, cases[i].is_sound);
    }
    /* Cut off in the middle. */
    begin_list(&all);
    struct reply *reply = members_reply(&members, 0);
    reply->payload = page_of(good, 3);
    reply->payload.bytes--;
    members_give(&members, 0, reply);
    assert_int_equal(members.ask.state, ASK_WAITING);
    members_close(&members);
}

static void the_first_page_of_each_member_is_kept(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b"};
    const struct list_keys all = {.key_count_max = 10};
    members_open(&members, "repl:3");
    begin_list(&all);
    give_page(1, keys, 2, true);
    give_page(1, keys, 1, false);
    assert_int_equal(members.ask.state, ASK_WAITING);
    give_page(2, keys, 0, false);
    assert_int_equal(members.ask.state, ASK_DONE);
    assert_int_equal(members.ask.more.bits, 1 << 1);
    struct bytes_reader reader = bytes_reader_on(members.ask.pages[1].at, members.ask.pages[1].bytes);
    struct listed_key listed;
    assert_int_equal(key_page_get(&reader, &listed), AREG_OK);
    assert_int_equal(key_page_get(&reader, &listed), AREG_OK);
    members_close(&members);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quorum_of_different_members_decides),
        cmocka_unit_test(only_ok_is_a_vote),
        cmocka_unit_test(a_successor_in_any_reply_is_seen),
        cmocka_unit_test(an_answer_to_a_question_that_was_not_asked_is_no_vote),
        cmocka_unit_test(whoever_shuts_us_out_for_good_fails_the_ask_at_once),
        cmocka_unit_test(who_does_not_know_the_configuration_is_asked_again_soon_and_then_ever_more_rarely),
        cmocka_unit_test(the_silent_are_asked_again_ever_more_rarely),
        cmocka_unit_test(the_busy_are_asked_again_soon),
        cmocka_unit_test(a_connection_that_comes_back_brings_the_question_again),
        cmocka_unit_test(a_reply_without_sense_is_no_vote_and_asked_for_again),
        cmocka_unit_test(get_tag_takes_the_largest_of_lists_and_trimmed),
        cmocka_unit_test(get_tag_tells_who_is_full),
        cmocka_unit_test(a_write_back_goes_only_to_members_that_lack_the_tag),
        cmocka_unit_test(missing_fragments_of_a_write_back_are_computed),
        cmocka_unit_test(a_put_fails_as_full_only_if_too_few_can_have_stored_it),
        cmocka_unit_test(a_value_that_exists_is_put_until_there_is_room),
        cmocka_unit_test(a_page_that_makes_no_sense_is_no_vote),
        cmocka_unit_test(the_first_page_of_each_member_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
