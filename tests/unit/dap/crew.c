#include "crew.h"

#include "codec/checksum.h"
#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY slice_borrow("k", 1)

/* ---------------------------------------------------------------- beginning */

static struct slice describe(struct config *config)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    return slice_copy(slice_borrow(encoded, config_encode(config, encoded, sizeof encoded)));
}

void crew_open(struct crew *crew, const char *code, unsigned delta)
{
    *crew = (struct crew){.now_ns = 1000 * MS, .hedge_ns = 10 * MS, .random = {1}};
    CHECK(code_parse(code, &crew->config.code) == AREG_OK);
    crew->config.delta = (uint16_t)delta;
    crew->config.member_count = crew->config.code.n;
    crew->codec = codec_create(crew->config.code.n, crew->config.code.k);
    CHECK(crew->codec != NULL);
    for (unsigned i = 0; i < crew->config.member_count; i++) {
        snprintf(crew->config.members[i].id.text, sizeof crew->config.members[i].id.text, "s%u", i + 1);
        snprintf(crew->config.members[i].address, sizeof crew->config.members[i].address, "tcp://10.0.0.%u:1", i + 1);
    }
    struct slice descriptor = describe(&crew->config);
    struct config next = crew->config;
    next.index++;
    next.parent = crew->config.id;
    crew->successor = describe(&next);
    for (unsigned i = 0; i < crew->config.member_count; i++) {
        struct store_txn *txn;
        CHECK(store_memory_open(&crew->stores[i], &(struct store_options){.path = "", .sync = true}) == AREG_OK);
        CHECK(store_begin(crew->stores[i], STORE_WRITE, &txn) == AREG_OK);
        CHECK(store_config_put(txn, crew->config.id, descriptor, &crew->slots[i]) == AREG_OK);
        CHECK(store_commit(txn) == AREG_OK);
    }
    slice_unref(&descriptor);
    for (unsigned i = 0; i < ASKER_MAX; i++)
        ask_init(&crew->askers[i].ask);
}

static void drop(struct flight *flight)
{
    slice_unref(&flight->payload);
    slice_unref(&flight->next);
    free(flight);
}

static void put_on_its_way(struct crew *crew, struct flight *flight)
{
    CHECK(crew->flight_count < FLIGHT_MAX);
    crew->flights[crew->flight_count++] = flight;
}

void crew_close(struct crew *crew)
{
    for (unsigned i = 0; i < crew->flight_count; i++)
        drop(crew->flights[i]);
    for (unsigned i = 0; i < ASKER_MAX; i++)
        ask_destroy(&crew->askers[i].ask);
    for (unsigned i = 0; i < crew->config.member_count; i++)
        store_close(crew->stores[i]);
    slice_unref(&crew->successor);
    codec_destroy(crew->codec);
}

struct slice crew_value(struct tag tag)
{
    static const size_t sizes[] = {24, 4, 0, 1, 100};
    struct random_source random = {tag.z * 1000003 + tag.w};
    const size_t value_bytes = sizes[(tag.z + tag.w) % (sizeof sizes / sizeof sizes[0])];
    if (value_bytes == 0)
        return (struct slice){0};
    struct buffer *buffer = buffer_create(value_bytes);
    CHECK(buffer != NULL);
    for (size_t i = 0; i < value_bytes; i++)
        buffer_at(buffer)[i] = (uint8_t)random_next(&random);
    return slice_of(buffer, 0, value_bytes);
}

bool crew_has_read(const struct crew *crew, unsigned asker)
{
    const struct ask *ask = &crew->askers[asker].ask;
    if (ask->state != ASK_DONE || ask->chosen < 0 || ask->piece_count != crew->config.code.k)
        return false;
    struct slice value = crew_value(ask->tag);
    const uint64_t digest = checksum_value_pieces(ask->pieces, ask->piece_count);
    const bool is_it =
        digest == checksum_value(value) && ask->candidates[ask->chosen].value.entry.value_bytes == value.bytes;
    slice_unref(&value);
    return is_it;
}

/* ---------------------------------------------------------------- asks */

static struct ask_options begin(struct crew *crew, unsigned asker)
{
    CHECK(!crew_is_waiting(crew, asker));
    ask_fini(&crew->askers[asker].ask);
    return (struct ask_options){
        .config = &crew->config,
        .codec = crew->codec,
        .random = &crew->random,
        .phase = ++crew->askers[asker].phase,
        .hedge_ns = crew->hedge_ns,
        .slow = crew->slow,
    };
}

void crew_begin_get_tag(struct crew *crew, unsigned asker)
{
    const struct ask_options options = begin(crew, asker);
    CHECK(ask_begin_get_tag(crew_ask(crew, asker), &options, 100, crew->now_ns) == AREG_OK);
}

void crew_begin_get(struct crew *crew, unsigned asker, bool wants_value, bool is_moving)
{
    struct ask_options options = begin(crew, asker);
    if (is_moving)
        options.link = crew->successor;
    CHECK(ask_begin_get_data(crew_ask(crew, asker), &options, wants_value, crew->now_ns) == AREG_OK);
}

void crew_begin_put(struct crew *crew, unsigned asker, struct tag tag)
{
    const struct ask_options options = begin(crew, asker);
    const struct voters all = voters_all(crew->config.member_count);
    struct slice whole = crew_value(tag);
    struct coded_value value = {
        .entry = {.tag = tag, .value_digest = checksum_value(whole), .value_bytes = (uint32_t)whole.bytes}};
    CHECK(codec_encode(crew->codec, whole, all, value.fragments) == AREG_OK);
    value.present = all;
    slice_unref(&whole);
    CHECK(ask_begin_put_data(crew_ask(crew, asker), &options, &value, (struct voters){0}, crew->now_ns) == AREG_OK);
}

struct ask *crew_ask(struct crew *crew, unsigned asker)
{
    return &crew->askers[asker].ask;
}

bool crew_is_waiting(const struct crew *crew, unsigned asker)
{
    return crew->askers[asker].ask.state == ASK_WAITING;
}

void crew_abandon(struct crew *crew, unsigned asker)
{
    struct ask *ask = crew_ask(crew, asker);
    ask_fini(ask);
    ask->state = ASK_DONE;
    crew->askers[asker].phase++;
}

/* ---------------------------------------------------------------- members */

static struct seat sit(struct crew *crew, unsigned member, enum store_mode mode)
{
    struct seat seat = {.slot = crew->slots[member], .config = &crew->config, .member_index = member};
    CHECK(store_begin(crew->stores[member], mode, &seat.txn) == AREG_OK);
    return seat;
}

static const struct dap_answer *answer_of(const struct crew *crew)
{
    return dap_of(crew->config.code.dap)->answer;
}

static void change(struct crew *crew, const struct seat *seat, const struct flight *flight)
{
    const struct request *request = &flight->request;
    if (request->kind == MESSAGE_WRITE_CONFIG) {
        const struct link link = {.status = LINK_PENDING, .descriptor = request->descriptor};
        CHECK(slice_equal(request->descriptor, crew->successor));
        CHECK(store_link_put(seat->txn, seat->slot, &link) == AREG_OK);
        return;
    }
    struct answer_effect effect;
    CHECK(request->kind == MESSAGE_PUT_DATA);
    CHECK(answer_of(crew)->fragment_fits(seat, &request->put_data.entry, flight->payload));
    CHECK(answer_of(crew)->put_data(seat, KEY, &request->put_data.entry, flight->payload, &effect) == AREG_OK);
}

static void look(const struct seat *seat, const struct dap_answer *answer, struct flight *flight)
{
    const struct request *request = &flight->request;
    struct reply *reply = &flight->reply;
    if (request->kind == MESSAGE_GET_TAG) {
        reply->tag.is_full = false;
        CHECK(answer->get_tag(seat, KEY, &reply->tag.newest) == AREG_OK);
    } else {
        CHECK(answer->get_data(seat, KEY, &request->get_data, &reply->data, &reply->payload) == AREG_OK);
    }
}

/* A request becomes its reply. */
static void answer(struct crew *crew, struct flight *flight)
{
    struct reply *reply = &flight->reply;
    const bool is_read = message_is_read_only(flight->request.kind);
    const struct seat seat = sit(crew, flight->member, is_read ? STORE_READ : STORE_WRITE);
    memset(reply, 0, sizeof *reply);
    reply->kind = flight->request.kind;
    reply->phase = flight->request.phase;
    if (is_read)
        look(&seat, answer_of(crew), flight);
    else
        change(crew, &seat, flight);
    CHECK(store_link_get(seat.txn, seat.slot, &reply->next) == AREG_OK);
    flight->next = slice_copy(reply->next.descriptor);
    reply->next.descriptor = flight->next;
    if (is_read)
        store_abort(seat.txn);
    else
        CHECK(store_commit(seat.txn) == AREG_OK);
    slice_unref(&flight->payload);
    flight->payload = reply->payload;
    flight->is_reply = true;
    crew->spent.bytes_answered += reply->payload.bytes;
}

void crew_confirm(struct crew *crew, unsigned member, struct tag tag)
{
    struct answer_effect effect;
    struct seat seat = sit(crew, member, STORE_WRITE);
    seat.confirmed = tag;
    if (answer_of(crew)->sweep)
        CHECK(answer_of(crew)->sweep(&seat, KEY, tag, &effect) == AREG_OK);
    CHECK(store_commit(seat.txn) == AREG_OK);
}

struct data_reply crew_list(struct crew *crew, unsigned member)
{
    static struct data_reply list;
    struct slice payload;
    const struct seat seat = sit(crew, member, STORE_READ);
    CHECK(answer_of(crew)->get_data(&seat, KEY, &(struct get_data){.want = WANT_TAGS}, &list, &payload) == AREG_OK);
    store_abort(seat.txn);
    return list;
}

bool crew_lists(struct crew *crew, unsigned member, struct tag tag)
{
    const struct data_reply list = crew_list(crew, member);
    for (unsigned i = 0; i < list.entry_count; i++)
        if (tag_equal(list.entries[i].tag, tag))
            return true;
    return false;
}

void crew_rot(struct crew *crew, unsigned member, struct tag tag)
{
    CHECK(store_memory_rot(crew->stores[member], crew->slots[member], KEY, tag, 5) == AREG_OK);
}

/* ---------------------------------------------------------------- messages */

void crew_send(struct crew *crew, unsigned asker)
{
    struct ask *ask = crew_ask(crew, asker);
    while (ask->state == ASK_WAITING && ask->due.bits) {
        struct flight *flight = calloc(1, sizeof *flight);
        CHECK(flight != NULL);
        flight->asker = asker;
        flight->phase = ask->phase;
        flight->member = (unsigned)__builtin_ctz(ask->due.bits);
        put_on_its_way(crew, flight);
        CHECK(ask_request(ask, flight->member, crew->now_ns, &flight->request) == AREG_OK);
        if (flight->request.payload.bytes > 0)
            flight->payload = slice_ref(flight->request.payload);
        crew->spent.message_count++;
        crew->spent.bytes_sent += flight->payload.bytes;
    }
}

static struct flight *take(struct crew *crew, unsigned flight_index)
{
    CHECK(flight_index < crew->flight_count);
    struct flight *taken = crew->flights[flight_index];
    crew->flight_count--;
    memmove(&crew->flights[flight_index], &crew->flights[flight_index + 1],
            (crew->flight_count - flight_index) * sizeof crew->flights[0]);
    return taken;
}

static struct flight *copy(const struct flight *flight)
{
    struct flight *copied = malloc(sizeof *copied);
    CHECK(copied != NULL);
    *copied = *flight;
    copied->payload = flight->payload.bytes ? slice_ref(flight->payload) : (struct slice){0};
    copied->next = flight->next.bytes ? slice_ref(flight->next) : (struct slice){0};
    return copied;
}

void crew_arrive(struct crew *crew, unsigned flight_index, bool stays)
{
    struct flight *flight = stays ? copy(crew->flights[flight_index]) : take(crew, flight_index);
    struct ask *ask = crew_ask(crew, flight->asker);
    if (!flight->is_reply) {
        answer(crew, flight);
        put_on_its_way(crew, flight);
        return;
    }
    flight->reply.payload = flight->payload;
    if (ask->state == ASK_WAITING && flight->phase == ask->phase && ask_expects(ask, flight->reply.kind))
        CHECK(ask_receive(ask, crew->now_ns, flight->member, &flight->reply) == AREG_OK);
    drop(flight);
}

void crew_lose(struct crew *crew, unsigned flight_index)
{
    drop(take(crew, flight_index));
}

void crew_talk(struct crew *crew, unsigned asker, struct voters members)
{
    crew_send(crew, asker);
    for (unsigned i = 0; i < crew->flight_count;) {
        const struct flight *flight = crew->flights[i];
        if (flight->asker != asker || !voters_has(members, flight->member)) {
            i++;
            continue;
        }
        crew_arrive(crew, i, false);
        crew_send(crew, asker);
        i = 0;
    }
}

void crew_settle(struct crew *crew, unsigned asker, struct voters members, uint64_t ns_max)
{
    const uint64_t until_ns = crew->now_ns + ns_max;
    crew_talk(crew, asker, members);
    while (crew_is_waiting(crew, asker) && crew_ask(crew, asker)->wake_ns <= until_ns) {
        const uint64_t wake_ns = crew_ask(crew, asker)->wake_ns;
        crew_pass(crew, wake_ns > crew->now_ns ? wake_ns - crew->now_ns : 0);
        crew_talk(crew, asker, members);
    }
}

void crew_pass(struct crew *crew, uint64_t ns)
{
    crew->now_ns += ns;
    for (unsigned i = 0; i < ASKER_MAX; i++) {
        struct ask *ask = crew_ask(crew, i);
        if (ask->state != ASK_WAITING || ask->wake_ns > crew->now_ns)
            continue;
        CHECK(ask_tick(ask, crew->now_ns) == AREG_OK);
        /* Whoever sleeps until `wake_ns` must not be woken at once, again and again. */
        CHECK(ask->state != ASK_WAITING || ask->due.bits || ask->wake_ns > crew->now_ns);
    }
}
