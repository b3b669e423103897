#include "lab/experiment_events.h"

#include "core/check.h"
#include "core/command_line.h"
#include "core/units.h"
#include "reconfig/change.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {
    [TRIAL_KILL] = "kill",
    [TRIAL_START] = "start",
    [TRIAL_PAUSE] = "pause",
    [TRIAL_RESUME] = "resume",
    [TRIAL_RECONFIGURE] = "reconfigure",
    NULL,
};
enum { WORD_COUNT_MAX = 4 * MEMBER_COUNT_MAX };

const char *event_kind_name(enum trial_event_kind kind)
{
    return kind_names[kind];
}

const char *event_print(const struct trial_event *event, char text[TRIAL_NOTE_BYTES])
{
    const bool is_change = event->kind == TRIAL_RECONFIGURE;
    snprintf(text, TRIAL_NOTE_BYTES, "%s %.*s", event_kind_name(event->kind), TRIAL_NOTE_BYTES - 16,
             is_change ? event->words : event->host);
    return text;
}

unsigned event_host_number(const char *id)
{
    uint64_t number;
    if (id[0] != 's' || id[1] == '0' || units_parse_count(id + 1, &number) != AREG_OK || number > TRIAL_HOST_MAX)
        return 0;
    return (unsigned)number;
}

/* ---------------------------------------------------------------- changes of configuration */

static enum areg_error parse_change(const char *text, struct change *change, char why[CHANGE_WHY_BYTES])
{
    char copy[TRIAL_WORDS_BYTES];
    const char *words[WORD_COUNT_MAX];
    unsigned word_count = 0;
    char *left = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&left, " ")) && word_count < WORD_COUNT_MAX;)
        if (word[0])
            words[word_count++] = word;
    return change_parse(words, word_count, change, why);
}

unsigned events_host_max(const struct trial *trial)
{
    unsigned max = 0;
    for (unsigned i = 0; i < trial->event_count; i++) {
        struct change change;
        char why[CHANGE_WHY_BYTES];
        if (trial->events[i].kind != TRIAL_RECONFIGURE || parse_change(trial->events[i].words, &change, why) != AREG_OK)
            continue;
        for (unsigned j = 0; j < change.host_count; j++) {
            const unsigned number = event_host_number(change.hosts[j].in.text);
            if (change.hosts[j].kind != HOST_REMOVE && number > max)
                max = number;
        }
    }
    return max;
}

void event_change_code(const struct trial_event *event, struct code *code, unsigned *delta)
{
    struct change change;
    char why[CHANGE_WHY_BYTES];
    if (event->kind != TRIAL_RECONFIGURE || parse_change(event->words, &change, why) != AREG_OK)
        return;
    for (unsigned i = 0; !change.has_code && i < change.host_count; i++) {
        code->n = (uint8_t)(code->n + (change.hosts[i].kind == HOST_ADD));
        code->n = (uint8_t)(code->n - (change.hosts[i].kind == HOST_REMOVE));
    }
    if (change.has_code)
        *code = change.code;
    if (change.has_delta)
        *delta = change.delta;
}

int events_find_stranger(const struct trial *trial)
{
    for (unsigned i = 0; i < trial->event_count; i++)
        if (trial->events[i].kind != TRIAL_RECONFIGURE && event_host_number(trial->events[i].host) > trial->host_count)
            return (int)i;
    return -1;
}

/* ---------------------------------------------------------------- files */

static enum areg_error judge_change(const config_setting_t *group, const struct trial_event *event,
                                    char why[CONF_WHY_BYTES])
{
    struct change change;
    char change_why[CHANGE_WHY_BYTES];
    if (parse_change(event->words, &change, change_why) != AREG_OK)
        return conf_blame(group, why, "%s", change_why);
    for (unsigned i = 0; i < change.host_count; i++) {
        const struct host_change *host = &change.hosts[i];
        if (host->kind != HOST_REMOVE && (event_host_number(host->in.text) == 0 || host->in_address[0]))
            return conf_blame(group, why, "hosts of an experiment are s1 to s%d, without addresses, not \"%s%s%s\"",
                              TRIAL_HOST_MAX, host->in.text, host->in_address[0] ? "@" : "", host->in_address);
    }
    return AREG_OK;
}

static enum areg_error load_kind(const config_setting_t *group, struct trial_event *event, char why[CONF_WHY_BYTES])
{
    char name[TRIAL_NAME_BYTES];
    const enum areg_error error = conf_get_text(group, (struct conf_text){"do", NULL, sizeof name - 1}, name, why);
    if (error)
        return error;
    for (unsigned i = 0; kind_names[i]; i++)
        if (strcmp(kind_names[i], name) == 0) {
            event->kind = (enum trial_event_kind)i;
            return AREG_OK;
        }
    const char *near = command_line_suggest(name, kind_names);
    return conf_blame(config_setting_get_member(group, "do"), why,
                      "\"%s\" can not be done%s%s%s; there are kill, start, pause, resume and reconfigure", name,
                      near ? " (did you mean \"" : "", near ? near : "", near ? "\"?)" : "");
}

static enum areg_error load_event(const config_setting_t *group, struct trial_event *event, char why[CONF_WHY_BYTES])
{
    static const char *const host_names[] = {"at", "do", "host", NULL};
    static const char *const words_names[] = {"at", "do", "words", NULL};
    char at[TRIAL_NAME_BYTES];
    if (config_setting_type(group) != CONFIG_TYPE_GROUP)
        return conf_blame(group, why, "an event is a group { at = \"2s\"; do = \"kill\"; host = \"s3\"; }");
    enum areg_error error = load_kind(group, event, why);
    const bool is_change = !error && event->kind == TRIAL_RECONFIGURE;
    if (!error)
        error = conf_check_names(group, is_change ? words_names : host_names, why);
    if (!error)
        error = conf_get_text(group, (struct conf_text){"at", NULL, sizeof at - 1}, at, why);
    if (error)
        return error;
    if (units_parse_duration(at, &event->at_ns) != AREG_OK)
        return conf_blame(config_setting_get_member(group, "at"), why, "\"at\" is a time with a unit, not \"%s\"", at);
    if (is_change) {
        error = conf_get_text(group, (struct conf_text){"words", NULL, TRIAL_WORDS_BYTES - 1}, event->words, why);
        return error ? error : judge_change(group, event, why);
    }
    error = conf_get_text(group, (struct conf_text){"host", NULL, HOST_ID_BYTES_MAX}, event->host, why);
    if (!error && event_host_number(event->host) == 0)
        return conf_blame(config_setting_get_member(group, "host"), why, "\"host\" is one of s1 to s%d, not \"%s\"",
                          TRIAL_HOST_MAX, event->host);
    return error;
}

enum areg_error events_load(const config_setting_t *root, struct trial *trial, char why[CONF_WHY_BYTES])
{
    const config_setting_t *list = config_setting_get_member(root, "events");
    trial->event_count = 0;
    if (!list)
        return AREG_OK;
    if (config_setting_type(list) != CONFIG_TYPE_LIST)
        return conf_blame(list, why, "\"events\" is a list ( { ... }, { ... } )");
    if (config_setting_length(list) > TRIAL_EVENT_MAX)
        return conf_blame(list, why, "there are up to %d events, not %d", TRIAL_EVENT_MAX, config_setting_length(list));
    for (int i = 0; i < config_setting_length(list); i++) {
        const enum areg_error error =
            load_event(config_setting_get_elem(list, (unsigned)i), &trial->events[trial->event_count], why);
        if (error)
            return error;
        trial->event_count++;
    }
    return AREG_OK;
}
