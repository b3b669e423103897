#include "lab/plot_axis.h"

#include "core/check.h"
#include "lab/markup.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Values that are nearer than this share of themselves to each other are one: no labels could tell them apart. */
#define NEAR 1e-6

void axis_init(struct axis *axis, const struct quantity *quantity, enum axis_scale scale)
{
    *axis = (struct axis){.scale = scale, .kind = quantity->kind, .low = (double)NAN, .high = (double)NAN};
    snprintf(axis->label, sizeof axis->label, "%s", quantity->label);
}

bool axis_add_name(struct axis *axis, const char *name)
{
    CHECK(axis->scale == AXIS_NAMES);
    if (axis->tick_count == AXIS_TICK_COUNT_MAX)
        return false;
    struct axis_tick *tick = &axis->ticks[axis->tick_count];
    tick->value = axis->tick_count++;
    snprintf(tick->label, sizeof tick->label, "%s", name);
    return true;
}

bool axis_shows(const struct axis *axis, double value)
{
    const double size_max = 1e100; /* so that no arithmetic on two of them overflows */
    return fabs(value) <= size_max && (axis->scale != AXIS_LOG || value >= 1 / size_max) &&
           (axis->scale != AXIS_TAIL || (value >= 0 && value < 1));
}

void axis_extend(struct axis *axis, double value)
{
    if (!axis_shows(axis, value))
        return;
    if (!(axis->low <= value))
        axis->low = value;
    if (!(axis->high >= value))
        axis->high = value;
}

/* Where a value lies before the ends are taken into account. */
static double scaled(enum axis_scale scale, double value)
{
    if (scale == AXIS_LOG)
        return log10(value);
    return scale == AXIS_TAIL ? -log10(1 - value) : value;
}

double axis_place(const struct axis *axis, double value)
{
    const double low = scaled(axis->scale, axis->low);
    const double high = scaled(axis->scale, axis->high);
    const double place = (scaled(axis->scale, value) - low) / (high - low);
    return place < 0 ? 0 : place > 1 ? 1 : place;
}

/* ---------------------------------------------------------------- ticks */

static void add_tick(struct axis *axis, double value, const char *label)
{
    if (axis->tick_count == AXIS_TICK_COUNT_MAX)
        return;
    struct axis_tick *tick = &axis->ticks[axis->tick_count++];
    tick->value = value;
    snprintf(tick->label, sizeof tick->label, "%s", label);
}

/* The next of 1, 2, 5, 10, 20, 50 ... at or above a number. */
static double round_up_125(double number)
{
    const double decade = pow(10, floor(log10(number) + 1e-9));
    static const double steps[] = {1, 2, 5, 10};
    for (unsigned i = 0; i < 3; i++)
        if (number <= steps[i] * decade * (1 + 1e-9))
            return steps[i] * decade;
    return 10 * decade;
}

static void add_multiples(struct axis *axis, double step)
{
    const double first = ceil(axis->low / step - 1e-9);
    for (unsigned i = 0; i < AXIS_TICK_COUNT_MAX && (first + i) * step <= axis->high + step * 1e-9; i++)
        add_tick(axis, (first + i) * step, "");
}

static void append_unit(struct axis *axis, const char *unit)
{
    const size_t bytes = strlen(axis->label);
    if (*unit)
        snprintf(axis->label + bytes, sizeof axis->label - bytes, " (%s)", unit);
}

/* Numbers of one unit, which stands beside the axis's name. */
static void label_in_unit(struct axis *axis, struct quantity_unit unit)
{
    char text[QUANTITY_TEXT_BYTES];
    for (unsigned i = 0; i < axis->tick_count; i++)
        snprintf(axis->ticks[i].label, AXIS_TICK_BYTES, "%.63s",
                 quantity_print_number(axis->ticks[i].value / unit.in_base, 12, text));
    append_unit(axis, unit.name);
}

static void settle_linear(struct axis *axis, const struct axis_length *length)
{
    if (length->is_vertical || (axis->low >= 0 && axis->low < axis->high / 2))
        axis->low = fmin(axis->low, 0);
    if (axis->high - axis->low <= NEAR * fabs(axis->low))
        axis->high = axis->low + (axis->low != 0 ? fabs(axis->low) : 1);
    if (!length->is_vertical) { /* no marker on the edge */
        const double span = axis->high - axis->low;
        axis->high += 0.02 * span;
        axis->low -= axis->low == 0 ? 0 : 0.02 * span;
    }
    const struct quantity_unit unit = quantity_unit_for(axis->kind, fmax(fabs(axis->low), fabs(axis->high)));
    const double tick_px = length->is_vertical ? 40 : 6 * length->font_px;
    const double step = round_up_125((axis->high - axis->low) / unit.in_base * tick_px / length->px) * unit.in_base;
    if (length->is_vertical) {
        axis->high = ceil(axis->high / step - 1e-9) * step;
        axis->low = floor(axis->low / step + 1e-9) * step;
    }
    add_multiples(axis, step);
    label_in_unit(axis, unit);
}

static void settle_tail(struct axis *axis)
{
    const double decades = fmin(fmax(ceil(-log10(1 - axis->high) - 1e-6), 1), 6);
    axis->low = 0;
    axis->high = 1 - pow(10, -decades);
    add_tick(axis, 0, decades < 4 ? "0" : "");
    add_tick(axis, 0.5, "50 %");
    static const char *const labels[] = {"90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"};
    for (unsigned i = 0; i < decades; i++)
        add_tick(axis, 1 - pow(10, -(double)(i + 1)), labels[i]);
}

/* ---------------------------------------------------------------- logarithmic */

/* A unit that serves all ticks, with at most four digits before the point and two behind it; or none. */
static bool common_unit(const struct axis *axis, struct quantity_unit *unit)
{
    *unit = quantity_unit_for(axis->kind, axis->low);
    return axis->kind == QUANTITY_PLAIN || axis->high / unit->in_base < 10000;
}

static void label_each(struct axis *axis)
{
    struct quantity_unit unit;
    if (common_unit(axis, &unit)) {
        label_in_unit(axis, unit);
        return;
    }
    char text[QUANTITY_TEXT_BYTES];
    for (unsigned i = 0; i < axis->tick_count; i++)
        snprintf(axis->ticks[i].label, AXIS_TICK_BYTES, "%.63s",
                 quantity_print(axis->kind, axis->ticks[i].value, text));
}

/* Whether every `stride`th label has room beside the next one. */
static bool labels_fit(const struct axis *axis, const struct axis_length *length, unsigned stride)
{
    double free_px = -1e9;
    for (unsigned i = 0; i < axis->tick_count; i += stride) {
        const char *label = axis->ticks[i].label;
        const double room_px =
            length->is_vertical ? 1.3 * length->font_px : markup_width_px(label, length->font_px) + 6;
        const double middle_px = axis_place(axis, axis->ticks[i].value) * length->px;
        if (middle_px - room_px / 2 < free_px)
            return false;
        free_px = middle_px + room_px / 2;
    }
    return true;
}

/* Labels that would run into one another go, the ticks stay. */
static void thin_labels(struct axis *axis, const struct axis_length *length)
{
    unsigned stride = 1;
    while (stride < axis->tick_count && !labels_fit(axis, length, stride))
        stride++;
    for (unsigned i = 0; i < axis->tick_count; i++)
        if (i % stride != 0)
            axis->ticks[i].label[0] = 0;
}

static void add_powers_of_two(struct axis *axis, const struct axis_length *length)
{
    const double count = log2(axis->high / axis->low);
    const unsigned step = (unsigned)fmax(1, ceil(count * (length->is_vertical ? 34 : 60) / length->px));
    for (int power = (int)ceil(log2(axis->low) - 1e-9); power <= floor(log2(axis->high) + 1e-9); power++)
        if (power % (int)step == 0)
            add_tick(axis, pow(2, power), "");
}

/* How many labels of 1, 2 and 5 there would be, or of powers of ten alone. */
enum log_steps { STEPS_DECADES, STEPS_125, STEPS_LINEAR };

static enum log_steps steps_for(const struct axis *axis, const struct axis_length *length)
{
    const double decades = log10(axis->high / axis->low);
    const double decade_px = length->px / decades;
    if (decades < 0.5)
        return STEPS_LINEAR;
    return decade_px > (length->is_vertical ? 75 : 180) ? STEPS_125 : STEPS_DECADES;
}

static void add_log_ticks(struct axis *axis, const struct axis_length *length)
{
    const enum log_steps steps = steps_for(axis, length);
    const double unit = quantity_unit_for(axis->kind, axis->low).in_base;
    if (steps == STEPS_LINEAR) {
        const double tick_px = length->is_vertical ? 40 : 6 * length->font_px;
        const double step = round_up_125((axis->high - axis->low) / unit * tick_px / length->px) * unit;
        add_multiples(axis, step);
        return;
    }
    for (double decade = floor(log10(axis->low / unit)); decade <= log10(axis->high / unit); decade++) {
        for (unsigned digit = 1; digit < 10; digit++) {
            const double value = digit * pow(10, decade) * unit;
            const bool is_wanted = digit == 1 || (steps == STEPS_125 && (digit == 2 || digit == 5));
            if (is_wanted && value >= axis->low * (1 - 1e-9) && value <= axis->high * (1 + 1e-9))
                add_tick(axis, value, "");
        }
    }
}

/* Where the decades alone have labels, small ticks tell that they are decades. */
static void add_small_ticks(struct axis *axis, const struct axis_length *length)
{
    const double unit = quantity_unit_for(axis->kind, axis->low).in_base;
    if (axis->kind == QUANTITY_BYTES || axis->kind == QUANTITY_BYTES_PER_S ||
        steps_for(axis, length) != STEPS_DECADES || log10(axis->high / axis->low) > 5)
        return;
    for (double decade = floor(log10(axis->low / unit)); decade <= log10(axis->high / unit); decade++) {
        for (unsigned digit = 2; digit < 10; digit++) {
            const double value = digit * pow(10, decade) * unit;
            if (value >= axis->low && value <= axis->high)
                add_tick(axis, value, "");
        }
    }
}

static void settle_log(struct axis *axis, const struct axis_length *length)
{
    const double span = axis->high > axis->low * (1 + NEAR) ? pow(axis->high / axis->low, 0.05) : 1.5;
    axis->low /= span;
    axis->high *= span;
    if (length->wanted_count > 0 && length->wanted_count <= 12)
        for (unsigned i = 0; i < length->wanted_count; i++)
            add_tick(axis, length->wanted[i], "");
    else if (axis->kind == QUANTITY_BYTES || axis->kind == QUANTITY_BYTES_PER_S)
        add_powers_of_two(axis, length);
    else
        add_log_ticks(axis, length);
    label_each(axis);
    thin_labels(axis, length);
    if (length->wanted_count == 0 || length->wanted_count > 12)
        add_small_ticks(axis, length);
}

void axis_settle(struct axis *axis, const struct axis_length *length)
{
    if (axis->scale == AXIS_NAMES) {
        axis->low = -0.5;
        axis->high = axis->tick_count - 0.5;
        return;
    }
    if (isnan(axis->low)) {
        axis->low = axis->scale == AXIS_LOG ? 1 : 0;
        axis->high = axis->scale == AXIS_LOG ? 10 : 1;
    }
    if (axis->scale == AXIS_LOG)
        settle_log(axis, length);
    else if (axis->scale == AXIS_TAIL)
        settle_tail(axis);
    else
        settle_linear(axis, length);
    CHECK(axis->high > axis->low);
}
