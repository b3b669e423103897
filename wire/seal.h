/*
 * What tells a header, or a payload that is no fragment, from one that was damaged on the way. TCP's own sum lets one
 * damaged segment of some 65,000 pass, and one flipped bit of a tag is enough to lose a write.
 *
 * It is XXH3-64 with seed 0: no protection against forgery. Fragments must not be sealed: they carry a checksum from
 * their writer to their readers (struct entry), which covers the way as well.
 */
#ifndef WIRE_SEAL_H
#define WIRE_SEAL_H

#include "core/buffer.h"

enum { SEAL_BYTES = 8 };

uint64_t seal_of(struct slice bytes);

/** Seal the header of `bytes` bytes at `at`: the seal is written behind it, big-endian, where there must be room. */
void seal_put(uint8_t *at, size_t bytes);
/** Cut the seal off the end of `*header`. NULL if it is right; else static, what is wrong. */
const char *seal_take(struct slice *header);

#endif
