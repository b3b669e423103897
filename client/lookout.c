#include "client/lookout.h"

#include "core/check.h"
#include "reconfig/config_answer.h"

#include <stdlib.h>
#include <string.h>

/* The first look after a start comes soon, but not in the rush. */
#define FIRST_NS UINT64_C(2000000000)
/* A look that finds no majority gives up after this: the next one comes anyway. */
#define PATIENCE_NS UINT64_C(10000000000)

void lookout_fini(struct lookout *lookout)
{
    for (unsigned i = 0; i < lookout->item_count; i++)
        slice_unref(&lookout->items[i].found);
    free(lookout->items);
    *lookout = (struct lookout){0};
}

/* The item of a shard, which is made if it is not there; NULL without memory. */
static struct lookout_item *item_of(struct lookout *lookout, uint32_t shard)
{
    unsigned at = 0;
    while (at < lookout->item_count && lookout->items[at].shard < shard)
        at++;
    if (at < lookout->item_count && lookout->items[at].shard == shard)
        return &lookout->items[at];
    if (lookout->item_count == lookout->item_room) {
        const unsigned room = lookout->item_room ? 2 * lookout->item_room : 4;
        struct lookout_item *grown = realloc(lookout->items, room * sizeof *grown);
        if (!grown)
            return NULL;
        lookout->items = grown;
        lookout->item_room = room;
    }
    struct lookout_item *item = &lookout->items[at];
    memmove(item + 1, item, (lookout->item_count - at) * sizeof *item);
    *item = (struct lookout_item){.shard = shard};
    lookout->item_count++;
    return item;
}

/* What the host knows to be finalized. */
static enum areg_error load_final(struct lookout_item *item, struct store_txn *txn)
{
    struct link final;
    struct config config;
    const enum areg_error error = config_final_get(txn, item->shard, &final);
    item->knows = error == AREG_OK && final.status != LINK_NONE && config_decode(final.descriptor, &config) == AREG_OK;
    if (item->knows)
        item->known_index = config.index;
    return error;
}

enum areg_error lookout_load(struct lookout *lookout, struct store_txn *txn)
{
    enum areg_error error;
    struct slice descriptor;
    lookout->is_blank = true;
    for (uint32_t slot = 1; (error = store_config_next(txn, &slot, &descriptor)) == AREG_OK; slot++) {
        struct config config;
        lookout->is_blank = false;
        if (config_decode(descriptor, &config) != AREG_OK)
            continue;
        struct lookout_item *item = item_of(lookout, config.shard);
        if (!item)
            return AREG_ENOMEM;
    }
    if (error != AREG_ENOTFOUND)
        return error;
    error = AREG_OK;
    for (unsigned i = 0; i < lookout->item_count && error == AREG_OK; i++)
        error = load_final(&lookout->items[i], txn);
    return error;
}

static void look(struct lookout_item *item, struct client *client, uint64_t now_ns, void *context)
{
    const struct client_op op = {
        .kind = CLIENT_RECONFIGURE,
        .goal = RECONFIGURE_LOOK,
        .shard = item->shard,
        .deadline_ns = now_ns + PATIENCE_NS,
        .context = context,
    };
    /* Shards take turns: no two hosts need to look at the same moment either. */
    item->due_ns = now_ns + LOOKOUT_NS + (item->shard % 64) * (LOOKOUT_NS / 512);
    item->is_looking = client_submit(client, now_ns, &op, &item->id) == AREG_OK;
}

/* A host that joins may have been a member before, and of any shard. Without the cluster or memory: later. */
static bool add_all_shards(struct lookout *lookout, const struct cluster *cluster)
{
    bool has_all = cluster != NULL;
    for (uint32_t shard = 0; has_all && shard < cluster->shard_count; shard++)
        has_all = item_of(lookout, shard) != NULL;
    return has_all;
}

uint64_t lookout_step(struct lookout *lookout, struct client *client, uint64_t now_ns, void *context)
{
    uint64_t wake_ns = UINT64_MAX;
    if (lookout->is_blank && lookout->item_count == 0 && !add_all_shards(lookout, client_cluster(client)))
        wake_ns = now_ns + FIRST_NS;
    for (unsigned i = 0; i < lookout->item_count; i++) {
        struct lookout_item *item = &lookout->items[i];
        if (item->due_ns == 0)
            item->due_ns = now_ns + FIRST_NS;
        if (item->due_ns <= now_ns && !item->is_looking)
            look(item, client, now_ns, context);
        if (!item->is_looking && item->due_ns < wake_ns)
            wake_ns = item->due_ns;
    }
    return wake_ns;
}

/* One that has come back by "replace s3 s3" is a member under its own incarnation. */
static void judge_membership(struct lookout_item *item, const struct registration *self, const struct config *base)
{
    const int index = config_member_index(base, &self->host);
    const uint64_t incarnation = index >= 0 ? base->members[index].incarnation : 0;
    const bool is_refused = incarnation != 0 && incarnation != self->incarnation;
    if (is_refused && !item->is_refused) {
        item->has_refusal = true;
        item->refused = *base;
    }
    item->is_refused = is_refused;
}

static void hear(struct lookout_item *item, const struct registration *self, const struct config *base,
                 struct slice descriptor)
{
    judge_membership(item, self, base);
    if ((!item->knows || base->index > item->known_index) && item->found.bytes == 0)
        item->found = slice_ref(descriptor);
}

void lookout_hear(struct lookout *lookout, const struct registration *self, struct slice base)
{
    struct config config;
    struct lookout_item *item = config_decode(base, &config) == AREG_OK ? item_of(lookout, config.shard) : NULL;
    if (item)
        hear(item, self, &config, base);
}

bool lookout_done(struct lookout *lookout, const struct registration *self, const struct client_done *done)
{
    for (unsigned i = 0; i < lookout->item_count; i++) {
        struct lookout_item *item = &lookout->items[i];
        struct config base;
        if (!item->is_looking || item->id != done->id)
            continue;
        item->is_looking = false;
        if (done->error == AREG_OK && config_decode(done->base, &base) == AREG_OK)
            hear(item, self, &base, done->base);
        return true;
    }
    return false;
}

bool lookout_next_refusal(struct lookout *lookout, struct config *config)
{
    for (unsigned i = 0; i < lookout->item_count; i++) {
        struct lookout_item *item = &lookout->items[i];
        if (!item->has_refusal)
            continue;
        item->has_refusal = false;
        *config = item->refused;
        return true;
    }
    return false;
}

bool lookout_next_note(struct lookout *lookout, struct request *note)
{
    for (unsigned i = 0; i < lookout->item_count; i++) {
        struct lookout_item *item = &lookout->items[i];
        struct config config;
        if (item->found.bytes == 0)
            continue;
        CHECK(config_decode(item->found, &config) == AREG_OK);
        *note = (struct request){
            .kind = MESSAGE_FINALIZE, .shard = item->shard, .config = config.id, .descriptor = item->found};
        item->found = (struct slice){0};
        item->knows = true;
        item->known_index = config.index;
        return true;
    }
    return false;
}
