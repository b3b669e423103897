/*
 * areg-lab check: judge recorded histories.
 */
#include "lab/program.h"
#include "sim/atomicity.h"
#include "sim/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Take all lines of one file. Returns EXIT_CODE_OK, or what to leave with, and has said why. */
static int read_history(struct atomicity *atomicity, const char *path, uint32_t file_index)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
    char line[HISTORY_LINE_BYTES_MAX + 1];
    char key[HISTORY_LINE_BYTES_MAX];
    char why[HISTORY_WHY_BYTES];
    struct history_place place = {.file_index = file_index};
    enum areg_error error = AREG_OK;
    while (!error && fgets(line, sizeof line, file)) {
        place.line_number++;
        struct history_op op;
        size_t key_bytes;
        error = history_parse(line, strlen(line), &op, key, &key_bytes, why);
        if (error && feof(file) && !strchr(line, '\n'))
            snprintf(why, sizeof why, "the line is cut off, as if what wrote it had been killed");
        if (error)
            break;
        error = atomicity_add(atomicity, &op, slice_borrow(key, key_bytes), place);
        snprintf(why, sizeof why, "%s", error ? error_sentence(error) : "");
    }
    if (!error && ferror(file)) {
        error = AREG_EIO;
        snprintf(why, sizeof why, "%s", strerror(errno));
    }
    if (file != stdin)
        fclose(file);
    return error ? program_fail(AREG_EIO, "%s:%u: %s", path, place.line_number, why) : EXIT_CODE_OK;
}

/* One operation as a line for people; times are since the first operation. */
static void print_op(const struct history_op *op, const char *place, int place_width, uint64_t start_ns)
{
    char version[HISTORY_VERSION_BYTES] = "-";
    char value[24] = "-";
    char end[32] = "never known";
    if (op->has_version)
        history_print_version(op->version, version);
    if (op->has_value)
        snprintf(value, sizeof value, "%016" PRIx64, op->value_hash);
    if (op->end_ns != UINT64_MAX)
        snprintf(end, sizeof end, "%.6f s", (double)(op->end_ns - start_ns) / 1e9);
    printf("  %-*s  client %-4" PRIu64 "  %-6s  version %-20s  value %-16s  from %.6f s to %s  (%s)\n", place_width,
           place, op->client, history_kind_name(op->kind), version, value, (double)(op->start_ns - start_ns) / 1e9, end,
           history_status_name(op->status));
}

static void print_violation(const struct violation *violation, const struct atomicity_counts *counts,
                            const char *const *paths)
{
    printf("not linearizable: register ");
    json_print_string(stdout, (const char *)violation->key.at, violation->key.bytes);
    printf(": %s\n", violation_sentence(violation->kind));
    char places[2][512];
    int width = 0;
    for (unsigned i = 0; i < violation->op_count; i++) {
        const struct history_place place = violation->places[i];
        const int bytes =
            snprintf(places[i], sizeof places[i], "%.400s:%u", paths[place.file_index], place.line_number);
        width = bytes > width ? bytes : width;
    }
    for (unsigned i = 0; i < violation->op_count; i++)
        print_op(&violation->ops[i], places[i], width, counts->start_ns);
}

static void print_counts(const struct atomicity_counts *counts)
{
    printf("%" PRIu64 " operations on %" PRIu64 " registers: %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64
           " deletes; %" PRIu64 " failed without effect, %" PRIu64 " of unknown outcome\n",
           counts->ops, counts->keys, counts->by_kind[HISTORY_READ], counts->by_kind[HISTORY_WRITE],
           counts->by_kind[HISTORY_DELETE], counts->by_status[HISTORY_FAIL], counts->by_status[HISTORY_INFO]);
}

static void print_json(const struct violation *violation, const struct atomicity_counts *counts,
                       const char *const *paths)
{
    printf("{\"v\":1,\"linearizable\":%s,\"ops\":%" PRIu64 ",\"registers\":%" PRIu64 ",\"reads\":%" PRIu64
           ",\"writes\":%" PRIu64 ",\"deletes\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"unknown\":%" PRIu64,
           violation->kind ? "false" : "true", counts->ops, counts->keys, counts->by_kind[HISTORY_READ],
           counts->by_kind[HISTORY_WRITE], counts->by_kind[HISTORY_DELETE], counts->by_status[HISTORY_FAIL],
           counts->by_status[HISTORY_INFO]);
    if (violation->kind) {
        printf(",\"violation\":\"%s\",\"register\":", violation_sentence(violation->kind));
        json_print_string(stdout, (const char *)violation->key.at, violation->key.bytes);
        printf(",\"at\":[");
        for (unsigned i = 0; i < violation->op_count; i++) {
            const char *path = paths[violation->places[i].file_index];
            printf("%s{\"file\":", i ? "," : "");
            json_print_string(stdout, path, strlen(path));
            printf(",\"line\":%u}", violation->places[i].line_number);
        }
        printf("]");
    }
    printf("}\n");
}

static int judge(struct atomicity *atomicity, const struct command_line *line, unsigned judge_flags,
                 bool expects_no_failures, const struct common_flags *common)
{
    for (unsigned i = 0; i < line->word_count; i++) {
        const int exit_code = read_history(atomicity, line->words[i], i);
        if (exit_code)
            return exit_code;
    }
    struct violation violation;
    if (atomicity_judge(atomicity, judge_flags, &violation) != AREG_OK)
        return program_fail(AREG_ENOMEM, "out of memory");
    const struct atomicity_counts *counts = atomicity_counts(atomicity);
    if (counts->ops == 0)
        return program_fail(AREG_EIO, "there is no operation to judge");
    const bool has_failures = counts->by_status[HISTORY_FAIL] + counts->by_status[HISTORY_INFO] > 0;
    if (common->json) {
        print_json(&violation, counts, line->words);
    } else {
        if (!common->quiet)
            print_counts(counts);
        if (violation.kind)
            print_violation(&violation, counts, line->words);
        else
            printf("linearizable\n");
    }
    if (violation.kind)
        return EXIT_CODE_ERROR;
    if (expects_no_failures && has_failures)
        return program_fail(AREG_EIO, "operations have failed, and none was expected to");
    return EXIT_CODE_OK;
}

int command_check(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "check HISTORY... [FLAG...]",
        .text = "Judge histories as bench and sim record them, several files as one: was every register atomic? On a\n"
                "violation, print the two operations that contradict each other. Exits 0 if the history is\n"
                "linearizable, else 1. \"-\" is stdin.",
        .examples = "  areg-lab check load.jsonl\n"
                    "  areg-lab check --expect-no-failures load-*.jsonl",
        .word_count_max = UINT16_MAX,
    };
    struct common_flags common = {0};
    bool expects_no_failures = false;
    bool is_partial = false;
    const struct flag flags[] = {
        {"expect-no-failures", 0, FLAG_SWITCH, &expects_no_failures, NULL,
         "exit 1 also if an operation failed or its outcome is unknown", 0, 0},
        {"partial", 0, FLAG_SWITCH, &is_partial, NULL, "versions that nobody wrote are from before the history began",
         0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count == 0)
        return program_fail_usage("which history? areg-lab %s", page.synopsis);
    struct atomicity *atomicity = atomicity_create();
    if (!atomicity)
        return program_fail(AREG_ENOMEM, "out of memory");
    exit_code = judge(atomicity, &line, is_partial ? ATOMICITY_PARTIAL : 0, expects_no_failures, &common);
    atomicity_destroy(atomicity);
    return exit_code;
}
