/*
 * What operations cost, how long they take and what stays on the disks where members are not alike (ARES, 3.5 and 7.1):
 * directories know where values are, replicas have them.
 */
#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const codes[] = {"ldr:3,3", "ldr:5,3", "ldr:1,1", "ldr:3,5", "ldr:2,4"};
enum { CODE_COUNT = sizeof codes / sizeof codes[0], LOCATION_BYTES = 4, VALUE_BYTES = 900 };

struct spent {
    uint64_t packet_count;
    uint64_t bytes_sent;
    uint64_t bytes_answered;
    uint64_t delays; /* that the operation took */
    uint32_t rounds;
};

static struct spent cost_of(struct calm *calm, uint32_t client_index, enum client_op_kind kind)
{
    const struct sim_report *report = &calm->report;
    const struct spent before = {
        .packet_count = report->packet_count,
        .bytes_sent = report->payload_bytes_sent,
        .bytes_answered = report->payload_bytes_answered,
    };
    const struct sim_op *op = calm_do(calm, client_index, kind, 0, VALUE_BYTES);
    const uint64_t delays = (op->end_ns - op->start_ns) / (100 * US);
    const uint32_t rounds = op->rounds;
    assert_true(op->error == AREG_OK || op->error == AREG_ENOTFOUND);
    calm_idle(calm, SECOND);
    return (struct spent){.packet_count = report->packet_count - before.packet_count,
                          .bytes_sent = report->payload_bytes_sent - before.bytes_sent,
                          .bytes_answered = report->payload_bytes_answered - before.bytes_answered,
                          .delays = delays,
                          .rounds = rounds};
}

static void assert_spent(struct spent spent, struct spent expected)
{
    assert_int_equal(spent.rounds, expected.rounds);
    assert_int_equal(spent.delays, 2 * expected.rounds);
    assert_int_equal(spent.packet_count, expected.packet_count);
    assert_int_equal(spent.bytes_sent, expected.bytes_sent);
    assert_int_equal(spent.bytes_answered, expected.bytes_answered);
}

static void an_uncontended_write_takes_three_rounds_and_r_values_a_read_one_round_and_one_value(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = codes[i], .seed = i, .client_count = 2});
        const struct code code = calm.sim->options.code;
        const unsigned d = code.directory_count;
        const unsigned r = code.n - d;
        assert_spent(cost_of(&calm, 0, CLIENT_STAT), (struct spent){.rounds = 1, .packet_count = 2 * d});
        for (unsigned run = 0; run < 5; run++) {
            /* Questions and answers in two rounds to all members, as it were, and who has it is told that it is
             * complete.
             */
            assert_spent(cost_of(&calm, 0, CLIENT_PUT),
                         (struct spent){.rounds = 3,
                                        .packet_count = 2 * code.n + 2 * code.n + code.n,
                                        .bytes_sent = r * VALUE_BYTES + d * LOCATION_BYTES});
            for (uint32_t reader = 0; reader < 2; reader++) {
                assert_spent(cost_of(&calm, reader, CLIENT_GET),
                             (struct spent){.rounds = 1,
                                            .packet_count = 2 * (d + 1),
                                            .bytes_answered = VALUE_BYTES + d * LOCATION_BYTES});
                assert_spent(cost_of(&calm, reader, CLIENT_STAT),
                             (struct spent){.rounds = 1, .packet_count = 2 * d, .bytes_answered = d * LOCATION_BYTES});
            }
        }
        calm_fini(&calm);
    }
}

static void hosts_that_are_known_to_be_down_cost_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = codes[i], .seed = i, .client_count = 2});
        const struct code code = calm.sim->options.code;
        const unsigned tolerance = code_tolerance(code);
        calm_do(&calm, 0, CLIENT_PUT, 0, VALUE_BYTES);
        for (unsigned down_count = 1; down_count <= tolerance; down_count++) {
            /* One of each kind. */
            host_crash(calm.sim, down_count - 1);
            host_crash(calm.sim, code.directory_count + down_count - 1);
            calm_idle(&calm, SECOND);
            const unsigned up_count = code.directory_count - down_count;
            for (unsigned run = 0; run < 5; run++) {
                const struct spent spent = cost_of(&calm, 1, CLIENT_GET);
                assert_int_equal(spent.rounds, 1);
                assert_int_equal(spent.packet_count, 2 * (up_count + 1));
                assert_int_equal(spent.bytes_answered, VALUE_BYTES + up_count * LOCATION_BYTES);
            }
            assert_int_equal(cost_of(&calm, 0, CLIENT_PUT).rounds, 3);
        }
        calm_fini(&calm);
    }
}

static void storage_at_rest_is_r_values_of_what_lives_whatever_delta(void **state)
{
    (void)state;
    enum { CLIENT_COUNT = 4, KEY_COUNT = 3 };
    for (unsigned i = 0; i < CODE_COUNT; i++) {
        for (unsigned delta = 0; delta <= 8; delta += 4) {
            struct calm calm;
            calm_init(&calm, &(struct calm_options){.code = codes[i],
                                                    .seed = i + 10 * delta,
                                                    .has_delta = true,
                                                    .delta = delta,
                                                    .client_count = CLIENT_COUNT,
                                                    .key_count = KEY_COUNT,
                                                    .delay_min_ns = 100 * US,
                                                    .delay_max_ns = 300 * US});
            const struct code code = calm.sim->options.code;
            for (unsigned j = 0; j < 12; j++) {
                uint32_t ops[CLIENT_COUNT];
                for (uint32_t l = 0; l < CLIENT_COUNT; l++)
                    ops[l] = calm_begin(&calm, l, CLIENT_PUT, (j + l) % KEY_COUNT, VALUE_BYTES);
                for (uint32_t l = 0; l < CLIENT_COUNT; l++)
                    calm_await(&calm, ops[l]);
            }
            /* The first confirmation waits for its grace time, and those that came meanwhile for another one. */
            calm_idle(&calm, 20 * MS + 2 * REPLICA_GRACE_NS);
            const struct calm_stored live = calm_stored(&calm);
            const unsigned d = code.directory_count;
            assert_int_equal(live.entry_count, code.n * KEY_COUNT);
            assert_int_equal(live.fragment_bytes, KEY_COUNT * ((code.n - d) * VALUE_BYTES + d * LOCATION_BYTES));
            for (uint32_t j = 0; j < KEY_COUNT; j++)
                calm_do(&calm, j, CLIENT_DEL, j, 0);
            calm_idle(&calm, 20 * MS + REPLICA_GRACE_NS);
            assert_int_equal(calm_stored(&calm).fragment_bytes, KEY_COUNT * d * LOCATION_BYTES);
            calm_fini(&calm);
        }
    }
}

static void a_write_left_half_done_costs_a_reader_no_value_to_finish(void **state)
{
    (void)state;
    enum { WRITER = 0, READER = 1 };
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "ldr:3,3", .client_count = 2});
    calm_do(&calm, WRITER, CLIENT_PUT, 0, VALUE_BYTES);
    calm_idle(&calm, SECOND);
    /* Directories s1 and s2 never hear of it. */
    calm_begin(&calm, WRITER, CLIENT_PUT, 0, VALUE_BYTES);
    calm_hold(&calm, MESSAGE_PUT_DATA, 1 << 0 | 1 << 1);
    calm_idle(&calm, 10 * MS);
    process_crash(calm.sim, WRITER);
    calm_pass(&calm);
    calm_idle(&calm, SECOND);
    const struct spent spent = cost_of(&calm, READER, CLIENT_GET);
    assert_int_equal(spent.rounds, 2);
    assert_int_equal(spent.bytes_sent, 2 * LOCATION_BYTES);
    assert_int_equal(calm.report.write_back_count, 0);
    calm_fini(&calm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uncontended_write_takes_three_rounds_and_r_values_a_read_one_round_and_one_value),
        cmocka_unit_test(hosts_that_are_known_to_be_down_cost_nothing),
        cmocka_unit_test(storage_at_rest_is_r_values_of_what_lives_whatever_delta),
        cmocka_unit_test(a_write_left_half_done_costs_a_reader_no_value_to_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
