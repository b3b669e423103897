/*
 * Which figures an experiment wants: the `plots` of its file.
 *
 *     plots = ( { kind = "lines"; title = "..."; x = "value_bytes"; y = "p50_us"; series = "op,code";
 *                 bound = "bound_latency_us"; op = "read"; log_x = true; log_y = true; }, ... );
 *
 * x, y and bound are columns, series are the columns that tell lines apart (separated by commas); all but `kind` may be
 * left out where it goes without saying. What else varies becomes panels of the same figure. `op` leaves all other
 * operations out.
 */
#ifndef LAB_FIGURE_SPEC_H
#define LAB_FIGURE_SPEC_H

#include "lab/plot.h"
#include "lab/table.h"
#include "server/daemon/conf.h"

enum {
    FIGURE_COUNT_MAX = 24,
    FIGURE_SERIES_COLUMN_MAX = 6,
    FIGURE_COLUMN_BYTES = TABLE_COLUMN_NAME_BYTES_MAX + 1,
    FIGURE_TITLE_BYTES = 160,
    FIGURE_OP_BYTES = 32,
};

struct figure_spec {
    enum plot_kind kind;
    char title[FIGURE_TITLE_BYTES]; /* "": made of what it shows */
    char x[FIGURE_COLUMN_BYTES];
    char y[FIGURE_COLUMN_BYTES];
    char bound[FIGURE_COLUMN_BYTES]; /* "": none */
    char op[FIGURE_OP_BYTES];        /* "": all */
    unsigned series_count;
    char series[FIGURE_SERIES_COLUMN_MAX][FIGURE_COLUMN_BYTES];
    bool is_log_x;
    bool is_log_y; /* of a CDF: of what is not reached yet, so that the tail is seen */
};

struct figure_specs {
    unsigned count;
    struct figure_spec figures[FIGURE_COUNT_MAX];
};

/** The `plots` of an open file; none if it says nothing of them. AREG_EINVAL: `why` is "FILE:LINE: sentence". */
enum areg_error figure_specs_load(const config_setting_t *root, struct figure_specs *specs,
                                  char why[CONF_WHY_BYTES]) MUST_USE;

const char *figure_kind_name(enum plot_kind kind);

#endif
