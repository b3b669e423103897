#include "lab/program.h"

#include <libgen.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

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
        printf("areg-lab %s.%s.%s\n", TEXT_OF(AREG_VERSION_MAJOR), TEXT_OF(AREG_VERSION_MINOR),
               TEXT_OF(AREG_VERSION_PATCH));
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
