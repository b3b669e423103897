/*
 * The configurations of a shard, as far as this client knows them [ARES, section 4; PROTOCOL §4].
 *
 * A successor is proposed to a finalized configuration only, so there are never more than two to know: the last one
 * that is finalized, with all registers in it, and its pending successor. Whoever sees a successor of a configuration
 * knows that this one is finalized.
 */
#include "client/engine.h"

#include "core/check.h"
#include "dap/dap.h"

#include <stdlib.h>

struct view *view_ref(struct view *view)
{
    if (view)
        view->reference_count++;
    return view;
}

void view_unref(struct view *view)
{
    while (view && --view->reference_count == 0) {
        struct view *successor = view->successor;
        slice_unref(&view->descriptor);
        free(view);
        view = successor;
    }
}

/* ---------------------------------------------------------------- making views */

static struct codec *codec_for(struct client *client, struct code code)
{
    for (unsigned i = 0; i < client->codec_count; i++)
        if (client->codes[i].n == code.n && client->codes[i].k == code.k)
            return client->codecs[i];
    struct codec *codec = codec_create(code.n, code.k);
    if (!codec)
        return NULL;
    client->codes[client->codec_count] = code;
    client->codecs[client->codec_count++] = codec;
    return codec;
}

/* The rest of a view whose configuration is filled in. */
static bool complete_view(struct client *client, struct view *view)
{
    view->reference_count = 1;
    view->codec = dap_of(view->config.code.dap) ? codec_for(client, view->config.code) : NULL;
    if (!view->codec)
        return false;
    for (unsigned i = 0; i < view->config.member_count; i++) {
        const int peer_index = peer_add(client, view->config.members[i].address);
        if (peer_index < 0)
            return false;
        view->peers[i] = (uint16_t)peer_index;
    }
    return true;
}

static struct view *create_view(struct client *client, struct slice descriptor)
{
    struct view *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    view->descriptor = slice_copy(descriptor);
    if (view->descriptor.owner && config_decode(descriptor, &view->config) == AREG_OK && complete_view(client, view))
        return view;
    slice_unref(&view->descriptor);
    free(view);
    return NULL;
}

static struct view *create_genesis_view(struct client *client, uint32_t shard)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    struct config config;
    cluster_genesis_config(client->cluster, shard, &config);
    const size_t encoded_bytes = config_encode(&config, encoded, sizeof encoded);
    return create_view(client, slice_borrow(encoded, encoded_bytes));
}

struct view *sequence_view(struct client *client, struct slice descriptor)
{
    struct config config;
    if (config_decode(descriptor, &config) != AREG_OK || config.shard >= client->cluster->shard_count ||
        !config_id_equal(config.cluster, client->cluster->digest))
        return NULL;
    struct view *base = client->bases[config.shard];
    if (base && config_id_equal(base->config.id, config.id))
        return view_ref(base);
    if (base && base->successor && config_id_equal(base->successor->config.id, config.id))
        return view_ref(base->successor);
    return create_view(client, descriptor);
}

/* ---------------------------------------------------------------- what is known of a shard */

struct view *sequence_base(struct client *client, uint32_t shard)
{
    CHECK(client->cluster && shard < client->cluster->shard_count);
    if (!client->bases[shard])
        client->bases[shard] = create_genesis_view(client, shard);
    return client->bases[shard];
}

void sequence_advance(struct client *client, struct view *view)
{
    struct view **base = &client->bases[view->config.shard];
    if (*base && (*base)->config.index >= view->config.index)
        return;
    view_unref(*base);
    *base = view_ref(view);
}

struct view *sequence_successor(struct client *client, struct view *view, struct slice descriptor)
{
    sequence_advance(client, view);
    if (!view->successor)
        view->successor = sequence_view(client, descriptor);
    /* Two successors of one configuration there are never (I1): the second one is not believed. */
    return view->successor && slice_equal(view->successor->descriptor, descriptor) ? view_ref(view->successor) : NULL;
}

/* ---------------------------------------------------------------- asking for the latest one */

void sequence_want_hint(struct client *client, uint32_t shard, uint64_t now_ns)
{
    if (now_ns < client->hinted_ns[shard] + HINT_NS_AGAIN || client->hint_count == HINT_COUNT_MAX)
        return;
    client->hinted_ns[shard] = now_ns;
    client->hints[client->hint_count++] = (struct hint){.shard = shard};
}

bool sequence_next_hint(struct client *client, struct client_send *send)
{
    while (client->hint_count > 0) {
        struct hint *hint = &client->hints[client->hint_count - 1];
        while (hint->peer_index < client->peer_count && !client->peers[hint->peer_index].is_up)
            hint->peer_index++;
        if (hint->peer_index == client->peer_count) {
            client->hint_count--;
            continue;
        }
        send->peer_index = hint->peer_index++;
        send->request = (struct request){.kind = MESSAGE_HINT, .shard = hint->shard};
        return true;
    }
    return false;
}

struct view *sequence_receive_hint(struct client *client, const struct reply *reply)
{
    if (!client->cluster || reply->next.status != LINK_FINALIZED)
        return NULL;
    struct view *view = sequence_view(client, reply->next.descriptor);
    if (view) {
        const struct view *base = client->bases[view->config.shard];
        if (!base || base->config.index <= view->config.index) {
            sequence_advance(client, view);
            return view;
        }
    }
    view_unref(view);
    return NULL;
}
