/*
 * The client engine without memory: every allocation of a few operations fails once, or it and all after it.
 */
#include "memory.h"

#include "client/client.h"
#include "core/check.h"
#include "server/replica.h"
#include "store/store_memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

enum { MEMBER_MAX = 6, VALUE_BYTES = 3000 };

/* A code, and whom an abandoned write reaches: enough to read it from, not enough to complete it. */
struct ground {
    const char *code;
    unsigned abandoned_to;
};
static const struct ground grounds[] = {{"rs:5,3", 0x15}, {"ldr:3,3", 0x19}};

struct host {
    struct store *store;
    struct replica *replica;
    bool is_up;
};

static struct cluster cluster;
static struct host hosts[MEMBER_MAX];
static struct client *client;
static uint64_t now_ns;
static struct client_done done;
static unsigned put_hosts; /* that put-data gets through to */

/* ---------------------------------------------------------------- hosts, which always have memory */

static void open_hosts(const char *code)
{
    cluster = (struct cluster){.name = "test", .pool_count = 1};
    struct pool *pool = &cluster.pools[0];
    snprintf(pool->name, sizeof pool->name, "default");
    CHECK(code_parse(code, &pool->code) == AREG_OK);
    cluster.host_count = pool->code.n;
    pool->shard_count = 1;
    for (unsigned i = 0; i < cluster.host_count; i++) {
        snprintf(cluster.hosts[i].id.text, sizeof cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster.hosts[i].address, sizeof cluster.hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
        pool->member_hosts[i] = (uint8_t)i;
    }
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&cluster, why) == AREG_OK);
    for (unsigned i = 0; i < cluster.host_count; i++) {
        const struct store_options store_options = {.path = "", .sync = true};
        const struct replica_options options = {.host = cluster.hosts[i].id, .incarnation = 1, .cluster = &cluster};
        struct store_txn *txn;
        CHECK(store_memory_open(&hosts[i].store, &store_options) == AREG_OK);
        CHECK(store_begin(hosts[i].store, STORE_WRITE, &txn) == AREG_OK);
        CHECK(replica_create(&hosts[i].replica, &options, txn) == AREG_OK);
        CHECK(store_commit(txn) == AREG_OK);
        hosts[i].is_up = true;
    }
}

static void close_hosts(void)
{
    for (unsigned i = 0; i < cluster.host_count; i++) {
        replica_destroy(hosts[i].replica);
        store_close(hosts[i].store);
    }
}

static unsigned host_of_peer(unsigned peer_index)
{
    for (unsigned i = 0; i < cluster.host_count; i++)
        if (strcmp(cluster.hosts[i].address, client_peer_address(client, peer_index)) == 0)
            return i;
    CHECK(!"a peer is a host");
    return 0;
}

static bool answer(struct host *host, const struct request *request, struct reply *reply)
{
    struct store_txn *txn;
    bool has_reply = true;
    if (message_is_read_only(request->kind)) {
        CHECK(store_begin(host->store, STORE_READ, &txn) == AREG_OK);
        CHECK(replica_read(host->replica, txn, request, reply) == AREG_OK);
        store_abort(txn);
        return true;
    }
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_write(host->replica, txn, now_ns, request, reply, &has_reply) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    replica_settle(host->replica, true);
    return has_reply;
}

/* ---------------------------------------------------------------- the client, which has not */

static void deliver(const struct client_send *send)
{
    static struct reply reply;
    struct host *host = &hosts[host_of_peer(send->peer_index)];
    memory_rest();
    const bool is_held = send->request.kind == MESSAGE_PUT_DATA && !(put_hosts >> (host - hosts) & 1);
    const bool has_reply = host->is_up && !is_held && answer(host, &send->request, &reply);
    memory_resume();
    if (!has_reply)
        return;
    client_receive(client, now_ns, send->peer_index, &reply);
    memory_rest();
    slice_unref(&reply.payload);
    memory_resume();
}

static void connect_peers(unsigned *told)
{
    for (; *told < client_peer_count(client); ++*told)
        client_peer_up(client, now_ns, *told);
}

/* Until the operation has ended; its outcome is in `done`. */
static void run(unsigned *told, uint64_t id)
{
    for (unsigned turn = 0; turn < 10000; turn++) {
        struct client_send send;
        connect_peers(told);
        while (client_next_send(client, now_ns, &send))
            deliver(&send);
        client_check(client);
        if (client_next_done(client, &done)) {
            CHECK(done.id == id);
            return;
        }
        const uint64_t wake_ns = client_wake_ns(client);
        CHECK(wake_ns < UINT64_MAX);
        now_ns = wake_ns > now_ns ? wake_ns : now_ns;
        client_tick(client, now_ns);
    }
    CHECK(!"an operation ends");
}

static struct slice value_of(unsigned number)
{
    struct buffer *buffer = buffer_create(VALUE_BYTES);
    memset(buffer_at(buffer), (int)number, VALUE_BYTES);
    return slice_of(buffer, 0, VALUE_BYTES);
}

/* The outcome is in `done`, and its error is returned. */
/* Number 1 goes to another key. */
static enum areg_error operate(unsigned *told, enum client_op_kind kind, unsigned number)
{
    struct client_op op = {.kind = kind, .key = slice_borrow("k", 1), .deadline_ns = now_ns + 10000 * MS};
    memory_rest();
    if (kind == CLIENT_PUT)
        op.value = value_of(number);
    if (number == 1)
        op.key = slice_borrow("another", 7);
    if (kind == CLIENT_LIST) {
        op.key = (struct slice){0};
        op.key_count_max = 1;
    }
    memory_resume();
    uint64_t id;
    enum areg_error error = client_submit(client, now_ns, &op, &id);
    slice_unref(&op.value);
    if (error != AREG_OK) {
        CHECK(error == AREG_ENOMEM);
        return error;
    }
    run(told, id);
    error = done.error;
    if (error == AREG_OK && kind == CLIENT_GET) {
        size_t bytes = 0;
        for (unsigned i = 0; i < done.piece_count; i++)
            for (size_t j = 0; j < done.pieces[i].bytes; j++, bytes++)
                CHECK(done.pieces[i].at[j] == done.pieces[0].at[0]);
        CHECK(bytes == VALUE_BYTES && done.value_bytes == VALUE_BYTES);
    }
    return error;
}

static void drop_outcome(void)
{
    for (unsigned i = 0; i < done.piece_count; i++)
        slice_unref(&done.pieces[i]);
    done.piece_count = 0;
    slice_unref(&done.page);
    slice_unref(&done.more_after);
}

static bool is_write(enum client_op_kind kind)
{
    return kind == CLIENT_PUT || kind == CLIENT_DEL;
}

/* All kinds of operations; with a host down in between, so that fragments must be computed, and with writes that reach
 * few, so that they must be computed to be written back. */
static void all_operations(const struct ground *ground, uint64_t nth, bool for_good)
{
    static const struct {
        enum client_op_kind kind;
        bool is_one_down;
        bool is_abandoned;
    } steps[] = {
        {CLIENT_PUT, false, false}, {CLIENT_PUT, false, false},  {CLIENT_GET, true, false},  {CLIENT_PUT, true, false},
        {CLIENT_GET, true, false},  {CLIENT_STAT, false, false}, {CLIENT_PUT, false, true},  {CLIENT_GET, false, false},
        {CLIENT_PUT, false, true},  {CLIENT_STAT, false, false}, {CLIENT_LIST, true, false}, {CLIENT_DEL, false, false},
        {CLIENT_GET, false, false}, {CLIENT_LIST, false, false},
    };
    static const char *const seeds[] = {"tcp://10.0.0.1:1"};
    const struct client_options options = {.random_seed = nth, .inflight_max = 4, .seeds = seeds, .seed_count = 1};
    unsigned told = 0;
    memory_fail(nth, for_good);
    client = client_create(&options, now_ns);
    for (unsigned i = 0; client && i < sizeof steps / sizeof steps[0]; i++) {
        hosts[1].is_up = !steps[i].is_one_down;
        put_hosts = steps[i].is_abandoned ? ground->abandoned_to : UINT_MAX;
        const enum areg_error error = operate(&told, steps[i].kind, i + 1);
        CHECK(error == AREG_OK || error == AREG_ENOMEM || error == AREG_ENOTFOUND || error == AREG_EUNAVAIL ||
              (error == AREG_EMAYBE && is_write(steps[i].kind)));
        drop_outcome();
    }
    memory_calm();
    /* With memory, all is well again. */
    hosts[1].is_up = true;
    put_hosts = UINT_MAX;
    if (client) {
        assert_int_equal(operate(&told, CLIENT_PUT, 98), AREG_OK);
        assert_int_equal(operate(&told, CLIENT_GET, 0), AREG_OK);
        assert_int_equal(done.pieces[0].at[0], 98);
        drop_outcome();
        client_check(client);
    }
    client_destroy(client);
}

static void fail_all(const struct ground *ground, bool for_good)
{
    uint64_t nth = 0;
    bool has_failed = true;
    while (has_failed) {
        const int64_t before = memory_blocks();
        now_ns = 1000 * MS;
        open_hosts(ground->code);
        all_operations(ground, ++nth, for_good);
        has_failed = memory_calm();
        close_hosts();
        assert_int_equal(memory_blocks(), before);
    }
    print_message("%s: %u allocations\n", ground->code, (unsigned)nth - 1);
    assert_true(nth > 30);
}

static void every_allocation_of_the_client_may_fail(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof grounds / sizeof grounds[0]; i++) {
        fail_all(&grounds[i], false);
        fail_all(&grounds[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_of_the_client_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
