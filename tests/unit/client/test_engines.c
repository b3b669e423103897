/*
 * The two engines against each other, in a world of faults.
 */
#include "world.h"

#include "core/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct world_options calm(const char *code)
{
    return (struct world_options){
        .seed = 1, .code = code, .delta = 2, .client_count = 2, .delay_ns_min = 1 * MS, .delay_ns_max = 1 * MS};
}

static void an_uncontended_write_takes_two_rounds_and_a_read_one(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:1,1", "rs:5,1", "rs:9,5", "repl:5"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct world_options options = calm(codes[i]);
        struct world *world = world_create(&options);
        const unsigned empty = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
        world_finish(world, empty);
        assert_int_equal(world_op(world, empty)->error, AREG_ENOTFOUND);
        const unsigned put = world_submit(world, 0, CLIENT_PUT, 0, 30000, UINT64_MAX);
        world_finish(world, put);
        assert_int_equal(world_op(world, put)->error, AREG_OK);
        assert_int_equal(world_op(world, put)->rounds, 2);
        const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
        world_finish(world, get);
        assert_int_equal(world_op(world, get)->error, AREG_OK);
        assert_int_equal(world_op(world, get)->rounds, 1);
        assert_int_equal(world_op(world, get)->value_id, world_op(world, put)->value_id);
        assert_int_equal(world_op(world, get)->value_bytes, 30000);
        const unsigned stat = world_submit(world, 1, CLIENT_STAT, 0, 0, UINT64_MAX);
        world_finish(world, stat);
        assert_int_equal(world_op(world, stat)->error, AREG_OK);
        assert_int_equal(world_op(world, stat)->rounds, 1);
        assert_int_equal(world_op(world, stat)->value_bytes, 30000);
        assert_null(world_judge(world));
        world_destroy(world);
    }
}

static void a_delete_leaves_nothing_to_find(void **state)
{
    (void)state;
    const struct world_options options = calm("rs:5,3");
    struct world *world = world_create(&options);
    world_finish(world, world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX));
    const unsigned del = world_submit(world, 1, CLIENT_DEL, 0, 0, UINT64_MAX);
    world_finish(world, del);
    assert_int_equal(world_op(world, del)->error, AREG_OK);
    const unsigned get = world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX);
    world_finish(world, get);
    assert_int_equal(world_op(world, get)->error, AREG_ENOTFOUND);
    assert_true(tag_equal(world_op(world, get)->tag, world_op(world, del)->tag));
    world_run(world, 2000 * MS);
    assert_int_equal(world_fragment_bytes(world), 0);
    world_destroy(world);
}

static void a_covering_write_succeeds_only_on_its_base(void **state)
{
    (void)state;
    const struct world_options options = calm("rs:5,3");
    struct world *world = world_create(&options);
    const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    world_finish(world, first);
    const unsigned second = world_submit_base(world, 1, 0, 100, world_op(world, first)->tag);
    world_finish(world, second);
    assert_int_equal(world_op(world, second)->error, AREG_OK);
    const unsigned third = world_submit_base(world, 0, 0, 100, world_op(world, first)->tag);
    world_finish(world, third);
    assert_int_equal(world_op(world, third)->error, AREG_ESTALE);
    assert_true(tag_equal(world_op(world, third)->tag, world_op(world, second)->tag));
    world_destroy(world);
}

static void storage_at_rest_is_n_over_k_of_the_live_bytes(void **state)
{
    (void)state;
    const struct world_options options = calm("rs:5,3");
    struct world *world = world_create(&options);
    for (unsigned i = 0; i < 200; i++)
        world_finish(world, world_submit(world, i % 2, CLIENT_PUT, i % 4, 3000, UINT64_MAX));
    assert_in_range(world_fragment_bytes(world), 4 * 5000, 4 * 5000 * 4);
    world_run(world, 2000 * MS);
    assert_int_equal(world_fragment_bytes(world), 4 * 5000);
    world_destroy(world);
}

static void operations_complete_while_a_tolerable_number_of_hosts_is_down(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:9,5", "repl:5", "rs:6,4", "rs:5,1"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        const struct world_options options = calm(codes[i]);
        struct code code;
        assert_int_equal(code_parse(codes[i], &code), AREG_OK);
        for (unsigned first = 0; first < code.n; first++) {
            struct world *world = world_create(&options);
            const unsigned put = world_submit(world, 0, CLIENT_PUT, 0, 5000, UINT64_MAX);
            world_finish(world, put);
            for (unsigned j = 0; j < code_tolerance(code); j++)
                world_crash(world, (first + j) % code.n);
            const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, 1000 * MS);
            world_finish(world, get);
            assert_int_equal(world_op(world, get)->error, AREG_OK);
            assert_int_equal(world_op(world, get)->value_id, world_op(world, put)->value_id);
            const unsigned again = world_submit(world, 1, CLIENT_PUT, 0, 5000, 1000 * MS);
            world_finish(world, again);
            assert_int_equal(world_op(world, again)->error, AREG_OK);
            /* One more than that: nothing works, and nothing lies. */
            world_crash(world, (first + code_tolerance(code)) % code.n);
            const unsigned lost = world_submit(world, 1, CLIENT_GET, 0, 0, 1000 * MS);
            world_finish(world, lost);
            assert_int_equal(world_op(world, lost)->error, AREG_EUNAVAIL);
            const unsigned refused = world_submit(world, 0, CLIENT_PUT, 0, 500, 1000 * MS);
            world_finish(world, refused);
            assert_int_equal(world_op(world, refused)->error, AREG_EUNAVAIL);
            /* When it is back, what was waiting goes on. */
            const unsigned waiting = world_submit(world, 1, CLIENT_GET, 0, 0, 5000 * MS);
            world_run(world, 100 * MS);
            world_restart(world, (first + code_tolerance(code)) % code.n);
            world_finish(world, waiting);
            assert_int_equal(world_op(world, waiting)->error, AREG_OK);
            assert_int_equal(world_op(world, waiting)->value_id, world_op(world, again)->value_id);
            assert_null(world_judge(world));
            world_destroy(world);
        }
    }
}

/* Lets put-data through to the first `arg` hosts only. */
static bool first_hosts_only(struct world *world, unsigned client_index, unsigned host_index, bool to_host,
                             enum message_kind kind, void *arg)
{
    (void)world;
    (void)client_index;
    return !to_host || kind != MESSAGE_PUT_DATA || host_index < *(unsigned *)arg;
}

static void a_writer_that_crashes_after_any_number_of_hosts_never_blocks_readers(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:6,4", "rs:5,1"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct code code;
        assert_int_equal(code_parse(codes[i], &code), AREG_OK);
        for (unsigned has_first = 0; has_first <= 1; has_first++) {
            for (unsigned reached = 0; reached <= code.n; reached++) {
                struct world_options options = calm(codes[i]);
                options.delta = 1;
                struct world *world = world_create(&options);
                if (has_first)
                    world_finish(world, world_submit(world, 1, CLIENT_PUT, 0, 100, UINT64_MAX));
                world_set_gate(world, first_hosts_only, &reached);
                for (unsigned crash = 0; crash < 3; crash++) {
                    world_submit(world, 0, CLIENT_PUT, 0, 200, UINT64_MAX);
                    world_run(world, 20 * MS);
                    world_crash_client(world, 0);
                }
                unsigned reads[3];
                for (unsigned j = 0; j < 3; j++) {
                    world_release(world);
                    reads[j] = world_submit(world, 1, CLIENT_GET, 0, 0, 3000 * MS);
                    world_finish(world, reads[j]);
                    const enum areg_error error = world_op(world, reads[j])->error;
                    assert_true(error == AREG_OK || (error == AREG_ENOTFOUND && !has_first));
                }
                assert_null(world_judge(world));
                world_destroy(world);
            }
        }
    }
}

static void a_write_cut_off_is_unknown_after_its_first_put_and_without_effect_before(void **state)
{
    (void)state;
    for (unsigned reached = 0; reached < 4; reached++) {
        const struct world_options options = calm("rs:5,3");
        struct world *world = world_create(&options);
        world_finish(world, world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX));
        world_set_gate(world, first_hosts_only, &reached);
        const unsigned put = world_submit(world, 0, CLIENT_PUT, 0, 100, 500 * MS);
        world_finish(world, put);
        assert_int_equal(world_op(world, put)->error, AREG_EMAYBE);
        assert_false(tag_is_zero(world_op(world, put)->tag));
        world_destroy(world);
    }
}

static void a_host_that_is_silent_delays_a_read_by_a_hedge_only(void **state)
{
    (void)state;
    const struct world_options options = calm("rs:5,3");
    struct world *world = world_create(&options);
    world_finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX));
    for (unsigned silent = 0; silent < 5; silent++) {
        for (unsigned i = 0; i < 20; i++)
            world_finish(world, world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX));
        world_crash(world, silent);
        const unsigned get = world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX);
        world_finish(world, get);
        assert_int_equal(world_op(world, get)->error, AREG_OK);
        assert_true(world_op(world, get)->end_ns - world_op(world, get)->start_ns <= 20 * MS);
        world_restart(world, silent);
        world_run(world, 100 * MS);
    }
    world_destroy(world);
}

static void full_hosts_refuse_writes_without_effect_and_serve_reads(void **state)
{
    (void)state;
    struct world_options options = calm("rs:5,3");
    options.quota_bytes = 64 << 10;
    struct world *world = world_create(&options);
    unsigned put = 0;
    for (unsigned i = 0; i < 400; i++) {
        put = world_submit(world, 0, CLIENT_PUT, i % 4, 60000, 3000 * MS);
        world_finish(world, put);
        if (world_op(world, put)->error != AREG_OK)
            break;
    }
    assert_int_equal(world_op(world, put)->error, AREG_EFULL);
    const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, 3000 * MS);
    world_finish(world, get);
    assert_int_equal(world_op(world, get)->error, AREG_OK);
    for (unsigned i = 0; i < 4; i++)
        world_finish(world, world_submit(world, 1, CLIENT_DEL, i, 0, 3000 * MS));
    world_run(world, 3000 * MS);
    put = world_submit(world, 0, CLIENT_PUT, 0, 6000, 3000 * MS);
    world_finish(world, put);
    assert_int_equal(world_op(world, put)->error, AREG_OK);
    assert_null(world_judge(world));
    world_destroy(world);
}

/* ---------------------------------------------------------------- random faults */

static void break_something(struct world *world, const struct code *code)
{
    struct random_source *random = world_random(world);
    unsigned down = 0;
    for (unsigned i = 0; i < code->n; i++)
        down += !world_is_up(world, i);
    const unsigned host_index = (unsigned)random_below(random, code->n);
    switch (random_below(random, 16)) {
    case 0:
        if (world_is_up(world, host_index) && down <= code_tolerance(*code))
            world_crash(world, host_index);
        break;
    case 1:
    case 2:
        if (!world_is_up(world, host_index))
            world_restart(world, host_index);
        break;
    case 3:
        if (random_below(random, 4) == 0)
            world_crash_client(world, (unsigned)random_below(random, 4));
        break;
    case 4:
        world_set_loss(world, (unsigned)random_below(random, 300));
        break;
    case 5:
        /* A starving link, for as long as it lasts. */
        world_set_delay(world, (unsigned)random_below(random, 4), host_index,
                        random_below(random, 2) ? random_below(random, 300 * MS) : 0);
        break;
    case 6:
        world_set_busy(world, random_below(random, 3) ? 0 : (unsigned)random_below(random, 600));
        break;
    case 7:
        /* Fewer members than may be lost at a time. */
        if (host_index < code_tolerance(*code))
            world_rot(world, host_index, (unsigned)random_below(random, 2));
        break;
    case 8:
        if (world_op_count(world) > 0)
            world_cancel(world, (unsigned)random_below(random, world_op_count(world)));
        break;
    default:
        break;
    }
}

static void random_history(uint64_t seed)
{
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:6,4", "rs:5,1", "rs:9,5", "repl:5", "rs:3,2"};
    struct random_source random = {seed};
    const struct world_options options = {
        .seed = random_next(&random),
        .code = codes[random_below(&random, sizeof codes / sizeof codes[0])],
        .delta = (unsigned)random_below(&random, 4),
        .client_count = 4,
        .delay_ns_min = 10000,
        .delay_ns_max = random_below(&random, 2) ? 20 * MS : 1 * MS,
        .loss_permille = (unsigned)random_below(&random, 100),
        .double_permille = (unsigned)random_below(&random, 200),
    };
    struct code code;
    assert_int_equal(code_parse(options.code, &code), AREG_OK);
    const unsigned key_count = 1 + (unsigned)random_below(&random, 2);
    struct world *world = world_create(&options);
    for (unsigned i = 0; i < 150; i++) {
        const unsigned client_index = (unsigned)random_below(&random, 4);
        const unsigned key_index = (unsigned)random_below(&random, key_count);
        const uint64_t timeout_ns = random_below(&random, 4) ? 3000 * MS : 50 * MS;
        static const enum client_op_kind kinds[] = {CLIENT_GET, CLIENT_GET, CLIENT_PUT, CLIENT_PUT,
                                                    CLIENT_PUT, CLIENT_DEL, CLIENT_STAT};
        const enum client_op_kind kind = kinds[random_below(&random, sizeof kinds / sizeof kinds[0])];
        world_submit(world, client_index, kind, key_index, kind == CLIENT_PUT ? 8 + random_below(&random, 40) : 0,
                     timeout_ns);
        world_run(world, random_below(&random, 3) ? random_below(&random, 20 * MS) : 0);
        break_something(world, &code);
    }
    /* Heal: everything must come to an end, and a read of every key must succeed. */
    world_set_loss(world, 0);
    world_set_busy(world, 0);
    for (unsigned i = 0; i < code.n; i++) {
        for (unsigned j = 0; j < options.client_count; j++)
            world_set_delay(world, j, i, 0);
        if (!world_is_up(world, i))
            world_restart(world, i);
    }
    for (unsigned i = 0; i < key_count; i++) {
        const unsigned get = world_submit(world, 0, CLIENT_GET, i, 0, 20000 * MS);
        world_finish(world, get);
        if (world_op(world, get)->error != AREG_OK && world_op(world, get)->error != AREG_ENOTFOUND)
            fail_msg("seed %llu (%s): a read after healing ended with %d", (unsigned long long)seed, options.code,
                     world_op(world, get)->error);
    }
    world_run(world, 5000 * MS);
    for (unsigned i = 0; i < world_op_count(world); i++)
        if (!world_op(world, i)->end_ns && !world_op(world, i)->is_lost)
            fail_msg("seed %llu: op %u never ended", (unsigned long long)seed, i);
    const char *verdict = world_judge(world);
    if (verdict)
        fail_msg("seed %llu (%s): not linearizable: %s", (unsigned long long)seed, options.code, verdict);
    world_destroy(world);
}

static void histories_under_random_faults_are_linearizable(void **state)
{
    (void)state;
    const char *given = getenv("AREG_SEED");
    const char *count_given = getenv("AREG_SEEDS");
    const uint64_t first = given ? strtoull(given, NULL, 10) : 1;
    const uint64_t count = count_given ? strtoull(count_given, NULL, 10) : given ? 1 : 150;
    print_message("seeds %llu..%llu\n", (unsigned long long)first, (unsigned long long)(first + count - 1));
    for (uint64_t seed = first; seed < first + count; seed++)
        random_history(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uncontended_write_takes_two_rounds_and_a_read_one),
        cmocka_unit_test(a_delete_leaves_nothing_to_find),
        cmocka_unit_test(a_covering_write_succeeds_only_on_its_base),
        cmocka_unit_test(storage_at_rest_is_n_over_k_of_the_live_bytes),
        cmocka_unit_test(operations_complete_while_a_tolerable_number_of_hosts_is_down),
        cmocka_unit_test(a_writer_that_crashes_after_any_number_of_hosts_never_blocks_readers),
        cmocka_unit_test(a_write_cut_off_is_unknown_after_its_first_put_and_without_effect_before),
        cmocka_unit_test(a_host_that_is_silent_delays_a_read_by_a_hedge_only),
        cmocka_unit_test(full_hosts_refuse_writes_without_effect_and_serve_reads),
        cmocka_unit_test(histories_under_random_faults_are_linearizable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
