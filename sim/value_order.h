/*
 * Was a register atomic? A judge that goes by values, and believes nobody about versions.
 *
 * Where every write has a value of its own, it is known which write a read has seen, and then it takes no search to
 * tell whether there is an order [Gibbons and Korach, "Testing Shared Memories", SIAM J. Comput. 26(4), 1997, section
 * 3]. In any order a write and its reads, a *cluster*, stand together. So cluster A must come before cluster B as soon
 * as any operation of A precedes any of B: if the first end in A is smaller than the last start in B. Two clusters that
 * must each come before the other are a violation, and if there are no two such there is no longer circle either (in a
 * shortest one, first ends would descend all the way round). Hence a register is linearizable if and only if
 *
 *   - what was read was written, by no operation that has failed, and no read precedes its write;
 *   - no operation precedes a read of the initial state, which finds nothing;
 *   - no two clusters A, B have first_end(A) < last_start(B) and first_end(B) < last_start(A).
 *
 * The third in terms of zones: the zone of a cluster lies between its first end and its last start. It is *forward* if
 * the first end is smaller: the value was there all through it. Otherwise it is *backward*: all operations have an
 * instant in common. Two forward zones must not overlap, no backward zone may lie inside a forward one; touching at a
 * border is neither. Two backward zones never conflict. This is decided by sorting, in O(n log n).
 *
 * Writes of unknown outcome count from their beginning on if somebody has read them, and not at all otherwise.
 *
 * What it can't judge it leaves out and counts, and the rest is still judged: leaving out a value with all its reads,
 * or a read, never makes a violation where there is none.
 *
 *   - A value that was read and that two writes wrote (failed ones apart): the writes and the reads.
 *   - A read that found nothing: absence has no value, so which delete it has seen is told by its version alone, the
 *     only use that this judge makes of versions; 0.0 is the initial state. Without a version, or if no delete has that
 *     version, it has seen the initial state if no delete had begun by its end; otherwise it is left out. So of deletes
 *     without versions only their own place in time is checked, not that what they deleted is gone.
 */
#ifndef SIM_VALUE_ORDER_H
#define SIM_VALUE_ORDER_H

#include "sim/register_history.h"

/** AREG_ENOMEM. O(n log n). */
enum areg_error value_order_judge(const struct register_history *history, struct judgement *judgement) MUST_USE;

#endif
