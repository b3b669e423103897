/* What the admin's machine keeps: plans and configurations, in files that may be damaged. */
#include "reconfig/cli/kept.h"

#include "tests/unit/admin/cluster.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- what the cases share */

struct scratch {
    char dir[64];
    char plans[96];
};

static int make_scratch(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    snprintf(scratch->dir, sizeof scratch->dir, "/tmp/areg-kept-XXXXXX");
    if (!mkdtemp(scratch->dir))
        return -1;
    snprintf(scratch->plans, sizeof scratch->plans, "%s/plans/deep", scratch->dir);
    *state = scratch;
    return 0;
}

static int remove_scratch(void **state)
{
    struct scratch *scratch = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", scratch->dir);
    const int failed = system(command);
    free(scratch);
    return failed;
}

static struct kept_plan example(struct kept_base *bases)
{
    struct kept_plan plan = {.pool = "a", .is_forced = true, .word_count = 3, .base_count = 2, .bases = bases};
    plan.words[0] = "replace";
    plan.words[1] = "s2";
    plan.words[2] = "s6@tcp://10.0.0.6:7600";
    bases[0] = (struct kept_base){.shard = 0, .index = 7, .id = {{1, 2, 0xFF}}};
    bases[1] = (struct kept_base){.shard = 1023, .index = UINT32_MAX, .id = {{0xAB}}};
    memset(plan.cluster.bytes, 0xC5, sizeof plan.cluster.bytes);
    return plan;
}

static void assert_same_plan(const struct kept_plan *a, const struct kept_plan *b)
{
    assert_memory_equal(a->cluster.bytes, b->cluster.bytes, sizeof a->cluster.bytes);
    assert_string_equal(a->pool, b->pool);
    assert_int_equal(a->is_forced, b->is_forced);
    assert_int_equal(a->word_count, b->word_count);
    for (unsigned i = 0; i < a->word_count; i++)
        assert_string_equal(a->words[i], b->words[i]);
    assert_int_equal(a->base_count, b->base_count);
    for (unsigned i = 0; i < a->base_count; i++) {
        assert_int_equal(a->bases[i].shard, b->bases[i].shard);
        assert_int_equal(a->bases[i].index, b->bases[i].index);
        assert_true(config_id_equal(a->bases[i].id, b->bases[i].id));
    }
}

/* ---------------------------------------------------------------- plans */

static void a_plan_is_read_as_it_was_written(void **state)
{
    const struct scratch *scratch = *state;
    const struct admin admin = {.flags.plans = scratch->plans};
    struct kept_base bases[2];
    const struct kept_plan plan = example(bases);
    struct kept_plan read_plan;
    char why[KEPT_WHY_BYTES];
    assert_int_equal(kept_plan_write(&admin, "p-0123456789", &plan, why), AREG_OK);
    assert_int_equal(kept_plan_read(&admin, "p-0123456789", &read_plan, why), AREG_OK);
    assert_same_plan(&plan, &read_plan);
    kept_plan_fini(&read_plan);
    assert_int_equal(kept_plan_read(&admin, "p-9999999999", &read_plan, why), AREG_ENOTFOUND);
    const struct admin nowhere = {.flags.plans = "/proc/none"};
    assert_int_equal(kept_plan_write(&nowhere, "p-0123456789", &plan, why), AREG_EIO);
}

static void the_largest_plan_fits_its_file(void **state)
{
    (void)state;
    struct kept_plan plan = {.base_count = SHARD_COUNT_MAX, .word_count = ADMIN_WORD_COUNT_MAX};
    char word[HOST_ID_BYTES_MAX + 1 + ADDRESS_BYTES_MAX + 1];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = 0;
    for (unsigned i = 0; i < ADMIN_WORD_COUNT_MAX; i++)
        plan.words[i] = word;
    plan.bases = calloc(SHARD_COUNT_MAX, sizeof *plan.bases);
    for (unsigned i = 0; i < SHARD_COUNT_MAX; i++)
        plan.bases[i] = (struct kept_base){.shard = SHARD_COUNT_MAX - 1, .index = UINT32_MAX};
    char *text = malloc(KEPT_PLAN_BYTES_MAX);
    assert_int_equal(kept_plan_print(&plan, text, KEPT_PLAN_BYTES_MAX), AREG_OK);
    struct kept_plan read_plan;
    assert_int_equal(kept_plan_parse(text, &read_plan), AREG_OK);
    assert_same_plan(&plan, &read_plan);
    kept_plan_fini(&read_plan);
    assert_int_equal(kept_plan_print(&plan, text, 1000), AREG_ETOOBIG);
    free(text);
    free(plan.bases);
}

static void a_plan_that_was_cut_off_is_none(void **state)
{
    (void)state;
    struct kept_base bases[2];
    const struct kept_plan plan = example(bases);
    char text[1024];
    assert_int_equal(kept_plan_print(&plan, text, sizeof text), AREG_OK);
    for (size_t bytes = 0; bytes + 1 < strlen(text); bytes++) {
        char cut[1024];
        struct kept_plan read_plan;
        snprintf(cut, sizeof cut, "%.*s", (int)bytes, text);
        assert_int_equal(kept_plan_parse(cut, &read_plan), AREG_EINVAL);
    }
}

static void a_damaged_plan_is_refused_or_another_plan_but_never_trouble(void **state)
{
    (void)state;
    struct random_source random = test_random();
    struct kept_base bases[2];
    const struct kept_plan plan = example(bases);
    char text[1024];
    assert_int_equal(kept_plan_print(&plan, text, sizeof text), AREG_OK);
    const size_t bytes = strlen(text);
    for (unsigned round = 0; round < 20000; round++) {
        char damaged[1024];
        memcpy(damaged, text, bytes + 1);
        for (uint64_t damages = 1 + random_below(&random, 4); damages-- > 0;)
            damaged[random_below(&random, bytes)] = (char)(1 + random_below(&random, 255));
        struct kept_plan read_plan;
        const enum areg_error error = kept_plan_parse(damaged, &read_plan);
        assert_true(error == AREG_OK || error == AREG_EINVAL);
        if (error)
            continue;
        assert_true(read_plan.word_count > 0 && read_plan.base_count > 0);
        kept_plan_fini(&read_plan);
    }
}

/* ---------------------------------------------------------------- configurations */

static bool count_config(const struct config *config, void *arg)
{
    (void)config;
    unsigned *count = arg;
    (*count)++;
    return true;
}

static unsigned count_kept(const struct admin *admin)
{
    unsigned count = 0;
    kept_configs_each(admin, count_config, &count);
    return count;
}

static void go_on(struct shard *shard)
{
    shard->base.parent = shard->base.id;
    shard->base.index++;
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    config_encode(&shard->base, encoded, sizeof encoded);
}

static void configurations_are_kept_once_and_found_by_their_ids(void **state)
{
    const struct scratch *scratch = *state;
    struct fixture *fixture = fixture_create(&command_history);
    fixture->admin.flags.plans = scratch->plans;
    struct shard *shard = &fixture->shards.at[1];
    struct config_id ids[4] = {shard->base.id};
    kept_configs_add(&fixture->admin, &fixture->shards);
    assert_int_equal(count_kept(&fixture->admin), 0); /* genesis tells those */
    for (unsigned i = 1; i < 4; i++) {
        go_on(shard);
        ids[i] = shard->base.id;
        kept_configs_add(&fixture->admin, &fixture->shards);
        kept_configs_add(&fixture->admin, &fixture->shards);
        assert_int_equal(count_kept(&fixture->admin), i);
    }
    for (unsigned i = 0; i < 4; i++) {
        struct config found;
        assert_true(kept_config_find(&fixture->admin, 1, ids[i], &found));
        assert_int_equal(found.index, i);
        assert_int_equal(found.shard, 1);
        assert_false(kept_config_find(&fixture->admin, 0, ids[i], &found));
    }
    fixture_destroy(fixture);
}

static void lines_that_are_no_configurations_are_passed_over(void **state)
{
    const struct scratch *scratch = *state;
    struct fixture *fixture = fixture_create(&command_history);
    fixture->admin.flags.plans = scratch->plans;
    char digest[CONFIG_ID_TEXT_BYTES];
    char path[256];
    go_on(&fixture->shards.at[0]);
    kept_configs_add(&fixture->admin, &fixture->shards);
    snprintf(path, sizeof path, "%s/%s.configs", scratch->plans, config_id_print(fixture->cluster.digest, digest));
    FILE *file = fopen(path, "ae");
    assert_non_null(file);
    fputs("01\nzz\n\n01ff0", file);
    for (unsigned i = 0; i < 4 * CONFIG_ENCODED_BYTES_MAX; i++)
        fputc('0', file);
    fputc('\n', file);
    fclose(file);
    go_on(&fixture->shards.at[0]);
    kept_configs_add(&fixture->admin, &fixture->shards);
    assert_int_equal(count_kept(&fixture->admin), 2);
    fixture_destroy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_plan_is_read_as_it_was_written, make_scratch, remove_scratch),
        cmocka_unit_test(the_largest_plan_fits_its_file),
        cmocka_unit_test(a_plan_that_was_cut_off_is_none),
        cmocka_unit_test(a_damaged_plan_is_refused_or_another_plan_but_never_trouble),
        cmocka_unit_test_setup_teardown(configurations_are_kept_once_and_found_by_their_ids, make_scratch,
                                        remove_scratch),
        cmocka_unit_test_setup_teardown(lines_that_are_no_configurations_are_passed_over, make_scratch, remove_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
