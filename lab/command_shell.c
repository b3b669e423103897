/*
 * areg-lab shell: a shell, or one command, with a cluster of its own that ends with it.
 */
#include "lab/command_up.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static bool set_environment(const struct local_cluster *cluster)
{
    char *seeds = local_cluster_seeds(cluster, NULL);
    if (!seeds)
        return false;
    bool done = setenv("AREG_SEEDS", seeds, 1) == 0 && setenv("AREG_LAB_DIR", cluster->dir, 1) == 0;
    free(seeds);
    char own_dir[PATH_MAX];
    const char *path = getenv("PATH");
    char *longer;
    if (!done || !program_own_dir(own_dir, sizeof own_dir) ||
        asprintf(&longer, "%s%s%s", own_dir, path && *path ? ":" : "", path ? path : "") < 0)
        return false;
    done = setenv("PATH", longer, 1) == 0;
    free(longer);
    return done;
}

/* Wait for the child. What this program is asked to do, the child is asked to do, except by the terminal: that has
 * asked it already. */
static int await_child(pid_t child, int signal_fd)
{
    const int child_fd = pidfd_open(child, 0);
    struct pollfd fds[2] = {{.fd = child_fd, .events = POLLIN}, {.fd = signal_fd, .events = POLLIN}};
    while (child_fd >= 0 && poll(fds, 2, -1) >= 0 && !fds[0].revents) {
        struct signalfd_siginfo told;
        if (read(signal_fd, &told, sizeof told) == sizeof told && told.ssi_code != SI_KERNEL)
            kill(child, (int)told.ssi_signo);
    }
    if (child_fd >= 0)
        close(child_fd);
    int status = 0;
    if (waitpid(child, &status, 0) < 0)
        return program_fail(AREG_EIO, "waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_child(const struct local_cluster *cluster, char *const *words, int signal_fd)
{
    const char *shell = getenv("SHELL");
    char shell_path[PATH_MAX];
    snprintf(shell_path, sizeof shell_path, "%s", shell && *shell ? shell : "/bin/sh");
    char *const shell_words[] = {shell_path, NULL};
    if (!words)
        words = shell_words;
    if (!set_environment(cluster))
        return program_fail(AREG_ENOMEM, "cannot set the environment");
    const pid_t child = fork();
    if (child < 0)
        return program_fail(AREG_EIO, "fork: %s", strerror(errno));
    if (child == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execvp(words[0], words);
        dprintf(STDERR_FILENO, "areg-lab: %s: %s\n", words[0], strerror(errno));
        _exit(127);
    }
    return await_child(child, signal_fd);
}

int command_shell(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "shell [FLAG...] [-- COMMAND [ARGUMENT...]]",
        .text = "Start a cluster and a shell in which AREG_SEEDS, AREG_LAB_DIR and PATH point at it; with a command,\n"
                "run that instead. The cluster ends with it. Without --dir it lives in a temporary directory, which\n"
                "is removed. The exit code is the command's.",
        .examples = "  areg-lab shell\n"
                    "  areg-lab shell -n 3 -- areg put greeting hello",
        .takes_rest = true,
    };
    struct up_flags up = UP_FLAGS_DEFAULT;
    const struct flag flags[] = {UP_FLAGS(&up), COMMON_FLAGS(&up.common)};
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &up.common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.rest && !line.rest[0])
        return program_fail_usage("a command must follow \"--\"");
    const char *temporary_root = getenv("TMPDIR");
    char temporary[PATH_MAX];
    snprintf(temporary, sizeof temporary, "%s/areg-lab-XXXXXX",
             temporary_root && *temporary_root ? temporary_root : "/tmp");
    if (!up.dir && !mkdtemp(temporary))
        return program_fail(AREG_EIO, "cannot make %s: %s", temporary, strerror(errno));
    const char *dir = up.dir ? up.dir : temporary;
    const int signal_fd = program_open_signals();
    struct local_cluster cluster;
    exit_code = signal_fd < 0 ? program_fail(AREG_EIO, "signalfd: %s", strerror(errno))
                              : up_start(&cluster, &up, dir, signal_fd);
    if (!exit_code) {
        exit_code = run_child(&cluster, line.rest, signal_fd);
        const struct common_flags end = {.timeout_ms = up.common.timeout_ms, .quiet = up.common.quiet || !up.dir};
        const int end_code = up_end(dir, &end);
        exit_code = exit_code ? exit_code : end_code;
    }
    if (signal_fd >= 0)
        close(signal_fd);
    if (!up.dir)
        local_remove_tree(temporary);
    return exit_code;
}
