/* Configurations: names, addresses, codes, and the canonical encoding that their ids are made of. */
#include "core/config.h"

#include "core/digest.h"
#include "tests/unit/seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { CODE_TRY_BYTES = 64 };

/* ---------------------------------------------------------------- names and addresses */

static void a_name_is_letters_digits_and_three_marks_and_begins_like_a_word(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 256; first++) {
        const char one[] = {(char)first, 0};
        const char two[] = {'a', (char)first, 0};
        const bool is_word =
            first < 128 && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", (int)first) != NULL;
        assert_int_equal(name_is_valid(one, HOST_ID_BYTES_MAX), is_word);
        assert_int_equal(name_is_valid(two, HOST_ID_BYTES_MAX),
                         is_word || first == '-' || first == '_' || first == '.');
    }
}

static void a_host_id_has_1_to_32_bytes_and_zeroes_behind_them(void **state)
{
    (void)state;
    char text[HOST_ID_BYTES_MAX + 2] = {0};
    for (unsigned bytes = 0; bytes <= HOST_ID_BYTES_MAX + 1; bytes++) {
        memset(text, 'h', bytes);
        struct host_id id;
        memset(&id, 0xEE, sizeof id);
        const bool is_id = host_id_parse(text, &id);
        assert_int_equal(is_id, bytes >= 1 && bytes <= HOST_ID_BYTES_MAX);
        if (!is_id)
            continue;
        assert_string_equal(id.text, text);
        for (size_t i = bytes; i < sizeof id.text; i++)
            assert_int_equal(id.text[i], 0);
    }
}

static void only_addresses_with_a_scheme_a_host_and_a_port_are_valid(void **state)
{
    (void)state;
    static const char *const valid[] = {"tcp://127.0.0.1:7601", "tcp://host:1", "tcp://a-b_c.example.org:65535",
                                        "tcp://[::1]:7600", "tcp://[fe80::1%eth0]:7600"};
    static const char *const invalid[] = {"",
                                          "tcp://",
                                          "tcp://:7600",
                                          "tcp://host",
                                          "tcp://host:",
                                          "tcp://host:0",
                                          "tcp://host:07600",
                                          "tcp://host:65536",
                                          "tcp://host:4294967297",
                                          "tcp://host:76a",
                                          "tcp://host:+1",
                                          "tcp://host: 1",
                                          "tcp://host:1 ",
                                          "tcp://ho st:1",
                                          "tcp://ho/st:1",
                                          "tcp://ho,st:1",
                                          "tcp://ho\"st:1",
                                          "tcp://ho\\st:1",
                                          "tcp://h\xF6st:1",
                                          "tcp://h\x01st:1",
                                          "tcp://*:1",
                                          "tcp://::1:7600",
                                          "tcp://[::1:7600",
                                          "tcp://::1]:7600",
                                          "tcp://[]:7600",
                                          "tcp://[:7600",
                                          "TCP://host:1",
                                          "udp://host:1",
                                          " tcp://host:1",
                                          "host:1"};
    for (unsigned i = 0; i < sizeof valid / sizeof valid[0]; i++)
        if (!address_is_valid(valid[i]))
            fail_msg("refused: %s", valid[i]);
    for (unsigned i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        if (address_is_valid(invalid[i]))
            fail_msg("accepted: %s", invalid[i]);

    char text[ADDRESS_BYTES_MAX + 2];
    for (unsigned bytes = ADDRESS_BYTES_MAX; bytes <= ADDRESS_BYTES_MAX + 1; bytes++) {
        memset(text, 'a', bytes);
        memcpy(text, "tcp://", 6);
        memcpy(text + bytes - 2, ":1", 3);
        assert_int_equal(address_is_valid(text), bytes == ADDRESS_BYTES_MAX);
    }
}

/* ---------------------------------------------------------------- codes */

static void every_possible_code_prints_and_parses_back(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= MEMBER_COUNT_MAX + 2; n++)
        for (unsigned k = 0; k <= n + 2; k++) {
            char text[CODE_TRY_BYTES];
            struct code code = {0};
            snprintf(text, sizeof text, "rs:%u,%u", n, k);
            const bool is_possible = n >= 1 && n <= MEMBER_COUNT_MAX && k >= 1 && k <= n;
            assert_int_equal(code_parse(text, &code), is_possible ? AREG_OK : AREG_EINVAL);
            if (!is_possible)
                continue;
            assert_true(code.dap == DAP_TREAS && code.n == n && code.k == k);
            char printed[CODE_TEXT_BYTES];
            assert_string_equal(code_print(code, printed), text);
            assert_int_equal(code_quorum(code), (n + k + 1) / 2);
            assert_int_equal(code_tolerance(code), (n - k) / 2);
        }
    for (unsigned n = 0; n <= MEMBER_COUNT_MAX + 2; n++) {
        char text[CODE_TRY_BYTES];
        struct code code = {0};
        snprintf(text, sizeof text, "repl:%u", n);
        const bool is_possible = n >= 1 && n <= MEMBER_COUNT_MAX;
        assert_int_equal(code_parse(text, &code), is_possible ? AREG_OK : AREG_EINVAL);
        if (!is_possible)
            continue;
        assert_true(code.dap == DAP_ABD && code.n == n && code.k == 1);
        char printed[CODE_TEXT_BYTES];
        assert_string_equal(code_print(code, printed), text);
        assert_int_equal(code_quorum(code), n / 2 + 1);
        assert_int_equal(code_tolerance(code), (n - 1) / 2);
    }
}

static void every_possible_number_of_directories_and_replicas_prints_and_parses_back(void **state)
{
    (void)state;
    for (unsigned d = 0; d <= MEMBER_COUNT_MAX + 1; d++)
        for (unsigned r = 0; r <= MEMBER_COUNT_MAX + 1; r++) {
            char text[CODE_TRY_BYTES];
            struct code code = {0};
            snprintf(text, sizeof text, "ldr:%u,%u", d, r);
            const bool is_possible = d >= 1 && r >= 1 && d + r <= MEMBER_COUNT_MAX;
            assert_int_equal(code_parse(text, &code), is_possible ? AREG_OK : AREG_EINVAL);
            if (!is_possible)
                continue;
            assert_true(code.dap == DAP_LDR && code.n == d + r && code.k == 1 && code.directory_count == d);
            char printed[CODE_TEXT_BYTES];
            assert_string_equal(code_print(code, printed), text);
            assert_int_equal(code_quorum(code), d / 2 + 1 + r / 2 + 1);
            assert_int_equal(code_tolerance(code), d < r ? (d - 1) / 2 : (r - 1) / 2);
        }
}

/* ---------------------------------------------------------------- what members are there for */

static const char *const roles_codes[] = {"repl:1", "repl:4",  "repl:5",  "rs:5,3",  "rs:4,4",  "rs:6,3",
                                          "rs:3,1", "ldr:1,1", "ldr:3,3", "ldr:5,2", "ldr:2,4", "ldr:1,5"};

static unsigned members_in(unsigned members, unsigned from, unsigned to)
{
    unsigned count = 0;
    for (unsigned i = from; i < to; i++)
        count += members >> i & 1;
    return count;
}

/* Written down a second time, from PROTOCOL §1. */
static bool suffices(struct code code, unsigned members)
{
    const unsigned d = code.directory_count;
    if (d == 0)
        return 2 * members_in(members, 0, code.n) >= code.n + code.k;
    return 2 * members_in(members, 0, d) > d && 2 * members_in(members, d, code.n) > code.n - d;
}

static void a_set_of_members_is_a_quorum_if_it_has_enough_of_each_kind(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof roles_codes / sizeof roles_codes[0]; i++) {
        struct code code;
        assert_int_equal(code_parse(roles_codes[i], &code), AREG_OK);
        for (unsigned members = 0; members < 1u << code.n; members++) {
            const struct voters voters = {members};
            assert_int_equal(code_has_quorum(code, voters), suffices(code, members));
            /* The smallest set of members whose loss is one too many. */
            int spare_count = suffices(code, members) ? (int)code.n : -1;
            for (unsigned lost = members; lost > 0; lost = (lost - 1) & members)
                if (!suffices(code, members & ~lost) && (int)members_in(lost, 0, code.n) - 1 < spare_count)
                    spare_count = (int)members_in(lost, 0, code.n) - 1;
            assert_int_equal(code_spare_count(code, voters), spare_count);
        }
    }
}

static void fragments_are_the_same_for_one_k_at_one_position_or_as_whole_copies(void **state)
{
    (void)state;
    enum { COUNT = sizeof roles_codes / sizeof roles_codes[0] };
    struct code codes[COUNT];
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(code_parse(roles_codes[i], &codes[i]), AREG_OK);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(code_deciders(codes[i]).bits,
                         (1u << (codes[i].directory_count ? codes[i].directory_count : codes[i].n)) - 1);
        assert_int_equal(code_holders(codes[i]).bits,
                         ((1u << codes[i].n) - 1) & ~((1u << codes[i].directory_count) - 1));
        for (unsigned j = 0; j < COUNT; j++) {
            const struct code a = codes[i];
            const struct code b = codes[j];
            assert_int_equal(code_equal(a, b), i == j);
            for (unsigned at_a = 0; at_a < a.n; at_a++)
                for (unsigned at_b = 0; at_b < b.n; at_b++) {
                    const bool have_any = at_a >= a.directory_count && at_b >= b.directory_count;
                    assert_int_equal(code_same_fragment(a, at_a, b, at_b),
                                     have_any && a.k == b.k && (a.k == 1 || at_a == at_b));
                }
        }
    }
}

/* ---------------------------------------------------------------- what is no code */

static void whatever_else_is_no_code_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const invalid[] = {"",
                                          "rs",
                                          "rs:",
                                          "rs:5",
                                          "rs:5,",
                                          "rs:,3",
                                          "rs:5,3,",
                                          "rs:5,3 ",
                                          "rs: 5,3",
                                          "rs:5, 3",
                                          " rs:5,3",
                                          "rs:05,3",
                                          "rs:5,03",
                                          "rs:+5,3",
                                          "rs:5,-3",
                                          "rs:0x5,3",
                                          "rs:5.0,3",
                                          "rs:5;3",
                                          "RS:5,3",
                                          "rs5,3",
                                          "repl",
                                          "repl:",
                                          "repl:5,1",
                                          "repl:05",
                                          "repl: 5",
                                          "repl:5 ",
                                          "repl:-5",
                                          "repl:33",
                                          "rs:33,3",
                                          "rs:3,5",
                                          "ldr:3",
                                          "ec:5,3",
                                          "rs:99999999,3",
                                          "rs:5,4294967299",
                                          "repl:257",
                                          "rs:261,3",
                                          "rs:5,259",
                                          "repl:5x",
                                          "rs:5,3\n5",
                                          "rs:5,3:repl:5",
                                          "ldr:",
                                          "ldr:3,0",
                                          "ldr:0,3",
                                          "ldr:16,17",
                                          "ldr:33,1",
                                          "ldr:3,3,3",
                                          "ldr:03,3",
                                          "ldr3,3",
                                          "ldr: 3,3"};
    for (unsigned i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        struct code code = {.dap = DAP_ABD, .n = 7, .k = 1};
        if (code_parse(invalid[i], &code) != AREG_EINVAL)
            fail_msg("accepted: %s", invalid[i]);
        assert_true(code.dap == DAP_ABD && code.n == 7 && code.k == 1);
    }
}

static void only_codes_of_known_kinds_and_numbers_are_possible(void **state)
{
    (void)state;
    for (unsigned dap = 0; dap < 256; dap++)
        for (unsigned n = 0; n < 256; n++)
            for (unsigned k = 0; k < 256; k += k < 34 ? 1 : 13) {
                const bool numbers_fit = k >= 1 && k <= n && n <= 32;
                for (unsigned d = 0; d <= n + 1 && d < 256; d += d < 33 ? 1 : 50) {
                    const struct code code = {
                        .dap = (enum dap_kind)dap, .n = (uint8_t)n, .k = (uint8_t)k, .directory_count = (uint8_t)d};
                    assert_int_equal(code_is_possible(code),
                                     (dap == 1 && numbers_fit && k == 1 && d == 0) ||
                                         (dap == 2 && numbers_fit && d == 0) ||
                                         (dap == 3 && numbers_fit && k == 1 && d >= 1 && d < n));
                }
            }
}

/* ---------------------------------------------------------------- encodings */

/* A configuration with something in every field. */
static struct config sample(void)
{
    struct config config = {
        .cluster = {{21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36}},
        .shard = 7,
        .index = 3,
        .parent = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
        .code = {.dap = DAP_TREAS, .n = 3, .k = 2},
        .delta = 8,
        .member_count = 3,
        .time_ns = UINT64_C(1700000000123456789),
        .author = "admin",
        .reason = "grow",
    };
    for (unsigned i = 0; i < config.member_count; i++) {
        snprintf(config.members[i].id.text, sizeof config.members[i].id.text, "s%u", i + 1);
        snprintf(config.members[i].address, sizeof config.members[i].address, "tcp://127.0.0.1:760%u", i + 1);
        memset(config.members[i].public_key, (int)(0xA0 + i), sizeof config.members[i].public_key);
        config.members[i].incarnation = 100 + i;
    }
    return config;
}

static struct config_id id_of(struct config config)
{
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    config_encode(&config, encoded, sizeof encoded);
    return config.id;
}

static void draw_name(struct random_source *random, char *to, unsigned bytes_min, unsigned bytes_max)
{
    static const char letters[] = "abcXYZ019-_.";
    const unsigned bytes = bytes_min + (unsigned)random_below(random, bytes_max - bytes_min + 1);
    for (unsigned i = 0; i < bytes; i++)
        to[i] = letters[random_below(random, i ? sizeof letters - 1 : 9)];
    to[bytes] = 0;
}

static struct config draw_config(struct random_source *random)
{
    struct config config = {.shard = (uint32_t)random_next(random), .index = (uint32_t)random_next(random)};
    random_fill(random, config.parent.bytes, sizeof config.parent.bytes);
    config.code.n = config.member_count = (uint8_t)(1 + random_below(random, MEMBER_COUNT_MAX));
    config.code.dap = (enum dap_kind)(1 + random_below(random, config.code.n > 1 ? 3 : 2));
    config.code.k = config.code.dap == DAP_TREAS ? (uint8_t)(1 + random_below(random, config.code.n)) : 1;
    if (config.code.dap == DAP_LDR)
        config.code.directory_count = (uint8_t)(1 + random_below(random, config.code.n - 1u));
    config.delta = (uint16_t)random_below(random, DELTA_MAX + 1);
    config.time_ns = random_next(random);
    draw_name(random, config.author, 0, HOST_ID_BYTES_MAX);
    draw_name(random, config.reason, 0, REASON_BYTES_MAX);
    for (unsigned i = 0; i < config.member_count; i++) {
        struct member *member = &config.members[i];
        draw_name(random, member->id.text, 1, HOST_ID_BYTES_MAX - 3);
        snprintf(member->id.text + strlen(member->id.text), 4, "%u", 100 + i);
        char host[ADDRESS_BYTES_MAX - 6 - 6 + 1];
        draw_name(random, host, 1, sizeof host - 1);
        snprintf(member->address, sizeof member->address, "tcp://%s:%u", host,
                 1 + (unsigned)random_below(random, 65535));
        random_fill(random, member->public_key, sizeof member->public_key);
        member->incarnation = random_next(random);
    }
    return config;
}

static void assert_same_config(const struct config *a, const struct config *b)
{
    assert_true(config_id_equal(a->id, b->id));
    assert_int_equal(a->shard, b->shard);
    assert_int_equal(a->index, b->index);
    assert_true(config_id_equal(a->parent, b->parent));
    assert_true(code_equal(a->code, b->code));
    assert_int_equal(a->delta, b->delta);
    assert_int_equal(a->member_count, b->member_count);
    for (unsigned i = 0; i < a->member_count; i++) {
        assert_string_equal(a->members[i].id.text, b->members[i].id.text);
        assert_string_equal(a->members[i].address, b->members[i].address);
        assert_memory_equal(a->members[i].public_key, b->members[i].public_key, sizeof a->members[i].public_key);
        assert_true(a->members[i].incarnation == b->members[i].incarnation);
    }
    assert_true(a->time_ns == b->time_ns);
    assert_string_equal(a->author, b->author);
    assert_string_equal(a->reason, b->reason);
}

static void a_configuration_decodes_to_what_was_encoded(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 2000; round++) {
        struct config config = draw_config(&random);
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
        const size_t bytes = config_encode(&config, encoded, sizeof encoded);
        struct config decoded;
        assert_int_equal(config_decode(slice_borrow(encoded, bytes), &decoded), AREG_OK);
        assert_same_config(&decoded, &config);
        uint8_t again[CONFIG_ENCODED_BYTES_MAX];
        assert_int_equal(config_encode(&decoded, again, sizeof again), bytes);
        assert_memory_equal(again, encoded, bytes);
    }
}

static void the_largest_configuration_fits_the_room_that_is_promised(void **state)
{
    (void)state;
    struct config config = {.code = {.dap = DAP_TREAS, .n = 32, .k = 20}, .delta = DELTA_MAX, .member_count = 32};
    memset(config.author, 'a', HOST_ID_BYTES_MAX);
    memset(config.reason, 'r', REASON_BYTES_MAX);
    for (unsigned i = 0; i < 32; i++) {
        struct member *member = &config.members[i];
        memset(member->id.text, (int)('A' + i % 26), HOST_ID_BYTES_MAX);
        member->id.text[0] = (char)('a' + i / 26);
        memset(member->address, 'h', ADDRESS_BYTES_MAX);
        memcpy(member->address, "tcp://", 6);
        memcpy(member->address + ADDRESS_BYTES_MAX - 6, ":65535", 6);
    }
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(&config, encoded, sizeof encoded);
    struct config decoded;
    assert_int_equal(config_decode(slice_borrow(encoded, bytes), &decoded), AREG_OK);
    assert_same_config(&decoded, &config);
}

static void the_encoding_and_the_id_are_those_of_all_other_versions(void **state)
{
    (void)state;
    /* Computed by an independent encoder; a change here is a change of the format, which needs a new number. */
    struct config config = sample();
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    assert_int_equal(config_encode(&config, encoded, sizeof encoded), 265);
    char text[CONFIG_ID_TEXT_BYTES];
    assert_string_equal(config_id_print(config.id, text), "2f08cc2a3ef4d376a84cf2729d836c3a");
    assert_int_equal(strlen(text), CONFIG_ID_TEXT_BYTES - 1);
}

static void a_cut_or_prolonged_encoding_is_refused(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 5; round++) {
        struct config config = round ? draw_config(&random) : sample();
        uint8_t encoded[CONFIG_ENCODED_BYTES_MAX + 1] = {0};
        const size_t bytes = config_encode(&config, encoded, CONFIG_ENCODED_BYTES_MAX);
        struct config decoded;
        for (size_t cut_bytes = 0; cut_bytes < bytes; cut_bytes++) {
            uint8_t *exact = malloc(cut_bytes + 1); /* sanitizers see a byte too far */
            memcpy(exact, encoded, cut_bytes);
            assert_int_equal(config_decode(slice_borrow(exact, cut_bytes), &decoded), AREG_EINVAL);
            free(exact);
        }
        assert_int_equal(config_decode(slice_borrow(encoded, bytes + 1), &decoded), AREG_EINVAL);
        assert_int_equal(config_decode(slice_borrow(encoded, sizeof encoded), &decoded), AREG_EINVAL);
    }
}

static void every_changed_byte_is_refused_or_changes_the_id(void **state)
{
    (void)state;
    struct config config = sample();
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(&config, encoded, sizeof encoded);
    unsigned accepted_count = 0;
    for (size_t at = 0; at < bytes; at++)
        for (unsigned change = 1; change < 256; change++) {
            encoded[at] ^= (uint8_t)change;
            struct config decoded;
            if (config_decode(slice_borrow(encoded, bytes), &decoded) == AREG_OK) {
                accepted_count++;
                assert_false(config_id_equal(decoded.id, config.id));
                /* What is accepted is canonical: it encodes to the very same bytes. */
                uint8_t again[CONFIG_ENCODED_BYTES_MAX];
                assert_int_equal(config_encode(&decoded, again, sizeof again), bytes);
                assert_memory_equal(again, encoded, bytes);
            }
            encoded[at] ^= (uint8_t)change;
        }
    assert_true(accepted_count > 1000);
}

static void configurations_that_differ_in_any_field_have_different_ids(void **state)
{
    (void)state;
    struct config variants[16];
    unsigned count = 0;
    variants[count++] = sample();
#define VARIANT(change)                                                                                                \
    do {                                                                                                               \
        struct config config = sample();                                                                               \
        change;                                                                                                        \
        variants[count++] = config;                                                                                    \
    } while (0)
    VARIANT(config.shard++);
    VARIANT(config.index++);
    VARIANT(config.parent.bytes[15]++);
    VARIANT(config.code.k--);
    VARIANT(config.code.dap = DAP_ABD; config.code.k = 1);
    VARIANT(config.code.n--; config.member_count--);
    VARIANT(config.delta++);
    VARIANT(config.time_ns++);
    VARIANT(config.author[0] = 'A');
    VARIANT(config.reason[0] = 'G');
    VARIANT(config.members[2].id.text[1] = '9');
    VARIANT(config.members[2].address[16] = '9');
    VARIANT(config.members[2].public_key[31]++);
    VARIANT(config.members[2].incarnation++);
    VARIANT(struct member first = config.members[0]; config.members[0] = config.members[1]; config.members[1] = first);
#undef VARIANT
    assert_int_equal(count, sizeof variants / sizeof variants[0]);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < i; j++)
            assert_false(config_id_equal(id_of(variants[i]), id_of(variants[j])));
}

static void the_id_is_the_digest_of_the_encoding_and_ignores_the_old_one(void **state)
{
    (void)state;
    struct config config = sample();
    const struct config_id id = id_of(config);
    memset(config.id.bytes, 0xEE, sizeof config.id.bytes);
    assert_true(config_id_equal(id_of(config), id));
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(&config, encoded, sizeof encoded);
    struct config_id digest;
    digest_of(slice_borrow(encoded, bytes), digest.bytes);
    assert_true(config_id_equal(digest, id));
}

/* Encodings that our own encoder would refuse to make, so they are made by changing bytes of one that it does. */
static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    enum { AT_FORMAT = 0, AT_DAP = 41, AT_N = 42, AT_K = 43, AT_DELTA = 44, AT_ID = 48, AT_ADDRESS = 52 };
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{AT_FORMAT, 0},    {AT_FORMAT, 2}, {AT_DAP, 0},  {AT_DAP, 3}, {AT_DAP, 1 /* with k = 2 */},
                   {AT_N, 0},         {AT_N, 33},     {AT_K, 0},    {AT_K, 4},   {AT_DELTA, DELTA_MAX + 1},
                   {AT_DELTA + 1, 1}, {AT_ID, '/'},   {AT_ID, '-'}, {AT_ID, 0},  {AT_ID + 1, '2' /* a member twice */},
                   {AT_ADDRESS, 'T'}};
    struct config config = sample();
    uint8_t encoded[CONFIG_ENCODED_BYTES_MAX];
    const size_t bytes = config_encode(&config, encoded, sizeof encoded);
    assert_memory_equal(encoded + AT_DAP, "\x02\x03\x02\x08\0\x02\0s1\x14\0tcp:", 15);
    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const uint8_t before = encoded[changes[i].at];
        encoded[changes[i].at] = changes[i].value;
        struct config decoded;
        if (config_decode(slice_borrow(encoded, bytes), &decoded) != AREG_EINVAL)
            fail_msg("accepted: change %u", i);
        encoded[changes[i].at] = before;
    }
}

static void random_bytes_are_refused(void **state)
{
    (void)state;
    struct random_source random = test_random();
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t bytes[400];
        random_fill(&random, bytes, sizeof bytes);
        bytes[0] = 1;
        struct config decoded;
        assert_int_equal(config_decode(slice_borrow(bytes, random_below(&random, sizeof bytes)), &decoded),
                         AREG_EINVAL);
    }
}

static void a_member_is_found_by_its_id_alone(void **state)
{
    (void)state;
    const struct config config = sample();
    for (unsigned i = 0; i < config.member_count; i++)
        assert_int_equal(config_member_index(&config, &config.members[i].id), i);
    struct host_id other;
    assert_true(host_id_parse("s", &other));
    assert_int_equal(config_member_index(&config, &other), -1);
    assert_true(host_id_parse("s11", &other));
    assert_int_equal(config_member_index(&config, &other), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_letters_digits_and_three_marks_and_begins_like_a_word),
        cmocka_unit_test(a_host_id_has_1_to_32_bytes_and_zeroes_behind_them),
        cmocka_unit_test(only_addresses_with_a_scheme_a_host_and_a_port_are_valid),
        cmocka_unit_test(every_possible_code_prints_and_parses_back),
        cmocka_unit_test(every_possible_number_of_directories_and_replicas_prints_and_parses_back),
        cmocka_unit_test(a_set_of_members_is_a_quorum_if_it_has_enough_of_each_kind),
        cmocka_unit_test(fragments_are_the_same_for_one_k_at_one_position_or_as_whole_copies),
        cmocka_unit_test(whatever_else_is_no_code_and_changes_nothing),
        cmocka_unit_test(only_codes_of_known_kinds_and_numbers_are_possible),
        cmocka_unit_test(a_configuration_decodes_to_what_was_encoded),
        cmocka_unit_test(the_largest_configuration_fits_the_room_that_is_promised),
        cmocka_unit_test(the_encoding_and_the_id_are_those_of_all_other_versions),
        cmocka_unit_test(a_cut_or_prolonged_encoding_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused_or_changes_the_id),
        cmocka_unit_test(configurations_that_differ_in_any_field_have_different_ids),
        cmocka_unit_test(the_id_is_the_digest_of_the_encoding_and_ignores_the_old_one),
        cmocka_unit_test(impossible_configurations_are_refused),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(a_member_is_found_by_its_id_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
