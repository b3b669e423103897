/*
 * Faults: how the network is in this run, and what strikes now and then, within what the protocol promises to survive
 * as far as liveness goes. Safety must hold whatever strikes.
 */
#include "sim/inside.h"

static const char *const names[FAULT_COUNT] = {
    [FAULT_DELAY] = "delay",     [FAULT_LOSS] = "loss",         [FAULT_DUP] = "dup",
    [FAULT_REORDER] = "reorder", [FAULT_CORRUPT] = "corrupt",   [FAULT_PARTITION] = "partition",
    [FAULT_CLOG] = "clog",       [FAULT_CRASH] = "crash",       [FAULT_RESTART] = "restart",
    [FAULT_PAUSE] = "pause",     [FAULT_CLIENT] = "client",     [FAULT_CLOCK] = "clock",
    [FAULT_DISK] = "disk",       [FAULT_FULL] = "full",         [FAULT_ROT] = "rot",
    [FAULT_LOST] = "lost",       [FAULT_RECONFIG] = "reconfig",
};

const char *fault_name(enum fault fault)
{
    return names[fault];
}

bool fault_is_on(const struct sim *sim, enum fault fault)
{
    return sim->nemesis.enabled >> fault & 1;
}

static const struct sim_config *config_of(const struct sim *sim, uint32_t number)
{
    return sim->sequence.configs[number];
}

/* Of c0. */
static unsigned tolerance(const struct sim *sim)
{
    return code_tolerance(sim->options.code);
}

/* Those that strike now and then, and not with every message. */
static bool strikes(enum fault fault)
{
    return fault >= FAULT_PARTITION && fault < FAULT_COUNT;
}

static void schedule(struct sim *sim, enum fault fault)
{
    sim_push(sim, sim->now_ns + draw_exponential(sim, sim->nemesis.pace_ns[fault]) + 1,
             (struct event){.kind = EVENT_FAULT, .a = fault});
}

static void repair_after(struct sim *sim, enum fault fault, uint32_t whom, uint32_t what, uint64_t after_ns)
{
    sim_push(sim, sim->now_ns + after_ns, (struct event){.kind = EVENT_REPAIR, .a = fault, .b = whom, .c = what});
}

/* How long a strike of a class lasts: mostly much shorter than the time to the next one, so that something gets done.
 */
static uint64_t draw_duration(struct sim *sim, enum fault fault)
{
    const uint64_t pace_ns = sim->nemesis.pace_ns[fault];
    return draw_scale(sim, pace_ns / 64 + 1, pace_ns / 2 + 1);
}

static void count(struct sim *sim, enum fault fault, uint32_t whom)
{
    sim->report->fault_counts[fault]++;
    trace(sim, TRACE_FAULT, fault, whom, 0, 0);
}

/* ---------------------------------------------------------------- the weather of the run */

static void draw_weather(struct sim *sim)
{
    struct weather *weather = &sim->weather;
    weather->delay = DELAY_CONSTANT;
    weather->delay_min_ns = weather->delay_max_ns = draw_scale(sim, 50 * US, 2 * MS);
    if (fault_is_on(sim, FAULT_DELAY)) {
        weather->delay = random_below(&sim->random, 2) ? DELAY_UNIFORM : DELAY_LOGNORMAL;
        weather->delay_max_ns = weather->delay_min_ns * draw_scale(sim, 2, 100);
    }
    if (fault_is_on(sim, FAULT_LOSS))
        weather->loss_permyriad = (unsigned)draw_scale(sim, 1, 3000);
    if (fault_is_on(sim, FAULT_DUP))
        weather->dup_permyriad = (unsigned)draw_scale(sim, 1, 2000);
    if (fault_is_on(sim, FAULT_CORRUPT))
        weather->corrupt_permyriad = (unsigned)draw_scale(sim, 1, 300);
    weather->reorders = fault_is_on(sim, FAULT_REORDER);
}

void nemesis_init(struct sim *sim)
{
    struct nemesis *nemesis = &sim->nemesis;
    const unsigned n = sim->options.code.n;
    nemesis->enabled = sim->options.faults;
    nemesis->keeps_retired = true;
    nemesis->victim = (uint32_t)random_below(&sim->random, n);
    nemesis->rot_max = tolerance(sim) > 0 ? (unsigned)draw_between(sim, 1, tolerance(sim)) : 0;
    /* Mostly what the cluster can take, so that it gets somewhere; now and then anything. */
    nemesis->keeps_quorums = random_below(&sim->random, 4);
    nemesis->down_max = nemesis->keeps_quorums ? 0 : (unsigned)draw_between(sim, 1, n);
    draw_weather(sim);
    /* About as long as an operation: two rounds and a commit. */
    const uint64_t operation_ns = 2 * (sim->weather.delay_min_ns + sim->weather.delay_max_ns) + 300 * US;
    for (unsigned fault = 0; fault < FAULT_RECONFIG; fault++) {
        nemesis->pace_ns[fault] = operation_ns * draw_scale(sim, 8, 1024);
        if (strikes((enum fault)fault) && fault_is_on(sim, (enum fault)fault))
            schedule(sim, (enum fault)fault);
    }
    if (fault_is_on(sim, FAULT_RECONFIG)) {
        nemesis->keeps_retired = random_below(&sim->random, 2);
        nemesis->pace_ns[FAULT_RECONFIG] = draw_scale(sim, 20 * MS, 500 * MS);
        schedule(sim, FAULT_RECONFIG);
    }
}

/* ---------------------------------------------------------------- hosts that die */

/* Those that answer, if they are reached. */
static struct voters members_up(const struct sim *sim, uint32_t number)
{
    const struct sim_config *config = config_of(sim, number);
    struct voters up = {0};
    for (unsigned i = 0; i < config->config.member_count; i++)
        if (host_is_up(sim, config->hosts[i]) && !sequence_has_forgotten(sim, number, i))
            voters_add(&up, i);
    return up;
}

/* Whether every configuration that is in use can do without one more. */
static bool may_go_down(const struct sim *sim, uint32_t host_index)
{
    const struct nemesis *nemesis = &sim->nemesis;
    for (uint32_t i = 0; i < sim->sequence.config_count; i++) {
        const struct sim_config *config = config_of(sim, i);
        if (sequence_member(config, host_index) < 0 || !sequence_is_live(sim, i))
            continue;
        const struct voters up = members_up(sim, i);
        const unsigned down_count = config->config.member_count - voters_count(up);
        if (nemesis->keeps_quorums ? code_spare_count(config->config.code, up) <= 0 : down_count >= nemesis->down_max)
            return false;
    }
    return true;
}

static void strike_crash(struct sim *sim, enum fault fault)
{
    const uint32_t whom = (uint32_t)random_below(&sim->random, sim->host_count);
    if (!host_is_up(sim, whom) || !may_go_down(sim, whom))
        return;
    count(sim, fault, whom);
    host_crash(sim, whom);
    repair_after(sim, fault, whom, 0,
                 fault == FAULT_RESTART ? draw_scale(sim, 100 * US, 2 * MS) : draw_duration(sim, fault));
}

static void revive(struct sim *sim, uint32_t host_index)
{
    if (!host_is_up(sim, host_index) && !sim->hosts[host_index].is_lost)
        host_start(sim, host_index);
}

/* Members whose fragments are neither rotten nor gone, as far as it is known. */
static struct voters members_sound(const struct sim *sim, uint32_t number)
{
    const struct sim_config *config = config_of(sim, number);
    struct voters sound = {0};
    for (unsigned i = 0; i < config->config.member_count; i++)
        if (!sequence_has_forgotten(sim, number, i) && !(config->rotted >> config->hosts[i] & 1))
            voters_add(&sound, i);
    return sound;
}

/* Whether all hosts of genesis have registered: until then they need each other, and nobody may be gone for good. */
static bool has_begun(const struct sim *sim)
{
    const struct sim_config *genesis = config_of(sim, 0);
    bool has_begun = true;
    for (unsigned i = 0; i < genesis->config.member_count; i++) {
        const uint32_t host_index = genesis->hosts[i];
        struct store_txn *txn;
        uint64_t incarnations[MEMBER_COUNT_MAX];
        if (agent_of_host(sim, host_index) == PROCESS_NONE || sequence_has_forgotten(sim, 0, i))
            continue;
        const struct config_shadow *shadow = &sim->hosts[host_index].configs[0];
        if (shadow->link == LINK_FINALIZED || shadow->slot == 0)
            continue;
        CHECK(store_begin(sim->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
        CHECK(store_incarnations_get(txn, shadow->slot, incarnations) == AREG_OK);
        store_abort(txn);
        has_begun = has_begun && incarnations[i] != 0;
    }
    return has_begun;
}

/* Whether the configuration may be needed yet. Of those that are retired somebody may think that they are not. */
static bool is_needed(const struct sim *sim, uint32_t number)
{
    return sim->nemesis.keeps_retired || config_of(sim, number)->config.index > sim->sequence.base ||
           sequence_is_live(sim, number);
}

static unsigned forgotten_count(const struct sim *sim, uint32_t number)
{
    unsigned count = 0;
    for (unsigned i = 0; i < config_of(sim, number)->config.member_count; i++)
        count += sequence_has_forgotten(sim, number, i);
    return count;
}

/* Hosts that genesis names are known to each other alone, also when it is retired: when too many of them lose their
 * disks before they hear of that, those take themselves for the hosts of a new cluster. */
static bool may_be_forgotten(const struct sim *sim)
{
    const struct sim_config *genesis = config_of(sim, 0);
    const unsigned tolerance = code_tolerance(genesis->config.code);
    unsigned unaware_count = 0;
    for (unsigned i = 0; i < genesis->config.member_count; i++)
        unaware_count += sequence_has_forgotten(sim, 0, i) && sim->hosts[genesis->hosts[i]].final == CONFIG_NONE;
    return genesis->config.member_count > 1 && unaware_count < (tolerance > 1 ? tolerance : 1);
}

/* Whether no configuration is worse off than it can take if this host is. */
static bool may_go_bad(const struct sim *sim, uint32_t host_index)
{
    for (uint32_t i = 0; i < sim->sequence.config_count; i++) {
        const struct sim_config *config = config_of(sim, i);
        if (sequence_member(config, host_index) < 0)
            continue;
        if (i == 0 && !may_be_forgotten(sim))
            return false;
        if (!is_needed(sim, i))
            continue;
        /* So many remember who is who, whatever kind they are of. */
        if (forgotten_count(sim, i) >= code_tolerance(config->config.code))
            return false;
        if (!(config->rotted >> host_index & 1) && code_spare_count(config->config.code, members_sound(sim, i)) <= 0)
            return false;
    }
    return true;
}

/* Rather a host that its configurations can do without. */
static uint32_t draw_victim(struct sim *sim)
{
    uint32_t whom = (uint32_t)random_below(&sim->random, sim->host_count);
    for (uint32_t i = 0; i < sim->host_count && (sim->hosts[whom].is_lost || !may_go_bad(sim, whom)); i++)
        whom = (whom + 1) % sim->host_count;
    return whom;
}

/* Its disk is gone, and it does not come back, or comes back without memory, and must be replaced by itself. What it
 * had, the others must do without; late, since after it there may be nothing left to lose, unless others take its
 * place. */
static void strike_lost(struct sim *sim)
{
    const bool is_replaced = fault_is_on(sim, FAULT_RECONFIG);
    const uint32_t whom = is_replaced ? draw_victim(sim) : sim->nemesis.victim;
    struct sim_host *host = &sim->hosts[whom];
    if (host->is_lost || !has_begun(sim) || !may_go_bad(sim, whom) ||
        sim->report->op_count < sim->options.op_count / 4 * (is_replaced ? 1 : 3))
        return;
    if (host_is_up(sim, whom) && !may_go_down(sim, whom))
        return;
    count(sim, FAULT_LOST, whom);
    if (host_is_up(sim, whom))
        host_crash(sim, whom);
    host->is_lost = true;
    if (is_replaced && random_below(&sim->random, 2))
        repair_after(sim, FAULT_LOST, whom, 0, draw_duration(sim, FAULT_LOST));
}

/* ---------------------------------------------------------------- processes that stop, clocks that lie */

/* Agents are not among them: they are as their hosts are. */
static uint32_t client_count(const struct sim *sim)
{
    return sim->options.client_count + sim->options.reconfigurer_count;
}

static void strike_pause(struct sim *sim)
{
    const uint32_t process_count = sim->host_count + client_count(sim);
    const uint32_t whom = (uint32_t)random_below(&sim->random, process_count);
    const uint64_t until_ns = sim->now_ns + draw_duration(sim, FAULT_PAUSE);
    count(sim, FAULT_PAUSE, whom);
    if (whom < sim->host_count)
        sim->hosts[whom].paused_until_ns = host_is_up(sim, whom) ? until_ns : 0;
    else
        sim->clients[whom - sim->host_count].paused_until_ns = until_ns;
}

static void strike_clock(struct sim *sim)
{
    const uint32_t process_count = sim->host_count + client_count(sim);
    const uint32_t whom = (uint32_t)random_below(&sim->random, process_count);
    struct sim_clock *clock =
        whom < sim->host_count ? &sim->hosts[whom].clock : &sim->clients[whom - sim->host_count].clock;
    count(sim, FAULT_CLOCK, whom);
    const uint64_t was_ns = clock_local(clock, sim->now_ns);
    if (random_below(&sim->random, 2))
        clock->rate = draw_between(sim, CLOCK_RATE_ONE / 2, CLOCK_RATE_ONE * 3 / 2);
    const uint64_t jump_ns = random_below(&sim->random, 2) ? draw_scale(sim, 1 * MS, 30 * SECOND) : 0;
    /* It never goes back: that much the kernel promises. */
    clock->offset_ns = 0;
    clock->offset_ns = (int64_t)(was_ns + jump_ns - clock_local(clock, sim->now_ns));
    /* Its timers may be due; if it is paused, they have to wait. */
    if (whom < sim->host_count)
        sim_push(sim, sim->now_ns, (struct event){.kind = EVENT_HOST_WAKE, .a = whom});
    const uint32_t client_index = whom < sim->host_count ? agent_of_host(sim, whom) : whom - sim->host_count;
    if (client_index != PROCESS_NONE)
        sim_push(sim, sim->now_ns,
                 (struct event){.kind = EVENT_CLIENT_WAKE, .a = client_index, .b = sim->clients[client_index].life});
}

static void strike_client(struct sim *sim)
{
    const uint32_t whom = (uint32_t)random_below(&sim->random, client_count(sim));
    count(sim, FAULT_CLIENT, whom);
    process_crash(sim, whom);
}

/* ---------------------------------------------------------------- links */

/* Whether the link is between two machines. */
static bool is_remote(const struct sim *sim, uint32_t client_index, uint32_t host_index)
{
    return client_index != agent_of_host(sim, host_index);
}

/* Which links are cut is drawn again from the partition's own number when it heals. */
static bool is_cut(const struct sim *sim, uint32_t number, uint32_t client_index, uint32_t host_index, bool to_host)
{
    struct random_source random = {.state = number};
    const enum process_role role = process_role(sim, client_index);
    const uint64_t shape = random_below(&random, sim->options.reconfigurer_count > 0 ? 5 : 3);
    const uint64_t one_way = random_below(&random, 4);
    const uint64_t hosts = random_next(&random);
    const uint64_t clients = random_next(&random);
    const uint64_t bridge = random_below(&random, sim->host_count);
    const bool host_side = hosts >> host_index & 1;
    const bool client_side =
        role == ROLE_AGENT ? hosts >> agent_host(sim, client_index) & 1 : clients >> client_index % 64 & 1;
    if (one_way == (to_host ? 0 : 1))
        return false;
    if (shape == 0)
        return host_side != client_side;
    if (shape == 1) /* all clients lose some hosts */
        return host_side && (hosts >> (host_index + 32) % 64 & 1);
    if (shape == 3) /* the same, and the hosts among themselves do not */
        return role != ROLE_AGENT && host_side && (hosts >> (host_index + 32) % 64 & 1);
    if (shape == 4) /* reconfigurers get through to one */
        return role == ROLE_RECONFIGURER && host_index != bridge;
    return host_index != bridge && host_side != client_side;
}

static void cut_links(struct sim *sim, uint32_t number, int change)
{
    for (uint32_t i = 0; i < sim->process_count; i++) {
        for (uint32_t j = 0; j < sim->host_count; j++) {
            struct sim_link *link = link_of(sim, i, j);
            for (int to_host = 0; to_host <= 1 && is_remote(sim, i, j); to_host++)
                if (is_cut(sim, number, i, j, to_host))
                    link->cut[to_host] = (uint16_t)(link->cut[to_host] + change);
            /* Some notice: their connection breaks, and comes back when it can. */
            if ((link->cut[0] > 0 || link->cut[1] > 0) && change > 0 && random_below(&sim->random, 4) == 0)
                sim_push(sim, sim->now_ns + draw_between(sim, 1 * MS, 100 * MS),
                         (struct event){.kind = EVENT_CONNECTION, .a = i, .b = j, .c = 0});
        }
    }
}

static void strike_partition(struct sim *sim)
{
    const uint32_t number = (uint32_t)random_next(&sim->random);
    count(sim, FAULT_PARTITION, number);
    cut_links(sim, number, 1);
    repair_after(sim, FAULT_PARTITION, number, 0, draw_duration(sim, FAULT_PARTITION));
}

enum clog_shape { CLOG_LINK, CLOG_HOST, CLOG_CLIENT, CLOG_HOST_FOR_CLIENTS, CLOG_MANY };

static bool is_clogged(struct sim *sim, enum clog_shape shape, bool is_the_client, bool is_the_host, bool is_agent)
{
    switch (shape) {
    case CLOG_LINK:
        return is_the_client && is_the_host;
    case CLOG_HOST:
        return is_the_host;
    case CLOG_CLIENT:
        return is_the_client;
    case CLOG_HOST_FOR_CLIENTS:
        return is_the_host && !is_agent;
    case CLOG_MANY:
        return (is_the_client || is_the_host) && random_below(&sim->random, 2);
    }
    return false;
}

/* One link, or one client with all hosts, or one host with all clients, is slow for long: a reader that sleeps through
 * everything that happens, a host that hears of it last, although other hosts ask it. */
static void strike_clog(struct sim *sim)
{
    const uint64_t shape = random_below(&sim->random, sim->options.reconfigurer_count > 0 ? 5 : 3);
    const uint32_t client_index = (uint32_t)random_below(&sim->random, sim->process_count);
    const uint32_t host_index = (uint32_t)random_below(&sim->random, sim->host_count);
    const uint32_t slowness = (uint32_t)draw_scale(sim, 32, 16 * 500);
    count(sim, FAULT_CLOG, host_index);
    for (uint32_t i = 0; i < sim->process_count; i++)
        for (uint32_t j = 0; j < sim->host_count; j++)
            if (is_clogged(sim, (enum clog_shape)shape, i == client_index, j == host_index,
                           process_role(sim, i) == ROLE_AGENT))
                link_of(sim, i, j)->slowness = slowness;
    repair_after(sim, FAULT_CLOG, client_index, host_index, draw_duration(sim, FAULT_CLOG));
}

static void unclog(struct sim *sim, uint32_t client_index, uint32_t host_index)
{
    for (uint32_t i = 0; i < sim->process_count; i++)
        for (uint32_t j = 0; j < sim->host_count; j++)
            if (i == client_index || j == host_index)
                link_of(sim, i, j)->slowness = 16;
}

/* ---------------------------------------------------------------- disks */

static void strike_disk(struct sim *sim)
{
    const uint32_t whom = (uint32_t)random_below(&sim->random, sim->host_count);
    struct sim_host *host = &sim->hosts[whom];
    if (random_below(&sim->random, 2) || !may_go_down(sim, whom)) {
        count(sim, FAULT_DISK, whom);
        host->disk_min_ns = draw_scale(sim, 20 * US, 5 * MS);
        host->disk_max_ns = host->disk_min_ns * draw_scale(sim, 1, 50);
        return;
    }
    if (!host_is_up(sim, whom))
        return;
    count(sim, FAULT_DISK, whom);
    store_memory_fail_commit(host->store, (struct store_fault){.error = AREG_EIO,
                                                               .commits_before = (uint32_t)draw_between(sim, 0, 3),
                                                               .is_committed_anyway = random_below(&sim->random, 2)});
}

static uint64_t used_bytes(struct sim *sim, uint32_t host_index)
{
    struct store_txn *txn;
    struct store_stats stats;
    CHECK(store_begin(sim->hosts[host_index].store, STORE_READ, &txn) == AREG_OK);
    CHECK(store_stats_get(txn, &stats) == AREG_OK);
    store_abort(txn);
    return stats.used_bytes;
}

static void strike_full(struct sim *sim)
{
    const uint32_t whom = (uint32_t)random_below(&sim->random, sim->host_count);
    count(sim, FAULT_FULL, whom);
    if (random_below(&sim->random, 4) == 0 && host_is_up(sim, whom))
        store_memory_fail_commit(sim->hosts[whom].store, (struct store_fault){.error = AREG_EFULL});
    else
        store_set_quota(sim->hosts[whom].store, used_bytes(sim, whom) + draw_scale(sim, 1, 64 << 10), 0);
    repair_after(sim, FAULT_FULL, whom, 0, draw_duration(sim, FAULT_FULL));
}

static bool rot(struct sim *sim, uint32_t host_index, uint32_t number, uint32_t key_index,
                const struct stored_register *found)
{
    const struct sim_key *key = &sim->keys[key_index];
    const struct sim_host *host = &sim->hosts[host_index];
    const struct tag tag = found->entries[random_below(&sim->random, found->entry_count)].entry.tag;
    return store_memory_rot(host->store, host->configs[number].slot, slice_borrow(key->text, key->text_bytes), tag,
                            random_next(&sim->random)) == AREG_OK;
}

/* Bits rot on no more members of a configuration than may be down, so that the others can do without them. False if it
 * must wait. */
static bool strike_rot(struct sim *sim)
{
    static struct stored_register found;
    const struct nemesis *nemesis = &sim->nemesis;
    const struct sequence *sequence = &sim->sequence;
    if (nemesis->rot_max == 0)
        return true;
    const uint64_t index = sequence->count == 1 ? 0 : draw_between(sim, sequence->base, sequence->count - 1);
    const uint32_t number = sequence->numbers[index];
    struct sim_config *config = sequence->configs[number];
    const uint64_t place = nemesis->victim + random_below(&sim->random, nemesis->rot_max);
    const uint32_t whom = config->hosts[place % config->config.member_count];
    const uint32_t key_index = (uint32_t)random_below(&sim->random, sim->options.key_count);
    struct sim_host *host = &sim->hosts[whom];
    if (host->txn)
        return false;
    if (host->is_lost || !host_register(sim, whom, number, key_index, &found) || found.entry_count == 0)
        return true;
    if (!(config->rotted >> whom & 1) && code_spare_count(config->config.code, members_sound(sim, number)) <= 0)
        return true;
    if (!rot(sim, whom, number, key_index, &found))
        return true;
    config->rotted |= UINT64_C(1) << whom;
    count(sim, FAULT_ROT, whom);
    return true;
}

/* ---------------------------------------------------------------- all of them */

void nemesis_strike(struct sim *sim, enum fault fault)
{
    if (sim->nemesis.is_over)
        return;
    switch (fault) {
    case FAULT_PARTITION:
        strike_partition(sim);
        break;
    case FAULT_CLOG:
        strike_clog(sim);
        break;
    case FAULT_CRASH:
    case FAULT_RESTART:
        strike_crash(sim, fault);
        break;
    case FAULT_PAUSE:
        strike_pause(sim);
        break;
    case FAULT_CLIENT:
        strike_client(sim);
        break;
    case FAULT_CLOCK:
        strike_clock(sim);
        break;
    case FAULT_DISK:
        strike_disk(sim);
        break;
    case FAULT_FULL:
        strike_full(sim);
        break;
    case FAULT_ROT:
        if (!strike_rot(sim)) {
            /* The store lets no bit rot under a writer: as soon as there is none. */
            sim_push(sim, sim->now_ns + draw_between(sim, 1 * US, 100 * US),
                     (struct event){.kind = EVENT_FAULT, .a = fault});
            return;
        }
        break;
    case FAULT_LOST:
        strike_lost(sim);
        break;
    case FAULT_RECONFIG:
        reconfigurer_strike(sim);
        break;
    default:
        CHECK(!"the weather does not strike");
    }
    schedule(sim, fault);
}

void nemesis_repair(struct sim *sim, enum fault fault, uint32_t whom, uint32_t what)
{
    if (sim->nemesis.is_over)
        return;
    trace(sim, TRACE_REPAIR, fault, whom, 0, 0);
    switch (fault) {
    case FAULT_PARTITION:
        cut_links(sim, whom, -1);
        break;
    case FAULT_CLOG:
        unclog(sim, whom, what);
        break;
    case FAULT_CRASH:
    case FAULT_RESTART:
    case FAULT_DISK:
        revive(sim, whom);
        break;
    case FAULT_FULL:
        store_set_quota(sim->hosts[whom].store, 0, 0);
        break;
    case FAULT_LOST:
        host_renew(sim, whom);
        break;
    default:
        CHECK(!"nothing else is repaired");
    }
}

/* Whether it is used, or may be yet: all its members have joined it. */
static bool is_possible(const struct sim *sim, uint32_t number)
{
    const struct sim_config *config = config_of(sim, number);
    return voters_count(config->joined) == config->config.member_count;
}

/* Of a configuration that may be needed yet. */
static bool is_member(const struct sim *sim, uint32_t host_index)
{
    for (uint32_t i = 0; i < sim->sequence.config_count; i++)
        if (is_needed(sim, i) && sequence_member(config_of(sim, i), host_index) >= 0)
            return true;
    return false;
}

/* Whether a member may stay down for good, beside others: if somebody may come late, also configurations that are
 * retired need some, who send him on. */
static bool may_stay_down(const struct sim *sim, uint32_t host_index, uint64_t others)
{
    bool is_wanted = false;
    for (uint32_t i = 0; i < sim->sequence.config_count; i++) {
        const struct sim_config *config = config_of(sim, i);
        struct voters left = members_sound(sim, i);
        if (sequence_member(config, host_index) < 0 || !is_needed(sim, i) || !is_possible(sim, i))
            continue;
        is_wanted = true;
        for (unsigned j = 0; j < config->config.member_count; j++)
            if (others >> config->hosts[j] & 1)
                voters_remove(&left, j);
        if (code_spare_count(config->config.code, left) <= 0)
            return false;
    }
    return is_wanted;
}

/* All hosts that they know may be gone: others take their place, who know today's. */
static void renew_clients(struct sim *sim)
{
    for (uint32_t i = 0; i < client_count(sim); i++)
        process_crash(sim, i);
}

void nemesis_heal(struct sim *sim)
{
    struct nemesis *nemesis = &sim->nemesis;
    nemesis->is_over = true;
    network_heal(sim);
    /* What pauses and slow links have held up goes on soon, too. */
    sim_hasten(sim, sim->now_ns + sim->weather.delay_max_ns);
    unsigned spared_count = (unsigned)draw_between(sim, 0, tolerance(sim));
    if (!has_begun(sim))
        spared_count = 0;
    uint64_t spared = 0;
    const bool discards = !nemesis->keeps_retired && random_below(&sim->random, 2);
    for (uint32_t i = 0; i < sim->host_count; i++) {
        struct sim_host *host = &sim->hosts[i];
        store_memory_fail_commit(host->store, (struct store_fault){.error = AREG_EIO, .commits_before = UINT32_MAX});
        store_set_quota(host->store, 0, 0);
        host->paused_until_ns = 0;
        host->disk_min_ns = 50 * US;
        host->disk_max_ns = 300 * US;
        if (discards && !is_member(sim, i)) {
            if (host_is_up(sim, i))
                host_crash(sim, i);
            continue;
        }
        if (host_is_up(sim, i) || host->is_lost)
            continue;
        if (spared_count > 0 && may_stay_down(sim, i, spared)) {
            spared_count--;
            spared |= UINT64_C(1) << i;
        } else {
            host_start(sim, i);
        }
    }
    if (!nemesis->keeps_retired)
        renew_clients(sim);
    reconfigurer_heal(sim);
    for (uint32_t i = 0; i < sim->process_count; i++) {
        sim->clients[i].paused_until_ns = 0;
        for (uint32_t j = 0; j < sim->host_count; j++)
            sim_push(sim, sim->now_ns + draw_between(sim, 10 * US, 100 * MS),
                     (struct event){.kind = EVENT_CONNECTION, .a = i, .b = j, .c = host_is_up(sim, j)});
    }
}
