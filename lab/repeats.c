#include "lab/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct keyed_row {
    const char *point;
    const char *op;
    const char *repeat;
    unsigned place; /* among the rows of its try that are of the same operation */
    unsigned row;
};

static int compare_keys(const struct keyed_row *a, const struct keyed_row *b)
{
    int order = strcmp(a->point, b->point);
    if (order == 0)
        order = strcmp(a->op, b->op);
    return order ? order : (a->place > b->place) - (a->place < b->place);
}

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed_row *x = a;
    const struct keyed_row *y = b;
    const int order = compare_keys(x, y);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int compare_tries(const void *a, const void *b)
{
    const struct keyed_row *x = a;
    const struct keyed_row *y = b;
    int order = compare_keys(x, y);
    if (order == 0)
        order = strcmp(x->repeat, y->repeat);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

/* Without a column `repeat`, every row is a try of its own. */
static void settle_places(struct keyed_row *keyed, unsigned count)
{
    unsigned place = 0;
    qsort(keyed, count, sizeof keyed[0], compare_tries);
    for (unsigned i = 1; i < count; i++) {
        const struct keyed_row *before = &keyed[i - 1];
        const bool is_same = strcmp(keyed[i].point, before->point) == 0 && strcmp(keyed[i].op, before->op) == 0 &&
                             strcmp(keyed[i].repeat, before->repeat) == 0;
        place = is_same ? place + 1 : 0;
        keyed[i].place = place;
    }
}

static int compare_repeats(const void *a, const void *b)
{
    const unsigned x = ((const struct repeats *)a)->first_row;
    const unsigned y = ((const struct repeats *)b)->first_row;
    return (x > y) - (x < y);
}

bool repeats_list_init(struct repeats_list *list, const struct table *points)
{
    const int point = table_column(points, "point");
    const int op = table_column(points, "op");
    const int repeat = table_column(points, "repeat");
    const unsigned count = points->row_count;
    struct keyed_row *keyed = calloc((size_t)count + 1, sizeof keyed[0]);
    list->count = 0;
    list->all = calloc((size_t)count + 1, sizeof list->all[0]);
    list->rows = calloc((size_t)count + 1, sizeof list->rows[0]);
    const bool has_room = keyed && list->all && list->rows;
    for (unsigned i = 0; has_room && i < count; i++)
        keyed[i] = (struct keyed_row){.point = table_cell(points, i, point),
                                      .op = table_cell(points, i, op),
                                      .repeat = table_cell(points, i, repeat),
                                      .row = i};
    if (has_room && repeat != TABLE_NO_COLUMN)
        settle_places(keyed, count);
    if (has_room)
        qsort(keyed, count, sizeof keyed[0], compare_keyed);
    for (unsigned i = 0; has_room && i < count; i++) {
        if (i == 0 || compare_keys(&keyed[i], &keyed[i - 1]) != 0)
            list->all[list->count++] = (struct repeats){keyed[i].row, 0, &list->rows[i]};
        list->rows[i] = keyed[i].row;
        list->all[list->count - 1].row_count++;
    }
    free(keyed);
    if (has_room)
        qsort(list->all, list->count, sizeof list->all[0], compare_repeats);
    return has_room;
}

void repeats_list_fini(struct repeats_list *list)
{
    free(list->all);
    free(list->rows);
    *list = (struct repeats_list){0};
}

struct sample repeats_sample(const struct table *points, const struct repeats *repeats, int column,
                             double values[STATISTICS_SAMPLE_COUNT_MAX])
{
    struct sample sample = {values, 0};
    for (unsigned i = 0; i < repeats->row_count && sample.count < STATISTICS_SAMPLE_COUNT_MAX; i++) {
        const double number = table_number(points, repeats->rows[i], column);
        if (!isnan(number))
            values[sample.count++] = number;
    }
    return sample;
}

bool repeats_range(const struct table *points, const struct repeats *repeats, int column, struct interval *range)
{
    double values[STATISTICS_SAMPLE_COUNT_MAX];
    const struct sample sample = repeats_sample(points, repeats, column, values);
    if (sample.count)
        *range = statistics_range(sample);
    return sample.count > 0;
}
