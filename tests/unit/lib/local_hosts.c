#include "local_hosts.h"

#include "core/check.h"
#include "net/router.h"
#include "server/replica.h"
#include "wire/packet.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct local_host {
    struct host_id id;
    struct router *router;
    struct store *store;
    struct replica *replica;
    atomic_uint faults;
    atomic_uint_least64_t puts;
    pthread_t thread;
    struct local_hosts *all;
};

struct local_hosts {
    struct cluster cluster;
    unsigned count;
    struct local_host hosts[LOCAL_HOST_MAX];
    atomic_bool is_ending;
    char seeds[LOCAL_SEEDS_BYTES];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* A host's reply, or what it says instead. False: it says nothing. */
static bool answer(struct local_host *host, struct store_txn *txn, const struct request *request, struct reply *reply)
{
    const unsigned faults = atomic_load(&host->faults);
    *reply = (struct reply){.kind = request->kind, .op = request->op, .phase = request->phase};
    if (faults & LOCAL_FUTURE) {
        reply->status = REPLY_VERSION;
        reply->hello.host = host->id;
        reply->hello.version_min = reply->hello.version_max = PROTOCOL_VERSION + 1;
        return true;
    }
    if (request->kind == MESSAGE_STATUS) {
        static const char status[] = "{\"faults\":0}";
        reply->payload = slice_copy(slice_borrow(status, strlen(status)));
        return true;
    }
    if (request->kind == MESSAGE_PUT_DATA) {
        atomic_fetch_add(&host->puts, 1);
        if (faults & LOCAL_DROPS_PUTS)
            return false;
        if (faults & (LOCAL_BUSY | LOCAL_FULL)) {
            reply->status = faults & LOCAL_BUSY ? REPLY_BUSY : REPLY_FULL;
            return true;
        }
    }
    bool has_reply = true;
    if (message_is_read_only(request->kind))
        CHECK(replica_read(host->replica, txn, request, reply) == AREG_OK);
    else
        CHECK(replica_write(host->replica, txn, now_ns(), request, reply, &has_reply) == AREG_OK);
    return has_reply;
}

static void send_garbage(struct local_host *host, const struct peer_id *peer)
{
    static const uint8_t bytes[] = {0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    struct packet packet = {.header = slice_copy(slice_borrow(bytes, sizeof bytes))};
    router_send(host->router, peer, &packet);
}

static void handle_packet(struct local_host *host, const struct peer_id *peer, const struct packet *packet)
{
    struct packet_writer *writer = packet_writer_create();
    struct store_txn *txn;
    CHECK(writer && store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    struct packet_reader reader;
    struct request request;
    uint32_t version;
    enum areg_error error = packet_open(&reader, packet, &version);
    while (!error && (error = packet_next_request(&reader, &request)) == AREG_OK) {
        struct reply reply;
        if (!answer(host, txn, &request, &reply))
            continue;
        CHECK(packet_add_reply(writer, &reply) == AREG_OK);
        slice_unref(&reply.payload);
    }
    CHECK(error == AREG_ENOTFOUND);
    CHECK(store_commit(txn) == AREG_OK);
    replica_settle(host->replica, true);
    if (packet_message_count(writer) > 0) {
        struct packet replies;
        packet_take(writer, &replies);
        router_send(host->router, peer, &replies);
    }
    packet_writer_destroy(writer);
}

static void *serve(void *arg)
{
    struct local_host *host = arg;
    while (!atomic_load(&host->all->is_ending)) {
        router_wait(host->router, -1);
        struct peer_id peer;
        struct packet packet;
        while (router_receive(host->router, &peer, &packet)) {
            const unsigned faults = atomic_load(&host->faults);
            if (faults & LOCAL_GARBAGE)
                send_garbage(host, &peer);
            else if (!(faults & LOCAL_SILENT))
                handle_packet(host, &peer, &packet);
            packet_fini(&packet);
        }
    }
    return NULL;
}

static void open_routers(struct local_hosts *hosts)
{
    for (unsigned i = 0; i < hosts->count; i++) {
        char why[NET_WHY_BYTES];
        CHECK(router_create(&hosts->hosts[i].router, "tcp://127.0.0.1:*", why) == AREG_OK);
        struct cluster_host *host = &hosts->cluster.hosts[i];
        snprintf(host->id.text, sizeof host->id.text, "s%u", i + 1);
        snprintf(host->address, sizeof host->address, "%s", router_address(hosts->hosts[i].router));
        snprintf(hosts->seeds + strlen(hosts->seeds), sizeof hosts->seeds - strlen(hosts->seeds), "%s%s",
                 i > 0 ? "," : "", host->address);
    }
}

static void start_host(struct local_hosts *hosts, unsigned host_index)
{
    struct local_host *host = &hosts->hosts[host_index];
    const struct store_options store_options = {.sync = true};
    const struct replica_options options = {
        .host = hosts->cluster.hosts[host_index].id, .incarnation = host_index + 1, .cluster = &hosts->cluster};
    struct store_txn *txn;
    CHECK(store_memory_open(&host->store, &store_options) == AREG_OK);
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_create(&host->replica, &options, txn) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    host->all = hosts;
    host->id = options.host;
    CHECK(pthread_create(&host->thread, NULL, serve, host) == 0);
}

struct local_hosts *local_hosts_start(const char *code, unsigned shard_count)
{
    struct local_hosts *hosts = calloc(1, sizeof *hosts);
    CHECK(hosts != NULL);
    struct pool *pool = &hosts->cluster.pools[0];
    CHECK(code_parse(code, &pool->code) == AREG_OK && pool->code.n <= LOCAL_HOST_MAX);
    hosts->count = pool->code.n;
    snprintf(hosts->cluster.name, sizeof hosts->cluster.name, "test");
    snprintf(pool->name, sizeof pool->name, "default");
    pool->shard_count = (uint16_t)shard_count;
    hosts->cluster.pool_count = 1;
    hosts->cluster.host_count = (uint16_t)hosts->count;
    for (unsigned i = 0; i < hosts->count; i++)
        pool->member_hosts[i] = (uint8_t)i;
    open_routers(hosts);
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&hosts->cluster, why) == AREG_OK);
    for (unsigned i = 0; i < hosts->count; i++)
        start_host(hosts, i);
    return hosts;
}

void local_hosts_stop(struct local_hosts *hosts)
{
    atomic_store(&hosts->is_ending, true);
    for (unsigned i = 0; i < hosts->count; i++)
        router_wake(hosts->hosts[i].router);
    for (unsigned i = 0; i < hosts->count; i++) {
        struct local_host *host = &hosts->hosts[i];
        CHECK(pthread_join(host->thread, NULL) == 0);
        router_destroy(host->router, 0);
        replica_destroy(host->replica);
        store_close(host->store);
    }
    free(hosts);
}

const char *local_hosts_seeds(const struct local_hosts *hosts)
{
    return hosts->seeds;
}

const char *local_hosts_address(const struct local_hosts *hosts, unsigned host_index)
{
    return hosts->cluster.hosts[host_index].address;
}

void local_hosts_set_faults(struct local_hosts *hosts, unsigned host_index, unsigned faults)
{
    atomic_store(&hosts->hosts[host_index].faults, faults);
}

uint64_t local_hosts_puts(const struct local_hosts *hosts, unsigned host_index)
{
    return atomic_load(&hosts->hosts[host_index].puts);
}
