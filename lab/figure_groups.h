/*
 * Which panel and which series of a figure each row of points.csv belongs to. Panels are for what varies beside the x
 * axis and the series, so that no two points of an experiment are ever taken for repeats of one.
 */
#ifndef LAB_FIGURE_GROUPS_H
#define LAB_FIGURE_GROUPS_H

#include "lab/run_data.h"

enum {
    GROUP_NAME_COUNT_MAX = PLOT_SERIES_COUNT_MAX / 2, /* beside each may be a bound */
    GROUP_NONE = -1,
};

/* Different combinations of some columns' cells, by the first row that has each. */
struct group_names {
    unsigned column_count;
    int columns[TABLE_COLUMN_COUNT_MAX];
    unsigned count;
    unsigned count_all; /* with those past the limit */
    unsigned rows[GROUP_NAME_COUNT_MAX];
};

struct figure_groups {
    struct group_names series;
    struct group_names panels;
};

/**
 * @x  The column of the x axis, if that is one of points.csv; else TABLE_NO_COLUMN.
 * Returns AREG_EINVAL if a series' column is not there, or there are too many series; `why` is a sentence.
 */
enum areg_error figure_groups_find(const struct run_data *run, const struct figure_spec *spec, int x,
                                   struct figure_groups *groups, char why[256]) MUST_USE;

/** Whether a row takes part at all. */
bool figure_groups_takes(const struct run_data *run, const struct figure_spec *spec, unsigned row);
/** The index of the group that a row belongs to; GROUP_NONE if that is past the limit. */
int group_of(const struct group_names *groups, const struct table *table, unsigned row);
/** What a group is called: "read, rs:5,3"; returns `label`. */
const char *group_label(const struct group_names *groups, const struct table *table, unsigned index,
                        char label[PLOT_LABEL_BYTES]);

#endif
