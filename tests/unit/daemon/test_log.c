/* Lines of the log: one line each, valid JSON strings, and no flood. */
#include "server/daemon/log.h"
#include "tests/unit/daemon/scratch.h"

#include <fcntl.h>

/** What `write_some` puts on stderr. */
static void capture(void **state, const struct log *log, void (*write_some)(const struct log *log), char *text,
                    size_t room_bytes)
{
    char path[SCRATCH_PATH_BYTES];
    const int saved = dup(STDERR_FILENO);
    const int file = open(scratch_path(*state, "log", path), O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && file >= 0);
    dup2(file, STDERR_FILENO);
    write_some(log);
    dup2(saved, STDERR_FILENO);
    const ssize_t bytes = pread(file, text, room_bytes - 1, 0);
    assert_true(bytes >= 0);
    text[bytes] = 0;
    close(file);
    close(saved);
}

static void write_nasty(const struct log *log)
{
    log_write(log, LOG_WARN, "a \"quote\",\na line\tand %d", 7);
    log_write(log, LOG_DEBUG, "too fine");
}

static void a_message_is_one_line_of_text(void **state)
{
    char text[1024];
    const struct log log = {.level = LOG_INFO, .format = LOG_TEXT, .host = "s1"};
    capture(state, &log, write_nasty, text, sizeof text);
    assert_contains(text, "Z warn  s1: a \"quote\",?a line?and 7\n");
    assert_null(strstr(text, "too fine"));
}

static void a_message_is_one_json_object(void **state)
{
    char text[1024];
    const struct log log = {.level = LOG_INFO, .format = LOG_JSON, .host = "s1"};
    capture(state, &log, write_nasty, text, sizeof text);
    assert_contains(text, "Z\",\"level\":\"warn\",\"host\":\"s1\",\"message\":"
                          "\"a \\\"quote\\\",\\u000aa line\\u0009and 7\"}\n");
    assert_int_equal(text[0], '{');
    assert_null(strstr(text, "too fine"));
}

static void write_long(const struct log *log)
{
    char message[2 * LOG_LINE_BYTES_MAX];
    memset(message, '"', sizeof message - 1);
    message[sizeof message - 1] = 0;
    log_write(log, LOG_ERROR, "%s", message);
    log_object(log, LOG_ERROR, "status", "{\"a\":1}");
}

static void long_messages_are_cut_and_still_end_well(void **state)
{
    char text[4 * LOG_LINE_BYTES_MAX];
    struct log log = {.level = LOG_INFO, .format = LOG_JSON};
    capture(state, &log, write_long, text, sizeof text);
    assert_contains(text, "\\\"\"}\n{\"time\"");
    assert_contains(text, "\"host\":null,\"message\":\"status\",\"object\":{\"a\":1}}\n");
    log.format = LOG_TEXT;
    capture(state, &log, write_long, text, sizeof text);
    assert_contains(text, "\"\n");
    assert_contains(text, "status {\"a\":1}\n");
}

static void quoting_never_leaves_its_room(void **state)
{
    (void)state;
    for (size_t room_bytes = 9; room_bytes < 40; room_bytes++) {
        char *to = malloc(room_bytes);
        log_quote("\x01\x02\"\\plain text\x03 and more of it", to, room_bytes);
        assert_int_equal(to[0], '"');
        assert_int_equal(to[strlen(to) - 1], '"');
        free(to);
    }
}

static void a_flood_is_hidden_and_counted(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    uint64_t now_ns = LOG_LIMIT_PERIOD_NS;
    uint64_t hidden_count;
    for (unsigned i = 0; i < LOG_LIMIT_COUNT_MAX; i++) {
        assert_true(log_limit_take(&limit, now_ns, &hidden_count));
        assert_int_equal(hidden_count, 0);
    }
    for (unsigned i = 0; i < 1000; i++)
        assert_false(log_limit_take(&limit, now_ns + i, &hidden_count));
    assert_true(log_limit_take(&limit, now_ns + LOG_LIMIT_PERIOD_NS, &hidden_count));
    assert_int_equal(hidden_count, 1000);
    assert_true(log_limit_take(&limit, now_ns + LOG_LIMIT_PERIOD_NS, &hidden_count));
    assert_int_equal(hidden_count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, scratch_create, scratch_destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_message_is_one_line_of_text),
        CASE(a_message_is_one_json_object),
        CASE(long_messages_are_cut_and_still_end_well),
        cmocka_unit_test(quoting_never_leaves_its_room),
        cmocka_unit_test(a_flood_is_hidden_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
