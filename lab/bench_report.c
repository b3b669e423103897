#include "lab/bench_report.h"

#include "core/check.h"
#include "core/error.h"
#include "core/units.h"

#include <areg.h>

#include <inttypes.h>

enum {
    P50 = 50000,
    P90 = 90000,
    P99 = 99000,
    P99_9 = 99900,
};

struct outcome_counts bench_outcomes(const struct load_tally *tally)
{
    struct outcome_counts counts = {
        .all = tally->latency_ns.count,
        .ok = tally->errors[AREG_OK] + tally->errors[AREG_ENOTFOUND],
        .not_found = tally->errors[AREG_ENOTFOUND],
        .lost = tally->errors[AREG_ESTALE],
        .unknown = tally->errors[AREG_EMAYBE],
    };
    counts.failed = counts.all - counts.ok - counts.lost - counts.unknown;
    return counts;
}

static double ratio(double numerator, double denominator)
{
    return denominator > 0 ? numerator / denominator : 0;
}

/* What one operation of each kind cost, as far as the counters can tell them apart: fragments are sent by writes (and
 * by reads that write back), and received by reads. */
struct costs {
    double read_rounds;
    double write_rounds;
    double values_received_per_read;
    double values_sent_per_write;
    double packets_per_op;
    double overhead_bytes_per_op;
    double client_cpu_us_per_op;
    double hosts_cpu_us_per_op;
};

static struct costs costs_of(const struct bench_result *result)
{
    const uint64_t *values = result->counters.values;
    const double reads = (double)values[AREG_COUNT_READS];
    const double writes = (double)values[AREG_COUNT_WRITES];
    return (struct costs){
        .read_rounds = ratio((double)values[AREG_COUNT_READ_ROUNDS], reads),
        .write_rounds = ratio((double)values[AREG_COUNT_WRITE_ROUNDS], writes),
        .values_received_per_read = ratio((double)values[AREG_COUNT_BYTES_RECEIVED], (double)result->total.bytes_read),
        .values_sent_per_write = ratio((double)values[AREG_COUNT_BYTES_SENT], (double)result->total.bytes_written),
        .packets_per_op = ratio((double)values[AREG_COUNT_PACKETS_SENT], reads + writes),
        .overhead_bytes_per_op =
            ratio((double)(values[AREG_COUNT_OVERHEAD_SENT] + values[AREG_COUNT_OVERHEAD_RECEIVED]), reads + writes),
        .client_cpu_us_per_op = ratio((double)result->client_cpu_ns / 1e3, reads + writes),
        .hosts_cpu_us_per_op = ratio((double)result->hosts_cpu_ns / 1e3, reads + writes),
    };
}

/* The library has a thread of its own for each client. The main thread's share is next to nothing. */
static double library_busy(const struct bench_result *result)
{
    const double library_ns = (double)result->client_cpu_ns - (double)result->effort.cpu_ns;
    const double threads_ns = result->seconds * 1e9 * load_client_count(result->options);
    return library_ns > 0 ? ratio(library_ns, threads_ns) : 0;
}

bool bench_generator_limits(const struct bench_result *result, char why[BENCH_WHY_BYTES])
{
    static const double BUSY_MAX = 0.9;
    struct histogram all = {0};
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++)
        histogram_merge(&all, &result->total.kinds[kind].latency_ns);
    const uint64_t lateness_ns = histogram_quantile(&result->total.lateness_ns, P99);
    const uint64_t median_ns = histogram_quantile(&all, P50);
    const double library = library_busy(result);
    const double busy = result->effort.busy_max > library ? result->effort.busy_max : library;
    if (busy > BUSY_MAX) {
        snprintf(why, BENCH_WHY_BYTES,
                 "the load generator may be the limit: a thread of it was busy for %.0f %% of the time; "
                 "take more --clients, or another machine",
                 100 * busy);
        return true;
    }
    if (lateness_ns > median_ns) {
        char lateness[UNITS_TEXT_BYTES];
        char median[UNITS_TEXT_BYTES];
        snprintf(why, BENCH_WHY_BYTES,
                 "the load generator may be the limit: it began operations up to %s late (p99), and their median "
                 "is %s; take more --clients, or another machine",
                 units_print_duration(lateness_ns, lateness), units_print_duration(median_ns, median));
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------- for people */

void bench_table_head(FILE *to)
{
    fprintf(to, "  %-6s  %10s  %9s  %9s  %9s  %9s  %10s  %9s  %7s  %7s  %7s\n", "", "ops/s", "p50", "p99", "p99.9",
            "max", "ok", "not found", "lost", "failed", "unknown");
}

void bench_table_row(const char *kind_name, const struct histogram *latency_ns, const struct outcome_counts *counts,
                     double seconds, FILE *to)
{
    if (counts->all == 0)
        return;
    static const uint32_t quantiles[] = {P50, P99, P99_9, 100000};
    fprintf(to, "  %-6s  %10.0f", kind_name, ratio((double)counts->ok, seconds));
    for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        char text[UNITS_TEXT_BYTES];
        const uint64_t quantile_us = histogram_quantile(latency_ns, quantiles[i]) / 1000;
        fprintf(to, "  %9s", units_print_duration(quantile_us * 1000, text));
    }
    fprintf(to, "  %10" PRIu64 "  %9" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "\n", counts->ok,
            counts->not_found, counts->lost, counts->failed, counts->unknown);
}

static void print_errors(const struct bench_result *result, FILE *to)
{
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++)
        for (unsigned error = AREG_OK + 1; error <= AREG_EMAYBE; error++) {
            const uint64_t count = result->total.kinds[kind].errors[error];
            if (count > 0 && error != AREG_ENOTFOUND && error != AREG_ESTALE)
                fprintf(to, "  %-6s  %10" PRIu64 " x %s: %s\n", load_kind_name(kind), count,
                        error_name((enum areg_error)error), error_sentence((enum areg_error)error));
        }
}

static void print_value_bytes(const struct load_options *options, FILE *to)
{
    char text[UNITS_TEXT_BYTES];
    fprintf(to, "%s", units_print_bytes(options->value_bytes_min, text));
    if (options->value_bytes_max > options->value_bytes_min)
        fprintf(to, " to %s", units_print_bytes(options->value_bytes_max, text));
}

static void print_load(const struct bench_result *result, FILE *to)
{
    const struct load_options *options = result->options;
    fprintf(to, "mix %s, %" PRIu64 " keys (%s) of ", result->mix, options->keys.key_count, result->distribution);
    print_value_bytes(options, to);
    fprintf(to, ", ");
    if (options->reader_count)
        fprintf(to, "%u readers + ", options->reader_count);
    if (options->writer_count)
        fprintf(to, "%u writers + ", options->writer_count);
    fprintf(to, "%u clients x %u outstanding, ", options->mixed_count, options->depth);
    if (options->rate_hz)
        fprintf(to, "open loop, %" PRIu64 " operations/s due, ", options->rate_hz);
    else
        fprintf(to, "closed loop, ");
    fprintf(to, "%.1f s\n\n", result->seconds);
}

static void print_generator(const struct bench_result *result, FILE *to)
{
    fprintf(to,
            "  the load generator's threads were busy for %.0f %% of the time, the busiest for %.0f %%, the library's "
            "for %.0f %%",
            100 * result->effort.busy_mean, 100 * result->effort.busy_max, 100 * library_busy(result));
    char late[UNITS_TEXT_BYTES];
    if (result->options->rate_hz)
        fprintf(to, "; it began operations up to %s late (p99)",
                units_print_duration(histogram_quantile(&result->total.lateness_ns, P99), late));
    fputc('\n', to);
}

void bench_report_text(const struct bench_result *result, FILE *to)
{
    print_load(result, to);
    bench_table_head(to);
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        const struct load_tally *tally = &result->total.kinds[kind];
        const struct outcome_counts counts = bench_outcomes(tally);
        bench_table_row(load_kind_name(kind), &tally->latency_ns, &counts, result->seconds, to);
    }
    print_errors(result, to);
    const struct costs costs = costs_of(result);
    fputc('\n', to);
    if (result->counters.values[AREG_COUNT_READS])
        fprintf(to, "  a read took %.2f rounds and %.2f values received\n", costs.read_rounds,
                costs.values_received_per_read);
    if (result->counters.values[AREG_COUNT_WRITES])
        fprintf(to, "  a write took %.2f rounds and %.2f values sent\n", costs.write_rounds,
                costs.values_sent_per_write);
    fprintf(to, "  an operation took %.1f packets and %.0f bytes of headers, %.0f us of CPU here", costs.packets_per_op,
            costs.overhead_bytes_per_op, costs.client_cpu_us_per_op);
    if (result->has_hosts_cpu)
        fprintf(to, " and %.0f us at the hosts", costs.hosts_cpu_us_per_op);
    fprintf(to, "; the last configuration was c%" PRIu32 "\n", result->total.configuration);
    print_generator(result, to);
}

/* ---------------------------------------------------------------- for programs */

void bench_json_outcomes(const struct histogram *latency_ns, const struct outcome_counts *counts, double seconds,
                         FILE *to)
{
    fprintf(to,
            "\"ops\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"not_found\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"unknown\":%" PRIu64 ",\"per_second\":%.1f,\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
            ",\"p999_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64,
            counts->all, counts->ok, counts->not_found, counts->lost, counts->failed, counts->unknown,
            ratio((double)counts->ok, seconds), histogram_quantile(latency_ns, P50),
            histogram_quantile(latency_ns, P99), histogram_quantile(latency_ns, P99_9), latency_ns->max);
}

static void print_kind_json(const struct bench_result *result, enum load_kind kind, FILE *to)
{
    const struct load_tally *tally = &result->total.kinds[kind];
    const struct outcome_counts counts = bench_outcomes(tally);
    fprintf(to, "\"%s\":{", load_kind_name(kind));
    bench_json_outcomes(&tally->latency_ns, &counts, result->seconds, to);
    fprintf(to, ",\"errors\":{");
    const char *separator = "";
    for (unsigned error = AREG_OK + 1; error <= AREG_EMAYBE; error++) {
        if (tally->errors[error] == 0)
            continue;
        fprintf(to, "%s\"%s\":%" PRIu64, separator, error_name((enum areg_error)error), tally->errors[error]);
        separator = ",";
    }
    fprintf(to, "}},");
}

static void print_generator_json(const struct bench_result *result, FILE *to)
{
    const struct histogram *lateness_ns = &result->total.lateness_ns;
    char why[BENCH_WHY_BYTES];
    fprintf(to,
            "\"generator\":{\"busy_mean\":%.4f,\"busy_max\":%.4f,\"library_busy\":%.4f,\"late_p50_ns\":%" PRIu64
            ",\"late_p99_ns\":%" PRIu64 ",\"late_max_ns\":%" PRIu64 ",\"is_limit\":%s},",
            result->effort.busy_mean, result->effort.busy_max, library_busy(result),
            histogram_quantile(lateness_ns, P50), histogram_quantile(lateness_ns, P99), lateness_ns->max,
            bench_generator_limits(result, why) ? "true" : "false");
}

void bench_report_json(const struct bench_result *result, FILE *to)
{
    const struct load_options *options = result->options;
    fprintf(to,
            "{\"v\":1,\"mix\":\"%s\",\"keys\":%" PRIu64 ",\"dist\":\"%s\",\"value_bytes\":%zu,\"value_bytes_min\":%zu,"
            "\"clients\":%u,\"readers\":%u,\"writers\":%u,\"depth\":%u,\"rate_hz\":%" PRIu64 ",\"seconds\":%.3f,"
            "\"configuration\":%" PRIu32 ",",
            result->mix, options->keys.key_count, result->distribution, options->value_bytes_max,
            options->value_bytes_min, load_client_count(options), options->reader_count, options->writer_count,
            options->depth, options->rate_hz, result->seconds, result->total.configuration);
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++)
        print_kind_json(result, kind, to);
    print_generator_json(result, to);
    const struct costs costs = costs_of(result);
    fprintf(to,
            "\"rounds_per_read\":%.4f,\"values_received_per_read\":%.4f,\"rounds_per_write\":%.4f,"
            "\"values_sent_per_write\":%.4f,\"packets_per_op\":%.3f,\"overhead_bytes_per_op\":%.1f,"
            "\"client_cpu_us_per_op\":%.2f,\"hosts_cpu_us_per_op\":",
            costs.read_rounds, costs.values_received_per_read, costs.write_rounds, costs.values_sent_per_write,
            costs.packets_per_op, costs.overhead_bytes_per_op, costs.client_cpu_us_per_op);
    if (result->has_hosts_cpu)
        fprintf(to, "%.2f", costs.hosts_cpu_us_per_op);
    else
        fprintf(to, "null");
    fprintf(to, ",\"counters\":{");
    for (unsigned i = 0; i < AREG_COUNT_END; i++)
        fprintf(to, "%s\"%s\":%" PRIu64, i ? "," : "", areg_counter_name((enum areg_counter)i),
                result->counters.values[i]);
    fprintf(to, "}}\n");
}

/* ---------------------------------------------------------------- rows and lines */

void bench_csv_head(const char *first_names, FILE *to)
{
    fprintf(to, "%s,op,ops,ok,not_found,failed,unknown,p50_us,p99_us,max_us,lost,ops_per_s,min_us,p90_us,p999_us\n",
            first_names);
}

void bench_csv_row(const char *first, const char *kind_name, const struct histogram *latency_ns,
                   const struct outcome_counts *counts, double seconds, FILE *to)
{
    fprintf(to, "%s,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, first, kind_name, counts->all,
            counts->ok, counts->not_found, counts->failed, counts->unknown);
    fprintf(to, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, histogram_quantile(latency_ns, P50) / 1000,
            histogram_quantile(latency_ns, P99) / 1000, latency_ns->max / 1000);
    fprintf(to, ",%" PRIu64 ",%.1f,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n", counts->lost,
            ratio((double)counts->ok, seconds), histogram_quantile(latency_ns, 0) / 1000,
            histogram_quantile(latency_ns, P90) / 1000, histogram_quantile(latency_ns, P99_9) / 1000);
}

static void print_csv_rows(const struct load_window *window, const char *first, double seconds, FILE *to)
{
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        const struct load_tally *tally = &window->kinds[kind];
        const struct outcome_counts counts = bench_outcomes(tally);
        if (counts.all > 0)
            bench_csv_row(first, load_kind_name(kind), &tally->latency_ns, &counts, seconds, to);
    }
    fflush(to);
}

void bench_csv_second(const struct load_window *window, uint64_t second, FILE *to)
{
    char first[64];
    snprintf(first, sizeof first, "second,%" PRIu64 ",1", second);
    print_csv_rows(window, first, 1, to);
}

void bench_csv_total(const struct bench_result *result, FILE *to)
{
    char first[64];
    snprintf(first, sizeof first, "all,0,%.3f", result->seconds);
    print_csv_rows(&result->total, first, result->seconds, to);
}

void bench_progress_line(const struct load_window *window, uint64_t second, unsigned room_columns, FILE *to)
{
    char line[512];
    struct outcome_counts counts[LOAD_KIND_COUNT];
    struct outcome_counts sum = {0};
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        counts[kind] = bench_outcomes(&window->kinds[kind]);
        sum.lost += counts[kind].lost;
        sum.failed += counts[kind].failed;
        sum.unknown += counts[kind].unknown;
    }
    /* What matters most stands where a narrow terminal still shows it. */
    size_t used =
        (size_t)snprintf(line, sizeof line, "%4" PRIu64 " s  c%" PRIu32 "  failed %" PRIu64 "  unknown %" PRIu64,
                         second, window->configuration, sum.failed, sum.unknown);
    if (sum.lost > 0)
        used += (size_t)snprintf(line + used, sizeof line - used, "  lost %" PRIu64, sum.lost);
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        const struct histogram *latency_ns = &window->kinds[kind].latency_ns;
        char p50[UNITS_TEXT_BYTES];
        char p99[UNITS_TEXT_BYTES];
        if (counts[kind].all == 0)
            continue;
        used += (size_t)snprintf(line + used, sizeof line - used, "  |  %s %" PRIu64 "/s  p50 %s  p99 %s",
                                 load_kind_name(kind), counts[kind].ok,
                                 units_print_duration(histogram_quantile(latency_ns, P50), p50),
                                 units_print_duration(histogram_quantile(latency_ns, P99), p99));
    }
    CHECK(used < sizeof line);
    fprintf(to, "%.*s", (int)room_columns, line);
}
