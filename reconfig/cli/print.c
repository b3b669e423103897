#include "reconfig/cli/print.h"

#include "client/cli/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void print_members(FILE *to, const struct config *config, struct voters which, const char *separator)
{
    const char *before = "";
    for (unsigned i = 0; i < config->member_count; i++)
        if (voters_has(which, i)) {
            fprintf(to, "%s%s", before, config->members[i].id.text);
            before = separator;
        }
}

void print_config(FILE *to, const struct config *config)
{
    char code[CODE_TEXT_BYTES];
    fprintf(to, "c%" PRIu32 " %s on ", config->index, code_print(config->code, code));
    print_members(to, config, voters_all(config->member_count), " ");
}

void print_text(FILE *to, const char *text)
{
    const bool is_text = json_is_utf8(text, strlen(text));
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        const bool is_plain = (byte >= 0x20 && byte < 0x7F) || (is_text && byte >= 0x80);
        fputc(is_plain ? byte : '?', to);
    }
}

void print_members_json(FILE *to, const struct config *config, struct voters which)
{
    const char *before = "[";
    for (unsigned i = 0; i < config->member_count; i++)
        if (voters_has(which, i)) {
            fprintf(to, "%s\"%s\"", before, config->members[i].id.text);
            before = ",";
        }
    fputs(which.bits ? "]" : "[]", to);
}

void print_config_json(FILE *to, const struct config *config)
{
    char id[CONFIG_ID_TEXT_BYTES];
    char code[CODE_TEXT_BYTES];
    char time_text[TIME_TEXT_BYTES];
    fprintf(to, "{\"index\":%" PRIu32 ",\"id\":\"%s\",\"code\":\"%s\",\"n\":%u,\"k\":%u,\"delta\":%u,\"tolerance\":%u",
            config->index, config_id_print(config->id, id), code_print(config->code, code), config->code.n,
            config->code.k, config->delta, code_tolerance(config->code));
    fputs(",\"members\":[", to);
    for (unsigned i = 0; i < config->member_count; i++)
        fprintf(to, "%s{\"id\":\"%s\",\"address\":\"%s\"}", i > 0 ? "," : "", config->members[i].id.text,
                config->members[i].address);
    fprintf(to, "],\"time\":\"%s\",", print_time(config->time_ns, time_text));
    json_print_member(to, "author", config->author, strlen(config->author));
    fputc(',', to);
    json_print_member(to, "reason", config->reason, strlen(config->reason));
    fputc('}', to);
}

const char *print_time(uint64_t time_ns, char text[TIME_TEXT_BYTES])
{
    const time_t seconds = (time_t)(time_ns / UINT64_C(1000000000));
    struct tm calendar;
    if (time_ns == 0 || !gmtime_r(&seconds, &calendar) ||
        strftime(text, TIME_TEXT_BYTES, "%Y-%m-%dT%H:%M:%SZ", &calendar) == 0)
        snprintf(text, TIME_TEXT_BYTES, "-");
    return text;
}

bool print_is_lively(FILE *to)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(fileno(to)) && !(no_color && no_color[0]);
}
