/*
 * Registers on their way to and from configurations whose members are not alike: directories are always told anew where
 * a value is, replicas keep the copies that they had; and only directories are asked about successors.
 */
#include "stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { VALUE_BYTES = 3000 };

static struct slice value;

static enum areg_error put(const char *key)
{
    const struct client_op op = {.kind = CLIENT_PUT, .value = value};
    return world_do(op, key);
}

static void assert_reads(const char *key)
{
    const struct client_op op = {.kind = CLIENT_GET};
    assert_int_equal(world_do(op, key), AREG_OK);
    assert_true(world_has_read(value));
    world_drop();
}

static unsigned bits_of(const char *hosts)
{
    unsigned bits = 0;
    for (; *hosts; hosts++)
        bits |= 1u << (*hosts - '0');
    return bits;
}

struct expected {
    const char *code;
    const char *hosts;
    const char *code_after;
    const char *hosts_after;
    const char *adopting; /* hosts */
    const char *sent;
    unsigned value_count; /* that come and go, fragments added up */
};

/* Hosts that keep the successor; lent until the next call. */
static const char *deciders_of(const struct expected *expected)
{
    static char hosts[STAND_IN_COUNT + 1];
    memset(hosts, 0, sizeof hosts);
    memcpy(hosts, expected->hosts, voters_count(code_deciders(world.configs[0].code)));
    return hosts;
}

static void check_move(const struct expected *expected)
{
    world_open(expected->code, expected->hosts);
    assert_int_equal(put("k"), AREG_OK);
    world_settle();
    const unsigned to_index = world_describe(0, expected->code_after, expected->hosts_after);
    world_install(to_index, deciders_of(expected));
    world_clear_log();
    const struct client_op move = {
        .kind = CLIENT_MOVE, .source = world.descriptors[0], .target = world.descriptors[to_index]};
    assert_int_equal(world_do(move, "k"), AREG_OK);
    assert_int_equal(world_sent(0, MESSAGE_ADOPT, (int)to_index).bits, bits_of(expected->adopting));
    assert_int_equal(world_sent(0, MESSAGE_PUT_DATA, (int)to_index).bits, bits_of(expected->sent));
    if (value.bytes == VALUE_BYTES)
        assert_int_equal(world.done.value_bytes / VALUE_BYTES, expected->value_count);
    world_finalize(to_index, "01234567");
    assert_reads("k");
    world_close();
}

static void directories_are_told_anew_and_replicas_keep_their_copies(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        /* Nobody changes: directories tell where it is, directories are told. */
        {"ldr:3,3", "012345", "ldr:3,3", "012345", "345", "012", 0},
        {"ldr:3,3", "012345", "ldr:3,3", "201534", "345", "012", 0},
        /* A directory is replaced: no value is moved. A replica: one comes, one goes. */
        {"ldr:3,3", "012345", "ldr:3,3", "612345", "345", "612", 0},
        {"ldr:3,3", "012345", "ldr:3,3", "012645", "45", "0126", 2},
        /* All change their roles. */
        {"ldr:3,3", "012345", "ldr:3,3", "345012", "", "012345", 4},
        /* From and to plain copies. */
        {"repl:6", "012345", "ldr:3,3", "012345", "345", "012", 0},
        {"ldr:3,3", "012345", "repl:6", "012345", "345", "012", 4},
        {"ldr:3,3", "012345", "repl:3", "345", "345", "", 0},
        {"ldr:3,3", "012345", "rs:3,1", "534", "345", "", 0},
        {"rs:6,3", "012345", "ldr:3,3", "012345", "", "012345", 4},
        {"ldr:3,3", "012345", "rs:6,3", "012345", "", "012345", 3},
    };
    value = value_of(1, VALUE_BYTES);
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_move(&cases[i]);
    slice_unref(&value);
}

/* Four bytes of a value look like four bytes that tell where one is. */
static void a_copy_is_never_taken_for_a_location(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x38, 0, 0, 0};
    const struct expected to = {"repl:6", "012345", "ldr:3,3", "012345", "345", "012", 0};
    const struct expected from = {"ldr:3,3", "012345", "repl:6", "012345", "345", "012", 0};
    value = slice_copy(slice_borrow(bytes, sizeof bytes));
    check_move(&to);
    check_move(&from);
    slice_unref(&value);
}

static void a_worker_tells_directories_of_the_successor_and_asks_no_replica_whether_it_knows(void **state)
{
    (void)state;
    value = value_of(1, VALUE_BYTES);
    world_open("ldr:3,3", "012345");
    assert_int_equal(put("k"), AREG_OK);
    const unsigned to_index = world_describe(0, "ldr:3,3", "612347");
    world_install(to_index, "");
    world_clear_log();
    struct client_op op = {.kind = CLIENT_LIST,
                           .source = world.descriptors[0],
                           .target = world.descriptors[to_index],
                           .key_count_max = 10};
    assert_int_equal(world_do(op, ""), AREG_OK);
    assert_int_equal(world_sent(0, MESSAGE_LIST_KEYS, -1).bits, bits_of("012"));
    assert_int_equal(world_sent(0, MESSAGE_WRITE_CONFIG, -1).bits, bits_of("012"));
    world_drop();
    op.kind = CLIENT_MOVE;
    assert_int_equal(world_do(op, "k"), AREG_OK);
    assert_int_equal(world_sent(0, MESSAGE_WRITE_CONFIG, -1).bits, bits_of("012"));
    /* Clients meet the successor there, too, and go on to it. */
    world_clear_log();
    assert_reads("k");
    assert_int_equal(world_sent(0, MESSAGE_GET_DATA, (int)to_index).bits & bits_of("612"), bits_of("612"));
    world_close();
    slice_unref(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_are_told_anew_and_replicas_keep_their_copies),
        cmocka_unit_test(a_copy_is_never_taken_for_a_location),
        cmocka_unit_test(a_worker_tells_directories_of_the_successor_and_asks_no_replica_whether_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
