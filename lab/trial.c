#include "lab/trial.h"

#include <stdlib.h>

void measurement_fini(struct measurement *result)
{
    free(result->windows);
    result->windows = NULL;
    result->window_count = 0;
}
