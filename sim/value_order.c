#include "sim/value_order.h"

#include "core/check.h"

#include <stdlib.h>

/* What tells a cluster from the others. */
enum identity_kind {
    BY_VALUE,           /* the value's hash */
    BY_DELETES_VERSION, /* the version */
    BY_ITSELF,          /* the operation: absence without a version, written or read */
};

/* In the order in which they stand in a group. */
enum role {
    ROLE_FAILED_WRITE,
    ROLE_WRITE, /* may have had an effect */
    ROLE_READ,
};

/* An operation on a value, or on its absence. */
struct sighting {
    uint64_t identity[2];
    uint32_t op_index;
    uint8_t identity_kind;
    uint8_t role;
};

/* All that matters of a cluster in the end, and the operations that it comes from. */
struct zone {
    uint64_t first_end_ns;
    uint64_t last_start_ns;
    uint32_t first_end_op;
    uint32_t last_start_op;
};

struct value_order {
    const struct register_history *history;
    struct judgement *judgement;
    struct sighting *sightings;
    size_t sighting_count;
    struct zone *zones;
    size_t zone_count;
    uint64_t first_delete_ns; /* the beginning of the first delete that may have had an effect */
    bool has_initial_read;
    uint32_t last_initial_read; /* the one that began last */
};

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_identities(const struct sighting *a, const struct sighting *b)
{
    int order = compare_numbers(a->identity_kind, b->identity_kind);
    if (!order)
        order = compare_numbers(a->identity[0], b->identity[0]);
    return order ? order : compare_numbers(a->identity[1], b->identity[1]);
}

static int compare_sightings(const void *a, const void *b)
{
    const struct sighting *x = a;
    const struct sighting *y = b;
    int order = compare_identities(x, y);
    if (!order)
        order = compare_numbers(x->role, y->role);
    return order ? order : compare_numbers(x->op_index, y->op_index);
}

static bool is_forward(const struct zone *zone)
{
    return zone->first_end_ns < zone->last_start_ns;
}

/* Forward zones first, by their beginnings. */
static int compare_zones(const void *a, const void *b)
{
    const struct zone *x = a;
    const struct zone *y = b;
    int order = compare_numbers(!is_forward(x), !is_forward(y));
    if (!order)
        order = compare_numbers(x->first_end_ns, y->first_end_ns);
    return order ? order : compare_numbers(x->first_end_op, y->first_end_op);
}

static const struct history_op *op_at(const struct value_order *order, uint32_t op_index)
{
    return &order->history->ops[op_index];
}

static bool accuse(const struct value_order *order, enum violation_kind kind, uint32_t a, uint32_t b)
{
    return judgement_accuse(order->judgement, kind, a, b);
}

/* ---------------------------------------------------------------- absence */

/* A read that found nothing, and no delete that it names. */
static void take_absence(struct value_order *order, uint32_t read_index)
{
    const struct history_op *read = op_at(order, read_index);
    const bool is_initial = (read->has_version && tag_is_zero(read->version)) ||
                            (!order->history->is_partial && read->end_ns < order->first_delete_ns);
    if (!is_initial) {
        order->judgement->left_out_count++;
        return;
    }
    if (!order->has_initial_read || op_at(order, order->last_initial_read)->start_ns < read->start_ns)
        order->last_initial_read = read_index;
    order->has_initial_read = true;
}

/* ---------------------------------------------------------------- clusters */

/* The sightings of one value, or of one delete. */
struct group {
    const struct sighting *failed;
    const struct sighting *writes;
    const struct sighting *reads;
    size_t failed_count;
    size_t write_count;
    size_t read_count;
};

static void add_zone(struct value_order *order, const struct sighting *sightings, size_t count)
{
    CHECK(count > 0 && order->zone_count < order->history->op_count);
    struct zone zone = {.first_end_ns = UINT64_MAX, .first_end_op = sightings[0].op_index};
    zone.last_start_op = zone.first_end_op;
    for (size_t i = 0; i < count; i++) {
        const struct history_op *op = op_at(order, sightings[i].op_index);
        if (op->end_ns < zone.first_end_ns) {
            zone.first_end_ns = op->end_ns;
            zone.first_end_op = sightings[i].op_index;
        }
        if (op->start_ns > zone.last_start_ns) {
            zone.last_start_ns = op->start_ns;
            zone.last_start_op = sightings[i].op_index;
        }
    }
    order->zones[order->zone_count++] = zone;
}

/*
 * Nobody has read it: writes stand for themselves, even if they wrote the same. One of unknown outcome is in nobody's
 * way, as its end is not known: it may always come last.
 */
static void take_unread(struct value_order *order, const struct group *group)
{
    for (size_t i = 0; i < group->write_count; i++)
        add_zone(order, &group->writes[i], 1);
}

/* Reads of what no write has written that may have had an effect. */
static bool judge_orphans(struct value_order *order, const struct group *group)
{
    if (group->reads->identity_kind != BY_VALUE) {
        for (size_t i = 0; i < group->read_count; i++)
            take_absence(order, group->reads[i].op_index);
        return true;
    }
    const uint32_t read_index = group->reads->op_index;
    if (group->failed_count)
        return accuse(order, VIOLATION_FAILED_SEEN, group->failed->op_index, read_index);
    if (!order->history->is_partial)
        return accuse(order, VIOLATION_UNKNOWN_VALUE, read_index, read_index);
    add_zone(order, group->reads, group->read_count);
    return true;
}

static bool judge_group(struct value_order *order, const struct group *group)
{
    if (group->read_count == 0) {
        take_unread(order, group);
        return true;
    }
    if (group->write_count == 0)
        return judge_orphans(order, group);
    if (group->write_count > 1) {
        order->judgement->left_out_count += (uint32_t)(group->write_count + group->read_count);
        return true;
    }
    const uint32_t write_index = group->writes->op_index;
    for (size_t i = 0; i < group->read_count; i++)
        if (op_at(order, group->reads[i].op_index)->end_ns < op_at(order, write_index)->start_ns)
            return accuse(order, VIOLATION_FUTURE_READ, group->reads[i].op_index, write_index);
    add_zone(order, group->writes, 1 + group->read_count); /* the reads stand behind the write */
    return true;
}

/* The end of those sightings from `at` on that belong to the group that begins with `first`, in this role. */
static const struct sighting *find_end(const struct value_order *order, const struct sighting *first,
                                       const struct sighting *at, enum role role)
{
    const struct sighting *end = order->sightings + order->sighting_count;
    while (at < end && at->role == role && compare_identities(first, at) == 0)
        at++;
    return at;
}

static bool judge_groups(struct value_order *order)
{
    qsort(order->sightings, order->sighting_count, sizeof *order->sightings, compare_sightings);
    const struct sighting *end = order->sightings + order->sighting_count;
    for (const struct sighting *first = order->sightings; first < end;) {
        struct group group = {.failed = first};
        group.writes = find_end(order, first, group.failed, ROLE_FAILED_WRITE);
        group.reads = find_end(order, first, group.writes, ROLE_WRITE);
        const struct sighting *next = find_end(order, first, group.reads, ROLE_READ);
        group.failed_count = (size_t)(group.writes - group.failed);
        group.write_count = (size_t)(group.reads - group.writes);
        group.read_count = (size_t)(next - group.reads);
        CHECK(next > first);
        if (!judge_group(order, &group))
            return false;
        first = next;
    }
    return true;
}

/* ---------------------------------------------------------------- zones */

/* No operation on anything that was ever written may precede a read of the initial state. */
static bool judge_initial_reads(const struct value_order *order)
{
    if (!order->has_initial_read)
        return true;
    const uint64_t last_start_ns = op_at(order, order->last_initial_read)->start_ns;
    for (size_t i = 0; i < order->zone_count; i++)
        if (order->zones[i].first_end_ns < last_start_ns)
            return accuse(order, VIOLATION_FORGOTTEN, order->zones[i].first_end_op, order->last_initial_read);
    return true;
}

/* One operation of `inner` that must come both before and after the other cluster, if one that it is known by does. */
static bool find_inner(const struct value_order *order, const struct zone *inner, const struct zone *outer,
                       uint32_t *op_index)
{
    const uint32_t candidates[] = {inner->first_end_op, inner->last_start_op};
    for (unsigned i = 0; i < 2; i++) {
        const struct history_op *op = op_at(order, candidates[i]);
        *op_index = candidates[i];
        if (outer->first_end_ns < op->start_ns && op->end_ns < outer->last_start_ns)
            return true;
    }
    return false;
}

/* Two clusters of which each must come before the other: no more of their operations than it takes to see it. */
static bool accuse_zones(const struct value_order *order, const struct zone *a, const struct zone *b)
{
    CHECK(a->first_end_ns < b->last_start_ns && b->first_end_ns < a->last_start_ns);
    uint32_t inner;
    const bool is_b_inner = find_inner(order, b, a, &inner);
    const bool is_a_inner = !is_b_inner && find_inner(order, a, b, &inner);
    accuse(order, VIOLATION_VALUE_RETURNED, is_a_inner ? inner : a->first_end_op,
           is_a_inner ? inner : a->last_start_op);
    violation_add_op(&order->judgement->violation, is_b_inner ? inner : b->first_end_op);
    violation_add_op(&order->judgement->violation, is_b_inner ? inner : b->last_start_op);
    return false;
}

/*
 * The last one of the forward zones that begins before `at_ns`; NULL if there is none. As they do not overlap, it is
 * also the one that ends last.
 */
static const struct zone *find_forward(const struct zone *zones, size_t forward_count, uint64_t at_ns)
{
    size_t low = 0;
    for (size_t high = forward_count; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (zones[middle].first_end_ns < at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &zones[low - 1] : NULL;
}

static bool judge_zones(const struct value_order *order)
{
    qsort(order->zones, order->zone_count, sizeof *order->zones, compare_zones);
    size_t forward_count = 0;
    while (forward_count < order->zone_count && is_forward(&order->zones[forward_count]))
        forward_count++;
    /* If any two overlap, so do two neighbours. */
    for (size_t i = 1; i < forward_count; i++)
        if (order->zones[i].first_end_ns < order->zones[i - 1].last_start_ns)
            return accuse_zones(order, &order->zones[i - 1], &order->zones[i]);
    for (size_t i = forward_count; i < order->zone_count; i++) {
        const struct zone *backward = &order->zones[i];
        const struct zone *around = find_forward(order->zones, forward_count, backward->last_start_ns);
        if (around && backward->first_end_ns < around->last_start_ns)
            return accuse_zones(order, around, backward);
    }
    return true;
}

/* ---------------------------------------------------------------- one register */

static struct sighting make_sighting(uint32_t op_index, const struct history_op *op)
{
    struct sighting sighting = {.op_index = op_index};
    sighting.role = op->kind == HISTORY_READ ? ROLE_READ : op->status == HISTORY_FAIL ? ROLE_FAILED_WRITE : ROLE_WRITE;
    if (op->has_value) {
        sighting.identity_kind = BY_VALUE;
        sighting.identity[0] = op->value_hash;
    } else if (op->has_version && !tag_is_zero(op->version)) {
        sighting.identity_kind = BY_DELETES_VERSION;
        sighting.identity[0] = op->version.z;
        sighting.identity[1] = op->version.w;
    } else {
        sighting.identity_kind = BY_ITSELF;
        sighting.identity[0] = op_index;
    }
    return sighting;
}

/* Sort out what can say something. Failed deletes can't: nobody can have seen their value. */
static void take_ops(struct value_order *order)
{
    order->first_delete_ns = UINT64_MAX;
    for (size_t i = 0; i < order->history->op_count; i++) {
        const uint32_t op_index = order->history->op_indices[i];
        const struct history_op *op = op_at(order, op_index);
        if (op->status == HISTORY_FAIL && op->kind != HISTORY_WRITE)
            continue;
        order->sightings[order->sighting_count++] = make_sighting(op_index, op);
        if (op->kind == HISTORY_DELETE && op->start_ns < order->first_delete_ns)
            order->first_delete_ns = op->start_ns;
    }
}

enum areg_error value_order_judge(const struct register_history *history, struct judgement *judgement)
{
    CHECK(history->op_count > 0 && history->op_count < UINT32_MAX);
    *judgement = (struct judgement){0};
    struct value_order order = {
        .history = history,
        .judgement = judgement,
        .sightings = malloc(history->op_count * sizeof *order.sightings),
        .zones = malloc(history->op_count * sizeof *order.zones),
    };
    enum areg_error error = AREG_ENOMEM;
    if (!order.sightings || !order.zones)
        goto out;
    error = AREG_OK;
    take_ops(&order);
    if (judge_groups(&order) && judge_initial_reads(&order))
        (void)judge_zones(&order);
out:
    free(order.sightings);
    free(order.zones);
    return error;
}
