/*
 * areg-lab check: judge recorded histories.
 */
#include "lab/program.h"
#include "sim/json.h"
#include "sim/timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The histories that are judged as one. Each line is one operation, so an operation's number tells where it stands. */
struct check {
    struct atomicity *atomicity;
    const char *const *paths;
    uint32_t *first_op_indices; /* of each file */
    unsigned path_count;
    unsigned judges; /* bits of enum judge */
    struct verdict verdict;
};

/* Take all lines of one file. Returns EXIT_CODE_OK, or what to leave with, and has said why. */
static int read_history(struct atomicity *atomicity, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!file)
        return program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
    char line[HISTORY_LINE_BYTES_MAX + 1];
    char key[HISTORY_LINE_BYTES_MAX];
    char why[HISTORY_WHY_BYTES];
    uint32_t line_number = 0;
    enum areg_error error = AREG_OK;
    while (!error && fgets(line, sizeof line, file)) {
        line_number++;
        struct history_op op;
        size_t key_bytes;
        error = history_parse(line, strlen(line), &op, key, &key_bytes, why);
        if (error && feof(file) && !strchr(line, '\n'))
            snprintf(why, sizeof why, "the line is cut off, as if what wrote it had been killed");
        if (error)
            break;
        error = atomicity_add(atomicity, &op, slice_borrow(key, key_bytes));
        snprintf(why, sizeof why, "%s", error ? error_sentence(error) : "");
    }
    if (!error && ferror(file)) {
        error = AREG_EIO;
        snprintf(why, sizeof why, "%s", strerror(errno));
    }
    if (file != stdin)
        fclose(file);
    return error ? program_fail(AREG_EIO, "%s:%u: %s", path, line_number, why) : EXIT_CODE_OK;
}

static int read_histories(struct check *check)
{
    for (unsigned i = 0; i < check->path_count; i++) {
        check->first_op_indices[i] = (uint32_t)atomicity_counts(check->atomicity)->ops;
        const int exit_code = read_history(check->atomicity, check->paths[i]);
        if (exit_code)
            return exit_code;
    }
    return EXIT_CODE_OK;
}

struct place {
    const char *path;
    uint32_t line_number;
};

static struct place place_of(const struct check *check, uint32_t op_index)
{
    unsigned i = check->path_count - 1;
    while (check->first_op_indices[i] > op_index)
        i--;
    return (struct place){check->paths[i], op_index - check->first_op_indices[i] + 1};
}

static bool has_judge(const struct check *check, enum judge judge)
{
    return check->judges >> judge & 1;
}

/* ---------------------------------------------------------------- for people */

static void print_counts(const struct atomicity_counts *counts)
{
    printf("%" PRIu64 " operations on %" PRIu64 " registers: %" PRIu64 " reads, %" PRIu64 " writes, %" PRIu64
           " deletes; %" PRIu64 " failed without effect, %" PRIu64 " of unknown outcome\n",
           counts->ops, counts->registers, counts->by_kind[HISTORY_READ], counts->by_kind[HISTORY_WRITE],
           counts->by_kind[HISTORY_DELETE], counts->by_status[HISTORY_FAIL], counts->by_status[HISTORY_INFO]);
}

static void print_violation(const struct check *check, enum judge judge)
{
    const struct violation *violation = &check->verdict.opinions[judge].violation;
    char texts[VIOLATION_OPS_MAX][512];
    const char *places[VIOLATION_OPS_MAX];
    for (unsigned i = 0; i < violation->op_count; i++) {
        const struct place place = place_of(check, violation->op_indices[i]);
        snprintf(texts[i], sizeof texts[i], "%.400s:%u", place.path, place.line_number);
        places[i] = texts[i];
    }
    timeline_print(stdout, check->atomicity, &check->verdict, judge, places);
}

/* What a judge that has found no violation has to say, if it has not seen everything. */
static void print_reservations(const struct check *check, enum judge judge)
{
    static const char *const reasons[] = {
        [JUDGE_VERSIONS] = "completed without a version",
        [JUDGE_VALUES] = "a value that was written twice, or a read of nothing that names no delete",
    };
    const struct opinion *opinion = &check->verdict.opinions[judge];
    const uint64_t register_count = atomicity_counts(check->atomicity)->registers;
    printf("%s %" PRIu64 " of %" PRIu64 " registers are linearizable; of the others, %" PRIu64
           " operations could not be judged (%s)\n",
           judge_name(judge), opinion->registers_passed, register_count, opinion->ops_left_out, reasons[judge]);
}

static void print_text(const struct check *check)
{
    const uint64_t register_count = atomicity_counts(check->atomicity)->registers;
    const char *separator = "linearizable ";
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        if (!has_judge(check, i) || check->verdict.opinions[i].registers_passed < register_count)
            continue;
        printf("%s%s", separator, judge_name(i));
        separator = ", and ";
    }
    if (separator[0] == ',')
        printf("\n");
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        if (!has_judge(check, i))
            continue;
        if (check->verdict.opinions[i].violation.kind)
            print_violation(check, i);
        else if (check->verdict.opinions[i].registers_passed < register_count)
            print_reservations(check, i);
    }
}

/* ---------------------------------------------------------------- for programs */

static const char *name_verdict(uint64_t registers_violated, bool is_complete)
{
    return registers_violated ? "false" : is_complete ? "true" : "null";
}

static void print_json_opinion(const struct check *check, enum judge judge)
{
    const struct opinion *opinion = &check->verdict.opinions[judge];
    const uint64_t register_count = atomicity_counts(check->atomicity)->registers;
    printf("{\"linearizable\":%s,\"registers_passed\":%" PRIu64 ",\"registers_violated\":%" PRIu64
           ",\"ops_left_out\":%" PRIu64,
           name_verdict(opinion->registers_violated, opinion->registers_passed == register_count),
           opinion->registers_passed, opinion->registers_violated, opinion->ops_left_out);
    if (opinion->violation.kind) {
        const char *key = (const char *)opinion->violated_key.at;
        printf(",\"violation\":\"%s\",\"register\":", violation_sentence(opinion->violation.kind));
        json_print_string(stdout, key, opinion->violated_key.bytes);
        printf(",\"at\":[");
        for (unsigned i = 0; i < opinion->violation.op_count; i++) {
            const uint32_t op_index = opinion->violation.op_indices[i];
            const struct place place = place_of(check, op_index);
            printf("%s{\"file\":", i ? "," : "");
            json_print_string(stdout, place.path, strlen(place.path));
            printf(",\"line\":%u,\"operation\":", place.line_number);
            history_print_object(stdout, atomicity_op(check->atomicity, op_index), key, opinion->violated_key.bytes);
            printf("}");
        }
        printf("]");
    }
    printf("}");
}

static void print_json(const struct check *check)
{
    const struct atomicity_counts *counts = atomicity_counts(check->atomicity);
    printf("{\"v\":1,\"linearizable\":%s,\"ops\":%" PRIu64 ",\"registers\":%" PRIu64 ",\"reads\":%" PRIu64
           ",\"writes\":%" PRIu64 ",\"deletes\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"unknown\":%" PRIu64,
           name_verdict(check->verdict.registers_violated, check->verdict.registers_open == 0), counts->ops,
           counts->registers, counts->by_kind[HISTORY_READ], counts->by_kind[HISTORY_WRITE],
           counts->by_kind[HISTORY_DELETE], counts->by_status[HISTORY_FAIL], counts->by_status[HISTORY_INFO]);
    static const char *const names[] = {[JUDGE_VERSIONS] = "by_versions", [JUDGE_VALUES] = "by_values"};
    for (unsigned i = 0; i < JUDGE_COUNT; i++) {
        if (!has_judge(check, i))
            continue;
        printf(",\"%s\":", names[i]);
        print_json_opinion(check, i);
    }
    printf("}\n");
}

/* ---------------------------------------------------------------- the command */

static int judge(struct check *check, bool is_partial, bool expects_no_failures, const struct common_flags *common)
{
    const int exit_code = read_histories(check);
    if (exit_code)
        return exit_code;
    const struct atomicity_counts *counts = atomicity_counts(check->atomicity);
    if (counts->ops == 0)
        return program_fail(AREG_EIO, "there is no operation to judge");
    const unsigned flags = check->judges | (is_partial ? ATOMICITY_PARTIAL : 0);
    if (atomicity_judge(check->atomicity, flags, &check->verdict) != AREG_OK)
        return program_fail(AREG_ENOMEM, "out of memory");
    if (common->json)
        print_json(check);
    if (!common->json && !common->quiet)
        print_counts(counts);
    if (!common->json)
        print_text(check);
    if (check->verdict.registers_violated)
        return EXIT_CODE_ERROR;
    if (check->verdict.registers_open)
        return program_fail(AREG_EIO, "%" PRIu64 " registers could not be judged in full",
                            check->verdict.registers_open);
    if (expects_no_failures && counts->by_status[HISTORY_FAIL] + counts->by_status[HISTORY_INFO] > 0)
        return program_fail(AREG_EIO, "operations have failed, and none was expected to");
    return EXIT_CODE_OK;
}

int command_check(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "check HISTORY... [FLAG...]",
        .text = "Judge histories as bench and sim record them, several files as one: was every register atomic? Two\n"
                "judges, independent of each other, are asked: one goes by versions, one by values alone. On a\n"
                "violation, print the operations that contradict each other. Exits 0 if the history is linearizable\n"
                "and every register was judged in full by one of them, else 1. \"-\" is stdin.",
        .examples = "  areg-lab check load.jsonl\n"
                    "  areg-lab check --expect-no-failures load-*.jsonl",
        .word_count_max = UINT16_MAX,
    };
    struct common_flags common = {0};
    bool expects_no_failures = false;
    bool is_partial = false;
    bool by_versions = false;
    bool by_values = false;
    const struct flag flags[] = {
        {"expect-no-failures", 0, FLAG_SWITCH, &expects_no_failures, NULL,
         "exit 1 also if an operation failed or its outcome is unknown", 0, 0},
        {"partial", 0, FLAG_SWITCH, &is_partial, NULL, "what nobody wrote is from before the history began", 0, 0},
        {"versions", 0, FLAG_SWITCH, &by_versions, NULL, "judge by versions only", 0, 0},
        {"values", 0, FLAG_SWITCH, &by_values, NULL, "judge by values only", 0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count == 0)
        return program_fail_usage("which history? areg-lab %s", page.synopsis);
    struct check check = {
        .atomicity = atomicity_create(),
        .paths = line.words,
        .first_op_indices = calloc(line.word_count, sizeof *check.first_op_indices),
        .path_count = line.word_count,
        .judges = (by_versions ? ATOMICITY_BY_VERSIONS : 0) | (by_values ? ATOMICITY_BY_VALUES : 0),
    };
    if (!check.judges)
        check.judges = ATOMICITY_BY_VERSIONS | ATOMICITY_BY_VALUES;
    exit_code = check.atomicity && check.first_op_indices ? judge(&check, is_partial, expects_no_failures, &common)
                                                          : program_fail(AREG_ENOMEM, "out of memory");
    free(check.first_op_indices);
    atomicity_destroy(check.atomicity);
    return exit_code;
}
