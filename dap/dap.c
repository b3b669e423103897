#include "dap/dap.h"

#include "dap/abd.h"
#include "dap/ldr.h"
#include "dap/treas.h"

static const struct dap daps[] = {
    {DAP_ABD, &treas_ask, &abd_answer},
    {DAP_TREAS, &treas_ask, &treas_answer},
    {DAP_LDR, &ldr_ask, &ldr_answer},
};

const struct dap *dap_of(enum dap_kind kind)
{
    for (unsigned i = 0; i < sizeof daps / sizeof daps[0]; i++)
        if (daps[i].kind == kind)
            return &daps[i];
    return NULL;
}
