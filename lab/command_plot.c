/*
 * areg-lab plot: the figures of an experiment's run, again.
 */
#include "lab/program.h"
#include "lab/report.h"

int command_plot(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "plot RUN... [FLAG...]",
        .text =
            "Write plots/*.svg of run directories again, from their tables: the plots that experiment.cfg in there\n"
            "asks for, which may be edited for it.",
        .examples = "  areg-lab plot areg-experiments/value-size-20260401T120000Z",
        .word_count_max = UINT16_MAX,
    };
    struct common_flags common = {0};
    const struct flag flags[] = {COMMON_FLAGS(&common)};
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, flags, &common, argc, argv, &line, &exit_code))
        return exit_code;
    if (line.word_count == 0)
        return program_fail_usage("which run? areg-lab %s", page.synopsis);
    for (unsigned i = 0; i < line.word_count; i++) {
        char why[REPORT_WHY_BYTES];
        const enum areg_error error = report_plots(line.words[i], why);
        if (error)
            exit_code = program_fail(error, "%s: %s", line.words[i], why);
    }
    return exit_code;
}
