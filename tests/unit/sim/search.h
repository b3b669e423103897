/*
 * What the judges of histories are compared with: a search that tries every order of a few operations, and all small
 * histories there are.
 */
#ifndef TESTS_SIM_SEARCH_H
#define TESTS_SIM_SEARCH_H

#include "core/random.h"
#include "sim/register_history.h"

enum {
    SEARCH_OPS_MAX = 10,
    SEARCH_VALUE_UNKNOWN = 999, /* a value that nobody writes */
};

/**
 * Whether there is an order in which the operations may have taken effect one by one, each within its time. Values may
 * be written twice. A read that found nothing has seen the delete of its version, if there is one, the initial state if
 * its version is 0.0, and any of them otherwise.
 */
bool search_finds_order(const struct history_op *ops, unsigned op_count);

typedef void (*search_visit_fn)(void *arg, struct history_op *ops, unsigned op_count);

/**
 * Visit all histories of `op_count` operations on one register with times from 1 to `instant_count`, without those that
 * are the same but for the numbering of operations: completed, unknown and failed writes, each of its own value; if
 * wanted, deletes, each of its own version; reads of any of them, of the initial state, and of a value nobody wrote.
 * With as many instants as operations these are all there are, as only the order of times matters.
 */
void search_visit_all(unsigned op_count, unsigned instant_count, bool has_deletes, search_visit_fn visit, void *arg);

/** A judge's answer on operations of one register. */
struct judgement search_judge(enum areg_error (*judge)(const struct register_history *, struct judgement *),
                              const struct history_op *ops, unsigned op_count, bool is_partial);

/** A history in short hand, one operation a word. */
struct short_op {
    char kind;      /* 'r', 'w', 'd' */
    int z;          /* version; -1: none */
    uint64_t value; /* 0: none */
    uint64_t start_ns;
    uint64_t end_ns; /* 0: never known */
    char status;     /* 'o', 'f', 'i' */
};

struct history_op search_to_op(struct short_op brief);
void search_print(const struct history_op *ops, unsigned op_count);

/** AREG_SEED, or 1; printed. */
uint64_t search_seed(void);

/**
 * A history of a register that really is atomic, as each operation takes effect at an instant of its time: values are
 * unique, versions ascend by 1 or 2, times overlap by up to `spread_ns`. Some writes are of unknown outcome, with or
 * without a version, and some have failed.
 */
void search_make_history(struct random_source *random, struct history_op *ops, unsigned op_count, unsigned spread_ns);

#endif
