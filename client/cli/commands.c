/*
 * The commands that there are, as a page of help and as an answer to typing mistakes.
 */
#include "client/cli/cli.h"

#include <string.h>

static const struct command *const commands[] = {&command_get, &command_put,  &command_del, &command_stat,
                                                 &command_ls,  &command_ping, NULL};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] - 1 };

/* Of the contract, but not yet there. */
static const char *const later_commands[] = {"export", "import", "trace", NULL};

void cli_print_help(FILE *to)
{
    fputs("usage: areg COMMAND [FLAG...] [WORD...]\n\n"
          "Read and write atomic registers of an areg cluster.\n\ncommands:\n",
          to);
    for (const struct command *const *command = commands; *command; command++)
        fprintf(to, "  %-4s  %s\n", (*command)->name, (*command)->summary);
    fputs("\nareg COMMAND --help says more. The cluster is found by --seeds, AREG_SEEDS or --config, in this order.\n\n"
          "exit codes: 0 ok, 1 error, 2 usage or settings, 3 not found, 4 unavailable, 5 the register has moved on,\n"
          "            6 outcome unknown, 7 denied, 8 version mismatch\n\n"
          "examples:\n"
          "  export AREG_SEEDS=tcp://127.0.0.1:7601,tcp://127.0.0.1:7602\n"
          "  areg put greeting hello\n"
          "  areg get greeting\n"
          "  areg put backup @disk.img && areg get backup -o copy.img\n",
          to);
}

static enum exit_code refuse_unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    char list[128] = "";
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i]->name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "", names[i]);
    }
    for (const char *const *later = later_commands; *later; later++)
        if (strcmp(name, *later) == 0)
            return cli_fail_usage(NULL, "%s is not supported by this version; it has %s", name, list);
    const char *near = command_line_suggest(name, names);
    if (near)
        return cli_fail_usage(NULL, "unknown command \"%s\" (did you mean %s?)", name, near);
    return cli_fail_usage(NULL, "unknown command \"%s\"; there are %s", name, list);
}

enum exit_code cli_run(const char *name, int argc, char **argv)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i]->run(commands[i], argc, argv);
    return refuse_unknown(name);
}
