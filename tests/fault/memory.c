#include "memory.h"

#include <stddef.h>

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *at, size_t bytes);
void *__real_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *at);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *at, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __wrap_free(void *at);

static struct {
    uint64_t left; /* allocations until the failure; 0: it has been */
    bool is_armed;
    bool is_resting;
    bool for_good;
    bool has_failed;
    int64_t block_count;
} memory;

void memory_fail(uint64_t nth, bool for_good)
{
    memory.left = nth;
    memory.is_armed = true;
    memory.is_resting = false;
    memory.for_good = for_good;
    memory.has_failed = false;
}

void memory_rest(void)
{
    memory.is_resting = true;
}

void memory_resume(void)
{
    memory.is_resting = false;
}

bool memory_calm(void)
{
    memory.is_armed = false;
    return memory.has_failed;
}

int64_t memory_blocks(void)
{
    return memory.block_count;
}

static bool runs_out(void)
{
    if (!memory.is_armed || memory.is_resting)
        return false;
    if (memory.left > 0)
        memory.left--;
    if (memory.left > 0 || (memory.has_failed && !memory.for_good))
        return false;
    memory.has_failed = true;
    return true;
}

static void *counted(void *at)
{
    memory.block_count += at != NULL;
    return at;
}

void *__wrap_malloc(size_t bytes)
{
    return runs_out() ? NULL : counted(__real_malloc(bytes));
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return runs_out() ? NULL : counted(__real_calloc(count, bytes));
}

void *__wrap_realloc(void *at, size_t bytes)
{
    if (runs_out())
        return NULL;
    void *moved = __real_realloc(at, bytes);
    return at ? moved : counted(moved);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    return runs_out() ? NULL : counted(__real_aligned_alloc(alignment, bytes));
}

void __wrap_free(void *at)
{
    memory.block_count -= at != NULL;
    __real_free(at);
}
