/*
 * Packets on their way: delays, losses, doubles, flipped bits, cut links. A packet is the real one, of wire/.
 */
#include "sim/inside.h"

#include "core/ablation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A host's agent is on the same machine: what it says to its host arrives. */
static bool is_loopback(const struct sim *sim, uint32_t client_index, uint32_t host_index)
{
    return client_index == agent_of_host(sim, host_index) && !SWITCHED_OFF(ABLATION_DIRECT_TRANSFER);
}

/* The machine of who changes configurations; there, and not with the hosts, workers are if they may not be. */
static bool is_of_admin(const struct sim *sim, uint32_t client_index)
{
    const enum process_role role = process_role(sim, client_index);
    return role == ROLE_RECONFIGURER || (role == ROLE_AGENT && SWITCHED_OFF(ABLATION_DIRECT_TRANSFER));
}

struct sim_link *link_of(struct sim *sim, uint32_t client_index, uint32_t host_index)
{
    return &sim->links[client_index * sim->host_count + host_index];
}

void transit_free(struct transit *transit)
{
    slice_unref(&transit->header);
    for (unsigned i = 0; i < transit->payload_count; i++)
        slice_unref(&transit->payloads[i]);
    free(transit);
}

/* ---------------------------------------------------------------- sending */

static uint64_t draw_delay(struct sim *sim, const struct sim_link *link)
{
    const struct weather *weather = &sim->weather;
    uint64_t delay_ns = weather->delay_min_ns;
    if (weather->delay == DELAY_UNIFORM) {
        delay_ns = draw_between(sim, weather->delay_min_ns, weather->delay_max_ns);
    } else if (weather->delay == DELAY_LOGNORMAL) {
        /* Median at the geometric mean of the bounds, which are two standard deviations away. The sum of twelve uniform
         * numbers is close enough to a normal one, and the same on every machine. */
        double normal = -6;
        for (int i = 0; i < 12; i++)
            normal += (double)(random_next(&sim->random) >> 11) / (double)(UINT64_C(1) << 53);
        const double low = log((double)weather->delay_min_ns);
        const double high = log((double)weather->delay_max_ns);
        delay_ns = (uint64_t)exp((low + high) / 2 + normal * (high - low) / 4);
    }
    if (delay_ns != weather->delay_min_ns)
        sim->report->fault_counts[FAULT_DELAY]++;
    if (link->slowness != 16)
        sim->report->fault_counts[FAULT_CLOG]++;
    return delay_ns * link->slowness / 16;
}

static struct transit *transit_create(const struct packet *packet, const struct transit *like, uint64_t sent_ns)
{
    struct transit *transit = malloc(sizeof *transit + packet->payload_count * sizeof transit->payloads[0]);
    CHECK(transit != NULL);
    *transit = *like;
    transit->sent_ns = sent_ns;
    transit->payload_count = packet->payload_count;
    transit->header = packet->header;
    memcpy(transit->payloads, packet->payloads, packet->payload_count * sizeof transit->payloads[0]);
    return transit;
}

struct transit *transit_copy(const struct transit *from)
{
    struct transit *copy = malloc(sizeof *copy + from->payload_count * sizeof copy->payloads[0]);
    CHECK(copy != NULL);
    memcpy(copy, from, sizeof *copy + from->payload_count * sizeof copy->payloads[0]);
    slice_ref(copy->header);
    for (unsigned i = 0; i < copy->payload_count; i++)
        slice_ref(copy->payloads[i]);
    return copy;
}

/* Payloads are shared with whoever sent them: the bit flips in a copy. */
static void corrupt(struct sim *sim, struct transit *transit)
{
    const uint64_t which = random_below(&sim->random, transit->payload_count + 1);
    struct slice *victim = which == 0 ? &transit->header : &transit->payloads[which - 1];
    struct slice copy = slice_copy(*victim);
    if (!copy.owner)
        return;
    buffer_at(copy.owner)[random_below(&sim->random, copy.bytes)] ^= (uint8_t)(1 << random_below(&sim->random, 8));
    slice_unref(victim);
    *victim = copy;
    sim->report->fault_counts[FAULT_CORRUPT]++;
}

void network_hold(struct sim *sim, struct transit *transit)
{
    if (sim->held_count == sim->held_room) {
        sim->held_room = sim->held_room ? 2 * sim->held_room : 64;
        sim->held = realloc(sim->held, sim->held_room * sizeof *sim->held);
        CHECK(sim->held != NULL);
    }
    sim->held[sim->held_count++] = transit;
}

/* ---------------------------------------------------------------- what it takes */

static uint64_t bytes_of(const struct transit *transit)
{
    uint64_t bytes = transit->header.bytes;
    for (unsigned i = 0; i < transit->payload_count; i++)
        bytes += transit->payloads[i].bytes;
    return bytes;
}

/* Something that does one thing after the other does this one, too. Returns when it begins. */
static uint64_t occupy(uint64_t *until_ns, uint64_t now_ns, uint64_t for_ns)
{
    const uint64_t begin_ns = *until_ns > now_ns ? *until_ns : now_ns;
    *until_ns = begin_ns + for_ns;
    return begin_ns;
}

/* One of the two ends of a packet's way, and how fast it is: an admin's machine is like the hosts'. */
static struct nic *nic_of(struct sim *sim, const struct transit *transit, bool of_host, uint64_t *bytes_per_s)
{
    const uint32_t client_index = transit->client_index;
    *bytes_per_s = sim->capacity.host_bytes_per_s;
    if (of_host)
        return &sim->hosts[transit->host_index].nic;
    if (is_of_admin(sim, client_index))
        return &sim->clients[sim->options.client_count].nic;
    if (process_role(sim, client_index) == ROLE_AGENT)
        return &sim->hosts[agent_host(sim, client_index)].nic;
    *bytes_per_s = sim->capacity.client_bytes_per_s;
    return &sim->clients[client_index].nic;
}

/* When the first bit leaves, and how long until the last one does. */
static uint64_t leave(struct sim *sim, const struct transit *transit, uint64_t *duration_ns)
{
    uint64_t bytes_per_s;
    struct nic *nic = nic_of(sim, transit, !transit->to_host, &bytes_per_s);
    *duration_ns = transfer_ns(bytes_of(transit), bytes_per_s);
    return occupy(&nic->sends_until_ns, sim->now_ns, *duration_ns);
}

/* The first bit is there; when the last one will be, which the sender may be slower to send than this one to receive.
 * Until then others can be received, too, as far as there is room beside it. */
static uint64_t arrive(struct sim *sim, const struct transit *transit)
{
    uint64_t from_bytes_per_s;
    uint64_t to_bytes_per_s;
    const uint64_t bytes = bytes_of(transit);
    nic_of(sim, transit, !transit->to_host, &from_bytes_per_s);
    struct nic *nic = nic_of(sim, transit, transit->to_host, &to_bytes_per_s);
    if (is_loopback(sim, transit->client_index, transit->host_index))
        return sim->now_ns;
    const uint64_t sent_ns = sim->now_ns + transfer_ns(bytes, from_bytes_per_s);
    if (to_bytes_per_s == 0)
        return sent_ns;
    occupy(&nic->receives_until_ns, sim->now_ns, transfer_ns(bytes, to_bytes_per_s));
    return nic->receives_until_ns > sent_ns ? nic->receives_until_ns : sent_ns;
}

/* When a host has read it all. */
static uint64_t process(struct sim *sim, const struct transit *transit)
{
    uint64_t *until_ns = &sim->hosts[transit->host_index].busy_until_ns;
    if (!transit->to_host || sim->capacity.processing_ns == 0)
        return sim->now_ns;
    occupy(until_ns, sim->now_ns, transit->message_count * sim->capacity.processing_ns);
    return *until_ns;
}

/* Whether it is only on its way to be dealt with. */
static bool is_held_up(struct sim *sim, struct transit *transit)
{
    while (transit->stage != TRANSIT_READ) {
        const bool is_new = transit->stage == TRANSIT_ON_ITS_WAY;
        const uint64_t due_ns = is_new ? arrive(sim, transit) : process(sim, transit);
        transit->stage = is_new ? TRANSIT_ARRIVED : TRANSIT_READ;
        if (due_ns > sim->now_ns) {
            sim_push(sim, due_ns, (struct event){.kind = EVENT_PACKET, .packet = transit});
            return true;
        }
    }
    return false;
}

static void launch(struct sim *sim, struct transit *transit)
{
    struct sim_link *link = link_of(sim, transit->client_index, transit->host_index);
    if (sim->holds && sim->holds(transit, sim->holds_arg)) {
        network_hold(sim, transit);
        return;
    }
    const bool is_local = is_loopback(sim, transit->client_index, transit->host_index);
    if (!is_local && draw_chance(sim, sim->weather.corrupt_permyriad))
        corrupt(sim, transit);
    const uint64_t delay_ns = is_local ? draw_between(sim, 5 * US, 100 * US) : draw_delay(sim, link);
    uint64_t duration_ns = 0;
    uint64_t due_ns = (is_local ? sim->now_ns : leave(sim, transit, &duration_ns)) + delay_ns;
    uint64_t *last_due_ns = &link->last_due_ns[transit->to_host];
    if (due_ns <= *last_due_ns) {
        if (sim->weather.reorders && !is_local)
            sim->report->fault_counts[FAULT_REORDER]++;
        else
            due_ns = *last_due_ns + 1;
    }
    if (due_ns + duration_ns > *last_due_ns)
        *last_due_ns = due_ns + duration_ns;
    sim_push(sim, due_ns, (struct event){.kind = EVENT_PACKET, .packet = transit});
}

static void drop(struct sim *sim, struct transit *transit)
{
    trace(sim, TRACE_DROP, transit->client_index, transit->host_index, transit->to_host, transit->kind);
    transit_free(transit);
}

static void count_bytes(struct sim *sim, const struct transit *transit)
{
    if (is_loopback(sim, transit->client_index, transit->host_index))
        return;
    sim->report->network_packet_count++;
    sim->report->network_header_bytes += transit->header.bytes;
    const uint64_t payload_bytes = bytes_of(transit) - transit->header.bytes;
    sim->report->network_payload_bytes += payload_bytes;
    if (is_of_admin(sim, transit->client_index))
        sim->report->admin_payload_bytes += payload_bytes;
}

void network_send(struct sim *sim, const struct packet *packet, const struct transit *like)
{
    struct transit *transit = transit_create(packet, like, sim->now_ns);
    sim->report->packet_count++;
    count_bytes(sim, transit);
    trace(sim, TRACE_SEND, like->client_index, like->host_index, like->to_host, like->kind);
    if (is_loopback(sim, like->client_index, like->host_index)) {
        launch(sim, transit);
        return;
    }
    if (link_of(sim, like->client_index, like->host_index)->cut[like->to_host] > 0) {
        drop(sim, transit);
        return;
    }
    if (draw_chance(sim, sim->weather.loss_permyriad)) {
        sim->report->fault_counts[FAULT_LOSS]++;
        drop(sim, transit);
        return;
    }
    if (draw_chance(sim, sim->weather.dup_permyriad)) {
        sim->report->fault_counts[FAULT_DUP]++;
        launch(sim, transit_copy(transit));
    }
    launch(sim, transit);
}

void network_flush(struct sim *sim, struct packet_writer *writer, const struct transit *like)
{
    if (packet_message_count(writer) == 0)
        return;
    struct packet packet;
    struct transit counted = *like;
    counted.message_count = packet_message_count(writer);
    packet_take(writer, &packet);
    network_send(sim, &packet, &counted);
}

/* ---------------------------------------------------------------- arriving */

void network_deliver(struct sim *sim, struct transit *transit)
{
    struct sim_link *link = link_of(sim, transit->client_index, transit->host_index);
    const struct sim_client *client = &sim->clients[transit->client_index];
    const bool is_gone =
        transit->to_host ? !host_is_up(sim, transit->host_index) : client->life != transit->client_life;
    if (is_gone || link->cut[transit->to_host] > 0) {
        drop(sim, transit);
        return;
    }
    if (is_held_up(sim, transit))
        return;
    if (sim->listener) {
        /* A connection keeps its packets in order. */
        CHECK(transit->sent_ns >= link->read_sent_ns[transit->to_host]);
        link->read_sent_ns[transit->to_host] = transit->sent_ns;
    }
    trace(sim, TRACE_ARRIVE, transit->client_index, transit->host_index, transit->to_host, transit->kind);
    struct packet packet = {.header = transit->header, .payload_count = transit->payload_count};
    memcpy(packet.payloads, transit->payloads, transit->payload_count * sizeof packet.payloads[0]);
    if (transit->to_host)
        host_receive(sim, transit, &packet);
    else
        process_receive(sim, transit, &packet);
    transit_free(transit);
}

/* ---------------------------------------------------------------- healing */

void network_heal(struct sim *sim)
{
    const uint64_t latest_ns = sim->now_ns + sim->weather.delay_max_ns;
    sim->weather.loss_permyriad = sim->weather.dup_permyriad = sim->weather.corrupt_permyriad = 0;
    for (unsigned i = 0; i < sim->process_count * sim->host_count; i++) {
        sim->links[i].cut[0] = sim->links[i].cut[1] = 0;
        sim->links[i].slowness = 16;
        for (int to_host = 0; to_host <= 1; to_host++)
            if (sim->links[i].last_due_ns[to_host] > latest_ns)
                sim->links[i].last_due_ns[to_host] = latest_ns;
    }
}
