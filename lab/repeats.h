/*
 * Rows of points.csv that are repeats of the same: of one point, and of one operation; where a try has several such
 * rows, as those of larger clusters have, each is repeated by the one in its place. They need not stand together.
 */
#ifndef LAB_REPEATS_H
#define LAB_REPEATS_H

#include "lab/statistics.h"
#include "lab/table.h"

struct repeats {
    unsigned first_row;
    unsigned row_count;
    const unsigned *rows;
};

struct repeats_list {
    unsigned count;
    struct repeats *all; /* in the order in which they begin */
    unsigned *rows;
};

/** False if there is no memory; repeats_list_fini() it even so. */
bool repeats_list_init(struct repeats_list *list, const struct table *points) MUST_USE;
void repeats_list_fini(struct repeats_list *list);

/** What is known of a column, into `values`; the sample may be empty. */
struct sample repeats_sample(const struct table *points, const struct repeats *repeats, int column,
                             double values[STATISTICS_SAMPLE_COUNT_MAX]);
/** The range of a column over the repeats; false if nothing is known. */
bool repeats_range(const struct table *points, const struct repeats *repeats, int column, struct interval *range);

#endif
