#include "lab/scale.h"

#include "core/check.h"
#include "core/command_line.h"
#include "lab/key_choice.h"
#include "lab/scale_field.h"
#include "lab/scale_study.h"
#include "sim/study.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

static const char *const study_names[] = {"balance", "movement", "recovery", "slow-hosts", "simulator", NULL};
static const char *const placement_names[] = {"settled", "hashed", "groups", NULL};

void scale_defaults(struct scale_options *options)
{
    *options = (struct scale_options){
        .study = "balance",
        .seed = 1,
        .host_count = 1000,
        .rack_count = 50,
        .shard_count = 4096,
        .placement = "settled",
        .key_count = 1000 * 1000,
        .value_bytes = 1 << 20,
        .distribution = "uniform",
        .client_count = 100 * 1000,
        .rate_hz = 20 * 1000,
        .read_percent = 90,
        .duration_ns = 2 * SECOND_NS,
        .change = "lose 1",
        .host_bytes = UINT64_C(1) << 40,
        .background_bytes_per_s = UINT64_C(100) << 20,
        .slow_per_mille = 10,
        .slow_factor = 1,
        .delay_min_ns = STUDY_DELAY_MIN_NS,
        .delay_max_ns = STUDY_DELAY_MAX_NS,
        .link_bytes_per_s = STUDY_BANDWIDTH_BYTES_PER_S,
        .processing_ns = STUDY_PROCESSING_NS,
        .commit_min_ns = STUDY_COMMIT_MIN_NS,
        .commit_max_ns = STUDY_COMMIT_MAX_NS,
        .disk_bytes_per_s = STUDY_DISK_BYTES_PER_S,
    };
    CHECK(code_parse("rs:9,5", &options->code) == AREG_OK);
}

/* ---------------------------------------------------------------- judging */

static bool is_one_of(const char *word, const char *const *names)
{
    for (unsigned i = 0; names[i]; i++)
        if (strcmp(word, names[i]) == 0)
            return true;
    return false;
}

static enum areg_error judge_word(const char *setting, const char *word, const char *const *names,
                                  char why[SCALE_WHY_BYTES])
{
    if (is_one_of(word, names))
        return AREG_OK;
    const char *near = command_line_suggest(word, names);
    size_t used = (size_t)snprintf(why, SCALE_WHY_BYTES, "there is no scale.%s \"%s\"%s%s%s;", setting, word,
                                   near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
    for (unsigned i = 0; names[i] && used < SCALE_WHY_BYTES; i++)
        used += (size_t)snprintf(why + used, SCALE_WHY_BYTES - used, " %s", names[i]);
    return AREG_EINVAL;
}

static enum areg_error judge_change(const struct scale_options *options, char why[SCALE_WHY_BYTES])
{
    enum change_kind kind;
    unsigned count;
    const bool is_groups = strcmp(options->placement, "groups") == 0;
    if (field_parse_change(options->change, &kind, &count) != AREG_OK) {
        snprintf(why, SCALE_WHY_BYTES, "scale.change is add N, lose N, lose-racks N or grow N, not \"%s\"",
                 options->change);
        return AREG_EINVAL;
    }
    unsigned lost_count = kind == CHANGE_LOSE ? count : 0;
    if (kind == CHANGE_LOSE_RACKS)
        lost_count =
            options->rack_count ? count * (options->host_count / options->rack_count + 1) : options->host_count;
    const char *problem = NULL;
    if (is_groups && (kind == CHANGE_ADD || kind == CHANGE_GROW || lost_count > options->host_count % options->code.n))
        problem = "with groups, spare hosts take the places of lost ones, and nothing else can change";
    else if (kind == CHANGE_ADD && options->host_count + count > PLACEMENT_HOST_COUNT_MAX)
        problem = "so many hosts can not be added";
    else if (kind == CHANGE_GROW && count > options->host_count)
        problem = "more hosts are to grow than there are";
    else if (options->host_count < lost_count + options->code.n)
        problem = "so few hosts would be left that no shard finds its members";
    if (!problem && strcmp(options->study, "recovery") == 0 && kind != CHANGE_LOSE && kind != CHANGE_LOSE_RACKS)
        problem = "a recovery begins with hosts that are lost";
    if (problem)
        snprintf(why, SCALE_WHY_BYTES, "scale.change \"%s\": %s", options->change, problem);
    return problem ? AREG_EINVAL : AREG_OK;
}

enum areg_error scale_judge(const struct scale_options *options, char why[SCALE_WHY_BYTES])
{
    enum areg_error error = judge_word("study", options->study, study_names, why);
    if (!error)
        error = judge_word("placement", options->placement, placement_names, why);
    if (error)
        return error;
    struct key_choice keys;
    const char *problem = NULL;
    if (options->code.dap != DAP_TREAS && options->code.dap != DAP_ABD)
        problem = "the model knows no directories: the code is rs:n,k or repl:n";
    else if (options->host_count < options->code.n || options->host_count > SCALE_HOST_MAX)
        problem = "there are fewer hosts than a shard has members";
    else if (options->rack_count > 0 && options->rack_count < options->code.n &&
             strcmp(options->placement, "hashed") == 0)
        problem = "hashing alone needs as many racks as a shard has members";
    else if (options->delay_min_ns > options->delay_max_ns)
        problem = "delay_max is below delay";
    else if (key_choice_parse(options->distribution, options->key_count, &keys) != AREG_OK)
        problem = "scale.dist is uniform, in-turn or zipf:THETA with 0 < THETA < 1";
    if (problem) {
        snprintf(why, SCALE_WHY_BYTES, "%s", problem);
        return AREG_EINVAL;
    }
    return judge_change(options, why);
}

/* ---------------------------------------------------------------- studies */

/* Beside the name: what a point of it has. Names end with a unit. */
struct study {
    enum areg_error (*run)(const struct scale_options *, struct scale_result *);
    unsigned row_count; /* 0: it depends */
    const char *columns[SCALE_COLUMN_MAX + 1];
};

static const struct study studies[] = {
    {study_balance,
     7,
     {STUDY_COLUMNS, "dist", "quantity", "mean", "min", "max", "max_over_mean", "min_over_mean",
      "deviation_over_mean"}},
    {study_movement,
     1,
     {STUDY_COLUMNS, "change", "slots", "slots_moved", "slots_lost", "slots_least", "moved_over_least",
      "shards_changed", "stored_bytes", "network_bytes", "network_least_bytes", "network_over_least"}},
    {study_recovery,
     STUDY_RECOVERY_ROWS,
     {STUDY_COLUMNS, "change", "host_bytes", "background_bytes_per_s", "shards_hit", "shards_lost", "receivers",
      "senders", "network_bytes", "whole_share", "whole_s", "full_s", "bound_full_s"}},
    {study_slow_hosts, 4, {STUDY_COLUMNS,   "clients",   "dist",    "value_bytes", "rate_hz", "slow_per_mille",
                           "slow_factor",   "hedging",   "op",      "ops",         "refused", "mean_us",
                           "p50_us",        "p90_us",    "p99_us",  "p999_us",     "max_us",  "requests_per_op",
                           "hedges_per_op", "busy_mean", "busy_max"}},
    {study_simulator,
     0,
     {STUDY_COLUMNS, "runner", "load", "clients", "value_bytes", "rate_hz", "ops", "events", "virtual_s", "read_p50_us",
      "read_p99_us", "write_p50_us", "write_p99_us"}},
};

static const struct study *study_of(const struct scale_options *options)
{
    unsigned i = 0;
    while (strcmp(study_names[i], options->study) != 0) {
        i++;
        CHECK(study_names[i] != NULL);
    }
    return &studies[i];
}

const char *const *scale_columns(const struct scale_options *options)
{
    return study_of(options)->columns;
}

unsigned scale_row_count(const struct scale_options *options)
{
    const unsigned row_count = study_of(options)->row_count;
    return row_count ? row_count : study_simulator_rows(options);
}

/* ---------------------------------------------------------------- results */

void scale_row(struct scale_table *table)
{
    CHECK(table->row_count < SCALE_ROW_MAX);
    memset(table->cells[table->row_count], 0, sizeof table->cells[0]);
    table->row_count++;
}

void scale_cell_text(struct scale_table *table, const char *column, const char *text)
{
    CHECK(table->row_count > 0);
    unsigned i = 0;
    while (table->columns[i] && strcmp(table->columns[i], column) != 0)
        i++;
    CHECK(table->columns[i] && i < SCALE_COLUMN_MAX);
    snprintf(table->cells[table->row_count - 1][i], SCALE_CELL_BYTES, "%s", text);
}

void scale_cell_count(struct scale_table *table, const char *column, uint64_t count)
{
    char text[SCALE_CELL_BYTES];
    snprintf(text, sizeof text, "%" PRIu64, count);
    scale_cell_text(table, column, text);
}

void scale_cell_number(struct scale_table *table, const char *column, double number)
{
    char text[SCALE_CELL_BYTES];
    snprintf(text, sizeof text, "%.6g", number);
    scale_cell_text(table, column, text);
}

void scale_check_most(struct scale_result *result, const char *name, double measured, double bound, const char *detail)
{
    CHECK(result->check_count < SCALE_CHECK_MAX);
    struct scale_check *check = &result->checks[result->check_count++];
    *check = (struct scale_check){.name = name, .passed = measured <= bound, .measured = measured, .bound = bound};
    snprintf(check->detail, sizeof check->detail, "%s", detail);
}

void study_row(const struct scale_options *options, struct scale_result *result)
{
    struct scale_table *table = &result->points;
    char code[CODE_TEXT_BYTES];
    scale_row(table);
    scale_cell_text(table, "study", options->study);
    scale_cell_count(table, "hosts", options->host_count);
    scale_cell_count(table, "racks", options->rack_count);
    scale_cell_count(table, "shards", options->shard_count);
    scale_cell_text(table, "code", code_print(options->code, code));
    scale_cell_text(table, "placement", options->placement);
}

bool study_is_settled(const struct scale_options *options)
{
    return strcmp(options->placement, "settled") == 0;
}

enum areg_error scale_run(const struct scale_options *options, struct scale_result *result)
{
    memset(result, 0, sizeof *result);
    result->points.columns = scale_columns(options);
    result->limits.columns = study_limit_columns;
    const enum areg_error error = study_of(options)->run(options, result);
    CHECK(error || result->points.row_count == scale_row_count(options));
    return error;
}

/* ---------------------------------------------------------------- files */

void scale_print_head(const char *const *columns, FILE *to)
{
    for (unsigned i = 0; columns[i]; i++)
        fprintf(to, "%s%s", i ? "," : "", columns[i]);
    fputc('\n', to);
}

/* Cells with commas stand in quotes; none of them has any itself. */
void scale_print_rows(const struct scale_table *table, const char *prefix, FILE *to)
{
    for (unsigned row = 0; row < table->row_count; row++) {
        fputs(prefix, to);
        for (unsigned i = 0; table->columns[i]; i++) {
            const char *cell = table->cells[row][i];
            const char *quote = strchr(cell, ',') ? "\"" : "";
            fprintf(to, "%s%s%s%s", i ? "," : "", quote, cell, quote);
        }
        fputc('\n', to);
    }
}
