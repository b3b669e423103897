#include "stand_in.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "core/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stand_ins world;

static bool is_named(const char *hosts, unsigned host_index)
{
    return strchr(hosts, (char)('0' + host_index)) != NULL;
}

struct slice value_of(unsigned number, size_t value_bytes)
{
    struct random_source random = {number};
    struct buffer *buffer = buffer_create(value_bytes ? value_bytes : 1);
    CHECK(buffer != NULL);
    for (size_t i = 0; i < value_bytes; i++)
        buffer_at(buffer)[i] = (uint8_t)random_next(&random);
    return slice_of(buffer, 0, value_bytes);
}

/* ---------------------------------------------------------------- configurations */

static int config_of_id(struct config_id id)
{
    for (unsigned i = 0; i < world.config_count; i++)
        if (config_id_equal(world.configs[i].id, id))
            return (int)i;
    return -1;
}

/* The number of a descriptor, which is a new one if it was not seen before. */
static unsigned config_of(struct slice descriptor)
{
    struct config config;
    CHECK(config_decode(descriptor, &config) == AREG_OK);
    const int known = config_of_id(config.id);
    if (known >= 0)
        return (unsigned)known;
    CHECK(world.config_count < MADE_CONFIG_MAX);
    world.configs[world.config_count] = config;
    world.descriptors[world.config_count] = slice_copy(descriptor);
    return world.config_count++;
}

static unsigned add_config(struct config *config)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    return config_of(slice_borrow(encoded, config_encode(config, encoded, sizeof encoded)));
}

static void fill_members(struct config *config, const char *code, const char *hosts)
{
    CHECK(code_parse(code, &config->code) == AREG_OK && config->code.n == strlen(hosts));
    config->member_count = config->code.n;
    for (unsigned i = 0; i < config->member_count; i++) {
        const unsigned host_index = (unsigned)(hosts[i] - '0');
        struct member *member = &config->members[i];
        *member = (struct member){.id = world.cluster.hosts[host_index].id,
                                  .incarnation = world.hosts[host_index].incarnation};
        snprintf(member->address, sizeof member->address, "%s", world.cluster.hosts[host_index].address);
    }
}

unsigned world_describe(unsigned parent, const char *code, const char *hosts)
{
    struct config config = {.cluster = world.configs[parent].cluster,
                            .shard = 0,
                            .index = world.configs[parent].index + 1,
                            .parent = world.configs[parent].id};
    fill_members(&config, code, hosts);
    return add_config(&config);
}

static struct link pending(unsigned config_index)
{
    return (struct link){.status = LINK_PENDING, .descriptor = world.descriptors[config_index]};
}

void world_install(unsigned config_index, const char *hosts)
{
    const struct config *config = &world.configs[config_index];
    const int parent = config_of_id(config->parent);
    CHECK(parent >= 0);
    for (unsigned i = 0; i < STAND_IN_COUNT; i++) {
        if (config_member_index(config, &world.cluster.hosts[i].id) >= 0)
            world.hosts[i].seats[config_index].is_member = true;
        if (is_named(hosts, i))
            world.hosts[i].seats[parent].link = pending(config_index);
    }
}

static void finalize(struct stand_in *host, unsigned config_index)
{
    for (unsigned i = 0; i < world.config_count; i++)
        if (world.configs[i].index < world.configs[config_index].index)
            host->seats[i].link =
                (struct link){.status = LINK_FINALIZED, .descriptor = world.descriptors[config_index]};
    host->final = world.descriptors[config_index];
}

void world_finalize(unsigned config_index, const char *hosts)
{
    for (unsigned i = 0; i < STAND_IN_COUNT; i++)
        if (is_named(hosts, i))
            finalize(&world.hosts[i], config_index);
}

/* ---------------------------------------------------------------- registers */

static struct kept *find_kept(struct seat_in *seat, struct slice key, struct tag tag)
{
    for (unsigned i = 0; i < seat->kept_count; i++)
        if (slice_equal(seat->kept[i].key, key) && tag_equal(seat->kept[i].entry.tag, tag))
            return &seat->kept[i];
    return NULL;
}

static void keep(struct seat_in *seat, struct slice key, const struct entry *entry, struct slice fragment)
{
    if (find_kept(seat, key, entry->tag))
        return;
    if (seat->kept_count == seat->kept_room) {
        seat->kept_room = seat->kept_room ? 2 * seat->kept_room : 8;
        seat->kept = realloc(seat->kept, seat->kept_room * sizeof *seat->kept);
        CHECK(seat->kept != NULL);
    }
    seat->kept[seat->kept_count++] = (struct kept){
        .key = slice_copy(key), .entry = *entry, .fragment = fragment.bytes ? slice_ref(fragment) : (struct slice){0}};
}

static void hold(unsigned config_index, const char *hosts, const char *key, const struct entry *entry,
                 struct slice value)
{
    const struct config *config = &world.configs[config_index];
    struct codec *codec = codec_create(config->code.n, config->code.k);
    struct slice fragments[MEMBER_COUNT_MAX] = {0};
    CHECK(codec && codec_encode(codec, value, voters_all(config->member_count), fragments) == AREG_OK);
    for (unsigned i = 0; i < config->member_count; i++) {
        struct entry own = *entry;
        own.fragment_checksum = checksum_fragment(fragments[i]);
        for (unsigned j = 0; j < STAND_IN_COUNT; j++)
            if (is_named(hosts, j) && host_id_equal(&config->members[i].id, &world.cluster.hosts[j].id))
                keep(&world.hosts[j].seats[config_index], slice_borrow(key, strlen(key)), &own, fragments[i]);
        slice_unref(&fragments[i]);
    }
    codec_destroy(codec);
}

void world_hold(unsigned config_index, const char *hosts, const char *key, struct tag tag, struct slice value)
{
    const struct entry entry = {
        .tag = tag, .value_digest = checksum_value(value), .value_bytes = (uint32_t)value.bytes};
    hold(config_index, hosts, key, &entry, value);
}

void world_hold_tombstone(unsigned config_index, const char *hosts, const char *key, struct tag tag)
{
    const struct entry entry = {
        .tag = tag, .value_digest = checksum_value((struct slice){0}), .flags = ENTRY_TOMBSTONE};
    hold(config_index, hosts, key, &entry, (struct slice){0});
}

void world_damage(unsigned config_index, const char *key, bool is_damaged)
{
    for (unsigned i = 0; i < world.cluster.host_count; i++) {
        struct seat_in *seat = &world.hosts[i].seats[config_index];
        for (unsigned j = 0; j < seat->kept_count; j++)
            if (slice_equal(seat->kept[j].key, slice_borrow(key, strlen(key))))
                seat->kept[j].entry.flags = is_damaged ? ENTRY_DAMAGED : 0;
    }
}

static const struct kept *newest_of(const struct seat_in *seat, struct slice key)
{
    const struct kept *newest = NULL;
    for (unsigned i = 0; i < seat->kept_count; i++)
        if (slice_equal(seat->kept[i].key, key) &&
            (!newest || tag_compare(seat->kept[i].entry.tag, newest->entry.tag) > 0))
            newest = &seat->kept[i];
    return newest;
}

const struct kept *world_kept(unsigned config_index, unsigned host_index, const char *key)
{
    return newest_of(&world.hosts[host_index].seats[config_index], slice_borrow(key, strlen(key)));
}

bool world_holds(unsigned config_index, const char *hosts, const char *key, struct tag tag, struct slice value)
{
    const struct config *config = &world.configs[config_index];
    struct codec *codec = codec_create(config->code.n, config->code.k);
    struct slice fragments[MEMBER_COUNT_MAX] = {0};
    CHECK(codec && codec_encode(codec, value, voters_all(config->member_count), fragments) == AREG_OK);
    bool holds = true;
    for (unsigned i = 0; i < config->member_count; i++) {
        for (unsigned j = 0; j < STAND_IN_COUNT; j++) {
            if (!is_named(hosts, j) || !host_id_equal(&config->members[i].id, &world.cluster.hosts[j].id))
                continue;
            const struct kept *kept = world_kept(config_index, j, key);
            holds = holds && kept && tag_equal(kept->entry.tag, tag) && kept->entry.value_bytes == value.bytes &&
                    kept->entry.value_digest == checksum_value(value) && slice_equal(kept->fragment, fragments[i]) &&
                    kept->entry.fragment_checksum == checksum_fragment(fragments[i]);
        }
        slice_unref(&fragments[i]);
    }
    codec_destroy(codec);
    return holds;
}

/* ---------------------------------------------------------------- answers: registers */

static void answer_get_data(struct seat_in *seat, const struct request *request, struct reply *reply)
{
    struct data_reply *data = &reply->data;
    const struct kept *newest = newest_of(seat, request->key);
    data->confirmed = seat->confirmed;
    for (unsigned i = 0; i < seat->kept_count; i++) {
        const struct kept *kept = &seat->kept[i];
        if (!slice_equal(kept->key, request->key))
            continue;
        unsigned at = data->entry_count++;
        for (; at > 0 && tag_compare(data->entries[at - 1].tag, kept->entry.tag) > 0; at--)
            data->entries[at] = data->entries[at - 1];
        data->entries[at] = kept->entry;
        const bool is_wanted =
            (request->get_data.want == WANT_NEWEST && kept == newest) ||
            (request->get_data.want == WANT_TAG && tag_equal(kept->entry.tag, request->get_data.tag));
        if (!is_wanted || kept->fragment.bytes == 0)
            continue;
        data->has_fragment = true;
        data->fragment_tag = kept->entry.tag;
        reply->payload = slice_ref(kept->fragment);
    }
}

static int compare_keys(struct slice a, struct slice b)
{
    struct key_sort_form forms[2];
    key_sort_form(a, &forms[0]);
    key_sort_form(b, &forms[1]);
    return slice_compare(slice_borrow(forms[0].at, forms[0].bytes), slice_borrow(forms[1].at, forms[1].bytes));
}

static void answer_list_keys(const struct seat_in *seat, const struct request *request, struct reply *reply)
{
    struct buffer *buffer = buffer_create(KEY_PAGE_BYTES_MAX);
    struct bytes_writer page = bytes_writer_on(buffer_at(buffer), KEY_PAGE_BYTES_MAX);
    struct slice after = request->list_keys.after;
    for (uint32_t count = 0;; count++) {
        const struct kept *first = NULL;
        for (unsigned i = 0; i < seat->kept_count; i++) {
            const struct kept *kept = &seat->kept[i];
            if ((after.bytes && compare_keys(kept->key, after) <= 0) ||
                !key_has_prefix(kept->key, request->list_keys.prefix) ||
                (first && compare_keys(kept->key, first->key) >= 0))
                continue;
            first = newest_of(seat, kept->key);
        }
        reply->keys.has_more = first && count == request->list_keys.key_count_max;
        if (!first || reply->keys.has_more)
            break;
        const struct listed_key listed = {first->key, first->entry.tag, first->entry.flags & ENTRY_TOMBSTONE};
        CHECK(key_page_put(&page, &listed));
        after = first->key;
    }
    reply->payload = slice_of(buffer, 0, page.used_bytes);
}

static void answer_put(struct seat_in *seat, const struct request *request)
{
    CHECK(checksum_fragment(request->payload) == request->put_data.entry.fragment_checksum);
    keep(seat, request->key, &request->put_data.entry, request->payload);
}

static void answer_adopt(struct stand_in *host, unsigned config_index, const struct request *request,
                         struct reply *reply)
{
    const int parent = config_of_id(world.configs[config_index].parent);
    struct kept *kept = find_kept(&host->seats[parent], request->key, request->adopt.entry.tag);
    reply->adopt.is_adopted = kept != NULL;
    if (kept)
        keep(&host->seats[config_index], kept->key, &kept->entry, kept->fragment);
}

/* ---------------------------------------------------------------- answers: configurations */

static int ballot_order(struct ballot a, struct ballot b)
{
    return a.round != b.round ? (a.round < b.round ? -1 : 1) : (a.proposer > b.proposer) - (a.proposer < b.proposer);
}

static void answer_consensus(struct seat_in *seat, const struct request *request, struct reply *reply)
{
    const bool is_prepare = request->kind == MESSAGE_PREPARE;
    const struct ballot ballot = is_prepare ? request->prepare.ballot : request->accept.ballot;
    const int order = ballot_order(ballot, seat->promised);
    reply->consensus.promised = seat->promised;
    if (seat->link.status != LINK_NONE || order < 0 || (is_prepare && order == 0))
        return;
    seat->promised = ballot;
    reply->consensus = (struct consensus_reply){.is_granted = true, .promised = ballot};
    if (is_prepare) {
        reply->consensus.accepted = seat->accepted;
        reply->consensus.descriptor = seat->accepted_descriptor;
        return;
    }
    seat->accepted = ballot;
    seat->accepted_descriptor = world.descriptors[config_of(request->descriptor)];
}

static void answer_write_config(struct seat_in *seat, unsigned config_index, const struct request *request,
                                struct reply *reply)
{
    const unsigned successor = config_of(request->descriptor);
    CHECK(config_id_equal(world.configs[successor].parent, world.configs[config_index].id));
    if (seat->link.status == LINK_NONE)
        seat->link = pending(successor);
    else if (!slice_equal(seat->link.descriptor, request->descriptor))
        reply->status = REPLY_INVALID;
}

static void answer_transfer(struct seat_in *seat, const struct request *request, struct reply *reply)
{
    struct transfer_progress *progress = &seat->progress;
    progress->slices_given |= request->transfer.slices;
    if (request->transfer.sets_pace) {
        progress->is_paused = request->transfer.is_paused;
        progress->bytes_per_s = request->transfer.bytes_per_s;
    }
    if (seat->polls_until_moved == 0)
        progress->slices_moved = progress->slices_given;
    else
        seat->polls_until_moved -= progress->slices_given != 0;
    reply->transfer = *progress;
}

static void answer_register(struct seat_in *seat, unsigned config_index, const struct request *request,
                            struct reply *reply)
{
    const int member_index = config_member_index(&world.configs[config_index], &request->registration.host);
    uint64_t *registered = &seat->registered[member_index];
    if (*registered == 0)
        *registered = request->registration.incarnation;
    if (*registered != request->registration.incarnation)
        reply->status = REPLY_DENIED;
}

/* What needs no seat. False: it does. */
static bool answer_host(unsigned host_index, const struct request *request, struct reply *reply)
{
    struct stand_in *host = &world.hosts[host_index];
    switch (request->kind) {
    case MESSAGE_HELLO:
        reply->hello =
            (struct hello_reply){.host = world.cluster.hosts[host_index].id, .incarnation = host->incarnation};
        if (request->hello.wants_cluster) {
            struct buffer *buffer = buffer_create(CLUSTER_ENCODED_BYTES_MAX);
            reply->payload =
                slice_of(buffer, 0, cluster_encode(&world.cluster, buffer_at(buffer), CLUSTER_ENCODED_BYTES_MAX));
        }
        return true;
    case MESSAGE_HINT:
        reply->next = (struct link){.status = LINK_FINALIZED, .descriptor = host->final};
        return true;
    case MESSAGE_JOIN:
        host->seats[config_of(request->descriptor)].is_member = true;
        return true;
    case MESSAGE_FINALIZE:
        finalize(host, config_of(request->descriptor));
        return true;
    default:
        return false;
    }
}

static void answer(unsigned host_index, const struct request *request, struct reply *reply)
{
    struct stand_in *host = &world.hosts[host_index];
    *reply = (struct reply){.kind = request->kind, .op = request->op, .phase = request->phase};
    if (answer_host(host_index, request, reply))
        return;
    const int config_index = config_of_id(request->config);
    if (config_index < 0 || !host->seats[config_index].is_member) {
        reply->status = REPLY_UNKNOWN_CONFIG;
        reply->next = (struct link){.status = LINK_FINALIZED, .descriptor = host->final};
        return;
    }
    struct seat_in *seat = &host->seats[config_index];
    if (seat->link.status == LINK_FINALIZED) {
        reply->status = REPLY_RETIRED;
        reply->next = seat->link;
        return;
    }
    const struct kept *newest = newest_of(seat, request->key);
    switch (request->kind) {
    case MESSAGE_GET_TAG:
        reply->tag.newest = newest ? newest->entry.tag : TAG_ZERO;
        break;
    case MESSAGE_GET_DATA:
        answer_get_data(seat, request, reply);
        break;
    case MESSAGE_PUT_DATA:
        answer_put(seat, request);
        break;
    case MESSAGE_LIST_KEYS:
        answer_list_keys(seat, request, reply);
        break;
    case MESSAGE_ADOPT:
        answer_adopt(host, (unsigned)config_index, request, reply);
        break;
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPT:
        answer_consensus(seat, request, reply);
        break;
    case MESSAGE_WRITE_CONFIG:
        answer_write_config(seat, (unsigned)config_index, request, reply);
        break;
    case MESSAGE_TRANSFER:
        answer_transfer(seat, request, reply);
        break;
    case MESSAGE_REGISTER:
        answer_register(seat, (unsigned)config_index, request, reply);
        break;
    default:
        CHECK(request->kind == MESSAGE_READ_CONFIG);
    }
    reply->next = seat->link;
}

/* ---------------------------------------------------------------- messages */

static unsigned host_of_peer(unsigned peer_index)
{
    for (unsigned i = 0; i < STAND_IN_COUNT; i++)
        if (strcmp(world.cluster.hosts[i].address, client_peer_address(world.client, peer_index)) == 0)
            return i;
    CHECK(!"a peer is a host");
    return 0;
}

void world_clear_log(void)
{
    while (world.log_count > 0)
        slice_unref(&world.log[--world.log_count].key);
}

static void log_request(unsigned host_index, const struct request *request)
{
    CHECK(world.log_count < LOG_MAX);
    struct logged *logged = &world.log[world.log_count++];
    *logged =
        (struct logged){.host_index = host_index, .kind = request->kind, .config_index = config_of_id(request->config)};
    logged->key = slice_copy(request->kind == MESSAGE_LIST_KEYS ? request->list_keys.after : request->key);
    logged->has_payload = request->payload.bytes > 0;
    if (request->kind == MESSAGE_PUT_DATA)
        logged->tag = request->put_data.entry.tag;
    if (request->kind == MESSAGE_ADOPT)
        logged->tag = request->adopt.entry.tag;
    if (request->kind == MESSAGE_CONFIRM)
        logged->tag = request->confirm.tag;
    if (request->kind == MESSAGE_TRANSFER)
        logged->slices = request->transfer.slices;
}

/* The host handles it now; its answer waits its turn. */
static void handle_unwatched(const struct client_send *send)
{
    const unsigned host_index = host_of_peer(send->peer_index);
    const struct request *request = &send->request;
    if (request->kind == MESSAGE_JOIN)
        config_of(request->descriptor);
    log_request(host_index, request);
    if (world.hosts[host_index].is_silent || (world.on_request && !world.on_request(host_index, request)) ||
        request->kind == MESSAGE_CONFIRM)
        return;
    CHECK(world.queued_count < ANSWER_MAX);
    struct queued *queued = &world.queued[world.queued_count++];
    queued->peer_index = send->peer_index;
    answer(host_index, request, &queued->reply);
    if (world.on_reply)
        world.on_reply(host_index, &queued->reply);
}

static void handle(const struct client_send *send)
{
    if (world.on_rest)
        world.on_rest();
    handle_unwatched(send);
    if (world.on_resume)
        world.on_resume();
}

void world_settle(void)
{
    for (bool has_more = true; has_more;) {
        struct client_send send;
        has_more = false;
        for (; world.told_count < client_peer_count(world.client); world.told_count++)
            client_peer_up(world.client, world.now_ns, world.told_count);
        while (client_next_send(world.client, world.now_ns, &send)) {
            handle(&send);
            has_more = true;
        }
        client_check(world.client);
        for (unsigned i = 0; i < world.queued_count; i++) {
            client_receive(world.client, world.now_ns, world.queued[i].peer_index, &world.queued[i].reply);
            slice_unref(&world.queued[i].reply.payload);
            has_more = true;
        }
        world.queued_count = 0;
    }
}

bool world_run(uint64_t id, uint64_t until_ns)
{
    for (;;) {
        world_settle();
        if (client_next_done(world.client, &world.done)) {
            CHECK(world.done.id == id);
            return true;
        }
        const uint64_t wake_ns = client_wake_ns(world.client);
        if (wake_ns > until_ns)
            return false;
        world.now_ns = wake_ns > world.now_ns ? wake_ns : world.now_ns;
        client_tick(world.client, world.now_ns);
    }
}

uint64_t world_submit(struct client_op op, const char *key)
{
    uint64_t id;
    op.key = slice_borrow(key, strlen(key));
    if (op.deadline_ns == 0)
        op.deadline_ns = UINT64_MAX;
    CHECK(client_submit(world.client, world.now_ns, &op, &id) == AREG_OK);
    return id;
}

enum areg_error world_do(struct client_op op, const char *key)
{
    const uint64_t id = world_submit(op, key);
    CHECK(world_run(id, world.now_ns + 60000 * MS));
    return world.done.error;
}

void world_drop(void)
{
    for (unsigned i = 0; i < world.done.piece_count; i++)
        slice_unref(&world.done.pieces[i]);
    slice_unref(&world.done.page);
    slice_unref(&world.done.more_after);
    slice_unref(&world.done.base);
    slice_unref(&world.done.pending);
    world.done = (struct client_done){0};
}

/* ---------------------------------------------------------------- the world */

void world_open(const char *code, const char *hosts)
{
    memset(&world, 0, sizeof world);
    world.now_ns = START_NS;
    struct cluster *cluster = &world.cluster;
    snprintf(cluster->name, sizeof cluster->name, "test");
    cluster->host_count = STAND_IN_COUNT;
    for (unsigned i = 0; i < STAND_IN_COUNT; i++) {
        snprintf(cluster->hosts[i].id.text, sizeof cluster->hosts[i].id.text, "s%u", i);
        snprintf(cluster->hosts[i].address, sizeof cluster->hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
        world.hosts[i].incarnation = 1000 + i;
    }
    cluster->pool_count = 1;
    struct pool *pool = &cluster->pools[0];
    snprintf(pool->name, sizeof pool->name, "default");
    pool->shard_count = 1;
    CHECK(code_parse(code, &pool->code) == AREG_OK && pool->code.n == strlen(hosts));
    for (unsigned i = 0; hosts[i]; i++)
        pool->member_hosts[i] = (uint8_t)(hosts[i] - '0');
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(cluster, why) == AREG_OK);
    struct config genesis;
    cluster_genesis_config(cluster, 0, &genesis);
    add_config(&genesis);
    for (unsigned i = 0; i < STAND_IN_COUNT; i++) {
        world.hosts[i].seats[0].is_member = is_named(hosts, i);
        world.hosts[i].final = world.descriptors[0];
    }

    /* The seed is the last host, which is in few configurations. */
    const char *const seeds[] = {cluster->hosts[STAND_IN_COUNT - 1].address};
    const struct client_options options = {.random_seed = 1, .inflight_max = 256, .seeds = seeds, .seed_count = 1};
    world.client = client_create(&options, world.now_ns);
    CHECK(world.client != NULL);
    world_settle();
    CHECK(client_cluster(world.client) != NULL);
    world_settle();
    world_clear_log();
}

void world_close(void)
{
    struct client_done done;
    world_drop();
    world_clear_log();
    client_cancel_all(world.client, world.now_ns);
    while (client_next_done(world.client, &done)) {
        slice_unref(&done.base);
        slice_unref(&done.pending);
    }
    client_check(world.client);
    client_destroy(world.client);
    for (unsigned i = 0; i < STAND_IN_COUNT; i++) {
        for (unsigned j = 0; j < world.config_count; j++) {
            struct seat_in *seat = &world.hosts[i].seats[j];
            for (unsigned k = 0; k < seat->kept_count; k++) {
                slice_unref(&seat->kept[k].key);
                slice_unref(&seat->kept[k].fragment);
            }
            free(seat->kept);
        }
    }
    for (unsigned i = 0; i < world.config_count; i++)
        slice_unref(&world.descriptors[i]);
}

/* ---------------------------------------------------------------- looking */

bool world_has_read(struct slice value)
{
    size_t at = 0;
    for (unsigned i = 0; i < world.done.piece_count; i++) {
        const struct slice piece = world.done.pieces[i];
        if (at + piece.bytes > value.bytes || (piece.bytes && memcmp(piece.at, value.at + at, piece.bytes) != 0))
            return false;
        at += piece.bytes;
    }
    return world.done.error == AREG_OK && world.done.piece_count > 0 && at == value.bytes &&
           world.done.value_bytes == value.bytes;
}

struct voters world_sent(unsigned from, enum message_kind kind, int config_index)
{
    struct voters hosts = {0};
    for (unsigned i = from; i < world.log_count; i++)
        if (world.log[i].kind == kind && (config_index < 0 || world.log[i].config_index == config_index))
            voters_add(&hosts, world.log[i].host_index);
    return hosts;
}

unsigned world_count(unsigned from, enum message_kind kind, int config_index)
{
    unsigned count = 0;
    for (unsigned i = from; i < world.log_count; i++)
        count += world.log[i].kind == kind && (config_index < 0 || world.log[i].config_index == config_index);
    return count;
}
