/* The two tables of LDR, for dap.c, and what its halves share: where a value is, as directories keep it. */
#ifndef DAP_LDR_H
#define DAP_LDR_H

#include "dap/answer.h"
#include "dap/ask.h"

extern const struct dap_ask ldr_ask;
extern const struct dap_answer ldr_answer;

/** What a directory keeps as the "fragment" of a value: a bit for each replica that has it, little-endian. */
enum { LOCATION_BYTES = 4 };

/** A counted slice. AREG_ENOMEM only. */
enum areg_error location_encode(struct voters replicas, struct slice *location) MUST_USE;
/** False unless a majority of the code's replicas is named, and nobody else. */
bool location_decode(struct slice location, struct code code, struct voters *replicas) MUST_USE;

#endif
