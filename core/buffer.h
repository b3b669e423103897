/*
 * Counted memory for payloads. A slice is a window on bytes with, optionally, an owner that is counted. Payloads
 * travel as slices from the socket to the store and back, without copies.
 *
 * Slices without an owner are borrowed: valid as long as whoever made them says.
 */
#ifndef CORE_BUFFER_H
#define CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer;

struct slice {
    const uint8_t *at;
    size_t bytes;
    struct buffer *owner; /* NULL: borrowed */
};

typedef void buffer_free_fn(void *memory, void *arg);

/** A buffer of `bytes` bytes (uninitialised, 64-byte aligned) with one reference; NULL without memory. */
struct buffer *buffer_create(size_t bytes);
/** A buffer around foreign memory; `free_fn` runs when the last reference goes, on that thread. NULL without memory. */
struct buffer *buffer_wrap(void *memory, size_t bytes, buffer_free_fn *free_fn, void *arg);
/** The references are atomic: any thread may take or drop one. Both allow NULL. */
struct buffer *buffer_ref(struct buffer *buffer);
void buffer_unref(struct buffer *buffer);
uint8_t *buffer_at(struct buffer *buffer);
size_t buffer_bytes(const struct buffer *buffer);

/** A window on `buffer`; takes over no reference: use slice_ref() for that. */
struct slice slice_of(struct buffer *buffer, size_t offset, size_t bytes);
/** A borrowed slice. */
struct slice slice_borrow(const void *at, size_t bytes);
/** The same slice with one more reference to its owner, which must exist unless the slice is empty. */
struct slice slice_ref(struct slice slice);
/** Drop the slice's reference and empty it. */
void slice_unref(struct slice *slice);
/** A counted copy of the bytes; its owner is NULL if there is no memory (or nothing to copy). */
struct slice slice_copy(struct slice slice);

/** <0, 0, >0 as memcmp; a prefix is smaller. */
int slice_compare(struct slice a, struct slice b);
int slice_equal(struct slice a, struct slice b);

#endif
