#include "codec/tables.h"

#include "core/check.h"

#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>

enum {
    MATRIX_BYTES_MAX = MEMBER_COUNT_MAX * MEMBER_COUNT_MAX,
    TABLE_BYTES = 32, /* room that ec_init_tables() wants for one coefficient */
};

/* No output is a source, so there are at most n - k outputs. */
struct slot {
    struct voters sources; /* none: the slot is empty */
    struct voters outputs;
    uint8_t *tables;
};

struct tables {
    unsigned n;
    unsigned k;
    uint8_t matrix[MATRIX_BYTES_MAX]; /* n rows of k: row i makes fragment i out of the k data fragments */
    struct slot slots[CODEC_TABLE_COUNT_MAX];
    unsigned oldest_slot_index;
    uint8_t memory[]; /* of all slots */
};

struct tables *tables_create(unsigned n, unsigned k)
{
    CHECK(k >= 1 && k <= n && n <= MEMBER_COUNT_MAX);
    const size_t slot_bytes = (size_t)(n - k) * k * TABLE_BYTES;
    struct tables *tables = calloc(1, sizeof *tables + CODEC_TABLE_COUNT_MAX * slot_bytes);
    if (!tables)
        return NULL;
    tables->n = n;
    tables->k = k;
    gf_gen_cauchy1_matrix(tables->matrix, (int)n, (int)k);
    for (unsigned i = 0; i < CODEC_TABLE_COUNT_MAX; i++)
        tables->slots[i].tables = tables->memory + i * slot_bytes;
    return tables;
}

void tables_destroy(struct tables *tables)
{
    free(tables);
}

/* Copy the rows of `which` out of the code's matrix. */
static void gather_rows(const struct tables *tables, struct voters which, uint8_t *rows)
{
    for (unsigned i = 0; i < tables->n; i++) {
        if (!voters_has(which, i))
            continue;
        memcpy(rows, tables->matrix + i * tables->k, tables->k);
        rows += tables->k;
    }
}

/* product = a * b; b is k x k, a has k columns. */
static void multiply(const uint8_t *a, unsigned row_count, const uint8_t *b, unsigned k, uint8_t *product)
{
    for (unsigned row = 0; row < row_count; row++) {
        for (unsigned column = 0; column < k; column++) {
            uint8_t sum = 0;
            for (unsigned i = 0; i < k; i++)
                sum ^= gf_mul(a[row * k + i], b[i * k + column]);
            product[row * k + column] = sum;
        }
    }
}

/* Whether `rows`, applied to the sources' rows, give the outputs' rows: what it means to compute the one from the
 * other. */
static bool rows_lead_to(const struct tables *tables, const uint8_t *rows, struct voters sources, struct voters outputs)
{
    const unsigned output_count = voters_count(outputs);
    uint8_t from[MATRIX_BYTES_MAX], expected[MATRIX_BYTES_MAX], got[MATRIX_BYTES_MAX];
    gather_rows(tables, sources, from);
    gather_rows(tables, outputs, expected);
    multiply(rows, output_count, from, tables->k, got);
    return memcmp(got, expected, (size_t)output_count * tables->k) == 0;
}

static void fill_slot(const struct tables *tables, struct slot *slot)
{
    const unsigned k = tables->k;
    const unsigned output_count = voters_count(slot->outputs);
    uint8_t from[MATRIX_BYTES_MAX], inverse[MATRIX_BYTES_MAX], to[MATRIX_BYTES_MAX], rows[MATRIX_BYTES_MAX];

    /* sources = from * data, so data = inverse * sources and outputs = to * inverse * sources. */
    gather_rows(tables, slot->sources, from);
    const int singular = gf_invert_matrix(from, inverse, (int)k);
    CHECK(!singular); /* any k rows of a Cauchy code are independent */
    gather_rows(tables, slot->outputs, to);
    multiply(to, output_count, inverse, k, rows);
    CHECK(rows_lead_to(tables, rows, slot->sources, slot->outputs));
    ec_init_tables((int)k, (int)output_count, rows, slot->tables);
}

uint8_t *tables_get(struct tables *tables, struct voters sources, struct voters outputs)
{
    CHECK(voters_count(sources) == tables->k && outputs.bits != 0);
    CHECK((sources.bits & outputs.bits) == 0);
    CHECK(voters_minus(voters_union(sources, outputs), voters_all(tables->n)).bits == 0);

    for (unsigned i = 0; i < CODEC_TABLE_COUNT_MAX; i++) {
        const struct slot *slot = &tables->slots[i];
        if (slot->sources.bits == sources.bits && slot->outputs.bits == outputs.bits)
            return slot->tables;
    }

    struct slot *slot = &tables->slots[tables->oldest_slot_index];
    tables->oldest_slot_index = (tables->oldest_slot_index + 1) % CODEC_TABLE_COUNT_MAX;
    slot->sources = sources;
    slot->outputs = outputs;
    fill_slot(tables, slot);
    return slot->tables;
}
