#include "sim/timeline.h"

#include "core/check.h"
#include "sim/json.h"

#include <inttypes.h>
#include <string.h>

enum {
    COLUMNS_MAX = 80,
    TEXT_BYTES = 80,
    INSTANTS_MAX = 2 * VIOLATION_OPS_MAX,
    STEP_COLUMNS_MIN = 2,
    STEP_COLUMNS_MAX = 8,
};

struct row {
    const struct history_op *op;
    const char *place; /* NULL: it is known by its number */
    uint32_t op_index;
    char client[TEXT_BYTES];
    char seen[TEXT_BYTES]; /* what the judge goes by */
};

struct timeline {
    enum judge judge;
    struct row rows[VIOLATION_OPS_MAX];
    unsigned row_count;
    uint64_t instants[INSTANTS_MAX]; /* ascending, each once */
    unsigned instant_count;
};

const char *judge_name(enum judge judge)
{
    return judge == JUDGE_VERSIONS ? "by versions" : "by values alone";
}

static void print_value(const struct history_op *op, char text[TEXT_BYTES])
{
    if (op->has_value)
        snprintf(text, TEXT_BYTES, "%016" PRIx64, op->value_hash);
    else
        snprintf(text, TEXT_BYTES, "nothing");
}

static void print_version(const struct history_op *op, char text[TEXT_BYTES])
{
    char version[HISTORY_VERSION_BYTES] = "none";
    if (op->has_version)
        history_print_version(op->version, version);
    snprintf(text, TEXT_BYTES, "%s", version);
}

/* Rows stand in the order in which their operations began. */
static void add_row(struct timeline *timeline, const struct row *row)
{
    unsigned position = timeline->row_count++;
    for (; position > 0 && timeline->rows[position - 1].op->start_ns > row->op->start_ns; position--)
        timeline->rows[position] = timeline->rows[position - 1];
    timeline->rows[position] = *row;
}

static void add_instant(struct timeline *timeline, uint64_t at_ns)
{
    unsigned position = 0;
    while (position < timeline->instant_count && timeline->instants[position] < at_ns)
        position++;
    if (position < timeline->instant_count && timeline->instants[position] == at_ns)
        return;
    CHECK(timeline->instant_count < INSTANTS_MAX);
    memmove(&timeline->instants[position + 1], &timeline->instants[position],
            (timeline->instant_count - position) * sizeof timeline->instants[0]);
    timeline->instants[position] = at_ns;
    timeline->instant_count++;
}

static unsigned instant_position(const struct timeline *timeline, uint64_t at_ns)
{
    unsigned position = 0;
    while (timeline->instants[position] != at_ns)
        position++;
    return position;
}

static void print_bar(FILE *to, const struct timeline *timeline, const struct history_op *op, unsigned step)
{
    const unsigned start = instant_position(timeline, op->start_ns) * step;
    const unsigned end = instant_position(timeline, op->end_ns) * step;
    fprintf(to, "%*s|", (int)start, "");
    for (unsigned column = start + 1; column < end; column++)
        fputc('=', to);
    if (end > start)
        fputc(op->status == HISTORY_INFO ? '>' : '|', to);
    fputc('\n', to);
}

static unsigned wider(unsigned width, const char *text)
{
    const unsigned bytes = (unsigned)strlen(text);
    return bytes > width ? bytes : width;
}

static unsigned step_columns(const struct timeline *timeline, unsigned text_columns)
{
    const unsigned step_count = timeline->instant_count - 1;
    if (step_count == 0 || text_columns + 1 + step_count * STEP_COLUMNS_MIN > COLUMNS_MAX)
        return STEP_COLUMNS_MIN;
    const unsigned columns = (COLUMNS_MAX - text_columns - 1) / step_count;
    return columns < STEP_COLUMNS_MAX ? columns : STEP_COLUMNS_MAX;
}

static void print_bars(FILE *to, const struct timeline *timeline)
{
    unsigned client_columns = 0;
    unsigned kind_columns = 0;
    unsigned seen_columns = 0;
    for (unsigned i = 0; i < timeline->row_count; i++) {
        client_columns = wider(client_columns, timeline->rows[i].client);
        kind_columns = wider(kind_columns, history_kind_name(timeline->rows[i].op->kind));
        seen_columns = wider(seen_columns, timeline->rows[i].seen);
    }
    const unsigned step = step_columns(timeline, 5 + client_columns + 2 + kind_columns + 2 + seen_columns + 2);
    for (unsigned i = 0; i < timeline->row_count; i++) {
        const struct row *row = &timeline->rows[i];
        fprintf(to, "  %c  %-*s  %-*s  %-*s  ", 'A' + (int)i, (int)client_columns, row->client, (int)kind_columns,
                history_kind_name(row->op->kind), (int)seen_columns, row->seen);
        print_bar(to, timeline, row->op, step);
    }
}

/* What the picture does not show; times are since the first operation of the history. */
static void print_details(FILE *to, const struct timeline *timeline, uint64_t origin_ns)
{
    for (unsigned i = 0; i < timeline->row_count; i++) {
        const struct row *row = &timeline->rows[i];
        const struct history_op *op = row->op;
        char other[TEXT_BYTES];
        char end[TEXT_BYTES] = "?";
        (timeline->judge == JUDGE_VERSIONS ? print_value : print_version)(op, other);
        if (op->end_ns != UINT64_MAX)
            snprintf(end, sizeof end, "%.9f s", (double)(op->end_ns - origin_ns) / 1e9);
        fprintf(to, "  %c  ", 'A' + (int)i);
        if (row->place)
            fprintf(to, "%s", row->place);
        else
            fprintf(to, "operation %" PRIu32, row->op_index);
        fprintf(to, ": %s %s, %.9f s .. %s, %s\n", timeline->judge == JUDGE_VERSIONS ? "value" : "version", other,
                (double)(op->start_ns - origin_ns) / 1e9, end, history_status_name(op->status));
    }
}

void timeline_print(FILE *to, const struct atomicity *atomicity, const struct verdict *verdict, enum judge judge,
                    const char *const *places)
{
    const struct opinion *opinion = &verdict->opinions[judge];
    CHECK(opinion->violation.kind != VIOLATION_NONE && opinion->violation.op_count <= VIOLATION_OPS_MAX);
    struct timeline timeline = {.judge = judge};
    for (unsigned i = 0; i < opinion->violation.op_count; i++) {
        struct row row = {.op_index = opinion->violation.op_indices[i], .place = places ? places[i] : NULL};
        row.op = atomicity_op(atomicity, row.op_index);
        snprintf(row.client, sizeof row.client, "client %" PRIu64, row.op->client);
        (judge == JUDGE_VERSIONS ? print_version : print_value)(row.op, row.seen);
        add_row(&timeline, &row);
        add_instant(&timeline, row.op->start_ns);
        add_instant(&timeline, row.op->end_ns);
    }
    fprintf(to, "not linearizable %s: register ", judge_name(judge));
    json_print_string(to, (const char *)opinion->violated_key.at, opinion->violated_key.bytes);
    if (opinion->registers_violated > 1)
        fprintf(to, " (the first of %" PRIu64 ")", opinion->registers_violated);
    fprintf(to, ": %s\n", violation_sentence(opinion->violation.kind));
    print_bars(to, &timeline);
    print_details(to, &timeline, atomicity_counts(atomicity)->start_ns);
}
