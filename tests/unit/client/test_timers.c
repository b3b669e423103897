/*
 * The heap of timers against a search through all of them.
 */
#include "client/engine.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { OPERATION_MAX = 200 };

static uint64_t smallest_of(struct operation *operations)
{
    uint64_t wake_ns = UINT64_MAX;
    for (unsigned i = 0; i < OPERATION_MAX; i++)
        if (operations[i].timer_index != TIMER_NONE && operations[i].wake_ns < wake_ns)
            wake_ns = operations[i].wake_ns;
    return wake_ns;
}

static void the_first_is_always_the_smallest(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct operation *operations = calloc(OPERATION_MAX, sizeof *operations);
    struct operation *heap[OPERATION_MAX];
    struct timers timers = {.heap = heap};
    for (unsigned i = 0; i < OPERATION_MAX; i++)
        operations[i].timer_index = TIMER_NONE;
    unsigned count = 0;
    for (unsigned turn = 0; turn < 200000; turn++) {
        struct operation *operation = &operations[random_below(&random, OPERATION_MAX)];
        const bool is_in = operation->timer_index != TIMER_NONE;
        /* Phases of growing and of shrinking; times often equal. */
        if (random_below(&random, 100) < (turn / 10000 % 2 ? 30 : 60)) {
            timers_remove(&timers, operation);
            count -= is_in;
        } else {
            const uint64_t wake_ns = random_below(&random, 10) ? random_below(&random, 50) : UINT64_MAX;
            timers_set(&timers, operation, wake_ns);
            assert_int_equal(operation->wake_ns, wake_ns);
            count += !is_in;
        }
        assert_int_equal(timers.count, count);
        assert_int_equal(timers_first(&timers) == NULL, count == 0);
        if (count > 0)
            assert_int_equal(timers_first(&timers)->wake_ns, smallest_of(operations));
        if (turn % 100 == 0)
            timers_check(&timers);
    }
    free(operations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_is_always_the_smallest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
