/* Changes of a configuration: the words, and what they make of it. */
#include "reconfig/change.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { WORD_COUNT_MAX = 16 };

/* ---------------------------------------------------------------- what the cases share */

/* A configuration of hosts s1, s2, ... at ports 7601, 7602, ... */
static struct config config_of(const char *code)
{
    struct config config = {.shard = 3, .index = 7, .delta = 8};
    assert_int_equal(code_parse(code, &config.code), AREG_OK);
    config.member_count = config.code.n;
    for (unsigned i = 0; i < config.member_count; i++) {
        snprintf(config.members[i].id.text, sizeof config.members[i].id.text, "s%u", i + 1);
        snprintf(config.members[i].address, sizeof config.members[i].address, "tcp://127.0.0.1:%u", 7601 + i);
        config.members[i].incarnation = 100 + i;
    }
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    config_encode(&config, encoded, sizeof encoded);
    return config;
}

/* The words of a line; `storage` holds their bytes. */
static unsigned split(const char *line, char storage[256], const char *words[WORD_COUNT_MAX])
{
    unsigned count = 0;
    snprintf(storage, 256, "%s", line);
    char *rest = storage;
    for (char *word = strtok_r(storage, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        assert_true(count < WORD_COUNT_MAX);
        words[count++] = word;
    }
    return count;
}

static enum areg_error parse(const char *line, struct change *change, char why[CHANGE_WHY_BYTES])
{
    char storage[256];
    const char *words[WORD_COUNT_MAX];
    const unsigned count = split(line, storage, words);
    return change_parse(words, count, change, why);
}

struct applied {
    enum change_verdict verdict;
    struct config wanted;
    struct voters renewed;
    char why[CHANGE_WHY_BYTES];
    char members[512]; /* "s1 s2 s3" */
};

static struct applied apply_to(const struct config *base, const char *line, const struct cluster *cluster)
{
    struct change change;
    struct applied applied = {0};
    assert_int_equal(parse(line, &change, applied.why), AREG_OK);
    applied.verdict = change_apply(&change, base, cluster, &applied.wanted, &applied.renewed, applied.why);
    if (applied.verdict != CHANGE_POSSIBLE) {
        assert_true(strlen(applied.why) > 0);
        return applied;
    }
    assert_string_equal(applied.why, "");
    for (unsigned i = 0; i < applied.wanted.member_count; i++)
        snprintf(applied.members + strlen(applied.members), sizeof applied.members - strlen(applied.members), "%s%s",
                 i > 0 ? " " : "", applied.wanted.members[i].id.text);
    return applied;
}

static struct applied apply(const char *code, const char *line)
{
    const struct config base = config_of(code);
    return apply_to(&base, line, NULL);
}

static void assert_makes(const char *base, const char *line, const char *code, const char *members)
{
    const struct applied applied = apply(base, line);
    char text[CODE_TEXT_BYTES];
    if (applied.verdict != CHANGE_POSSIBLE)
        fail_msg("%s, %s: %s", base, line, applied.why);
    assert_string_equal(code_print(applied.wanted.code, text), code);
    assert_string_equal(applied.members, members);
}

static void assert_refused(const char *base, const char *line, const char *why)
{
    const struct applied applied = apply(base, line);
    assert_int_equal(applied.verdict, CHANGE_REFUSED);
    assert_string_equal(applied.why, why);
}

/* ---------------------------------------------------------------- words */

static void all_words_are_understood_in_any_order(void **state)
{
    (void)state;
    struct change change;
    char why[CHANGE_WHY_BYTES];
    assert_int_equal(parse("delta 4 add s6@tcp://10.0.0.6:7600 recode rs:9,5 remove s2 replace s3 s3 replace s4 "
                           "s7@tcp://[::1]:1",
                           &change, why),
                     AREG_OK);
    assert_int_equal(change.host_count, 4);
    assert_int_equal(change.hosts[0].kind, HOST_ADD);
    assert_string_equal(change.hosts[0].in.text, "s6");
    assert_string_equal(change.hosts[0].in_address, "tcp://10.0.0.6:7600");
    assert_int_equal(change.hosts[1].kind, HOST_REMOVE);
    assert_string_equal(change.hosts[1].out.text, "s2");
    assert_int_equal(change.hosts[2].kind, HOST_REPLACE);
    assert_string_equal(change.hosts[2].out.text, "s3");
    assert_string_equal(change.hosts[2].in.text, "s3");
    assert_string_equal(change.hosts[2].in_address, "");
    assert_string_equal(change.hosts[3].in_address, "tcp://[::1]:1");
    assert_true(change.has_code && change.code.n == 9 && change.code.k == 5 && change.code.dap == DAP_TREAS);
    assert_true(change.has_delta && change.delta == 4);
    assert_false(change.is_forced);
}

static void a_wrong_word_is_named_and_the_right_one_suggested(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *why;
    } cases[] = {
        {"", "what is to be changed? There are add, remove, replace, recode and delta"},
        {"ad s6@tcp://h:1", "unknown change \"ad\" (did you mean add?)"},
        {"repalce s1 s2", "unknown change \"repalce\" (did you mean replace?)"},
        {"frobnicate", "unknown change \"frobnicate\"; there are add, remove, replace, recode and delta"},
        {"rs:5,3", "rs:5,3: did you mean recode rs:5,3?"},
        {"add s6@tcp://h:1 s7@tcp://h:2",
         "s7@tcp://h:2: did you mean add s7@tcp://h:2? Each host has a word of its own before it"},
        {"add", "add needs a host that comes: s6@tcp://HOST:PORT"},
        {"add s6@h:1", "the address of s6 has the form tcp://HOST:PORT, unlike \"h:1\""},
        {"add s6@", "the address of s6 has the form tcp://HOST:PORT, unlike \"\""},
        {"add tcp://h:1", "which host is at tcp://h:1? Say its id, too: add s6@tcp://h:1"},
        {"add @tcp://h:1", "add takes a host like s6@tcp://HOST:PORT, unlike \"@tcp://h:1\""},
        {"remove", "remove needs a host: its id, like s2"},
        {"remove s2@tcp://h:1", "remove takes the id of a member, without an address: remove s2"},
        {"remove ../s2", "remove takes the id of a member, unlike \"../s2\""},
        {"replace s2", "replace (whom, by whom) needs a host that comes: s6@tcp://HOST:PORT"},
        {"recode", "recode needs a code: rs:N,K or repl:N or ldr:D,R"},
        {"recode rs:3,5", "recode takes rs:N,K (any K of N fragments make a value), repl:N (copies) or ldr:D,R "
                          "(directories, copies), for "
                          "up to 32 hosts, not \"rs:3,5\""},
        {"recode repl:3 recode repl:5", "recode repl:5: there is one code, and recode was said before"},
        {"delta -1", "delta takes a number up to 32, not \"-1\""},
        {"delta 33", "delta takes a number up to 32, not \"33\""},
        {"delta 1 delta 1", "delta 1: there is one delta, and it was said before"},
        {"delta", "delta needs a number"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct change change;
        char why[CHANGE_WHY_BYTES];
        assert_int_equal(parse(cases[i].line, &change, why), AREG_EINVAL);
        assert_string_equal(why, cases[i].why);
    }
}

static void more_hosts_than_a_change_can_name_are_too_many(void **state)
{
    (void)state;
    const char *words[2 * CHANGE_HOST_COUNT_MAX + 2];
    for (unsigned i = 0; i < CHANGE_HOST_COUNT_MAX + 1; i++) {
        words[2 * i] = "remove";
        words[2 * i + 1] = "s1";
    }
    struct change change;
    char why[CHANGE_WHY_BYTES];
    assert_int_equal(change_parse(words, 2 * CHANGE_HOST_COUNT_MAX, &change, why), AREG_OK);
    assert_int_equal(change_parse(words, 2 * CHANGE_HOST_COUNT_MAX + 2, &change, why), AREG_EINVAL);
}

/* ---------------------------------------------------------------- what becomes of a configuration */

static void members_keep_their_positions_and_hosts_that_come_fill_the_places_of_those_that_go(void **state)
{
    (void)state;
    assert_makes("rs:5,3", "replace s2 s6@tcp://h:6", "rs:5,3", "s1 s6 s3 s4 s5");
    assert_makes("rs:5,3", "remove s2 add s6@tcp://h:6", "rs:5,3", "s1 s6 s3 s4 s5");
    assert_makes("rs:5,3", "add s6@tcp://h:6 remove s2", "rs:5,3", "s1 s6 s3 s4 s5");
    assert_makes("rs:5,3", "add s6@tcp://h:6 add s7@tcp://h:7", "rs:7,3", "s1 s2 s3 s4 s5 s6 s7");
    assert_makes("rs:6,3", "remove s5", "rs:5,3", "s1 s2 s3 s4 s6");
    assert_makes("rs:7,3", "remove s1 remove s7", "rs:5,3", "s6 s2 s3 s4 s5");
    assert_makes("rs:7,3", "remove s6 remove s2", "rs:5,3", "s1 s7 s3 s4 s5");
    assert_makes("repl:3", "replace s1 s4@tcp://h:4 add s5@tcp://h:5 remove s3", "repl:3", "s4 s2 s5");
}

static void without_recode_k_stays_and_n_follows_the_members(void **state)
{
    (void)state;
    assert_makes("rs:6,4", "add s7@tcp://h:7", "rs:7,4", "s1 s2 s3 s4 s5 s6 s7");
    assert_makes("repl:3", "add s4@tcp://h:4 add s5@tcp://h:5", "repl:5", "s1 s2 s3 s4 s5");
    assert_makes("repl:5", "remove s1 remove s5", "repl:3", "s4 s2 s3");
    assert_makes("ldr:3,3", "add s7@tcp://h:7", "ldr:3,4", "s1 s2 s3 s4 s5 s6 s7");
    assert_makes("ldr:3,4", "remove s2", "ldr:3,3", "s1 s7 s3 s4 s5 s6");
}

static void recode_changes_the_code_and_delta_the_delta_and_nothing_else(void **state)
{
    (void)state;
    assert_makes("repl:5", "recode rs:5,3", "rs:5,3", "s1 s2 s3 s4 s5");
    assert_makes("rs:5,3", "recode rs:9,5 add a@tcp://h:1 add b@tcp://h:2 add c@tcp://h:3 add d@tcp://h:4", "rs:9,5",
                 "s1 s2 s3 s4 s5 a b c d");
    const struct config base = config_of("rs:5,3");
    const struct applied applied = apply_to(&base, "delta 2", NULL);
    assert_int_equal(applied.verdict, CHANGE_POSSIBLE);
    assert_int_equal(applied.wanted.delta, 2);
    assert_int_equal(applied.wanted.shard, 3);
    assert_int_equal(applied.wanted.index, 8);
    assert_true(config_id_equal(applied.wanted.parent, base.id));
    assert_int_equal(applied.wanted.code.n, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(applied.wanted.members[i].address, base.members[i].address);
        assert_int_equal(applied.wanted.members[i].incarnation, 0);
    }
    assert_int_equal(applied.wanted.time_ns, 0);
    assert_string_equal(applied.wanted.author, "");
}

static void a_host_replaced_by_itself_is_renewed_where_it_is(void **state)
{
    (void)state;
    const struct applied same = apply("rs:5,3", "replace s3 s3");
    assert_int_equal(same.verdict, CHANGE_POSSIBLE);
    assert_string_equal(same.members, "s1 s2 s3 s4 s5");
    assert_int_equal(same.renewed.bits, 1 << 2);
    assert_string_equal(same.wanted.members[2].address, "tcp://127.0.0.1:7603");
    const struct applied moved = apply("rs:6,3", "replace s6 s6@tcp://h:6 remove s1");
    assert_string_equal(moved.members, "s6 s2 s3 s4 s5");
    assert_int_equal(moved.renewed.bits, 1);
    assert_string_equal(moved.wanted.members[0].address, "tcp://h:6");
}

static void a_new_host_may_take_the_address_of_the_one_it_replaces(void **state)
{
    (void)state;
    assert_makes("rs:5,3", "replace s2 s6@tcp://127.0.0.1:7602", "rs:5,3", "s1 s6 s3 s4 s5");
    assert_refused("rs:5,3", "replace s2 s6@tcp://127.0.0.1:7601", "s1 and s6 can not both be at tcp://127.0.0.1:7601");
}

static void the_address_of_a_host_of_the_cluster_need_not_be_said(void **state)
{
    (void)state;
    static struct cluster cluster = {.host_count = 1};
    snprintf(cluster.hosts[0].id.text, sizeof cluster.hosts[0].id.text, "s6");
    snprintf(cluster.hosts[0].address, sizeof cluster.hosts[0].address, "tcp://10.0.0.6:7600");
    const struct config base = config_of("rs:5,3");
    const struct applied applied = apply_to(&base, "replace s2 s6", &cluster);
    assert_int_equal(applied.verdict, CHANGE_POSSIBLE);
    assert_string_equal(applied.wanted.members[1].address, "tcp://10.0.0.6:7600");
    const struct applied unknown = apply_to(&base, "replace s2 s7", &cluster);
    assert_int_equal(unknown.verdict, CHANGE_REFUSED);
    assert_string_equal(unknown.why, "where is s7? Say its address, too: s7@tcp://HOST:PORT");
}

/* ---------------------------------------------------------------- what is refused */

static void members_that_do_not_fit_the_code_are_refused_with_the_nearest_change(void **state)
{
    (void)state;
    assert_refused("rs:5,3", "recode rs:9,5 add a@tcp://h:1 add b@tcp://h:2",
                   "rs:9,5 needs 9 hosts, and the change gives 7: add 2 more, or recode rs:7,5");
    assert_refused("rs:5,3", "recode rs:9,5",
                   "rs:9,5 needs 9 hosts, and the change gives 5: add 4 more, or recode "
                   "rs:5,3");
    assert_refused("rs:5,3", "recode repl:3",
                   "repl:3 needs 3 hosts, and the change gives 5: remove 2, or recode "
                   "repl:5");
    assert_refused("rs:5,3", "remove s1 remove s2 remove s3",
                   "rs:5,3 would be left with 2 hosts: remove at most 2, or recode rs:2,1");
    assert_refused("repl:1", "remove s1", "no member would be left");
    assert_refused("rs:7,5", "recode ldr:3,5",
                   "ldr:3,5 needs 8 hosts, and the change gives 7: add 1 more, or recode ldr:3,4");
    assert_refused("ldr:3,3", "remove s1 remove s2 remove s3",
                   "ldr:3,3 would be left with 3 hosts: remove at most 2, or recode ldr:2,1");
}

static void a_code_that_tolerates_no_loss_is_refused_unless_forced(void **state)
{
    (void)state;
    assert_refused("rs:5,3", "recode rs:5,4",
                   "rs:5,4 tolerates the loss of no host: recode rs:5,3, or add 1 more for rs:6,4, or --force");
    assert_refused("rs:5,3", "remove s5",
                   "rs:4,3 tolerates the loss of no host: recode rs:4,2, or add 1 more for rs:5,3, or --force");
    assert_refused("repl:3", "remove s1", "repl:2 tolerates the loss of no host: add 1 more for repl:3, or --force");
    assert_refused("ldr:3,3", "remove s6", "ldr:3,2 tolerates the loss of no host: add 1 more for ldr:3,3, or --force");
    assert_refused("rs:6,4", "recode ldr:2,4",
                   "ldr:2,4 tolerates the loss of no host: recode ldr:3,3, or add 1 more for ldr:3,4, or --force");
    const struct config base = config_of("rs:5,3");
    struct change change;
    struct applied applied;
    assert_int_equal(parse("recode rs:5,4", &change, applied.why), AREG_OK);
    change.is_forced = true;
    assert_int_equal(change_apply(&change, &base, NULL, &applied.wanted, &applied.renewed, applied.why),
                     CHANGE_POSSIBLE);
    /* Where it is so already, it does not keep one from replacing a host. */
    assert_makes("repl:2", "replace s1 s3@tcp://h:3", "repl:2", "s3 s2");
}

static void hosts_that_are_members_or_are_none_or_are_named_twice_are_refused(void **state)
{
    (void)state;
    assert_refused("rs:5,3", "add s2@tcp://h:2", "s2 is a member already, at tcp://127.0.0.1:7602");
    assert_refused("rs:5,3", "replace s1 s2", "s2 is a member already, at tcp://127.0.0.1:7602");
    assert_refused("rs:5,3", "remove s9 add s6@tcp://h:6", "s9 is no member (did you mean s1?)");
    assert_refused("rs:5,3", "remove other delta 1", "other is no member; these are: s1, s2, s3, s4, s5");
    assert_refused("rs:5,3", "remove s2 add s2@tcp://h:2",
                   "s2 is named twice; one that comes again, empty or elsewhere, is: replace s2 s2@ADDRESS");
    assert_refused("rs:5,3", "replace s2 s6@tcp://h:6 add s6@tcp://h:6",
                   "s6 is named twice; one that comes again, empty or elsewhere, is: replace s6 s6@ADDRESS");
    assert_refused("rs:5,3", "replace s3 s3 remove s3",
                   "s3 is named twice; one that comes again, empty or elsewhere, is: replace s3 s3@ADDRESS");
}

static void what_is_as_wanted_already_is_nothing_to_do(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "recode rs:5,3",
        "delta 8",
        "recode rs:5,3 delta 8",
        "add s2",
        "add s2@tcp://127.0.0.1:7602",
        "remove s9",
        "replace s9 s2",
        "replace s9 s10@tcp://h:1",
        "add s1 add s5 recode rs:5,3",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(apply("rs:5,3", lines[i]).verdict, CHANGE_NOTHING);
    assert_string_equal(apply("rs:5,3", "recode rs:5,3").why, "it has rs:5,3 and delta 8 already");
    assert_string_equal(apply("rs:5,3", "add s2").why, "s2 is a member already");
    assert_string_equal(apply("rs:5,3", "remove s9").why, "s9 is no member (did you mean s1?)");
}

/* ---------------------------------------------------------------- any change */

/* Who must be there, in no order, by the meaning of the words alone. */
struct expected {
    unsigned count;
    char ids[MEMBER_COUNT_MAX + CHANGE_HOST_COUNT_MAX][HOST_ID_BYTES_MAX + 1];
};

static void expect_without(struct expected *expected, unsigned index)
{
    memmove(expected->ids[index], expected->ids[expected->count - 1], sizeof expected->ids[0]);
    expected->count--;
}

/* A change of distinct hosts; some stay. */
static void draw_change(struct random_source *random, const struct config *base, struct change *change,
                        struct expected *expected)
{
    memset(change, 0, sizeof *change);
    change->is_forced = true;
    expected->count = base->member_count;
    for (unsigned i = 0; i < base->member_count; i++)
        memcpy(expected->ids[i], base->members[i].id.text, sizeof expected->ids[i]);
    unsigned fresh_count = 0;
    for (unsigned i = base->member_count; i-- > 0;) {
        const uint64_t dice = random_below(random, 6);
        struct host_change *host = &change->hosts[change->host_count];
        if (dice == 0 || dice == 1) {
            *host = (struct host_change){.kind = dice == 0 ? HOST_REMOVE : HOST_REPLACE, .out = base->members[i].id};
            change->host_count++;
            expect_without(expected, i);
        }
        if ((dice == 1 || dice == 2) && expected->count < MEMBER_COUNT_MAX) {
            if (dice == 2) {
                host = &change->hosts[change->host_count++];
                *host = (struct host_change){.kind = HOST_ADD};
            }
            snprintf(host->in.text, sizeof host->in.text, "fresh%u", fresh_count);
            snprintf(host->in_address, sizeof host->in_address, "tcp://h:%u", ++fresh_count);
            memcpy(expected->ids[expected->count++], host->in.text, sizeof expected->ids[0]);
        }
    }
}

static void any_change_has_the_members_that_it_says_and_moves_as_few_as_possible(void **state)
{
    (void)state;
    struct random_source random = test_random();
    unsigned possible_count = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char code[CODE_TEXT_BYTES];
        snprintf(code, sizeof code, "repl:%u", 1 + (unsigned)random_below(&random, MEMBER_COUNT_MAX));
        const struct config base = config_of(code);
        struct change change;
        struct expected expected;
        struct applied applied = {0};
        draw_change(&random, &base, &change, &expected);
        if (change.host_count == 0 || expected.count == 0)
            continue;
        applied.verdict = change_apply(&change, &base, NULL, &applied.wanted, &applied.renewed, applied.why);
        if (applied.verdict != CHANGE_POSSIBLE)
            fail_msg("%s", applied.why);
        possible_count++;
        assert_int_equal(applied.wanted.member_count, expected.count);
        assert_int_equal(applied.wanted.code.n, expected.count);
        unsigned stay_count = 0; /* members before and after whose position still exists */
        unsigned unmoved_count = 0;
        for (unsigned i = 0; i < expected.count; i++) {
            struct host_id id;
            assert_true(host_id_parse(expected.ids[i], &id));
            const int after = config_member_index(&applied.wanted, &id);
            const int before = config_member_index(&base, &id);
            assert_true(after >= 0);
            stay_count += before >= 0 && before < (int)expected.count;
            unmoved_count += before == after;
        }
        assert_int_equal(unmoved_count, stay_count);
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
        struct config decoded;
        const size_t bytes = config_encode(&applied.wanted, encoded, sizeof encoded);
        assert_int_equal(config_decode(slice_borrow(encoded, bytes), &decoded), AREG_OK);
        struct config again;
        assert_int_equal(change_apply(&change, &applied.wanted, NULL, &again, &applied.renewed, applied.why),
                         CHANGE_NOTHING);
    }
    assert_true(possible_count > 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_words_are_understood_in_any_order),
        cmocka_unit_test(a_wrong_word_is_named_and_the_right_one_suggested),
        cmocka_unit_test(more_hosts_than_a_change_can_name_are_too_many),
        cmocka_unit_test(members_keep_their_positions_and_hosts_that_come_fill_the_places_of_those_that_go),
        cmocka_unit_test(without_recode_k_stays_and_n_follows_the_members),
        cmocka_unit_test(recode_changes_the_code_and_delta_the_delta_and_nothing_else),
        cmocka_unit_test(a_host_replaced_by_itself_is_renewed_where_it_is),
        cmocka_unit_test(a_new_host_may_take_the_address_of_the_one_it_replaces),
        cmocka_unit_test(the_address_of_a_host_of_the_cluster_need_not_be_said),
        cmocka_unit_test(members_that_do_not_fit_the_code_are_refused_with_the_nearest_change),
        cmocka_unit_test(a_code_that_tolerates_no_loss_is_refused_unless_forced),
        cmocka_unit_test(hosts_that_are_members_or_are_none_or_are_named_twice_are_refused),
        cmocka_unit_test(what_is_as_wanted_already_is_nothing_to_do),
        cmocka_unit_test(any_change_has_the_members_that_it_says_and_moves_as_few_as_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
