/*
 * Single operations in the world of world.h, held up where it hurts: their order, their ends in every state, and the
 * schedules that are known to break simpler protocols (S3, S7).
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

static struct world *open_world(const char *code, unsigned delta)
{
    const struct world_options options = {
        .seed = 1, .code = code, .delta = delta, .client_count = 2, .delay_ns_min = 1 * MS, .delay_ns_max = 1 * MS};
    return world_create(&options);
}

/* Messages that are held back, by kind of request and host. */
struct holds {
    uint32_t requests[MESSAGE_STATUS + 1];
    uint32_t replies[MESSAGE_STATUS + 1];
};

static bool gate(struct world *world, unsigned client_index, unsigned host_index, bool to_host, enum message_kind kind,
                 void *arg)
{
    (void)world;
    const struct holds *holds = arg;
    if (client_index != 0)
        return true;
    return !((to_host ? holds->requests : holds->replies)[kind] >> host_index & 1);
}

static enum areg_error finish(struct world *world, unsigned op_index)
{
    world_finish(world, op_index);
    return world_op(world, op_index)->error;
}

/* So that the cluster is known, and hosts are known to be fast. */
static void warm_up(struct world *world)
{
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(finish(world, world_submit(world, i, CLIENT_GET, 0, 0, UINT64_MAX)), AREG_ENOTFOUND);
    world_run(world, 50 * MS);
}

static void close_world(struct world *world)
{
    const char *verdict = world_judge(world);
    if (verdict)
        fail_msg("%s", verdict);
    world_destroy(world);
}

/* ---------------------------------------------------------------- order */

static void writes_of_one_handle_to_one_key_take_effect_in_order(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 2);
    warm_up(world);
    unsigned ops[20];
    for (unsigned i = 0; i < 20; i++)
        ops[i] = world_submit(world, 0, i % 5 == 4 ? CLIENT_DEL : CLIENT_PUT, 0, i % 5 == 4 ? 0 : 100, UINT64_MAX);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(finish(world, ops[i]), AREG_OK);
        assert_int_equal(world_op(world, ops[i])->rounds, 2);
        assert_int_equal(world_op(world, ops[i])->tag.z, i + 1);
    }
    close_world(world);
}

static void writes_to_different_keys_do_not_wait_for_each_other(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 2);
    warm_up(world);
    unsigned ops[4];
    for (unsigned i = 0; i < 4; i++)
        ops[i] = world_submit(world, 0, CLIENT_PUT, i, 100, UINT64_MAX);
    const uint64_t start_ns = world_now(world);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(finish(world, ops[i]), AREG_OK);
    assert_true(world_now(world) - start_ns <= 4 * MS);
    close_world(world);
}

static void the_next_write_goes_on_when_the_first_ends_in_any_way(void **state)
{
    (void)state;
    /* Held up at its get-tag or at its put-data; by its deadline or by a cancellation. */
    for (unsigned at_put = 0; at_put <= 1; at_put++) {
        for (unsigned cancels = 0; cancels <= 1; cancels++) {
            struct world *world = open_world("rs:5,3", 2);
            struct holds holds = {0};
            warm_up(world);
            holds.requests[at_put ? MESSAGE_PUT_DATA : MESSAGE_GET_TAG] = 31;
            world_set_gate(world, gate, &holds);
            const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, cancels ? UINT64_MAX : 50 * MS);
            const unsigned second = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
            const unsigned third = world_submit(world, 0, CLIENT_DEL, 0, 0, UINT64_MAX);
            world_run(world, 20 * MS);
            assert_int_equal(world_op(world, first)->end_ns, 0);
            assert_int_equal(world_op(world, second)->end_ns, 0);
            /* What the others send is not held any more. */
            holds = (struct holds){0};
            if (cancels)
                assert_true(world_cancel(world, first));
            assert_int_equal(finish(world, first), at_put ? AREG_EMAYBE : cancels ? AREG_ECANCELED : AREG_EUNAVAIL);
            assert_int_equal(finish(world, second), AREG_OK);
            assert_int_equal(finish(world, third), AREG_OK);
            assert_true(tag_compare(world_op(world, second)->tag, world_op(world, third)->tag) < 0);
            /* The first one's messages arrive last. */
            world_release(world);
            world_run(world, 1000 * MS);
            assert_int_equal(finish(world, world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX)), AREG_ENOTFOUND);
            close_world(world);
        }
    }
}

static void a_queued_write_can_be_given_up_wherever_it_stands(void **state)
{
    (void)state;
    for (unsigned which = 1; which < 5; which++) {
        struct world *world = open_world("rs:5,3", 2);
        struct holds holds = {0};
        warm_up(world);
        holds.requests[MESSAGE_GET_TAG] = 31;
        world_set_gate(world, gate, &holds);
        unsigned ops[5];
        for (unsigned i = 0; i < 5; i++)
            ops[i] = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
        world_run(world, 10 * MS);
        assert_true(world_cancel(world, ops[which]));
        assert_int_equal(finish(world, ops[which]), AREG_ECANCELED);
        assert_non_null(strstr(world_op(world, ops[which])->detail, "earlier write"));
        world_release(world);
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(finish(world, ops[i]), i == which ? AREG_ECANCELED : AREG_OK);
        /* And the queue takes more. */
        const unsigned more = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
        assert_int_equal(finish(world, more), AREG_OK);
        assert_int_equal(world_op(world, more)->tag.z, 5);
        close_world(world);
    }
}

static void a_write_behind_one_of_unknown_outcome_gets_a_larger_tag(void **state)
{
    (void)state;
    struct world *world = open_world("repl:3", 0);
    struct holds holds = {0};
    warm_up(world);
    /* An abandoned write at host 1 alone, which the first write will see and the second not. */
    holds.requests[MESSAGE_PUT_DATA] = 5;
    world_set_gate(world, gate, &holds);
    world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    world_run(world, 20 * MS);
    world_crash_client(world, 0);
    holds = (struct holds){0};
    const unsigned warm = world_submit(world, 0, CLIENT_GET, 1, 0, UINT64_MAX);
    assert_int_equal(finish(world, warm), AREG_ENOTFOUND);

    holds.requests[MESSAGE_GET_TAG] = 1 << 2;
    holds.requests[MESSAGE_PUT_DATA] = 7;
    const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, 50 * MS);
    const unsigned second = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    world_run(world, 20 * MS);
    holds = (struct holds){0};
    holds.requests[MESSAGE_GET_TAG] = 1 << 1;
    holds.requests[MESSAGE_PUT_DATA] = 1 << 1;
    assert_int_equal(finish(world, first), AREG_EMAYBE);
    assert_int_equal(world_op(world, first)->tag.z, 2);
    assert_int_equal(finish(world, second), AREG_OK);
    world_release(world);
    world_run(world, 1000 * MS);
    const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
    assert_int_equal(finish(world, get), AREG_OK);
    assert_int_equal(world_op(world, get)->value_id, world_op(world, second)->value_id);
    close_world(world);
}

/* ---------------------------------------------------------------- ends in every state */

static void every_state_has_its_deadline_and_its_cancellation(void **state)
{
    (void)state;
    static const struct {
        enum client_op_kind kind;
        enum message_kind held;
        bool is_prepared; /* an abandoned value is there, which a read must write back */
        bool is_unknown;
    } cases[] = {
        {CLIENT_PUT, MESSAGE_GET_TAG, false, false},   {CLIENT_PUT, MESSAGE_PUT_DATA, false, true},
        {CLIENT_DEL, MESSAGE_GET_TAG, false, false},   {CLIENT_DEL, MESSAGE_PUT_DATA, false, true},
        {CLIENT_GET, MESSAGE_GET_DATA, false, false},  {CLIENT_GET, MESSAGE_PUT_DATA, true, false},
        {CLIENT_STAT, MESSAGE_GET_DATA, false, false}, {CLIENT_STAT, MESSAGE_PUT_DATA, true, false},
        {CLIENT_GET, MESSAGE_HELLO, false, false},     {CLIENT_LIST, MESSAGE_LIST_KEYS, false, false},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (unsigned cancels = 0; cancels <= 1; cancels++) {
            struct world *world = open_world("rs:5,3", 2);
            struct holds holds = {0};
            if (cases[i].held != MESSAGE_HELLO)
                warm_up(world);
            world_set_gate(world, gate, &holds);
            if (cases[i].is_prepared) {
                holds.requests[MESSAGE_PUT_DATA] = 24;
                world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
                world_run(world, 20 * MS);
                world_crash_client(world, 0);
                world_run(world, 20 * MS);
            }
            holds = (struct holds){0};
            /* The replies: it has reached the hosts. */
            holds.replies[cases[i].held] = 31;
            if (cases[i].held == MESSAGE_HELLO)
                world_crash_client(world, 0);
            const uint64_t start_ns = world_now(world);
            const uint64_t timeout_ns = cancels ? UINT64_MAX : 200 * MS;
            const unsigned op =
                cases[i].kind == CLIENT_LIST
                    ? world_submit_list(world, 0, -1, 10, timeout_ns)
                    : world_submit(world, 0, cases[i].kind, 0, cases[i].kind == CLIENT_PUT ? 100 : 0, timeout_ns);
            world_run(world, 100 * MS);
            assert_int_equal(world_op(world, op)->end_ns, 0);
            if (cancels)
                assert_true(world_cancel(world, op));
            const enum areg_error error = finish(world, op);
            assert_int_equal(error, cases[i].is_unknown ? AREG_EMAYBE : cancels ? AREG_ECANCELED : AREG_EUNAVAIL);
            if (!cancels)
                assert_int_equal(world_op(world, op)->end_ns, start_ns + 200 * MS);
            assert_false(world_cancel(world, op));
            assert_non_null(strstr(world_op(world, op)->detail, "no answer"));
            world_release(world);
            world_run(world, 1000 * MS);
            close_world(world);
        }
    }
}

static void a_busy_host_is_asked_until_it_is_not(void **state)
{
    (void)state;
    struct world *world = open_world("rs:3,3", 0); /* all are needed */
    warm_up(world);
    world_set_busy(world, 700);
    const unsigned put = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    assert_int_equal(finish(world, put), AREG_OK);
    world_set_busy(world, 1000);
    const unsigned busy = world_submit(world, 0, CLIENT_PUT, 0, 100, 300 * MS);
    assert_int_equal(finish(world, busy), AREG_EMAYBE);
    assert_non_null(strstr(world_op(world, busy)->detail, "busy"));
    close_world(world);
}

static void what_a_stale_covering_write_says_is_not_about_silence(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 0);
    warm_up(world);
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX)), AREG_OK);
    const unsigned stale = world_submit_base(world, 1, 0, 100, TAG_ZERO);
    assert_int_equal(finish(world, stale), AREG_ESTALE);
    assert_int_equal(world_op(world, stale)->detail[0], 0);
    close_world(world);
}

/* What a write of client 0 leaves on one host, when its client dies there. */
static void abandon_on_one_host(struct world *world, unsigned host_index)
{
    struct holds holds = {.requests[MESSAGE_PUT_DATA] = ~(UINT32_C(1) << host_index)};
    world_set_gate(world, gate, &holds);
    world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    world_run(world, 20 * MS);
    world_crash_client(world, 0);
    world_set_gate(world, NULL, NULL);
}

static void an_abandoned_write_that_no_read_returns_does_not_refuse_covering_writes(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 0);
    warm_up(world);
    const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    assert_int_equal(finish(world, first), AREG_OK);
    abandon_on_one_host(world, 2);
    world_crash(world, 4); /* so that every quorum has the host that knows of it */
    const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
    assert_int_equal(finish(world, get), AREG_OK);
    assert_true(tag_equal(world_op(world, get)->tag, world_op(world, first)->tag));
    const unsigned put = world_submit_base(world, 1, 0, 100, world_op(world, get)->tag);
    assert_int_equal(finish(world, put), AREG_OK);
    assert_true(world_op(world, put)->tag.z > world_op(world, first)->tag.z + 1); /* above the abandoned one */
    close_world(world);
}

static void a_stale_covering_write_names_the_tag_that_a_read_returns(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 0);
    warm_up(world);
    const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
    assert_int_equal(finish(world, first), AREG_OK);
    abandon_on_one_host(world, 2);
    world_crash(world, 4);
    const unsigned stale = world_submit_base(world, 1, 0, 100, TAG_ZERO);
    assert_int_equal(finish(world, stale), AREG_ESTALE);
    assert_true(tag_equal(world_op(world, stale)->tag, world_op(world, first)->tag));
    close_world(world);
}

static void what_is_damaged_is_told_with_its_hosts(void **state)
{
    (void)state;
    struct world *world = open_world("rs:3,2", 0);
    warm_up(world);
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 4000, UINT64_MAX)), AREG_OK);
    world_run(world, 50 * MS);
    assert_true(world_rot(world, 0, 0));
    assert_true(world_rot(world, 2, 0));
    const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
    assert_int_equal(finish(world, get), AREG_ECORRUPT);
    const char *detail = world_op(world, get)->detail;
    assert_non_null(strstr(detail, "s1"));
    assert_null(strstr(detail, "s2"));
    assert_non_null(strstr(detail, "s3"));
    assert_non_null(strstr(detail, "damaged"));
    close_world(world);
}

static void a_listing_shows_every_key_that_was_written_and_not_deleted(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 0);
    warm_up(world);
    /* Each time another host is down, so that none knows all. */
    for (unsigned i = 0; i < 4; i++) {
        world_crash(world, i);
        assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, i, 100, UINT64_MAX)), AREG_OK);
        world_restart(world, i);
        world_run(world, 100 * MS);
    }
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_DEL, 2, 0, UINT64_MAX)), AREG_OK);
    for (unsigned down = 0; down < 5; down++) {
        world_crash(world, down);
        unsigned op = world_submit_list(world, 1, -1, 10, UINT64_MAX);
        assert_int_equal(finish(world, op), AREG_OK);
        assert_int_equal(world_op(world, op)->listed, 1 << 0 | 1 << 1 | 1 << 3);
        assert_false(world_op(world, op)->has_more);
        op = world_submit_list(world, 1, 0, 1, UINT64_MAX);
        assert_int_equal(finish(world, op), AREG_OK);
        assert_int_equal(world_op(world, op)->listed, 1 << 1);
        assert_true(world_op(world, op)->has_more);
        world_restart(world, down);
        world_run(world, 100 * MS);
    }
    close_world(world);
}

/* ---------------------------------------------------------------- known schedules */

static void crashed_writers_on_different_hosts_never_block_a_reader(void **state)
{
    (void)state;
    /* S3: a value at four of five, then two writers that crash after the same two hosts; delta would keep two entries.
     */
    for (unsigned second = 0; second < 10; second++) {
        struct world *world = open_world("rs:5,3", 1);
        struct holds holds = {0};
        warm_up(world);
        world_set_gate(world, gate, &holds);
        holds.requests[MESSAGE_PUT_DATA] = 1 << 4;
        assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX)), AREG_OK);
        world_run(world, second % 2 ? 1000 * MS : 0); /* confirmed and swept, or not yet */
        for (unsigned crash = 0; crash < 2; crash++) {
            world_crash_client(world, 0);
            world_run(world, 10 * MS);
            holds.requests[MESSAGE_PUT_DATA] = 31 & ~(crash ? 3u << second % 4 : 3u);
            world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
            world_run(world, 20 * MS);
        }
        const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, 1000 * MS);
        assert_int_equal(finish(world, get), AREG_OK);
        close_world(world);
    }
}

static void a_tag_of_a_write_that_timed_out_is_never_used_again(void **state)
{
    (void)state;
    /* S7: the first write reaches host 0 alone; the second does not hear of it, and would choose the same tag. */
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:6,4"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct world *world = open_world(codes[i], 1);
        struct holds holds = {0};
        warm_up(world);
        world_set_gate(world, gate, &holds);
        holds.requests[MESSAGE_PUT_DATA] = ~1u;
        const unsigned first = world_submit(world, 0, CLIENT_PUT, 0, 100, 50 * MS);
        assert_int_equal(finish(world, first), AREG_EMAYBE);
        holds = (struct holds){0};
        holds.requests[MESSAGE_GET_TAG] = 1;
        const unsigned second = world_submit(world, 0, CLIENT_PUT, 0, 100, UINT64_MAX);
        assert_int_equal(finish(world, second), AREG_OK);
        assert_true(world_op(world, first)->tag.z < world_op(world, second)->tag.z);
        world_release(world);
        world_run(world, 1000 * MS);
        const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
        assert_int_equal(finish(world, get), AREG_OK);
        close_world(world);
    }
}

static void a_put_that_comes_after_its_confirmation_is_swept_too(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 4);
    struct holds holds = {0};
    warm_up(world);
    world_set_gate(world, gate, &holds);
    holds.requests[MESSAGE_PUT_DATA] = 1 << 4;
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
    holds = (struct holds){0};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
    world_run(world, 3000 * MS);
    world_release(world); /* the first put reaches host 4 now */
    world_run(world, 3000 * MS);
    assert_int_equal(world_fragment_bytes(world), 5 * 1000);
    close_world(world);
}

static void a_stat_of_an_abandoned_delete_ends_soon(void **state)
{
    (void)state;
    for (unsigned deletes = 0; deletes <= 1; deletes++) {
        struct world *world = open_world("rs:5,3", 1);
        struct holds holds = {0};
        warm_up(world);
        world_set_gate(world, gate, &holds);
        holds.requests[MESSAGE_PUT_DATA] = 3 << 3; /* three of five have it */
        world_submit(world, 0, deletes ? CLIENT_DEL : CLIENT_PUT, 0, 0, UINT64_MAX);
        world_run(world, 20 * MS);
        const unsigned stat = world_submit(world, 1, CLIENT_STAT, 0, 0, UINT64_MAX);
        const uint64_t start_ns = world_now(world);
        assert_int_equal(finish(world, stat), deletes ? AREG_ENOTFOUND : AREG_OK);
        assert_true(world_now(world) - start_ns < 50 * MS);
        close_world(world);
    }
}

static void a_put_that_found_no_room_is_never_seen(void **state)
{
    (void)state;
    const struct world_options options = {.seed = 1,
                                          .code = "rs:5,3",
                                          .client_count = 2,
                                          .delay_ns_min = 1 * MS,
                                          .delay_ns_max = 1 * MS,
                                          .quota_bytes = 6000};
    struct world *world = world_create(&options);
    struct holds holds = {0};
    warm_up(world);
    world_set_gate(world, gate, &holds);
    assert_int_equal(finish(world, world_submit(world, 1, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
    /* All have room when they are asked for tags; not any more when the value comes. */
    holds.requests[MESSAGE_PUT_DATA] = 31;
    const unsigned late = world_submit(world, 0, CLIENT_PUT, 1, 3000, UINT64_MAX);
    world_run(world, 20 * MS);
    for (unsigned i = 0; i < 4; i++)
        world_finish(world, world_submit(world, 1, CLIENT_PUT, 2 + i % 2, 6000, 500 * MS));
    world_release(world);
    /* It may have been doubled on its way, and the other copy stored. */
    assert_int_equal(finish(world, late), AREG_EMAYBE);
    assert_int_equal(finish(world, world_submit(world, 1, CLIENT_GET, 1, 0, 3000 * MS)), AREG_ENOTFOUND);
    assert_int_equal(finish(world, world_submit(world, 1, CLIENT_GET, 0, 0, 3000 * MS)), AREG_OK);
    close_world(world);
}

/* ---------------------------------------------------------------- what it costs */

static void a_read_of_a_settled_register_sends_one_request_to_each_host(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:9,5"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct world *world = open_world(codes[i], 2);
        struct code code;
        assert_int_equal(code_parse(codes[i], &code), AREG_OK);
        for (unsigned j = 0; j < 3; j++)
            assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
        assert_int_equal(finish(world, world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX)), AREG_OK);
        world_run(world, 3000 * MS);
        const uint64_t before = client_counters(world_client(world, 1))->messages_sent;
        for (unsigned j = 0; j < 10; j++)
            assert_int_equal(finish(world, world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX)), AREG_OK);
        world_run(world, 3000 * MS);
        assert_int_equal(client_counters(world_client(world, 1))->messages_sent - before, 10 * code.n);
        assert_int_equal(client_wake_ns(world_client(world, 1)), UINT64_MAX);
        close_world(world);
    }
}

static void a_write_back_sends_to_those_that_lack_the_value_alone(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 1);
    struct holds holds = {0};
    warm_up(world);
    world_set_gate(world, gate, &holds);
    holds.requests[MESSAGE_PUT_DATA] = 3 << 3;
    world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX);
    world_run(world, 20 * MS);
    world_crash_client(world, 0);
    const uint64_t before = client_counters(world_client(world, 1))->messages_sent;
    const uint64_t bytes_before = client_counters(world_client(world, 1))->bytes_sent;
    const unsigned get = world_submit(world, 1, CLIENT_GET, 0, 0, UINT64_MAX);
    assert_int_equal(finish(world, get), AREG_OK);
    assert_true(world_op(world, get)->wrote_back);
    assert_int_equal(client_counters(world_client(world, 1))->messages_sent - before, 5 + 2);
    assert_int_equal(client_counters(world_client(world, 1))->bytes_sent - bytes_before, 2 * 1000);
    close_world(world);
}

static void a_host_that_goes_down_during_a_read_is_replaced_at_once(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 1);
    struct holds holds = {0};
    warm_up(world);
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
    world_set_gate(world, gate, &holds);
    holds.replies[MESSAGE_GET_DATA] = 1;
    const uint64_t start_ns = world_now(world);
    const unsigned get = world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX);
    world_run(world, 3 * MS);
    assert_int_equal(world_op(world, get)->end_ns, 0);
    world_crash(world, 0);
    assert_int_equal(finish(world, get), AREG_OK);
    assert_int_equal(world_now(world) - start_ns, 5 * MS);
    close_world(world);
}

static void a_silent_host_is_not_preferred_again(void **state)
{
    (void)state;
    struct world *world = open_world("rs:5,3", 1);
    struct holds holds = {0};
    warm_up(world);
    assert_int_equal(finish(world, world_submit(world, 0, CLIENT_PUT, 0, 3000, UINT64_MAX)), AREG_OK);
    world_set_gate(world, gate, &holds);
    holds.replies[MESSAGE_GET_DATA] = 1;
    for (unsigned i = 0; i < 3; i++) {
        const uint64_t start_ns = world_now(world);
        assert_int_equal(finish(world, world_submit(world, 0, CLIENT_GET, 0, 0, UINT64_MAX)), AREG_OK);
        if (i == 0)
            assert_in_range(world_now(world) - start_ns, 5 * MS, 20 * MS); /* one hedge */
        else
            assert_int_equal(world_now(world) - start_ns, 2 * MS);
    }
    close_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_of_one_handle_to_one_key_take_effect_in_order),
        cmocka_unit_test(writes_to_different_keys_do_not_wait_for_each_other),
        cmocka_unit_test(the_next_write_goes_on_when_the_first_ends_in_any_way),
        cmocka_unit_test(a_queued_write_can_be_given_up_wherever_it_stands),
        cmocka_unit_test(a_write_behind_one_of_unknown_outcome_gets_a_larger_tag),
        cmocka_unit_test(every_state_has_its_deadline_and_its_cancellation),
        cmocka_unit_test(a_busy_host_is_asked_until_it_is_not),
        cmocka_unit_test(what_a_stale_covering_write_says_is_not_about_silence),
        cmocka_unit_test(an_abandoned_write_that_no_read_returns_does_not_refuse_covering_writes),
        cmocka_unit_test(a_stale_covering_write_names_the_tag_that_a_read_returns),
        cmocka_unit_test(what_is_damaged_is_told_with_its_hosts),
        cmocka_unit_test(a_listing_shows_every_key_that_was_written_and_not_deleted),
        cmocka_unit_test(crashed_writers_on_different_hosts_never_block_a_reader),
        cmocka_unit_test(a_tag_of_a_write_that_timed_out_is_never_used_again),
        cmocka_unit_test(a_put_that_comes_after_its_confirmation_is_swept_too),
        cmocka_unit_test(a_stat_of_an_abandoned_delete_ends_soon),
        cmocka_unit_test(a_put_that_found_no_room_is_never_seen),
        cmocka_unit_test(a_write_back_sends_to_those_that_lack_the_value_alone),
        cmocka_unit_test(a_host_that_goes_down_during_a_read_is_replaced_at_once),
        cmocka_unit_test(a_silent_host_is_not_preferred_again),
        cmocka_unit_test(a_read_of_a_settled_register_sends_one_request_to_each_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
