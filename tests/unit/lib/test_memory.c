/*
 * The library when memory runs out: the n-th allocation fails, for every n. Nothing leaks (the leak checker sees), and
 * each call ends as areg.h says it may.
 */
#include "local_hosts.h"

#include <areg.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- allocations of this thread that fail */

static _Thread_local unsigned countdown; /* the allocation after so many fails; 0: none does */
static _Thread_local bool has_failed;

static bool fails_now(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

void *__real_malloc(size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return fails_now() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails_now() ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails_now() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return fails_now() ? NULL : __real_aligned_alloc(alignment, bytes);
}

/* Arm the n-th allocation from now on, counted from 1. */
static void fail_allocation(unsigned n)
{
    countdown = n;
    has_failed = false;
}

/* No more failures; whether there was one. */
static bool failure_came(void)
{
    countdown = 0;
    return has_failed;
}

enum { ALLOCATION_COUNT_MAX = 10000 };

/* ---------------------------------------------------------------- cases */

static int set_up(void **state)
{
    *state = local_hosts_start("rs:5,3", 3);
    return 0;
}

static int tear_down(void **state)
{
    local_hosts_stop(*state);
    return 0;
}

static void opening_fails_cleanly(void **state)
{
    unsigned failures = 0;
    for (unsigned n = 1; n < ALLOCATION_COUNT_MAX; n++) {
        struct areg_client *client;
        fail_allocation(n);
        const enum areg_error error = areg_open(&client, local_hosts_seeds(*state), NULL);
        const bool failed = failure_came();
        assert_true(failed || error == AREG_OK);
        assert_true(error == AREG_OK || error == AREG_ENOMEM || error == AREG_EIO);
        assert_true((client != NULL) == (error == AREG_OK));
        areg_close(client); /* a seed that could not be connected to is tried again: that is no failure */
        failures += failed;
        if (!failed)
            break;
    }
    assert_true(failures > 5 && failures < ALLOCATION_COUNT_MAX - 1);
}

static void count_done(const struct areg_result *result, void *arg)
{
    ++*(unsigned *)arg;
    areg_value_free(result->value);
}

static void submissions_are_admitted_all_or_none(void **state)
{
    struct areg_client *client;
    assert_int_equal(areg_open(&client, local_hosts_seeds(*state), NULL), AREG_OK);
    assert_int_equal(areg_put(client, "c", 1, "warm", 4, NULL, NULL), AREG_OK);
    struct areg_value *value = areg_value_create(100);
    memset(areg_value_data_mutable(value), 'v', 100);
    unsigned failures = 0;
    for (unsigned n = 1; n < ALLOCATION_COUNT_MAX; n++) {
        unsigned done_count = 0;
        const struct areg_request requests[] = {
            {.op = AREG_PUT, .key = "a", .key_bytes = 1, .data = "1", .data_bytes = 1},
            {.op = AREG_PUT, .key = "a", .key_bytes = 1, .value = value},
            {.op = AREG_DEL, .key = "b", .key_bytes = 1},
            {.op = AREG_GET, .key = "c", .key_bytes = 1},
        };
        enum { COUNT = sizeof requests / sizeof requests[0] };
        struct areg_request counted[COUNT];
        uint64_t ids[COUNT] = {0};
        memcpy(counted, requests, sizeof counted);
        for (unsigned i = 0; i < COUNT; i++) {
            counted[i].done = count_done;
            counted[i].arg = &done_count;
        }
        fail_allocation(n);
        const enum areg_error error = areg_submit(client, counted, COUNT, ids);
        const bool failed = failure_came();
        assert_true(failed ? error == AREG_ENOMEM || error == AREG_OK : error == AREG_OK);
        areg_run(client, AREG_FOREVER);
        while (areg_run(client, AREG_FOREVER) > 0)
            continue;
        assert_int_equal(done_count, error ? 0 : COUNT); /* each is heard of, or none */
        assert_true(error ? ids[0] == 0 : areg_cancel(client, ids[0]) == AREG_EINVAL);
        failures += failed;
        if (!failed)
            break;
    }
    assert_true(failures >= 4 && failures < ALLOCATION_COUNT_MAX - 1); /* keys and values, at least */
    areg_value_free(value);
    areg_close(client);
}

static void a_write_and_a_read_end_as_they_may(void **state)
{
    enum { VALUE_BYTES = 20000 };
    static uint8_t bytes[VALUE_BYTES] = {1, 2, 3};
    struct areg_client *client;
    assert_int_equal(areg_open(&client, local_hosts_seeds(*state), NULL), AREG_OK);
    assert_int_equal(areg_put(client, "k", 1, bytes, sizeof bytes, NULL, NULL), AREG_OK);
    unsigned failures = 0;
    bool is_over = false;
    for (unsigned n = 1; n < ALLOCATION_COUNT_MAX && !is_over; n++) {
        struct areg_value *value;
        fail_allocation(n);
        const enum areg_error put_error = areg_put(client, "k", 1, bytes, sizeof bytes, NULL, NULL);
        is_over = !failure_came();
        assert_true(put_error == AREG_OK || put_error == AREG_ENOMEM || put_error == AREG_EMAYBE);
        fail_allocation(n);
        const enum areg_error get_error = areg_get(client, "k", 1, NULL, &value, NULL);
        const bool get_failed = failure_came();
        is_over = is_over && !get_failed;
        failures += get_failed;
        assert_true(get_error == AREG_OK || get_error == AREG_ENOMEM);
        if (get_error == AREG_OK) {
            assert_int_equal(areg_value_bytes(value), VALUE_BYTES);
            fail_allocation(1);
            const void *data = areg_value_data(value);
            assert_true(data == NULL || memcmp(data, bytes, VALUE_BYTES) == 0);
            failure_came();
            assert_memory_equal(areg_value_data(value), bytes, VALUE_BYTES);
        }
        areg_value_free(value);
    }
    assert_true(is_over);
    assert_true(failures > 5);
    areg_close(client);
}

static bool count_key(const void *key, size_t key_bytes, struct areg_tag tag, void *arg)
{
    (void)key;
    (void)key_bytes;
    (void)tag;
    ++*(unsigned *)arg;
    return true;
}

static void count_host(const struct areg_host_status *host, void *arg)
{
    assert_non_null(host->status);
    ++*(unsigned *)arg;
}

static void listings_and_pings_end_as_they_may(void **state)
{
    struct areg_client *client;
    assert_int_equal(areg_open(&client, local_hosts_seeds(*state), NULL), AREG_OK);
    assert_int_equal(areg_put(client, "k", 1, "v", 1, NULL, NULL), AREG_OK);
    bool is_over = false;
    for (unsigned n = 1; n < ALLOCATION_COUNT_MAX && !is_over; n++) {
        unsigned key_count = 0;
        fail_allocation(n);
        const enum areg_error error = areg_list(client, "k", 1, NULL, count_key, &key_count);
        is_over = !failure_came();
        assert_true(error == AREG_OK || error == AREG_ENOMEM);
        assert_int_equal(key_count, error == AREG_OK);
    }
    assert_true(is_over);
    is_over = false;
    const struct areg_op_options soon = {.timeout_ms = 150};
    for (unsigned n = 1; n < ALLOCATION_COUNT_MAX && !is_over; n++) {
        unsigned host_count = 0;
        fail_allocation(n);
        const enum areg_error error = areg_ping(client, &soon, count_host, &host_count);
        is_over = !failure_came();
        assert_true(error == AREG_OK || error == AREG_ENOMEM || error == AREG_EIO);
        assert_int_equal(host_count, error == AREG_OK ? 5 : 0);
    }
    assert_true(is_over);
    areg_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(opening_fails_cleanly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(submissions_are_admitted_all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_and_a_read_end_as_they_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(listings_and_pings_end_as_they_may, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
