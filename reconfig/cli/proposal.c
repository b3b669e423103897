#include "reconfig/cli/proposal.h"

#include "core/units.h"
#include "reconfig/cli/kept.h"
#include "reconfig/cli/print.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A host that has only just started is silent until others have said that they know of no other one with its id. */
#define STARTED_NS UINT64_C(3000000000)
#define STARTED_AGAIN_NS UINT64_C(200000000)

/* ---------------------------------------------------------------- plans */

static bool is_readable(const struct admin *admin, const struct shards *shards, enum exit_code *code)
{
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        if (!shard->is_selected)
            continue;
        if (shard->error || !shard->has_base) {
            *code = admin_fail(admin, admin_exit_code(shard->error ? shard->error : AREG_EUNAVAIL),
                               "pool %s, shard %u: its configuration can not be read: %s%s%s", shard->pool->name,
                               shard->shard, areg_strerror(shard->error), shard->detail[0] ? ": " : "", shard->detail);
            return false;
        }
        if (shard->has_pending) {
            *code = admin_fail(admin, EXIT_CODE_CONFLICT,
                               "pool %s, shard %u: c%u is pending; areg-reconfig resume finishes it first",
                               shard->pool->name, shard->shard, shard->pending.index);
            return false;
        }
    }
    return true;
}

static bool begin(const struct admin *admin, const struct shards *shards, struct proposal *proposal,
                  enum exit_code *code)
{
    *proposal = (struct proposal){0};
    if (!is_readable(admin, shards, code))
        return false;
    proposal->plans = calloc(shards->count, sizeof *proposal->plans);
    if (!proposal->plans)
        *code = admin_fail(admin, EXIT_CODE_ERROR, "%s", areg_strerror(AREG_ENOMEM));
    return proposal->plans != NULL;
}

bool proposal_make(const struct admin *admin, const struct shards *shards, const struct change *change,
                   struct proposal *proposal, enum exit_code *code)
{
    if (!begin(admin, shards, proposal, code))
        return false;
    proposal->is_forced = change->is_forced;
    char first_why[CHANGE_WHY_BYTES] = "";
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        struct plan *plan = &proposal->plans[proposal->plan_count];
        char why[CHANGE_WHY_BYTES];
        if (!shard->is_selected)
            continue;
        plan->base = shard->base;
        const enum change_verdict verdict =
            change_apply(change, &shard->base, admin->cluster, &plan->wanted, &plan->renewed, why);
        if (verdict == CHANGE_REFUSED) {
            *code = admin_fail(admin, EXIT_CODE_REFUSED, "pool %s, shard %u: %s", shard->pool->name, shard->shard, why);
            proposal_fini(proposal);
            return false;
        }
        if (verdict == CHANGE_NOTHING && !first_why[0])
            snprintf(first_why, sizeof first_why, "%s", why);
        if (verdict == CHANGE_POSSIBLE) {
            plan_settle(plan);
            proposal->plan_count++;
        }
    }
    if (proposal->plan_count == 0) {
        *code = admin_fail(admin, EXIT_CODE_REFUSED, "nothing changes: %s", first_why);
        proposal_fini(proposal);
        return false;
    }
    plan_id_print(proposal->plans, proposal->plan_count, proposal->id);
    return true;
}

void proposal_fini(struct proposal *proposal)
{
    free(proposal->plans);
    *proposal = (struct proposal){0};
}

void proposal_sign(struct proposal *proposal, const char *author, const char *reason, uint64_t time_ns)
{
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        struct config *wanted = &proposal->plans[i].wanted;
        wanted->time_ns = time_ns;
        snprintf(wanted->author, sizeof wanted->author, "%s", author);
        snprintf(wanted->reason, sizeof wanted->reason, "%s", reason);
    }
}

/* ---------------------------------------------------------------- undo */

/* `before`, as the successor of `plan->base`. */
static void plan_return(struct plan *plan, const struct config *before)
{
    plan->wanted = *before;
    plan->wanted.index = plan->base.index + 1;
    plan->wanted.parent = plan->base.id;
    for (unsigned i = 0; i < before->member_count; i++)
        plan->wanted.members[i].incarnation = 0;
    plan->renewed = (struct voters){0};
    plan_settle(plan);
}

bool proposal_undo(const struct admin *admin, const struct shards *shards, bool is_forced, struct proposal *proposal,
                   enum exit_code *code)
{
    if (!begin(admin, shards, proposal, code))
        return false;
    proposal->is_forced = is_forced;
    /* All shards of one change have its time. */
    uint64_t last_ns = 0;
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->at[i].is_selected && shards->at[i].base.time_ns > last_ns)
            last_ns = shards->at[i].base.time_ns;
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        struct plan *plan = &proposal->plans[proposal->plan_count];
        struct config before;
        if (!shard->is_selected || shard->base.index == 0 || shard->base.time_ns != last_ns)
            continue;
        if (!kept_config_find(admin, shard->shard, shard->base.parent, &before)) {
            *code =
                admin_fail(admin, EXIT_CODE_NOT_FOUND,
                           "pool %s, shard %u: c%u, the configuration before, is not known on this machine; say what "
                           "you want with apply",
                           shard->pool->name, shard->shard, shard->base.index - 1);
            proposal_fini(proposal);
            return false;
        }
        plan->base = shard->base;
        plan_return(plan, &before);
        proposal->plan_count++;
    }
    if (proposal->plan_count == 0) {
        *code = admin_fail(admin, EXIT_CODE_NOT_FOUND, "nothing has been changed since the cluster was born");
        proposal_fini(proposal);
        return false;
    }
    plan_id_print(proposal->plans, proposal->plan_count, proposal->id);
    return true;
}

/* ---------------------------------------------------------------- checks */

static void add_problem(struct problems *problems, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_problem(struct problems *problems, enum exit_code code, const char *format, ...)
{
    if (problems->code != EXIT_CODE_REFUSED)
        problems->code = code;
    if (problems->count == PROPOSAL_PROBLEM_COUNT_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problems->texts[problems->count++], PROPOSAL_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
}

/* What a host is to be in one of the shards; the first word about it is enough. */
static bool judge_member(const struct plan *plan, unsigned position, const struct host_asked *host,
                         struct problems *problems)
{
    const struct member *member = &plan->wanted.members[position];
    const int before = voters_has(plan->renewed, position) ? -1 : config_member_index(&plan->base, &member->id);
    if (!host->is_up) {
        add_problem(problems, EXIT_CODE_UNAVAILABLE, "%s does not answer at %s: all members have to join%s",
                    member->id.text, member->address, before >= 0 ? "; remove or replace it in the same change" : "");
    } else if (!host_id_equal(&host->hello.host, &member->id)) {
        add_problem(problems, EXIT_CODE_UNAVAILABLE, "at %s there is %s, not %s", member->address,
                    host->hello.host.text, member->id.text);
    } else if (before >= 0 && member_state(&plan->base, (unsigned)before, host) == MEMBER_SILENT) {
        problems->may_pass = true;
        add_problem(problems, EXIT_CODE_REFUSED,
                    "%s takes no part in c%u: it has lost its disk (then add to this change: replace %s %s), or has "
                    "only just started",
                    member->id.text, plan->base.index, member->id.text, member->id.text);
    } else {
        return true;
    }
    return false;
}

/* What a host can still take; UINT64_MAX: it has not said. */
static uint64_t room_of(const struct host_asked *host)
{
    uint64_t room_bytes = UINT64_MAX;
    uint64_t quota_bytes;
    uint64_t used_bytes;
    if (!host_number(host, "disk_free_bytes", &room_bytes))
        return UINT64_MAX;
    if (host_number(host, "quota_bytes", &quota_bytes) && quota_bytes > 0 &&
        host_number(host, "used_bytes", &used_bytes)) {
        const uint64_t left_bytes = used_bytes < quota_bytes ? quota_bytes - used_bytes : 0;
        room_bytes = left_bytes < room_bytes ? left_bytes : room_bytes;
    }
    return room_bytes;
}

/* Until the last step, every member holds its fragments of both configurations. */
static void judge_room(const struct proposal *proposal, const double *shard_bytes, const struct host_asked *host,
                       struct problems *problems)
{
    double needed_bytes = 0;
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        const struct config *wanted = &proposal->plans[i].wanted;
        const int position = config_member_index(wanted, &host->id);
        if (position >= 0 && voters_has(code_holders(wanted->code), (unsigned)position))
            needed_bytes += shard_bytes[i] / wanted->code.k;
    }
    const uint64_t room_bytes = room_of(host);
    char needed[UNITS_TEXT_BYTES];
    char room[UNITS_TEXT_BYTES];
    if (proposal->is_forced || needed_bytes <= (double)room_bytes)
        return;
    add_problem(problems, EXIT_CODE_REFUSED, "%s has room for %s, and would get about %s; --force if that is wrong",
                host->id.text, units_print_bytes(room_bytes, room), units_print_bytes((uint64_t)needed_bytes, needed));
}

/* Ask all members of the configurations that are there whether they take part in them. NULL without memory. */
static struct host_asked *probe_hosts(const struct proposal *proposal, struct host_asked *hosts, unsigned host_count)
{
    for (unsigned i = 0; i < host_count && hosts; i++)
        for (unsigned j = 0; j < proposal->plan_count; j++) {
            const struct config *base = &proposal->plans[j].base;
            if (config_member_index(base, &hosts[i].id) < 0 || host_probe_add(&hosts[i], base))
                continue;
            hosts_fini(hosts, host_count);
            free(hosts);
            return NULL;
        }
    return hosts;
}

/* All hosts of the configurations, those of the wanted ones first and at their new addresses. */
static struct host_asked *list_hosts(const struct proposal *proposal, unsigned *wanted_count, unsigned *host_count)
{
    *wanted_count = *host_count = 0;
    struct host_asked *hosts = calloc((size_t)proposal->plan_count * 2 * MEMBER_COUNT_MAX, sizeof *hosts);
    for (unsigned pass = 0; pass < 2 && hosts; pass++) {
        for (unsigned i = 0; i < proposal->plan_count; i++) {
            const struct config *config = pass == 0 ? &proposal->plans[i].wanted : &proposal->plans[i].base;
            for (unsigned j = 0; j < config->member_count; j++) {
                if (hosts_find(hosts, *host_count, &config->members[j].id))
                    continue;
                struct host_asked *host = &hosts[(*host_count)++];
                host->id = config->members[j].id;
                host->request.kind = MESSAGE_STATUS;
                memcpy(host->address, config->members[j].address, sizeof host->address);
            }
        }
        *wanted_count = pass == 0 ? *host_count : *wanted_count;
    }
    return probe_hosts(proposal, hosts, *host_count);
}

static void judge_host(const struct proposal *proposal, const double *shard_bytes, const struct host_asked *host,
                       struct problems *problems)
{
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        const int position = config_member_index(&proposal->plans[i].wanted, &host->id);
        if (position >= 0 && !judge_member(&proposal->plans[i], (unsigned)position, host, problems))
            return;
    }
    judge_room(proposal, shard_bytes, host, problems);
}

/* Bytes of all values of each plan's shard, and registers of all of them, as far as the hosts tell. */
static void estimate(const struct shards *shards, const struct host_asked *hosts, unsigned host_count,
                     struct proposal *proposal, double *shard_bytes)
{
    proposal->register_count = 0;
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        const struct plan *plan = &proposal->plans[i];
        const struct shard *shard = &shards->at[plan->base.shard];
        const double fragment_bytes = shard_share(shard, hosts, host_count, "fragment_bytes");
        const double register_count = shard_share(shard, hosts, host_count, "register_count");
        shard_bytes[i] = fragment_bytes > 0 ? fragment_bytes * plan->base.code.k : 0;
        proposal->register_count += register_count > 0 ? register_count : 0;
    }
}

/* Ask once. */
static enum areg_error check_once(struct admin *admin, const struct shards *shards, struct proposal *proposal,
                                  struct problems *problems)
{
    *problems = (struct problems){.code = EXIT_CODE_OK};
    unsigned wanted_count;
    unsigned host_count;
    struct host_asked *hosts = list_hosts(proposal, &wanted_count, &host_count);
    double *shard_bytes = calloc(proposal->plan_count, sizeof *shard_bytes);
    const enum areg_error error =
        hosts && shard_bytes ? hosts_ask(hosts, host_count, admin_deadline_ns(admin)) : AREG_ENOMEM;
    if (!error) {
        shards_count_memberships(shards, hosts, host_count);
        estimate(shards, hosts, host_count, proposal, shard_bytes);
        for (unsigned i = 0; i < wanted_count; i++)
            judge_host(proposal, shard_bytes, &hosts[i], problems);
    }
    hosts_fini(hosts, hosts ? host_count : 0);
    free(hosts);
    free(shard_bytes);
    return error;
}

bool proposal_check(struct admin *admin, const struct shards *shards, struct proposal *proposal,
                    struct problems *problems, enum exit_code *code)
{
    const uint64_t until_ns = handle_now_ns() + STARTED_NS;
    enum areg_error error = check_once(admin, shards, proposal, problems);
    while (!error && problems->may_pass && handle_now_ns() < until_ns) {
        handle_run(admin->client, handle_now_ns() + STARTED_AGAIN_NS);
        error = check_once(admin, shards, proposal, problems);
    }
    if (error)
        *code = admin_fail(admin, admin_exit_code(error), "%s", areg_strerror(error));
    return !error;
}

/* ---------------------------------------------------------------- printing */

struct voters proposal_discarded(const struct shards *shards, const struct proposal *proposal, const struct plan *plan)
{
    struct voters discarded = plan->leaving;
    for (unsigned i = 0; i < plan->base.member_count; i++) {
        const struct host_id *id = &plan->base.members[i].id;
        unsigned next = 0; /* the plan of this shard or a later one */
        for (unsigned j = 0; j < shards->count && voters_has(discarded, i); j++) {
            const struct shard *shard = &shards->at[j];
            const struct config *after = shard->has_base ? &shard->base : NULL;
            if (next < proposal->plan_count && proposal->plans[next].wanted.shard == j)
                after = &proposal->plans[next++].wanted;
            const bool is_pending = shard->has_pending && config_member_index(&shard->pending, id) >= 0;
            if (!after || config_member_index(after, id) >= 0 || is_pending)
                voters_remove(&discarded, i);
        }
    }
    return discarded;
}

static void print_row(const char *name, const struct config *config, struct voters which, const char *remark, FILE *to)
{
    if (!which.bits)
        return;
    fprintf(to, "  %-10s ", name);
    print_members(to, config, which, " ");
    fprintf(to, "%s\n", remark);
}

static void print_storage(double before, double after, FILE *to)
{
    char text[32] = "";
    if (after != before)
        snprintf(text, sizeof text, ", instead of %.2f", before);
    fprintf(to, "  %-10s %.2f bytes on disks for each byte of a value%s\n", "storage", after, text);
}

static void print_tolerance(unsigned before, unsigned after, FILE *to)
{
    char text[32] = "";
    if (after != before)
        snprintf(text, sizeof text, ", instead of %u", before);
    fprintf(to, "  %-10s the loss of %u host%s%s\n", "tolerates", after, after == 1 ? "" : "s", text);
}

static void print_plan(const struct shards *shards, const struct proposal *proposal, const struct plan *plan, FILE *to)
{
    const struct voters resent = voters_minus(plan->receiving, plan->coming);
    const struct voters directories =
        voters_minus(voters_all(plan->wanted.member_count), code_holders(plan->wanted.code));
    const struct voters discarded = proposal_discarded(shards, proposal, plan);
    const struct voters elsewhere = voters_minus(plan->leaving, discarded);
    for (unsigned i = 0; i < plan->wanted.member_count; i++)
        if (voters_has(plan->coming, i))
            fprintf(to, "  %-10s %s at %s%s\n", "comes", plan->wanted.members[i].id.text,
                    plan->wanted.members[i].address, voters_has(plan->renewed, i) ? ", empty" : "");
    print_row("keeps", &plan->wanted, plan->keeping, ": their own fragments, without the network", to);
    print_row("receives", &plan->wanted, resent, ": other fragments than before", to);
    print_row("directs", &plan->wanted, directories, ": without values", to);
    print_row("leaves", &plan->base, discarded, ": may be discarded afterwards", to);
    print_row("leaves", &plan->base, elsewhere, ": still needed by other shards", to);
    if (plan->receiving.bits)
        fprintf(to, "  %-10s about %.2f bytes over the network for each byte of a value\n", "transfer",
                plan_network_factor(plan));
    print_storage(plan_stored_factor(plan->base.code), plan_stored_factor(plan->wanted.code), to);
    print_tolerance(code_tolerance(plan->base.code), code_tolerance(plan->wanted.code), to);
    if (plan->base.delta != plan->wanted.delta)
        fprintf(to, "  %-10s %u -> %u\n", "delta", plan->base.delta, plan->wanted.delta);
}

/* Whether two plans read the same, but for their shards' numbers. */
static bool reads_the_same(const struct plan *a, const struct plan *b)
{
    return configs_are_alike(&a->base, &b->base) && configs_are_alike(&a->wanted, &b->wanted) &&
           a->renewed.bits == b->renewed.bits;
}

void proposal_print(const struct shards *shards, const struct proposal *proposal, FILE *to)
{
    unsigned next;
    for (unsigned i = 0; i < proposal->plan_count; i = next) {
        const struct plan *plan = &proposal->plans[i];
        for (next = i + 1; next < proposal->plan_count; next++) {
            const struct plan *other = &proposal->plans[next];
            if (other->base.shard != plan->base.shard + (next - i) || !reads_the_same(plan, other) ||
                shards->at[other->base.shard].pool != shards->at[plan->base.shard].pool)
                break;
        }
        fprintf(to, "pool %s, shard%s %u", shards->at[plan->base.shard].pool->name, next > i + 1 ? "s" : "",
                plan->base.shard);
        if (next > i + 1)
            fprintf(to, "..%u", proposal->plans[next - 1].base.shard);
        fputs(": ", to);
        print_config(to, &plan->base);
        fputs(" -> ", to);
        print_config(to, &plan->wanted);
        fputc('\n', to);
        print_plan(shards, proposal, plan, to);
    }
}

void proposal_print_json(const struct proposal *proposal, FILE *to)
{
    fprintf(to, "\"plan\":\"%s\",\"shards\":[", proposal->id);
    for (unsigned i = 0; i < proposal->plan_count; i++) {
        const struct plan *plan = &proposal->plans[i];
        fprintf(to, "%s{\"shard\":%" PRIu32 ",\"from\":", i > 0 ? "," : "", plan->base.shard);
        print_config_json(to, &plan->base);
        fputs(",\"to\":", to);
        print_config_json(to, &plan->wanted);
        fputs(",\"comes\":", to);
        print_members_json(to, &plan->wanted, plan->coming);
        fputs(",\"keeps\":", to);
        print_members_json(to, &plan->wanted, plan->keeping);
        fputs(",\"receives\":", to);
        print_members_json(to, &plan->wanted, plan->receiving);
        fputs(",\"leaves\":", to);
        print_members_json(to, &plan->base, plan->leaving);
        fprintf(to, ",\"network_factor\":%.4f,\"stored_factor\":[%.4f,%.4f],\"tolerance\":[%u,%u]}",
                plan_network_factor(plan), plan_stored_factor(plan->base.code), plan_stored_factor(plan->wanted.code),
                code_tolerance(plan->base.code), code_tolerance(plan->wanted.code));
    }
    fputc(']', to);
}
