/*
 * Operations across configurations: where each phase goes, what is told to whom before it may go on, and what is
 * returned [PROTOCOL §4].
 */
#include "stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct tag old_tag = {5, 1};
static const struct tag new_tag = {6, 1};

static const struct client_op get = {.kind = CLIENT_GET};
static const struct client_op stat_op = {.kind = CLIENT_STAT};

static enum areg_error put(const char *key, struct slice value)
{
    const struct client_op op = {.kind = CLIENT_PUT, .value = value};
    return world_do(op, key);
}

static enum areg_error list(void)
{
    const struct client_op op = {.kind = CLIENT_LIST, .key_count_max = 100};
    return world_do(op, "");
}

/* "abc" if the page's keys are "a", "b" and "c". */
static const char *listed_keys(void)
{
    static char keys[101];
    struct bytes_reader reader = bytes_reader_on(world.done.page.at, world.done.page.bytes);
    struct listed_key listed;
    unsigned count = 0;
    while (key_page_get(&reader, &listed) == AREG_OK)
        keys[count++] = (char)listed.key.at[0];
    keys[count] = 0;
    return keys;
}

/* ---------------------------------------------------------------- one pending configuration */

/* Genesis on 012, its successor on 345; these of 012 show it. */
static unsigned open_pending(const char *code, const char *code_after, const char *who)
{
    world_open(code, "012");
    const unsigned after = world_describe(0, code_after, "345");
    world_install(after, who);
    return after;
}

static void a_read_takes_the_newest_of_both_and_writes_it_to_the_last(void **state)
{
    (void)state;
    struct slice value = value_of(1, 1000);
    struct slice other = value_of(2, 1000);
    /* The newest is in the first, in the second, in both. */
    for (unsigned where = 1; where <= 3; where++) {
        const unsigned after = open_pending("repl:3", "repl:3", "012");
        world_hold(0, "012", "k", where & 1 ? new_tag : old_tag, where & 1 ? value : other);
        world_hold(after, "345", "k", where & 2 ? new_tag : old_tag, where & 2 ? value : other);
        assert_int_equal(world_do(get, "k"), AREG_OK);
        assert_true(world_has_read(value));
        assert_int_equal(world.done.tag.z, new_tag.z);
        assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_DATA, 0)), 3);
        assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_DATA, (int)after)), 3);
        /* What is complete in the last one need not be written there again. */
        assert_int_equal(world_count(0, MESSAGE_PUT_DATA, (int)after), where & 2 ? 0 : 3);
        assert_int_equal(world.done.wrote_back, !(where & 2));
        assert_int_equal(world_count(0, MESSAGE_PUT_DATA, 0), 0);
        assert_true(world_holds(after, "345", "k", new_tag, value));
        world_close();
    }
    slice_unref(&value);
    slice_unref(&other);
}

static void what_is_lost_is_read_from_the_successor_if_it_was_written_there(void **state)
{
    (void)state;
    struct slice value = value_of(1, 1000);
    struct slice other = value_of(2, 1000);
    for (unsigned is_newer = 0; is_newer <= 1; is_newer++) {
        const unsigned after = open_pending("rs:3,2", "rs:3,2", "012");
        const struct tag there = {is_newer ? new_tag.z + 1 : old_tag.z, 1};
        world_hold(0, "012", "k", new_tag, value);
        world_damage(0, "k", true);
        assert_int_equal(world_do(get, "k"), AREG_ECORRUPT);
        assert_non_null(strstr(world.done.detail, "damaged"));
        world_drop();
        world_hold(after, "345", "k", there, other);
        assert_int_equal(world_do(get, "k"), is_newer ? AREG_OK : AREG_ECORRUPT);
        if (is_newer)
            assert_true(world_has_read(other));
        world_close();
    }
    slice_unref(&value);
    slice_unref(&other);
}

static void a_register_that_was_never_written_is_so_in_both(void **state)
{
    (void)state;
    const unsigned after = open_pending("repl:3", "rs:3,2", "012");
    assert_int_equal(world_do(get, "k"), AREG_ENOTFOUND);
    assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_DATA, (int)after)), 3);
    assert_int_equal(world.done.tag.z, 0);
    world_close();
}

static void a_tombstone_is_carried_like_any_value(void **state)
{
    (void)state;
    const unsigned after = open_pending("rs:3,2", "repl:3", "012");
    world_hold_tombstone(0, "012", "k", new_tag);
    assert_int_equal(world_do(get, "k"), AREG_ENOTFOUND);
    assert_int_equal(world.done.tag.z, new_tag.z);
    for (unsigned host = 3; host < 6; host++)
        assert_int_equal(world_kept(after, host, "k")->entry.flags, ENTRY_TOMBSTONE);
    /* And a delete that meets the successor half-way. */
    const struct client_op del = {.kind = CLIENT_DEL};
    assert_int_equal(world_do(del, "d"), AREG_OK);
    for (unsigned host = 3; host < 6; host++)
        assert_int_equal(world_kept(after, host, "d")->entry.flags, ENTRY_TOMBSTONE);
    assert_null(world_kept(0, 0, "d"));
    world_close();
}

static void a_write_puts_into_the_last_above_the_tags_of_both(void **state)
{
    (void)state;
    struct slice value = value_of(1, 1000);
    for (unsigned where = 0; where <= 1; where++) {
        const unsigned after = open_pending("repl:3", "rs:3,2", "012");
        world_hold(where ? after : 0, where ? "345" : "012", "k", (struct tag){90, 3}, value);
        assert_int_equal(put("k", value), AREG_OK);
        assert_int_equal(world.done.tag.z, 91);
        assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_TAG, 0)), 3);
        assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_TAG, (int)after)), 3);
        assert_int_equal(world_count(0, MESSAGE_PUT_DATA, 0), 0);
        assert_true(world_holds(after, "345", "k", world.done.tag, value));
        world_close();
    }
    slice_unref(&value);
}

static void a_listing_is_of_the_keys_of_both(void **state)
{
    (void)state;
    struct slice value = value_of(1, 10);
    const unsigned after = open_pending("repl:3", "rs:3,2", "012");
    world_hold(0, "012", "a", old_tag, value);
    world_hold(0, "012", "b", old_tag, value);
    world_hold(0, "012", "d", old_tag, value);
    world_hold(after, "345", "b", new_tag, value);
    world_hold(after, "345", "c", new_tag, value);
    world_hold_tombstone(after, "345", "d", new_tag);
    assert_int_equal(list(), AREG_OK);
    assert_string_equal(listed_keys(), "abc");
    world_close();
    slice_unref(&value);
}

/* Whenever a successor is asked anything, a majority of the first one's members know it. */
static bool majority_knows(unsigned host_index, const struct request *request)
{
    (void)host_index;
    unsigned count = 0;
    for (unsigned i = 0; i < 3; i++)
        count += world.hosts[i].seats[0].link.status == LINK_PENDING;
    assert_true(count >= 2 || config_id_equal(request->config, world.configs[0].id));
    return true;
}

static void what_few_have_shown_is_told_to_a_majority_before_going_on(void **state)
{
    (void)state;
    struct slice value = value_of(1, 100);
    static const char *const shown_by[] = {"0", "1", "01", "02", "12", "012"};
    for (unsigned kind = 0; kind < 3; kind++) {
        for (unsigned i = 0; i < sizeof shown_by / sizeof shown_by[0]; i++) {
            const unsigned after = open_pending("repl:3", "repl:3", shown_by[i]);
            world_hold(0, "012", "k", old_tag, value);
            world.on_request = majority_knows;
            const enum areg_error error = kind == 0 ? world_do(get, "k") : kind == 1 ? put("k", value) : list();
            assert_int_equal(error, AREG_OK);
            assert_true(world_count(0, kind == 1 ? MESSAGE_PUT_DATA : MESSAGE_GET_DATA, (int)after) > 0 || kind == 2);
            /* No extra round if it is known well enough: the first two to answer are a quorum. */
            if (strstr(shown_by[i], "01"))
                assert_int_equal(world_count(0, MESSAGE_WRITE_CONFIG, 0), 0);
            else if (strlen(shown_by[i]) == 1)
                assert_int_equal(world_count(0, MESSAGE_WRITE_CONFIG, 0), 3);
            world_close();
        }
    }
    slice_unref(&value);
}

static bool no_write_config(unsigned host_index, const struct request *request)
{
    return request->kind != MESSAGE_WRITE_CONFIG || host_index == 0;
}

static void without_a_majority_that_knows_it_nothing_goes_on(void **state)
{
    (void)state;
    struct slice value = value_of(1, 100);
    const unsigned after = open_pending("repl:3", "repl:3", "0");
    world.on_request = no_write_config;
    const struct client_op op = {.kind = CLIENT_PUT, .value = value, .deadline_ns = START_NS + 2000 * MS};
    assert_int_equal(world_do(op, "k"), AREG_EUNAVAIL);
    assert_int_equal(world_count(0, MESSAGE_GET_TAG, (int)after), 0);
    assert_int_equal(world_count(0, MESSAGE_PUT_DATA, -1), 0);
    assert_non_null(strstr(world.done.detail, "s1"));
    world_close();
    slice_unref(&value);
}

static void what_one_has_read_the_next_one_knows(void **state)
{
    (void)state;
    struct slice value = value_of(1, 100);
    const unsigned after = open_pending("repl:3", "repl:3", "012");
    world_hold(0, "012", "k", old_tag, value);
    assert_int_equal(world_do(get, "k"), AREG_OK);
    world_drop();
    /* Members of the first are asked all the same: the newest may still be there. */
    const unsigned from = world.log_count;
    assert_int_equal(world_do(get, "k"), AREG_OK);
    assert_true(world_has_read(value));
    assert_int_equal(voters_count(world_sent(from, MESSAGE_GET_DATA, 0)), 3);
    assert_int_equal(voters_count(world_sent(from, MESSAGE_GET_DATA, (int)after)), 3);
    assert_false(world.done.wrote_back);
    world_close();
    slice_unref(&value);
}

/* ---------------------------------------------------------------- a successor that comes while we are at it */

static unsigned arriving;
static const char *arriving_at;

/* The successor is installed just before the first put-data is handled. */
static bool install_at_put(unsigned host_index, const struct request *request)
{
    (void)host_index;
    if (request->kind == MESSAGE_PUT_DATA && arriving) {
        world_install(arriving, arriving_at);
        arriving = 0;
    }
    return true;
}

static void a_put_that_meets_a_successor_goes_on_there_with_the_same_tag(void **state)
{
    (void)state;
    static const char *const arrivals[] = {"0", "1", "2", "012"};
    struct slice value = value_of(3, 5000);
    for (unsigned i = 0; i < sizeof arrivals / sizeof arrivals[0]; i++) {
        world_open("rs:3,2", "012"); /* all three are the quorum: any that shows it is heard */
        const unsigned after = arriving = world_describe(0, "repl:3", "345");
        arriving_at = arrivals[i];
        world.on_request = install_at_put;
        assert_int_equal(put("k", value), AREG_OK);
        assert_true(world_holds(after, "345", "k", world.done.tag, value));
        struct tag tag = TAG_ZERO;
        for (unsigned at = 0; at < world.log_count; at++) {
            if (world.log[at].kind != MESSAGE_PUT_DATA)
                continue;
            assert_true(tag_is_zero(tag) || tag_equal(tag, world.log[at].tag));
            tag = world.log[at].tag;
        }
        /* One that shows it is as good as told: but a majority must be. */
        assert_int_equal(world_count(0, MESSAGE_WRITE_CONFIG, 0), 3);
        /* A new client reads it, wherever it asks. */
        world_drop();
        assert_int_equal(world_do(get, "k"), AREG_OK);
        assert_true(world_has_read(value));
        world_close();
    }
    slice_unref(&value);
}

static bool silent_successor(unsigned host_index, const struct request *request)
{
    install_at_put(host_index, request);
    return host_index < 3;
}

static void what_is_put_never_counts_where_a_successor_was_shown(void **state)
{
    (void)state;
    struct slice value = value_of(3, 500);
    world_open("repl:3", "012");
    arriving = world_describe(0, "repl:3", "345");
    arriving_at = "0";
    world.on_request = silent_successor;
    /* All of the first have acknowledged; nobody of the second answers. */
    const struct client_op op = {.kind = CLIENT_PUT, .value = value, .deadline_ns = START_NS + 3000 * MS};
    assert_int_equal(world_do(op, "k"), AREG_EMAYBE);
    assert_true(world_holds(0, "012", "k", world.done.tag, value));
    assert_int_equal(world_count(0, MESSAGE_CONFIRM, -1), 0);
    world_close();
    slice_unref(&value);
}

static void nothing_is_confirmed_where_a_successor_was_shown(void **state)
{
    (void)state;
    struct slice value = value_of(3, 500);
    world_open("rs:3,2", "012");
    const unsigned after = arriving = world_describe(0, "rs:3,2", "345");
    arriving_at = "012";
    world.on_request = install_at_put;
    assert_int_equal(put("k", value), AREG_OK);
    client_flush(world.client, world.now_ns);
    world_settle();
    assert_int_equal(world_count(0, MESSAGE_CONFIRM, 0), 0);
    assert_int_equal(world_count(0, MESSAGE_CONFIRM, (int)after), 3);
    world_close();
    slice_unref(&value);
}

/* ---------------------------------------------------------------- from one code to another */

static void values_are_cut_anew_byte_for_byte(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 2, 3, 7, 1000, 65537};
    static const struct {
        const char *code;
        const char *code_after;
    } pairs[] = {{"rs:3,2", "repl:3"}, {"repl:3", "rs:3,2"}, {"rs:3,2", "rs:3,1"}, {"rs:3,3", "rs:3,2"},
                 {"rs:3,2", "rs:3,2"}, {"repl:3", "repl:3"}, {"repl:3", "rs:3,1"}, {"rs:3,1", "rs:3,3"}};
    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        for (unsigned j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
            struct slice value = value_of(40 + j, sizes[j]);
            const unsigned after = open_pending(pairs[i].code, pairs[i].code_after, "012");
            world_hold(0, "012", "k", new_tag, value);
            assert_int_equal(world_do(get, "k"), AREG_OK);
            assert_true(world_has_read(value));
            assert_true(world_holds(after, "345", "k", new_tag, value));
            world_drop();
            /* And a write that was cut for the first one already. */
            const unsigned last = world_describe(after, pairs[i].code, "012");
            world_finalize(after, "012345");
            arriving = last;
            arriving_at = "345";
            world.on_request = install_at_put;
            assert_int_equal(put("k", value), AREG_OK);
            assert_true(world_holds(last, "012", "k", world.done.tag, value));
            world_close();
            slice_unref(&value);
        }
    }
}

static void a_value_of_which_only_k_fragments_are_at_hand_is_cut_for_all(void **state)
{
    (void)state;
    struct slice value = value_of(4, 9000);
    world_open("rs:5,3", "01234");
    const unsigned after = world_describe(0, "rs:5,3", "34567");
    world_install(after, "01234");
    /* The first member, and its data fragment, is gone. */
    world_hold(0, "1234", "k", new_tag, value);
    assert_int_equal(world_do(get, "k"), AREG_OK);
    assert_true(world_has_read(value));
    assert_true(world_holds(after, "34567", "k", new_tag, value));
    world_close();
    slice_unref(&value);
}

/* ---------------------------------------------------------------- covering writes */

static void a_covering_write_compares_with_the_newest_of_both(void **state)
{
    (void)state;
    struct slice value = value_of(1, 300);
    struct slice newer = value_of(2, 300);
    for (unsigned is_stale = 0; is_stale <= 1; is_stale++) {
        const unsigned after = open_pending("repl:3", "repl:3", "0");
        world_hold(0, "012", "k", old_tag, value);
        if (is_stale)
            world_hold(after, "345", "k", new_tag, newer);
        const struct client_op op = {.kind = CLIENT_PUT, .value = newer, .has_base = true, .base = old_tag};
        assert_int_equal(world_do(op, "k"), is_stale ? AREG_ESTALE : AREG_OK);
        assert_int_equal(world.done.tag.z, is_stale ? new_tag.z : old_tag.z + 1);
        /* It is known to a majority before anything is found or put there. */
        assert_int_equal(world_count(0, MESSAGE_WRITE_CONFIG, 0), 3);
        assert_true(world_holds(after, "345", "k", world.done.tag, newer));
        world_close();
    }
    slice_unref(&value);
    slice_unref(&newer);
}

static void a_tag_of_an_abandoned_write_is_no_reason_to_refuse_one(void **state)
{
    (void)state;
    struct slice value = value_of(1, 300);
    struct slice abandoned = value_of(2, 300);
    world_open("rs:5,3", "01234");
    const unsigned after = world_describe(0, "rs:5,3", "34567");
    world_install(after, "01234");
    world_hold(0, "01234", "k", old_tag, value);
    world_hold(after, "34567", "k", old_tag, value);
    world_hold(after, "3", "k", new_tag, abandoned);
    const struct client_op op = {.kind = CLIENT_PUT, .value = value, .has_base = true, .base = old_tag};
    assert_int_equal(world_do(op, "k"), AREG_OK);
    assert_true(tag_compare(world.done.tag, new_tag) > 0);
    assert_true(world_holds(after, "34567", "k", world.done.tag, value));
    world_close();
    slice_unref(&value);
    slice_unref(&abandoned);
}

static void what_a_refused_covering_write_tells_is_in_the_last_first(void **state)
{
    (void)state;
    struct slice value = value_of(1, 300);
    const unsigned after = open_pending("rs:3,2", "repl:3", "012");
    world_hold(0, "012", "k", new_tag, value);
    const struct client_op op = {.kind = CLIENT_DEL, .has_base = true, .base = old_tag};
    assert_int_equal(world_do(op, "k"), AREG_ESTALE);
    assert_int_equal(world.done.tag.z, new_tag.z);
    assert_true(world_holds(after, "345", "k", new_tag, value));
    world_close();
    slice_unref(&value);
}

/* ---------------------------------------------------------------- retired ones */

static enum message_kind retiring_at;
static unsigned retiring_to;

/* Everything older is retired just before the first message of a kind is handled. */
static bool finalize_at(unsigned host_index, const struct request *request)
{
    (void)host_index;
    if (request->kind == retiring_at && retiring_to) {
        world_install(retiring_to, "012");
        world_finalize(retiring_to, "01234567");
        retiring_to = 0;
    }
    return true;
}

static void retired_members_send_every_phase_on(void **state)
{
    (void)state;
    struct slice value = value_of(1, 777);
    static const struct {
        enum client_op_kind kind;
        enum message_kind at;
    } cases[] = {
        {CLIENT_GET, MESSAGE_GET_DATA},   {CLIENT_GET, MESSAGE_PUT_DATA},     {CLIENT_STAT, MESSAGE_GET_DATA},
        {CLIENT_PUT, MESSAGE_GET_TAG},    {CLIENT_PUT, MESSAGE_PUT_DATA},     {CLIENT_DEL, MESSAGE_PUT_DATA},
        {CLIENT_LIST, MESSAGE_LIST_KEYS}, {CLIENT_PUT, MESSAGE_WRITE_CONFIG}, {CLIENT_GET, MESSAGE_WRITE_CONFIG},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world_open("rs:3,2", "012");
        const unsigned next = world_describe(0, "rs:3,2", "123");
        const unsigned last = world_describe(next, "repl:3", "456");
        world_hold(0, cases[i].at == MESSAGE_PUT_DATA ? "01" : "012", "k", new_tag, value);
        world_hold(last, "456", "k", new_tag, value);
        world_install(last, "");
        if (cases[i].at == MESSAGE_WRITE_CONFIG)
            world_install(next, "0");
        retiring_at = cases[i].at;
        retiring_to = last;
        world.on_request = finalize_at;
        const struct client_op op = {.kind = cases[i].kind,
                                     .value = cases[i].kind == CLIENT_PUT ? value : (struct slice){0},
                                     .key_count_max = 10};
        assert_int_equal(world_do(op, cases[i].kind == CLIENT_LIST ? "" : "k"), AREG_OK);
        assert_int_equal(retiring_to, 0);
        if (cases[i].kind == CLIENT_GET)
            assert_true(world_has_read(value));
        if (cases[i].kind == CLIENT_LIST)
            assert_string_equal(listed_keys(), "k");
        if (cases[i].kind == CLIENT_PUT)
            assert_true(world_holds(last, "456", "k", world.done.tag, value));
        /* From now on the last one is where operations begin. */
        const unsigned from = world.log_count;
        world_drop();
        assert_int_equal(world_do(stat_op, "k"), cases[i].kind == CLIENT_DEL ? AREG_ENOTFOUND : AREG_OK);
        assert_int_equal(world_count(from, MESSAGE_GET_DATA, 0), 0);
        assert_int_equal(voters_count(world_sent(from, MESSAGE_GET_DATA, (int)last)), 3);
        world_close();
    }
    slice_unref(&value);
}

/* Only host 0 hears what is listed. */
static bool only_one_lists(unsigned host_index, const struct request *request)
{
    return request->kind != MESSAGE_LIST_KEYS || host_index == 0;
}

/* The listing alone still holds on to the configuration whose members it asks. */
static void a_client_may_be_destroyed_while_it_lists_what_is_retired(void **state)
{
    (void)state;
    struct slice value = value_of(1, 10);
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    world_hold(0, "012", "k", old_tag, value);
    world_hold(after, "345", "k", old_tag, value);
    world.on_request = only_one_lists;
    const struct client_op op = {.kind = CLIENT_LIST, .key_count_max = 10, .deadline_ns = UINT64_MAX};
    assert_false(world_run(world_submit(op, ""), world.now_ns + 1));
    world_install(after, "012");
    world_finalize(after, "012345");
    assert_int_equal(world_do(get, "k"), AREG_OK);
    assert_int_equal(world_count(0, MESSAGE_LIST_KEYS, (int)after), 0);
    client_destroy(world.client); /* ASan looks at it. */
    const char *const seeds[] = {world.cluster.hosts[0].address};
    const struct client_options options = {.inflight_max = 1, .seeds = seeds, .seed_count = 1};
    world.client = client_create(&options, world.now_ns);
    assert_non_null(world.client);
    world_close();
    slice_unref(&value);
}

static uint64_t late_op;
static uint32_t late_phase;

/* The answers of all to the first get-data are late. */
static bool delay_first(unsigned host_index, const struct request *request)
{
    (void)host_index;
    if (request->kind != MESSAGE_GET_DATA || (late_op != 0 && request->op != late_op) || late_phase < request->phase)
        return true;
    late_op = request->op;
    late_phase = request->phase;
    return false;
}

static void a_late_answer_does_not_lead_back(void **state)
{
    (void)state;
    struct slice value = value_of(1, 777);
    const unsigned after = open_pending("repl:3", "repl:3", "012");
    world_hold(after, "345", "k", new_tag, value);
    late_op = 0;
    late_phase = 1;
    world.on_request = delay_first;
    const uint64_t id = world_submit(get, "k");
    assert_false(world_run(id, world.now_ns));
    /* Meanwhile another one learns that the successor is finalized. */
    const uint64_t other_id = world_submit(get, "k");
    world_finalize(after, "01234567");
    assert_true(world_run(other_id, world.now_ns + 50 * MS));
    world_drop();
    for (unsigned peer = 0; peer < client_peer_count(world.client); peer++) {
        struct reply reply = {.kind = MESSAGE_GET_DATA,
                              .op = late_op,
                              .phase = late_phase,
                              .next = {LINK_PENDING, world.descriptors[after]}};
        client_receive(world.client, world.now_ns, peer, &reply);
    }
    assert_true(world_run(id, world.now_ns + 5000 * MS));
    assert_true(world_has_read(value));
    world_drop();
    const unsigned from = world.log_count;
    assert_int_equal(world_do(get, "k"), AREG_OK);
    assert_int_equal(world_count(from, MESSAGE_GET_DATA, 0), 0);
    world_close();
    slice_unref(&value);
}

static void after_two_hops_the_chain_is_followed_to_its_end(void **state)
{
    (void)state;
    struct slice value = value_of(1, 777);
    world_open("repl:3", "012");
    const unsigned second = world_describe(0, "rs:3,2", "345");
    const unsigned third = world_describe(second, "rs:3,3", "012");
    world_install(second, "012");
    world_install(third, "345");
    world_finalize(second, "0126");
    world_hold(second, "345", "k", new_tag, value);
    assert_int_equal(world_do(get, "k"), AREG_OK);
    assert_true(world_has_read(value));
    assert_true(world_holds(third, "012", "k", new_tag, value));
    world_drop();
    const unsigned from = world.log_count;
    assert_int_equal(put("k", value), AREG_OK);
    assert_int_equal(world_count(from, MESSAGE_GET_TAG, 0), 0);
    assert_true(world_holds(third, "012", "k", world.done.tag, value));
    world_close();
    slice_unref(&value);
}

static void if_nobody_of_it_answers_any_host_tells_which_is_in_use(void **state)
{
    (void)state;
    struct slice value = value_of(1, 777);
    for (unsigned phase = 0; phase <= 1; phase++) {
        world_open("repl:3", "012");
        const unsigned after = world_describe(0, "repl:3", "345");
        world_install(after, "");
        world_hold(after, "345", "k", new_tag, value);
        for (unsigned i = 0; i < 3; i++)
            world.hosts[i].is_silent = true;
        /* Host 7, the seed, is in no configuration. */
        world_finalize(after, "34567");
        const uint64_t begun_ns = world.now_ns;
        assert_int_equal(phase ? put("k", value) : world_do(get, "k"), AREG_OK);
        assert_true(world.now_ns - begun_ns < 1000 * MS);
        assert_true(world_count(0, MESSAGE_HINT, -1) > 0);
        assert_true(world_holds(after, "345", "k", world.done.tag, value));
        world_close();
    }
    slice_unref(&value);
}

static void hints_are_not_asked_for_while_members_answer(void **state)
{
    (void)state;
    struct slice value = value_of(1, 777);
    world_open("repl:3", "012");
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(put("k", value), AREG_OK);
    assert_int_equal(world_count(0, MESSAGE_HINT, -1), 0);
    world_close();
    slice_unref(&value);
}

static void a_hint_of_nonsense_of_the_past_or_of_another_cluster_changes_nothing(void **state)
{
    (void)state;
    world_open("repl:3", "012");
    const unsigned after = world_describe(0, "repl:3", "345");
    struct config elsewhere = world.configs[after];
    elsewhere.shard = 1; /* there is only one */
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(&elsewhere, encoded, sizeof encoded);
    struct config foreign = world.configs[after];
    foreign.cluster.bytes[0] ^= 1;
    uint8_t foreign_encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t foreign_bytes = config_encode(&foreign, foreign_encoded, sizeof foreign_encoded);
    const struct link links[] = {
        {LINK_FINALIZED, slice_borrow("nonsense", 8)},
        {LINK_FINALIZED, (struct slice){0}},
        {LINK_FINALIZED, slice_borrow(encoded, bytes)},
        {LINK_FINALIZED, world.descriptors[0]},
        {LINK_FINALIZED, slice_borrow(foreign_encoded, foreign_bytes)},
        {LINK_PENDING, world.descriptors[after]},
        {LINK_NONE, (struct slice){0}},
    };
    for (unsigned i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct reply reply = {.kind = MESSAGE_HINT, .next = links[i]};
        client_receive(world.client, world.now_ns, 0, &reply);
    }
    assert_int_equal(world_do(get, "k"), AREG_ENOTFOUND);
    assert_int_equal(voters_count(world_sent(0, MESSAGE_GET_DATA, 0)), 3);
    assert_int_equal(world_count(0, MESSAGE_GET_DATA, (int)after), 0);
    world_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_takes_the_newest_of_both_and_writes_it_to_the_last),
        cmocka_unit_test(what_is_lost_is_read_from_the_successor_if_it_was_written_there),
        cmocka_unit_test(a_register_that_was_never_written_is_so_in_both),
        cmocka_unit_test(a_tombstone_is_carried_like_any_value),
        cmocka_unit_test(a_write_puts_into_the_last_above_the_tags_of_both),
        cmocka_unit_test(a_listing_is_of_the_keys_of_both),
        cmocka_unit_test(what_few_have_shown_is_told_to_a_majority_before_going_on),
        cmocka_unit_test(without_a_majority_that_knows_it_nothing_goes_on),
        cmocka_unit_test(what_one_has_read_the_next_one_knows),
        cmocka_unit_test(a_put_that_meets_a_successor_goes_on_there_with_the_same_tag),
        cmocka_unit_test(what_is_put_never_counts_where_a_successor_was_shown),
        cmocka_unit_test(nothing_is_confirmed_where_a_successor_was_shown),
        cmocka_unit_test(values_are_cut_anew_byte_for_byte),
        cmocka_unit_test(a_value_of_which_only_k_fragments_are_at_hand_is_cut_for_all),
        cmocka_unit_test(a_covering_write_compares_with_the_newest_of_both),
        cmocka_unit_test(a_tag_of_an_abandoned_write_is_no_reason_to_refuse_one),
        cmocka_unit_test(what_a_refused_covering_write_tells_is_in_the_last_first),
        cmocka_unit_test(retired_members_send_every_phase_on),
        cmocka_unit_test(a_client_may_be_destroyed_while_it_lists_what_is_retired),
        cmocka_unit_test(a_late_answer_does_not_lead_back),
        cmocka_unit_test(after_two_hops_the_chain_is_followed_to_its_end),
        cmocka_unit_test(if_nobody_of_it_answers_any_host_tells_which_is_in_use),
        cmocka_unit_test(hints_are_not_asked_for_while_members_answer),
        cmocka_unit_test(a_hint_of_nonsense_of_the_past_or_of_another_cluster_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
