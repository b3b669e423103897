#include "members.h"

#include "codec/checksum.h"
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

/* ---------------------------------------------------------------- configurations */

static void fill_config(struct config *config, const char *code)
{
    CHECK(code_parse(code, &config->code) == AREG_OK);
    config->shard = 2;
    config->index = 3;
    config->member_count = config->code.n;
    for (unsigned i = 0; i < config->member_count; i++) {
        snprintf(config->members[i].id.text, sizeof config->members[i].id.text, "s%u", i + 1);
        snprintf(config->members[i].address, sizeof config->members[i].address, "tcp://10.0.0.%u:1", i + 1);
        config->members[i].incarnation = 100 + i;
    }
}

struct slice members_describe(struct config *config)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    struct slice descriptor = slice_copy(slice_borrow(encoded, config_encode(config, encoded, sizeof encoded)));
    CHECK(descriptor.owner != NULL);
    return descriptor;
}

struct config members_later_config(const struct members *members, unsigned steps)
{
    struct config later = members->config;
    later.index += steps;
    later.parent = members->config.id;
    return later;
}

struct link members_link(const struct members *members)
{
    return (struct link){.status = LINK_PENDING, .descriptor = members->successor};
}

static void describe_configs(struct members *members)
{
    struct slice descriptor = members_describe(&members->config); /* sets the id */
    slice_unref(&descriptor);
    struct config next = members_later_config(members, 1);
    struct config later = members_later_config(members, 2);
    members->successor = members_describe(&next);
    later.parent = next.id;
    members->later = members_describe(&later);
}

void members_open(struct members *members, const char *code)
{
    memset(members, 0, sizeof *members);
    fill_config(&members->config, code);
    describe_configs(members);
    members->codec = codec_create(members->config.code.n, members->config.code.k);
    CHECK(members->codec != NULL);
    ask_init(&members->ask);
    /* Value 0 is empty. */
    for (unsigned i = 1; i < VALUE_MAX; i++) {
        struct random_source random = {i};
        const size_t value_bytes = 20 + i % 2;
        struct buffer *buffer = buffer_create(value_bytes);
        CHECK(buffer != NULL);
        for (size_t j = 0; j < value_bytes; j++)
            buffer_at(buffer)[j] = (uint8_t)random_next(&random);
        members->values[i] = slice_of(buffer, 0, value_bytes);
        CHECK(codec_encode(members->codec, members->values[i], voters_all(members->config.code.n),
                           members->fragments[i]) == AREG_OK);
    }
    members_reset(members);
}

void members_reset(struct members *members)
{
    ask_fini(&members->ask);
    members->random.state = 1;
    members->slow = (struct voters){0};
    members->hedge_ns = 10 * MS;
    members->is_moving = false;
    members->now_ns = 1000 * MS;
    members->sent_count = 0;
    for (unsigned i = 0; i < members->config.member_count; i++)
        members->made[i] = (struct made_member){0};
}

void members_close(struct members *members)
{
    ask_destroy(&members->ask);
    codec_destroy(members->codec);
    slice_unref(&members->successor);
    slice_unref(&members->later);
    for (unsigned i = 0; i < VALUE_MAX; i++) {
        for (unsigned j = 0; j < MEMBER_COUNT_MAX; j++)
            slice_unref(&members->fragments[i][j]);
        slice_unref(&members->values[i]);
    }
}

static struct slice fragment_of(const struct members *members, unsigned member_index, const struct held *held)
{
    if (held->is_wrong)
        member_index = (member_index + 1) % members->config.member_count;
    return members->fragments[held->value_index][member_index];
}

struct entry members_entry(const struct members *members, unsigned member_index, const struct held *held)
{
    const struct slice value = members->values[held->value_index];
    return (struct entry){
        .tag = held->tag,
        .value_digest = checksum_value(value),
        .value_bytes = (uint32_t)value.bytes,
        .fragment_checksum = checksum_fragment(fragment_of(members, member_index, held)),
        .flags = held->flags,
    };
}

struct held *members_hold(struct members *members, unsigned member_index, unsigned value_index)
{
    struct made_member *made = &members->made[member_index];
    CHECK(made->held_count < HELD_MAX);
    struct held *held = &made->held[made->held_count++];
    *held = (struct held){.tag = tag_of(value_index), .value_index = value_index};
    return held;
}

/* ---------------------------------------------------------------- beginning */

static struct ask_options options_of(struct members *members)
{
    return (struct ask_options){
        .config = &members->config,
        .codec = members->codec,
        .random = &members->random,
        .phase = ++members->phase,
        .hedge_ns = members->hedge_ns,
        .slow = members->slow,
        .link = members->is_moving ? members->successor : (struct slice){0},
    };
}

void members_begin_get(struct members *members, bool wants_value)
{
    const struct ask_options options = options_of(members);
    CHECK(ask_begin_get_data(&members->ask, &options, wants_value, members->now_ns) == AREG_OK);
}

void members_begin_get_tag(struct members *members)
{
    const struct ask_options options = options_of(members);
    CHECK(ask_begin_get_tag(&members->ask, &options, 100, members->now_ns) == AREG_OK);
}

static void fill_value(struct members *members, unsigned value_index, struct coded_value *value)
{
    const struct held held = {.tag = tag_of(value_index), .value_index = value_index};
    *value = (struct coded_value){.entry = members_entry(members, 0, &held)};
    value->present = voters_all(members->config.member_count);
    for (unsigned i = 0; i < members->config.member_count; i++)
        value->fragments[i] = slice_ref(members->fragments[value_index][i]);
}

void members_begin_move(struct members *members, unsigned value_index, struct voters adopters, bool has_value)
{
    const struct ask_options options = options_of(members);
    struct coded_value value;
    fill_value(members, value_index, &value);
    if (!has_value)
        coded_value_fini(&value);
    CHECK(ask_begin_move(&members->ask, &options, &value, adopters, members->now_ns) == AREG_OK);
}

void members_begin_put(struct members *members, unsigned value_index, struct voters holders)
{
    const struct ask_options options = options_of(members);
    struct coded_value value;
    fill_value(members, value_index, &value);
    CHECK(ask_begin_put_data(&members->ask, &options, &value, holders, members->now_ns) == AREG_OK);
}

/* ---------------------------------------------------------------- sending */

static void take(struct members *members, unsigned member_index)
{
    struct request request = {0};
    CHECK(ask_request(&members->ask, member_index, members->now_ns, &request) == AREG_OK);
    CHECK(ask_expects(&members->ask, request.kind) && request.phase == members->ask.phase);
    CHECK(config_id_equal(request.config, members->config.id) && request.shard == members->config.shard);
    CHECK(members->sent_count < SENT_MAX);
    const struct get_data wanted = request.kind == MESSAGE_GET_DATA ? request.get_data : (struct get_data){0};
    members->sent[members->sent_count++] = (struct sent){members->now_ns, member_index, request.kind, wanted};
    members->last_wanted[member_index] = wanted;
    members->last_kind[member_index] = request.kind;
    if (request.kind == MESSAGE_WRITE_CONFIG)
        CHECK(slice_equal(request.descriptor, members->successor));
    if (request.kind == MESSAGE_ADOPT)
        CHECK(tag_equal(request.adopt.entry.tag, members->ask.tag) && request.payload.bytes == 0);
    if (request.kind == MESSAGE_PUT_DATA)
        CHECK(checksum_fragment(request.payload) == request.put_data.entry.fragment_checksum);
}

unsigned members_take(struct members *members)
{
    unsigned count = 0;
    while (members->ask.state == ASK_WAITING && members->ask.due.bits) {
        take(members, (unsigned)__builtin_ctz(members->ask.due.bits));
        count++;
    }
    return count;
}

void members_lose(struct members *members)
{
    while (members->ask.state == ASK_WAITING && members->ask.due.bits) {
        const unsigned member_index = (unsigned)__builtin_ctz(members->ask.due.bits);
        take(members, member_index);
        ask_lost(&members->ask, member_index);
    }
}

/* ---------------------------------------------------------------- answering */

static void fill_data(struct members *members, unsigned member_index, struct reply *reply)
{
    const struct made_member *made = &members->made[member_index];
    const struct get_data wanted = members->last_wanted[member_index];
    reply->data.trimmed = made->trimmed;
    reply->data.confirmed = made->confirmed;
    reply->data.entry_count = made->held_count;
    reply->data.has_fragment = false;
    for (unsigned i = 0; i < made->held_count; i++) {
        const struct held *held = &made->held[i];
        reply->data.entries[i] = members_entry(members, member_index, held);
        const bool is_wanted = (wanted.want == WANT_NEWEST && i + 1 == made->held_count) ||
                               (wanted.want == WANT_TAG && tag_equal(wanted.tag, held->tag));
        if (!is_wanted || (held->flags & ENTRY_DAMAGED) || members->values[held->value_index].bytes == 0)
            continue;
        if (held->is_rotten) {
            reply->data.entries[i].flags |= ENTRY_DAMAGED;
            continue;
        }
        reply->data.has_fragment = true;
        reply->data.fragment_tag = held->tag;
        reply->payload = slice_ref(fragment_of(members, member_index, held));
        if (held->is_bent) {
            struct slice bent = slice_copy(reply->payload);
            buffer_at(bent.owner)[0] ^= 1;
            slice_unref(&reply->payload);
            reply->payload = bent;
        }
    }
}

struct reply *members_reply(struct members *members, unsigned member_index)
{
    struct reply *reply = &members->reply;
    const struct made_member *made = &members->made[member_index];
    *reply = (struct reply){.kind = ask_message_kind(members->ask.kind), .phase = members->ask.phase};
    if (ask_expects(&members->ask, members->last_kind[member_index]))
        reply->kind = members->last_kind[member_index];
    if (made->knows_successor)
        reply->next = members_link(members);
    if (reply->kind == MESSAGE_WRITE_CONFIG)
        return reply;
    if (reply->kind == MESSAGE_ADOPT) {
        reply->adopt.is_adopted = made->adopts;
        return reply;
    }
    if (members->ask.kind == ASK_GET_TAG) {
        reply->tag.is_full = made->is_full;
        reply->tag.newest = made->trimmed;
        if (made->held_count > 0)
            reply->tag.newest = tag_max(reply->tag.newest, made->held[made->held_count - 1].tag);
    } else if (members->ask.kind == ASK_GET_DATA) {
        fill_data(members, member_index, reply);
    }
    return reply;
}

void members_give(struct members *members, unsigned member_index, struct reply *reply)
{
    CHECK(ask_receive(&members->ask, members->now_ns, member_index, reply) == AREG_OK);
    slice_unref(&reply->payload);
}

void members_answer(struct members *members, unsigned member_index)
{
    members_give(members, member_index, members_reply(members, member_index));
}

void members_refuse(struct members *members, unsigned member_index, enum reply_status status)
{
    struct reply *reply = members_reply(members, member_index);
    slice_unref(&reply->payload);
    reply->status = status;
    if (status == REPLY_RETIRED)
        reply->next = (struct link){.status = LINK_FINALIZED, .descriptor = members->later};
    members_give(members, member_index, reply);
}

void members_pass(struct members *members, uint64_t ns)
{
    members->now_ns += ns;
    CHECK(ask_tick(&members->ask, members->now_ns) == AREG_OK);
    /* Whoever sleeps until `wake_ns` must not be woken at once, again and again. */
    CHECK(members->ask.state != ASK_WAITING || members->ask.due.bits || members->ask.wake_ns > members->now_ns);
}

/* ---------------------------------------------------------------- looking */

unsigned members_asked(const struct members *members, unsigned from, unsigned member_index)
{
    unsigned count = 0;
    for (unsigned i = from; i < members->sent_count; i++)
        count += members->sent[i].member_index == member_index;
    return count;
}

unsigned members_sent(const struct members *members, unsigned from, unsigned member_index, enum message_kind kind)
{
    unsigned count = 0;
    for (unsigned i = from; i < members->sent_count; i++)
        count += members->sent[i].member_index == member_index && members->sent[i].kind == kind;
    return count;
}

bool members_read(const struct members *members, unsigned value_index)
{
    const struct ask *ask = &members->ask;
    const struct slice value = members->values[value_index];
    size_t at = 0;
    for (unsigned i = 0; i < ask->piece_count; i++) {
        if (at + ask->pieces[i].bytes > value.bytes ||
            (ask->pieces[i].bytes && memcmp(ask->pieces[i].at, value.at + at, ask->pieces[i].bytes) != 0))
            return false;
        at += ask->pieces[i].bytes;
    }
    return ask->piece_count > 0 && at == value.bytes;
}

void members_hold_all(struct members *members, unsigned value_index)
{
    for (unsigned i = 0; i < members->config.member_count; i++)
        members_hold(members, i, value_index);
}

void members_answer_up_to(struct members *members, unsigned count)
{
    for (unsigned i = 0; i < count && members->ask.state == ASK_WAITING; i++)
        members_answer(members, i);
}

void members_settle(struct members *members, struct voters silent, uint64_t ns_max)
{
    const uint64_t until_ns = members->now_ns + ns_max;
    unsigned from = members->sent_count;
    while (members->ask.state == ASK_WAITING && members->now_ns < until_ns) {
        members_take(members);
        for (; from < members->sent_count && members->ask.state == ASK_WAITING; from++)
            if (!voters_has(silent, members->sent[from].member_index))
                members_answer(members, members->sent[from].member_index);
        if (members->ask.state != ASK_WAITING || members->ask.due.bits)
            continue;
        if (members->ask.wake_ns > until_ns)
            return;
        members_pass(members, members->ask.wake_ns > members->now_ns ? members->ask.wake_ns - members->now_ns : 0);
    }
}

bool members_has_read(const struct members *members, unsigned value_index)
{
    return members->ask.state == ASK_DONE && members->ask.chosen >= 0 &&
           tag_equal(members->ask.tag, tag_of(value_index)) && members_read(members, value_index);
}
