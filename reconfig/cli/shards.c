#include "reconfig/cli/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- looking */

/* A descriptor that can not be read is one that the engine would not have delivered. */
void shard_take(struct shard *shard, struct client_done *done)
{
    shard->error = done->error;
    snprintf(shard->detail, sizeof shard->detail, "%s", done->detail);
    if (done->base.bytes > 0)
        shard->has_base = config_decode(done->base, &shard->base) == AREG_OK;
    if (done->base.bytes > 0 || done->pending.bytes > 0)
        shard->has_pending = done->pending.bytes > 0 && config_decode(done->pending, &shard->pending) == AREG_OK;
    slice_unref(&done->base);
    slice_unref(&done->pending);
}

static void end_look(struct areg_client *client, struct client_done *done, void *arg)
{
    (void)client;
    shard_take(arg, done);
}

static enum areg_error begin_look(struct admin *admin, struct shard *shard)
{
    const struct client_op op = {
        .kind = CLIENT_RECONFIGURE,
        .goal = RECONFIGURE_LOOK,
        .shard = shard->shard,
        .deadline_ns = admin_deadline_ns(admin),
    };
    const struct ticket how = {.outcome = end_look, .arg = shard};
    uint64_t id;
    return ticket_begin(admin->client, &op, &how, &id);
}

static enum areg_error look_at_all(struct admin *admin, struct shards *shards)
{
    for (unsigned i = 0; i < shards->count;) {
        const enum areg_error error = begin_look(admin, &shards->at[i]);
        if (error != AREG_OK && error != AREG_EBUSY)
            return error;
        i += !error;
        if (error)
            handle_run(admin->client, UINT64_MAX);
    }
    while (admin->client->ticket_count > 0)
        handle_run(admin->client, UINT64_MAX);
    return AREG_OK;
}

bool shards_look(struct admin *admin, struct shards *shards, enum exit_code *code)
{
    *shards = (struct shards){.count = admin->cluster->shard_count};
    shards->at = calloc(shards->count, sizeof *shards->at);
    enum areg_error error = shards->at ? AREG_OK : AREG_ENOMEM;
    for (unsigned i = 0; i < shards->count && !error; i++) {
        struct shard *shard = &shards->at[i];
        shard->shard = i;
        shard->pool = cluster_pool_of_shard(admin->cluster, i);
        shard->is_selected = !admin->pool || shard->pool == admin->pool;
        shards->selected_count += shard->is_selected;
    }
    if (!error)
        error = look_at_all(admin, shards);
    if (error) {
        shards_fini(shards);
        *code = admin_fail(admin, admin_exit_code(error), "%s", areg_strerror(error));
        return false;
    }
    for (unsigned i = 0; i < shards->count; i++)
        shards->unknown_count += shards->at[i].is_selected && shards->at[i].error;
    return true;
}

void shards_fini(struct shards *shards)
{
    free(shards->at);
    *shards = (struct shards){0};
}

/* ---------------------------------------------------------------- hosts */

/* The host in the list, or one more at its end; NULL without memory. */
static struct host_asked *provide_host(struct host_asked **hosts, unsigned *host_count, unsigned *room,
                                       const struct member *member)
{
    for (unsigned i = 0; i < *host_count; i++)
        if (host_id_equal(&(*hosts)[i].id, &member->id))
            return &(*hosts)[i];
    if (*host_count == *room) {
        const unsigned more_room = *room ? 2 * *room : 32;
        struct host_asked *more = realloc(*hosts, more_room * sizeof *more);
        if (!more)
            return NULL;
        *hosts = more;
        *room = more_room;
    }
    struct host_asked *host = &(*hosts)[(*host_count)++];
    memset(host, 0, sizeof *host);
    host->id = member->id;
    host->request.kind = MESSAGE_STATUS;
    memcpy(host->address, member->address, sizeof host->address);
    return host;
}

/* A host that is a member under two addresses is asked at the first. */
static bool add_hosts(struct host_asked **hosts, unsigned *host_count, unsigned *room, const struct config *config)
{
    for (unsigned i = 0; i < config->member_count; i++) {
        struct host_asked *host = provide_host(hosts, host_count, room, &config->members[i]);
        if (!host || !host_probe_add(host, config))
            return false;
    }
    return true;
}

bool shards_ask_hosts(struct admin *admin, const struct shards *shards, struct host_asked **hosts, unsigned *host_count,
                      enum exit_code *code)
{
    unsigned room = 0;
    bool has_memory = true;
    *hosts = NULL;
    *host_count = 0;
    for (unsigned i = 0; i < shards->count && has_memory; i++)
        if (shards->at[i].has_base)
            has_memory = add_hosts(hosts, host_count, &room, &shards->at[i].base);
    for (unsigned i = 0; i < shards->count && has_memory; i++)
        if (shards->at[i].has_pending)
            has_memory = add_hosts(hosts, host_count, &room, &shards->at[i].pending);
    const enum areg_error error = has_memory ? hosts_ask(*hosts, *host_count, admin_deadline_ns(admin)) : AREG_ENOMEM;
    shards_count_memberships(shards, *hosts, *host_count);
    if (!error)
        return true;
    hosts_fini(*hosts, *host_count);
    free(*hosts);
    *hosts = NULL;
    *code = admin_fail(admin, admin_exit_code(error), "%s", areg_strerror(error));
    return false;
}

void shards_count_memberships(const struct shards *shards, struct host_asked *hosts, unsigned host_count)
{
    for (unsigned i = 0; i < host_count; i++) {
        hosts[i].membership_count = 0;
        for (unsigned j = 0; j < shards->count; j++) {
            const struct shard *shard = &shards->at[j];
            hosts[i].membership_count += shard->has_base && config_member_index(&shard->base, &hosts[i].id) >= 0;
            hosts[i].membership_count += shard->has_pending && config_member_index(&shard->pending, &hosts[i].id) >= 0;
        }
    }
}

double shard_share(const struct shard *shard, const struct host_asked *hosts, unsigned host_count, const char *name)
{
    double least = -1;
    for (unsigned i = 0; i < shard->base.member_count && shard->has_base; i++) {
        const struct host_asked *host = hosts_find(hosts, host_count, &shard->base.members[i].id);
        uint64_t number;
        if (!voters_has(code_holders(shard->base.code), i) || !host || host->membership_count == 0 ||
            !host_number(host, name, &number))
            continue;
        const double share = (double)number / host->membership_count;
        least = least < 0 || share < least ? share : least;
    }
    return least;
}

bool configs_are_alike(const struct config *a, const struct config *b)
{
    bool is_alike = a->index == b->index && a->delta == b->delta && code_equal(a->code, b->code);
    for (unsigned i = 0; i < a->member_count && is_alike; i++)
        is_alike = host_id_equal(&a->members[i].id, &b->members[i].id) &&
                   strcmp(a->members[i].address, b->members[i].address) == 0;
    return is_alike;
}

bool shards_have_host(const struct shards *shards, const struct host_id *id)
{
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        if (shard->has_base && config_member_index(&shard->base, id) >= 0)
            return true;
        if (shard->has_pending && config_member_index(&shard->pending, id) >= 0)
            return true;
    }
    return false;
}
