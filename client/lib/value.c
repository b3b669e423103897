#include "client/lib/value.h"

#include "core/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct areg_value {
    atomic_uint reference_count;
    atomic_bool is_mutable; /* made by areg_value_create(), and not submitted yet */
    size_t value_bytes;
    _Atomic(struct buffer *) gathered; /* all pieces in one, once somebody wanted that */
    unsigned piece_count;
    struct slice pieces[]; /* counted; none is empty, but the only one of an empty value */
};

static struct areg_value *value_allocate(unsigned piece_count)
{
    struct areg_value *value = calloc(1, sizeof *value + piece_count * sizeof value->pieces[0]);
    if (!value)
        return NULL;
    atomic_init(&value->reference_count, 1);
    value->piece_count = piece_count;
    return value;
}

static struct areg_value *value_of_buffer(struct areg_value *value, struct buffer *buffer, size_t value_bytes)
{
    if (!buffer) {
        free(value);
        return NULL;
    }
    value->pieces[0] = slice_of(buffer, 0, value_bytes);
    value->value_bytes = value_bytes;
    return value;
}

struct areg_value *areg_value_create(size_t value_bytes)
{
    struct areg_value *value = value_bytes <= AREG_VALUE_BYTES_MAX ? value_allocate(1) : NULL;
    if (!value)
        return NULL;
    atomic_init(&value->is_mutable, true);
    return value_of_buffer(value, buffer_create(value_bytes), value_bytes);
}

static void free_nothing(void *data, void *arg)
{
    (void)data;
    (void)arg;
}

struct areg_value *areg_value_wrap(const void *data, size_t value_bytes, areg_free_fn *free_fn, void *arg)
{
    const bool is_possible = value_bytes <= AREG_VALUE_BYTES_MAX && (data || value_bytes == 0);
    struct areg_value *value = is_possible ? value_allocate(1) : NULL;
    if (!value)
        return NULL;
    union {
        const void *data;
        void *memory;
    } lent = {.data = data}; /* buffers do not know const memory; a slice does */
    return value_of_buffer(value, buffer_wrap(lent.memory, value_bytes, free_fn ? free_fn : free_nothing, arg),
                           value_bytes);
}

struct areg_value *value_of_pieces(struct slice *pieces, unsigned piece_count)
{
    CHECK(piece_count <= AREG_PIECES_MAX);
    struct areg_value *value = value_allocate(piece_count);
    if (value)
        value->piece_count = 0;
    for (unsigned i = 0; i < piece_count; i++) {
        if (!value || pieces[i].bytes == 0) {
            slice_unref(&pieces[i]);
            continue;
        }
        value->pieces[value->piece_count++] = pieces[i];
        value->value_bytes += pieces[i].bytes;
    }
    return value;
}

struct areg_value *areg_value_ref(struct areg_value *value)
{
    atomic_fetch_add_explicit(&value->reference_count, 1, memory_order_relaxed);
    return value;
}

void areg_value_free(struct areg_value *value)
{
    if (!value || atomic_fetch_sub_explicit(&value->reference_count, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < value->piece_count; i++)
        slice_unref(&value->pieces[i]);
    buffer_unref(atomic_load_explicit(&value->gathered, memory_order_relaxed));
    free(value);
}

size_t areg_value_bytes(const struct areg_value *value)
{
    return value->value_bytes;
}

/* Two threads may gather at once: the first one's copy is kept. */
static struct buffer *value_gather(struct areg_value *value)
{
    struct buffer *gathered = atomic_load_explicit(&value->gathered, memory_order_acquire);
    if (gathered)
        return gathered;
    struct buffer *mine = buffer_create(value->value_bytes);
    if (!mine)
        return NULL;
    uint8_t *to = buffer_at(mine);
    for (unsigned i = 0; i < value->piece_count; i++) {
        memcpy(to, value->pieces[i].at, value->pieces[i].bytes);
        to += value->pieces[i].bytes;
    }
    if (atomic_compare_exchange_strong_explicit(&value->gathered, &gathered, mine, memory_order_acq_rel,
                                                memory_order_acquire))
        return mine;
    buffer_unref(mine);
    return gathered;
}

const void *areg_value_data(struct areg_value *value)
{
    if (value->value_bytes == 0)
        return "";
    if (value->piece_count == 1)
        return value->pieces[0].at;
    struct buffer *gathered = value_gather(value);
    return gathered ? buffer_at(gathered) : NULL;
}

void *areg_value_data_mutable(struct areg_value *value)
{
    if (!atomic_load_explicit(&value->is_mutable, memory_order_relaxed))
        return NULL;
    return buffer_at(value->pieces[0].owner);
}

size_t areg_value_pieces(const struct areg_value *value, struct areg_piece pieces[AREG_PIECES_MAX])
{
    size_t count = 0;
    for (unsigned i = 0; i < value->piece_count; i++)
        if (value->pieces[i].bytes > 0)
            pieces[count++] = (struct areg_piece){value->pieces[i].at, value->pieces[i].bytes};
    return count;
}

enum areg_error value_to_write(struct areg_value *value, struct slice *bytes)
{
    *bytes = (struct slice){0};
    if (value->value_bytes > 0 && value->piece_count == 1) {
        *bytes = value->pieces[0];
    } else if (value->value_bytes > 0) {
        struct buffer *gathered = value_gather(value);
        if (!gathered)
            return AREG_ENOMEM;
        *bytes = slice_of(gathered, 0, value->value_bytes);
    }
    atomic_store_explicit(&value->is_mutable, false, memory_order_relaxed);
    return AREG_OK;
}
