/* The model of a large cluster: against queueing theory, against itself, and against what it promises. */
#include "lab/scale.h"
#include "lab/scale_traffic.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct scale_options small_cluster(const char *study)
{
    struct scale_options options;
    scale_defaults(&options);
    snprintf(options.study, sizeof options.study, "%s", study);
    options.host_count = 100;
    options.rack_count = 20;
    options.shard_count = 400;
    options.key_count = 10000;
    options.client_count = 1000;
    options.rate_hz = 2000;
    return options;
}

static struct traffic_report *run(const struct scale_options *options, bool hedges)
{
    struct field field;
    struct traffic_report *report = calloc(1, sizeof *report);
    assert_non_null(report);
    assert_int_equal(field_init(&field, options), AREG_OK);
    traffic_run(&(struct traffic_options){.scale = options, .hedges = hedges}, &field, report);
    field_fini(&field);
    return report;
}

static struct scale_result *study(const struct scale_options *options)
{
    struct scale_result *result = calloc(1, sizeof *result);
    char why[SCALE_WHY_BYTES];
    assert_non_null(result);
    assert_int_equal(scale_judge(options, why), AREG_OK);
    assert_int_equal(scale_run(options, result), AREG_OK);
    return result;
}

static double cell(const struct scale_result *result, unsigned row, const char *column)
{
    assert_true(row < result->points.row_count);
    for (unsigned i = 0; result->points.columns[i]; i++)
        if (strcmp(result->points.columns[i], column) == 0)
            return strtod(result->points.cells[row][i], NULL);
    fail_msg("there is no column %s", column);
    return NAN;
}

/* One host that one request at a time takes a fixed time of, and requests that come by chance: M/D/1, where the mean
 * waiting time is known [Pollaczek, Khinchine]. */
static void one_host_is_the_queue_that_theory_describes(void **state)
{
    (void)state;
    static const uint64_t rates_hz[] = {1000, 5000, 8000};
    for (unsigned i = 0; i < 3; i++) {
        struct scale_options options = small_cluster("slow-hosts");
        options.host_count = options.shard_count = 1;
        options.rack_count = 0;
        assert_int_equal(code_parse("repl:1", &options.code), AREG_OK);
        options.value_bytes = 1;
        options.read_percent = 100;
        options.client_count = 100000;
        options.processing_ns = 100000;
        options.delay_min_ns = options.delay_max_ns = 50000;
        options.rate_hz = rates_hz[i];
        options.duration_ns = UINT64_C(40) * 1000000000;
        struct traffic_report *report = run(&options, true);
        const double service_us = 100;
        const double load = (double)options.rate_hz * service_us / 1e6;
        const double waiting_us = load * service_us / 2 / (1 - load);
        const struct traffic_tally *tally = &report->kinds[TRAFFIC_READ];
        const double mean_us = (double)tally->latency_ns / (double)tally->op_count / 1e3;
        const double measured_us = mean_us - service_us - 100;
        assert_true(fabs(measured_us - waiting_us) < 0.06 * waiting_us + 0.1);
        free(report);
    }
}

static void what_begins_ends_and_asks_as_many_as_it_says(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("slow-hosts");
    options.slow_per_mille = 100;
    options.slow_factor = 100;
    for (unsigned hedges = 0; hedges <= 1; hedges++) {
        struct traffic_report *report = run(&options, hedges == 1);
        const struct traffic_tally *reads = &report->kinds[TRAFFIC_READ];
        const struct traffic_tally *writes = &report->kinds[TRAFFIC_WRITE];
        assert_int_equal(report->begun_count, report->ended_count);
        assert_true(reads->op_count > 3000 && writes->op_count > 300);
        assert_int_equal(reads->request_count, reads->op_count * 9 + reads->hedge_count);
        assert_int_equal(writes->request_count, writes->op_count * 18);
        assert_int_equal(writes->hedge_count, 0);
        assert_true(reads->hedge_count <= reads->op_count * 4); /* n - k */
        assert_true(hedges ? reads->hedge_count > 0 : reads->hedge_count == 0);
        free(report);
    }
}

static void nobody_is_asked_twice_while_no_host_is_slow(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("slow-hosts");
    struct traffic_report *report = run(&options, true);
    assert_int_equal(report->kinds[TRAFFIC_READ].hedge_count, 0);
    free(report);
}

static void hedging_keeps_slow_hosts_out_of_the_tail(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("slow-hosts");
    options.slow_per_mille = 20;
    options.slow_factor = 40;
    struct traffic_report *without = run(&options, false);
    struct traffic_report *with = run(&options, true);
    const uint64_t without_ns = histogram_quantile(&without->kinds[TRAFFIC_READ].latencies_ns, 99000);
    const uint64_t with_ns = histogram_quantile(&with->kinds[TRAFFIC_READ].latencies_ns, 99000);
    assert_true(with_ns < without_ns / 2);
    assert_int_equal(with->begun_count, without->begun_count); /* the same operations */
    free(without);
    free(with);
}

static void what_is_under_way_is_what_begins_times_how_long_it_takes(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("slow-hosts");
    options.rate_hz = 20000;
    struct traffic_report *report = run(&options, true);
    const double latency_ns =
        (double)(report->kinds[TRAFFIC_READ].latency_ns + report->kinds[TRAFFIC_WRITE].latency_ns);
    const double op_count = (double)(report->kinds[TRAFFIC_READ].op_count + report->kinds[TRAFFIC_WRITE].op_count);
    const double expected = latency_ns / op_count / 1e9 * (double)options.rate_hz;
    assert_true(fabs(report->in_flight_mean / expected - 1) < 0.05);
    free(report);
}

static void equal_options_give_equal_results(void **state)
{
    (void)state;
    static const char *const studies[] = {"balance", "movement", "recovery", "slow-hosts"};
    for (unsigned i = 0; i < 4; i++) {
        struct scale_options options = small_cluster(studies[i]);
        struct scale_result *one = study(&options);
        struct scale_result *two = study(&options);
        assert_true(one->points.row_count > 0);
        assert_memory_equal(one, two, sizeof *one);
        options.seed++;
        struct scale_result *other = study(&options);
        assert_int_equal(one->points.row_count, other->points.row_count);
        free(one);
        free(two);
        free(other);
    }
}

static void all_checks_of_a_settled_placement_pass(void **state)
{
    (void)state;
    static const char *const changes[] = {"add 1", "add 20", "lose 1", "lose 5", "lose-racks 1", "grow 10"};
    for (unsigned i = 0; i < 6; i++) {
        struct scale_options options = small_cluster("movement");
        snprintf(options.change, sizeof options.change, "%s", changes[i]);
        struct scale_result *result = study(&options);
        assert_int_equal(result->check_count, 1);
        assert_true(result->checks[0].passed);
        free(result);
    }
    struct scale_options options = small_cluster("balance");
    struct scale_result *result = study(&options);
    for (unsigned i = 0; i < result->check_count; i++)
        assert_true(result->checks[i].passed);
    free(result);
}

static void hashing_alone_is_worse_and_does_not_pass(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("balance");
    struct scale_result *settled = study(&options);
    snprintf(options.placement, sizeof options.placement, "hashed");
    struct scale_result *hashed = study(&options);
    assert_true(cell(hashed, 0, "max_over_mean") > 1.2);
    assert_true(cell(settled, 0, "max_over_mean") < 1.06);
    assert_int_equal(hashed->check_count, 0);
    free(settled);
    free(hashed);
}

static void a_lost_host_is_restored_as_fast_as_hosts_may(void **state)
{
    (void)state;
    struct scale_options options = small_cluster("recovery");
    options.key_count = 400000; /* shards of much the same size */
    snprintf(options.placement, sizeof options.placement, "groups");
    struct scale_result *groups = study(&options);
    snprintf(options.placement, sizeof options.placement, "settled");
    struct scale_result *settled = study(&options);
    /* In groups one host receives k fragments for each that was lost. */
    const double alone_s = 5.0 * (double)options.host_bytes / (double)options.background_bytes_per_s;
    const unsigned last = groups->points.row_count - 1;
    assert_true(fabs(cell(groups, last, "full_s") / alone_s - 1) < 0.05);
    assert_int_equal((int)cell(groups, last, "receivers"), 1);
    assert_true(cell(settled, last, "full_s") < alone_s / 10);
    assert_true(cell(settled, last, "receivers") >= 30);
    assert_true(fabs(cell(settled, last, "network_bytes") / 5.0 / (double)options.host_bytes - 1) < 0.05);
    for (unsigned i = 0; i < settled->check_count; i++)
        assert_true(settled->checks[i].passed);
    free(groups);
    free(settled);
}

static void what_can_not_be_is_refused_with_a_reason(void **state)
{
    (void)state;
    char why[SCALE_WHY_BYTES];
    struct scale_options options = small_cluster("balanse");
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
    assert_non_null(strstr(why, "did you mean \"balance\""));
    options = small_cluster("movement");
    snprintf(options.change, sizeof options.change, "sell 3");
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
    assert_non_null(strstr(why, "sell 3"));
    snprintf(options.change, sizeof options.change, "lose 95");
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
    snprintf(options.placement, sizeof options.placement, "groups");
    snprintf(options.change, sizeof options.change, "add 1");
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
    options = small_cluster("recovery");
    snprintf(options.change, sizeof options.change, "add 1");
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
    options = small_cluster("balance");
    options.host_count = 8;
    assert_int_equal(scale_judge(&options, why), AREG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_host_is_the_queue_that_theory_describes),
        cmocka_unit_test(what_begins_ends_and_asks_as_many_as_it_says),
        cmocka_unit_test(nobody_is_asked_twice_while_no_host_is_slow),
        cmocka_unit_test(hedging_keeps_slow_hosts_out_of_the_tail),
        cmocka_unit_test(what_is_under_way_is_what_begins_times_how_long_it_takes),
        cmocka_unit_test(equal_options_give_equal_results),
        cmocka_unit_test(all_checks_of_a_settled_placement_pass),
        cmocka_unit_test(hashing_alone_is_worse_and_does_not_pass),
        cmocka_unit_test(a_lost_host_is_restored_as_fast_as_hosts_may),
        cmocka_unit_test(what_can_not_be_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
