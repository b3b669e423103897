/*
 * What clients and hosts say to each other, as plain structs. wire/ turns them into bytes and back.
 *
 * A request names a shard, a configuration and, for most kinds, a key; its reply echoes `op` and `phase`, so that a
 * reply of an earlier phase is never counted in a later one (S11). Every reply about a configuration carries its
 * `next`, read atomically with the rest (PROTOCOL §4).
 *
 * Slices of a decoded message are owned by the packet that it came in, except `payload`, which is counted by itself.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "core/buffer.h"
#include "core/config.h"
#include "core/limits.h"
#include "core/tag.h"

enum { PROTOCOL_VERSION = 1 };

/** The numbers are those on the wire. */
enum message_kind {
    MESSAGE_HELLO = 1,     /* who are you; optionally: what cluster is this. Greeting and ping */
    MESSAGE_GET_TAG = 2,   /* the largest tag */
    MESSAGE_GET_DATA = 3,  /* the list of tags, optionally with one fragment. FETCH is one with WANT_TAG */
    MESSAGE_PUT_DATA = 4,  /* store this fragment */
    MESSAGE_CONFIRM = 5,   /* an operation of this tag has completed; no reply */
    MESSAGE_LIST_KEYS = 6, /* one page of keys, in the order of core/key.h */
    MESSAGE_STATUS = 7,    /* the host's counters */
    /* Of configurations (reconfig/). */
    MESSAGE_READ_CONFIG = 8,  /* `next`, and nothing else [read-config] */
    MESSAGE_WRITE_CONFIG = 9, /* record `descriptor` as the pending successor of `config` [put-config] */
    MESSAGE_PREPARE = 10,     /* Paxos for the successor of `config`: promise this ballot */
    MESSAGE_ACCEPT = 11,      /* accept `descriptor` under this ballot */
    MESSAGE_JOIN = 12,        /* be a member of `config`, which is `descriptor` */
    MESSAGE_FINALIZE = 13,    /* `config`, which is `descriptor`, is finalized */
    MESSAGE_HINT = 14,     /* the latest finalized configuration of the shard, in `next`; `config` is not looked at */
    MESSAGE_ADOPT = 15,    /* take your own fragment of this entry over from the configuration before `config` */
    MESSAGE_TRANSFER = 16, /* move slices of the shard's registers into `config`; how far are you? */
    MESSAGE_REGISTER = 17, /* a member's incarnation, before it answers anything in `config` */
    /* Never on the wire: the worker of a host tells the host how far it is; that it is registered. */
    MESSAGE_REGISTERED = 254,
    MESSAGE_TRANSFERRED = 255,
};

/** One entry of a register's list. */
enum entry_flag {
    ENTRY_TOMBSTONE = 1 << 0, /* the write was a delete: no value, no fragment */
    ENTRY_DAMAGED = 1 << 1,   /* the host has the tag, but its fragment is lost or rotten */
};
enum { ENTRY_FLAGS_ALL = ENTRY_TOMBSTONE | ENTRY_DAMAGED };

/** What is known of one written value, at each of its fragments. */
struct entry {
    struct tag tag;
    uint64_t value_digest;      /* XXH3-64 of the whole value */
    uint32_t value_bytes;       /* of the whole value */
    uint32_t fragment_checksum; /* CRC32C of this host's fragment */
    uint32_t flags;
};

struct get_tag {
    uint32_t fragment_bytes; /* that the asker would put next: is there room? */
};

/** Which fragment a GET_DATA asks for. */
enum want {
    WANT_TAGS = 0,   /* none */
    WANT_NEWEST = 1, /* of the newest entry */
    WANT_TAG = 2,    /* of that tag, if it is still there */
};

struct get_data {
    enum want want;
    struct tag tag; /* WANT_TAG only */
};

/** The payload is the member's own fragment. */
struct put_data {
    struct entry entry;
};

struct confirm {
    struct tag tag;
};

struct list_keys {
    struct slice prefix;
    struct slice after; /* list keys that sort after this one; empty: from the start */
    uint32_t key_count_max;
};

/** Round, then proposer; lexicographic. All zero: none. */
struct ballot {
    uint64_t round;
    uint64_t proposer;
};

struct prepare {
    struct ballot ballot;
};

struct accept {
    struct ballot ballot;
};

struct adopt {
    struct entry entry; /* fragment_checksum is not looked at */
};

/*
 * The registers of a shard are moved in slices, by the hash of the key: slice_of_key(). A worker is a member of the new
 * configuration; it goes on by itself until the slices that it was given are moved, also after a restart.
 */
struct transfer {
    uint32_t slices; /* a bit for each: to be moved by this host, besides those that it was given before */
    bool sets_pace;  /* the rest counts */
    bool is_paused;
    uint64_t bytes_per_s; /* at most, for each worker; 0: no limit */
};

/** How far a worker is; the same in the reply and on the worker's disk. */
struct transfer_progress {
    uint32_t slices_given;
    uint32_t slices_moved;   /* for good: every register in them is in the new configuration */
    uint64_t register_count; /* moved by this host */
    uint64_t bytes;          /* that came or went over the network for it: fragments */
    bool is_paused;
    uint64_t bytes_per_s;
    uint32_t stuck_count; /* registers that could not be moved when they were tried last: their values are lost, or
                           * hosts have no room */
};

/** The worker of this host has moved all registers of some slices up to a key, or all of them; or it could not. */
struct transferred {
    struct slice after;      /* the last key; empty: to the end */
    uint32_t slices;         /* that it is at work on; 0: it is where it was */
    uint32_t stuck_count;    /* as above */
    uint64_t register_count; /* since the last time */
    uint64_t bytes;
};

struct registration {
    struct host_id host;
    uint64_t incarnation;
};

struct request {
    enum message_kind kind;
    uint64_t op;
    uint32_t phase;
    uint32_t shard;
    struct config_id config;
    struct slice key; /* GET_TAG, GET_DATA, PUT_DATA, CONFIRM, ADOPT */
    struct slice
        descriptor; /* WRITE_CONFIG, ACCEPT, JOIN, FINALIZE; TRANSFER: of the configuration before; else empty */
    union {
        struct {
            bool wants_cluster;
        } hello;
        struct get_tag get_tag;
        struct get_data get_data;
        struct put_data put_data;
        struct confirm confirm;
        struct list_keys list_keys;
        struct prepare prepare;
        struct accept accept;
        struct adopt adopt;
        struct transfer transfer;
        struct transferred transferred;
        struct registration registration;
    };
    struct slice payload;
};

/** The numbers are those on the wire. Only OK counts as a vote. */
enum reply_status {
    REPLY_OK = 0,
    REPLY_UNKNOWN_CONFIG = 1, /* not a member of it as far as this host knows; `next` may be some finalized one */
    REPLY_RETIRED = 2,        /* `next` is a later, finalized configuration; go there */
    REPLY_BUSY = 3,           /* queues are full: nothing was done, ask again later */
    REPLY_FULL = 4,           /* no room: nothing was stored */
    REPLY_DENIED = 5,
    REPLY_INVALID = 6, /* a request that no correct client sends */
    REPLY_VERSION = 7, /* the host speaks the versions in `hello` only */
};

struct hello_reply {
    struct host_id host;
    uint64_t incarnation;
    uint32_t version_min;
    uint32_t version_max;
    /* The payload is the cluster map (core/cluster.h), if it was wanted. */
};

struct tag_reply {
    struct tag newest; /* the largest of all listed tags and `trimmed` */
    bool is_full;      /* a put-data of the fragment that was asked about would be answered FULL at present */
};

struct data_reply {
    struct tag trimmed;   /* the largest tag whose entry was dropped */
    struct tag confirmed; /* the largest tag of an operation that is known to have completed here */
    uint32_t entry_count; /* ascending by tag */
    struct entry entries[ENTRY_COUNT_MAX];
    bool has_fragment;
    struct tag fragment_tag; /* of the payload */
};

struct keys_reply {
    bool has_more;
    /* The payload is the page (core/key_page.h). */
};

/** PREPARE and ACCEPT. A member that has a successor shows it in `next`, which is then the decision. */
struct consensus_reply {
    bool is_granted;
    struct ballot promised;
    struct ballot accepted;  /* PREPARE */
    struct slice descriptor; /* PREPARE: that was accepted under it; empty: none */
};

struct adopt_reply {
    bool is_adopted; /* no: the fragment must be sent */
};

struct reply {
    enum message_kind kind; /* of the request */
    uint64_t op;
    uint32_t phase;
    enum reply_status status;
    struct link next;
    union {
        struct hello_reply hello;
        struct tag_reply tag;
        struct data_reply data;
        struct keys_reply keys;
        struct consensus_reply consensus;
        struct adopt_reply adopt;
        struct transfer_progress transfer;
    };
    struct slice payload; /* STATUS: a JSON object */
};

/** Whether a host may answer from committed state, without the writer (DESIGN §3). */
static inline bool message_is_read_only(enum message_kind kind)
{
    switch (kind) {
    case MESSAGE_HELLO:
    case MESSAGE_GET_TAG:
    case MESSAGE_GET_DATA:
    case MESSAGE_LIST_KEYS:
    case MESSAGE_STATUS:
    case MESSAGE_READ_CONFIG:
    case MESSAGE_HINT:
        return true;
    default:
        return false;
    }
}

/** Whether a message concerns one register. */
static inline bool message_has_key(enum message_kind kind)
{
    switch (kind) {
    case MESSAGE_GET_TAG:
    case MESSAGE_GET_DATA:
    case MESSAGE_PUT_DATA:
    case MESSAGE_CONFIRM:
    case MESSAGE_ADOPT:
        return true;
    default:
        return false;
    }
}

#endif
