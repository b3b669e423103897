/*
 * areg ls: the keys that there are, about.
 */
#include "client/cli/cli.h"

#include "client/cli/json.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

struct printer {
    bool is_json;
    bool is_terminal;
    bool is_first;
};

/* One line for a person: what a terminal would not show is shown as \xNN. */
static void print_escaped(const uint8_t *at, size_t bytes)
{
    const bool is_text = json_is_utf8(at, bytes);
    for (size_t i = 0; i < bytes; i++) {
        if (at[i] == '\\' || at[i] < 0x20 || at[i] == 0x7F || (!is_text && at[i] >= 0x80))
            printf("\\x%02x", at[i]);
        else
            putchar(at[i]);
    }
}

static bool print_key(const void *key, size_t key_bytes, struct areg_tag tag, void *arg)
{
    struct printer *printer = arg;
    if (printer->is_json) {
        char tag_text[AREG_TAG_TEXT_BYTES];
        fputs(printer->is_first ? "{" : ",{", stdout);
        json_print_member(stdout, "key", key, key_bytes);
        printf(",\"tag\":\"%s\"}", areg_tag_print(tag, tag_text));
    } else if (printer->is_terminal) {
        print_escaped(key, key_bytes);
        putchar('\n');
    } else {
        fwrite(key, 1, key_bytes, stdout);
        putchar('\n');
    }
    printer->is_first = false;
    return !ferror(stdout);
}

static enum exit_code run_ls(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const struct flag flags[] = {CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !cli_open(&cli, &code))
        return code;
    const char *prefix = cli.word_count > 0 ? cli.words[0] : "";
    struct printer printer = {.is_json = cli.flags.json, .is_terminal = isatty(STDOUT_FILENO), .is_first = true};
    cli_say(&cli, "weak: keys that are written or deleted at this moment may be missing or listed");
    if (printer.is_json) {
        fputs("{\"v\":1,\"weak\":true,", stdout);
        json_print_member(stdout, "prefix", prefix, strlen(prefix));
        fputs(",\"keys\":[", stdout);
    }
    const enum areg_error error = areg_list(cli.client, prefix, strlen(prefix), NULL, print_key, &printer);
    if (printer.is_json)
        printf("],\"error\":%s%s%s}\n", error ? "\"" : "", error ? areg_error_name(error) : "null", error ? "\"" : "");
    cli.flags.json = false; /* the one document is complete */
    if (error)
        code = cli_fail_operation(&cli, error, (struct areg_tag){0, 0});
    cli_close(&cli);
    return code;
}

const struct command command_ls = {
    .name = "ls",
    .synopsis = "ls [FLAG...] [PREFIX]",
    .summary = "list the keys that begin with PREFIX",
    .text = "List the keys that begin with PREFIX (all keys without it), one a line, in the order of their bytes.\n"
            "Weak: keys that are written or deleted meanwhile may be missing or listed; all others are right.",
    .examples = "  areg ls\n"
                "  areg ls users/ -q | wc -l\n",
    .word_count_min = 0,
    .word_count_max = 1,
    .run = run_ls,
};
