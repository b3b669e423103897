/*
 * A figure as plain data: panels of equal axes, each with series of points, events, or bars; and how it is drawn, as
 * one SVG picture. It can be read in black and white: series differ in colour, marker and dashes (bars: in hatching),
 * and only bounds are drawn with thin even dashes. The legend stands above all data.
 */
#ifndef LAB_PLOT_H
#define LAB_PLOT_H

#include "core/error.h"
#include "lab/plot_axis.h"

#include <stdio.h>

enum {
    PLOT_LABEL_BYTES = 160,
    PLOT_TITLE_BYTES = 256,
    PLOT_PANEL_COUNT_MAX = 12,
    PLOT_SERIES_COUNT_MAX = 24, /* of a panel, bounds included */
    PLOT_MARK_COUNT_MAX = 64,
    PLOT_STYLE_COUNT = 8, /* further ones look like the first */
    PLOT_STYLE_ALL = 255, /* of a bound that holds for all series */
};

enum plot_kind {
    PLOT_LINES,    /* y over x, a marker at each point, with a band */
    PLOT_CDF,      /* a share of all over x, without markers */
    PLOT_TIMELINE, /* y over time, without markers, with events */
    PLOT_BARS,     /* y for each name on the x axis */
};

/** A point without y is a gap. The band reaches from `low` to `high`, along the y axis, but for a CDF along the x axis;
 * NAN: there is none. */
struct plot_point {
    double x;
    double y;
    double low;
    double high;
};

struct plot_series {
    char label[PLOT_LABEL_BYTES];
    unsigned style; /* of the same number: of the same looks, in all panels; of a bound: that of its series */
    bool is_bound;
    unsigned point_count;
    struct plot_point *points; /* in the order in which they are joined */
};

/** An event of a timeline; `end_x` may be `begin_x`. */
struct plot_mark {
    double begin_x;
    double end_x;
    char label[PLOT_LABEL_BYTES];
};

struct plot_panel {
    char title[PLOT_LABEL_BYTES]; /* "" if there is only one */
    unsigned series_count;
    struct plot_series series[PLOT_SERIES_COUNT_MAX];
    unsigned mark_count;
    struct plot_mark marks[PLOT_MARK_COUNT_MAX];
};

struct plot {
    enum plot_kind kind;
    char title[PLOT_TITLE_BYTES];
    char note[PLOT_TITLE_BYTES]; /* below it: what line and band are */
    struct axis x;               /* told of all values, not yet settled */
    struct axis y;
    unsigned panel_count;
    struct plot_panel panels[PLOT_PANEL_COUNT_MAX];
};

/** AREG_ENOMEM, or the plot, without any panel; plot_destroy() it. */
enum areg_error plot_create(enum plot_kind kind, struct plot **plot) MUST_USE;
void plot_destroy(struct plot *plot);

/** Add a point, which the axes are told of; AREG_ENOMEM. A point that they can not show is passed over. */
enum areg_error plot_add_point(struct plot *plot, struct plot_series *series, struct plot_point point) MUST_USE;

/** The line is broken behind the last point; nothing if there is none yet. */
enum areg_error plot_add_gap(struct plot_series *series) MUST_USE;

/**
 * Write it as one <svg> element, with its namespace, so that it is a file of its own as well as a part of a page.
 *
 * @id  A word that no other picture of the same page has: names inside begin with it.
 */
void plot_write(struct plot *plot, const char *id, FILE *to);

#endif
