#include "lab/checks.h"

#include "lab/bench_report.h"
#include "sim/atomicity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { DETAIL_BYTES = 256 };

/* What a machine measures of bytes and rounds is exact but for what was under way when it was measured. */
static const double TOLERANCE = 1.02;

/* In the simulator, what happens at one moment happens in some order, a nanosecond apart. */
static const double INSTANTS_US = 0.1;

/* What one check has come to. */
struct finding {
    bool has_passed;
    double measured;
    double bound;
    char detail[DETAIL_BYTES];
};

/* ---------------------------------------------------------------- histories */

/* Take all lines of a history; false, and why, if it is none. */
static bool read_history(struct atomicity *atomicity, FILE *file, char detail[DETAIL_BYTES])
{
    char line[HISTORY_LINE_BYTES_MAX + 1];
    char key[HISTORY_LINE_BYTES_MAX];
    char why[HISTORY_WHY_BYTES];
    for (uint64_t line_number = 1; fgets(line, sizeof line, file); line_number++) {
        struct history_op op;
        size_t key_bytes;
        enum areg_error error = history_parse(line, strlen(line), &op, key, &key_bytes, why);
        if (!error && atomicity_add(atomicity, &op, slice_borrow(key, key_bytes)) != AREG_OK) {
            error = AREG_ENOMEM;
            snprintf(why, sizeof why, "%s", error_sentence(error));
        }
        if (error) {
            snprintf(detail, DETAIL_BYTES, "line %" PRIu64 " of the history: %s", line_number, why);
            return false;
        }
    }
    return true;
}

static void describe(const struct atomicity *atomicity, const struct verdict *verdict, char detail[DETAIL_BYTES])
{
    const struct atomicity_counts *counts = atomicity_counts(atomicity);
    for (unsigned i = 0; i < JUDGE_COUNT; i++)
        if (verdict->opinions[i].violation.kind) {
            snprintf(detail, DETAIL_BYTES, "%s", violation_sentence(verdict->opinions[i].violation.kind));
            return;
        }
    snprintf(detail, DETAIL_BYTES, "%" PRIu64 " operations on %" PRIu64 " registers%s", counts->ops, counts->registers,
             verdict->registers_open ? "; not all of them can be judged" : "");
}

static void judge_history(const struct tried *tried, struct finding *finding)
{
    const char *path = tried->trial->history_path;
    finding->bound = 0;
    FILE *file = fopen(path, "re");
    struct atomicity *atomicity = atomicity_create();
    if (!file || !atomicity) {
        snprintf(finding->detail, DETAIL_BYTES, "no history: %s", strerror(file ? ENOMEM : errno));
    } else if (read_history(atomicity, file, finding->detail)) {
        struct verdict verdict;
        const enum areg_error error = atomicity_judge(atomicity, ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES, &verdict);
        finding->measured = error ? (double)NAN : (double)verdict.registers_violated;
        finding->has_passed = !error && verdict.registers_violated == 0 && verdict.registers_open == 0;
        if (error)
            snprintf(finding->detail, DETAIL_BYTES, "%s", error_sentence(error));
        else
            describe(atomicity, &verdict, finding->detail);
    }
    atomicity_destroy(atomicity);
    if (file)
        fclose(file);
}

/* ---------------------------------------------------------------- figures */

static void judge_failures(const struct tried *tried, struct finding *finding)
{
    uint64_t all = 0;
    uint64_t not_ok = 0;
    for (unsigned kind = LOAD_READ; kind <= LOAD_WRITE; kind++) {
        const struct outcome_counts counts = bench_outcomes(&tried->measurement->kinds[kind]);
        all += counts.all;
        not_ok += counts.failed + counts.unknown;
    }
    const struct trial_note *failed = NULL;
    unsigned failed_count = 0;
    for (unsigned i = tried->measurement->note_count; i-- > 0;) {
        if (!tried->measurement->notes[i].has_failed)
            continue;
        failed = &tried->measurement->notes[i];
        failed_count++;
    }
    finding->measured = (double)(not_ok + failed_count);
    finding->bound = 0;
    finding->has_passed = not_ok == 0 && failed_count == 0 && all > 0;
    snprintf(finding->detail, DETAIL_BYTES, "%" PRIu64 " of %" PRIu64 " operations did not succeed%s%.300s", not_ok,
             all, failed ? ", and an event: " : "", failed ? failed->text : "");
}

static double share_of(double measured, double bound)
{
    return bound > 0 ? measured / bound : measured > 0 ? (double)INFINITY : 0;
}

/* Keep what is the nearest to its bound, or the farthest above it. */
static void weigh(struct finding *finding, double measured, double bound, const char *what, enum load_kind kind)
{
    if (isnan(measured) || isnan(bound))
        return;
    const double before = isnan(finding->measured) ? 0 : share_of(finding->measured, finding->bound);
    if (before > 0 && share_of(measured, bound) <= before)
        return;
    finding->measured = measured;
    finding->bound = bound;
    snprintf(finding->detail, DETAIL_BYTES, "%s of %ss", what, columns_kind_name(kind));
}

static void judge_bounds(const struct tried *tried, struct finding *finding)
{
    const struct measurement *measured = tried->measurement;
    for (enum load_kind kind = LOAD_READ; kind <= LOAD_WRITE; kind++) {
        const struct histogram *latency_ns = &measured->kinds[kind].latency_ns;
        if (!columns_has(tried->trial, kind) || latency_ns->count == 0)
            continue;
        const struct bounds bounds = columns_bounds(tried, kind);
        weigh(finding, measured->rounds[kind], TOLERANCE * bounds.rounds, "rounds", kind);
        weigh(finding, measured->sent_values[kind], TOLERANCE * bounds.sent_values, "values sent", kind);
        weigh(finding, measured->received_values[kind], TOLERANCE * bounds.received_values, "values received", kind);
        weigh(finding, measured->stored_values_max, TOLERANCE * bounds.stored_values, "values stored, because", kind);
        weigh(finding, (double)latency_ns->max / 1e3, bounds.latency_us + INSTANTS_US, "the longest latency, in us,",
              kind);
    }
    finding->has_passed = !isnan(finding->measured) && finding->measured <= finding->bound;
}

/* PROTOCOL: two rounds and n/k values for a write, one round and one value for a read, n/k values at rest. */
static void judge_uncontended(const struct tried *tried, struct finding *finding)
{
    const struct measurement *measured = tried->measurement;
    const struct code code = tried->trial->code;
    const bool has_directories = code.dap == DAP_LDR;
    const double spread = (double)(code.n - code.directory_count) / code.k;
    if (columns_has(tried->trial, LOAD_READ)) {
        weigh(finding, measured->rounds[LOAD_READ], TOLERANCE * 1, "rounds", LOAD_READ);
        weigh(finding, measured->received_values[LOAD_READ], TOLERANCE * 1, "values received", LOAD_READ);
    }
    if (columns_has(tried->trial, LOAD_WRITE)) {
        weigh(finding, measured->rounds[LOAD_WRITE], TOLERANCE * (has_directories ? 3 : 2), "rounds", LOAD_WRITE);
        weigh(finding, measured->sent_values[LOAD_WRITE], TOLERANCE * spread, "values sent", LOAD_WRITE);
        weigh(finding, measured->stored_values_rest, TOLERANCE * spread, "values at rest, because", LOAD_WRITE);
    }
    finding->has_passed = !isnan(finding->measured) && finding->measured <= finding->bound;
}

/* ---------------------------------------------------------------- rows */

typedef void judge_fn(const struct tried *tried, struct finding *finding);

static const struct {
    enum experiment_check bit;
    const char *name;
    judge_fn *judge;
} all_checks[] = {
    {CHECK_LINEARIZABLE, "linearizable", judge_history},
    {CHECK_NO_FAILURES, "no-failures", judge_failures},
    {CHECK_WITHIN_BOUNDS, "within-bounds", judge_bounds},
    {CHECK_UNCONTENDED, "uncontended", judge_uncontended},
};

void checks_print_head(FILE *to)
{
    fputs("check,point,repeat,passed,measured,bound,detail\n", to);
}

/* As a cell of CSV. */
static void print_quoted(const char *text, FILE *to)
{
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

unsigned checks_print(const struct tried *tried, unsigned checks, FILE *to, FILE *failed)
{
    unsigned failed_count = 0;
    for (unsigned i = 0; i < sizeof all_checks / sizeof all_checks[0]; i++) {
        if (!(checks & all_checks[i].bit))
            continue;
        struct finding finding = {.measured = (double)NAN, .bound = (double)NAN};
        all_checks[i].judge(tried, &finding);
        fprintf(to, "%s,%u,%u,%d,", all_checks[i].name, tried->point, tried->repeat, finding.has_passed);
        columns_print_number(finding.measured, to);
        fputc(',', to);
        columns_print_number(finding.bound, to);
        fputc(',', to);
        print_quoted(finding.detail, to);
        fputc('\n', to);
        if (finding.has_passed)
            continue;
        failed_count++;
        if (failed)
            fprintf(failed, "areg-lab: not %s: point %u, repeat %u: %s: %.7g, and it may be %.7g\n", all_checks[i].name,
                    tried->point, tried->repeat, finding.detail, finding.measured, finding.bound);
    }
    return failed_count;
}
