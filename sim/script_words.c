#include "sim/script_words.h"

#include "core/command_line.h"
#include "core/units.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool script_complain(struct script_reader *reader, const char *format, ...)
{
    if (reader->has_failed)
        return false;
    reader->has_failed = true;
    int used = 0;
    if (reader->line > 0)
        used = snprintf(reader->why, SCRIPT_WHY_BYTES, "%s:%u: ", reader->path, reader->line);
    else
        used = snprintf(reader->why, SCRIPT_WHY_BYTES, "%s: ", reader->path);
    if (used < 0 || used >= SCRIPT_WHY_BYTES)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->why + used, (size_t)(SCRIPT_WHY_BYTES - used), format, arguments);
    va_end(arguments);
    return false;
}

bool script_complain_unknown(struct script_reader *reader, const char *what, const char *word,
                             const char *const *candidates)
{
    const char *near = command_line_suggest(word, candidates);
    return script_complain(reader, "%s \"%s\" is unknown%s%s%s", what, word, near ? " (did you mean \"" : "",
                           near ? near : "", near ? "\"?)" : "");
}

/* ---------------------------------------------------------------- words */

/* Where the word that begins at `at` ends. NULL: a quote that is not closed. */
static const char *end_of_word(const char *at, const char *end)
{
    if (*at == '"') {
        const char *closing = memchr(at + 1, '"', (size_t)(end - at) - 1);
        return closing ? closing + 1 : NULL;
    }
    while (at < end && *at != ' ' && *at != '\t' && *at != '#' && *at != '"')
        at++;
    return at;
}

static bool is_variable(const struct script_reader *reader, const char *word)
{
    return reader->script->variable[0] && strcmp(word, reader->script->variable) == 0;
}

bool words_split(struct script_reader *reader, const char *line, size_t line_bytes)
{
    const char *at = line;
    const char *end = line + line_bytes;
    size_t used_bytes = 0;
    reader->word_count = reader->at = 0;
    if (line_bytes > SCRIPT_LINE_BYTES_MAX)
        return script_complain(reader, "a line has at most %d bytes", SCRIPT_LINE_BYTES_MAX);
    for (;;) {
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (at == end || *at == '#')
            return true;
        const char *word_end = end_of_word(at, end);
        if (!word_end)
            return script_complain(reader, "a quote is not closed");
        if (reader->word_count == SCRIPT_WORD_MAX)
            return script_complain(reader, "a line has at most %d words", SCRIPT_WORD_MAX);
        const size_t word_bytes = (size_t)(word_end - at) - (*at == '"');
        char *word = reader->room + used_bytes;
        memcpy(word, at, word_bytes);
        word[word_bytes] = 0;
        used_bytes += word_bytes + 1;
        if (is_variable(reader, word))
            used_bytes += (size_t)snprintf(word, 4, "%u", reader->choice);
        reader->words[reader->word_count++] = word;
        at = word_end;
    }
}

const char *words_next(struct script_reader *reader)
{
    return reader->at < reader->word_count ? reader->words[reader->at++] : NULL;
}

const char *words_peek(const struct script_reader *reader)
{
    return reader->at < reader->word_count ? reader->words[reader->at] : NULL;
}

bool words_accept(struct script_reader *reader, const char *word)
{
    const char *next = words_peek(reader);
    if (!next || strcmp(next, word) != 0)
        return false;
    reader->at++;
    return true;
}

/* For messages: a quoted word with its closing quote, and "the end of the line". */
static bool complain_instead(struct script_reader *reader, const char *wanted)
{
    const char *next = words_peek(reader);
    if (!next)
        return script_complain(reader, "%s is missing at the end of the line", wanted);
    const bool is_quoted = next[0] == '"';
    return script_complain(reader, "%s is expected here, not %s%s%s", wanted, is_quoted ? "" : "\"", next, "\"");
}

bool words_require(struct script_reader *reader, const char *word)
{
    char wanted[SCRIPT_NAME_BYTES + 2];
    if (words_accept(reader, word))
        return true;
    snprintf(wanted, sizeof wanted, "\"%s\"", word);
    return complain_instead(reader, wanted);
}

bool words_one_of(struct script_reader *reader, const char *what, const char *const *candidates, unsigned *which)
{
    const char *word = words_next(reader);
    for (*which = 0; word && candidates[*which]; (*which)++)
        if (strcmp(word, candidates[*which]) == 0)
            return true;
    return script_complain_unknown(reader, what, word ? word : "", candidates);
}

bool words_end(struct script_reader *reader)
{
    return reader->at == reader->word_count || complain_instead(reader, "the end of the line");
}

/* ---------------------------------------------------------------- names */

int words_process(const struct script_reader *reader, const char *word)
{
    for (unsigned i = 0; i < script_named_count(reader->script); i++)
        if (strcmp(reader->script->processes[i].name, word) == 0)
            return (int)i;
    return -1;
}

int words_op(const struct script_reader *reader, const char *word)
{
    for (unsigned i = 0; i < reader->script->op_count; i++)
        if (strcmp(reader->script->ops[i].name, word) == 0)
            return (int)i;
    return -1;
}

/* "s3", whether there is such a host or not; 0: it is no host. */
static unsigned host_number(const char *word)
{
    uint64_t number;
    if (word[0] != 's' || !isdigit((unsigned char)word[1]) || strlen(word) > 4 ||
        units_parse_count(word + 1, &number) != AREG_OK)
        return 0;
    return (unsigned)number;
}

int words_host(const struct script_reader *reader, const char *word)
{
    const unsigned number = host_number(word);
    return number <= reader->script->host_count ? (int)number - 1 : -1;
}

bool words_is_of_hosts(const char *word)
{
    return host_number(word) > 0 || strcmp(word, "all") == 0 || strcmp(word, "first") == 0;
}

bool words_name(struct script_reader *reader, const char *word, char name[SCRIPT_NAME_BYTES])
{
    static const char *const taken[] = {"all", "the",      "first",   "no", "nothing", "everything", "without", "until",
                                        "for", "requests", "replies", "to", "from",    "of",         "in",      "c0"};
    if (!isalpha((unsigned char)word[0]) || strlen(word) >= SCRIPT_NAME_BYTES)
        return script_complain(reader, "\"%s\" is no name: a letter, then letters, digits, '-', '_', %d bytes at most",
                               word, SCRIPT_NAME_BYTES - 1);
    for (const char *at = word; *at; at++)
        if (!isalnum((unsigned char)*at) && *at != '-' && *at != '_')
            return script_complain(reader, "\"%s\" is no name: '%c' can not be in it", word, *at);
    bool is_taken = host_number(word) > 0 || words_process(reader, word) >= 0 || words_op(reader, word) >= 0;
    for (unsigned i = 0; i < sizeof taken / sizeof taken[0]; i++)
        is_taken = is_taken || strcmp(word, taken[i]) == 0;
    if (is_taken)
        return script_complain(reader, "the name \"%s\" is taken", word);
    snprintf(name, SCRIPT_NAME_BYTES, "%s", word);
    return true;
}

/* ---------------------------------------------------------------- numbers */

bool words_duration(struct script_reader *reader, uint64_t *time_ns)
{
    const char *word = words_peek(reader);
    if (!word || units_parse_duration(word, time_ns) != AREG_OK)
        return complain_instead(reader, "a time, such as 500ms,");
    if (*time_ns == 0 || *time_ns > SCRIPT_TIME_NS_MAX)
        return script_complain(reader, "a time is more than 0, and at most one hour");
    reader->at++;
    return true;
}

bool words_count(struct script_reader *reader, unsigned max, unsigned *count)
{
    uint64_t number;
    const char *word = words_peek(reader);
    if (!word || units_parse_count(word, &number) != AREG_OK)
        return complain_instead(reader, "a number");
    if (number > max)
        return script_complain(reader, "%s is too many: at most %u", word, max);
    *count = (unsigned)number;
    reader->at++;
    return true;
}

/* ---------------------------------------------------------------- hosts */

static void add_first(struct host_list *hosts, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        hosts->hosts[hosts->count++] = (uint8_t)i;
}

static bool add_host(struct script_reader *reader, struct host_list *hosts, const char *word)
{
    const int host = words_host(reader, word);
    if (host < 0)
        return script_complain(reader, "there is no host %s: they are s1 to s%u", word, reader->script->host_count);
    for (unsigned i = 0; i < hosts->count; i++)
        if (hosts->hosts[i] == host)
            return script_complain(reader, "%s is listed twice", word);
    hosts->hosts[hosts->count++] = (uint8_t)host;
    reader->at++;
    return true;
}

bool words_hosts(struct script_reader *reader, bool may_be_rest, struct host_list *hosts)
{
    const unsigned n = reader->script->host_count;
    unsigned first_count = 0;
    *hosts = (struct host_list){0};
    if (words_accept(reader, "all")) {
        add_first(hosts, n);
        return true;
    }
    if (words_accept(reader, "first")) {
        if (!words_count(reader, n, &first_count))
            return false;
        add_first(hosts, first_count);
        return true;
    }
    if (may_be_rest && words_accept(reader, "the")) {
        hosts->is_rest = true;
        return words_require(reader, "rest");
    }
    for (const char *word = words_peek(reader); word && host_number(word) > 0; word = words_peek(reader))
        if (!add_host(reader, hosts, word))
            return false;
    return hosts->count > 0 || complain_instead(reader, "a host");
}

/* ---------------------------------------------------------------- operations and what they write */

bool words_key(struct script_reader *reader, unsigned *key)
{
    const char *word = words_peek(reader);
    for (unsigned i = 0; word && i < reader->script->key_count; i++) {
        if (strcmp(reader->script->keys[i], word) == 0) {
            *key = i;
            reader->at++;
            return true;
        }
    }
    return complain_instead(reader, "a register that was written or read before");
}

bool words_require_op(struct script_reader *reader, int *op)
{
    const char *word = words_peek(reader);
    *op = word ? words_op(reader, word) : -1;
    if (*op < 0)
        return complain_instead(reader, "an operation");
    reader->at++;
    return true;
}

bool words_config(struct script_reader *reader, int *config)
{
    const char *word = words_peek(reader);
    *config = CONFIG_GENESIS;
    if (words_accept(reader, "c0"))
        return true;
    *config = word ? words_op(reader, word) : -1;
    const struct script_op *op = *config >= 0 ? &reader->script->ops[*config] : NULL;
    if (!op || op->kind != CLIENT_RECONFIGURE || op->goal != RECONFIGURE_CHANGE)
        return complain_instead(reader, "a configuration");
    reader->at++;
    return true;
}

bool words_value(struct script_reader *reader, unsigned key, int *op)
{
    const struct script *script = reader->script;
    const char *word = words_peek(reader);
    if (!word || word[0] != '"') {
        if (!words_require_op(reader, op))
            return false;
        const struct script_op *writer = &script->ops[*op];
        if (writer->key != key || (writer->kind != CLIENT_PUT && writer->kind != CLIENT_DEL))
            return script_complain(reader, "%s does not write %s", writer->name, script->keys[key]);
        return true;
    }
    for (unsigned i = 0; i < script->op_count; i++) {
        const struct script_op *writer = &script->ops[i];
        if (writer->kind == CLIENT_PUT && writer->key == key && strcmp(writer->value, word + 1) == 0) {
            *op = (int)i;
            reader->at++;
            return true;
        }
    }
    return script_complain(reader, "nobody has written %s\" to %s before this line", word, script->keys[key]);
}
