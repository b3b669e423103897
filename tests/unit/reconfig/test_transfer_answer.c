/*
 * The answering half of a transfer: the worker's job, and fragments that are taken over.
 */
#include "codec/checksum.h"
#include "codec/codec.h"
#include "dap/dap.h"
#include "described.h"
#include "reconfig/transfer_answer.h"
#include "store/store_memory.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const unsigned HOSTS[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
/* "s1" is the third member. */
static const unsigned SHIFTED[] = {8, 9, 1, 2, 3, 4, 5, 6, 7};

/* A host in a configuration and in its successor, "s1" unless a case says otherwise. */
struct world {
    struct store *store;
    struct store_txn *txn;
    struct described c;
    struct described d;
    struct seat parent;
    struct seat seat;
    struct reply reply;
    bool is_news;
    struct adopt_effect effect;
};

static void begin(struct world *world)
{
    assert_int_equal(store_begin(world->store, STORE_WRITE, &world->txn), AREG_OK);
    world->parent.txn = world->seat.txn = world->txn;
}

static void open_world(struct world *world, const char *from, const char *to, const unsigned *to_hosts)
{
    const struct store_options options = {.path = "", .sync = true};
    const struct host_id host = {.text = "s1"};
    *world = (struct world){0};
    assert_int_equal(store_memory_open(&world->store, &options), AREG_OK);
    describe_first(&world->c, 0, from, HOSTS);
    describe_next(&world->d, &world->c.config, to, to_hosts, 0);
    world->parent = (struct seat){.config = &world->c.config};
    world->seat = (struct seat){.config = &world->d.config,
                                .member_index = (unsigned)config_member_index(&world->d.config, &host)};
    begin(world);
    assert_int_equal(store_config_put(world->txn, world->c.config.id, descriptor_of(&world->c), &world->parent.slot),
                     AREG_OK);
    assert_int_equal(store_config_put(world->txn, world->d.config.id, descriptor_of(&world->d), &world->seat.slot),
                     AREG_OK);
}

static void close_world(struct world *world)
{
    store_abort(world->txn);
    store_close(world->store);
}

static void commit_and_crash(struct world *world)
{
    assert_int_equal(store_commit(world->txn), AREG_OK);
    store_memory_crash(world->store);
    begin(world);
}

/* ---------------------------------------------------------------- the worker's job */

static const struct transfer_progress *give(struct world *world, const struct transfer *transfer, struct slice source)
{
    const struct request request = {.kind = MESSAGE_TRANSFER, .transfer = *transfer, .descriptor = source};
    world->reply = (struct reply){0};
    assert_int_equal(transfer_answer(&world->seat, &request, &world->reply, &world->is_news), AREG_OK);
    return world->reply.status == REPLY_OK ? &world->reply.transfer : NULL;
}

static const struct transfer_progress *progress_of(struct world *world)
{
    const struct transfer_progress *progress = give(world, &(struct transfer){0}, (struct slice){0});
    assert_false(world->is_news);
    return progress;
}

static void note(struct world *world, uint32_t slices, const char *after, bool is_taken)
{
    const struct transferred transferred = {
        .slices = slices, .after = slice_borrow(after, strlen(after)), .register_count = 3, .bytes = 1000};
    assert_int_equal(transfer_note(&world->seat, &transferred, &world->is_news), AREG_OK);
    assert_int_equal(world->is_news, is_taken);
}

static struct stored_transfer job_of(struct world *world)
{
    struct stored_transfer job;
    assert_int_equal(store_transfer_get(world->txn, world->seat.slot, &job), AREG_OK);
    return job;
}

static void slices_add_up_and_survive(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
    assert_int_equal(progress_of(&world)->slices_given, 0);
    assert_int_equal(give(&world, &(struct transfer){.slices = 0x3}, descriptor_of(&world.c))->slices_given, 0x3);
    assert_true(world.is_news);
    commit_and_crash(&world);
    assert_int_equal(give(&world, &(struct transfer){.slices = 0x80000001}, descriptor_of(&world.c))->slices_given,
                     0x80000003);
    assert_true(world.is_news);
    give(&world, &(struct transfer){.slices = 0x80000001}, descriptor_of(&world.c));
    assert_false(world.is_news);
    commit_and_crash(&world);
    assert_int_equal(progress_of(&world)->slices_given, 0x80000003);
    assert_true(slice_equal(job_of(&world).source, descriptor_of(&world.c)));
    close_world(&world);
}

static void registers_come_from_the_configuration_before_only(void **state)
{
    (void)state;
    static struct world world;
    static struct described other;
    open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
    describe_first(&other, 0, "rs:5,2", HOSTS);
    const struct transfer transfer = {.slices = 1};
    assert_null(give(&world, &transfer, descriptor_of(&other)));
    assert_null(give(&world, &transfer, descriptor_of(&world.d)));
    assert_null(give(&world, &transfer, (struct slice){0}));
    assert_int_equal(world.reply.status, REPLY_INVALID);
    assert_int_equal(progress_of(&world)->slices_given, 0);
    close_world(&world);
}

static void a_pace_holds_until_another_is_set(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
    /* Also before there is anything to do. */
    give(&world, &(struct transfer){.sets_pace = true, .is_paused = true, .bytes_per_s = 5}, (struct slice){0});
    assert_true(world.is_news);
    give(&world, &(struct transfer){.slices = 1, .bytes_per_s = 9}, descriptor_of(&world.c));
    assert_true(progress_of(&world)->is_paused);
    assert_int_equal(world.reply.transfer.bytes_per_s, 5);
    give(&world, &(struct transfer){.sets_pace = true}, (struct slice){0});
    assert_true(world.is_news);
    assert_false(progress_of(&world)->is_paused);
    assert_int_equal(world.reply.transfer.bytes_per_s, 0);
    assert_int_equal(world.reply.transfer.slices_given, 1);
    close_world(&world);
}

static void progress_is_kept_up_to_a_key_and_slice_by_slice(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
    give(&world, &(struct transfer){.slices = 0xF}, descriptor_of(&world.c));
    note(&world, 0x3, "middle", true);
    commit_and_crash(&world);
    assert_int_equal(job_of(&world).slices_at_work, 0x3);
    assert_true(slice_equal(job_of(&world).after, slice_borrow("middle", 6)));
    assert_int_equal(progress_of(&world)->slices_moved, 0);
    note(&world, 0x3, "", true);
    assert_int_equal(progress_of(&world)->slices_moved, 0x3);
    assert_int_equal(job_of(&world).slices_at_work, 0);
    assert_int_equal(job_of(&world).after.bytes, 0);
    assert_int_equal(world.reply.transfer.register_count, 6);
    assert_int_equal(world.reply.transfer.bytes, 2000);
    /* What was not given, or is done, is no news. */
    note(&world, 0x1, "late", false);
    note(&world, 0x16, "a", false);
    assert_int_equal(progress_of(&world)->slices_moved, 0x3);
    close_world(&world);
}

static void stuck_registers_are_told_until_there_is_progress(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
    const struct transferred stuck = {.stuck_count = 5};
    assert_int_equal(transfer_note(&world.seat, &stuck, &world.is_news), AREG_OK);
    assert_false(world.is_news); /* nothing was given */
    give(&world, &(struct transfer){.slices = 0xF}, descriptor_of(&world.c));
    note(&world, 0x3, "middle", true);
    assert_int_equal(transfer_note(&world.seat, &stuck, &world.is_news), AREG_OK);
    commit_and_crash(&world);
    assert_int_equal(progress_of(&world)->stuck_count, 5);
    assert_int_equal(job_of(&world).slices_at_work, 0x3);
    assert_true(slice_equal(job_of(&world).after, slice_borrow("middle", 6)));
    note(&world, 0x3, "next", true);
    assert_int_equal(progress_of(&world)->stuck_count, 0);
    close_world(&world);
}

static void what_is_finalized_is_moved(void **state)
{
    (void)state;
    for (unsigned had_job = 0; had_job <= 1; had_job++) {
        static struct world world;
        open_world(&world, "rs:5,3", "rs:6,3", HOSTS);
        if (had_job) {
            give(&world, &(struct transfer){.slices = 0xF}, descriptor_of(&world.c));
            note(&world, 0x3, "middle", true);
        }
        assert_int_equal(transfer_end(&world.seat, &world.is_news), AREG_OK);
        assert_int_equal(world.is_news, had_job);
        commit_and_crash(&world);
        assert_int_equal(progress_of(&world)->slices_moved, TRANSFER_SLICES_ALL);
        assert_int_equal(job_of(&world).slices_at_work, 0);
        note(&world, 0x3, "n", false);
        give(&world, &(struct transfer){.slices = 0x10}, descriptor_of(&world.c));
        const struct stored_transfer job = job_of(&world);
        assert_int_equal(job.progress.slices_given & ~job.progress.slices_moved, 0);
        assert_int_equal(transfer_end(&world.seat, &world.is_news), AREG_OK);
        assert_false(world.is_news);
        close_world(&world);
    }
}

/* ---------------------------------------------------------------- adopting */

static const struct slice KEY = {.at = (const uint8_t *)"k", .bytes = 1};

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

/* The fragment that a configuration's member has of a value, by the codec alone; counted. */
static struct slice fragment_of(const struct config *config, unsigned member_index, struct slice value)
{
    struct slice fragments[MEMBER_COUNT_MAX] = {0};
    struct voters wanted = {0};
    struct codec *codec = codec_create(config->code.n, config->code.k);
    voters_add(&wanted, member_index);
    struct slice owned = slice_copy(value);
    assert_non_null(codec);
    assert_int_equal(codec_encode(codec, owned, wanted, fragments), AREG_OK);
    codec_destroy(codec);
    slice_unref(&owned);
    return fragments[member_index];
}

static struct entry entry_of_value(struct tag tag, struct slice value, struct slice fragment)
{
    return (struct entry){.tag = tag,
                          .value_digest = checksum_value(value),
                          .value_bytes = (uint32_t)value.bytes,
                          .fragment_checksum = checksum_fragment(fragment)};
}

/* What the asker knows of it. */
static struct entry put_into(const struct seat *seat, struct tag tag, struct slice value)
{
    struct slice fragment = fragment_of(seat->config, seat->member_index, value);
    struct entry entry = entry_of_value(tag, value, fragment);
    struct answer_effect effect;
    const struct dap_answer *answer = dap_of(seat->config->code.dap)->answer;
    assert_true(answer->fragment_fits(seat, &entry, fragment));
    assert_int_equal(answer->put_data(seat, KEY, &entry, fragment, &effect), AREG_OK);
    slice_unref(&fragment);
    entry.fragment_checksum = 0;
    return entry;
}

static bool adopt(struct world *world, const struct entry *entry)
{
    const struct request request = {.kind = MESSAGE_ADOPT, .key = KEY, .adopt.entry = *entry};
    world->reply = (struct reply){0};
    assert_int_equal(transfer_adopt(&world->seat, &world->parent, &request, &world->reply, &world->effect), AREG_OK);
    assert_int_equal(world->reply.status, REPLY_OK);
    return world->reply.adopt.is_adopted;
}

/* What the host says now about the tag in the new configuration; the fragment is counted. */
static unsigned ask_new(struct world *world, struct tag tag, struct data_reply *data, struct slice *fragment)
{
    const struct get_data asked = {.want = WANT_TAG, .tag = tag};
    assert_int_equal(dap_of(world->d.config.code.dap)->answer->get_data(&world->seat, KEY, &asked, data, fragment),
                     AREG_OK);
    return data->entry_count;
}

static void expect_adopted(struct world *world, struct tag tag, struct slice value)
{
    struct slice expected = fragment_of(&world->d.config, world->seat.member_index, value);
    struct slice fragment;
    struct data_reply data;
    assert_int_equal(ask_new(world, tag, &data, &fragment), 1);
    assert_true(tag_equal(data.entries[0].tag, tag));
    assert_int_equal(data.entries[0].value_bytes, value.bytes);
    assert_true(data.entries[0].value_digest == checksum_value(value));
    assert_int_equal(data.entries[0].flags, 0);
    assert_true(slice_equal(fragment, expected));
    slice_unref(&fragment);
    slice_unref(&expected);
}

static void expect_nothing(struct world *world)
{
    struct slice fragment;
    struct data_reply data;
    assert_int_equal(ask_new(world, tag_of(1), &data, &fragment), 0);
}

static const size_t SIZES[] = {0, 1, 2, 3, 100, 3001, 50000};
enum { SIZE_COUNT = sizeof SIZES / sizeof SIZES[0] };

static void an_adopted_fragment_is_the_one_that_the_new_code_makes(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const unsigned *hosts;
    } changes[] = {
        {"rs:5,3", "rs:5,3", HOSTS},   {"rs:5,3", "rs:9,3", HOSTS},   {"rs:9,3", "rs:4,3", HOSTS},
        {"rs:4,4", "rs:8,4", HOSTS},   {"rs:3,1", "rs:5,1", SHIFTED}, {"repl:3", "repl:5", SHIFTED},
        {"repl:3", "rs:4,1", SHIFTED}, {"rs:3,1", "repl:4", HOSTS},
    };
    static uint8_t bytes[50000];
    struct random_source random = test_random();
    random_fill(&random, bytes, sizeof bytes);
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        for (unsigned size = 0; size < SIZE_COUNT; size++) {
            static struct world world;
            const struct slice value = slice_borrow(bytes, SIZES[size]);
            open_world(&world, changes[i].from, changes[i].to, changes[i].hosts);
            const struct entry entry = put_into(&world.parent, tag_of(1), value);
            assert_true(adopt(&world, &entry));
            commit_and_crash(&world);
            expect_adopted(&world, tag_of(1), value);
            /* Again: it has it. */
            assert_true(adopt(&world, &entry));
            expect_adopted(&world, tag_of(1), value);
            close_world(&world);
        }
    }
}

static void at_every_position_a_fragment_is_the_same_whatever_n(void **state)
{
    (void)state;
    static uint8_t bytes[1000];
    struct random_source random = test_random();
    random_fill(&random, bytes, sizeof bytes);
    const struct slice value = slice_borrow(bytes, sizeof bytes);
    for (unsigned k = 1; k <= 9; k++) {
        for (unsigned n = k; n <= 9; n++) {
            for (unsigned position = 0; position < n; position++) {
                const struct config a = {.code = {.dap = DAP_TREAS, .n = (uint8_t)n, .k = (uint8_t)k}};
                const struct config b = {.code = {.dap = DAP_TREAS, .n = (uint8_t)(n + 5), .k = (uint8_t)k}};
                struct slice fragment_a = fragment_of(&a, position, value);
                struct slice fragment_b = fragment_of(&b, position, value);
                assert_true(slice_equal(fragment_a, fragment_b));
                slice_unref(&fragment_a);
                slice_unref(&fragment_b);
            }
        }
    }
}

static void another_position_or_another_k_makes_other_fragments(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
        const unsigned *hosts;
    } changes[] = {{"rs:5,3", "rs:5,3", SHIFTED}, {"rs:5,3", "rs:5,2", HOSTS}, {"rs:5,3", "repl:5", HOSTS}};
    for (unsigned i = 0; i < 3; i++) {
        static struct world world;
        open_world(&world, changes[i].from, changes[i].to, changes[i].hosts);
        const struct entry entry = put_into(&world.parent, tag_of(1), slice_borrow("value", 5));
        assert_false(adopt(&world, &entry));
        expect_nothing(&world);
        close_world(&world);
    }
}

static void who_was_no_member_before_has_nothing_to_adopt(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:5,3", HOSTS);
    const struct request request = {.key = KEY, .adopt.entry = put_into(&world.parent, tag_of(1), KEY)};
    assert_int_equal(transfer_adopt(&world.seat, NULL, &request, &world.reply, &world.effect), AREG_OK);
    assert_false(world.reply.adopt.is_adopted);
    expect_nothing(&world);
    close_world(&world);
}

static void only_the_very_entry_is_adopted(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:5"};
    for (unsigned i = 0; i < 2; i++) {
        static struct world world;
        open_world(&world, codes[i], codes[i], HOSTS);
        const struct entry entry = put_into(&world.parent, tag_of(5), slice_borrow("value", 5));
        struct entry other = entry;
        other.tag = tag_of(4);
        assert_false(adopt(&world, &other));
        other.tag = tag_of(6);
        assert_false(adopt(&world, &other));
        other = entry;
        other.value_digest ^= 1;
        assert_false(adopt(&world, &other));
        other = entry;
        other.value_bytes++;
        assert_false(adopt(&world, &other));
        other = entry;
        other.flags = ENTRY_TOMBSTONE;
        assert_false(adopt(&world, &other));
        expect_nothing(&world);
        assert_true(adopt(&world, &entry));
        close_world(&world);
    }
}

static void an_older_entry_is_adopted_from_among_newer_ones(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:5,3", HOSTS);
    struct entry entry = {0};
    for (uint64_t z = 1; z <= 3; z++) {
        const struct entry put = put_into(&world.parent, tag_of(z), slice_borrow(&"value"[z], 5 - z));
        if (z == 2)
            entry = put;
    }
    assert_true(adopt(&world, &entry));
    expect_adopted(&world, tag_of(2), slice_borrow("lue", 3));
    close_world(&world);
}

static void a_delete_is_adopted_without_a_fragment(void **state)
{
    (void)state;
    static struct world world;
    struct answer_effect effect;
    struct data_reply data;
    struct slice fragment;
    open_world(&world, "rs:5,3", "rs:5,3", HOSTS);
    const struct entry entry = {.tag = tag_of(3), .flags = ENTRY_TOMBSTONE};
    const struct dap_answer *answer = dap_of(DAP_TREAS)->answer;
    assert_int_equal(answer->put_data(&world.parent, KEY, &entry, (struct slice){0}, &effect), AREG_OK);
    assert_true(adopt(&world, &entry));
    assert_int_equal(ask_new(&world, tag_of(3), &data, &fragment), 1);
    assert_int_equal(data.entries[0].flags, ENTRY_TOMBSTONE);
    close_world(&world);
}

static void damage_is_neither_adopted_nor_taken_for_adopted(void **state)
{
    (void)state;
    static uint8_t value[9000];
    for (unsigned new_is_damaged = 0; new_is_damaged <= 1; new_is_damaged++) {
        static struct world world;
        open_world(&world, "rs:5,3", "rs:5,3", HOSTS);
        const struct entry entry = put_into(&world.parent, tag_of(1), slice_borrow(value, sizeof value));
        if (new_is_damaged)
            assert_true(adopt(&world, &entry));
        commit_and_crash(&world);
        store_abort(world.txn);
        const uint32_t slot = new_is_damaged ? world.seat.slot : world.parent.slot;
        assert_int_equal(store_memory_rot(world.store, slot, KEY, tag_of(1), 77), AREG_OK);
        begin(&world);
        assert_false(adopt(&world, &entry));
        assert_int_equal(world.effect.damaged_count, 1);
        if (!new_is_damaged)
            expect_nothing(&world);
        close_world(&world);
    }
}

static void without_room_nothing_is_adopted(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "rs:5,3", "rs:5,3", HOSTS);
    const struct entry entry = put_into(&world.parent, tag_of(1), slice_borrow("value", 5));
    store_set_quota(world.store, 1, 0);
    assert_false(adopt(&world, &entry));
    assert_true(world.effect.put.is_refused);
    expect_nothing(&world);
    close_world(&world);
}

static void what_a_newer_one_has_replaced_counts_as_adopted(void **state)
{
    (void)state;
    static struct world world;
    open_world(&world, "repl:5", "repl:5", HOSTS);
    const struct entry entry = put_into(&world.parent, tag_of(1), slice_borrow("value", 5));
    put_into(&world.seat, tag_of(2), slice_borrow("newer", 5));
    assert_true(adopt(&world, &entry));
    assert_true(world.effect.put.is_stale);
    expect_adopted(&world, tag_of(2), slice_borrow("newer", 5));
    close_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_add_up_and_survive),
        cmocka_unit_test(registers_come_from_the_configuration_before_only),
        cmocka_unit_test(a_pace_holds_until_another_is_set),
        cmocka_unit_test(progress_is_kept_up_to_a_key_and_slice_by_slice),
        cmocka_unit_test(stuck_registers_are_told_until_there_is_progress),
        cmocka_unit_test(what_is_finalized_is_moved),
        cmocka_unit_test(an_adopted_fragment_is_the_one_that_the_new_code_makes),
        cmocka_unit_test(at_every_position_a_fragment_is_the_same_whatever_n),
        cmocka_unit_test(another_position_or_another_k_makes_other_fragments),
        cmocka_unit_test(who_was_no_member_before_has_nothing_to_adopt),
        cmocka_unit_test(only_the_very_entry_is_adopted),
        cmocka_unit_test(an_older_entry_is_adopted_from_among_newer_ones),
        cmocka_unit_test(a_delete_is_adopted_without_a_fragment),
        cmocka_unit_test(damage_is_neither_adopted_nor_taken_for_adopted),
        cmocka_unit_test(without_room_nothing_is_adopted),
        cmocka_unit_test(what_a_newer_one_has_replaced_counts_as_adopted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
