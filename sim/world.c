/*
 * The world: virtual time, chance, which event is next, and its creation from the options and the seed.
 */
#include "sim/inside.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- chance */

uint64_t draw_between(struct sim *sim, uint64_t low, uint64_t high)
{
    return low + random_below(&sim->random, high - low + 1);
}

uint64_t draw_scale(struct sim *sim, uint64_t low, uint64_t high)
{
    CHECK(low > 0 && low <= high && high <= UINT64_MAX / 2);
    /* By doublings, then within one: close enough to log-uniform, and in whole numbers. */
    unsigned doublings = 1;
    while (low << doublings < high)
        doublings++;
    const uint64_t from = low << random_below(&sim->random, doublings);
    return draw_between(sim, from, 2 * from < high ? 2 * from : high);
}

uint64_t draw_exponential(struct sim *sim, uint64_t mean)
{
    /* Whole means, each time that one of three sides of a die comes up, and a uniform part: memoryless enough. */
    uint64_t drawn = random_below(&sim->random, mean + 1);
    for (int i = 0; i < 19 && random_below(&sim->random, 3) == 0; i++)
        drawn += mean;
    return drawn;
}

bool draw_chance(struct sim *sim, unsigned permyriad)
{
    return permyriad > 0 && random_below(&sim->random, 10000) < permyriad;
}

/* ---------------------------------------------------------------- time */

uint64_t clock_local(const struct sim_clock *clock, uint64_t now_ns)
{
    return (uint64_t)clock->offset_ns + (uint64_t)((unsigned __int128)now_ns * clock->rate / CLOCK_RATE_ONE);
}

uint64_t clock_global(const struct sim_clock *clock, uint64_t local_ns)
{
    if ((__int128)local_ns <= clock->offset_ns)
        return 0;
    const unsigned __int128 scaled = (unsigned __int128)((__int128)local_ns - clock->offset_ns) * CLOCK_RATE_ONE;
    const unsigned __int128 now_ns = (scaled + clock->rate - 1) / clock->rate;
    return now_ns < UINT64_MAX ? (uint64_t)now_ns : UINT64_MAX - 1;
}

void sim_push(struct sim *sim, uint64_t due_ns, struct event event)
{
    event.due_ns = due_ns > sim->now_ns ? due_ns : sim->now_ns;
    event.tie = random_next(&sim->random);
    events_push(&sim->events, event);
}

/* ---------------------------------------------------------------- one event */

/* When the process that the event concerns goes on; 0: it is running. */
static uint64_t paused_until(const struct sim *sim, const struct event *event)
{
    switch (event->kind) {
    case EVENT_PACKET:
        return event->packet->to_host ? sim->hosts[event->packet->host_index].paused_until_ns
                                      : process_paused_until(sim, event->packet->client_index);
    case EVENT_HOST_WAKE:
    case EVENT_COMMIT:
        return sim->hosts[event->a].paused_until_ns;
    case EVENT_CLIENT_WAKE:
    case EVENT_SUBMIT:
    case EVENT_CANCEL:
    case EVENT_CONNECTION:
        return process_paused_until(sim, event->a);
    default:
        return 0;
    }
}

static void handle(struct sim *sim, const struct event *event)
{
    switch (event->kind) {
    case EVENT_PACKET:
        network_deliver(sim, event->packet);
        break;
    case EVENT_HOST_WAKE:
        sim->hosts[event->a].wake_ns = UINT64_MAX;
        host_wake(sim, event->a);
        break;
    case EVENT_CLIENT_WAKE:
        if (sim->clients[event->a].life == event->b && sim->clients[event->a].engine)
            process_wake(sim, event->a);
        break;
    case EVENT_COMMIT:
        if (sim->hosts[event->a].life == event->b && sim->hosts[event->a].txn)
            host_commit(sim, event->a);
        break;
    case EVENT_SUBMIT:
        if (sim->clients[event->a].life == event->b)
            workload_next(sim, event->a);
        break;
    case EVENT_CANCEL:
        if (sim->clients[event->a].life == event->b)
            workload_cancel(sim, event->a, event->c);
        break;
    case EVENT_CONNECTION:
        process_connection(sim, event->a, event->b, event->c);
        break;
    case EVENT_FAULT:
        nemesis_strike(sim, (enum fault)event->a);
        break;
    case EVENT_REPAIR:
        nemesis_repair(sim, (enum fault)event->a, event->b, event->c);
        break;
    case EVENT_STUDY:
        sim->listener->on_event(event->a, event->b, sim->listener->arg);
        break;
    }
}

/* What is moved to one moment keeps its order: nothing overtakes anything because a process was paused. */
static void move(struct sim *sim, struct event event, uint64_t due_ns)
{
    event.due_ns = due_ns;
    event.tie = sim->moved_count++;
    events_push(&sim->events, event);
}

void sim_hasten(struct sim *sim, uint64_t latest_ns)
{
    struct events all = sim->events;
    struct event event;
    sim->events = (struct events){0};
    while (events_pop(&all, &event)) {
        if (event.due_ns > latest_ns)
            move(sim, event, latest_ns);
        else
            events_push(&sim->events, event);
    }
    events_fini(&all);
}

/* Of so many events at one moment, each leads to the next, and time stands still: far more than there are on their way
 * when everything that was held up goes on at once. */
enum { MOMENT_EVENT_MAX = 1000 * 1000 };

bool sim_step(struct sim *sim, uint64_t until_ns)
{
    struct event event;
    if (sim->events.count == 0 || sim->events.heap[0].due_ns > until_ns || !events_pop(&sim->events, &event))
        return false;
    sim->moment_event_count = event.due_ns > sim->now_ns ? 0 : sim->moment_event_count + 1;
    if (sim->moment_event_count == MOMENT_EVENT_MAX)
        broken(sim, "liveness", "%u events, and no time has passed", (unsigned)MOMENT_EVENT_MAX);
    sim->now_ns = event.due_ns;
    const uint64_t paused_ns = paused_until(sim, &event);
    if (paused_ns > sim->now_ns) {
        move(sim, event, paused_ns);
        return true;
    }
    sim->report->event_count++;
    handle(sim, &event);
    return true;
}

/* ---------------------------------------------------------------- creation */

struct code draw_code(struct sim *sim)
{
    static const char *const codes[] = {"repl:3", "repl:5", "rs:5,3", "rs:6,4",  "rs:9,5",  "rs:5,1",
                                        "repl:4", "rs:6,3", "rs:3,2", "ldr:3,3", "ldr:5,3", "ldr:1,1"};
    struct code code;
    CHECK(code_parse(codes[random_below(&sim->random, sizeof codes / sizeof codes[0])], &code) == AREG_OK);
    return code;
}

static void draw_options(struct sim *sim)
{
    struct sim_options *options = &sim->options;
    if (options->code.n == 0)
        options->code = draw_code(sim);
    if (options->host_count == 0)
        options->host_count = options->code.n;
    if (!options->has_delta)
        options->delta = (unsigned)draw_between(sim, 0, 8);
    if (options->client_count == 0)
        options->client_count = (unsigned)draw_scale(sim, 1, 20);
    if (options->depth == 0)
        options->depth = (unsigned)draw_scale(sim, 1, 4);
    if (options->key_count == 0)
        options->key_count = (unsigned)draw_scale(sim, 1, 8);
    if (options->op_count == 0)
        options->op_count = (uint32_t)draw_scale(sim, 100, 2000);
    if (options->value_bytes_max == 0)
        options->value_bytes_max = (uint32_t)draw_scale(sim, 16, 64 << 10);
    if (!options->has_faults)
        options->faults = ((uint32_t)random_next(&sim->random) & FAULTS_ALL) |
                          (options->reconfigurer_count ? UINT32_C(1) << FAULT_RECONFIG : 0);
    if (!(options->faults >> FAULT_RECONFIG & 1)) {
        options->reconfigurer_count = 0;
    } else {
        const unsigned spare_max = SIM_HOST_MAX - options->host_count < 4 ? SIM_HOST_MAX - options->host_count : 4;
        if (options->reconfigurer_count == 0)
            options->reconfigurer_count = (unsigned)draw_between(sim, 1, 3);
        if (!options->has_spares && options->spare_count == 0)
            options->spare_count = (unsigned)draw_between(sim, 0, spare_max);
    }
    CHECK(options->host_count >= options->code.n && options->host_count + options->spare_count <= SIM_HOST_MAX);
    CHECK(options->client_count <= SIM_CLIENT_MAX && options->key_count <= SIM_KEY_MAX);
    CHECK(options->reconfigurer_count <= SIM_RECONFIGURER_MAX);
}

static void found_cluster(struct sim *sim)
{
    struct cluster *cluster = &sim->cluster;
    struct pool *pool = &cluster->pools[0];
    char why[CLUSTER_WHY_BYTES];
    snprintf(cluster->name, sizeof cluster->name, "sim");
    snprintf(pool->name, sizeof pool->name, "default");
    cluster->host_count = (uint16_t)sim->options.host_count;
    cluster->pool_count = 1;
    pool->code = sim->options.code;
    pool->delta = (uint16_t)sim->options.delta;
    pool->shard_count = 1;
    for (unsigned i = 0; i < sim->options.host_count; i++) {
        struct cluster_host *host = &cluster->hosts[i];
        host->id = sim->hosts[i].id;
        memcpy(host->address, sim->hosts[i].address, sizeof host->address);
        if (i < sim->options.code.n)
            pool->member_hosts[i] = (uint8_t)i;
    }
    CHECK(cluster_settle(cluster, why) == AREG_OK);
}

/* Configurations take longer to change than registers. */
static uint64_t draw_think(struct sim *sim)
{
    if (sim->options.reconfigurer_count > 0)
        return draw_scale(sim, 100 * US, 100 * MS);
    return random_below(&sim->random, 2) ? draw_scale(sim, 10 * US, 20 * MS) : 0;
}

struct sim *sim_create(const struct sim_options *options, struct sim_report *report)
{
    struct sim *sim = calloc(1, sizeof *sim);
    CHECK(sim != NULL);
    *report = (struct sim_report){.latency_min_ns = UINT64_MAX};
    sim->report = report;
    sim->options = *options;
    sim->random.state = options->seed;
    sim->now_ns = SECOND;
    draw_options(sim);
    report->drawn = sim->options;
    /* Small enough in some runs that hosts are busy now and then. */
    sim->queue_max = (unsigned)draw_scale(sim, 1, 1024);
    sim->host_count = sim->options.host_count + sim->options.spare_count;
    sim->process_count = sim->options.client_count;
    if (sim->options.reconfigurer_count > 0)
        sim->process_count += sim->options.reconfigurer_count + sim->host_count;
    sim->links = calloc(sim->process_count * (size_t)sim->host_count, sizeof *sim->links);
    CHECK(sim->links != NULL);
    for (unsigned i = 0; i < sim->process_count * sim->host_count; i++)
        sim->links[i].slowness = 16;
    for (uint32_t i = 0; i < sim->options.key_count; i++) {
        struct sim_key *key = &sim->keys[i];
        key->text_bytes = (uint32_t)snprintf(key->text, sizeof key->text, "k%u", i);
        key->written_ns = UINT64_MAX;
    }
    sim->reply_writer = packet_writer_create();
    CHECK(sim->reply_writer != NULL);
    for (uint32_t i = 0; i < sim->host_count; i++) {
        sim->writers[i] = packet_writer_create();
        CHECK(sim->writers[i] != NULL);
        host_init(sim, i);
    }
    found_cluster(sim);
    sequence_init(sim);
    for (uint32_t i = 0; i < sim->host_count; i++)
        host_start(sim, i);
    nemesis_init(sim);
    for (uint32_t i = 0; i < sim->options.client_count + sim->options.reconfigurer_count; i++) {
        sim->clients[i].clock = (struct sim_clock){.rate = CLOCK_RATE_ONE};
        sim->clients[i].think_ns = draw_think(sim);
        process_start(sim, i);
    }
    return sim;
}

void sim_destroy(struct sim *sim)
{
    for (size_t i = 0; i < sim->held_count; i++)
        transit_free(sim->held[i]);
    free(sim->held);
    events_fini(&sim->events);
    for (uint32_t i = 0; i < sim->process_count; i++) {
        client_destroy(sim->clients[i].engine);
        worker_destroy(sim->clients[i].worker);
    }
    reconfigurer_fini(sim);
    for (uint32_t i = 0; i < sim->host_count; i++) {
        host_fini(sim, i);
        packet_writer_destroy(sim->writers[i]);
    }
    packet_writer_destroy(sim->reply_writer);
    names_fini(&sim->names);
    pieces_fini(&sim->pieces);
    sequence_fini(&sim->sequence);
    free(sim->links);
    free(sim->ops);
    free(sim);
}
