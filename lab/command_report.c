/*
 * areg-lab report: one page over any number of runs.
 */
#include "lab/program.h"
#include "lab/report.h"

int command_report(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "report RUN... [FLAG...]",
        .text = "Write one HTML file over run directories: verdicts, plots, tables, where it all comes from. It needs\n"
                "no other file and no network.",
        .examples = "  areg-lab report areg-experiments/*/ -o report.html",
        .word_count_max = UINT16_MAX,
    };
    struct common_flags common = {0};
    const char *output = "report.html";
    const struct flag flags[] = {
        {"output", 'o', FLAG_TEXT, &output, "FILE", "where to write it; default report.html", 0, 0},
        COMMON_FLAGS(&common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count == 0)
        return program_fail_usage("which runs? areg-lab %s", page.synopsis);
    char why[REPORT_WHY_BYTES];
    const enum areg_error error = report_write(line.words, line.word_count, output, why);
    if (error)
        return program_fail(error, "%s", why);
    if (!common.quiet)
        fprintf(stderr, "areg-lab: wrote %s\n", output);
    return EXIT_CODE_OK;
}
