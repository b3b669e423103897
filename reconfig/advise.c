#include "reconfig/advise.h"

#include "core/check.h"
#include "reconfig/plan.h"

#include <stdio.h>
#include <stdlib.h>

/* A prediction may be off by so much; who promises less than this more would be wrong half of the time at the edge. */
#define P99_MARGIN 0.05

/* The first members stay, and others that are not known yet come. */
static double moved_to(const struct config *base, struct code code)
{
    struct plan plan = {.base = *base, .wanted = *base};
    plan.wanted.code = code;
    plan.wanted.member_count = code.n;
    for (unsigned i = base->member_count; i < code.n; i++)
        snprintf(plan.wanted.members[i].id.text, sizeof plan.wanted.members[i].id.text, "?%u", i);
    plan_settle(&plan);
    return plan_network_factor(&plan);
}

static void judge(const struct workload *workload, const struct machines *machines, const struct config *base,
                  struct advice *advice)
{
    const struct code code = advice->code;
    const double value_bytes = (double)workload->value_bytes;
    const double rate = workload->reads_per_s + workload->writes_per_s;
    const double round_bytes = 2.0 * code.n * FORECAST_HEADER_BYTES;
    advice->tolerance = code_tolerance(code);
    advice->stored = plan_stored_factor(code);
    advice->read_bytes = value_bytes + round_bytes;
    advice->write_bytes = value_bytes * advice->stored + 2 * round_bytes;
    if (rate > 0)
        advice->mean_bytes =
            (workload->reads_per_s * advice->read_bytes + workload->writes_per_s * advice->write_bytes) / rate;
    advice->moved = base ? moved_to(base, code) : -1;
    advice->forecast = forecast_make(workload, machines, code);
}

/* What the wish is about: the slower of what clients do; of both while they do nothing. */
static double p99_of(const struct workload *workload, const struct forecast *forecast)
{
    const double read_ns = workload->reads_per_s > 0 || workload->writes_per_s <= 0 ? forecast->read_p99_ns : 0;
    const double write_ns = workload->writes_per_s > 0 || workload->reads_per_s <= 0 ? forecast->write_p99_ns : 0;
    return read_ns > write_ns ? read_ns : write_ns;
}

static int compare(const void *a, const void *b)
{
    const struct advice *x = a;
    const struct advice *y = b;
    if (x->stored != y->stored)
        return x->stored < y->stored ? -1 : 1;
    if (x->mean_bytes != y->mean_bytes)
        return x->mean_bytes < y->mean_bytes ? -1 : 1;
    return (int)x->code.n - (int)y->code.n;
}

/* Whether `a` comes nearer than `b` to what is wished for, if neither is fast enough. */
static bool is_nearer(const struct workload *workload, const struct forecast *a, const struct forecast *b)
{
    if (a->utilisation >= 1 || b->utilisation >= 1)
        return a->utilisation < b->utilisation;
    return p99_of(workload, a) < p99_of(workload, b);
}

static void choose(const struct workload *workload, const struct advise_wish *wish, struct advices *advices)
{
    advices->best = advices->nearest = -1;
    for (int i = 0; i < (int)advices->count; i++) {
        struct advice *advice = &advices->at[i];
        const double needed_ns = p99_of(workload, &advice->forecast) * (1 + P99_MARGIN);
        advice->is_fast_enough =
            advice->forecast.utilisation < 1 && (wish->p99_ns == 0 || needed_ns <= (double)wish->p99_ns);
        if (advice->is_fast_enough && advices->best < 0)
            advices->best = i;
        if (advices->nearest < 0 || is_nearer(workload, &advice->forecast, &advices->at[advices->nearest].forecast))
            advices->nearest = i;
    }
}

void advise(const struct workload *workload, const struct machines *machines, const struct advise_wish *wish,
            const struct config *base, struct advices *advices)
{
    CHECK(wish->host_count_max >= 1 && wish->host_count_max <= MEMBER_COUNT_MAX);
    advices->count = 0;
    for (uint8_t n = 1; n <= wish->host_count_max; n++) {
        for (uint8_t k = 1; k <= n; k++) {
            const struct code code = {.dap = k == 1 ? DAP_ABD : DAP_TREAS, .n = n, .k = k};
            if (code_tolerance(code) < wish->tolerance)
                continue;
            struct advice *advice = &advices->at[advices->count++];
            *advice = (struct advice){.code = code};
            judge(workload, machines, base, advice);
        }
    }
    qsort(advices->at, advices->count, sizeof advices->at[0], compare);
    choose(workload, wish, advices);
}
