/* The heap of events: earliest first, ties by their number. */
#include "tests/unit/seed.h"

#include "sim/inside.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the dumb twin: a sorted array */

struct twin {
    struct event events[4096];
    size_t count;
};

static void twin_push(struct twin *twin, struct event event)
{
    size_t at = twin->count++;
    for (; at > 0; at--) {
        const struct event *before = &twin->events[at - 1];
        if (before->due_ns < event.due_ns || (before->due_ns == event.due_ns && before->tie < event.tie))
            break;
        twin->events[at] = *before;
    }
    twin->events[at] = event;
}

static struct event twin_pop(struct twin *twin)
{
    const struct event first = twin->events[0];
    memmove(&twin->events[0], &twin->events[1], --twin->count * sizeof twin->events[0]);
    return first;
}

/* ---------------------------------------------------------------- tests */

static void pop_both(struct events *events, struct twin *twin)
{
    struct event event;
    assert_true(events_pop(events, &event));
    const struct event expected = twin_pop(twin);
    assert_int_equal(event.due_ns, expected.due_ns);
    assert_int_equal(event.tie, expected.tie);
    assert_int_equal(event.a, expected.a);
}

static void events_leave_in_the_order_of_a_sorted_list(void **state)
{
    (void)state;
    struct random_source random = test_random();
    static struct twin twin;
    for (unsigned round = 0; round < 60; round++) {
        struct events events = {0};
        /* From all at one instant to hardly any two. */
        const uint64_t instant_count = UINT64_C(1) << random_below(&random, 20);
        const uint64_t push_percent = 30 + random_below(&random, 60);
        twin.count = 0;
        for (uint32_t i = 0; i < 3000; i++) {
            if (random_below(&random, 100) < push_percent) {
                const struct event event = {
                    .due_ns = random_below(&random, instant_count), .tie = random_next(&random), .a = i};
                events_push(&events, event);
                twin_push(&twin, event);
            } else if (twin.count > 0) {
                pop_both(&events, &twin);
            }
            assert_int_equal(events.count, twin.count);
        }
        while (twin.count > 0)
            pop_both(&events, &twin);
        struct event event;
        assert_false(events_pop(&events, &event));
        events_fini(&events);
    }
}

static void the_largest_times_and_ties_are_ordered_too(void **state)
{
    (void)state;
    struct events events = {0};
    static const uint64_t times[] = {UINT64_MAX, 0, UINT64_MAX - 1, 1};
    static const uint64_t ties[] = {UINT64_MAX, 0};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < 2; j++)
            events_push(&events, (struct event){.due_ns = times[i], .tie = ties[j]});
    static const uint64_t ordered[] = {0, 1, UINT64_MAX - 1, UINT64_MAX};
    for (unsigned i = 0; i < 8; i++) {
        struct event event;
        assert_true(events_pop(&events, &event));
        assert_int_equal(event.due_ns, ordered[i / 2]);
        assert_int_equal(event.tie, i % 2 ? UINT64_MAX : 0);
    }
    events_fini(&events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_leave_in_the_order_of_a_sorted_list),
        cmocka_unit_test(the_largest_times_and_ties_are_ordered_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
