/*
 * A register on its way from a configuration to its successor, by a worker: what is asked, what is sent, what is left
 * out [PROTOCOL §5.4]; and listings by workers.
 */
#include "stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct tag tag = {7, 1};
static unsigned from_index; /* the configurations that `move` is between */
static unsigned to_index;

static struct client_op move_op(void)
{
    return (struct client_op){
        .kind = CLIENT_MOVE, .source = world.descriptors[from_index], .target = world.descriptors[to_index]};
}

static enum areg_error move(const char *key)
{
    return world_do(move_op(), key);
}

/* Genesis, and its successor, which all members of both know. */
static void open_two(const char *code, const char *hosts, const char *code_after, const char *hosts_after)
{
    world_open(code, hosts);
    from_index = 0;
    to_index = world_describe(0, code_after, hosts_after);
    world_install(to_index, hosts);
}

static size_t fragment_bytes(size_t value_bytes, unsigned k)
{
    return codec_fragment_bytes(value_bytes, k);
}

/* ---------------------------------------------------------------- what is sent */

static void only_the_one_that_is_new_receives_bytes(void **state)
{
    (void)state;
    struct slice value = value_of(1, 9001);
    open_two("rs:5,3", "01234", "rs:5,3", "01235");
    world_hold(0, "01234", "k", tag, value);
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world_holds(to_index, "01235", "k", tag, value));
    assert_int_equal(world_sent(0, MESSAGE_ADOPT, (int)to_index).bits, 0x0f);
    assert_int_equal(world_sent(0, MESSAGE_PUT_DATA, (int)to_index).bits, 1 << 5);
    assert_int_equal(world.done.tag.z, tag.z);
    /* k fragments came, one went. */
    assert_int_equal(world.done.value_bytes, 4 * fragment_bytes(9001, 3));
    world_close();
    slice_unref(&value);
}

static void where_all_keep_their_place_nothing_is_fetched(void **state)
{
    (void)state;
    struct slice value = value_of(1, 9001);
    static const char *const codes[][2] = {{"rs:5,3", "rs:5,3"}, {"repl:5", "repl:5"}, {"repl:5", "rs:5,1"}};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        open_two(codes[i][0], "01234", codes[i][1], "01234");
        world_hold(0, "01234", "k", tag, value);
        assert_int_equal(move("k"), AREG_OK);
        assert_true(world_holds(to_index, "01234", "k", tag, value));
        assert_int_equal(world_count(0, MESSAGE_PUT_DATA, -1), 0);
        assert_int_equal(world.done.value_bytes, 0);
        world_close();
    }
    slice_unref(&value);
}

static void whole_copies_are_kept_at_any_position(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    open_two("repl:3", "012", "repl:5", "42103");
    world_hold(0, "012", "k", tag, value);
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world_holds(to_index, "01234", "k", tag, value));
    assert_int_equal(world_sent(0, MESSAGE_ADOPT, (int)to_index).bits, 0x07);
    assert_int_equal(world_sent(0, MESSAGE_PUT_DATA, (int)to_index).bits, 0x18);
    world_close();
    slice_unref(&value);
}

static void fragments_are_not_kept_at_another_position_or_in_another_code(void **state)
{
    (void)state;
    struct slice value = value_of(1, 5000);
    static const struct {
        const char *code;
        const char *hosts;
        const char *code_after;
        const char *hosts_after;
        unsigned adopters;
    } cases[] = {
        {"rs:5,3", "01234", "rs:5,3", "10234", 0x1c},  {"rs:5,3", "01234", "rs:5,2", "01234", 0},
        {"rs:5,3", "01234", "rs:6,3", "012345", 0x1f}, {"rs:5,3", "01234", "repl:3", "012", 0},
        {"repl:3", "012", "rs:5,3", "01234", 0},       {"rs:5,3", "01234", "rs:4,3", "1234", 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_two(cases[i].code, cases[i].hosts, cases[i].code_after, cases[i].hosts_after);
        world_hold(0, cases[i].hosts, "k", tag, value);
        assert_int_equal(move("k"), AREG_OK);
        assert_true(world_holds(to_index, cases[i].hosts_after, "k", tag, value));
        assert_int_equal(world_sent(0, MESSAGE_ADOPT, -1).bits, cases[i].adopters);
        world_close();
    }
    slice_unref(&value);
}

static void one_that_came_back_without_its_disk_is_sent_its_fragment(void **state)
{
    (void)state;
    struct slice value = value_of(1, 5000);
    world_open("rs:3,2", "012");
    from_index = world_describe(0, "rs:3,2", "012");
    world.hosts[1].incarnation = 5;
    to_index = world_describe(from_index, "rs:3,2", "012");
    world_install(from_index, "012");
    world_finalize(from_index, "012");
    world_install(to_index, "012");
    world_hold(from_index, "02", "k", tag, value);
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world_holds(to_index, "012", "k", tag, value));
    assert_int_equal(world_sent(0, MESSAGE_ADOPT, -1).bits, 0x05);
    world_close();
    slice_unref(&value);
}

static void if_one_can_not_adopt_the_value_is_fetched_after_all(void **state)
{
    (void)state;
    struct slice value = value_of(1, 5000);
    /* One member missed the write: it is complete all the same. */
    open_two("rs:5,3", "01234", "rs:5,3", "01234");
    world_hold(0, "0123", "k", tag, value);
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world_holds(to_index, "01234", "k", tag, value));
    assert_int_equal(world_sent(0, MESSAGE_PUT_DATA, (int)to_index).bits, 1 << 4);
    assert_int_equal(world.done.value_bytes, 4 * fragment_bytes(5000, 3));
    world_close();
    slice_unref(&value);
}

static void values_of_no_bytes_and_tombstones_are_moved_like_any(void **state)
{
    (void)state;
    static const char *const after[][2] = {{"rs:5,3", "01234"}, {"rs:5,3", "01235"}, {"repl:3", "567"}};
    for (unsigned i = 0; i < sizeof after / sizeof after[0]; i++) {
        struct slice empty = value_of(1, 0);
        open_two("rs:5,3", "01234", after[i][0], after[i][1]);
        world_hold(0, "0123", "e", tag, empty);
        world_hold_tombstone(0, "0123", "t", tag);
        assert_int_equal(move("e"), AREG_OK);
        assert_int_equal(move("t"), AREG_OK);
        assert_true(world_holds(to_index, after[i][1], "e", tag, empty));
        for (unsigned j = 0; after[i][1][j]; j++) {
            const struct kept *kept = world_kept(to_index, (unsigned)(after[i][1][j] - '0'), "t");
            assert_non_null(kept);
            assert_int_equal(kept->entry.flags, ENTRY_TOMBSTONE);
        }
        world_close();
        slice_unref(&empty);
    }
}

static void what_never_completed_need_not_be_moved(void **state)
{
    (void)state;
    struct slice value = value_of(1, 5000);
    struct slice abandoned = value_of(2, 5000);
    open_two("rs:5,3", "01234", "rs:5,3", "34567");
    /* Never written at all, written on too few, and both. */
    assert_int_equal(move("k"), AREG_OK);
    world_hold(0, "0", "k", (struct tag){9, 1}, abandoned);
    assert_int_equal(move("k"), AREG_OK);
    assert_int_equal(world_count(0, MESSAGE_PUT_DATA, -1), 0);
    world_hold(0, "01234", "k", tag, value);
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world_holds(to_index, "34567", "k", tag, value));
    world_close();
    slice_unref(&value);
    slice_unref(&abandoned);
}

/* ---------------------------------------------------------------- the trap */

/* Only members that know the successor may count: this one says so to all that do not. */
static void nobody_is_believed_before_it_knows_the_successor(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    for (unsigned is_list = 0; is_list <= 1; is_list++) {
        open_two("repl:3", "012", "repl:3", "345");
        world_hold(0, "012", "k", tag, value);
        for (unsigned i = 0; i < 3; i++)
            world.hosts[i].seats[0].link = (struct link){0};
        struct client_op op = move_op();
        if (is_list)
            op = (struct client_op){.kind = CLIENT_LIST, .source = op.source, .target = op.target, .key_count_max = 10};
        assert_int_equal(world_do(op, is_list ? "" : "k"), AREG_OK);
        assert_int_equal(world_sent(0, MESSAGE_WRITE_CONFIG, 0).bits, 7);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(world.hosts[i].seats[0].link.status, LINK_PENDING);
        const enum message_kind kind = is_list ? MESSAGE_LIST_KEYS : MESSAGE_GET_DATA;
        assert_int_equal(world_count(0, kind, 0), 6); /* each once more */
        world_close();
    }
    slice_unref(&value);
}

/* ---------------------------------------------------------------- how it ends otherwise */

static void a_move_needs_a_quorum_of_the_target_and_waits_a_while_for_the_rest(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    open_two("repl:3", "012", "repl:3", "345");
    world_hold(0, "012", "k", tag, value);
    world.hosts[5].is_silent = true;
    assert_int_equal(move("k"), AREG_OK);
    assert_true(world.now_ns >= START_NS + 1000 * MS && world.now_ns < START_NS + 1500 * MS);
    world_drop();
    world.hosts[4].is_silent = true;
    world_hold(0, "012", "l", tag, value);
    const uint64_t id = world_submit(move_op(), "l");
    assert_false(world_run(id, world.now_ns + 20000 * MS));
    world.hosts[4].is_silent = false;
    assert_true(world_run(id, world.now_ns + 20000 * MS));
    assert_int_equal(world.done.error, AREG_OK);
    world_close();
    slice_unref(&value);
}

static void one_that_has_been_silent_for_long_is_not_waited_for_with_every_register(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    open_two("repl:3", "012", "repl:3", "345");
    world.hosts[5].is_silent = true;
    for (unsigned i = 0; i < 10; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        world_hold(0, "012", key, tag, value);
        const uint64_t begin_ns = world.now_ns;
        assert_int_equal(move(key), AREG_OK);
        assert_int_equal(world.now_ns - begin_ns >= 1000 * MS, i == 0);
        world_drop();
    }
    /* It is back, and has answered once: it is waited for as before. */
    world.hosts[5].is_silent = false;
    for (unsigned i = 10; i < 12; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%u", i);
        world_hold(0, "012", key, tag, value);
        assert_int_equal(move(key), AREG_OK);
        world_drop();
        world_settle();
    }
    assert_non_null(world_kept(1, 5, "k11"));
    world_close();
    slice_unref(&value);
}

/* What was written before the target was known is lost, and what has been written since is in the target alone. */
static void a_lost_value_needs_no_move_once_the_target_has_one_as_new(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    struct slice other = value_of(2, 500);
    for (unsigned has = 0; has < 5; has++) {
        open_two("rs:3,2", "012", "rs:3,2", "345");
        world_hold(0, "012", "k", tag, value);
        world_damage(0, "k", true);
        const struct tag older = {tag.z - 1, 1};
        const struct tag newer = {tag.z + 1, 1};
        if (has == 1)
            world_hold(1, "345", "k", older, other);
        else if (has == 2)
            world_hold(1, "345", "k", newer, other);
        else if (has == 3)
            world_hold(1, "34", "k", newer, other); /* it may not be complete: who is last must find it, too */
        else if (has == 4)
            world_hold_tombstone(1, "345", "k", newer);
        assert_int_equal(move("k"), has < 2 ? AREG_ECORRUPT : AREG_OK);
        if (has == 2 || has == 3)
            assert_true(world_holds(1, "345", "k", newer, other));
        assert_int_equal(world_count(0, MESSAGE_PUT_DATA, 0), 0);
        world_close();
    }
    slice_unref(&value);
    slice_unref(&other);
}

static enum message_kind ending_at;
static bool ends_target;

static bool end_it(unsigned host_index, const struct request *request)
{
    (void)host_index;
    if (request->kind == ending_at && ends_target)
        world_install(2, "345");
    else if (request->kind == ending_at)
        world_finalize(1, "01234567");
    return true;
}

static void what_somebody_has_finished_need_not_be_moved(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    static const struct {
        enum message_kind at;
        bool ends_target;
    } cases[] = {{MESSAGE_GET_DATA, false}, {MESSAGE_LIST_KEYS, false}, {MESSAGE_PUT_DATA, true}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_two("repl:3", "012", "repl:3", "345");
        world_describe(1, "repl:3", "567");
        world_hold(0, "012", "k", tag, value);
        ending_at = cases[i].at;
        ends_target = cases[i].ends_target;
        world.on_request = end_it;
        struct client_op op = move_op();
        if (ending_at == MESSAGE_LIST_KEYS) {
            op.kind = CLIENT_LIST;
            op.key_count_max = 10;
        }
        assert_int_equal(world_do(op, op.kind == CLIENT_LIST ? "" : "k"), AREG_ESTALE);
        world_close();
    }
    slice_unref(&value);
}

static void members_that_are_gone_since_it_was_finished_keep_nobody_waiting(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    for (unsigned is_list = 0; is_list <= 1; is_list++) {
        open_two("repl:3", "012", "repl:3", "345");
        world_finalize(1, "34567");
        for (unsigned i = 0; i < 3; i++)
            world.hosts[i].is_silent = true;
        struct client_op op = move_op();
        if (is_list)
            op = (struct client_op){.kind = CLIENT_LIST, .source = op.source, .target = op.target, .key_count_max = 10};
        const uint64_t id = world_submit(op, is_list ? "" : "k");
        assert_true(world_run(id, world.now_ns + 1000 * MS));
        assert_int_equal(world.done.error, AREG_ESTALE);
        world_close();
    }
    slice_unref(&value);
}

static void a_hint_of_what_is_being_moved_from_changes_nothing(void **state)
{
    (void)state;
    struct slice value = value_of(1, 500);
    world_open("repl:3", "012");
    from_index = world_describe(0, "repl:3", "345");
    to_index = world_describe(from_index, "repl:3", "012");
    world_install(from_index, "012");
    world_finalize(from_index, "0123457");
    world_install(to_index, "345");
    world_hold(from_index, "345", "k", tag, value);
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].is_silent = true;
    const uint64_t id = world_submit(move_op(), "k");
    assert_false(world_run(id, world.now_ns + 2000 * MS));
    assert_true(world_count(0, MESSAGE_HINT, -1) > 0);
    for (unsigned i = 3; i < 6; i++)
        world.hosts[i].is_silent = false;
    assert_true(world_run(id, world.now_ns + 10000 * MS));
    assert_int_equal(world.done.error, AREG_OK);
    world_close();
    slice_unref(&value);
}

static void what_the_workers_own_host_has_crosses_no_network(void **state)
{
    (void)state;
    struct slice value = value_of(1, 9001);
    for (unsigned host = 0; host < 5; host++) {
        open_two("rs:5,3", "01234", "rs:5,2", "01234");
        world_hold(0, "01234", "k", tag, value);
        struct client_op op = move_op();
        op.registration = (struct registration){.host = world.cluster.hosts[host].id, .incarnation = 4711};
        assert_int_equal(world_do(op, "k"), AREG_OK);
        /* Two of three fragments come from others; four of five go to others. */
        assert_int_equal(world.done.value_bytes, 2 * fragment_bytes(9001, 3) + 4 * fragment_bytes(9001, 2));
        world_close();
    }
    slice_unref(&value);
}

static void a_move_between_strangers_is_refused(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned first = world_describe(0, "repl:3", "345");
    const unsigned second = world_describe(first, "repl:3", "567");
    static const unsigned pairs[][2] = {{0, 2}, {1, 0}, {1, 1}, {2, 1}};
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct client_op op = {.kind = CLIENT_MOVE,
                               .source = world.descriptors[pairs[i][0]],
                               .target = world.descriptors[pairs[i][1]],
                               .key = slice_borrow("k", 1),
                               .deadline_ns = UINT64_MAX};
        uint64_t id;
        assert_int_equal(client_submit(world.client, world.now_ns, &op, &id), AREG_EINVAL);
        assert_int_equal(client_room(world.client), 256);
    }
    (void)second;
    world_close();
}

/* ---------------------------------------------------------------- listings */

static void a_workers_listing_is_of_one_configuration_and_shows_deleted_registers(void **state)
{
    (void)state;
    struct slice value = value_of(1, 50);
    open_two("repl:3", "012", "repl:3", "345");
    world_hold(0, "012", "a", tag, value);
    world_hold_tombstone(0, "012", "b", tag);
    world_hold(0, "01", "c", tag, value);
    world_hold(to_index, "345", "d", tag, value);
    char keys[8] = {0};
    struct slice after = {0};
    for (unsigned page = 0; page < 4; page++) {
        struct client_op op = move_op();
        op.kind = CLIENT_LIST;
        op.key_count_max = 1;
        op.after = after;
        assert_int_equal(world_do(op, ""), AREG_OK);
        struct bytes_reader reader = bytes_reader_on(world.done.page.at, world.done.page.bytes);
        struct listed_key listed;
        while (key_page_get(&reader, &listed) == AREG_OK) {
            assert_int_equal(listed.is_tombstone, listed.key.at[0] == 'b');
            keys[strlen(keys)] = (char)listed.key.at[0];
        }
        slice_unref(&after);
        after = slice_ref(world.done.more_after);
        const bool has_more = world.done.has_more;
        world_drop();
        if (!has_more)
            break;
    }
    slice_unref(&after);
    assert_string_equal(keys, "abc");
    assert_int_equal(world_count(0, MESSAGE_LIST_KEYS, (int)to_index), 0);
    world_close();
    slice_unref(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_one_that_is_new_receives_bytes),
        cmocka_unit_test(where_all_keep_their_place_nothing_is_fetched),
        cmocka_unit_test(whole_copies_are_kept_at_any_position),
        cmocka_unit_test(fragments_are_not_kept_at_another_position_or_in_another_code),
        cmocka_unit_test(one_that_came_back_without_its_disk_is_sent_its_fragment),
        cmocka_unit_test(if_one_can_not_adopt_the_value_is_fetched_after_all),
        cmocka_unit_test(values_of_no_bytes_and_tombstones_are_moved_like_any),
        cmocka_unit_test(what_the_workers_own_host_has_crosses_no_network),
        cmocka_unit_test(what_never_completed_need_not_be_moved),
        cmocka_unit_test(nobody_is_believed_before_it_knows_the_successor),
        cmocka_unit_test(a_move_needs_a_quorum_of_the_target_and_waits_a_while_for_the_rest),
        cmocka_unit_test(a_lost_value_needs_no_move_once_the_target_has_one_as_new),
        cmocka_unit_test(one_that_has_been_silent_for_long_is_not_waited_for_with_every_register),
        cmocka_unit_test(what_somebody_has_finished_need_not_be_moved),
        cmocka_unit_test(members_that_are_gone_since_it_was_finished_keep_nobody_waiting),
        cmocka_unit_test(a_hint_of_what_is_being_moved_from_changes_nothing),
        cmocka_unit_test(a_move_between_strangers_is_refused),
        cmocka_unit_test(a_workers_listing_is_of_one_configuration_and_shows_deleted_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
