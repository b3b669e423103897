/*
 * A simulated cluster in which nothing goes wrong and nothing happens by itself: for exact conversations. What is to go
 * wrong, tests say: which messages are held back, which hosts are down.
 */
#ifndef TESTS_SIM_CALM_H
#define TESTS_SIM_CALM_H

#include "sim/inside.h"

/* What an operation's end says beside what struct sim_op has. */
struct calm_end {
    uint32_t op_index;
    bool wrote_back;
    bool has_more;
    uint64_t listed; /* LIST: bits of keys */
    char detail[256];
};

/* Bits of hosts, by kind of message, of all that are sent: to and from client 0. */
struct calm_holds {
    uint32_t requests[MESSAGE_REGISTER + 1];
    uint32_t replies[MESSAGE_REGISTER + 1];
};

struct calm {
    struct sim *sim;
    struct sim_report report;
    struct calm_end last_end;
    struct calm_holds holds;
};

struct calm_options {
    const char *code; /* "rs:5,3" */
    uint64_t seed;
    bool has_delta; /* exactly `delta`; else 8 */
    unsigned delta;
    unsigned client_count; /* 0: 1 */
    unsigned key_count;    /* 0: 1 */
    unsigned host_count;   /* 0: as many as the code takes; others may be members later */
    unsigned reconfigurer_count;
    uint64_t delay_min_ns; /* of messages; 0: 100 us */
    uint64_t delay_max_ns; /* 0: constant */
    uint64_t quota_bytes;  /* of each host's disk; 0: none */
};

/** Everybody is connected to all hosts, and has been idle for a second. Disks take no time; messages may overtake each
 * other. */
void calm_init(struct calm *calm, const struct calm_options *options);
/** Nothing may be broken by then, and both judges look at the history. */
void calm_fini(struct calm *calm);

/** All that happens until then happens. */
void calm_run_until(struct calm *calm, uint64_t until_ns);
void calm_idle(struct calm *calm, uint64_t for_ns);
/** Begin an operation; its index. `value_bytes` is that of a put. */
uint32_t calm_begin(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                    size_t value_bytes);
/** The operation, when it has ended. Lent until the next one begins. */
const struct sim_op *calm_await(struct calm *calm, uint32_t op_index);
const struct sim_op *calm_do(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                             size_t value_bytes);

/** The same with a deadline: the outcome of what has not ended by then. */
uint32_t calm_begin_within(struct calm *calm, uint32_t client_index, enum client_op_kind kind, uint32_t key_index,
                           size_t value_bytes, uint64_t timeout_ns);
/** A put that covers `base` only. */
uint32_t calm_begin_over(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes,
                         struct tag base);
/** Give it up; false if it had ended. */
bool calm_cancel(struct calm *calm, uint32_t op_index);
/** What else the operation said that ended last, which is this one. */
const struct calm_end *calm_end_of(const struct calm *calm, uint32_t op_index);

/* ---------------------------------------------------------------- what goes wrong */

/** All that client 0 sends of this kind to these hosts (bits) is held back from now on; the other kinds as before. */
void calm_hold(struct calm *calm, enum message_kind kind, uint32_t hosts);
/** What these hosts answer to client 0. */
void calm_hold_replies(struct calm *calm, enum message_kind kind, uint32_t hosts);
/** From now on nothing is held back. What was, still is. */
void calm_pass(struct calm *calm);
/** Nothing is held back any more, and what was arrives. */
void calm_release(struct calm *calm);
/** kill -9, which all clients notice at once. */
void calm_crash_host(struct calm *calm, uint32_t host_index);
/** It is back, and all clients notice at once. */
void calm_start_host(struct calm *calm, uint32_t host_index);

/* ---------------------------------------------------------------- disks */

/** What all hosts have on their disks. */
struct calm_stored {
    uint64_t entry_count;
    uint64_t fragment_bytes;
};
struct calm_stored calm_stored(const struct calm *calm);

/** Leave a put of the client on the first `holder_count` members only, and let the client die. Its tag. */
struct tag calm_abandon_put(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes,
                            unsigned holder_count);

/** All codes that the simulator draws from and whose members are alike; NULL ends them. */
extern const char *const calm_codes[];

#endif
