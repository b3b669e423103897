#include "lab/report_table.h"

#include "lab/markup.h"
#include "lab/repeats.h"
#include "lab/report_verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TABLE_LINE_COUNT_MAX = 400,   /* lines of a summary; the files have all */
    CHECK_LINE_COUNT_MAX = 1000,  /* failed ones first */
    FIGURE_COLUMN_COUNT_MAX = 16, /* what fits a page */
};

/* ---------------------------------------------------------------- which columns */

static bool has_numbers(const struct table *table, int column)
{
    for (unsigned row = 0; row < table->row_count; row++)
        if (!isnan(table_number(table, row, column)))
            return true;
    return false;
}

static bool is_all_zero(const struct table *table, int column)
{
    for (unsigned row = 0; row < table->row_count; row++)
        if (table_number(table, row, column) != 0)
            return false;
    return true;
}

/* Those of the usual columns, in this order, that a page has room for. Another backend's are taken as they come. */
static const struct usual_column {
    const char *name;
    const char *bound; /* stands in the same cell */
} usual_columns[] = {
    {"failed", NULL},
    {"unknown", NULL},
    {"ops_per_s", NULL},
    {"p50_us", NULL},
    {"p99_us", NULL},
    {"p999_us", NULL},
    {"max_us", "bound_latency_us"},
    {"rounds_per_op", "bound_rounds"},
    {"sent_values_per_op", "bound_sent_values"},
    {"received_values_per_op", "bound_received_values"},
    {"stored_values_max", "bound_stored_values"},
    {"stored_values_rest", NULL},
    {"moved_values", NULL},
};

/* The column with the bound of another one; TABLE_NO_COLUMN if there is none. */
static int bound_of(const struct table *points, int column)
{
    for (unsigned i = 0; i < sizeof usual_columns / sizeof usual_columns[0]; i++)
        if (usual_columns[i].bound && strcmp(usual_columns[i].name, table_column_name(points, (unsigned)column)) == 0)
            return table_column(points, usual_columns[i].bound);
    return TABLE_NO_COLUMN;
}

static unsigned choose_measured(const struct run_data *run, int columns[FIGURE_COLUMN_COUNT_MAX])
{
    const struct table *points = &run->points;
    unsigned count = 0;
    for (unsigned i = 0; i < sizeof usual_columns / sizeof usual_columns[0] && count < FIGURE_COLUMN_COUNT_MAX; i++) {
        const int column = table_column(points, usual_columns[i].name);
        if (column != TABLE_NO_COLUMN && has_numbers(points, column) && !is_all_zero(points, column))
            columns[count++] = column;
    }
    if (table_column(points, "p50_us") != TABLE_NO_COLUMN)
        return count;
    count = 0;
    for (int column = 0; column < (int)points->column_count && count < FIGURE_COLUMN_COUNT_MAX; column++) {
        const char *name = table_column_name(points, (unsigned)column);
        if (strcmp(name, "point") != 0 && strcmp(name, "repeat") != 0 && !run_data_is_parameter(run, column) &&
            has_numbers(points, column))
            columns[count++] = column;
    }
    return count;
}

/* Parameters that differ between points; n and k say nothing that the code does not. */
static unsigned choose_varied(const struct run_data *run, int columns[TABLE_COLUMN_COUNT_MAX])
{
    const struct table *points = &run->points;
    const bool has_code = table_column(points, "code") != TABLE_NO_COLUMN;
    unsigned count = 0;
    for (unsigned i = 0; i < run->parameter_count; i++) {
        const char *name = table_column_name(points, (unsigned)run->parameters[i]);
        const bool is_of_code = has_code && (strcmp(name, "n") == 0 || strcmp(name, "k") == 0);
        if (run_data_varies(run, run->parameters[i]) && !is_of_code)
            columns[count++] = run->parameters[i];
    }
    return count;
}

void report_table_setting(const struct run_data *run, FILE *to)
{
    const struct table *points = &run->points;
    const char *between = "";
    for (unsigned i = 0; points->row_count && i < run->parameter_count; i++) {
        const int column = run->parameters[i];
        const char *name = table_column_name(points, (unsigned)column);
        const char *cell = table_cell(points, 0, column);
        const bool is_silent = !*cell || strcmp(cell, "0") == 0 || strcmp(cell, "none") == 0 ||
                               strcmp(name, "n") == 0 || strcmp(name, "k") == 0 || strcmp(name, "op") == 0 ||
                               strcmp(name, "backend") == 0 || run_data_varies(run, column);
        if (is_silent)
            continue;
        char text[QUANTITY_LABEL_BYTES];
        fputs(between, to);
        markup_text(to, quantity_print_parameter(name, cell, text));
        between = " · ";
    }
}

/* ---------------------------------------------------------------- summary */

static void write_head(const struct table *points, const int *columns, unsigned count, const char *class, FILE *to)
{
    for (unsigned i = 0; i < count; i++) {
        const char *name = table_column_name(points, (unsigned)columns[i]);
        const struct quantity quantity = quantity_of(name);
        fprintf(to, "<th scope=\"col\" class=\"%s\" title=\"", class);
        markup_text(to, name);
        fputs("\">", to);
        markup_text(to, quantity.label);
        fputs("</th>", to);
    }
}

/* A cell that says what was tried; numbers are sorted as such. */
static void write_parameter(const struct table *points, unsigned row, int column, FILE *to)
{
    const double number = table_number(points, row, column);
    const struct quantity quantity = quantity_of(table_column_name(points, (unsigned)column));
    if (isnan(number)) {
        fputs("<td>", to);
        markup_text(to, table_cell(points, row, column));
        fputs("</td>", to);
        return;
    }
    char text[QUANTITY_TEXT_BYTES];
    if (quantity.kind == QUANTITY_PLAIN)
        quantity_print_number(number, 12, text);
    else
        quantity_print(quantity.kind, number * quantity.to_base, text);
    fprintf(to, "<td class=\"n\" data-v=\"%.17g\">%s</td>", number, text);
}

static void write_measured(const struct table *points, const struct repeats *repeats, int column, FILE *to)
{
    const struct quantity quantity = quantity_of(table_column_name(points, (unsigned)column));
    struct interval range;
    if (!repeats_range(points, repeats, column, &range)) {
        fputs("<td class=\"n\">–</td>", to);
        return;
    }
    char text[QUANTITY_TEXT_BYTES];
    fprintf(to, "<td class=\"n\" data-v=\"%.17g\"", range.middle);
    if (range.high > range.low) {
        char high[QUANTITY_TEXT_BYTES];
        fprintf(to, " title=\"%s to %s\"", quantity_print(quantity.kind, range.low * quantity.to_base, text),
                quantity_print(quantity.kind, range.high * quantity.to_base, high));
    }
    fprintf(to, ">%s", quantity_print(quantity.kind, range.middle * quantity.to_base, text));
    struct interval bound;
    if (repeats_range(points, repeats, bound_of(points, column), &bound))
        fprintf(to, "<small>bound %s</small>", quantity_print(quantity.kind, bound.middle * quantity.to_base, text));
    fputs("</td>", to);
}

void report_table_summary(const struct run_data *run, FILE *to)
{
    const struct table *points = &run->points;
    struct repeats_list list;
    int varied[TABLE_COLUMN_COUNT_MAX];
    int measured[FIGURE_COLUMN_COUNT_MAX];
    const unsigned varied_count = choose_varied(run, varied);
    const unsigned measured_count = choose_measured(run, measured);
    if (!repeats_list_init(&list, points)) {
        fputs("<p class=\"problem\">Out of memory for this table.</p>\n", to);
        repeats_list_fini(&list);
        return;
    }
    fputs("<div class=\"wide\"><table class=\"sortable\"><caption>Medians over the repeats of each point, and bounds "
          "where "
          "there are any; pointing at a figure shows the smallest and the largest.</caption>\n<thead><tr>",
          to);
    write_head(points, varied, varied_count, "p", to);
    write_head(points, measured, measured_count, "n", to);
    fputs("</tr></thead>\n<tbody>\n", to);
    for (unsigned i = 0; i < list.count && i < TABLE_LINE_COUNT_MAX; i++) {
        fputs("<tr>", to);
        for (unsigned j = 0; j < varied_count; j++)
            write_parameter(points, list.all[i].first_row, varied[j], to);
        for (unsigned j = 0; j < measured_count; j++)
            write_measured(points, &list.all[i], measured[j], to);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
    if (list.count > TABLE_LINE_COUNT_MAX)
        fprintf(to, "<p class=\"quiet\">The first %d of %u lines; points.csv has all.</p>\n", TABLE_LINE_COUNT_MAX,
                list.count);
    repeats_list_fini(&list);
}

/* ---------------------------------------------------------------- limits */

void report_table_limits(const struct run_data *run, FILE *to)
{
    const struct table *limits = &run->limits;
    int columns[TABLE_COLUMN_COUNT_MAX];
    for (unsigned i = 0; i < limits->column_count; i++)
        columns[i] = (int)i;
    fputs("<div class=\"wide\"><table class=\"sortable\"><caption>Of this program on this machine, and not the same "
          "the next "
          "time.</caption>\n<thead><tr>",
          to);
    write_head(limits, columns, limits->column_count, "n", to);
    fputs("</tr></thead>\n<tbody>\n", to);
    for (unsigned row = 0; row < limits->row_count && row < TABLE_LINE_COUNT_MAX; row++) {
        fputs("<tr>", to);
        for (unsigned i = 0; i < limits->column_count; i++)
            write_parameter(limits, row, columns[i], to);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

/* ---------------------------------------------------------------- key figures */

static void write_key_figures_of(const struct run_data *run, const struct repeats_list *list, const char *op, FILE *to)
{
    const struct table *points = &run->points;
    const int op_column = table_column(points, "op");
    const int p50 = table_column(points, "p50_us");
    const int rate = table_column(points, "ops_per_s");
    double low = INFINITY;
    double high = 0;
    double fastest = 0;
    for (unsigned i = 0; i < list->count; i++) {
        struct interval range;
        if (strcmp(table_cell(points, list->all[i].first_row, op_column), op) != 0)
            continue;
        if (repeats_range(points, &list->all[i], p50, &range)) {
            low = fmin(low, range.middle);
            high = fmax(high, range.middle);
        }
        if (repeats_range(points, &list->all[i], rate, &range))
            fastest = fmax(fastest, range.middle);
    }
    if (high < low)
        return;
    char text[QUANTITY_TEXT_BYTES];
    fputs("<div><b>", to);
    markup_text(to, op);
    fprintf(to, "</b> median %s", quantity_print(QUANTITY_TIME, low * 1e-6, text));
    if (high > low)
        fprintf(to, " to %s", quantity_print(QUANTITY_TIME, high * 1e-6, text));
    if (fastest > 0)
        fprintf(to, ", up to %s a second", quantity_print_number(fastest, 3, text));
    fputs("</div>", to);
}

void report_table_key_figures(const struct run_data *run, FILE *to)
{
    enum { OP_COUNT_MAX = 4 };
    const struct table *points = &run->points;
    const int column = table_column(points, "op");
    const char *ops[OP_COUNT_MAX];
    unsigned op_count = 0;
    struct repeats_list list;
    if (!repeats_list_init(&list, points))
        list.count = 0;
    for (unsigned i = 0; i < list.count && op_count < OP_COUNT_MAX; i++) {
        const char *op = table_cell(points, list.all[i].first_row, column);
        unsigned known = 0;
        while (known < op_count && strcmp(ops[known], op) != 0)
            known++;
        if (known == op_count)
            ops[op_count++] = op;
    }
    for (unsigned i = 0; i < op_count; i++)
        write_key_figures_of(run, &list, ops[i], to);
    repeats_list_fini(&list);
}

/* ---------------------------------------------------------------- checks */

/* Numbers of any unit. */
static void write_check_number(const struct table *checks, unsigned row, const char *column, FILE *to)
{
    const double number = table_number(checks, row, table_column(checks, column));
    char text[QUANTITY_TEXT_BYTES];
    if (isnan(number)) {
        fputs("<td class=\"n\">", to);
        markup_text(to, table_cell(checks, row, table_column(checks, column)));
        fputs("</td>", to);
    } else {
        fprintf(to, "<td class=\"n\" data-v=\"%.17g\">%s</td>", number, quantity_print_number(number, 5, text));
    }
}

/* The parameters of a point that are its own: "64 KiB, rs:5,3". */
static void write_point_label(const struct run_data *run, const char *point, FILE *to)
{
    const struct table *points = &run->points;
    const int column = table_column(points, "point");
    int varied[TABLE_COLUMN_COUNT_MAX];
    const unsigned count = choose_varied(run, varied);
    unsigned row = 0;
    while (row < points->row_count && strcmp(table_cell(points, row, column), point) != 0)
        row++;
    const char *between = " ";
    for (unsigned i = 0; row < points->row_count && i < count; i++) {
        char text[QUANTITY_LABEL_BYTES];
        const char *name = table_column_name(points, (unsigned)varied[i]);
        if (strcmp(name, "op") == 0)
            continue;
        fputs(between, to);
        markup_text(to, quantity_print_parameter(name, table_cell(points, row, varied[i]), text));
        between = ", ";
    }
}

static void write_check(const struct run_data *run, unsigned row, FILE *to)
{
    const struct table *checks = &run->checks;
    const bool passed = run_check_passed(checks, row);
    const char *point = table_cell(checks, row, table_column(checks, "point"));
    fprintf(to, "<tr><td><span class=\"%s\">%s</span></td><td>", passed ? "ok" : "bad", passed ? "passed" : "FAILED");
    markup_text(to, table_cell(checks, row, table_column(checks, "check")));
    fprintf(to, "</td><td data-v=\"%.17g\">", strtod(point, NULL));
    markup_text(to, point);
    if (*point)
        write_point_label(run, point, to);
    fputs("</td>", to);
    write_check_number(checks, row, "measured", to);
    write_check_number(checks, row, "bound", to);
    fputs("<td>", to);
    markup_text(to, table_cell(checks, row, table_column(checks, "detail")));
    fputs("</td></tr>\n", to);
}

void report_table_checks(const struct run_data *run, FILE *to)
{
    const struct table *checks = &run->checks;
    const unsigned failed_count = run_verdict_of(run).failed_count;
    unsigned line_count = 0;
    if (checks->row_count == 0) {
        fputs("<p class=\"quiet\">This experiment checks nothing.</p>\n", to);
        return;
    }
    /* What has passed is there for those who ask. */
    fprintf(to, "<details%s><summary>%u of %u passed</summary>\n", failed_count ? " open" : "",
            checks->row_count - failed_count, checks->row_count);
    fputs("<div class=\"wide\"><table class=\"sortable\"><thead><tr><th scope=\"col\">verdict</th><th "
          "scope=\"col\">check</th><th scope=\"col\">point</th><th scope=\"col\" class=\"n\">measured</th><th "
          "scope=\"col\" class=\"n\">bound</th><th scope=\"col\">detail</th></tr></thead>\n<tbody>\n",
          to);
    for (unsigned pass = 0; pass < 2; pass++)
        for (unsigned row = 0; row < checks->row_count && line_count < CHECK_LINE_COUNT_MAX; row++)
            if (run_check_passed(checks, row) == (pass == 1)) {
                write_check(run, row, to);
                line_count++;
            }
    fputs("</tbody></table></div>\n", to);
    if (checks->row_count > line_count)
        fprintf(to, "<p class=\"quiet\">%u of %u checks; checks.csv has all.</p>\n", line_count, checks->row_count);
    fputs("</details>\n", to);
}
