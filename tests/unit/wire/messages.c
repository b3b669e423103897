#include "tests/unit/wire/messages.h"

#include "core/tag.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MEMORY_BYTES = 256 << 10 };

void message_source_init(struct message_source *source)
{
    const char *text = getenv("AREG_SEED");
    source->random.state = text ? strtoull(text, NULL, 0) : (uint64_t)time(NULL);
    printf("AREG_SEED=%" PRIu64 "\n", source->random.state);
    source->memory = buffer_create(MEMORY_BYTES);
    assert_non_null(source->memory);
    source->descriptor_bytes_max = CONFIG_ENCODED_BYTES_MAX;
    for (size_t i = 0; i < MEMORY_BYTES; i++)
        buffer_at(source->memory)[i] = (uint8_t)random_next(&source->random);
}

void message_source_fini(struct message_source *source)
{
    buffer_unref(source->memory);
}

uint64_t random_number(struct message_source *source, uint64_t max)
{
    static const unsigned width_bits[] = {5, 7, 8, 15, 16, 31, 32, 63, 64};
    const unsigned bits = width_bits[random_below(&source->random, sizeof width_bits / sizeof width_bits[0])];
    const uint64_t width_max = UINT64_MAX >> (64 - bits);
    const uint64_t limit = width_max < max ? width_max : max;
    switch (random_below(&source->random, 4)) {
    case 0:
        return limit;
    case 1:
        return limit < max ? limit + 1 : 0;
    default:
        return limit == UINT64_MAX ? random_next(&source->random) : random_below(&source->random, limit + 1);
    }
}

struct slice random_slice(struct message_source *source, size_t bytes_min, size_t bytes_max)
{
    assert_true(bytes_max <= MEMORY_BYTES);
    const size_t bytes = bytes_min + random_number(source, bytes_max - bytes_min);
    return slice_of(source->memory, random_below(&source->random, MEMORY_BYTES - bytes + 1), bytes);
}

static bool random_bool(struct message_source *source)
{
    return random_below(&source->random, 2);
}

static struct tag random_tag(struct message_source *source)
{
    return (struct tag){random_number(source, UINT64_MAX), random_number(source, UINT64_MAX)};
}

/* Of a write: not zero. */
static struct tag random_written_tag(struct message_source *source)
{
    struct tag tag = random_tag(source);
    tag.w |= 1;
    return tag;
}

static struct entry random_entry(struct message_source *source)
{
    struct entry entry = {
        .tag = random_written_tag(source),
        .value_digest = random_number(source, UINT64_MAX),
        .value_bytes = (uint32_t)random_number(source, AREG_VALUE_BYTES_MAX),
        .fragment_checksum = (uint32_t)random_number(source, UINT32_MAX),
        .flags = (uint32_t)random_below(&source->random, ENTRY_FLAGS_ALL + 1),
    };
    if (entry.flags & ENTRY_TOMBSTONE)
        entry.value_bytes = 0;
    return entry;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct slice random_payload(struct message_source *source, size_t kind_bytes_max, size_t payload_bytes_max)
{
    return random_slice(source, 0, least(kind_bytes_max, least(payload_bytes_max, MEMORY_BYTES)));
}

static struct slice random_descriptor(struct message_source *source)
{
    return random_slice(source, 1, source->descriptor_bytes_max);
}

static struct host_id random_host_id(struct message_source *source)
{
    static const char letters[] = "abcxyzABCXYZ0189-_.";
    const size_t bytes = 1 + random_below(&source->random, HOST_ID_BYTES_MAX);
    struct host_id id = {"s"};
    for (size_t i = 1; i < bytes; i++)
        id.text[i] = letters[random_below(&source->random, sizeof letters - 1)];
    return id;
}

/* Of a proposer: not the one that stands for none. */
static struct ballot random_ballot(struct message_source *source)
{
    return (struct ballot){random_number(source, UINT64_MAX), random_number(source, UINT64_MAX) | 1};
}

static void random_transfer(struct message_source *source, struct request *request)
{
    request->transfer = (struct transfer){
        .slices = random_bool(source) ? (uint32_t)random_number(source, UINT32_MAX) : 0,
        .sets_pace = random_bool(source),
        .is_paused = random_bool(source),
        .bytes_per_s = random_number(source, UINT64_MAX),
    };
    if (request->transfer.slices || random_bool(source))
        request->descriptor = random_descriptor(source);
}

static bool needs_descriptor(enum message_kind kind)
{
    return kind == MESSAGE_WRITE_CONFIG || kind == MESSAGE_ACCEPT || kind == MESSAGE_JOIN || kind == MESSAGE_FINALIZE;
}

static bool needs_key(enum message_kind kind)
{
    return (kind >= MESSAGE_GET_TAG && kind <= MESSAGE_CONFIRM) || kind == MESSAGE_ADOPT;
}

static void random_request_body(struct message_source *source, size_t payload_bytes_max, struct request *request)
{
    switch (request->kind) {
    case MESSAGE_HELLO:
        request->hello.wants_cluster = random_bool(source);
        break;
    case MESSAGE_GET_DATA:
        request->get_data.want = (enum want)random_below(&source->random, WANT_TAG + 1);
        if (request->get_data.want == WANT_TAG)
            request->get_data.tag = random_written_tag(source);
        break;
    case MESSAGE_PUT_DATA:
        request->put_data.entry = random_entry(source);
        request->payload = random_payload(source, AREG_VALUE_BYTES_MAX, payload_bytes_max);
        break;
    case MESSAGE_CONFIRM:
        request->confirm.tag = random_written_tag(source);
        break;
    case MESSAGE_LIST_KEYS:
        request->list_keys.prefix = random_slice(source, 0, AREG_KEY_BYTES_MAX);
        request->list_keys.after = random_slice(source, 0, AREG_KEY_BYTES_MAX);
        request->list_keys.key_count_max = 1 + (uint32_t)random_number(source, KEY_PAGE_COUNT_MAX - 1);
        break;
    case MESSAGE_GET_TAG:
        request->get_tag.fragment_bytes = (uint32_t)random_number(source, AREG_VALUE_BYTES_MAX);
        break;
    case MESSAGE_PREPARE:
        request->prepare.ballot = random_ballot(source);
        break;
    case MESSAGE_ACCEPT:
        request->accept.ballot = random_ballot(source);
        break;
    case MESSAGE_ADOPT:
        request->adopt.entry = random_entry(source);
        break;
    case MESSAGE_TRANSFER:
        random_transfer(source, request);
        break;
    case MESSAGE_REGISTER:
        request->registration.host = random_host_id(source);
        request->registration.incarnation = random_number(source, UINT64_MAX) | 1;
        break;
    default:
        break;
    }
}

void random_request(struct message_source *source, enum message_kind kind, size_t payload_bytes_max,
                    struct request *request)
{
    *request = (struct request){.kind = kind, .op = random_number(source, UINT64_MAX)};
    request->phase = (uint32_t)random_number(source, UINT32_MAX);
    request->shard = (uint32_t)random_number(source, UINT32_MAX);
    memcpy(request->config.bytes, random_slice(source, 16, 16).at, 16);
    if (needs_key(kind))
        request->key = random_slice(source, 1, AREG_KEY_BYTES_MAX);
    if (needs_descriptor(kind))
        request->descriptor = random_descriptor(source);
    random_request_body(source, payload_bytes_max, request);
}

static void random_hello(struct message_source *source, struct hello_reply *hello)
{
    hello->host = random_host_id(source);
    hello->incarnation = random_number(source, UINT64_MAX);
    hello->version_min = (uint32_t)random_number(source, UINT32_MAX);
    hello->version_max = (uint32_t)random_number(source, UINT32_MAX);
}

static int compare_entries(const void *a, const void *b)
{
    return tag_compare(((const struct entry *)a)->tag, ((const struct entry *)b)->tag);
}

static void random_data(struct message_source *source, struct data_reply *data)
{
    data->trimmed = random_tag(source);
    data->confirmed = random_tag(source);
    for (uint32_t i = (uint32_t)random_number(source, ENTRY_COUNT_MAX); i > 0; i--)
        data->entries[data->entry_count++] = random_entry(source);
    qsort(data->entries, data->entry_count, sizeof data->entries[0], compare_entries);
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < data->entry_count; i++)
        if (i == 0 || !tag_equal(data->entries[kept_count - 1].tag, data->entries[i].tag))
            data->entries[kept_count++] = data->entries[i];
    data->entry_count = kept_count;
    data->has_fragment = random_bool(source);
    if (data->has_fragment)
        data->fragment_tag = random_tag(source);
}

static void random_consensus(struct message_source *source, struct consensus_reply *consensus)
{
    consensus->is_granted = random_bool(source);
    if (random_bool(source))
        consensus->promised = random_ballot(source);
    if (random_bool(source))
        return;
    consensus->accepted = random_ballot(source);
    consensus->descriptor = random_descriptor(source);
}

static struct transfer_progress random_progress(struct message_source *source)
{
    return (struct transfer_progress){
        .slices_given = (uint32_t)random_number(source, UINT32_MAX),
        .slices_moved = (uint32_t)random_number(source, UINT32_MAX),
        .register_count = random_number(source, UINT64_MAX),
        .bytes = random_number(source, UINT64_MAX),
        .is_paused = random_bool(source),
        .bytes_per_s = random_number(source, UINT64_MAX),
    };
}

static void random_reply_body(struct message_source *source, size_t payload_bytes_max, struct reply *reply)
{
    switch (reply->kind) {
    case MESSAGE_HELLO:
        random_hello(source, &reply->hello);
        reply->payload = random_payload(source, CLUSTER_ENCODED_BYTES_MAX, payload_bytes_max);
        break;
    case MESSAGE_GET_TAG:
        reply->tag.newest = random_tag(source);
        reply->tag.is_full = random_bool(source);
        break;
    case MESSAGE_GET_DATA:
        random_data(source, &reply->data);
        if (reply->data.has_fragment)
            reply->payload = random_payload(source, AREG_VALUE_BYTES_MAX, payload_bytes_max);
        break;
    case MESSAGE_LIST_KEYS:
        reply->keys.has_more = random_bool(source);
        reply->payload = random_payload(source, KEY_PAGE_BYTES_MAX, payload_bytes_max);
        break;
    case MESSAGE_STATUS:
        reply->payload = random_payload(source, STATUS_BYTES_MAX, payload_bytes_max);
        break;
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPT:
        random_consensus(source, &reply->consensus);
        break;
    case MESSAGE_ADOPT:
        reply->adopt.is_adopted = random_bool(source);
        break;
    case MESSAGE_TRANSFER:
        reply->transfer = random_progress(source);
        break;
    default:
        break;
    }
}

/* One that goes with the status, and for OK with the kind. */
static enum link_status random_next_status(struct message_source *source, enum message_kind kind,
                                           enum reply_status status)
{
    if (status == REPLY_RETIRED || (status == REPLY_OK && kind == MESSAGE_HINT))
        return LINK_FINALIZED;
    if (status == REPLY_OK)
        return random_bool(source) ? LINK_PENDING : LINK_NONE;
    if (status == REPLY_UNKNOWN_CONFIG)
        return random_bool(source) ? LINK_FINALIZED : LINK_NONE;
    return (enum link_status)random_below(&source->random, LINK_FINALIZED + 1);
}

void random_reply(struct message_source *source, enum message_kind kind, enum reply_status status,
                  size_t payload_bytes_max, struct reply *reply)
{
    *reply = (struct reply){.kind = kind, .op = random_number(source, UINT64_MAX), .status = status};
    reply->phase = (uint32_t)random_number(source, UINT32_MAX);
    reply->next.status = random_next_status(source, kind, status);
    if (reply->next.status != LINK_NONE)
        reply->next.descriptor = random_descriptor(source);
    if (status == REPLY_OK)
        random_reply_body(source, payload_bytes_max, reply);
    else if (status == REPLY_VERSION)
        random_hello(source, &reply->hello);
}

/* ---------------------------------------------------------------- comparison */

static void assert_slice_equal(struct slice actual, struct slice expected)
{
    assert_int_equal(actual.bytes, expected.bytes);
    if (expected.bytes)
        assert_memory_equal(actual.at, expected.at, expected.bytes);
}

static void assert_tag_equal(struct tag actual, struct tag expected)
{
    assert_true(actual.z == expected.z);
    assert_true(actual.w == expected.w);
}

static void assert_entry_equal(const struct entry *actual, const struct entry *expected)
{
    assert_tag_equal(actual->tag, expected->tag);
    assert_true(actual->value_digest == expected->value_digest);
    assert_int_equal(actual->value_bytes, expected->value_bytes);
    assert_int_equal(actual->fragment_checksum, expected->fragment_checksum);
    assert_int_equal(actual->flags, expected->flags);
}

static void assert_ballot_equal(struct ballot actual, struct ballot expected)
{
    assert_true(actual.round == expected.round);
    assert_true(actual.proposer == expected.proposer);
}

static void assert_transfer_equal(const struct transfer *actual, const struct transfer *expected)
{
    assert_int_equal(actual->slices, expected->slices);
    assert_int_equal(actual->sets_pace, expected->sets_pace);
    assert_int_equal(actual->is_paused, expected->is_paused);
    assert_true(actual->bytes_per_s == expected->bytes_per_s);
}

static void assert_request_body_equal(const struct request *actual, const struct request *expected)
{
    switch (expected->kind) {
    case MESSAGE_HELLO:
        assert_int_equal(actual->hello.wants_cluster, expected->hello.wants_cluster);
        break;
    case MESSAGE_GET_DATA:
        assert_int_equal(actual->get_data.want, expected->get_data.want);
        assert_tag_equal(actual->get_data.tag, expected->get_data.tag);
        break;
    case MESSAGE_PUT_DATA:
        assert_entry_equal(&actual->put_data.entry, &expected->put_data.entry);
        break;
    case MESSAGE_CONFIRM:
        assert_tag_equal(actual->confirm.tag, expected->confirm.tag);
        break;
    case MESSAGE_LIST_KEYS:
        assert_slice_equal(actual->list_keys.prefix, expected->list_keys.prefix);
        assert_slice_equal(actual->list_keys.after, expected->list_keys.after);
        assert_int_equal(actual->list_keys.key_count_max, expected->list_keys.key_count_max);
        break;
    case MESSAGE_GET_TAG:
        assert_int_equal(actual->get_tag.fragment_bytes, expected->get_tag.fragment_bytes);
        break;
    case MESSAGE_PREPARE:
        assert_ballot_equal(actual->prepare.ballot, expected->prepare.ballot);
        break;
    case MESSAGE_ACCEPT:
        assert_ballot_equal(actual->accept.ballot, expected->accept.ballot);
        break;
    case MESSAGE_ADOPT:
        assert_entry_equal(&actual->adopt.entry, &expected->adopt.entry);
        break;
    case MESSAGE_TRANSFER:
        assert_transfer_equal(&actual->transfer, &expected->transfer);
        break;
    case MESSAGE_REGISTER:
        assert_memory_equal(&actual->registration.host, &expected->registration.host, sizeof(struct host_id));
        assert_true(actual->registration.incarnation == expected->registration.incarnation);
        break;
    default:
        break;
    }
}

void assert_request_equal(const struct request *actual, const struct request *expected)
{
    assert_int_equal(actual->kind, expected->kind);
    assert_true(actual->op == expected->op);
    assert_int_equal(actual->phase, expected->phase);
    assert_int_equal(actual->shard, expected->shard);
    assert_true(config_id_equal(actual->config, expected->config));
    assert_slice_equal(actual->key, expected->key);
    assert_slice_equal(actual->descriptor, expected->descriptor);
    assert_slice_equal(actual->payload, expected->payload);
    assert_request_body_equal(actual, expected);
}

static void assert_data_equal(const struct data_reply *actual, const struct data_reply *expected)
{
    assert_tag_equal(actual->trimmed, expected->trimmed);
    assert_tag_equal(actual->confirmed, expected->confirmed);
    assert_int_equal(actual->entry_count, expected->entry_count);
    for (unsigned i = 0; i < expected->entry_count; i++)
        assert_entry_equal(&actual->entries[i], &expected->entries[i]);
    assert_int_equal(actual->has_fragment, expected->has_fragment);
    assert_tag_equal(actual->fragment_tag, expected->fragment_tag);
}

static void assert_hello_equal(const struct hello_reply *actual, const struct hello_reply *expected)
{
    assert_memory_equal(actual->host.text, expected->host.text, sizeof expected->host.text);
    assert_true(actual->incarnation == expected->incarnation);
    assert_int_equal(actual->version_min, expected->version_min);
    assert_int_equal(actual->version_max, expected->version_max);
}

static void assert_consensus_equal(const struct consensus_reply *actual, const struct consensus_reply *expected)
{
    assert_int_equal(actual->is_granted, expected->is_granted);
    assert_ballot_equal(actual->promised, expected->promised);
    assert_ballot_equal(actual->accepted, expected->accepted);
    assert_slice_equal(actual->descriptor, expected->descriptor);
}

static void assert_progress_equal(const struct transfer_progress *actual, const struct transfer_progress *expected)
{
    assert_int_equal(actual->slices_given, expected->slices_given);
    assert_int_equal(actual->slices_moved, expected->slices_moved);
    assert_true(actual->register_count == expected->register_count);
    assert_true(actual->bytes == expected->bytes);
    assert_int_equal(actual->is_paused, expected->is_paused);
    assert_true(actual->bytes_per_s == expected->bytes_per_s);
}

void assert_reply_equal(const struct reply *actual, const struct reply *expected)
{
    assert_int_equal(actual->kind, expected->kind);
    assert_true(actual->op == expected->op);
    assert_int_equal(actual->phase, expected->phase);
    assert_int_equal(actual->status, expected->status);
    assert_int_equal(actual->next.status, expected->next.status);
    assert_slice_equal(actual->next.descriptor, expected->next.descriptor);
    assert_slice_equal(actual->payload, expected->payload);
    if (expected->status == REPLY_VERSION || (expected->status == REPLY_OK && expected->kind == MESSAGE_HELLO))
        assert_hello_equal(&actual->hello, &expected->hello);
    if (expected->status != REPLY_OK)
        return;
    if (expected->kind == MESSAGE_GET_TAG) {
        assert_tag_equal(actual->tag.newest, expected->tag.newest);
        assert_int_equal(actual->tag.is_full, expected->tag.is_full);
    } else if (expected->kind == MESSAGE_GET_DATA) {
        assert_data_equal(&actual->data, &expected->data);
    } else if (expected->kind == MESSAGE_LIST_KEYS) {
        assert_int_equal(actual->keys.has_more, expected->keys.has_more);
    } else if (expected->kind == MESSAGE_PREPARE || expected->kind == MESSAGE_ACCEPT) {
        assert_consensus_equal(&actual->consensus, &expected->consensus);
    } else if (expected->kind == MESSAGE_ADOPT) {
        assert_int_equal(actual->adopt.is_adopted, expected->adopt.is_adopted);
    } else if (expected->kind == MESSAGE_TRANSFER) {
        assert_progress_equal(&actual->transfer, &expected->transfer);
    }
}
