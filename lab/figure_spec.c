#include "lab/figure_spec.h"

#include "core/command_line.h"

#include <string.h>

static const char *const kind_names[] = {
    [PLOT_LINES] = "lines", [PLOT_CDF] = "cdf", [PLOT_TIMELINE] = "timeline", [PLOT_BARS] = "bars", NULL};

/* What x, y and series are if the file does not say. */
static const struct {
    const char *x; /* NULL: it must say */
    const char *y;
    const char *series;
} defaults[] = {
    [PLOT_LINES] = {NULL, "p50_us", "op"},
    [PLOT_CDF] = {"latency_us", "quantile", "op"},
    [PLOT_TIMELINE] = {"time_s", "p99_us", "op"},
    [PLOT_BARS] = {NULL, "p50_us", "op"},
};

const char *figure_kind_name(enum plot_kind kind)
{
    return kind_names[kind];
}

static enum areg_error load_kind(const config_setting_t *group, struct figure_spec *spec, char why[CONF_WHY_BYTES])
{
    char name[FIGURE_COLUMN_BYTES];
    const struct conf_text wanted = {"kind", NULL, sizeof name - 1};
    const enum areg_error error = conf_get_text(group, wanted, name, why);
    if (error)
        return error;
    for (unsigned i = 0; kind_names[i]; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            spec->kind = (enum plot_kind)i;
            return AREG_OK;
        }
    }
    return conf_blame(group, why, "unknown kind of plot \"%s\"; there are lines, cdf, timeline, bars", name);
}

static enum areg_error load_switch(const config_setting_t *group, const char *name, bool *is_on,
                                   char why[CONF_WHY_BYTES])
{
    const config_setting_t *setting = config_setting_get_member(group, name);
    if (!setting)
        return AREG_OK;
    if (config_setting_type(setting) != CONFIG_TYPE_BOOL)
        return conf_blame(setting, why, "\"%s\" is true or false", name);
    *is_on = config_setting_get_bool(setting);
    return AREG_OK;
}

/* "op,code" */
static enum areg_error load_series(const config_setting_t *group, struct figure_spec *spec, char why[CONF_WHY_BYTES])
{
    char text[FIGURE_SERIES_COLUMN_MAX * FIGURE_COLUMN_BYTES];
    const struct conf_text wanted = {"series", defaults[spec->kind].series, sizeof text - 1};
    const enum areg_error error = conf_get_text(group, wanted, text, why);
    if (error)
        return error;
    for (const char *at = text; *at;) {
        at += strspn(at, ", ");
        const size_t bytes = strcspn(at, ", ");
        if (bytes == 0)
            break;
        if (spec->series_count == FIGURE_SERIES_COLUMN_MAX || bytes >= FIGURE_COLUMN_BYTES)
            return conf_blame(config_setting_get_member(group, "series"), why,
                              "\"series\" names at most %d columns, separated by commas", FIGURE_SERIES_COLUMN_MAX);
        snprintf(spec->series[spec->series_count++], FIGURE_COLUMN_BYTES, "%.*s", (int)bytes, at);
        at += bytes;
    }
    return AREG_OK;
}

static enum areg_error load_figure(const config_setting_t *group, struct figure_spec *spec, char why[CONF_WHY_BYTES])
{
    static const char *const names[] = {"kind", "title", "x", "y", "series", "bound", "log_x", "op", "log_y", NULL};
    *spec = (struct figure_spec){0};
    enum areg_error error = conf_check_names(group, names, why);
    if (!error)
        error = load_kind(group, spec, why);
    if (error)
        return error;
    spec->is_log_x = spec->kind == PLOT_CDF;
    const struct {
        struct conf_text wanted;
        char *text;
    } texts[] = {
        {{"title", "", FIGURE_TITLE_BYTES - 1}, spec->title},
        {{"x", defaults[spec->kind].x, FIGURE_COLUMN_BYTES - 1}, spec->x},
        {{"y", defaults[spec->kind].y, FIGURE_COLUMN_BYTES - 1}, spec->y},
        {{"bound", "", FIGURE_COLUMN_BYTES - 1}, spec->bound},
        {{"op", "", FIGURE_OP_BYTES - 1}, spec->op},
    };
    for (unsigned i = 0; !error && i < sizeof texts / sizeof texts[0]; i++)
        error = conf_get_text(group, texts[i].wanted, texts[i].text, why);
    if (!error)
        error = load_switch(group, "log_x", &spec->is_log_x, why);
    if (!error)
        error = load_switch(group, "log_y", &spec->is_log_y, why);
    return error ? error : load_series(group, spec, why);
}

enum areg_error figure_specs_load(const config_setting_t *root, struct figure_specs *specs, char why[CONF_WHY_BYTES])
{
    const config_setting_t *list = config_setting_get_member(root, "plots");
    *specs = (struct figure_specs){0};
    if (!list)
        return AREG_OK;
    if (config_setting_type(list) != CONFIG_TYPE_LIST || config_setting_length(list) > FIGURE_COUNT_MAX)
        return conf_blame(list, why, "\"plots\" is a list ( { kind = \"lines\"; ... }, ... ) of up to %d",
                          FIGURE_COUNT_MAX);
    for (int i = 0; i < config_setting_length(list); i++) {
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        const enum areg_error error = load_figure(group, &specs->figures[specs->count], why);
        if (error)
            return error;
        specs->count++;
    }
    return AREG_OK;
}
