/*
 * Configurations without memory: every allocation of operations that go from one to the next, of a reconfiguration, and
 * of a worker fails once, or it and all after it. Nothing is lost or left half done: with memory, it is gone on with.
 */
#include "memory.h"

#include "client/transfer.h"
#include "core/check.h"
#include "core/key.h"
#include "store/store_memory.h"
#include "tests/unit/client/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { VALUE_BYTES = 3000, REGISTER_COUNT = 12 };

static const struct tag tag = {7, 1};

static void open_world(const char *code)
{
    world_open(code, "012");
    world.on_rest = memory_rest;
    world.on_resume = memory_resume;
}

static struct slice made_value(unsigned number)
{
    memory_rest();
    struct slice value = value_of(number, VALUE_BYTES);
    memory_resume();
    return value;
}

/* The outcome is in world.done if it was begun. */
static enum areg_error attempt(struct client_op op, const char *key)
{
    uint64_t id;
    world_drop();
    op.key = slice_borrow(key, strlen(key));
    op.deadline_ns = world.now_ns + 10000 * MS;
    const enum areg_error error = client_submit(world.client, world.now_ns, &op, &id);
    if (error != AREG_OK)
        return error;
    CHECK(world_run(id, UINT64_MAX - 1));
    return world.done.error;
}

/* Runs `scenario` with the n-th allocation failing, for every n, and `recover` with memory. */
static void fail_every_one(void (*prepare)(void), void (*scenario)(void), void (*recover)(void))
{
    for (unsigned for_good = 0; for_good <= 1; for_good++) {
        uint64_t nth = 0;
        for (bool has_failed = true; has_failed;) {
            const int64_t before = memory_blocks();
            prepare();
            memory_fail(++nth, for_good);
            scenario();
            has_failed = memory_calm();
            recover();
            world_close();
            assert_int_equal(memory_blocks(), before);
        }
        print_message("%u allocations\n", (unsigned)nth - 1);
        assert_true(nth > 10);
    }
}

/* ---------------------------------------------------------------- operations */

static unsigned after;

static void prepare_pending(void)
{
    open_world("rs:3,2");
    after = world_describe(0, "repl:3", "345");
    world_install(after, "0"); /* few know it: it must be told to more */
    struct slice value = value_of(1, VALUE_BYTES);
    world_hold(0, "012", "k", tag, value);
    slice_unref(&value);
}

static void operate(void)
{
    static const enum client_op_kind kinds[] = {CLIENT_GET,  CLIENT_PUT, CLIENT_STAT,
                                                CLIENT_LIST, CLIENT_DEL, CLIENT_GET};
    struct slice value = made_value(2);
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const bool is_put = kinds[i] == CLIENT_PUT;
        const struct client_op op = {
            .kind = kinds[i], .value = is_put ? value : (struct slice){0}, .key_count_max = 10};
        const enum areg_error error = attempt(op, kinds[i] == CLIENT_LIST ? "" : i < 3 ? "k" : "l");
        assert_true(error == AREG_OK || error == AREG_ENOMEM || error == AREG_ENOTFOUND ||
                    ((is_put || kinds[i] == CLIENT_DEL) && error == AREG_EMAYBE));
        if (kinds[i] == CLIENT_GET && error == AREG_OK)
            assert_int_equal(world.done.value_bytes, VALUE_BYTES);
    }
    slice_unref(&value);
}

static void operate_with_memory(void)
{
    struct slice value = made_value(3);
    const struct client_op put = {.kind = CLIENT_PUT, .value = value};
    const struct client_op get = {.kind = CLIENT_GET};
    assert_int_equal(attempt(put, "k"), AREG_OK);
    assert_true(world_holds(after, "345", "k", world.done.tag, value));
    assert_int_equal(attempt(get, "k"), AREG_OK);
    assert_true(world_has_read(value));
    slice_unref(&value);
}

static void operations_across_configurations(void **state)
{
    (void)state;
    fail_every_one(prepare_pending, operate, operate_with_memory);
}

/* ---------------------------------------------------------------- reconfigurations */

static enum areg_error outcome;

static void prepare_alone(void)
{
    open_world("repl:3");
}

static void reconfigure(void)
{
    struct config wanted = {.code = {DAP_ABD, 3, 1}, .member_count = 3};
    for (unsigned i = 0; i < 3; i++) {
        wanted.members[i].id = world.cluster.hosts[3 + i].id;
        memcpy(wanted.members[i].address, world.cluster.hosts[3 + i].address, sizeof wanted.members[i].address);
    }
    const struct client_op op = {
        .kind = CLIENT_RECONFIGURE, .goal = RECONFIGURE_CHANGE, .wanted = &wanted, .expected = world.configs[0].id};
    outcome = attempt(op, "");
    assert_true(outcome == AREG_OK || outcome == AREG_ENOMEM);
}

static void finish_with_memory(void)
{
    const struct client_op finish = {.kind = CLIENT_RECONFIGURE, .goal = RECONFIGURE_FINISH};
    assert_int_equal(attempt(finish, ""), AREG_OK);
    assert_int_equal(world.done.pending.bytes, 0);
    /* What was proposed is either the last one now, or was never decided. */
    const bool is_changed = !slice_equal(world.done.base, world.descriptors[0]);
    assert_true(outcome != AREG_OK || is_changed);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(world.hosts[i].seats[0].link.status, is_changed ? LINK_FINALIZED : LINK_NONE);
}

static void a_reconfiguration(void **state)
{
    (void)state;
    fail_every_one(prepare_alone, reconfigure, finish_with_memory);
}

/* ---------------------------------------------------------------- a worker */

static struct store *store;
static uint32_t slot;
static struct worker *worker;
static uint32_t slices_noted;

static const char *key_of(unsigned number, char text[16])
{
    snprintf(text, 16, "k%u", number);
    return text;
}

static void prepare_transfer(void)
{
    const struct store_options options = {.path = "", .sync = true};
    struct store_txn *txn;
    char text[16];
    prepare_pending();
    world_install(after, "012");
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        struct slice value = value_of(i, VALUE_BYTES);
        world_hold(0, "012", key_of(i, text), tag, value);
        slice_unref(&value);
    }
    CHECK(store_memory_open(&store, &options) == AREG_OK);
    CHECK(store_begin(store, STORE_WRITE, &txn) == AREG_OK);
    CHECK(store_config_put(txn, world.configs[after].id, world.descriptors[after], &slot) == AREG_OK);
    const struct stored_transfer stored = {.source = world.descriptors[0], .progress = {.slices_given = UINT32_MAX}};
    CHECK(store_transfer_put(txn, slot, &stored) == AREG_OK);
    CHECK(store_commit(txn) == AREG_OK);
    slices_noted = 0;
    worker = NULL;
}

/* False: not yet. */
static bool load(void)
{
    struct store_txn *txn;
    const struct registration self = {.host = world.cluster.hosts[3].id, .incarnation = world.hosts[3].incarnation};
    if (!worker)
        worker = worker_create(&self);
    if (!worker)
        return false;
    memory_rest();
    CHECK(store_begin(store, STORE_READ, &txn) == AREG_OK);
    memory_resume();
    const enum areg_error error = worker_load(worker, txn);
    memory_rest();
    store_abort(txn);
    memory_resume();
    CHECK(error == AREG_OK || error == AREG_ENOMEM);
    return error == AREG_OK;
}

static void turn(void)
{
    struct client_done done;
    struct request note;
    world_settle();
    while (client_next_done(world.client, &done)) {
        worker_done(worker, world.client, world.now_ns, &done);
        slice_unref(&done.page);
        slice_unref(&done.more_after);
    }
    worker_step(worker, world.client, world.now_ns);
    while (worker_next_note(worker, &note))
        slices_noted |= note.transferred.after.bytes ? 0 : note.transferred.slices;
}

/* Until all is moved, or for so long. */
static void work(uint64_t ns)
{
    const uint64_t until_ns = world.now_ns + ns;
    bool is_loaded = false;
    while (slices_noted != UINT32_MAX && world.now_ns < until_ns) {
        is_loaded = is_loaded || load();
        if (!is_loaded) {
            world.now_ns += 100 * MS;
            continue;
        }
        turn();
        uint64_t wake_ns = client_wake_ns(world.client);
        if (worker_wake_ns(worker) < wake_ns)
            wake_ns = worker_wake_ns(worker);
        if (wake_ns > world.now_ns)
            world.now_ns = wake_ns < until_ns ? wake_ns : until_ns;
        client_tick(world.client, world.now_ns);
    }
}

static void work_without_memory(void)
{
    work(3000 * MS);
}

static void work_with_memory(void)
{
    char text[16];
    work(30000 * MS);
    assert_int_equal(slices_noted, UINT32_MAX);
    for (unsigned i = 0; i < REGISTER_COUNT; i++) {
        struct slice value = value_of(i, VALUE_BYTES);
        assert_true(world_holds(after, "345", key_of(i, text), tag, value));
        slice_unref(&value);
    }
    worker_destroy(worker);
    store_close(store);
}

static void a_worker(void **state)
{
    (void)state;
    fail_every_one(prepare_transfer, work_without_memory, work_with_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_across_configurations),
        cmocka_unit_test(a_reconfiguration),
        cmocka_unit_test(a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
