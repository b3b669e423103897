/*
 * Listing: pages of keys of every shard that may hold the prefix, merged in the order of core/key.h.
 *
 * The keys of a shard are a sorted stream, which arrives page by page. The smallest head of all streams goes first, so
 * nothing can be told while a stream waits for its next page.
 */
#include "client/lib/handle.h"

#include "core/check.h"
#include "core/key.h"

#include <stdio.h>
#include <stdlib.h>

/* Keys on all pages together: bounds the memory of a listing over many shards, but a page has at least a few. */
enum { LIST_KEY_COUNT_MAX = 32 * KEY_PAGE_COUNT_MAX, LIST_PAGE_KEY_COUNT_MIN = 64 };
/* Pages on their way at once: each is one more packet of up to KEY_PAGE_BYTES_MAX from each host. */
enum { LIST_ASKED_COUNT_MAX = 32 };

struct listing;

/* The keys of one shard. */
struct stream {
    struct listing *listing;
    uint32_t shard;
    uint64_t asked_id; /* 0: no page is on its way */
    bool has_head;
    bool has_more;      /* there may be keys after this page */
    struct slice after; /* the key that the next page begins after */
    struct slice page;
    struct bytes_reader reader; /* of the page */
    struct listed_key head;     /* borrowed from the page */
};

struct listing {
    struct areg_client *client;
    struct slice prefix;
    uint32_t timeout_ms;
    uint32_t page_key_count;
    unsigned asked_count;
    enum areg_error error; /* the first one */
    char detail[sizeof((struct areg_client *)NULL)->detail];
    unsigned stream_count;
    struct stream *streams;
    unsigned heap_count;
    struct stream **heap; /* streams that have a head, the smallest first */
};

static void listing_fail(struct listing *listing, enum areg_error error, const char *detail)
{
    if (listing->error)
        return;
    listing->error = error;
    snprintf(listing->detail, sizeof listing->detail, "%s", detail[0] ? detail : areg_strerror(error));
}

/* ---------------------------------------------------------------- one stream */

static void stream_advance(struct stream *stream)
{
    const enum areg_error error = key_page_get(&stream->reader, &stream->head);
    stream->has_head = error == AREG_OK;
    /* The engine merged the page itself, so these bytes are ours. */
    CHECK(error == AREG_OK || error == AREG_ENOTFOUND);
}

static void page_came(struct areg_client *client, struct client_done *done, void *arg)
{
    (void)client;
    struct stream *stream = arg;
    struct listing *listing = stream->listing;
    stream->asked_id = 0;
    listing->asked_count--;
    if (done->error != AREG_OK) {
        listing_fail(listing, done->error, done->detail);
        return;
    }
    slice_unref(&stream->page);
    slice_unref(&stream->after);
    stream->page = done->page;
    stream->after = done->more_after;
    stream->has_more = done->has_more;
    done->page = done->more_after = (struct slice){0};
    stream->reader = bytes_reader_on(stream->page.at, stream->page.bytes);
    stream_advance(stream);
}

static enum areg_error stream_ask(struct stream *stream)
{
    struct listing *listing = stream->listing;
    const struct client_op op = {
        .kind = CLIENT_LIST,
        .key = listing->prefix,
        .shard = stream->shard,
        .after = stream->after,
        .key_count_max = listing->page_key_count,
        .deadline_ns = handle_deadline_ns(listing->client, listing->timeout_ms),
    };
    const struct ticket how = {.outcome = page_came, .arg = stream};
    const enum areg_error error = ticket_begin(listing->client, &op, &how, &stream->asked_id);
    if (!error)
        listing->asked_count++;
    return error;
}

/* Have every stream that is not at its end show its head. */
static void fetch_heads(struct listing *listing)
{
    for (unsigned i = 0; i < listing->stream_count && !listing->error;) {
        struct stream *stream = &listing->streams[i];
        if (stream->has_head || stream->asked_id || !stream->has_more) {
            i++;
            continue;
        }
        const bool is_busy = listing->asked_count == LIST_ASKED_COUNT_MAX;
        const enum areg_error error = is_busy ? AREG_EBUSY : stream_ask(stream);
        if (error == AREG_EBUSY)
            handle_run(listing->client, UINT64_MAX); /* until one of those under way has ended */
        else if (error)
            listing_fail(listing, error, "");
    }
    while (listing->asked_count > 0 && !listing->error)
        handle_run(listing->client, UINT64_MAX);
}

/* ---------------------------------------------------------------- merge */

static void heap_sink(struct listing *listing, unsigned at)
{
    struct stream **heap = listing->heap;
    for (;;) {
        unsigned smallest = at;
        for (unsigned child = 2 * at + 1; child <= 2 * at + 2 && child < listing->heap_count; child++)
            if (key_compare(heap[child]->head.key, heap[smallest]->head.key) < 0)
                smallest = child;
        if (smallest == at)
            return;
        struct stream *moved = heap[at];
        heap[at] = heap[smallest];
        heap[smallest] = moved;
        at = smallest;
    }
}

static void heap_build(struct listing *listing)
{
    listing->heap_count = 0;
    for (unsigned i = 0; i < listing->stream_count; i++)
        if (listing->streams[i].has_head)
            listing->heap[listing->heap_count++] = &listing->streams[i];
    for (unsigned i = listing->heap_count / 2; i > 0; i--)
        heap_sink(listing, i - 1);
}

/* Tell keys until a stream needs its next page. False: that was the end, or `each` wants no more. */
static bool tell_keys(struct listing *listing, areg_key_fn *each, void *arg)
{
    heap_build(listing);
    while (listing->heap_count > 0) {
        struct stream *first = listing->heap[0];
        const struct listed_key *head = &first->head;
        if (!each(head->key.at, head->key.bytes, (struct areg_tag){head->tag.z, head->tag.w}, arg))
            return false;
        stream_advance(first);
        if (!first->has_head && first->has_more)
            return true;
        if (!first->has_head)
            listing->heap[0] = listing->heap[--listing->heap_count];
        heap_sink(listing, 0);
    }
    return false;
}

/* ---------------------------------------------------------------- the call */

static enum areg_error listing_init(struct listing *listing, const struct cluster *cluster)
{
    listing->streams = calloc(cluster->shard_count, sizeof *listing->streams);
    listing->heap = calloc(cluster->shard_count, sizeof(struct stream *));
    if (!listing->streams || !listing->heap)
        return AREG_ENOMEM;
    for (unsigned i = 0; i < cluster->pool_count; i++) {
        const struct pool *pool = &cluster->pools[i];
        if (!cluster_pool_may_hold(pool, listing->prefix))
            continue;
        for (uint32_t shard = 0; shard < pool->shard_count; shard++)
            listing->streams[listing->stream_count++] =
                (struct stream){.listing = listing, .shard = pool->shard_first + shard, .has_more = true};
    }
    CHECK(listing->stream_count <= cluster->shard_count);
    const unsigned share = LIST_KEY_COUNT_MAX / (listing->stream_count ? listing->stream_count : 1);
    listing->page_key_count = share > KEY_PAGE_COUNT_MAX        ? KEY_PAGE_COUNT_MAX
                              : share < LIST_PAGE_KEY_COUNT_MIN ? LIST_PAGE_KEY_COUNT_MIN
                                                                : share;
    return AREG_OK;
}

static void listing_fini(struct listing *listing)
{
    for (unsigned i = 0; i < listing->stream_count; i++) {
        struct ticket *asked = ticket_find(listing->client, listing->streams[i].asked_id);
        if (asked)
            CHECK(client_cancel(listing->client->engine, handle_now_ns(), asked->engine_id) == AREG_OK);
    }
    while (listing->asked_count > 0)
        handle_run(listing->client, UINT64_MAX);
    for (unsigned i = 0; i < listing->stream_count; i++) {
        slice_unref(&listing->streams[i].page);
        slice_unref(&listing->streams[i].after);
    }
    free(listing->streams);
    free(listing->heap);
}

enum areg_error areg_list(struct areg_client *client, const void *prefix, size_t prefix_bytes,
                          const struct areg_op_options *options, areg_key_fn *each, void *arg)
{
    const enum areg_error error = handle_may_block(client);
    if (error)
        return error;
    handle_detail(client, AREG_OK, "");
    if (prefix_bytes > AREG_KEY_BYTES_MAX || (!prefix && prefix_bytes > 0))
        return handle_detail(client, AREG_EINVAL, "a prefix has 0..1024 bytes");
    struct listing listing = {
        .client = client,
        .prefix = slice_borrow(prefix, prefix_bytes),
        .timeout_ms = options ? options->timeout_ms : 0,
    };
    const struct cluster *cluster = handle_await_cluster(client, handle_deadline_ns(client, listing.timeout_ms));
    if (!cluster) {
        handle_rest(client);
        return handle_no_cluster(client);
    }
    if (listing_init(&listing, cluster) != AREG_OK)
        listing_fail(&listing, AREG_ENOMEM, "");
    bool goes_on = true;
    while (goes_on && !listing.error) {
        fetch_heads(&listing);
        goes_on = !listing.error && tell_keys(&listing, each, arg);
    }
    listing_fini(&listing);
    handle_rest(client);
    return handle_detail(client, listing.error, listing.detail);
}
