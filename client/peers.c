/*
 * The hosts that we talk to: who they are, which of them are slow, and the first question, what the cluster is.
 */
#include "client/engine.h"

#include "core/check.h"
#include "dap/dap.h"

#include <stdlib.h>
#include <string.h>

int peer_add(struct client *client, const char *address)
{
    for (unsigned i = 0; i < client->peer_count; i++)
        if (strcmp(client->peers[i].address, address) == 0)
            return (int)i;
    if (client->peer_count == 2 * HOST_COUNT_MAX)
        return -1;
    CHECK(strlen(address) <= ADDRESS_BYTES_MAX);
    struct peer *peer = &client->peers[client->peer_count];
    *peer = (struct peer){.hello_ns = UINT64_MAX};
    memcpy(peer->address, address, strlen(address) + 1);
    return (int)client->peer_count++;
}

uint64_t peer_hedge_ns(const struct client *client)
{
    const uint64_t hedge_ns = client->round_trip_ns * HEDGE_FACTOR;
    if (hedge_ns < HEDGE_NS_MIN)
        return HEDGE_NS_MIN;
    return hedge_ns < HEDGE_NS_MAX ? hedge_ns : HEDGE_NS_MAX;
}

bool peer_is_slow(const struct client *client, unsigned peer_index, uint64_t now_ns)
{
    const struct peer *peer = &client->peers[peer_index];
    if (!peer->is_up)
        return true;
    return peer->awaited_since_ns && now_ns > peer->awaited_since_ns + peer_hedge_ns(client);
}

bool peer_is_absent(struct client *client, unsigned peer_index, uint64_t now_ns)
{
    struct peer *peer = &client->peers[peer_index];
    if (!peer->is_up && peer->absent_since_ns == 0)
        peer->absent_since_ns = now_ns;
    const uint64_t since_ns = peer->is_up ? peer->awaited_since_ns : peer->absent_since_ns;
    return since_ns != 0 && now_ns >= since_ns + ASK_PATIENCE_NS;
}

void peer_note_sent(struct client *client, unsigned peer_index, uint64_t now_ns)
{
    if (client->peers[peer_index].awaited_since_ns == 0)
        client->peers[peer_index].awaited_since_ns = now_ns;
}

void peer_note_reply(struct client *client, unsigned peer_index, const struct ask *ask, unsigned member_index,
                     uint64_t now_ns)
{
    client->peers[peer_index].awaited_since_ns = 0;
    const struct ask_member *member = &ask->members[member_index];
    /* Puts wait for a disk, and an answer to a repeated question may be to either: they teach nothing. */
    if (ask->kind == ASK_PUT_DATA || member->sent_count != 1 || member->sent_ns == 0 || now_ns < member->sent_ns)
        return;
    const uint64_t sample_ns = now_ns - member->sent_ns;
    client->round_trip_ns += sample_ns / 8;
    client->round_trip_ns -= client->round_trip_ns / 8;
}

/* ---------------------------------------------------------------- the cluster */

static bool is_servable(const struct cluster *cluster)
{
    for (unsigned i = 0; i < cluster->pool_count; i++)
        if (!dap_of(cluster->pools[i].code.dap))
            return false;
    return true;
}

bool peer_learn_cluster(struct client *client, struct slice encoded)
{
    struct cluster *cluster = malloc(sizeof *cluster);
    if (!cluster)
        return false;
    if (cluster_decode(encoded, cluster) != AREG_OK || !is_servable(cluster)) {
        free(cluster);
        return false;
    }
    client->bases = calloc(cluster->shard_count, sizeof(struct view *));
    client->hinted_ns = calloc(cluster->shard_count, sizeof *client->hinted_ns);
    if (!client->bases || !client->hinted_ns) {
        free(client->bases);
        free(client->hinted_ns);
        client->bases = NULL;
        client->hinted_ns = NULL;
        free(cluster);
        return false;
    }
    client->cluster = cluster;
    for (unsigned i = 0; i < cluster->host_count; i++)
        peer_add(client, cluster->hosts[i].address);
    return true;
}

bool peer_next_hello(struct client *client, uint64_t now_ns, struct client_send *send)
{
    for (unsigned i = 0; !client->cluster && i < client->seed_count; i++) {
        struct peer *peer = &client->peers[i];
        if (!peer->is_up || peer->hello_ns > now_ns)
            continue;
        peer->hello_ns = now_ns + HELLO_RETRY_NS;
        send->peer_index = i;
        send->request = (struct request){.kind = MESSAGE_HELLO, .hello.wants_cluster = true};
        return true;
    }
    return false;
}

uint64_t peer_wake_ns(const struct client *client)
{
    uint64_t wake_ns = UINT64_MAX;
    for (unsigned i = 0; !client->cluster && i < client->seed_count; i++)
        if (client->peers[i].is_up && client->peers[i].hello_ns < wake_ns)
            wake_ns = client->peers[i].hello_ns;
    return wake_ns;
}
