/*
 * Packets on their way: delays, losses, doubles, flipped bits, cut links. A packet is the real one, of wire/.
 */
#include "sim/inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A host's agent is on the same machine: what it says to its host arrives. */
static bool is_loopback(const struct sim *sim, uint32_t client_index, uint32_t host_index)
{
    return client_index == agent_of_host(sim, host_index);
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
    uint64_t due_ns = sim->now_ns + (is_local ? draw_between(sim, 5 * US, 100 * US) : draw_delay(sim, link));
    uint64_t *last_due_ns = &link->last_due_ns[transit->to_host];
    if (due_ns <= *last_due_ns) {
        if (sim->weather.reorders && !is_local)
            sim->report->fault_counts[FAULT_REORDER]++;
        else
            due_ns = *last_due_ns + 1;
    }
    if (due_ns > *last_due_ns)
        *last_due_ns = due_ns;
    sim_push(sim, due_ns, (struct event){.kind = EVENT_PACKET, .packet = transit});
}

static void drop(struct sim *sim, struct transit *transit)
{
    trace(sim, TRACE_DROP, transit->client_index, transit->host_index, transit->to_host, transit->kind);
    transit_free(transit);
}

void network_send(struct sim *sim, const struct packet *packet, const struct transit *like)
{
    struct transit *transit = transit_create(packet, like, sim->now_ns);
    sim->report->packet_count++;
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
    packet_take(writer, &packet);
    network_send(sim, &packet, like);
}

/* ---------------------------------------------------------------- arriving */

void network_deliver(struct sim *sim, struct transit *transit)
{
    const struct sim_link *link = link_of(sim, transit->client_index, transit->host_index);
    const struct sim_client *client = &sim->clients[transit->client_index];
    const bool is_gone =
        transit->to_host ? !host_is_up(sim, transit->host_index) : client->life != transit->client_life;
    if (is_gone || link->cut[transit->to_host] > 0) {
        drop(sim, transit);
        return;
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
