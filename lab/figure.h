/*
 * A figure of a run: rows of its tables gathered into panels, series and points. Repeats of a point become their
 * median, with a band from the smallest to the largest of them, or, from five repeats on, the 95 % bootstrap interval
 * of the median.
 */
#ifndef LAB_FIGURE_H
#define LAB_FIGURE_H

#include "lab/run_data.h"

enum { FIGURE_WHY_BYTES = 256 };

/**
 * Make the plot that is asked for; plot_destroy() it.
 *
 * Returns  AREG_EINVAL (there is no such column, or nothing in it), AREG_ENOMEM; `why` is a sentence.
 */
enum areg_error figure_create(const struct run_data *run, const struct figure_spec *spec, struct plot **plot,
                              char why[FIGURE_WHY_BYTES]) MUST_USE;

#endif
