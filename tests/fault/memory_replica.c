/*
 * The replica without memory: every allocation of its life fails once. A transaction that met one is repeated.
 */
#include "memory.h"

#include "codec/checksum.h"
#include "core/check.h"
#include "server/replica.h"
#include "store/store_memory.h"
#include "tests/unit/reconfig/described.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct cluster cluster;
static struct store *store;
static struct replica *replica;
static uint64_t now_ns;

static void make_cluster(void)
{
    cluster = (struct cluster){.name = "test", .host_count = 1, .pool_count = 1};
    struct pool *pool = &cluster.pools[0];
    snprintf(pool->name, sizeof pool->name, "default");
    CHECK(code_parse("rs:1,1", &pool->code) == AREG_OK);
    pool->shard_count = 1;
    pool->delta = 3;
    snprintf(cluster.hosts[0].id.text, sizeof cluster.hosts[0].id.text, "s1");
    snprintf(cluster.hosts[0].address, sizeof cluster.hosts[0].address, "tcp://10.0.0.1:1");
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&cluster, why) == AREG_OK);
}

static enum areg_error create(void)
{
    const struct replica_options options = {.host = cluster.hosts[0].id, .incarnation = 1, .cluster = &cluster};
    struct store_txn *txn;
    memory_rest();
    CHECK(store_begin(store, STORE_WRITE, &txn) == AREG_OK);
    memory_resume();
    const enum areg_error error = replica_create(&replica, &options, txn);
    memory_rest();
    if (error == AREG_OK)
        CHECK(store_commit(txn) == AREG_OK);
    else
        store_abort(txn);
    memory_resume();
    return error;
}

/* One request, or (NULL) a tick, in a transaction of its own. */
static enum areg_error attempt(const struct request *request)
{
    static struct reply reply;
    struct store_txn *txn;
    const bool is_read = request && message_is_read_only(request->kind);
    bool has_reply = true;
    memory_rest();
    CHECK(store_begin(store, is_read ? STORE_READ : STORE_WRITE, &txn) == AREG_OK);
    memory_resume();
    reply.payload = (struct slice){0};
    enum areg_error error;
    if (is_read)
        error = replica_read(replica, txn, request, &reply);
    else if (request)
        error = replica_write(replica, txn, now_ns, request, &reply, &has_reply);
    else
        error = replica_tick(replica, txn, now_ns);
    memory_rest();
    if (error == AREG_OK && is_read)
        slice_unref(&reply.payload);
    if (error == AREG_OK && !is_read)
        CHECK(store_commit(txn) == AREG_OK);
    else
        store_abort(txn);
    if (!is_read)
        replica_settle(replica, error == AREG_OK);
    memory_resume();
    CHECK(error == AREG_OK || error == AREG_ENOMEM);
    CHECK(error != AREG_OK || !request || !has_reply || reply.status == REPLY_OK);
    return error;
}

static void insist(const struct request *request)
{
    for (unsigned i = 0; attempt(request) != AREG_OK; i++)
        CHECK(i < 2); /* one allocation fails, once */
}

static struct request request_of(enum message_kind kind)
{
    struct config config;
    cluster_genesis_config(&cluster, 0, &config);
    return (struct request){.kind = kind, .op = 1, .phase = 1, .config = config.id, .key = slice_borrow("k", 1)};
}

static void put(uint64_t z, size_t value_bytes)
{
    static uint8_t value[100000];
    struct request request = request_of(MESSAGE_PUT_DATA);
    request.payload = slice_borrow(value, value_bytes);
    request.put_data.entry = (struct entry){
        .tag = {z, 1}, .value_bytes = (uint32_t)value_bytes, .fragment_checksum = checksum_fragment(request.payload)};
    insist(&request);
}

static void live(void)
{
    put(1, 100);
    put(2, 100000);
    struct request request = request_of(MESSAGE_CONFIRM);
    request.confirm.tag = (struct tag){2, 1};
    insist(&request);
    put(3, 100);
    request = request_of(MESSAGE_HELLO);
    request.hello.wants_cluster = true;
    insist(&request);
    request = request_of(MESSAGE_GET_TAG);
    insist(&request);
    request = request_of(MESSAGE_GET_DATA);
    request.get_data = (struct get_data){.want = WANT_TAG, .tag = {2, 1}};
    insist(&request);
    request = request_of(MESSAGE_LIST_KEYS);
    request.list_keys.key_count_max = 10;
    insist(&request);
    for (unsigned i = 0; i < 100; i++) {
        now_ns += 50 * MS;
        insist(NULL);
    }
}

/* c0 has a successor, to which its registers go, and is retired. */
static void change_configuration(void)
{
    static const unsigned hosts[] = {1};
    static struct described c, d;
    cluster_genesis_config(&cluster, 0, &c.config);
    describe(&c);
    describe_next(&d, &c.config, "rs:1,1", hosts, 0);
    d.config.members[0].incarnation = 1;
    describe(&d);
    static const enum message_kind kinds[] = {MESSAGE_JOIN,     MESSAGE_JOIN,         MESSAGE_PREPARE,
                                              MESSAGE_ACCEPT,   MESSAGE_WRITE_CONFIG, MESSAGE_ADOPT,
                                              MESSAGE_TRANSFER, MESSAGE_TRANSFERRED,  MESSAGE_FINALIZE};
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const bool is_of_c = kinds[i] >= MESSAGE_WRITE_CONFIG && kinds[i] <= MESSAGE_ACCEPT;
        struct request request = request_of(kinds[i]);
        request.config = is_of_c ? c.config.id : d.config.id;
        request.descriptor = descriptor_of(kinds[i] == MESSAGE_TRANSFER ? &c : &d);
        if (kinds[i] == MESSAGE_PREPARE || kinds[i] == MESSAGE_ACCEPT)
            request.prepare.ballot = request.accept.ballot = (struct ballot){1, 1};
        if (kinds[i] == MESSAGE_ADOPT)
            request.adopt.entry = (struct entry){.tag = {3, 1}, .value_bytes = 100};
        if (kinds[i] == MESSAGE_TRANSFER)
            request.transfer = (struct transfer){.slices = 1};
        if (kinds[i] == MESSAGE_TRANSFERRED)
            request.transferred = (struct transferred){.slices = 1, .register_count = 1};
        insist(&request);
    }
    for (unsigned i = 0; i < 10; i++) {
        now_ns += 50 * MS;
        insist(NULL);
    }
    struct replica_counters counters;
    replica_counters(replica, &counters);
    assert_int_equal(counters.memberships, 2);
    assert_int_equal(counters.retired, 1);
    assert_int_equal(counters.adoptions, 1);
    assert_int_equal(counters.registers_deleted, 1);
}

/* What is left of c0 goes, and what came is there. */
static void start_again(void)
{
    struct replica_counters counters;
    replica_destroy(replica);
    for (unsigned i = 0; create() != AREG_OK; i++)
        CHECK(i < 2);
    replica_counters(replica, &counters);
    assert_int_equal(counters.memberships, 1);
}

static unsigned entry_count(void)
{
    static struct reply reply;
    struct store_txn *txn;
    const struct request request = request_of(MESSAGE_GET_DATA);
    CHECK(store_begin(store, STORE_READ, &txn) == AREG_OK);
    CHECK(replica_read(replica, txn, &request, &reply) == AREG_OK);
    store_abort(txn);
    return reply.data.entry_count;
}

static void live_and_change(void)
{
    live();
    change_configuration();
    start_again();
}

/* Entry 1 is swept, unless its confirmation was what could not be remembered. */
static void live_and_look(void)
{
    live();
    memory_rest();
    assert_in_range(entry_count(), 2, 3);
    memory_resume();
}

static void fail_every_allocation_of(void (*life)(void))
{
    uint64_t nth = 0;
    bool has_failed = true;
    make_cluster();
    while (has_failed) {
        const int64_t before = memory_blocks();
        const struct store_options options = {.path = "", .sync = true};
        now_ns = 1000 * MS;
        CHECK(store_memory_open(&store, &options) == AREG_OK);
        memory_fail(++nth, false);
        for (unsigned i = 0; create() != AREG_OK; i++)
            CHECK(i < 2);
        life();
        has_failed = memory_calm();
        if (life == live_and_look && !has_failed)
            assert_int_equal(entry_count(), 2);
        replica_destroy(replica);
        store_close(store);
        assert_int_equal(memory_blocks(), before);
    }
    print_message("%u allocations\n", (unsigned)nth - 1);
    assert_true(nth > 20);
}

static void every_allocation_of_the_replica_may_fail(void **state)
{
    (void)state;
    fail_every_allocation_of(live_and_look);
}

static void every_allocation_of_a_change_of_configurations_may_fail(void **state)
{
    (void)state;
    fail_every_allocation_of(live_and_change);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_of_the_replica_may_fail),
                                       cmocka_unit_test(every_allocation_of_a_change_of_configurations_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
