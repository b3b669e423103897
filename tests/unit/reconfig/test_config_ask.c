/*
 * Questions about configurations, to hand-made members: time passes when a case says so, and nobody answers by himself.
 */
#include "codec/codec.h"
#include "core/check.h"
#include "core/digest.h"
#include "reconfig/config_ask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define HEDGE_NS (10 * MS)

static struct config config;
static struct slice successor;
static struct codec *codec;
static struct random_source random_source;
static struct config_question question;
static struct ask ask;
static struct reply reply;
static uint64_t now_ns;
static struct request sent[MEMBER_COUNT_MAX]; /* the last one to each member */

/* ---------------------------------------------------------------- members */

static struct slice describe(struct config *described)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(described, encoded, sizeof encoded);
    struct slice descriptor = slice_copy(slice_borrow(encoded, bytes));
    CHECK(descriptor.owner != NULL);
    return descriptor;
}

static void open_members(const char *code)
{
    config = (struct config){.shard = 1, .index = 4};
    CHECK(code_parse(code, &config.code) == AREG_OK);
    config.member_count = config.code.n;
    for (unsigned i = 0; i < config.member_count; i++) {
        snprintf(config.members[i].id.text, sizeof config.members[i].id.text, "s%u", i + 1);
        snprintf(config.members[i].address, sizeof config.members[i].address, "tcp://10.0.0.%u:1", i + 1);
    }
    struct slice descriptor = describe(&config);
    slice_unref(&descriptor);
    struct config next = config;
    next.index++;
    next.parent = config.id;
    successor = describe(&next);
    codec = codec_create(config.code.n, config.code.k);
    CHECK(codec != NULL);
    ask_init(&ask);
    now_ns = 1000 * MS;
}

static void close_members(void)
{
    ask_destroy(&ask);
    codec_destroy(codec);
    slice_unref(&successor);
}

static void begin(enum ask_kind kind)
{
    static uint32_t phase;
    const struct ask_options options = {
        .config = &config, .codec = codec, .random = &random_source, .phase = ++phase, .hedge_ns = HEDGE_NS};
    ask_fini(&ask);
    assert_int_equal(config_ask_begin(&ask, &options, kind, &question, now_ns), AREG_OK);
}

static struct voters take(void)
{
    struct voters members = {0};
    while (ask.state == ASK_WAITING && ask.due.bits) {
        const unsigned i = (unsigned)__builtin_ctz(ask.due.bits);
        memset(&sent[i], 0, sizeof sent[i]);
        assert_int_equal(ask_request(&ask, i, now_ns, &sent[i]), AREG_OK);
        assert_int_equal(sent[i].kind, ask_message_kind(ask.kind));
        assert_int_equal(sent[i].shard, config.shard);
        voters_add(&members, i);
    }
    return members;
}

/* A reply of the ask's kind, to be filled in and given. */
static struct reply *blank(void)
{
    reply = (struct reply){.kind = ask_message_kind(ask.kind), .phase = ask.phase};
    return &reply;
}

static void give(unsigned member_index)
{
    assert_int_equal(ask_receive(&ask, now_ns, member_index, &reply), AREG_OK);
}

static void answer(unsigned member_index)
{
    blank();
    give(member_index);
}

static void refuse(unsigned member_index, enum reply_status status)
{
    blank()->status = status;
    give(member_index);
}

static void pass(uint64_t ns)
{
    now_ns += ns;
    assert_int_equal(ask_tick(&ask, now_ns), AREG_OK);
    assert_true(ask.state != ASK_WAITING || ask.due.bits || ask.wake_ns > now_ns);
}

/* ---------------------------------------------------------------- each kind */

static void each_kind_asks_its_question_and_counts_its_votes(void **state)
{
    (void)state;
    static const struct {
        enum ask_kind kind;
        enum message_kind message;
        bool needs_all;
        bool has_descriptor;
    } kinds[] = {
        {ASK_READ_CONFIG, MESSAGE_READ_CONFIG, false, false},
        {ASK_WRITE_CONFIG, MESSAGE_WRITE_CONFIG, false, true},
        {ASK_PREPARE, MESSAGE_PREPARE, false, false},
        {ASK_ACCEPT, MESSAGE_ACCEPT, false, true},
        {ASK_JOIN, MESSAGE_JOIN, true, true},
        {ASK_GREET, MESSAGE_HELLO, true, false},
    };
    /* Pointers and consensus need a majority, whatever the code. */
    static const char *const codes[] = {"repl:1", "repl:5", "rs:5,3", "rs:32,20", "rs:4,4"};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (unsigned j = 0; j < sizeof codes / sizeof codes[0]; j++) {
            open_members(codes[j]);
            const unsigned n = config.member_count;
            question = (struct config_question){.descriptor = successor, .ballot = {7, 9}};
            digest_of((struct slice){0}, question.cluster.bytes);
            begin(kinds[i].kind);
            assert_int_equal(take().bits, voters_all(n).bits);
            const unsigned needed = kinds[i].needs_all ? n : n / 2 + 1;
            for (unsigned votes = 0; votes < needed; votes++) {
                const unsigned member = n - 1 - votes;
                assert_int_equal(sent[member].kind, kinds[i].message);
                assert_true(config_id_equal(sent[member].config, config.id));
                assert_true(
                    slice_equal(sent[member].descriptor, kinds[i].has_descriptor ? successor : (struct slice){0}));
                if (kinds[i].kind == ASK_PREPARE)
                    assert_int_equal(ballot_compare(sent[member].prepare.ballot, (struct ballot){7, 9}), 0);
                if (kinds[i].kind == ASK_ACCEPT)
                    assert_int_equal(ballot_compare(sent[member].accept.ballot, (struct ballot){7, 9}), 0);
                assert_int_equal(ask.state, ASK_WAITING);
                blank();
                if (kinds[i].kind == ASK_PREPARE || kinds[i].kind == ASK_ACCEPT)
                    reply.consensus = (struct consensus_reply){.is_granted = true, .promised = {7, 9}};
                if (kinds[i].kind == ASK_GREET)
                    reply.hello = (struct hello_reply){.host = config.members[member].id, .incarnation = 50 + member};
                give(member);
                if (votes + 1 < needed)
                    give(member); /* once only */
            }
            assert_int_equal(ask.state, ASK_DONE);
            close_members();
        }
    }
}

static void refusals_are_no_votes(void **state)
{
    (void)state;
    static const enum ask_kind kinds[] = {ASK_READ_CONFIG, ASK_WRITE_CONFIG, ASK_PREPARE, ASK_ACCEPT, ASK_FINALIZE};
    static const enum reply_status statuses[] = {REPLY_UNKNOWN_CONFIG, REPLY_RETIRED, REPLY_BUSY, REPLY_FULL,
                                                 REPLY_INVALID};
    open_members("repl:5");
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (unsigned j = 0; j < sizeof statuses / sizeof statuses[0]; j++) {
            question = (struct config_question){.descriptor = successor, .ballot = {1, 1}};
            begin(kinds[i]);
            take();
            for (unsigned k = 0; k < 5; k++)
                refuse(k, statuses[j]);
            assert_int_equal(ask.replied.bits, 0);
            assert_int_equal(ask.state, ASK_WAITING);
            /* They are asked again. */
            pass(ASK_RETRY_NS_MAX);
            assert_int_equal(take().bits, 0x1f);
        }
    }
    close_members();
}

static void those_who_deny_us_fail_it_once_no_majority_is_left(void **state)
{
    (void)state;
    open_members("rs:5,3"); /* whose own quorum is four */
    question = (struct config_question){0};
    begin(ASK_READ_CONFIG);
    take();
    refuse(0, REPLY_DENIED);
    refuse(1, REPLY_DENIED);
    assert_int_equal(ask.state, ASK_WAITING);
    refuse(2, REPLY_DENIED);
    assert_int_equal(ask.state, ASK_FAILED);
    assert_int_equal(ask.error, AREG_EACCES);
    close_members();
}

static void the_successor_that_a_majority_reads_is_found_if_any_of_it_shows_it(void **state)
{
    (void)state;
    open_members("repl:5");
    for (unsigned shows = 0; shows < 4; shows++) {
        question = (struct config_question){0};
        begin(ASK_READ_CONFIG);
        take();
        for (unsigned i = 0; i < 3; i++) {
            blank();
            if (i == shows)
                reply.next = (struct link){LINK_PENDING, successor};
            give(i);
        }
        assert_int_equal(ask.state, ASK_DONE);
        assert_true(slice_equal(ask.next, shows < 3 ? successor : (struct slice){0}));
    }
    close_members();
}

/* ---------------------------------------------------------------- consensus */

static void a_majority_of_promises_brings_the_value_under_the_largest_ballot(void **state)
{
    (void)state;
    open_members("repl:5");
    static const struct ballot accepted[] = {{3, 5}, {4, 1}, {3, 9}};
    /* In any order of arrival. */
    static const unsigned orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (unsigned with = 0; with < 8; with++) {
        for (unsigned order = 0; order < 6; order++) {
            question = (struct config_question){.ballot = {8, 1}};
            begin(ASK_PREPARE);
            take();
            char expected = 0;
            for (unsigned i = 0; i < 3; i++) {
                const unsigned which = orders[order][i];
                blank();
                reply.consensus = (struct consensus_reply){.is_granted = true, .promised = {8, 1}};
                if (with >> which & 1) {
                    reply.consensus.accepted = accepted[which];
                    reply.consensus.descriptor = slice_borrow(&"abc"[which], 1);
                }
                give(i);
            }
            if (with & 1)
                expected = 'a';
            if (with & 4)
                expected = 'c';
            if (with & 2)
                expected = 'b';
            assert_int_equal(ask.state, ASK_DONE);
            assert_int_equal(question.accepted_bytes, expected != 0);
            if (expected)
                assert_int_equal(question.accepted_descriptor[0], expected);
        }
    }
    close_members();
}

static void a_refused_ballot_fails_the_question_and_tells_which_was_larger(void **state)
{
    (void)state;
    open_members("repl:5");
    static const enum ask_kind kinds[] = {ASK_PREPARE, ASK_ACCEPT};
    for (unsigned i = 0; i < 2; i++) {
        question = (struct config_question){.descriptor = successor, .ballot = {2, 1}};
        begin(kinds[i]);
        take();
        blank()->consensus = (struct consensus_reply){.is_granted = true, .promised = {2, 1}};
        give(0);
        blank()->consensus = (struct consensus_reply){.is_granted = false, .promised = {17, 3}};
        give(1);
        assert_int_equal(ask.state, ASK_FAILED);
        assert_int_equal(ask.error, AREG_EBUSY);
        assert_int_equal(ballot_compare(question.promised, (struct ballot){17, 3}), 0);
    }
    close_members();
}

static void one_that_shows_the_decision_neither_votes_nor_refuses(void **state)
{
    (void)state;
    open_members("repl:3");
    question = (struct config_question){.descriptor = successor, .ballot = {2, 1}};
    begin(ASK_ACCEPT);
    take();
    blank()->next = (struct link){LINK_PENDING, successor};
    give(0);
    assert_int_equal(ask.state, ASK_WAITING);
    assert_int_equal(ask.replied.bits, 0);
    assert_true(slice_equal(ask.next, successor));
    close_members();
}

static void ballots_are_ordered_by_round_then_proposer(void **state)
{
    (void)state;
    static const struct ballot ascending[] = {{0, 0}, {0, 1}, {1, 0}, {1, 5}, {1, UINT64_MAX}, {2, 0}, {UINT64_MAX, 0}};
    const int count = sizeof ascending / sizeof ascending[0];
    for (int i = 0; i < count; i++)
        for (int j = 0; j < count; j++)
            assert_int_equal(ballot_compare(ascending[i], ascending[j]), i < j ? -1 : i > j);
}

/* ---------------------------------------------------------------- joining */

static void everybody_must_join_and_one_that_refuses_is_the_end(void **state)
{
    (void)state;
    open_members("repl:3");
    question = (struct config_question){.descriptor = successor};
    begin(ASK_JOIN);
    take();
    answer(0);
    answer(2);
    assert_int_equal(ask.state, ASK_WAITING);
    assert_int_equal(ask_missing(&ask).bits, 1 << 1);
    refuse(1, REPLY_BUSY); /* too many memberships: perhaps later */
    assert_int_equal(ask.state, ASK_WAITING);
    refuse(1, REPLY_INVALID);
    assert_int_equal(ask.state, ASK_FAILED);
    assert_int_equal(ask.error, AREG_EINVAL);
    close_members();
}

static void begin_greeting(void)
{
    question = (struct config_question){0};
    digest_of(slice_borrow("this one", 8), question.cluster.bytes);
    begin(ASK_GREET);
    take();
}

static void greet_back(unsigned member_index, struct hello_reply hello, const char *cluster_map)
{
    blank()->hello = hello;
    reply.payload = slice_borrow(cluster_map, strlen(cluster_map));
    give(member_index);
}

static void a_greeting_learns_incarnations_and_who_is_not_who_it_should_be(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_greeting();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(sent[i].hello.wants_cluster);
        greet_back(i, (struct hello_reply){.host = config.members[i].id, .incarnation = 40 + i}, "this one");
    }
    assert_int_equal(ask.state, ASK_DONE);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(question.incarnations[i], 40 + i);
    /* Another id at that address, or one without an incarnation. */
    for (unsigned is_nameless = 0; is_nameless <= 1; is_nameless++) {
        begin_greeting();
        greet_back(
            1, (struct hello_reply){.host = config.members[is_nameless ? 1 : 0].id, .incarnation = is_nameless ? 0 : 7},
            "this one");
        assert_int_equal(ask.state, ASK_FAILED);
        assert_int_equal(ask.error, AREG_EINVAL);
    }
    close_members();
}

/* It would take the end of our configurations for that of its own, and delete what it has. */
static void a_host_of_another_cluster_is_not_taken_for_one_of_ours(void **state)
{
    (void)state;
    static const char *const clusters[] = {"another one", ""};
    open_members("repl:3");
    for (unsigned i = 0; i < 2; i++) {
        begin_greeting();
        greet_back(0, (struct hello_reply){.host = config.members[0].id, .incarnation = 7}, "this one");
        greet_back(1, (struct hello_reply){.host = config.members[1].id, .incarnation = 7}, clusters[i]);
        assert_int_equal(ask.state, ASK_FAILED);
        assert_int_equal(ask.error, AREG_EINVAL);
    }
    close_members();
}

/* ---------------------------------------------------------------- finalizing */

static void the_end_is_told_to_all_but_does_not_wait_for_the_dead(void **state)
{
    (void)state;
    open_members("repl:5");
    struct config next;
    assert_int_equal(config_decode(successor, &next), AREG_OK);
    for (unsigned answer_count = 2; answer_count <= 5; answer_count++) {
        question = (struct config_question){.descriptor = successor, .config = next.id};
        begin(ASK_FINALIZE);
        take();
        for (unsigned i = 0; i < answer_count; i++) {
            assert_true(config_id_equal(sent[i].config, next.id)); /* not that of those who are asked */
            assert_true(slice_equal(sent[i].descriptor, successor));
            answer(i);
        }
        assert_int_equal(ask.state, answer_count == 5 ? ASK_DONE : ASK_WAITING);
        if (answer_count == 5)
            break;
        pass(ASK_PATIENCE_NS);
        assert_int_equal(ask.state, answer_count >= 3 ? ASK_DONE : ASK_WAITING);
    }
    close_members();
}

/* ---------------------------------------------------------------- transfers */

static void report(unsigned member_index, struct transfer_progress progress)
{
    blank()->transfer = progress;
    give(member_index);
}

static void begin_transfer(unsigned preferred)
{
    question = (struct config_question){.descriptor = successor, .preferred = {preferred}};
    memset(sent, 0, sizeof sent);
    begin(ASK_TRANSFER);
    assert_int_equal(take().bits, voters_all(config.member_count).bits);
    /* The first question gives nothing out. */
    for (unsigned i = 0; i < config.member_count; i++) {
        assert_int_equal(sent[i].transfer.slices, 0);
        assert_int_equal(sent[i].descriptor.bytes, 0);
    }
}

/* Each slice is given to exactly one of the members. */
static void assert_all_given(unsigned members)
{
    uint32_t given = 0;
    for (unsigned i = 0; i < config.member_count; i++) {
        if (!(members >> i & 1)) {
            assert_int_equal(question.slices_given[i], 0);
            continue;
        }
        assert_int_equal(given & question.slices_given[i], 0);
        given |= question.slices_given[i];
    }
    assert_int_equal(given, UINT32_MAX);
}

static void slices_are_given_to_those_that_must_receive_once_all_were_asked(void **state)
{
    (void)state;
    open_members("repl:5");
    begin_transfer(1 << 3);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(question.slices_given[3], 0);
        report(i, (struct transfer_progress){0});
    }
    assert_all_given(1 << 3);
    assert_int_equal(take().bits, 1 << 3);
    assert_int_equal(sent[3].transfer.slices, UINT32_MAX);
    assert_true(slice_equal(sent[3].descriptor, successor));
    close_members();
}

static void slices_are_shared_evenly(void **state)
{
    (void)state;
    open_members("repl:5");
    for (unsigned preferred = 0; preferred < 32; preferred++) {
        begin_transfer(preferred);
        for (unsigned i = 0; i < 5; i++)
            report(i, (struct transfer_progress){0});
        const unsigned workers = preferred ? preferred : 0x1f; /* nobody needs to receive: any will do */
        const unsigned worker_count = (unsigned)__builtin_popcount(workers);
        assert_all_given(workers);
        assert_int_equal(take().bits, workers);
        for (unsigned i = 0; i < 5; i++)
            if (workers >> i & 1)
                assert_in_range(__builtin_popcount(question.slices_given[i]), 32 / worker_count,
                                (32 + worker_count - 1) / worker_count);
    }
    close_members();
}

static void the_dead_are_not_waited_for_and_get_nothing(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(1 << 0);
    report(1, (struct transfer_progress){0});
    assert_int_equal(ask.due.bits, 0);
    pass(HEDGE_NS - 1);
    assert_int_equal(question.slices_given[1], 0);
    pass(1);
    /* Who should do it is silent, so another does. */
    assert_all_given(1 << 1);
    close_members();
}

static void what_an_earlier_reconfigurer_gave_out_stays_there(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(7);
    report(0, (struct transfer_progress){.slices_given = 0x0000ffff, .slices_moved = 0x000000ff});
    report(1, (struct transfer_progress){0});
    report(2, (struct transfer_progress){.slices_given = 0xff000000});
    /* The eight that nobody has. */
    uint32_t given = 0;
    for (unsigned i = 0; i < 3; i++)
        given |= question.slices_given[i];
    assert_int_equal(given, 0x00ff0000);
    assert_int_equal(question.slices_moved, 0xff);
    close_members();
}

static void a_silent_workers_slices_go_to_others(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(3);
    for (unsigned i = 0; i < 3; i++)
        report(i, (struct transfer_progress){0});
    assert_all_given(3);
    take();
    const uint32_t first = question.slices_given[0];
    /* Worker 0 has done some; then it is heard no more, while the others answer. */
    const uint32_t done = first & -first;
    report(0, (struct transfer_progress){.slices_given = first, .slices_moved = done});
    const uint64_t heard_ns = now_ns;
    while (now_ns < heard_ns + TRANSFER_SILENCE_NS - TRANSFER_POLL_NS) {
        pass(TRANSFER_POLL_NS);
        take();
        report(1, (struct transfer_progress){.slices_given = question.slices_given[1]});
        report(2, (struct transfer_progress){0});
        assert_int_equal(question.slices_given[1] & first, 0);
    }
    const uint32_t second = question.slices_given[1];
    pass(TRANSFER_POLL_NS);
    take();
    assert_int_equal(question.slices_given[2], 0); /* the other preferred one is there */
    assert_int_equal(question.slices_given[1], second | (first & ~done));
    assert_int_equal(sent[1].transfer.slices, second | (first & ~done));
    close_members();
}

static void it_is_done_when_every_slice_is_moved_by_somebody(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(7);
    for (unsigned i = 0; i < 3; i++)
        report(i, (struct transfer_progress){0});
    take();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask.state, ASK_WAITING);
        const uint32_t given = question.slices_given[i];
        report(i, (struct transfer_progress){.slices_given = given, .slices_moved = given & (given - 1)});
        assert_int_equal(ask.state, ASK_WAITING);
        /* Only what is left is asked for, and it is polled. */
        pass(TRANSFER_POLL_NS);
        assert_true(voters_has(take(), i));
        assert_int_equal(sent[i].transfer.slices, given & -given);
        report(i, (struct transfer_progress){.slices_given = given, .slices_moved = given});
    }
    assert_int_equal(ask.state, ASK_DONE);
    assert_int_equal(question.slices_moved, UINT32_MAX);
    close_members();
}

static void one_that_was_found_done_needs_no_worker(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(7);
    report(0, (struct transfer_progress){.slices_given = 0xffff, .slices_moved = 0xffff});
    report(1, (struct transfer_progress){.slices_given = 0xffff0000, .slices_moved = 0xffff0000});
    assert_int_equal(ask.state, ASK_DONE);
    close_members();
}

/* Once: somebody else may change it, or pause it, later. */
static void workers_are_polled_and_told_the_pace_once(void **state)
{
    (void)state;
    open_members("repl:3");
    question = (struct config_question){
        .descriptor = successor, .preferred = {7}, .sets_pace = true, .is_paused = true, .bytes_per_s = 12345};
    begin(ASK_TRANSFER);
    take();
    for (unsigned i = 0; i < 3; i++) {
        assert_true(sent[i].transfer.sets_pace && sent[i].transfer.is_paused);
        assert_int_equal(sent[i].transfer.bytes_per_s, 12345);
        report(i, (struct transfer_progress){0});
    }
    take();
    for (unsigned poll = 0; poll < 20; poll++) {
        for (unsigned i = 0; i < 3; i++)
            report(i, (struct transfer_progress){.slices_given = question.slices_given[i]});
        assert_true(ask.wake_ns <= now_ns + TRANSFER_POLL_NS);
        pass(TRANSFER_POLL_NS);
        assert_int_equal(take().bits, 7); /* ever again, and not ever more rarely */
        assert_false(sent[2].transfer.sets_pace);
    }
    close_members();
}

static void progress_is_that_of_all_workers(void **state)
{
    (void)state;
    open_members("repl:3");
    begin_transfer(7);
    report(0, (struct transfer_progress){.slices_given = 3, .slices_moved = 1, .register_count = 10, .bytes = 100});
    report(1, (struct transfer_progress){.slices_given = 12, .slices_moved = 4, .register_count = 5, .bytes = 7});
    report(2, (struct transfer_progress){.is_paused = true, .bytes_per_s = 99});
    const struct transfer_progress all = config_ask_progress(&question, 3);
    assert_int_equal(all.slices_given, 15);
    assert_int_equal(all.slices_moved, 5);
    assert_int_equal(all.register_count, 15);
    assert_int_equal(all.bytes, 107);
    assert_true(all.is_paused);
    assert_int_equal(all.bytes_per_s, 99);
    close_members();
}

/* ---------------------------------------------------------------- incarnations */

/* The last member asks the others; those in `knowing` know it under another incarnation. Answers of the others that it
 * took, or 0: it is refused. */
static unsigned register_last(struct voters knowing)
{
    const unsigned own = config.member_count - 1u;
    unsigned count = 0;
    question = (struct config_question){.registration = {.host = config.members[own].id, .incarnation = 4711}};
    begin(ASK_REGISTER);
    assert_int_equal(take().bits, voters_all(own).bits);
    for (unsigned i = 0; i < own && ask.state == ASK_WAITING; i++) {
        if (voters_has(knowing, i)) {
            refuse(i, REPLY_DENIED);
            continue;
        }
        answer(i);
        count++;
    }
    assert_int_not_equal(ask.state, ASK_WAITING);
    return ask.state == ASK_DONE ? count : 0;
}

/* A member without memory is found out even if others have lost theirs, as many as operations can do without: those
 * record whatever comes, and so do those who were down when it came the first time. */
static void an_incarnation_is_remembered_by_enough(void **state)
{
    (void)state;
    char text[CODE_TEXT_BYTES];
    for (unsigned n = 2; n <= MEMBER_COUNT_MAX; n++) {
        for (unsigned k = 1; k <= n; k++) {
            open_members(code_print((struct code){.dap = DAP_TREAS, .n = (uint8_t)n, .k = (uint8_t)k}, text));
            const unsigned told_count = register_last((struct voters){0});
            assert_in_range(told_count, 1, n - 1);
            const unsigned tolerated = code_tolerance(config.code);
            struct voters knowing = voters_all(told_count);
            for (unsigned lost = 1; lost < tolerated; lost++)
                voters_remove(&knowing, lost - 1);
            assert_int_equal(register_last(knowing), 0);
            assert_int_equal(ask.error, AREG_EACCES);
            close_members();
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_asks_its_question_and_counts_its_votes),
        cmocka_unit_test(refusals_are_no_votes),
        cmocka_unit_test(those_who_deny_us_fail_it_once_no_majority_is_left),
        cmocka_unit_test(the_successor_that_a_majority_reads_is_found_if_any_of_it_shows_it),
        cmocka_unit_test(a_majority_of_promises_brings_the_value_under_the_largest_ballot),
        cmocka_unit_test(a_refused_ballot_fails_the_question_and_tells_which_was_larger),
        cmocka_unit_test(one_that_shows_the_decision_neither_votes_nor_refuses),
        cmocka_unit_test(ballots_are_ordered_by_round_then_proposer),
        cmocka_unit_test(everybody_must_join_and_one_that_refuses_is_the_end),
        cmocka_unit_test(a_greeting_learns_incarnations_and_who_is_not_who_it_should_be),
        cmocka_unit_test(a_host_of_another_cluster_is_not_taken_for_one_of_ours),
        cmocka_unit_test(the_end_is_told_to_all_but_does_not_wait_for_the_dead),
        cmocka_unit_test(slices_are_given_to_those_that_must_receive_once_all_were_asked),
        cmocka_unit_test(slices_are_shared_evenly),
        cmocka_unit_test(the_dead_are_not_waited_for_and_get_nothing),
        cmocka_unit_test(what_an_earlier_reconfigurer_gave_out_stays_there),
        cmocka_unit_test(a_silent_workers_slices_go_to_others),
        cmocka_unit_test(it_is_done_when_every_slice_is_moved_by_somebody),
        cmocka_unit_test(one_that_was_found_done_needs_no_worker),
        cmocka_unit_test(workers_are_polled_and_told_the_pace_once),
        cmocka_unit_test(progress_is_that_of_all_workers),
        cmocka_unit_test(an_incarnation_is_remembered_by_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
