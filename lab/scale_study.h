/*
 * The studies that scale_run() chooses from. Each fills in the rows and the checks of a result.
 */
#ifndef LAB_SCALE_STUDY_H
#define LAB_SCALE_STUDY_H

#include "lab/scale.h"

enum areg_error study_balance(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_movement(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_recovery(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_slow_hosts(const struct scale_options *options, struct scale_result *result) MUST_USE;
enum areg_error study_simulator(const struct scale_options *options, struct scale_result *result) MUST_USE;

/** Columns that all studies begin with, and those of the table of limits. */
#define STUDY_COLUMNS "study", "hosts", "racks", "shards", "code", "placement"
extern const char *const study_limit_columns[];
enum { STUDY_RECOVERY_ROWS = 10 };
/** Runs of the study "simulator". */
unsigned study_simulator_rows(const struct scale_options *options);

/** A row that begins with what all studies have in common. */
void study_row(const struct scale_options *options, struct scale_result *result);
/** Begin a row of a table, and fill in its cells. */
void scale_row(struct scale_table *table);
void scale_cell_text(struct scale_table *table, const char *column, const char *text);
void scale_cell_count(struct scale_table *table, const char *column, uint64_t count);
void scale_cell_number(struct scale_table *table, const char *column, double number);
/** Add a check: `measured` is at most `bound`. */
void scale_check_most(struct scale_result *result, const char *name, double measured, double bound, const char *detail);
/** Whether it is the real placement that is looked at, which must keep its promises. */
bool study_is_settled(const struct scale_options *options);

#endif
