/*
 * The answering half of the messages about configurations: links, consensus, joining, finalizing, incarnations.
 */
#include "dap/dap.h"
#include "described.h"
#include "reconfig/config_answer.h"
#include "store/store_memory.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const unsigned HOSTS[] = {1, 2, 3, 4};

/* One member of one configuration, and two successors that it may have. */
struct world {
    struct store *store;
    struct store_txn *txn;
    struct described c;
    struct described d[2];
    struct seat seat;
    struct reply reply;
    struct config_effect effect;
};

static void begin(struct world *world)
{
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->txn), AREG_OK);
    world->seat.txn = world->txn;
}

static void open_world(struct world *world)
{
    const struct store_options options = {.path = "", .sync = true};
    *world = (struct world){0};
    assert_int_equal(store_memory_open(&world->store, &options), AREG_OK);
    describe_first(&world->c, 2, "rs:3,1", HOSTS);
    world->c.config.index = 6;
    describe(&world->c);
    for (unsigned i = 0; i < 2; i++)
        describe_next(&world->d[i], &world->c.config, "rs:3,1", HOSTS + i, i);
    begin(world);
    world->seat = (struct seat){.txn = world->txn, .config = &world->c.config, .member_index = 1};
    assert_int_equal(store_config_put(world->txn, world->c.config.id, descriptor_of(&world->c), &world->seat.slot),
                     AREG_OK);
}

static void close_world(struct world *world)
{
    store_abort(world->txn);
    store_close(world->store);
}

/* What comes is durable, and the process dies. */
static void commit_and_crash(struct world *world)
{
    assert_int_equal(store_commit(world->txn), AREG_OK);
    store_memory_crash(world->store);
    begin(world);
}

static enum reply_status write_link(struct world *world, struct slice descriptor)
{
    const struct request request = {.kind = MESSAGE_WRITE_CONFIG, .descriptor = descriptor};
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_write(&world->seat, &request, &world->reply, &world->effect), AREG_OK);
    return world->reply.status;
}

static void expect_next(struct world *world, enum link_status status, const struct described *next)
{
    struct reply reply = {0};
    assert_int_equal(config_answer_next(&world->seat, &reply), AREG_OK);
    assert_int_equal(reply.next.status, status);
    assert_int_equal(reply.status, status == LINK_FINALIZED ? REPLY_RETIRED : REPLY_OK);
    assert_true(slice_equal(reply.next.descriptor, next ? descriptor_of(next) : (struct slice){0}));
}

/* ---------------------------------------------------------------- links */

static void the_first_successor_stays_whatever_else_is_written(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    expect_next(&world, LINK_NONE, NULL);
    assert_int_equal(write_link(&world, descriptor_of(&world.d[0])), REPLY_OK);
    assert_true(slice_equal(world.reply.next.descriptor, descriptor_of(&world.d[0])));
    commit_and_crash(&world);
    expect_next(&world, LINK_PENDING, &world.d[0]);
    assert_int_equal(write_link(&world, descriptor_of(&world.d[0])), REPLY_OK);
    assert_int_equal(world.reply.next.status, LINK_PENDING);
    assert_false(world.effect.is_refused);
    assert_int_equal(write_link(&world, descriptor_of(&world.d[1])), REPLY_INVALID);
    assert_true(world.effect.is_refused);
    expect_next(&world, LINK_PENDING, &world.d[0]);
    assert_int_equal(config_retire(&world.seat, descriptor_of(&world.d[1])), AREG_OK);
    commit_and_crash(&world);
    expect_next(&world, LINK_FINALIZED, &world.d[1]);
    close_world(&world);
}

static void only_a_direct_successor_is_written(void **state)
{
    (void)state;
    static struct world world;
    static struct described other;
    open_world(&world);
    for (unsigned i = 0; i < 5; i++) {
        other = world.d[0];
        other.config.shard += i == 0;
        other.config.index += i == 1;
        other.config.index -= i == 2;
        other.config.parent.bytes[9] ^= i == 3;
        describe(&other);
        other.bytes -= i == 4;
        assert_int_equal(write_link(&world, descriptor_of(&other)), REPLY_INVALID);
        assert_false(world.effect.is_refused);
        const struct request accept = {
            .kind = MESSAGE_ACCEPT, .descriptor = descriptor_of(&other), .accept.ballot = {1, 1}};
        world.reply = (struct reply){0};
        assert_int_equal(config_answer_accept(&world.seat, &accept, &world.reply), AREG_OK);
        assert_int_equal(world.reply.status, REPLY_INVALID);
    }
    assert_int_equal(write_link(&world, (struct slice){0}), REPLY_INVALID);
    expect_next(&world, LINK_NONE, NULL);
    close_world(&world);
}

/* ---------------------------------------------------------------- consensus */

enum { BALLOT_COUNT = 4 };

/* In ascending order: rounds count before proposers. */
static const struct ballot BALLOTS[BALLOT_COUNT] = {{1, 7}, {1, 9}, {2, 7}, {9, 1}};

/* An acceptor in the words of the paper: numbers of ballots and successors from 1; 0: none. */
struct dumb {
    unsigned promised;
    unsigned accepted;
    unsigned value;
    unsigned decided;
};

enum { STEP_COUNT = 3 * BALLOT_COUNT + 2 };

static struct ballot ballot_of(unsigned number)
{
    return number ? BALLOTS[number - 1] : (struct ballot){0, 0};
}

static void expect_ballot(struct ballot found, unsigned number)
{
    assert_true(found.round == ballot_of(number).round && found.proposer == ballot_of(number).proposer);
}

static void expect_described(struct world *world, struct slice found, unsigned number)
{
    assert_true(slice_equal(found, number ? descriptor_of(&world->d[number - 1]) : (struct slice){0}));
}

static void do_prepare(struct world *world, struct dumb *dumb, unsigned ballot)
{
    const struct request request = {.kind = MESSAGE_PREPARE, .prepare.ballot = ballot_of(ballot)};
    const bool grants = !dumb->decided && ballot >= dumb->promised;
    if (grants)
        dumb->promised = ballot;
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_prepare(&world->seat, &request, &world->reply), AREG_OK);
    const struct consensus_reply *found = &world->reply.consensus;
    assert_int_equal(world->reply.status, REPLY_OK);
    assert_int_equal(found->is_granted, grants);
    expect_ballot(found->promised, dumb->promised);
    expect_ballot(found->accepted, grants ? dumb->accepted : 0);
    expect_described(world, found->descriptor, grants ? dumb->value : 0);
    expect_described(world, world->reply.next.descriptor, dumb->decided);
}

static void do_accept(struct world *world, struct dumb *dumb, unsigned ballot, unsigned value)
{
    const struct request request = {
        .kind = MESSAGE_ACCEPT, .accept.ballot = ballot_of(ballot), .descriptor = descriptor_of(&world->d[value - 1])};
    const bool is_absurd = ballot == dumb->accepted && value != dumb->value;
    const bool grants = !is_absurd && !dumb->decided && ballot >= dumb->promised;
    if (grants) {
        dumb->promised = dumb->accepted = ballot;
        dumb->value = value;
    }
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_accept(&world->seat, &request, &world->reply), AREG_OK);
    assert_int_equal(world->reply.status, is_absurd ? REPLY_INVALID : REPLY_OK);
    if (is_absurd)
        return;
    assert_int_equal(world->reply.consensus.is_granted, grants);
    expect_ballot(world->reply.consensus.promised, dumb->promised);
    assert_int_equal(world->reply.consensus.descriptor.bytes, 0);
    expect_described(world, world->reply.next.descriptor, dumb->decided);
}

static void do_step(struct world *world, struct dumb *dumb, unsigned step)
{
    if (step < BALLOT_COUNT) {
        do_prepare(world, dumb, 1 + step);
    } else if (step < 3 * BALLOT_COUNT) {
        do_accept(world, dumb, 1 + step % BALLOT_COUNT, step / BALLOT_COUNT);
    } else {
        const unsigned value = 1 + step - 3 * BALLOT_COUNT;
        if (!dumb->decided)
            dumb->decided = value;
        assert_int_equal(write_link(world, descriptor_of(&world->d[value - 1])),
                         dumb->decided == value ? REPLY_OK : REPLY_INVALID);
    }
}

static void an_acceptor_does_what_a_dumb_one_does_in_all_short_lives(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    assert_int_equal(store_commit(world.txn), AREG_OK);
    enum { LENGTH = 4 };
    for (unsigned life = 0; life < STEP_COUNT * STEP_COUNT * STEP_COUNT * STEP_COUNT; life++) {
        struct dumb dumb = {0};
        begin(&world);
        for (unsigned i = 0, rest = life; i < LENGTH; i++, rest /= STEP_COUNT)
            do_step(&world, &dumb, rest % STEP_COUNT);
        store_abort(world.txn);
    }
    world.txn = NULL;
    close_world(&world);
}

static void what_an_acceptor_said_is_so_after_a_crash(void **state)
{
    (void)state;
    static struct world world;
    struct random_source random = test_random();
    for (unsigned run = 0; run < 100; run++) {
        struct dumb dumb = {0};
        open_world(&world);
        for (unsigned i = 0; i < 20; i++) {
            /* Decisions are rare: nothing comes after them. */
            do_step(&world, &dumb, (unsigned)random_below(&random, i < 15 ? 3 * BALLOT_COUNT : STEP_COUNT));
            commit_and_crash(&world);
        }
        close_world(&world);
    }
}

static void no_ballot_is_no_ballot(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    const struct request prepare = {.kind = MESSAGE_PREPARE};
    assert_int_equal(config_answer_prepare(&world.seat, &prepare, &world.reply), AREG_OK);
    assert_int_equal(world.reply.status, REPLY_INVALID);
    const struct request accept = {.kind = MESSAGE_ACCEPT, .descriptor = descriptor_of(&world.d[0])};
    assert_int_equal(config_answer_accept(&world.seat, &accept, &world.reply), AREG_OK);
    assert_int_equal(world.reply.status, REPLY_INVALID);
    close_world(&world);
}

/* Proposers as in the paper, whose messages reach some acceptors only, in between those of others. */
struct proposer {
    unsigned round;
    unsigned own_value;
    unsigned granted_count;
    struct ballot best;
    unsigned best_value; /* accepted under `best` */
};

enum { ACCEPTOR_COUNT = 3, PROPOSER_COUNT = 3 };

static unsigned value_of(const struct world *world, struct slice descriptor)
{
    return slice_equal(descriptor, descriptor_of(&world->d[0])) ? 1 : 2;
}

static void prepare_at(struct world *world, struct proposer *proposer, unsigned index)
{
    const struct request request = {.prepare.ballot = {proposer->round, 1 + index}};
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_prepare(&world->seat, &request, &world->reply), AREG_OK);
    const struct consensus_reply *consensus = &world->reply.consensus;
    if (!consensus->is_granted)
        return;
    proposer->granted_count++;
    const bool is_better =
        consensus->accepted.round > proposer->best.round ||
        (consensus->accepted.round == proposer->best.round && consensus->accepted.proposer > proposer->best.proposer);
    if (is_better) {
        proposer->best = consensus->accepted;
        proposer->best_value = value_of(world, consensus->descriptor);
    }
}

static bool accept_at(struct world *world, const struct proposer *proposer, unsigned index, unsigned value)
{
    const struct request request = {.accept.ballot = {proposer->round, 1 + index},
                                    .descriptor = descriptor_of(&world->d[value - 1])};
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_accept(&world->seat, &request, &world->reply), AREG_OK);
    return world->reply.consensus.is_granted;
}

static void proposers_never_decide_two_successors(void **state)
{
    (void)state;
    static struct world world;
    struct random_source random = test_random();
    unsigned decided_count = 0;
    open_world(&world);
    assert_int_equal(store_commit(world.txn), AREG_OK);
    for (unsigned run = 0; run < 2000; run++) {
        struct proposer proposers[PROPOSER_COUNT] = {0};
        unsigned decided = 0;
        begin(&world);
        for (unsigned turn = 0; turn < 16; turn++) {
            const unsigned index = (unsigned)random_below(&random, PROPOSER_COUNT);
            struct proposer *proposer = &proposers[index];
            const bool prepares = proposer->granted_count < 2 || random_below(&random, 4) == 0;
            const unsigned value = proposer->best_value ? proposer->best_value : 1 + index % 2;
            unsigned accepted_count = 0;
            if (prepares)
                *proposer = (struct proposer){.round = proposer->round + 1 + (unsigned)random_below(&random, 3)};
            for (unsigned at = 0; at < ACCEPTOR_COUNT; at++) {
                world.seat.slot = 100 + at;
                if (random_below(&random, 4) == 0)
                    continue; /* lost */
                if (prepares)
                    prepare_at(&world, proposer, index);
                else
                    accepted_count += accept_at(&world, proposer, index, value);
            }
            if (accepted_count < 2)
                continue;
            assert_true(decided == 0 || decided == value);
            decided = value;
        }
        decided_count += decided != 0;
        store_abort(world.txn);
    }
    assert_true(decided_count > 500);
    world.txn = NULL;
    close_world(&world);
}

/* ---------------------------------------------------------------- incarnations */

static enum reply_status register_host(struct world *world, const char *host, uint64_t incarnation)
{
    struct request request = {.kind = MESSAGE_REGISTER, .registration.incarnation = incarnation};
    assert_true(host_id_parse(host, &request.registration.host));
    world->reply = (struct reply){0};
    assert_int_equal(config_answer_register(&world->seat, 55, &request, &world->reply), AREG_OK);
    return world->reply.status;
}

static void of_a_member_that_genesis_named_the_first_incarnation_counts(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    for (unsigned i = 0; i < 3; i++)
        world.c.config.members[i].incarnation = 0;
    assert_int_equal(register_host(&world, "s1", 8), REPLY_OK);
    assert_int_equal(register_host(&world, "s3", 9), REPLY_OK);
    commit_and_crash(&world);
    assert_int_equal(register_host(&world, "s1", 8), REPLY_OK);
    assert_int_equal(register_host(&world, "s1", 9), REPLY_DENIED);
    assert_int_equal(register_host(&world, "s3", 8), REPLY_DENIED);
    assert_int_equal(register_host(&world, "s3", 0), REPLY_INVALID);
    assert_int_equal(register_host(&world, "s4", 8), REPLY_INVALID);
    /* This host itself, which needs no record to know who it is. */
    assert_int_equal(register_host(&world, "s2", 54), REPLY_DENIED);
    assert_int_equal(register_host(&world, "s2", 55), REPLY_OK);
    close_world(&world);
}

static void of_other_members_the_descriptor_says_which_incarnation_counts(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    assert_int_equal(register_host(&world, "s1", 9), REPLY_DENIED);
    assert_int_equal(register_host(&world, "s1", 101), REPLY_OK);
    assert_int_equal(register_host(&world, "s1", 9), REPLY_DENIED);
    close_world(&world);
}

/* ---------------------------------------------------------------- joining */

static enum reply_status join(struct world *world, const struct described *d, const char *host, uint64_t incarnation)
{
    const struct request request = {
        .kind = MESSAGE_JOIN, .shard = 2, .config = d->config.id, .descriptor = descriptor_of(d)};
    struct joiner joiner = {.incarnation = incarnation};
    struct config joined;
    assert_true(host_id_parse(host, &joiner.host));
    world->reply = (struct reply){0};
    assert_int_equal(config_judge_join(world->txn, &joiner, &request, &world->reply, &joined, &world->effect), AREG_OK);
    assert_true(world->reply.status == REPLY_OK || !world->effect.is_news);
    return world->reply.status;
}

static void whoever_is_listed_under_its_incarnation_may_join(void **state)
{
    (void)state;
    static struct world world;
    uint32_t slot;
    open_world(&world);
    const struct described *d = &world.d[0];
    assert_int_equal(join(&world, d, "s1", 101), REPLY_OK);
    assert_true(world.effect.is_news);
    assert_int_equal(join(&world, d, "s1", 102), REPLY_INVALID);
    assert_int_equal(join(&world, d, "s1", 0), REPLY_INVALID);
    assert_int_equal(join(&world, d, "s4", 104), REPLY_INVALID);
    assert_int_equal(store_config_put(world.txn, d->config.id, descriptor_of(d), &slot), AREG_OK);
    assert_int_equal(join(&world, d, "s1", 101), REPLY_OK);
    assert_false(world.effect.is_news);

    static struct described other;
    describe_next(&other, &world.c.config, "ldr:2,2", HOSTS, 0);
    assert_int_equal(join(&world, &other, "s1", 101), dap_of(DAP_LDR) ? REPLY_OK : REPLY_INVALID);
    other = world.d[1];
    other.config.shard = 3;
    describe(&other);
    assert_int_equal(join(&world, &other, "s2", 102), REPLY_INVALID);
    other = world.d[1];
    other.config.cluster.bytes[0] ^= 1;
    describe(&other);
    assert_int_equal(join(&world, &other, "s2", 102), REPLY_INVALID);
    other = world.d[1];
    other.config.id.bytes[0] ^= 1;
    assert_int_equal(join(&world, &other, "s2", 102), REPLY_INVALID);
    other.bytes = 0;
    assert_int_equal(join(&world, &other, "s2", 102), REPLY_INVALID);
    close_world(&world);
}

static void nobody_joins_what_is_over(void **state)
{
    (void)state;
    static struct world world;
    static struct described later;
    open_world(&world);
    describe_next(&later, &world.d[0].config, "rs:3,1", HOSTS, 0);
    assert_int_equal(config_final_put(world.txn, 2, descriptor_of(&world.c)), AREG_OK);
    assert_int_equal(join(&world, &world.d[1], "s2", 102), REPLY_OK);
    for (unsigned i = 0; i < 2; i++) {
        const struct described *final = i == 0 ? &world.d[0] : &later;
        assert_int_equal(config_final_put(world.txn, 2, descriptor_of(final)), AREG_OK);
        assert_int_equal(join(&world, &world.d[1], "s2", 102), REPLY_RETIRED);
        assert_int_equal(world.reply.next.status, LINK_FINALIZED);
        assert_true(slice_equal(world.reply.next.descriptor, descriptor_of(final)));
    }
    /* The memberships that there are say what their links say. */
    assert_int_equal(join(&world, &world.c, "s2", 102), REPLY_OK);
    assert_int_equal(config_retire(&world.seat, descriptor_of(&later)), AREG_OK);
    assert_int_equal(join(&world, &world.c, "s2", 102), REPLY_RETIRED);
    close_world(&world);
}

/* ---------------------------------------------------------------- finalizing */

static enum reply_status finalize(struct world *world, const struct described *d)
{
    const struct request request = {
        .kind = MESSAGE_FINALIZE, .shard = 2, .config = d->config.id, .descriptor = descriptor_of(d)};
    struct config final;
    world->reply = (struct reply){0};
    assert_int_equal(
        config_answer_finalize(world->txn, (struct config_id){0}, &request, &world->reply, &final, &world->effect),
        AREG_OK);
    return world->reply.status;
}

static void expect_final(struct world *world, const struct described *final)
{
    struct reply reply = {0};
    assert_int_equal(config_answer_hint(world->txn, 2, &reply), AREG_OK);
    assert_int_equal(reply.status, final ? REPLY_OK : REPLY_UNKNOWN_CONFIG);
    assert_int_equal(reply.next.status, final ? LINK_FINALIZED : LINK_NONE);
    assert_true(slice_equal(reply.next.descriptor, final ? descriptor_of(final) : (struct slice){0}));
    assert_int_equal(config_answer_hint(world->txn, 22, &reply), AREG_OK);
    assert_int_equal(reply.status, REPLY_UNKNOWN_CONFIG);
}

static void what_is_known_as_finalized_only_gets_later(void **state)
{
    (void)state;
    static struct world world;
    static struct described chain[8];
    struct random_source random = test_random();
    open_world(&world);
    expect_final(&world, NULL);
    chain[0] = world.c;
    for (unsigned i = 1; i < 8; i++)
        describe_next(&chain[i], &chain[i - 1].config, "repl:3", HOSTS, 0);
    int latest = -1;
    for (unsigned i = 0; i < 40; i++) {
        const int which = (int)random_below(&random, 1 + i / 5);
        assert_int_equal(finalize(&world, &chain[which]), REPLY_OK);
        assert_int_equal(world.effect.is_news, which > latest);
        latest = which > latest ? which : latest;
        if (i % 2)
            commit_and_crash(&world);
        expect_final(&world, &chain[latest]);
    }
    close_world(&world);
}

static void one_place_has_one_finalized_configuration(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world);
    /* Its parent's pending successor is another one (I1). */
    assert_int_equal(write_link(&world, descriptor_of(&world.d[0])), REPLY_OK);
    assert_int_equal(finalize(&world, &world.d[1]), REPLY_INVALID);
    assert_true(world.effect.is_refused);
    expect_final(&world, NULL);
    assert_int_equal(finalize(&world, &world.d[0]), REPLY_OK);
    /* Another one of this index is finalized (I3). */
    assert_int_equal(config_retire(&world.seat, descriptor_of(&world.d[0])), AREG_OK);
    assert_int_equal(finalize(&world, &world.d[1]), REPLY_INVALID);
    assert_true(world.effect.is_refused);
    expect_final(&world, &world.d[0]);
    /* That of another cluster is none here, however late, and what does not describe itself is nothing. */
    static struct described other;
    describe_next(&other, &world.d[0].config, "rs:3,1", HOSTS, 0);
    other.config.cluster.bytes[15] ^= 1;
    describe(&other);
    assert_int_equal(finalize(&world, &other), REPLY_INVALID);
    expect_final(&world, &world.d[0]);
    other = world.d[0];
    other.config.id.bytes[3] ^= 1;
    assert_int_equal(finalize(&world, &other), REPLY_INVALID);
    assert_false(world.effect.is_refused);
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_successor_stays_whatever_else_is_written),
        cmocka_unit_test(only_a_direct_successor_is_written),
        cmocka_unit_test(an_acceptor_does_what_a_dumb_one_does_in_all_short_lives),
        cmocka_unit_test(what_an_acceptor_said_is_so_after_a_crash),
        cmocka_unit_test(no_ballot_is_no_ballot),
        cmocka_unit_test(proposers_never_decide_two_successors),
        cmocka_unit_test(of_a_member_that_genesis_named_the_first_incarnation_counts),
        cmocka_unit_test(of_other_members_the_descriptor_says_which_incarnation_counts),
        cmocka_unit_test(whoever_is_listed_under_its_incarnation_may_join),
        cmocka_unit_test(nobody_joins_what_is_over),
        cmocka_unit_test(what_is_known_as_finalized_only_gets_later),
        cmocka_unit_test(one_place_has_one_finalized_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
