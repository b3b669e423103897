/*
 * areg-reconfig history: which configurations there have been.
 */
#include "reconfig/cli/kept.h"
#include "reconfig/cli/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Configurations that are shown at a time: some 70 MB. */
enum { HISTORY_COUNT_MAX = 10000 };

struct history {
    const struct shards *shards;
    bool is_cut;
    unsigned count;
    unsigned room;
    struct config *at;
};

static bool add_config(const struct config *config, void *arg)
{
    struct history *history = arg;
    if (config->shard >= history->shards->count || !history->shards->at[config->shard].is_selected)
        return true;
    if (history->count == history->room) {
        const unsigned room = history->room ? 2 * history->room : 64;
        struct config *more = history->room < HISTORY_COUNT_MAX ? realloc(history->at, room * sizeof *more) : NULL;
        if (!more) {
            history->is_cut = true;
            return false;
        }
        history->at = more;
        history->room = room;
    }
    history->at[history->count++] = *config;
    return true;
}

static int compare_configs(const void *a, const void *b)
{
    const struct config *first = a;
    const struct config *second = b;
    if (first->shard != second->shard)
        return first->shard < second->shard ? -1 : 1;
    if (first->index != second->index)
        return first->index < second->index ? -1 : 1;
    return memcmp(first->id.bytes, second->id.bytes, sizeof first->id.bytes);
}

/* What genesis tells, what this machine has kept, and what there is now; each once, in order. */
static void collect(const struct admin *admin, struct history *history)
{
    for (unsigned i = 0; i < history->shards->count; i++) {
        const struct shard *shard = &history->shards->at[i];
        struct config genesis;
        if (!shard->is_selected)
            continue;
        cluster_genesis_config(admin->cluster, i, &genesis);
        add_config(&genesis, history);
        if (shard->has_base)
            add_config(&shard->base, history);
        if (shard->has_pending)
            add_config(&shard->pending, history);
    }
    kept_configs_each(admin, add_config, history);
    if (history->count > 0)
        qsort(history->at, history->count, sizeof *history->at, compare_configs);
    unsigned kept_count = 0;
    for (unsigned i = 0; i < history->count; i++)
        if (i == 0 || compare_configs(&history->at[i], &history->at[kept_count - 1]) != 0)
            history->at[kept_count++] = history->at[i];
    history->count = kept_count;
}

static const char *config_state(const struct history *history, const struct config *config)
{
    const struct shard *shard = &history->shards->at[config->shard];
    if (shard->has_pending && config_id_equal(shard->pending.id, config->id))
        return "pending";
    if (shard->has_base && config_id_equal(shard->base.id, config->id))
        return "current";
    return "over";
}

static unsigned end_of_shard(const struct history *history, unsigned first)
{
    unsigned end = first + 1;
    while (end < history->count && history->at[end].shard == history->at[first].shard)
        end++;
    return end;
}

static bool reads_the_same(const struct history *history, const struct config *a, const struct config *b)
{
    return configs_are_alike(a, b) && a->time_ns == b->time_ns && strcmp(a->author, b->author) == 0 &&
           strcmp(a->reason, b->reason) == 0 && config_state(history, a) == config_state(history, b);
}

/* Whether two shards, at these places, have had the same configurations. */
static bool shards_read_the_same(const struct history *history, unsigned a, unsigned b)
{
    const unsigned count = end_of_shard(history, a) - a;
    const bool same_pool =
        history->shards->at[history->at[a].shard].pool == history->shards->at[history->at[b].shard].pool;
    if (!same_pool || end_of_shard(history, b) - b != count)
        return false;
    for (unsigned i = 0; i < count; i++)
        if (!reads_the_same(history, &history->at[a + i], &history->at[b + i]))
            return false;
    return true;
}

static void print_shard(const struct history *history, unsigned first)
{
    char time_text[TIME_TEXT_BYTES];
    const unsigned end = end_of_shard(history, first);
    for (unsigned i = first; i < end; i++) {
        const struct config *config = &history->at[i];
        if (i > first && config->index > history->at[i - 1].index + 1)
            puts("  ... not known on this machine");
        printf("  %-7s  %-20s  ", config_state(history, config), print_time(config->time_ns, time_text));
        print_config(stdout, config);
        printf(", delta %u", config->delta);
        if (config->author[0])
            fputs("; by ", stdout);
        print_text(stdout, config->author);
        if (config->reason[0])
            fputs(": ", stdout);
        print_text(stdout, config->reason);
        putchar('\n');
    }
}

static void print_history(const struct history *history)
{
    unsigned next;
    for (unsigned i = 0; i < history->count; i = next) {
        unsigned last = i;
        for (next = end_of_shard(history, i); next < history->count; next = end_of_shard(history, next)) {
            if (history->at[next].shard != history->at[last].shard + 1 || !shards_read_the_same(history, i, next))
                break;
            last = next;
        }
        const struct config *first = &history->at[i];
        printf("pool %s, shard%s %" PRIu32, history->shards->at[first->shard].pool->name, last > i ? "s" : "",
               first->shard);
        if (last > i)
            printf("..%" PRIu32, history->at[last].shard);
        putchar('\n');
        print_shard(history, i);
    }
}

static void print_history_json(const struct history *history)
{
    fputs("{\"v\":1,\"configs\":[", stdout);
    for (unsigned i = 0; i < history->count; i++) {
        const struct config *config = &history->at[i];
        printf("%s{\"shard\":%" PRIu32 ",\"pool\":\"%s\",\"state\":\"%s\",\"config\":", i > 0 ? "," : "", config->shard,
               history->shards->at[config->shard].pool->name, config_state(history, config));
        print_config_json(stdout, config);
        putchar('}');
    }
    puts("]}");
}

static enum exit_code run_history(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct shards shards;
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    if (admin.word_count > 0)
        admin.flags.pool = admin.words[0];
    if (!admin_open(&admin, &code))
        return code;
    if (shards_look(&admin, &shards, &code)) {
        kept_configs_add(&admin, &shards);
        struct history history = {.shards = &shards};
        collect(&admin, &history);
        if (admin.flags.json)
            print_history_json(&history);
        else
            print_history(&history);
        code = shards.unknown_count > 0 ? EXIT_CODE_UNAVAILABLE : EXIT_CODE_OK;
        if (shards.unknown_count > 0)
            admin_say(&admin, "of %u shards there is no quorum that tells what is there now", shards.unknown_count);
        if (history.is_cut)
            admin_say(&admin, "there are more than %d configurations; name a pool", HISTORY_COUNT_MAX);
        free(history.at);
        shards_fini(&shards);
    }
    admin_close(&admin);
    return code;
}

const struct command command_history = {
    .name = "history",
    .synopsis = "history [FLAG...] [POOL]",
    .summary = "which configurations there have been, by whom, when and why",
    .text = "List the configurations of each shard. Hosts know the first, the last finalized one and its successor; "
            "those in\n"
            "between are known as far as this machine has seen them.",
    .examples = "  areg-reconfig history\n"
                "  areg-reconfig history meta --json\n",
    .word_count_min = 0,
    .word_count_max = 1,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_history,
};
