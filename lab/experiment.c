#include "lab/experiment.h"

#include "core/check.h"
#include "core/command_line.h"
#include "lab/experiment_events.h"
#include "lab/figure_spec.h"
#include "server/daemon/conf.h"
#include "sim/study.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)EXPERIMENT_WHY_BYTES > (int)CONF_WHY_BYTES, "what is wrong with a file fits");
_Static_assert((int)SCALE_WHY_BYTES <= (int)SETTING_WHY_BYTES && (int)SCALE_WORD_BYTES == (int)TRIAL_NAME_BYTES,
               "what is wrong with a larger cluster fits, and so do its words");

static const char *const backend_names[] = {
    [EXPERIMENT_LOCAL] = "local", [EXPERIMENT_SIM] = "sim", [EXPERIMENT_SCALE] = "scale", NULL};

/* The names of bits, lowest first. */
static const char *const check_names[] = {"linearizable", "no-failures", "within-bounds", "uncontended", NULL};
static const char *const bound_names[] = {"rounds", "sent", "received", "storage", "latency", NULL};

const char *experiment_backend_name(enum experiment_backend backend)
{
    return backend_names[backend];
}

/* A file that is being read. */
struct loading {
    const struct experiment_options *options;
    struct experiment *experiment;
    unsigned blamed_line; /* of what points come from */
    char *why;
};

/* ---------------------------------------------------------------- words */

static int find_name(const char *name, const char *const *names)
{
    for (unsigned i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static enum areg_error blame_name(const config_setting_t *setting, const char *what, const char *name,
                                  const char *const *names, char *why)
{
    const char *near = command_line_suggest(name, names);
    char all[SETTING_WHY_BYTES] = "";
    for (unsigned i = 0; names[i]; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", names[i]);
    return conf_blame(setting, why, "unknown %s \"%s\"%s%s%s; there are %s", what, name,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "", all);
}

/* A list of names, as bits. */
static enum areg_error load_bits(const config_setting_t *root, const char *what, const char *const *names,
                                 unsigned *bits, char *why)
{
    const config_setting_t *list = config_setting_get_member(root, what);
    *bits = 0;
    if (list && !config_setting_is_array(list) && !config_setting_is_list(list))
        return conf_blame(list, why, "\"%s\" is an array [ \"%s\" ]", what, names[0]);
    for (int i = 0; list && i < config_setting_length(list); i++) {
        const char *name = config_setting_get_string_elem(list, i);
        if (!name)
            return conf_blame(list, why, "\"%s\" is an array [ \"%s\" ]", what, names[0]);
        const int found = find_name(name, names);
        if (found < 0)
            return blame_name(list, what, name, names, why);
        *bits |= 1u << found;
    }
    return AREG_OK;
}

/* Any scalar as text. */
static enum areg_error load_text(const config_setting_t *setting, char text[SETTING_VALUE_BYTES], char *why)
{
    int bytes = SETTING_VALUE_BYTES;
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_STRING:
        bytes = snprintf(text, SETTING_VALUE_BYTES, "%s", config_setting_get_string(setting));
        break;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        bytes = snprintf(text, SETTING_VALUE_BYTES, "%lld", config_setting_get_int64(setting));
        break;
    case CONFIG_TYPE_BOOL:
        bytes = snprintf(text, SETTING_VALUE_BYTES, "%s", config_setting_get_bool(setting) ? "true" : "false");
        break;
    default:
        return conf_blame(setting, why, "expected a number, true or false, or a text in double quotes");
    }
    return bytes < SETTING_VALUE_BYTES ? AREG_OK : conf_blame(setting, why, "the value is too long");
}

/* ---------------------------------------------------------------- settings */

static enum areg_error load_setting(struct loading *loading, const config_setting_t *setting, const char *prefix)
{
    char name[2 * SETTING_NAME_BYTES];
    char text[SETTING_VALUE_BYTES];
    char setting_why[SETTING_WHY_BYTES];
    enum areg_error error = load_text(setting, text, loading->why);
    if (error)
        return error;
    snprintf(name, sizeof name, "%s%s", prefix, config_setting_name(setting));
    error = setting_apply(&loading->experiment->base, name, text, setting_why);
    return error ? conf_blame(setting, loading->why, "%s", setting_why) : AREG_OK;
}

static enum areg_error load_group(struct loading *loading, const config_setting_t *root, const char *name)
{
    const config_setting_t *group = config_setting_get_member(root, name);
    const char *names[SETTING_COUNT_MAX];
    char prefix[SETTING_NAME_BYTES];
    if (!group)
        return AREG_OK;
    snprintf(prefix, sizeof prefix, "%s.", name);
    if ((loading->experiment->backend == EXPERIMENT_SCALE) != (strcmp(name, "scale") == 0))
        return conf_blame(group, loading->why, "with backend \"%s\" there is nothing to say of \"%s\"",
                          experiment_backend_name(loading->experiment->backend), name);
    enum areg_error error = conf_check_names(group, settings_in(prefix, names), loading->why);
    for (int i = 0; !error && i < config_setting_length(group); i++)
        error = load_setting(loading, config_setting_get_elem(group, (unsigned)i), prefix);
    loading->blamed_line = config_setting_source_line(group);
    return error;
}

static const struct experiment_set *find_set(const struct experiment_options *options, const char *setting)
{
    const struct experiment_set *found = NULL;
    for (unsigned i = 0; i < options->set_count; i++)
        if (strcmp(options->sets[i].setting, setting) == 0)
            found = &options->sets[i];
    return found;
}

static enum areg_error apply_sets(struct loading *loading)
{
    for (unsigned i = 0; i < loading->options->set_count; i++) {
        const struct experiment_set *set = &loading->options->sets[i];
        char setting_why[SETTING_WHY_BYTES];
        if (setting_apply(&loading->experiment->base, set->setting, set->value, setting_why) != AREG_OK) {
            snprintf(loading->why, EXPERIMENT_WHY_BYTES, "--set: %s", setting_why);
            return AREG_EINVAL;
        }
    }
    return AREG_OK;
}

enum areg_error experiment_set_parse(const char *text, struct experiment_set *set, char why[EXPERIMENT_WHY_BYTES])
{
    struct trial trial;
    char setting_why[SETTING_WHY_BYTES];
    const char *sign = strchr(text, '=');
    if (!sign || (size_t)(sign - text) >= sizeof set->setting || strlen(sign + 1) >= sizeof set->value) {
        snprintf(why, EXPERIMENT_WHY_BYTES, "--set takes NAME=VALUE, like workload.keys=10, not \"%.100s\"", text);
        return AREG_EINVAL;
    }
    snprintf(set->setting, sizeof set->setting, "%.*s", (int)(sign - text), text);
    snprintf(set->value, sizeof set->value, "%s", sign + 1);
    settings_defaults(&trial);
    if (setting_apply(&trial, set->setting, set->value, setting_why) == AREG_OK)
        return AREG_OK;
    snprintf(why, EXPERIMENT_WHY_BYTES, "--set: %s", setting_why);
    return AREG_EINVAL;
}

/* ---------------------------------------------------------------- sweeps */

static enum areg_error load_values(struct loading *loading, const config_setting_t *list, struct sweep *sweep)
{
    const int type = config_setting_type(list);
    const int count = config_setting_length(list);
    if ((type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) || count < 1 || count > EXPERIMENT_VALUE_MAX)
        return conf_blame(list, loading->why, "\"%s\" is an array of 1 to %d values", config_setting_name(list),
                          EXPERIMENT_VALUE_MAX);
    sweep->value_count = (unsigned)count;
    for (unsigned i = 0; i < sweep->value_count; i++) {
        struct trial scratch = loading->experiment->base;
        char setting_why[SETTING_WHY_BYTES];
        const enum areg_error error = load_text(config_setting_get_elem(list, i), sweep->values[i], loading->why);
        if (error)
            return error;
        if (setting_apply(&scratch, sweep->setting, sweep->values[i], setting_why) != AREG_OK)
            return conf_blame(list, loading->why, "%s", setting_why);
    }
    return AREG_OK;
}

static enum areg_error load_sweep(struct loading *loading, const config_setting_t *group, struct sweep *sweep)
{
    static const char *const names[] = {"set", "quick", "full", NULL};
    enum areg_error error = conf_check_names(group, names, loading->why);
    if (!error)
        error = conf_get_text(group, (struct conf_text){"set", NULL, sizeof sweep->setting - 1}, sweep->setting,
                              loading->why);
    if (error)
        return error;
    sweep->line = config_setting_source_line(group);
    const char *settings[SETTING_COUNT_MAX];
    if (!setting_exists(sweep->setting))
        return blame_name(config_setting_get_member(group, "set"), "setting", sweep->setting, settings_in("", settings),
                          loading->why);
    if (strcmp(sweep->setting, "scale.study") == 0)
        return conf_blame(group, loading->why, "each study has columns of its own: write a file for each of them");
    const config_setting_t *quick = config_setting_get_member(group, "quick");
    const config_setting_t *full = config_setting_get_member(group, "full");
    if (!quick)
        return conf_blame(group, loading->why, "\"quick\" is missing: the values of %s", sweep->setting);
    /* Both are judged, whichever is wanted. */
    error = load_values(loading, loading->options->is_full || !full ? quick : full, sweep);
    if (!error)
        error = load_values(loading, loading->options->is_full && full ? full : quick, sweep);
    const struct experiment_set *set = find_set(loading->options, sweep->setting);
    if (!error && set) {
        sweep->value_count = 1;
        memcpy(sweep->values[0], set->value, sizeof set->value);
    }
    return error;
}

static enum areg_error load_sweeps(struct loading *loading, const config_setting_t *root)
{
    struct experiment *experiment = loading->experiment;
    const config_setting_t *list = config_setting_get_member(root, "sweep");
    experiment->point_count = 1;
    if (!list)
        return AREG_OK;
    if (config_setting_type(list) != CONFIG_TYPE_LIST || config_setting_length(list) > EXPERIMENT_SWEEP_MAX)
        return conf_blame(list, loading->why, "\"sweep\" is a list ( { ... }, { ... } ) of up to %d sweeps",
                          EXPERIMENT_SWEEP_MAX);
    for (int i = 0; i < config_setting_length(list); i++) {
        struct sweep *sweep = &experiment->sweeps[experiment->sweep_count];
        const config_setting_t *group = config_setting_get_elem(list, (unsigned)i);
        const enum areg_error error = load_sweep(loading, group, sweep);
        if (error)
            return error;
        for (unsigned j = 0; j < experiment->sweep_count; j++)
            if (strcmp(experiment->sweeps[j].setting, sweep->setting) == 0)
                return conf_blame(group, loading->why, "%s is swept twice", sweep->setting);
        experiment->sweep_count++;
        loading->blamed_line = sweep->line;
        experiment->point_count *= sweep->value_count;
        if (experiment->point_count > EXPERIMENT_POINT_MAX)
            return conf_blame(group, loading->why, "these are more than %d points", EXPERIMENT_POINT_MAX);
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- points */

/* What the point sets, over `base`; not settled. */
static void apply_sweeps(const struct experiment *experiment, unsigned point, struct trial *trial)
{
    char setting_why[SETTING_WHY_BYTES];
    CHECK(point < experiment->point_count);
    *trial = experiment->base;
    trial->backend = experiment->backend == EXPERIMENT_LOCAL ? TRIAL_LOCAL : TRIAL_SIM;
    for (unsigned i = experiment->sweep_count; i-- > 0;) {
        const struct sweep *sweep = &experiment->sweeps[i];
        CHECK(setting_apply(trial, sweep->setting, sweep->values[point % sweep->value_count], setting_why) == AREG_OK);
        point /= sweep->value_count;
    }
}

const char *experiment_label(const struct experiment *experiment, unsigned point, char text[EXPERIMENT_LABEL_BYTES])
{
    unsigned period = experiment->point_count;
    text[0] = 0;
    for (unsigned i = 0; i < experiment->sweep_count; i++) {
        const struct sweep *sweep = &experiment->sweeps[i];
        const size_t used = strlen(text);
        period /= sweep->value_count;
        snprintf(text + used, EXPERIMENT_LABEL_BYTES - used, "%s%s = %s", i ? ", " : "", sweep->setting,
                 sweep->values[point / period % sweep->value_count]);
    }
    return text;
}

void experiment_trial(const struct experiment *experiment, unsigned point, struct trial *trial)
{
    char setting_why[SETTING_WHY_BYTES];
    apply_sweeps(experiment, point, trial);
    if (experiment->backend != EXPERIMENT_SCALE)
        CHECK(settings_settle(trial, setting_why) == AREG_OK);
}

/* Whether a point is possible, here. */
static enum areg_error judge_trial(const struct experiment *experiment, struct trial *trial,
                                   char why[SETTING_WHY_BYTES])
{
    if (experiment->backend == EXPERIMENT_SCALE)
        return scale_judge(&trial->scale, why);
    const enum areg_error error = settings_settle(trial, why);
    if (error)
        return error;
    const unsigned client_count = trial->reader_count + trial->writer_count + trial->mixed_count;
    unsigned switched_off;
    why[0] = 0;
    if (trial->event_count > experiment->base.event_count)
        snprintf(why, SETTING_WHY_BYTES, "there are %u events, not %u", experiment->base.event_count,
                 trial->event_count);
    else if (ablation_parse(trial->switched_off, &switched_off) != AREG_OK)
        snprintf(why, SETTING_WHY_BYTES, "there is no optimisation \"%s\" to switch off", trial->switched_off);
    else if (trial->switched_off[0] && experiment->backend != EXPERIMENT_SIM)
        snprintf(why, SETTING_WHY_BYTES, "only the simulator can switch \"%s\" off", trial->switched_off);
    else if (experiment->backend == EXPERIMENT_SIM &&
             (trial->key_count > STUDY_KEY_MAX || client_count > STUDY_CLIENT_MAX))
        snprintf(why, SETTING_WHY_BYTES, "the simulator takes up to %d registers and %d clients", STUDY_KEY_MAX,
                 STUDY_CLIENT_MAX);
    else if ((experiment->checks & CHECK_LINEARIZABLE) && trial->value_bytes < LOAD_STAMP_BYTES)
        snprintf(why, SETTING_WHY_BYTES, "values that are checked must differ: workload.value is at least %d B",
                 LOAD_STAMP_BYTES);
    return why[0] ? AREG_EINVAL : AREG_OK;
}

static enum areg_error judge_points(struct loading *loading)
{
    struct experiment *experiment = loading->experiment;
    for (unsigned point = 0; point < experiment->point_count; point++) {
        struct trial trial;
        char trial_why[SETTING_WHY_BYTES];
        char label[EXPERIMENT_LABEL_BYTES];
        apply_sweeps(experiment, point, &trial);
        if (judge_trial(experiment, &trial, trial_why) == AREG_OK)
            continue;
        experiment_label(experiment, point, label);
        snprintf(loading->why, EXPERIMENT_WHY_BYTES, "%.300s:%u: %s%.250s%s%s", experiment->path, loading->blamed_line,
                 label[0] ? "with " : "", label, label[0] ? ": " : "", trial_why);
        return AREG_EINVAL;
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- files */

static enum areg_error load_words(struct loading *loading, const config_setting_t *root)
{
    struct experiment *experiment = loading->experiment;
    char backend[TRIAL_NAME_BYTES];
    enum areg_error error = conf_get_text(root, (struct conf_text){"title", NULL, EXPERIMENT_TITLE_BYTES - 1},
                                          experiment->title, loading->why);
    if (!error)
        error = conf_get_text(root, (struct conf_text){"question", "", EXPERIMENT_QUESTION_BYTES - 1},
                              experiment->question, loading->why);
    if (!error)
        error = conf_get_text(root, (struct conf_text){"backend", "local", sizeof backend - 1}, backend, loading->why);
    if (error)
        return error;
    const int found = find_name(backend, backend_names);
    if (found < 0)
        return blame_name(config_setting_get_member(root, "backend"), "backend", backend, backend_names, loading->why);
    experiment->backend = (enum experiment_backend)found;
    return AREG_OK;
}

static enum areg_error load_repeats(struct loading *loading, const config_setting_t *root)
{
    unsigned quick;
    unsigned full;
    enum areg_error error =
        conf_get_number(root, (struct conf_number){"repeats", 1, 1, EXPERIMENT_REPEAT_MAX}, &quick, loading->why);
    if (!error)
        error = conf_get_number(root, (struct conf_number){"repeats_full", quick, 1, EXPERIMENT_REPEAT_MAX}, &full,
                                loading->why);
    if (error)
        return error;
    loading->experiment->repeats = loading->options->is_full ? full : quick;
    if (loading->options->repeats)
        loading->experiment->repeats = loading->options->repeats;
    return AREG_OK;
}

/* They are drawn from what the run leaves, its copy of the file included; a mistake is told before it runs. */
static enum areg_error judge_plots(const config_setting_t *root, char *why)
{
    struct figure_specs specs;
    return figure_specs_load(root, &specs, why);
}

static enum areg_error load_root(struct loading *loading, const config_setting_t *root)
{
    static const char *const names[] = {"title",  "question", "backend", "cluster",      "workload",
                                        "scale",  "sweep",    "events",  "repeats",      "repeats_full",
                                        "checks", "bounds",   "plots",   "switched_off", NULL};
    struct experiment *experiment = loading->experiment;
    settings_defaults(&experiment->base);
    enum areg_error error = conf_check_names(root, names, loading->why);
    if (!error)
        error = load_words(loading, root);
    if (!error)
        error = load_group(loading, root, "cluster");
    if (!error)
        error = load_group(loading, root, "workload");
    if (!error)
        error = load_group(loading, root, "scale");
    if (!error && config_setting_get_member(root, "switched_off"))
        error = load_setting(loading, config_setting_get_member(root, "switched_off"), "");
    if (!error)
        error = events_load(root, &experiment->base, loading->why);
    if (!error)
        error = load_repeats(loading, root);
    if (!error)
        error = load_bits(root, "checks", check_names, &experiment->checks, loading->why);
    if (!error)
        error = load_bits(root, "bounds", bound_names, &experiment->bounds, loading->why);
    if (!error)
        error = judge_plots(root, loading->why);
    if (!error)
        error = load_sweeps(loading, root);
    if (!error)
        error = apply_sets(loading);
    return error ? error : judge_points(loading);
}

enum areg_error experiment_load(const char *path, const struct experiment_options *options,
                                struct experiment *experiment, char why[EXPERIMENT_WHY_BYTES])
{
    *experiment = (struct experiment){0};
    char copy[PATH_MAX];
    config_t conf;
    if (snprintf(experiment->path, sizeof experiment->path, "%s", path) >= (int)sizeof experiment->path) {
        snprintf(why, EXPERIMENT_WHY_BYTES, "the path is too long");
        return AREG_EINVAL;
    }
    snprintf(copy, sizeof copy, "%s", path);
    const char *name = basename(copy);
    const char *dot = strrchr(name, '.');
    snprintf(experiment->name, sizeof experiment->name, "%.*s", dot ? (int)(dot - name) : (int)strlen(name), name);
    enum areg_error error = conf_open(&conf, experiment->path, why);
    if (error)
        return error;
    struct loading loading = {.options = options, .experiment = experiment, .blamed_line = 1, .why = why};
    error = load_root(&loading, config_root_setting(&conf));
    config_destroy(&conf);
    return error;
}
