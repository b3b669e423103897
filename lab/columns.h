/*
 * The columns of points.csv: what a point was, what it came to, and beside it what is promised of it.
 *
 * Bounds are those of docs/simulator.md ("How long things take") and of the paper's cost theorems; they say what may
 * not be exceeded, whoever else is at work. What nobody promises has no bound: its cell is empty.
 */
#ifndef LAB_COLUMNS_H
#define LAB_COLUMNS_H

#include "lab/experiment.h"

/** One try of one point. */
struct tried {
    unsigned point;
    unsigned repeat;
    enum experiment_backend backend;
    unsigned bounds; /* bits of enum experiment_bound */
    const struct trial *trial;
    const struct measurement *measurement; /* NULL where there is `scale` */
    const struct scale_result *scale;      /* of experiments with that backend; else NULL */
};

/** NAN: there is none, or none is wanted. Of one kind of operation; storage is of both. */
struct bounds {
    double rounds;
    double sent_values;
    double received_values;
    double stored_values;
    double latency_us;
};
struct bounds columns_bounds(const struct tried *tried, enum load_kind kind);

/** Whether the trial's clients do operations of this kind: then it has a row. */
bool columns_has(const struct trial *trial, enum load_kind kind);
/** "read", "write". */
const char *columns_kind_name(enum load_kind kind);

/** The name of each column, and a new line. */
void columns_print_head(FILE *to);
void columns_print_row(const struct tried *tried, enum load_kind kind, FILE *to);
/** A number as it stands in a cell; nothing if it is NAN. */
void columns_print_number(double number, FILE *to);

#endif
