/*
 * Asking every host how it is: over connections of their own, because the engine connects only to hosts that it needs,
 * and a ping must not be mistaken for a message of the protocol.
 */
#include "client/lib/handle.h"

#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Once a host has answered, the others are given up when nothing has come for so long: a host that is down would
 * otherwise cost the whole timeout, every time. */
#define PING_SILENCE_NS UINT64_C(1000000000)

struct pinged {
    uint64_t asked_ns;
    bool has_answered;
    uint32_t round_trip_us;
    char *status; /* NULL: none came */
};

struct ping {
    const struct cluster *cluster;
    struct dealers *dealers;
    unsigned answer_count;
    uint64_t until_ns;
    struct pinged hosts[HOST_COUNT_MAX];
};

static void ask(struct ping *ping, struct packet_writer *writer, unsigned host_index)
{
    const struct request request = {.kind = MESSAGE_STATUS, .op = host_index + 1};
    struct packet packet;
    if (packet_add_request(writer, &request) != AREG_OK)
        return;
    packet_take(writer, &packet);
    ping->hosts[host_index].asked_ns = handle_now_ns();
    dealers_send(ping->dealers, host_index, &packet);
}

/* Any packet is a sign of life; the status is there if the host speaks our version. */
static void hear(struct ping *ping, unsigned host_index, const struct packet *packet)
{
    struct pinged *host = &ping->hosts[host_index];
    if (host->has_answered || host->asked_ns == 0)
        return;
    const uint64_t now_ns = handle_now_ns();
    const uint64_t round_trip_us = (now_ns - host->asked_ns) / 1000;
    host->has_answered = true;
    host->round_trip_us = round_trip_us < UINT32_MAX ? (uint32_t)round_trip_us : UINT32_MAX;
    ping->answer_count++;
    if (now_ns + PING_SILENCE_NS < ping->until_ns)
        ping->until_ns = now_ns + PING_SILENCE_NS;
    struct packet_reader reader;
    struct reply reply;
    uint32_t version;
    if (packet_open(&reader, packet, &version) != AREG_OK || packet_next_reply(&reader, &reply) != AREG_OK)
        return;
    if (reply.kind != MESSAGE_STATUS || reply.status != REPLY_OK || reply.payload.bytes > STATUS_BYTES_MAX)
        return;
    host->status = strndup((const char *)reply.payload.at, reply.payload.bytes);
}

static void ping_turn(struct ping *ping, struct packet_writer *writer)
{
    unsigned host_index;
    bool is_up;
    while (dealers_next_change(ping->dealers, &host_index, &is_up))
        if (is_up && !ping->hosts[host_index].has_answered)
            ask(ping, writer, host_index);
    struct packet packet;
    while (dealers_receive(ping->dealers, &host_index, &packet)) {
        hear(ping, host_index, &packet);
        packet_fini(&packet);
    }
}

static enum areg_error ask_all(struct ping *ping)
{
    struct packet_writer *writer = packet_writer_create();
    enum areg_error error = writer ? dealers_create(&ping->dealers) : AREG_ENOMEM;
    for (unsigned i = 0; i < ping->cluster->host_count && !error; i++)
        error = dealers_add(ping->dealers, ping->cluster->hosts[i].address);
    while (!error) {
        ping_turn(ping, writer);
        if (ping->answer_count == ping->cluster->host_count || handle_now_ns() >= ping->until_ns)
            break;
        dealers_set_timer(ping->dealers, ping->until_ns);
        dealers_wait(ping->dealers, -1);
    }
    dealers_destroy(ping->dealers, 0);
    packet_writer_destroy(writer);
    return error;
}

static void tell_hosts(struct ping *ping, areg_host_fn *each, void *arg)
{
    for (unsigned i = 0; i < ping->cluster->host_count; i++) {
        const struct pinged *pinged = &ping->hosts[i];
        const struct areg_host_status host = {
            .id = ping->cluster->hosts[i].id.text,
            .address = ping->cluster->hosts[i].address,
            .is_up = pinged->has_answered,
            .round_trip_us = pinged->round_trip_us,
            .status = pinged->status ? pinged->status : "",
        };
        each(&host, arg);
    }
}

/* Nobody told who the hosts are: those that are known are the seeds. */
static void tell_seeds(struct areg_client *client, areg_host_fn *each, void *arg)
{
    for (unsigned i = 0; i < client_peer_count(client->engine); i++) {
        const struct areg_host_status host = {
            .id = "?",
            .address = client_peer_address(client->engine, i),
            .status = "",
        };
        each(&host, arg);
    }
}

enum areg_error areg_ping(struct areg_client *client, const struct areg_op_options *options, areg_host_fn *each,
                          void *arg)
{
    enum areg_error error = handle_may_block(client);
    if (error)
        return error;
    handle_detail(client, AREG_OK, "");
    const uint64_t until_ns = handle_deadline_ns(client, options ? options->timeout_ms : 0);
    const struct cluster *cluster = handle_await_cluster(client, until_ns);
    handle_rest(client);
    if (!cluster) {
        tell_seeds(client, each, arg);
        return handle_no_cluster(client);
    }
    struct ping *ping = calloc(1, sizeof *ping);
    if (!ping)
        return handle_detail(client, AREG_ENOMEM, areg_strerror(AREG_ENOMEM));
    ping->cluster = cluster;
    ping->until_ns = until_ns;
    error = ask_all(ping);
    if (!error)
        tell_hosts(ping, each, arg);
    if (!error && ping->answer_count == 0)
        error = AREG_EUNAVAIL;
    for (unsigned i = 0; i < cluster->host_count; i++)
        free(ping->hosts[i].status);
    free(ping);
    return handle_detail(client, error, error ? areg_strerror(error) : "");
}
