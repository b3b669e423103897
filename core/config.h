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
#include "core/quorum.h"

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
    DAP_LDR = 3,   /* directories, which tell where whole copies are, and replicas, which hold them, "ldr:d,r" */
};

/** How a value is spread over members. */
struct code {
    enum dap_kind dap;
    uint8_t n;
    uint8_t k;               /* 1 for whole copies */
    uint8_t directory_count; /* LDR: the first so many members; the others are replicas. Else 0 */
};

struct member {
    struct host_id id;
    char address[ADDRESS_BYTES_MAX + 1];
    uint8_t public_key[32]; /* zeroes: no key */
    uint64_t incarnation;   /* 0: the first one that the host registers (genesis) */
};

struct config {
    struct config_id id;      /* of the canonical encoding of all the rest */
    struct config_id cluster; /* the digest of the cluster's map: no other cluster's configuration is ever believed */
    uint32_t shard;
    uint32_t index;          /* in the shard's sequence; c0 has 0 */
    struct config_id parent; /* the configuration before; of c0: zeroes */
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

/** Whether a configuration can have this code: 1 <= k <= n <= MEMBER_COUNT_MAX, k = 1 for whole copies, and with
 * directories at least one of them and one replica. */
bool code_is_possible(struct code code);
bool code_equal(struct code a, struct code b);
/** "rs:5,3", "repl:5" or "ldr:3,3", numbers without leading zeros; AREG_EINVAL for anything else, and for an impossible
 * code. */
enum areg_error code_parse(const char *text, struct code *code) MUST_USE;
enum { CODE_TEXT_BYTES = 16 };
const char *code_print(struct code code, char text[CODE_TEXT_BYTES]);
/** The same as part of an encoding: canonical, and that of all other versions. Whether it is possible is not judged. */
void code_put(struct bytes_writer *writer, struct code code);
struct code code_get(struct bytes_reader *reader);

/*
 * What members are there for. Most codes treat all members alike; those with directories do not, and whoever asks these
 * functions need not know.
 */

/** Members that hold a fragment or a copy. */
struct voters code_holders(struct code code);
/** Members whose majority is a quorum for questions about the configuration itself: what its successor is, who decides
 * it, who tells it (PROTOCOL §1). */
struct voters code_deciders(struct code code);
/** Whether two members of two configurations hold the same bytes of a value: they have one k, and one position unless
 * it is 1. */
bool code_same_fragment(struct code a, unsigned a_index, struct code b, unsigned b_index);
/** Members that have what a completed put-data has put: ceil((n+k)/2), which is a majority for k = 1; with directories,
 * a majority of each kind. */
unsigned code_quorum(struct code code);
/** Whether a put-data that has reached these members is complete; whether operations complete if only these are up. */
bool code_has_quorum(struct code code, struct voters members);
/** How many of these members, whichever they are, may go without that changing; -1: it is not so now. */
int code_spare_count(struct code code, struct voters members);
/** Members that may be down, whichever they are, while operations complete. */
unsigned code_tolerance(struct code code);

/** Write the canonical encoding (CONFIG_ENCODED_BYTES_MAX is always enough room) and set `config->id` from it. */
size_t config_encode(struct config *config, uint8_t *to, size_t room_bytes);
/** Judge an encoding: AREG_EINVAL unless it is canonical and describes a possible configuration. */
enum areg_error config_decode(struct slice encoded, struct config *config) MUST_USE;
/** Whether both are of one shard of one cluster. */
bool config_same_shard(const struct config *a, const struct config *b);
/** The position of a host among the members; -1 if it is none. */
int config_member_index(const struct config *config, const struct host_id *id);

#endif
