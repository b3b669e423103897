/*
 * A persistent ordered map from bytes to bytes: a map that was shared never changes, so a snapshot is one reference.
 *
 * A treap whose priorities are hashes of the keys: its form depends on its keys alone, so everything that is done with
 * it is deterministic. For one thread. Keys must not come from an adversary (depth).
 */
#ifndef STORE_MAP_H
#define STORE_MAP_H

#include "core/buffer.h"

#include <stdbool.h>

struct map_node;

/** NULL is the empty map. */
struct map {
    struct map_node *root;
};

/** One more owner of the same map; each owner calls map_fini() once and changes its own without the others' notice. */
struct map map_ref(struct map map);
void map_fini(struct map *map);

/** Lent until this owner's next change; false if there is none. */
bool map_get(struct map map, struct slice key, struct slice *value);
/** The first key that is >= `from`. */
bool map_seek(struct map map, struct slice from, struct slice *key, struct slice *value);
/** Insert or replace by `value_bytes` bytes to be filled in before the map is shared; NULL without memory. */
uint8_t *map_put(struct map *map, struct slice key, size_t value_bytes);
/** False without memory. The key must be there. */
bool map_remove(struct map *map, struct slice key);

#endif
