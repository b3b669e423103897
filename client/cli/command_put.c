/*
 * areg put and areg del: a new value, or none any more.
 */
#include "client/cli/cli.h"

#include "client/cli/content.h"
#include "client/cli/json.h"

#include <string.h>

/* The tag of a write that took effect. */
static void print_written(const struct cli *cli, struct areg_tag tag)
{
    char tag_text[AREG_TAG_TEXT_BYTES];
    areg_tag_print(tag, tag_text);
    if (cli->flags.json) {
        fputs("{\"v\":1,", stdout);
        json_print_member(stdout, "key", cli->words[0], strlen(cli->words[0]));
        printf(",\"tag\":\"%s\"}\n", tag_text);
    } else {
        puts(tag_text);
    }
}

/* --base: the tag that the register must still have. */
static bool parse_base(const struct cli *cli, const char *text, struct areg_tag *tag, struct areg_op_options *options,
                       enum exit_code *code)
{
    if (!text)
        return true;
    if (areg_tag_parse(text, tag) != AREG_OK) {
        *code =
            cli_fail_usage(cli->command, "--base takes a tag as put, stat and get --json print it, not \"%s\"", text);
        return false;
    }
    options->base = tag;
    return true;
}

#define BASE_FLAG(to)                                                                                                  \
    {                                                                                                                  \
        "base", 0, FLAG_TEXT, to, "TAG", "only if the register's tag is still this one, else exit code 5", 0, 0        \
    }

/* ---------------------------------------------------------------- put */

static enum exit_code run_put(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const char *base_text = NULL;
    const struct flag flags[] = {BASE_FLAG(&base_text), CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    struct areg_tag base;
    struct areg_op_options options = {0};
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !parse_base(&cli, base_text, &base, &options, &code))
        return code;
    char why[CONTENT_WHY_BYTES];
    struct areg_value *value;
    enum areg_error error = content_read(cli.word_count > 1 ? cli.words[1] : "-", &value, why);
    if (error)
        return cli_fail(&cli, error, "%s", why);
    if (cli_open(&cli, &code)) {
        struct areg_tag tag;
        error = areg_put_value(cli.client, cli.words[0], strlen(cli.words[0]), value, &options, &tag);
        if (error)
            code = cli_fail_operation(&cli, error, tag);
        else
            print_written(&cli, tag);
        cli_close(&cli);
    }
    areg_value_free(value);
    return code;
}

const struct command command_put = {
    .name = "put",
    .synopsis = "put [FLAG...] KEY [VALUE|@FILE|-]",
    .summary = "write a register's value and print its tag",
    .text = "Write VALUE, the content of FILE, or what comes on stdin (-, or nothing) to the register KEY, and print\n"
            "the new value's tag. A value has up to 16 MiB. Exit code 6 means that the outcome is unknown: the write\n"
            "may take effect now, later, or never. Words that begin with - stand after --.",
    .examples = "  areg put greeting hello\n"
                "  areg put backup @disk.img\n"
                "  date | areg put today\n"
                "  areg put greeting bye --base 1.9f3a7c52e1000000\n",
    .is_write = true,
    .word_count_min = 1,
    .word_count_max = 2,
    .run = run_put,
};

/* ---------------------------------------------------------------- del */

static enum exit_code run_del(const struct command *command, int argc, char **argv)
{
    struct cli cli = {0};
    const char *base_text = NULL;
    const struct flag flags[] = {BASE_FLAG(&base_text), CLI_FLAGS(&cli.flags)};
    enum exit_code code;
    struct areg_tag base;
    struct areg_op_options options = {0};
    if (!cli_parse(&cli, command, flags, argc, argv, &code) || !parse_base(&cli, base_text, &base, &options, &code) ||
        !cli_open(&cli, &code))
        return code;
    struct areg_tag tag;
    const enum areg_error error = areg_del(cli.client, cli.words[0], strlen(cli.words[0]), &options, &tag);
    if (error)
        code = cli_fail_operation(&cli, error, tag);
    else
        print_written(&cli, tag);
    cli_close(&cli);
    return code;
}

const struct command command_del = {
    .name = "del",
    .synopsis = "del [FLAG...] KEY",
    .summary = "delete a register's value and print the delete's tag",
    .text = "Delete: afterwards the register KEY holds no value. Deleting one that holds none is fine. A delete is a\n"
            "write, so it has a tag, and exit code 6 means that its outcome is unknown.",
    .examples = "  areg del greeting\n"
                "  areg del greeting --base 2.9f3a7c52e1000000\n",
    .is_write = true,
    .word_count_min = 1,
    .word_count_max = 1,
    .run = run_del,
};
