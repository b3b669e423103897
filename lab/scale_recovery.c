/*
 * The study of recovery: hosts are lost, other hosts take their places in each shard [reconfig/placement.h], and each
 * fetches what it takes to make its fragments anew: k fragments of each register, from the first k members that are
 * there. Where several members of a shard are new, each is the worker for its part of the registers, and sends the
 * others theirs. What a host sends and receives for it is limited, each way.
 *
 * Registers move in portions, some of a shard at a time. It begins when an admin has said so; the rounds of a change,
 * less than a second, are left out, and so is whatever clients do meanwhile: the limit is there to let them.
 */
#include "core/check.h"
#include "lab/agenda.h"
#include "lab/scale_field.h"
#include "lab/scale_study.h"

#include <stdlib.h>
#include <string.h>

enum {
    PORTION_COUNT = 250,    /* of what one worker moves of a shard: enough that the last one does not matter */
    PORTIONS_UNDER_WAY = 2, /* one is received while the next one is being sent */
};

/* One new member of one shard, and what it moves. */
struct worker {
    uint32_t shard;
    uint16_t host;
    unsigned source_count;
    uint16_t sources[MEMBER_COUNT_MAX];
    unsigned other_count; /* new members that are sent their fragments */
    uint16_t others[MEMBER_COUNT_MAX];
    double fragment_bytes;   /* of one portion, at one position */
    unsigned portions_begun; /* their fragments are being fetched */
    unsigned portions_ended; /* and are where they belong */
    unsigned missing[PORTIONS_UNDER_WAY];
};

/* What a host may send and receive is gone through in order. */
struct gate {
    uint64_t sends_until_ns;
    uint64_t receives_until_ns;
    double sent_bytes;
    double received_bytes;
};

enum event_kind { EVENT_ARRIVED, EVENT_STORED };

struct recovery {
    const struct scale_options *options;
    struct agenda agenda;
    struct gate *gates;
    unsigned worker_count;
    struct worker *workers;
    unsigned *open_workers; /* of each shard */
    unsigned shard_count;   /* that have lost something */
    unsigned lost_count;    /* that have lost too much */
    unsigned whole_count;
    uint64_t *whole_ns; /* when they were whole again, in order */
};

static uint64_t gate_ns(const struct recovery *recovery, double bytes)
{
    return (uint64_t)(bytes * 1e9 / (double)recovery->options->background_bytes_per_s);
}

/* Bytes leave a host as soon as it may send them; the event is their arrival at the other one. */
static void send(struct recovery *recovery, uint16_t from, uint32_t worker, unsigned slot, enum event_kind kind,
                 unsigned other)
{
    const double bytes = recovery->workers[worker].fragment_bytes;
    struct gate *gate = &recovery->gates[from];
    const uint64_t now_ns = recovery->agenda.now_ns;
    gate->sends_until_ns = (gate->sends_until_ns > now_ns ? gate->sends_until_ns : now_ns) + gate_ns(recovery, bytes);
    gate->sent_bytes += bytes;
    agenda_plan(&recovery->agenda, gate->sends_until_ns + recovery->options->delay_max_ns,
                (struct agenda_event){.kind = kind, .subject = worker, .part = slot, .detail = other});
}

/* When all of it has come in. */
static uint64_t receive(struct recovery *recovery, uint16_t at, double bytes)
{
    struct gate *gate = &recovery->gates[at];
    const uint64_t now_ns = recovery->agenda.now_ns;
    gate->receives_until_ns =
        (gate->receives_until_ns > now_ns ? gate->receives_until_ns : now_ns) + gate_ns(recovery, bytes);
    gate->received_bytes += bytes;
    return gate->receives_until_ns;
}

static void begin_portion(struct recovery *recovery, uint32_t index)
{
    struct worker *worker = &recovery->workers[index];
    if (worker->portions_begun == PORTION_COUNT)
        return;
    const unsigned slot = worker->portions_begun++ % PORTIONS_UNDER_WAY;
    worker->missing[slot] = worker->source_count + worker->other_count;
    for (unsigned i = 0; i < worker->source_count; i++)
        send(recovery, worker->sources[i], index, slot, EVENT_ARRIVED, PLACEMENT_NOBODY);
}

static void end_portion(struct recovery *recovery, uint32_t index)
{
    struct worker *worker = &recovery->workers[index];
    if (++worker->portions_ended == PORTION_COUNT && --recovery->open_workers[worker->shard] == 0)
        recovery->whole_ns[recovery->whole_count++] = recovery->agenda.now_ns;
    begin_portion(recovery, index);
}

static void happen(struct recovery *recovery, const struct agenda_event *event)
{
    struct worker *worker = &recovery->workers[event->subject];
    if (event->kind == EVENT_ARRIVED) {
        const uint16_t at = event->detail == PLACEMENT_NOBODY ? worker->host : worker->others[event->detail];
        const uint64_t at_ns = receive(recovery, at, worker->fragment_bytes);
        agenda_plan(&recovery->agenda, at_ns,
                    (struct agenda_event){.kind = EVENT_STORED, .subject = event->subject, .part = event->part});
        return;
    }
    if (--worker->missing[event->part] == worker->other_count)
        for (unsigned i = 0; i < worker->other_count; i++)
            send(recovery, worker->host, event->subject, event->part, EVENT_ARRIVED, i);
    if (worker->missing[event->part] == 0)
        end_portion(recovery, event->subject);
}

/* The workers of one shard, each for an equal part of its registers. */
static void add_workers(struct recovery *recovery, const struct field *field, const uint16_t *before, uint32_t shard)
{
    const unsigned n = field->rules.member_count;
    const uint16_t *now = field_members(field, shard);
    const uint16_t *then = &before[(size_t)shard * n];
    struct worker made = {.shard = shard};
    uint16_t comers[MEMBER_COUNT_MAX];
    unsigned comer_count = 0;
    for (unsigned i = 0; i < n; i++) {
        if (now[i] != then[i])
            comers[comer_count++] = now[i];
        if (field->hosts[then[i]].weight > 0 && made.source_count < recovery->options->code.k)
            made.sources[made.source_count++] = then[i];
    }
    if (comer_count == 0)
        return;
    recovery->shard_count++;
    if (made.source_count < recovery->options->code.k) {
        recovery->lost_count++;
        return;
    }
    /* A slot has on average what a host has, divided by a host's slots; a shard with more registers has more. */
    const double slots_of_host = (double)field_slot_count(field) / recovery->options->host_count;
    const double keys_of_shard = (double)recovery->options->key_count / field->rules.shard_count;
    const double slot_bytes =
        (double)recovery->options->host_bytes / slots_of_host * ((double)field->shard_keys[shard] / keys_of_shard);
    made.fragment_bytes = slot_bytes / comer_count / PORTION_COUNT;
    recovery->open_workers[shard] = comer_count;
    for (unsigned i = 0; i < comer_count; i++) {
        struct worker *worker = &recovery->workers[recovery->worker_count++];
        *worker = made;
        worker->host = comers[i];
        for (unsigned j = 0; j < comer_count; j++)
            if (j != i)
                worker->others[worker->other_count++] = comers[j];
    }
}

static void tell(const struct recovery *recovery, const struct field *field, struct scale_result *result)
{
    const struct scale_options *options = recovery->options;
    double busiest_bytes = 0;
    double network_bytes = 0;
    unsigned receivers = 0;
    unsigned senders = 0;
    for (unsigned i = 0; i < field->host_count; i++) {
        const struct gate *gate = &recovery->gates[i];
        const double bytes = gate->sent_bytes > gate->received_bytes ? gate->sent_bytes : gate->received_bytes;
        busiest_bytes = bytes > busiest_bytes ? bytes : busiest_bytes;
        network_bytes += gate->sent_bytes;
        receivers += gate->received_bytes > 0;
        senders += gate->sent_bytes > 0;
    }
    const double least_s = busiest_bytes / (double)options->background_bytes_per_s;
    const double full_s = recovery->whole_count ? (double)recovery->whole_ns[recovery->whole_count - 1] / 1e9 : 0;
    for (unsigned row = 1; row <= STUDY_RECOVERY_ROWS; row++) {
        const unsigned whole = (recovery->whole_count * row + STUDY_RECOVERY_ROWS - 1) / STUDY_RECOVERY_ROWS;
        struct scale_table *table = &result->points;
        study_row(options, result);
        scale_cell_text(table, "change", options->change);
        scale_cell_count(table, "host_bytes", options->host_bytes);
        scale_cell_count(table, "background_bytes_per_s", options->background_bytes_per_s);
        scale_cell_count(table, "shards_hit", recovery->shard_count);
        scale_cell_count(table, "shards_lost", recovery->lost_count);
        scale_cell_count(table, "receivers", receivers);
        scale_cell_count(table, "senders", senders);
        scale_cell_number(table, "network_bytes", network_bytes);
        scale_cell_number(table, "whole_share", (double)row / STUDY_RECOVERY_ROWS);
        if (whole > 0)
            scale_cell_number(table, "whole_s", (double)recovery->whole_ns[whole - 1] / 1e9);
        scale_cell_number(table, "full_s", full_s);
        scale_cell_number(table, "bound_full_s", least_s);
    }
    scale_check_most(result, "nothing-lost", recovery->lost_count, 0, "shards that have too few fragments left");
    scale_check_most(result, "recovery-parallel", full_s, least_s * 1.25 + 1,
                     "full_s; a quarter above what the host with the most to do needs");
}

enum areg_error study_recovery(const struct scale_options *options, struct scale_result *result)
{
    struct field field;
    struct recovery recovery = {.options = options};
    uint16_t *before = NULL;
    enum areg_error error = field_init(&field, options);
    if (!error) {
        const size_t slot_count = field_slot_count(&field);
        before = malloc(slot_count * sizeof *before);
        recovery.gates = calloc(PLACEMENT_HOST_COUNT_MAX, sizeof *recovery.gates);
        recovery.workers = calloc(slot_count, sizeof *recovery.workers);
        recovery.open_workers = calloc(options->shard_count, sizeof *recovery.open_workers);
        recovery.whole_ns = calloc(options->shard_count, sizeof *recovery.whole_ns);
        if (!before || !recovery.gates || !recovery.workers || !recovery.open_workers || !recovery.whole_ns)
            error = AREG_ENOMEM;
    }
    if (!error) {
        memcpy(before, field.members, field_slot_count(&field) * sizeof *before);
        error = field_change(&field, options);
    }
    if (!error) {
        for (uint32_t shard = 0; shard < options->shard_count; shard++)
            add_workers(&recovery, &field, before, shard);
        for (uint32_t i = 0; i < recovery.worker_count; i++)
            for (unsigned j = 0; j < PORTIONS_UNDER_WAY; j++)
                begin_portion(&recovery, i);
        struct agenda_event event;
        while (agenda_next(&recovery.agenda, &event))
            happen(&recovery, &event);
        CHECK(recovery.whole_count == recovery.shard_count - recovery.lost_count);
        tell(&recovery, &field, result);
    }
    agenda_fini(&recovery.agenda);
    free(before);
    free(recovery.gates);
    free(recovery.workers);
    free(recovery.open_workers);
    free(recovery.whole_ns);
    field_fini(&field);
    return error;
}
