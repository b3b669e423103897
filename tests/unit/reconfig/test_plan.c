/* Plans: who keeps, who gets, what it costs; and their names. */
#include "reconfig/plan.h"

#include "tests/unit/seed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* A configuration of the hosts in `members`, one letter each. */
static struct config config_of(const char *code, const char *members)
{
    struct config config = {.shard = 1, .index = 4};
    assert_int_equal(code_parse(code, &config.code), AREG_OK);
    assert_int_equal(strlen(members), config.code.n);
    config.member_count = config.code.n;
    for (unsigned i = 0; i < config.member_count; i++) {
        config.members[i].id.text[0] = members[i];
        snprintf(config.members[i].address, sizeof config.members[i].address, "tcp://h:%u", (unsigned)members[i]);
    }
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    config_encode(&config, encoded, sizeof encoded);
    return config;
}

static struct plan plan_of(const char *code, const char *members, const char *code_after, const char *members_after)
{
    struct plan plan = {.base = config_of(code, members), .wanted = config_of(code_after, members_after)};
    plan.wanted.index++;
    plan.wanted.parent = plan.base.id;
    plan_settle(&plan);
    return plan;
}

static void assert_cost(struct plan plan, double cost)
{
    const double is = plan_network_factor(&plan);
    if (fabs(is - cost) > 1e-9)
        fail_msg("%f instead of %f", is, cost);
}

static void a_member_keeps_its_fragments_where_position_and_k_are_the_same(void **state)
{
    (void)state;
    const struct plan replaced = plan_of("rs:5,3", "abcde", "rs:5,3", "axcde");
    assert_int_equal(replaced.keeping.bits, 0x1D);
    assert_int_equal(replaced.receiving.bits, 0x02);
    assert_int_equal(replaced.coming.bits, 0x02);
    assert_int_equal(replaced.leaving.bits, 0x02);
    const struct plan grown = plan_of("rs:5,3", "abcde", "rs:6,3", "abcdef");
    assert_int_equal(grown.keeping.bits, 0x1F);
    assert_int_equal(grown.coming.bits, 0x20);
    assert_int_equal(grown.leaving.bits, 0);
    const struct plan moved = plan_of("rs:6,3", "abcdef", "rs:5,3", "fbcde");
    assert_int_equal(moved.keeping.bits, 0x1E);
    assert_int_equal(moved.receiving.bits, 0x01);
    assert_int_equal(moved.coming.bits, 0);
    assert_int_equal(moved.leaving.bits, 0x01);
    const struct plan recoded = plan_of("rs:5,3", "abcde", "rs:5,2", "abcde");
    assert_int_equal(recoded.keeping.bits, 0);
    assert_int_equal(recoded.receiving.bits, 0x1F);
    assert_int_equal(recoded.coming.bits, 0);
}

static void whole_copies_are_kept_at_any_position_but_not_by_who_comes_back_empty(void **state)
{
    (void)state;
    const struct plan moved = plan_of("repl:3", "abc", "repl:4", "cadx");
    assert_int_equal(moved.keeping.bits, 0x03);
    assert_int_equal(moved.receiving.bits, 0x0C);
    struct plan renewed = plan_of("repl:3", "abc", "repl:3", "abc");
    assert_int_equal(renewed.receiving.bits, 0);
    voters_add(&renewed.renewed, 1);
    plan_settle(&renewed);
    assert_int_equal(renewed.keeping.bits, 0x05);
    assert_int_equal(renewed.coming.bits, 0x02);
    assert_int_equal(renewed.receiving.bits, 0x02);
    assert_int_equal(renewed.leaving.bits, 0);
}

static void replacing_one_host_costs_one_value(void **state)
{
    (void)state;
    /* The new host fetches three fragments and sends none. */
    assert_cost(plan_of("rs:5,3", "abcde", "rs:5,3", "axcde"), 1.0);
    assert_cost(plan_of("rs:5,3", "abcde", "rs:5,3", "abcde"), 0.0);
    assert_cost(plan_of("rs:5,3", "abcde", "rs:4,3", "abcd"), 0.0);
    assert_cost(plan_of("repl:3", "abc", "repl:3", "abx"), 1.0);
    /* Every worker has the value, and sends a third of it to four others. */
    assert_cost(plan_of("repl:5", "abcde", "rs:5,3", "abcde"), 4.0 / 3);
    /* The new replica fetches the value; a directory costs nothing. */
    assert_cost(plan_of("ldr:3,3", "abcdef", "ldr:3,3", "abcdex"), 1.0);
    assert_cost(plan_of("ldr:3,3", "abcdef", "ldr:3,3", "abxdef"), 0.0);
    assert_cost(plan_of("ldr:3,3", "abcdef", "ldr:3,3", "defabc"), 1.0 + 2.0);
    /* To other hosts altogether: all is fetched, and all but the worker's own is sent. */
    assert_cost(plan_of("rs:5,3", "abcde", "rs:6,4", "uvwxyz"), 1.0 + 5.0 / 4);
}

/* Each worker for itself, fragment by fragment. */
static double cost_by_counting(const struct plan *plan)
{
    double sum = 0;
    unsigned worker_count = 0;
    for (unsigned worker = 0; worker < plan->wanted.member_count; worker++) {
        double sent = 0;
        bool is_worker = false;
        const unsigned first_holder = plan->wanted.code.directory_count;
        for (unsigned to = first_holder; to < plan->wanted.member_count; to++) {
            const int before = config_member_index(&plan->base, &plan->wanted.members[to].id);
            const bool has_data = before >= plan->base.code.directory_count && !voters_has(plan->renewed, to);
            const bool fits = plan->base.code.k == plan->wanted.code.k && (before == (int)to || plan->base.code.k == 1);
            if (has_data && fits)
                continue;
            is_worker |= to == worker;
            sent += to == worker ? 0 : 1.0 / plan->wanted.code.k;
        }
        const bool was_member =
            config_member_index(&plan->base, &plan->wanted.members[worker].id) >= plan->base.code.directory_count;
        unsigned fetched_count = plan->base.code.k;
        fetched_count -= was_member && !voters_has(plan->renewed, worker);
        sum += is_worker ? sent + (double)fetched_count / plan->base.code.k : 0;
        worker_count += is_worker;
    }
    return worker_count > 0 ? sum / worker_count : 0;
}

static void draw_config(struct random_source *random, struct config *config)
{
    char code[CODE_TEXT_BYTES];
    char members[] = "abcdefghijklmnopqrstuvwxyzABCDEF";
    const unsigned n = 1 + (unsigned)random_below(random, 12);
    const unsigned k = 1 + (unsigned)random_below(random, n);
    if (k < n && random_below(random, 3) == 0)
        snprintf(code, sizeof code, "ldr:%u,%u", k, n - k);
    else
        snprintf(code, sizeof code, k == 1 && random_below(random, 2) ? "repl:%u" : "rs:%u,%u", n, k);
    for (unsigned i = 0; i < n; i++) {
        const unsigned other = random_below(random, 2) ? i : i + (unsigned)random_below(random, 20 - i);
        const char letter = members[i];
        members[i] = members[other];
        members[other] = letter;
    }
    members[n] = 0;
    *config = config_of(code, members);
}

static void the_cost_of_any_plan_is_that_of_its_workers_counted_one_by_one(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 20000; round++) {
        struct plan plan = {0};
        draw_config(&random, &plan.base);
        draw_config(&random, &plan.wanted);
        for (unsigned i = 0; i < plan.wanted.member_count; i++)
            if (config_member_index(&plan.base, &plan.wanted.members[i].id) >= 0 && random_below(&random, 8) == 0)
                voters_add(&plan.renewed, i);
        plan_settle(&plan);
        assert_cost(plan, cost_by_counting(&plan));
        assert_int_equal(plan.keeping.bits & plan.receiving.bits, 0);
        assert_int_equal(plan.keeping.bits | plan.receiving.bits, code_holders(plan.wanted.code).bits);
        assert_int_equal(plan.coming.bits & plan.keeping.bits, 0);
        assert_int_equal(plan.renewed.bits & ~plan.coming.bits, 0);
    }
}

static void storage_is_n_over_k(void **state)
{
    (void)state;
    const struct plan plan = plan_of("repl:5", "abcde", "rs:5,3", "abcde");
    assert_true(fabs(plan_stored_factor(plan.base.code) - 5) < 1e-9);
    assert_true(fabs(plan_stored_factor(plan.wanted.code) - 5.0 / 3) < 1e-9);
    const struct plan copies = plan_of("ldr:3,2", "abcde", "repl:1", "a");
    assert_true(fabs(plan_stored_factor(copies.base.code) - 2) < 1e-9);
}

/* ---------------------------------------------------------------- names */

static void a_name_tells_plans_apart_by_where_they_begin_and_what_they_lead_to(void **state)
{
    (void)state;
    const struct plan plans[] = {
        plan_of("rs:5,3", "abcde", "rs:5,3", "axcde"), plan_of("rs:5,3", "abcde", "rs:5,3", "aycde"),
        plan_of("rs:5,3", "abcde", "rs:5,2", "axcde"), plan_of("rs:5,3", "abced", "rs:5,3", "axcde"),
        plan_of("rs:5,3", "abcde", "rs:5,3", "xacde"),
    };
    enum { COUNT = sizeof plans / sizeof plans[0] };
    char names[COUNT + 2][PLAN_ID_TEXT_BYTES];
    for (unsigned i = 0; i < COUNT; i++)
        plan_id_print(&plans[i], 1, names[i]);
    plan_id_print(plans, 2, names[COUNT]);
    struct plan renewed = plans[0];
    voters_add(&renewed.renewed, 0);
    plan_id_print(&renewed, 1, names[COUNT + 1]);
    for (unsigned i = 0; i < COUNT + 2; i++) {
        assert_true(plan_id_is_valid(names[i]));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
}

static void a_name_does_not_depend_on_author_reason_time_or_incarnations(void **state)
{
    (void)state;
    struct plan plan = plan_of("rs:5,3", "abcde", "rs:5,3", "axcde");
    char name[PLAN_ID_TEXT_BYTES];
    char other[PLAN_ID_TEXT_BYTES];
    plan_id_print(&plan, 1, name);
    snprintf(plan.wanted.author, sizeof plan.wanted.author, "root");
    snprintf(plan.wanted.reason, sizeof plan.wanted.reason, "because");
    plan.wanted.time_ns = 1;
    plan.wanted.members[0].incarnation = 77;
    assert_string_equal(plan_id_print(&plan, 1, other), name);
}

static void words_and_hosts_are_no_names_of_plans(void **state)
{
    (void)state;
    static const char *const others[] = {
        "", "p-", "p-012345678", "p-01234567890", "p-012345678G", "P-0123456789", "add", "p-01234 6789"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(plan_id_is_valid(others[i]));
    assert_true(plan_id_is_valid("p-0123456789"));
    assert_true(plan_id_is_valid("p-abcdef0123"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_keeps_its_fragments_where_position_and_k_are_the_same),
        cmocka_unit_test(whole_copies_are_kept_at_any_position_but_not_by_who_comes_back_empty),
        cmocka_unit_test(replacing_one_host_costs_one_value),
        cmocka_unit_test(the_cost_of_any_plan_is_that_of_its_workers_counted_one_by_one),
        cmocka_unit_test(storage_is_n_over_k),
        cmocka_unit_test(a_name_tells_plans_apart_by_where_they_begin_and_what_they_lead_to),
        cmocka_unit_test(a_name_does_not_depend_on_author_reason_time_or_incarnations),
        cmocka_unit_test(words_and_hosts_are_no_names_of_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
