/*
 * areg-reconfig: the admin's program. What it changes, the client engine changes; it holds no protocol.
 */
#include "core/standard_fds.h"
#include "reconfig/cli/program.h"

int main(int argc, char **argv)
{
    standard_fds_reserve();
    if (argc < 2) {
        admin_print_help(stderr);
        return EXIT_CODE_USAGE;
    }
    argc--;
    argv++;
    enum exit_code code;
    const char *name;
    if (admin_find_command(&argc, argv, &name, &code))
        code = admin_run(name, argc, argv);
    return (int)admin_finish(code);
}
