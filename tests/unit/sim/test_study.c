/*
 * Studies: that they come to the same every time, that their model is the one that is described, and that what they
 * measure is what the protocol promises [PROTOCOL §7].
 */
#include "sim/study.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

enum { OP_MAX = 20000 };

struct run {
    struct study_options options;
    struct study_report report;
    unsigned op_count;
    struct study_op *ops;
};

static void note_op(const struct study_op *op, void *arg)
{
    struct run *run = arg;
    assert_true(run->op_count < OP_MAX);
    run->ops[run->op_count++] = *op;
}

/* Two readers and two writers of one register of 30,000 bytes; a message takes 100 us, and all else nothing. */
static struct run make_run(const char *code)
{
    struct run run = {.options = {.seed = 7,
                                  .delta = 4,
                                  .reader_count = 2,
                                  .writer_count = 2,
                                  .depth = 1,
                                  .key_count = 4,
                                  .value_bytes = 30000,
                                  .duration_ns = UINT64_MAX,
                                  .op_count_max = 200,
                                  .timeout_ns = 10 * SECOND,
                                  .delay_min_ns = 100 * US,
                                  .delay_max_ns = 100 * US}};
    assert_int_equal(code_parse(code, &run.options.code), AREG_OK);
    run.options.host_count = run.options.code.n;
    return run;
}

static void do_run(struct run *run)
{
    char why[STUDY_WHY_BYTES];
    assert_int_equal(study_check(&run->options, why), AREG_OK);
    run->ops = calloc(OP_MAX, sizeof *run->ops);
    assert_non_null(run->ops);
    run->op_count = 0;
    run->options.on_op = note_op;
    run->options.on_op_arg = run;
    study_run(&run->options, &run->report);
    if (run->report.broken[0])
        print_message("%s: %s\n", run->report.broken, run->report.why);
    assert_string_equal(run->report.broken, "");
}

/* One client at a time, which does both. */
static struct run make_quiet_run(const char *code)
{
    struct run run = make_run(code);
    run.options.reader_count = run.options.writer_count = 0;
    run.options.mixed_count = 1;
    run.options.read_percent = 50;
    run.options.op_count_max = 60;
    return run;
}

static void add_event(struct run *run, uint64_t at_ns, enum study_event_kind kind, unsigned host, const char *words)
{
    struct study_event *event = &run->options.events[run->options.event_count++];
    *event = (struct study_event){.at_ns = at_ns, .kind = kind, .host = host};
    snprintf(event->words, sizeof event->words, "%s", words);
}

/* Averages over all operations of one kind; bytes in units of the value. */
struct costs {
    unsigned count;
    double sent;
    double received;
    double rounds;
    double latency_us;
};

static struct costs costs_of(const struct run *run, enum client_op_kind kind)
{
    struct costs costs = {.received = (double)run->report.late_payload_bytes[kind == CLIENT_PUT]};
    const double value_bytes = (double)run->options.value_bytes;
    for (unsigned i = 0; i < run->op_count; i++) {
        const struct study_op *op = &run->ops[i];
        if (op->kind != kind)
            continue;
        assert_int_equal(op->error, AREG_OK);
        costs.count++;
        costs.sent += (double)op->payload_bytes_sent;
        costs.received += (double)op->payload_bytes_received;
        costs.rounds += op->rounds;
        costs.latency_us += (double)(op->end_ns - op->start_ns) / 1000;
    }
    assert_true(costs.count > 0);
    costs.sent /= costs.count * value_bytes;
    costs.received /= costs.count * value_bytes;
    costs.rounds /= costs.count;
    costs.latency_us /= costs.count;
    return costs;
}

/* Bytes in units of all values. */
static double in_values(const struct run *run, uint64_t bytes)
{
    return (double)bytes / (double)run->options.value_bytes / run->options.key_count;
}

static bool is_about(double found, double wanted)
{
    return found > wanted * 0.999 - 1e-9 && found < wanted * 1.001 + 1e-9;
}

#define assert_about(found, wanted)                                                                                    \
    do {                                                                                                               \
        if (!is_about(found, wanted))                                                                                  \
            fail_msg("%s is %g, not %g", #found, (double)(found), (double)(wanted));                                   \
    } while (0)

/* ---------------------------------------------------------------- the same every time */

static void the_same_seed_comes_to_the_same_bit_for_bit(void **state)
{
    (void)state;
    struct run runs[3];
    for (unsigned i = 0; i < 3; i++) {
        runs[i] = make_run("rs:5,3");
        study_defaults(&runs[i].options);
        runs[i].options.seed = i < 2 ? 11 : 12;
        runs[i].options.mixed_count = 2;
        runs[i].options.read_percent = 50;
        runs[i].options.rate_hz = 2000;
        runs[i].options.arrivals = STUDY_POISSON;
        runs[i].options.host_count = 6;
        add_event(&runs[i], 10 * MS, STUDY_KILL, 1, "");
        add_event(&runs[i], 20 * MS, STUDY_RECONFIGURE, 0, "replace s2 s6");
        do_run(&runs[i]);
    }
    assert_memory_equal(&runs[0].report, &runs[1].report, sizeof runs[0].report);
    assert_int_equal(runs[0].op_count, runs[1].op_count);
    assert_memory_equal(runs[0].ops, runs[1].ops, runs[0].op_count * sizeof runs[0].ops[0]);
    assert_int_not_equal(runs[0].report.digest, runs[2].report.digest);
    for (unsigned i = 0; i < 3; i++)
        free(runs[i].ops);
}

static void clients_choose_the_same_whatever_the_cluster_is(void **state)
{
    (void)state;
    struct run runs[2] = {make_quiet_run("rs:5,3"), make_quiet_run("repl:3")};
    for (unsigned i = 0; i < 2; i++)
        do_run(&runs[i]);
    for (unsigned i = 0; i < runs[0].op_count; i++) {
        assert_int_equal(runs[0].ops[i].kind, runs[1].ops[i].kind);
        assert_int_equal(runs[0].ops[i].key_index, runs[1].ops[i].key_index);
    }
    for (unsigned i = 0; i < 2; i++)
        free(runs[i].ops);
}

/* ---------------------------------------------------------------- what things cost */

static void an_operation_costs_what_the_protocol_says(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "rs:9,5", "rs:3,2", "repl:3", "repl:5"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct run run = make_quiet_run(codes[i]);
        const double n_kths = (double)run.options.code.n / run.options.code.k;
        do_run(&run);
        const struct costs reads = costs_of(&run, CLIENT_GET);
        const struct costs writes = costs_of(&run, CLIENT_PUT);
        assert_about(writes.sent, n_kths);
        assert_about(writes.received, 0);
        assert_about(writes.rounds, 2);
        assert_about(writes.latency_us, 400);
        assert_about(reads.sent, 0);
        assert_about(reads.received, 1);
        assert_about(reads.rounds, 1);
        assert_about(reads.latency_us, 200);
        assert_about(in_values(&run, run.report.stored_bytes_rest), n_kths);
        assert_about(in_values(&run, run.report.payload_bytes),
                     (writes.count * n_kths + reads.count) / run.options.key_count);
        assert_true(run.report.header_bytes > 0 && run.report.packet_count >= 10 * run.op_count / 2);
        free(run.ops);
    }
}

/* ---------------------------------------------------------------- how long things take */

static void messages_and_commits_wait_for_their_turn(void **state)
{
    (void)state;
    struct run run = make_quiet_run("repl:3");
    run.options.processing_ns = 7 * US;
    run.options.commit_min_ns = run.options.commit_max_ns = 300 * US;
    run.options.disk_bytes_per_s = 100 * 1000 * 1000; /* 300 us more */
    do_run(&run);
    assert_about(costs_of(&run, CLIENT_GET).latency_us, 2 * 100 + 7);
    assert_about(costs_of(&run, CLIENT_PUT).latency_us, 4 * 100 + 2 * 7 + 300 + 300);
    free(run.ops);
    /* 256 requests at a time, on one processor. */
    run = make_run("repl:1");
    run.options.reader_count = 16;
    run.options.writer_count = 0;
    run.options.depth = 16;
    run.options.op_count_max = 10000;
    run.options.processing_ns = 10 * US;
    run.options.value_bytes = 10;
    do_run(&run);
    assert_in_range(run.report.load_ns, 10000 * 10 * US, 10000 * 10 * US + MS);
    free(run.ops);
}

static void bytes_take_their_time_on_every_link(void **state)
{
    (void)state;
    enum { BANDWIDTH = 100 * 1000 * 1000, VALUE_BYTES = 90000 };
    static const double fragment_us = (double)VALUE_BYTES / 3 / BANDWIDTH * 1e6;
    struct run run = make_quiet_run("rs:5,3");
    run.options.value_bytes = VALUE_BYTES;
    run.options.host_bandwidth_bytes_per_s = BANDWIDTH;
    do_run(&run);
    /* Hosts send and receive their fragments at the same time; headers take a little. */
    const double read_us = costs_of(&run, CLIENT_GET).latency_us;
    const double write_us = costs_of(&run, CLIENT_PUT).latency_us;
    assert_true(read_us >= 200 + fragment_us && read_us < 210 + fragment_us);
    assert_true(write_us >= 400 + fragment_us && write_us < 420 + fragment_us);
    free(run.ops);
    /* The client sends one after the other, and receives them so, too; the last one of a write, for which nobody waits,
     * keeps the next operation waiting. */
    run.options.client_bandwidth_bytes_per_s = BANDWIDTH;
    do_run(&run);
    const double client_read_us = costs_of(&run, CLIENT_GET).latency_us;
    const double client_write_us = costs_of(&run, CLIENT_PUT).latency_us;
    assert_true(client_read_us >= 200 + 3 * fragment_us && client_read_us < 200 + 4 * fragment_us);
    assert_true(client_write_us >= 400 + 4 * fragment_us && client_write_us < 400 + 5 * fragment_us);
    free(run.ops);
}

/* The simulator itself asserts the order. */
static void what_is_sent_on_one_connection_arrives_in_order_however_long_it_is(void **state)
{
    (void)state;
    struct run run = make_run("rs:5,3");
    run.options.mixed_count = 2;
    run.options.read_percent = 50;
    run.options.depth = 8;
    run.options.delay_min_ns = 1 * US;
    run.options.host_bandwidth_bytes_per_s = run.options.client_bandwidth_bytes_per_s = 100 * 1000 * 1000;
    run.options.processing_ns = 1 * US;
    do_run(&run);
    free(run.ops);
    run.options.client_bandwidth_bytes_per_s = 0;
    do_run(&run);
    free(run.ops);
}

/* With so many clients, what the hosts can send is what is read. */
static void bandwidth_is_shared_and_used_up(void **state)
{
    (void)state;
    struct run run = make_run("rs:5,3");
    run.options.reader_count = 32;
    run.options.writer_count = 0;
    run.options.op_count_max = 1000;
    run.options.host_bandwidth_bytes_per_s = 50 * 1000 * 1000;
    do_run(&run);
    /* The first three members have the data fragments, and are preferred as long as they are fast. */
    const double least_s = 1000.0 * 30000 / 5 / 50e6;
    assert_true((double)run.report.load_ns / 1e9 > least_s && (double)run.report.load_ns / 1e9 < 2.2 * least_s);
    free(run.ops);
}

/* A worker asks for several registers at once: hosts begin another packet for their values, as aregd does. */
static void replies_that_do_not_fit_one_packet_go_in_several(void **state)
{
    (void)state;
    struct run run = make_run("rs:5,3");
    run.options.key_count = 16;
    run.options.value_bytes = 4 << 20;
    run.options.op_count_max = 50;
    add_event(&run, 1 * MS, STUDY_RECONFIGURE, 0, "recode rs:5,4");
    do_run(&run);
    assert_int_equal(run.report.configuration, 1);
    free(run.ops);
}

/* ---------------------------------------------------------------- open loops */

static void an_open_loop_begins_at_its_rate_and_counts_what_it_missed(void **state)
{
    (void)state;
    struct run run = make_run("repl:3");
    run.options.reader_count = 1;
    run.options.writer_count = 1;
    run.options.rate_hz = 1000;
    run.options.op_count_max = UINT64_MAX;
    run.options.duration_ns = 100 * MS;
    run.options.timeout_ns = 60 * MS;
    /* Of three hosts two are silent for a while: nothing ends. */
    add_event(&run, 40 * MS + 1, STUDY_PAUSE, 0, "");
    add_event(&run, 40 * MS + 1, STUDY_PAUSE, 1, "");
    do_run(&run);
    assert_int_equal(run.op_count, 100);
    unsigned missed_count = 0;
    uint64_t dues_ns = 0;
    for (unsigned i = 0; i < run.op_count; i++) {
        const struct study_op *op = &run.ops[i];
        dues_ns += op->due_ns;
        missed_count += op->error == AREG_EBUSY;
        assert_true(op->due_ns % MS == 0 && op->due_ns <= op->start_ns && op->start_ns <= op->end_ns);
        if (op->due_ns < 40 * MS)
            assert_true(op->error == AREG_OK && op->start_ns == op->due_ns);
    }
    assert_int_equal(dues_ns, 99 * 100 / 2 * MS);
    assert_in_range(missed_count, 50, 59);
    free(run.ops);
}

/* ---------------------------------------------------------------- events */

static void hosts_die_and_come_back(void **state)
{
    (void)state;
    struct run run = make_run("rs:5,3");
    run.options.op_count_max = 2000;
    add_event(&run, 10 * MS, STUDY_KILL, 0, "");
    add_event(&run, 20 * MS, STUDY_START, 0, "");
    add_event(&run, 40 * MS, STUDY_PAUSE, 3, "");
    add_event(&run, 90 * MS, STUDY_RESUME, 3, "");
    add_event(&run, 95 * MS, STUDY_START, 2, ""); /* which runs */
    do_run(&run);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(run.report.outcomes[i].begin_ns, run.options.events[i].at_ns);
        assert_int_equal(run.report.outcomes[i].error, i < 4 ? AREG_OK : AREG_EINVAL);
    }
    unsigned slow_count = 0;
    for (unsigned i = 0; i < run.op_count; i++) {
        assert_int_equal(run.ops[i].error, AREG_OK);
        slow_count += run.ops[i].end_ns - run.ops[i].start_ns > 2 * MS;
    }
    assert_true(slow_count < 20); /* one host may be silent, and nobody waits for it for long */
    assert_about(in_values(&run, run.report.stored_bytes_rest), 5.0 / 3);
    free(run.ops);
}

static void configurations_change_under_load(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        double stored; /* at rest afterwards */
        bool is_possible;
    } cases[] = {
        {"replace s2 s6", 5.0 / 3, true},
        {"add s6", 6.0 / 3, true},
        {"remove s1", 4.0 / 3, true},
        {"recode rs:7,4 add s6 add s7", 7.0 / 4, true},
        {"recode repl:5", 5, true},
        {"delta 1", 5.0 / 3, true},
        {"replace s2 s6 replace s3 s7 delta 2", 5.0 / 3, true},
        {"remove s8", 5.0 / 3, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct run run = make_run("rs:5,3");
        run.options.host_count = 8;
        run.options.op_count_max = UINT64_MAX;
        run.options.duration_ns = 100 * MS;
        add_event(&run, 20 * MS, STUDY_RECONFIGURE, 0, cases[i].words);
        do_run(&run);
        const struct study_outcome *outcome = &run.report.outcomes[0];
        unsigned lambda_max = 0;
        for (unsigned j = 0; j < run.op_count; j++)
            lambda_max = run.ops[j].lambda > lambda_max ? run.ops[j].lambda : lambda_max;
        assert_int_equal(outcome->error, cases[i].is_possible ? AREG_OK : AREG_EINVAL);
        assert_int_equal(run.report.configuration, cases[i].is_possible);
        assert_int_equal(lambda_max, cases[i].is_possible);
        assert_about(in_values(&run, run.report.stored_bytes_rest), cases[i].stored);
        /* Eleven rounds and a pause between two polls (docs/simulator.md), and whoever comes has to be connected first.
         */
        if (cases[i].is_possible)
            assert_in_range(outcome->end_ns - outcome->begin_ns, 22 * 100 * US + 50 * MS,
                            22 * 100 * US + 51 * MS + 100 * US);
        else
            assert_string_equal(outcome->why, "s8 is no member (did you mean s1?)");
        free(run.ops);
    }
}

/* ---------------------------------------------------------------- ablations */

/* What a run with a change of one host comes to. */
struct figures {
    struct costs reads;
    struct costs writes;
    double stored_rest;
    double moved;
    double admin;
};

enum { DELTA = 3 };

/* 200 operations of one client, and then s6 takes the place of s2 if it is to. */
static struct figures figures_of(unsigned switched_off, bool changes)
{
    struct run run = make_quiet_run("rs:5,3");
    run.options.delta = DELTA;
    run.options.host_count = 6;
    run.options.op_count_max = 200;
    run.options.switched_off = switched_off;
    if (changes)
        add_event(&run, SECOND, STUDY_RECONFIGURE, 0, "replace s2 s6");
    do_run(&run);
    const struct figures figures = {.reads = costs_of(&run, CLIENT_GET),
                                    .writes = costs_of(&run, CLIENT_PUT),
                                    .stored_rest = in_values(&run, run.report.stored_bytes_rest),
                                    .moved = in_values(&run, run.report.moved_bytes),
                                    .admin = in_values(&run, run.report.admin_bytes)};
    if (!switched_off && changes)
        assert_true(run.report.outcomes[0].error == AREG_OK && run.report.configuration == 1);
    free(run.ops);
    return figures;
}

static void assert_figures(struct figures found, struct figures wanted)
{
    assert_about(found.reads.rounds, wanted.reads.rounds);
    assert_about(found.reads.sent, wanted.reads.sent);
    assert_about(found.reads.received, wanted.reads.received);
    assert_about(found.reads.latency_us, wanted.reads.latency_us);
    assert_about(found.writes.rounds, wanted.writes.rounds);
    assert_about(found.writes.sent, wanted.writes.sent);
    assert_about(found.writes.latency_us, wanted.writes.latency_us);
    assert_about(found.stored_rest, wanted.stored_rest);
}

static void each_ablation_costs_more_in_its_own_figure_and_in_no_other(void **state)
{
    (void)state;
    const struct figures all_on = {.reads = {.rounds = 1, .received = 1, .latency_us = 200},
                                   .writes = {.rounds = 2, .sent = 5.0 / 3, .latency_us = 400},
                                   .stored_rest = 5.0 / 3};
    assert_figures(figures_of(0, false), all_on);
    for (unsigned i = 0; i < ABLATION_COUNT; i++) {
        struct figures wanted = all_on;
        switch ((enum ablation)i) {
        case ABLATION_ONE_ROUND_READ:
            wanted.reads.rounds = 2;
            wanted.reads.latency_us = 400;
            wanted.reads.sent = 5.0 / 3;
            break;
        case ABLATION_PIGGYBACKED_NEXT:
            wanted.reads.rounds = 3;
            wanted.reads.latency_us = 600;
            wanted.writes.rounds = 4;
            wanted.writes.latency_us = 800;
            break;
        case ABLATION_CONFIRM:
            wanted.stored_rest = (DELTA + 1) * 5.0 / 3;
            break;
        case ABLATION_TWO_STEP_GET_DATA: { /* lists of what has been superseded within the last half a second */
            const double received = figures_of(1u << i, false).reads.received;
            assert_true(received > 5.0 / 3 && received <= (DELTA + 1) * 5.0 / 3);
            wanted.reads.received = received;
            break;
        }
        default:
            break;
        }
        assert_figures(figures_of(1u << i, false), wanted);
    }
}

static void without_any_of_them_it_is_the_papers_protocol(void **state)
{
    (void)state;
    const struct figures paper = figures_of((1u << ABLATION_COUNT) - 1, false);
    assert_about(paper.reads.rounds, 4);
    assert_about(paper.writes.rounds, 4);
    assert_about(paper.writes.sent, 5.0 / 3);
    assert_about(paper.reads.sent, 5.0 / 3);
    /* Together (delta + 2) n/k, once the lists are full. */
    assert_true(paper.reads.received > 0.8 * (DELTA + 1) * 5 / 3 && paper.reads.received <= (DELTA + 1) * 5.0 / 3);
    assert_about(paper.stored_rest, (DELTA + 1) * 5.0 / 3);
}

static void a_transfer_costs_more_when_fragments_are_sent_or_take_the_way_round(void **state)
{
    (void)state;
    const struct figures best = figures_of(0, true);
    assert_about(best.moved, 1); /* the newcomer fetches k fragments, and keeps its own */
    assert_true(best.admin < 0.05);
    /* One of five who do it fetches k fragments, the others k - 1; and they send four. */
    const struct figures sent = figures_of(1u << ABLATION_ADOPT, true);
    assert_true(sent.moved >= 2.0 / 3 + 4.0 / 3 && sent.moved <= 3.0 / 3 + 4.0 / 3);
    assert_true(sent.admin < 0.05);
    const struct figures around = figures_of(1u << ABLATION_DIRECT_TRANSFER, true);
    assert_about(around.moved, 4.0 / 3);
    assert_true(around.admin >= 4.0 / 3 && around.admin < 4.0 / 3 + 0.05);
    const struct figures both = figures_of(1u << ABLATION_ADOPT | 1u << ABLATION_DIRECT_TRANSFER, true);
    assert_about(both.moved, 1 + 5.0 / 3);
    assert_true(both.admin >= both.moved);
}

/* With readers and writers of the same registers, and a change in the middle. */
static void whatever_is_switched_off_operations_stay_atomic(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static const char *const codes[] = {"rs:5,3", "repl:3", "ldr:3,3"};
    for (unsigned i = 0; i <= ABLATION_COUNT; i++) {
        for (unsigned j = 0; j < sizeof codes / sizeof codes[0]; j++) {
            struct run run = make_run(codes[j]);
            char why[STUDY_WHY_BYTES];
            run.options.seed = random_next(&random);
            run.options.key_count = 2;
            run.options.value_bytes = 100;
            run.options.host_count = run.options.code.n + 1;
            run.options.delay_max_ns = 1 * MS;
            run.options.commit_max_ns = 300 * US;
            run.options.mixed_count = 4;
            run.options.read_percent = 50;
            run.options.delta = 8;
            run.options.switched_off = i < ABLATION_COUNT ? 1u << i : (1u << ABLATION_COUNT) - 1;
            add_event(&run, 10 * MS, STUDY_RECONFIGURE, 0, j == 0 ? "replace s1 s6" : "delta 3");
            add_event(&run, 30 * MS, STUDY_KILL, 2, "");
            if (study_check(&run.options, why) != AREG_OK) {
                assert_int_equal(j, 2);
                continue;
            }
            do_run(&run);
            assert_int_equal(run.report.configuration, 1);
            free(run.ops);
        }
    }
}

static void ablations_have_names(void **state)
{
    (void)state;
    unsigned switched_off;
    for (unsigned i = 0; i < ABLATION_COUNT; i++) {
        assert_int_equal(ablation_parse(ablation_name((enum ablation)i), &switched_off), AREG_OK);
        assert_int_equal(switched_off, 1u << i);
        assert_true(strlen(ablation_sentence((enum ablation)i)) > 0);
    }
    assert_int_equal(ablation_parse("none", &switched_off), AREG_OK);
    assert_int_equal(switched_off, 0);
    assert_int_equal(ablation_parse("all", &switched_off), AREG_OK);
    assert_int_equal(switched_off, (1u << ABLATION_COUNT) - 1);
    assert_int_equal(ablation_parse("magic", &switched_off), AREG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_comes_to_the_same_bit_for_bit),
        cmocka_unit_test(clients_choose_the_same_whatever_the_cluster_is),
        cmocka_unit_test(an_operation_costs_what_the_protocol_says),
        cmocka_unit_test(messages_and_commits_wait_for_their_turn),
        cmocka_unit_test(bytes_take_their_time_on_every_link),
        cmocka_unit_test(what_is_sent_on_one_connection_arrives_in_order_however_long_it_is),
        cmocka_unit_test(bandwidth_is_shared_and_used_up),
        cmocka_unit_test(replies_that_do_not_fit_one_packet_go_in_several),
        cmocka_unit_test(an_open_loop_begins_at_its_rate_and_counts_what_it_missed),
        cmocka_unit_test(hosts_die_and_come_back),
        cmocka_unit_test(configurations_change_under_load),
        cmocka_unit_test(each_ablation_costs_more_in_its_own_figure_and_in_no_other),
        cmocka_unit_test(without_any_of_them_it_is_the_papers_protocol),
        cmocka_unit_test(a_transfer_costs_more_when_fragments_are_sent_or_take_the_way_round),
        cmocka_unit_test(whatever_is_switched_off_operations_stay_atomic),
        cmocka_unit_test(ablations_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
