#include "lab/report_verdict.h"

#include <string.h>

bool run_check_passed(const struct table *checks, unsigned row)
{
    return strcmp(table_cell(checks, row, table_column(checks, "passed")), "1") == 0;
}

struct run_verdict run_verdict_of(const struct run_data *run)
{
    struct run_verdict result = {.check_count = run->checks.row_count};
    for (unsigned row = 0; row < run->checks.row_count; row++)
        result.failed_count += !run_check_passed(&run->checks, row);
    if (result.failed_count)
        result.verdict = VERDICT_FAILED;
    else if (!run->is_complete)
        result.verdict = VERDICT_INCOMPLETE;
    else
        result.verdict = result.check_count ? VERDICT_PASSED : VERDICT_NONE;
    return result;
}
