#include "core/config.h"

#include "core/check.h"
#include "core/digest.h"
#include "core/quorum.h"

#include <stdio.h>
#include <string.h>

enum { CONFIG_FORMAT = 1 };

enum {
    MEMBER_ENCODED_BYTES_MAX = 2 + HOST_ID_BYTES_MAX + 2 + ADDRESS_BYTES_MAX + 32 + 8,
    CONFIG_FIXED_BYTES_MAX = 1 + 16 + 4 + 4 + 16 + 4 + 2 + 8 + 2 + HOST_ID_BYTES_MAX + 2 + REASON_BYTES_MAX,
};
_Static_assert(CONFIG_FIXED_BYTES_MAX + MEMBER_COUNT_MAX * MEMBER_ENCODED_BYTES_MAX <= CONFIG_ENCODED_BYTES_MAX,
               "every possible configuration must fit");

bool config_id_equal(struct config_id a, struct config_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

const char *config_id_print(struct config_id id, char text[CONFIG_ID_TEXT_BYTES])
{
    for (size_t i = 0; i < sizeof id.bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
    return text;
}

/* Not by <ctype.h>: what hosts agree on must not depend on a locale. */
static bool is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool is_letter_or_digit(char letter)
{
    return is_digit(letter) || (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
}

bool name_is_valid(const char *text, size_t text_bytes_max)
{
    const size_t bytes = strlen(text);
    if (bytes > text_bytes_max || !is_letter_or_digit(text[0]))
        return false;
    for (size_t i = 1; i < bytes; i++)
        if (!is_letter_or_digit(text[i]) && !strchr("-_.", text[i]))
            return false;
    return true;
}

bool host_id_parse(const char *text, struct host_id *id)
{
    if (!name_is_valid(text, HOST_ID_BYTES_MAX))
        return false;
    memset(id, 0, sizeof *id);
    memcpy(id->text, text, strlen(text));
    return true;
}

bool host_id_equal(const struct host_id *a, const struct host_id *b)
{
    return strcmp(a->text, b->text) == 0;
}

/* A decimal number in 1..max, and nothing around it: one number has one text. */
static bool parse_number(const char *text, unsigned max, unsigned *number)
{
    if (text[0] == '0' || strlen(text) > 6)
        return false;
    unsigned parsed = 0;
    for (; is_digit(*text); text++)
        parsed = 10 * parsed + (unsigned)(*text - '0');
    if (*text || parsed < 1 || parsed > max)
        return false;
    *number = parsed;
    return true;
}

/* A name, an IPv4 address, or an IPv6 address in brackets, between `at` and `end`. */
static bool host_is_valid(const char *at, const char *end)
{
    const char *marks = "-_.";
    if (at < end && *at == '[') {
        if (end[-1] != ']')
            return false;
        at++;
        end--;
        marks = ":.%";
    }
    if (at >= end)
        return false;
    for (; at < end; at++)
        if (!is_letter_or_digit(*at) && !strchr(marks, *at))
            return false;
    return true;
}

bool address_is_valid(const char *text)
{
    static const char scheme[] = "tcp://";
    if (strlen(text) > ADDRESS_BYTES_MAX || strncmp(text, scheme, strlen(scheme)) != 0)
        return false;
    const char *host = text + strlen(scheme);
    const char *colon = strrchr(host, ':');
    unsigned port;
    return colon && host_is_valid(host, colon) && parse_number(colon + 1, 65535, &port);
}

bool code_is_possible(struct code code)
{
    if (code.n < 1 || code.n > MEMBER_COUNT_MAX || code.k < 1 || code.k > code.n)
        return false;
    switch (code.dap) {
    case DAP_ABD:
        return code.k == 1 && code.directory_count == 0;
    case DAP_TREAS:
        return code.directory_count == 0;
    case DAP_LDR:
        return code.k == 1 && code.directory_count >= 1 && code.directory_count < code.n;
    }
    return false;
}

bool code_equal(struct code a, struct code b)
{
    return a.dap == b.dap && a.n == b.n && a.k == b.k && a.directory_count == b.directory_count;
}

/* Two numbers with a comma between them. */
static bool parse_pair(const char *text, unsigned *first, unsigned *second)
{
    char digits[8] = {0};
    const char *comma = strchr(text, ',');
    if (!comma || comma - text >= (long)sizeof digits)
        return false;
    memcpy(digits, text, (size_t)(comma - text));
    return parse_number(digits, MEMBER_COUNT_MAX, first) && parse_number(comma + 1, MEMBER_COUNT_MAX, second);
}

enum areg_error code_parse(const char *text, struct code *code)
{
    unsigned first = 0;
    unsigned second = 0;
    struct code parsed = {0};
    if (strncmp(text, "repl:", 5) == 0 && parse_number(text + 5, MEMBER_COUNT_MAX, &first))
        parsed = (struct code){.dap = DAP_ABD, .n = (uint8_t)first, .k = 1};
    else if (strncmp(text, "rs:", 3) == 0 && parse_pair(text + 3, &first, &second))
        parsed = (struct code){.dap = DAP_TREAS, .n = (uint8_t)first, .k = (uint8_t)second};
    else if (strncmp(text, "ldr:", 4) == 0 && parse_pair(text + 4, &first, &second))
        parsed =
            (struct code){.dap = DAP_LDR, .n = (uint8_t)(first + second), .k = 1, .directory_count = (uint8_t)first};
    if (!code_is_possible(parsed))
        return AREG_EINVAL;
    *code = parsed;
    return AREG_OK;
}

const char *code_print(struct code code, char text[CODE_TEXT_BYTES])
{
    if (code.dap == DAP_ABD)
        snprintf(text, CODE_TEXT_BYTES, "repl:%u", code.n);
    else if (code.dap == DAP_LDR)
        snprintf(text, CODE_TEXT_BYTES, "ldr:%u,%u", code.directory_count, code.n - code.directory_count);
    else
        snprintf(text, CODE_TEXT_BYTES, "rs:%u,%u", code.n, code.k);
    return text;
}

void code_put(struct bytes_writer *writer, struct code code)
{
    bytes_put_u8(writer, (uint8_t)code.dap);
    bytes_put_u8(writer, code.n);
    bytes_put_u8(writer, code.k);
    if (code.dap == DAP_LDR)
        bytes_put_u8(writer, code.directory_count);
}

struct code code_get(struct bytes_reader *reader)
{
    struct code code = {0};
    code.dap = (enum dap_kind)bytes_get_u8(reader);
    code.n = bytes_get_u8(reader);
    code.k = bytes_get_u8(reader);
    if (code.dap == DAP_LDR)
        code.directory_count = bytes_get_u8(reader);
    return code;
}

/* ---------------------------------------------------------------- what members are there for */

struct voters code_holders(struct code code)
{
    return voters_minus(voters_all(code.n), voters_all(code.directory_count));
}

struct voters code_deciders(struct code code)
{
    return voters_all(code.directory_count ? code.directory_count : code.n);
}

bool code_same_fragment(struct code a, unsigned a_index, struct code b, unsigned b_index)
{
    return a.k == b.k && (a.k == 1 || a_index == b_index) && voters_has(code_holders(a), a_index) &&
           voters_has(code_holders(b), b_index);
}

unsigned code_quorum(struct code code)
{
    if (code.directory_count)
        return quorum_majority(code.directory_count) + quorum_majority(code.n - code.directory_count);
    /* For whole copies k is 1, and ceil((n+1)/2) is floor(n/2) + 1. */
    return quorum_coded(code.n, code.k);
}

/* How many more of `members` are of one kind than its majority. */
static int spare_of(struct voters kind, struct voters members)
{
    return (int)voters_count(voters_common(kind, members)) - (int)quorum_majority(voters_count(kind));
}

int code_spare_count(struct code code, struct voters members)
{
    int spare_count = (int)voters_count(members) - (int)code_quorum(code);
    if (code.directory_count) {
        const int directories = spare_of(code_deciders(code), members);
        const int replicas = spare_of(code_holders(code), members);
        spare_count = directories < replicas ? directories : replicas;
    }
    return spare_count < 0 ? -1 : spare_count;
}

bool code_has_quorum(struct code code, struct voters members)
{
    return code_spare_count(code, members) >= 0;
}

unsigned code_tolerance(struct code code)
{
    return (unsigned)code_spare_count(code, voters_all(code.n));
}

static void put_member(struct bytes_writer *writer, const struct member *member)
{
    bytes_put_text(writer, member->id.text, strlen(member->id.text));
    bytes_put_text(writer, member->address, strlen(member->address));
    bytes_put_raw(writer, member->public_key, sizeof member->public_key);
    bytes_put_u64(writer, member->incarnation);
}

static void get_member(struct bytes_reader *reader, struct member *member)
{
    bytes_get_string(reader, member->id.text, HOST_ID_BYTES_MAX);
    bytes_get_string(reader, member->address, ADDRESS_BYTES_MAX);
    bytes_get_raw(reader, member->public_key, sizeof member->public_key);
    member->incarnation = bytes_get_u64(reader);
}

static bool members_are_possible(const struct config *config)
{
    for (unsigned i = 0; i < config->member_count; i++) {
        struct host_id parsed;
        if (!host_id_parse(config->members[i].id.text, &parsed) || !address_is_valid(config->members[i].address))
            return false;
        for (unsigned j = 0; j < i; j++)
            if (host_id_equal(&config->members[i].id, &config->members[j].id))
                return false;
    }
    return true;
}

size_t config_encode(struct config *config, uint8_t *to, size_t room_bytes)
{
    CHECK(code_is_possible(config->code) && config->member_count == config->code.n);
    CHECK(config->delta <= DELTA_MAX);
    CHECK_SLOW(members_are_possible(config));
    struct bytes_writer writer = bytes_writer_on(to, room_bytes);
    bytes_put_u8(&writer, CONFIG_FORMAT);
    bytes_put_raw(&writer, config->cluster.bytes, sizeof config->cluster.bytes);
    bytes_put_u32(&writer, config->shard);
    bytes_put_u32(&writer, config->index);
    bytes_put_raw(&writer, config->parent.bytes, sizeof config->parent.bytes);
    code_put(&writer, config->code);
    bytes_put_u16(&writer, config->delta);
    for (unsigned i = 0; i < config->member_count; i++)
        put_member(&writer, &config->members[i]);
    bytes_put_u64(&writer, config->time_ns);
    bytes_put_text(&writer, config->author, strlen(config->author));
    bytes_put_text(&writer, config->reason, strlen(config->reason));
    CHECK(!writer.failed);
    digest_of(slice_borrow(to, writer.used_bytes), config->id.bytes);
    return writer.used_bytes;
}

enum areg_error config_decode(struct slice encoded, struct config *config)
{
    if (encoded.bytes > CONFIG_ENCODED_BYTES_MAX)
        return AREG_EINVAL;
    memset(config, 0, sizeof *config);
    struct bytes_reader reader = bytes_reader_on(encoded.at, encoded.bytes);
    if (bytes_get_u8(&reader) != CONFIG_FORMAT)
        return AREG_EINVAL;
    bytes_get_raw(&reader, config->cluster.bytes, sizeof config->cluster.bytes);
    config->shard = bytes_get_u32(&reader);
    config->index = bytes_get_u32(&reader);
    bytes_get_raw(&reader, config->parent.bytes, sizeof config->parent.bytes);
    config->code = code_get(&reader);
    config->delta = bytes_get_u16(&reader);
    if (reader.failed || !code_is_possible(config->code) || config->delta > DELTA_MAX)
        return AREG_EINVAL;
    config->member_count = config->code.n;
    for (unsigned i = 0; i < config->member_count; i++)
        get_member(&reader, &config->members[i]);
    config->time_ns = bytes_get_u64(&reader);
    bytes_get_string(&reader, config->author, HOST_ID_BYTES_MAX);
    bytes_get_string(&reader, config->reason, REASON_BYTES_MAX);
    if (!bytes_reader_is_done(&reader) || !members_are_possible(config))
        return AREG_EINVAL;
    digest_of(encoded, config->id.bytes);
    return AREG_OK;
}

bool config_same_shard(const struct config *a, const struct config *b)
{
    return a->shard == b->shard && config_id_equal(a->cluster, b->cluster);
}

int config_member_index(const struct config *config, const struct host_id *id)
{
    for (unsigned i = 0; i < config->member_count; i++)
        if (host_id_equal(&config->members[i].id, id))
            return (int)i;
    return -1;
}
