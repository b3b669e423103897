/*
 * The data of one panel: lines with bands, bars, bounds, and the events of a timeline. All of it lies within the frame,
 * since axes show every value that they were told of; only the labels of events stand above it.
 */
#include "lab/plot_draw.h"

#include "lab/markup.h"

#include <math.h>
#include <string.h>

struct place {
    const struct canvas *canvas;
    const struct plot *plot;
    const struct frame *frame;
};

static double px_x(const struct place *place, double x)
{
    return place->frame->left + axis_place(&place->plot->x, x) * place->frame->width;
}

static double px_y(const struct place *place, double y)
{
    return place->frame->top + (1 - axis_place(&place->plot->y, y)) * place->frame->height;
}

static bool has_band(const struct plot_point *point)
{
    return !isnan(point->low);
}

/* What is told when a point is pointed at: "64 KiB, read: 1.2 ms (1.1 ms to 1.4 ms)". */
static void describe(const struct plot *plot, const struct plot_series *series, const struct plot_point *point,
                     char text[PLOT_TITLE_BYTES])
{
    char x[QUANTITY_TEXT_BYTES];
    char y[QUANTITY_TEXT_BYTES];
    char low[QUANTITY_TEXT_BYTES];
    char high[QUANTITY_TEXT_BYTES];
    if (plot->x.scale == AXIS_NAMES)
        snprintf(x, sizeof x, "%.60s", plot->x.ticks[(unsigned)point->x].label);
    else
        quantity_print(plot->x.kind, point->x, x);
    quantity_print(plot->y.kind, point->y, y);
    const int bytes =
        snprintf(text, PLOT_TITLE_BYTES, "%s%s%.80s: %s", x, series->label[0] ? ", " : "", series->label, y);
    if (has_band(point) && plot->kind != PLOT_CDF && bytes > 0 && bytes < PLOT_TITLE_BYTES)
        snprintf(text + bytes, PLOT_TITLE_BYTES - (size_t)bytes, " (%s to %s)",
                 quantity_print(plot->y.kind, point->low, low), quantity_print(plot->y.kind, point->high, high));
}

/* ---------------------------------------------------------------- lines */

static void draw_whisker(const struct place *place, double x, const struct plot_point *point, const char *colour)
{
    const double low = px_y(place, point->low);
    const double high = px_y(place, point->high);
    fprintf(place->canvas->to,
            "<path d=\"M%.1f %.1fV%.1fM%.1f %.1fh6M%.1f %.1fh6\" stroke=\"%s\" stroke-width=\"1.3\" fill=\"none\"/>\n",
            x, low, high, x - 3, low, x - 3, high, colour);
}

/* One run of points that all have a band, as an area. */
static void draw_band_run(const struct place *place, const struct plot_series *series, unsigned from, unsigned to)
{
    FILE *out = place->canvas->to;
    const bool is_cdf = place->plot->kind == PLOT_CDF;
    fprintf(out, "<path class=\"band\" fill=\"%s\" fill-opacity=\"0.17\" d=\"", draw_colour(series->style));
    for (unsigned i = from; i < to; i++) {
        const struct plot_point *point = &series->points[i];
        fprintf(out, "%c%.1f %.1f", i == from ? 'M' : 'L', px_x(place, is_cdf ? point->low : point->x),
                px_y(place, is_cdf ? point->y : point->low));
    }
    for (unsigned i = to; i-- > from;) {
        const struct plot_point *point = &series->points[i];
        fprintf(out, "L%.1f %.1f", px_x(place, is_cdf ? point->high : point->x),
                px_y(place, is_cdf ? point->y : point->high));
    }
    fputs("Z\"/>\n", out);
}

static void draw_band(const struct place *place, const struct plot_series *series)
{
    unsigned from = 0;
    while (from < series->point_count) {
        unsigned to = from;
        while (to < series->point_count && has_band(&series->points[to]))
            to++;
        if (to - from > 1)
            draw_band_run(place, series, from, to);
        else if (to - from == 1 && place->plot->kind != PLOT_CDF)
            draw_whisker(place, px_x(place, series->points[from].x), &series->points[from], draw_colour(series->style));
        from = to + 1;
    }
}

static void draw_line(const struct place *place, const struct plot_series *series)
{
    FILE *out = place->canvas->to;
    if (series->point_count < 2 && !series->is_bound)
        return;
    fputs("<path", out);
    draw_stroke(place->canvas, series->style, series->is_bound);
    fprintf(out, " class=\"%s\" d=\"", series->is_bound ? "bound" : "line");
    char command = 'M';
    for (unsigned i = 0; i < series->point_count; i++) {
        if (isnan(series->points[i].y)) {
            command = 'M';
            continue;
        }
        fprintf(out, "%c%.1f %.1f", command, px_x(place, series->points[i].x), px_y(place, series->points[i].y));
        command = 'L';
    }
    if (series->point_count == 1)
        fputs("m-15 0h30", out);
    fputs("\"/>\n", out);
}

static void draw_markers(const struct place *place, const struct plot_series *series)
{
    char text[PLOT_TITLE_BYTES];
    const bool are_few = place->plot->kind == PLOT_LINES || series->point_count == 1;
    for (unsigned i = 0; are_few && i < series->point_count; i++) {
        const struct plot_point *point = &series->points[i];
        describe(place->plot, series, point, text);
        draw_marker(place->canvas, series->style, px_x(place, point->x), px_y(place, point->y), text);
    }
}

/* Without colours, the marker at a bound's end tells whose it is. */
static void draw_bound_marker(const struct place *place, const struct plot_series *series)
{
    const struct plot_point *last = series->point_count ? &series->points[series->point_count - 1] : NULL;
    char text[PLOT_TITLE_BYTES];
    if (!last || place->plot->kind != PLOT_LINES)
        return;
    describe(place->plot, series, last, text);
    draw_marker(place->canvas, series->style, px_x(place, last->x), px_y(place, last->y), text);
}

static void draw_lines(const struct place *place, const struct plot_panel *panel)
{
    for (unsigned i = 0; i < panel->series_count; i++)
        draw_band(place, &panel->series[i]);
    for (unsigned i = 0; i < panel->series_count; i++)
        draw_line(place, &panel->series[i]);
    for (unsigned i = 0; i < panel->series_count; i++) {
        if (!panel->series[i].is_bound)
            draw_markers(place, &panel->series[i]);
        else if (panel->series[i].style != PLOT_STYLE_ALL)
            draw_bound_marker(place, &panel->series[i]);
    }
}

/* ---------------------------------------------------------------- bars */

/* How the bars of one name stand beside each other: one place for each series that is measured. */
struct bar_group {
    double bar_px;
    unsigned series_count;
};

static struct bar_group bar_group_of(const struct place *place, const struct plot_panel *panel)
{
    struct bar_group group = {0, 0};
    for (unsigned i = 0; i < panel->series_count; i++)
        group.series_count += !panel->series[i].is_bound;
    const double name_px = place->frame->width / place->plot->x.tick_count;
    group.bar_px = group.series_count ? fmin(0.78 * name_px / group.series_count, 54) : 0;
    return group;
}

static double bar_left(const struct place *place, const struct bar_group *group, double x, unsigned index)
{
    return px_x(place, x) + (index - group->series_count / 2.0) * group->bar_px;
}

static void draw_bar(const struct place *place, const struct plot_series *series, const struct plot_point *point,
                     double left, double width)
{
    FILE *out = place->canvas->to;
    char text[PLOT_TITLE_BYTES];
    const double bottom = place->frame->top + place->frame->height;
    const double top = px_y(place, point->y);
    describe(place->plot, series, point, text);
    fprintf(out, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", left + 1, top, width - 2,
            bottom - top);
    draw_hatch_fill(place->canvas, series->style);
    fputs("><title>", out);
    markup_text(out, text);
    fputs("</title></rect>\n", out);
    if (has_band(point) && point->high > point->low)
        draw_whisker(place, left + width / 2, point, "#111");
    char number[QUANTITY_TEXT_BYTES];
    const struct quantity_unit unit = quantity_unit_for(place->plot->y.kind, place->plot->y.high);
    quantity_print_number(point->y / unit.in_base, 3, number);
    const double text_y = (has_band(point) ? px_y(place, point->high) : top) - 5;
    if (markup_width_px(number, FONT_SMALL_PX) < width + 2 && text_y > place->frame->top + FONT_SMALL_PX)
        draw_text(place->canvas, left + width / 2, text_y, number,
                  &(struct text_style){FONT_SMALL_PX, TEXT_MIDDLE, .has_halo = true, .colour = "#111"});
}

/* Across the bar of its series, or across all bars of the name. */
static void draw_bar_bound(const struct place *place, const struct plot_panel *panel, const struct bar_group *group,
                           const struct plot_series *bound)
{
    unsigned index = 0;
    for (unsigned i = 0; i < panel->series_count && panel->series[i].style != bound->style; i++)
        index += !panel->series[i].is_bound;
    const bool is_common = bound->style == PLOT_STYLE_ALL;
    const double width = is_common ? group->bar_px * group->series_count : group->bar_px;
    for (unsigned i = 0; i < bound->point_count; i++) {
        const struct plot_point *point = &bound->points[i];
        fputs("<path class=\"bound\"", place->canvas->to);
        draw_stroke(place->canvas, PLOT_STYLE_ALL, true);
        fprintf(place->canvas->to, " d=\"M%.1f %.1fh%.1f\"/>\n",
                bar_left(place, group, point->x, is_common ? 0 : index) - 3, px_y(place, point->y), width + 6);
    }
}

static void draw_bars(const struct place *place, const struct plot_panel *panel)
{
    const struct bar_group group = bar_group_of(place, panel);
    unsigned index = 0;
    for (unsigned i = 0; i < panel->series_count; i++) {
        const struct plot_series *series = &panel->series[i];
        for (unsigned j = 0; !series->is_bound && j < series->point_count; j++)
            draw_bar(place, series, &series->points[j], bar_left(place, &group, series->points[j].x, index),
                     group.bar_px);
        index += !series->is_bound;
    }
    for (unsigned i = 0; i < panel->series_count; i++)
        if (panel->series[i].is_bound)
            draw_bar_bound(place, panel, &group, &panel->series[i]);
}

/* ---------------------------------------------------------------- events */

/* Where the label of an event stands. */
struct mark_label {
    enum text_anchor anchor;
    unsigned lane; /* 0: at the top */
};

/*
 * The labels of later events stand below those of earlier ones that reach as far, so that no event's line crosses a
 * label on its way down. Returns how many lanes it takes.
 */
static unsigned lay_labels(const struct plot *plot, const struct plot_panel *panel, double width,
                           struct mark_label labels[PLOT_MARK_COUNT_MAX])
{
    double taken_px[DRAW_LANE_COUNT_MAX];
    unsigned lane_count = 0;
    for (unsigned i = 0; i < panel->mark_count; i++) {
        const struct plot_mark *mark = &panel->marks[i];
        const double at_px = axis_place(&plot->x, mark->begin_x) * width;
        const double label_px = markup_width_px(mark->label, FONT_SMALL_PX) + 6;
        const bool is_left = at_px + label_px > width && at_px >= label_px;
        const double from_px = is_left ? at_px - label_px : at_px - 2;
        unsigned lane = lane_count;
        while (lane > 0 && taken_px[lane - 1] < from_px)
            lane--;
        if (lane == DRAW_LANE_COUNT_MAX)
            lane--; /* rather one upon another than a picture of labels alone */
        labels[i] = (struct mark_label){is_left ? TEXT_END : TEXT_START, lane};
        taken_px[lane] = is_left ? at_px : at_px + label_px;
        lane_count = lane_count > lane + 1 ? lane_count : lane + 1;
    }
    return lane_count;
}

unsigned draw_lane_count(const struct plot *plot, const struct plot_panel *panel, double width)
{
    struct mark_label labels[PLOT_MARK_COUNT_MAX];
    return lay_labels(plot, panel, width, labels);
}

static void draw_marks(const struct place *place, const struct plot_panel *panel)
{
    struct mark_label labels[PLOT_MARK_COUNT_MAX];
    FILE *out = place->canvas->to;
    const struct frame *frame = place->frame;
    const unsigned lane_count = lay_labels(place->plot, panel, frame->width, labels);
    for (unsigned i = 0; i < panel->mark_count; i++) {
        const struct plot_mark *mark = &panel->marks[i];
        const double begin = px_x(place, mark->begin_x);
        const double end = px_x(place, mark->end_x);
        const double label_y = frame->top - (lane_count - labels[i].lane) * DRAW_LANE_PX + FONT_SMALL_PX - 1;
        if (end - begin > 1.5) {
            fprintf(out,
                    "<rect class=\"event\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#000\" "
                    "fill-opacity=\"0.07\"/>\n",
                    begin, frame->top, end - begin, frame->height);
            draw_rule(place->canvas, end, frame->top, end, frame->top + frame->height, "#aaa");
        }
        draw_rule(place->canvas, begin, label_y - FONT_SMALL_PX + 2, begin, frame->top + frame->height, "#666");
        draw_text(place->canvas, labels[i].anchor == TEXT_END ? begin - 4 : begin + 4, label_y, mark->label,
                  &(struct text_style){FONT_SMALL_PX, labels[i].anchor, .has_halo = true, .colour = "#222"});
    }
}

void draw_panel_data(const struct canvas *canvas, const struct plot *plot, const struct plot_panel *panel,
                     const struct frame *frame)
{
    const struct place place = {canvas, plot, frame};
    draw_marks(&place, panel);
    if (plot->kind == PLOT_BARS)
        draw_bars(&place, panel);
    else
        draw_lines(&place, panel);
}
