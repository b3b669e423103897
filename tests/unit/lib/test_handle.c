/* The whole library against real sockets and replicas (local_hosts.h). */
#include "client/lib/handle.h"
#include "core/key.h"
#include "core/limits.h"
#include "local_hosts.h"
#include "tests/unit/seed.h"

#include <areg.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- a cluster and a handle for each test */

struct setting {
    struct local_hosts *hosts;
    struct areg_client *client;
};

static int set_up(void **state)
{
    struct setting *setting = calloc(1, sizeof *setting);
    assert_non_null(setting);
    setting->hosts = local_hosts_start("rs:5,3", 3);
    assert_int_equal(areg_open(&setting->client, local_hosts_seeds(setting->hosts), NULL), AREG_OK);
    *state = setting;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *setting = *state;
    areg_close(setting->client);
    local_hosts_stop(setting->hosts);
    free(setting);
    return 0;
}

/* Until all five hosts are connected to: a quorum of them can answer before. */
static void await_all(struct areg_client *client)
{
    unsigned up_count = 0;
    while (up_count < 5) {
        up_count = 0;
        areg_run(client, 10);
        for (unsigned i = 0; i < dealers_count(client->dealers); i++)
            up_count += dealers_is_up(client->dealers, i);
    }
}

static void put_text(struct areg_client *client, const char *key, const char *text)
{
    assert_int_equal(areg_put(client, key, strlen(key), text, strlen(text), NULL, NULL), AREG_OK);
}

static void assert_text(struct areg_client *client, const char *key, const char *text)
{
    struct areg_value *value;
    assert_int_equal(areg_get(client, key, strlen(key), NULL, &value, NULL), AREG_OK);
    assert_int_equal(areg_value_bytes(value), strlen(text));
    assert_memory_equal(areg_value_data(value), text, strlen(text));
    areg_value_free(value);
}

static void set_all_faults(struct setting *setting, unsigned faults)
{
    for (unsigned i = 0; i < 5; i++)
        local_hosts_set_faults(setting->hosts, i, faults);
}

/* What callbacks have seen. */
struct seen {
    unsigned count;
    unsigned error_count[AREG_EMAYBE + 1];
    struct areg_result last;
    char detail[256];
};

static void note(const struct areg_result *result, void *arg)
{
    struct seen *seen = arg;
    seen->count++;
    seen->error_count[result->error]++;
    seen->last = *result;
    snprintf(seen->detail, sizeof seen->detail, "%s", result->detail);
    areg_value_free(result->value);
}

static struct areg_request put_request(const char *key, const char *text, struct seen *seen)
{
    return (struct areg_request){.op = AREG_PUT,
                                 .key = key,
                                 .key_bytes = strlen(key),
                                 .data = text,
                                 .data_bytes = strlen(text),
                                 .done = note,
                                 .arg = seen};
}

static struct areg_request get_request(const char *key, struct seen *seen)
{
    return (struct areg_request){.op = AREG_GET, .key = key, .key_bytes = strlen(key), .done = note, .arg = seen};
}

/* ---------------------------------------------------------------- blocking calls */

static void values_of_every_size_come_back_as_they_were_written(void **state)
{
    struct setting *setting = *state;
    struct random_source random = test_random();
    static const size_t sizes[] = {
        0, 1, 2, 3, 4, 1023, 1024, 1025, 65536, 100003, 1u << 20, (1u << 20) + 1, AREG_VALUE_BYTES_MAX};
    uint8_t *bytes = malloc(AREG_VALUE_BYTES_MAX);
    assert_non_null(bytes);
    random_fill(&random, bytes, AREG_VALUE_BYTES_MAX);
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct areg_tag written;
        struct areg_tag read;
        struct areg_value *value;
        uint64_t stat_bytes;
        assert_int_equal(areg_put(setting->client, "k", 1, bytes, sizes[i], NULL, &written), AREG_OK);
        assert_int_equal(areg_get(setting->client, "k", 1, NULL, &value, &read), AREG_OK);
        assert_memory_equal(&written, &read, sizeof read);
        assert_int_equal(areg_value_bytes(value), sizes[i]);
        assert_memory_equal(areg_value_data(value), bytes, sizes[i]);
        areg_value_free(value);
        assert_int_equal(areg_stat(setting->client, "k", 1, NULL, &read, &stat_bytes), AREG_OK);
        assert_memory_equal(&written, &read, sizeof read);
        assert_int_equal(stat_bytes, sizes[i]);
    }
    free(bytes);
}

static void a_register_without_a_value_is_not_found(void **state)
{
    struct setting *setting = *state;
    struct areg_value *value;
    struct areg_tag tag = {9, 9};
    uint64_t bytes = 9;
    assert_int_equal(areg_get(setting->client, "none", 4, NULL, &value, &tag), AREG_ENOTFOUND);
    assert_null(value);
    assert_true(tag.z == 0 && tag.writer == 0);
    assert_int_equal(areg_stat(setting->client, "none", 4, NULL, &tag, &bytes), AREG_ENOTFOUND);
    assert_int_equal(bytes, 0);
    put_text(setting->client, "none", "some");
    struct areg_tag deleted;
    assert_int_equal(areg_del(setting->client, "none", 4, NULL, &deleted), AREG_OK);
    assert_int_equal(areg_get(setting->client, "none", 4, NULL, &value, &tag), AREG_ENOTFOUND);
    assert_memory_equal(&tag, &deleted, sizeof tag); /* which delete it was */
}

static void arguments_out_of_range_are_refused_with_a_reason(void **state)
{
    struct setting *setting = *state;
    struct areg_client *client = setting->client;
    static const char long_key[AREG_KEY_BYTES_MAX + 1] = {'k'};
    struct areg_value *value;
    assert_int_equal(areg_get(client, "", 0, NULL, &value, NULL), AREG_EINVAL);
    assert_non_null(strstr(areg_detail(client), "1..1024"));
    assert_null(value);
    assert_int_equal(areg_get(client, long_key, sizeof long_key, NULL, &value, NULL), AREG_EINVAL);
    assert_int_equal(areg_put(client, "k", 1, "", (size_t)AREG_VALUE_BYTES_MAX + 1, NULL, NULL), AREG_ETOOBIG);
    assert_non_null(strstr(areg_detail(client), "16 MiB"));
    assert_int_equal(areg_put(client, "k", 1, NULL, 1, NULL, NULL), AREG_EINVAL);
    const struct areg_request unknown = {.op = (enum areg_op)9, .key = "k", .key_bytes = 1};
    assert_int_equal(areg_submit(client, &unknown, 1, NULL), AREG_EINVAL);
    assert_int_equal(areg_wait(client, 0), AREG_EINVAL);
    assert_int_equal(areg_wait(client, 4096), AREG_EINVAL);
    assert_int_equal(areg_cancel(client, UINT64_MAX), AREG_EINVAL);
    assert_int_equal(areg_put(client, long_key, AREG_KEY_BYTES_MAX, "v", 1, NULL, NULL), AREG_OK);
    assert_string_equal(areg_detail(client), "");
}

static void a_covering_write_needs_the_tag_that_is_there(void **state)
{
    struct setting *setting = *state;
    struct areg_tag first;
    struct areg_tag second;
    struct areg_tag told;
    assert_int_equal(areg_put(setting->client, "k", 1, "a", 1, NULL, &first), AREG_OK);
    const struct areg_op_options on_first = {.base = &first};
    assert_int_equal(areg_put(setting->client, "k", 1, "b", 1, &on_first, &second), AREG_OK);
    assert_int_equal(areg_put(setting->client, "k", 1, "c", 1, &on_first, &told), AREG_ESTALE);
    assert_memory_equal(&told, &second, sizeof told);
    assert_int_equal(areg_del(setting->client, "k", 1, &on_first, &told), AREG_ESTALE);
    assert_text(setting->client, "k", "b");
    static const struct areg_tag never;
    const struct areg_op_options on_never = {.base = &never};
    assert_int_equal(areg_put(setting->client, "new", 3, "1", 1, &on_never, NULL), AREG_OK);
    assert_int_equal(areg_put(setting->client, "new", 3, "2", 1, &on_never, NULL), AREG_ESTALE);
}

static void count_free(void *data, void *arg)
{
    (void)data;
    ++*(unsigned *)arg;
}

static void a_wrapped_value_is_written_without_a_copy_and_freed_once(void **state)
{
    struct setting *setting = *state;
    unsigned free_count = 0;
    const size_t bytes = 300000;
    uint8_t *memory = calloc(1, bytes);
    assert_non_null(memory);
    struct areg_value *value = areg_value_wrap(memory, bytes, count_free, &free_count);
    assert_int_equal(areg_put_value(setting->client, "k", 1, value, NULL, NULL), AREG_OK);
    assert_int_equal(areg_put_value(setting->client, "l", 1, value, NULL, NULL), AREG_OK);
    assert_int_equal(free_count, 0);
    areg_value_free(value);
    areg_close(setting->client); /* from now on nobody can be sending it */
    setting->client = NULL;
    assert_int_equal(free_count, 1);
    free(memory);
}

static void a_value_that_was_read_can_be_written_to_another_register(void **state)
{
    struct setting *setting = *state;
    struct areg_value *value;
    put_text(setting->client, "from", "three pieces, at least if the code has k = 3");
    assert_int_equal(areg_get(setting->client, "from", 4, NULL, &value, NULL), AREG_OK);
    assert_int_equal(areg_put_value(setting->client, "to", 2, value, NULL, NULL), AREG_OK);
    areg_value_free(value);
    assert_text(setting->client, "to", "three pieces, at least if the code has k = 3");
}

/* ---------------------------------------------------------------- submissions and callbacks */

static void many_operations_under_way_complete_once_each(void **state)
{
    struct setting *setting = *state;
    enum { COUNT = 200 };
    struct seen seen[COUNT] = {0};
    struct areg_request requests[COUNT];
    char keys[COUNT][8];
    uint64_t ids[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", i);
        requests[i] = put_request(keys[i], keys[i], &seen[i]);
    }
    assert_int_equal(areg_submit(setting->client, requests, COUNT, ids), AREG_OK);
    size_t ran = 0;
    while (ran < COUNT)
        ran += areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(areg_run(setting->client, AREG_FOREVER), 0); /* returns: nothing is under way */
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(seen[i].count, 1);
        assert_int_equal(seen[i].error_count[AREG_OK], 1);
        assert_int_equal(seen[i].last.id, ids[i]);
        assert_text(setting->client, keys[i], keys[i]);
    }
}

static void requests_that_leave_together_travel_together(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "warm", "up");
    await_all(setting->client);
    const uint64_t packets_before = areg_counter(setting->client, AREG_COUNT_PACKETS_SENT);
    const uint64_t messages_before = areg_counter(setting->client, AREG_COUNT_MESSAGES_SENT);
    struct seen seen = {0};
    enum { COUNT = 2 * PACKET_MESSAGE_COUNT_MAX + 1 };
    for (unsigned i = 0; i < COUNT; i++) {
        const struct areg_request request = get_request("warm", &seen);
        assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    }
    areg_run(setting->client, AREG_NO_WAIT);
    assert_true(areg_counter(setting->client, AREG_COUNT_MESSAGES_SENT) - messages_before >= 5 * COUNT);
    assert_int_equal(areg_counter(setting->client, AREG_COUNT_PACKETS_SENT) - packets_before, 5 * 3);
    while (seen.count < COUNT)
        areg_run(setting->client, AREG_FOREVER);
}

struct chain {
    struct areg_client *client;
    unsigned left;
    unsigned refused;
};

/* Each completion submits the next one, and tries what is forbidden here. */
static void go_on(const struct areg_result *result, void *arg)
{
    struct chain *chain = arg;
    struct areg_value *value;
    areg_value_free(result->value);
    chain->refused += areg_run(chain->client, AREG_NO_WAIT) == 0;
    chain->refused += areg_get(chain->client, "k", 1, NULL, &value, NULL) == AREG_EINVAL;
    chain->refused += areg_wait(chain->client, 1) == AREG_EINVAL;
    areg_close(chain->client);
    if (--chain->left == 0)
        return;
    const struct areg_request request = {.op = AREG_GET, .key = "k", .key_bytes = 1, .done = go_on, .arg = chain};
    assert_int_equal(areg_submit(chain->client, &request, 1, NULL), AREG_OK);
}

static void a_callback_may_submit_but_not_wait(void **state)
{
    struct setting *setting = *state;
    enum { COUNT = 50 };
    struct chain chain = {.client = setting->client, .left = COUNT};
    const struct areg_request request = {.op = AREG_PUT, .key = "k", .key_bytes = 1, .done = go_on, .arg = &chain};
    assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    while (chain.left > 0)
        areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(chain.refused, 3 * COUNT);
}

static void what_a_callback_submits_leaves_before_the_run_returns(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "v");
    await_all(setting->client);
    struct chain chain = {.client = setting->client, .left = 2};
    const struct areg_request request = {.op = AREG_GET, .key = "k", .key_bytes = 1, .done = go_on, .arg = &chain};
    assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    const uint64_t before = areg_counter(setting->client, AREG_COUNT_PACKETS_SENT);
    areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(chain.left, 1);
    assert_true(areg_counter(setting->client, AREG_COUNT_PACKETS_SENT) - before >= 2 * 5);
    areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(chain.left, 0);
}

static void too_many_are_refused_all_or_none(void **state)
{
    struct setting *setting = *state;
    struct areg_client *client;
    const struct areg_options options = {.inflight_max = 4};
    assert_int_equal(areg_open(&client, local_hosts_seeds(setting->hosts), &options), AREG_OK);
    struct seen seen = {0};
    struct areg_request requests[5];
    for (unsigned i = 0; i < 5; i++)
        requests[i] = put_request("k", "v", &seen);
    assert_int_equal(areg_submit(client, requests, 5, NULL), AREG_EBUSY);
    assert_int_equal(areg_submit(client, requests, 2, NULL), AREG_OK);
    requests[3].key_bytes = 0;
    assert_int_equal(areg_submit(client, &requests[2], 2, NULL), AREG_EINVAL);
    assert_int_equal(areg_submit(client, requests, 2, NULL), AREG_OK);
    assert_int_equal(areg_submit(client, requests, 1, NULL), AREG_EBUSY);
    while (seen.count < 4)
        areg_run(client, AREG_FOREVER);
    assert_int_equal(seen.error_count[AREG_OK], 4);
    assert_int_equal(areg_submit(client, requests, 1, NULL), AREG_OK);
    areg_close(client);
    assert_int_equal(seen.count, 5);
    const struct areg_options too_many = {.inflight_max = 4097};
    assert_int_equal(areg_open(&client, "tcp://h:1", &too_many), AREG_EINVAL);
    assert_null(client);
}

static void writes_of_one_key_take_effect_in_the_order_of_submission(void **state)
{
    struct setting *setting = *state;
    struct seen seen[10] = {0};
    char texts[10][4];
    for (unsigned i = 0; i < 10; i++) {
        snprintf(texts[i], sizeof texts[i], "%u", i);
        const struct areg_request request = put_request("k", texts[i], &seen[i]);
        assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    }
    while (seen[9].count == 0)
        areg_run(setting->client, AREG_FOREVER);
    for (unsigned i = 1; i < 10; i++)
        assert_true(seen[i - 1].last.tag.z < seen[i].last.tag.z);
    assert_text(setting->client, "k", "9");
}

static void waiting_for_one_operation_runs_the_others_too(void **state)
{
    struct setting *setting = *state;
    struct seen seen = {0};
    uint64_t ids[2];
    const struct areg_request requests[2] = {put_request("a", "1", &seen), put_request("a", "2", &seen)};
    assert_int_equal(areg_submit(setting->client, requests, 2, ids), AREG_OK);
    assert_int_equal(areg_wait(setting->client, ids[1]), AREG_OK); /* ordered behind the first */
    assert_int_equal(seen.count, 2);
    assert_int_equal(areg_wait(setting->client, ids[0]), AREG_EINVAL);
}

/* ---------------------------------------------------------------- giving up */

static void without_a_quorum_nothing_is_written_and_the_silent_hosts_are_named(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "old");
    local_hosts_set_faults(setting->hosts, 1, LOCAL_SILENT);
    local_hosts_set_faults(setting->hosts, 3, LOCAL_SILENT);
    const struct areg_op_options soon = {.timeout_ms = 200};
    struct areg_value *value;
    assert_int_equal(areg_put(setting->client, "k", 1, "new", 3, &soon, NULL), AREG_EUNAVAIL);
    assert_non_null(strstr(areg_detail(setting->client), "s2"));
    assert_non_null(strstr(areg_detail(setting->client), "s4"));
    assert_null(strstr(areg_detail(setting->client), "s1"));
    assert_int_equal(areg_get(setting->client, "k", 1, &soon, &value, NULL), AREG_EUNAVAIL);
    assert_null(value);
    for (unsigned i = 0; i < 5; i++)
        assert_true(local_hosts_puts(setting->hosts, i) <= 1);
    local_hosts_set_faults(setting->hosts, 1, 0);
    assert_text(setting->client, "k", "old"); /* one may be silent */
}

static void a_write_that_was_cut_off_says_that_its_outcome_is_unknown(void **state)
{
    struct setting *setting = *state;
    set_all_faults(setting, LOCAL_DROPS_PUTS);
    const struct areg_op_options soon = {.timeout_ms = 200};
    struct areg_tag cut_off;
    struct areg_value *value;
    assert_int_equal(areg_put(setting->client, "k", 1, "maybe", 5, &soon, &cut_off), AREG_EMAYBE);
    assert_int_equal(cut_off.z, 1);
    assert_true(areg_detail(setting->client)[0] != 0);
    assert_int_equal(areg_get(setting->client, "k", 1, NULL, &value, NULL), AREG_ENOTFOUND);
    set_all_faults(setting, 0);
    struct areg_tag next;
    assert_int_equal(areg_put(setting->client, "k", 1, "sure", 4, NULL, &next), AREG_OK);
    assert_true(next.writer != cut_off.writer); /* two values never share a tag */
}

static void a_canceled_operation_tells_its_class(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "v");
    set_all_faults(setting, LOCAL_DROPS_PUTS);
    struct seen early = {0};
    struct seen late = {0};
    struct seen read = {0};
    uint64_t ids[3];
    const struct areg_request requests[3] = {put_request("a", "1", &early), put_request("b", "2", &late),
                                             get_request("c", &read)};
    assert_int_equal(areg_submit(setting->client, requests, 3, ids), AREG_OK);
    assert_int_equal(areg_cancel(setting->client, ids[0]), AREG_OK); /* before anything has left */
    assert_int_equal(early.count, 0);
    while (read.count == 0 || local_hosts_puts(setting->hosts, 0) < 2)
        areg_run(setting->client, 10);
    assert_int_equal(early.error_count[AREG_ECANCELED], 1);
    assert_int_equal(areg_cancel(setting->client, ids[1]), AREG_OK);
    areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(late.error_count[AREG_EMAYBE], 1);
    assert_int_equal(areg_cancel(setting->client, ids[1]), AREG_EINVAL);
    assert_int_equal(early.count + late.count + read.count, 3);
}

struct closing {
    struct areg_client *client;
    unsigned count;
};

static void submit_while_closing(const struct areg_result *result, void *arg)
{
    struct closing *closing = arg;
    closing->count++;
    assert_int_equal(result->error, AREG_ECANCELED);
    const struct areg_request request = {.op = AREG_GET, .key = "k", .key_bytes = 1};
    assert_int_equal(areg_submit(closing->client, &request, 1, NULL), AREG_EINVAL);
}

static void closing_completes_what_is_under_way_and_admits_no_more(void **state)
{
    struct setting *setting = *state;
    struct closing closing = {.client = setting->client};
    for (unsigned i = 0; i < 20; i++) {
        const struct areg_request request = {.op = i % 2 ? AREG_GET : AREG_PUT,
                                             .key = "k",
                                             .key_bytes = 1,
                                             .data = "v",
                                             .data_bytes = 1,
                                             .done = submit_while_closing,
                                             .arg = &closing};
        assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    }
    areg_close(setting->client);
    setting->client = NULL;
    assert_int_equal(closing.count, 20);
}

static void what_no_reader_wants_is_freed(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "value");
    const struct areg_request request = {.op = AREG_GET, .key = "k", .key_bytes = 1};
    uint64_t id;
    assert_int_equal(areg_submit(setting->client, &request, 1, &id), AREG_OK);
    assert_int_equal(areg_wait(setting->client, id), AREG_OK); /* the leak checker sees the rest */
}

/* ---------------------------------------------------------------- hosts that misbehave */

static void one_host_that_answers_garbage_or_nothing_is_no_obstacle(void **state)
{
    struct setting *setting = *state;
    static const unsigned faults[] = {LOCAL_SILENT, LOCAL_GARBAGE, LOCAL_FUTURE, LOCAL_BUSY, LOCAL_FULL};
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        local_hosts_set_faults(setting->hosts, i, faults[i]);
        put_text(setting->client, "k", "one host is out");
        assert_text(setting->client, "k", "one host is out");
        local_hosts_set_faults(setting->hosts, i, 0);
    }
}

static void hosts_of_another_version_are_told_apart_from_hosts_that_are_down(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "v");
    set_all_faults(setting, LOCAL_FUTURE);
    assert_int_equal(areg_put(setting->client, "k", 1, "w", 1, NULL, NULL), AREG_EVERSION);
}

static void full_hosts_are_said_to_be_full(void **state)
{
    struct setting *setting = *state;
    set_all_faults(setting, LOCAL_FULL);
    const struct areg_op_options soon = {.timeout_ms = 500};
    const enum areg_error error = areg_put(setting->client, "k", 1, "w", 1, &soon, NULL);
    assert_true(error == AREG_EFULL || error == AREG_EMAYBE);
    set_all_faults(setting, 0);
    put_text(setting->client, "k", "w");
}

static void with_no_host_at_all_operations_end_in_time(void **state)
{
    (void)state;
    struct areg_client *client;
    const struct areg_options options = {.timeout_ms = 150};
    assert_int_equal(areg_open(&client, "tcp://127.0.0.1:1,tcp://127.0.0.1:2", &options), AREG_OK);
    struct areg_value *value;
    assert_int_equal(areg_get(client, "k", 1, NULL, &value, NULL), AREG_EUNAVAIL);
    assert_non_null(strstr(areg_detail(client), "tcp://127.0.0.1:1"));
    assert_non_null(strstr(areg_detail(client), "tcp://127.0.0.1:2"));
    assert_int_equal(areg_put(client, "k", 1, "v", 1, NULL, NULL), AREG_EUNAVAIL);
    areg_close(client);
}

static void any_one_live_seed_is_enough(void **state)
{
    struct setting *setting = *state;
    char seeds[256];
    snprintf(seeds, sizeof seeds, "tcp://127.0.0.1:1,%s", local_hosts_address(setting->hosts, 4));
    struct areg_client *client;
    assert_int_equal(areg_open(&client, seeds, NULL), AREG_OK);
    put_text(client, "k", "v");
    assert_text(setting->client, "k", "v");
    areg_close(client);
}

/* ---------------------------------------------------------------- another event loop */

static void the_descriptor_tells_all_there_is_to_do(void **state)
{
    struct setting *setting = *state;
    const int fd = areg_fd(setting->client);
    assert_true(fd >= 0);
    for (unsigned i = 0; i < 50; i++) {
        struct seen seen = {0};
        const struct areg_request requests[2] = {put_request("k", "v", &seen), get_request("l", &seen)};
        assert_int_equal(areg_submit(setting->client, requests, 2, NULL), AREG_OK);
        while (seen.count < 2) {
            struct pollfd pollfd = {.fd = fd, .events = POLLIN};
            assert_int_equal(poll(&pollfd, 1, 10000), 1); /* never sleeps through something */
            areg_run(setting->client, AREG_NO_WAIT);
        }
    }
}

static void the_descriptor_tells_deadlines_too(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "v");
    set_all_faults(setting, LOCAL_SILENT);
    struct seen seen = {0};
    struct areg_request request = get_request("k", &seen);
    request.timeout_ms = 100;
    assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
    unsigned wake_count = 0;
    for (; seen.count == 0; wake_count++) {
        struct pollfd pollfd = {.fd = areg_fd(setting->client), .events = POLLIN};
        assert_int_equal(poll(&pollfd, 1, 10000), 1);
        areg_run(setting->client, AREG_NO_WAIT);
    }
    assert_int_equal(seen.error_count[AREG_EUNAVAIL], 1);
    assert_true(wake_count < 1000); /* and it does not spin */
}

static void a_handle_at_rest_does_not_wake_its_loop(void **state)
{
    struct setting *setting = *state;
    const int fd = areg_fd(setting->client);
    put_text(setting->client, "k", "v");
    unsigned wake_count = 0;
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};
    for (; poll(&pollfd, 1, 100) > 0 && wake_count < 1000; wake_count++)
        areg_run(setting->client, AREG_NO_WAIT);
    assert_true(wake_count < 100); /* the late replies and the confirmation, not a busy loop */
    struct seen seen = {0};
    const struct areg_request request = put_request("k", "w", &seen);
    uint64_t id;
    assert_int_equal(areg_submit(setting->client, &request, 1, &id), AREG_OK);
    assert_int_equal(poll(&pollfd, 1, 0), 1); /* there is something to send */
    areg_run(setting->client, AREG_NO_WAIT);
    while (poll(&pollfd, 1, 100) > 0)
        areg_run(setting->client, AREG_NO_WAIT);
    set_all_faults(setting, LOCAL_SILENT);
    assert_int_equal(areg_submit(setting->client, &request, 1, &id), AREG_OK);
    areg_run(setting->client, AREG_NO_WAIT);
    assert_int_equal(areg_cancel(setting->client, id), AREG_OK);
    assert_int_equal(poll(&pollfd, 1, 0), 1); /* there is something to tell */
    assert_int_equal(areg_run(setting->client, AREG_NO_WAIT), 1);
}

/* ---------------------------------------------------------------- list and ping */

struct listed {
    unsigned count;
    unsigned stop_after;
    char last[64];
    size_t last_bytes;
};

static bool take_key(const void *key, size_t key_bytes, struct areg_tag tag, void *arg)
{
    struct listed *listed = arg;
    assert_true(tag.z > 0);
    assert_true(key_bytes <= sizeof listed->last);
    if (listed->count > 0)
        assert_true(key_compare(slice_borrow(listed->last, listed->last_bytes), slice_borrow(key, key_bytes)) < 0);
    memcpy(listed->last, key, key_bytes);
    listed->last_bytes = key_bytes;
    return ++listed->count != listed->stop_after;
}

static void keys_of_all_shards_are_listed_once_and_in_order(void **state)
{
    struct setting *setting = *state;
    enum { COUNT = 2500, BATCH = 500 };
    struct seen seen = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        char key[16];
        snprintf(key, sizeof key, "%s/%u", i % 5 == 0 ? "a" : "b", i);
        const struct areg_request request = put_request(key, "v", &seen);
        assert_int_equal(areg_submit(setting->client, &request, 1, NULL), AREG_OK);
        while (i + 1 - seen.count >= BATCH)
            areg_run(setting->client, AREG_FOREVER);
    }
    while (seen.count < COUNT)
        areg_run(setting->client, AREG_FOREVER);
    assert_int_equal(seen.error_count[AREG_OK], COUNT);
    assert_int_equal(areg_del(setting->client, "a/0", 3, NULL, NULL), AREG_OK);
    struct listed all = {0};
    assert_int_equal(areg_list(setting->client, NULL, 0, NULL, take_key, &all), AREG_OK);
    assert_int_equal(all.count, COUNT - 1);
    struct listed some = {0};
    assert_int_equal(areg_list(setting->client, "a/", 2, NULL, take_key, &some), AREG_OK);
    assert_int_equal(some.count, COUNT / 5 - 1);
    struct listed few = {.stop_after = 7};
    assert_int_equal(areg_list(setting->client, "b", 1, NULL, take_key, &few), AREG_OK);
    assert_int_equal(few.count, 7);
    struct listed none = {0};
    assert_int_equal(areg_list(setting->client, "c", 1, NULL, take_key, &none), AREG_OK);
    assert_int_equal(none.count, 0);
}

static void a_listing_without_a_quorum_fails_in_time(void **state)
{
    struct setting *setting = *state;
    put_text(setting->client, "k", "v");
    set_all_faults(setting, LOCAL_SILENT);
    struct listed listed = {0};
    const struct areg_op_options soon = {.timeout_ms = 150};
    assert_int_equal(areg_list(setting->client, "", 0, &soon, take_key, &listed), AREG_EUNAVAIL);
    assert_int_equal(listed.count, 0);
    assert_non_null(strstr(areg_detail(setting->client), "s1"));
    static const char long_prefix[AREG_KEY_BYTES_MAX + 1];
    assert_int_equal(areg_list(setting->client, long_prefix, sizeof long_prefix, NULL, take_key, &listed), AREG_EINVAL);
}

struct pinged {
    unsigned count;
    unsigned up_count;
};

static void take_host(const struct areg_host_status *host, void *arg)
{
    struct pinged *pinged = arg;
    char id[8];
    pinged->count++;
    snprintf(id, sizeof id, "s%u", pinged->count);
    assert_string_equal(host->id, id);
    assert_memory_equal(host->address, "tcp://", 6);
    pinged->up_count += host->is_up;
    assert_string_equal(host->status, host->is_up ? "{\"faults\":0}" : "");
}

static void a_ping_tells_of_every_host_in_order(void **state)
{
    struct setting *setting = *state;
    struct pinged pinged = {0};
    assert_int_equal(areg_ping(setting->client, NULL, take_host, &pinged), AREG_OK);
    assert_int_equal(pinged.count, 5);
    assert_int_equal(pinged.up_count, 5);
    local_hosts_set_faults(setting->hosts, 2, LOCAL_SILENT);
    pinged = (struct pinged){0};
    const struct areg_op_options soon = {.timeout_ms = 200};
    assert_int_equal(areg_ping(setting->client, &soon, take_host, &pinged), AREG_OK);
    assert_int_equal(pinged.count, 5);
    assert_int_equal(pinged.up_count, 4);
    set_all_faults(setting, LOCAL_SILENT);
    pinged = (struct pinged){0};
    assert_int_equal(areg_ping(setting->client, &soon, take_host, &pinged), AREG_EUNAVAIL);
    assert_int_equal(pinged.up_count, 0);
}

/* ---------------------------------------------------------------- costs */

static void an_uncontended_write_takes_two_rounds_and_a_read_one(void **state)
{
    struct setting *setting = *state;
    enum { COUNT = 20, VALUE_BYTES = 30000 };
    static uint8_t bytes[VALUE_BYTES];
    /* To a host that is not connected yet nothing would be sent. */
    struct pinged pinged = {0};
    assert_int_equal(areg_ping(setting->client, NULL, take_host, &pinged), AREG_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        struct areg_value *value;
        assert_int_equal(areg_put(setting->client, "k", 1, bytes, sizeof bytes, NULL, NULL), AREG_OK);
        assert_int_equal(areg_get(setting->client, "k", 1, NULL, &value, NULL), AREG_OK);
        areg_value_free(value);
    }
    assert_int_equal(areg_counter(setting->client, AREG_COUNT_WRITES), COUNT);
    assert_int_equal(areg_counter(setting->client, AREG_COUNT_READS), COUNT);
    assert_int_equal(areg_counter(setting->client, AREG_COUNT_WRITE_ROUNDS), 2 * COUNT);
    assert_true(areg_counter(setting->client, AREG_COUNT_READ_ROUNDS) >= COUNT);
    assert_true(areg_counter(setting->client, AREG_COUNT_BYTES_SENT) >= (uint64_t)COUNT * VALUE_BYTES * 5 / 3);
    assert_true(areg_counter(setting->client, AREG_COUNT_BYTES_RECEIVED) >= (uint64_t)COUNT * VALUE_BYTES);
    assert_true(areg_counter(setting->client, AREG_COUNT_OVERHEAD_SENT) > 0);
    assert_true(areg_counter(setting->client, AREG_COUNT_OVERHEAD_RECEIVED) > 0);
    assert_int_equal(areg_counter(setting->client, AREG_COUNT_END), 0);
}

static void opening_says_what_is_wrong(void **state)
{
    (void)state;
    char detail[100] = "untouched";
    struct areg_client *client;
    const struct areg_options options = {.detail = detail, .detail_bytes = sizeof detail};
    assert_int_equal(areg_open(&client, "tcp://nohost", &options), AREG_EINVAL);
    assert_null(client);
    assert_non_null(strstr(detail, "tcp://nohost"));
    assert_int_equal(areg_open(&client, "/nonexistent", &options), AREG_EINVAL);
    assert_non_null(strstr(detail, "/nonexistent"));
    assert_int_equal(areg_open(&client, "tcp://127.0.0.1:1", &options), AREG_OK);
    assert_string_equal(detail, "");
    areg_close(client);
    areg_close(NULL);
}

#define IN_SETTING(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SETTING(values_of_every_size_come_back_as_they_were_written),
        IN_SETTING(a_register_without_a_value_is_not_found),
        IN_SETTING(arguments_out_of_range_are_refused_with_a_reason),
        IN_SETTING(a_covering_write_needs_the_tag_that_is_there),
        IN_SETTING(a_wrapped_value_is_written_without_a_copy_and_freed_once),
        IN_SETTING(a_value_that_was_read_can_be_written_to_another_register),
        IN_SETTING(many_operations_under_way_complete_once_each),
        IN_SETTING(requests_that_leave_together_travel_together),
        IN_SETTING(a_callback_may_submit_but_not_wait),
        IN_SETTING(what_a_callback_submits_leaves_before_the_run_returns),
        IN_SETTING(too_many_are_refused_all_or_none),
        IN_SETTING(writes_of_one_key_take_effect_in_the_order_of_submission),
        IN_SETTING(waiting_for_one_operation_runs_the_others_too),
        IN_SETTING(without_a_quorum_nothing_is_written_and_the_silent_hosts_are_named),
        IN_SETTING(a_write_that_was_cut_off_says_that_its_outcome_is_unknown),
        IN_SETTING(a_canceled_operation_tells_its_class),
        IN_SETTING(closing_completes_what_is_under_way_and_admits_no_more),
        IN_SETTING(what_no_reader_wants_is_freed),
        IN_SETTING(one_host_that_answers_garbage_or_nothing_is_no_obstacle),
        IN_SETTING(hosts_of_another_version_are_told_apart_from_hosts_that_are_down),
        IN_SETTING(full_hosts_are_said_to_be_full),
        cmocka_unit_test(with_no_host_at_all_operations_end_in_time),
        IN_SETTING(any_one_live_seed_is_enough),
        IN_SETTING(the_descriptor_tells_all_there_is_to_do),
        IN_SETTING(the_descriptor_tells_deadlines_too),
        IN_SETTING(a_handle_at_rest_does_not_wake_its_loop),
        IN_SETTING(keys_of_all_shards_are_listed_once_and_in_order),
        IN_SETTING(a_listing_without_a_quorum_fails_in_time),
        IN_SETTING(a_ping_tells_of_every_host_in_order),
        IN_SETTING(an_uncontended_write_takes_two_rounds_and_a_read_one),
        cmocka_unit_test(opening_says_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
