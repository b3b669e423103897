/*
 * A thousand hosts and where the shards lie on them, before and after a change.
 */
#ifndef LAB_SCALE_FIELD_H
#define LAB_SCALE_FIELD_H

#include "lab/scale.h"
#include "reconfig/placement.h"

struct field {
    struct placement_rules rules;
    unsigned host_count;
    struct placement_host *hosts;
    uint16_t *members;    /* [shard * n + position] */
    uint64_t *shard_keys; /* registers of each shard */
    unsigned spare_first; /* "groups": the next host that belongs to no group */
};

enum change_kind { CHANGE_ADD, CHANGE_LOSE, CHANGE_LOSE_RACKS, CHANGE_GROW };

/** What "lose 10" says; AREG_EINVAL if it says nothing. */
enum areg_error field_parse_change(const char *text, enum change_kind *kind, unsigned *count) MUST_USE;

/** Hosts in their racks, shards placed, keys hashed to shards as clusters do it. field_fini() it even after an error.
 */
enum areg_error field_init(struct field *field, const struct scale_options *options) MUST_USE;
void field_fini(struct field *field);
/** Change hosts as options->change says, and place anew. */
enum areg_error field_change(struct field *field, const struct scale_options *options) MUST_USE;

/** Where the members of a shard begin. */
static inline const uint16_t *field_members(const struct field *field, uint32_t shard)
{
    return &field->members[(size_t)shard * field->rules.member_count];
}
static inline size_t field_slot_count(const struct field *field)
{
    return (size_t)field->rules.shard_count * field->rules.member_count;
}
/** The shard of a key, by its number: as in a pool [cluster_shard_of_key()]. */
uint32_t field_shard_of_key(const struct field *field, uint64_t key);
/** Bytes of one position's fragment of a value. */
uint64_t field_fragment_bytes(const struct scale_options *options);

#endif
