#include "store/map.h"

#include "core/check.h"
#include "core/key.h"

#include <stdlib.h>

/* The recursions below go as deep as the treap: about 2 ln n levels, 30 for a million keys. */

struct map_node {
    uint64_t owner_count;
    uint64_t priority;
    struct map_node *left;
    struct map_node *right;
    struct slice key;
    struct slice value;
};

static struct map_node *node_ref(struct map_node *node)
{
    if (node)
        node->owner_count++;
    return node;
}

static void node_unref(struct map_node *node)
{
    if (!node || --node->owner_count > 0)
        return;
    node_unref(node->left);
    node_unref(node->right);
    slice_unref(&node->key);
    slice_unref(&node->value);
    free(node);
}

struct map map_ref(struct map map)
{
    return (struct map){.root = node_ref(map.root)};
}

void map_fini(struct map *map)
{
    node_unref(map->root);
    map->root = NULL;
}

/** Make `*at` a node that nobody else sees, so that it may be changed. */
static bool node_own(struct map_node **at)
{
    struct map_node *const shared = *at;
    if (shared->owner_count == 1)
        return true;
    struct map_node *const copy = malloc(sizeof *copy);
    if (!copy)
        return false;
    *copy = *shared;
    copy->owner_count = 1;
    node_ref(copy->left);
    node_ref(copy->right);
    slice_ref(copy->key);
    slice_ref(copy->value);
    node_unref(shared);
    *at = copy;
    return true;
}

bool map_get(struct map map, struct slice key, struct slice *value)
{
    for (const struct map_node *node = map.root; node;) {
        const int order = slice_compare(key, node->key);
        if (order == 0) {
            *value = slice_borrow(node->value.at, node->value.bytes);
            return true;
        }
        node = order < 0 ? node->left : node->right;
    }
    return false;
}

bool map_seek(struct map map, struct slice from, struct slice *key, struct slice *value)
{
    const struct map_node *best = NULL;
    for (const struct map_node *node = map.root; node;) {
        if (slice_compare(from, node->key) <= 0) {
            best = node;
            node = node->left;
        } else {
            node = node->right;
        }
    }
    if (!best)
        return false;
    *key = slice_borrow(best->key.at, best->key.bytes);
    *value = slice_borrow(best->value.at, best->value.bytes);
    return true;
}

static struct map_node *node_create(struct slice key)
{
    struct map_node *const node = calloc(1, sizeof *node);
    if (!node)
        return NULL;
    node->key = slice_copy(key);
    if (!node->key.owner) {
        free(node);
        return NULL;
    }
    node->owner_count = 1;
    node->priority = key_hash(key);
    return node;
}

static void rotate_right(struct map_node **at)
{
    struct map_node *const top = *at;
    struct map_node *const left = top->left;
    top->left = left->right;
    left->right = top;
    *at = left;
}

static void rotate_left(struct map_node **at)
{
    struct map_node *const top = *at;
    struct map_node *const right = top->right;
    top->right = right->left;
    right->left = top;
    *at = right;
}

/** The node of `key`, made if need be, owned with all its ancestors; NULL without memory. */
static struct map_node *node_insert(struct map_node **at, struct slice key)
{
    if (!*at) {
        *at = node_create(key);
        return *at;
    }
    if (!node_own(at))
        return NULL;
    struct map_node *const top = *at;
    const int order = slice_compare(key, top->key);
    if (order == 0)
        return top;
    struct map_node *const node = node_insert(order < 0 ? &top->left : &top->right, key);
    if (!node)
        return NULL;
    if (order < 0 && top->left->priority > top->priority)
        rotate_right(at);
    else if (order > 0 && top->right->priority > top->priority)
        rotate_left(at);
    return node;
}

uint8_t *map_put(struct map *map, struct slice key, size_t value_bytes)
{
    struct buffer *const value = buffer_create(value_bytes);
    struct map_node *const node = value ? node_insert(&map->root, key) : NULL;
    if (!node) {
        buffer_unref(value);
        return NULL;
    }
    slice_unref(&node->value);
    node->value = slice_of(value, 0, value_bytes);
    return buffer_at(value);
}

/** Let the node at `*at`, which is owned, sink until it is a leaf, and free it. */
static bool node_sink(struct map_node **at)
{
    while ((*at)->left || (*at)->right) {
        struct map_node *const node = *at;
        const bool left_rises = node->left && (!node->right || node->left->priority > node->right->priority);
        if (!node_own(left_rises ? &node->left : &node->right))
            return false;
        if (left_rises) {
            rotate_right(at);
            at = &(*at)->right;
        } else {
            rotate_left(at);
            at = &(*at)->left;
        }
    }
    node_unref(*at);
    *at = NULL;
    return true;
}

bool map_remove(struct map *map, struct slice key)
{
    struct map_node **at = &map->root;
    for (;;) {
        CHECK(*at != NULL);
        if (!node_own(at))
            return false;
        const int order = slice_compare(key, (*at)->key);
        if (order == 0)
            return node_sink(at);
        at = order < 0 ? &(*at)->left : &(*at)->right;
    }
}
