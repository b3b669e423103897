/*
 * Printing JSON: strings, and bytes of any content.
 */
#ifndef CLIENT_CLI_JSON_H
#define CLIENT_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Whether the bytes are well-formed UTF-8 (RFC 3629: shortest form, no surrogates). */
bool json_is_utf8(const void *data, size_t bytes);
/** A string with its quotes; the bytes must be UTF-8. */
void json_print_string(FILE *to, const void *data, size_t bytes);
/** `"name":"text"`, or `"name_base64":"..."` for bytes that are not UTF-8. */
void json_print_member(FILE *to, const char *name, const void *data, size_t bytes);

#endif
