/*
 * areg-reconfig apply, undo: another configuration, from the plan to the last host that knows that it is over.
 */
#include "client/cli/json.h"
#include "reconfig/cli/kept.h"
#include "reconfig/cli/print.h"
#include "reconfig/cli/rate.h"
#include "reconfig/cli/watch.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One run of apply or undo. */
struct apply {
    struct admin admin;
    bool is_forced;
    const char *reason;
    const char *rate;
    uint64_t bytes_per_s;
    const char *plan_id; /* NULL: it was given in words */
    struct kept_plan kept;
    struct change change;
};

/* ---------------------------------------------------------------- what was asked for */

/* "root@build7", cut to fit a descriptor. */
static void name_author(char author[HOST_ID_BYTES_MAX + 1])
{
    const struct passwd *user = getpwuid(geteuid());
    const char *name = user ? user->pw_name : getenv("USER");
    char host[256] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        host[0] = 0;
    snprintf(author, HOST_ID_BYTES_MAX + 1, "%s%s%s", name ? name : "?", host[0] ? "@" : "", host);
}

static bool judge_flags(struct apply *apply, enum exit_code *code)
{
    const struct command *command = apply->admin.command;
    if (strlen(apply->reason) > REASON_BYTES_MAX)
        *code = admin_fail_usage(command, "a reason has up to %d bytes", REASON_BYTES_MAX);
    else if (!json_is_utf8(apply->reason, strlen(apply->reason)))
        *code = admin_fail_usage(command, "a reason is UTF-8");
    else if (apply->rate && rate_parse(apply->rate, &apply->bytes_per_s) != AREG_OK)
        *code = admin_fail_usage(command, "--rate takes a rate like \"20 MiB/s\", or none, not \"%s\"", apply->rate);
    else
        return true;
    return false;
}

/* The words, or the plan that was kept under the one word. */
static bool read_words(struct apply *apply, enum exit_code *code)
{
    struct admin *admin = &apply->admin;
    const char *const *words = admin->words;
    unsigned word_count = admin->word_count;
    char why[KEPT_WHY_BYTES];
    if (word_count == 1 && plan_id_is_valid(words[0])) {
        const enum areg_error error = kept_plan_read(admin, words[0], &apply->kept, why);
        if (error == AREG_ENOTFOUND)
            *code = admin_fail(admin, EXIT_CODE_NOT_FOUND, "there is no such plan on this machine (%s); give its words",
                               why);
        else if (error)
            *code = admin_fail(admin, EXIT_CODE_ERROR, "%s", why);
        if (error)
            return false;
        apply->plan_id = words[0];
        apply->is_forced |= apply->kept.is_forced;
        words = apply->kept.words;
        word_count = apply->kept.word_count;
        if (admin->flags.pool && strcmp(admin->flags.pool, apply->kept.pool) != 0) {
            *code = admin_fail_usage(admin->command, "%s was made for %s%s", apply->plan_id,
                                     apply->kept.pool[0] ? "pool " : "all pools", apply->kept.pool);
            return false;
        }
        admin->flags.pool = apply->kept.pool[0] ? apply->kept.pool : NULL;
    }
    char change_why[CHANGE_WHY_BYTES];
    if (change_parse(words, word_count, &apply->change, change_why) != AREG_OK) {
        *code = admin_fail_usage(admin->command, "%s", change_why);
        return false;
    }
    apply->change.is_forced = apply->is_forced;
    return true;
}

/* A plan is for the configurations that it was made for, and for no others. */
static bool judge_kept(const struct apply *apply, const struct shards *shards, enum exit_code *code)
{
    const struct admin *admin = &apply->admin;
    if (!apply->plan_id)
        return true;
    if (!config_id_equal(apply->kept.cluster, admin->cluster->digest)) {
        *code = admin_fail(admin, EXIT_CODE_CONFLICT, "%s was made for another cluster", apply->plan_id);
        return false;
    }
    for (unsigned i = 0; i < apply->kept.base_count; i++) {
        const struct kept_base *base = &apply->kept.bases[i];
        const struct shard *shard = base->shard < shards->count ? &shards->at[base->shard] : NULL;
        char code_text[CODE_TEXT_BYTES];
        char time_text[TIME_TEXT_BYTES];
        if (!shard || !shard->has_base || config_id_equal(shard->base.id, base->id))
            continue;
        *code = admin_fail(admin, EXIT_CODE_CONFLICT,
                           "%s is stale: it was made for c%u of shard %u, which has c%u now (%s, %u members, by %s at "
                           "%s); make another plan",
                           apply->plan_id, base->index, base->shard, shard->base.index,
                           code_print(shard->base.code, code_text), shard->base.member_count,
                           shard->base.author[0] ? shard->base.author : "nobody",
                           print_time(shard->base.time_ns, time_text));
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- carrying it out */

/* False, and said so, if something stands in the way. */
static bool judge_problems(struct apply *apply, const struct shards *shards, struct proposal *proposal,
                           enum exit_code *code)
{
    struct problems problems;
    if (!proposal_check(&apply->admin, shards, proposal, &problems, code))
        return false;
    if (problems.count == 0)
        return true;
    for (unsigned i = 1; i < problems.count; i++)
        fprintf(stderr, "areg-reconfig: %s: %s\n", apply->admin.command->name, problems.texts[i]);
    *code = admin_fail(&apply->admin, problems.code, "%s; nothing was changed", problems.texts[0]);
    return false;
}

static enum exit_code carry_out(struct apply *apply, struct shards *shards, struct proposal *proposal)
{
    enum exit_code code = EXIT_CODE_OK;
    if (!judge_problems(apply, shards, proposal, &code))
        return code;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char author[HOST_ID_BYTES_MAX + 1];
    name_author(author);
    proposal_sign(proposal, author, apply->reason, (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
    if (!apply->admin.flags.quiet && !apply->admin.flags.json)
        proposal_print(shards, proposal, stderr);
    struct runs runs;
    if (!runs_init(&runs, &apply->admin, proposal->plan_count, &code))
        return code;
    runs.bytes_per_s = apply->bytes_per_s;
    for (unsigned i = 0; i < proposal->plan_count; i++)
        runs_add(&runs, &shards->at[proposal->plans[i].base.shard], &proposal->plans[i]);
    code = watch_runs(&apply->admin, shards, &runs, proposal, proposal->register_count);
    kept_configs_add(&apply->admin, shards);
    runs_fini(&runs);
    return code;
}

static enum exit_code run(struct apply *apply, bool is_undo)
{
    enum exit_code code;
    if (!admin_open(&apply->admin, &code))
        return code;
    struct shards shards;
    if (shards_look(&apply->admin, &shards, &code)) {
        kept_configs_add(&apply->admin, &shards);
        struct proposal proposal;
        const bool is_made = is_undo ? proposal_undo(&apply->admin, &shards, apply->is_forced, &proposal, &code)
                                     : judge_kept(apply, &shards, &code) &&
                                           proposal_make(&apply->admin, &shards, &apply->change, &proposal, &code);
        if (is_made) {
            code = carry_out(apply, &shards, &proposal);
            proposal_fini(&proposal);
        }
        shards_fini(&shards);
    }
    admin_close(&apply->admin);
    return code;
}

#define APPLY_FLAGS(apply)                                                                                             \
    {"message", 'm', FLAG_TEXT, &(apply)->reason, "WHY", "the reason, for the history", 0, 0},                         \
        {"rate", 0, FLAG_TEXT, &(apply)->rate, "RATE", "each worker moves at most so much, \"20 MiB/s\"; none", 0, 0}, \
        {"force",     0,                                                                                               \
         FLAG_SWITCH, &(apply)->is_forced,                                                                             \
         NULL,        "also a code that tolerates no loss, or hosts without room",                                     \
         0,           0},                                                                                              \
        ADMIN_FLAGS(&(apply)->admin.flags)

static enum exit_code run_apply(const struct command *command, int argc, char **argv)
{
    struct apply apply = {.reason = ""};
    const struct flag flags[] = {APPLY_FLAGS(&apply)};
    enum exit_code code;
    if (admin_parse(&apply.admin, command, flags, argc, argv, &code) && judge_flags(&apply, &code) &&
        read_words(&apply, &code))
        code = run(&apply, false);
    kept_plan_fini(&apply.kept);
    return code;
}

static enum exit_code run_undo(const struct command *command, int argc, char **argv)
{
    struct apply apply = {.reason = "undo"};
    const struct flag flags[] = {APPLY_FLAGS(&apply)};
    enum exit_code code;
    if (admin_parse(&apply.admin, command, flags, argc, argv, &code) && judge_flags(&apply, &code))
        code = run(&apply, true);
    return code;
}

const struct command command_apply = {
    .name = "apply",
    .synopsis = "apply [FLAG...] PLAN-ID | CHANGE...",
    .summary = "carry out a plan, or a change",
    .text =
        "Carry out a plan, or a change given in words (see plan), while clients go on reading and writing. Prints "
        "what\n"
        "is decided, how far the transfer is, what is finalized, and which hosts may be discarded.\n\n"
        "Once it is decided it stays so: if this program or its terminal dies nothing is lost, hosts go on to move\n"
        "the registers that they were given, and any admin finishes it with areg-reconfig resume.\n\n"
        "Exit code: 0 finalized, 3 no such plan, 4 hosts do not answer (nothing was changed), 5 the plan is stale,\n"
        "6 cut off: it is decided, or may be, 9 refused as unsafe.",
    .examples = "  areg-reconfig apply replace s2 s6@tcp://10.0.0.6:7600 -m \"s2 has a bad disk\"\n"
                "  areg-reconfig apply p-4f2a91c0de --rate \"50 MiB/s\"\n"
                "  areg-reconfig apply --pool meta recode repl:5 add s4 add s5\n",
    .word_count_min = 1,
    .word_count_max = ADMIN_WORD_COUNT_MAX,
    .timeout_ms = TIMEOUT_MS_LONG,
    .run = run_apply,
};

const struct command command_undo = {
    .name = "undo",
    .synopsis = "undo [FLAG...]",
    .summary = "go back to the configuration before the last change",
    .text = "Change the members, code and delta back to what they were before the last change. That is one more "
            "change: the\n"
            "hosts that have left have to be there again, data or not, and values are kept as they are.\n\n"
            "Exit code: as apply; 3 if what was before is not known on this machine.",
    .examples = "  areg-reconfig undo\n"
                "  areg-reconfig undo --pool default -m \"rs:9,5 is too slow\"\n",
    .word_count_min = 0,
    .word_count_max = 0,
    .timeout_ms = TIMEOUT_MS_LONG,
    .run = run_undo,
};
