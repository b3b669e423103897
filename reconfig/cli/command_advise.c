/*
 * areg-reconfig advise: which code suits the workload. Changes nothing, and needs no cluster if it is told everything.
 */
#include "client/cli/json.h"
#include "core/units.h"
#include "reconfig/advise.h"
#include "reconfig/cli/measure.h"
#include "reconfig/cli/rate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_NS UINT64_C(5000000000)
#define WINDOW_NS_MAX UINT64_C(3600000000000)
#define RATE_MAX UINT64_C(1000000000)
#define DURATION_NS_MAX UINT64_C(60000000000)

/** What is not given by a flag. */
#define NOT_GIVEN UINT64_MAX

struct advise_flags {
    uint64_t reads_per_s;
    uint64_t writes_per_s;
    uint64_t value_bytes;
    uint64_t key_count;
    uint64_t client_count;
    uint64_t host_count;
    uint64_t rtt_min_ns;
    uint64_t rtt_max_ns;
    uint64_t commit_min_ns;
    uint64_t commit_max_ns;
    const char *bandwidth;
    const char *slo_p99;
    uint64_t tolerance;
    uint64_t window_ns;
};

/** What is to be advised, and what came of it. */
struct consultation {
    struct admin admin;
    struct advise_flags flags;
    bool has_cluster;
    struct config base; /* if it has: of the pool's first shard */
    double moved_bytes; /* of values that a change moves: of all registers; 0: not known */
    struct workload workload;
    struct machines machines;
    struct advise_wish wish;
    struct advices advices;
};

/* ---------------------------------------------------------------- flags */

/* "20ms", or milliseconds without a unit. */
static bool parse_slo(const char *text, uint64_t *slo_ns)
{
    uint64_t milliseconds;
    if (units_parse_count(text, &milliseconds) != AREG_OK)
        return units_parse_duration(text, slo_ns) == AREG_OK && *slo_ns <= DURATION_NS_MAX;
    *slo_ns = milliseconds * UINT64_C(1000000);
    return milliseconds <= DURATION_NS_MAX / UINT64_C(1000000);
}

/* One of two bounds that was given alone moves the other one out of its way. */
static bool settle_bounds(uint64_t min_ns, uint64_t max_ns, uint64_t *low_ns, uint64_t *high_ns)
{
    if (min_ns != NOT_GIVEN) {
        *low_ns = min_ns;
        *high_ns = *high_ns > min_ns ? *high_ns : min_ns;
        if (max_ns == NOT_GIVEN)
            *high_ns = min_ns;
    }
    if (max_ns != NOT_GIVEN) {
        *high_ns = max_ns;
        if (min_ns == NOT_GIVEN && *low_ns > max_ns)
            *low_ns = max_ns;
    }
    return *low_ns <= *high_ns;
}

static bool settle_machines(struct consultation *it, enum exit_code *code)
{
    const struct advise_flags *flags = &it->flags;
    struct machines *machines = &it->machines;
    uint64_t rtt_min_ns = 2 * machines->delay_min_ns;
    uint64_t rtt_max_ns = 2 * machines->delay_max_ns;
    const bool is_sound =
        settle_bounds(flags->rtt_min_ns, flags->rtt_max_ns, &rtt_min_ns, &rtt_max_ns) &&
        settle_bounds(flags->commit_min_ns, flags->commit_max_ns, &machines->commit_min_ns, &machines->commit_max_ns);
    if (!is_sound) {
        *code = admin_fail_usage(it->admin.command, "the shortest is longer than the longest: --rtt and --rtt-max, "
                                                    "--commit and --commit-max");
        return false;
    }
    machines->delay_min_ns = rtt_min_ns / 2;
    machines->delay_max_ns = rtt_max_ns / 2;
    if (flags->commit_min_ns != NOT_GIVEN || flags->commit_max_ns != NOT_GIVEN)
        machines->commit_median_ns = machines->commit_min_ns + (machines->commit_max_ns - machines->commit_min_ns) / 2;
    return true;
}

static bool settle_texts(struct consultation *it, enum exit_code *code)
{
    if (it->flags.bandwidth && rate_parse(it->flags.bandwidth, &it->machines.bandwidth_bytes_per_s) != AREG_OK) {
        *code = admin_fail_usage(it->admin.command, "--bandwidth takes a rate (\"125MB/s\") or none, not \"%s\"",
                                 it->flags.bandwidth);
        return false;
    }
    if (it->flags.slo_p99 && !parse_slo(it->flags.slo_p99, &it->wish.p99_ns)) {
        *code = admin_fail_usage(it->admin.command,
                                 "--slo-p99 takes milliseconds, or a duration (\"800us\") of up to "
                                 "a minute, not \"%s\"",
                                 it->flags.slo_p99);
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------- the cluster */

static bool needs_rates(const struct advise_flags *flags)
{
    return flags->reads_per_s == NOT_GIVEN || flags->writes_per_s == NOT_GIVEN;
}

static void take_measured(struct consultation *it, const struct measured *measured)
{
    it->workload.reads_per_s = measured->reads_per_s;
    it->workload.writes_per_s = measured->writes_per_s;
    it->workload.value_bytes = measured->value_bytes;
    it->workload.register_count = measured->register_count;
    if (measured->round_trip_max_ns > 0) {
        it->machines.delay_min_ns = measured->round_trip_min_ns / 2;
        it->machines.delay_max_ns = measured->round_trip_max_ns / 2;
    }
    if (measured->commit_max_ns > 0) {
        it->machines.commit_min_ns = measured->commit_median_ns / 2;
        it->machines.commit_median_ns = measured->commit_median_ns;
        it->machines.commit_max_ns = measured->commit_max_ns;
    }
}

/* The pool's first shard that can be read stands for all of them. */
static bool find_base(struct consultation *it, const struct shards *shards, enum exit_code *code)
{
    const struct admin *admin = &it->admin;
    if (!admin->pool && admin->cluster->pool_count > 1) {
        char names[256] = "";
        for (unsigned i = 0; i < admin->cluster->pool_count; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), " %s", admin->cluster->pools[i].name);
        *code = admin_fail_usage(admin->command, "which pool? There are%s", names);
        return false;
    }
    for (unsigned i = 0; i < shards->count; i++) {
        if (shards->at[i].is_selected && shards->at[i].has_base) {
            it->base = shards->at[i].base;
            return true;
        }
    }
    *code = admin_fail(admin, EXIT_CODE_UNAVAILABLE, "no shard has a quorum that tells its configuration");
    return false;
}

static bool consult_shards(struct consultation *it, const struct shards *shards, enum exit_code *code)
{
    struct measured measured;
    const bool watches = needs_rates(&it->flags);
    if (!find_base(it, shards, code))
        return false;
    if (watches)
        admin_say(&it->admin, "the load is watched for a while: --window; --reads-per-s and --writes-per-s tell it");
    if (!measure(&it->admin, shards, watches ? it->flags.window_ns : 0, &measured, code))
        return false;
    if (watches && !measured.has_rates) {
        *code = admin_fail(&it->admin, EXIT_CODE_UNAVAILABLE,
                           "no host tells how much it is asked: give --reads-per-s and --writes-per-s");
        return false;
    }
    if (watches && it->admin.cluster->pool_count > 1)
        admin_say(&it->admin, "hosts count the load of all their pools together");
    take_measured(it, &measured);
    it->moved_bytes = (double)measured.register_count * (double)measured.value_bytes;
    return true;
}

static bool consult_cluster(struct consultation *it, enum exit_code *code)
{
    struct shards shards;
    bool is_done = false;
    if (it->admin.word_count > 0)
        it->admin.flags.pool = it->admin.words[0];
    if (!admin_open(&it->admin, code))
        return false;
    if (shards_look(&it->admin, &shards, code)) {
        is_done = consult_shards(it, &shards, code);
        shards_fini(&shards);
    }
    admin_close(&it->admin);
    return is_done;
}

/* ---------------------------------------------------------------- what is asked */

static bool check_given(const struct consultation *it, enum exit_code *code)
{
    const struct advise_flags *flags = &it->flags;
    if (it->has_cluster || (!needs_rates(flags) && flags->value_bytes != NOT_GIVEN && flags->host_count != NOT_GIVEN))
        return true;
    *code = admin_fail_usage(it->admin.command,
                             "which cluster? Give --seeds tcp://HOST:PORT, AREG_SEEDS or --config FILE; or, without a "
                             "cluster, --hosts, --value, --reads-per-s and --writes-per-s");
    return false;
}

static void settle_workload(struct consultation *it)
{
    const struct advise_flags *flags = &it->flags;
    struct workload *workload = &it->workload;
    if (flags->reads_per_s != NOT_GIVEN)
        workload->reads_per_s = (double)flags->reads_per_s;
    if (flags->writes_per_s != NOT_GIVEN)
        workload->writes_per_s = (double)flags->writes_per_s;
    if (flags->value_bytes != NOT_GIVEN)
        workload->value_bytes = flags->value_bytes;
    if (flags->key_count != NOT_GIVEN)
        workload->register_count = flags->key_count;
    workload->client_count = (unsigned)flags->client_count;
    it->wish.tolerance = (unsigned)flags->tolerance;
    it->wish.host_count_max = flags->host_count != NOT_GIVEN ? (unsigned)flags->host_count : it->base.member_count;
}

/* ---------------------------------------------------------------- text */

static const char *print_ns(double ns, char text[UNITS_TEXT_BYTES])
{
    return units_print_duration((uint64_t)(ns / 1000) * 1000, text);
}

static void print_question(const struct consultation *it)
{
    char text[2][UNITS_TEXT_BYTES];
    const struct workload *workload = &it->workload;
    const struct machines *machines = &it->machines;
    printf("workload: %.4g reads/s and %.4g writes/s of %s", workload->reads_per_s, workload->writes_per_s,
           units_print_bytes(workload->value_bytes, text[0]));
    if (workload->register_count > 0)
        printf(" in %" PRIu64 " register%s", workload->register_count, workload->register_count == 1 ? "" : "s");
    printf("\nmachines: round trip %s to %s", print_ns(2.0 * (double)machines->delay_min_ns, text[0]),
           print_ns(2.0 * (double)machines->delay_max_ns, text[1]));
    printf(", commit %s to %s", print_ns((double)machines->commit_min_ns, text[0]),
           print_ns((double)machines->commit_max_ns, text[1]));
    if (machines->bandwidth_bytes_per_s > 0)
        printf(", network %s/s\n", units_print_bytes(machines->bandwidth_bytes_per_s, text[0]));
    else
        puts(", network without limit");
    printf("wanted:   up to %u host%s; %u may be lost", it->wish.host_count_max,
           it->wish.host_count_max == 1 ? "" : "s", it->wish.tolerance);
    if (it->wish.p99_ns > 0)
        printf("; 99 of 100 reads, and writes, within %s", print_ns((double)it->wish.p99_ns, text[0]));
    puts("\n");
}

static const char *note_of(const struct consultation *it, int index)
{
    const struct advice *advice = &it->advices.at[index];
    const bool is_present = it->has_cluster && code_equal(advice->code, it->base.code);
    if (index == it->advices.best)
        return is_present ? "best, and present" : "best";
    if (advice->forecast.utilisation >= 1)
        return "overloaded";
    if (!advice->is_fast_enough)
        return is_present ? "too slow, and present" : "too slow";
    return is_present ? "present" : "";
}

static void print_row(const struct consultation *it, int index)
{
    char text[UNITS_TEXT_BYTES];
    const struct advice *advice = &it->advices.at[index];
    const struct forecast *forecast = &advice->forecast;
    printf("%-8s  %4u  %6.2f", code_print(advice->code, text), advice->tolerance, advice->stored);
    printf("  %8s", units_print_bytes((uint64_t)(advice->read_bytes + 0.5), text));
    printf("  %8s", units_print_bytes((uint64_t)(advice->write_bytes + 0.5), text));
    printf("  %8s", units_print_bytes((uint64_t)(advice->mean_bytes + 0.5), text));
    if (forecast->utilisation < 1) {
        printf("  %8s", print_ns(forecast->read_p50_ns, text));
        printf("  %8s", print_ns(forecast->read_p99_ns, text));
        printf("  %8s", print_ns(forecast->write_p50_ns, text));
        printf("  %8s", print_ns(forecast->write_p99_ns, text));
    } else {
        printf("  %8s  %8s  %8s  %8s", "-", "-", "-", "-");
    }
    printf("  %4.0f %%", 100 * forecast->utilisation);
    if (advice->moved >= 0 && it->moved_bytes > 0)
        printf("  %8s", units_print_bytes((uint64_t)(advice->moved * it->moved_bytes + 0.5), text));
    else
        printf("  %8s", "-");
    const char *note = note_of(it, index);
    printf("%s%s\n", note[0] ? "  " : "", note);
}

static void print_text(const struct consultation *it)
{
    const struct advices *advices = &it->advices;
    print_question(it);
    if (advices->count == 0)
        return;
    puts("code      lost  stored  B/read    B/write   B/op      read p50       p99  write p50      p99    load   to "
         "move");
    for (unsigned i = 0; i < advices->count; i++)
        print_row(it, (int)i);
    if (advices->best < 0)
        return;
    char code[CODE_TEXT_BYTES];
    const struct advice *best = &advices->at[advices->best];
    code_print(best->code, code);
    if (!it->has_cluster)
        printf("\n%s is the cheapest that will do\n", code);
    else if (code_equal(best->code, it->base.code))
        printf("\n%s, which it has, is the cheapest that will do\n", code);
    else if (best->code.n == it->base.member_count)
        printf("\n%s is the cheapest that will do; areg-reconfig plan recode %s tells more\n", code, code);
    else
        printf("\n%s is the cheapest that will do; recode %s, and %s %d host%s, in one change\n", code, code,
               best->code.n > it->base.member_count ? "add" : "remove", abs(best->code.n - it->base.member_count),
               abs(best->code.n - it->base.member_count) == 1 ? "" : "s");
}

/* ---------------------------------------------------------------- JSON */

static void print_code_json(const char *name, const struct advices *advices, int index)
{
    char code[CODE_TEXT_BYTES];
    if (index >= 0)
        printf("\"%s\":\"%s\"", name, code_print(advices->at[index].code, code));
    else
        printf("\"%s\":null", name);
}

static void print_advice_json(const struct consultation *it, const struct advice *advice)
{
    char code[CODE_TEXT_BYTES];
    const struct forecast *forecast = &advice->forecast;
    printf("{\"code\":\"%s\",\"tolerance\":%u,\"stored\":%.6g", code_print(advice->code, code), advice->tolerance,
           advice->stored);
    printf(",\"read_bytes\":%.0f,\"write_bytes\":%.0f,\"op_bytes\":%.0f", advice->read_bytes, advice->write_bytes,
           advice->mean_bytes);
    if (forecast->utilisation < 1)
        printf(",\"read_p50_us\":%.0f,\"read_p99_us\":%.0f,\"write_p50_us\":%.0f,\"write_p99_us\":%.0f",
               forecast->read_p50_ns / 1000, forecast->read_p99_ns / 1000, forecast->write_p50_ns / 1000,
               forecast->write_p99_ns / 1000);
    else
        fputs(",\"read_p50_us\":null,\"read_p99_us\":null,\"write_p50_us\":null,\"write_p99_us\":null", stdout);
    printf(",\"utilisation\":%.4f,\"busiest\":\"%s\"", forecast->utilisation, forecast->busiest);
    if (advice->moved >= 0 && it->moved_bytes > 0)
        printf(",\"moved_bytes\":%.0f", advice->moved * it->moved_bytes);
    else
        fputs(",\"moved_bytes\":null", stdout);
    printf(",\"is_fast_enough\":%s}", advice->is_fast_enough ? "true" : "false");
}

static void print_json(const struct consultation *it)
{
    const struct workload *workload = &it->workload;
    const struct machines *machines = &it->machines;
    char code[CODE_TEXT_BYTES];
    printf("{\"v\":1,\"workload\":{\"reads_per_s\":%.6g,\"writes_per_s\":%.6g,\"value_bytes\":%" PRIu64
           ",\"registers\":%" PRIu64 ",\"clients\":%u}",
           workload->reads_per_s, workload->writes_per_s, workload->value_bytes, workload->register_count,
           workload->client_count);
    printf(",\"machines\":{\"rtt_min_us\":%.1f,\"rtt_max_us\":%.1f,\"commit_min_us\":%.1f,\"commit_max_us\":%.1f"
           ",\"bandwidth_bytes_per_s\":%" PRIu64 "}",
           (double)machines->delay_min_ns / 500, (double)machines->delay_max_ns / 500,
           (double)machines->commit_min_ns / 1000, (double)machines->commit_max_ns / 1000,
           machines->bandwidth_bytes_per_s);
    printf(",\"hosts\":%u,\"tolerate\":%u,\"slo_p99_us\":%.1f", it->wish.host_count_max, it->wish.tolerance,
           (double)it->wish.p99_ns / 1000);
    printf(",\"present\":%s%s%s", it->has_cluster ? "\"" : "",
           it->has_cluster ? code_print(it->base.code, code) : "null", it->has_cluster ? "\"," : ",");
    print_code_json("best", &it->advices, it->advices.best);
    putchar(',');
    print_code_json("nearest", &it->advices, it->advices.best < 0 ? it->advices.nearest : -1);
    fputs(",\"codes\":[", stdout);
    for (unsigned i = 0; i < it->advices.count; i++) {
        fputs(i > 0 ? "," : "", stdout);
        print_advice_json(it, &it->advices.at[i]);
    }
    puts("]}");
}

/* ---------------------------------------------------------------- */

/* Why there is nothing to take, and what comes nearest to it. */
static enum exit_code refuse(const struct consultation *it)
{
    const struct advices *advices = &it->advices;
    char code[CODE_TEXT_BYTES];
    char text[2][UNITS_TEXT_BYTES];
    fprintf(stderr, "areg-reconfig: %s: ", it->admin.command->name);
    if (advices->nearest < 0) {
        fprintf(stderr, "no code for %u hosts tolerates the loss of %u: that takes %u\n", it->wish.host_count_max,
                it->wish.tolerance, 2 * it->wish.tolerance + 1);
        return EXIT_CODE_REFUSED;
    }
    const struct advice *nearest = &advices->at[advices->nearest];
    const struct forecast *forecast = &nearest->forecast;
    code_print(nearest->code, code);
    if (forecast->utilisation >= 1)
        fprintf(stderr, "no code carries this load; the nearest is %s: %s would be at %.0f %%\n", code,
                forecast->busiest, 100 * forecast->utilisation);
    else
        fprintf(stderr, "no code is fast enough; the nearest is %s: p99 of reads %s, of writes %s\n", code,
                print_ns(forecast->read_p99_ns, text[0]), print_ns(forecast->write_p99_ns, text[1]));
    return EXIT_CODE_REFUSED;
}

static enum exit_code consult(struct consultation *it)
{
    enum exit_code code;
    it->has_cluster = admin_names_cluster(&it->admin);
    it->machines = machines_usual();
    if (!check_given(it, &code) || !settle_texts(it, &code) || (it->has_cluster && !consult_cluster(it, &code)) ||
        !settle_machines(it, &code))
        return code;
    settle_workload(it);
    advise(&it->workload, &it->machines, &it->wish, it->has_cluster ? &it->base : NULL, &it->advices);
    if (it->admin.flags.json)
        print_json(it);
    else
        print_text(it);
    fflush(stdout);
    return it->advices.best < 0 ? refuse(it) : EXIT_CODE_OK;
}

static enum exit_code run_advise(const struct command *command, int argc, char **argv)
{
    struct consultation it = {.flags = {NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN, 0, NOT_GIVEN, NOT_GIVEN, NOT_GIVEN,
                                        NOT_GIVEN, NOT_GIVEN, NULL, NULL, 1, WINDOW_NS}};
    struct advise_flags *to = &it.flags;
    const struct flag flags[] = {
        {"slo-p99", 0, FLAG_TEXT, &to->slo_p99, "MS", "99 of 100 reads, and of 100 writes, are to end within it", 0, 0},
        {"tolerate", 0, FLAG_COUNT, &to->tolerance, "F", "hosts that may be lost, at least; 1", 0, MEMBER_COUNT_MAX},
        {"hosts", 0, FLAG_COUNT, &to->host_count, "N", "that there may be; the pool's", 1, MEMBER_COUNT_MAX},
        {"reads-per-s", 0, FLAG_COUNT, &to->reads_per_s, "N", "of all clients; what hosts count", 0, RATE_MAX},
        {"writes-per-s", 0, FLAG_COUNT, &to->writes_per_s, "N", "of all clients; what hosts count", 0, RATE_MAX},
        {"value", 0, FLAG_BYTES, &to->value_bytes, "SIZE", "of a value; what is written now", 0, AREG_VALUE_BYTES_MAX},
        {"keys", 0, FLAG_COUNT, &to->key_count, "N", "registers in use; the pool's", 1, UINT32_MAX},
        {"clients", 0, FLAG_COUNT, &to->client_count, "N", "that share the load; so many that none waits for itself", 0,
         UINT32_MAX},
        {"rtt", 0, FLAG_DURATION, &to->rtt_min_ns, "DURATION", "shortest round trip; as measured from here", 0,
         DURATION_NS_MAX},
        {"rtt-max", 0, FLAG_DURATION, &to->rtt_max_ns, "DURATION", "longest one; as measured, or --rtt", 0,
         DURATION_NS_MAX},
        {"bandwidth", 0, FLAG_TEXT, &to->bandwidth, "RATE", "of each machine's network; 1250MB/s, which is 10 Gbit/s",
         0, 0},
        {"commit", 0, FLAG_DURATION, &to->commit_min_ns, "DURATION", "shortest commit of a host; as hosts tell", 0,
         DURATION_NS_MAX},
        {"commit-max", 0, FLAG_DURATION, &to->commit_max_ns, "DURATION", "longest one; as hosts tell, or --commit", 0,
         DURATION_NS_MAX},
        {"window", 0, FLAG_DURATION, &to->window_ns, "DURATION", "how long the load is watched; 5s", 1000000,
         WINDOW_NS_MAX},
        ADMIN_FLAGS(&it.admin.flags)};
    enum exit_code code;
    if (!admin_parse(&it.admin, command, flags, argc, argv, &code))
        return code;
    return consult(&it);
}

const struct command command_advise = {
    .name = "advise",
    .synopsis = "advise [FLAG...] [POOL]",
    .summary = "which code suits the workload",
    .text =
        "Predict for each code that so many hosts can have: what it tolerates, stores and sends, how long reads and\n"
        "writes take, how busy what is busiest would be, and what crosses the network to get there. The cheapest that\n"
        "tolerates enough and is fast enough is marked: the one that stores least, then sends least, then has fewest\n"
        "members. Predictions hold to some percent while nothing fails; a margin of them is kept from --slo-p99.\n\n"
        "What is not given is what the pool's hosts tell. Without a cluster, --hosts, --value, --reads-per-s and\n"
        "--writes-per-s have to be given.\n\n"
        "Exit code: 0, or 9 if no code will do; the nearest one is named.",
    .examples = "  areg-reconfig advise --slo-p99 20\n"
                "  areg-reconfig advise --hosts 9 --tolerate 2 --window 1m\n"
                "  areg-reconfig advise --hosts 9 --value 64KiB --reads-per-s 500 --writes-per-s 100 --rtt 300us\n",
    .word_count_min = 0,
    .word_count_max = 1,
    .timeout_ms = TIMEOUT_MS_QUICK,
    .run = run_advise,
};
