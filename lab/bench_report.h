/*
 * What a load has come to, as a table for people, a JSON document, or a line of CSV for each second.
 */
#ifndef LAB_BENCH_REPORT_H
#define LAB_BENCH_REPORT_H

#include "lab/load.h"

/** Operations of one kind by what they came to. */
struct outcome_counts {
    uint64_t all;
    uint64_t ok;        /* also a read that found nothing */
    uint64_t not_found; /* of those */
    uint64_t lost;      /* covering writes that found another write before them: no effect, and no failure */
    uint64_t failed;    /* no effect */
    uint64_t unknown;
};
struct outcome_counts bench_outcomes(const struct load_tally *tally);

/** A table for people: its head, and one row for operations of one kind; nothing if there were none. Operations a
 * second are those that have succeeded. */
void bench_table_head(FILE *to);
void bench_table_row(const char *kind_name, const struct histogram *latency_ns, const struct outcome_counts *counts,
                     double seconds, FILE *to);
/** The same for programs; `first` is what the row begins with, `first_names` the names of those columns. */
void bench_csv_head(const char *first_names, FILE *to);
void bench_csv_row(const char *first, const char *kind_name, const struct histogram *latency_ns,
                   const struct outcome_counts *counts, double seconds, FILE *to);
/** The same as members of a JSON object. */
void bench_json_outcomes(const struct histogram *latency_ns, const struct outcome_counts *counts, double seconds,
                         FILE *to);

/** Everything that is reported of one run. */
struct bench_result {
    const char *mix;
    const char *distribution;
    const struct load_options *options;
    double seconds;
    struct load_window total;
    struct load_counters counters; /* of the run alone */
    struct load_effort effort;
    uint64_t client_cpu_ns; /* of this process */
    bool has_hosts_cpu;     /* there is a local cluster to look at */
    uint64_t hosts_cpu_ns;
};

void bench_report_text(const struct bench_result *result, FILE *to);
void bench_report_json(const struct bench_result *result, FILE *to);

/** What the columns of the next two begin with. */
#define BENCH_CSV_FIRST_NAMES "span,begin_s,seconds"
/** One row of CSV for each kind of operation that completed in this second. */
void bench_csv_second(const struct load_window *window, uint64_t second, FILE *to);
/** The same for the whole run. */
void bench_csv_total(const struct bench_result *result, FILE *to);

/**
 * Whether the figures may be the generator's own rather than the cluster's: a thread that is busy all the time, or
 * operations of an open loop that begin so late for lack of a thread that it shows. `why` is a sentence then.
 */
enum { BENCH_WHY_BYTES = 256 };
bool bench_generator_limits(const struct bench_result *result, char why[BENCH_WHY_BYTES]);

/** One line for people about this second, without an end of line, cut off after `room_columns`. */
void bench_progress_line(const struct load_window *window, uint64_t second, unsigned room_columns, FILE *to);

#endif
