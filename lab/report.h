/*
 * What experiments have shown, for people: the figures of one run directory as SVG files, and one HTML file over any
 * number of run directories that needs nothing but itself.
 *
 * A run directory is what `areg-lab exp` leaves. All of its bytes are judged and escaped; what is missing in it is
 * missing in the report, which says so. Nothing in it is changed but plots/.
 */
#ifndef LAB_REPORT_H
#define LAB_REPORT_H

#include "core/error.h"

enum { REPORT_WHY_BYTES = 512 };

/**
 * Write plots/NN-KIND.svg of one run directory: those that its experiment.cfg asks for, or sensible ones if it asks for
 * none. Older plots in there are removed first.
 *
 * Returns  AREG_ENOTFOUND (there is no points.csv), AREG_EINVAL (a file is not what it should be, a plot asks for a
 *          column that is not there), AREG_EIO, AREG_ENOMEM; `why` says more. All plots that can be drawn are written
 *          even so.
 */
enum areg_error report_plots(const char *run_dir, char why[REPORT_WHY_BYTES]) MUST_USE;

/**
 * Write one self-contained HTML file over all run directories, in their order. A plot or a table that can not be made
 * is replaced by a sentence that says why.
 *
 * Returns  AREG_ENOTFOUND, AREG_EINVAL (a directory is no run directory), AREG_EIO, AREG_ENOMEM; then `html_path` is as
 *          it was, and `why` says more.
 */
enum areg_error report_write(const char *const *run_dirs, unsigned run_count, const char *html_path,
                             char why[REPORT_WHY_BYTES]) MUST_USE;

#endif
