#include "core/command_line.h"

#include "core/check.h"
#include "core/units.h"

#include <inttypes.h>
#include <string.h>

enum {
    WORD_BYTES_MAX = 48, /* longer words get no suggestion */
    FLAG_COUNT_MAX = 64,
};

/* Levenshtein's distance, where two neighbours that changed places count as one mistake. */
static unsigned edit_distance(const char *a, const char *b)
{
    const size_t a_bytes = strlen(a);
    const size_t b_bytes = strlen(b);
    CHECK(a_bytes <= WORD_BYTES_MAX && b_bytes <= WORD_BYTES_MAX);
    unsigned cost[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];
    for (size_t i = 0; i <= a_bytes; i++)
        cost[i][0] = (unsigned)i;
    for (size_t j = 0; j <= b_bytes; j++)
        cost[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a_bytes; i++) {
        for (size_t j = 1; j <= b_bytes; j++) {
            unsigned best = cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (cost[i - 1][j] + 1 < best)
                best = cost[i - 1][j] + 1;
            if (cost[i][j - 1] + 1 < best)
                best = cost[i][j - 1] + 1;
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && cost[i - 2][j - 2] + 1 < best)
                best = cost[i - 2][j - 2] + 1;
            cost[i][j] = best;
        }
    }
    return cost[a_bytes][b_bytes];
}

const char *command_line_suggest(const char *word, const char *const *candidates)
{
    const size_t word_bytes = strlen(word);
    if (word_bytes < 2 || word_bytes > WORD_BYTES_MAX)
        return NULL;
    const char *best = NULL;
    unsigned best_distance = (unsigned)(word_bytes + 2) / 3;
    for (; *candidates; candidates++) {
        if (strlen(*candidates) > WORD_BYTES_MAX)
            continue;
        const bool is_start = strncmp(word, *candidates, word_bytes) == 0;
        const unsigned distance = is_start ? 1 : edit_distance(word, *candidates);
        if (distance < best_distance || (distance == best_distance && !best)) {
            best = *candidates;
            best_distance = distance;
        }
    }
    return best;
}

static void explain_unknown(const struct flag *flags, const char *name, char why[COMMAND_LINE_WHY_BYTES])
{
    const char *names[FLAG_COUNT_MAX + 1] = {0};
    for (unsigned i = 0; flags[i].name; i++) {
        CHECK(i < FLAG_COUNT_MAX);
        names[i] = flags[i].name;
    }
    const char *near = command_line_suggest(name, names);
    if (near)
        snprintf(why, COMMAND_LINE_WHY_BYTES, "unknown flag --%s (did you mean --%s?)", name, near);
    else
        snprintf(why, COMMAND_LINE_WHY_BYTES, "unknown flag --%s", name);
}

static enum areg_error parse_number(const struct flag *flag, const char *text, uint64_t *number)
{
    switch (flag->kind) {
    case FLAG_COUNT:
        return units_parse_count(text, number);
    case FLAG_BYTES:
        return units_parse_bytes(text, number);
    case FLAG_DURATION:
        return units_parse_duration(text, number);
    case FLAG_SWITCH:
    case FLAG_TEXT:
        break;
    }
    return AREG_EINVAL;
}

static enum areg_error store_value(const struct flag *flag, const char *text, char why[COMMAND_LINE_WHY_BYTES])
{
    static const char *const expectation[] = {
        [FLAG_COUNT] = "a whole number",
        [FLAG_BYTES] = "a size like 64KiB",
        [FLAG_DURATION] = "a duration like 30s or 500ms",
    };
    if (flag->kind == FLAG_TEXT) {
        *(const char **)flag->to = text;
        return AREG_OK;
    }
    uint64_t number;
    if (parse_number(flag, text, &number) != AREG_OK) {
        snprintf(why, COMMAND_LINE_WHY_BYTES, "--%s takes %s, not \"%s\"", flag->name, expectation[flag->kind], text);
        return AREG_EINVAL;
    }
    if (number < flag->min || (flag->max && number > flag->max)) {
        char min[UNITS_TEXT_BYTES];
        char max[UNITS_TEXT_BYTES];
        if (flag->kind == FLAG_COUNT) {
            snprintf(min, sizeof min, "%" PRIu64, flag->min);
            snprintf(max, sizeof max, "%" PRIu64, flag->max);
        } else {
            (flag->kind == FLAG_BYTES ? units_print_bytes : units_print_duration)(flag->min, min);
            (flag->kind == FLAG_BYTES ? units_print_bytes : units_print_duration)(flag->max, max);
        }
        snprintf(why, COMMAND_LINE_WHY_BYTES, "--%s must be at least %s%s%s, not %s", flag->name, min,
                 flag->max ? " and at most " : "", flag->max ? max : "", text);
        return AREG_EINVAL;
    }
    *(uint64_t *)flag->to = number;
    return AREG_OK;
}

static const struct flag *find_by_name(const struct flag *flags, const char *name, size_t name_bytes)
{
    for (; flags->name; flags++)
        if (strlen(flags->name) == name_bytes && strncmp(flags->name, name, name_bytes) == 0)
            return flags;
    return NULL;
}

static const struct flag *find_by_letter(const struct flag *flags, char letter)
{
    for (; flags->name; flags++)
        if (flags->letter && flags->letter == letter)
            return flags;
    return NULL;
}

/* One argument that begins with '-'; `next` is the argument after it, or NULL; says whether that one was used. */
static enum areg_error parse_flag(const struct flag *flags, const char *argument, const char *next, bool *used_next,
                                  char why[COMMAND_LINE_WHY_BYTES])
{
    *used_next = false;
    const bool is_long = argument[1] == '-';
    const char *name = argument + (is_long ? 2 : 1);
    const char *equals = is_long ? strchr(name, '=') : NULL;
    const size_t name_bytes = equals ? (size_t)(equals - name) : strlen(name);
    const struct flag *flag = NULL;
    if (is_long)
        flag = find_by_name(flags, name, name_bytes);
    else if (name_bytes == 1)
        flag = find_by_letter(flags, name[0]);
    if (!flag) {
        char text[WORD_BYTES_MAX + 1];
        snprintf(text, sizeof text, "%.*s", (int)(name_bytes < WORD_BYTES_MAX ? name_bytes : WORD_BYTES_MAX), name);
        if (is_long)
            explain_unknown(flags, text, why);
        else
            snprintf(why, COMMAND_LINE_WHY_BYTES, "unknown flag -%s", text);
        return AREG_EINVAL;
    }
    if (flag->kind == FLAG_SWITCH) {
        if (equals) {
            snprintf(why, COMMAND_LINE_WHY_BYTES, "--%s takes no value", flag->name);
            return AREG_EINVAL;
        }
        *(bool *)flag->to = true;
        return AREG_OK;
    }
    if (!equals && !next) {
        snprintf(why, COMMAND_LINE_WHY_BYTES, "--%s needs a value: --%s %s", flag->name, flag->name, flag->value_name);
        return AREG_EINVAL;
    }
    *used_next = !equals;
    return store_value(flag, equals ? equals + 1 : next, why);
}

enum areg_error command_line_parse(const struct flag *flags, int argc, char **argv, struct command_line *line,
                                   char why[COMMAND_LINE_WHY_BYTES])
{
    *line = (struct command_line){.words = (const char *const *)argv};
    why[0] = 0;
    for (int i = 0; i < argc; i++) {
        char *argument = argv[i];
        if (strcmp(argument, "--") == 0) {
            line->rest = argv + i + 1;
            return AREG_OK;
        }
        if (argument[0] != '-' || argument[1] == 0) {
            argv[line->word_count++] = argument;
            continue;
        }
        bool used_next;
        const enum areg_error error = parse_flag(flags, argument, i + 1 < argc ? argv[i + 1] : NULL, &used_next, why);
        if (error)
            return error;
        i += used_next;
    }
    return AREG_OK;
}

/* "-q, --quiet" or "    --timeout MS"; returns its width. */
static int print_flag_name(const struct flag *flag, char *to, size_t room_bytes)
{
    char letter[8] = "    ";
    if (flag->letter)
        snprintf(letter, sizeof letter, "-%c, ", flag->letter);
    return snprintf(to, room_bytes, "%s--%s%s%s", letter, flag->name, flag->value_name ? " " : "",
                    flag->value_name ? flag->value_name : "");
}

void command_line_print_flags(const struct flag *flags, FILE *to)
{
    char text[128];
    int width = 0;
    for (const struct flag *flag = flags; flag->name; flag++) {
        const int bytes = print_flag_name(flag, text, sizeof text);
        if (bytes > width)
            width = bytes;
    }
    for (const struct flag *flag = flags; flag->name; flag++) {
        print_flag_name(flag, text, sizeof text);
        fprintf(to, "  %-*s  %s\n", width, text, flag->help);
    }
}
