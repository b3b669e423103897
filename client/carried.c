/*
 * A value on its way from one configuration to another: the newest one that an operation has met, or the one that it
 * writes, cut by the code of the configuration that it was met in [ARES, Alg. 5; PROTOCOL §4].
 */
#include "client/engine.h"

#include "core/check.h"

#include <string.h>

void carried_fini(struct carried *carried)
{
    coded_value_fini(&carried->value);
    view_unref(carried->view);
    carried->view = NULL;
}

static void move_value(struct coded_value *to, struct coded_value *from)
{
    to->entry = from->entry;
    to->present = from->present;
    for (uint32_t bits = from->present.bits; bits; bits &= bits - 1) {
        const unsigned i = (unsigned)__builtin_ctz(bits);
        to->fragments[i] = from->fragments[i];
    }
    from->present = (struct voters){0};
}

void carried_take(struct carried *carried, struct view *view, struct coded_value *value)
{
    view_ref(view);
    carried_fini(carried);
    carried->view = view;
    move_value(&carried->value, value);
    carried->holders = carried->unconfirmed = (struct voters){0};
    carried->is_complete = false;
}

/* The pieces of a value as one: a copy, unless it is one piece. */
static enum areg_error join(struct slice *pieces, unsigned piece_count, size_t value_bytes, struct slice *value)
{
    *value = (struct slice){0};
    if (piece_count == 1 || value_bytes == 0) {
        *value = value_bytes ? slice_ref(pieces[0]) : (struct slice){0};
        return AREG_OK;
    }
    struct buffer *room = buffer_create(value_bytes);
    if (!room)
        return AREG_ENOMEM;
    size_t at = 0;
    for (unsigned i = 0; i < piece_count; i++) {
        if (pieces[i].bytes)
            memcpy(buffer_at(room) + at, pieces[i].at, pieces[i].bytes);
        at += pieces[i].bytes;
    }
    CHECK(at == value_bytes);
    *value = slice_of(room, 0, value_bytes);
    return AREG_OK;
}

/* Between two codes the value itself is needed, and what the new code cuts off it. */
static enum areg_error recode(const struct carried *carried, const struct view *view, struct coded_value *value)
{
    const struct coded_value *from = &carried->value;
    const unsigned k = carried->view->config.code.k;
    struct slice pieces[MEMBER_COUNT_MAX];
    enum areg_error error =
        codec_decode(carried->view->codec, from->fragments, from->present, from->entry.value_bytes, pieces);
    if (error != AREG_OK)
        return error;
    struct slice whole;
    error = join(pieces, k, from->entry.value_bytes, &whole);
    if (error == AREG_OK)
        error = codec_encode(view->codec, whole, voters_all(view->config.member_count), value->fragments);
    slice_unref(&whole);
    for (unsigned i = 0; i < k; i++)
        slice_unref(&pieces[i]);
    if (error == AREG_OK)
        value->present = voters_all(view->config.member_count);
    return error;
}

enum areg_error carried_give(struct carried *carried, const struct view *view, struct coded_value *value)
{
    CHECK(carried->view != NULL);
    value->entry = carried->value.entry;
    value->present = (struct voters){0};
    if (carried->view->codec == view->codec) {
        move_value(value, &carried->value);
        return AREG_OK;
    }
    if (voters_count(carried->value.present) == 0)
        return AREG_OK; /* Nothing was fetched: all members of `view` have it already, or take it over. */
    return recode(carried, view, value);
}
