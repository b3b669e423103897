/*
 * Values on their way from and to files: read into memory once, written out from the pieces that the library has.
 */
#ifndef CLIENT_CLI_CONTENT_H
#define CLIENT_CLI_CONTENT_H

#include <areg.h>

#include <stddef.h>

enum { CONTENT_WHY_BYTES = 512 };

/**
 * The value that a word of the command line stands for: "@FILE" its content, "-" what comes on stdin, anything else the
 * word itself, which must outlive the value. AREG_ETOOBIG (as soon as it is certain), AREG_EIO, AREG_ENOMEM; `why` is a
 * sentence.
 */
enum areg_error content_read(const char *word, struct areg_value **value, char why[CONTENT_WHY_BYTES]) AREG_MUST_USE;

/**
 * Write a value to a file, which has all of it or is as it was before, and keeps its permissions; "-" is stdout, and
 * what is no regular file is written to directly. AREG_EIO; `why` is a sentence.
 */
enum areg_error content_write(const char *path, const struct areg_value *value,
                              char why[CONTENT_WHY_BYTES]) AREG_MUST_USE;

#endif
