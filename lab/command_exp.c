/*
 * areg-lab exp: experiments from files, one or all of the paper's.
 */
#include "lab/experiment_run.h"
#include "lab/program.h"
#include "lab/report.h"
#include "sim/json.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXP_PATH_BYTES = PATH_MAX + 128, LISTED_MAX = 256 };

struct exp_flags {
    struct common_flags common;
    const char *dir;
    const char *configs;
    const char *set; /* stands for --help alone: --set may be given many times */
    bool is_full;
    uint64_t seed;
    uint64_t repeats;
    struct experiment_options options;
    const char *const *command; /* the words that this program was given */
};

/* In the order in which a reader wants to hear of them. */
static const char *const paper[] = {
    "value-size",      "readers",
    "writers",         "code",
    "delta",           "dap",
    "longevity",       "transfer",
    "costs",           "latency-bounds",
    "chain",           "ablations",
    "scale-balance",   "scale-movement",
    "scale-recovery",  "scale-slow-hosts",
    "scale-simulator", NULL,
};

/* ---------------------------------------------------------------- where experiments are */

/* The directory of the experiments that come with areg; false if there is none. */
static bool find_configs(const char *flag, char dir[EXP_PATH_BYTES])
{
    /* Where it is installed, and where it is built. */
    static const char *const places[] = {"../share/areg/experiments", "../../../configs/experiments"};
    char own_dir[PATH_MAX];
    if (flag) {
        snprintf(dir, EXP_PATH_BYTES, "%s", flag);
        return access(dir, R_OK) == 0;
    }
    for (unsigned i = 0; program_own_dir(own_dir, sizeof own_dir) && i < sizeof places / sizeof places[0]; i++) {
        snprintf(dir, EXP_PATH_BYTES, "%s/%s", own_dir, places[i]);
        if (access(dir, R_OK) == 0)
            return true;
    }
    return false;
}

static int fail_configs(const char *flag)
{
    return program_fail(AREG_ENOTFOUND,
                        flag ? "there are no experiments in %s" : "where are the experiments? Give --configs DIR",
                        flag);
}

/* A path as it is; or the name of an experiment that comes with areg. */
static bool find_experiment(const char *name, const char *configs, char path[EXP_PATH_BYTES])
{
    char dir[EXP_PATH_BYTES];
    snprintf(path, EXP_PATH_BYTES, "%s", name);
    if (access(path, F_OK) == 0 || strchr(name, '/') || strchr(name, '.') || !find_configs(configs, dir))
        return access(path, F_OK) == 0;
    if (snprintf(path, EXP_PATH_BYTES, "%s/%s.cfg", dir, name) >= EXP_PATH_BYTES)
        return false;
    return access(path, F_OK) == 0;
}

static int fail_experiment(const char *name)
{
    const char *names[sizeof paper / sizeof paper[0]];
    memcpy(names, paper, sizeof paper);
    const char *near = strchr(name, '/') ? NULL : command_line_suggest(name, names);
    return program_fail(AREG_ENOTFOUND, "there is no file %s%s%s%s; areg-lab exp list lists those that come with areg",
                        name, near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
}

/* ---------------------------------------------------------------- run */

static void print_outcome(const struct experiment_outcome *outcome, bool as_json)
{
    if (!as_json) {
        printf("%s/report.html\n", outcome->dir);
        return;
    }
    printf("{\"v\":1,\"dir\":");
    json_print_string(stdout, outcome->dir, strlen(outcome->dir));
    printf(",\"tries\":%u,\"done\":%u,\"checks_failed\":%u}\n", outcome->try_count, outcome->done_count,
           outcome->failed_count);
}

/* The exit code of a run that has come to its end. */
static int judge_outcome(const struct experiment_outcome *outcome)
{
    if (outcome->failed_count == 0)
        return EXIT_CODE_OK;
    return program_fail(AREG_EIO, "%u check%s failed: see %s/checks.csv", outcome->failed_count,
                        outcome->failed_count == 1 ? "" : "s", outcome->dir);
}

static void tell_interrupted(const struct exp_flags *exp, const char *dir)
{
    program_fail(AREG_ECANCELED, "interrupted; the same command goes on with it%s%s", exp->dir ? "" : ", with -o ",
                 exp->dir ? "" : dir);
}

static int load(const struct exp_flags *exp, const char *path, struct experiment *experiment)
{
    char why[EXPERIMENT_WHY_BYTES];
    const enum areg_error error = experiment_load(path, &exp->options, experiment, why);
    return error ? program_fail(error, "%s", why) : EXIT_CODE_OK;
}

static int run_one(const struct exp_flags *exp, const char *name, int signal_fd)
{
    static struct experiment experiment;
    char path[EXP_PATH_BYTES];
    char dir[EXP_PATH_BYTES];
    char time[32];
    if (!find_experiment(name, exp->configs, path))
        return fail_experiment(name);
    int exit_code = load(exp, path, &experiment);
    if (exit_code)
        return exit_code;
    run_dir_print_time(true, time);
    snprintf(dir, sizeof dir, "areg-experiments/%s-%s", experiment.name, time);
    const struct experiment_order order = {
        .experiment = &experiment,
        .options = &exp->options,
        .seed = exp->seed,
        .dir = exp->dir ? exp->dir : dir,
        .command = exp->command,
        .position = "",
        .is_quiet = exp->common.quiet,
        .signal_fd = signal_fd,
    };
    struct experiment_outcome outcome;
    const enum areg_error error = experiment_run(&order, &outcome);
    if (error == AREG_ECANCELED)
        tell_interrupted(exp, order.dir);
    if (error)
        return error == AREG_EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_ERROR;
    print_outcome(&outcome, exp->common.json);
    return judge_outcome(&outcome);
}

/* ---------------------------------------------------------------- paper */

/* One of the paper's, into its own directory below `dir`, which `outcome` names then. */
static enum areg_error run_of_paper(const struct exp_flags *exp, struct experiment *experiment, unsigned index,
                                    const char *dir, int signal_fd, struct experiment_outcome *outcome)
{
    char run_dir[EXP_PATH_BYTES + EXPERIMENT_NAME_BYTES + 1];
    char position[48];
    snprintf(run_dir, sizeof run_dir, "%s/%s", dir, experiment->name);
    snprintf(position, sizeof position, "%u of %zu", index + 1, sizeof paper / sizeof paper[0] - 1);
    const struct experiment_order order = {
        .experiment = experiment,
        .options = &exp->options,
        .seed = exp->seed,
        .dir = run_dir,
        .command = exp->command,
        .position = position,
        .is_quiet = exp->common.quiet,
        .signal_fd = signal_fd,
    };
    return experiment_run(&order, outcome);
}

/* Read all of them before any is run. */
static int load_paper(const struct exp_flags *exp, struct experiment *experiments, unsigned count)
{
    char configs[EXP_PATH_BYTES];
    if (!find_configs(exp->configs, configs))
        return fail_configs(exp->configs);
    for (unsigned i = 0; i < count; i++) {
        char path[EXP_PATH_BYTES + EXPERIMENT_NAME_BYTES];
        snprintf(path, sizeof path, "%s/%s.cfg", configs, paper[i]);
        const int exit_code = load(exp, path, &experiments[i]);
        if (exit_code)
            return exit_code;
    }
    return EXIT_CODE_OK;
}

static int run_all(const struct exp_flags *exp, struct experiment *experiments, unsigned count, int signal_fd)
{
    static struct experiment_outcome outcomes[sizeof paper / sizeof paper[0]];
    const char *run_dirs[sizeof paper / sizeof paper[0]];
    char time[32];
    char dir[EXP_PATH_BYTES];
    char html[EXP_PATH_BYTES + 16];
    char why[REPORT_WHY_BYTES];
    struct experiment_outcome sum = {0};
    run_dir_print_time(true, time);
    snprintf(dir, sizeof dir, "areg-experiments/paper-%s", time);
    if (exp->dir)
        snprintf(dir, sizeof dir, "%s", exp->dir);
    for (unsigned i = 0; i < count; i++) {
        const enum areg_error error = run_of_paper(exp, &experiments[i], i, dir, signal_fd, &outcomes[i]);
        if (error == AREG_ECANCELED)
            tell_interrupted(exp, dir);
        if (error)
            return error == AREG_EINVAL ? EXIT_CODE_USAGE : EXIT_CODE_ERROR;
        run_dirs[i] = outcomes[i].dir;
        sum.try_count += outcomes[i].try_count;
        sum.done_count += outcomes[i].done_count;
        sum.failed_count += outcomes[i].failed_count;
    }
    snprintf(html, sizeof html, "%s/report.html", dir);
    const enum areg_error error = report_write(run_dirs, count, html, why);
    if (error)
        return program_fail(error, "%s: %s", html, why);
    if (!realpath(dir, sum.dir))
        return program_fail(AREG_EIO, "%s: %s", dir, strerror(errno));
    print_outcome(&sum, exp->common.json);
    return judge_outcome(&sum);
}

static int run_paper(const struct exp_flags *exp, int signal_fd)
{
    const unsigned count = sizeof paper / sizeof paper[0] - 1;
    struct experiment *experiments = calloc(count, sizeof *experiments);
    if (!experiments)
        return program_fail(AREG_ENOMEM, "out of memory");
    int exit_code = load_paper(exp, experiments, count);
    if (!exit_code)
        exit_code = run_all(exp, experiments, count, signal_fd);
    free(experiments);
    return exit_code;
}

/* ---------------------------------------------------------------- list */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int print_listed(const struct exp_flags *exp, const char *configs, const char *name)
{
    static struct experiment experiment;
    char path[2 * EXP_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", configs, name);
    const int exit_code = load(exp, path, &experiment);
    if (exit_code)
        return exit_code;
    if (exp->common.json) {
        printf("{\"v\":1,\"name\":\"%s\",\"backend\":\"%s\",\"points\":%u,\"repeats\":%u,\"title\":", experiment.name,
               experiment_backend_name(experiment.backend), experiment.point_count, experiment.repeats);
        json_print_string(stdout, experiment.title, strlen(experiment.title));
        printf("}\n");
    } else {
        printf("%-16s %-6s %4u x %-3u %s\n", experiment.name, experiment_backend_name(experiment.backend),
               experiment.point_count, experiment.repeats, experiment.title);
    }
    return EXIT_CODE_OK;
}

static int list(const struct exp_flags *exp)
{
    char configs[EXP_PATH_BYTES];
    char *names[LISTED_MAX];
    unsigned count = 0;
    int exit_code = EXIT_CODE_OK;
    DIR *entries = find_configs(exp->configs, configs) ? opendir(configs) : NULL;
    if (!entries)
        return fail_configs(exp->configs);
    for (const struct dirent *entry; (entry = readdir(entries)) && count < LISTED_MAX;) {
        const char *dot = strrchr(entry->d_name, '.');
        if (dot && strcmp(dot, ".cfg") == 0 && (names[count] = strdup(entry->d_name)))
            count++;
    }
    closedir(entries);
    qsort(names, count, sizeof *names, compare_names);
    if (!exp->common.json)
        printf("%-16s %-6s %10s %s\n", "NAME", "ON", "TRIES", "TITLE");
    for (unsigned i = 0; i < count; i++) {
        const int one_code = print_listed(exp, configs, names[i]);
        exit_code = exit_code ? exit_code : one_code;
        free(names[i]);
    }
    return exit_code;
}

/* ---------------------------------------------------------------- the command */

/* Take "--set NAME=VALUE" out of the words, as often as it stands there. Returns EXIT_CODE_OK, or what to leave with.
 */
static int take_sets(int *argc, char **argv, struct experiment_options *options)
{
    int kept = 0;
    for (int i = 0; i < *argc; i++) {
        const bool is_apart = strcmp(argv[i], "--set") == 0;
        const bool is_joined = strncmp(argv[i], "--set=", 6) == 0;
        if (!is_apart && !is_joined) {
            argv[kept++] = argv[i];
            continue;
        }
        char why[EXPERIMENT_WHY_BYTES];
        if (is_apart && ++i == *argc)
            return program_fail_usage("--set takes NAME=VALUE");
        if (options->set_count == EXPERIMENT_SET_MAX)
            return program_fail_usage("--set is taken up to %d times", EXPERIMENT_SET_MAX);
        if (experiment_set_parse(is_apart ? argv[i] : argv[i] + 6, &options->sets[options->set_count++], why) !=
            AREG_OK)
            return program_fail_usage("%s", why);
    }
    argv[kept] = NULL;
    *argc = kept;
    return EXIT_CODE_OK;
}

static int run_action(const struct exp_flags *exp, const struct command_line *line)
{
    static const char *const actions[] = {"run", "list", "paper", NULL};
    const char *action = line->words[0];
    const bool is_run = strcmp(action, "run") == 0;
    const bool is_list = strcmp(action, "list") == 0;
    if (!is_run && !is_list && strcmp(action, "paper") != 0) {
        const char *near = command_line_suggest(action, actions);
        return program_fail_usage("unknown action \"%s\"%s%s%s", action, near ? " (did you mean " : "",
                                  near ? near : "", near ? "?)" : "");
    }
    if (is_run && line->word_count < 2)
        return program_fail_usage("run which experiment? areg-lab exp list lists those that come with areg");
    if (!is_run && line->word_count > 1)
        return program_fail_usage("\"%s\" is one word too many: areg-lab exp %s", line->words[1], action);
    if (is_list)
        return list(exp);
    const int signal_fd = program_open_signals();
    if (signal_fd < 0)
        return program_fail(AREG_EIO, "signalfd: %s", strerror(errno));
    const int exit_code = is_run ? run_one(exp, line->words[1], signal_fd) : run_paper(exp, signal_fd);
    close(signal_fd);
    return exit_code;
}

/* The words as they were given, for the manifest; NULL without memory. They are lent by argv. */
static const char **keep_command(int argc, char **argv)
{
    const char **words = calloc((size_t)argc + 3, sizeof *words);
    if (!words)
        return NULL;
    words[0] = "areg-lab";
    words[1] = "exp";
    for (int i = 0; i < argc; i++)
        words[i + 2] = argv[i];
    return words;
}

int command_exp(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "exp run FILE|NAME | list | paper [FLAG...]",
        .text =
            "Run an experiment: a cluster, a load, what is varied, and what must hold, as a file says\n"
            "(docs/experiments.md). Each combination is tried on a cluster of its own, of real processes here or in\n"
            "the simulator. What was measured is left in a directory, as CSV files, plots and report.html, whose\n"
            "path is printed. An interrupted run is gone on with by the same command with -o DIR. The exit code is 1\n"
            "if a check failed.\n"
            "\n"
            "list: those that come with areg. paper: all of them, one report.",
        .examples = "  areg-lab exp list\n"
                    "  areg-lab exp run value-size -o sizes\n"
                    "  areg-lab exp run mine.cfg --set workload.keys=10 --repeats 5\n"
                    "  areg-lab exp paper --full",
        .word_count_max = 2,
    };
    struct exp_flags exp = {.seed = 1};
    const struct flag flags[] = {
        {"dir", 'o', FLAG_TEXT, &exp.dir, "DIR", "where it goes (./areg-experiments/NAME-TIME)", 0, 0},
        {"set", 0, FLAG_TEXT, &exp.set, "NAME=VALUE", "instead of what the file says, and of a sweep; many times", 0,
         0},
        {"full", 0, FLAG_SWITCH, &exp.is_full, NULL, "all values of the sweeps, and all repeats", 0, 0},
        {"repeats", 0, FLAG_COUNT, &exp.repeats, "N", "how often each point is tried", 1, EXPERIMENT_REPEAT_MAX},
        {"seed", 0, FLAG_COUNT, &exp.seed, "N", "of simulated runs (1)", 0, 0},
        {"configs", 0, FLAG_TEXT, &exp.configs, "DIR", "where the experiments are that come with areg", 0, 0},
        COMMON_FLAGS(&exp.common),
    };
    struct command_line line;
    const char **command = keep_command(argc, argv);
    if (!command)
        return program_fail(AREG_ENOMEM, "out of memory");
    exp.command = command;
    int exit_code = take_sets(&argc, argv, &exp.options);
    if (!exit_code && program_parse(&page, flags, &exp.common, argc, argv, &line, &exit_code)) {
        exp.options.is_full = exp.is_full;
        exp.options.repeats = (unsigned)exp.repeats;
        exit_code = line.word_count ? run_action(&exp, &line)
                                    : program_fail_usage("what is to be done? areg-lab %s", page.synopsis);
    }
    free(command);
    return exit_code;
}
