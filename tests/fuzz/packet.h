/*
 * A packet out of the bytes of a fuzzer: a count of frames (modulo 8), two bytes for the size of each, and the header
 * without its seal, which no fuzzer would ever guess: it is put there. The frames are full of zeroes; their checksums
 * are no secret, but those that match stand in the corpus.
 */
#ifndef TESTS_FUZZ_PACKET_H
#define TESTS_FUZZ_PACKET_H

#include "wire/packet.h"

/** Every slice has a reference, as it has in a packet that arrived: packet_fini(). */
void fuzz_packet(const uint8_t *at, size_t bytes, struct packet *packet);

/** Fails unless both packets are the same, byte for byte. */
void fuzz_check_same(const struct packet *a, const struct packet *b);

#endif
