#include "reconfig/cli/shards.h"

#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- looking */

/* What the engine found. A descriptor that can not be read is one that it would not have delivered. */
static void take_configs(struct shard *shard, struct client_done *done)
{
    shard->error = done->error;
    snprintf(shard->detail, sizeof shard->detail, "%s", done->detail);
    if (done->base.bytes > 0)
        shard->has_base = config_decode(done->base, &shard->base) == AREG_OK;
    if (done->base.bytes > 0 || done->pending.bytes > 0)
        shard->has_pending = done->pending.bytes > 0 && config_decode(done->pending, &shard->pending) == AREG_OK;
    slice_unref(&done->base);
    slice_unref(&done->pending);
}

static void end_look(struct areg_client *client, struct client_done *done, void *arg)
{
    (void)client;
    take_configs(arg, done);
}

static enum areg_error begin_look(struct admin *admin, struct shard *shard)
{
    const struct client_op op = {
        .kind = CLIENT_RECONFIGURE,
        .goal = RECONFIGURE_LOOK,
        .shard = shard->shard,
        .deadline_ns = admin_deadline_ns(admin),
    };
    const struct ticket how = {.outcome = end_look, .arg = shard};
    uint64_t id;
    return ticket_begin(admin->client, &op, &how, &id);
}

static enum areg_error look_at_all(struct admin *admin, struct shards *shards)
{
    for (unsigned i = 0; i < shards->count;) {
        const enum areg_error error = begin_look(admin, &shards->at[i]);
        if (error != AREG_OK && error != AREG_EBUSY)
            return error;
        i += !error;
        if (error)
            handle_run(admin->client, UINT64_MAX);
    }
    while (admin->client->ticket_count > 0)
        handle_run(admin->client, UINT64_MAX);
    return AREG_OK;
}

bool shards_look(struct admin *admin, struct shards *shards, enum exit_code *code)
{
    *shards = (struct shards){.count = admin->cluster->shard_count};
    shards->at = calloc(shards->count, sizeof *shards->at);
    enum areg_error error = shards->at ? AREG_OK : AREG_ENOMEM;
    for (unsigned i = 0; i < shards->count && !error; i++) {
        struct shard *shard = &shards->at[i];
        shard->shard = i;
        shard->pool = cluster_pool_of_shard(admin->cluster, i);
        shard->is_selected = !admin->pool || shard->pool == admin->pool;
        shards->selected_count += shard->is_selected;
    }
    if (!error)
        error = look_at_all(admin, shards);
    if (error) {
        shards_fini(shards);
        *code = admin_fail(admin, admin_exit_code(error), "%s", areg_strerror(error));
        return false;
    }
    for (unsigned i = 0; i < shards->count; i++)
        shards->unknown_count += shards->at[i].is_selected && shards->at[i].error;
    return true;
}

void shards_fini(struct shards *shards)
{
    free(shards->at);
    *shards = (struct shards){0};
}

/* ---------------------------------------------------------------- hosts */

/* A host that is a member under two addresses is asked at the first. */
static bool add_hosts(struct host_asked **hosts, unsigned *host_count, unsigned *room, const struct config *config)
{
    for (unsigned i = 0; i < config->member_count; i++) {
        const struct member *member = &config->members[i];
        if (hosts_find(*hosts, *host_count, &member->id))
            continue;
        if (*host_count == *room) {
            *room = *room ? 2 * *room : 32;
            struct host_asked *more = realloc(*hosts, *room * sizeof *more);
            if (!more)
                return false;
            *hosts = more;
        }
        struct host_asked *host = &(*hosts)[(*host_count)++];
        memset(host, 0, sizeof *host);
        host->id = member->id;
        host->request.kind = MESSAGE_STATUS;
        memcpy(host->address, member->address, sizeof host->address);
    }
    return true;
}

bool shards_ask_hosts(struct admin *admin, const struct shards *shards, struct host_asked **hosts, unsigned *host_count,
                      enum exit_code *code)
{
    unsigned room = 0;
    bool has_memory = true;
    *hosts = NULL;
    *host_count = 0;
    for (unsigned i = 0; i < shards->count && has_memory; i++)
        if (shards->at[i].has_base)
            has_memory = add_hosts(hosts, host_count, &room, &shards->at[i].base);
    for (unsigned i = 0; i < shards->count && has_memory; i++)
        if (shards->at[i].has_pending)
            has_memory = add_hosts(hosts, host_count, &room, &shards->at[i].pending);
    const enum areg_error error = has_memory ? hosts_ask(*hosts, *host_count, admin_deadline_ns(admin)) : AREG_ENOMEM;
    shards_count_memberships(shards, *hosts, *host_count);
    if (!error)
        return true;
    hosts_fini(*hosts, *host_count);
    free(*hosts);
    *hosts = NULL;
    *code = admin_fail(admin, admin_exit_code(error), "%s", areg_strerror(error));
    return false;
}

void shards_count_memberships(const struct shards *shards, struct host_asked *hosts, unsigned host_count)
{
    for (unsigned i = 0; i < host_count; i++) {
        hosts[i].membership_count = 0;
        for (unsigned j = 0; j < shards->count; j++) {
            const struct shard *shard = &shards->at[j];
            hosts[i].membership_count += shard->has_base && config_member_index(&shard->base, &hosts[i].id) >= 0;
            hosts[i].membership_count += shard->has_pending && config_member_index(&shard->pending, &hosts[i].id) >= 0;
        }
    }
}

double shard_share(const struct shard *shard, const struct host_asked *hosts, unsigned host_count, const char *name)
{
    double least = -1;
    for (unsigned i = 0; i < shard->base.member_count && shard->has_base; i++) {
        const struct host_asked *host = hosts_find(hosts, host_count, &shard->base.members[i].id);
        uint64_t number;
        if (!host || host->membership_count == 0 || !host_number(host, name, &number))
            continue;
        const double share = (double)number / host->membership_count;
        least = least < 0 || share < least ? share : least;
    }
    return least;
}

bool configs_are_alike(const struct config *a, const struct config *b)
{
    bool is_alike = a->index == b->index && a->delta == b->delta && a->code.dap == b->code.dap &&
                    a->code.k == b->code.k && a->member_count == b->member_count;
    for (unsigned i = 0; i < a->member_count && is_alike; i++)
        is_alike = host_id_equal(&a->members[i].id, &b->members[i].id) &&
                   strcmp(a->members[i].address, b->members[i].address) == 0;
    return is_alike;
}

bool shards_have_host(const struct shards *shards, const struct host_id *id)
{
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        if (shard->has_base && config_member_index(&shard->base, id) >= 0)
            return true;
        if (shard->has_pending && config_member_index(&shard->pending, id) >= 0)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- reconfigurations */

bool runs_init(struct runs *runs, struct admin *admin, unsigned count_max, enum exit_code *code)
{
    *runs = (struct runs){
        .admin = admin,
        .at = calloc(count_max, sizeof *runs->at),
        .bases = calloc(count_max, sizeof *runs->bases),
    };
    if (runs->at && runs->bases)
        return true;
    runs_fini(runs);
    *code = admin_fail(admin, EXIT_CODE_ERROR, "%s", areg_strerror(AREG_ENOMEM));
    return false;
}

void runs_fini(struct runs *runs)
{
    free(runs->at);
    free(runs->bases);
    *runs = (struct runs){0};
}

void runs_add(struct runs *runs, struct shard *shard, const struct plan *plan)
{
    runs->bases[runs->count] = shard->base;
    runs->at[runs->count++] = (struct run){.shard = shard, .plan = plan};
}

static void end_run(struct areg_client *client, struct client_done *done, void *arg)
{
    (void)client;
    struct run *run = arg;
    run->state = RUN_ENDED;
    if (!run->is_given_up || done->error == AREG_OK) {
        run->error = done->error;
        snprintf(run->detail, sizeof run->detail, "%s", done->detail);
    }
    take_configs(run->shard, done);
}

static void begin_run(struct runs *runs, struct run *run)
{
    struct client_op op = {
        .kind = CLIENT_RECONFIGURE,
        .goal = run->plan ? RECONFIGURE_CHANGE : RECONFIGURE_FINISH,
        .shard = run->shard->shard,
        .deadline_ns = admin_deadline_ns(runs->admin),
        .bytes_per_s = runs->bytes_per_s,
    };
    if (run->plan) {
        op.wanted = &run->plan->wanted;
        op.expected = run->plan->base.id;
    }
    const struct ticket how = {.outcome = end_run, .arg = run};
    run->changed_ns = handle_now_ns();
    run->error = ticket_begin(runs->admin->client, &op, &how, &run->ticket);
    run->state = run->error ? RUN_ENDED : RUN_UNDER_WAY;
}

static void give_up(struct runs *runs, struct run *run, enum areg_error error, const char *why)
{
    if (run->is_given_up)
        return;
    run->is_given_up = true;
    run->error = error;
    snprintf(run->detail, sizeof run->detail, "%s", why);
    CHECK(areg_cancel(runs->admin->client, run->ticket) == AREG_OK);
}

/* Names of the members that the engine waits for. */
static void list_missing(const struct run *run, char *to, size_t room_bytes)
{
    const struct reconfigure_progress *progress = &run->progress;
    const bool is_of_target = progress->step == RECONFIGURE_GREETING || progress->step == RECONFIGURE_JOINING ||
                              progress->step == RECONFIGURE_TRANSFERRING;
    const struct config *config = is_of_target ? &progress->target : &run->shard->base;
    size_t used_bytes = (size_t)snprintf(to, room_bytes, "nothing has changed for the timeout");
    const char *before = "; no answer from ";
    for (unsigned i = 0; i < config->member_count && used_bytes < room_bytes; i++)
        if (voters_has(progress->missing, i)) {
            used_bytes += (size_t)snprintf(to + used_bytes, room_bytes - used_bytes, "%s%s (%s)", before,
                                           config->members[i].id.text, config->members[i].address);
            before = ", ";
        }
}

static bool progress_is_same(const struct reconfigure_progress *a, const struct reconfigure_progress *b)
{
    return a->step == b->step && a->slices_moved == b->slices_moved && a->register_count == b->register_count &&
           a->bytes == b->bytes && a->is_own == b->is_own;
}

static void look_at_run(struct runs *runs, struct run *run)
{
    struct ticket *ticket = ticket_find(runs->admin->client, run->ticket);
    struct reconfigure_progress progress;
    if (!ticket || !client_reconfigure_progress(runs->admin->client->engine, ticket->engine_id, &progress))
        return;
    const uint64_t now_ns = handle_now_ns();
    if (!progress_is_same(&progress, &run->progress))
        run->changed_ns = now_ns;
    run->progress = progress;
    /* The engine's own deadline ends a step that nobody answers; this ends one that is answered, and does not move. */
    const uint64_t patience_ns = runs->admin->flags.timeout_ms * UINT64_C(1000000);
    char why[sizeof run->detail];
    if (now_ns < run->changed_ns + patience_ns + patience_ns / 8)
        return;
    list_missing(run, why, sizeof why);
    give_up(runs, run, AREG_EUNAVAIL, why);
}

static void interrupt(struct runs *runs, unsigned begun_count)
{
    runs->was_interrupted = true;
    for (unsigned i = 0; i < runs->count; i++) {
        struct run *run = &runs->at[i];
        if (run->state == RUN_UNDER_WAY)
            give_up(runs, run, AREG_ECANCELED, "interrupted");
        if (i >= begun_count) {
            run->error = AREG_ECANCELED;
            snprintf(run->detail, sizeof run->detail, "interrupted before it began");
        }
    }
}

void runs_run(struct runs *runs)
{
    unsigned begun_count = 0;
    for (;;) {
        unsigned active_count = 0;
        for (unsigned i = 0; i < begun_count; i++) {
            active_count += runs->at[i].state == RUN_UNDER_WAY;
            if (runs->at[i].state == RUN_UNDER_WAY)
                look_at_run(runs, &runs->at[i]);
        }
        while (active_count < RUNS_AT_ONCE && begun_count < runs->count && !runs->was_interrupted) {
            struct run *run = &runs->at[begun_count++];
            begin_run(runs, run);
            active_count += run->state == RUN_UNDER_WAY;
        }
        if (!runs->watch(runs, runs->arg))
            interrupt(runs, begun_count);
        if (active_count == 0 && (begun_count == runs->count || runs->was_interrupted))
            return;
        handle_run(runs->admin->client, handle_now_ns() + WATCH_MS * UINT64_C(1000000));
    }
}
