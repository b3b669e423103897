/*
 * A CSV file, read whole: one line of column names, then one line for each row (RFC 4180, quoted cells included).
 *
 * Bytes of the file are judged. A last line that does not end is one that was being written when the writer was
 * stopped: it is left out. Columns are found by their names, so files may have more of them than anybody asks for.
 */
#ifndef LAB_TABLE_H
#define LAB_TABLE_H

#include "core/error.h"

enum {
    TABLE_WHY_BYTES = 512,
    TABLE_FILE_BYTES_MAX = 256 << 20,
    TABLE_COLUMN_COUNT_MAX = 128,
    TABLE_COLUMN_NAME_BYTES_MAX = 63,
    TABLE_NO_COLUMN = -1,
};

struct table {
    unsigned column_count;
    unsigned row_count;
    char *text;         /* of the file; cells are pieces of it */
    const char **cells; /* names of columns, then row after row */
};

/**
 * Read a file. table_fini() it even after an error.
 *
 * Returns  AREG_ENOTFOUND (there is no such file), AREG_EIO (it can't be read), AREG_EINVAL (it is no such table, or
 *          past a limit), AREG_ENOMEM; `why` says more.
 */
enum areg_error table_read(const char *path, struct table *table, char why[TABLE_WHY_BYTES]) MUST_USE;
/** The same from memory, whose bytes are copied; `name` stands for the path in `why`. */
enum areg_error table_parse(const char *name, const char *text, size_t text_bytes, struct table *table,
                            char why[TABLE_WHY_BYTES]) MUST_USE;
void table_fini(struct table *table);

/** The index of a column; TABLE_NO_COLUMN if there is none of that name. */
int table_column(const struct table *table, const char *name);
const char *table_column_name(const struct table *table, unsigned column);
/** A cell's text; "" for TABLE_NO_COLUMN. */
const char *table_cell(const struct table *table, unsigned row, int column);
/** A cell's number; NAN if it is empty or no finite number, and for TABLE_NO_COLUMN. */
double table_number(const struct table *table, unsigned row, int column);

#endif
