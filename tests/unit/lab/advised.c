#include "tests/unit/lab/advised.h"

#include "core/check.h"
#include "core/random.h"
#include "sim/study.h"

#include <math.h>
#include <stdlib.h>

#define US 1000.0

static double draw_unit(struct random_source *random)
{
    return (double)(random_next(random) >> 11) / (double)(UINT64_C(1) << 53);
}

/* As often between 1 and 10 as between 10 and 100. */
static double draw_log(struct random_source *random, double min, double max)
{
    return min * pow(max / min, draw_unit(random));
}

struct case_of_advice advised_draw(uint64_t seed)
{
    struct random_source random = {.state = seed};
    struct case_of_advice it = {.seed = seed};
    struct machines *machines = &it.machines;
    struct workload *workload = &it.workload;
    it.wish.host_count_max = 3 + (unsigned)random_below(&random, 8);
    const unsigned tolerance_max = (it.wish.host_count_max - 1) / 2 < 3 ? (it.wish.host_count_max - 1) / 2 : 3;
    it.wish.tolerance = (unsigned)random_below(&random, tolerance_max + 1);
    machines->delay_min_ns = (uint64_t)draw_log(&random, 50 * US, 5000 * US);
    machines->delay_max_ns = (uint64_t)((double)machines->delay_min_ns * draw_log(&random, 1, 3));
    machines->commit_min_ns = (uint64_t)draw_log(&random, 100 * US, 3000 * US);
    machines->commit_max_ns = (uint64_t)((double)machines->commit_min_ns * draw_log(&random, 1, 3));
    machines->commit_median_ns = (machines->commit_min_ns + machines->commit_max_ns) / 2;
    machines->disk_bytes_per_s = (uint64_t)draw_log(&random, 50e6, 1e9);
    machines->processing_ns = (uint64_t)draw_log(&random, 2 * US, 20 * US);
    workload->value_bytes = (uint64_t)draw_log(&random, 4 << 10, 64 << 10);
    /* A value takes a hundredth of a delay, or five delays, or something in between. */
    machines->bandwidth_bytes_per_s =
        (uint64_t)((double)workload->value_bytes * 1e9 / (double)machines->delay_max_ns / draw_log(&random, 0.01, 5));
    workload->register_count = STUDY_KEY_MAX;
    workload->client_count = 1 + (unsigned)random_below(&random, 8);
    const double reads = 0.35 + 0.3 * draw_unit(&random);
    /* Some code in the middle is busy with a tenth to two thirds of what it can do, of what it has least of. */
    const struct code middle = {
        .dap = DAP_TREAS, .n = (uint8_t)it.wish.host_count_max, .k = (uint8_t)((it.wish.host_count_max + 1) / 2)};
    workload->reads_per_s = reads;
    workload->writes_per_s = 1 - reads;
    const struct forecast forecast = forecast_make(workload, machines, middle);
    /* But four in a thousand writes at most wait for one of their own client to the same register, of which the
     * simulator has few: where that is about one in a hundred, p99 is anything. */
    const double write_s = (4 * (double)machines->delay_max_ns + (double)machines->commit_max_ns) / 1e9;
    const double rate_max = 0.004 * STUDY_KEY_MAX * workload->client_count / write_s / (1 - reads);
    const double rate = 1 + floor(fmin(draw_log(&random, 0.02, 0.5) / forecast.utilisation, fmin(rate_max, 1000)));
    workload->reads_per_s = floor(rate * reads);
    workload->writes_per_s = rate - workload->reads_per_s;
    return it;
}

/* ---------------------------------------------------------------- the truth */

struct latencies {
    unsigned counts[2];
    bool has_failed;
    double *ns[2];
};

static void note_op(const struct study_op *op, void *arg)
{
    struct latencies *latencies = arg;
    const unsigned kind = op->kind == CLIENT_PUT;
    latencies->has_failed = latencies->has_failed || (op->error != AREG_OK && op->error != AREG_ENOTFOUND);
    latencies->ns[kind][latencies->counts[kind]++] = (double)(op->end_ns - op->due_ns);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct latencies *latencies, unsigned kind, double share)
{
    const unsigned count = latencies->counts[kind];
    return count > 0 ? latencies->ns[kind][(unsigned)((count - 1) * share + 0.5)] : 0;
}

struct truth advised_simulate(const struct case_of_advice *it, struct code code, uint32_t op_count)
{
    const double rate = it->workload.reads_per_s + it->workload.writes_per_s;
    struct latencies latencies = {0};
    const struct study_options options = {
        .seed = it->seed,
        .code = code,
        .delta = 8,
        .host_count = code.n,
        .mixed_count = it->workload.client_count,
        .read_percent = (unsigned)(100 * it->workload.reads_per_s / rate + 0.5),
        .depth = STUDY_DEPTH_MAX,
        .key_count = (unsigned)it->workload.register_count,
        .value_bytes = it->workload.value_bytes,
        .timeout_ns = UINT64_C(10000000000),
        .rate_hz = (uint64_t)(rate + 0.5),
        .arrivals = STUDY_POISSON,
        .duration_ns = UINT64_MAX,
        .op_count_max = op_count,
        .delay_min_ns = it->machines.delay_min_ns,
        .delay_max_ns = it->machines.delay_max_ns,
        .host_bandwidth_bytes_per_s = it->machines.bandwidth_bytes_per_s,
        .client_bandwidth_bytes_per_s = it->machines.bandwidth_bytes_per_s,
        .commit_min_ns = it->machines.commit_min_ns,
        .commit_max_ns = it->machines.commit_max_ns,
        .disk_bytes_per_s = it->machines.disk_bytes_per_s,
        .processing_ns = it->machines.processing_ns,
        .on_op = note_op,
        .on_op_arg = &latencies,
    };
    struct study_report report;
    char why[STUDY_WHY_BYTES];
    CHECK(study_check(&options, why) == AREG_OK);
    for (unsigned kind = 0; kind < 2; kind++) {
        latencies.ns[kind] = calloc(op_count, sizeof *latencies.ns[kind]);
        CHECK(latencies.ns[kind] != NULL);
    }
    study_run(&options, &report);
    /* What is asked for more than it can do may not even be filled in time. */
    latencies.has_failed = latencies.has_failed || report.broken[0];
    for (unsigned kind = 0; kind < 2; kind++)
        qsort(latencies.ns[kind], latencies.counts[kind], sizeof *latencies.ns[kind], compare);
    struct truth truth = {
        .read_p50_ns = quantile(&latencies, 0, 0.5),
        .read_p99_ns = quantile(&latencies, 0, 0.99),
        .write_p50_ns = quantile(&latencies, 1, 0.5),
        .write_p99_ns = quantile(&latencies, 1, 0.99),
    };
    truth.p99_ns = truth.read_p99_ns > truth.write_p99_ns ? truth.read_p99_ns : truth.write_p99_ns;
    if (latencies.has_failed)
        truth.p99_ns = INFINITY;
    free(latencies.ns[0]);
    free(latencies.ns[1]);
    return truth;
}

static double predicted_ns(const struct advice *advice)
{
    return fmax(advice->forecast.read_p99_ns, advice->forecast.write_p99_ns);
}

void advised_draw_p99(struct case_of_advice *it, const struct advices *advices)
{
    struct random_source random = {.state = ~it->seed};
    double least_ns = INFINITY;
    double cheapest_ns = 0;
    for (unsigned i = 0; i < advices->count; i++) {
        if (advices->at[i].forecast.utilisation >= 1)
            continue;
        least_ns = fmin(least_ns, predicted_ns(&advices->at[i]));
        if (cheapest_ns == 0)
            cheapest_ns = predicted_ns(&advices->at[i]);
    }
    CHECK(isfinite(least_ns) && least_ns > 0);
    it->wish.p99_ns = (uint64_t)draw_log(&random, 0.95 * least_ns, 1.2 * cheapest_ns);
}

/* ---------------------------------------------------------------- the verdict */

const char *advised_verdict_name(enum advised_verdict verdict)
{
    static const char *const names[] = {[ADVISED_WELL] = "well",
                                        [ADVISED_UNSAFE] = "UNSAFE",
                                        [ADVISED_TOO_SLOW] = "TOO SLOW",
                                        [ADVISED_TOO_DEAR] = "TOO DEAR",
                                        [ADVISED_NOTHING] = "NOTHING"};
    return names[verdict];
}

enum advised_verdict advised_judge(const struct case_of_advice *it, const struct advices *advices,
                                   const struct truth *truths)
{
    const double wished_ns = (double)it->wish.p99_ns;
    double least_stored = INFINITY;
    for (unsigned i = 0; i < advices->count; i++)
        if (truths[i].p99_ns <= wished_ns * (1 - ADVISED_EDGE) && advices->at[i].stored < least_stored)
            least_stored = advices->at[i].stored;
    if (advices->best < 0)
        return isfinite(least_stored) ? ADVISED_NOTHING : ADVISED_WELL;
    const struct advice *best = &advices->at[advices->best];
    if (code_tolerance(best->code) < it->wish.tolerance)
        return ADVISED_UNSAFE;
    if (truths[advices->best].p99_ns > wished_ns * (1 + ADVISED_EDGE))
        return ADVISED_TOO_SLOW;
    return best->stored > 1.1 * least_stored ? ADVISED_TOO_DEAR : ADVISED_WELL;
}

enum advised_verdict advised_check(uint64_t seed, uint32_t op_count, struct case_of_advice *it, struct advices *advices,
                                   struct truth *truths)
{
    *it = advised_draw(seed);
    advise(&it->workload, &it->machines, &it->wish, NULL, advices);
    advised_draw_p99(it, advices);
    advise(&it->workload, &it->machines, &it->wish, NULL, advices);
    bool is_found = false;
    for (int i = 0; i < (int)advices->count; i++) {
        truths[i] = (struct truth){.p99_ns = INFINITY};
        if (!is_found || i == advices->best)
            truths[i] = advised_simulate(it, advices->at[i].code, op_count);
        is_found = is_found || truths[i].p99_ns <= (double)it->wish.p99_ns * (1 - ADVISED_EDGE);
    }
    return advised_judge(it, advices, truths);
}
