#include "lab/run_data.h"

#include "sim/json.h"

#include <errno.h>
#include <linux/limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static __attribute__((format(printf, 2, 3))) void note_problem(struct run_data *run, const char *format, ...)
{
    if (run->problem_count == RUN_PROBLEM_COUNT_MAX)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->problems[run->problem_count++], RUN_PROBLEM_BYTES, format, arguments);
    va_end(arguments);
}

/* ---------------------------------------------------------------- manifest */

static char *read_text(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = malloc(RUN_MANIFEST_BYTES_MAX + 1);
    *bytes = text ? fread(text, 1, RUN_MANIFEST_BYTES_MAX + 1, file) : 0;
    const bool is_whole = text && !ferror(file) && *bytes <= RUN_MANIFEST_BYTES_MAX && !memchr(text, 0, *bytes);
    fclose(file);
    if (!is_whole) {
        free(text);
        errno = EINVAL;
        return NULL;
    }
    text[*bytes] = 0;
    return text;
}

static void take_field(struct run_data *run, const struct json_field *field)
{
    const struct {
        const char *name;
        char *text;
        size_t room_bytes;
    } texts[] = {
        {"name", run->name, sizeof run->name},
        {"title", run->title, sizeof run->title},
        {"question", run->question, sizeof run->question},
        {"backend", run->backend, sizeof run->backend},
        {"network", run->network, sizeof run->network},
        {"revision", run->revision, sizeof run->revision},
        {"begun", run->begun, sizeof run->begun},
    };
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (json_name_is(field, texts[i].name) && !json_get_string(field, texts[i].text, texts[i].room_bytes))
            note_problem(run, "manifest.json: \"%s\" is no text, or too long", texts[i].name);
    if (json_name_is(field, "complete"))
        run->is_complete = field->kind == JSON_TRUE;
    else if (json_name_is(field, "quick"))
        run->is_quick = field->kind == JSON_TRUE;
    else if (json_name_is(field, "seed") && field->kind == JSON_NUMBER)
        snprintf(run->seed, sizeof run->seed, "%.*s", (int)field->text_bytes, field->text);
    else if (json_name_is(field, "seconds") && field->kind == JSON_NUMBER)
        run->seconds = strtod(field->text, NULL); /* a comma or a brace follows */
}

static void read_manifest(struct run_data *run)
{
    char path[PATH_MAX];
    size_t bytes;
    snprintf(path, sizeof path, "%s/manifest.json", run->dir);
    run->manifest = read_text(path, &bytes);
    if (!run->manifest) {
        note_problem(run, "manifest.json: %s", strerror(errno));
        return;
    }
    struct json_reader reader = json_reader_on(run->manifest, bytes);
    struct json_field field;
    while (json_next(&reader, &field))
        take_field(run, &field);
    if (reader.failed)
        note_problem(run, "manifest.json is no JSON object");
}

/* A run without a name is called after its directory. */
static void settle_names(struct run_data *run)
{
    if (!run->name[0]) {
        size_t bytes = strlen(run->dir);
        while (bytes > 1 && run->dir[bytes - 1] == '/')
            bytes--;
        size_t from = bytes;
        while (from > 0 && run->dir[from - 1] != '/')
            from--;
        snprintf(run->name, sizeof run->name, "%.*s", (int)(bytes - from), run->dir + from);
    }
    if (!run->title[0])
        snprintf(run->title, sizeof run->title, "%s", run->name);
}

/* ---------------------------------------------------------------- parameters */

/* For tables that do not name operations, so that it is not told by the order of columns. */
static bool is_parameter_name(const char *name)
{
    static const char *const names[] = {"backend",
                                        "code",
                                        "n",
                                        "k",
                                        "delta",
                                        "hosts",
                                        "readers",
                                        "writers",
                                        "mixed",
                                        "depth",
                                        "keys",
                                        "value_bytes",
                                        "dist",
                                        "rate_hz",
                                        "events",
                                        "op",
                                        "registers",
                                        "clients",
                                        "switched_off",
                                        "delay_min_us",
                                        "delay_max_us",
                                        "shards",
                                        "pools",
                                        "bandwidth_bytes_per_s"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool has_text(const struct table *table, int column)
{
    for (unsigned row = 0; row < table->row_count; row++)
        if (*table_cell(table, row, column) && isnan(table_number(table, row, column)))
            return true;
    return false;
}

/* All columns up to `op`; without it, those of known names or with words in them. */
static void find_parameters(struct run_data *run)
{
    const struct table *points = &run->points;
    const int op = table_column(points, "op");
    for (int column = 0; column < (int)points->column_count; column++) {
        const char *name = table_column_name(points, (unsigned)column);
        if (strcmp(name, "point") == 0 || strcmp(name, "repeat") == 0)
            continue;
        if (op >= 0 ? column <= op : is_parameter_name(name) || has_text(points, column))
            run->parameters[run->parameter_count++] = column;
    }
}

bool run_data_is_parameter(const struct run_data *run, int column)
{
    for (unsigned i = 0; i < run->parameter_count; i++)
        if (run->parameters[i] == column)
            return true;
    return false;
}

bool run_data_varies(const struct run_data *run, int column)
{
    for (unsigned row = 1; row < run->points.row_count; row++)
        if (strcmp(table_cell(&run->points, row, column), table_cell(&run->points, 0, column)) != 0)
            return true;
    return false;
}

/* ---------------------------------------------------------------- figures */

/* The first of the parameters that was varied, and what it is drawn over. */
static int swept_column(const struct run_data *run)
{
    const int op = table_column(&run->points, "op");
    for (unsigned i = 0; i < run->parameter_count; i++)
        if (run->parameters[i] != op && run_data_varies(run, run->parameters[i]))
            return run->parameters[i];
    return TABLE_NO_COLUMN;
}

/* The range of a column, to see whether a logarithmic axis serves better. */
static bool spans_decades(const struct table *table, int column)
{
    double low = INFINITY;
    double high = 0;
    for (unsigned row = 0; row < table->row_count; row++) {
        const double number = table_number(table, row, column);
        low = number < low ? number : low;
        high = number > high ? number : high;
    }
    return low > 0 && high / low > 20;
}

static void default_figures(struct run_data *run)
{
    const struct table *points = &run->points;
    const int y = table_column(points, "p50_us");
    int x = swept_column(run);
    if (y == TABLE_NO_COLUMN || points->row_count == 0)
        return;
    x = x == TABLE_NO_COLUMN ? table_column(points, "op") : x;
    if (x == TABLE_NO_COLUMN)
        return;
    struct figure_spec *spec = &run->figures.figures[run->figures.count++];
    spec->kind = has_text(points, x) ? PLOT_BARS : PLOT_LINES;
    spec->is_log_x = spans_decades(points, x);
    spec->is_log_y = spec->kind == PLOT_LINES && spans_decades(points, y);
    snprintf(spec->x, sizeof spec->x, "%s", table_column_name(points, (unsigned)x));
    snprintf(spec->y, sizeof spec->y, "p50_us");
    if (table_column(points, "op") != TABLE_NO_COLUMN) {
        spec->series_count = 1;
        snprintf(spec->series[0], sizeof spec->series[0], "op");
    }
}

static void read_figures(struct run_data *run)
{
    char path[PATH_MAX];
    char why[CONF_WHY_BYTES];
    config_t conf;
    snprintf(path, sizeof path, "%s/experiment.cfg", run->dir);
    enum areg_error error = conf_open(&conf, path, why);
    if (!error) {
        error = figure_specs_load(config_root_setting(&conf), &run->figures, why);
        config_destroy(&conf);
    }
    if (error)
        note_problem(run, "%s", why);
    if (run->figures.count == 0)
        default_figures(run);
}

/* ---------------------------------------------------------------- tables */

static enum areg_error read_table(struct run_data *run, const char *name, struct table *table,
                                  char why[TABLE_WHY_BYTES])
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", run->dir, name) >= (int)sizeof path) {
        snprintf(why, TABLE_WHY_BYTES, "the path of %s is too long", name);
        return AREG_EINVAL;
    }
    const enum areg_error error = table_read(path, table, why);
    if (error)
        table_fini(table);
    return error;
}

static void read_side_tables(struct run_data *run)
{
    const struct {
        const char *name;
        struct table *table;
    } tables[] = {
        {"latencies.csv", &run->latencies}, {"timeline.csv", &run->timeline}, {"events.csv", &run->events},
        {"checks.csv", &run->checks},       {"limits.csv", &run->limits},
    };
    for (unsigned i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char why[TABLE_WHY_BYTES];
        const enum areg_error error = read_table(run, tables[i].name, tables[i].table, why);
        if (error && error != AREG_ENOTFOUND)
            note_problem(run, "%s", why);
    }
}

enum areg_error run_data_create(const char *dir, struct run_data **created, char why[TABLE_WHY_BYTES])
{
    struct run_data *run = calloc(1, sizeof *run);
    *created = NULL;
    if (!run) {
        snprintf(why, TABLE_WHY_BYTES, "out of memory");
        return AREG_ENOMEM;
    }
    run->dir = dir;
    run->seconds = (double)NAN;
    enum areg_error error = read_table(run, "points.csv", &run->points, why);
    if (!error && run->points.row_count > RUN_POINT_COUNT_MAX) {
        snprintf(why, TABLE_WHY_BYTES, "%.300s/points.csv has more than %d rows", dir, RUN_POINT_COUNT_MAX);
        error = AREG_EINVAL;
    }
    if (error) {
        run_data_destroy(run);
        return error;
    }
    find_parameters(run);
    read_manifest(run);
    settle_names(run);
    read_side_tables(run);
    read_figures(run);
    *created = run;
    return AREG_OK;
}

void run_data_destroy(struct run_data *run)
{
    if (!run)
        return;
    table_fini(&run->points);
    table_fini(&run->latencies);
    table_fini(&run->timeline);
    table_fini(&run->events);
    table_fini(&run->checks);
    table_fini(&run->limits);
    free(run->manifest);
    free(run);
}
