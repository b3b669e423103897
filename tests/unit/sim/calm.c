#include "calm.h"

#include "core/key_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const char *const calm_codes[] = {"repl:3", "repl:5", "rs:5,3", "rs:6,4", "rs:9,5",
                                  "rs:5,1", "repl:4", "rs:6,3", "rs:3,2", NULL};

static void note_end(uint32_t op_index, const struct client_done *done, void *arg)
{
    struct calm *calm = arg;
    struct calm_end *end = &calm->last_end;
    *end = (struct calm_end){.op_index = op_index, .wrote_back = done->wrote_back, .has_more = done->has_more};
    memcpy(end->detail, done->detail, sizeof end->detail);
    struct bytes_reader reader = bytes_reader_on(done->page.at, done->page.bytes);
    struct listed_key listed;
    while (key_page_get(&reader, &listed) == AREG_OK)
        for (uint32_t i = 0; i < calm->sim->options.key_count; i++)
            if (slice_equal(listed.key, slice_borrow(calm->sim->keys[i].text, calm->sim->keys[i].text_bytes)))
                end->listed |= UINT64_C(1) << i;
}

void calm_init(struct calm *calm, const struct calm_options *options)
{
    struct sim_options sim_options = {
        .seed = options->seed,
        .has_delta = true,
        .delta = options->has_delta ? options->delta : 8,
        .host_count = options->host_count,
        .client_count = options->client_count ? options->client_count : 1,
        .reconfigurer_count = options->reconfigurer_count,
        .depth = 1,
        .key_count = options->key_count ? options->key_count : 1,
        .op_count = 1,
        .value_bytes_max = 1 << 20,
        .has_faults = true,
        .faults = options->reconfigurer_count ? UINT32_C(1) << FAULT_RECONFIG : 0,
    };
    assert_int_equal(code_parse(options->code, &sim_options.code), AREG_OK);
    *calm = (struct calm){.last_end.op_index = UINT32_MAX};
    calm->sim = sim_create(&sim_options, &calm->report);
    if (options->reconfigurer_count)
        calm->sim->nemesis.is_over = true; /* They do what they are told, and nothing by themselves. */
    calm->sim->on_done = note_end;
    calm->sim->on_done_arg = calm;
    struct weather *weather = &calm->sim->weather;
    weather->delay_min_ns = options->delay_min_ns ? options->delay_min_ns : 100 * US;
    weather->delay_max_ns = options->delay_max_ns ? options->delay_max_ns : weather->delay_min_ns;
    weather->delay = weather->delay_min_ns == weather->delay_max_ns ? DELAY_CONSTANT : DELAY_UNIFORM;
    weather->reorders = true;
    calm->sim->queue_max = 1024;
    for (uint32_t i = 0; i < calm->sim->host_count; i++) {
        calm->sim->hosts[i].disk_min_ns = calm->sim->hosts[i].disk_max_ns = 0;
        store_set_quota(calm->sim->hosts[i].store, options->quota_bytes, 0);
    }
    calm->report.fault_counts[FAULT_FULL] = options->quota_bytes > 0;
    calm_idle(calm, SECOND);
}

void calm_fini(struct calm *calm)
{
    sim_judge(calm->sim);
    assert_string_equal(calm->report.why, "");
    sim_destroy(calm->sim);
}

void calm_run_until(struct calm *calm, uint64_t until_ns)
{
    while (sim_step(calm->sim, until_ns))
        assert_string_not_equal(calm->report.broken, "liveness"); /* time stands still */
    calm->sim->now_ns = until_ns;
}

void calm_idle(struct calm *calm, uint64_t for_ns)
{
    calm_run_until(calm, calm->sim->now_ns + for_ns);
}

uint32_t calm_begin(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                    size_t value_bytes)
{
    return calm_begin_within(calm, client_index, kind, key_index, value_bytes, UINT64_MAX);
}

uint32_t calm_begin_within(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                           size_t value_bytes, uint64_t timeout_ns)
{
    const struct op_request request = {
        .kind = kind, .key_index = key_index, .value_bytes = value_bytes, .timeout_ns = timeout_ns};
    return workload_submit(calm->sim, client_index, &request);
}

uint32_t calm_begin_over(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes,
                         struct tag base)
{
    const struct op_request request = {.kind = CLIENT_PUT,
                                       .key_index = key_index,
                                       .value_bytes = value_bytes,
                                       .timeout_ns = UINT64_MAX,
                                       .has_base = true,
                                       .base = base};
    return workload_submit(calm->sim, client_index, &request);
}

bool calm_cancel(struct calm *calm, uint32_t op_index)
{
    struct sim_op *op = &calm->sim->ops[op_index];
    op->is_limited = true;
    const uint32_t client_index = op->client_index;
    const enum areg_error error =
        client_cancel(calm->sim->clients[client_index].engine, process_now(calm->sim, client_index), op->engine_id);
    process_drain(calm->sim, client_index);
    return error == AREG_OK;
}

const struct calm_end *calm_end_of(const struct calm *calm, uint32_t op_index)
{
    assert_int_equal(calm->last_end.op_index, op_index);
    return &calm->last_end;
}

const struct sim_op *calm_await(struct calm *calm, uint32_t op_index)
{
    while (!calm->sim->ops[op_index].has_ended) {
        assert_true(sim_step(calm->sim, UINT64_MAX));
        assert_string_not_equal(calm->report.broken, "liveness");
    }
    return &calm->sim->ops[op_index];
}

const struct sim_op *calm_do(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                             size_t value_bytes)
{
    return calm_await(calm, calm_begin(calm, client_index, kind, key_index, value_bytes));
}

/* ---------------------------------------------------------------- what goes wrong */

static bool is_held(const struct transit *transit, void *arg)
{
    const struct calm_holds *holds = arg;
    const uint32_t *hosts = transit->to_host ? holds->requests : holds->replies;
    return transit->client_index == 0 && (hosts[transit->kind] >> transit->host_index & 1);
}

static void listen_to_messages(struct calm *calm)
{
    calm->sim->holds = is_held;
    calm->sim->holds_arg = &calm->holds;
}

void calm_hold(struct calm *calm, enum message_kind kind, uint32_t hosts)
{
    listen_to_messages(calm);
    calm->holds.requests[kind] = hosts;
}

void calm_hold_replies(struct calm *calm, enum message_kind kind, uint32_t hosts)
{
    listen_to_messages(calm);
    calm->holds.replies[kind] = hosts;
}

void calm_pass(struct calm *calm)
{
    calm->holds = (struct calm_holds){0};
}

void calm_release(struct calm *calm)
{
    struct sim *sim = calm->sim;
    calm_pass(calm);
    for (size_t i = 0; i < sim->held_count; i++)
        sim_push(sim, sim->held[i]->sent_ns + sim->weather.delay_min_ns,
                 (struct event){.kind = EVENT_PACKET, .packet = sim->held[i]});
    sim->held_count = 0;
}

static void notice(struct calm *calm, uint32_t host_index)
{
    for (uint32_t i = 0; i < calm->sim->options.client_count; i++)
        process_connection(calm->sim, i, host_index, host_is_up(calm->sim, host_index));
}

void calm_crash_host(struct calm *calm, uint32_t host_index)
{
    host_crash(calm->sim, host_index);
    notice(calm, host_index);
}

void calm_start_host(struct calm *calm, uint32_t host_index)
{
    host_start(calm->sim, host_index);
    notice(calm, host_index);
}

/* ---------------------------------------------------------------- disks */

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
        if (host_register(calm->sim, i, 0, key_index, &found) && found.entry_count > 0)
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
