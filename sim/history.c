#include "sim/history.h"

#include "core/check.h"
#include "sim/json.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static const char *const kind_names[] = {
    [HISTORY_READ] = "read", [HISTORY_WRITE] = "write", [HISTORY_DELETE] = "delete"};
static const char *const status_names[] = {[HISTORY_OK] = "ok", [HISTORY_FAIL] = "fail", [HISTORY_INFO] = "info"};

const char *history_kind_name(enum history_kind kind)
{
    return kind_names[kind];
}

const char *history_status_name(enum history_status status)
{
    return status_names[status];
}

const char *history_print_version(struct tag version, char text[HISTORY_VERSION_BYTES])
{
    snprintf(text, HISTORY_VERSION_BYTES, "%" PRIu64 ".%" PRIx64, version.z, version.w);
    return text;
}

/* 1..16 hexadecimal digits, and nothing else. */
static bool parse_hex(const char *text, size_t text_bytes, uint64_t *number)
{
    if (text_bytes < 1 || text_bytes > 16)
        return false;
    uint64_t parsed = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        const unsigned char digit = (unsigned char)text[i];
        if (!isxdigit(digit))
            return false;
        parsed = parsed << 4 | (uint64_t)(isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
    }
    *number = parsed;
    return true;
}

static bool parse_version(const struct json_field *field, struct tag *version)
{
    const char *dot = memchr(field->text, '.', field->text_bytes);
    if (!dot)
        return false;
    const struct json_field z = {.kind = JSON_NUMBER, .text = field->text, .text_bytes = (size_t)(dot - field->text)};
    return json_get_count(&z, &version->z) && parse_hex(dot + 1, field->text_bytes - z.text_bytes - 1, &version->w);
}

/* Position of a string among names; -1 if it is none. */
static int find_name(const struct json_field *field, const char *const *names, unsigned name_count)
{
    for (unsigned i = 0; field->kind == JSON_STRING && i < name_count; i++)
        if (strlen(names[i]) == field->text_bytes && memcmp(names[i], field->text, field->text_bytes) == 0)
            return (int)i;
    return -1;
}

/* The fields of a line; each is required but the version. */
enum seen {
    SEEN_CLIENT = 1 << 0,
    SEEN_OP = 1 << 1,
    SEEN_KEY = 1 << 2,
    SEEN_VALUE_HASH = 1 << 3,
    SEEN_VERSION = 1 << 4,
    SEEN_START = 1 << 5,
    SEEN_END = 1 << 6,
    SEEN_STATUS = 1 << 7,
    SEEN_REQUIRED = ((1 << 8) - 1) & ~SEEN_VERSION,
};

/* Take one field; false if its value makes no sense. Sets which one it was; 0 for one that is not known. */
static bool parse_field(const struct json_field *field, struct history_op *op, char *key, size_t *key_bytes,
                        unsigned *seen)
{
    *seen = 0;
    if (json_name_is(field, "client")) {
        *seen = SEEN_CLIENT;
        return json_get_count(field, &op->client);
    }
    if (json_name_is(field, "op")) {
        *seen = SEEN_OP;
        const int kind = find_name(field, kind_names, sizeof kind_names / sizeof kind_names[0]);
        op->kind = kind < 0 ? HISTORY_READ : (enum history_kind)kind;
        return kind >= 0;
    }
    if (json_name_is(field, "key")) {
        *seen = SEEN_KEY;
        return field->kind == JSON_STRING && json_unescape(field, key, key_bytes) && *key_bytes > 0;
    }
    if (json_name_is(field, "value_hash")) {
        *seen = SEEN_VALUE_HASH;
        op->has_value = field->kind == JSON_STRING;
        return field->kind == JSON_NULL ||
               (op->has_value && parse_hex(field->text, field->text_bytes, &op->value_hash));
    }
    if (json_name_is(field, "version")) {
        *seen = SEEN_VERSION;
        op->has_version = field->kind == JSON_STRING;
        return field->kind == JSON_NULL || (op->has_version && parse_version(field, &op->version));
    }
    if (json_name_is(field, "start_ns")) {
        *seen = SEEN_START;
        return json_get_count(field, &op->start_ns) && op->start_ns < UINT64_MAX;
    }
    if (json_name_is(field, "end_ns")) {
        *seen = SEEN_END;
        op->end_ns = UINT64_MAX;
        return field->kind == JSON_NULL || (json_get_count(field, &op->end_ns) && op->end_ns < UINT64_MAX);
    }
    if (json_name_is(field, "status")) {
        *seen = SEEN_STATUS;
        const int status = find_name(field, status_names, sizeof status_names / sizeof status_names[0]);
        op->status = status < 0 ? HISTORY_OK : (enum history_status)status;
        return status >= 0;
    }
    return true;
}

/* What the fields must be to each other; NULL if they are. */
static const char *judge(const struct history_op *op)
{
    if (op->end_ns < op->start_ns)
        return "it ended before it began";
    if (op->status == HISTORY_INFO && op->end_ns != UINT64_MAX)
        return "an operation of unknown outcome has no end";
    if (op->status == HISTORY_OK && op->end_ns == UINT64_MAX)
        return "an operation that completed has an end";
    if (op->kind == HISTORY_READ && op->status == HISTORY_INFO)
        return "a read has no unknown outcome";
    if (op->kind == HISTORY_WRITE && !op->has_value)
        return "a write has a value";
    if (op->kind == HISTORY_DELETE && op->has_value)
        return "a delete has no value";
    return NULL;
}

enum areg_error history_parse(const char *line, size_t line_bytes, struct history_op *op, char *key, size_t *key_bytes,
                              char why[HISTORY_WHY_BYTES])
{
    *op = (struct history_op){0};
    *key_bytes = 0;
    if (line_bytes >= HISTORY_LINE_BYTES_MAX) {
        snprintf(why, HISTORY_WHY_BYTES, "the line is too long");
        return AREG_EINVAL;
    }
    struct json_reader reader = json_reader_on(line, line_bytes);
    struct json_field field;
    unsigned all_seen = 0;
    while (json_next(&reader, &field)) {
        unsigned seen;
        if (!parse_field(&field, op, key, key_bytes, &seen) || (all_seen & seen)) {
            snprintf(why, HISTORY_WHY_BYTES, "bad value of \"%.*s\"",
                     (int)(field.name_bytes < 40 ? field.name_bytes : 40), field.name);
            return AREG_EINVAL;
        }
        all_seen |= seen;
    }
    const char *problem = reader.failed                 ? "no JSON object"
                          : (SEEN_REQUIRED & ~all_seen) ? "a field is missing"
                                                        : judge(op);
    if (!problem)
        return AREG_OK;
    snprintf(why, HISTORY_WHY_BYTES, "%s", problem);
    return AREG_EINVAL;
}

void history_print_object(FILE *to, const struct history_op *op, const char *key, size_t key_bytes)
{
    CHECK(judge(op) == NULL);
    fprintf(to, "{\"client\":%" PRIu64 ",\"op\":\"%s\",\"key\":", op->client, kind_names[op->kind]);
    json_print_string(to, key, key_bytes);
    if (op->has_value)
        fprintf(to, ",\"value_hash\":\"%016" PRIx64 "\"", op->value_hash);
    else
        fprintf(to, ",\"value_hash\":null");
    if (op->has_version)
        fprintf(to, ",\"version\":\"%" PRIu64 ".%" PRIx64 "\"", op->version.z, op->version.w);
    else
        fprintf(to, ",\"version\":null");
    fprintf(to, ",\"start_ns\":%" PRIu64, op->start_ns);
    if (op->end_ns != UINT64_MAX)
        fprintf(to, ",\"end_ns\":%" PRIu64, op->end_ns);
    else
        fprintf(to, ",\"end_ns\":null");
    fprintf(to, ",\"status\":\"%s\"}", status_names[op->status]);
}

void history_print(FILE *to, const struct history_op *op, const char *key, size_t key_bytes)
{
    history_print_object(to, op, key, key_bytes);
    fputc('\n', to);
}
