/*
 * areg-reconfig progress, pause, throttle, resume: reconfigurations that are pending.
 */
#include "core/units.h"
#include "reconfig/cli/kept.h"
#include "reconfig/cli/print.h"
#include "reconfig/cli/rate.h"
#include "reconfig/cli/watch.h"
#include "reconfig/cli/workers.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static unsigned count_bits(uint32_t bits)
{
    return voters_count((struct voters){bits});
}

/* Open the cluster and look at it. False, and said so; what was opened is closed then. */
static bool look(struct admin *admin, struct shards *shards, enum exit_code *code)
{
    if (!admin_open(admin, code))
        return false;
    if (shards_look(admin, shards, code)) {
        kept_configs_add(admin, shards);
        return true;
    }
    admin_close(admin);
    return false;
}

/* Shards of which nobody tells whether anything is pending. */
static enum exit_code judge_unknown(const struct admin *admin, const struct shards *shards)
{
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        if (!shard->is_selected || !shard->error)
            continue;
        fprintf(stderr, "areg-reconfig: %s: pool %s, shard %" PRIu32 ": %s%s%s\n", admin->command->name,
                shard->pool->name, shard->shard, areg_strerror(shard->error), shard->detail[0] ? ": " : "",
                shard->detail);
        return admin_exit_code(shard->error);
    }
    return EXIT_CODE_OK;
}

static bool is_pending(const struct shard *shard)
{
    return shard->is_selected && shard->has_base && shard->has_pending;
}

static unsigned count_pending(const struct shards *shards)
{
    unsigned count = 0;
    for (unsigned i = 0; i < shards->count; i++)
        count += is_pending(&shards->at[i]);
    return count;
}

/* ---------------------------------------------------------------- progress */

static void print_pace(const struct transfer_progress *progress)
{
    char rate[UNITS_TEXT_BYTES];
    if (progress->is_paused)
        fputs(", paused", stdout);
    if (progress->bytes_per_s > 0)
        printf(", at most %s/s", units_print_bytes(progress->bytes_per_s, rate));
}

static void print_progress(const struct shard *shard, const struct workers *workers)
{
    char bytes[UNITS_TEXT_BYTES];
    printf("pool %s, shard %" PRIu32 ": ", shard->pool->name, shard->shard);
    print_config(stdout, &shard->base);
    fputs(" -> ", stdout);
    print_config(stdout, &shard->pending);
    printf("\n  %u of %d slices, %" PRIu64 " registers, %s over the network\n", count_bits(workers->sum.slices_moved),
           TRANSFER_SLICE_COUNT, workers->sum.register_count, units_print_bytes(workers->sum.bytes, bytes));
    for (unsigned i = 0; i < workers->count; i++) {
        const struct host_asked *host = &workers->hosts[i];
        const struct transfer_progress *progress = &host->transfer;
        printf("  %s: ", host->id.text);
        if (!host->has_answered || host->status != REPLY_OK) {
            puts(host->is_up ? "does not tell" : "down");
            continue;
        }
        printf("%u of its %u slices, %" PRIu64 " registers, %s", count_bits(progress->slices_moved),
               count_bits(progress->slices_given), progress->register_count, units_print_bytes(progress->bytes, bytes));
        print_pace(progress);
        if (progress->stuck_count > 0)
            printf(", %" PRIu32 " register%s can not be moved: see its log", progress->stuck_count,
                   progress->stuck_count == 1 ? "" : "s");
        putchar('\n');
    }
}

static void print_progress_json(const struct shard *shard, const struct workers *workers, bool is_first)
{
    printf("%s{\"shard\":%" PRIu32 ",\"pool\":\"%s\",\"config\":", is_first ? "" : ",", shard->shard,
           shard->pool->name);
    print_config_json(stdout, &shard->base);
    fputs(",\"pending\":", stdout);
    print_config_json(stdout, &shard->pending);
    printf(",\"slices\":%d,\"slices_moved\":%u,\"registers\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"paused\":%s,\"workers\":[",
           TRANSFER_SLICE_COUNT, count_bits(workers->sum.slices_moved), workers->sum.register_count, workers->sum.bytes,
           workers->sum.is_paused ? "true" : "false");
    for (unsigned i = 0; i < workers->count; i++) {
        const struct host_asked *host = &workers->hosts[i];
        const bool has_told = host->has_answered && host->status == REPLY_OK;
        printf("%s{\"id\":\"%s\",\"up\":%s", i > 0 ? "," : "", host->id.text, host->is_up ? "true" : "false");
        if (has_told)
            printf(",\"slices_given\":%u,\"slices_moved\":%u,\"registers\":%" PRIu64 ",\"bytes\":%" PRIu64
                   ",\"paused\":%s,\"bytes_per_s\":%" PRIu64 ",\"stuck\":%" PRIu32,
                   count_bits(host->transfer.slices_given), count_bits(host->transfer.slices_moved),
                   host->transfer.register_count, host->transfer.bytes, host->transfer.is_paused ? "true" : "false",
                   host->transfer.bytes_per_s, host->transfer.stuck_count);
        putchar('}');
    }
    fputs("]}", stdout);
}

static enum exit_code run_progress(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct shards shards;
    if (!admin_parse(&admin, command, flags, argc, argv, &code) || !look(&admin, &shards, &code))
        return code;
    code = judge_unknown(&admin, &shards);
    unsigned printed_count = 0;
    if (admin.flags.json)
        fputs("{\"v\":1,\"pending\":[", stdout);
    for (unsigned i = 0; i < shards.count; i++) {
        struct workers workers;
        if (!is_pending(&shards.at[i]) || workers_ask(&admin, &shards.at[i], &workers) != AREG_OK)
            continue;
        if (admin.flags.json)
            print_progress_json(&shards.at[i], &workers, printed_count == 0);
        else
            print_progress(&shards.at[i], &workers);
        printed_count++;
    }
    if (admin.flags.json)
        puts("]}");
    else if (printed_count == 0 && code == EXIT_CODE_OK)
        puts("nothing is pending");
    shards_fini(&shards);
    admin_close(&admin);
    return code;
}

const struct command command_progress = {
    .name = "progress",
    .synopsis = "progress [FLAG...]",
    .summary = "how far pending reconfigurations are",
    .text =
        "Show what each worker of a pending configuration has moved: slices of the registers (32 make all of them),\n"
        "registers, and bytes over the network.",
    .examples = "  areg-reconfig progress\n"
                "  areg-reconfig progress --pool default --json\n",
    .word_count_min = 0,
    .word_count_max = 0,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_progress,
};

/* ---------------------------------------------------------------- pause, throttle */

/* Those that can not be told are named: when they come back, they go on at the pace that they had. */
static enum exit_code set_pace(const struct admin *admin, const struct shards *shards, const struct pace *pace)
{
    enum exit_code code = EXIT_CODE_OK;
    for (unsigned i = 0; i < shards->count; i++) {
        const struct shard *shard = &shards->at[i];
        struct workers workers;
        char silent[512];
        if (!is_pending(shard))
            continue;
        const enum areg_error error = workers_set_pace(admin, shard, pace, &workers);
        if (!error)
            continue;
        workers_list_silent(&workers, silent, sizeof silent);
        fprintf(stderr, "areg-reconfig: %s: pool %s, shard %" PRIu32 ": %s: %s\n", admin->command->name,
                shard->pool->name, shard->shard, error == AREG_EUNAVAIL ? "could not be told" : areg_strerror(error),
                silent);
        code = admin_exit_code(error);
    }
    return code;
}

static enum exit_code run_pace(struct admin *admin, const struct pace *pace, const char *done)
{
    enum exit_code code;
    struct shards shards;
    if (!look(admin, &shards, &code))
        return code;
    code = judge_unknown(admin, &shards);
    const unsigned pending_count = count_pending(&shards);
    const enum exit_code pace_code = set_pace(admin, &shards, pace);
    code = code ? code : pace_code;
    if (admin->flags.json)
        printf("{\"v\":1,\"shards\":%u,\"ok\":%s}\n", pending_count, code ? "false" : "true");
    else if (code == EXIT_CODE_OK && pending_count == 0)
        puts("nothing is pending");
    else if (code == EXIT_CODE_OK)
        printf("%s: %u shard%s\n", done, pending_count, pending_count == 1 ? "" : "s");
    shards_fini(&shards);
    admin_close(admin);
    return code;
}

static enum exit_code run_pause(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    const struct pace pace = {.sets_paused = true, .is_paused = true};
    return run_pace(&admin, &pace, "paused");
}

const struct command command_pause = {
    .name = "pause",
    .synopsis = "pause [FLAG...]",
    .summary = "stop moving registers for a while",
    .text =
        "Let the workers of pending configurations rest, also after they restart, until areg-reconfig resume. Clients\n"
        "go on as ever, and use both configurations meanwhile.\n\n"
        "Exit code: 0; 4 if some hosts could not be told: they are named.",
    .examples = "  areg-reconfig pause\n",
    .word_count_min = 0,
    .word_count_max = 0,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_pause,
};

static enum exit_code run_throttle(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct pace pace = {.sets_rate = true};
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    if (rate_parse(admin.words[0], &pace.bytes_per_s) != AREG_OK)
        return admin_fail_usage(command, "a rate is like \"20 MiB/s\", or none, not \"%s\"", admin.words[0]);
    return run_pace(&admin, &pace, "throttled");
}

const struct command command_throttle = {
    .name = "throttle",
    .synopsis = "throttle [FLAG...] RATE",
    .summary = "how fast registers are moved",
    .text =
        "Limit the bytes that each worker of a pending configuration moves over the network: \"20 MiB/s\", or none.",
    .examples = "  areg-reconfig throttle \"20 MiB/s\"\n"
                "  areg-reconfig throttle none\n",
    .word_count_min = 1,
    .word_count_max = 1,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_throttle,
};

/* ---------------------------------------------------------------- resume */

/* Registers of all shards that are pending, about. */
static double estimate_registers(struct admin *admin, const struct shards *shards)
{
    struct host_asked *hosts;
    unsigned host_count;
    enum exit_code code;
    double sum = 0;
    if (!shards_ask_hosts(admin, shards, &hosts, &host_count, &code))
        return 0;
    for (unsigned i = 0; i < shards->count; i++) {
        const double share =
            is_pending(&shards->at[i]) ? shard_share(&shards->at[i], hosts, host_count, "register_count") : 0;
        sum += share > 0 ? share : 0;
    }
    hosts_fini(hosts, host_count);
    free(hosts);
    return sum;
}

static enum exit_code finish(struct admin *admin, struct shards *shards)
{
    enum exit_code code;
    struct runs runs;
    if (!runs_init(&runs, admin, shards->count, &code))
        return code;
    for (unsigned i = 0; i < shards->count; i++)
        if (is_pending(&shards->at[i]))
            runs_add(&runs, &shards->at[i], NULL);
    code = watch_runs(admin, shards, &runs, NULL, estimate_registers(admin, shards));
    kept_configs_add(admin, shards);
    runs_fini(&runs);
    return code;
}

static bool go_on(struct runs *runs, void *arg)
{
    (void)runs;
    (void)arg;
    return true;
}

/*
 * Where nothing is pending, an admin who died may have begun something all the same, of which only the acceptors know:
 * it is finished, or can not come any more. Returns how many shards were changed by that.
 */
static unsigned settle(struct admin *admin, struct shards *shards)
{
    enum exit_code code;
    struct runs runs;
    unsigned changed_count = 0;
    if (!runs_init(&runs, admin, shards->count, &code))
        return 0;
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->at[i].is_selected && shards->at[i].has_base && !shards->at[i].has_pending)
            runs_add(&runs, &shards->at[i], NULL);
    runs.watch = go_on;
    runs_run(&runs);
    for (unsigned i = 0; i < runs.count; i++) {
        const struct shard *shard = runs.at[i].shard;
        if (shard->base.index == runs.bases[i].index)
            continue;
        changed_count++;
        if (!admin->flags.json)
            watch_tell_event(shard, "finalized", &shard->base);
    }
    kept_configs_add(admin, shards);
    runs_fini(&runs);
    return changed_count;
}

static enum exit_code run_resume(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const char *rate = NULL;
    const struct flag flags[] = {
        {"rate", 0, FLAG_TEXT, &rate, "RATE", "each worker moves at most so much, \"20 MiB/s\"; as it is", 0, 0},
        ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct shards shards;
    struct pace pace = {.sets_paused = true, .sets_rate = false};
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    pace.sets_rate = rate != NULL;
    if (rate && rate_parse(rate, &pace.bytes_per_s) != AREG_OK)
        return admin_fail_usage(command, "--rate takes a rate like \"20 MiB/s\", or none, not \"%s\"", rate);
    if (!look(&admin, &shards, &code))
        return code;
    code = judge_unknown(&admin, &shards);
    const unsigned settled_count = settle(&admin, &shards);
    if (count_pending(&shards) > 0) {
        (void)set_pace(&admin, &shards, &pace); /* those that are down are said, and others do their work */
        const enum exit_code finish_code = finish(&admin, &shards);
        code = finish_code ? finish_code : code;
    } else if (admin.flags.json) {
        puts("{\"v\":1,\"results\":[],\"discard\":[]}");
    } else if (code == EXIT_CODE_OK && settled_count == 0) {
        puts("nothing is pending");
    }
    shards_fini(&shards);
    admin_close(&admin);
    return code;
}

const struct command command_resume = {
    .name = "resume",
    .synopsis = "resume [FLAG...]",
    .summary = "finish what is pending",
    .text = "Go on with reconfigurations that are pending, whoever began them, and see them through to their ends; "
            "workers\n"
            "that were paused go on.\n\n"
            "Exit code: 0 finalized, or nothing was pending; 6 cut off: it is still pending.",
    .examples = "  areg-reconfig resume\n"
                "  areg-reconfig resume --pool default --rate none\n",
    .word_count_min = 0,
    .word_count_max = 0,
    .timeout_ms = TIMEOUT_MS_LONG,
    .run = run_resume,
};
