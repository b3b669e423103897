/*
 * The page of a report: an overview with verdicts, a chapter for each run, and the manifests. It needs nothing but
 * itself: no other file, no network; sorting tables takes a few lines of script, all else works without.
 */
#ifndef LAB_REPORT_PAGE_H
#define LAB_REPORT_PAGE_H

#include "lab/run_data.h"

#include <stdio.h>

void report_page_write(struct run_data *const *runs, unsigned run_count, FILE *to);

#endif
