/*
 * Configurations that come and go on a host: over a store in memory, with crashes and commits that fail.
 */
#include "codec/checksum.h"
#include "core/check.h"
#include "server/replica.h"
#include "store/store_memory.h"
#include "tests/unit/reconfig/described.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define GRACE_NS (500 * MS)

/* Two shards with three members each, of which "s1" is the first. */
static struct cluster cluster;
static struct described genesis[2];

static void make_cluster(void)
{
    cluster = (struct cluster){.name = "test", .host_count = 3, .pool_count = 1};
    struct pool *pool = &cluster.pools[0];
    snprintf(pool->name, sizeof pool->name, "pool");
    CHECK(code_parse("rs:3,1", &pool->code) == AREG_OK);
    pool->shard_count = 2;
    for (unsigned i = 0; i < 3; i++) {
        snprintf(cluster.hosts[i].id.text, sizeof cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster.hosts[i].address, sizeof cluster.hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
        pool->member_hosts[i] = (uint8_t)i;
    }
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&cluster, why) == AREG_OK);
    for (uint32_t shard = 0; shard < 2; shard++) {
        cluster_genesis_config(&cluster, shard, &genesis[shard].config);
        describe(&genesis[shard]);
    }
}

struct host {
    struct store *store;
    struct replica *replica;
    unsigned number;
    uint64_t now_ns;
};

static void start(struct host *host)
{
    struct store_txn *txn;
    struct replica_options options = {.incarnation = 100 + host->number, .cluster = &cluster, .grace_ns = GRACE_NS};
    snprintf(options.host.text, sizeof options.host.text, "s%u", host->number);
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_create(&host->replica, &options, txn) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
}

static void open_host(struct host *host, unsigned number)
{
    const struct store_options options = {.path = "", .sync = true};
    *host = (struct host){.number = number, .now_ns = 1000 * MS};
    make_cluster();
    CHECK(store_memory_open(&host->store, &options) == AREG_OK);
    start(host);
}

static void close_host(struct host *host)
{
    replica_destroy(host->replica);
    store_close(host->store);
}

static void crash(struct host *host)
{
    replica_destroy(host->replica);
    store_memory_crash(host->store);
    start(host);
}

/* ---------------------------------------------------------------- asking */

static struct reply reply;
static uint8_t next_at[CONFIG_ENCODED_BYTES_MAX]; /* the reply's `next`, which was only lent */

static void keep_next(void)
{
    CHECK(reply.next.descriptor.bytes <= sizeof next_at);
    if (reply.next.descriptor.bytes)
        memcpy(next_at, reply.next.descriptor.at, reply.next.descriptor.bytes);
    reply.next.descriptor = slice_borrow(next_at, reply.next.descriptor.bytes);
}

static struct request request_of(enum message_kind kind, const struct described *about)
{
    return (struct request){.kind = kind,
                            .op = 5,
                            .phase = 6,
                            .shard = about->config.shard,
                            .config = about->config.id,
                            .key = slice_borrow("k", 1)};
}

static struct request request_with(enum message_kind kind, const struct described *about, const struct described *what)
{
    struct request request = request_of(kind, about);
    request.descriptor = descriptor_of(what);
    return request;
}

/* A value of no bytes is its own fragment, whatever the code. */
static struct request put_of(const struct described *to, const char *key, uint64_t z)
{
    struct request request = request_of(MESSAGE_PUT_DATA, to);
    request.key = slice_borrow(key, strlen(key));
    request.put_data.entry.tag = (struct tag){z, 1};
    return request;
}

static enum reply_status read_one(struct host *host, struct request request)
{
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_READ, &txn) == AREG_OK);
    CHECK(replica_read(host->replica, txn, &request, &reply) == AREG_OK);
    keep_next();
    assert_true(reply.status == REPLY_OK || reply.payload.bytes == 0);
    slice_unref(&reply.payload);
    store_abort(txn);
    return reply.status;
}

/* In one transaction, which comes off or not. The status of the last one. */
static enum reply_status write_all(struct host *host, const struct request *requests, unsigned count, bool commits)
{
    struct store_txn *txn;
    bool has_reply;
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    for (unsigned i = 0; i < count; i++) {
        CHECK(replica_write(host->replica, txn, host->now_ns, &requests[i], &reply, &has_reply) == AREG_OK);
        CHECK(has_reply == (requests[i].kind != MESSAGE_CONFIRM && requests[i].kind != MESSAGE_TRANSFERRED));
        keep_next();
    }
    if (commits)
        CHECK(store_commit(txn) == AREG_OK);
    else
        store_abort(txn);
    replica_settle(host->replica, commits);
    return reply.status;
}

static enum reply_status write_one(struct host *host, struct request request)
{
    return write_all(host, &request, 1, true);
}

static enum reply_status join(struct host *host, const struct described *d)
{
    return write_one(host, request_with(MESSAGE_JOIN, d, d));
}

static enum reply_status finalize(struct host *host, const struct described *d)
{
    return write_one(host, request_with(MESSAGE_FINALIZE, d, d));
}

static void expect_next(enum link_status status, const struct described *next)
{
    assert_int_equal(reply.next.status, status);
    assert_true(slice_equal(reply.next.descriptor, next ? descriptor_of(next) : (struct slice){0}));
}

static void tick(struct host *host, bool commits)
{
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_tick(host->replica, txn, host->now_ns) == AREG_OK);
    if (commits)
        CHECK(store_commit(txn) == AREG_OK);
    else
        store_abort(txn);
    replica_settle(host->replica, commits);
}

/* Ticks come when they are wanted, until none is. */
static unsigned rest(struct host *host)
{
    unsigned ticks = 0;
    for (; replica_wake_ns(host->replica) != UINT64_MAX; ticks++) {
        if (replica_wake_ns(host->replica) > host->now_ns)
            host->now_ns = replica_wake_ns(host->replica);
        tick(host, true);
        CHECK(ticks < 100000);
    }
    return ticks;
}

static struct replica_counters counters_of(const struct host *host)
{
    struct replica_counters counters;
    replica_counters(host->replica, &counters);
    return counters;
}

static uint64_t register_count(struct host *host)
{
    struct store_stats stats;
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_READ, &txn) == AREG_OK);
    CHECK(store_stats_get(txn, &stats) == AREG_OK);
    store_abort(txn);
    return stats.register_count;
}

static void fill(struct host *host, const struct described *c, unsigned count)
{
    char keys[100][8];
    struct request requests[100];
    for (unsigned done = 0; done < count;) {
        unsigned batch = 0;
        for (; batch < 100 && done < count; batch++, done++) {
            snprintf(keys[batch], sizeof keys[batch], "%u", done);
            requests[batch] = put_of(c, keys[batch], 1 + done);
        }
        assert_int_equal(write_all(host, requests, batch, true), REPLY_OK);
    }
}

/* Successors of one another on hosts 1, 2, 3, and one on hosts that are not this one. */
static const unsigned HOSTS[] = {1, 2, 3};
static const unsigned OTHERS[] = {2, 3, 4};

/* ---------------------------------------------------------------- joining */

static void a_member_from_genesis_knows_its_shards_as_finalized(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(read_one(&host, request_of(MESSAGE_READ_CONFIG, &genesis[i])), REPLY_OK);
        expect_next(LINK_NONE, NULL);
        assert_int_equal(read_one(&host, request_of(MESSAGE_HINT, &genesis[i])), REPLY_OK);
        expect_next(LINK_FINALIZED, &genesis[i]);
        struct request stray = request_of(MESSAGE_GET_TAG, &genesis[i]);
        stray.config.bytes[4] ^= 1;
        assert_int_equal(read_one(&host, stray), REPLY_UNKNOWN_CONFIG);
        expect_next(LINK_FINALIZED, &genesis[i]);
    }
    assert_int_equal(counters_of(&host).memberships, 2);
    close_host(&host);
}

static void what_has_not_been_committed_has_not_been_joined(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 4);
    describe_next(&d, &genesis[1].config, "rs:3,1", OTHERS, 0);
    const struct request request = request_with(MESSAGE_JOIN, &d, &d);
    assert_int_equal(write_all(&host, &request, 1, false), REPLY_OK);
    assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &d)), REPLY_UNKNOWN_CONFIG);
    assert_int_equal(write_one(&host, put_of(&d, "k", 1)), REPLY_UNKNOWN_CONFIG);
    assert_int_equal(counters_of(&host).memberships, 0);

    /* Nobody can know it before its reply has left, so in its own transaction it is not there yet, either. */
    const struct request both[] = {request, put_of(&d, "k", 1)};
    assert_int_equal(write_all(&host, both, 2, true), REPLY_UNKNOWN_CONFIG);
    assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &d)), REPLY_OK);
    assert_int_equal(counters_of(&host).memberships, 1);
    close_host(&host);
}

static void a_joined_configuration_is_served_and_survives(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 4);
    describe_next(&d, &genesis[1].config, "rs:3,1", OTHERS, 0);
    assert_int_equal(join(&host, &d), REPLY_OK);
    assert_int_equal(join(&host, &d), REPLY_OK);
    assert_int_equal(write_one(&host, put_of(&d, "k", 9)), REPLY_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &d)), REPLY_OK);
        assert_int_equal(reply.tag.newest.z, 9);
        assert_int_equal(join(&host, &d), REPLY_OK);
        assert_int_equal(counters_of(&host).memberships, 1);
        crash(&host);
    }
    close_host(&host);
}

static void twice_joined_in_one_transaction_is_joined_once(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    const struct request join_d = request_with(MESSAGE_JOIN, &d, &d);
    const struct request requests[] = {join_d, join_d};
    assert_int_equal(write_all(&host, requests, 2, true), REPLY_OK);
    assert_int_equal(counters_of(&host).memberships, 3);
    close_host(&host);
}

static void only_so_many_configurations_are_joined(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    for (unsigned i = 2; i < MEMBERSHIP_COUNT_MAX; i++) {
        describe_next(&d, &genesis[i % 2].config, "rs:3,1", HOSTS, i);
        assert_int_equal(join(&host, &d), REPLY_OK);
    }
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, MEMBERSHIP_COUNT_MAX);
    assert_int_equal(join(&host, &d), REPLY_BUSY);
    assert_int_equal(counters_of(&host).memberships, MEMBERSHIP_COUNT_MAX);
    /* Those that were never decided go with what succeeds them. */
    static struct described e;
    describe_next(&e, &d.config, "rs:3,1", HOSTS, 0);
    assert_int_equal(finalize(&host, &e), REPLY_OK);
    crash(&host);
    assert_int_equal(join(&host, &d), REPLY_RETIRED);
    assert_in_range(counters_of(&host).memberships, MEMBERSHIP_COUNT_MAX / 2 - 1, MEMBERSHIP_COUNT_MAX / 2 + 1);
    close_host(&host);
}

static void a_shard_that_does_not_exist_has_no_configurations(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    describe_first(&d, 2, "rs:3,1", HOSTS);
    assert_int_equal(join(&host, &d), REPLY_INVALID);
    assert_int_equal(finalize(&host, &d), REPLY_INVALID);
    assert_int_equal(read_one(&host, request_of(MESSAGE_HINT, &d)), REPLY_UNKNOWN_CONFIG);
    assert_int_equal(read_one(&host, request_of(MESSAGE_READ_CONFIG, &d)), REPLY_UNKNOWN_CONFIG);
    assert_int_equal(counters_of(&host).invalid, 2);
    close_host(&host);
}

/* ---------------------------------------------------------------- links */

static void replies_show_the_pending_successor_from_its_commit_on(void **state)
{
    (void)state;
    static struct described d[2];
    struct host host;
    open_host(&host, 1);
    for (unsigned i = 0; i < 2; i++)
        describe_next(&d[i], &genesis[0].config, "rs:3,1", HOSTS, i);
    const struct request write_d = request_with(MESSAGE_WRITE_CONFIG, &genesis[0], &d[0]);
    assert_int_equal(write_all(&host, &write_d, 1, false), REPLY_OK);
    assert_int_equal(write_one(&host, put_of(&genesis[0], "k", 1)), REPLY_OK);
    expect_next(LINK_NONE, NULL);
    /* In one transaction: what came before it does not show it, what comes after it does. */
    const struct request requests[] = {put_of(&genesis[0], "k", 2), write_d, put_of(&genesis[0], "k", 3)};
    write_all(&host, requests, 3, true);
    expect_next(LINK_PENDING, &d[0]);
    for (unsigned i = 0; i < 2; i++) {
        static const enum message_kind kinds[] = {MESSAGE_GET_TAG, MESSAGE_GET_DATA, MESSAGE_LIST_KEYS,
                                                  MESSAGE_READ_CONFIG};
        for (unsigned j = 0; j < 4; j++) {
            assert_int_equal(read_one(&host, request_of(kinds[j], &genesis[0])), REPLY_OK);
            expect_next(LINK_PENDING, &d[0]);
        }
        assert_int_equal(read_one(&host, request_of(MESSAGE_READ_CONFIG, &genesis[1])), REPLY_OK);
        expect_next(LINK_NONE, NULL);
        crash(&host);
    }
    assert_int_equal(write_one(&host, request_with(MESSAGE_WRITE_CONFIG, &genesis[0], &d[1])), REPLY_INVALID);
    expect_next(LINK_PENDING, &d[0]);
    assert_int_equal(counters_of(&host).successors_refused, 1);
    assert_int_equal(counters_of(&host).invalid, 1);
    close_host(&host);
}

static void a_promise_is_kept_after_a_crash(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    struct request prepare = request_of(MESSAGE_PREPARE, &genesis[0]);
    struct request accept = request_with(MESSAGE_ACCEPT, &genesis[0], &d);
    prepare.prepare.ballot = (struct ballot){5, 1};
    accept.accept.ballot = (struct ballot){4, 9};
    assert_int_equal(write_one(&host, prepare), REPLY_OK);
    assert_true(reply.consensus.is_granted);
    crash(&host);
    assert_int_equal(write_one(&host, accept), REPLY_OK);
    assert_false(reply.consensus.is_granted);
    assert_int_equal(reply.consensus.promised.round, 5);
    accept.accept.ballot = prepare.prepare.ballot;
    write_one(&host, accept);
    assert_true(reply.consensus.is_granted);
    crash(&host);
    prepare.prepare.ballot.round = 6;
    write_one(&host, prepare);
    assert_true(reply.consensus.is_granted);
    assert_int_equal(reply.consensus.accepted.round, 5);
    assert_int_equal(reply.consensus.descriptor.bytes, d.bytes);
    close_host(&host);
}

static void the_first_incarnation_of_a_member_is_kept(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1);
    struct request request = request_of(MESSAGE_REGISTER, &genesis[0]);
    CHECK(host_id_parse("s2", &request.registration.host));
    request.registration.incarnation = 7;
    assert_int_equal(write_one(&host, request), REPLY_OK);
    crash(&host);
    assert_int_equal(write_one(&host, request), REPLY_OK);
    request.registration.incarnation = 8;
    assert_int_equal(write_one(&host, request), REPLY_DENIED);
    CHECK(host_id_parse("s1", &request.registration.host));
    assert_int_equal(write_one(&host, request), REPLY_DENIED);
    request.registration.incarnation = 101;
    assert_int_equal(write_one(&host, request), REPLY_OK);
    close_host(&host);
}

/* ---------------------------------------------------------------- retiring */

/* All that can be said about a configuration. */
static void expect_retired(struct host *host, const struct described *c, const struct described *final)
{
    static struct described d;
    describe_next(&d, &c->config, "rs:3,1", HOSTS, 77);
    for (enum message_kind kind = MESSAGE_GET_TAG; kind <= MESSAGE_REGISTER; kind++) {
        if (kind == MESSAGE_STATUS || kind == MESSAGE_HINT || kind == MESSAGE_FINALIZE)
            continue;
        struct request request = kind == MESSAGE_PUT_DATA ? put_of(c, "1", 100) : request_of(kind, c);
        request.descriptor = kind == MESSAGE_JOIN ? descriptor_of(c) : descriptor_of(&d);
        if (kind == MESSAGE_LIST_KEYS)
            request.list_keys.key_count_max = 10;
        if (message_is_read_only(kind))
            read_one(host, request);
        else
            write_one(host, request);
        if (kind == MESSAGE_CONFIRM)
            continue;
        assert_int_equal(reply.status, REPLY_RETIRED);
        expect_next(LINK_FINALIZED, final);
    }
}

static void a_retired_configuration_answers_nothing_but_where_to_go(void **state)
{
    (void)state;
    static struct described d, e;
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    describe_next(&e, &d.config, "rs:3,1", HOSTS, 0);
    fill(&host, &genesis[0], 10);
    write_one(&host, request_with(MESSAGE_WRITE_CONFIG, &genesis[0], &d));
    assert_int_equal(join(&host, &d), REPLY_OK);
    assert_int_equal(finalize(&host, &d), REPLY_OK);
    expect_next(LINK_NONE, NULL);
    expect_retired(&host, &genesis[0], &d);
    rest(&host);
    expect_retired(&host, &genesis[0], &d);
    assert_int_equal(join(&host, &e), REPLY_OK);
    assert_int_equal(finalize(&host, &e), REPLY_OK);
    expect_retired(&host, &genesis[0], &e);
    expect_retired(&host, &d, &e);
    /* An older one is no news. */
    assert_int_equal(finalize(&host, &d), REPLY_OK);
    expect_retired(&host, &genesis[0], &e);
    assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &e)), REPLY_OK);
    expect_next(LINK_NONE, NULL);
    assert_int_equal(read_one(&host, request_of(MESSAGE_HINT, &e)), REPLY_OK);
    expect_next(LINK_FINALIZED, &e);
    assert_int_equal(counters_of(&host).retired, 2);
    assert_int_equal(counters_of(&host).memberships, 4);
    assert_int_equal(register_count(&host), 0);
    close_host(&host);
}

static void what_has_not_been_committed_has_not_been_retired(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    rest(&host);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    fill(&host, &genesis[0], 10);
    const struct request request = request_with(MESSAGE_FINALIZE, &d, &d);
    assert_int_equal(write_all(&host, &request, 1, false), REPLY_OK);
    assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &genesis[0])), REPLY_OK);
    expect_next(LINK_NONE, NULL);
    assert_true(replica_wake_ns(host.replica) == UINT64_MAX);
    assert_int_equal(counters_of(&host).retired, 0);
    crash(&host);
    rest(&host);
    assert_int_equal(register_count(&host), 10);
    close_host(&host);
}

static void a_configuration_is_retired_in_the_transaction_in_which_it_was_joined(void **state)
{
    (void)state;
    static struct described d[2], e, f;
    struct host host;
    open_host(&host, 1);
    describe_next(&d[0], &genesis[0].config, "rs:3,1", HOSTS, 0);
    describe_next(&d[1], &genesis[1].config, "rs:3,1", HOSTS, 0);
    describe_next(&e, &d[0].config, "rs:3,1", OTHERS, 0);
    describe_next(&f, &d[1].config, "rs:3,1", HOSTS, 0);
    const struct request requests[] = {request_with(MESSAGE_JOIN, &d[0], &d[0]),
                                       request_with(MESSAGE_JOIN, &d[1], &d[1]), request_with(MESSAGE_JOIN, &f, &f),
                                       request_with(MESSAGE_FINALIZE, &e, &e)};
    assert_int_equal(write_all(&host, requests, 4, true), REPLY_OK);
    expect_retired(&host, &d[0], &e);
    expect_retired(&host, &genesis[0], &e);
    /* The other shard is not concerned. */
    assert_int_equal(read_one(&host, request_of(MESSAGE_READ_CONFIG, &d[1])), REPLY_OK);
    expect_next(LINK_NONE, NULL);
    assert_int_equal(read_one(&host, request_of(MESSAGE_READ_CONFIG, &f)), REPLY_OK);
    assert_int_equal(counters_of(&host).retired, 2);
    close_host(&host);
}

static void a_host_that_is_no_member_learns_what_is_finalized(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 9);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    assert_int_equal(finalize(&host, &d), REPLY_OK);
    crash(&host);
    assert_int_equal(read_one(&host, request_of(MESSAGE_HINT, &d)), REPLY_OK);
    expect_next(LINK_FINALIZED, &d);
    assert_int_equal(write_one(&host, put_of(&genesis[0], "k", 1)), REPLY_UNKNOWN_CONFIG);
    expect_next(LINK_FINALIZED, &d);
    assert_int_equal(read_one(&host, request_of(MESSAGE_HINT, &genesis[1])), REPLY_UNKNOWN_CONFIG);
    close_host(&host);
}

/* ---------------------------------------------------------------- deleting */

enum { MANY = 1000, DELETED_AT_ONCE_MAX = 300 };

static void data_of_a_retired_configuration_is_deleted_in_small_steps(void **state)
{
    (void)state;
    for (unsigned crashes = 0; crashes <= 1; crashes++) {
        static struct described d;
        struct host host;
        struct random_source random = test_random();
        open_host(&host, 1);
        describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
        fill(&host, &genesis[0], MANY);
        fill(&host, &genesis[1], MANY);
        assert_int_equal(join(&host, &d), REPLY_OK);
        fill(&host, &d, MANY);
        assert_int_equal(finalize(&host, &d), REPLY_OK);
        uint64_t left = 3 * MANY;
        unsigned ticks = 0;
        for (; replica_wake_ns(host.replica) != UINT64_MAX; ticks++) {
            host.now_ns += GRACE_NS;
            tick(&host, false);
            assert_int_equal(register_count(&host), left);
            host.now_ns += GRACE_NS;
            tick(&host, true);
            const uint64_t now_left = register_count(&host);
            assert_true(now_left <= left && left - now_left <= DELETED_AT_ONCE_MAX);
            left = now_left;
            if (crashes && random_below(&random, 8) == 0)
                crash(&host);
            assert_true(ticks < 1000);
        }
        assert_true(ticks >= MANY / DELETED_AT_ONCE_MAX);
        assert_int_equal(left, 2 * MANY);
        if (!crashes)
            assert_int_equal(counters_of(&host).registers_deleted, MANY);
        assert_int_equal(read_one(&host, request_of(MESSAGE_LIST_KEYS, &d)), REPLY_OK);
        close_host(&host);
    }
}

static void what_is_left_of_a_retired_configuration_goes_with_the_next_start(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:3,1", OTHERS, 0);
    fill(&host, &genesis[0], MANY);
    finalize(&host, &d);
    /* With data it stays, and so does the pointer. */
    crash(&host);
    expect_retired(&host, &genesis[0], &d);
    rest(&host);
    expect_retired(&host, &genesis[0], &d);
    for (unsigned i = 0; i < 3; i++) {
        crash(&host);
        rest(&host);
        /* It does not come back from genesis, either: that would be a member without memory. */
        assert_int_equal(write_one(&host, put_of(&genesis[0], "k", 1)), REPLY_UNKNOWN_CONFIG);
        expect_next(LINK_FINALIZED, &d);
        assert_int_equal(read_one(&host, request_of(MESSAGE_GET_TAG, &genesis[0])), REPLY_UNKNOWN_CONFIG);
        expect_next(LINK_FINALIZED, &d);
        assert_int_equal(join(&host, &genesis[0]), REPLY_RETIRED);
        struct request prepare = request_of(MESSAGE_PREPARE, &genesis[0]);
        prepare.prepare.ballot.round = 9;
        assert_int_equal(write_one(&host, prepare), REPLY_UNKNOWN_CONFIG);
        assert_int_equal(counters_of(&host).memberships, 1);
    }
    close_host(&host);
}

static void confirmations_of_what_was_retired_meanwhile_do_no_harm(void **state)
{
    (void)state;
    static struct described d;
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    join(&host, &d);
    for (unsigned i = 0; i < 2; i++) {
        const struct described *c = i == 0 ? &genesis[0] : &d;
        for (uint64_t z = 1; z <= 3; z++)
            write_one(&host, put_of(c, "k", z));
        struct request confirm = request_of(MESSAGE_CONFIRM, c);
        confirm.confirm.tag = (struct tag){3, 1};
        write_one(&host, confirm);
    }
    finalize(&host, &d);
    rest(&host);
    assert_int_equal(register_count(&host), 1);
    assert_int_equal(counters_of(&host).trims, 2); /* in the new one */
    assert_int_equal(counters_of(&host).registers_deleted, 1);
    close_host(&host);
}

/* ---------------------------------------------------------------- transfers */

static bool find_job(struct host *host, struct stored_transfer *job)
{
    struct store_txn *txn;
    uint32_t slot = 0;
    CHECK(store_begin(host->store, STORE_READ, &txn) == AREG_OK);
    const enum areg_error error = store_transfer_next(txn, &slot, job);
    CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
    store_abort(txn);
    return error == AREG_OK;
}

static void the_worker_hears_of_its_job_when_it_is_durable(void **state)
{
    (void)state;
    static struct described d;
    struct stored_transfer job;
    struct host host;
    open_host(&host, 1);
    assert_true(replica_has_news_for_worker(host.replica));
    describe_next(&d, &genesis[0].config, "rs:3,1", HOSTS, 0);
    join(&host, &d);
    assert_false(replica_has_news_for_worker(host.replica));
    struct request transfer = request_with(MESSAGE_TRANSFER, &d, &genesis[0]);
    transfer.transfer.slices = 3;
    write_all(&host, &transfer, 1, false);
    assert_false(replica_has_news_for_worker(host.replica));
    assert_false(find_job(&host, &job));
    assert_int_equal(write_one(&host, transfer), REPLY_OK);
    assert_int_equal(reply.transfer.slices_given, 3);
    assert_true(replica_has_news_for_worker(host.replica));
    assert_true(find_job(&host, &job));
    write_one(&host, transfer);
    assert_false(replica_has_news_for_worker(host.replica));

    struct request note = request_of(MESSAGE_TRANSFERRED, &d);
    note.transferred = (struct transferred){.slices = 3, .after = slice_borrow("m", 1)};
    write_one(&host, note);
    crash(&host);
    assert_true(replica_has_news_for_worker(host.replica));
    assert_true(find_job(&host, &job));
    assert_int_equal(job.slices_at_work, 3);
    finalize(&host, &d);
    assert_true(replica_has_news_for_worker(host.replica));
    assert_true(find_job(&host, &job));
    assert_int_equal(job.progress.slices_moved, UINT32_MAX);
    transfer.transfer.slices = 0;
    assert_int_equal(write_one(&host, transfer), REPLY_OK);
    assert_int_equal(reply.transfer.slices_moved, UINT32_MAX);
    close_host(&host);
}

static void a_fragment_is_taken_over_from_the_configuration_before(void **state)
{
    (void)state;
    static struct described d, elsewhere;
    static uint8_t value[5000];
    struct host host;
    open_host(&host, 1);
    describe_next(&d, &genesis[0].config, "rs:4,1", (const unsigned[]){4, 3, 1, 2}, 0);
    describe_next(&elsewhere, &d.config, "rs:3,1", HOSTS, 0);
    join(&host, &d);
    join(&host, &elsewhere);
    struct request put = put_of(&genesis[0], "k", 7);
    memset(value, 9, sizeof value);
    put.payload = slice_borrow(value, sizeof value);
    put.put_data.entry.value_bytes = sizeof value;
    put.put_data.entry.fragment_checksum = checksum_fragment(put.payload);
    assert_int_equal(write_one(&host, put), REPLY_OK);
    write_one(&host, request_with(MESSAGE_WRITE_CONFIG, &d, &elsewhere));

    struct request adopt = request_of(MESSAGE_ADOPT, &d);
    adopt.adopt.entry = put.put_data.entry;
    assert_int_equal(write_all(&host, &adopt, 1, false), REPLY_OK);
    assert_true(reply.adopt.is_adopted);
    assert_int_equal(counters_of(&host).adoptions, 0);
    read_one(&host, request_of(MESSAGE_GET_TAG, &d));
    assert_int_equal(reply.tag.newest.z, 0);
    assert_int_equal(write_one(&host, adopt), REPLY_OK);
    assert_true(reply.adopt.is_adopted);
    expect_next(LINK_PENDING, &elsewhere);
    assert_int_equal(counters_of(&host).adoptions, 1);
    crash(&host);
    read_one(&host, request_of(MESSAGE_GET_TAG, &d));
    assert_int_equal(reply.tag.newest.z, 7);

    store_set_quota(host.store, 1, 0);
    adopt = request_of(MESSAGE_ADOPT, &elsewhere);
    adopt.adopt.entry = put.put_data.entry;
    assert_int_equal(write_one(&host, adopt), REPLY_FULL);
    assert_int_equal(counters_of(&host).full, 1);
    /* Without the parent there is nothing to take over. */
    store_set_quota(host.store, 0, 0);
    adopt.adopt.entry.tag.z++;
    assert_int_equal(write_one(&host, adopt), REPLY_OK);
    assert_false(reply.adopt.is_adopted);
    adopt = request_of(MESSAGE_ADOPT, &genesis[0]);
    adopt.adopt.entry.tag.z = 3;
    assert_int_equal(write_one(&host, adopt), REPLY_OK);
    assert_false(reply.adopt.is_adopted);
    close_host(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_from_genesis_knows_its_shards_as_finalized),
        cmocka_unit_test(what_has_not_been_committed_has_not_been_joined),
        cmocka_unit_test(a_joined_configuration_is_served_and_survives),
        cmocka_unit_test(twice_joined_in_one_transaction_is_joined_once),
        cmocka_unit_test(only_so_many_configurations_are_joined),
        cmocka_unit_test(a_shard_that_does_not_exist_has_no_configurations),
        cmocka_unit_test(replies_show_the_pending_successor_from_its_commit_on),
        cmocka_unit_test(a_promise_is_kept_after_a_crash),
        cmocka_unit_test(the_first_incarnation_of_a_member_is_kept),
        cmocka_unit_test(a_retired_configuration_answers_nothing_but_where_to_go),
        cmocka_unit_test(what_has_not_been_committed_has_not_been_retired),
        cmocka_unit_test(a_configuration_is_retired_in_the_transaction_in_which_it_was_joined),
        cmocka_unit_test(a_host_that_is_no_member_learns_what_is_finalized),
        cmocka_unit_test(data_of_a_retired_configuration_is_deleted_in_small_steps),
        cmocka_unit_test(what_is_left_of_a_retired_configuration_goes_with_the_next_start),
        cmocka_unit_test(confirmations_of_what_was_retired_meanwhile_do_no_harm),
        cmocka_unit_test(the_worker_hears_of_its_job_when_it_is_durable),
        cmocka_unit_test(a_fragment_is_taken_over_from_the_configuration_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
