/*
 * From the user's requests to the engine's operations, and from their outcomes to the user's callbacks.
 */
#include "client/lib/handle.h"

#include "client/lib/value.h"
#include "core/check.h"

#include <string.h>

/* ---------------------------------------------------------------- tickets */

/* A public id is the ticket's number below its generation, so that no id comes again. */
enum { TICKET_NUMBER_BITS = 12 };
_Static_assert(INFLIGHT_MAX <= 1 << TICKET_NUMBER_BITS, "a ticket's number must fit its bits");

struct ticket *ticket_find(struct areg_client *client, uint64_t id)
{
    const uint64_t number = id & ((1u << TICKET_NUMBER_BITS) - 1);
    if (id == 0 || number >= client->ticket_max || client->tickets[number].id != id)
        return NULL;
    return &client->tickets[number];
}

enum areg_error ticket_begin(struct areg_client *client, const struct client_op *op, const struct ticket *how,
                             uint64_t *id)
{
    if (client->first_free == TICKET_NONE)
        return AREG_EBUSY;
    const uint32_t number = client->first_free;
    struct ticket *ticket = &client->tickets[number];
    CHECK(ticket->id == 0);
    struct client_op with_context = *op;
    with_context.context = ticket;
    uint64_t engine_id;
    const enum areg_error error = client_submit(client->engine, handle_now_ns(), &with_context, &engine_id);
    if (error)
        return error;
    client->first_free = ticket->next_free;
    client->ticket_count++;
    const uint32_t generation = ticket->generation + 1;
    *ticket = *how;
    ticket->generation = generation ? generation : 1;
    ticket->id = (uint64_t)ticket->generation << TICKET_NUMBER_BITS | number;
    ticket->engine_id = engine_id;
    *id = ticket->id;
    return AREG_OK;
}

static void release_ticket(struct areg_client *client, struct ticket *ticket)
{
    CHECK(client->ticket_count > 0);
    client->ticket_count--;
    ticket->id = 0;
    ticket->next_free = client->first_free;
    client->first_free = (uint32_t)(ticket - client->tickets);
}

/* ---------------------------------------------------------------- outcomes */

static void drop_outcome(struct client_done *done)
{
    for (unsigned i = 0; i < done->piece_count; i++)
        slice_unref(&done->pieces[i]);
    done->piece_count = 0;
    slice_unref(&done->page);
    slice_unref(&done->more_after);
    slice_unref(&done->base);
    slice_unref(&done->pending);
}

/* Tell the user. A value for which there is no memory turns a read into AREG_ENOMEM: it may be repeated. */
static void tell_user(const struct ticket *ticket, struct client_done *done)
{
    struct areg_result result = {
        .id = ticket->id,
        .error = done->error,
        .tag = {done->tag.z, done->tag.w},
        .value_bytes = done->value_bytes,
        .rounds = done->rounds,
        .configuration = done->configuration,
        .detail = done->detail,
    };
    if (!ticket->done)
        return;
    if (done->kind == CLIENT_GET && done->error == AREG_OK) {
        result.value = value_of_pieces(done->pieces, done->piece_count);
        done->piece_count = 0;
        if (!result.value)
            result = (struct areg_result){.id = ticket->id, .error = AREG_ENOMEM, .detail = ""};
        CHECK(!result.value || areg_value_bytes(result.value) == result.value_bytes);
    }
    ticket->done(&result, ticket->arg);
}

void ticket_end(struct areg_client *client, struct client_done *done)
{
    struct ticket *ticket = done->context;
    if (client->direct && done->context == client->direct_context) {
        client->direct(client, done, client->direct_context);
        drop_outcome(done);
        return;
    }
    CHECK(ticket->id != 0 && ticket->engine_id == done->id);
    const struct ticket ended = *ticket;
    release_ticket(client, ticket);
    if (ended.outcome)
        ended.outcome(client, done, ended.arg);
    else
        tell_user(&ended, done);
    drop_outcome(done);
}

/* ---------------------------------------------------------------- submit */

static enum areg_error judge(struct areg_client *client, const struct areg_request *request)
{
    const size_t value_bytes = request->value ? areg_value_bytes(request->value) : request->data_bytes;
    if (request->op < AREG_GET || request->op > AREG_STAT)
        return handle_detail(client, AREG_EINVAL, "no such operation");
    if (!request->key || request->key_bytes < 1 || request->key_bytes > AREG_KEY_BYTES_MAX)
        return handle_detail(client, AREG_EINVAL, "a key has 1..1024 bytes");
    if (request->op != AREG_PUT)
        return AREG_OK;
    if (value_bytes > AREG_VALUE_BYTES_MAX)
        return handle_detail(client, AREG_ETOOBIG, "a value has up to 16 MiB");
    if (!request->value && !request->data && value_bytes > 0)
        return handle_detail(client, AREG_EINVAL, "the value is missing");
    return AREG_OK;
}

/* The value to write as a counted slice; `*copy` is to be dropped by the caller. */
static enum areg_error take_value(const struct areg_request *request, struct slice *value, struct slice *copy)
{
    *copy = (struct slice){0};
    *value = (struct slice){0};
    if (request->op != AREG_PUT)
        return AREG_OK;
    if (request->value)
        return value_to_write(request->value, value);
    *copy = slice_copy(slice_borrow(request->data, request->data_bytes));
    *value = *copy;
    return copy->owner || request->data_bytes == 0 ? AREG_OK : AREG_ENOMEM;
}

static enum areg_error submit_one(struct areg_client *client, const struct areg_request *request, uint64_t *id)
{
    static const enum client_op_kind kinds[] = {
        [AREG_GET] = CLIENT_GET, [AREG_PUT] = CLIENT_PUT, [AREG_DEL] = CLIENT_DEL, [AREG_STAT] = CLIENT_STAT};
    struct client_op op = {
        .kind = kinds[request->op],
        .key = slice_borrow(request->key, request->key_bytes),
        .deadline_ns = handle_deadline_ns(client, request->timeout_ms),
    };
    if (request->base && (request->op == AREG_PUT || request->op == AREG_DEL)) {
        op.has_base = true;
        op.base = (struct tag){request->base->z, request->base->writer};
    }
    const struct ticket how = {.done = request->done, .arg = request->arg};
    struct slice copy;
    enum areg_error error = take_value(request, &op.value, &copy);
    if (!error)
        error = ticket_begin(client, &op, &how, id);
    slice_unref(&copy); /* the engine holds its own reference */
    return error;
}

static void end_silently(struct areg_client *client, struct client_done *done, void *arg)
{
    (void)client;
    (void)done;
    (void)arg;
}

/* Take back what was begun in this very call: no message of it has left, so it has no effect and nobody hears of it. */
static void withdraw(struct areg_client *client, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct ticket *ticket = ticket_find(client, ids[i]);
        CHECK(ticket != NULL);
        ticket->outcome = end_silently;
        CHECK(client_cancel(client->engine, handle_now_ns(), ticket->engine_id) == AREG_OK);
    }
}

enum areg_error areg_submit(struct areg_client *client, const struct areg_request *requests, size_t count,
                            uint64_t *ids)
{
    handle_detail(client, AREG_OK, "");
    if (client->is_closing)
        return handle_detail(client, AREG_EINVAL, "the handle is being closed");
    if (count > client->ticket_max - client->ticket_count || count > client_room(client->engine))
        return handle_detail(client, AREG_EBUSY, "inflight_max operations are under way");
    for (size_t i = 0; i < count; i++) {
        const enum areg_error error = judge(client, &requests[i]);
        if (error)
            return error;
    }
    uint64_t begun[INFLIGHT_MAX];
    for (size_t i = 0; i < count; i++) {
        const enum areg_error error = submit_one(client, &requests[i], &begun[i]);
        if (!error)
            continue;
        withdraw(client, begun, i);
        return handle_detail(client, error, areg_strerror(error));
    }
    if (ids && count)
        memcpy(ids, begun, count * sizeof *ids);
    if (client->is_watched && !client->is_in_turn)
        dealers_arm(client->dealers, true);
    return AREG_OK;
}

enum areg_error areg_cancel(struct areg_client *client, uint64_t id)
{
    struct ticket *ticket = ticket_find(client, id);
    if (!ticket || client_cancel(client->engine, handle_now_ns(), ticket->engine_id) != AREG_OK)
        return handle_detail(client, AREG_EINVAL, "no such operation is under way");
    if (client->is_watched && !client->is_in_turn)
        dealers_arm(client->dealers, true);
    return AREG_OK;
}
