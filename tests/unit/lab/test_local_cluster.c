/*
 * Clusters in a directory, and the processes in them: with a script in the host's place that says "ready" and waits.
 */
#include "lab/local_hosts.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { WAIT_MS = 10000 };

struct world {
    char dir[128];
    char script[160];
    struct local_options options;
};

static void write_script(const struct world *world, const char *text)
{
    FILE *file = fopen(world->script, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", text);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(world->script, 0755), 0);
}

static int make_world(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    snprintf(world->dir, sizeof world->dir, "/tmp/areg-test-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->script, sizeof world->script, "%s/fake-aregd", world->dir);
    write_script(world, "echo ready >&3; exec sleep 60");
    world->options = (struct local_options){
        .host_count = 3,
        .code = {.dap = DAP_TREAS, .n = 3, .k = 2},
        .delta = 8,
        .shard_count = 1,
        .sync = "none",
        .aregd = world->script,
    };
    *state = world;
    return 0;
}

static int remove_world(void **state)
{
    struct world *world = *state;
    local_remove_tree(world->dir);
    free(world);
    return 0;
}

static const bool all[HOST_COUNT_MAX] = {true, true, true};

/* A new cluster in the world's directory, with its hosts running. */
static void create_running(const struct world *world, struct local_cluster *cluster)
{
    char why[LOCAL_WHY_BYTES] = "";
    unsigned failed_index;
    char dir[160];
    snprintf(dir, sizeof dir, "%s/deep/cluster", world->dir);
    if (local_cluster_create(cluster, dir, &world->options, WAIT_MS, why) != AREG_OK ||
        local_hosts_start(cluster, all, WAIT_MS, -1, &failed_index, why) != AREG_OK)
        fail_msg("%s", why);
}

static void end_all(struct local_cluster *cluster)
{
    char why[LOCAL_WHY_BYTES] = "";
    unsigned ended_count;
    unsigned killed_count;
    assert_int_equal(local_hosts_end_all(cluster, WAIT_MS, &ended_count, &killed_count, why), AREG_OK);
    local_cluster_close(cluster);
}

static void state_reads_back_as_it_was_saved(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    struct local_cluster seen;
    char why[LOCAL_WHY_BYTES];
    create_running(world, &cluster);
    assert_int_equal(local_cluster_look(&seen, cluster.dir, why), AREG_OK);
    assert_int_equal(seen.host_count, 3);
    assert_string_equal(seen.sync, "none");
    assert_string_equal(seen.aregd, cluster.aregd);
    assert_memory_equal(&seen.code, &cluster.code, sizeof seen.code);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(seen.hosts[i].id.text, cluster.hosts[i].id.text);
        assert_string_equal(seen.hosts[i].address, cluster.hosts[i].address);
        assert_int_equal(seen.hosts[i].process.pid, cluster.hosts[i].process.pid);
        assert_int_equal(seen.hosts[i].process.started_ticks, cluster.hosts[i].process.started_ticks);
        assert_int_equal(process_state(seen.hosts[i].process), PROCESS_RUNNING);
    }
    assert_int_equal(local_cluster_find(&seen, "s3"), 2);
    assert_int_equal(local_cluster_find(&seen, "s4"), -1);
    end_all(&cluster);
    assert_int_equal(local_cluster_look(&seen, cluster.dir, why), AREG_OK);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(process_state(seen.hosts[i].process), PROCESS_GONE);
}

static void ports_are_different_and_can_be_listened_on(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    create_running(world, &cluster);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(local_host_port_is_free(&cluster.hosts[i]));
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(cluster.hosts[i].address, cluster.hosts[j].address);
    }
    end_all(&cluster);
}

static void a_locked_or_existing_cluster_is_not_made_anew(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    struct local_cluster other;
    char why[LOCAL_WHY_BYTES];
    create_running(world, &cluster);
    assert_int_equal(local_cluster_open(&other, cluster.dir, 30, why), AREG_EBUSY);
    local_cluster_close(&cluster);
    assert_int_equal(local_cluster_create(&other, cluster.dir, &world->options, WAIT_MS, why), AREG_EINVAL);
    assert_int_equal(local_cluster_open(&other, cluster.dir, WAIT_MS, why), AREG_OK);
    end_all(&other);
    assert_int_equal(local_cluster_open(&other, world->dir, WAIT_MS, why), AREG_ENOTFOUND);
}

static void files_of_somebody_else_are_left_alone(void **state)
{
    const struct world *world = *state;
    static const char *const names[] = {"s2", "genesis.conf"};
    char path[200];
    char why[LOCAL_WHY_BYTES];
    struct local_cluster cluster;
    struct stat status;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", world->dir, names[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        assert_int_equal(local_cluster_create(&cluster, world->dir, &world->options, WAIT_MS, why), AREG_EINVAL);
        assert_non_null(strstr(why, path));
        assert_int_equal(stat(path, &status), 0);
        assert_true(S_ISDIR(status.st_mode));
        assert_int_equal(rmdir(path), 0);
    }
    char content[16] = "";
    FILE *file = fopen(path, "w+");
    assert_non_null(file);
    fputs("mine", file);
    fflush(file);
    assert_int_equal(local_cluster_create(&cluster, world->dir, &world->options, WAIT_MS, why), AREG_EINVAL);
    rewind(file);
    assert_non_null(fgets(content, sizeof content, file));
    assert_string_equal(content, "mine");
    fclose(file);
}

static void a_directory_without_a_name_is_refused(void **state)
{
    const struct world *world = *state;
    char why[LOCAL_WHY_BYTES];
    char long_name[PATH_MAX + 1];
    struct local_cluster cluster;
    memset(long_name, 'x', PATH_MAX);
    long_name[PATH_MAX] = 0;
    assert_int_equal(local_cluster_create(&cluster, "", &world->options, WAIT_MS, why), AREG_EIO);
    assert_int_equal(local_cluster_create(&cluster, long_name, &world->options, WAIT_MS, why), AREG_EIO);
}

static void a_cluster_is_not_forgotten_while_a_host_is_there(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    create_running(world, &cluster);
    assert_false(local_cluster_forget(&cluster));
    assert_true(local_cluster_exists(cluster.dir));
    end_all(&cluster);
}

static void a_host_that_is_added_joins_the_others_and_is_remembered(void **state)
{
    struct world *world = *state;
    struct local_cluster cluster;
    struct local_cluster seen;
    char why[LOCAL_WHY_BYTES];
    char expected[512];
    unsigned failed_index;
    bool wanted[HOST_COUNT_MAX] = {false};
    write_script(world, "echo \"$1 $2\"; echo ready >&3; exec sleep 60");
    create_running(world, &cluster);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(local_cluster_add(&cluster, ((const char *[]){"s2", "all", "s 4"})[i], why), AREG_EINVAL);
    assert_int_equal(local_cluster_add(&cluster, "s4", why), AREG_OK);
    wanted[3] = true;
    assert_int_equal(local_hosts_start(&cluster, wanted, WAIT_MS, -1, &failed_index, why), AREG_OK);
    assert_int_equal(local_cluster_look(&seen, cluster.dir, why), AREG_OK);
    assert_int_equal(seen.host_count, 4);
    assert_int_equal(local_cluster_genesis_count(&seen), 3);
    assert_true(seen.hosts[3].joins);
    assert_false(seen.hosts[2].joins);
    assert_int_equal(process_state(seen.hosts[3].process), PROCESS_RUNNING);

    char path[PATH_MAX + 16];
    char line[512] = "";
    snprintf(path, sizeof path, "%s/s4.log", cluster.dir);
    FILE *log = fopen(path, "r");
    assert_non_null(log);
    assert_non_null(fgets(line, sizeof line, log));
    fclose(log);
    snprintf(expected, sizeof expected, "--join %s,%s,%s\n", seen.hosts[0].address, seen.hosts[1].address,
             seen.hosts[2].address);
    assert_string_equal(line, expected);
    end_all(&cluster);
    assert_false(process_is_there(seen.hosts[3].process));
}

static void malformed_states_are_refused(void **state)
{
    const struct world *world = *state;
    static const char *const bad[] = {
        "",
        "nonsense\n",
        "{\"v\":2,\"boot\":\"\",\"code\":\"rs:3,2\",\"sync\":\"none\",\"aregd\":\"/x\"}\n",
        "{\"v\":1,\"boot\":\"\",\"code\":\"rs:3,2\",\"sync\":\"none\",\"aregd\":\"/x\"}\n",
        "{\"v\":1,\"boot\":\"\",\"code\":\"rs:3,2\",\"sync\":\"none\",\"aregd\":\"/x\"}\n{\"id\":\"s1\"}\n",
        "{\"v\":1,\"boot\":\"\",\"code\":\"rs:3,2\",\"sync\":\"none\",\"aregd\":\"/x\"}\n"
        "{\"id\":\"s1\",\"address\":\"tcp://127.0.0.1:99999\",\"pid\":1,\"started_ticks\":1}\n",
        "{\"v\":1,\"boot\":\"\",\"code\":\"rs:3,2\",\"sync\":\"none\",\"aregd\":\"/x\"}\n"
        "{\"id\":\"s1\",\"address\":\"tcp://127.0.0.1:9999\",\"pid\":-1,\"started_ticks\":1}\n",
    };
    char path[200];
    char why[LOCAL_WHY_BYTES];
    struct local_cluster cluster;
    snprintf(path, sizeof path, "%s/state.jsonl", world->dir);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(bad[i], file);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(local_cluster_look(&cluster, world->dir, why), AREG_EINVAL);
    }
}

static void processes_of_another_boot_are_nobody(void **state)
{
    const struct world *world = *state;
    char path[200];
    char why[LOCAL_WHY_BYTES];
    struct local_cluster cluster;
    snprintf(path, sizeof path, "%s/state.jsonl", world->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "{\"v\":1,\"boot\":\"another\",\"code\":\"rs:1,1\",\"sync\":\"none\",\"aregd\":\"/x\"}\n"
                  "{\"id\":\"s1\",\"address\":\"tcp://127.0.0.1:9999\",\"pid\":1,\"started_ticks\":1}\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(local_cluster_look(&cluster, world->dir, why), AREG_OK);
    assert_int_equal(cluster.hosts[0].process.pid, 0);
}

static void a_host_that_ends_before_it_is_ready_takes_the_others_with_it(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    char why[LOCAL_WHY_BYTES];
    unsigned failed_index;
    write_script(world, "[ \"$4\" = s2 ] && echo 'no room' && exit 1\necho ready >&3; exec sleep 60");
    assert_int_equal(local_cluster_create(&cluster, world->dir, &world->options, WAIT_MS, why), AREG_OK);
    assert_int_equal(local_hosts_start(&cluster, all, WAIT_MS, -1, &failed_index, why), AREG_EIO);
    assert_int_equal(failed_index, 1);
    assert_string_equal(why, "s2 ended before it was ready: no room");
    for (unsigned i = 0; i < 3; i++)
        assert_false(process_is_there(cluster.hosts[i].process));
    assert_true(local_cluster_forget(&cluster));
    assert_false(local_cluster_exists(cluster.dir));
    local_cluster_close(&cluster);
}

static void a_host_that_is_never_ready_is_given_up(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    char why[LOCAL_WHY_BYTES];
    unsigned failed_index;
    write_script(world, "exec sleep 60");
    assert_int_equal(local_cluster_create(&cluster, world->dir, &world->options, WAIT_MS, why), AREG_OK);
    char path[200];
    snprintf(path, sizeof path, "%s/s1.log", world->dir);
    FILE *log = fopen(path, "w");
    assert_non_null(log);
    fputs("recovering\n", log);
    assert_int_equal(fclose(log), 0);
    assert_int_equal(local_hosts_start(&cluster, all, 50, -1, &failed_index, why), AREG_EUNAVAIL);
    assert_string_equal(why, "s1 was not ready in time: recovering");
    for (unsigned i = 0; i < 3; i++)
        assert_false(process_is_there(cluster.hosts[i].process));
    local_cluster_close(&cluster);
}

static void a_deaf_host_is_killed_in_the_end(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    char why[LOCAL_WHY_BYTES];
    unsigned ended_count;
    unsigned killed_count;
    write_script(world, "trap '' TERM; echo ready >&3; while :; do sleep 0.02; done");
    create_running(world, &cluster);
    const struct process first = cluster.hosts[0].process;
    assert_int_equal(local_hosts_end_all(&cluster, 50, &ended_count, &killed_count, why), AREG_OK);
    assert_int_equal(ended_count, 3);
    assert_int_equal(killed_count, 3);
    assert_false(process_is_there(first));
    assert_int_equal(local_hosts_end_all(&cluster, 50, &ended_count, &killed_count, why), AREG_OK);
    assert_int_equal(ended_count, 0);
    local_cluster_close(&cluster);
}

static void a_paused_host_ends_when_it_is_asked_to(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    char why[LOCAL_WHY_BYTES];
    unsigned ended_count;
    unsigned killed_count;
    create_running(world, &cluster);
    assert_int_equal(process_signal(cluster.hosts[1].process, SIGSTOP), AREG_OK);
    while (process_state(cluster.hosts[1].process) != PROCESS_PAUSED)
        usleep(1000);
    assert_int_equal(local_hosts_end_all(&cluster, WAIT_MS, &ended_count, &killed_count, why), AREG_OK);
    assert_int_equal(ended_count, 3);
    assert_int_equal(killed_count, 0);
    local_cluster_close(&cluster);
}

static void the_cpu_of_a_host_is_known_more_finely_than_in_ticks(void **state)
{
    const struct world *world = *state;
    enum { TICK_NS = 10000000 };
    struct local_cluster cluster;
    create_running(world, &cluster);
    uint64_t beyond_ticks_ns = 0;
    for (unsigned i = 0; i < 3; i++)
        beyond_ticks_ns += process_cpu_ns(cluster.hosts[i].process) % TICK_NS;
    assert_true(beyond_ticks_ns > 0);
    end_all(&cluster);
}

static void nobody_else_is_signaled_through_a_pid_that_was_used_again(void **state)
{
    const struct world *world = *state;
    struct local_cluster cluster;
    create_running(world, &cluster);
    struct process stranger = cluster.hosts[0].process;
    stranger.started_ticks++;
    assert_int_equal(process_state(stranger), PROCESS_GONE);
    assert_int_equal(process_signal(stranger, SIGKILL), AREG_ENOTFOUND);
    assert_true(process_await_end(stranger, WAIT_MS));
    assert_int_equal(process_cpu_ns(stranger), 0);
    assert_int_equal(process_state(cluster.hosts[0].process), PROCESS_RUNNING);
    assert_int_equal(process_signal((struct process){0}, SIGKILL), AREG_ENOTFOUND);
    end_all(&cluster);
}

static void *sleep_for_long(void *arg)
{
    (void)arg;
    if (write(PROCESS_READY_FD, "ready", 5) == 5)
        sleep(60);
    return NULL;
}

/* This very program as a process whose first thread has ended and whose second one has not. */
_Noreturn static void lose_first_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleep_for_long, NULL) != 0)
        exit(1);
    pthread_exit(NULL);
}

static void a_process_is_there_until_its_last_thread_has_gone(void **state)
{
    const struct world *world = *state;
    char log[160];
    char text[8];
    int ready_fd;
    struct process process;
    snprintf(log, sizeof log, "%s/log", world->dir);
    char *const argv[] = {(char[]){"/proc/self/exe"}, (char[]){"lose-first-thread"}, NULL};
    assert_int_equal(process_spawn(argv, log, PROCESS_STAYS, &process, &ready_fd), AREG_OK);
    assert_int_equal(read(ready_fd, text, sizeof text), 5);
    close(ready_fd);
    char path[64];
    char stat[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process.pid);
    while (!strstr(stat, ") Z ")) {
        const int fd = open(path, O_RDONLY);
        assert_true(fd >= 0 && read(fd, stat, sizeof stat - 1) > 0);
        close(fd);
    }
    assert_true(process_is_there(process));
    assert_false(process_await_end(process, 20));
    assert_int_equal(process_signal(process, SIGKILL), AREG_OK);
    assert_true(process_await_end(process, WAIT_MS));
    assert_false(process_is_there(process));
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "lose-first-thread") == 0)
        lose_first_thread();
#define CASE(name) cmocka_unit_test_setup_teardown(name, make_world, remove_world)
    const struct CMUnitTest tests[] = {
        CASE(state_reads_back_as_it_was_saved),
        CASE(ports_are_different_and_can_be_listened_on),
        CASE(a_locked_or_existing_cluster_is_not_made_anew),
        CASE(files_of_somebody_else_are_left_alone),
        CASE(a_directory_without_a_name_is_refused),
        CASE(a_cluster_is_not_forgotten_while_a_host_is_there),
        CASE(a_host_that_is_added_joins_the_others_and_is_remembered),
        CASE(malformed_states_are_refused),
        CASE(processes_of_another_boot_are_nobody),
        CASE(a_host_that_ends_before_it_is_ready_takes_the_others_with_it),
        CASE(a_host_that_is_never_ready_is_given_up),
        CASE(a_deaf_host_is_killed_in_the_end),
        CASE(a_paused_host_ends_when_it_is_asked_to),
        CASE(a_process_is_there_until_its_last_thread_has_gone),
        CASE(the_cpu_of_a_host_is_known_more_finely_than_in_ticks),
        CASE(nobody_else_is_signaled_through_a_pid_that_was_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
