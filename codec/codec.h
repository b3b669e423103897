/*
 * The [n,k] code: values to fragments and back [ARES, section 3; PROTOCOL §3].
 *
 * Systematic Cauchy Reed-Solomon over GF(256), ISA-L's arithmetic. A value of b bytes is cut into k data fragments of
 * ceil(b/k) bytes, the last ones padded with zeroes, and n-k parity fragments of the same size follow. Any k of the n
 * give the value back. k = 1 is plain copies: every fragment is the value itself.
 *
 * No copy is made that can be avoided: data fragments are windows on the value, except those that need padding; and
 * decoding returns windows on the data fragments that are there, and computes only those that are missing.
 *
 * A code corrects what is missing, not what is wrong: a damaged fragment must be found by its checksum and left out.
 */
#ifndef CODEC_CODEC_H
#define CODEC_CODEC_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/limits.h"
#include "core/quorum.h"

struct codec;

/**
 * 1 <= k <= n <= MEMBER_COUNT_MAX, which the caller has checked. Belongs to one thread, and serves every configuration
 * with this n and k. NULL without memory.
 */
struct codec *codec_create(unsigned n, unsigned k);
/** NULL is allowed. */
void codec_destroy(struct codec *codec);

/** Bytes of one fragment of a value: ceil(value_bytes / k); 0 for an empty value. */
size_t codec_fragment_bytes(size_t value_bytes, unsigned k);

/**
 * Make the wanted fragments of `value`.
 *
 * @value      At most AREG_VALUE_BYTES_MAX bytes, counted (it has an owner) unless it is empty.
 * @wanted     Which of the n fragments to make.
 * @fragments  Room for n; those wanted become counted slices (one reference each, for the caller to drop), the others
 *             and all fragments of an empty value become empty slices.
 *
 * Ownership   Windows keep the whole value in memory, and parity fragments keep each other: they share a buffer.
 * Cost        One copy of each wanted data fragment that needs padding, which is at most one of a large value; of each
 *             that does if parity is wanted too. Parity that is not wanted costs nothing.
 * Returns     AREG_ENOMEM: all `fragments` are empty.
 */
enum areg_error codec_encode(struct codec *codec, struct slice value, struct voters wanted,
                             struct slice *fragments) MUST_USE;

/**
 * Put a value together from at least k of its fragments.
 *
 * @fragments  n slices, of which those in `present` are of codec_fragment_bytes(value_bytes, k) bytes and counted;
 *             borrowed. The others are not looked at. Of more than k, the first k are used.
 * @pieces     Room for k; become k counted slices that together are exactly the value (some may be empty).
 *
 * Cost        No arithmetic and no copy if all data fragments are present.
 * Returns     AREG_EINVAL (fewer than k are present, one of another size, a value above AREG_VALUE_BYTES_MAX),
 *             AREG_ENOMEM: all `pieces` are empty.
 */
enum areg_error codec_decode(struct codec *codec, const struct slice *fragments, struct voters present,
                             size_t value_bytes, struct slice *pieces) MUST_USE;

/**
 * Compute fragment `index` from at least k others, as codec_decode() takes them. Should it be among those present, it
 * is not looked at. `rebuilt` becomes a counted slice, empty on errors, which are those of codec_decode().
 */
enum areg_error codec_rebuild(struct codec *codec, const struct slice *fragments, struct voters present,
                              size_t value_bytes, unsigned index, struct slice *rebuilt) MUST_USE;

#endif
