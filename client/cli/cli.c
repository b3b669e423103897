#include "client/cli/cli.h"

#include "client/cli/json.h"
#include "core/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---------------------------------------------------------------- talk */

enum exit_code cli_exit_code(enum areg_error error)
{
    switch (error) {
    case AREG_OK:
        return EXIT_CODE_OK;
    case AREG_EINVAL:
        return EXIT_CODE_USAGE;
    case AREG_ENOTFOUND:
        return EXIT_CODE_NOT_FOUND;
    case AREG_EUNAVAIL:
        return EXIT_CODE_UNAVAILABLE;
    case AREG_ESTALE:
        return EXIT_CODE_CONFLICT;
    case AREG_EMAYBE:
        return EXIT_CODE_UNKNOWN_OUTCOME;
    case AREG_EACCES:
        return EXIT_CODE_DENIED;
    case AREG_EVERSION:
        return EXIT_CODE_VERSION;
    default:
        return EXIT_CODE_ERROR;
    }
}

void cli_say(const struct cli *cli, const char *format, ...)
{
    if (cli->flags.quiet)
        return;
    fprintf(stderr, "areg: %s: ", cli->command->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

enum exit_code cli_fail(const struct cli *cli, enum areg_error error, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "areg: %s: %s\n", cli->command->name, text);
    if (cli->flags.json) {
        printf("{\"v\":1,\"error\":\"%s\",", areg_error_name(error));
        json_print_member(stdout, "message", text, strlen(text));
        puts("}");
    }
    return cli_exit_code(error);
}

enum exit_code cli_fail_operation(const struct cli *cli, enum areg_error error, struct areg_tag tag)
{
    const char *detail = areg_detail(cli->client);
    const char *colon = detail[0] ? ": " : "";
    char tag_text[AREG_TAG_TEXT_BYTES];
    areg_tag_print(tag, tag_text);
    if (error == AREG_ENOTFOUND)
        return cli_fail(cli, error, "%s: not found", cli->words[0]);
    if (error == AREG_ESTALE)
        return cli_fail(cli, error, "the register has moved on: its tag is %s; nothing was written", tag_text);
    if (error == AREG_EMAYBE)
        return cli_fail(cli, error,
                        "outcome unknown: the write with tag %s was cut off, and may take effect now, later, or "
                        "never. \"areg stat %s\" shows which tag is there now%s%s",
                        tag_text, cli->words[0], colon, detail);
    if (error == AREG_EUNAVAIL)
        return cli_fail(cli, error, "no quorum of hosts answered in time%s%s%s",
                        cli->command->is_write ? "; nothing was written" : "", colon, detail);
    return cli_fail(cli, error, "%s%s%s", areg_strerror(error), colon, detail);
}

enum exit_code cli_fail_usage(const struct command *command, const char *format, ...)
{
    fprintf(stderr, "areg: %s%s", command ? command->name : "", command ? ": " : "");
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_CODE_USAGE;
}

enum exit_code cli_finish(enum exit_code code)
{
    const bool has_failed = ferror(stdout); /* in between: its cause is not known any more */
    if (fflush(stdout) == 0 && !has_failed)
        return code;
    fprintf(stderr, "areg: stdout: %s\n", has_failed ? "not all of it could be written" : strerror(errno));
    return code ? code : EXIT_CODE_ERROR;
}

/* ---------------------------------------------------------------- flags and words */

static void print_command_help(const struct command *command, const struct flag *flags)
{
    printf("usage: areg %s\n\n%s\n\nflags:\n", command->synopsis, command->text);
    command_line_print_flags(flags, stdout);
    printf("\nexamples:\n%s", command->examples);
}

static bool take_words(struct cli *cli, const struct command_line *line, enum exit_code *code)
{
    unsigned count = 0;
    for (unsigned i = 0; i < line->word_count; i++, count++)
        if (count < CLI_WORD_COUNT_MAX)
            cli->words[count] = line->words[i];
    for (char *const *rest = line->rest; rest && *rest; rest++, count++)
        if (count < CLI_WORD_COUNT_MAX)
            cli->words[count] = *rest;
    cli->word_count = count;
    if (count >= cli->command->word_count_min && count <= cli->command->word_count_max)
        return true;
    *code = cli_fail_usage(cli->command, "%s: areg %s",
                           count < cli->command->word_count_min ? "a word is missing" : "a word too many",
                           cli->command->synopsis);
    return false;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool cli_parse(struct cli *cli, const struct command *command, const struct flag *flags, int argc, char **argv,
               enum exit_code *code)
{
    cli->command = command;
    cli->begin_ns = now_ns();
    char why[COMMAND_LINE_WHY_BYTES];
    struct command_line line;
    const enum areg_error error = command_line_parse(flags, argc, argv, &line, why);
    *code = EXIT_CODE_OK;
    if (cli->flags.help) {
        print_command_help(command, flags);
        return false;
    }
    if (cli->flags.version) {
        printf("areg %s\n", areg_version());
        return false;
    }
    if (error) {
        *code = cli_fail_usage(command, "%s", why);
        return false;
    }
    return take_words(cli, &line, code);
}

bool cli_find_command(int *argc, char **argv, const char **name, enum exit_code *code)
{
    struct cli_flags common = {0};
    const struct flag flags[] = {CLI_FLAGS(&common)};
    *name = NULL;
    for (int i = 0; i < *argc && !*name; i++) {
        bool takes_next = false;
        for (const struct flag *flag = flags; flag->name; flag++)
            if (flag->kind != FLAG_SWITCH && strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, flag->name) == 0)
                takes_next = true;
        if (takes_next) {
            i++;
        } else if (argv[i][0] != '-') {
            *name = argv[i];
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof argv[0]); /* with the final NULL */
            (*argc)--;
        }
    }
    if (*name)
        return true;
    char why[COMMAND_LINE_WHY_BYTES];
    struct command_line line;
    const enum areg_error error = command_line_parse(flags, *argc, argv, &line, why);
    *code = EXIT_CODE_OK;
    if (common.help)
        cli_print_help(stdout);
    else if (common.version)
        printf("areg %s\n", areg_version());
    else if (error)
        *code = cli_fail_usage(NULL, "%s", why);
    else
        *code = cli_fail_usage(NULL, "a command is missing; areg --help lists all");
    return false;
}

/* ---------------------------------------------------------------- the cluster */

bool cli_open(struct cli *cli, enum exit_code *code)
{
    const char *environment = getenv("AREG_SEEDS");
    const char *where = cli->flags.seeds;
    if (!where && environment && environment[0]) {
        where = environment;
        if (cli->flags.config)
            cli_say(cli, "AREG_SEEDS goes before the settings file: %s", where);
    }
    if (!where)
        where = cli->flags.config;
    if (!where) {
        *code =
            cli_fail_usage(cli->command, "which cluster? Give --seeds tcp://HOST:PORT, AREG_SEEDS or --config FILE");
        return false;
    }
    char detail[512];
    const struct areg_options options = {
        .timeout_ms = (uint32_t)cli->flags.timeout_ms, .detail = detail, .detail_bytes = sizeof detail};
    const enum areg_error error = areg_open(&cli->client, where, &options);
    if (error)
        *code = cli_fail(cli, error, "%s", detail);
    return !error;
}

static void say_costs(const struct cli *cli)
{
    const uint64_t rounds =
        areg_counter(cli->client, AREG_COUNT_READ_ROUNDS) + areg_counter(cli->client, AREG_COUNT_WRITE_ROUNDS);
    char sent[UNITS_TEXT_BYTES];
    char received[UNITS_TEXT_BYTES];
    char duration[UNITS_TEXT_BYTES];
    cli_say(cli, "%" PRIu64 " round%s, %" PRIu64 " messages, %s of values sent, %s received, %s", rounds,
            rounds == 1 ? "" : "s", areg_counter(cli->client, AREG_COUNT_MESSAGES_SENT),
            units_print_bytes(areg_counter(cli->client, AREG_COUNT_BYTES_SENT), sent),
            units_print_bytes(areg_counter(cli->client, AREG_COUNT_BYTES_RECEIVED), received),
            units_print_duration(now_ns() - cli->begin_ns, duration));
}

void cli_close(struct cli *cli)
{
    if (cli->flags.verbose)
        say_costs(cli);
    areg_close(cli->client);
}
