/*
 * Experiments of a size that no simulator of every message reaches: a thousand hosts, thousands of shards, a hundred
 * thousand clients. What is run is not the engines but a model of them, in virtual time and from a seed: queues in
 * front of networks and disks, with the service times that are given. Where shards lie is real (reconfig/placement.h).
 *
 * A study is one question of such a cluster:
 *   balance     how evenly slots, space and load lie on hosts
 *   movement    what moves when hosts come, go or grow, against the least that could
 *   recovery    how long it takes until what was lost is stored anew
 *   slow-hosts  what operations take while some hosts are slow
 *   simulator   what simulating costs
 * Equal options give equal results, but for what is about real time, which is kept apart.
 */
#ifndef LAB_SCALE_H
#define LAB_SCALE_H

#include "core/config.h"

#include <stddef.h>
#include <stdio.h>

enum {
    SCALE_WORD_BYTES = 32,
    SCALE_HOST_MAX = 4000, /* PLACEMENT_HOST_COUNT_MAX, less those that may come */
    SCALE_SHARD_MAX = 1 << 16,
    SCALE_CLIENT_MAX = 1000 * 1000,
    SCALE_KEY_MAX = 10 * 1000 * 1000,
    SCALE_COLUMN_MAX = 32,
    SCALE_ROW_MAX = 64,
    SCALE_CELL_BYTES = 32,
    SCALE_CHECK_MAX = 8,
    SCALE_DETAIL_BYTES = 200,
    SCALE_WHY_BYTES = 256,
};

struct scale_options {
    char study[SCALE_WORD_BYTES];
    uint64_t seed;

    unsigned host_count;
    unsigned rack_count; /* 0: no host is in a rack */
    unsigned shard_count;
    struct code code;
    char placement[SCALE_WORD_BYTES]; /* "settled": reconfig/placement.h; "hashed": weighted rendezvous hashing alone;
                                         "groups": n hosts each, every shard on one of them, as pools are today */
    uint64_t key_count;
    size_t value_bytes;
    char distribution[SCALE_WORD_BYTES]; /* as for --dist */
    uint64_t client_count;
    uint64_t rate_hz; /* operations that all clients begin together */
    unsigned read_percent;
    uint64_t duration_ns;

    char change[SCALE_WORD_BYTES];   /* "add 10", "lose 1", "lose-racks 1", "grow 100": doubles their weights */
    size_t host_bytes;               /* of fragments on each host, when one is lost */
    uint64_t background_bytes_per_s; /* that each host may send, and receive, to restore what was lost */

    unsigned slow_per_mille;
    unsigned slow_factor; /* what they do takes so many times longer */

    uint64_t delay_min_ns; /* of a message, one way */
    uint64_t delay_max_ns;
    uint64_t link_bytes_per_s;
    uint64_t processing_ns; /* of a host, for each request */
    uint64_t commit_min_ns; /* of a batch, whatever is in it */
    uint64_t commit_max_ns;
    uint64_t disk_bytes_per_s;
};

struct scale_check {
    const char *name;
    bool passed;
    double measured;
    double bound;
    char detail[SCALE_DETAIL_BYTES];
};

struct scale_table {
    const char *const *columns; /* their names, ending with a NULL */
    unsigned row_count;
    char cells[SCALE_ROW_MAX][SCALE_COLUMN_MAX][SCALE_CELL_BYTES];
};

struct scale_result {
    struct scale_table points; /* the columns are the study's */
    struct scale_table limits; /* of the study "simulator": real time and memory, never the same twice; else empty */
    unsigned check_count;
    struct scale_check checks[SCALE_CHECK_MAX];
};

/** A cluster of 1,000 hosts, each of which is one of sim/study.h. */
void scale_defaults(struct scale_options *options);
/** Whether there can be such a run; AREG_EINVAL and a sentence. */
enum areg_error scale_judge(const struct scale_options *options, char why[SCALE_WHY_BYTES]) MUST_USE;
/** The columns of a study's points, ending with a NULL, and its rows. */
const char *const *scale_columns(const struct scale_options *options);
unsigned scale_row_count(const struct scale_options *options);
/** Run a study that has been judged. AREG_ENOMEM; AREG_EIO: there was no process for the study "simulator". */
enum areg_error scale_run(const struct scale_options *options, struct scale_result *result) MUST_USE;

/** Rows as lines of a CSV file, each with `prefix` before it ("3,0,"; or nothing). */
void scale_print_head(const char *const *columns, FILE *to);
void scale_print_rows(const struct scale_table *table, const char *prefix, FILE *to);

#endif
