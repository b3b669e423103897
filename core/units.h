/*
 * Sizes and durations as people write them: "64 KiB", "500ms". Numbers are whole and never negative.
 */
#ifndef CORE_UNITS_H
#define CORE_UNITS_H

#include "core/error.h"

/** "4096", "64KiB", "10 GiB", "2 MB": B, KiB..TiB are powers of 1024, kB..TB of 1000; AREG_EINVAL for all else. */
enum areg_error units_parse_bytes(const char *text, uint64_t *bytes) MUST_USE;
/** "500 ms", "30s": ns, us, ms, s, m, h, d. A unit is required, except after 0; AREG_EINVAL for all else. */
enum areg_error units_parse_duration(const char *text, uint64_t *duration_ns) MUST_USE;
/** A whole decimal number and nothing else. */
enum areg_error units_parse_count(const char *text, uint64_t *count) MUST_USE;

/** Room for any of the printed forms, with the final NUL. */
enum { UNITS_TEXT_BYTES = 32 };
/** "64 KiB", "1.46 MiB", "17 B"; returns `text`. */
const char *units_print_bytes(uint64_t bytes, char text[UNITS_TEXT_BYTES]);
/** "850 us", "1.25 ms", "30 s": three digits that matter; returns `text`. */
const char *units_print_duration(uint64_t duration_ns, char text[UNITS_TEXT_BYTES]);

#endif
