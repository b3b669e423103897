/*
 * Scenarios: those of tests/sim/scenarios hold, and fail when the bug that they are about is planted; and the language
 * says what is wrong with a file.
 */
#include "sim/scenario.h"
#include "sim/sim.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---------------------------------------------------------------- the files */

struct files {
    int count;
    struct dirent **names;
};

static int is_scenario(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".scenario") == 0;
}

static int find_files(void **state)
{
    struct files *files = calloc(1, sizeof *files);
    assert_non_null(files);
    files->count = scandir(SCENARIO_FOLDER, &files->names, is_scenario, alphasort);
    *state = files;
    return files->count > 0 ? 0 : -1;
}

static int free_files(void **state)
{
    struct files *files = *state;
    for (int i = 0; i < files->count; i++)
        free(files->names[i]);
    free(files->names);
    free(files);
    return 0;
}

static const char *path_of(const struct files *files, int index, char path[512])
{
    snprintf(path, 512, "%s/%s", SCENARIO_FOLDER, files->names[index]->d_name);
    return path;
}

/* Returns the bugs that the scenario is about. */
static uint64_t run_healthy(const char *path)
{
    const struct scenario_options options = {.path = path};
    struct scenario_report report;
    scenario_run(&options, &report);
    if (report.verdict != SCENARIO_PASSED)
        fail_msg("%s", report.why);
    return report.caught_by;
}

/* In a process of its own: a bug may break an assertion of the engines. */
static bool is_caught(const char *path, enum plant plant)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct scenario_options options = {.path = path};
        struct scenario_report report;
        plant_set(plant);
        scenario_run(&options, &report);
        _exit((int)report.verdict);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SCENARIO_UNREADABLE)
        fail_msg("%s became unreadable", path);
    return WIFSIGNALED(status) || WEXITSTATUS(status) != SCENARIO_PASSED;
}

static void every_scenario_holds(void **state)
{
    const struct files *files = *state;
    char path[512];
    for (int i = 0; i < files->count; i++)
        run_healthy(path_of(files, i, path));
}

static void every_scenario_fails_with_the_bugs_that_it_is_about(void **state)
{
    const struct files *files = *state;
    char path[512];
    for (int i = 0; i < files->count; i++) {
        const uint64_t caught_by = run_healthy(path_of(files, i, path));
        for (unsigned plant = 1; plant < PLANT_COUNT; plant++)
            if ((caught_by >> plant & 1) && !is_caught(path, (enum plant)plant))
                fail_msg("%s passes with the planted bug %s", path, plant_name((enum plant)plant));
    }
}

static void every_planted_bug_has_a_scenario(void **state)
{
    const struct files *files = *state;
    char path[512];
    uint64_t caught_by = 0;
    for (int i = 0; i < files->count; i++)
        caught_by |= run_healthy(path_of(files, i, path));
    for (unsigned plant = 1; plant < PLANT_COUNT; plant++)
        if (!(caught_by >> plant & 1))
            fail_msg("no scenario is about the planted bug %s", plant_name((enum plant)plant));
}

static char *read_text(const char *path)
{
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(path, "r");
    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, (1 << 16) - 1, file) > 0);
    assert_true(feof(file));
    fclose(file);
    return text;
}

static void the_manual_shows_a_file_that_is_played(void **state)
{
    (void)state;
    char *manual = read_text(SCENARIO_FOLDER "/../../../docs/scenarios.md");
    char *example = read_text(SCENARIO_FOLDER "/S10-late-write-back.scenario");
    assert_non_null(strstr(manual, example));
    free(manual);
    free(example);
}

/* ---------------------------------------------------------------- small texts */

static const char path_form[] = "/tmp/areg-scenario-XXXXXX";

/* Plays a text as the file "T"; all that is printed is the caller's to free. */
static char *play_text(const char *text, bool has_log, struct scenario_report *report)
{
    char path[sizeof path_form];
    char *out = NULL;
    size_t out_bytes;
    strcpy(path, path_form);
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    FILE *to = open_memstream(&out, &out_bytes);
    assert_non_null(to);
    const struct scenario_options options = {.path = path, .out = to, .log = has_log ? to : NULL};
    scenario_run(&options, report);
    fclose(to);
    assert_int_equal(unlink(path), 0);
    return out;
}

/* What is said of a text, without the name of the file. */
static void expect_words(const char *text, enum scenario_verdict verdict, const char *expected)
{
    struct scenario_report report;
    free(play_text(text, false, &report));
    if (report.verdict != verdict)
        fail_msg("verdict %d for: %s: %s", report.verdict, text, report.why);
    const size_t path_bytes = sizeof path_form - 1;
    if (verdict == SCENARIO_PASSED)
        assert_string_equal(report.why, "");
    else
        assert_string_equal(report.why + path_bytes, expected);
}

#define HEAD "cluster rs:5,3\nclients A B\n"
#define CHANGING "cluster repl:3\nhosts 6\nclients A\nreconfigurers G\n"

static void what_happens_is_printed_step_by_step(void **state)
{
    (void)state;
    struct scenario_report report;
    char *out = play_text("# Title.\n#\n# More.\n" HEAD "\n"
                          "A: w1 = put k \"a\"\n"
                          "deliver w1 get-tag to s1 s2 s3 s4   # a quorum\n"
                          "deliver w1 put-data to s1 s2 s3 s4\n"
                          "expect w1 ok\n",
                          false, &report);
    assert_string_equal(out, "Title.\n"
                             "rs:5,3, delta 1; clients A (c1) B (c2)\n"
                             "   7  A: w1 = put k \"a\"\n"
                             "   8  deliver w1 get-tag to s1 s2 s3 s4   # a quorum\n"
                             "   9  deliver w1 put-data to s1 s2 s3 s4\n"
                             "        w1 ends: ok, 2 rounds\n"
                             "  10  expect w1 ok\n"
                             "passed: 4 steps\n");
    assert_int_equal(report.step_count, 4);
    free(out);
}

static void the_same_file_gives_the_same_run(void **state)
{
    (void)state;
    static const char script[] = HEAD "A: w1 = put k \"a\"\nB: w2 = put k \"b\"\nB: r1 = get k\nrun\ncrash A\n"
                                      "A: d1 = delete k\nrun\nexpect everything linearizable\n";
    struct scenario_report report;
    char *first = play_text(script, true, &report);
    assert_int_equal(report.verdict, SCENARIO_PASSED);
    char *second = play_text(script, true, &report);
    assert_string_equal(first, second);
    free(first);
    free(second);
}

/* ---------------------------------------------------------------- what can be wrong with a file */

static void a_file_that_makes_no_sense_is_not_played(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", ": there is no step in it"},
        {"# Nothing but a comment.\n", ":1: there is no step in it"},
        {"clients A\n", ":1: describe the cluster first: cluster rs:5,3 delta 1"},
        {"cluster rs:3,5\n", ":1: a cluster is described by its code, such as rs:5,3 or repl:3"},
        {"cluster rs:5,3 delta 40\n", ":1: 40 is too many: at most 32"},
        {"cluster rs:5,3\nrun\n", ":2: name the clients before the first step: clients A B"},
        {"cluster rs:5,3\nclients A s3\n", ":2: the name \"s3\" is taken"},
        {"cluster rs:5,3\nclients A A\n", ":2: the name \"A\" is taken"},
        {"cluster rs:5,3\nclients A-name-that-is-too-long\n",
         ":2: \"A-name-that-is-too-long\" is no name: a letter, then letters, digits, '-', '_', 15 bytes at most"},
        {HEAD "caught-with fifo-tram\n", ":3: the planted bug \"fifo-tram\" is unknown (did you mean \"fifo-trim\"?)"},
        {HEAD "delivr w1 put-data to s1\n", ":3: the word \"delivr\" is unknown (did you mean \"deliver\"?)"},
        {HEAD "C: r1 = get k\n", ":3: there is no client \"C\""},
        {HEAD "A: r1 = read k\n", ":3: the operation \"read\" is unknown"},
        {HEAD "A: r1 = get k now\n", ":3: the end of the line is expected here, not \"now\""},
        {HEAD "A: w1 = put k a\n", ":3: a value in quotes is missing here"},
        {HEAD "A: w1 = put k \"a\n", ":3: a quote is not closed"},
        {HEAD "A: w1 = put k \"a\"\nB: w2 = put k \"a\"\n",
         ":4: w1 writes \"a\" too: values must differ, so that a read tells whose it saw"},
        {HEAD "A: w1 = put k \"a\"\nB: w1 = get k\n", ":4: the name \"w1\" is taken"},
        {HEAD "A: w1 = put k \"a\" within a while\n", ":3: a time, such as 500ms, is expected here, not \"a\""},
        {HEAD "A: w1 = put k \"a\" over w0\n", ":3: an operation is expected here, not \"w0\""},
        {HEAD "deliver w1 put-data to s1\n", ":3: whose messages? \"w1\" is neither an operation nor a process"},
        {HEAD "deliver A get-tags to s1\n",
         ":3: the kind of message \"get-tags\" is unknown (did you mean \"get-tag\"?)"},
        {HEAD "deliver A get-tag to s6\n", ":3: there is no host s6: they are s1 to s5"},
        {HEAD "deliver A get-tag to s1 s1\n", ":3: s1 is listed twice"},
        {HEAD "deliver A get-tag to\n", ":3: a host is missing at the end of the line"},
        {HEAD "deliver A get-tag from s1\n", ":3: \"to\" is expected here, not \"from\""},
        {HEAD "deliver A get-tag replies to s1\n", ":3: \"from\" is expected here, not \"to\""},
        {HEAD "crash\n", ":3: a host is missing at the end of the line"},
        {HEAD "advance 2h\n", ":3: a time is more than 0, and at most one hour"},
        {HEAD "run until w1 ends\n", ":3: an operation is expected here, not \"w1\""},
        {HEAD "A: r1 = get k\nexpect r1 done\n", ":4: the outcome \"done\" is unknown"},
        {HEAD "A: r1 = get k\nexpect r1 = \"a\"\n", ":4: nobody has written \"a\" to k before this line"},
        {HEAD "A: w1 = put k \"a\"\nexpect w1 = \"a\"\n", ":4: w1 reads no value"},
        {HEAD "expect s1 lists k nothing\n",
         ":3: a register that was written or read before is expected here, not \"k\""},
        {HEAD "for j in 1 2 x\n", ":3: a number is expected here, not \"x\""},
        {HEAD "run\nfor j in 1 2\n", ":4: there is one \"for\", before the first step"},
        {HEAD "run\nclients C\n", ":4: clients stand before reconfigurers and the first step"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_words(cases[i][0], SCENARIO_UNREADABLE, cases[i][1]);
}

static void no_file_that_makes_no_sense_of_configurations_is_played(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"hosts 6\n", ":1: hosts stand between the cluster and the clients"},
        {"cluster repl:3\nhosts 2\n", ":2: the cluster has 3 members"},
        {"cluster repl:3\nhosts 33\n", ":2: 33 is too many: at most 32"},
        {"cluster repl:3\nclients A\nreconfigurers B C D E F G H I J\n", ":3: at most 8 reconfigurers"},
        {"cluster repl:3\nclients A\nreconfigurers A\n", ":3: the name \"A\" is taken"},
        {"cluster repl:3\nclients A\nreconfigurers c0\n", ":3: the name \"c0\" is taken"},
        {"cluster repl:3\nreconfigurers G\n", ":2: reconfigurers stand between the clients and the first step"},
        {CHANGING "clients B\n", ":5: clients stand before reconfigurers and the first step"},
        {CHANGING "A: c1 = change to repl:3 on s4 s5 s6\n", ":5: the operation \"change\" is unknown"},
        {CHANGING "G: w1 = put k \"a\"\n", ":5: what reconfigurers do, \"put\" is unknown"},
        {CHANGING "G: c1 = change to repl:3 on s4 s5\n", ":5: repl:3 is a code for 3 hosts, and here are 2"},
        {CHANGING "G: c1 = change to rs:3 on s4 s5 s6\n", ":5: a code is missing here, such as rs:5,3 or repl:3"},
        {CHANGING "G: c1 = change to repl:3 on s4 s5 s7\n", ":5: there is no host s7: they are s1 to s6"},
        {CHANGING "G: c2 = change to repl:3 on s4 s5 s6 after c1\n",
         ":5: a configuration is expected here, not \"c1\""},
        {CHANGING "G: f1 = finish\nexpect s1 shows pending f1 after c0\n",
         ":6: a configuration is expected here, not \"f1\""},
        {CHANGING "expect s1 shows something after c0\n",
         ":5: what hosts show, \"something\" is unknown (did you mean \"nothing\"?)"},
        {CHANGING "G: f1 = finish\nexpect f1 took 2 rounds\n", ":6: rounds are counted of reads and writes"},
        {CHANGING "G: f1 = finish\nrun G until f1 is late\n", ":6: what a reconfiguration is at, \"late\" is unknown"},
        {CHANGING "A: r1 = get k\nrun A until r1 is installing\n", ":6: r1 is no reconfiguration"},
        {CHANGING "deliver A get-data in c0 replies from s1\n",
         ":5: replies do not say what configuration they are about"},
        {HEAD "deliver s1 get-data to s2\n", ":3: without reconfigurers s1 has nothing to say by itself"},
        {HEAD "run s1\n", ":3: without reconfigurers hosts have nothing to say by themselves"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_words(cases[i][0], SCENARIO_UNREADABLE, cases[i][1]);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    const struct scenario_options options = {.path = "/nowhere/at-all.scenario"};
    struct scenario_report report;
    scenario_run(&options, &report);
    assert_int_equal(report.verdict, SCENARIO_UNREADABLE);
    assert_string_equal(report.why, "/nowhere/at-all.scenario: can not be read: No such file or directory");
}

/* Each of them, and one more. */
static void everything_has_a_limit(void **state)
{
    (void)state;
    char text[100000];
    static const char *const forms[] = {"advance 1us\n", "A: r% = get k\n", "A: r% = get k%\n", "# %\n"};
    static const char *const complaints[] = {":503: at most 500 steps", ":103: at most 100 operations",
                                             ":11: at most 8 registers", ": is too long: at most 65536 bytes"};
    for (unsigned i = 0; i < 4; i++) {
        const unsigned line_count = i < 3 ? 600 : 10000;
        size_t used = (size_t)snprintf(text, sizeof text, HEAD);
        for (unsigned j = 0; j < line_count; j++) {
            /* With the line's number in place of each %. */
            for (const char *at = forms[i]; *at; at++) {
                char letter[2] = {*at};
                char number[12];
                snprintf(number, sizeof number, "%u", j);
                used += (size_t)snprintf(text + used, sizeof text - used, "%s", *at == '%' ? number : letter);
            }
        }
        expect_words(text, SCENARIO_UNREADABLE, complaints[i]);
    }
    memset(text, 'x', 300);
    text[300] = 0;
    expect_words(text, SCENARIO_UNREADABLE, ":1: a line has at most 160 bytes");
    size_t used = 0;
    for (unsigned i = 0; i < 65; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "x ");
    expect_words(text, SCENARIO_UNREADABLE, ":1: a line has at most 64 words");
}

/* ---------------------------------------------------------------- what can be wrong with a run */

static void what_is_not_so_is_said(void **state)
{
    (void)state;
#define BEGUN HEAD "A: w1 = put k \"a\"\n"
#define PUT BEGUN "deliver w1 get-tag to s1 s2 s3 s4\n"
#define DONE PUT "deliver w1 put-data to s1 s2 s3 s4\n"
    static const char *const cases[][2] = {
        {BEGUN "deliver w1 put-data to s1\n",
         ":4: no w1 put-data request to s1 is under way; under way: w1 get-tag to s1,"
         " w1 get-tag to s2, w1 get-tag to s3, w1 get-tag to s4, w1 get-tag to s5"},
        {BEGUN "deliver w1 get-tag to s1\ndrop w1 get-tag requests to the rest\ndrop w1 get-tag to the rest\n",
         ":6: no w1 get-tag request to any host is under way; nothing is"},
        {BEGUN "deliver w1 get-tag replies from s1\n", ":4: no w1 get-tag reply from s1 is under way; under way: w1 "
                                                       "get-tag to s1, w1 get-tag to s2, w1 get-tag to s3,"
                                                       " w1 get-tag to s4, w1 get-tag to s5"},
        {BEGUN "crash s1\ndeliver w1 get-tag to s1\n", ":5: s1 is down: nothing can be delivered to it"},
        {BEGUN "pause s1 for 1s\ndeliver w1 get-tag to s1\n", ":5: s1 is paused: nothing can be delivered to it"},
        {BEGUN "deliver w1 get-tag requests to s1\npause A for 1s\ndeliver w1 get-tag replies from s1\n",
         ":6: A is paused: nothing can be delivered to it"},
        {PUT "hold commits of s1\ndeliver w1 put-data to s1\n",
         ":6: s1 does not answer the put-data: say \"requests\" to deliver no more than that"},
        {BEGUN "crash s1\ncrash s1\n", ":5: s1 is down already"},
        {BEGUN "commit s1\n", ":4: s1 has nothing to commit"},
        {BEGUN "release commits of s1\n", ":4: s1 holds no commits back"},
        {BEGUN "pause A for 1s\nA: r1 = get k\n", ":5: A is paused"},
        {BEGUN "advance 1h\n", ":4: a scenario lasts at most an hour of its time"},
        {BEGUN "expect w1 ok\n", ":4: w1 is pending; under way: w1 get-tag to s1, w1 get-tag to s2, w1 get-tag to s3,"
                                 " w1 get-tag to s4, w1 get-tag to s5"},
        {BEGUN "crash A\nexpect w1 maybe\n", ":5: w1 has ended with its process"},
        {BEGUN "crash A\nrun until w1 ends\n", ":5: w1 has ended with its process"},
        {BEGUN "crash A\ncancel w1\n", ":5: w1 is not under way"},
        {BEGUN "B: w2 = put k \"b\" over w1\n", ":4: nobody knows the tag of w1 yet"},
        {DONE "expect w1 pending\n", ":6: w1 has ended: ok, 2 rounds"},
        {DONE "expect w1 took 1 round\n", ":6: w1 took 2"},
        {DONE "expect s1 lists k nothing\n", ":6: s1 lists \"a\""},
        {DONE "expect s5 lists k \"a\"\n", ":6: s5 lists nothing"},
        {DONE "expect s1 trimmed k \"a\"\n", ":6: s1 has trimmed nothing"},
        {DONE "expect s1 confirmed k w1\n", ":6: s1 has confirmed nothing"},
        {DONE "expect s1 s2 down\n", ":6: s1 is up"},
        {DONE "expect no w1 put-data requests\n",
         ":6: that is not what is under way; under way: w1 get-tag to s5, w1 put-data to s5"},
        {DONE "expect w1 put-data to s4 s5\n",
         ":6: that is not what is under way; under way: w1 get-tag to s5, w1 put-data to s5"},
        {DONE "B: w2 = put k \"b\"\nrun\nB: r1 = get k\nrun\nexpect r1 = \"a\"\n", ":10: r1 has ended: \"b\", 1 round"},
        {DONE "B: d1 = delete k\nrun\nB: r1 = get k\nrun\nexpect r1 = d1\nexpect s1 lists k d1\nexpect r1 ok\n",
         ":12: r1 has ended: not-found, 1 round"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_words(cases[i][0], SCENARIO_FAILED, cases[i][1]);
    struct scenario_report report;
    free(play_text(BEGUN "run without s1 s2 until w1 ends\n", false, &report));
    assert_int_equal(report.verdict, SCENARIO_FAILED);
    assert_non_null(strstr(report.why, ":4: w1 has not ended after 60 s; under way: w1 get-tag to s1,"));
    assert_non_null(strstr(report.why, " more"));
}

static void what_is_not_so_of_configurations_is_said(void **state)
{
    (void)state;
#define PENDING CHANGING "G: c1 = change to repl:3 on s4 s5 s6\nrun G until c1 is transferring\n"
    static const char *const cases[][2] = {
        {PENDING "expect s1 shows nothing after c0\n", ":7: s1 shows pending c1 after c0"},
        {PENDING "expect s1 shows finalized c1 after c0\n", ":7: s1 shows pending c1 after c0"},
        {PENDING "expect s1 accepted nothing after c0\n", ":7: s1 accepted c1 after c0"},
        {PENDING "expect s4 shows pending c1 after c0\n", ":7: s4 is no member of c0"},
        {PENDING "G: l1 = look\nrun G until l1 ends\nexpect l1 = c0\n",
         ":9: l1 has ended: ok, c0 is finalized, c1 is pending"},
        {PENDING "expect s1 s2 know c1\n", ":7: s1 knows c0"},
        {PENDING "expect s4 knows c1\n", ":7: s4 knows c0"},
        {PENDING "run G all until c1 ends\nexpect c1 = c0\n", ":8: c1 has ended: ok, c1 is finalized"},
        {PENDING "run G all until c1 is joining\nrun G all until c1 ends\nrun G until c1 is joining\n",
         ":9: c1 has ended before"},
        {PENDING "G: d1 = change to repl:3 on s1 s2 s3\nA: w1 = put k \"a\"\nexpect s1 lists k \"a\" in d1\n",
         ":9: no host knows d1"},
        {PENDING "G: d1 = change to repl:3 on s1 s2 s3\nG: e1 = change to repl:3 on s1 s2 s3 after d1\n",
         ":8: there is no d1 yet"},
        {PENDING "lose disk of s1\nlose disk of s1\n", ":8: the disk of s1 is lost already"},
        {CHANGING "G: l1 = look\ncrash G\nexpect l1 ok\n", ":7: l1 has ended with its process"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_words(cases[i][0], SCENARIO_FAILED, cases[i][1]);
}

/* What an operation is said to have done is judged, too: here by a bug that is planted for a moment. */
static void a_broken_invariant_ends_the_scenario(void **state)
{
    (void)state;
    struct scenario_report report;
    plant_set(PLANT_QUORUM_SHORT);
    free(play_text(BEGUN "deliver w1 get-tag to s1 s2 s3\ndeliver w1 put-data to s1 s2 s3\nrun\n", false, &report));
    plant_set(PLANT_NONE);
    assert_int_equal(report.verdict, SCENARIO_FAILED);
    assert_non_null(strstr(report.why, ":5: I11 is broken: "));
}

/* ---------------------------------------------------------------- what steps do */

static void steps_do_what_they_say(void **state)
{
    (void)state;
    static const char *const cases[] = {
        /* Time stands still unless it is told to pass. */
        HEAD "A: w1 = put k \"a\" within 1ms\nexpect w1 pending\nadvance 1ms\nexpect w1 unavailable\n",
        HEAD "A: w1 = put k \"a\"\ncancel w1\nexpect w1 canceled\n",
        /* A value for each number; hosts by number. */
        HEAD "for j in 0 3 5\nA: w1 = put k \"a\"\ndeliver w1 get-tag to all\ndrop w1 put-data to first j\n"
             "expect w1 pending\n",
        /* A paused process goes on; what came meanwhile waits. */
        HEAD "A: r1 = get k\npause s1 s2 for 1s\nrun until r1 ends\nexpect r1 not-found\n",
        HEAD "A: r1 = get k\npause A B for 1s\nrun for 500ms\nexpect r1 pending\nrun for 1s\nexpect r1 not-found\n",
        /* Clients flow one by one. */
        HEAD "A: w1 = put k \"a\"\nB: w2 = put k \"b\"\nrun A\nexpect w1 ok\nexpect w2 pending\nrun\nexpect w2 ok\n"
             "expect all list k \"b\"\nexpect all trimmed k \"a\"\nexpect all confirmed k w2\n",
        /* Disks. */
        HEAD "hold commits of all\nA: w1 = put k \"a\"\nrun for 100ms\nexpect s1 s2 list k nothing\ncommit s1 s2\n"
             "expect s1 s2 list k \"a\"\nexpect s3 lists k nothing\nrelease commits of all\nexpect all list k \"a\"\n"
             "deliver w1 put-data replies from all\nexpect w1 ok\n",
        HEAD
        "A: w1 = put k \"a\"\nrun\nrestart all\nexpect all up\nexpect all list k \"a\"\ncrash all\nexpect all down\n"
        "restart all\nA: r1 = get k\nA: t1 = stat k\nA: l1 = list\nrun\nexpect r1 = w1\nexpect t1 ok\n"
        "expect l1 ok\n",
        /* A late message of a process that is gone; of replies to it, none is left. */
        HEAD "A: w1 = put k \"a\"\ndeliver w1 get-tag to all\ndeliver w1 put-data requests to s1\ncrash A\n"
             "expect no A put-data replies\nexpect A put-data to s2 s3 s4 s5\ndeliver w1 put-data requests to s2\n"
             "expect s2 lists k \"a\"\nA: r1 = get k\nrun A until r1 ends\n",
        /* One who knows nobody yet. */
        "cluster repl:3\nclients A\nstrangers N\nA: w1 = put k \"a\"\nrun A\nN: r1 = get k\nexpect no r1 get-data\n"
        "expect no A hello\ndeliver N hello to the rest\ndeliver r1 get-data to s1 s2\nexpect r1 = \"a\"\n",
        /* Several registers. */
        HEAD "A: w1 = put k \"a\"\nA: w2 = put another \"a\"\nrun\nA: d1 = delete k over \"a\"\nrun\n"
             "expect s1 lists k d1\nexpect s1 lists another \"a\"\nB: r1 = get k\nrun\nexpect r1 = d1\n",
        /* A change, from the first word to the last; a host that has left is sent on, too. */
        CHANGING "A: w1 = put k \"a\"\nrun A\nG: c1 = change to rs:5,3 on s1 s2 s3 s4 s5 delta 2\nrun\nexpect c1 ok\n"
                 "expect c1 = c1\nexpect s1 s2 s3 show finalized c1 after c0\nexpect s1 s5 show nothing after c1\n"
                 "expect first 5 know c1\nexpect first 5 list k \"a\" in c1\nG: l1 = look\nrun G\nexpect l1 = c1\n",
        /* A plan that is stale, one that is given up, and one that comes too late. */
        CHANGING "G: c1 = change to repl:3 on s4 s5 s6\nrun\nG: d1 = change to repl:3 on s1 s2 s3 after c0\nrun\n"
                 "expect d1 stale\nG: c2 = change to repl:3 on s1 s2 s3\ncancel c2\nexpect c2 canceled\n"
                 "G: c3 = change to repl:3 on s1 s2 s3 within 1s\nadvance 2s\nexpect c3 unavailable\n"
                 "G: f1 = finish\nrun\nexpect f1 = c1\n",
        /* Workers are those of their hosts; what they have sent may arrive when they are gone. */
        CHANGING "A: w1 = put k \"a\"\nrun A\nG: c1 = change to repl:3 on s4 s5 s6\nrun G until c1 is transferring\n"
                 "run G for 300ms\ndeliver s4 list-keys requests to s1\ncrash s4\nexpect no s4 list-keys replies\n"
                 "deliver s4 list-keys requests to s2\nrestart s4\nrun until c1 ends\nexpect s4 lists k \"a\" in c1\n",
        /* Two configurations of the same hosts: each has questions of its own. */
        CHANGING "G: c1 = change to repl:3 on s1 s2 s3\nrun G until c1 is transferring\nA: r1 = get k\n"
                 "deliver r1 get-data to s1 s2\nexpect r1 get-data in c0 to s3\nexpect r1 get-data in c1 to s1 s2 s3\n"
                 "deliver r1 get-data in c1 to s3\nexpect r1 get-data in c0 to s3\nexpect r1 get-data to s1 s2 s3\n",
        /* Three entries of which two are known to be superseded: as many as delta allows. */
        "cluster rs:5,3 delta 0\nclients A\nreconfigurers G\nG: c1 = change to rs:5,3 on all delta 2\nrun\n"
        "A: w1 = put k \"a\"\nA: w2 = put k \"b\"\nA: w3 = put k \"c\"\nrun A until w3 ends\nrun A for 20ms\n"
        "expect all list k \"a\" \"b\" \"c\" in c1\n",
        /* Workers greet by themselves. */
        CHANGING "restart s1 s6\nexpect no s1 hello\nexpect no s6 hello\nA: r1 = get k\nrun A\n",
        /* Without memory, and yet the same host; and one that was never a member. */
        CHANGING
        "lose disk of s1 s6\nexpect s1 s6 down\nrestart s1 s6\nrun for 1s\nA: w1 = put k \"a\"\nrun A\n"
        "expect s1 lists k nothing\nG: c1 = change to repl:3 on s1 s2 s6\nrun\nexpect s1 s6 list k \"a\" in c1\n",
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_words(cases[i], SCENARIO_PASSED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scenario_holds),
        cmocka_unit_test(every_scenario_fails_with_the_bugs_that_it_is_about),
        cmocka_unit_test(every_planted_bug_has_a_scenario),
        cmocka_unit_test(the_manual_shows_a_file_that_is_played),
        cmocka_unit_test(what_happens_is_printed_step_by_step),
        cmocka_unit_test(the_same_file_gives_the_same_run),
        cmocka_unit_test(a_file_that_makes_no_sense_is_not_played),
        cmocka_unit_test(no_file_that_makes_no_sense_of_configurations_is_played),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(everything_has_a_limit),
        cmocka_unit_test(what_is_not_so_is_said),
        cmocka_unit_test(what_is_not_so_of_configurations_is_said),
        cmocka_unit_test(a_broken_invariant_ends_the_scenario),
        cmocka_unit_test(steps_do_what_they_say),
    };
    return cmocka_run_group_tests(tests, find_files, free_files);
}
