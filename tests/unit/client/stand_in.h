/*
 * Hosts made by hand, around a real client engine: each answers at once, as the protocol says and as simply as
 * possible, unless the case has it be silent. What they hold and know is set and read by the case; time passes only
 * when nothing else is to be done.
 *
 * Hosts are numbered from 0, and so are the configurations of the one shard, in the order in which they were made;
 * configuration 0 is genesis.
 */
#ifndef TESTS_UNIT_CLIENT_STAND_IN_H
#define TESTS_UNIT_CLIENT_STAND_IN_H

#include "client/client.h"
#include "codec/codec.h"
#include "core/random.h"

#define MS UINT64_C(1000000)
#define START_NS (1000 * MS)

enum { STAND_IN_COUNT = 8, MADE_CONFIG_MAX = 8, LOG_MAX = 1 << 17, ANSWER_MAX = 4096 };

/** One value of one register on one host. */
struct kept {
    struct slice key; /* counted */
    struct entry entry;
    struct slice fragment; /* counted */
};

/** What a host knows of one configuration. */
struct seat_in {
    bool is_member;
    struct link link; /* descriptors are those of the configurations made */
    struct ballot promised;
    struct ballot accepted;
    struct slice accepted_descriptor;
    unsigned kept_count;
    unsigned kept_room;
    struct kept *kept;
    uint64_t registered[MEMBER_COUNT_MAX]; /* incarnations */
    struct tag confirmed;                  /* of every register */
    struct transfer_progress progress;
    unsigned polls_until_moved; /* how often it says that it is still at work */
};

struct stand_in {
    bool is_silent;
    uint64_t incarnation;
    struct slice final; /* the latest finalized configuration that it knows */
    struct seat_in seats[MADE_CONFIG_MAX];
};

/** A request that was sent, whether it was answered or not. */
struct logged {
    unsigned host_index;
    enum message_kind kind;
    int config_index; /* -1: of none that was made */
    struct tag tag;   /* put, adopted, confirmed */
    bool has_payload;
    uint32_t slices;  /* TRANSFER */
    struct slice key; /* the request's, counted; LIST_KEYS: the one after which */
};

struct queued {
    unsigned peer_index;
    struct reply reply; /* payload and next are counted */
};

struct stand_ins {
    struct cluster cluster;
    struct client *client;
    unsigned told_count;
    uint64_t now_ns;
    struct client_done done;
    unsigned config_count;
    struct config configs[MADE_CONFIG_MAX];
    struct slice descriptors[MADE_CONFIG_MAX]; /* counted */
    struct stand_in hosts[STAND_IN_COUNT];
    unsigned log_count;
    struct logged log[LOG_MAX];
    unsigned queued_count;
    struct queued queued[ANSWER_MAX];
    /** Looks at every request before it is handled, and may change anything; false: it is lost. NULL: none. */
    bool (*on_request)(unsigned host_index, const struct request *request);
    /** Looks at every reply before it is sent, and may change it. NULL: none. */
    void (*on_reply)(unsigned host_index, struct reply *reply);
    /** Run before and after all that is not the engine's own work. NULL: none. */
    void (*on_rest)(void);
    void (*on_resume)(void);
};

extern struct stand_ins world;

/** Genesis with the hosts named by their digits, "012": `code` must fit. The engine knows the cluster. */
void world_open(const char *code, const char *hosts);
void world_close(void);

/** One more configuration, after `parent`. It is only described: nobody knows of it yet. */
unsigned world_describe(unsigned parent, const char *code, const char *hosts);
/** Its members join; then the hosts named know it as the pending successor of its parent. */
void world_install(unsigned config_index, const char *hosts);
/** The hosts named know it as finalized. */
void world_finalize(unsigned config_index, const char *hosts);
/** Those named hold a value under this tag. */
void world_hold(unsigned config_index, const char *hosts, const char *key, struct tag tag, struct slice value);
void world_hold_tombstone(unsigned config_index, const char *hosts, const char *key, struct tag tag);
/** Whether what the hosts of a configuration have of a register so far has rotted. */
void world_damage(unsigned config_index, const char *key, bool is_damaged);
/** The largest tag that a host has of a register; NULL: none. */
const struct kept *world_kept(unsigned config_index, unsigned host_index, const char *key);
/** The hosts named hold exactly this value under this tag, each its own fragment. */
bool world_holds(unsigned config_index, const char *hosts, const char *key, struct tag tag, struct slice value);

/** Begin an operation on `key`. */
uint64_t world_submit(struct client_op op, const char *key);
/** Let all answer and time pass until it has ended, or until `until_ns`. Its outcome is in world.done; false: not yet.
 */
bool world_run(uint64_t id, uint64_t until_ns);
/** Take requests and deliver answers until there is nothing more to do at this moment. */
void world_settle(void);
/** Submit, run, and return the outcome's error. It must end. */
enum areg_error world_do(struct client_op op, const char *key);
/** What was sent so far is forgotten. */
void world_clear_log(void);
/** Drop what world.done holds. */
void world_drop(void);

/** The value that was read is this one. */
bool world_has_read(struct slice value);
/** Hosts that were sent requests of this kind in that configuration (-1: in any) since `from` in the log. */
struct voters world_sent(unsigned from, enum message_kind kind, int config_index);
/** How many. */
unsigned world_count(unsigned from, enum message_kind kind, int config_index);

/** Some bytes, counted; each number has its own. */
struct slice value_of(unsigned number, size_t value_bytes);

#endif
