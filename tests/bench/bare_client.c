#include "tests/bench/bare_client.h"

#include "core/check.h"
#include "core/random.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct operation {
    bool is_under_way;
    enum record_kind kind;  /* of the operation */
    enum record_kind round; /* of what is being asked */
    uint64_t id;
    uint64_t begin_ns;
    uint32_t key_slot;
    unsigned reply_count;
    unsigned fragment_count;
};

struct bare_client {
    struct bare_client_options options;
    size_t fragment_bytes;
    unsigned quorum;
    void *context;
    void *sockets[BARE_HOST_COUNT_MAX];
    struct outbox outboxes[BARE_HOST_COUNT_MAX];
    struct inbox inbox;
    uint8_t *value; /* all fragments are slices of it */
    struct random_source random;
    uint64_t last_id;
    uint64_t left_count; /* operations to begin yet */
    uint64_t until_ns;
    unsigned under_way_count;
    struct latencies *latencies;
    struct operation operations[BARE_DEPTH_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct bare_client *bare_client_create(const struct bare_client_options *options, char *const *addresses)
{
    CHECK(options->host_count <= BARE_HOST_COUNT_MAX && options->depth <= BARE_DEPTH_MAX);
    CHECK(options->key_count > 0);
    struct bare_client *client = calloc(1, sizeof *client);
    CHECK(client);
    client->options = *options;
    const unsigned n = options->host_count;
    const unsigned k = options->fragment_count;
    client->fragment_bytes = (options->value_bytes + k - 1) / k;
    client->quorum = (n + k + 1) / 2;
    /* n fragments of real memory, as after coding, and none of it the kernel's page of zeroes. */
    client->value = malloc(client->fragment_bytes * n);
    CHECK(client->value);
    memset(client->value, 'a', client->fragment_bytes * n);
    client->context = zmq_ctx_new();
    for (unsigned i = 0; i < n; i++) {
        client->sockets[i] = zmq_socket(client->context, ZMQ_DEALER);
        CHECK(client->sockets[i] && zmq_connect(client->sockets[i], addresses[i]) == 0);
        client->outboxes[i].is_unbatched = !options->batch;
    }
    return client;
}

void bare_client_destroy(struct bare_client *client)
{
    const int linger_ms = 0;
    for (unsigned i = 0; i < client->options.host_count; i++) {
        zmq_setsockopt(client->sockets[i], ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(client->sockets[i]);
    }
    zmq_ctx_term(client->context);
    free(client->value);
    free(client);
}

/* ---------------------------------------------------------------- operations */

static void post(struct bare_client *client, unsigned host_index, const struct record *record)
{
    struct outbox *outbox = &client->outboxes[host_index];
    if (outbox->record_count == PACKET_RECORD_COUNT_MAX)
        outbox_send(outbox, client->sockets[host_index], NULL, 0);
    zmq_msg_t fragment;
    if (record->has_payload)
        payload_lend(&fragment, client->value + host_index * client->fragment_bytes, client->fragment_bytes);
    outbox_add(outbox, record, record->has_payload ? &fragment : NULL);
}

static void begin_round(struct bare_client *client, struct operation *operation, enum record_kind round)
{
    operation->round = round;
    operation->reply_count = 0;
    operation->fragment_count = 0;
    operation->id = ++client->last_id; /* late replies to the round before are not for this one */
    const struct record record = {
        .operation_id = operation->id,
        .operation_index = (uint32_t)(operation - client->operations),
        .key_slot = operation->key_slot,
        .kind = (uint8_t)round,
        .has_payload = round == RECORD_PUT,
    };
    for (unsigned i = 0; i < client->options.host_count; i++)
        post(client, i, &record);
}

static void begin_operation(struct bare_client *client, struct operation *operation, uint64_t time_ns)
{
    if (client->left_count == 0 || time_ns >= client->until_ns)
        return;
    client->left_count--;
    client->under_way_count++;
    operation->is_under_way = true;
    operation->begin_ns = time_ns;
    operation->key_slot = (uint32_t)random_below(&client->random, client->options.key_count);
    begin_round(client, operation, operation->kind == RECORD_PUT ? RECORD_QUERY : RECORD_GET);
}

static void end_operation(struct bare_client *client, struct operation *operation)
{
    const uint64_t time_ns = now_ns();
    struct latencies *latencies = client->latencies;
    if (latencies && latencies->count < latencies->room)
        latencies->us[latencies->count] = (uint32_t)((time_ns - operation->begin_ns) / 1000);
    if (latencies)
        latencies->count++;
    client->under_way_count--;
    operation->is_under_way = false;
    begin_operation(client, operation, time_ns);
}

static void take_reply(struct bare_client *client, const struct record *reply)
{
    struct operation *operation = &client->operations[reply->operation_index];
    if (!operation->is_under_way || reply->operation_id != operation->id)
        return;
    operation->reply_count++;
    operation->fragment_count += reply->has_payload;
    if (operation->reply_count < client->quorum)
        return;
    if (operation->round == RECORD_GET && operation->fragment_count < client->options.fragment_count)
        return;
    if (operation->round == RECORD_QUERY)
        begin_round(client, operation, RECORD_PUT);
    else
        end_operation(client, operation);
}

/* ---------------------------------------------------------------- loop */

static void receive_all(struct bare_client *client)
{
    for (unsigned i = 0; i < client->options.host_count; i++) {
        while (inbox_receive(&client->inbox, client->sockets[i])) {
            for (unsigned j = 0; j < client->inbox.record_count; j++)
                take_reply(client, inbox_record(&client->inbox, j));
            inbox_fini(&client->inbox);
        }
    }
}

static void send_all(struct bare_client *client)
{
    for (unsigned i = 0; i < client->options.host_count; i++)
        outbox_send(&client->outboxes[i], client->sockets[i], NULL, 0);
}

uint64_t bare_client_run(struct bare_client *client, enum record_kind kind, uint64_t operation_count, uint64_t run_ns,
                         struct latencies *latencies)
{
    zmq_pollitem_t polled[BARE_HOST_COUNT_MAX] = {0};
    for (unsigned i = 0; i < client->options.host_count; i++)
        polled[i] = (zmq_pollitem_t){.socket = client->sockets[i], .events = ZMQ_POLLIN};
    const uint64_t begin_ns = now_ns();
    client->left_count = operation_count;
    client->until_ns = begin_ns + run_ns;
    client->latencies = latencies;
    for (unsigned i = 0; i < client->options.depth; i++) {
        client->operations[i].kind = kind;
        begin_operation(client, &client->operations[i], begin_ns);
    }
    enum { STALL_MS = 30000 }; /* a host that has ended does not answer any more */
    while (send_all(client), client->under_way_count > 0) {
        CHECK(zmq_poll(polled, (int)client->options.host_count, STALL_MS) != 0);
        receive_all(client);
    }
    return now_ns() - begin_ns;
}
