#include "sim/stage.h"

#include "codec/checksum.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* One way over the network, when messages go by themselves. */
#define DELIVERY_NS (1 * MS)
/* So long a step takes at least. */
#define STEP_NS (1 * US)
/* An operation that is to end by itself ends within this. */
#define RUN_NS_MAX (60 * SECOND)
/* After the last operation has ended: confirmations are sent, and what is superseded is trimmed, within two grace times
 * of the hosts. */
#define QUIET_NS (2 * SECOND)
/* So long after the start workers have nothing to do until they are given something, or for a minute. */
#define WORKERS_WAKE_NS (3 * SECOND)
/* Of the messages under way, a failure names so many. */
enum { DESCRIBED_MAX = 12 };

/* ---------------------------------------------------------------- failures */

bool stage_fail(struct stage *stage, const char *format, ...)
{
    if (stage->has_failed)
        return false;
    stage->has_failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(stage->why, sizeof stage->why, format, arguments);
    va_end(arguments);
    return false;
}

bool stage_is_well(const struct stage *stage)
{
    return !stage->has_failed && !stage->sim->is_broken;
}

static const char *host_name(const struct stage *stage, unsigned host)
{
    return stage->sim->hosts[host].id.text;
}

/* ---------------------------------------------------------------- operations */

const struct sim_op *stage_op(const struct stage *stage, unsigned op)
{
    CHECK(stage->script->ops[op].kind != CLIENT_RECONFIGURE);
    return stage->op_indices[op] == UINT32_MAX ? NULL : &stage->sim->ops[stage->op_indices[op]];
}

const struct sim_change *stage_change(const struct stage *stage, unsigned op)
{
    CHECK(stage->script->ops[op].kind == CLIENT_RECONFIGURE);
    return stage->op_indices[op] == UINT32_MAX ? NULL : stage->sim->changes.items[stage->op_indices[op]];
}

struct op_state stage_state(const struct stage *stage, unsigned op)
{
    const uint32_t index = stage->op_indices[op];
    if (index == UINT32_MAX)
        return (struct op_state){0};
    if (stage->script->ops[op].kind == CLIENT_RECONFIGURE) {
        const struct sim_change *change = stage->sim->changes.items[index];
        return (struct op_state){.has_begun = true,
                                 .has_ended = change->has_ended,
                                 .is_lost = change->is_lost,
                                 .life = change->client_life,
                                 .engine_id = change->engine_id,
                                 .error = change->error,
                                 .end_ns = change->end_ns};
    }
    const struct sim_op *begun = &stage->sim->ops[index];
    return (struct op_state){.has_begun = true,
                             .has_ended = begun->has_ended,
                             .is_lost = begun->is_lost,
                             .life = begun->client_life,
                             .engine_id = begun->engine_id,
                             .error = begun->error,
                             .end_ns = begun->end_ns};
}

struct slice stage_value(const struct script_op *op)
{
    return op->kind == CLIENT_PUT ? slice_borrow(op->value, strlen(op->value)) : (struct slice){0};
}

struct entry stage_entry(const struct stage *stage, unsigned op)
{
    const struct script_op *writer = &stage->script->ops[op];
    const struct slice value = stage_value(writer);
    return (struct entry){.value_digest = checksum_value(value),
                          .value_bytes = (uint32_t)value.bytes,
                          .flags = writer->kind == CLIENT_DEL ? ENTRY_TOMBSTONE : 0};
}

bool stage_tag(const struct stage *stage, unsigned op, struct tag *tag)
{
    const struct sim_op *begun = stage_op(stage, op);
    const struct entry entry = stage_entry(stage, op);
    const struct names *names = &stage->sim->names;
    if (begun && begun->has_ended && !tag_is_zero(begun->tag)) {
        *tag = begun->tag;
        return true;
    }
    for (size_t i = 0; i < names->room; i++) {
        const struct named *named = &names->table[i];
        if (!tag_is_zero(named->tag) && named->key_index == stage->script->ops[op].key &&
            named->value_digest == entry.value_digest && named->value_bytes == entry.value_bytes &&
            named->flags == entry.flags) {
            *tag = named->tag;
            return true;
        }
    }
    return false;
}

uint32_t stage_config(const struct stage *stage, int config)
{
    const struct sequence *sequence = &stage->sim->sequence;
    if (config == CONFIG_GENESIS)
        return 0;
    if (config == CONFIG_LAST)
        return sequence->numbers[sequence->count - 1];
    for (uint32_t i = sequence->config_count; i-- > 1;)
        if (strcmp(sequence->configs[i]->config.reason, stage->script->ops[config].name) == 0)
            return i;
    return CONFIG_NONE;
}

const char *stage_process_name(const struct stage *stage, uint32_t process)
{
    const unsigned named_count = script_named_count(stage->script);
    return process < named_count ? stage->script->processes[process].name : host_name(stage, process - named_count);
}

/* ---------------------------------------------------------------- messages under way */

struct message_name stage_message(const struct stage *stage, size_t held_index)
{
    const struct transit *transit = stage->sim->held[held_index];
    struct message_name name = {.process = transit->client_index,
                                .host = transit->host_index,
                                .to_host = transit->to_host,
                                .kind = transit->kind};
    struct packet packet = {.header = transit->header, .payload_count = transit->payload_count};
    memcpy(packet.payloads, transit->payloads, transit->payload_count * sizeof packet.payloads[0]);
    struct packet_reader reader;
    struct request request;
    struct reply reply;
    uint32_t version;
    CHECK(packet_open(&reader, &packet, &version) == AREG_OK);
    if (transit->to_host) {
        CHECK(packet_next_request(&reader, &request) == AREG_OK);
        name.op_id = request.op;
        name.config = request.config;
        name.phase = request.phase;
    } else {
        CHECK(packet_next_reply(&reader, &reply) == AREG_OK);
        name.op_id = reply.op;
        name.phase = reply.phase;
    }
    return name;
}

/* Whether a request is about this configuration. */
static bool is_about(const struct stage *stage, const struct message_name *name, int config)
{
    const uint32_t number = stage_config(stage, config);
    return number != CONFIG_NONE && config_id_equal(stage->sim->sequence.configs[number]->config.id, name->config);
}

bool stage_matches(const struct stage *stage, size_t held_index, const struct message_pattern *pattern, bool is_reply)
{
    const struct transit *transit = stage->sim->held[held_index];
    if (transit->to_host == is_reply || transit->kind != pattern->kind || transit->client_index != pattern->process)
        return false;
    if (pattern->op < 0 && pattern->config == CONFIG_UNSAID)
        return true;
    const struct message_name name = stage_message(stage, held_index);
    if (pattern->config != CONFIG_UNSAID && (is_reply || !is_about(stage, &name, pattern->config)))
        return false;
    if (pattern->op < 0)
        return true;
    const struct op_state op = stage_state(stage, (unsigned)pattern->op);
    return op.has_begun && op.life == transit->client_life && op.engine_id == name.op_id;
}

static const char *op_name(const struct stage *stage, size_t held_index)
{
    const struct transit *transit = stage->sim->held[held_index];
    const uint64_t op_id = stage_message(stage, held_index).op_id;
    for (unsigned i = 0; i < stage->script->op_count; i++) {
        const struct op_state op = stage_state(stage, i);
        if (op.has_begun && stage->script->ops[i].process == transit->client_index && op.life == transit->client_life &&
            op.engine_id == op_id && op_id != 0)
            return stage->script->ops[i].name;
    }
    return stage_process_name(stage, transit->client_index);
}

void stage_describe_held(struct stage *stage)
{
    size_t used = strlen(stage->why);
    const size_t room = sizeof stage->why;
    used += (size_t)snprintf(stage->why + used, room - used, stage->sim->held_count ? "; under way:" : "; nothing is");
    for (size_t i = 0; i < stage->sim->held_count && used < room; i++) {
        const struct transit *transit = stage->sim->held[i];
        if (i == DESCRIBED_MAX) {
            snprintf(stage->why + used, room - used, ", and %zu more", stage->sim->held_count - i);
            return;
        }
        used += (size_t)snprintf(stage->why + used, room - used, "%s %s %s %s %s", i ? "," : "", op_name(stage, i),
                                 script_message_name(transit->kind), transit->to_host ? "to" : "reply from",
                                 host_name(stage, transit->host_index));
    }
}

struct transit *stage_take_held(struct stage *stage, size_t held_index)
{
    struct sim *sim = stage->sim;
    struct transit *transit = sim->held[held_index];
    sim->held_count--;
    memmove(&sim->held[held_index], &sim->held[held_index + 1], (sim->held_count - held_index) * sizeof sim->held[0]);
    return transit;
}

enum { HELD_NONE = -1 };

static ptrdiff_t find_held(const struct stage *stage, const struct message_pattern *pattern, bool is_reply,
                           unsigned host)
{
    for (size_t i = 0; i < stage->sim->held_count; i++)
        if (stage->sim->held[i]->host_index == host && stage_matches(stage, i, pattern, is_reply))
            return (ptrdiff_t)i;
    return HELD_NONE;
}

/* ---------------------------------------------------------------- time */

void stage_settle_connections(struct stage *stage)
{
    struct sim *sim = stage->sim;
    for (uint32_t i = 0; i < sim->process_count; i++)
        for (uint32_t j = 0; j < sim->host_count && process_paused_until(sim, i) <= sim->now_ns; j++)
            process_connection(sim, i, j, host_is_up(sim, j));
}

/* When something happens by itself; UINT64_MAX: never. */
static uint64_t next_event_ns(struct stage *stage)
{
    struct events *events = &stage->sim->events;
    struct event event;
    while (events->count > 0 && events->heap[0].kind == EVENT_CONNECTION)
        CHECK(events_pop(events, &event));
    return events->count > 0 ? events->heap[0].due_ns : UINT64_MAX;
}

static bool pass_event(struct stage *stage)
{
    CHECK(sim_step(stage->sim, UINT64_MAX));
    stage_settle_connections(stage);
    return stage_is_well(stage);
}

bool stage_pass_until(struct stage *stage, uint64_t until_ns)
{
    if (until_ns > stage->end_ns)
        return stage_fail(stage, "a scenario lasts at most an hour of its time");
    while (next_event_ns(stage) <= until_ns)
        if (!pass_event(stage))
            return false;
    stage->sim->now_ns = until_ns;
    return stage_is_well(stage);
}

static bool arrive(struct stage *stage, size_t held_index)
{
    network_deliver(stage->sim, stage_take_held(stage, held_index));
    stage_settle_connections(stage);
    return stage_is_well(stage) && stage_pass_until(stage, stage->sim->now_ns);
}

/* ---------------------------------------------------------------- messages that go by themselves */

/* What flows: messages between these. */
struct flow {
    uint64_t processes;
    uint64_t hosts;
    bool is_greeting; /* nothing but hello */
};

static bool is_paused(const struct sim *sim, const struct transit *transit, uint64_t *until_ns)
{
    *until_ns = transit->to_host ? sim->hosts[transit->host_index].paused_until_ns
                                 : process_paused_until(sim, transit->client_index);
    return *until_ns > sim->now_ns;
}

/* The message that arrives next; HELD_NONE: nothing flows. */
static ptrdiff_t next_flowing(const struct stage *stage, const struct flow *flow, uint64_t *due_ns)
{
    const struct sim *sim = stage->sim;
    ptrdiff_t found = HELD_NONE;
    *due_ns = UINT64_MAX;
    for (size_t i = 0; i < sim->held_count; i++) {
        const struct transit *transit = sim->held[i];
        uint64_t paused_ns;
        if (!(flow->processes >> transit->client_index & 1) || !(flow->hosts >> transit->host_index & 1) ||
            (flow->is_greeting && transit->kind != MESSAGE_HELLO))
            continue;
        uint64_t at_ns = transit->sent_ns + DELIVERY_NS;
        if (is_paused(sim, transit, &paused_ns) && at_ns < paused_ns)
            at_ns = paused_ns;
        if (at_ns < *due_ns) {
            *due_ns = at_ns;
            found = (ptrdiff_t)i;
        }
    }
    return found;
}

/* One thing that happens, if it happens in time. */
static bool flow_once(struct stage *stage, const struct flow *flow, uint64_t until_ns, bool *has_passed)
{
    uint64_t due_ns;
    const ptrdiff_t held_index = next_flowing(stage, flow, &due_ns);
    const uint64_t event_ns = next_event_ns(stage);
    *has_passed = (due_ns < event_ns ? due_ns : event_ns) <= until_ns;
    if (!*has_passed)
        return stage_pass_until(stage, until_ns);
    if (event_ns < due_ns)
        return pass_event(stage);
    if (due_ns > stage->sim->now_ns)
        stage->sim->now_ns = due_ns;
    return arrive(stage, (size_t)held_index);
}

static bool flow_until(struct stage *stage, const struct flow *flow, uint64_t until_ns)
{
    for (bool has_passed = true; has_passed;)
        if (!flow_once(stage, flow, until_ns, &has_passed))
            return false;
    return true;
}

/* Whether a reconfiguration is as far as that; LOOKING: whether an operation has ended. */
static bool is_at(const struct stage *stage, unsigned op, enum reconfigure_step progress)
{
    const struct op_state state = stage_state(stage, op);
    struct reconfigure_progress now;
    if (progress == RECONFIGURE_LOOKING)
        return state.has_ended;
    const struct client *engine = stage->sim->clients[stage->script->ops[op].process].engine;
    return client_reconfigure_progress(engine, state.engine_id, &now) && now.step >= progress;
}

static bool flow_until_at(struct stage *stage, const struct flow *flow, unsigned op, enum reconfigure_step progress)
{
    const uint64_t until_ns = stage->sim->now_ns + RUN_NS_MAX;
    const char *name = stage->script->ops[op].name;
    const struct op_state begun = stage_state(stage, op);
    if (!begun.has_begun || begun.is_lost)
        return stage_fail(stage, "%s %s", name, begun.has_begun ? "has ended with its process" : "has not begun");
    for (bool has_passed = true; !is_at(stage, op, progress);) {
        if (stage_state(stage, op).has_ended)
            return stage_fail(stage, "%s has ended before", name);
        if (!has_passed) {
            stage_fail(stage, "%s has not %s after %llu s", name, progress ? "come so far" : "ended",
                       (unsigned long long)(RUN_NS_MAX / SECOND));
            stage_describe_held(stage);
            return false;
        }
        if (!flow_once(stage, flow, until_ns, &has_passed))
            return false;
    }
    return true;
}

static bool play_run(struct stage *stage, const struct step *step)
{
    struct flow flow = {.processes = step->processes, .hosts = UINT64_MAX};
    for (unsigned i = 0; i < step->hosts.count; i++)
        flow.hosts &= ~(UINT64_C(1) << step->hosts.hosts[i]);
    if (step->time_ns)
        return flow_until(stage, &flow, stage->sim->now_ns + step->time_ns);
    for (unsigned i = 0; i < step->op_count; i++)
        if (!flow_until_at(stage, &flow, step->ops[i], step->progress))
            return false;
    if (step->op_count > 0)
        return true;
    for (unsigned i = 0; i < stage->script->op_count; i++) {
        const struct op_state op = stage_state(stage, i);
        const bool is_of_these = flow.processes >> stage->script->ops[i].process & 1;
        if (op.has_begun && !op.is_lost && is_of_these && !flow_until_at(stage, &flow, i, RECONFIGURE_LOOKING))
            return false;
    }
    return flow_until(stage, &flow, stage->sim->now_ns + QUIET_NS);
}

void stage_greet(struct stage *stage, uint64_t processes)
{
    const struct sim *sim = stage->sim;
    const struct flow flow = {.processes = processes, .hosts = UINT64_MAX, .is_greeting = true};
    const uint64_t until_ns = sim->now_ns + RUN_NS_MAX;
    stage_settle_connections(stage);
    for (uint32_t i = 0; i < sim->process_count; i++)
        for (bool has_passed = true; (processes >> i & 1) && has_passed && !client_cluster(sim->clients[i].engine);)
            if (!flow_once(stage, &flow, until_ns, &has_passed))
                return;
    /* The other hosts that were greeted answer, too, and nobody needs it. */
    for (size_t i = 0; i < sim->held_count;) {
        const struct transit *transit = sim->held[i];
        if (transit->kind == MESSAGE_HELLO && (processes >> transit->client_index & 1))
            transit_free(stage_take_held(stage, i));
        else
            i++;
    }
}

/* Hosts register with each other, and look for configurations; the next look comes in a minute. */
static void wake_workers(struct stage *stage)
{
    const uint32_t named_count = script_named_count(stage->script);
    const uint64_t workers = ((UINT64_C(1) << stage->script->host_count) - 1) << named_count;
    const struct flow flow = {.processes = workers, .hosts = UINT64_MAX};
    stage_settle_connections(stage);
    CHECK(flow_until(stage, &flow, stage->sim->now_ns + WORKERS_WAKE_NS));
}

/* ---------------------------------------------------------------- messages, one by one */

static bool no_such_message(struct stage *stage, const struct message_pattern *pattern, bool is_reply, const char *host)
{
    const char *whose =
        pattern->op >= 0 ? stage->script->ops[pattern->op].name : stage_process_name(stage, pattern->process);
    stage_fail(stage, "no %s %s %s %s is under way", whose, script_message_name(pattern->kind),
               is_reply ? "reply from" : "request to", host);
    stage_describe_held(stage);
    return false;
}

/* The message must be able to arrive: a scenario that counts on it is mistaken otherwise. */
static bool deliver_one(struct stage *stage, size_t held_index)
{
    const struct transit *transit = stage->sim->held[held_index];
    uint64_t paused_ns;
    if (transit->to_host && !host_is_up(stage->sim, transit->host_index))
        return stage_fail(stage, "%s is down: nothing can be delivered to it", host_name(stage, transit->host_index));
    if (is_paused(stage->sim, transit, &paused_ns))
        return stage_fail(stage, "%s is paused: nothing can be delivered to it",
                          transit->to_host ? host_name(stage, transit->host_index)
                                           : stage_process_name(stage, transit->client_index));
    return arrive(stage, held_index);
}

/* The answer to this question. */
static bool deliver_reply(struct stage *stage, const struct message_name *request)
{
    struct sim *sim = stage->sim;
    if (request->kind == MESSAGE_CONFIRM)
        return true;
    for (size_t i = 0; i < sim->held_count; i++) {
        if (sim->held[i]->to_host || sim->held[i]->host_index != request->host ||
            sim->held[i]->client_index != request->process || sim->held[i]->kind != request->kind)
            continue;
        const struct message_name reply = stage_message(stage, i);
        if (reply.op_id == request->op_id && reply.phase == request->phase)
            return deliver_one(stage, i);
    }
    return stage_fail(stage, "%s does not answer the %s: say \"requests\" to deliver no more than that",
                      host_name(stage, request->host), script_message_name(request->kind));
}

static bool play_on_host(struct stage *stage, const struct step *step, unsigned host)
{
    const struct message_pattern *pattern = &step->messages;
    const bool is_reply = pattern->leg == LEG_REPLIES;
    const ptrdiff_t found = find_held(stage, pattern, is_reply, host);
    if (found == HELD_NONE)
        return no_such_message(stage, pattern, is_reply, host_name(stage, host));
    const size_t held_index = (size_t)found;
    if (step->kind == STEP_DROP) {
        transit_free(stage_take_held(stage, held_index));
        return true;
    }
    if (step->kind == STEP_DUPLICATE) {
        network_hold(stage->sim, transit_copy(stage->sim->held[held_index]));
        return true;
    }
    const struct message_name name = stage_message(stage, held_index);
    if (!deliver_one(stage, held_index))
        return false;
    return pattern->leg != LEG_BOTH || deliver_reply(stage, &name);
}

static bool play_messages(struct stage *stage, const struct step *step)
{
    const struct message_pattern *pattern = &step->messages;
    const bool is_reply = pattern->leg == LEG_REPLIES;
    unsigned host_count = pattern->hosts.count;
    uint8_t hosts[MEMBER_COUNT_MAX];
    memcpy(hosts, pattern->hosts.hosts, host_count);
    for (unsigned i = 0; pattern->hosts.is_rest && i < stage->script->host_count; i++)
        if (find_held(stage, pattern, is_reply, i) != HELD_NONE)
            hosts[host_count++] = (uint8_t)i;
    if (pattern->hosts.is_rest && host_count == 0)
        return no_such_message(stage, pattern, is_reply, "any host");
    for (unsigned i = 0; i < host_count; i++)
        if (!play_on_host(stage, step, hosts[i]))
            return false;
    return true;
}

/* ---------------------------------------------------------------- steps */

static bool play(struct stage *stage, const struct step *step)
{
    switch (step->kind) {
    case STEP_DELIVER:
    case STEP_DROP:
    case STEP_DUPLICATE:
        return play_messages(stage, step);
    case STEP_ADVANCE:
        return stage_pass_until(stage, stage->sim->now_ns + step->time_ns);
    case STEP_RUN:
        return play_run(stage, step);
    default:
        return step->kind < STEP_EXPECT_OUTCOME ? stage_play_process(stage, step) : stage_expect(stage, step);
    }
}

bool stage_play(struct stage *stage, const struct step *step)
{
    if (!stage_pass_until(stage, stage->sim->now_ns + STEP_NS))
        return false;
    stage_settle_connections(stage);
    return play(stage, step);
}

/* ---------------------------------------------------------------- open, close */

static bool hold_all(const struct transit *transit, void *arg)
{
    (void)transit;
    (void)arg;
    return true;
}

void stage_open(struct stage *stage, const struct script *script, FILE *log, FILE *timeline)
{
    const struct sim_options options = {
        .seed = 1,
        .code = script->code,
        .host_count = script->code.n,
        .has_delta = true,
        .delta = script->delta,
        .spare_count = script->host_count - script->code.n,
        .has_spares = true,
        .client_count = script->client_count,
        .reconfigurer_count = script->reconfigurer_count,
        .depth = 1,
        .key_count = SCRIPT_KEY_MAX,
        .op_count = SCRIPT_OP_MAX,
        .value_bytes_max = SCRIPT_VALUE_BYTES,
        .has_faults = true,
        .faults = script->reconfigurer_count > 0 ? UINT32_C(1) << FAULT_RECONFIG : 0,
        .log = log,
        .timeline = timeline,
    };
    *stage = (struct stage){.script = script};
    stage->sim = sim_create(&options, &stage->report);
    struct sim *sim = stage->sim;
    stage->end_ns = sim->now_ns + SCRIPT_TIME_NS_MAX;
    sim->holds = hold_all;
    sim->nemesis.is_over = true;
    for (unsigned i = 0; i < SCRIPT_OP_MAX; i++)
        stage->op_indices[i] = UINT32_MAX;
    for (unsigned i = 0; i < script->key_count; i++)
        sim->keys[i].text_bytes =
            (uint32_t)snprintf(sim->keys[i].text, sizeof sim->keys[i].text, "%s", script->keys[i]);
    for (unsigned i = 0; i < script->host_count; i++)
        sim->hosts[i].disk_min_ns = sim->hosts[i].disk_max_ns = 0;
    if (script->reconfigurer_count > 0)
        wake_workers(stage);
    uint64_t known = 0;
    for (unsigned i = 0; i < script_named_count(script); i++)
        known |= (uint64_t)!script->processes[i].is_stranger << i;
    stage_greet(stage, known);
}

void stage_close(struct stage *stage)
{
    sim_destroy(stage->sim);
}
