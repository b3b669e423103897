#include "core/units.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit byte_units[] = {
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", UINT64_C(1000000000000)},
};

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {"d", UINT64_C(86400000000000)},
};

/* The digits that `text` begins with; returns what follows them, NULL if there are none or too many. */
static const char *parse_digits(const char *text, uint64_t *number)
{
    if (!isdigit((unsigned char)*text))
        return NULL;
    uint64_t parsed = 0;
    for (; isdigit((unsigned char)*text); text++) {
        const uint64_t digit = (uint64_t)(*text - '0');
        if (parsed > (UINT64_MAX - digit) / 10)
            return NULL;
        parsed = parsed * 10 + digit;
    }
    *number = parsed;
    return text;
}

enum areg_error units_parse_count(const char *text, uint64_t *count)
{
    uint64_t number;
    const char *rest = parse_digits(text, &number);
    if (!rest || *rest)
        return AREG_EINVAL;
    *count = number;
    return AREG_OK;
}

static enum areg_error parse_with_unit(const char *text, const struct unit *units, size_t unit_count, uint64_t *number)
{
    uint64_t digits;
    const char *rest = parse_digits(text, &digits);
    if (!rest)
        return AREG_EINVAL;
    while (*rest == ' ')
        rest++;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(rest, units[i].name) != 0)
            continue;
        if (digits > UINT64_MAX / units[i].factor)
            return AREG_EINVAL;
        *number = digits * units[i].factor;
        return AREG_OK;
    }
    return AREG_EINVAL;
}

enum areg_error units_parse_bytes(const char *text, uint64_t *bytes)
{
    if (units_parse_count(text, bytes) == AREG_OK)
        return AREG_OK;
    return parse_with_unit(text, byte_units, sizeof byte_units / sizeof byte_units[0], bytes);
}

enum areg_error units_parse_duration(const char *text, uint64_t *duration_ns)
{
    uint64_t zero;
    if (units_parse_count(text, &zero) == AREG_OK && zero == 0) {
        *duration_ns = 0;
        return AREG_OK;
    }
    return parse_with_unit(text, duration_units, sizeof duration_units / sizeof duration_units[0], duration_ns);
}

/* The number in the largest unit that leaves at least 1, with as many decimals as make three digits. */
static const char *print_with_unit(uint64_t number, const struct unit *units, size_t unit_count,
                                   char text[UNITS_TEXT_BYTES])
{
    size_t best = 0;
    for (size_t i = 0; i < unit_count; i++)
        if (number >= units[i].factor && units[i].factor > units[best].factor)
            best = i;
    const double scaled = (double)number / (double)units[best].factor;
    const bool is_whole = number % units[best].factor == 0;
    const int decimals = is_whole || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
    snprintf(text, UNITS_TEXT_BYTES, "%.*f %s", decimals, scaled, units[best].name);
    return text;
}

const char *units_print_bytes(uint64_t bytes, char text[UNITS_TEXT_BYTES])
{
    enum { BINARY_UNIT_COUNT = 5 };
    return print_with_unit(bytes, byte_units, BINARY_UNIT_COUNT, text);
}

const char *units_print_duration(uint64_t duration_ns, char text[UNITS_TEXT_BYTES])
{
    enum { UNIT_COUNT_TO_SECONDS = 4 };
    return print_with_unit(duration_ns, duration_units, UNIT_COUNT_TO_SECONDS, text);
}
