#include "lab/plot.h"

#include <math.h>
#include <stdlib.h>

enum { POINT_COUNT_MAX = 100000 };

enum areg_error plot_create(enum plot_kind kind, struct plot **plot)
{
    *plot = calloc(1, sizeof **plot);
    if (!*plot)
        return AREG_ENOMEM;
    (*plot)->kind = kind;
    return AREG_OK;
}

void plot_destroy(struct plot *plot)
{
    if (!plot)
        return;
    for (unsigned i = 0; i < plot->panel_count; i++)
        for (unsigned j = 0; j < plot->panels[i].series_count; j++)
            free(plot->panels[i].series[j].points);
    free(plot);
}

static enum areg_error append(struct plot_series *series, struct plot_point point)
{
    if ((series->point_count & (series->point_count - 1)) == 0) { /* full: rooms are powers of two */
        const size_t room = series->point_count ? 2 * (size_t)series->point_count : 1;
        struct plot_point *points = realloc(series->points, room * sizeof points[0]);
        if (!points)
            return AREG_ENOMEM;
        series->points = points;
    }
    series->points[series->point_count++] = point;
    return AREG_OK;
}

enum areg_error plot_add_gap(struct plot_series *series)
{
    if (series->point_count == 0 || isnan(series->points[series->point_count - 1].y))
        return AREG_OK;
    const double none = (double)NAN;
    return append(series, (struct plot_point){none, none, none, none});
}

enum areg_error plot_add_point(struct plot *plot, struct plot_series *series, struct plot_point point)
{
    if (!axis_shows(&plot->x, point.x) || !axis_shows(&plot->y, point.y) || series->point_count == POINT_COUNT_MAX)
        return AREG_OK;
    const struct axis *across = plot->kind == PLOT_CDF ? &plot->x : &plot->y;
    if (!axis_shows(across, point.low) || !axis_shows(across, point.high))
        point.low = point.high = (double)NAN;
    if (append(series, point) != AREG_OK)
        return AREG_ENOMEM;
    axis_extend(&plot->x, point.x);
    axis_extend(&plot->y, point.y);
    struct axis *extended = plot->kind == PLOT_CDF ? &plot->x : &plot->y;
    axis_extend(extended, point.low);
    axis_extend(extended, point.high);
    return AREG_OK;
}
