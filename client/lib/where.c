#include "client/lib/where.h"

#include "core/command_line.h"
#include "core/config.h"
#include "core/units.h"

#include <ctype.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

/* A client settings file has two settings, one of which may list 256 addresses. */
enum { SETTINGS_BYTES_MAX = 64 << 10 };

/* Append one seed; what is wrong with it is a sentence without a place. */
static enum areg_error add_seed(struct where *where, const char *text, size_t text_bytes, char why[WHERE_WHY_BYTES])
{
    const int shown_bytes = text_bytes < ADDRESS_BYTES_MAX ? (int)text_bytes : ADDRESS_BYTES_MAX;
    if (where->seed_count == HOST_COUNT_MAX) {
        snprintf(why, WHERE_WHY_BYTES, "more than %d seeds", HOST_COUNT_MAX);
        return AREG_EINVAL;
    }
    char *seed = where->seeds[where->seed_count];
    snprintf(seed, sizeof where->seeds[0], "%.*s", shown_bytes, text);
    if (text_bytes > ADDRESS_BYTES_MAX || !address_is_valid(seed)) {
        snprintf(why, WHERE_WHY_BYTES, "a seed has the form tcp://HOST:PORT, unlike \"%s\"", seed);
        return AREG_EINVAL;
    }
    for (unsigned i = 0; i < where->seed_count; i++)
        if (strcmp(where->seeds[i], seed) == 0)
            return AREG_OK; /* said twice, meant once */
    where->seed_count++;
    return AREG_OK;
}

static enum areg_error parse_seeds(const char *text, struct where *where, char why[WHERE_WHY_BYTES])
{
    for (const char *end = text; *end; text = end + (*end == ',')) {
        while (isspace((unsigned char)*text))
            text++;
        end = text + strcspn(text, ",");
        size_t bytes = (size_t)(end - text);
        while (bytes > 0 && isspace((unsigned char)text[bytes - 1]))
            bytes--;
        const enum areg_error error = add_seed(where, text, bytes, why);
        if (error)
            return error;
    }
    return AREG_OK;
}

/* A sentence about one setting, with the place where it stands. */
static enum areg_error bad_setting(const char *path, const config_setting_t *setting, const char *problem,
                                   char why[WHERE_WHY_BYTES])
{
    const char *name = config_setting_name(setting);
    snprintf(why, WHERE_WHY_BYTES, "%.100s:%u: %s%s%.140s", path, config_setting_source_line(setting), name ? name : "",
             name ? ": " : "", problem);
    return AREG_EINVAL;
}

static enum areg_error read_seeds(const char *path, const config_setting_t *setting, struct where *where,
                                  char why[WHERE_WHY_BYTES])
{
    if (!config_setting_is_array(setting))
        return bad_setting(path, setting, "must be an array of addresses, [ \"tcp://HOST:PORT\" ]", why);
    for (int i = 0; i < config_setting_length(setting); i++) {
        const char *text = config_setting_get_string_elem(setting, i);
        if (!text)
            return bad_setting(path, setting, "must be an array of addresses, [ \"tcp://HOST:PORT\" ]", why);
        char problem[WHERE_WHY_BYTES];
        if (add_seed(where, text, strlen(text), problem) != AREG_OK)
            return bad_setting(path, setting, problem, why);
    }
    return AREG_OK;
}

static enum areg_error read_timeout(const char *path, const config_setting_t *setting, struct where *where,
                                    char why[WHERE_WHY_BYTES])
{
    const uint64_t ms_ns = 1000000;
    const char *text = config_setting_get_string(setting);
    uint64_t duration_ns;
    if (!text || units_parse_duration(text, &duration_ns) != AREG_OK)
        return bad_setting(path, setting, "must be a duration in quotes, like \"5 s\"", why);
    if (duration_ns < ms_ns || duration_ns / ms_ns >= AREG_FOREVER)
        return bad_setting(path, setting, "must be between 1 ms and 49 days", why);
    where->timeout_ms = (uint32_t)(duration_ns / ms_ns);
    return AREG_OK;
}

static enum areg_error read_settings(const char *path, const config_t *config, struct where *where,
                                     char why[WHERE_WHY_BYTES])
{
    static const char *const names[] = {"seeds", "timeout", NULL};
    const config_setting_t *root = config_root_setting(config);
    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *setting = config_setting_get_elem(root, (unsigned)i);
        const char *name = config_setting_name(setting);
        enum areg_error error;
        if (strcmp(name, "seeds") == 0) {
            error = read_seeds(path, setting, where, why);
        } else if (strcmp(name, "timeout") == 0) {
            error = read_timeout(path, setting, where, why);
        } else {
            const char *near = command_line_suggest(name, names);
            char problem[64];
            snprintf(problem, sizeof problem, near ? "unknown setting (did you mean %s?)" : "unknown setting", near);
            error = bad_setting(path, setting, problem, why);
        }
        if (error)
            return error;
    }
    if (where->seed_count > 0)
        return AREG_OK;
    snprintf(why, WHERE_WHY_BYTES, "%s: seeds = [ \"tcp://HOST:PORT\" ] is missing", path);
    return AREG_EINVAL;
}

/* All of a file as text. libconfig's scanner ends the process when it can not read, so it gets to read memory only. */
static enum areg_error read_file(const char *path, char text[SETTINGS_BYTES_MAX + 1], char why[WHERE_WHY_BYTES])
{
    FILE *file = fopen(path, "re");
    const size_t bytes = file ? fread(text, 1, SETTINGS_BYTES_MAX + 1, file) : 0;
    enum areg_error error = AREG_EINVAL;
    if (!file || ferror(file)) {
        snprintf(why, WHERE_WHY_BYTES, "%s: %s (seeds would have the form tcp://HOST:PORT)", path, strerror(errno));
    } else if (bytes > SETTINGS_BYTES_MAX || memchr(text, 0, bytes)) {
        snprintf(why, WHERE_WHY_BYTES, "%s: this is no settings file", path);
    } else {
        text[bytes] = 0;
        error = AREG_OK;
    }
    if (file)
        fclose(file);
    return error;
}

static enum areg_error parse_file(const char *path, struct where *where, char why[WHERE_WHY_BYTES])
{
    char text[SETTINGS_BYTES_MAX + 1];
    enum areg_error error = read_file(path, text, why);
    if (error)
        return error;
    config_t config;
    config_init(&config);
    if (config_read_string(&config, text) == CONFIG_TRUE) {
        error = read_settings(path, &config, where, why);
    } else {
        snprintf(why, WHERE_WHY_BYTES, "%s:%d: %s", path, config_error_line(&config), config_error_text(&config));
        error = AREG_EINVAL;
    }
    config_destroy(&config);
    return error;
}

enum areg_error where_parse(const char *text, struct where *where, char why[WHERE_WHY_BYTES])
{
    where->seed_count = 0;
    where->timeout_ms = 0;
    why[0] = 0;
    if (!text || !*text) {
        snprintf(why, WHERE_WHY_BYTES, "no seeds and no settings file were given");
        return AREG_EINVAL;
    }
    return strstr(text, "://") ? parse_seeds(text, where, why) : parse_file(text, where, why);
}
