#include "core/buffer.h"

#include "core/check.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    atomic_uint reference_count;
    uint8_t *memory;
    size_t bytes;
    buffer_free_fn *free_fn; /* NULL: memory follows this struct */
    void *arg;
};

enum { BUFFER_ALIGNMENT = 64 };

static size_t round_up(size_t bytes)
{
    return (bytes + BUFFER_ALIGNMENT - 1) / BUFFER_ALIGNMENT * BUFFER_ALIGNMENT;
}

struct buffer *buffer_create(size_t bytes)
{
    const size_t head_bytes = round_up(sizeof(struct buffer));
    if (bytes > SIZE_MAX / 2)
        return NULL;
    struct buffer *buffer = aligned_alloc(BUFFER_ALIGNMENT, head_bytes + round_up(bytes));
    if (!buffer)
        return NULL;
    *buffer = (struct buffer){.memory = (uint8_t *)buffer + head_bytes, .bytes = bytes};
    atomic_init(&buffer->reference_count, 1);
    return buffer;
}

struct buffer *buffer_wrap(void *memory, size_t bytes, buffer_free_fn *free_fn, void *arg)
{
    CHECK(free_fn != NULL);
    struct buffer *buffer = malloc(sizeof *buffer);
    if (!buffer)
        return NULL;
    *buffer = (struct buffer){.memory = memory, .bytes = bytes, .free_fn = free_fn, .arg = arg};
    atomic_init(&buffer->reference_count, 1);
    return buffer;
}

struct buffer *buffer_ref(struct buffer *buffer)
{
    if (buffer)
        atomic_fetch_add_explicit(&buffer->reference_count, 1, memory_order_relaxed);
    return buffer;
}

void buffer_unref(struct buffer *buffer)
{
    if (!buffer)
        return;
    const unsigned before = atomic_fetch_sub_explicit(&buffer->reference_count, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    if (buffer->free_fn)
        buffer->free_fn(buffer->memory, buffer->arg);
    free(buffer);
}

uint8_t *buffer_at(struct buffer *buffer)
{
    return buffer->memory;
}

size_t buffer_bytes(const struct buffer *buffer)
{
    return buffer->bytes;
}

struct slice slice_of(struct buffer *buffer, size_t offset, size_t bytes)
{
    CHECK(offset <= buffer->bytes && bytes <= buffer->bytes - offset);
    return (struct slice){.at = buffer->memory + offset, .bytes = bytes, .owner = buffer};
}

struct slice slice_borrow(const void *at, size_t bytes)
{
    return (struct slice){.at = at, .bytes = bytes};
}

struct slice slice_ref(struct slice slice)
{
    CHECK(slice.owner != NULL || slice.bytes == 0);
    buffer_ref(slice.owner);
    return slice;
}

void slice_unref(struct slice *slice)
{
    buffer_unref(slice->owner);
    *slice = (struct slice){0};
}

struct slice slice_copy(struct slice slice)
{
    struct buffer *buffer = slice.bytes ? buffer_create(slice.bytes) : NULL;
    if (!buffer)
        return (struct slice){0};
    memcpy(buffer_at(buffer), slice.at, slice.bytes);
    return slice_of(buffer, 0, slice.bytes);
}

int slice_compare(struct slice a, struct slice b)
{
    const size_t bytes_min = a.bytes < b.bytes ? a.bytes : b.bytes;
    const int order = bytes_min ? memcmp(a.at, b.at, bytes_min) : 0;
    if (order != 0)
        return order;
    return (a.bytes > b.bytes) - (a.bytes < b.bytes);
}

int slice_equal(struct slice a, struct slice b)
{
    return a.bytes == b.bytes && (a.bytes == 0 || memcmp(a.at, b.at, a.bytes) == 0);
}
