/*
 * The whole picture: title and legend above, panels with their axes, and the note below. The legend stands above all
 * data, in as many rows as it takes, so that it never covers any.
 */
#include "lab/plot_draw.h"

#include "lab/markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGE_WIDTH_PX = 760,
    MARGIN_PX = 12,
    RIGHT_PX = 28,
    LEGEND_ROW_PX = 20,
    SAMPLE_PX = 34, /* of a line, in the legend */
    PANEL_TITLE_PX = 20,
    LEGEND_ITEM_COUNT_MAX = 2 * PLOT_SERIES_COUNT_MAX,
    WANTED_COUNT_MAX = 13,
};

enum name_form { NAMES_STRAIGHT, NAMES_IN_TWO_LINES, NAMES_TURNED };

struct legend_item {
    const char *label;
    unsigned style;
    bool is_bound;
};

struct layout {
    unsigned columns;
    unsigned rows;
    double left;
    double top; /* of the first panel's frame */
    double panel_width;
    double panel_height;
    double gap_x;
    double gap_y;             /* between frames, with the lanes and the title of the lower one */
    double head_px;           /* above each frame: lanes, and the panel's title */
    double ticks_px;          /* below each lowest frame */
    enum name_form name_form; /* of names along the x axis */
    double name_room_px;      /* for each of them */
    double height;
    unsigned item_count;
    struct legend_item items[LEGEND_ITEM_COUNT_MAX];
};

static const struct text_style title_style = {FONT_TITLE_PX, TEXT_START, .is_bold = true};
static const struct text_style note_style = {FONT_SMALL_PX, TEXT_START, .colour = "#555"};

/* ---------------------------------------------------------------- legend */

static struct legend_item *find_item(struct layout *layout, const struct plot_series *series)
{
    for (unsigned i = 0; i < layout->item_count; i++) {
        struct legend_item *item = &layout->items[i];
        /* All bounds together are one item. */
        if (item->is_bound == series->is_bound && (item->is_bound || strcmp(item->label, series->label) == 0))
            return item;
    }
    return NULL;
}

static void collect_item(const struct plot *plot, struct layout *layout, const struct plot_series *series)
{
    if (!series->label[0] || series->point_count == 0)
        return;
    struct legend_item *item = find_item(layout, series);
    if (item && item->is_bound && strcmp(item->label, series->label) != 0) {
        item->label = plot->kind == PLOT_BARS ? "bound" : "bounds, each with its series' looks";
        item->style = PLOT_STYLE_ALL;
    } else if (!item && layout->item_count < LEGEND_ITEM_COUNT_MAX) {
        layout->items[layout->item_count++] = (struct legend_item){series->label, series->style, series->is_bound};
    }
}

static void collect_items(const struct plot *plot, struct layout *layout)
{
    for (unsigned pass = 0; pass < 2; pass++) /* bounds behind all that is measured */
        for (unsigned i = 0; i < plot->panel_count; i++)
            for (unsigned j = 0; j < plot->panels[i].series_count; j++)
                if (plot->panels[i].series[j].is_bound == (pass == 1))
                    collect_item(plot, layout, &plot->panels[i].series[j]);
}

static void draw_item(const struct canvas *canvas, const struct plot *plot, const struct legend_item *item, double x,
                      double y)
{
    const double middle = y - FONT_PX * 0.35;
    if (plot->kind == PLOT_BARS && !item->is_bound) {
        fprintf(canvas->to, "<rect x=\"%.1f\" y=\"%.1f\" width=\"26\" height=\"12\"", x + 4, middle - 6);
        draw_hatch_fill(canvas, item->style);
        fputs("/>\n", canvas->to);
    } else {
        fputs("<path", canvas->to);
        draw_stroke(canvas, plot->kind == PLOT_BARS ? PLOT_STYLE_ALL : item->style, item->is_bound);
        fprintf(canvas->to, " d=\"M%.1f %.1fh%d\"/>\n", x, middle, SAMPLE_PX);
        if (plot->kind == PLOT_LINES && !item->is_bound)
            draw_marker(canvas, item->style, x + SAMPLE_PX / 2.0, middle, "");
    }
    draw_text(canvas, x + SAMPLE_PX + 6, y, item->label,
              &(struct text_style){.font_px = FONT_PX, .anchor = TEXT_START});
}

/* Draw the legend, or only lay it out if there is no canvas; returns how many rows it takes. */
static unsigned draw_legend(const struct canvas *canvas, const struct plot *plot, const struct layout *layout,
                            double first_y)
{
    double x = layout->left;
    unsigned row = 0;
    for (unsigned i = 0; i < layout->item_count; i++) {
        const double item_px = SAMPLE_PX + 6 + markup_width_px(layout->items[i].label, FONT_PX);
        if (x + item_px > PAGE_WIDTH_PX - MARGIN_PX && x > layout->left) {
            x = layout->left;
            row++;
        }
        if (canvas)
            draw_item(canvas, plot, &layout->items[i], x, first_y + row * LEGEND_ROW_PX);
        x += item_px + 18;
    }
    return layout->item_count ? row + 1 : 0;
}

/* ---------------------------------------------------------------- layout */

static unsigned column_count(const struct plot *plot)
{
    if (plot->kind == PLOT_TIMELINE || plot->panel_count < 2)
        return 1;
    return plot->panel_count == 2 || plot->panel_count == 4 ? 2 : 3;
}

static int compare_numbers(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The different x of all points, if they are few. */
static unsigned collect_x(const struct plot *plot, double wanted[WANTED_COUNT_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < plot->panel_count; i++) {
        for (unsigned j = 0; j < plot->panels[i].series_count; j++) {
            const struct plot_series *series = &plot->panels[i].series[j];
            for (unsigned k = 0; k < series->point_count && count < WANTED_COUNT_MAX; k++) {
                unsigned known = 0;
                while (known < count && wanted[known] != series->points[k].x)
                    known++;
                wanted[known] = series->points[k].x;
                count += known == count;
            }
        }
    }
    qsort(wanted, count, sizeof wanted[0], compare_numbers);
    return count;
}

static double widest_label_px(const struct axis *axis)
{
    double widest = 0;
    for (unsigned i = 0; i < axis->tick_count; i++)
        widest = fmax(widest, markup_width_px(axis->ticks[i].label, FONT_PX));
    return widest;
}

/*
 * A name's first line, up to the space or dash that is nearest to its middle unless it has room as it is; returns where
 * the second one begins.
 */
static const char *split_name(const char *name, double room_px, char first[AXIS_TICK_BYTES])
{
    const size_t bytes = strlen(name);
    size_t best = bytes;
    for (size_t i = 1; i < bytes; i++) {
        const bool is_break = name[i - 1] == ' ' || name[i - 1] == '-';
        const size_t off = i * 2 > bytes ? i * 2 - bytes : bytes - i * 2;
        const size_t best_off = best * 2 > bytes ? best * 2 - bytes : bytes - best * 2;
        if (is_break && off < best_off)
            best = i;
    }
    if (markup_width_px(name, FONT_PX) <= room_px)
        best = bytes;
    snprintf(first, AXIS_TICK_BYTES, "%.*s", (int)best, name);
    return name + best;
}

static double widest_half_px(const struct axis *axis, double room_px)
{
    double widest = 0;
    for (unsigned i = 0; i < axis->tick_count; i++) {
        char first[AXIS_TICK_BYTES];
        const char *second = split_name(axis->ticks[i].label, room_px, first);
        widest = fmax(widest, fmax(markup_width_px(first, FONT_PX), markup_width_px(second, FONT_PX)));
    }
    return widest;
}

static void lay_x_axis(struct plot *plot, struct layout *layout)
{
    double wanted[WANTED_COUNT_MAX];
    struct axis_length length = {layout->panel_width, FONT_PX, false, wanted, 0};
    if (plot->kind == PLOT_LINES)
        length.wanted_count = collect_x(plot, wanted);
    axis_settle(&plot->x, &length);
    layout->ticks_px = 8 + FONT_PX;
    if (plot->x.scale != AXIS_NAMES)
        return;
    const double room_px = layout->panel_width / plot->x.tick_count - 4;
    const double widest_px = widest_label_px(&plot->x);
    if (widest_px <= room_px)
        return;
    layout->name_room_px = room_px;
    layout->name_form = widest_half_px(&plot->x, room_px) <= room_px ? NAMES_IN_TWO_LINES : NAMES_TURNED;
    layout->ticks_px = layout->name_form == NAMES_TURNED ? 14 + fmin(widest_px, 190) * 0.5 : 8 + 2.2 * FONT_PX;
}

static void lay_out(struct plot *plot, struct layout *layout)
{
    *layout = (struct layout){.columns = column_count(plot)};
    layout->rows = (plot->panel_count + layout->columns - 1) / layout->columns;
    layout->panel_height = layout->rows == 1 ? (layout->columns == 1 ? 300 : 240) : 180;
    axis_settle(&plot->y, &(struct axis_length){layout->panel_height, FONT_PX, true, NULL, 0});
    layout->left = MARGIN_PX + FONT_PX + 10 + widest_label_px(&plot->y) + 8;
    layout->gap_x = 30;
    layout->panel_width =
        (PAGE_WIDTH_PX - layout->left - RIGHT_PX - (layout->columns - 1) * layout->gap_x) / layout->columns;
    lay_x_axis(plot, layout);
    collect_items(plot, layout);
    unsigned lane_count = 0;
    bool has_titles = false;
    for (unsigned i = 0; i < plot->panel_count; i++) {
        const unsigned count = draw_lane_count(plot, &plot->panels[i], layout->panel_width);
        lane_count = count > lane_count ? count : lane_count;
        has_titles |= plot->panels[i].title[0] != 0;
    }
    layout->head_px = lane_count * DRAW_LANE_PX + (has_titles ? PANEL_TITLE_PX : 0);
    layout->gap_y = layout->head_px + (plot->kind == PLOT_TIMELINE ? 14 : 12);
    const double text_width = PAGE_WIDTH_PX - 2 * MARGIN_PX;
    layout->top = 8 + draw_wrapped_count(text_width, plot->title, &title_style) * 1.3 * FONT_TITLE_PX +
                  draw_legend(NULL, plot, layout, 0) * LEGEND_ROW_PX + 10 + layout->head_px;
    layout->height = layout->top + layout->rows * layout->panel_height + (layout->rows - 1) * layout->gap_y +
                     layout->ticks_px + FONT_PX + 16 +
                     draw_wrapped_count(text_width, plot->note, &note_style) * 1.3 * FONT_SMALL_PX + 6;
}

/* ---------------------------------------------------------------- panels */

static void draw_x_label(const struct canvas *canvas, const struct layout *layout, const char *label, double x,
                         double y)
{
    const struct text_style straight = {.font_px = FONT_PX, .anchor = TEXT_MIDDLE};
    const struct text_style turned = {.font_px = FONT_PX, .anchor = TEXT_END, .turned = -30};
    char first[AXIS_TICK_BYTES];
    switch (layout->name_form) {
    case NAMES_STRAIGHT:
        draw_text(canvas, x, y + 7, label, &straight);
        break;
    case NAMES_IN_TWO_LINES:
        draw_text(canvas, x, y + 7 + 1.2 * FONT_PX, split_name(label, layout->name_room_px, first), &straight);
        draw_text(canvas, x, y + 7, first, &straight);
        break;
    case NAMES_TURNED:
        draw_text(canvas, x + 4, y + 2, label, &turned);
        break;
    }
}

static void draw_x_ticks(const struct canvas *canvas, const struct plot *plot, const struct layout *layout,
                         const struct frame *frame)
{
    const double bottom = frame->top + frame->height;
    for (unsigned i = 0; i < plot->x.tick_count; i++) {
        const struct axis_tick *tick = &plot->x.ticks[i];
        const double x = frame->left + axis_place(&plot->x, tick->value) * frame->width;
        if (plot->x.scale != AXIS_NAMES)
            draw_rule(canvas, x, bottom, x, bottom + (tick->label[0] ? 5 : 3), "#444");
        if (!tick->label[0])
            continue;
        draw_x_label(canvas, layout, tick->label, x, bottom + FONT_PX);
    }
}

static void draw_grid(const struct canvas *canvas, const struct plot *plot, const struct frame *frame,
                      bool has_y_labels)
{
    for (unsigned i = 0; i < plot->y.tick_count; i++) {
        const struct axis_tick *tick = &plot->y.ticks[i];
        const double y = frame->top + (1 - axis_place(&plot->y, tick->value)) * frame->height;
        if (tick->label[0])
            draw_rule(canvas, frame->left, y, frame->left + frame->width, y, "#e2e2e2");
        draw_rule(canvas, frame->left - (tick->label[0] ? 5 : 3), y, frame->left, y, "#444");
        if (has_y_labels && tick->label[0])
            draw_text(canvas, frame->left - 8, y + FONT_PX * 0.36, tick->label,
                      &(struct text_style){.font_px = FONT_PX, .anchor = TEXT_END});
    }
    if (plot->x.scale == AXIS_NAMES)
        return;
    for (unsigned i = 0; i < plot->x.tick_count; i++) {
        const double x = frame->left + axis_place(&plot->x, plot->x.ticks[i].value) * frame->width;
        if (plot->x.ticks[i].label[0])
            draw_rule(canvas, x, frame->top, x, frame->top + frame->height, "#eeeeee");
    }
}

static void draw_panel(const struct canvas *canvas, const struct plot *plot, const struct layout *layout,
                       unsigned index)
{
    const struct frame frame = {
        .left = layout->left + (index % layout->columns) * (layout->panel_width + layout->gap_x),
        .top = layout->top + (index / layout->columns) * (layout->panel_height + layout->gap_y),
        .width = layout->panel_width,
        .height = layout->panel_height,
    };
    const struct plot_panel *panel = &plot->panels[index];
    fprintf(canvas->to,
            "<g class=\"panel\"><rect class=\"area\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
            "fill=\"#fff\"/>\n",
            frame.left, frame.top, frame.width, frame.height);
    if (panel->title[0])
        draw_text(canvas, frame.left, frame.top - layout->head_px + FONT_PX, panel->title,
                  &(struct text_style){FONT_PX, TEXT_START, .is_bold = true});
    draw_grid(canvas, plot, &frame, index % layout->columns == 0);
    draw_panel_data(canvas, plot, panel, &frame);
    draw_rule(canvas, frame.left, frame.top, frame.left, frame.top + frame.height, "#444");
    draw_rule(canvas, frame.left, frame.top + frame.height, frame.left + frame.width, frame.top + frame.height, "#444");
    if (index + layout->columns >= plot->panel_count) /* the lowest of its column */
        draw_x_ticks(canvas, plot, layout, &frame);
    fputs("</g>\n", canvas->to);
}

void plot_write(struct plot *plot, const char *id, FILE *to)
{
    const struct canvas canvas = {to, id};
    struct layout layout;
    lay_out(plot, &layout);
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" "
            "role=\"img\" font-family=\"sans-serif\" fill=\"#111\" aria-label=\"",
            PAGE_WIDTH_PX, layout.height, PAGE_WIDTH_PX, layout.height);
    markup_text(to, plot->title);
    fprintf(to, "\">\n<rect width=\"%d\" height=\"%.0f\" fill=\"#fff\"/>\n", PAGE_WIDTH_PX, layout.height);
    if (plot->kind == PLOT_BARS)
        draw_hatch_definitions(&canvas);
    const double text_width = PAGE_WIDTH_PX - 2 * MARGIN_PX;
    const double title_px = draw_wrapped(&canvas, MARGIN_PX, 8 + FONT_TITLE_PX, text_width, plot->title, &title_style) *
                            1.3 * FONT_TITLE_PX;
    draw_legend(&canvas, plot, &layout, 8 + title_px + 6 + FONT_PX);
    for (unsigned i = 0; i < plot->panel_count; i++)
        draw_panel(&canvas, plot, &layout, i);
    const double panels_bottom = layout.top + layout.rows * layout.panel_height + (layout.rows - 1) * layout.gap_y;
    const double label_y = panels_bottom + layout.ticks_px + FONT_PX + 6;
    draw_text(&canvas, (layout.left + PAGE_WIDTH_PX - RIGHT_PX) / 2, label_y, plot->x.label,
              &(struct text_style){.font_px = FONT_PX, .anchor = TEXT_MIDDLE});
    draw_text(&canvas, MARGIN_PX + FONT_PX * 0.8, (layout.top + panels_bottom) / 2, plot->y.label,
              &(struct text_style){FONT_PX, TEXT_MIDDLE, .turned = -90});
    draw_wrapped(&canvas, MARGIN_PX, label_y + 10 + FONT_SMALL_PX, text_width, plot->note, &note_style);
    fputs("</svg>\n", to);
}
