/*
 * areg-lab: clusters on this machine, load on any cluster, and what the load has shown.
 */
#include "core/standard_fds.h"
#include "lab/program.h"

#include <string.h>

static const struct command commands[] = {
    {"up", "start a cluster on this machine", command_up},
    {"down", "end it", command_down},
    {"host", "list its hosts, or kill, stop, start, pause or resume some", command_host},
    {"shell", "a shell, or one command, with a cluster of its own", command_shell},
    {"bench", "load a cluster and measure", command_bench},
    {"exp", "experiments from files: many clusters, loads and accidents, and a report", command_exp},
    {"summary", "latencies and outcomes from recorded histories", command_summary},
    {"check", "judge recorded histories: linearizable or not", command_check},
    {"compare", "two runs of an experiment: what has become worse", command_compare},
    {"plot", "the figures of an experiment's run", command_plot},
    {"report", "one page over experiments' runs", command_report},
    {"sim", "the same engines in a simulated cluster, under every fault, from a seed", command_sim},
};

enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

/* Of the contract, but not yet there. */
static const char *const later_commands[] = {"demo", NULL};

static int print_help(FILE *to)
{
    fprintf(to, "usage: areg-lab COMMAND [FLAG...]\n\ncommands:\n");
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-7s  %s\n", commands[i].name, commands[i].summary);
    fprintf(to, "\nareg-lab COMMAND --help says more.\n\n"
                "examples:\n"
                "  export AREG_SEEDS=$(areg-lab up)\n"
                "  areg-lab bench --mix a --run 10s --history load.jsonl\n"
                "  areg-lab check load.jsonl\n"
                "  areg-lab down\n");
    return EXIT_CODE_OK;
}

static int refuse_unknown(const char *name)
{
    const char *names[COMMAND_COUNT + 1] = {0};
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    for (const char *const *later = later_commands; *later; later++)
        if (strcmp(name, *later) == 0)
            return program_fail_usage("%s is not supported by this version", name);
    const char *near = command_line_suggest(name, names);
    if (near)
        return program_fail_usage("unknown command \"%s\" (did you mean %s?)", name, near);
    return program_fail_usage("unknown command \"%s\"; areg-lab --help lists all", name);
}

static int run(int argc, char **argv)
{
    if (argc < 1) {
        print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
        return print_help(stdout);
    if (strcmp(argv[0], "--version") == 0)
        return program_print_version();
    if (argv[0][0] == '-')
        return program_fail_usage("the command comes first: areg-lab COMMAND [FLAG...]; areg-lab --help lists all");
    return refuse_unknown(argv[0]);
}

int main(int argc, char **argv)
{
    standard_fds_reserve();
    return program_finish(run(argc - 1, argv + 1));
}
