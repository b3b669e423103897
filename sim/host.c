/*
 * A host: its process, its disk, and the driver around its replica. It does what aregd does with two threads: read-only
 * requests are answered at once from committed state, mutating ones wait for a batch, and replies for its commit.
 */
#include "sim/inside.h"

#include <stdlib.h>
#include <string.h>

/* One commit takes up to so many requests. */
enum { BATCH_REQUEST_MAX = 64 };

bool host_is_up(const struct sim *sim, uint32_t host_index)
{
    return sim->hosts[host_index].replica != NULL;
}

static uint64_t local_now(const struct sim *sim, const struct sim_host *host)
{
    return clock_local(&host->clock, sim->now_ns);
}

static struct store_txn *begin(const struct sim_host *host, enum store_mode mode)
{
    struct store_txn *txn;
    CHECK(store_begin(host->store, mode, &txn) == AREG_OK);
    return txn;
}

bool host_register(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                   struct stored_register *found)
{
    const struct sim_key *key = &sim->keys[key_index];
    struct store_txn *txn = begin(&sim->hosts[host_index], STORE_READ);
    uint32_t slot;
    enum areg_error error = store_config_find(txn, sim->sequence.configs[number]->config.id, &slot);
    if (error == AREG_OK)
        error = store_register_get(txn, slot, slice_borrow(key->text, key->text_bytes), found);
    CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
    store_abort(txn);
    return error == AREG_OK;
}

static bool is_key(const struct sim *sim, uint32_t index, struct slice key)
{
    return index < sim->options.key_count &&
           slice_equal(key, slice_borrow(sim->keys[index].text, sim->keys[index].text_bytes));
}

static uint32_t key_index_of(const struct sim *sim, struct slice key)
{
    /* Most often its name is a letter and its number. */
    uint32_t number = 0;
    for (size_t i = 1; i < key.bytes && number < SIM_KEY_MAX; i++)
        number = 10 * number + key.at[i] - '0';
    if (is_key(sim, number, key))
        return number;
    for (uint32_t i = 0; i < sim->options.key_count; i++)
        if (is_key(sim, i, key))
            return i;
    return UINT32_MAX; /* from a packet with a flipped bit */
}

/* ---------------------------------------------------------------- jobs */

static void job_free(struct job *job)
{
    slice_unref(&job->header);
    slice_unref(&job->replies);
    for (unsigned i = 0; i < job->item_count; i++)
        slice_unref(&job->items[i].request.payload);
    free(job);
}

static void jobs_free(struct job *job)
{
    while (job) {
        struct job *next = job->next;
        job_free(job);
        job = next;
    }
}

static struct job *job_create(const struct request *requests, unsigned count)
{
    struct job *job = malloc(sizeof *job + count * sizeof job->items[0]);
    CHECK(job != NULL);
    *job = (struct job){.client_index = PROCESS_NONE, .item_count = count};
    for (unsigned i = 0; i < count; i++) {
        job->items[i] = (struct job_item){.request = requests[i]};
        slice_ref(requests[i].payload);
    }
    return job;
}

static void append(struct sim_host *host, struct job *job)
{
    if (host->last_job)
        host->last_job->next = job;
    else
        host->first_job = job;
    host->last_job = job;
    host->waiting_count += job->item_count;
}

static void enqueue(struct sim_host *host, const struct transit *from, const struct request *requests, unsigned count)
{
    struct job *job = job_create(requests, count);
    job->client_index = from->client_index;
    job->client_life = from->client_life;
    job->header = slice_ref(from->header);
    append(host, job);
}

void host_note(struct sim *sim, uint32_t host_index, const struct request *note)
{
    struct job *job = job_create(note, 1);
    struct request *kept = &job->items[0].request;
    struct slice *lent = note->kind == MESSAGE_FINALIZE ? &kept->descriptor : &kept->transferred.after;
    job->header = slice_copy(*lent);
    CHECK(lent->bytes == 0 || job->header.owner != NULL);
    *lent = job->header;
    append(&sim->hosts[host_index], job);
    host_wake(sim, host_index);
}

/* Up to BATCH_REQUEST_MAX requests, the oldest jobs first. */
static struct job *take_batch(struct sim_host *host)
{
    struct job *first = host->first_job;
    struct job *last = NULL;
    unsigned taken_count = 0;
    while (host->first_job && (!last || taken_count + host->first_job->item_count <= BATCH_REQUEST_MAX)) {
        last = host->first_job;
        taken_count += last->item_count;
        host->first_job = last->next;
    }
    if (last)
        last->next = NULL;
    if (!host->first_job)
        host->last_job = NULL;
    host->waiting_count -= taken_count;
    return first;
}

/* ---------------------------------------------------------------- replies */

static struct transit to_client(uint32_t client_index, uint32_t client_life, uint32_t host_index,
                                enum message_kind kind)
{
    return (struct transit){
        .client_index = client_index, .client_life = client_life, .host_index = host_index, .kind = kind};
}

static void add_reply(struct sim *sim, const struct reply *reply)
{
    CHECK(packet_add_reply(sim->reply_writer, reply) == AREG_OK);
}

static void add_refusal(struct sim *sim, const struct request *request, enum reply_status status)
{
    if (request->kind == MESSAGE_CONFIRM)
        return;
    const struct reply reply = {.kind = request->kind, .op = request->op, .phase = request->phase, .status = status};
    add_reply(sim, &reply);
}

/* As add_reply(), but a packet that is full goes, as aregd's does. */
static void send_reply(struct sim *sim, const struct reply *reply, const struct transit *like)
{
    if (packet_add_reply(sim->reply_writer, reply) == AREG_OK)
        return;
    network_flush(sim, sim->reply_writer, like);
    add_reply(sim, reply);
}

static void answer_read(struct sim *sim, const struct request *request, const struct transit *like)
{
    const uint32_t host_index = like->host_index;
    const struct sim_host *host = &sim->hosts[host_index];
    struct reply reply;
    struct store_txn *txn = begin(host, STORE_READ);
    CHECK(replica_read(host->replica, txn, request, &reply) == AREG_OK);
    watch_told(sim, host_index, watch_answer(sim, host_index, txn, request, &reply));
    send_reply(sim, &reply, like);
    if (request->kind == MESSAGE_GET_DATA)
        sim->report->payload_bytes_answered += reply.payload.bytes;
    slice_unref(&reply.payload);
    store_abort(txn);
}

/* Those of a job wait for the commit as they will travel. */
static void keep_replies(struct sim *sim, struct job *job)
{
    slice_unref(&job->replies);
    if (packet_message_count(sim->reply_writer) == 0)
        return;
    struct packet packet;
    packet_take(sim->reply_writer, &packet);
    CHECK(packet.payload_count == 0);
    job->replies = packet.header;
}

static void watch_reply(struct sim *sim, uint32_t host_index, const struct job_item *item)
{
    const struct request *request = &item->request;
    const uint32_t key_index = message_has_key(request->kind) ? key_index_of(sim, request->key) : UINT32_MAX;
    const uint32_t number = sequence_find(sim, request->config);
    if (request->kind == MESSAGE_PUT_DATA && item->status == REPLY_OK)
        watch_put_reply(sim, host_index, number, key_index, request->put_data.entry.tag);
    if (request->kind == MESSAGE_ADOPT && item->status == REPLY_OK && item->is_granted)
        watch_put_reply(sim, host_index, number, key_index, request->adopt.entry.tag);
    watch_config_reply(sim, host_index, item);
}

/* Of the first message that is answered. */
static enum message_kind kind_of(const struct job *job)
{
    unsigned i = 0;
    while (i + 1 < job->item_count && job->items[i].request.kind == MESSAGE_CONFIRM)
        i++;
    return job->items[i].request.kind;
}

static void release_replies(struct sim *sim, uint32_t host_index, struct job *jobs)
{
    for (struct job *job = jobs; job; job = job->next) {
        for (unsigned i = 0; i < job->item_count; i++)
            watch_reply(sim, host_index, &job->items[i]);
        if (job->replies.bytes == 0)
            continue;
        const struct packet packet = {.header = job->replies};
        const struct transit like = to_client(job->client_index, job->client_life, host_index, kind_of(job));
        job->replies = (struct slice){0};
        network_send(sim, &packet, &like);
    }
}

/* ---------------------------------------------------------------- the writer */

/* What is looked at again when the reply is released. */
static void note_reply(struct sim *sim, uint32_t host_index, struct job_item *item, const struct reply *reply)
{
    const enum message_kind kind = item->request.kind;
    item->status = reply->status;
    item->is_granted = false;
    const uint32_t key_index = message_has_key(kind) ? key_index_of(sim, item->request.key) : UINT32_MAX;
    if (key_index != UINT32_MAX)
        sim->hosts[host_index].touched[key_index / 64] |= UINT64_C(1) << key_index % 64;
    if (reply->status == REPLY_OK && (kind == MESSAGE_PREPARE || kind == MESSAGE_ACCEPT))
        item->is_granted = reply->consensus.is_granted;
    else if (reply->status == REPLY_OK && kind == MESSAGE_ADOPT)
        item->is_granted = reply->adopt.is_adopted;
    item->told = watch_answer(sim, host_index, sim->hosts[host_index].txn, &item->request, reply);
}

static enum areg_error handle_job(struct sim *sim, uint32_t host_index, struct job *job)
{
    struct sim_host *host = &sim->hosts[host_index];
    for (unsigned i = 0; i < job->item_count; i++) {
        struct reply reply;
        bool has_reply;
        const enum areg_error error =
            replica_write(host->replica, host->txn, local_now(sim, host), &job->items[i].request, &reply, &has_reply);
        if (error != AREG_OK)
            return error;
        note_reply(sim, host_index, &job->items[i], &reply);
        if (job->items[i].request.kind == MESSAGE_FINALIZE) {
            host->finalizer = job->client_index;
            host->finalizer_life = job->client_life;
        }
        if (has_reply && job->client_index != PROCESS_NONE)
            add_reply(sim, &reply);
    }
    keep_replies(sim, job);
    return AREG_OK;
}

static uint64_t batch_payload_bytes(const struct job *job)
{
    uint64_t bytes = 0;
    for (; job; job = job->next)
        for (unsigned i = 0; i < job->item_count; i++)
            bytes += job->items[i].request.payload.bytes;
    return bytes;
}

/* Handle the batch in a fresh transaction, which stays open until the disk is done. */
static void begin_batch(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    if (host->txn)
        return;
    const bool sweeps = replica_wake_ns(host->replica) <= local_now(sim, host);
    if (!host->first_job && !sweeps)
        return;
    host->batch = take_batch(host);
    host->txn = begin(host, STORE_WRITE);
    for (struct job *job = host->batch; job; job = job->next)
        CHECK(handle_job(sim, host_index, job) == AREG_OK);
    if (sweeps)
        CHECK(replica_tick(host->replica, host->txn, local_now(sim, host)) == AREG_OK);
    if (PLANTED(PLANT_REPLY_BEFORE_COMMIT))
        release_replies(sim, host_index, host->batch);
    uint64_t delay_ns = draw_between(sim, host->disk_min_ns, host->disk_max_ns);
    if (sim->capacity.disk_bytes_per_s)
        delay_ns += transfer_ns(batch_payload_bytes(host->batch), sim->capacity.disk_bytes_per_s);
    sim_push(sim, sim->now_ns + delay_ns, (struct event){.kind = EVENT_COMMIT, .a = host_index, .b = host->life});
}

/* The disk had no room: nothing has changed, and every put of the batch is refused. */
static void refuse_batch(struct sim *sim, struct job *jobs)
{
    for (struct job *job = jobs; job; job = job->next) {
        for (unsigned i = 0; i < job->item_count && job->client_index != PROCESS_NONE; i++) {
            job->items[i].status = REPLY_FULL;
            job->items[i].told = CONFIG_NONE;
            add_refusal(sim, &job->items[i].request, REPLY_FULL);
        }
        keep_replies(sim, job);
    }
}

/* What the worker noted is handled before all that waits, since nobody else repeats it. Returns the other jobs. */
static struct job *keep_notes(struct sim_host *host, struct job *jobs)
{
    struct job *notes = NULL;
    struct job *others = NULL;
    struct job **notes_end = &notes;
    struct job **others_end = &others;
    for (struct job *job = jobs; job; job = job->next) {
        struct job ***const end = job->client_index == PROCESS_NONE ? &notes_end : &others_end;
        **end = job;
        *end = &job->next;
        host->waiting_count += job->client_index == PROCESS_NONE;
    }
    *others_end = NULL;
    *notes_end = host->first_job;
    host->first_job = notes;
    for (struct job *job = notes; job; job = job->next)
        host->last_job = job;
    return others;
}

void host_commit(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    struct store_txn *txn = host->txn;
    struct job *batch = host->batch;
    host->txn = NULL;
    host->batch = NULL;
    const enum areg_error error = store_commit(txn);
    sim->report->commit_count++;
    trace(sim, TRACE_COMMIT, host_index, error, 0, 0);
    replica_settle(host->replica, error == AREG_OK);
    const bool has_news = replica_has_news_for_worker(host->replica);
    CHECK(error == AREG_OK || error == AREG_EFULL || error == AREG_EIO);
    if (error == AREG_EFULL) {
        refuse_batch(sim, batch);
        batch = keep_notes(host, batch);
    }
    if (error == AREG_OK)
        watch_commit(sim, host_index);
    if (sim->listener)
        sim->listener->on_commit(host_index, sim->listener->arg);
    if (error == AREG_EIO) {
        /* It must not answer from a state that may be lost: the process stops. */
        host_crash(sim, host_index);
        sim_push(sim, sim->now_ns + draw_between(sim, 1 * MS, 100 * MS),
                 (struct event){.kind = EVENT_REPAIR, .a = FAULT_DISK, .b = host_index});
    }
    if (error != AREG_EIO || PLANTED(PLANT_REPLY_AFTER_LOST_COMMIT))
        release_replies(sim, host_index, batch);
    jobs_free(batch);
    if (has_news && host_is_up(sim, host_index))
        agent_load(sim, host_index);
    host_wake(sim, host_index);
}

/* ---------------------------------------------------------------- what happens to it */

void host_wake(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    if (!host->replica)
        return;
    begin_batch(sim, host_index);
    const uint64_t local_ns = replica_wake_ns(host->replica);
    if (host->txn || local_ns == UINT64_MAX)
        return;
    const uint64_t wake_ns = clock_global(&host->clock, local_ns);
    if (wake_ns >= host->wake_ns)
        return;
    host->wake_ns = wake_ns;
    sim_push(sim, wake_ns, (struct event){.kind = EVENT_HOST_WAKE, .a = host_index});
}

void host_receive(struct sim *sim, const struct transit *from, const struct packet *packet)
{
    struct sim_host *host = &sim->hosts[from->host_index];
    struct packet_reader reader;
    uint32_t version;
    struct request writes[PACKET_MESSAGE_COUNT_MAX];
    unsigned write_count = 0;
    if (packet_open(&reader, packet, &version) != AREG_OK)
        return;
    struct request request;
    const struct transit like = to_client(from->client_index, from->client_life, from->host_index, from->kind);
    while (packet_next_request(&reader, &request) == AREG_OK) {
        if (message_is_read_only(request.kind))
            answer_read(sim, &request, &like);
        else if (host->waiting_count + write_count < sim->queue_max)
            writes[write_count++] = request;
        else
            add_refusal(sim, &request, REPLY_BUSY);
    }
    network_flush(sim, sim->reply_writer, &like);
    if (write_count > 0) {
        enqueue(host, from, writes, write_count);
        host_wake(sim, from->host_index);
    }
}

void host_start(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    CHECK(!host->replica);
    const struct replica_options options = {.host = host->id,
                                            .incarnation = host->incarnation,
                                            .must_register = agent_of_host(sim, host_index) != PROCESS_NONE,
                                            .cluster = &sim->cluster};
    struct store_txn *txn = begin(host, STORE_WRITE);
    CHECK(replica_create(&host->replica, &options, txn) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    host->life++;
    host->wake_ns = UINT64_MAX;
    trace(sim, TRACE_HOST_UP, host_index, host->life, 0, 0);
    watch_disk(sim, host_index);
    for (uint32_t i = 0; i < sim->process_count; i++)
        sim_push(sim, sim->now_ns + draw_between(sim, 10 * US, 5 * MS),
                 (struct event){.kind = EVENT_CONNECTION, .a = i, .b = host_index, .c = 1});
    agent_start(sim, host_index);
    host_wake(sim, host_index);
}

/* What a process has counted ends with it. */
static void end_process(struct sim *sim, struct sim_host *host)
{
    struct replica_counters counters;
    if (!host->replica)
        return;
    replica_counters(host->replica, &counters);
    sim->report->trims_forced += counters.trims_forced;
    replica_destroy(host->replica);
    host->replica = NULL;
}

void host_crash(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    CHECK(host->replica);
    trace(sim, TRACE_HOST_DOWN, host_index, host->life, 0, 0);
    if (host->txn) {
        if (random_below(&sim->random, 2))
            CHECK(store_commit(host->txn) != AREG_ENOMEM); /* just made it, and nobody was told */
        else
            store_abort(host->txn);
        host->txn = NULL;
    }
    jobs_free(host->batch);
    jobs_free(host->first_job);
    host->batch = host->first_job = host->last_job = NULL;
    host->waiting_count = 0;
    end_process(sim, host);
    agent_stop(sim, host_index);
    host->paused_until_ns = 0;
    store_memory_crash(host->store);
    watch_disk(sim, host_index);
    for (uint32_t i = 0; i < sim->process_count; i++)
        sim_push(sim, sim->now_ns + draw_between(sim, 10 * US, 5 * MS),
                 (struct event){.kind = EVENT_CONNECTION, .a = i, .b = host_index, .c = 0});
}

static void open_disk(struct sim_host *host)
{
    const struct store_options options = {.path = "", .sync = true};
    CHECK(store_memory_open(&host->store, &options) == AREG_OK);
}

static void close_disk(struct sim_host *host)
{
    store_close(host->store);
    for (uint32_t i = 0; i < host->config_room; i++)
        free(host->configs[i].registers);
    free(host->configs);
    host->configs = NULL;
    host->config_room = 0;
    host->slot_max = 0;
    host->final = CONFIG_NONE;
}

void host_renew(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    CHECK(host->is_lost && !host_is_up(sim, host_index));
    close_disk(host);
    open_disk(host);
    host->is_lost = false;
    host->incarnation += SIM_HOST_MAX;
    host_start(sim, host_index);
}

void host_init(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    open_disk(host);
    snprintf(host->id.text, sizeof host->id.text, "s%u", host_index + 1);
    snprintf(host->address, sizeof host->address, "tcp://10.0.0.%u:7600", host_index + 1);
    host->incarnation = host_first_incarnation(host_index);
    host->final = CONFIG_NONE;
    host->finalizer = PROCESS_NONE;
    host->wake_ns = UINT64_MAX;
    host->disk_min_ns = 50 * US;
    host->disk_max_ns = 300 * US;
    host->clock = (struct sim_clock){.rate = CLOCK_RATE_ONE};
}

void host_fini(struct sim *sim, uint32_t host_index)
{
    struct sim_host *host = &sim->hosts[host_index];
    store_abort(host->txn);
    jobs_free(host->batch);
    jobs_free(host->first_job);
    end_process(sim, host);
    close_disk(host);
}
