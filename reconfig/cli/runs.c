#include "reconfig/cli/runs.h"

#include "core/check.h"
#include "reconfig/cli/health.h"
#include "reconfig/cli/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    /* Of one that was given up the engine still tells whether it may have taken effect. */
    const bool is_given_up = run->end != RUN_END_OWN;
    if (!is_given_up || done->error == AREG_OK || done->error == AREG_EMAYBE)
        run->error = done->error;
    if (!is_given_up || done->error == AREG_OK)
        snprintf(run->detail, sizeof run->detail, "%s", done->detail);
    if (done->moved_count >= run->progress.register_count) {
        run->progress.register_count = done->moved_count;
        run->progress.bytes = done->moved_bytes;
    }
    shard_take(run->shard, done);
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

static void give_up(struct runs *runs, struct run *run, enum run_end end, const char *why)
{
    if (run->end != RUN_END_OWN)
        return;
    run->end = end;
    run->error = end == RUN_END_INTERRUPTED ? AREG_ECANCELED : AREG_EUNAVAIL;
    snprintf(run->detail, sizeof run->detail, "%s", why);
    CHECK(areg_cancel(runs->admin->client, run->ticket) == AREG_OK);
}

/* Why a run is given up, with the names of those that it waits for. */
struct stall {
    enum run_end end;
    size_t used_bytes;
    bool has_names;
    char text[sizeof((struct run *)0)->detail];
};

static void stall_begin(struct stall *stall)
{
    *stall = (struct stall){.end = RUN_END_UNANSWERED};
    stall->used_bytes = (size_t)snprintf(stall->text, sizeof stall->text, "nothing has changed for the timeout");
}

static void stall_name(struct stall *stall, const struct host_id *id, const char *address)
{
    if (stall->used_bytes < sizeof stall->text)
        stall->used_bytes +=
            (size_t)snprintf(stall->text + stall->used_bytes, sizeof stall->text - stall->used_bytes, "%s%s (%s)",
                             stall->has_names ? ", " : "; no answer from ", id->text, address);
    stall->has_names = true;
}

/* Names of the members that the engine waits for. */
static void list_missing(const struct run *run, struct stall *stall)
{
    const struct reconfigure_progress *progress = &run->progress;
    const bool is_of_target = progress->step == RECONFIGURE_GREETING || progress->step == RECONFIGURE_JOINING;
    const struct config *config = is_of_target ? &progress->target : &run->shard->base;
    stall_begin(stall);
    for (unsigned i = 0; i < config->member_count; i++)
        if (voters_has(progress->missing, i))
            stall_name(stall, &config->members[i].id, config->members[i].address);
}

static bool progress_is_same(const struct reconfigure_progress *a, const struct reconfigure_progress *b)
{
    return a->step == b->step && a->slices_moved == b->slices_moved && a->register_count == b->register_count &&
           a->bytes == b->bytes && a->is_own == b->is_own;
}

/* Whether too few are up, of the members now or soon; who is not is listed then. */
static bool lacks_quorum(const struct runs *runs, struct shard *shard, struct stall *stall)
{
    const struct shards alone = {.count = 1, .at = shard};
    struct host_asked *hosts;
    unsigned host_count;
    enum exit_code code;
    if (!shards_ask_hosts(runs->admin, &alone, &hosts, &host_count, &code))
        return false;
    const bool lacks = shard_health(shard, hosts, host_count, NULL, 0).spare_count < 0;
    stall_begin(stall);
    for (unsigned i = 0; i < host_count; i++)
        if (!hosts[i].is_up)
            stall_name(stall, &hosts[i].id, hosts[i].address);
    hosts_fini(hosts, host_count);
    free(hosts);
    return lacks;
}

/* Whether the workers rest, or wait for registers that can not be moved: they say so themselves. */
static bool are_held_up(const struct runs *runs, const struct shard *shard, struct stall *stall)
{
    struct workers *workers = calloc(1, sizeof *workers);
    char stuck[sizeof stall->text] = "";
    stall->end = RUN_END_OWN;
    if (workers && workers_ask(runs->admin, shard, workers) == AREG_OK) {
        workers_list_stuck(workers, stuck, sizeof stuck);
        if (workers->sum.is_paused)
            stall->end = RUN_END_PAUSED;
        else if (stuck[0])
            stall->end = RUN_END_STUCK;
    }
    free(workers);
    snprintf(stall->text, sizeof stall->text, "%s", stall->end == RUN_END_PAUSED ? "the transfer is paused" : stuck);
    return stall->end != RUN_END_OWN;
}

/* A worker tells of a page of registers when all of them are moved, which may take long at a low pace. What it will
 * never do by itself is to go on when it was paused, or without a quorum, or past a register that can not be moved. */
static bool is_stalled(const struct runs *runs, const struct run *run, struct stall *stall)
{
    struct shard *shard = calloc(1, sizeof *shard);
    if (!shard)
        return false;
    shard->shard = run->shard->shard;
    shard->has_base = shard->has_pending = true;
    shard->base = run->shard->base;
    shard->pending = run->progress.target;
    const bool is_stalled = lacks_quorum(runs, shard, stall) || are_held_up(runs, shard, stall);
    free(shard);
    return is_stalled;
}

/* The engine ends a step that nobody answers by itself, and names those that it waited for; here end steps that are
 * answered, and still do not get anywhere. */
static void judge_patience(struct runs *runs, struct run *run, uint64_t now_ns)
{
    const uint64_t patience_ns = runs->admin->flags.timeout_ms * UINT64_C(1000000);
    if (now_ns < run->changed_ns + patience_ns + patience_ns / 8)
        return;
    run->changed_ns = now_ns;
    struct stall stall;
    if (run->progress.step == RECONFIGURE_TRANSFERRING && !is_stalled(runs, run, &stall))
        return;
    if (run->progress.step != RECONFIGURE_TRANSFERRING)
        list_missing(run, &stall);
    give_up(runs, run, stall.end, stall.text);
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
    judge_patience(runs, run, now_ns);
}

static void interrupt(struct runs *runs, unsigned begun_count)
{
    runs->was_interrupted = true;
    for (unsigned i = 0; i < runs->count; i++) {
        struct run *run = &runs->at[i];
        if (run->state == RUN_UNDER_WAY)
            give_up(runs, run, RUN_END_INTERRUPTED, "interrupted");
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
