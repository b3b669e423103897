#include "server/daemon/conf.h"

#include "core/command_line.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The largest genesis (256 hosts, 64 pools of 32 members) takes a tenth of it. */
enum { CONF_BYTES_MAX = 1 << 20 };

/* ---------------------------------------------------------------- blame */

enum areg_error conf_blame(const config_setting_t *setting, char why[CONF_WHY_BYTES], const char *format, ...)
{
    const char *path = config_setting_get_hook(config_root_setting(setting->config));
    int used = snprintf(why, CONF_WHY_BYTES, "%s:%u: ", path, config_setting_source_line(setting));
    if (used > CONF_WHY_BYTES - 1)
        used = CONF_WHY_BYTES - 1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why + used, (size_t)(CONF_WHY_BYTES - used), format, arguments);
    va_end(arguments);
    return AREG_EINVAL;
}

static enum areg_error blame_line(const char *path, unsigned line, char why[CONF_WHY_BYTES], const char *sentence)
{
    snprintf(why, CONF_WHY_BYTES, "%s:%u: %s", path, line, sentence);
    return AREG_EINVAL;
}

/* ---------------------------------------------------------------- opening */

/** The whole file as a string for free(); NULL with errno. */
static char *read_file(const char *path)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *text = NULL;
    errno = EINVAL;
    if (fstat(fileno(file), &status) == 0 && S_ISDIR(status.st_mode))
        errno = EISDIR;
    else if ((text = malloc(CONF_BYTES_MAX + 1))) {
        const size_t bytes = fread(text, 1, CONF_BYTES_MAX + 1, file);
        text[bytes <= CONF_BYTES_MAX ? bytes : 0] = 0;
        const bool is_bad = bytes > CONF_BYTES_MAX || ferror(file) || memchr(text, 0, bytes);
        if (is_bad) {
            free(text);
            text = NULL;
            errno = bytes > CONF_BYTES_MAX ? EFBIG : EINVAL;
        }
    }
    const int cause = errno;
    fclose(file);
    errno = cause;
    return text;
}

/** What follows the comment or the string that begins here; `at` itself if none does. */
static const char *skip_opaque(const char *at)
{
    if (*at == '#' || strncmp(at, "//", 2) == 0)
        return at + strcspn(at, "\n");
    if (strncmp(at, "/*", 2) == 0) {
        const char *end = strstr(at + 2, "*/");
        return end ? end + 2 : at + strlen(at);
    }
    if (*at != '"')
        return at;
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : at;
}

/** What libconfig would read as something else, or where it would read on elsewhere; NULL if there is nothing. */
static const char *find_trap(const char *at)
{
    if (strncmp(at, "@include", strlen("@include")) == 0)
        return "a file can not include another one";
    if (!isdigit((unsigned char)*at))
        return NULL;
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(at, &end, 0);
    const bool is_whole = *end != '.' && *end != 'e' && *end != 'E';
    if (is_whole && (errno == ERANGE || number > INT_MAX))
        return "the number is too large; a size is written as text with a unit, like \"10 GiB\"";
    return NULL;
}

static enum areg_error find_traps(const char *path, const char *text, char why[CONF_WHY_BYTES])
{
    unsigned line = 1;
    bool is_in_word = false;
    const char *at = text;
    while (*at) {
        const char *rest = skip_opaque(at);
        if (rest == at) {
            const char *trap = is_in_word ? NULL : find_trap(at);
            if (trap)
                return blame_line(path, line, why, trap);
            rest = at + 1;
        }
        is_in_word = rest == at + 1 && (isalnum((unsigned char)*at) || *at == '_' || *at == '.');
        for (; at < rest; at++)
            line += *at == '\n';
    }
    return AREG_OK;
}

enum areg_error conf_open(config_t *conf, const char *path, char why[CONF_WHY_BYTES])
{
    char *text = read_file(path);
    if (!text) {
        snprintf(why, CONF_WHY_BYTES, "%s: %s", path, strerror(errno));
        return AREG_EINVAL;
    }
    enum areg_error error = find_traps(path, text, why);
    if (error == AREG_OK) {
        config_init(conf);
        if (config_read_string(conf, text)) {
            config_setting_set_hook(config_root_setting(conf), (void *)(uintptr_t)path);
        } else {
            error = blame_line(path, (unsigned)config_error_line(conf), why, config_error_text(conf));
            config_destroy(conf);
        }
    }
    free(text);
    return error;
}

/* ---------------------------------------------------------------- judging */

static bool is_known(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

enum areg_error conf_check_names(const config_setting_t *group, const char *const *names, char why[CONF_WHY_BYTES])
{
    if (config_setting_type(group) != CONFIG_TYPE_GROUP)
        return conf_blame(group, why, "expected a group { ... } here");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        if (is_known(name, names))
            continue;
        const char *near = command_line_suggest(name, names);
        return conf_blame(setting, why, "unknown setting \"%s\"%s%s%s", name, near ? " (did you mean \"" : "",
                          near ? near : "", near ? "\"?)" : "");
    }
    return AREG_OK;
}

enum areg_error conf_get_text(const config_setting_t *group, struct conf_text wanted, char *text,
                              char why[CONF_WHY_BYTES])
{
    const config_setting_t *setting = config_setting_get_member(group, wanted.name);
    if (!setting && !wanted.fallback)
        return conf_blame(group, why, "\"%s\" is missing", wanted.name);
    if (setting && config_setting_type(setting) != CONFIG_TYPE_STRING)
        return conf_blame(setting, why, "\"%s\" must be a text in double quotes", wanted.name);
    const char *value = setting ? config_setting_get_string(setting) : wanted.fallback;
    if (strlen(value) > wanted.text_bytes_max)
        return conf_blame(setting ? setting : group, why, "\"%s\" has up to %zu bytes, not %zu", wanted.name,
                          wanted.text_bytes_max, strlen(value));
    memcpy(text, value, strlen(value) + 1);
    return AREG_OK;
}

enum areg_error conf_get_number(const config_setting_t *group, struct conf_number wanted, unsigned *number,
                                char why[CONF_WHY_BYTES])
{
    const config_setting_t *setting = config_setting_get_member(group, wanted.name);
    *number = wanted.fallback;
    if (!setting)
        return AREG_OK;
    if (config_setting_type(setting) != CONFIG_TYPE_INT)
        return conf_blame(setting, why, "\"%s\" must be a whole number", wanted.name);
    const int value = config_setting_get_int(setting);
    if (value < 0 || (unsigned)value < wanted.min || (unsigned)value > wanted.max)
        return conf_blame(setting, why, "\"%s\" must be %u to %u, not %d", wanted.name, wanted.min, wanted.max, value);
    *number = (unsigned)value;
    return AREG_OK;
}
