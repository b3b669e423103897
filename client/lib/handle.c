#include "client/lib/handle.h"

#include "client/lib/where.h"
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* How long areg_close() goes on sending what slow hosts have not taken yet: a write that was acknowledged is safe, but
 * has all its fragments only when they have it too. */
enum { LINGER_MS = 1000 };
enum { TIMEOUT_MS_DEFAULT = 5000 };

/* ---------------------------------------------------------------- open */

static enum areg_error make_tickets(struct areg_client *client, uint32_t ticket_max)
{
    client->tickets = calloc(ticket_max, sizeof *client->tickets);
    if (!client->tickets)
        return AREG_ENOMEM;
    client->ticket_max = ticket_max;
    for (uint32_t i = 0; i < ticket_max; i++)
        client->tickets[i].next_free = i + 1 < ticket_max ? i + 1 : TICKET_NONE;
    return AREG_OK;
}

static enum areg_error make_engine(struct areg_client *client, const struct where *where)
{
    const char *seeds[HOST_COUNT_MAX];
    for (unsigned i = 0; i < where->seed_count; i++)
        seeds[i] = where->seeds[i];
    struct client_options options = {
        .inflight_max = client->ticket_max,
        .seeds = seeds,
        .seed_count = where->seed_count,
    };
    if (getrandom(&options.random_seed, sizeof options.random_seed, 0) != sizeof options.random_seed)
        return AREG_EIO;
    client->engine = client_create(&options, handle_now_ns());
    return client->engine ? AREG_OK : AREG_ENOMEM;
}

static void handle_destroy(struct areg_client *client)
{
    /* Packets under construction hold references to values that are still to be sent, or not. */
    for (unsigned i = 0; i < DEALER_COUNT_MAX; i++)
        packet_writer_destroy(client->outboxes[i].writer);
    if (client->engine)
        client_destroy(client->engine);
    dealers_destroy(client->dealers, LINGER_MS);
    free(client->tickets);
    free(client);
}

static enum areg_error handle_create(struct areg_client **client, const struct where *where,
                                     const struct areg_options *options)
{
    struct areg_client *made = calloc(1, sizeof *made);
    if (!made)
        return AREG_ENOMEM;
    made->timer_ns = UINT64_MAX;
    made->timeout_ms = options->timeout_ms ? options->timeout_ms
                       : where->timeout_ms ? where->timeout_ms
                                           : TIMEOUT_MS_DEFAULT;
    enum areg_error error = make_tickets(made, options->inflight_max ? options->inflight_max : INFLIGHT_DEFAULT);
    if (!error)
        error = make_engine(made, where);
    if (!error)
        error = dealers_create(&made->dealers);
    if (error) {
        handle_destroy(made);
        return error;
    }
    handle_connect(made);
    *client = made;
    return AREG_OK;
}

enum areg_error areg_open(struct areg_client **client, const char *where, const struct areg_options *options)
{
    static const struct areg_options defaults;
    if (!options)
        options = &defaults;
    *client = NULL;
    char why[WHERE_WHY_BYTES] = "";
    struct where *parsed = malloc(sizeof *parsed);
    enum areg_error error = parsed ? where_parse(where, parsed, why) : AREG_ENOMEM;
    if (!error && options->inflight_max > INFLIGHT_MAX) {
        snprintf(why, sizeof why, "inflight_max is 1..%d", INFLIGHT_MAX);
        error = AREG_EINVAL;
    }
    if (!error)
        error = handle_create(client, parsed, options);
    free(parsed);
    if (options->detail && options->detail_bytes > 0)
        snprintf(options->detail, options->detail_bytes, "%s", why[0] || !error ? why : areg_strerror(error));
    return error;
}

enum areg_error handle_open(struct areg_client **client, const char *const *seeds, unsigned seed_count)
{
    static const struct areg_options defaults;
    *client = NULL;
    CHECK(seed_count >= 1 && seed_count <= HOST_COUNT_MAX);
    struct where *where = calloc(1, sizeof *where);
    if (!where)
        return AREG_ENOMEM;
    where->seed_count = seed_count;
    for (unsigned i = 0; i < seed_count; i++)
        snprintf(where->seeds[i], sizeof where->seeds[i], "%s", seeds[i]);
    const enum areg_error error = handle_create(client, where, &defaults);
    free(where);
    return error;
}

/* ---------------------------------------------------------------- close */

void areg_close(struct areg_client *client)
{
    if (!client || client->is_in_turn || client->is_closing)
        return;
    client->is_closing = true;
    client_cancel_all(client->engine, handle_now_ns());
    while (client->ticket_count > 0)
        CHECK(handle_turn(client) > 0);
    client_flush(client->engine, handle_now_ns());
    handle_turn(client);
    handle_destroy(client);
}

/* ---------------------------------------------------------------- what the other files share */

uint64_t handle_deadline_ns(const struct areg_client *client, uint32_t timeout_ms)
{
    if (timeout_ms == 0)
        timeout_ms = client->timeout_ms;
    return timeout_ms == AREG_FOREVER ? UINT64_MAX : handle_now_ns() + (uint64_t)timeout_ms * 1000000;
}

enum areg_error handle_detail(struct areg_client *client, enum areg_error error, const char *detail)
{
    snprintf(client->detail, sizeof client->detail, "%s", detail);
    return error;
}

enum areg_error handle_may_block(struct areg_client *client)
{
    if (client->is_in_turn || client->is_closing)
        return handle_detail(client, AREG_EINVAL, "a callback may submit and cancel, but not wait");
    return AREG_OK;
}

enum areg_error handle_no_cluster(struct areg_client *client)
{
    size_t used_bytes = (size_t)snprintf(client->detail, sizeof client->detail, "no answer from");
    for (unsigned i = 0; i < client_peer_count(client->engine) && used_bytes < sizeof client->detail; i++)
        used_bytes += (size_t)snprintf(client->detail + used_bytes, sizeof client->detail - used_bytes, "%s %s",
                                       i > 0 ? "," : "", client_peer_address(client->engine, i));
    return AREG_EUNAVAIL;
}

const char *areg_detail(const struct areg_client *client)
{
    return client->detail;
}

/* ---------------------------------------------------------------- the loop */

size_t areg_run(struct areg_client *client, uint32_t wait_ms)
{
    if (handle_may_block(client) != AREG_OK)
        return 0;
    const size_t done_count = handle_run(client, wait_ms == AREG_NO_WAIT ? 1 : handle_deadline_ns(client, wait_ms));
    handle_rest(client);
    return done_count;
}

enum areg_error areg_wait(struct areg_client *client, uint64_t id)
{
    const enum areg_error error = handle_may_block(client);
    if (error)
        return error;
    if (!ticket_find(client, id))
        return handle_detail(client, AREG_EINVAL, "no such operation is under way");
    while (ticket_find(client, id))
        handle_run(client, UINT64_MAX);
    handle_rest(client);
    return AREG_OK;
}

int areg_fd(struct areg_client *client)
{
    if (!client->is_watched && !client->is_in_turn)
        dealers_arm(client->dealers, true); /* nobody has kept count so far: one run sets it right */
    client->is_watched = true;
    return dealers_fd(client->dealers);
}
