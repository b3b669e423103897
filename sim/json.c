#include "sim/json.h"

#include "core/check.h"

#include <ctype.h>
#include <string.h>

struct json_reader json_reader_on(const char *text, size_t text_bytes)
{
    return (struct json_reader){.at = text, .end = text + text_bytes};
}

static void skip_space(struct json_reader *reader)
{
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r' || *reader->at == '\n'))
        reader->at++;
}

/* Step over one given character, with space before it; false, and no step, if another one stands there. */
static bool take(struct json_reader *reader, char character)
{
    skip_space(reader);
    if (reader->at == reader->end || *reader->at != character)
        return false;
    reader->at++;
    return true;
}

static bool fail(struct json_reader *reader)
{
    reader->failed = true;
    return false;
}

/* A string, whose opening quote is next. */
static bool read_string(struct json_reader *reader, const char **text, size_t *text_bytes, bool *has_escapes)
{
    if (!take(reader, '"'))
        return fail(reader);
    *text = reader->at;
    *has_escapes = false;
    for (; reader->at < reader->end; reader->at++) {
        if ((unsigned char)*reader->at < 0x20)
            return fail(reader);
        if (*reader->at == '"') {
            *text_bytes = (size_t)(reader->at - *text);
            reader->at++;
            return true;
        }
        if (*reader->at == '\\') {
            *has_escapes = true;
            reader->at++;
        }
    }
    return fail(reader);
}

/* An array or an object, whose opening bracket is next. */
static bool skip_nested(struct json_reader *reader)
{
    size_t depth = 0;
    while (reader->at < reader->end) {
        const char *text;
        size_t text_bytes;
        bool has_escapes;
        if (*reader->at == '"') {
            if (!read_string(reader, &text, &text_bytes, &has_escapes))
                return false;
            continue;
        }
        if (*reader->at == '{' || *reader->at == '[')
            depth++;
        else if (*reader->at == '}' || *reader->at == ']')
            depth--;
        reader->at++;
        if (depth == 0)
            return true;
    }
    return fail(reader);
}

static bool read_bare_word(struct json_reader *reader, struct json_field *field)
{
    field->text = reader->at;
    while (reader->at < reader->end && (isalnum((unsigned char)*reader->at) || strchr("+-.", *reader->at)))
        reader->at++;
    field->text_bytes = (size_t)(reader->at - field->text);
    static const struct {
        const char *word;
        enum json_kind kind;
    } words[] = {{"true", JSON_TRUE}, {"false", JSON_FALSE}, {"null", JSON_NULL}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (field->text_bytes == strlen(words[i].word) && memcmp(field->text, words[i].word, field->text_bytes) == 0) {
            field->kind = words[i].kind;
            return true;
        }
    }
    field->kind = JSON_NUMBER;
    const bool is_number = field->text_bytes && (isdigit((unsigned char)field->text[0]) || field->text[0] == '-');
    return is_number || fail(reader);
}

static bool read_value(struct json_reader *reader, struct json_field *field)
{
    skip_space(reader);
    if (reader->at == reader->end)
        return fail(reader);
    if (*reader->at == '"') {
        field->kind = JSON_STRING;
        return read_string(reader, &field->text, &field->text_bytes, &field->has_escapes);
    }
    if (*reader->at == '{' || *reader->at == '[') {
        field->kind = JSON_NESTED;
        field->text = reader->at;
        const bool done = skip_nested(reader);
        field->text_bytes = (size_t)(reader->at - field->text);
        return done;
    }
    return read_bare_word(reader, field);
}

bool json_next(struct json_reader *reader, struct json_field *field)
{
    *field = (struct json_field){0};
    if (reader->failed)
        return false;
    if (!reader->has_begun && !take(reader, '{'))
        return fail(reader);
    const bool is_first = !reader->has_begun;
    reader->has_begun = true;
    if (take(reader, '}')) {
        skip_space(reader);
        return reader->at == reader->end ? false : fail(reader);
    }
    if (!is_first && !take(reader, ','))
        return fail(reader);
    bool name_has_escapes;
    if (!read_string(reader, &field->name, &field->name_bytes, &name_has_escapes) || !take(reader, ':'))
        return fail(reader);
    return read_value(reader, field);
}

bool json_name_is(const struct json_field *field, const char *name)
{
    return field->name_bytes == strlen(name) && memcmp(field->name, name, field->name_bytes) == 0;
}

bool json_get_count(const struct json_field *field, uint64_t *number)
{
    if (field->kind != JSON_NUMBER || field->text_bytes == 0)
        return false;
    uint64_t parsed = 0;
    for (size_t i = 0; i < field->text_bytes; i++) {
        if (!isdigit((unsigned char)field->text[i]))
            return false;
        const uint64_t digit = (uint64_t)(field->text[i] - '0');
        if (parsed > (UINT64_MAX - digit) / 10)
            return false;
        parsed = parsed * 10 + digit;
    }
    *number = parsed;
    return true;
}

/* Four hexadecimal digits; -1 if they are not. */
static int read_code_unit(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        const unsigned char digit = (unsigned char)at[i];
        if (!isxdigit(digit))
            return -1;
        unit = unit * 16 + (isdigit(digit) ? digit - '0' : tolower(digit) - 'a' + 10);
    }
    return unit;
}

/* UTF-8 of one code point; returns its bytes, at most 4. */
static size_t put_code_point(uint32_t point, char *to)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    const size_t bytes = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--) {
        to[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    to[0] = (char)(lead[bytes] | point);
    return bytes;
}

/* What follows "\u", and perhaps a second half of a surrogate pair; returns what comes after it, NULL if malformed. */
static const char *unescape_code_point(const char *at, const char *end, char *to, size_t *to_bytes)
{
    int unit = read_code_unit(at, end);
    if (unit < 0 || (unit >= 0xdc00 && unit < 0xe000))
        return NULL;
    at += 4;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xdc00) {
        const int low = end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? read_code_unit(at + 2, end) : -1;
        if (low < 0xdc00 || low >= 0xe000)
            return NULL;
        point = 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        at += 6;
    }
    *to_bytes += put_code_point(point, to + *to_bytes);
    return at;
}

bool json_unescape(const struct json_field *field, char *to, size_t *to_bytes)
{
    static const char from_letters[] = "\"\\/bfnrt";
    static const char to_letters[] = "\"\\/\b\f\n\r\t";
    const char *end = field->text + field->text_bytes;
    *to_bytes = 0;
    for (const char *at = field->text; at < end;) {
        if (*at != '\\') {
            to[(*to_bytes)++] = *at++;
            continue;
        }
        if (++at == end)
            return false;
        if (*at == 'u') {
            at = unescape_code_point(at + 1, end, to, to_bytes);
            if (!at)
                return false;
            continue;
        }
        const char *letter = strchr(from_letters, *at);
        if (!letter || !*at)
            return false;
        to[(*to_bytes)++] = to_letters[letter - from_letters];
        at++;
    }
    CHECK(*to_bytes <= field->text_bytes);
    return true;
}

bool json_get_string(const struct json_field *field, char *to, size_t room_bytes)
{
    CHECK(room_bytes > 0);
    to[0] = 0;
    if (field->kind != JSON_STRING || field->text_bytes >= room_bytes)
        return false;
    size_t bytes;
    if (!json_unescape(field, to, &bytes) || memchr(to, 0, bytes)) {
        to[0] = 0;
        return false;
    }
    to[bytes] = 0;
    return true;
}

void json_print_string(FILE *to, const char *text, size_t text_bytes)
{
    fputc('"', to);
    for (size_t i = 0; i < text_bytes; i++) {
        const unsigned char character = (unsigned char)text[i];
        if (character == '"' || character == '\\')
            fprintf(to, "\\%c", character);
        else if (character < 0x20)
            fprintf(to, "\\u%04x", character);
        else
            fputc(character, to);
    }
    fputc('"', to);
}
