#include "lab/statistics.h"

#include "core/check.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare_values(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

void statistics_sort(double *values, unsigned count)
{
    qsort(values, count, sizeof values[0], compare_values);
}

double statistics_quantile(const double *sorted, unsigned count, double share)
{
    CHECK(count > 0);
    CHECK(share >= 0 && share <= 1);
    const double rank = share * (count - 1);
    const unsigned below = (unsigned)rank;
    const unsigned above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (rank - below) * (sorted[above] - sorted[below]);
}

static void sort_sample(struct sample sample, double sorted[STATISTICS_SAMPLE_COUNT_MAX])
{
    CHECK(sample.count > 0 && sample.count <= STATISTICS_SAMPLE_COUNT_MAX);
    memcpy(sorted, sample.values, sample.count * sizeof sorted[0]);
    statistics_sort(sorted, sample.count);
}

double statistics_median(struct sample sample)
{
    double sorted[STATISTICS_SAMPLE_COUNT_MAX];
    sort_sample(sample, sorted);
    return statistics_quantile(sorted, sample.count, 0.5);
}

struct interval statistics_range(struct sample sample)
{
    double sorted[STATISTICS_SAMPLE_COUNT_MAX];
    sort_sample(sample, sorted);
    return (struct interval){sorted[0], statistics_quantile(sorted, sample.count, 0.5), sorted[sample.count - 1]};
}

/* ---------------------------------------------------------------- bootstrap */

/* The median of as many values, drawn with replacement. */
static double draw_median(struct sample sample, struct random_source *random)
{
    double drawn[STATISTICS_SAMPLE_COUNT_MAX];
    for (unsigned i = 0; i < sample.count; i++)
        drawn[i] = sample.values[random_below(random, sample.count)];
    statistics_sort(drawn, sample.count);
    return statistics_quantile(drawn, sample.count, 0.5);
}

static struct interval interval_of(double middle, double resampled[STATISTICS_RESAMPLE_COUNT])
{
    statistics_sort(resampled, STATISTICS_RESAMPLE_COUNT);
    return (struct interval){
        .low = statistics_quantile(resampled, STATISTICS_RESAMPLE_COUNT, 0.025),
        .middle = middle,
        .high = statistics_quantile(resampled, STATISTICS_RESAMPLE_COUNT, 0.975),
    };
}

struct interval statistics_median_interval(struct sample sample, uint64_t seed)
{
    struct random_source random = {seed};
    double medians[STATISTICS_RESAMPLE_COUNT];
    const double middle = statistics_median(sample);
    for (unsigned i = 0; i < STATISTICS_RESAMPLE_COUNT; i++)
        medians[i] = draw_median(sample, &random);
    return interval_of(middle, medians);
}

struct interval statistics_ratio_interval(const struct sample_pair *pairs, unsigned pair_count, uint64_t seed)
{
    CHECK(pair_count > 0);
    struct random_source random = {seed};
    double means[STATISTICS_RESAMPLE_COUNT];
    double logs = 0;
    for (unsigned i = 0; i < pair_count; i++)
        logs += log(statistics_median(pairs[i].after) / statistics_median(pairs[i].before));
    const double middle = exp(logs / pair_count);
    for (unsigned round = 0; round < STATISTICS_RESAMPLE_COUNT; round++) {
        double drawn_logs = 0;
        for (unsigned i = 0; i < pair_count; i++)
            drawn_logs += log(draw_median(pairs[i].after, &random) / draw_median(pairs[i].before, &random));
        means[round] = exp(drawn_logs / pair_count);
    }
    return interval_of(middle, means);
}
