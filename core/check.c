#include "core/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *claim, const char *file, int line)
{
    fprintf(stderr, "%s:%d: invariant violated: %s\n", file, line, claim);
    abort();
}
