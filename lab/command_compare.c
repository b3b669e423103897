/*
 * areg-lab compare: whether a change has made anything worse, from two runs of the same experiment.
 */
#include "lab/compare.h"
#include "lab/program.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct report {
    const struct run_data *before;
    const struct comparison *comparison;
    int columns[TABLE_COLUMN_COUNT_MAX]; /* parameters that differ between points */
    unsigned column_count;
};

static void choose_columns(struct report *report)
{
    const struct run_data *run = report->before;
    for (unsigned i = 0; i < run->parameter_count; i++) {
        const char *name = table_column_name(&run->points, (unsigned)run->parameters[i]);
        const bool is_told = strcmp(name, "op") == 0 || run_data_varies(run, run->parameters[i]);
        if (is_told && strcmp(name, "n") != 0 && strcmp(name, "k") != 0) /* the code tells them */
            report->columns[report->column_count++] = run->parameters[i];
    }
}

/* ---------------------------------------------------------------- text */

static void print_label(const struct report *report, unsigned row, char text[PLOT_TITLE_BYTES])
{
    const struct table *points = &report->before->points;
    text[0] = 0;
    for (unsigned i = 0; i < report->column_count; i++) {
        char part[QUANTITY_LABEL_BYTES];
        const size_t bytes = strlen(text);
        quantity_print_parameter(table_column_name(points, (unsigned)report->columns[i]),
                                 table_cell(points, row, report->columns[i]), part);
        snprintf(text + bytes, PLOT_TITLE_BYTES - bytes, "%s%s", i ? ", " : "", part);
    }
}

/* "+12.3 %" */
static const char *print_change(double ratio, char text[QUANTITY_TEXT_BYTES])
{
    snprintf(text, QUANTITY_TEXT_BYTES, "%+.1f %%", (ratio - 1) * 100);
    return text;
}

static void print_ratio(struct interval ratio, enum change change)
{
    char middle[QUANTITY_TEXT_BYTES];
    char low[QUANTITY_TEXT_BYTES];
    char high[QUANTITY_TEXT_BYTES];
    if (change == CHANGE_UNKNOWN)
        printf("  %9s  %-22s  %s\n", "-", "-", change_name(change));
    else
        printf("  %9s  %9s to %9s  %s\n", print_change(ratio.middle, middle), print_change(ratio.low, low),
               print_change(ratio.high, high), change_name(change));
}

/* Columns are aligned by characters, not by bytes: a micro sign is two. */
static void print_cell(const char *text, int width)
{
    int characters = 0;
    for (const char *at = text; *at; at++)
        characters += ((unsigned char)*at & 0xC0) != 0x80;
    printf("  %*s%s", characters < width ? width - characters : 0, "", text);
}

static void print_metric(const struct report *report, const struct compare_metric *metric, int label_width)
{
    const struct quantity quantity = quantity_of(metric->name);
    printf("%-*s  %10s  %10s  %9s  %-22s\n", label_width, metric->name, "before", "after", "change", "  95 % interval");
    for (unsigned i = 0; i < metric->line_count; i++) {
        const struct compare_line *line = &metric->lines[i];
        char label[PLOT_TITLE_BYTES];
        char text[QUANTITY_TEXT_BYTES];
        print_label(report, line->row, label);
        printf("%-*s", label_width, label);
        print_cell(isnan(line->before) ? "-" : quantity_print(quantity.kind, line->before * quantity.to_base, text),
                   10);
        print_cell(isnan(line->after) ? "-" : quantity_print(quantity.kind, line->after * quantity.to_base, text), 10);
        print_ratio(line->ratio, line->change);
    }
    printf("%-*s  %10s  %10s", label_width, "geometric mean", "", "");
    print_ratio(metric->overall, metric->change);
}

static void print_text(const struct report *report, double tolerance)
{
    const struct comparison *comparison = report->comparison;
    int label_width = (int)strlen("geometric mean");
    for (unsigned i = 0; i < comparison->metrics[0].line_count; i++) {
        char label[PLOT_TITLE_BYTES];
        print_label(report, comparison->metrics[0].lines[i].row, label);
        label_width = (int)strlen(label) > label_width ? (int)strlen(label) : label_width;
    }
    for (unsigned i = 0; i < comparison->metric_count; i++) {
        print_metric(report, &comparison->metrics[i], label_width);
        putchar('\n');
    }
    if (comparison->worse_count)
        printf("%u figures are worse by more than %g %%\n", comparison->worse_count, tolerance * 100);
    else
        printf("nothing is worse by more than %g %%\n", tolerance * 100);
}

/* ---------------------------------------------------------------- JSON */

static void print_json_number(const char *name, double number)
{
    printf(",\"%s\":", name);
    if (isnan(number))
        printf("null");
    else
        printf("%.9g", number);
}

static void print_json_ratio(struct interval ratio, enum change change)
{
    print_json_number("ratio", ratio.middle);
    print_json_number("low", ratio.low);
    print_json_number("high", ratio.high);
    printf(",\"change\":\"%s\"", change == CHANGE_WORSE ? "worse" : change_name(change));
}

static void print_json_line(const struct report *report, const struct compare_line *line)
{
    const struct table *points = &report->before->points;
    printf("{\"parameters\":{");
    for (unsigned i = 0; i < report->column_count; i++) {
        const char *name = table_column_name(points, (unsigned)report->columns[i]);
        const char *cell = table_cell(points, line->row, report->columns[i]);
        printf("%s", i ? "," : "");
        json_print_string(stdout, name, strlen(name));
        putchar(':');
        json_print_string(stdout, cell, strlen(cell));
    }
    printf("},\"before_repeats\":%u,\"after_repeats\":%u", line->before_count, line->after_count);
    print_json_number("before", line->before);
    print_json_number("after", line->after);
    print_json_ratio(line->ratio, line->change);
    putchar('}');
}

static void print_json(const struct report *report, double tolerance)
{
    const struct comparison *comparison = report->comparison;
    printf("{\"v\":1,\"tolerance\":%.9g,\"worse\":%u,\"metrics\":[", tolerance, comparison->worse_count);
    for (unsigned i = 0; i < comparison->metric_count; i++) {
        const struct compare_metric *metric = &comparison->metrics[i];
        printf("%s{\"metric\":", i ? "," : "");
        json_print_string(stdout, metric->name, strlen(metric->name));
        print_json_ratio(metric->overall, metric->change);
        printf(",\"points\":[");
        for (unsigned j = 0; j < metric->line_count; j++) {
            printf("%s", j ? "," : "");
            print_json_line(report, &metric->lines[j]);
        }
        printf("]}");
    }
    printf("]}\n");
}

/* ---------------------------------------------------------------- the command */

/* "10%", "0.1" */
static bool parse_tolerance(const char *text, double *tolerance)
{
    char *end;
    *tolerance = strtod(text, &end);
    const bool is_percent = *end == '%';
    if (is_percent)
        *tolerance /= 100;
    return end != text && !end[is_percent] && *tolerance >= 0 && *tolerance <= 100;
}

static int compare_and_print(const struct run_data *before, const struct run_data *after, const char *metrics,
                             double tolerance, const struct common_flags *common)
{
    struct comparison comparison;
    char why[COMPARE_WHY_BYTES];
    const enum areg_error error = compare_runs(before, after, metrics, tolerance, &comparison, why);
    int exit_code = EXIT_CODE_OK;
    if (error) {
        exit_code = program_fail(error, "%s", why);
    } else {
        struct report report = {.before = before, .comparison = &comparison};
        choose_columns(&report);
        if (common->json)
            print_json(&report, tolerance);
        else if (!common->quiet)
            print_text(&report, tolerance);
        if (comparison.repeats_min < 3 && !common->quiet)
            fprintf(stderr, "areg-lab: some points have fewer than 3 repeats; intervals of so few say little\n");
        exit_code = comparison.worse_count ? EXIT_CODE_ERROR : EXIT_CODE_OK;
    }
    comparison_fini(&comparison);
    return exit_code;
}

int command_compare(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "compare BEFORE AFTER [FLAG...]",
        .text =
            "Compare two runs of the same experiment, point by point: the ratio of medians over repeats, with its\n"
            "95 % bootstrap interval. What is worse by more than the tolerance, with its whole interval, makes the\n"
            "exit code 1. Larger is worse, but for what is done in a second. Of many noisy points a few seem worse\n"
            "by chance: more repeats tell.",
        .examples = "  areg-lab compare areg-experiments/value-size-A areg-experiments/value-size-B\n"
                    "  areg-lab compare A B --metric p50_us,rounds_per_op --tolerance 5%",
        .word_count_max = 2,
    };
    struct common_flags common = {0};
    const char *metrics = "p50_us,p99_us,ops_per_s";
    const char *tolerance_text = "10%";
    const struct flag flags[] = {
        {"metric", 0, FLAG_TEXT, &metrics, "NAMES", "columns; default p50_us,p99_us,ops_per_s", 0, 0},
        {"tolerance", 0, FLAG_TEXT, &tolerance_text, "SHARE", "what is as good as no change; default 10%", 0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    double tolerance;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count != 2)
        return program_fail_usage("which two runs? areg-lab %s", page.synopsis);
    if (!parse_tolerance(tolerance_text, &tolerance))
        return program_fail_usage("--tolerance is a share like 10%% or 0.1, not \"%s\"", tolerance_text);
    struct run_data *runs[2] = {NULL, NULL};
    for (unsigned i = 0; i < 2 && !exit_code; i++) {
        char why[TABLE_WHY_BYTES];
        const enum areg_error error = run_data_create(line.words[i], &runs[i], why);
        if (error)
            exit_code = program_fail(error, "%s", why);
    }
    if (!exit_code)
        exit_code = compare_and_print(runs[0], runs[1], metrics, tolerance, &common);
    run_data_destroy(runs[0]);
    run_data_destroy(runs[1]);
    return exit_code;
}
