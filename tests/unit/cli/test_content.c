/* Values from and to files. */
#include "client/cli/content.h"
#include "tests/unit/seed.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/areg-content.XXXXXX";
static char why[CONTENT_WHY_BYTES];

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir); /* fails if a draft was left behind */
}

static const char *path_of(const char *name, char path[64])
{
    snprintf(path, 64, "%s/%s", dir, name);
    return path;
}

static void write_file(const char *path, const void *data, size_t bytes)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), bytes);
    close(fd);
}

static void assert_file(const char *path, const void *data, size_t bytes)
{
    char *content = malloc(bytes + 1);
    const int fd = open(path, O_RDONLY);
    assert_true(content && fd >= 0);
    assert_int_equal(read(fd, content, bytes + 1), bytes);
    assert_memory_equal(content, data, bytes);
    close(fd);
    free(content);
}

static struct areg_value *read_word(const char *word)
{
    struct areg_value *value = NULL;
    assert_int_equal(content_read(word, &value, why), AREG_OK);
    return value;
}

static void a_word_is_its_own_value(void **state)
{
    (void)state;
    static const char *const words[] = {"", "hello", "a@b", "--"};
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct areg_value *value = read_word(words[i]);
        assert_int_equal(areg_value_bytes(value), strlen(words[i]));
        assert_memory_equal(areg_value_data(value), words[i], strlen(words[i]));
        areg_value_free(value);
    }
}

static void files_of_every_size_make_the_way_in_and_out(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1u << 20, AREG_VALUE_BYTES_MAX};
    uint8_t *data = malloc(AREG_VALUE_BYTES_MAX);
    assert_non_null(data);
    random_fill(&random, data, AREG_VALUE_BYTES_MAX);
    char in[64];
    char out[64];
    char word[65] = "@";
    strcat(word, path_of("in", in));
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_file(in, data, sizes[i]);
        struct areg_value *value = read_word(word);
        assert_int_equal(areg_value_bytes(value), sizes[i]);
        assert_int_equal(content_write(path_of("out", out), value, why), AREG_OK);
        assert_file(out, data, sizes[i]);
        areg_value_free(value);
    }
    unlink(in);
    unlink(out);
    free(data);
}

static void files_above_the_limit_are_refused(void **state)
{
    (void)state;
    char path[64];
    char word[65] = "@";
    strcat(word, path_of("large", path));
    write_file(path, "", 0);
    struct areg_value *value;
    assert_int_equal(truncate(path, (off_t)AREG_VALUE_BYTES_MAX + 1), 0);
    assert_int_equal(content_read(word, &value, why), AREG_ETOOBIG);
    assert_non_null(strstr(why, "16 MiB"));
    assert_int_equal(truncate(path, (off_t)1 << 40), 0);
    assert_int_equal(content_read(word, &value, why), AREG_ETOOBIG);
    unlink(path);
    assert_int_equal(content_read("@/dev/zero", &value, why), AREG_ETOOBIG); /* has no size, and no end */
}

static void files_that_can_not_be_read_are_named(void **state)
{
    (void)state;
    struct areg_value *value;
    assert_int_equal(content_read("@/nonexistent", &value, why), AREG_EIO);
    assert_string_equal(why, "/nonexistent: No such file or directory");
    assert_int_equal(content_read("@/tmp", &value, why), AREG_EIO);
    assert_non_null(strstr(why, "/tmp: "));
    assert_int_equal(content_read("@", &value, why), AREG_EIO);
}

struct feed {
    int fd;
    size_t bytes;
};

/* Write in small steps, so that the reader gets the content in many. */
static void *feed_pipe(void *arg)
{
    const struct feed *feed = arg;
    char step[1000];
    memset(step, 'x', sizeof step);
    for (size_t left = feed->bytes; left > 0;) {
        const ssize_t written = write(feed->fd, step, left < sizeof step ? left : sizeof step);
        if (written < 0)
            break; /* the reader has seen enough */
        left -= (size_t)written;
    }
    close(feed->fd);
    return NULL;
}

static enum areg_error read_pipe(size_t bytes, struct areg_value **value)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct feed feed = {.fd = fds[1], .bytes = bytes};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, feed_pipe, &feed), 0);
    char word[32];
    snprintf(word, sizeof word, "@/proc/self/fd/%d", fds[0]);
    const enum areg_error error = content_read(word, value, why);
    close(fds[0]);
    pthread_join(thread, NULL);
    return error;
}

static void pipes_are_read_to_their_end_or_to_the_limit(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65536, 65537, 1000000};
    struct areg_value *value;
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(read_pipe(sizes[i], &value), AREG_OK);
        assert_int_equal(areg_value_bytes(value), sizes[i]);
        areg_value_free(value);
    }
    assert_int_equal(read_pipe((size_t)AREG_VALUE_BYTES_MAX + 1, &value), AREG_ETOOBIG);
}

static void a_file_that_can_not_be_written_is_as_it_was(void **state)
{
    (void)state;
    struct areg_value *value = read_word("new");
    assert_int_equal(content_write("/nonexistent/file", value, why), AREG_EIO);
    assert_string_equal(why, "/nonexistent/file: No such file or directory");
    assert_int_equal(content_write(dir, value, why), AREG_EIO); /* a directory */
    assert_int_equal(content_write("/dev/full", value, why), AREG_EIO);
    assert_string_equal(why, "/dev/full: No space left on device");
    assert_int_equal(content_write("/dev/null", value, why), AREG_OK);
    struct stat status;
    assert_int_equal(stat("/dev/null", &status), 0);
    assert_true(S_ISCHR(status.st_mode));
    areg_value_free(value);
}

static void a_new_file_gets_the_usual_permissions(void **state)
{
    (void)state;
    char path[64];
    const mode_t mask = umask(027);
    struct areg_value *value = read_word("v");
    assert_int_equal(content_write(path_of("mode", path), value, why), AREG_OK);
    umask(mask);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    areg_value_free(value);
    unlink(path);
}

static void a_file_keeps_its_permissions_and_a_link_stays_one(void **state)
{
    (void)state;
    char path[64];
    char link_path[64];
    struct areg_value *value = read_word("old");
    assert_int_equal(content_write(path_of("secret", path), value, why), AREG_OK);
    areg_value_free(value);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(symlink("secret", path_of("link", link_path)), 0);
    value = read_word("new");
    assert_int_equal(content_write(link_path, value, why), AREG_OK);
    areg_value_free(value);
    struct stat status;
    assert_int_equal(lstat(link_path, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_file(path, "new", 3);
    unlink(link_path);
    unlink(path);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_its_own_value),
        cmocka_unit_test(files_of_every_size_make_the_way_in_and_out),
        cmocka_unit_test(files_above_the_limit_are_refused),
        cmocka_unit_test(files_that_can_not_be_read_are_named),
        cmocka_unit_test(pipes_are_read_to_their_end_or_to_the_limit),
        cmocka_unit_test(a_file_that_can_not_be_written_is_as_it_was),
        cmocka_unit_test(a_new_file_gets_the_usual_permissions),
        cmocka_unit_test(a_file_keeps_its_permissions_and_a_link_stays_one),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
