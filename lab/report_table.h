/*
 * The tables of a report: what a run has measured at each point, as medians over its repeats, and its checks.
 */
#ifndef LAB_REPORT_TABLE_H
#define LAB_REPORT_TABLE_H

#include "lab/run_data.h"

#include <stdio.h>

void report_table_summary(const struct run_data *run, FILE *to);
/** All of limits.csv, as it is. */
void report_table_limits(const struct run_data *run, FILE *to);
void report_table_checks(const struct run_data *run, FILE *to);
/** A few words for the overview: "read: median 0.41 to 2.1 ms, up to 12,300 a second". */
void report_table_key_figures(const struct run_data *run, FILE *to);
/** What all points have in common: "rs:5,3, delta 8, 5 hosts". */
void report_table_setting(const struct run_data *run, FILE *to);

#endif
