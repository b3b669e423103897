/*
 * A simulated cluster in which nothing goes wrong and nothing happens by itself: for exact conversations.
 */
#ifndef TESTS_SIM_CALM_H
#define TESTS_SIM_CALM_H

#include "sim/inside.h"

struct calm {
    struct sim *sim;
    struct sim_report report;
};

struct calm_options {
    const char *code; /* "rs:5,3" */
    uint64_t seed;
    unsigned delta;        /* 0: 8 */
    unsigned client_count; /* 0: 1 */
    unsigned key_count;    /* 0: 1 */
    uint64_t delay_min_ns; /* of messages; 0: 100 us */
    uint64_t delay_max_ns; /* 0: constant */
};

/** Everybody is connected, and has been idle for a second. Disks take no time; messages may overtake each other. */
void calm_init(struct calm *calm, const struct calm_options *options);
/** Nothing may be broken by then. */
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

/** What all hosts have on their disks. */
struct calm_stored {
    uint64_t entry_count;
    uint64_t fragment_bytes;
};
struct calm_stored calm_stored(const struct calm *calm);

/** Leave a put of the client on the first `holder_count` members only, and let the client die. Its tag. */
struct tag calm_abandon_put(struct calm *calm, uint32_t client_index, uint32_t key_index, size_t value_bytes,
                            unsigned holder_count);

/** All codes that the simulator draws from; NULL ends them. */
extern const char *const calm_codes[];

#endif
