/*
 * A small deterministic world for tests of the engines: clients, replicas with stores in memory, and a network that
 * delays, loses, doubles and reorders packets, all from one seed, in one thread. Packets pass through wire/.
 *
 * It records a history of all operations and judges it by tags.
 */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "client/client.h"
#include "server/replica.h"
#include "wire/packet.h"

enum { WORLD_HOST_MAX = 12, WORLD_CLIENT_MAX = 8, WORLD_KEY_MAX = 4 };

struct world_options {
    uint64_t seed;
    const char *code; /* "rs:5,3" */
    unsigned delta;
    unsigned client_count;
    uint64_t delay_ns_min;
    uint64_t delay_ns_max;
    unsigned loss_permille;
    unsigned double_permille;
    uint64_t quota_bytes;
};

struct world_op {
    unsigned client_index;
    uint32_t client_life;
    uint64_t engine_id;
    enum client_op_kind kind;
    unsigned key_index;
    uint64_t value_id; /* PUT: written; GET: read; 0: none */
    size_t value_bytes;
    struct tag tag;
    uint64_t start_ns;
    uint64_t end_ns; /* 0: not ended */
    enum areg_error error;
    uint32_t rounds;
    bool is_lost; /* its client crashed */
    bool wrote_back;
    unsigned listed; /* LIST: keys of the page, as bits */
    bool has_more;
    char detail[256];
};

struct world;
/** Whether a message may pass now; false holds it back until world_release(). */
typedef bool world_gate_fn(struct world *world, unsigned client_index, unsigned host_index, bool to_host,
                           enum message_kind kind, void *arg);

struct world *world_create(const struct world_options *options);
void world_destroy(struct world *world);

/** Returns the number of the operation in the history. `value_bytes` >= 8 for a PUT, or 0. */
unsigned world_submit(struct world *world, unsigned client_index, enum client_op_kind kind, unsigned key_index,
                      size_t value_bytes, uint64_t timeout_ns);
/** The same, as a covering write. */
unsigned world_submit_base(struct world *world, unsigned client_index, unsigned key_index, size_t value_bytes,
                           struct tag base);
/** One page of keys; `after_index`: after that key; -1: from the start. */
unsigned world_submit_list(struct world *world, unsigned client_index, int after_index, uint32_t key_count_max,
                           uint64_t timeout_ns);
/** False if it has ended. */
bool world_cancel(struct world *world, unsigned op_index);
const struct world_op *world_op(const struct world *world, unsigned op_index);
unsigned world_op_count(const struct world *world);

/** Deal with the next event; false if there is none at all. */
bool world_step(struct world *world);
/** Steps until the operation has ended; fails the test if there are no more events before. */
void world_finish(struct world *world, unsigned op_index);
/** Steps until `ns` from now. */
void world_run(struct world *world, uint64_t ns);

void world_crash(struct world *world, unsigned host_index);
void world_restart(struct world *world, unsigned host_index);
bool world_is_up(const struct world *world, unsigned host_index);
/** The client's process dies and another takes its place; its operations are lost. */
void world_crash_client(struct world *world, unsigned client_index);

void world_set_gate(struct world *world, world_gate_fn *gate, void *arg);
void world_release(struct world *world);
void world_set_loss(struct world *world, unsigned loss_permille);
/** How many of the puts are answered BUSY. */
void world_set_busy(struct world *world, unsigned busy_permille);
/** Packets between these two take that much longer, both ways. */
void world_set_delay(struct world *world, unsigned client_index, unsigned host_index, uint64_t extra_ns);
/** Let the fragment of a write that has completed rot on a host; false if it has none of this key. */
bool world_rot(struct world *world, unsigned host_index, unsigned key_index);

struct random_source *world_random(struct world *world);
struct client *world_client(struct world *world, unsigned client_index);
uint64_t world_now(const struct world *world);
unsigned world_host_count(const struct world *world);
struct store *world_store(struct world *world, unsigned host_index);
/** Sum of the fragment bytes of all hosts. */
uint64_t world_fragment_bytes(struct world *world);

/**
 * NULL if the history is linearizable by tags and values, every write has a tag of its own, and no host ever held two
 * values under one tag or went back on what it had trimmed; else what contradicts.
 */
const char *world_judge(const struct world *world);
/** What the hosts themselves were seen to do wrong; NULL: nothing. */
const char *world_accusation(const struct world *world);

#endif
