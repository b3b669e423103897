/*
 * Rule R and the T0 rule (PROTOCOL §3) against the truth: all states that members can be in after some writes have
 * completed and others have not, all sets of members that reply. What a get-data returns is never below the largest
 * completed tag, it is the value that was put, and if the rule lets it return something, it does.
 *
 * The rule is written down a second time here, from its text.
 */
#include "members.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct members members;

/* What has reached a member of the tags 1..tag_count: it lists those above `trimmed`. */
struct fate {
    unsigned reached; /* bit z - 1 */
    unsigned trimmed; /* 0, or the largest z that was dropped, one of those that reached it */
};

enum { FATE_MAX = 200 };

static unsigned all_fates(unsigned tag_count, struct fate fates[FATE_MAX])
{
    unsigned count = 0;
    for (unsigned reached = 0; reached < 1u << tag_count; reached++)
        for (unsigned trimmed = 0; trimmed <= tag_count; trimmed++)
            if (trimmed == 0 || (reached >> (trimmed - 1) & 1))
                fates[count++] = (struct fate){reached, trimmed};
    return count;
}

static bool lists(struct fate fate, unsigned z)
{
    return z > fate.trimmed && (fate.reached >> (z - 1) & 1);
}

static bool may_have_had(struct fate fate, unsigned z)
{
    return lists(fate, z) || fate.trimmed >= z;
}

/* ---------------------------------------------------------------- the rule, from its text */

/* The largest tag that at least so many of these repliers list or have trimmed a tag at or above as must have had a
 * completed one. */
static unsigned t0_of_all(const struct fate *fates, const unsigned *repliers, unsigned replier_count,
                          unsigned tag_count)
{
    const struct code code = members.config.code;
    for (unsigned z = tag_count; z > 0; z--) {
        unsigned maybe = 0;
        bool is_named = false; /* listed by someone, or just what someone has trimmed */
        for (unsigned i = 0; i < replier_count; i++) {
            maybe += may_have_had(fates[repliers[i]], z);
            is_named = is_named || lists(fates[repliers[i]], z) || fates[repliers[i]].trimmed == z;
        }
        if (is_named && maybe + code.n - code_quorum(code) >= replier_count)
            return z;
    }
    return 0;
}

/* The smallest of what the first q repliers tell, and the first q + 1, and so on. */
static unsigned t0_of(const struct fate *fates, const unsigned *repliers, unsigned replier_count, unsigned tag_count)
{
    unsigned t0 = tag_count;
    for (unsigned count = code_quorum(members.config.code); count <= replier_count; count++) {
        const unsigned told = t0_of_all(fates, repliers, count, tag_count);
        t0 = told < t0 ? told : t0;
    }
    return t0;
}

static unsigned holders_of(const struct fate *fates, const unsigned *repliers, unsigned replier_count, unsigned z)
{
    unsigned holders = 0;
    for (unsigned i = 0; i < replier_count; i++)
        holders += lists(fates[repliers[i]], z);
    return holders;
}

/* ---------------------------------------------------------------- the truth */

/* The largest tag that has reached a quorum: its put-data may have completed. */
static unsigned completed_of(const struct fate *fates, unsigned n, unsigned tag_count)
{
    for (unsigned z = tag_count; z > 0; z--) {
        unsigned reached = 0;
        for (unsigned i = 0; i < n; i++)
            reached += fates[i].reached >> (z - 1) & 1;
        if (reached >= code_quorum(members.config.code))
            return z;
    }
    return 0;
}

/* ---------------------------------------------------------------- one case */

static void set_up(const struct fate *fates, unsigned n, unsigned tag_count, unsigned confirmed)
{
    members_reset(&members);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned z = 1; z <= tag_count; z++)
            if (lists(fates[i], z))
                members_hold(&members, i, z);
        members.made[i].trimmed = fates[i].trimmed ? tag_of(fates[i].trimmed) : TAG_ZERO;
    }
    if (confirmed)
        members.made[0].confirmed = tag_of(confirmed);
}

static void answer_fetches(const bool *is_replier)
{
    for (unsigned turn = 0; members.ask.state == ASK_WAITING && members.ask.due.bits; turn++) {
        assert_true(turn < 100);
        const unsigned from = members.sent_count;
        members_take(&members);
        for (unsigned i = from; i < members.sent_count && members.ask.state == ASK_WAITING; i++)
            if (is_replier[members.sent[i].member_index])
                members_answer(&members, members.sent[i].member_index);
    }
}

static void judge(const struct fate *fates, unsigned n, unsigned tag_count, const unsigned *repliers,
                  unsigned replier_count, unsigned confirmed)
{
    const unsigned q = code_quorum(members.config.code);
    const unsigned t0 = t0_of(fates, repliers, replier_count, tag_count);
    bool has_readable = false;
    for (unsigned z = t0 > 0 ? t0 : 1; z <= tag_count; z++)
        has_readable = has_readable || holders_of(fates, repliers, replier_count, z) >= members.config.code.k;
    const bool may_return = t0 == 0 || has_readable;
    assert_true(t0 >= completed_of(fates, n, tag_count));
    assert_int_equal(members.ask.state, may_return ? ASK_DONE : ASK_WAITING);
    if (!may_return) {
        /* It will ask again, and soon. */
        assert_true(members.ask.again_ns < members.now_ns + 4 * ASK_AGAIN_NS_MIN);
        return;
    }
    if (!has_readable) {
        assert_int_equal(members.ask.chosen, -1);
        return;
    }
    assert_true(members.ask.chosen >= 0);
    const unsigned z = (unsigned)members.ask.tag.z;
    assert_true(z >= t0 && z <= tag_count);
    assert_true(members_read(&members, z));
    unsigned known_holders = 0;
    bool is_known_confirmed = false;
    for (unsigned i = 0; i < replier_count; i++) {
        known_holders += lists(fates[repliers[i]], z);
        is_known_confirmed = is_known_confirmed || (repliers[i] == 0 && confirmed >= z);
    }
    assert_int_equal(members.ask.is_complete, known_holders >= q || is_known_confirmed);
}

/* The first q repliers answer, then the others; the rest is silent. */
static void run_case(const struct fate *fates, unsigned tag_count, const unsigned *repliers, unsigned replier_count)
{
    const unsigned n = members.config.code.n;
    const unsigned completed = completed_of(fates, n, tag_count);
    for (unsigned is_confirmed = 0; is_confirmed <= (completed > 0); is_confirmed++) {
        bool is_replier[MEMBER_COUNT_MAX] = {false};
        set_up(fates, n, tag_count, is_confirmed ? completed : 0);
        members_begin_get(&members, true);
        members_take(&members);
        unsigned heard = 0;
        for (; heard < replier_count && members.ask.state == ASK_WAITING; heard++) {
            is_replier[repliers[heard]] = true;
            members_answer(&members, repliers[heard]);
            assert_true(heard + 1 >= code_quorum(members.config.code) || members.ask.state == ASK_WAITING);
            answer_fetches(is_replier);
        }
        /* The silent are late now. */
        for (unsigned i = 0; i < 2 && members.ask.state == ASK_WAITING && members.ask.again_ns == UINT64_MAX; i++) {
            members_pass(&members, members.hedge_ns);
            answer_fetches(is_replier);
        }
        judge(fates, n, tag_count, repliers, heard, is_confirmed ? completed : 0);
    }
}

/* All sets of q repliers in front, with all sets of the others behind. */
static void run_all_repliers(const struct fate *fates, unsigned tag_count)
{
    const unsigned n = members.config.code.n;
    const unsigned q = code_quorum(members.config.code);
    for (unsigned front = 0; front < 1u << n; front++) {
        if ((unsigned)__builtin_popcount(front) != q)
            continue;
        for (unsigned behind = 0; behind < 1u << n; behind++) {
            if (behind & front)
                continue;
            unsigned repliers[MEMBER_COUNT_MAX];
            unsigned count = 0;
            for (unsigned i = 0; i < n; i++)
                if (front >> i & 1)
                    repliers[count++] = i;
            for (unsigned i = 0; i < n; i++)
                if (behind >> i & 1)
                    repliers[count++] = i;
            run_case(fates, tag_count, repliers, count);
        }
    }
}

static void run_all_states(const char *code, unsigned tag_count)
{
    static struct fate possible[FATE_MAX];
    const unsigned possible_count = all_fates(tag_count, possible);
    members_open(&members, code);
    const unsigned n = members.config.code.n;
    unsigned digits[MEMBER_COUNT_MAX] = {0};
    for (;;) {
        struct fate fates[MEMBER_COUNT_MAX];
        for (unsigned i = 0; i < n; i++)
            fates[i] = possible[digits[i]];
        run_all_repliers(fates, tag_count);
        unsigned i = 0;
        while (i < n && ++digits[i] == possible_count)
            digits[i++] = 0;
        if (i == n)
            break;
    }
    members_close(&members);
}

static void every_state_of_up_to_three_members_and_three_tags_is_answered_by_the_rule(void **state)
{
    (void)state;
    static const char *const codes[] = {"repl:1", "repl:2", "rs:2,2", "rs:3,1", "rs:3,2", "rs:3,3"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        run_all_states(codes[i], 3);
}

static void every_state_of_four_members_and_two_tags_is_answered_by_the_rule(void **state)
{
    (void)state;
    static const char *const codes[] = {"repl:4", "rs:4,2", "rs:4,3"};
    for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++)
        run_all_states(codes[i], 2);
}

/* ---------------------------------------------------------------- larger ones, at random */

/* Every member's fate is drawn so that there is often a completed tag, and partial ones around it. */
static void draw(struct random_source *random, struct fate *fates, unsigned n, unsigned tag_count)
{
    for (unsigned i = 0; i < n; i++)
        fates[i] = (struct fate){0, 0};
    for (unsigned z = 1; z <= tag_count; z++) {
        const unsigned percent = (unsigned)random_below(random, 110);
        for (unsigned i = 0; i < n; i++)
            if (random_below(random, 100) < percent)
                fates[i].reached |= 1u << (z - 1);
    }
    const unsigned percent = (unsigned)random_below(random, 60);
    for (unsigned i = 0; i < n; i++)
        for (unsigned z = 1; z <= tag_count; z++)
            if ((fates[i].reached >> (z - 1) & 1) && random_below(random, 100) < percent)
                fates[i].trimmed = z;
}

static void shuffle(struct random_source *random, unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        order[i] = i;
    for (unsigned i = count; i > 1; i--) {
        const unsigned j = (unsigned)random_below(random, i);
        const unsigned swapped = order[i - 1];
        order[i - 1] = order[j];
        order[j] = swapped;
    }
}

static void random_states_of_many_members_are_answered_by_the_rule(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "rs:5,2", "repl:5", "rs:6,4", "rs:7,3", "rs:9,5", "rs:9,8", "rs:4,3"};
    struct random_source random = test_random();
    for (unsigned which = 0; which < sizeof codes / sizeof codes[0]; which++) {
        members_open(&members, codes[which]);
        const unsigned n = members.config.code.n;
        const unsigned q = code_quorum(members.config.code);
        for (unsigned run = 0; run < 6000; run++) {
            struct fate fates[MEMBER_COUNT_MAX];
            unsigned order[MEMBER_COUNT_MAX];
            const unsigned tag_count = 1 + (unsigned)random_below(&random, 5);
            draw(&random, fates, n, tag_count);
            shuffle(&random, order, n);
            run_case(fates, tag_count, order, q + (unsigned)random_below(&random, n - q + 1));
        }
        members_close(&members);
    }
}

/* ---------------------------------------------------------------- to the end, whatever happens on the way */

struct event {
    uint64_t due_ns;
    unsigned member_index;
    struct get_data wanted;
};

enum { EVENT_MAX = 4096 };

static struct event events[EVENT_MAX];
static unsigned event_count;

static void take_to_events(struct random_source *random, const bool *is_silent)
{
    unsigned from = members.sent_count;
    members_take(&members);
    for (; from < members.sent_count; from++) {
        const struct sent *sent = &members.sent[from];
        if (is_silent[sent->member_index] || random_below(random, 20) == 0)
            continue; /* lost */
        for (unsigned copies = 1 + (random_below(random, 10) == 0); copies > 0 && event_count < EVENT_MAX; copies--)
            events[event_count++] =
                (struct event){members.now_ns + random_below(random, 20 * MS), sent->member_index, sent->wanted};
    }
}

static void step(struct random_source *random)
{
    unsigned first = event_count;
    for (unsigned i = 0; i < event_count; i++)
        if (first == event_count || events[i].due_ns < events[first].due_ns)
            first = i;
    if (first == event_count || events[first].due_ns > members.ask.wake_ns) {
        const uint64_t wake_ns = members.ask.wake_ns;
        assert_true(wake_ns < UINT64_MAX);
        members_pass(&members, wake_ns > members.now_ns ? wake_ns - members.now_ns : 0);
        return;
    }
    const struct event event = events[first];
    events[first] = events[--event_count];
    if (event.due_ns > members.now_ns)
        members.now_ns = event.due_ns;
    members.last_wanted[event.member_index] = event.wanted;
    if (random_below(random, 15) == 0)
        members_refuse(&members, event.member_index, random_below(random, 2) ? REPLY_BUSY : REPLY_INVALID);
    else
        members_answer(&members, event.member_index);
}

/* Some fragments are damaged, each in some way. */
static unsigned spoil(struct random_source *random, unsigned n)
{
    unsigned spoiled = 0;
    for (unsigned i = 0; i < n; i++) {
        struct made_member *made = &members.made[i];
        for (unsigned j = 0; j < made->held_count; j++) {
            if (random_below(random, 12))
                continue;
            const uint64_t how = random_below(random, 3);
            made->held[j].flags = how == 0 ? ENTRY_DAMAGED : 0;
            made->held[j].is_rotten = how == 1;
            made->held[j].is_bent = how == 2;
            spoiled++;
        }
    }
    return spoiled;
}

static unsigned intact_holders(const bool *is_silent, unsigned n, unsigned z)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < members.made[i].held_count && !is_silent[i]; j++) {
            const struct held *held = &members.made[i].held[j];
            count += tag_equal(held->tag, tag_of(z)) && !held->flags && !held->is_rotten && !held->is_bent;
        }
    return count;
}

static void one_that_can_end_ends(struct random_source *random, unsigned silent_max)
{
    struct fate fates[MEMBER_COUNT_MAX];
    const unsigned n = members.config.code.n;
    const unsigned tag_count = 1 + (unsigned)random_below(random, 5);
    draw(random, fates, n, tag_count);
    set_up(fates, n, tag_count, 0);
    members.random.state = random_next(random);
    const unsigned spoiled = random_below(random, 2) ? spoil(random, n) : 0;
    bool is_silent[MEMBER_COUNT_MAX] = {false};
    unsigned repliers[MEMBER_COUNT_MAX];
    unsigned replier_count = 0;
    for (unsigned i = 0; i < silent_max; i++)
        is_silent[random_below(random, n)] = random_below(random, 2);
    for (unsigned i = 0; i < n; i++)
        if (!is_silent[i])
            repliers[replier_count++] = i;
    /* In the end T0 is at most what all who can reply tell; whatever decodes above it can be returned. */
    const unsigned t0_max = t0_of(fates, repliers, replier_count, tag_count);
    bool can_end = t0_max == 0;
    for (unsigned z = t0_max; z > 0 && z <= tag_count; z++)
        can_end = can_end || intact_holders(is_silent, n, z) >= members.config.code.k;

    event_count = 0;
    members_begin_get(&members, random_below(random, 4) != 0);
    const uint64_t until_ns = members.now_ns + 30 * ASK_RETRY_NS_MAX;
    while (members.ask.state == ASK_WAITING && members.now_ns < until_ns && members.sent_count < SENT_MAX - 64 &&
           event_count < EVENT_MAX - 64) {
        take_to_events(random, is_silent);
        step(random);
    }
    if (can_end)
        assert_int_equal(members.ask.state, ASK_DONE);
    if (members.ask.state == ASK_FAILED) {
        assert_int_equal(members.ask.error, AREG_ECORRUPT);
        assert_true(spoiled > 0);
    }
    if (members.ask.state != ASK_DONE)
        return;
    const unsigned z = members.ask.chosen < 0 ? 0 : (unsigned)members.ask.tag.z;
    assert_true(z >= completed_of(fates, n, tag_count));
    if (z > 0 && members.ask.wants_value)
        assert_true(members_read(&members, z));
}

static void whatever_can_end_ends_and_is_right_in_a_bad_network(void **state)
{
    (void)state;
    static const char *const codes[] = {"rs:5,3", "repl:3", "rs:7,3", "rs:9,5", "rs:6,6", "rs:4,2"};
    struct random_source random = test_random();
    for (unsigned which = 0; which < sizeof codes / sizeof codes[0]; which++) {
        members_open(&members, codes[which]);
        for (unsigned run = 0; run < 1500; run++)
            one_that_can_end_ends(&random, code_tolerance(members.config.code));
        members_close(&members);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_of_up_to_three_members_and_three_tags_is_answered_by_the_rule),
        cmocka_unit_test(every_state_of_four_members_and_two_tags_is_answered_by_the_rule),
        cmocka_unit_test(random_states_of_many_members_are_answered_by_the_rule),
        cmocka_unit_test(whatever_can_end_ends_and_is_right_in_a_bad_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
