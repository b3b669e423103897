/*
 * One run: the phase of faults, the phase in which all must end, and the verdict.
 */
#include "sim/inside.h"

#include "sim/atomicity.h"
#include "sim/timeline.h"

/* After everything has healed, all that is under way must end within this: several of the longest waits of a client,
 * with its clock at half speed. */
#define LIVENESS_NS (120 * SECOND)
/* The first phase ends if no operation has begun or ended for so long: whatever strikes is over after some minutes. */
#define STALL_NS (3600 * SECOND)

/* The first phase, until all operations have begun. If none ends any more, healing shows whether they still can. */
static void run_under_faults(struct sim *sim)
{
    uint64_t progress_ns = sim->now_ns;
    uint32_t open_op_count = sim->open_op_count;
    uint64_t op_count = sim->report->op_count;
    while (!sim->is_broken && sim->report->op_count < sim->options.op_count && sim_step(sim, UINT64_MAX)) {
        if (sim->open_op_count != open_op_count || sim->report->op_count != op_count)
            progress_ns = sim->now_ns;
        else if (sim->now_ns - progress_ns > STALL_NS)
            break;
        open_op_count = sim->open_op_count;
        op_count = sim->report->op_count;
    }
}

static void run_until_quiet(struct sim *sim, uint64_t until_ns)
{
    while (!sim->is_broken && sim->open_op_count + sim->changes.open_count > 0 && sim_step(sim, until_ns))
        ;
}

/* The first reconfiguration that is still under way. */
static void judge_changes(struct sim *sim, const char *what)
{
    char name[PROCESS_NAME_BYTES];
    for (uint32_t i = 0; i < sim->changes.count && sim->changes.open_count > 0; i++) {
        const struct sim_change *change = sim->changes.items[i];
        if (!change->has_ended && !change->is_lost)
            broken(sim, "liveness", "change %u of %s, %s, has not ended %llu s after all had healed", i,
                   process_name(sim, change->client_index, name), what, (unsigned long long)(LIVENESS_NS / SECOND));
    }
}

static void judge_liveness(struct sim *sim, const char *what)
{
    judge_changes(sim, what);
    if (sim->open_op_count == 0 || sim->is_broken)
        return;
    for (uint32_t i = 0; i < sim->op_count; i++) {
        const struct sim_op *op = &sim->ops[i];
        if (op->has_ended || op->is_lost)
            continue;
        broken(sim, "liveness",
               "%u operations %s have not ended %llu s after all had healed: first, operation %u of c%u",
               sim->open_op_count, what, (unsigned long long)(LIVENESS_NS / SECOND), i, op->client_index + 1);
        return;
    }
}

/* Every register can be read, by every client. */
static void read_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options.client_count; i++) {
        for (uint32_t j = 0; j < sim->options.key_count && !sim->is_broken; j++) {
            const struct op_request request = {.kind = CLIENT_GET, .key_index = j, .timeout_ns = UINT64_MAX};
            const uint32_t op_index = workload_submit(sim, i, &request);
            run_until_quiet(sim, sim->now_ns + LIVENESS_NS);
            judge_liveness(sim, "of the last reads");
            const enum areg_error error = sim->ops[op_index].error;
            if (!sim->is_broken && error != AREG_OK && error != AREG_ENOTFOUND)
                broken(sim, "liveness", "%s can not be read after all has healed: %s", sim->keys[j].text,
                       error_name(error));
        }
    }
}

/* And written again. */
static void write_all(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options.key_count && !sim->is_broken; i++) {
        const struct op_request request = {
            .kind = CLIENT_PUT, .key_index = i, .value_bytes = 8, .timeout_ns = UINT64_MAX};
        const uint32_t op_index = workload_submit(sim, i % sim->options.client_count, &request);
        run_until_quiet(sim, sim->now_ns + LIVENESS_NS);
        judge_liveness(sim, "of the last writes");
        if (!sim->is_broken && sim->ops[op_index].error != AREG_OK)
            broken(sim, "liveness", "%s can not be written after all has healed: %s", sim->keys[i].text,
                   error_name(sim->ops[op_index].error));
    }
}

/* ---------------------------------------------------------------- configurations */

/* What is pending is finished by somebody who has just come, and then the configuration can be changed again. */
static void finish_configurations(struct sim *sim)
{
    if (sim->options.reconfigurer_count == 0 || sim->is_broken)
        return;
    reconfigurer_finish(sim);
    run_until_quiet(sim, sim->now_ns + LIVENESS_NS);
    judge_liveness(sim, "of the last");
    if (!sim->is_broken && sim->sequence.base + 1 < sim->sequence.count)
        broken(sim, "liveness", "c%u is still pending after somebody has finished it", sim->sequence.count - 1);
    if (sim->is_broken || random_below(&sim->random, 2))
        return;
    const uint32_t change_index = reconfigurer_change(sim);
    run_until_quiet(sim, sim->now_ns + LIVENESS_NS);
    judge_liveness(sim, "of the last");
    /* What was decided, and never shown to anybody, comes first. */
    const enum areg_error error = sim->changes.items[change_index]->error;
    if (!sim->is_broken && error != AREG_OK && error != AREG_ESTALE)
        broken(sim, "liveness", "a configuration can not be changed after all has healed: %s", error_name(error));
}

/* Time for hosts to hear that they have something to delete (some times LOOKOUT_NS, with a clock at half speed), and to
 * delete it. */
#define EMPTY_NS (600 * SECOND)

/* A host that keeps registers of a configuration that is retired; PROCESS_NONE: there is none. */
static uint32_t find_keeper(const struct sim *sim, uint32_t *number)
{
    const uint32_t base = sim->sequence.numbers[sim->sequence.base];
    for (uint32_t i = 0; i < sim->host_count; i++) {
        const struct sim_host *host = &sim->hosts[i];
        for (*number = 0; *number < host->config_room && host_is_up(sim, i); (*number)++)
            if (host->configs[*number].slot && *number != base && !host->configs[*number].is_empty)
                return i;
    }
    return PROCESS_NONE;
}

static void judge_emptiness(struct sim *sim)
{
    const uint64_t until_ns = sim->now_ns + EMPTY_NS;
    uint32_t number;
    while (!sim->is_broken && find_keeper(sim, &number) != PROCESS_NONE && sim_step(sim, until_ns))
        ;
    const uint32_t keeper = find_keeper(sim, &number);
    if (keeper != PROCESS_NONE)
        broken(sim, "I10", "host %s keeps registers of c%u, which has been retired for %llu s",
               sim->hosts[keeper].id.text, sim->sequence.configs[number]->config.index,
               (unsigned long long)(EMPTY_NS / SECOND));
}

void sim_print_history(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->op_count; i++) {
        bool is_wanted;
        const struct history_op op = workload_history_op(&sim->ops[i], &is_wanted);
        const struct sim_key *key = &sim->keys[sim->ops[i].key_index];
        if (is_wanted)
            history_print(sim->options.history, &op, key->text, key->text_bytes);
    }
}

void sim_judge(struct sim *sim)
{
    struct atomicity *atomicity = atomicity_create();
    CHECK(atomicity != NULL);
    for (uint32_t i = 0; i < sim->op_count; i++) {
        bool is_wanted;
        const struct history_op op = workload_history_op(&sim->ops[i], &is_wanted);
        const struct sim_key *key = &sim->keys[sim->ops[i].key_index];
        if (is_wanted)
            CHECK(atomicity_add(atomicity, &op, slice_borrow(key->text, key->text_bytes)) == AREG_OK);
    }
    static const char *const names[JUDGE_COUNT] = {[JUDGE_VERSIONS] = "versions", [JUDGE_VALUES] = "values"};
    struct verdict verdict;
    CHECK(atomicity_judge(atomicity, ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES, &verdict) == AREG_OK);
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        const struct opinion *opinion = &verdict.opinions[i];
        if (opinion->violation.kind == VIOLATION_NONE)
            continue;
        broken(sim, names[i], "%.*s: %s", (int)opinion->violated_key.bytes, (const char *)opinion->violated_key.at,
               violation_sentence(opinion->violation.kind));
        if (sim->options.timeline)
            timeline_print(sim->options.timeline, atomicity, &verdict, (enum judge)i, NULL);
    }
    atomicity_destroy(atomicity);
}

void sim_run(const struct sim_options *options, struct sim_report *report)
{
    struct sim *sim = sim_create(options, report);
    sim->is_submitting = true;
    for (uint32_t i = 0; i < sim->options.client_count + sim->options.reconfigurer_count; i++)
        process_drain(sim, i);
    run_under_faults(sim);
    sim->is_submitting = false;
    nemesis_heal(sim);
    run_until_quiet(sim, sim->now_ns + LIVENESS_NS);
    judge_liveness(sim, "under way");
    finish_configurations(sim);
    if (!sim->is_broken)
        read_all(sim);
    if (!sim->is_broken)
        write_all(sim);
    if (!sim->is_broken)
        judge_emptiness(sim);
    /* What an invariant found shows in the history, too, if it came to its clients. */
    if (!sim->is_broken || sim->options.timeline)
        sim_judge(sim);
    if (sim->options.history)
        sim_print_history(sim);
    report->trace_digest = sim->digest;
    report->virtual_ns = sim->now_ns - SECOND;
    sim_destroy(sim);
}
