#include "lab/plot_draw.h"

#include "lab/markup.h"

#include <string.h>

/* ---------------------------------------------------------------- looks */

enum marker_shape { CIRCLE, SQUARE, TRIANGLE, DIAMOND, TRIANGLE_DOWN, CROSS, PENTAGON, BAR };

/* Colours that people with any colour vision tell apart, and that differ in brightness as well. */
static const struct look {
    const char *colour;
    const char *dashes; /* never two equal lengths in turn: that is a bound */
    enum marker_shape shape;
    bool is_hollow;
} looks[PLOT_STYLE_COUNT] = {
    {"#0a5fa5", "", CIRCLE, false},
    {"#d55e00", "10 3 2 3", SQUARE, true},
    {"#00845f", "2 2", TRIANGLE, false},
    {"#a03a80", "12 3 2 3 2 3", DIAMOND, true},
    {"#1a1a1a", "18 3", TRIANGLE_DOWN, false},
    {"#c08a00", "6 2 1 2", CROSS, true},
    {"#4aa3df", "14 3 5 3", PENTAGON, false},
    {"#7a7a7a", "1 4", BAR, true},
};

static const struct look *look_of(unsigned style)
{
    return &looks[style % PLOT_STYLE_COUNT];
}

const char *draw_colour(unsigned style)
{
    return style == PLOT_STYLE_ALL ? "#333" : look_of(style)->colour;
}

void draw_stroke(const struct canvas *canvas, unsigned style, bool is_bound)
{
    fprintf(canvas->to, " fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" stroke-linejoin=\"round\"",
            draw_colour(style), is_bound ? "1.3" : "2");
    const char *dashes = is_bound ? "6 4" : look_of(style)->dashes;
    if (*dashes)
        fprintf(canvas->to, " stroke-dasharray=\"%s\"", dashes);
}

/* ---------------------------------------------------------------- markers */

static const char *shape_path(enum marker_shape shape)
{
    switch (shape) {
    case SQUARE:
        return "m-3.8 -3.8h7.6v7.6h-7.6z";
    case TRIANGLE:
        return "m0 -5l4.7 8h-9.4z";
    case DIAMOND:
        return "m0 -5.2l4.6 5.2l-4.6 5.2l-4.6 -5.2z";
    case TRIANGLE_DOWN:
        return "m0 5l4.7 -8h-9.4z";
    case CROSS:
        return "m-4 -4l8 8m0 -8l-8 8";
    case PENTAGON:
        return "m0 -4.8l4.6 3.3l-1.8 5.4h-5.6l-1.8 -5.4z";
    case BAR:
        return "m-4.5 0h9m-4.5 -4.5v9";
    case CIRCLE:
        break;
    }
    return "m-4.2 0a4.2 4.2 0 1 0 8.4 0a4.2 4.2 0 1 0 -8.4 0z";
}

void draw_marker(const struct canvas *canvas, unsigned style, double x, double y, const char *title)
{
    const struct look *look = look_of(style);
    fprintf(canvas->to, "<path class=\"point\" d=\"M%.1f %.1f%s\" fill=\"%s\" stroke=\"%s\" stroke-width=\"%s\">", x, y,
            shape_path(look->shape), look->is_hollow ? "#fff" : look->colour, look->is_hollow ? look->colour : "#fff",
            look->is_hollow ? "1.8" : "0.8");
    if (*title) {
        fputs("<title>", canvas->to);
        markup_text(canvas->to, title);
        fputs("</title>", canvas->to);
    }
    fputs("</path>\n", canvas->to);
}

/* ---------------------------------------------------------------- bars */

/* What is drawn over the ground of a tile of 8 by 8. */
static const struct hatch {
    const char *ground; /* NULL: the series' colour */
    const char *path;   /* in the series' colour */
} hatches[PLOT_STYLE_COUNT] = {
    {NULL, NULL},
    {"#fff", "M-2 2l4 -4M0 8l8 -8M6 10l4 -4"},
    {"#fff", "M0 2h8M0 6h8"},
    {"#fff", "M-2 6l4 4M0 0l8 8M6 -2l4 4M-2 2l4 -4M0 8l8 -8M6 10l4 -4"},
    {"#fff", NULL},
    {"#fff", "M2 0v8M6 0v8"},
    {"#fff", "M-2 6l4 4M0 0l8 8M6 -2l4 4"},
    {"#ddd", "M1 1h1M5 5h1"},
};

void draw_hatch_definitions(const struct canvas *canvas)
{
    fputs("<defs>", canvas->to);
    for (unsigned i = 0; i < PLOT_STYLE_COUNT; i++) {
        fprintf(canvas->to,
                "<pattern id=\"%s-h%u\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                "<rect width=\"8\" height=\"8\" fill=\"%s\"/>",
                canvas->id, i, hatches[i].ground ? hatches[i].ground : looks[i].colour);
        if (hatches[i].path)
            fprintf(canvas->to, "<path d=\"%s\" stroke=\"%s\" stroke-width=\"1.6\"/>", hatches[i].path,
                    looks[i].colour);
        fputs("</pattern>", canvas->to);
    }
    fputs("</defs>\n", canvas->to);
}

void draw_hatch_fill(const struct canvas *canvas, unsigned style)
{
    fprintf(canvas->to, " fill=\"url(#%s-h%u)\" stroke=\"%s\" stroke-width=\"1.2\"", canvas->id,
            style % PLOT_STYLE_COUNT, draw_colour(style));
}

/* ---------------------------------------------------------------- text and rules */

void draw_text(const struct canvas *canvas, double x, double y, const char *text, const struct text_style *style)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(canvas->to, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%g\"", x, y, style->font_px);
    if (style->anchor != TEXT_START)
        fprintf(canvas->to, " text-anchor=\"%s\"", anchors[style->anchor]);
    if (style->turned != 0)
        fprintf(canvas->to, " transform=\"rotate(%g %.1f %.1f)\"", style->turned, x, y);
    if (style->is_bold)
        fputs(" font-weight=\"bold\"", canvas->to);
    if (style->has_halo)
        fputs(" stroke=\"#fff\" stroke-width=\"3\" stroke-linejoin=\"round\" paint-order=\"stroke\"", canvas->to);
    if (style->colour)
        fprintf(canvas->to, " fill=\"%s\"", style->colour);
    fputc('>', canvas->to);
    markup_text(canvas->to, text);
    fputs("</text>\n", canvas->to);
}

/* The next line of a text, at least one word of it: copied, and passed. */
static void take_line(const char **text, double width, double font_px, char line[PLOT_TITLE_BYTES])
{
    size_t bytes = 0;
    for (const char *at = *text; *at;) {
        const size_t word_bytes = strspn(at, " ") + strcspn(at + strspn(at, " "), " ");
        const size_t longer_bytes = (size_t)(at - *text) + word_bytes;
        snprintf(line, PLOT_TITLE_BYTES, "%.*s", (int)longer_bytes, *text);
        if (bytes > 0 && markup_width_px(line, font_px) > width)
            break;
        bytes = longer_bytes;
        at += word_bytes;
    }
    snprintf(line, PLOT_TITLE_BYTES, "%.*s", (int)bytes, *text);
    *text += bytes;
    *text += strspn(*text, " ");
}

enum { WRAPPED_LINE_COUNT_MAX = 3 };

static double line_px(const struct text_style *style)
{
    return 1.3 * style->font_px;
}

unsigned draw_wrapped_count(double width, const char *text, const struct text_style *style)
{
    char line[PLOT_TITLE_BYTES];
    unsigned count = 0;
    for (; *text && count < WRAPPED_LINE_COUNT_MAX; count++)
        take_line(&text, width, style->font_px, line);
    return count;
}

unsigned draw_wrapped(const struct canvas *canvas, double x, double from_y, double width, const char *text,
                      const struct text_style *style)
{
    char line[PLOT_TITLE_BYTES];
    unsigned count = 0;
    for (; *text && count < WRAPPED_LINE_COUNT_MAX; count++) {
        take_line(&text, width, style->font_px, line);
        draw_text(canvas, x, from_y + count * line_px(style), line, style);
    }
    return count;
}

void draw_rule(const struct canvas *canvas, double x1, double y1, double x2, double y2, const char *colour)
{
    fprintf(canvas->to, "<path d=\"M%.1f %.1fL%.1f %.1f\" stroke=\"%s\" fill=\"none\"/>\n", x1, y1, x2, y2, colour);
}
