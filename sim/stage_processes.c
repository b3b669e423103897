/*
 * What a step of a scenario does to processes: what they begin and give up, how they die and come back, and what their
 * disks do.
 */
#include "sim/stage.h"

/* When a disk commits that must not. */
#define NEVER_NS (UINT64_C(1000000) * SECOND)

static const char *host_name(const struct stage *stage, unsigned host)
{
    return stage->sim->hosts[host].id.text;
}

/* ---------------------------------------------------------------- operations */

static uint32_t submit_access(struct stage *stage, const struct script_op *op)
{
    struct op_request request = {
        .kind = op->kind, .key_index = op->key, .value = stage_value(op), .timeout_ns = op->timeout_ns};
    request.has_base = op->base != BASE_NONE;
    if (op->base >= 0 && !stage_tag(stage, (unsigned)op->base, &request.base)) {
        stage_fail(stage, "nobody knows the tag of %s yet", stage->script->ops[op->base].name);
        return UINT32_MAX;
    }
    return workload_submit(stage->sim, op->process, &request);
}

/* The configuration is known by the operation's name, which is its reason. */
static uint32_t submit_change(struct stage *stage, const struct script_op *op)
{
    struct wish wish = {.code = op->code, .delta = op->delta, .count = op->hosts.count};
    for (unsigned i = 0; i < wish.count; i++)
        wish.hosts[i] = op->hosts.hosts[i];
    const bool is_change = op->goal == RECONFIGURE_CHANGE;
    const struct change_request request = {.goal = op->goal,
                                           .wish = &wish,
                                           .reason = op->name,
                                           .expected = stage_config(stage, is_change ? op->after : CONFIG_LAST),
                                           .timeout_ns = op->timeout_ns};
    if (request.expected == CONFIG_NONE) {
        stage_fail(stage, "there is no %s yet", stage->script->ops[op->after].name);
        return UINT32_MAX;
    }
    return reconfigurer_submit(stage->sim, op->process, &request);
}

static bool play_submit(struct stage *stage, const struct step *step)
{
    const struct script_op *op = &stage->script->ops[step->op];
    const struct sim_client *client = &stage->sim->clients[op->process];
    const char *name = stage_process_name(stage, op->process);
    if (client->paused_until_ns > stage->sim->now_ns)
        return stage_fail(stage, "%s is paused", name);
    if (client_room(client->engine) == 0)
        return stage_fail(stage, "%s has too many operations under way", name);
    stage->op_indices[step->op] = op->kind == CLIENT_RECONFIGURE ? submit_change(stage, op) : submit_access(stage, op);
    stage_settle_connections(stage);
    return stage_is_well(stage);
}

static void cancel_change(struct sim *sim, struct sim_change *change)
{
    change->is_limited = true;
    const uint64_t now_ns = process_now(sim, change->client_index);
    CHECK(client_cancel(sim->clients[change->client_index].engine, now_ns, change->engine_id) == AREG_OK);
    process_drain(sim, change->client_index);
}

static bool play_cancel(struct stage *stage, const struct step *step)
{
    const struct op_state state = stage_state(stage, (unsigned)step->op);
    const struct script_op *op = &stage->script->ops[step->op];
    const uint32_t index = stage->op_indices[step->op];
    if (!state.has_begun || state.has_ended || state.is_lost)
        return stage_fail(stage, "%s is not under way", op->name);
    if (op->kind == CLIENT_RECONFIGURE)
        cancel_change(stage->sim, stage->sim->changes.items[index]);
    else
        workload_cancel(stage->sim, op->process, index);
    return stage_is_well(stage);
}

/* ---------------------------------------------------------------- processes */

/* What it has sent may still arrive; what was on its way to it can not. */
static void drop_replies_to(struct stage *stage, uint32_t process)
{
    struct sim *sim = stage->sim;
    for (size_t i = 0; i < sim->held_count;)
        if (!sim->held[i]->to_host && sim->held[i]->client_index == process)
            network_deliver(sim, stage_take_held(stage, i));
        else
            i++;
}

static void crash_named(struct stage *stage, uint32_t process)
{
    process_crash(stage->sim, process);
    drop_replies_to(stage, process);
    if (!stage->script->processes[process].is_stranger)
        stage_greet(stage, UINT64_C(1) << process);
}

/* What its disk has not committed is gone, and so is its worker. */
static void crash_host(struct stage *stage, uint32_t host_index)
{
    struct sim_host *host = &stage->sim->hosts[host_index];
    const uint32_t worker = agent_of_host(stage->sim, host_index);
    if (host->txn)
        store_abort(host->txn);
    host->txn = NULL;
    host_crash(stage->sim, host_index);
    if (worker != PROCESS_NONE)
        drop_replies_to(stage, worker);
    stage_settle_connections(stage);
}

static bool play_crash(struct stage *stage, const struct step *step)
{
    for (unsigned i = 0; i < step->hosts.count; i++) {
        if (!host_is_up(stage->sim, step->hosts.hosts[i]))
            return stage_fail(stage, "%s is down already", host_name(stage, step->hosts.hosts[i]));
        crash_host(stage, step->hosts.hosts[i]);
    }
    for (uint32_t i = 0; i < script_named_count(stage->script); i++)
        if (step->processes >> i & 1)
            crash_named(stage, i);
    return stage_is_well(stage);
}

/* One that has lost its disk comes back with an empty one, as another incarnation. */
static bool play_restart(struct stage *stage, const struct step *step)
{
    for (unsigned i = 0; i < step->hosts.count; i++) {
        const uint32_t host_index = step->hosts.hosts[i];
        const uint32_t worker = agent_of_host(stage->sim, host_index);
        if (host_is_up(stage->sim, host_index))
            crash_host(stage, host_index);
        if (stage->sim->hosts[host_index].is_lost)
            host_renew(stage->sim, host_index);
        else
            host_start(stage->sim, host_index);
        stage_settle_connections(stage);
        if (worker != PROCESS_NONE)
            stage_greet(stage, UINT64_C(1) << worker);
    }
    return stage_is_well(stage) && stage_pass_until(stage, stage->sim->now_ns);
}

static bool play_lose_disk(struct stage *stage, const struct step *step)
{
    for (unsigned i = 0; i < step->hosts.count; i++) {
        const uint32_t host_index = step->hosts.hosts[i];
        if (stage->sim->hosts[host_index].is_lost)
            return stage_fail(stage, "the disk of %s is lost already", host_name(stage, host_index));
        if (host_is_up(stage->sim, host_index))
            crash_host(stage, host_index);
        stage->sim->hosts[host_index].is_lost = true;
        stage->sim->report->fault_counts[FAULT_LOST]++;
    }
    return stage_is_well(stage);
}

static bool play_pause(struct stage *stage, const struct step *step)
{
    const uint64_t until_ns = stage->sim->now_ns + step->time_ns;
    for (unsigned i = 0; i < step->hosts.count; i++)
        stage->sim->hosts[step->hosts.hosts[i]].paused_until_ns = until_ns;
    for (uint32_t i = 0; i < script_named_count(stage->script); i++)
        if (step->processes >> i & 1)
            stage->sim->clients[i].paused_until_ns = until_ns;
    return true;
}

/* ---------------------------------------------------------------- disks */

static bool play_disk(struct stage *stage, const struct step *step, uint32_t host_index)
{
    struct sim_host *host = &stage->sim->hosts[host_index];
    const bool is_held = host->disk_min_ns == NEVER_NS;
    switch (step->kind) {
    case STEP_HOLD_COMMITS:
        host->disk_min_ns = host->disk_max_ns = NEVER_NS;
        return true;
    case STEP_FAIL_COMMIT:
        store_memory_fail_commit(host->store, (struct store_fault){.error = AREG_EIO});
        return true;
    case STEP_COMMIT:
        if (!is_held || !host->txn)
            return stage_fail(stage, "%s has nothing to commit", host_name(stage, host_index));
        host_commit(stage->sim, host_index);
        break;
    default:
        if (!is_held)
            return stage_fail(stage, "%s holds no commits back", host_name(stage, host_index));
        host->disk_min_ns = host->disk_max_ns = 0;
        if (host->txn)
            host_commit(stage->sim, host_index);
        break;
    }
    stage_settle_connections(stage);
    return stage_is_well(stage) && stage_pass_until(stage, stage->sim->now_ns);
}

static bool play_disks(struct stage *stage, const struct step *step)
{
    for (unsigned i = 0; i < step->hosts.count; i++)
        if (!play_disk(stage, step, step->hosts.hosts[i]))
            return false;
    return true;
}

/* ---------------------------------------------------------------- all of them */

bool stage_play_process(struct stage *stage, const struct step *step)
{
    switch (step->kind) {
    case STEP_SUBMIT:
        return play_submit(stage, step);
    case STEP_CANCEL:
        return play_cancel(stage, step);
    case STEP_CRASH:
        return play_crash(stage, step);
    case STEP_RESTART:
        return play_restart(stage, step);
    case STEP_LOSE_DISK:
        return play_lose_disk(stage, step);
    case STEP_PAUSE:
        return play_pause(stage, step);
    default:
        return play_disks(stage, step);
    }
}
