/* The answering table of ABD, for dap.c. Its asking half is that of TREAS with k = 1. */
#ifndef DAP_ABD_H
#define DAP_ABD_H

#include "dap/answer.h"

extern const struct dap_answer abd_answer;

#endif
