#include "reconfig/cli/hosts.h"

#include "client/lib/handle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A host that is connected, and has not answered, is asked again after this. */
#define ASK_AGAIN_NS UINT64_C(500000000)
/* Once a host has answered, the others have so long: one that is down would otherwise cost the whole timeout, every
 * time. */
#define SILENCE_NS UINT64_C(1000000000)
/* And those that are connected so long: a machine that has very much to do is not down. */
#define BUSY_NS UINT64_C(4000000000)

struct asking {
    struct host_asked *hosts;
    unsigned host_count;
    unsigned answer_count;
    struct dealers *dealers;
    struct packet_writer *writer;
    uint64_t until_ns;
    uint64_t first_ns;  /* when the first host had answered; 0: none has */
    uint64_t *asked_ns; /* of each host; 0: not yet */
};

enum {
    OP_HELLO = 1,
    OP_REQUEST = 2,
    OP_PROBE = 3, /* the first one */
};

static void send_packet(struct asking *asking, unsigned index)
{
    struct packet packet;
    if (packet_message_count(asking->writer) == 0)
        return;
    packet_take(asking->writer, &packet);
    dealers_send(asking->dealers, index, &packet);
}

/* One that does not fit for lack of memory is not sent this time. */
static void post(struct asking *asking, unsigned index, const struct request *request)
{
    if (packet_add_request(asking->writer, request) != AREG_EBUSY)
        return;
    send_packet(asking, index);
    if (packet_add_request(asking->writer, request) != AREG_OK)
        return;
}

/* All that has not been answered yet. */
static void ask(struct asking *asking, unsigned index)
{
    struct host_asked *host = &asking->hosts[index];
    const struct request hello = {.kind = MESSAGE_HELLO, .op = OP_HELLO};
    host->request.op = OP_REQUEST;
    post(asking, index, &hello);
    if (!host->has_answered)
        post(asking, index, &host->request);
    for (unsigned i = 0; i < host->probe_count; i++) {
        const struct host_probe *probe = &host->probes[i];
        const struct request request = {
            .kind = MESSAGE_READ_CONFIG, .op = OP_PROBE + i, .shard = probe->shard, .config = probe->config};
        if (!probe->has_answered)
            post(asking, index, &request);
    }
    send_packet(asking, index);
    asking->asked_ns[index] = handle_now_ns();
}

static bool is_complete(const struct host_asked *host)
{
    for (unsigned i = 0; i < host->probe_count; i++)
        if (!host->probes[i].has_answered)
            return false;
    return host->is_up && host->has_answered;
}

static void hear_request(struct host_asked *host, const struct reply *reply)
{
    host->has_answered = true;
    host->status = reply->status;
    if (reply->kind == MESSAGE_TRANSFER && reply->status == REPLY_OK)
        host->transfer = reply->transfer;
    if (reply->kind == MESSAGE_STATUS && reply->status == REPLY_OK && reply->payload.bytes <= STATUS_BYTES_MAX)
        host->text = strndup((const char *)reply->payload.at, reply->payload.bytes);
}

/* BUSY is no answer: it is asked again. */
static void hear_reply(struct asking *asking, unsigned index, const struct reply *reply)
{
    struct host_asked *host = &asking->hosts[index];
    if (reply->status == REPLY_BUSY)
        return;
    if (reply->op == OP_HELLO && reply->kind == MESSAGE_HELLO && reply->status == REPLY_OK && !host->is_up) {
        const uint64_t round_trip_us = (handle_now_ns() - asking->asked_ns[index]) / 1000;
        host->is_up = true;
        host->hello = reply->hello;
        host->round_trip_us = round_trip_us < UINT32_MAX ? (uint32_t)round_trip_us : UINT32_MAX;
    } else if (reply->op == OP_REQUEST && reply->kind == host->request.kind && !host->has_answered) {
        hear_request(host, reply);
    } else if (reply->op >= OP_PROBE && reply->op - OP_PROBE < host->probe_count &&
               reply->kind == MESSAGE_READ_CONFIG) {
        struct host_probe *probe = &host->probes[reply->op - OP_PROBE];
        probe->has_answered = true;
        probe->status = reply->status;
    }
}

static void hear(struct asking *asking, unsigned index, const struct packet *packet)
{
    struct packet_reader reader;
    struct reply reply;
    uint32_t version;
    const bool was_complete = is_complete(&asking->hosts[index]);
    if (asking->asked_ns[index] == 0 || packet_open(&reader, packet, &version) != AREG_OK)
        return;
    while (packet_next_reply(&reader, &reply) == AREG_OK)
        hear_reply(asking, index, &reply);
    if (was_complete || !is_complete(&asking->hosts[index]))
        return;
    if (asking->answer_count++ == 0)
        asking->first_ns = handle_now_ns();
}

/* When those that have not answered are given up. */
static uint64_t end_ns(const struct asking *asking)
{
    uint64_t patience_ns = SILENCE_NS;
    if (asking->answer_count == 0)
        return asking->until_ns;
    for (unsigned i = 0; i < asking->host_count; i++)
        if (asking->asked_ns[i] != 0 && !is_complete(&asking->hosts[i]))
            patience_ns = BUSY_NS;
    return asking->first_ns + patience_ns < asking->until_ns ? asking->first_ns + patience_ns : asking->until_ns;
}

/* Events, and questions that are due; returns when the next one will be. */
static uint64_t take_turn(struct asking *asking)
{
    unsigned index;
    bool is_up;
    while (dealers_next_change(asking->dealers, &index, &is_up))
        if (is_up && !is_complete(&asking->hosts[index]))
            ask(asking, index);
    struct packet packet;
    while (dealers_receive(asking->dealers, &index, &packet)) {
        hear(asking, index, &packet);
        packet_fini(&packet);
    }
    const uint64_t now_ns = handle_now_ns();
    uint64_t wake_ns = end_ns(asking);
    for (unsigned i = 0; i < asking->host_count; i++) {
        if (asking->asked_ns[i] == 0 || is_complete(&asking->hosts[i]))
            continue;
        if (now_ns >= asking->asked_ns[i] + ASK_AGAIN_NS)
            ask(asking, i);
        const uint64_t again_ns = asking->asked_ns[i] + ASK_AGAIN_NS;
        wake_ns = again_ns < wake_ns ? again_ns : wake_ns;
    }
    return wake_ns;
}

enum areg_error hosts_ask(struct host_asked *hosts, unsigned host_count, uint64_t until_ns)
{
    struct asking asking = {.hosts = hosts, .host_count = host_count, .until_ns = until_ns};
    if (host_count == 0)
        return AREG_OK;
    asking.asked_ns = calloc(host_count, sizeof *asking.asked_ns);
    asking.writer = packet_writer_create();
    enum areg_error error = asking.asked_ns && asking.writer ? dealers_create(&asking.dealers) : AREG_ENOMEM;
    for (unsigned i = 0; i < host_count && !error; i++)
        error = dealers_add(asking.dealers, hosts[i].address);
    while (!error) {
        const uint64_t wake_ns = take_turn(&asking);
        if (asking.answer_count == host_count || handle_now_ns() >= end_ns(&asking))
            break;
        dealers_set_timer(asking.dealers, wake_ns);
        dealers_wait(asking.dealers, -1);
    }
    dealers_destroy(asking.dealers, 0);
    packet_writer_destroy(asking.writer);
    free(asking.asked_ns);
    return error;
}

void hosts_fini(struct host_asked *hosts, unsigned host_count)
{
    for (unsigned i = 0; i < host_count; i++) {
        free(hosts[i].text);
        free(hosts[i].probes);
        hosts[i].text = NULL;
        hosts[i].probes = NULL;
    }
}

bool host_probe_add(struct host_asked *host, const struct config *config)
{
    /* Room doubles whenever the count is a power of two. */
    const bool is_filled = (host->probe_count & (host->probe_count - 1)) == 0;
    if (is_filled) {
        const size_t room = host->probe_count ? 2 * (size_t)host->probe_count : 1;
        struct host_probe *probes = realloc(host->probes, room * sizeof *probes);
        if (!probes)
            return false;
        host->probes = probes;
    }
    host->probes[host->probe_count++] = (struct host_probe){.shard = config->shard, .config = config->id};
    return true;
}

const struct host_asked *hosts_find(const struct host_asked *hosts, unsigned host_count, const struct host_id *id)
{
    for (unsigned i = 0; i < host_count; i++)
        if (host_id_equal(&hosts[i].id, id))
            return &hosts[i];
    return NULL;
}

/* ---------------------------------------------------------------- what a host says of itself */

/* What follows `"name":` in a status; NULL if that is not there. */
static const char *status_value(const struct host_asked *host, const char *name)
{
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":", name);
    const char *found = host->text ? strstr(host->text, pattern) : NULL;
    return found ? found + strlen(pattern) : NULL;
}

bool host_number(const struct host_asked *host, const char *name, uint64_t *number)
{
    const char *value = status_value(host, name);
    if (!value || *value < '0' || *value > '9')
        return false;
    *number = strtoull(value, NULL, 10);
    return true;
}

bool host_says(const struct host_asked *host, const char *name, const char *text)
{
    const char *value = status_value(host, name);
    return value && strncmp(value, text, strlen(text)) == 0;
}

enum member_state member_state(const struct config *config, unsigned member_index, const struct host_asked *host)
{
    const struct member *member = &config->members[member_index];
    if (!host || !host->is_up)
        return MEMBER_DOWN;
    if (!host_id_equal(&member->id, &host->hello.host))
        return MEMBER_STRANGER;
    if (member->incarnation != 0 && member->incarnation != host->hello.incarnation)
        return MEMBER_SILENT;
    for (unsigned i = 0; i < host->probe_count; i++) {
        const struct host_probe *probe = &host->probes[i];
        if (config_id_equal(probe->config, config->id))
            return probe->has_answered && probe->status == REPLY_UNKNOWN_CONFIG ? MEMBER_SILENT : MEMBER_UP;
    }
    return MEMBER_UP;
}
