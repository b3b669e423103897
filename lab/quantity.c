#include "lab/quantity.h"

#include "core/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- names */

/* What the words of a column's name can not say as well. The unit still comes from the name's ending. */
static const struct known {
    const char *column;
    const char *label;
} known_columns[] = {
    {"time_s", "time"},
    {"n", "n"},
    {"k", "k"},
    {"value_bytes", "size of a value"},
    {"depth", "operations in flight of each client"},
    {"rate_hz", "operations a second, offered"},
    {"delay_min_us", "delay of a message, at least"},
    {"delay_max_us", "delay of a message, at most"},
    {"bandwidth_bytes_per_s", "bandwidth of a host"},
    {"op", "operation"},
    {"ops", "operations"},
    {"ok", "succeeded"},
    {"unknown", "of unknown outcome"},
    {"seconds", "duration"},
    {"ops_per_s", "operations a second"},
    {"latency_us", "latency"},
    {"min_us", "smallest latency"},
    {"mean_us", "mean latency"},
    {"p50_us", "median latency"},
    {"p90_us", "90 % latency"},
    {"p99_us", "99 % latency"},
    {"p999_us", "99.9 % latency"},
    {"max_us", "largest latency"},
    {"rounds_per_op", "rounds per operation"},
    {"sent_values_per_op", "values sent per operation"},
    {"received_values_per_op", "values received per operation"},
    {"stored_values_max", "values stored at most"},
    {"stored_values_rest", "values stored at rest"},
    {"moved_values", "values moved by changes"},
    {"packets_per_op", "packets per operation"},
    {"overhead_bytes_per_op", "bytes beside values per operation"},
    {"client_cpu_us_per_op", "CPU of clients per operation"},
    {"hosts_cpu_us_per_op", "CPU of hosts per operation"},
    {"configuration_max", "last configuration"},
    {"bound_rounds", "bound of rounds"},
    {"bound_sent_values", "bound of values sent"},
    {"bound_received_values", "bound of values received"},
    {"bound_stored_values", "bound of values stored"},
    {"bound_latency_us", "bound of latency"},
    {"whole_share", "shards that are whole again"},
    {"whole_s", "after"},
    {"full_s", "until all are whole"},
    {"bound_full_s", "bound of until all are whole"},
    {"cpu_s", "CPU"},
    {"virtual_s", "virtual time"},
};

/* Endings with a unit, longest first. */
static const struct ending {
    const char *text;
    enum quantity_kind kind;
    double to_base;
    const char *words; /* instead of it */
} endings[] = {
    {"_bytes_per_host", QUANTITY_BYTES, 1, " for each host"},
    {"_bytes_per_s", QUANTITY_BYTES_PER_S, 1, ""},
    {"_per_s", QUANTITY_PLAIN, 1, " a second"},
    {"_seconds", QUANTITY_TIME, 1, ""},
    {"_values", QUANTITY_PLAIN, 1, ", in values"},
    {"_bytes", QUANTITY_BYTES, 1, ""},
    {"_hz", QUANTITY_PLAIN, 1, " a second"},
    {"_ns", QUANTITY_TIME, 1e-9, ""},
    {"_us", QUANTITY_TIME, 1e-6, ""},
    {"_ms", QUANTITY_TIME, 1e-3, ""},
    {"_s", QUANTITY_TIME, 1, ""},
};

static bool cut_ending(char *name, const char *ending)
{
    const size_t name_bytes = strlen(name);
    const size_t ending_bytes = strlen(ending);
    if (ending_bytes >= name_bytes || strcmp(name + name_bytes - ending_bytes, ending) != 0)
        return false;
    name[name_bytes - ending_bytes] = 0;
    return true;
}

static void append(char label[QUANTITY_LABEL_BYTES], const char *text)
{
    const size_t bytes = strlen(label);
    snprintf(label + bytes, QUANTITY_LABEL_BYTES - bytes, "%s", text);
}

static void cut_unit(struct quantity *quantity, const char **words)
{
    for (unsigned i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (cut_ending(quantity->label, endings[i].text)) {
            quantity->kind = endings[i].kind;
            quantity->to_base = endings[i].to_base;
            *words = endings[i].words;
            return;
        }
    }
}

struct quantity quantity_of(const char *column)
{
    struct quantity quantity = {.kind = QUANTITY_PLAIN, .to_base = 1};
    const char *words = "";
    snprintf(quantity.label, sizeof quantity.label, "%s", column);
    const bool is_per_op = cut_ending(quantity.label, "_per_op");
    if (strcmp(column, "seconds") == 0)
        quantity.kind = QUANTITY_TIME;
    cut_unit(&quantity, &words);
    for (char *at = quantity.label; *at; at++)
        if (*at == '_')
            *at = ' ';
    append(quantity.label, words);
    append(quantity.label, is_per_op ? " per operation" : "");
    for (unsigned i = 0; i < sizeof known_columns / sizeof known_columns[0]; i++)
        if (strcmp(column, known_columns[i].column) == 0)
            snprintf(quantity.label, sizeof quantity.label, "%s", known_columns[i].label);
    return quantity;
}

bool quantity_is_cost(const char *column)
{
    const bool is_gain = strcmp(column, "ok") == 0 || strcmp(column, "ops") == 0 || strstr(column, "ops_per_s") ||
                         strstr(column, "throughput") || strstr(column, "available");
    return !is_gain;
}

/* ---------------------------------------------------------------- numbers */

static double round_to_digits(double number, unsigned digits)
{
    char text[QUANTITY_TEXT_BYTES];
    snprintf(text, sizeof text, "%.*e", (int)digits - 1, number);
    return strtod(text, NULL);
}

static const struct quantity_unit units[][4] = {
    [QUANTITY_PLAIN] = {{1, ""}},
    [QUANTITY_TIME] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}},
    [QUANTITY_BYTES] = {{1073741824, "GiB"}, {1048576, "MiB"}, {1024, "KiB"}, {1, "B"}},
    [QUANTITY_BYTES_PER_S] = {{1073741824, "GiB/s"}, {1048576, "MiB/s"}, {1024, "KiB/s"}, {1, "B/s"}},
};

struct quantity_unit quantity_unit_for(enum quantity_kind kind, double base_value)
{
    unsigned i = 0;
    if (base_value == 0)
        while (units[kind][i].in_base != 1)
            i++;
    else
        while (i < 3 && units[kind][i + 1].name && fabs(base_value) < units[kind][i].in_base * (1 - 1e-9))
            i++;
    return units[kind][i];
}

const char *quantity_print_number(double number, unsigned digits, char text[QUANTITY_TEXT_BYTES])
{
    CHECK(digits > 0 && digits < 16);
    const double rounded = round_to_digits(number, digits);
    const double size = fabs(rounded);
    if (size >= 1e15 || (size > 0 && size < 1e-6)) {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.*g", (int)digits, number);
        return text;
    }
    const int magnitude = size > 0 ? (int)floor(log10(size) + 1e-12) : 0;
    const int decimals = magnitude < (int)digits - 1 ? (int)digits - 1 - magnitude : 0;
    char plain[QUANTITY_TEXT_BYTES];
    snprintf(plain, sizeof plain, "%.*f", decimals, size);
    if (strchr(plain, '.')) {
        char *end = plain + strlen(plain);
        while (end[-1] == '0')
            *--end = 0;
        if (end[-1] == '.')
            *--end = 0;
    }
    const size_t whole_bytes = strcspn(plain, ".");
    char *to = text;
    if (rounded < 0)
        *to++ = '-';
    for (size_t i = 0; plain[i]; i++) {
        if (i > 0 && i < whole_bytes && (whole_bytes - i) % 3 == 0)
            *to++ = ',';
        *to++ = plain[i];
    }
    *to = 0;
    return text;
}

const char *quantity_print(enum quantity_kind kind, double base_value, char text[QUANTITY_TEXT_BYTES])
{
    const struct quantity_unit unit = quantity_unit_for(kind, fmax(base_value, round_to_digits(base_value, 3)));
    char number[QUANTITY_TEXT_BYTES];
    quantity_print_number(base_value / unit.in_base, fabs(base_value) / unit.in_base >= 1000 ? 4 : 3, number);
    snprintf(text, QUANTITY_TEXT_BYTES, "%.40s%s%s", number, unit.name[0] ? " " : "", unit.name);
    return text;
}

/* ---------------------------------------------------------------- parameters */

/* What stands around the value. */
static const struct phrase {
    const char *column;
    const char *before;
    const char *after;
} phrases[] = {
    {"value_bytes", "", ""},
    {"hosts", "", " hosts"},
    {"readers", "", " readers"},
    {"writers", "", " writers"},
    {"mixed", "", " clients"},
    {"keys", "", " keys"},
    {"depth", "depth ", ""},
    {"rate_hz", "", " a second"},
    {"delay_min_us", "delay at least ", ""},
    {"delay_max_us", "delay ", ""},
    {"bandwidth_bytes_per_s", "", ""},
    {"n", "n = ", ""},
    {"k", "k = ", ""},
};

static void print_phrase(const char *column, const struct quantity *quantity, const char *value,
                         char text[QUANTITY_LABEL_BYTES])
{
    for (unsigned i = 0; i < sizeof phrases / sizeof phrases[0]; i++) {
        if (strcmp(column, phrases[i].column) == 0) {
            snprintf(text, QUANTITY_LABEL_BYTES, "%s%s%s", phrases[i].before, value, phrases[i].after);
            return;
        }
    }
    snprintf(text, QUANTITY_LABEL_BYTES, "%.60s %s", quantity->label, value);
}

const char *quantity_print_parameter(const char *column, const char *cell, char text[QUANTITY_LABEL_BYTES])
{
    const struct quantity quantity = quantity_of(column);
    char *end;
    const double number = strtod(cell, &end);
    if (strcmp(column, "switched_off") == 0) {
        const bool is_none = !*cell || strcmp(cell, "none") == 0;
        snprintf(text, QUANTITY_LABEL_BYTES, is_none ? "nothing off" : "%.100s off", cell);
    } else if (!*cell) {
        snprintf(text, QUANTITY_LABEL_BYTES, "no %.100s", quantity.label);
    } else if (*end || !isfinite(number)) {
        snprintf(text, QUANTITY_LABEL_BYTES, "%s", cell);
    } else {
        char value[QUANTITY_TEXT_BYTES];
        if (quantity.kind == QUANTITY_PLAIN)
            quantity_print_number(number, 12, value);
        else
            quantity_print(quantity.kind, number * quantity.to_base, value);
        print_phrase(column, &quantity, value, text);
    }
    return text;
}
