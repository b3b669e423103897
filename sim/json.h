/*
 * Flat JSON objects, one a line: histories, and the state of a local cluster. A pull reader that copies nothing.
 *
 * It reads strings, numbers, true, false and null; arrays and objects inside are passed over, so that later versions
 * may add what they like.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include "core/error.h"

#include <stdio.h>

enum json_kind {
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
    JSON_NESTED,
};

struct json_field {
    const char *name; /* as it stands in the text */
    size_t name_bytes;
    enum json_kind kind;
    const char *text; /* what stands between the quotes of a string; the digits of a number */
    size_t text_bytes;
    bool has_escapes; /* a string: it must go through json_unescape() */
};

struct json_reader {
    const char *at;
    const char *end;
    bool has_begun;
    bool failed;
};

struct json_reader json_reader_on(const char *text, size_t text_bytes);
/** The next field of the object. False at its end, or when `failed` is set: it is no object, or something follows. */
bool json_next(struct json_reader *reader, struct json_field *field);
bool json_name_is(const struct json_field *field, const char *name);
/** A whole number that is not negative; false for anything else. */
bool json_get_count(const struct json_field *field, uint64_t *number);
/** A string as text without NUL bytes, terminated; false for anything else, or if it does not fit. */
bool json_get_string(const struct json_field *field, char *to, size_t room_bytes);
/** The bytes of a string, which are never more than in the text; false if an escape is malformed. */
bool json_unescape(const struct json_field *field, char *to, size_t *to_bytes);

/** Print a string with its quotes. */
void json_print_string(FILE *to, const char *text, size_t text_bytes);

#endif
