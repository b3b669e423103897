#include "wire/request.h"

#include "core/check.h"
#include "core/key.h"
#include "wire/ballot.h"
#include "wire/entry.h"

#include <string.h>

enum { REQUEST_HEAD_FIELD_COUNT = 8 };

/* ---------------------------------------------------------------- the bodies: judge, encode, decode */

static void put_hello(struct bytes_writer *writer, const struct request *request)
{
    field_put_bool(writer, request->hello.wants_cluster);
}

static void get_hello(struct field_reader *reader, struct request *request)
{
    request->hello.wants_cluster = field_get_bool(reader, "`wants cluster` is no boolean");
}

static const char *get_tag_problem(const struct request *request)
{
    return request->get_tag.fragment_bytes <= AREG_VALUE_BYTES_MAX ? NULL : "room for more than the largest value";
}

static void put_get_tag(struct bytes_writer *writer, const struct request *request)
{
    field_put_number(writer, request->get_tag.fragment_bytes);
}

static void get_get_tag(struct field_reader *reader, struct request *request)
{
    request->get_tag.fragment_bytes = (uint32_t)field_get_number(reader, UINT32_MAX, "a size that is no 32-bit number");
}

static const char *get_data_problem(const struct request *request)
{
    const struct get_data *get = &request->get_data;
    if (get->want > WANT_TAG)
        return "an unknown kind of want";
    return get->want == WANT_TAG && tag_is_zero(get->tag) ? "the tag that is wanted is that of no write" : NULL;
}

static void put_get_data(struct bytes_writer *writer, const struct request *request)
{
    field_put_number(writer, request->get_data.want);
    if (request->get_data.want == WANT_TAG)
        field_put_tag(writer, request->get_data.tag);
    else
        field_put_nil(writer);
}

static void get_get_data(struct field_reader *reader, struct request *request)
{
    request->get_data.want = (enum want)field_get_number(reader, WANT_TAG, "an unknown kind of want");
    if (request->get_data.want == WANT_TAG)
        request->get_data.tag = field_get_tag(reader, "the tag that is wanted is no tag");
    else
        field_get_nil(reader, "a tag where none is wanted");
}

static const char *put_data_problem(const struct request *request)
{
    return entry_problem(&request->put_data.entry);
}

static void put_put_data(struct bytes_writer *writer, const struct request *request)
{
    entry_put(writer, &request->put_data.entry);
}

static void get_put_data(struct field_reader *reader, struct request *request)
{
    entry_get(reader, &request->put_data.entry);
}

static const char *confirm_problem(const struct request *request)
{
    return tag_is_zero(request->confirm.tag) ? "the tag that is confirmed is that of no write" : NULL;
}

static void put_confirm(struct bytes_writer *writer, const struct request *request)
{
    field_put_tag(writer, request->confirm.tag);
}

static void get_confirm(struct field_reader *reader, struct request *request)
{
    request->confirm.tag = field_get_tag(reader, "the tag that is confirmed is no tag");
}

static const char *list_keys_problem(const struct request *request)
{
    const struct list_keys *list = &request->list_keys;
    if (list->prefix.bytes > AREG_KEY_BYTES_MAX || list->after.bytes > AREG_KEY_BYTES_MAX)
        return "a prefix or a place to start after is longer than any key";
    return list->key_count_max >= 1 && list->key_count_max <= KEY_PAGE_COUNT_MAX
               ? NULL
               : "a page of too many keys, or of none";
}

static void put_list_keys(struct bytes_writer *writer, const struct request *request)
{
    field_put_bin(writer, request->list_keys.prefix);
    field_put_bin(writer, request->list_keys.after);
    field_put_number(writer, request->list_keys.key_count_max);
}

static void get_list_keys(struct field_reader *reader, struct request *request)
{
    struct list_keys *list = &request->list_keys;
    list->prefix = field_get_bin(reader, 0, AREG_KEY_BYTES_MAX, "the prefix is no bytes, or too long");
    list->after = field_get_bin(reader, 0, AREG_KEY_BYTES_MAX, "the place to start after is no bytes, or too long");
    list->key_count_max = (uint32_t)field_get_number(reader, UINT32_MAX, "the count of keys is no 32-bit number");
}

static const char *prepare_problem(const struct request *request)
{
    return ballot_is_none(request->prepare.ballot) ? "the ballot to be promised is none" : NULL;
}

static void put_prepare(struct bytes_writer *writer, const struct request *request)
{
    ballot_put(writer, request->prepare.ballot);
}

static void get_prepare(struct field_reader *reader, struct request *request)
{
    request->prepare.ballot = ballot_get(reader, "the ballot to be promised is no ballot");
}

static const char *accept_problem(const struct request *request)
{
    return ballot_is_none(request->accept.ballot) ? "the ballot to accept under is none" : NULL;
}

static void put_accept(struct bytes_writer *writer, const struct request *request)
{
    ballot_put(writer, request->accept.ballot);
}

static void get_accept(struct field_reader *reader, struct request *request)
{
    request->accept.ballot = ballot_get(reader, "the ballot to accept under is no ballot");
}

static const char *adopt_problem(const struct request *request)
{
    return entry_problem(&request->adopt.entry);
}

static void put_adopt(struct bytes_writer *writer, const struct request *request)
{
    entry_put(writer, &request->adopt.entry);
}

static void get_adopt(struct field_reader *reader, struct request *request)
{
    entry_get(reader, &request->adopt.entry);
}

static const char *transfer_problem(const struct request *request)
{
    return request->transfer.slices != 0 && request->descriptor.bytes == 0
               ? "slices to be moved, but not from which configuration"
               : NULL;
}

static void put_transfer(struct bytes_writer *writer, const struct request *request)
{
    field_put_number(writer, request->transfer.slices);
    field_put_bool(writer, request->transfer.sets_pace);
    field_put_bool(writer, request->transfer.is_paused);
    field_put_number(writer, request->transfer.bytes_per_s);
}

static void get_transfer(struct field_reader *reader, struct request *request)
{
    struct transfer *transfer = &request->transfer;
    transfer->slices = (uint32_t)field_get_number(reader, UINT32_MAX, "the slices to be moved are no 32-bit number");
    transfer->sets_pace = field_get_bool(reader, "`sets pace` is no boolean");
    transfer->is_paused = field_get_bool(reader, "`is paused` is no boolean");
    transfer->bytes_per_s = field_get_number(reader, UINT64_MAX, "the bytes a second are no number");
}

static const char *registration_problem(const struct request *request)
{
    struct host_id parsed;
    if (!host_id_parse(request->registration.host.text, &parsed))
        return "the host's id is none";
    return request->registration.incarnation == 0 ? "the incarnation is none" : NULL;
}

static void put_registration(struct bytes_writer *writer, const struct request *request)
{
    field_put_text(writer, request->registration.host.text);
    field_put_number(writer, request->registration.incarnation);
}

static void get_registration(struct field_reader *reader, struct request *request)
{
    request->registration.host = field_get_host_id(reader);
    request->registration.incarnation = field_get_number(reader, UINT64_MAX, "the incarnation is no number");
}

/* ---------------------------------------------------------------- the kinds */

/* Whether a descriptor of a configuration belongs there. */
enum descriptor_use {
    DESCRIPTOR_NONE = 0,
    DESCRIPTOR_NEEDED,
    DESCRIPTOR_OPTIONAL, /* as far as the head is concerned */
};

struct kind {
    enum descriptor_use descriptor;
    uint32_t payload_bytes_max;
    uint32_t body_field_count;
    const char *(*problem)(const struct request *request); /* NULL: any body is good */
    void (*put_body)(struct bytes_writer *writer, const struct request *request);
    void (*get_body)(struct field_reader *reader, struct request *request);
};

/* From 1, without gaps. */
static const struct kind kinds[] = {
    [MESSAGE_HELLO] = {.body_field_count = 1, .put_body = put_hello, .get_body = get_hello},
    [MESSAGE_GET_TAG] = {.body_field_count = 1,
                         .problem = get_tag_problem,
                         .put_body = put_get_tag,
                         .get_body = get_get_tag},
    [MESSAGE_GET_DATA] = {.body_field_count = 2,
                          .problem = get_data_problem,
                          .put_body = put_get_data,
                          .get_body = get_get_data},
    [MESSAGE_PUT_DATA] = {.payload_bytes_max = AREG_VALUE_BYTES_MAX,
                          .body_field_count = 1,
                          .problem = put_data_problem,
                          .put_body = put_put_data,
                          .get_body = get_put_data},
    [MESSAGE_CONFIRM] = {.body_field_count = 1,
                         .problem = confirm_problem,
                         .put_body = put_confirm,
                         .get_body = get_confirm},
    [MESSAGE_LIST_KEYS] = {.body_field_count = 3,
                           .problem = list_keys_problem,
                           .put_body = put_list_keys,
                           .get_body = get_list_keys},
    [MESSAGE_STATUS] = {0},
    [MESSAGE_READ_CONFIG] = {0},
    [MESSAGE_WRITE_CONFIG] = {.descriptor = DESCRIPTOR_NEEDED},
    [MESSAGE_PREPARE] = {.body_field_count = 1,
                         .problem = prepare_problem,
                         .put_body = put_prepare,
                         .get_body = get_prepare},
    [MESSAGE_ACCEPT] = {.descriptor = DESCRIPTOR_NEEDED,
                        .body_field_count = 1,
                        .problem = accept_problem,
                        .put_body = put_accept,
                        .get_body = get_accept},
    [MESSAGE_JOIN] = {.descriptor = DESCRIPTOR_NEEDED},
    [MESSAGE_FINALIZE] = {.descriptor = DESCRIPTOR_NEEDED},
    [MESSAGE_HINT] = {0},
    [MESSAGE_ADOPT] = {.body_field_count = 1, .problem = adopt_problem, .put_body = put_adopt, .get_body = get_adopt},
    [MESSAGE_TRANSFER] = {.descriptor = DESCRIPTOR_OPTIONAL,
                          .body_field_count = 4,
                          .problem = transfer_problem,
                          .put_body = put_transfer,
                          .get_body = get_transfer},
    [MESSAGE_REGISTER] = {.body_field_count = 2,
                          .problem = registration_problem,
                          .put_body = put_registration,
                          .get_body = get_registration},
};

static const struct kind *kind_of(uint64_t number)
{
    return number >= 1 && number < sizeof kinds / sizeof kinds[0] ? &kinds[number] : NULL;
}

/* The one judge: static, what makes it a request that no correct peer sends; NULL: nothing. */
static const char *request_problem(const struct request *request)
{
    const struct kind *kind = kind_of(request->kind);
    if (!kind)
        return "an unknown kind of request";
    const bool has_key = message_has_key(request->kind);
    if (has_key && !key_is_valid(request->key))
        return "the key is empty or too long";
    if (!has_key && request->key.bytes > 0)
        return "a key where none belongs";
    if (request->descriptor.bytes > CONFIG_ENCODED_BYTES_MAX)
        return "the descriptor is too long";
    if (kind->descriptor == DESCRIPTOR_NEEDED && request->descriptor.bytes == 0)
        return "the descriptor is missing";
    if (kind->descriptor == DESCRIPTOR_NONE && request->descriptor.bytes > 0)
        return "a descriptor where none belongs";
    if (request->payload.bytes > kind->payload_bytes_max)
        return "the payload is too large, or does not belong there";
    return kind->problem ? kind->problem(request) : NULL;
}

void request_put(struct bytes_writer *writer, const struct request *request)
{
    CHECK(request_problem(request) == NULL);
    const struct kind *kind = kind_of(request->kind);
    field_put_array(writer, REQUEST_HEAD_FIELD_COUNT + kind->body_field_count);
    field_put_number(writer, request->kind);
    field_put_number(writer, request->op);
    field_put_number(writer, request->phase);
    field_put_number(writer, request->shard);
    field_put_bin(writer, slice_borrow(request->config.bytes, sizeof request->config.bytes));
    field_put_bin(writer, request->key);
    field_put_bin_or_nil(writer, request->descriptor);
    field_put_size_or_nil(writer, request->payload.bytes);
    if (kind->put_body)
        kind->put_body(writer, request);
}

static void get_config_id(struct field_reader *reader, struct config_id *id)
{
    const struct slice bytes =
        field_get_bin(reader, sizeof id->bytes, sizeof id->bytes, "the configuration's id is none");
    if (bytes.bytes)
        memcpy(id->bytes, bytes.at, sizeof id->bytes);
}

void request_get(struct field_reader *reader, struct request *request)
{
    *request = (struct request){0};
    field_open_array(reader, "a request is no array");
    const uint64_t number = field_get_number(reader, UINT64_MAX, "the kind of a request is no number");
    const struct kind *kind = kind_of(number);
    if (!kind) {
        field_fail(reader, "an unknown kind of request");
        return;
    }
    request->kind = (enum message_kind)number;
    request->op = field_get_number(reader, UINT64_MAX, "the operation is no number");
    request->phase = (uint32_t)field_get_number(reader, UINT32_MAX, "the phase is no 32-bit number");
    request->shard = (uint32_t)field_get_number(reader, UINT32_MAX, "the shard is no 32-bit number");
    get_config_id(reader, &request->config);
    request->key = field_get_bin(reader, 0, AREG_KEY_BYTES_MAX, "the key is no bytes, or too long");
    request->descriptor = field_get_bin_or_nil(reader, CONFIG_ENCODED_BYTES_MAX, "the descriptor is none, or too long");
    request->payload.bytes = field_get_size_or_nil(reader, "the payload's size is none");
    if (kind->get_body)
        kind->get_body(reader, request);
    field_close_array(reader);
    const char *problem = reader->why ? NULL : request_problem(request);
    if (problem)
        field_fail(reader, problem);
}
