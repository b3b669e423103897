/* The order of what happens in virtual time. */
#include "lab/agenda.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void events_come_in_order_and_those_of_one_instant_as_they_were_planned(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct agenda agenda = {0};
    uint64_t planned = 0;
    uint64_t last_ns = 0;
    uint32_t last_subject = 0;
    for (unsigned step = 0; step < 20000; step++) {
        struct agenda_event event;
        if (planned < 10000 && random_below(&random, 3) < 2) {
            const uint64_t at_ns = agenda.now_ns + random_below(&random, 20);
            agenda_plan(&agenda, at_ns, (struct agenda_event){.subject = (uint32_t)planned++});
        } else if (agenda_next(&agenda, &event)) {
            assert_int_equal(event.at_ns, agenda.now_ns);
            assert_true(event.at_ns > last_ns || (event.at_ns == last_ns && event.subject >= last_subject) ||
                        agenda.event_count == 1);
            last_subject = event.at_ns == last_ns ? event.subject : 0;
            last_ns = event.at_ns;
        }
    }
    struct agenda_event event;
    while (agenda_next(&agenda, &event)) {
        assert_true(event.at_ns >= last_ns);
        last_ns = event.at_ns;
    }
    assert_int_equal(agenda.event_count, planned);
    agenda_fini(&agenda);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_and_those_of_one_instant_as_they_were_planned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
