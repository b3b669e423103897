/*
 * What operations cost [PROTOCOL §7]: rounds, packets and bytes, counted in conversations in which nothing goes wrong,
 * and what stays on the disks.
 */
#include "calm.h"

#include "codec/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- what was spent since */

struct spent {
    uint64_t rounds;
    uint64_t packet_count;
    uint64_t bytes_sent;
    uint64_t bytes_answered;
    uint64_t write_back_count;
};

static struct spent total_of(const struct calm *calm)
{
    const struct sim_report *report = &calm->report;
    return (struct spent){.rounds = report->read_rounds + report->write_rounds,
                          .packet_count = report->packet_count,
                          .bytes_sent = report->payload_bytes_sent,
                          .bytes_answered = report->payload_bytes_answered,
                          .write_back_count = report->write_back_count};
}

/* One operation, all that it leaves under way, and a second of idleness. */
static struct spent cost_of(struct calm *calm, uint32_t client_index, enum client_op_kind kind, size_t value_bytes)
{
    const struct spent before = total_of(calm);
    const struct sim_op *op = calm_do(calm, client_index, kind, 0, value_bytes);
    assert_true(op->error == AREG_OK || op->error == AREG_ENOTFOUND);
    calm_idle(calm, SECOND);
    const struct spent now = total_of(calm);
    return (struct spent){.rounds = now.rounds - before.rounds,
                          .packet_count = now.packet_count - before.packet_count,
                          .bytes_sent = now.bytes_sent - before.bytes_sent,
                          .bytes_answered = now.bytes_answered - before.bytes_answered,
                          .write_back_count = now.write_back_count - before.write_back_count};
}

static void assert_spent(struct spent spent, struct spent expected)
{
    assert_int_equal(spent.rounds, expected.rounds);
    assert_int_equal(spent.packet_count, expected.packet_count);
    assert_int_equal(spent.bytes_sent, expected.bytes_sent);
    assert_int_equal(spent.bytes_answered, expected.bytes_answered);
    assert_int_equal(spent.write_back_count, expected.write_back_count);
}

static uint64_t fragment_bytes_of(const struct calm *calm, size_t value_bytes)
{
    return (value_bytes + calm->sim->options.code.k - 1) / calm->sim->options.code.k;
}

/* Hosts of TREAS hear that an operation is complete; those of ABD need not know. */
static uint64_t confirm_count_of(const struct calm *calm)
{
    return calm->sim->options.code.dap == DAP_TREAS ? calm->sim->options.code.n : 0;
}

/* ---------------------------------------------------------------- one operation at a time */

static void check_operations(struct calm *calm, size_t value_bytes)
{
    const struct code code = calm->sim->options.code;
    const uint64_t fragment_bytes = fragment_bytes_of(calm, value_bytes);
    assert_spent(cost_of(calm, 0, CLIENT_PUT, value_bytes),
                 (struct spent){.rounds = 2,
                                .packet_count = 4 * code.n + confirm_count_of(calm),
                                .bytes_sent = code.n * fragment_bytes});
    for (uint32_t i = 0; i < 2; i++) {
        assert_spent(
            cost_of(calm, i, CLIENT_GET, 0),
            (struct spent){.rounds = 1, .packet_count = 2 * code.n, .bytes_answered = code.k * fragment_bytes});
        assert_spent(cost_of(calm, i, CLIENT_STAT, 0), (struct spent){.rounds = 1, .packet_count = 2 * code.n});
    }
}

static void an_uncontended_write_takes_two_rounds_and_n_kths_a_read_one_round_and_k_fragments(void **state)
{
    (void)state;
    static const size_t sizes[] = {8, 9, 10, 11, 13, 100, 4096, 65537, 1 << 20};
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = calm_codes[i], .seed = i, .client_count = 2});
        const unsigned n = calm.sim->options.code.n;
        assert_spent(cost_of(&calm, 0, CLIENT_GET, 0), (struct spent){.rounds = 1, .packet_count = 2 * n});
        for (unsigned j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            check_operations(&calm, sizes[j]);
        assert_spent(cost_of(&calm, 0, CLIENT_DEL, 0),
                     (struct spent){.rounds = 2, .packet_count = 4 * n + confirm_count_of(&calm)});
        assert_spent(cost_of(&calm, 1, CLIENT_GET, 0), (struct spent){.rounds = 1, .packet_count = 2 * n});
        calm_fini(&calm);
    }
}

static void without_a_pause_between_operations_they_cost_the_same(void **state)
{
    (void)state;
    enum { OP_COUNT = 200, VALUE_BYTES = 900 };
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = calm_codes[i], .seed = i});
        const struct code code = calm.sim->options.code;
        const uint64_t fragment_bytes = fragment_bytes_of(&calm, VALUE_BYTES);
        struct random_source random = {i};
        uint64_t put_count = 0;
        calm_do(&calm, 0, CLIENT_PUT, 0, VALUE_BYTES);
        const struct spent before = total_of(&calm);
        for (unsigned j = 0; j < OP_COUNT; j++) {
            const bool is_put = random_below(&random, 2);
            put_count += is_put;
            const struct sim_op *op = calm_do(&calm, 0, is_put ? CLIENT_PUT : CLIENT_GET, 0, VALUE_BYTES);
            assert_int_equal(op->rounds, is_put ? 2 : 1);
        }
        calm_idle(&calm, SECOND);
        const struct spent now = total_of(&calm);
        assert_int_equal(now.bytes_sent - before.bytes_sent, put_count * code.n * fragment_bytes);
        assert_int_equal(now.bytes_answered - before.bytes_answered, (OP_COUNT - put_count) * code.k * fragment_bytes);
        assert_int_equal(now.write_back_count, 0);
        calm_fini(&calm);
    }
}

static void hosts_that_are_known_to_be_down_cost_nothing(void **state)
{
    (void)state;
    enum { VALUE_BYTES = 900 };
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = calm_codes[i], .seed = i, .client_count = 2});
        const struct code code = calm.sim->options.code;
        const uint64_t fragment_bytes = fragment_bytes_of(&calm, VALUE_BYTES);
        calm_do(&calm, 0, CLIENT_PUT, 0, VALUE_BYTES);
        /* The first ones are those that readers would prefer. */
        for (unsigned down_count = 1; down_count <= code_tolerance(code); down_count++) {
            host_crash(calm.sim, down_count - 1);
            calm_idle(&calm, SECOND);
            const uint64_t up_count = code.n - down_count;
            assert_spent(
                cost_of(&calm, 1, CLIENT_GET, 0),
                (struct spent){.rounds = 1, .packet_count = 2 * up_count, .bytes_answered = code.k * fragment_bytes});
            const struct spent put = cost_of(&calm, 0, CLIENT_PUT, VALUE_BYTES);
            assert_int_equal(put.rounds, 2);
            assert_int_equal(put.bytes_sent, up_count * fragment_bytes);
        }
        calm_fini(&calm);
    }
}

/* ---------------------------------------------------------------- after an abandoned write */

static void a_read_that_finishes_an_abandoned_write_takes_two_rounds_and_sends_only_what_is_missing(void **state)
{
    (void)state;
    enum { VALUE_BYTES = 900, WRITER = 0, READER = 1 };
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = calm_codes[i], .seed = i, .client_count = 2});
        const struct code code = calm.sim->options.code;
        const unsigned holder_count = code_quorum(code) - 1;
        const uint64_t fragment_bytes = fragment_bytes_of(&calm, VALUE_BYTES);
        calm_do(&calm, WRITER, CLIENT_PUT, 0, VALUE_BYTES);
        calm_idle(&calm, SECOND);
        const struct tag abandoned = calm_abandon_put(&calm, WRITER, 0, VALUE_BYTES, holder_count);
        /* The reader hears of it from all who have it before it hears from the others. */
        for (uint32_t j = holder_count; j < code.n; j++)
            link_of(calm.sim, READER, j)->slowness = 17;
        assert_spent(cost_of(&calm, READER, CLIENT_GET, 0),
                     (struct spent){.rounds = 2,
                                    .packet_count = 2 * code.n + 2 * (code.n - holder_count) + confirm_count_of(&calm),
                                    .bytes_sent = (code.n - holder_count) * fragment_bytes,
                                    .bytes_answered = code.k * fragment_bytes,
                                    .write_back_count = 1});
        assert_true(tag_equal(calm.sim->ops[calm.sim->op_count - 1].tag, abandoned));
        const struct spent again = cost_of(&calm, WRITER, CLIENT_GET, 0);
        assert_int_equal(again.rounds, 1);
        assert_int_equal(again.bytes_answered, code.k * fragment_bytes);
        assert_int_equal(again.write_back_count, 0);
        calm_fini(&calm);
    }
}

static void an_abandoned_write_that_nobody_can_read_costs_readers_one_more_round_trip(void **state)
{
    (void)state;
    enum { VALUE_BYTES = 900, WRITER = 0, READER = 1, DELAY_NS = 700 * 1000 };
    for (unsigned i = 0; calm_codes[i]; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){
                             .code = calm_codes[i], .seed = i, .client_count = 2, .delay_min_ns = DELAY_NS});
        const struct code code = calm.sim->options.code;
        const struct tag readable = calm_do(&calm, WRITER, CLIENT_PUT, 0, VALUE_BYTES)->tag;
        calm_idle(&calm, SECOND);
        for (unsigned holder_count = 1; holder_count < code.k; holder_count++) {
            calm_abandon_put(&calm, WRITER, 0, VALUE_BYTES, holder_count);
            for (unsigned j = 0; j < 3; j++) {
                const struct spent spent = cost_of(&calm, READER, CLIENT_GET, 0);
                const struct sim_op *op = &calm.sim->ops[calm.sim->op_count - 1];
                assert_true(tag_equal(op->tag, readable));
                /* What is missing becomes known with one reply after the other, and is asked for as soon as it is. */
                assert_in_range(spent.rounds, 2, 1 + code.k);
                assert_int_equal(op->end_ns - op->start_ns, 4 * DELAY_NS);
                assert_int_equal(spent.bytes_sent, 0);
                assert_int_equal(spent.write_back_count, 0);
                /* Fragments of the abandoned value come in vain. */
                assert_true(spent.bytes_answered <= 2 * code.k * fragment_bytes_of(&calm, VALUE_BYTES));
            }
        }
        calm_fini(&calm);
    }
}

/* ---------------------------------------------------------------- storage */

static const unsigned deltas[] = {1, 2, 8, 32};
enum { DELTA_COUNT = sizeof deltas / sizeof deltas[0] };

static void check_storage_at_rest(const char *code_text, unsigned delta, uint64_t seed)
{
    enum { CLIENT_COUNT = 4, KEY_COUNT = 3, ROUND_COUNT = 12 };
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = code_text,
                                            .seed = seed,
                                            .has_delta = true,
                                            .delta = delta,
                                            .client_count = CLIENT_COUNT,
                                            .key_count = KEY_COUNT,
                                            .delay_min_ns = 100 * US,
                                            .delay_max_ns = 300 * US});
    const unsigned n = calm.sim->options.code.n;
    for (unsigned i = 0; i < ROUND_COUNT; i++) {
        uint32_t ops[CLIENT_COUNT];
        for (uint32_t j = 0; j < CLIENT_COUNT; j++)
            ops[j] = calm_begin(&calm, j, CLIENT_PUT, (i + j) % KEY_COUNT, 100 + 10 * i + j);
        for (uint32_t j = 0; j < CLIENT_COUNT; j++)
            calm_await(&calm, ops[j]);
    }
    /* Confirmations leave after some milliseconds, what they supersede goes after the grace time. */
    calm_idle(&calm, 20 * MS + REPLICA_GRACE_NS);
    uint64_t fragment_bytes = 0;
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        fragment_bytes += fragment_bytes_of(&calm, calm_do(&calm, 0, CLIENT_GET, i, 0)->value_bytes);
    calm_idle(&calm, SECOND);
    const struct calm_stored live = calm_stored(&calm);
    assert_int_equal(live.entry_count, n * KEY_COUNT);
    assert_int_equal(live.fragment_bytes, n * fragment_bytes);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        calm_do(&calm, i, CLIENT_DEL, i, 0);
    calm_idle(&calm, 20 * MS + REPLICA_GRACE_NS);
    assert_int_equal(calm_stored(&calm).fragment_bytes, 0);
    calm_fini(&calm);
}

static void storage_at_rest_is_n_kths_of_what_lives_whatever_delta(void **state)
{
    (void)state;
    for (unsigned i = 0; calm_codes[i]; i++)
        for (unsigned j = 0; j < DELTA_COUNT; j++)
            check_storage_at_rest(calm_codes[i], deltas[j], i + 100 * j);
}

/* The most entries that one host had for a register, while `client_count` clients wrote as fast as they could. */
static unsigned entry_count_under_load(const char *code_text, unsigned delta, unsigned client_count, uint64_t seed)
{
    enum { WRITE_COUNT = 400 };
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = code_text,
                                            .seed = seed,
                                            .has_delta = true,
                                            .delta = delta,
                                            .client_count = client_count,
                                            .delay_min_ns = 100 * US,
                                            .delay_max_ns = 300 * US});
    uint32_t ops[SIM_CLIENT_MAX];
    for (uint32_t i = 0; i < client_count; i++)
        ops[i] = calm_begin(&calm, i, CLIENT_PUT, 0, 300);
    unsigned entry_count_max = 0;
    while (calm.sim->op_count < WRITE_COUNT) {
        assert_true(sim_step(calm.sim, UINT64_MAX));
        for (uint32_t i = 0; i < client_count; i++)
            if (calm.sim->ops[ops[i]].has_ended)
                ops[i] = calm_begin(&calm, i, CLIENT_PUT, 0, 300);
        for (uint32_t i = 0; i < calm.sim->options.code.n; i++)
            if (calm.sim->hosts[i].configs[0].registers[0].entry_count > entry_count_max)
                entry_count_max = calm.sim->hosts[i].configs[0].registers[0].entry_count;
    }
    assert_true(calm_stored(&calm).fragment_bytes <=
                entry_count_max * calm.sim->options.code.n * fragment_bytes_of(&calm, 300));
    calm_idle(&calm, SECOND);
    calm_fini(&calm);
    return entry_count_max;
}

static void storage_under_load_is_delta_and_one_n_kths_or_one_more_than_there_are_writers(void **state)
{
    (void)state;
    static const unsigned client_counts[] = {1, 2, 4, 12};
    printf("entries of one register on one host under load, at most:\n");
    for (unsigned i = 0; calm_codes[i]; i++) {
        for (unsigned j = 0; j < DELTA_COUNT; j++) {
            printf("  %s, delta %2u:", calm_codes[i], deltas[j]);
            for (unsigned l = 0; l < sizeof client_counts / sizeof client_counts[0]; l++) {
                const unsigned client_count = client_counts[l];
                const unsigned entry_count = entry_count_under_load(calm_codes[i], deltas[j], client_count, i + 10 * j);
                printf(" %u with %u clients", entry_count, client_count);
                /* A client says that a write is complete before it begins the next one. */
                const unsigned kept_max = (client_count > deltas[j] ? client_count : deltas[j]) + 1;
                if (calm_codes[i][1] == 'e')
                    assert_int_equal(entry_count, 1);
                else
                    assert_in_range(entry_count, 1, kept_max);
            }
            printf("\n");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_uncontended_write_takes_two_rounds_and_n_kths_a_read_one_round_and_k_fragments),
        cmocka_unit_test(without_a_pause_between_operations_they_cost_the_same),
        cmocka_unit_test(hosts_that_are_known_to_be_down_cost_nothing),
        cmocka_unit_test(a_read_that_finishes_an_abandoned_write_takes_two_rounds_and_sends_only_what_is_missing),
        cmocka_unit_test(an_abandoned_write_that_nobody_can_read_costs_readers_one_more_round_trip),
        cmocka_unit_test(storage_at_rest_is_n_kths_of_what_lives_whatever_delta),
        cmocka_unit_test(storage_under_load_is_delta_and_one_n_kths_or_one_more_than_there_are_writers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
