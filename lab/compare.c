#include "lab/compare.h"

#include "lab/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1 };

struct side {
    const struct run_data *run;
    struct repeats_list list;
};

/* Repeats of the same on both sides. */
struct pairing {
    unsigned before; /* indices into the lists */
    unsigned after;
};

struct compare_build {
    struct side before;
    struct side after;
    int after_columns[TABLE_COLUMN_COUNT_MAX]; /* where the parameters of `before` are */
    struct pairing *pairings;
    unsigned pairing_count;
    double tolerance;
    struct comparison *comparison;
    char *why;
};

const char *change_name(enum change change)
{
    static const char *const names[] = {
        [CHANGE_NONE] = "same",   [CHANGE_UNCLEAR] = "unclear", [CHANGE_BETTER] = "better",
        [CHANGE_WORSE] = "WORSE", [CHANGE_UNKNOWN] = "unknown",
    };
    return names[change];
}

static enum areg_error out_of_memory(struct compare_build *build)
{
    snprintf(build->why, COMPARE_WHY_BYTES, "out of memory");
    return AREG_ENOMEM;
}

static void append(struct compare_build *build, const char *text)
{
    const size_t bytes = strlen(build->why);
    snprintf(build->why + bytes, COMPARE_WHY_BYTES - bytes, "%s", text);
}

/* ---------------------------------------------------------------- what does not match */

static bool has_value(const struct table *table, int column, const char *value)
{
    for (unsigned row = 0; row < table->row_count; row++)
        if (strcmp(table_cell(table, row, column), value) == 0)
            return true;
    return false;
}

static bool is_first_of_value(const struct table *table, unsigned row, int column)
{
    for (unsigned i = 0; i < row; i++)
        if (strcmp(table_cell(table, i, column), table_cell(table, row, column)) == 0)
            return false;
    return true;
}

static bool same_values(const struct table *a, int a_column, const struct table *b, int b_column)
{
    for (unsigned row = 0; row < a->row_count; row++)
        if (is_first_of_value(a, row, a_column) && !has_value(b, b_column, table_cell(a, row, a_column)))
            return false;
    return true;
}

static void append_values(struct compare_build *build, const struct table *table, int column)
{
    enum { SHOWN_MAX = 6 };
    unsigned count = 0;
    for (unsigned row = 0; row < table->row_count && count <= SHOWN_MAX; row++) {
        if (!is_first_of_value(table, row, column))
            continue;
        append(build, count ? ", " : "");
        append(build, count == SHOWN_MAX ? "..." : table_cell(table, row, column));
        count++;
    }
}

/* The columns whose values are not the same on both sides. */
static enum areg_error blame_columns(struct compare_build *build)
{
    const struct table *before = &build->before.run->points;
    const struct table *after = &build->after.run->points;
    const char *between = "";
    snprintf(build->why, COMPARE_WHY_BYTES, "these are no runs of the same: ");
    for (unsigned i = 0; i < build->before.run->parameter_count; i++) {
        const int column = build->before.run->parameters[i];
        if (same_values(before, column, after, build->after_columns[i]) &&
            same_values(after, build->after_columns[i], before, column))
            continue;
        append(build, between);
        append(build, table_column_name(before, (unsigned)column));
        append(build, " is ");
        append_values(build, before, column);
        append(build, " before and ");
        append_values(build, after, build->after_columns[i]);
        append(build, " after");
        between = "; ";
    }
    if (!*between)
        append(build, "the values of all columns are the same, but in other combinations");
    return AREG_EINVAL;
}

/* ---------------------------------------------------------------- pairs */

static enum areg_error pair_columns(struct compare_build *build)
{
    const struct run_data *sides[] = {build->before.run, build->after.run};
    for (unsigned side = 0; side < 2; side++) {
        const struct run_data *here = sides[side];
        for (unsigned i = 0; i < here->parameter_count; i++) {
            const char *name = table_column_name(&here->points, (unsigned)here->parameters[i]);
            const int there = table_column(&sides[1 - side]->points, name);
            if (there == TABLE_NO_COLUMN) {
                snprintf(build->why, COMPARE_WHY_BYTES, "only the run %s has a column %s", side ? "after" : "before",
                         name);
                return AREG_EINVAL;
            }
            if (side == 0)
                build->after_columns[i] = there;
        }
    }
    return AREG_OK;
}

static bool is_same_point(const struct compare_build *build, unsigned before, unsigned after)
{
    const struct run_data *run = build->before.run;
    const unsigned before_row = build->before.list.all[before].first_row;
    const unsigned after_row = build->after.list.all[after].first_row;
    for (unsigned i = 0; i < run->parameter_count; i++)
        if (strcmp(table_cell(&run->points, before_row, run->parameters[i]),
                   table_cell(&build->after.run->points, after_row, build->after_columns[i])) != 0)
            return false;
    return true;
}

/* Points with the same parameters, of which there may be several, are paired in their order. */
static enum areg_error pair_points(struct compare_build *build)
{
    const unsigned before_count = build->before.list.count;
    const unsigned after_count = build->after.list.count;
    bool *is_taken = calloc((size_t)after_count + 1, sizeof is_taken[0]);
    build->pairings = calloc((size_t)before_count + 1, sizeof build->pairings[0]);
    if (!is_taken || !build->pairings) {
        free(is_taken);
        return out_of_memory(build);
    }
    for (unsigned before = 0; before < before_count; before++) {
        unsigned after = 0;
        while (after < after_count && (is_taken[after] || !is_same_point(build, before, after)))
            after++;
        if (after == after_count)
            break;
        is_taken[after] = true;
        build->pairings[build->pairing_count++] = (struct pairing){before, after};
    }
    free(is_taken);
    if (build->pairing_count != before_count || before_count != after_count)
        return blame_columns(build);
    if (build->pairing_count > 0)
        return AREG_OK;
    snprintf(build->why, COMPARE_WHY_BYTES, "neither run has measured anything");
    return AREG_EINVAL;
}

/* ---------------------------------------------------------------- metrics */

static enum change judge(const struct compare_build *build, const char *metric, struct interval ratio)
{
    const double high = 1 + build->tolerance;
    const double low = fmax(1 - build->tolerance, 0);
    const bool is_cost = quantity_is_cost(metric);
    if (isnan(ratio.middle))
        return CHANGE_UNKNOWN;
    if (ratio.low > high)
        return is_cost ? CHANGE_WORSE : CHANGE_BETTER;
    if (ratio.high < low)
        return is_cost ? CHANGE_BETTER : CHANGE_WORSE;
    return ratio.low >= low && ratio.high <= high ? CHANGE_NONE : CHANGE_UNCLEAR;
}

static bool is_positive(struct sample sample)
{
    for (unsigned i = 0; i < sample.count; i++)
        if (!(sample.values[i] > 0))
            return false;
    return sample.count > 0;
}

/* Room for the values of all pairs of one metric, since their mean needs all of them again. */
struct metric_samples {
    double (*values)[2][STATISTICS_SAMPLE_COUNT_MAX];
    struct sample_pair *pairs;
    unsigned pair_count;
};

static void compare_line(struct compare_build *build, struct compare_metric *metric, struct metric_samples *samples,
                         const struct pairing *pairing)
{
    const struct repeats *before = &build->before.list.all[pairing->before];
    const struct repeats *after = &build->after.list.all[pairing->after];
    const struct table *tables[] = {&build->before.run->points, &build->after.run->points};
    double(*values)[STATISTICS_SAMPLE_COUNT_MAX] = samples->values[samples->pair_count];
    const struct sample_pair pair = {
        repeats_sample(tables[0], before, table_column(tables[0], metric->name), values[0]),
        repeats_sample(tables[1], after, table_column(tables[1], metric->name), values[1]),
    };
    const double none = (double)NAN;
    struct compare_line *line = &metric->lines[metric->line_count++];
    *line = (struct compare_line){
        .row = before->first_row,
        .before_count = pair.before.count,
        .after_count = pair.after.count,
        .before = pair.before.count ? statistics_median(pair.before) : none,
        .after = pair.after.count ? statistics_median(pair.after) : none,
        .ratio = {none, none, none},
        .change = CHANGE_UNKNOWN,
    };
    if (!is_positive(pair.before) || !is_positive(pair.after))
        return;
    samples->pairs[samples->pair_count++] = pair;
    line->ratio = statistics_ratio_interval(&pair, 1, SEED);
    line->change = judge(build, metric->name, line->ratio);
    const unsigned count = pair.before.count < pair.after.count ? pair.before.count : pair.after.count;
    struct comparison *comparison = build->comparison;
    comparison->repeats_min =
        comparison->repeats_min && comparison->repeats_min < count ? comparison->repeats_min : count;
}

static enum areg_error compare_metric(struct compare_build *build, struct compare_metric *metric)
{
    if (table_column(&build->before.run->points, metric->name) == TABLE_NO_COLUMN ||
        table_column(&build->after.run->points, metric->name) == TABLE_NO_COLUMN) {
        snprintf(build->why, COMPARE_WHY_BYTES, "there is no column %s to compare", metric->name);
        return AREG_EINVAL;
    }
    const size_t count = build->pairing_count;
    struct metric_samples samples = {calloc(count + 1, sizeof samples.values[0]),
                                     calloc(count + 1, sizeof samples.pairs[0]), 0};
    metric->lines = calloc(count, sizeof metric->lines[0]);
    const bool has_room = samples.values && samples.pairs && metric->lines;
    for (unsigned i = 0; has_room && i < count; i++)
        compare_line(build, metric, &samples, &build->pairings[i]);
    const double none = (double)NAN;
    metric->overall = (struct interval){none, none, none};
    if (samples.pair_count)
        metric->overall = statistics_ratio_interval(samples.pairs, samples.pair_count, SEED);
    metric->change = judge(build, metric->name, metric->overall);
    free(samples.values);
    free(samples.pairs);
    if (!has_room)
        return out_of_memory(build);
    build->comparison->worse_count += metric->change == CHANGE_WORSE;
    for (unsigned i = 0; i < metric->line_count; i++)
        build->comparison->worse_count += metric->lines[i].change == CHANGE_WORSE;
    return AREG_OK;
}

static enum areg_error compare_metrics(struct compare_build *build, const char *metrics)
{
    struct comparison *comparison = build->comparison;
    enum areg_error error = AREG_OK;
    for (const char *at = metrics; !error && *at;) {
        at += strspn(at, ", ");
        const size_t bytes = strcspn(at, ", ");
        if (bytes == 0)
            break;
        if (comparison->metric_count == COMPARE_METRIC_COUNT_MAX || bytes >= FIGURE_COLUMN_BYTES) {
            snprintf(build->why, COMPARE_WHY_BYTES, "\"%.200s\" are more than %d columns, or no columns", metrics,
                     COMPARE_METRIC_COUNT_MAX);
            return AREG_EINVAL;
        }
        struct compare_metric *metric = &comparison->metrics[comparison->metric_count++];
        snprintf(metric->name, sizeof metric->name, "%.*s", (int)bytes, at);
        error = compare_metric(build, metric);
        at += bytes;
    }
    if (!error && comparison->metric_count == 0) {
        snprintf(build->why, COMPARE_WHY_BYTES, "which columns are to be compared?");
        return AREG_EINVAL;
    }
    return error;
}

enum areg_error compare_runs(const struct run_data *before, const struct run_data *after, const char *metrics,
                             double tolerance, struct comparison *comparison, char why[COMPARE_WHY_BYTES])
{
    *comparison = (struct comparison){0};
    struct compare_build build = {
        .before.run = before, .after.run = after, .tolerance = tolerance, .comparison = comparison, .why = why};
    enum areg_error error = pair_columns(&build);
    if (!error) {
        const bool has_before = repeats_list_init(&build.before.list, &before->points);
        const bool has_after = repeats_list_init(&build.after.list, &after->points);
        error = has_before && has_after ? pair_points(&build) : out_of_memory(&build);
    }
    if (!error)
        error = compare_metrics(&build, metrics);
    repeats_list_fini(&build.before.list);
    repeats_list_fini(&build.after.list);
    free(build.pairings);
    return error;
}

void comparison_fini(struct comparison *comparison)
{
    for (unsigned i = 0; i < comparison->metric_count; i++)
        free(comparison->metrics[i].lines);
    *comparison = (struct comparison){0};
}
