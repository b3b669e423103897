#include "lab/bench_report.h"

#include "core/error.h"
#include "core/units.h"

#include <areg.h>

#include <inttypes.h>

enum {
    P50 = 50000,
    P99 = 99000,
    P99_9 = 99900,
};

struct outcome_counts bench_outcomes(const struct load_tally *tally)
{
    struct outcome_counts counts = {
        .all = tally->latency_ns.count,
        .ok = tally->errors[AREG_OK] + tally->errors[AREG_ENOTFOUND],
        .not_found = tally->errors[AREG_ENOTFOUND],
        .unknown = tally->errors[AREG_EMAYBE],
    };
    counts.failed = counts.all - counts.ok - counts.unknown;
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

/* ---------------------------------------------------------------- for people */

void bench_table_head(FILE *to)
{
    fprintf(to, "  %-6s  %10s  %9s  %9s  %9s  %9s  %10s  %9s  %7s  %7s\n", "", "ops/s", "p50", "p99", "p99.9", "max",
            "ok", "not found", "failed", "unknown");
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
    fprintf(to, "  %10" PRIu64 "  %9" PRIu64 "  %7" PRIu64 "  %7" PRIu64 "\n", counts->ok, counts->not_found,
            counts->failed, counts->unknown);
}

static void print_errors(const struct bench_result *result, FILE *to)
{
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++)
        for (unsigned error = AREG_OK + 1; error <= AREG_EMAYBE; error++) {
            const uint64_t count = result->total.kinds[kind].errors[error];
            if (count > 0 && error != AREG_ENOTFOUND)
                fprintf(to, "  %-6s  %10" PRIu64 " x %s: %s\n", load_kind_name(kind), count,
                        error_name((enum areg_error)error), error_sentence((enum areg_error)error));
        }
}

void bench_report_text(const struct bench_result *result, FILE *to)
{
    const struct load_options *options = result->options;
    char value[UNITS_TEXT_BYTES];
    fprintf(to, "mix %s, %" PRIu64 " keys (%s) of %s, %u clients x %u outstanding, ", result->mix,
            options->keys.key_count, result->distribution, units_print_bytes(options->value_bytes_max, value),
            load_client_count(options), options->depth);
    if (options->rate_hz)
        fprintf(to, "%" PRIu64 " operations/s due, ", options->rate_hz);
    fprintf(to, "%.1f s\n\n", result->seconds);
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
    fputc('\n', to);
}

/* ---------------------------------------------------------------- for programs */

void bench_json_outcomes(const struct histogram *latency_ns, const struct outcome_counts *counts, double seconds,
                         FILE *to)
{
    fprintf(to,
            "\"ops\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"not_found\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"unknown\":%" PRIu64 ",\"per_second\":%.1f,\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
            ",\"p999_ns\":%" PRIu64 ",\"max_ns\":%" PRIu64,
            counts->all, counts->ok, counts->not_found, counts->failed, counts->unknown,
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

void bench_report_json(const struct bench_result *result, FILE *to)
{
    const struct load_options *options = result->options;
    fprintf(to,
            "{\"v\":1,\"mix\":\"%s\",\"keys\":%" PRIu64 ",\"dist\":\"%s\",\"value_bytes\":%zu,\"clients\":%u,"
            "\"depth\":%u,\"rate_hz\":%" PRIu64 ",\"seconds\":%.3f,",
            result->mix, options->keys.key_count, result->distribution, options->value_bytes_max,
            load_client_count(options), options->depth, options->rate_hz, result->seconds);
    print_kind_json(result, LOAD_READ, to);
    print_kind_json(result, LOAD_WRITE, to);
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

void bench_csv_head(const char *time_name, FILE *to)
{
    fprintf(to, "%s,op,ops,ok,not_found,failed,unknown,p50_us,p99_us,max_us\n", time_name);
}

void bench_csv_row(double time, const char *kind_name, const struct histogram *latency_ns,
                   const struct outcome_counts *counts, FILE *to)
{
    fprintf(
        to, "%g,%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "\n",
        time, kind_name, counts->all, counts->ok, counts->not_found, counts->failed, counts->unknown,
        histogram_quantile(latency_ns, P50) / 1000, histogram_quantile(latency_ns, P99) / 1000, latency_ns->max / 1000);
}

void bench_csv_second(const struct load_window *window, uint64_t second, FILE *to)
{
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        const struct load_tally *tally = &window->kinds[kind];
        const struct outcome_counts counts = bench_outcomes(tally);
        if (counts.all > 0)
            bench_csv_row((double)second, load_kind_name(kind), &tally->latency_ns, &counts, to);
    }
    fflush(to);
}

void bench_progress_line(const struct load_window *window, uint64_t second, FILE *to)
{
    fprintf(to, "%4" PRIu64 " s", second);
    for (unsigned kind = 0; kind < LOAD_KIND_COUNT; kind++) {
        const struct load_tally *tally = &window->kinds[kind];
        const struct outcome_counts counts = bench_outcomes(tally);
        char p50[UNITS_TEXT_BYTES];
        char p99[UNITS_TEXT_BYTES];
        fprintf(to, "  |  %-5s %8" PRIu64 "/s  p50 %8s  p99 %8s  failed %" PRIu64, load_kind_name(kind), counts.all,
                units_print_duration(histogram_quantile(&tally->latency_ns, P50), p50),
                units_print_duration(histogram_quantile(&tally->latency_ns, P99), p99), counts.failed + counts.unknown);
    }
    fputc('\n', to);
}
