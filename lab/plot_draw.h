/*
 * Strokes of a plot: what the SVG elements are that figures are put together from, and how series differ in looks. Only
 * for plot_page.c and plot_panel.c.
 */
#ifndef LAB_PLOT_DRAW_H
#define LAB_PLOT_DRAW_H

#include "lab/plot.h"

enum {
    FONT_TITLE_PX = 16,
    FONT_PX = 13,
    FONT_SMALL_PX = 11,
};

/** The part of the picture that a panel's data are drawn in. */
struct frame {
    double left;
    double top;
    double width;
    double height;
};

struct canvas {
    FILE *to;
    const char *id;
};

enum text_anchor { TEXT_START, TEXT_MIDDLE, TEXT_END };

struct text_style {
    double font_px;
    enum text_anchor anchor;
    double turned; /* degrees, clockwise */
    bool is_bold;
    bool has_halo; /* white around it: it may stand on lines */
    const char *colour;
};

const char *draw_colour(unsigned style);

void draw_text(const struct canvas *canvas, double x, double y, const char *text, const struct text_style *style);
/** A text in as many lines as it takes, at most three; returns their count. `from_y`: the first line's baseline. */
unsigned draw_wrapped(const struct canvas *canvas, double x, double from_y, double width, const char *text,
                      const struct text_style *style);
/** How many lines that would be. */
unsigned draw_wrapped_count(double width, const char *text, const struct text_style *style);

/** A straight line of the axes, the grid or an event. */
void draw_rule(const struct canvas *canvas, double x1, double y1, double x2, double y2, const char *colour);
/** The `stroke...` attributes of a series' line. */
void draw_stroke(const struct canvas *canvas, unsigned style, bool is_bound);
/** A series' marker, which tells `title` when it is pointed at. */
void draw_marker(const struct canvas *canvas, unsigned style, double x, double y, const char *title);
/** The patterns that bars are filled with, to be defined once in a picture; and the `fill` of one style. */
void draw_hatch_definitions(const struct canvas *canvas);
void draw_hatch_fill(const struct canvas *canvas, unsigned style);

/** The data of one panel, within its frame; for its events there is `lane_count` times DRAW_LANE_PX above it. */
void draw_panel_data(const struct canvas *canvas, const struct plot *plot, const struct plot_panel *panel,
                     const struct frame *frame);
enum { DRAW_LANE_PX = 15, DRAW_LANE_COUNT_MAX = 12 };
/** How many lanes the labels of a panel's events take. */
unsigned draw_lane_count(const struct plot *plot, const struct plot_panel *panel, double width);

#endif
