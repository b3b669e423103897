/*
 * A store of registers that is too simple to be wrong: an unsorted array. A fragment's bytes follow from its tag and
 * size, so the model need not keep them.
 */
#ifndef TESTS_UNIT_STORE_MODEL_H
#define TESTS_UNIT_STORE_MODEL_H

#include "store/store.h"

enum { MODEL_REGISTER_COUNT_MAX = 128, MODEL_SLOT_MAX = 2 };

struct model_register {
    uint32_t slot;
    uint8_t key[AREG_KEY_BYTES_MAX];
    size_t key_bytes;
    struct stored_register state; /* places and payloads mean nothing */
};

struct model {
    unsigned count;
    struct model_register registers[MODEL_REGISTER_COUNT_MAX];
};

struct slice model_key(const struct model_register *of);
/** NULL if it is not there. */
struct model_register *model_find(struct model *model, uint32_t slot, struct slice key);
void model_put(struct model *model, uint32_t slot, struct slice key, const struct stored_register *state);
void model_delete(struct model *model, uint32_t slot, struct slice key);

/** The bytes of a fragment, counted. */
struct slice fragment_make(struct tag tag, uint32_t fragment_bytes);
/** An entry that is not stored yet, with its payload. */
struct stored_entry entry_make(struct tag tag, uint32_t fragment_bytes);
/** Insert an entry where its tag belongs; there must be room. */
void entry_insert(struct stored_register *to, const struct stored_entry *entry);
void entry_remove(struct stored_register *from, uint32_t index);

/** Everything that a transaction shows of registers must be what the model has. */
void model_expect(struct model *model, struct store_txn *txn);
/** One register and its fragments. */
void model_expect_register(struct model *model, struct store_txn *txn, uint32_t slot, struct slice key);
/** One scan. */
void model_expect_scan(struct model *model, struct store_txn *txn, uint32_t slot, struct slice prefix,
                       struct slice after);

#endif
