#include "lab/experiment_settings.h"

#include "core/check.h"
#include "core/command_line.h"
#include "core/units.h"
#include "lab/experiment_events.h"
#include "sim/study.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

enum setting_kind {
    SETTING_UNSIGNED, /* unsigned */
    SETTING_COUNT,    /* uint64_t */
    SETTING_BYTES,    /* size_t */
    SETTING_DURATION, /* uint64_t, in nanoseconds */
    SETTING_RATE,     /* uint64_t, in bytes a second; "none" is 0 */
    SETTING_SWITCH,   /* bool */
    SETTING_CODE,     /* struct code */
    SETTING_TEXT,     /* char[TRIAL_NAME_BYTES] */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset; /* in struct trial */
    uint64_t min;
    uint64_t max;
};

/* A day, and an hour for one message: what is added to a clock must not overflow. */
static const uint64_t RUN_NS_MAX = 86400 * SECOND_NS;
static const uint64_t DELAY_NS_MAX = 10 * SECOND_NS;

#define AT(field) offsetof(struct trial, field)

static const struct setting settings[] = {
    {"cluster.code", SETTING_CODE, AT(code), 0, 0},
    {"cluster.delta", SETTING_UNSIGNED, AT(delta), 0, DELTA_MAX},
    {"cluster.hosts", SETTING_UNSIGNED, AT(host_count), 1, TRIAL_HOST_MAX},
    {"cluster.sync", SETTING_SWITCH, AT(syncs), 0, 0},
    {"cluster.delay", SETTING_DURATION, AT(delay_min_ns), 0, DELAY_NS_MAX},
    {"cluster.delay_max", SETTING_DURATION, AT(delay_max_ns), 0, DELAY_NS_MAX},
    {"cluster.bandwidth", SETTING_RATE, AT(bandwidth_bytes_per_s), 1000, UINT64_C(1) << 40},
    {"cluster.processing", SETTING_DURATION, AT(processing_ns), 0, SECOND_NS},
    {"workload.readers", SETTING_UNSIGNED, AT(reader_count), 0, LOAD_CLIENT_COUNT_MAX},
    {"workload.writers", SETTING_UNSIGNED, AT(writer_count), 0, LOAD_CLIENT_COUNT_MAX},
    {"workload.mixed", SETTING_UNSIGNED, AT(mixed_count), 0, LOAD_CLIENT_COUNT_MAX},
    {"workload.reads", SETTING_UNSIGNED, AT(read_percent), 0, 100},
    {"workload.depth", SETTING_UNSIGNED, AT(depth), 1, LOAD_DEPTH_MAX},
    {"workload.keys", SETTING_COUNT, AT(key_count), 1, 1 << 20},
    {"workload.value", SETTING_BYTES, AT(value_bytes), 1, AREG_VALUE_BYTES_MAX},
    {"workload.dist", SETTING_TEXT, AT(distribution), 0, 0},
    {"workload.rate", SETTING_COUNT, AT(rate_hz), 0, 10000000},
    {"workload.run", SETTING_DURATION, AT(duration_ns), 1000000, RUN_NS_MAX},
    {"workload.ops", SETTING_COUNT, AT(op_count_max), 0, UINT64_C(1) << 40},
    {"scale.study", SETTING_TEXT, AT(scale.study), 0, 0},
    {"scale.hosts", SETTING_UNSIGNED, AT(scale.host_count), 1, SCALE_HOST_MAX},
    {"scale.racks", SETTING_UNSIGNED, AT(scale.rack_count), 0, SCALE_HOST_MAX},
    {"scale.shards", SETTING_UNSIGNED, AT(scale.shard_count), 1, SCALE_SHARD_MAX},
    {"scale.code", SETTING_CODE, AT(scale.code), 0, 0},
    {"scale.placement", SETTING_TEXT, AT(scale.placement), 0, 0},
    {"scale.keys", SETTING_COUNT, AT(scale.key_count), 1, SCALE_KEY_MAX},
    {"scale.value", SETTING_BYTES, AT(scale.value_bytes), 1, AREG_VALUE_BYTES_MAX},
    {"scale.dist", SETTING_TEXT, AT(scale.distribution), 0, 0},
    {"scale.clients", SETTING_COUNT, AT(scale.client_count), 1, SCALE_CLIENT_MAX},
    {"scale.rate", SETTING_COUNT, AT(scale.rate_hz), 1, 10000000},
    {"scale.reads", SETTING_UNSIGNED, AT(scale.read_percent), 0, 100},
    {"scale.run", SETTING_DURATION, AT(scale.duration_ns), 1000000, UINT64_C(3600) * SECOND_NS},
    {"scale.change", SETTING_TEXT, AT(scale.change), 0, 0},
    {"scale.host_bytes", SETTING_BYTES, AT(scale.host_bytes), 1 << 20, UINT64_C(1) << 50},
    {"scale.background", SETTING_RATE, AT(scale.background_bytes_per_s), 1000, UINT64_C(1) << 40},
    {"scale.slow_per_mille", SETTING_UNSIGNED, AT(scale.slow_per_mille), 0, 1000},
    {"scale.slow_factor", SETTING_UNSIGNED, AT(scale.slow_factor), 1, 1000000},
    {"switched_off", SETTING_TEXT, AT(switched_off), 0, 0},
    {"events", SETTING_UNSIGNED, AT(event_count), 0, TRIAL_EVENT_MAX},
};

#define SETTING_COUNT_NOW (sizeof settings / sizeof settings[0])
_Static_assert(SETTING_COUNT_NOW < SETTING_COUNT_MAX, "lists of names end with a NULL");

void settings_defaults(struct trial *trial)
{
    *trial = (struct trial){
        .delta = 8,
        .syncs = true,
        .delay_max_ns = UINT64_MAX, /* as delay */
        .read_percent = 50,
        .depth = 1,
        .key_count = 64,
        .value_bytes = 64 << 10,
        .processing_ns = STUDY_PROCESSING_NS,
        .distribution = "uniform",
        .duration_ns = UINT64_MAX, /* two seconds, unless there are ops */
        .op_count_max = UINT64_MAX,
        .event_count = TRIAL_EVENT_MAX, /* all that there are */
    };
    CHECK(code_parse("rs:5,3", &trial->code) == AREG_OK);
    scale_defaults(&trial->scale);
}

/* ---------------------------------------------------------------- one setting */

static const struct setting *find(const char *name)
{
    for (unsigned i = 0; i < SETTING_COUNT_NOW; i++)
        if (strcmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

bool setting_exists(const char *name)
{
    return find(name) != NULL;
}

const char *const *settings_in(const char *prefix, const char *names[SETTING_COUNT_MAX])
{
    unsigned count = 0;
    for (unsigned i = 0; i < SETTING_COUNT_NOW; i++)
        if (strncmp(settings[i].name, prefix, strlen(prefix)) == 0)
            names[count++] = settings[i].name + strlen(prefix);
    names[count] = NULL;
    return names;
}

static enum areg_error blame(const struct setting *setting, const char *takes, const char *text,
                             char why[SETTING_WHY_BYTES])
{
    snprintf(why, SETTING_WHY_BYTES, "%s is %s, not \"%.64s\"", setting->name, takes, text);
    return AREG_EINVAL;
}

/* "100 MiB/s", or none. */
static enum areg_error parse_rate(const char *text, uint64_t *bytes_per_s)
{
    char amount[SETTING_VALUE_BYTES];
    const size_t text_bytes = strlen(text);
    *bytes_per_s = 0;
    if (strcmp(text, "none") == 0)
        return AREG_OK;
    if (text_bytes < 3 || text_bytes >= sizeof amount || strcmp(text + text_bytes - 2, "/s") != 0)
        return AREG_EINVAL;
    snprintf(amount, sizeof amount, "%.*s", (int)text_bytes - 2, text);
    return units_parse_bytes(amount, bytes_per_s);
}

static enum areg_error parse_number(const struct setting *setting, const char *text, uint64_t *number)
{
    switch (setting->kind) {
    case SETTING_BYTES:
        return units_parse_bytes(text, number);
    case SETTING_DURATION:
        return units_parse_duration(text, number);
    case SETTING_RATE:
        return parse_rate(text, number);
    default:
        return units_parse_count(text, number);
    }
}

/* What its numbers may be, for people. */
static void print_range(const struct setting *setting, char range[SETTING_WHY_BYTES / 2])
{
    char min[UNITS_TEXT_BYTES];
    char max[UNITS_TEXT_BYTES];
    switch (setting->kind) {
    case SETTING_BYTES:
        snprintf(range, SETTING_WHY_BYTES / 2, "a size from %s to %s", units_print_bytes(setting->min, min),
                 units_print_bytes(setting->max, max));
        break;
    case SETTING_DURATION:
        snprintf(range, SETTING_WHY_BYTES / 2, "a time with a unit from %s to %s",
                 setting->min ? units_print_duration(setting->min, min) : "0", units_print_duration(setting->max, max));
        break;
    case SETTING_RATE:
        snprintf(range, SETTING_WHY_BYTES / 2, "a rate like \"100 MiB/s\", or \"none\"");
        break;
    default:
        snprintf(range, SETTING_WHY_BYTES / 2, "a whole number from %" PRIu64 " to %" PRIu64, setting->min,
                 setting->max);
    }
}

static void store_number(const struct setting *setting, struct trial *trial, uint64_t number)
{
    char *at = (char *)trial + setting->offset;
    if (setting->kind == SETTING_UNSIGNED)
        memcpy(at, &(unsigned){(unsigned)number}, sizeof(unsigned));
    else if (setting->kind == SETTING_BYTES)
        memcpy(at, &(size_t){(size_t)number}, sizeof(size_t));
    else
        memcpy(at, &number, sizeof number);
}

static enum areg_error apply_number(const struct setting *setting, struct trial *trial, const char *text,
                                    char why[SETTING_WHY_BYTES])
{
    uint64_t number;
    const bool is_none = setting->kind == SETTING_RATE && strcmp(text, "none") == 0;
    if (parse_number(setting, text, &number) != AREG_OK ||
        (!is_none && (number < setting->min || number > setting->max))) {
        char range[SETTING_WHY_BYTES / 2];
        print_range(setting, range);
        return blame(setting, range, text, why);
    }
    store_number(setting, trial, number);
    return AREG_OK;
}

enum areg_error setting_apply(struct trial *trial, const char *name, const char *text, char why[SETTING_WHY_BYTES])
{
    const struct setting *setting = find(name);
    if (!setting) {
        const char *names[SETTING_COUNT_MAX];
        const char *near = command_line_suggest(name, settings_in("", names));
        snprintf(why, SETTING_WHY_BYTES, "unknown setting \"%.64s\"%s%s%s", name, near ? " (did you mean \"" : "",
                 near ? near : "", near ? "\"?)" : "");
        return AREG_ENOTFOUND;
    }
    char *at = (char *)trial + setting->offset;
    switch (setting->kind) {
    case SETTING_SWITCH:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return blame(setting, "true or false", text, why);
        *(bool *)at = strcmp(text, "true") == 0;
        return AREG_OK;
    case SETTING_CODE: {
        struct code code;
        if (code_parse(text, &code) != AREG_OK)
            return blame(setting, "rs:n,k, repl:n or ldr:d,r", text, why);
        memcpy(at, &code, sizeof code);
        return AREG_OK;
    }
    case SETTING_TEXT:
        if (strlen(text) >= TRIAL_NAME_BYTES)
            return blame(setting, "shorter", text, why);
        snprintf(at, TRIAL_NAME_BYTES, "%s", text);
        return AREG_OK;
    default:
        return apply_number(setting, trial, text, why);
    }
}

/* ---------------------------------------------------------------- all together */

static enum areg_error judge_load(const struct trial *trial, char why[SETTING_WHY_BYTES])
{
    const unsigned client_count = trial->reader_count + trial->writer_count + trial->mixed_count;
    struct key_choice keys;
    if (client_count == 0 || client_count > LOAD_CLIENT_COUNT_MAX) {
        snprintf(why, SETTING_WHY_BYTES, "there are %u readers, writers and mixed clients together; 1 to %d are needed",
                 client_count, LOAD_CLIENT_COUNT_MAX);
        return AREG_EINVAL;
    }
    if (key_choice_parse(trial->distribution, trial->key_count, &keys) != AREG_OK) {
        snprintf(why, SETTING_WHY_BYTES,
                 "workload.dist is uniform, in-turn or zipf:THETA with 0 < THETA < 1, not \"%s\"", trial->distribution);
        return AREG_EINVAL;
    }
    return AREG_OK;
}

static enum areg_error judge_events(const struct trial *trial, char why[SETTING_WHY_BYTES])
{
    const int stranger = events_find_stranger(trial);
    if (stranger >= 0) {
        snprintf(why, SETTING_WHY_BYTES, "event %d is about %s, and there are %u hosts", stranger + 1,
                 trial->events[stranger].host, trial->host_count);
        return AREG_EINVAL;
    }
    for (unsigned i = 0; i < trial->event_count; i++) {
        const struct trial_event *event = &trial->events[i];
        if (i > 0 && event->at_ns < event[-1].at_ns) {
            snprintf(why, SETTING_WHY_BYTES, "event %u comes before the one that stands before it", i + 1);
            return AREG_EINVAL;
        }
        if (event->at_ns >= trial->duration_ns) {
            char at[UNITS_TEXT_BYTES];
            char end[UNITS_TEXT_BYTES];
            snprintf(why, SETTING_WHY_BYTES, "event %u is at %s, and the run is over after %s", i + 1,
                     units_print_duration(event->at_ns, at), units_print_duration(trial->duration_ns, end));
            return AREG_EINVAL;
        }
    }
    return AREG_OK;
}

enum areg_error settings_settle(struct trial *trial, char why[SETTING_WHY_BYTES])
{
    /* Hosts that configurations will need are there from the beginning. */
    const unsigned named_max = events_host_max(trial);
    if (trial->host_count == 0)
        trial->host_count = trial->code.n;
    if (trial->host_count < named_max)
        trial->host_count = named_max;
    if (trial->delay_max_ns == UINT64_MAX)
        trial->delay_max_ns = trial->delay_min_ns;
    if (trial->backend == TRIAL_SIM && trial->delay_max_ns == 0) {
        trial->delay_min_ns = STUDY_DELAY_MIN_NS; /* a simulator without delays would be of no use */
        trial->delay_max_ns = STUDY_DELAY_MAX_NS;
    }
    if (trial->op_count_max == 0)
        trial->op_count_max = UINT64_MAX;
    if (trial->duration_ns == UINT64_MAX && trial->op_count_max == UINT64_MAX)
        trial->duration_ns = 2 * SECOND_NS;
    if (strcmp(trial->switched_off, "none") == 0)
        trial->switched_off[0] = 0;
    if (trial->host_count < trial->code.n) {
        char code[CODE_TEXT_BYTES];
        snprintf(why, SETTING_WHY_BYTES, "%s needs %u hosts, and there are %u", code_print(trial->code, code),
                 trial->code.n, trial->host_count);
        return AREG_EINVAL;
    }
    if (trial->delay_max_ns < trial->delay_min_ns) {
        snprintf(why, SETTING_WHY_BYTES, "cluster.delay_max is below cluster.delay");
        return AREG_EINVAL;
    }
    const enum areg_error error = judge_load(trial, why);
    return error ? error : judge_events(trial, why);
}
