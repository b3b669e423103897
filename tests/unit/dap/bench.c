#include "bench.h"

#include "codec/checksum.h"
#include "codec/codec.h"
#include "core/check.h"
#include "core/random.h"

#include <stdlib.h>
#include <string.h>

void bench_open(struct bench *bench, const char *code, unsigned delta)
{
    *bench = (struct bench){.config = {.delta = (uint16_t)delta}};
    CHECK(code_parse(code, &bench->config.code) == AREG_OK);
    bench->config.member_count = bench->config.code.n;
    bench->answer = dap_of(bench->config.code.dap)->answer;
    bench->room = malloc(AREG_VALUE_BYTES_MAX + 1);
    CHECK(bench->room != NULL);
    const struct store_options options = {.path = "", .sync = true};
    CHECK(store_memory_open(&bench->store, &options) == AREG_OK);
    struct store_txn *txn;
    CHECK(store_begin(bench->store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(store_config_put(txn, bench->config.id, slice_borrow("descriptor", 10), &bench->slot) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
}

void bench_close(struct bench *bench)
{
    store_close(bench->store);
    free(bench->room);
}

struct slice bench_fragment(struct bench *bench, struct tag tag, uint32_t value_bytes)
{
    const size_t bytes = codec_fragment_bytes(value_bytes, bench->config.code.k);
    struct random_source random = {tag.z * 1000003 + tag.w};
    for (size_t i = 0; i < bytes; i++)
        bench->room[i] = i < 64 ? (uint8_t)random_next(&random) : bench->room[i % 64];
    return slice_borrow(bench->room, bytes);
}

struct entry bench_entry(struct bench *bench, struct tag tag, uint32_t value_bytes)
{
    return (struct entry){
        .tag = tag,
        .value_digest = tag.z << 32 | tag.w,
        .value_bytes = value_bytes,
        .fragment_checksum = checksum_fragment(bench_fragment(bench, tag, value_bytes)),
    };
}

static struct seat begin(struct bench *bench, enum store_mode mode)
{
    struct seat seat = {.slot = bench->slot, .config = &bench->config, .member_index = bench->member_index};
    CHECK(store_begin(bench->store, mode, &seat.txn) == AREG_OK);
    return seat;
}

struct answer_effect bench_put_entry(struct bench *bench, const char *key, const struct entry *entry,
                                     struct slice fragment)
{
    struct answer_effect effect;
    struct seat seat = begin(bench, STORE_WRITE);
    seat.confirmed = bench->known;
    CHECK(bench->answer->put_data(&seat, slice_borrow(key, strlen(key)), entry, fragment, &effect) == AREG_OK);
    CHECK(store_commit(seat.txn) == AREG_OK);
    return effect;
}

struct answer_effect bench_put(struct bench *bench, const char *key, struct tag tag, uint32_t value_bytes)
{
    const struct entry entry = bench_entry(bench, tag, value_bytes);
    return bench_put_entry(bench, key, &entry, bench_fragment(bench, tag, value_bytes));
}

static struct answer_effect sweep(struct bench *bench, const char *key, struct tag confirmed, struct tag below)
{
    struct answer_effect effect;
    struct seat seat = begin(bench, STORE_WRITE);
    seat.confirmed = confirmed;
    CHECK(bench->answer->sweep(&seat, slice_borrow(key, strlen(key)), below, &effect) == AREG_OK);
    CHECK(store_commit(seat.txn) == AREG_OK);
    return effect;
}

struct answer_effect bench_confirm(struct bench *bench, const char *key, struct tag tag)
{
    return sweep(bench, key, tag, TAG_ZERO);
}

struct answer_effect bench_sweep(struct bench *bench, const char *key, struct tag tag)
{
    return sweep(bench, key, TAG_ZERO, tag);
}

struct tag bench_get_tag(struct bench *bench, const char *key)
{
    struct tag newest;
    const struct seat seat = begin(bench, STORE_READ);
    CHECK(bench->answer->get_tag(&seat, slice_borrow(key, strlen(key)), &newest) == AREG_OK);
    store_abort(seat.txn);
    return newest;
}

void bench_get_data(struct bench *bench, const char *key, struct get_data asked, struct data_reply *reply)
{
    struct slice payload;
    const struct seat seat = begin(bench, STORE_READ);
    CHECK(bench->answer->get_data(&seat, slice_borrow(key, strlen(key)), &asked, reply, &payload) == AREG_OK);
    store_abort(seat.txn);
    CHECK(reply->has_fragment || payload.bytes == 0);
    for (uint32_t i = 0; reply->has_fragment && i < reply->entry_count; i++)
        if (tag_equal(reply->entries[i].tag, reply->fragment_tag))
            CHECK(slice_equal(payload, bench_fragment(bench, reply->fragment_tag, reply->entries[i].value_bytes)));
    slice_unref(&payload);
}

bool bench_fits(struct bench *bench, const struct entry *entry, struct slice fragment)
{
    const struct seat seat = begin(bench, STORE_READ);
    const bool fits = bench->answer->fragment_fits(&seat, entry, fragment);
    store_abort(seat.txn);
    return fits;
}

struct store_stats bench_stats(struct bench *bench)
{
    struct store_stats stats;
    const struct seat seat = begin(bench, STORE_READ);
    CHECK(store_stats_get(seat.txn, &stats) == AREG_OK);
    store_abort(seat.txn);
    return stats;
}

void bench_rot(struct bench *bench, const char *key, struct tag tag, uint64_t bit_index)
{
    CHECK(store_memory_rot(bench->store, bench->slot, slice_borrow(key, strlen(key)), tag, bit_index) == AREG_OK);
}
