#include "sim/script.h"

#include "core/limits.h"
#include "sim/script_words.h"
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SCRIPT_OP_MAX <= UINT8_MAX, "operations must fit a step's list");
_Static_assert(SCRIPT_PROCESS_MAX + MEMBER_COUNT_MAX <= 64, "processes must fit a word");
_Static_assert(PLANT_COUNT <= 64, "planted bugs must fit a word");

/* ---------------------------------------------------------------- the head */

static bool parse_cluster(struct script_reader *reader)
{
    struct script *script = reader->script;
    const char *word = words_next(reader);
    if (script->code.n > 0)
        return script_complain(reader, "there is one cluster, and it was described above");
    if (!word || code_parse(word, &script->code) != AREG_OK)
        return script_complain(reader, "a cluster is described by its code, such as rs:5,3 or repl:3");
    script->host_count = script->code.n;
    script->delta = 1;
    if (words_accept(reader, "delta") && !words_count(reader, DELTA_MAX, &script->delta))
        return false;
    return words_end(reader);
}

/* hosts 6: more than the first configuration has */
static bool parse_hosts(struct script_reader *reader)
{
    struct script *script = reader->script;
    if (script->code.n == 0 || script_named_count(script) > 0)
        return script_complain(reader, "hosts stand between the cluster and the clients");
    if (!words_count(reader, MEMBER_COUNT_MAX, &script->host_count))
        return false;
    if (script->host_count < script->code.n)
        return script_complain(reader, "the cluster has %u members", script->code.n);
    return words_end(reader);
}

static bool parse_process(struct script_reader *reader, const char *word, bool is_stranger)
{
    struct script_process *process = &reader->script->processes[script_named_count(reader->script)];
    if (!words_name(reader, word, process->name))
        return false;
    process->is_stranger = is_stranger;
    return true;
}

static bool parse_clients(struct script_reader *reader, bool is_stranger)
{
    struct script *script = reader->script;
    if (script->code.n == 0)
        return script_complain(reader, "describe the cluster first: cluster rs:5,3 delta 1");
    if (script->step_count > 0 || script->reconfigurer_count > 0)
        return script_complain(reader, "clients stand before reconfigurers and the first step");
    for (const char *word = words_next(reader); word; word = words_next(reader)) {
        if (script->client_count == SCRIPT_CLIENT_MAX)
            return script_complain(reader, "at most %d clients", SCRIPT_CLIENT_MAX);
        if (!parse_process(reader, word, is_stranger))
            return false;
        script->client_count++;
    }
    return true;
}

static bool parse_reconfigurers(struct script_reader *reader)
{
    struct script *script = reader->script;
    if (script->client_count == 0 || script->step_count > 0)
        return script_complain(reader, "reconfigurers stand between the clients and the first step");
    for (const char *word = words_next(reader); word; word = words_next(reader)) {
        if (script->reconfigurer_count == SCRIPT_RECONFIGURER_MAX)
            return script_complain(reader, "at most %d reconfigurers", SCRIPT_RECONFIGURER_MAX);
        if (!parse_process(reader, word, false))
            return false;
        script->reconfigurer_count++;
    }
    return true;
}

static bool parse_caught_with(struct script_reader *reader)
{
    const char *names[PLANT_COUNT];
    for (unsigned i = 1; i < PLANT_COUNT; i++)
        names[i - 1] = plant_name((enum plant)i);
    names[PLANT_COUNT - 1] = NULL;
    while (words_peek(reader)) {
        unsigned which;
        if (!words_one_of(reader, "the planted bug", names, &which))
            return false;
        reader->script->caught_by |= UINT64_C(1) << (which + 1);
    }
    return true;
}

static bool parse_for(struct script_reader *reader, unsigned choice_index)
{
    struct script *script = reader->script;
    const char *word = words_next(reader);
    char name[SCRIPT_NAME_BYTES];
    if (script->choice_count > 0 || script->step_count > 0)
        return script_complain(reader, "there is one \"for\", before the first step");
    if (!word || !words_name(reader, word, name) || !words_require(reader, "in"))
        return script_complain(reader, "for NAME in NUMBER...");
    while (words_peek(reader)) {
        if (script->choice_count == SCRIPT_CHOICE_MAX)
            return script_complain(reader, "at most %d numbers", SCRIPT_CHOICE_MAX);
        if (!words_count(reader, MEMBER_COUNT_MAX, &script->choices[script->choice_count]))
            return false;
        script->choice_count++;
    }
    if (script->choice_count == 0)
        return script_complain(reader, "for NAME in NUMBER...");
    snprintf(script->variable, sizeof script->variable, "%s", name);
    reader->choice = script->choices[choice_index < script->choice_count ? choice_index : 0];
    return true;
}

/* ---------------------------------------------------------------- lines */

static bool parse_line(struct script_reader *reader, const char *line, size_t line_bytes, unsigned choice_index)
{
    struct script *script = reader->script;
    if (!words_split(reader, line, line_bytes))
        return false;
    const char *word = words_next(reader);
    if (!word)
        return true;
    if (strcmp(word, "cluster") == 0)
        return parse_cluster(reader);
    if (strcmp(word, "clients") == 0 || strcmp(word, "strangers") == 0)
        return parse_clients(reader, word[0] == 's');
    if (strcmp(word, "hosts") == 0)
        return parse_hosts(reader);
    if (strcmp(word, "reconfigurers") == 0)
        return parse_reconfigurers(reader);
    if (strcmp(word, "caught-with") == 0)
        return parse_caught_with(reader);
    if (strcmp(word, "for") == 0)
        return parse_for(reader, choice_index);
    if (script->step_count == SCRIPT_STEP_MAX)
        return script_complain(reader, "at most %d steps", SCRIPT_STEP_MAX);
    struct step *step = &script->steps[script->step_count];
    *step = (struct step){.line = reader->line, .text = line, .op = -1};
    if (!script_parse_step(reader, word, step))
        return false;
    script->step_count++;
    return true;
}

/* ---------------------------------------------------------------- the file */

static enum areg_error read_source(struct script_reader *reader, size_t *source_bytes)
{
    FILE *file = fopen(reader->path, "r");
    if (!file) {
        script_complain(reader, "can not be read: %m");
        return AREG_ENOTFOUND;
    }
    reader->script->source = malloc(SCRIPT_BYTES_MAX + 1);
    if (!reader->script->source) {
        fclose(file);
        return AREG_ENOMEM;
    }
    *source_bytes = fread(reader->script->source, 1, SCRIPT_BYTES_MAX + 1, file);
    const bool has_failed = ferror(file);
    fclose(file);
    if (has_failed || *source_bytes > SCRIPT_BYTES_MAX) {
        script_complain(reader, has_failed ? "can not be read" : "is too long: at most %d bytes", SCRIPT_BYTES_MAX);
        return has_failed ? AREG_ENOTFOUND : AREG_EINVAL;
    }
    reader->script->source[*source_bytes] = 0;
    if (memchr(reader->script->source, 0, *source_bytes)) {
        script_complain(reader, "is no text");
        return AREG_EINVAL;
    }
    return AREG_OK;
}

/* The first line of comment, without its sign. */
static void note_title(struct script *script, const char *line)
{
    if (script->title[0] || line[0] != '#')
        return;
    script->title = line + 1;
    while (*script->title == ' ' || *script->title == '#')
        script->title++;
}

static bool parse_lines(struct script_reader *reader, size_t source_bytes, unsigned choice_index)
{
    char *line = reader->script->source;
    char *end = line + source_bytes;
    while (line < end) {
        char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (!line_end)
            line_end = end;
        *line_end = 0;
        reader->line++;
        note_title(reader->script, line);
        if (!parse_line(reader, line, (size_t)(line_end - line), choice_index))
            return false;
        line = line_end + 1;
    }
    if (reader->script->step_count == 0)
        return script_complain(reader, "there is no step in it");
    return true;
}

enum areg_error script_read(struct script *script, const char *path, unsigned choice_index, char why[SCRIPT_WHY_BYTES])
{
    struct script_reader reader = {.script = script, .path = path, .why = why};
    size_t source_bytes = 0;
    *script = (struct script){.title = ""};
    why[0] = 0;
    script->steps = calloc(SCRIPT_STEP_MAX, sizeof *script->steps);
    enum areg_error error = script->steps ? read_source(&reader, &source_bytes) : AREG_ENOMEM;
    if (error == AREG_OK && !parse_lines(&reader, source_bytes, choice_index))
        error = AREG_EINVAL;
    if (error != AREG_OK)
        script_fini(script);
    return error;
}

void script_fini(struct script *script)
{
    free(script->source);
    free(script->steps);
    script->source = NULL;
    script->steps = NULL;
}
