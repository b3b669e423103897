#include "lab/figure.h"

#include "core/check.h"
#include "lab/figure_groups.h"
#include "lab/statistics.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BAND_BOOTSTRAP_COUNT_MIN = 5 };

/* One row of the table that is drawn, with where it goes. */
struct figure_row {
    unsigned panel;
    unsigned series;
    double key;    /* x; of a CDF: the share */
    double repeat; /* without repeats, every row is one */
    double value;  /* y; of a CDF: x. NAN: nothing was measured there */
    double bound;  /* NAN: none */
};

struct figure_build {
    const struct run_data *run;
    const struct figure_spec *spec;
    const struct table *table; /* points, latencies or timeline */
    int key_column;
    int value_column;
    int bound_column; /* of points */
    double key_to_base;
    double value_to_base;
    double bound_to_base;
    struct figure_groups groups;
    struct plot *plot;
    struct figure_row *rows;
    unsigned row_count;
    unsigned repeats_min;
    unsigned repeats_max;
    unsigned hidden_count; /* points that a logarithmic axis can not show */
    char *why;
};

static __attribute__((format(printf, 2, 3))) enum areg_error refuse(struct figure_build *build, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(build->why, FIGURE_WHY_BYTES, format, arguments);
    va_end(arguments);
    return AREG_EINVAL;
}

static bool is_of_points(const struct figure_build *build)
{
    return build->table == &build->run->points;
}

/* ---------------------------------------------------------------- columns and axes */

static bool is_numeric(const struct table *table, int column)
{
    for (unsigned row = 0; row < table->row_count; row++)
        if (isnan(table_number(table, row, column)))
            return false;
    return true;
}

static enum areg_error choose_table(struct figure_build *build)
{
    const struct run_data *run = build->run;
    const enum plot_kind kind = build->spec->kind;
    build->table = kind == PLOT_CDF ? &run->latencies : kind == PLOT_TIMELINE ? &run->timeline : &run->points;
    const char *name = kind == PLOT_CDF ? "latencies.csv" : kind == PLOT_TIMELINE ? "timeline.csv" : "points.csv";
    if (build->table->column_count == 0)
        return refuse(build, "there is no %s", name);
    const char *x = build->spec->x;
    const char *y = build->spec->y;
    const int x_column = table_column(build->table, x);
    const int y_column = table_column(build->table, y);
    if (x_column == TABLE_NO_COLUMN || y_column == TABLE_NO_COLUMN)
        return refuse(build, "%s has no column %s", name, x_column == TABLE_NO_COLUMN ? x : y);
    build->key_column = kind == PLOT_CDF ? y_column : x_column;
    build->value_column = kind == PLOT_CDF ? x_column : y_column;
    build->bound_column = TABLE_NO_COLUMN;
    if (build->spec->bound[0]) {
        build->bound_column = table_column(&run->points, build->spec->bound);
        if (build->bound_column == TABLE_NO_COLUMN)
            return refuse(build, "points.csv has no column %s", build->spec->bound);
    }
    return AREG_OK;
}

static enum areg_error init_axes(struct figure_build *build)
{
    const struct figure_spec *spec = build->spec;
    struct plot *plot = build->plot;
    struct quantity x = quantity_of(spec->x);
    struct quantity y = quantity_of(spec->y);
    const bool has_names =
        spec->kind == PLOT_BARS || (spec->kind == PLOT_LINES && !is_numeric(build->table, build->key_column));
    build->key_to_base = spec->kind == PLOT_CDF ? y.to_base : has_names ? 1 : x.to_base;
    build->value_to_base = spec->kind == PLOT_CDF ? x.to_base : y.to_base;
    build->bound_to_base = quantity_of(spec->bound).to_base;
    if (spec->kind == PLOT_CDF)
        snprintf(y.label, sizeof y.label, "share of operations");
    axis_init(&plot->x, &x, has_names ? AXIS_NAMES : spec->is_log_x ? AXIS_LOG : AXIS_LINEAR);
    axis_init(&plot->y, &y, !spec->is_log_y ? AXIS_LINEAR : spec->kind == PLOT_CDF ? AXIS_TAIL : AXIS_LOG);
    if (spec->title[0])
        snprintf(plot->title, sizeof plot->title, "%s", spec->title);
    else
        snprintf(plot->title, sizeof plot->title, "%c%.110s against %s", toupper((unsigned char)y.label[0]),
                 y.label + 1, x.label);
    return AREG_OK;
}

/* ---------------------------------------------------------------- rows */

/* The row of points.csv that a row of another table belongs to; the same one as the last, most of the time. */
static int point_row(const struct figure_build *build, unsigned row, int last)
{
    const struct table *points = &build->run->points;
    static const char *const names[] = {"point", "op"};
    int columns[2][2];
    for (unsigned i = 0; i < 2; i++) {
        columns[i][0] = table_column(build->table, names[i]);
        columns[i][1] = columns[i][0] == TABLE_NO_COLUMN ? TABLE_NO_COLUMN : table_column(points, names[i]);
    }
    for (int i = -1; i < (int)points->row_count; i++) {
        const int found = i < 0 ? last : i;
        bool is_same = found >= 0;
        for (unsigned j = 0; j < 2 && is_same; j++)
            is_same = columns[j][1] == TABLE_NO_COLUMN || strcmp(table_cell(points, (unsigned)found, columns[j][1]),
                                                                 table_cell(build->table, row, columns[j][0])) == 0;
        if (is_same)
            return found;
    }
    return -1;
}

/* The index of a name of the x axis, which is added if it is new; -1 if there are too many. */
static int name_index(struct figure_build *build, unsigned row)
{
    struct axis *axis = &build->plot->x;
    const struct quantity quantity = quantity_of(build->spec->x);
    const double number = table_number(build->table, row, build->key_column);
    const char *cell = table_cell(build->table, row, build->key_column);
    char text[QUANTITY_TEXT_BYTES];
    char tick[AXIS_TICK_BYTES];
    if (isnan(number)) /* the axis itself says what it is a name of */
        snprintf(tick, sizeof tick, "%.63s", *cell ? cell : "none");
    else if (quantity.kind == QUANTITY_PLAIN)
        snprintf(tick, sizeof tick, "%.63s", quantity_print_number(number, 12, text));
    else
        snprintf(tick, sizeof tick, "%.63s", quantity_print(quantity.kind, number * quantity.to_base, text));
    for (unsigned i = 0; i < axis->tick_count; i++)
        if (strcmp(axis->ticks[i].label, tick) == 0)
            return (int)i;
    return axis_add_name(axis, tick) ? (int)axis->tick_count - 1 : -1;
}

static bool take_row(struct figure_build *build, unsigned row, int point)
{
    const struct table *points = &build->run->points;
    if (point < 0 || !figure_groups_takes(build->run, build->spec, (unsigned)point))
        return false;
    const int panel = group_of(&build->groups.panels, points, (unsigned)point);
    const int series = group_of(&build->groups.series, points, (unsigned)point);
    if (panel == GROUP_NONE || series == GROUP_NONE)
        return false;
    const double key = build->plot->x.scale == AXIS_NAMES
                           ? name_index(build, row)
                           : table_number(build->table, row, build->key_column) * build->key_to_base;
    const int repeat_column = table_column(build->table, "repeat");
    if (isnan(key) || key < 0)
        return false;
    build->rows[build->row_count++] = (struct figure_row){
        .panel = (unsigned)panel,
        .series = (unsigned)series,
        .key = key,
        .repeat = repeat_column == TABLE_NO_COLUMN ? row : table_number(build->table, row, repeat_column),
        .value = table_number(build->table, row, build->value_column) * build->value_to_base,
        .bound = table_number(points, (unsigned)point, build->bound_column) * build->bound_to_base,
    };
    return true;
}

/* NAN before all. */
static int compare_numbers(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(b) - isnan(a);
    return (a > b) - (a < b);
}

/* Repeats of one point of the plot are alike. */
static int compare_points(const struct figure_row *x, const struct figure_row *y)
{
    if (x->panel != y->panel)
        return x->panel < y->panel ? -1 : 1;
    if (x->series != y->series)
        return x->series < y->series ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

static int compare_rows(const void *a, const void *b)
{
    const struct figure_row *x = a;
    const struct figure_row *y = b;
    int order = compare_points(x, y);
    if (order == 0)
        order = compare_numbers(x->repeat, y->repeat);
    return order ? order : compare_numbers(x->value, y->value);
}

static enum areg_error take_rows(struct figure_build *build)
{
    build->rows = calloc((size_t)build->table->row_count + 1, sizeof build->rows[0]);
    if (!build->rows) {
        refuse(build, "out of memory");
        return AREG_ENOMEM;
    }
    int last = -1;
    unsigned value_count = 0;
    for (unsigned row = 0; row < build->table->row_count; row++) {
        last = is_of_points(build) ? (int)row : point_row(build, row, last);
        if (take_row(build, row, last))
            value_count += !isnan(build->rows[build->row_count - 1].value);
    }
    qsort(build->rows, build->row_count, sizeof build->rows[0], compare_rows);
    return value_count ? AREG_OK : refuse(build, "nothing was measured of it");
}

/* ---------------------------------------------------------------- points */

/* What repeats of one point come to: a point of the plot. */
static struct plot_point gather(struct figure_build *build, const struct figure_row *rows, unsigned count)
{
    double values[STATISTICS_SAMPLE_COUNT_MAX];
    struct sample sample = {values, 0};
    for (unsigned i = 0; i < count && sample.count < STATISTICS_SAMPLE_COUNT_MAX; i++) {
        /* Rows of one try that differ in something else may say the same. */
        const bool is_said = i > 0 && rows[i].repeat == rows[i - 1].repeat && rows[i].value == rows[i - 1].value;
        if (!isnan(rows[i].value) && !is_said)
            values[sample.count++] = rows[i].value;
    }
    struct plot_point point = {rows[0].key, (double)NAN, (double)NAN, (double)NAN};
    if (sample.count == 0)
        return point;
    build->repeats_min = build->repeats_min && build->repeats_min < sample.count ? build->repeats_min : sample.count;
    build->repeats_max = build->repeats_max > sample.count ? build->repeats_max : sample.count;
    const struct interval interval =
        sample.count >= BAND_BOOTSTRAP_COUNT_MIN ? statistics_median_interval(sample, 1) : statistics_range(sample);
    point.y = interval.middle;
    if (sample.count > 1) {
        point.low = interval.low;
        point.high = interval.high;
    }
    if (build->spec->kind == PLOT_CDF) {
        point.x = interval.middle;
        point.y = rows[0].key;
    }
    return point;
}

static double gather_bound(const struct figure_row *rows, unsigned count)
{
    double values[STATISTICS_SAMPLE_COUNT_MAX];
    struct sample sample = {values, 0};
    for (unsigned i = 0; i < count && sample.count < STATISTICS_SAMPLE_COUNT_MAX; i++)
        if (!isnan(rows[i].bound))
            values[sample.count++] = rows[i].bound;
    return sample.count ? statistics_median(sample) : (double)NAN;
}

static struct plot_series *open_series(struct figure_build *build, unsigned panel_index, unsigned series, bool is_bound)
{
    struct plot_panel *panel = &build->plot->panels[panel_index];
    struct plot_series *last = panel->series_count ? &panel->series[panel->series_count - 1] : NULL;
    if (last && last->style == series && last->is_bound == is_bound)
        return last;
    CHECK(panel->series_count < PLOT_SERIES_COUNT_MAX);
    struct plot_series *opened = &panel->series[panel->series_count++];
    *opened = (struct plot_series){.style = series, .is_bound = is_bound};
    char label[PLOT_LABEL_BYTES];
    group_label(&build->groups.series, &build->run->points, series, label);
    snprintf(opened->label, sizeof opened->label, "%s%s%.140s", is_bound ? "bound" : "",
             is_bound && label[0] ? ", " : "", label);
    return opened;
}

/* All points of what is measured, or all bounds. */
static enum areg_error add_points(struct figure_build *build, bool are_bounds)
{
    enum areg_error error = AREG_OK;
    unsigned count;
    for (unsigned from = 0; !error && from < build->row_count; from += count) {
        const struct figure_row *row = &build->rows[from];
        for (count = 1; from + count < build->row_count; count++)
            if (compare_points(row, row + count) != 0)
                break;
        struct plot_point point;
        if (are_bounds) {
            const double bound = gather_bound(row, count);
            point = (struct plot_point){row->key, bound, (double)NAN, (double)NAN};
            if (build->spec->kind == PLOT_CDF)
                point = (struct plot_point){bound, row->key, (double)NAN, (double)NAN};
            if (isnan(bound))
                continue;
        } else {
            point = gather(build, row, count);
        }
        struct plot_series *series = open_series(build, row->panel, row->series, are_bounds);
        const unsigned before = series->point_count;
        error = plot_add_point(build->plot, series, point);
        const bool is_hidden = !are_bounds && series->point_count == before && !isnan(point.y);
        build->hidden_count += is_hidden && !(build->spec->kind == PLOT_CDF && row->key >= 1);
        if (!error && series->point_count == before && build->spec->kind == PLOT_TIMELINE)
            error = plot_add_gap(series);
    }
    return error;
}

/* ---------------------------------------------------------------- bounds that are the same for all */

static bool same_points(const struct plot_series *a, const struct plot_series *b)
{
    if (a->point_count != b->point_count)
        return false;
    for (unsigned i = 0; i < a->point_count; i++)
        if (a->points[i].x != b->points[i].x || a->points[i].y != b->points[i].y)
            return false;
    return true;
}

static void merge_bounds(struct plot_panel *panel)
{
    unsigned first = 0;
    while (first < panel->series_count && !panel->series[first].is_bound)
        first++; /* bounds were added last */
    if (first == panel->series_count)
        return;
    for (unsigned i = first + 1; i < panel->series_count; i++)
        if (!same_points(&panel->series[first], &panel->series[i]))
            return;
    for (unsigned i = first + 1; i < panel->series_count; i++)
        free(panel->series[i].points);
    panel->series_count = first + 1;
    panel->series[first].style = PLOT_STYLE_ALL;
    snprintf(panel->series[first].label, sizeof panel->series[first].label, "bound");
}

/* ---------------------------------------------------------------- events */

static int compare_marks(const void *a, const void *b)
{
    const struct plot_mark *x = a;
    const struct plot_mark *y = b;
    return (x->begin_x > y->begin_x) - (x->begin_x < y->begin_x);
}

/* The events of the panel's point in the first of its repeats that has any. */
static void add_marks(struct figure_build *build, unsigned panel_index)
{
    const struct table *events = &build->run->events;
    struct plot_panel *panel = &build->plot->panels[panel_index];
    const int point = table_column(events, "point");
    const int repeat = table_column(events, "repeat");
    const char *wanted = table_cell(&build->run->points, build->groups.panels.rows[panel_index],
                                    table_column(&build->run->points, "point"));
    const char *first_repeat = NULL;
    for (unsigned row = 0; row < events->row_count && panel->mark_count < PLOT_MARK_COUNT_MAX; row++) {
        if (strcmp(table_cell(events, row, point), wanted) != 0)
            continue;
        if (!first_repeat)
            first_repeat = table_cell(events, row, repeat);
        const double begin = table_number(events, row, table_column(events, "begin_s"));
        const double end = table_number(events, row, table_column(events, "end_s"));
        if (strcmp(table_cell(events, row, repeat), first_repeat) != 0 || !axis_shows(&build->plot->x, begin))
            continue;
        struct plot_mark *mark = &panel->marks[panel->mark_count++];
        *mark = (struct plot_mark){.begin_x = begin, .end_x = axis_shows(&build->plot->x, end) ? end : begin};
        snprintf(mark->label, sizeof mark->label, "%s", table_cell(events, row, table_column(events, "event")));
        axis_extend(&build->plot->x, mark->begin_x);
        axis_extend(&build->plot->x, mark->end_x);
    }
    qsort(panel->marks, panel->mark_count, sizeof panel->marks[0], compare_marks);
}

/* ---------------------------------------------------------------- the whole */

static void write_note(struct figure_build *build)
{
    char *note = build->plot->note;
    const char *band = build->spec->kind == PLOT_BARS ? "whiskers" : "band";
    const size_t room = sizeof build->plot->note;
    if (build->repeats_max <= 1)
        snprintf(note, room, "One run.");
    else if (build->repeats_min == build->repeats_max)
        snprintf(note, room, "Median of %u runs; %s: ", build->repeats_max, band);
    else
        snprintf(note, room, "Median of %u to %u runs; %s: ", build->repeats_min, build->repeats_max, band);
    size_t bytes = strlen(note);
    if (build->repeats_max > 1)
        snprintf(note + bytes, room - bytes, "%s%s%s.",
                 build->repeats_max >= BAND_BOOTSTRAP_COUNT_MIN ? "95 % interval of the median (bootstrap)" : "",
                 build->repeats_max >= BAND_BOOTSTRAP_COUNT_MIN && build->repeats_min < BAND_BOOTSTRAP_COUNT_MIN
                     ? ", below 5 runs "
                     : "",
                 build->repeats_min < BAND_BOOTSTRAP_COUNT_MIN ? "smallest to largest" : "");
    bytes = strlen(note);
    if (build->hidden_count)
        snprintf(note + bytes, room - bytes, " %u points at 0 are not on this logarithmic scale.", build->hidden_count);
    bytes = strlen(note);
    if (build->groups.panels.count_all > build->groups.panels.count)
        snprintf(note + bytes, room - bytes, " Only the first %u panels are shown.", build->groups.panels.count);
}

static enum areg_error build_plot(struct figure_build *build)
{
    struct plot *plot = build->plot;
    enum areg_error error = choose_table(build);
    if (!error)
        error = figure_groups_find(build->run, build->spec, is_of_points(build) ? build->key_column : TABLE_NO_COLUMN,
                                   &build->groups, build->why);
    if (!error)
        error = init_axes(build);
    if (!error)
        error = take_rows(build);
    if (error)
        return error;
    plot->panel_count = build->groups.panels.count;
    for (unsigned i = 0; i < plot->panel_count && build->groups.panels.column_count > 0; i++)
        group_label(&build->groups.panels, &build->run->points, i, plot->panels[i].title);
    error = add_points(build, false);
    if (!error)
        error = add_points(build, true);
    if (error) {
        refuse(build, "out of memory");
        return error;
    }
    if (build->spec->kind == PLOT_BARS) /* room for the number above the highest */
        axis_extend(&plot->y, plot->y.high * 1.06);
    if (build->spec->kind == PLOT_CDF && plot->y.scale == AXIS_LINEAR) {
        axis_extend(&plot->y, 0);
        axis_extend(&plot->y, 1);
    }
    for (unsigned i = 0; i < plot->panel_count; i++) {
        merge_bounds(&plot->panels[i]);
        if (build->spec->kind == PLOT_TIMELINE)
            add_marks(build, i);
    }
    write_note(build);
    return AREG_OK;
}

enum areg_error figure_create(const struct run_data *run, const struct figure_spec *spec, struct plot **plot,
                              char why[FIGURE_WHY_BYTES])
{
    struct figure_build build = {.run = run, .spec = spec, .why = why};
    enum areg_error error = plot_create(spec->kind, &build.plot);
    if (error)
        snprintf(why, FIGURE_WHY_BYTES, "out of memory");
    else
        error = build_plot(&build);
    free(build.rows);
    if (error) {
        plot_destroy(build.plot);
        build.plot = NULL;
    }
    *plot = build.plot;
    return error;
}
