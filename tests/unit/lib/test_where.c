/* Seeds and client settings files, good and bad. */
#include "client/lib/where.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* libconfig 1.5 loses 64 bytes for each file that ends within a string; not ours to free. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static struct where where; /* too large for some stacks */
static char why[WHERE_WHY_BYTES];

/* Parse a settings file with this content. */
static enum areg_error parse_content(const char *content, size_t content_bytes, char path[32])
{
    strcpy(path, "/tmp/areg-where.XXXXXX");
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, content_bytes), content_bytes);
    close(fd);
    const enum areg_error error = where_parse(path, &where, why);
    unlink(path);
    return error;
}

static enum areg_error parse_text(const char *content, char path[32])
{
    return parse_content(content, strlen(content), path);
}

static void seeds_are_separated_by_commas(void **state)
{
    (void)state;
    assert_int_equal(where_parse("tcp://h1:7600, tcp://h2:7600 ,tcp://[::1]:1", &where, why), AREG_OK);
    assert_int_equal(where.seed_count, 3);
    assert_string_equal(where.seeds[0], "tcp://h1:7600");
    assert_string_equal(where.seeds[1], "tcp://h2:7600");
    assert_string_equal(where.seeds[2], "tcp://[::1]:1");
    assert_int_equal(where.timeout_ms, 0);
}

static void a_seed_said_twice_counts_once(void **state)
{
    (void)state;
    assert_int_equal(where_parse("tcp://h1:1,tcp://h1:1", &where, why), AREG_OK);
    assert_int_equal(where.seed_count, 1);
}

static void bad_seeds_are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "udp://h1:1",      "tcp://h1", "tcp://h1:0",
        "tcp://h1:65536",  "tcp://:1", "tcp://h1:1,,tcp://h2:1",
        "tcp://h1:1,h2:1", "://",      "tcp://h1:1;tcp://h2:1",
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(where_parse(bad[i], &where, why), AREG_EINVAL);
        assert_non_null(strstr(why, "tcp://HOST:PORT"));
    }
    assert_int_equal(where_parse("tcp://h1:1,tcp://oops", &where, why), AREG_EINVAL);
    assert_non_null(strstr(why, "tcp://oops"));
    assert_int_equal(where_parse("", &where, why), AREG_EINVAL);
    assert_int_equal(where_parse(NULL, &where, why), AREG_EINVAL);
}

static void overlong_seeds_and_lists_are_refused(void **state)
{
    (void)state;
    static char text[400 * 20];
    memset(text, 'h', 1000);
    memcpy(text, "tcp://", 6);
    strcpy(text + 1000, ":1");
    assert_int_equal(where_parse(text, &where, why), AREG_EINVAL);
    text[0] = 0;
    for (unsigned i = 1; i <= HOST_COUNT_MAX + 1; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%stcp://h:%u", i > 1 ? "," : "", i);
    assert_int_equal(where_parse(text, &where, why), AREG_EINVAL);
    assert_non_null(strstr(why, "more than 256"));
}

static void a_settings_file_gives_seeds_and_timeout(void **state)
{
    (void)state;
    char path[32];
    assert_int_equal(
        parse_text("# where the cluster is\nseeds = [ \"tcp://h1:1\", \"tcp://h2:2\" ];\ntimeout = \"5 s\";\n", path),
        AREG_OK);
    assert_int_equal(where.seed_count, 2);
    assert_string_equal(where.seeds[1], "tcp://h2:2");
    assert_int_equal(where.timeout_ms, 5000);
}

static void mistakes_in_a_file_are_told_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        const char *expected; /* after the path */
    } cases[] = {
        {"seeds = [ \"tcp://h1:1\" ];\nseedz = 1;", ":2: seedz: unknown setting (did you mean seeds?)"},
        {"seeds = [ \"tcp://h1:1\" ];\nqqqqqq = 1;", ":2: qqqqqq: unknown setting"},
        {"\n\nseeds = [ \"h1:1\" ];", ":3: seeds: a seed has the form"},
        {"seeds = \"tcp://h1:1\";", ":1: seeds: must be an array"},
        {"seeds = [ 1, 2 ];", ":1: seeds: must be an array"},
        {"seeds = ( \"tcp://h1:1\" );", ":1: seeds: must be an array"},
        {"seeds = [ \"tcp://h1:1\" ];\ntimeout = 5;", ":2: timeout: must be a duration"},
        {"seeds = [ \"tcp://h1:1\" ];\ntimeout = \"5\";", ":2: timeout: must be a duration"},
        {"seeds = [ \"tcp://h1:1\" ];\ntimeout = \"0\";", ":2: timeout: must be between"},
        {"seeds = [ \"tcp://h1:1\" ];\ntimeout = \"50d\";", ":2: timeout: must be between"},
        {"timeout = \"5 s\";", ": seeds = [ \"tcp://HOST:PORT\" ] is missing"},
        {"seeds = [ ];", ": seeds = [ \"tcp://HOST:PORT\" ] is missing"},
        {"seeds = [ \"tcp://h1:1\" ]; }", ":1: syntax error"},
        {"seeds = [ \"tcp://h1:1\" ];\nseeds = [ \"tcp://h1:1\" ];", ":2: duplicate setting"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[32];
        assert_int_equal(parse_text(cases[i].content, path), AREG_EINVAL);
        assert_memory_equal(why, path, strlen(path));
        if (strncmp(why + strlen(path), cases[i].expected, strlen(cases[i].expected)) != 0)
            fail_msg("case %u: %s", i, why);
    }
}

static void a_file_that_can_not_be_read_ends_nothing(void **state)
{
    (void)state;
    assert_int_equal(where_parse("/nonexistent/client.conf", &where, why), AREG_EINVAL);
    assert_non_null(strstr(why, "/nonexistent/client.conf: No such file"));
    assert_int_equal(where_parse("/tmp", &where, why), AREG_EINVAL);
    char path[32];
    static char large[70000];
    memset(large, ' ', sizeof large);
    assert_int_equal(parse_content(large, sizeof large, path), AREG_EINVAL);
    assert_int_equal(parse_content("seeds\0=", 7, path), AREG_EINVAL);
}

static void random_bytes_never_parse_to_nonsense(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned i = 0; i < 300; i++) {
        static const char alphabet[] = "seed=[]{}();\",:/tcp1 \n#\\@";
        char content[64];
        const size_t bytes = random_below(&random, sizeof content);
        for (size_t j = 0; j < bytes; j++)
            content[j] = alphabet[random_below(&random, sizeof alphabet - 1)];
        char path[32];
        const enum areg_error error = parse_content(content, bytes, path);
        assert_true(error == AREG_EINVAL ? why[0] != 0 : where.seed_count > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_are_separated_by_commas),
        cmocka_unit_test(a_seed_said_twice_counts_once),
        cmocka_unit_test(bad_seeds_are_named),
        cmocka_unit_test(overlong_seeds_and_lists_are_refused),
        cmocka_unit_test(a_settings_file_gives_seeds_and_timeout),
        cmocka_unit_test(mistakes_in_a_file_are_told_with_file_and_line),
        cmocka_unit_test(a_file_that_can_not_be_read_ends_nothing),
        cmocka_unit_test(random_bytes_never_parse_to_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
