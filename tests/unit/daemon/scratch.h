/*
 * A directory and files of a test's own, which go when the test ends.
 */
#ifndef TESTS_DAEMON_SCRATCH_H
#define TESTS_DAEMON_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ftw.h>
#include <unistd.h>

enum { SCRATCH_PATH_BYTES = 256 };

struct scratch {
    char directory[64];
};

static inline int scratch_create(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    if (!scratch)
        return -1;
    strcpy(scratch->directory, "/tmp/areg-test-XXXXXX");
    *state = scratch;
    return mkdtemp(scratch->directory) ? 0 : -1;
}

static inline int scratch_remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int scratch_destroy(void **state)
{
    struct scratch *scratch = *state;
    nftw(scratch->directory, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(scratch);
    return 0;
}

static inline const char *scratch_path(const struct scratch *scratch, const char *name, char path[SCRATCH_PATH_BYTES])
{
    snprintf(path, SCRATCH_PATH_BYTES, "%s/%s", scratch->directory, name);
    return path;
}

static inline void scratch_write(const struct scratch *scratch, const char *name, const char *text)
{
    char path[SCRATCH_PATH_BYTES];
    FILE *file = fopen(scratch_path(scratch, name, path), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not contain \"%s\"", text, part);
}

#endif
