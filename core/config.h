/*
 * Configurations: who stores a shard, and how [ARES, section 2; PROTOCOL §1].
 *
 * A descriptor is immutable. Its id is the digest of its canonical encoding, so a descriptor proves itself, and two
 * configurations with the same members still differ (in index, parent, author, time): ids are never reused (S8).
 */
#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

#include "core/bytes.h"
#include "core/error.h"
#include "core/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct config_id {
    uint8_t bytes[16];
};

struct host_id {
    char text[HOST_ID_BYTES_MAX + 1];
};

/** The data-access primitives of a configuration. The numbers are part of the encoding. */
enum dap_kind {
    DAP_ABD = 1,   /* whole copies, "repl:n" */
    DAP_TREAS = 2, /* coded fragments, "rs:n,k" */
};

/** How a value is spread over members. */
struct code {
    enum dap_kind dap;
    uint8_t n;
    uint8_t k; /* 1 for whole copies */
};

struct member {
    struct host_id id;
    char address[ADDRESS_BYTES_MAX + 1];
    uint8_t public_key[32]; /* zeroes: no key */
    uint64_t incarnation;   /* 0: the first one that the host registers (genesis) */
};

struct config {
    struct config_id id; /* of the canonical encoding of all the rest */
    uint32_t shard;
    uint32_t index;          /* in the shard's sequence; c0 has 0 */
    struct config_id parent; /* the configuration before; of c0: the digest of the cluster map */
    struct code code;
    uint16_t delta;
    uint8_t member_count; /* = code.n */
    struct member members[MEMBER_COUNT_MAX];
    uint64_t time_ns; /* since 1970; of c0: 0 */
    char author[HOST_ID_BYTES_MAX + 1];
    char reason[REASON_BYTES_MAX + 1];
};

/** The successor of a configuration as a host knows it: status only ever goes NONE, PENDING, FINALIZED. */
enum link_status {
    LINK_NONE = 0,
    LINK_PENDING = 1,
    LINK_FINALIZED = 2,
};

struct link {
    enum link_status status;
    struct slice descriptor; /* canonical encoding; empty if NONE */
};

bool config_id_equal(struct config_id a, struct config_id b);
/** 32 hexadecimal digits and a NUL. */
enum { CONFIG_ID_TEXT_BYTES = 33 };
const char *config_id_print(struct config_id id, char text[CONFIG_ID_TEXT_BYTES]);

/** 1..text_bytes_max letters, digits, '-', '_' and '.', the first one a letter or a digit; fit for file names. */
bool name_is_valid(const char *text, size_t text_bytes_max);
/** A valid name of up to HOST_ID_BYTES_MAX bytes. */
bool host_id_parse(const char *text, struct host_id *id);
bool host_id_equal(const struct host_id *a, const struct host_id *b);
/** "tcp://HOST:PORT": a name, an IPv4 address or an IPv6 address in brackets, and a port in 1..65535. */
bool address_is_valid(const char *text);

/** Whether a configuration can have this code: 1 <= k <= n <= MEMBER_COUNT_MAX, and k = 1 for whole copies. */
bool code_is_possible(struct code code);
/** "rs:5,3" or "repl:5", numbers without leading zeros; AREG_EINVAL for anything else, and for an impossible code. */
enum areg_error code_parse(const char *text, struct code *code) MUST_USE;
enum { CODE_TEXT_BYTES = 16 };
const char *code_print(struct code code, char text[CODE_TEXT_BYTES]);
/** Replies that a get or a put must await: ceil((n+k)/2), which is a majority for k = 1. */
unsigned code_quorum(struct code code);
/** Members that may be down while operations complete: n - quorum. */
unsigned code_tolerance(struct code code);

/** Write the canonical encoding (CONFIG_ENCODED_BYTES_MAX is always enough room) and set `config->id` from it. */
size_t config_encode(struct config *config, uint8_t *to, size_t room_bytes);
/** Judge an encoding: AREG_EINVAL unless it is canonical and describes a possible configuration. */
enum areg_error config_decode(struct slice encoded, struct config *config) MUST_USE;
/** The position of a host among the members; -1 if it is none. */
int config_member_index(const struct config *config, const struct host_id *id);

#endif
