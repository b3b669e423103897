/*
 * What a host does by and by, a bounded amount in each tick: it drops entries that are superseded, and deletes the data
 * of retired configurations. Nobody waits for it, and it must never keep anybody waiting for long.
 */
#include "core/check.h"
#include "core/plant.h"
#include "server/engine.h"

#include <string.h>

/* Registers to look at in one tick: bounds the time that puts wait for it. */
enum { SWEEP_PER_TICK = 256 };
/* And of a retired configuration, to delete: one of them may have ENTRY_COUNT_MAX fragments. */
enum { DELETE_PER_TICK = 256 };

/* ---------------------------------------------------------------- planning */

/* Look at every register, some in each tick. */
static void begin_recovery(struct recovery_scan *scan)
{
    scan->membership_index = 0;
    scan->after = (struct slice){0};
    scan->is_done = false;
    scan->is_wanted_again = false;
}

void upkeep_plan_sweep(struct replica *replica, const struct membership *membership, struct slice key,
                       struct tag confirmed, uint64_t now_ns)
{
    const uint64_t due_ns = now_ns + replica->grace_ns;
    if (sweep_add(&replica->sweep, membership->index, key, confirmed, due_ns))
        return;
    /* No room, or no memory: the scan will come across what is superseded already. */
    if (replica->recovery.is_done)
        begin_recovery(&replica->recovery);
    else
        replica->recovery.is_wanted_again = true;
}

void upkeep_count_trims(struct replica *replica, const struct answer_effect *effect)
{
    replica->counters->uncommitted.trims += effect->trim_count;
    replica->counters->uncommitted.trims_forced += effect->forced_count;
}

/* ---------------------------------------------------------------- sweeping */

static enum areg_error sweep_due(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    for (unsigned taken = 0; taken < SWEEP_PER_TICK; taken++) {
        const struct sweep_item *item = sweep_take(&replica->sweep, now_ns);
        if (!item)
            break;
        const struct membership *membership = memberships_at(&replica->memberships, item->membership_index);
        if (membership->is_retired)
            continue;
        struct seat seat = seat_of(membership, txn);
        seat.confirmed = item->confirmed;
        struct answer_effect effect;
        const enum areg_error error = membership->answer->sweep(&seat, item->key, item->superseded, &effect);
        /* A record that does not decode stays as it is, and is no reason to leave the others. */
        if (error != AREG_OK && error != AREG_ECORRUPT)
            return error;
        if (error == AREG_OK)
            upkeep_count_trims(replica, &effect);
    }
    return AREG_OK;
}

struct recovery_visit {
    struct replica *replica;
    const struct membership *membership;
    uint64_t now_ns;
    unsigned visit_count;
    bool has_stopped;
    size_t last_bytes;
    uint8_t last[AREG_KEY_BYTES_MAX];
};

static bool recover_one(struct slice key, const struct stored_register *found, void *arg)
{
    struct recovery_visit *visit = arg;
    if (visit->visit_count == SWEEP_PER_TICK) {
        visit->has_stopped = true;
        return false;
    }
    visit->visit_count++;
    if (found && found->entry_count > 0 && tag_compare(found->entries[0].entry.tag, found->confirmed) < 0)
        upkeep_plan_sweep(visit->replica, visit->membership, key, found->confirmed, visit->now_ns);
    memcpy(visit->last, key.at, key.bytes);
    visit->last_bytes = key.bytes;
    return true;
}

static enum areg_error recover_some(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    struct recovery_scan *scan = &replica->recovery;
    while (scan->membership_index < replica->memberships.count &&
           memberships_at(&replica->memberships, scan->membership_index)->is_retired) {
        scan->membership_index++;
        scan->after = (struct slice){0};
    }
    if (scan->membership_index == replica->memberships.count) {
        if (scan->is_wanted_again)
            begin_recovery(scan);
        else
            scan->is_done = true;
        return AREG_OK;
    }
    const struct membership *membership = memberships_at(&replica->memberships, scan->membership_index);
    struct recovery_visit visit = {.replica = replica, .membership = membership, .now_ns = now_ns};
    const enum areg_error error =
        store_register_scan(txn, membership->slot, (struct slice){0}, scan->after, recover_one, &visit);
    if (error != AREG_OK && error != AREG_ENOTFOUND && error != AREG_ECORRUPT)
        return error;
    if (visit.has_stopped) {
        memcpy(scan->last, visit.last, visit.last_bytes);
        scan->after = slice_borrow(scan->last, visit.last_bytes);
    } else {
        /* The end of the configuration, or a record that does not even tell its key. */
        scan->after = (struct slice){0};
        scan->membership_index++;
    }
    scan->due_ns = now_ns + replica->grace_ns / 16;
    return AREG_OK;
}

/* ---------------------------------------------------------------- deleting what is retired */

struct deletion {
    struct store_txn *txn;
    uint32_t slot;
    unsigned visit_count;
    unsigned deleted_count;
    bool has_stopped;
    enum areg_error error;
};

static bool delete_one(struct slice key, const struct stored_register *found, void *arg)
{
    struct deletion *deletion = arg;
    if (deletion->visit_count == DELETE_PER_TICK) {
        deletion->has_stopped = true;
        return false;
    }
    deletion->visit_count++;
    if (!found)
        return true; /* It does not decode, so it can not be told what belongs to it. It stays. */
    deletion->error = store_register_delete(deletion->txn, deletion->slot, key);
    deletion->deleted_count += deletion->error == AREG_OK;
    return deletion->error == AREG_OK;
}

static bool has_to_delete(const struct replica *replica)
{
    return replica->memberships.emptied_count < replica->memberships.retired_count;
}

static struct membership *first_to_delete(const struct replica *replica)
{
    for (uint32_t i = 0;; i++) {
        struct membership *membership = memberships_at(&replica->memberships, i);
        if (membership->is_retired && !membership->is_emptied)
            return membership;
    }
}

static enum areg_error delete_some(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    struct membership *membership = first_to_delete(replica);
    struct deletion deletion = {.txn = txn, .slot = membership->slot};
    struct link link;
    enum areg_error error = store_link_get(txn, membership->slot, &link);
    if (error != AREG_OK)
        return error;
    CHECK(link.status == LINK_FINALIZED || PLANTED(PLANT_FINAL_TO_PENDING)); /* I10 */
    error = store_register_scan(txn, membership->slot, (struct slice){0}, (struct slice){0}, delete_one, &deletion);
    if (deletion.error != AREG_OK)
        error = deletion.error;
    if (error != AREG_OK && error != AREG_ECORRUPT)
        return error;
    replica->counters->uncommitted.registers_deleted += deletion.deleted_count;
    /* The end; or nothing but records that can not be deleted: then it stays like this until the host starts again. */
    if (!deletion.has_stopped || deletion.deleted_count == 0)
        memberships_empty(&replica->memberships, membership);
    replica->delete_ns = now_ns + replica->grace_ns / 16;
    return AREG_OK;
}

/* ---------------------------------------------------------------- time */

enum areg_error replica_tick(struct replica *replica, struct store_txn *txn, uint64_t now_ns)
{
    replica->tick_ns = now_ns;
    enum areg_error error = sweep_due(replica, txn, now_ns);
    if (error == AREG_OK && has_to_delete(replica) && replica->delete_ns <= now_ns)
        error = delete_some(replica, txn, now_ns);
    if (error != AREG_OK || replica->recovery.is_done || replica->recovery.due_ns > now_ns)
        return error;
    return recover_some(replica, txn, now_ns);
}

uint64_t replica_wake_ns(const struct replica *replica)
{
    const uint64_t sweep_ns = sweep_wake_ns(&replica->sweep);
    const uint64_t recovery_ns = replica->recovery.is_done ? UINT64_MAX : replica->recovery.due_ns;
    const uint64_t delete_ns = has_to_delete(replica) ? replica->delete_ns : UINT64_MAX;
    const uint64_t next_ns = sweep_ns < recovery_ns ? sweep_ns : recovery_ns;
    return next_ns < delete_ns ? next_ns : delete_ns;
}
