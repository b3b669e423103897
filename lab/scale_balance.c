/*
 * The studies of where things lie: how evenly, and what moves when hosts change. Nothing is queued here: load is what
 * hosts are asked for, in a sample of operations.
 */
#include "core/check.h"
#include "core/random.h"
#include "lab/key_choice.h"
#include "lab/scale_field.h"
#include "lab/scale_study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- balance */

enum quantity {
    SLOTS,
    BUSY_SLOTS,    /* positions that reads fetch from */
    STORED_BYTES,  /* at rest */
    REQUESTS,      /* of sampled operations: a read asks all members once, a write twice */
    READ_BYTES,    /* fragments that go out to readers */
    WRITTEN_BYTES, /* fragments that come in */
    PARTNERS,      /* hosts that share a shard with this one */
    QUANTITY_COUNT,
};
static const char *const quantity_names[] = {"slots",      "busy-slots",    "stored-bytes", "requests",
                                             "read-bytes", "written-bytes", "partners"};

static void add_at_rest(const struct field *field, const struct scale_options *options, double *sums)
{
    const uint64_t fragment_bytes = field_fragment_bytes(options);
    for (uint32_t shard = 0; shard < field->rules.shard_count; shard++) {
        const uint16_t *members = field_members(field, shard);
        for (unsigned i = 0; i < field->rules.member_count; i++) {
            double *sum = &sums[members[i] * QUANTITY_COUNT];
            sum[SLOTS] += 1;
            sum[BUSY_SLOTS] += i < field->rules.busy_count;
            sum[STORED_BYTES] += (double)(field->shard_keys[shard] * fragment_bytes);
        }
    }
}

static void add_load(const struct field *field, const struct scale_options *options, double *sums)
{
    struct key_choice choice;
    CHECK(key_choice_parse(options->distribution, options->key_count, &choice) == AREG_OK);
    struct random_source random = {.state = options->seed};
    const uint64_t op_count = (uint64_t)((double)options->rate_hz * (double)options->duration_ns / 1e9);
    const double fragment_bytes = (double)field_fragment_bytes(options);
    for (uint64_t op = 0; op < op_count; op++) {
        const uint64_t key = key_choice_next(&choice, op, &random);
        const bool is_read = random_below(&random, 100) < options->read_percent;
        const uint16_t *members = field_members(field, field_shard_of_key(field, key));
        for (unsigned i = 0; i < field->rules.member_count; i++) {
            double *sum = &sums[members[i] * QUANTITY_COUNT];
            sum[REQUESTS] += is_read ? 1 : 2;
            sum[READ_BYTES] += is_read && i < options->code.k ? fragment_bytes : 0;
            sum[WRITTEN_BYTES] += is_read ? 0 : fragment_bytes;
        }
    }
}

static bool add_partners(const struct field *field, double *sums)
{
    const size_t host_count = field->host_count;
    uint8_t *shares = calloc(host_count * host_count, 1);
    if (!shares)
        return false;
    for (uint32_t shard = 0; shard < field->rules.shard_count; shard++) {
        const uint16_t *members = field_members(field, shard);
        for (unsigned i = 0; i < field->rules.member_count; i++)
            for (unsigned j = 0; j < field->rules.member_count; j++)
                shares[members[i] * host_count + members[j]] = i != j;
    }
    for (size_t i = 0; i < host_count; i++)
        for (size_t j = 0; j < host_count; j++)
            sums[i * QUANTITY_COUNT + PARTNERS] += i != j && shares[i * host_count + j];
    free(shares);
    return true;
}

static void tell_quantity(const struct scale_options *options, const double *sums, enum quantity quantity,
                          struct scale_result *result)
{
    double min = INFINITY;
    double max = 0;
    double sum = 0;
    double squares = 0;
    for (unsigned i = 0; i < options->host_count; i++) {
        const double one = sums[i * QUANTITY_COUNT + quantity];
        min = one < min ? one : min;
        max = one > max ? one : max;
        sum += one;
        squares += one * one;
    }
    const double mean = sum / options->host_count;
    const double variance = squares / options->host_count - mean * mean;
    struct scale_table *table = &result->points;
    study_row(options, result);
    scale_cell_text(table, "dist", options->distribution);
    scale_cell_text(table, "quantity", quantity_names[quantity]);
    scale_cell_number(table, "mean", mean);
    scale_cell_number(table, "min", min);
    scale_cell_number(table, "max", max);
    scale_cell_number(table, "max_over_mean", mean > 0 ? max / mean : 1);
    scale_cell_number(table, "min_over_mean", mean > 0 ? min / mean : 1);
    scale_cell_number(table, "deviation_over_mean", mean > 0 ? sqrt(variance > 0 ? variance : 0) / mean : 0);
    if (!study_is_settled(options) || quantity > BUSY_SLOTS)
        return;
    if (quantity == SLOTS)
        scale_check_most(result, "slots-balanced", max, floor(mean) + 2, "slots of the host that has the most of them");
    else
        scale_check_most(result, "busy-slots-balanced", max, mean + 4, "slots that reads fetch from, of one host");
}

enum areg_error study_balance(const struct scale_options *options, struct scale_result *result)
{
    struct field field;
    double *sums = calloc((size_t)options->host_count * QUANTITY_COUNT, sizeof *sums);
    enum areg_error error = field_init(&field, options);
    if (!sums || (!error && !add_partners(&field, sums)))
        error = AREG_ENOMEM;
    if (!error) {
        add_at_rest(&field, options, sums);
        add_load(&field, options, sums);
        for (unsigned i = 0; i < QUANTITY_COUNT; i++)
            tell_quantity(options, sums, (enum quantity)i, result);
    }
    field_fini(&field);
    free(sums);
    return error;
}

/* ---------------------------------------------------------------- movement */

struct movement {
    uint64_t slots;
    uint64_t slots_out;   /* of hosts that are gone now */
    uint64_t least_slots; /* that any placement with fair shares moves */
    uint64_t shards;      /* of which some slot has moved */
    double values;        /* on the network, in values, as hosts move them */
    double copied_values; /* if every fragment that its host still has were copied from there */
    double all_values;
};

/* What fair shares by weight take, to a slot: those that have more than theirs give it away, those that have less get
 * it, and each slot that moves does both. */
static uint64_t least_slots(const struct field *field, const uint16_t *before)
{
    uint64_t weight = 0;
    uint64_t *held = calloc(field->host_count, sizeof *held);
    uint64_t given = 0;
    uint64_t got = 0;
    CHECK(held != NULL);
    for (size_t i = 0; i < field_slot_count(field); i++)
        held[before[i]]++;
    for (unsigned i = 0; i < field->host_count; i++)
        weight += field->hosts[i].weight;
    for (unsigned i = 0; i < field->host_count; i++) {
        const uint64_t slots = field_slot_count(field) * field->hosts[i].weight;
        const uint64_t least = slots / weight;
        const uint64_t most = least + (slots % weight > 0);
        given += held[i] > most ? held[i] - most : 0;
        got += held[i] < least ? least - held[i] : 0;
    }
    free(held);
    return given > got ? given : got;
}

/* A register of which several fragments are new is fetched once, and the other fragments are made of it [plan.h]. */
static struct movement compare(const struct field *field, const uint16_t *before, const struct scale_options *options)
{
    struct movement movement = {.least_slots = least_slots(field, before)};
    const unsigned n = field->rules.member_count;
    const double k = options->code.k;
    for (uint32_t shard = 0; shard < field->rules.shard_count; shard++) {
        const uint16_t *now = field_members(field, shard);
        const uint16_t *then = &before[(size_t)shard * n];
        const double values = (double)field->shard_keys[shard];
        unsigned moved = 0;
        unsigned lost = 0;
        for (unsigned i = 0; i < n; i++) {
            moved += now[i] != then[i];
            lost += now[i] != then[i] && field->hosts[then[i]].weight == 0;
        }
        movement.all_values += values;
        movement.slots += moved;
        movement.slots_out += lost;
        movement.shards += moved > 0;
        movement.values += moved ? values * (1 + (moved - 1) / k) : 0;
        /* What is lost has to be made anew of k fragments, whatever is done about the rest. */
        movement.copied_values += values * (moved - lost) / k + (lost ? values * (1 + (lost - 1) / k) : 0);
    }
    return movement;
}

enum areg_error study_movement(const struct scale_options *options, struct scale_result *result)
{
    struct field field;
    enum areg_error error = field_init(&field, options);
    uint16_t *before = error ? NULL : malloc(field_slot_count(&field) * sizeof *before);
    if (!error && !before)
        error = AREG_ENOMEM;
    if (!error) {
        memcpy(before, field.members, field_slot_count(&field) * sizeof *before);
        error = field_change(&field, options);
    }
    if (!error) {
        const struct movement movement = compare(&field, before, options);
        const double value_bytes = (double)options->value_bytes;
        struct scale_table *table = &result->points;
        study_row(options, result);
        scale_cell_text(table, "change", options->change);
        scale_cell_count(table, "slots", field_slot_count(&field));
        scale_cell_count(table, "slots_moved", movement.slots);
        scale_cell_count(table, "slots_lost", movement.slots_out);
        scale_cell_count(table, "slots_least", movement.least_slots);
        scale_cell_number(table, "moved_over_least", (double)movement.slots / (double)movement.least_slots);
        scale_cell_count(table, "shards_changed", movement.shards);
        scale_cell_number(table, "stored_bytes", movement.all_values * value_bytes * options->code.n / options->code.k);
        scale_cell_number(table, "network_bytes", movement.values * value_bytes);
        scale_cell_number(table, "network_least_bytes", movement.copied_values * value_bytes);
        scale_cell_number(table, "network_over_least",
                          movement.copied_values > 0 ? movement.values / movement.copied_values : 1);
        if (study_is_settled(options))
            scale_check_most(result, "movement-least", (double)movement.slots, (double)movement.least_slots * 1.05,
                             "slots that another host has now; 5 % above what fair shares by weight take");
    }
    free(before);
    field_fini(&field);
    return error;
}
