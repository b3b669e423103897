/*
 * The commands that there are, as a page of help and as an answer to typing mistakes.
 */
#include "reconfig/cli/program.h"

#include <string.h>

static const struct command *const commands[] = {
    &command_status, &command_plan,     &command_advise,     &command_apply,   &command_progress, &command_resume,
    &command_pause,  &command_throttle, &command_ok_to_stop, &command_history, &command_undo,     NULL};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] - 1 };

/* Of the contract, but not yet there. */
static const char *const later_commands[] = {"scrub", "repair", "init", "keygen", "allow", NULL};

void admin_print_help(FILE *to)
{
    fputs("usage: areg-reconfig COMMAND [FLAG...] [WORD...]\n\n"
          "See and change which hosts store what in an areg cluster, and how, while it is in use.\n\ncommands:\n",
          to);
    for (const struct command *const *command = commands; *command; command++)
        fprintf(to, "  %-10s  %s\n", (*command)->name, (*command)->summary);
    fputs(
        "\nareg-reconfig COMMAND --help says more. The cluster is found by --seeds, AREG_SEEDS or --config, in this "
        "order.\n\n"
        "exit codes: 0 ok, 1 error, 2 usage or settings, 3 not found, 4 unavailable, 5 stale, or somebody was faster,\n"
        "            6 outcome unknown, 7 denied, 8 version mismatch, 9 refused as unsafe;\n"
        "            status: 10 degraded, 11 at risk, 12 unavailable\n\n"
        "examples:\n"
        "  export AREG_SEEDS=tcp://127.0.0.1:7601,tcp://127.0.0.1:7602\n"
        "  areg-reconfig status\n"
        "  areg-reconfig plan replace s2 s6@tcp://127.0.0.1:7606\n"
        "  areg-reconfig apply recode rs:5,3 -m \"half of the disks\"\n"
        "  areg-reconfig ok-to-stop s3 && systemctl restart aregd\n",
        to);
}

static enum exit_code refuse_unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    char list[256] = "";
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i]->name;
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "", names[i]);
    }
    for (const char *const *later = later_commands; *later; later++)
        if (strcmp(name, *later) == 0)
            return admin_fail_usage(NULL, "%s is not supported by this version; it has %s", name, list);
    const char *near = command_line_suggest(name, names);
    if (near)
        return admin_fail_usage(NULL, "unknown command \"%s\" (did you mean %s?)", name, near);
    return admin_fail_usage(NULL, "unknown command \"%s\"; there are %s", name, list);
}

enum exit_code admin_run(const char *name, int argc, char **argv)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return commands[i]->run(commands[i], argc, argv);
    return refuse_unknown(name);
}
