/*
 * What an experiment says must hold, judged for one try of one point: a row of checks.csv each.
 */
#ifndef LAB_CHECKS_H
#define LAB_CHECKS_H

#include "lab/columns.h"

/** The names of columns, and a new line. */
void checks_print_head(FILE *to);

/**
 * Judge what `checks`, bits of enum experiment_check, ask for, and print a row for each.
 *
 * @failed  One line for people about each check that failed, or nothing; may be NULL.
 * Returns  How many failed.
 */
unsigned checks_print(const struct tried *tried, unsigned checks, FILE *to, FILE *failed);

#endif
