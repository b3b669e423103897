/*
 * Memberships that come and go on one thread while others answer from them, without locks, over a store on disk.
 */
#include "core/check.h"
#include "server/memberships.h"
#include "server/replica.h"
#include "tests/unit/reconfig/described.h"
#include "tests/unit/seed.h"
#include "tests/unit/store/bench.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CHAIN_COUNT = 80, READER_COUNT = 2 };

static const unsigned HOSTS[] = {1, 2, 3};

/* c0 and its successors, all of them with this host as a member. */
static struct described chain[CHAIN_COUNT];
static struct cluster cluster;

static void make_chain(void)
{
    cluster = (struct cluster){.name = "test", .host_count = 3, .pool_count = 1};
    struct pool *pool = &cluster.pools[0];
    snprintf(pool->name, sizeof pool->name, "pool");
    CHECK(code_parse("rs:3,1", &pool->code) == AREG_OK);
    pool->shard_count = 1;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(cluster.hosts[i].id.text, sizeof cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster.hosts[i].address, sizeof cluster.hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
        pool->member_hosts[i] = (uint8_t)i;
    }
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&cluster, why) == AREG_OK);
    cluster_genesis_config(&cluster, 0, &chain[0].config);
    describe(&chain[0]);
    for (unsigned i = 1; i < CHAIN_COUNT; i++)
        describe_next(&chain[i], &chain[i - 1].config, "rs:3,1", HOSTS, 0);
}

/* ---------------------------------------------------------------- the list itself */

static bool is_listed(const struct memberships *memberships, unsigned index)
{
    const struct membership *found = memberships_find(memberships, 0, chain[index].config.id);
    CHECK(!found || found->slot == 100 + index);
    return found != NULL;
}

static void what_was_joined_is_listed_from_its_commit_on(void **state)
{
    (void)state;
    struct memberships memberships;
    struct random_source random = test_random();
    bool is_there[CHAIN_COUNT] = {0};
    make_chain();
    assert_true(memberships_init(&memberships, 1));
    for (unsigned turn = 0; turn < 100; turn++) {
        bool joins[CHAIN_COUNT] = {0};
        for (unsigned i = (unsigned)random_below(&random, 4); i > 0; i--) {
            const unsigned index = (unsigned)random_below(&random, CHAIN_COUNT);
            if (is_there[index] || joins[index])
                continue;
            joins[index] = true;
            assert_true(memberships_join(&memberships, &chain[index].config, 100 + index, 0));
        }
        const bool is_committed = random_below(&random, 2);
        for (unsigned i = 0; i < CHAIN_COUNT; i++)
            assert_int_equal(is_listed(&memberships, i), is_there[i]);
        memberships_settle(&memberships, is_committed);
        unsigned count = 0;
        for (unsigned i = 0; i < CHAIN_COUNT; i++) {
            is_there[i] |= joins[i] && is_committed;
            count += is_there[i];
            assert_int_equal(is_listed(&memberships, i), is_there[i]);
        }
        assert_int_equal(memberships.count, count);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(memberships_at(&memberships, i)->index, i);
    }
    assert_null(memberships_of_shard(&memberships, 1));
    memberships_fini(&memberships);
}

/* ---------------------------------------------------------------- readers and a writer */

struct world {
    struct bench bench;
    struct replica *replica;
    atomic_uint joined; /* the latest that has been answered */
    atomic_uint filled; /* the latest with a register that has been acknowledged */
    atomic_bool is_ending;
    uint64_t now_ns;
};

struct reader {
    struct world *world;
    struct random_source random;
    pthread_t thread;
    unsigned counts[3]; /* OK, RETIRED, UNKNOWN_CONFIG */
};

static struct request request_of(enum message_kind kind, unsigned about)
{
    return (struct request){.kind = kind, .config = chain[about].config.id, .key = slice_borrow("k", 1)};
}

/* The register of configuration i has the tag i + 1. */
static void judge(struct reader *reader, unsigned about, unsigned joined, unsigned filled, const struct reply *reply)
{
    switch (reply->status) {
    case REPLY_OK:
        reader->counts[0]++;
        CHECK(about > filled || reply->tag.newest.z == about + 1); /* never from emptiness */
        break;
    case REPLY_RETIRED: {
        struct config final;
        reader->counts[1]++;
        CHECK(reply->next.status == LINK_FINALIZED);
        CHECK(config_decode(reply->next.descriptor, &final) == AREG_OK && final.index > about);
        break;
    }
    default:
        reader->counts[2]++;
        CHECK(reply->status == REPLY_UNKNOWN_CONFIG && about > joined);
    }
}

static void *read_on(void *arg)
{
    struct reader *reader = arg;
    struct world *world = reader->world;
    while (!atomic_load(&world->is_ending)) {
        static _Thread_local struct reply reply;
        struct store_txn *txn;
        const unsigned filled = atomic_load(&world->filled);
        const unsigned joined = atomic_load(&world->joined);
        const unsigned from = joined > 3 ? joined - 3 : 0;
        const unsigned about = from + (unsigned)random_below(&reader->random, 5);
        if (about >= CHAIN_COUNT)
            continue;
        const struct request request = request_of(MESSAGE_GET_TAG, about);
        CHECK(store_begin(world->bench.store, STORE_READ, &txn) == AREG_OK);
        CHECK(replica_read(world->replica, txn, &request, &reply) == AREG_OK);
        judge(reader, about, joined, filled, &reply);
        store_abort(txn);
    }
    return NULL;
}

static void write_one(struct world *world, const struct request *request, bool commits)
{
    static struct reply reply;
    struct store_txn *txn = bench_begin(&world->bench, STORE_WRITE);
    bool has_reply;
    assert_int_equal(replica_write(world->replica, txn, world->now_ns, request, &reply, &has_reply), AREG_OK);
    assert_int_equal(reply.status, REPLY_OK);
    if (commits)
        bench_commit(txn);
    else
        store_abort(txn);
    replica_settle(world->replica, commits);
}

static void tick(struct world *world)
{
    struct store_txn *txn = bench_begin(&world->bench, STORE_WRITE);
    world->now_ns += REPLICA_GRACE_NS;
    assert_int_equal(replica_tick(world->replica, txn, world->now_ns), AREG_OK);
    bench_commit(txn);
    replica_settle(world->replica, true);
}

static void fill(struct world *world, unsigned about)
{
    struct request put = request_of(MESSAGE_PUT_DATA, about);
    put.put_data.entry.tag = (struct tag){about + 1, 1};
    write_one(world, &put, true);
    atomic_store(&world->filled, about);
}

/* The next configuration comes, and the one before goes; all steps fail once, or not. */
static void step(struct world *world, struct random_source *random, unsigned to)
{
    struct request join = request_of(MESSAGE_JOIN, to);
    struct request write = request_of(MESSAGE_WRITE_CONFIG, to - 1);
    struct request finalize = request_of(MESSAGE_FINALIZE, to);
    join.descriptor = write.descriptor = finalize.descriptor = descriptor_of(&chain[to]);
    if (random_below(random, 2))
        write_one(world, &join, false);
    write_one(world, &join, true);
    atomic_store(&world->joined, to);
    write_one(world, &write, true);
    fill(world, to);
    if (random_below(random, 2))
        write_one(world, &finalize, false);
    write_one(world, &finalize, true);
    for (uint64_t i = random_below(random, 3); i > 0; i--)
        tick(world);
}

static void readers_see_whole_memberships_and_never_an_empty_one_that_was_full(void **state)
{
    (void)state;
    static struct world world;
    static struct reader readers[READER_COUNT];
    struct random_source random = test_random();
    struct replica_options options = {.incarnation = 101, .cluster = &cluster};
    make_chain();
    CHECK(host_id_parse("s1", &options.host));
    world.now_ns = REPLICA_GRACE_NS;
    bench_init(&world.bench, BENCH_LMDB);
    struct store_txn *txn = bench_begin(&world.bench, STORE_WRITE);
    assert_int_equal(replica_create(&world.replica, &options, txn), AREG_OK);
    bench_commit(txn);
    fill(&world, 0);
    for (unsigned i = 0; i < READER_COUNT; i++) {
        readers[i] = (struct reader){.world = &world, .random = {random_next(&random)}};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
    for (unsigned to = 1; to < CHAIN_COUNT; to++)
        step(&world, &random, to);
    atomic_store(&world.is_ending, true);
    for (unsigned i = 0; i < READER_COUNT; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
        print_message("reader %u: %u OK, %u retired, %u unknown\n", i, readers[i].counts[0], readers[i].counts[1],
                      readers[i].counts[2]);
    }
    replica_destroy(world.replica);
    bench_fini(&world.bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_joined_is_listed_from_its_commit_on),
        cmocka_unit_test(readers_see_whole_memberships_and_never_an_empty_one_that_was_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
