/*
 * Every invariant about configurations is broken on purpose, by hands that change what is on disks, and is reported by
 * its name; and what a correct reconfiguration leaves on disks, step by step, breaks none.
 */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- hands on disks */

struct hands {
    struct calm calm;
    struct config configs[3];
    uint8_t encoded[3][CONFIG_ENCODED_BYTES_MAX];
    struct slice descriptors[3];
};

enum { HOST_COUNT = 3, MAJORITY = 2 };

/* The same members again, as a successor of `parent`. */
static void make_config(struct hands *hands, unsigned which, const struct config *parent, const char *reason)
{
    struct config *config = &hands->configs[which];
    *config = *parent;
    config->index = parent->index + 1;
    config->parent = parent->id;
    snprintf(config->author, sizeof config->author, "hands");
    snprintf(config->reason, sizeof config->reason, "%s", reason);
    for (unsigned i = 0; i < config->member_count; i++)
        config->members[i].incarnation = host_first_incarnation(i);
    const size_t bytes = config_encode(config, hands->encoded[which], sizeof hands->encoded[which]);
    hands->descriptors[which] = slice_borrow(hands->encoded[which], bytes);
}

/* c1 and its rival, and c2 after c1. k0 has been written. */
static void begin(struct hands *hands)
{
    struct calm *calm = &hands->calm;
    calm_init(calm, &(struct calm_options){.code = "repl:3", .key_count = 2});
    calm_do(calm, 0, CLIENT_PUT, 0, 100);
    calm_idle(calm, SECOND);
    const struct config *genesis = &calm->sim->sequence.configs[0]->config;
    make_config(hands, 0, genesis, "the first");
    make_config(hands, 1, genesis, "a rival");
    make_config(hands, 2, &hands->configs[0], "the second");
}

static void end(struct hands *hands, const char *name)
{
    struct calm *calm = &hands->calm;
    assert_string_equal(calm->report.broken, name);
    if (name[0])
        assert_true(strlen(calm->report.why) > 10);
    sim_destroy(calm->sim);
}

static struct store_txn *open_disk(struct hands *hands, uint32_t host_index)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(hands->calm.sim->hosts[host_index].store, STORE_WRITE, &txn), AREG_OK);
    return txn;
}

static void close_disk(struct hands *hands, uint32_t host_index, struct store_txn *txn)
{
    assert_int_equal(store_commit(txn), AREG_OK);
    watch_disk(hands->calm.sim, host_index);
}

static uint32_t slot_of(struct store_txn *txn, struct config_id id)
{
    uint32_t slot;
    assert_int_equal(store_config_find(txn, id, &slot), AREG_OK);
    return slot;
}

static struct config_id genesis_id(const struct hands *hands)
{
    return hands->calm.sim->sequence.configs[0]->config.id;
}

static void join(struct hands *hands, uint32_t host_index, unsigned which)
{
    struct store_txn *txn = open_disk(hands, host_index);
    uint32_t slot;
    assert_int_equal(store_config_put(txn, hands->configs[which].id, hands->descriptors[which], &slot), AREG_OK);
    close_disk(hands, host_index, txn);
}

static void accept_as(struct hands *hands, uint32_t host_index, struct config_id of, struct ballot promised,
                      struct ballot accepted, unsigned which)
{
    struct store_txn *txn = open_disk(hands, host_index);
    const struct acceptor acceptor = {.promised = promised,
                                      .accepted = accepted,
                                      .descriptor = accepted.round ? hands->descriptors[which] : (struct slice){0}};
    assert_int_equal(store_acceptor_put(txn, slot_of(txn, of), &acceptor), AREG_OK);
    close_disk(hands, host_index, txn);
}

static void link_to(struct hands *hands, uint32_t host_index, struct config_id from, enum link_status status,
                    struct slice descriptor)
{
    struct store_txn *txn = open_disk(hands, host_index);
    const struct link link = {.status = status, .descriptor = descriptor};
    assert_int_equal(store_link_put(txn, slot_of(txn, from), &link), AREG_OK);
    close_disk(hands, host_index, txn);
}

static void move_slices(struct hands *hands, uint32_t host_index, unsigned which, uint32_t slices)
{
    struct store_txn *txn = open_disk(hands, host_index);
    const struct stored_transfer transfer = {.progress = {.slices_given = slices, .slices_moved = slices}};
    assert_int_equal(store_transfer_put(txn, slot_of(txn, hands->configs[which].id), &transfer), AREG_OK);
    close_disk(hands, host_index, txn);
}

static void copy_register(struct hands *hands, uint32_t host_index, unsigned which)
{
    static struct stored_register found;
    const struct sim_key *key = &hands->calm.sim->keys[0];
    const struct slice name = slice_borrow(key->text, key->text_bytes);
    struct slice fragment;
    struct store_txn *txn = open_disk(hands, host_index);
    const uint32_t from = slot_of(txn, genesis_id(hands));
    assert_int_equal(store_register_get(txn, from, name, &found), AREG_OK);
    assert_int_equal(store_fragment_get(txn, from, name, &found.entries[0], &fragment), AREG_OK);
    found.confirmed = TAG_ZERO;
    found.entries[0].place = 0;
    found.entries[0].payload = fragment;
    assert_int_equal(store_register_put(txn, slot_of(txn, hands->configs[which].id), name, &found), AREG_OK);
    close_disk(hands, host_index, txn);
    slice_unref(&fragment);
}

static void know_final(struct hands *hands, uint32_t host_index, struct slice descriptor)
{
    struct store_txn *txn = open_disk(hands, host_index);
    assert_int_equal(store_meta_put(txn, "final.0", descriptor), AREG_OK);
    close_disk(hands, host_index, txn);
}

static void delete_register(struct hands *hands, uint32_t host_index)
{
    const struct sim_key *key = &hands->calm.sim->keys[0];
    struct store_txn *txn = open_disk(hands, host_index);
    assert_int_equal(
        store_register_delete(txn, slot_of(txn, genesis_id(hands)), slice_borrow(key->text, key->text_bytes)), AREG_OK);
    close_disk(hands, host_index, txn);
}

/* ---------------------------------------------------------------- steps of a reconfiguration */

static const struct ballot first = {1, 7};
static const struct ballot second = {2, 3};
static const struct ballot none = {0, 0};

static void join_all(struct hands *hands, unsigned which)
{
    for (uint32_t i = 0; i < HOST_COUNT; i++)
        join(hands, i, which);
}

/* By `count` members of c0. */
static void decide(struct hands *hands, unsigned which, unsigned count)
{
    for (uint32_t i = 0; i < count; i++) {
        accept_as(hands, i, genesis_id(hands), first, none, which);
        accept_as(hands, i, genesis_id(hands), first, first, which);
    }
}

static void install(struct hands *hands, unsigned which, unsigned count)
{
    for (uint32_t i = 0; i < count; i++)
        link_to(hands, i, genesis_id(hands), LINK_PENDING, hands->descriptors[which]);
}

static void prepare_pending(struct hands *hands)
{
    begin(hands);
    join_all(hands, 0);
    decide(hands, 0, MAJORITY);
    install(hands, 0, MAJORITY);
    assert_string_equal(hands->calm.report.broken, "");
}

static void prepare_moved(struct hands *hands)
{
    prepare_pending(hands);
    for (uint32_t i = 0; i < MAJORITY; i++)
        copy_register(hands, i, 0);
    move_slices(hands, 0, 0, UINT32_C(0x0FFFFFFF));
    move_slices(hands, 1, 0, UINT32_C(0xF0000000));
    assert_string_equal(hands->calm.report.broken, "");
}

static void finalize(struct hands *hands, uint32_t host_index)
{
    know_final(hands, host_index, hands->descriptors[0]);
    link_to(hands, host_index, genesis_id(hands), LINK_FINALIZED, hands->descriptors[0]);
}

static void what_a_reconfiguration_leaves_on_disks_breaks_nothing(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_moved(&hands);
    const struct sequence *sequence = &hands.calm.sim->sequence;
    assert_int_equal(sequence->count, 2);
    assert_int_equal(sequence->base, 0);
    assert_true(sequence_is_live(hands.calm.sim, 0));
    finalize(&hands, 2);
    assert_int_equal(sequence->base, 1);
    assert_true(sequence_is_live(hands.calm.sim, 0)); /* as long as a majority does not know */
    finalize(&hands, 1);
    assert_false(sequence_is_live(hands.calm.sim, 0));
    assert_true(sequence_is_live(hands.calm.sim, sequence->numbers[1]));
    delete_register(&hands, 1);
    assert_int_equal(hands.calm.report.reconfigurations.decided, 1);
    assert_int_equal(hands.calm.report.reconfigurations.finalized, 1);
    end(&hands, "");
}

/* ---------------------------------------------------------------- I1, I2 */

static void a_successor_that_is_none_breaks_I1(void **state)
{
    (void)state;
    static struct hands hands;
    begin(&hands);
    link_to(&hands, 0, genesis_id(&hands), LINK_PENDING, slice_borrow("c1", 2));
    end(&hands, "I1");
    begin(&hands);
    link_to(&hands, 0, genesis_id(&hands), LINK_PENDING, hands.descriptors[2]);
    end(&hands, "I1");
    begin(&hands);
    link_to(&hands, 0, genesis_id(&hands), LINK_FINALIZED, hands.descriptors[0]);
    end(&hands, "I1");
    begin(&hands);
    know_final(&hands, 0, hands.descriptors[0]);
    end(&hands, "I1");
}

static void two_successors_break_I1(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_pending(&hands);
    link_to(&hands, 2, genesis_id(&hands), LINK_PENDING, hands.descriptors[1]);
    end(&hands, "I1");
    prepare_pending(&hands);
    link_to(&hands, 0, genesis_id(&hands), LINK_PENDING, hands.descriptors[1]);
    end(&hands, "I1");
}

static void what_goes_back_breaks_I2(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_moved(&hands);
    finalize(&hands, 0);
    link_to(&hands, 0, genesis_id(&hands), LINK_PENDING, hands.descriptors[0]);
    end(&hands, "I2");
    prepare_moved(&hands);
    finalize(&hands, 0);
    know_final(&hands, 0, hands.calm.sim->sequence.configs[0]->descriptor);
    end(&hands, "I2");
    prepare_moved(&hands);
    move_slices(&hands, 0, 0, 1);
    end(&hands, "I2");
}

/* ---------------------------------------------------------------- I4, I9, I10 and the rest */

static void a_configuration_that_is_finalized_too_early_breaks_I4(void **state)
{
    (void)state;
    static struct hands hands;
    /* Its register is on one host only. */
    prepare_pending(&hands);
    copy_register(&hands, 0, 0);
    move_slices(&hands, 0, 0, UINT32_MAX);
    finalize(&hands, 0);
    end(&hands, "I4");
    /* A slice was not moved. */
    prepare_moved(&hands);
    hands.calm.sim->sequence.configs[hands.calm.sim->sequence.numbers[1]]->slices_moved &= ~UINT32_C(1);
    finalize(&hands, 0);
    end(&hands, "I4");
    /* Few know that it is the successor. */
    begin(&hands);
    join_all(&hands, 0);
    decide(&hands, 0, MAJORITY);
    install(&hands, 0, 1);
    for (uint32_t i = 0; i < MAJORITY; i++)
        copy_register(&hands, i, 0);
    move_slices(&hands, 0, 0, UINT32_MAX);
    know_final(&hands, 0, hands.descriptors[0]);
    end(&hands, "I4");
}

static void what_was_not_decided_breaks_I9(void **state)
{
    (void)state;
    static struct hands hands;
    begin(&hands);
    decide(&hands, 0, 1);
    install(&hands, 0, 1);
    end(&hands, "I9");
    /* Two values are. */
    begin(&hands);
    decide(&hands, 0, MAJORITY);
    accept_as(&hands, 1, genesis_id(&hands), second, second, 1);
    accept_as(&hands, 2, genesis_id(&hands), second, second, 1);
    end(&hands, "I9");
    /* One ballot stands for two. */
    begin(&hands);
    accept_as(&hands, 0, genesis_id(&hands), first, first, 0);
    accept_as(&hands, 1, genesis_id(&hands), first, first, 1);
    end(&hands, "I9");
}

static void an_acceptor_that_goes_back_breaks_I9(void **state)
{
    (void)state;
    static struct hands hands;
    begin(&hands);
    accept_as(&hands, 0, genesis_id(&hands), second, none, 0);
    accept_as(&hands, 0, genesis_id(&hands), first, none, 0);
    end(&hands, "I9");
    begin(&hands);
    accept_as(&hands, 0, genesis_id(&hands), second, none, 0);
    accept_as(&hands, 0, genesis_id(&hands), second, first, 0);
    end(&hands, "I9");
    begin(&hands);
    accept_as(&hands, 0, genesis_id(&hands), first, second, 0);
    end(&hands, "I9");
}

static void a_register_that_is_gone_breaks_I10(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_moved(&hands);
    delete_register(&hands, 0);
    end(&hands, "I10");
    prepare_moved(&hands);
    struct store_txn *txn = open_disk(&hands, 2);
    assert_int_equal(store_config_delete(txn, genesis_id(&hands), slot_of(txn, genesis_id(&hands))), AREG_OK);
    close_disk(&hands, 2, txn);
    end(&hands, "I10");
}

static void a_successor_of_what_is_pending_breaks_pending(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_pending(&hands);
    for (uint32_t i = 0; i < MAJORITY; i++)
        accept_as(&hands, i, hands.configs[0].id, first, first, 2);
    link_to(&hands, 0, hands.configs[0].id, LINK_PENDING, hands.descriptors[2]);
    end(&hands, "pending");
}

static void who_is_no_member_breaks_member(void **state)
{
    (void)state;
    static struct hands hands;
    begin(&hands);
    hands.configs[0].members[1].incarnation++;
    make_config(&hands, 0, &hands.calm.sim->sequence.configs[0]->config, "the first");
    hands.configs[0].members[1].incarnation++;
    const size_t bytes = config_encode(&hands.configs[0], hands.encoded[0], sizeof hands.encoded[0]);
    hands.descriptors[0] = slice_borrow(hands.encoded[0], bytes);
    join(&hands, 0, 0);
    assert_string_equal(hands.calm.report.broken, "");
    join(&hands, 1, 0);
    end(&hands, "member");
}

/* ---------------------------------------------------------------- what hosts say */

static struct job_item said(const struct hands *hands, enum message_kind kind)
{
    return (struct job_item){
        .request = {.kind = kind, .config = genesis_id(hands), .descriptor = hands->descriptors[0]},
        .status = REPLY_OK,
        .is_granted = true,
        .told = CONFIG_NONE};
}

static void what_is_acknowledged_and_not_on_disk_breaks_I8_or_I9(void **state)
{
    (void)state;
    static struct hands hands;
    static const struct {
        enum message_kind kind;
        const char *name;
    } cases[] = {{MESSAGE_WRITE_CONFIG, "I8"}, {MESSAGE_PREPARE, "I9"},  {MESSAGE_ACCEPT, "I9"},
                 {MESSAGE_JOIN, "I8"},         {MESSAGE_FINALIZE, "I8"}, {MESSAGE_TRANSFER, "I8"}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin(&hands);
        struct job_item item = said(&hands, cases[i].kind);
        if (item.request.kind == MESSAGE_PREPARE)
            item.request.prepare.ballot = first;
        if (item.request.kind == MESSAGE_ACCEPT)
            item.request.accept.ballot = first;
        if (item.request.kind == MESSAGE_JOIN || item.request.kind == MESSAGE_FINALIZE)
            item.request.config = hands.configs[0].id;
        if (item.request.kind == MESSAGE_TRANSFER)
            item.request.transfer.slices = 1;
        item.status = REPLY_BUSY;
        watch_config_reply(hands.calm.sim, 0, &item);
        assert_string_equal(hands.calm.report.broken, "");
        item.status = REPLY_OK;
        watch_config_reply(hands.calm.sim, 0, &item);
        end(&hands, cases[i].name);
    }
}

static void what_is_told_and_not_in_the_sequence_breaks_I3(void **state)
{
    (void)state;
    static struct hands hands;
    prepare_pending(&hands);
    struct sim *sim = hands.calm.sim;
    watch_told(sim, 0, sequence_number(sim, hands.descriptors[0]));
    watch_told(sim, 0, 0);
    watch_told(sim, 0, CONFIG_NONE);
    assert_string_equal(hands.calm.report.broken, "");
    watch_told(sim, 0, sequence_number(sim, hands.descriptors[1]));
    end(&hands, "I3");
}

static void who_answers_for_what_is_retired_breaks_I10(void **state)
{
    (void)state;
    static struct hands hands;
    for (unsigned i = 0; i < 2; i++) {
        prepare_moved(&hands);
        if (i == 1)
            finalize(&hands, 0);
        struct store_txn *txn;
        const struct request request = {.kind = MESSAGE_GET_TAG, .config = genesis_id(&hands)};
        const struct reply reply = {.kind = MESSAGE_GET_TAG};
        assert_int_equal(store_begin(hands.calm.sim->hosts[0].store, STORE_READ, &txn), AREG_OK);
        watch_answer(hands.calm.sim, 0, txn, &request, &reply);
        store_abort(txn);
        end(&hands, i == 0 ? "" : "I10");
    }
}

static void who_has_lost_its_disk_and_answers_breaks_amnesia(void **state)
{
    (void)state;
    static struct hands hands;
    for (unsigned i = 0; i < 2; i++) {
        begin(&hands);
        struct sim *sim = hands.calm.sim;
        calm_crash_host(&hands.calm, 0);
        sim->hosts[0].is_lost = true;
        assert_true(sequence_has_forgotten(sim, 0, 0));
        host_renew(sim, 0);
        assert_true(sequence_has_forgotten(sim, 0, 0)); /* it is a member again, as another one */
        assert_false(sequence_has_forgotten(sim, 0, 1));
        assert_int_equal(voters_count(watch_holders(sim, 0, 0, sim->keys[0].completed)), HOST_COUNT);
        struct store_txn *txn;
        const struct request request = {.kind = i == 0 ? MESSAGE_REGISTER : MESSAGE_GET_TAG,
                                        .config = genesis_id(&hands)};
        const struct reply reply = {.kind = request.kind};
        assert_int_equal(store_begin(sim->hosts[0].store, STORE_READ, &txn), AREG_OK);
        watch_answer(sim, 0, txn, &request, &reply);
        store_abort(txn);
        end(&hands, i == 0 ? "" : "amnesia");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_reconfiguration_leaves_on_disks_breaks_nothing),
        cmocka_unit_test(a_successor_that_is_none_breaks_I1),
        cmocka_unit_test(two_successors_break_I1),
        cmocka_unit_test(what_goes_back_breaks_I2),
        cmocka_unit_test(a_configuration_that_is_finalized_too_early_breaks_I4),
        cmocka_unit_test(what_was_not_decided_breaks_I9),
        cmocka_unit_test(an_acceptor_that_goes_back_breaks_I9),
        cmocka_unit_test(a_register_that_is_gone_breaks_I10),
        cmocka_unit_test(a_successor_of_what_is_pending_breaks_pending),
        cmocka_unit_test(who_is_no_member_breaks_member),
        cmocka_unit_test(what_is_acknowledged_and_not_on_disk_breaks_I8_or_I9),
        cmocka_unit_test(what_is_told_and_not_in_the_sequence_breaks_I3),
        cmocka_unit_test(who_answers_for_what_is_retired_breaks_I10),
        cmocka_unit_test(who_has_lost_its_disk_and_answers_breaks_amnesia),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
