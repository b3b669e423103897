/*
 * The worker of a host, over a real engine and hosts made by hand: which registers it moves, in what order it says so,
 * how fast, and what becomes of it when something fails, when it restarts, and when others were faster.
 */
#include "client/transfer.h"

#include "client/lookout.h"
#include "core/key.h"
#include "reconfig/config_answer.h"
#include "reconfig/transfer_answer.h"
#include "stand_in.h"
#include "store/store_memory.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOTE_MAX = 256, OWN_HOST = 3 };
#define FOREVER (UINT64_MAX - 1)

static const struct tag tag = {7, 1};

static struct store *store;
static struct worker *worker;
static uint32_t slot;
static unsigned target;
static bool records; /* the host's writer makes notes durable */

struct note {
    char after[16];
    uint32_t slices;
    uint64_t register_count;
    uint64_t bytes;
    uint64_t at_ns;
};
static unsigned note_count;
static struct note notes[NOTE_MAX];

/* ---------------------------------------------------------------- the host */

static struct store_txn *begin(enum store_mode mode)
{
    struct store_txn *txn;
    assert_int_equal(store_begin(store, mode, &txn), AREG_OK);
    return txn;
}

static void load(void)
{
    struct store_txn *txn = begin(STORE_READ);
    assert_int_equal(worker_load(worker, txn), AREG_OK);
    store_abort(txn);
}

static struct transfer_progress stored_progress(void)
{
    struct stored_transfer stored;
    struct store_txn *txn = begin(STORE_READ);
    assert_int_equal(store_transfer_get(txn, slot, &stored), AREG_OK);
    store_abort(txn);
    return stored.progress;
}

/* As a reconfigurer's TRANSFER does. */
static void give(uint32_t slices, bool is_paused, uint64_t bytes_per_s)
{
    struct stored_transfer stored;
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(store_transfer_get(txn, slot, &stored), AREG_OK);
    stored.source = world.descriptors[0];
    stored.progress.slices_given |= slices;
    stored.progress.is_paused = is_paused;
    stored.progress.bytes_per_s = bytes_per_s;
    assert_int_equal(store_transfer_put(txn, slot, &stored), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    load();
}

static unsigned finalized_count; /* notes of it */

static void record_final(const struct request *note)
{
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(config_final_put(txn, note->shard, note->descriptor), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    finalized_count++;
}

static void record(const struct request *note)
{
    bool is_news;
    if (note->kind == MESSAGE_FINALIZE)
        record_final(note);
    if (note->kind != MESSAGE_TRANSFERRED)
        return;
    assert_true(config_id_equal(note->config, world.configs[target].id));
    const struct transferred *moved = &note->transferred;
    const struct seat seat = {.txn = begin(STORE_WRITE), .slot = slot};
    assert_int_equal(transfer_note(&seat, moved, &is_news), AREG_OK);
    assert_true(is_news);
    assert_int_equal(store_commit(seat.txn), AREG_OK);
    assert_true(note_count < NOTE_MAX);
    struct note *kept = &notes[note_count++];
    *kept = (struct note){
        .slices = moved->slices, .register_count = moved->register_count, .bytes = moved->bytes, .at_ns = world.now_ns};
    if (moved->after.bytes)
        memcpy(kept->after, moved->after.at, moved->after.bytes);
    load(); /* there is news */
}

static void start_worker(void)
{
    const struct registration self = {.host = world.cluster.hosts[OWN_HOST].id,
                                      .incarnation = world.hosts[OWN_HOST].incarnation};
    worker = worker_create(&self);
    assert_non_null(worker);
    load();
}

/* The process dies, and so does all that it was doing. */
static void stop_worker(void)
{
    struct client_done done;
    client_cancel_all(world.client, world.now_ns);
    while (client_next_done(world.client, &done)) {
        slice_unref(&done.page);
        slice_unref(&done.more_after);
        slice_unref(&done.base);
        slice_unref(&done.pending);
    }
    worker_destroy(worker);
}

/* Genesis on 012, its successor on 345; the worker is on host 3. */
static void open_worker(const char *code, const char *code_after)
{
    const struct store_options options = {.path = "", .sync = true};
    world_open(code, "012");
    target = world_describe(0, code_after, "345");
    world_install(target, "012");
    assert_int_equal(store_memory_open(&store, &options), AREG_OK);
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(store_config_put(txn, world.configs[target].id, world.descriptors[target], &slot), AREG_OK);
    assert_int_equal(config_final_put(txn, 0, world.descriptors[0]), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    note_count = finalized_count = 0;
    records = true;
    start_worker();
}

static void close_worker(void)
{
    stop_worker();
    store_close(store);
    world_close();
}

/* One turn of the driver. False: there was nothing to do at this moment. */
static bool turn(void)
{
    struct request note;
    struct client_done done;
    bool did = false;
    world_settle();
    while (client_next_done(world.client, &done)) {
        assert_ptr_equal(done.context, worker_context(worker));
        worker_done(worker, world.client, world.now_ns, &done);
        slice_unref(&done.page);
        slice_unref(&done.more_after);
        slice_unref(&done.base);
        slice_unref(&done.pending);
        did = true;
    }
    worker_step(worker, world.client, world.now_ns);
    while (records && worker_next_note(worker, &note)) {
        record(&note);
        did = true;
    }
    return did || worker_wake_ns(worker) <= world.now_ns;
}

/* Until nothing is to be done any more, or until then. */
static void run(uint64_t until_ns)
{
    for (;;) {
        unsigned turns = 0;
        while (turn())
            assert_true(++turns < 10000); /* it does not spin */
        /* What it has submitted is on its way. */
        world_settle();
        if (turn())
            continue;
        uint64_t wake_ns = client_wake_ns(world.client);
        if (worker_wake_ns(worker) < wake_ns)
            wake_ns = worker_wake_ns(worker);
        /* The lookout never ends. */
        if (wake_ns > until_ns || (until_ns == FOREVER && wake_ns > world.now_ns + LOOKOUT_NS / 2))
            break;
        assert_true(wake_ns > 0);
        world.now_ns = wake_ns > world.now_ns ? wake_ns : world.now_ns;
        client_tick(world.client, world.now_ns);
    }
    if (until_ns != FOREVER && world.now_ns < until_ns)
        world.now_ns = until_ns;
}

static void run_for(uint64_t ns)
{
    run(world.now_ns + ns);
}

/* ---------------------------------------------------------------- registers */

static const char *key_of(unsigned number, char text[16])
{
    snprintf(text, 16, "k%05u", number);
    return text;
}

static void hold(unsigned count, size_t value_bytes)
{
    char text[16];
    for (unsigned i = 0; i < count; i++) {
        struct slice value = value_of(i, value_bytes);
        world_hold(0, "012", key_of(i, text), tag, value);
        slice_unref(&value);
    }
}

static bool is_in(uint32_t slices, const char *key)
{
    return slices >> key_slice(slice_borrow(key, strlen(key))) & 1;
}

static unsigned count_in(uint32_t slices, unsigned count)
{
    char text[16];
    unsigned in = 0;
    for (unsigned i = 0; i < count; i++)
        in += is_in(slices, key_of(i, text));
    return in;
}

/* Exactly the registers of these slices are in the target. */
static void assert_moved(uint32_t slices, unsigned count, size_t value_bytes)
{
    char text[16];
    for (unsigned i = 0; i < count; i++) {
        if (!is_in(slices, key_of(i, text))) {
            assert_null(world_kept(target, 3, text));
            continue;
        }
        struct slice value = value_of(i, value_bytes);
        assert_true(world_holds(target, "345", text, tag, value));
        slice_unref(&value);
    }
}

static unsigned moved_count(unsigned count)
{
    char text[16];
    unsigned moved = 0;
    for (unsigned i = 0; i < count; i++)
        moved += world_kept(target, 3, key_of(i, text)) != NULL;
    return moved;
}

/* ---------------------------------------------------------------- what it moves */

static void it_moves_the_registers_of_its_slices_and_no_others(void **state)
{
    (void)state;
    struct random_source random = test_random();
    enum { COUNT = 600 };
    for (unsigned i = 0; i < 4; i++) {
        const uint32_t slices = i == 0 ? UINT32_MAX : i == 1 ? 1 : (uint32_t)random_next(&random) | 2;
        open_worker("rs:3,2", "repl:3");
        hold(COUNT, 40);
        give(slices, false, 0);
        run(FOREVER);
        assert_moved(slices, COUNT, 40);
        const struct transfer_progress progress = stored_progress();
        assert_int_equal(progress.slices_moved, slices);
        assert_int_equal(progress.register_count, count_in(slices, COUNT));
        /* Fragments of half a value came, twice; two copies went, and one stayed here. */
        assert_int_equal(progress.bytes, (2 * 20 + 2 * 40) * count_in(slices, COUNT));
        assert_true(worker_wake_ns(worker) > world.now_ns + LOOKOUT_NS / 2); /* the lookout's */
        close_worker();
    }
}

static void it_says_how_far_it_is_page_by_page_in_order(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    open_worker("repl:3", "repl:3");
    hold(COUNT, 10);
    give(0x0f0f0f0f, false, 0);
    run(FOREVER);
    assert_true(note_count >= 3);
    uint64_t register_count = 0;
    for (unsigned i = 0; i < note_count; i++) {
        assert_int_equal(notes[i].slices, 0x0f0f0f0f);
        assert_int_equal(notes[i].after[0] == 0, i + 1 == note_count);
        assert_true(i == 0 || i + 1 == note_count || strcmp(notes[i - 1].after, notes[i].after) < 0);
        register_count += notes[i].register_count;
    }
    assert_int_equal(register_count, count_in(0x0f0f0f0f, COUNT));
    close_worker();
}

static void a_page_is_noted_before_the_next_one_is_asked_for(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(600, 10);
    give(UINT32_MAX, false, 0);
    records = false; /* the writer is slow */
    run_for(1000 * MS);
    assert_int_equal(world_count(0, MESSAGE_LIST_KEYS, 0), 3); /* of each member */
    const unsigned moved = moved_count(600);
    run_for(1000 * MS);
    assert_int_equal(moved_count(600), moved);
    records = true;
    run(FOREVER);
    assert_moved(UINT32_MAX, 600, 10);
    close_worker();
}

static void what_is_given_later_is_moved_in_a_pass_of_its_own(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(300, 10);
    give(0xff, false, 20000); /* slowly */
    run_for(10 * MS);
    give(0xff00, false, 0);
    run(FOREVER);
    assert_moved(0xffff, 300, 10);
    assert_int_equal(stored_progress().slices_moved, 0xffff);
    /* And after it had been done with all. */
    give(0xffff0000, false, 0);
    run(FOREVER);
    assert_moved(UINT32_MAX, 300, 10);
    close_worker();
}

static void no_registers_at_all_are_moved_at_once(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    give(UINT32_MAX, false, 0);
    run(FOREVER);
    assert_int_equal(note_count, 1);
    assert_int_equal(stored_progress().slices_moved, UINT32_MAX);
    close_worker();
}

/* The most registers that are on their way at once, if so many take so long for each of them. */
static unsigned most_at_once(uint64_t each_ns)
{
    enum { COUNT = 400 };
    open_worker("repl:3", "repl:3");
    hold(COUNT, 10);
    give(UINT32_MAX, false, 0);
    unsigned most = 0;
    for (unsigned i = 0; i < 100000 && stored_progress().slices_moved == 0; i++) {
        const unsigned busy = 256 - client_room(world.client);
        most = busy > most ? busy : most;
        world.now_ns += busy * each_ns;
        turn();
    }
    assert_moved(UINT32_MAX, COUNT, 10);
    close_worker();
    return most;
}

static void many_are_on_their_way_at_once_unless_that_makes_them_wait(void **state)
{
    (void)state;
    assert_int_equal(most_at_once(0), TRANSFER_INFLIGHT_MAX);
    assert_int_equal(most_at_once(MS / 2), TRANSFER_INFLIGHT_MAX);
    assert_in_range(most_at_once(20 * MS), 2, 16);
    assert_in_range(most_at_once(1000 * MS), 2, 16);
}

/* ---------------------------------------------------------------- how fast */

static void paused_it_does_nothing_until_it_is_resumed(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(300, 10);
    give(UINT32_MAX, true, 0);
    run_for(5000 * MS);
    assert_int_equal(world_count(0, MESSAGE_LIST_KEYS, -1), 0);
    give(0, false, 1000);
    run_for(200 * MS);
    give(0, true, 0);
    run_for(100 * MS); /* what was under way comes to its end */
    const unsigned moved = moved_count(300);
    assert_in_range(moved, 1, 299);
    run_for(5000 * MS);
    assert_int_equal(moved_count(300), moved);
    give(0, false, 0);
    run(FOREVER);
    assert_moved(UINT32_MAX, 300, 10);
    close_worker();
}

static void it_keeps_the_pace(void **state)
{
    (void)state;
    /* A copy comes, and two go on: 30000 bytes for each register. */
    enum { COUNT = 100, EACH = 30000 };
    static const uint64_t rates[] = {10000, 400000, 4000000};
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        open_worker("repl:3", "repl:3");
        hold(COUNT, EACH / 3);
        give(UINT32_MAX, false, rates[i]);
        run(FOREVER);
        assert_moved(UINT32_MAX, COUNT, EACH / 3);
        const uint64_t took_ns = notes[note_count - 1].at_ns - START_NS;
        const uint64_t ideal_ns = (uint64_t)COUNT * EACH * 1000 * MS / rates[i];
        /* A few may leave before it is known how large they are. */
        assert_in_range(took_ns, ideal_ns * 8 / 10, ideal_ns * 12 / 10);
        close_worker();
    }
}

static void a_very_slow_pace_is_slow_and_no_standstill(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(20, 10); /* 40 bytes each */
    give(UINT32_MAX, false, 100);
    run(START_NS + 60000 * MS);
    assert_moved(UINT32_MAX, 20, 10);
    assert_true(world.now_ns > START_NS + 4000 * MS);
    close_worker();
}

static void the_pace_is_the_same_however_often_it_is_called(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(400, 10); /* 40 bytes each */
    give(UINT32_MAX, false, 20000);
    const uint64_t begun_ns = world.now_ns;
    while (stored_progress().slices_moved == 0 && world.now_ns < begun_ns + 3000 * MS) {
        while (turn())
            continue;
        world.now_ns += 20000; /* other things happen all the time */
        client_tick(world.client, world.now_ns);
    }
    assert_moved(UINT32_MAX, 400, 10);
    close_worker();
}

/* ---------------------------------------------------------------- failures */

static void a_register_that_can_not_be_moved_has_its_page_repeated_until_it_can(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(300, 10);
    world_damage(0, "k00010", true);
    give(UINT32_MAX, false, 0);
    run_for(1000 * MS);
    const unsigned from = world.log_count;
    run_for(10000 * MS);
    /* All others of the page have been moved, and the page was not noted, but that one is stuck. */
    assert_int_equal(note_count, 1);
    assert_int_equal(stored_progress().stuck_count, 1);
    assert_int_equal(stored_progress().slices_moved, 0);
    struct worker_stuck stuck;
    assert_true(worker_next_stuck(worker, &stuck));
    assert_int_equal(stuck.count, 1);
    assert_string_equal(stuck.key, "k00010");
    assert_int_equal(stuck.error, AREG_ECORRUPT);
    assert_false(worker_next_stuck(worker, &stuck));
    assert_null(world_kept(target, 3, "k00010"));
    assert_true(moved_count(300) > 200);
    /* It tries again and again, that one alone, but less and less often. */
    assert_int_equal(world_count(0, MESSAGE_LIST_KEYS, 0), 3);
    assert_in_range(world_count(from, MESSAGE_GET_DATA, 0) / 3, 3, 12);
    assert_int_equal(world_count(from, MESSAGE_PUT_DATA, (int)target), 0);
    world_damage(0, "k00010", false);
    run(FOREVER);
    assert_moved(UINT32_MAX, 300, 10);
    assert_int_equal(stored_progress().slices_moved, UINT32_MAX);
    assert_int_equal(stored_progress().stuck_count, 0);
    close_worker();
}

static void after_a_restart_it_goes_on_from_the_last_note(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    open_worker("repl:3", "repl:3");
    hold(COUNT, 10);
    give(0xffff, false, 0);
    while (note_count < 2)
        turn();
    char after[16];
    snprintf(after, sizeof after, "%s", notes[1].after);
    assert_true(after[0] != 0);
    stop_worker();
    world_clear_log();
    start_worker();
    /* In the meantime it was given more. */
    give(0xff0000, false, 0);
    run(FOREVER);
    assert_moved(0xffffff, COUNT, 10);
    assert_int_equal(stored_progress().slices_moved, 0xffffff);
    /* The first pass went on from there: nothing of the first slices was moved again. */
    for (unsigned i = 0; i < world.log_count; i++) {
        const struct logged *logged = &world.log[i];
        char key[16] = {0};
        if (logged->kind != MESSAGE_GET_DATA)
            continue;
        memcpy(key, logged->key.at, logged->key.bytes);
        assert_true(strcmp(key, after) > 0 || is_in(0xff0000, key));
    }
    assert_int_equal(world.log[0].kind, MESSAGE_LIST_KEYS);
    assert_memory_equal(world.log[0].key.at, after, strlen(after));
    close_worker();
}

static void without_the_cluster_it_waits(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(10, 10);
    /* An engine that has not heard of the cluster yet. */
    struct client *known = world.client;
    static const char *const seeds[] = {"tcp://10.0.0.1:1"};
    const struct client_options options = {.random_seed = 2, .inflight_max = 256, .seeds = seeds, .seed_count = 1};
    world.client = client_create(&options, world.now_ns);
    world.told_count = 0;
    for (unsigned i = 0; i < STAND_IN_COUNT; i++)
        world.hosts[i].is_silent = true;
    give(UINT32_MAX, false, 0);
    run_for(2000 * MS);
    for (unsigned i = 0; i < STAND_IN_COUNT; i++)
        world.hosts[i].is_silent = false;
    run(FOREVER);
    assert_moved(UINT32_MAX, 10, 10);
    client_destroy(known);
    close_worker();
}

/* ---------------------------------------------------------------- others were faster */

static void what_is_finished_by_others_is_given_up(void **state)
{
    (void)state;
    for (unsigned are_gone = 0; are_gone <= 1; are_gone++) {
        open_worker("repl:3", "repl:3");
        hold(300, 10);
        give(UINT32_MAX, false, 2000);
        run_for(500 * MS);
        assert_true(moved_count(300) < 300);
        world_finalize(target, "01234567");
        for (unsigned i = 0; i < 3; i++)
            world.hosts[i].is_silent = are_gone;
        run_for(20000 * MS);
        assert_int_equal(client_room(world.client), 256); /* nothing is under way */
        world_clear_log();
        run_for(20000 * MS);
        assert_int_equal(world.log_count, 0);
        assert_int_equal(finalized_count, 1); /* which this host would have missed */
        close_worker();
    }
}

/* The store's record says that all is moved, by whomever. */
static void mark_done(uint32_t of_slot)
{
    struct stored_transfer stored;
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(store_transfer_get(txn, of_slot, &stored), AREG_OK);
    stored.progress.slices_moved = UINT32_MAX;
    stored.slices_at_work = 0;
    stored.after = (struct slice){0};
    assert_int_equal(store_transfer_put(txn, of_slot, &stored), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
}

static void jobs_that_are_done_make_room_for_others(void **state)
{
    (void)state;
    enum { MORE = 70 };
    open_worker("repl:3", "repl:3");
    hold(20, 10);
    /* Many transfers that are paused; only the last one is not. */
    uint32_t slots[MORE];
    struct store_txn *txn = begin(STORE_WRITE);
    for (unsigned i = 0; i < MORE; i++) {
        struct config config = world.configs[target];
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
        config.time_ns = 1 + i;
        const size_t bytes = config_encode(&config, encoded, sizeof encoded);
        assert_int_equal(store_config_put(txn, config.id, slice_borrow(encoded, bytes), &slots[i]), AREG_OK);
        const struct stored_transfer stored = {.source = world.descriptors[0],
                                               .progress = {.slices_given = 1, .is_paused = true}};
        assert_int_equal(store_transfer_put(txn, slots[i], &stored), AREG_OK);
    }
    assert_int_equal(store_commit(txn), AREG_OK);
    /* The one that is at work comes after all of them, so to say: it is not known to the worker yet. */
    stop_worker();
    start_worker();
    for (unsigned i = 0; i < MORE; i++)
        mark_done(slots[i]);
    give(UINT32_MAX, false, 0);
    run(FOREVER);
    assert_moved(UINT32_MAX, 20, 10);
    close_worker();
}

static void a_job_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    open_worker("repl:3", "repl:3");
    hold(300, 10);
    give(UINT32_MAX, false, 2000);
    run_for(300 * MS);
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(store_config_delete(txn, world.configs[target].id, slot), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    load();
    records = false;
    run_for(2000 * MS);
    assert_int_equal(client_room(world.client), 256);
    const unsigned moved = moved_count(300);
    run_for(5000 * MS);
    assert_int_equal(moved_count(300), moved);
    close_worker();
}

/* ---------------------------------------------------------------- registration */

static void open_genesis_host(unsigned host_index)
{
    const struct store_options options = {.path = "", .sync = true};
    world_open("repl:5", "01234");
    assert_int_equal(store_memory_open(&store, &options), AREG_OK);
    struct store_txn *txn = begin(STORE_WRITE);
    assert_int_equal(store_config_put(txn, world.configs[0].id, world.descriptors[0], &slot), AREG_OK);
    assert_int_equal(config_final_put(txn, 0, world.descriptors[0]), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    finalized_count = 0;
    const struct registration self = {.host = world.cluster.hosts[host_index].id, .incarnation = 4711};
    worker = worker_create(&self);
    assert_non_null(worker);
    records = false;
    load();
}

static void a_host_registers_with_a_majority_of_the_others(void **state)
{
    (void)state;
    open_genesis_host(1);
    struct request note;
    struct config refused;
    world.hosts[0].is_silent = world.hosts[2].is_silent = true;
    run_for(1000 * MS);
    assert_int_equal(world_sent(0, MESSAGE_REGISTER, 0).bits, 0x1d); /* all but itself */
    /* Two of the four others know it: that is no majority of them. */
    assert_false(worker_next_note(worker, &note));
    world.hosts[0].is_silent = false;
    run_for(10000 * MS);
    assert_true(worker_next_note(worker, &note));
    assert_int_equal(note.kind, MESSAGE_REGISTERED);
    assert_true(config_id_equal(note.config, world.configs[0].id));
    assert_false(worker_next_note(worker, &note));
    assert_false(worker_next_refusal(worker, &refused));
    assert_int_equal(world.hosts[3].seats[0].registered[1], 4711);
    /* Once is enough. */
    const unsigned from = world.log_count;
    load();
    run_for(10000 * MS);
    assert_int_equal(world_count(from, MESSAGE_REGISTER, -1), 0);
    close_worker();
}

static void one_that_others_know_under_another_incarnation_is_refused(void **state)
{
    (void)state;
    open_genesis_host(1);
    struct request note;
    struct config refused;
    world.hosts[0].seats[0].registered[1] = world.hosts[3].seats[0].registered[1] = 1;
    run_for(10000 * MS);
    assert_false(worker_next_note(worker, &note));
    assert_true(worker_next_refusal(worker, &refused));
    assert_true(config_id_equal(refused.id, world.configs[0].id));
    assert_false(worker_next_refusal(worker, &refused));
    close_worker();
}

/* It has lost its disk, and what it asks about is over: those who never heard that it is may ask it yet. */
static void one_that_comes_after_the_end_tells_its_host_and_stays_silent(void **state)
{
    (void)state;
    open_genesis_host(1);
    struct request note;
    world.hosts[3].is_silent = world.hosts[4].is_silent = true;
    target = world_describe(0, "repl:3", "567");
    world_install(target, "012");
    world_finalize(target, "02567");
    run_for(1000 * MS);
    assert_int_not_equal(world_sent(0, MESSAGE_REGISTER, 0).bits, 0);
    /* The host must not learn it from others alone, who may lose their disks as well. */
    assert_true(worker_next_note(worker, &note));
    assert_int_equal(note.kind, MESSAGE_FINALIZE);
    assert_true(config_id_equal(note.config, world.configs[target].id));
    assert_false(worker_next_note(worker, &note));
    load(); /* there is news of something else */
    run_for(500 * MS);
    assert_false(worker_next_note(worker, &note));
    close_worker();
}

/* ---------------------------------------------------------------- the lookout */

static void what_a_host_has_missed_it_learns_within_a_minute_or_after_a_start(void **state)
{
    (void)state;
    open_genesis_host(1);
    records = true;
    run_for(3000 * MS);
    assert_int_equal(finalized_count, 0); /* c0 it knows */
    target = world_describe(0, "repl:3", "567");
    world_install(target, "01234");
    world_finalize(target, "01234567");
    run_for(70000 * MS);
    assert_int_equal(finalized_count, 1);
    run_for(200000 * MS);
    assert_int_equal(finalized_count, 1);
    close_worker();
}

static void one_that_has_lost_its_disk_after_the_first_change_is_told_so_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const bool is_same = i == 1;
        struct config refused;
        open_genesis_host(1);
        records = true;
        world.hosts[1].incarnation = is_same ? 4711 : 1; /* which the configuration names */
        target = world_describe(0, "repl:3", "156");
        world_install(target, "01234");
        world_finalize(target, "0123456");
        run_for(10000 * MS);
        assert_int_equal(worker_next_refusal(worker, &refused), !is_same);
        assert_true(is_same || config_id_equal(refused.id, world.configs[target].id));
        run_for(200000 * MS);
        assert_false(worker_next_refusal(worker, &refused));
        close_worker();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_has_lost_its_disk_after_the_first_change_is_told_so_once),
        cmocka_unit_test(it_moves_the_registers_of_its_slices_and_no_others),
        cmocka_unit_test(what_a_host_has_missed_it_learns_within_a_minute_or_after_a_start),
        cmocka_unit_test(it_says_how_far_it_is_page_by_page_in_order),
        cmocka_unit_test(a_page_is_noted_before_the_next_one_is_asked_for),
        cmocka_unit_test(what_is_given_later_is_moved_in_a_pass_of_its_own),
        cmocka_unit_test(no_registers_at_all_are_moved_at_once),
        cmocka_unit_test(many_are_on_their_way_at_once_unless_that_makes_them_wait),
        cmocka_unit_test(paused_it_does_nothing_until_it_is_resumed),
        cmocka_unit_test(it_keeps_the_pace),
        cmocka_unit_test(a_very_slow_pace_is_slow_and_no_standstill),
        cmocka_unit_test(the_pace_is_the_same_however_often_it_is_called),
        cmocka_unit_test(a_register_that_can_not_be_moved_has_its_page_repeated_until_it_can),
        cmocka_unit_test(after_a_restart_it_goes_on_from_the_last_note),
        cmocka_unit_test(without_the_cluster_it_waits),
        cmocka_unit_test(what_is_finished_by_others_is_given_up),
        cmocka_unit_test(jobs_that_are_done_make_room_for_others),
        cmocka_unit_test(a_job_that_is_gone_is_forgotten),
        cmocka_unit_test(a_host_registers_with_a_majority_of_the_others),
        cmocka_unit_test(one_that_others_know_under_another_incarnation_is_refused),
        cmocka_unit_test(one_that_comes_after_the_end_tells_its_host_and_stays_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
