#include "lab/program.h"

#include <areg.h>

#include <errno.h>
#include <libgen.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int program_print_version(void)
{
    printf("areg-lab %s\n", areg_version());
    return EXIT_CODE_OK;
}

bool program_parse(const struct command_page *page, const struct flag *flags, const struct common_flags *common,
                   int argc, char **argv, struct command_line *line, int *exit_code)
{
    char why[COMMAND_LINE_WHY_BYTES];
    const enum areg_error error = command_line_parse(flags, argc, argv, line, why);
    *exit_code = EXIT_CODE_OK;
    if (common->help) {
        printf("usage: areg-lab %s\n\n%s\n\nflags:\n", page->synopsis, page->text);
        command_line_print_flags(flags, stdout);
        printf("\nexamples:\n%s\n", page->examples);
        return false;
    }
    if (common->version) {
        program_print_version();
        return false;
    }
    if (error) {
        *exit_code = program_fail_usage("%s", why);
        return false;
    }
    if (line->word_count > page->word_count_max || (line->rest && !page->takes_rest)) {
        *exit_code = program_fail_usage(
            "\"%s\" is one word too many: areg-lab %s",
            line->word_count > page->word_count_max ? line->words[page->word_count_max] : "--", page->synopsis);
        return false;
    }
    return true;
}

static void talk(const char *format, va_list arguments)
{
    fprintf(stderr, "areg-lab: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

int program_fail(enum areg_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    talk(format, arguments);
    va_end(arguments);
    switch (error) {
    case AREG_ENOTFOUND:
        return EXIT_CODE_NOT_FOUND;
    case AREG_EUNAVAIL:
        return EXIT_CODE_UNAVAILABLE;
    case AREG_EINVAL:
        return EXIT_CODE_USAGE;
    default:
        return EXIT_CODE_ERROR;
    }
}

int program_fail_usage(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    talk(format, arguments);
    va_end(arguments);
    return EXIT_CODE_USAGE;
}

int program_finish(int exit_code)
{
    const bool has_failed = ferror(stdout); /* in between: its cause is not known any more */
    if (fflush(stdout) == 0 && !has_failed)
        return exit_code;
    program_fail(AREG_EIO, "stdout: %s", has_failed ? "not all of it could be written" : strerror(errno));
    return exit_code ? exit_code : EXIT_CODE_ERROR;
}

/* ---------------------------------------------------------------- signals */

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

int program_open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    for (unsigned i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++) {
        struct sigaction action;
        /* Of nohup, and of a shell that starts us in the background. */
        if (sigaction(ending_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&signals, ending_signals[i]);
    }
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -1;
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

void program_release_signals(int signal_fd)
{
    struct signalfd_siginfo told;
    while (read(signal_fd, &told, sizeof told) == sizeof told)
        continue;
    sigset_t signals;
    sigemptyset(&signals);
    for (unsigned i = 0; i < sizeof ending_signals / sizeof ending_signals[0]; i++)
        sigaddset(&signals, ending_signals[i]);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

/* ---------------------------------------------------------------- places */

const char *program_lab_dir(const char *flag)
{
    if (flag)
        return flag;
    const char *from_environment = getenv("AREG_LAB_DIR");
    return from_environment && from_environment[0] ? from_environment : "areg-cluster";
}

bool program_own_dir(char *dir, size_t room_bytes)
{
    char path[PATH_MAX];
    const ssize_t bytes = readlink("/proc/self/exe", path, sizeof path - 1);
    if (bytes <= 0)
        return false;
    path[bytes] = 0;
    return snprintf(dir, room_bytes, "%s", dirname(path)) < (int)room_bytes;
}

bool program_find(const char *name, char path[PATH_MAX])
{
    char candidate[2 * PATH_MAX];
    char own_dir[PATH_MAX];
    if (program_own_dir(own_dir, sizeof own_dir)) {
        snprintf(candidate, sizeof candidate, "%s/%s", own_dir, name);
        if (access(candidate, X_OK) == 0)
            return realpath(candidate, path) != NULL;
    }
    const char *list = getenv("PATH");
    while (list && *list) {
        const size_t bytes = strcspn(list, ":");
        snprintf(candidate, sizeof candidate, "%.*s/%s", (int)(bytes < PATH_MAX ? bytes : 0), list, name);
        if (bytes && access(candidate, X_OK) == 0)
            return realpath(candidate, path) != NULL;
        list += bytes + (list[bytes] == ':');
    }
    return false;
}
