/*
 * Who changes configurations: processes that want hosts to come and go, to change places and codes, several at once,
 * and that die in the middle of it; and what became of each operation. What they want is drawn; most of it makes sense.
 */
#include "sim/inside.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- what is wanted */

static bool is_in(const struct wish *wish, uint32_t host_index)
{
    for (unsigned i = 0; i < wish->count; i++)
        if (wish->hosts[i] == host_index)
            return true;
    return false;
}

static bool is_well(const struct sim *sim, uint32_t host_index)
{
    return host_is_up(sim, host_index) && !sim->hosts[host_index].is_lost;
}

/* A host that is no member yet; seldom one that is down: then nothing comes of it. CONFIG_NONE: there is none. */
static uint32_t draw_newcomer(struct sim *sim, const struct wish *wish)
{
    uint32_t fit[SIM_HOST_MAX];
    unsigned fit_count = 0;
    const bool is_careless = random_below(&sim->random, 16) == 0;
    for (uint32_t i = 0; i < sim->host_count; i++)
        if (!is_in(wish, i) && (is_careless || is_well(sim, i)))
            fit[fit_count++] = i;
    return fit_count ? fit[random_below(&sim->random, fit_count)] : PROCESS_NONE;
}

/* The place of a member; rather of one that is down. */
static unsigned draw_leaver(struct sim *sim, const struct wish *wish)
{
    for (unsigned i = 0; i < wish->count; i++)
        if (!is_well(sim, wish->hosts[i]) && random_below(&sim->random, 4))
            return i;
    return (unsigned)random_below(&sim->random, wish->count);
}

static bool add(struct sim *sim, struct wish *wish)
{
    const uint32_t newcomer = wish->count < MEMBER_COUNT_MAX ? draw_newcomer(sim, wish) : PROCESS_NONE;
    if (newcomer != PROCESS_NONE)
        wish->hosts[wish->count++] = newcomer;
    return newcomer != PROCESS_NONE;
}

static void drop(struct sim *sim, struct wish *wish)
{
    const unsigned place = draw_leaver(sim, wish);
    wish->count--;
    memmove(&wish->hosts[place], &wish->hosts[place + 1], (wish->count - place) * sizeof wish->hosts[0]);
}

static void replace(struct sim *sim, struct wish *wish)
{
    const uint32_t newcomer = draw_newcomer(sim, wish);
    if (newcomer != PROCESS_NONE)
        wish->hosts[draw_leaver(sim, wish)] = newcomer;
}

static void swap(struct sim *sim, struct wish *wish)
{
    const unsigned a = (unsigned)random_below(&sim->random, wish->count);
    const unsigned b = (unsigned)random_below(&sim->random, wish->count);
    const uint32_t host_index = wish->hosts[a];
    wish->hosts[a] = wish->hosts[b];
    wish->hosts[b] = host_index;
}

static void recode(struct sim *sim, struct wish *wish)
{
    const struct code code = draw_code(sim);
    while (wish->count > code.n)
        drop(sim, wish);
    while (wish->count < code.n)
        if (!add(sim, wish))
            return;
    wish->code = code;
}

static void draw_change(struct sim *sim, struct wish *wish)
{
    switch (random_below(&sim->random, 8)) {
    case 0:
        (void)add(sim, wish);
        break;
    case 1:
        if (wish->count > 1)
            drop(sim, wish);
        break;
    case 2:
    case 3:
        replace(sim, wish);
        break;
    case 4:
    case 5:
        recode(sim, wish);
        break;
    case 6:
        swap(sim, wish);
        break;
    default: /* The same again, but for its id and delta. */
        wish->delta = (unsigned)draw_between(sim, 0, 8);
        break;
    }
}

/* As near to the code as so many members allow. */
static void fit_code(struct wish *wish)
{
    struct code *code = &wish->code;
    code->n = (uint8_t)wish->count;
    if (code->k > code->n)
        code->k = code->n;
    if (code->directory_count >= code->n)
        *code = (struct code){.dap = DAP_ABD, .n = code->n, .k = 1};
    CHECK(code_is_possible(*code));
}

static struct wish draw_wish(struct sim *sim, uint32_t number)
{
    const struct sim_config *from = sim->sequence.configs[number];
    struct wish wish = {.code = from->config.code, .delta = from->config.delta, .count = from->config.member_count};
    for (unsigned i = 0; i < wish.count; i++)
        wish.hosts[i] = from->hosts[i];
    do
        draw_change(sim, &wish);
    while (random_below(&sim->random, 4) == 0);
    fit_code(&wish);
    return wish;
}

const char *reconfigurer_author(const struct sim *sim, uint32_t client_index, uint32_t life,
                                char author[HOST_ID_BYTES_MAX + 1])
{
    char name[PROCESS_NAME_BYTES];
    snprintf(author, HOST_ID_BYTES_MAX + 1, "%.8s.%u", process_name(sim, client_index, name), life);
    return author;
}

static void spell_out(const struct sim *sim, const struct wish *wish, uint32_t client_index, struct sim_change *change)
{
    struct config *wanted = &change->wanted;
    char code[CODE_TEXT_BYTES];
    wanted->code = wish->code;
    wanted->delta = (uint16_t)wish->delta;
    wanted->member_count = (uint8_t)wish->count;
    wanted->time_ns = sim->now_ns;
    reconfigurer_author(sim, client_index, sim->clients[client_index].life, wanted->author);
    int used = snprintf(wanted->reason, sizeof wanted->reason, "change %u: %s of", sim->changes.count - 1,
                        code_print(wish->code, code));
    for (unsigned i = 0; i < wish->count; i++) {
        const struct sim_host *host = &sim->hosts[wish->hosts[i]];
        wanted->members[i].id = host->id;
        snprintf(wanted->members[i].address, sizeof wanted->members[i].address, "%s", host->address);
        change->wanted_hosts |= UINT64_C(1) << wish->hosts[i];
        used += snprintf(wanted->reason + used, sizeof wanted->reason - (size_t)used, " %s", host->id.text);
    }
}

/* ---------------------------------------------------------------- beginning */

static struct sim_change *add_change(struct sim *sim, uint32_t client_index, enum reconfigure_goal goal)
{
    struct changes *changes = &sim->changes;
    if (changes->count == changes->room) {
        changes->room = changes->room ? 2 * changes->room : 32;
        changes->items = realloc(changes->items, changes->room * sizeof(struct sim_change *));
        CHECK(changes->items != NULL);
    }
    struct sim_change *change = calloc(1, sizeof *change);
    CHECK(change != NULL);
    *change = (struct sim_change){.client_index = client_index,
                                  .client_life = sim->clients[client_index].life,
                                  .goal = goal,
                                  .floor = changes->floor,
                                  .base = CONFIG_NONE,
                                  .pending = CONFIG_NONE,
                                  .start_ns = sim->now_ns};
    changes->items[changes->count++] = change;
    changes->open_count++;
    return change;
}

/* Of the transfer; mostly none. */
static uint64_t draw_pace(struct sim *sim)
{
    return random_below(&sim->random, 4) == 0 ? draw_scale(sim, 1 << 20, 64 << 20) : 0;
}

static void submit(struct sim *sim, struct sim_change *change, uint32_t expected, uint64_t bytes_per_s,
                   uint64_t timeout_ns)
{
    change->expected = expected;
    const uint32_t client_index = change->client_index;
    const uint32_t change_index = sim->changes.count - 1;
    const uint64_t now_ns = process_now(sim, client_index);
    const struct client_op op = {
        .kind = CLIENT_RECONFIGURE,
        .goal = change->goal,
        .wanted = change->goal == RECONFIGURE_CHANGE ? &change->wanted : NULL,
        .expected = sim->sequence.configs[expected]->config.id,
        .bytes_per_s = bytes_per_s,
        .deadline_ns = timeout_ns == UINT64_MAX ? UINT64_MAX : now_ns + timeout_ns,
        .context = (void *)(uintptr_t)change_index,
    };
    change->is_limited = timeout_ns != UINT64_MAX;
    sim->clients[client_index].outstanding_count++;
    sim->report->reconfigurations.begun++;
    trace(sim, TRACE_CHANGE, client_index, change_index, change->goal, 0);
    CHECK(client_submit(sim->clients[client_index].engine, now_ns, &op, &change->engine_id) == AREG_OK);
    process_drain(sim, client_index);
}

uint32_t reconfigurer_submit(struct sim *sim, uint32_t client_index, const struct change_request *request)
{
    struct sim_change *change = add_change(sim, client_index, request->goal);
    struct config *wanted = &change->wanted;
    const uint32_t change_index = sim->changes.count - 1;
    if (request->goal == RECONFIGURE_CHANGE) {
        spell_out(sim, request->wish, client_index, change);
        if (request->reason)
            snprintf(wanted->reason, sizeof wanted->reason, "%s", request->reason);
    }
    submit(sim, change, request->expected, 0, request->timeout_ns);
    return change_index;
}

/* The last one that anybody has shown. */
static uint32_t last_number(const struct sim *sim)
{
    return sim->sequence.numbers[sim->sequence.count - 1];
}

static uint32_t draw_reconfigurer(struct sim *sim)
{
    return sim->options.client_count + (uint32_t)random_below(&sim->random, sim->options.reconfigurer_count);
}

/* Without end, or given up at any point. */
static uint64_t draw_timeout(struct sim *sim)
{
    return random_below(&sim->random, 2) ? UINT64_MAX : draw_scale(sim, 1 * MS, 5 * SECOND);
}

void reconfigurer_strike(struct sim *sim)
{
    const uint32_t client_index = draw_reconfigurer(sim);
    const uint64_t dice = random_below(&sim->random, 10);
    if (sim->clients[client_index].outstanding_count >= 2 || sim->clients[client_index].paused_until_ns > sim->now_ns ||
        sim->sequence.config_count + sim->changes.open_count + 4 > CONFIG_COUNT_MAX)
        return;
    sim->report->fault_counts[FAULT_RECONFIG]++;
    struct sim_change *change = add_change(sim, client_index,
                                           dice == 0   ? RECONFIGURE_LOOK
                                           : dice == 1 ? RECONFIGURE_FINISH
                                                       : RECONFIGURE_CHANGE);
    /* Now and then the plan is stale already. */
    uint32_t expected = last_number(sim);
    if (random_below(&sim->random, 8) == 0)
        expected = sim->sequence.numbers[random_below(&sim->random, sim->sequence.count)];
    if (change->goal == RECONFIGURE_CHANGE) {
        const struct wish wish = draw_wish(sim, expected);
        spell_out(sim, &wish, client_index, change);
    }
    const uint64_t timeout_ns = draw_timeout(sim);
    submit(sim, change, expected, draw_pace(sim), timeout_ns);
}

uint32_t reconfigurer_finish(struct sim *sim)
{
    const uint32_t client_index = draw_reconfigurer(sim);
    process_crash(sim, client_index);
    struct sim_change *change = add_change(sim, client_index, RECONFIGURE_FINISH);
    submit(sim, change, last_number(sim), draw_pace(sim), UINT64_MAX);
    return sim->changes.count - 1;
}

static void leave_out_the_gone(const struct sim *sim, struct wish *wish)
{
    unsigned count = 0;
    for (unsigned i = 0; i < wish->count; i++)
        if (is_well(sim, wish->hosts[i]))
            wish->hosts[count++] = wish->hosts[i];
    wish->count = count;
}

uint32_t reconfigurer_change(struct sim *sim)
{
    const uint32_t client_index = draw_reconfigurer(sim);
    const uint32_t expected = last_number(sim);
    struct wish wish;
    do {
        wish = draw_wish(sim, expected);
        leave_out_the_gone(sim, &wish);
    } while (wish.count == 0);
    fit_code(&wish);
    struct sim_change *change = add_change(sim, client_index, RECONFIGURE_CHANGE);
    spell_out(sim, &wish, client_index, change);
    submit(sim, change, expected, draw_pace(sim), UINT64_MAX);
    return sim->changes.count - 1;
}

uint32_t reconfigurer_want(struct sim *sim, uint32_t client_index, struct code code, const uint32_t *hosts)
{
    const uint32_t expected = last_number(sim);
    struct wish wish = {.code = code, .delta = sim->sequence.configs[expected]->config.delta, .count = code.n};
    memcpy(wish.hosts, hosts, code.n * sizeof hosts[0]);
    const struct change_request request = {
        .goal = RECONFIGURE_CHANGE, .wish = &wish, .expected = expected, .timeout_ns = UINT64_MAX};
    return reconfigurer_submit(sim, client_index, &request);
}

/* ---------------------------------------------------------------- ending */

static void judge_error(struct sim *sim, const struct sim_change *change)
{
    bool is_possible = false;
    switch (change->error) {
    case AREG_OK:
        is_possible = true;
        break;
    case AREG_ESTALE:
        is_possible = change->goal == RECONFIGURE_CHANGE;
        break;
    case AREG_EMAYBE:
        /* Or others have changed so much since that nobody can tell. */
        is_possible = change->is_limited || change->goal == RECONFIGURE_CHANGE;
        break;
    case AREG_EUNAVAIL:
    case AREG_ECANCELED:
        is_possible = change->is_limited;
        break;
    case AREG_EINVAL:
        /* A host has lost its disk after it was greeted, and is another one now. */
        is_possible = change->goal == RECONFIGURE_CHANGE && sim->report->fault_counts[FAULT_LOST] > 0;
        break;
    default:
        break;
    }
    if (!is_possible)
        broken(sim, "outcome", "a reconfiguration has ended with %s, for which there is no reason",
               error_name(change->error));
}

/* What it has found are configurations of the sequence (I3), and no older ones than somebody had found before (I2). */
static void judge_end(struct sim *sim, struct sim_change *change, const struct client_done *done)
{
    const struct sequence *sequence = &sim->sequence;
    const uint32_t base = done->base.bytes ? sequence_number(sim, done->base) : CONFIG_NONE;
    const uint32_t pending = done->pending.bytes ? sequence_number(sim, done->pending) : CONFIG_NONE;
    change->base = base;
    change->pending = pending;
    if (done->base.bytes)
        watch_known(sim, change->client_index, base, true);
    if (done->pending.bytes)
        watch_known(sim, change->client_index, pending, false);
    /* Without a limit, only if others have changed more since than one can see. */
    if (done->error == AREG_EMAYBE && !change->is_limited &&
        (base == CONFIG_NONE ||
         sequence->configs[base]->config.index < sequence->configs[change->expected]->config.index + 3))
        broken(sim, "outcome", "nobody knows whether \"%s\" has taken effect, without a reason", change->wanted.reason);
    const bool is_said_undone =
        done->error == AREG_ESTALE || done->error == AREG_EUNAVAIL || done->error == AREG_ECANCELED;
    if (change->goal == RECONFIGURE_CHANGE && is_said_undone && pending == CONFIG_NONE &&
        sequence_has_reason(sim, change->wanted.reason))
        broken(sim, "outcome", "\"%s\" ends with %s, and has taken effect", change->wanted.reason,
               error_name(done->error));
    if (done->error != AREG_OK || sim->is_broken)
        return;
    if (base == CONFIG_NONE || (pending != CONFIG_NONE && change->goal != RECONFIGURE_LOOK && !change->is_limited)) {
        broken(sim, "outcome", "a reconfiguration has ended well, and leaves %s",
               base == CONFIG_NONE ? "nothing" : "a pending configuration");
        return;
    }
    const struct config *found = &sequence->configs[base]->config;
    /* Who only looks asks the members of what is pending, too, but does not insist on their answer. */
    if (found->index < change->floor && pending == CONFIG_NONE)
        broken(sim, "I2", "a reconfiguration ends with c%u, and c%u was finalized before it began", found->index,
               change->floor);
    if (change->goal == RECONFIGURE_CHANGE && !sequence_has_reason(sim, change->wanted.reason))
        broken(sim, "outcome", "\"%s\" has ended well, and is not in the sequence", change->wanted.reason);
    if (found->index > sim->changes.floor)
        sim->changes.floor = found->index;
}

void reconfigurer_done(struct sim *sim, uint32_t client_index, const struct client_done *done)
{
    struct sim_change *change = sim->changes.items[(uintptr_t)done->context];
    struct sim_reconfigurations *counts = &sim->report->reconfigurations;
    if (change->has_ended)
        broken(sim, "I12", "change %u has ended twice", (unsigned)(uintptr_t)done->context);
    change->has_ended = true;
    change->error = done->error;
    change->end_ns = sim->now_ns;
    sim->changes.open_count--;
    sim->clients[client_index].outstanding_count--;
    counts->ok += done->error == AREG_OK;
    counts->stale += done->error == AREG_ESTALE;
    counts->unknown += done->error == AREG_EMAYBE;
    counts->failed += done->error != AREG_OK && done->error != AREG_ESTALE && done->error != AREG_EMAYBE;
    trace(sim, TRACE_CHANGED, client_index, (uintptr_t)done->context, done->error, 0);
    judge_error(sim, change);
    judge_end(sim, change, done);
}

void reconfigurer_died(struct sim *sim, uint32_t client_index)
{
    for (uint32_t i = 0; i < sim->changes.count; i++) {
        struct sim_change *change = sim->changes.items[i];
        if (change->client_index != client_index || change->has_ended || change->is_lost)
            continue;
        change->is_lost = true;
        sim->changes.open_count--;
        sim->report->reconfigurations.unknown++;
    }
}

void reconfigurer_heal(struct sim *sim)
{
    uint64_t down = 0;
    for (uint32_t i = 0; i < sim->host_count; i++)
        down |= (uint64_t)!is_well(sim, i) << i;
    for (uint32_t i = 0; i < sim->changes.count; i++) {
        struct sim_change *change = sim->changes.items[i];
        if (change->has_ended || change->is_lost || !(change->wanted_hosts & down))
            continue;
        change->is_limited = true;
        const uint32_t client_index = change->client_index;
        CHECK(client_cancel(sim->clients[client_index].engine, process_now(sim, client_index), change->engine_id) ==
              AREG_OK);
        process_drain(sim, client_index);
    }
}

void reconfigurer_fini(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->changes.count; i++)
        free(sim->changes.items[i]);
    free(sim->changes.items);
}
