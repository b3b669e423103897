/*
 * areg-reconfig plan: what a change would do. Changes nothing but a file on this machine.
 */
#include "client/cli/json.h"
#include "reconfig/cli/kept.h"
#include "reconfig/cli/proposal.h"

#include <stdlib.h>
#include <string.h>

static bool keep(const struct admin *admin, const struct proposal *proposal)
{
    struct kept_plan kept = {
        .cluster = admin->cluster->digest,
        .is_forced = proposal->is_forced,
        .word_count = admin->word_count,
        .base_count = proposal->plan_count,
        .bases = calloc(proposal->plan_count, sizeof *kept.bases),
    };
    if (admin->pool)
        snprintf(kept.pool, sizeof kept.pool, "%s", admin->pool->name);
    memcpy(kept.words, admin->words, sizeof kept.words);
    for (unsigned i = 0; i < proposal->plan_count && kept.bases; i++) {
        const struct config *base = &proposal->plans[i].base;
        kept.bases[i] = (struct kept_base){.shard = base->shard, .index = base->index, .id = base->id};
    }
    char why[KEPT_WHY_BYTES] = "out of memory";
    const bool is_kept = kept.bases && kept_plan_write(admin, proposal->id, &kept, why) == AREG_OK;
    if (!is_kept)
        admin_say(admin, "the plan could not be kept (%s): apply it by its words", why);
    free(kept.bases);
    return is_kept;
}

static void print_json(const struct proposal *proposal, const struct problems *problems)
{
    fputs("{\"v\":1,", stdout);
    proposal_print_json(proposal, stdout);
    fputs(",\"problems\":[", stdout);
    for (unsigned i = 0; i < problems->count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        json_print_string(stdout, problems->texts[i], strlen(problems->texts[i]));
    }
    puts("]}");
}

static void print_text(const struct shards *shards, const struct proposal *proposal, const struct problems *problems,
                       bool is_kept)
{
    proposal_print(shards, proposal, stdout);
    for (unsigned i = 0; i < problems->count; i++)
        printf("problem: %s\n", problems->texts[i]);
    if (is_kept)
        printf("plan %s; carry it out with: areg-reconfig apply %s\n", proposal->id, proposal->id);
    else
        printf("plan %s\n", proposal->id);
}

/* A plan that would be refused is shown, with what is wrong, but not kept. */
static enum exit_code show(struct admin *admin, const struct shards *shards, struct proposal *proposal)
{
    struct problems problems;
    enum exit_code code = EXIT_CODE_OK;
    if (!proposal_check(admin, shards, proposal, &problems, &code))
        return code;
    const bool is_kept = problems.code != EXIT_CODE_REFUSED && keep(admin, proposal);
    if (admin->flags.json)
        print_json(proposal, &problems);
    else
        print_text(shards, proposal, &problems, is_kept);
    return problems.code == EXIT_CODE_REFUSED ? EXIT_CODE_REFUSED : EXIT_CODE_OK;
}

static enum exit_code run_plan(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    bool is_forced = false;
    const struct flag flags[] = {
        {"force", 0, FLAG_SWITCH, &is_forced, NULL, "also a code that tolerates no loss, or hosts without room", 0, 0},
        ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct change change;
    char why[CHANGE_WHY_BYTES];
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    if (change_parse(admin.words, admin.word_count, &change, why) != AREG_OK)
        return admin_fail_usage(command, "%s", why);
    change.is_forced = is_forced;
    if (!admin_open(&admin, &code))
        return code;
    struct shards shards;
    if (shards_look(&admin, &shards, &code)) {
        kept_configs_add(&admin, &shards);
        struct proposal proposal;
        if (proposal_make(&admin, &shards, &change, &proposal, &code)) {
            code = show(&admin, &shards, &proposal);
            proposal_fini(&proposal);
        }
        shards_fini(&shards);
    }
    admin_close(&admin);
    return code;
}

const struct command command_plan = {
    .name = "plan",
    .synopsis = "plan [FLAG...] CHANGE...",
    .summary = "what a change would do; changes nothing",
    .text =
        "Work out a change: who comes, who keeps its fragments, who may be discarded afterwards, what crosses the\n"
        "network, what is stored and tolerated; and whether all hosts that it needs are there and have room. The plan\n"
        "gets a name, by which apply carries it out as long as nothing else has been changed.\n\n"
        "CHANGE words lead to one configuration, whatever their order:\n"
        "  add HOST@ADDRESS           one more member; n grows, unless recode is given\n"
        "  remove HOST                one less\n"
        "  replace HOST HOST@ADDRESS  another one in its place; by itself: it has lost its disk, or has moved\n"
        "  recode CODE                rs:N,K, repl:N or ldr:D,R\n"
        "  delta NUMBER               superseded values that are kept while they may still be read\n"
        "The address of a host that genesis names need not be said.\n\n"
        "Exit code: 0, or 9 if apply would refuse it.",
    .examples = "  areg-reconfig plan replace s2 s6@tcp://10.0.0.6:7600\n"
                "  areg-reconfig plan --pool default recode rs:9,5 add s6@tcp://h6:7600 add s7@tcp://h7:7600 \\\n"
                "                     add s8@tcp://h8:7600 add s9@tcp://h9:7600\n"
                "  areg-reconfig plan replace s3 s3\n",
    .word_count_min = 1,
    .word_count_max = ADMIN_WORD_COUNT_MAX,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_plan,
};
