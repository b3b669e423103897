#include "calm.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

const char *const calm_codes[] = {"repl:3", "repl:5", "rs:5,3", "rs:6,4", "rs:9,5", "rs:5,1", "repl:4", "rs:6,3", NULL};

void calm_init(struct calm *calm, const struct calm_options *options)
{
    struct sim_options sim_options = {
        .seed = options->seed,
        .delta = options->delta ? options->delta : 8,
        .client_count = options->client_count ? options->client_count : 1,
        .depth = 1,
        .key_count = options->key_count ? options->key_count : 1,
        .op_count = 1,
        .value_bytes_max = 1 << 20,
        .has_faults = true,
    };
    assert_int_equal(code_parse(options->code, &sim_options.code), AREG_OK);
    calm->sim = sim_create(&sim_options, &calm->report);
    struct weather *weather = &calm->sim->weather;
    weather->delay_min_ns = options->delay_min_ns ? options->delay_min_ns : 100 * US;
    weather->delay_max_ns = options->delay_max_ns ? options->delay_max_ns : weather->delay_min_ns;
    weather->delay = weather->delay_min_ns == weather->delay_max_ns ? DELAY_CONSTANT : DELAY_UNIFORM;
    weather->reorders = true;
    calm->sim->queue_max = 1024;
    for (uint32_t i = 0; i < sim_options.code.n; i++)
        calm->sim->hosts[i].disk_min_ns = calm->sim->hosts[i].disk_max_ns = 0;
    calm_idle(calm, SECOND);
}

void calm_fini(struct calm *calm)
{
    assert_string_equal(calm->report.why, "");
    sim_destroy(calm->sim);
}

void calm_run_until(struct calm *calm, uint64_t until_ns)
{
    while (sim_step(calm->sim, until_ns))
        ;
    calm->sim->now_ns = until_ns;
}

void calm_idle(struct calm *calm, uint64_t for_ns)
{
    calm_run_until(calm, calm->sim->now_ns + for_ns);
}

uint32_t calm_begin(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                    size_t value_bytes)
{
    const struct op_request request = {
        .kind = kind, .key_index = key_index, .value_bytes = value_bytes, .timeout_ns = UINT64_MAX};
    return workload_submit(calm->sim, client_index, &request);
}

const struct sim_op *calm_await(struct calm *calm, uint32_t op_index)
{
    while (!calm->sim->ops[op_index].has_ended)
        assert_true(sim_step(calm->sim, UINT64_MAX));
    return &calm->sim->ops[op_index];
}

const struct sim_op *calm_do(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                             size_t value_bytes)
{
    return calm_await(calm, calm_begin(calm, client_index, kind, key_index, value_bytes));
}

struct calm_stored calm_stored(const struct calm *calm)
{
    struct calm_stored sum = {0};
    for (uint32_t i = 0; i < calm->sim->options.host_count; i++) {
        struct store_txn *txn;
        struct store_stats stats;
        assert_int_equal(store_begin(calm->sim->hosts[i].store, STORE_READ, &txn), AREG_OK);
        assert_int_equal(store_stats_get(txn, &stats), AREG_OK);
        store_abort(txn);
        sum.entry_count += stats.entry_count;
        sum.fragment_bytes += stats.fragment_bytes;
    }
    return sum;
}

static struct tag newest_tag(struct calm *calm, uint32_t key_index)
{
    struct stored_register found;
    struct tag newest = TAG_ZERO;
    for (uint32_t i = 0; i < calm->sim->options.code.n; i++)
        if (host_register(calm->sim, i, key_index, &found) && found.entry_count > 0)
            newest = tag_max(newest, found.entries[found.entry_count - 1].entry.tag);
    return newest;
}

struct tag calm_abandon_put(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes,
                            unsigned holder_count)
{
    struct sim *sim = calm->sim;
    const struct tag before = newest_tag(calm, key_index);
    /* The replies to its get-tag have just arrived, and its put is on its way to all. */
    const uint32_t op_index = calm_begin(calm, client_index, CLIENT_PUT, key_index, value_bytes);
    const uint64_t sent_before = calm->report.payload_bytes_sent;
    while (calm->report.payload_bytes_sent == sent_before)
        assert_true(sim_step(sim, UINT64_MAX));
    for (uint32_t i = holder_count; i < sim->options.code.n; i++)
        link_of(sim, client_index, i)->cut[1] = 1;
    calm_idle(calm, sim->weather.delay_max_ns + 1);
    assert_false(sim->ops[op_index].has_ended);
    process_crash(sim, client_index);
    for (uint32_t i = holder_count; i < sim->options.code.n; i++)
        link_of(sim, client_index, i)->cut[1] = 0;
    calm_idle(calm, SECOND);
    const struct tag abandoned = newest_tag(calm, key_index);
    assert_int_equal(tag_compare(abandoned, before), 1);
    return abandoned;
}
