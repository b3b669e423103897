/*
 * areg-lab sim: the simulator's face. One run with all that there is to say of it; or many; or, for each planted bug,
 * as many as it takes to find it.
 */
#include "core/units.h"
#include "lab/program.h"
#include "lab/sim_report.h"
#include "sim/json.h"
#include "sim/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct sim_flags {
    struct common_flags common;
    uint64_t seed; /* UINT64_MAX: not given */
    uint64_t op_count;
    uint64_t host_count;
    const char *code;
    uint64_t delta; /* UINT64_MAX: not given */
    uint64_t client_count;
    uint64_t reconfigurer_count;
    uint64_t depth;
    uint64_t key_count;
    uint64_t value_bytes;
    const char *nemesis;
    const char *history;
    const char *plant;
    const char *diff;
    const char *state;
    const char *scenario;
    uint64_t seed_count;
    uint64_t run_ns;
    uint64_t jobs; /* 0: as many as there are cores */
    bool lists_plants;
    bool logs;
};

#define MS UINT64_C(1000000)

/* Seeds that a planted bug is looked for in, unless --seeds says otherwise. */
enum { PLANT_SEED_COUNT = 1000 };

/* ---------------------------------------------------------------- flags to options */

/* Bits of the classes in "crash,loss"; false, and has said why, if there is another word in it. */
static bool parse_nemesis(const char *text, struct sim_options *options)
{
    const char *names[FAULT_COUNT + 1] = {0};
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        names[i] = fault_name((enum fault)i);
    if (!text)
        return true;
    options->has_faults = true;
    options->faults = strcmp(text, "all") == 0 ? FAULTS_ALL : 0;
    if (options->faults || strcmp(text, "none") == 0)
        return true;
    while (*text) {
        char word[32];
        const size_t bytes = strcspn(text, ",");
        snprintf(word, sizeof word, "%.*s", (int)bytes, text);
        text += bytes + (text[bytes] == ',');
        unsigned i = 0;
        while (i < FAULT_COUNT && strcmp(names[i], word) != 0)
            i++;
        if (i == FAULT_COUNT) {
            const char *near = command_line_suggest(word, names);
            program_fail_usage("--nemesis: there is no class \"%s\"%s%s%s; --help lists all", word,
                               near ? " (did you mean " : "", near ? near : "", near ? "?)" : "");
            return false;
        }
        options->faults |= UINT32_C(1) << i;
    }
    return true;
}

static bool parse_plant(const char *text, enum plant *plant)
{
    const char *names[PLANT_COUNT + 1] = {0};
    *plant = PLANT_NONE;
    for (unsigned i = 0; i < PLANT_COUNT; i++) {
        names[i] = plant_name((enum plant)i);
        if (text && strcmp(text, names[i]) == 0)
            *plant = (enum plant)i;
    }
    if (!text || *plant != PLANT_NONE)
        return true;
    const char *near = command_line_suggest(text, names);
    program_fail_usage("--plant: there is no bug \"%s\"%s%s%s; --plants lists all", text, near ? " (did you mean " : "",
                       near ? near : "", near ? "?)" : "");
    return false;
}

static bool parse_options(const struct sim_flags *flags, struct sim_options *options)
{
    *options = (struct sim_options){.seed = flags->seed != UINT64_MAX ? flags->seed : 1,
                                    .host_count = (unsigned)flags->host_count,
                                    .has_delta = flags->delta != UINT64_MAX,
                                    .delta = flags->delta != UINT64_MAX ? (unsigned)flags->delta : 0,
                                    .client_count = (unsigned)flags->client_count,
                                    .reconfigurer_count = (unsigned)flags->reconfigurer_count,
                                    .depth = (unsigned)flags->depth,
                                    .key_count = (unsigned)flags->key_count,
                                    .op_count = (uint32_t)flags->op_count,
                                    .value_bytes_max = (uint32_t)flags->value_bytes};
    if (flags->code && code_parse(flags->code, &options->code) != AREG_OK) {
        program_fail_usage("--code is repl:N, rs:N,K or ldr:D,R, not \"%s\"", flags->code);
        return false;
    }
    if (options->host_count && options->code.n == 0) {
        program_fail_usage("--hosts needs a --code");
        return false;
    }
    if (options->host_count && options->host_count < options->code.n) {
        program_fail_usage("%s needs %u hosts, and --hosts is %u", flags->code, options->code.n, options->host_count);
        return false;
    }
    if (!parse_nemesis(flags->nemesis, options))
        return false;
    if (options->reconfigurer_count && options->has_faults && !(options->faults >> FAULT_RECONFIG & 1)) {
        program_fail_usage("--reconfigurers needs reconfig among the classes of --nemesis");
        return false;
    }
    return true;
}

/* The command that gives the same run again. */
static void print_command(const struct sim_flags *flags, uint64_t seed, FILE *to)
{
    fprintf(to, "areg-lab sim --seed %" PRIu64, seed);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {{"ops", flags->op_count},
                  {"hosts", flags->host_count},
                  {"clients", flags->client_count},
                  {"depth", flags->depth},
                  {"keys", flags->key_count},
                  {"value", flags->value_bytes},
                  {"reconfigurers", flags->reconfigurer_count}};
    const struct {
        const char *name;
        const char *value;
    } texts[] = {{"code", flags->code}, {"nemesis", flags->nemesis}, {"plant", flags->plant}};
    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].value)
            fprintf(to, " --%s %s", texts[i].name, texts[i].value);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++)
        if (counts[i].value)
            fprintf(to, " --%s %" PRIu64, counts[i].name, counts[i].value);
    if (flags->delta != UINT64_MAX)
        fprintf(to, " --delta %" PRIu64, flags->delta);
    fprintf(to, "\n");
}

/* ---------------------------------------------------------------- one run */

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The first line in which two logs differ; says so. */
static int compare_logs(FILE *ours, const char *path)
{
    FILE *theirs = fopen(path, "re");
    if (!theirs)
        return program_fail(AREG_EIO, "%s: %s", path, strerror(errno));
    rewind(ours);
    char line[2][1024];
    uint64_t line_number = 0;
    bool is_there[2];
    do {
        line_number++;
        is_there[0] = fgets(line[0], sizeof line[0], theirs) != NULL;
        is_there[1] = fgets(line[1], sizeof line[1], ours) != NULL;
    } while (is_there[0] && is_there[1] && strcmp(line[0], line[1]) == 0);
    fclose(theirs);
    if (!is_there[0] && !is_there[1]) {
        printf("no difference in %" PRIu64 " lines\n", line_number - 1);
        return EXIT_CODE_OK;
    }
    printf("line %" PRIu64 " differs\n- %s+ %s", line_number, is_there[0] ? line[0] : "(the end)\n",
           is_there[1] ? line[1] : "(the end)\n");
    return EXIT_CODE_ERROR;
}

static int report_one(const struct sim_flags *flags, const struct sim_report *report, double seconds, FILE *to)
{
    if (flags->common.json) {
        sim_report_json(report, seconds, stdout);
    } else {
        if (!flags->common.quiet)
            sim_report_text(report, seconds, to);
        if (report->broken[0]) {
            fprintf(to, "again     ");
            print_command(flags, report->drawn.seed, to);
        }
    }
    return report->broken[0] ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

static int run_one(const struct sim_flags *flags, struct sim_options *options)
{
    struct sim_report report;
    /* A log is data, and what is said of the run is not. */
    FILE *talk = flags->logs || flags->diff ? stderr : stdout;
    if (flags->history && !(options->history = fopen(flags->history, "we")))
        return program_fail(AREG_EIO, "%s: %s", flags->history, strerror(errno));
    if (flags->diff && !(options->log = tmpfile()))
        return program_fail(AREG_EIO, "a temporary file: %s", strerror(errno));
    if (flags->logs && !flags->diff)
        options->log = stdout;
    options->timeline = flags->common.json ? NULL : talk;
    const double begin = seconds_now();
    sim_run(options, &report);
    int exit_code = report_one(flags, &report, seconds_now() - begin, talk);
    if (flags->diff) {
        exit_code = compare_logs(options->log, flags->diff);
        fclose(options->log);
    }
    if (options->history && fclose(options->history) != 0)
        return program_fail(AREG_EIO, "%s: %s", flags->history, strerror(errno));
    return exit_code;
}

/* ---------------------------------------------------------------- many */

static unsigned job_count(const struct sim_flags *flags)
{
    const long core_count = sysconf(_SC_NPROCESSORS_ONLN);
    if (flags->jobs)
        return (unsigned)flags->jobs;
    return core_count < 1 ? 1 : core_count < CAMPAIGN_JOBS_MAX ? (unsigned)core_count : CAMPAIGN_JOBS_MAX;
}

static struct campaign_options campaign_of(const struct sim_flags *flags, const struct sim_options *options)
{
    return (struct campaign_options){.sim = *options,
                                     .first_seed = options->seed,
                                     .seed_count = flags->seed_count ? flags->seed_count : UINT64_MAX,
                                     .run_ns = flags->run_ns ? flags->run_ns : UINT64_MAX,
                                     .timeout_ns =
                                         flags->common.timeout_ms ? flags->common.timeout_ms * MS : UINT64_MAX,
                                     .seed_ns_max = CAMPAIGN_SEED_NS_MAX + flags->op_count * MS,
                                     .jobs = job_count(flags),
                                     .broken_max = CAMPAIGN_BROKEN_MAX,
                                     .state_path = flags->state,
                                     .shows_progress = !flags->common.quiet && isatty(STDERR_FILENO)};
}

static int run_many(const struct sim_flags *flags, const struct sim_options *options)
{
    static struct campaign_result result;
    char why[SIM_WHY_BYTES];
    const struct campaign_options campaign = campaign_of(flags, options);
    const enum areg_error error = campaign_run(&campaign, &result, why);
    if (error != AREG_OK && result.seed_count == 0)
        return program_fail(error, "%s", why);
    if (flags->common.json)
        campaign_report_json(&result, stdout);
    else
        campaign_report_text(&result, stdout);
    for (unsigned i = 0; i < result.broken_kept && !flags->common.json; i++) {
        printf("again     ");
        print_command(flags, result.broken[i].seed, stdout);
    }
    if (error != AREG_OK) /* and yet all that was found is said */
        return program_fail(error, "%s", why);
    return result.broken_count ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

/* ---------------------------------------------------------------- planted bugs */

/* Seeds are tried in order until one finds the bug. */
static int seek_plant(const struct sim_flags *flags, const struct sim_options *options, enum plant plant,
                      struct campaign_result *result)
{
    char why[SIM_WHY_BYTES];
    struct campaign_options campaign = campaign_of(flags, options);
    campaign.seed_count = flags->seed_count ? flags->seed_count : PLANT_SEED_COUNT;
    campaign.jobs = 1;
    campaign.broken_max = 1;
    campaign.shows_progress = false;
    campaign.state_path = NULL;
    plant_set(plant);
    const enum areg_error error = campaign_run(&campaign, result, why);
    plant_set(PLANT_NONE);
    return error ? program_fail(error, "%s", why) : EXIT_CODE_OK;
}

static int run_plants(const struct sim_flags *flags, const struct sim_options *options)
{
    static struct campaign_result result;
    unsigned missed_count = 0;
    if (flags->common.json)
        printf("{\"v\":1,\"plants\":[");
    else
        printf("%-24s %6s  %-10s  %s\n", "planted bug", "seeds", "found by", "what is wrong");
    for (unsigned i = PLANT_NONE + 1; i < PLANT_COUNT; i++) {
        const char *scenario = plant_scenario((enum plant)i);
        result = (struct campaign_result){0};
        const int exit_code = scenario ? EXIT_CODE_OK : seek_plant(flags, options, (enum plant)i, &result);
        if (exit_code)
            return exit_code;
        const bool is_found = scenario || result.broken_count > 0;
        const char *by = scenario ? scenario : is_found ? result.broken[0].name : "not found";
        char seeds[24] = "-";
        if (!scenario)
            snprintf(seeds, sizeof seeds, "%" PRIu64, result.seed_count);
        missed_count += !is_found;
        if (flags->common.json)
            printf("%s{\"name\":\"%s\",\"seeds\":%" PRIu64 ",\"found\":%s,\"by\":\"%s\"}", i > 1 ? "," : "",
                   plant_name((enum plant)i), result.seed_count, is_found ? "true" : "false", by);
        else
            printf("%-24s %6s  %-10s  %s\n", plant_name((enum plant)i), seeds, by, plant_sentence((enum plant)i));
        fflush(stdout);
    }
    if (flags->common.json)
        printf("]}\n");
    return missed_count ? EXIT_CODE_ERROR : EXIT_CODE_OK;
}

/* ---------------------------------------------------------------- a scenario */

static int run_scenario(const struct sim_flags *flags)
{
    const struct scenario_options options = {.path = flags->scenario,
                                             .out = flags->common.quiet || flags->common.json ? NULL : stdout,
                                             .log = flags->logs ? stdout : NULL};
    struct scenario_report report;
    scenario_run(&options, &report);
    const enum scenario_verdict verdict = report.verdict;
    if (verdict == SCENARIO_UNREADABLE)
        return program_fail(AREG_EIO, "%s", report.why);
    if (flags->common.json) {
        printf("{\"v\":1,\"passed\":%s,\"why\":", verdict == SCENARIO_PASSED ? "true" : "false");
        json_print_string(stdout, report.why, strlen(report.why));
        printf("}\n");
    }
    return verdict == SCENARIO_PASSED ? EXIT_CODE_OK : EXIT_CODE_ERROR;
}

/* ---------------------------------------------------------------- the command */

static void give_up(int signal)
{
    static const char says[] = "areg-lab: not done after the time of --timeout: given up\n";
    (void)signal;
    const ssize_t written = write(STDERR_FILENO, says, sizeof says - 1);
    (void)written;
    _exit(EXIT_CODE_ERROR);
}

/* A step that never ends is left all the same; what was printed before it can be read. */
static void limit_time(uint64_t timeout_ms)
{
    const struct itimerval limit = {
        .it_value = {.tv_sec = (time_t)(timeout_ms / 1000), .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000)}};
    if (timeout_ms == 0)
        return;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGALRM, give_up);
    setitimer(ITIMER_REAL, &limit, NULL);
}

/* Whether there is a flag that says what to draw, or which seeds to run: a scenario leaves nothing to chance. */
static bool has_flags_of_runs(const struct sim_flags *flags)
{
    return flags->seed != UINT64_MAX || flags->op_count || flags->code || flags->host_count ||
           flags->delta != UINT64_MAX || flags->client_count || flags->reconfigurer_count || flags->depth ||
           flags->key_count || flags->value_bytes || flags->nemesis || flags->history || flags->diff ||
           flags->seed_count || flags->run_ns || flags->jobs || flags->state || flags->lists_plants;
}

static int run_sim(struct sim_flags *flags)
{
    struct sim_options options;
    enum plant plant;
    if (!parse_options(flags, &options) || !parse_plant(flags->plant, &plant))
        return EXIT_CODE_USAGE;
    const bool is_many = flags->seed_count || flags->run_ns || flags->state;
    if ((is_many || flags->lists_plants) && (flags->logs || flags->diff || flags->history))
        return program_fail_usage("--log, --diff and --history are of one run");
    if (flags->lists_plants && plant != PLANT_NONE)
        return program_fail_usage("--plants is about all of them, and --plant about one");
    if (flags->scenario && has_flags_of_runs(flags))
        return program_fail_usage("--scenario FILE says all there is to a run: it stands with --plant and --log only");
    if (flags->lists_plants || !is_many) /* a campaign says what it has found so far */
        limit_time(flags->common.timeout_ms);
    if (flags->lists_plants)
        return run_plants(flags, &options);
    plant_set(plant);
    if (flags->scenario)
        return run_scenario(flags);
    return is_many ? run_many(flags, &options) : run_one(flags, &options);
}

int command_sim(int argc, char **argv)
{
    static const struct command_page page = {
        .synopsis = "sim [FLAG...]",
        .text = "Run the production engines in a simulated cluster: virtual network, disks and clocks, everything\n"
                "drawn from one seed, which gives the same run again. What is not given is drawn, too.\n"
                "Without --seeds and --run, one run; with them, many. Exits 1 if an invariant was broken, an\n"
                "operation did not end, or the history is not linearizable.\n\n"
                "Classes of faults: delay loss dup reorder corrupt partition clog crash restart pause client clock\n"
                "disk full rot lost; and reconfig, which changes configurations while all this goes on.",
        .examples = "  areg-lab sim --seed 7 --ops 100000 --code rs:5,3 --nemesis all\n"
                    "  areg-lab sim --seeds 1000\n"
                    "  areg-lab sim --seed 7 --log > before; areg-lab sim --seed 7 --diff before\n"
                    "  areg-lab sim --plants\n"
                    "  areg-lab sim --scenario tests/sim/scenarios/S10-late-write-back.scenario",
    };
    struct sim_flags flags = {.seed = UINT64_MAX, .delta = UINT64_MAX};
    const struct flag table[] = {
        {"seed", 0, FLAG_COUNT, &flags.seed, "N", "the first seed, default 1", 0, UINT64_MAX - 1},
        {"ops", 0, FLAG_COUNT, &flags.op_count, "N", "operations in a run", 1, SIM_OP_MAX},
        {"code", 0, FLAG_TEXT, &flags.code, "CODE", "repl:N, rs:N,K or ldr:D,R", 0, 0},
        {"hosts", 0, FLAG_COUNT, &flags.host_count, "N", "hosts; with --code, default N of it", 1, SIM_HOST_MAX},
        {"delta", 0, FLAG_COUNT, &flags.delta, "N", "superseded entries that hosts keep", 0, DELTA_MAX},
        {"clients", 0, FLAG_COUNT, &flags.client_count, "N", "client processes", 1, SIM_CLIENT_MAX},
        {"reconfigurers", 0, FLAG_COUNT, &flags.reconfigurer_count, "N", "processes that change configurations", 1,
         SIM_RECONFIGURER_MAX},
        {"depth", 0, FLAG_COUNT, &flags.depth, "N", "operations that each has under way", 1, SIM_DEPTH_MAX},
        {"keys", 0, FLAG_COUNT, &flags.key_count, "N", "registers", 1, SIM_KEY_MAX},
        {"value", 0, FLAG_BYTES, &flags.value_bytes, "SIZE", "the largest value", 1, AREG_VALUE_BYTES_MAX},
        {"nemesis", 0, FLAG_TEXT, &flags.nemesis, "LIST", "exactly these classes of faults, or all, or none", 0, 0},
        {"history", 0, FLAG_TEXT, &flags.history, "FILE", "write the history, for areg-lab check", 0, 0},
        {"log", 0, FLAG_SWITCH, &flags.logs, NULL, "print every event", 0, 0},
        {"diff", 0, FLAG_TEXT, &flags.diff, "FILE", "the first difference to what --log printed earlier", 0, 0},
        {"seeds", 0, FLAG_COUNT, &flags.seed_count, "N", "run so many seeds", 1, 0},
        {"run", 0, FLAG_DURATION, &flags.run_ns, "TIME", "begin seeds for so long", 1, 0},
        {"jobs", 0, FLAG_COUNT, &flags.jobs, "N", "runs at once, default: as many as there are cores", 1,
         CAMPAIGN_JOBS_MAX},
        {"state", 0, FLAG_TEXT, &flags.state, "FILE", "go on with the seed in FILE, and keep it there", 0, 0},
        {"scenario", 0, FLAG_TEXT, &flags.scenario, "FILE", "play a conversation given message by message", 0, 0},
        {"plant", 0, FLAG_TEXT, &flags.plant, "NAME", "put a planted bug in force", 0, 0},
        {"plants", 0, FLAG_SWITCH, &flags.lists_plants, NULL, "the planted bugs, and how many seeds find each", 0, 0},
        COMMON_FLAGS(&flags.common),
    };
    struct command_line line;
    int exit_code;
    if (!program_parse(&page, table, &flags.common, argc, argv, &line, &exit_code))
        return exit_code;
    return run_sim(&flags);
}
