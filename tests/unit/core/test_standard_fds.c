/* Closed standard descriptors, each pattern of them in a process of its own. */
#include "core/standard_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Whether the descriptors of `closed` are of no use afterwards, and the others as they were; 0 if so. */
static int judge(unsigned closed)
{
    char byte = 0;
    for (int fd = 0; fd <= 2; fd++)
        if (closed & 1u << fd)
            close(fd);
    standard_fds_reserve();
    const int next_fd = open("/dev/zero", O_RDONLY);
    if (next_fd <= 2)
        return 1;
    for (int fd = 0; fd <= 2; fd++) {
        errno = 0;
        const ssize_t done = fd == 0 ? read(fd, &byte, 1) : write(fd, &byte, 1);
        const int expected = closed & 1u << fd ? -1 : 1;
        if (done != expected || (done < 0 && errno != EBADF))
            return 2 + fd;
    }
    return 0;
}

static void closed_ones_are_given_to_nobody_and_fail(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 8; closed++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            dup2(open("/dev/zero", O_RDONLY), 0);
            dup2(open("/dev/null", O_WRONLY), 1);
            dup2(1, 2);
            _exit(judge(closed));
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_ones_are_given_to_nobody_and_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
