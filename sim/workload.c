/*
 * What clients do: random operations on a few hot registers, every written value different from all others; and what
 * became of each.
 */
#include "sim/inside.h"

#include "codec/checksum.h"
#include "core/key_page.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- values */

/* Every value of a register differs from all others. One of fewer than eight bytes counts through them; when there are
 * no more of that size, it gets eight. */
static struct slice make_value(struct sim *sim, struct sim_key *key, size_t value_bytes)
{
    uint64_t id;
    if (value_bytes < 8 && key->sized_count[value_bytes] < UINT64_C(1) << 8 * value_bytes) {
        id = key->sized_count[value_bytes]++;
    } else {
        value_bytes = value_bytes < 8 ? 8 : value_bytes;
        id = ++key->value_count;
    }
    if (value_bytes == 0)
        return (struct slice){0};
    struct buffer *buffer = buffer_create(value_bytes);
    CHECK(buffer != NULL);
    uint8_t *at = buffer_at(buffer);
    memcpy(at, &id, value_bytes < sizeof id ? value_bytes : sizeof id);
    struct random_source fill = {.state = id};
    for (size_t i = sizeof id; i < value_bytes; i += sizeof id) {
        const uint64_t word = random_next(&fill);
        memcpy(at + i, &word, value_bytes - i < sizeof word ? value_bytes - i : sizeof word);
    }
    (void)sim;
    return slice_of(buffer, 0, value_bytes);
}

/* ---------------------------------------------------------------- beginning */

static struct sim_op *add_op(struct sim *sim, uint32_t *op_index)
{
    if (sim->op_count == sim->op_room) {
        sim->op_room = sim->op_room ? 2 * sim->op_room : 1024;
        sim->ops = realloc(sim->ops, sim->op_room * sizeof *sim->ops);
        CHECK(sim->ops != NULL);
    }
    *op_index = sim->op_count++;
    return &sim->ops[*op_index];
}

static bool is_write(enum client_op_kind kind)
{
    return kind == CLIENT_PUT || kind == CLIENT_DEL;
}

uint32_t workload_submit(struct sim *sim, uint32_t client_index, const struct op_request *request)
{
    struct sim_client *client = &sim->clients[client_index];
    struct sim_key *key = &sim->keys[request->key_index];
    const uint64_t now_ns = process_now(sim, client_index);
    uint32_t op_index;
    struct sim_op *op = add_op(sim, &op_index);
    struct slice value = {0};
    if (request->kind == CLIENT_PUT)
        value = request->value.bytes ? slice_copy(request->value) : make_value(sim, key, request->value_bytes);
    *op = (struct sim_op){.client_index = client_index,
                          .client_life = client->life,
                          .kind = request->kind,
                          .key_index = request->key_index,
                          .has_base = request->has_base,
                          .is_limited = request->timeout_ns != UINT64_MAX,
                          .has_after = request->has_after,
                          .base = request->base,
                          .floor = key->completed,
                          .base_index = sim->sequence.base,
                          .value_digest = is_write(request->kind) ? checksum_value(value) : 0,
                          .value_bytes = (uint32_t)value.bytes,
                          .start_ns = sim->now_ns};
    const bool has_deadline = request->timeout_ns != UINT64_MAX;
    const struct client_op engine_op = {
        .kind = request->kind,
        .key = request->kind == CLIENT_LIST ? (struct slice){0} : slice_borrow(key->text, key->text_bytes),
        .value = value,
        .has_base = request->has_base,
        .base = request->base,
        .deadline_ns = has_deadline ? now_ns + request->timeout_ns : UINT64_MAX,
        .after = request->has_after ? slice_borrow(key->text, key->text_bytes) : (struct slice){0},
        .key_count_max = request->key_count_max ? request->key_count_max : KEY_PAGE_COUNT_MAX,
        .context = (void *)(uintptr_t)op_index,
    };
    if (request->kind == CLIENT_DEL)
        key->was_deleted = true;
    trace(sim, TRACE_SUBMIT, client_index, op_index, request->kind, request->key_index);
    client->outstanding_count++;
    sim->open_op_count++;
    sim->report->op_count++;
    CHECK(client_submit(client->engine, now_ns, &engine_op, &op->engine_id) == AREG_OK);
    slice_unref(&value);
    process_drain(sim, client_index);
    return op_index;
}

static enum client_op_kind draw_kind(struct sim *sim)
{
    const uint64_t dice = random_below(&sim->random, 100);
    if (dice < 45)
        return CLIENT_GET;
    if (dice < 86)
        return CLIENT_PUT;
    if (dice < 92)
        return CLIENT_DEL;
    return dice < 98 ? CLIENT_STAT : CLIENT_LIST;
}

static size_t draw_value_bytes(struct sim *sim)
{
    const uint64_t bytes_max = sim->options.value_bytes_max;
    if (random_below(&sim->random, 4) == 0)
        return random_below(&sim->random, 10);
    return random_below(&sim->random, 8) ? draw_scale(sim, 1, bytes_max < 4096 ? bytes_max : 4096)
                                         : draw_scale(sim, 1, bytes_max);
}

/* Of any length, or about as long as the operation takes: it is given up half-way. */
static uint64_t draw_timeout(struct sim *sim)
{
    const struct weather *weather = &sim->weather;
    return random_below(&sim->random, 2)
               ? draw_scale(sim, 1 * MS, 20 * SECOND)
               : draw_scale(sim, 2 * weather->delay_min_ns, 4 * weather->delay_max_ns + 1 * MS);
}

/* Mostly the newest that has completed; now and then what another operation had, and may have been overwritten. */
static struct tag draw_base(struct sim *sim, uint32_t key_index)
{
    if (sim->op_count > 0 && random_below(&sim->random, 4) == 0) {
        const struct sim_op *op = &sim->ops[random_below(&sim->random, sim->op_count)];
        if (op->key_index == key_index)
            return op->tag;
    }
    return sim->keys[key_index].completed;
}

void workload_next(struct sim *sim, uint32_t client_index)
{
    const struct sim_client *client = &sim->clients[client_index];
    if (!sim->is_submitting || client->outstanding_count >= sim->options.depth ||
        sim->report->op_count >= sim->options.op_count)
        return;
    struct op_request request = {.kind = draw_kind(sim),
                                 .key_index = (uint32_t)random_below(&sim->random, sim->options.key_count),
                                 .timeout_ns = UINT64_MAX};
    if (request.kind == CLIENT_PUT)
        request.value_bytes = draw_value_bytes(sim);
    if (is_write(request.kind) && random_below(&sim->random, 6) == 0) {
        request.has_base = true;
        request.base = draw_base(sim, request.key_index);
    }
    if (random_below(&sim->random, 3) == 0)
        request.timeout_ns = draw_timeout(sim);
    const uint32_t op_index = workload_submit(sim, client_index, &request);
    if (random_below(&sim->random, 20) == 0)
        sim_push(sim, sim->now_ns + draw_timeout(sim),
                 (struct event){.kind = EVENT_CANCEL, .a = client_index, .b = client->life, .c = op_index});
}

void workload_cancel(struct sim *sim, uint32_t client_index, uint32_t op_index)
{
    struct sim_op *op = &sim->ops[op_index];
    if (op->has_ended || op->is_lost)
        return;
    op->is_limited = true;
    CHECK(client_cancel(sim->clients[client_index].engine, process_now(sim, client_index), op->engine_id) == AREG_OK);
    process_drain(sim, client_index);
}

/* ---------------------------------------------------------------- ending */

static void count_outcome(struct sim_outcomes *outcomes, enum areg_error error)
{
    outcomes->ok += error == AREG_OK;
    outcomes->not_found += error == AREG_ENOTFOUND;
    outcomes->stale += error == AREG_ESTALE;
    outcomes->unknown += error == AREG_EMAYBE;
    outcomes->failed += error != AREG_OK && error != AREG_ENOTFOUND && error != AREG_ESTALE && error != AREG_EMAYBE;
}

static void count_costs(struct sim *sim, const struct sim_op *op, const struct client_done *done)
{
    struct sim_report *report = sim->report;
    const uint64_t latency_ns = op->end_ns - op->start_ns;
    if (is_write(op->kind)) {
        report->write_rounds += done->rounds;
        report->write_bytes += op->value_bytes;
    } else {
        report->read_rounds += done->rounds;
        report->read_bytes += op->kind == CLIENT_GET ? op->value_bytes : 0;
    }
    report->write_back_count += done->wrote_back;
    if (latency_ns > report->latency_max_ns)
        report->latency_max_ns = latency_ns;
    if (latency_ns < report->latency_min_ns)
        report->latency_min_ns = latency_ns;
}

/* A listing may miss what is written meanwhile, and nothing that was there before and was never deleted. */
static void judge_listing(struct sim *sim, const struct sim_op *op, const struct client_done *done)
{
    uint64_t listed[SIM_KEY_MAX / 64] = {0};
    struct bytes_reader reader = bytes_reader_on(done->page.at, done->page.bytes);
    struct listed_key found;
    while (key_page_get(&reader, &found) == AREG_OK)
        for (uint32_t i = 0; i < sim->options.key_count; i++)
            if (slice_equal(found.key, slice_borrow(sim->keys[i].text, sim->keys[i].text_bytes)))
                listed[i / 64] |= UINT64_C(1) << i % 64;
    for (uint32_t i = 0; i < sim->options.key_count && !done->has_more && !op->has_after; i++)
        if (sim->keys[i].written_ns < op->start_ns && !sim->keys[i].was_deleted && !(listed[i / 64] >> i % 64 & 1))
            broken(sim, "listing", "%s was written and never deleted, and is not listed", sim->keys[i].text);
}

void workload_done(struct sim *sim, uint32_t client_index, const struct client_done *done)
{
    struct sim_client *client = &sim->clients[client_index];
    struct sim_op *op = &sim->ops[(uintptr_t)done->context];
    if (op->has_ended)
        broken(sim, "I12", "operation %u has ended twice", (unsigned)(uintptr_t)done->context);
    op->has_ended = true;
    op->end_ns = sim->now_ns;
    op->error = done->error;
    op->tag = done->tag;
    op->rounds = done->rounds;
    client->outstanding_count--;
    sim->open_op_count--;
    if (op->kind == CLIENT_GET && done->error == AREG_OK) {
        op->value_digest = checksum_value_pieces(done->pieces, done->piece_count);
        op->value_bytes = done->value_bytes;
    } else if (op->kind == CLIENT_STAT) {
        op->value_bytes = done->value_bytes;
    }
    trace(sim, TRACE_DONE, client_index, (uintptr_t)done->context, done->error, done->tag.z);
    watch_outcome(sim, op);
    watch_turn(sim, op);
    watch_base(sim, op);
    CHECK(done->piece_count == 0 || (op->kind == CLIENT_GET && done->error == AREG_OK));
    CHECK(memchr(done->detail, 0, sizeof done->detail) != NULL);
    if (sim->on_done)
        sim->on_done((uint32_t)(uintptr_t)done->context, done, sim->on_done_arg);
    if (op->kind == CLIENT_LIST) {
        if (done->error == AREG_OK)
            judge_listing(sim, op, done);
    } else {
        count_outcome(is_write(op->kind) ? &sim->report->writes : &sim->report->reads, done->error);
        if (done->error == AREG_OK || done->error == AREG_ENOTFOUND) {
            if (op->kind == CLIENT_PUT && sim->keys[op->key_index].written_ns == UINT64_MAX)
                sim->keys[op->key_index].written_ns = sim->now_ns;
            count_costs(sim, op, done);
            watch_end(sim, op);
        }
    }
    const uint64_t think_ns = client->think_ns ? draw_exponential(sim, client->think_ns) : 0;
    sim_push(sim, sim->now_ns + think_ns, (struct event){.kind = EVENT_SUBMIT, .a = client_index, .b = client->life});
}

void workload_client_died(struct sim *sim, uint32_t client_index)
{
    for (uint32_t i = 0; i < sim->op_count; i++) {
        struct sim_op *op = &sim->ops[i];
        if (op->client_index != client_index || op->has_ended || op->is_lost)
            continue;
        op->is_lost = true;
        sim->open_op_count--;
        if (op->kind == CLIENT_LIST)
            continue;
        struct sim_outcomes *outcomes = is_write(op->kind) ? &sim->report->writes : &sim->report->reads;
        outcomes->unknown++;
    }
}

/* ---------------------------------------------------------------- history */

struct history_op workload_history_op(const struct sim_op *op, bool *is_wanted)
{
    const bool is_lost = op->is_lost || !op->has_ended;
    const bool has_result = !is_lost && (op->error == AREG_OK || (!is_write(op->kind) && op->error == AREG_ENOTFOUND));
    struct history_op out = {
        .client = op->client_index + (uint64_t)op->client_life * SIM_CLIENT_MAX,
        .kind = op->kind == CLIENT_PUT   ? HISTORY_WRITE
                : op->kind == CLIENT_DEL ? HISTORY_DELETE
                                         : HISTORY_READ,
        .status = has_result ? HISTORY_OK : HISTORY_FAIL,
        .has_value = op->kind == CLIENT_PUT || (op->kind == CLIENT_GET && op->error == AREG_OK && !is_lost),
        .version = op->tag,
        .has_version = has_result || (is_write(op->kind) && !is_lost && op->error == AREG_EMAYBE),
        .start_ns = op->start_ns,
        .end_ns = op->end_ns,
    };
    out.value_hash = out.has_value ? op->value_digest : 0;
    if (is_write(op->kind) && (is_lost || op->error == AREG_EMAYBE)) {
        out.status = HISTORY_INFO;
        out.end_ns = UINT64_MAX;
    }
    if (is_write(op->kind) && !is_lost && op->error == AREG_ESTALE)
        out.has_version = false;
    /* A stat has no value to be judged by; reads that were cut off say nothing. */
    *is_wanted = op->kind != CLIENT_LIST && op->kind != CLIENT_STAT && !(op->kind == CLIENT_GET && is_lost);
    return out;
}
