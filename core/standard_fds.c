#include "core/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

void standard_fds_reserve(void)
{
    /* open() gives the lowest that is free; each is opened for what it is not used for. Without /dev/null, so be it. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}
