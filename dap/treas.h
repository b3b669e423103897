/* The two tables of TREAS, for dap.c. ABD asks as TREAS with k = 1. */
#ifndef DAP_TREAS_H
#define DAP_TREAS_H

#include "dap/answer.h"
#include "dap/ask.h"

extern const struct dap_ask treas_ask;
extern const struct dap_answer treas_answer;

#endif
