/* Which workers are named, and for what. */
#include "reconfig/cli/workers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Workers s1, s2, ..., which have told of registers that can not be moved. */
static void make_workers(struct workers *workers, const uint32_t *stuck_counts, unsigned count)
{
    memset(workers, 0, sizeof *workers);
    workers->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct host_asked *host = &workers->hosts[i];
        snprintf(host->id.text, sizeof host->id.text, "s%u", i + 1);
        host->has_answered = true;
        host->transfer.stuck_count = stuck_counts[i];
    }
}

static void hosts_that_tell_of_stuck_registers_are_named_with_how_many(void **state)
{
    (void)state;
    struct workers workers;
    char text[256];
    make_workers(&workers, (uint32_t[]){0, 3, 0, 1}, 4);
    workers_list_stuck(&workers, text, sizeof text);
    assert_string_equal(text, "s2: 3 registers can not be moved: see its log, "
                              "s4: 1 register can not be moved: see its log");
    make_workers(&workers, (uint32_t[]){0, 0}, 2);
    workers_list_stuck(&workers, text, sizeof text);
    assert_string_equal(text, "");
}

static void what_a_host_has_not_told_now_is_not_counted(void **state)
{
    (void)state;
    struct workers workers;
    char text[256];
    make_workers(&workers, (uint32_t[]){2, 2, 2}, 3);
    workers.hosts[0].has_answered = false;
    workers.hosts[2].status = REPLY_INVALID;
    workers_list_stuck(&workers, text, sizeof text);
    assert_string_equal(text, "s2: 2 registers can not be moved: see its log");
}

static void a_list_without_room_is_cut(void **state)
{
    (void)state;
    struct workers workers;
    char whole[512];
    make_workers(&workers, (uint32_t[]){1, 20, 300}, 3);
    workers_list_stuck(&workers, whole, sizeof whole);
    for (size_t room_bytes = 1; room_bytes <= strlen(whole) + 1; room_bytes++) {
        char text[512];
        memset(text, '#', sizeof text);
        workers_list_stuck(&workers, text, room_bytes);
        assert_int_equal(strlen(text), room_bytes - 1);
        assert_memory_equal(text, whole, room_bytes - 1);
        assert_int_equal(text[room_bytes], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_that_tell_of_stuck_registers_are_named_with_how_many),
        cmocka_unit_test(what_a_host_has_not_told_now_is_not_counted),
        cmocka_unit_test(a_list_without_room_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
