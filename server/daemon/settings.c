#include "server/daemon/settings.h"

#include "core/check.h"
#include "core/command_line.h"
#include "core/config.h"
#include "core/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum setting_kind {
    KIND_TEXT,
    KIND_PATH,    /* in a file: relative to the file */
    KIND_ADDRESS, /* tcp://HOST:PORT */
    KIND_SEEDS,   /* addresses, with commas between them */
    KIND_SIZE,    /* text with a unit */
    KIND_COUNT,   /* whole number */
    KIND_SWITCH,  /* true or false */
    KIND_CHOICE,  /* one of a few words */
};

/** One line of the table. `refusal` is why this version does not take it, or takes `false` only. */
struct setting_line {
    const char *name;
    enum setting_kind kind;
    const char *fallback;
    const char *choices[5];
    bool reloads;
    const char *refusal;
    const char *flag;
    const char *value_name;
    const char *help;
};

#define NOT_SUPPORTED "is not supported by this version"

static const struct setting_line LINES[SETTING_COUNT] = {
    [SETTING_ID] =
        {.name = "id", .kind = KIND_TEXT, .flag = "id", .value_name = "ID", .help = "this host's id in genesis"},
    [SETTING_LISTEN] = {.name = "listen",
                        .kind = KIND_ADDRESS,
                        .flag = "listen",
                        .value_name = "ADDRESS",
                        .help = "tcp://HOST:PORT to listen on (default: the host's address in genesis)"},
    [SETTING_DATA] = {.name = "data",
                      .kind = KIND_PATH,
                      .flag = "data",
                      .value_name = "DIR",
                      .help = "the directory of the host's data; made if it is not there"},
    [SETTING_GENESIS] = {.name = "genesis",
                         .kind = KIND_PATH,
                         .flag = "genesis",
                         .value_name = "FILE",
                         .help = "the cluster as it was born; the same file on every host"},
    [SETTING_STORAGE_SYNC] = {.name = "storage.sync",
                              .kind = KIND_CHOICE,
                              .fallback = "batch",
                              .choices = {"batch", "none"},
                              .flag = "sync",
                              .value_name = "batch|none",
                              .help = "when data reaches the disk; none: whenever, for experiments (default: batch)"},
    [SETTING_STORAGE_QUOTA] = {.name = "storage.quota",
                               .kind = KIND_SIZE,
                               .fallback = "0",
                               .reloads = true,
                               .flag = "quota",
                               .value_name = "SIZE",
                               .help = "store no more than this; 0: what the disk holds (default: 0)"},
    [SETTING_STORAGE_RESERVE] = {.name = "storage.reserve",
                                 .kind = KIND_SIZE,
                                 .fallback = "256 MiB",
                                 .reloads = true,
                                 .flag = "reserve",
                                 .value_name = "SIZE",
                                 .help = "leave this much of the disk free (default: 256 MiB)"},
    [SETTING_LIMITS_INFLIGHT] = {.name = "limits.inflight", .kind = KIND_COUNT, .fallback = "4096", .reloads = true},
    [SETTING_LOG_LEVEL] = {.name = "log.level",
                           .kind = KIND_CHOICE,
                           .fallback = "info",
                           .choices = {"error", "warn", "info", "debug"},
                           .flag = "log-level",
                           .value_name = "LEVEL",
                           .help = "error, warn, info or debug (default: info)"},
    [SETTING_LOG_FORMAT] = {.name = "log.format",
                            .kind = KIND_CHOICE,
                            .fallback = "text",
                            .choices = {"text", "json"},
                            .flag = "log-format",
                            .value_name = "FORMAT",
                            .help = "text or json (default: text)"},
    [SETTING_SECURITY_CURVE] = {.name = "security.curve",
                                .kind = KIND_SWITCH,
                                .fallback = "false",
                                .refusal = "= true " NOT_SUPPORTED ": connections are neither encrypted nor "
                                           "authenticated"},
    [SETTING_JOIN] = {.name = "join",
                      .kind = KIND_SEEDS,
                      .flag = "join",
                      .value_name = "SEEDS",
                      .help = "for a host that is not in genesis: tcp://HOST:PORT of some that are, with commas"},
    [SETTING_LIMITS_BACKGROUND] = {.name = "limits.background", .kind = KIND_TEXT, .refusal = NOT_SUPPORTED},
    [SETTING_SECURITY_SECRET] = {.name = "security.secret", .kind = KIND_TEXT, .refusal = NOT_SUPPORTED},
    [SETTING_SECURITY_ALLOW] = {.name = "security.allow", .kind = KIND_TEXT, .refusal = NOT_SUPPORTED},
    [SETTING_METRICS_LISTEN] = {.name = "metrics.listen",
                                .kind = KIND_TEXT,
                                .refusal = NOT_SUPPORTED,
                                .flag = "metrics",
                                .value_name = "ADDRESS",
                                .help = "not supported by this version"},
    [SETTING_SCRUB_EVERY] = {.name = "scrub.every", .kind = KIND_TEXT, .refusal = NOT_SUPPORTED},
    [SETTING_SCRUB_RATE] = {.name = "scrub.rate", .kind = KIND_TEXT, .refusal = NOT_SUPPORTED},
};

const char *setting_name(enum setting_id id)
{
    return LINES[id].name;
}

const char *setting_flag(enum setting_id id)
{
    return LINES[id].flag;
}

const char *setting_help(enum setting_id id)
{
    return LINES[id].help;
}

const char *setting_value_name(enum setting_id id)
{
    return LINES[id].value_name;
}

/* ---------------------------------------------------------------- gathering */

/** Both are copied, and what was there before is replaced. */
static enum areg_error set_text(struct setting_text *setting, const char *text, const char *origin)
{
    char *text_copy = strdup(text);
    char *origin_copy = strdup(origin);
    if (!text_copy || !origin_copy) {
        free(text_copy);
        free(origin_copy);
        return AREG_ENOMEM;
    }
    free(setting->text);
    free(setting->origin);
    *setting = (struct setting_text){.text = text_copy, .origin = origin_copy};
    return AREG_OK;
}

static enum areg_error gather_defaults(struct settings *settings)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++)
        if (LINES[i].fallback && set_text(&settings->texts[i], LINES[i].fallback, "default") != AREG_OK)
            return AREG_ENOMEM;
    return AREG_OK;
}

/** "storage.quota" is AREG_STORAGE_QUOTA. */
static void environment_name(enum setting_id id, char *name, size_t room_bytes)
{
    const int bytes = snprintf(name, room_bytes, "AREG_%s", LINES[id].name);
    CHECK(bytes > 0 && (size_t)bytes < room_bytes);
    for (; *name; name++)
        *name = *name == '.' ? '_' : (char)toupper((unsigned char)*name);
}

static enum areg_error gather_environment(struct settings *settings)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        char name[64];
        environment_name((enum setting_id)i, name, sizeof name);
        const char *text = getenv(name);
        if (text && set_text(&settings->texts[i], text, name) != AREG_OK)
            return AREG_ENOMEM;
    }
    return AREG_OK;
}

static enum areg_error gather_flags(struct settings *settings, const struct settings_sources *sources)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        char name[64];
        if (!sources->flags[i])
            continue;
        snprintf(name, sizeof name, "--%s", LINES[i].flag);
        if (set_text(&settings->texts[i], sources->flags[i], name) != AREG_OK)
            return AREG_ENOMEM;
    }
    return AREG_OK;
}

/* ---------------------------------------------------------------- the file */

/** The names that may stand in a group of the file ("" is the file itself), groups among them. */
static void names_of_group(const char *group, const char *names[SETTING_COUNT + 1], char rooms[SETTING_COUNT][32])
{
    unsigned count = 0;
    const size_t group_bytes = strlen(group);
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const char *dot = strchr(LINES[i].name, '.');
        const char *name = dot ? dot + 1 : LINES[i].name;
        if (group_bytes &&
            (!dot || strncmp(LINES[i].name, group, group_bytes) != 0 || dot[0] != LINES[i].name[group_bytes]))
            continue;
        if (group_bytes || !dot)
            snprintf(rooms[i], sizeof rooms[i], "%s", name);
        else
            snprintf(rooms[i], sizeof rooms[i], "%.*s", (int)(dot - LINES[i].name), LINES[i].name);
        names[count++] = rooms[i];
    }
    names[count] = NULL;
}

/** How a value of this kind is written in a file, for a value that is of another type; NULL if it is of the right one.
 */
static const char *wrong_type(const struct setting_line *line, int type)
{
    switch (line->kind) {
    case KIND_COUNT:
        return type == CONFIG_TYPE_INT ? NULL : "must be a whole number";
    case KIND_SWITCH:
        return type == CONFIG_TYPE_BOOL ? NULL : "must be true or false";
    case KIND_SIZE:
        return type == CONFIG_TYPE_STRING ? NULL : "must be a text with a unit, like \"10 GiB\"";
    case KIND_SEEDS:
        return type == CONFIG_TYPE_ARRAY ? NULL : "must be an array of addresses, [ \"tcp://HOST:PORT\" ]";
    case KIND_TEXT:
    case KIND_PATH:
    case KIND_ADDRESS:
    case KIND_CHOICE:
        break;
    }
    return type == CONFIG_TYPE_STRING ? NULL : "must be a text in double quotes";
}

/** An array of texts as one, with commas; for free(); NULL without memory. What is no text is left out. */
static char *list_of(const config_setting_t *setting)
{
    char *list = strdup("");
    for (int i = 0; list && i < config_setting_length(setting); i++) {
        const char *text = config_setting_get_string_elem(setting, i);
        char *longer = NULL;
        if (asprintf(&longer, "%s%s%s", list, list[0] ? "," : "", text ? text : "?") < 0)
            longer = NULL;
        free(list);
        list = longer;
    }
    return list;
}

/** The text of a value from the file, for free(); NULL without memory. */
static char *text_of(const config_setting_t *setting, const struct setting_line *line, const char *path)
{
    char *text = NULL;
    const char *value = config_setting_get_string(setting);
    const char *slash = strrchr(path, '/');
    int rc;
    if (line->kind == KIND_SEEDS)
        return list_of(setting);
    if (line->kind == KIND_COUNT)
        rc = asprintf(&text, "%d", config_setting_get_int(setting));
    else if (line->kind == KIND_SWITCH)
        rc = asprintf(&text, "%s", config_setting_get_bool(setting) ? "true" : "false");
    else if (line->kind == KIND_PATH && slash && value[0] != '/' && value[0])
        rc = asprintf(&text, "%.*s/%s", (int)(slash - path), path, value);
    else
        rc = asprintf(&text, "%s", value);
    return rc < 0 ? NULL : text;
}

static enum areg_error gather_setting(struct settings *settings, const char *path, const config_setting_t *setting,
                                      unsigned id, char why[CONF_WHY_BYTES])
{
    const struct setting_line *line = &LINES[id];
    if (line->refusal && line->kind != KIND_SWITCH)
        return conf_blame(setting, why, "%s %s", line->name, line->refusal);
    const char *problem = wrong_type(line, config_setting_type(setting));
    if (problem)
        return conf_blame(setting, why, "%s %s", line->name, problem);
    char origin[CONF_WHY_BYTES];
    snprintf(origin, sizeof origin, "%s:%u", path, config_setting_source_line(setting));
    char *text = text_of(setting, line, path);
    const enum areg_error error = text ? set_text(&settings->texts[id], text, origin) : AREG_ENOMEM;
    free(text);
    return error;
}

/** All settings of one group of the file; `name` is "" for the file itself. */
static enum areg_error gather_group(struct settings *settings, const char *path, const config_setting_t *group,
                                    const char *name, char why[CONF_WHY_BYTES])
{
    const char *names[SETTING_COUNT + 1];
    char rooms[SETTING_COUNT][32];
    names_of_group(name, names, rooms);
    if (conf_check_names(group, names, why) != AREG_OK)
        return AREG_EINVAL;
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const char *dot = strchr(LINES[i].name, '.');
        const size_t group_bytes = dot ? (size_t)(dot - LINES[i].name) : 0;
        if (group_bytes != strlen(name) || strncmp(LINES[i].name, name, group_bytes) != 0)
            continue;
        const config_setting_t *setting = config_setting_get_member(group, dot ? dot + 1 : LINES[i].name);
        const enum areg_error error = setting ? gather_setting(settings, path, setting, i, why) : AREG_OK;
        if (error != AREG_OK)
            return error;
    }
    return AREG_OK;
}

static enum areg_error gather_file(struct settings *settings, const char *path, char why[CONF_WHY_BYTES])
{
    static const char *const GROUPS[] = {"storage", "limits", "security", "metrics", "log", "scrub"};
    config_t conf;
    if (conf_open(&conf, path, why) != AREG_OK)
        return AREG_EINVAL;
    const config_setting_t *root = config_root_setting(&conf);
    enum areg_error error = gather_group(settings, path, root, "", why);
    for (unsigned i = 0; error == AREG_OK && i < sizeof GROUPS / sizeof GROUPS[0]; i++) {
        const config_setting_t *group = config_setting_get_member(root, GROUPS[i]);
        if (group)
            error = gather_group(settings, path, group, GROUPS[i], why);
    }
    config_destroy(&conf);
    return error;
}

/* ---------------------------------------------------------------- judging */

static enum areg_error blame(const struct settings *settings, enum setting_id id, char why[CONF_WHY_BYTES],
                             const char *problem)
{
    const struct setting_text *setting = &settings->texts[id];
    snprintf(why, CONF_WHY_BYTES, "%.200s: %s %s, not \"%.100s\"", setting->origin, LINES[id].name, problem,
             setting->text);
    return AREG_EINVAL;
}

static enum areg_error judge_choice(const struct settings *settings, enum setting_id id, char why[CONF_WHY_BYTES])
{
    const struct setting_line *line = &LINES[id];
    char problem[128] = "must be";
    for (unsigned i = 0; line->choices[i]; i++) {
        if (strcmp(line->choices[i], settings->texts[id].text) == 0)
            return AREG_OK;
        const size_t used = strlen(problem);
        snprintf(problem + used, sizeof problem - used, "%s %s", i ? " or" : "", line->choices[i]);
    }
    return blame(settings, id, why, problem);
}

static bool seeds_are_valid(const char *text)
{
    for (unsigned count = 1; count <= HOST_COUNT_MAX; count++) {
        char seed[ADDRESS_BYTES_MAX + 1];
        const char *end = text + strcspn(text, ",");
        if ((size_t)(end - text) >= sizeof seed)
            return false;
        snprintf(seed, sizeof seed, "%.*s", (int)(end - text), text);
        if (!address_is_valid(seed))
            return false;
        if (!*end)
            return true;
        text = end + 1;
    }
    return false;
}

/** Whether the text has the form that its kind asks for, and is not refused by this version. */
static enum areg_error judge(const struct settings *settings, enum setting_id id, char why[CONF_WHY_BYTES])
{
    const struct setting_line *line = &LINES[id];
    const struct setting_text *setting = &settings->texts[id];
    uint64_t number;
    if (line->kind == KIND_SWITCH && strcmp(setting->text, "true") != 0 && strcmp(setting->text, "false") != 0)
        return blame(settings, id, why, "must be true or false");
    if (line->refusal && strcmp(setting->text, "false") != 0) {
        snprintf(why, CONF_WHY_BYTES, "%.200s: %s %s", setting->origin, line->name, line->refusal);
        return AREG_EINVAL;
    }
    if (line->kind == KIND_CHOICE)
        return judge_choice(settings, id, why);
    if (line->kind == KIND_SIZE && units_parse_bytes(setting->text, &number) != AREG_OK)
        return blame(settings, id, why, "must be a size with a unit, like \"10 GiB\"");
    if (line->kind == KIND_ADDRESS && !address_is_valid(setting->text))
        return blame(settings, id, why, "has the form tcp://HOST:PORT");
    if (line->kind == KIND_SEEDS && !seeds_are_valid(setting->text))
        return blame(settings, id, why, "has the form tcp://HOST:PORT, with commas between several");
    if ((line->kind == KIND_PATH || line->kind == KIND_TEXT) && !setting->text[0])
        return blame(settings, id, why, "must not be empty");
    return AREG_OK;
}

static enum areg_error judge_required(const struct settings *settings, char why[CONF_WHY_BYTES])
{
    static const enum setting_id REQUIRED[] = {SETTING_ID, SETTING_DATA, SETTING_GENESIS};
    const bool joins = settings->texts[SETTING_JOIN].text;
    if (joins && settings->texts[SETTING_GENESIS].text) {
        snprintf(why, CONF_WHY_BYTES, "%.200s: a host is in genesis, or joins those that are, not both",
                 settings->texts[SETTING_JOIN].origin);
        return AREG_EINVAL;
    }
    if (joins && !settings->texts[SETTING_LISTEN].text) {
        snprintf(why, CONF_WHY_BYTES,
                 "no listen: a host that joins must be told its address, --listen tcp://HOST:PORT");
        return AREG_EINVAL;
    }
    for (unsigned i = 0; i < sizeof REQUIRED / sizeof REQUIRED[0]; i++) {
        const enum setting_id id = REQUIRED[i];
        char name[64];
        environment_name(id, name, sizeof name);
        if (!settings->texts[id].text && !(joins && id == SETTING_GENESIS)) {
            snprintf(why, CONF_WHY_BYTES, "no %s: give --%s %s, %s, or `%s` in the settings file", LINES[id].name,
                     LINES[id].flag, LINES[id].value_name, name, LINES[id].name);
            return AREG_EINVAL;
        }
    }
    return AREG_OK;
}

static int choice_index(const struct settings *settings, enum setting_id id)
{
    for (int i = 0; LINES[id].choices[i]; i++)
        if (strcmp(LINES[id].choices[i], settings->texts[id].text) == 0)
            return i;
    CHECK(!"a choice that was judged");
    return 0;
}

static uint64_t size_of(const struct settings *settings, enum setting_id id)
{
    uint64_t bytes;
    CHECK(units_parse_bytes(settings->texts[id].text, &bytes) == AREG_OK);
    return bytes;
}

/** Turn judged texts into what they mean. */
static enum areg_error understand(struct settings *settings, char why[CONF_WHY_BYTES])
{
    struct host_id host;
    uint64_t inflight;
    settings->id = settings->texts[SETTING_ID].text;
    settings->listen = settings->texts[SETTING_LISTEN].text;
    settings->data = settings->texts[SETTING_DATA].text;
    settings->genesis = settings->texts[SETTING_GENESIS].text;
    settings->join = settings->texts[SETTING_JOIN].text;
    if (!host_id_parse(settings->id, &host))
        return blame(settings, SETTING_ID, why, "has 1 to 32 letters, digits, '-', '_' or '.'");
    if (units_parse_count(settings->texts[SETTING_LIMITS_INFLIGHT].text, &inflight) != AREG_OK || inflight < 1 ||
        inflight > QUEUE_MESSAGE_COUNT_MAX)
        return blame(settings, SETTING_LIMITS_INFLIGHT, why, "must be 1 to 4096");
    settings->inflight_max = (unsigned)inflight;
    settings->sync = choice_index(settings, SETTING_STORAGE_SYNC) == 0;
    settings->quota_bytes = size_of(settings, SETTING_STORAGE_QUOTA);
    settings->reserve_bytes = size_of(settings, SETTING_STORAGE_RESERVE);
    settings->log_level = (enum log_level)choice_index(settings, SETTING_LOG_LEVEL);
    settings->log_format = (enum log_format)choice_index(settings, SETTING_LOG_FORMAT);
    return AREG_OK;
}

static enum areg_error load(struct settings *settings, const struct settings_sources *sources, char why[CONF_WHY_BYTES])
{
    enum areg_error error = gather_defaults(settings);
    if (error == AREG_OK && sources->file)
        error = gather_file(settings, sources->file, why);
    if (error == AREG_OK)
        error = gather_environment(settings);
    if (error == AREG_OK)
        error = gather_flags(settings, sources);
    for (unsigned i = 0; error == AREG_OK && i < SETTING_COUNT; i++)
        if (settings->texts[i].text)
            error = judge(settings, (enum setting_id)i, why);
    if (error == AREG_OK)
        error = judge_required(settings, why);
    if (error == AREG_OK)
        error = understand(settings, why);
    return error;
}

enum areg_error settings_load(struct settings *settings, const struct settings_sources *sources,
                              char why[CONF_WHY_BYTES])
{
    *settings = (struct settings){0};
    snprintf(why, CONF_WHY_BYTES, "out of memory");
    const enum areg_error error = load(settings, sources, why);
    if (error != AREG_OK)
        settings_fini(settings);
    return error;
}

void settings_fini(struct settings *settings)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        free(settings->texts[i].text);
        free(settings->texts[i].origin);
    }
    *settings = (struct settings){0};
}

/* ---------------------------------------------------------------- showing, comparing */

void settings_print(const struct settings *settings, FILE *to)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const struct setting_text *setting = &settings->texts[i];
        const char *text = setting->text ? setting->text : "-";
        if (setting->text || !LINES[i].refusal)
            fprintf(to, "%-18s %-28s %s\n", LINES[i].name, text, setting->origin ? setting->origin : "default");
    }
}

enum setting_id settings_changed(const struct settings *before, const struct settings *after)
{
    for (unsigned i = 0; i < SETTING_COUNT; i++) {
        const char *a = before->texts[i].text;
        const char *b = after->texts[i].text;
        const bool is_same = a && b ? strcmp(a, b) == 0 : a == b;
        if (!is_same && !LINES[i].reloads)
            return (enum setting_id)i;
    }
    return SETTING_COUNT;
}
