/*
 * One client of the load: a thread's handle and its operations. Internal to load.c and load_client.c.
 */
#ifndef LAB_LOAD_CLIENT_H
#define LAB_LOAD_CLIENT_H

#include "lab/load.h"

#include <areg.h>

#include <pthread.h>
#include <stdatomic.h>

enum {
    /* What values are made of, of which every word is changed by the write's own number. Fits the first cache. */
    NOISE_WORD_COUNT = 2048,
    LOAD_KEY_BYTES = LOAD_PREFIX_BYTES_MAX + 24,
};

/** What the clients of one load share. */
struct load_shared {
    struct load_options options;
    uint64_t noise[NOISE_WORD_COUNT]; /* the same in every process */
    _Atomic bool is_stopped;
    _Atomic uint64_t ops_left;
    _Atomic uint64_t turn;       /* keys chosen so far */
    _Atomic uint64_t write_turn; /* keys chosen so far to be written next, under KEY_LATEST */
    _Atomic uint64_t begin_ns;   /* of the run: an open loop's operations are due from then on */
    _Atomic uint64_t end_ns;
    pthread_mutex_t history_lock;
};

/** One operation outstanding. */
struct load_slot {
    struct load_client *client;
    char key[LOAD_KEY_BYTES];
    enum load_kind kind;
    enum areg_op op;   /* of an update, which of the two is under way */
    uint64_t due_ns;   /* when it was meant to begin; in a closed loop when it did */
    uint64_t start_ns; /* when it began; of an update, the part that is under way */
    size_t value_bytes;
    uint64_t value_hash;
    unsigned index;
};

struct load_client {
    struct load_shared *shared;
    unsigned index;
    unsigned read_percent;
    struct areg_client *handle;
    struct random_source random;
    uint64_t next_stamp; /* of the next value, unlike any other client's */
    struct load_slot *slots;
    unsigned *free_slots; /* positions */
    unsigned free_count;
    uint64_t free_since_ns;        /* when there was room for one more operation again, after there was none */
    struct areg_request *requests; /* room for one batch */
    pthread_mutex_t window_lock;
    struct load_window window;
    uint64_t run_ns;     /* how long it has run */
    uint64_t run_cpu_ns; /* of this thread, meanwhile */
    bool is_filling;
    enum areg_error fill_error; /* the first */
    char fill_detail[LOAD_WHY_BYTES];
};

/** AREG_ENOMEM, or what areg_open() returns with `why`; after an error load_client_fini() is allowed. */
enum areg_error load_client_init(struct load_client *client, struct load_shared *shared, unsigned index,
                                 char why[LOAD_WHY_BYTES]) MUST_USE;
void load_client_fini(struct load_client *client);
/** Write this client's part of all keys once. */
void load_client_fill(struct load_client *client);
/** Read and write until the load's end, and until all that was begun has ended. */
void load_client_run(struct load_client *client);

#endif
