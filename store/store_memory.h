/*
 * The store in memory: the disk of tests and of the simulator. It forgets what a crash makes a disk forget, and fails
 * when it is told to. Everything that it does depends on its calls alone. For one thread: a second writer would wait
 * for ever, so there must be none; readers may be open meanwhile.
 */
#ifndef STORE_STORE_MEMORY_H
#define STORE_STORE_MEMORY_H

#include "store/store.h"

/**
 * The process dies and starts again: what was not committed is gone (without `sync`: all since the store was opened or
 * store_memory_sync() was called). Faults that were asked for are forgotten. No transaction may be open.
 */
void store_memory_crash(struct store *store);
/** Without the option `sync`: make what was committed survive a crash. */
void store_memory_sync(struct store *store);

struct store_fault {
    uint32_t commits_before;  /* that many commits succeed first */
    enum areg_error error;    /* AREG_EFULL: nothing changed. AREG_EIO: the store does nothing any more until a crash */
    bool is_committed_anyway; /* AREG_EIO: the disk did it, but could not say so */
};
/** Let one commit fail; replaces a fault that is still to come. */
void store_memory_fail_commit(struct store *store, struct store_fault fault);

/**
 * Let one bit of a stored fragment rot, on the disk and in what readers see from now on; `bit_index` is taken modulo
 * the fragment's bits. AREG_ENOTFOUND: no such fragment, or one of no bytes. No writer may be open.
 */
enum areg_error store_memory_rot(struct store *store, uint32_t slot, struct slice key, struct tag tag,
                                 uint64_t bit_index) MUST_USE;

#endif
