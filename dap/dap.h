/*
 * The table of data-access primitives. Adding one means adding its files and one line in dap.c; nothing outside this
 * folder asks which one it is talking to.
 */
#ifndef DAP_DAP_H
#define DAP_DAP_H

#include "dap/answer.h"
#include "dap/ask.h"

struct dap {
    enum dap_kind kind;
    const struct dap_ask *ask;
    const struct dap_answer *answer;
};

/** NULL for a kind that this build does not have. */
const struct dap *dap_of(enum dap_kind kind);

#endif
