/*
 * The study of slow hosts: what operations take while some hosts are slow, once as the engines do it, and once without
 * asking anybody else for what is late.
 */
#include "lab/scale_study.h"
#include "lab/scale_traffic.h"

#include <math.h>
#include <stdlib.h>

static double us_of(const struct traffic_tally *tally, uint32_t per_100000)
{
    return (double)histogram_quantile(&tally->latencies_ns, per_100000) / 1e3;
}

static void tell_kind(const struct scale_options *options, const struct traffic_report *report, enum traffic_kind kind,
                      bool hedges, struct scale_result *result)
{
    const struct traffic_tally *tally = &report->kinds[kind];
    const double op_count = tally->op_count ? (double)tally->op_count : 1;
    struct scale_table *table = &result->points;
    study_row(options, result);
    scale_cell_count(table, "clients", options->client_count);
    scale_cell_text(table, "dist", options->distribution);
    scale_cell_count(table, "value_bytes", options->value_bytes);
    scale_cell_count(table, "rate_hz", options->rate_hz);
    scale_cell_count(table, "slow_per_mille", options->slow_per_mille);
    scale_cell_count(table, "slow_factor", options->slow_factor);
    scale_cell_text(table, "hedging", hedges ? "on" : "off");
    scale_cell_text(table, "op", kind == TRAFFIC_READ ? "read" : "write");
    scale_cell_count(table, "ops", tally->op_count);
    scale_cell_count(table, "refused", report->refused_count);
    scale_cell_number(table, "mean_us", (double)tally->latency_ns / op_count / 1e3);
    scale_cell_number(table, "p50_us", us_of(tally, 50000));
    scale_cell_number(table, "p90_us", us_of(tally, 90000));
    scale_cell_number(table, "p99_us", us_of(tally, 99000));
    scale_cell_number(table, "p999_us", us_of(tally, 99900));
    scale_cell_number(table, "max_us", (double)tally->latencies_ns.max / 1e3);
    scale_cell_number(table, "requests_per_op", (double)tally->request_count / op_count);
    scale_cell_number(table, "hedges_per_op", (double)tally->hedge_count / op_count);
    scale_cell_number(table, "busy_mean", report->busy_mean);
    scale_cell_number(table, "busy_max", report->busy_max);
}

/* Little's law: what is under way is what begins in a second, times how long each takes. */
static double little_error(const struct scale_options *options, const struct traffic_report *report)
{
    const struct traffic_tally *kinds = report->kinds;
    const uint64_t op_count = kinds[TRAFFIC_READ].op_count + kinds[TRAFFIC_WRITE].op_count;
    const double latency_s = (double)(kinds[TRAFFIC_READ].latency_ns + kinds[TRAFFIC_WRITE].latency_ns) / 1e9;
    const double expected = latency_s / (op_count ? (double)op_count : 1) * (double)options->rate_hz;
    return expected > 0 ? fabs(report->in_flight_mean / expected - 1) : 0;
}

enum areg_error study_slow_hosts(const struct scale_options *options, struct scale_result *result)
{
    struct field field;
    struct traffic_report *reports = calloc(2, sizeof *reports);
    enum areg_error error = field_init(&field, options);
    if (!reports)
        error = AREG_ENOMEM;
    for (unsigned hedges = 0; !error && hedges <= 1; hedges++) {
        traffic_run(&(struct traffic_options){.scale = options, .hedges = hedges == 1}, &field, &reports[hedges]);
        for (unsigned kind = 0; kind < TRAFFIC_KIND_COUNT; kind++)
            tell_kind(options, &reports[hedges], (enum traffic_kind)kind, hedges == 1, result);
    }
    if (!error) {
        const struct traffic_tally *without = &reports[0].kinds[TRAFFIC_READ];
        const struct traffic_tally *with = &reports[1].kinds[TRAFFIC_READ];
        const double most = us_of(without, 99000) * 1.1;
        scale_check_most(result, "hedging-harmless", us_of(with, 99000), most,
                         "p99_us of reads; a tenth above what it is without hedging");
        scale_check_most(result, "hedging-cheap", (double)with->hedge_count,
                         (double)with->op_count * (options->slow_per_mille / 1000.0 * options->code.k * 1.5 + 0.005),
                         "fragments fetched a second time; half as much again as there are from slow hosts, and a few");
        scale_check_most(result, "nothing-refused", (double)(reports[0].refused_count + reports[1].refused_count), 0,
                         "operations that found hosts overloaded");
        scale_check_most(result, "little", little_error(options, &reports[1]), 0.1,
                         "operations under way against rate times latency; share that they differ by");
    }
    field_fini(&field);
    free(reports);
    return error;
}
