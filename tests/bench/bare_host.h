/*
 * One host of the bare loop: a ROUTER, and an LMDB environment that each turn's fragments are committed to together.
 */
#ifndef TESTS_BENCH_BARE_HOST_H
#define TESTS_BENCH_BARE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HOST_ADDRESS_BYTES_MAX = 64 };

struct bare_host_options {
    const char *directory; /* exists, and is left empty; NULL: nothing is stored */
    bool sync;             /* flush every commit */
    bool batch;            /* replies that are ready together travel together */
    bool sends_fragments;  /* one of the first k */
    size_t fragment_bytes;
    uint32_t key_count; /* which are filled before the first message */
};

/**
 * Bind to a free port of loopback, write the address (HOST_ADDRESS_BYTES_MAX bytes) to `address_fd`, and serve one
 * client until `life_fd` is at its end.
 */
void bare_host_run(const struct bare_host_options *options, int address_fd, int life_fd);

#endif
