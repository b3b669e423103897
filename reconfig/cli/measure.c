#include "reconfig/cli/measure.h"

#include "client/lib/handle.h"
#include "reconfig/plan.h"

#include <stdlib.h>
#include <time.h>

/* Hosts are asked so often meanwhile: each time tells one round trip of each. */
#define TURN_NS UINT64_C(500000000)
enum { ROUND_TRIP_COUNT_MAX = 4096 };
/* What hosts can not mean. */
enum { COMMIT_US_MAX = 60 * 1000 * 1000 };
#define REGISTER_COUNT_MAX 1e15

struct host_counts host_counts_of(const struct host_asked *host)
{
    struct host_counts counts = {0};
    counts.is_told = host_number(host, "gets", &counts.gets) && host_number(host, "puts", &counts.puts) &&
                     host_number(host, "put_bytes", &counts.put_bytes);
    return counts;
}

static uint64_t value_bytes_of(double mean)
{
    return mean < (double)AREG_VALUE_BYTES_MAX ? (uint64_t)mean : AREG_VALUE_BYTES_MAX;
}

void measure_rates(const struct host_counts *before, const struct host_counts *after, unsigned host_count,
                   double seconds, struct code code, struct measured *measured)
{
    double gets = 0;
    double puts = 0;
    double put_bytes = 0;
    unsigned told_count = 0;
    for (unsigned i = 0; i < host_count; i++) {
        if (!before[i].is_told || !after[i].is_told || after[i].gets < before[i].gets ||
            after[i].puts < before[i].puts || after[i].put_bytes < before[i].put_bytes)
            continue;
        gets += (double)(after[i].gets - before[i].gets);
        puts += (double)(after[i].puts - before[i].puts);
        put_bytes += (double)(after[i].put_bytes - before[i].put_bytes);
        told_count++;
    }
    if (told_count == 0 || seconds <= 0)
        return;
    /* A read asks all members, but with directories these and one replica; a write puts to all. */
    const double asked_count = code.dap == DAP_LDR ? code.directory_count + 1 : code.n;
    const double all = (double)host_count / told_count;
    measured->has_rates = true;
    measured->reads_per_s = gets * all / asked_count / seconds;
    measured->writes_per_s = puts * all / code.n / seconds;
    if (puts > 0)
        measured->value_bytes = value_bytes_of(put_bytes * code.n / puts / plan_stored_factor(code));
}

/* ---------------------------------------------------------------- asking */

struct measuring {
    struct admin *admin;
    const struct shards *shards;
    struct code code;
    unsigned host_count;
    struct host_counts *before;
    struct host_counts *after;
    uint64_t before_ns;
    uint64_t after_ns;
    struct measured *measured;
    unsigned round_trip_count;
    uint32_t round_trips_us[ROUND_TRIP_COUNT_MAX]; /* the first ones */
};

static bool is_in_pool(const struct shards *shards, const struct host_id *id)
{
    for (unsigned i = 0; i < shards->count; i++)
        if (shards->at[i].is_selected && shards->at[i].has_base && config_member_index(&shards->at[i].base, id) >= 0)
            return true;
    return false;
}

static void note_round_trip(struct measuring *measuring, const struct host_asked *host)
{
    if (measuring->round_trip_count < ROUND_TRIP_COUNT_MAX)
        measuring->round_trips_us[measuring->round_trip_count++] = host->round_trip_us;
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void settle_round_trips(struct measuring *measuring)
{
    const unsigned count = measuring->round_trip_count;
    if (count == 0)
        return;
    qsort(measuring->round_trips_us, count, sizeof measuring->round_trips_us[0], compare);
    measuring->measured->round_trip_min_ns = measuring->round_trips_us[0] * UINT64_C(1000);
    measuring->measured->round_trip_max_ns = measuring->round_trips_us[(count - 1) * 9 / 10] * UINT64_C(1000);
}

static void note_machines(struct measuring *measuring, const struct host_asked *hosts, unsigned host_count)
{
    struct measured *measured = measuring->measured;
    uint64_t median_sum_us = 0;
    uint64_t longest_sum_us = 0;
    unsigned count = 0;
    for (unsigned i = 0; i < host_count; i++) {
        uint64_t median_us;
        uint64_t longest_us;
        if (!is_in_pool(measuring->shards, &hosts[i].id) || !hosts[i].is_up)
            continue;
        note_round_trip(measuring, &hosts[i]);
        if (!host_number(&hosts[i], "commit_p50_us", &median_us) ||
            !host_number(&hosts[i], "commit_p99_us", &longest_us) || longest_us == 0 || median_us > longest_us ||
            longest_us > COMMIT_US_MAX)
            continue;
        median_sum_us += median_us;
        longest_sum_us += longest_us;
        count++;
    }
    if (count == 0)
        return;
    measured->commit_median_ns = median_sum_us * 1000 / count;
    measured->commit_max_ns = longest_sum_us * 1000 / count;
}

static void note_registers(const struct measuring *measuring, const struct host_asked *hosts, unsigned host_count)
{
    double register_count = 0;
    double bytes = 0;
    for (unsigned i = 0; i < measuring->shards->count; i++) {
        const struct shard *shard = &measuring->shards->at[i];
        if (!shard->is_selected)
            continue;
        const double count = shard_share(shard, hosts, host_count, "register_count");
        const double fragment_bytes = shard_share(shard, hosts, host_count, "fragment_bytes");
        register_count += count > 0 ? count : 0;
        bytes += fragment_bytes > 0 ? fragment_bytes * shard->base.code.k : 0;
    }
    measuring->measured->register_count =
        (uint64_t)(register_count < REGISTER_COUNT_MAX ? register_count + 0.5 : REGISTER_COUNT_MAX);
    if (measuring->measured->value_bytes == 0 && register_count >= 1)
        measuring->measured->value_bytes = value_bytes_of(bytes / register_count);
}

/* Ask all hosts once. */
static bool take_turn(struct measuring *measuring, enum exit_code *code)
{
    struct host_asked *hosts;
    unsigned host_count;
    if (!shards_ask_hosts(measuring->admin, measuring->shards, &hosts, &host_count, code))
        return false;
    const bool is_first = measuring->before == NULL;
    struct host_counts *counts = calloc(host_count + 1, sizeof *counts);
    unsigned count = 0;
    for (unsigned i = 0; i < host_count && counts; i++)
        if (is_in_pool(measuring->shards, &hosts[i].id))
            counts[count++] = host_counts_of(&hosts[i]);
    free(measuring->after);
    measuring->after = NULL;
    *(is_first ? &measuring->before : &measuring->after) = counts;
    *(is_first ? &measuring->before_ns : &measuring->after_ns) = handle_now_ns();
    measuring->host_count = count;
    note_machines(measuring, hosts, host_count);
    note_registers(measuring, hosts, host_count);
    hosts_fini(hosts, host_count);
    free(hosts);
    if (!counts)
        *code = admin_fail(measuring->admin, EXIT_CODE_ERROR, "out of memory");
    return counts != NULL;
}

static void rest_until(uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / UINT64_C(1000000000)),
                                   .tv_nsec = (long)(until_ns % UINT64_C(1000000000))};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        continue;
}

bool measure(struct admin *admin, const struct shards *shards, uint64_t window_ns, struct measured *measured,
             enum exit_code *code)
{
    struct measuring measuring = {.admin = admin, .shards = shards, .measured = measured};
    *measured = (struct measured){0};
    for (unsigned i = shards->count; i-- > 0;)
        if (shards->at[i].is_selected && shards->at[i].has_base)
            measuring.code = shards->at[i].base.code;
    bool goes_on = take_turn(&measuring, code);
    const uint64_t end_ns = measuring.before_ns + window_ns;
    while (goes_on && window_ns > 0 && measuring.after_ns < end_ns) {
        const uint64_t next_ns = handle_now_ns() + TURN_NS;
        rest_until(next_ns < end_ns ? next_ns : end_ns);
        measured->value_bytes = 0;
        goes_on = take_turn(&measuring, code);
    }
    if (goes_on && measuring.after)
        measure_rates(measuring.before, measuring.after, measuring.host_count,
                      (double)(measuring.after_ns - measuring.before_ns) / 1e9, measuring.code, measured);
    settle_round_trips(&measuring);
    free(measuring.before);
    free(measuring.after);
    return goes_on;
}
