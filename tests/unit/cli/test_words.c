/* The command line as all commands share it: where the command is among the flags, words, exit codes. */
#include "client/cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ARGUMENT_COUNT_MAX = 8 };

/* Split a text at its spaces into argv. */
static int split(char *text, char *argv[ARGUMENT_COUNT_MAX + 1])
{
    int argc = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        assert_true(argc < ARGUMENT_COUNT_MAX);
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return argc;
}

static void the_command_may_stand_anywhere_among_common_flags(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name; /* NULL: there is none */
        const char *rest;
        enum exit_code code;
    } cases[] = {
        {"get k", "get", "k", EXIT_CODE_OK},
        {"-q get k -o f", "get", "-q k -o f", EXIT_CODE_OK},
        {"--seeds tcp://h:1 put k v", "put", "--seeds tcp://h:1 k v", EXIT_CODE_OK},
        {"--seeds=tcp://h:1 --timeout 5 ls", "ls", "--seeds=tcp://h:1 --timeout 5", EXIT_CODE_OK},
        {"--json", NULL, "", EXIT_CODE_USAGE},
        {"--seeds", NULL, "", EXIT_CODE_USAGE},
        {"--tiemout=5", NULL, "", EXIT_CODE_USAGE},
        {"--help", NULL, "", EXIT_CODE_OK},
        {"-q --version", NULL, "", EXIT_CODE_OK},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        char rest[64];
        char *argv[ARGUMENT_COUNT_MAX + 1];
        char *expected[ARGUMENT_COUNT_MAX + 1];
        strcpy(text, cases[i].text);
        strcpy(rest, cases[i].rest);
        int argc = split(text, argv);
        const int expected_count = split(rest, expected);
        const char *name;
        enum exit_code code = EXIT_CODE_OK;
        const bool found = cli_find_command(&argc, argv, &name, &code);
        assert_int_equal(found, cases[i].name != NULL);
        assert_int_equal(code, cases[i].code);
        if (!found)
            continue;
        assert_string_equal(name, cases[i].name);
        assert_int_equal(argc, expected_count);
        for (int j = 0; j < argc; j++)
            assert_string_equal(argv[j], expected[j]);
        assert_null(argv[argc]);
    }
}

static enum exit_code run_nothing(const struct command *command, int argc, char **argv)
{
    (void)command;
    (void)argc;
    (void)argv;
    return EXIT_CODE_OK;
}

static bool parse(const char *line, struct cli *cli, enum exit_code *code)
{
    static const struct command command = {.name = "put",
                                           .synopsis = "put KEY [VALUE]",
                                           .text = "text",
                                           .examples = "examples\n",
                                           .word_count_min = 1,
                                           .word_count_max = 2,
                                           .run = run_nothing};
    static char text[64];
    char *argv[ARGUMENT_COUNT_MAX + 1];
    strcpy(text, line);
    const int argc = split(text, argv);
    memset(cli, 0, sizeof *cli);
    const struct flag flags[] = {CLI_FLAGS(&cli->flags)};
    return cli_parse(cli, &command, flags, argc, argv, code);
}

static void words_count_before_and_after_two_dashes(void **state)
{
    (void)state;
    struct cli cli;
    enum exit_code code;
    assert_true(parse("k -q v", &cli, &code));
    assert_int_equal(cli.word_count, 2);
    assert_string_equal(cli.words[0], "k");
    assert_string_equal(cli.words[1], "v");
    assert_true(cli.flags.quiet);
    assert_true(parse("k -- -q", &cli, &code));
    assert_string_equal(cli.words[1], "-q");
    assert_false(cli.flags.quiet);
    assert_true(parse("-- k", &cli, &code));
    assert_int_equal(cli.word_count, 1);
    assert_false(parse("", &cli, &code));
    assert_int_equal(code, EXIT_CODE_USAGE);
    assert_false(parse("a b c", &cli, &code));
    assert_int_equal(code, EXIT_CODE_USAGE);
    assert_false(parse("a -- b c", &cli, &code));
    assert_int_equal(code, EXIT_CODE_USAGE);
    assert_false(parse("a --sedes x", &cli, &code));
    assert_int_equal(code, EXIT_CODE_USAGE);
    assert_false(parse("--help", &cli, &code));
    assert_int_equal(code, EXIT_CODE_OK);
}

static void every_error_has_the_exit_code_of_its_class(void **state)
{
    (void)state;
    assert_int_equal(cli_exit_code(AREG_OK), 0);
    assert_int_equal(cli_exit_code(AREG_EIO), 1);
    assert_int_equal(cli_exit_code(AREG_ETOOBIG), 1);
    assert_int_equal(cli_exit_code(AREG_EINVAL), 2);
    assert_int_equal(cli_exit_code(AREG_ENOTFOUND), 3);
    assert_int_equal(cli_exit_code(AREG_EUNAVAIL), 4);
    assert_int_equal(cli_exit_code(AREG_ESTALE), 5);
    assert_int_equal(cli_exit_code(AREG_EMAYBE), 6);
    assert_int_equal(cli_exit_code(AREG_EACCES), 7);
    assert_int_equal(cli_exit_code(AREG_EVERSION), 8);
    for (int error = AREG_OK + 1; error <= AREG_EMAYBE; error++) {
        assert_int_not_equal(cli_exit_code((enum areg_error)error), 0);
        /* Scripts must be able to trust that only 6 means unknown. */
        assert_int_equal(cli_exit_code((enum areg_error)error) == 6, error == AREG_EMAYBE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_command_may_stand_anywhere_among_common_flags),
        cmocka_unit_test(words_count_before_and_after_two_dashes),
        cmocka_unit_test(every_error_has_the_exit_code_of_its_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
