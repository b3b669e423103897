#include "codec/codec.h"

#include "codec/tables.h"
#include "core/check.h"

#include <isa-l/erasure_code.h>
#include <stdlib.h>
#include <string.h>

/* Fragments that share a buffer begin at multiples of this, as the kernels like it. */
enum { FRAGMENT_ALIGNMENT = 64 };

struct codec {
    unsigned n;
    unsigned k;
    struct tables *tables;
};

struct codec *codec_create(unsigned n, unsigned k)
{
    CHECK(k >= 1 && k <= n && n <= MEMBER_COUNT_MAX);
    struct codec *codec = malloc(sizeof *codec);
    struct tables *tables = tables_create(n, k);
    if (!codec || !tables) {
        free(codec);
        tables_destroy(tables);
        return NULL;
    }
    *codec = (struct codec){.n = n, .k = k, .tables = tables};
    return codec;
}

void codec_destroy(struct codec *codec)
{
    if (!codec)
        return;
    tables_destroy(codec->tables);
    free(codec);
}

size_t codec_fragment_bytes(size_t value_bytes, unsigned k)
{
    CHECK(k >= 1);
    return value_bytes / k + (value_bytes % k != 0);
}

static size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void empty_all(struct slice *slices, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        slices[i] = (struct slice){0};
}

/* `set` has at least `count` members. */
static struct voters first_of(struct voters set, unsigned count)
{
    struct voters first = {0};
    for (unsigned i = 0; voters_count(first) < count; i++) {
        if (voters_has(set, i))
            voters_add(&first, i);
    }
    return first;
}

/*
 * A buffer with room for the fragments `which`, which become windows on it, without references of their own. NULL
 * without memory, and then nothing has changed.
 */
static struct buffer *make_room(struct voters which, size_t fragment_bytes, struct slice *fragments)
{
    const size_t stride_bytes = (fragment_bytes + FRAGMENT_ALIGNMENT - 1) / FRAGMENT_ALIGNMENT * FRAGMENT_ALIGNMENT;
    struct buffer *room = buffer_create(voters_count(which) * stride_bytes);
    if (!room)
        return NULL;
    size_t offset = 0;
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        if (!voters_has(which, i))
            continue;
        fragments[i] = slice_of(room, offset, fragment_bytes);
        offset += stride_bytes;
    }
    return room;
}

/* ISA-L only reads its sources, and makes its outputs in our own room, but its declarations are older than const. */
static void list_pointers(const struct slice *fragments, struct voters which, unsigned char **pointers)
{
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        if (voters_has(which, i))
            *pointers++ = (unsigned char *)(uintptr_t)fragments[i].at;
    }
}

/*
 * The whole arithmetic of the code: compute the fragments `outputs` from the k fragments `sources`, all of one size
 * above 0. `from` and `to` have room for n and are not looked at otherwise; each output becomes a counted slice with a
 * reference for the caller. On AREG_ENOMEM `to` is as it was.
 */
static enum areg_error compute(struct codec *codec, const struct slice *from, struct voters sources,
                               struct voters outputs, struct slice *to)
{
    CHECK(voters_count(sources) == codec->k && (sources.bits & outputs.bits) == 0);
    if (outputs.bits == 0)
        return AREG_OK;

    const struct slice *first = &from[__builtin_ctz(sources.bits)];
    if (codec->k == 1) {
        for (unsigned i = 0; i < codec->n; i++) {
            if (voters_has(outputs, i))
                to[i] = slice_ref(*first);
        }
        return AREG_OK;
    }

    struct buffer *room = make_room(outputs, first->bytes, to);
    if (!room)
        return AREG_ENOMEM;
    unsigned char *source_at[MEMBER_COUNT_MAX], *output_at[MEMBER_COUNT_MAX];
    list_pointers(from, sources, source_at);
    list_pointers(to, outputs, output_at);
    ec_encode_data((int)first->bytes, (int)codec->k, (int)voters_count(outputs),
                   tables_get(codec->tables, sources, outputs), source_at, output_at);
    for (unsigned i = 0; i < codec->n; i++) {
        if (voters_has(outputs, i))
            to[i] = slice_ref(to[i]);
    }
    buffer_unref(room);
    return AREG_OK;
}

/*
 * Copy the data fragments `which` of `value` and pad them: they become windows, without references of their own, on the
 * buffer returned. NULL without memory.
 */
static struct buffer *pad(struct slice value, struct voters which, size_t fragment_bytes, struct slice *data)
{
    struct buffer *padding = make_room(which, fragment_bytes, data);
    if (!padding)
        return NULL;
    for (unsigned i = 0; i < MEMBER_COUNT_MAX; i++) {
        if (!voters_has(which, i))
            continue;
        uint8_t *to = buffer_at(padding) + (data[i].at - buffer_at(padding));
        const size_t offset = size_min(i * fragment_bytes, value.bytes);
        const size_t copied_bytes = size_min(fragment_bytes, value.bytes - offset);
        memcpy(to, value.at + offset, copied_bytes);
        memset(to + copied_bytes, 0, fragment_bytes - copied_bytes);
    }
    return padding;
}

enum areg_error codec_encode(struct codec *codec, struct slice value, struct voters wanted, struct slice *fragments)
{
    CHECK(value.bytes <= AREG_VALUE_BYTES_MAX);
    CHECK(voters_minus(wanted, voters_all(codec->n)).bits == 0);
    empty_all(fragments, codec->n);
    if (value.bytes == 0)
        return AREG_OK;

    const size_t fragment_bytes = codec_fragment_bytes(value.bytes, codec->k);
    const unsigned whole_count = (unsigned)(value.bytes / fragment_bytes);
    const struct voters all_data = voters_all(codec->k);
    const struct voters parity = voters_minus(wanted, all_data);
    const struct voters needed = parity.bits != 0 ? all_data : wanted;
    const struct voters padded = voters_minus(needed, voters_all(whole_count));

    struct slice data[MEMBER_COUNT_MAX]; /* windows, without references of their own */
    for (unsigned i = 0; i < whole_count; i++)
        data[i] = (struct slice){value.at + i * fragment_bytes, fragment_bytes, value.owner};
    struct buffer *padding = NULL;
    if (padded.bits != 0) {
        padding = pad(value, padded, fragment_bytes, data);
        if (!padding)
            return AREG_ENOMEM;
    }

    const enum areg_error error = compute(codec, data, all_data, parity, fragments);
    for (unsigned i = 0; i < codec->k && !error; i++) {
        if (voters_has(wanted, i))
            fragments[i] = slice_ref(data[i]);
    }
    buffer_unref(padding);
    return error;
}

/* Fragments and their value's size come from peers. */
static enum areg_error judge(const struct codec *codec, const struct slice *fragments, struct voters present,
                             size_t value_bytes)
{
    if (value_bytes > AREG_VALUE_BYTES_MAX || voters_count(present) < codec->k)
        return AREG_EINVAL;
    const size_t fragment_bytes = codec_fragment_bytes(value_bytes, codec->k);
    for (unsigned i = 0; i < codec->n; i++) {
        if (voters_has(present, i) && fragments[i].bytes != fragment_bytes)
            return AREG_EINVAL;
    }
    return AREG_OK;
}

enum areg_error codec_decode(struct codec *codec, const struct slice *fragments, struct voters present,
                             size_t value_bytes, struct slice *pieces)
{
    CHECK(voters_minus(present, voters_all(codec->n)).bits == 0);
    empty_all(pieces, codec->k);
    enum areg_error error = judge(codec, fragments, present, value_bytes);
    if (error || value_bytes == 0)
        return error;

    /* Fragments that are all padding hold nothing of the value. */
    const size_t fragment_bytes = codec_fragment_bytes(value_bytes, codec->k);
    const unsigned needed_count = (unsigned)((value_bytes + fragment_bytes - 1) / fragment_bytes);
    CHECK(needed_count <= codec->k);

    struct slice computed[MEMBER_COUNT_MAX];
    const struct voters missing = voters_minus(voters_all(needed_count), present);
    error = compute(codec, fragments, first_of(present, codec->k), missing, computed);
    if (error)
        return error;
    for (unsigned i = 0; i < needed_count; i++) {
        pieces[i] = voters_has(missing, i) ? computed[i] : slice_ref(fragments[i]);
        pieces[i].bytes = size_min(fragment_bytes, value_bytes - i * fragment_bytes);
    }
    return AREG_OK;
}

enum areg_error codec_rebuild(struct codec *codec, const struct slice *fragments, struct voters present,
                              size_t value_bytes, unsigned index, struct slice *rebuilt)
{
    CHECK(index < codec->n);
    CHECK(voters_minus(present, voters_all(codec->n)).bits == 0);
    *rebuilt = (struct slice){0};
    voters_remove(&present, index);
    enum areg_error error = judge(codec, fragments, present, value_bytes);
    if (error || value_bytes == 0)
        return error;

    struct slice computed[MEMBER_COUNT_MAX];
    struct voters missing = {0};
    voters_add(&missing, index);
    error = compute(codec, fragments, first_of(present, codec->k), missing, computed);
    if (!error)
        *rebuilt = computed[index];
    return error;
}
