#include "lab/figure_groups.h"

#include <string.h>

_Static_assert((int)PLOT_PANEL_COUNT_MAX == (int)GROUP_NAME_COUNT_MAX, "as many panels as series");

static bool same_cells(const struct table *table, unsigned a, unsigned b, int column)
{
    return strcmp(table_cell(table, a, column), table_cell(table, b, column)) == 0;
}

static bool same_group(const struct group_names *groups, const struct table *table, unsigned a, unsigned b)
{
    for (unsigned i = 0; i < groups->column_count; i++)
        if (!same_cells(table, a, b, groups->columns[i]))
            return false;
    return true;
}

int group_of(const struct group_names *groups, const struct table *table, unsigned row)
{
    for (unsigned i = 0; i < groups->count; i++)
        if (same_group(groups, table, groups->rows[i], row))
            return (int)i;
    return GROUP_NONE;
}

const char *group_label(const struct group_names *groups, const struct table *table, unsigned index,
                        char label[PLOT_LABEL_BYTES])
{
    label[0] = 0;
    for (unsigned i = 0; i < groups->column_count; i++) {
        char text[QUANTITY_LABEL_BYTES];
        const int column = groups->columns[i];
        const size_t bytes = strlen(label);
        quantity_print_parameter(table_column_name(table, (unsigned)column),
                                 table_cell(table, groups->rows[index], column), text);
        snprintf(label + bytes, PLOT_LABEL_BYTES - bytes, "%s%s", i ? ", " : "", text);
    }
    return label;
}

bool figure_groups_takes(const struct run_data *run, const struct figure_spec *spec, unsigned row)
{
    return !spec->op[0] || strcmp(table_cell(&run->points, row, table_column(&run->points, "op")), spec->op) == 0;
}

/* ---------------------------------------------------------------- finding them */

static void add_names(const struct run_data *run, const struct figure_spec *spec, struct group_names *groups)
{
    for (unsigned row = 0; row < run->points.row_count; row++) {
        if (!figure_groups_takes(run, spec, row) || group_of(groups, &run->points, row) != GROUP_NONE)
            continue;
        if (groups->count < GROUP_NAME_COUNT_MAX)
            groups->rows[groups->count++] = row;
        groups->count_all++; /* of those past the limit every row: enough to tell that there are any */
    }
}

enum { CELL_COUNT_MAX = 4096 };

/* One row of each combination that was met; `columns` are those that it consists of. */
struct cells {
    unsigned column_count;
    int columns[TABLE_COLUMN_COUNT_MAX];
    unsigned count;
    unsigned rows[CELL_COUNT_MAX];
};

/* The first parameter in which two rows differ that are one cell, though they are no repeats of each other. */
static int differing_parameter(const struct run_data *run, unsigned a, unsigned b)
{
    const struct table *points = &run->points;
    if (same_cells(points, a, b, table_column(points, "point")) && same_cells(points, a, b, table_column(points, "op")))
        return TABLE_NO_COLUMN;
    for (unsigned i = 0; i < run->parameter_count; i++)
        if (!same_cells(points, a, b, run->parameters[i]))
            return run->parameters[i];
    return TABLE_NO_COLUMN;
}

/* A parameter that must tell cells apart and does not yet. */
static int next_facet(const struct run_data *run, const struct figure_spec *spec, struct cells *cells)
{
    const struct table *points = &run->points;
    cells->count = 0;
    for (unsigned row = 0; row < points->row_count; row++) {
        if (!figure_groups_takes(run, spec, row))
            continue;
        unsigned i = 0;
        for (; i < cells->count; i++) {
            bool is_same = true;
            for (unsigned j = 0; j < cells->column_count && is_same; j++)
                is_same = same_cells(points, cells->rows[i], row, cells->columns[j]);
            if (is_same)
                break;
        }
        if (i == cells->count && cells->count < CELL_COUNT_MAX)
            cells->rows[cells->count++] = row;
        const int facet = i < cells->count ? differing_parameter(run, cells->rows[i], row) : TABLE_NO_COLUMN;
        if (facet != TABLE_NO_COLUMN)
            return facet;
    }
    return TABLE_NO_COLUMN;
}

enum areg_error figure_groups_find(const struct run_data *run, const struct figure_spec *spec, int x,
                                   struct figure_groups *groups, char why[256])
{
    *groups = (struct figure_groups){0};
    struct cells cells = {0};
    for (unsigned i = 0; i < spec->series_count; i++) {
        const int column = table_column(&run->points, spec->series[i]);
        if (column == TABLE_NO_COLUMN) {
            snprintf(why, 256, "points.csv has no column %s, which is to tell series apart", spec->series[i]);
            return AREG_EINVAL;
        }
        if (column == x)
            continue; /* the axis tells them apart */
        groups->series.columns[groups->series.column_count++] = column;
        cells.columns[cells.column_count++] = column;
    }
    if (x != TABLE_NO_COLUMN)
        cells.columns[cells.column_count++] = x;
    int facet;
    while (cells.column_count < TABLE_COLUMN_COUNT_MAX && (facet = next_facet(run, spec, &cells)) != TABLE_NO_COLUMN) {
        cells.columns[cells.column_count++] = facet;
        groups->panels.columns[groups->panels.column_count++] = facet;
    }
    add_names(run, spec, &groups->series);
    add_names(run, spec, &groups->panels);
    if (groups->series.count_all <= GROUP_NAME_COUNT_MAX)
        return AREG_OK;
    snprintf(why, 256, "there are more than %d series; name fewer columns to tell them apart", GROUP_NAME_COUNT_MAX);
    return AREG_EINVAL;
}
