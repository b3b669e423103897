/*
 * areg-reconfig status, ok-to-stop: what may be lost.
 */
#include "reconfig/cli/health.h"

#include "client/cli/json.h"
#include "core/units.h"
#include "reconfig/cli/kept.h"
#include "reconfig/cli/print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What is known at one moment. */
struct view {
    struct shards shards;
    struct host_asked *hosts;
    unsigned host_count;
};

static bool take_view(struct admin *admin, struct view *view, enum exit_code *code)
{
    if (!shards_look(admin, &view->shards, code))
        return false;
    if (shards_ask_hosts(admin, &view->shards, &view->hosts, &view->host_count, code)) {
        kept_configs_add(admin, &view->shards);
        return true;
    }
    shards_fini(&view->shards);
    return false;
}

static void drop_view(struct view *view)
{
    hosts_fini(view->hosts, view->host_count);
    free(view->hosts);
    shards_fini(&view->shards);
}

static struct shard_health health_of(const struct view *view, const struct shard *shard)
{
    return shard_health(shard, view->hosts, view->host_count, NULL, 0);
}

static enum health worst_health(const struct view *view)
{
    enum health worst = HEALTH_GOOD;
    for (unsigned i = 0; i < view->shards.count; i++) {
        const struct shard *shard = &view->shards.at[i];
        const enum health health = health_of(view, shard).health;
        worst = shard->is_selected && health > worst ? health : worst;
    }
    return worst;
}

/* As a member of what? The state that is worst tells most. */
static enum member_state host_state(const struct view *view, const struct host_asked *host)
{
    enum member_state worst = host->is_up ? MEMBER_UP : MEMBER_DOWN;
    for (unsigned i = 0; i < view->shards.count; i++) {
        const struct shard *shard = &view->shards.at[i];
        const struct config *configs[] = {shard->has_base ? &shard->base : NULL,
                                          shard->has_pending ? &shard->pending : NULL};
        for (unsigned j = 0; j < 2; j++) {
            const int position = configs[j] ? config_member_index(configs[j], &host->id) : -1;
            const enum member_state state =
                position >= 0 ? member_state(configs[j], (unsigned)position, host) : MEMBER_UP;
            worst = state > worst ? state : worst;
        }
    }
    return worst;
}

static bool is_member_of_selected(const struct view *view, const struct host_id *id)
{
    for (unsigned i = 0; i < view->shards.count; i++) {
        const struct shard *shard = &view->shards.at[i];
        if (!shard->is_selected)
            continue;
        if ((shard->has_base && config_member_index(&shard->base, id) >= 0) ||
            (shard->has_pending && config_member_index(&shard->pending, id) >= 0))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- text */

static const char *state_text(enum member_state state)
{
    static const char *const texts[] = {
        [MEMBER_UP] = "up",
        [MEMBER_DOWN] = "down",
        [MEMBER_STRANGER] = "another host answers at its address",
        [MEMBER_SILENT] = "silent: it has lost its disk (replace it by itself), or has only just started",
    };
    return texts[state];
}

static void print_host(const struct view *view, const struct host_asked *host, int id_width, int address_width)
{
    const enum member_state state = host_state(view, host);
    const bool is_red = state != MEMBER_UP && print_is_lively(stdout);
    char used[UNITS_TEXT_BYTES] = "";
    char free_text[UNITS_TEXT_BYTES] = "";
    uint64_t bytes;
    if (host_number(host, "used_bytes", &bytes))
        units_print_bytes(bytes, used);
    if (host_number(host, "disk_free_bytes", &bytes))
        units_print_bytes(bytes, free_text);
    printf("%-*s  %-*s  %-10s  %-10s  %s%s%s%s%s\n", id_width, host->id.text, address_width, host->address, used,
           free_text, is_red ? "\033[31m" : "", state_text(state), is_red ? "\033[0m" : "",
           host_says(host, "is_full", "true") ? ", full" : "",
           host_says(host, "sync", "\"none\"") ? ", sync none" : "");
}

static void print_hosts(const struct view *view)
{
    int id_width = (int)strlen("host");
    int address_width = (int)strlen("address");
    for (unsigned i = 0; i < view->host_count; i++) {
        const int id_bytes = (int)strlen(view->hosts[i].id.text);
        const int address_bytes = (int)strlen(view->hosts[i].address);
        id_width = id_bytes > id_width ? id_bytes : id_width;
        address_width = address_bytes > address_width ? address_bytes : address_width;
    }
    printf("%-*s  %-*s  used        free        state\n", id_width, "host", address_width, "address");
    for (unsigned i = 0; i < view->host_count; i++)
        if (is_member_of_selected(view, &view->hosts[i].id))
            print_host(view, &view->hosts[i], id_width, address_width);
}

/* Whether two shards would read the same, but for their numbers. */
static bool reads_the_same(const struct shard *a, const struct shard *b)
{
    if (a->pool != b->pool || !a->has_base || !b->has_base || a->has_pending || b->has_pending || a->error || b->error)
        return false;
    return configs_are_alike(&a->base, &b->base);
}

static void print_shards(const struct view *view, unsigned first, unsigned last)
{
    const struct shard *shard = &view->shards.at[first];
    const struct shard_health health = health_of(view, shard);
    printf("pool %s, shard%s %u", shard->pool->name, last > first ? "s" : "", first);
    if (last > first)
        printf("..%u", last);
    fputs(": ", stdout);
    if (!shard->has_base) {
        printf("unavailable: %s\n", shard->detail[0] ? shard->detail : areg_strerror(shard->error));
        return;
    }
    print_config(stdout, &shard->base);
    printf(", delta %u\n  %s: %u of %u members up", shard->base.delta, health_name(health.health), health.up_count,
           shard->base.member_count);
    if (health.spare_count >= 0)
        printf(", tolerates the loss of %d more", health.spare_count);
    if (shard->error)
        printf(" (%s%s%s)", areg_strerror(shard->error), shard->detail[0] ? ": " : "", shard->detail);
    putchar('\n');
    if (shard->has_pending) {
        fputs("  pending: ", stdout);
        print_config(stdout, &shard->pending);
        puts("; areg-reconfig progress tells how far it is");
    }
}

static void print_text_status(const struct admin *admin, const struct view *view)
{
    print_hosts(view);
    putchar('\n');
    unsigned next;
    for (unsigned i = 0; i < view->shards.count; i = next) {
        next = i + 1;
        if (!view->shards.at[i].is_selected)
            continue;
        while (next < view->shards.count && reads_the_same(&view->shards.at[i], &view->shards.at[next]))
            next++;
        print_shards(view, i, next - 1);
    }
    printf("\n%s %s: %s\n", admin->pool ? "pool" : "cluster", admin->pool ? admin->pool->name : admin->cluster->name,
           health_name(worst_health(view)));
}

/* ---------------------------------------------------------------- JSON */

static void print_host_json(const struct view *view, const struct host_asked *host)
{
    static const char *const names[] = {"up", "down", "stranger", "silent"};
    printf("{\"id\":\"%s\",\"address\":\"%s\",\"state\":\"%s\",\"round_trip_us\":%" PRIu32 ",\"status\":",
           host->id.text, host->address, names[host_state(view, host)], host->round_trip_us);
    /* A host's status goes into our document as it came, so at least its ends must be those of an object. */
    const size_t bytes = host->text ? strlen(host->text) : 0;
    const bool is_object =
        bytes >= 2 && host->text[0] == '{' && host->text[bytes - 1] == '}' && json_is_utf8(host->text, bytes);
    printf("%s}", is_object ? host->text : "null");
}

static void print_shard_json(const struct view *view, const struct shard *shard)
{
    const struct shard_health health = health_of(view, shard);
    printf("{\"shard\":%" PRIu32 ",\"pool\":\"%s\",\"health\":\"%s\",\"up\":%u,\"tolerance_now\":%d,\"config\":",
           shard->shard, shard->pool->name, health_json_name(health.health), health.up_count, health.spare_count);
    if (shard->has_base)
        print_config_json(stdout, &shard->base);
    else
        fputs("null", stdout);
    fputs(",\"pending\":", stdout);
    if (shard->has_pending)
        print_config_json(stdout, &shard->pending);
    else
        fputs("null", stdout);
    putchar('}');
}

static void print_json_status(const struct admin *admin, const struct view *view)
{
    printf("{\"v\":1,\"cluster\":\"%s\",\"health\":\"%s\",\"hosts\":[", admin->cluster->name,
           health_json_name(worst_health(view)));
    const char *before = "";
    for (unsigned i = 0; i < view->host_count; i++)
        if (is_member_of_selected(view, &view->hosts[i].id)) {
            fputs(before, stdout);
            print_host_json(view, &view->hosts[i]);
            before = ",";
        }
    fputs("],\"shards\":[", stdout);
    before = "";
    for (unsigned i = 0; i < view->shards.count; i++)
        if (view->shards.at[i].is_selected) {
            fputs(before, stdout);
            print_shard_json(view, &view->shards.at[i]);
            before = ",";
        }
    puts("]}");
}

static enum exit_code run_status(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    if (!admin_parse(&admin, command, flags, argc, argv, &code))
        return code;
    if (admin.word_count > 0)
        admin.flags.pool = admin.words[0];
    if (!admin_open(&admin, &code))
        return code;
    struct view view = {0};
    if (take_view(&admin, &view, &code)) {
        if (admin.flags.json)
            print_json_status(&admin, &view);
        else
            print_text_status(&admin, &view);
        code = health_exit_code(worst_health(&view));
        drop_view(&view);
    }
    admin_close(&admin);
    return code;
}

const struct command command_status = {
    .name = "status",
    .synopsis = "status [FLAG...] [POOL]",
    .summary = "which configurations there are, and what may still be lost",
    .text =
        "Show the hosts, and each shard's last finalized configuration, its pending successor if there is one, which\n"
        "members are up, and how many more may be lost.\n\n"
        "Exit code: 0 healthy, 10 degraded (still tolerates a loss), 11 at risk (the next loss stops a shard),\n"
        "12 unavailable; and those of all commands.",
    .examples = "  areg-reconfig status\n"
                "  areg-reconfig status meta\n"
                "  areg-reconfig status --json | jq '.shards[] | select(.pending) | .shard'\n",
    .word_count_min = 0,
    .word_count_max = 1,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_status,
};

/* ---------------------------------------------------------------- ok-to-stop */

static bool parse_hosts(const struct admin *admin, struct host_id *ids, enum exit_code *code)
{
    for (unsigned i = 0; i < admin->word_count; i++)
        if (!host_id_parse(admin->words[i], &ids[i])) {
            *code = admin_fail_usage(admin->command, "\"%s\" is no id of a host", admin->words[i]);
            return false;
        }
    return true;
}

static void suggest_host(const struct admin *admin, const struct view *view, const char *id, enum exit_code *code)
{
    const char *names[HOST_COUNT_MAX + 1] = {0};
    for (unsigned i = 0; i < view->host_count && i < HOST_COUNT_MAX; i++)
        names[i] = view->hosts[i].id.text;
    const char *near = command_line_suggest(id, names);
    *code = admin_fail(admin, EXIT_CODE_NOT_FOUND,
                       near ? "%s is a member of nothing (did you mean %s?)" : "%s is a member of nothing", id, near);
}

static enum exit_code judge_stop(const struct admin *admin, const struct view *view, const struct host_id *ids)
{
    enum health worst = HEALTH_GOOD;
    const struct shard *first_bad = NULL;
    struct shard_health first_health = {0};
    for (unsigned i = 0; i < view->shards.count; i++) {
        const struct shard *shard = &view->shards.at[i];
        const struct shard_health health = shard_health(shard, view->hosts, view->host_count, ids, admin->word_count);
        if (!shard->is_selected)
            continue;
        worst = health.health > worst ? health.health : worst;
        if (health.health == HEALTH_STOPPED && !first_bad) {
            first_bad = shard;
            first_health = health;
        }
    }
    if (first_bad && !first_bad->has_base)
        return admin_fail(admin, EXIT_CODE_UNAVAILABLE, "pool %s, shard %u: %s", first_bad->pool->name,
                          first_bad->shard, first_bad->detail);
    if (first_bad)
        return admin_fail(admin, EXIT_CODE_REFUSED,
                          "no: it would stop pool %s, shard %u, which would have %u of %u members up and needs %u%s",
                          first_bad->pool->name, first_bad->shard, first_health.up_count, first_bad->base.member_count,
                          code_quorum(first_bad->base.code),
                          first_bad->has_pending ? ", or as many as its pending configuration needs" : "");
    if (admin->flags.json)
        printf("{\"v\":1,\"ok\":true,\"health\":\"%s\"}\n", health_json_name(worst));
    else
        printf("yes: all shards go on; meanwhile the cluster is %s\n", health_name(worst));
    return EXIT_CODE_OK;
}

static enum exit_code run_ok_to_stop(const struct command *command, int argc, char **argv)
{
    struct admin admin = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&admin.flags)};
    enum exit_code code;
    struct host_id ids[ADMIN_WORD_COUNT_MAX];
    if (!admin_parse(&admin, command, flags, argc, argv, &code) || !parse_hosts(&admin, ids, &code) ||
        !admin_open(&admin, &code))
        return code;
    struct view view = {0};
    if (take_view(&admin, &view, &code)) {
        code = EXIT_CODE_OK;
        for (unsigned i = 0; i < admin.word_count && code == EXIT_CODE_OK; i++)
            if (!shards_have_host(&view.shards, &ids[i]))
                suggest_host(&admin, &view, admin.words[i], &code);
        if (code == EXIT_CODE_OK)
            code = judge_stop(&admin, &view, ids);
        drop_view(&view);
    }
    admin_close(&admin);
    return code;
}

const struct command command_ok_to_stop = {
    .name = "ok-to-stop",
    .synopsis = "ok-to-stop [FLAG...] HOST...",
    .summary = "whether hosts may be stopped for a while",
    .text = "Whether every shard keeps a quorum if these hosts are stopped, too, besides those that are down.\n\n"
            "Exit code: 0 yes, 9 no: it would stop a shard, which is named; 3 for a host that is a member of nothing.",
    .examples = "  areg-reconfig ok-to-stop s2 && ssh s2 systemctl restart aregd\n",
    .word_count_min = 1,
    .word_count_max = ADMIN_WORD_COUNT_MAX,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_ok_to_stop,
};
