/*
 * areg: reads and writes registers from the command line. Everything it does, libareg does.
 */
#include "client/cli/cli.h"
#include "core/standard_fds.h"

int main(int argc, char **argv)
{
    standard_fds_reserve();
    if (argc < 2) {
        cli_print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    argc--;
    argv++;
    enum exit_code code;
    const char *name;
    if (cli_find_command(&argc, argv, &name, &code))
        code = cli_run(name, argc, argv);
    return (int)cli_finish(code);
}
