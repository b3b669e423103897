/* What an admin is told of a change that was cut off. */
#include "reconfig/cli/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct plan plan = {.wanted = {.author = "me", .time_ns = 7}};

/* Our own change, which was cut off by an error in a step. */
static struct run run_in(struct shard *shard, enum reconfigure_step step, enum areg_error error)
{
    *shard = (struct shard){.has_base = true};
    return (struct run){
        .shard = shard,
        .plan = &plan,
        .state = RUN_ENDED,
        .error = error,
        .progress = {.step = step, .is_own = step >= RECONFIGURE_JOINING},
        .is_decided = step >= RECONFIGURE_INSTALLING,
    };
}

static void what_may_have_taken_effect_is_unknown_whatever_step_was_seen_last(void **state)
{
    (void)state;
    for (enum reconfigure_step step = RECONFIGURE_LOOKING; step <= RECONFIGURE_PROPOSING; step++) {
        for (enum run_end end = RUN_END_OWN; end <= RUN_END_STUCK; end++) {
            struct shard shard;
            struct run run = run_in(&shard, step, AREG_EMAYBE);
            run.end = end;
            const struct verdict verdict = verdict_of(&run);
            assert_string_equal(verdict.outcome, "unknown");
            assert_string_equal(verdict.reason, "outcome unknown");
            assert_non_null(strstr(verdict.consequence, "it may have taken effect: look at areg-reconfig history"));
            assert_int_equal(verdict.code, EXIT_CODE_UNKNOWN_OUTCOME);
        }
    }
}

static void nothing_was_changed_only_before_it_was_proposed(void **state)
{
    (void)state;
    static const enum areg_error errors[] = {AREG_EUNAVAIL, AREG_ECANCELED, AREG_ENOMEM, AREG_EMAYBE};
    for (enum reconfigure_step step = RECONFIGURE_LOOKING; step <= RECONFIGURE_FINALIZING; step++) {
        for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
            struct shard shard;
            const struct run run = run_in(&shard, step, errors[i]);
            const struct verdict verdict = verdict_of(&run);
            const bool is_nothing = strstr(verdict.consequence, "nothing was changed") != NULL;
            assert_int_equal(is_nothing, step < RECONFIGURE_PROPOSING && errors[i] != AREG_EMAYBE);
            assert_int_equal(verdict.code == EXIT_CODE_UNKNOWN_OUTCOME, !is_nothing);
        }
    }
}

static void what_is_decided_goes_on_by_itself_only_once_registers_are_moved(void **state)
{
    (void)state;
    for (enum reconfigure_step step = RECONFIGURE_INSTALLING; step <= RECONFIGURE_FINALIZING; step++) {
        struct shard shard;
        struct run run = run_in(&shard, step, AREG_ECANCELED);
        run.end = RUN_END_INTERRUPTED;
        const struct verdict verdict = verdict_of(&run);
        assert_string_equal(verdict.outcome, "pending");
        assert_string_equal(verdict.reason, "");
        assert_int_equal(strstr(verdict.consequence, "goes on by itself") != NULL, step >= RECONFIGURE_TRANSFERRING);
        assert_non_null(strstr(verdict.consequence, "areg-reconfig resume"));
    }
}

static void what_was_decided_unseen_is_pending_if_it_is_ours(void **state)
{
    (void)state;
    struct shard shard;
    struct run run = run_in(&shard, RECONFIGURE_JOINING, AREG_ECANCELED);
    shard.has_pending = true;
    shard.pending = plan.wanted;
    assert_string_equal(verdict_of(&run).outcome, "pending");
    assert_null(strstr(verdict_of(&run).consequence, "goes on by itself"));
    shard.pending.time_ns++;
    assert_string_equal(verdict_of(&run).outcome, "failed");
    run.plan = NULL;
    assert_string_equal(verdict_of(&run).outcome, "pending");
}

static void a_transfer_that_rests_is_not_said_to_go_on(void **state)
{
    (void)state;
    struct shard shard;
    struct run run = run_in(&shard, RECONFIGURE_TRANSFERRING, AREG_EUNAVAIL);
    run.end = RUN_END_PAUSED;
    assert_null(strstr(verdict_of(&run).consequence, "goes on by itself"));
    assert_non_null(strstr(verdict_of(&run).consequence, "areg-reconfig resume"));
}

static void registers_that_are_stuck_end_like_other_stalls_but_are_not_said_to_be_safe(void **state)
{
    (void)state;
    struct shard shard;
    struct run run = run_in(&shard, RECONFIGURE_TRANSFERRING, AREG_EUNAVAIL);
    run.end = RUN_END_UNANSWERED;
    const struct verdict other = verdict_of(&run);
    run.end = RUN_END_STUCK;
    const struct verdict verdict = verdict_of(&run);
    assert_int_equal(verdict.code, other.code);
    assert_string_equal(verdict.outcome, other.outcome);
    assert_string_equal(verdict.reason, "");
    assert_non_null(strstr(verdict.consequence, "goes on by itself"));
    assert_non_null(strstr(verdict.consequence, "areg-reconfig resume"));
    assert_null(strstr(verdict.consequence, "nothing is lost"));
}

static void other_ends_have_codes_of_their_own(void **state)
{
    (void)state;
    struct shard shard;
    struct run run = run_in(&shard, RECONFIGURE_LOOKING, AREG_OK);
    assert_string_equal(verdict_of(&run).outcome, "finalized");
    assert_int_equal(verdict_of(&run).code, EXIT_CODE_OK);
    run.error = AREG_ESTALE;
    assert_string_equal(verdict_of(&run).outcome, "failed");
    assert_int_equal(verdict_of(&run).code, EXIT_CODE_CONFLICT);
    run.error = AREG_EINVAL;
    assert_int_equal(verdict_of(&run).code, EXIT_CODE_REFUSED);
    run.error = AREG_EUNAVAIL;
    assert_int_equal(verdict_of(&run).code, EXIT_CODE_UNAVAILABLE);
    run.error = AREG_ECANCELED;
    run.state = RUN_WAITING;
    assert_string_equal(verdict_of(&run).outcome, "not_begun");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_have_taken_effect_is_unknown_whatever_step_was_seen_last),
        cmocka_unit_test(nothing_was_changed_only_before_it_was_proposed),
        cmocka_unit_test(what_is_decided_goes_on_by_itself_only_once_registers_are_moved),
        cmocka_unit_test(what_was_decided_unseen_is_pending_if_it_is_ours),
        cmocka_unit_test(a_transfer_that_rests_is_not_said_to_go_on),
        cmocka_unit_test(registers_that_are_stuck_end_like_other_stalls_but_are_not_said_to_be_safe),
        cmocka_unit_test(other_ends_have_codes_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
