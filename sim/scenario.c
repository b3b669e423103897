#include "sim/scenario.h"

#include "sim/stage.h"

#include <stdarg.h>
#include <string.h>

static void fail(struct scenario_report *report, const char *path, const struct step *step, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void fail(struct scenario_report *report, const char *path, const struct step *step, const char *format, ...)
{
    report->verdict = SCENARIO_FAILED;
    const int used = snprintf(report->why, sizeof report->why, "%s:%u: ", path, step->line);
    if (used < 0 || (size_t)used >= sizeof report->why)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->why + used, sizeof report->why - (size_t)used, format, arguments);
    va_end(arguments);
}

/* ---------------------------------------------------------------- what is printed */

static void print_head(const struct script *script, unsigned choice_index, FILE *out)
{
    char code[CODE_TEXT_BYTES];
    fprintf(out, "%s\n", script->title);
    fprintf(out, "%s, delta %u", code_print(script->code, code), script->delta);
    if (script->host_count > script->code.n)
        fprintf(out, ", %u hosts", script->host_count);
    fprintf(out, "; clients");
    for (unsigned i = 0; i < script->client_count; i++)
        fprintf(out, " %s (c%u)", script->processes[i].name, i + 1);
    for (unsigned i = 0; i < script->reconfigurer_count; i++)
        fprintf(out, "%s %s (r%u)", i ? "" : "; reconfigurers", script->processes[script->client_count + i].name,
                i + 1);
    if (script->choice_count > 0)
        fprintf(out, "; %s is %u", script->variable, script->choices[choice_index]);
    fprintf(out, "\n");
}

/* Operations that this step has brought to an end. */
static void print_ends(const struct stage *stage, uint64_t since_ns, FILE *out)
{
    for (unsigned i = 0; i < stage->script->op_count; i++) {
        const struct op_state op = stage_state(stage, i);
        char text[2 * SCRIPT_VALUE_BYTES];
        if (op.has_ended && op.end_ns > since_ns)
            fprintf(out, "        %s ends: %s\n", stage->script->ops[i].name,
                    stage_describe_end(stage, i, text, sizeof text));
    }
}

/* ---------------------------------------------------------------- playing */

static bool play_step(struct stage *stage, const struct step *step, const struct scenario_options *options,
                      struct scenario_report *report)
{
    const uint64_t since_ns = stage->sim->now_ns;
    if (options->out)
        fprintf(options->out, "%4u  %s\n", step->line, step->text);
    const bool is_well = stage_play(stage, step);
    report->step_count++;
    if (options->out)
        print_ends(stage, since_ns, options->out);
    if (is_well)
        return true;
    if (stage->sim->is_broken)
        fail(report, options->path, step, "%s is broken: %s", stage->report.broken, stage->report.why);
    else
        fail(report, options->path, step, "%s", stage->why);
    return false;
}

static void play(const struct script *script, const struct scenario_options *options, struct scenario_report *report)
{
    struct stage stage;
    unsigned played = 0;
    stage_open(&stage, script, options->log, options->out);
    while (played < script->step_count && play_step(&stage, &script->steps[played], options, report))
        played++;
    if (report->verdict == SCENARIO_PASSED) {
        sim_judge(stage.sim);
        if (stage.sim->is_broken)
            fail(report, options->path, &script->steps[played - 1], "at the end, by %s: %s", stage.report.broken,
                 stage.report.why);
    }
    stage_close(&stage);
}

void scenario_run(const struct scenario_options *options, struct scenario_report *report)
{
    *report = (struct scenario_report){.verdict = SCENARIO_PASSED};
    for (unsigned choice_index = 0; report->verdict == SCENARIO_PASSED; choice_index++) {
        struct script script;
        char why[SCRIPT_WHY_BYTES];
        const enum areg_error error = script_read(&script, options->path, choice_index, why);
        CHECK(error != AREG_ENOMEM);
        if (error != AREG_OK) {
            report->verdict = SCENARIO_UNREADABLE;
            snprintf(report->why, sizeof report->why, "%s", why);
            break;
        }
        report->caught_by = script.caught_by;
        if (options->out)
            print_head(&script, choice_index, options->out);
        play(&script, options, report);
        const bool is_last = choice_index + 1 >= script.choice_count;
        script_fini(&script);
        if (is_last)
            break;
    }
    if (!options->out)
        return;
    if (report->verdict == SCENARIO_PASSED)
        fprintf(options->out, "passed: %u steps\n", report->step_count);
    else if (report->verdict == SCENARIO_FAILED)
        fprintf(options->out, "%s\n", report->why);
}
