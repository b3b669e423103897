#include "server/memberships.h"

#include "core/check.h"
#include "dap/dap.h"

#include <stdlib.h>

bool memberships_init(struct memberships *memberships, uint32_t shard_count)
{
    *memberships = (struct memberships){.shard_count = shard_count};
    /* All zero is a NULL pointer, atomic or not, on every machine that this runs on. */
    memberships->heads = calloc(shard_count, sizeof *memberships->heads);
    return memberships->heads != NULL;
}

static void drop_joining(struct memberships *memberships)
{
    while (memberships->joining) {
        struct membership *dropped = memberships->joining;
        memberships->joining = dropped->next;
        free(dropped);
    }
    memberships->joining_count = 0;
}

void memberships_fini(struct memberships *memberships)
{
    drop_joining(memberships);
    for (uint32_t i = 0; i < memberships->count; i++)
        free(memberships->all[i]);
    free(memberships->all);
    free(memberships->heads);
    *memberships = (struct memberships){0};
}

/* ---------------------------------------------------------------- any thread */

const struct membership *memberships_of_shard(const struct memberships *memberships, uint32_t shard)
{
    if (shard >= memberships->shard_count)
        return NULL;
    return atomic_load_explicit(&memberships->heads[shard], memory_order_acquire);
}

const struct membership *memberships_find(const struct memberships *memberships, uint32_t shard, struct config_id id)
{
    const struct membership *found = memberships_of_shard(memberships, shard);
    while (found && !config_id_equal(found->config.id, id))
        found = found->next;
    return found;
}

/* ---------------------------------------------------------------- the writer */

/* Room for one more, so that memberships_settle() can not fail. */
static bool reserve(struct memberships *memberships)
{
    const uint32_t wanted_count = memberships->count + memberships->joining_count + 1;
    if (wanted_count <= memberships->room_count)
        return true;
    const uint32_t room_count = wanted_count > 8 ? 2 * wanted_count : 16;
    struct membership **all = realloc(memberships->all, room_count * sizeof(struct membership *));
    if (!all)
        return false;
    memberships->all = all;
    memberships->room_count = room_count;
    return true;
}

bool memberships_join(struct memberships *memberships, const struct config *config, uint32_t slot,
                      unsigned member_index)
{
    const struct dap *dap = dap_of(config->code.dap);
    CHECK(dap && config->shard < memberships->shard_count && member_index < config->member_count);
    struct membership *joined = reserve(memberships) ? malloc(sizeof *joined) : NULL;
    if (!joined)
        return false;
    *joined = (struct membership){.config = *config,
                                  .slot = slot,
                                  .member_index = member_index,
                                  .answer = dap->answer,
                                  .next = memberships->joining};
    memberships->joining = joined;
    memberships->joining_count++;
    memberships->has_news = true;
    return true;
}

struct membership *memberships_at(const struct memberships *memberships, uint32_t index)
{
    CHECK(index < memberships->count);
    return memberships->all[index];
}

struct membership *memberships_joining(const struct memberships *memberships)
{
    return memberships->joining;
}

void memberships_retire(struct memberships *memberships, struct membership *membership)
{
    membership->retires = true;
    memberships->has_news = true;
}

void memberships_empty(struct memberships *memberships, struct membership *membership)
{
    CHECK(membership->is_retired); /* I10 */
    membership->empties = true;
    memberships->has_news = true;
}

void memberships_speak(struct memberships *memberships, struct membership *membership)
{
    membership->speaks = true;
    memberships->has_news = true;
}

static void publish(struct memberships *memberships, struct membership *joined)
{
    CHECK(memberships->count < memberships->room_count);
    _Atomic(struct membership *) *head = &memberships->heads[joined->config.shard];
    joined->index = memberships->count;
    joined->next = atomic_load_explicit(head, memory_order_relaxed);
    memberships->all[memberships->count++] = joined;
    atomic_store_explicit(head, joined, memory_order_release);
}

/* In the order in which they joined. */
static void publish_joining(struct memberships *memberships)
{
    struct membership *ordered = NULL;
    while (memberships->joining) {
        struct membership *moved = memberships->joining;
        memberships->joining = moved->next;
        moved->next = ordered;
        ordered = moved;
    }
    while (ordered) {
        struct membership *joined = ordered;
        ordered = joined->next;
        publish(memberships, joined);
    }
    memberships->joining_count = 0;
}

static void settle_one(struct memberships *memberships, struct membership *membership, bool is_committed)
{
    if (is_committed && membership->retires && !membership->is_retired) {
        membership->is_retired = true;
        memberships->retired_count++;
    }
    if (is_committed && membership->empties && !membership->is_emptied) {
        membership->is_emptied = true;
        memberships->emptied_count++;
    }
    if (is_committed && membership->speaks)
        atomic_store_explicit(&membership->is_silent, false, memory_order_release);
    membership->retires = membership->empties = membership->speaks = false;
}

void memberships_settle(struct memberships *memberships, bool is_committed)
{
    if (!memberships->has_news)
        return;
    memberships->has_news = false;
    if (is_committed)
        publish_joining(memberships);
    else
        drop_joining(memberships);
    for (uint32_t i = 0; i < memberships->count; i++)
        settle_one(memberships, memberships->all[i], is_committed);
}
