#include "lab/report.h"

enum areg_error report_plots(const char *run_dir, char why[REPORT_WHY_BYTES])
{
    (void)run_dir;
    why[0] = 0;
    return AREG_OK;
}

enum areg_error report_write(const char *const *run_dirs, unsigned run_count, const char *html_path,
                             char why[REPORT_WHY_BYTES])
{
    (void)run_dirs;
    (void)run_count;
    (void)html_path;
    why[0] = 0;
    return AREG_OK;
}
