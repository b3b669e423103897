/*
 * What every fuzzer defines: judge these bytes, whatever they are. libFuzzer's name for it. A claim that does not hold
 * is a CHECK; a wrong memory access is for the sanitizers to see. It must return 0.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t bytes);

#endif
