/*
 * areg get and areg stat: a register's value, or what is known of it without moving it.
 */
#include "client/cli/cli.h"

#include "client/cli/content.h"
#include "client/cli/json.h"
#include "core/units.h"

#include <inttypes.h>
#include <string.h>

/* ---------------------------------------------------------------- get */

static enum exit_code print_value_json(const struct cli *cli, struct areg_value *value, struct areg_tag tag,
                                       const char *path)
{
    char tag_text[AREG_TAG_TEXT_BYTES];
    const void *data = path ? "" : areg_value_data(value);
    if (!data)
        return cli_fail(cli, AREG_ENOMEM, "%s", areg_strerror(AREG_ENOMEM));
    fputs("{\"v\":1,", stdout);
    json_print_member(stdout, "key", cli->words[0], strlen(cli->words[0]));
    printf(",\"tag\":\"%s\",\"bytes\":%zu,", areg_tag_print(tag, tag_text), areg_value_bytes(value));
    json_print_member(stdout, path ? "file" : "value", path ? path : data,
                      path ? strlen(path) : areg_value_bytes(value));
    puts("}");
    return EXIT_CODE_OK;
}

static enum exit_code deliver(const struct cli *cli, struct areg_value *value, struct areg_tag tag, const char *path)
{
    char why[CONTENT_WHY_BYTES];
    enum areg_error error = AREG_OK;
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    if (path || !cli->flags.json)
        error = content_write(path ? path : "-", value, why);
    if (error)
        return cli_fail(cli, error, "%s", why);
    return cli->flags.json ? print_value_json(cli, value, tag, path) : EXIT_CODE_OK;
}

static enum exit_code run_get(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const char *path = NULL;
    const struct flag flags[] = {{"output", 'o', FLAG_TEXT, &path, "FILE", "write the value to FILE", 0, 0},
                                 CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !cli_open(&cli, &code))
        return code;
    struct areg_value *value;
    struct areg_tag tag;
    const enum areg_error error = areg_get(cli.client, cli.words[0], strlen(cli.words[0]), NULL, &value, &tag);
    code = error ? cli_fail_operation(&cli, error, tag) : deliver(&cli, value, tag, path);
    areg_value_free(value);
    cli_close(&cli);
    return code;
}

const struct command command_get = {
    .name = "get",
    .synopsis = "get [FLAG...] KEY",
    .summary = "print a register's value",
    .text = "Print the value of the register KEY as it is, byte for byte. Exit code 3 if it holds none.\n"
            "With --output the file has all of the value, or is as it was before.",
    .examples = "  areg get greeting\n"
                "  areg get backup -o copy.img\n"
                "  areg get greeting --json | jq -r .tag\n",
    .word_count_min = 1,
    .word_count_max = 1,
    .run = run_get,
};

/* ---------------------------------------------------------------- stat */

static void print_stat(const struct cli *cli, struct areg_tag tag, uint64_t value_bytes)
{
    char tag_text[AREG_TAG_TEXT_BYTES];
    char bytes_text[UNITS_TEXT_BYTES];
    areg_tag_print(tag, tag_text);
    if (cli->flags.json) {
        fputs("{\"v\":1,", stdout);
        json_print_member(stdout, "key", cli->words[0], strlen(cli->words[0]));
        printf(",\"tag\":\"%s\",\"bytes\":%" PRIu64 "}\n", tag_text, value_bytes);
    } else {
        printf("tag    %s\nbytes  %" PRIu64, tag_text, value_bytes);
        if (value_bytes >= 1024)
            printf(" (%s)", units_print_bytes(value_bytes, bytes_text));
        putchar('\n');
    }
}

static enum exit_code run_stat(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const struct flag flags[] = {CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !cli_open(&cli, &code))
        return code;
    struct areg_tag tag;
    uint64_t value_bytes;
    const enum areg_error error = areg_stat(cli.client, cli.words[0], strlen(cli.words[0]), NULL, &tag, &value_bytes);
    if (error)
        code = cli_fail_operation(&cli, error, tag);
    else
        print_stat(&cli, tag, value_bytes);
    cli_close(&cli);
    return code;
}

const struct command command_stat = {
    .name = "stat",
    .synopsis = "stat [FLAG...] KEY",
    .summary = "print a value's tag and size, without moving it",
    .text = "Print the tag and the size of the register KEY's value, which stays where it is. Exit code 3 if it holds\n"
            "none.",
    .examples = "  areg stat greeting\n"
                "  areg put greeting bye --base $(areg stat greeting --json | jq -r .tag)\n",
    .word_count_min = 1,
    .word_count_max = 1,
    .run = run_stat,
};
