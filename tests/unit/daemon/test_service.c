/* A host in this process, asked over loopback: what it answers, what it survives, what it keeps. */
#include "server/daemon/service.h"

#include "codec/checksum.h"
#include "core/random.h"
#include "net/dealers.h"
#include "server/daemon/clock.h"
#include "server/daemon/genesis.h"
#include "tests/unit/daemon/scratch.h"
#include "wire/seal.h"

#include <inttypes.h>
#include <time.h>

#define PATIENCE_NS UINT64_C(20000000000)

static const char GENESIS[] = "cluster = \"c\"; hosts = ( { id = \"s1\"; addr = \"tcp://127.0.0.1:1\"; } );\n"
                              "pools = ( { name = \"p\"; code = \"rs:1,1\"; } );\n";

/** One host and one client. */
struct world {
    struct settings settings;
    struct cluster *cluster;
    struct config config;
    struct log log;
    struct host host;
    struct service *service;
    struct dealers *dealers;
    uint64_t next_op;
};

static void await_up(struct dealers *dealers)
{
    const uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
    unsigned peer_index;
    bool is_up = false;
    while (!is_up) {
        assert_true(clock_now_ns() < end_ns);
        dealers_wait(dealers, 100);
        dealers_next_change(dealers, &peer_index, &is_up);
    }
}

static void world_start(void **state, struct world *world, const char *quota, unsigned inflight_max)
{
    char genesis[SCRATCH_PATH_BYTES];
    char data[SCRATCH_PATH_BYTES];
    char why[HOST_WHY_BYTES];
    *world = (struct world){.log = {.level = LOG_ERROR}, .next_op = 1};
    scratch_write(*state, "genesis.conf", GENESIS);
    struct settings_sources sources = {0};
    sources.flags[SETTING_ID] = "s1";
    sources.flags[SETTING_DATA] = scratch_path(*state, "data", data);
    sources.flags[SETTING_GENESIS] = scratch_path(*state, "genesis.conf", genesis);
    sources.flags[SETTING_STORAGE_QUOTA] = quota;
    sources.flags[SETTING_STORAGE_RESERVE] = "0";
    world->cluster = calloc(1, sizeof *world->cluster);
    assert_int_equal(settings_load(&world->settings, &sources, why), AREG_OK);
    assert_int_equal(genesis_load(world->settings.genesis, world->cluster, why), AREG_OK);
    cluster_genesis_config(world->cluster, 0, &world->config);
    if (host_open(&world->host, &world->settings, world->cluster, &world->log, why) != AREG_OK)
        fail_msg("%s", why);
    if (service_start(&world->service, &world->host, "tcp://127.0.0.1:*", inflight_max, why) != AREG_OK)
        fail_msg("%s", why);
    assert_int_equal(dealers_create(&world->dealers), AREG_OK);
    assert_int_equal(dealers_add(world->dealers, service_address(world->service)), AREG_OK);
    await_up(world->dealers);
}

static void world_stop(struct world *world)
{
    if (world->service)
        service_stop(world->service);
    dealers_destroy(world->dealers, 0);
    host_close(&world->host);
    settings_fini(&world->settings);
    free(world->cluster);
}

/* ---------------------------------------------------------------- asking */

static struct request ask(struct world *world, enum message_kind kind, const char *key)
{
    return (struct request){
        .kind = kind,
        .op = world->next_op++,
        .config = world->config.id,
        .key = slice_borrow(key, strlen(key)),
    };
}

/** A put of `bytes` bytes that all have the value of `fill`; the payload is the caller's to drop. */
static struct request ask_put(struct world *world, const char *key, uint64_t z, size_t bytes, uint8_t fill)
{
    struct request request = ask(world, MESSAGE_PUT_DATA, key);
    if (bytes) {
        request.payload = slice_of(buffer_create(bytes), 0, bytes);
        memset(buffer_at(request.payload.owner), fill, bytes);
    }
    request.put_data.entry = (struct entry){
        .tag = {.z = z, .w = 1},
        .value_digest = checksum_value(request.payload),
        .value_bytes = (uint32_t)bytes,
        .fragment_checksum = checksum_fragment(request.payload),
    };
    return request;
}

static struct request ask_data(struct world *world, const char *key)
{
    struct request request = ask(world, MESSAGE_GET_DATA, key);
    request.get_data.want = WANT_NEWEST;
    return request;
}

/** Send requests in one packet, if there is room for it. Their payloads are dropped. */
static bool try_send_requests(struct world *world, struct request *requests, unsigned count)
{
    struct packet packet;
    struct packet_writer *writer = packet_writer_create();
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(packet_add_request(writer, &requests[i]), AREG_OK);
        slice_unref(&requests[i].payload);
    }
    packet_take(writer, &packet);
    packet_writer_destroy(writer);
    return dealers_send(world->dealers, 0, &packet);
}

static void send_requests(struct world *world, struct request *requests, unsigned count)
{
    assert_true(try_send_requests(world, requests, count));
}

/** The replies that came, in order, with payloads of their own. */
struct replies {
    unsigned count;
    struct reply at[1024];
};

static void replies_drop(struct replies *replies)
{
    for (unsigned i = 0; i < replies->count; i++)
        slice_unref(&replies->at[i].payload);
    replies->count = 0;
}

static void keep_replies(struct replies *replies, const struct packet *packet)
{
    struct packet_reader reader;
    uint32_t version;
    assert_int_equal(packet_open(&reader, packet, &version), AREG_OK);
    for (;;) {
        assert_in_range(replies->count, 0, 1023);
        struct reply *reply = &replies->at[replies->count];
        const enum areg_error error = packet_next_reply(&reader, reply);
        if (error != AREG_OK) {
            assert_int_equal(error, AREG_ENOTFOUND);
            return;
        }
        slice_ref(reply->payload);
        replies->count++;
    }
}

/** Receive what is there, or wait a little for it. */
static void receive_some(struct world *world, struct replies *replies)
{
    struct packet packet;
    unsigned peer_index;
    if (!dealers_receive(world->dealers, &peer_index, &packet)) {
        dealers_wait(world->dealers, 100);
        return;
    }
    keep_replies(replies, &packet);
    packet_fini(&packet);
}

static void await_replies(struct world *world, struct replies *replies, unsigned count)
{
    const uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
    while (replies->count < count) {
        if (clock_now_ns() > end_ns)
            fail_msg("%u of %u replies came", replies->count, count);
        receive_some(world, replies);
    }
    assert_int_equal(replies->count, count);
}

/** Send one request, and wait for its reply; late ones to earlier requests are dropped. */
static const struct reply *exchange(struct world *world, struct replies *replies, struct request request)
{
    const uint64_t end_ns = clock_now_ns() + PATIENCE_NS;
    const uint64_t op = request.op;
    while (!try_send_requests(world, &request, 1)) {
        receive_some(world, replies);
        replies_drop(replies);
    }
    replies_drop(replies);
    while (clock_now_ns() < end_ns) {
        receive_some(world, replies);
        for (unsigned i = 0; i < replies->count; i++)
            if (replies->at[i].op == op && replies->at[i].kind == request.kind)
                return &replies->at[i];
        replies_drop(replies);
    }
    fail_msg("no reply came");
    return NULL;
}

/** A number in the status, found by its name. */
static uint64_t status_number(struct world *world, struct replies *replies, const char *name)
{
    char text[STATUS_BYTES_MAX];
    char quoted[64];
    const struct reply *reply = exchange(world, replies, ask(world, MESSAGE_STATUS, ""));
    assert_int_equal(reply->status, REPLY_OK);
    snprintf(text, sizeof text, "%.*s", (int)reply->payload.bytes, (const char *)reply->payload.at);
    snprintf(quoted, sizeof quoted, "\"%s\":", name);
    assert_contains(text, quoted);
    return strtoull(strstr(text, quoted) + strlen(quoted), NULL, 10);
}

/* ---------------------------------------------------------------- cases */

static struct replies *new_replies(void)
{
    struct replies *replies = calloc(1, sizeof *replies);
    assert_non_null(replies);
    return replies;
}

static void free_replies(struct replies *replies)
{
    replies_drop(replies);
    free(replies);
}

static void a_greeting_is_answered_with_name_and_map(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    world_start(state, &world, "0", 4096);
    struct request request = ask(&world, MESSAGE_HELLO, "");
    request.hello.wants_cluster = true;
    const struct reply *reply = exchange(&world, replies, request);
    assert_int_equal(reply->status, REPLY_OK);
    assert_string_equal(reply->hello.host.text, "s1");
    assert_int_equal(reply->hello.incarnation, world.host.incarnation);
    struct cluster *cluster = calloc(1, sizeof *cluster);
    assert_int_equal(cluster_decode(reply->payload, cluster), AREG_OK);
    assert_true(config_id_equal(cluster->digest, world.cluster->digest));
    free(cluster);
    free_replies(replies);
    world_stop(&world);
}

static void what_was_put_is_read_back_and_survives_a_restart(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    static const size_t SIZES[] = {0, 1, 1000, 100000, AREG_VALUE_BYTES_MAX};
    world_start(state, &world, "0", 4096);
    for (unsigned i = 0; i < 5; i++) {
        const char key[] = {(char)('a' + i), 0};
        const struct reply *reply = exchange(&world, replies, ask_put(&world, key, 1 + i, SIZES[i], (uint8_t)i));
        assert_int_equal(reply->status, REPLY_OK);
    }
    for (unsigned restart = 0; restart < 2; restart++) {
        for (unsigned i = 0; i < 5; i++) {
            const char key[] = {(char)('a' + i), 0};
            const struct reply *reply = exchange(&world, replies, ask_data(&world, key));
            assert_int_equal(reply->status, REPLY_OK);
            assert_int_equal(reply->data.entry_count, 1);
            assert_int_equal(reply->data.entries[0].tag.z, 1 + i);
            assert_int_equal(reply->payload.bytes, SIZES[i]);
            assert_int_equal(checksum_fragment(reply->payload), reply->data.entries[0].fragment_checksum);
        }
        world_stop(&world);
        world_start(state, &world, "0", 4096);
    }
    free_replies(replies);
    world_stop(&world);
}

static void a_mixed_packet_is_answered_in_full(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    struct request requests[PACKET_MESSAGE_COUNT_MAX];
    unsigned char seen[PACKET_MESSAGE_COUNT_MAX + 1] = {0};
    world_start(state, &world, "0", 4096);
    unsigned expected_count = 0;
    for (unsigned i = 0; i < PACKET_MESSAGE_COUNT_MAX; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", i % 7);
        requests[i] = i % 3 == 0   ? ask_put(&world, key, 1 + i, i * 10, (uint8_t)i)
                      : i % 3 == 1 ? ask_data(&world, key)
                                   : ask(&world, MESSAGE_CONFIRM, key);
        if (requests[i].kind == MESSAGE_CONFIRM)
            requests[i].confirm.tag = (struct tag){.z = 1, .w = 1};
        /* Keys are copied when the packet is written, so each must be written before the next overwrites it. */
        requests[i].key = slice_copy(requests[i].key);
        expected_count += requests[i].kind != MESSAGE_CONFIRM;
    }
    struct slice keys[PACKET_MESSAGE_COUNT_MAX];
    for (unsigned i = 0; i < PACKET_MESSAGE_COUNT_MAX; i++)
        keys[i] = requests[i].key;
    send_requests(&world, requests, PACKET_MESSAGE_COUNT_MAX);
    await_replies(&world, replies, expected_count);
    for (unsigned i = 0; i < expected_count; i++) {
        assert_int_equal(replies->at[i].status, REPLY_OK);
        assert_false(seen[replies->at[i].op]);
        seen[replies->at[i].op] = 1;
    }
    for (unsigned i = 0; i < PACKET_MESSAGE_COUNT_MAX; i++)
        slice_unref(&keys[i]);
    free_replies(replies);
    world_stop(&world);
}

static void the_status_counts_what_was_done(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    world_start(state, &world, "0", 4096);
    for (unsigned i = 0; i < 10; i++)
        exchange(&world, replies, ask_put(&world, "k", 1 + i, 1000, 1));
    assert_int_equal(status_number(&world, replies, "puts"), 10);
    assert_int_equal(status_number(&world, replies, "put_bytes"), 10 * 1000);
    assert_int_equal(status_number(&world, replies, "batches"), 10);
    assert_int_equal(status_number(&world, replies, "writes"), 10);
    assert_int_equal(status_number(&world, replies, "register_count"), 1);
    assert_true(status_number(&world, replies, "bytes_in") > 10 * 1000);
    assert_int_equal(status_number(&world, replies, "queued_messages"), 0);
    assert_int_equal(status_number(&world, replies, "malformed"), 0);
    for (unsigned i = 0; i < 3; i++)
        exchange(&world, replies, ask_data(&world, "k"));
    assert_int_equal(status_number(&world, replies, "gets"), 3);
    free_replies(replies);
    world_stop(&world);
}

static void another_version_is_told_which_one_is_spoken(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    world_start(state, &world, "0", 4096);
    enum { GREETING_BYTES = 7 };
    uint8_t greeting[GREETING_BYTES + SEAL_BYTES] = {0x92, 0xa4, 'a', 'r', 'e', 'g', PROTOCOL_VERSION + 1};
    seal_put(greeting, GREETING_BYTES);
    struct packet packet = {.header = slice_copy(slice_borrow(greeting, sizeof greeting))};
    assert_true(dealers_send(world.dealers, 0, &packet));
    await_replies(&world, replies, 1);
    assert_int_equal(replies->at[0].status, REPLY_VERSION);
    assert_int_equal(replies->at[0].hello.version_min, PROTOCOL_VERSION);
    assert_int_equal(replies->at[0].hello.version_max, PROTOCOL_VERSION);
    assert_int_equal(status_number(&world, replies, "other_versions"), 1);
    free_replies(replies);
    world_stop(&world);
}

/** Packets of well-formed requests with bytes changed, cut or added, on the way or before they were sealed. */
static void damaged_packets_are_survived_and_counted(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    const char *text = getenv("AREG_SEED");
    struct random_source random = {.state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL)};
    printf("AREG_SEED=%" PRIu64 "\n", random.state);
    world_start(state, &world, "0", 4096);
    for (unsigned round = 0; round < 2000; round++) {
        struct packet packet;
        struct packet_writer *writer = packet_writer_create();
        for (unsigned i = 0; i <= random_below(&random, 4); i++) {
            struct request request =
                random_below(&random, 2) ? ask_put(&world, "key", 1 + round, 50, 3) : ask_data(&world, "key");
            assert_int_equal(packet_add_request(writer, &request), AREG_OK);
            slice_unref(&request.payload);
        }
        packet_take(writer, &packet);
        packet_writer_destroy(writer);
        uint8_t *header = buffer_at(packet.header.owner);
        for (unsigned i = 0; i <= random_below(&random, 3); i++)
            header[random_below(&random, packet.header.bytes)] = (uint8_t)random_next(&random);
        if (random_below(&random, 4) == 0)
            packet.header.bytes = random_below(&random, packet.header.bytes + 1);
        if (random_below(&random, 4) > 0 && packet.header.bytes >= SEAL_BYTES)
            seal_put(header, packet.header.bytes - SEAL_BYTES);
        if (random_below(&random, 4) == 0 && packet.payload_count > 0)
            slice_unref(&packet.payloads[--packet.payload_count]);
        dealers_send(world.dealers, 0, &packet);
        unsigned peer_index;
        while (dealers_receive(world.dealers, &peer_index, &packet))
            packet_fini(&packet);
    }
    assert_true(status_number(&world, replies, "malformed") > 100);
    free_replies(replies);
    world_stop(&world);
}

static void beyond_the_limit_puts_are_told_to_come_again(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    enum { PACKET_COUNT = 60, PUTS_PER_PACKET = 8 };
    world_start(state, &world, "0", 1);
    for (unsigned i = 0; i < PACKET_COUNT; i++) {
        struct request requests[PUTS_PER_PACKET];
        for (unsigned j = 0; j < PUTS_PER_PACKET; j++)
            requests[j] = ask_put(&world, "k", world.next_op, 500, 1);
        send_requests(&world, requests, PUTS_PER_PACKET);
    }
    await_replies(&world, replies, PACKET_COUNT * PUTS_PER_PACKET);
    unsigned busy_count = 0;
    for (unsigned i = 0; i < replies->count; i++) {
        busy_count += replies->at[i].status == REPLY_BUSY;
        assert_true(replies->at[i].status == REPLY_BUSY || replies->at[i].status == REPLY_OK);
    }
    assert_int_equal(status_number(&world, replies, "busy"), busy_count);
    assert_int_equal(status_number(&world, replies, "puts"), PACKET_COUNT * PUTS_PER_PACKET - busy_count);
    free_replies(replies);
    world_stop(&world);
}

static void without_room_values_are_refused_and_deletes_are_not(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    enum { PUT_COUNT = 40 };
    world_start(state, &world, "8 MiB", 4096);
    unsigned full_count = 0;
    for (unsigned i = 0; i < PUT_COUNT; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%u", i);
        const struct reply *reply = exchange(&world, replies, ask_put(&world, key, 1, 500000, 1));
        assert_true(reply->status == REPLY_OK || reply->status == REPLY_FULL);
        full_count += reply->status == REPLY_FULL;
    }
    assert_true(full_count > 0 && full_count < PUT_COUNT);
    assert_int_equal(status_number(&world, replies, "puts"), PUT_COUNT - full_count);
    struct request request = ask_put(&world, "k0", 2, 0, 0);
    request.put_data.entry = (struct entry){.tag = {.z = 2, .w = 1}, .flags = ENTRY_TOMBSTONE};
    assert_int_equal(exchange(&world, replies, request)->status, REPLY_OK);
    /* More room, without a restart. */
    store_set_quota(world.host.store, 0, 0);
    assert_int_equal(exchange(&world, replies, ask_put(&world, "new", 1, 500000, 1))->status, REPLY_OK);
    free_replies(replies);
    world_stop(&world);
}

static void what_was_accepted_is_finished_before_the_end(void **state)
{
    struct world world;
    struct replies *replies = new_replies();
    enum { PUT_COUNT = 200 };
    world_start(state, &world, "0", 4096);
    struct request requests[PUT_COUNT];
    for (unsigned i = 0; i < PUT_COUNT; i++)
        requests[i] = ask_put(&world, "k", 1 + i, 20000, 1);
    send_requests(&world, requests, PUT_COUNT);
    /* A reply to something that was sent later tells that the packet has been accepted. */
    exchange(&world, replies, ask(&world, MESSAGE_HELLO, ""));
    service_stop(world.service);
    world.service = NULL;
    replies_drop(replies);
    await_replies(&world, replies, PUT_COUNT);
    for (unsigned i = 0; i < PUT_COUNT; i++)
        assert_int_equal(replies->at[i].status, REPLY_OK);
    free_replies(replies);
    world_stop(&world);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_create, scratch_destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_greeting_is_answered_with_name_and_map),     CASE(what_was_put_is_read_back_and_survives_a_restart),
        CASE(a_mixed_packet_is_answered_in_full),           CASE(the_status_counts_what_was_done),
        CASE(another_version_is_told_which_one_is_spoken),  CASE(damaged_packets_are_survived_and_counted),
        CASE(beyond_the_limit_puts_are_told_to_come_again), CASE(without_room_values_are_refused_and_deletes_are_not),
        CASE(what_was_accepted_is_finished_before_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
