/*
 * Was a register atomic? A judge that goes by versions.
 *
 * Versions are totally ordered and a write's is its own, so the order in which operations took effect is not searched
 * for: it must be the order of versions, a write before the reads that returned it. What is checked [ARES, section 2:
 * A1 to A3]:
 *
 *   - every version is written once, and 0.0 never;
 *   - what was read under a version is what was written under it, and was not written by an operation that has failed;
 *   - of two operations of which one ended before the other began, the later one has no older version; if it is a
 *     write, it has a newer one. (So no read returns what is written only afterwards.)
 *
 * These hold if and only if the history is linearizable in the order of its versions. Writes of unknown outcome count
 * from their beginning on if somebody has read them, and not at all otherwise.
 *
 * A register of which a completed operation has no version is not judged at all.
 *
 * The judge knows nothing of the protocol; it never trusts what it is fed.
 */
#ifndef SIM_VERSION_ORDER_H
#define SIM_VERSION_ORDER_H

#include "sim/register_history.h"

/** AREG_ENOMEM. O(n log n). */
enum areg_error version_order_judge(const struct register_history *history, struct judgement *judgement) MUST_USE;

#endif
