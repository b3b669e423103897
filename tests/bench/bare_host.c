#include "tests/bench/bare_host.h"

#include "core/check.h"
#include "tests/bench/bare_packet.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Messages that one turn reads before it commits, and what is in one commit when the data base is filled at first. */
enum { TURN_PACKET_COUNT_MAX = 256, FILL_BATCH_BYTES = 4 << 20 };

struct host {
    const struct bare_host_options *options;
    void *socket;
    MDB_env *env;
    MDB_dbi table;
    MDB_txn *writer; /* this turn's transaction, once it has stored something */
    MDB_txn *reader; /* reset between turns */
    bool is_reading;
    uint8_t *fragment; /* what a get is answered with if nothing is stored */
    size_t peer_name_bytes;
    uint8_t peer_name[PEER_NAME_BYTES_MAX];
    struct outbox at_once;
    struct outbox after_commit;
    struct inbox inbox;
};

/* ---------------------------------------------------------------- store */

static void store_open(struct host *host)
{
    const unsigned flags = MDB_NOTLS | (host->options->sync ? 0 : MDB_NOSYNC);
    CHECK(mdb_env_create(&host->env) == 0);
    CHECK(mdb_env_set_mapsize(host->env, (size_t)8 << 30) == 0);
    CHECK(mdb_env_open(host->env, host->options->directory, flags, 0600) == 0);
    MDB_txn *txn;
    CHECK(mdb_txn_begin(host->env, NULL, 0, &txn) == 0);
    CHECK(mdb_dbi_open(txn, NULL, 0, &host->table) == 0);
    CHECK(mdb_txn_commit(txn) == 0);
    CHECK(mdb_txn_begin(host->env, NULL, MDB_RDONLY, &host->reader) == 0);
    mdb_txn_reset(host->reader);
}

static void store_close(struct host *host)
{
    mdb_txn_abort(host->reader);
    mdb_env_close(host->env);
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", host->options->directory, files[i]);
        unlink(path);
    }
}

static MDB_val key_of(uint32_t *key_slot)
{
    return (MDB_val){.mv_size = sizeof *key_slot, .mv_data = key_slot};
}

static void store_put(struct host *host, uint32_t key_slot, void *at, size_t bytes)
{
    if (!host->env)
        return;
    if (!host->writer)
        CHECK(mdb_txn_begin(host->env, NULL, 0, &host->writer) == 0);
    MDB_val key = key_of(&key_slot);
    MDB_val value = {.mv_size = bytes, .mv_data = at};
    CHECK(mdb_put(host->writer, host->table, &key, &value, 0) == 0);
}

/* The one copy on the way out: a transaction that stays open until ZeroMQ has sent would pin the file's pages. */
static void store_get(struct host *host, uint32_t key_slot, zmq_msg_t *payload)
{
    if (!host->env) {
        payload_lend(payload, host->fragment, host->options->fragment_bytes);
        return;
    }
    if (!host->is_reading)
        CHECK(mdb_txn_renew(host->reader) == 0);
    host->is_reading = true;
    MDB_val key = key_of(&key_slot);
    MDB_val value;
    CHECK(mdb_get(host->reader, host->table, &key, &value) == 0);
    CHECK(zmq_msg_init_size(payload, value.mv_size) == 0);
    memcpy(zmq_msg_data(payload), value.mv_data, value.mv_size);
}

static void store_end_transactions(struct host *host)
{
    if (host->is_reading)
        mdb_txn_reset(host->reader);
    host->is_reading = false;
    if (host->writer)
        CHECK(mdb_txn_commit(host->writer) == 0);
    host->writer = NULL;
}

/* ---------------------------------------------------------------- loop */

static void send_replies(struct host *host, struct outbox *outbox)
{
    outbox_send(outbox, host->socket, host->peer_name, host->peer_name_bytes);
}

static void commit(struct host *host)
{
    store_end_transactions(host);
    send_replies(host, &host->after_commit);
}

static void answer(struct host *host, const struct record *record, zmq_msg_t *payload)
{
    struct record reply = *record;
    reply.has_payload = false;
    if (record->kind == RECORD_PUT) {
        if (host->after_commit.record_count == PACKET_RECORD_COUNT_MAX)
            commit(host);
        store_put(host, record->key_slot, zmq_msg_data(payload), zmq_msg_size(payload));
        outbox_add(host->env ? &host->after_commit : &host->at_once, &reply, NULL);
        return;
    }
    zmq_msg_t fragment;
    reply.has_payload = record->kind == RECORD_GET && host->options->sends_fragments;
    if (reply.has_payload)
        store_get(host, record->key_slot, &fragment);
    outbox_add(&host->at_once, &reply, reply.has_payload ? &fragment : NULL);
}

static bool take_packet(struct host *host)
{
    const int peer_name_bytes = zmq_recv(host->socket, host->peer_name, sizeof host->peer_name, ZMQ_DONTWAIT);
    if (peer_name_bytes < 0)
        return false;
    host->peer_name_bytes = (size_t)peer_name_bytes;
    CHECK(inbox_receive(&host->inbox, host->socket));
    unsigned payload_count = 0;
    for (unsigned i = 0; i < host->inbox.record_count; i++) {
        const struct record *record = inbox_record(&host->inbox, i);
        answer(host, record, record->has_payload ? &host->inbox.payloads[payload_count++] : NULL);
    }
    send_replies(host, &host->at_once);
    inbox_fini(&host->inbox);
    return true;
}

static void turn(struct host *host)
{
    for (unsigned i = 0; i < TURN_PACKET_COUNT_MAX && take_packet(host); i++)
        continue;
    commit(host);
}

void bare_host_run(const struct bare_host_options *options, int address_fd, int life_fd)
{
    struct host *host = calloc(1, sizeof *host);
    CHECK(host);
    host->options = options;
    host->at_once.is_unbatched = host->after_commit.is_unbatched = !options->batch;
    if (options->directory)
        store_open(host);
    host->fragment = calloc(1, options->fragment_bytes);
    CHECK(host->fragment);
    for (uint32_t key_slot = 0; key_slot < options->key_count; key_slot++) {
        store_put(host, key_slot, host->fragment, options->fragment_bytes);
        if (key_slot % (FILL_BATCH_BYTES / options->fragment_bytes + 1) == 0)
            store_end_transactions(host);
    }
    store_end_transactions(host);
    void *context = zmq_ctx_new();
    host->socket = zmq_socket(context, ZMQ_ROUTER);
    CHECK(zmq_bind(host->socket, "tcp://127.0.0.1:*") == 0);
    char address[HOST_ADDRESS_BYTES_MAX] = {0};
    size_t address_bytes = sizeof address;
    CHECK(zmq_getsockopt(host->socket, ZMQ_LAST_ENDPOINT, address, &address_bytes) == 0);
    CHECK(write(address_fd, address, sizeof address) == sizeof address);

    zmq_pollitem_t polled[] = {{.socket = host->socket, .events = ZMQ_POLLIN}, {.fd = life_fd, .events = ZMQ_POLLIN}};
    while (zmq_poll(polled, 2, -1) >= 0 && !polled[1].revents)
        turn(host);

    if (host->env)
        store_close(host);
    const int linger_ms = 0;
    zmq_setsockopt(host->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_close(host->socket);
    zmq_ctx_term(context);
    free(host->fragment);
    free(host);
}
