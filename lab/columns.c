#include "lab/columns.h"

#include "core/check.h"
#include "lab/bench_report.h"
#include "lab/experiment_events.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *const kind_names[] = {[LOAD_READ] = "read", [LOAD_WRITE] = "write"};

const char *columns_kind_name(enum load_kind kind)
{
    return kind_names[kind];
}

bool columns_has(const struct trial *trial, enum load_kind kind)
{
    if (kind == LOAD_READ)
        return trial->reader_count > 0 || (trial->mixed_count > 0 && trial->read_percent > 0);
    return trial->writer_count > 0 || (trial->mixed_count > 0 && trial->read_percent < 100);
}

/* ---------------------------------------------------------------- bounds */

/* The most that any of the trial's configurations takes. */
struct spread {
    double holder_ratio; /* n/k: what a put-data sends, in values */
    double read_ratio;   /* what a get-data receives, as the paper has it: whole lists, or whole copies */
    bool has_directories;
};

static void spread_code(struct code code, unsigned delta, struct spread *spread)
{
    double sent = (double)code.n / code.k;
    double received = code.n;
    if (code.dap == DAP_TREAS) {
        received = (delta + 1.0) * sent;
    } else if (code.dap == DAP_LDR) {
        sent = code.n - code.directory_count;
        received = quorum_majority(code.n - code.directory_count);
        spread->has_directories = true;
    }
    spread->holder_ratio = fmax(spread->holder_ratio, sent);
    spread->read_ratio = fmax(spread->read_ratio, received);
}

static struct spread spread_of(const struct trial *trial)
{
    struct spread spread = {0};
    struct code code = trial->code;
    unsigned delta = trial->delta;
    spread_code(code, delta, &spread);
    for (unsigned i = 0; i < trial->event_count; i++) {
        event_change_code(&trial->events[i], &code, &delta);
        spread_code(code, delta, &spread);
    }
    return spread;
}

/* Twice the rounds of an operation that meets `lambda` configurations: in units of D, the longest delay. */
static double delays_of(enum load_kind kind, bool has_directories, double lambda)
{
    if (kind == LOAD_WRITE)
        return (has_directories ? 6 : 4) * (lambda + 1);
    if (!has_directories)
        return 6 * (lambda + 1);
    return lambda > 0 ? 6 * lambda + 8 : 4;
}

struct bounds columns_bounds(const struct tried *tried, enum load_kind kind)
{
    const struct trial *trial = tried->trial;
    struct bounds bounds = {NAN, NAN, NAN, NAN, NAN};
    const struct spread spread = spread_of(trial);
    /* No operation can meet more of them. */
    const double lambda = (double)tried->measurement->configuration_max;
    const double delays = delays_of(kind, spread.has_directories, lambda);
    if (tried->bounds & BOUND_ROUNDS)
        bounds.rounds = delays / 2;
    if (tried->bounds & BOUND_SENT)
        bounds.sent_values = spread.holder_ratio * (lambda + 1);
    if (tried->bounds & BOUND_RECEIVED)
        bounds.received_values = kind == LOAD_READ ? spread.read_ratio * (lambda + 1) : 0;
    /* While a configuration changes, both have what they have; what directories' replicas keep depends on others. */
    if ((tried->bounds & BOUND_STORAGE) && lambda == 0 && !spread.has_directories)
        bounds.stored_values =
            trial->code.dap == DAP_TREAS ? (trial->delta + 1.0) * spread.holder_ratio : spread.holder_ratio;
    /* Promised where nothing but the network takes time: on a machine all does, and a slow link, too. */
    const bool is_ideal = tried->backend == EXPERIMENT_SIM && !trial->syncs && trial->processing_ns == 0 &&
                          trial->bandwidth_bytes_per_s == 0;
    if ((tried->bounds & BOUND_LATENCY) && is_ideal)
        bounds.latency_us = delays * (double)trial->delay_max_ns / 1e3;
    return bounds;
}

/* ---------------------------------------------------------------- rows */

static const char head[] =
    "point,repeat,backend,code,n,k,delta,hosts,readers,writers,mixed,depth,keys,value_bytes,dist,rate_hz,"
    "delay_min_us,delay_max_us,bandwidth_bytes_per_s,switched_off,events,op,ops,ok,failed,unknown,seconds,ops_per_s,"
    "min_us,mean_us,p50_us,p90_us,p99_us,p999_us,max_us,rounds_per_op,sent_values_per_op,received_values_per_op,"
    "stored_values_max,stored_values_rest,moved_values,packets_per_op,overhead_bytes_per_op,client_cpu_us_per_op,"
    "hosts_cpu_us_per_op,configuration_max,bound_rounds,bound_sent_values,bound_received_values,bound_stored_values,"
    "bound_latency_us\n";

void columns_print_head(FILE *to)
{
    fputs(head, to);
}

void columns_print_number(double number, FILE *to)
{
    if (!isnan(number))
        fprintf(to, "%.7g", number);
}

static void print_numbers(const double *numbers, unsigned count, FILE *to)
{
    for (unsigned i = 0; i < count; i++) {
        fputc(',', to);
        columns_print_number(numbers[i], to);
    }
}

/* What the point was. */
static void print_trial(const struct tried *tried, FILE *to)
{
    const struct trial *trial = tried->trial;
    char code[CODE_TEXT_BYTES];
    fprintf(to, "%u,%u,%s,\"%s\",%u,%u,%u,%u,%u,%u,%u,%u,%" PRIu64 ",%zu,%s,%" PRIu64, tried->point, tried->repeat,
            experiment_backend_name(tried->backend), code_print(trial->code, code), trial->code.n, trial->code.k,
            trial->delta, trial->host_count, trial->reader_count, trial->writer_count, trial->mixed_count, trial->depth,
            trial->key_count, trial->value_bytes, trial->distribution, trial->rate_hz);
    const double numbers[] = {(double)trial->delay_min_ns / 1e3, (double)trial->delay_max_ns / 1e3};
    print_numbers(numbers, 2, to);
    fprintf(to, ",%" PRIu64 ",%s,%u", trial->bandwidth_bytes_per_s,
            trial->switched_off[0] ? trial->switched_off : "none", trial->event_count);
}

static void print_latencies(const struct histogram *latency_ns, FILE *to)
{
    static const uint32_t quantiles[] = {50000, 90000, 99000, 99900, 100000};
    enum { QUANTILE_COUNT = sizeof quantiles / sizeof quantiles[0] };
    double numbers[2 + QUANTILE_COUNT];
    const bool has_any = latency_ns->count > 0;
    numbers[0] = has_any ? (double)histogram_min(latency_ns) / 1e3 : NAN;
    numbers[1] = has_any ? histogram_mean(latency_ns) / 1e3 : NAN;
    for (unsigned i = 0; i < QUANTILE_COUNT; i++)
        numbers[2 + i] = has_any ? (double)histogram_quantile(latency_ns, quantiles[i]) / 1e3 : NAN;
    print_numbers(numbers, 2 + QUANTILE_COUNT, to);
}

void columns_print_row(const struct tried *tried, enum load_kind kind, FILE *to)
{
    const struct measurement *measured = tried->measurement;
    const struct load_tally *tally = &measured->kinds[kind];
    const struct outcome_counts counts = bench_outcomes(tally);
    const struct bounds bounds = columns_bounds(tried, kind);
    print_trial(tried, to);
    fprintf(to, ",%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, columns_kind_name(kind), counts.all, counts.ok,
            counts.failed, counts.unknown);
    const double rates[] = {measured->seconds,
                            measured->seconds > 0 ? (double)counts.ok / measured->seconds : (double)NAN};
    print_numbers(rates, 2, to);
    print_latencies(&tally->latency_ns, to);
    const double costs[] = {
        measured->rounds[kind],
        measured->sent_values[kind],
        measured->received_values[kind],
        measured->stored_values_max,
        measured->stored_values_rest,
        measured->moved_values,
        measured->packets_per_op,
        measured->overhead_bytes_per_op,
        measured->client_cpu_us_per_op,
        measured->hosts_cpu_us_per_op,
        (double)measured->configuration_max,
        bounds.rounds,
        bounds.sent_values,
        bounds.received_values,
        bounds.stored_values,
        bounds.latency_us,
    };
    print_numbers(costs, sizeof costs / sizeof costs[0], to);
    fputc('\n', to);
}
