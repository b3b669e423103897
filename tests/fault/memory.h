/*
 * Memory that runs out when a test says so. The program is linked so that all allocations of its own objects come by
 * here; those of shared libraries do not.
 */
#ifndef TESTS_FAULT_MEMORY_H
#define TESTS_FAULT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/** Let the `nth` allocation from now on fail, counted from 1; with `for_good` also all after it. */
void memory_fail(uint64_t nth, bool for_good);
/** Between these two, allocations succeed, and are not counted. */
void memory_rest(void);
void memory_resume(void);
/** No more failures. Returns whether there was one. */
bool memory_calm(void);
/** Blocks that have been allocated and not freed. */
int64_t memory_blocks(void);

#endif
