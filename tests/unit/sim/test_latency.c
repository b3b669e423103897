/*
 * How long operations take when every message takes between d and D, and everything else no time [ARES, section 4.4;
 * PROTOCOL §7]: a round trip is between 2d and 2D, a write is two of them, a read one, or two if it must write back.
 */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* D is small beside the times after which engines ask again or elsewhere. */
static const struct {
    uint64_t min_ns;
    uint64_t max_ns;
} delays[] = {{100 * US, 100 * US}, {100 * US, 101 * US}, {20 * US, 100 * US}, {1, 100 * US}, {50 * US, 100 * US}};
enum { DELAY_COUNT = sizeof delays / sizeof delays[0], SEED_COUNT = 5 };

static struct calm_options options_of(unsigned code_index, unsigned delay_index, uint64_t seed)
{
    return (struct calm_options){.code = calm_codes[code_index],
                                 .seed = seed + 1000 * delay_index + 100 * code_index,
                                 .delay_min_ns = delays[delay_index].min_ns,
                                 .delay_max_ns = delays[delay_index].max_ns};
}

static void assert_trips(const struct calm *calm, const struct sim_op *op, unsigned trip_count)
{
    const struct weather *weather = &calm->sim->weather;
    assert_int_equal(op->rounds, trip_count);
    assert_in_range(op->end_ns - op->start_ns, 2 * trip_count * weather->delay_min_ns,
                    2 * trip_count * weather->delay_max_ns);
}

/* For each code, kind of delays and seed. */
static void for_all(void (*check)(const struct calm_options *options))
{
    for (unsigned i = 0; calm_codes[i]; i++) {
        for (unsigned j = 0; j < DELAY_COUNT; j++) {
            for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
                const struct calm_options options = options_of(i, j, seed);
                check(&options);
            }
        }
    }
}

/* ---------------------------------------------------------------- nobody else */

static void check_quiescent(const struct calm_options *options)
{
    struct calm calm;
    calm_init(&calm, options);
    for (unsigned i = 0; i < 10; i++) {
        assert_trips(&calm, calm_do(&calm, 0, CLIENT_GET, 0, 0), 1);
        calm_idle(&calm, SECOND);
        assert_trips(&calm, calm_do(&calm, 0, i % 4 == 3 ? CLIENT_DEL : CLIENT_PUT, 0, 100), 2);
        calm_idle(&calm, SECOND);
        assert_trips(&calm, calm_do(&calm, 0, CLIENT_STAT, 0, 0), 1);
        calm_idle(&calm, SECOND);
    }
    calm_fini(&calm);
}

static void a_quiescent_write_takes_4d_to_4D_and_a_read_2d_to_2D(void **state)
{
    (void)state;
    for_all(check_quiescent);
}

static void check_write_back(const struct calm_options *options)
{
    enum { WRITER = 0, READER = 1 };
    struct calm_options with_reader = *options;
    with_reader.client_count = 2;
    struct calm calm;
    calm_init(&calm, &with_reader);
    const struct weather *weather = &calm.sim->weather;
    calm_do(&calm, WRITER, CLIENT_PUT, 0, 100);
    calm_idle(&calm, SECOND);
    for (unsigned i = 0; i < 4; i++) {
        const struct tag abandoned = calm_abandon_put(&calm, WRITER, 0, 100, code_quorum(calm.sim->options.code) - 1);
        const uint64_t write_backs_before = calm.report.write_back_count;
        const struct sim_op *op = calm_do(&calm, READER, CLIENT_GET, 0, 0);
        const bool wrote_back = calm.report.write_back_count > write_backs_before;
        /* It may also have heard of too few that have it, to find it or to have to return it. */
        assert_true(wrote_back || tag_compare(op->tag, abandoned) < 0);
        assert_in_range(op->end_ns - op->start_ns, (wrote_back ? 4 : 2) * weather->delay_min_ns,
                        (op->rounds > 2 ? 6 : 4) * weather->delay_max_ns);
        calm_idle(&calm, SECOND);
    }
    calm_fini(&calm);
}

static void a_read_that_writes_back_takes_4d_to_4D_and_2D_more_if_it_had_to_fetch(void **state)
{
    (void)state;
    for_all(check_write_back);
}

/* ---------------------------------------------------------------- all at once */

struct tally {
    uint64_t read_count;
    uint64_t reads_by_rounds[8]; /* 7: and more */
    uint64_t write_back_count;
    uint64_t read_max_ns;
};

/*
 * A read finds the tags, fetches what has not come with them, and writes back: 6D at most. Nobody ever waits for a
 * timer.
 */
static void judge_read(const struct calm *calm, const struct sim_op *op, struct tally *tally)
{
    const uint64_t latency_ns = op->end_ns - op->start_ns;
    const struct weather *weather = &calm->sim->weather;
    tally->read_count++;
    tally->reads_by_rounds[op->rounds < 7 ? op->rounds : 7]++;
    tally->read_max_ns = latency_ns > tally->read_max_ns ? latency_ns : tally->read_max_ns;
    assert_in_range(latency_ns, 2 * weather->delay_min_ns, 6 * weather->delay_max_ns);
}

/* Clients without a pause, on one register, half reads and half writes. */
static void crowd(const struct calm_options *options, struct tally *tally)
{
    enum { CLIENT_COUNT = 6, OP_COUNT = 400 };
    struct calm_options crowded = *options;
    crowded.client_count = CLIENT_COUNT;
    struct calm calm;
    calm_init(&calm, &crowded);
    struct random_source random = {options->seed};
    uint32_t ops[CLIENT_COUNT];
    calm_do(&calm, 0, CLIENT_PUT, 0, 100);
    for (uint32_t i = 0; i < CLIENT_COUNT; i++)
        ops[i] = calm_begin(&calm, i, random_below(&random, 2) ? CLIENT_PUT : CLIENT_GET, 0, 100);
    while (calm.sim->op_count < OP_COUNT) {
        assert_true(sim_step(calm.sim, UINT64_MAX));
        for (uint32_t i = 0; i < CLIENT_COUNT; i++)
            if (calm.sim->ops[ops[i]].has_ended)
                ops[i] = calm_begin(&calm, i, random_below(&random, 2) ? CLIENT_PUT : CLIENT_GET, 0, 100);
    }
    calm_idle(&calm, 10 * SECOND);
    tally->write_back_count += calm.report.write_back_count;
    for (uint32_t i = 0; i < calm.sim->op_count; i++) {
        const struct sim_op *op = &calm.sim->ops[i];
        assert_true(op->has_ended);
        if (op->kind == CLIENT_PUT)
            assert_trips(&calm, op, 2);
        else
            judge_read(&calm, op, tally);
    }
    calm_fini(&calm);
}

static void under_load_writes_take_4d_to_4D_and_reads_2d_to_6D(void **state)
{
    (void)state;
    for (unsigned i = 0; calm_codes[i]; i++) {
        for (unsigned j = 0; j < DELAY_COUNT; j++) {
            struct tally tally = {0};
            for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
                const struct calm_options options = options_of(i, j, seed);
                crowd(&options, &tally);
            }
            printf("  %s, delays %3llu to %3llu us: %4llu reads, of which by rounds", calm_codes[i],
                   (unsigned long long)(delays[j].min_ns / US), (unsigned long long)(delays[j].max_ns / US),
                   (unsigned long long)tally.read_count);
            for (unsigned round = 1; round < 8; round++)
                printf(" %llu", (unsigned long long)tally.reads_by_rounds[round]);
            printf(", %llu wrote back, the longest %.1f D\n", (unsigned long long)tally.write_back_count,
                   (double)tally.read_max_ns / (double)delays[j].max_ns);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiescent_write_takes_4d_to_4D_and_a_read_2d_to_2D),
        cmocka_unit_test(a_read_that_writes_back_takes_4d_to_4D_and_2D_more_if_it_had_to_fetch),
        cmocka_unit_test(under_load_writes_take_4d_to_4D_and_reads_2d_to_6D),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
