/* Changes of many shards before they are carried out. */
#include "reconfig/cli/proposal.h"

#include "reconfig/cli/kept.h"
#include "tests/unit/admin/cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool make(struct fixture *fixture, const char *line, struct proposal *proposal, enum exit_code *code)
{
    char storage[256];
    const char *words[16];
    unsigned count = 0;
    snprintf(storage, sizeof storage, "%s", line);
    char *rest = storage;
    for (char *word = strtok_r(storage, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    struct change change;
    char why[CHANGE_WHY_BYTES];
    assert_int_equal(change_parse(words, count, &change, why), AREG_OK);
    *code = EXIT_CODE_OK;
    return proposal_make(&fixture->admin, &fixture->shards, &change, proposal, code);
}

static void assert_fails(struct fixture *fixture, const char *line, enum exit_code expected)
{
    struct proposal proposal;
    enum exit_code code;
    assert_false(make(fixture, line, &proposal, &code));
    assert_int_equal(code, expected);
}

/* What it leads to is there now. */
static void carry_out(struct fixture *fixture, struct proposal *proposal, uint64_t time_ns)
{
    proposal_sign(proposal, "test", "", time_ns);
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        struct config config = proposal->plans[i].wanted;
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
        config_encode(&config, encoded, sizeof encoded);
        fixture->shards.at[config.shard].base = config;
    }
}

static void a_change_is_made_in_every_shard_that_it_concerns(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_plan);
    struct proposal proposal;
    enum exit_code code;
    assert_true(make(fixture, "replace s2 s6", &proposal, &code));
    assert_int_equal(proposal.plan_count, 2); /* s2 is no member of pool b */
    assert_string_equal(proposal.plans[1].wanted.members[1].id.text, "s6");
    assert_string_equal(proposal.plans[1].wanted.members[1].address, "tcp://10.0.0.6:7600");
    proposal_fini(&proposal);
    assert_true(make(fixture, "replace s3 s6", &proposal, &code));
    assert_int_equal(proposal.plan_count, 3);
    proposal_fini(&proposal);
    fixture_destroy(fixture);
}

static void shards_where_it_was_made_before_are_left_out(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_plan);
    fixture->shards.at[2].is_selected = false;
    struct proposal proposal;
    enum exit_code code;
    assert_true(make(fixture, "add s6 recode rs:6,3", &proposal, &code));
    assert_int_equal(proposal.plan_count, 2);
    proposal.plan_count = 1;
    carry_out(fixture, &proposal, 1);
    proposal_fini(&proposal);
    assert_true(make(fixture, "add s6 recode rs:6,3", &proposal, &code));
    assert_int_equal(proposal.plan_count, 1);
    assert_int_equal(proposal.plans[0].wanted.shard, 1);
    carry_out(fixture, &proposal, 1);
    proposal_fini(&proposal);
    assert_fails(fixture, "add s6 recode rs:6,3", EXIT_CODE_REFUSED);
    fixture_destroy(fixture);
}

static void one_shard_that_refuses_it_refuses_all(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_plan);
    assert_fails(fixture, "recode rs:5,2", EXIT_CODE_REFUSED); /* pool b has three hosts */
    assert_fails(fixture, "remove s7", EXIT_CODE_REFUSED);
    assert_fails(fixture, "add s9", EXIT_CODE_REFUSED);
    fixture_destroy(fixture);
}

static void a_shard_that_is_pending_or_unknown_can_not_be_changed(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_plan);
    fixture->shards.at[1].has_pending = true;
    fixture->shards.at[1].pending = fixture->shards.at[1].base;
    assert_fails(fixture, "delta 2", EXIT_CODE_CONFLICT);
    fixture->shards.at[1].has_pending = false;
    fixture->shards.at[1].error = AREG_EUNAVAIL;
    assert_fails(fixture, "delta 2", EXIT_CODE_UNAVAILABLE);
    fixture->shards.at[1].is_selected = false;
    struct proposal proposal;
    enum exit_code code;
    assert_true(make(fixture, "delta 2", &proposal, &code));
    assert_int_equal(proposal.plan_count, 2);
    proposal_fini(&proposal);
    fixture_destroy(fixture);
}

static void only_hosts_without_any_shard_may_be_discarded(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_plan);
    fixture->shards.at[2].is_selected = false;
    struct proposal proposal;
    enum exit_code code;
    assert_true(make(fixture, "recode rs:3,1 remove s4 remove s5", &proposal, &code));
    assert_int_equal(proposal.plans[0].leaving.bits, 0x18);
    /* s5 is a member of pool b. */
    assert_int_equal(proposal_discarded(&fixture->shards, &proposal, &proposal.plans[0]).bits, 0x08);
    proposal.plan_count = 1; /* the other shard keeps both */
    assert_int_equal(proposal_discarded(&fixture->shards, &proposal, &proposal.plans[0]).bits, 0);
    proposal_fini(&proposal);
    fixture_destroy(fixture);
}

static void undo_goes_back_in_the_shards_of_the_last_change(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_undo);
    fixture->admin.flags.plans = "/nonexistent";
    struct proposal proposal;
    enum exit_code code = EXIT_CODE_OK;
    assert_false(proposal_undo(&fixture->admin, &fixture->shards, false, &proposal, &code));
    assert_int_equal(code, EXIT_CODE_NOT_FOUND);
    const struct config genesis = fixture->shards.at[2].base;
    assert_true(make(fixture, "replace s2 s6", &proposal, &code));
    carry_out(fixture, &proposal, 5);
    proposal_fini(&proposal);
    fixture->shards.at[0].is_selected = fixture->shards.at[1].is_selected = false;
    assert_true(make(fixture, "replace s3 s2 delta 3", &proposal, &code));
    carry_out(fixture, &proposal, 6);
    proposal_fini(&proposal);
    fixture->shards.at[0].is_selected = fixture->shards.at[1].is_selected = true;
    assert_true(proposal_undo(&fixture->admin, &fixture->shards, false, &proposal, &code));
    assert_int_equal(proposal.plan_count, 1);
    const struct plan *plan = &proposal.plans[0];
    assert_int_equal(plan->wanted.shard, 2);
    assert_int_equal(plan->wanted.index, 2);
    assert_true(config_id_equal(plan->wanted.parent, fixture->shards.at[2].base.id));
    assert_true(code_print(plan->wanted.code, (char[CODE_TEXT_BYTES]){0}) != NULL);
    assert_int_equal(plan->wanted.delta, genesis.delta);
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(plan->wanted.members[i].id.text, genesis.members[i].id.text);
    assert_int_equal(plan->coming.bits, 0x02);
    proposal_fini(&proposal);
    fixture_destroy(fixture);
}

static void undo_needs_to_know_what_was_before(void **state)
{
    (void)state;
    struct fixture *fixture = fixture_create(&command_undo);
    fixture->admin.flags.plans = "/nonexistent";
    struct proposal proposal;
    enum exit_code code = EXIT_CODE_OK;
    for (unsigned delta = 1; delta <= 2; delta++) {
        assert_true(make(fixture, delta == 1 ? "delta 1" : "delta 2", &proposal, &code));
        carry_out(fixture, &proposal, delta);
        proposal_fini(&proposal);
    }
    assert_false(proposal_undo(&fixture->admin, &fixture->shards, false, &proposal, &code));
    assert_int_equal(code, EXIT_CODE_NOT_FOUND);
    fixture_destroy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_made_in_every_shard_that_it_concerns),
        cmocka_unit_test(shards_where_it_was_made_before_are_left_out),
        cmocka_unit_test(one_shard_that_refuses_it_refuses_all),
        cmocka_unit_test(a_shard_that_is_pending_or_unknown_can_not_be_changed),
        cmocka_unit_test(only_hosts_without_any_shard_may_be_discarded),
        cmocka_unit_test(undo_goes_back_in_the_shards_of_the_last_change),
        cmocka_unit_test(undo_needs_to_know_what_was_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
