/*
 * One axis of a plot: which part of a quantity it shows, where on it a value lies, and which values are written beside
 * it.
 */
#ifndef LAB_PLOT_AXIS_H
#define LAB_PLOT_AXIS_H

#include "lab/quantity.h"

enum {
    AXIS_TICK_COUNT_MAX = 64,
    AXIS_TICK_BYTES = 64,
};

enum axis_scale {
    AXIS_LINEAR,
    AXIS_LOG,
    AXIS_NAMES, /* 0, 1, 2 ...: one for each name */
    AXIS_TAIL,  /* shares from 0 to 1, so that 90 %, 99 %, 99.9 % ... are equally far from each other */
};

struct axis_tick {
    double value;
    char label[AXIS_TICK_BYTES]; /* "": a small tick without one */
};

struct axis {
    enum axis_scale scale;
    enum quantity_kind kind;
    char label[QUANTITY_LABEL_BYTES]; /* of the quantity; once settled, with the unit of its ticks */
    double low;                       /* what is shown; before axis_settle(), the values that it was told of */
    double high;
    unsigned tick_count;
    struct axis_tick ticks[AXIS_TICK_COUNT_MAX]; /* AXIS_NAMES: the names, first of all */
};

void axis_init(struct axis *axis, const struct quantity *quantity, enum axis_scale scale);
/** AXIS_NAMES: a further name; false if there are too many. */
bool axis_add_name(struct axis *axis, const char *name);
/** Whether the axis can show it: a number, and above 0 if the scale is logarithmic. */
bool axis_shows(const struct axis *axis, double value);
/** It must be shown; passed over if it can not be. */
void axis_extend(struct axis *axis, double value);

/** How an axis is to be divided. */
struct axis_length {
    double px;
    double font_px;
    bool is_vertical;
    const double *wanted; /* values to write beside a logarithmic axis, if they are few; ascending */
    unsigned wanted_count;
};
/** All values are known: choose what is shown, and the ticks. */
void axis_settle(struct axis *axis, const struct axis_length *length);

/** Where on a settled axis a value that it shows lies: 0 at its low end, 1 at its high end. */
double axis_place(const struct axis *axis, double value);

#endif
