/* Chance, clocks, and what becomes of events while a process is paused. */
#include "calm.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- clocks */

static void assert_first_moment(const struct sim_clock *clock, uint64_t local_ns)
{
    const uint64_t now_ns = clock_global(clock, local_ns);
    assert_true(clock_local(clock, now_ns) >= local_ns);
    if (now_ns > 0)
        assert_true(clock_local(clock, now_ns - 1) < local_ns);
}

static void a_clock_shows_a_time_first_when_its_inverse_says(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 200000; i++) {
        const uint64_t now_ns = random_next(&random) >> (8 + random_below(&random, 50));
        struct sim_clock clock = {.rate = CLOCK_RATE_ONE / 2 + random_below(&random, CLOCK_RATE_ONE + 1)};
        /* As jumps make it: ahead, or behind what the present rate would have made it by now, never below zero. */
        const uint64_t shown_ns = clock_local(&clock, now_ns);
        const uint64_t shift_ns = random_next(&random) >> (8 + random_below(&random, 50));
        clock.offset_ns =
            random_below(&random, 2) ? (int64_t)shift_ns : -(int64_t)(shift_ns < shown_ns ? shift_ns : shown_ns);
        const uint64_t local_ns = clock_local(&clock, now_ns);
        assert_true(local_ns == shown_ns + (uint64_t)clock.offset_ns);
        if (clock.offset_ns >= 0) {
            assert_first_moment(&clock, local_ns);
            assert_first_moment(&clock, (uint64_t)clock.offset_ns + random_below(&random, shown_ns + 1));
        }
        /* With a negative offset, from when on it shows anything. */
        assert_true(clock_global(&clock, local_ns) <= now_ns);
        assert_int_equal(clock_local(&clock, clock_global(&clock, local_ns)), local_ns);
        const uint64_t later_ns = local_ns + 1 + random_below(&random, 10 * SECOND);
        assert_first_moment(&clock, later_ns);
        assert_true(clock_global(&clock, later_ns) > now_ns);
    }
}

static void a_right_clock_shows_the_time(void **state)
{
    (void)state;
    const struct sim_clock clock = {.rate = CLOCK_RATE_ONE};
    static const uint64_t times[] = {0, 1, SECOND, UINT64_C(1) << 62, UINT64_MAX - 1};
    for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_int_equal(clock_local(&clock, times[i]), times[i]);
        assert_int_equal(clock_global(&clock, times[i]), times[i]);
    }
}

static void a_time_that_a_clock_never_shows_is_never_due(void **state)
{
    (void)state;
    const struct sim_clock slow = {.rate = CLOCK_RATE_ONE / 2};
    assert_int_equal(clock_global(&slow, UINT64_MAX), UINT64_MAX - 1);
    const struct sim_clock ahead = {.rate = CLOCK_RATE_ONE, .offset_ns = INT64_MAX};
    assert_int_equal(clock_global(&ahead, INT64_MAX), 0);
    assert_int_equal(clock_global(&ahead, 5), 0);
    const struct sim_clock behind = {.rate = CLOCK_RATE_ONE, .offset_ns = -(int64_t)SECOND};
    assert_int_equal(clock_global(&behind, 0), SECOND);
}

/* ---------------------------------------------------------------- chance */

enum { DRAW_COUNT = 200000 };

static void draws_stay_within_their_bounds_and_reach_them(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .seed = test_random().state});
    struct sim *sim = calm.sim;
    static const struct {
        uint64_t low, high;
    } bounds[] = {{0, 0}, {7, 7}, {0, 1}, {1, 2}, {3, 10}, {1, 1000}, {10 * US, 20 * MS}, {SECOND, 30 * SECOND}};
    for (unsigned i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const uint64_t low = bounds[i].low;
        const uint64_t high = bounds[i].high;
        uint64_t least[2] = {UINT64_MAX, UINT64_MAX};
        uint64_t most[2] = {0, 0};
        for (unsigned j = 0; j < DRAW_COUNT / 4; j++) {
            const uint64_t drawn[2] = {draw_between(sim, low, high), low ? draw_scale(sim, low, high) : low};
            for (unsigned k = 0; k < 2; k++) {
                assert_in_range(drawn[k], low, high);
                least[k] = drawn[k] < least[k] ? drawn[k] : least[k];
                most[k] = drawn[k] > most[k] ? drawn[k] : most[k];
            }
        }
        for (unsigned k = 0; k < (low ? 2 : 1); k++) {
            assert_true(least[k] <= low + (high - low) / 100);
            assert_true(most[k] >= high - (high - low) / 100);
        }
    }
    calm_fini(&calm);
}

static void scaled_draws_are_of_every_size_alike(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .seed = test_random().state});
    unsigned counts[10] = {0};
    for (unsigned i = 0; i < DRAW_COUNT; i++)
        counts[63 - __builtin_clzll(draw_scale(calm.sim, 1, 1023))]++;
    for (unsigned i = 0; i < 10; i++)
        assert_in_range(counts[i], DRAW_COUNT / 30, DRAW_COUNT / 5);
    calm_fini(&calm);
}

static void exponential_draws_keep_their_mean_and_never_pass_twenty_times_it(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .seed = test_random().state});
    static const uint64_t means[] = {1, 100, 20 * MS};
    for (unsigned i = 0; i < sizeof means / sizeof means[0]; i++) {
        uint64_t sum = 0;
        for (unsigned j = 0; j < DRAW_COUNT; j++) {
            const uint64_t drawn = draw_exponential(calm.sim, means[i]);
            assert_true(drawn <= 20 * means[i]);
            sum += drawn;
        }
        assert_in_range(sum / (means[i] * DRAW_COUNT / 100), 95, 105);
    }
    assert_int_equal(draw_exponential(calm.sim, 0), 0);
    calm_fini(&calm);
}

static void what_never_happens_draws_nothing_and_the_rest_as_often_as_it_should(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .seed = test_random().state});
    const uint64_t before = calm.sim->random.state;
    assert_false(draw_chance(calm.sim, 0));
    assert_int_equal(calm.sim->random.state, before);
    unsigned count = 0;
    for (unsigned i = 0; i < DRAW_COUNT; i++) {
        assert_true(draw_chance(calm.sim, 10000));
        count += draw_chance(calm.sim, 500);
    }
    assert_in_range(count, DRAW_COUNT / 22, DRAW_COUNT / 18);
    calm_fini(&calm);
}

/* ---------------------------------------------------------------- pauses */

/* Send a packet to the host, and another one, and so on; they must arrive in this order. */
static void send_some(struct calm *calm, unsigned count, uint64_t every_ns)
{
    const struct transit like = {.client_life = calm->sim->clients[0].life, .to_host = true, .kind = MESSAGE_HELLO};
    for (unsigned i = 0; i < count; i++) {
        const struct packet nonsense = {.header = slice_copy(slice_borrow(&i, sizeof i))};
        network_send(calm->sim, &nonsense, &like);
        calm_idle(calm, every_ns);
    }
}

static void await_in_order(struct calm *calm, unsigned count)
{
    for (unsigned i = 0; i < count;) {
        assert_true(calm->sim->events.count > 0);
        const struct event *next = &calm->sim->events.heap[0];
        const bool arrives = next->kind == EVENT_PACKET && calm->sim->hosts[0].paused_until_ns <= next->due_ns;
        if (arrives)
            assert_memory_equal(next->packet->header.at, &i, sizeof i);
        i += arrives;
        assert_true(sim_step(calm->sim, UINT64_MAX));
    }
}

static void packets_of_one_link_arrive_in_their_order_also_after_a_pause(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm,
              &(struct calm_options){
                  .code = "repl:3", .seed = test_random().state, .delay_min_ns = 1 * US, .delay_max_ns = 1 * MS});
    calm.sim->weather.reorders = false;
    enum { COUNT = 200 };
    send_some(&calm, COUNT, 0);
    await_in_order(&calm, COUNT);
    calm.sim->hosts[0].paused_until_ns = calm.sim->now_ns + SECOND;
    send_some(&calm, COUNT / 2, MS / 10);
    /* It is paused again, for longer, while it is. */
    calm_idle(&calm, SECOND / 2);
    calm.sim->hosts[0].paused_until_ns += SECOND;
    calm_idle(&calm, SECOND);
    calm.sim->hosts[0].paused_until_ns += SECOND;
    await_in_order(&calm, COUNT / 2);
    calm_fini(&calm);
}

static void a_paused_process_does_nothing_until_it_goes_on(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .seed = test_random().state});
    const uint64_t until_ns = calm.sim->now_ns + SECOND;
    for (uint32_t i = 0; i < 2; i++)
        calm.sim->hosts[i].paused_until_ns = until_ns;
    const uint32_t op_index = calm_begin(&calm, 0, CLIENT_PUT, 0, 100);
    calm_run_until(&calm, until_ns - 1);
    assert_false(calm.sim->ops[op_index].has_ended);
    assert_int_equal(calm.report.payload_bytes_sent, 0);
    calm_await(&calm, op_index);
    assert_in_range(calm.sim->ops[op_index].end_ns, until_ns, until_ns + MS);
    /* And a client, which hears of its answers when it goes on. */
    calm_idle(&calm, SECOND);
    const uint32_t read_index = calm_begin(&calm, 0, CLIENT_GET, 0, 0);
    calm.sim->clients[0].paused_until_ns = calm.sim->now_ns + SECOND;
    const uint64_t goes_on_ns = calm.sim->clients[0].paused_until_ns;
    assert_int_equal(calm_await(&calm, read_index)->end_ns, goes_on_ns);
    calm_fini(&calm);
}

static void time_that_stands_still_is_found(void **state)
{
    (void)state;
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "rs:5,3"});
    /* Somebody who is waiting for nobody, and is never done. */
    for (uint64_t i = 0; i < 2000 * 1000 && !calm.sim->is_broken; i++) {
        sim_push(calm.sim, calm.sim->now_ns, (struct event){.kind = EVENT_SUBMIT, .a = 0, .b = UINT32_MAX});
        sim_step(calm.sim, UINT64_MAX);
    }
    assert_string_equal(calm.report.broken, "liveness");
    sim_destroy(calm.sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_shows_a_time_first_when_its_inverse_says),
        cmocka_unit_test(a_right_clock_shows_the_time),
        cmocka_unit_test(a_time_that_a_clock_never_shows_is_never_due),
        cmocka_unit_test(draws_stay_within_their_bounds_and_reach_them),
        cmocka_unit_test(scaled_draws_are_of_every_size_alike),
        cmocka_unit_test(exponential_draws_keep_their_mean_and_never_pass_twenty_times_it),
        cmocka_unit_test(what_never_happens_draws_nothing_and_the_rest_as_often_as_it_should),
        cmocka_unit_test(packets_of_one_link_arrive_in_their_order_also_after_a_pause),
        cmocka_unit_test(a_paused_process_does_nothing_until_it_goes_on),
        cmocka_unit_test(time_that_stands_still_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
