/*
 * Versions of a register's value [ARES, section 2; PROTOCOL §1].
 *
 * A tag is (z, w), ordered lexicographically; (0,0) was never written. `w` is unique per write, not per client: 40
 * random bits drawn when a handle opens and a 24-bit count of its writes (trap §1).
 */
#ifndef CORE_TAG_H
#define CORE_TAG_H

#include <stdbool.h>
#include <stdint.h>

struct tag {
    uint64_t z;
    uint64_t w;
};

#define TAG_ZERO ((struct tag){0, 0})
/* No write ever gets here by counting: a larger z can only come from damaged bytes, and is judged as such. */
#define TAG_Z_MAX (UINT64_C(1) << 62)
#define TAG_ABOVE_ALL ((struct tag){UINT64_MAX, UINT64_MAX})

int tag_compare(struct tag a, struct tag b);
bool tag_equal(struct tag a, struct tag b);
bool tag_is_zero(struct tag tag);
struct tag tag_max(struct tag a, struct tag b);

/** The next writer field of one handle. */
struct tag_source {
    uint64_t random40; /* in the high 40 bits */
    uint32_t write_count;
};

enum { TAG_WRITE_COUNT_BITS = 24 };

/** `random` is used in its low 40 bits, of which at least one is made non-zero: a writer is never 0. */
void tag_source_init(struct tag_source *source, uint64_t random);
/** Whether the count has been used up, so that tag_source_init() is due with new random bits. */
bool tag_source_is_spent(const struct tag_source *source);
/** The tag of the next write, above `newest`; the source must not be spent, nor newest.z at its end. */
struct tag tag_source_next(struct tag_source *source, struct tag newest);

#endif
