/*
 * Names of registers, and the one total order in which every host lists them.
 *
 * The sorted form of a key is the key itself up to 463 bytes; beyond, its first 448 bytes and a 128-bit digest of all
 * of it, 464 bytes in all. So the form fits the store's keys, is unique, and sorts like the key up to 448 bytes.
 */
#ifndef CORE_KEY_H
#define CORE_KEY_H

#include "core/buffer.h"
#include "core/limits.h"

#include <stdbool.h>

struct key_sort_form {
    uint8_t at[KEY_SORT_BYTES_MAX];
    uint16_t bytes;
};

/** The key must have 1..AREG_KEY_BYTES_MAX bytes; an empty one gives an empty form, which sorts first. */
void key_sort_form(struct slice key, struct key_sort_form *form);
int key_compare(struct slice a, struct slice b);
bool key_has_prefix(struct slice key, struct slice prefix);
bool key_is_valid(struct slice key);
/** For a log: what is not printable ASCII as \xNN, and a long key is cut. Returns `to`. */
enum { KEY_TEXT_BYTES = 80 };
const char *key_print(struct slice key, char to[KEY_TEXT_BYTES]);

/** A 64-bit hash that is the same on every machine (SipHash-2-4 with a zero key). */
uint64_t key_hash(struct slice key);
/** Which of the TRANSFER_SLICE_COUNT slices of its shard a register is moved with. */
unsigned key_slice(struct slice key);

#endif
