#include "lab/table.h"

#include "core/check.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- parsing */

struct parser {
    const char *name;
    char *at; /* where the next cell begins */
    unsigned line;
    char *why;
};

static __attribute__((format(printf, 2, 3))) enum areg_error refuse(const struct parser *parser, const char *format,
                                                                    ...)
{
    const int bytes = snprintf(parser->why, TABLE_WHY_BYTES, "%s:%u: ", parser->name, parser->line);
    va_list arguments;
    va_start(arguments, format);
    if (bytes > 0 && bytes < TABLE_WHY_BYTES)
        vsnprintf(parser->why + bytes, (size_t)(TABLE_WHY_BYTES - bytes), format, arguments);
    va_end(arguments);
    return AREG_EINVAL;
}

/* A quoted cell, at its first quote: terminated and undoubled in place, with `at` behind the closing quote. False if
 * it does not close. */
static bool take_quoted(struct parser *parser, const char **cell)
{
    char *from = parser->at + 1;
    char *to = from;
    *cell = to;
    for (; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        parser->line += *from == '\n';
        *to++ = *from;
    }
    if (!*from)
        return false;
    parser->at = from + 1;
    *to = 0;
    return true;
}

enum separator { AFTER_CELL, AFTER_ROW, AFTER_NOTHING };

/* The next cell, and what stands behind it, which is passed. */
static enum areg_error take_cell(struct parser *parser, const char **cell, enum separator *after)
{
    if (*parser->at == '"') {
        if (!take_quoted(parser, cell))
            return refuse(parser, "a quoted cell does not end");
    } else {
        *cell = parser->at;
        parser->at += strcspn(parser->at, ",\"\r\n");
    }
    char *end = parser->at;
    if (end[0] == '\r' && end[1] == '\n')
        parser->at++;
    const char separator = *parser->at;
    if (separator != ',' && separator != '\n')
        return refuse(parser, "a cell is followed by the byte 0x%02x", (unsigned char)separator);
    parser->at++;
    *end = 0;
    *after = separator == ',' ? AFTER_CELL : AFTER_ROW;
    return AREG_OK;
}

/* The next row, of at most `room` cells. */
static enum areg_error take_row(struct parser *parser, const char **cells, unsigned room, unsigned *cell_count)
{
    enum separator after = AFTER_CELL;
    *cell_count = 0;
    while (after == AFTER_CELL) {
        if (*cell_count == room)
            return refuse(parser, "more than %u cells", room);
        const enum areg_error error = take_cell(parser, &cells[*cell_count], &after);
        if (error)
            return error;
        ++*cell_count;
    }
    parser->line++;
    return AREG_OK;
}

static enum areg_error judge_names(const struct parser *parser, const struct table *table)
{
    for (unsigned i = 0; i < table->column_count; i++) {
        const char *name = table->cells[i];
        if (!name[0] || strlen(name) > TABLE_COLUMN_NAME_BYTES_MAX)
            return refuse(parser, "column %u has a name of %zu bytes", i + 1, strlen(name));
        if (table_column(table, name) != (int)i)
            return refuse(parser, "there are two columns %s", name);
    }
    return AREG_OK;
}

/* Where the text ends: behind its last whole line. Quotes may hold line breaks, so it is not simply the last one. */
static size_t whole_lines_bytes(const char *text, size_t text_bytes, size_t *line_count)
{
    size_t bytes = 0;
    bool is_quoted = false;
    *line_count = 0;
    for (size_t i = 0; i < text_bytes; i++) {
        is_quoted ^= text[i] == '"';
        if (text[i] != '\n' || is_quoted)
            continue;
        bytes = i + 1;
        ++*line_count;
    }
    return bytes;
}

static enum areg_error parse_rows(struct parser *parser, size_t line_count, struct table *table)
{
    const char *names[TABLE_COLUMN_COUNT_MAX];
    enum areg_error error = take_row(parser, names, TABLE_COLUMN_COUNT_MAX, &table->column_count);
    if (error)
        return error;
    table->cells = calloc(line_count * table->column_count, sizeof table->cells[0]);
    if (!table->cells) {
        snprintf(parser->why, TABLE_WHY_BYTES, "%s: out of memory", parser->name);
        return AREG_ENOMEM;
    }
    memcpy(table->cells, names, table->column_count * sizeof names[0]);
    error = judge_names(parser, table);
    while (!error && *parser->at) {
        CHECK(table->row_count + 1 < line_count);
        unsigned cell_count;
        error = take_row(parser, table->cells + (size_t)(table->row_count + 1) * table->column_count,
                         table->column_count, &cell_count);
        if (!error && cell_count < table->column_count) {
            parser->line--;
            error = refuse(parser, "%u cells in %u columns", cell_count, table->column_count);
        }
        table->row_count += !error;
    }
    return error;
}

/* Takes the text. */
static enum areg_error parse(const char *name, char *text, size_t text_bytes, struct table *table,
                             char why[TABLE_WHY_BYTES])
{
    *table = (struct table){.text = text};
    struct parser parser = {name, text, 1, why};
    if (memchr(text, 0, text_bytes))
        return refuse(&parser, "there are NUL bytes in it");
    size_t line_count;
    text[whole_lines_bytes(text, text_bytes, &line_count)] = 0;
    if (line_count == 0)
        return refuse(&parser, "there is no line of column names");
    return parse_rows(&parser, line_count, table);
}

enum areg_error table_parse(const char *name, const char *text, size_t text_bytes, struct table *table,
                            char why[TABLE_WHY_BYTES])
{
    *table = (struct table){0};
    char *copy = malloc(text_bytes + 1);
    if (!copy) {
        snprintf(why, TABLE_WHY_BYTES, "%s: out of memory", name);
        return AREG_ENOMEM;
    }
    memcpy(copy, text, text_bytes);
    return parse(name, copy, text_bytes, table, why);
}

/* ---------------------------------------------------------------- files */

/* All of a file, with room for one byte more. */
static char *read_all(FILE *file, size_t *bytes)
{
    size_t room = 1 << 16;
    char *text = malloc(room);
    *bytes = 0;
    while (text) {
        *bytes += fread(text + *bytes, 1, room - 1 - *bytes, file);
        if (*bytes + 1 < room || room > TABLE_FILE_BYTES_MAX)
            return text;
        room *= 2;
        char *more = realloc(text, room);
        if (!more)
            free(text);
        text = more;
    }
    return NULL;
}

enum areg_error table_read(const char *path, struct table *table, char why[TABLE_WHY_BYTES])
{
    *table = (struct table){0};
    FILE *file = fopen(path, "re");
    if (!file) {
        const enum areg_error error = errno == ENOENT ? AREG_ENOTFOUND : AREG_EIO;
        snprintf(why, TABLE_WHY_BYTES, "%s: %s", path, strerror(errno));
        return error;
    }
    size_t bytes;
    char *text = read_all(file, &bytes);
    const bool has_failed = ferror(file);
    const int cause = errno;
    fclose(file);
    if (text && !has_failed && bytes <= TABLE_FILE_BYTES_MAX)
        return parse(path, text, bytes, table, why);
    free(text);
    snprintf(why, TABLE_WHY_BYTES, "%s: %s", path,
             has_failed ? strerror(cause)
             : text     ? "larger than any table of ours"
                        : "out of memory");
    return has_failed ? AREG_EIO : text ? AREG_EINVAL : AREG_ENOMEM;
}

void table_fini(struct table *table)
{
    free(table->cells);
    free(table->text);
    *table = (struct table){0};
}

/* ---------------------------------------------------------------- cells */

int table_column(const struct table *table, const char *name)
{
    for (unsigned i = 0; i < table->column_count; i++)
        if (strcmp(table->cells[i], name) == 0)
            return (int)i;
    return TABLE_NO_COLUMN;
}

const char *table_column_name(const struct table *table, unsigned column)
{
    CHECK(column < table->column_count);
    return table->cells[column];
}

const char *table_cell(const struct table *table, unsigned row, int column)
{
    CHECK(row < table->row_count && column < (int)table->column_count);
    return column < 0 ? "" : table->cells[(size_t)(row + 1) * table->column_count + (unsigned)column];
}

double table_number(const struct table *table, unsigned row, int column)
{
    const char *cell = table_cell(table, row, column);
    char *end;
    const double number = strtod(cell, &end);
    return *cell && !*end && isfinite(number) ? number : (double)NAN;
}
