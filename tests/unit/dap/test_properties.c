/*
 * What every DAP promises (ARES, section 2), over random schedules: many primitives at a time, in any order, some of
 * them abandoned half way; messages that are late, lost and doubled; members that trim what is superseded.
 *
 *   C1   what begins after a put-data of t has completed returns t or more
 *   C2   what a get-data returns was put, under this tag
 *   C3'  what begins after a get-data has said that t is complete returns t or more
 *   link what a transfer finds is t or more, for every t that was completed without a successor being shown, whichever
 *        of the two ended first (trap 7)
 *
 * And all of them come to an end with as many members down as the code tolerates.
 */
#include "crew.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum op_kind { OP_NONE, OP_GET_TAG, OP_GET, OP_STAT, OP_MOVE, OP_PUT };

struct op {
    enum op_kind kind;
    struct tag floor; /* what had completed when it began */
    struct tag tag;   /* PUT */
};

enum { TAG_MAX = 400 };

static struct crew crew;
static struct op ops[ASKER_MAX];
static struct tag put[TAG_MAX]; /* all that were ever begun to be put */
static unsigned put_count;
static struct tag completed; /* the largest that a put-data has completed, or a get-data has called complete */
static struct tag settled;   /* the same, but for put-data that has seen a successor */
static struct tag moved;     /* the smallest that a transfer has found */
static unsigned done_counts[OP_PUT + 1];

static bool was_put(struct tag tag)
{
    for (unsigned i = 0; i < put_count; i++)
        if (tag_equal(put[i], tag))
            return true;
    return false;
}

/* ---------------------------------------------------------------- beginning and ending */

static void begin(struct random_source *random, unsigned asker, bool may_move)
{
    struct op *op = &ops[asker];
    *op = (struct op){.kind = (enum op_kind)(OP_GET_TAG + random_below(random, 5)), .floor = completed};
    if (op->kind == OP_MOVE && !may_move)
        op->kind = OP_GET;
    if (op->kind == OP_PUT && put_count == TAG_MAX)
        op->kind = OP_GET_TAG;
    switch (op->kind) {
    case OP_GET_TAG:
        crew_begin_get_tag(&crew, asker);
        break;
    case OP_PUT:
        op->tag = (struct tag){completed.z + random_below(random, 4), 1 + put_count};
        op->tag.z += op->tag.z == 0;
        put[put_count++] = op->tag;
        crew_begin_put(&crew, asker, op->tag);
        break;
    default:
        crew_begin_get(&crew, asker, op->kind != OP_STAT, op->kind == OP_MOVE);
    }
}

static void note_completed(struct tag tag, bool is_settled)
{
    completed = tag_max(completed, tag);
    if (!is_settled)
        return;
    settled = tag_max(settled, tag);
    assert_true(tag_compare(moved, tag) >= 0); /* link */
}

static void judge_get(const struct op *op, unsigned asker)
{
    const struct ask *ask = crew_ask(&crew, asker);
    if (ask->chosen >= 0) {
        assert_true(was_put(ask->tag)); /* C2 */
        assert_true(op->kind == OP_STAT || crew_has_read(&crew, asker));
    }
    if (op->kind == OP_MOVE) {
        assert_true(tag_compare(ask->tag, settled) >= 0); /* link */
        moved = tag_compare(ask->tag, moved) < 0 ? ask->tag : moved;
    } else if (ask->is_complete && ask->chosen >= 0) {
        note_completed(ask->tag, true); /* C3' */
    }
    /* LDR's leaves nothing to be written back. */
    if (crew.config.code.dap == DAP_LDR && op->kind != OP_MOVE && !ask_sees_next(ask))
        assert_true(ask->is_complete);
}

static void judge(unsigned asker)
{
    struct op *op = &ops[asker];
    const struct ask *ask = crew_ask(&crew, asker);
    if (op->kind == OP_NONE || crew_is_waiting(&crew, asker))
        return;
    assert_int_equal(ask->state, ASK_DONE);
    done_counts[op->kind]++;
    if (op->kind == OP_PUT)
        note_completed(op->tag, !ask_sees_next(ask));
    else
        assert_true(tag_compare(ask->tag, op->floor) >= 0); /* C1 */
    if (op->kind != OP_PUT && op->kind != OP_GET_TAG)
        judge_get(op, asker);
    op->kind = OP_NONE;
}

/* ---------------------------------------------------------------- schedules */

static void let_time_pass(void)
{
    uint64_t wake_ns = UINT64_MAX;
    for (unsigned i = 0; i < ASKER_MAX; i++)
        if (crew_is_waiting(&crew, i) && crew_ask(&crew, i)->wake_ns < wake_ns)
            wake_ns = crew_ask(&crew, i)->wake_ns;
    crew_pass(&crew, wake_ns == UINT64_MAX || wake_ns < crew.now_ns ? 1 : wake_ns - crew.now_ns);
}

static void step(struct random_source *random, bool may_move)
{
    const unsigned asker = (unsigned)random_below(random, ASKER_MAX);
    const unsigned chance = (unsigned)random_below(random, 1000);
    /* Mostly one of the oldest: otherwise the messages of what is over keep all others waiting. */
    const unsigned among = random_below(random, 4) && crew.flight_count > 16 ? 16 : crew.flight_count;
    const unsigned flight = among ? (unsigned)random_below(random, among) : 0;
    if (chance < 100 && ops[asker].kind == OP_NONE) {
        begin(random, asker, may_move);
    } else if (chance < 105 && ops[asker].kind != OP_NONE) {
        crew_abandon(&crew, asker);
        ops[asker].kind = OP_NONE;
    } else if (chance < 125 && !tag_is_zero(settled)) {
        crew_confirm(&crew, (unsigned)random_below(random, crew.config.member_count), settled);
    } else if (chance < 130 || crew.flight_count == 0) {
        let_time_pass();
    } else if (chance < 140) {
        crew_lose(&crew, flight);
    } else {
        crew_arrive(&crew, flight, chance < 170 && crew.flight_count < FLIGHT_MAX / 2);
    }
    crew_pass(&crew, random_below(random, MS / 4));
    for (unsigned i = 0; i < ASKER_MAX; i++) {
        crew_send(&crew, i);
        judge(i);
    }
}

static void end_all(struct random_source *random)
{
    struct voters up = voters_all(crew.config.member_count);
    for (unsigned i = 0; i < code_tolerance(crew.config.code); i++)
        voters_remove(&up, (unsigned)random_below(random, crew.config.member_count));
    for (unsigned i = 0; i < ASKER_MAX; i++) {
        crew_settle(&crew, i, up, 60000 * MS);
        assert_false(crew_is_waiting(&crew, i));
        judge(i);
    }
}

static void run(struct random_source *random, const char *code)
{
    crew_open(&crew, code, (unsigned)random_below(random, 3));
    memset(ops, 0, sizeof ops);
    put_count = 0;
    completed = settled = TAG_ZERO;
    moved = TAG_ABOVE_ALL;
    const unsigned step_count = 300 + (unsigned)random_below(random, 1500);
    const unsigned move_after = (unsigned)random_below(random, step_count + step_count / 4);
    for (unsigned i = 0; i < step_count; i++)
        step(random, i > move_after);
    end_all(random);
    crew_close(&crew);
}

static void check_code(const char *code)
{
    struct random_source random = test_random();
    memset(done_counts, 0, sizeof done_counts);
    for (unsigned i = 0; i < 240; i++)
        run(&random, code);
    for (enum op_kind kind = OP_GET_TAG; kind <= OP_PUT; kind++)
        assert_true(done_counts[kind] > 100);
}

static void replication_keeps_what_it_promises(void **state)
{
    (void)state;
    check_code("repl:3");
    check_code("repl:4");
}

static void treas_keeps_what_it_promises(void **state)
{
    (void)state;
    check_code("rs:5,3");
    check_code("rs:6,2");
}

static void ldr_keeps_what_it_promises(void **state)
{
    (void)state;
    static const char *const codes[] = {"ldr:3,3", "ldr:5,3", "ldr:1,1", "ldr:2,4", "ldr:1,5", "ldr:4,1"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        check_code(codes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replication_keeps_what_it_promises),
        cmocka_unit_test(treas_keeps_what_it_promises),
        cmocka_unit_test(ldr_keeps_what_it_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
