#include "wire/reply.h"

#include "core/check.h"
#include "wire/ballot.h"
#include "wire/entry.h"
#include "wire/seal.h"

enum { REPLY_HEAD_FIELD_COUNT = 7 };

/* ---------------------------------------------------------------- the bodies: judge, encode, decode */

static const char *hello_problem(const struct reply *reply)
{
    struct host_id parsed;
    return host_id_parse(reply->hello.host.text, &parsed) ? NULL : "the host's id is none";
}

static void put_hello(struct bytes_writer *writer, const struct reply *reply)
{
    field_put_text(writer, reply->hello.host.text);
    field_put_number(writer, reply->hello.incarnation);
    field_put_number(writer, reply->hello.version_min);
    field_put_number(writer, reply->hello.version_max);
}

static void get_hello(struct field_reader *reader, struct reply *reply)
{
    struct hello_reply *hello = &reply->hello;
    hello->host = field_get_host_id(reader);
    hello->incarnation = field_get_number(reader, UINT64_MAX, "the incarnation is no number");
    hello->version_min = (uint32_t)field_get_number(reader, UINT32_MAX, "the lowest version is no 32-bit number");
    hello->version_max = (uint32_t)field_get_number(reader, UINT32_MAX, "the highest version is no 32-bit number");
}

static void put_tag(struct bytes_writer *writer, const struct reply *reply)
{
    field_put_tag(writer, reply->tag.newest);
    field_put_bool(writer, reply->tag.is_full);
}

static void get_tag(struct field_reader *reader, struct reply *reply)
{
    reply->tag.newest = field_get_tag(reader, "the newest tag is no tag");
    reply->tag.is_full = field_get_bool(reader, "`is full` is no boolean");
}

static const char *data_problem(const struct reply *reply)
{
    const struct data_reply *data = &reply->data;
    if (data->entry_count > ENTRY_COUNT_MAX)
        return "too many entries";
    for (unsigned i = 0; i < data->entry_count; i++) {
        const char *problem = entry_problem(&data->entries[i]);
        if (problem)
            return problem;
        if (i > 0 && tag_compare(data->entries[i - 1].tag, data->entries[i].tag) >= 0)
            return "the entries are not in the order of their tags";
    }
    return !data->has_fragment && reply->payload.bytes > 0 ? "a fragment of no tag" : NULL;
}

static void put_data(struct bytes_writer *writer, const struct reply *reply)
{
    const struct data_reply *data = &reply->data;
    field_put_tag(writer, data->trimmed);
    field_put_tag(writer, data->confirmed);
    field_put_array(writer, data->entry_count);
    for (unsigned i = 0; i < data->entry_count; i++)
        entry_put(writer, &data->entries[i]);
    if (data->has_fragment)
        field_put_tag(writer, data->fragment_tag);
    else
        field_put_nil(writer);
}

static void get_data(struct field_reader *reader, struct reply *reply)
{
    struct data_reply *data = &reply->data;
    data->trimmed = field_get_tag(reader, "the trimmed tag is no tag");
    data->confirmed = field_get_tag(reader, "the confirmed tag is no tag");
    data->entry_count = field_open_array(reader, "the entries are no array");
    if (data->entry_count > ENTRY_COUNT_MAX)
        field_fail(reader, "too many entries");
    for (unsigned i = 0; !reader->why && i < data->entry_count; i++)
        entry_get(reader, &data->entries[i]);
    field_close_array(reader);
    data->has_fragment = !field_take_nil(reader);
    if (data->has_fragment)
        data->fragment_tag = field_get_tag(reader, "the fragment's tag is no tag");
}

static void put_keys(struct bytes_writer *writer, const struct reply *reply)
{
    field_put_bool(writer, reply->keys.has_more);
}

static void get_keys(struct field_reader *reader, struct reply *reply)
{
    reply->keys.has_more = field_get_bool(reader, "`has more` is no boolean");
}

/* Of PREPARE and ACCEPT. */
static const char *consensus_problem(const struct reply *reply)
{
    const struct consensus_reply *consensus = &reply->consensus;
    if (consensus->descriptor.bytes > CONFIG_ENCODED_BYTES_MAX)
        return "the descriptor that was accepted is too long";
    return ballot_is_none(consensus->accepted) != (consensus->descriptor.bytes == 0)
               ? "a descriptor that was accepted under no ballot, or a ballot under which none was"
               : NULL;
}

static void put_consensus(struct bytes_writer *writer, const struct reply *reply)
{
    field_put_bool(writer, reply->consensus.is_granted);
    ballot_put(writer, reply->consensus.promised);
    ballot_put(writer, reply->consensus.accepted);
    field_put_bin_or_nil(writer, reply->consensus.descriptor);
}

static void get_consensus(struct field_reader *reader, struct reply *reply)
{
    struct consensus_reply *consensus = &reply->consensus;
    consensus->is_granted = field_get_bool(reader, "`is granted` is no boolean");
    consensus->promised = ballot_get(reader, "what was promised is no ballot");
    consensus->accepted = ballot_get(reader, "what was accepted is no ballot");
    consensus->descriptor =
        field_get_bin_or_nil(reader, CONFIG_ENCODED_BYTES_MAX, "the descriptor that was accepted is none, or too long");
}

static void put_adopt(struct bytes_writer *writer, const struct reply *reply)
{
    field_put_bool(writer, reply->adopt.is_adopted);
}

static void get_adopt(struct field_reader *reader, struct reply *reply)
{
    reply->adopt.is_adopted = field_get_bool(reader, "`is adopted` is no boolean");
}

static void put_transfer(struct bytes_writer *writer, const struct reply *reply)
{
    const struct transfer_progress *progress = &reply->transfer;
    field_put_number(writer, progress->slices_given);
    field_put_number(writer, progress->slices_moved);
    field_put_number(writer, progress->register_count);
    field_put_number(writer, progress->bytes);
    field_put_bool(writer, progress->is_paused);
    field_put_number(writer, progress->bytes_per_s);
    field_put_number(writer, progress->stuck_count);
}

static void get_transfer(struct field_reader *reader, struct reply *reply)
{
    struct transfer_progress *progress = &reply->transfer;
    progress->slices_given =
        (uint32_t)field_get_number(reader, UINT32_MAX, "the slices that were given are no 32-bit number");
    progress->slices_moved =
        (uint32_t)field_get_number(reader, UINT32_MAX, "the slices that were moved are no 32-bit number");
    progress->register_count = field_get_number(reader, UINT64_MAX, "the count of registers is no number");
    progress->bytes = field_get_number(reader, UINT64_MAX, "the bytes that were moved are no number");
    progress->is_paused = field_get_bool(reader, "`is paused` is no boolean");
    progress->bytes_per_s = field_get_number(reader, UINT64_MAX, "the bytes a second are no number");
    progress->stuck_count =
        (uint32_t)field_get_number(reader, UINT32_MAX, "the count of stuck registers is no 32-bit number");
}

/* ---------------------------------------------------------------- the kinds */

struct kind {
    uint32_t payload_bytes_max;
    bool has_payload_seal; /* which is one more field, after those of the body */
    uint32_t body_field_count;
    const char *(*problem)(const struct reply *reply); /* NULL: any body is good */
    void (*put_body)(struct bytes_writer *writer, const struct reply *reply);
    void (*get_body)(struct field_reader *reader, struct reply *reply);
};

/* Of replies that are OK; from 1, without gaps. */
static const struct kind kinds[] = {
    [MESSAGE_HELLO] = {CLUSTER_ENCODED_BYTES_MAX, true, 4, hello_problem, put_hello, get_hello},
    [MESSAGE_GET_TAG] = {0, false, 2, NULL, put_tag, get_tag},
    [MESSAGE_GET_DATA] = {AREG_VALUE_BYTES_MAX, false, 4, data_problem, put_data, get_data},
    [MESSAGE_PUT_DATA] = {0},
    [MESSAGE_CONFIRM] = {0},
    [MESSAGE_LIST_KEYS] = {KEY_PAGE_BYTES_MAX, true, 1, NULL, put_keys, get_keys},
    [MESSAGE_STATUS] = {STATUS_BYTES_MAX, true, 0, NULL, NULL, NULL},
    [MESSAGE_READ_CONFIG] = {0},
    [MESSAGE_WRITE_CONFIG] = {0},
    [MESSAGE_PREPARE] = {0, false, 4, consensus_problem, put_consensus, get_consensus},
    [MESSAGE_ACCEPT] = {0, false, 4, consensus_problem, put_consensus, get_consensus},
    [MESSAGE_JOIN] = {0},
    [MESSAGE_FINALIZE] = {0},
    [MESSAGE_HINT] = {0},
    [MESSAGE_ADOPT] = {0, false, 1, NULL, put_adopt, get_adopt},
    [MESSAGE_TRANSFER] = {0, false, 7, NULL, put_transfer, get_transfer},
    [MESSAGE_REGISTER] = {0},
};

/* Of all others. */
static const struct kind version_kind = {0, false, 4, hello_problem, put_hello, get_hello};
static const struct kind refusal_kind = {0};

static const struct kind *kind_of(uint64_t number, enum reply_status status)
{
    if (number < 1 || number >= sizeof kinds / sizeof kinds[0])
        return NULL;
    if (status == REPLY_OK)
        return &kinds[number];
    return status == REPLY_VERSION ? &version_kind : &refusal_kind;
}

/* Whatever configuration `next` describes: does one of its status belong there? */
static const char *next_problem(const struct reply *reply)
{
    const struct link *next = &reply->next;
    if (next->status > LINK_FINALIZED)
        return "an unknown status of next";
    if (next->descriptor.bytes > CONFIG_ENCODED_BYTES_MAX)
        return "next's descriptor is too long";
    if ((next->status == LINK_NONE) != (next->descriptor.bytes == 0))
        return "a next without its descriptor, or a descriptor without its next";
    if (reply->status == REPLY_RETIRED && next->status != LINK_FINALIZED)
        return "retired, but by no finalized configuration";
    if (reply->status == REPLY_UNKNOWN_CONFIG && next->status == LINK_PENDING)
        return "a pending successor of an unknown configuration";
    if (reply->status != REPLY_OK)
        return NULL;
    if (reply->kind == MESSAGE_HINT)
        return next->status == LINK_FINALIZED ? NULL : "a hint at no finalized configuration";
    return next->status == LINK_FINALIZED ? "superseded by a finalized configuration, but not retired" : NULL;
}

/* The one judge: static, what makes it a reply that no correct peer sends; NULL: nothing. */
static const char *reply_problem(const struct reply *reply)
{
    const struct kind *kind = kind_of(reply->kind, reply->status);
    if (!kind)
        return "an unknown kind of reply";
    if (reply->status > REPLY_VERSION)
        return "an unknown status";
    const char *problem = next_problem(reply);
    if (problem)
        return problem;
    if (reply->payload.bytes > kind->payload_bytes_max)
        return "the payload is too large, or does not belong there";
    return kind->problem ? kind->problem(reply) : NULL;
}

void reply_put(struct bytes_writer *writer, const struct reply *reply)
{
    CHECK(reply_problem(reply) == NULL);
    const struct kind *kind = kind_of(reply->kind, reply->status);
    field_put_array(writer, REPLY_HEAD_FIELD_COUNT + kind->body_field_count + kind->has_payload_seal);
    field_put_number(writer, reply->kind);
    field_put_number(writer, reply->op);
    field_put_number(writer, reply->phase);
    field_put_number(writer, reply->status);
    field_put_number(writer, reply->next.status);
    field_put_bin_or_nil(writer, reply->next.descriptor);
    field_put_size_or_nil(writer, reply->payload.bytes);
    if (kind->put_body)
        kind->put_body(writer, reply);
    if (kind->has_payload_seal)
        field_put_number(writer, seal_of(reply->payload));
}

void reply_get(struct field_reader *reader, struct reply *reply, struct payload_seal *payload_seal)
{
    *reply = (struct reply){0};
    *payload_seal = (struct payload_seal){0};
    field_open_array(reader, "a reply is no array");
    const uint64_t number = field_get_number(reader, UINT64_MAX, "the kind of a reply is no number");
    reply->op = field_get_number(reader, UINT64_MAX, "the operation is no number");
    reply->phase = (uint32_t)field_get_number(reader, UINT32_MAX, "the phase is no 32-bit number");
    reply->status = (enum reply_status)field_get_number(reader, REPLY_VERSION, "an unknown status");
    reply->next.status = (enum link_status)field_get_number(reader, LINK_FINALIZED, "an unknown status of next");
    reply->next.descriptor =
        field_get_bin_or_nil(reader, CONFIG_ENCODED_BYTES_MAX, "next's descriptor is none, or too long");
    reply->payload.bytes = field_get_size_or_nil(reader, "the payload's size is none");
    const struct kind *kind = kind_of(number, reply->status);
    if (!kind) {
        field_fail(reader, "an unknown kind of reply");
        return;
    }
    reply->kind = (enum message_kind)number;
    if (kind->get_body)
        kind->get_body(reader, reply);
    payload_seal->is_there = kind->has_payload_seal;
    if (payload_seal->is_there)
        payload_seal->sum = field_get_number(reader, UINT64_MAX, "the payload's checksum is no number");
    field_close_array(reader);
    const char *problem = reader->why ? NULL : reply_problem(reply);
    if (problem)
        field_fail(reader, problem);
}
