/*
 * How to compute some fragments of an [n,k] code from k others: as multiplication tables for ISA-L's kernels.
 *
 * Encoding, decoding and rebuilding differ only in which k fragments are there (the sources) and which are wanted
 * (the outputs), so one cache of tables serves all three. It has a fixed number of slots and replaces the oldest:
 * a miss costs 0.4 us for [5,3] and 7 us for [14,10], and a cluster sees few patterns at a time.
 *
 * What a table looks like inside is ISA-L's own affair, and differs between its versions and processors: tables are
 * made whole for one pattern, and never cut or joined.
 */
#ifndef CODEC_TABLES_H
#define CODEC_TABLES_H

#include "core/limits.h"
#include "core/quorum.h"

struct tables;

/** 1 <= k <= n <= MEMBER_COUNT_MAX. NULL without memory. */
struct tables *tables_create(unsigned n, unsigned k);
void tables_destroy(struct tables *tables);

/**
 * The tables for ec_encode_data() that turn `sources`, in ascending order, into `outputs`, in ascending order.
 *
 * @sources  Exactly k fragments.
 * @outputs  At least one fragment, none of them a source.
 *
 * Lent until the next call.
 */
uint8_t *tables_get(struct tables *tables, struct voters sources, struct voters outputs);

#endif
