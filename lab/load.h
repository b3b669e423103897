/*
 * Load on a cluster: clients, each a thread with a handle of its own and a number of operations outstanding, that read
 * and write registers, what became of their operations, and what it took to generate them.
 *
 * It knows the cluster through areg.h alone. Every write writes another value, if it has the room. Of what it measures,
 * it leaves nothing out: an operation that fails, or that could not begin when it was meant to, or not at all, counts
 * with all its time.
 */
#ifndef LAB_LOAD_H
#define LAB_LOAD_H

#include "lab/histogram.h"
#include "lab/key_choice.h"

#include <stdio.h>

struct load;

enum {
    LOAD_CLIENT_COUNT_MAX = 256, /* threads */
    LOAD_DEPTH_MAX = 1024,
    LOAD_KEY_COUNT_MAX = 100 << 20,
    LOAD_WHY_BYTES = 512,
    LOAD_PREFIX_BYTES_MAX = 100,
    LOAD_STAMP_BYTES = 8, /* values of fewer bytes are not all different */
};

struct load_options {
    const char *where; /* as for areg_open() */
    struct key_choice keys;
    const char *prefix;    /* of all keys; up to LOAD_PREFIX_BYTES_MAX */
    unsigned reader_count; /* clients that only read */
    unsigned writer_count; /* clients that only write, or update */
    unsigned mixed_count;  /* clients that do both, `read_percent` reads */
    unsigned read_percent;
    bool is_updating;       /* instead of a write: a read, then a write that covers what was read */
    size_t value_bytes_min; /* of a write's value, drawn anew each time: each order of magnitude is as likely */
    size_t value_bytes_max;
    unsigned depth;        /* operations that one client has outstanding */
    uint64_t duration_ns;  /* UINT64_MAX: no limit */
    uint64_t op_count_max; /* UINT64_MAX: no limit */
    uint64_t rate_hz;      /* of all clients; 0: closed loop, each operation begins when an earlier one has ended */
    uint32_t timeout_ms;
    bool fills_first;      /* before: write every key once */
    FILE *history;         /* borrowed; or NULL */
    uint64_t first_client; /* the number of the first client in the history */
};

enum load_kind {
    LOAD_READ,
    LOAD_WRITE,
    LOAD_UPDATE, /* a read and its covering write as one; AREG_ESTALE: another write came in between */
    LOAD_KIND_COUNT,
};

/** What became of operations of one kind. */
struct load_tally {
    struct histogram latency_ns; /* of all, whatever their outcome; in an open loop from when they were due */
    uint64_t errors[AREG_EMAYBE + 1];
};

struct load_window {
    struct load_tally kinds[LOAD_KIND_COUNT];
    uint64_t bytes_read;    /* of values */
    uint64_t bytes_written; /* the same, whatever the outcome */
    uint32_t configuration; /* the newest that an operation asked; 0 if none has ended */
    /* How late operations of an open loop began though their client had room for one more: our own delay. */
    struct histogram lateness_ns;
};

/** Counters of areg.h, of all clients together. */
struct load_counters {
    uint64_t values[AREG_COUNT_END];
};

/** What the clients' own threads have used of the CPU while they ran; the library's threads are not among them. */
struct load_effort {
    uint64_t cpu_ns;  /* of all */
    double busy_mean; /* share of a thread's time */
    double busy_max;  /* of the busiest thread */
};

/**
 * Open the handles, and start the threads, which fill the registers if they are to.
 *
 * @options  Copied, but what it points at is borrowed until load_destroy().
 * Returns   AREG_EINVAL (`where`), AREG_ENOMEM, AREG_EIO; `why` says more.
 */
enum areg_error load_create(struct load **load, const struct load_options *options, char why[LOAD_WHY_BYTES]) MUST_USE;
/** Polls readable when all registers are filled; and, after load_begin(), when all clients have ended. */
int load_fd(const struct load *load);
/** What the filling came to: what a write failed with, if one did. Only when all are filled. */
enum areg_error load_fill_outcome(struct load *load, char why[LOAD_WHY_BYTES]) MUST_USE;
/** Begin to read and write. Only when all are filled. */
void load_begin(struct load *load);
/** Begin no more operations; those under way end. Those that were due in an open loop and not begun have failed. */
void load_stop(struct load *load);
/** What has completed since the last call; `window` is overwritten. */
void load_take_window(struct load *load, struct load_window *window);
void load_window_add(struct load_window *total, const struct load_window *window);
/** "read", "write", "update". */
const char *load_kind_name(enum load_kind kind);
/** Of all three sorts: 1 to LOAD_CLIENT_COUNT_MAX. */
unsigned load_client_count(const struct load_options *options);
/** Since the handles were opened. Only when all are filled and before load_begin(), or when all have ended. */
void load_sum_counters(struct load *load, struct load_counters *counters);
/** The same of `client_count` clients from the one at `first` on: those that only read are the first ones, then come
 * those that only write. */
void load_sum_counters_of(struct load *load, unsigned first, unsigned client_count, struct load_counters *counters);
/** Of the run. Only when all have ended. */
void load_sum_effort(struct load *load, struct load_effort *effort);
/** Let what is under way end, then close everything. NULL is allowed. */
void load_destroy(struct load *load);

/** CLOCK_MONOTONIC. */
uint64_t load_now_ns(void);

#endif
