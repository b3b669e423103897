/*
 * LDR, conversations (ARES, 3.2): who is asked for what and when, what it costs, and what is made of answers that came
 * at an unlucky moment.
 */
#include "crew.h"

#include "dap/ldr.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* Of "ldr:3,3": members 0 to 2 are directories, 3 to 5 are replicas. */
enum { A, B, C, X, Y, Z };

enum { READER, WRITER, OTHER };

#define ALL voters_all(6)

static struct crew crew;

static struct voters these(unsigned first, unsigned second, unsigned third)
{
    return (struct voters){1u << first | 1u << second | 1u << third};
}

static struct voters but(unsigned member)
{
    return voters_minus(ALL, (struct voters){1u << member});
}

/* Values of 24 bytes. */
static struct tag tag_of(unsigned number)
{
    return (struct tag){5 * number - 1, 1};
}
enum { VALUE_BYTES = 24 };

static void put(struct tag tag, struct voters members)
{
    crew_begin_put(&crew, WRITER, tag);
    crew_settle(&crew, WRITER, members, 0);
    assert_false(crew_is_waiting(&crew, WRITER));
}

/* Its value is on these replicas, and these directories know it; then its writer is gone for good. */
static void leave(struct tag tag, struct voters replicas, struct voters directories)
{
    crew_begin_put(&crew, WRITER, tag);
    crew_talk(&crew, WRITER, replicas);
    for (unsigned i = 0; i < crew.flight_count;) {
        if (voters_has(directories, crew.flights[i]->member))
            crew_arrive(&crew, i, false);
        else
            crew_lose(&crew, i);
    }
    crew_abandon(&crew, WRITER);
    while (crew.flight_count > 0)
        crew_lose(&crew, 0);
}

static void confirm(struct tag tag, struct voters members)
{
    for (unsigned i = 0; i < 6; i++)
        if (voters_has(members, i))
            crew_confirm(&crew, i, tag);
}

static unsigned sent_to(struct voters members, enum message_kind kind)
{
    unsigned count = 0;
    for (unsigned i = 0; i < crew.flight_count; i++)
        count += !crew.flights[i]->is_reply && crew.flights[i]->request.kind == kind &&
                 voters_has(members, crew.flights[i]->member);
    return count;
}

static struct voters listed_by(struct tag tag)
{
    struct voters members = {0};
    for (unsigned i = 0; i < 6; i++)
        if (crew_lists(&crew, i, tag))
            voters_add(&members, i);
    return members;
}

static void assert_read(struct tag tag)
{
    const struct ask *ask = crew_ask(&crew, READER);
    assert_int_equal(ask->state, ASK_DONE);
    assert_true(tag_equal(ask->tag, tag));
    assert_true(ask->is_complete);
    if (ask->wants_value)
        assert_true(crew_has_read(&crew, READER));
}

static struct crew_spent spend(void)
{
    const struct crew_spent spent = crew.spent;
    crew.spent = (struct crew_spent){0};
    return spent;
}

/* ---------------------------------------------------------------- put-data */

static void directories_hear_of_a_value_when_a_majority_of_the_replicas_has_it(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_send(&crew, WRITER);
    assert_int_equal(crew.flight_count, 3);
    assert_int_equal(sent_to(code_holders(crew.config.code), MESSAGE_PUT_DATA), 3);
    crew_talk(&crew, WRITER, these(Y, Y, Y));
    assert_int_equal(sent_to(code_deciders(crew.config.code), MESSAGE_PUT_DATA), 0);
    crew_talk(&crew, WRITER, these(Z, Z, Z));
    assert_int_equal(sent_to(code_deciders(crew.config.code), MESSAGE_PUT_DATA), 3);
    crew_talk(&crew, WRITER, these(B, B, B));
    assert_true(crew_is_waiting(&crew, WRITER));
    crew_talk(&crew, WRITER, these(C, C, C));
    assert_false(crew_is_waiting(&crew, WRITER));
    assert_int_equal(listed_by(tag_of(1)).bits, 1 << B | 1 << C | 1 << Y | 1 << Z);
    /* Where it is, is what they were told. */
    struct voters located;
    assert_true(location_decode(crew_ask(&crew, WRITER)->location, crew.config.code, &located));
    assert_int_equal(located.bits, 1 << Y | 1 << Z);
    crew_close(&crew);
}

static void a_write_takes_three_rounds_and_its_value_to_each_replica(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:5,3", 8);
    const struct voters all = voters_all(8);
    crew_begin_get_tag(&crew, WRITER);
    crew_settle(&crew, WRITER, all, 0);
    assert_int_equal(crew_ask(&crew, WRITER)->round_count, 1);
    struct crew_spent spent = spend();
    assert_int_equal(spent.message_count, 8);
    assert_int_equal(spent.bytes_sent + spent.bytes_answered, 0);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_settle(&crew, WRITER, all, 0);
    assert_int_equal(crew_ask(&crew, WRITER)->state, ASK_DONE);
    assert_int_equal(crew_ask(&crew, WRITER)->round_count, 2);
    spent = spend();
    assert_int_equal(spent.message_count, 8);
    assert_int_equal(spent.bytes_sent, 3 * VALUE_BYTES + 5 * LOCATION_BYTES);
    assert_int_equal(spent.bytes_answered, 0);
    crew_close(&crew);
}

static void a_write_does_without_as_many_of_each_kind_as_may_be_down(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    unsigned number = 1;
    for (unsigned directory = A; directory <= C; directory++)
        for (unsigned replica = X; replica <= Z; replica++) {
            struct voters up = voters_common(but(directory), but(replica));
            crew_begin_get_tag(&crew, WRITER);
            crew_settle(&crew, WRITER, up, 0);
            assert_int_equal(crew_ask(&crew, WRITER)->state, ASK_DONE);
            put(tag_of(number++), up);
        }
    /* Neither kind can do the other's work. A get-tag says so, before anything has had an effect. */
    static const unsigned down[][2] = {{A, B}, {Y, Z}};
    for (unsigned i = 0; i < 2; i++) {
        crew_begin_get_tag(&crew, WRITER);
        crew_settle(&crew, WRITER, voters_common(but(down[i][0]), but(down[i][1])), 5000 * MS);
        assert_true(crew_is_waiting(&crew, WRITER));
        crew_abandon(&crew, WRITER);
        crew_begin_put(&crew, WRITER, tag_of(number++));
        crew_settle(&crew, WRITER, voters_common(but(down[i][0]), but(down[i][1])), 5000 * MS);
        assert_true(crew_is_waiting(&crew, WRITER));
        crew_abandon(&crew, WRITER);
    }
    crew_close(&crew);
}

static void what_replicas_have_alone_is_no_tag(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(3), these(X, Y, Z), (struct voters){0});
    assert_int_equal(listed_by(tag_of(3)).bits, 1 << X | 1 << Y | 1 << Z);
    crew_begin_get_tag(&crew, READER);
    crew_settle(&crew, READER, ALL, 0);
    assert_true(tag_equal(crew_ask(&crew, READER)->tag, tag_of(1)));
    crew_begin_get(&crew, READER, true, false);
    crew_settle(&crew, READER, ALL, 0);
    assert_read(tag_of(1));
    crew_close(&crew);
}

static void give(unsigned member, enum reply_status status, bool is_full)
{
    struct ask *ask = crew_ask(&crew, WRITER);
    const struct reply reply = {
        .kind = ask_message_kind(ask->kind), .phase = ask->phase, .status = status, .tag.is_full = is_full};
    if (ask->state == ASK_WAITING)
        assert_int_equal(ask_receive(ask, crew.now_ns, member, &reply), AREG_OK);
}

static void a_write_is_refused_at_once_by_too_many_of_one_kind(void **state)
{
    (void)state;
    static const struct {
        struct voters refusing;
        bool is_fatal;
    } cases[] = {{{1 << A}, false},         {{1 << Y}, false},         {{1 << A | 1 << Y}, false},
                 {{1 << A | 1 << C}, true}, {{1 << X | 1 << Z}, true}, {{1 << B | 1 << X | 1 << Y}, true},
                 {{1 << A | 1 << B}, true}};
    crew_open(&crew, "ldr:3,3", 8);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* Shut out: it fails. */
        crew_begin_get_tag(&crew, WRITER);
        crew_send(&crew, WRITER);
        for (unsigned member = 0; member < 6; member++)
            if (voters_has(cases[i].refusing, member))
                give(member, REPLY_DENIED, false);
        const struct ask *ask = crew_ask(&crew, WRITER);
        assert_int_equal(ask->state, cases[i].is_fatal ? ASK_FAILED : ASK_WAITING);
        assert_true(!cases[i].is_fatal || ask->error == AREG_EACCES);
        crew_abandon(&crew, WRITER);
        /* Full: it is told. */
        crew_begin_get_tag(&crew, WRITER);
        crew_send(&crew, WRITER);
        for (unsigned member = 0; member < 6; member++)
            give(member, REPLY_OK, voters_has(cases[i].refusing, member));
        assert_int_equal(ask->state, ASK_DONE);
        const struct voters not_full = voters_minus(ALL, ask->full);
        assert_true(cases[i].is_fatal || code_has_quorum(crew.config.code, not_full));
        crew_abandon(&crew, WRITER);
    }
    /* No replica has room: nobody will ever have the value. */
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_ask(&crew, WRITER)->is_new_value = true;
    crew_send(&crew, WRITER);
    for (unsigned member = X; member <= Z; member++)
        give(member, REPLY_FULL, false);
    assert_int_equal(crew_ask(&crew, WRITER)->state, ASK_FAILED);
    assert_int_equal(crew_ask(&crew, WRITER)->error, AREG_EFULL);
    crew_close(&crew);
}

static void directories_are_asked_for_room_for_a_location_only(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    crew_begin_get_tag(&crew, WRITER);
    crew_send(&crew, WRITER);
    for (unsigned i = 0; i < crew.flight_count; i++) {
        const struct flight *flight = crew.flights[i];
        assert_int_equal(flight->request.get_tag.fragment_bytes, flight->member < X ? LOCATION_BYTES : 100);
    }
    crew_close(&crew);
}

/* ---------------------------------------------------------------- get-data, when all is well */

static void an_uncontended_read_takes_one_round_and_one_value(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    crew_begin_get(&crew, READER, true, false);
    crew_settle(&crew, READER, ALL, 0);
    assert_int_equal(crew_ask(&crew, READER)->state, ASK_DONE);
    assert_int_equal(crew_ask(&crew, READER)->chosen, -1);
    put(tag_of(1), ALL);
    struct voters asked = {0};
    for (unsigned i = 0; i < 50; i++) {
        spend();
        crew_begin_get(&crew, READER, true, false);
        crew_send(&crew, READER);
        for (unsigned j = 0; j < crew.flight_count; j++)
            voters_add(&asked, crew.flights[j]->member);
        crew_settle(&crew, READER, ALL, 0);
        assert_read(tag_of(1));
        const struct crew_spent spent = spend();
        assert_int_equal(spent.message_count, 4);
        assert_int_equal(spent.bytes_sent, 0);
        assert_int_equal(spent.bytes_answered, VALUE_BYTES + 3 * LOCATION_BYTES);
        assert_int_equal(crew_ask(&crew, READER)->round_count, 1);
    }
    /* All replicas have their share. */
    assert_int_equal(asked.bits, ALL.bits);
    crew_close(&crew);
}

static void a_stat_takes_one_round_and_no_value(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    spend();
    crew_begin_get(&crew, READER, false, false);
    crew_settle(&crew, READER, ALL, 0);
    assert_read(tag_of(1));
    const struct crew_spent spent = spend();
    assert_int_equal(spent.message_count, 3);
    assert_int_equal(spent.bytes_answered, 3 * LOCATION_BYTES);
    crew_close(&crew);
}

static void a_read_does_without_a_directory_and_a_replica(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    for (unsigned directory = A; directory <= C; directory++)
        for (unsigned replica = X; replica <= Z; replica++)
            for (unsigned run = 0; run < 10; run++) {
                crew_begin_get(&crew, READER, true, false);
                /* If the replica that is down is asked first, another is, as soon as it is late. */
                crew_settle(&crew, READER, voters_common(but(directory), but(replica)), 2 * crew.hedge_ns);
                assert_read(tag_of(1));
            }
    crew_close(&crew);
}

static void slow_replicas_are_asked_last(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    crew.slow = these(X, Z, Z);
    for (unsigned run = 0; run < 20; run++) {
        crew_begin_get(&crew, READER, true, false);
        crew_send(&crew, READER);
        assert_int_equal(sent_to(these(X, Y, Z), MESSAGE_GET_DATA), 1);
        assert_int_equal(sent_to(these(Y, Y, Y), MESSAGE_GET_DATA), 1);
        crew_settle(&crew, READER, ALL, 0);
        assert_read(tag_of(1));
    }
    crew_close(&crew);
}

static void directories_tell_which_replicas_to_ask(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,5", 8);
    put(tag_of(1), voters_all(8));
    /* The first two replicas lack it. */
    put(tag_of(2), voters_minus(voters_all(8), these(3, 4, 4)));
    for (unsigned run = 0; run < 30; run++) {
        crew_begin_get(&crew, READER, true, false);
        crew_settle(&crew, READER, voters_all(8), 0);
        assert_read(tag_of(2));
        assert_in_range(crew_ask(&crew, READER)->round_count, 1, 2);
    }
    crew_close(&crew);
}

/* ---------------------------------------------------------------- get-data: writing back */

static void what_few_directories_list_is_told_to_the_others_and_costs_no_value(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Y, Y), these(B, B, B));
    crew.slow = these(Z, Z, Z);
    spend();
    crew_begin_get(&crew, READER, true, false);
    crew_talk(&crew, READER, ALL);
    assert_read(tag_of(2));
    assert_int_equal(crew_ask(&crew, READER)->round_count, 2);
    assert_int_equal(listed_by(tag_of(2)).bits, 1 << A | 1 << B | 1 << C | 1 << X | 1 << Y);
    const struct crew_spent spent = spend();
    assert_int_equal(spent.message_count, 4 + 2);
    assert_int_equal(spent.bytes_sent, 2 * LOCATION_BYTES);
    assert_int_equal(spent.bytes_answered, VALUE_BYTES + 3 * LOCATION_BYTES);
    /* All members are to hear that it is complete, also those that were not asked. */
    assert_int_equal(ask_unconfirmed(crew_ask(&crew, READER)).bits, ALL.bits);
    /* A stat writes it back, too. */
    leave(tag_of(3), these(Y, Z, Z), these(A, A, A));
    crew_begin_get(&crew, READER, false, false);
    crew_talk(&crew, READER, ALL);
    assert_read(tag_of(3));
    assert_int_equal(voters_common(listed_by(tag_of(3)), these(A, B, C)).bits, 1 << A | 1 << B | 1 << C);
    crew_close(&crew);
}

static void nothing_is_returned_before_a_majority_of_the_directories_has_it(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Y, Z), these(B, B, B));
    for (unsigned wants_value = 0; wants_value < 2; wants_value++) {
        crew_begin_get(&crew, READER, wants_value, false);
        crew_talk(&crew, READER, these(A, B, X));
        crew_talk(&crew, READER, these(Y, Z, Z));
        assert_true(crew_is_waiting(&crew, READER));
        /* C is late. A is told, and C as well. */
        crew_pass(&crew, crew.hedge_ns);
        crew_send(&crew, READER);
        assert_int_equal(sent_to(these(A, C, C), MESSAGE_PUT_DATA), 2);
        assert_true(crew_is_waiting(&crew, READER));
        /* Somebody else must not see less: nobody has seen anything yet. */
        crew_abandon(&crew, READER);
        while (crew.flight_count > 0)
            crew_lose(&crew, 0);
    }
    crew_begin_get(&crew, READER, true, false);
    crew_settle(&crew, READER, but(C), 2 * crew.hedge_ns);
    assert_read(tag_of(2));
    /* C3': whichever majority is asked next. */
    for (unsigned silent = A; silent <= C; silent++) {
        crew_begin_get(&crew, READER, true, false);
        crew_settle(&crew, READER, but(silent), 2 * crew.hedge_ns);
        assert_read(tag_of(2));
    }
    crew_close(&crew);
}

static void a_write_back_that_is_lost_is_sent_again_whatever_else_arrives(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Y, Z), these(B, B, B));
    crew_begin_get(&crew, READER, true, false);
    crew_send(&crew, READER);
    /* What A answers to the question arrives twice, the second time while the write-back is on its way. */
    for (unsigned i = 0; i < crew.flight_count; i++)
        if (crew.flights[i]->member == A) {
            crew_arrive(&crew, i, true);
            break;
        }
    crew_talk(&crew, READER, these(B, X, Y));
    crew_talk(&crew, READER, these(Z, Z, Z));
    unsigned late = crew.flight_count;
    for (unsigned i = 0; i < crew.flight_count; i++)
        if (crew.flights[i]->member == A && crew.flights[i]->is_reply)
            late = i;
    assert_true(late < crew.flight_count);
    crew_arrive(&crew, late, true);
    crew_pass(&crew, crew.hedge_ns);
    crew_send(&crew, READER);
    assert_int_equal(sent_to(these(A, A, A), MESSAGE_PUT_DATA), 1);
    for (unsigned i = 0; i < crew.flight_count; i++)
        if (crew.flights[i]->member == A && !crew.flights[i]->is_reply &&
            crew.flights[i]->request.kind == MESSAGE_PUT_DATA)
            crew_lose(&crew, i--);
    for (unsigned i = 0; i < crew.flight_count; i++)
        if (crew.flights[i]->member == A && crew.flights[i]->is_reply)
            late = i;
    crew_arrive(&crew, late, false);
    crew_settle(&crew, READER, but(C), 20 * MS);
    assert_read(tag_of(2));
    crew_close(&crew);
}

/* ---------------------------------------------------------------- get-data: what is dropped meanwhile */

static void a_value_that_was_dropped_is_made_good_by_a_newer_one_that_is_complete(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 0);
    put(tag_of(1), ALL);
    crew_begin_get(&crew, READER, true, false);
    crew_talk(&crew, READER, these(A, B, C));
    /* The replica that was asked at once is late, and another is asked; before it hears that, all have dropped it. */
    while (crew.flight_count > 0)
        crew_lose(&crew, 0);
    crew_pass(&crew, crew.hedge_ns);
    crew_send(&crew, READER);
    assert_int_equal(sent_to(these(X, Y, Z), MESSAGE_GET_DATA), 1);
    put(tag_of(2), but(C));
    confirm(tag_of(2), these(X, Y, Z));
    assert_int_equal(voters_common(listed_by(tag_of(1)), these(X, Y, Z)).bits, 0);
    spend();
    crew_talk(&crew, READER, these(X, Y, Z));
    assert_read(tag_of(2));
    assert_int_equal(spend().message_count, 0);
    crew_close(&crew);
}

static void of_the_replicas_that_dropped_it_one_that_has_the_newer_one_is_found(void **state)
{
    (void)state;
    /* Y never got the newer one, X has dropped everything, Z has it and does not know that it is complete. */
    crew_open(&crew, "ldr:3,5", 0);
    enum { P = 3, Q, R, S, T };
    const struct voters directories = voters_all(3);
    const struct voters all = voters_all(8);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_settle(&crew, WRITER, voters_union(directories, these(P, Q, R)), 0);
    crew_begin_get(&crew, READER, true, false);
    crew_talk(&crew, READER, directories);
    crew_begin_put(&crew, OTHER, tag_of(2));
    crew_settle(&crew, OTHER, voters_union(directories, these(R, S, T)), 0);
    assert_false(crew_is_waiting(&crew, OTHER));
    crew_confirm(&crew, P, tag_of(2));
    crew_confirm(&crew, Q, tag_of(2));
    crew_confirm(&crew, R, tag_of(2));
    crew_rot(&crew, R, tag_of(2));
    crew_settle(&crew, READER, voters_minus(all, directories), 100 * MS);
    assert_read(tag_of(2));
    crew_close(&crew);
}

static void a_newer_value_that_no_directory_knows_is_never_returned(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 0);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Y, Z), (struct voters){0});
    for (unsigned run = 0; run < 20; run++) {
        crew_begin_get(&crew, READER, true, false);
        crew_settle(&crew, READER, ALL, crew.hedge_ns);
        assert_read(tag_of(1));
        assert_int_equal(crew_ask(&crew, READER)->round_count, 2); /* The newest value was not the right one. */
    }
    crew_close(&crew);
}

static void what_a_directory_has_trimmed_counts(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    /* Tag 2 has completed when the question is asked; B does not have it. */
    put(tag_of(2), but(B));
    crew_begin_get(&crew, READER, false, false);
    crew_talk(&crew, READER, these(B, B, B));
    /* Tag 3 completes without A, which hears of it and drops tag 2. */
    put(tag_of(3), but(A));
    confirm(tag_of(3), these(A, A, A));
    const struct data_reply list = crew_list(&crew, A);
    assert_int_equal(list.entry_count, 0);
    assert_true(tag_equal(list.trimmed, tag_of(2)));
    crew_talk(&crew, READER, these(A, A, A));
    assert_true(crew_is_waiting(&crew, READER)); /* B has told of tag 1 only. */
    crew_settle(&crew, READER, but(C), 100 * MS);
    assert_read(tag_of(3));
    crew_close(&crew);
}

/* ---------------------------------------------------------------- get-data: damage */

static void a_damaged_value_is_fetched_elsewhere(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    crew_rot(&crew, X, tag_of(1));
    crew_rot(&crew, Z, tag_of(1));
    for (unsigned run = 0; run < 10; run++) {
        crew_begin_get(&crew, READER, true, false);
        crew_settle(&crew, READER, ALL, 0);
        assert_read(tag_of(1));
    }
    crew_rot(&crew, Y, tag_of(1));
    crew_begin_get(&crew, READER, true, false);
    crew_settle(&crew, READER, ALL, 5000 * MS);
    assert_int_equal(crew_ask(&crew, READER)->state, ASK_FAILED);
    assert_int_equal(crew_ask(&crew, READER)->error, AREG_ECORRUPT);
    /* Nobody needs it for a stat. */
    crew_begin_get(&crew, READER, false, false);
    crew_settle(&crew, READER, ALL, 0);
    assert_read(tag_of(1));
    crew_close(&crew);
}

static void where_a_value_is_can_be_damaged_too(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Z, Z), these(B, B, B));
    crew_rot(&crew, B, tag_of(2));
    crew_begin_get(&crew, READER, true, false);
    crew_settle(&crew, READER, ALL, crew.hedge_ns);
    assert_read(tag_of(2));
    /* Any of the replicas may have it, is what the others are told. */
    struct voters located;
    assert_true(location_decode(crew_ask(&crew, READER)->location, crew.config.code, &located));
    assert_int_equal(located.bits, 1 << X | 1 << Y | 1 << Z);
    crew_close(&crew);
}

static void a_value_that_is_damaged_on_its_way_is_asked_for_again(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:1,1", 8);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_settle(&crew, WRITER, voters_all(2), 0);
    crew_begin_get(&crew, READER, true, false);
    for (unsigned bent_count = 0; bent_count < 6;) {
        crew_send(&crew, READER);
        if (crew.flight_count == 0) {
            crew_pass(&crew, crew_ask(&crew, READER)->wake_ns - crew.now_ns);
            continue;
        }
        struct flight *flight = crew.flights[0];
        if (flight->is_reply && flight->payload.bytes == VALUE_BYTES) {
            buffer_at(flight->payload.owner)[3] ^= 8;
            bent_count++;
        }
        crew_arrive(&crew, 0, false);
        assert_true(crew_is_waiting(&crew, READER));
    }
    crew_settle(&crew, READER, voters_all(2), 1000 * MS);
    assert_read(tag_of(1));
    crew_close(&crew);
}

/* What the replica answers to the reader is lost or bent, until it has sent the value so often. */
static void spoil_values(bool is_bent, unsigned times)
{
    for (unsigned count = 0; count < times && crew_is_waiting(&crew, READER);) {
        crew_send(&crew, READER);
        if (crew.flight_count == 0) {
            crew_pass(&crew, crew_ask(&crew, READER)->wake_ns - crew.now_ns);
            continue;
        }
        struct flight *flight = crew.flights[0];
        const bool is_value = flight->is_reply && flight->payload.bytes == VALUE_BYTES;
        count += is_value;
        if (is_value && !is_bent) {
            crew_lose(&crew, 0);
            continue;
        }
        if (is_value)
            buffer_at(flight->payload.owner)[3] ^= 8;
        crew_arrive(&crew, 0, false);
    }
}

static void only_a_value_that_is_damaged_on_its_way_time_after_time_is_lost(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:1,1", 8);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_settle(&crew, WRITER, voters_all(2), 0);
    crew_begin_get(&crew, READER, true, false);
    spoil_values(false, 30);
    spoil_values(true, 10);
    assert_true(crew_is_waiting(&crew, READER));
    spoil_values(true, 100);
    assert_int_equal(crew_ask(&crew, READER)->error, AREG_ECORRUPT);
    crew_close(&crew);
}

static void deletes_and_empty_values_are_read_without_a_replica(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    const struct tag empty = {6, 1};
    put(empty, ALL);
    crew_begin_get(&crew, READER, true, false);
    crew_talk(&crew, READER, these(A, B, C));
    assert_read(empty);
    crew_close(&crew);
}

/* ---------------------------------------------------------------- successors */

static void only_directories_are_told_of_a_successor_and_show_it(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    crew_begin_get(&crew, READER, true, true);
    unsigned told_count = 0;
    crew_send(&crew, READER);
    while (crew_is_waiting(&crew, READER) && crew.flight_count > 0) {
        const struct flight *flight = crew.flights[0];
        if (!flight->is_reply && flight->request.kind == MESSAGE_WRITE_CONFIG) {
            told_count++;
            assert_true(flight->member < X);
        }
        crew_arrive(&crew, 0, false);
        crew_send(&crew, READER);
    }
    assert_in_range(told_count, 2, 3);
    assert_int_equal(crew_ask(&crew, READER)->state, ASK_DONE);
    assert_true(crew_has_read(&crew, READER));
    crew_close(&crew);
}

static void the_last_phase_of_a_put_tells_of_a_successor(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    crew_begin_get(&crew, READER, true, true);
    crew_settle(&crew, READER, ALL, 0);
    crew_begin_put(&crew, WRITER, tag_of(1));
    crew_talk(&crew, WRITER, these(X, Y, Z));
    assert_false(ask_sees_next(crew_ask(&crew, WRITER)));
    crew_talk(&crew, WRITER, these(A, A, A));
    assert_true(ask_sees_next(crew_ask(&crew, WRITER)));
    crew_close(&crew);
}

static void a_read_that_sees_a_successor_leaves_the_rest_to_the_operation(void **state)
{
    (void)state;
    crew_open(&crew, "ldr:3,3", 8);
    put(tag_of(1), ALL);
    leave(tag_of(2), these(X, Y, Z), these(B, B, B));
    crew_begin_get(&crew, OTHER, true, true);
    crew_settle(&crew, OTHER, ALL, 0);
    assert_true(crew_has_read(&crew, OTHER));
    assert_true(tag_equal(crew_ask(&crew, OTHER)->tag, tag_of(2)));
    for (unsigned wants_value = 0; wants_value < 2; wants_value++) {
        crew_begin_get(&crew, READER, wants_value, false);
        crew_settle(&crew, READER, ALL, crew.hedge_ns);
        const struct ask *ask = crew_ask(&crew, READER);
        assert_int_equal(ask->state, ASK_DONE);
        assert_false(ask->is_complete);
        assert_true(tag_equal(ask->tag, tag_of(2)));
        /* Put into the next one it must be, so the value is there, wanted or not. */
        assert_true(ask->candidates[ask->chosen].value.present.bits != 0);
    }
    assert_int_equal(voters_common(listed_by(tag_of(2)), these(A, B, C)).bits, 1 << B);
    crew_close(&crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_hear_of_a_value_when_a_majority_of_the_replicas_has_it),
        cmocka_unit_test(a_write_takes_three_rounds_and_its_value_to_each_replica),
        cmocka_unit_test(a_write_does_without_as_many_of_each_kind_as_may_be_down),
        cmocka_unit_test(what_replicas_have_alone_is_no_tag),
        cmocka_unit_test(a_write_is_refused_at_once_by_too_many_of_one_kind),
        cmocka_unit_test(directories_are_asked_for_room_for_a_location_only),
        cmocka_unit_test(an_uncontended_read_takes_one_round_and_one_value),
        cmocka_unit_test(a_stat_takes_one_round_and_no_value),
        cmocka_unit_test(a_read_does_without_a_directory_and_a_replica),
        cmocka_unit_test(slow_replicas_are_asked_last),
        cmocka_unit_test(directories_tell_which_replicas_to_ask),
        cmocka_unit_test(what_few_directories_list_is_told_to_the_others_and_costs_no_value),
        cmocka_unit_test(nothing_is_returned_before_a_majority_of_the_directories_has_it),
        cmocka_unit_test(a_write_back_that_is_lost_is_sent_again_whatever_else_arrives),
        cmocka_unit_test(a_value_that_was_dropped_is_made_good_by_a_newer_one_that_is_complete),
        cmocka_unit_test(of_the_replicas_that_dropped_it_one_that_has_the_newer_one_is_found),
        cmocka_unit_test(a_newer_value_that_no_directory_knows_is_never_returned),
        cmocka_unit_test(what_a_directory_has_trimmed_counts),
        cmocka_unit_test(a_damaged_value_is_fetched_elsewhere),
        cmocka_unit_test(where_a_value_is_can_be_damaged_too),
        cmocka_unit_test(a_value_that_is_damaged_on_its_way_is_asked_for_again),
        cmocka_unit_test(only_a_value_that_is_damaged_on_its_way_time_after_time_is_lost),
        cmocka_unit_test(deletes_and_empty_values_are_read_without_a_replica),
        cmocka_unit_test(only_directories_are_told_of_a_successor_and_show_it),
        cmocka_unit_test(the_last_phase_of_a_put_tells_of_a_successor),
        cmocka_unit_test(a_read_that_sees_a_successor_leaves_the_rest_to_the_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
