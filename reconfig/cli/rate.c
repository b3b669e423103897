#include "reconfig/cli/rate.h"

#include "core/units.h"

#include <stdio.h>
#include <string.h>

enum areg_error rate_parse(const char *text, uint64_t *bytes_per_s)
{
    char bytes[UNITS_TEXT_BYTES];
    const size_t text_bytes = strlen(text);
    const bool has_unit = text_bytes > 2 && strcmp(text + text_bytes - 2, "/s") == 0;
    const size_t number_bytes = text_bytes - (has_unit ? 2 : 0);
    *bytes_per_s = 0;
    if (strcmp(text, "none") == 0)
        return AREG_OK;
    if (number_bytes >= sizeof bytes)
        return AREG_EINVAL;
    snprintf(bytes, sizeof bytes, "%.*s", (int)number_bytes, text);
    return units_parse_bytes(bytes, bytes_per_s);
}
