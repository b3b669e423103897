/* A failed check ends the process, and says which claim failed and where. */
#include "core/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_failed_check_aborts_and_names_the_claim_and_its_place(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const int line = __LINE__ + 5;
    const pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        CHECK(1 + 1 == 3);
        _exit(0);
    }
    close(ends[1]);
    char said[256] = {0};
    size_t said_bytes = 0;
    ssize_t bytes;
    while ((bytes = read(ends[0], said + said_bytes, sizeof said - 1 - said_bytes)) > 0)
        said_bytes += (size_t)bytes;
    close(ends[0]);

    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    char expected[128];
    snprintf(expected, sizeof expected, "test_check.c:%d: invariant violated: 1 + 1 == 3\n", line);
    assert_non_null(strstr(said, expected));
}

static unsigned evaluations;

static int is_evaluated(void)
{
    evaluations++;
    return 1;
}

static void a_claim_is_evaluated_once_and_a_slow_one_only_where_asked_for(void **state)
{
    (void)state;
    evaluations = 0;
    CHECK(is_evaluated());
    assert_int_equal(evaluations, 1);
    CHECK_SLOW(is_evaluated());
#ifdef AREG_CHECK_SLOW
    assert_int_equal(evaluations, 2);
#else
    assert_int_equal(evaluations, 1);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_check_aborts_and_names_the_claim_and_its_place),
        cmocka_unit_test(a_claim_is_evaluated_once_and_a_slow_one_only_where_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
