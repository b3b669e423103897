/*
 * Recorded operations, one JSON object a line, in the order in which they completed: what load generators write and
 * checkers read. The format is a contract with tools outside of this repository.
 *
 *     {"client":3,"op":"read","key":"k17","value_hash":"9f2c...","version":"12.00c3",
 *      "start_ns":1,"end_ns":2,"status":"ok"}                                             (on one line)
 *
 * Histories from anywhere can be judged: a version may be null or missing.
 */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include "core/error.h"
#include "core/limits.h"
#include "core/tag.h"

#include <stdio.h>

enum history_kind {
    HISTORY_READ,
    HISTORY_WRITE,
    HISTORY_DELETE,
};

enum history_status {
    HISTORY_OK,   /* completed; a read that found nothing, too */
    HISTORY_FAIL, /* certainly no effect, now or ever */
    HISTORY_INFO, /* outcome unknown: it may take effect now, later, or never */
};

struct history_op {
    uint64_t client;
    enum history_kind kind;
    enum history_status status;
    bool has_value; /* not for a read that found nothing, a read that failed, or a delete */
    uint64_t value_hash;
    bool has_version; /* areg's own tools know it of everything that completed; others may not */
    struct tag version;
    uint64_t start_ns;
    uint64_t end_ns; /* UINT64_MAX for INFO */
};

enum {
    /* A key of which every byte is escaped, and 256 bytes for all the rest of a line, are well below it. */
    HISTORY_LINE_BYTES_MAX = 16 << 10,
    HISTORY_WHY_BYTES = 128,
    HISTORY_VERSION_BYTES = 40,
};

/**
 * Judge one line. Fields that are not known are passed over.
 *
 * @key  Room for HISTORY_LINE_BYTES_MAX bytes.
 * Returns AREG_EINVAL and a sentence in `why`.
 */
enum areg_error history_parse(const char *line, size_t line_bytes, struct history_op *op, char *key, size_t *key_bytes,
                              char why[HISTORY_WHY_BYTES]) MUST_USE;
/** Write one line. */
void history_print(FILE *to, const struct history_op *op, const char *key, size_t key_bytes);
/** The same object, within a larger document. */
void history_print_object(FILE *to, const struct history_op *op, const char *key, size_t key_bytes);

/** "read", "write", "delete". */
const char *history_kind_name(enum history_kind kind);
/** "ok", "fail", "info". */
const char *history_status_name(enum history_status status);
/** "z.writer", the writer in hexadecimal; returns `text`. */
const char *history_print_version(struct tag version, char text[HISTORY_VERSION_BYTES]);

#endif
