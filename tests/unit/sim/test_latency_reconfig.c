/*
 * How long operations take while configurations change, and how long a change takes, when every message takes between d
 * and D and everything else no time [ARES, 7; docs/simulator.md]. What an operation has met is counted from its
 * requests, as they leave: the configurations that it has asked for data, but for the first, are lambda.
 *
 * Bounds are in rounds, of 2d to 2D each. For each new configuration, an operation spends a phase in the old one that
 * leads on, and a round in which it passes on the successor, if few members have shown it.
 */
#include "calm.h"
#include "reconfig/config_ask.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- delays */

enum pattern {
    PATTERN_ALL_D,        /* d = D */
    PATTERN_UNIFORM,      /* anything in between */
    PATTERN_EITHER,       /* d or D, each message by itself */
    PATTERN_SLOW_CLIENTS, /* D for clients, d for all others: they are chased */
};

struct delays {
    enum pattern pattern;
    uint64_t min_ns;
    uint64_t ratio; /* D = ratio * d */
};

static uint64_t delay_max_ns(const struct delays *delays)
{
    return delays->min_ns * delays->ratio;
}

/* ---------------------------------------------------------------- a run */

enum { CLIENT_COUNT = 4, KEY_COUNT = 4, HOST_COUNT = 16, OP_MAX = 1 << 16, LAMBDA_MAX = 8 };

/* The configurations that an operation has asked for data. */
struct walk {
    unsigned config_count;
    uint32_t last;
    bool has_directories; /* one of them was LDR's */
};

struct run {
    struct calm calm;
    struct random_source random;
    struct delays delays;
    const char *const *codes; /* of all configurations; NULL ends them */
    struct walk *walks;       /* by operation */
    uint64_t rest_until_ns[CLIENT_COUNT];
    uint32_t ops[CLIENT_COUNT];
    bool writes_only;
    /* What has become visible, and when. */
    uint32_t visible_count;
    uint64_t visible_ns[CONFIG_COUNT_MAX];
};

static void set_delay(struct run *run, const struct transit *transit)
{
    struct sim *sim = run->calm.sim;
    const bool is_slow =
        run->delays.pattern == PATTERN_EITHER
            ? random_below(&run->random, 2)
            : run->delays.pattern == PATTERN_SLOW_CLIENTS && process_role(sim, transit->client_index) == ROLE_CLIENT;
    link_of(sim, transit->client_index, transit->host_index)->slowness =
        16 * (is_slow ? (uint32_t)run->delays.ratio : 1);
}

static uint32_t newest_op_of(const struct sim *sim, uint32_t client_index)
{
    uint32_t op_index = sim->op_count;
    do
        CHECK(op_index > 0);
    while (sim->ops[--op_index].client_index != client_index);
    return op_index;
}

static void note_request(struct run *run, const struct transit *transit)
{
    struct sim *sim = run->calm.sim;
    struct packet packet = {.header = transit->header, .payload_count = transit->payload_count};
    memcpy(packet.payloads, transit->payloads, transit->payload_count * sizeof packet.payloads[0]);
    struct packet_reader reader;
    struct request request;
    uint32_t version;
    assert_int_equal(packet_open(&reader, &packet, &version), AREG_OK);
    assert_int_equal(packet_next_request(&reader, &request), AREG_OK);
    const uint32_t number = sequence_find(sim, request.config);
    struct walk *walk = &run->walks[newest_op_of(sim, transit->client_index)];
    if (walk->config_count > 0 && walk->last == number)
        return;
    walk->config_count++;
    walk->last = number;
    walk->has_directories |= sim->sequence.configs[number]->config.code.directory_count > 0;
}

static bool watch(const struct transit *transit, void *arg)
{
    struct run *run = arg;
    const bool is_about_data = transit->kind == MESSAGE_GET_TAG || transit->kind == MESSAGE_GET_DATA ||
                               transit->kind == MESSAGE_PUT_DATA || transit->kind == MESSAGE_LIST_KEYS;
    set_delay(run, transit);
    if (transit->to_host && is_about_data && process_role(run->calm.sim, transit->client_index) == ROLE_CLIENT)
        note_request(run, transit);
    return false;
}

static void note_visible(struct run *run)
{
    const struct sequence *sequence = &run->calm.sim->sequence;
    while (run->visible_count < sequence->count)
        run->visible_ns[run->visible_count++] = run->calm.sim->now_ns;
}

static void run_init(struct run *run, uint64_t seed, const char *const *codes, const struct delays *delays,
                     unsigned reconfigurer_count)
{
    *run = (struct run){.random = {seed}, .codes = codes, .delays = *delays};
    run->walks = calloc(OP_MAX, sizeof *run->walks);
    assert_non_null(run->walks);
    const bool is_uniform = delays->pattern == PATTERN_UNIFORM;
    calm_init(&run->calm, &(struct calm_options){.code = codes[0],
                                                 .seed = seed,
                                                 .client_count = CLIENT_COUNT,
                                                 .key_count = KEY_COUNT,
                                                 .host_count = HOST_COUNT,
                                                 .reconfigurer_count = reconfigurer_count,
                                                 .delay_min_ns = delays->min_ns,
                                                 .delay_max_ns = is_uniform ? delay_max_ns(delays) : delays->min_ns});
    run->calm.sim->holds = watch;
    run->calm.sim->holds_arg = run;
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        assert_int_equal(calm_do(&run->calm, 0, CLIENT_PUT, i, 100)->error, AREG_OK);
    calm_idle(&run->calm, SECOND);
    note_visible(run);
}

static void run_fini(struct run *run)
{
    calm_fini(&run->calm);
    free(run->walks);
}

/* Any hosts, in any order. */
static uint32_t change(struct run *run, uint32_t reconfigurer_index)
{
    uint32_t hosts[HOST_COUNT];
    unsigned code_count = 0;
    struct code code;
    while (run->codes[code_count])
        code_count++;
    assert_int_equal(code_parse(run->codes[random_below(&run->random, code_count)], &code), AREG_OK);
    for (uint32_t i = 0; i < HOST_COUNT; i++) {
        const uint32_t place = (uint32_t)random_below(&run->random, i + 1);
        hosts[i] = hosts[place];
        hosts[place] = i;
    }
    return reconfigurer_want(run->calm.sim, CLIENT_COUNT + reconfigurer_index, code, hosts);
}

static uint32_t begin_op(struct run *run, uint32_t client_index)
{
    static const enum client_op_kind kinds[] = {CLIENT_PUT, CLIENT_PUT, CLIENT_PUT,  CLIENT_DEL, CLIENT_GET,
                                                CLIENT_GET, CLIENT_GET, CLIENT_STAT, CLIENT_LIST};
    assert_true(run->calm.sim->op_count < OP_MAX);
    const uint64_t kind_count = run->writes_only ? 3 : sizeof kinds / sizeof kinds[0];
    return calm_begin(&run->calm, client_index, kinds[random_below(&run->random, kind_count)],
                      (uint32_t)random_below(&run->random, KEY_COUNT), 100);
}

/* Clients begin operations one after the other; now and then one rests, and finds that much has changed. */
static void keep_clients_busy(struct run *run)
{
    struct sim *sim = run->calm.sim;
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        const bool is_busy = run->ops[i] != 0 && !sim->ops[run->ops[i]].has_ended;
        if (is_busy || sim->now_ns < run->rest_until_ns[i])
            continue;
        run->ops[i] = begin_op(run, i);
        const uint64_t dice = random_below(&run->random, 32);
        const uint64_t rest_ns = dice == 0 ? 300 * MS : dice < 24 ? 8 * MS : 1;
        run->rest_until_ns[i] = sim->now_ns + random_below(&run->random, rest_ns);
    }
}

static void step(struct run *run)
{
    assert_true(sim_step(run->calm.sim, UINT64_MAX));
    assert_string_equal(run->calm.report.why, "");
    note_visible(run);
}

/* Reconfigurers that never rest, until so many configurations have been. */
static void change_all_the_time(struct run *run, uint32_t config_count)
{
    struct sim *sim = run->calm.sim;
    uint32_t changes[SIM_RECONFIGURER_MAX];
    const unsigned reconfigurer_count = sim->options.reconfigurer_count;
    for (uint32_t i = 0; i < reconfigurer_count; i++)
        changes[i] = change(run, i);
    while (sim->sequence.count < config_count && sim->sequence.config_count + reconfigurer_count < CONFIG_COUNT_MAX) {
        keep_clients_busy(run);
        for (uint32_t i = 0; i < reconfigurer_count; i++)
            if (sim->changes.items[changes[i]]->has_ended)
                changes[i] = change(run, i);
        step(run);
    }
    while (sim->open_op_count + sim->changes.open_count > 0)
        step(run);
}

/* ---------------------------------------------------------------- operations */

static unsigned rounds_min(const struct sim_op *op, unsigned lambda)
{
    return lambda + (op->kind == CLIENT_PUT || op->kind == CLIENT_DEL ? 2 : 1);
}

/* A get-data takes two rounds: what it needs is fetched while directories are told. But a stat needs no value until it
 * hears of a successor, and that may be when it tells them: then it takes three. */
static unsigned rounds_max(const struct sim_op *op, const struct walk *walk)
{
    const unsigned lambda = walk->config_count - 1;
    const bool has_directories = walk->has_directories;
    switch (op->kind) {
    case CLIENT_PUT:
    case CLIENT_DEL:
        return (has_directories ? 3 : 2) * (lambda + 1);
    case CLIENT_LIST:
        return 1 + 2 * lambda;
    default:
        if (!has_directories)
            return 3 * (lambda + 1);
        return lambda == 0 ? 2 : (op->kind == CLIENT_STAT ? 4 : 3) * lambda + 4;
    }
}

struct tally {
    uint64_t counts[LAMBDA_MAX + 1];  /* operations by lambda; the last: and more */
    double share_max[LAMBDA_MAX + 1]; /* of the bound */
};

static void judge_op(const struct run *run, uint32_t op_index, struct tally *tally)
{
    const struct sim_op *op = &run->calm.sim->ops[op_index];
    const struct walk *walk = &run->walks[op_index];
    assert_true(op->has_ended && walk->config_count > 0);
    assert_true(op->error == AREG_OK || op->error == AREG_ENOTFOUND);
    const unsigned lambda = walk->config_count - 1;
    const uint64_t latency_ns = op->end_ns - op->start_ns;
    const uint64_t most_ns = 2 * rounds_max(op, walk) * delay_max_ns(&run->delays);
    const uint64_t least_ns = 2 * rounds_min(op, lambda) * run->delays.min_ns;
    if (latency_ns < least_ns || latency_ns > most_ns)
        print_message("operation %u, kind %d, lambda %u: %.2f D\n", op_index, op->kind, lambda,
                      (double)latency_ns / (double)delay_max_ns(&run->delays));
    assert_in_range(latency_ns, least_ns, most_ns);
    const unsigned row = lambda < LAMBDA_MAX ? lambda : LAMBDA_MAX;
    const double share = (double)latency_ns / (double)most_ns;
    tally->counts[row]++;
    tally->share_max[row] = share > tally->share_max[row] ? share : tally->share_max[row];
}

static void judge_ops(const struct run *run, struct tally *tally)
{
    for (uint32_t i = KEY_COUNT; i < run->calm.sim->op_count; i++)
        judge_op(run, i, tally);
}

static void print_tally(const char *what, const struct tally *tally)
{
    printf("  %s: operations by lambda, and the longest of its bound:", what);
    for (unsigned i = 0; i <= LAMBDA_MAX; i++)
        if (tally->counts[i] > 0)
            printf(" %u: %llu, %.0f%%;", i, (unsigned long long)tally->counts[i], 100 * tally->share_max[i]);
    printf("\n");
}

static const char *const abd[] = {"repl:3", "repl:4", "repl:5", "repl:2", NULL};
static const char *const treas[] = {"rs:5,3", "rs:6,4", "rs:3,2", "rs:6,3", "rs:4,2", NULL};
static const char *const ldr[] = {"ldr:3,3", "ldr:5,3", "ldr:1,1", "ldr:2,4", NULL};
static const char *const all[] = {"rs:5,3", "repl:3", "ldr:3,3", "rs:6,4", "repl:5", "ldr:1,3", "rs:3,2", NULL};
static const struct {
    const char *name;
    const char *const *codes;
} families[] = {{"ABD", abd}, {"TREAS", treas}, {"LDR", ldr}, {"all of them", all}};
enum { FAMILY_COUNT = sizeof families / sizeof families[0] };

static const struct delays delays_of[] = {{PATTERN_ALL_D, 100 * US, 1},
                                          {PATTERN_UNIFORM, 1 * US, 300},
                                          {PATTERN_EITHER, 10 * US, 30},
                                          {PATTERN_SLOW_CLIENTS, 2 * US, 150}};
enum { DELAYS_COUNT = sizeof delays_of / sizeof delays_of[0] };

static void an_operation_takes_no_longer_than_the_configurations_that_it_meets_allow(void **state)
{
    (void)state;
    enum { CHANGE_COUNT = 20 };
    struct random_source random = test_random();
    for (unsigned i = 0; i < FAMILY_COUNT; i++) {
        struct tally tally = {0};
        for (unsigned j = 0; j < DELAYS_COUNT; j++) {
            struct run run;
            const unsigned reconfigurer_count = 1 + (unsigned)random_below(&random, 3);
            run_init(&run, random_next(&random), families[i].codes, &delays_of[j], reconfigurer_count);
            change_all_the_time(&run, CHANGE_COUNT);
            judge_ops(&run, &tally);
            run_fini(&run);
        }
        print_tally(families[i].name, &tally);
        assert_true(tally.counts[0] > 0 && tally.counts[1] > 0 && tally.counts[2] > 0);
    }
}

/* Of two directories one has never heard of a write; it hears of the successor after it has answered, and before it is
 * told. D in which the operation ends. */
static uint64_t time_of_a_late_successor(enum client_op_kind kind)
{
    enum { WRITER, READER, RECONFIGURER };
    static const uint32_t hosts[] = {8, 9, 10, 11, 12, 13};
    struct calm calm;
    calm_init(&calm, &(struct calm_options){
                         .code = "ldr:2,4", .client_count = 2, .host_count = HOST_COUNT, .reconfigurer_count = 1});
    const uint64_t delay_ns = calm.sim->weather.delay_max_ns;
    calm_begin(&calm, WRITER, CLIENT_PUT, 0, 100);
    calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 0);
    calm_idle(&calm, 10 * MS);
    process_crash(calm.sim, WRITER);
    calm_pass(&calm);
    calm_idle(&calm, SECOND);
    /* Five rounds until it is decided; then it is on its way. */
    reconfigurer_want(calm.sim, RECONFIGURER, calm.sim->options.code, hosts);
    calm_idle(&calm, 9 * delay_ns);
    const struct sim_op *op = calm_do(&calm, READER, kind, 0, 0);
    assert_int_equal(op->error, AREG_OK);
    const uint64_t latency_ns = op->end_ns - op->start_ns;
    calm_idle(&calm, SECOND);
    calm_fini(&calm);
    assert_int_equal(latency_ns % delay_ns, 0);
    return latency_ns / delay_ns;
}

static void a_stat_that_hears_of_the_successor_when_it_tells_directories_takes_a_round_more_than_a_read(void **state)
{
    (void)state;
    /* Tags, and directories are told; the successor is passed on; nothing is found there; it is put there. */
    assert_int_equal(time_of_a_late_successor(CLIENT_GET), 4 + 2 + 2 + 4);
    assert_int_equal(time_of_a_late_successor(CLIENT_STAT), 6 + 2 + 2 + 4);
}

/* ---------------------------------------------------------------- changes */

/* Look, greet, join, prepare, accept, install; for the transfer two rounds, and one more after the pause, by when all
 * has been moved; and both sides are told. */
enum { CHANGE_ROUNDS = 6 + 2 + 1 + 2 };

/* When all registers had been moved into the configuration that is visible last. */
static uint64_t await_moved(struct run *run)
{
    const struct sequence *sequence = &run->calm.sim->sequence;
    const uint32_t count = sequence->count;
    while (sequence->count == count)
        step(run);
    while (sequence->configs[sequence->numbers[count]]->slices_moved != UINT32_MAX)
        step(run);
    return run->calm.sim->now_ns;
}

static void check_change(struct run *run)
{
    struct sim *sim = run->calm.sim;
    const uint64_t max_ns = delay_max_ns(&run->delays);
    const uint32_t change_index = change(run, 0);
    const uint64_t moved_ns = await_moved(run);
    const struct sim_change *done = sim->changes.items[change_index];
    /* The rest of the install, a poll, the slices on their way; then a page of keys, of members of whom some have yet
     * to hear of the successor, a get-data with a fetch, a put-data: two rounds where there are directories. */
    const uint64_t visible_ns = run->visible_ns[run->visible_count - 1];
    const struct code code = sim->sequence.configs[sim->sequence.numbers[run->visible_count - 1]]->config.code;
    assert_in_range(moved_ns - visible_ns, 0, (5 + 6 + 4 + (code.directory_count ? 4 : 2)) * max_ns);
    while (!done->has_ended)
        step(run);
    assert_int_equal(done->error, AREG_OK);
    assert_in_range(done->end_ns - done->start_ns, 2 * CHANGE_ROUNDS * run->delays.min_ns + TRANSFER_POLL_NS,
                    2 * CHANGE_ROUNDS * max_ns + TRANSFER_POLL_NS);
}

static void a_change_alone_takes_eleven_rounds_and_the_pause_between_two_polls(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < FAMILY_COUNT; i++) {
        for (unsigned j = 0; j < DELAYS_COUNT; j++) {
            struct run run;
            run_init(&run, random_next(&random), families[i].codes, &delays_of[j], 1);
            for (unsigned k = 0; k < 8; k++)
                check_change(&run);
            run_fini(&run);
        }
    }
}

/* ---------------------------------------------------------------- catching up */

/* What a configuration more costs: a write and a read without directories, a stat with them. */
enum { WRITE_DELAYS = 4, READ_DELAYS = 6, STAT_DELAYS = 8 };

/* The shortest time between two configurations' becoming visible. */
static uint64_t shortest_period_ns(const struct run *run)
{
    uint64_t shortest_ns = UINT64_MAX;
    for (uint32_t i = 2; i < run->visible_count; i++)
        if (run->visible_ns[i] - run->visible_ns[i - 1] < shortest_ns)
            shortest_ns = run->visible_ns[i] - run->visible_ns[i - 1];
    return shortest_ns;
}

static uint32_t visible_at(const struct run *run, uint64_t at_ns)
{
    uint32_t count = 0;
    while (count < run->visible_count && run->visible_ns[count] <= at_ns)
        count++;
    return count;
}

/* The largest lambda that is possible if new configurations become visible no sooner than `period_ns` one after the
 * other, and `behind_count` of those that the client has yet to meet were there when it began. */
static unsigned lambda_max(const struct run *run, const struct sim_op *op, struct walk walk, unsigned behind_count,
                           uint64_t period_ns)
{
    unsigned lambda = behind_count;
    for (;;) {
        walk.config_count = lambda + 2;
        const uint64_t latency_ns = 2 * rounds_max(op, &walk) * delay_max_ns(&run->delays);
        if (lambda + 1 > behind_count + 1 + latency_ns / period_ns)
            return lambda;
        lambda++;
        assert_true(lambda < CONFIG_COUNT_MAX);
    }
}

static void judge_chase(const struct run *run, uint64_t period_ns)
{
    const struct sim *sim = run->calm.sim;
    uint32_t known[CLIENT_COUNT] = {0}; /* index of the last configuration that a client has asked */
    for (uint32_t i = KEY_COUNT; i < sim->op_count; i++) {
        const struct sim_op *op = &sim->ops[i];
        const struct walk *walk = &run->walks[i];
        const uint32_t last = visible_at(run, op->start_ns) - 1;
        /* It begins with the last one that it knows to be finalized. */
        const uint32_t first = known[op->client_index] > 0 ? known[op->client_index] - 1 : 0;
        const unsigned behind_count = last > first ? last - first : 0;
        assert_in_range(walk->config_count - 1, 0, lambda_max(run, op, *walk, behind_count, period_ns));
        known[op->client_index] = sim->sequence.configs[walk->last]->config.index;
    }
}

/* The rule: a new configuration becomes visible later than an operation, which takes so many D, gets past one. */
static void chase(unsigned family_index, const struct delays *delays, unsigned delay_count, uint64_t seed)
{
    struct run run;
    struct tally tally = {0};
    run_init(&run, seed, families[family_index].codes, delays, 1);
    run.writes_only = delay_count == WRITE_DELAYS;
    change_all_the_time(&run, 60);
    judge_ops(&run, &tally);
    const uint64_t period_ns = shortest_period_ns(&run);
    assert_true(period_ns >= 2 * CHANGE_ROUNDS * delays->min_ns + TRANSFER_POLL_NS);
    assert_true(period_ns > delay_count * delay_max_ns(delays));
    judge_chase(&run, period_ns);
    print_tally(families[family_index].name, &tally);
    run_fini(&run);
}

static void writes_catch_up_if_changes_are_more_than_4D_apart_and_without_directories(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 2; i++) {
        chase(i, &(struct delays){PATTERN_ALL_D, 20 * MS, 1}, WRITE_DELAYS, random_next(&random));
        chase(i, &(struct delays){PATTERN_SLOW_CLIENTS, 100 * US, 100}, WRITE_DELAYS, random_next(&random));
    }
}

static void operations_catch_up_if_changes_are_more_than_6D_apart_or_8D_with_directories(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < FAMILY_COUNT; i++) {
        const unsigned delay_count = i < 2 ? READ_DELAYS : STAT_DELAYS;
        const struct delays far = {PATTERN_SLOW_CLIENTS, 100 * US, 400 / delay_count};
        chase(i, &(struct delays){PATTERN_ALL_D, 20 * MS, 1}, delay_count, random_next(&random));
        chase(i, &far, delay_count, random_next(&random));
    }
}

/* The next configuration is visible before a put-data has arrived in this one, every time: nothing ends before
 * reconfigurers rest. Then all does, as long after as ever. */
static void operations_may_be_chased_for_ever_if_changes_are_less_than_D_apart(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < FAMILY_COUNT; i++) {
        struct run run;
        struct tally tally = {0};
        run_init(&run, random_next(&random), families[i].codes, &(struct delays){PATTERN_SLOW_CLIENTS, 100 * US, 600},
                 1);
        run.writes_only = true;
        change_all_the_time(&run, 60);
        judge_ops(&run, &tally);
        assert_int_equal(run.calm.sim->op_count, KEY_COUNT + CLIENT_COUNT);
        for (uint32_t j = KEY_COUNT; j < run.calm.sim->op_count; j++)
            assert_true(run.calm.sim->ops[j].end_ns > run.visible_ns[run.visible_count - 1]);
        print_tally(families[i].name, &tally);
        run_fini(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_takes_no_longer_than_the_configurations_that_it_meets_allow),
        cmocka_unit_test(a_stat_that_hears_of_the_successor_when_it_tells_directories_takes_a_round_more_than_a_read),
        cmocka_unit_test(a_change_alone_takes_eleven_rounds_and_the_pause_between_two_polls),
        cmocka_unit_test(writes_catch_up_if_changes_are_more_than_4D_apart_and_without_directories),
        cmocka_unit_test(operations_catch_up_if_changes_are_more_than_6D_apart_or_8D_with_directories),
        cmocka_unit_test(operations_may_be_chased_for_ever_if_changes_are_less_than_D_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
