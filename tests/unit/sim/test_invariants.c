/*
 * Every invariant is broken on purpose, by hands that change what is on a disk or what an operation has returned, and
 * is reported by its name. And the table of what tags name agrees with a dumb one.
 */
#include "calm.h"

#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- I6, against a list */

struct twin {
    uint32_t key_index;
    struct entry entry;
};

static struct entry draw_entry(struct random_source *random)
{
    /* Few tags, so that they meet again; some differ in one half only. */
    return (struct entry){.tag = {.z = 1 + random_below(random, 60), .w = 1 + random_below(random, 20)},
                          .value_digest = random_next(random),
                          .value_bytes = (uint32_t)random_below(random, 100),
                          .flags = random_below(random, 5) ? 0 : ENTRY_TOMBSTONE};
}

static struct twin *twin_find(struct twin *twins, unsigned count, uint32_t key_index, struct tag tag)
{
    for (unsigned i = 0; i < count; i++)
        if (twins[i].key_index == key_index && tag_equal(twins[i].entry.tag, tag))
            return &twins[i];
    return NULL;
}

static void a_tag_names_what_it_named_when_it_was_first_seen(void **state)
{
    (void)state;
    enum { KEY_COUNT = 4, SEEN_COUNT = 20000 };
    static struct twin twins[60 * 20 * KEY_COUNT];
    unsigned count = 0;
    struct random_source random = test_random();
    struct calm calm;
    calm_init(&calm, &(struct calm_options){.code = "repl:3", .key_count = KEY_COUNT});
    for (unsigned i = 0; i < SEEN_COUNT; i++) {
        const uint32_t key_index = (uint32_t)random_below(&random, KEY_COUNT);
        struct entry entry = draw_entry(&random);
        struct twin *twin = twin_find(twins, count, key_index, entry.tag);
        if (!twin)
            twins[count++] = (struct twin){key_index, entry};
        else if (random_below(&random, 8)) /* as before; how its fragment is has nothing to do with it */
            entry = twin->entry;
        entry.flags |= random_below(&random, 2) ? ENTRY_DAMAGED : 0;
        const struct named *named = watch_name(calm.sim, key_index, &entry);
        twin = twin_find(twins, count, key_index, entry.tag);
        const bool is_same = twin->entry.value_digest == entry.value_digest;
        assert_string_equal(calm.report.broken, is_same ? "" : "I6");
        assert_int_equal(named->value_digest, twin->entry.value_digest);
        assert_int_equal(named->key_index, key_index);
        assert_int_equal(calm.sim->names.count, count);
        calm.sim->is_broken = false;
        calm.report.broken[0] = calm.report.why[0] = 0;
    }
    calm_fini(&calm);
}

static void a_tag_names_one_value_in_each_of_its_properties(void **state)
{
    (void)state;
    static const struct entry entries[] = {
        {.tag = {1, 1}, .value_digest = 5, .value_bytes = 6},
        {.tag = {1, 1}, .value_digest = 4, .value_bytes = 6},
        {.tag = {1, 1}, .value_digest = 5, .value_bytes = 7},
        {.tag = {1, 1}, .value_digest = 5, .value_bytes = 6, .flags = ENTRY_TOMBSTONE},
    };
    for (unsigned i = 0; i < 4; i++) {
        struct calm calm;
        calm_init(&calm, &(struct calm_options){.code = "repl:3"});
        watch_name(calm.sim, 0, &entries[0]);
        watch_name(calm.sim, 0, &entries[i]);
        assert_string_equal(calm.report.broken, i == 0 ? "" : "I6");
        sim_destroy(calm.sim);
    }
}

/* ---------------------------------------------------------------- hands on a disk */

/* Hosts have three values of k0, of which the first two are known to be complete and none is trimmed. */
static void begin(struct calm *calm, const char *code)
{
    calm_init(calm, &(struct calm_options){.code = code, .client_count = 2, .key_count = 2});
    for (unsigned i = 0; i < 3; i++) {
        calm_do(calm, 0, CLIENT_PUT, 0, 100 + i);
        calm_idle(calm, 2 * MS);
    }
}

static void end_broken(struct calm *calm, const char *name)
{
    assert_string_equal(calm->report.broken, name);
    assert_true(strlen(calm->report.why) > 10);
    sim_destroy(calm->sim);
}

static uint32_t slot(const struct calm *calm)
{
    return calm->sim->hosts[0].configs[0].slot;
}

typedef void hands_fn(struct stored_register *found);

/* Change what the first host has committed, and look at it. */
static void change(struct calm *calm, hands_fn *hands)
{
    static struct stored_register found;
    struct sim_host *host = &calm->sim->hosts[0];
    const struct slice key = slice_borrow(calm->sim->keys[0].text, calm->sim->keys[0].text_bytes);
    struct store_txn *txn;
    assert_int_equal(store_begin(host->store, STORE_WRITE, &txn), AREG_OK);
    assert_int_equal(store_register_get(txn, slot(calm), key, &found), AREG_OK);
    assert_int_equal(found.entry_count, 3);
    hands(&found);
    assert_int_equal(store_register_put(txn, slot(calm), key, &found), AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    watch_disk(calm->sim, 0);
}

static void drop_first(struct stored_register *found)
{
    memmove(&found->entries[0], &found->entries[1], --found->entry_count * sizeof found->entries[0]);
}

static void keep_all(struct stored_register *found)
{
    (void)found;
}

static void trim_well(struct stored_register *found)
{
    found->confirmed = found->entries[2].entry.tag;
    found->trimmed = found->entries[1].entry.tag;
    drop_first(found);
    drop_first(found);
}

/* One batch takes the list over the limit: nothing that was there before it is left, and nothing is superseded. */
static void trim_at_the_limit(struct stored_register *found)
{
    struct stored_entry next = found->entries[2];
    next.place = 0;
    next.fragment_bytes = 1;
    next.payload = slice_borrow("x", 1);
    found->trimmed = next.entry.tag;
    found->entry_count = ENTRY_COUNT_MAX;
    for (unsigned i = 0; i < ENTRY_COUNT_MAX; i++) {
        next.entry.tag.z++;
        found->entries[i] = next;
    }
}

static void forget_newest(struct stored_register *found)
{
    found->entry_count--;
}

static void forget_first(struct stored_register *found)
{
    drop_first(found);
}

static void trim_what_is_not_superseded(struct stored_register *found)
{
    found->trimmed = found->entries[2].entry.tag;
    found->entry_count = 0;
}

static void trim_what_is_confirmed(struct stored_register *found)
{
    found->confirmed = found->trimmed = found->entries[2].entry.tag;
    found->entry_count = 0;
}

static void list_what_is_trimmed(struct stored_register *found)
{
    found->trimmed = found->entries[0].entry.tag;
}

static void confirm_what_nobody_wrote(struct stored_register *found)
{
    found->confirmed = (struct tag){found->entries[1].entry.tag.z, found->entries[1].entry.tag.w + 1};
}

static void change_a_value(struct stored_register *found)
{
    found->entries[2].entry.value_digest++;
}

static void what_a_host_may_do_breaks_nothing(void **state)
{
    (void)state;
    static hands_fn *const hands[] = {keep_all, trim_well, trim_at_the_limit};
    for (unsigned i = 0; i < sizeof hands / sizeof hands[0]; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        change(&calm, hands[i]);
        calm_fini(&calm);
    }
}

static void what_a_host_may_not_do_breaks_I6_or_I7(void **state)
{
    (void)state;
    static const struct {
        hands_fn *hands;
        const char *name;
    } cases[] = {
        {forget_newest, "I7"},          {forget_first, "I7"},         {trim_what_is_not_superseded, "I7"},
        {trim_what_is_confirmed, "I7"}, {list_what_is_trimmed, "I7"}, {confirm_what_nobody_wrote, "I7"},
        {change_a_value, "I6"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        change(&calm, cases[i].hands);
        end_broken(&calm, cases[i].name);
    }
}

static void what_goes_back_breaks_I7(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        change(&calm, keep_all);
        struct shadow *shadow = &calm.sim->hosts[0].configs[0].registers[0];
        *(i == 0 ? &shadow->trimmed : &shadow->confirmed) = calm.sim->keys[0].completed;
        watch_disk(calm.sim, 0);
        end_broken(&calm, "I7");
    }
}

static void what_was_acknowledged_and_is_gone_breaks_I8(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3");
    struct store_txn *txn;
    assert_int_equal(store_begin(calm.sim->hosts[0].store, STORE_WRITE, &txn), AREG_OK);
    assert_int_equal(
        store_register_delete(txn, slot(&calm), slice_borrow(calm.sim->keys[0].text, calm.sim->keys[0].text_bytes)),
        AREG_OK);
    assert_int_equal(store_commit(txn), AREG_OK);
    watch_disk(calm.sim, 0);
    end_broken(&calm, "I8");
    static const char *const codes[] = {"rs:5,3", "repl:5"};
    for (unsigned i = 0; i < 2; i++) {
        begin(&calm, codes[i]);
        struct tag newest = calm.sim->keys[0].completed;
        watch_put_reply(calm.sim, 0, 0, 0, newest);
        watch_put_reply(calm.sim, 0, 0, UINT32_MAX, newest);
        assert_string_equal(calm.report.broken, "");
        newest.w++;
        watch_put_reply(calm.sim, 0, 0, 0, newest);
        end_broken(&calm, "I8");
    }
}

static void another_cluster_breaks_I3(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3");
    watch_cluster(calm.sim, 0);
    assert_string_equal(calm.report.broken, "");
    *(uint8_t *)&calm.sim->cluster.digest ^= 1;
    watch_cluster(calm.sim, 0);
    end_broken(&calm, "I3");
}

/* ---------------------------------------------------------------- hands on what an operation returned */

/* The last read, as it was. */
static struct sim_op read_op(struct calm *calm)
{
    struct sim_op op = *calm_do(calm, 0, CLIENT_GET, 0, 0);
    assert_int_equal(op.error, AREG_OK);
    op.floor = op.tag;
    watch_end(calm->sim, &op);
    assert_string_equal(calm->report.broken, "");
    return op;
}

static void an_operation_that_ends_below_its_floor_breaks_I5(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3");
    struct sim_op op = read_op(&calm);
    op.floor.w++;
    watch_end(calm.sim, &op);
    end_broken(&calm, "I5");
    begin(&calm, "rs:5,3");
    op = read_op(&calm);
    op.kind = CLIENT_PUT; /* a write must end above what had completed, not at it */
    watch_end(calm.sim, &op);
    end_broken(&calm, "I5");
}

static void an_operation_that_ends_with_what_too_few_hosts_have_breaks_I11(void **state)
{
    (void)state;
    for (unsigned holder_count = 3; holder_count <= 4; holder_count++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        struct sim_op op = read_op(&calm);
        op.tag = calm_abandon_put(&calm, 1, 0, 50, 3);
        const struct sim_op *put = &calm.sim->ops[calm.sim->op_count - 1];
        op.value_digest = put->value_digest;
        op.value_bytes = put->value_bytes;
        /* A host whose disk is lost may have had it. */
        calm.sim->hosts[4].is_lost = holder_count == 4;
        watch_end(calm.sim, &op);
        if (holder_count == 4)
            calm_fini(&calm);
        else
            end_broken(&calm, "I11");
    }
}

static void what_was_not_written_is_not_what_is_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        struct sim_op op = read_op(&calm);
        if (i == 0)
            op.value_digest++;
        else if (i == 1)
            op.value_bytes++;
        else if (i == 2)
            op.error = AREG_ENOTFOUND;
        else
            op.tag.w++;
        watch_end(calm.sim, &op);
        end_broken(&calm, "value");
    }
}

static void an_end_without_a_reason_is_an_outcome_that_can_not_be(void **state)
{
    (void)state;
    static const struct {
        enum client_op_kind kind;
        enum areg_error error;
        bool is_limited, has_base, was_full;
        bool is_possible;
    } ends[] = {
        {CLIENT_GET, AREG_OK, false, false, false, true},
        {CLIENT_GET, AREG_ENOTFOUND, false, false, false, true},
        {CLIENT_PUT, AREG_ENOTFOUND, true, false, false, false},
        {CLIENT_GET, AREG_EUNAVAIL, true, false, false, true},
        {CLIENT_GET, AREG_EUNAVAIL, false, false, false, false},
        {CLIENT_PUT, AREG_ECANCELED, false, false, false, false},
        {CLIENT_PUT, AREG_EMAYBE, true, false, false, true},
        {CLIENT_PUT, AREG_EMAYBE, false, false, false, false},
        {CLIENT_GET, AREG_EMAYBE, true, false, false, false},
        {CLIENT_PUT, AREG_ESTALE, false, true, false, true},
        {CLIENT_PUT, AREG_ESTALE, true, false, true, false},
        {CLIENT_PUT, AREG_EFULL, false, false, true, true},
        {CLIENT_PUT, AREG_EFULL, true, false, false, false},
        {CLIENT_GET, AREG_ECORRUPT, true, false, false, false},
    };
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        const struct sim_op op = {.kind = ends[i].kind,
                                  .error = ends[i].error,
                                  .is_limited = ends[i].is_limited,
                                  .has_base = ends[i].has_base};
        calm.report.fault_counts[FAULT_FULL] = ends[i].was_full;
        watch_outcome(calm.sim, &op);
        assert_string_equal(calm.report.broken, ends[i].is_possible ? "" : "outcome");
        sim_destroy(calm.sim);
    }
}

static void a_covering_write_covers_nothing_older_and_is_refused_for_something_else(void **state)
{
    (void)state;
    static const struct {
        struct sim_op op;
        const char *broken;
    } ends[] = {
        {{.error = AREG_OK, .base = {2, 5}, .tag = {3, 1}, .floor = {2, 5}}, ""},
        {{.error = AREG_OK, .base = {2, 4}, .tag = {3, 1}, .floor = {2, 5}}, "base"},
        {{.error = AREG_ESTALE, .base = {2, 4}, .tag = {2, 5}, .floor = {2, 5}}, ""},
        {{.error = AREG_ESTALE, .base = {2, 5}, .tag = {2, 5}, .floor = {2, 5}}, "base"},
        {{.error = AREG_ESTALE, .base = {2, 5}, .tag = {2, 4}, .floor = {2, 5}}, "base"},
        {{.error = AREG_EUNAVAIL, .base = {1, 0}, .floor = {2, 5}}, ""},
    };
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        struct sim_op op = ends[i].op;
        op.kind = CLIENT_PUT;
        watch_base(calm.sim, &op);
        assert_string_equal(calm.report.broken, "");
        op.has_base = true;
        watch_base(calm.sim, &op);
        assert_string_equal(calm.report.broken, ends[i].broken);
        sim_destroy(calm.sim);
    }
}

static void an_operation_that_ends_twice_breaks_I12(void **state)
{
    (void)state;
    struct calm calm;
    begin(&calm, "rs:5,3");
    const uint32_t op_index = calm_begin(&calm, 0, CLIENT_STAT, 0, 0);
    const struct sim_op *op = calm_await(&calm, op_index);
    calm.sim->open_op_count++;
    calm.sim->clients[0].outstanding_count++;
    const struct client_done done = {.kind = CLIENT_STAT,
                                     .context = (void *)(uintptr_t)op_index,
                                     .tag = op->tag,
                                     .value_bytes = op->value_bytes,
                                     .rounds = 1};
    workload_done(calm.sim, 0, &done);
    end_broken(&calm, "I12");
}

static void a_write_with_the_tag_of_an_earlier_one_or_below_breaks_turn(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        const uint32_t first = calm_begin(&calm, 0, CLIENT_PUT, 0, 100);
        const uint32_t second = calm_begin(&calm, 0, CLIENT_PUT, 0, 100);
        calm_await(&calm, first);
        struct sim_op op = *calm_await(&calm, second);
        op.tag = i == 1 ? calm.sim->ops[first].tag : op.tag;
        op.tag.z += i == 2;
        watch_turn(calm.sim, &op);
        assert_string_equal(calm.report.broken, i == 2 ? "" : "turn");
        sim_destroy(calm.sim);
    }
}

static void a_listing_without_what_was_written_before_is_broken(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct calm calm;
        begin(&calm, "rs:5,3");
        calm_idle(&calm, SECOND);
        /* What is not listed may have been deleted meanwhile, or be on another page. */
        calm.sim->keys[0].was_deleted = i == 1;
        const uint32_t op_index = calm_begin(&calm, 0, CLIENT_LIST, 0, 0);
        const struct client_done done = {
            .kind = CLIENT_LIST, .context = (void *)(uintptr_t)op_index, .has_more = i == 2};
        workload_done(calm.sim, 0, &done);
        assert_string_equal(calm.report.broken, i == 0 ? "listing" : "");
        sim_destroy(calm.sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_names_what_it_named_when_it_was_first_seen),
        cmocka_unit_test(a_tag_names_one_value_in_each_of_its_properties),
        cmocka_unit_test(what_a_host_may_do_breaks_nothing),
        cmocka_unit_test(what_a_host_may_not_do_breaks_I6_or_I7),
        cmocka_unit_test(what_goes_back_breaks_I7),
        cmocka_unit_test(what_was_acknowledged_and_is_gone_breaks_I8),
        cmocka_unit_test(another_cluster_breaks_I3),
        cmocka_unit_test(an_operation_that_ends_below_its_floor_breaks_I5),
        cmocka_unit_test(an_operation_that_ends_with_what_too_few_hosts_have_breaks_I11),
        cmocka_unit_test(what_was_not_written_is_not_what_is_read),
        cmocka_unit_test(an_end_without_a_reason_is_an_outcome_that_can_not_be),
        cmocka_unit_test(a_covering_write_covers_nothing_older_and_is_refused_for_something_else),
        cmocka_unit_test(an_operation_that_ends_twice_breaks_I12),
        cmocka_unit_test(a_write_with_the_tag_of_an_earlier_one_or_below_breaks_turn),
        cmocka_unit_test(a_listing_without_what_was_written_before_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
