/* One table of flags: parsing, help, and what a typing mistake is answered with. */
#include "core/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct values {
    bool quiet;
    const char *config;
    uint64_t count;
    uint64_t bytes;
    uint64_t duration_ns;
};

enum { FLAG_ROOM = 6 };

static void fill_flags(struct values *values, struct flag flags[FLAG_ROOM])
{
    const struct flag table[FLAG_ROOM] = {
        {"quiet", 'q', FLAG_SWITCH, &values->quiet, NULL, "say less", 0, 0},
        {"config", 'c', FLAG_TEXT, &values->config, "FILE", "settings", 0, 0},
        {"count", 'n', FLAG_COUNT, &values->count, "N", "how many", 1, 32},
        {"value", 0, FLAG_BYTES, &values->bytes, "SIZE", "how large", 0, 1 << 20},
        {"run", 0, FLAG_DURATION, &values->duration_ns, "TIME", "how long", 0, 0},
        {0},
    };
    memcpy(flags, table, sizeof table);
}

/* A command line as one text: words are separated by one space. It is cut up in place. */
static enum areg_error parse(struct values *values, struct command_line *line, char *text, char *why)
{
    struct flag flags[FLAG_ROOM];
    fill_flags(values, flags);
    static char *argv[16];
    int argc = 0;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    argv[argc] = NULL;
    return command_line_parse(flags, argc, argv, line, why);
}

static void flags_and_words_may_be_mixed(void **state)
{
    (void)state;
    struct values values = {.count = 5};
    struct command_line line;
    char why[COMMAND_LINE_WHY_BYTES];
    char text[] = "put -q key --config=a=b - --value 64KiB --run 30s -- -q x";
    assert_int_equal(parse(&values, &line, text, why), AREG_OK);
    assert_true(values.quiet);
    assert_string_equal(values.config, "a=b");
    assert_int_equal(values.count, 5);
    assert_int_equal(values.bytes, 65536);
    assert_int_equal(values.duration_ns, 30000000000);
    assert_int_equal(line.word_count, 3);
    assert_string_equal(line.words[0], "put");
    assert_string_equal(line.words[1], "key");
    assert_string_equal(line.words[2], "-");
    assert_string_equal(line.rest[0], "-q");
    assert_string_equal(line.rest[1], "x");
    assert_null(line.rest[2]);
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        {"--quite", "unknown flag --quite (did you mean --quiet?)"},
        {"--conf x", "unknown flag --conf (did you mean --config?)"},
        {"--zebra", "unknown flag --zebra"},
        {"--zebra=1", "unknown flag --zebra"},
        {"-z", "unknown flag -z"},
        {"-qn", "unknown flag -qn"},
        {"--quiet=yes", "--quiet takes no value"},
        {"--config", "--config needs a value: --config FILE"},
        {"-n five", "--count takes a whole number, not \"five\""},
        {"-n 33", "--count must be at least 1 and at most 32, not 33"},
        {"--value 2MiB", "--value must be at least 0 B and at most 1 MiB, not 2MiB"},
        {"--run 30", "--run takes a duration like 30s or 500ms, not \"30\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct values values = {0};
        struct command_line line;
        char why[COMMAND_LINE_WHY_BYTES];
        char text[64];
        snprintf(text, sizeof text, "%s", cases[i].text);
        assert_int_equal(parse(&values, &line, text, why), AREG_EINVAL);
        assert_string_equal(why, cases[i].why);
    }
}

static void suggestions_are_near_or_none(void **state)
{
    (void)state;
    static const char *const commands[] = {"get", "put", "del", "stat", "ping", NULL};
    assert_string_equal(command_line_suggest("gte", commands), "get");
    assert_string_equal(command_line_suggest("sta", commands), "stat");
    assert_string_equal(command_line_suggest("status", commands), "stat");
    assert_string_equal(command_line_suggest("pong", commands), "ping");
    assert_null(command_line_suggest("recode", commands));
    assert_null(command_line_suggest("", commands));
    assert_null(command_line_suggest("a-very-long-word-that-nobody-would-ever-have-meant-to-type", commands));
}

static void help_is_aligned(void **state)
{
    (void)state;
    struct values values = {0};
    struct flag flags[FLAG_ROOM];
    fill_flags(&values, flags);
    char text[1024] = {0};
    FILE *to = fmemopen(text, sizeof text, "w");
    assert_non_null(to);
    command_line_print_flags(flags, to);
    fclose(to);
    assert_string_equal(text, "  -q, --quiet        say less\n"
                              "  -c, --config FILE  settings\n"
                              "  -n, --count N      how many\n"
                              "      --value SIZE   how large\n"
                              "      --run TIME     how long\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_and_words_may_be_mixed),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(suggestions_are_near_or_none),
        cmocka_unit_test(help_is_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
