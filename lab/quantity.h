/*
 * What a column of an experiment's tables measures, told by its name: "p50_us" is a median latency in microseconds. And
 * its values as people write them: "1.25 ms", "64 KiB", "12,300".
 */
#ifndef LAB_QUANTITY_H
#define LAB_QUANTITY_H

#include <stdbool.h>

enum {
    QUANTITY_LABEL_BYTES = 128,
    QUANTITY_TEXT_BYTES = 64,
};

enum quantity_kind {
    QUANTITY_PLAIN,       /* a count or a ratio, without unit */
    QUANTITY_TIME,        /* us, ms, s */
    QUANTITY_BYTES,       /* B, KiB, MiB: powers of 1024 */
    QUANTITY_BYTES_PER_S, /* KiB/s */
};

struct quantity {
    enum quantity_kind kind;
    double to_base;                   /* a cell's number times this is in s, bytes or bytes/s */
    char label[QUANTITY_LABEL_BYTES]; /* "median latency", without the unit */
};

/** Any column name is a quantity; one that is not known is called what its name says. */
struct quantity quantity_of(const char *column);

/** A unit to print values of one kind in. */
struct quantity_unit {
    double in_base;
    const char *name; /* "ms"; "" if it has none */
};
/** The unit in which `base_value` has a whole part of one to three digits, or as near to that as there is one. */
struct quantity_unit quantity_unit_for(enum quantity_kind kind, double base_value);

/** "12,300", "1.25", "0.0042": at most `digits` digits that matter, without useless zeroes; returns `text`. */
const char *quantity_print_number(double number, unsigned digits, char text[QUANTITY_TEXT_BYTES]);
/** A base value with its unit, three digits that matter: "1.25 ms"; returns `text`. */
const char *quantity_print(enum quantity_kind kind, double base_value, char text[QUANTITY_TEXT_BYTES]);

/**
 * What a point is called by one of its parameters: "rs:5,3", "delta 8", "64 KiB", "10 keys"; returns `text`.
 */
const char *quantity_print_parameter(const char *column, const char *cell, char text[QUANTITY_LABEL_BYTES]);

/** Whether a larger value is a worse one: a latency, but not a throughput. */
bool quantity_is_cost(const char *column);

#endif
