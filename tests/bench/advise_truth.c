/*
 * What areg-reconfig advise says of random workloads, against simulations (docs/operations.md).
 *
 *     advise_truth [FIRST_SEED [COUNT [OPERATIONS]]]     1, 50 and 2500
 *
 * One line for each workload: what was wished, the cheapest code that kept it in the simulator, and what was advised,
 * with their bytes stored for each byte of a value and their p99 as a share of what was wished, simulated and
 * predicted. Exit code: 0, or 1 if some advice is wrong.
 */
#include "tests/unit/lab/advised.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static double predicted_ns(const struct advice *advice)
{
    return fmax(advice->forecast.read_p99_ns, advice->forecast.write_p99_ns);
}

static void print_code(const char *title, const struct case_of_advice *it, const struct advices *advices,
                       const struct truth *truths, int index)
{
    char code[CODE_TEXT_BYTES];
    const double wished_ns = (double)it->wish.p99_ns;
    if (index < 0)
        printf("; %s none", title);
    else
        printf("; %s %s, stores %.2f, p99 %.2f, predicted %.2f", title, code_print(advices->at[index].code, code),
               advices->at[index].stored, truths[index].p99_ns / wished_ns,
               predicted_ns(&advices->at[index]) / wished_ns);
}

static int cheapest_of(const struct case_of_advice *it, const struct advices *advices, const struct truth *truths)
{
    for (int i = 0; i < (int)advices->count; i++)
        if (truths[i].p99_ns <= (double)it->wish.p99_ns)
            return i;
    return -1;
}

int main(int argc, char **argv)
{
    const uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 50;
    const uint32_t op_count = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2500;
    static struct advices advices;
    static struct truth truths[ADVICE_COUNT_MAX];
    unsigned counts[ADVISED_NOTHING + 1] = {0};
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct case_of_advice it;
        const enum advised_verdict verdict = advised_check(seed, op_count, &it, &advices, truths);
        counts[verdict]++;
        printf("seed %u: %u codes of up to %u hosts, %u may be lost, p99 within %.2f ms", (unsigned)seed, advices.count,
               it.wish.host_count_max, it.wish.tolerance, (double)it.wish.p99_ns / 1e6);
        print_code("cheapest", &it, &advices, truths, cheapest_of(&it, &advices, truths));
        print_code("advised", &it, &advices, truths, advices.best);
        printf(": %s\n", advised_verdict_name(verdict));
        fflush(stdout);
    }
    for (unsigned i = 0; i <= ADVISED_NOTHING; i++)
        printf("%s: %u\n", advised_verdict_name((enum advised_verdict)i), counts[i]);
    return counts[ADVISED_WELL] == count ? 0 : 1;
}
