#include "world.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "core/key_page.h"
#include "core/random.h"
#include "store/store_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OP_MAX = 20000, MESSAGE_MAX = 65536, NAMED_MAX = 1 << 16 };

/* What a tag was seen to name (I6). */
struct named {
    unsigned key_index;
    struct entry entry;
};

struct transit {
    uint64_t due_ns;
    uint64_t number; /* breaks ties in the order of sending */
    unsigned client_index;
    uint32_t client_life;
    unsigned host_index;
    bool to_host;
    bool is_held;
    enum message_kind kind;
    struct packet *packet;
};

struct host {
    struct store *store;
    struct replica *replica;
    bool is_up;
    struct tag trimmed[WORLD_KEY_MAX]; /* as it was seen last */
};

struct world_client {
    struct client *engine;
    uint32_t life;
    unsigned peers_told;
};

struct world {
    struct world_options options;
    struct random_source random;
    uint64_t now_ns;
    struct cluster cluster;
    unsigned host_count;
    struct host hosts[WORLD_HOST_MAX];
    struct world_client clients[WORLD_CLIENT_MAX];
    unsigned transit_count;
    uint64_t transit_number;
    struct transit *transits;
    unsigned op_count;
    struct world_op *ops;
    uint64_t value_count;
    unsigned busy_permille;
    uint64_t extra_ns[WORLD_CLIENT_MAX][WORLD_HOST_MAX];
    uint64_t ticked_ns; /* of the last tick of a client */
    unsigned tick_count;
    unsigned named_count;
    struct named *named;
    struct packet_writer *writer;
    world_gate_fn *gate;
    void *gate_arg;
    char verdict[256];
};

/* ---------------------------------------------------------------- network */

static void push_transit(struct world *world, struct transit transit, struct packet *packet)
{
    CHECK(world->transit_count < MESSAGE_MAX);
    transit.packet = malloc(sizeof *packet);
    *transit.packet = *packet;
    transit.number = world->transit_number++;
    transit.due_ns = world->now_ns + world->extra_ns[transit.client_index][transit.host_index] +
                     world->options.delay_ns_min +
                     random_below(&world->random, world->options.delay_ns_max - world->options.delay_ns_min + 1);
    if (world->gate)
        transit.is_held = !world->gate(world, transit.client_index, transit.host_index, transit.to_host, transit.kind,
                                       world->gate_arg);
    world->transits[world->transit_count++] = transit;
}

static void send_packet(struct world *world, struct transit transit)
{
    struct packet packet;
    packet_take(world->writer, &packet);
    if (random_below(&world->random, 1000) < world->options.loss_permille) {
        packet_fini(&packet);
        return;
    }
    if (random_below(&world->random, 1000) < world->options.double_permille) {
        struct packet copy = packet;
        copy.header = slice_ref(packet.header);
        for (unsigned i = 0; i < packet.payload_count; i++)
            copy.payloads[i] = slice_ref(packet.payloads[i]);
        push_transit(world, transit, &copy);
    }
    push_transit(world, transit, &packet);
}

static void drop_transit(struct world *world, unsigned index)
{
    packet_fini(world->transits[index].packet);
    free(world->transits[index].packet);
    world->transits[index] = world->transits[--world->transit_count];
}

static int next_transit(const struct world *world)
{
    int first = -1;
    for (unsigned i = 0; i < world->transit_count; i++) {
        const struct transit *transit = &world->transits[i];
        if (transit->is_held)
            continue;
        if (first < 0 || transit->due_ns < world->transits[first].due_ns ||
            (transit->due_ns == world->transits[first].due_ns && transit->number < world->transits[first].number))
            first = (int)i;
    }
    return first;
}

/* ---------------------------------------------------------------- clients */

static int host_of_address(const struct world *world, const char *address)
{
    for (unsigned i = 0; i < world->host_count; i++)
        if (strcmp(world->cluster.hosts[i].address, address) == 0)
            return (int)i;
    return -1;
}

static void record(struct world *world, const struct client_done *done)
{
    struct world_op *op = &world->ops[(uintptr_t)done->context];
    CHECK(op->end_ns == 0); /* I12 */
    op->end_ns = world->now_ns;
    op->error = done->error;
    op->rounds = done->rounds;
    op->wrote_back = done->wrote_back;
    memcpy(op->detail, done->detail, sizeof op->detail);
    CHECK(memchr(done->detail, 0, sizeof done->detail) != NULL);
    CHECK((done->error == AREG_OK && op->kind == CLIENT_GET) || done->piece_count == 0);
    if (done->error == AREG_OK || done->error == AREG_ENOTFOUND || !tag_is_zero(done->tag))
        op->tag = done->tag;
    if (op->kind == CLIENT_GET && done->error == AREG_OK) {
        uint8_t first[8] = {0};
        size_t at = 0;
        op->value_bytes = 0;
        for (unsigned i = 0; i < done->piece_count; i++) {
            for (size_t j = 0; j < done->pieces[i].bytes && at < sizeof first; j++)
                first[at++] = done->pieces[i].at[j];
            op->value_bytes += done->pieces[i].bytes;
        }
        CHECK(op->value_bytes == done->value_bytes);
        memcpy(&op->value_id, first, sizeof first);
    }
    if (op->kind == CLIENT_STAT)
        op->value_bytes = done->value_bytes;
    struct bytes_reader reader = bytes_reader_on(done->page.at, done->page.bytes);
    struct listed_key listed;
    while (op->kind == CLIENT_LIST && key_page_get(&reader, &listed) == AREG_OK)
        op->listed |= 1u << (listed.key.at[1] - '0');
    op->has_more = done->has_more;
}

static void drain(struct world *world, unsigned client_index)
{
    struct world_client *client = &world->clients[client_index];
    struct client_send send;
    struct client_done done;
    for (; client->peers_told < client_peer_count(client->engine); client->peers_told++) {
        const int host_index = host_of_address(world, client_peer_address(client->engine, client->peers_told));
        CHECK(host_index >= 0);
        if (world->hosts[host_index].is_up)
            client_peer_up(client->engine, world->now_ns, client->peers_told);
    }
    while (client_next_send(client->engine, world->now_ns, &send)) {
        const int host_index = host_of_address(world, client_peer_address(client->engine, send.peer_index));
        CHECK(packet_add_request(world->writer, &send.request) == AREG_OK);
        send_packet(world, (struct transit){.client_index = client_index,
                                            .client_life = client->life,
                                            .host_index = (unsigned)host_index,
                                            .to_host = true,
                                            .kind = send.request.kind});
    }
    while (client_next_done(client->engine, &done)) {
        record(world, &done);
        for (unsigned i = 0; i < done.piece_count; i++)
            slice_unref(&done.pieces[i]);
        slice_unref(&done.page);
        slice_unref(&done.more_after);
    }
    client_check(client->engine);
}

static void create_client(struct world *world, unsigned client_index)
{
    const char *seeds[] = {world->cluster.hosts[0].address, world->cluster.hosts[world->host_count - 1].address};
    const struct client_options options = {
        .random_seed = random_next(&world->random),
        .inflight_max = 64,
        .seeds = seeds,
        .seed_count = world->host_count > 1 ? 2 : 1,
    };
    struct world_client *client = &world->clients[client_index];
    client->engine = client_create(&options, world->now_ns);
    CHECK(client->engine != NULL);
    client->peers_told = 0;
    drain(world, client_index);
}

void world_crash_client(struct world *world, unsigned client_index)
{
    for (unsigned i = 0; i < world->op_count; i++)
        if (world->ops[i].client_index == client_index && world->ops[i].end_ns == 0)
            world->ops[i].is_lost = true;
    client_destroy(world->clients[client_index].engine);
    world->clients[client_index].life++;
    create_client(world, client_index);
}

/* ---------------------------------------------------------------- hosts */

static void start_host(struct world *world, unsigned host_index)
{
    struct host *host = &world->hosts[host_index];
    struct store_txn *txn;
    const struct replica_options options = {
        .host = world->cluster.hosts[host_index].id, .incarnation = 1 + host_index, .cluster = &world->cluster};
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_create(&host->replica, &options, txn) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    host->is_up = true;
}

static struct slice key_of(unsigned key_index, char text[8])
{
    snprintf(text, 8, "k%u", key_index % WORLD_KEY_MAX);
    return slice_borrow(text, strlen(text));
}

static bool register_of(struct world *world, unsigned host_index, unsigned key_index, struct stored_register *found)
{
    struct store_txn *txn;
    uint32_t slot = 1;
    struct slice descriptor;
    char text[8];
    CHECK(store_begin(world->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
    CHECK(store_config_next(txn, &slot, &descriptor) == AREG_OK);
    const enum areg_error error = store_register_get(txn, slot, key_of(key_index, text), found);
    CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
    store_abort(txn);
    return error == AREG_OK;
}

static void accuse(struct world *world, const char *what, unsigned host_index, struct tag tag)
{
    if (world->verdict[0] == 0)
        snprintf(world->verdict, sizeof world->verdict, "%s: host %u, tag %llu.%llx", what, host_index,
                 (unsigned long long)tag.z, (unsigned long long)tag.w);
}

/* I6: a tag names one value, wherever it is seen. */
static void watch_entry(struct world *world, unsigned host_index, unsigned key_index, const struct entry *entry)
{
    uint64_t place = (entry->tag.z * 31 + entry->tag.w + key_index) * UINT64_C(0x9E3779B97F4A7C15) >> 40;
    for (;; place++) {
        struct named *named = &world->named[place % NAMED_MAX];
        if (tag_is_zero(named->entry.tag)) {
            CHECK(++world->named_count < NAMED_MAX / 2);
            *named = (struct named){key_index, *entry};
            return;
        }
        if (named->key_index != key_index || !tag_equal(named->entry.tag, entry->tag))
            continue;
        if (named->entry.value_digest != entry->value_digest || named->entry.flags != entry->flags)
            accuse(world, "two values under one tag", host_index, entry->tag);
        return;
    }
}

/* I7, after every change of a host. */
static void watch(struct world *world, unsigned host_index)
{
    struct host *host = &world->hosts[host_index];
    static struct stored_register found;
    for (unsigned key_index = 0; key_index < WORLD_KEY_MAX; key_index++) {
        if (!register_of(world, host_index, key_index, &found))
            continue;
        if (tag_compare(found.trimmed, host->trimmed[key_index]) < 0)
            accuse(world, "`trimmed` went back", host_index, found.trimmed);
        host->trimmed[key_index] = found.trimmed;
        for (unsigned i = 0; i < found.entry_count; i++) {
            if (tag_compare(found.entries[i].entry.tag, found.trimmed) <= 0)
                accuse(world, "listed, and below `trimmed`", host_index, found.entries[i].entry.tag);
            watch_entry(world, host_index, key_index, &found.entries[i].entry);
        }
    }
}

bool world_rot(struct world *world, unsigned host_index, unsigned key_index)
{
    static struct stored_register found;
    if (!register_of(world, host_index, key_index, &found))
        return false;
    for (unsigned i = 0; i < world->op_count; i++) {
        const struct world_op *op = &world->ops[i];
        if (op->kind != CLIENT_PUT || op->key_index != key_index || op->end_ns == 0 || op->error != AREG_OK)
            continue;
        char text[8];
        for (unsigned j = 0; j < found.entry_count; j++)
            if (tag_equal(found.entries[j].entry.tag, op->tag) &&
                store_memory_rot(world->hosts[host_index].store, 1, key_of(key_index, text), op->tag, i) == AREG_OK)
                return true;
    }
    return false;
}

static void answer(struct world *world, unsigned host_index, const struct request *request, const struct transit *from)
{
    struct host *host = &world->hosts[host_index];
    struct store_txn *txn;
    static struct reply reply;
    bool has_reply = true;
    const bool is_read = message_is_read_only(request->kind);
    CHECK(store_begin(host->store, is_read ? STORE_READ : STORE_WRITE, &txn) == AREG_OK);
    const bool is_busy = request->kind == MESSAGE_PUT_DATA && random_below(&world->random, 1000) < world->busy_permille;
    enum areg_error error = AREG_OK;
    if (is_busy)
        reply = (struct reply){.kind = request->kind, .op = request->op, .phase = request->phase, .status = REPLY_BUSY};
    else if (is_read)
        error = replica_read(host->replica, txn, request, &reply);
    else
        error = replica_write(host->replica, txn, world->now_ns, request, &reply, &has_reply);
    CHECK(error == AREG_OK);
    if (has_reply)
        CHECK(packet_add_reply(world->writer, &reply) == AREG_OK);
    slice_unref(&reply.payload);
    if (is_read) {
        store_abort(txn);
    } else {
        CHECK(store_commit(txn) == AREG_OK);
        replica_settle(host->replica, true);
        watch(world, host_index);
    }
    if (has_reply)
        send_packet(world, (struct transit){.client_index = from->client_index,
                                            .client_life = from->client_life,
                                            .host_index = host_index,
                                            .to_host = false,
                                            .kind = request->kind});
}

static void tick_host(struct world *world, unsigned host_index)
{
    struct host *host = &world->hosts[host_index];
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_tick(host->replica, txn, world->now_ns) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    replica_settle(host->replica, true);
    watch(world, host_index);
}

static void tell_clients(struct world *world, unsigned host_index, bool is_up)
{
    for (unsigned i = 0; i < world->options.client_count; i++) {
        struct world_client *client = &world->clients[i];
        for (unsigned peer = 0; peer < client->peers_told; peer++) {
            if (host_of_address(world, client_peer_address(client->engine, peer)) != (int)host_index)
                continue;
            if (is_up)
                client_peer_up(client->engine, world->now_ns, peer);
            else
                client_peer_down(client->engine, world->now_ns, peer);
        }
        drain(world, i);
    }
}

void world_crash(struct world *world, unsigned host_index)
{
    struct host *host = &world->hosts[host_index];
    replica_destroy(host->replica);
    store_memory_crash(host->store);
    host->replica = NULL;
    host->is_up = false;
    for (unsigned i = world->transit_count; i-- > 0;)
        if (world->transits[i].host_index == host_index)
            drop_transit(world, i);
    tell_clients(world, host_index, false);
}

void world_restart(struct world *world, unsigned host_index)
{
    start_host(world, host_index);
    tell_clients(world, host_index, true);
}

/* ---------------------------------------------------------------- time */

static void deliver(struct world *world, unsigned index)
{
    struct transit transit = world->transits[index];
    world->transits[index] = world->transits[--world->transit_count];
    struct packet_reader reader;
    uint32_t version;
    CHECK(packet_open(&reader, transit.packet, &version) == AREG_OK);
    struct world_client *client = &world->clients[transit.client_index];
    if (transit.to_host && world->hosts[transit.host_index].is_up) {
        struct request request;
        while (packet_next_request(&reader, &request) == AREG_OK)
            answer(world, transit.host_index, &request, &transit);
    } else if (!transit.to_host && client->life == transit.client_life) {
        static struct reply reply;
        while (packet_next_reply(&reader, &reply) == AREG_OK)
            for (unsigned peer = 0; peer < client->peers_told; peer++)
                if (host_of_address(world, client_peer_address(client->engine, peer)) == (int)transit.host_index)
                    client_receive(client->engine, world->now_ns, peer, &reply);
        drain(world, transit.client_index);
    }
    packet_fini(transit.packet);
    free(transit.packet);
}

struct next {
    uint64_t due_ns;  /* UINT64_MAX: nothing */
    int client_index; /* to be ticked; else -1 */
    int host_index;   /* to be ticked; else -1 */
    int transit_index;
};

static struct next next_of(const struct world *world)
{
    struct next next = {UINT64_MAX, -1, -1, next_transit(world)};
    if (next.transit_index >= 0)
        next.due_ns = world->transits[next.transit_index].due_ns;
    for (unsigned i = 0; i < world->host_count; i++) {
        const uint64_t wake_ns = world->hosts[i].is_up ? replica_wake_ns(world->hosts[i].replica) : UINT64_MAX;
        if (wake_ns < next.due_ns) {
            next.due_ns = wake_ns;
            next.host_index = (int)i;
        }
    }
    for (unsigned i = 0; i < world->options.client_count; i++) {
        const uint64_t wake_ns = client_wake_ns(world->clients[i].engine);
        if (wake_ns < next.due_ns) {
            next.due_ns = wake_ns;
            next.client_index = (int)i;
        }
    }
    return next;
}

static void take_step(struct world *world, struct next next)
{
    if (next.due_ns > world->now_ns)
        world->now_ns = next.due_ns;
    if (next.client_index >= 0) {
        /* Clients that are awake do not spin. */
        world->tick_count = world->ticked_ns == world->now_ns ? world->tick_count + 1 : 0;
        world->ticked_ns = world->now_ns;
        CHECK(world->tick_count < 10 * WORLD_CLIENT_MAX);
        client_tick(world->clients[next.client_index].engine, world->now_ns);
        drain(world, (unsigned)next.client_index);
    } else if (next.host_index >= 0) {
        tick_host(world, (unsigned)next.host_index);
    } else {
        deliver(world, (unsigned)next.transit_index);
    }
}

bool world_step(struct world *world)
{
    const struct next next = next_of(world);
    if (next.due_ns == UINT64_MAX)
        return false;
    take_step(world, next);
    return true;
}

void world_finish(struct world *world, unsigned op_index)
{
    for (unsigned steps = 0; world->ops[op_index].end_ns == 0; steps++) {
        CHECK(steps < 10000000);
        CHECK(world_step(world));
    }
}

void world_run(struct world *world, uint64_t ns)
{
    const uint64_t until_ns = world->now_ns + ns;
    for (;;) {
        const struct next next = next_of(world);
        if (next.due_ns > until_ns)
            break;
        take_step(world, next);
    }
    world->now_ns = until_ns;
}

/* ---------------------------------------------------------------- creation */

struct world *world_create(const struct world_options *options)
{
    struct world *world = calloc(1, sizeof *world);
    world->options = *options;
    world->random.state = options->seed;
    world->now_ns = 1000000000;
    world->transits = calloc(MESSAGE_MAX, sizeof *world->transits);
    world->ops = calloc(OP_MAX, sizeof *world->ops);
    world->named = calloc(NAMED_MAX, sizeof *world->named);
    world->writer = packet_writer_create();
    struct pool *pool = &world->cluster.pools[0];
    CHECK(code_parse(options->code, &pool->code) == AREG_OK);
    world->host_count = pool->code.n;
    snprintf(world->cluster.name, sizeof world->cluster.name, "test");
    world->cluster.host_count = pool->code.n;
    for (unsigned i = 0; i < world->host_count; i++) {
        snprintf(world->cluster.hosts[i].id.text, sizeof world->cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(world->cluster.hosts[i].address, sizeof world->cluster.hosts[i].address, "tcp://10.0.0.%u:7600",
                 i + 1);
        pool->member_hosts[i] = (uint8_t)i;
    }
    snprintf(pool->name, sizeof pool->name, "default");
    pool->delta = (uint16_t)options->delta;
    pool->shard_count = 1;
    world->cluster.pool_count = 1;
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&world->cluster, why) == AREG_OK);
    for (unsigned i = 0; i < world->host_count; i++) {
        const struct store_options store_options = {.path = "", .quota_bytes = options->quota_bytes, .sync = true};
        CHECK(store_memory_open(&world->hosts[i].store, &store_options) == AREG_OK);
        start_host(world, i);
    }
    for (unsigned i = 0; i < options->client_count; i++)
        create_client(world, i);
    return world;
}

void world_destroy(struct world *world)
{
    while (world->transit_count)
        drop_transit(world, 0);
    for (unsigned i = 0; i < world->options.client_count; i++)
        client_destroy(world->clients[i].engine);
    for (unsigned i = 0; i < world->host_count; i++) {
        replica_destroy(world->hosts[i].replica);
        store_close(world->hosts[i].store);
    }
    packet_writer_destroy(world->writer);
    free(world->ops);
    free(world->named);
    free(world->transits);
    free(world);
}

/* ---------------------------------------------------------------- operations */

static unsigned submit(struct world *world, unsigned client_index, struct client_op op, unsigned key_index,
                       size_t value_bytes)
{
    CHECK(world->op_count < OP_MAX && key_index < WORLD_KEY_MAX);
    const unsigned op_index = world->op_count++;
    char text[8];
    if (op.kind != CLIENT_LIST)
        op.key = key_of(key_index, text);
    op.context = (void *)(uintptr_t)op_index;
    world->ops[op_index] = (struct world_op){.client_index = client_index,
                                             .client_life = world->clients[client_index].life,
                                             .kind = op.kind,
                                             .key_index = key_index,
                                             .start_ns = world->now_ns,
                                             .value_bytes = value_bytes};
    if (op.kind == CLIENT_PUT && value_bytes) {
        struct buffer *buffer = buffer_create(value_bytes);
        const uint64_t value_id = ++world->value_count;
        world->ops[op_index].value_id = value_id;
        memset(buffer_at(buffer), (int)(value_id & 0xff), value_bytes);
        memcpy(buffer_at(buffer), &value_id, sizeof value_id);
        op.value = slice_of(buffer, 0, value_bytes);
    }
    const enum areg_error error =
        client_submit(world->clients[client_index].engine, world->now_ns, &op, &world->ops[op_index].engine_id);
    if (error != AREG_OK) {
        world->ops[op_index].error = error;
        world->ops[op_index].end_ns = world->now_ns;
    }
    slice_unref(&op.value);
    drain(world, client_index);
    return op_index;
}

unsigned world_submit(struct world *world, unsigned client_index, enum client_op_kind kind, unsigned key_index,
                      size_t value_bytes, uint64_t timeout_ns)
{
    const struct client_op op = {.kind = kind,
                                 .deadline_ns = timeout_ns == UINT64_MAX ? UINT64_MAX : world->now_ns + timeout_ns};
    return submit(world, client_index, op, key_index, value_bytes);
}

unsigned world_submit_base(struct world *world, unsigned client_index, unsigned key_index, size_t value_bytes,
                           struct tag base)
{
    const struct client_op op = {.kind = CLIENT_PUT, .deadline_ns = UINT64_MAX, .has_base = true, .base = base};
    return submit(world, client_index, op, key_index, value_bytes);
}

unsigned world_submit_list(struct world *world, unsigned client_index, int after_index, uint32_t key_count_max,
                           uint64_t timeout_ns)
{
    char text[8];
    struct client_op op = {.kind = CLIENT_LIST,
                           .key_count_max = key_count_max,
                           .deadline_ns = timeout_ns == UINT64_MAX ? UINT64_MAX : world->now_ns + timeout_ns};
    if (after_index >= 0)
        op.after = key_of((unsigned)after_index, text);
    return submit(world, client_index, op, 0, 0);
}

bool world_cancel(struct world *world, unsigned op_index)
{
    const struct world_op *op = &world->ops[op_index];
    struct client *engine = world->clients[op->client_index].engine;
    const enum areg_error error = client_cancel(engine, world->now_ns, op->engine_id);
    drain(world, op->client_index);
    return error == AREG_OK;
}

const struct world_op *world_op(const struct world *world, unsigned op_index)
{
    return &world->ops[op_index];
}

unsigned world_op_count(const struct world *world)
{
    return world->op_count;
}

bool world_is_up(const struct world *world, unsigned host_index)
{
    return world->hosts[host_index].is_up;
}

void world_set_gate(struct world *world, world_gate_fn *gate, void *arg)
{
    world->gate = gate;
    world->gate_arg = arg;
}

void world_release(struct world *world)
{
    world->gate = NULL;
    for (unsigned i = 0; i < world->transit_count; i++) {
        if (world->transits[i].is_held && world->transits[i].due_ns < world->now_ns)
            world->transits[i].due_ns = world->now_ns;
        world->transits[i].is_held = false;
    }
}

void world_set_loss(struct world *world, unsigned loss_permille)
{
    world->options.loss_permille = loss_permille;
}

void world_set_busy(struct world *world, unsigned busy_permille)
{
    world->busy_permille = busy_permille;
}

void world_set_delay(struct world *world, unsigned client_index, unsigned host_index, uint64_t extra_ns)
{
    world->extra_ns[client_index][host_index] = extra_ns;
}

struct random_source *world_random(struct world *world)
{
    return &world->random;
}

struct client *world_client(struct world *world, unsigned client_index)
{
    return world->clients[client_index].engine;
}

uint64_t world_now(const struct world *world)
{
    return world->now_ns;
}

unsigned world_host_count(const struct world *world)
{
    return world->host_count;
}

struct store *world_store(struct world *world, unsigned host_index)
{
    return world->hosts[host_index].store;
}

uint64_t world_fragment_bytes(struct world *world)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < world->host_count; i++) {
        struct store_txn *txn;
        struct store_stats stats;
        CHECK(store_begin(world->hosts[i].store, STORE_READ, &txn) == AREG_OK);
        CHECK(store_stats_get(txn, &stats) == AREG_OK);
        store_abort(txn);
        bytes += stats.fragment_bytes;
    }
    return bytes;
}

const char *world_accusation(const struct world *world)
{
    return world->verdict[0] ? world->verdict : NULL;
}
