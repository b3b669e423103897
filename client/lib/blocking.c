/*
 * The blocking calls: one request, and turns of the loop until it has its outcome.
 */
#include "client/lib/handle.h"

#include <stdio.h>

/* Where the callback leaves the outcome of a blocking call. */
struct outcome {
    bool is_done;
    struct areg_result result;
    char detail[sizeof((struct areg_client *)NULL)->detail];
};

static void keep_outcome(const struct areg_result *result, void *arg)
{
    struct outcome *outcome = arg;
    outcome->is_done = true;
    outcome->result = *result;
    snprintf(outcome->detail, sizeof outcome->detail, "%s", result->detail);
}

static enum areg_error block(struct areg_client *client, struct areg_request *request,
                             const struct areg_op_options *options, struct areg_result *result)
{
    struct outcome outcome = {.is_done = false};
    *result = (struct areg_result){0};
    if (options) {
        request->timeout_ms = options->timeout_ms;
        request->base = options->base;
    }
    request->done = keep_outcome;
    request->arg = &outcome;
    enum areg_error error = handle_may_block(client);
    if (!error)
        error = areg_submit(client, request, 1, NULL);
    if (error)
        return error;
    while (!outcome.is_done)
        handle_run(client, UINT64_MAX);
    handle_rest(client);
    *result = outcome.result;
    return handle_detail(client, result->error, outcome.detail);
}

/* The tag, for those outcomes that have one. */
static void give_tag(const struct areg_result *result, enum areg_error error, struct areg_tag *tag)
{
    const bool has_tag = error == AREG_OK || error == AREG_ENOTFOUND || error == AREG_ESTALE || error == AREG_EMAYBE;
    if (tag)
        *tag = has_tag ? result->tag : (struct areg_tag){0, 0};
}

enum areg_error areg_get(struct areg_client *client, const void *key, size_t key_bytes,
                         const struct areg_op_options *options, struct areg_value **value, struct areg_tag *tag)
{
    struct areg_request request = {.op = AREG_GET, .key = key, .key_bytes = key_bytes};
    struct areg_result result;
    const enum areg_error error = block(client, &request, options, &result);
    *value = result.value;
    give_tag(&result, error, tag);
    return error;
}

enum areg_error areg_put(struct areg_client *client, const void *key, size_t key_bytes, const void *data,
                         size_t data_bytes, const struct areg_op_options *options, struct areg_tag *tag)
{
    struct areg_request request = {
        .op = AREG_PUT, .key = key, .key_bytes = key_bytes, .data = data, .data_bytes = data_bytes};
    struct areg_result result;
    const enum areg_error error = block(client, &request, options, &result);
    give_tag(&result, error, tag);
    return error;
}

enum areg_error areg_put_value(struct areg_client *client, const void *key, size_t key_bytes, struct areg_value *value,
                               const struct areg_op_options *options, struct areg_tag *tag)
{
    struct areg_request request = {.op = AREG_PUT, .key = key, .key_bytes = key_bytes, .value = value};
    struct areg_result result;
    const enum areg_error error = block(client, &request, options, &result);
    give_tag(&result, error, tag);
    return error;
}

enum areg_error areg_del(struct areg_client *client, const void *key, size_t key_bytes,
                         const struct areg_op_options *options, struct areg_tag *tag)
{
    struct areg_request request = {.op = AREG_DEL, .key = key, .key_bytes = key_bytes};
    struct areg_result result;
    const enum areg_error error = block(client, &request, options, &result);
    give_tag(&result, error, tag);
    return error;
}

enum areg_error areg_stat(struct areg_client *client, const void *key, size_t key_bytes,
                          const struct areg_op_options *options, struct areg_tag *tag, uint64_t *value_bytes)
{
    struct areg_request request = {.op = AREG_STAT, .key = key, .key_bytes = key_bytes};
    struct areg_result result;
    const enum areg_error error = block(client, &request, options, &result);
    give_tag(&result, error, tag);
    if (value_bytes)
        *value_bytes = error == AREG_OK ? result.value_bytes : 0;
    return error;
}
