#include "lab/local_hosts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCAL_PATH_BYTES = PATH_MAX + 64 };

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void log_path(const struct local_cluster *cluster, unsigned host_index, char path[LOCAL_PATH_BYTES])
{
    snprintf(path, LOCAL_PATH_BYTES, "%s/%s.log", cluster->dir, cluster->hosts[host_index].id.text);
}

static enum areg_error start_one(struct local_cluster *cluster, unsigned host_index, int *ready_fd)
{
    struct local_host *host = &cluster->hosts[host_index];
    char *seeds = host->joins ? local_cluster_seeds(cluster, host) : NULL;
    char genesis[LOCAL_PATH_BYTES];
    char data[LOCAL_PATH_BYTES];
    char log[LOCAL_PATH_BYTES];
    char ready[8];
    snprintf(genesis, sizeof genesis, "%s/genesis.conf", cluster->dir);
    snprintf(data, sizeof data, "%s/%s", cluster->dir, host->id.text);
    snprintf(ready, sizeof ready, "%d", PROCESS_READY_FD);
    log_path(cluster, host_index, log);
    if (host->joins && !seeds)
        return AREG_ENOMEM;
    char *const argv[] = {cluster->aregd,
                          host->joins ? (char[]){"--join"} : (char[]){"--genesis"},
                          host->joins ? seeds : genesis,
                          (char[]){"--id"},
                          host->id.text,
                          (char[]){"--data"},
                          data,
                          (char[]){"--listen"},
                          host->listens_at[0] ? host->listens_at : host->address,
                          (char[]){"--sync"},
                          cluster->sync,
                          (char[]){"--ready-fd"},
                          ready,
                          NULL};
    const enum areg_error error = process_spawn(argv, log, cluster->bond, &host->process, ready_fd);
    free(seeds);
    return error;
}

/* The last line of a host's log, which mostly says why it ended. */
static void last_log_line(const struct local_cluster *cluster, unsigned host_index, char *line, size_t room_bytes)
{
    char path[LOCAL_PATH_BYTES];
    log_path(cluster, host_index, path);
    line[0] = 0;
    FILE *log = fopen(path, "re");
    if (!log)
        return;
    char next[512];
    while (fgets(next, sizeof next, log)) {
        next[strcspn(next, "\n")] = 0;
        if (next[0])
            snprintf(line, room_bytes, "%.*s", (int)room_bytes - 1, next);
    }
    fclose(log);
}

/* Wait for "ready" of one host. */
static enum areg_error await_ready(struct local_cluster *cluster, unsigned host_index, int ready_fd,
                                   uint64_t deadline_ms, int interrupt_fd, char why[LOCAL_WHY_BYTES])
{
    const struct local_host *host = &cluster->hosts[host_index];
    struct pollfd fds[2] = {{.fd = ready_fd, .events = POLLIN}, {.fd = interrupt_fd, .events = POLLIN}};
    const uint64_t now = now_ms();
    const int count = poll(fds, 2, now < deadline_ms ? (int)(deadline_ms - now) : 0);
    if (count > 0 && fds[1].revents) {
        snprintf(why, LOCAL_WHY_BYTES, "interrupted");
        return AREG_ECANCELED;
    }
    char text[16];
    if (count > 0 && read(ready_fd, text, sizeof text) > 0)
        return AREG_OK;
    char line[200];
    last_log_line(cluster, host_index, line, sizeof line);
    snprintf(why, LOCAL_WHY_BYTES, "%s %s: %s", host->id.text,
             count > 0 ? "ended before it was ready" : "was not ready in time", line[0] ? line : "its log is empty");
    return count > 0 ? AREG_EIO : AREG_EUNAVAIL;
}

static void end_started(struct local_cluster *cluster, const bool *is_started)
{
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (!is_started[i])
            continue;
        const enum areg_error error = process_signal(cluster->hosts[i].process, SIGKILL);
        enum { KILLED_WAIT_MS = 5000 };
        if (!error || error == AREG_ENOTFOUND)
            process_await_end(cluster->hosts[i].process, KILLED_WAIT_MS);
    }
}

enum areg_error local_hosts_start(struct local_cluster *cluster, const bool *wanted, uint32_t wait_ms, int interrupt_fd,
                                  unsigned *failed_index, char why[LOCAL_WHY_BYTES])
{
    bool is_started[HOST_COUNT_MAX] = {false};
    int ready_fds[HOST_COUNT_MAX];
    enum areg_error error = AREG_OK;
    for (unsigned i = 0; !error && i < cluster->host_count; i++) {
        if (!wanted[i] || process_is_there(cluster->hosts[i].process))
            continue;
        error = start_one(cluster, i, &ready_fds[i]);
        is_started[i] = !error;
        if (error) {
            snprintf(why, LOCAL_WHY_BYTES, "cannot start %s: %s", cluster->hosts[i].id.text, strerror(errno));
            *failed_index = i;
        }
    }
    const enum areg_error save_error = local_cluster_save(cluster, error ? (char[LOCAL_WHY_BYTES]){0} : why);
    error = error ? error : save_error;
    const uint64_t deadline_ms = now_ms() + wait_ms;
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (!is_started[i])
            continue;
        if (!error) {
            error = await_ready(cluster, i, ready_fds[i], deadline_ms, interrupt_fd, why);
            *failed_index = i;
        }
        close(ready_fds[i]);
    }
    if (error)
        end_started(cluster, is_started);
    return error;
}

enum areg_error local_hosts_start_new(struct local_cluster *cluster, const struct local_options *options,
                                      uint32_t wait_ms, int interrupt_fd, char why[LOCAL_WHY_BYTES])
{
    /* Each try picks other ports: several failures in a row have another cause. */
    enum { PORT_TRIES_MAX = 5 };
    bool wanted[HOST_COUNT_MAX];
    memset(wanted, true, sizeof wanted);
    for (unsigned i = 0; i < PORT_TRIES_MAX; i++) {
        unsigned failed_index = 0;
        enum areg_error error = local_hosts_start(cluster, wanted, wait_ms, interrupt_fd, &failed_index, why);
        if (!error)
            return AREG_OK;
        const bool is_collision = error == AREG_EIO && !local_host_port_is_free(&cluster->hosts[failed_index]);
        if (!local_cluster_forget(cluster) || !is_collision)
            return error;
        error = local_cluster_begin_anew(cluster, options, why);
        if (error)
            return error;
    }
    return AREG_EIO;
}

enum areg_error local_hosts_end_all(struct local_cluster *cluster, uint32_t wait_ms, unsigned *ended_count,
                                    unsigned *killed_count, char why[LOCAL_WHY_BYTES])
{
    *ended_count = 0;
    *killed_count = 0;
    for (unsigned i = 0; i < cluster->host_count; i++) {
        if (process_is_there(cluster->hosts[i].process))
            ++*ended_count;
        if (process_ask_to_end(cluster->hosts[i].process) == AREG_EIO) {
            snprintf(why, LOCAL_WHY_BYTES, "%s (pid %d) is another user's", cluster->hosts[i].id.text,
                     (int)cluster->hosts[i].process.pid);
            return AREG_EIO;
        }
    }
    const uint64_t deadline_ms = now_ms() + wait_ms;
    enum areg_error error = AREG_OK;
    for (unsigned i = 0; i < cluster->host_count; i++) {
        struct local_host *host = &cluster->hosts[i];
        const uint64_t now = now_ms();
        if (!process_await_end(host->process, now < deadline_ms ? (uint32_t)(deadline_ms - now) : 0)) {
            ++*killed_count;
            enum { KILLED_WAIT_MS = 5000 };
            if (process_signal(host->process, SIGKILL) == AREG_EIO ||
                !process_await_end(host->process, KILLED_WAIT_MS)) {
                snprintf(why, LOCAL_WHY_BYTES, "cannot end %s (pid %d)", host->id.text, (int)host->process.pid);
                error = AREG_EIO;
                continue;
            }
        }
        host->process = (struct process){0};
    }
    const enum areg_error save_error = local_cluster_save(cluster, error ? (char[LOCAL_WHY_BYTES]){0} : why);
    return error ? error : save_error;
}
