#include "plant_find.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void plant_run_seeds(struct plant_finding *finding, const struct sim_options *options, uint64_t seed_count)
{
    for (uint64_t i = 0; i < seed_count && finding->report.broken[0] == 0; i++) {
        struct sim_options run = *options;
        run.seed += i;
        finding->seed = run.seed;
        sim_run(&run, &finding->report);
    }
}

/* In a process of its own, as assertions of the engines may end it. Returns false if nothing was found. */
static bool find(enum plant plant, const struct sim_options *options, unsigned seeds_needed, uint64_t *seed,
                 char how[SIM_NAME_BYTES])
{
    struct plant_finding *finding =
        mmap(NULL, sizeof *finding, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(finding != MAP_FAILED);
    fflush(stdout);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        plant_set(plant);
        plant_run_seeds(finding, options, (uint64_t)PLANT_SAFETY * seeds_needed);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    *seed = finding->seed;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        snprintf(how, SIM_NAME_BYTES, "%s", finding->report.broken);
    else
        snprintf(how, SIM_NAME_BYTES, "assertion");
    munmap(finding, sizeof *finding);
    return how[0] != 0;
}

unsigned plant_find_all(const struct sim_options *options, const unsigned seeds_needed[PLANT_COUNT])
{
    unsigned missed_count = 0;
    printf("  %-24s %6s  %s\n", "planted", "seeds", "found by");
    for (enum plant plant = PLANT_NONE + 1; plant < PLANT_COUNT; plant++) {
        uint64_t seed;
        char how[SIM_NAME_BYTES];
        if (seeds_needed[plant] == 0)
            continue;
        const bool is_found = find(plant, options, seeds_needed[plant], &seed, how);
        missed_count += !is_found;
        printf("  %-24s %6llu  %s\n", plant_name(plant), (unsigned long long)(seed - options->seed + 1),
               is_found ? how : "nobody");
    }
    return missed_count;
}
