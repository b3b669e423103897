/*
 * The loop: packets, connections and time into the engine; requests and outcomes out of it. Nothing here decides
 * anything about the protocol.
 */
#include "client/lib/handle.h"

#include "core/check.h"

#include <time.h>

/* Packets that one turn reads before it looks at the time again. */
enum { TURN_PACKET_COUNT_MAX = 256 };

uint64_t handle_now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 1;
}

/* ---------------------------------------------------------------- events in */

static void read_packet(struct areg_client *client, unsigned peer_index, const struct packet *packet)
{
    const uint64_t now_ns = handle_now_ns();
    client->overhead_received += packet->header.bytes;
    struct packet_reader reader;
    uint32_t version;
    enum areg_error error = packet_open(&reader, packet, &version);
    if (error == AREG_EVERSION)
        client_peer_speaks_other_version(client->engine, now_ns, peer_index);
    struct reply reply;
    while (!error && (error = packet_next_reply(&reader, &reply)) == AREG_OK) {
        if (reply.status == REPLY_VERSION)
            client_peer_speaks_other_version(client->engine, now_ns, peer_index);
        else
            client_receive(client->engine, now_ns, peer_index, &reply);
    }
    if (error == AREG_EINVAL)
        client->malformed++;
}

static void take_events(struct areg_client *client)
{
    unsigned peer_index;
    bool is_up;
    while (dealers_next_change(client->dealers, &peer_index, &is_up)) {
        if (is_up)
            client_peer_up(client->engine, handle_now_ns(), peer_index);
        else
            client_peer_down(client->engine, handle_now_ns(), peer_index);
    }
    struct packet packet;
    for (unsigned i = 0; i < TURN_PACKET_COUNT_MAX && dealers_receive(client->dealers, &peer_index, &packet); i++) {
        read_packet(client, peer_index, &packet);
        packet_fini(&packet);
    }
    const uint64_t now_ns = handle_now_ns();
    if (client_wake_ns(client->engine) <= now_ns)
        client_tick(client->engine, now_ns);
}

/* ---------------------------------------------------------------- effects out */

/* One that can not be connected to (no descriptors, no memory) stays down, and those after it, until a later turn. */
void handle_connect(struct areg_client *client)
{
    while (dealers_count(client->dealers) < client_peer_count(client->engine)) {
        const unsigned peer_index = dealers_count(client->dealers);
        if (dealers_add(client->dealers, client_peer_address(client->engine, peer_index)) != AREG_OK)
            return;
    }
}

static void send_outbox(struct areg_client *client, unsigned peer_index)
{
    struct packet packet;
    packet_take(client->outboxes[peer_index].writer, &packet);
    const size_t header_bytes = packet.header.bytes;
    if (dealers_send(client->dealers, peer_index, &packet))
        client->overhead_sent += header_bytes;
}

/* Put a request into its peer's packet. Without memory it is dropped, like one that is lost on the way. */
static void post(struct areg_client *client, const struct client_send *send)
{
    if (send->peer_index >= dealers_count(client->dealers))
        return; /* not connected */
    struct outbox *outbox = &client->outboxes[send->peer_index];
    if (!outbox->writer)
        outbox->writer = packet_writer_create();
    if (!outbox->writer)
        return;
    enum areg_error error = packet_add_request(outbox->writer, &send->request);
    if (error == AREG_EBUSY) {
        send_outbox(client, send->peer_index);
        error = packet_add_request(outbox->writer, &send->request);
    }
    if (!error && !outbox->is_listed) {
        outbox->is_listed = true;
        client->outbox_due[client->outbox_due_count++] = send->peer_index;
    }
}

/* All requests that are due into the packets of their peers. */
static void post_requests(struct areg_client *client)
{
    handle_connect(client);
    const uint64_t now_ns = handle_now_ns();
    struct client_send send;
    while (client_next_send(client->engine, now_ns, &send))
        post(client, &send);
}

static void send_packets(struct areg_client *client)
{
    for (unsigned i = 0; i < client->outbox_due_count; i++) {
        struct outbox *outbox = &client->outboxes[client->outbox_due[i]];
        outbox->is_listed = false;
        if (packet_message_count(outbox->writer) > 0)
            send_outbox(client, client->outbox_due[i]);
    }
    client->outbox_due_count = 0;
}

static size_t end_operations(struct areg_client *client)
{
    size_t done_count = 0;
    struct client_done done;
    while (done_count < INFLIGHT_MAX && client_next_done(client->engine, &done)) {
        done_count++;
        ticket_end(client, &done);
    }
    return done_count;
}

size_t handle_turn(struct areg_client *client)
{
    CHECK(!client->is_in_turn);
    client->is_in_turn = true;
    if (!client->is_closing)
        take_events(client);
    /* Requests lead to outcomes and callbacks to requests. All of them leave together; what callbacks add without end
     * is left to the next turn. */
    size_t done_count = 0;
    size_t ended_count;
    do {
        post_requests(client);
        ended_count = end_operations(client);
        done_count += ended_count;
    } while (ended_count > 0 && done_count < INFLIGHT_MAX);
    client->is_behind = ended_count > 0;
    send_packets(client);
    client->is_in_turn = false;
    return done_count;
}

/* ---------------------------------------------------------------- waiting */

/* Set the timer to `wake_ns`. One that goes off too early does no harm and costs less than setting it each time. */
static void set_timer(struct areg_client *client, uint64_t wake_ns, uint64_t now_ns)
{
    if (client->timer_ns <= wake_ns && client->timer_ns > now_ns)
        return;
    client->timer_ns = wake_ns;
    dealers_set_timer(client->dealers, wake_ns);
}

/* Sleep until something happens, the engine wants to be told the time, or `until_ns`. */
static void sleep_until(struct areg_client *client, uint64_t until_ns, uint64_t now_ns)
{
    const uint64_t wake_ns = client_wake_ns(client->engine);
    set_timer(client, wake_ns < until_ns ? wake_ns : until_ns, now_ns);
    dealers_wait(client->dealers, -1);
}

size_t handle_run(struct areg_client *client, uint64_t until_ns)
{
    for (;;) {
        const size_t done_count = handle_turn(client);
        const uint64_t now_ns = handle_now_ns();
        const bool is_idle = until_ns == UINT64_MAX && client->ticket_count == 0;
        if (done_count > 0 || now_ns >= until_ns || is_idle)
            return done_count;
        sleep_until(client, until_ns, now_ns);
    }
}

const struct cluster *handle_await_cluster(struct areg_client *client, uint64_t until_ns)
{
    while (!client_cluster(client->engine)) {
        handle_turn(client);
        const uint64_t now_ns = handle_now_ns();
        if (client_cluster(client->engine) || now_ns >= until_ns)
            break;
        sleep_until(client, until_ns, now_ns);
    }
    return client_cluster(client->engine);
}

void handle_rest(struct areg_client *client)
{
    if (!client->is_watched)
        return;
    const uint64_t now_ns = handle_now_ns();
    const uint64_t wake_ns = client_wake_ns(client->engine);
    set_timer(client, wake_ns, now_ns);
    dealers_arm(client->dealers, client->is_behind || wake_ns <= now_ns);
}
