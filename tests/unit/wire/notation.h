/*
 * Msgpack as text, to write down messages that our own encoder refuses to make.
 *
 *     [2 #16 -]    an array: the number 2, 16 bytes, nil
 *
 * Numbers may have a sign or be hexadecimal; `t` and `f` are booleans, `-` is nil, `#N` is N bytes (of 0x61), "x" is
 * text (of its letters as they stand), `~` a float, `!` an extension, `{}` a map of one pair. Counts and lengths are
 * written in their longest form, which is as good as the shortest.
 */
#ifndef TESTS_UNIT_WIRE_NOTATION_H
#define TESTS_UNIT_WIRE_NOTATION_H

#include "core/bytes.h"

/** Fails the running test if the notation is none. */
void notation_put(struct bytes_writer *writer, const char *notation);

#endif
