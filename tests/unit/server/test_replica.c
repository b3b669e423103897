/*
 * A host's half of the protocol over a store in memory.
 */
#include "codec/checksum.h"
#include "codec/codec.h"
#include "core/check.h"
#include "core/key.h"
#include "core/key_page.h"
#include "server/replica.h"
#include "store/backend.h"
#include "store/store_memory.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define START_NS (1000 * MS)
#define GRACE_NS (500 * MS)

/* Four hosts; "s1" to "s3" keep rs:3,1 in two shards, "s1" and "s4" copies of what begins with "copy". */
static struct cluster cluster;

static void make_cluster(void)
{
    static const char *const codes[] = {"rs:3,1", "repl:2"};
    static const char *const prefixes[] = {"", "copy"};
    static const uint8_t member_hosts[2][3] = {{0, 1, 2}, {0, 3}};
    cluster = (struct cluster){.name = "test", .host_count = 4, .pool_count = 2};
    for (unsigned i = 0; i < 4; i++) {
        snprintf(cluster.hosts[i].id.text, sizeof cluster.hosts[i].id.text, "s%u", i + 1);
        snprintf(cluster.hosts[i].address, sizeof cluster.hosts[i].address, "tcp://10.0.0.%u:1", i + 1);
    }
    for (unsigned i = 0; i < 2; i++) {
        struct pool *pool = &cluster.pools[i];
        snprintf(pool->name, sizeof pool->name, "pool%u", i);
        snprintf(pool->prefix, sizeof pool->prefix, "%s", prefixes[i]);
        CHECK(code_parse(codes[i], &pool->code) == AREG_OK);
        pool->delta = 4;
        pool->shard_count = i == 0 ? 2 : 1;
        memcpy(pool->member_hosts, member_hosts[i], 3);
    }
    char why[CLUSTER_WHY_BYTES];
    CHECK(cluster_settle(&cluster, why) == AREG_OK);
}

struct host {
    struct store *store;
    struct replica *replica;
    uint64_t now_ns;
};

static void start(struct host *host, unsigned host_index)
{
    struct store_txn *txn;
    const struct replica_options options = {
        .host = cluster.hosts[host_index].id, .incarnation = 77, .cluster = &cluster, .grace_ns = GRACE_NS};
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(replica_create(&host->replica, &options, txn) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
}

static void open_host(struct host *host, unsigned host_index)
{
    const struct store_options options = {.path = "", .sync = true};
    *host = (struct host){.now_ns = START_NS};
    make_cluster();
    CHECK(store_memory_open(&host->store, &options) == AREG_OK);
    start(host, host_index);
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
    start(host, 0);
}

/* ---------------------------------------------------------------- requests */

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

static struct request request_of(enum message_kind kind, uint32_t shard, const char *key)
{
    struct config config;
    cluster_genesis_config(&cluster, shard, &config);
    return (struct request){
        .kind = kind, .op = 5, .phase = 6, .shard = shard, .config = config.id, .key = slice_borrow(key, strlen(key))};
}

/* A value of `value_bytes` bytes that follow from its tag; shards 0 and 1 have k = 1, so it is its own fragment. */
static struct request put_of(uint32_t shard, const char *key, struct tag tag, size_t value_bytes)
{
    static uint8_t value[1 << 16];
    struct request request = request_of(MESSAGE_PUT_DATA, shard, key);
    CHECK(value_bytes <= sizeof value);
    memset(value, (int)(tag.z * 31 + tag.w), value_bytes);
    request.payload = slice_borrow(value, value_bytes);
    request.put_data.entry = (struct entry){.tag = tag,
                                            .value_digest = tag.z,
                                            .value_bytes = (uint32_t)value_bytes,
                                            .fragment_checksum = checksum_fragment(request.payload)};
    return request;
}

static struct request confirm_of(uint32_t shard, const char *key, struct tag tag)
{
    struct request request = request_of(MESSAGE_CONFIRM, shard, key);
    request.confirm.tag = tag;
    return request;
}

static struct reply reply;

static void read_one(struct host *host, const struct request *request)
{
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_READ, &txn) == AREG_OK);
    CHECK(replica_read(host->replica, txn, request, &reply) == AREG_OK);
    store_abort(txn);
}

/* One transaction; false in `commits`: it does not come off. Returns the status of the last reply. */
static enum reply_status write_all(struct host *host, const struct request *requests, unsigned count, bool commits)
{
    struct store_txn *txn;
    CHECK(store_begin(host->store, STORE_WRITE, &txn) == AREG_OK);
    for (unsigned i = 0; i < count; i++) {
        bool has_reply;
        CHECK(replica_write(host->replica, txn, host->now_ns, &requests[i], &reply, &has_reply) == AREG_OK);
        CHECK(has_reply == (requests[i].kind != MESSAGE_CONFIRM));
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

/* Time passes, and ticks come when they are wanted. Returns how many. */
static unsigned pass(struct host *host, uint64_t ns)
{
    const uint64_t until_ns = host->now_ns + ns;
    unsigned ticks = 0;
    while (replica_wake_ns(host->replica) <= until_ns) {
        if (replica_wake_ns(host->replica) > host->now_ns)
            host->now_ns = replica_wake_ns(host->replica);
        tick(host, true);
        CHECK(++ticks < 1000000);
    }
    host->now_ns = until_ns;
    return ticks;
}

static const struct data_reply *list(struct host *host, uint32_t shard, const char *key)
{
    struct request request = request_of(MESSAGE_GET_DATA, shard, key);
    request.get_data.want = WANT_TAGS;
    read_one(host, &request);
    CHECK(reply.status == REPLY_OK && reply.payload.bytes == 0);
    return &reply.data;
}

static struct replica_counters counters_of(const struct host *host)
{
    struct replica_counters counters;
    replica_counters(host->replica, &counters);
    return counters;
}

/* ---------------------------------------------------------------- answers */

static void a_host_of_no_configuration_knows_nothing_but_itself(void **state)
{
    (void)state;
    struct host host = {.now_ns = START_NS};
    struct store_txn *txn;
    const struct store_options store_options = {.path = "", .sync = true};
    struct replica_options options = {.incarnation = 9, .cluster = &cluster};
    make_cluster();
    CHECK(store_memory_open(&host.store, &store_options) == AREG_OK);
    CHECK(host_id_parse("s9", &options.host));
    CHECK(store_begin(host.store, STORE_WRITE, &txn) == AREG_OK);
    assert_int_equal(replica_create(&host.replica, &options, txn), AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    assert_int_equal(write_one(&host, put_of(0, "k", tag_of(1), 10)), REPLY_UNKNOWN_CONFIG);
    struct request request = request_of(MESSAGE_HINT, 0, "");
    read_one(&host, &request);
    assert_int_equal(reply.status, REPLY_UNKNOWN_CONFIG);
    assert_int_equal(reply.next.status, LINK_NONE);
    request.kind = MESSAGE_HELLO;
    read_one(&host, &request);
    assert_string_equal(reply.hello.host.text, "s9");
    assert_int_equal(counters_of(&host).memberships, 0);
    close_host(&host);
}

static void a_foreign_configuration_is_unknown_and_nothing_is_stored(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 1); /* "s2": shards 0 and 1, not 2 */
    struct request foreign[4];
    foreign[0] = put_of(2, "copy", tag_of(1), 10);
    foreign[1] = put_of(0, "k", tag_of(1), 10);
    foreign[1].shard = 1;
    foreign[2] = put_of(0, "k", tag_of(1), 10);
    foreign[2].shard = 99;
    foreign[3] = put_of(0, "k", tag_of(1), 10);
    foreign[3].config.bytes[5] ^= 1;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(write_one(&host, foreign[i]), REPLY_UNKNOWN_CONFIG);
        assert_int_equal(reply.op, 5);
        assert_int_equal(reply.phase, 6);
        assert_int_equal(reply.kind, MESSAGE_PUT_DATA);
        foreign[i].kind = MESSAGE_GET_TAG;
        foreign[i].payload = (struct slice){0};
        read_one(&host, &foreign[i]);
        assert_int_equal(reply.status, REPLY_UNKNOWN_CONFIG);
        foreign[i].kind = MESSAGE_CONFIRM;
        foreign[i].confirm.tag = tag_of(1);
        write_one(&host, foreign[i]);
    }
    assert_int_equal(write_one(&host, put_of(1, "k", tag_of(1), 10)), REPLY_OK);
    struct store_txn *txn;
    struct store_stats stats;
    CHECK(store_begin(host.store, STORE_READ, &txn) == AREG_OK);
    CHECK(store_stats_get(txn, &stats) == AREG_OK);
    store_abort(txn);
    assert_int_equal(stats.register_count, 1);
    close_host(&host);
}

static void a_greeting_says_who_it_is_and_what_the_cluster_is(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 3);
    struct request request = {.kind = MESSAGE_HELLO, .op = 9};
    read_one(&host, &request);
    assert_int_equal(reply.status, REPLY_OK);
    assert_int_equal(reply.op, 9);
    assert_string_equal(reply.hello.host.text, "s4");
    assert_int_equal(reply.hello.incarnation, 77);
    assert_int_equal(reply.hello.version_min, PROTOCOL_VERSION);
    assert_int_equal(reply.payload.bytes, 0);
    request.hello.wants_cluster = true;
    read_one(&host, &request);
    static struct cluster decoded;
    assert_int_equal(cluster_decode(reply.payload, &decoded), AREG_OK);
    assert_true(config_id_equal(decoded.digest, cluster.digest));
    slice_unref(&reply.payload);
    close_host(&host);
}

static void what_does_not_belong_is_invalid(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    struct request request = put_of(0, "k", tag_of(1), 10);
    read_one(&host, &request);
    assert_int_equal(reply.status, REPLY_INVALID);
    request = request_of(MESSAGE_GET_TAG, 0, "k");
    assert_int_equal(write_one(&host, request), REPLY_INVALID);
    request = request_of(MESSAGE_STATUS, 0, "");
    read_one(&host, &request);
    assert_int_equal(reply.status, REPLY_INVALID);
    request = put_of(0, "k", tag_of(1), 10);
    request.put_data.entry.fragment_checksum ^= 1;
    assert_int_equal(write_one(&host, request), REPLY_INVALID);
    assert_int_equal(counters_of(&host).invalid, 1);
    assert_int_equal(list(&host, 0, "k")->entry_count, 0);
    close_host(&host);
}

static void shards_and_pools_are_kept_apart(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    for (uint32_t shard = 0; shard < 3; shard++)
        assert_int_equal(write_one(&host, put_of(shard, "k", tag_of(10 + shard), 10)), REPLY_OK);
    for (uint32_t shard = 0; shard < 3; shard++) {
        const struct data_reply *data = list(&host, shard, "k");
        assert_int_equal(data->entry_count, 1);
        assert_true(tag_equal(data->entries[0].tag, tag_of(10 + shard)));
    }
    close_host(&host);
}

static void damage_is_counted_when_it_is_met(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    write_one(&host, put_of(0, "k", tag_of(1), 1000));
    assert_int_equal(store_memory_rot(host.store, 1, slice_borrow("k", 1), tag_of(1), 5), AREG_OK);
    struct request request = request_of(MESSAGE_GET_DATA, 0, "k");
    request.get_data.want = WANT_NEWEST;
    read_one(&host, &request);
    assert_false(reply.data.has_fragment);
    assert_int_equal(reply.data.entries[0].flags, ENTRY_DAMAGED);
    assert_int_equal(counters_of(&host).damaged, 1);
    close_host(&host);
}

static void a_full_host_refuses_values_and_takes_deletes_and_confirmations(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    for (uint64_t z = 1; z <= 3; z++)
        write_one(&host, put_of(0, "k", tag_of(z), 1000));
    struct request get_tag = request_of(MESSAGE_GET_TAG, 0, "k");
    read_one(&host, &get_tag);
    assert_false(reply.tag.is_full);
    store_set_quota(host.store, 1, 0);
    read_one(&host, &get_tag);
    assert_true(reply.tag.is_full);
    assert_true(tag_equal(reply.tag.newest, tag_of(3)));
    assert_int_equal(write_one(&host, put_of(0, "k", tag_of(4), 1000)), REPLY_FULL);
    assert_int_equal(counters_of(&host).full, 1);
    assert_int_equal(write_one(&host, put_of(0, "k", tag_of(3), 1000)), REPLY_OK); /* it has that one */
    struct request del = put_of(0, "k", tag_of(5), 0);
    del.put_data.entry.flags = ENTRY_TOMBSTONE;
    assert_int_equal(write_one(&host, del), REPLY_OK);
    write_one(&host, confirm_of(0, "k", tag_of(5)));
    pass(&host, 2 * GRACE_NS);
    assert_int_equal(list(&host, 0, "k")->entry_count, 1);
    assert_int_equal(reply.data.entries[0].flags, ENTRY_TOMBSTONE);
    close_host(&host);
}

/* ---------------------------------------------------------------- key listings */

struct known_key {
    char text[8];
    bool is_there;
};

/* The keys of a page, as bits; checks their order. */
static uint64_t keys_of(const struct slice *payload)
{
    struct bytes_reader reader = bytes_reader_on(payload->at, payload->bytes);
    struct listed_key listed;
    uint64_t bits = 0;
    enum areg_error error;
    while ((error = key_page_get(&reader, &listed)) == AREG_OK) {
        const unsigned index = (unsigned)((listed.key.at[0] - 'a') * 8 + (listed.key.at[1] - 'a'));
        assert_true(index < 64 && (bits >> index) == 0);
        bits |= UINT64_C(1) << index;
        assert_int_equal(listed.is_tombstone, index % 5 == 0);
        assert_int_equal(listed.tag.z, index + 2);
    }
    assert_int_equal(error, AREG_ENOTFOUND);
    return bits;
}

static void pages_hold_the_keys_after_a_place_in_order(void **state)
{
    (void)state;
    struct host host;
    struct random_source random = test_random();
    uint64_t there = 0;
    open_host(&host, 0);
    for (unsigned index = 0; index < 64; index++) {
        if (random_below(&random, 3) == 0)
            continue;
        const char key[3] = {(char)('a' + index / 8), (char)('a' + index % 8), 0};
        there |= UINT64_C(1) << index;
        write_one(&host, put_of(1, key, tag_of(1), 10)); /* the newest speaks for it */
        struct request put = put_of(1, key, tag_of(index + 2), index % 5 ? 10 : 0);
        put.put_data.entry.flags = index % 5 ? 0 : ENTRY_TOMBSTONE;
        assert_int_equal(write_one(&host, put), REPLY_OK);
    }
    for (unsigned prefix = 0; prefix <= 8; prefix++) {
        for (unsigned after = 0; after <= 64; after++) {
            const char prefix_text[2] = {(char)('a' + prefix - 1), 0};
            const char after_text[3] = {(char)('a' + (after - 1) / 8), (char)('a' + (after - 1) % 8), 0};
            uint64_t expected = there;
            if (prefix)
                expected &= UINT64_C(0xff) << (8 * (prefix - 1));
            expected = after == 64 ? 0 : expected & (UINT64_MAX << after);
            const uint32_t key_count_max = 1 + (uint32_t)random_below(&random, 12);
            uint64_t first = 0;
            for (uint32_t i = 0; i < key_count_max && (expected & ~first); i++)
                first |= (expected & ~first) & -(expected & ~first);
            struct request request = request_of(MESSAGE_LIST_KEYS, 1, "");
            request.list_keys = (struct list_keys){.prefix = slice_borrow(prefix_text, prefix ? 1 : 0),
                                                   .after = slice_borrow(after_text, after ? 2 : 0),
                                                   .key_count_max = key_count_max};
            read_one(&host, &request);
            assert_int_equal(reply.status, REPLY_OK);
            assert_int_equal(keys_of(&reply.payload), first);
            assert_int_equal(reply.keys.has_more, first != expected);
            slice_unref(&reply.payload);
        }
    }
    close_host(&host);
}

static void a_page_ends_at_its_limit_of_bytes(void **state)
{
    (void)state;
    struct host host;
    char key[AREG_KEY_BYTES_MAX + 1];
    open_host(&host, 0);
    for (unsigned i = 0; i < 400; i++) {
        memset(key, 'x', sizeof key);
        snprintf(key, sizeof key, "%04u", i);
        key[4] = 'x';
        key[AREG_KEY_BYTES_MAX] = 0;
        write_one(&host, put_of(0, key, tag_of(1), 1));
    }
    unsigned found = 0;
    bool has_more = true;
    struct slice after = {0};
    while (has_more) {
        struct request request = request_of(MESSAGE_LIST_KEYS, 0, "");
        request.list_keys = (struct list_keys){.after = after, .key_count_max = KEY_PAGE_COUNT_MAX};
        read_one(&host, &request);
        assert_true(reply.payload.bytes <= KEY_PAGE_BYTES_MAX);
        struct bytes_reader reader = bytes_reader_on(reply.payload.at, reply.payload.bytes);
        struct listed_key listed;
        while (key_page_get(&reader, &listed) == AREG_OK)
            found++;
        slice_unref(&after);
        after = slice_copy(listed.key);
        has_more = reply.keys.has_more;
        slice_unref(&reply.payload);
    }
    slice_unref(&after);
    assert_int_equal(found, 400);
    close_host(&host);
}

/* ---------------------------------------------------------------- transactions that do not come off */

struct dump {
    size_t bytes;
    uint8_t at[1 << 20];
};

static void dump_tag(struct dump *dump, struct tag tag)
{
    memcpy(dump->at + dump->bytes, &tag, sizeof tag);
    dump->bytes += sizeof tag;
}

static bool dump_one(struct slice key, const struct stored_register *found, void *arg)
{
    struct dump *dump = arg;
    CHECK(dump->bytes + 2048 + found->entry_count * 32 < sizeof dump->at);
    memcpy(dump->at + dump->bytes, key.at, key.bytes);
    dump->bytes += key.bytes;
    dump_tag(dump, found->trimmed);
    dump_tag(dump, found->confirmed);
    for (uint32_t i = 0; i < found->entry_count; i++)
        dump_tag(dump, found->entries[i].entry.tag);
    return true;
}

static void dump_store(struct store *store, struct dump *dump)
{
    struct store_txn *txn;
    dump->bytes = 0;
    CHECK(store_begin(store, STORE_READ, &txn) == AREG_OK);
    for (uint32_t slot = 1; slot <= 3; slot++)
        CHECK(store_register_scan(txn, slot, (struct slice){0}, (struct slice){0}, dump_one, dump) == AREG_OK);
    store_abort(txn);
}

static unsigned random_batch(struct random_source *random, struct request *requests, char keys[][4])
{
    const unsigned count = 1 + (unsigned)random_below(random, 8);
    for (unsigned i = 0; i < count; i++) {
        snprintf(keys[i], 4, "k%u", (unsigned)random_below(random, 4));
        const uint32_t shard = (uint32_t)random_below(random, 3);
        const struct tag tag = {1 + random_below(random, 40), 1 + random_below(random, 2)};
        /* What is confirmed is remembered whatever becomes of the transaction, so it must come first to make no
         * difference. (One buffer serves all values: they are empty.) */
        requests[i] = i < count / 3 ? confirm_of(shard, keys[i], tag) : put_of(shard, keys[i], tag, 0);
    }
    return count;
}

static void what_was_aborted_and_repeated_is_as_if_done_once(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned run = 0; run < 20; run++) {
        struct host once, often;
        static struct dump a, b;
        open_host(&once, 0);
        open_host(&often, 0);
        for (unsigned turn = 0; turn < 200; turn++) {
            struct request requests[8];
            char keys[8][4];
            const unsigned count = random_batch(&random, requests, keys);
            write_all(&once, requests, count, true);
            for (unsigned i = (unsigned)random_below(&random, 3); i > 0; i--)
                write_all(&often, requests, count, false);
            write_all(&often, requests, count, true);
            once.now_ns = often.now_ns = once.now_ns + random_below(&random, 40 * MS);
            if (replica_wake_ns(once.replica) <= once.now_ns) {
                tick(&once, true);
                if (random_below(&random, 2))
                    tick(&often, false);
                tick(&often, true);
            }
            dump_store(once.store, &a);
            dump_store(often.store, &b);
            assert_int_equal(a.bytes, b.bytes);
            assert_memory_equal(a.at, b.at, a.bytes);
        }
        const struct replica_counters x = counters_of(&once);
        const struct replica_counters y = counters_of(&often);
        assert_memory_equal(&x, &y, sizeof x);
        close_host(&once);
        close_host(&often);
    }
}

/* ---------------------------------------------------------------- sweeping */

static void superseded_entries_stay_for_the_grace_time_and_then_go(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    pass(&host, GRACE_NS);
    assert_int_equal(replica_wake_ns(host.replica), UINT64_MAX);
    for (uint64_t z = 1; z <= 3; z++)
        write_one(&host, put_of(0, "k", tag_of(z), 100));
    write_one(&host, confirm_of(0, "k", tag_of(3)));
    assert_int_equal(replica_wake_ns(host.replica), host.now_ns + GRACE_NS);
    pass(&host, GRACE_NS - 1);
    assert_int_equal(list(&host, 0, "k")->entry_count, 3);
    pass(&host, 1);
    assert_int_equal(list(&host, 0, "k")->entry_count, 1);
    assert_true(tag_equal(reply.data.entries[0].tag, tag_of(3)));
    assert_true(tag_equal(reply.data.confirmed, tag_of(3)));
    assert_true(tag_equal(reply.data.trimmed, tag_of(2)));
    assert_int_equal(counters_of(&host).trims, 2);
    assert_int_equal(replica_wake_ns(host.replica), UINT64_MAX);
    close_host(&host);
}

static void a_late_put_below_what_is_confirmed_goes_after_the_grace_time(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    write_one(&host, put_of(0, "k", tag_of(5), 100));
    write_one(&host, confirm_of(0, "k", tag_of(5)));
    pass(&host, 2 * GRACE_NS);
    write_one(&host, put_of(0, "k", tag_of(3), 100));
    pass(&host, GRACE_NS - 1);
    assert_int_equal(list(&host, 0, "k")->entry_count, 2);
    pass(&host, 1);
    assert_int_equal(list(&host, 0, "k")->entry_count, 1);
    close_host(&host);
}

static void absurd_confirmations_are_not_remembered(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    write_one(&host, put_of(0, "k", tag_of(5), 100));
    write_one(&host, confirm_of(0, "k", (struct tag){TAG_Z_MAX, 1}));
    write_one(&host, put_of(0, "k", tag_of(6), 100));
    pass(&host, 2 * GRACE_NS);
    assert_int_equal(list(&host, 0, "k")->entry_count, 2);
    assert_true(tag_is_zero(reply.data.confirmed));
    assert_int_equal(counters_of(&host).invalid, 1);
    close_host(&host);
}

/* A register whose record says that its first entry is superseded. */
static void leave_superseded(struct host *host, uint32_t shard, const char *key)
{
    write_one(host, put_of(shard, key, tag_of(1), 100));
    write_one(host, put_of(shard, key, tag_of(2), 100));
    write_one(host, confirm_of(shard, key, tag_of(2)));
    write_one(host, put_of(shard, key, tag_of(3), 100));
}

static void what_was_superseded_before_a_crash_is_swept_after_it(void **state)
{
    (void)state;
    struct host host;
    open_host(&host, 0);
    char key[8];
    for (unsigned i = 0; i < 900; i++) {
        snprintf(key, sizeof key, "k%03u", i);
        leave_superseded(&host, i % 2, key);
        assert_int_equal(list(&host, i % 2, key)->entry_count, 3);
    }
    crash(&host);
    /* In steps: one tick does not look at all. */
    tick(&host, true);
    assert_true(replica_wake_ns(host.replica) < UINT64_MAX);
    pass(&host, 4 * GRACE_NS);
    for (unsigned i = 0; i < 900; i++) {
        snprintf(key, sizeof key, "k%03u", i);
        assert_int_equal(list(&host, i % 2, key)->entry_count, 2);
        assert_true(tag_equal(reply.data.entries[0].tag, tag_of(2)));
    }
    assert_int_equal(replica_wake_ns(host.replica), UINT64_MAX);
    close_host(&host);
}

static void fill_the_sweep(struct host *host)
{
    char key[16];
    for (unsigned i = 0; i < SWEEP_PENDING_MAX; i++) {
        snprintf(key, sizeof key, "nothing%u", i);
        write_one(host, confirm_of(0, key, tag_of(1)));
    }
}

static void when_too_many_wait_a_scan_finds_the_rest(void **state)
{
    (void)state;
    /* Too many come when no scan is under way, or when one has passed by already. */
    for (unsigned during = 0; during <= 1; during++) {
        struct host host;
        char key[8];
        open_host(&host, 0);
        write_one(&host, put_of(0, "a", tag_of(5), 100));
        write_one(&host, confirm_of(0, "a", tag_of(5)));
        pass(&host, 2 * GRACE_NS);
        for (unsigned i = 0; i < 600; i++) {
            snprintf(key, sizeof key, "k%03u", i);
            write_one(&host, put_of(0, key, tag_of(1), 1));
        }
        if (during) {
            crash(&host);
            tick(&host, true);
        }
        fill_the_sweep(&host);
        write_one(&host, put_of(0, "a", tag_of(3), 100));
        assert_int_equal(list(&host, 0, "a")->entry_count, 2);
        pass(&host, 10 * GRACE_NS);
        assert_int_equal(list(&host, 0, "a")->entry_count, 1);
        assert_int_equal(replica_wake_ns(host.replica), UINT64_MAX);
        close_host(&host);
    }
}

static void a_record_that_does_not_decode_is_no_reason_to_leave_other_shards(void **state)
{
    (void)state;
    struct host host;
    struct store_txn *txn;
    uint8_t *room;
    open_host(&host, 0);
    leave_superseded(&host, 0, "k1");
    leave_superseded(&host, 1, "k2");
    CHECK(store_begin(host.store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(host.store->backend->put(txn, TABLE_REGISTERS, slice_borrow("\0\0\0\1k1", 6), 3, &room) == AREG_OK);
    memset(room, 'x', 3);
    CHECK(store_commit(txn) == AREG_OK);
    const struct request get_tag = request_of(MESSAGE_GET_TAG, 0, "k1");
    CHECK(store_begin(host.store, STORE_READ, &txn) == AREG_OK);
    assert_int_equal(replica_read(host.replica, txn, &get_tag, &reply), AREG_ECORRUPT);
    store_abort(txn);
    for (unsigned crashed = 0; crashed <= 1; crashed++) {
        pass(&host, 3 * GRACE_NS);
        assert_int_equal(list(&host, 1, "k2")->entry_count, 2 - crashed);
        assert_int_equal(replica_wake_ns(host.replica), UINT64_MAX);
        crash(&host);
        write_one(&host, confirm_of(1, "k2", tag_of(3)));
    }
    close_host(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_of_no_configuration_knows_nothing_but_itself),
        cmocka_unit_test(a_foreign_configuration_is_unknown_and_nothing_is_stored),
        cmocka_unit_test(a_greeting_says_who_it_is_and_what_the_cluster_is),
        cmocka_unit_test(what_does_not_belong_is_invalid),
        cmocka_unit_test(shards_and_pools_are_kept_apart),
        cmocka_unit_test(damage_is_counted_when_it_is_met),
        cmocka_unit_test(a_full_host_refuses_values_and_takes_deletes_and_confirmations),
        cmocka_unit_test(pages_hold_the_keys_after_a_place_in_order),
        cmocka_unit_test(a_page_ends_at_its_limit_of_bytes),
        cmocka_unit_test(what_was_aborted_and_repeated_is_as_if_done_once),
        cmocka_unit_test(superseded_entries_stay_for_the_grace_time_and_then_go),
        cmocka_unit_test(a_late_put_below_what_is_confirmed_goes_after_the_grace_time),
        cmocka_unit_test(absurd_confirmations_are_not_remembered),
        cmocka_unit_test(what_was_superseded_before_a_crash_is_swept_after_it),
        cmocka_unit_test(when_too_many_wait_a_scan_finds_the_rest),
        cmocka_unit_test(a_record_that_does_not_decode_is_no_reason_to_leave_other_shards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
