/*
 * Reconfigurations step by step: what is asked of whom in which order, what becomes of those that died half-way, and
 * of two at once [PROTOCOL §5].
 */
#include "stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config wanted;

/* Members as an admin names them: without incarnations. */
static struct client_op change(const char *code, const char *hosts)
{
    wanted = (struct config){.time_ns = 77};
    snprintf(wanted.author, sizeof wanted.author, "admin");
    snprintf(wanted.reason, sizeof wanted.reason, "a test");
    assert_int_equal(code_parse(code, &wanted.code), AREG_OK);
    wanted.member_count = wanted.code.n;
    for (unsigned i = 0; i < wanted.member_count; i++) {
        const unsigned host_index = (unsigned)(hosts[i] - '0');
        wanted.members[i].id = world.cluster.hosts[host_index].id;
        snprintf(wanted.members[i].address, sizeof wanted.members[i].address, "%s",
                 world.cluster.hosts[host_index].address);
    }
    return (struct client_op){
        .kind = CLIENT_RECONFIGURE, .goal = RECONFIGURE_CHANGE, .wanted = &wanted, .expected = world.configs[0].id};
}

static const struct client_op look = {.kind = CLIENT_RECONFIGURE, .goal = RECONFIGURE_LOOK};
static const struct client_op finish = {.kind = CLIENT_RECONFIGURE, .goal = RECONFIGURE_FINISH};

static const char *outcome_is(int base, int pending)
{
    const struct slice none = {0};
    if (!slice_equal(world.done.base, base < 0 ? none : world.descriptors[base]))
        return "another base";
    if (!slice_equal(world.done.pending, pending < 0 ? none : world.descriptors[pending]))
        return "another successor";
    return "as expected";
}

#define assert_outcome(base, pending) assert_string_equal(outcome_is(base, pending), "as expected")

/* The kinds of questions in order, each once for a run of it. */
static const char *conversation(unsigned from)
{
    static const char letters[] = {
        [MESSAGE_READ_CONFIG] = 'R', [MESSAGE_WRITE_CONFIG] = 'W', [MESSAGE_PREPARE] = 'P',  [MESSAGE_ACCEPT] = 'A',
        [MESSAGE_JOIN] = 'J',        [MESSAGE_FINALIZE] = 'F',     [MESSAGE_TRANSFER] = 'T', [MESSAGE_HELLO] = 'H',
    };
    static char text[LOG_MAX + 1];
    unsigned count = 0;
    for (unsigned i = from; i < world.log_count; i++) {
        const enum message_kind kind = world.log[i].kind;
        const char letter = kind < sizeof letters && letters[kind] ? letters[kind] : '?';
        if (kind != MESSAGE_HINT && (count == 0 || text[count - 1] != letter))
            text[count++] = letter;
    }
    text[count] = 0;
    return text;
}

static bool is_finalized_at(unsigned config_index, const char *hosts)
{
    for (unsigned i = 0; hosts[i]; i++)
        if (!slice_equal(world.hosts[hosts[i] - '0'].final, world.descriptors[config_index]))
            return false;
    return true;
}

/* ---------------------------------------------------------------- all goes well */

static void a_change_goes_through_its_steps_in_order(void **state)
{
    (void)state;
    world_open("rs:5,3", "01234");
    assert_int_equal(world_do(change("rs:5,3", "01235"), ""), AREG_OK);
    assert_string_equal(conversation(0), "RHJPAWTF");
    assert_int_equal(world.config_count, 2);
    assert_outcome(1, -1);
    const struct config *made = &world.configs[1];
    assert_int_equal(made->index, 1);
    assert_true(config_id_equal(made->parent, world.configs[0].id));
    assert_string_equal(made->author, "admin");
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(made->members[i].incarnation, i < 4 ? 1000 + i : 1005);
    /* Who was asked what. */
    assert_int_equal(world_sent(0, MESSAGE_READ_CONFIG, 0).bits, 0x1f);
    assert_int_equal(world_sent(0, MESSAGE_HELLO, -1).bits, 0x2f);
    assert_int_equal(world_sent(0, MESSAGE_JOIN, 1).bits, 0x2f);
    assert_int_equal(world_sent(0, MESSAGE_PREPARE, 0).bits, 0x1f);
    assert_int_equal(world_sent(0, MESSAGE_ACCEPT, 0).bits, 0x1f);
    assert_int_equal(world_sent(0, MESSAGE_WRITE_CONFIG, 0).bits, 0x1f);
    assert_int_equal(world_sent(0, MESSAGE_TRANSFER, 1).bits, 0x2f);
    assert_int_equal(world_sent(0, MESSAGE_FINALIZE, 1).bits, 0x3f);
    assert_true(is_finalized_at(1, "012345"));
    /* The one that is new does the work. */
    for (unsigned i = 0; i < world.log_count; i++)
        assert_true(world.log[i].slices == 0 || world.log[i].host_index == 5);
    assert_int_equal(world.hosts[5].seats[1].progress.slices_moved, UINT32_MAX);
    /* Clients of this engine go there from now on. */
    const struct client_op get = {.kind = CLIENT_GET};
    const unsigned from = world.log_count;
    world_drop();
    assert_int_equal(world_do(get, "k"), AREG_ENOTFOUND);
    assert_int_equal(world_count(from, MESSAGE_GET_DATA, 0), 0);
    world_close();
}

static uint64_t watched_id;
static unsigned watched_steps;

static bool watch(unsigned host_index, const struct request *request)
{
    static struct reconfigure_progress progress;
    (void)host_index;
    if (request->op != watched_id || !client_reconfigure_progress(world.client, watched_id, &progress))
        return true;
    assert_true(progress.step >= (unsigned)__builtin_popcount(watched_steps) - (watched_steps != 0));
    watched_steps |= 1u << progress.step;
    if (progress.step >= RECONFIGURE_GREETING)
        assert_int_equal(progress.target.index, 1);
    if (progress.step >= RECONFIGURE_JOINING)
        assert_true(progress.is_own);
    assert_true(progress.missing.bits != 0 || progress.step == RECONFIGURE_TRANSFERRING);
    return true;
}

static void whoever_watches_sees_each_step(void **state)
{
    (void)state;
    struct reconfigure_progress progress;
    world_open("repl:3", "012");
    world.on_request = watch;
    watched_steps = 0;
    watched_id = world_submit(change("repl:3", "013"), "");
    assert_true(world_run(watched_id, UINT64_MAX - 1));
    assert_int_equal(world.done.error, AREG_OK);
    assert_int_equal(watched_steps, (1 << (RECONFIGURE_FINALIZING + 1)) - 1);
    assert_false(client_reconfigure_progress(world.client, watched_id, &progress));
    world_close();
}

static void a_look_changes_nothing(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome(0, -1);
    assert_string_equal(conversation(0), "R");
    world_drop();
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    const unsigned from = world.log_count;
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome(0, (int)after);
    assert_string_equal(conversation(from), "R");
    world_drop();
    world_finalize(after, "012345");
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome((int)after, -1);
    world_close();
}

static void a_look_asks_the_members_of_what_is_pending_whether_it_is_over(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned over = world_describe(0, "repl:3", "345");
    world_install(over, "012");
    /* Whoever finalized it died before it told the members of its parent. */
    const unsigned latest = world_describe(over, "repl:3", "567");
    world_install(latest, "345");
    world_finalize(latest, "34567");
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome((int)latest, -1);
    world_close();
}

static bool is_not_of_the_new(unsigned host_index, const struct request *request)
{
    (void)request;
    return host_index < 3;
}

static void a_look_does_not_insist_on_the_members_of_what_is_pending(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    world.on_request = is_not_of_the_new;
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome(0, (int)after);
    world_close();
}

static void with_nothing_pending_there_is_nothing_to_finish(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    assert_int_equal(world_do(finish, ""), AREG_OK);
    /* A promise, so that nothing that an admin had begun who died can come any more. */
    assert_string_equal(conversation(0), "RP");
    assert_outcome(0, -1);
    world_close();
}

static void what_was_accepted_and_never_installed_is_finished_too(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned theirs = world_describe(0, "repl:3", "123");
    world_install(theirs, "");
    for (unsigned i = 0; i < 2; i++) {
        world.hosts[i].seats[0].promised = world.hosts[i].seats[0].accepted = (struct ballot){4, 4};
        world.hosts[i].seats[0].accepted_descriptor = world.descriptors[theirs];
    }
    assert_int_equal(world_do(finish, ""), AREG_OK);
    assert_outcome((int)theirs, -1);
    assert_true(is_finalized_at(theirs, "0123"));
    world_close();
}

/* ---------------------------------------------------------------- somebody else was here */

static void what_is_pending_is_finished_first_and_then_the_change_is_stale(void **state)
{
    (void)state;
    for (unsigned goal = 0; goal <= 1; goal++) {
        world_open("repl:3", "012");
        const unsigned theirs = world_describe(0, "repl:3", "123");
        world_install(theirs, "0"); /* one of them is enough to find it: it is the first to answer */
        const enum areg_error error = world_do(goal ? change("repl:3", "345") : finish, "");
        assert_int_equal(error, goal ? AREG_ESTALE : AREG_OK);
        assert_string_equal(conversation(0), goal ? "RWTFR" : "RWTFRP");
        assert_outcome((int)theirs, -1);
        assert_int_equal(world.config_count, 2);
        assert_true(is_finalized_at(theirs, "0123"));
        if (goal)
            assert_non_null(strstr(world.done.detail, "c1"));
        world_close();
    }
}

static void a_change_made_for_another_configuration_is_stale(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    struct client_op op = change("repl:3", "345");
    op.expected.bytes[0] ^= 1;
    assert_int_equal(world_do(op, ""), AREG_ESTALE);
    assert_string_equal(conversation(0), "R");
    assert_outcome(0, -1);
    world_close();
}

static void a_value_that_somebody_else_had_accepted_is_finished_and_ours_is_stale(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned theirs = world_describe(0, "repl:3", "123");
    world_install(theirs, "");
    /* It was accepted by one of three: perhaps it is decided, perhaps not. */
    world.hosts[1].seats[0].promised = world.hosts[1].seats[0].accepted = (struct ballot){4, 4};
    world.hosts[1].seats[0].accepted_descriptor = world.descriptors[theirs];
    assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_ESTALE);
    /* A refused ballot, a larger one, and their value under it. */
    assert_string_equal(conversation(0), "RHJPAWTFR");
    assert_outcome((int)theirs, -1);
    assert_true(is_finalized_at(theirs, "0123"));
    for (unsigned i = 0; i < 3; i++) {
        assert_true(slice_equal(world.hosts[i].seats[0].accepted_descriptor, world.descriptors[theirs]));
        assert_true(world.hosts[i].seats[0].accepted.round > 4);
    }
    world_close();
}

static void a_refused_ballot_is_tried_again_larger_after_a_pause(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    /* Two of three have promised something larger. */
    world.hosts[0].seats[0].promised = (struct ballot){30, 5};
    world.hosts[2].seats[0].promised = (struct ballot){50, 5};
    const uint64_t begun_ns = world.now_ns;
    assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_OK);
    assert_true(world.now_ns > begun_ns);
    assert_true(world.now_ns < begun_ns + 1000 * MS);
    assert_string_equal(conversation(0), "RHJPAWTF");
    /* Above both, each of which it has learned of at most once. */
    assert_true(world.hosts[0].seats[0].accepted.round > 30);
    assert_true(world_count(0, MESSAGE_PREPARE, 0) <= 9);
    assert_outcome(1, -1);
    world_close();
}

static unsigned refusal_count;

/* Another proposer is faster every time, for a while. */
static bool outbid(unsigned host_index, const struct request *request)
{
    if (request->kind == MESSAGE_ACCEPT && host_index == 0 && refusal_count > 0) {
        refusal_count--;
        for (unsigned i = 0; i < 3; i++)
            world.hosts[i].seats[0].promised = (struct ballot){request->accept.ballot.round + 1, 1};
    }
    return true;
}

static void a_proposer_that_is_outbid_time_and_again_gets_through_in_the_end(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    refusal_count = 20;
    world.on_request = outbid;
    assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_OK);
    assert_int_equal(refusal_count, 0);
    assert_int_equal(world_sent(0, MESSAGE_ACCEPT, 0).bits, 7);
    assert_outcome(1, -1);
    world_close();
}

static bool decide_meanwhile(unsigned host_index, const struct request *request)
{
    if (host_index == 0 && request->kind == MESSAGE_PREPARE)
        world_install(1, "012");
    return true;
}

static void a_decision_that_a_member_shows_is_finished_without_another_vote(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned theirs = world_describe(0, "repl:3", "123");
    world.on_request = decide_meanwhile;
    assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_ESTALE);
    assert_string_equal(conversation(0), "RHJPWTFR");
    assert_outcome((int)theirs, -1);
    world_close();
}

/* At some point somebody else brings whatever is pending to its end. */
static enum message_kind overtaken_at;
static unsigned theirs;     /* 0: the last one that was made, which is ours */
static unsigned more_count; /* others come after it */

static bool overtake(unsigned host_index, const struct request *request)
{
    (void)host_index;
    if (request->kind == overtaken_at) {
        unsigned last = theirs ? theirs : world.config_count - 1;
        world_install(last, "");
        world_finalize(last, "01234567");
        for (unsigned i = 0; i < more_count; i++) {
            last = world_describe(last, "repl:3", "567");
            world_install(last, "01234567");
            world_finalize(last, "01234567");
        }
        overtaken_at = MESSAGE_HELLO; /* which is long over */
    }
    return true;
}

static void what_somebody_else_has_finalized_is_done_if_it_was_ours(void **state)
{
    (void)state;
    static const enum message_kind kinds[] = {MESSAGE_PREPARE, MESSAGE_ACCEPT, MESSAGE_WRITE_CONFIG, MESSAGE_TRANSFER,
                                              MESSAGE_FINALIZE};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        world_open("repl:3", "012");
        overtaken_at = kinds[i];
        world.on_request = overtake;
        assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_OK);
        assert_outcome(1, -1);
        assert_int_equal(world.config_count, 2);
        world_close();
    }
}

static void what_was_ours_and_has_been_superseded_is_done_as_far_as_can_be_told(void **state)
{
    (void)state;
    static const struct {
        enum message_kind at;
        unsigned more_count;
        enum areg_error error;
    } cases[] = {
        {MESSAGE_ACCEPT, 1, AREG_OK},       /* it is the parent of the last one */
        {MESSAGE_ACCEPT, 2, AREG_EMAYBE},   /* it may be one of those between */
        {MESSAGE_WRITE_CONFIG, 1, AREG_OK}, /* we have decided it ourselves */
        {MESSAGE_WRITE_CONFIG, 3, AREG_OK}, {MESSAGE_TRANSFER, 2, AREG_OK},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_open("repl:3", "012");
        overtaken_at = cases[i].at;
        more_count = cases[i].more_count;
        world.on_request = overtake;
        assert_int_equal(world_do(change("repl:3", "345"), ""), cases[i].error);
        assert_outcome((int)(1 + more_count), -1);
        more_count = 0;
        world_close();
    }
}

static void what_somebody_else_has_finalized_makes_ours_stale(void **state)
{
    (void)state;
    static const enum message_kind kinds[] = {MESSAGE_READ_CONFIG, MESSAGE_PREPARE, MESSAGE_ACCEPT};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        world_open("repl:3", "012");
        theirs = world_describe(0, "repl:3", "123");
        overtaken_at = kinds[i];
        world.on_request = overtake;
        assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_ESTALE);
        assert_outcome((int)theirs, -1);
        theirs = 0;
        world_close();
    }
}

static void members_that_are_gone_are_no_obstacle_to_finding_the_end(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "");
    world_finalize(after, "3457");
    for (unsigned i = 0; i < 3; i++)
        world.hosts[i].is_silent = true;
    assert_int_equal(world_do(look, ""), AREG_OK);
    assert_outcome((int)after, -1);
    world_close();
}

/* ---------------------------------------------------------------- who does not answer, and who refuses */

static bool s4_does_not_join(unsigned host_index, const struct request *request)
{
    return host_index != 4 || request->kind != MESSAGE_JOIN;
}

static void one_that_does_not_join_stops_the_change_before_anything_is_decided(void **state)
{
    (void)state;
    for (unsigned is_at_join = 0; is_at_join <= 1; is_at_join++) {
        world_open("repl:3", "012");
        world.hosts[4].is_silent = !is_at_join;
        world.on_request = is_at_join ? s4_does_not_join : NULL;
        struct client_op op = change("repl:3", "345");
        op.deadline_ns = world.now_ns + 3000 * MS;
        assert_int_equal(world_do(op, ""), AREG_EUNAVAIL);
        assert_string_equal(conversation(0), is_at_join ? "RHJ" : "RH");
        assert_non_null(strstr(world.done.detail, "s4"));
        assert_outcome(0, -1);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(world.hosts[i].seats[0].link.status, LINK_NONE);
        world_close();
    }
}

static void be_somebody_else(unsigned host_index, struct reply *reply)
{
    if (host_index == 4 && reply->kind == MESSAGE_HELLO)
        reply->hello.host = world.cluster.hosts[5].id;
}

static void refuse_to_join(unsigned host_index, struct reply *reply)
{
    if (host_index == 4 && reply->kind == MESSAGE_JOIN)
        reply->status = REPLY_INVALID;
}

static void one_that_is_not_who_it_should_be_or_refuses_is_told_at_once(void **state)
{
    (void)state;
    for (unsigned is_at_join = 0; is_at_join <= 1; is_at_join++) {
        world_open("repl:3", "012");
        world.on_reply = is_at_join ? refuse_to_join : be_somebody_else;
        const uint64_t begun_ns = world.now_ns;
        assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_EINVAL);
        assert_int_equal(world.now_ns, begun_ns);
        assert_string_equal(conversation(0), is_at_join ? "RHJ" : "RH");
        assert_non_null(strstr(world.done.detail, is_at_join ? "refuses" : "not who"));
        assert_outcome(0, -1);
        world_close();
    }
}

static void a_minority_of_the_old_and_of_the_new_may_be_down(void **state)
{
    (void)state;
    world_open("repl:5", "01234");
    world.hosts[0].is_silent = world.hosts[1].is_silent = true;
    const uint64_t begun_ns = world.now_ns;
    assert_int_equal(world_do(change("repl:3", "345"), ""), AREG_OK);
    assert_outcome(1, -1);
    assert_true(is_finalized_at(1, "2345"));
    /* It waits a while for the silent to hear of the end, not for ever. */
    assert_true(world.now_ns - begun_ns < 3000 * MS);
    world_close();
}

static void a_worker_that_dies_is_replaced(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].seats[after].polls_until_moved = i == 4 ? 1000 : 0;
    const uint64_t id = world_submit(finish, "");
    assert_false(world_run(id, world.now_ns + 500 * MS));
    assert_int_not_equal(world.hosts[4].seats[after].progress.slices_given, 0);
    world.hosts[4].is_silent = true;
    assert_true(world_run(id, world.now_ns + 20000 * MS));
    assert_int_equal(world.done.error, AREG_OK);
    assert_int_equal(world.hosts[3].seats[after].progress.slices_moved |
                         world.hosts[5].seats[after].progress.slices_moved,
                     UINT32_MAX);
    world_close();
}

static void nothing_is_finalized_before_every_slice_is_moved(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].seats[after].polls_until_moved = 100 * (i - 2);
    const uint64_t id = world_submit(finish, "");
    assert_false(world_run(id, world.now_ns + 12000 * MS));
    assert_int_equal(world_count(0, MESSAGE_FINALIZE, -1), 0);
    struct reconfigure_progress progress;
    assert_true(client_reconfigure_progress(world.client, id, &progress));
    assert_int_equal(progress.step, RECONFIGURE_TRANSFERRING);
    assert_int_not_equal(progress.slices_moved, UINT32_MAX);
    assert_true(world_run(id, world.now_ns + 12000 * MS));
    assert_int_equal(world.done.error, AREG_OK);
    world_close();
}

/* ---------------------------------------------------------------- deadlines */

static void a_transfer_may_take_longer_than_the_deadline_as_long_as_workers_answer(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].seats[after].polls_until_moved = 200;
    struct client_op op = finish;
    op.deadline_ns = world.now_ns + 4000 * MS;
    assert_int_equal(world_do(op, ""), AREG_OK);
    assert_true(world.now_ns > START_NS + 8000 * MS);
    world_close();
}

static void a_transfer_whose_workers_are_all_silent_ends_and_tells_what_is_pending(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_install(after, "012");
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].seats[after].polls_until_moved = 1000;
    struct client_op op = finish;
    op.deadline_ns = world.now_ns + 4000 * MS;
    const uint64_t id = world_submit(op, "");
    assert_false(world_run(id, world.now_ns + 2000 * MS));
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].is_silent = true;
    assert_true(world_run(id, world.now_ns + 20000 * MS));
    assert_int_equal(world.done.error, AREG_EUNAVAIL);
    assert_true(world.now_ns <= START_NS + 7000 * MS);
    assert_outcome(0, (int)after);
    world_close();
}

static void one_that_is_cancelled_tells_what_it_leaves(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const uint64_t id = world_submit(change("repl:3", "345"), "");
    world.hosts[3].is_silent = world.hosts[4].is_silent = true;
    /* Both are silent before they have joined: nothing is pending. */
    assert_false(world_run(id, world.now_ns + 500 * MS));
    assert_int_equal(client_cancel(world.client, world.now_ns, id), AREG_OK);
    assert_true(world_run(id, world.now_ns));
    assert_int_equal(world.done.error, AREG_ECANCELED);
    assert_outcome(0, -1);
    world_close();
}

static void the_pace_is_passed_on(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    struct client_op op = change("repl:3", "345");
    op.bytes_per_s = 4711;
    assert_int_equal(world_do(op, ""), AREG_OK);
    for (unsigned i = 3; i < 6; i++)
        assert_int_equal(world.hosts[i].seats[1].progress.bytes_per_s, 4711);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_goes_through_its_steps_in_order),
        cmocka_unit_test(whoever_watches_sees_each_step),
        cmocka_unit_test(a_look_changes_nothing),
        cmocka_unit_test(a_look_asks_the_members_of_what_is_pending_whether_it_is_over),
        cmocka_unit_test(a_look_does_not_insist_on_the_members_of_what_is_pending),
        cmocka_unit_test(with_nothing_pending_there_is_nothing_to_finish),
        cmocka_unit_test(what_was_accepted_and_never_installed_is_finished_too),
        cmocka_unit_test(what_is_pending_is_finished_first_and_then_the_change_is_stale),
        cmocka_unit_test(a_change_made_for_another_configuration_is_stale),
        cmocka_unit_test(a_value_that_somebody_else_had_accepted_is_finished_and_ours_is_stale),
        cmocka_unit_test(a_refused_ballot_is_tried_again_larger_after_a_pause),
        cmocka_unit_test(a_proposer_that_is_outbid_time_and_again_gets_through_in_the_end),
        cmocka_unit_test(a_decision_that_a_member_shows_is_finished_without_another_vote),
        cmocka_unit_test(what_somebody_else_has_finalized_is_done_if_it_was_ours),
        cmocka_unit_test(what_was_ours_and_has_been_superseded_is_done_as_far_as_can_be_told),
        cmocka_unit_test(what_somebody_else_has_finalized_makes_ours_stale),
        cmocka_unit_test(members_that_are_gone_are_no_obstacle_to_finding_the_end),
        cmocka_unit_test(one_that_does_not_join_stops_the_change_before_anything_is_decided),
        cmocka_unit_test(one_that_is_not_who_it_should_be_or_refuses_is_told_at_once),
        cmocka_unit_test(a_minority_of_the_old_and_of_the_new_may_be_down),
        cmocka_unit_test(a_worker_that_dies_is_replaced),
        cmocka_unit_test(nothing_is_finalized_before_every_slice_is_moved),
        cmocka_unit_test(a_transfer_may_take_longer_than_the_deadline_as_long_as_workers_answer),
        cmocka_unit_test(a_transfer_whose_workers_are_all_silent_ends_and_tells_what_is_pending),
        cmocka_unit_test(one_that_is_cancelled_tells_what_it_leaves),
        cmocka_unit_test(the_pace_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
