/*
 * TREAS, answering half: what a member lists, and what it drops, against a dumb model that forgets nothing.
 */
#include "bench.h"
#include "codec/checksum.h"
#include "core/check.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define TAGS ((struct get_data){.want = WANT_TAGS})
#define NEWEST ((struct get_data){.want = WANT_NEWEST})
#define FETCH(t) ((struct get_data){.want = WANT_TAG, .tag = (t)})

static struct tag tag_of(uint64_t z)
{
    return (struct tag){z, 1};
}

/* ---------------------------------------------------------------- the model */

/*
 * Drops go from the smallest tag up and puts at or below `trimmed` are not stored, so a member lists exactly the tags
 * that were ever put and are above `trimmed`. What is left to say is how far up each rule drops.
 */
enum { PUT_MAX = 600 };

struct put {
    struct tag tag;
    uint64_t fragment_bytes;
};

struct model {
    unsigned delta;
    unsigned put_count;
    struct put puts[PUT_MAX]; /* each tag once */
    struct tag trimmed;
    struct tag confirmed;
};

static bool was_put(const struct model *model, struct tag tag)
{
    for (unsigned i = 0; i < model->put_count; i++)
        if (tag_equal(model->puts[i].tag, tag))
            return true;
    return false;
}

/* Tags that are larger, and the bytes of those and of this one. */
static unsigned rank_of(const struct model *model, struct tag tag, uint64_t *bytes)
{
    unsigned larger = 0;
    *bytes = 0;
    for (unsigned i = 0; i < model->put_count; i++) {
        const int order = tag_compare(model->puts[i].tag, tag);
        larger += order > 0;
        *bytes += order >= 0 ? model->puts[i].fragment_bytes : 0;
    }
    return larger;
}

/* Every rule names tags that may not be listed; the largest of them is `trimmed`. */
static void settle(struct model *model, struct tag swept)
{
    struct tag trimmed = model->trimmed;
    for (unsigned i = 0; i < model->put_count; i++) {
        const struct tag tag = model->puts[i].tag;
        uint64_t bytes;
        const unsigned larger = rank_of(model, tag, &bytes);
        const bool is_superseded = tag_compare(tag, model->confirmed) < 0;
        const bool is_beyond_delta = is_superseded && larger >= model->delta + 1;
        const bool is_swept = is_superseded && tag_compare(tag, swept) < 0;
        const bool is_beyond_limits = larger >= ENTRY_COUNT_MAX || (larger > 0 && bytes > ENTRY_FRAGMENT_BYTES_MAX);
        if (is_beyond_delta || is_swept || is_beyond_limits)
            trimmed = tag_max(trimmed, tag);
    }
    model->trimmed = trimmed;
}

static unsigned listed_between(const struct model *model, struct tag above, struct tag up_to)
{
    unsigned count = 0;
    for (unsigned i = 0; i < model->put_count; i++)
        count += tag_compare(model->puts[i].tag, above) > 0 && tag_compare(model->puts[i].tag, up_to) <= 0;
    return count;
}

/* ---------------------------------------------------------------- model against member */

static void assert_same(struct bench *bench, const char *key, const struct model *model)
{
    static struct data_reply reply;
    bench_get_data(bench, key, TAGS, &reply);
    assert_true(tag_equal(reply.trimmed, model->trimmed));
    assert_true(tag_equal(reply.confirmed, model->confirmed));
    unsigned listed_count = 0;
    struct tag newest = model->trimmed;
    for (unsigned i = 0; i < model->put_count; i++) {
        if (tag_compare(model->puts[i].tag, model->trimmed) <= 0)
            continue;
        bool is_listed = false;
        for (unsigned j = 0; j < reply.entry_count; j++)
            is_listed = is_listed || tag_equal(reply.entries[j].tag, model->puts[i].tag);
        assert_true(is_listed);
        listed_count++;
        newest = tag_max(newest, model->puts[i].tag);
    }
    assert_int_equal(reply.entry_count, listed_count);
    for (unsigned j = 1; j < reply.entry_count; j++)
        assert_true(tag_compare(reply.entries[j - 1].tag, reply.entries[j].tag) < 0);
    assert_true(tag_equal(bench_get_tag(bench, key), newest));
}

static void step_put(struct bench *bench, const char *key, struct model *model, struct random_source *random,
                     uint64_t z_max)
{
    const struct tag tag = {1 + random_below(random, z_max), 1 + random_below(random, 3)};
    const uint32_t value_bytes = (uint32_t)random_below(random, 40);
    const bool is_stale = was_put(model, tag) || tag_compare(tag, model->trimmed) <= 0;
    if (!was_put(model, tag)) {
        CHECK(model->put_count < PUT_MAX);
        model->puts[model->put_count++] = (struct put){tag, codec_fragment_bytes(value_bytes, bench->config.code.k)};
    }
    /* Now and then the host knows more than it has stored. */
    bench->known = random_below(random, 4) ? TAG_ZERO : (struct tag){1 + random_below(random, z_max), 1};
    if (!is_stale)
        model->confirmed = tag_max(model->confirmed, bench->known);
    const struct tag before = model->trimmed;
    settle(model, TAG_ZERO);
    const struct answer_effect effect = bench_put(bench, key, tag, value_bytes);
    const bool is_stored = !is_stale && tag_compare(tag, model->trimmed) > 0;
    assert_int_equal(effect.is_stale, !is_stored);
    assert_int_equal(effect.trim_count, is_stale ? 0 : listed_between(model, before, model->trimmed));
}

static void step(struct bench *bench, const char *key, struct model *model, struct random_source *random,
                 uint64_t z_max, unsigned confirm_permille)
{
    const struct tag tag = {1 + random_below(random, z_max), 1 + random_below(random, 3)};
    const struct tag before = model->trimmed;
    if (random_below(random, 1000) >= confirm_permille) {
        step_put(bench, key, model, random, z_max);
    } else if (random_below(random, 3)) {
        /* A member that has no register forgets what it is told of it. */
        if (model->put_count > 0)
            model->confirmed = tag_max(model->confirmed, tag);
        settle(model, TAG_ZERO);
        const struct answer_effect effect = bench_confirm(bench, key, tag);
        assert_int_equal(effect.trim_count, listed_between(model, before, model->trimmed));
        assert_int_equal(effect.forced_count, 0);
    } else {
        settle(model, tag);
        const struct answer_effect effect = bench_sweep(bench, key, tag);
        assert_int_equal(effect.trim_count, listed_between(model, before, model->trimmed));
        assert_int_equal(effect.forced_count, 0);
    }
    assert_same(bench, key, model);
}

/* Whatever is listed can be had, and is what was put. */
static void assert_all_fragments(struct bench *bench, const char *key)
{
    static struct data_reply listed, fetched;
    bench_get_data(bench, key, TAGS, &listed);
    assert_false(listed.has_fragment);
    for (unsigned i = 0; i < listed.entry_count; i++) {
        bench_get_data(bench, key, FETCH(listed.entries[i].tag), &fetched);
        assert_int_equal(fetched.has_fragment, listed.entries[i].value_bytes > 0);
        assert_true(!fetched.has_fragment || tag_equal(fetched.fragment_tag, listed.entries[i].tag));
    }
    bench_get_data(bench, key, NEWEST, &fetched);
    if (listed.entry_count > 0 && listed.entries[listed.entry_count - 1].value_bytes > 0) {
        assert_true(fetched.has_fragment);
        assert_true(tag_equal(fetched.fragment_tag, listed.entries[listed.entry_count - 1].tag));
    }
}

static void lists_exactly_what_the_rules_leave_of_random_histories(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned run = 0; run < 150; run++) {
        static struct model models[2];
        struct bench bench;
        const unsigned delta = (unsigned)random_below(&random, 5);
        /* Often confirmed: the lists are short. Hardly ever: they meet the hard limit. */
        const unsigned confirm_permille = random_below(&random, 2) ? 400 : 5;
        const uint64_t z_max = 1 + random_below(&random, confirm_permille == 5 ? 150 : 30);
        bench_open(&bench, "rs:5,3", delta);
        models[0] = models[1] = (struct model){.delta = delta};
        for (unsigned i = 0; i < 200; i++) {
            const unsigned which = (unsigned)random_below(&random, 2);
            step(&bench, which ? "b" : "a", &models[which], &random, z_max, confirm_permille);
        }
        assert_all_fragments(&bench, "a");
        assert_all_fragments(&bench, "b");
        bench_close(&bench);
    }
}

/* ---------------------------------------------------------------- one rule each */

static void a_register_that_was_never_written_is_empty_and_leaves_no_record(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 1);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entry_count, 0);
    assert_false(reply.has_fragment);
    assert_true(tag_is_zero(reply.trimmed) && tag_is_zero(reply.confirmed));
    assert_true(tag_is_zero(bench_get_tag(&bench, "k")));
    bench_confirm(&bench, "k", tag_of(7));
    bench_sweep(&bench, "k", tag_of(7));
    assert_int_equal(bench_stats(&bench).register_count, 0);
    bench_close(&bench);
}

static void a_late_old_tag_never_evicts_a_newer_one(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 0);
    bench_put(&bench, "k", tag_of(5), 30);
    bench_confirm(&bench, "k", tag_of(5));
    const struct answer_effect effect = bench_put(&bench, "k", tag_of(3), 30);
    assert_int_equal(effect.trim_count, 1); /* itself */
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entry_count, 1);
    assert_true(reply.has_fragment && tag_equal(reply.fragment_tag, tag_of(5)));
    assert_true(tag_equal(reply.trimmed, tag_of(3)));
    bench_close(&bench);
}

static void entries_at_or_above_confirmed_stay_whatever_delta_says(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 1);
    bench_put(&bench, "k", tag_of(1), 30);
    bench_confirm(&bench, "k", tag_of(1));
    for (uint64_t z = 2; z <= 40; z++)
        assert_int_equal(bench_put(&bench, "k", tag_of(z), 30).trim_count, 0);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, 40);
    /* And when one of them is confirmed, delta counts again. */
    assert_int_equal(bench_confirm(&bench, "k", tag_of(30)).trim_count, 29);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_true(tag_equal(reply.entries[0].tag, tag_of(30)));
    assert_true(tag_equal(reply.trimmed, tag_of(29)));
    bench_close(&bench);
}

static void delta_superseded_entries_stay_beside_the_newest(void **state)
{
    (void)state;
    for (unsigned delta = 0; delta <= 4; delta++) {
        struct bench bench;
        static struct data_reply reply;
        bench_open(&bench, "rs:5,3", delta);
        for (uint64_t z = 1; z <= 10; z++)
            bench_put(&bench, "k", tag_of(z), 30);
        bench_confirm(&bench, "k", tag_of(10));
        bench_get_data(&bench, "k", TAGS, &reply);
        assert_int_equal(reply.entry_count, delta + 1);
        assert_true(tag_equal(reply.entries[0].tag, tag_of(10 - delta)));
        bench_close(&bench);
    }
}

static void past_the_limit_of_entries_the_smallest_goes_and_is_counted(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 0);
    for (uint64_t z = 1; z <= ENTRY_COUNT_MAX; z++)
        assert_int_equal(bench_put(&bench, "k", tag_of(10 * z), 3).forced_count, 0);
    struct answer_effect effect = bench_put(&bench, "k", tag_of(15), 3);
    assert_int_equal(effect.trim_count, 1);
    assert_int_equal(effect.forced_count, 1);
    assert_false(effect.is_stale);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, ENTRY_COUNT_MAX);
    assert_true(tag_equal(reply.entries[0].tag, tag_of(15)));
    assert_true(tag_equal(reply.trimmed, tag_of(10)));
    /* The smallest of all goes itself, and says so. */
    effect = bench_put(&bench, "k", tag_of(12), 3);
    assert_true(effect.is_stale);
    assert_int_equal(effect.trim_count, 1);
    assert_int_equal(effect.forced_count, 1);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, ENTRY_COUNT_MAX);
    assert_true(tag_equal(reply.entries[0].tag, tag_of(15)));
    assert_true(tag_equal(reply.trimmed, tag_of(12)));
    bench_close(&bench);
}

static void past_the_limit_of_bytes_the_smallest_goes_and_is_counted(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:3,1", 0);
    const unsigned fitting_count = ENTRY_FRAGMENT_BYTES_MAX / AREG_VALUE_BYTES_MAX;
    for (uint64_t z = 1; z <= fitting_count; z++)
        assert_int_equal(bench_put(&bench, "k", tag_of(10 * z), AREG_VALUE_BYTES_MAX).trim_count, 0);
    struct answer_effect effect = bench_put(&bench, "k", tag_of(15), 1);
    assert_int_equal(effect.trim_count, 1);
    assert_int_equal(effect.forced_count, 1);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, fitting_count);
    assert_true(tag_equal(reply.trimmed, tag_of(10)));
    /* A late old one goes itself. */
    effect = bench_put(&bench, "k", tag_of(11), AREG_VALUE_BYTES_MAX);
    assert_int_equal(effect.trim_count, 1);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entry_count, fitting_count);
    assert_true(tag_equal(reply.trimmed, tag_of(11)));
    assert_true(tag_equal(reply.fragment_tag, tag_of(10 * fitting_count)));
    assert_true(bench_stats(&bench).fragment_bytes <= ENTRY_FRAGMENT_BYTES_MAX);
    bench_close(&bench);
}

static void a_put_at_or_below_trimmed_stores_nothing_and_is_acknowledged(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply before, after;
    bench_open(&bench, "rs:5,3", 0);
    bench_put(&bench, "k", tag_of(4), 30);
    bench_put(&bench, "k", tag_of(9), 30);
    bench_confirm(&bench, "k", tag_of(9));
    memset(&before, 0, sizeof before);
    memset(&after, 0, sizeof after);
    bench_get_data(&bench, "k", TAGS, &before);
    assert_true(tag_equal(before.trimmed, tag_of(4)));
    for (uint64_t z = 1; z <= 4; z++) {
        const struct answer_effect effect = bench_put(&bench, "k", tag_of(z), 30);
        assert_true(effect.is_stale);
        assert_int_equal(effect.trim_count, 0);
    }
    bench_get_data(&bench, "k", TAGS, &after);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(bench_stats(&bench).fragment_bytes, 10);
    bench_close(&bench);
}

static void a_listed_tag_again_changes_nothing(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 0);
    bench_put(&bench, "k", tag_of(4), 30);
    /* Not even if another value claims it (I6). */
    struct entry other = bench_entry(&bench, tag_of(8), 60);
    other.tag = tag_of(4);
    const struct answer_effect effect = bench_put_entry(&bench, "k", &other, bench_fragment(&bench, tag_of(8), 60));
    assert_true(effect.is_stale);
    bench_get_data(&bench, "k", NEWEST, &reply);
    assert_int_equal(reply.entry_count, 1);
    assert_true(reply.has_fragment);
    assert_int_equal(reply.entries[0].value_bytes, 30);
    bench_close(&bench);
}

static void a_sweep_drops_only_what_is_below_its_tag_and_below_confirmed(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 4);
    for (uint64_t z = 1; z <= 5; z++)
        bench_put(&bench, "k", tag_of(z), 30);
    /* Nothing is known to have completed: a crash lost it. */
    assert_int_equal(bench_sweep(&bench, "k", tag_of(5)).trim_count, 0);
    bench_confirm(&bench, "k", tag_of(3));
    assert_int_equal(bench_sweep(&bench, "k", tag_of(2)).trim_count, 1);
    assert_int_equal(bench_sweep(&bench, "k", tag_of(5)).trim_count, 1);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, 3);
    assert_true(tag_equal(reply.entries[0].tag, tag_of(3)));
    assert_true(tag_equal(reply.trimmed, tag_of(2)));
    bench_close(&bench);
}

static void confirmed_never_goes_back(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 4);
    bench_put(&bench, "k", tag_of(4), 30);
    bench_confirm(&bench, "k", tag_of(9));
    bench_confirm(&bench, "k", tag_of(4));
    bench_confirm(&bench, "k", TAG_ZERO);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_true(tag_equal(reply.confirmed, tag_of(9)));
    bench_close(&bench);
}

static void a_late_put_that_leaves_a_superseded_entry_says_below_what(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "rs:5,3", 2);
    assert_true(tag_is_zero(bench_put(&bench, "k", tag_of(5), 30).superseded));
    bench_confirm(&bench, "k", tag_of(5));
    /* A late one: nobody else will ever come across it. */
    assert_true(tag_equal(bench_put(&bench, "k", tag_of(3), 30).superseded, tag_of(5)));
    /* A newer one leaves what was there to whoever left it. */
    assert_true(tag_is_zero(bench_put(&bench, "k", tag_of(7), 30).superseded));
    /* Known to be superseded is as good as stored. */
    bench.known = tag_of(7);
    assert_true(tag_equal(bench_put(&bench, "k", tag_of(6), 30).superseded, tag_of(7)));
    bench_close(&bench);
}

static void puts_trim_by_what_is_known_to_be_confirmed(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 0);
    for (uint64_t z = 1; z <= 5; z++)
        bench_put(&bench, "k", tag_of(z), 30);
    bench.known = tag_of(4);
    assert_int_equal(bench_put(&bench, "k", tag_of(6), 30).trim_count, 3);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, 3);
    assert_true(tag_equal(reply.confirmed, tag_of(4)));
    /* One that is stale stores nothing, not even this. */
    bench.known = tag_of(6);
    assert_true(bench_put(&bench, "k", tag_of(6), 30).is_stale);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, 3);
    bench_close(&bench);
}

static void without_room_only_what_would_be_stored_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 0);
    bench_put(&bench, "k", tag_of(4), 30);
    bench_put(&bench, "k", tag_of(9), 30);
    bench_confirm(&bench, "k", tag_of(9));
    store_set_quota(bench.store, 1, 0);
    assert_true(bench_put(&bench, "k", tag_of(10), 30).is_refused);
    assert_true(bench_put(&bench, "other", tag_of(1), 30).is_refused);
    /* Held already, or dropped already: acknowledged, there is nothing to store. */
    const struct answer_effect held = bench_put(&bench, "k", tag_of(9), 30);
    assert_true(held.is_stale && !held.is_refused);
    const struct answer_effect dropped = bench_put(&bench, "k", tag_of(3), 30);
    assert_true(dropped.is_stale && !dropped.is_refused);
    /* A delete makes room in the end. */
    struct entry entry = bench_entry(&bench, tag_of(11), 0);
    entry.flags = ENTRY_TOMBSTONE;
    assert_false(bench_put_entry(&bench, "k", &entry, (struct slice){0}).is_refused);
    assert_false(bench_confirm(&bench, "k", tag_of(11)).is_refused);
    bench_get_data(&bench, "k", TAGS, &reply);
    assert_int_equal(reply.entry_count, 1);
    assert_int_equal(reply.entries[0].flags, ENTRY_TOMBSTONE);
    bench_close(&bench);
}

static void a_rotten_fragment_is_listed_as_damaged_and_never_sent(void **state)
{
    (void)state;
    /* Small ones stand in the record, large ones in pieces. */
    static const uint32_t value_sizes[] = {1, 30, 100000};
    for (unsigned i = 0; i < sizeof value_sizes / sizeof value_sizes[0]; i++) {
        struct bench bench;
        static struct data_reply reply;
        bench_open(&bench, "rs:5,3", 2);
        bench_put(&bench, "k", tag_of(4), value_sizes[i]);
        bench_put(&bench, "k", tag_of(5), value_sizes[i]);
        bench_rot(&bench, "k", tag_of(5), 12345);
        for (unsigned turn = 0; turn < 2; turn++) {
            bench_get_data(&bench, "k", turn ? FETCH(tag_of(5)) : NEWEST, &reply);
            assert_false(reply.has_fragment);
            assert_int_equal(reply.entry_count, 2);
            assert_int_equal(reply.entries[0].flags, 0);
            assert_int_equal(reply.entries[1].flags, ENTRY_DAMAGED);
        }
        bench_get_data(&bench, "k", FETCH(tag_of(4)), &reply);
        assert_true(reply.has_fragment && tag_equal(reply.fragment_tag, tag_of(4)));
        assert_true(tag_equal(bench_get_tag(&bench, "k"), tag_of(5)));
        /* It is still held, as far as puts and sweeps are concerned. */
        assert_true(bench_put(&bench, "k", tag_of(5), value_sizes[i]).is_stale);
        bench_confirm(&bench, "k", tag_of(5));
        assert_int_equal(bench_sweep(&bench, "k", tag_of(5)).trim_count, 1);
        bench_close(&bench);
    }
}

static void a_fetch_of_a_tag_that_is_not_there_brings_the_list_alone(void **state)
{
    (void)state;
    struct bench bench;
    static struct data_reply reply;
    bench_open(&bench, "rs:5,3", 2);
    bench_put(&bench, "k", tag_of(4), 30);
    bench_get_data(&bench, "k", FETCH(tag_of(3)), &reply);
    assert_false(reply.has_fragment);
    assert_int_equal(reply.entry_count, 1);
    bench_get_data(&bench, "other", FETCH(tag_of(4)), &reply);
    assert_false(reply.has_fragment);
    assert_int_equal(reply.entry_count, 0);
    bench_close(&bench);
}

static void each_kind_of_misfit_is_refused(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, "rs:5,3", 2);
    const struct tag tag = tag_of(4);
    const struct entry good = bench_entry(&bench, tag, 31);
    const struct slice fragment = bench_fragment(&bench, tag, 31);
    assert_int_equal(fragment.bytes, 11);
    assert_true(bench_fits(&bench, &good, fragment));

    struct entry bad = good;
    bad.fragment_checksum ^= 1;
    assert_false(bench_fits(&bench, &bad, fragment));
    bad = good;
    bad.tag = TAG_ZERO;
    assert_false(bench_fits(&bench, &bad, fragment));
    bad.tag = (struct tag){TAG_Z_MAX, 1};
    assert_false(bench_fits(&bench, &bad, fragment));
    bad.tag = (struct tag){TAG_Z_MAX - 1, 1};
    assert_true(bench_fits(&bench, &bad, fragment));
    bad = good;
    bad.flags = ENTRY_DAMAGED;
    assert_false(bench_fits(&bench, &bad, fragment));
    bad.flags = 4;
    assert_false(bench_fits(&bench, &bad, fragment));
    bad.flags = ENTRY_TOMBSTONE; /* with a value */
    assert_false(bench_fits(&bench, &bad, fragment));
    for (unsigned value_bytes = 0; value_bytes < 60; value_bytes++) {
        bad = good;
        bad.value_bytes = value_bytes;
        assert_int_equal(bench_fits(&bench, &bad, fragment), value_bytes >= 31 && value_bytes <= 33);
    }
    const struct slice shorter = slice_borrow(fragment.at, 10);
    bad = good;
    bad.fragment_checksum = checksum_fragment(shorter);
    assert_false(bench_fits(&bench, &bad, shorter));

    /* Nothing is nothing, deleted or empty, and has the checksum of nothing. */
    struct entry empty = bench_entry(&bench, tag, 0);
    assert_true(bench_fits(&bench, &empty, (struct slice){0}));
    assert_false(bench_fits(&bench, &empty, fragment));
    empty.flags = ENTRY_TOMBSTONE;
    assert_true(bench_fits(&bench, &empty, (struct slice){0}));
    empty.fragment_checksum = 1;
    assert_false(bench_fits(&bench, &empty, (struct slice){0}));

    /* A value above any, although its fragment would do. */
    struct entry large = bench_entry(&bench, tag, AREG_VALUE_BYTES_MAX);
    assert_true(bench_fits(&bench, &large, bench_fragment(&bench, tag, AREG_VALUE_BYTES_MAX)));
    large = bench_entry(&bench, tag, AREG_VALUE_BYTES_MAX + 1);
    assert_false(bench_fits(&bench, &large, bench_fragment(&bench, tag, AREG_VALUE_BYTES_MAX + 1)));
    bench_close(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_exactly_what_the_rules_leave_of_random_histories),
        cmocka_unit_test(a_register_that_was_never_written_is_empty_and_leaves_no_record),
        cmocka_unit_test(a_late_old_tag_never_evicts_a_newer_one),
        cmocka_unit_test(entries_at_or_above_confirmed_stay_whatever_delta_says),
        cmocka_unit_test(delta_superseded_entries_stay_beside_the_newest),
        cmocka_unit_test(past_the_limit_of_entries_the_smallest_goes_and_is_counted),
        cmocka_unit_test(past_the_limit_of_bytes_the_smallest_goes_and_is_counted),
        cmocka_unit_test(a_put_at_or_below_trimmed_stores_nothing_and_is_acknowledged),
        cmocka_unit_test(a_listed_tag_again_changes_nothing),
        cmocka_unit_test(a_sweep_drops_only_what_is_below_its_tag_and_below_confirmed),
        cmocka_unit_test(confirmed_never_goes_back),
        cmocka_unit_test(a_late_put_that_leaves_a_superseded_entry_says_below_what),
        cmocka_unit_test(puts_trim_by_what_is_known_to_be_confirmed),
        cmocka_unit_test(without_room_only_what_would_be_stored_is_refused),
        cmocka_unit_test(a_rotten_fragment_is_listed_as_damaged_and_never_sent),
        cmocka_unit_test(a_fetch_of_a_tag_that_is_not_there_brings_the_list_alone),
        cmocka_unit_test(each_kind_of_misfit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
