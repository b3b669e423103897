/*
 * areg-lab summary: latencies and outcomes from recorded histories, of all their time or of the last few seconds, also
 * while they are still being written.
 */
#include "lab/bench_report.h"
#include "lab/program.h"
#include "sim/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_COUNT = HISTORY_DELETE + 1 };

struct summary {
    uint64_t from_ns; /* operations that ended earlier are left out */
    uint64_t begin_ns;
    uint64_t end_ns;
    struct histogram latency_ns[KIND_COUNT];
    struct outcome_counts counts[KIND_COUNT];
};

/* The next line of a history. False at its end, and at a line that is still being written; says so, and sets
 * `exit_code`, if a line is malformed. */
static bool next_op(FILE *file, const char *path, struct history_op *op, int *exit_code)
{
    char line[HISTORY_LINE_BYTES_MAX + 1];
    char key[HISTORY_LINE_BYTES_MAX];
    size_t key_bytes;
    char why[HISTORY_WHY_BYTES];
    if (!fgets(line, sizeof line, file) || (!strchr(line, '\n') && feof(file)))
        return false;
    if (history_parse(line, strlen(line), op, key, &key_bytes, why) == AREG_OK)
        return true;
    *exit_code = program_fail(AREG_EIO, "%s, before byte %ld: %s", path, ftell(file), why);
    return false;
}

/*
 * Go to a line before which all operations ended before `from_ns`. Lines stand in the order of their ends, so it is
 * searched for by halving; what is unknown has no end, and says nothing.
 */
static int seek_to_time(FILE *file, const char *path, uint64_t from_ns)
{
    enum { NEAR_BYTES = 64 << 10 };
    if (fseek(file, 0, SEEK_END) < 0)
        return EXIT_CODE_OK; /* a pipe: it is read from its beginning */
    long low = 0;
    long high = ftell(file);
    int exit_code = EXIT_CODE_OK;
    while (high - low > NEAR_BYTES && !exit_code) {
        const long middle = low + (high - low) / 2;
        char rest[HISTORY_LINE_BYTES_MAX + 1];
        struct history_op op = {.end_ns = UINT64_MAX};
        if (fseek(file, middle, SEEK_SET) < 0 || !fgets(rest, sizeof rest, file))
            break;
        while (op.end_ns == UINT64_MAX && next_op(file, path, &op, &exit_code)) {
        }
        if (op.end_ns < from_ns)
            low = middle;
        else
            high = middle;
    }
    char rest[HISTORY_LINE_BYTES_MAX + 1];
    if (fseek(file, low, SEEK_SET) == 0 && low > 0 && !fgets(rest, sizeof rest, file))
        return EXIT_CODE_OK;
    return exit_code;
}

/* Count an operation whose line was written at `written_ns` or, if it has no end, a little later. */
static void count_op(struct summary *summary, const struct history_op *op, uint64_t written_ns)
{
    const bool has_end = op->end_ns != UINT64_MAX;
    if (written_ns < summary->from_ns)
        return;
    struct outcome_counts *counts = &summary->counts[op->kind];
    counts->all++;
    counts->ok += op->status == HISTORY_OK;
    counts->not_found += op->status == HISTORY_OK && op->kind == HISTORY_READ && !op->has_value;
    counts->failed += op->status == HISTORY_FAIL;
    counts->unknown += op->status == HISTORY_INFO;
    if (has_end)
        histogram_add(&summary->latency_ns[op->kind], op->end_ns - op->start_ns);
    if (op->start_ns < summary->begin_ns)
        summary->begin_ns = op->start_ns;
    if (has_end && op->end_ns > summary->end_ns)
        summary->end_ns = op->end_ns;
}

static int read_history(struct summary *summary, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
    int exit_code = summary->from_ns > 0 ? seek_to_time(file, path, summary->from_ns) : EXIT_CODE_OK;
    struct history_op op;
    uint64_t written_ns = 0;
    while (!exit_code && next_op(file, path, &op, &exit_code)) {
        written_ns = op.end_ns != UINT64_MAX ? op.end_ns : op.start_ns > written_ns ? op.start_ns : written_ns;
        count_op(summary, &op, written_ns);
    }
    if (!exit_code && ferror(file))
        exit_code = program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
    if (file != stdin)
        fclose(file);
    return exit_code;
}

enum summary_form { FORM_TABLE, FORM_CSV, FORM_JSON };

static void print_summary(const struct summary *summary, double seconds, enum summary_form form)
{
    if (form == FORM_TABLE)
        bench_table_head(stdout);
    else if (form == FORM_CSV)
        bench_csv_head("seconds", stdout);
    else
        printf("{\"v\":1,\"seconds\":%.3f", seconds);
    for (unsigned kind = 0; kind < KIND_COUNT; kind++) {
        const char *name = history_kind_name((enum history_kind)kind);
        const struct outcome_counts *counts = &summary->counts[kind];
        if (form == FORM_TABLE) {
            bench_table_row(name, &summary->latency_ns[kind], counts, seconds, stdout);
        } else if (form == FORM_CSV) {
            char first[32];
            snprintf(first, sizeof first, "%g", seconds);
            bench_csv_row(first, name, &summary->latency_ns[kind], counts, seconds, stdout);
        } else {
            printf(",\"%s\":{", name);
            bench_json_outcomes(&summary->latency_ns[kind], counts, seconds, stdout);
            printf("}");
        }
    }
    if (form == FORM_JSON)
        printf("}\n");
}

int command_summary(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "summary HISTORY... [FLAG...]",
        .text = "Latencies and outcomes from histories as bench records them, several files as one. With --last, of\n"
                "the operations that ended in the last few seconds of a run that is still going on.",
        .examples = "  areg-lab summary load.jsonl\n"
                    "  areg-lab summary --last 3s load-*.jsonl",
        .word_count_max = UINT16_MAX,
    };
    struct common_flags common = {0};
    uint64_t last_ns = 0;
    bool as_csv = false;
    const struct flag flags[] = {
        {"last", 0, FLAG_DURATION, &last_ns, "TIME", "only what ended so long ago or later", 1, 0},
        {"csv", 0, FLAG_SWITCH, &as_csv, NULL, "rows for programs", 0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count == 0)
        return program_fail_usage("which history? areg-lab %s", page.synopsis);
    struct summary *summary = calloc(1, sizeof *summary);
    if (!summary)
        return program_fail(AREG_ENOMEM, "out of memory");
    const uint64_t now_ns = load_now_ns();
    summary->from_ns = last_ns && last_ns < now_ns ? now_ns - last_ns : 0;
    summary->begin_ns = UINT64_MAX;
    for (unsigned i = 0; !exit_code && i < line.word_count; i++)
        exit_code = read_history(summary, line.words[i]);
    const uint64_t span_ns = summary->end_ns > summary->begin_ns ? summary->end_ns - summary->begin_ns : 0;
    if (!exit_code)
        print_summary(summary, (double)(last_ns ? last_ns : span_ns) / 1e9,
                      common.json ? FORM_JSON
                      : as_csv    ? FORM_CSV
                                  : FORM_TABLE);
    free(summary);
    return exit_code;
}
