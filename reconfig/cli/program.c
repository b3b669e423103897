#include "reconfig/cli/program.h"

#include "client/cli/json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- talk */

enum exit_code admin_exit_code(enum areg_error error)
{
    switch (error) {
    case AREG_OK:
        return EXIT_CODE_OK;
    case AREG_EINVAL:
        return EXIT_CODE_USAGE;
    case AREG_ENOTFOUND:
        return EXIT_CODE_NOT_FOUND;
    case AREG_EUNAVAIL:
        return EXIT_CODE_UNAVAILABLE;
    case AREG_ESTALE:
        return EXIT_CODE_CONFLICT;
    case AREG_EMAYBE:
        return EXIT_CODE_UNKNOWN_OUTCOME;
    case AREG_EACCES:
        return EXIT_CODE_DENIED;
    case AREG_EVERSION:
        return EXIT_CODE_VERSION;
    default:
        return EXIT_CODE_ERROR;
    }
}

/* The names that scripts see in a failed command's document. */
static const char *exit_code_name(enum exit_code code)
{
    static const char *const names[] = {
        [EXIT_CODE_OK] = "ok",
        [EXIT_CODE_ERROR] = "error",
        [EXIT_CODE_USAGE] = "usage",
        [EXIT_CODE_NOT_FOUND] = "not_found",
        [EXIT_CODE_UNAVAILABLE] = "unavailable",
        [EXIT_CODE_CONFLICT] = "conflict",
        [EXIT_CODE_UNKNOWN_OUTCOME] = "unknown_outcome",
        [EXIT_CODE_DENIED] = "denied",
        [EXIT_CODE_VERSION] = "version",
        [EXIT_CODE_REFUSED] = "refused",
        [EXIT_CODE_DEGRADED] = "degraded",
        [EXIT_CODE_AT_RISK] = "at_risk",
        [EXIT_CODE_STOPPED] = "unavailable",
    };
    return names[code];
}

void admin_say(const struct admin *admin, const char *format, ...)
{
    if (admin->flags.quiet)
        return;
    fprintf(stderr, "areg-reconfig: %s: ", admin->command->name);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

enum exit_code admin_fail(const struct admin *admin, enum exit_code code, const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "areg-reconfig: %s: %s\n", admin->command->name, text);
    if (admin->flags.json) {
        printf("{\"v\":1,\"error\":\"%s\",", exit_code_name(code));
        json_print_member(stdout, "message", text, strlen(text));
        puts("}");
    }
    return code;
}

enum exit_code admin_fail_usage(const struct command *command, const char *format, ...)
{
    fprintf(stderr, "areg-reconfig: %s%s", command ? command->name : "", command ? ": " : "");
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return EXIT_CODE_USAGE;
}

enum exit_code admin_finish(enum exit_code code)
{
    const bool has_failed = ferror(stdout); /* in between: its cause is not known any more */
    if (fflush(stdout) == 0 && !has_failed)
        return code;
    fprintf(stderr, "areg-reconfig: stdout: %s\n", has_failed ? "not all of it could be written" : strerror(errno));
    return code ? code : EXIT_CODE_ERROR;
}

/* ---------------------------------------------------------------- flags and words */

static void print_version(void)
{
    printf("areg-reconfig %d.%d.%d\n", AREG_VERSION_MAJOR, AREG_VERSION_MINOR, AREG_VERSION_PATCH);
}

static void print_command_help(const struct command *command, const struct flag *flags)
{
    printf("usage: areg-reconfig %s\n\n%s\n\nflags:\n", command->synopsis, command->text);
    command_line_print_flags(flags, stdout);
    printf("\nexamples:\n%s", command->examples);
}

static bool take_words(struct admin *admin, const struct command_line *line, enum exit_code *code)
{
    unsigned count = 0;
    for (unsigned i = 0; i < line->word_count; i++, count++)
        if (count < ADMIN_WORD_COUNT_MAX)
            admin->words[count] = line->words[i];
    for (char *const *rest = line->rest; rest && *rest; rest++, count++)
        if (count < ADMIN_WORD_COUNT_MAX)
            admin->words[count] = *rest;
    admin->word_count = count;
    if (count >= admin->command->word_count_min && count <= admin->command->word_count_max)
        return true;
    *code = admin_fail_usage(admin->command, "%s: areg-reconfig %s",
                             count < admin->command->word_count_min ? "a word is missing" : "a word too many",
                             admin->command->synopsis);
    return false;
}

bool admin_parse(struct admin *admin, const struct command *command, const struct flag *flags, int argc, char **argv,
                 enum exit_code *code)
{
    admin->command = command;
    char why[COMMAND_LINE_WHY_BYTES];
    struct command_line line;
    const enum areg_error error = command_line_parse(flags, argc, argv, &line, why);
    *code = EXIT_CODE_OK;
    if (admin->flags.help) {
        print_command_help(command, flags);
        return false;
    }
    if (admin->flags.version) {
        print_version();
        return false;
    }
    if (error) {
        *code = admin_fail_usage(command, "%s", why);
        return false;
    }
    if (admin->flags.timeout_ms == 0)
        admin->flags.timeout_ms = command->timeout_ms;
    return take_words(admin, &line, code);
}

bool admin_find_command(int *argc, char **argv, const char **name, enum exit_code *code)
{
    struct admin_flags common = {0};
    const struct flag flags[] = {ADMIN_FLAGS(&common)};
    *name = NULL;
    for (int i = 0; i < *argc && !*name; i++) {
        bool takes_next = false;
        for (const struct flag *flag = flags; flag->name; flag++)
            if (flag->kind != FLAG_SWITCH && strncmp(argv[i], "--", 2) == 0 && strcmp(argv[i] + 2, flag->name) == 0)
                takes_next = true;
        if (takes_next) {
            i++;
        } else if (argv[i][0] != '-') {
            *name = argv[i];
            memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof argv[0]); /* with the final NULL */
            (*argc)--;
        }
    }
    if (*name)
        return true;
    char why[COMMAND_LINE_WHY_BYTES];
    struct command_line line;
    const enum areg_error error = command_line_parse(flags, *argc, argv, &line, why);
    *code = EXIT_CODE_OK;
    if (common.help)
        admin_print_help(stdout);
    else if (common.version)
        print_version();
    else if (error)
        *code = admin_fail_usage(NULL, "%s", why);
    else
        *code = admin_fail_usage(NULL, "a command is missing; areg-reconfig --help lists all");
    return false;
}

/* ---------------------------------------------------------------- the cluster */

uint64_t admin_deadline_ns(const struct admin *admin)
{
    return handle_now_ns() + admin->flags.timeout_ms * UINT64_C(1000000);
}

/* The seeds of --seeds or AREG_SEEDS; NULL: neither is there. */
static const char *named_seeds(const struct admin *admin)
{
    const char *environment = getenv("AREG_SEEDS");
    if (admin->flags.seeds)
        return admin->flags.seeds;
    return environment && environment[0] ? environment : NULL;
}

bool admin_names_cluster(const struct admin *admin)
{
    return named_seeds(admin) != NULL || admin->flags.config != NULL;
}

static bool open_handle(struct admin *admin, enum exit_code *code)
{
    const char *where = named_seeds(admin);
    if (where && !admin->flags.seeds && admin->flags.config)
        admin_say(admin, "AREG_SEEDS goes before the settings file: %s", where);
    if (!where)
        where = admin->flags.config;
    if (!where) {
        *code = admin_fail_usage(admin->command,
                                 "which cluster? Give --seeds tcp://HOST:PORT, AREG_SEEDS or --config FILE");
        return false;
    }
    char detail[512];
    const struct areg_options options = {.detail = detail, .detail_bytes = sizeof detail};
    const enum areg_error error = areg_open(&admin->client, where, &options);
    if (error)
        *code = admin_fail(admin, admin_exit_code(error), "%s", detail);
    return !error;
}

static bool find_pool(struct admin *admin, enum exit_code *code)
{
    const char *names[POOL_COUNT_MAX + 1] = {0};
    for (unsigned i = 0; i < admin->cluster->pool_count; i++) {
        names[i] = admin->cluster->pools[i].name;
        if (admin->flags.pool && strcmp(admin->flags.pool, names[i]) == 0)
            admin->pool = &admin->cluster->pools[i];
    }
    if (!admin->flags.pool || admin->pool)
        return true;
    const char *near = command_line_suggest(admin->flags.pool, names);
    *code =
        admin_fail(admin, EXIT_CODE_NOT_FOUND, near ? "there is no pool %s (did you mean %s?)" : "there is no pool %s",
                   admin->flags.pool, near);
    return false;
}

bool admin_open(struct admin *admin, enum exit_code *code)
{
    if (!open_handle(admin, code))
        return false;
    admin->cluster = handle_await_cluster(admin->client, admin_deadline_ns(admin));
    if (!admin->cluster) {
        const enum areg_error error = handle_no_cluster(admin->client);
        *code =
            admin_fail(admin, admin_exit_code(error), "the cluster can not be reached: %s", areg_detail(admin->client));
    }
    if (admin->cluster && find_pool(admin, code))
        return true;
    admin_close(admin);
    return false;
}

void admin_close(struct admin *admin)
{
    areg_close(admin->client);
    admin->client = NULL;
}
